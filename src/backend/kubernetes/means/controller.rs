//! A controller that rolls a service out by rules of its own.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    backend::{
        kubernetes::{Site, api::encoded, argo, directory::Workload, discovery::Resource, fault::Fault},
        mask,
    },
    domain::{Controller, Release, ServiceKind, text::clean},
};

pub async fn of(site: &Site, workload: &Workload, found: &Value) -> Result<Option<Controller>, Fault> {
    if workload.kind == ServiceKind::Rollout {
        return Ok(Some(Controller::Argo(argo::state(found))));
    }
    let Some(path) = site.served.path(Resource::Canary, Some(&workload.namespace)) else { return Ok(None) };
    match site.api.get::<Value>(&path).await {
        Ok(list) => Ok(list["items"].as_array().into_iter().flatten().find_map(|canary| flagger(canary, workload))),
        Err(fault) if fault.is_missing() || fault.is_denied() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// With what only its releases tell.
pub async fn told(
    site: &Site,
    workload: &Workload,
    (controller, found): (Controller, &Value),
    releases: &[Release],
) -> Result<Controller, Fault> {
    let Controller::Argo(state) = controller else { return Ok(controller) };
    let selector = match &*workload.selector {
        "" => String::new(),
        selector => format!("?labelSelector={}", encoded(selector)),
    };
    let path = format!("/apis/apps/v1/namespaces/{}/replicasets{selector}", workload.namespace);
    let mut sets: Value = site.api.get(&path).await?;
    let sets: Vec<Value> = serde_json::from_value(sets["items"].take()).unwrap_or_default();
    let fast_track = argo::fast_track(found, &sets, releases, Timestamp::now());
    Ok(Controller::Argo(crate::domain::Argo { fast_track, ..state }))
}

/// Pure.
fn flagger(canary: &Value, workload: &Workload) -> Option<Controller> {
    let target = &canary["spec"]["targetRef"];
    let kind = target["kind"].as_str()?;
    let is_its = target["name"] == *workload.name && kind.eq_ignore_ascii_case(&workload.kind.to_string());
    let text = |value: &Value| Arc::<str>::from(clean(value.as_str().unwrap_or_default()));
    is_its.then(|| Controller::Flagger {
        name: text(&canary["metadata"]["name"]),
        phase: text(&canary["status"]["phase"]),
        gates: gates(canary),
    })
}

/// "confirm-promotion ask-ann (http://gate.shop/gate/check)"
fn gates(canary: &Value) -> Vec<Arc<str>> {
    let analysis = ["analysis", "canaryAnalysis"].into_iter().map(|key| &canary["spec"][key]["webhooks"]);
    let webhooks = analysis.flat_map(|webhooks| webhooks.as_array().into_iter().flatten());
    let is_gate = |webhook: &&Value| {
        webhook["type"].as_str().is_some_and(|kind| kind.starts_with("confirm-") || kind == "rollback")
    };
    let told = |webhook: &Value| {
        let text = |key: &str| webhook[key].as_str().unwrap_or_default();
        let words = format!("{} {} ({})", text("type"), text("name"), mask::text(text("url")));
        Arc::from(clean(&words))
    };
    webhooks.filter(is_gate).map(told).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_canary_of_flaggers_is_told_with_the_gates_that_it_waits_for() {
        let workload = Workload {
            kind: ServiceKind::Deployment,
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u".into(),
            selector: "".into(),
        };
        let canary = |name: &str| {
            json!({
                "metadata": {"name": "web"},
                "spec": {"targetRef": {"kind": "Deployment", "name": name}, "analysis": {"webhooks": [
                    {"name": "load", "type": "rollout", "url": "http://load"},
                    {"name": "ask", "type": "confirm-promotion", "url": "http://gate.shop/gate/check"},
                    {"name": "back", "type": "rollback", "url": "http://gate.shop/rollback/check"},
                ]}},
                "status": {"phase": "WaitingPromotion"},
            })
        };
        let found = flagger(&canary("web"), &workload).expect("its own");
        let gates = vec![
            "confirm-promotion ask (http://gate.shop/gate/check)".into(),
            "rollback back (http://gate.shop/rollback/check)".into(),
        ];
        assert_eq!(found, Controller::Flagger { name: "web".into(), phase: "WaitingPromotion".into(), gates });
        assert_eq!(flagger(&canary("api"), &workload), None);
    }
}

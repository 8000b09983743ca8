//! Which workload a service is, also before the watch has told: after a crash an operation is resumed before anything is listed.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{Site, directory::Workload, fault::Fault, pod::is_name};
use crate::domain::{ServiceId, ServiceKind};

/// In the order in which a shared name belongs to them: the first has it plain, the others with their kind appended.
const KINDS: [ServiceKind; 7] = [
    ServiceKind::Deployment,
    ServiceKind::Rollout,
    ServiceKind::StatefulSet,
    ServiceKind::DaemonSet,
    ServiceKind::CronJob,
    ServiceKind::Job,
    ServiceKind::Pod,
];

pub async fn resolve(site: &Site, service: &ServiceId) -> Result<Workload, Fault> {
    match site.directory.find(service) {
        Some(workload) => Ok(workload),
        None => ask(site, service).await,
    }
}

/// The object's own path; `None` where it has none that is known.
pub fn path(kind: ServiceKind, namespace: &str, name: &str) -> Option<String> {
    let (group, plural) = match kind {
        ServiceKind::Deployment => ("apis/apps/v1", "deployments"),
        ServiceKind::StatefulSet => ("apis/apps/v1", "statefulsets"),
        ServiceKind::DaemonSet => ("apis/apps/v1", "daemonsets"),
        ServiceKind::Job => ("apis/batch/v1", "jobs"),
        ServiceKind::CronJob => ("apis/batch/v1", "cronjobs"),
        ServiceKind::Rollout => ("apis/argoproj.io/v1alpha1", "rollouts"),
        ServiceKind::Pod => ("api/v1", "pods"),
        ServiceKind::Controlled | ServiceKind::ComposeService | ServiceKind::SwarmService | ServiceKind::Container => {
            return None;
        }
    };
    (is_name(namespace) && is_name(name)).then(|| format!("/{group}/namespaces/{namespace}/{plural}/{name}"))
}

/// Before batch/v1 had them (1.21).
pub fn older_path(kind: ServiceKind, path: &str) -> Option<String> {
    (kind == ServiceKind::CronJob).then(|| path.replacen("/apis/batch/v1/", "/apis/batch/v1beta1/", 1))
}

async fn ask(site: &Site, service: &ServiceId) -> Result<Workload, Fault> {
    let mut why = None;
    for (kind, name) in candidates(&service.name) {
        match look(site, kind, &service.scope.to_string(), name).await {
            Ok(workload) => return Ok(workload),
            Err(fault) if fault.is_missing() => {}
            // What may not be looked at may be it, but what may be looked at is asked first.
            Err(fault) if fault.is_denied() => why = Some(fault),
            Err(fault) => return Err(fault),
        }
    }
    let message = format!("there is no workload of this name in {}", service.scope).into();
    Err(why.unwrap_or(Fault::Refused { code: 404, reason: "NotFound".into(), message }))
}

/// `web.statefulset` may be a Deployment of this very name, or the StatefulSet beside a Deployment `web`.
fn candidates(name: &str) -> impl Iterator<Item = (ServiceKind, &str)> {
    let plain = KINDS.into_iter().map(move |kind| (kind, name));
    let suffixed = KINDS.into_iter().filter_map(move |kind| {
        let stem = name.strip_suffix(kind.to_string().as_str())?.strip_suffix('.')?;
        Some((kind, stem))
    });
    plain.chain(suffixed)
}

async fn look(site: &Site, kind: ServiceKind, namespace: &str, name: &str) -> Result<Workload, Fault> {
    let garbled = || Fault::Garbled(format!("{namespace}/{name} is no name of Kubernetes").into());
    let path = path(kind, namespace, name).ok_or_else(garbled)?;
    let object: Object = match (site.api.get(&path).await, older_path(kind, &path)) {
        (Err(fault), Some(older)) if fault.is_missing() => site.api.get(&older).await?,
        (answer, _) => answer?,
    };
    // A pod that somebody makes anew belongs to that somebody's service.
    if kind == ServiceKind::Pod && object.metadata.owner_references.iter().any(|owner| owner.controller) {
        return Err(Fault::Refused { code: 404, reason: "NotFound".into(), message: "it has a controller".into() });
    }
    Ok(Workload {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        uid: object.metadata.uid,
        selector: object.spec.selector.map(|selector| selector.text()).unwrap_or_default().into(),
    })
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: Arc<str>,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default)]
    controller: bool,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    selector: Option<Selector>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    /// As `labelSelector` is given to the API.
    fn text(&self) -> String {
        let equal = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let others = self.match_expressions.iter().map(|Expression { key, operator, values }| {
            let values = values.join(",");
            match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        });
        equal.chain(others).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_suffixed_name_is_looked_for_plain_first_and_then_as_the_kind_that_it_names() {
        let found: Vec<_> = candidates("web.statefulset").collect();
        assert_eq!(found.len(), KINDS.len() + 1);
        assert_eq!(found[0], (ServiceKind::Deployment, "web.statefulset"));
        assert_eq!(found.last(), Some(&(ServiceKind::StatefulSet, "web")));
    }

    #[test]
    fn a_name_cannot_lead_out_of_its_path() {
        assert_eq!(path(ServiceKind::Deployment, "shop", "../../secrets"), None);
        assert_eq!(path(ServiceKind::Deployment, "shop/..", "web"), None);
        assert_eq!(
            path(ServiceKind::Deployment, "shop", "web").as_deref(),
            Some("/apis/apps/v1/namespaces/shop/deployments/web")
        );
    }

    #[test]
    fn a_selector_reads_as_the_api_takes_it() {
        let selector: Selector = serde_json::from_value(json!({
            "matchLabels": {"app": "web", "tier": "front"},
            "matchExpressions": [
                {"key": "track", "operator": "In", "values": ["stable", "canary"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "new", "operator": "Exists"},
            ],
        }))
        .expect("a selector");
        assert_eq!(selector.text(), "app=web,tier=front,track in (stable,canary),!old,new");
    }
}

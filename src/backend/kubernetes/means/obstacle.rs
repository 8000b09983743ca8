//! Why nothing new may be created now: the server is asked by trials that change nothing.

use std::sync::Arc;

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    backend::kubernetes::{
        Site,
        change::{ASKED, manager},
        directory::Workload,
        fault::Fault,
        resolve,
    },
    domain::{ServiceKind, text::clean, text::shorten},
};

/// How much of what it says is told.
const SAID: usize = 240;

/// Why nothing new may be created, and why there is no room for one more.
pub async fn of(
    site: &Site,
    workload: &Workload,
    found: &Value,
    template: &Value,
) -> Result<(Option<Arc<str>>, Option<Arc<str>>), Fault> {
    let (template_is_taken, pod_is_taken) =
        futures::try_join!(try_template(site, workload, found), try_pod(site, workload, template))?;
    let (full, obstacle) = pod_is_taken.into_iter().partition::<Vec<_>, _>(|why| is_about_room(why));
    Ok((template_is_taken.or(obstacle.into_iter().next()), full.into_iter().next()))
}

/// A quota lets another in when one has gone, unlike a policy.
pub fn is_about_room(why: &str) -> bool {
    why.contains("exceeded quota") || why.starts_with("quota ")
}

/// Another template in the same object: what admits it may refuse every one.
async fn try_template(site: &Site, workload: &Workload, found: &Value) -> Result<Option<Arc<str>>, Fault> {
    let path = resolve::path(workload.kind, &workload.namespace, &workload.name);
    let Some(path) = path.filter(|_| found["spec"]["template"].is_object()) else { return Ok(None) };
    let path = format!("{path}?dryRun=All&fieldManager={}", manager(found));
    let kind = if workload.kind == ServiceKind::Rollout { "merge-patch" } else { "strategic-merge-patch" };
    let patch = json!({
        "metadata": {"uid": found["metadata"]["uid"]},
        "spec": {"template": {"metadata": {"annotations": {ASKED: "trial"}}}},
    });
    let kind = format!("application/{kind}+json");
    said(site.api.change::<IgnoredAny>(Method::PATCH, &path, &kind, &patch).await)
}

/// One pod more, which a quota, a limit or a policy may forbid. Its controller makes pods by a right of its own, so a person may lack it.
pub async fn try_pod(site: &Site, workload: &Workload, template: &Value) -> Result<Option<Arc<str>>, Fault> {
    if !template["spec"].is_object() {
        return Ok(None);
    }
    let namespace = &workload.namespace;
    let mut metadata = json!({"generateName": format!("{}-", workload.name), "namespace": &**namespace});
    for key in ["labels", "annotations"] {
        if !template["metadata"][key].is_null() {
            metadata[key] = template["metadata"][key].clone();
        }
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]});
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    match site.api.change::<IgnoredAny>(Method::POST, &path, "application/json", &pod).await {
        Err(fault) if lacks_right(&fault) => full(site, namespace).await,
        answer => said(answer),
    }
}

/// `Ok(Some)`: the server says no, in its words. What says neither yes nor no is no obstacle.
pub fn said(answer: Result<IgnoredAny, Fault>) -> Result<Option<Arc<str>>, Fault> {
    match answer {
        Ok(_) => Ok(None),
        Err(fault) if lacks_right(&fault) => Ok(None),
        // A webhook that changes things elsewhere cannot be asked by a trial.
        Err(Fault::Refused { code: 400, message, .. }) if message.contains("dry run") => Ok(None),
        Err(Fault::Refused { code: 400 | 403 | 422 | 500, message, .. }) => Ok(Some(words(&message))),
        Err(Fault::Refused { .. } | Fault::Garbled(_)) => Ok(None),
        Err(fault @ Fault::Way { .. }) => Err(fault),
    }
}

/// Not allowed to who asks; a quota says the same in other words.
fn lacks_right(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { code: 403, message, .. } if message.contains(" cannot ") && message.contains("User \""))
}

/// `pods "web-x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=10, limited: pods=10`
fn words(message: &str) -> Arc<str> {
    let why = message.split_once("is forbidden: ").map_or(message, |(_, why)| why);
    shorten(&clean(why), SAID).into()
}

/// Whether a quota has no room for another pod, by its own count.
async fn full(site: &Site, namespace: &str) -> Result<Option<Arc<str>>, Fault> {
    let quotas: Value = match site.api.get(&format!("/api/v1/namespaces/{namespace}/resourcequotas")).await {
        Ok(quotas) => quotas,
        Err(Fault::Way { kind, why, help }) => return Err(Fault::Way { kind, why, help }),
        Err(Fault::Refused { .. } | Fault::Garbled(_)) => return Ok(None),
    };
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    let full = quotas["items"].as_array().into_iter().flatten().find_map(|quota| {
        let (hard, used) = (&quota["status"]["hard"], &quota["status"]["used"]);
        let name = ["pods", "count/pods"]
            .into_iter()
            .find(|name| number(&hard[*name]).zip(number(&used[*name])).is_some_and(|(hard, used)| used >= hard))?;
        let quota = clean(quota["metadata"]["name"].as_str()?).into_owned();
        Some(format!("quota {quota} is full: {name}={}", number(&hard[name])?).into())
    });
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> Result<IgnoredAny, Fault> {
        Err(Fault::Refused { code, reason: "".into(), message: message.into() })
    }

    #[test]
    fn what_the_server_refuses_is_told_in_its_words_and_a_missing_right_is_no_obstacle() {
        let quota =
            r#"pods "web-x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2"#;
        let told = said(refused(403, quota)).expect("an answer").expect("an obstacle");
        assert_eq!(&*told, "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2");
        let right =
            r#"pods is forbidden: User "ann" cannot create resource "pods" in API group "" in the namespace "shop""#;
        assert_eq!(said(refused(403, right)), Ok(None));
        assert_eq!(said(refused(400, "admission webhook \"a\" does not support dry run")), Ok(None));
        assert_eq!(said(refused(503, "busy")), Ok(None));
        assert!(said(refused(500, "failed calling webhook \"a\"")).expect("an answer").is_some());
    }
}

//! What a server lets nobody change in an object that is there, as its kinds' validation has it. Pure.

use std::sync::Arc;

use serde_json::Value;

use crate::{backend::kubernetes::row::text::bytes, domain::Difference};

/// Of a StatefulSet's definition, all but these is fixed.
const OF_SETS: [&str; 7] = [
    "spec.replicas",
    "spec.template",
    "spec.updateStrategy",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.minReadySeconds",
    "spec.ordinals",
    "spec.revisionHistoryLimit",
];
const OF_VOLUMES: [&str; 4] =
    ["spec.persistentVolumeReclaimPolicy", "spec.mountOptions", "spec.capacity", "spec.volumeAttributesClassName"];

/// The first of those that differ.
pub fn field(resource: &str, there: &Value, differs: &[Difference]) -> Option<Arc<str>> {
    let is_sealed = there["immutable"] == true;
    differs.iter().find(|field| is_fixed(resource, is_sealed, field)).map(|field| field.path.clone())
}

fn is_fixed(resource: &str, is_sealed: bool, field: &Difference) -> bool {
    let path = &*field.path;
    let is_in = |part: &str| within(path, part);
    let is_of = |parts: &[&str]| parts.iter().any(|part| within(path, part));
    match resource {
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps" => is_in("spec.selector"),
        "statefulsets.apps" => is_in("spec") && !is_of(&OF_SETS),
        "jobs.batch" => is_of(&["spec.template", "spec.completions", "spec.completionMode"]),
        "pods" => is_in("spec") && !path.ends_with(".image") && !is_in("spec.activeDeadlineSeconds"),
        "persistentvolumeclaims" if is_in("spec.resources.requests") => is_smaller(field),
        "persistentvolumeclaims" => is_in("spec") && !is_in("spec.volumeAttributesClassName"),
        "persistentvolumes" => is_in("spec") && !is_of(&OF_VOLUMES),
        "secrets" => is_in("type") || (is_sealed && is_of(&["data", "immutable"])),
        "configmaps" => is_sealed && is_of(&["data", "binaryData", "immutable"]),
        "storageclasses.storage.k8s.io" => is_of(&["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => is_in("roleRef"),
        "ingressclasses.networking.k8s.io" => is_in("spec.controller"),
        "priorityclasses.scheduling.k8s.io" => is_of(&["value", "preemptionPolicy"]),
        "customresourcedefinitions.apiextensions.k8s.io" => is_in("spec.scope"),
        _ => false,
    }
}

fn within(path: &str, part: &str) -> bool {
    path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A claim may grow, and never shrink.
fn is_smaller(field: &Difference) -> bool {
    let size = |value: &Option<Arc<str>>| value.as_deref().and_then(bytes);
    size(&field.was).zip(size(&field.is)).is_none_or(|(was, is)| is < was)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first(resource: &str, sealed: bool, paths: &[&str]) -> Option<String> {
        let differs: Vec<Difference> = paths.iter().map(|path| difference(path, "a", "b")).collect();
        field(resource, &json!({"immutable": sealed}), &differs).map(|path| path.to_string())
    }

    fn difference(path: &str, was: &str, is: &str) -> Difference {
        Difference { path: path.into(), was: Some(was.into()), is: Some(is.into()) }
    }

    #[test]
    fn what_no_server_changes_is_known_by_kind() {
        for (resource, sealed, path, is_fixed) in [
            ("deployments.apps", false, "spec.selector.matchLabels.app", true),
            ("deployments.apps", false, "spec.selectors", false),
            ("deployments.apps", false, "spec.template.spec.containers[web].image", false),
            ("statefulsets.apps", false, "spec.volumeClaimTemplates[data].spec.storageClassName", true),
            ("statefulsets.apps", false, "spec.replicas", false),
            ("pods", false, "spec.containers[web].env[MODE].value", true),
            ("pods", false, "spec.containers[web].image", false),
            ("persistentvolumeclaims", false, "spec.storageClassName", true),
            ("configmaps", false, "data.mode", false),
            ("configmaps", true, "data.mode", true),
            ("secrets", false, "type", true),
            ("clusterrolebindings.rbac.authorization.k8s.io", false, "roleRef.name", true),
            ("widgets.example.com", false, "spec.size", false),
        ] {
            assert_eq!(first(resource, sealed, &[path]).is_some(), is_fixed, "{resource} {path}");
        }
        let named = first("statefulsets.apps", false, &["spec.replicas", "spec.serviceName"]);
        assert_eq!(named.as_deref(), Some("spec.serviceName"));
    }

    #[test]
    fn a_claim_may_grow_and_not_shrink() {
        let size = "spec.resources.requests.storage";
        let of = |was: &str, is: &str| field("persistentvolumeclaims", &Value::Null, &[difference(size, was, is)]);
        assert_eq!(of("1Gi", "2Gi"), None);
        assert!(of("2Gi", "1Gi").is_some());
    }
}

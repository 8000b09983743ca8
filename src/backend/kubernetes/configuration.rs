//! A pod as YAML, and before it the workload that made it. Without what only servers read, and without secrets.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Site, fault::Fault, pod::Pod, resolve};
use crate::{
    backend::mask,
    domain::{InstanceId, ServiceKind, text::clean, text::clean_lines},
};

/// Holds the whole definition once more, with every value that is masked elsewhere.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// How many owners there are at the most above a pod: a ReplicaSet and its Deployment, a Job and its CronJob.
const GENERATIONS: usize = 2;
/// Called like secrets, and only their names: which Secret is meant is what a reader looks for.
const REFERENCES: [&str; 18] = [
    "automountServiceAccountToken",
    "imagePullSecrets",
    "nodePublishSecretRef",
    "nodeStageSecretRef",
    "controllerExpandSecretRef",
    "controllerPublishSecretRef",
    "secret",
    "secretFile",
    "secretKeyRef",
    "secretName",
    "secretNamespace",
    "secretRef",
    "secrets",
    "serviceAccountToken",
    "sessionAffinity",
    "sessionAffinityConfig",
    "tokenExpirationSeconds",
    "tokenRequests",
];

pub async fn of(site: &Site, instance: &InstanceId) -> Result<Arc<str>, Fault> {
    let pod = Pod::of(instance)?;
    let value: Value = site.api.get(&pod.path()).await?;
    if value["metadata"]["uid"].as_str() != Some(pod.uid) {
        let message = "it is gone: another one has its name".into();
        return Err(Fault::Refused { code: 404, reason: "NotFound".into(), message });
    }
    let mut text = match maker(site, &value, pod.namespace).await {
        Made::Alone => String::new(),
        Made::By(workload) => format!("{}---\n", document(workload)?),
        Made::Unreadable(why) => format!("# {why}\n---\n"),
    };
    text.push_str(&document(value)?);
    Ok(clean_lines(&text).into())
}

enum Made {
    By(Value),
    /// By nobody, or by a kind that is not known here.
    Alone,
    Unreadable(String),
}

/// The last of its owners.
async fn maker(site: &Site, pod: &Value, namespace: &str) -> Made {
    let mut made = Made::Alone;
    for _ in 0..GENERATIONS {
        let of = if let Made::By(owner) = &made { owner } else { pod };
        let Some((kind, name)) = controller(of) else { return made };
        let Some(path) = owner_path(&kind, namespace, &name) else { return made };
        match site.api.get::<Value>(&path).await {
            Ok(owner) => made = Made::By(owner),
            Err(fault) => {
                let trouble = fault.trouble(format!("{} {} could not be read", clean(&kind), clean(&name)));
                // What is left below says most of it.
                return if let Made::By(_) = made { made } else { Made::Unreadable(trouble.line()) };
            }
        }
    }
    made
}

fn controller(object: &Value) -> Option<(String, String)> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some((owner["kind"].as_str()?.to_owned(), owner["name"].as_str()?.to_owned()))
}

fn owner_path(kind: &str, namespace: &str, name: &str) -> Option<String> {
    let kind = match kind {
        "ReplicaSet" => {
            let deployment = resolve::path(ServiceKind::Deployment, namespace, name)?;
            return Some(deployment.replacen("/deployments/", "/replicasets/", 1));
        }
        "Deployment" => ServiceKind::Deployment,
        "StatefulSet" => ServiceKind::StatefulSet,
        "DaemonSet" => ServiceKind::DaemonSet,
        "Rollout" => ServiceKind::Rollout,
        "Job" => ServiceKind::Job,
        "CronJob" => ServiceKind::CronJob,
        _ => return None,
    };
    resolve::path(kind, namespace, name)
}

fn document(mut object: Value) -> Result<String, Fault> {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        tidy(metadata);
    }
    hide(&mut object);
    serde_saphyr::to_string(&object).map_err(|error| Fault::Garbled(error.to_string().into()))
}

fn tidy(metadata: &mut Map<String, Value>) {
    metadata.remove("managedFields");
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// As `mask::value` does, but for what Kubernetes calls by a secret's name, and for pairs of `name` and `value`.
fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            hide_named(map);
            for (key, inner) in map.iter_mut() {
                if is_secret(key) {
                    hide_all(key, inner);
                } else {
                    hide(inner);
                }
            }
        }
        Value::Array(items) if items.iter().any(|item| !item.is_string()) => items.iter_mut().for_each(hide),
        Value::Array(_) | Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => mask::value(value),
    }
}

/// Whether what stands under this key is a secret's value, and not only its name.
pub fn is_secret(key: &str) -> bool {
    mask::is_secret_key(key) && !REFERENCES.contains(&key)
}

/// `name: DB_PASSWORD`, `value: hunter2`
fn hide_named(map: &mut Map<String, Value>) {
    let Some(name) = map.get("name").and_then(Value::as_str).map(str::to_owned) else { return };
    if let Some(Value::String(value)) = map.get_mut("value") {
        *value = mask::named(&name, value);
    }
}

fn hide_all(key: &str, value: &mut Value) {
    let mut alone = Value::Object(Map::from_iter([(key.to_owned(), value.take())]));
    mask::value(&mut alone);
    *value = alone[key].take();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_and_which_secret_is_meant_is_shown() {
        let pod = json!({
            "metadata": {
                "name": "web-1",
                "managedFields": [{"manager": "kubectl"}],
                "annotations": {LAST_APPLIED: "{\"password\":\"hunter2\"}", "vault/token": "hunter2"},
            },
            "spec": {
                "automountServiceAccountToken": false,
                "imagePullSecrets": [{"name": "registry-key"}],
                "volumes": [{"name": "tls", "secret": {"secretName": "web-tls", "defaultMode": 420}}],
                "containers": [{
                    "name": "main",
                    "args": ["--password", "hunter2", "--port", "80"],
                    "env": [
                        {"name": "DB_PASSWORD", "value": "hunter2"},
                        {"name": "MODE", "value": "production"},
                        {"name": "URL", "value": "postgres://shop:hunter2@db/shop"},
                        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "web-keys", "key": "main"}}},
                    ],
                }],
            },
        });
        let text = document(pod).expect("written");
        for gone in ["hunter2", "managedFields", LAST_APPLIED] {
            assert!(!text.contains(gone), "{gone} in\n{text}");
        }
        for kept in ["registry-key", "web-tls", "web-keys", "production", "DB_PASSWORD", "vault/token", "80", "420"] {
            assert!(text.contains(kept), "no {kept} in\n{text}");
        }
    }

    #[test]
    fn an_owner_is_found_by_its_kind_and_an_unknown_kind_is_left_out() {
        let pod = json!({"metadata": {"ownerReferences": [
            {"kind": "Node", "name": "n"}, {"kind": "ReplicaSet", "name": "web-7f", "controller": true},
        ]}});
        assert_eq!(controller(&pod), Some(("ReplicaSet".to_owned(), "web-7f".to_owned())));
        let path = owner_path("ReplicaSet", "shop", "web-7f");
        assert_eq!(path.as_deref(), Some("/apis/apps/v1/namespaces/shop/replicasets/web-7f"));
        assert_eq!(owner_path("Cluster", "shop", "pg"), None);
    }
}

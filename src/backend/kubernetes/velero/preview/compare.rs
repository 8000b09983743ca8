//! Two objects side by side: without what servers fill in and Velero takes away, and with no value of a secret. Pure.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    backend::{
        kubernetes::{change::without_nulls, configuration::is_secret},
        mask,
        pairs::{plain, told},
    },
    domain::{
        Difference, NewRestore,
        text::{clean, shorten},
    },
};

/// Whose books are kept in an object, and say nothing of what it is.
const BOOKS: [&str; 8] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "kubernetes.io/change-cause",
    "control-plane.alpha.kubernetes.io/leader",
    "batch.kubernetes.io/job-tracking",
    "endpoints.kubernetes.io/last-change-trigger-time",
];
const VELEROS: &str = "velero.io/";
/// What binds claims and volumes to each other.
const BINDING: [&str; 4] =
    ["pv.kubernetes.io/", "volume.beta.kubernetes.io/", "volume.kubernetes.io/", "volumehealth.storage.kubernetes.io/"];
const OF_JOBS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
/// characters of a value that are shown
const LONGEST: usize = 200;

/// As it would be compared by Velero: labels, annotations and what it is, in the namespaces of the restore.
pub fn comparable(resource: &str, object: &Value, restore: &NewRestore) -> Value {
    let mut object = without_nulls(object);
    let metadata = object["metadata"].take();
    let Some(map) = object.as_object_mut() else { return Value::Null };
    ["apiVersion", "kind", "status", "metadata"].iter().for_each(|key| _ = map.remove(*key));
    let mut kept = Map::new();
    for part in ["labels", "annotations"] {
        let Some(pairs) = metadata[part].as_object() else { continue };
        let meant = pairs.iter().filter(|(key, _)| is_meant(resource, key));
        kept.extend(Some((part.to_owned(), meant.map(|(key, value)| (key.clone(), value.clone())).collect())));
    }
    map.insert("metadata".into(), Value::Object(kept));
    strip(resource, &mut object);
    move_namespaces(resource, &mut object, restore);
    object
}

fn is_meant(resource: &str, key: &str) -> bool {
    let binds = matches!(resource, "persistentvolumeclaims" | "persistentvolumes")
        && BINDING.iter().any(|prefix| key.starts_with(prefix));
    let is_jobs = matches!(resource, "jobs.batch" | "pods") && OF_JOBS.contains(&key);
    !BOOKS.contains(&key) && !key.starts_with(VELEROS) && !binds && !is_jobs
}

/// Takes away what the server gave it, as Velero does before it restores.
fn strip(resource: &str, object: &mut Value) {
    match resource {
        "services" => strip_service(object),
        "persistentvolumeclaims" => remove(object, "/spec", &["volumeName"]),
        "persistentvolumes" => remove(object, "/spec/claimRef", &["uid", "resourceVersion"]),
        "serviceaccounts" => remove(object, "", &["secrets"]),
        // Controllers write them anew as pods come and go.
        "endpoints" => remove(object, "", &["subsets"]),
        "endpointslices.discovery.k8s.io" => remove(object, "", &["endpoints", "ports"]),
        "pods" => strip_pod(object),
        "jobs.batch" => {
            remove(object, "/spec", &["selector"]);
            remove(object, "/spec/template/metadata/labels", &OF_JOBS);
        }
        _ => {}
    }
}

fn remove(object: &mut Value, at: &str, keys: &[&str]) {
    if let Some(map) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        keys.iter().for_each(|key| _ = map.remove(*key));
    }
}

fn strip_service(service: &mut Value) {
    // A headless one is so on purpose.
    if service["spec"]["clusterIP"] != "None" {
        remove(service, "/spec", &["clusterIP", "clusterIPs"]);
    }
    remove(service, "/spec", &["healthCheckNodePort"]);
    for port in service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        remove(port, "", &["nodePort"]);
    }
}

fn strip_pod(pod: &mut Value) {
    remove(pod, "/spec", &["nodeName", "priority"]);
    let is_token = |entry: &Value| entry["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-"));
    let mut without = |at: &str| {
        if let Some(entries) = pod.pointer_mut(at).and_then(Value::as_array_mut) {
            entries.retain(|entry| !is_token(entry));
        }
    };
    without("/spec/volumes");
    for part in ["containers", "initContainers"] {
        let count = pod["spec"][part].as_array().map_or(0, Vec::len);
        for place in 0..count {
            let at = format!("/spec/{part}/{place}/volumeMounts");
            if let Some(mounts) = pod.pointer_mut(&at).and_then(Value::as_array_mut) {
                mounts.retain(|mount| !is_token(mount));
            }
        }
    }
}

/// Who is bound to a role, and which claim a volume is of, goes along to another namespace.
fn move_namespaces(resource: &str, object: &mut Value, restore: &NewRestore) {
    let moved = |place: &mut Value| {
        if let Some(Value::String(namespace)) = place.get_mut("namespace") {
            *namespace = restore.target(namespace).to_owned();
        }
    };
    match resource {
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            object["subjects"].as_array_mut().into_iter().flatten().for_each(moved);
        }
        "persistentvolumes" => object.pointer_mut("/spec/claimRef").into_iter().for_each(moved),
        _ => {}
    }
}

/// What `there` would have to change in to be as `wanted`.
pub fn differences(resource: &str, there: &Value, wanted: &Value) -> Vec<Difference> {
    let (there, wanted) = (Leaves::of(resource, there), Leaves::of(resource, wanted));
    let paths: std::collections::BTreeSet<&String> = there.0.keys().chain(wanted.0.keys()).collect();
    let shown = |leaf: Option<&Leaf>| leaf.map(|leaf| Arc::<str>::from(leaf.shown.as_str()));
    let differs = paths.into_iter().filter_map(|path| {
        let (was, is) = (there.0.get(path), wanted.0.get(path));
        let is_same = was.map(|leaf| &leaf.raw) == is.map(|leaf| &leaf.raw);
        (!is_same).then(|| Difference { path: clean(path).into(), was: shown(was), is: shown(is) })
    });
    differs.collect()
}

/// By path: `spec.template.spec.containers[web].image`.
struct Leaves(BTreeMap<String, Leaf>);

struct Leaf {
    raw: String,
    /// Harmless, short and without secrets.
    shown: String,
}

impl Leaves {
    fn of(resource: &str, object: &Value) -> Self {
        let mut leaves = Self(BTreeMap::new());
        for (key, value) in object.as_object().into_iter().flatten() {
            let is_hidden = resource == "secrets" && matches!(key.as_str(), "data" | "stringData");
            leaves.walk(key, key, value, is_hidden);
        }
        leaves
    }

    /// `name`: by which it is told whether a value is a secret.
    fn walk(&mut self, path: &str, name: &str, value: &Value, is_hidden: bool) {
        match value {
            Value::Object(map) => {
                let own_name = map.get("name").and_then(Value::as_str);
                for (key, inner) in map {
                    let name = own_name.filter(|_| key == "value").unwrap_or(key);
                    self.walk(&child(path, key), name, inner, is_hidden || is_secret(key));
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (place, item) in items.iter().enumerate() {
                    let own_name = item["name"].as_str().map_or_else(|| place.to_string(), str::to_owned);
                    self.walk(&self.free(format!("{path}[{own_name}]"), place), name, item, is_hidden);
                }
            }
            leaf => {
                let raw = plain(leaf);
                let masked = if is_hidden && !raw.is_empty() { mask::MASK.to_owned() } else { masked(name, leaf) };
                let shown = shorten(&clean(&told(&raw, &masked)), LONGEST).into_owned();
                self.0.insert(path.to_owned(), Leaf { raw, shown });
            }
        }
    }

    /// Two of a list may have one name, such as a port for TCP and one for UDP.
    fn free(&self, path: String, place: usize) -> String {
        let is_taken = self.0.range(path.clone()..).next().is_some_and(|(known, _)| known.starts_with(&path));
        if is_taken { format!("{path}[{place}]") } else { path }
    }
}

fn masked(name: &str, leaf: &Value) -> String {
    match leaf {
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            mask::arguments(&texts).join(", ")
        }
        leaf => mask::named(name, &plain(leaf)),
    }
}

/// A key that has dots itself stands in brackets.
fn child(path: &str, key: &str) -> String {
    if key.contains(['.', '/']) { format!("{path}[{key}]") } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(resource: &str, there: &Value, wanted: &Value) -> Vec<Difference> {
        let comparable = |object| comparable(resource, object, &NewRestore::default());
        differences(resource, &comparable(there), &comparable(wanted))
    }

    #[test]
    fn what_the_server_gave_it_is_no_difference() {
        let service = |ip: &str, port: u32, uid: &str| {
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "uid": uid, "resourceVersion": uid, "labels": {"app": "web", "velero.io/restore-name": uid},
                    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": uid}, "managedFields": [uid]},
                "spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80, "nodePort": port, "name": "http"}]},
                "status": {"loadBalancer": uid},
            })
        };
        assert_eq!(compared("services", &service("10.0.0.1", 30001, "a"), &service("10.0.0.2", 30002, "b")), []);
        let headless = compared("services", &service("10.0.0.1", 1, "a"), &service("None", 1, "a"));
        assert!(headless.iter().any(|field| &*field.path == "spec.clusterIP"), "{headless:?}");
    }

    #[test]
    fn only_what_differs_is_told_by_its_path() {
        let deployment = |image: &str, level: &str| {
            json!({
                "metadata": {"labels": {"app.kubernetes.io/version": image}},
                "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image,
                    "args": ["--level", level], "env": [{"name": "MODE", "value": "production"}]}]}}},
            })
        };
        let found = compared("deployments.apps", &deployment("v2", "info"), &deployment("v1", "info"));
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "~ metadata.labels[app.kubernetes.io/version]  v2 -> v1",
            "~ spec.template.spec.containers[web].image  v2 -> v1",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn no_value_of_a_secret_is_told_wherever_it_stands() {
        let secret = |value: &str| json!({"data": {"password": value, "user": value}, "type": "Opaque"});
        let found = compared("secrets", &secret("aHVudGVyMg=="), &secret("c2VjcmV0"));
        let paths: Vec<&str> = found.iter().map(|field| &*field.path).collect();
        assert_eq!(paths, ["data.password", "data.user"]);
        let pod = |value: &str| {
            json!({"spec": {"containers": [{"name": "web", "args": ["--password", value],
                "env": [{"name": "DB_PASSWORD", "value": value}]}]}})
        };
        let others = compared("pods", &pod("hunter2"), &pod("hunter3"));
        assert_eq!(others.len(), 2);
        let map = |value: &str| json!({"data": {"apiToken": value, "app.conf": format!("password={value}")}});
        let more = compared("configmaps", &map("hunter2"), &map("hunter3"));
        assert_eq!(more.len(), 2);
        let all = format!("{found:?}{others:?}{more:?}");
        for gone in ["aHVudGVyMg", "c2VjcmV0", "hunter"] {
            assert!(!all.contains(gone), "{gone} in {all}");
        }
    }

    #[test]
    fn two_of_one_name_in_a_list_are_two() {
        let ports =
            |second: u32| json!({"spec": {"ports": [{"name": "dns", "port": 53}, {"name": "dns", "port": second}]}});
        let found = compared("widgets.example.com", &ports(53), &ports(54));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].is.as_deref(), Some("54"));
    }

    #[test]
    fn what_is_bound_to_a_role_goes_along_to_another_namespace() {
        let binding = |namespace: &str| json!({"subjects": [{"kind": "ServiceAccount", "namespace": namespace}]});
        let restore = NewRestore { mapping: [("shop".into(), "trial".into())].into(), ..NewRestore::default() };
        let resource = "rolebindings.rbac.authorization.k8s.io";
        let moved = comparable(resource, &binding("shop"), &restore);
        assert_eq!(moved, comparable(resource, &binding("trial"), &NewRestore::default()));
    }
}

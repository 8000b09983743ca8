//! What a scratch instance is made of: a pod after the definition of another one, and a policy that lets nobody in or out. Only what is
//! named here is carried over, so that what Kubernetes learns to do later opens no way out of it. Pure.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::LABEL;
use crate::backend::{Scratch, ScratchKind, kubernetes::container::DEFAULT_CONTAINER};

/// What a pod's containers find around themselves, and where it may run. Not its affinity: its data lies nowhere. Not its priority: for a
/// rehearsal, nothing else is to go.
const OF_POD: [&str; 9] = [
    "enableServiceLinks",
    "hostUsers",
    "hostname",
    "imagePullSecrets",
    "nodeSelector",
    "runtimeClassName",
    "securityContext",
    "serviceAccountName",
    "tolerations",
];
const OF_CONTAINER: [&str; 12] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "name",
    "resources",
    "securityContext",
    "stdin",
    "tty",
    "workingDir",
];
/// Volumes that hold no data.
const WITHOUT_DATA: [&str; 6] = ["configMap", "downwardAPI", "emptyDir", "image", "projected", "secret"];
/// Volumes whose data outlives a pod, and is found from another one.
const OF_DATA: [&str; 2] = ["nfs", "persistentVolumeClaim"];
/// The kinds of a path on its machine that are no directory.
const NO_DIRECTORY: [&str; 5] = ["BlockDevice", "CharDevice", "File", "FileOrCreate", "Socket"];
/// Where a pod finds its way to the API server.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// With a grace of 0 a pod is gone before its machine has heard of it. With any other, it is gone when its containers and its data are.
pub const GRACE: u32 = 1;
const SERVICE: &str = "midwatch/service";

/// Selects the one pod. Those of others that select every pod there add to what it lets through.
pub fn policy(name: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {LABEL: name}},
        "spec": {"podSelector": {"matchLabels": {LABEL: name}}, "policyTypes": ["Ingress", "Egress"]},
    })
}

/// A container of a pod, by its name.
pub fn container<'a>(like: &'a Value, name: &str) -> Option<&'a Value> {
    let spec = &like["spec"];
    let all = [&spec["containers"], &spec["initContainers"]].into_iter().filter_map(Value::as_array).flatten();
    all.into_iter().find(|one| one["name"] == name)
}

/// Whether a path in a container is kept apart from its pod, where it may be written to.
pub fn keeps(like: &Value, container: &Value, path: &str) -> bool {
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let places = mounts.filter_map(|mount| Some((mount["mountPath"].as_str()?, mount)));
    let around = places.filter(|(place, _)| Path::new(path).starts_with(place));
    // The innermost hides the others.
    let innermost = around.max_by_key(|(place, _)| place.len());
    let volumes = || like["spec"]["volumes"].as_array().into_iter().flatten();
    let is_kept = |mount: &Value| volumes().any(|volume| volume["name"] == mount["name"] && is_data(volume));
    innermost.is_some_and(|(_, mount)| mount["readOnly"] != true && is_kept(mount))
}

/// The claims that a pod has in its volumes.
pub fn claims(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

fn is_data(volume: &Value) -> bool {
    OF_DATA.iter().any(|kind| volume[*kind].is_object())
}

/// The pod is the policy's: where somebody removes that, it goes too. `node`: on which it has to be, to have its volumes.
pub fn pod(like: &Value, container: &Value, wanted: &Scratch, (policy, node): (&Value, Option<&str>)) -> Value {
    let spec = &like["spec"];
    let (mounts, volumes) = mounted(container, &spec["volumes"], &wanted.kind);
    let mut made = kept(spec, &OF_POD);
    made.extend([
        ("activeDeadlineSeconds".into(), wanted.within.max(1).into()),
        ("automountServiceAccountToken".into(), false.into()),
        ("containers".into(), json!([alone(container, mounts, wanted)])),
        // Where the network's plugin knows no policies, it still finds nobody by a name.
        ("dnsPolicy".into(), "None".into()),
        ("dnsConfig".into(), json!({"nameservers": ["127.0.0.1"]})),
        ("restartPolicy".into(), "Never".into()),
        ("terminationGracePeriodSeconds".into(), GRACE.into()),
        ("volumes".into(), volumes.into()),
    ]);
    if let Some(node) = node {
        let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
        let terms = json!([{"matchFields": [field]}]);
        made.insert(
            "affinity".into(),
            json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}),
        );
    }
    let metadata = &policy["metadata"];
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": metadata["name"],
            "labels": {LABEL: metadata["name"]},
            "annotations": {
                SERVICE: format!("{}/{}", wanted.service.scope, wanted.service.name),
                DEFAULT_CONTAINER: container["name"],
                // What a mesh would put beside it waits for a network.
                "sidecar.istio.io/inject": "false",
                "linkerd.io/inject": "disabled",
            },
            "ownerReferences": [{
                "apiVersion": policy["apiVersion"], "kind": policy["kind"], "name": metadata["name"], "uid": metadata["uid"],
            }],
        },
        "spec": made,
    })
}

fn alone(container: &Value, mounts: Vec<Value>, wanted: &Scratch) -> Value {
    let mut alone = kept(container, &OF_CONTAINER);
    // Its data lies on the machine's own disk now, and counts there. And what is claimed of devices is not there.
    if let Some(resources) = alone.get_mut("resources").and_then(Value::as_object_mut) {
        resources.remove("claims");
        for amounts in resources.values_mut().filter_map(Value::as_object_mut) {
            amounts.remove("ephemeral-storage");
        }
    }
    if let Some(context) = alone.get_mut("securityContext").and_then(Value::as_object_mut) {
        context.remove("privileged");
    }
    if wanted.kind.is_idle() {
        alone.insert("command".into(), json!(["sh", "-c", format!("exec sleep {}", wanted.within)]));
        alone.remove("args");
    }
    alone.insert("volumeMounts".into(), mounts.into());
    // Of one that ended, its last words tell why.
    alone.insert("terminationMessagePolicy".into(), "FallbackToLogsOnError".into());
    alone.into()
}

/// Its mounts that stay, and the volumes for them.
fn mounted(container: &Value, volumes: &Value, kind: &ScratchKind) -> (Vec<Value>, Vec<Value>) {
    let (mut mounts, mut found) = (Vec::new(), Vec::<Value>::new());
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let volume = volumes.as_array().into_iter().flatten().find(|volume| volume["name"] == mount["name"]);
        let Some(volume) = volume.and_then(|volume| instead_of(volume, mount, kind)) else { continue };
        let mut mount = mount.clone();
        if let Some(mount) = mount.as_object_mut() {
            mount.remove("mountPropagation");
        }
        mounts.push(mount);
        if !found.contains(&volume) {
            found.push(volume);
        }
    }
    (mounts, found)
}

fn instead_of(volume: &Value, mount: &Value, kind: &ScratchKind) -> Option<Value> {
    if mount["mountPath"].as_str()?.trim_end_matches('/') == ACCOUNT {
        return None;
    }
    if kind.has_data() && is_data(volume) {
        return Some(volume.clone());
    }
    let is_read_only = |of: &Value| of["readOnly"] == true;
    // Secrets come by drivers too.
    if WITHOUT_DATA.iter().any(|kind| volume[*kind].is_object()) || is_read_only(&volume["csi"]) {
        return Some(volume.clone());
    }
    // Of its machine's files, what is in the image at their place does as well, and a socket is a way out.
    let path = &volume["hostPath"];
    let is_no_directory = path["type"].as_str().is_some_and(|kind| NO_DIRECTORY.contains(&kind));
    if path.is_object() && (is_no_directory || is_read_only(mount)) {
        return None;
    }
    Some(json!({"name": volume["name"], "emptyDir": {}}))
}

fn kept(said: &Value, keys: &[&str]) -> Map<String, Value> {
    let known = keys.iter().map(|key| ((*key).to_owned(), said[*key].clone()));
    known.filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests;

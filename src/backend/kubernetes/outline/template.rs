//! A pod template, as the API server keeps it or as a chart wrote it, becomes an outline. What the server would fill in by itself is left
//! out, so that both read alike. Pure.

use serde_json::Value;

use super::container;
pub use crate::backend::pairs::{Pairs, list, plain, strings, text, told};
use crate::domain::Outline;

/// Labels that controllers put on by themselves: they differ wherever anything does.
const OF_CONTROLLERS: [&str; 9] = [
    "pod-template-hash",
    "controller-revision-hash",
    "rollouts-pod-template-hash",
    "pod-template-generation",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "statefulset.kubernetes.io/pod-name",
];
/// What is said of a pod only where it is not as usual: the key, its path, and the usual.
const PLAIN: [(&str, &str, &str); 12] = [
    ("serviceAccountName", "pod service-account", "default"),
    ("automountServiceAccountToken", "pod mounts-token", "true"),
    ("hostNetwork", "pod host-network", "false"),
    ("hostPID", "pod host-pid", "false"),
    ("hostIPC", "pod host-ipc", "false"),
    ("priorityClassName", "pod priority-class", ""),
    ("runtimeClassName", "pod runtime-class", ""),
    ("schedulerName", "pod scheduler", "default-scheduler"),
    ("dnsPolicy", "pod dns-policy", "ClusterFirst"),
    ("restartPolicy", "pod restart-policy", "Always"),
    ("terminationGracePeriodSeconds", "pod grace-seconds", "30"),
    ("activeDeadlineSeconds", "pod deadline-seconds", ""),
];

pub fn outline(template: &Value) -> Outline {
    let mut pairs = Pairs::default();
    put(&mut pairs, template);
    pairs.outline()
}

pub fn put(pairs: &mut Pairs, template: &Value) {
    let metadata = &template["metadata"];
    for (name, value) in strings(&metadata["labels"]).filter(|(name, _)| !OF_CONTROLLERS.contains(name)) {
        pairs.put_named(format!("pod label {name}"), name, value);
    }
    for (name, value) in strings(&metadata["annotations"]) {
        pairs.put_named(format!("pod annotation {name}"), name, value);
    }
    let spec = &template["spec"];
    for one in list(&spec["initContainers"]) {
        container::put(pairs, "init:", one);
    }
    for one in list(&spec["containers"]) {
        container::put(pairs, "", one);
    }
    pod(pairs, spec);
}

fn pod(pairs: &mut Pairs, spec: &Value) {
    for (key, path, usual) in PLAIN {
        let value = plain(&spec[key]);
        if !value.is_empty() && value != usual {
            pairs.put(path, value);
        }
    }
    for volume in list(&spec["volumes"]).iter().filter(|volume| !is_of_the_server(volume)) {
        pairs.put(format!("pod volume {}", text(&volume["name"])), source(volume));
    }
    for (name, value) in strings(&spec["nodeSelector"]) {
        pairs.put(format!("pod node-selector {name}"), value);
    }
    for toleration in list(&spec["tolerations"]) {
        tolerate(pairs, toleration);
    }
    for (key, path) in [
        ("nodeAffinity", "pod affinity node"),
        ("podAffinity", "pod affinity pods"),
        ("podAntiAffinity", "pod anti-affinity pods"),
    ] {
        for (rule, how) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", "required"),
            ("preferredDuringSchedulingIgnoredDuringExecution", "preferred"),
        ] {
            let terms = &spec["affinity"][key][rule];
            let terms = terms.get("nodeSelectorTerms").unwrap_or(terms);
            let said: Vec<_> = list(terms).iter().map(term).collect();
            if !said.is_empty() {
                pairs.put(format!("{path} {how}"), said.join(" or "));
            }
        }
    }
    for spread in list(&spec["topologySpreadConstraints"]) {
        let (key, skew) = (text(&spread["topologyKey"]), plain(&spread["maxSkew"]));
        pairs.put(format!("pod spread {key}"), format!("at most {skew} apart, {}", text(&spread["whenUnsatisfiable"])));
    }
    let secrets: Vec<_> = list(&spec["imagePullSecrets"]).iter().map(|secret| text(&secret["name"])).collect();
    if !secrets.is_empty() {
        pairs.put("pod image-pull-secrets", secrets.join(", "));
    }
    pairs.put_leaves("pod security ", &spec["securityContext"]);
}

/// The volume that the server adds to every pod for its token: of its own kind now, a secret of that name before.
fn is_of_the_server(volume: &Value) -> bool {
    let name = text(&volume["name"]);
    name.starts_with("kube-api-access-") || (name.contains("-token-") && text(&volume["secret"]["secretName"]) == name)
}

/// `configmap web-config`, `pvc data`, `projected: configmap a, secret b`
fn source(volume: &Value) -> String {
    let Some(map) = volume.as_object() else { return String::new() };
    let kind = map.iter().find(|(key, _)| *key != "name");
    let Some((kind, inner)) = kind else { return "empty directory".into() };
    let name = |key: &str| text(&inner[key]);
    let optional = if inner["optional"] == Value::Bool(true) { ", optional" } else { "" };
    match kind.as_str() {
        "configMap" => format!("configmap {}{}{optional}", name("name"), items(inner)),
        "secret" => {
            let secret = if name("secretName").is_empty() { name("name") } else { name("secretName") };
            format!("secret {secret}{}{optional}", items(inner))
        }
        "persistentVolumeClaim" => format!("pvc {}", name("claimName")),
        "hostPath" => format!("host path {}", name("path")),
        "emptyDir" => {
            let details: Vec<_> = [name("medium"), name("sizeLimit")].into_iter().filter(|it| !it.is_empty()).collect();
            let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
            format!("empty directory{details}")
        }
        "projected" => {
            let sources: Vec<_> = list(&inner["sources"]).iter().map(source).collect();
            format!("projected: {}", sources.join(", "))
        }
        "downwardAPI" => "the pod's own fields".into(),
        "serviceAccountToken" => "service account token".into(),
        "csi" => format!("csi {}", name("driver")),
        "nfs" => format!("nfs {}:{}", name("server"), name("path")),
        other => other.to_owned(),
    }
}

fn items(source: &Value) -> String {
    let items: Vec<_> = list(&source["items"]).iter().map(|item| text(&item["key"])).collect();
    if items.is_empty() { String::new() } else { format!(" ({})", items.join(", ")) }
}

fn tolerate(pairs: &mut Pairs, toleration: &Value) {
    let key = match text(&toleration["key"]) {
        "" => "everything",
        key => key,
    };
    let mut said = match text(&toleration["operator"]) {
        "Exists" => "any value".to_owned(),
        _ => format!("= {}", text(&toleration["value"])),
    };
    if let effect @ ("NoSchedule" | "PreferNoSchedule" | "NoExecute") = text(&toleration["effect"]) {
        said.push_str(&format!(", {effect}"));
    }
    if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
        said.push_str(&format!(", for {seconds}s"));
    }
    pairs.put(format!("pod toleration {key}"), said);
}

/// One of the terms of an affinity: `disk In ssd, nvme`, `app=web by kubernetes.io/hostname`.
fn term(term: &Value) -> String {
    let inner = ["preference", "podAffinityTerm"].into_iter().find_map(|key| term.get(key)).unwrap_or(term);
    let selector = inner.get("labelSelector").unwrap_or(inner);
    let labels = strings(&selector["matchLabels"]).map(|(name, value)| format!("{name}={value}"));
    let expressions = list(&selector["matchExpressions"]).iter().chain(list(&selector["matchFields"]));
    let expressions = expressions.map(|expression| {
        let (key, how) = (text(&expression["key"]), text(&expression["operator"]));
        format!("{key} {how} {}", plain(&expression["values"])).trim_end().to_owned()
    });
    let mut said = labels.chain(expressions).collect::<Vec<_>>().join(" and ");
    if let Some(key) = inner["topologyKey"].as_str() {
        said.push_str(&format!(" by {key}"));
    }
    if let Some(weight) = term["weight"].as_i64() {
        said.push_str(&format!(" (weight {weight})"));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend::pairs::LONGEST;

    #[test]
    fn a_pod_is_told_by_what_it_refers_to_and_where_it_may_run() {
        let told = outline(&json!({
            "metadata": {
                "labels": {"app": "web", "pod-template-hash": "7f8d9c"},
                "annotations": {"checksum/config": "0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"},
            },
            "spec": {
                "initContainers": [{"name": "migrate", "image": "shop/web:v2"}],
                "containers": [{"name": "web", "image": "shop/web:v2"}],
                "volumes": [
                    {"name": "config", "configMap": {"name": "web-config", "items": [{"key": "web.toml", "path": "x"}]}},
                    {"name": "tls", "secret": {"secretName": "web-tls", "optional": true}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
                    {"name": "tmp", "emptyDir": {"medium": "Memory"}},
                    {"name": "all", "projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "b"}}]}},
                    {"name": "kube-api-access-x2x4z", "projected": {"sources": []}},
                    {"name": "default-token-abcde", "secret": {"secretName": "default-token-abcde"}},
                ],
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]}},
                    "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
                        "podAffinityTerm": {"topologyKey": "host", "labelSelector": {"matchLabels": {"app": "web"}}}}]},
                },
                "serviceAccountName": "web", "serviceAccount": "web", "hostNetwork": true,
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "securityContext": {"fsGroup": 10}, "schedulerName": "default-scheduler",
            },
        }));
        let told: Vec<_> = told.0.iter().map(|(path, value)| (&**path, &**value)).collect();
        assert_eq!(
            told,
            [
                ("init:migrate image", "shop/web:v2"),
                ("pod affinity node required", "zone In a, b"),
                ("pod annotation checksum/config", "0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"),
                ("pod anti-affinity pods preferred", "app=web by host (weight 100)"),
                ("pod host-network", "true"),
                ("pod label app", "web"),
                ("pod node-selector disk", "ssd"),
                ("pod security fsGroup", "10"),
                ("pod service-account", "web"),
                ("pod toleration gpu", "any value, NoSchedule"),
                ("pod volume all", "projected: configmap a, secret b"),
                ("pod volume config", "configmap web-config (web.toml)"),
                ("pod volume data", "pvc web-data"),
                ("pod volume tls", "secret web-tls, optional"),
                ("pod volume tmp", "empty directory (Memory)"),
                ("web image", "shop/web:v2"),
            ]
        );
    }

    #[test]
    fn what_is_hostile_is_made_harmless_and_what_is_long_is_cut_and_still_told_apart() {
        let told = |text: &str| {
            let outline = outline(&json!({"metadata": {"annotations": {"note": text}}}));
            outline.get("pod annotation note").expect("it is there").to_string()
        };
        assert_eq!(told("a\u{1b}[2J\nb"), "a\u{fffd}[2J b");
        let long = |end: &str| told(&("word ".repeat(1000) + end));
        assert!(long("x").chars().count() < LONGEST + 60, "{}", long("x"));
        assert_ne!(long("x"), long("y"));
    }
}

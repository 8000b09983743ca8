//! What belongs to a workload: what its pods name, and what names it. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct References {
    pub config_maps: BTreeSet<String>,
    pub secrets: BTreeSet<String>,
    pub claims: BTreeSet<String>,
}

impl References {
    pub fn of(object: &Value) -> Self {
        let (spec, mut found) = (pod_spec(object), Self::default());
        for container in ["containers", "initContainers"].iter().flat_map(|key| items(&spec[*key])) {
            for source in items(&container["envFrom"]) {
                found.config_map(&source["configMapRef"]["name"]);
                found.secret(&source["secretRef"]["name"]);
            }
            for variable in items(&container["env"]) {
                found.config_map(&variable["valueFrom"]["configMapKeyRef"]["name"]);
                found.secret(&variable["valueFrom"]["secretKeyRef"]["name"]);
            }
        }
        for volume in items(&spec["volumes"]) {
            found.volume(volume);
            items(&volume["projected"]["sources"]).for_each(|source| {
                found.config_map(&source["configMap"]["name"]);
                found.secret(&source["secret"]["name"]);
            });
        }
        items(&spec["imagePullSecrets"]).for_each(|secret| found.secret(&secret["name"]));
        found.of_each_pod(object);
        found
    }

    fn volume(&mut self, volume: &Value) {
        self.config_map(&volume["configMap"]["name"]);
        self.secret(&volume["secret"]["secretName"]);
        put(&mut self.claims, &volume["persistentVolumeClaim"]["claimName"]);
    }

    /// The claims that a StatefulSet makes.
    fn of_each_pod(&mut self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let pods = object["spec"]["replicas"].as_u64().unwrap_or(1);
        for claim in
            items(&object["spec"]["volumeClaimTemplates"]).filter_map(|claim| claim["metadata"]["name"].as_str())
        {
            self.claims.extend((0..pods).map(|pod| format!("{claim}-{name}-{pod}")));
        }
    }

    fn config_map(&mut self, name: &Value) {
        put(&mut self.config_maps, name);
    }

    fn secret(&mut self, name: &Value) {
        put(&mut self.secrets, name);
    }
}

fn put(into: &mut BTreeSet<String>, name: &Value) {
    into.extend(name.as_str().map(str::to_owned));
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Of a pod, or of what makes pods, or of what makes that.
fn pod_spec(object: &Value) -> &Value {
    match object["kind"].as_str() {
        Some("Pod") => &object["spec"],
        Some("CronJob") => &object["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        _ => &object["spec"]["template"]["spec"],
    }
}

/// Of a list, what belongs to this workload, by itself or by what was found of it already. With what only the list says of all.
pub fn belonging(list: &Value, workload: &Value, found: &[Value]) -> Vec<Value> {
    let kind = list["kind"].as_str().unwrap_or_default().trim_end_matches("List");
    let labels = match workload["kind"].as_str() {
        Some("Pod") => &workload["metadata"]["labels"],
        _ => &workload["spec"]["template"]["metadata"]["labels"],
    };
    let belongs = |object: &Value| match kind {
        "Service" => selects(&object["spec"]["selector"], labels),
        "PodDisruptionBudget" => {
            let selector = &object["spec"]["selector"];
            selector["matchExpressions"].is_null() && selects(&selector["matchLabels"], labels)
        }
        "HorizontalPodAutoscaler" => {
            let target = &object["spec"]["scaleTargetRef"];
            target["kind"] == workload["kind"] && target["name"] == workload["metadata"]["name"]
        }
        "Ingress" => {
            let services = found.iter().filter(|object| object["kind"] == "Service");
            let names: Vec<&Value> = services.map(|service| &service["metadata"]["name"]).collect();
            leads_to(&object["spec"], &names)
        }
        _ => false,
    };
    let whole = |object: &Value| {
        let mut object = object.clone();
        (object["kind"], object["apiVersion"]) = (kind.into(), list["apiVersion"].clone());
        object
    };
    items(&list["items"]).filter(|object| belongs(object)).map(whole).collect()
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().filter(|selector| !selector.is_empty());
    selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels[key] == *value))
}

/// `backend`s stand at several places, and name a Service in two ways, by the version.
fn leads_to(spec: &Value, services: &[&Value]) -> bool {
    match spec {
        Value::Object(map) => map.iter().any(|(key, value)| match key.as_str() {
            "backend" | "defaultBackend" => services
                .iter()
                .any(|service| value["service"]["name"] == **service || value["serviceName"] == **service),
            _ => leads_to(value, services),
        }),
        Value::Array(all) => all.iter().any(|one| leads_to(one, services)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

pub fn tls_secrets(object: &Value) -> Vec<String> {
    let tls = items(&object["spec"]["tls"]);
    tls.filter_map(|tls| tls["secretName"].as_str().map(str::to_owned)).collect()
}

/// A token of an account is worth nothing where it was not made.
pub fn is_made_by_the_cluster(object: &Value) -> bool {
    object["kind"] == "Secret" && object["type"] == "kubernetes.io/service-account-token"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_its_pods_name_is_found() {
        let object = json!({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
            "replicas": 2, "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "template": {"spec": {
                "imagePullSecrets": [{"name": "registry"}],
                "initContainers": [{"envFrom": [{"configMapRef": {"name": "c1"}}, {"secretRef": {"name": "s1"}}]}],
                "containers": [{"env": [
                    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c2"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2"}}}, {"name": "C", "value": "plain"},
                ]}],
                "volumes": [
                    {"configMap": {"name": "c3"}}, {"secret": {"secretName": "s3"}},
                    {"persistentVolumeClaim": {"claimName": "shared"}},
                    {"projected": {"sources": [{"configMap": {"name": "c4"}}, {"secret": {"name": "s4"}}]}},
                ],
            }},
        }});
        let found = References::of(&object);
        let text = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(text(&found.config_maps), "c1 c2 c3 c4");
        assert_eq!(text(&found.secrets), "registry s1 s2 s3 s4");
        assert_eq!(text(&found.claims), "data-db-0 data-db-1 shared");
    }

    #[test]
    fn what_names_a_workload_belongs_to_it_and_what_names_another_does_not() {
        let web = json!({"kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"metadata": {"labels": {"app": "web", "tier": "front"}}}}});
        let list = |kind: &str, specs: [Value; 3]| {
            let items = specs
                .into_iter()
                .enumerate()
                .map(|(at, spec)| json!({"metadata": {"name": at.to_string()}, "spec": spec}));
            json!({"kind": format!("{kind}List"), "apiVersion": "v1", "items": items.collect::<Vec<_>>()})
        };
        let names = |list: &Value, found: &[Value]| {
            let found = belonging(list, &web, found);
            found.iter().filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let services =
            list("Service", [json!({"selector": {"app": "web"}}), json!({"selector": {"app": "db"}}), json!({})]);
        assert_eq!(names(&services, &[]), ["0"]);
        let budgets = list(
            "PodDisruptionBudget",
            [
                json!({"selector": {"matchLabels": {"app": "web"}}}),
                json!({"selector": {"matchLabels": {"app": "db"}}}),
                json!({"selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{}]}}),
            ],
        );
        assert_eq!(names(&budgets, &[]), ["0"]);
        let target = |kind: &str, name: &str| json!({"scaleTargetRef": {"kind": kind, "name": name}});
        let scalers = [target("Deployment", "web"), target("StatefulSet", "web"), target("Deployment", "db")];
        assert_eq!(names(&list("HorizontalPodAutoscaler", scalers), &[]), ["0"]);
        let service = json!({"kind": "Service", "metadata": {"name": "front"}});
        let ingresses = list(
            "Ingress",
            [
                json!({"rules": [{"http": {"paths": [{"backend": {"service": {"name": "front"}}}]}}]}),
                json!({"rules": [{"http": {"paths": [{"backend": {"serviceName": "front"}}]}}]}),
                json!({"defaultBackend": {"service": {"name": "other"}}}),
            ],
        );
        assert_eq!(names(&ingresses, &[service]), ["0", "1"]);
        assert_eq!(belonging(&services, &web, &[])[0]["kind"], "Service");
    }
}

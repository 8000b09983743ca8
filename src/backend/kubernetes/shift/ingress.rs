//! A second Ingress that ingress-nginx takes for a canary of the first: it gets a part of the requests while it is there.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{
    super::{
        Site,
        change::{Change, make_so, refuse, same},
        discovery::Resource,
        fault::Fault,
        pod::is_name,
        steps::{MANAGER, stopped},
    },
    list,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Trouble, text::clean},
    plan::TRACK,
};

const CANARY: &str = "nginx.ingress.kubernetes.io/canary";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
/// What a canary does not have from the first one.
const OF_BOTH: [&str; 4] = [
    "kubernetes.io/ingress.class",
    "nginx.ingress.kubernetes.io/load-balance",
    "nginx.ingress.kubernetes.io/upstream-hash-by",
    "nginx.ingress.kubernetes.io/affinity",
];

pub struct Divided<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
    pub service: &'a str,
    pub canary: &'a str,
}

impl Divided<'_> {
    /// Of the second one.
    fn second(&self) -> String {
        format!("{}-{}", self.name, self.canary)
    }

    fn collection(&self, site: &Site, what: &str) -> Result<String, StepError> {
        let is_fit = is_name(self.namespace) && is_name(self.name) && is_name(self.canary);
        let collection = site.served.path(Resource::Ingress, Some(self.namespace)).filter(|_| is_fit);
        collection.ok_or_else(|| refuse(what, "this server has no such Ingress"))
    }
}

pub async fn part(
    site: &Site,
    ingress: Divided<'_>,
    percent: u8,
    what: &str,
    progress: &Progress,
) -> Result<(), StepError> {
    let collection = ingress.collection(site, what)?;
    let list: Value = site.api.get(&collection).await.map_err(|fault| stopped(&fault, what))?;
    let all = super::list(&list["items"]);
    let first = all.iter().find(|other| other["metadata"]["name"] == ingress.name);
    let first = first.ok_or_else(|| refuse(what, "it is gone"))?;
    same(what, first, ingress.uid)?;
    let mut made = second(first, &ingress, percent)
        .ok_or_else(|| refuse(what, format!("none of its paths leads to {} (any more)", ingress.service)))?;
    if let Some(other) = rival(all, &made, &ingress.second()) {
        let trouble = Trouble::new(what, format!("ingress {other} is a canary of the same host: there can be one"));
        return Err(StepError::Failed(trouble.help("wait until that one is over")));
    }
    made["apiVersion"] = json!(collection.trim_start_matches("/apis/").split("/namespaces").next());
    let path = format!("{collection}?fieldManager={MANAGER}");
    match site.api.change::<IgnoredAny>(Method::POST, &path, "application/json", &made).await {
        Ok(_) => progress(&format!("a second one takes {percent} %")),
        Err(Fault::Refused { code: 409, .. }) => {
            let path = format!("{collection}/{}", ingress.second());
            let wanted = &made["metadata"]["annotations"];
            let weigh = |found: &Value| {
                ours(found, &ingress).map_err(|why| refuse(what, why))?;
                let is_so = found["metadata"]["annotations"][WEIGHT] == wanted[WEIGHT];
                Ok((!is_so).then(|| Change::Merge(json!({"metadata": {"annotations": wanted}}))))
            };
            make_so(site, what, &path, "", weigh).await?;
            progress(&format!("the second one takes {percent} %"));
        }
        Err(fault) => return Err(stopped(&fault, what)),
    }
    Ok(())
}

pub async fn whole(site: &Site, ingress: Divided<'_>, what: &str, progress: &Progress) -> Result<(), StepError> {
    let path = format!("{}/{}", ingress.collection(site, what)?, ingress.second());
    let found: Value = match site.api.get(&path).await {
        Ok(found) => found,
        Err(fault) if fault.is_missing() => {
            progress("it is so already");
            return Ok(());
        }
        Err(fault) => return Err(stopped(&fault, what)),
    };
    ours(&found, &ingress).map_err(|why| refuse(what, why))?;
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": found["metadata"]["uid"]},
    });
    match site.api.change::<IgnoredAny>(Method::DELETE, &path, "application/json", &options).await {
        Ok(_) | Err(Fault::Refused { code: 404 | 409, .. }) => progress("the second one is gone"),
        Err(fault) => return Err(stopped(&fault, what)),
    }
    Ok(())
}

fn ours(found: &Value, ingress: &Divided<'_>) -> Result<(), String> {
    let is_ours = found["metadata"]["labels"][TRACK] == ingress.canary;
    if is_ours { Ok(()) } else { Err(format!("ingress {} was made by nobody's plan", clean(&ingress.second()))) }
}

/// Pure. `None` where no path of the first leads to the service.
fn second(first: &Value, ingress: &Divided<'_>, percent: u8) -> Option<Value> {
    let rules: Vec<Value> = list(&first["spec"]["rules"]).iter().filter_map(|rule| of_rule(rule, ingress)).collect();
    if rules.is_empty() {
        return None;
    }
    let annotations = first["metadata"]["annotations"].as_object().into_iter().flatten();
    let is_of_both = |key: &str| OF_BOTH.iter().any(|kept| key.starts_with(kept));
    let mut annotations: Map<String, Value> =
        annotations.filter(|(key, _)| is_of_both(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    annotations.insert(CANARY.into(), json!("true"));
    annotations.insert(WEIGHT.into(), json!(percent.min(100).to_string()));
    let mut spec = json!({"rules": rules});
    if !first["spec"]["ingressClassName"].is_null() {
        spec["ingressClassName"] = first["spec"]["ingressClassName"].clone();
    }
    let metadata = json!({"name": ingress.second(), "labels": {TRACK: ingress.canary}, "annotations": annotations});
    Some(json!({"kind": "Ingress", "metadata": metadata, "spec": spec}))
}

fn of_rule(rule: &Value, ingress: &Divided<'_>) -> Option<Value> {
    let paths = list(&rule["http"]["paths"]).iter();
    let its = paths.filter(|path| service_of(&path["backend"]) == Some(ingress.service));
    let paths: Vec<Value> = its
        .map(|path| {
            let mut path = path.clone();
            // By the group's first version, and by the one that every newer server has.
            let backend = &mut path["backend"];
            if backend["serviceName"].is_string() {
                backend["serviceName"] = json!(ingress.canary);
            } else {
                backend["service"]["name"] = json!(ingress.canary);
            }
            path
        })
        .collect();
    let mut rule = rule.clone();
    rule["http"]["paths"] = json!(paths);
    (!list(&rule["http"]["paths"]).is_empty()).then_some(rule)
}

pub fn service_of(backend: &Value) -> Option<&str> {
    backend["service"]["name"].as_str().or(backend["serviceName"].as_str())
}

pub fn is_canary(ingress: &Value) -> bool {
    ingress["metadata"]["annotations"][CANARY] == "true"
}

/// Another canary of one of its hosts.
fn rival(all: &[Value], made: &Value, own: &str) -> Option<String> {
    let hosts = |ingress: &Value| -> Vec<String> {
        list(&ingress["spec"]["rules"]).iter().map(|rule| rule["host"].as_str().unwrap_or("*").to_owned()).collect()
    };
    let its = hosts(made);
    let is_rival = |other: &&Value| {
        is_canary(other) && other["metadata"]["name"] != own && hosts(other).iter().any(|host| its.contains(host))
    };
    all.iter().find(is_rival).map(|other| clean(other["metadata"]["name"].as_str().unwrap_or_default()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIVIDED: Divided<'_> =
        Divided { namespace: "shop", name: "web", uid: "u-1", service: "web", canary: "web-canary" };

    fn first() -> Value {
        json!({
            "metadata": {"name": "web", "annotations": {
                "cert-manager.io/issuer": "x", "nginx.ingress.kubernetes.io/affinity": "cookie",
            }},
            "spec": {
                "ingressClassName": "nginx", "tls": [{"hosts": ["shop"]}],
                "rules": [
                    {"host": "shop", "http": {"paths": [
                        {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
                        {"path": "/api", "backend": {"service": {"name": "api", "port": {"number": 80}}}},
                    ]}},
                    {"host": "api", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "api"}}}]}},
                ],
            },
        })
    }

    #[test]
    fn the_second_one_has_the_paths_that_lead_to_the_service_and_no_others() {
        let made = second(&first(), &DIVIDED, 10).expect("made");
        let path = json!({"path": "/", "backend": {"service": {"name": "web-canary", "port": {"number": 80}}}});
        assert_eq!(made["spec"]["rules"], json!([{"host": "shop", "http": {"paths": [path]}}]));
        assert_eq!(made["spec"]["ingressClassName"], "nginx");
        assert!(made["spec"]["tls"].is_null());
        let annotations = json!({CANARY: "true", WEIGHT: "10", "nginx.ingress.kubernetes.io/affinity": "cookie"});
        assert_eq!(made["metadata"]["annotations"], annotations);
        assert!(second(&first(), &Divided { service: "nothing", ..DIVIDED }, 10).is_none());
    }

    #[test]
    fn a_host_has_one_canary_at_a_time() {
        let made = second(&first(), &DIVIDED, 10).expect("made");
        let other = |name: &str, host: &str| json!({"metadata": {"name": name, "annotations": {CANARY: "true"}}, "spec": {"rules": [{"host": host}]}});
        assert_eq!(rival(&[other("theirs", "shop")], &made, "web-web-canary"), Some("theirs".to_owned()));
        assert_eq!(rival(&[other("web-web-canary", "shop"), other("far", "blog")], &made, "web-web-canary"), None);
    }
}

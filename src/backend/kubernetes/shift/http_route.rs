//! Weights in the rules of an HTTPRoute of the Gateway API. What they were is written on the route itself while a part goes elsewhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        Site,
        change::{Change, Made, make_so, refuse, same},
        discovery::Resource,
        pod::is_name,
    },
    list,
};
use crate::backend::{Progress, StepError};

/// The weights as they were, by the place of the rule: in the order of its backends, null for none given.
const BEFORE: &str = "midwatch/weights";
/// The largest that the API takes.
const LARGEST: u64 = 1_000_000;

pub struct Divided<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
    pub service: &'a str,
    pub canary: &'a str,
}

/// `percent` to the canary; `None`: all as before.
pub async fn shift(
    site: &Site,
    route: Divided<'_>,
    percent: Option<u8>,
    what: &str,
    progress: &Progress,
) -> Result<(), StepError> {
    let collection = site.served.path(Resource::HttpRoute, Some(route.namespace));
    let collection = collection.ok_or_else(|| refuse(what, "this server has no HTTPRoutes (any more)"))?;
    if !is_name(route.namespace) || !is_name(route.name) {
        return Err(refuse(what, "that is no name of Kubernetes"));
    }
    let path = format!("{collection}/{}", route.name);
    let made = make_so(site, what, &path, "", |found| {
        same(what, found, route.uid)?;
        operations(found, &route, percent).map(|some| some.map(Change::Json)).map_err(|why| refuse(what, why))
    });
    progress(match made.await? {
        Made::Now => "its weights are changed",
        Made::Already => "it is so already",
    });
    Ok(())
}

type Weights = BTreeMap<usize, Vec<Option<u64>>>;

/// Pure. `None` when it is so already.
fn operations(route: &Value, divided: &Divided<'_>, percent: Option<u8>) -> Result<Option<Vec<Value>>, String> {
    let annotations = &route["metadata"]["annotations"];
    let kept: Option<Weights> = annotations[BEFORE].as_str().and_then(|text| serde_json::from_str(text).ok());
    let rules = list(&route["spec"]["rules"]);
    let is = |backend: &Value, name: &str| is_service(backend, name, divided.namespace);
    let mut before = Weights::new();
    let mut operations = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let now = list(&rule["backendRefs"]);
        let others: Vec<&Value> = now.iter().filter(|backend| !is(backend, divided.canary)).collect();
        if !others.iter().any(|backend| is(backend, divided.service)) {
            continue;
        }
        let weights = match kept.as_ref().and_then(|kept| kept.get(&place)) {
            Some(weights) if weights.len() == others.len() => weights.clone(),
            Some(_) => return Err("somebody changed its backends meanwhile".into()),
            None if others.len() < now.len() => {
                return Err(format!("{} gets a part already, and nobody wrote down of what", divided.canary));
            }
            None => others.iter().map(|backend| backend["weight"].as_u64()).collect(),
        };
        let wanted = match percent {
            Some(percent) => parted(&others, &weights, percent.min(100), divided),
            None => others.iter().zip(&weights).map(|(backend, weight)| weighted(backend, *weight)).collect(),
        };
        if wanted != now {
            let path = format!("/spec/rules/{place}/backendRefs");
            operations.push(json!({"op": "test", "path": path, "value": now}));
            operations.push(json!({"op": "replace", "path": path, "value": wanted}));
        }
        before.insert(place, weights);
    }
    if before.is_empty() {
        return Err(format!("none of its rules sends to {} (any more)", divided.service));
    }
    let mut marked = annotations.as_object().cloned().unwrap_or_default();
    match percent {
        Some(_) => drop(marked.insert(BEFORE.into(), json!(json!(before).to_string()))),
        None => drop(marked.remove(BEFORE)),
    }
    if marked != annotations.as_object().cloned().unwrap_or_default() {
        operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": marked}));
    }
    Ok((!operations.is_empty()).then_some(operations))
}

/// A part of what the service had goes to the canary; what other backends get is as it was.
fn parted(others: &[&Value], weights: &[Option<u64>], percent: u8, divided: &Divided<'_>) -> Vec<Value> {
    let percent = u64::from(percent);
    let largest = weights.iter().map(|weight| weight.unwrap_or(1)).max().unwrap_or(1);
    // Parts of a hundred of small weights are none.
    let finer = if largest.saturating_mul(100) <= LARGEST { 100 } else { 1 };
    let mut wanted = Vec::with_capacity(others.len() + 1);
    let mut canary = None;
    for (backend, weight) in others.iter().zip(weights) {
        let whole = weight.unwrap_or(1).saturating_mul(finer);
        if is_service(backend, divided.service, divided.namespace) && canary.is_none() {
            let part = whole * percent / 100;
            let mut beside = weighted(backend, Some(part));
            beside["name"] = json!(divided.canary);
            canary = Some(beside);
            wanted.push(weighted(backend, Some(whole - part)));
        } else {
            wanted.push(weighted(backend, Some(whole)));
        }
    }
    wanted.extend(canary);
    wanted
}

fn weighted(backend: &Value, weight: Option<u64>) -> Value {
    let mut backend = backend.clone();
    match (weight, backend.as_object_mut()) {
        (None, Some(backend)) => drop(backend.remove("weight")),
        (Some(_) | None, _) => backend["weight"] = json!(weight),
    }
    backend
}

pub fn is_service(backend: &Value, name: &str, namespace: &str) -> bool {
    let is = |key: &str, value: &str| backend[key].is_null() || backend[key] == value;
    backend["name"] == name && is("kind", "Service") && is("group", "") && is("namespace", namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIVIDED: Divided<'_> =
        Divided { namespace: "shop", name: "web", uid: "u-1", service: "web", canary: "web-canary" };

    fn applied(mut route: Value, percent: Option<u8>) -> Value {
        for operation in operations(&route, &DIVIDED, percent).expect("decided").unwrap_or_default() {
            let path = operation["path"].as_str().expect("a path");
            if operation["op"] == "test" {
                assert_eq!(route.pointer(path), Some(&operation["value"]));
            } else {
                *route.pointer_mut(path).expect("there") = operation["value"].clone();
            }
        }
        route
    }

    fn weights(route: &Value, rule: usize) -> Vec<(String, Option<u64>)> {
        let backends = list(&route["spec"]["rules"][rule]["backendRefs"]);
        backends
            .iter()
            .map(|backend| (backend["name"].as_str().expect("a name").to_owned(), backend["weight"].as_u64()))
            .collect()
    }

    fn route() -> Value {
        json!({"metadata": {"annotations": {"team": "a"}}, "spec": {"rules": [
            {"backendRefs": [{"name": "web", "port": 80}]},
            {"backendRefs": [{"name": "api", "port": 80}]},
            {"backendRefs": [{"name": "web", "port": 80, "weight": 3}, {"name": "legacy", "port": 80, "weight": 1}]},
        ]}})
    }

    #[test]
    fn a_part_is_taken_from_what_the_service_had_and_given_back_exactly() {
        let ten = applied(route(), Some(10));
        assert_eq!(weights(&ten, 0), [("web".to_owned(), Some(90)), ("web-canary".to_owned(), Some(10))]);
        assert_eq!(weights(&ten, 1), [("api".to_owned(), None)]);
        let third =
            [("web".to_owned(), Some(270)), ("legacy".to_owned(), Some(100)), ("web-canary".to_owned(), Some(30))];
        assert_eq!(weights(&ten, 2), third);
        assert_eq!(operations(&ten, &DIVIDED, Some(10)), Ok(None));
        let half = applied(ten, Some(50));
        assert_eq!(weights(&half, 2)[2].1, Some(150));
        assert_eq!(applied(half, None), route());
        assert_eq!(operations(&route(), &DIVIDED, None), Ok(None));
    }

    #[test]
    fn backends_that_somebody_changed_in_between_are_left_alone() {
        let mut ten = applied(route(), Some(10));
        ten["spec"]["rules"][0]["backendRefs"].as_array_mut().expect("a list").push(json!({"name": "new", "port": 80}));
        assert!(operations(&ten, &DIVIDED, None).expect_err("refused").contains("changed its backends"));
        let gone = json!({"spec": {"rules": [{"backendRefs": [{"name": "api"}]}]}});
        assert!(operations(&gone, &DIVIDED, Some(10)).expect_err("refused").contains("sends to web"));
    }
}

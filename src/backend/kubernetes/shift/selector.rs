//! What a Service of Kubernetes selects. It is not pointed away from instances that are ready to where there are none.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    super::{
        Site,
        api::encoded,
        change::{Change, Made, author, make_so, refuse, same},
        pod::is_name,
        sets::PINS,
        steps::stopped,
    },
    list,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Trouble, text::clean},
};

/// What the controller of endpoints needs at the most.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

type Labels = BTreeMap<Arc<str>, Arc<str>>;

pub struct Selected<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
    /// When it was planned.
    pub planned: &'a Labels,
}

pub async fn shift(
    site: &Site,
    service: Selected<'_>,
    to: &Labels,
    what: &str,
    progress: &Progress,
) -> Result<(), StepError> {
    let Selected { namespace, name, uid, planned } = service;
    if !is_name(namespace) || !is_name(name) {
        return Err(refuse(what, "that is no name of Kubernetes"));
    }
    let path = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let now: Value = site.api.get(&path).await.map_err(|fault| super::super::change::gone_or_lost(&fault, what))?;
    if now["spec"]["selector"] != json!(to) {
        let there = ready(site, namespace, &json!(to), what).await?;
        if there.is_empty() && !ready(site, namespace, &now["spec"]["selector"], what).await?.is_empty() {
            let trouble = Trouble::new(what, format!("no ready instance has {}: nobody would answer", told(to)));
            return Err(StepError::Failed(trouble.help(format!("kubectl -n {namespace} get pods --show-labels"))));
        }
    }
    let made = make_so(site, what, &path, "", |found| decide(what, found, uid, planned, to)).await?;
    if made == Made::Now {
        progress("its selector is changed");
    }
    follows(site, (namespace, name), to, what, progress).await
}

/// Pure.
fn decide(what: &str, found: &Value, uid: &str, planned: &Labels, to: &Labels) -> Result<Option<Change>, StepError> {
    same(what, found, uid)?;
    let now = &found["spec"]["selector"];
    if *now == json!(to) {
        return Ok(None);
    }
    if unpinned(now) != unpinned(&json!(planned)) {
        let by = author(found).map_or_else(String::new, |author| format!(" {author}"));
        let trouble = Trouble::new(what, format!("it selects {} now: it was changed meanwhile{by}", told_value(now)));
        return Err(StepError::Failed(trouble.help("look at what was changed, and plan it again")));
    }
    Ok(Some(Change::Json(vec![
        json!({"op": "test", "path": "/spec/selector", "value": now}),
        json!({"op": "replace", "path": "/spec/selector", "value": to}),
    ])))
}

/// Without what plans add: a step finds what the one before it left.
fn unpinned(selector: &Value) -> BTreeMap<&str, &Value> {
    let labels = selector.as_object().into_iter().flatten();
    labels.map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| !PINS.contains(key)).collect()
}

/// Until nobody is sent to another instance any more, as far as the server's own bookkeeping goes.
async fn follows(
    site: &Site,
    (namespace, name): (&str, &str),
    to: &Labels,
    what: &str,
    progress: &Progress,
) -> Result<(), StepError> {
    let path = format!("/api/v1/namespaces/{namespace}/endpoints/{name}");
    let began = Instant::now();
    loop {
        let wanted = ready(site, namespace, &json!(to), what).await?;
        let endpoints: Value = match site.api.get(&path).await {
            Ok(endpoints) => endpoints,
            // One without ports has none, and no role has to allow to see them.
            Err(fault) if fault.is_missing() || fault.is_denied() => return Ok(()),
            Err(fault) => return Err(stopped(&fault, what)),
        };
        let sent: BTreeSet<&str> = list(&endpoints["subsets"])
            .iter()
            .flat_map(|subset| list(&subset["addresses"]))
            .filter_map(|address| address["targetRef"]["name"].as_str())
            .collect();
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        if sent.is_subset(&wanted) && (wanted.is_empty() || !sent.is_empty()) {
            progress(&format!("{} instances get the requests", sent.len()));
            return Ok(());
        }
        if began.elapsed() >= FOLLOWS_WITHIN {
            let why = format!("after {} s its endpoints are not those that it selects", FOLLOWS_WITHIN.as_secs());
            let help = format!("kubectl -n {namespace} get endpoints {name}");
            return Err(StepError::Failed(Trouble::new(what, why).help(help)));
        }
        tokio::time::sleep(LOOK.max(began.elapsed() / 10)).await;
    }
}

/// The names of the ready pods with these labels.
async fn ready(site: &Site, namespace: &str, selector: &Value, what: &str) -> Result<Vec<String>, StepError> {
    let labels = selector.as_object().into_iter().flatten();
    let labels: Vec<String> = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encoded(&labels.join(",")));
    let pods: Value = site.api.get(&path).await.map_err(|fault| stopped(&fault, what))?;
    let is_ready = |pod: &&Value| {
        let conditions = list(&pod["status"]["conditions"]);
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
            && pod["metadata"]["deletionTimestamp"].is_null()
    };
    let names = list(&pods["items"]).iter().filter(is_ready).filter_map(|pod| pod["metadata"]["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

fn told(labels: &Labels) -> String {
    told_value(&json!(labels))
}

fn told_value(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    let pairs: Vec<String> = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?"))).collect();
    if pairs.is_empty() { "nothing".into() } else { clean(&pairs.join(",")).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_selector_that_a_plan_pinned_is_changed_on_and_one_that_somebody_changed_is_not() {
        let planned = labels(&[("app", "web")]);
        let to = labels(&[("app", "web"), ("midwatch.track", "web-green")]);
        let decided = |selector: Value| {
            let found = json!({"metadata": {"uid": "u-1"}, "spec": {"selector": selector}});
            decide("x", &found, "u-1", &planned, &to)
        };
        assert!(matches!(decided(json!({"app": "web"})), Ok(Some(Change::Json(_)))));
        assert!(matches!(decided(json!({"app": "web", "pod-template-hash": "7f"})), Ok(Some(Change::Json(_)))));
        assert!(matches!(decided(json!({"app": "web", "midwatch.track": "web-green"})), Ok(None)));
        let Err(StepError::Failed(trouble)) = decided(json!({"app": "web", "tier": "x"})) else { panic!("refused") };
        assert!(trouble.why.contains("it selects app=web,tier=x now"), "{trouble}");
    }
}

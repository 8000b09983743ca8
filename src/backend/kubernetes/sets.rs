//! A second Deployment beside a service's own, with another release in it: made by a plan, and removed by it.

mod front;

pub use self::front::{HASH, PINS, sends_to};

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{
    Site,
    change::{ASKED, gone_or_lost, is_asked, marks, refuse, same},
    edits::edited,
    fault::Fault,
    resolve::{self, resolve},
    scale::scaled,
    steps::{MANAGER, stopped},
    trial,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, ServiceId, ServiceKind, Trouble, text::clean},
    plan::{Edits, Stamp, TRACK},
};

/// Of an owner that would take the set for its own, or for something that should not be there.
const OWNERS: [&str; 8] = [
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "helm.sh/",
    "meta.helm.sh/",
    "kubectl.kubernetes.io/",
];
const LOOK: Duration = Duration::from_millis(500);
/// Beyond the time that its instances are given to end.
const BEYOND_GRACE: u64 = 120;

pub struct Wanted<'a> {
    pub like: &'a ServiceId,
    pub edits: &'a Edits,
    pub replicas: u32,
    pub front: Option<&'a Arc<str>>,
    pub stamp: &'a Stamp,
    /// What `like` must be, where that was known.
    pub object: Option<&'a Object>,
}

pub async fn make(site: &Site, set: &ServiceId, wanted: Wanted<'_>, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not make {set}");
    let like = resolve(site, wanted.like).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    if like.kind != ServiceKind::Deployment {
        return Err(refuse(&what, format!("a {} cannot have a second set beside it", like.kind)));
    }
    let path = path(set, &what)?;
    let own = resolve::path(like.kind, &like.namespace, &like.name)
        .ok_or_else(|| refuse(&what, "its name is none of Kubernetes"))?;
    let main: Value = site.api.get(&own).await.map_err(|fault| gone_or_lost(&fault, &what))?;
    if let Some(object) = wanted.object {
        same(&what, &main, &object.uid)?;
    }
    let made = definition(&set.name, &main, &wanted).map_err(|why| refuse(&what, why))?;
    trial::update(site, &own, &main, wanted.edits, &what).await?;
    trial::pod(site, &like, &made["spec"]["template"], &Edits::default(), &what).await?;
    match create(site, &path, &made).await {
        Ok(()) => progress("its deployment is made"),
        Err(fault) if is_there(&fault) => {
            let there: Value = site.api.get(&path).await.map_err(|fault| gone_or_lost(&fault, &what))?;
            ours(&there, &set.name, Some(wanted.stamp)).map_err(|why| refuse_made(&what, why, set))?;
            let uid = there["metadata"]["uid"].as_str().unwrap_or_default();
            scaled(site, &path, uid, wanted.replicas, &what).await?;
            progress("its deployment is there already");
        }
        Err(fault) => return Err(stopped(&fault, what)),
    }
    match wanted.front {
        Some(front) => front::make(site, &set.name, front, &main, (wanted.stamp, &what), progress).await,
        None => Ok(()),
    }
}

/// Foreground: it is there until the last of its instances is gone.
pub async fn discard(site: &Site, set: &ServiceId, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not remove {set}");
    let path = path(set, &what)?;
    let began = Instant::now();
    let mut deadline = None;
    loop {
        let there: Value = match site.api.get(&path).await {
            Ok(there) => there,
            Err(fault) if fault.is_missing() => break,
            Err(fault) => return Err(stopped(&fault, what)),
        };
        if there["metadata"]["deletionTimestamp"].is_null() {
            ours(&there, &set.name, None).map_err(|why| refuse_made(&what, why, set))?;
            delete(site, &path, &there["metadata"]["uid"], "Foreground", &what).await?;
        }
        let grace = there["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        let deadline = *deadline.get_or_insert(grace.saturating_add(BEYOND_GRACE));
        if began.elapsed().as_secs() >= deadline {
            let trouble = Trouble::new(what, format!("after {deadline} s some of its instances have not ended"));
            let help = format!("kubectl -n {} get pods -l {TRACK}={}", set.scope, set.name);
            return Err(StepError::Failed(trouble.help(help)));
        }
        progress("its instances end");
        tokio::time::sleep(LOOK).await;
    }
    front::remove(site, set, &what).await?;
    progress("is gone");
    Ok(())
}

fn path(set: &ServiceId, what: &str) -> Result<String, StepError> {
    resolve::path(ServiceKind::Deployment, set.scope.as_str(), &set.name)
        .ok_or_else(|| refuse(what, "that is no name of Kubernetes"))
}

/// `path`: its own.
async fn create(site: &Site, path: &str, object: &Value) -> Result<(), Fault> {
    let collection = path.rsplit_once('/').map_or(path, |(collection, _)| collection);
    let path = format!("{collection}?fieldManager={MANAGER}");
    site.api.change::<IgnoredAny>(Method::POST, &path, "application/json", object).await.map(drop)
}

fn is_there(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { code: 409, .. })
}

async fn delete(site: &Site, path: &str, uid: &Value, how: &str, what: &str) -> Result<(), StepError> {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": how, "preconditions": {"uid": uid},
    });
    match site.api.change::<IgnoredAny>(Method::DELETE, path, "application/json", &options).await {
        Ok(_) | Err(Fault::Refused { code: 404 | 409, .. }) => Ok(()),
        Err(fault) => Err(stopped(&fault, what)),
    }
}

/// Whether a plan made it; with a stamp, whether it was this one.
fn ours(object: &Value, set: &str, stamp: Option<&Stamp>) -> Result<(), String> {
    let is_set = object["metadata"]["labels"][TRACK] == set && object["metadata"]["annotations"][ASKED].is_string();
    if !is_set {
        return Err("there is something of this name that no plan made".into());
    }
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Err("what an earlier plan made is being removed still".into());
    }
    match stamp {
        Some(stamp) if stamp.asked.is_some() && !is_asked(object, stamp) => {
            let cause = object["metadata"]["annotations"][super::change::CAUSE].as_str();
            Err(format!("it is there for another plan: {}", clean(cause.unwrap_or("nobody knows whose"))))
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_made(what: &str, why: String, set: &ServiceId) -> StepError {
    let help = format!("look at it: kubectl -n {} get deployment {} -o yaml", set.scope, set.name);
    StepError::Failed(Trouble::new(what, why).help(help))
}

/// Pure.
fn definition(name: &str, main: &Value, wanted: &Wanted<'_>) -> Result<Value, String> {
    let mut template = edited(&main["spec"]["template"], wanted.edits)?;
    template["metadata"]["labels"][TRACK] = json!(name);
    let mut selector = main["spec"]["selector"].clone();
    selector["matchLabels"][TRACK] = json!(name);
    let mut labels = of_nobody(&main["metadata"]["labels"]);
    labels.insert(TRACK.into(), json!(name));
    let mut spec = json!({"replicas": wanted.replicas, "selector": selector, "template": template});
    for kept in ["minReadySeconds", "progressDeadlineSeconds", "strategy"] {
        if !main["spec"][kept].is_null() {
            spec[kept] = main["spec"][kept].clone();
        }
    }
    Ok(json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": marks(wanted.stamp)},
        "spec": spec,
    }))
}

/// Labels by which no controller and no chart knows what it owns.
fn of_nobody(labels: &Value) -> Map<String, Value> {
    let is_owners = |key: &str| OWNERS.iter().any(|owner| key.starts_with(owner));
    let labels = labels.as_object().into_iter().flatten();
    labels.filter(|(key, _)| !is_owners(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(second: i64) -> Stamp {
        let asked = jiff::Timestamp::from_second(second).expect("a time");
        Stamp { asked: Some(asked), cause: Some("roll out shop/web by ann".into()) }
    }

    fn made() -> Value {
        let main = json!({
            "metadata": {
                "name": "web",
                "labels": {"app": "web", "helm.sh/chart": "web-1", "app.kubernetes.io/managed-by": "Helm", "argocd.argoproj.io/instance": "x"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "meta.helm.sh/release-name": "web"},
            },
            "spec": {
                "replicas": 9, "paused": true, "minReadySeconds": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}, "spec": {"containers": [{"name": "web", "image": "web:v1"}]}},
            },
        });
        let mut edits = Edits::default();
        edits.images.insert("web".into(), "web:v2".into());
        let like = ServiceId::new(&"lab".into(), &"shop".into(), "web");
        let wanted = Wanted { like: &like, edits: &edits, replicas: 2, front: None, stamp: &stamp(100), object: None };
        definition("web-canary", &main, &wanted).expect("a definition")
    }

    #[test]
    fn a_set_is_like_the_service_but_for_the_release_and_belongs_to_nobody() {
        let made = made();
        assert_eq!(made["metadata"]["labels"], json!({"app": "web", TRACK: "web-canary"}));
        let annotations = made["metadata"]["annotations"].as_object().expect("some");
        assert_eq!(annotations.keys().collect::<Vec<_>>(), ["kubernetes.io/change-cause", ASKED]);
        assert_eq!(made["spec"]["selector"]["matchLabels"], json!({"app": "web", TRACK: "web-canary"}));
        let labels = json!({"app": "web", "tier": "front", TRACK: "web-canary"});
        assert_eq!(made["spec"]["template"]["metadata"]["labels"], labels);
        assert_eq!(made["spec"]["template"]["spec"]["containers"][0]["image"], "web:v2");
        assert_eq!((&made["spec"]["replicas"], &made["spec"]["minReadySeconds"]), (&json!(2), &json!(3)));
        assert!(made["spec"]["paused"].is_null());
    }

    #[test]
    fn only_what_a_plan_made_is_taken_for_a_set() {
        let made = made();
        assert_eq!(ours(&made, "web-canary", Some(&stamp(100))), Ok(()));
        assert_eq!(ours(&made, "web-canary", None), Ok(()));
        let why = ours(&made, "web-canary", Some(&stamp(200))).expect_err("another's");
        assert_eq!(why, "it is there for another plan: roll out shop/web by ann");
        let foreign = json!({"metadata": {"name": "web-canary", "labels": {"app": "web"}}});
        assert!(ours(&foreign, "web-canary", None).expect_err("foreign").contains("no plan made"));
    }
}

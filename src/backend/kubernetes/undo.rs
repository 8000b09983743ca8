//! Gives a workload the template of a release that the cluster keeps, exactly as `kubectl rollout undo` does: also while a rollout of
//! another is under way.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    Site,
    api::encoded,
    change::{CAUSE, Change, Made, make_so, marks, refuse, same, without_nulls},
    directory::Workload,
    fault::Fault,
    holder::{self, Holder},
    pod::{Pod, is_name},
    replace,
    resolve::{self, resolve},
    steps::{RESTARTED, stopped},
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, ReleaseSource, ServiceId, ServiceKind, Trouble, text::clean},
    plan::{ReleaseRef, Stamp},
};

/// Of the Deployment and not of its releases: what kubectl leaves as it is.
const OF_THE_DEPLOYMENT: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];
/// By which a ReplicaSet tells its pods: its own, and no part of the template that it was made from.
const HASHES: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];

/// A controller sees a change at once, or it does not run.
const SEEN_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

pub async fn give_back(
    site: &Site,
    service: &ServiceId,
    object: &Object,
    (release, stamp): (&ReleaseRef, &Stamp),
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not return {service} to {}", release.title);
    if release.source == ReleaseSource::Helm {
        return Err(refuse(&what, "it is a release of Helm's, which only helm can go back to"));
    }
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    let holder = holder::of(site, &workload, object, &what).await?;
    let kept = kept(site, &workload, object, release, &what).await?;
    let made = make_so(site, &what, &holder.path, "", |found| decide(&what, &holder, object, &kept, stamp, found));
    progress(match made.await? {
        Made::Now => "it has its template again",
        Made::Already => "it has its template already",
    });
    if workload.kind == ServiceKind::StatefulSet {
        unblock(site, &workload, &what, progress).await?;
    }
    Ok(())
}

/// A StatefulSet's controller waits for a pod that is not ready, whatever definition that is of, and replaces none meanwhile (a known
/// limit of its rolling update): so what is not ready and of another definition is ended here. Not where it would come back as it is, below
/// the partition, nor where pods are a person's to end.
async fn unblock(site: &Site, workload: &Workload, what: &str, progress: &Progress) -> Result<(), StepError> {
    let lost = |fault: Fault| stopped(&fault, what);
    let Workload { kind, namespace, name, selector, .. } = workload;
    let Some(path) = resolve::path(*kind, namespace, name) else { return Ok(()) };
    let began = Instant::now();
    // Before its controller has seen the change, it would make the same anew.
    let (wanted, strategy) = loop {
        let mut set: Value = site.api.get(&path).await.map_err(lost)?;
        let status = &set["status"];
        if status["observedGeneration"].as_u64() >= set["metadata"]["generation"].as_u64() {
            let wanted = status["updateRevision"].as_str().unwrap_or_default().to_owned();
            break (wanted, set["spec"]["updateStrategy"].take());
        }
        if began.elapsed() >= SEEN_WITHIN {
            return Err(refuse(what, "its controller has not seen the change"));
        }
        tokio::time::sleep(LOOK).await;
    };
    if strategy["type"] == "OnDelete" {
        return Ok(());
    }
    let partition = strategy["rollingUpdate"]["partition"].as_u64().unwrap_or(0);
    let list: Value = site
        .api
        .get(&format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", encoded(selector)))
        .await
        .map_err(lost)?;
    for pod in
        list["items"].as_array().into_iter().flatten().filter(|pod| blocks(pod, &workload.uid, &wanted, partition))
    {
        let metadata = &pod["metadata"];
        let (Some(pod), Some(uid)) = (metadata["name"].as_str(), metadata["uid"].as_str()) else { continue };
        let pod = Pod { namespace, name: pod, uid, container: None };
        progress(&format!("ends {}, which is not ready", clean(pod.name)));
        replace::delete(site, &pod, what).await?;
    }
    Ok(())
}

/// It is the set's, of another definition than `wanted`, and not ready; and its number is not below the partition.
fn blocks(pod: &Value, set: &str, wanted: &str, partition: u64) -> bool {
    let metadata = &pod["metadata"];
    let number = metadata["name"].as_str().and_then(|name| name.rsplit_once('-')?.1.parse::<u64>().ok());
    if number.is_some_and(|number| number < partition) {
        return false;
    }
    let is_its = metadata["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["uid"] == set);
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let is_ready =
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let is_other = metadata["labels"]["controller-revision-hash"].as_str() != Some(wanted);
    is_its && is_other && !is_ready && metadata["deletionTimestamp"].is_null()
}

/// What the cluster keeps of a release.
pub enum Kept {
    /// As a ReplicaSet has it, without the mark of the set, and the annotations that go with it.
    Template { template: Value, annotations: Map<String, Value> },
    /// As a ControllerRevision has it: a patch.
    Patch(Value),
}

pub async fn kept(
    site: &Site,
    workload: &Workload,
    object: &Object,
    release: &ReleaseRef,
    what: &str,
) -> Result<Kept, StepError> {
    let plural = match workload.kind {
        ServiceKind::StatefulSet | ServiceKind::DaemonSet => "controllerrevisions",
        ServiceKind::Deployment
        | ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => "replicasets",
    };
    let absent = || {
        let trouble = Trouble::new(what, format!("the cluster keeps no release {} of it", clean(&release.id)));
        StepError::Failed(trouble.help("look at its releases again: its revisionHistoryLimit says how many are kept"))
    };
    if !is_name(&release.id) {
        return Err(absent());
    }
    let path = format!("/apis/apps/v1/namespaces/{}/{plural}/{}", workload.namespace, release.id);
    let found: Value = match site.api.get(&path).await {
        Ok(found) => found,
        Err(fault) if fault.is_missing() => return Err(absent()),
        Err(fault) => return Err(stopped(&fault, what)),
    };
    let owners = found["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    if !owners.into_iter().any(|owner| owner["uid"] == *object.uid && owner["controller"] == true) {
        return Err(refuse(what, format!("{} is no release of it", clean(&release.id))));
    }
    Ok(match plural {
        "controllerrevisions" => Kept::Patch(found["data"].clone()),
        _ => {
            let annotations = found["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            Kept::Template { template: unhashed(&found["spec"]["template"]), annotations }
        }
    })
}

impl Kept {
    fn is_so(&self, now: &Value) -> bool {
        match self {
            Self::Template { template, .. } => now == template,
            Self::Patch(patch) => *now == unpatched(patch),
        }
    }

    /// Also where its pods were asked to be replaced by like ones since.
    pub fn is_in(&self, template: &Value) -> bool {
        let unmarked = |template: &Value| {
            let mut template = unhashed(template);
            if let Some(metadata) = template["metadata"].as_object_mut() {
                let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
                let is_bare = annotations.is_none_or(|annotations| {
                    annotations.remove(RESTARTED);
                    annotations.is_empty()
                });
                if is_bare {
                    metadata.remove("annotations");
                }
            }
            template
        };
        let kept = match self {
            Self::Template { template, .. } => unmarked(template),
            Self::Patch(patch) => unmarked(&unpatched(patch)),
        };
        unmarked(template) == kept
    }
}

fn unhashed(template: &Value) -> Value {
    let mut template = without_nulls(template);
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        HASHES.iter().for_each(|hash| drop(labels.remove(*hash)));
    }
    template
}

/// Pure.
fn decide(
    what: &str,
    holder: &Holder,
    object: &Object,
    kept: &Kept,
    stamp: &Stamp,
    found: &Value,
) -> Result<Option<Change>, StepError> {
    if holder.referred.is_none() {
        same(what, found, &object.uid)?;
    }
    if kept.is_so(&unhashed(holder.template(found))) {
        return Ok(None);
    }
    if holder.is_native && found["spec"]["paused"] == true {
        let trouble = Trouble::new(what, "it is paused: nothing of it is replaced until it is resumed");
        return Err(StepError::Failed(trouble.help("resume it first")));
    }
    holder.unmoved(what, found, object)?;
    Ok(Some(match kept {
        Kept::Patch(patch) => {
            let mut patch = patch.clone();
            patch["metadata"] = json!({"annotations": marks(stamp)});
            Change::Strategic(patch)
        }
        Kept::Template { template, annotations } => {
            let now = found["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
            // What is told of a release goes with it; that of another object is not ours to replace.
            let is_whole = holder.is_native && holder.referred.is_none();
            let annotations = if is_whole { of_release(&now, annotations) } else { now };
            let annotations = marked(annotations, stamp);
            Change::Json(vec![
                json!({"op": "replace", "path": holder.pointer, "value": template}),
                json!({"op": "add", "path": "/metadata/annotations", "value": annotations}),
            ])
        }
    }))
}

fn unpatched(patch: &Value) -> Value {
    let mut template = unhashed(&patch["spec"]["template"]);
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    template
}

fn of_release(now: &Map<String, Value>, kept: &Map<String, Value>) -> Map<String, Value> {
    let is_own = |key: &str| OF_THE_DEPLOYMENT.contains(&key);
    let own = now.iter().filter(|(key, _)| is_own(key));
    let others = kept.iter().filter(|(key, _)| !is_own(key));
    own.chain(others).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn marked(mut annotations: Map<String, Value>, stamp: &Stamp) -> Map<String, Value> {
    let marks = marks(stamp);
    for (key, value) in marks.as_object().into_iter().flatten() {
        match value.is_null() {
            true if key == CAUSE => {}
            true => drop(annotations.remove(key)),
            false => drop(annotations.insert(key.clone(), value.clone())),
        }
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(image: &str) -> Value {
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
    }

    fn holder() -> Holder {
        Holder { path: String::new(), pointer: "/spec/template", is_native: true, referred: None }
    }

    fn found(image: &str) -> Value {
        let annotations = json!({"deployment.kubernetes.io/revision": "3", "team": "new", "only-now": "x"});
        json!({"metadata": {"uid": "u-1", "generation": 4, "annotations": annotations}, "spec": {"template": template(image)}})
    }

    fn decided(kept: &Kept, found: &Value, generation: Option<u64>) -> Result<Option<Change>, String> {
        let object = Object { uid: "u-1".into(), generation, template: None };
        let stamp = Stamp { asked: None, cause: Some("roll back by ann".into()) };
        decide("x", &holder(), &object, kept, &stamp, found).map_err(|error| format!("{error:?}"))
    }

    fn replica_set(image: &str) -> Kept {
        let mut template = template(image);
        template["metadata"]["labels"]["pod-template-hash"] = json!("7f8d9c");
        template["metadata"]["creationTimestamp"] = Value::Null;
        let annotations = json!({"deployment.kubernetes.io/revision": "1", "team": "old"});
        let annotations = annotations.as_object().expect("an object").clone();
        Kept::Template { template: unhashed(&template), annotations }
    }

    #[test]
    fn a_deployment_gets_the_template_without_the_sets_mark_and_what_was_told_of_the_release() {
        let change = decided(&replica_set("web:v1"), &found("web:v2"), Some(4)).expect("decided").expect("a change");
        let Change::Json(operations) = change else { panic!("by operations") };
        assert_eq!(operations[0]["value"], template("web:v1"));
        let annotations = json!({
            "deployment.kubernetes.io/revision": "3", "team": "old", "kubernetes.io/change-cause": "roll back by ann",
        });
        assert_eq!(operations[1]["value"], annotations);
    }

    #[test]
    fn a_template_that_is_there_already_is_left_alone_also_when_the_object_moved() {
        assert!(decided(&replica_set("web:v2"), &found("web:v2"), Some(1)).expect("decided").is_none());
        assert!(decided(&replica_set("web:v1"), &found("web:v2"), Some(1)).is_err(), "it moved");
        assert!(decided(&replica_set("web:v1"), &found("web:v2"), None).expect("decided").is_some());
    }

    #[test]
    fn a_stateful_sets_pod_is_ended_when_it_is_broken_and_not_held_back_by_the_partition() {
        let pod = |name: &str, ready: &str, revision: &str| {
            json!({
                "metadata": {
                    "name": name, "ownerReferences": [{"uid": "u-1"}], "labels": {"controller-revision-hash": revision},
                },
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            })
        };
        assert!(blocks(&pod("db-2", "False", "bad"), "u-1", "good", 0));
        assert!(!blocks(&pod("db-2", "True", "bad"), "u-1", "good", 0));
        assert!(!blocks(&pod("db-2", "False", "good"), "u-1", "good", 0));
        assert!(!blocks(&pod("db-2", "False", "bad"), "u-2", "good", 0));
        assert!(!blocks(&pod("db-2", "False", "bad"), "u-1", "good", 3), "it would come back as it is");
    }

    #[test]
    fn a_restart_of_a_release_is_that_release() {
        let kept = replica_set("web:v1");
        let mut restarted = template("web:v1");
        restarted["metadata"]["annotations"] = json!({RESTARTED: "2026-11-21T12:00:00Z"});
        assert!(kept.is_in(&restarted) && kept.is_in(&template("web:v1")));
        assert!(!kept.is_in(&template("web:v2")));
    }

    #[test]
    fn a_paused_deployment_is_not_returned() {
        let mut paused = found("web:v2");
        paused["spec"]["paused"] = json!(true);
        assert!(decided(&replica_set("web:v1"), &paused, None).err().expect("refused").contains("paused"));
    }

    #[test]
    fn a_revision_is_sent_as_the_patch_that_it_is() {
        let patch = |image: &str| {
            let mut template = template(image);
            template["$patch"] = json!("replace");
            Kept::Patch(json!({"spec": {"template": template}}))
        };
        let change = decided(&patch("web:v1"), &found("web:v2"), None).expect("decided").expect("a change");
        let Change::Strategic(sent) = change else { panic!("a merge") };
        assert_eq!(sent["spec"]["template"]["$patch"], "replace");
        assert!(decided(&patch("web:v2"), &found("web:v2"), None).expect("decided").is_none());
    }
}

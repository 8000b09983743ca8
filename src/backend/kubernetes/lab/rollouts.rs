//! New releases and the way back, for every kind that is rolled out: done once, twice, and after others changed things.

use super::*;
use crate::{
    backend::kubernetes::{change::mark, releases},
    domain::{Object, ReleaseSource},
    plan::{Edits, ReleaseRef, Stamp},
};

/// Serves, unless its environment says that it is a bad release.
pub const APP: &str = "[ -n \"$CRASH\" ] && exit 3; trap 'exit 0' TERM; while :; do sleep 0.2; done";

pub fn template(script: &str) -> Value {
    let container = json!({
        "name": "main", "image": "lab/busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script],
        "env": [{"name": "STEP", "value": "1"}],
    });
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}})
}

pub fn edits(image: Option<&str>, env: &[(&str, &str)]) -> Edits {
    let mut edits = Edits::default();
    if let Some(image) = image {
        edits.images.insert("main".into(), image.into());
    }
    for (name, value) in env {
        edits.env.entry("main".into()).or_default().insert((*name).into(), Some((*value).into()));
    }
    edits
}

/// For one and the same wish.
pub fn stamp(cause: &str) -> Stamp {
    Stamp { asked: Some(Timestamp::now()), cause: Some(cause.into()) }
}

pub fn object(found: &Value) -> Object {
    let uid = found["metadata"]["uid"].as_str().expect("a uid").into();
    let template = Some(mark(&found["spec"]["template"]));
    Object { uid, generation: found["metadata"]["generation"].as_u64(), template }
}

impl Lab {
    /// `web` of this kind, rolled out.
    pub async fn workload(&self, plural: &str, replicas: u32) -> ServiceId {
        let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template(APP)});
        if plural != "daemonsets" {
            spec["replicas"] = json!(replicas);
        }
        if plural == "statefulsets" {
            spec["serviceName"] = json!("web");
        }
        self.make(&self.path(plural), json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let service = self.service("web");
        self.await_rollout(&service, 240).await.expect("it is rolled out");
        service
    }

    async fn web(&self, plural: &str) -> Value {
        self.get(&self.path(&format!("{plural}/web"))).await
    }

    /// The releases that the cluster keeps, newest first.
    async fn releases(&self, service: &ServiceId) -> Vec<ReleaseRef> {
        let workload = super::super::resolve::resolve(&self.site, service).await.expect("found");
        let kept = releases::kept(&self.site.api, &workload).await.expect("releases");
        let release = |release: crate::domain::Release| ReleaseRef {
            source: ReleaseSource::Engine,
            id: release.id.clone(),
            title: release.title().into(),
        };
        kept.into_iter().map(release).collect()
    }

    async fn update(
        &self,
        service: &ServiceId,
        object: Object,
        edits: Edits,
        stamp: &Stamp,
    ) -> Result<Vec<String>, StepError> {
        let step =
            Step::Update { service: service.clone(), object, edits, pace: None, stamp: stamp.clone(), own_pace: None };
        self.execute(step).await
    }

    async fn give_back(
        &self,
        service: &ServiceId,
        object: Object,
        release: &ReleaseRef,
    ) -> Result<Vec<String>, StepError> {
        let (service, release) = (service.clone(), release.clone());
        self.execute(Step::Return { service, object, release, stamp: stamp("roll back by ann") }).await
    }
}

/// Whatever it is by then.
fn any(found: &Value) -> Object {
    object(found).whatever()
}

fn step_of(found: &Value) -> (&Value, &Value) {
    let container = &found["spec"]["template"]["spec"]["containers"][0];
    (&container["image"], &container["env"][0]["value"])
}

async fn forth_and_back(plural: &'static str) {
    in_the_lab(&format!("kube-{plural}"), |lab| async move {
        let service = lab.workload(plural, 1).await;
        let first = lab.releases(&service).await.remove(0);
        let before = lab.web(plural).await;
        let (wish, edits) = (stamp("roll out by ann: OPS-1"), edits(Some("lab/busybox:next"), &[("STEP", "2")]));
        lab.update(&service, object(&before), edits.clone(), &wish).await.expect("changed");
        let after = lab.web(plural).await;
        assert_eq!(step_of(&after), (&json!("lab/busybox:next"), &json!("2")));
        assert_eq!(after["metadata"]["annotations"]["kubernetes.io/change-cause"], "roll out by ann: OPS-1");
        lab.update(&service, object(&before), edits, &wish).await.expect("it is so already");
        assert_eq!(lab.web(plural).await["metadata"]["generation"], after["metadata"]["generation"]);
        lab.await_rollout(&service, 240).await.expect("rolled out");
        assert_eq!(lab.releases(&service).await.len(), 2);

        let now = lab.web(plural).await;
        lab.give_back(&service, object(&now), &first).await.expect("returned");
        let back = lab.web(plural).await;
        assert_eq!(step_of(&back), (&json!("lab/busybox"), &json!("1")));
        assert_eq!(back["metadata"]["annotations"]["kubernetes.io/change-cause"], "roll back by ann");
        lab.give_back(&service, object(&now), &first).await.expect("it is so already");
        assert_eq!(lab.web(plural).await["metadata"]["generation"], back["metadata"]["generation"]);
        lab.await_rollout(&service, 240).await.expect("rolled back");
        let pods = lab.get(&lab.core("pods?labelSelector=app%3Dweb")).await;
        let alive =
            pods["items"].as_array().expect("pods").iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        for pod in alive {
            assert_eq!(pod["spec"]["containers"][0]["env"][0]["value"], "1", "{plural}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_deployment_is_rolled_out_and_back_and_each_twice_is_once() {
    forth_and_back("deployments").await;
}

#[tokio::test]
async fn a_stateful_set_is_rolled_out_and_back_and_each_twice_is_once() {
    forth_and_back("statefulsets").await;
}

#[tokio::test]
async fn a_daemon_set_is_rolled_out_and_back_and_each_twice_is_once() {
    forth_and_back("daemonsets").await;
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_refused_with_who_did_it() {
    in_the_lab("kube-moved", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let (before, first) = (lab.web("deployments").await, lab.releases(&service).await.remove(0));
        let path = lab.path("deployments/web");
        let theirs = json!({"spec": {"template": {"metadata": {"annotations": {"theirs": "x"}}}}});
        lab.patch(&format!("{path}?fieldManager=kubectl-edit"), MERGE, theirs).await;
        let refused = lab.update(&service, object(&before), edits(None, &[("STEP", "2")]), &stamp("ann")).await;
        let (line, help) = failed(refused);
        assert!(line.contains("it was changed meanwhile by kubectl-edit"), "{line}");
        assert!(help.contains("plan it again"), "{help}");
        assert!(failed(lab.give_back(&service, object(&before), &first).await).0.contains("kubectl-edit"));
        let other = Object { uid: "00000000-0000-4000-8000-000000000000".into(), generation: None, template: None };
        let refused = lab.update(&service, other, edits(None, &[("STEP", "2")]), &stamp("ann")).await;
        assert!(failed(refused).0.contains("made anew"));
        let nowhere = ReleaseRef { id: "web-nothing".into(), ..first };
        assert!(failed(lab.give_back(&service, any(&before), &nowhere).await).0.contains("keeps no release"));
        let nothing = Edits { images: [("wep".into(), "x".into())].into(), ..Edits::default() };
        let refused = lab.update(&service, any(&before), nothing, &stamp("ann")).await;
        assert!(failed(refused).0.contains("no container wep, but main"));
    })
    .await;
}

#[tokio::test]
async fn a_bad_release_is_told_by_its_cause_and_undone_while_it_is_under_way() {
    in_the_lab("kube-botched", |lab| async move {
        let service = lab.workload("deployments", 2).await;
        let (before, first) = (lab.web("deployments").await, lab.releases(&service).await.remove(0));
        let old = lab.pods().await;
        lab.update(&service, object(&before), edits(Some("lab/absent:v9"), &[]), &stamp("ann")).await.expect("changed");
        let (line, help) = failed(lab.await_rollout(&service, 120).await);
        assert!(line.contains("image lab/absent:v9 cannot be had"), "{line}");
        assert!(help.contains("describe pod web-"), "{help}");
        lab.give_back(&service, any(&before), &first).await.expect("returned");
        lab.await_rollout(&service, 240).await.expect("as it was");
        assert_eq!(lab.pods().await, old, "the old ones were never touched");

        lab.update(&service, any(&before), edits(None, &[("CRASH", "1")]), &stamp("ann")).await.expect("changed");
        let (line, _) = failed(lab.await_rollout(&service, 120).await);
        assert!(line.contains("main ends again and again, with exit 3"), "{line}");
        // At once: what its controller says is still of the bad one.
        lab.give_back(&service, any(&before), &first).await.expect("returned");
        lab.await_rollout(&service, 240).await.expect("as it was");
        assert_eq!(lab.pods().await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_was_over_before_is_not_held_against_the_way_back() {
    in_the_lab("kube-late", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let (before, first) = (lab.web("deployments").await, lab.releases(&service).await.remove(0));
        let path = lab.path("deployments/web");
        lab.patch(&path, MERGE, json!({"spec": {"progressDeadlineSeconds": 2}})).await;
        // Runs, and is never ready.
        let probe = json!({"name": "main", "readinessProbe": {"exec": {"command": ["false"]}}});
        lab.patch(&path, MERGE, json!({"spec": {"template": {"spec": {"containers": [probe]}}}})).await;
        let is_late = |web: &Value| web["status"]["conditions"].to_string().contains("ProgressDeadlineExceeded");
        lab.until("the deadline", || lab.get(&path), is_late).await;
        let (line, _) = failed(lab.await_rollout(&service, 60).await);
        assert!(line.contains("deadline for progress"), "{line}");
        lab.give_back(&service, any(&before), &first).await.expect("returned");
        lab.await_rollout(&service, 240).await.expect("as it was");
    })
    .await;
}

#[tokio::test]
async fn a_stateful_set_that_is_stuck_goes_back_and_only_its_broken_pod_is_ended() {
    in_the_lab("kube-stuck", |lab| async move {
        let service = lab.workload("statefulsets", 2).await;
        let (before, first) = (lab.web("statefulsets").await, lab.releases(&service).await.remove(0));
        let uid = |name: &'static str| {
            let path = lab.core(&format!("pods/{name}"));
            let lab = lab.clone();
            async move { lab.get(&path).await["metadata"]["uid"].clone() }
        };
        let well = uid("web-0").await;
        // One that starts is ready for an instant, without a probe: enough for its controller to go on to web-0. This one never starts.
        let absent = edits(Some("lab/absent:v9"), &[]);
        lab.update(&service, object(&before), absent, &stamp("ann")).await.expect("changed");
        failed(lab.await_rollout(&service, 120).await);
        let broken = uid("web-1").await;
        let words = lab.give_back(&service, any(&before), &first).await.expect("returned");
        assert!(words.iter().any(|word| word.contains("ends web-1, which is not ready")), "{words:?}");
        let wants = Some(crate::plan::Recipe::Release(first));
        lab.execute(Step::AwaitRollout { service: service.clone(), within: 240, wants }).await.expect("as it was");
        assert_eq!(uid("web-0").await, well, "it was never touched");
        assert_ne!(uid("web-1").await, broken);
    })
    .await;
}

#[tokio::test]
async fn a_paused_deployment_waits_and_goes_on_and_scaling_is_as_asked() {
    in_the_lab("kube-scale", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let pause = |paused| Step::Pause { service: service.clone(), paused, object: None };
        lab.execute(pause(true)).await.expect("paused");
        assert_eq!(lab.execute(pause(true)).await.expect("again"), ["it is so already"]);
        let before = lab.web("deployments").await;
        lab.update(&service, object(&before), edits(None, &[("STEP", "2")]), &stamp("ann")).await.expect("changed");
        assert!(failed(lab.await_rollout(&service, 60).await).0.contains("paused"));
        let first = lab.releases(&service).await.remove(0);
        let (line, help) = failed(lab.give_back(&service, any(&before), &first).await);
        assert!(line.contains("paused") && help.contains("resume"), "{line} {help}");
        lab.execute(pause(false)).await.expect("resumed");
        lab.await_rollout(&service, 240).await.expect("rolled out");

        let scale = |to| Step::Scale { service: service.clone(), to, object: None };
        lab.execute(scale(3)).await.expect("scaled");
        let generation = lab.generation().await;
        assert_eq!(lab.execute(scale(3)).await.expect("again"), ["it is so already"]);
        assert_eq!(lab.generation().await, generation);
        lab.await_rollout(&service, 240).await.expect("all are there");
        assert_eq!(lab.pods().await.len(), 3);
        lab.execute(scale(0)).await.expect("scaled to none");
        assert_eq!(lab.web("deployments").await["spec"]["replicas"], 0);
        lab.await_rollout(&service, 240).await.expect("none is there");
    })
    .await;
}

#[tokio::test]
async fn a_daemon_set_is_neither_scaled_nor_paused() {
    in_the_lab("kube-daemons", |lab| async move {
        let service = lab.workload("daemonsets", 1).await;
        let refused = lab.execute(Step::Scale { service: service.clone(), to: 2, object: None }).await;
        assert!(failed(refused).0.contains("on every machine"));
        assert!(
            failed(lab.execute(Step::Pause { service, paused: true, object: None }).await)
                .0
                .contains("cannot be paused")
        );
    })
    .await;
}

#[tokio::test]
async fn a_lone_pod_is_ended_where_that_is_wanted() {
    in_the_lab("kube-alone", |lab| async move {
        let mut pod = template(SERVE);
        pod["metadata"]["name"] = json!("alone");
        lab.make(&lab.core("pods"), pod).await;
        let alone = lab.pods().await.remove(0);
        let replace = Step::Replace { instance: alone, name: "alone".into(), grace: 120, alone: true };
        lab.execute(replace.clone()).await.expect("ended");
        lab.execute(replace).await.expect("it is gone already");
        assert_eq!(lab.pods().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_nothing_makes_anew_is_not_replaced() {
    in_the_lab("lone", |lab| async move {
        let container =
            json!({"name": "main", "image": "lab/busybox", "imagePullPolicy": "Never", "command": ["sleep", "60"]});
        let pod = json!({
            "metadata": {"name": "alone", "labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
        });
        lab.make(&lab.core("pods"), pod).await;
        let alone = lab.pods().await.remove(0);
        let replace = Step::Replace { instance: alone.clone(), name: "alone".into(), grace: 0, alone: false };
        assert!(failed(lab.execute(replace).await).0.contains("no controller"));
        assert_eq!(lab.pods().await, [alone]);
    })
    .await;
}

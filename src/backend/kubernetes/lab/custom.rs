//! What others add to a cluster (the Gateway API, Argo Rollouts, Flagger) and ingresses: real objects on a real server, with the test in
//! the place of their controllers.

use tokio::sync::{Mutex, MutexGuard};

use super::{
    rollouts::{edits, object, stamp},
    *,
};
use crate::{
    backend::kubernetes::{Site, discovery::Served, means},
    domain::{Controller, Object, ReleaseSource, Route},
    plan::{ReleaseRef, Steer, Traffic},
};

const STATUS: &str = "application/merge-patch+json";
/// They are of the whole cluster, so one test has them at a time.
static KINDS: Mutex<()> = Mutex::const_new(());

struct Kinds<'a> {
    lab: &'a Lab,
    made: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Kinds<'_> {
    /// The lab with kinds of these names, whose fields are anybody's.
    async fn of<'a>(lab: &'a Lab, kinds: &[(&str, &str, &str, &str)]) -> (Kinds<'a>, Lab) {
        let mut made = Kinds { lab, made: Vec::new(), _alone: KINDS.lock().await };
        let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        for (group, version, plural, kind) in kinds {
            let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
            let version_of = json!({"name": version, "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}});
            let names = json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind});
            let name = format!("{plural}.{group}");
            // The Gateway API's own group is taken for the project's, which says so itself.
            let annotations = json!({"api-approved.kubernetes.io": "unapproved, a test"});
            let body = json!({"metadata": {"name": name, "annotations": annotations},
                "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version_of]}});
            lab.make(crds, body).await;
            made.made.push(format!("{crds}/{name}"));
            let list = format!("/apis/{group}/{version}/namespaces/{}/{plural}", lab.namespace);
            let seen = || async { lab.site.api.get::<Value>(&list).await.unwrap_or_default() };
            lab.until("the kind to be served", seen, |list| list["items"].is_array()).await;
        }
        // Who lists the groups is another than who serves them.
        let are_listed = |all: &Value| {
            let groups: Vec<_> = all["groups"].as_array().into_iter().flatten().collect();
            kinds.iter().all(|(name, ..)| groups.iter().any(|group| group["name"] == *name))
        };
        lab.until("the groups to be listed", || lab.get("/apis"), are_listed).await;
        let served = Served::find(&lab.site.api).await.expect("found");
        let site = Site { served: Arc::new(served), ..lab.site.clone() };
        (made, Lab { site, namespace: lab.namespace.clone() })
    }

    async fn gone(self) {
        for path in &self.made {
            let gone = self.lab.site.api.change::<Value>(Method::DELETE, path, "application/json", &json!({})).await;
            gone.expect("the kind is removed");
            // The next test may want it, and it is taken away in its own time.
            let is_there = || async { json!(self.lab.site.api.get::<Value>(path).await.is_ok()) };
            self.lab.until("the kind to be gone", is_there, |there| *there == json!(false)).await;
        }
    }
}

/// With kinds that go whatever comes of the case.
pub(super) async fn with_kinds<F: Future<Output = ()>>(
    name: &str,
    kinds: &'static [(&'static str, &'static str, &'static str, &'static str)],
    case: impl FnOnce(Arc<Lab>) -> F,
) {
    in_the_lab(name, |lab| async move {
        let (made, inside) = Kinds::of(&lab, kinds).await;
        let played = AssertUnwindSafe(case(Arc::new(inside))).catch_unwind().await;
        made.gone().await;
        if let Err(panic) = played {
            std::panic::resume_unwind(panic);
        }
    })
    .await;
}

fn uid(object: &Value) -> Arc<str> {
    object["metadata"]["uid"].as_str().expect("a uid").into()
}

#[tokio::test]
async fn an_http_route_is_divided_and_made_whole_again() {
    with_kinds("kube-gateway", &[("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")], |lab| async move {
        let path = format!("/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes", lab.namespace);
        let rules = json!([{"backendRefs": [{"name": "web", "port": 80}]}, {"backendRefs": [{"name": "api", "port": 80}]}]);
        let body = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"}, "spec": {"rules": rules}});
        let made = lab.make(&path, body).await;
        let service = lab.workload("deployments", 1).await;
        let front = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        lab.make(&lab.core("services"), front).await;
        let found = means::of(&lab.site, &service).await.expect("means");
        let route = Route::HttpRoute { name: "shop".into(), uid: uid(&made), service: "web".into() };
        assert_eq!(found.routes.last(), Some(&route));

        let shift = |to| Step::Shift { service: service.clone(), route: route.clone(), to };
        let part = |percent| Traffic::Part { canary: "web-canary".into(), percent };
        let path = format!("{path}/shop");
        for percent in [10, 10, 50] {
            lab.execute(shift(part(percent))).await.expect("shifted");
            let divided = lab.get(&path).await;
            let backends = &divided["spec"]["rules"][0]["backendRefs"];
            assert_eq!((&backends[0]["weight"], &backends[1]["weight"]), (&json!(100 - percent), &json!(percent)));
            assert_eq!(backends[1]["name"], "web-canary");
            assert_eq!(divided["spec"]["rules"][1], rules[1]);
        }
        let whole = shift(Traffic::Whole { canary: "web-canary".into() });
        lab.execute(whole.clone()).await.expect("whole");
        assert_eq!(lab.get(&path).await["spec"]["rules"], rules);
        assert_eq!(lab.execute(whole).await.expect("again"), ["it is so already"]);
        let theirs = json!({"spec": {"rules": [{"backendRefs": [{"name": "other", "port": 80}]}]}});
        lab.patch(&path, STATUS, theirs).await;
        assert!(failed(lab.execute(shift(part(10))).await).0.contains("sends to web"));
    })
    .await;
}

#[tokio::test]
async fn an_ingress_of_nginx_has_a_second_one_beside_it_for_a_while() {
    in_the_lab("kube-ingress", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let front = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        lab.make(&lab.core("services"), front).await;
        let path = format!("/apis/networking.k8s.io/v1/namespaces/{}/ingresses", lab.namespace);
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let http = json!({"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]});
        let body = json!({"metadata": {"name": "shop", "annotations": {"kubernetes.io/ingress.class": "nginx"}},
            "spec": {"rules": [{"host": "shop.test", "http": http}]}});
        let made = lab.make(&path, body.clone()).await;
        let found = means::of(&lab.site, &service).await.expect("means");
        let route = Route::Ingress { name: "shop".into(), uid: uid(&made), service: "web".into() };
        assert_eq!(found.routes.last(), Some(&route));

        let shift = |to| Step::Shift { service: service.clone(), route: route.clone(), to };
        for percent in [10_u8, 10, 50] {
            let part = Traffic::Part { canary: "web-canary".into(), percent };
            lab.execute(shift(part)).await.expect("shifted");
            let second = lab.get(&format!("{path}/shop-web-canary")).await;
            let annotations = &second["metadata"]["annotations"];
            assert_eq!(annotations["nginx.ingress.kubernetes.io/canary-weight"], percent.to_string());
            let backend = &second["spec"]["rules"][0]["http"]["paths"][0]["backend"];
            assert_eq!(backend["service"]["name"], "web-canary");
        }
        assert_eq!(lab.get(&format!("{path}/shop")).await["spec"], made["spec"], "the first is as it was");
        let whole = shift(Traffic::Whole { canary: "web-canary".into() });
        lab.execute(whole.clone()).await.expect("whole");
        assert_eq!(lab.execute(whole).await.expect("again"), ["it is so already"]);
        let mut theirs = body;
        theirs["metadata"] = json!({"name": "theirs", "annotations": {"nginx.ingress.kubernetes.io/canary": "true"}});
        lab.make(&path, theirs).await;
        let part = Traffic::Part { canary: "web-canary".into(), percent: 10 };
        assert!(failed(lab.execute(shift(part)).await).0.contains("ingress theirs is a canary of the same host"));
    })
    .await;
}

#[tokio::test]
async fn a_canary_of_flaggers_is_found_by_its_target() {
    with_kinds("kube-flagger", &[("flagger.app", "v1beta1", "canaries", "Canary")], |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let path = format!("/apis/flagger.app/v1beta1/namespaces/{}/canaries", lab.namespace);
        let webhooks = json!([{"name": "ask", "type": "confirm-promotion", "url": "http://gate/check"}]);
        let body = json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "web"}, "analysis": {"webhooks": webhooks}}});
        lab.make(&path, body).await;
        lab.patch(&format!("{path}/web/status"), STATUS, json!({"status": {"phase": "WaitingPromotion"}})).await;
        let found = means::of(&lab.site, &service).await.expect("means").controller.expect("a controller");
        let gates = vec!["confirm-promotion ask (http://gate/check)".into()];
        assert_eq!(found, Controller::Flagger { name: "web".into(), phase: "WaitingPromotion".into(), gates });
    })
    .await;
}

const ARGO: &[(&str, &str, &str, &str)] = &[("argoproj.io", "v1alpha1", "rollouts", "Rollout")];

impl Lab {
    fn rollouts(&self) -> String {
        format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts", self.namespace)
    }

    async fn rollout(&self, spec: Value) -> Value {
        let body =
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": spec});
        self.make(&self.rollouts(), body).await
    }

    /// As its controller would write it.
    async fn says(&self, status: Value) {
        let path = format!("{}/web/status", self.rollouts());
        self.patch(&path, STATUS, json!({"status": status})).await;
    }

    async fn argo(&self) -> Value {
        self.get(&format!("{}/web", self.rollouts())).await
    }

    /// A ReplicaSet as a release of the Rollout is kept.
    async fn kept(&self, rollout: &Value, name: &str, step: &str) -> ReleaseRef {
        let mut template = super::rollouts::template(SERVE);
        template["metadata"]["labels"]["rollouts-pod-template-hash"] = json!(name);
        template["spec"]["containers"][0]["env"][0]["value"] = json!(step);
        let owner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": uid(rollout), "controller": true});
        let labels = json!({"app": "web", "rollouts-pod-template-hash": name});
        let metadata = json!({"name": name, "labels": labels, "ownerReferences": [owner],
            "annotations": {"rollout.argoproj.io/revision": step}});
        let spec = json!({"replicas": 0, "selector": {"matchLabels": labels}, "template": template});
        self.make(&self.path("replicasets"), json!({"metadata": metadata, "spec": spec})).await;
        ReleaseRef { source: ReleaseSource::Engine, id: name.into(), title: name.into() }
    }
}

fn canary(template: Option<Value>) -> Value {
    let steps = json!([{"setWeight": 10}, {"pause": {}}, {"pause": {"duration": "10m"}}]);
    let mut spec =
        json!({"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"canary": {"steps": steps}}});
    match template {
        Some(template) => spec["template"] = template,
        None => spec["workloadRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-pods"}),
    }
    spec
}

#[tokio::test]
async fn a_rollout_of_argos_is_steered_as_its_own_plugin_does_it() {
    with_kinds("kube-argo", ARGO, |lab| async move {
        let made = lab.rollout(canary(Some(super::rollouts::template(SERVE)))).await;
        let service = lab.service("web");
        lab.kept(&made, "web-old", "1").await;
        lab.kept(&made, "web-new", "2").await;
        let paused = json!({
            "observedGeneration": "1", "phase": "Paused", "currentPodHash": "web-new", "stableRS": "web-old", "currentStepIndex": 1,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-21T12:00:00Z"}],
        });
        lab.says(paused).await;
        let Some(Controller::Argo(state)) = means::of(&lab.site, &service).await.expect("means").controller else {
            panic!("no controller")
        };
        assert_eq!((state.step, state.under_way), (Some((1, 3)), true));
        assert_eq!(state.fast_track.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["web-old"]);
        let asks = lab.await_rollout(&service, 5).await;
        assert!(matches!(&asks, Err(StepError::Unsure(trouble)) if trouble.why.contains("promoted")), "{asks:?}");

        let told = |word, at| Step::Steer { service: service.clone(), object: object(&made), word, at, release: Some("web-new".into()) };
        let of_another = Step::Steer {
            service: service.clone(),
            object: object(&made),
            word: Steer::Promote,
            at: Some(1),
            release: Some("web-newer".into()),
        };
        assert!(failed(lab.execute(of_another).await).0.contains("another release is under way"));
        lab.execute(told(Steer::Promote, Some(1))).await.expect("promoted");
        assert!(lab.argo().await["status"]["pauseConditions"].is_null());
        // Its controller goes on to the next step, and the same word is said again.
        lab.says(json!({"currentStepIndex": 2, "pauseConditions": [{"reason": "CanaryPauseStep"}]})).await;
        assert_eq!(lab.execute(told(Steer::Promote, Some(1))).await.expect("again"), ["it is so already"]);
        assert!(lab.argo().await["status"]["pauseConditions"].is_array());
        lab.execute(told(Steer::Abort, None)).await.expect("aborted");
        lab.execute(told(Steer::Abort, None)).await.expect("is so already");
        assert_eq!(lab.argo().await["status"]["abort"], true);
        assert!(failed(lab.execute(told(Steer::Promote, None)).await).0.contains("aborted"));
        lab.execute(told(Steer::Retry, None)).await.expect("retried");
        assert_eq!(lab.argo().await["status"]["abort"], false);
        lab.execute(told(Steer::PromoteFull, None)).await.expect("promoted");
        assert_eq!(lab.argo().await["status"]["promoteFull"], true);
        lab.says(json!({"stableRS": "web-new"})).await;
        assert!(failed(lab.execute(told(Steer::Abort, None)).await).0.contains("nothing is under way"));
        assert_eq!(lab.argo().await["metadata"]["generation"], made["metadata"]["generation"]);
    })
    .await;
}

#[tokio::test]
async fn a_rollout_gets_a_new_template_and_an_old_one_back() {
    with_kinds("kube-argo-own", ARGO, |lab| async move {
        let made = lab.rollout(canary(Some(super::rollouts::template(SERVE)))).await;
        let (service, old) = (lab.service("web"), lab.kept(&made, "web-old", "1").await);
        let image = |found: &Value| found["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        let update = Step::Update {
            service: service.clone(),
            object: object(&made),
            edits: edits(Some("lab/busybox:next"), &[]),
            pace: None,
            stamp: stamp("ann"),
            own_pace: None,
        };
        lab.execute(update.clone()).await.expect("changed");
        assert_eq!(image(&lab.argo().await), "lab/busybox:next");
        assert_eq!(lab.execute(update).await.expect("again"), ["it is so already"]);
        let any = object(&made).whatever();
        lab.execute(Step::Return { service: service.clone(), object: any, release: old, stamp: stamp("ann") })
            .await
            .expect("returned");
        let back = lab.argo().await;
        assert_eq!(image(&back), "lab/busybox");
        assert!(back["spec"]["template"]["metadata"]["labels"]["rollouts-pod-template-hash"].is_null());
        // Scaled by itself, since this kind serves no /scale here; paused by its own word.
        lab.execute(Step::Scale { service: service.clone(), to: 4, object: None }).await.expect("scaled");
        lab.execute(Step::Pause { service, paused: true, object: None }).await.expect("paused");
        let now = lab.argo().await;
        assert_eq!((&now["spec"]["replicas"], &now["spec"]["paused"]), (&json!(4), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn a_rollout_whose_template_is_a_deployments_is_changed_there() {
    with_kinds("kube-argo-ref", ARGO, |lab| async move {
        let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": super::rollouts::template(SERVE)});
        let pods = lab.make(&lab.path("deployments"), json!({"metadata": {"name": "web-pods"}, "spec": spec})).await;
        let made = lab.rollout(canary(None)).await;
        let (service, old) = (lab.service("web"), lab.kept(&made, "web-old", "1").await);
        let update = Step::Update {
            service: service.clone(),
            // As it is told: its uid, and the template that it refers to.
            object: Object { template: object(&pods).template, ..object(&made) },
            edits: edits(None, &[("STEP", "2")]),
            pace: None,
            stamp: stamp("ann"),
            own_pace: None,
        };
        lab.execute(update).await.expect("changed");
        let path = lab.path("deployments/web-pods");
        let step = |found: &Value| found["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].clone();
        let changed = lab.get(&path).await;
        assert_eq!(step(&changed), "2");
        let healthy = json!({"observedGeneration": "1", "phase": "Healthy", "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
            "workloadObservedGeneration": pods["metadata"]["generation"].to_string()});
        lab.says(healthy).await;
        let (line, _) = failed(lab.await_rollout(&service, 1).await);
        assert!(line.contains("not seen the change"), "{line}");
        lab.says(json!({"workloadObservedGeneration": changed["metadata"]["generation"].to_string()})).await;
        lab.await_rollout(&service, 10).await.expect("its controller has seen it");
        let release = Step::Return { service, object: object(&made).whatever(), release: old, stamp: stamp("ann") };
        lab.execute(release).await.expect("returned");
        assert_eq!(step(&lab.get(&path).await), "1");
    })
    .await;
}

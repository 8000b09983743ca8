//! What others do meanwhile, and what a cluster does not let happen: met, named, and not made worse.

use std::collections::BTreeMap;

use super::{
    rollouts::{APP, edits, object, stamp, template},
    *,
};
use crate::{
    backend::kubernetes::means,
    domain::{Object, Pace, Route},
    plan::{Edits, Recipe, Traffic},
};

impl Lab {
    async fn deployed(&self) -> Value {
        self.get(&self.path("deployments/web")).await
    }

    fn changing(&self, object: Object, edits: Edits) -> Step {
        let (service, stamp) = (self.service("web"), stamp("ann"));
        Step::Update { service, object, edits, pace: None, stamp, own_pace: None }
    }

    /// No more than so many pods, and the service has them.
    pub async fn quota(&self, service: &ServiceId, pods: &str) {
        let few = json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": pods}}});
        self.make(&self.core("resourcequotas"), few).await;
        let path = self.core("resourcequotas/few");
        self.until("the quota to count", || self.get(&path), |quota| quota["status"]["used"]["pods"] == pods).await;
        // What admits is a moment behind what counts.
        let full = || async { json!(means::of(&self.site, service).await.expect("means").full.is_some()) };
        self.until("the quota to hold", full, |full| *full == json!(true)).await;
    }

    async fn budget(&self, least: u32) {
        let path = format!("/apis/policy/v1beta1/namespaces/{}/poddisruptionbudgets", self.namespace);
        let spec = json!({"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}});
        self.make(&path, json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let budget = format!("{path}/web");
        let counted = |budget: &Value| budget["status"]["currentHealthy"].as_u64() == Some(u64::from(least));
        self.until("the budget to count", || self.get(&budget), counted).await;
    }
}

#[tokio::test]
async fn an_autoscaler_that_scales_while_a_plan_waits_does_not_stop_its_change() {
    in_the_lab("guard-scaled", |lab| async move {
        lab.workload("deployments", 1).await;
        let planned = object(&lab.deployed().await);
        let scale = json!({"spec": {"replicas": 2}});
        lab.patch(&lab.path("deployments/web/scale"), "application/merge-patch+json", scale).await;
        assert_ne!(lab.deployed().await["metadata"]["generation"].as_u64(), planned.generation);
        lab.execute(lab.changing(planned.clone(), edits(None, &[("STEP", "2")]))).await.expect("changed");
        let refused = lab.execute(lab.changing(planned, edits(None, &[("STEP", "3")]))).await;
        assert!(failed(refused).0.contains("changed meanwhile"), "its template is another one now");
    })
    .await;
}

#[tokio::test]
async fn a_release_that_somebody_takes_back_is_not_told_as_rolled_out() {
    in_the_lab("guard-back", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let (first, new) = (edits(None, &[("STEP", "1")]), edits(None, &[("STEP", "2")]));
        lab.execute(lab.changing(object(&lab.deployed().await), new.clone())).await.expect("changed");
        let wait =
            |edits| Step::AwaitRollout { service: service.clone(), within: 240, wants: Some(Recipe::Edited(edits)) };
        lab.execute(wait(new.clone())).await.expect("it is out");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let container = json!({"name": "main", "env": [{"name": "STEP", "value": "1"}]});
        let theirs = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        lab.patch(&format!("{}?fieldManager=argocd-controller", lab.path("deployments/web")), MERGE, theirs).await;
        let (line, help) = failed(lab.execute(wait(new)).await);
        assert!(line.contains("its template was changed meanwhile by argocd-controller"), "{line}");
        assert!(help.contains("its source"), "{help}");
        lab.execute(wait(first)).await.expect("and that is what runs");
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_ended_long_before_does_not_end_the_waiting_for_more_of_them() {
    in_the_lab("guard-loop", |lab| async move {
        let script = format!("case $(hostname) in web-1) exit 3;; esac; {APP}");
        let spec = json!({
            "serviceName": "web", "replicas": 2, "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "web"}}, "template": template(&script),
        });
        lab.make(&lab.path("statefulsets"), json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let path = lab.core("pods/web-1");
        let seen = || async { lab.site.api.get::<Value>(&path).await.unwrap_or_default() };
        let ended = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64() >= Some(3);
        lab.until("it to end again and again", seen, ended).await;
        let service = lab.service("web");
        lab.execute(Step::Scale { service: service.clone(), to: 3, object: None }).await.expect("scaled");
        let set = lab.path("statefulsets/web");
        let is_seen = |set: &Value| set["status"]["observedGeneration"] == set["metadata"]["generation"];
        lab.until("the scale to be seen", || lab.get(&set), is_seen).await;
        let began = Instant::now();
        let (line, _) = failed(lab.await_rollout(&service, 8).await);
        assert!(began.elapsed() >= Duration::from_secs(8), "{line}");
        assert!(line.contains("after 8 s") && line.contains("web-1: main ends again and again"), "{line}");
    })
    .await;
}

#[tokio::test]
async fn what_did_no_good_is_gone_when_none_of_it_is_wanted_any_more() {
    in_the_lab("guard-none", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let probe = json!({"name": "main", "readinessProbe": {"exec": {"command": ["false"]}}});
        let spec = json!({"progressDeadlineSeconds": 2, "template": {"spec": {"containers": [probe]}}});
        lab.patch(&lab.path("deployments/web"), MERGE, json!({"spec": spec})).await;
        let is_late = |web: &Value| web["status"]["conditions"].to_string().contains("ProgressDeadlineExceeded");
        lab.until("the deadline", || lab.deployed(), is_late).await;
        lab.execute(Step::Scale { service: service.clone(), to: 0, object: None }).await.expect("scaled");
        lab.await_rollout(&service, 240).await.expect("none of it is there");
        lab.until("the last of them to go", || async { json!(lab.pods().await.len()) }, |pods| *pods == json!(0)).await;
    })
    .await;
}

#[tokio::test]
async fn percentages_are_percentages_again_after_a_pace_of_numbers() {
    in_the_lab("guard-pace", |lab| async move {
        let service = lab.workload("deployments", 2).await;
        let before = lab.deployed().await;
        let found = means::of(&lab.site, &service).await.expect("means");
        let paced = |pace, own_pace| Step::Update {
            service: service.clone(),
            object: found.object.clone().expect("an object"),
            edits: Edits::default(),
            pace: Some(pace),
            stamp: stamp("ann"),
            own_pace,
        };
        let pace = Pace { max_unavailable: 1, max_surge: 2, min_ready: 3 };
        lab.execute(paced(pace, None)).await.expect("set");
        let rolling = |web: &Value| web["spec"]["strategy"]["rollingUpdate"].clone();
        assert_eq!(rolling(&lab.deployed().await), json!({"maxUnavailable": 1, "maxSurge": 2}));
        lab.execute(paced(found.pace.expect("a pace"), found.rules.pace.clone())).await.expect("given back");
        let after = lab.deployed().await;
        assert_eq!(rolling(&after), json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
        assert_eq!(after["spec"]["minReadySeconds"], before["spec"]["minReadySeconds"]);
    })
    .await;
}

#[tokio::test]
async fn a_quota_that_fills_on_the_way_is_named_as_the_cause() {
    in_the_lab("guard-quota", |lab| async move {
        let service = lab.workload("deployments", 2).await;
        lab.quota(&service, "2").await;
        assert_eq!(means::of(&lab.site, &service).await.expect("means").obstacle, None);
        let new = edits(None, &[("STEP", "2")]);
        lab.execute(lab.changing(object(&lab.deployed().await), new)).await.expect("changed");
        let is_refused = |web: &Value| web["status"]["conditions"].to_string().contains("exceeded quota");
        lab.until("the quota to refuse", || lab.deployed(), is_refused).await;
        let (line, _) = failed(lab.await_rollout(&service, 8).await);
        assert!(line.contains("nothing new can be created") && line.contains("exceeded quota: few"), "{line}");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_to_create_that_has_passed_is_not_why_a_stateful_set_does_not_get_on() {
    in_the_lab("guard-passed", |lab| async move {
        let service = lab.workload("statefulsets", 2).await;
        let hard = |pods: &str| json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": pods}}});
        lab.make(&lab.core("resourcequotas"), hard("1")).await;
        let quota = lab.core("resourcequotas/few");
        lab.until("the quota to count", || lab.get(&quota), |quota| quota["status"]["used"]["pods"] == "2").await;
        let unready = json!({"name": "main", "readinessProbe": {"exec": {"command": ["false"]}}});
        let spec = json!({"template": {"spec": {"containers": [unready], "terminationGracePeriodSeconds": 0}}});
        lab.patch(&lab.path("statefulsets/web"), MERGE, json!({"spec": spec})).await;
        let events = lab.core("events?fieldSelector=reason%3DFailedCreate");
        lab.until("the quota to refuse", || lab.get(&events), |events| events["items"][0].is_object()).await;
        let (line, _) = failed(lab.await_rollout(&service, 1).await);
        assert!(line.contains("nothing new can be created") && line.contains("exceeded quota"), "{line}");
        lab.patch(&quota, MERGE, hard("2")).await;
        lab.until("both to be there", || async { json!(lab.pods().await.len()) }, |pods| *pods == json!(2)).await;
        let (line, _) = failed(lab.await_rollout(&service, 8).await);
        assert!(line.contains("web-1 is not ready") && !line.contains("created"), "{line}");
    })
    .await;
}

#[tokio::test]
async fn what_admission_would_not_let_in_is_met_before_anything_is_changed() {
    in_the_lab("guard-admission", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let limits = json!({"limits": [{"type": "Pod", "min": {"memory": "1Gi"}}]});
        lab.make(&lab.core("limitranges"), json!({"metadata": {"name": "big"}, "spec": limits})).await;
        let (before, new) = (lab.deployed().await, edits(None, &[("STEP", "2")]));
        let step = lab.changing(object(&before), new.clone());
        let workload = super::super::resolve::resolve(&lab.site, &service).await.expect("found");
        let pods = &before["spec"]["template"];
        // The server's own book of limits is a moment behind.
        let tried =
            || async { json!(super::super::trial::pod(&lab.site, &workload, pods, &new, "trial").await.is_err()) };
        lab.until("the limit to hold", tried, |refused| *refused == json!(true)).await;
        let (line, _) = failed(lab.execute(step).await);
        assert!(line.contains("the cluster lets no pod of it in: minimum memory usage per Pod is 1Gi"), "{line}");
        assert_eq!(lab.deployed().await["metadata"]["generation"], before["metadata"]["generation"]);
        let set = Step::MakeSet {
            set: lab.service("web-canary"),
            like: service,
            edits: new,
            replicas: 1,
            front: None,
            stamp: stamp("ann"),
            object: Some(object(&before).whatever()),
        };
        assert!(failed(lab.execute(set).await).0.contains("lets no pod of it in"));
        assert!(lab.site.api.get::<Value>(&lab.path("deployments/web-canary")).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_a_canary_and_its_way_back_need_is_asked_for_by_verb_and_resource() {
    in_the_lab("guard-rights", |lab| async move {
        let user = format!("{}-dev", lab.namespace);
        let path = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{kind}", lab.namespace);
        let rules = json!([{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch", "create"]}]);
        lab.make(&path("roles"), json!({"metadata": {"name": "dev"}, "rules": rules})).await;
        let binding = json!({
            "metadata": {"name": "dev"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dev"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        lab.make(&path("rolebindings"), binding).await;
        let scope = Scope::new(lab.namespace.as_str());
        let kubeconfig = testing::kubeconfig().expect("there is one");
        let site = site(&kubeconfig, Some(&user)).await;
        // The server's own book of roles is a moment behind.
        let denied = || async { json!(access::denied(&site, &scope).await.expect("an answer")) };
        let holds = |denied: &Value| !denied.to_string().contains("\"patch deployments.apps\"");
        lab.until("the role to hold", denied, holds).await;
        let denied = access::denied(&site, &scope).await.expect("an answer");
        for missing in ["delete deployments.apps", "patch services", "patch deployments.apps/scale", "delete pods"] {
            assert!(denied.contains(missing), "{missing} in {denied:?}");
        }
        assert!(!denied.contains("patch deployments.apps") && !denied.contains("create deployments.apps"));
        assert_eq!(access::denied(&lab.site, &scope).await.expect("an answer"), Default::default());
    })
    .await;
}

#[tokio::test]
async fn a_service_that_was_left_pinned_is_told_and_its_pods_are_not_restarted_under_it() {
    in_the_lab("guard-pinned", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let sets = lab.get(&lab.path("replicasets")).await;
        let hash = sets["items"][0]["metadata"]["labels"]["pod-template-hash"].as_str().expect("a hash").to_owned();
        let selector = json!({"app": "web", "pod-template-hash": hash});
        let spec = json!({"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]});
        lab.make(&lab.core("services"), json!({"metadata": {"name": "web"}, "spec": spec})).await;
        let route = means::of(&lab.site, &service).await.expect("means").routes.remove(0);
        let Route::Selector { selector, pins, .. } = &route else { panic!("{route:?}") };
        assert_eq!(pins, &BTreeMap::from([("pod-template-hash".into(), hash.as_str().into())]));
        let restart = Step::Redeploy {
            service: service.clone(),
            asked: None,
            cause: Some("restart by ann".into()),
            object: None,
        };
        let (line, help) = failed(lab.execute(restart.clone()).await);
        assert!(line.contains("service web sends to the pods of one release alone"), "{line}");
        assert!(help.contains("resume or undo"), "{help}");
        let to = Traffic::Labels(selector.clone());
        let path = lab.core("endpoints/web");
        let endpoints = || async { lab.site.api.get::<Value>(&path).await.unwrap_or_default() };
        lab.until("it to be sent to", endpoints, |endpoints| endpoints["subsets"][0]["addresses"].is_array()).await;
        lab.execute(Step::Shift { service: service.clone(), route: route.clone(), to }).await.expect("let go");
        lab.execute(restart).await.expect("restarted");
        let now = lab.deployed().await;
        assert_eq!(now["metadata"]["annotations"]["kubernetes.io/change-cause"], "restart by ann");
        lab.await_rollout(&service, 240).await.expect("rolled out");
        lab.until("it to be sent to again", endpoints, |endpoints| endpoints["subsets"][0]["addresses"].is_array())
            .await;
    })
    .await;
}

#[tokio::test]
async fn one_that_serves_is_ended_as_its_budget_allows_and_one_that_does_not_at_once() {
    in_the_lab("guard-budget", |lab| async move {
        let service = lab.workload("deployments", 2).await;
        lab.budget(2).await;
        let pod = lab.pods().await.remove(0);
        let replace = Step::Replace { instance: pod.clone(), name: "web-1".into(), grace: 1, alone: false };
        let (line, help) = failed(lab.execute(replace.clone()).await);
        assert!(line.contains("disruption budget web needs 2 healthy pods"), "{line}");
        assert!(help.contains("scale up"), "{help}");
        assert!(lab.pods().await.contains(&pod), "it was not touched");
        lab.execute(Step::Scale { service: service.clone(), to: 3, object: None }).await.expect("scaled");
        lab.await_rollout(&service, 240).await.expect("three");
        let replace = Step::Replace { instance: pod.clone(), name: "web-1".into(), grace: 120, alone: false };
        lab.execute(replace).await.expect("now it may go");
        assert!(!lab.pods().await.contains(&pod));
    })
    .await;
}

#[tokio::test]
async fn another_object_of_the_same_name_is_neither_scaled_nor_paused_nor_restarted() {
    in_the_lab("guard-other", |lab| async move {
        let service = lab.workload("deployments", 1).await;
        let other = Object { uid: "00000000-0000-4000-8000-000000000000".into(), generation: None, template: None };
        for step in [
            Step::Scale { service: service.clone(), to: 2, object: Some(other.clone()) },
            Step::Pause { service: service.clone(), paused: true, object: Some(other.clone()) },
            Step::Redeploy { service: service.clone(), asked: None, cause: None, object: Some(other.clone()) },
        ] {
            let title = step.title();
            assert!(failed(lab.execute(step).await).0.contains("made anew"), "{title}");
        }
        assert_eq!(lab.generation().await, 1);
    })
    .await;
}

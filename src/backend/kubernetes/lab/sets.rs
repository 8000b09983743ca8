//! Sets beside a service and what sends to them, what is known before a change, and who holds the lease.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    rollouts::{edits, object, stamp},
    *,
};
use crate::{
    backend::kubernetes::{lease, means},
    domain::{Claim, Lease, OperationId, Pace, Route},
    plan::{Stamp, TRACK, Traffic},
};

impl Lab {
    async fn front(&self, name: &str, selector: Value) -> Value {
        let spec = json!({"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]});
        self.make(&self.core("services"), json!({"metadata": {"name": name}, "spec": spec})).await
    }

    /// The tracks of the pods that a Service sends to: "" for the service's own.
    async fn tracks(&self, service: &str) -> Value {
        let endpoints: Value = self.site.api.get(&self.core(&format!("endpoints/{service}"))).await.unwrap_or_default();
        let subsets = endpoints["subsets"].as_array().into_iter().flatten();
        let names: Vec<String> = subsets
            .flat_map(|subset| subset["addresses"].as_array().into_iter().flatten())
            .map(|address| address["targetRef"]["name"].as_str().expect("a pod").to_owned())
            .collect();
        let mut tracks = Vec::new();
        for name in names {
            let pod: Value = self.site.api.get(&self.core(&format!("pods/{name}"))).await.unwrap_or_default();
            tracks.push(pod["metadata"]["labels"][TRACK].as_str().unwrap_or_default().to_owned());
        }
        tracks.sort();
        json!(tracks)
    }

    fn set(&self, name: &str, replicas: u32, stamp: &Stamp) -> Step {
        Step::MakeSet {
            set: self.service(name),
            like: self.service("web"),
            edits: edits(Some("lab/busybox:next"), &[("STEP", "2")]),
            replicas,
            front: Some(name.into()),
            stamp: stamp.clone(),
            object: None,
        }
    }
}

#[tokio::test]
async fn a_canary_gets_requests_beside_the_service_and_is_gone_without_a_trace() {
    in_the_lab("kube-canary", |lab| async move {
        lab.workload("deployments", 2).await;
        lab.front("web", json!({"app": "web"})).await;
        let (wish, canary) = (stamp("roll out by ann"), lab.service("web-canary"));
        lab.execute(lab.set("web-canary", 1, &wish)).await.expect("made");
        lab.await_rollout(&canary, 240).await.expect("rolled out");
        let both = json!(["", "", "web-canary"]);
        lab.until("both get requests", || lab.tracks("web"), |tracks| *tracks == both).await;
        lab.until("its own front", || lab.tracks("web-canary"), |tracks| *tracks == json!(["web-canary"])).await;
        let made = lab.get(&lab.path("deployments/web-canary")).await;
        lab.execute(lab.set("web-canary", 1, &wish)).await.expect("it is so already");
        assert_eq!(
            lab.get(&lab.path("deployments/web-canary")).await["metadata"]["generation"],
            made["metadata"]["generation"]
        );
        lab.execute(lab.set("web-canary", 2, &wish)).await.expect("more of it");
        lab.await_rollout(&canary, 240).await.expect("rolled out");
        let (line, _) = failed(lab.execute(lab.set("web-canary", 1, &stamp("another"))).await);
        assert!(line.contains("for another plan: roll out by ann"), "{line}");
        // The main one does not take its pods for its own.
        assert_eq!(lab.get(&lab.path("deployments/web")).await["status"]["replicas"], 2);

        let discard = Step::DiscardSet { set: canary };
        lab.execute(discard.clone()).await.expect("removed");
        lab.execute(discard).await.expect("it is gone already");
        assert_eq!(lab.pods().await.len(), 2);
        assert!(lab.site.api.get::<Value>(&lab.core("services/web-canary")).await.is_err());
        let foreign = Step::DiscardSet { set: lab.service("web") };
        assert!(failed(lab.execute(foreign).await).0.contains("no plan made"));
        lab.get(&lab.path("deployments/web")).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_is_switched_to_what_is_ready_and_to_nothing_else() {
    in_the_lab("kube-green", |lab| async move {
        lab.workload("deployments", 1).await;
        let front = lab.front("web", json!({"app": "web"})).await;
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<Arc<str>, Arc<str>> {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let original = labels(&[("app", "web")]);
        let uid = front["metadata"]["uid"].as_str().expect("a uid").into();
        let route =
            Route::Selector { name: "web".into(), uid, selector: original.clone(), port: 8080, pins: BTreeMap::new() };
        let shift = |to: BTreeMap<_, _>| Step::Shift {
            service: lab.service("web"),
            route: route.clone(),
            to: Traffic::Labels(to),
        };
        let sets = lab.get(&lab.path("replicasets")).await;
        let blue = sets["items"][0]["metadata"]["labels"]["pod-template-hash"].as_str().expect("a hash").to_owned();
        let green = labels(&[("app", "web"), (TRACK, "web-green")]);
        let (line, _) = failed(lab.execute(shift(green.clone())).await);
        assert!(line.contains("no ready instance has app=web,midwatch.track=web-green"), "{line}");

        lab.until("it to be sent to", || lab.tracks("web"), |tracks| *tracks == json!([""])).await;
        lab.execute(shift(labels(&[("app", "web"), ("pod-template-hash", &blue)]))).await.expect("pinned");
        // Pinned already, and the set's front is found all the same.
        lab.execute(lab.set("web-green", 1, &stamp("ann"))).await.expect("made");
        lab.await_rollout(&lab.service("web-green"), 240).await.expect("rolled out");
        assert_eq!(lab.tracks("web").await, json!([""]));
        lab.execute(shift(green.clone())).await.expect("switched");
        assert_eq!(lab.tracks("web").await, json!(["web-green"]));
        lab.execute(shift(green)).await.expect("it is so already");
        lab.execute(shift(original.clone())).await.expect("both");
        lab.until("both get requests", || lab.tracks("web"), |tracks| *tracks == json!(["", "web-green"])).await;

        let theirs = json!({"spec": {"selector": {"tier": "theirs"}}});
        lab.patch(&lab.core("services/web?fieldManager=kubectl-edit"), MERGE, theirs).await;
        let (line, _) = failed(lab.execute(shift(labels(&[("app", "web"), (TRACK, "web-green")]))).await);
        assert!(line.contains("tier=theirs") && line.contains("by kubectl-edit"), "{line}");
    })
    .await;
}

#[tokio::test]
async fn what_a_deployment_can_be_changed_with_is_told_with_what_stands_in_the_way() {
    in_the_lab("kube-means", |lab| async move {
        let service = lab.workload("deployments", 2).await;
        lab.front("web", json!({"app": "web"})).await;
        lab.front("other", json!({"app": "other"})).await;
        let found = means::of(&lab.site, &service).await.expect("means");
        let web = lab.get(&lab.path("deployments/web")).await;
        assert_eq!(found.object, Some(object(&web)));
        assert_eq!(found.pace, Some(Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 }));
        assert_eq!(&*found.containers[0].image, "lab/busybox");
        assert_eq!(found.containers[0].env.get("STEP").map(|value| &**value), Some("1"));
        assert_eq!(found.routes.iter().map(Route::title).collect::<Vec<_>>(), ["service web"]);
        assert_eq!((found.releases.len(), found.controller, found.obstacle, found.lease), (1, None, None, None));
        assert!(found.without_helm.is_some());

        lab.quota(&service, "2").await;
        let found = means::of(&lab.site, &service).await.expect("means");
        let full = found.full.expect("no room");
        assert!(full.contains("exceeded quota: few") && full.contains("pods=2"), "{full}");
        assert_eq!(found.obstacle, None, "what replaces one that goes may come");
        assert_eq!(lab.generation().await, 1, "it was only tried");
    })
    .await;
}

fn lease(who: &str, operation: &str, seconds: i64) -> Lease {
    let now = Timestamp::now();
    Lease {
        who: who.into(),
        operation: OperationId::from(operation),
        title: "roll out web".into(),
        since: now,
        until: now + jiff::SignedDuration::from_secs(seconds),
    }
}

#[tokio::test]
async fn one_of_two_gets_the_lease_and_the_other_is_told_who_has_it() {
    in_the_lab("kube-lease", |lab| async move {
        let service = lab.service("web");
        let claim = |ours: &Lease, claim| lease::claim(&lab.site, &service, ours.clone(), claim);
        let (ann, ben) = (lease("ann@laptop", "op-ann", 600), lease("ben@desk", "op-ben", 600));
        let (first, second) = tokio::join!(claim(&ann, Claim::Take), claim(&ben, Claim::Take));
        let (first, second) = (first.expect("answered"), second.expect("answered"));
        assert_ne!(first.is_none(), second.is_none(), "one of them has it: {first:?} {second:?}");
        let (winner, loser) = if first.is_none() { (&ann, &ben) } else { (&ben, &ann) };
        let held = claim(loser, Claim::Take).await.expect("answered").expect("another's");
        assert_eq!((&held.who, &held.operation, &held.title), (&winner.who, &winner.operation, &winner.title));
        let left = held.until.duration_since(Timestamp::now()).as_secs();
        assert!((300..=601).contains(&left), "{left}");
        assert_eq!(claim(winner, Claim::Take).await, Ok(None), "renewed");
        assert_eq!(claim(loser, Claim::Release).await, Ok(None), "it was not theirs");
        assert!(claim(loser, Claim::Take).await.expect("answered").is_some());

        assert_eq!(claim(loser, Claim::TakeOver).await, Ok(None));
        let held = claim(winner, Claim::Take).await.expect("answered").expect("another's");
        assert_eq!(held.who, loser.who);
        assert_eq!(claim(loser, Claim::Release).await, Ok(None));
        assert_eq!(lease::held(&lab.site, &service).await, Ok(None));
        assert_eq!(claim(&Lease { until: Timestamp::now(), ..winner.clone() }, Claim::Take).await, Ok(None));
        let seen = || async { json!(claim(loser, Claim::Take).await.expect("answered").is_none()) };
        lab.until("it to be over by itself", seen, |taken| *taken == json!(true)).await;
    })
    .await;
}

#[tokio::test]
async fn a_viewer_is_told_which_rights_a_change_needs() {
    in_the_lab("kube-viewer", |lab| async move {
        let user = format!("{}-viewer", lab.namespace);
        let path = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{kind}", lab.namespace);
        let rules = json!([{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["patch"]}]);
        lab.make(&path("roles"), json!({"metadata": {"name": "viewer"}, "rules": rules})).await;
        let binding = json!({
            "metadata": {"name": "viewer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        lab.make(&path("rolebindings"), binding).await;
        let scope = Scope::new(lab.namespace.as_str());
        let kubeconfig = testing::kubeconfig().expect("there is one");
        let site = site(&kubeconfig, Some(&user)).await;
        // The server's own book of roles is a moment behind.
        let may = || async {
            json!(access::rights(&site, &scope).await.expect("an answer").allow(Capability::Scale).is_ok())
        };
        lab.until("the role to hold", may, |may| *may == json!(true)).await;
        let rights = access::rights(&site, &scope).await.expect("an answer");
        for (denied, missing) in [
            (Capability::RollOut, "patch deployments.apps in "),
            (Capability::Steer, "patch deployments.apps in "),
            (Capability::Drain, "patch nodes"),
        ] {
            let why = rights.allow(denied).expect_err("may not");
            assert!(why.contains(missing), "{denied:?}: {why}");
        }
        let refused = lease::claim(&site, &lab.service("web"), lease("ann@laptop", "op", 30), Claim::Take).await;
        let Err(StepError::Failed(trouble)) = refused else { panic!("{refused:?}") };
        assert!(trouble.why.contains(&format!("{user} may not get leases in {}", lab.namespace)), "{trouble}");
        let missing: BTreeSet<_> = Capability::ALL.into_iter().filter(|it| rights.allow(*it).is_err()).collect();
        assert!(missing.contains(&Capability::Logs));
    })
    .await;
}

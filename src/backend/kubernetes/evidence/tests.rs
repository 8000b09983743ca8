//! Gates over pods of a real cluster: two of an old definition that do well, and one of a new one that does not.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::{
    backend::kubernetes::{
        steps,
        testing::{Lab, PATIENCE, container, on_a_cluster},
    },
    plan::{Gate, Step, wish::HttpGate},
};

const OLD: &str =
    "mkdir /www; echo fine > /www/health; httpd -p 8080 -h /www; while :; do echo level=info; sleep 0.1; done";
const NEW: &str =
    "mkdir /www; echo sick > /www/health; httpd -p 8080 -h /www; while :; do echo level=error; sleep 0.1; done";

fn deployment(script: &str, is_ready: &str) -> Value {
    let mut main = container("main", script);
    let probe = json!({ "exec": { "command": [is_ready] }, "periodSeconds": 1, "timeoutSeconds": 10 });
    main["readinessProbe"] = probe;
    let labels = json!({ "app": "web" });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 2, "selector": { "matchLabels": labels },
            "strategy": { "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false, "containers": [main],
                },
            },
        },
    })
}

async fn judged(lab: &Lab, gate: Gate, new: Group) -> String {
    let service = service(lab);
    let step = Step::Gate { gate, new, old: Group::Older(service.clone()), service };
    match steps::execute(lab.site.clone(), step, Arc::new(|_| {})).await {
        Ok(()) => "ok".into(),
        Err(StepError::Failed(trouble)) => format!("failed: {}", trouble.why),
        Err(StepError::Unsure(trouble)) => format!("unsure: {}", trouble.why),
        Err(StepError::Lost(trouble)) => format!("lost: {}", trouble.why),
    }
}

/// Five times at most, until it says so.
async fn judged_until(lab: &Lab, gate: Gate, new: &Group, is_it: impl Fn(&str) -> bool) -> String {
    let mut said = String::new();
    for _ in 0..5 {
        said = judged(lab, gate.clone(), new.clone()).await;
        if is_it(&said) {
            return said;
        }
    }
    panic!("it never said so: {said}")
}

fn service(lab: &Lab) -> ServiceId {
    ServiceId::new(lab.site.api.cluster(), &lab.namespace.as_str().into(), "web")
}

fn http(at: &str, body: &str) -> Gate {
    Gate::Http(HttpGate { at: at.into(), status: 200, body: Some(body.into()), within: 5000, times: 2 })
}

/// Once so many of the group are there, and all of them ready or none.
async fn until(evidence: &KubernetesEvidence, group: &Group, count: usize, is_ready: bool) -> Vec<Member> {
    let waiting = async {
        loop {
            let members = evidence.members(group).await.expect("the cluster answers");
            let fits = |member: &Member| (member.standing == Standing::Ready) == is_ready;
            if members.len() == count && members.iter().all(fits) {
                return members;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("in time")
}

#[tokio::test]
async fn gates_tell_the_newest_pods_from_the_older_ones_and_ask_them_through_the_server() {
    on_a_cluster("evidence", async |lab| {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", lab.namespace);
        lab.change(Method::POST, &path, &deployment(OLD, "true")).await.expect("a deployment");
        let evidence = KubernetesEvidence { site: lab.site.clone() };
        let (newest, older) = (Group::Newest(service(lab)), Group::Older(service(lab)));
        let first = until(&evidence, &newest, 2, true).await;
        assert_eq!(judged(lab, http("8080/health", "fine"), newest.clone()).await, "ok");
        assert_eq!(judged(lab, Gate::Health { seconds: 2 }, newest.clone()).await, "ok");
        let said = judged(lab, http("8080/none", "fine"), newest.clone()).await;
        assert!(said.contains("answered 404 instead of 200 to 8080/none"), "{said}");
        // A server that hangs up while it is written to may take its words with it.
        let tells_why = |said: &str| {
            assert!(said.starts_with("failed: web-"), "{said}");
            said.ends_with("nothing listens on it in the pod")
        };
        judged_until(lab, http("81/health", "fine"), &newest, tells_why).await;

        let pods = format!("/api/v1/namespaces/{}/pods", lab.namespace);
        lab.change(Method::PUT, &format!("{path}/web"), &deployment(NEW, "false")).await.expect("an update");
        let second = until(&evidence, &newest, 1, false).await;
        let old = until(&evidence, &older, 2, true).await;
        let names = |members: &[Member]| {
            members.iter().map(|member| member.name.clone()).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&first), names(&old));
        let said = judged(lab, Gate::Health { seconds: 5 }, newest.clone()).await;
        assert!(said.starts_with(&format!("failed: {} is not ready: ", second[0].name)), "{said}");
        // The pod is there before what it runs is.
        lab.until(&second[0].name, |pod| !pod["status"]["containerStatuses"][0]["state"]["running"].is_null()).await;
        let said = judged(lab, http("8080/health", "fine"), newest.clone()).await;
        assert!(said.contains("answered 200 without 'fine': 'sick'"), "{said}");
        let errors = Gate::Errors { percent: 200, at_least: 5, seconds: 3 };
        // To open a log may take as long as it is read.
        let said = judged_until(lab, errors, &newest, |said| !said.starts_with("unsure: ")).await;
        assert!(said.starts_with("failed: ") && said.contains("lines are errors, of the old release 0 of"), "{said}");
        let said = judged(lab, Gate::Health { seconds: 0 }, Group::Instances(vec![second[0].id.clone()])).await;
        assert!(said.contains("is not ready"), "{said}");

        let body = json!({ "metadata": { "labels": { (TRACK): "web-canary" } } });
        let path = format!("{pods}/{}", old[0].name);
        let kind = "application/merge-patch+json";
        lab.site.api.change::<Value>(Method::PATCH, &path, kind, &body).await.expect("a label");
        let left = until(&evidence, &older, 1, true).await;
        assert_eq!(names(&left), names(&old[1..]), "what belongs to a set beside it is not the service's");
        lab.remove(&old[1].name).await;
        let gone = Group::Instances(vec![old[1].id.clone()]);
        let said = judged(lab, Gate::Health { seconds: 9 }, gone).await;
        // At the first look, whose answer may take a moment.
        let told = |seconds| format!("failed: {} is gone, {seconds} s after the check began", old[1].name);
        assert!((0..9).any(|seconds| said == told(seconds)), "{said}");
    })
    .await;
}

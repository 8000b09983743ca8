//! Takes a machine out of use: nothing new is put on it, and what it runs is ended, each as its budget allows.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use http::Method;
use serde_json::{Value, json};

use super::{
    Site,
    api::{decode, encoded, whole},
    change::{Change, Made, gone_or_lost, make_so, refuse},
    fault::{Fault, Status},
    pod::is_name,
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{ServiceId, Trouble, text::clean},
};

/// Between two looks at what is left.
const LOOK: Duration = Duration::from_secs(1);
/// Between two tries of what a budget forbids: as kubectl does it.
const AGAIN: Duration = Duration::from_secs(5);
const SIDE_BY_SIDE: usize = 8;
/// On a pod that a machine itself runs, and no server can end.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// So many are named; of more, how many.
const NAMED: usize = 3;

pub async fn cordon(site: &Site, node: &ServiceId, cordoned: bool, progress: &Progress) -> Result<(), StepError> {
    let what = if cordoned { "could not cordon" } else { "could not uncordon" };
    let what = format!("{what} {}", node.name);
    let path = path(node, &what)?;
    let decide = |found: &Value| {
        let now = found["spec"]["unschedulable"] == true;
        Ok((now != cordoned).then(|| Change::Strategic(json!({"spec": {"unschedulable": cordoned}}))))
    };
    progress(match make_so(site, &what, &path, "", decide).await? {
        Made::Now => "asked for",
        Made::Already => "it is so already",
    });
    Ok(())
}

pub async fn drain(site: &Site, node: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not drain {}", node.name);
    let found: Value = site.api.get(&path(node, &what)?).await.map_err(|fault| gone_or_lost(&fault, &what))?;
    if found["spec"]["unschedulable"] != true {
        return Err(refuse(&what, "it is not cordoned: what ends on it could be put on it again"));
    }
    let version = eviction(site).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    let began = Instant::now();
    // What a budget forbade, and when that was.
    let mut forbidden: BTreeMap<String, (Instant, String)> = BTreeMap::new();
    let mut last_words = String::new();
    loop {
        let pods = on_node(site, &node.name).await.map_err(|fault| stopped(&fault, what.as_str()))?;
        let (left, staying) = sorted(&pods);
        if left.is_empty() {
            progress(&match staying {
                0 => "nothing is left on it".to_owned(),
                staying => format!("{staying} stay, which nothing would make anew elsewhere"),
            });
            return Ok(());
        }
        forbidden.retain(|uid, _| left.iter().any(|pod| pod.uid == *uid));
        let may_be_tried =
            |pod: &&Pod| !pod.ending && forbidden.get(&pod.uid).is_none_or(|(tried, _)| tried.elapsed() >= AGAIN);
        let due: Vec<Pod> = left.iter().filter(may_be_tried).cloned().collect();
        let evicted = stream::iter(due).map(|pod| async {
            let answer = evict(site, (&pod.namespace, &pod.name, &pod.uid), version).await;
            (pod, answer)
        });
        for (pod, answer) in evicted.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await {
            match answer.map_err(|fault| stopped(&fault, what.as_str()))? {
                Evicted::Asked => drop(forbidden.remove(&pod.uid)),
                Evicted::Forbidden(why) => drop(forbidden.insert(pod.uid.clone(), (Instant::now(), why))),
                Evicted::Never(why) => return Err(refuse(&what, format!("{}: {why}", pod.title()))),
            }
        }
        let words = told(&left, &forbidden);
        if began.elapsed() >= Duration::from_secs(within.into()) {
            let trouble = Trouble::new(what, format!("after {within} s there are left: {words}"));
            let help = "scale up what its budget protects, or give it more time";
            return Err(StepError::Failed(trouble.help(help)));
        }
        if words != last_words {
            progress(&words);
            last_words = words;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn path(node: &ServiceId, what: &str) -> Result<String, StepError> {
    let name = node.node().filter(|name| is_name(name));
    name.map(|name| format!("/api/v1/nodes/{name}")).ok_or_else(|| refuse(what, "that is no machine"))
}

/// In which version of its group an eviction is asked for: the resource says it, the group does not.
pub async fn eviction(site: &Site) -> Result<&'static str, Fault> {
    let resources: Value = match site.api.get("/api/v1").await {
        Ok(resources) => resources,
        Err(fault) if fault.is_denied() => return Ok("policy/v1"),
        Err(fault) => return Err(fault),
    };
    let found = resources["resources"].as_array().into_iter().flatten().find(|it| it["name"] == "pods/eviction");
    Ok(match found.and_then(|resource| resource["version"].as_str()) {
        Some("v1beta1") => "policy/v1beta1",
        Some(_) | None => "policy/v1",
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pod {
    namespace: String,
    name: String,
    uid: String,
    ending: bool,
}

impl Pod {
    fn title(&self) -> String {
        clean(&format!("{}/{}", self.namespace, self.name)).into_owned()
    }
}

async fn on_node(site: &Site, node: &str) -> Result<Value, Fault> {
    site.api.get(&format!("/api/v1/pods?fieldSelector={}", encoded(&format!("spec.nodeName={node}")))).await
}

/// Those that another machine could have, and how many others stay for good. Pure.
fn sorted(pods: &Value) -> (Vec<Pod>, usize) {
    let (mut left, mut staying) = (Vec::new(), 0);
    for pod in pods["items"].as_array().into_iter().flatten() {
        let metadata = &pod["metadata"];
        let controller = metadata["ownerReferences"].as_array().into_iter().flatten();
        let controller = controller.into_iter().find(|owner| owner["controller"] == true);
        let is_over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let is_of_node = controller.is_some_and(|owner| owner["kind"] == "DaemonSet" || owner["kind"] == "Node")
            || metadata["annotations"][MIRROR].is_string();
        if is_over || is_of_node {
            continue;
        }
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let pod = Pod {
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            ending: metadata["deletionTimestamp"].is_string(),
        };
        // Ended it would be gone; while it ends, it is waited for.
        if controller.is_none() && !pod.ending {
            staying += 1;
        } else {
            left.push(pod);
        }
    }
    (left, staying)
}

pub enum Evicted {
    /// Or gone already.
    Asked,
    /// By a budget, for now.
    Forbidden(String),
    Never(String),
}

/// A pod by its namespace, its name and its uid.
pub async fn evict(site: &Site, (namespace, name, uid): (&str, &str, &str), version: &str) -> Result<Evicted, Fault> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
    let body = json!({
        "apiVersion": version,
        "kind": "Eviction",
        "metadata": {"namespace": namespace, "name": name},
        "deleteOptions": {"preconditions": {"uid": uid}},
    });
    let headers = [("content-type", "application/json")];
    let answer = site.api.answer(Method::POST, &path, &headers, body.to_string().into_bytes()).await?;
    let code = answer.status().as_u16();
    let said = whole(answer).await?;
    Ok(match code {
        200..=299 | 404 | 409 => Evicted::Asked,
        429 => Evicted::Forbidden(budget(&said)),
        code => {
            let status: Status = decode(&said).unwrap_or_default();
            // Two budgets for one pod, which the server cannot reconcile.
            if status.message.contains("PodDisruptionBudget") {
                return Ok(Evicted::Never(clean(&status.message).into_owned()));
            }
            return Err(Fault::status(code, &status));
        }
    })
}

/// "the disruption budget web needs 2 healthy pods and has 2 currently"
fn budget(said: &[u8]) -> String {
    let status: Value = decode(said).unwrap_or_default();
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    let cause = causes.into_iter().find(|cause| cause["reason"] == "DisruptionBudget");
    let words = cause.and_then(|cause| cause["message"].as_str()).or(status["message"].as_str());
    clean(words.unwrap_or("the server has too much to do")).trim_start_matches("The ").to_owned()
}

/// "2 of 3 end, 1 is kept by its budget: shop/web-1 (the disruption budget web needs 1 healthy pods and has 1 currently)"
fn told(left: &[Pod], forbidden: &BTreeMap<String, (Instant, String)>) -> String {
    let kept: Vec<String> = left
        .iter()
        .filter_map(|pod| Some(format!("{} ({})", pod.title(), forbidden.get(&pod.uid).map(|(_, why)| why)?)))
        .collect();
    let ending: Vec<String> = left.iter().filter(|pod| !forbidden.contains_key(&pod.uid)).map(Pod::title).collect();
    let named = |names: &[String]| {
        let more = names.len().saturating_sub(NAMED);
        let shown = names[..names.len().min(NAMED)].join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let parts = [("still end", ending), ("kept by a budget", kept)];
    let parts = parts.iter().filter(|(_, names)| !names.is_empty());
    parts.map(|(how, names)| format!("{} {how}: {}", names.len(), named(names))).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, owner: Option<&str>, more: Value) -> Value {
        let owners = owner.map(|kind| json!([{"kind": kind, "controller": true}])).unwrap_or_default();
        let mut pod = json!({
            "metadata": {"namespace": "shop", "name": name, "uid": name, "ownerReferences": owners},
            "status": {"phase": "Running"},
        });
        for (key, value) in more.as_object().expect("an object") {
            pod["metadata"][key] = value.clone();
        }
        pod
    }

    #[test]
    fn what_another_machine_could_have_is_moved_and_what_belongs_to_this_one_is_not() {
        let mut over = pod("over", Some("Job"), json!({}));
        over["status"]["phase"] = json!("Succeeded");
        let pods = json!({"items": [
            pod("web", Some("ReplicaSet"), json!({})),
            pod("proxy", Some("DaemonSet"), json!({})),
            pod("etcd", Some("Node"), json!({"annotations": {MIRROR: "x"}})),
            pod("lone", None, json!({})),
            pod("going", None, json!({"deletionTimestamp": "2026-11-21T12:00:00Z"})),
            over,
        ]});
        let (left, staying) = sorted(&pods);
        assert_eq!(left.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["web", "going"]);
        assert_eq!(staying, 1);
    }

    #[test]
    fn what_is_left_is_told_with_the_budget_that_keeps_it() {
        let said = json!({"message": "Cannot evict pod as it would violate the pod's disruption budget.", "details": {"causes": [
            {"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 1 currently"},
        ]}});
        let why = budget(said.to_string().as_bytes());
        assert_eq!(why, "disruption budget web needs 1 healthy pods and has 1 currently");
        let (left, _) = sorted(
            &json!({"items": [pod("a", Some("ReplicaSet"), json!({})), pod("b", Some("ReplicaSet"), json!({}))]}),
        );
        let forbidden = BTreeMap::from([("b".to_owned(), (Instant::now(), why))]);
        let words = told(&left, &forbidden);
        assert!(words.starts_with("1 still end: shop/a; 1 kept by a budget: shop/b (disruption budget web"), "{words}");
    }
}

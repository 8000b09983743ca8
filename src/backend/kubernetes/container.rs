//! One container of a pod as it is now: which runs of it there are, and whether there may be another. Asked for by name when a log is
//! read or a shell is opened, apart from the rows that the watch keeps.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::{fault::Fault, pod::Pod};

/// `v1.Pod`, as far as it is read here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodRow {
    pub metadata: Metadata,
    pub spec: Spec,
    pub status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    pub uid: String,
    pub resource_version: String,
    pub deletion_timestamp: Option<Timestamp>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    pub restart_policy: Policy,
    pub init_containers: Vec<Declared>,
    pub containers: Vec<Declared>,
    pub ephemeral_containers: Vec<Declared>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Declared {
    pub name: String,
    /// Of an init container: `Always` makes it a sidecar.
    pub restart_policy: Option<Policy>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Policy {
    #[default]
    Always,
    OnFailure,
    Never,
    /// A word that a newer server may have.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    pub phase: String,
    pub init_container_statuses: Vec<ContainerStatus>,
    pub container_statuses: Vec<ContainerStatus>,
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    pub name: String,
    #[serde(rename = "containerID")]
    pub id: String,
    pub state: State,
    pub last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct State {
    pub running: Option<serde::de::IgnoredAny>,
    pub waiting: Option<Waiting>,
    pub terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    pub reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    #[serde(rename = "containerID")]
    pub id: String,
    pub exit_code: i64,
    pub finished_at: Option<Timestamp>,
}

/// From a start of a container to its end, by the id that the container runtime gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: Arc<str>,
    pub finished: Option<Timestamp>,
}

/// The runs of a container that the node still keeps logs of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Before `current`, and another.
    pub previous: Option<Run>,
    /// The one that runs now, or ran last.
    pub current: Option<Run>,
    pub is_running: bool,
    /// It does not run and will never again.
    pub is_over: bool,
}

pub const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

impl PodRow {
    /// The one that is meant when none is named: what the pod says, else its first.
    pub fn default_container(&self) -> Option<&str> {
        let named = self.metadata.annotations.get(DEFAULT_CONTAINER).map(String::as_str);
        let known = named.filter(|name| self.spec.containers.iter().any(|container| container.name == *name));
        known.or_else(|| self.spec.containers.first().map(|container| &*container.name))
    }

    /// Another pod of the same name is none.
    pub fn is_the_one(&self, meant: &Pod<'_>) -> Result<(), Fault> {
        if self.metadata.uid == meant.uid {
            return Ok(());
        }
        let message = format!("pod {} was not found, another has its name", meant.name).into();
        Err(Fault::Refused { code: 404, reason: "NotFound".into(), message })
    }

    pub fn status_of(&self, container: &str) -> Option<&ContainerStatus> {
        let Status { init_container_statuses, container_statuses, ephemeral_container_statuses, .. } = &self.status;
        let all = container_statuses.iter().chain(init_container_statuses).chain(ephemeral_container_statuses);
        all.into_iter().find(|status| status.name == container)
    }

    /// `None`: the pod has no container of this name.
    pub fn runs_of(&self, container: &str) -> Option<Runs> {
        let policy = self.policy_of(container)?;
        let status = self.status_of(container);
        let mut runs = status.map(ContainerStatus::runs).unwrap_or_default();
        let exit = status.and_then(|status| status.state.terminated.as_ref()).map(|ended| ended.exit_code);
        let has_pod_ended = matches!(&*self.status.phase, "Succeeded" | "Failed");
        let restarts = match (policy, exit) {
            (_, None) => true,
            (Policy::Always, _) => true,
            (Policy::OnFailure, Some(code)) => code != 0,
            (Policy::Never, _) => false,
            // Better asked about in vain than taken for dead.
            (Policy::Unknown, _) => true,
        };
        let is_going = self.metadata.deletion_timestamp.is_some() && exit.is_some();
        runs.is_over = !runs.is_running && (has_pod_ended || is_going || !restarts);
        Some(runs)
    }

    fn policy_of(&self, container: &str) -> Option<Policy> {
        let Spec { restart_policy, init_containers, containers, ephemeral_containers } = &self.spec;
        let find =
            |all: &[Declared]| all.iter().find(|declared| declared.name == container).map(|found| found.restart_policy);
        if find(containers).is_some() {
            return Some(*restart_policy);
        }
        if let Some(own) = find(init_containers) {
            // What prepares a pod is done once it has succeeded, also where the pod itself runs for ever.
            let once = if *restart_policy == Policy::Never { Policy::Never } else { Policy::OnFailure };
            return Some(if own == Some(Policy::Always) { Policy::Always } else { once });
        }
        find(ephemeral_containers).map(|_| Policy::Never)
    }
}

impl ContainerStatus {
    fn runs(&self) -> Runs {
        let run = |ended: &Terminated| {
            (!ended.id.is_empty()).then(|| Run { id: ended.id.as_str().into(), finished: ended.finished_at })
        };
        let last = self.last_state.terminated.as_ref().and_then(run);
        let is_running = self.state.running.is_some();
        let now = match &self.state.terminated {
            Some(ended) => run(ended),
            None if is_running && !self.id.is_empty() => Some(Run { id: self.id.as_str().into(), finished: None }),
            None => None,
        };
        match now {
            Some(now) => {
                Runs { previous: last.filter(|last| last.id != now.id), current: Some(now), is_running, is_over: false }
            }
            // While it waits for its next start, what ran last is what the node answers with.
            None => Runs { previous: None, current: last, is_running, is_over: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &str, status: &str) -> PodRow {
        serde_json::from_str(&format!("{{\"spec\":{spec},\"status\":{status}}}")).expect("a pod")
    }

    fn one(policy: &str, state: &str, last: &str) -> Runs {
        let spec = format!("{{\"restartPolicy\":\"{policy}\",\"containers\":[{{\"name\":\"a\"}}]}}");
        let status = format!(
            "{{\"containerStatuses\":[{{\"name\":\"a\",\"containerID\":\"c2\",\"state\":{state},\"lastState\":{last}}}]}}"
        );
        pod(&spec, &status).runs_of("a").expect("it has one")
    }

    /// `previous current`
    fn ids(runs: &Runs) -> String {
        let id = |run: &Option<Run>| run.as_ref().map_or("-".to_owned(), |run| run.id.to_string());
        format!("{} {}", id(&runs.previous), id(&runs.current))
    }

    const RUNNING: &str = r#"{"running":{"startedAt":"2026-11-21T05:00:00Z"}}"#;
    const ENDED_1: &str = r#"{"terminated":{"containerID":"c1","exitCode":3,"finishedAt":"2026-11-21T04:59:00Z"}}"#;
    const ENDED_2: &str = r#"{"terminated":{"containerID":"c2","exitCode":0,"finishedAt":"2026-11-21T05:01:00Z"}}"#;
    const WAITING: &str = r#"{"waiting":{"reason":"CrashLoopBackOff"}}"#;

    #[test]
    fn a_container_that_was_restarted_has_two_runs_and_one_that_waits_has_its_last() {
        assert_eq!(ids(&one("Always", RUNNING, ENDED_1)), "c1 c2");
        assert_eq!(ids(&one("Always", RUNNING, "{}")), "- c2");
        assert_eq!(ids(&one("Always", WAITING, ENDED_2)), "- c2");
        assert_eq!(ids(&one("Always", WAITING, "{}")), "- -");
        assert_eq!(ids(&one("Always", ENDED_2, ENDED_1)), "c1 c2");
    }

    #[test]
    fn whether_it_is_over_depends_on_who_would_start_it_again() {
        assert!(!one("Always", ENDED_2, "{}").is_over);
        assert!(one("OnFailure", ENDED_2, "{}").is_over);
        assert!(!one("OnFailure", ENDED_1, "{}").is_over);
        assert!(one("Never", ENDED_1, "{}").is_over);
        assert!(!one("Never", WAITING, "{}").is_over, "it has not run yet");
    }

    #[test]
    fn an_init_container_is_over_when_it_succeeded_and_a_sidecar_is_not() {
        let spec = r#"{"initContainers":[{"name":"setup"},{"name":"proxy","restartPolicy":"Always"}],"containers":[{"name":"a"}]}"#;
        let status = format!(
            r#"{{"initContainerStatuses":[{{"name":"setup","state":{ENDED_2}}},{{"name":"proxy","state":{ENDED_2}}}]}}"#
        );
        let pod = pod(spec, &status);
        let is_over = |name| pod.runs_of(name).map(|runs| runs.is_over);
        assert_eq!((is_over("setup"), is_over("proxy"), is_over("a")), (Some(true), Some(false), Some(false)));
        assert_eq!(is_over("b"), None);
    }

    #[test]
    fn the_default_container_is_the_one_that_the_pod_names_if_it_has_it() {
        let pod = |annotation: &str| -> PodRow {
            let json = format!(
                r#"{{"metadata":{{"annotations":{{"{DEFAULT_CONTAINER}":"{annotation}"}}}},
                "spec":{{"containers":[{{"name":"a"}},{{"name":"b"}}]}}}}"#
            );
            serde_json::from_str(&json).expect("a pod")
        };
        assert_eq!((pod("b").default_container(), pod("gone").default_container()), (Some("b"), Some("a")));
    }
}

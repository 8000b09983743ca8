//! Whether anybody is at work: Velero's server and its node agents, and what that means for a backup or restore that is not over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::rows::{Kind, Run};
use crate::{
    backend::{
        kubernetes::{
            Site,
            cluster_backups::{items, time, word},
            fault::Fault,
            pod::is_name,
        },
        pairs::list,
    },
    domain::{Stage, units},
};

/// Velero's manifest and its chart call the containers so, however they call the rest.
const SERVER: &str = "velero";
const AGENTS: [&str; 2] = ["node-agent", "restic"];
/// So long nobody needs to have taken what is new.
const UNTAKEN: SignedDuration = SignedDuration::from_mins(3);
/// A server that starts marks what another one left; it needs a moment for that.
const TAKES_STOCK: SignedDuration = SignedDuration::from_mins(2);

/// By Velero's namespace. `None`: its pods may not be looked at.
pub struct Servers(BTreeMap<Arc<str>, Option<Crew>>);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crew {
    pub servers: Vec<Server>,
    /// Of node agents that are ready.
    pub agents_on: BTreeSet<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub pod: Arc<str>,
    pub is_ready: bool,
    /// When its process was started last.
    pub since: Option<Timestamp>,
    /// "CrashLoopBackOff", "ImagePullBackOff"
    pub waits_for: Option<Arc<str>>,
}

impl Servers {
    pub async fn find<'a>(site: &Site, namespaces: impl Iterator<Item = &'a str>) -> Self {
        let mut found = BTreeMap::new();
        for namespace in namespaces.collect::<BTreeSet<_>>() {
            // What is stalled is then told by less.
            let crew = crew(site, namespace).await.inspect_err(|fault| tracing::debug!(?fault, "Velero's pods"));
            found.insert(Arc::from(namespace), crew.ok());
        }
        Self(found)
    }

    pub fn of(&self, namespace: &str) -> Option<&Crew> {
        self.0.get(namespace)?.as_ref()
    }
}

pub async fn crew(site: &Site, namespace: &str) -> Result<Crew, Fault> {
    if !is_name(namespace) {
        return Err(Fault::Garbled("that is no namespace".into()));
    }
    let pods = items(site, &format!("/api/v1/namespaces/{namespace}/pods")).await?;
    Ok(Crew::of(&pods))
}

impl Crew {
    pub fn of(pods: &[Value]) -> Self {
        let mut crew = Self::default();
        for pod in pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            let has = |name: &str| list(&pod["spec"]["containers"]).iter().any(|container| container["name"] == name);
            if has(SERVER) {
                crew.servers.push(server(pod));
            }
            if AGENTS.into_iter().any(has) && is_ready(pod) {
                crew.agents_on.insert(word(&pod["spec"]["nodeName"]));
            }
        }
        crew
    }

    /// Why nobody is there who would do it.
    pub fn absent(&self) -> Option<String> {
        if self.servers.iter().any(|server| server.is_ready) {
            return None;
        }
        let Some(server) = self.servers.first() else { return Some("Velero's server does not run".into()) };
        let why = server.waits_for.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        Some(format!("Velero's server is not ready: {}{why}", server.pod))
    }

    /// Since when one of them runs without having been started anew.
    fn since(&self) -> Option<Timestamp> {
        self.servers.iter().filter(|server| server.is_ready).filter_map(|server| server.since).min()
    }
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = list(&pod["status"]["conditions"]).iter();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn server(pod: &Value) -> Server {
    let mut statuses = list(&pod["status"]["containerStatuses"]).iter();
    let state = statuses.find(|status| status["name"] == SERVER).map_or(&Value::Null, |status| &status["state"]);
    Server {
        pod: word(&pod["metadata"]["name"]),
        is_ready: is_ready(pod),
        since: time(&state["running"]["startedAt"]),
        waits_for: state["waiting"]["reason"].is_string().then(|| word(&state["waiting"]["reason"])),
    }
}

/// Why it will not go on by itself. `is_busy`: another of its kind is under way, after which its turn comes.
pub fn stalled(run: &Run, crew: Option<&Crew>, is_busy: bool, now: Timestamp) -> Option<Arc<str>> {
    let why = match run.phase.stage() {
        Stage::Complete | Stage::Partial | Stage::Failed => None,
        Stage::Waiting => {
            let waits = now.duration_since(run.created?);
            let is_late = waits > UNTAKEN && !is_busy && run.place.is_none_or(|place| place == 1);
            is_late.then(|| untaken(crew, waits))
        }
        Stage::Running | Stage::Deleting => left(run, crew, now),
    };
    why.map(Arc::from)
}

fn untaken(crew: Option<&Crew>, waits: SignedDuration) -> String {
    let waits = units::age(waits.as_secs().unsigned_abs());
    let why = crew.and_then(Crew::absent).unwrap_or_else(|| "does Velero's server look at this namespace?".into());
    format!("nobody has taken it for {waits}: {why}")
}

fn left(run: &Run, crew: Option<&Crew>, now: Timestamp) -> Option<String> {
    let crew = crew?;
    if let Some(absent) = crew.absent() {
        return Some(format!("{absent}, and nobody else goes on with it"));
    }
    let (since, started) = (crew.since()?, run.started?);
    // What waits for uploads is taken up by the next server; the rest is not.
    let is_bound = run.phase.word() == "InProgress";
    let is_left = is_bound && since > started && now.duration_since(since) > TAKES_STOCK;
    let kind = match run.kind {
        Kind::Backup => "backup",
        Kind::Restore => "restore",
    };
    is_left.then(|| {
        let age = units::age_of(since, now);
        format!("Velero's server was started anew {age} ago, after this {kind} began, and does not go on with it")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Phase, VeleroName};

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn run(phase: &str, began: &str) -> Run {
        Run {
            kind: Kind::Backup,
            id: VeleroName::new("velero", "b"),
            phase: Phase::new(phase),
            created: Some(at(began)),
            started: Some(at(began)),
            items: None,
            errors: 0,
            warnings: 0,
            place: None,
            reasons: Vec::new(),
        }
    }

    fn pod(container: &str, ready: &str, state: Value) -> Value {
        json!({
            "metadata": {"name": format!("{container}-1")},
            "spec": {"nodeName": "node-1", "containers": [{"name": container}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": container, "state": state}]},
        })
    }

    fn running(since: &str) -> Crew {
        Crew::of(&[pod(SERVER, "True", json!({"running": {"startedAt": since}}))])
    }

    fn why(run: &Run, crew: Option<&Crew>, is_busy: bool) -> String {
        stalled(run, crew, is_busy, at(NOW)).map_or_else(String::new, |why| why.to_string())
    }

    #[test]
    fn what_nobody_takes_is_stalled_and_why_is_said() {
        let old = run("", "2026-11-21T11:50:00Z");
        assert_eq!(
            why(&old, Some(&Crew::default()), false),
            "nobody has taken it for 10m: Velero's server does not run"
        );
        let crashing = Crew::of(&[pod(SERVER, "False", json!({"waiting": {"reason": "CrashLoopBackOff"}}))]);
        assert!(why(&old, Some(&crashing), false).contains("not ready: velero-1 (CrashLoopBackOff)"));
        let elsewhere = running("2026-11-21T00:00:00Z");
        assert!(why(&old, Some(&elsewhere), false).contains("look at this namespace"));
        assert!(why(&old, None, false).contains("nobody has taken it"));
    }

    #[test]
    fn what_is_new_or_waits_for_its_turn_is_not_stalled() {
        assert_eq!(why(&run("New", "2026-11-21T11:58:00Z"), Some(&Crew::default()), false), "");
        assert_eq!(why(&run("New", "2026-11-21T11:00:00Z"), Some(&running(NOW)), true), "");
        let queued = Run { place: Some(2), ..run("Queued", "2026-11-21T11:00:00Z") };
        assert_eq!(why(&queued, Some(&running(NOW)), false), "");
    }

    #[test]
    fn what_a_server_left_behind_is_stalled() {
        let under_way = run("InProgress", "2026-11-21T11:00:00Z");
        assert!(why(&under_way, Some(&Crew::default()), false).contains("nobody else goes on with it"));
        assert!(why(&under_way, Some(&running("2026-11-21T11:30:00Z")), false).contains("started anew 30m ago"));
        // The same server that began it, one that has just come up, and what the next one takes up.
        assert_eq!(why(&under_way, Some(&running("2026-11-21T10:00:00Z")), false), "");
        assert_eq!(why(&under_way, Some(&running("2026-11-21T11:59:00Z")), false), "");
        let waiting = run("WaitingForPluginOperations", "2026-11-21T11:00:00Z");
        assert_eq!(why(&waiting, Some(&running("2026-11-21T11:30:00Z")), false), "");
        assert_eq!(why(&run("Completed", "2026-11-20T11:00:00Z"), Some(&Crew::default()), false), "");
        assert_eq!(why(&under_way, None, false), "", "what may not be looked at tells nothing");
    }

    #[test]
    fn agents_are_known_by_the_machines_that_they_are_ready_on() {
        let crew = Crew::of(&[pod("node-agent", "True", Value::Null), pod("minio", "True", Value::Null)]);
        assert!(crew.agents_on.contains("node-1"));
        let ill = Crew::of(&[pod("node-agent", "False", Value::Null)]);
        assert!(ill.agents_on.is_empty() && ill.servers.is_empty());
    }
}

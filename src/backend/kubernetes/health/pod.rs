//! One pod: where it stands on its way, and which of its containers is to blame.

use jiff::{SignedDuration, Timestamp};

use super::{Judgement, STARTING, container, prefixed, scheduling};
use crate::{
    backend::kubernetes::{
        books::{Note, NoteKind},
        row::{
            Pod,
            condition::Condition,
            pod::{ContainerState, Ended, Now, Phase, Waiting},
            template::Container,
            text::Time,
        },
    },
    domain::{Health, PartRole, Reason, ServiceKind, text::shorten, units},
};

/// The scheduler may need this long until a volume is made or a node has room.
const SCHEDULING: SignedDuration = SignedDuration::from_secs(15);
/// Beyond its grace, until it is said to be stuck.
const LEAVING: SignedDuration = SignedDuration::from_secs(60);
/// A pod that ended longer ago is history, not an incident.
const HISTORY: SignedDuration = SignedDuration::from_hours(24);

/// What is known around a pod that it does not say itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    pub notes: &'a [Note],
    /// What is wrong with a volume claim of it.
    pub claim: Option<&'a str>,
    /// Its node's agent no longer reports.
    pub is_node_lost: bool,
}

impl<'a> Surroundings<'a> {
    /// Of this container, or of none in particular.
    pub fn note(&self, kind: NoteKind, container: Option<&str>) -> Option<&'a Note> {
        let is_ours = |note: &&Note| match (&note.container, container) {
            (Some(theirs), Some(ours)) => &**theirs == ours,
            (None, _) | (_, None) => true,
        };
        self.notes.iter().filter(|note| note.kind == kind).find(is_ours)
    }
}

pub fn pod(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    if pod.is_leaving() {
        return leaving(pod, around, now);
    }
    match pod.phase {
        Phase::Succeeded => {
            let finished = ends(pod).map(|(_, end)| end.finished).max().and_then(Time::get);
            Judgement::new(Health::Stopped(Reason::new("ended with 0, as jobs do")), finished)
        }
        Phase::Failed => failed(pod, around, now),
        Phase::Unknown => Judgement::new(Health::Unknown(Reason::new("its node does not tell how it is")), None),
        Phase::Pending if pod.node.is_none() => unscheduled(pod, around, now),
        Phase::Pending | Phase::Running => living(pod, around, now),
    }
}

fn leaving(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    let Some(gone_at) = pod.deleted.get() else { return Judgement::new(Health::Healthy, None) };
    let stuck = if around.is_node_lost {
        Reason::new("stuck while being removed: its node does not answer")
            .help("it goes when the node comes back, or is deleted by force")
    } else {
        Reason::new("stuck while being removed: it does not end, or a finalizer holds it")
            .help("kubectl get pod -o yaml names its finalizers")
    };
    let judged = Judgement::waiting("being removed".into(), stuck, Some(gone_at), LEAVING, now);
    Judgement { since: None, ..judged }
}

fn unscheduled(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    let since = pod.created.get();
    let told = condition(pod, "PodScheduled");
    let said = told.map(|condition| &*condition.message).filter(|message| !message.is_empty());
    let said = said.or_else(|| around.note(NoteKind::Schedule, None).map(|note| &*note.message));
    match (told.map(|condition| &*condition.reason), said) {
        (Some("SchedulingGated"), _) => {
            Judgement::new(Health::Changing(Reason::new("held back: a scheduling gate is still closed")), since)
        }
        (_, Some(message)) => {
            let late = scheduling::reason(message, &pod.template, around.claim);
            Judgement::waiting(format!("waits for a node: {}", late.text), late, since, SCHEDULING, now)
        }
        (_, None) => {
            let late = Reason::new("waits for a node, and no scheduler has looked at it")
                .help("is the scheduler that it names running?");
            Judgement::waiting("waits for a node".into(), late, since, STARTING, now)
        }
    }
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a Condition> {
    pod.trouble.as_ref()?.conditions.iter().find(|condition| &*condition.kind == kind)
}

fn with_template(pod: &Pod) -> impl Iterator<Item = (&Container, &ContainerState)> {
    pod.containers.iter().filter_map(|state| Some((pod.template.containers.get(usize::from(state.place))?, state)))
}

/// The one that is to blame, by what it is called if there are several.
fn living(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    if let Some(judgement) = initializing(pod, around, now) {
        return judgement;
    }
    let lasting = || with_template(pod).filter(|(container, _)| is_lasting(container));
    let judged =
        lasting().map(|(container, state)| (container, container::container(pod, container, state, around, now)));
    let judged: Vec<(&Container, Judgement)> = judged.collect();
    let several = judged.len() > 1;
    let again_at = judged.iter().filter_map(|(_, judgement)| judgement.again_at).min();
    let Some((container, worst)) = judged.into_iter().min_by(|(_, a), (_, b)| a.health.cmp(&b.health)) else {
        return container::creating(pod, around, now);
    };
    if worst.health == Health::Healthy {
        return if pod.is_ready { Judgement { again_at, ..worst } } else { unready(pod, around, now) };
    }
    let name = if several { format!("{}: ", container.name) } else { String::new() };
    Judgement { health: prefixed(worst.health, &name), again_at, ..worst }
}

fn is_lasting(container: &Container) -> bool {
    matches!(container.role, PartRole::Main | PartRole::Sidecar)
}

/// `None` once all init containers have done their work.
fn initializing(pod: &Pod, around: &Surroundings, now: Timestamp) -> Option<Judgement> {
    let mut init = with_template(pod).filter(|(container, _)| container.role == PartRole::Init);
    let has_ended = |state: &ContainerState| matches!(&state.now, Now::Ended(end) if end.code == 0);
    let (container, state) = init.find(|(_, state)| !has_ended(state))?;
    let name = format!("init container {}: ", container.name);
    if let Now::Running { since } = &state.now
        && state.restarts == 0
    {
        let text = format!("starting: init container {} runs", container.name);
        let age = since.get().map(|since| units::age_of(since, now)).unwrap_or_default();
        let late = Reason::new(format!("does not start: init container {} has been running for {age}", container.name))
            .help("its log says what it waits for");
        return Some(Judgement::waiting(text, late, since.get(), STARTING, now));
    }
    let judged = container::container(pod, container, state, around, now);
    // What is only being made needs no name.
    if matches!(judged.health, Health::Changing(_))
        || matches!(&state.now, Now::Waiting(waiting) if is_plain(waiting.as_deref()))
    {
        return Some(judged);
    }
    Some(Judgement { health: prefixed(judged.health, &name), ..judged })
}

fn is_plain(waiting: Option<&Waiting>) -> bool {
    waiting.is_none_or(|waiting| matches!(&*waiting.reason, "ContainerCreating" | "PodInitializing"))
}

/// All its containers are, and it is not.
fn unready(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    let since = pod.ready_since.get();
    if around.is_node_lost {
        let reason = Reason::new("its node does not answer: how it is, is not known");
        return Judgement::new(Health::Failing(reason), since);
    }
    let gate = pod.trouble.iter().flat_map(|trouble| &trouble.conditions).find(|gate| &*gate.kind != "PodScheduled");
    let late = match gate {
        Some(gate) => {
            let why = if gate.message.is_empty() { &gate.reason } else { &gate.message };
            Reason::new(format!("not ready: {} is not so: {}", gate.kind, shorten(why, 120)))
        }
        None => Reason::new("not ready, though all its containers are"),
    };
    let text = gate.map_or_else(|| "becoming ready".into(), |gate| format!("becoming ready: waits for {}", gate.kind));
    Judgement::waiting(text, late, since, super::PROBATION, now)
}

fn ends(pod: &Pod) -> impl Iterator<Item = (&Container, &Ended)> {
    with_template(pod).filter_map(|(container, state)| match &state.now {
        Now::Ended(end) => Some((container, &**end)),
        Now::Running { .. } | Now::Waiting(_) => None,
    })
}

fn failed(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    let finished = ends(pod).map(|(_, end)| end.finished).max().and_then(Time::get);
    let since = finished.or(pod.ready_since.get()).or(pod.started.get());
    let nothing = (String::new(), String::new());
    let (reason, message) =
        pod.trouble.as_ref().map_or(nothing, |trouble| (trouble.reason.to_string(), trouble.message.to_string()));
    let is_history = since.is_some_and(|since| now.duration_since(since) > HISTORY);
    if let Some(reason) = taken_away(pod, &reason, &message) {
        // Another one has come in its place.
        let health = if is_replaced(pod) || is_history { Health::Stopped(reason) } else { Health::Failing(reason) };
        return Judgement::new(health, since);
    }
    let worst = ends(pod).filter(|(_, end)| end.code != 0).max_by_key(|(_, end)| end.out_of_memory());
    let reason = match worst {
        Some((container, end)) => container::ended_badly(container, end, around),
        None if !message.is_empty() => Reason::new(shorten(&message, 160).as_ref()),
        None if !reason.is_empty() => Reason::new(reason),
        None => Reason::new("failed, and nothing says why"),
    };
    Judgement::new(if is_history { Health::Stopped(reason) } else { Health::Failing(reason) }, since)
}

fn is_replaced(pod: &Pod) -> bool {
    match pod.home.0 {
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::Controlled => true,
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Container
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService => false,
    }
}

/// It did not fail by itself.
fn taken_away(pod: &Pod, reason: &str, message: &str) -> Option<Reason> {
    let text = match reason {
        "Evicted" => evicted(message),
        "NodeLost" => "lost with its node".into(),
        "NodeShutdown" | "Shutdown" | "Terminated" => "its node was shut down".into(),
        "Preempting" => "preempted: a more important pod took its place".into(),
        "DeadlineExceeded" => "stopped: it ran longer than its deadline allows".into(),
        "NodeAffinity" => "its node no longer fits it".into(),
        "UnexpectedAdmissionError" => format!("its node refused it: {}", shorten(message, 120)),
        reason if reason.starts_with("OutOf") => format!("its node had no {} left for it", &reason["OutOf".len()..]),
        _ => match condition(pod, "DisruptionTarget").map(|condition| &*condition.reason)? {
            "PreemptionByScheduler" => "preempted: a more important pod took its place".into(),
            "DeletionByTaintManager" => "moved away: its node was tainted".into(),
            "EvictionByEvictionAPI" => "evicted: somebody drains its node".into(),
            "TerminationByKubelet" => "evicted by its node".into(),
            _ => return None,
        },
    };
    let reason = Reason::new(text);
    Some(if message.is_empty() { reason } else { reason.detail(message) })
}

/// `The node was low on resource: memory. Container web was using 300Mi, …`
fn evicted(message: &str) -> String {
    let sentence = message.split(". ").next().unwrap_or_default().trim_end_matches('.');
    if let Some((_, resource)) = sentence.split_once("low on resource: ") {
        format!("evicted: its node was low on {resource}")
    } else if let Some((_, pressure)) = sentence.split_once("had condition: ") {
        format!("evicted: its node was under {}", pressure.trim_matches(['[', ']']))
    } else if sentence.is_empty() {
        "evicted by its node".into()
    } else {
        format!("evicted: {}", shorten(sentence, 120))
    }
}

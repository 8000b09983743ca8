//! What keeps pods running, judged by its own status and by its pods: the status knows the numbers, the pods know the reasons.

use jiff::Timestamp;

use super::{Judgement, STARTING, refusal};
use crate::{
    backend::kubernetes::row::{
        Pod, Workload,
        condition::{Condition, Truth},
        workload::Special,
    },
    domain::{Health, Reason, text::shorten},
};

/// The pods of a service that are known, each with how it is.
pub struct Members<'a> {
    pub pods: &'a [(&'a Pod, Judgement)],
    /// All of them are known.
    pub are_known: bool,
    /// What an event said of why no pods could be made.
    pub refusal: Option<&'a str>,
}

pub fn workload(workload: &Workload, members: &Members, now: Timestamp) -> Judgement {
    if !workload.meta.deleted.is_never() {
        return Judgement::new(Health::Changing(Reason::new("being removed")), None);
    }
    if workload.wanted == 0 {
        return nothing_wanted(workload);
    }
    if let Special::Rollout { .. } = &workload.special {
        return rollout(workload, members, now);
    }
    kept(workload, members, now)
}

fn nothing_wanted(workload: &Workload) -> Judgement {
    if workload.there > 0 && workload.is_observed {
        return Judgement::new(Health::Changing(Reason::new("being scaled to 0")), None);
    }
    let text = match &workload.special {
        Special::DaemonSet { .. } => "no node is meant for it",
        Special::Deployment
        | Special::StatefulSet { .. }
        | Special::Rollout { .. }
        | Special::Job { .. }
        | Special::CronJob { .. } => "scaled to 0",
    };
    Judgement::new(Health::Stopped(Reason::new(text)), None)
}

/// So many are to run all the time.
fn kept(workload: &Workload, members: &Members, now: Timestamp) -> Judgement {
    let wanted = workload.wanted;
    let ready = working(workload.ready, members);
    let since = unavailable_since(workload);
    if let Some((cause, pod_since)) = cause(workload, members) {
        let health = match cause {
            Health::Failing(reason) if ready == 0 => Health::Failing(reason),
            Health::Failing(reason) if ready >= wanted && is_newest_broken(members) => {
                let text = format!("the new release does not come up: {}", reason.text);
                Health::Degraded(Reason { text: text.into(), ..reason })
            }
            Health::Failing(reason) => Health::Degraded(reason),
            other => other,
        };
        return Judgement::new(health, pod_since.or(since));
    }
    if let Some(stuck) = stuck(workload) {
        let text = format!("stuck: {} of {wanted} updated when its time was up", workload.updated);
        let reason = Reason::new(text).detail(stuck.message.clone()).help("roll it back, or look at its new instances");
        let health = if ready == 0 { Health::Failing(reason) } else { Health::Degraded(reason) };
        return Judgement::new(health, stuck.since.get());
    }
    if workload.paused && is_rolling(workload) {
        let reason =
            Reason::new(format!("paused in the middle of a rollout: {} of {wanted} updated", workload.updated))
                .help("kubectl rollout resume goes on");
        return Judgement::new(Health::Degraded(reason), progress(workload).and_then(|progress| progress.since.get()));
    }
    if is_rolling(workload) {
        return rolling(workload, members);
    }
    if ready < wanted {
        return short(workload, members, since, now);
    }
    if let Special::DaemonSet { misplaced, .. } = workload.special
        && misplaced > 0
    {
        let reason = Reason::new(format!("it runs on {misplaced} more nodes than it should"));
        return Judgement::new(Health::Degraded(reason), None);
    }
    let latest = members.pods.iter().filter(|(pod, _)| pod.is_ready).filter_map(|(pod, _)| pod.ready_since.get()).max();
    let available = workload.condition("Available").and_then(|available| available.since.get());
    Judgement::new(Health::Healthy, latest.or(available).or(workload.meta.created.get()))
}

/// Why some do not work: the worst of the pods that count, else why none can be made. Nothing, while all are well or on their way.
fn cause(workload: &Workload, members: &Members) -> Option<(Health, Option<Timestamp>)> {
    let refused = refused(workload, members);
    let counted: Vec<&(&Pod, Judgement)> = counted(members).collect();
    let worst =
        counted.iter().min_by(|(_, a), (_, b)| a.health.cmp(&b.health)).filter(|(_, judged)| judged.health.is_broken());
    match (worst, refused) {
        (Some((_, worst)), _) => {
            let alike = || counted.iter().filter(|(_, judged)| judged.health.word() == worst.health.word());
            let since = alike().filter_map(|(_, judged)| judged.since).min();
            let total = counted.len().max(usize::try_from(workload.wanted).unwrap_or(usize::MAX));
            Some((told(&worst.health, alike().count(), total), since))
        }
        (None, Some((message, since))) => Some((Health::Failing(refusal::reason(message)), since)),
        (None, None) => None,
    }
}

/// So many do their work: one that crashes all the time is not ready, though it may be up at the moment.
pub fn working(ready: u32, members: &Members) -> u32 {
    if !members.are_known {
        return ready;
    }
    let working = counted(members).filter(|(pod, judged)| pod.is_ready && !matches!(judged.health, Health::Failing(_)));
    ready.min(u32::try_from(working.count()).unwrap_or(u32::MAX))
}

/// Those that do not work are of the release that came last, and not leftovers of the one before.
fn is_newest_broken(members: &Members) -> bool {
    let newest = counted(members).max_by_key(|(pod, _)| pod.created);
    let is_broken = |(pod, judged): &&(&Pod, Judgement)| {
        judged.health.is_broken() && newest.is_some_and(|(newest, _)| newest.revision == pod.revision)
    };
    counted(members).any(|member| is_broken(&member))
}

/// One that is over or leaves has another in its place, or will.
fn counted<'a>(members: &'a Members) -> impl Iterator<Item = &'a (&'a Pod, Judgement)> {
    members.pods.iter().filter(|(pod, _)| !pod.is_over() && !pod.is_leaving())
}

fn refused<'a>(workload: &'a Workload, members: &'a Members) -> Option<(&'a str, Option<Timestamp>)> {
    let condition = workload.condition("ReplicaFailure").filter(|condition| condition.truth == Truth::True);
    let told = condition.map(|condition| (&*condition.message, condition.since.get()));
    let is_short = workload.there < workload.wanted;
    told.or_else(|| members.refusal.map(|message| (message, unavailable_since(workload)))).filter(|_| is_short)
}

/// "2 of 3: crash loop: exit 3"
fn told(health: &Health, count: usize, total: usize) -> Health {
    let prefix = if total > 1 { format!("{count} of {total}: ") } else { String::new() };
    super::prefixed(health.clone(), &prefix)
}

fn progress(workload: &Workload) -> Option<&Condition> {
    workload.condition("Progressing")
}

fn stuck(workload: &Workload) -> Option<&Condition> {
    progress(workload).filter(|condition| {
        condition.truth == Truth::False && matches!(&*condition.reason, "ProgressDeadlineExceeded" | "RolloutAborted")
    })
}

fn unavailable_since(workload: &Workload) -> Option<Timestamp> {
    let available = workload.condition("Available").filter(|condition| condition.truth == Truth::False);
    available.map_or(workload.meta.created, |condition| condition.since).get()
}

/// Not all of its instances are of the newest release yet, or old ones are left.
pub fn is_rolling(workload: &Workload) -> bool {
    let Workload { wanted, there, updated, .. } = *workload;
    if !workload.is_observed {
        return true;
    }
    match &workload.special {
        Special::StatefulSet { partition, on_delete, current_revision, update_revision } => {
            !on_delete && current_revision != update_revision && updated < wanted.saturating_sub(*partition)
        }
        Special::DaemonSet { on_delete, .. } => !on_delete && updated < wanted,
        Special::Deployment | Special::Rollout { .. } => {
            // At first there is nothing to be replaced: it starts.
            updated < there || there > wanted
        }
        Special::Job { .. } | Special::CronJob { .. } => false,
    }
}

fn rolling(workload: &Workload, members: &Members) -> Judgement {
    let text = format!("rolling out: {} of {} updated", workload.updated.min(workload.wanted), workload.wanted);
    let slow = counted(members).find_map(|(_, judged)| judged.health.reason());
    let text = match slow {
        Some(reason) => format!("{text}; {}", reason.text),
        None => text,
    };
    let newest = counted(members).filter_map(|(pod, _)| pod.created.get()).max();
    Judgement::new(Health::Changing(Reason::new(text)), newest)
}

/// Fewer than there should be, and nothing known is broken.
fn short(workload: &Workload, members: &Members, since: Option<Timestamp>, now: Timestamp) -> Judgement {
    let Workload { wanted, ready, there, .. } = *workload;
    let numbers = format!("{ready} of {wanted} ready");
    let slow = counted(members).filter(|(pod, _)| !pod.is_ready).find_map(|(_, judged)| judged.health.reason());
    let (text, late) = match slow {
        Some(reason) => {
            let text = format!("{numbers}: {}", reason.text);
            (text.clone(), Reason { text: text.into(), ..reason.clone() })
        }
        None if members.are_known && there < wanted => {
            let text = format!("{numbers}: {} not made yet", wanted - there);
            (text, Reason::new(format!("{numbers}: {} were not made", wanted - there)))
        }
        None => (numbers.clone(), Reason::new(numbers)),
    };
    // A pod that was just replaced is young, however old the condition is.
    let newest = counted(members).filter(|(pod, _)| !pod.is_ready).filter_map(|(pod, _)| pod.created.get()).max();
    let judged = Judgement::waiting(text, late, newest.max(since), STARTING, now);
    match judged.health {
        Health::Failing(reason) if ready > 0 => Judgement { health: Health::Degraded(reason), ..judged },
        health => Judgement { health, ..judged },
    }
}

/// Argo says itself how far it is; what it does not say is why.
fn rollout(workload: &Workload, members: &Members, now: Timestamp) -> Judgement {
    let Special::Rollout { phase, message, aborted, step, weight, is_blue_green, .. } = &workload.special else {
        return kept(workload, members, now);
    };
    let place = match (step, weight, is_blue_green) {
        (Some((step, steps)), Some(weight), _) => format!("step {step} of {steps}, {weight}% to the new release"),
        (Some((step, steps)), None, _) => format!("step {step} of {steps}"),
        (None, Some(weight), _) if *weight < 100 => format!("{weight}% to the new release"),
        (None, _, true) => "the new release stands beside the old one".into(),
        (None, _, false) => String::new(),
    };
    let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
    let because = match cause(workload, members) {
        Some((health, _)) => health.reason().map(|reason| format!("; {}", reason.text)).unwrap_or_default(),
        None => String::new(),
    };
    let detailed = |reason: Reason| if message.is_empty() { reason } else { reason.detail(message.clone()) };
    let since = progress(workload).and_then(|progress| progress.since.get());
    match &**phase {
        "Degraded" => {
            let what = if *aborted { "rollout aborted" } else { "rollout failed" };
            let told = if message.is_empty() { String::new() } else { format!(": {}", shorten(message, 120)) };
            let reason = detailed(Reason::new(format!("{what}{at}{told}{because}")))
                .help("the old release serves: roll back, or retry when it is mended");
            let health = if workload.ready == 0 { Health::Failing(reason) } else { Health::Degraded(reason) };
            Judgement::new(health, since)
        }
        "Paused" if because.is_empty() => {
            let reason = detailed(Reason::new(format!("rollout paused{at}: it waits to be promoted")))
                .help("promote it, or roll back");
            Judgement::new(Health::Changing(reason), since)
        }
        "Progressing" if because.is_empty() && stuck(workload).is_none() => {
            Judgement::new(Health::Changing(detailed(Reason::new(format!("rolling out{at}")))), since)
        }
        _ => kept(workload, members, now),
    }
}

/// Pods that nothing better is known of than that they belong together.
pub fn together(members: &Members) -> Judgement {
    let lasting: Vec<&(&Pod, Judgement)> = counted(members).collect();
    let all: Vec<&(&Pod, Judgement)> = if lasting.is_empty() { members.pods.iter().collect() } else { lasting };
    let Some((_, worst)) = all.iter().min_by(|(_, a), (_, b)| a.health.cmp(&b.health)) else {
        return Judgement::new(Health::Unknown(Reason::new("it has no pods")), None);
    };
    let alike = || all.iter().filter(|(_, judged)| judged.health.word() == worst.health.word());
    let since = alike().filter_map(|(_, judged)| judged.since).min();
    let (count, total) = (alike().count(), all.len());
    let health = match told(&worst.health, count, total) {
        Health::Failing(reason) if count < total => Health::Degraded(reason),
        Health::Stopped(reason) if count < total => Health::Degraded(reason),
        health => health,
    };
    Judgement::new(health, since)
}

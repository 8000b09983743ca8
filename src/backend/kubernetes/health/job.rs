//! Jobs, which are to come to an end, and CronJobs, which begin one when it is time.

use std::time::Duration;

use jiff::Timestamp;

use super::{Judgement, Members, refusal, together};
use crate::{
    backend::kubernetes::row::{
        Workload,
        condition::{Condition, Truth},
        workload::Special,
    },
    domain::{Health, Reason, text::shorten, units},
};

/// `Stopped` when it has done its work, or was told not to begin.
pub fn job(job: &Workload, members: &Members, now: Timestamp) -> Judgement {
    let Special::Job { active, succeeded, failed, started, finished, .. } = &job.special else {
        return together(members);
    };
    let is_true = |kind| job.condition(kind).filter(|condition| condition.truth == Truth::True);
    if !job.meta.deleted.is_never() {
        return Judgement::new(Health::Changing(Reason::new("being removed")), None);
    }
    if let Some(condition) = is_true("Failed").or_else(|| is_true("FailureTarget")) {
        return Judgement::new(Health::Failing(gave_up(condition, members, *failed)), condition.since.get());
    }
    if is_true("Complete").is_some() {
        let took =
            started.get().zip(finished.get()).and_then(|(from, to)| Duration::try_from(to.duration_since(from)).ok());
        let text = match took {
            Some(took) => format!("completed, took {}", units::elapsed(took)),
            None => "completed".into(),
        };
        return Judgement::new(Health::Stopped(Reason::new(text)), finished.get());
    }
    if job.paused {
        return Judgement::new(Health::Stopped(Reason::new("suspended")), None);
    }
    let since = started.get().or(job.meta.created.get());
    let living = members.pods.iter().filter(|(pod, _)| !pod.is_over() && !pod.is_leaving());
    let worst = living.min_by(|(_, a), (_, b)| a.health.cmp(&b.health));
    match (worst, members.refusal) {
        (Some((_, judged)), _) if judged.health != Health::Healthy => judged.clone(),
        (None, Some(message)) if *active == 0 => Judgement::new(Health::Failing(refusal::reason(message)), since),
        _ if *failed > 0 => {
            let why = why(members).map(|why| format!(": {why}")).unwrap_or_default();
            let reason = Reason::new(format!("{} failed, tries again{why}", tries(*failed)))
                .help("the last lines of its log usually say why");
            Judgement::new(Health::Degraded(reason), since)
        }
        (None, None) if *active == 0 && *succeeded == 0 => {
            let late = Reason::new("no pod was made for it");
            Judgement::waiting("about to start".into(), late, since, super::STARTING, now)
        }
        _ => Judgement::new(Health::Healthy, since),
    }
}

fn gave_up(condition: &Condition, members: &Members, failed: u32) -> Reason {
    let why = why(members).map(|why| format!(": {why}")).unwrap_or_default();
    let text = match &*condition.reason {
        "BackoffLimitExceeded" => format!("given up after {}{why}", tries(failed.max(1))),
        "DeadlineExceeded" => "stopped: it ran longer than its deadline allows".into(),
        "PodFailurePolicy" => format!("given up, as its policy says{why}"),
        "" => format!("failed{why}"),
        reason => {
            format!("failed: {}", shorten(if condition.message.is_empty() { reason } else { &condition.message }, 160))
        }
    };
    let reason = Reason::new(text).help("the last lines of its log usually say why");
    if condition.message.is_empty() { reason } else { reason.detail(condition.message.clone()) }
}

/// What the newest of its failed pods died of.
fn why(members: &Members) -> Option<String> {
    let failed = members.pods.iter().filter(|(_, judged)| matches!(judged.health, Health::Failing(_)));
    let newest = failed.max_by_key(|(pod, _)| pod.created)?;
    newest.1.health.reason().map(|reason| reason.text.to_string())
}

fn tries(count: u32) -> String {
    if count == 1 { "1 try".into() } else { format!("{count} tries") }
}

/// `runs` are its Jobs, each with how it is, in any order. How the last one went is how it is: older ones are history.
/// The CronJob itself may not be known, where only Jobs may be looked at.
pub fn cron_job(cron_job: Option<&Workload>, runs: &[(&Workload, Judgement)], refusal: Option<&str>) -> Judgement {
    if cron_job.is_some_and(|cron_job| !cron_job.meta.deleted.is_never()) {
        return Judgement::new(Health::Changing(Reason::new("being removed")), None);
    }
    let is_suspended = cron_job.is_some_and(|cron_job| cron_job.paused);
    let last = runs.iter().max_by_key(|(job, _)| job.meta.created);
    match last {
        Some((_, judged)) if judged.health.is_broken() => {
            Judgement { health: super::prefixed(judged.health.clone(), "last run: "), ..judged.clone() }
        }
        Some((_, judged)) if matches!(judged.health, Health::Changing(_)) => judged.clone(),
        _ if is_suspended => {
            Judgement::new(Health::Stopped(Reason::new("suspended: it does not start any more")), None)
        }
        Some((_, judged)) => Judgement::new(Health::Healthy, judged.since),
        None => match refusal {
            Some(message) => {
                let reason = Reason::new(format!("does not start: {}", shorten(message, 160))).detail(message);
                Judgement::new(Health::Failing(reason), None)
            }
            None => Judgement::new(Health::Healthy, cron_job.and_then(last_success)),
        },
    }
}

fn last_success(cron_job: &Workload) -> Option<Timestamp> {
    let Special::CronJob { last_success, .. } = &cron_job.special else { return None };
    last_success.get().or(cron_job.meta.created.get())
}

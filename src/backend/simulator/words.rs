//! Why something is as it is, in the sentences that a real engine's backend uses.

use jiff::Timestamp;

use super::{
    life::{Course, Doing, Life, Phase, Stop, loop_began},
    quantity::Span,
    script::{ServiceScript, Trouble},
};
use crate::domain::{
    Health, Reason,
    text::{clean, clean_lines},
    units,
};

/// From this many restarts on it is a loop.
const LOOP: u32 = 3;

/// How an instance is, and since when.
pub fn health(course: &Course<'_>, life: Option<&Life>, phase: &Phase<'_>, now: Timestamp) -> (Health, Timestamp) {
    let service = course.service;
    let loops_since = |trouble: &Trouble| {
        let began = life.map_or(phase.since, |life| loop_began(trouble, course.began, life));
        trouble.runs.max(Span::seconds(1)).after(began)
    };
    match &phase.doing {
        Doing::Unborn => (Health::Changing(Reason::new("created, not started yet")), phase.since),
        Doing::Starting => {
            (Health::Changing(Reason::new("starting: its health check has not answered yet")), phase.since)
        }
        Doing::Well | Doing::Erring => (Health::Healthy, phase.since),
        Doing::Unwell(trouble) => (Health::Failing(unwell(trouble)), phase.since),
        Doing::Looping(trouble) | Doing::Crashed(trouble) => {
            let since = loops_since(trouble);
            let began = life.map_or(since, |life| loop_began(trouble, course.began, life));
            (Health::Failing(crash_loop(service, trouble, phase.restarts, began, now)), since)
        }
        Doing::Stopping(_) => (Health::Changing(Reason::new("stopping")), phase.since),
        Doing::Ended(stop) => (ended(service, stop), phase.since),
        Doing::Imageless(why) => (Health::Failing(imageless(why)), phase.since),
    }
}

pub fn imageless(why: &str) -> Reason {
    Reason::new(format!("its image cannot be pulled: {}", clean(why)))
        .help("roll back, or push the image: it is tried again and again")
}

pub fn unwell(trouble: &Trouble) -> Reason {
    let first = trouble.output.lines().next().unwrap_or_default();
    let quoted = if first.is_empty() { String::new() } else { format!(": {}", clean(first)) };
    let reason = Reason::new(format!("health check failed 3 times in a row{quoted}"));
    if trouble.output.is_empty() { reason } else { reason.detail(clean_lines(&trouble.output)) }
}

fn crash_loop(service: &ServiceScript, trouble: &Trouble, restarts: u32, began: Timestamp, now: Timestamp) -> Reason {
    let exit = exit(service, trouble.exit_code, trouble.out_of_memory);
    let often = match restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        more => format!(", {more} restarts in {}", units::age_of(began, now)),
    };
    let name = if restarts >= LOOP { "crash loop" } else { "restarted" };
    Reason::new(format!("{name}: {exit}{often}")).help(help(trouble.out_of_memory))
}

fn help(out_of_memory: bool) -> &'static str {
    if out_of_memory {
        "its memory limit is too low for it, or it leaks: look at its memory in the metrics"
    } else {
        "the last lines of its log usually say why"
    }
}

fn ended(service: &ServiceScript, stop: &Stop) -> Health {
    let exit = exit(service, stop.exit_code, false);
    match (stop.by_itself, stop.exit_code) {
        (true, 0) => Health::Stopped(Reason::new("ended with 0, as jobs do")),
        (true, _) => Health::Failing(Reason::new(exit).help(help(false))),
        (false, _) => Health::Stopped(Reason::new(format!("stopped: {exit}"))),
    }
}

/// `exit 137 (out of memory, limit 128Mi)`
pub fn exit(service: &ServiceScript, code: i64, out_of_memory: bool) -> String {
    let meaning = match code {
        _ if out_of_memory => match service.limits.memory {
            Some(limit) => return format!("exit {code} (out of memory, limit {})", units::bytes(limit.0)),
            None => "out of memory",
        },
        0 => "ended well",
        126 => "the command cannot be run",
        127 => "command not found",
        134 => "aborted, SIGABRT",
        137 => "killed",
        139 => "segmentation fault",
        143 => "terminated",
        _ => return format!("exit {code}"),
    };
    format!("exit {code} ({meaning})")
}

pub fn scaled_to_none() -> Health {
    Health::Stopped(Reason::new("scaled to 0"))
}

/// Of a service, from how its instances are. One of several that fails makes it degraded; all of them make it fail.
pub fn of_service(instances: &[(Health, Timestamp)]) -> (Health, Option<Timestamp>) {
    let Some((worst, _)) = instances.iter().min_by(|(a, _), (b, _)| a.cmp(b)) else {
        return (Health::Unknown(Reason::new("it has no instances")), None);
    };
    let alike = || instances.iter().filter(|(health, _)| health.word() == worst.word());
    let (count, total) = (alike().count(), instances.len());
    let since = alike().map(|(_, since)| *since).min();
    if total == 1 {
        return (worst.clone(), since);
    }
    let told =
        |reason: &Reason| Reason { text: format!("{count} of {total}: {}", reason.text).into(), ..reason.clone() };
    let health = match worst {
        Health::Failing(reason) if count == total => Health::Failing(told(reason)),
        Health::Failing(reason) | Health::Degraded(reason) => Health::Degraded(told(reason)),
        Health::Changing(reason) => Health::Changing(told(reason)),
        Health::Unknown(reason) => Health::Unknown(told(reason)),
        Health::Stopped(reason) if count == total => Health::Stopped(told(reason)),
        // The others work.
        Health::Stopped(reason) => Health::Degraded(told(reason)),
        Health::Healthy => Health::Healthy,
    };
    (health, since)
}

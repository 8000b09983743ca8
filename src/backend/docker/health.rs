//! How a container is, and in words why. Pure: told the container, what happened to it before, and the time.

use std::{collections::VecDeque, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::container::{Check, CheckState, Container, Policy};
use crate::{
    backend::exit,
    domain::{Health, InstanceState, Reason, ServiceKind, text::shorten, units},
};

/// How far back ends are remembered, and how many.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(15);
const REMEMBERED_ENDS: usize = 50;
/// A container that came back and ran this long is well again. Docker itself forgives after 10 s, which is too soon to say so:
/// it waits for up to a minute between tries.
const PROBATION: SignedDuration = SignedDuration::from_secs(60);
/// From this many restarts on, one that is up at the moment is in a loop and not merely restarted.
const LOOP: u32 = 3;
/// One that nothing keeps running and that failed longer ago than this is history, not an incident.
const HISTORY: SignedDuration = SignedDuration::from_hours(24);

/// A container that Compose made and will start when what it depends on is well; or never.
pub const NEVER_STARTED: &str = "created, never started";

/// What events told about a container before now; empty where none did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    pub ends: VecDeque<End>,
    /// Somebody sent it a signal through the engine since it was last started.
    pub asked_to_stop: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    pub at: Timestamp,
    pub code: i64,
    pub out_of_memory: bool,
}

impl Past {
    pub fn ended(&mut self, end: End) {
        self.ends.push_back(end);
        if self.ends.len() > REMEMBERED_ENDS {
            self.ends.pop_front();
        }
    }

    fn recent(&self, now: Timestamp) -> impl Iterator<Item = &End> {
        self.ends.iter().filter(move |end| now.duration_since(end.at) < REMEMBERED)
    }
}

/// How it is, since when, and when time alone will change the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub health: Health,
    pub since: Option<Timestamp>,
    pub again_at: Option<Timestamp>,
}

impl Judgement {
    fn new(health: Health, since: Option<Timestamp>) -> Self {
        Self { health, since, again_at: None }
    }
}

pub fn judge(container: &Container, past: &Past, now: Timestamp) -> Judgement {
    match container.state {
        InstanceState::Running => running(container, past, now),
        InstanceState::Paused => {
            let reason = Reason::new("paused: its processes are frozen").help("docker unpause brings it back");
            Judgement::new(Health::Degraded(reason), None)
        }
        InstanceState::Restarting { exit_code, out_of_memory } => {
            let end = End { at: container.finished.unwrap_or(now), code: exit_code, out_of_memory };
            let (reason, since) = crash_loop(container, past, Some(end), now);
            Judgement::new(Health::Failing(reason), since)
        }
        InstanceState::Exited { exit_code, out_of_memory } => {
            let health = ended(container, past, exit_code, out_of_memory, now);
            Judgement::new(health, container.finished.or(container.created))
        }
        InstanceState::Created => Judgement::new(created(container), container.created),
        InstanceState::Removing => Judgement::new(Health::Changing(Reason::new("being removed")), None),
        InstanceState::Dead => {
            let reason = Reason::new("dead: the engine could not remove it whole")
                .help("something still holds its files: docker rm -f tries again");
            Judgement::new(Health::Failing(reason), container.finished)
        }
    }
}

fn running(container: &Container, past: &Past, now: Timestamp) -> Judgement {
    let fresh_until = container.started.and_then(|started| started.checked_add(PROBATION).ok());
    let is_fresh = fresh_until.is_some_and(|until| now < until);
    if is_fresh && restarts_lately(container, past, now) > 0 && !past.asked_to_stop {
        let (reason, since) = crash_loop(container, past, None, now);
        let looping = restarts_lately(container, past, now) >= LOOP;
        let health = if looping { Health::Failing(reason) } else { Health::Degraded(reason) };
        return Judgement { health, since, again_at: fresh_until };
    }
    match &container.check {
        Some(check) => match check.state {
            CheckState::Healthy => Judgement::new(Health::Healthy, container.started),
            CheckState::Starting => Judgement::new(Health::Changing(starting(check)), container.started),
            CheckState::Unhealthy => Judgement::new(Health::Failing(unhealthy(check)), check.failing_since),
        },
        None => Judgement::new(Health::Healthy, container.started),
    }
}

fn starting(check: &Check) -> Reason {
    if check.streak == 0 {
        return Reason::new("starting: its health check has not answered yet");
    }
    let reason = Reason::new(format!("starting: health check failed {}{}", times(check.streak), quoted(check)));
    with_output(reason, check)
}

fn unhealthy(check: &Check) -> Reason {
    let reason = Reason::new(format!("health check failed {} in a row{}", times(check.streak), quoted(check)));
    with_output(reason, check)
}

/// The first line that the check printed, else how it ended.
fn quoted(check: &Check) -> String {
    let first = check.output.lines().map(str::trim).find(|line| !line.is_empty());
    match (first, check.exit_code) {
        (Some(line), _) => format!(": {}", shorten(line, 160)),
        (None, Some(code)) => format!(": {}", exit::words(code, false, None)),
        (None, None) => String::new(),
    }
}

fn with_output(reason: Reason, check: &Check) -> Reason {
    if check.output.is_empty() { reason } else { reason.detail(check.output.clone()) }
}

fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// By what events told; else by the engine's counter, which knows no times.
fn restarts_lately(container: &Container, past: &Past, now: Timestamp) -> u32 {
    let seen = u32::try_from(past.recent(now).count()).unwrap_or(u32::MAX);
    if container.restarts == 0 { 0 } else { seen.max(u32::from(seen == 0) * container.restarts) }
}

/// "crash loop: exit 1, 7 restarts in 3m", and since when.
fn crash_loop(container: &Container, past: &Past, end: Option<End>, now: Timestamp) -> (Reason, Option<Timestamp>) {
    let last = end.or_else(|| past.ends.back().copied());
    let first = past.recent(now).next().map(|end| end.at);
    let how = match last {
        Some(end) => exit::words(end.code, end.out_of_memory, container.limits.memory),
        None => "it ends and is restarted".into(),
    };
    let seen = u32::try_from(past.recent(now).count()).unwrap_or(u32::MAX);
    let often = match first.filter(|_| seen > 1) {
        Some(first) => format!(", {} in {}", restarts(seen), units::age_of(first, now)),
        None => format!(", {}", restarts(container.restarts.max(seen))),
    };
    let name = if container.restarts.max(seen) >= LOOP { "crash loop" } else { "restarted" };
    let reason = Reason::new(format!("{name}: {how}{often}"));
    let reason = match &container.error {
        Some(error) => reason.detail(error.clone()),
        None => reason,
    };
    (help_for(reason, last), first.or(container.finished).or(container.started))
}

fn help_for(reason: Reason, end: Option<End>) -> Reason {
    match end {
        Some(End { out_of_memory: true, .. }) => {
            reason.help("its memory limit is too low for it, or it leaks: look at its memory in the metrics")
        }
        Some(End { code: 127, .. }) => {
            reason.help("the command is not in the image: look at its command and its image")
        }
        Some(_) => reason.help("the last lines of its log usually say why"),
        None => reason,
    }
}

fn restarts(count: u32) -> String {
    if count == 1 { "1 restart".into() } else { format!("{count} restarts") }
}

/// Told apart here: it did its work, a person stopped it, or it failed. The engine does not keep who stopped a container, so:
/// a container that is always restarted and is down was stopped by a person; so was one that got a signal through the engine;
/// and an end by SIGTERM, SIGINT or SIGKILL without a lack of memory is taken for one.
fn ended(container: &Container, past: &Past, code: i64, out_of_memory: bool, now: Timestamp) -> Health {
    let how = exit::words(code, out_of_memory, container.limits.memory);
    let end = End { at: container.finished.unwrap_or(now), code, out_of_memory };
    if let Some(error) = &container.error {
        return Health::Failing(could_not_start(error));
    }
    if out_of_memory {
        return Health::Failing(help_for(Reason::new(how), Some(end)));
    }
    if container.is_one_off && code == 0 {
        return Health::Stopped(Reason::new("ended with 0, as jobs do"));
    }
    match container.policy {
        Policy::Always => Health::Stopped(Reason::new(format!("stopped: {how}"))),
        Policy::OnFailure { tries } if tries > 0 && container.restarts >= tries && code != 0 => {
            Health::Failing(help_for(Reason::new(format!("given up after {}: {how}", restarts(tries))), Some(end)))
        }
        Policy::No | Policy::OnFailure { .. } if code == 0 => Health::Stopped(Reason::new("ended with 0, as jobs do")),
        Policy::OnFailure { .. } => Health::Stopped(Reason::new(format!("stopped: {how}"))),
        Policy::No if past.asked_to_stop || exit::looks_stopped(code) => {
            Health::Stopped(Reason::new(format!("stopped: {how}")))
        }
        Policy::No if is_history(container, now) => Health::Stopped(Reason::new(format!("{how}; nothing restarts it"))),
        Policy::No => Health::Failing(help_for(Reason::new(how), Some(end))),
    }
}

fn is_history(container: &Container, now: Timestamp) -> bool {
    container.place.kind == ServiceKind::Container
        && container.finished.is_some_and(|finished| now.duration_since(finished) > HISTORY)
}

fn created(container: &Container) -> Health {
    match &container.error {
        Some(error) => Health::Failing(could_not_start(error)),
        None => Health::Stopped(Reason::new(NEVER_STARTED)),
    }
}

/// The engine's message in the words of the trade, the whole of it as detail.
fn could_not_start(error: &Arc<str>) -> Reason {
    let lower = error.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let (text, help) = if has("port is already allocated") || has("address already in use") {
        ("a port that it publishes is in use", Some("another container or program listens there: docker ps, ss -ltnp"))
    } else if has("no such image") || has("manifest unknown") || has("pull access denied") {
        ("image missing", Some("pull it, or correct its name"))
    } else if has("executable file not found") || has("no such file or directory") && has("exec") {
        ("its command is not in the image", Some("look at its command and its image"))
    } else if has("permission denied") && has("exec") {
        ("its command may not be executed", Some("the file in the image is not executable"))
    } else if has("mount") || has("bind source path does not exist") || has("invalid volume") {
        ("a mount of it failed", Some("does the path exist on the host, and is it of the right kind?"))
    } else if has("network") && has("not found") {
        ("a network of it is missing", Some("docker compose up makes it again"))
    } else if has("no space left") {
        ("no space left on the host", Some("docker system df says what takes it"))
    } else {
        return Reason::new(format!("could not start: {}", shorten(error, 160))).detail(error.clone());
    };
    let reason = Reason::new(format!("could not start: {text}")).detail(error.clone());
    match help {
        Some(help) => reason.help(help),
        None => reason,
    }
}

#[cfg(test)]
mod tests;

//! One container of a pod.

use jiff::{SignedDuration, Timestamp};

use super::{Judgement, PROBATION, STARTING, Surroundings, image, start, times};
use crate::{
    backend::{
        exit,
        kubernetes::{
            books::{Note, NoteKind},
            row::{
                Pod,
                pod::{ContainerState, Ended, Now, Waiting},
                template::{Container, Restart},
            },
        },
    },
    domain::{Health, Reason, text::shorten, units},
};

/// From this many restarts on it is in a loop and not merely restarted.
const LOOP: u32 = 2;
/// After a run of this length the kubelet begins to count its delays anew, and so do we.
const LONG_RUN: SignedDuration = SignedDuration::from_mins(10);
/// What a health check may be late beyond its own times.
const LATE: i64 = 30;

pub fn container(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    match &state.now {
        Now::Running { since } => running(pod, container, state, since.get(), around, now),
        Now::Ended(end) => ended(pod, container, state, end, around, now),
        Now::Waiting(Some(waiting)) => self::waiting(pod, container, state, waiting, around, now),
        Now::Waiting(None) => creating(pod, around, now),
    }
}

fn waiting(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    waiting: &Waiting,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    let since = state.last.as_ref().and_then(|last| last.finished.get()).or(pod.started.get());
    let failing = |reason| Judgement::new(Health::Failing(reason), since);
    match &*waiting.reason {
        "CrashLoopBackOff" => failing(crash_loop(pod, container, state, state.last.as_deref(), around, now)),
        "ContainerCreating" | "PodInitializing" => creating(pod, around, now),
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "ErrImagePullBackOff"
        | "SignatureValidationFailed" => {
            let said = around.note(NoteKind::Pull, Some(&container.name)).map(|note| &*note.message);
            failing(image::reason(&container.image, waiting, said, pod.node.as_deref()))
        }
        "CreateContainerConfigError" => failing(start::config(&waiting.message)),
        "CreateContainerError"
        | "RunContainerError"
        | "StartError"
        | "PostStartHookError"
        | "PreStartHookError"
        | "PreCreateHookError" => failing(start::could_not_start(&waiting.message)),
        reason => {
            let text = match &*waiting.message {
                "" => format!("waits: {reason}"),
                message => format!("waits: {reason}: {}", shorten(message, 160)),
            };
            let late = Reason::new(text.as_str()).detail(waiting.message.clone());
            Judgement::waiting(text, late, since, STARTING, now)
        }
    }
}

/// Volumes are mounted, networks made and images pulled before a container begins.
pub fn creating(pod: &Pod, around: &Surroundings, now: Timestamp) -> Judgement {
    let since = pod.started.or(pod.created).get();
    let said = [NoteKind::Mount, NoteKind::Sandbox].into_iter().find_map(|kind| around.note(kind, None));
    if let Some(note) = said {
        return Judgement::new(Health::Failing(start::mount_or_network(note.kind, &note.message)), since);
    }
    let late = Reason::new("does not start: its volumes, its network or its image do not come")
        .help("the events of the pod say what it waits for");
    Judgement::waiting("starting: its container is being made".into(), late, since, STARTING, now)
}

fn ended(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    end: &Ended,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    let since = end.finished.get();
    let comes_back = match pod.template.restart {
        Restart::Always => true,
        Restart::OnFailure => end.code != 0,
        Restart::Never => false,
    };
    let health = if comes_back {
        Health::Failing(crash_loop(pod, container, state, Some(end), around, now))
    } else if end.code == 0 {
        Health::Stopped(Reason::new("ended with 0, as jobs do"))
    } else {
        Health::Failing(ended_badly(container, end, around))
    };
    Judgement::new(health, since)
}

/// "exit 3: no database", for one that stays ended.
pub fn ended_badly(container: &Container, end: &Ended, around: &Surroundings) -> Reason {
    help_for(Reason::new(how(container, end, around)), end)
}

fn running(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    since: Option<Timestamp>,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    if !state.is_ready && (container.readiness.is_some() || container.startup) {
        let fresh = restarted_lately(state, since, now).is_some();
        let judged = unready(pod, container, state, since, around, now);
        // One that crashes all the time is not "starting" between two crashes.
        if !(fresh && matches!(judged.health, Health::Changing(_))) {
            return judged;
        }
    }
    let Some((last, until)) = restarted_lately(state, since, now) else {
        return Judgement::new(Health::Healthy, since);
    };
    let reason = crash_loop(pod, container, state, Some(last), around, now);
    let health = if is_loop(state, last) { Health::Failing(reason) } else { Health::Degraded(reason) };
    Judgement { health, since: last.finished.get(), again_at: Some(until) }
}

/// How it ended last, and until when it is on probation.
fn restarted_lately(state: &ContainerState, since: Option<Timestamp>, now: Timestamp) -> Option<(&Ended, Timestamp)> {
    let until = since?.checked_add(PROBATION).ok().filter(|until| now < *until)?;
    let last = state.last.as_deref().filter(|_| state.restarts > 0)?;
    Some((last, until))
}

fn is_loop(state: &ContainerState, last: &Ended) -> bool {
    let was_long = last
        .started
        .get()
        .zip(last.finished.get())
        .is_some_and(|(started, finished)| finished.duration_since(started) >= LONG_RUN);
    state.restarts > LOOP && !was_long
}

/// It runs, and its health check does not say yes.
fn unready(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    since: Option<Timestamp>,
    around: &Surroundings,
    now: Timestamp,
) -> Judgement {
    let said = around.note(NoteKind::Probe, Some(&container.name));
    // What was said before it was last started is of another run.
    let said = said.filter(|note| since.is_none_or(|since| note.at.get().is_none_or(|at| at >= since)));
    if !state.is_started && container.startup {
        let text = match said {
            Some(note) => format!("starting: {}", failed_check(note)),
            None => "starting: its health check has not answered yet".into(),
        };
        return Judgement::new(Health::Changing(Reason::new(text)), since);
    }
    let Some(probe) = container.readiness else { return Judgement::new(Health::Healthy, since) };
    let became_unready = pod.ready_since.get().max(since);
    match said {
        Some(note) if note.count >= probe.threshold || became_unready > since => {
            let reason = Reason::new(failed_check(note)).detail(note.message.clone());
            Judgement::new(Health::Failing(reason), became_unready)
        }
        said => {
            let (text, late) = match said {
                Some(note) => {
                    let reason = Reason::new(failed_check(note)).detail(note.message.clone());
                    (format!("starting: {}", reason.text), reason)
                }
                None => (
                    "starting: its health check has not answered yet".into(),
                    Reason::new("health check failed: it does not become ready")
                        .help("its readiness probe fails: the events of the pod, or its log, say why"),
                ),
            };
            let patience = i64::from(probe.delay) + i64::from(probe.period) * i64::from(probe.threshold) + LATE;
            Judgement::waiting(text, late, became_unready, SignedDuration::from_secs(patience), now)
        }
    }
}

/// "health check failed 3 times: could not reach the database"
fn failed_check(note: &Note) -> String {
    let output = probe_output(&note.message);
    let often = times(note.count);
    if output.is_empty() {
        format!("health check failed {often}")
    } else {
        format!("health check failed {often}: {}", shorten(output, 160))
    }
}

/// "Readiness probe failed: HTTP probe failed with statuscode: 503" -> "HTTP probe failed with statuscode: 503"
fn probe_output(message: &str) -> &str {
    let after = |marker| message.split_once(marker).map(|(_, output)| output);
    after("probe failed: ").or_else(|| after("probe errored: ")).unwrap_or(message).trim()
}

/// "crash loop: exit 1: no database, 7 restarts in 3m"
fn crash_loop(
    pod: &Pod,
    container: &Container,
    state: &ContainerState,
    last: Option<&Ended>,
    around: &Surroundings,
    now: Timestamp,
) -> Reason {
    let is_up = matches!(state.now, Now::Running { .. });
    let name = match (state.restarts >= LOOP && last.is_none_or(|last| !is_up || is_loop(state, last)), is_up) {
        (true, _) => "crash loop",
        (false, true) => "restarted",
        (false, false) => "ended",
    };
    let how = last.map_or_else(|| "it ends and is restarted".into(), |end| how(container, end, around));
    let often = match (state.restarts, pod.started.get()) {
        (0, _) => String::new(),
        (1, _) => ", 1 restart".into(),
        (many, Some(started)) => format!(", {many} restarts in {}", units::age_of(started, now)),
        (many, None) => format!(", {many} restarts"),
    };
    let reason = Reason::new(format!("{name}: {how}{often}"));
    match last {
        Some(end) => help_for(reason, end),
        None => reason,
    }
}

/// "exit 3: no database", "exit 137 (out of memory, limit 128Mi)", "could not start: its command is not in the image"
fn how(container: &Container, end: &Ended, around: &Surroundings) -> String {
    if matches!(&*end.reason, "StartError" | "ContainerCannotRun") {
        return start::could_not_start(&end.message).text.to_string();
    }
    if &*end.reason == "ContainerStatusUnknown" {
        return "nobody saw how it ended: its node was away".into();
    }
    let words = exit::words(i64::from(end.code), end.out_of_memory(), container.memory_limit);
    // A probe of another kind does not kill.
    let probe = around.note(NoteKind::Probe, Some(&container.name));
    let killer = probe.filter(|note| !note.message.starts_with("Readiness") && matches!(end.code, 137 | 143));
    match killer {
        Some(note) if !end.out_of_memory() => {
            format!("{words}, its health check failed: {}", shorten(probe_output(&note.message), 120))
        }
        _ if end.message.is_empty() => words,
        _ => format!("{words}: {}", shorten(&end.message, 120)),
    }
}

fn help_for(reason: Reason, end: &Ended) -> Reason {
    let reason = if end.message.is_empty() { reason } else { reason.detail(end.message.clone()) };
    if end.out_of_memory() {
        return reason.help("its memory limit is too low for it, or it leaks: look at its memory in the metrics");
    }
    match (&*end.reason, end.code) {
        ("StartError" | "ContainerCannotRun", _) | (_, 126 | 127) => {
            reason.help("look at its command and its image: what is to be run is not there, or may not be run")
        }
        (_, 0) => reason.help("its command ends by itself: a service must go on running"),
        _ => reason.help("the last lines of its log usually say why"),
    }
}

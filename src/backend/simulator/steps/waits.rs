//! Waiting until something is so, and seeing as soon as it cannot become so any more.

use std::time::Duration;

use jiff::Timestamp;

use super::{deadline, failed, find, lost, no_service};
use crate::{
    backend::{
        Progress, StepError,
        simulator::{
            LOOK, Line,
            life::{Doing, Phase},
            orchestrator::Seen,
            script::{ServiceScript, TroubleKind},
            words,
            world::World,
        },
    },
    domain::{InstanceId, ServiceId, ServiceKind, Trouble},
};

pub struct Wait {
    pub deadline: Timestamp,
    pub within: u32,
    pub steady: u32,
}

/// What one look tells.
enum Look {
    Ready,
    Hopeless(String),
    NotYet(String),
}

pub async fn await_ready(
    line: &Line,
    instance: &InstanceId,
    name: &str,
    wait: Wait,
    progress: &Progress,
) -> Result<(), StepError> {
    let index = find(line, "wait for", instance, name)?;
    let failed = |why: String| {
        let trouble = Trouble::new(format!("{name} did not get ready"), why);
        StepError::Failed(trouble.help("the last lines of its log usually say why"))
    };
    let restarts = line.world().phase(index, line.now()).restarts;
    loop {
        find(line, "wait for", instance, name)?;
        let (world, now) = (line.world(), line.now());
        let phase = world.phase(index, now);
        let script = world.script(world.instances[index].service);
        let note = match look(&phase, script, now, restarts, wait.steady) {
            Look::Ready => return Ok(()),
            Look::Hopeless(why) => return Err(failed(why)),
            Look::NotYet(note) => note,
        };
        progress(&note);
        if now >= wait.deadline {
            return Err(failed(format!("{note}, and {} s are over", wait.within)));
        }
        line.until(pause(LOOK, now).min(wait.deadline)).await.map_err(lost)?;
    }
}

fn look(phase: &Phase<'_>, script: &ServiceScript, now: Timestamp, restarts: u32, steady: u32) -> Look {
    match &phase.doing {
        Doing::Ended(stop) => Look::Hopeless(words::exit(script, stop.exit_code, false)),
        Doing::Imageless(why) => Look::Hopeless(words::imageless(why).text.to_string()),
        Doing::Crashed(trouble) => Look::Hopeless(words::exit(script, trouble.exit_code, trouble.out_of_memory)),
        _ if phase.restarts > restarts => Look::Hopeless("it ended and was restarted by the engine".to_owned()),
        Doing::Unwell(trouble) => Look::Hopeless(words::unwell(trouble).text.to_string()),
        Doing::Well | Doing::Erring if script.health_check => Look::Ready,
        Doing::Well | Doing::Erring => match now.duration_since(phase.run).as_secs() {
            up if up >= i64::from(steady) => Look::Ready,
            up => Look::NotYet(format!("running for {up} s of {steady} s")),
        },
        Doing::Unborn => Look::NotYet("created".to_owned()),
        Doing::Starting | Doing::Looping(_) => {
            Look::NotYet(format!("health: starting, {} s", now.duration_since(phase.run).as_secs()))
        }
        Doing::Stopping(_) => Look::NotYet("stopping".to_owned()),
    }
}

fn pause(length: Duration, now: Timestamp) -> Timestamp {
    now.saturating_add(length).unwrap_or(now)
}

pub async fn await_rollout(
    line: &Line,
    service: &ServiceId,
    within: u32,
    progress: &Progress,
) -> Result<(), StepError> {
    let deadline = deadline(line, within);
    let what = || format!("the rollout of {service} did not complete");
    loop {
        let (world, now) = (line.world(), line.now());
        let index = world.find_service(service).ok_or_else(|| no_service("wait for", service))?;
        let spec = &world.services[index].spec;
        let seen = world.seen(index, now);
        let updated = seen.iter().filter(|seen| seen.is_new).count();
        let available = seen.iter().filter(|seen| seen.is_new && seen.is_available).count();
        let wanted = if spec.wanted == 0 { 0 } else { spec.wanted as usize };
        let note = format!("{updated} of {wanted} updated, {available} available");
        progress(&note);
        if world.is_rolled_out(index, now) && !restarts_to_come(&world, index, now) {
            return Ok(());
        }
        if let Some(why) = stands(&world, index) {
            return Err(StepError::Unsure(Trouble::new(format!("{service} is not rolled out"), why)));
        }
        if let Some(why) = hopeless(&world, index, &seen, now) {
            return Err(failed(what(), why));
        }
        if now >= deadline {
            return Err(failed(what(), format!("{note}, and {within} s are over")));
        }
        line.until(pause(LOOK, now).min(deadline)).await.map_err(lost)?;
    }
}

/// Nothing more comes of it until somebody says so.
fn stands(world: &World, service: usize) -> Option<String> {
    let (served, script) = (&world.services[service], world.script(service));
    match served.kind {
        ServiceKind::Rollout => served.canary.stands(script, &served.spec),
        _ if served.spec.paused => Some("somebody paused it".to_owned()),
        _ => None,
    }
}

/// A start that was scheduled by a redeploy and has not had its time yet.
fn restarts_to_come(world: &World, service: usize, now: Timestamp) -> bool {
    world.members(service).any(|member| world.instances[member].lives.last().is_some_and(|life| life.started > now))
}

fn hopeless(world: &World, service: usize, seen: &[Seen], now: Timestamp) -> Option<String> {
    let script = world.script(service);
    seen.iter().filter(|seen| seen.is_new).find_map(|seen| {
        let why = match world.phase(seen.index, now).doing {
            Doing::Imageless(why) => words::imageless(why).text.to_string(),
            Doing::Unwell(trouble) => words::unwell(trouble).text.to_string(),
            Doing::Crashed(trouble) if trouble.kind != TroubleKind::FailingCheck => {
                words::exit(script, trouble.exit_code, trouble.out_of_memory)
            }
            Doing::Crashed(_)
            | Doing::Unborn
            | Doing::Starting
            | Doing::Well
            | Doing::Erring
            | Doing::Looping(_)
            | Doing::Stopping(_)
            | Doing::Ended(_) => return None,
        };
        Some(format!("{}: {why}", world.instances[seen.index].name))
    })
}

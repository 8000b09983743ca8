//! Makes plan steps so in the simulated world. What is so already is left alone.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    LOOK, Line,
    life::{Doing, Life, Stop},
    quantity::{Span, later},
    script::TroubleKind,
    words,
    world::World,
};
use crate::{
    backend::{Loss, Progress, StepError},
    domain::{InstanceId, ServiceId, Trouble},
    plan::Step,
};

pub async fn execute(line: Line, step: Step, progress: Progress) -> Result<(), StepError> {
    line.round_trip().await.map_err(lost)?;
    match step {
        Step::Stop { instance, name, grace } => stop(&line, &instance, &name, grace, &progress).await,
        Step::Start { instance, name } => start(&line, &instance, &name).await,
        Step::AwaitReady { instance, name, within, steady } => {
            let wait = Wait { deadline: deadline(&line, within), within, steady };
            await_ready(&line, &instance, &name, wait, &progress).await
        }
        Step::Redeploy { service, .. } => redeploy(&line, &service),
        Step::Replace { name, .. } => {
            let trouble = Trouble::new(format!("could not replace {name}"), "nothing here makes another one for it");
            Err(StepError::Failed(trouble.help("restart it instead")))
        }
        Step::AwaitRollout { service, within } => await_rollout(&line, &service, within, &progress).await,
    }
}

struct Wait {
    deadline: Timestamp,
    within: u32,
    steady: u32,
}

fn deadline(line: &Line, within: u32) -> Timestamp {
    Span::seconds(i64::from(within)).after(line.now())
}

fn lost(loss: Loss) -> StepError {
    StepError::Lost(loss.why)
}

fn find(line: &Line, verb: &str, instance: &InstanceId, name: &str) -> Result<usize, StepError> {
    let missing = || Trouble::new(format!("could not {verb} {name}"), "there is no such instance any more");
    line.world.find(instance).ok_or_else(|| StepError::Failed(missing()))
}

async fn stop(
    line: &Line,
    instance: &InstanceId,
    name: &str,
    grace: u32,
    progress: &Progress,
) -> Result<(), StepError> {
    let index = find(line, "stop", instance, name)?;
    let world = &line.world;
    let now = line.now();
    let course = world.course(&world.instances[index]);
    let phase = world.phase(index, now);
    let is_crashed = matches!(phase.doing, Doing::Crashed(_));
    world.change(index, |lives| {
        // What was scheduled for later does not happen any more.
        lives.retain(|life| life.started <= now);
        let Some(life) = lives.last_mut() else { return };
        match &life.stop {
            Some(stop) if stop.asked <= now => {}
            // There is nothing to be stopped between two tries but the tries.
            _ if is_crashed => life.stop = Some(Stop { asked: now, done: now, exit_code: 137, by_itself: false }),
            _ => life.stop = Some(course.stopped_at(life, now, Span::seconds(i64::from(grace)))),
        }
    });
    loop {
        let now = line.now();
        match world.phase(index, now).doing {
            Doing::Stopping(stop) => {
                let asked = now.duration_since(stop.asked).as_secs();
                progress(&format!("SIGTERM sent, {asked} s of {grace} s"));
                line.until(soonest(stop.done, now)).await.map_err(lost)?;
            }
            Doing::Unborn | Doing::Ended(_) => return Ok(()),
            // Somebody else started it again.
            Doing::Starting
            | Doing::Well
            | Doing::Erring
            | Doing::Unwell(_)
            | Doing::Looping(_)
            | Doing::Crashed(_) => {
                let why = "it was started again while it was being stopped";
                return Err(StepError::Failed(Trouble::new(format!("could not stop {name}"), why)));
            }
        }
    }
}

/// The next look, at least a second from one word of progress to the next.
fn soonest(done: Timestamp, now: Timestamp) -> Timestamp {
    done.min(Span::seconds(1).after(now))
}

async fn start(line: &Line, instance: &InstanceId, name: &str) -> Result<(), StepError> {
    let index = find(line, "start", instance, name)?;
    // One that is stopping is started when it has stopped.
    while let Doing::Stopping(stop) = line.world.phase(index, line.now()).doing {
        line.until(stop.done).await.map_err(lost)?;
    }
    let now = line.now();
    if let Doing::Ended(_) | Doing::Unborn = line.world.phase(index, now).doing {
        line.world.change(index, |lives| {
            lives.retain(|life| life.started <= now);
            lives.push(Life { started: now, by_hand: true, stop: None });
        });
    }
    Ok(())
}

async fn await_ready(
    line: &Line,
    instance: &InstanceId,
    name: &str,
    wait: Wait,
    progress: &Progress,
) -> Result<(), StepError> {
    let index = find(line, "wait for", instance, name)?;
    let script = line.world.script(line.world.instances[index].service);
    let failed = |why: String| {
        let trouble = Trouble::new(format!("{name} did not get ready"), why);
        StepError::Failed(trouble.help("the last lines of its log usually say why"))
    };
    let restarts = line.world.phase(index, line.now()).restarts;
    loop {
        find(line, "wait for", instance, name)?;
        let now = line.now();
        let phase = line.world.phase(index, now);
        let note = match &phase.doing {
            Doing::Ended(stop) => return Err(failed(words::exit(script, stop.exit_code, false))),
            Doing::Crashed(trouble) => {
                return Err(failed(words::exit(script, trouble.exit_code, trouble.out_of_memory)));
            }
            _ if phase.restarts > restarts => {
                return Err(failed("it ended and was restarted by the engine".to_owned()));
            }
            Doing::Unwell(trouble) => return Err(failed(words::unwell(trouble).text.to_string())),
            Doing::Well | Doing::Erring if script.health_check => return Ok(()),
            Doing::Well | Doing::Erring => {
                let up = now.duration_since(phase.run).as_secs();
                if up >= i64::from(wait.steady) {
                    return Ok(());
                }
                format!("running for {up} s of {} s", wait.steady)
            }
            Doing::Unborn => "created".to_owned(),
            Doing::Starting | Doing::Looping(_) => {
                format!("health: starting, {} s", now.duration_since(phase.run).as_secs())
            }
            Doing::Stopping(_) => "stopping".to_owned(),
        };
        progress(&note);
        if now >= wait.deadline {
            return Err(failed(format!("{note}, and {} s are over", wait.within)));
        }
        line.until(pause(LOOK, now).min(wait.deadline)).await.map_err(lost)?;
    }
}

fn pause(length: Duration, now: Timestamp) -> Timestamp {
    now.saturating_add(length).unwrap_or(now)
}

/// One after the other, each when the one before should be ready, as orchestrators do it. One that is under way is not begun again.
fn redeploy(line: &Line, service: &ServiceId) -> Result<(), StepError> {
    let index = find_service(&line.world, service)?;
    let (world, now) = (&line.world, line.now());
    if under_way(world, index, now).is_some() {
        return Ok(());
    }
    let script = world.script(index);
    let mut at = now;
    for member in world.members(index) {
        let course = world.course(&world.instances[member]);
        let alive = world.phase(member, now).doing.is_alive();
        at = world.change(member, |lives| {
            let stop = match lives.last_mut() {
                Some(life) if alive => {
                    let stop = course.stopped_at(life, at, script.stop_timeout);
                    life.stop = Some(stop.clone());
                    stop
                }
                Some(life) => {
                    let stop = Stop { asked: at, done: at, exit_code: 0, by_itself: false };
                    life.stop.get_or_insert(stop).clone()
                }
                None => Stop { asked: at, done: at, exit_code: 0, by_itself: false },
            };
            let started = later(stop.done.max(at), 200_000_000);
            lives.push(Life { started, by_hand: true, stop: None });
            script.starts_in.after(started)
        });
    }
    Ok(())
}

/// The last start that is still to come, or that has not had its time yet.
fn under_way(world: &World, service: usize, now: Timestamp) -> Option<Timestamp> {
    let starts = world.members(service).into_iter().filter_map(|member| world.lives(member).pop());
    let last = starts.filter(|life| life.by_hand).map(|life| life.started).max()?;
    let done = world.script(service).starts_in.after(last);
    (now < done).then_some(done)
}

fn find_service(world: &World, service: &ServiceId) -> Result<usize, StepError> {
    let missing = || Trouble::new(format!("could not redeploy {service}"), "there is no such service any more");
    world.find_service(service).ok_or_else(|| StepError::Failed(missing()))
}

async fn await_rollout(line: &Line, service: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
    let index = find_service(&line.world, service)?;
    let deadline = deadline(line, within);
    let failed =
        |why: String| StepError::Failed(Trouble::new(format!("the rollout of {service} did not complete"), why));
    loop {
        let now = line.now();
        let members = line.world.members(index);
        let started = |member: &usize| line.world.lives(*member).last().is_some_and(|life| life.started <= now);
        let ready = members
            .iter()
            .copied()
            .filter(started)
            .filter(|member| line.world.phase(*member, now).doing.is_ready())
            .count();
        let wanted = members.len();
        let note = format!("{ready} of {wanted} replaced and ready");
        progress(&note);
        if ready == wanted {
            return Ok(());
        }
        for member in members.into_iter().filter(started) {
            if let Doing::Crashed(trouble) | Doing::Unwell(trouble) = line.world.phase(member, now).doing {
                let name = &line.world.instances[member].name;
                let why = if trouble.kind == TroubleKind::FailingCheck {
                    words::unwell(trouble).text.to_string()
                } else {
                    words::exit(line.world.script(index), trouble.exit_code, trouble.out_of_memory)
                };
                return Err(failed(format!("{name}: {why}")));
            }
        }
        if now >= deadline {
            return Err(failed(format!("{note}, and {within} s are over")));
        }
        line.until(pause(LOOK, now).min(deadline)).await.map_err(lost)?;
    }
}

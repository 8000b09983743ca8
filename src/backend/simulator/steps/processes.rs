//! Stopping and starting what there is.

use jiff::Timestamp;

use super::{failed, find, lost, no_instance};
use crate::{
    backend::{
        Progress, StepError,
        simulator::{
            Line,
            life::{Doing, Life, Stop},
            quantity::Span,
        },
    },
    domain::InstanceId,
};

/// What one look at an instance that is to be stopped tells.
enum Stopping {
    Going(Stop),
    Over,
    /// Somebody else started it again.
    Back,
}

pub async fn stop(
    line: &Line,
    instance: &InstanceId,
    name: &str,
    grace: u32,
    progress: &Progress,
) -> Result<(), StepError> {
    let index = line.place.change(|world, now| {
        let index = world.find(instance)?;
        world.end(index, Span::seconds(i64::from(grace)), now);
        Some(index)
    });
    let index = index.ok_or_else(|| no_instance("stop", name))?;
    loop {
        let now = line.now();
        let stopping = match line.world().phase(index, now).doing {
            Doing::Stopping(stop) => Stopping::Going(stop),
            Doing::Unborn | Doing::Ended(_) | Doing::Imageless(_) => Stopping::Over,
            Doing::Starting
            | Doing::Well
            | Doing::Erring
            | Doing::Unwell(_)
            | Doing::Looping(_)
            | Doing::Crashed(_) => Stopping::Back,
        };
        match stopping {
            Stopping::Going(stop) => {
                let asked = now.duration_since(stop.asked).as_secs();
                progress(&format!("SIGTERM sent, {asked} s of {grace} s"));
                line.until(soonest(stop.done, now)).await.map_err(lost)?;
            }
            Stopping::Over => return Ok(()),
            Stopping::Back => {
                return Err(failed(
                    format!("could not stop {name}"),
                    "it was started again while it was being stopped",
                ));
            }
        }
    }
}

/// The next look, at least a second from one word of progress to the next.
pub(super) fn soonest(done: Timestamp, now: Timestamp) -> Timestamp {
    done.min(Span::seconds(1).after(now))
}

pub async fn start(line: &Line, instance: &InstanceId, name: &str) -> Result<(), StepError> {
    let index = find(line, "start", instance, name)?;
    // One that is stopping is started when it has stopped.
    while let Some(done) = stops_until(line, index) {
        line.until(done).await.map_err(lost)?;
    }
    line.place.change(|world, now| {
        if let Doing::Ended(_) | Doing::Unborn = world.phase(index, now).doing {
            let lives = &mut world.member(index).lives;
            lives.retain(|life| life.started <= now);
            lives.push(Life { started: now, by_hand: true, stop: None });
        }
    });
    Ok(())
}

fn stops_until(line: &Line, index: usize) -> Option<Timestamp> {
    match line.world().phase(index, line.now()).doing {
        Doing::Stopping(stop) => Some(stop.done),
        Doing::Unborn
        | Doing::Starting
        | Doing::Well
        | Doing::Erring
        | Doing::Unwell(_)
        | Doing::Looping(_)
        | Doing::Crashed(_)
        | Doing::Ended(_)
        | Doing::Imageless(_) => None,
    }
}

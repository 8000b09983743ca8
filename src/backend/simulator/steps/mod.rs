//! Makes plan steps so in the simulated world. What is so already is left alone.

use jiff::Timestamp;

use super::{Line, gate, quantity::Span};
use crate::{
    backend::{Loss, Progress, StepError, not_an_engines, without_velero},
    domain::{InstanceId, ServiceId, Trouble},
    plan::Step,
};

mod containers;
mod machines;
mod orchestrated;
mod processes;
mod waits;

pub async fn execute(line: Line, step: Step, progress: Progress) -> Result<(), StepError> {
    line.round_trip().await.map_err(lost)?;
    let title = step.title();
    match step {
        Step::Stop { instance, name, grace } => processes::stop(&line, &instance, &name, grace, &progress).await,
        Step::Start { instance, name } => processes::start(&line, &instance, &name).await,
        Step::AwaitReady { instance, name, within, steady } => {
            let wait = waits::Wait { deadline: deadline(&line, within), within, steady };
            waits::await_ready(&line, &instance, &name, wait, &progress).await
        }
        Step::AwaitRollout { service, within, .. } => waits::await_rollout(&line, &service, within, &progress).await,
        Step::Gate { gate, new, old, .. } => gate::gate(&line, &gate, (&new, &old), &progress).await,

        Step::Make { instance, name, like, recipe, stamp } => {
            containers::make(&line, containers::Order { instance, name, like, recipe, stamp })
        }
        Step::Join { instance, name, .. } => containers::join(&line, &instance, &name),
        // Nothing here comes back by itself.
        Step::Policy { .. } => Ok(()),
        Step::Rename { instance, name, to } => containers::rename(&line, &instance, &name, &to),
        Step::Remove { instance, name } => containers::remove(&line, &instance, &name),
        Step::Record { service, release, like, keep, stamp } => {
            containers::record(&line, &service, release, &like, keep, &stamp)
        }

        Step::Data(_) => Err(StepError::Failed(not_an_engines())),
        Step::Velero { .. } => Err(StepError::Failed(without_velero(&title))),
        Step::Redeploy { service, asked, .. } => orchestrated::redeploy(&line, &service, asked),
        Step::Replace { instance, name, grace, alone } => {
            orchestrated::replace(&line, &instance, &name, (grace, alone), &progress).await
        }
        Step::Update { service, object, edits, pace, stamp, .. } => {
            orchestrated::update(&line, &service, &object, &edits, pace, &stamp)
        }
        Step::Return { service, object, release, stamp } => {
            orchestrated::give_back(&line, &service, &object, &release, &stamp)
        }
        Step::Scale { service, to, .. } => orchestrated::scale(&line, &service, to),
        Step::Pause { service, paused, .. } => orchestrated::pause(&line, &service, paused),
        Step::Steer { service, word, at, .. } => orchestrated::steer(&line, &service, word, at),
        Step::MakeSet { set, like, edits, replicas, stamp, .. } => {
            orchestrated::make_set(&line, &set, &like, &edits, replicas, &stamp)
        }
        Step::DiscardSet { set } => orchestrated::discard_set(&line, &set),
        Step::Shift { service, to, .. } => orchestrated::shift(&line, &service, to),
        Step::Cordon { node, cordoned } => machines::cordon(&line, &node, cordoned),
        Step::Drain { node, within } => machines::drain(&line, &node, within, &progress).await,
        Step::Helm { .. } => Err(StepError::Failed(Trouble::new(title, "the simulator has no Helm"))),
    }
}

fn deadline(line: &Line, within: u32) -> Timestamp {
    Span::seconds(i64::from(within)).after(line.now())
}

fn lost(loss: Loss) -> StepError {
    StepError::Lost(loss.why)
}

fn failed(what: impl Into<std::sync::Arc<str>>, why: impl std::fmt::Display) -> StepError {
    StepError::Failed(Trouble::new(what, why))
}

fn no_instance(verb: &str, name: &str) -> StepError {
    failed(format!("could not {verb} {name}"), "there is no such instance any more")
}

fn find(line: &Line, verb: &str, instance: &InstanceId, name: &str) -> Result<usize, StepError> {
    line.world().find(instance).ok_or_else(|| no_instance(verb, name))
}

fn no_service(verb: &str, service: &ServiceId) -> StepError {
    failed(format!("could not {verb} {service}"), "there is no such service any more")
}

//! How far a rollout in steps is: a controller that goes on by itself where its steps say so, and waits for a person where they do not.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    release::Definition,
    script::{CanaryStep, ServiceScript},
    world::{Spec, World},
};
use crate::{domain::Argo, plan::Steer};

/// Only services of the kind `rollout` are ever anywhere but at the end.
#[derive(Clone)]
pub struct Progress {
    /// What ran whole last.
    pub stable: Arc<Definition>,
    /// The place in its steps; past the last, all runs the new one.
    step: usize,
    /// Since when this step's instances are all there.
    since: Option<Timestamp>,
    aborted: bool,
}

impl Progress {
    pub fn whole(definition: &Arc<Definition>) -> Self {
        Self { stable: definition.clone(), step: 0, since: None, aborted: false }
    }

    pub fn is_whole(&self, spec: &Spec) -> bool {
        self.stable.mark == spec.definition.mark
    }

    /// Another definition is wanted: from the beginning.
    pub fn begin(&mut self) {
        (self.step, self.since, self.aborted) = (0, None, false);
    }

    /// How many run the new one now.
    pub fn share(&self, script: &ServiceScript, spec: &Spec) -> u32 {
        match (self.is_whole(spec), self.aborted, script.steps.get(self.step)) {
            (true, _, _) | (false, false, None) => spec.wanted,
            (false, true, _) => 0,
            (false, false, Some(step)) => (spec.wanted * step.percent.min(100)).div_ceil(100),
        }
    }

    /// When it goes on by itself.
    pub fn ends_at(&self, script: &ServiceScript) -> Option<Timestamp> {
        let step = script.steps.get(self.step)?;
        Some(step.pause?.after(self.since?))
    }

    fn waits_for_a_person(&self, script: &ServiceScript) -> bool {
        let waits = |step: &CanaryStep| step.pause.is_none();
        self.since.is_some() && script.steps.get(self.step).is_some_and(waits)
    }

    /// As Argo Rollouts tells it.
    pub fn told(&self, script: &ServiceScript, spec: &Spec, is_rolled_out: bool) -> Argo {
        let under_way = !self.is_whole(spec);
        let waits = under_way && self.since.is_some();
        let (phase, message) = match (under_way, self.aborted) {
            (true, true) => ("Degraded", "RolloutAborted: aborted by a person"),
            (true, false) if waits || spec.paused => ("Paused", "CanaryPauseStep"),
            (true, false) => ("Progressing", "more replicas need to be updated"),
            (false, _) if is_rolled_out => ("Healthy", ""),
            (false, _) => ("Progressing", "waiting for its instances"),
        };
        Argo {
            strategy: "canary".into(),
            phase: phase.into(),
            message: message.into(),
            paused_for: waits.then(|| "CanaryPauseStep".into()),
            paused_by_hand: spec.paused,
            aborted: under_way && self.aborted,
            under_way,
            step: under_way.then_some((self.step as u32, script.steps.len() as u32)),
            ..Argo::default()
        }
    }

    /// Why nothing more comes of it by itself, where that is so.
    pub fn stands(&self, script: &ServiceScript, spec: &Spec) -> Option<String> {
        let under_way = !self.is_whole(spec);
        if under_way && self.aborted {
            return Some("it was aborted".into());
        }
        let step = self.step + 1;
        (under_way && self.waits_for_a_person(script))
            .then(|| format!("it waits at step {step} of {} until somebody promotes it", script.steps.len()))
    }
}

impl World {
    /// The next step, if this one is over; the end, if it was the last.
    pub fn step_on(&mut self, service: usize, at: Timestamp) {
        let served = &self.services[service];
        let (script, spec) = (self.script(service), &served.spec);
        if served.canary.is_whole(spec) || served.canary.aborted || spec.paused {
            return;
        }
        let wanted = served.canary.share(script, spec) as usize;
        let seen = self.seen(service, at);
        let is_there = seen.iter().filter(|seen| seen.is_new && seen.is_available).count() >= wanted;
        let steps = script.steps.len();
        let is_over = served.canary.ends_at(script).is_some_and(|end| end <= at);
        let (is_last, definition) = (served.canary.step >= steps, spec.definition.clone());
        let canary = &mut self.served(service).canary;
        if is_last && is_there {
            *canary = Progress::whole(&definition);
        } else if is_over {
            (canary.step, canary.since) = (canary.step + 1, None);
        } else if is_there && !is_last {
            canary.since.get_or_insert(at);
        }
    }

    /// What a person decided when it stood at step `at`. `Err`: there is nothing to decide.
    pub fn steer(&mut self, service: usize, word: Steer, at: Option<u32>) -> Result<(), &'static str> {
        let steps = self.script(service).steps.len();
        let served = self.served(service);
        if served.canary.is_whole(&served.spec) {
            // It came to its end meanwhile, or nothing was begun: either way it is as wished.
            return match word {
                Steer::Promote | Steer::PromoteFull => Ok(()),
                Steer::Abort | Steer::Retry => Err("no rollout of it is under way"),
            };
        }
        let canary = &mut served.canary;
        match word {
            Steer::Promote | Steer::PromoteFull if canary.aborted => return Err("it was aborted: retry it first"),
            Steer::Promote => {
                let is_there = at.is_none_or(|at| at as usize == canary.step);
                if is_there && canary.since.take().is_some() {
                    canary.step += 1;
                }
            }
            Steer::PromoteFull => (canary.step, canary.since) = (steps, None),
            Steer::Abort => (canary.aborted, canary.since) = (true, None),
            Steer::Retry if canary.aborted => canary.begin(),
            Steer::Retry => {}
        }
        served.spec.paused = false;
        Ok(())
    }
}

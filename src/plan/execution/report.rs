//! An execution's steps as a person sees them.

use super::{Execution, Line, Outcome};
use crate::{
    domain::{StepReport, StepState},
    plan::Step,
};

impl Execution {
    /// The steps of the plan, then those of the way back.
    pub fn report(&self) -> Vec<StepReport> {
        let is_over = self.verdict.is_some();
        let troubled = self.troubled().map(|(index, _)| index);
        let steps = self.steps.iter().zip(self.plan.steps()).enumerate();
        let forward = steps.map(|(index, (line, planned))| {
            let mut report = line.report(&planned.step, self.turned.is_some() || is_over);
            if troubled == Some(index) {
                report.state = StepState::Held;
            }
            report
        });
        let back = self.undo.iter().zip(self.pointless()).map(|(back, pointless)| {
            let mut report = back.line.report(&back.step, pointless || is_over);
            report.is_undo = true;
            if self.ends_what_was_begun(back) && report.note.is_none() {
                report.note = Some("it may still be under way, and would end what is started".into());
            }
            report
        });
        let stages = self.plan.stages.iter().flat_map(|stage| stage.steps.iter().map(|_| stage.title.clone()));
        let forward = forward.zip(stages).map(|(report, stage)| StepReport { stage: Some(stage), ..report });
        forward.chain(back).collect()
    }

    /// The steps that are still to be done, with the one that was cut off.
    pub fn ahead(&self) -> Vec<StepReport> {
        let is_ahead = |step: &StepReport| match step.state {
            StepState::Waiting | StepState::Running | StepState::Held => true,
            StepState::Done | StepState::Failed | StepState::Skipped => false,
        };
        self.report().into_iter().filter(is_ahead).collect()
    }

    /// The steps that would be done if it turned round now; none where it cannot.
    pub fn way_back(&self) -> Vec<StepReport> {
        if self.may_turn().is_err() {
            return Vec::new();
        }
        let mut turned = self.clone();
        turned.turn("".into());
        turned.report().into_iter().filter(|step| step.is_undo && step.state == StepState::Waiting).collect()
    }
}

impl Line {
    /// `skipped`: what has not ended will not be done any more.
    fn report(&self, step: &Step, skipped: bool) -> StepReport {
        // A person left it in the middle of the step, or it went back from there.
        let is_cut_off = self.is_cut_off || self.is_open && skipped;
        let state = match (&self.ended, &self.passed, self.began) {
            (Some((_, Outcome::Done)), _, _) | (Some(_), Some(_), _) => StepState::Done,
            (Some((_, Outcome::Failed(_) | Outcome::Unsure(_))), None, _) => StepState::Failed,
            (None, _, Some(_)) if is_cut_off => StepState::Failed,
            (None, _, Some(_)) if self.is_open => StepState::Running,
            (None, _, _) if skipped => StepState::Skipped,
            (None, _, _) => StepState::Waiting,
        };
        let note = match (&self.passed, self.trouble()) {
            (Some(who), Some(trouble)) => Some(format!("passed by {who}: {}", trouble.line()).into()),
            (_, None) if is_cut_off => Some("cut off: how far it came is not known".into()),
            (_, trouble) => trouble.map(|trouble| trouble.line().into()),
        };
        StepReport {
            title: step.title().into(),
            stage: None,
            state,
            began: self.began,
            ended: self.ended.as_ref().map(|(at, _)| *at),
            note,
            is_undo: false,
        }
    }
}

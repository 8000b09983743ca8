//! What is done to go back, in which order, and what of it is left alone because it would make things worse.

use std::{collections::BTreeSet, sync::Arc};

use super::{Back, Execution, Line, Outcome};
use crate::plan::{Planned, Step, Target};

/// What a step of the way back is to whoever is served meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Gives back what served before, or looks whether it does.
    Gives,
    /// Takes from what serves now.
    Takes,
    /// Sends the requests from what serves now to what served before.
    Moves,
    Neither,
}

impl Execution {
    /// Back in reverse order, beginning with the step in hand: it may have half happened.
    pub(super) fn turn(&mut self, why: Arc<str>) {
        self.turned = Some(why);
        self.waits = None;
        for line in &mut self.steps {
            line.is_cut_off = std::mem::take(&mut line.is_open);
        }
        let mut undo: Vec<Back> = Vec::new();
        for (of, planned) in self.plan.steps().enumerate().collect::<Vec<_>>().into_iter().rev() {
            if self.steps[of].began.is_none() {
                continue;
            }
            let is_stop = matches!(planned.step, Step::Stop { .. });
            if is_stop && self.steps[of].may_be_under_way() && !planned.undo.is_empty() {
                // What is started again while the engine is still in the middle of its stop would be ended by that.
                undo.push(Back { of, step: planned.step.clone(), line: Line::default() });
            }
            for step in &planned.undo {
                if !self.was_made_so(of, step, &undo) {
                    undo.push(Back { of, step: step.clone(), line: Line::default() });
                }
            }
        }
        self.undo = undo;
    }

    /// A later step of the plan did already what would be done to go back (a restart's start takes its stop back), or waited in vain
    /// for the same: waiting again would tell nothing new. Not so when something changes the same object since: a step after it, or a
    /// part of the way back that comes before.
    fn was_made_so(&self, of: usize, undo: &Step, before: &[Back]) -> bool {
        if before.iter().any(|back| !back.step.is_wait() && back.step.is_about_same(undo)) {
            return false;
        }
        let mut so = false;
        let later = self.steps.iter().zip(self.plan.steps()).skip(of + 1);
        for (line, planned) in later.filter(|(line, _)| line.began.is_some()) {
            if planned.step == *undo {
                so = match line.ended {
                    Some((_, Outcome::Done)) => true,
                    Some((_, Outcome::Failed(_))) => undo.is_wait(),
                    Some((_, Outcome::Unsure(_))) | None => false,
                };
            } else if !planned.step.is_wait() && planned.step.is_about_same(undo) {
                so = false;
            }
        }
        so
    }

    /// Which parts of the way back are not done. What could not be started will not become ready. And where what served before does not
    /// come back, nothing is taken from what serves now, and no request is sent elsewhere: a mixture that serves is better than the old
    /// release that does not. What is only added is still done.
    pub(super) fn pointless(&self) -> Vec<bool> {
        let mut failed = BTreeSet::new();
        let mut is_missing = false;
        let mut given_up = BTreeSet::new();
        let judge = |back: &Back| {
            let (part, stage) = (self.part(back), self.stage(back.of));
            let takes = match part {
                Part::Takes | Part::Moves => true,
                Part::Gives | Part::Neither => false,
            };
            let would_harm = is_missing && takes;
            let pointless = would_harm || failed.contains(&back.of) || given_up.contains(&stage);
            if would_harm {
                given_up.insert(stage);
            }
            if !pointless && !self.ends_what_was_begun(back) && back.line.trouble().is_some() {
                failed.insert(back.of);
                is_missing |= matches!(part, Part::Gives | Part::Moves);
            }
            pointless
        };
        self.undo.iter().map(judge).collect()
    }

    /// It takes nothing back itself: it sees to it that what was cut off cannot come later.
    pub(super) fn ends_what_was_begun(&self, back: &Back) -> bool {
        matches!(back.step, Step::Stop { .. }) && back.step == *self.step(back.of)
    }

    fn part(&self, back: &Back) -> Part {
        match &back.step {
            Step::Start { .. }
            | Step::AwaitReady { .. }
            | Step::AwaitRollout { .. }
            | Step::Redeploy { .. }
            | Step::Make { .. }
            | Step::Join { .. }
            | Step::Update { .. }
            | Step::Return { .. }
            | Step::Helm { .. }
            | Step::Steer { .. }
            | Step::MakeSet { .. }
            | Step::Gate { .. } => Part::Gives,
            Step::Stop { .. }
            | Step::Replace { .. }
            | Step::Remove { .. }
            | Step::DiscardSet { .. }
            | Step::Drain { .. } => Part::Takes,
            Step::Shift { .. } => Part::Moves,
            Step::Scale { to, .. } => match self.step(back.of) {
                Step::Scale { to: forward, .. } if to > forward => Part::Gives,
                _ => Part::Takes,
            },
            Step::Policy { .. }
            | Step::Rename { .. }
            | Step::Record { .. }
            | Step::Pause { .. }
            | Step::Cordon { .. }
            // Whoever depends on it comes back whichever data it has: it is never a half of both.
            | Step::Data(_)
            | Step::Velero { .. } => Part::Neither,
        }
    }

    /// The place of the stage that a step belongs to.
    fn stage(&self, step: usize) -> usize {
        let mut end = 0;
        let mut stages = self.plan.stages.iter();
        stages
            .position(|stage| {
                end += stage.steps.len();
                step < end
            })
            .expect("every step belongs to a stage")
    }

    /// Nothing is left of what a step that was begun did, as far as this knows.
    pub(super) fn is_taken_back(&self, of: usize) -> bool {
        let steps: Vec<&Planned> = self.plan.steps().collect();
        let planned = steps[of];
        if self.is_left_unwell(of) {
            return false;
        }
        if planned.leaves_nothing() {
            return true;
        }
        if !planned.undo.is_empty() {
            return planned.undo.iter().all(|part| self.is_back(of, part));
        }
        // Requests that nobody was left to get are sent back with whoever comes back, by the undo of his stop. And what sends them to where
        // they went at first, is the way back.
        if let Step::Shift { route, .. } = &planned.step {
            let is_same = |step: &Step| matches!(step, Step::Shift { route: other, .. } if other == route);
            let first =
                steps.iter().zip(&self.steps).find(|(planned, line)| line.began.is_some() && is_same(&planned.step));
            let is_as_at_first = first.is_some_and(|(first, _)| first.undo.contains(&planned.step));
            return is_as_at_first && self.steps[of].is_done()
                || self.undo.iter().any(|back| is_same(&back.step) && back.line.is_done());
        }
        // What was made is removed by the undo of its making, and with it all that was done to it since.
        let replaced = matches!(planned.step, Step::Replace { alone: false, .. });
        let whole = Target::Service(self.plan.service.clone());
        steps.iter().enumerate().any(|(other, covering)| {
            let covers = covering.step.is_about_same(&planned.step) || replaced && covering.step.object() == whole;
            covers
                && self.steps[other].began.is_some()
                && !covering.undo.is_empty()
                && covering.undo.iter().all(|part| self.is_back(other, part))
        })
    }

    /// What was waited for in vain, and nothing was done about since, is not as a person wants it, whatever it was before.
    pub(super) fn is_left_unwell(&self, of: usize) -> bool {
        let (line, step) = (&self.steps[of], self.step(of));
        let only_looks = matches!(step, Step::Gate { .. } | Step::Data(_) | Step::Velero { .. });
        step.is_wait()
            && !only_looks
            && line.trouble().is_some()
            && line.passed.is_none()
            && !self.undo.iter().any(|back| back.step.is_about_same(step) || has_other_data(step, &back.step))
    }

    /// It was done on the way back, or a later step of the plan had done it already, if only in the eyes of the person who passed it.
    fn is_back(&self, of: usize, part: &Step) -> bool {
        match self.undo.iter().find(|back| back.of == of && back.step == *part) {
            Some(back) => back.line.is_done(),
            None => {
                let mut later = self.steps.iter().zip(self.plan.steps()).skip(of + 1);
                later.any(|(line, planned)| planned.step == *part && line.is_done())
            }
        }
    }
}

/// What is in the instance is another than when it was waited for.
fn has_other_data(waited: &Step, back: &Step) -> bool {
    matches!(back, Step::Data(data) if waited.object() == Target::Instance(data.instance().0.whole()))
}

impl Planned {
    /// It changes nothing that a service is made of.
    pub(super) fn leaves_nothing(&self) -> bool {
        match &self.step {
            Step::Data(data) => data.leaves_nothing(),
            Step::Velero { act, .. } => act.leaves_nothing(),
            step => step.is_wait() || matches!(step, Step::Record { .. }),
        }
    }
}

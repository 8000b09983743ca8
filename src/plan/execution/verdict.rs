//! How an execution went, in words that are true: what is where now, and what a person could do.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{Trouble, Verdict, units},
    plan::{Execution, Step, execution::Outcome},
};

impl Execution {
    /// Only asked when nothing is left to do.
    pub(super) fn judge(&self) -> Verdict {
        let title = &self.plan.title;
        let Some(why) = &self.turned else {
            let took = self.took().map_or(String::new(), |took| format!(" in {}", units::elapsed(took)));
            return Verdict::Done { says: format!("{title}: done{took}").into() };
        };
        let says: Arc<str> = format!("{title}: {why}; {}", self.standing()).into();
        match self.stuck_at() {
            None => Verdict::Undone { says },
            Some((step, trouble)) => {
                let by_hand = step.by_hand(&self.plan).or_else(|| trouble.help.as_ref().map(|help| help.to_string()));
                let help = by_hand.unwrap_or_else(|| format!("look at {} and plan anew", self.plan.service));
                Verdict::Stuck { says, help: help.into() }
            }
        }
    }

    /// The first step of the way back that failed; else the step that failed and that nothing took back.
    fn stuck_at(&self) -> Option<(&Step, &Trouble)> {
        let back = self.undo.iter().find_map(|back| Some((&back.step, back.line.failed()?)));
        back.or_else(|| {
            let mut steps = self.steps.iter().zip(self.plan.steps());
            let (planned, trouble) = steps.find_map(|(line, planned)| Some((planned, line.failed()?)))?;
            let was_taken_back = self.undo.iter().any(|back| back.step.is_about_same(&planned.step));
            (!was_taken_back).then_some((&planned.step, trouble))
        })
    }

    fn took(&self) -> Option<Duration> {
        let began = self.steps.iter().find_map(|line| line.began)?;
        let (ended, _) = self.steps.iter().rev().find_map(|line| line.ended.as_ref())?;
        ended.duration_since(began).try_into().ok()
    }

    /// Every stage by what became of it: "done: a, b; taken back: c; not touched: d".
    pub(super) fn standing(&self) -> String {
        let mut groups: [(&str, Vec<&str>); 4] =
            [("done", vec![]), ("taken back", vec![]), ("as it is now", vec![]), ("not touched", vec![])];
        let mut first = 0;
        for stage in &self.plan.stages {
            let range = first..first + stage.steps.len();
            first = range.end;
            groups[self.fate(range)].1.push(&stage.title);
        }
        let lines = groups.iter().filter(|(_, titles)| !titles.is_empty()).map(|(word, titles)| match titles.len() {
            ..=4 => format!("{word}: {}", titles.join(", ")),
            many => format!("{word}: {many} of {}", self.plan.stages.len()),
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    /// Which of the groups of `standing` the stage with these steps belongs to.
    fn fate(&self, steps: std::ops::Range<usize>) -> usize {
        const DONE: usize = 0;
        const TAKEN_BACK: usize = 1;
        const LEFT: usize = 2;
        const NOT_TOUCHED: usize = 3;
        let lines = &self.steps[steps.clone()];
        let mut back = self.undo.iter().filter(|back| steps.contains(&back.of)).peekable();
        if lines.iter().all(|line| line.began.is_none()) {
            NOT_TOUCHED
        } else if back.peek().is_some() {
            if back.all(|back| matches!(back.line.ended, Some((_, Outcome::Done)))) { TAKEN_BACK } else { LEFT }
        } else if lines.iter().all(|line| matches!(line.ended, Some((_, Outcome::Done)))) {
            DONE
        } else {
            LEFT
        }
    }
}

//! How an execution went, in words that are true: what is where now, and what a person could do.

use std::{ops::Range, sync::Arc, time::Duration};

use super::Execution;
use crate::{
    domain::{Trouble, Verdict, units},
    plan::Step,
};

/// More than these many of a kind are counted, not named.
const NAMED: usize = 4;

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    TakenBack,
    /// Neither, or nobody knows.
    AsItIs,
    NotTouched,
    /// It only looked.
    Nothing,
}

impl Fate {
    const TOLD: [Self; 4] = [Self::Done, Self::TakenBack, Self::AsItIs, Self::NotTouched];

    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::TakenBack => "taken back",
            Self::AsItIs => "as it is now",
            Self::NotTouched => "not touched",
            Self::Nothing => "checked",
        }
    }
}

impl Execution {
    /// Only asked when nothing is left to do.
    pub(super) fn judge(&self) -> Verdict {
        let title = &self.plan.title;
        let Some(why) = &self.turned else {
            let took = self.took().map_or(String::new(), |took| format!(" in {}", units::elapsed(took)));
            return Verdict::Done { says: format!("{title}: done{took}{}{}", self.untidy(), self.passed()).into() };
        };
        let cause = self.cause(why);
        let standing = self.standing();
        match self.stuck_at() {
            None => {
                let has_changed = self.steps.iter().zip(self.plan.steps());
                let has_changed =
                    has_changed.into_iter().any(|(line, planned)| line.began.is_some() && !planned.leaves_nothing());
                let word = if has_changed { "back" } else { "still" };
                let on = self.plan.from.as_ref().map_or(String::new(), |from| format!("; {word} on {from}"));
                Verdict::Undone { says: format!("{title}: {cause}{on}; {standing}").into() }
            }
            Some((step, trouble)) => {
                let by_hand = trouble.and_then(|trouble| {
                    step.by_hand(&self.plan).or_else(|| trouble.help.as_ref().map(|help| help.to_string()))
                });
                let help = by_hand.unwrap_or_else(|| format!("look at {} and plan anew", self.plan.service));
                let left = self.left_alone();
                Verdict::Stuck { says: format!("{title}: {cause}{left}; {standing}").into(), help: help.into() }
            }
        }
    }

    /// Why it turned round, and what failed on the way back.
    fn cause(&self, why: &str) -> String {
        let forward = self.steps.iter().filter(|line| line.passed.is_none()).find_map(|line| line.trouble());
        let forward = forward.map(Trouble::line).filter(|line| line != why);
        let back = self.undo.iter().find_map(|back| back.line.trouble()).map(Trouble::line);
        let after = forward.map_or(String::new(), |line| format!(", after {line}"));
        let on_the_way = back.map_or(String::new(), |line| format!("; on the way back {line}"));
        format!("{why}{after}{on_the_way}")
    }

    /// What the way back did not do, so as not to take away what serves.
    fn left_alone(&self) -> String {
        let left = self.undo.iter().zip(self.pointless()).filter(|(back, pointless)| {
            let takes = matches!(back.step, Step::Stop { .. } | Step::DiscardSet { .. } | Step::Shift { .. });
            *pointless && takes
        });
        let titles: Vec<String> = left.map(|(back, _)| back.step.title()).collect();
        if titles.is_empty() { String::new() } else { format!("; therefore not done: {}", some(&titles)) }
    }

    /// What it left lying about.
    fn untidy(&self) -> String {
        let lines: Vec<String> = (0..self.steps.len())
            .filter_map(|index| self.steps[index].trouble().filter(|_| self.is_tidying(index)))
            .map(Trouble::line)
            .collect();
        if lines.is_empty() { String::new() } else { format!(", but {}", some(&lines)) }
    }

    fn passed(&self) -> String {
        let mut told = String::new();
        for (line, planned) in self.steps.iter().zip(self.plan.steps()) {
            if let Some(who) = &line.passed {
                told += &format!("; '{}' was passed by {who}", planned.step.title());
            }
        }
        told
    }

    /// The first step of the way back that failed; else something that was not taken back: the step that failed, if one did.
    fn stuck_at(&self) -> Option<(&Step, Option<&Trouble>)> {
        if let Some(back) = self.undo.iter().find(|back| back.line.trouble().is_some()) {
            // Should what was cut off still come, its way back is what a person does by hand.
            let its_way_back = || self.plan.steps().nth(back.of).and_then(|planned| planned.undo.first());
            let by_hand = its_way_back().filter(|_| self.ends_what_was_begun(back));
            return Some((by_hand.unwrap_or(&back.step), back.line.trouble()));
        }
        let begun = (0..self.steps.len()).filter(|&of| self.steps[of].began.is_some());
        let left = begun.into_iter().find(|&of| !self.is_taken_back(of))?;
        let failed = self.steps.iter().zip(self.plan.steps()).find_map(|(line, planned)| {
            line.trouble().filter(|_| line.passed.is_none()).map(|trouble| (&planned.step, Some(trouble)))
        });
        Some(failed.unwrap_or((self.step(left), None)))
    }

    fn took(&self) -> Option<Duration> {
        let began = self.steps.iter().find_map(|line| line.began)?;
        let (ended, _) = self.steps.iter().rev().find_map(|line| line.ended.as_ref())?;
        ended.duration_since(began).try_into().ok()
    }

    /// Every stage by what became of it: "done: a, b; taken back: c; not touched: d".
    pub(super) fn standing(&self) -> String {
        let fates: Vec<(Fate, &Arc<str>)> =
            self.fates().zip(&self.plan.stages).map(|(fate, stage)| (fate, &stage.title)).collect();
        let lines = Fate::TOLD.into_iter().filter_map(|fate| {
            let titles: Vec<&str> = fates.iter().filter(|(of, _)| *of == fate).map(|(_, title)| &***title).collect();
            match titles.len() {
                0 => None,
                1..=NAMED => Some(format!("{}: {}", fate.word(), titles.join(", "))),
                many => Some(format!("{}: {many} of {}", fate.word(), self.plan.stages.len())),
            }
        });
        let lines: Vec<String> = lines.collect();
        if lines.is_empty() { "nothing was changed".into() } else { lines.join("; ") }
    }

    pub(super) fn fates(&self) -> impl Iterator<Item = Fate> {
        let mut first = 0;
        self.plan.stages.iter().map(move |stage| {
            let range = first..first + stage.steps.len();
            first = range.end;
            self.fate(range)
        })
    }

    fn fate(&self, steps: Range<usize>) -> Fate {
        let lines = &self.steps[steps.clone()];
        if lines.iter().all(|line| line.began.is_none()) {
            return Fate::NotTouched;
        }
        let is_done = lines.iter().all(super::Line::is_done);
        if self.turned.is_none() {
            return if is_done { Fate::Done } else { Fate::AsItIs };
        }
        let planned: Vec<_> = self.plan.steps().collect();
        let begun: Vec<usize> = steps.filter(|&of| self.steps[of].began.is_some()).collect();
        let is_back = begun.iter().all(|&of| self.is_taken_back(of));
        let changing: Vec<usize> = begun.into_iter().filter(|&of| !planned[of].leaves_nothing()).collect();
        if changing.is_empty() && is_back {
            return Fate::Nothing;
        }
        let is_undone = self.undo.iter().any(|back| {
            changing.contains(&back.of) || changing.iter().any(|&of| planned[of].step.is_about_same(&back.step))
        });
        if is_done && !is_undone {
            Fate::Done
        } else if is_back {
            Fate::TakenBack
        } else {
            Fate::AsItIs
        }
    }
}

/// The first few of them.
fn some(lines: &[String]) -> String {
    match lines.len() {
        ..=NAMED => lines.join("; "),
        many => format!("{}; and {} more", lines[..NAMED].join("; "), many - NAMED),
    }
}

//! Carries a plan out on paper: told what happened, it says what is next. Pure. It changes only by records, which are what the journal
//! holds, so that reading them back after a crash is the same as having been there.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{StepReport, StepState, Trouble, Verdict},
    plan::{Plan, Step},
};

mod verdict;

#[cfg(test)]
mod tests;

#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    plan: Plan,
    steps: Vec<Line>,
    /// Why it turned round, once it has. From then on only `undo` matters.
    turned: Option<Arc<str>>,
    /// Fixed when it turns round.
    undo: Vec<Back>,
    verdict: Option<(Timestamp, Verdict)>,
}

/// How far one step is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    began: Option<Timestamp>,
    ended: Option<(Timestamp, Outcome)>,
}

/// One step of the way back.
#[derive(Clone, Debug, PartialEq)]
struct Back {
    /// The step that it takes back.
    of: usize,
    step: Step,
    line: Line,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Failed(Trouble),
}

/// A step by its place: in the plan, or on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    Step(usize),
    Undo(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Next<'a> {
    Do { index: usize, step: &'a Step },
    Undo { index: usize, step: &'a Step },
    Ended(Verdict),
}

/// What happened to an execution. A failed step turns it round by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// Comes again when a step is done again, because nobody knows how the first time ended.
    Began {
        at: Timestamp,
        which: Which,
    },
    Ended {
        at: Timestamp,
        which: Which,
        outcome: Outcome,
    },
    Turned {
        at: Timestamp,
        why: Arc<str>,
    },
    /// Another process took it over, at a person's word.
    Taken {
        at: Timestamp,
        who: Arc<str>,
        word: Arc<str>,
        process: u32,
    },
    Verdict {
        at: Timestamp,
        verdict: Verdict,
    },
}

impl Execution {
    pub fn new(plan: Plan) -> Self {
        let steps = plan.steps().map(|_| Line::default()).collect();
        Self { plan, steps, turned: None, undo: Vec::new(), verdict: None }
    }

    /// As it was when the last of `records` was written. `Err` says which of them cannot have happened.
    pub fn replay(plan: Plan, records: &[Record]) -> Result<Self, String> {
        let mut execution = Self::new(plan);
        for (place, record) in records.iter().enumerate() {
            execution.apply(record).map_err(|why| format!("record {}: {why}", place + 2))?;
        }
        Ok(execution)
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn is_turned(&self) -> bool {
        self.turned.is_some()
    }

    /// The verdict that was recorded, and when.
    pub fn ended(&self) -> Option<&(Timestamp, Verdict)> {
        self.verdict.as_ref()
    }

    pub fn next(&self) -> Next<'_> {
        match self.in_hand() {
            Some((Which::Step(index), step)) => Next::Do { index, step },
            Some((Which::Undo(index), step)) => Next::Undo { index, step },
            None => Next::Ended(self.verdict.as_ref().map_or_else(|| self.judge(), |(_, verdict)| verdict.clone())),
        }
    }

    /// The step that is being done, or is to be done next. `None` when there is nothing left to do.
    pub fn in_hand(&self) -> Option<(Which, &Step)> {
        if self.verdict.is_some() {
            return None;
        }
        if self.turned.is_some() {
            let index = self.undo.iter().position(|back| back.line.ended.is_none() && !self.is_pointless(back))?;
            return Some((Which::Undo(index), &self.undo[index].step));
        }
        let index = self.steps.iter().position(|line| line.ended.is_none())?;
        Some((Which::Step(index), &self.plan.steps().nth(index)?.step))
    }

    /// To be written down, and then applied, before the step in hand is done.
    pub fn beginning(&self, at: Timestamp) -> Option<Record> {
        self.in_hand().map(|(which, _)| Record::Began { at, which })
    }

    /// The step in hand ended so.
    pub fn told(&mut self, outcome: Outcome, at: Timestamp) -> Option<Record> {
        let (which, _) = self.in_hand()?;
        self.apply_own(Record::Ended { at, which, outcome })
    }

    /// From here it goes back. Nothing when it goes back already, or is over.
    pub fn stop_and_undo(&mut self, why: impl Into<Arc<str>>, at: Timestamp) -> Option<Record> {
        self.apply_own(Record::Turned { at, why: why.into() })
    }

    /// Nothing is left to do: this is how it went. `None` while there is something.
    pub fn end(&mut self, at: Timestamp) -> Option<Record> {
        match self.next() {
            Next::Ended(verdict) => self.apply_own(Record::Verdict { at, verdict }),
            Next::Do { .. } | Next::Undo { .. } => None,
        }
    }

    /// A person leaves it as it is.
    pub fn leave(&mut self, who: &str, at: Timestamp) -> Option<Record> {
        let verdict = Verdict::Left { says: format!("{}: left by {who}; {}", self.plan.title, self.standing()).into() };
        self.apply_own(Record::Verdict { at, verdict })
    }

    fn apply_own(&mut self, record: Record) -> Option<Record> {
        self.apply(&record).is_ok().then_some(record)
    }

    /// The only way in which it changes. `Err`: this cannot have come next, and nothing was changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), String> {
        if self.verdict.is_some() {
            return Err("it was over".into());
        }
        match record {
            Record::Began { at, which } => {
                self.expect(*which)?;
                self.line(*which).began = Some(*at);
            }
            Record::Ended { at, which, outcome } => {
                self.expect(*which)?;
                let line = self.line(*which);
                if line.began.is_none() {
                    return Err("it ended before it began".into());
                }
                line.ended = Some((*at, outcome.clone()));
                if let (Which::Step(_), Outcome::Failed(trouble)) = (which, outcome) {
                    self.turn(trouble.line().into());
                }
            }
            Record::Turned { why, .. } => {
                if self.turned.is_some() {
                    return Err("it had turned round already".into());
                }
                if self.in_hand().is_none() {
                    return Err("everything was done already".into());
                }
                self.turn(why.clone());
            }
            Record::Taken { .. } => {}
            Record::Verdict { at, verdict } => self.verdict = Some((*at, verdict.clone())),
        }
        Ok(())
    }

    fn expect(&self, which: Which) -> Result<(), String> {
        let (wanted, _) = self.in_hand().ok_or("there was nothing left to do")?;
        if wanted == which { Ok(()) } else { Err(format!("{wanted:?} had to come first")) }
    }

    fn line(&mut self, which: Which) -> &mut Line {
        match which {
            Which::Step(index) => &mut self.steps[index],
            Which::Undo(index) => &mut self.undo[index].line,
        }
    }

    /// Back in reverse order, beginning with the step in hand: it may have half happened.
    fn turn(&mut self, why: Arc<str>) {
        self.turned = Some(why);
        let begun = self.steps.iter().zip(self.plan.steps()).enumerate().filter(|(_, (line, _))| line.began.is_some());
        let mut undo = Vec::new();
        for (of, (_, planned)) in begun.collect::<Vec<_>>().into_iter().rev() {
            let needed = planned.undo.iter().filter(|step| !self.was_made_so(of, step));
            undo.extend(needed.map(|step| Back { of, step: step.clone(), line: Line::default() }));
        }
        self.undo = undo;
    }

    /// A later step of the plan did already what would be done to go back (a restart's start takes its stop back), or waited in vain
    /// for the same: waiting again would tell nothing new.
    fn was_made_so(&self, of: usize, undo: &Step) -> bool {
        let later = self.steps.iter().zip(self.plan.steps()).skip(of + 1);
        later.filter(|(_, planned)| planned.step == *undo).any(|(line, _)| match &line.ended {
            Some((_, Outcome::Done)) => true,
            Some((_, Outcome::Failed(_))) => undo.is_wait(),
            None => false,
        })
    }

    /// An earlier part of the same way back failed: what could not be started will not become ready.
    fn is_pointless(&self, back: &Back) -> bool {
        self.undo.iter().any(|other| other.of == back.of && other.line.failed().is_some())
    }

    /// For a person: the steps of the plan, then those of the way back.
    pub fn report(&self) -> Vec<StepReport> {
        let forward = self.steps.iter().zip(self.plan.steps()).map(|(line, planned)| {
            let skipped = self.turned.is_some() || self.verdict.is_some();
            line.report(&planned.step, skipped, false)
        });
        let back = self.undo.iter().map(|back| {
            let skipped = self.is_pointless(back) || self.verdict.is_some();
            back.line.report(&back.step, skipped, true)
        });
        forward.chain(back).collect()
    }
}

impl Line {
    fn failed(&self) -> Option<&Trouble> {
        match &self.ended {
            Some((_, Outcome::Failed(trouble))) => Some(trouble),
            Some((_, Outcome::Done)) | None => None,
        }
    }

    fn report(&self, step: &Step, skipped: bool, is_undo: bool) -> StepReport {
        let state = match (&self.ended, self.began) {
            (Some((_, Outcome::Done)), _) => StepState::Done,
            (Some((_, Outcome::Failed(_))), _) => StepState::Failed,
            (None, Some(_)) => StepState::Running,
            (None, None) if skipped => StepState::Skipped,
            (None, None) => StepState::Waiting,
        };
        StepReport {
            title: step.title().into(),
            state,
            began: self.began,
            ended: self.ended.as_ref().map(|(at, _)| *at),
            note: self.failed().map(|trouble| trouble.line().into()),
            is_undo,
        }
    }
}

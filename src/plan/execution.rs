//! Carries a plan out on paper: told what happened, it says what is next. Pure. It changes only by records, which are what the journal
//! holds, so that reading them back after a crash is the same as having been there.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{PersonWord, Trouble, Verdict},
    plan::{Plan, Step},
};

mod report;
mod verdict;
mod way_back;
mod word;

#[cfg(test)]
mod tests;

pub use word::HELD_AT_MOST;

#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    plan: Plan,
    steps: Vec<Line>,
    /// Who asked it to begin no further step.
    waits: Option<Arc<str>>,
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
    /// Begun and not ended. What is to be tried again is not open until it begins again.
    is_open: bool,
    /// It turned round in the middle of it: whoever did it died. How far it came is not known.
    is_cut_off: bool,
    /// Begun more than once: nobody saw how it ended before.
    is_repeated: bool,
    /// Who took it for good, although it failed or could not tell.
    passed: Option<Arc<str>>,
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
    /// It can tell neither, and a person is asked.
    Unsure(Trouble),
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
    Do {
        index: usize,
        step: &'a Step,
    },
    Undo {
        index: usize,
        step: &'a Step,
    },
    /// Nothing until a person says a word, or until nobody has for `HELD_AT_MOST`.
    Held {
        index: usize,
        step: &'a Step,
        why: Arc<str>,
    },
    Ended(Verdict),
}

/// What happened to an execution. A failed step turns it round by itself, where the plan does.
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
    /// A person's word to it while it ran or waited.
    Said {
        at: Timestamp,
        who: Arc<str>,
        word: PersonWord,
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
        Self { plan, steps, waits: None, turned: None, undo: Vec::new(), verdict: None }
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

    /// Something may have been done already.
    pub fn has_begun(&self) -> bool {
        self.steps.iter().any(|line| line.began.is_some())
    }

    /// The verdict that was recorded, and when.
    pub fn ended(&self) -> Option<&(Timestamp, Verdict)> {
        self.verdict.as_ref()
    }

    pub fn next(&self) -> Next<'_> {
        match self.place() {
            Some(Which::Undo(index)) => Next::Undo { index, step: &self.undo[index].step },
            Some(Which::Step(index)) => match self.held() {
                Some(why) => Next::Held { index, step: self.step(index), why },
                None => Next::Do { index, step: self.step(index) },
            },
            None => Next::Ended(self.verdict.as_ref().map_or_else(|| self.judge(), |(_, verdict)| verdict.clone())),
        }
    }

    /// The step that is being done, or is to be done next. `None` when there is nothing to do, or nothing until a person says so.
    pub fn in_hand(&self) -> Option<(Which, &Step)> {
        match self.next() {
            Next::Do { index, step } => Some((Which::Step(index), step)),
            Next::Undo { index, step } => Some((Which::Undo(index), step)),
            Next::Held { .. } | Next::Ended(_) => None,
        }
    }

    /// The first step that is not settled, whether or not it may be done now.
    fn place(&self) -> Option<Which> {
        if self.verdict.is_some() {
            return None;
        }
        if self.turned.is_some() {
            let pointless = self.pointless();
            let mut undo = self.undo.iter().zip(pointless);
            return undo.position(|(back, pointless)| back.line.ended.is_none() && !pointless).map(Which::Undo);
        }
        (0..self.steps.len()).find(|&index| !self.is_settled(index)).map(Which::Step)
    }

    fn is_settled(&self, index: usize) -> bool {
        let line = &self.steps[index];
        match line.ended {
            Some((_, Outcome::Done)) => true,
            Some((_, Outcome::Failed(_) | Outcome::Unsure(_))) => line.passed.is_some() || self.is_tidying(index),
            None => false,
        }
    }

    /// From the first step that only tidies up to the end: what comes before it is done for good.
    fn is_tidying(&self, index: usize) -> bool {
        self.plan.steps().position(|planned| planned.tidies).is_some_and(|first| first <= index)
    }

    fn has_tidied(&self) -> bool {
        let first = self.plan.steps().position(|planned| planned.tidies);
        first.is_some_and(|first| self.steps[first..].iter().any(|line| line.began.is_some()))
    }

    fn step(&self, index: usize) -> &Step {
        &self.plan.steps().nth(index).expect("there is a line for each step of the plan").step
    }

    /// To be written down, and then applied, before the step in hand is done.
    pub fn beginning(&self, at: Timestamp) -> Option<Record> {
        self.in_hand().map(|(which, _)| Record::Began { at, which })
    }

    /// The step in hand ended so.
    pub fn told(&mut self, outcome: Outcome, at: Timestamp) -> Option<Record> {
        let (which, _) = self.in_hand()?;
        self.apply_own(Record::Ended { at, which, outcome }).ok()
    }

    /// From here it goes back. `Err` says why it does not.
    pub fn stop_and_undo(&mut self, why: impl Into<Arc<str>>, at: Timestamp) -> Result<Record, String> {
        self.apply_own(Record::Turned { at, why: why.into() })
    }

    /// `Err` says why the word has no meaning now. Nobody's word makes a rollout complete that waits for one: whoever lets it go on has it
    /// looked at again.
    pub fn say(&mut self, word: PersonWord, who: &Arc<str>, at: Timestamp) -> Result<Record, String> {
        let word = match (word, self.troubled()) {
            (PersonWord::GoOn, Some((index, _))) if matches!(self.step(index), Step::AwaitRollout { .. }) => {
                PersonWord::Again
            }
            (word, _) => word,
        };
        self.apply_own(Record::Said { at, who: who.clone(), word })
    }

    /// Nothing is left to do: this is how it went. `None` while there is something.
    pub fn end(&mut self, at: Timestamp) -> Option<Record> {
        match self.next() {
            Next::Ended(verdict) => self.apply_own(Record::Verdict { at, verdict }).ok(),
            Next::Do { .. } | Next::Undo { .. } | Next::Held { .. } => None,
        }
    }

    /// A person leaves it as it is.
    pub fn leave(&mut self, who: &str, at: Timestamp) -> Option<Record> {
        let verdict = Verdict::Left { says: format!("{}: left by {who}; {}", self.plan.title, self.standing()).into() };
        self.apply_own(Record::Verdict { at, verdict }).ok()
    }

    fn apply_own(&mut self, record: Record) -> Result<Record, String> {
        self.apply(&record).map(|()| record)
    }

    /// The only way in which it changes. `Err`: this cannot have come next, and nothing was changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), String> {
        if self.verdict.is_some() {
            return Err("it is over".into());
        }
        match record {
            Record::Began { at, which } => {
                self.expect(*which)?;
                let line = self.line(*which);
                line.began = Some(*at);
                line.is_repeated |= line.is_open;
                line.is_open = true;
            }
            Record::Ended { at, which, outcome } => {
                self.expect(*which)?;
                let line = self.line(*which);
                if !line.is_open {
                    return Err("it ended before it began".into());
                }
                line.is_open = false;
                line.ended = Some((*at, outcome.clone()));
                if let (Which::Step(index), Outcome::Failed(trouble)) = (*which, outcome)
                    && self.plan.turns
                    && !self.is_tidying(index)
                {
                    self.turn(trouble.line().into());
                }
            }
            Record::Turned { why, .. } => {
                self.may_turn()?;
                self.turn(why.clone());
            }
            Record::Said { who, word, .. } => self.hear(*word, who)?,
            // Whoever takes it over wants something done.
            Record::Taken { .. } => self.waits = None,
            Record::Verdict { at, verdict } => self.verdict = Some((*at, verdict.clone())),
        }
        Ok(())
    }

    fn expect(&self, which: Which) -> Result<(), String> {
        let wanted = match self.next() {
            Next::Do { index, .. } => Which::Step(index),
            Next::Undo { index, .. } => Which::Undo(index),
            Next::Held { .. } => return Err("it had to wait for a person".into()),
            Next::Ended(_) => return Err("there was nothing left to do".into()),
        };
        if wanted == which { Ok(()) } else { Err(format!("{wanted:?} had to come first")) }
    }

    fn line(&mut self, which: Which) -> &mut Line {
        match which {
            Which::Step(index) => &mut self.steps[index],
            Which::Undo(index) => &mut self.undo[index].line,
        }
    }
}

impl Line {
    /// Why it did not end well, whoever passed it.
    fn trouble(&self) -> Option<&Trouble> {
        match &self.ended {
            Some((_, Outcome::Failed(trouble) | Outcome::Unsure(trouble))) => Some(trouble),
            Some((_, Outcome::Done)) | None => None,
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.ended, Some((_, Outcome::Done))) || self.passed.is_some()
    }

    /// Its engine may still be at what it was once asked for.
    fn may_be_under_way(&self) -> bool {
        self.is_cut_off || self.is_repeated && !self.is_done()
    }
}

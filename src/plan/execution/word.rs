//! When an execution waits for a person, and what a person's word does to it.

use std::{sync::Arc, time::Duration};

use super::{Execution, Outcome, Which};
use crate::{
    domain::{PersonWord, Trouble},
    plan::Step,
};

/// A service half rolled out is not left so for a night because somebody forgot it. In words: "an hour".
pub const HELD_AT_MOST: Duration = Duration::from_secs(60 * 60);

impl Execution {
    /// Why it waits for a person now; `None` while it does not.
    pub fn held(&self) -> Option<Arc<str>> {
        let (why, otherwise) = match (self.troubled(), self.place(), &self.waits) {
            (Some((index, trouble)), _, _) => (self.asks(index, trouble), "taken back"),
            (None, Some(Which::Step(index)), Some(who)) if !self.steps[index].is_open => {
                (format!("{who} asked it to wait"), if self.has_tidied() { "gone on with" } else { "taken back" })
            }
            (None, _, _) => return None,
        };
        Some(format!("{why}; {otherwise} after an hour without a word").into())
    }

    /// The step whose end a person has to judge.
    pub(super) fn troubled(&self) -> Option<(usize, &Trouble)> {
        match self.place()? {
            Which::Step(index) => Some((index, self.steps[index].trouble()?)),
            Which::Undo(_) => None,
        }
    }

    /// What a controller of rollouts asks is answered to it, and not to us.
    fn asks(&self, index: usize, trouble: &Trouble) -> String {
        let line = trouble.line();
        let Step::AwaitRollout { service, .. } = self.step(index) else { return line };
        format!("{line}: midwatch promote {service}, or abort {service}; then it is looked at again")
    }

    /// The rollout that waits for a word to its own controller: that may come without us.
    pub fn asked_elsewhere(&self) -> Option<&Step> {
        let (index, _) = self.troubled()?;
        let is_unsure = matches!(self.steps[index].ended, Some((_, Outcome::Unsure(_))));
        Some(self.step(index)).filter(|step| is_unsure && matches!(step, Step::AwaitRollout { .. }))
    }

    /// Why what was begun is done for good; `None` where it can be taken back, or there is nothing to take back.
    pub fn no_way_back(&self) -> Option<String> {
        let has_ended = matches!(self.next(), super::Next::Ended(_));
        self.may_turn().err().filter(|_| !self.is_turned() && !has_ended)
    }

    /// Why it cannot be taken back any more, or need not be.
    pub fn may_turn(&self) -> Result<(), String> {
        if self.verdict.is_some() {
            Err("it is over".into())
        } else if self.turned.is_some() {
            Err("what was done is being taken back already".into())
        } else if self.has_tidied() {
            Err("what it does is done for good, and it only tidies up: to go back, roll back by a plan of its own"
                .into())
        } else if self.place().is_none() {
            Err("everything was done already".into())
        } else {
            Ok(())
        }
    }

    /// Nobody said a word for as long as it may wait: back, or on where there is no way back.
    pub fn may_wait_no_longer(&mut self, at: jiff::Timestamp) -> Result<super::Record, String> {
        match self.may_turn() {
            Ok(()) => self.stop_and_undo("nobody said a word for an hour", at),
            Err(_) => self.say(PersonWord::GoOn, &"nobody, for an hour".into(), at),
        }
    }

    pub(super) fn hear(&mut self, word: PersonWord, who: &Arc<str>) -> Result<(), String> {
        if self.turned.is_some() {
            return Err("what was done is being taken back, which waits for nobody".into());
        }
        let troubled = self.troubled().map(|(index, _)| index);
        match (word, troubled) {
            (PersonWord::GoOn, Some(index)) => {
                if !self.step(index).is_wait() {
                    return Err(
                        "it is no check that failed but a change: it can be tried again, or all taken back".into()
                    );
                }
                self.steps[index].passed = Some(who.clone());
            }
            (PersonWord::GoOn, None) if self.waits.is_some() => {}
            (PersonWord::GoOn, None) => return Err("it does not wait for a word".into()),
            (PersonWord::Again, Some(index)) => self.steps[index].ended = None,
            (PersonWord::Again, None) => return Err("nothing of it failed that could be tried again".into()),
            (PersonWord::Wait, Some(_)) => return Err("it waits already".into()),
            (PersonWord::Wait, None) if self.waits.is_some() => return Err("it waits already".into()),
            (PersonWord::Wait, None) if self.place().is_none() => return Err("everything was done already".into()),
            (PersonWord::Wait, None) => {}
        }
        self.waits = (word == PersonWord::Wait).then(|| who.clone());
        Ok(())
    }
}

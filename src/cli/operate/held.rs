//! An operation that waits for a person: says why, and how it goes on, and where somebody sits at a terminal takes their word.

use std::{io, sync::Arc};

use futures::future::BoxFuture;

use super::{Said, Streams};
use crate::{
    domain::{Operation, OperationId, OperationState, PersonWord, text::clean},
    runtime::operate::Operator,
};

const QUESTION: &str = "go on, again, or undo? ";

#[derive(Default)]
pub(super) struct Held {
    /// Why it waits, as it was told last.
    why: Option<Arc<str>>,
    /// The answer that a person is asked for.
    answer: Option<BoxFuture<'static, io::Result<String>>>,
}

impl Held {
    pub fn tell(&mut self, operation: &Operation, asks: bool, streams: &mut Streams<'_>) -> io::Result<()> {
        let why = match &operation.state {
            OperationState::Held { why } => Some(why.clone()),
            OperationState::Running
            | OperationState::Undoing
            | OperationState::Interrupted
            | OperationState::Ended(_) => None,
        };
        if self.why == why {
            return Ok(());
        }
        self.why = why;
        let Some(why) = &self.why else {
            // The question has become idle, and its answer is nobody's.
            self.answer = None;
            return Ok(());
        };
        let id = &operation.id;
        writeln!(streams.err, "waits for a person: {}", clean(why))?;
        writeln!(
            streams.err,
            "  midwatch promote {id} goes on, retry {id} looks once more, abort {id} takes back what was done"
        )?;
        if asks && self.answer.is_none() {
            self.ask(streams)?;
        }
        Ok(())
    }

    /// What was typed was not heard, and it still waits.
    pub fn ask_again(&mut self, asks: bool, streams: &mut Streams<'_>) -> io::Result<()> {
        if asks && self.why.is_some() && self.answer.is_none() { self.ask(streams) } else { Ok(()) }
    }

    fn ask(&mut self, streams: &mut Streams<'_>) -> io::Result<()> {
        self.answer = Some((streams.answer)());
        write!(streams.err, "{QUESTION}")?;
        streams.err.flush()
    }

    /// What a person typed; never where nobody is asked.
    pub async fn typed(&mut self) -> io::Result<String> {
        let Some(answer) = &mut self.answer else { return std::future::pending().await };
        let typed = answer.await;
        self.answer = None;
        typed
    }

    /// The end of the input is no answer: from then on only other words let it go on.
    pub fn take(
        &mut self,
        typed: &str,
        id: &OperationId,
        operator: &Operator,
        streams: &mut Streams<'_>,
    ) -> io::Result<Said> {
        if self.why.is_none() || typed.is_empty() {
            return Ok(None);
        }
        Ok(Some(match typed.trim().to_lowercase().as_str() {
            "go on" | "go" | "g" => operator.tell(id, PersonWord::GoOn),
            "again" | "a" => operator.tell(id, PersonWord::Again),
            "undo" | "u" => operator.stop_and_undo(id),
            _ => {
                self.ask(streams)?;
                return Ok(None);
            }
        }))
    }
}

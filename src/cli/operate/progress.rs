//! What a step says, once: a line when it begins, one for each new word of it, one when it has ended.

use std::{
    io::{self, Write},
    sync::Arc,
};

use crate::domain::{Operation, StepReport, StepState, text::clean, units};

#[derive(Default)]
pub(super) struct Told {
    steps: Vec<(StepState, Option<Arc<str>>)>,
}

impl Told {
    pub fn tell(&mut self, operation: &Operation, err: &mut dyn Write) -> io::Result<()> {
        for (place, step) in operation.steps.iter().enumerate() {
            let before = self.steps.get(place).cloned().unwrap_or((StepState::Waiting, None));
            let now = (step.state, step.note.clone());
            if before != now {
                // A step can begin and end between two looks at it.
                if before.0 == StepState::Waiting && now.0 != StepState::Skipped {
                    let sign = if step.is_undo { "<" } else { ">" };
                    writeln!(err, "{sign} {}", clean(&step.title))?;
                }
                describe(step, err)?;
            }
            match self.steps.get_mut(place) {
                Some(told) => *told = now,
                None => self.steps.push(now),
            }
        }
        Ok(())
    }
}

fn describe(step: &StepReport, err: &mut dyn Write) -> io::Result<()> {
    let took = match (step.began, step.ended) {
        (Some(began), Some(ended)) => units::elapsed(ended.duration_since(began).try_into().unwrap_or_default()),
        (Some(_), None) | (None, _) => String::new(),
    };
    let note = step.note.as_deref().unwrap_or_default();
    match step.state {
        StepState::Done => writeln!(err, "  done in {took}"),
        StepState::Failed if took.is_empty() => writeln!(err, "  failed: {}", clean(note)),
        StepState::Failed => writeln!(err, "  failed after {took}: {}", clean(note)),
        StepState::Running | StepState::Held if !note.is_empty() => writeln!(err, "  {}", clean(note)),
        StepState::Running | StepState::Held | StepState::Waiting | StepState::Skipped => Ok(()),
    }
}

//! How a person's word reaches an operation: straight where this process carries it out, and by a file beside the journal where another
//! one does.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{Inner, blocking};
use crate::{
    domain::{OperationId, OperationState, Trouble},
    plan::Execution,
    runtime::journal::{Ask, Journal, Wish},
};

/// How often each operation that runs here is looked up for words from other processes.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A process that lives takes a word within this.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
const BETWEEN_GLANCES: Duration = Duration::from_millis(50);

/// Something said to an operation that runs here.
pub(super) struct Asked {
    pub ask: Ask,
    /// Where the answer is waited for.
    pub answer: Option<oneshot::Sender<Result<(), Trouble>>>,
}

/// Ends with whoever keeps it.
pub(super) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes on what other processes say to an operation that runs here.
pub(super) fn listen(inner: &Inner, id: OperationId, asks: mpsc::Sender<Asked>) -> Listening {
    let journal = inner.parts.journal.clone();
    Listening(tokio::spawn(async move {
        let Ok(journal) = journal else { return };
        loop {
            sleep(BETWEEN_LOOKS).await;
            let (journal, id) = (journal.clone(), id.clone());
            for ask in blocking(move || journal.take_words(&id)).await {
                // Where more is said than is heard, this waits: what is not taken yet stays on the disk.
                let _ = asks.send(Asked { ask, answer: None }).await;
            }
        }
    }))
}

pub(super) async fn ask(inner: &Arc<Inner>, id: &OperationId, wish: Wish) -> Result<(), Trouble> {
    let ask = Ask { at: inner.parts.clock.now(), who: inner.parts.who.clone(), wish };
    let here = inner.running().get(id).cloned();
    let Some(here) = here else {
        let (journal, id) = (inner.parts.journal.clone()?, id.clone());
        return elsewhere(journal, id, ask).await;
    };
    let (answer, answered) = oneshot::channel();
    let over = || Trouble::new(unheard(wish), "it is over");
    here.try_send(Asked { ask, answer: Some(answer) }).map_err(|error| match error {
        TrySendError::Closed(_) => over(),
        TrySendError::Full(_) => Trouble::new(unheard(wish), "it has not answered yet what was said before"),
    })?;
    answered.await.unwrap_or_else(|_| Err(over()))
}

async fn elsewhere(journal: Journal, id: OperationId, ask: Ask) -> Result<(), Trouble> {
    let wish = ask.wish;
    let letter = blocking(move || {
        let (operation, execution) = journal.look(&id)?;
        match &operation.state {
            OperationState::Ended(verdict) => {
                return Err(Trouble::new(unheard(wish), format!("it is over: {}", verdict.says())));
            }
            OperationState::Interrupted => {
                return Err(Trouble::new(unheard(wish), "nobody carries it out: it was interrupted")
                    .help("resume it, take it back or leave it"));
            }
            OperationState::Running | OperationState::Held { .. } | OperationState::Undoing => {}
        }
        means_something(&execution, &ask).map_err(|why| Trouble::new(unheard(wish), why))?;
        journal.put(&id, &ask)
    })
    .await?;
    let give_up = Instant::now() + TAKEN_WITHIN;
    let mut letter = letter;
    loop {
        let taken;
        (letter, taken) = blocking(move || {
            let taken = letter.is_taken();
            (letter, taken)
        })
        .await;
        if taken {
            return Ok(());
        }
        if Instant::now() >= give_up {
            break;
        }
        sleep(BETWEEN_GLANCES).await;
    }
    if blocking(move || letter.withdraw()).await {
        let why = format!("the process that carries it out did not take it within {} s", TAKEN_WITHIN.as_secs());
        return Err(
            Trouble::new(unheard(wish), why).help("it may be stopped or out of breath: look at it, and say it again")
        );
    }
    Ok(())
}

/// Asked before it is put where nobody could answer.
fn means_something(execution: &Execution, ask: &Ask) -> Result<(), String> {
    match ask.wish {
        Wish::StopAndUndo => execution.may_turn(),
        Wish::Word(word) => execution.clone().say(word, &ask.who, ask.at).map(|_| ()),
    }
}

pub(super) fn unheard(wish: Wish) -> &'static str {
    match wish {
        Wish::StopAndUndo => "it is not stopped",
        Wish::Word(_) => "the word was not heard",
    }
}

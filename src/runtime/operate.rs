//! Carries plans out, one operation a service, each written to the journal as it goes. Needs no screen: an operation runs to the end of
//! its plan, or of its undo, for as long as the process lives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    clock::Clock,
    domain::{Operation, OperationId, OperationState, PersonWord, Trouble, Verdict},
    message::{Event, Notice, Weight},
    plan::Plan,
    runtime::{
        connections::Connections,
        gate::Gate,
        journal::{Journal, Wish},
    },
};

mod ask;
mod begin;
#[cfg(test)]
pub(crate) mod fake;
mod lease;
mod recall;
mod run;

#[cfg(test)]
mod tests;

use ask::Asked;
pub use begin::{Word, foretell};
use run::publish;

#[derive(Clone)]
pub struct Operator {
    inner: Arc<Inner>,
}

pub struct Parts {
    pub connections: Connections,
    pub facts: mpsc::Sender<Event>,
    /// Why there is none, where there is none: every operation is then refused with it, and the console goes on.
    pub journal: Result<Journal, Trouble>,
    pub clock: Clock,
    pub gate: Gate,
    /// user@host
    pub who: Arc<str>,
}

struct Inner {
    parts: Parts,
    /// What is being carried out by this process, and the way to say something to each.
    running: Mutex<BTreeMap<OperationId, mpsc::Sender<Asked>>>,
    /// How many were begun and have not ended, also those that have no id yet.
    count: watch::Sender<usize>,
}

impl Operator {
    pub fn new(parts: Parts) -> Self {
        Self { inner: Arc::new(Inner { parts, running: Mutex::default(), count: watch::Sender::new(0) }) }
    }

    /// Carries out a plan that a person confirmed. The handle says as what it was begun, or why it was not: that is the caller's to tell.
    pub fn begin(&self, plan: Plan) -> JoinHandle<Result<OperationId, Trouble>> {
        let inner = self.inner.clone();
        let counted = Counted::new(&inner);
        tokio::spawn(async move {
            let title = plan.title.clone();
            match begin::open(&inner, plan.clone()).await {
                Ok(run) => {
                    let id = run.id().clone();
                    tokio::spawn(run.carry_out(counted));
                    Ok(id)
                }
                Err(trouble) => {
                    let trouble = Trouble { what: format!("{title} was not begun").into(), ..because(trouble) };
                    begin::refuse(&inner, &plan, &trouble).await;
                    Err(trouble)
                }
            }
        })
    }

    /// After the step in hand, never in the middle of it; also of an operation that another process carries out. The handle says whether
    /// it was heard: not once it only tidies up, and not when nobody is there to hear it.
    pub fn stop_and_undo(&self, id: &OperationId) -> JoinHandle<Result<(), Trouble>> {
        self.ask(id, Wish::StopAndUndo)
    }

    /// All that this process carries out, for whoever cannot be told any more which of them heard it.
    pub fn stop_all(&self) {
        let running: Vec<OperationId> = self.inner.running().keys().cloned().collect();
        for id in running {
            let heard = self.stop_and_undo(&id);
            tokio::spawn(async move {
                if let Ok(Err(trouble)) = heard.await {
                    tracing::warn!(operation = %id, "{trouble}");
                }
            });
        }
    }

    /// What a person says to one that runs or waits, here or in another process. The handle says whether it was heard and meant anything.
    pub fn tell(&self, id: &OperationId, word: PersonWord) -> JoinHandle<Result<(), Trouble>> {
        self.ask(id, Wish::Word(word))
    }

    /// Goes on with an interrupted operation where it was cut off.
    pub fn resume(&self, id: &OperationId) -> JoinHandle<Result<(), Trouble>> {
        self.take_over(id, Word::Resume)
    }

    /// Takes back what an interrupted operation did.
    pub fn undo(&self, id: &OperationId) -> JoinHandle<Result<(), Trouble>> {
        self.take_over(id, Word::Undo)
    }

    /// Closes an interrupted operation and changes nothing.
    pub fn leave(&self, id: &OperationId) -> JoinHandle<Result<(), Trouble>> {
        self.take_over(id, Word::Leave)
    }

    /// From now on, for as long as was configured, operations may be begun.
    pub fn arm(&self) {
        let (inner, now) = (self.inner.clone(), self.inner.parts.clock.now());
        let event = match inner.parts.gate.arm(now) {
            Some(until) => Event::Armed { until },
            None => Event::Notice(Notice::info(now, "nothing has to be armed here")),
        };
        tokio::spawn(async move { publish(&inner, event).await });
    }

    /// How many this process is carrying out.
    pub fn running(&self) -> usize {
        *self.inner.count.borrow()
    }

    /// This process carries it out: leaving would leave it alone.
    pub fn carries_out(&self, id: &OperationId) -> bool {
        self.inner.running().contains_key(id)
    }

    /// Waits until none runs: what keeps the process alive when its terminal is gone.
    pub async fn finished(&self) {
        let mut count = self.inner.count.subscribe();
        // An error would mean that the sender is gone, and it lives in `inner`.
        let _ = count.wait_for(|&count| count == 0).await;
    }

    /// Tells of every operation that the journal knows, and then of what other processes do. Runs until dropped.
    pub async fn recall(&self) {
        recall::recall(&self.inner).await;
    }

    pub fn journal(&self) -> &Result<Journal, Trouble> {
        &self.inner.parts.journal
    }

    fn ask(&self, id: &OperationId, wish: Wish) -> JoinHandle<Result<(), Trouble>> {
        let (inner, id) = (self.inner.clone(), id.clone());
        tokio::spawn(async move { ask::ask(&inner, &id, wish).await })
    }

    fn take_over(&self, id: &OperationId, word: Word) -> JoinHandle<Result<(), Trouble>> {
        let (inner, id) = (self.inner.clone(), id.clone());
        let counted = Counted::new(&inner);
        tokio::spawn(async move {
            let run = begin::take_over(&inner, id, word).await?;
            tokio::spawn(run.carry_out(counted));
            Ok(())
        })
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<OperationId, mpsc::Sender<Asked>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that runs, counted also when it panics.
struct Counted(Arc<Inner>);

impl Counted {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.count.send_modify(|count| *count += 1);
        Self(inner.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.send_modify(|count| *count -= 1);
    }
}

/// Says both what could not be done and why as one reason.
fn because(trouble: Trouble) -> Trouble {
    if trouble.what.ends_with("was not begun") {
        return trouble;
    }
    Trouble { why: trouble.line().into(), ..trouble }
}

fn notice_of(operation: &Operation, now: jiff::Timestamp) -> Option<Notice> {
    let (weight, text, help): (_, Arc<str>, _) = match &operation.state {
        OperationState::Running | OperationState::Undoing => return None,
        OperationState::Held { why } => (
            Weight::Warning,
            format!("{} waits: {why}", operation.title).into(),
            Some("open the operation to let it go on, try again, or stop and undo".into()),
        ),
        OperationState::Interrupted => (
            Weight::Warning,
            format!("{} was interrupted", operation.title).into(),
            Some("open the operations to resume it, take it back or leave it".into()),
        ),
        OperationState::Ended(verdict) => match verdict {
            Verdict::Done { says } | Verdict::Left { says } => (Weight::Info, says.clone(), None),
            Verdict::Undone { says } => (Weight::Warning, says.clone(), None),
            Verdict::Stuck { says, help } => (Weight::Error, says.clone(), Some(help.clone())),
        },
    };
    Some(Notice { at: now, weight, text, help })
}

/// Disks are slow, and the threads that wait for engines must not wait for them.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("only fails when the work panics or the runtime is being dropped")
}

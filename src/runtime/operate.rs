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
    domain::{Operation, OperationId, OperationState, StepReport, StepState, Trouble, Verdict},
    message::{Event, Notice, Weight},
    plan::{Plan, execution::Record},
    runtime::{
        connections::Connections,
        gate::Gate,
        journal::{Hold, Journal},
    },
};

#[cfg(test)]
pub(crate) mod fake;
mod recall;
mod run;

#[cfg(test)]
mod tests;

use run::{Run, publish};

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
    /// What is being carried out by this process, and the way to ask each to stop.
    running: Mutex<BTreeMap<OperationId, watch::Sender<bool>>>,
    /// How many were begun and have not ended, also those that have no id yet.
    count: watch::Sender<usize>,
}

/// What a person wants of an interrupted operation.
#[derive(Clone, Copy)]
enum Word {
    Resume,
    Undo,
    Leave,
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
            match open(&inner, plan.clone()).await {
                Ok(run) => {
                    let id = run.id().clone();
                    tokio::spawn(run.carry_out(counted));
                    Ok(id)
                }
                Err(trouble) => {
                    let trouble = Trouble { what: format!("{title} was not begun").into(), ..because(trouble) };
                    refuse(&inner, &plan, &trouble).await;
                    Err(trouble)
                }
            }
        })
    }

    /// After the step in hand, never in the middle of it.
    pub fn stop_and_undo(&self, id: &OperationId) {
        if let Some(asked) = self.inner.running().get(id) {
            asked.send_replace(true);
        }
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

    fn take_over(&self, id: &OperationId, word: Word) -> JoinHandle<Result<(), Trouble>> {
        let (inner, id) = (self.inner.clone(), id.clone());
        let counted = Counted::new(&inner);
        tokio::spawn(async move {
            let run = take_over(&inner, id, word).await?;
            tokio::spawn(run.carry_out(counted));
            Ok(())
        })
    }
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, BTreeMap<OperationId, watch::Sender<bool>>> {
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

async fn open(inner: &Arc<Inner>, plan: Plan) -> Result<Run, Trouble> {
    inner.parts.gate.check(&plan.service.cluster)?;
    let journal = inner.parts.journal.clone()?;
    let (who, at) = (inner.parts.who.clone(), inner.parts.clock.now());
    let plan = plan.begun_at(at);
    let files = move || {
        let hold = journal.hold(&plan.service, &plan.title, &who, at)?;
        let (opening, page) = journal.create(plan, &who, at)?;
        Ok((hold, opening, page))
    };
    let (hold, opening, page) = blocking(files).await?;
    let execution = crate::plan::Execution::new(opening.plan.clone());
    Ok(Run::new(inner.clone(), opening, execution, page, Some(hold)))
}

async fn take_over(inner: &Arc<Inner>, id: OperationId, word: Word) -> Result<Run, Trouble> {
    let journal = inner.parts.journal.clone()?;
    let (gate, who, at) = (inner.parts.gate.clone(), inner.parts.who.clone(), inner.parts.clock.now());
    let files = move || {
        let (opening, mut execution, mut page) = journal.take_over(&id)?;
        let plan = &opening.plan;
        let hold: Option<Hold> = match word {
            Word::Resume | Word::Undo => {
                gate.check(&plan.service.cluster)?;
                Some(journal.hold(&plan.service, &plan.title, &who, at)?)
            }
            Word::Leave => None,
        };
        let name = match word {
            Word::Resume => "resume",
            Word::Undo => "undo",
            Word::Leave => "leave",
        };
        let taken = Record::Taken { at, who: who.clone(), word: name.into(), process: std::process::id() };
        page.write(&taken)?;
        let further = match word {
            Word::Resume => None,
            Word::Undo => execution.stop_and_undo(format!("{who} took it back"), at),
            Word::Leave => execution.leave(&who, at),
        };
        further.map_or(Ok(()), |record| page.write(&record))?;
        Ok((opening, execution, page, hold))
    };
    let (opening, execution, page, hold) = blocking(files).await?;
    Ok(Run::new(inner.clone(), opening, execution, page, hold))
}

/// An operation that was not begun has no file. It is shown as one that changed nothing, where the person waits to see it.
async fn refuse(inner: &Arc<Inner>, plan: &Plan, trouble: &Trouble) {
    let now = inner.parts.clock.now();
    let skipped = |planned: &crate::plan::Planned| StepReport {
        title: planned.step.title().into(),
        state: StepState::Skipped,
        began: None,
        ended: None,
        note: None,
        is_undo: false,
    };
    let operation = Operation {
        id: OperationId::new(format!("{}-none", now.strftime("%Y%m%d-%H%M%S%.3f"))),
        title: plan.title.clone(),
        service: plan.service.clone(),
        who: inner.parts.who.clone(),
        why: plan.request.why.clone(),
        began: now,
        ended: Some(now),
        state: OperationState::Ended(Verdict::Undone { says: trouble.line().into() }),
        steps: plan.steps().map(skipped).collect(),
    };
    publish(inner, Event::Operation(Box::new(operation))).await;
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

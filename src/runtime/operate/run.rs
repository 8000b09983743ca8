//! One operation being carried out: what the execution says is next, written down, done, and written down again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{Counted, Inner, blocking, notice_of};
use crate::{
    backend::{Backend, Progress, StepError},
    domain::{Operation, OperationId, OperationState, StepState, Trouble, text},
    message::{Event, Notice},
    plan::{
        Step,
        execution::{Execution, Outcome, Record},
    },
    runtime::journal::{Hold, Opening, Page},
};

#[cfg(test)]
mod tests;

/// How long a lost link is waited for before the operation is left to a person.
const LINK_BACK_WITHIN: Duration = Duration::from_secs(120);
/// The link takes a moment to see what a call saw first.
const AFTER_LOSS: Duration = Duration::from_secs(1);
/// A step's own words are passed on no more often than this.
const BETWEEN_NOTES: Duration = Duration::from_secs(1);
/// An engine that says nothing for this much longer than a step may take is lost.
const GRACE: Duration = Duration::from_secs(60);
/// A screen that does not read must not hold an operation up.
const SCREEN_READS_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Run {
    inner: Arc<Inner>,
    opening: Opening,
    execution: Execution,
    /// Taken only while it is being written to.
    page: Option<Page>,
    /// Records that could not be written yet. They go first, or the file would make no sense.
    unwritten: Vec<Record>,
    _hold: Option<Hold>,
    asked: watch::Receiver<bool>,
    note: Option<Arc<str>>,
}

/// What became of a step.
enum Carried {
    Told(Outcome),
    /// Nobody knows, and there is nobody to ask.
    Unknown(Trouble),
}

impl Run {
    pub fn new(inner: Arc<Inner>, opening: Opening, execution: Execution, page: Page, hold: Option<Hold>) -> Self {
        let (ask, asked) = watch::channel(false);
        inner.running().insert(opening.id.clone(), ask);
        Self { inner, opening, execution, page: Some(page), unwritten: Vec::new(), _hold: hold, asked, note: None }
    }

    pub fn id(&self) -> &OperationId {
        &self.opening.id
    }

    pub async fn carry_out(mut self, counted: Counted) {
        let unknown = self.carry_steps().await;
        let now = self.now();
        if let Some(record) = self.execution.end(now) {
            self.written(record).await;
        }
        let mut last = self.operation();
        if let Some(trouble) = unknown {
            last.state = OperationState::Interrupted;
            self.notice(Notice::error(now, &trouble)).await;
        }
        if !self.unwritten.is_empty() {
            let trouble = Trouble::new(
                format!("{} has gaps in its record", last.title),
                "its last steps could not be written down",
            );
            self.notice(Notice::error(now, &trouble)).await;
        }
        let inner = self.inner.clone();
        inner.running().remove(&self.opening.id);
        // Unlocks its file and its service: from here on it is whoever's who takes it.
        drop(self);
        let notice = notice_of(&last, now);
        publish(&inner, Event::Operation(Box::new(last))).await;
        if let Some(notice) = notice {
            publish(&inner, Event::Notice(notice)).await;
        }
        drop(counted);
    }

    async fn carry_steps(&mut self) -> Option<Trouble> {
        loop {
            if *self.asked.borrow() {
                let now = self.now();
                if let Some(record) = self.execution.stop_and_undo("stopped by hand", now) {
                    self.written(record).await;
                }
            }
            let step = self.execution.in_hand().map(|(_, step)| step.clone())?;
            if !self.written_before().await {
                continue;
            }
            self.note = None;
            self.publish().await;
            match self.do_step(&step).await {
                Carried::Told(outcome) => {
                    let now = self.now();
                    if let Some(record) = self.execution.told(outcome, now) {
                        self.written(record).await;
                    }
                    self.note = None;
                    self.publish().await;
                }
                Carried::Unknown(trouble) => return Some(trouble),
            }
        }
    }

    /// What cannot be written down is not begun: the plan turns round. The way back is gone all the same, since half done is worse.
    async fn written_before(&mut self) -> bool {
        let now = self.now();
        let Some(record) = self.execution.beginning(now) else { return false };
        let written = self.write(record.clone()).await;
        if let (Err(trouble), false) = (&written, self.execution.is_turned()) {
            self.unwritten.pop();
            if let Some(turned) = self.execution.stop_and_undo(trouble.line(), now) {
                self.written(turned).await;
            }
            return false;
        }
        self.execution.apply(&record).expect("it was made from what is in hand");
        true
    }

    async fn do_step(&mut self, step: &Step) -> Carried {
        let cluster = self.opening.plan.service.cluster.clone();
        let mut give_up: Option<Instant> = None;
        let mut why = Trouble::new(format!("{cluster} is not connected"), "nothing can be asked of it");
        loop {
            let connections = self.inner.parts.connections.clone();
            let backend = match connections.live(&cluster) {
                Some(backend) => backend,
                None => {
                    let give_up = *give_up.get_or_insert_with(|| Instant::now() + LINK_BACK_WITHIN);
                    self.say("waiting for the link: done again when it is back").await;
                    match timeout_at(give_up, connections.next_live(&cluster)).await {
                        Ok(backend) => backend,
                        Err(_) => return Carried::Unknown(self.unknown(step, &why)),
                    }
                }
            };
            match self.attempt(&*backend, step).await {
                Ok(()) => return Carried::Told(Outcome::Done),
                Err(StepError::Failed(trouble)) => return Carried::Told(Outcome::Failed(trouble)),
                Err(StepError::Lost(trouble)) => why = trouble,
            }
            if Instant::now() >= *give_up.get_or_insert_with(|| Instant::now() + LINK_BACK_WITHIN) {
                return Carried::Unknown(self.unknown(step, &why));
            }
            self.say(&format!("{}: done again when the link is back", why.line())).await;
            sleep(AFTER_LOSS).await;
        }
    }

    /// Once, passing on what the step says while it works.
    async fn attempt(&mut self, backend: &dyn Backend, step: &Step) -> Result<(), StepError> {
        let (words, mut heard) = watch::channel(Arc::<str>::from(""));
        let progress: Progress = Arc::new(move |word: &str| {
            words.send_replace(text::clean(word).into());
        });
        let (gate, patience) = (self.inner.parts.gate.clone(), patience(step));
        let cluster = self.opening.plan.service.cluster.clone();
        let work = timeout(patience, gate.execute(&cluster, backend, step.clone(), progress));
        tokio::pin!(work);
        let mut asked = self.asked.clone();
        let mut quiet_until = Instant::now();
        loop {
            tokio::select! {
                biased;
                result = &mut work => {
                    let silent = || {
                        let why = format!("no answer for {} s", patience.as_secs());
                        Err(StepError::Lost(Trouble::new(step.title(), why)))
                    };
                    return result.unwrap_or_else(|_| silent());
                }
                () = next_word(&mut heard, quiet_until) => {
                    let word = heard.borrow_and_update().clone();
                    self.say(&word).await;
                    quiet_until = Instant::now() + BETWEEN_NOTES;
                }
                true = next_ask(&mut asked) => self.say("stops after this step, and takes back what was done").await,
            }
        }
    }

    fn unknown(&self, step: &Step, why: &Trouble) -> Trouble {
        Trouble::new(
            format!("{}: whether '{}' was done is not known", self.opening.plan.title, step.title()),
            format!("{}, and the link did not come back within {} s", why.line(), LINK_BACK_WITHIN.as_secs()),
        )
        .help("once the cluster is back, resume it, take it back or leave it: all three are safe")
    }

    async fn say(&mut self, note: &str) {
        self.note = (!note.is_empty()).then(|| note.into());
        self.publish().await;
    }

    /// As far as the disk allows: the rest is tried again with the next record.
    async fn written(&mut self, record: Record) {
        if let Err(trouble) = self.write(record).await {
            tracing::error!(operation = %self.opening.id, "{trouble}");
        }
    }

    async fn write(&mut self, record: Record) -> Result<(), Trouble> {
        self.unwritten.push(record);
        let mut records = std::mem::take(&mut self.unwritten);
        let mut page = self.page.take().expect("put back below");
        let (page, records, result) = blocking(move || {
            let mut result = Ok(());
            while let (Some(first), Ok(())) = (records.first(), &result) {
                result = page.write(first);
                if result.is_ok() {
                    records.remove(0);
                }
            }
            (page, records, result)
        })
        .await;
        self.page = Some(page);
        self.unwritten = records;
        result
    }

    fn operation(&self) -> Operation {
        let mut operation = self.opening.operation(&self.execution, true);
        if let (Some(note), Some(step)) =
            (&self.note, operation.steps.iter_mut().find(|step| step.state == StepState::Running))
        {
            step.note = Some(note.clone());
        }
        operation
    }

    async fn publish(&self) {
        publish(&self.inner, Event::Operation(Box::new(self.operation()))).await;
    }

    async fn notice(&self, notice: Notice) {
        publish(&self.inner, Event::Notice(notice)).await;
    }

    fn now(&self) -> jiff::Timestamp {
        self.inner.parts.clock.now()
    }
}

/// To the screen, if there is one that reads.
pub(super) async fn publish(inner: &Inner, event: Event) {
    let _ = timeout(SCREEN_READS_WITHIN, inner.parts.facts.send(event)).await;
}

async fn next_word(heard: &mut watch::Receiver<Arc<str>>, quiet_until: Instant) {
    sleep_until(quiet_until).await;
    if heard.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn next_ask(asked: &mut watch::Receiver<bool>) -> bool {
    match asked.changed().await {
        Ok(()) => *asked.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

/// How long an engine may take for a step before its silence is taken for a loss.
fn patience(step: &Step) -> Duration {
    let allowed = match step {
        Step::Stop { grace, .. } | Step::Replace { grace, .. } => *grace,
        Step::Start { .. } | Step::Redeploy { .. } => 60,
        Step::AwaitReady { within, .. } | Step::AwaitRollout { within, .. } => *within,
    };
    Duration::from_secs(allowed.into()) + GRACE
}

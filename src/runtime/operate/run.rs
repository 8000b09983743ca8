//! One operation being carried out: what the execution says is next, written down, done, and written down again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Counted, Inner,
    ask::{Asked, Listening, listen, unheard},
    lease::{Claimed, Tenure},
    notice_of,
};
use crate::{
    backend::StepError,
    domain::{ClusterName, Operation, OperationId, OperationState, PersonWord, StepState, Trouble},
    message::{Event, Notice},
    plan::{
        Step,
        execution::{Execution, HELD_AT_MOST, Next, Outcome, Record},
    },
    runtime::journal::{Hold, Opening, Page, Wish},
};

mod attempt;
mod record;
#[cfg(test)]
mod tests;

/// A screen that does not read must not hold an operation up.
const SCREEN_READS_WITHIN: Duration = Duration::from_secs(5);

/// How often a rollout is looked at that waits for a word to its own controller, and for how long: one that waits says so at once.
const BETWEEN_GLANCES: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_secs(5);
/// Said and not yet heard: who says more at once is told so (`ask`).
const WORDS: usize = 16;

pub(super) struct Run {
    inner: Arc<Inner>,
    opening: Opening,
    execution: Execution,
    /// Taken only while it is being written to.
    page: Option<Page>,
    /// Records that could not be written yet. They go first, or the file would make no sense.
    unwritten: Vec<Record>,
    _hold: Option<Hold>,
    tenure: Tenure,
    asks: mpsc::Receiver<Asked>,
    _listening: Listening,
    /// Why it stops after the step in hand.
    stopping: Option<Arc<str>>,
    note: Option<Arc<str>>,
}

/// What became of a step.
enum Carried {
    Told(Outcome),
    /// Nobody knows, and there is nobody to ask; or it is no longer ours to do.
    Unknown(Trouble),
}

impl Run {
    pub fn new(
        inner: Arc<Inner>,
        opening: Opening,
        execution: Execution,
        page: Page,
        hold: Option<Hold>,
        tenure: Tenure,
    ) -> Self {
        let (ask, asks) = mpsc::channel(WORDS);
        inner.running().insert(opening.id.clone(), ask.clone());
        let listening = listen(&inner, opening.id.clone(), ask);
        Self {
            inner,
            opening,
            execution,
            page: Some(page),
            unwritten: Vec::new(),
            _hold: hold,
            tenure,
            asks,
            _listening: listening,
            stopping: None,
            note: None,
        }
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
        self.tenure.give_back().await;
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
            while let Ok(asked) = self.asks.try_recv() {
                self.hear(asked).await;
            }
            if let Some(why) = self.stopping.take() {
                self.turn_round(&why).await;
            }
            let step = match self.execution.next() {
                Next::Do { step, .. } | Next::Undo { step, .. } => step.clone(),
                Next::Held { .. } => match self.wait().await {
                    Some(trouble) => return Some(trouble),
                    None => continue,
                },
                Next::Ended(_) => return None,
            };
            if let Claimed::Theirs(trouble) = self.tenure.ensure(&step).await {
                if self.execution.has_begun() {
                    return Some(trouble);
                }
                self.turn_round(&trouble.line()).await;
                continue;
            }
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

    /// Until a person says something that lets it go on or back; or until nobody has for too long. Something is given back when it must
    /// not go on at all.
    async fn wait(&mut self) -> Option<Trouble> {
        let operation = self.operation();
        let notice = notice_of(&operation, self.now());
        publish(&self.inner, Event::Operation(Box::new(operation))).await;
        if let Some(notice) = notice {
            self.notice(notice).await;
        }
        let until = Instant::now() + HELD_AT_MOST;
        let cluster = self.opening.plan.service.cluster.clone();
        let moving = moved_on(self.inner.clone(), cluster, self.execution.asked_elsewhere().cloned());
        tokio::pin!(moving);
        while self.stopping.is_none() && self.execution.held().is_some() {
            tokio::select! {
                biased;
                // Never the end: the way to it is kept in `running` for as long as it runs.
                Some(asked) = self.asks.recv() => self.hear(asked).await,
                trouble = self.tenure.lost() => return Some(trouble),
                () = &mut moving => {
                    let now = self.now();
                    match self.execution.say(PersonWord::Again, &"the rollout itself".into(), now) {
                        Ok(record) => self.written(record).await,
                        // A person was faster.
                        Err(why) => tracing::info!(operation = %self.opening.id, "not looked at again: {why}"),
                    }
                    break;
                }
                () = sleep_until(until) => {
                    let now = self.now();
                    match self.execution.may_wait_no_longer(now) {
                        Ok(record) => self.written(record).await,
                        Err(why) => tracing::error!(operation = %self.opening.id, "{why}"),
                    }
                }
            }
        }
        self.publish().await;
        None
    }

    /// What a person says while it runs or waits.
    async fn hear(&mut self, Asked { ask, answer }: Asked) {
        let result = match ask.wish {
            Wish::StopAndUndo => self.hear_stop(&ask.who).await,
            Wish::Word(word) => self.hear_word(word, &ask.who).await,
        };
        let result = result.map_err(|why| Trouble::new(unheard(ask.wish), why));
        match (answer, result) {
            (Some(answer), result) => {
                let _ = answer.send(result);
            }
            (None, Err(trouble)) => self.notice(Notice::error(self.now(), &trouble)).await,
            (None, Ok(())) => {}
        }
    }

    async fn hear_stop(&mut self, who: &Arc<str>) -> Result<(), String> {
        if self.stopping.is_some() || self.execution.is_turned() {
            return Ok(());
        }
        self.execution.may_turn()?;
        let is_own = **who == *self.inner.parts.who;
        self.stopping = Some(if is_own { "stopped by hand".into() } else { format!("stopped by {who}").into() });
        self.say("stops after this step, and takes back what was done").await;
        Ok(())
    }

    async fn hear_word(&mut self, word: PersonWord, who: &Arc<str>) -> Result<(), String> {
        let now = self.now();
        let record = self.execution.say(word, who, now)?;
        self.written(record).await;
        match word {
            PersonWord::Wait => self.say("waits after this step until told to go on").await,
            PersonWord::GoOn | PersonWord::Again => self.say("").await,
        }
        Ok(())
    }

    async fn turn_round(&mut self, why: &str) {
        let now = self.now();
        match self.execution.stop_and_undo(why, now) {
            Ok(record) => self.written(record).await,
            // It ended, or turned round by itself, in the meantime.
            Err(why) => tracing::info!(operation = %self.opening.id, "not stopped: {why}"),
        }
    }

    async fn say(&mut self, note: &str) {
        self.note = (!note.is_empty()).then(|| note.into());
        self.publish().await;
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

/// Comes back when a rollout no longer waits for the word to its own controller; never where nothing of the kind is waited for.
async fn moved_on(inner: Arc<Inner>, cluster: ClusterName, rollout: Option<Step>) {
    let Some(rollout) = rollout else { return std::future::pending().await };
    loop {
        sleep(BETWEEN_GLANCES).await;
        let Some(backend) = inner.parts.connections.live(&cluster) else { continue };
        let looking = inner.parts.gate.execute(&cluster, &*backend, rollout.clone(), Arc::new(|_: &str| {}));
        match timeout(GLANCE, looking).await {
            Ok(Err(StepError::Unsure(_) | StepError::Lost(_))) => {}
            // Complete, failed, or on its way.
            Ok(Ok(()) | Err(StepError::Failed(_))) | Err(_) => return,
        }
    }
}

/// To the screen, if there is one that reads.
pub(super) async fn publish(inner: &Inner, event: Event) {
    let _ = timeout(SCREEN_READS_WITHIN, inner.parts.facts.send(event)).await;
}

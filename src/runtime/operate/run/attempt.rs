//! One step being done: again for as long as the link breaks in it, and heard while a person says something.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{Carried, Run};
use crate::{
    backend::{Backend, Progress, StepError},
    domain::{Trouble, text},
    plan::{Step, execution::Outcome},
    runtime::operate::lease::Claimed,
};

/// How long a lost link is waited for before the operation is left to a person.
const LINK_BACK_WITHIN: Duration = Duration::from_secs(120);
/// The link takes a moment to see what a call saw first.
const AFTER_LOSS: Duration = Duration::from_secs(1);
/// A step's own words are passed on no more often than this.
const BETWEEN_NOTES: Duration = Duration::from_secs(1);
/// An engine that says nothing for this much longer than a step may take is lost.
const GRACE: Duration = Duration::from_secs(60);

impl Run {
    pub(super) async fn do_step(&mut self, step: &Step) -> Carried {
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
                    match self.hearing(timeout_at(give_up, connections.next_live(&cluster))).await {
                        Ok(backend) => backend,
                        Err(_) => return Carried::Unknown(self.unknown(step, &why)),
                    }
                }
            };
            // Somebody else may have been at work while the link was away.
            let attempted = match self.tenure.ensure().await {
                Claimed::Ours => self.attempt(&*backend, step).await,
                Claimed::Theirs(trouble) => return Carried::Unknown(trouble),
                Claimed::Unknown(trouble) => Err(StepError::Lost(trouble)),
            };
            match attempted {
                Ok(()) => return Carried::Told(Outcome::Done),
                Err(StepError::Failed(trouble)) => return Carried::Told(Outcome::Failed(trouble)),
                Err(StepError::Unsure(trouble)) => return Carried::Told(Outcome::Unsure(trouble)),
                Err(StepError::Lost(trouble)) => why = trouble,
            }
            if Instant::now() >= *give_up.get_or_insert_with(|| Instant::now() + LINK_BACK_WITHIN) {
                return Carried::Unknown(self.unknown(step, &why));
            }
            self.say(&format!("{}: done again when the link is back", why.line())).await;
            self.hearing(sleep(AFTER_LOSS)).await;
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
                Some(asked) = self.asks.recv() => self.hear(asked).await,
            }
        }
    }

    /// Something that takes its time, in which a person is heard.
    async fn hearing<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                result = &mut work => return result,
                Some(asked) = self.asks.recv() => self.hear(asked).await,
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
}

async fn next_word(heard: &mut watch::Receiver<Arc<str>>, quiet_until: Instant) {
    sleep_until(quiet_until).await;
    if heard.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How long an engine may take for a step before its silence is taken for a loss.
fn patience(step: &Step) -> Duration {
    let allowed = match step {
        Step::Stop { grace, .. } | Step::Replace { grace, .. } => *grace,
        Step::Start { .. }
        | Step::Redeploy { .. }
        | Step::Make { .. }
        | Step::Join { .. }
        | Step::Policy { .. }
        | Step::Rename { .. }
        | Step::Remove { .. }
        | Step::Record { .. }
        | Step::Update { .. }
        | Step::Return { .. }
        | Step::Scale { .. }
        | Step::Pause { .. }
        | Step::Steer { .. }
        | Step::MakeSet { .. }
        | Step::DiscardSet { .. }
        | Step::Shift { .. }
        | Step::Cordon { .. } => 60,
        Step::AwaitReady { within, .. }
        | Step::AwaitRollout { within, .. }
        | Step::Helm { within, .. }
        | Step::Drain { within, .. } => *within,
        Step::Gate { gate, .. } => gate.patience(),
    };
    Duration::from_secs(allowed.into()) + GRACE
}

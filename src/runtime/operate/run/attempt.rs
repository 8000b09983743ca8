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
    plan::{Group, Step, execution::Outcome},
    runtime::operate::lease::Claimed,
};

/// How long a lost link is waited for before the operation is left to a person.
const LINK_BACK_WITHIN: Duration = Duration::from_secs(120);
/// A link that held for so long in a step was back: the next loss begins a new wait.
const HELD_FOR: Duration = Duration::from_secs(20);
/// The link takes a moment to see what a call saw first.
const AFTER_LOSS: Duration = Duration::from_secs(1);
/// A step's own words are passed on no more often than this.
const BETWEEN_NOTES: Duration = Duration::from_secs(1);
/// An engine that says nothing for this much longer than a step may take is lost.
const GRACE: Duration = Duration::from_secs(60);
/// Seconds for what has a deadline of its own, which says better what took so long.
const HAS_ITS_OWN: u32 = 3600;
/// Seconds that gigabytes may take: a person stops it in the middle where it takes too long.
const DATA_MOVES: u32 = 48 * 3600;
/// New instances of a service that were not counted when it was planned.
const MEMBERS: u32 = 1000;

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
            let attempted = match self.tenure.ensure(step).await {
                Claimed::Ours => {
                    let began = Instant::now();
                    let attempted = self.attempt(&*backend, step).await;
                    // Who was silent to the end was not there.
                    if (HELD_FOR..patience(step)).contains(&began.elapsed()) {
                        give_up = None;
                    }
                    attempted
                }
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
            self.say(&format!("{}: done again until it is known", why.line())).await;
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
                        let why = format!("the engine did not answer within {} s", patience.as_secs());
                        Err(StepError::Lost(Trouble::new(step.title(), why)))
                    };
                    return result.unwrap_or_else(|_| silent());
                }
                () = next_word(&mut heard, quiet_until) => {
                    let word = heard.borrow_and_update().clone();
                    self.say(&word).await;
                    quiet_until = Instant::now() + BETWEEN_NOTES;
                }
                Some(asked) = self.asks.recv() => {
                    self.hear(asked).await;
                    if let Some(why) = self.stopping.as_ref().filter(|_| step.may_be_broken_off()) {
                        return Err(StepError::Failed(Trouble::new(step.title(), why)));
                    }
                }
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
        let is_back = self.inner.parts.connections.live(&self.opening.plan.service.cluster).is_some();
        let what = if is_back { "done again it came to nothing else" } else { "the link did not come back" };
        Trouble::new(
            format!("{}: whether '{}' was done is not known", self.opening.plan.title, step.title()),
            format!("{}, and {what} within {} s", why.line(), LINK_BACK_WITHIN.as_secs()),
        )
        .help("once the cluster answers, resume it, take it back or leave it")
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
        | Step::Shift { .. }
        | Step::Cordon { .. } => 60,
        // An image may be pulled for it, and what is discarded has its own time to end.
        Step::Make { .. } | Step::DiscardSet { .. } => HAS_ITS_OWN,
        Step::Data(_) => DATA_MOVES,
        Step::Velero { act, .. } => act.within(),
        Step::AwaitReady { within, .. }
        | Step::AwaitRollout { within, .. }
        | Step::Helm { within, .. }
        | Step::Drain { within, .. } => *within,
        Step::Gate { gate, new, .. } => gate.patience(match new {
            Group::Instances(instances) => u32::try_from(instances.len()).unwrap_or(u32::MAX),
            Group::Newest(_) | Group::Older(_) | Group::All(_) => MEMBERS,
        }),
    };
    Duration::from_secs(allowed.into()) + GRACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::InstanceId,
        plan::{Gate, fixture, wish::HttpGate},
    };

    #[test]
    fn a_gate_that_asks_many_instances_is_given_time_for_all_of_them() {
        let of = |instances: usize| {
            let gate = HttpGate { at: "8080/".into(), status: 200, body: None, within: 1000, times: 3 };
            let instances = vec![InstanceId::new(&fixture::prod(), "web-1"); instances];
            let (service, old) = (fixture::id("web"), Group::Older(fixture::id("web")));
            patience(&Step::Gate { service, gate: Gate::Http(gate), new: Group::Instances(instances), old })
        };
        assert!(of(160) >= 5 * of(16), "{:?} {:?}", of(160), of(16));
    }
}

//! An operation's lease of its service: had before its first step, renewed while it runs, noticed when lost, given back at its end.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{Inner, run::publish};
use crate::{
    backend::StepError,
    domain::{Claim, Lease, OperationId, ServiceId, Trouble},
    message::{Event, Notice, Weight},
    plan::{Plan, Step},
};

/// For how long it holds. Whoever died with it keeps others away no longer.
const HOLDS: Duration = Duration::from_secs(30);
const BETWEEN_RENEWALS: Duration = Duration::from_secs(10);
/// An engine that does not answer a claim for so long is away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// What was confirmed within this is not asked about again before the next step: several small ones may follow each other at once.
const FRESH: Duration = Duration::from_secs(1);
/// Whoever takes a service over keeps it for so long, also when the work took a moment only: whom it was taken from looks for it within
/// `TOLD_WITHIN`, and would else find nothing of it.
const KEPT_AFTER_TAKE_OVER: Duration = Duration::from_secs(20);
/// A lease that is gone so soon after it was confirmed was removed by nobody who worked on the service meanwhile (`docker container prune`).
const TOLD_WITHIN: Duration = Duration::from_secs(15);

pub(super) struct Tenure {
    claimant: Claimant,
    standing: watch::Sender<Standing>,
    renewing: Option<Renewing>,
    /// When it was taken from somebody.
    taken_over: Option<Instant>,
}

/// Ends after the call it is in: one that reached the engine later would take the lease again after it was given back.
struct Renewing {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Claimant {
    inner: Arc<Inner>,
    service: ServiceId,
    ours: Lease,
}

#[derive(Clone, Debug)]
enum Standing {
    /// It was not claimed yet.
    Open,
    Ours {
        confirmed: Instant,
    },
    Theirs(Lease),
    /// It ran out or was lost sight of, and somebody else may have had it since.
    Gone,
    /// The engine gives us none, and only this machine's own lock keeps others away; or it is none of a kind that needs one.
    Without,
}

/// What became of a claim.
#[derive(Debug)]
pub(super) enum Claimed {
    /// Or nobody's, where the engine gives none.
    Ours,
    Theirs(Trouble),
    /// The engine could not be asked.
    Unknown(Trouble),
}

/// What an engine said.
enum Answer {
    Ours,
    Theirs(Lease),
    /// It was to be kept, and is not there.
    Gone,
    Refused(Trouble),
    Lost(Trouble),
}

impl Tenure {
    pub fn new(inner: &Arc<Inner>, plan: &Plan, operation: &OperationId, since: Timestamp) -> Self {
        let ours = Lease {
            who: inner.parts.who.clone(),
            operation: operation.clone(),
            title: plan.title.clone(),
            since,
            until: since,
        };
        let claimant = Claimant { inner: inner.clone(), service: plan.service.clone(), ours };
        let standing = if plan.request.verb.is_word() { Standing::Without } else { Standing::Open };
        Self { claimant, standing: watch::Sender::new(standing), renewing: None, taken_over: None }
    }

    /// From whoever has it. Comes back when they know, as far as they ask before each of their steps: the one that they are in goes to
    /// its end.
    pub async fn take_over(&mut self) -> Claimed {
        let claimed = self.claim(Claim::TakeOver).await;
        if matches!(claimed, Claimed::Ours) {
            self.taken_over = Some(Instant::now());
            sleep(2 * FRESH).await;
        }
        claimed
    }

    /// Asked for now, whatever is known.
    pub async fn claim(&mut self, claim: Claim) -> Claimed {
        let answer = self.claimant.claim(claim).await;
        self.heard(answer).await
    }

    async fn heard(&mut self, answer: Answer) -> Claimed {
        match answer {
            Answer::Ours => {
                self.standing.send_replace(Standing::Ours { confirmed: Instant::now() });
                self.renew();
                Claimed::Ours
            }
            Answer::Theirs(lease) => {
                let trouble = self.claimant.taken(&lease);
                self.standing.send_replace(Standing::Theirs(lease));
                Claimed::Theirs(trouble)
            }
            Answer::Gone => {
                self.standing.send_replace(Standing::Gone);
                Claimed::Theirs(self.claimant.gone())
            }
            Answer::Lost(trouble) => Claimed::Unknown(trouble),
            Answer::Refused(trouble) => {
                // Who had it once may have it: an engine in trouble is no reason to do without.
                if matches!(*self.standing.borrow(), Standing::Ours { .. }) {
                    return Claimed::Unknown(trouble);
                }
                self.standing.send_replace(Standing::Without);
                self.claimant.tell_without(&trouble).await;
                Claimed::Ours
            }
        }
    }

    /// Before a step. One that only looks needs it no more than renewed in time; before one that changes something the engine is asked.
    pub async fn ensure(&mut self, step: &Step) -> Claimed {
        let holds = if step.is_wait() { HOLDS } else { FRESH };
        let standing = self.standing.borrow().clone();
        match standing {
            Standing::Without => Claimed::Ours,
            Standing::Ours { confirmed } if confirmed.elapsed() < holds => Claimed::Ours,
            Standing::Ours { confirmed } => {
                let answer = self.claimant.keep(confirmed).await;
                self.heard(answer).await
            }
            Standing::Theirs(lease) => Claimed::Theirs(self.claimant.taken(&lease)),
            Standing::Gone => Claimed::Theirs(self.claimant.gone()),
            Standing::Open => self.claim(Claim::Take).await,
        }
    }

    /// Comes back when somebody else has it.
    pub async fn lost(&self) -> Trouble {
        let mut standing = self.standing.subscribe();
        loop {
            match &*standing.borrow_and_update() {
                Standing::Theirs(lease) => return self.claimant.taken(lease),
                Standing::Gone => return self.claimant.gone(),
                Standing::Open | Standing::Ours { .. } | Standing::Without => {}
            }
            // The sender is ours, and outlives this.
            let _ = standing.changed().await;
        }
    }

    /// As far as the engine can be asked; else it ends by itself.
    pub async fn give_back(&mut self) {
        if let Some(since) = self.taken_over.filter(|_| matches!(*self.standing.borrow(), Standing::Ours { .. })) {
            sleep_until(since + KEPT_AFTER_TAKE_OVER).await;
        }
        if let Some(Renewing { stop, task }) = self.renewing.take() {
            let _ = stop.send(());
            let _ = task.await;
        }
        // An earlier process may have had it for the same operation, and what was never ours is not taken from anybody.
        let may_be_ours = matches!(*self.standing.borrow(), Standing::Ours { .. } | Standing::Open);
        if may_be_ours {
            let _ = self.claimant.claim(Claim::Release).await;
        }
    }

    fn renew(&mut self) {
        if self.renewing.is_some() {
            return;
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(renew(self.claimant.clone(), self.standing.clone(), stopped));
        self.renewing = Some(Renewing { stop, task });
    }
}

async fn renew(claimant: Claimant, standing: watch::Sender<Standing>, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            () = sleep(BETWEEN_RENEWALS) => {}
        }
        let Standing::Ours { confirmed } = *standing.borrow() else { return };
        match claimant.keep(confirmed).await {
            Answer::Ours => {
                standing.send_replace(Standing::Ours { confirmed: Instant::now() });
            }
            Answer::Theirs(lease) => {
                standing.send_replace(Standing::Theirs(lease));
                return;
            }
            Answer::Gone => {
                standing.send_replace(Standing::Gone);
                return;
            }
            Answer::Refused(trouble) | Answer::Lost(trouble) => {
                tracing::warn!(operation = %claimant.ours.operation, "its lease was not renewed: {trouble}");
            }
        }
    }
}

impl Claimant {
    /// What is gone since it was confirmed a moment ago was had by nobody: whoever takes over keeps it for longer than that.
    async fn keep(&self, confirmed: Instant) -> Answer {
        match self.claim(Claim::Keep).await {
            Answer::Gone if confirmed.elapsed() < TOLD_WITHIN => self.claim(Claim::Take).await,
            answer => answer,
        }
    }

    async fn claim(&self, claim: Claim) -> Answer {
        let cluster = &self.service.cluster;
        let Some(backend) = self.inner.parts.connections.live(cluster) else {
            return Answer::Lost(Trouble::new(format!("{cluster} is not connected"), "nothing can be asked of it"));
        };
        let until = self.inner.parts.clock.now().saturating_add(HOLDS).unwrap_or(Timestamp::MAX);
        let ours = Lease { until, ..self.ours.clone() };
        match timeout(ANSWERS_WITHIN, backend.lease(self.service.clone(), ours, claim)).await {
            Ok(Ok(None)) => Answer::Ours,
            Ok(Ok(Some(lease))) => Answer::Theirs(lease),
            Ok(Err(StepError::Unsure(_))) if claim == Claim::Keep => Answer::Gone,
            Ok(Err(StepError::Failed(trouble) | StepError::Unsure(trouble))) => Answer::Refused(trouble),
            Ok(Err(StepError::Lost(trouble))) => Answer::Lost(trouble),
            Err(_) => {
                let why = format!("no answer for {} s", ANSWERS_WITHIN.as_secs());
                Answer::Lost(Trouble::new(format!("the lease of {} was not had", self.service.name), why))
            }
        }
    }

    fn taken(&self, lease: &Lease) -> Trouble {
        Trouble::new(format!("{} does not go on", self.ours.title), format!("{} has the service", lease.says())).help(
            "wait for it to end, or ask whoever it is; a plan that is confirmed as taking over takes it from them",
        )
    }

    fn gone(&self) -> Trouble {
        let why = format!("its lease of {} was not renewed in time and is gone", self.service.name);
        Trouble::new(
            format!("{} does not go on", self.ours.title),
            format!("{why}: somebody else may have been at work"),
        )
        .help("look at what runs now; then resume it, take it back or leave it")
    }

    async fn tell_without(&self, trouble: &Trouble) {
        let now = self.inner.parts.clock.now();
        let text = format!("{}: other machines are not told that it is at work: {}", self.ours.title, trouble.line());
        let help = trouble.help.clone();
        publish(&self.inner, Event::Notice(Notice { at: now, weight: Weight::Warning, text: text.into(), help })).await;
    }
}

//! An engine of few facts: what runs, what is unwell, who has a lease, and what it answers next.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use tokio::sync::watch;

use crate::{
    backend::{Attached, Backend, FollowError, Forwarded, LogPiece, Loss, Piped, Progress, Scratch, StepError},
    clock::Clock,
    domain::{Capabilities, Change, Claim, InstanceId, Lease, OperationId, Sample, ServiceId, Trouble},
    message::{Answer, Question, Since},
    plan::{
        Step,
        fixture::{id, noon},
    },
};

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    /// Steps wait while this is true.
    held: watch::Sender<bool>,
    begun: watch::Sender<bool>,
    clock: Clock,
    /// How long a call about a lease takes.
    round_trip: Duration,
}

#[derive(Default)]
struct State {
    running: BTreeSet<Arc<str>>,
    unwell: BTreeSet<Arc<str>>,
    answers: VecDeque<Reply>,
    executed: Vec<Step>,
    leases: BTreeMap<ServiceId, Lease>,
    /// Every call about a lease.
    claims: Vec<Claim>,
    forbids_leases: bool,
}

/// Instead of doing what was asked.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    DoAsAsked,
    Fail,
    CannotTell,
    /// The link breaks after it was done.
    DoAndLose,
    Lose,
    /// When it has held for so long.
    LoseAfter(Duration),
    NeverAnswer,
}

impl Fake {
    pub fn running(instances: &[&str]) -> Self {
        let state = State { running: instances.iter().map(|&name| name.into()).collect(), ..State::default() };
        let clock = Clock::starting_at(noon());
        let [held, begun] = [watch::Sender::new(false), watch::Sender::new(false)];
        Self { state: Arc::new(Mutex::new(state)), held, begun, clock, round_trip: Duration::ZERO }
    }

    pub fn with_round_trip(mut self, round_trip: Duration) -> Self {
        self.round_trip = round_trip;
        self
    }

    /// By the account's rights.
    pub fn forbids_leases(&self) {
        self.state().forbids_leases = true;
    }

    /// Taken by somebody on another machine, whoever has it.
    pub fn leases_to(&self, who: &str) -> Lease {
        let now = self.clock.now();
        let until = now + Duration::from_secs(3600);
        let (who, title) = (who.into(), "roll out shop/web".into());
        let lease = Lease { who, operation: OperationId::new("theirs"), title, since: now, until };
        self.state().leases.insert(id("web"), lease.clone());
        lease
    }

    /// Removed by hand, or given back by whoever had it.
    pub fn lease_goes(&self) {
        self.state().leases.clear();
    }

    pub fn lease(&self) -> Option<Lease> {
        self.state().leases.get(&id("web")).cloned()
    }

    pub fn claims(&self) -> Vec<Claim> {
        self.state().claims.clone()
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = Reply>) {
        self.state().answers.extend(answers);
    }

    pub fn makes_unwell(&self, instance: &str) {
        self.state().unwell.insert(instance.into());
    }

    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub fn executed(&self) -> Vec<String> {
        self.state().executed.iter().map(Step::title).collect()
    }

    pub fn what_runs(&self) -> Vec<String> {
        self.state().running.iter().map(ToString::to_string).collect()
    }

    /// Until the first step reaches it.
    pub async fn first_step(&self) {
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// As if an earlier process had asked for it.
    pub async fn execute_now(&self, step: &Step) {
        let _ = self.execute(step.clone(), Arc::new(|_: &str| {})).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_so(&self, step: &Step, progress: &Progress) -> Result<(), StepError> {
        let mut state = self.state();
        match step {
            Step::Stop { name, .. } => {
                state.running.remove(name);
            }
            Step::Start { name, .. } => {
                state.running.insert(name.clone());
            }
            Step::AwaitReady { name, .. } => {
                progress("health: starting");
                if state.unwell.contains(name) || !state.running.contains(name) {
                    return Err(StepError::Failed(Trouble::new(name.clone(), "unhealthy")));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Backend for Fake {
    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        let fake = self.clone();
        async move {
            fake.state().executed.push(step.clone());
            fake.begun.send_replace(true);
            let _ = fake.held.subscribe().wait_for(|held| !held).await;
            let reply = fake.state().answers.pop_front().unwrap_or(Reply::DoAsAsked);
            let lost = || Err(StepError::Lost(Trouble::new("prod", "connection reset")));
            match reply {
                Reply::DoAsAsked => fake.make_so(&step, &progress),
                Reply::CannotTell => Err(StepError::Unsure(Trouble::new(step.title(), "3 of 100 lines are too few"))),
                Reply::Fail => Err(StepError::Failed(Trouble::new(step.title(), "permission denied"))),
                Reply::DoAndLose => fake.make_so(&step, &progress).and_then(|()| lost()),
                Reply::Lose => lost(),
                Reply::LoseAfter(held) => {
                    tokio::time::sleep(held).await;
                    lost()
                }
                Reply::NeverAnswer => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        stream::pending().boxed()
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        std::future::ready(Ok(())).boxed()
    }

    fn follow(&self, _instance: InstanceId, _since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        stream::pending().boxed()
    }

    fn sample(&self, _instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        stream::pending().boxed()
    }

    fn lease(
        &self,
        service: ServiceId,
        ours: Lease,
        claim: Claim,
    ) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        let fake = self.clone();
        async move {
            tokio::time::sleep(fake.round_trip).await;
            let mut state = fake.state();
            state.claims.push(claim);
            if state.forbids_leases {
                return Err(StepError::Failed(Trouble::new("leases of shop", "forbidden")));
            }
            let now = fake.clock.now();
            let holds = state.leases.get(&service).filter(|held| held.operation != ours.operation && held.until > now);
            match (claim, holds.cloned()) {
                (Claim::Keep, _) => match state.leases.get(&service).cloned() {
                    Some(held) if held.operation == ours.operation => _ = state.leases.insert(service, ours),
                    Some(theirs) => return Ok(Some(theirs)),
                    None => return Err(StepError::Unsure(Trouble::new("the lease of web", "it is nobody's"))),
                },
                (Claim::Take, Some(theirs)) => return Ok(Some(theirs)),
                (Claim::Take | Claim::TakeOver, _) => _ = state.leases.insert(service, ours),
                (Claim::Release, None) => _ = state.leases.remove(&service),
                (Claim::Release, Some(_)) => {}
            }
            Ok(None)
        }
        .boxed()
    }

    fn query(&self, _question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        std::future::pending().boxed()
    }

    fn forward(&self, _: ServiceId, _: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        unreachable!("nothing is forwarded")
    }

    fn attach(&self, _instance: InstanceId, _size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        std::future::pending().boxed()
    }

    fn run(&self, _: InstanceId, _: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        std::future::pending().boxed()
    }

    fn scratch(&self, _: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        std::future::pending().boxed()
    }

    fn discard(&self, _: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        std::future::pending().boxed()
    }
}

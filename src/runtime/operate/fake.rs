//! An engine of three facts: what runs, what is unwell, and what it answers next.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt},
};
use tokio::sync::watch;

use crate::{
    backend::{Attached, Backend, FollowError, Forwarded, LogPiece, Loss, Progress, StepError},
    domain::{Capabilities, Change, InstanceId, Sample, ServiceId, Trouble},
    message::{Answer, Question, Since},
    plan::Step,
};

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    /// Steps wait while this is true.
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    running: BTreeSet<Arc<str>>,
    unwell: BTreeSet<Arc<str>>,
    answers: VecDeque<Reply>,
    executed: Vec<Step>,
}

/// Instead of doing what was asked.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    DoAsAsked,
    Fail,
    /// The link breaks after it was done.
    DoAndLose,
    Lose,
    NeverAnswer,
}

impl Fake {
    pub fn running(instances: &[&str]) -> Self {
        let state = State { running: instances.iter().map(|&name| name.into()).collect(), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), held: watch::Sender::new(false) }
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
            Step::Redeploy { .. } | Step::Replace { .. } | Step::AwaitRollout { .. } => {}
        }
        Ok(())
    }
}

impl Backend for Fake {
    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        let fake = self.clone();
        async move {
            fake.state().executed.push(step.clone());
            let _ = fake.held.subscribe().wait_for(|held| !held).await;
            let reply = fake.state().answers.pop_front().unwrap_or(Reply::DoAsAsked);
            let lost = || Err(StepError::Lost(Trouble::new("prod", "connection reset")));
            match reply {
                Reply::DoAsAsked => fake.make_so(&step, &progress),
                Reply::Fail => Err(StepError::Failed(Trouble::new(step.title(), "permission denied"))),
                Reply::DoAndLose => fake.make_so(&step, &progress).and_then(|()| lost()),
                Reply::Lose => lost(),
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

    fn query(&self, _question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        std::future::pending().boxed()
    }

    fn forward(&self, _: ServiceId, _: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        unreachable!("nothing is forwarded")
    }

    fn attach(&self, _instance: InstanceId, _size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        std::future::pending().boxed()
    }
}

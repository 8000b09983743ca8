//! Looks whether what is new does well enough to go on: one judge for every engine, over what an engine can tell of its instances.
//! It changes nothing, and where it cannot tell, it says so and leaves it to a person.

pub(super) mod address;
mod errors;
mod health;
mod http;
mod prometheus;
pub(super) mod request;
#[cfg(test)]
mod tests;

use std::{pin::Pin, sync::Arc};

use futures::{future::BoxFuture, stream::BoxStream};
use jiff::Timestamp;

use super::{Duplex, FollowError, LogPiece, Progress, StepError};
use crate::{
    domain::{InstanceId, Trouble},
    message::Since,
    plan::{Gate, Group},
};

/// What an engine tells of instances.
pub trait Evidence: Send + Sync {
    /// Those of the group that are there now; of named ones also those that are gone.
    fn members<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Vec<Member>, StepError>>;

    /// A connection to a port of the instance. Failed: the instance said no. Unsure: there is no way to it from here.
    fn dial<'a>(&'a self, member: &'a Member, port: u16) -> BoxFuture<'a, Result<Connection, StepError>>;

    fn follow(&self, member: &Member, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>>;
}

pub type Connection = Pin<Box<dyn Duplex>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: InstanceId,
    pub name: Arc<str>,
    pub standing: Standing,
    pub restarts: u32,
    /// When its last run began: another time is another run.
    pub started: Option<Timestamp>,
    /// The command that tells a person more.
    pub help: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Ready,
    /// Why, in the engine's words.
    NotReady(Arc<str>),
    Gone,
}

/// What a gate is judged by.
pub struct Look<'a> {
    pub evidence: &'a dyn Evidence,
    pub new: &'a Group,
    pub old: &'a Group,
    pub progress: &'a Progress,
}

impl Look<'_> {
    pub async fn judge(&self, gate: &Gate) -> Result<(), StepError> {
        let verdict = Verdict(gate);
        match gate {
            Gate::Health { seconds } => health::judge(self, *seconds, verdict).await,
            Gate::Http(gate) => http::judge(self, gate, verdict).await,
            Gate::Errors { percent, at_least, seconds } => {
                let rule = errors::Rule { percent: *percent, at_least: *at_least, seconds: *seconds };
                errors::judge(self, rule, verdict).await
            }
            Gate::Prometheus(gate) => prometheus::judge(self, gate, verdict).await,
            Gate::Person { says } => Err(StepError::Unsure(Trouble::new("a person says when to go on", says))),
        }
    }

    /// Those that are new. None at all are no evidence.
    async fn new_members(&self, verdict: Verdict<'_>) -> Result<Vec<Member>, StepError> {
        let members = self.evidence.members(self.new).await?;
        if members.is_empty() {
            return Err(verdict.unsure("there is no new instance to look at"));
        }
        Ok(members)
    }

    fn tell(&self, words: &str) {
        (self.progress)(words);
    }
}

/// Puts a gate's verdict into words.
#[derive(Clone, Copy)]
struct Verdict<'a>(&'a Gate);

impl Verdict<'_> {
    fn failed(self, why: impl std::fmt::Display) -> StepError {
        StepError::Failed(Trouble::new(format!("not so: {}", self.0.title()), why))
    }

    fn failed_of(self, member: &Member, why: impl std::fmt::Display) -> StepError {
        let trouble = Trouble::new(format!("not so: {}", self.0.title()), format!("{} {why}", member.name));
        StepError::Failed(trouble.help(member.help.clone()))
    }

    fn unsure(self, why: impl std::fmt::Display) -> StepError {
        StepError::Unsure(Trouble::new(format!("cannot tell whether {}", self.0.title()), why))
    }
}

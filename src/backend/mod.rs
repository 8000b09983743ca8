//! What every engine does for the console, each by translating itself into domain words. Streams are boxed once, not a line.

use std::sync::Arc;

use futures::{future::BoxFuture, stream::BoxStream};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    domain::{Capabilities, Change, Claim, InstanceId, Lease, LossKind, Output, Sample, ServiceId, Trouble},
    message::{Answer, Question, Since},
    plan::Step,
};

pub mod docker;
mod exit;
mod gate;
pub mod kubernetes;
mod pairs;
pub mod simulator;

use crate::domain::mask;

/// A way to one cluster. Kept for as long as the cluster is wanted; `connect` is called for each new try.
pub trait Connector: Send + Sync + 'static {
    /// Has no deadline of its own: the caller sets one, and drops the future.
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>>;

    /// Comes back when what it connects with (a file of credentials) is another than at the last `connect`: a reason not to wait for
    /// the next try.
    fn changed(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// One connected engine. A call does not outlive its connection: when the engine goes, calls fail and streams end.
pub trait Backend: Send + Sync + 'static {
    fn capabilities(&self) -> Capabilities;

    /// First a full picture, then changes, what happened before what it changed. Ends with a loss, or without one when the engine closed
    /// the stream. Names and texts in it are clean already.
    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>>;

    /// The shortest question there is, to measure the link and to see that it lives.
    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>>;

    /// The log of an instance from `since` on, exact to the nanosecond, and what is added while it runs, through restarts by the engine.
    /// Ends without an error when the instance has ended for good; when it is removed, with or without a refusal.
    fn follow(&self, instance: InstanceId, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>>;

    /// About one measurement a second, until dropped.
    fn sample(&self, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>>;

    /// Makes it so: doing it again, or when it is already so, is no error. This is retry, resume after a crash, and undo. On an instance
    /// that is gone it fails in words. Waiting for readiness fails as soon as that cannot come any more, with where to look next.
    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>>;

    /// Who is at work on a service, for every machine to see. `Ok(None)`: the claim is so now. `Ok(Some)`: another's holds, and nothing was
    /// changed. Unsure: what was to be kept is nobody's.
    fn lease(
        &self,
        service: ServiceId,
        ours: Lease,
        claim: Claim,
    ) -> BoxFuture<'static, Result<Option<Lease>, StepError>>;

    /// No secret is in the answer, by what it is called or by what it looks like.
    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>>;

    /// One connection to `port` of an instance of the service that is ready now.
    fn forward(&self, service: ServiceId, port: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>>;

    /// A shell in the instance, with its environment and a terminal of `size` (columns, rows). Its output ends with it.
    fn attach(&self, instance: InstanceId, size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>>;

    /// A program in the instance, with its environment and without a terminal. It ends when what is given back is dropped, or soon after,
    /// if it writes or reads.
    fn run(&self, instance: InstanceId, command: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>>;

    /// Makes an instance by itself, like another one: its image, its program, its environment, its limits, and what it may only read. It
    /// has none of its data unless that is wanted (`ScratchKind`), no name by which others find it, no way to the network, and is no
    /// service's: no screen lists it. It runs, and ends by itself in time. A service has one at most: what is left of an earlier one is
    /// removed first. What keeps it from the network on Kubernetes is a policy, and whether a cluster's plugin enforces those, nobody can
    /// see.
    fn scratch(&self, wanted: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>>;

    /// Done when it is gone with all its data, also when it was gone before. What is no scratch instance is left alone, and refused.
    fn discard(&self, scratch: InstanceId) -> BoxFuture<'static, Result<(), Trouble>>;

    /// There is no machine in which anything could be run.
    fn is_simulated(&self) -> bool {
        false
    }

    /// All that a service is made of, with its secrets: for the encrypted repository, and for no screen, no log and no journal.
    fn definition(&self, service: ServiceId) -> BoxFuture<'static, Result<Vec<DefinitionFile>, Trouble>> {
        let trouble = Trouble::new(format!("could not read what {service} is made of"), "its engine does not tell");
        Box::pin(async move { Err(trouble) })
    }

    /// Makes the objects of a definition so in a service's scope, all of them or, as a trial, none: then every refusal is told.
    fn define(
        &self,
        service: ServiceId,
        _files: Vec<DefinitionFile>,
        _is_trial: bool,
    ) -> BoxFuture<'static, Result<(), Trouble>> {
        let trouble = Trouble::new(format!("could not define {service}"), "its engine takes no definitions");
        Box::pin(async move { Err(trouble) })
    }
}

/// A part of what a service is made of. Secrets are in it.
#[derive(Clone, PartialEq, Eq)]
pub struct DefinitionFile {
    /// Its kind, `-`, and what it is called: `configmap-web.json`. Fit for a file's name.
    pub name: Arc<str>,
    pub bytes: bytes::Bytes,
}

impl std::fmt::Debug for DefinitionFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DefinitionFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a cluster cannot be reached (any more).
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    pub kind: LossKind,
    pub why: Trouble,
}

/// Bytes of a log as they come, in pieces that need not end where lines do. Every line begins with its RFC 3339 time and one space,
/// as Docker and Kubernetes write it when asked for timestamps; text is as the program wrote it, hostile. What has
/// a terminal writes everything to stdout, with whichever line ends the engine keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPiece {
    pub output: Output,
    pub bytes: bytes::Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FollowError {
    /// Try again from the last line.
    Interrupted(Trouble),
    /// Trying again will not help.
    Refused(Trouble),
    /// No error, but the last word: it has ended, everything was read, and it can never be started again. Without it, what has ended
    /// may be asked about again.
    Over,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StepError {
    /// The engine said no, or what was waited for did not come.
    Failed(Trouble),
    /// The link broke, and whether it was done is not known. The same step may be tried again.
    Lost(Trouble),
    /// What was looked at tells neither yes nor no, or is a person's to say.
    Unsure(Trouble),
}

/// How a step tells what it is doing: clean text, short, as often as something changes.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// To a step that moves data, which is carried out above the engines.
fn not_an_engines() -> Trouble {
    Trouble::new("could not move data", "a repository is no engine's")
}

/// Both ends of a shell.
pub struct Attached {
    pub output: BoxStream<'static, Result<bytes::Bytes, Trouble>>,
    pub input: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
    pub resize: Arc<dyn Fn((u16, u16)) -> BoxFuture<'static, ()> + Send + Sync>,
}

/// A program that runs in an instance.
pub struct Piped {
    /// Not every engine can tell the program that its input is at its end: it has to know by itself how much it is to read.
    pub input: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
    /// As it comes. The last one is `Ended`; where that is missing the connection broke.
    pub said: BoxStream<'static, Result<Said, Trouble>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Output(bytes::Bytes),
    /// Hostile text.
    Errors(bytes::Bytes),
    /// 126 and 127 are the runtime's, or a shell's: there is no such program, or it cannot be run.
    Ended(i64),
}

/// An instance in which a restore is rehearsed, or in which the files are reached of what does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// It need not run, and may be a part of an instance: a scratch instance has one part only.
    pub like: InstanceId,
    /// For which it is made.
    pub service: ServiceId,
    pub kind: ScratchKind,
    /// Seconds after which it ends by itself, whatever becomes of whoever made it.
    pub within: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScratchKind {
    /// Runs the program of the other one, without its data.
    Server,
    /// Only waits to be entered, without its data: for what is restored into files.
    Empty,
    /// Only waits to be entered, with the volumes and the directories of the other one, which may be written to as there. Refused where this
    /// path is in none of them. To discard it leaves them as they are.
    WithData(Arc<str>),
}

impl ScratchKind {
    /// Its program is not run.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Server => false,
            Self::Empty | Self::WithData(_) => true,
        }
    }

    pub fn has_data(&self) -> bool {
        match self {
            Self::Server | Self::Empty => false,
            Self::WithData(_) => true,
        }
    }
}

/// A connection that goes through the engine to an instance.
pub struct Forwarded {
    /// The instance's name.
    pub through: Arc<str>,
    pub stream: std::pin::Pin<Box<dyn Duplex>>,
}

pub trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

const WITHOUT_VELERO: &str = "Velero backs up clusters of Kubernetes, and this is none";

/// Of an engine that has no clusters in it.
fn without_velero(name: &str) -> Trouble {
    Trouble::new(format!("could not look into {name}"), WITHOUT_VELERO)
}

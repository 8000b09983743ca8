//! Where a case is played: something that can bring up services of a given behaviour, and the backend that looks at them.

use std::sync::Arc;

use futures::future::BoxFuture;
use midwatch::{
    backend::{Backend, Connector},
    domain::{ClusterName, InstanceId, ServiceId},
};

pub trait Stage: Send + Sync {
    fn cluster(&self) -> ClusterName;
    fn connector(&self) -> Arc<dyn Connector>;
    /// Brings a service of one instance up, and comes back when it has begun. It goes when the stage is dropped.
    fn run<'a>(&'a self, program: Program) -> BoxFuture<'a, Running>;
    /// Takes an instance away by force, behind the backend's back.
    fn remove<'a>(&'a self, running: &'a Running) -> BoxFuture<'a, ()>;

    /// Its engine tells how many processes an instance has.
    fn counts_processes(&self) -> bool {
        true
    }

    /// Its engine keeps stdout and stderr apart in its logs.
    fn tells_outputs_apart(&self) -> bool {
        true
    }
}

impl dyn Stage + '_ {
    pub async fn backend(&self) -> Arc<dyn Backend> {
        match self.connector().connect().await {
            Ok(backend) => backend,
            Err(loss) => panic!("{}", loss.why),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Running {
    pub service: ServiceId,
    pub instance: InstanceId,
    pub name: String,
}

/// What the instance does, in words that a simulator understands too.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Writes these lines and stays.
    Says { stdout: Vec<String>, stderr: Vec<String> },
    /// Writes "line 1" to "line n" and ends with this code.
    CountsAndEnds { lines: u32, code: u8 },
    /// Writes one line of so many `x`, a line "after", and stays.
    SaysLong { length: usize },
    /// Writes the bytes ff fe between "raw" and a line end, and stays.
    SaysInvalidUtf8,
    /// Ends with this code after a moment, and is restarted for ever.
    Crashes { code: u8 },
    /// Takes more memory than its limit of so many MiB.
    EatsMemory { limit: u32 },
    /// Its health check prints this and fails.
    FailsItsCheck { output: String },
    /// Its health check succeeds.
    PassesItsCheck,
    /// Keeps one core busy.
    Burns,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub does: Does,
    pub tty: bool,
    pub environment: Vec<(String, String)>,
    pub labels: Vec<(String, String)>,
}

impl Program {
    pub fn new(does: Does) -> Self {
        Self { does, tty: false, environment: Vec::new(), labels: Vec::new() }
    }

    pub fn idle() -> Self {
        Self::new(Does::Says { stdout: vec!["ready".into()], stderr: Vec::new() })
    }

    pub fn tty(mut self) -> Self {
        self.tty = true;
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }
}

impl Does {
    /// For a busybox shell.
    pub fn script(&self) -> String {
        let stay = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
        let echo = |lines: &[String], to: &str| -> String {
            lines.iter().map(|line| format!("echo '{line}'{to}; ")).collect()
        };
        match self {
            Self::Says { stdout, stderr } => format!("{}{}{stay}", echo(stdout, ""), echo(stderr, " >&2")),
            Self::CountsAndEnds { lines, code } => {
                format!("i=1; while [ $i -le {lines} ]; do echo line $i; i=$((i+1)); done; exit {code}")
            }
            Self::SaysLong { length } => format!("head -c {length} /dev/zero | tr '\\0' x; echo; echo after; {stay}"),
            Self::SaysInvalidUtf8 => format!("printf 'raw\\377\\376\\n'; {stay}"),
            Self::Crashes { code } => format!("echo crashing; sleep 0.2; exit {code}"),
            // tail keeps what has no line end in its memory. A runtime begins to watch a container's memory when it has started.
            Self::EatsMemory { .. } => "sleep 1; exec tail /dev/zero".into(),
            Self::FailsItsCheck { .. } | Self::PassesItsCheck => stay.into(),
            Self::Burns => "while :; do :; done".into(),
        }
    }
}

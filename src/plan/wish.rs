//! What a person asks for, in all its parameters.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Restoring, Steer, VeleroWish, Verifying};
use crate::domain::{Item, Pace, ReleaseSource};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Restart,
    Stop,
    Start,
    Scale(u32),
    RollOut(Box<RollOut>),
    RollBack(ReleaseRef),
    /// Ends one instance for good.
    Delete,
    Pause,
    Resume,
    /// What a rollout under way is told.
    Steer(Steer),
    BackUp(Vec<Item>),
    Restore(Box<Restoring>),
    /// Rehearses a restore.
    Verify(Box<Verifying>),
    /// Of what Velero does in a cluster.
    Velero(Box<VeleroWish>),
    Cordon,
    Uncordon,
    Drain,
}

impl Verb {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Scale(_) => "scale",
            Self::RollOut(_) => "roll out",
            Self::RollBack(_) => "roll back",
            Self::Delete => "delete",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Steer(Steer::Promote) => "promote",
            Self::Steer(Steer::PromoteFull) => "promote fully",
            Self::Steer(Steer::Abort) => "abort",
            Self::Steer(Steer::Retry) => "retry",
            Self::BackUp(_) => "back up",
            Self::Restore(_) => "restore",
            Self::Verify(_) => "verify",
            Self::Velero(wish) => wish.word(),
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
            Self::Drain => "drain",
        }
    }

    /// It cannot be planned by what is watched alone: `Question::Means` has to be asked first.
    pub fn needs_means(&self) -> bool {
        match self {
            Self::RollOut(_) | Self::RollBack(_) | Self::Scale(_) | Self::Steer(_) => true,
            Self::Restart
            | Self::Stop
            | Self::Start
            | Self::Delete
            | Self::Pause
            | Self::Resume
            | Self::BackUp(_)
            | Self::Restore(_)
            | Self::Verify(_)
            | Self::Velero(_)
            | Self::Cordon
            | Self::Uncordon
            | Self::Drain => false,
        }
    }

    /// What was planned of the service before still holds after it.
    pub fn is_harmless(&self) -> bool {
        let is_backup = match self {
            Self::Velero(wish) => wish.is_backup(),
            other => matches!(other, Self::BackUp(_) | Self::Verify(_)),
        };
        is_backup || self.is_word()
    }

    /// It is said to a rollout that is under way, whoever rolls it out, and is no second piece of work beside that.
    pub fn is_word(&self) -> bool {
        match self {
            Self::Steer(_) | Self::Pause | Self::Resume => true,
            Self::RollOut(_)
            | Self::RollBack(_)
            | Self::Scale(_)
            | Self::Restart
            | Self::Stop
            | Self::Start
            | Self::Delete
            | Self::BackUp(_)
            | Self::Restore(_)
            | Self::Verify(_)
            | Self::Velero(_)
            | Self::Cordon
            | Self::Uncordon
            | Self::Drain => false,
        }
    }
}

/// One release of a service, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    #[serde(default)]
    pub source: ReleaseSource,
    /// What the engine keeps it as.
    pub id: Arc<str>,
    /// For people: "14 v2.4.1".
    pub title: Arc<str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollOut {
    pub edits: Edits,
    pub strategy: Strategy,
    /// Looked at between the steps, in this order.
    pub gates: Vec<Gate>,
    pub on_failure: OnFailure,
}

/// What a release has otherwise than the one before. By container; an empty name is the only one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    pub images: BTreeMap<Arc<str>, Arc<str>>,
    /// Nothing that looks like a secret: this is written to the journal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<Arc<str>, Variables>,
}

/// By name; `None` takes a variable away.
pub type Variables = BTreeMap<Arc<str>, Option<Arc<str>>>;

/// How the old release gives way to the new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    Rolling(Rolling),
    Canary(Canary),
    BlueGreen(BlueGreen),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rolling {
    /// `None`: as the service itself says; where it says nothing, one more at a time and none missing.
    pub pace: Option<Pace>,
    /// Seconds for the whole where an orchestrator does it, for one instance where the console does.
    pub within: u32,
    /// Seconds for which one that gets no more requests is left to finish what it has, before it is stopped.
    pub drain: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    pub steps: Vec<Weight>,
    pub within: u32,
    pub drain: u32,
}

/// So much of the traffic, or of the instances where traffic cannot be divided, for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// 1 to 100
    pub percent: u8,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Seconds for which it must do well.
    Watch(u32),
    /// A person says when to go on.
    Ask,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlueGreen {
    /// A person says when to switch.
    pub ask: bool,
    /// Seconds for which the old set is kept after the switch, to switch back to.
    pub keep: u32,
    pub within: u32,
    pub drain: u32,
}

/// What must be so before a rollout goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
pub enum Gate {
    /// Each new instance stays ready and is not restarted for so many seconds.
    Health {
        seconds: u32,
    },
    /// Each new instance answers so.
    Http(HttpGate),
    /// Of the lines of the new release in so many seconds, no greater part are errors than `percent` hundredths of what the old release
    /// has. Below `at_least` lines it cannot tell.
    Errors {
        percent: u32,
        at_least: u32,
        seconds: u32,
    },
    Prometheus(PrometheusGate),
    /// A person says when to go on.
    Person {
        says: Arc<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGate {
    /// `8080/health`: a port of each new instance and a path; or a whole `http://` URL, asked from here.
    pub at: Arc<str>,
    pub status: u16,
    /// Must be in the body.
    pub body: Option<Arc<str>>,
    /// Milliseconds within which each answer must come.
    pub within: u32,
    /// So many answers in a row.
    pub times: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrometheusGate {
    /// The server: `http://prometheus:9090`.
    pub url: Arc<str>,
    /// PromQL that yields one number.
    pub query: Arc<str>,
    pub limit: Limit,
    /// Seconds between the first look and the last.
    pub seconds: u32,
}

/// In thousandths, so that plans can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    AtMost(i64),
    AtLeast(i64),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It turns round by itself.
    #[default]
    Undo,
    /// It stays as it is, and a person says what next.
    Ask,
}

/// Seconds that one new instance, or a whole rollout, is given where nothing else is said.
pub const WITHIN: u32 = 300;
/// Seconds between the last request and the stop signal where nothing else is said.
pub const DRAIN: u32 = 5;

impl Default for Strategy {
    fn default() -> Self {
        Self::Rolling(Rolling::default())
    }
}

impl Default for Rolling {
    fn default() -> Self {
        Self { pace: None, within: WITHIN, drain: DRAIN }
    }
}

impl Default for Canary {
    fn default() -> Self {
        let watched = |percent| Weight { percent, then: Then::Watch(30) };
        Self { steps: vec![watched(10), watched(50)], within: WITHIN, drain: DRAIN }
    }
}

impl Default for BlueGreen {
    fn default() -> Self {
        Self { ask: false, keep: 60, within: WITHIN, drain: DRAIN }
    }
}

impl Strategy {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Rolling(_) => "rolling",
            Self::Canary(_) => "canary",
            Self::BlueGreen(_) => "blue-green",
        }
    }
}

impl Gate {
    /// Seconds that it may take at the most, looking at so many instances. A net for an engine that hangs: each try has a limit of its
    /// own.
    pub fn patience(&self, members: u32) -> u32 {
        /// For each answer that is owed.
        const TRIES: u32 = 3;
        /// Of instances that are asked at once.
        const AT_ONCE: u32 = 16;
        /// Until there is a connection, beside the time that the answer is given.
        const DIALLING: u32 = 10;
        match self {
            Self::Health { seconds } | Self::Errors { seconds, .. } => seconds.saturating_add(30),
            Self::Http(gate) => {
                let each = gate.within.div_ceil(1000).saturating_add(DIALLING);
                let one = gate.times.saturating_mul(TRIES).saturating_mul(each).saturating_add(30);
                members.max(1).div_ceil(AT_ONCE).saturating_mul(one).saturating_add(60)
            }
            Self::Prometheus(gate) => gate.seconds.saturating_add(60),
            Self::Person { .. } => 0,
        }
    }

    /// "stays ready for 30 s", "8080/health answers 200 within 500 ms, 3 times"
    pub fn title(&self) -> String {
        match self {
            Self::Health { seconds } => format!("what is new stays ready for {seconds} s"),
            Self::Http(HttpGate { at, status, body, within, times }) => {
                let body = body.as_ref().map_or(String::new(), |body| format!(" with '{body}'"));
                format!("{at} answers {status}{body} within {within} ms, {times} times")
            }
            Self::Errors { percent, seconds, .. } => {
                format!("error lines in {seconds} s are at most {percent} % of the old release's")
            }
            Self::Prometheus(PrometheusGate { query, limit, .. }) => match limit {
                Limit::AtMost(most) => format!("{query} is at most {}", thousandths(*most)),
                Limit::AtLeast(least) => format!("{query} is at least {}", thousandths(*least)),
            },
            Self::Person { says } => says.to_string(),
        }
    }
}

/// `1500` -> `1.5`
fn thousandths(value: i64) -> String {
    let text = format!("{}{}.{:03}", if value < 0 { "-" } else { "" }, value.abs() / 1000, value.abs() % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

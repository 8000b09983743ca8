//! Something carried out step by step, as a person sees it. How it is decided and done is `plan` and `runtime::operate`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{OperationId, ServiceId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub id: OperationId,
    /// "restart shop/web"
    pub title: Arc<str>,
    pub service: ServiceId,
    /// user@host
    pub who: Arc<str>,
    pub why: Option<Arc<str>>,
    pub began: Timestamp,
    pub ended: Option<Timestamp>,
    pub state: OperationState,
    /// In the order in which they are done; the undo's steps follow once it began.
    pub steps: Vec<StepReport>,
    /// What was planned before it still holds after it: it says a word to a rollout under way, or changes nothing of the service.
    #[serde(default)]
    pub is_harmless: bool,
    /// Why what it does cannot be taken back any more; `None` where it can, and where there is nothing to take back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_way_back: Option<Arc<str>>,
    /// The steps that would take back what one that was interrupted did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub way_back: Vec<StepReport>,
}

impl Operation {
    pub fn is_running(&self) -> bool {
        matches!(self.state, OperationState::Running | OperationState::Held { .. } | OperationState::Undoing)
    }

    /// It may have changed the service since `other` was begun: what that was planned for is no more, and neither going on with it
    /// nor taking it back would leave what a person was told.
    pub fn has_overtaken(&self, other: &Self) -> bool {
        let has_begun = self.steps.iter().any(|step| step.began.is_some());
        self.service == other.service && self.began > other.began && has_begun && !self.is_harmless
    }

    /// "roll out shop/web by ann@desk, begun 12:00:05 UTC, is done"
    pub fn says(&self) -> String {
        let how = match &self.state {
            OperationState::Running | OperationState::Held { .. } => "runs",
            OperationState::Undoing => "is being taken back",
            OperationState::Interrupted => "was interrupted",
            OperationState::Ended(Verdict::Done { .. }) => "is done",
            OperationState::Ended(Verdict::Undone { .. }) => "was taken back",
            OperationState::Ended(Verdict::Stuck { .. }) => "got stuck",
            OperationState::Ended(Verdict::Left { .. }) => "was left as it was",
        };
        format!("{} by {}, begun {}, {how}", self.title, self.who, self.began.strftime("%H:%M:%S UTC"))
    }

    /// Nothing more will happen by itself or by a person's word.
    pub fn is_over(&self) -> bool {
        matches!(self.state, OperationState::Ended(_))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    Running,
    /// It waits for a person: a check cannot tell, a step failed where that does not turn it round, or somebody asked it to wait.
    Held {
        why: Arc<str>,
    },
    /// A step failed or a person asked: what was done is being taken back.
    Undoing,
    /// The process that carried it out ended in the middle. A person says: resume, undo or leave.
    Interrupted,
    Ended(Verdict),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Done {
        says: Arc<str>,
    },
    /// It did not work, or was stopped, and everything is as it was before.
    Undone {
        says: Arc<str>,
    },
    /// It did not work and could not be taken back whole: what is where, and what a person could do.
    Stuck {
        says: Arc<str>,
        help: Arc<str>,
    },
    /// A person left an interrupted operation as it was.
    Left {
        says: Arc<str>,
    },
}

/// What a person says to an operation that runs or waits, beside that it should stop and undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonWord {
    /// Go on: what could not be told is taken for good.
    GoOn,
    /// Look, or try, once more.
    Again,
    /// Begin no further step until told to go on.
    Wait,
}

impl Verdict {
    pub fn says(&self) -> &str {
        match self {
            Self::Done { says } | Self::Undone { says } | Self::Stuck { says, .. } | Self::Left { says } => says,
        }
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Undone { .. } => "undone",
            Self::Stuck { .. } => "stuck",
            Self::Left { .. } => "left",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// "stop shop-web-1 (SIGTERM, up to 10 s)"
    pub title: Arc<str>,
    /// What it and the steps beside it have in common ("shop-web-1"); nothing where it stands for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Arc<str>>,
    pub state: StepState,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// The step's own last word while it runs ("health: starting, 4 s"), or how it ended.
    pub note: Option<Arc<str>>,
    /// It takes back another step.
    pub is_undo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
    /// It could not tell, and a person is asked.
    Held,
    /// Not begun, because the plan turned round before it.
    Skipped,
}

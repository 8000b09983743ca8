//! Where something has got to that an operator in a cluster carries out: its own word, and what that means.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Health, Reason};

/// The operator's word ("WaitingForPluginOperations"); empty until it has said one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phase(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Waiting,
    Running,
    Complete,
    /// It came to its end, and not all of it was done.
    Partial,
    Failed,
    Deleting,
}

impl Stage {
    pub fn is_over(self) -> bool {
        match self {
            Self::Complete | Self::Partial | Self::Failed => true,
            Self::Waiting | Self::Running | Self::Deleting => false,
        }
    }
}

impl Phase {
    pub fn new(word: impl Into<Arc<str>>) -> Self {
        Self(word.into())
    }

    /// For people: nothing was said yet is "New".
    pub fn word(&self) -> &str {
        if self.0.is_empty() { "New" } else { &self.0 }
    }

    /// How a run is that stands here. `stalled`: why it will not go on by itself; `reasons`: why it failed.
    pub fn health(&self, stalled: Option<&Arc<str>>, reasons: &[Arc<str>]) -> Health {
        if let Some(why) = stalled {
            return Health::Failing(Reason::new(format!("stalled: {why}")));
        }
        let told = || Reason::new(if reasons.is_empty() { self.word().to_owned() } else { reasons.join("; ") });
        match self.stage() {
            Stage::Failed => Health::Failing(told()),
            Stage::Partial => Health::Degraded(told()),
            Stage::Waiting | Stage::Running | Stage::Deleting => Health::Changing(Reason::new(self.word())),
            Stage::Complete => Health::Healthy,
        }
    }

    /// A word that is not known is of something that is not over.
    pub fn stage(&self) -> Stage {
        match self.0.to_ascii_lowercase().as_str() {
            "" | "new" | "queued" | "readytostart" | "pending" => Stage::Waiting,
            "completed" => Stage::Complete,
            "partiallyfailed" => Stage::Partial,
            "failed" | "failedvalidation" => Stage::Failed,
            "deleting" => Stage::Deleting,
            _ => Stage::Running,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_velero_and_of_cloud_native_pg_are_understood() {
        for (word, stage) in [
            ("", Stage::Waiting),
            ("Queued", Stage::Waiting),
            ("pending", Stage::Waiting),
            ("WaitingForPluginOperationsPartiallyFailed", Stage::Running),
            ("walArchivingFailing", Stage::Running),
            ("Completed", Stage::Complete),
            ("completed", Stage::Complete),
            ("PartiallyFailed", Stage::Partial),
            ("FailedValidation", Stage::Failed),
            ("Deleting", Stage::Deleting),
        ] {
            assert_eq!(Phase::new(word).stage(), stage, "{word}");
        }
    }

    #[test]
    fn what_failed_or_will_not_go_on_is_failing_and_says_why() {
        let says = |word: &str, stalled: Option<&str>, reasons: &[&str]| {
            let reasons: Vec<Arc<str>> = reasons.iter().map(|reason| (*reason).into()).collect();
            Phase::new(word).health(stalled.map(Arc::from).as_ref(), &reasons).says()
        };
        assert_eq!(says("InProgress", Some("nobody is at it"), &[]), "failing: stalled: nobody is at it");
        assert_eq!(says("FailedValidation", None, &["no location", "no backup"]), "failing: no location; no backup");
        assert_eq!(says("PartiallyFailed", None, &[]), "degraded: PartiallyFailed");
        assert_eq!(says("InProgress", None, &[]), "changing: InProgress");
        assert_eq!(says("Completed", None, &[]), "healthy");
    }
}

//! Where something has got to that an operator in a cluster carries out: its own word, and what that means.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

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
}

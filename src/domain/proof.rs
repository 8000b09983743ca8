//! That a snapshot could be restored, or could not: a backup that nobody has opened is a hope.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Counts, Item, SnapshotId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    pub of: SnapshotId,
    pub item: Item,
    pub at: Timestamp,
    /// From the first byte read to the last count: what a restore of it costs.
    pub took: Duration,
    pub trial: Trial,
    pub outcome: Outcome,
}

/// How it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trial {
    /// Beside what is live, which noticed nothing.
    Rehearsed,
    /// In earnest.
    Restored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// With so much in it.
    Opened(Counts),
    /// Why.
    Failed(Arc<str>),
}

impl Proof {
    pub fn is_good(&self) -> bool {
        match self.outcome {
            Outcome::Opened(_) => true,
            Outcome::Failed(_) => false,
        }
    }
}

//! One thing that Velero is asked for or awaited in: objects of its own, which its server carries out.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{NewBackup, NewRestore, VeleroName};

/// A name that ends with `-` is only the beginning of one (no name of Kubernetes ends so): the rest is the time at which the plan is begun,
/// so that what is asked for again is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "velero", rename_all = "snake_case")]
pub enum VeleroAct {
    /// Done when it is asked for, also when it was asked for before.
    AskForBackup(NewBackup),
    /// Done when it is complete. What was done in part is a person's to judge. `within`: seconds.
    AwaitBackup { backup: VeleroName, within: u32 },
    /// As `AskForBackup`.
    AskForRestore(NewRestore),
    /// As `AwaitBackup`.
    AwaitRestore { restore: VeleroName, within: u32 },
    /// Done when it is gone with all that Velero keeps of it, also when it was gone before. Refused for another one of its name.
    DeleteBackup { backup: VeleroName, uid: Arc<str>, within: u32 },
}

impl VeleroAct {
    pub fn is_wait(&self) -> bool {
        match self {
            Self::AwaitBackup { .. } | Self::AwaitRestore { .. } => true,
            Self::AskForBackup(_) | Self::AskForRestore(_) | Self::DeleteBackup { .. } => false,
        }
    }

    /// Nothing of what runs is another one afterwards, however it ends.
    pub(in crate::plan) fn leaves_nothing(&self) -> bool {
        match self {
            Self::AskForBackup(_) | Self::AwaitBackup { .. } | Self::AwaitRestore { .. } => true,
            Self::AskForRestore(_) | Self::DeleteBackup { .. } => false,
        }
    }

    /// Seconds that it may take: what Velero does, or an answer of the cluster.
    pub fn within(&self) -> u32 {
        match self {
            Self::AskForBackup(_) | Self::AskForRestore(_) => 60,
            Self::AwaitBackup { within, .. }
            | Self::AwaitRestore { within, .. }
            | Self::DeleteBackup { within, .. } => *within,
        }
    }

    pub(in crate::plan) fn stamp(&mut self, at: Timestamp) {
        let id = match self {
            Self::AskForBackup(wanted) => &mut wanted.id,
            Self::AskForRestore(wanted) => &mut wanted.id,
            Self::AwaitBackup { backup, .. } | Self::DeleteBackup { backup, .. } => backup,
            Self::AwaitRestore { restore, .. } => restore,
        };
        if id.name.ends_with('-') {
            id.name = format!("{}{}", id.name, at.strftime("%Y%m%d%H%M%S")).into();
        }
    }

    /// "ask Velero for backup shop-20261130020000"
    pub fn title(&self) -> String {
        match self {
            Self::AskForBackup(wanted) => format!("ask Velero for backup {}", told(&wanted.id)),
            Self::AwaitBackup { backup, within } => {
                format!("wait until backup {} is complete (up to {within} s)", told(backup))
            }
            Self::AskForRestore(wanted) => format!("ask Velero for restore {}", told(&wanted.id)),
            Self::AwaitRestore { restore, within } => {
                format!("wait until restore {} is complete (up to {within} s)", told(restore))
            }
            Self::DeleteBackup { backup, within, .. } => {
                format!("have Velero delete backup {} (up to {within} s)", told(backup))
            }
        }
    }
}

/// For whoever reads the plan before it is begun.
fn told(id: &VeleroName) -> String {
    if id.name.ends_with('-') { format!("{}TIME", id.name) } else { id.name.to_string() }
}

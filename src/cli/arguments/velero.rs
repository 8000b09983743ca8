//! What was typed for Velero.

use std::{convert::Infallible, str::FromStr, sync::Arc, time::Duration};

use clap::{Args, Subcommand};

use super::{Consent, Listing};
use crate::domain::{VeleroName, units};

#[derive(Debug, Subcommand)]
pub enum Velero {
    #[command(flatten)]
    Look(VeleroLook),
    #[command(flatten)]
    Change(VeleroChange),
}

#[derive(Debug, Subcommand)]
pub enum VeleroLook {
    /// Backups: what each is of, and how it went; what failed or is stalled first
    Backups(Listing),
    /// Restores: from which backup, and how each went
    Restores(Listing),
    /// Schedules: when each makes a backup, and how its last one went
    Schedules(Listing),
    /// What Velero wrote down of a backup or a restore
    Logs(VeleroLogs),
    /// What a restore would do to each object, before it is done
    Preview(VeleroPreview),
}

/// What is planned first.
#[derive(Debug, Subcommand)]
pub enum VeleroChange {
    /// Back a namespace up, by a plan
    Backup(VeleroBackUp),
    /// Restore a backup, by a plan: what is missing is made, nothing is removed
    Restore(VeleroRestore),
    /// Delete a backup with all that is kept of it, by a plan
    Delete(VeleroDelete),
}

#[derive(Args, Debug)]
pub struct VeleroLogs {
    /// A backup or a restore: its name, or Velero's namespace and its name
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub of: Named,
    /// Its errors and warnings only
    #[arg(long)]
    pub results: bool,
}

#[derive(Args, Debug)]
pub struct VeleroPreview {
    #[command(flatten)]
    pub wanted: Wanted,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct VeleroRestore {
    #[command(flatten)]
    pub wanted: Wanted,
    #[command(flatten)]
    pub consent: Consent,
}

/// Which backup, and how much of it goes where.
#[derive(Args, Debug)]
pub struct Wanted {
    /// Its name, or Velero's namespace and its name
    #[arg(value_name = "[NAMESPACE/]BACKUP")]
    pub backup: Named,
    /// Make also what is there already as it was, where its kind allows that
    #[arg(long)]
    pub update: bool,
    /// Only what was in this namespace, and nothing of the whole cluster (repeatable)
    #[arg(long, value_name = "NAMESPACE")]
    pub only: Vec<Arc<str>>,
    /// Into another namespace what was in one (repeatable)
    #[arg(long, value_name = "NAMESPACE=NAMESPACE", value_parser = parse_pair)]
    pub into: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Args, Debug)]
pub struct VeleroBackUp {
    /// All that is in it
    pub namespace: Arc<str>,
    /// Only what has this label: the pods of a service and what goes with them (repeatable: all of them)
    #[arg(short = 'l', long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    pub selector: Vec<(Arc<str>, Arc<str>)>,
    /// Deleted by Velero so long afterwards: 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = units::parse_duration)]
    pub keep_for: Option<Duration>,
    /// Where it is kept; without one, in Velero's default location
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    pub location: Option<Named>,
    /// Call it so; without one, after the namespace and the time
    #[arg(long, value_name = "NAME")]
    pub name: Option<Arc<str>>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct VeleroDelete {
    /// Its name, or Velero's namespace and its name
    #[arg(value_name = "[NAMESPACE/]BACKUP")]
    pub backup: Named,
    #[command(flatten)]
    pub consent: Consent,
}

/// One of Velero's objects, as a person types it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Velero's own; there is rarely more than one.
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
}

impl VeleroChange {
    pub fn consent(&self) -> &Consent {
        match self {
            Self::Backup(asked) => &asked.consent,
            Self::Restore(asked) => &asked.consent,
            Self::Delete(asked) => &asked.consent,
        }
    }
}

impl Named {
    pub fn matches(&self, id: &VeleroName) -> bool {
        self.name == id.name && self.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
    }
}

impl FromStr for Named {
    type Err = Infallible;

    fn from_str(typed: &str) -> Result<Self, Infallible> {
        Ok(match typed.split_once('/') {
            Some((namespace, name)) => Self { namespace: Some(namespace.into()), name: name.into() },
            None => Self { namespace: None, name: typed.into() },
        })
    }
}

fn parse_pair(typed: &str) -> Result<(Arc<str>, Arc<str>), String> {
    match typed.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.into(), value.into())),
        Some(_) | None => Err("two words with = between them are wanted".into()),
    }
}

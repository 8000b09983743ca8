//! What was typed for backups and restores.

use std::sync::Arc;

use clap::Args;

use super::{Consent, Listing};
use crate::domain::{Address, Method, Renamed};

#[derive(Args, Debug)]
pub struct BackUp {
    /// Only this service; without one, everything that is backed up
    pub address: Option<Address>,
    /// Only what is nearly as old as its objective allows, or older
    #[arg(long)]
    pub due: bool,
    /// This of it, whatever its image, its label and the config say: postgres, files:/data
    #[arg(long, value_name = "METHOD[:PATH]", requires = "address", value_parser = parse_what)]
    pub what: Option<What>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Backups {
    /// The snapshots of this service, one by one
    pub address: Option<Address>,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Restore {
    /// Whose backup it is
    pub address: Address,
    /// As `midwatch backups ADDRESS` lists it, or enough of its beginning; without one, the newest good one
    pub snapshot: Option<String>,
    /// Into this service instead
    #[arg(long, value_name = "ADDRESS")]
    pub into: Option<Address>,
    /// Which of it, where several things of it are backed up: postgres, files:/data
    #[arg(long, value_name = "METHOD[:PATH]", value_parser = parse_what)]
    pub what: Option<What>,
    /// To this path instead of its own; of configuration, into this directory of this machine
    #[arg(long, value_name = "PATH", value_parser = parse_path)]
    pub to: Option<Arc<str>>,
    /// Only this database, beside what is live, under a name that nobody has: shop=shop_yesterday
    #[arg(long, value_name = "NAME=NEW", value_parser = parse_renamed,
        conflicts_with_all = ["to", "stops", "leave_dependants", "without_safety"])]
    pub database: Option<Renamed>,
    /// Stop this service meanwhile, too (repeatable)
    #[arg(long = "stop", value_name = "ADDRESS")]
    pub stops: Vec<Address>,
    /// Let those that depend on it run on
    #[arg(long)]
    pub leave_dependants: bool,
    /// Take no snapshot before of what is there now: for what cannot be dumped any more
    #[arg(long)]
    pub without_safety: bool,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Verify {
    /// Whose backup it is; without one, everything that is backed up
    pub address: Option<Address>,
    /// As `midwatch backups ADDRESS` lists it, or enough of its beginning; without one, the newest good one
    pub snapshot: Option<String>,
    /// Only what was not proven for nearly as long as its objective allows, or longer
    #[arg(long, conflicts_with = "snapshot")]
    pub due: bool,
    /// Which of it, where several things of it are backed up
    #[arg(long, value_name = "METHOD[:PATH]", requires = "address", value_parser = parse_what)]
    pub what: Option<What>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Args, Debug)]
pub struct Forget {
    /// Only snapshots of this service
    pub address: Option<Address>,
    /// Do it without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// List what would go and what it would free, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub listing: Listing,
}

/// One of the things that are backed up of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    pub method: Method,
    pub path: Option<Arc<str>>,
}

fn parse_what(typed: &str) -> Result<What, String> {
    let (name, path) = typed.split_once(':').map_or((typed, None), |(name, path)| (name, Some(path)));
    let method: Method = name.parse().map_err(|()| {
        let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
        format!("no method is called '{name}': one of {}", names.join(", "))
    })?;
    match (method.wants_path(), path) {
        (true, Some(path)) => Ok(What { method, path: Some(parse_path(path)?) }),
        (true, None) => Err(format!("{name} wants a path: {name}:/data")),
        (false, None) => Ok(What { method, path: None }),
        (false, Some(_)) => Err(format!("{name} has no path")),
    }
}

fn parse_renamed(typed: &str) -> Result<Renamed, String> {
    match typed.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok(Renamed { from: from.into(), to: to.into() }),
        _ => Err("written as NAME=NEW: which database, and what it will be called".into()),
    }
}

fn parse_path(typed: &str) -> Result<Arc<str>, String> {
    if !typed.starts_with('/') {
        return Err(format!("'{typed}' is no whole path: it begins with /"));
    }
    Ok(typed.into())
}

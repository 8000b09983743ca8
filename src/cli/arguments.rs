//! What was typed, as types. What it means is the commands' business.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};
use regex::Regex;

mod backups;
mod changes;
mod velero;

pub use backups::{BackUp, Backups, Forget, Restore, Verify, What};
pub use changes::{Acting, Consent, Delete, Drain, Interrupted, OnNode, Promote, Rollback, Rollout, Scale, Told};
pub use velero::{
    Named, Velero, VeleroBackUp, VeleroChange, VeleroDelete, VeleroLogs, VeleroLook, VeleroPreview, VeleroRestore,
    Wanted,
};

use crate::domain::{Address, Level, Ports, units};

const EXAMPLES: &str = "\
Examples:
  midwatch                                  open the console on every Docker host that is found
  midwatch demo                             open it on the embedded simulator: no engine needed
  midwatch services                         what runs, what is broken first, and why
  midwatch logs -f shop/web --level warn    follow the warnings and errors of a service
  midwatch diff shop/web 12                 what changed since release 12
  midwatch restart shop/web --dry-run       print the plan of a restart and do nothing
  midwatch rollout shop/web web:v2          plan a new release, ask, and carry it out
  midwatch rollback shop/web --yes          back to the newest release that held long
  midwatch --demo services --json           what a script would get, from the simulator

An ADDRESS is cluster/scope/service; a shorter one will do where it is unambiguous.
Exit codes: 0 done, 1 failed (and undone), 2 usage, 3 refused or not confirmed, 4 unreachable, 130 interrupted.";

const LISTING: &str = "\
A cluster that cannot be reached is told on stderr. The exit code is 4 when that leaves nothing to list, or when the
cluster was asked for by name; otherwise the rest is listed and the exit code is 0.";

const DIFF: &str = "\
A RELEASE is a number, helm:NUMBER for one of Helm's, its id, or its name where only one has it. Without one, the current release is
compared with the one before. What was comes first, then what is: + came, - went, ~ is another. Secrets are masked; the fingerprint of one
tells that it is another, and means nothing to the next command. The exit code is 0 also where there is no difference.";

const ROLLOUT: &str = "\
A strategy says how the old release gives way. rolling: one after the other, or as many at a time as said. canary: a part of the requests, or
of the instances, goes to the new one first, in steps. blue-green: all of the new one is made beside the old, checked, and switched to at once.

Gates are looked at between the steps:
  health 30                                  each new instance stays ready and is not restarted for 30 s
  http 8080/health 200 500ms x3 with TEXT    each answers so; or an http:// URL, asked from here
  errors 200% 60s of 20                      of at least 20 lines in 60 s, no more than twice the old release's part are errors
  prometheus URL QUERY <=0.01 60s            a query that yields one number
  person TEXT                                a person says when it goes on
A gate that cannot tell waits for a person: midwatch promote OPERATION. One that fails undoes what was done, unless --on-failure ask.

Examples:
  midwatch rollout shop/web registry.example/shop/web:v2 --yes --why OPS-311
  midwatch rollout shop/web web:v2 --strategy canary --weight '10% 60s' --weight '50% ask' --gate 'errors 200% 60s'
  midwatch rollout shop/web app=web:v2 proxy=proxy:v7 --env MODE=slow --env OLD- --dry-run";

const BACKUPS: &str = "\
Where backups are kept, for how long and how old they may become: [backup] in the config. What is backed up is known by the image of a
service (PostgreSQL, MySQL, MariaDB, MongoDB, Redis, RabbitMQ), by its label or annotation midwatch.backup (\"sqlite:/data/app.db,
files:/var/lib/app\", \"none\"), or by [[backup.services]] in the config.

The repository has the restic format: restic snapshots, check, dump and restore work on it.

Examples:
  midwatch backup --due --yes               for cron: back up what is due
  midwatch verify --due --yes               rehearse what was not proven for long
  midwatch restore shop/db                  plan to restore the newest snapshot, ask, and carry it out
  midwatch restore shop/db 1a2b3c4d --into staging/shop/db --yes";

const FORGET: &str = "\
Of each thing that is backed up the newest snapshot stays whatever the config says, and so does the one that was last proven to restore. What
was taken before a restore stays for a week. Data that no snapshot holds any more is marked at first, and goes in a run a day later: a backup
that began before, on any machine, may still build upon it.";

const VELERO: &str = "\
Velero does it, in the cluster: it is asked by objects of its own, and awaited. A restore makes what is missing and removes nothing; what is
there already stays as it is, or is updated with --update. Nothing takes it back: look at the preview first.

Examples:
  midwatch velero backups                                   what failed or is stalled first
  midwatch velero backup shop --keep-for 30d                back up a namespace: plan, ask, and carry it out
  midwatch velero preview nightly-20261130020000            what a restore would do to each object
  midwatch velero restore nightly-20261130020000 --into shop=shop-trial --yes
  midwatch velero logs nightly-20261130020000 --results     its errors and warnings";

const TOLD: &str = "\
Of a service, what its engine's own rollout is told (a Deployment is paused and resumed; an Argo Rollout is also promoted, aborted and retried).
Of an operation, what the process that carries it out is told, in this terminal or another.";

/// A terminal operations console for the engineer on call: services, live logs, metrics and operations in one screen.
#[derive(Debug, Parser)]
#[command(name = "midwatch", version, after_help = EXAMPLES, disable_help_subcommand = true, max_term_width = 110)]
pub struct Arguments {
    #[command(flatten)]
    pub options: Options,
    /// Without one, the console opens.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What both ways in understand: the console and every command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct Options {
    /// Look at this cluster only (repeatable)
    #[arg(long = "cluster", value_name = "NAME", global = true)]
    pub clusters: Vec<String>,
    /// Look at this namespace or Compose project only (repeatable)
    #[arg(long = "scope", value_name = "NAME", global = true)]
    pub scopes: Vec<String>,
    /// Reach this Docker host only: unix://, tcp:// or ssh:// (repeatable)
    #[arg(long = "host", value_name = "URL", global = true, conflicts_with = "demo")]
    pub hosts: Vec<String>,
    /// Read this config file instead of the usual one
    #[arg(long, value_name = "FILE", global = true, env = "MIDWATCH_CONFIG")]
    pub config: Option<PathBuf>,
    /// Colours: `midwatch check` lists the names
    #[arg(long, value_name = "NAME", global = true)]
    pub theme: Option<String>,
    /// Keys: `midwatch check` lists the names
    #[arg(long, value_name = "NAME", global = true)]
    pub keymap: Option<String>,
    /// Look, and change nothing on any cluster
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Send at most this much to the terminal; 0 is without limit
    #[arg(long, value_name = "BYTES", global = true)]
    pub max_bytes_per_second: Option<u64>,
    /// Draw with plain ASCII
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Use the embedded simulator instead of any engine
    #[arg(long, global = true)]
    pub demo: bool,
    /// What the simulator plays: a name, or a TOML file
    #[arg(long, value_name = "NAME|FILE", global = true)]
    pub scenario: Option<String>,
    /// Makes the simulator repeatable
    #[arg(long, value_name = "NUMBER", global = true)]
    pub seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Clusters: engine, link, and how many of their services are broken
    #[command(after_help = LISTING)]
    Clusters(Listing),
    /// Services: health, ready, release, restarts, and for a broken one why
    #[command(after_help = LISTING)]
    Services(AddressedListing),
    /// Instances: the containers and pods behind the services
    #[command(after_help = LISTING)]
    Instances(AddressedListing),
    /// Nodes: the machines of each cluster, what they have to give and what was asked of them
    #[command(after_help = LISTING)]
    Nodes(Listing),
    /// Forward a port of this machine to one of a service, until interrupted
    Forward(Forward),
    /// Releases of a service: what runs now, and what ran before
    Releases {
        address: Address,
        #[command(flatten)]
        listing: Listing,
    },
    /// What two releases of a service differ in: image, environment, resources, probes, mounts, references
    #[command(after_help = DIFF)]
    Diff(Diff),
    /// Logs of a service, the lines of all its instances merged by time
    Logs(Logs),
    /// Metrics: CPU, memory, network and disks of each running instance
    Metrics(Metrics),
    /// Restart a service or one of its instances, by a plan
    Restart(Acting),
    /// Stop a service or one of its instances, by a plan
    Stop(Acting),
    /// Start a service or one of its instances, by a plan
    Start(Acting),
    /// Roll out a new release of a service: image, environment, strategy, checks
    #[command(after_help = ROLLOUT)]
    Rollout(Box<Rollout>),
    /// Roll a service back to a release that is kept
    Rollback(Rollback),
    /// Set how many instances of a service are wanted
    Scale(Scale),
    /// Pause a rollout, or an operation after its step
    #[command(after_help = TOLD)]
    Pause(Told),
    /// Let a rollout or an operation that waits go on
    #[command(after_help = TOLD)]
    Promote(Promote),
    /// Stop a rollout or an operation, and take back what it did
    #[command(after_help = TOLD)]
    Abort(Told),
    /// Try a rollout that was aborted, or the step that an operation waits at, once more
    #[command(after_help = TOLD)]
    Retry(Told),
    /// Backups: how old the last good one of everything is, and whether it was shown to restore
    #[command(after_help = BACKUPS)]
    Backups(Backups),
    /// Back a service up, or all that are due
    #[command(after_help = BACKUPS)]
    Backup(BackUp),
    /// Restore a snapshot, by a plan
    #[command(after_help = BACKUPS)]
    Restore(Restore),
    /// Let go what [backup.keep] in the config does not keep, and free what only that held
    #[command(after_help = FORGET)]
    Forget(Forget),
    /// Rehearse a restore: into an instance by itself, which is thrown away
    #[command(after_help = BACKUPS)]
    Verify(Verify),
    /// Velero: what it keeps of a cluster of Kubernetes, backups and restores of namespaces
    #[command(subcommand, after_help = VELERO)]
    Velero(Box<Velero>),
    /// Let nothing new onto a node
    Cordon(OnNode),
    /// Let instances onto a node again
    Uncordon(OnNode),
    /// Move every instance off a node, as their budgets allow
    Drain(Drain),
    /// End one instance for good; an orchestrator makes another
    Delete(Delete),
    /// Operations: what waits, what runs, what was interrupted, and how the rest ended
    Operations {
        #[command(flatten)]
        listing: Listing,
        /// At most this many, the newest
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
    },
    /// Go on with an operation that waits or was interrupted, or with a paused rollout
    #[command(after_help = TOLD)]
    Resume(Told),
    /// Take back what an interrupted operation did
    Undo(Interrupted),
    /// Leave an interrupted operation as it is, and close it
    Leave(Interrupted),
    /// Validate configuration, themes and keymaps, and reach every cluster
    #[command(after_help = "Exit codes: 0 all is well, 2 something in a file is wrong, 4 a cluster cannot be reached.")]
    Check(Listing),
    /// Open the console on the embedded simulator, on which every action really works
    Demo,
}

/// How a list is written.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Listing {
    /// One JSON object a line, for machines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct AddressedListing {
    /// Only this service
    pub address: Option<Address>,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Diff {
    pub address: Address,
    /// This release, with the current one unless --with says another
    pub release: Option<String>,
    /// Compare with this release
    #[arg(long, value_name = "RELEASE", requires = "release")]
    pub with: Option<String>,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Logs {
    pub address: Address,
    /// Of this instance only
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Of this container of each instance only
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Go on with what is added, until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Begin this long ago: 90s, 15m, 2h, 1d
    #[arg(long, value_name = "AGE", value_parser = units::parse_duration, conflicts_with = "tail")]
    pub since: Option<Duration>,
    /// Begin this many lines of each instance before the end
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 200)]
    pub tail: u32,
    /// Only lines of this level or graver: trace, debug, info, warn, error, fatal
    #[arg(long, value_name = "LEVEL", default_value_t = Level::None)]
    pub level: Level,
    /// Only lines that match (repeatable: any of them)
    #[arg(long, value_name = "REGEX")]
    pub include: Vec<Regex>,
    /// No line that matches (repeatable)
    #[arg(long, value_name = "REGEX", action = ArgAction::Append)]
    pub exclude: Vec<Regex>,
    /// Write the time before each line, in UTC
    #[arg(short, long)]
    pub timestamps: bool,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Metrics {
    /// Only this service
    pub address: Option<Address>,
    /// Go on measuring, until interrupted
    #[arg(short, long)]
    pub watch: bool,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Forward {
    pub address: Address,
    /// The service's port, and before it the one of this machine if it is to be another
    #[arg(value_name = "[LOCAL:]REMOTE")]
    pub ports: Ports,
}

impl Command {
    /// On an engine: it may not be torn down in the middle.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Restart(_)
            | Self::Stop(_)
            | Self::Start(_)
            | Self::Rollout(_)
            | Self::Rollback(_)
            | Self::Scale(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Promote(_)
            | Self::Abort(_)
            | Self::Retry(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Verify(_)
            | Self::Forget(_)
            | Self::Cordon(_)
            | Self::Uncordon(_)
            | Self::Drain(_)
            | Self::Delete(_)
            | Self::Undo(_)
            | Self::Leave(_) => true,
            Self::Velero(asked) => matches!(**asked, Velero::Change(_)),
            Self::Clusters(_)
            | Self::Services(_)
            | Self::Instances(_)
            | Self::Nodes(_)
            | Self::Forward(_)
            | Self::Releases { .. }
            | Self::Diff(_)
            | Self::Logs(_)
            | Self::Metrics(_)
            | Self::Backups(_)
            | Self::Operations { .. }
            | Self::Check(_)
            | Self::Demo => false,
        }
    }
}

impl Arguments {
    /// As typed, or leaves the program with clap's own words and exit code: 2 for a mistake, 0 for `--help` and `--version`.
    pub fn of_process() -> Self {
        let arguments = Self::parse();
        if let Err(complaint) = arguments.options.check(arguments.opens_demo()) {
            <Self as clap::CommandFactory>::command().error(clap::error::ErrorKind::ArgumentConflict, complaint).exit();
        }
        arguments
    }

    /// No command that runs and ends: a person wants the screen.
    pub fn opens_console(&self) -> bool {
        matches!(self.command, None | Some(Command::Demo))
    }

    /// On the simulator, whichever way that was said.
    pub fn opens_demo(&self) -> bool {
        self.options.demo || self.options.scenario.is_some() || matches!(self.command, Some(Command::Demo))
    }
}

impl Options {
    /// What clap cannot see, because `demo` is a command as well as an option.
    fn check(&self, demo: bool) -> Result<(), &'static str> {
        match () {
            () if !demo && self.seed.is_some() => Err("--seed is for the simulator: add --demo"),
            () if demo && !self.hosts.is_empty() => Err("--host has no meaning on the simulator"),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

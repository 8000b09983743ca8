//! What was typed, as types. What it means is the commands' business.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand};
use regex::Regex;

use crate::domain::{Address, Level, Ports, units};

const EXAMPLES: &str = "\
Examples:
  midwatch                                  open the console on every Docker host that is found
  midwatch demo                             open it on the embedded simulator: no engine needed
  midwatch services                         what runs, what is broken first, and why
  midwatch logs -f shop/web --level warn    follow the warnings and errors of a service
  midwatch diff shop/web 12                 what changed since release 12
  midwatch restart shop/web --dry-run       print the plan of a restart and do nothing
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
    /// Operations: what runs, what was interrupted, and how the rest ended
    Operations {
        #[command(flatten)]
        listing: Listing,
        /// At most this many, the newest
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
    },
    /// Go on with an operation whose process ended in the middle of it
    Resume(Interrupted),
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

#[derive(Args, Debug)]
pub struct Acting {
    pub address: Address,
    /// This instance only
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,
    /// Carry the plan out without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Print the plan, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A reason or a ticket, for the journal
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    #[command(flatten)]
    pub listing: Listing,
}

#[derive(Args, Debug)]
pub struct Interrupted {
    /// As `midwatch operations` lists it, or as much of either end as means only one
    #[arg(value_name = "OPERATION")]
    pub id: String,
    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,
}

impl Command {
    /// On an engine: it may not be torn down in the middle.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Restart(_) | Self::Stop(_) | Self::Start(_) | Self::Resume(_) | Self::Undo(_) | Self::Leave(_) => {
                true
            }
            Self::Clusters(_)
            | Self::Services(_)
            | Self::Instances(_)
            | Self::Nodes(_)
            | Self::Forward(_)
            | Self::Releases { .. }
            | Self::Diff(_)
            | Self::Logs(_)
            | Self::Metrics(_)
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
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_grammar_of_the_command_line_has_no_contradictions() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_or_with_demo_the_console_opens() {
        assert!(parse("midwatch").expect("parses").opens_console());
        let demo = parse("midwatch demo --scenario bad-release --seed 7").expect("parses");
        assert!(demo.opens_console() && demo.opens_demo());
        assert_eq!(demo.options.check(demo.opens_demo()), Ok(()));
        let listing = parse("midwatch --demo services").expect("parses");
        assert!(!listing.opens_console() && listing.opens_demo());
    }

    #[test]
    fn common_options_are_understood_before_and_after_the_command() {
        for line in ["midwatch --cluster a --cluster b services", "midwatch services --cluster a --cluster b"] {
            assert_eq!(parse(line).expect("parses").options.clusters, ["a", "b"], "{line}");
        }
    }

    #[test]
    fn a_seed_without_the_simulator_is_a_mistake() {
        let arguments = parse("midwatch services --seed 7").expect("parses");
        assert!(arguments.options.check(arguments.opens_demo()).is_err_and(|why| why.contains("--demo")));
    }

    #[test]
    fn what_cannot_be_meant_is_a_usage_error() {
        for line in [
            "midwatch frobnicate",
            "midwatch services shop//web",
            "midwatch logs",
            "midwatch diff web --with 3",
            "midwatch logs web --since soon",
            "midwatch logs web --since 5m --tail 10",
            "midwatch logs web --level loud",
            "midwatch logs web --include (",
            "midwatch restart web --yes --dry-run",
            "midwatch forward web",
            "midwatch forward web 9000:http",
            "midwatch --max-bytes-per-second fast",
        ] {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn every_command_and_option_says_in_one_line_what_it_is_for() {
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}

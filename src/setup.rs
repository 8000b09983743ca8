//! From what was typed and configured to what the program works with: the same for the console and for the commands.

use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app,
    backend::{
        Connector,
        docker::{
            connect::DockerConnector,
            discover::{configured, discover},
        },
        kubernetes::{self, KubernetesConnector},
        simulator::scenario::Scenario,
    },
    cli::{
        arguments::{Command, Options},
        session::{Fleet, Narrow},
    },
    clock::Clock,
    config::{
        self, ClusterConfig, Complaint, Config, Connect, Keymap, Overrides, Paths, Reach, Theme, backup::Backups,
    },
    domain::{Capabilities, Cluster, ClusterName, Engine, Link, Trouble},
    runtime::{backup::Vault, gate::Gate, journal::Journal},
};

pub struct Setup {
    pub options: Options,
    pub paths: Paths,
    pub config: Config,
    pub theme: Theme,
    pub keymap: Keymap,
    pub complaints: Vec<Complaint>,
    pub is_demo: bool,
    /// Where what is backed up of the simulator is kept for as long as this: it has no place among what is real.
    demo: Option<io::Result<tempfile::TempDir>>,
}

impl Setup {
    /// Reads the files. Always comes to something that can be used.
    pub fn load(options: &Options, command: Option<&Command>) -> Self {
        let paths = Paths::find(options.config.clone());
        let (config, mut complaints) = Config::load(&paths, &overrides(options));
        let (theme, more) = Theme::load(&config.theme, &paths);
        complaints.extend(more);
        let (keymap, more) = Keymap::load(&config.keymap, &paths);
        complaints.extend(more);
        let is_demo = options.demo || options.scenario.is_some() || matches!(command, Some(Command::Demo));
        let demo = is_demo.then(tempfile::tempdir);
        Self { options: options.clone(), paths, config, theme, keymap, complaints, is_demo, demo }
    }

    /// Every cluster that the options, the config and the machine name. Connects to none.
    pub fn fleet(&self, clock: Clock) -> Result<Fleet, Trouble> {
        let mut fleet = if self.is_demo { self.simulated(clock)? } else { self.found(clock)? };
        let narrow = Narrow::of(&self.options);
        let known: Vec<ClusterName> = fleet.clusters.iter().map(|(cluster, _)| cluster.name.clone()).collect();
        fleet.clusters.retain(|(cluster, _)| narrow.has_cluster(&cluster.name));
        let is_only = fleet.clusters.len() == 1;
        for (cluster, _) in &mut fleet.clusters {
            // Who names a cluster looks at it.
            cluster.at_start |= is_only || narrow.clusters.contains(&cluster.name);
            cluster.link = if cluster.at_start { Link::Connecting { since: clock.now() } } else { Link::Idle };
        }
        if fleet.clusters.is_empty() && !known.is_empty() {
            let names: Vec<&str> = known.iter().map(ClusterName::as_str).collect();
            let why = format!("there is no cluster '{}'", self.options.clusters.join("' or '"));
            return Err(Trouble::new("nothing to look at", why).help(format!("there are {}", names.join(", "))));
        }
        for (cluster, _) in &mut fleet.clusters {
            cluster.protected |= self.config.protected;
            cluster.read_only |= self.config.read_only;
        }
        Ok(fleet)
    }

    pub fn gate(&self, fleet: &Fleet) -> Gate {
        let read_only = fleet.clusters.iter().filter(|(cluster, _)| cluster.read_only);
        let read_only = read_only.map(|(cluster, _)| cluster.name.clone());
        Gate::new(self.config.read_only, read_only, self.config.arm).with_vault(self.vault())
    }

    /// Where backups are kept, if the config says so.
    pub fn vault(&self) -> Option<Vault> {
        if let Some(demo) = &self.demo {
            let backups = Backups::alone(demo.as_ref().ok()?.path().join("backups"), "demo");
            return Some(Vault { backups: Arc::new(backups), cache: None });
        }
        let backups = self.config.backups.as_ref()?;
        let is_near = matches!(backups.place, config::place::Place::Local(_));
        let cache = self.paths.repositories().filter(|_| !is_near);
        Some(Vault { backups: Arc::new(backups.clone()), cache })
    }

    pub fn app(&self, fleet: &Fleet) -> app::Settings {
        app::Settings {
            read_only: self.config.read_only,
            ask_reason: self.config.ask_reason,
            keep_releases: self.config.keep_releases,
            arm: self.config.arm.map(|lasts| self.arming(lasts)),
            clusters: self.options.clusters.iter().map(|name| name.as_str().into()).collect(),
            scopes: self.options.scopes.iter().map(|name| name.as_str().into()).collect(),
            log_memory: usize::try_from(self.config.logs.memory).unwrap_or(usize::MAX),
            tail_lines: self.config.logs.first_lines,
            who: who(),
            save_into: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            tried: fleet.tried.clone(),
            is_demo: self.is_demo,
            measure: self.config.metrics,
            backups: self.vault().map(|vault| vault.backups),
            zone: jiff::tz::TimeZone::system(),
        }
    }

    fn arming(&self, lasts: Duration) -> app::Arming {
        let keys = self.keymap.keys_of(Place::Everywhere, Action::Arm);
        // A person's own keymap may have none; the palette has it all the same.
        let key = keys.into_iter().next().unwrap_or_else(|| format!("{}, then \"arm\"", self.palette_key()));
        app::Arming { lasts, key: key.into() }
    }

    fn palette_key(&self) -> String {
        self.keymap.keys_of(Place::Everywhere, Action::Palette).into_iter().next().unwrap_or_default()
    }

    fn simulated(&self, clock: Clock) -> Result<Fleet, Trouble> {
        let name = self.options.scenario.as_deref().unwrap_or("demo");
        let scenario = if Scenario::names().any(|known| known == name) {
            Scenario::named(name).map_err(|why| Trouble::new(format!("could not play '{name}'"), why))?
        } else {
            let what = format!("could not play the scenario '{name}'");
            let names: Vec<&str> = Scenario::names().collect();
            let text = std::fs::read_to_string(name).map_err(|error| {
                Trouble::new(what.clone(), error).help(format!("give a TOML file, or one of {}", names.join(", ")))
            })?;
            Scenario::parse(name, &text).map_err(|complaint| Trouble::new(what, complaint))?
        };
        let seed = self.options.seed.unwrap_or(1);
        Ok(Fleet { clusters: scenario.clusters(seed, clock), tried: Vec::new(), clock })
    }

    fn found(&self, clock: Clock) -> Result<Fleet, Trouble> {
        let mut fleet = self.docker(clock)?;
        if !self.options.hosts.is_empty() {
            return Ok(fleet);
        }
        let found = kubernetes::discover(|name| std::env::var(name).ok(), self.paths.home.as_deref());
        let found = found.configured(&self.config.clusters, !self.config.discover);
        let found = found.named_apart(fleet.clusters.iter().map(|(cluster, _)| cluster.name.clone()).collect());
        if self.config.discover {
            fleet.tried.extend(found.tried);
        }
        fleet.clusters.extend(found.contexts.into_iter().map(context));
        Ok(fleet)
    }

    fn docker(&self, clock: Clock) -> Result<Fleet, Trouble> {
        let named = self.named_hosts()?;
        let found = if !self.options.hosts.is_empty() {
            configured(&named)
        } else if self.config.discover {
            discover(&self.config.clusters, |name| std::env::var(name).ok(), self.paths.home.as_deref())
        } else {
            configured(&self.config.clusters)
        };
        let tried = found.tried.into_iter().map(|tried| (tried.what, tried.answer)).collect();
        let clusters = found.hosts.into_iter().map(|host| {
            let connect = self.config.clusters.iter().find(|cluster| cluster.name == host.name);
            let at_start = connect.and_then(|cluster| cluster.connect) != Some(Connect::WhenLookedAt);
            let cluster = Cluster {
                name: host.name.clone(),
                engine: Engine::Docker,
                endpoint: host.endpoint.to_string().into(),
                link: Link::Idle,
                facts: None,
                capabilities: Capabilities::all(),
                protected: host.protected,
                read_only: host.read_only,
                at_start,
                latency: None,
            };
            (cluster, Arc::new(DockerConnector::new(host)) as Arc<dyn Connector>)
        });
        Ok(Fleet { clusters: clusters.collect(), tried, clock })
    }

    /// What `--host` names, each by the host part of its address.
    fn named_hosts(&self) -> Result<Vec<ClusterConfig>, Trouble> {
        let mut taken = BTreeSet::new();
        let cluster = |url: &String| {
            let (scheme, rest) = url.split_once("://").ok_or_else(|| {
                Trouble::new(format!("could not use --host {url}"), "it has no scheme")
                    .help("write unix:///run/docker.sock, tcp://host:2375 or ssh://user@host")
            })?;
            let name = if scheme == "unix" { "local" } else { rest.rsplit('@').next().unwrap_or(rest) };
            let name = if taken.insert(name.to_owned()) { name } else { url };
            Ok(ClusterConfig {
                name: name.into(),
                reach: Reach::Docker { endpoint: url.clone(), tls: None },
                connect: None,
                protected: false,
                read_only: false,
            })
        };
        self.options.hosts.iter().map(cluster).collect()
    }
}

fn context(context: kubernetes::Context) -> (Cluster, Arc<dyn Connector>) {
    let cluster = Cluster {
        name: context.name.clone(),
        engine: Engine::Kubernetes,
        endpoint: context.endpoint.clone(),
        link: Link::Idle,
        facts: None,
        capabilities: Capabilities::all(),
        protected: context.protected,
        read_only: context.read_only,
        at_start: context.at_start,
        latency: None,
    };
    (cluster, Arc::new(KubernetesConnector::new(context)))
}

/// Where operations are written down. What is done to the simulator has no place among the real ones: it would be read back by who looks
/// at real engines, so it is kept apart, and is gone with this.
pub enum Books {
    At(Option<PathBuf>),
    Demo(io::Result<tempfile::TempDir>),
}

impl Books {
    pub fn of(setup: &Setup) -> Self {
        if setup.is_demo { Self::Demo(tempfile::tempdir()) } else { Self::At(setup.paths.journal()) }
    }

    pub fn open(&self) -> Result<Journal, Trouble> {
        let none = |why: &dyn std::fmt::Display| Trouble::new("operations cannot be written down", why);
        match self {
            Self::At(Some(directory)) => Journal::open(directory),
            Self::At(None) => Err(none(&"there is no home directory")),
            Self::Demo(Ok(directory)) => Journal::open(directory.path()),
            Self::Demo(Err(error)) => Err(none(error)),
        }
    }
}

/// What was typed wins over the file.
pub fn overrides(options: &Options) -> Overrides {
    Overrides {
        theme: options.theme.clone(),
        keymap: options.keymap.clone(),
        ascii: options.ascii,
        read_only: options.read_only,
        max_bytes_per_second: options.max_bytes_per_second,
        own_log: std::env::var("MIDWATCH_LOG").ok(),
    }
}

/// `user@host`, for the journal: who asked.
pub fn who() -> Arc<str> {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| match rustix::process::getuid() {
        id if id.is_root() => "root".to_owned(),
        id => format!("uid {}", id.as_raw()),
    });
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}").into()
}

/// Complaints about files, as notices for the person who opens the console.
pub fn notices(complaints: &[Complaint], now: Timestamp) -> Vec<crate::message::Notice> {
    let notice = |complaint: &Complaint| crate::message::Notice {
        at: now,
        weight: crate::message::Weight::Warning,
        text: complaint.line().into(),
        help: complaint.help.clone(),
    };
    complaints.iter().map(notice).collect()
}

//! What the options, the config and the machine say together: which clusters there are, and how each may be treated. The console begins
//! with the same.

use std::{env, fs, path::Path, sync::Arc};

use super::{
    arguments::Options,
    exit::{Exit, Stop},
    session::Fleet,
};
use crate::{
    backend::{
        Connector,
        docker::{DockerConnector, Endpoint, Host, discover},
        simulator::scenario::Scenario,
    },
    clock::Clock,
    config::{Complaint, Config, Overrides, Paths},
    domain::{Capabilities, Cluster, Engine, Link, Trouble, text::clean},
};

/// What is played when nothing else is said.
const SCENARIO: &str = "demo";

pub struct Setup {
    pub paths: Paths,
    pub config: Config,
    pub overrides: Overrides,
    /// For the person to read; the rest of the config is used.
    pub complaints: Vec<Complaint>,
}

impl Setup {
    pub fn read(options: &Options) -> Self {
        let paths = Paths::find(options.config.clone());
        let overrides = Overrides {
            theme: options.theme.clone(),
            keymap: options.keymap.clone(),
            ascii: options.ascii,
            read_only: options.read_only,
            max_bytes_per_second: options.max_bytes_per_second,
            own_log: variable("MIDWATCH_LOG"),
        };
        let (config, complaints) = Config::load(&paths, &overrides);
        Self { paths, config, overrides, complaints }
    }

    /// Every cluster there is. Connects to none. `demo`: the simulator's, and no other.
    pub fn fleet(&self, options: &Options, demo: bool, clock: Clock) -> Result<Fleet, Stop> {
        if demo {
            return simulated(options, clock);
        }
        let (hosts, tried) = if options.hosts.is_empty() { self.found() } else { (given(&options.hosts)?, Vec::new()) };
        let clusters = hosts.into_iter().map(|host| self.cluster(host, clock)).collect();
        Ok(Fleet { clusters, tried, clock })
    }

    fn found(&self) -> (Vec<Host>, Vec<(Arc<str>, Arc<str>)>) {
        let mut found = discover(&self.config.clusters, variable, self.paths.home.as_deref());
        let configured = self.config.clusters.len();
        if !self.config.discover {
            // The configured ones come first, in what was found and in what was tried.
            found.hosts.retain(|host| self.config.clusters.iter().any(|cluster| cluster.name == host.name));
            found.tried.truncate(configured);
        }
        (found.hosts, found.tried.into_iter().map(|tried| (tried.what, tried.answer)).collect())
    }

    fn cluster(&self, host: Host, clock: Clock) -> (Cluster, Arc<dyn Connector>) {
        let cluster = Cluster {
            name: host.name.clone(),
            engine: Engine::Docker,
            endpoint: host.endpoint.to_string().into(),
            link: Link::Connecting { since: clock.now() },
            facts: None,
            capabilities: Capabilities::all(),
            protected: host.protected || self.config.protected,
            read_only: host.read_only || self.config.read_only,
            latency: None,
        };
        (cluster, Arc::new(DockerConnector::new(host)))
    }
}

/// As if `DOCKER_HOST` said it, with the certificates that it would be reached with.
fn given(hosts: &[String]) -> Result<Vec<Host>, Stop> {
    let mut given: Vec<Host> = Vec::new();
    for text in hosts {
        Endpoint::parse(text, None).map_err(|why| Stop::usage("--host cannot be used", why))?;
        let says = |name: &str| if name == "DOCKER_HOST" { Some(text.clone()) } else { tls_variable(name) };
        let found = discover(&[], says, None).hosts.into_iter().next();
        let mut host = found.expect("DOCKER_HOST comes first, and can be read");
        if given.iter().any(|other| other.name == host.name) {
            host.name = clean(text).into_owned().as_str().into();
        }
        given.push(host);
    }
    Ok(given)
}

fn simulated(options: &Options, clock: Clock) -> Result<Fleet, Stop> {
    let name = options.scenario.as_deref().unwrap_or(SCENARIO);
    let is_file = name.ends_with(".toml") || name.contains('/');
    let scenario =
        if is_file { scenario_in(Path::new(name))? } else { Scenario::named(name).map_err(wrong_scenario)? };
    let seed = options.seed.unwrap_or_else(|| clock.now().as_second().unsigned_abs());
    Ok(Fleet { clusters: scenario.clusters(seed, clock), tried: Vec::new(), clock })
}

fn scenario_in(file: &Path) -> Result<Scenario, Stop> {
    let what = || format!("could not read the scenario {}", file.display());
    let text = fs::read_to_string(file).map_err(|error| Stop::usage(what(), error))?;
    Scenario::parse(&file.display().to_string(), &text).map_err(|complaint| wrong_scenario(complaint.to_string()))
}

fn wrong_scenario(why: String) -> Stop {
    Stop::Because(Exit::Usage, Trouble::new("the scenario cannot be played", why))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn tls_variable(name: &str) -> Option<String> {
    let is_meant = name.starts_with("DOCKER_TLS") || matches!(name, "DOCKER_CERT_PATH" | "DOCKER_CONFIG");
    is_meant.then(|| variable(name)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str]) -> Vec<String> {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        given(&hosts).expect("can be read").into_iter().map(|host| host.name.to_string()).collect()
    }

    #[test]
    fn a_given_host_is_called_by_its_name_and_two_are_told_apart() {
        assert_eq!(names(&["tcp://edge-01:2375", "ssh://ops@edge-02"]), ["edge-01", "edge-02"]);
        assert_eq!(names(&["unix:///a.sock", "unix:///b.sock"]), ["local", "unix:///b.sock"]);
    }

    #[test]
    fn a_host_that_cannot_be_meant_is_a_usage_error() {
        assert!(matches!(given(&["gopher://x".to_owned()]), Err(Stop::Because(Exit::Usage, _))));
    }

    #[tokio::test]
    async fn the_simulator_plays_what_was_asked_for_and_names_a_mistyped_scenario() {
        let play = |scenario: &str| {
            let options = Options { scenario: Some(scenario.into()), seed: Some(7), ..Options::default() };
            simulated(&options, Clock::system())
        };
        assert!(!play(SCENARIO).expect("embedded").clusters.is_empty());
        assert!(matches!(play("dmeo"), Err(Stop::Because(Exit::Usage, why)) if why.why.contains(SCENARIO)));
        assert!(matches!(play("/nowhere/at-all.toml"), Err(Stop::Because(Exit::Usage, _))));
    }
}

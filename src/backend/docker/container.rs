//! One container as the engine described it, turned into domain words once. What it means is `health`'s business.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    labels::{self, Place},
    marks, wire,
};
use crate::domain::{
    ClusterName, Dependency, Health, Image, Instance, InstanceId, InstanceState, Limits, Mount, Port, ServiceId,
    protection,
    text::{clean, clean_lines, shorten},
};

/// Docker's own, where the container says nothing.
const DEFAULT_GRACE: u32 = 10;
/// What a health check printed is kept up to this many characters: the engine keeps 4 KiB of each run.
const OUTPUT_KEPT: usize = 2000;

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub place: Place,
    pub is_one_off: bool,
    pub config_hash: Option<Arc<str>>,
    pub depends_on: Vec<Dependency>,
    /// Made by a plan: of which release, and in whose place.
    pub backup: Option<Arc<str>>,
    pub release: Option<u64>,
    pub replaces: Option<Arc<str>>,
    pub state: InstanceState,
    /// Why the engine could not start it.
    pub error: Option<Arc<str>>,
    pub check: Option<Check>,
    pub policy: Policy,
    pub created: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub restarts: u32,
    /// The engine's own id of the image (`sha256:…`), which is not what a registry calls it.
    pub image_id: Arc<str>,
    pub image: Image,
    pub addresses: Vec<(Arc<str>, Arc<str>)>,
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    pub limits: Limits,
    pub tty: bool,
    pub stop_signal: Option<Arc<str>>,
    pub stop_timeout: u32,
    /// Was run with `--rm`.
    pub is_removed_when_stopped: bool,
    pub command: Arc<str>,
}

/// What the health check says.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub state: CheckState,
    /// How many times in a row it failed.
    pub streak: u32,
    /// When the oldest failed run of this streak began that the engine still knows.
    pub failing_since: Option<Timestamp>,
    pub exit_code: Option<i64>,
    /// Of its last run.
    pub output: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    Starting,
    Healthy,
    Unhealthy,
}

/// What the engine does when the container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    No,
    /// `always` and `unless-stopped`: only a person (or a failed start) leaves such a container ended.
    Always,
    /// 0 tries: without end.
    OnFailure {
        tries: u32,
    },
}

impl Container {
    pub fn new(inspect: wire::Inspect) -> Self {
        let config = inspect.config.unwrap_or_default();
        let host = inspect.host_config.unwrap_or_default();
        let network = inspect.network_settings.unwrap_or_default();
        let state = inspect.state.unwrap_or_default();
        let labels = config.labels.unwrap_or_default();
        let name: Arc<str> = clean(inspect.name.as_deref().unwrap_or(&inspect.id).trim_start_matches('/')).into();
        let mut command = vec![inspect.path.unwrap_or_default()];
        command.extend(inspect.args.unwrap_or_default());
        let image_id: Arc<str> = clean(&inspect.image.unwrap_or_default()).into();
        Self {
            id: clean(&inspect.id).into(),
            place: Place::of(&labels, &name),
            is_one_off: labels::is_one_off(&labels),
            config_hash: labels::config_hash(&labels),
            depends_on: labels::depends_on(&labels),
            backup: labels.get(protection::LABEL).map(|label| clean(label).into()),
            release: labels.get(marks::RELEASE).and_then(|release| release.parse().ok()),
            replaces: labels.get(marks::REPLACES).map(|id| clean(id).into()),
            error: state.error.as_deref().filter(|error| !error.is_empty()).map(|error| clean(error).into()),
            check: state.health.as_ref().and_then(check),
            policy: policy(host.restart_policy.as_ref()),
            created: time(inspect.created.as_deref()),
            started: time(state.started_at.as_deref()),
            finished: time(state.finished_at.as_deref()),
            restarts: inspect.restart_count.unwrap_or(0),
            image: Image {
                // What had to be made by an image's id is still called by the image's name.
                reference: clean(labels.get(marks::IMAGE).or(config.image.as_ref()).map_or("", String::as_str)).into(),
                digest: Some(image_id.clone()).filter(|id| !id.is_empty()),
                version: labels::version(&labels),
                revision: labels::revision(&labels),
            },
            image_id,
            addresses: addresses(&network),
            ports: ports(&network),
            mounts: inspect.mounts.unwrap_or_default().iter().map(mount).collect(),
            limits: limits(&host),
            is_removed_when_stopped: host.auto_remove.unwrap_or(false),
            tty: config.tty.unwrap_or(false),
            stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()).map(|signal| clean(&signal).into()),
            stop_timeout: config.stop_timeout.unwrap_or(DEFAULT_GRACE),
            command: shorten(&clean(&crate::backend::mask::arguments(&command).join(" ")), 400).into(),
            state: instance_state(&state),
            name,
        }
    }

    pub fn instance(&self, cluster: &ClusterName, health: Health) -> Instance {
        Instance {
            id: InstanceId::new(cluster, self.id.clone()),
            service: self.service(cluster),
            name: self.name.clone(),
            state: self.state.clone(),
            health,
            created: self.created,
            started: self.started,
            finished: self.finished,
            restarts: self.restarts,
            image: self.image.clone(),
            addresses: self.addresses.clone(),
            ports: self.ports.as_slice().into(),
            mounts: self.mounts.as_slice().into(),
            limits: self.limits,
            tty: self.tty,
            has_health_check: self.check.is_some(),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            node: None,
            parts: Arc::new([]),
            is_removed_when_stopped: self.is_removed_when_stopped,
            command: self.command.clone(),
        }
    }

    pub fn service(&self, cluster: &ClusterName) -> ServiceId {
        ServiceId::new(cluster, &self.place.scope, self.place.service.clone())
    }
}

/// The engine writes `0001-01-01T00:00:00Z` for "never".
pub fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse::<Timestamp>().ok().filter(|time| time.as_second() > 0)
}

fn instance_state(state: &wire::State) -> InstanceState {
    let exit_code = state.exit_code.unwrap_or(0);
    let out_of_memory = state.oom_killed.unwrap_or(false);
    match state.status.as_deref().unwrap_or_default() {
        "running" | "stopping" => InstanceState::Running,
        "paused" => InstanceState::Paused,
        "restarting" => InstanceState::Restarting { exit_code, out_of_memory },
        "removing" => InstanceState::Removing,
        "dead" => InstanceState::Dead,
        "created" | "configured" | "initialized" => InstanceState::Created,
        "exited" | "stopped" => InstanceState::Exited { exit_code, out_of_memory },
        // A word of an engine that we do not know: whether it has processes is told apart from it.
        _ if state.running == Some(true) => InstanceState::Running,
        _ => InstanceState::Exited { exit_code, out_of_memory },
    }
}

fn check(health: &wire::Health) -> Option<Check> {
    let state = match health.status.as_deref()? {
        "starting" => CheckState::Starting,
        "healthy" => CheckState::Healthy,
        "unhealthy" => CheckState::Unhealthy,
        _ => return None,
    };
    let log = health.log.as_deref().unwrap_or_default();
    let failing_since = log.iter().rev().take_while(|run| run.exit_code != Some(0)).last();
    let last = log.last();
    let output = last.and_then(|run| run.output.as_deref()).unwrap_or_default();
    Some(Check {
        state,
        streak: health.failing_streak.unwrap_or(0),
        failing_since: failing_since.and_then(|run| time(run.start.as_deref())),
        exit_code: last.and_then(|run| run.exit_code),
        output: shorten(clean_lines(output).trim(), OUTPUT_KEPT).into(),
    })
}

fn policy(policy: Option<&wire::RestartPolicy>) -> Policy {
    match policy.and_then(|policy| policy.name.as_deref()) {
        Some("always" | "unless-stopped") => Policy::Always,
        Some("on-failure") => {
            Policy::OnFailure { tries: policy.and_then(|policy| policy.maximum_retry_count).unwrap_or(0) }
        }
        Some(_) | None => Policy::No,
    }
}

fn addresses(network: &wire::NetworkSettings) -> Vec<(Arc<str>, Arc<str>)> {
    let of = |(name, endpoint): (&String, &Option<wire::Endpoint>)| {
        let endpoint = endpoint.as_ref()?;
        let address = [&endpoint.address, &endpoint.address_v6].into_iter().flatten().find(|text| !text.is_empty())?;
        Some((Arc::from(clean(name)), Arc::from(clean(address))))
    };
    network.networks.iter().flatten().filter_map(of).collect()
}

fn ports(network: &wire::NetworkSettings) -> Vec<Port> {
    let mut found = Vec::new();
    for (key, bindings) in network.ports.iter().flatten() {
        let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let Ok(inside) = number.parse() else { continue };
        let port = |published| Port { inside, protocol: clean(protocol).into(), published };
        let bindings = bindings.as_deref().unwrap_or_default();
        if bindings.is_empty() {
            found.push(port(None));
        }
        for binding in bindings {
            let outside = binding.host_port.as_deref().and_then(|port| port.parse().ok());
            found.push(port(outside.map(|port| (clean(binding.host_ip.as_deref().unwrap_or_default()).into(), port))));
        }
    }
    // The same port of all IPv4 and of all IPv6 addresses is one port to a person.
    if found.iter().any(|port| matches!(&port.published, Some((host, _)) if &**host == "0.0.0.0")) {
        let twins: Vec<u16> = found
            .iter()
            .filter_map(|port| port.published.as_ref().filter(|(host, _)| &**host == "0.0.0.0").map(|(_, port)| *port))
            .collect();
        found.retain(|port| !matches!(&port.published, Some((host, port)) if &**host == "::" && twins.contains(port)));
    }
    found.sort();
    found
}

fn mount(mount: &wire::Mount) -> Mount {
    let source = mount.name.as_ref().or(mount.source.as_ref());
    Mount {
        kind: clean(mount.kind.as_deref().unwrap_or("mount")).into(),
        source: clean(source.map_or("", String::as_str)).into(),
        target: clean(mount.destination.as_deref().unwrap_or_default()).into(),
        read_only: mount.writable == Some(false),
    }
}

fn limits(host: &wire::HostConfig) -> Limits {
    let positive = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).filter(|value| *value > 0);
    let quota = || {
        let (quota, period) = (positive(host.cpu_quota)?, positive(host.cpu_period).unwrap_or(100_000));
        Some(quota * 1000 / period)
    };
    Limits {
        cpu: positive(host.nano_cpus).map(|nano| nano / 1_000_000).or_else(quota),
        memory: positive(host.memory),
        pids: positive(host.pids_limit),
        cpu_request: None,
        memory_request: None,
    }
}

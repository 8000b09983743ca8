//! The parts of the engine's answers that the console reads. Everything may be absent or null, and words that we do not know are
//! kept as words: engines differ, and a container must not vanish because of one new state.

use std::collections::BTreeMap;

use serde::Deserialize;

pub type Labels = BTreeMap<String, String>;

/// `GET /version`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Version {
    pub version: Option<String>,
    pub api_version: Option<String>,
    #[serde(rename = "MinAPIVersion")]
    pub min_api_version: Option<String>,
}

/// `GET /info`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Info {
    pub server_version: Option<String>,
    pub operating_system: Option<String>,
    #[serde(rename = "NCPU")]
    pub cpus: Option<u32>,
    pub mem_total: Option<u64>,
    /// RFC 3339, by the engine's clock
    pub system_time: Option<String>,
    pub swarm: Option<Swarm>,
    pub security_options: Option<Vec<String>>,
    pub live_restore_enabled: Option<bool>,
    pub warnings: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Swarm {
    pub local_node_state: Option<String>,
    pub control_available: Option<bool>,
}

/// One entry of `GET /containers/json`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Summary {
    pub id: String,
    pub names: Option<Vec<String>>,
    #[serde(rename = "ImageID")]
    pub image_id: Option<String>,
    pub labels: Option<Labels>,
    pub state: Option<String>,
    /// "Up 3 minutes (healthy)", "Exited (1) 2 hours ago"
    pub status: Option<String>,
}

/// `GET /containers/{id}/json`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Inspect {
    pub id: String,
    pub name: Option<String>,
    pub created: Option<String>,
    pub path: Option<String>,
    pub args: Option<Vec<String>>,
    pub image: Option<String>,
    pub restart_count: Option<u32>,
    pub state: Option<State>,
    pub config: Option<Config>,
    pub host_config: Option<HostConfig>,
    pub mounts: Option<Vec<Mount>>,
    pub network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct State {
    pub status: Option<String>,
    pub running: Option<bool>,
    #[serde(rename = "OOMKilled")]
    pub oom_killed: Option<bool>,
    pub exit_code: Option<i64>,
    pub error: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub health: Option<Health>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    pub status: Option<String>,
    pub failing_streak: Option<u32>,
    pub log: Option<Vec<HealthResult>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthResult {
    pub start: Option<String>,
    pub exit_code: Option<i64>,
    pub output: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    pub image: Option<String>,
    pub tty: Option<bool>,
    pub labels: Option<Labels>,
    pub stop_signal: Option<String>,
    pub stop_timeout: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    pub memory: Option<i64>,
    pub nano_cpus: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpu_period: Option<i64>,
    pub pids_limit: Option<i64>,
    pub restart_policy: Option<RestartPolicy>,
    pub auto_remove: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    pub name: Option<String>,
    pub maximum_retry_count: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Mount {
    #[serde(rename = "Type")]
    pub kind: Option<String>,
    pub name: Option<String>,
    pub source: Option<String>,
    pub destination: Option<String>,
    #[serde(rename = "RW")]
    pub writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// `80/tcp` to where it is published, null where it is only exposed
    pub ports: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
    pub networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    pub host_ip: Option<String>,
    pub host_port: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    #[serde(rename = "IPAddress")]
    pub address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    pub address_v6: Option<String>,
}

/// One entry of `GET /images/json`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageSummary {
    pub id: String,
    pub repo_tags: Option<Vec<String>>,
    pub repo_digests: Option<Vec<String>>,
    /// seconds
    pub created: Option<i64>,
    pub labels: Option<Labels>,
}

/// `GET /volumes`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Volumes {
    pub volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Volume {
    pub name: String,
    pub labels: Option<Labels>,
}

/// One line of `GET /events`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Event {
    #[serde(rename = "Type")]
    pub kind: String,
    pub action: String,
    pub actor: Actor,
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Actor {
    #[serde(rename = "ID")]
    pub id: String,
    pub attributes: Option<Labels>,
}

impl Event {
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.actor.attributes.as_ref()?.get(key).map(String::as_str)
    }
}

/// `GET /containers/{id}/top`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Top {
    pub titles: Option<Vec<String>>,
    pub processes: Option<Vec<Vec<String>>>,
}

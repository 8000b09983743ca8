//! What a scenario file may say, as it is written. What each key means is told in the head of `assets/scenarios/demo.toml`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use toml::Spanned;

use super::{
    quantity::{Amount, Brief, Millicores, Size, Span},
    registry::{Behaviour, ImageScript, default_after},
    template::{Fields, Template},
};
use crate::domain::{Capability, Dependency, Level, Mount, OwnerTool, Port, ServiceKind};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub title: Arc<str>,
    #[serde(default)]
    pub logs: BTreeMap<String, LogKind>,
    #[serde(default)]
    pub metrics: BTreeMap<String, Shapes>,
    pub clusters: Vec<ClusterScript>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterScript {
    pub name: Spanned<Arc<str>>,
    #[serde(default = "default_version")]
    pub version: Arc<str>,
    #[serde(default = "default_system")]
    pub system: Arc<str>,
    #[serde(default = "default_cpus")]
    pub cpus: u32,
    #[serde(default = "default_memory")]
    pub memory: Size,
    #[serde(default)]
    pub protected: bool,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub remarks: Vec<Arc<str>>,
    /// Round trip of every question.
    #[serde(default)]
    pub latency: Span,
    /// What it cannot do, by capability, and why.
    #[serde(default)]
    pub without: BTreeMap<Brief<Capability>, Arc<str>>,
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// None: it is one machine.
    #[serde(default)]
    pub nodes: Vec<NodeScript>,
    #[serde(default)]
    pub services: Vec<ServiceScript>,
}

/// One machine of a cluster that has several.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeScript {
    pub name: Arc<str>,
    #[serde(default)]
    pub roles: Vec<Arc<str>>,
    /// Only a DaemonSet's instances come to a machine that has some.
    #[serde(default)]
    pub taints: Vec<Arc<str>>,
    #[serde(default)]
    pub cordoned: bool,
    #[serde(default = "default_node_cpus")]
    pub cpus: u32,
    #[serde(default = "default_node_memory")]
    pub memory: Size,
    #[serde(default = "default_slots")]
    pub slots: u32,
    #[serde(default = "default_node_age")]
    pub age: Span,
    /// Why it does not do its work, or not well, and for how long now.
    pub failing: Option<Arc<str>>,
    pub degraded: Option<Arc<str>>,
    #[serde(default)]
    pub since: Span,
}

/// Something between the console and the engine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub kind: FaultKind,
    pub at: Span,
    /// Forever, if not said.
    pub lasts: Option<Span>,
    pub every: Option<Span>,
    /// Of `slow`: what it adds to each round trip.
    #[serde(default)]
    pub adds: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Connections break, and new ones are refused.
    Lost,
    /// It accepts, and then says nothing.
    Hung,
    /// It says that we may not.
    Denied,
    Expired,
    /// Every answer takes longer.
    Slow,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceScript {
    pub scope: Arc<str>,
    pub name: Spanned<Arc<str>>,
    /// So many services like this one, numbered.
    pub count: Option<u32>,
    #[serde(default = "default_kind")]
    pub kind: ServiceKind,
    #[serde(default = "one")]
    pub instances: u32,
    pub image: Arc<str>,
    /// Newest first; the first is what runs.
    #[serde(default)]
    pub releases: Vec<ReleaseScript>,
    /// Which images there are beside those of the releases.
    #[serde(default)]
    pub registry: Vec<ImageScript>,
    /// A service of the same scope whose nginx sends to it.
    pub proxy: Option<Spanned<String>>,
    /// Of the kind `rollout`: how it rolls out.
    #[serde(default)]
    pub steps: Vec<CanaryStep>,
    /// How long ago its instances were started; the age of the current release, if not said.
    pub started: Option<Span>,
    #[serde(default = "default_command")]
    pub command: Arc<str>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `"8080"`, `"80->8080"`, `"127.0.0.1:5432->5432"`, `"53/udp"`
    #[serde(default)]
    pub ports: Vec<Brief<Port>>,
    /// `"db"`, `"db: healthy"`
    #[serde(default)]
    pub depends_on: Vec<Spanned<Brief<Dependency>>>,
    /// `"data:/var/lib/postgresql"`, `"/etc/app:/etc/app:ro"`
    #[serde(default)]
    pub mounts: Vec<Brief<Mount>>,
    #[serde(default)]
    pub limits: LimitsScript,
    #[serde(default)]
    pub orchestration: OrchestrationScript,
    #[serde(default)]
    pub health_check: bool,
    /// From its start until it is healthy (with a health check) or at work (without).
    #[serde(default = "default_starts_in")]
    pub starts_in: Span,
    /// From the stop signal until it has ended.
    #[serde(default = "default_stops_in")]
    pub stops_in: Span,
    /// Between the stop signal and the kill.
    #[serde(default = "default_stop_timeout")]
    pub stop_timeout: Span,
    #[serde(default)]
    pub tty: bool,
    pub logs: Option<Spanned<String>>,
    pub metrics: Option<Spanned<String>>,
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseScript {
    pub version: Arc<str>,
    /// How long ago it began.
    pub age: Span,
    pub cause: Option<Arc<str>>,
    pub outcome: Option<Arc<str>>,
    pub number: Option<u64>,
    /// How long it was the current one; of one that is over.
    pub served: Option<Span>,
    /// What it is made of, by path ("web env MODE").
    #[serde(default)]
    pub outline: BTreeMap<String, String>,
    /// How what is made of it from now on does, as of an image of the registry.
    #[serde(default)]
    pub behaves: Behaviour,
    #[serde(default = "default_after")]
    pub after: Span,
    #[serde(default)]
    pub says: Arc<str>,
}

/// So great a part runs the new release, for so long, or until a person promotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryStep {
    pub percent: u32,
    pub pause: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsScript {
    pub cpu: Option<Millicores>,
    pub memory: Option<Size>,
    pub pids: Option<u64>,
    /// What is kept for each instance.
    pub cpu_request: Option<Millicores>,
    pub memory_request: Option<Size>,
}

/// What an orchestrator tells beyond what follows from the rest: of kinds that have none it says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrchestrationScript {
    pub owner: Option<OwnerScript>,
    pub autoscaler: Option<AutoscalerScript>,
    pub budget: Option<BudgetScript>,
    pub schedule: Option<Arc<str>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerScript {
    pub tool: Brief<OwnerTool>,
    pub name: Arc<str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerScript {
    pub minimum: u32,
    pub maximum: u32,
    #[serde(default)]
    pub says: Arc<str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetScript {
    pub says: Arc<str>,
    #[serde(default)]
    pub disruptions_allowed: u32,
}

/// What is wrong with some instances of a service from a time on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    pub kind: TroubleKind,
    /// By number, from 1; all, if not said.
    pub instances: Option<Spanned<Vec<u32>>>,
    /// Counted from the beginning of the scenario; before it with a minus.
    #[serde(default)]
    pub from: Span,
    pub lasts: Option<Span>,
    /// Spares what the scenario began with: only what a person starts has it.
    #[serde(default)]
    pub after_restart: bool,
    /// Of a crash loop: how long it lives, and how long the engine waits before it starts it again.
    #[serde(default = "default_runs")]
    pub runs: Span,
    #[serde(default = "default_waits")]
    pub waits: Span,
    #[serde(default = "one_code")]
    pub exit_code: i64,
    #[serde(default)]
    pub out_of_memory: bool,
    /// What its health check last printed.
    #[serde(default)]
    pub output: Arc<str>,
    /// What it writes just before it ends.
    #[serde(default)]
    pub last_words: Vec<Arc<str>>,
}

impl Trouble {
    /// What every instance of an image has from its start on.
    pub fn of_image(kind: TroubleKind, runs: Span, output: Arc<str>, last_words: Vec<Arc<str>>) -> Self {
        Self {
            kind,
            instances: None,
            from: Span::default(),
            lasts: None,
            after_restart: false,
            runs,
            waits: default_waits(),
            exit_code: one_code(),
            out_of_memory: false,
            output,
            last_words,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    CrashLoop,
    /// It runs, and its health check says that it is not well.
    FailingCheck,
    /// It is well, but takes `runs` to become so.
    SlowStart,
    /// It ended and was not started again.
    Exits,
    /// Somebody stopped it.
    Stopped,
    /// It does not listen to the stop signal: only the kill ends it.
    Deaf,
    /// It is healthy and its log says otherwise.
    Errors,
}

/// How the lines of a kind of program look.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogKind {
    pub format: Format,
    /// Lines a second of each instance.
    pub rate: Amount,
    /// What follows each start.
    #[serde(default)]
    pub start: Vec<LineScript>,
    pub lines: Vec<LineScript>,
    /// Come in while it is in trouble, in so large a share.
    #[serde(default)]
    pub troubled: Vec<LineScript>,
    #[serde(default = "default_share")]
    pub troubled_share: f64,
    /// Words for `{name}` in lines.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Json,
    Logfmt,
    Plain,
    /// `message` as it is.
    Raw,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineScript {
    #[serde(default = "default_level")]
    pub level: Level,
    pub message: Spanned<Template>,
    /// `key=template` with spaces between.
    pub fields: Option<Spanned<Fields>>,
    #[serde(default = "one")]
    pub weight: u32,
}

/// What each instance of a kind uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shapes {
    pub cpu: Shape,
    pub memory: Shape,
    pub received: Shape,
    pub sent: Shape,
    pub read: Shape,
    pub written: Shape,
    pub pids: Shape,
}

/// A base, a wave round it, noise on it, and a leak that grows with the time since the start.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub base: Amount,
    /// Share of the base.
    #[serde(default)]
    pub wave: f64,
    #[serde(default = "default_period")]
    pub period: Span,
    /// Share of the base.
    #[serde(default)]
    pub noise: f64,
    /// In an hour.
    #[serde(default)]
    pub leak: Amount,
}

fn default_version() -> Arc<str> {
    "27.3.1".into()
}

fn default_system() -> Arc<str> {
    "Debian GNU/Linux 12 (bookworm), x86_64".into()
}

fn default_cpus() -> u32 {
    8
}

fn default_memory() -> Size {
    Size(32 << 30)
}

fn default_node_cpus() -> u32 {
    4
}

fn default_node_memory() -> Size {
    Size(16 << 30)
}

fn default_slots() -> u32 {
    110
}

fn default_node_age() -> Span {
    Span::seconds(41 * 86_400)
}

fn default_kind() -> ServiceKind {
    ServiceKind::ComposeService
}

fn default_command() -> Arc<str> {
    "/app/server".into()
}

fn default_starts_in() -> Span {
    Span::seconds(3)
}

fn default_stops_in() -> Span {
    Span::seconds(1)
}

fn default_stop_timeout() -> Span {
    Span::seconds(10)
}

fn default_runs() -> Span {
    Span::seconds(20)
}

fn default_waits() -> Span {
    Span::seconds(5)
}

fn default_share() -> f64 {
    0.3
}

fn default_period() -> Span {
    Span::seconds(420)
}

fn default_level() -> Level {
    Level::Info
}

fn one() -> u32 {
    1
}

fn one_code() -> i64 {
    1
}

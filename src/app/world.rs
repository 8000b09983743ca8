//! Everything that the screens look at and do not own. Changed only by `App::observe` and `App::carry`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::{
    domain::{
        ClusterName, Happening, InstanceId, Inventory, Limits, Operation, OperationId, Scope, Service, ServiceId,
        Trouble,
    },
    message::{Answer, Notice, Question, Subscriptions, TailState, Weight},
    store::{
        log,
        series::{self, Metric},
    },
};

/// How many engine events and notices are remembered.
const REMEMBERED: usize = 2000;

pub struct World {
    pub now: Timestamp,
    pub inventory: Inventory,
    pub log: log::Store,
    /// The tails that are wanted now, and how each is doing.
    pub tails: BTreeMap<InstanceId, TailState>,
    pub series: series::Store,
    /// Newest last.
    pub happenings: VecDeque<(ClusterName, Happening)>,
    pub answers: BTreeMap<Question, Result<Answer, Trouble>>,
    pub operations: BTreeMap<OperationId, Operation>,
    /// Those that this process carries out: leaving would leave them alone.
    pub ours: BTreeSet<OperationId>,
    /// Newest last.
    pub notices: VecDeque<Notice>,
    /// Warnings and errors that came since the notices were last looked at.
    pub unread: usize,
    pub settings: Settings,
}

/// What the config and the command line said, as far as the app decides by it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub read_only: bool,
    /// A plan asks for a reason before it can be confirmed.
    pub ask_reason: bool,
    /// Looked at and nothing else, when not empty.
    pub clusters: Vec<ClusterName>,
    pub scopes: Vec<Scope>,
    /// bytes that the log store may hold
    pub log_memory: usize,
    /// lines read from before a tail began
    pub tail_lines: u32,
    /// user@host, written to the journal
    pub who: Arc<str>,
    /// Where saved files go.
    pub save_into: std::path::PathBuf,
    /// What was looked for and not found: shown when there is no cluster at all.
    pub tried: Vec<(Arc<str>, Arc<str>)>,
    /// Said once, in the title line.
    pub is_demo: bool,
    /// CPU, memory and the like are asked for.
    pub measure: bool,
    /// Of the person who looks: times of day are told in it.
    pub zone: TimeZone,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_only: false,
            ask_reason: false,
            clusters: Vec::new(),
            scopes: Vec::new(),
            log_memory: 48 << 20,
            tail_lines: 1000,
            who: "somebody".into(),
            save_into: std::path::PathBuf::from("."),
            tried: Vec::new(),
            is_demo: false,
            measure: true,
            zone: TimeZone::UTC,
        }
    }
}

impl Settings {
    fn shows(&self, service: &ServiceId) -> bool {
        (self.clusters.is_empty() || self.clusters.contains(&service.cluster))
            && (self.scopes.is_empty() || self.scopes.contains(&service.scope))
    }
}

impl World {
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self {
            now,
            inventory: Inventory::default(),
            log: log::Store::new(settings.log_memory),
            tails: BTreeMap::new(),
            series: series::Store::default(),
            happenings: VecDeque::new(),
            answers: BTreeMap::new(),
            operations: BTreeMap::new(),
            ours: BTreeSet::new(),
            notices: VecDeque::new(),
            unread: 0,
            settings,
        }
    }

    pub fn notice(&mut self, notice: Notice) {
        if self.notices.len() == REMEMBERED {
            self.notices.pop_front();
        }
        self.unread += usize::from(notice.weight > Weight::Info);
        self.notices.push_back(notice);
    }

    pub fn happened(&mut self, cluster: ClusterName, happening: Happening) {
        if self.happenings.len() == REMEMBERED {
            self.happenings.pop_front();
        }
        self.happenings.push_back((cluster, happening));
    }

    /// `02:41:07` for what happened within the last half day, `20 Nov 02:41` before: always told apart, at most 12 columns.
    pub fn time(&self, at: Timestamp) -> String {
        let is_recent = at.duration_since(self.now).as_hours().abs() < 12;
        self.zoned(at).strftime(if is_recent { "%H:%M:%S" } else { "%d %b %H:%M" }).to_string()
    }

    /// `2026-11-21 02:41:07 UTC`
    pub fn full_time(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// `02:41`, for an axis.
    pub fn minute(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%H:%M").to_string()
    }

    fn zoned(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.settings.zone.clone())
    }

    /// Forgets the tails, and their lines, that are not wanted any more.
    pub fn keep_tails(&mut self, wanted: &Subscriptions) {
        self.tails.retain(|instance, _| wanted.logs.contains_key(instance));
        self.log.keep_only(|instance| wanted.logs.contains_key(instance));
    }

    /// The operation that is changing a service now, or was interrupted while it did.
    pub fn operation_on(&self, service: &ServiceId) -> Option<&Operation> {
        self.operations.values().rev().find(|operation| operation.service == *service && !operation.is_over())
    }

    /// The services that are looked at: all, or those that `--cluster` and `--scope` name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.inventory.services().filter(|service| self.settings.shows(&service.id))
    }

    pub fn services_of<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = &'a Service> {
        self.inventory.services_of(cluster).filter(|service| self.settings.shows(&service.id))
    }

    /// What can be measured of a service now.
    pub fn alive_instances(&self, service: &ServiceId) -> impl Iterator<Item = InstanceId> {
        let instances = self.inventory.instances_of(service);
        instances.into_iter().filter(|instance| instance.state.is_alive()).map(|instance| instance.id.clone())
    }

    /// What a service uses now, over all its instances that were measured lately; `None` where none was.
    pub fn usage(&self, service: &ServiceId) -> Option<Usage> {
        let instances = self.inventory.instances_of(service);
        let fresh = instances.iter().filter(|instance| !self.series.is_stale(&instance.id, self.now));
        let measured = fresh.filter_map(|instance| self.series.latest(&instance.id));
        measured.fold(None, |sum: Option<Usage>, sample| {
            let sum = sum.unwrap_or_default();
            Some(Usage {
                cpu: sum.cpu + sample.cpu,
                memory: sum.memory + sample.memory,
                received: sum.received + sample.received,
                sent: sum.sent + sample.sent,
            })
        })
    }

    /// `usage` for a list: the mean of the last ten seconds that are over, so that a list of many stands still between them.
    pub fn calm_usage(&self, service: &ServiceId) -> Option<Usage> {
        let now = self.usage(service)?;
        let instances = self.inventory.instances_of(service);
        let mean = |metric, now: u64| {
            let last = self.series.sum_of_tens(instances.iter().map(|instance| &instance.id), metric, 1, self.now);
            last.first().copied().flatten().map_or(now, |mean| mean.round() as u64)
        };
        Some(Usage { cpu: mean(Metric::Cpu, now.cpu), memory: mean(Metric::Memory, now.memory), ..now })
    }

    /// The last `cells` times ten seconds of a service, oldest first: CPU as a share of its limit or of one core, memory of its limit
    /// or of the most that is shown.
    pub fn trend(&self, service: &ServiceId, what: Trend, cells: usize) -> Vec<Option<f64>> {
        let instances = self.inventory.instances_of(service);
        let (metric, limit): (_, fn(&Limits) -> Option<u64>) = match what {
            Trend::Cpu => (Metric::Cpu, |limits| limits.cpu),
            Trend::Memory => (Metric::Memory, |limits| limits.memory),
        };
        let ids = instances.iter().map(|instance| &instance.id);
        let values = self.series.sum_of_tens(ids, metric, cells, self.now);
        let limit: Option<u64> = instances.iter().map(|instance| limit(&instance.limits)).sum();
        let most = values.iter().flatten().copied().fold(1.0, f64::max);
        let full = match (limit.filter(|&limit| limit > 0), what) {
            (Some(limit), _) => limit as f64,
            (None, Trend::Cpu) => 1000.0,
            (None, Trend::Memory) => most,
        };
        values.into_iter().map(|value| value.map(|value| value / full)).collect()
    }
}

/// `cpu` in thousandths of a core, `memory` in bytes, traffic in bytes/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: u64,
    pub memory: u64,
    pub received: u64,
    pub sent: u64,
}

/// What a row of little bars tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    Cpu,
    Memory,
}

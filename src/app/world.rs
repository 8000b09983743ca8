//! Everything that the screens look at and do not own. Changed only by `App::observe` and `App::carry`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use crate::{
    app::backups::Backups,
    config,
    domain::{
        ClusterName, Engine, Happening, InstanceId, Inventory, Limits, Operation, OperationId, Scope, Service,
        ServiceId, Trouble, units,
    },
    message::{Answer, Forward, ForwardState, Notice, Question, Refresh, Subscriptions, TailState, Weight},
    plan,
    store::{
        log,
        series::{self, Metric},
    },
};

/// How many engine events and notices are remembered.
const REMEMBERED: usize = 2000;
/// How old the answer may get to what a person may do.
const RIGHTS_EVERY: Duration = Duration::from_secs(60);
/// For how long after an error they are asked more often.
const RIGHTS_DOUBTED: SignedDuration = SignedDuration::from_secs(60);

pub struct World {
    pub now: Timestamp,
    pub inventory: Inventory,
    /// The clusters that somebody looked at: connected from then on, also those that are not connected at start.
    pub visited: BTreeSet<ClusterName>,
    pub log: log::Store,
    /// The tails that are wanted now, and how each is doing.
    pub tails: BTreeMap<InstanceId, TailState>,
    pub series: series::Store,
    /// Newest last.
    pub happenings: VecDeque<(ClusterName, Happening)>,
    pub answers: BTreeMap<Question, Result<Answer, Trouble>>,
    /// How each forward is doing, by its port of this machine.
    pub forwards: BTreeMap<u16, ForwardState>,
    /// Those that a person asked for: they stay whatever screen is open.
    pub forwards_wanted: BTreeMap<u16, Forward>,
    pub backups: Backups,
    pub operations: BTreeMap<OperationId, Operation>,
    /// Those that this process carries out: leaving would leave them alone.
    pub ours: BTreeSet<OperationId>,
    /// Newest last.
    pub notices: VecDeque<Notice>,
    /// Warnings and errors that came since the notices were last looked at.
    pub unread: usize,
    /// Until when changes are allowed, where they have to be (`Settings::arm`).
    pub armed: Option<Timestamp>,
    pub settings: Settings,
}

/// What the config and the command line said, as far as the app decides by it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub read_only: bool,
    /// A plan asks for a reason before it can be confirmed.
    pub ask_reason: bool,
    /// Releases that a host keeps, where the console writes them down.
    pub keep_releases: u32,
    /// Nothing is changed unless a person armed the console before.
    pub arm: Option<Arming>,
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
    /// Where backups are kept and what of; `None` where the config does not say.
    pub backups: Option<Arc<config::backup::Backups>>,
    /// Of the person who looks: times of day are told in it.
    pub zone: TimeZone,
}

/// How long being armed holds, and the key that does it, for the words of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arming {
    pub lasts: Duration,
    pub key: Arc<str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_only: false,
            ask_reason: false,
            arm: None,
            keep_releases: plan::KEPT,
            clusters: Vec::new(),
            scopes: Vec::new(),
            log_memory: 48 << 20,
            tail_lines: 1000,
            who: "somebody".into(),
            save_into: std::path::PathBuf::from("."),
            tried: Vec::new(),
            is_demo: false,
            measure: true,
            backups: None,
            zone: TimeZone::UTC,
        }
    }
}

impl Settings {
    pub(super) fn shows(&self, service: &ServiceId) -> bool {
        (self.clusters.is_empty() || self.clusters.contains(&service.cluster))
            && (self.scopes.is_empty() || self.scopes.contains(&service.scope))
    }
}

impl World {
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self {
            now,
            inventory: Inventory::default(),
            visited: BTreeSet::new(),
            log: log::Store::new(settings.log_memory),
            tails: BTreeMap::new(),
            series: series::Store::default(),
            happenings: VecDeque::new(),
            answers: BTreeMap::new(),
            forwards: BTreeMap::new(),
            forwards_wanted: BTreeMap::new(),
            backups: Backups::default(),
            operations: BTreeMap::new(),
            ours: BTreeSet::new(),
            notices: VecDeque::new(),
            unread: 0,
            armed: None,
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

    /// For how long changes are still allowed; `None` where nobody has to allow them, or nobody did.
    pub fn armed_for(&self) -> Option<Duration> {
        let left = self.armed?.duration_since(self.now);
        Duration::try_from(left).ok().filter(|left| !left.is_zero() && self.settings.arm.is_some())
    }

    /// What would have to be done before anything may be changed.
    pub fn is_armed(&self) -> Result<(), String> {
        match &self.settings.arm {
            Some(arming) if self.armed_for().is_none() => {
                let lasts = units::age(arming.lasts.as_secs());
                Err(format!("nothing is changed before it is armed: press {} to arm for {lasts}", arming.key))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The operation that is changing a service now, or was interrupted while it did.
    pub fn operation_on(&self, service: &ServiceId) -> Option<&Operation> {
        self.operations.values().rev().find(|operation| operation.service == *service && !operation.is_over())
    }

    /// What was done to the service since an operation was cut off, which can only be left then.
    pub fn overtaken_by(&self, operation: &Operation) -> Option<&Operation> {
        self.operations.values().rev().find(|other| other.has_overtaken(operation))
    }

    /// What the person may do where a service lives, while it is looked at. Asked anew at once when something has just gone wrong: it may
    /// have been taken from them.
    pub fn ask_rights(&self, service: &ServiceId, wanted: &mut Subscriptions) {
        let engine = self.inventory.cluster(&service.cluster).map(|cluster| cluster.engine);
        if engine != Some(Engine::Kubernetes) {
            return;
        }
        let doubt = self.notices.iter().rev().take_while(|notice| self.now.duration_since(notice.at) < RIGHTS_DOUBTED);
        let is_doubted = doubt.into_iter().any(|notice| notice.weight == Weight::Error);
        let every = if is_doubted { RIGHTS_EVERY / 4 } else { RIGHTS_EVERY };
        let question = Question::Rights(service.cluster.clone(), service.scope.clone());
        wanted.answers.insert(question, Refresh::Every(every));
    }

    /// With what a service can be rolled out and back, anew whenever it is another one.
    pub fn ask_means(&self, service: &ServiceId, wanted: &mut Subscriptions) {
        let fingerprint = self.inventory.service(service).map_or(0, |service| service.fingerprint);
        wanted.answers.insert(Question::Means(service.clone()), Refresh::WhenChanged(fingerprint));
    }

    /// The clusters that are connected, or should be.
    pub fn wanted_clusters(&self) -> BTreeSet<ClusterName> {
        let wanted =
            self.inventory.clusters().filter(|cluster| cluster.at_start || self.visited.contains(&cluster.name));
        wanted.map(|cluster| cluster.name.clone()).collect()
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
        let instances = self.inventory.members_of(service);
        instances.filter(|instance| instance.state.is_alive()).map(|instance| instance.id.clone())
    }

    /// What a service uses now, over all its instances that were measured lately; `None` where none was.
    pub fn usage(&self, service: &ServiceId) -> Option<Usage> {
        let measured = self.inventory.member_ids(service).filter_map(|id| self.series.fresh(id, self.now));
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
        let mean = |metric, now: u64| {
            let last = self.series.sum_of_tens(self.inventory.member_ids(service), metric, 1, self.now);
            last.first().copied().flatten().map_or(now, |mean| mean.round() as u64)
        };
        Some(Usage { cpu: mean(Metric::Cpu, now.cpu), memory: mean(Metric::Memory, now.memory), ..now })
    }

    /// The last `cells` times ten seconds of a service, oldest first: CPU as a share of its limit or of one core, memory of its limit
    /// or of the most that is shown.
    pub fn trend(&self, service: &ServiceId, what: Trend, cells: usize) -> Vec<Option<f64>> {
        let (metric, limit): (_, fn(&Limits) -> Option<u64>) = match what {
            Trend::Cpu => (Metric::Cpu, |limits| limits.cpu),
            Trend::Memory => (Metric::Memory, |limits| limits.memory),
        };
        let values = self.series.sum_of_tens(self.inventory.member_ids(service), metric, cells, self.now);
        if values.iter().all(Option::is_none) {
            return values;
        }
        let limit: Option<u64> = self.inventory.members_of(service).map(|instance| limit(&instance.limits)).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service_id, world};

    fn rights(world: &World) -> Option<(Question, Refresh)> {
        let mut wanted = Subscriptions::default();
        world.ask_rights(&service_id("shop/web"), &mut wanted);
        wanted.answers.into_iter().next()
    }

    #[test]
    fn rights_are_asked_where_there_are_any_and_anew_when_something_went_wrong() {
        assert_eq!(rights(&world().service("shop/web", 1).build()), None);
        let on_kubernetes =
            || world().service("shop/web", 1).on("local", |cluster| cluster.engine = Engine::Kubernetes);
        let question = Question::Rights("local".into(), "shop".into());
        assert_eq!(rights(&on_kubernetes().build()), Some((question.clone(), Refresh::Every(RIGHTS_EVERY))));
        let noted =
            |ago, weight| rights(&on_kubernetes().notice(ago, weight, "restart shop/web: forbidden", None).build());
        let calm = Some((question.clone(), Refresh::Every(RIGHTS_EVERY)));
        assert_eq!(noted(5, Weight::Info), calm);
        assert_ne!(noted(5, Weight::Error), calm);
        assert_eq!(noted(500, Weight::Error), calm);
    }
}

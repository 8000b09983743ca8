//! Charts of one service: of all its instances together, or of one.

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
    domain::{Capability, Instance, InstanceId, Link, Sample, ServiceId, units},
    message::{Effect, Subscriptions},
};

/// A measurement comes about once a second; one this old (seconds) is shown with its age.
const STALE_AFTER: i64 = 10;

#[derive(Debug)]
pub struct Metrics {
    pub service: ServiceId,
    /// `None`: all instances together.
    pub shown: Option<InstanceId>,
    pub span: Span,
    /// The chart that is in sight where there is room for one only.
    pub chart: Chart,
    /// One chart although there is room for all.
    pub is_alone: bool,
}

/// How far back the charts reach, as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    TenMinutes,
    TwoHours,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    Cpu,
    Memory,
    Network,
    Disk,
    Processes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Cpu,
    Memory,
    Received,
    Sent,
    Read,
    Written,
    Pids,
}

/// All that one chart shows.
#[derive(Clone, Debug)]
pub struct Panel {
    pub chart: Chart,
    /// What is said of it in words: the last values against their limit, and what the numbers mean.
    pub value: String,
    pub note: String,
    pub lines: Vec<Line>,
    pub limit: Option<f64>,
    /// When the last measurement was made, where that is too long ago.
    pub stale: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub metric: Metric,
    /// One a step of the span, newest last; `None` where nothing was measured.
    pub points: Vec<Option<f64>>,
}

impl Span {
    pub fn step_seconds(self) -> i64 {
        match self {
            Self::TenMinutes => 1,
            Self::TwoHours => 10,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::TenMinutes => "last 10 min",
            Self::TwoHours => "last 2 h",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::TenMinutes => Self::TwoHours,
            Self::TwoHours => Self::TenMinutes,
        }
    }
}

impl Chart {
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Memory, Self::Network, Self::Disk, Self::Processes];

    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "MEMORY",
            Self::Network => "NETWORK",
            Self::Disk => "DISK",
            Self::Processes => "PIDS",
        }
    }

    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Cpu => &[Metric::Cpu],
            Self::Memory => &[Metric::Memory],
            Self::Network => &[Metric::Received, Metric::Sent],
            Self::Disk => &[Metric::Read, Metric::Written],
            Self::Processes => &[Metric::Pids],
        }
    }

    fn limit_of(self, instance: &Instance) -> Option<u64> {
        match self {
            Self::Cpu => instance.limits.cpu,
            Self::Memory => instance.limits.memory,
            Self::Processes => instance.limits.pids,
            Self::Network | Self::Disk => None,
        }
    }
}

impl Metric {
    pub fn of(self, sample: &Sample) -> u64 {
        match self {
            Self::Cpu => sample.cpu,
            Self::Memory => sample.memory,
            Self::Received => sample.received,
            Self::Sent => sample.sent,
            Self::Read => sample.read,
            Self::Written => sample.written,
            Self::Pids => sample.pids,
        }
    }

    /// Distinguishes the two of one chart.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu | Self::Memory | Self::Pids => "",
            Self::Received => "in",
            Self::Sent => "out",
            Self::Read => "read",
            Self::Written => "write",
        }
    }

    pub fn tell(self, value: f64) -> String {
        let value = value.max(0.0).round() as u64;
        match self {
            Self::Cpu => units::cpu(value),
            Self::Memory => units::bytes(value),
            Self::Received | Self::Sent | Self::Read | Self::Written => format!("{}/s", units::bytes(value)),
            Self::Pids => units::count(value),
        }
    }

    /// Sizes are counted by two, the rest by ten: so is the scale of their axis.
    pub fn is_binary(self) -> bool {
        match self {
            Self::Cpu | Self::Pids => false,
            Self::Memory | Self::Received | Self::Sent | Self::Read | Self::Written => true,
        }
    }
}

impl Metrics {
    pub fn of(service: ServiceId) -> Self {
        Self { service, shown: None, span: Span::TenMinutes, chart: Chart::Cpu, is_alone: false }
    }

    /// What the arrows go round: all together, then each by name. One instance alone is all there is.
    pub fn choices(&self, world: &World) -> Vec<Option<InstanceId>> {
        let instances = world.inventory.instances_of(&self.service);
        let each = instances.iter().map(|instance| Some(instance.id.clone()));
        std::iter::once(None).chain(each.filter(|_| instances.len() > 1)).collect()
    }

    /// The instances whose measurements are shown. One that is gone takes its choice with it.
    pub fn instances<'a>(&self, world: &'a World) -> Vec<&'a Instance> {
        let all = world.inventory.instances_of(&self.service);
        match all.iter().find(|instance| Some(&instance.id) == self.shown.as_ref()) {
            Some(one) => vec![one],
            None => all,
        }
    }

    pub fn panels(&self, world: &World) -> Vec<Panel> {
        let instances = self.instances(world);
        let readings = |id: &InstanceId, metric| points(world, id, metric, self.span);
        let latest = |id: &InstanceId| latest(world, id);
        Chart::ALL.map(|chart| panel(chart, &instances, &readings, &latest, world.now)).into()
    }

    /// Why there is nothing to draw, and nothing to be expected of these instances now.
    pub fn unmeasured(&self, world: &World) -> Option<String> {
        let cluster = world.inventory.cluster(&self.service.cluster)?;
        if let Err(reason) = cluster.capabilities.allow(Capability::Metrics) {
            return Some(reason.to_string());
        }
        match &cluster.link {
            Link::Lost { why, .. } => return Some(why.line()),
            Link::Connecting { .. } => return Some(format!("{} is not connected yet", cluster.name)),
            Link::Live { .. } => {}
        }
        let instances = self.instances(world);
        if instances.is_empty() {
            return Some("there are no instances".into());
        }
        (!instances.iter().any(|instance| instance.state.is_alive())).then(|| match instances.as_slice() {
            [one] => format!("{} is {}", one.name, one.state.word()),
            _ => "none of the instances runs".into(),
        })
    }

    fn choose(&mut self, world: &World, forward: bool) {
        let choices = self.choices(world);
        let at = choices.iter().position(|choice| *choice == self.shown).unwrap_or(0);
        let step = if forward { 1 } else { choices.len() - 1 };
        self.shown = choices[(at + step) % choices.len()].clone();
    }

    fn turn(&mut self, forward: bool) {
        let at = Chart::ALL.iter().position(|chart| *chart == self.chart).unwrap_or(0);
        let step = if forward { 1 } else { Chart::ALL.len() - 1 };
        self.chart = Chart::ALL[(at + step) % Chart::ALL.len()];
    }
}

impl Page for Metrics {
    fn place(&self) -> Place {
        Place::Metrics
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::Left | Action::PreviousPane => self.choose(world, false),
            Action::Right | Action::NextPane => self.choose(world, true),
            Action::Up => self.turn(false),
            Action::Down => self.turn(true),
            Action::First => self.chart = Chart::ALL[0],
            Action::Last => self.chart = Chart::ALL[Chart::ALL.len() - 1],
            Action::Open => self.is_alone = !self.is_alone,
            Action::Back if self.is_alone => self.is_alone = false,
            Action::Span => self.span = self.span.next(),
            Action::Copy => {
                let told =
                    self.panels(world).into_iter().map(|panel| format!("{} {}", panel.chart.title(), panel.value));
                return Reply::stay().with(Effect::Copy(told.collect::<Vec<_>>().join("\n")));
            }
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        Some(match (&self.shown, self.instances(world).as_slice()) {
            (Some(id), [one]) if one.id == *id => Subject::Instance(id.clone()),
            _ => Subject::Service(self.service.clone()),
        })
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if is_top {
            let instances = self.instances(world);
            let alive = instances.iter().filter(|instance| instance.state.is_alive());
            wanted.samples.extend(measurable(world, alive.map(|instance| &instance.id)));
        }
    }

    fn click(&mut self, _pane: usize, row: usize, _world: &World) {
        if let Some(chart) = Chart::ALL.get(row) {
            self.chart = *chart;
        }
    }
}

/// Those whose engine measures at all.
pub fn measurable<'a>(
    world: &World,
    instances: impl Iterator<Item = &'a InstanceId>,
) -> impl Iterator<Item = InstanceId> {
    let measures = |id: &&InstanceId| {
        let cluster = world.inventory.cluster(&id.cluster);
        cluster.is_some_and(|cluster| cluster.capabilities.allow(Capability::Metrics).is_ok())
    };
    instances.filter(measures).cloned()
}

/// The last measurement of an instance, however old.
pub fn latest(_world: &World, _instance: &InstanceId) -> Option<Sample> {
    None
}

/// What was measured, one point a step of the span, newest last: the last one belongs to the step that `world.now` is in.
pub fn points(_world: &World, _instance: &InstanceId, _metric: Metric, _span: Span) -> Vec<Option<f64>> {
    Vec::new()
}

/// One chart of these instances together.
pub fn panel(
    chart: Chart,
    instances: &[&Instance],
    readings: &dyn Fn(&InstanceId, Metric) -> Vec<Option<f64>>,
    latest: &dyn Fn(&InstanceId) -> Option<Sample>,
    now: Timestamp,
) -> Panel {
    let alive: Vec<_> = instances.iter().filter(|instance| instance.state.is_alive()).collect();
    let lines = chart.metrics().iter().map(|&metric| {
        let each: Vec<_> = instances.iter().map(|instance| readings(&instance.id, metric)).collect();
        Line { metric, points: sum(&each) }
    });
    // Together they have a limit only if each has one.
    let limits: Option<Vec<u64>> = alive.iter().map(|instance| chart.limit_of(instance)).collect();
    let limit = limits.filter(|limits| !limits.is_empty()).map(|limits| limits.iter().sum::<u64>() as f64);
    let samples: Vec<Sample> = alive.iter().filter_map(|instance| latest(&instance.id)).collect();
    let oldest = samples.iter().map(|sample| sample.at).min();
    Panel {
        chart,
        value: if samples.is_empty() { "-".into() } else { value(chart, &samples, limit) },
        note: note(chart, limit),
        lines: lines.collect(),
        limit,
        stale: oldest.filter(|at| now.as_second() - at.as_second() > STALE_AFTER),
    }
}

fn value(chart: Chart, samples: &[Sample], limit: Option<f64>) -> String {
    let total = |metric: Metric| samples.iter().map(|sample| metric.of(sample)).sum::<u64>() as f64;
    match (chart, chart.metrics()) {
        (Chart::Cpu, _) => format!("{}  {:.0} %", units::cpu(total(Metric::Cpu) as u64), total(Metric::Cpu) / 10.0),
        (_, [metric]) => match limit {
            Some(limit) if limit > 0.0 => {
                let share = total(*metric) * 100.0 / limit;
                format!("{} of {}  {share:.0} %", metric.tell(total(*metric)), metric.tell(limit))
            }
            _ => metric.tell(total(*metric)),
        },
        (_, metrics) => {
            let told = metrics.iter().map(|metric| format!("{} {}", metric.word(), metric.tell(total(*metric))));
            told.collect::<Vec<_>>().join("  ")
        }
    }
}

fn note(chart: Chart, limit: Option<f64>) -> String {
    match (chart, limit) {
        (Chart::Cpu, Some(limit)) => format!("100 % = 1 core; limit {} cores", limit / 1000.0),
        (Chart::Cpu, None) => "100 % = 1 core; no limit".into(),
        (Chart::Memory, Some(_)) => "without page cache".into(),
        (Chart::Memory, None) => "without page cache; no limit".into(),
        (Chart::Network, _) => "all interfaces".into(),
        (Chart::Disk, _) => "block devices".into(),
        (Chart::Processes, Some(_)) => String::new(),
        (Chart::Processes, None) => "no limit".into(),
    }
}

/// Adds up what belongs to the same step. A hole in the measurements of one instance is a hole in the sum, which would otherwise show a
/// fall that never was; before its first and after its last measurement an instance adds nothing.
fn sum(each: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let steps = each.iter().map(Vec::len).max().unwrap_or(0);
    let mut total: Vec<Option<f64>> = vec![None; steps];
    let mut is_hole = vec![false; steps];
    for points in each {
        let offset = steps - points.len();
        let first = points.iter().position(Option::is_some).unwrap_or(points.len());
        let end = points.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for (index, point) in points.iter().enumerate().take(end).skip(first) {
            match point {
                Some(value) => *total[offset + index].get_or_insert(0.0) += value,
                None => is_hole[offset + index] = true,
            }
        }
    }
    total.into_iter().zip(is_hole).map(|(value, is_hole)| value.filter(|_| !is_hole)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::InstanceState,
        testing::{self, instance_id, seconds_ago, service_id, world},
    };

    fn sample(cpu: u64, age: i64) -> Sample {
        Sample { at: seconds_ago(age), cpu, memory: 64 << 20, received: 0, sent: 0, read: 0, written: 0, pids: 4 }
    }

    fn wanted(screen: &Metrics, world: &World, is_top: bool) -> Vec<InstanceId> {
        let mut wanted = Subscriptions::default();
        screen.subscribe(world, is_top, &mut wanted);
        wanted.samples.into_iter().collect()
    }

    #[test]
    fn only_living_instances_are_measured_and_only_while_somebody_looks() {
        let world = world().service("shop/web", 2).exited("shop-web-1", 1, "exit 1").build();
        let screen = Metrics::of(service_id("shop/web"));
        assert_eq!(wanted(&screen, &world, true), [instance_id("shop-web-2")]);
        assert_eq!(wanted(&screen, &world, false), []);
    }

    #[test]
    fn an_engine_that_does_not_measure_is_not_asked_and_the_reason_is_told() {
        let world = world().service("shop/web", 2).without(Capability::Metrics, "stats are switched off").build();
        let screen = Metrics::of(service_id("shop/web"));
        assert_eq!(wanted(&screen, &world, true), []);
        assert_eq!(screen.unmeasured(&world).as_deref(), Some("stats are switched off"));
    }

    #[test]
    fn the_arrows_go_round_all_together_and_each_instance() {
        let world = world().service("shop/web", 2).build();
        let mut screen = Metrics::of(service_id("shop/web"));
        let mut seen = Vec::new();
        for _ in 0..3 {
            screen.act(Action::Right, &world);
            seen.push(screen.subject(&world).unwrap());
        }
        let each = ["shop-web-1", "shop-web-2"].map(|name| Subject::Instance(instance_id(name)));
        assert_eq!(seen, [&each[..], &[Subject::Service(service_id("shop/web"))]].concat());
    }

    #[test]
    fn an_instance_that_goes_leaves_the_others_in_sight() {
        let mut world = world().service("shop/web", 2).build();
        let mut screen = Metrics::of(service_id("shop/web"));
        screen.act(Action::Right, &world);
        let gone = crate::domain::Change::InstanceGone(instance_id("shop-web-1"));
        world.inventory.apply(&testing::CLUSTER.into(), gone, testing::now());
        assert_eq!(screen.instances(&world).len(), 1);
        assert_eq!(screen.subject(&world), Some(Subject::Service(service_id("shop/web"))));
    }

    #[test]
    fn a_hole_in_one_is_a_hole_in_the_sum_but_a_late_start_is_not() {
        let steady = vec![Some(1.0), Some(1.0), Some(1.0), Some(1.0)];
        let with_hole = vec![Some(2.0), None, Some(2.0), Some(2.0)];
        let late = vec![Some(5.0)];
        assert_eq!(sum(&[steady, with_hole, late]), [Some(3.0), None, Some(3.0), Some(8.0)]);
    }

    #[test]
    fn what_a_hundred_percent_means_is_said_beside_the_limit() {
        let world =
            world().service("shop/web", 1).instance("shop-web-1", |instance| instance.limits.cpu = Some(500)).build();
        let instances = world.inventory.instances_of(&service_id("shop/web"));
        let panel = panel(Chart::Cpu, &instances, &|_, _| Vec::new(), &|_| Some(sample(210, 1)), world.now);
        assert_eq!((panel.value.as_str(), panel.note.as_str()), ("210m  21 %", "100 % = 1 core; limit 0.5 cores"));
        assert_eq!(panel.stale, None);
    }

    #[test]
    fn a_measurement_that_is_old_is_told_with_its_time() {
        let world = world().service("shop/web", 1).build();
        let instances = world.inventory.instances_of(&service_id("shop/web"));
        let panel = panel(Chart::Processes, &instances, &|_, _| Vec::new(), &|_| Some(sample(0, 95)), world.now);
        assert_eq!(panel.stale, Some(seconds_ago(95)));
    }

    #[test]
    fn together_they_have_a_limit_only_if_each_has_one() {
        let mut world = world().service("shop/web", 2).build();
        testing::change(&mut world, "shop-web-1", |instance| instance.limits.memory = Some(1 << 30));
        let limit = |world: &World| {
            let instances = world.inventory.instances_of(&service_id("shop/web"));
            panel(Chart::Memory, &instances, &|_, _| Vec::new(), &|_| None, world.now).limit
        };
        assert_eq!(limit(&world), None);
        testing::change(&mut world, "shop-web-2", |instance| instance.limits.memory = Some(1 << 30));
        assert_eq!(limit(&world), Some((2_u64 << 30) as f64));
        testing::change(&mut world, "shop-web-2", |instance| instance.state = InstanceState::Dead);
        assert_eq!(limit(&world), Some((1_u64 << 30) as f64), "a dead one's limit is nobody's");
    }
}

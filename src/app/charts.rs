//! What one chart shows: the measurements of some instances together, and what is said of them in words.

use jiff::Timestamp;

use crate::{
    domain::{Instance, InstanceId, Sample, units},
    store::series::Metric,
};

/// A measurement comes about once a second; one this old (seconds) is shown with its age.
const STALE_AFTER: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    Cpu,
    Memory,
    Network,
    Disk,
    Processes,
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
        (Chart::Cpu, Some(limit)) => format!("100 % = 1 core; limit {}", cores(limit)),
        (Chart::Cpu, None) => "100 % = 1 core; no limit".into(),
        (Chart::Memory, Some(_)) => "without page cache".into(),
        (Chart::Memory, None) => "without page cache; no limit".into(),
        (Chart::Network, _) => "all interfaces".into(),
        (Chart::Disk, _) => "block devices".into(),
        (Chart::Processes, Some(_)) => String::new(),
        (Chart::Processes, None) => "no limit".into(),
    }
}

fn cores(milli: f64) -> String {
    if milli == 1000.0 { "1 core".into() } else { format!("{} cores", milli / 1000.0) }
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
        app::World,
        domain::InstanceState,
        testing::{self, seconds_ago, service_id, world},
    };

    fn sample(cpu: u64, age: i64) -> Sample {
        Sample { at: seconds_ago(age), cpu, memory: 64 << 20, received: 0, sent: 0, read: 0, written: 0, pids: 4 }
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

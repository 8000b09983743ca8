//! What pods use, as the two sources tell it: a kubelet's summary and metrics.k8s.io. Pure: decoding, and counters to rates.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{api::null_is_default, fault::Fault};
use crate::domain::Sample;

/// No source measures more seldom, in seconds.
const LONGEST_WINDOW: i64 = 60;

/// What was read of one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub at: Timestamp,
    /// thousandths of a core, over the source's own window
    cpu: Option<u64>,
    /// nanoseconds of all cores since it began, and when they were read
    cpu_time: Option<(Timestamp, u64)>,
    /// bytes
    memory: u64,
    /// bytes received and sent since it began, and when they were read
    network: Option<(Timestamp, u64, u64)>,
    processes: u64,
}

/// All that one question brought.
#[derive(Debug, Default, PartialEq)]
pub struct Round {
    /// By the pod's uid, or by its name where the source has no uid.
    pub pods: BTreeMap<Arc<str>, Reading>,
    /// How long the source measured for, where it says so.
    pub window: Option<Duration>,
}

/// The counters that rates are told from. They move at their own pace, each with a time of its own.
#[derive(Default)]
pub struct Rates {
    last: Option<Reading>,
    received: u64,
    sent: u64,
}

impl Rates {
    /// `None` where nothing was measured since.
    pub fn sample(&mut self, reading: &Reading) -> Option<Sample> {
        let last = self.last.replace(reading.clone());
        if last.as_ref().is_some_and(|last| reading.at <= last.at) {
            return None;
        }
        // The source knows its own times exactly, and tells them to the second.
        let counted = || busy(last.as_ref()?.cpu_time?, reading.cpu_time?);
        let cpu = reading.cpu.or_else(counted)?;
        if let Some((received, sent)) = last.as_ref().and_then(|last| traffic(last.network?, reading.network?)) {
            (self.received, self.sent) = (received, sent);
        }
        Some(Sample {
            at: reading.at,
            cpu,
            memory: reading.memory,
            received: self.received,
            sent: self.sent,
            read: 0,
            written: 0,
            pids: reading.processes,
            seconds: last.map_or(1, |last| covers(last.at, reading.at)),
        })
    }
}

/// What was measured stands for the time since the measurement before it, but not for a gap.
fn covers(before: Timestamp, now: Timestamp) -> u16 {
    u16::try_from(now.duration_since(before).as_secs().clamp(1, LONGEST_WINDOW)).unwrap_or(1)
}

/// Thousandths of a core between two readings; `None` where the counter began anew or did not move on.
fn busy(before: (Timestamp, u64), now: (Timestamp, u64)) -> Option<u64> {
    let seconds = now.0.duration_since(before.0).as_secs_f64();
    let used = now.1.checked_sub(before.1)? as f64;
    (seconds > 0.0).then(|| (used / seconds / 1e6).round() as u64)
}

fn traffic(before: (Timestamp, u64, u64), now: (Timestamp, u64, u64)) -> Option<(u64, u64)> {
    let seconds = now.0.duration_since(before.0).as_secs_f64();
    let rate = |before: u64, now: u64| (now.saturating_sub(before) as f64 / seconds).round() as u64;
    (seconds > 0.0).then(|| (rate(before.1, now.1), rate(before.2, now.2)))
}

/// `/stats/summary` of a kubelet.
#[derive(Deserialize)]
pub struct Summary {
    #[serde(default, deserialize_with = "null_is_default")]
    pods: Vec<SummaryPod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SummaryPod {
    pod_ref: PodRef,
    #[serde(default, deserialize_with = "null_is_default")]
    containers: Vec<SummaryContainer>,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    network: Option<Network>,
    #[serde(rename = "process_stats")]
    processes: Option<Processes>,
}

#[derive(Deserialize)]
struct PodRef {
    uid: Arc<str>,
}

#[derive(Deserialize)]
struct SummaryContainer {
    cpu: Option<Cpu>,
    memory: Option<Memory>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    time: Timestamp,
    usage_nano_cores: Option<u64>,
    usage_core_nano_seconds: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    working_set_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    time: Timestamp,
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
    #[serde(default)]
    interfaces: Vec<Interface>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Processes {
    process_count: u64,
}

impl Summary {
    pub fn round(self) -> Round {
        let pods = self.pods.into_iter().filter_map(|pod| Some((pod.pod_ref.uid.clone(), pod.reading()?))).collect();
        Round { pods, window: None }
    }
}

impl SummaryPod {
    /// A pod that has only just come has no numbers yet.
    fn reading(&self) -> Option<Reading> {
        let cpu = self.cpu.filter(|cpu| cpu.usage_nano_cores.is_some() || cpu.usage_core_nano_seconds.is_some());
        let cpus: Vec<Cpu> = match cpu {
            Some(cpu) => vec![cpu],
            None => self.containers.iter().filter_map(|container| container.cpu).collect(),
        };
        let at = cpus.iter().map(|cpu| cpu.time).max()?;
        let nanos: Option<u64> = cpus.iter().map(|cpu| cpu.usage_nano_cores).sum();
        let total: Option<u64> = cpus.iter().map(|cpu| cpu.usage_core_nano_seconds).sum();
        let memory = self.memory.and_then(|memory| memory.working_set_bytes).unwrap_or_else(|| {
            self.containers.iter().filter_map(|container| container.memory?.working_set_bytes).sum()
        });
        Some(Reading {
            at,
            cpu: nanos.map(|nanos| nanos.div_ceil(1_000_000)),
            // Containers are read one by one: their sum has no time of its own.
            cpu_time: total.filter(|_| cpus.len() == 1).map(|total| (at, total)),
            memory,
            network: self.network.as_ref().map(Network::total),
            processes: self.processes.as_ref().map_or(0, |processes| processes.process_count),
        })
    }
}

impl Network {
    /// Of all interfaces where they are told, as the default one is among them.
    fn total(&self) -> (Timestamp, u64, u64) {
        if self.interfaces.is_empty() {
            return (self.time, self.rx_bytes.unwrap_or(0), self.tx_bytes.unwrap_or(0));
        }
        let received = self.interfaces.iter().filter_map(|interface| interface.rx_bytes).sum();
        (self.time, received, self.interfaces.iter().filter_map(|interface| interface.tx_bytes).sum())
    }
}

/// `PodMetricsList` of metrics.k8s.io.
#[derive(Deserialize)]
pub struct PodMetrics {
    #[serde(default, deserialize_with = "null_is_default")]
    items: Vec<PodMetric>,
}

#[derive(Deserialize)]
struct PodMetric {
    metadata: Named,
    timestamp: Timestamp,
    #[serde(default)]
    window: String,
    #[serde(default, deserialize_with = "null_is_default")]
    containers: Vec<Measured>,
}

#[derive(Deserialize)]
struct Named {
    name: Arc<str>,
}

#[derive(Deserialize)]
struct Measured {
    usage: BTreeMap<String, String>,
}

impl PodMetrics {
    pub fn round(self) -> Result<Round, Fault> {
        let window = self.items.first().and_then(|item| item.window.parse::<SignedDuration>().ok()?.try_into().ok());
        let pods = self.items.into_iter().map(|item| {
            let sum = |what: &str| -> Result<f64, Fault> {
                item.containers.iter().filter_map(|container| container.usage.get(what)).map(|text| amount(text)).sum()
            };
            let reading = Reading {
                at: item.timestamp,
                cpu: Some((sum("cpu")? * 1000.0).ceil() as u64),
                cpu_time: None,
                memory: sum("memory")? as u64,
                network: None,
                processes: 0,
            };
            Ok((item.metadata.name, reading))
        });
        Ok(Round { pods: pods.collect::<Result<_, Fault>>()?, window })
    }
}

/// A quantity as Kubernetes writes it: `250m`, `1348711n`, `64Mi`, `1.5`.
fn amount(text: &str) -> Result<f64, Fault> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let found = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1.0));
    // Rust reads words as numbers that no amount is.
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.map(|number| number * factor).ok_or_else(|| Fault::Garbled("an amount that is no number".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(second: u32, busy: u64, received: u64) -> Value {
        let time = format!("2026-11-21T05:27:{second:02}Z");
        json!({
            "podRef": {"name": "web-1", "namespace": "shop", "uid": "u-1"},
            "containers": [{"name": "main", "cpu": {"time": time, "usageNanoCores": 900_000_000}}],
            "cpu": {"time": time, "usageNanoCores": 67_112_926, "usageCoreNanoSeconds": busy},
            "memory": {"time": time, "workingSetBytes": 765_952, "usageBytes": 900_000},
            "network": {
                "time": time, "name": "eth0", "rxBytes": received, "txBytes": 10,
                "interfaces": [{"name": "eth0", "rxBytes": received, "txBytes": 10}],
            },
            "process_stats": {"process_count": 3},
        })
    }

    fn reading(pod: Value) -> Reading {
        let summary: Summary = serde_json::from_value(json!({"node": {}, "pods": [pod]})).expect("a summary");
        summary.round().pods.into_values().next().expect("a reading")
    }

    #[test]
    fn a_first_reading_tells_what_the_kubelet_made_of_it() {
        let sample = Rates::default().sample(&reading(pod(6, 0, 0))).expect("a sample");
        assert_eq!((sample.cpu, sample.memory, sample.received, sample.pids), (68, 765_952, 0, 3));
    }

    #[test]
    fn two_readings_tell_rates_and_the_same_one_again_tells_nothing() {
        let mut rates = Rates::default();
        rates.sample(&reading(pod(6, 1_000_000_000, 1_000)));
        assert_eq!(rates.sample(&reading(pod(6, 1_000_000_000, 1_000))), None);
        let mut uncounted = pod(16, 6_000_000_000, 21_000);
        uncounted["cpu"].as_object_mut().expect("an object").remove("usageNanoCores");
        let sample = rates.sample(&reading(uncounted)).expect("a sample");
        assert_eq!((sample.cpu, sample.received, sample.sent), (500, 2_000, 0));
    }

    #[test]
    fn a_node_without_pods_may_say_so_with_a_null() {
        let summary: Summary = serde_json::from_value(json!({"node": {}, "pods": null})).expect("a summary");
        assert_eq!(summary.round(), Round::default());
    }

    #[test]
    fn traffic_that_was_not_read_anew_keeps_its_rate() {
        let mut rates = Rates::default();
        rates.sample(&reading(pod(0, 0, 0)));
        rates.sample(&reading(pod(10, 0, 10_000)));
        let mut stale = pod(20, 0, 10_000);
        stale["network"]["time"] = "2026-11-21T05:27:10Z".into();
        assert_eq!(rates.sample(&reading(stale)).expect("a sample").received, 1_000);
    }

    #[test]
    fn a_counter_that_began_anew_is_no_torrent() {
        let mut rates = Rates::default();
        rates.sample(&reading(pod(0, 9_000_000_000, 9_000)));
        let sample = rates.sample(&reading(pod(10, 1_000, 10))).expect("a sample");
        assert_eq!((sample.cpu, sample.received), (68, 0));
    }

    #[test]
    fn a_kubelet_that_tells_no_pods_total_has_its_containers_summed() {
        let mut old = pod(6, 0, 0);
        for key in ["cpu", "memory", "network", "process_stats"] {
            old.as_object_mut().expect("an object").remove(key);
        }
        old["containers"] = json!([
            {"cpu": {"time": "2026-11-21T05:27:06Z", "usageNanoCores": 100_000_000}, "memory": {"workingSetBytes": 5}},
            {"cpu": {"time": "2026-11-21T05:27:07Z", "usageNanoCores": 200_000_000}, "memory": {"workingSetBytes": 7}},
        ]);
        let sample = Rates::default().sample(&reading(old)).expect("a sample");
        assert_eq!((sample.cpu, sample.memory), (300, 12));
    }

    #[test]
    fn the_metrics_api_is_summed_over_a_pods_containers() {
        let list: PodMetrics = serde_json::from_value(json!({"items": [{
            "metadata": {"name": "web-1", "namespace": "shop"},
            "timestamp": "2026-11-21T05:27:06Z", "window": "1m0.043s",
            "containers": [
                {"name": "main", "usage": {"cpu": "250m", "memory": "64Mi"}},
                {"name": "side", "usage": {"cpu": "1500000n", "memory": "1024Ki"}},
            ],
        }]}))
        .expect("a list");
        let round = list.round().expect("understood");
        assert_eq!(round.window, Some(Duration::from_millis(60_043)));
        let sample = Rates::default().sample(&round.pods["web-1"]).expect("a sample");
        assert_eq!((sample.cpu, sample.memory), (252, 65 << 20));
    }

    #[test]
    fn an_amount_is_read_with_every_suffix_and_refused_without_a_number() {
        for (text, expected) in [("1.5", 1.5), ("250m", 0.25), ("2k", 2000.0), ("1Ki", 1024.0), ("1e3", 1000.0)] {
            assert_eq!(amount(text).ok(), Some(expected), "{text}");
        }
        for text in ["", "Mi", "-1", "NaN", "many"] {
            assert!(amount(text).is_err(), "{text}");
        }
    }
}

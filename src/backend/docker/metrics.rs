//! Turns the engine's counters into rates. The arithmetic is pure; what each number means on cgroup v1 and v2 stands beside it.

use std::collections::BTreeMap;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;

use super::{
    api::{Api, Framing, Id, Lines},
    container::time,
    fault::Fault,
};
use crate::domain::{InstanceId, Sample, Trouble};

pub fn sample(api: Api, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
    let what = "could not measure the container";
    let id = match Id::new(&instance.key) {
        Ok(id) => id.to_string(),
        Err(fault) => return stream::once(async move { Err(fault.trouble(what)) }).boxed(),
    };
    let body = api.body(&format!("/containers/{id}/stats?stream=1"), Framing::Chunked);
    let mut lines = Lines::default();
    let mut before: Option<Frame> = None;
    body.map(move |piece| match piece {
        Err(fault) => vec![Err(told(fault))],
        Ok(bytes) => lines
            .push(&bytes)
            .iter()
            // A frame that cannot be read is one point missing.
            .filter_map(|line| serde_json::from_slice::<Frame>(line).ok())
            .filter_map(|frame| {
                let sample = before.as_ref().and_then(|before| rates(before, &frame));
                before = Some(frame);
                sample.map(Ok)
            })
            .collect(),
    })
    .flat_map(stream::iter)
    .boxed()
}

fn told(fault: Fault) -> Trouble {
    fault.trouble("could not measure the container")
}

/// `None` where there is nothing to compare with: the engine's zero frame for a container that has ended, or the same frame again.
fn rates(before: &Frame, now: &Frame) -> Option<Sample> {
    let (then, at) = (time(before.read.as_deref())?, time(now.read.as_deref())?);
    let seconds = at.duration_since(then).as_secs_f64();
    if seconds <= 0.0 {
        return None;
    }
    // A counter that went back began anew: nothing is known of this interval, so it counts as none.
    let rate = |before: u64, now: u64| (now.saturating_sub(before) as f64 / seconds).round() as u64;
    let ((received_before, sent_before), (received, sent)) = (before.network(), now.network());
    let ((read_before, written_before), (read, written)) = (before.blocks(), now.blocks());
    Some(Sample {
        at,
        cpu: cpu(before, now, seconds),
        memory: now.memory(),
        received: rate(received_before, received),
        sent: rate(sent_before, sent),
        read: rate(read_before, read),
        written: rate(written_before, written),
        pids: now.pids_stats.as_ref().and_then(|pids| pids.current).unwrap_or(0),
        seconds: 1,
    })
}

/// Thousandths of a core. By the host's own clock ticks where both frames have them (`docker stats` does so too, and it is right also when
/// the engine was late), else by the time between the frames.
fn cpu(before: &Frame, now: &Frame, seconds: f64) -> u64 {
    let used = now.cpu_total().saturating_sub(before.cpu_total()) as f64;
    let cores = f64::from(now.cpu_stats.online_cpus.filter(|cores| *cores > 0).unwrap_or_else(|| {
        let per_cpu = now.cpu_stats.cpu_usage.percpu_usage.as_ref().map_or(1, Vec::len);
        u32::try_from(per_cpu.max(1)).unwrap_or(1)
    }));
    let host = match (before.cpu_stats.system_cpu_usage, now.cpu_stats.system_cpu_usage) {
        (Some(before), Some(now)) if now > before => (now - before) as f64,
        _ => return (used / (seconds * 1e9) * 1000.0).round() as u64,
    };
    let milli = used / host * cores * 1000.0;
    // Two counters that are read one after the other may say a little more than all there is.
    milli.min(cores * 1000.0).round() as u64
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Frame {
    read: Option<String>,
    cpu_stats: Cpu,
    memory_stats: Memory,
    networks: Option<BTreeMap<String, Network>>,
    blkio_stats: Option<Blocks>,
    pids_stats: Option<Pids>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: Usage,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    /// nanoseconds of all cores
    total_usage: Option<u64>,
    percpu_usage: Option<Vec<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: Option<u64>,
    stats: Option<BTreeMap<String, u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Blocks {
    io_service_bytes_recursive: Option<Vec<BlockEntry>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BlockEntry {
    /// `Read` on cgroup v1, `read` on v2
    op: Option<String>,
    value: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pids {
    current: Option<u64>,
}

impl Frame {
    fn cpu_total(&self) -> u64 {
        self.cpu_stats.cpu_usage.total_usage.unwrap_or(0)
    }

    /// Without the page cache that the kernel gives back when it is asked: `total_inactive_file` on v1, `inactive_file` on v2, as the
    /// docker CLI does since 20.10; `cache` where an older kernel has neither.
    fn memory(&self) -> u64 {
        let usage = self.memory_stats.usage.unwrap_or(0);
        let stat = |name: &str| self.memory_stats.stats.as_ref().and_then(|stats| stats.get(name)).copied();
        let cache =
            stat("total_inactive_file").or_else(|| stat("inactive_file")).or_else(|| stat("cache")).unwrap_or(0);
        usage.checked_sub(cache).unwrap_or(usage)
    }

    fn network(&self) -> (u64, u64) {
        let all = || self.networks.iter().flat_map(BTreeMap::values);
        (all().filter_map(|network| network.rx_bytes).sum(), all().filter_map(|network| network.tx_bytes).sum())
    }

    fn blocks(&self) -> (u64, u64) {
        let entries = self.blkio_stats.as_ref().and_then(|blocks| blocks.io_service_bytes_recursive.as_deref());
        let of = |wanted: &str| {
            let is_it = |entry: &&BlockEntry| entry.op.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(wanted));
            entries.unwrap_or_default().iter().filter(is_it).filter_map(|entry| entry.value).sum()
        };
        (of("read"), of("write"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn frame(second: u32, cpu: u64, host: u64) -> serde_json::Value {
        json!({
            "read": format!("2026-11-21T02:00:{second:02}Z"),
            "cpu_stats": {"cpu_usage": {"total_usage": cpu}, "system_cpu_usage": host, "online_cpus": 4},
            "memory_stats": {"usage": 1000, "stats": {"inactive_file": 300, "cache": 900}},
            "pids_stats": {"current": 7},
        })
    }

    fn read(value: serde_json::Value) -> Frame {
        serde_json::from_value(value).expect("a frame")
    }

    #[test]
    fn one_busy_core_of_four_is_a_thousand() {
        let sample = rates(&read(frame(1, 0, 0)), &read(frame(2, 1_000_000_000, 4_000_000_000)));
        assert_eq!(sample.expect("two frames").cpu, 1000);
    }

    #[test]
    fn without_the_hosts_ticks_cpu_is_measured_by_the_clock() {
        let without = |second, cpu| {
            let mut frame = frame(second, cpu, 0);
            frame["cpu_stats"].as_object_mut().expect("an object").remove("system_cpu_usage");
            read(frame)
        };
        assert_eq!(rates(&without(1, 0), &without(3, 1_000_000_000)).expect("two frames").cpu, 500);
    }

    #[test]
    fn memory_is_told_without_the_cache_that_can_be_given_back_on_both_cgroup_versions() {
        assert_eq!(read(frame(1, 0, 0)).memory(), 700);
        let v1 = json!({"memory_stats": {"usage": 1000, "stats": {"total_inactive_file": 100, "inactive_file": 50}}});
        assert_eq!(read(v1).memory(), 900);
        let only_cache = json!({"memory_stats": {"usage": 1000, "stats": {"cache": 400}}});
        assert_eq!(read(only_cache).memory(), 600);
    }

    #[test]
    fn all_networks_and_all_disks_are_summed_and_told_per_second() {
        let at = |second: u32, factor: u64| {
            let mut frame = frame(second, 0, 1);
            frame["networks"] = json!({
                "eth0": {"rx_bytes": 100 * factor, "tx_bytes": 10 * factor},
                "eth1": {"rx_bytes": 100 * factor, "tx_bytes": 10 * factor},
            });
            frame["blkio_stats"] = json!({"io_service_bytes_recursive": [
                {"op": "Read", "value": 50 * factor}, {"op": "read", "value": 50 * factor},
                {"op": "Write", "value": 20 * factor}, {"op": "Total", "value": 999},
            ]});
            read(frame)
        };
        let sample = rates(&at(1, 1), &at(3, 3)).expect("two frames");
        assert_eq!((sample.received, sample.sent, sample.read, sample.written), (200, 20, 100, 20));
    }

    #[test]
    fn a_counter_that_began_anew_is_no_torrent() {
        let sample = rates(&read(frame(1, 9_000, 9_000)), &read(frame(2, 10, 20_000))).expect("two frames");
        assert_eq!(sample.cpu, 0);
    }

    #[test]
    fn the_zero_frame_of_an_ended_container_is_no_measurement() {
        let zero = read(json!({"read": "0001-01-01T00:00:00Z", "cpu_stats": {}, "memory_stats": {}}));
        assert_eq!(rates(&read(frame(1, 0, 0)), &zero), None);
        assert_eq!(rates(&read(frame(1, 0, 0)), &read(frame(1, 0, 0))), None);
    }
}

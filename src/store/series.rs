//! Samples of the last ten minutes by the second, and of two hours by ten seconds. A gap is a gap; what an engine measures seldom
//! stands for the seconds that it is the mean of.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use crate::domain::{InstanceId, Sample};

const SECONDS: usize = 600;
const TENS: usize = 720;
/// So many instances have their whole two hours; of more, each has less.
const WHOLE: usize = 256;
/// A value older than this, and than three of its kind take, is shown with its age.
const STALE: Duration = Duration::from_secs(5);
/// Instances that were not measured for so long are forgotten.
const KEPT: i64 = 15 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// thousandths of a core
    Cpu,
    /// bytes
    Memory,
    /// bytes/s, as the three after it
    Received,
    Sent,
    Read,
    Written,
    Pids,
}

/// At the most 37 KiB for each of up to 256 instances, and no more than 16 MiB of hours for all.
#[derive(Default)]
pub struct Store {
    instances: BTreeMap<InstanceId, Rings>,
    /// The second in which it was last looked for instances to forget.
    swept: i64,
}

struct Rings {
    latest: Sample,
    seconds: Ring,
    tens: Ring,
    /// Of the 10 s that are not over.
    open: Mean,
}

impl Store {
    pub fn push(&mut self, instance: &InstanceId, sample: Sample) {
        let second = sample.at.as_second();
        if second >= self.swept + 60 {
            self.swept = second;
            self.instances.retain(|_, rings| second - rings.latest.at.as_second() < KEPT);
        }
        let tens = TENS * WHOLE / self.instances.len().max(WHOLE);
        match self.instances.get_mut(instance) {
            Some(rings) => rings.push(sample, tens),
            None => {
                self.instances.insert(instance.clone(), Rings::new(sample));
            }
        }
    }

    pub fn latest(&self, instance: &InstanceId) -> Option<Sample> {
        self.instances.get(instance).map(|rings| rings.latest)
    }

    /// The latest, unless it is stale.
    pub fn fresh(&self, instance: &InstanceId, now: Timestamp) -> Option<Sample> {
        self.latest(instance).filter(|sample| !is_stale(sample, now))
    }

    /// There was a sample, and none for some seconds.
    pub fn is_stale(&self, instance: &InstanceId, now: Timestamp) -> bool {
        self.latest(instance).is_some_and(|sample| is_stale(&sample, now))
    }

    /// The last `seconds` before `now`, oldest first: a value a second for up to ten minutes, else a mean of ten seconds.
    pub fn recent(
        &self,
        instance: &InstanceId,
        metric: Metric,
        seconds: usize,
        now: Timestamp,
    ) -> impl ExactSizeIterator<Item = Option<f64>> {
        let is_fine = seconds <= SECONDS;
        let last = if is_fine { now.as_second() } else { now.as_second().div_euclid(10) };
        let count = if is_fine { seconds } else { (seconds / 10).min(TENS) };
        let rings = self.instances.get(instance);
        ticks(last, count).map(move |tick| {
            let rings = rings?;
            if is_fine { rings.seconds.get(tick, metric) } else { rings.ten(tick, metric) }
        })
    }

    /// Means of ten seconds, `count` of them that are over, oldest first: for sparklines, which move every ten seconds.
    pub fn tens(
        &self,
        instance: &InstanceId,
        metric: Metric,
        count: usize,
        now: Timestamp,
    ) -> impl ExactSizeIterator<Item = Option<f64>> {
        let rings = self.instances.get(instance);
        ticks(now.as_second().div_euclid(10) - 1, count.min(TENS)).map(move |tick| rings?.ten(tick, metric))
    }

    /// `recent` of several together. A moment at which none was measured is a gap; an instance that was not counts nothing.
    pub fn sum<'a>(
        &self,
        instances: impl IntoIterator<Item = &'a InstanceId>,
        metric: Metric,
        seconds: usize,
        now: Timestamp,
    ) -> Vec<Option<f64>> {
        let mut sums: Vec<Option<f64>> = Vec::new();
        for instance in instances {
            let values = self.recent(instance, metric, seconds, now);
            sums.resize(values.len(), None);
            add(&mut sums, values);
        }
        sums
    }

    /// `tens` of several together.
    pub fn sum_of_tens<'a>(
        &self,
        instances: impl IntoIterator<Item = &'a InstanceId>,
        metric: Metric,
        count: usize,
        now: Timestamp,
    ) -> Vec<Option<f64>> {
        let mut sums = vec![None; count.min(TENS)];
        for instance in instances.into_iter().filter(|instance| self.instances.contains_key(instance)) {
            add(&mut sums, self.tens(instance, metric, count, now));
        }
        sums
    }
}

fn is_stale(sample: &Sample, now: Timestamp) -> bool {
    let stale = STALE.max(3 * Duration::from_secs(sample.seconds.into()));
    now > sample.at && now.duration_since(sample.at).unsigned_abs() > stale
}

fn add(sums: &mut [Option<f64>], values: impl Iterator<Item = Option<f64>>) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = match (*sum, value) {
            (Some(sum), Some(value)) => Some(sum + value),
            (sum, value) => sum.or(value),
        };
    }
}

/// `count` ticks, the last of them `last`.
fn ticks(last: i64, count: usize) -> impl ExactSizeIterator<Item = i64> {
    (0..count).map(move |tick| last - (count - 1 - tick) as i64)
}

impl Rings {
    fn new(sample: Sample) -> Self {
        let mut rings = Self { latest: sample, seconds: Ring::default(), tens: Ring::default(), open: Mean::default() };
        rings.push(sample, TENS);
        rings
    }

    fn push(&mut self, sample: Sample, tens: usize) {
        if sample.at >= self.latest.at {
            self.latest = sample;
        }
        let (second, covers) = (sample.at.as_second(), sample.seconds.max(1));
        self.seconds.put(Entry::new(second, covers, Slot::of(&sample)), SECONDS);
        // Of a measurement that spans several tens, each has its part.
        for ten in (second + 1 - i64::from(covers)).div_euclid(10)..=second.div_euclid(10) {
            if ten > self.open.ten {
                if self.open.count > 0 {
                    self.tens.put(Entry::new(self.open.ten, 1, self.open.slot()), tens);
                }
                self.open = Mean { ten, ..Mean::default() };
            }
            // A sample that comes after its ten seconds are over is in the finer ring only.
            if ten == self.open.ten {
                self.open.add(&sample);
            }
        }
    }

    fn ten(&self, tick: i64, metric: Metric) -> Option<f64> {
        if tick == self.open.ten { self.open.slot().value(metric) } else { self.tens.get(tick, metric) }
    }
}

/// What was measured, oldest first. Only what is there takes room.
#[derive(Default)]
struct Ring(VecDeque<Entry>);

#[derive(Clone, Copy)]
struct Entry {
    /// Seconds, or tens of seconds, since 1970.
    tick: u32,
    /// Of how many ticks it is the mean, up to `tick`.
    covers: u8,
    slot: Slot,
}

impl Entry {
    fn new(tick: i64, covers: u16, slot: Slot) -> Self {
        Self { tick: u32::try_from(tick).unwrap_or(0), covers: u8::try_from(covers).unwrap_or(u8::MAX), slot }
    }
}

impl Ring {
    /// `length`: how many ticks are kept.
    fn put(&mut self, entry: Entry, length: usize) {
        let Self(entries) = self;
        let place = entries.partition_point(|kept| kept.tick < entry.tick);
        match entries.get_mut(place) {
            Some(kept) if kept.tick == entry.tick => *kept = entry,
            _ => entries.insert(place, entry),
        }
        let newest = entries.back().map_or(entry.tick, |newest| newest.tick);
        while entries.front().is_some_and(|oldest| (newest - oldest.tick) as usize >= length) {
            entries.pop_front();
        }
    }

    fn get(&self, tick: i64, metric: Metric) -> Option<f64> {
        let tick = u32::try_from(tick).ok()?;
        let place = self.0.partition_point(|kept| kept.tick < tick);
        let entry = self.0.get(place)?;
        if entry.tick - tick < u32::from(entry.covers) { entry.slot.value(metric) } else { None }
    }
}

/// One moment in 20 bytes. Rates are kept to two digits and a half, which is more than a chart shows.
#[derive(Clone, Copy)]
struct Slot {
    /// NaN where nothing was measured.
    cpu: f32,
    memory: f32,
    received: Short,
    sent: Short,
    read: Short,
    written: Short,
    pids: Short,
}

/// The upper half of an `f32`: its whole range, with eight bits of precision.
#[derive(Clone, Copy)]
struct Short(u16);

impl Short {
    fn of(value: f64) -> Self {
        // Half of what is cut off is added first, so that it is rounded.
        Self((((value as f32).to_bits().saturating_add(0x8000)) >> 16) as u16)
    }

    fn value(self) -> f64 {
        f64::from(f32::from_bits(u32::from(self.0) << 16))
    }
}

impl Slot {
    const GAP: Self = Self {
        cpu: f32::NAN,
        memory: f32::NAN,
        received: Short(0),
        sent: Short(0),
        read: Short(0),
        written: Short(0),
        pids: Short(0),
    };

    fn of(sample: &Sample) -> Self {
        let mut mean = Mean::default();
        mean.add(sample);
        mean.slot()
    }

    fn value(&self, metric: Metric) -> Option<f64> {
        if self.cpu.is_nan() {
            return None;
        }
        Some(match metric {
            Metric::Cpu => self.cpu.into(),
            Metric::Memory => self.memory.into(),
            Metric::Received => self.received.value(),
            Metric::Sent => self.sent.value(),
            Metric::Read => self.read.value(),
            Metric::Written => self.written.value(),
            Metric::Pids => self.pids.value(),
        })
    }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    ten: i64,
    count: u32,
    sums: [f64; 7],
}

impl Mean {
    fn add(&mut self, sample: &Sample) {
        let values =
            [sample.cpu, sample.memory, sample.received, sample.sent, sample.read, sample.written, sample.pids];
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value as f64);
        self.count += 1;
    }

    fn slot(&self) -> Slot {
        if self.count == 0 {
            return Slot::GAP;
        }
        let [cpu, memory, received, sent, read, written, pids] = self.sums.map(|sum| sum / f64::from(self.count));
        Slot {
            cpu: cpu as f32,
            memory: memory as f32,
            received: Short::of(received),
            sent: Short::of(sent),
            read: Short::of(read),
            written: Short::of(written),
            pids: Short::of(pids),
        }
    }
}

#[cfg(test)]
mod tests;

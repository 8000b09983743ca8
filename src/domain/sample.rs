//! One measurement of one instance, already turned from an engine's counters into rates.

use jiff::Timestamp;
use serde::Serialize;

/// Rates are since the sample before. 1,000 of `cpu` is one core for the whole time, whatever the host has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub at: Timestamp,
    /// thousandths of a core
    pub cpu: u64,
    /// bytes, without the page cache that can be given back
    pub memory: u64,
    /// bytes/s over all interfaces
    pub received: u64,
    pub sent: u64,
    /// bytes/s of block devices
    pub read: u64,
    pub written: u64,
    pub pids: u64,
    /// How many seconds, up to `at`, it is the mean of: some engines measure seldom.
    pub seconds: u16,
}

//! How far a stream is: bytes, rate and the time that is left.

use std::time::{Duration, Instant};

use crate::{backend::Progress, domain::units};

/// A rate over less than this is a guess.
const FIRST: Duration = Duration::from_secs(1);
/// What reads it shows no more than one a second.
const BETWEEN: Duration = Duration::from_millis(250);

pub struct Meter<'a> {
    progress: &'a Progress,
    says: &'a str,
    /// About: a dump's size is known only when it is over.
    total: Option<u64>,
    began: Instant,
    told: Duration,
}

impl<'a> Meter<'a> {
    pub fn begin(progress: &'a Progress, says: &'a str, total: Option<u64>) -> Self {
        progress(says);
        Self { progress, says, total, began: Instant::now(), told: Duration::ZERO }
    }

    pub fn at(&mut self, bytes: u64) {
        let passed = self.began.elapsed();
        if passed >= self.told + BETWEEN {
            self.told = passed;
            (self.progress)(&format!("{}: {}", self.says, words(bytes, self.total, passed)));
        }
    }
}

/// "1.2G of 4.0G, 55M/s, 51s left"
fn words(bytes: u64, total: Option<u64>, passed: Duration) -> String {
    let of = total.filter(|total| *total >= bytes && *total > 0);
    let mut words = units::bytes(bytes);
    if let Some(total) = of {
        words = format!("{words} of {}", units::bytes(total));
    }
    if passed >= FIRST {
        let rate = bytes as f64 / passed.as_secs_f64();
        words = format!("{words}, {}/s", units::bytes(rate as u64));
        if let Some(total) = of.filter(|_| rate >= 1.0) {
            let left = Duration::from_secs_f64((total - bytes) as f64 / rate);
            words = format!("{words}, {} left", units::elapsed(left));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_it_can_know() {
        let (second, mega) = (Duration::from_secs(1), 1 << 20);
        assert_eq!(words(0, None, Duration::ZERO), "0B");
        assert_eq!(words(10 * mega, None, second * 2), "10Mi, 5.0Mi/s");
        assert_eq!(words(10 * mega, Some(40 * mega), second * 2), "10Mi of 40Mi, 5.0Mi/s, 6.0 s left");
        assert_eq!(words(10 * mega, Some(9 * mega), second * 2), "10Mi, 5.0Mi/s", "more than was thought");
        assert_eq!(words(0, Some(9), second * 2), "0B of 9B, 0B/s", "no end is in sight");
    }
}

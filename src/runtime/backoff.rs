//! How long to wait before the next try: longer each time, never in step with other consoles.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use crate::domain::LossKind;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(20);
/// Only a person can change that an engine says no, so it is asked seldom.
const REFUSED_FIRST: Duration = Duration::from_secs(60);
const REFUSED: Duration = Duration::from_secs(5 * 60);

/// The delays of one thing that is tried again and again.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
    refusals: u32,
}

impl Default for Backoff {
    /// 0.5 s, doubling to 20 s.
    fn default() -> Self {
        Self::new(FIRST, LONGEST)
    }
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, tries: 0, refusals: 0 }
    }

    /// The delay after one more failure, with up to a fifth more or less by chance: a thousand consoles that lost the same
    /// engine must not come back in the same instant.
    pub fn after_failure(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.tries).unwrap_or(u32::MAX);
        self.tries = self.tries.saturating_add(1);
        jitter(self.first.saturating_mul(doubled).min(self.longest))
    }

    /// The delay after a cluster was lost in this way.
    pub fn after_loss(&mut self, kind: LossKind) -> Duration {
        match kind {
            LossKind::Unreachable | LossKind::Hung => {
                self.refusals = 0;
                self.after_failure()
            }
            LossKind::Denied | LossKind::Expired => {
                self.refusals = self.refusals.saturating_add(1);
                jitter(if self.refusals == 1 { REFUSED_FIRST } else { REFUSED })
            }
        }
    }

    /// It worked: the next failure is the first one again.
    pub fn reset(&mut self) {
        (self.tries, self.refusals) = (0, 0);
    }
}

fn jitter(delay: Duration) -> Duration {
    // The keys of a `RandomState` are random enough for spreading out, and cost no dependency.
    let share = RandomState::new().hash_one(()) as f64 / u64::MAX as f64;
    delay.mul_f64(0.8 + 0.4 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_about(delay: Duration, seconds: f64) {
        let (least, most) = (seconds * 0.799, seconds * 1.201);
        assert!((least..=most).contains(&delay.as_secs_f64()), "expected {seconds} s +-20 %, got {delay:?}");
    }

    #[test]
    fn delays_double_to_twenty_seconds_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        for seconds in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0] {
            assert_about(backoff.after_loss(LossKind::Unreachable), seconds);
        }
        backoff.tries = u32::MAX;
        assert_about(backoff.after_failure(), 20.0);
        backoff.reset();
        assert_about(backoff.after_loss(LossKind::Hung), 0.5);
    }

    #[test]
    fn an_engine_that_says_no_is_not_hammered() {
        let mut backoff = Backoff::default();
        for seconds in [60.0, 300.0, 300.0] {
            assert_about(backoff.after_loss(LossKind::Denied), seconds);
        }
        assert_about(backoff.after_loss(LossKind::Unreachable), 0.5);
        assert_about(backoff.after_loss(LossKind::Expired), 60.0);
    }

    #[test]
    fn two_consoles_do_not_come_back_in_step() {
        let delays: Vec<_> = (0..20).map(|_| Backoff::default().after_failure()).collect();
        assert!(delays.iter().any(|delay| *delay != delays[0]), "{delays:?}");
    }
}

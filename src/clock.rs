//! What time it is. Everything that needs to know is given one of these, so that tests can give the time instead of awaiting it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The machine's clock, or one that began at a given time and runs with tokio's, which tests can pause and advance.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Option<(Timestamp, Instant)>,
}

impl Clock {
    pub fn system() -> Self {
        Self { began: None }
    }

    /// Must be called inside a tokio runtime.
    pub fn starting_at(time: Timestamp) -> Self {
        Self { began: Some((time, Instant::now())) }
    }

    pub fn now(&self) -> Timestamp {
        match self.began {
            None => Timestamp::now(),
            Some((time, instant)) => {
                let passed = SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX);
                time.saturating_add(passed).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// How long until `time`; nothing if it has passed.
    pub fn until(&self, time: Timestamp) -> Duration {
        time.duration_since(self.now()).try_into().unwrap_or(Duration::ZERO)
    }
}

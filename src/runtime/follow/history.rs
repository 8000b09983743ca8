//! Tells history, which is finite and may be held up, from what is written now, which must not be.

use std::time::Duration;

use tokio::time::Instant;

/// How often it is judged anew.
const WINDOW: Duration = Duration::from_secs(1);

/// A time before the tail began is not enough: an engine's clock may be minutes behind ours, and then everything would look old for as
/// long. But history is read faster than it was written, and what is written now is not.
pub struct History {
    /// nanoseconds since 1970, by our clock
    began: i64,
    window: Option<(Instant, i64)>,
    /// Of the window before; in the first one it is judged by what there is.
    was_fast: Option<bool>,
}

impl History {
    pub fn before(began: i64) -> Self {
        Self { began, window: None, was_fast: None }
    }

    /// Whether a line of this time is history.
    pub fn has(&mut self, at: i64) -> bool {
        if at >= self.began {
            return false;
        }
        let now = Instant::now();
        let (since, from) = *self.window.get_or_insert((now, at));
        let passed = now - since;
        let written = Duration::from_nanos(u64::try_from(at - from).unwrap_or(0));
        let is_fast = written > 2 * passed;
        if passed >= WINDOW {
            self.was_fast = Some(is_fast);
            self.window = Some((now, at));
        }
        self.was_fast.unwrap_or(is_fast)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[tokio::test(start_paused = true)]
    async fn history_is_read_faster_than_it_was_written() {
        let mut history = History::before(10_000 * SECOND);
        history.has(0);
        for second in 1..100 {
            assert!(history.has(second * 60 * SECOND), "{second}");
            advance(Duration::from_secs(1)).await;
        }
        assert!(!history.has(10_000 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_behind_makes_nothing_history() {
        let mut history = History::before(10_000 * SECOND);
        assert!(!history.has(9_000 * SECOND));
        for second in 1..100 {
            advance(Duration::from_secs(1)).await;
            assert!(!history.has((9_000 + second) * SECOND), "{second}");
        }
    }
}

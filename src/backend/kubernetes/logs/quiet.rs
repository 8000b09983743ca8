//! When a log that says nothing should be looked at another way: a kubelet that rotates a file may go on following the old one. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// A log that had been busy: before the file can be rotated once more, which would lose what stood in it.
const SOONEST: Duration = Duration::from_secs(2);
/// One that never says much. Fifty of these are asked about every six seconds together.
const LATEST: Duration = Duration::from_mins(5);
/// So many times its usual pause it may be silent.
const PATIENCE: u32 = 8;

/// Looks cost a request each. A busy log is looked at soon after it falls silent, a quiet one hardly ever; and in a silence that goes on,
/// each look comes twice as late as the one before.
pub struct Quiet {
    heard: Instant,
    /// Between two pieces, smoothed.
    pause: Duration,
    wait: Duration,
}

impl Quiet {
    pub fn new() -> Self {
        let pause = Duration::from_secs(1);
        Self { heard: Instant::now(), pause, wait: wait(pause) }
    }

    pub fn heard(&mut self) {
        let now = Instant::now();
        self.pause = (self.pause * 7 + now.duration_since(self.heard).min(LATEST)) / 8;
        self.heard = now;
        self.wait = wait(self.pause);
    }

    pub fn due(&self) -> Instant {
        self.heard + self.wait
    }

    pub fn looked(&mut self) {
        self.wait = (Instant::now().duration_since(self.heard) * 2).min(self.wait + LATEST);
    }
}

fn wait(pause: Duration) -> Duration {
    (pause * PATIENCE).clamp(SOONEST, LATEST)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep_until};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_busy_log_that_falls_silent_is_looked_at_soon_and_then_ever_less() {
        let mut quiet = Quiet::new();
        for _ in 0..100 {
            advance(Duration::from_millis(10)).await;
            quiet.heard();
        }
        assert_eq!(quiet.due(), Instant::now() + SOONEST);
        let mut looks = 0;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(3600) {
            sleep_until(quiet.due()).await;
            quiet.looked();
            looks += 1;
        }
        assert!((15..=21).contains(&looks), "{looks} looks in a silent hour");
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_speaks_now_and_then_is_not_looked_at_between() {
        let mut quiet = Quiet::new();
        let mut looks = 0;
        for _ in 0..100 {
            let next = Instant::now() + Duration::from_secs(20);
            while quiet.due() < next {
                sleep_until(quiet.due()).await;
                quiet.looked();
                looks += 1;
            }
            sleep_until(next).await;
            quiet.heard();
        }
        assert!(looks <= 3, "{looks} looks in half an hour");
    }
}

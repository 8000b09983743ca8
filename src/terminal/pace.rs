//! When the next frame is due: at once for a key, soon for news, with the beat for numbers, and never faster than the link allows.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::Due;

/// News that come one after another share a frame.
const SOON: Duration = Duration::from_millis(33);
/// Numbers and previews move together, once a second.
const BEAT: Duration = Duration::from_secs(1);
/// What they may cost on average: a frame that took more bytes makes the next beat later, but not later than `LONGEST_BEAT`.
const CALM_BYTES_PER_SECOND: f64 = 224.0;
const LONGEST_BEAT: Duration = Duration::from_secs(4);
/// How far the bytes may run ahead of their rate: a screenful after a key should not wait.
const AHEAD: Duration = Duration::from_millis(500);

pub struct Pace {
    bytes_per_second: u64,
    due: Option<Instant>,
    drawn: Option<Instant>,
    /// When the next beat may be.
    beat: Option<Instant>,
    /// What is due is due for numbers and previews only.
    is_calm: bool,
    /// By when everything sent so far is through, at the rate that the link allows.
    through: Option<Instant>,
}

impl Pace {
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            due: None,
            drawn: None,
            beat: None,
            is_calm: true,
            through: None,
        }
    }

    /// A person waits for an answer.
    pub fn now(&mut self, now: Instant) {
        self.is_calm = false;
        self.at_the_latest(now);
    }

    pub fn want(&mut self, due: Due, now: Instant) {
        match due {
            Due::Never => {}
            Due::Soon => {
                self.is_calm = false;
                self.at_the_latest(self.drawn.map_or(now, |drawn| now.max(drawn + SOON)));
            }
            Due::Calm => self.at_the_latest(self.beat.map_or(now, |beat| now.max(beat))),
        }
    }

    /// When to draw; `None` while nothing changed.
    pub fn due(&self) -> Option<Instant> {
        let allowed = self.through.and_then(|through| through.checked_sub(AHEAD));
        self.due.map(|due| allowed.map_or(due, |allowed| due.max(allowed)))
    }

    pub fn drawn(&mut self, bytes: usize, now: Instant) {
        self.due = None;
        self.drawn = Some(now);
        // The beat goes on from where it was, so that a key in between does not shift or double it.
        if self.beat.is_none_or(|beat| now >= beat) {
            let cost = if self.is_calm { Duration::from_secs_f64(bytes as f64 / CALM_BYTES_PER_SECOND) } else { BEAT };
            self.beat = Some(now + cost.clamp(BEAT, LONGEST_BEAT));
        }
        self.is_calm = true;
        let sending = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        self.through = Some(self.through.map_or(now, |through| through.max(now)) + sending);
    }

    fn at_the_latest(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (Pace, Instant) {
        let (mut pace, now) = (Pace::new(64 << 10), Instant::now());
        pace.drawn(0, now);
        (pace, now)
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn nothing_changed_means_no_frame() {
        assert_eq!(start().0.due(), None);
    }

    #[test]
    fn a_key_is_answered_at_once_and_news_share_a_frame() {
        let (mut pace, now) = start();
        pace.want(Due::Soon, now + ms(5));
        assert_eq!(pace.due(), Some(now + ms(33)));
        pace.now(now + ms(6));
        assert_eq!(pace.due(), Some(now + ms(6)));
    }

    #[test]
    fn numbers_move_once_a_second_however_often_a_key_paints() {
        let (mut pace, now) = start();
        pace.drawn(100, now + ms(400));
        pace.want(Due::Calm, now + ms(500));
        assert_eq!(pace.due(), Some(now + ms(1000)));
    }

    #[test]
    fn after_a_silence_the_first_number_is_shown_at_once() {
        let (mut pace, now) = start();
        pace.want(Due::Calm, now + ms(5000));
        assert_eq!(pace.due(), Some(now + ms(5000)));
    }

    #[test]
    fn numbers_that_cost_many_bytes_move_more_seldom() {
        let (mut pace, now) = start();
        pace.want(Due::Calm, now + ms(1000));
        pace.drawn(672, now + ms(1000));
        pace.want(Due::Calm, now + ms(1001));
        assert_eq!(pace.due(), Some(now + ms(4000)));
    }

    #[test]
    fn a_thin_link_is_not_given_more_than_it_can_carry() {
        let (mut pace, now) = (Pace::new(1000), Instant::now());
        pace.drawn(4000, now);
        pace.now(now + ms(1));
        assert_eq!(pace.due(), Some(now + ms(3500)));
    }
}

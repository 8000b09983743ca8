//! One instance whose log is read: where its tail began, and when all that was there has come.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::message::{Since, Tail};

/// An engine sends what it has kept without pauses: after this long without a line there is no more of it.
const QUIET: Duration = Duration::from_secs(1);
/// Nothing at all, not even that the tail has begun.
const SILENT: Duration = Duration::from_secs(5);
/// How long lines younger than the command are still taken. The engine's clock may be ahead of ours, so they do not prove that all
/// the older ones have come; but a source that never pauses must come to an end too.
const YOUNG: Duration = Duration::from_secs(3);

pub struct Source {
    name: Arc<str>,
    since: Since,
    state: State,
    quiet_at: Instant,
    /// nanoseconds since 1970
    asked_at: i64,
    /// Lines still wanted, where they were counted.
    left: Option<u32>,
    young_until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl Source {
    pub fn new(name: Arc<str>, since: Since, now: Timestamp) -> Self {
        let left = match since {
            Since::Lines(lines) => Some(lines),
            Since::Time(_) | Since::Beginning => None,
        };
        Self {
            name,
            since,
            state: State::Reading,
            quiet_at: Instant::now() + SILENT,
            asked_at: nanoseconds(now),
            left,
            young_until: None,
        }
    }

    pub fn tail(&self) -> Tail {
        Tail { since: self.since, epoch: 0, name: self.name.clone() }
    }

    /// Whether a line is one of those that are wanted, and what that says of the end. Who follows wants all of them.
    pub fn takes(&mut self, at: i64, follow: bool) -> bool {
        if follow {
            return true;
        }
        let is_wanted = self.state == State::Reading;
        if is_wanted {
            self.heard();
            self.count(at);
        }
        is_wanted
    }

    fn count(&mut self, at: i64) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.state = State::Ended;
            }
        }
        if at > self.asked_at {
            let until = *self.young_until.get_or_insert_with(|| Instant::now() + YOUNG);
            if until <= Instant::now() {
                self.state = State::Ended;
            }
        }
    }

    /// The tail began, or a line came.
    pub fn heard(&mut self) {
        self.quiet_at = Instant::now() + QUIET;
    }

    pub fn quiet_at(&self) -> Instant {
        self.quiet_at
    }

    pub fn ended(&mut self) {
        if self.state == State::Reading {
            self.state = State::Ended;
        }
    }

    pub fn failed(&mut self) {
        self.state = State::Failed;
    }

    pub fn is_over(&self) -> bool {
        self.state != State::Reading
    }

    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }
}

fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED_AT: i64 = 1_000_000_000_000;

    fn source(since: Since) -> Source {
        Source::new("web-1".into(), since, Timestamp::from_nanosecond(ASKED_AT.into()).expect("in range"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_is_over_when_as_many_lines_came_as_were_asked_for() {
        let mut source = source(Since::Lines(2));
        assert!(source.takes(1, false) && !source.is_over());
        assert!(source.takes(2, false) && source.is_over());
        assert!(!source.takes(3, false), "one more than was asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_pauses_ends_soon_after_the_question() {
        let mut source = source(Since::Beginning);
        for younger in 1..=YOUNG.as_secs() {
            assert!(source.takes(ASKED_AT + 1, false) && !source.is_over(), "{younger}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        source.takes(ASKED_AT + 2, false);
        assert!(source.is_over());
    }
}

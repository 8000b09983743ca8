//! Whether the new release writes no greater part of error lines than the old one, over the same seconds.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::{StreamExt, future::try_join_all};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Look, Member, Standing, Verdict};
use crate::{
    backend::{FollowError, LogPiece, StepError},
    domain::{Level, Output},
    message::Since,
    store::log::{level, stamp::split_time},
};

/// Of more instances the logs are not read: these tell enough.
const FOLLOWED: usize = 50;
/// How long a line that was written may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(500);
const TOLD: Duration = Duration::from_secs(1);
/// So few error lines are bad luck as well as a bad release.
const FEW: u64 = 2;
/// More of a line says nothing more about its level.
const LONGEST: usize = 4 << 10;

#[derive(Clone, Copy)]
pub struct Rule {
    pub percent: u32,
    pub at_least: u32,
    pub seconds: u32,
}

pub async fn judge(look: &Look<'_>, rule: Rule, verdict: Verdict<'_>) -> Result<(), StepError> {
    let new = look.new_members(verdict).await?;
    let old = look.evidence.members(look.old).await?;
    let (of_new, of_old) = (Tally::default(), Tally::default());
    let began = Instant::now();
    let until = began + Duration::from_secs(rule.seconds.into()) + ON_ITS_WAY;
    let all = [(&new, &of_new), (&old, &of_old)].into_iter().flat_map(|(members, tally)| {
        let alive = members.iter().filter(|member| member.standing != Standing::Gone);
        alive.take(FOLLOWED).map(move |member| count(look, member, tally, until, verdict))
    });
    let telling = async {
        loop {
            let passed = began.elapsed().as_secs().min(rule.seconds.into());
            look.tell(&format!("{}; old: {}; {passed} s of {} s", of_new.words(), of_old.words(), rule.seconds));
            sleep(TOLD).await;
        }
    };
    tokio::select! {
        counted = try_join_all(all) => counted?,
        never = telling => never,
    };
    // Where every log ended early, what comes late has had its time, too.
    tokio::time::sleep_until(until).await;
    conclude(of_new.now(), of_old.now(), rule, verdict)
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    lines: u64,
    errors: u64,
}

fn conclude(new: Counted, old: Counted, rule: Rule, verdict: Verdict<'_>) -> Result<(), StepError> {
    let said = || {
        let Counted { lines, errors } = new;
        format!("{errors} of {lines} lines are errors, of the old release {} of {}", old.errors, old.lines)
    };
    let enough = u64::from(rule.at_least.max(1));
    if new.lines < enough {
        let Counted { lines, .. } = new;
        return Err(verdict.unsure(format!("too few lines in {} s: {lines} of {enough} that it takes", rule.seconds)));
    }
    let parts = |a: u64, b: u64| u128::from(a) * u128::from(b);
    let is_within = parts(new.errors, old.lines) * 100 <= parts(old.errors, new.lines) * u128::from(rule.percent);
    if new.errors == 0 || (is_within && old.lines >= enough) {
        return Ok(());
    }
    if old.lines < enough {
        return Err(verdict.unsure(format!("the old release wrote too little to compare with: {}", said())));
    }
    if new.errors <= FEW {
        return Err(verdict.unsure(format!("too few to tell a bad release from bad luck: {}", said())));
    }
    Err(verdict.failed(said()))
}

#[derive(Default)]
struct Tally {
    lines: AtomicU64,
    errors: AtomicU64,
}

impl Tally {
    fn add(&self, line: &[u8]) {
        let (_, text) = split_time(line);
        if text.trim_ascii().is_empty() {
            return;
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
        if level::of(text) >= Level::Error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn now(&self) -> Counted {
        Counted { lines: self.lines.load(Ordering::Relaxed), errors: self.errors.load(Ordering::Relaxed) }
    }

    fn words(&self) -> String {
        let Counted { lines, errors } = self.now();
        format!("{errors} errors in {lines} lines")
    }
}

/// Every line that the instance writes from now on. The engine's clock may be another than ours, so it is not asked by time.
async fn count(
    look: &Look<'_>,
    member: &Member,
    tally: &Tally,
    until: Instant,
    verdict: Verdict<'_>,
) -> Result<(), StepError> {
    let mut since = Since::Lines(0);
    loop {
        let mut lines = Lines::default();
        let mut pieces = look.evidence.follow(member, since);
        let end = loop {
            match timeout_at(until, pieces.next()).await {
                Ok(Some(Ok(piece))) => lines.push(&piece, tally),
                Ok(Some(Err(error))) => break Some(error),
                Ok(None) => break None,
                Err(_) => return Ok(()),
            }
        };
        match end {
            None | Some(FollowError::Over) => return Ok(()),
            Some(FollowError::Refused(trouble)) => {
                return Err(verdict.unsure(format!("the log of {} cannot be read: {}", member.name, trouble.why)));
            }
            Some(FollowError::Interrupted(_)) => {
                let after = lines.last.and_then(|last| Timestamp::from_nanosecond(i128::from(last) + 1).ok());
                since = after.map_or(since, Since::Time);
                sleep(PAUSE).await;
            }
        }
    }
}

/// Puts pieces of a log together to lines, each output for itself.
#[derive(Default)]
struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// When the last line was written.
    last: Option<i64>,
}

impl Lines {
    fn push(&mut self, piece: &LogPiece, tally: &Tally) {
        let rest = match piece.output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        };
        for part in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST.saturating_sub(rest.len());
            let (text, ends) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            rest.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.last = split_time(rest).0.or(self.last);
                tally.add(rest);
                rest.clear();
            }
        }
    }
}

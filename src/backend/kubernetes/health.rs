//! How something is, and in words why: from reasons, exit codes, conditions and events, never from a phase alone. Pure: told the rows,
//! what happened before, and the time. The same causes have the same words as on other engines.

mod container;
mod image;
mod job;
mod node;
mod pod;
mod refusal;
mod scheduling;
mod start;
mod workload;

pub use self::{
    job::{cron_job, job},
    node::node,
    pod::{Surroundings, pod},
    workload::{Members, is_rolling, together, working, workload},
};

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Health, Reason};

/// What starts may take this long, if nothing says that it will not come; then it does not start.
const STARTING: SignedDuration = SignedDuration::from_mins(5);
/// A container that came back and ran this long is well again.
const PROBATION: SignedDuration = SignedDuration::from_secs(60);

/// How it is, since when, and when time alone will change the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub health: Health,
    pub since: Option<Timestamp>,
    pub again_at: Option<Timestamp>,
}

impl Judgement {
    fn new(health: Health, since: Option<Timestamp>) -> Self {
        Self { health, since, again_at: None }
    }

    /// Changing until it has taken too long, then failing with `late`.
    fn waiting(text: String, late: Reason, since: Option<Timestamp>, patience: SignedDuration, now: Timestamp) -> Self {
        match since.and_then(|since| since.checked_add(patience).ok()) {
            Some(until) if until <= now => Self::new(Health::Failing(late), since),
            again_at => Self { health: Health::Changing(Reason::new(text)), since, again_at },
        }
    }
}

/// "web: exit 3" for the container `web` of several.
fn prefixed(health: Health, prefix: &str) -> Health {
    let told = |reason: Reason| Reason { text: format!("{prefix}{}", reason.text).into(), ..reason };
    match health {
        Health::Failing(reason) => Health::Failing(told(reason)),
        Health::Degraded(reason) => Health::Degraded(told(reason)),
        Health::Changing(reason) => Health::Changing(told(reason)),
        Health::Unknown(reason) => Health::Unknown(told(reason)),
        Health::Stopped(reason) => Health::Stopped(told(reason)),
        Health::Healthy => Health::Healthy,
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// What stands between the first pair of double quotes.
fn quoted(text: &str) -> Option<&str> {
    text.split_once('"')?.1.split_once('"').map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests;

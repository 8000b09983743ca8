//! What stands between the console and a simulated engine: latency, silence, broken lines, refusals.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    quantity::{Span, later, nanos_between},
    script::{Fault, FaultKind},
};
use crate::{
    backend::Loss,
    domain::{LossKind, Trouble},
};

/// One time that a fault comes up.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence<'a> {
    pub fault: &'a Fault,
    pub from: Timestamp,
    /// Forever, if not there.
    pub to: Option<Timestamp>,
}

/// The faults of one cluster, counted from the beginning of the scenario.
#[derive(Clone, Copy, Debug)]
pub struct Faults<'a> {
    pub faults: &'a [Fault],
    pub began: Timestamp,
}

impl<'a> Faults<'a> {
    /// The fault of one of these kinds that is in force at `now`.
    pub fn now(&self, kinds: &[FaultKind], now: Timestamp) -> Option<Occurrence<'a>> {
        let concerned = self.faults.iter().filter(|fault| kinds.contains(&fault.kind));
        let mut latest = concerned.filter_map(|fault| self.latest(fault, now));
        latest.find(|occurrence| occurrence.to.is_none_or(|to| now < to))
    }

    /// When the connections of `now` will break, and by what.
    pub fn next_break(&self, now: Timestamp) -> Option<Occurrence<'a>> {
        let breaking = self.faults.iter().filter(|fault| fault.kind.loss().is_some());
        breaking.filter_map(|fault| self.next(fault, now)).min_by_key(|occurrence| occurrence.from)
    }

    /// What faults add to a round trip.
    pub fn delay(&self, now: Timestamp) -> Duration {
        self.now(&[FaultKind::Slow], now).map_or(Duration::ZERO, |occurrence| occurrence.fault.adds.length())
    }

    fn latest(&self, fault: &'a Fault, now: Timestamp) -> Option<Occurrence<'a>> {
        let first = fault.at.after(self.began);
        if now < first {
            return None;
        }
        let passed = fault.every.map_or(0, |every| nanos_between(first, now) / period(every) * period(every));
        Some(occurrence(fault, later(first, passed)))
    }

    fn next(&self, fault: &'a Fault, now: Timestamp) -> Option<Occurrence<'a>> {
        match (self.latest(fault, now), fault.every) {
            (None, _) => Some(occurrence(fault, fault.at.after(self.began))),
            (Some(latest), Some(every)) => Some(occurrence(fault, later(latest.from, period(every)))),
            (Some(_), None) => None,
        }
    }
}

fn occurrence(fault: &Fault, from: Timestamp) -> Occurrence<'_> {
    Occurrence { fault, from, to: fault.lasts.map(|lasts| lasts.after(from)) }
}

/// Never nothing, whatever the script says.
fn period(every: Span) -> i64 {
    every.max(Span::seconds(1)).nanos()
}

impl FaultKind {
    /// The kinds that break connections and refuse new ones.
    pub const BREAKING: [Self; 3] = [Self::Lost, Self::Denied, Self::Expired];

    fn loss(self) -> Option<LossKind> {
        match self {
            Self::Lost => Some(LossKind::Unreachable),
            Self::Denied => Some(LossKind::Denied),
            Self::Expired => Some(LossKind::Expired),
            Self::Hung | Self::Slow => None,
        }
    }

    /// In the words that an engine would use.
    pub fn as_loss(self, endpoint: &str) -> Loss {
        let kind = self.loss().unwrap_or(LossKind::Unreachable);
        let (why, help) = match kind {
            LossKind::Unreachable | LossKind::Hung => {
                ("connection reset by peer", "the simulator breaks this line now and then; it comes back")
            }
            LossKind::Denied => ("permission denied", "the scenario says so; nothing is wrong with this machine"),
            LossKind::Expired => {
                ("the credentials have expired", "the scenario says so; nothing is wrong with this machine")
            }
        };
        Loss { kind, why: Trouble::new(format!("could not reach {endpoint}"), why).help(help) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, every: Option<i64>) -> Fault {
        let [at, lasts, adds] = [10, 5, 0].map(Span::seconds);
        Fault { kind, at, lasts: Some(lasts), every: every.map(Span::seconds), adds }
    }

    #[test]
    fn a_fault_comes_back_and_goes_again() {
        let began = Timestamp::UNIX_EPOCH;
        let faults = [fault(FaultKind::Lost, Some(60))];
        let faults = Faults { faults: &faults, began };
        let at = |second: i64| Span::seconds(second).after(began);
        let in_force: Vec<_> =
            (0..80).filter(|second| faults.now(&FaultKind::BREAKING, at(*second)).is_some()).collect();
        assert_eq!(in_force, (10..15).chain(70..75).collect::<Vec<_>>());
        assert_eq!(faults.next_break(at(0)).map(|next| next.from), Some(at(10)));
        assert_eq!(faults.next_break(at(12)).map(|next| next.from), Some(at(70)));
    }
}

//! Which run of a container is to be read next, and from when on. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::container::{Run, Runs};
use crate::message::Since;

/// How far the runs of a container have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Nothing,
    /// Some of this run.
    Reading(Arc<str>),
    /// This run to its end.
    Done(Arc<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Read(Reading),
    /// Count the lines of the current run first: if there are fewer than these, the previous one's last belong before them. Of none,
    /// what comes from now on is wanted.
    Count(u32),
    /// Until something changes.
    Wait,
    Over,
}

/// One request for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub which: Which,
    /// At most so many lines, the last.
    pub tail: Option<u32>,
    /// It runs: go on with what is added.
    pub follows: bool,
    /// What holds when it has been read to its end.
    pub then: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Previous,
    Current,
}

impl Progress {
    pub fn next(&self, runs: &Runs, since: Since) -> Next {
        let Runs { previous, current, is_running, is_over } = runs;
        let Some(current) = current else { return if *is_over { Next::Over } else { Next::Wait } };
        match self {
            Self::Nothing => match (previous, since) {
                (_, Since::Lines(0)) => Next::Count(0),
                (None, _) => read_current(current, *is_running, tail(since)),
                (Some(previous), Since::Beginning) => read_previous(previous, None),
                (Some(previous), Since::Time(time)) if is_younger(previous, time) => read_previous(previous, None),
                (Some(_), Since::Time(_)) => read_current(current, *is_running, None),
                (Some(_), Since::Lines(lines)) => Next::Count(lines),
            },
            Self::Reading(id) if *id == current.id => read_current(current, *is_running, None),
            Self::Reading(id) => match previous {
                Some(previous) if previous.id == *id => read_previous(previous, None),
                // The node has thrown the rest of it away.
                Some(_) | None => Self::Done(id.clone()).next(runs, since),
            },
            Self::Done(id) if *id == current.id => {
                if *is_over {
                    Next::Over
                } else {
                    Next::Wait
                }
            }
            Self::Done(id) => match previous {
                // It was started twice since.
                Some(previous) if previous.id != *id => read_previous(previous, None),
                Some(_) | None => read_current(current, *is_running, None),
            },
        }
    }

    /// What `Next::Count` comes to.
    pub fn counted(runs: &Runs, wanted: u32, has: u32) -> Next {
        let Some(current) = &runs.current else { return Next::Wait };
        match &runs.previous {
            Some(previous) if has < wanted => read_previous(previous, Some(wanted - has)),
            Some(_) | None => read_current(current, runs.is_running, Some(wanted)),
        }
    }
}

fn tail(since: Since) -> Option<u32> {
    match since {
        Since::Lines(lines) => Some(lines),
        Since::Time(_) | Since::Beginning => None,
    }
}

fn read_previous(previous: &Run, tail: Option<u32>) -> Next {
    let then = Progress::Done(previous.id.clone());
    Next::Read(Reading { which: Which::Previous, tail, follows: false, then })
}

fn read_current(current: &Run, is_running: bool, tail: Option<u32>) -> Next {
    let id = current.id.clone();
    // A stream that is followed may end for many reasons: the run counts as read when it was read once more after its end.
    let then = if is_running { Progress::Reading(id) } else { Progress::Done(id) };
    Next::Read(Reading { which: Which::Current, tail, follows: is_running, then })
}

/// It may have lines of this time or later. Ends are told in whole seconds, and by another clock than the lines' times.
fn is_younger(run: &Run, time: Timestamp) -> bool {
    run.finished
        .is_none_or(|finished| finished.saturating_add(SignedDuration::from_secs(2)).is_ok_and(|end| end >= time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> Run {
        Run { id: id.into(), finished: Some(Timestamp::from_second(1000).expect("in range")) }
    }

    fn runs(previous: Option<&str>, current: Option<&str>, is_running: bool) -> Runs {
        Runs { previous: previous.map(run), current: current.map(run), is_running, is_over: false }
    }

    fn over(runs: Runs) -> Runs {
        Runs { is_over: true, ..runs }
    }

    /// `previous`, `current`, `current...` when it is followed, with `-n` for a tail.
    fn told(next: &Next) -> String {
        match next {
            Next::Read(reading) => {
                let which = if reading.which == Which::Previous { "previous" } else { "current" };
                let tail = reading.tail.map_or_else(String::new, |tail| format!(" -{tail}"));
                format!("{which}{tail}{}", if reading.follows { "..." } else { "" })
            }
            Next::Count(lines) => format!("count {lines}"),
            Next::Wait => "wait".into(),
            Next::Over => "over".into(),
        }
    }

    /// What is read as the container goes through these states.
    fn read(since: Since, states: &[Runs]) -> Vec<String> {
        let mut progress = Progress::Nothing;
        let reads = states.iter().map(|runs| {
            let next = progress.next(runs, since);
            if let Next::Read(reading) = &next {
                progress = reading.then.clone();
            }
            told(&next)
        });
        reads.collect()
    }

    #[test]
    fn the_previous_run_comes_first_as_far_as_it_is_asked_for() {
        let restarted = runs(Some("1"), Some("2"), true);
        let time = |second| Since::Time(Timestamp::from_second(second).expect("in range"));
        let twice = [restarted.clone(), restarted.clone()];
        assert_eq!(read(Since::Beginning, &twice), ["previous", "current..."]);
        assert_eq!(read(time(900), &twice), ["previous", "current..."]);
        assert_eq!(read(time(1100), &twice), ["current...", "current..."]);
        assert_eq!(read(Since::Lines(5), &twice[..1]), ["count 5"]);
        assert_eq!(told(&Progress::counted(&restarted, 5, 5)), "current -5...");
        assert_eq!(told(&Progress::counted(&restarted, 5, 3)), "previous -2");
    }

    #[test]
    fn a_container_that_has_not_started_is_waited_for() {
        let states = [runs(None, None, false), runs(None, Some("1"), true)];
        assert_eq!(read(Since::Lines(9), &states), ["wait", "current -9..."]);
    }

    #[test]
    fn a_run_that_ended_is_read_to_its_end_before_the_next_one() {
        let states = [
            runs(None, Some("1"), true),
            // The stream ended, and the pod's status says why only now.
            runs(None, Some("1"), true),
            runs(None, Some("1"), false),
            runs(None, Some("1"), false),
            runs(Some("1"), Some("2"), true),
            runs(Some("2"), Some("3"), true),
            runs(Some("2"), Some("3"), true),
        ];
        let expected = ["current...", "current...", "current", "wait", "current...", "previous", "current..."];
        assert_eq!(read(Since::Beginning, &states), expected);
    }

    #[test]
    fn a_run_that_came_and_went_unseen_is_read_too() {
        let states = [runs(None, Some("1"), false), runs(Some("2"), Some("3"), true), runs(Some("2"), Some("3"), true)];
        assert_eq!(read(Since::Beginning, &states), ["current", "previous", "current..."]);
    }

    #[test]
    fn what_the_node_has_thrown_away_holds_nothing_up() {
        let states = [runs(None, Some("1"), true), runs(Some("3"), Some("4"), true), runs(Some("3"), Some("4"), true)];
        assert_eq!(read(Since::Beginning, &states), ["current...", "previous", "current..."]);
    }

    #[test]
    fn what_will_never_run_again_is_over_once_it_was_read() {
        let ended = over(runs(None, Some("1"), false));
        assert_eq!(read(Since::Beginning, &[ended.clone(), ended]), ["current", "over"]);
        assert_eq!(read(Since::Beginning, &[over(runs(None, None, false))]), ["over"]);
    }
}

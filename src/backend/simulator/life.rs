//! How one instance is at any time, before or after now: a pure function of its script and of when it was started and stopped.

use jiff::Timestamp;

use super::{
    quantity::{Span, later, nanos_between},
    release::Definition,
    script::{ServiceScript, Trouble, TroubleKind},
};

/// From a start, by a person or by the scenario, to a stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    pub started: Timestamp,
    pub by_hand: bool,
    pub stop: Option<Stop>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub asked: Timestamp,
    pub done: Timestamp,
    pub exit_code: i64,
    /// Nobody asked: it ended by itself.
    pub by_itself: bool,
}

/// What an instance is doing, from `since` on, and until `until` if nobody intervenes.
#[derive(Clone, Debug)]
pub struct Phase<'a> {
    pub doing: Doing<'a>,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    /// When its process was started last.
    pub run: Timestamp,
    /// By the engine, in this life.
    pub restarts: u32,
    /// When and of what this run will end.
    pub crash: Option<(Timestamp, &'a Trouble)>,
}

#[derive(Clone, Debug)]
pub enum Doing<'a> {
    Unborn,
    Starting,
    Well,
    /// At work, and its log complains.
    Erring,
    /// Its health check fails.
    Unwell(&'a Trouble),
    /// Up again after a crash, until the next.
    Looping(&'a Trouble),
    /// Between a crash and the next try.
    Crashed(&'a Trouble),
    Stopping(Stop),
    Ended(Stop),
    /// It cannot be started: this is what the registry answers to who wants its image.
    Imageless(&'a str),
}

impl Doing<'_> {
    pub fn is_alive(&self) -> bool {
        match self {
            Self::Starting | Self::Well | Self::Erring | Self::Unwell(_) | Self::Looping(_) | Self::Stopping(_) => true,
            Self::Unborn | Self::Crashed(_) | Self::Ended(_) | Self::Imageless(_) => false,
        }
    }

    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Well | Self::Erring)
    }
}

/// What one instance's script says.
pub struct Course<'a> {
    pub service: &'a ServiceScript,
    pub definition: &'a Definition,
    /// From 1.
    pub number: u32,
    /// When the scenario began.
    pub began: Timestamp,
}

impl<'a> Course<'a> {
    /// The life that it is born with.
    pub fn first_life(&self, born: Timestamp) -> Life {
        let end = |trouble: &Trouble| {
            let asked = trouble.from.after(self.began).max(born);
            let by_itself = trouble.kind == TroubleKind::Exits;
            let done = if by_itself { asked } else { self.service.stops_in.after(asked) };
            let exit_code = if by_itself { trouble.exit_code } else { 0 };
            Stop { asked, done, exit_code, by_itself }
        };
        let ends = |trouble: &&Trouble| matches!(trouble.kind, TroubleKind::Exits | TroubleKind::Stopped);
        let stop = self.troubles().filter(|trouble| !trouble.after_restart).find(ends).map(end);
        Life { started: born, by_hand: false, stop }
    }

    /// `lives`: oldest first. None may be in the future but the last.
    pub fn phase(&self, lives: &[Life], now: Timestamp) -> Phase<'a> {
        let Some(index) = lives.iter().rposition(|life| life.started <= now) else {
            let next = lives.first().map(|life| life.started);
            let since = next.unwrap_or(now);
            let missing = self.definition.missing.as_deref();
            let doing = missing.map_or(Doing::Unborn, Doing::Imageless);
            return Phase { doing, since, until: next, run: since, restarts: 0, crash: None };
        };
        let life = &lives[index];
        if let (Some(why), None) = (&self.definition.missing, &life.stop) {
            let doing = Doing::Imageless(why);
            return Phase { doing, since: life.started, until: None, run: life.started, restarts: 0, crash: None };
        }
        let next = lives.get(index + 1).map(|life| life.started);
        let mut phase = match &life.stop {
            Some(stop) if now >= stop.done => {
                let doing = Doing::Ended(stop.clone());
                Phase { doing, since: stop.done, until: None, run: life.started, restarts: 0, crash: None }
            }
            Some(stop) if now >= stop.asked => {
                let Phase { run, restarts, .. } = self.unstopped(life, stop.asked);
                let doing = Doing::Stopping(stop.clone());
                Phase { doing, since: stop.asked, until: Some(stop.done), run, restarts, crash: None }
            }
            Some(stop) => {
                let mut phase = self.unstopped(life, now);
                phase.until = earlier(phase.until, Some(stop.asked));
                phase
            }
            None => self.unstopped(life, now),
        };
        phase.until = earlier(phase.until, next);
        phase
    }

    fn unstopped(&self, life: &Life, now: Timestamp) -> Phase<'a> {
        let (mut run, mut restarts) = (life.started, 0);
        let mut active: Option<(&Trouble, Timestamp)> = None;
        let mut until: Option<Timestamp> = None;
        for trouble in self.troubles().filter(|trouble| life.by_hand || !trouble.after_restart) {
            let from = trouble.from.after(self.began).max(life.started);
            let end = trouble.lasts.map(|lasts| lasts.after(trouble.from.after(self.began)));
            if end.is_some_and(|end| end <= now) {
                if let Some(end) = end.filter(|end| trouble.kind == TroubleKind::CrashLoop && *end > from) {
                    (run, restarts) = (end, restarts + cycles(trouble, from, end) + 1);
                }
            } else if from <= now {
                active = Some((trouble, from));
                until = earlier(until, end);
            } else {
                until = earlier(until, Some(from));
            }
        }
        let mut phase = match active {
            Some((trouble, from)) if trouble.kind == TroubleKind::CrashLoop => looping(trouble, from, restarts, now),
            _ => Phase { doing: Doing::Well, since: run, until: None, run, restarts, crash: None },
        };
        // The first run of a crash loop looks like any other; nothing is settled between two runs.
        let looks_usual = matches!(phase.doing, Doing::Well | Doing::Looping(_)) && phase.restarts == restarts;
        if looks_usual {
            self.settle(&mut phase, active, now);
        }
        phase.until = earlier(phase.until, until);
        phase
    }

    /// A run that is up: starting at first, and then as its trouble has it.
    fn settle(&self, phase: &mut Phase<'a>, active: Option<(&'a Trouble, Timestamp)>, now: Timestamp) {
        let slow = active.filter(|(trouble, _)| trouble.kind == TroubleKind::SlowStart);
        let takes = slow.map_or(self.service.starts_in, |(trouble, _)| trouble.runs);
        let started = takes.after(phase.run);
        if self.service.health_check && now < started {
            phase.doing = Doing::Starting;
            phase.until = earlier(phase.until, Some(started));
            return;
        }
        let since = if self.service.health_check { started } else { phase.run };
        (phase.doing, phase.since) = match active {
            Some((trouble, from)) => match trouble.kind {
                TroubleKind::FailingCheck => (Doing::Unwell(trouble), from.max(since)),
                TroubleKind::Errors => (Doing::Erring, from.max(since)),
                TroubleKind::CrashLoop
                | TroubleKind::SlowStart
                | TroubleKind::Exits
                | TroubleKind::Stopped
                | TroubleKind::Deaf => (Doing::Well, since),
            },
            None => (Doing::Well, since),
        };
    }

    /// Its stop signal at `now`: when it will have ended, and how.
    pub fn stopped_at(&self, life: &Life, now: Timestamp, grace: Span) -> Stop {
        let deaf = self.troubles().any(|trouble| {
            trouble.kind == TroubleKind::Deaf
                && trouble.from.after(self.began) <= now
                && (life.by_hand || !trouble.after_restart)
        });
        if deaf || self.service.stops_in > grace {
            return Stop { asked: now, done: grace.after(now), exit_code: 137, by_itself: false };
        }
        Stop { asked: now, done: self.service.stops_in.after(now), exit_code: 0, by_itself: false }
    }

    fn troubles(&self) -> impl Iterator<Item = &'a Trouble> {
        let number = self.number;
        let concerns =
            move |trouble: &&Trouble| trouble.instances.as_ref().is_none_or(|them| them.get_ref().contains(&number));
        self.definition.troubles.iter().filter(concerns)
    }
}

fn looping(trouble: &Trouble, from: Timestamp, before: u32, now: Timestamp) -> Phase<'_> {
    let (runs, cycle) = cycle(trouble);
    let passed = cycles(trouble, from, now);
    let run = later(from, i64::from(passed) * cycle);
    let crash = later(run, runs);
    let restarts = before + passed;
    if now < crash {
        let crash = Some((crash, trouble));
        Phase { doing: Doing::Looping(trouble), since: run, until: crash.map(|(at, _)| at), run, restarts, crash }
    } else {
        Phase {
            doing: Doing::Crashed(trouble),
            since: crash,
            until: Some(later(run, cycle)),
            run,
            restarts,
            crash: None,
        }
    }
}

/// How often it was started again from `from` to `now`.
fn cycles(trouble: &Trouble, from: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(nanos_between(from, now) / cycle(trouble).1).unwrap_or(0)
}

/// Nanoseconds of a run, and from one start to the next. Never nothing, whatever the script says.
fn cycle(trouble: &Trouble) -> (i64, i64) {
    let runs = trouble.runs.max(Span::seconds(1)).nanos();
    (runs, runs + trouble.waits.max(Span::seconds(1)).nanos())
}

pub fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// When a crash loop that is seen at `now` began, as far as this life goes.
pub fn loop_began(trouble: &Trouble, began: Timestamp, life: &Life) -> Timestamp {
    trouble.from.after(began).max(life.started)
}

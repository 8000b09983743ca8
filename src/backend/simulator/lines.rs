//! The log of an instance over any stretch of time: the same lines whenever and in whatever pieces it is asked for.

use jiff::Timestamp;

use super::{
    chance::Chance,
    life::{Doing, Phase},
    quantity::{later, nanos_between},
    script::{Format, LineScript, LogKind},
    template::{Subject, push},
    world::{Member, World},
};
use crate::domain::{Level, Output};

/// An engine keeps only so much of a log.
const KEPT_LINES: f64 = 20_000.0;
/// Between the lines of one burst: of a start, or of last words.
const APART: i64 = 3_000_000;

pub struct Line {
    pub at: Timestamp,
    pub output: Output,
    pub level: Level,
    pub text: String,
}

/// One instance's log. Nothing is ever written by an instance whose service has no kind of log.
pub struct Lines<'a> {
    world: &'a World,
    instance: usize,
    member: &'a Member,
    kind: Option<&'a LogKind>,
    /// Nanoseconds between two lines; none where nothing is written regularly.
    period: Option<i64>,
    /// Where a program complains: a terminal has one output for everything.
    complaints: Output,
}

impl<'a> Lines<'a> {
    pub fn new(world: &'a World, instance: usize) -> Self {
        let member = &world.instances[instance];
        let kind = world.log_kind(member.service);
        let rate = kind.filter(|kind| !kind.lines.is_empty()).map_or(0.0, |kind| kind.rate.0);
        let period = (rate > 0.0).then(|| (1e9 / rate.min(1e7)).min(1e15) as i64);
        let complaints = if world.script(member.service).tty { Output::Stdout } else { Output::Stderr };
        Self { world, instance, member, kind, period, complaints }
    }

    /// The time of the oldest line that is kept at `now`. While nothing is written, nothing is thrown away.
    pub fn oldest(&self, now: Timestamp) -> Timestamp {
        let phase = self.world.phase(self.instance, now);
        let written_to = if let Doing::Ended(stop) = phase.doing { stop.done } else { now };
        let kept = self.period.map_or(i64::MAX / 4, |period| (period as f64 * KEPT_LINES) as i64);
        later(written_to, -kept).max(self.member.born)
    }

    /// How long it takes to write so many lines, at most what the engine keeps.
    pub fn stretch(&self, lines: u64) -> i64 {
        self.period.map_or(i64::MAX / 8, |period| period.saturating_mul(i64::try_from(lines).unwrap_or(i64::MAX)))
    }

    /// When there may be something to read after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let phase = self.world.phase(self.instance, now);
        let regular = self.period.filter(|_| phase.doing.is_alive()).map(|period| {
            let index = self.index_after(now, period);
            [index, index + 1].map(|index| self.time_of(index, period)).into_iter().filter(|at| *at > now).min()
        });
        // The lines of a burst come right after a start or right before an end, and are read together.
        let length = self.kind.map_or(0, |kind| kind.start.len()).max(10);
        let burst = |time: Timestamp| later(time, length as i64 * APART);
        let started = Some(burst(phase.run)).filter(|at| *at > now);
        [phase.until.map(burst), started, regular.flatten()].into_iter().flatten().min()
    }

    /// After `from`, up to and including `to`, in order.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Line> {
        let Some(kind) = self.kind else { return Vec::new() };
        let mut lines = Vec::new();
        let mut at = from;
        loop {
            let phase = self.world.phase(self.instance, at);
            let end = phase.until.map_or(to, |until| until.min(to));
            self.in_phase(kind, &phase, (at, end), &mut lines);
            match phase.until {
                Some(until) if until <= to => at = until,
                _ => break,
            }
        }
        lines.retain(|line| line.at > from && line.at <= to);
        lines.sort_by_key(|line| line.at);
        lines
    }

    fn in_phase(&self, kind: &LogKind, phase: &Phase<'_>, (begin, end): (Timestamp, Timestamp), lines: &mut Vec<Line>) {
        if !phase.doing.is_alive() {
            return;
        }
        if phase.since == phase.run {
            let start = kind
                .start
                .iter()
                .zip(1..)
                .map(|(script, n)| self.line(kind, script, later(phase.run, n * APART), n as u64, false));
            lines.extend(start);
        }
        if let Some((crash, trouble)) = phase.crash.filter(|(crash, _)| phase.until == Some(*crash)) {
            let count = trouble.last_words.len() as i64;
            lines.extend(trouble.last_words.iter().zip(0..).map(|(words, n)| Line {
                at: later(crash, (n - count) * APART),
                output: self.complaints,
                level: Level::Error,
                text: words.to_string(),
            }));
        }
        let Some(period) = self.period else { return };
        let mut index = self.index_after(begin, period);
        let mut at = self.time_of(index, period);
        while at <= end {
            if at > begin {
                lines.push(self.regular(kind, phase, index, at));
            }
            index += 1;
            at = self.time_of(index, period);
        }
    }

    fn regular(&self, kind: &LogKind, phase: &Phase<'_>, index: u64, at: Timestamp) -> Line {
        let chance = self.member.chance.of("log").at(index);
        let troubled = match phase.doing {
            Doing::Erring | Doing::Unwell(_) | Doing::Looping(_) => true,
            Doing::Unborn
            | Doing::Starting
            | Doing::Well
            | Doing::Crashed(_)
            | Doing::Stopping(_)
            | Doing::Ended(_)
            | Doing::Imageless(_) => false,
        };
        let complains = troubled && !kind.troubled.is_empty() && chance.of("troubled").share() < kind.troubled_share;
        let scripts = if complains { &kind.troubled } else { &kind.lines };
        self.line(kind, choose(scripts, chance.of("which")), at, index, troubled)
    }

    fn line(&self, kind: &LogKind, script: &LineScript, at: Timestamp, count: u64, troubled: bool) -> Line {
        let service = &self.world.services[self.member.service].id;
        let subject = Subject {
            instance: &self.member.name,
            service: &service.name,
            release: self.member.definition.version.as_deref().unwrap_or("-"),
            words: &kind.words,
            at,
            count,
            troubled,
        };
        let text = written(kind.format, script, &subject, self.member.chance.of("words").at(count));
        // A twelve-factor program writes everything to one output; an old one complains on the other.
        let complains = script.level >= Level::Error && matches!(kind.format, Format::Plain | Format::Raw);
        let output = if complains { self.complaints } else { Output::Stdout };
        Line { at, output, level: script.level, text }
    }

    /// Each line has a slot of one period, and comes somewhere in it.
    fn time_of(&self, index: u64, period: i64) -> Timestamp {
        let late = (self.member.chance.of("time").at(index).share() * 0.9 * period as f64) as i64;
        later(self.member.born, i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(period).saturating_add(late))
    }

    fn index_after(&self, time: Timestamp, period: i64) -> u64 {
        u64::try_from(nanos_between(self.member.born, time) / period).unwrap_or(0)
    }
}

fn choose(scripts: &[LineScript], chance: Chance) -> &LineScript {
    let total: u64 = scripts.iter().map(|script| u64::from(script.weight)).sum();
    let mut left = chance.below(total.max(1));
    let wanted = scripts.iter().find(|script| {
        let found = left < u64::from(script.weight);
        left = left.saturating_sub(u64::from(script.weight));
        found
    });
    wanted.unwrap_or(&scripts[0])
}

fn written(format: Format, script: &LineScript, subject: &Subject<'_>, chance: Chance) -> String {
    let mut message = String::with_capacity(64);
    script.message.get_ref().fill(&mut message, subject, chance);
    let fields = script.fields.iter().flat_map(|fields| &fields.get_ref().0).map(|(key, template)| {
        let mut value = String::new();
        template.fill(&mut value, subject, chance);
        (key, value, template.is_number())
    });
    let (at, level) = (subject.at, script.level);
    let mut line = String::with_capacity(192);
    match format {
        Format::Raw => return message,
        Format::Json => {
            push(&mut line, format_args!(r#"{{"time":"{at:.3}","level":"{level}","msg":{}"#, json(&message)));
            for (key, value, is_number) in fields {
                let value = if is_number { value } else { json(&value).to_string() };
                push(&mut line, format_args!(r#","{key}":{value}"#));
            }
            line.push('}');
        }
        Format::Logfmt => {
            push(&mut line, format_args!("time={at:.3} level={level} msg={}", json(&message)));
            fields.for_each(|(key, value, _)| push(&mut line, format_args!(" {key}={value}")));
        }
        Format::Plain => {
            let level = level.word().to_ascii_uppercase();
            push(&mut line, format_args!("{} {level:<5} {message}", at.strftime("%Y-%m-%d %H:%M:%S,%3f")));
            fields.for_each(|(key, value, _)| push(&mut line, format_args!(" {key}={value}")));
        }
    }
    line
}

fn json(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{backend::simulator::quantity::Span, clock::Clock};

    #[tokio::test(start_paused = true)]
    async fn however_a_stretch_is_cut_its_lines_are_the_same() {
        let script = r#"
            title = "x"
            [logs.usual]
            format = "json"
            rate = 3
            start = [{ message = "one" }, { message = "two" }]
            lines = [{ message = "served {id}" }]
            [[clusters]]
            name = "here"
            [[clusters.services]]
            scope = "shop"
            name = "web"
            image = "web"
            started = "5m"
            health_check = true
            logs = "usual"
            troubles = [{ kind = "crash_loop", from = "-4m", runs = "9s", waits = "4s", last_words = ["the", "end"] }]
        "#;
        let script = Arc::new(toml::from_str(script).expect("a script"));
        let clock = Clock::starting_at("2026-11-21T03:00:00Z".parse().expect("a time"));
        let world = World::new(&script, 0, Chance::new(1), clock);
        let lines = Lines::new(&world, 0);
        let (from, to) = (Span::seconds(-300).after(world.began), world.began);
        let whole: Vec<_> = lines.between(from, to).into_iter().map(|line| (line.at, line.text)).collect();
        assert!(whole.len() > 400, "{}", whole.len());
        for seed in 0..50 {
            let mut cut = Vec::new();
            let (mut at, mut chance) = (from, Chance::new(seed));
            while at < to {
                chance = chance.at(1);
                let next = later(at, 1 + chance.below(20_000_000_000) as i64).min(to);
                cut.extend(lines.between(at, next).into_iter().map(|line| (line.at, line.text)));
                at = next;
            }
            assert!(cut == whole, "seed {seed}: expected {whole:#?}\ngot {cut:#?}");
        }
    }
}

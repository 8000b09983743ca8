//! Looks whether what is new does well enough to go on, by what the simulated world knows: health, restarts and its own logs.

use jiff::Timestamp;

use super::{
    LOOK, Line,
    lines::{self, Lines},
    orchestrator::is_kept,
    quantity::{Span, later},
    words,
    world::World,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Level, Trouble},
    plan::{
        Gate, Group,
        wish::{HttpGate, PrometheusGate},
    },
};

/// Between two requests to a health endpoint.
const BETWEEN: i64 = 1_000_000_000;

pub async fn gate(line: &Line, gate: &Gate, groups: (&Group, &Group), progress: &Progress) -> Result<(), StepError> {
    let gate = Looking { line, title: gate.title(), gate, new: groups.0, old: groups.1, progress };
    match gate.gate {
        Gate::Health { seconds } => gate.health(*seconds).await,
        Gate::Http(http) => gate.http(http).await,
        Gate::Errors { percent, at_least, seconds } => gate.errors(*percent, *at_least, *seconds).await,
        Gate::Prometheus(PrometheusGate { url, .. }) => {
            Err(gate.unsure(format!("there is no network behind the simulator, so {url} cannot be asked")))
        }
        Gate::Person { .. } => Err(gate.unsure("a person says whether it goes on".to_owned())),
    }
}

struct Looking<'a> {
    line: &'a Line,
    title: String,
    gate: &'a Gate,
    new: &'a Group,
    old: &'a Group,
    progress: &'a Progress,
}

impl Looking<'_> {
    async fn health(&self, seconds: u32) -> Result<(), StepError> {
        let began = self.line.now();
        let until = Span::seconds(seconds.into()).after(began);
        let restarts = restarts(&self.line.world(), self.new, began);
        loop {
            let (world, now) = (self.line.world(), self.line.now());
            let members = self.members(&world)?;
            for member in &members {
                self.ready(&world, *member, now)?;
            }
            if self::restarts(&world, self.new, now) > restarts {
                return Err(self.failed("an instance ended and was started again".to_owned()));
            }
            if now >= until {
                return Ok(());
            }
            let passed = now.duration_since(began).as_secs();
            (self.progress)(&format!("{} ready for {passed} s of {seconds} s", members.len()));
            self.wait(pause(now).min(until)).await?;
        }
    }

    /// What is ready answers 200, and what is not 503.
    async fn http(&self, gate: &HttpGate) -> Result<(), StepError> {
        if gate.at.starts_with("http") {
            return Err(
                self.unsure(format!("there is no network behind the simulator, so {} cannot be asked", gate.at))
            );
        }
        if gate.body.is_some() {
            return Err(self.unsure("a simulated instance answers without a body".to_owned()));
        }
        for time in 1..=gate.times {
            let (world, now) = (self.line.world(), self.line.now());
            for member in self.members(&world)? {
                let status = if world.phase(member, now).doing.is_ready() { 200 } else { 503 };
                if status != gate.status {
                    let name = &world.instances[member].name;
                    return Err(self.failed(format!("{name} answered {status}")));
                }
            }
            (self.progress)(&format!("{} answered, {time} of {} times", gate.status, gate.times));
            self.wait(later(now, BETWEEN)).await?;
        }
        Ok(())
    }

    async fn errors(&self, percent: u32, at_least: u32, seconds: u32) -> Result<(), StepError> {
        let from = self.line.now();
        (self.progress)(&format!("reads the logs for {seconds} s"));
        self.wait(Span::seconds(seconds.into()).after(from)).await?;
        let (world, to) = (self.line.world(), self.line.now());
        let [new, old] = [self.new, self.old].map(|group| {
            let lines = group_members(&world, group).into_iter();
            let lines = lines.flat_map(|member| Lines::new(&world, member).between(from, to));
            let (mut errors, mut all) = (0_u64, 0_u64);
            for lines::Line { level, .. } in lines {
                all += 1;
                errors += u64::from(level >= Level::Error);
            }
            (errors, all)
        });
        let least = u64::from(at_least).max(1);
        if new.1 < least || old.1 < least {
            return Err(self.unsure(format!("{} lines of the new release and {} of the old are too few", new.1, old.1)));
        }
        // new.0 / new.1 <= percent / 100 * old.0 / old.1
        if new.0 * old.1 * 100 <= u64::from(percent) * old.0 * new.1 {
            return Ok(());
        }
        let share = |(errors, all): (u64, u64)| format!("{errors} of {all}");
        Err(self.failed(format!("{} lines are errors, of the old release {}", share(new), share(old))))
    }

    fn members(&self, world: &World) -> Result<Vec<usize>, StepError> {
        let members = group_members(world, self.new);
        if members.is_empty() {
            return Err(self.unsure("there is no new instance to look at".to_owned()));
        }
        Ok(members)
    }

    fn ready(&self, world: &World, member: usize, now: Timestamp) -> Result<(), StepError> {
        let (it, phase) = (&world.instances[member], world.phase(member, now));
        if phase.doing.is_ready() {
            return Ok(());
        }
        let life = it.lives.iter().rfind(|life| life.started <= now);
        let (health, _) = words::health(&world.course(it), life, &phase, now);
        let why = health.reason().map_or("it is not ready", |reason| &reason.text);
        Err(self.failed(format!("{}: {why}", it.name)))
    }

    async fn wait(&self, until: Timestamp) -> Result<(), StepError> {
        self.line.until(until).await.map_err(|loss| StepError::Lost(loss.why))
    }

    fn failed(&self, why: String) -> StepError {
        let trouble = Trouble::new(format!("the check '{}' failed", self.title), why);
        StepError::Failed(trouble.help("the last lines of its log usually say why"))
    }

    fn unsure(&self, why: String) -> StepError {
        StepError::Unsure(Trouble::new(format!("the check '{}' cannot tell", self.title), why))
    }
}

fn pause(now: Timestamp) -> Timestamp {
    now.saturating_add(LOOK).unwrap_or(now)
}

fn restarts(world: &World, group: &Group, now: Timestamp) -> u32 {
    group_members(world, group).into_iter().map(|member| world.phase(member, now).restarts).sum()
}

fn group_members(world: &World, group: &Group) -> Vec<usize> {
    let of = |service, is_wanted: &dyn Fn(bool) -> bool| {
        let Some(service) = world.find_service(service) else { return Vec::new() };
        let newest = newest(world, service);
        let members = world.members(service).filter(|member| {
            let member = &world.instances[*member];
            !member.leaving && is_wanted(member.definition.mark == newest)
        });
        members.collect()
    };
    match group {
        Group::Instances(instances) => instances.iter().filter_map(|instance| world.find(instance)).collect(),
        Group::Newest(service) => of(service, &|is_new| is_new),
        Group::Older(service) => of(service, &|is_new| !is_new),
        Group::All(service) => of(service, &|_| true),
    }
}

fn newest(world: &World, service: usize) -> u64 {
    let served = &world.services[service];
    if is_kept(served.kind) {
        return served.spec.definition.mark;
    }
    let last = world.members(service).last().map(|member| world.instances[member].definition.mark);
    last.unwrap_or(served.spec.definition.mark)
}

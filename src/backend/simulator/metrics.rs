//! What a simulated instance uses: its script's shapes, bent by what it is going through.

use std::f64::consts::TAU;

use futures::{Stream, stream};
use jiff::Timestamp;

use super::{
    Line,
    chance::Chance,
    gone,
    life::{Doing, Phase},
    quantity::{Span, nanos_between},
    script::{Shape, Shapes},
    world::World,
};
use crate::domain::{InstanceId, Sample, Trouble};

/// A measurement a second, for as long as it runs.
pub fn sample(line: Line, instance: InstanceId) -> impl Stream<Item = Result<Sample, Trouble>> {
    stream::unfold(Some((line, instance, None)), |state| async move {
        let (line, instance, last): (Line, InstanceId, Option<Timestamp>) = state?;
        match next(&line, &instance, last).await {
            Ok(sample) => Some((Ok(sample), Some((line, instance, Some(sample.at))))),
            Err(trouble) => Some((Err(trouble), None)),
        }
    })
}

async fn next(line: &Line, instance: &InstanceId, last: Option<Timestamp>) -> Result<Sample, Trouble> {
    match last {
        None => line.round_trip().await,
        Some(last) => line.until(Span::seconds(1).after(last)).await,
    }
    .map_err(|loss| loss.why)?;
    let world = line.world();
    let index = world.find(instance).ok_or_else(|| gone("measure", instance))?;
    measure(&world, index, line.now())
        .ok_or_else(|| Trouble::new(format!("could not measure {}", world.instances[index].name), "it does not run"))
}

/// Nothing where nothing runs.
fn measure(world: &World, index: usize, now: Timestamp) -> Option<Sample> {
    let (member, phase) = (&world.instances[index], world.phase(index, now));
    if !phase.doing.is_alive() {
        return None;
    }
    let (none, script) = (Shapes::default(), world.script(member.service));
    let shapes = world.shapes(member.service).unwrap_or(&none);
    let chance = member.chance.of("metrics");
    let of = |shape: &Shape, name: &str| value(shape, chance.of(name), phase.run, now).max(0.0) as u64;
    let strain = match phase.doing {
        Doing::Starting | Doing::Looping(_) => 2,
        Doing::Unborn
        | Doing::Well
        | Doing::Erring
        | Doing::Unwell(_)
        | Doing::Crashed(_)
        | Doing::Stopping(_)
        | Doing::Ended(_)
        | Doing::Imageless(_) => 1,
    };
    let at_most = |value: u64, limit: Option<u64>| limit.map_or(value, |limit| value.min(limit));
    let limits = &script.limits;
    let memory = out_of_memory_ramp(&phase, limits.memory.map(|limit| limit.0), shapes.memory.base.0, now)
        .unwrap_or_else(|| of(&shapes.memory, "memory"));
    Some(Sample {
        at: now,
        cpu: at_most(of(&shapes.cpu, "cpu") * strain, limits.cpu.map(|limit| limit.0)),
        memory: at_most(memory, limits.memory.map(|limit| limit.0)),
        received: of(&shapes.received, "received"),
        sent: of(&shapes.sent, "sent"),
        read: of(&shapes.read, "read"),
        written: of(&shapes.written, "written"),
        pids: at_most(of(&shapes.pids, "pids").max(1), limits.pids),
        seconds: 1,
    })
}

/// What will be killed for its memory gets there on a straight line.
fn out_of_memory_ramp(phase: &Phase<'_>, limit: Option<u64>, base: f64, now: Timestamp) -> Option<u64> {
    let (crash, _) = phase.crash.filter(|(_, trouble)| trouble.out_of_memory)?;
    let limit = limit? as f64;
    let base = base.min(limit * 0.5);
    let share = nanos_between(phase.run, now) as f64 / nanos_between(phase.run, crash).max(1) as f64;
    Some((base + (limit - base) * share) as u64)
}

fn value(shape: &Shape, chance: Chance, run: Timestamp, now: Timestamp) -> f64 {
    let base = shape.base.0;
    let period = shape.period.max(Span::seconds(1)).nanos();
    let turn = now.as_nanosecond().rem_euclid(i128::from(period)) as f64 / period as f64;
    let wave = shape.wave * (TAU * (turn + chance.share())).sin();
    let second = u64::try_from(now.as_second()).unwrap_or(0);
    let noise = shape.noise * (chance.at(second).share() * 2.0 - 1.0);
    let hours = nanos_between(run, now) as f64 / 3.6e12;
    base * (1.0 + wave + noise) + shape.leak.0 * hours
}

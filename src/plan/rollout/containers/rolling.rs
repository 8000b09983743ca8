//! One container after the other.

use std::sync::Arc;

use super::{Roll, Turn, turn::is_published, words};
use crate::{
    domain::InstanceId,
    plan::{Planned, Stage, proxies::alike, restart, wish::Rolling},
};

pub(super) fn stages(roll: &Roll<'_>, rolling: &Rolling) -> Vec<Stage> {
    let mut members = roll.serving();
    let mut stages = Vec::from_iter(roll.beginning());
    for (place, slot) in roll.slots.iter().enumerate() {
        let steps = match roll.turn {
            Turn::NewFirst => {
                let mut steps = appear(roll, place, rolling.within);
                steps.extend(take_in(roll, place, &mut members));
                steps.extend(give_way(roll, place, rolling.drain, rolling.within, &mut members));
                steps
            }
            Turn::OldFirst(_) => change_over(roll, place, rolling, &mut members),
        };
        stages.push(Stage { title: slot.name.clone(), steps });
    }
    stages.push(roll.tidying());
    stages
}

/// Up to where it is ready, and nobody talks to it yet.
pub(super) fn appear(roll: &Roll<'_>, place: usize, within: u32) -> Vec<Planned> {
    let slot = &roll.slots[place];
    let mut steps = vec![roll.make(place), slot.start(), slot.await_ready(within)];
    steps.extend(roll.watch(roll.min_ready, vec![slot.new.clone()]));
    steps
}

/// It gets requests from now on, beside `members`.
fn take_in(roll: &Roll<'_>, place: usize, members: &mut Vec<InstanceId>) -> Vec<Planned> {
    let slot = &roll.slots[place];
    let before = members.clone();
    members.push(slot.new.clone());
    let mut steps = roll.join(place);
    steps.extend(roll.proxies.send(&alike(&*members), &alike(&before)));
    let old: Vec<_> = roll.slots[place..].iter().map(|slot| slot.old.id.clone()).collect();
    steps.extend(roll.asked(&roll.new_ones(place + 1), &old));
    steps
}

/// The old one gets no more requests, is given time for those that it has, and is stopped.
pub(super) fn give_way(
    roll: &Roll<'_>,
    place: usize,
    drain: u32,
    within: u32,
    members: &mut Vec<InstanceId>,
) -> Vec<Planned> {
    let slot = &roll.slots[place];
    let mut steps = Vec::new();
    let before = members.clone();
    members.retain(|member| *member != slot.old.id);
    if *members != before {
        steps.extend(roll.proxies.send(&alike(&*members), &alike(&before)));
    }
    let new: Vec<InstanceId> = members.iter().filter(|member| member.is_made()).cloned().collect();
    steps.extend(roll.watch(drain, new));
    steps.extend(roll.stop_old(place, within, members, Vec::new()));
    steps
}

/// The old one is stopped before the new one is started: two cannot be there at once.
fn change_over(roll: &Roll<'_>, place: usize, rolling: &Rolling, members: &mut Vec<InstanceId>) -> Vec<Planned> {
    let slot = &roll.slots[place];
    let before = members.clone();
    members.retain(|member| *member != slot.old.id);
    let without = members.clone();
    members.push(slot.new.clone());

    let mut steps = vec![roll.make(place)];
    if without != before {
        let shifts = roll.proxies.send(&alike(&without), &alike(&before));
        if !shifts.is_empty() {
            steps.extend(shifts);
            steps.extend(roll.watch(rolling.drain, without.clone()));
        }
    }
    // Where nobody else was left to send to, the old one is sent to again only when it is back.
    let then = if without.is_empty() { roll.proxies.steps(&alike(&before)) } else { Vec::new() };
    steps.extend(roll.stop_old(place, rolling.within, &without, then));
    // Joining takes what runs off its networks for a moment: before it is ready nobody minds. Where others answer by the same names,
    // nobody is to find it before it is ready, unless the host's port leads to it anyway.
    let is_found_at_once = without.is_empty() || is_published(slot.old);
    if is_found_at_once {
        steps.push(slot.join());
    }
    steps.push(slot.start());
    steps.push(slot.await_ready(rolling.within));
    steps.extend(roll.watch(roll.min_ready, vec![slot.new.clone()]));
    // Where it has joined already, only those are told who ask when they are.
    steps.extend(roll.join(place).into_iter().skip(usize::from(is_found_at_once)));
    steps.extend(roll.proxies.send(&alike(&*members), &alike(&without)));
    let old: Vec<_> = roll.slots[place + 1..].iter().map(|slot| slot.old.id.clone()).collect();
    steps.extend(roll.asked(&roll.new_ones(place + 1), &old));
    steps
}

pub(super) fn how(roll: &Roll<'_>, rolling: &Rolling) -> Vec<Arc<str>> {
    let Rolling { pace, within, drain } = rolling;
    let stop = words::stopping(roll.slots[0].old);
    let steady = match roll.min_ready {
        0 => String::new(),
        seconds => format!(" and stay so for {seconds} s"),
    };
    let way = match roll.turn {
        Turn::NewFirst => {
            let drained = if *drain > 0 { format!("drained for {drain} s and ") } else { String::new() };
            format!(
                "a new one is made, must be ready within {within} s{steady} and gets requests, then the old one is {drained}stopped ({stop})"
            )
        }
        Turn::OldFirst(_) => {
            format!(
                "the old one is stopped ({stop}), then a new one is started and must be ready within {within} s{steady}"
            )
        }
    };
    let wanted = roll.wanted();
    let mut how = vec![format!("rolling to {wanted}, one after the other: {way}").into()];
    if !roll.proxies.is_empty() {
        how.push(format!("requests are shifted by {}", roll.proxies.title()).into());
    }
    how.extend(roll.looked_up());
    if pace.is_some_and(|pace| pace.max_surge > 1 || pace.max_unavailable > 1) {
        how.push("the console replaces containers one at a time, whatever the pace allows".into());
    }
    if roll.slots.iter().any(|slot| !slot.old.has_health_check) {
        how.push(format!("without a health check, having run for {} s is taken for ready", restart::STEADY).into());
    }
    how.extend(words::gates(roll.gates, "after each new one"));
    how
}

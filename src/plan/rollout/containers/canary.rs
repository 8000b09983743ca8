//! A part of the requests goes to a few new containers first. Until that has gone well, every old one stays.

use std::sync::Arc;

use super::{
    super::{ask, carriers, companions, percents, real_share},
    Roll, rolling,
    words::{self, several},
};
use crate::{
    domain::InstanceId,
    plan::{
        Planned, Stage,
        proxies::{alike, divided},
        wish::{Canary, Then, Weight},
    },
};

pub(super) fn stages(roll: &Roll<'_>, canary: &Canary) -> Vec<Stage> {
    let old = roll.serving();
    let mut stages = Vec::from_iter(roll.beginning());
    let mut made = 0;
    for weight in &canary.steps {
        let wanted = count(roll, *weight);
        let mut steps = Vec::new();
        for place in made..wanted {
            steps.extend(rolling::appear(roll, place, canary.within));
        }
        // Having the name is getting requests where no proxy divides them. It comes before any request: joining cuts off those that
        // are under way.
        steps.extend((made..wanted).flat_map(|place| roll.join(place)));
        made = made.max(wanted);
        let new = roll.new_ones(made);
        // Whatever was reached before: what is in doubt gets nothing at all any more.
        steps.extend(roll.proxies.send(&divided(&new, &old, weight.percent), &alike(&old)));
        steps.extend(verdict(roll, *weight, &new));
        stages.push(Stage { title: format!("{} %", weight.percent).into(), steps });
    }
    stages.extend(rest(roll, canary, made));
    stages.push(roll.tidying());
    stages
}

fn verdict(roll: &Roll<'_>, weight: Weight, new: &[InstanceId]) -> Vec<Planned> {
    let old = roll.old();
    let mut steps = Vec::new();
    if let Then::Watch(seconds) = weight.then {
        steps.extend(roll.watch(seconds, new.to_vec()));
    }
    steps.extend(roll.asked(new, &old));
    if weight.then == Then::Ask {
        let says = format!("{} % has {}: go on?", weight.percent, roll.wanted());
        steps.push(roll.gate(ask(says), new.to_vec(), old));
    }
    steps
}

/// The others follow, one after the other, and every old one gives way.
fn rest(roll: &Roll<'_>, canary: &Canary, made: usize) -> Vec<Stage> {
    // From here on each gets as much as any other.
    let mut members: Vec<InstanceId> = roll.new_ones(made).into_iter().chain(roll.serving()).collect();
    let stage = |(place, slot): (usize, &crate::plan::slots::Slot<'_>)| {
        let mut steps = Vec::new();
        if place >= made {
            steps.extend(rolling::appear(roll, place, canary.within));
        }
        if place >= made {
            steps.extend(roll.join(place));
            let before = members.clone();
            members.push(slot.new.clone());
            steps.extend(roll.proxies.send(&alike(&members), &alike(&before)));
        }
        steps.extend(rolling::give_way(roll, place, canary.drain, canary.within, &mut members));
        Stage { title: slot.name.clone(), steps }
    };
    roll.slots.iter().enumerate().map(stage).collect()
}

/// How many new ones there are at this weight.
fn count(roll: &Roll<'_>, weight: Weight) -> usize {
    let wanted = u32::try_from(roll.slots.len()).unwrap_or(u32::MAX);
    let count = if roll.proxies.is_empty() { companions } else { carriers };
    count(wanted, weight.percent) as usize
}

pub(super) fn how(roll: &Roll<'_>, canary: &Canary) -> Vec<Arc<str>> {
    let old = roll.serving().len();
    let part = |weight: &Weight| {
        let new = count(roll, *weight);
        let then = match weight.then {
            Then::Watch(seconds) => format!("watched for {seconds} s"),
            Then::Ask => "until you say go on".into(),
        };
        let (percent, many) = (weight.percent, several(new, "new container"));
        if roll.proxies.is_empty() {
            let share = real_share(new as u32, old as u32);
            let asked = if share == u32::from(percent) { String::new() } else { format!(", not {percent} %") };
            format!("{many} beside {old} ({new} of {}, about {share} % of the requests{asked}), {then}", new + old)
        } else {
            format!("{percent} % to {many}, {then}")
        }
    };
    let mut how = vec![
        format!(
            "canary of {}: {}; then the others one after the other",
            roll.wanted(),
            percents(canary.steps.iter().map(part))
        )
        .into(),
    ];
    if roll.proxies.is_empty() {
        let name = &roll.situation.service.id.name;
        how.push(format!("no proxy is known that divides requests: whoever looks up {name} finds one of them").into());
    } else {
        let name = &roll.situation.service.id.name;
        how.push(
            format!(
                "requests are divided by {}; who looks up {name} without it finds any of them",
                roll.proxies.title()
            )
            .into(),
        );
    }
    let stop = words::stopping(roll.slots[0].old);
    let Canary { within, drain, .. } = canary;
    how.push(
        format!(
            "each new one must be ready within {within} s; each old one is drained for {drain} s and stopped ({stop})"
        )
        .into(),
    );
    how.extend(roll.looked_up());
    how.extend(words::gates(roll.gates, "after each part"));
    how
}

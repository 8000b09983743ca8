//! A whole new set beside the old one, looked at before anybody is sent to it, then switched to at once.

use std::sync::Arc;

use super::{
    super::ask,
    Roll, rolling,
    words::{self, several},
};
use crate::plan::{Planned, Stage, proxies::alike, slots::Slot, wish::BlueGreen};

pub(super) fn stages(roll: &Roll<'_>, wish: &BlueGreen) -> Vec<Stage> {
    let (old, new) = (roll.serving(), roll.new_ones(roll.slots.len()));
    let mut stages = Vec::from_iter(roll.beginning());

    let mut beside: Vec<_> =
        (0..roll.slots.len()).flat_map(|place| rolling::appear(roll, place, wish.within)).collect();
    beside.extend(roll.asked(&new, &roll.old()));
    if wish.ask {
        let says = format!("all of {} is ready: switch to it?", roll.wanted());
        beside.push(roll.gate(ask(says), new.clone(), roll.old()));
    }
    stages.push(Stage { title: "beside".into(), steps: beside });

    // Joining cuts off the requests that are under way, so it comes before any.
    let mut switch: Vec<_> = roll.slots.iter().map(Slot::join).collect();
    switch.extend(roll.proxies.look_up("the new ones have come").into_iter().map(Planned::new));
    switch.extend(roll.proxies.send(&alike(&new), &alike(&old)));
    // While it is kept, it finishes what it has.
    switch.extend(roll.watch(wish.keep.max(wish.drain), new.clone()));
    stages.push(Stage { title: "switch".into(), steps: switch });

    let stops = (0..roll.slots.len()).flat_map(|place| roll.stop_old(place, wish.within, &new, Vec::new()));
    stages.push(Stage { title: "old set".into(), steps: stops.collect() });
    stages.push(roll.tidying());
    stages
}

pub(super) fn how(roll: &Roll<'_>, wish: &BlueGreen) -> Vec<Arc<str>> {
    let many = several(roll.slots.len(), "new container");
    let switch = if wish.ask { "when you say so, all requests are" } else { "then all requests are" };
    let by = if roll.proxies.is_empty() { "by name".into() } else { format!("by {}", roll.proxies.title()) };
    let mut how: Vec<Arc<str>> = vec![
        format!(
            "blue-green to {}: {many} beside the old, each ready within {} s; {switch} switched {by} at once",
            roll.wanted(),
            wish.within
        )
        .into(),
        format!(
            "the old ones run on for {} s to switch back to, then they are stopped ({})",
            wish.keep.max(wish.drain),
            words::stopping(roll.slots[0].old)
        )
        .into(),
    ];
    how.push("meanwhile twice as many run: see that the host has room".into());
    how.extend(roll.looked_up());
    how.extend(words::gates(roll.gates, "before the switch"));
    how
}

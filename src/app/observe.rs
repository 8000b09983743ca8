//! Takes in what happened outside, and says how soon it should be seen.

use crate::{
    app::{App, Due},
    domain::Change,
    message::Event,
};

pub fn observe(app: &mut App, event: Event) -> Due {
    let now = app.world.now;
    let world = &mut app.world;
    match event {
        Event::Link { cluster, link } => {
            if let Some(known) = world.inventory.cluster_mut(&cluster) {
                known.link = link;
            }
            Due::Soon
        }
        Event::Capabilities { cluster, capabilities } => {
            if let Some(known) = world.inventory.cluster_mut(&cluster) {
                known.capabilities = capabilities;
            }
            Due::Soon
        }
        Event::Latency { cluster, round_trip } => {
            if let Some(known) = world.inventory.cluster_mut(&cluster) {
                known.latency = Some(round_trip);
            }
            Due::Calm
        }
        Event::Changed { cluster, change } => {
            if let Change::Happened(happening) = change {
                world.happened(cluster, happening);
            } else {
                world.inventory.apply(&cluster, change, now);
            }
            Due::Soon
        }
        Event::Log(chunk) => {
            world.log.push(chunk);
            app.top().page().logs_due()
        }
        Event::LogGap(gap) => {
            world.log.push_gap(gap);
            app.top().page().logs_due()
        }
        Event::Tail { instance, state } => {
            world.tails.insert(instance, state);
            Due::Soon
        }
        Event::Sample { instance, sample } => {
            world.series.push(&instance, sample);
            Due::Calm
        }
        Event::Answer { question, answer } => {
            world.answers.insert(question, answer);
            Due::Soon
        }
        Event::Operation(operation) => {
            world.operations.insert(operation.id.clone(), *operation);
            Due::Soon
        }
        Event::Notice(notice) => {
            world.notice(notice);
            Due::Soon
        }
    }
}

//! Takes in what happened outside, and says how soon it should be seen.

use crate::{
    action::Place,
    app::{App, Due},
    domain::Change,
    message::{Answer, Event, ForwardState, Question},
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
            let due = news(app, &change);
            let world = &mut app.world;
            if let Change::Happened(happening) = change {
                world.happened(cluster, happening);
            } else {
                let is_whole = matches!(change, Change::Picture(_) | Change::Arrived);
                world.inventory.apply(&cluster, change, now);
                if is_whole {
                    world.backups.look_again();
                }
            }
            due
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
        Event::Forward { local, state } => {
            // Counts move with the beat, like all numbers.
            let due = if matches!(state, ForwardState::Listening { .. }) { Due::Calm } else { Due::Soon };
            world.forward_is(local, state);
            due
        }
        Event::Answer { question, answer } => {
            match (&question, &answer) {
                (Question::Rights(cluster, scope), Ok(Answer::Rights(rights))) => {
                    world.inventory.set_rights(cluster, scope, rights.clone());
                }
                (Question::Means(service), Ok(Answer::Means(means))) => {
                    world.inventory.set_means(service, (**means).clone());
                }
                (_, _) => {}
            }
            world.answers.insert(question.clone(), answer);
            app.answered(&question);
            Due::Soon
        }
        Event::Backups(listing) => {
            world.backups_are(listing);
            Due::Soon
        }
        Event::Operation(operation) => {
            let before = world.operations.get(&operation.id);
            world.backups.may_have_changed(before, &operation);
            world.operations.insert(operation.id.clone(), *operation);
            Due::Soon
        }
        Event::Armed { until } => {
            world.armed = Some(until);
            Due::Soon
        }
        Event::Notice(notice) => {
            world.notice(notice);
            Due::Soon
        }
    }
}

/// A service that fails is news; that one of its ten thousand siblings restarted once more can wait for the beat. On a big cluster
/// something changes all the time, and most of it stands on no screen.
fn news(app: &App, change: &Change) -> Due {
    let page = app.top().page();
    match change {
        Change::Picture(_) | Change::Arriving(_) | Change::Arrived | Change::ServiceGone(_) | Change::NodeGone(_) => {
            Due::Soon
        }
        Change::Service(service) => match app.world.inventory.service(&service.id) {
            Some(known) if known.stands_like(service) => Due::Calm,
            Some(_) | None => Due::Soon,
        },
        Change::Instance(instance) => page.instances_due(Some(&instance.service)),
        Change::InstanceGone(id) => {
            page.instances_due(app.world.inventory.instance(id).map(|instance| &instance.service))
        }
        Change::Instances(instances) => {
            let due = instances.iter().map(|instance| page.instances_due(Some(&instance.service)));
            due.max().unwrap_or(Due::Never)
        }
        Change::Facts(_) | Change::Node(_) => Due::Calm,
        Change::Happened(_) if page.place() == Place::Events => Due::Soon,
        Change::Happened(_) => Due::Calm,
    }
}

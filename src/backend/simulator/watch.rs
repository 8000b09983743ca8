//! Tells what changes in the world: a full picture first, then the differences, when they happen.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::watch;

use super::{Line, world::World};
use crate::{
    backend::Loss,
    domain::{Change, Happening, Health, Instance, InstanceState, inventory::Picture},
};

struct Watch {
    line: Line,
    moved: watch::Receiver<Arc<World>>,
    /// What was said last; nothing before the first picture.
    said: Option<(Timestamp, Picture)>,
    queue: VecDeque<Change>,
    over: bool,
}

pub fn watch(line: Line) -> impl Stream<Item = Result<Change, Loss>> {
    let moved = line.place.moved();
    let watch = Watch { line, moved, said: None, queue: VecDeque::new(), over: false };
    stream::unfold(watch, |mut watch| async move {
        if watch.over {
            return None;
        }
        let next = watch.next().await;
        watch.over = next.is_err();
        Some((next, watch))
    })
}

impl Watch {
    async fn next(&mut self) -> Result<Change, Loss> {
        let Some((mut looked, mut said)) = self.said.take() else {
            self.line.round_trip().await?;
            self.moved.mark_unchanged();
            let now = self.line.now();
            let picture = self.line.world().picture(now);
            self.said = Some((now, picture.clone()));
            return Ok(Change::Picture(picture));
        };
        while self.queue.is_empty() {
            self.wait(looked).await?;
            looked = self.line.now();
            let picture = self.line.world().picture(looked);
            differences(&said, &picture, looked, &mut self.queue);
            said = picture;
        }
        self.said = Some((looked, said));
        Ok(self.queue.pop_front().expect("the loop ends when there is one"))
    }

    /// Until something happens: by itself, or because somebody did it.
    async fn wait(&mut self, looked: Timestamp) -> Result<(), Loss> {
        let Self { line, moved, .. } = self;
        let by_itself = line.world().until(looked).unwrap_or(Timestamp::MAX);
        tokio::select! {
            waited = line.until(by_itself) => waited,
            _ = moved.changed() => line.until(line.now()).await,
        }
    }
}

/// What happened comes before the changes that it brought, as from a real engine.
fn differences(before: &Picture, after: &Picture, now: Timestamp, queue: &mut VecDeque<Change>) {
    let nodes = after.nodes.iter().filter(|is| !before.nodes.contains(is));
    queue.extend(nodes.map(|is| Change::Node(Box::new(is.clone()))));
    let mut instances: BTreeMap<_, _> = before.instances.iter().map(|was| (&was.id, was)).collect();
    for is in &after.instances {
        let was = instances.remove(&is.id);
        if was == Some(is) {
            continue;
        }
        let happening = was.map_or_else(|| Some(told(is, now, "created", false)), |was| happening(was, is, now));
        queue.extend(happening.map(Change::Happened));
        queue.extend(unpulled(was, is, now).map(Change::Happened));
        queue.push_back(Change::Instance(Box::new(is.clone())));
    }
    let mut services: BTreeMap<_, _> = before.services.iter().map(|was| (&was.id, was)).collect();
    let changed = after.services.iter().filter(|is| services.remove(&is.id) != Some(is));
    queue.extend(changed.map(|is| Change::Service(Box::new(is.clone()))));
    for gone in instances.into_values() {
        queue.push_back(Change::Happened(told(gone, now, "removed", false)));
        queue.push_back(Change::InstanceGone(gone.id.clone()));
    }
    queue.extend(services.into_keys().map(|gone| Change::ServiceGone(gone.clone())));
}

fn told(instance: &Instance, at: Timestamp, text: &str, is_bad: bool) -> Happening {
    Happening {
        at,
        service: Some(instance.service.clone()),
        instance: Some(instance.id.clone()),
        subject: instance.name.clone(),
        text: text.into(),
        is_bad,
    }
}

/// An instance that cannot be started for want of its image.
fn unpulled(was: Option<&Instance>, is: &Instance, now: Timestamp) -> Option<Happening> {
    let Health::Failing(reason) = &is.health else { return None };
    let is_new = was.is_none_or(|was| was.health.word() != is.health.word());
    (is.state == InstanceState::Created && is_new).then(|| told(is, now, &reason.text, true))
}

fn happening(was: &Instance, is: &Instance, now: Timestamp) -> Option<Happening> {
    let (at, text, is_bad) = match &is.state {
        InstanceState::Restarting { exit_code, out_of_memory } if was.state != is.state => {
            (is.finished, ended(*exit_code, *out_of_memory), true)
        }
        InstanceState::Exited { exit_code, out_of_memory } if was.state != is.state => {
            (is.finished, ended(*exit_code, *out_of_memory), is.health.is_broken())
        }
        InstanceState::Running if was.started != is.started || was.state != is.state => {
            (is.started, "started".to_owned(), false)
        }
        InstanceState::Running if was.health.word() != is.health.word() => {
            let (text, is_bad) = health_told(is)?;
            (None, text, is_bad)
        }
        InstanceState::Running
        | InstanceState::Restarting { .. }
        | InstanceState::Exited { .. }
        | InstanceState::Created
        | InstanceState::Paused
        | InstanceState::Removing
        | InstanceState::Dead => return None,
    };
    Some(told(is, at.unwrap_or(now), &text, is_bad))
}

/// What an engine tells when only the health changed, and whether it is bad.
fn health_told(is: &Instance) -> Option<(String, bool)> {
    match &is.health {
        Health::Healthy if is.has_health_check => Some(("healthy".to_owned(), false)),
        Health::Changing(reason) => Some((reason.text.to_string(), false)),
        Health::Failing(reason) => Some((format!("unhealthy: {reason}"), true)),
        Health::Healthy | Health::Degraded(_) | Health::Unknown(_) | Health::Stopped(_) => None,
    }
}

fn ended(exit_code: i64, out_of_memory: bool) -> String {
    match (exit_code, out_of_memory) {
        (0, _) => "ended with 0".to_owned(),
        (code, true) => format!("exited with {code} (out of memory)"),
        (137, false) => "exited with 137 (killed)".to_owned(),
        (code, false) => format!("exited with {code}"),
    }
}

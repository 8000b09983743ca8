//! The line in which a person says into which other service a snapshot is restored.

use std::time::Duration;

use jiff::Timestamp;

use super::screen::restoring;
use crate::{
    app::{
        World,
        picker::{Candidate, Picker, Typed},
        plan::Wanted,
        prompt::Prompt,
    },
    domain::{Service, ServiceId, Snapshot},
};

#[derive(Debug)]
pub struct RestoreInto {
    pub snapshot: Snapshot,
    pub picker: Picker<Goal>,
    /// How long the last restore or rehearsal took.
    took: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    pub service: ServiceId,
    /// It has what the snapshot holds, as far as its image or its label says.
    pub is_alike: bool,
}

/// What is alike comes first.
impl Candidate for Goal {
    type Key = ServiceId;
    type Rank = bool;

    fn key(&self) -> ServiceId {
        self.service.clone()
    }

    fn rank(&self, typed: &mut Typed) -> Option<(bool, u32)> {
        Some((!self.is_alike, typed.score(&self.service.to_string())?))
    }
}

impl RestoreInto {
    pub fn new(snapshot: &Snapshot, took: Option<Duration>, world: &World) -> Self {
        let others = world.services().filter(|service| service.id != snapshot.item.service);
        let mut goals: Vec<Goal> = others
            .map(|service| Goal { service: service.id.clone(), is_alike: is_alike(service, snapshot, world) })
            .collect();
        goals.sort_by_key(|goal| (!goal.is_alike, goal.service.clone()));
        let picker = Picker::of(Prompt::new("service", ""), goals);
        Self { snapshot: snapshot.clone(), picker, took }
    }

    /// `None` where nothing matches what was typed.
    pub fn wanted(&self, now: Timestamp) -> Option<Wanted> {
        self.picker.chosen().map(|service| restoring(&self.snapshot, &service, self.took, now))
    }
}

fn is_alike(service: &Service, snapshot: &Snapshot, world: &World) -> bool {
    let items = world.settings.backups.as_ref().and_then(|backups| backups.items(service).ok());
    items.is_some_and(|items| items.iter().any(|item| item.method == snapshot.item.method))
}

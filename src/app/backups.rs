//! What is known of backups, on whatever screen it is shown.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::World,
    domain::{Health, Item, Listing, Operation, Protection, Trouble},
    message::{Notice, Reading, Weight},
};

pub mod into;
pub mod screen;

#[cfg(test)]
mod tests;

/// While they are looked at, and otherwise: one that is overdue is to be told in good time.
const OFTEN: Duration = Duration::from_secs(60);
const SELDOM: Duration = Duration::from_secs(600);
/// How often what is in the listing is held against what runs: what comes of it is asked for many times a frame.
const LOOKED_EVERY: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Default)]
pub struct Backups {
    /// As it was read last.
    pub listing: Option<Listing>,
    pub read: Option<Timestamp>,
    /// Why it could not be read the last time.
    pub trouble: Option<Trouble>,
    epoch: u32,
    looked: Option<Looked>,
    /// The next look need not wait.
    is_news: bool,
}

/// What a look at the listing and at what runs has shown.
#[derive(Debug)]
struct Looked {
    at: Timestamp,
    protections: Vec<Protection>,
    /// What is wrong with labels.
    troubles: Vec<Trouble>,
    stood: BTreeMap<Item, Health>,
}

/// How many protections are behind their objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    pub count: usize,
    /// One of them would lose more than it may, not only take longer or lack its proof.
    pub is_failing: bool,
}

impl Backups {
    /// Something has changed on which it depends how things are protected.
    pub fn look_again(&mut self) {
        self.is_news = true;
    }

    /// An operation that ends may have made a snapshot.
    pub fn may_have_changed(&mut self, before: Option<&Operation>, after: &Operation) {
        if after.is_over() && before.is_some_and(|before| !before.is_over()) {
            self.epoch += 1;
        }
    }

    /// `None` where none is, and while nobody knows.
    pub fn behind(&self) -> Option<Behind> {
        let broken = || self.looked.iter().flat_map(|looked| looked.stood.values()).filter(|health| health.is_broken());
        let is_failing = broken().any(|health| matches!(health, Health::Failing(_)));
        Some(Behind { count: broken().count(), is_failing }).filter(|behind| behind.count > 0)
    }
}

impl World {
    /// `None` where the config names no repository.
    pub fn reading(&self, is_looked_at: bool) -> Option<Reading> {
        let every = if is_looked_at { OFTEN } else { SELDOM };
        self.settings.backups.is_some().then_some(Reading { every, epoch: self.backups.epoch })
    }

    /// How well everything is protected that is looked at, what is behind first. `None` while nobody knows.
    pub fn protections(&self) -> Option<&[Protection]> {
        self.backups.looked.as_ref().map(|looked| looked.protections.as_slice())
    }

    /// What is wrong with what services say of how they are backed up.
    pub fn mislabelled(&self) -> &[Trouble] {
        self.backups.looked.as_ref().map(|looked| looked.troubles.as_slice()).unwrap_or_default()
    }

    /// The repository was read, or could not be: that is told when it begins, and not again every time.
    pub fn backups_are(&mut self, listing: Result<Box<Listing>, Trouble>) {
        match listing {
            Ok(listing) => {
                (self.backups.listing, self.backups.read) = (Some(*listing), Some(self.now));
                self.backups.trouble = None;
            }
            Err(trouble) => {
                if self.backups.trouble.is_none() {
                    self.notice(Notice::error(self.now, &trouble));
                }
                self.backups.trouble = Some(trouble);
            }
        }
        self.backups.look_again();
    }

    /// Holds the listing against what runs, if it is time. Says whether there is a notice of what has become worse since.
    pub fn look_after_backups(&mut self) -> bool {
        let (Some(backups), Some(listing)) = (&self.settings.backups, &self.backups.listing) else { return false };
        let last = self.backups.looked.as_ref();
        if !self.backups.is_news && last.is_some_and(|last| self.now.duration_since(last.at) < LOOKED_EVERY) {
            return false;
        }
        let (mut protections, troubles) = backups.protections(&self.inventory, self.services(), listing);
        protections.retain(|protection| self.settings.shows(&protection.item.service));
        protections.sort_by_cached_key(|protection| protection.urgency(self.now));
        let stood: BTreeMap<Item, Health> =
            protections.iter().map(|protection| (protection.item.clone(), protection.health(self.now))).collect();
        // What is seen for the first time is no news, also not when the console has just been started.
        let before = |item: &Item| last.and_then(|last| last.stood.get(item));
        let worse = stood.iter().filter(|(item, health)| before(item).is_some_and(|before| is_worse(before, health)));
        let notices: Vec<Notice> = worse.map(|(item, health)| overdue(item, health, self.now)).collect();
        self.backups.looked = Some(Looked { at: self.now, protections, troubles, stood });
        self.backups.is_news = false;
        let has_notices = !notices.is_empty();
        notices.into_iter().for_each(|notice| self.notice(notice));
        has_notices
    }
}

/// A service that was gone for a while and is back is no news either.
fn is_worse(before: &Health, now: &Health) -> bool {
    now.is_broken() && now.severity() < before.severity() && !matches!(before, Health::Unknown(_))
}

fn overdue(item: &Item, health: &Health, now: Timestamp) -> Notice {
    let why = health.reason().map_or("", |reason| &reason.text);
    let help = "the screen backups tells more, and backs it up".into();
    Notice { at: now, weight: Weight::Warning, text: format!("{item}: {why}").into(), help: Some(help) }
}

//! What is known of backups, on whatever screen it is shown.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    app::World,
    domain::{Listing, Operation, Protection, Trouble},
    message::Reading,
};

/// While they are looked at, and otherwise: one that is overdue is to be told in good time.
const OFTEN: Duration = Duration::from_secs(60);
const SELDOM: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub struct Backups {
    /// As it was read last.
    pub listing: Option<Listing>,
    pub read: Option<Timestamp>,
    /// Why it could not be read the last time.
    pub trouble: Option<Trouble>,
    epoch: u32,
}

impl Backups {
    pub fn told(&mut self, listing: Result<Box<Listing>, Trouble>, now: Timestamp) {
        match listing {
            Ok(listing) => {
                (self.listing, self.read, self.trouble) = (Some(*listing), Some(now), None);
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// An operation that ends may have made a snapshot.
    pub fn may_have_changed(&mut self, before: Option<&Operation>, after: &Operation) {
        if after.is_over() && before.is_some_and(|before| !before.is_over()) {
            self.epoch += 1;
        }
    }
}

impl World {
    /// `None` where the config names no repository.
    pub fn reading(&self, is_looked_at: bool) -> Option<Reading> {
        let every = if is_looked_at { OFTEN } else { SELDOM };
        self.settings.backups.is_some().then_some(Reading { every, epoch: self.backups.epoch })
    }

    /// How well everything is protected that is looked at, what is behind first; with what is wrong with labels. `None` while nobody knows.
    pub fn protections(&self) -> Option<(Vec<Protection>, Vec<Trouble>)> {
        let (backups, listing) = (self.settings.backups.as_ref()?, self.backups.listing.as_ref()?);
        let (mut found, troubles) = backups.protections(&self.inventory, self.services(), listing);
        found.retain(|protection| self.settings.shows(&protection.item.service));
        found.sort_by_cached_key(|protection| (protection.health(self.now), protection.item.clone()));
        Some((found, troubles))
    }
}

//! What the repository holds, as lists and screens show it.

use tokio::runtime::Handle;

use super::{Vault, waited_for};
use crate::{
    backend::StepError,
    domain::{Inventory, Protection, Service, Snapshot, Trouble},
};

/// All that one look at a repository tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Newest first.
    pub snapshots: Vec<Snapshot>,
}

impl Vault {
    /// Empty where nobody has made the repository yet.
    pub async fn listing(&self) -> Result<Listing, Trouble> {
        let (vault, runtime) = (self.clone(), Handle::current());
        let read = waited_for(move || {
            let Some(repository) = vault.access()?.open(runtime)? else { return Ok(Listing::default()) };
            Ok(Listing { snapshots: repository.snapshots()? })
        });
        read.await.map_err(|error| match error {
            StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble) => trouble,
        })
    }

    /// How well everything is protected that is backed up of these services, or was once of their clusters. With what is wrong with labels.
    pub fn protections<'a>(
        &self,
        inventory: &Inventory,
        services: impl Iterator<Item = &'a Service>,
        listing: &Listing,
    ) -> (Vec<Protection>, Vec<Trouble>) {
        let (mut found, mut troubles) = (Vec::new(), Vec::new());
        for service in services {
            match self.backups.items(service) {
                Ok(items) => found.extend(items.into_iter().map(|item| self.protection(item, listing))),
                Err(why) => troubles.push(Trouble::new(format!("nothing of {} is backed up", service.id), why)),
            }
        }
        let mut orphans: Vec<Protection> = Vec::new();
        for item in listing.snapshots.iter().map(|snapshot| &snapshot.item) {
            let is_known = found.iter().chain(&orphans).any(|protection| protection.item == *item);
            if !is_known && inventory.pictured(&item.service.cluster).is_some() {
                let is_orphaned = inventory.service(&item.service).is_none();
                orphans.push(Protection { is_orphaned, ..self.protection(item.clone(), listing) });
            }
        }
        found.extend(orphans.into_iter().filter(|orphan| orphan.last.is_some()));
        (found, troubles)
    }

    fn protection(&self, item: crate::domain::Item, listing: &Listing) -> Protection {
        let objectives = self.backups.objectives(&item.service);
        Protection::of(item, objectives, listing.snapshots.iter())
    }
}

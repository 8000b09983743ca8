//! What the repository holds, read when somebody looks, and again from time to time while somebody does.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{runtime::Handle, time::sleep};

use super::{Vault, failure, waited_for};
use crate::{
    domain::{Listing, SnapshotId, Trouble},
    message::Event,
    repository::{GRACE, PrunePlan, Repository, Retained},
    runtime::channels::Outbox,
};

impl Vault {
    /// Empty where nobody has made the repository yet.
    pub async fn listing(&self) -> Result<Listing, Trouble> {
        let (vault, runtime) = (self.clone(), Handle::current());
        let read = waited_for(move || {
            let Some(repository) = vault.access()?.open(runtime)? else { return Ok(Listing::default()) };
            repository.listing()
        });
        read.await.map_err(failure)
    }
}

/// Letting snapshots go.
impl Vault {
    /// What becomes of each snapshot by the rules, and what a prune would free of what went before.
    pub async fn retention(&self, now: Timestamp) -> Result<(Vec<Retained>, PrunePlan), Trouble> {
        let keep = self.backups.keep;
        self.with(move |repository| Ok((repository.retention(&keep, now)?, repository.prune_plan(GRACE)?))).await
    }

    /// Only behind the gate: see `Gate::forget`.
    pub(in crate::runtime) async fn forget(&self, snapshots: Vec<SnapshotId>) -> Result<PrunePlan, Trouble> {
        self.with(move |repository| {
            repository.forget(&snapshots)?;
            repository.prune(GRACE)
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(Repository) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (vault, runtime) = (self.clone(), Handle::current());
        waited_for(move || work(vault.access()?.open_made(runtime)?)).await.map_err(failure)
    }
}

/// Runs until it is dropped.
pub async fn keep_listing(vault: Vault, outbox: Outbox, every: Duration) {
    loop {
        let listing = vault.listing().await.map(Box::new);
        // Fails only when nobody listens any more: the program is about to end.
        let _ = outbox.facts.send(Event::Backups(listing)).await;
        sleep(every).await;
    }
}

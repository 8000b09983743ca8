//! What the repository holds, read when somebody looks, and again from time to time while somebody does.

use std::time::Duration;

use tokio::{runtime::Handle, time::sleep};

use super::{Vault, failure, waited_for};
use crate::{
    domain::{Listing, Trouble},
    message::Event,
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

/// Runs until it is dropped.
pub async fn keep_listing(vault: Vault, outbox: Outbox, every: Duration) {
    loop {
        let listing = vault.listing().await.map(Box::new);
        // Fails only when nobody listens any more: the program is about to end.
        let _ = outbox.facts.send(Event::Backups(listing)).await;
        sleep(every).await;
    }
}

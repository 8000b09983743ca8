//! Operations that this process did not begin: those of earlier days, and those that another console carries out now.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Inner, blocking, notice_of, publish};
use crate::{
    domain::{Operation, OperationId, OperationState},
    message::{Event, Notice},
    runtime::journal::Journal,
};

/// Nothing tells us what other processes write, so it is looked at: one `stat` while none of theirs runs.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

pub(super) async fn recall(inner: &Arc<Inner>) {
    let Ok(journal) = inner.parts.journal.clone() else { return };
    let mut told = BTreeMap::new();
    let mut complained = false;
    loop {
        let changed = journal.changed();
        let listing = blocking({
            let journal = journal.clone();
            move || journal.operations()
        })
        .await;
        for operation in listing.operations {
            tell(inner, &mut told, operation).await;
        }
        if !complained {
            for trouble in &listing.unreadable {
                publish(inner, Event::Notice(Notice::error(inner.parts.clock.now(), trouble))).await;
            }
            complained = true;
        }
        while journal.changed() == changed {
            sleep(BETWEEN_LOOKS).await;
            look_again(inner, &journal, &mut told).await;
        }
    }
}

async fn look_again(inner: &Arc<Inner>, journal: &Journal, told: &mut BTreeMap<OperationId, Operation>) {
    let open = told.values().filter(|operation| !operation.is_over()).map(|operation| operation.id.clone());
    for id in open.collect::<Vec<_>>() {
        let journal = journal.clone();
        if let Ok(operation) = blocking(move || journal.operation(&id)).await {
            tell(inner, told, operation).await;
        }
    }
}

/// What is carried out here tells of itself, and better.
async fn tell(inner: &Arc<Inner>, told: &mut BTreeMap<OperationId, Operation>, operation: Operation) {
    let is_ours = inner.running().contains_key(&operation.id);
    if is_ours || told.get(&operation.id) == Some(&operation) {
        return;
    }
    let is_news = told.get(&operation.id).is_some_and(|before| !before.is_over());
    let notice = notice_of(&operation, inner.parts.clock.now());
    if let Some(notice) = notice.filter(|_| operation.state == OperationState::Interrupted || is_news) {
        publish(inner, Event::Notice(notice)).await;
    }
    told.insert(operation.id.clone(), operation.clone());
    publish(inner, Event::Operation(Box::new(operation))).await;
}

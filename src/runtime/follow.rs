//! Reads one instance's log for as long as it is wanted, and turns it into chunks.

use futures::StreamExt;

use crate::{
    backend::FollowError,
    clock::Clock,
    domain::InstanceId,
    message::{Event, Tail, TailState},
    runtime::{channels::Outbox, connections::Connections},
};

/// The seam of the log pump: follows, and tells how the tail is. What it reads is not cut into chunks yet.
pub async fn pump(connections: Connections, outbox: Outbox, _clock: Clock, instance: InstanceId, tail: Tail) {
    let backend = connections.next_live(&instance.cluster).await;
    let mut pieces = backend.follow(instance.clone(), tail.since);
    let tell = |state| outbox.facts.send(Event::Tail { instance: instance.clone(), state });
    let _ = tell(TailState::Live).await;
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(_) => {}
            Err(FollowError::Interrupted(why)) => {
                let _ = tell(TailState::Interrupted(why)).await;
            }
            Err(FollowError::Refused(why)) => {
                let _ = tell(TailState::Refused(why)).await;
                return;
            }
        }
    }
    let _ = tell(TailState::Ended).await;
}

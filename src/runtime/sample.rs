//! Measures one instance for as long as it is wanted, over every loss and return of its cluster.

use std::time::Duration;

use futures::StreamExt;

use crate::{
    domain::InstanceId,
    message::Event,
    runtime::{
        backoff::Backoff,
        channels::{Gauge, Outbox},
        connections::Connections,
    },
};

const FIRST: Duration = Duration::from_secs(1);
/// Of what cannot be measured there may be thousands.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub async fn keep(connections: Connections, outbox: Outbox, instance: InstanceId) {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let backend = connections.next_live(&instance.cluster).await;
        let mut samples = backend.sample(instance.clone());
        let measure = async {
            while let Some(Ok(sample)) = samples.next().await {
                backoff.reset();
                let event = Event::Sample { instance: instance.clone(), sample };
                outbox.gauges.set(Gauge::Sample(instance.clone()), event);
            }
        };
        tokio::select! {
            () = measure => {}
            // A hung engine does not end its streams.
            () = connections.lost(&instance.cluster, &backend) => {}
        }
        drop(samples);
        // It stopped, or cannot be measured: that is seen in its row, and may change.
        tokio::time::sleep(backoff.after_failure()).await;
    }
}

//! Keeps what the app wants of the outside running, and carries its effects out.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::Notify, task::AbortHandle, time::sleep};

use crate::{
    backend::Connector,
    clock::Clock,
    domain::{ClusterName, InstanceId},
    message::{Forward, Question, Reading, Refresh, Subscriptions, Tail},
    runtime::{
        backup::Vault,
        channels::{Inbox, Outbox, channels},
        connections::Connections,
        link::Keeper,
        set::Set,
    },
};

pub mod ask;
pub mod backoff;
pub mod backup;
pub mod channels;
pub mod connections;
pub mod follow;
pub mod forward;
pub mod gate;
pub mod journal;
pub mod link;
pub mod operate;
pub mod sample;
pub mod set;

/// What a person only passes by on the way through a list is never asked of an engine.
const SETTLE: Duration = Duration::from_millis(100);

/// Everything that runs for the console. Dropping it stops all of it; operations are not its business.
pub struct Runtime {
    tokio: Handle,
    connectors: BTreeMap<ClusterName, Arc<dyn Connector>>,
    wakes: BTreeMap<ClusterName, Arc<Notify>>,
    connections: Connections,
    outbox: Outbox,
    clock: Clock,
    links: Set<ClusterName, ()>,
    logs: Set<InstanceId, Tail>,
    samples: Set<InstanceId, ()>,
    answers: Set<Question, Refresh>,
    forwards: Set<u16, Forward>,
    vault: Option<Vault>,
    backups: Set<(), Reading>,
}

impl Runtime {
    /// Must be called inside tokio. `clusters`: the way to each.
    pub fn new(clusters: BTreeMap<ClusterName, Arc<dyn Connector>>, clock: Clock) -> (Self, Inbox) {
        let (outbox, inbox) = channels();
        let runtime = Self {
            tokio: Handle::current(),
            wakes: clusters.keys().map(|cluster| (cluster.clone(), Arc::default())).collect(),
            connectors: clusters,
            connections: Connections::default(),
            outbox,
            clock,
            links: Set::default(),
            logs: Set::default(),
            samples: Set::default(),
            answers: Set::default(),
            forwards: Set::default(),
            vault: None,
            backups: Set::default(),
        };
        (runtime, inbox)
    }

    /// Where backups are kept: what is wanted of them is nothing without it.
    pub fn keep_backups_in(&mut self, vault: Option<Vault>) {
        self.vault = vault;
    }

    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Compares what is wanted with what runs, starts and stops the difference. Cheap when nothing changed.
    pub fn reconcile(&mut self, wanted: &Subscriptions) {
        let Self {
            tokio,
            connectors,
            wakes,
            connections,
            outbox,
            clock,
            links,
            logs,
            samples,
            answers,
            forwards,
            vault,
            backups,
        } = self;
        let known = wanted.clusters.iter().filter(|cluster| connectors.contains_key(*cluster));
        links.reconcile(known.map(each), |cluster, ()| {
            let keeper = Keeper {
                cluster: cluster.clone(),
                connector: connectors[cluster].clone(),
                connections: connections.clone(),
                outbox: outbox.clone(),
                clock: *clock,
                wake: wakes[cluster].clone(),
            };
            tokio.spawn(keeper.keep()).abort_handle()
        });
        logs.reconcile(wanted.logs.iter(), |instance, tail| {
            let pump = follow::pump(connections.clone(), outbox.clone(), *clock, instance.clone(), tail.clone());
            spawn_settled(tokio, pump)
        });
        samples.reconcile(wanted.samples.iter().map(each), |instance, ()| {
            spawn_settled(tokio, sample::keep(connections.clone(), outbox.clone(), instance.clone()))
        });
        answers.reconcile(wanted.answers.iter(), |question, refresh| {
            spawn_settled(tokio, ask::keep(connections.clone(), outbox.clone(), question.clone(), *refresh))
        });
        if let Some(vault) = vault {
            backups.reconcile(wanted.backups.iter().map(|reading| (&(), reading)), |(), reading| {
                tokio.spawn(backup::keep_listing(vault.clone(), outbox.clone(), reading.every)).abort_handle()
            });
        }
        forwards.reconcile(wanted.forwards.iter(), |local, forward| {
            tokio.spawn(forward::keep(connections.clone(), outbox.clone(), *local, forward.clone())).abort_handle()
        });
    }

    /// Tries a lost cluster again now; nothing if it is not lost.
    pub fn reconnect(&self, cluster: &ClusterName) {
        if let Some(wake) = self.wakes.get(cluster) {
            wake.notify_waiters();
        }
    }
}

/// A member of a set, as a map would give it.
fn each<K>(key: &K) -> (&K, &()) {
    (key, &())
}

fn spawn_settled(tokio: &Handle, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let settled = async {
        sleep(SETTLE).await;
        work.await;
    };
    tokio.spawn(settled).abort_handle()
}

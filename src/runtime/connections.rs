//! Which clusters are connected now. Written by the links, read by everything that needs an engine.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::{backend::Backend, domain::ClusterName};

type Connected = Option<Arc<dyn Backend>>;

#[derive(Clone, Default)]
pub struct Connections {
    lines: Arc<Mutex<BTreeMap<ClusterName, watch::Sender<Connected>>>>,
}

impl Connections {
    /// The engine, if its link is live at this moment.
    pub fn live(&self, cluster: &ClusterName) -> Option<Arc<dyn Backend>> {
        self.line(cluster).borrow().clone()
    }

    /// Waits for as long as it takes until the cluster is connected.
    pub async fn next_live(&self, cluster: &ClusterName) -> Arc<dyn Backend> {
        let mut line = self.line(cluster);
        let connected = line.wait_for(Option::is_some).await.expect("the sender is kept in `lines` for good");
        connected.clone().expect("waited for one")
    }

    /// Waits until `connection` is no longer the cluster's: also when it is silent and has ended nothing itself.
    pub async fn lost(&self, cluster: &ClusterName, connection: &Arc<dyn Backend>) {
        let mut line = self.line(cluster);
        let another = |live: &Connected| live.as_ref().is_none_or(|live| !Arc::ptr_eq(live, connection));
        line.wait_for(another).await.expect("the sender is kept in `lines` for good");
    }

    /// Told by the cluster's link, and by nobody else.
    pub fn set(&self, cluster: &ClusterName, backend: Option<Arc<dyn Backend>>) {
        self.with(cluster, |line| {
            line.send_replace(backend);
        });
    }

    fn line(&self, cluster: &ClusterName) -> watch::Receiver<Connected> {
        self.with(cluster, |line| line.subscribe())
    }

    fn with<T>(&self, cluster: &ClusterName, f: impl FnOnce(&watch::Sender<Connected>) -> T) -> T {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        f(lines.entry(cluster.clone()).or_insert_with(|| watch::Sender::new(None)))
    }
}

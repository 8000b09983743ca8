//! The last gate before an engine: every change passes here, and under read-only none does, whatever a screen or a command believed.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    backend::{Backend, Progress, StepError},
    domain::{ClusterName, Trouble},
    plan::Step,
};

#[derive(Clone, Debug)]
pub struct Gate {
    /// Started with `--read-only`.
    closed: bool,
    /// Read-only by the config file.
    closed_clusters: Arc<BTreeSet<ClusterName>>,
}

impl Gate {
    pub fn new(read_only: bool, read_only_clusters: impl IntoIterator<Item = ClusterName>) -> Self {
        Self { closed: read_only, closed_clusters: Arc::new(read_only_clusters.into_iter().collect()) }
    }

    /// Whether anything on a cluster may be changed, a shell in an instance being opened included.
    pub fn check(&self, cluster: &ClusterName) -> Result<(), Trouble> {
        let refused = |why: &str| Err(Trouble::new(format!("nothing is changed on {cluster}"), why));
        if self.closed {
            refused("started with --read-only")
        } else if self.closed_clusters.contains(cluster) {
            refused("it is read-only in the config file")
        } else {
            Ok(())
        }
    }

    /// The only call of `Backend::execute` outside its own tests.
    pub async fn execute(
        &self,
        cluster: &ClusterName,
        backend: &dyn Backend,
        step: Step,
        progress: Progress,
    ) -> Result<(), StepError> {
        self.check(cluster).map_err(StepError::Failed)?;
        backend.execute(step, progress).await
    }
}

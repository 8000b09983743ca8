//! The last gate before an engine: every change passes here, and under read-only none does, whatever a screen or a command believed.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    backend::{Backend, Progress, StepError},
    clock::Clock,
    domain::{ClusterName, Snapshot, Trouble, units},
    plan::Step,
    repository::PrunePlan,
    runtime::{
        backup::{self, Vault},
        journal::Journal,
    },
};

#[derive(Clone, Debug)]
pub struct Gate {
    /// Started with `--read-only`.
    closed: bool,
    /// Read-only by the config file.
    closed_clusters: Arc<BTreeSet<ClusterName>>,
    /// `None`: it need not be armed.
    arming: Option<Arc<Arming>>,
    vault: Option<Arc<Vault>>,
}

#[derive(Debug)]
struct Arming {
    lasts: Duration,
    until: Mutex<Option<Instant>>,
}

impl Gate {
    /// `arm_for`: nothing is begun unless `arm` was called less than that ago.
    pub fn new(
        read_only: bool,
        read_only_clusters: impl IntoIterator<Item = ClusterName>,
        arm_for: Option<Duration>,
    ) -> Self {
        let arming = arm_for.map(|lasts| Arc::new(Arming { lasts, until: Mutex::default() }));
        Self {
            closed: read_only,
            closed_clusters: Arc::new(read_only_clusters.into_iter().collect()),
            arming,
            vault: None,
        }
    }

    /// Where what is behind it is backed up.
    pub fn with_vault(self, vault: Option<Vault>) -> Self {
        Self { vault: vault.map(Arc::new), ..self }
    }

    /// From now on, for as long as was configured, things may be begun. Says until when; `None` where nothing has to be armed.
    pub fn arm(&self, now: Timestamp) -> Option<Timestamp> {
        let arming = self.arming.as_ref()?;
        *arming.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + arming.lasts);
        Some(now.saturating_add(arming.lasts).unwrap_or(Timestamp::MAX))
    }

    /// Whether anything on a cluster may be begun that changes it, a shell in an instance being opened included.
    pub fn check(&self, cluster: &ClusterName) -> Result<(), Trouble> {
        self.is_open(cluster)?;
        let Some(arming) = &self.arming else { return Ok(()) };
        let until = *arming.until.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match until {
            Some(until) if Instant::now() < until => return Ok(()),
            Some(_) => format!("not armed any more: it is for {} at a time", units::elapsed(arming.lasts)),
            None => "not armed".to_owned(),
        };
        Err(refused(cluster, why).help("arm it, and confirm again"))
    }

    /// The only call of `Backend::execute` outside its own tests. Needs no arming: what was begun is not cut off in the middle.
    pub async fn execute(
        &self,
        cluster: &ClusterName,
        backend: &dyn Backend,
        step: Step,
        progress: Progress,
    ) -> Result<(), StepError> {
        self.is_open(cluster).map_err(StepError::Failed)?;
        match step {
            Step::Data(data) => backup::carry_out(self.vault.as_deref(), backend, data, &progress).await,
            step => backend.execute(step, progress).await,
        }
    }

    /// Whether snapshots may be let go.
    pub fn check_forget(&self) -> Result<(), Trouble> {
        match self.closed {
            true => Err(Trouble::new("nothing was let go", "started with --read-only")),
            false => Ok(()),
        }
    }

    /// The only way on which snapshots are let go, and what only they held is freed: under read-only nothing is. Written down before and
    /// after. Needs no arming: no cluster is changed.
    pub async fn forget(
        &self,
        goes: &[Snapshot],
        journal: &Journal,
        (who, clock): (&Arc<str>, Clock),
    ) -> Result<PrunePlan, Trouble> {
        self.check_forget()?;
        let vault = self.vault.as_deref().ok_or_else(backup::unconfigured)?;
        let letting_go = journal.lets_go(&vault.backups.place, goes, who, clock.now())?;
        let done = vault.forget(goes.iter().map(|snapshot| snapshot.id.clone()).collect()).await;
        let says = match &done {
            Ok(done) => format!("they went, and {} were freed", units::bytes(done.removed)),
            Err(trouble) => trouble.line(),
        };
        // What was about to go is on disk already.
        if let Err(trouble) = letting_go.ended(clock.now(), &says) {
            tracing::warn!("how letting snapshots go ended was not written down: {trouble}");
        }
        done
    }

    fn is_open(&self, cluster: &ClusterName) -> Result<(), Trouble> {
        if self.closed {
            Err(refused(cluster, "started with --read-only"))
        } else if self.closed_clusters.contains(cluster) {
            Err(refused(cluster, "it is read-only in the config file"))
        } else {
            Ok(())
        }
    }
}

fn refused(cluster: &ClusterName, why: impl std::fmt::Display) -> Trouble {
    Trouble::new(format!("nothing is changed on {cluster}"), why)
}

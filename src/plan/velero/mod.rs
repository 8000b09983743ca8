//! Backing a namespace up by Velero, restoring a backup of its, deleting one. Velero does it; a plan asks for it and awaits it.

mod act;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::act::VeleroAct;
use super::{Explanation, Plan, Planned, Refusal, Request, Stage, Step, Target, situation};
use crate::domain::{
    Cluster, ClusterName, Existing, Foretelling, Inventory, NewBackup, NewRestore, Phase, ServiceId, Stage as Run,
    VeleroBackup, VeleroName, text::nearest, units,
};

/// Seconds. Velero itself gives up on what plugins do after four hours.
const WITHIN: u32 = 4 * 3600;
/// Seconds, with snapshots of volumes and data in a store.
const DELETED_WITHIN: u32 = 1800;

/// What a person wants of Velero, with what was known of it then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VeleroWish {
    /// Of one namespace. A name that ends with `-` is completed when the plan is begun.
    BackUp(NewBackup),
    Restore(VeleroRestoring),
    Delete(VeleroDeleting),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VeleroRestoring {
    pub backup: VeleroKept,
    pub restore: NewRestore,
    /// What it would do, or why nobody can say.
    pub foretold: Result<Foretelling, Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VeleroDeleting {
    pub backup: VeleroKept,
    /// There is no other complete one of the same namespaces.
    pub is_last: bool,
}

/// A backup as a plan knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VeleroKept {
    pub id: VeleroName,
    pub uid: Arc<str>,
    pub phase: Phase,
    pub at: Option<Timestamp>,
    /// Empty: all.
    pub namespaces: Vec<Arc<str>>,
    pub items: Option<u64>,
    pub errors: u64,
}

impl From<&VeleroBackup> for VeleroKept {
    fn from(backup: &VeleroBackup) -> Self {
        Self {
            id: backup.id.clone(),
            uid: backup.uid.clone(),
            phase: backup.phase.clone(),
            at: backup.started.or(backup.created),
            namespaces: backup.namespaces.clone(),
            items: backup.items.map(|items| items.total),
            errors: backup.errors,
        }
    }
}

impl VeleroKept {
    fn has(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|kept| **kept == *namespace)
    }

    /// "backup nightly-1 of 2026-11-29 02:00 UTC: shop, 123 objects"
    fn told(&self) -> String {
        let at = self.at.map_or(String::new(), |at| format!(" of {}", at.strftime("%Y-%m-%d %H:%M UTC")));
        let of = if self.namespaces.is_empty() { "all namespaces".to_owned() } else { self.namespaces.join(", ") };
        let items = self.items.map_or(String::new(), |items| format!(", {} objects", units::count(items)));
        format!("backup {}{at}: {of}{items}", self.id.name)
    }
}

impl VeleroWish {
    pub fn word(&self) -> &'static str {
        match self {
            Self::BackUp(_) => "back up",
            Self::Restore(_) => "restore",
            Self::Delete(_) => "delete",
        }
    }

    pub(super) fn is_backup(&self) -> bool {
        match self {
            Self::BackUp(_) => true,
            Self::Restore(_) | Self::Delete(_) => false,
        }
    }

    /// What the operation is about, which nobody else may be at meanwhile: the namespace that is backed up, or the backup.
    pub fn target(&self, cluster: &ClusterName) -> Target {
        let id = match self {
            Self::BackUp(wanted) => {
                let namespace = wanted.namespaces.first().cloned().unwrap_or_default();
                &VeleroName::new(wanted.id.namespace.clone(), namespace)
            }
            Self::Restore(wish) => &wish.backup.id,
            Self::Delete(wish) => &wish.backup.id,
        };
        Target::Service(ServiceId::of_velero(cluster, id))
    }
}

pub(super) fn plan(inventory: &Inventory, request: &Request, wish: &VeleroWish) -> Result<Plan, Refusal> {
    let cluster = situation::changeable(inventory, request.target.cluster())?;
    cluster.capabilities.allow(situation::needs(request, None)).map_err(Refusal::new)?;
    let Target::Service(id) = &request.target else {
        return Err(Refusal::new("an instance is not Velero's"));
    };
    let desk = Desk { inventory, request, cluster, id };
    match wish {
        VeleroWish::BackUp(wanted) => desk.back_up(wanted),
        VeleroWish::Restore(wish) => desk.restore(wish),
        VeleroWish::Delete(wish) => desk.delete(wish),
    }
}

struct Desk<'a> {
    inventory: &'a Inventory,
    request: &'a Request,
    cluster: &'a Cluster,
    id: &'a ServiceId,
}

impl Desk<'_> {
    fn back_up(&self, wanted: &NewBackup) -> Result<Plan, Refusal> {
        let namespace = &self.id.name;
        let labels: Vec<String> = wanted.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let only =
            if labels.is_empty() { String::new() } else { format!(", only what is labelled {}", labels.join(",")) };
        let kept = wanted.kept_for.map_or("as long as Velero keeps one by default".to_owned(), units::elapsed);
        let place = wanted.location.as_ref().map_or("its default location".into(), |location| location.to_string());
        let explains = Explanation {
            objects: vec![format!("namespace {namespace}{only}").into()],
            how: vec![format!("Velero keeps it in {place}, for {kept}").into()],
            promises: vec!["what runs is not changed".into()],
            warnings: self.warnings_of(namespace),
            undo: vec!["nothing: stopped midway, Velero goes on with it, and what it makes is a backup".into()],
        };
        let await_it = VeleroAct::AwaitBackup { backup: wanted.id.clone(), within: WITHIN };
        let acts = [VeleroAct::AskForBackup(wanted.clone()), await_it];
        Ok(self.plan(format!("back up namespace {namespace} by Velero"), acts, explains))
    }

    fn warnings_of(&self, namespace: &str) -> Vec<Arc<str>> {
        let mut warnings = self.protected();
        let mut known: Vec<&str> =
            self.inventory.services_of(&self.cluster.name).map(|service| service.id.scope.as_str()).collect();
        if !known.contains(&namespace) {
            known.sort_unstable();
            known.dedup();
            let near = nearest(namespace, known.iter().copied());
            let near = near.map_or(String::new(), |near| format!(": did you mean {near}?"));
            warnings.push(format!("nothing is known to run in {namespace}{near}").into());
        }
        warnings
    }

    fn restore(&self, wish: &VeleroRestoring) -> Result<Plan, Refusal> {
        let VeleroRestoring { backup, restore, .. } = wish;
        refuse_unusable(backup)?;
        refuse_foreign(backup, restore)?;
        let explains = Explanation {
            objects: vec![backup.told().into()],
            how: how(restore),
            promises: vec!["nothing is removed: what came since the backup was made stays".into()],
            warnings: self.protected().into_iter().chain(warnings(wish)).collect(),
            undo: vec![
                "none: what is restored stays, and what is updated does not become what it was".into(),
                "stopped midway: Velero goes on with it".into(),
            ],
        };
        let await_it = VeleroAct::AwaitRestore { restore: restore.id.clone(), within: WITHIN };
        let acts = [VeleroAct::AskForRestore(restore.clone()), await_it];
        Ok(self.plan(format!("restore Velero's backup {}", backup.id.name), acts, explains))
    }

    fn delete(&self, wish: &VeleroDeleting) -> Result<Plan, Refusal> {
        let backup = &wish.backup;
        match backup.phase.stage() {
            Run::Running => {
                let refusal = Refusal::new(format!("{} is being made ({})", backup.id.name, backup.phase));
                return Err(refusal.help("Velero deletes none that it is at: wait for its end"));
            }
            Run::Waiting | Run::Complete | Run::Partial | Run::Failed | Run::Deleting => {}
        }
        let mut warnings = self.protected();
        if wish.is_last {
            warnings.push("there is no other complete backup of the same namespaces".into());
        }
        let explains = Explanation {
            objects: vec![backup.told().into()],
            how: vec![
                "Velero removes it from its store, with its snapshots of volumes and the record of its restores".into(),
            ],
            promises: vec!["what runs, and what was restored from it, is not changed".into()],
            warnings,
            undo: vec!["none: what is deleted is gone".into()],
        };
        let (id, uid) = (backup.id.clone(), backup.uid.clone());
        let acts = [VeleroAct::DeleteBackup { backup: id, uid, within: DELETED_WITHIN }];
        Ok(self.plan(format!("delete Velero's backup {}", backup.id.name), acts, explains))
    }

    fn protected(&self) -> Vec<Arc<str>> {
        let name = &self.cluster.name;
        self.cluster.protected.then(|| format!("{name} is protected").into()).into_iter().collect()
    }

    fn plan(&self, title: String, acts: impl IntoIterator<Item = VeleroAct>, explains: Explanation) -> Plan {
        let step = |act| Planned::new(Step::Velero { service: self.id.clone(), act });
        let steps = acts.into_iter().map(step).collect();
        Plan {
            title: title.into(),
            request: self.request.clone(),
            service: self.id.clone(),
            kind: None,
            stages: vec![Stage { title: self.id.name.clone(), steps }],
            explains,
            engine: self.cluster.engine,
            endpoint: self.cluster.endpoint.clone(),
            minimum: 0,
            turns: true,
            from: None,
            takes_over: self.request.take_over,
            // Velero's objects are not watched: each step looks at its own.
            assumes: 0,
        }
    }
}

/// There must be something in it that can be brought back.
fn refuse_unusable(backup: &VeleroKept) -> Result<(), Refusal> {
    let why = match backup.phase.stage() {
        Run::Complete | Run::Partial => return Ok(()),
        Run::Waiting | Run::Running => "is not complete yet",
        Run::Failed => "failed",
        Run::Deleting => "is being deleted",
    };
    Err(Refusal::new(format!("{} {why} ({})", backup.id.name, backup.phase)).help("see: midwatch velero backups"))
}

/// Namespaces that were named must be in it: Velero restores nothing from any other, and says so to nobody.
fn refuse_foreign(backup: &VeleroKept, restore: &NewRestore) -> Result<(), Refusal> {
    let mut named = restore.namespaces.iter().chain(restore.mapping.keys());
    match named.find(|namespace| !backup.has(namespace)) {
        None => Ok(()),
        Some(foreign) => Err(Refusal::new(format!("{foreign} is not in {}", backup.id.name))
            .help(format!("it has: {}", backup.namespaces.join(", ")))),
    }
}

fn how(restore: &NewRestore) -> Vec<Arc<str>> {
    let existing = match restore.existing {
        Existing::Keep => "what is missing is made; what is there already stays as it is",
        Existing::Update => {
            "what is missing is made; what is there already becomes as it was, where its kind allows that"
        }
    };
    let mut how: Vec<Arc<str>> = vec![existing.into()];
    if !restore.namespaces.is_empty() {
        how.push(format!("only from {}, and nothing of the whole cluster", restore.namespaces.join(", ")).into());
    }
    how.extend(restore.mapping.iter().map(|(from, to)| format!("what was in {from} goes to {to}").into()));
    how
}

fn warnings(wish: &VeleroRestoring) -> Vec<Arc<str>> {
    let VeleroRestoring { backup, restore, foretold } = wish;
    let mut warnings = Vec::new();
    if backup.phase.stage() == Run::Partial {
        warnings.push(format!("it was made in part only: errors: {}", backup.errors).into());
    }
    match foretold {
        Ok(foretelling) => warnings.push(foretelling.says().into()),
        Err(why) => warnings.push(format!("what it would do to what is there is not known: {why}").into()),
    }
    if restore.mapping.is_empty() {
        let volumes =
            "data in volumes comes back only with claims and pods that are missing now: what is there keeps its data";
        warnings.push(volumes.into());
    }
    warnings
}

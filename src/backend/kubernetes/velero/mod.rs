//! Velero, as it lets itself be told: everything is an object in its namespace, and its server does what the objects ask for. We write
//! and read those objects, and what it keeps in its store comes by links that it signs.

mod ask;
mod contents;
mod delete;
mod download;
mod fetch;
mod follow;
mod preview;
mod rows;
mod server;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::Value;

#[cfg(test)]
pub use self::contents::fixture;
pub use self::{
    ask::{ask_for_backup, ask_for_restore},
    delete::delete_backup,
    download::text,
    follow::{await_backup, await_restore},
    preview::preview,
};
use self::{rows::Run, server::Servers};
use super::{
    Site,
    cluster_backups::{listed, newest_first},
    discovery::Resource,
    pod::is_name,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Listed, Stage, Trouble, Velero, VeleroBackup, VeleroName, VeleroRestore},
    plan::VeleroAct,
};

pub const BACKUP_NAME: &str = "velero.io/backup-name";
pub const BACKUP_UID: &str = "velero.io/backup-uid";

pub async fn carry_out(site: &Site, act: &VeleroAct, progress: &Progress) -> Result<(), StepError> {
    match act {
        VeleroAct::AskForBackup(wanted) => ask_for_backup(site, wanted, progress).await,
        VeleroAct::AwaitBackup { backup, within } => await_backup(site, backup, *within, progress).await.map(drop),
        VeleroAct::AskForRestore(wanted) => ask_for_restore(site, wanted, progress).await,
        VeleroAct::AwaitRestore { restore, within } => await_restore(site, restore, *within, progress).await.map(drop),
        VeleroAct::DeleteBackup { backup, uid, within } => delete_backup(site, backup, uid, *within, progress).await,
    }
}

/// `None`: it is not installed.
pub async fn list(site: &Site) -> Option<Velero> {
    let (backups, restores, schedules, locations) = tokio::join!(
        listed(site, Resource::VeleroBackup, rows::backup),
        listed(site, Resource::VeleroRestore, rows::restore),
        listed(site, Resource::VeleroSchedule, rows::schedule),
        listed(site, Resource::VeleroLocation, rows::location),
    );
    let (mut backups, mut restores) = (backups?, restores?);
    mark_stalled(site, &mut backups, &mut restores).await;
    Some(Velero {
        backups: newest_first(backups, |backup| backup.created),
        restores: newest_first(restores, |restore| restore.created),
        schedules: schedules?,
        locations: locations?,
    })
}

/// The servers are only looked at where something is not over.
async fn mark_stalled(site: &Site, backups: &mut Listed<VeleroBackup>, restores: &mut Listed<VeleroRestore>) {
    let backups = backups.as_mut().map_or(&mut [][..], |backups| backups);
    let restores = restores.as_mut().map_or(&mut [][..], |restores| restores);
    let runs = backups.iter().map(Run::of_backup).chain(restores.iter().map(Run::of_restore));
    let open: Vec<Run> = runs.filter(|run| !run.phase.stage().is_over()).collect();
    if open.is_empty() {
        return;
    }
    let servers = Servers::find(site, open.iter().map(|run| &*run.id.namespace)).await;
    let now = Timestamp::now();
    let why = |run: &Run| {
        let others = open.iter().filter(|other| (&other.id, other.kind) != (&run.id, run.kind));
        let is_busy = others.clone().any(|other| {
            other.kind == run.kind && other.id.namespace == run.id.namespace && other.phase.stage() == Stage::Running
        });
        server::stalled(run, servers.of(&run.id.namespace), is_busy, now)
    };
    for backup in backups {
        backup.stalled = why(&Run::of_backup(backup));
    }
    for restore in restores {
        restore.stalled = why(&Run::of_restore(restore));
    }
}

/// Where all of a kind are in Velero's namespace, or why there is no such place.
fn collection(site: &Site, resource: Resource, namespace: &str, what: &str) -> Result<String, Trouble> {
    if !is_name(namespace) {
        return Err(Trouble::new(what, "Velero's namespace is no name of Kubernetes"));
    }
    let path = site.served.path(resource, Some(namespace));
    path.ok_or_else(|| Trouble::new(what, "Velero is not installed in this cluster").help("velero install"))
}

fn object_path(site: &Site, resource: Resource, id: &VeleroName, what: &str) -> Result<String, StepError> {
    if !is_name(&id.name) {
        return Err(StepError::Failed(Trouble::new(what, "that is no name of Kubernetes")));
    }
    let collection = collection(site, resource, &id.namespace, what).map_err(StepError::Failed)?;
    Ok(format!("{collection}/{}", id.name))
}

/// Whether all that `wanted` says holds in what is there, which may say more.
fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| there.get(key).is_some_and(|there| holds(there, value)))
        }
        (there, wanted) => there == wanted,
    }
}

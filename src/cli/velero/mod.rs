//! `midwatch velero`: what Velero keeps of a cluster, and what it is asked for.

mod act;
mod find;
mod lists;
mod logs;
mod preview;

use std::sync::Arc;

use super::{
    arguments::{Options, Velero, VeleroLook, Wanted},
    exit::{Exit, Stop},
    printer::Printer,
    session::Session,
};
use crate::{
    domain::{ClusterBackups, ClusterName, Engine, Existing, NewRestore, Trouble, VeleroName},
    message::{Answer, Question, Refresh},
};

#[cfg(test)]
pub use self::act::resolved;

pub async fn run(options: &Options, asked: Velero, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    match asked {
        Velero::Look(asked) => look(&mut super::look(options, printer)?, &asked, printer).await,
        Velero::Change(asked) => act::act(options, &asked, printer).await,
    }
}

pub async fn look(session: &mut Session, asked: &VeleroLook, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    let exit = session.tell_lost(printer);
    let found = find::all(session, printer).await?;
    match asked {
        VeleroLook::Backups(listing) => lists::backups(session, &found, *listing, printer)?,
        VeleroLook::Restores(listing) => lists::restores(session, &found, *listing, printer)?,
        VeleroLook::Schedules(listing) => lists::schedules(session, &found, *listing, printer)?,
        VeleroLook::Logs(asked) => logs::write(session, &found, asked, printer).await?,
        VeleroLook::Preview(asked) => preview::write(session, &found, asked, printer).await?,
    }
    Ok(exit)
}

/// What keeps backups in each cluster of Kubernetes that is looked at.
pub async fn cluster_backups(session: &mut Session) -> Vec<(ClusterName, Result<ClusterBackups, Trouble>)> {
    let clusters = session.inventory.clusters().filter(|cluster| cluster.engine == Engine::Kubernetes);
    let clusters = clusters.map(|cluster| cluster.name.clone()).filter(|name| session.lost(name).is_none());
    let asked: Vec<_> = clusters.filter(|name| session.wanted.clusters.contains(name)).collect();
    // All at once; the answers are taken in turn.
    for name in &asked {
        session.wanted.answers.insert(Question::ClusterBackups(name.clone()), Refresh::WhenChanged(0));
    }
    let mut found = Vec::new();
    for name in asked {
        let backups = match session.ask(Question::ClusterBackups(name.clone())).await {
            Ok(Answer::ClusterBackups(backups)) => Ok(*backups),
            Ok(_) => Err(something_else(format!("could not list the backups of {name}"))),
            Err(trouble) => Err(trouble),
        };
        found.push((name, backups));
    }
    found
}

fn something_else(what: impl Into<Arc<str>>) -> Trouble {
    Trouble::new(what, "the engine answered something else")
}

/// `backup`: the one that was found for what was typed. The restore's name is completed when it is begun.
fn restore_of(backup: &VeleroName, wanted: &Wanted) -> NewRestore {
    /// Characters of the backup's name that the restore's begins with; the longest that Kubernetes takes is 253.
    const MOST: usize = 200;
    let name: String = backup.name.chars().take(MOST).collect();
    NewRestore {
        id: VeleroName::new(backup.namespace.clone(), format!("{}-", name.trim_end_matches(['-', '.']))),
        backup: backup.name.clone(),
        existing: if wanted.update { Existing::Update } else { Existing::Keep },
        namespaces: wanted.only.clone(),
        mapping: wanted.into.iter().cloned().collect(),
        ..NewRestore::default()
    }
}

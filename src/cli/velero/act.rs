//! What Velero is asked for, from what was typed to a request that is planned.

use super::{
    find::{self, Found},
    preview, restore_of,
};
use crate::{
    cli::{
        self,
        act::{self, Task},
        arguments::{Options, VeleroBackUp, VeleroChange, VeleroDelete, VeleroRestore},
        exit::{Exit, Stop},
        printer::Printer,
        session::Session,
    },
    domain::{ClusterName, NewBackup, Stage, VeleroBackup, VeleroName},
    plan::{Request, VeleroDeleting, VeleroKept, VeleroRestoring, VeleroWish, Verb},
    setup::Setup,
};

pub async fn act(options: &Options, asked: &VeleroChange, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let setup = Setup::load(options, None);
    let consent = asked.consent();
    let why = act::reason(&setup, consent)?;
    let mut session = cli::open(&setup, printer)?;
    let request = resolved(&mut session, asked, printer).await?;
    let request = Request { why, take_over: consent.take_over, ..request };
    act::carry_out(&mut session, &setup, consent, Task::CarryOut(request), printer).await
}

/// Waits for what has to be known of what is meant.
pub async fn resolved(session: &mut Session, asked: &VeleroChange, printer: &mut Printer<'_>) -> Result<Request, Stop> {
    session.pictures().await;
    session.tell_lost(printer);
    find::settled(session)?;
    let found = find::all(session, printer).await?;
    let (cluster, wish) = match asked {
        VeleroChange::Backup(asked) => back_up(&found, asked, printer)?,
        VeleroChange::Restore(asked) => restore(session, &found, asked, printer).await?,
        VeleroChange::Delete(asked) => delete(&found, asked, printer)?,
    };
    let target = wish.target(&cluster);
    Ok(Request::new(Verb::Velero(Box::new(wish)), target))
}

fn back_up(
    found: &[Found],
    asked: &VeleroBackUp,
    printer: &mut Printer<'_>,
) -> Result<(ClusterName, VeleroWish), Stop> {
    let (cluster, home) = find::home(found, asked.location.as_ref(), printer)?;
    let name = asked.name.clone().unwrap_or_else(|| format!("{}-", asked.namespace).into());
    let wanted = NewBackup {
        id: VeleroName::new(home, name),
        namespaces: vec![asked.namespace.clone()],
        labels: asked.selector.iter().cloned().collect(),
        kept_for: asked.keep_for,
        location: asked.location.as_ref().map(|location| location.name.clone()),
    };
    Ok((cluster, VeleroWish::BackUp(wanted)))
}

/// What it would do is asked before, so that it is read with the plan.
async fn restore(
    session: &mut Session,
    found: &[Found],
    asked: &VeleroRestore,
    printer: &mut Printer<'_>,
) -> Result<(ClusterName, VeleroWish), Stop> {
    let (cluster, backup) = find::backup(found, &asked.wanted.backup, printer)?;
    let restore = restore_of(&backup.id, &asked.wanted);
    let foretold = preview::ask(session, cluster, &restore).await;
    let foretold = foretold.map(|preview| preview.count()).map_err(|trouble| trouble.why);
    let wish = VeleroRestoring { backup: VeleroKept::from(backup), restore, foretold };
    Ok((cluster.clone(), VeleroWish::Restore(wish)))
}

fn delete(found: &[Found], asked: &VeleroDelete, printer: &mut Printer<'_>) -> Result<(ClusterName, VeleroWish), Stop> {
    let (cluster, backup) = find::backup(found, &asked.backup, printer)?;
    let all = find::listed(found, |velero| &velero.backups, printer);
    let is_alike = |other: &VeleroBackup| {
        let is_other = other.id != backup.id && other.id.namespace == backup.id.namespace;
        is_other && other.phase.stage() == Stage::Complete && other.namespaces == backup.namespaces
    };
    let is_last = !all.iter().any(|(place, other)| *place == cluster && is_alike(other));
    let wish = VeleroDeleting { backup: VeleroKept::from(backup), is_last };
    Ok((cluster.clone(), VeleroWish::Delete(wish)))
}

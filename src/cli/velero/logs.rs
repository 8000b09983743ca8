//! `midwatch velero logs`

use super::{
    find::{Found, listed, one},
    something_else,
};
use crate::{
    cli::{
        arguments::VeleroLogs,
        exit::{Exit, Stop},
        printer::Printer,
        session::Session,
    },
    domain::{ClusterName, VeleroFile, VeleroName, VeleroText, Way},
    message::{Answer, Question},
};

pub async fn write(
    session: &mut Session,
    found: &[Found],
    asked: &VeleroLogs,
    printer: &mut Printer<'_>,
) -> Result<(), Stop> {
    let (cluster, id, file) = meant(found, asked, printer)?;
    let what = format!("could not read the {} of {}", file.name(), id.name);
    let VeleroText { text, is_cut, way } = match session.ask(Question::VeleroText(cluster, id, file)).await {
        Ok(Answer::VeleroText(text)) => text,
        Ok(_) => return Err(Stop::Because(Exit::Failed, something_else(what))),
        Err(trouble) => return Err(Stop::Because(Exit::Failed, trouble)),
    };
    if let Way::Through(pod) = way {
        printer.say(&format!("its store is not reached from here: read through {pod}"));
    }
    if is_cut {
        printer.say("its beginning is left out: there is more of it than is kept");
    }
    for line in text.lines() {
        printer.line(line)?;
    }
    Ok(())
}

/// A restore is called after its backup and its time, so a name means one of both. Where it does not, a backup is meant.
fn meant(
    found: &[Found],
    asked: &VeleroLogs,
    printer: &mut Printer<'_>,
) -> Result<(ClusterName, VeleroName, VeleroFile), Stop> {
    let backups = listed(found, |velero| &velero.backups, printer);
    let restores = listed(found, |velero| &velero.restores, printer);
    let is_backup = backups.iter().any(|(_, backup)| asked.of.matches(&backup.id));
    let is_restore = restores.iter().any(|(_, restore)| asked.of.matches(&restore.id));
    if is_restore && !is_backup {
        let (cluster, restore) = one(&restores, |restore| &restore.id, &asked.of, "restore")?;
        let file = if asked.results { VeleroFile::RestoreResults } else { VeleroFile::RestoreLog };
        return Ok((cluster.clone(), restore.id.clone(), file));
    }
    let (cluster, backup) = one(&backups, |backup| &backup.id, &asked.of, "backup or restore")?;
    let file = if asked.results { VeleroFile::BackupResults } else { VeleroFile::BackupLog };
    Ok((cluster.clone(), backup.id.clone(), file))
}

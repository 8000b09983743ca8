//! What others keep in the clusters: Velero, CloudNativePG, snapshots of volumes.

use crate::{
    cli::{
        self,
        arguments::Listing,
        exit::{Exit, Stop},
        list::age,
        printer::Printer,
        records::ClusterBackupRecord,
        session::Session,
        table::{
            Table,
            Title::{Left, Right},
        },
        velero::cluster_backups,
    },
    domain::{ClusterBackup, ClusterName},
    runtime::backup::unconfigured,
    setup::Setup,
};

/// Where nothing is backed up here: what others keep is all there is.
pub async fn alone(setup: &Setup, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    let mut session = cli::open(setup, printer)?;
    session.pictures().await;
    let exit = session.tell_lost(printer);
    match list(&mut session, listing, printer).await? {
        0 => Err(Stop::Because(Exit::Usage, unconfigured())),
        _ => {
            printer.trouble(&unconfigured());
            Ok(exit)
        }
    }
}

/// What is broken first. Says how many there were.
pub async fn list(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<usize, Stop> {
    let mut rows: Vec<(ClusterName, ClusterBackup)> = Vec::new();
    for (cluster, backups) in cluster_backups(session).await {
        match &backups {
            Ok(backups) => {
                let (kept, troubles) = backups.kept();
                troubles.into_iter().for_each(|trouble| printer.trouble(trouble));
                rows.extend(kept.into_iter().map(|kept| (cluster.clone(), kept)));
            }
            Err(trouble) => printer.trouble(trouble),
        }
    }
    rows.sort_by(|(_, one), (_, other)| one.health.cmp(&other.health));
    if listing.json {
        for (cluster, kept) in &rows {
            printer.object(&ClusterBackupRecord::of(cluster, kept))?;
        }
        return Ok(rows.len());
    }
    let now = session.clock.now();
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("SYSTEM"),
        Left("BACKUP"),
        Left("OF"),
        Right("LAST"),
        Right("RECOVERABLE"),
        Left("WHY"),
    ]);
    for (cluster, kept) in &rows {
        let ClusterBackup { health, system, namespace, name, says, last, recoverable_from } = kept;
        let why = health.reason().map_or(String::new(), |reason| reason.text.to_string());
        let cells = [
            health.word().into(),
            system.name().into(),
            format!("{cluster}/{namespace}/{name}"),
            says.to_string(),
            age(*last, now),
            age(*recoverable_from, now),
            why,
        ];
        table.row(Some(health), cells);
    }
    table.print(printer)?;
    Ok(rows.len())
}

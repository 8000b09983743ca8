//! Velero's backups, restores and schedules, what is broken first.

use std::{cmp::Reverse, sync::Arc};

use jiff::Timestamp;

use super::find::{Found, listed};
use crate::{
    cli::{
        arguments::Listing,
        exit::Stop,
        list::age,
        printer::Printer,
        records::{VeleroBackupRecord, VeleroRestoreRecord, VeleroScheduleRecord},
        session::Session,
        table::{
            Table,
            Title::{Left, Right},
        },
    },
    domain::{ClusterName, Health, Items, VeleroBackup, VeleroName, VeleroRestore, units},
};

pub fn backups(session: &Session, found: &[Found], listing: Listing, printer: &mut Printer<'_>) -> Result<(), Stop> {
    let mut rows = listed(found, |velero| &velero.backups, printer);
    if rows.is_empty() {
        printer.say("Velero has no backups");
    }
    rows.sort_by_cached_key(|(_, backup)| (backup.health(), Reverse(backup.created)));
    if listing.json {
        for (cluster, backup) in rows {
            printer.object(&VeleroBackupRecord::of(cluster, backup, &backup.health()))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("BACKUP"),
        Left("OF"),
        Left("PHASE"),
        Right("OBJECTS"),
        Right("ERRORS"),
        Right("WARNINGS"),
        Right("AGE"),
        Right("EXPIRES"),
        Left("SCHEDULE"),
        Left("WHY"),
    ]);
    let now = session.clock.now();
    for (cluster, backup) in rows {
        let health = backup.health();
        let VeleroBackup { id, phase, errors, warnings, .. } = backup;
        let cells = [
            health.word().into(),
            place(cluster, id),
            names(&backup.namespaces),
            phase.to_string(),
            objects(backup.items),
            errors.to_string(),
            warnings.to_string(),
            age(backup.started.or(backup.created), now),
            backup.expires.map(|at| left(at, now)).unwrap_or_default(),
            backup.schedule.as_deref().unwrap_or_default().into(),
            why(&health),
        ];
        table.row(Some(&health), cells);
    }
    Ok(table.print(printer)?)
}

pub fn restores(session: &Session, found: &[Found], listing: Listing, printer: &mut Printer<'_>) -> Result<(), Stop> {
    let mut rows = listed(found, |velero| &velero.restores, printer);
    if rows.is_empty() {
        printer.say("Velero has no restores");
    }
    rows.sort_by_cached_key(|(_, restore)| (restore.health(), Reverse(restore.created)));
    if listing.json {
        for (cluster, restore) in rows {
            printer.object(&VeleroRestoreRecord::of(cluster, restore, &restore.health()))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("RESTORE"),
        Left("FROM"),
        Left("INTO"),
        Left("PHASE"),
        Right("OBJECTS"),
        Right("ERRORS"),
        Right("WARNINGS"),
        Right("AGE"),
        Left("WHY"),
    ]);
    let now = session.clock.now();
    for (cluster, restore) in rows {
        let health = restore.health();
        let VeleroRestore { id, backup, phase, errors, warnings, .. } = restore;
        let cells = [
            health.word().into(),
            place(cluster, id),
            backup.to_string(),
            into(restore),
            phase.to_string(),
            objects(restore.items),
            errors.to_string(),
            warnings.to_string(),
            age(restore.started.or(restore.created), now),
            why(&health),
        ];
        table.row(Some(&health), cells);
    }
    Ok(table.print(printer)?)
}

pub fn schedules(session: &Session, found: &[Found], listing: Listing, printer: &mut Printer<'_>) -> Result<(), Stop> {
    let mut rows = listed(found, |velero| &velero.schedules, printer);
    if rows.is_empty() {
        printer.say("Velero has no schedules");
    }
    rows.sort_by_cached_key(|(_, schedule)| (schedule.health(), schedule.id.clone()));
    if listing.json {
        for (cluster, schedule) in rows {
            printer.object(&VeleroScheduleRecord::of(cluster, schedule, &schedule.health()))?;
        }
        return Ok(());
    }
    let mut table =
        Table::new(&[Left("HEALTH"), Left("SCHEDULE"), Left("WHEN"), Left("PHASE"), Right("LAST"), Left("WHY")]);
    let now = session.clock.now();
    for (cluster, schedule) in rows {
        let health = schedule.health();
        let cells = [
            health.word().into(),
            place(cluster, &schedule.id),
            schedule.cron.to_string(),
            schedule.phase.to_string(),
            age(schedule.last, now),
            why(&health),
        ];
        table.row(Some(&health), cells);
    }
    Ok(table.print(printer)?)
}

/// `eu/velero/nightly-1`
fn place(cluster: &ClusterName, id: &VeleroName) -> String {
    format!("{cluster}/{}/{}", id.namespace, id.name)
}

fn names(namespaces: &[Arc<str>]) -> String {
    if namespaces.is_empty() { "all".into() } else { namespaces.join(",") }
}

fn into(restore: &VeleroRestore) -> String {
    let mapped = restore.mapping.iter().map(|(from, to)| format!("{from}={to}"));
    let mapped: Vec<String> = mapped.collect();
    if mapped.is_empty() { names(&restore.namespaces) } else { mapped.join(",") }
}

fn objects(items: Option<Items>) -> String {
    items.map(|Items { done, total }| format!("{done}/{total}")).unwrap_or_default()
}

/// Until then.
fn left(at: Timestamp, now: Timestamp) -> String {
    units::age(u64::try_from(at.duration_since(now).as_secs()).unwrap_or(0))
}

fn why(health: &Health) -> String {
    health.reason().map_or(String::new(), |reason| reason.text.to_string())
}

//! What is kept in a cluster beside us, as one list: how each is, how old its last good backup is, and from when on it can be recovered.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{CloudNativePg, ClusterBackups, PgCluster, VolumeSnapshot};
use crate::domain::{Health, Listed, Reason, Stage, Trouble, Velero, VeleroBackup, VeleroSchedule};

/// Backups that no schedule made are many: the newest of these.
const NEWEST: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackupSystem {
    VeleroSchedule,
    /// One that no schedule made.
    VeleroBackup,
    CloudNativePg,
    VolumeSnapshot,
}

/// What one system keeps of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterBackup {
    pub health: Health,
    pub system: BackupSystem,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    /// When (a schedule) or of what.
    pub says: Arc<str>,
    /// The last good one.
    pub last: Option<Timestamp>,
    /// It can be recovered to any time from this on.
    pub recoverable_from: Option<Timestamp>,
}

impl BackupSystem {
    pub fn name(self) -> &'static str {
        match self {
            Self::VeleroSchedule => "velero-schedule",
            Self::VeleroBackup => "velero-backup",
            Self::CloudNativePg => "cloudnative-pg",
            Self::VolumeSnapshot => "volume-snapshot",
        }
    }
}

impl ClusterBackups {
    /// What is broken first, and why the rest could not be listed.
    pub fn kept(&self) -> (Vec<ClusterBackup>, Vec<&Trouble>) {
        let (mut kept, mut troubles) = (Vec::new(), Vec::new());
        if let Some(velero) = &self.velero {
            kept.extend(of_velero(velero, &mut troubles));
        }
        if let Some(postgres) = &self.postgres {
            kept.extend(of_postgres(postgres, &mut troubles));
        }
        if let Some(snapshots) = &self.volume_snapshots {
            kept.extend(newest_of_each(listed(snapshots, &mut troubles)).map(of_snapshot));
        }
        kept.sort_by(|a, b| {
            let key = |row: &ClusterBackup| (row.system, row.namespace.clone(), row.name.clone());
            a.health.cmp(&b.health).then_with(|| key(a).cmp(&key(b)))
        });
        (kept, troubles)
    }
}

fn listed<'a, T>(rows: &'a Listed<T>, troubles: &mut Vec<&'a Trouble>) -> &'a [T] {
    match rows {
        Ok(rows) => rows,
        Err(trouble) => {
            troubles.push(trouble);
            &[]
        }
    }
}

fn of_velero<'a>(velero: &'a Velero, troubles: &mut Vec<&'a Trouble>) -> Vec<ClusterBackup> {
    let (backups, schedules) = (listed(&velero.backups, troubles), listed(&velero.schedules, troubles));
    let is_of = |backup: &VeleroBackup, schedule: &VeleroSchedule| {
        backup.schedule.as_ref() == Some(&schedule.id.name) && backup.id.namespace == schedule.id.namespace
    };
    let by_schedule = schedules.iter().map(|schedule| {
        let runs: Vec<_> = backups.iter().filter(|backup| is_of(backup, schedule)).collect();
        of_schedule(schedule, &runs)
    });
    let is_alone = |backup: &&VeleroBackup| !schedules.iter().any(|schedule| is_of(backup, schedule));
    by_schedule.chain(backups.iter().filter(is_alone).take(NEWEST).map(of_backup)).collect()
}

/// `runs`: newest first.
fn of_schedule(schedule: &VeleroSchedule, runs: &[&VeleroBackup]) -> ClusterBackup {
    let own = schedule.health();
    let last_run = runs.first().map(|run| run.health()).filter(Health::is_broken);
    ClusterBackup {
        health: last_run.filter(|_| !own.is_broken()).unwrap_or(own),
        system: BackupSystem::VeleroSchedule,
        namespace: schedule.id.namespace.clone(),
        name: schedule.id.name.clone(),
        says: schedule.cron.clone(),
        last: runs.iter().find(|run| run.phase.stage() == Stage::Complete).and_then(|run| run.completed),
        recoverable_from: None,
    }
}

fn of_backup(backup: &VeleroBackup) -> ClusterBackup {
    ClusterBackup {
        health: backup.health(),
        system: BackupSystem::VeleroBackup,
        namespace: backup.id.namespace.clone(),
        name: backup.id.name.clone(),
        says: if backup.namespaces.is_empty() { "all namespaces".into() } else { backup.namespaces.join(",").into() },
        last: backup.completed.filter(|_| backup.phase.stage() == Stage::Complete),
        recoverable_from: None,
    }
}

fn of_postgres<'a>(postgres: &'a CloudNativePg, troubles: &mut Vec<&'a Trouble>) -> Vec<ClusterBackup> {
    let clusters = listed(&postgres.clusters, troubles);
    let (backups, schedules) = (listed(&postgres.backups, troubles), listed(&postgres.schedules, troubles));
    let of = |cluster: &PgCluster| {
        let is_its = |namespace: &Arc<str>, name: &Arc<str>| *namespace == cluster.namespace && *name == cluster.name;
        let its = backups.iter().filter(|backup| is_its(&backup.namespace, &backup.cluster));
        let complete = its.filter(|backup| backup.phase.stage() == Stage::Complete);
        // Of what a plugin keeps, the cluster itself tells nothing.
        let last = complete.filter_map(|backup| backup.completed).max().max(cluster.last_backup);
        let its = schedules.iter().filter(|schedule| is_its(&schedule.namespace, &schedule.cluster));
        let crons: Vec<&str> = its.filter(|schedule| !schedule.paused).map(|schedule| &*schedule.cron).collect();
        ClusterBackup {
            health: of_pg_cluster(cluster, last),
            system: BackupSystem::CloudNativePg,
            namespace: cluster.namespace.clone(),
            name: cluster.name.clone(),
            says: crons.join(", ").into(),
            last,
            recoverable_from: cluster.recoverable_from,
        }
    };
    clusters.iter().map(of).collect()
}

fn of_pg_cluster(cluster: &PgCluster, last: Option<Timestamp>) -> Health {
    match (&cluster.not_archiving, last, cluster.last_failed_backup) {
        (Some(why), ..) => Health::Failing(Reason::new(format!("its WAL is not archived: {why}"))),
        (None, last, Some(failed)) if last.is_none_or(|last| failed > last) => {
            Health::Failing(Reason::new("its last backup failed"))
        }
        (None, None, _) => Health::Degraded(Reason::new("it has no backup")),
        (None, Some(_), _) => Health::Healthy,
    }
}

/// By the claim that they are of; they come newest first.
fn newest_of_each(snapshots: &[VolumeSnapshot]) -> impl Iterator<Item = &VolumeSnapshot> {
    let mut seen = BTreeSet::new();
    snapshots.iter().filter(move |snapshot| match &snapshot.source {
        Some(claim) => seen.insert((&snapshot.namespace, claim)),
        None => true,
    })
}

fn of_snapshot(snapshot: &VolumeSnapshot) -> ClusterBackup {
    let health = match &snapshot.error {
        Some(why) => Health::Failing(Reason::new(why.clone())),
        None if !snapshot.ready => Health::Changing(Reason::new("it is being made")),
        None => Health::Healthy,
    };
    ClusterBackup {
        health,
        system: BackupSystem::VolumeSnapshot,
        namespace: snapshot.namespace.clone(),
        name: snapshot.name.clone(),
        says: snapshot.source.as_ref().map_or("brought here".into(), |claim| format!("claim {claim}").into()),
        last: snapshot.taken.filter(|_| snapshot.ready),
        recoverable_from: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Phase, VeleroName};

    fn at(hour: i8) -> Option<Timestamp> {
        format!("2026-11-21T{hour:02}:00:00Z").parse().ok()
    }

    fn run(name: &str, phase: &str, completed: Option<Timestamp>) -> VeleroBackup {
        let (id, phase) = (VeleroName::new("velero", name), Phase::new(phase));
        VeleroBackup { id, phase, completed, ..VeleroBackup::default() }
    }

    fn velero(backups: Vec<VeleroBackup>, schedules: Vec<VeleroSchedule>) -> ClusterBackups {
        let (restores, locations) = (Ok(Vec::new()), Ok(Vec::new()));
        let velero = Velero { backups: Ok(backups), restores, schedules: Ok(schedules), locations };
        ClusterBackups { velero: Some(velero), ..ClusterBackups::default() }
    }

    #[test]
    fn a_schedule_is_as_its_last_run_is_and_as_old_as_its_last_good_one() {
        let nightly = VeleroSchedule { id: VeleroName::new("velero", "nightly"), ..VeleroSchedule::default() };
        let of_it = |run| VeleroBackup { schedule: Some("nightly".into()), ..run };
        let runs = vec![of_it(run("n-3", "Failed", at(3))), of_it(run("n-2", "Completed", at(2)))];
        let found = velero(runs, vec![nightly.clone()]);
        let (kept, troubles) = found.kept();
        assert_eq!((kept.len(), troubles.len()), (1, 0), "its runs are no rows of their own");
        assert_eq!((kept[0].health.word(), kept[0].last), ("failing", at(2)));
        let paused = VeleroSchedule { paused: true, ..nightly };
        let found = velero(vec![of_it(run("n-2", "Completed", at(2)))], vec![paused]);
        assert_eq!(found.kept().0[0].health.word(), "stopped");
    }

    #[test]
    fn of_backups_that_no_schedule_made_the_newest_are_listed_and_what_is_broken_comes_first() {
        let runs = ["a", "b", "c", "d"].map(|name| run(name, if name == "c" { "Failed" } else { "Completed" }, at(2)));
        let found = velero(runs.to_vec(), Vec::new());
        let (kept, _) = found.kept();
        assert_eq!(kept.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!(kept[0].last, None, "a failed one is no good one");
    }

    #[test]
    fn a_postgres_whose_last_backup_failed_or_whose_wal_is_not_archived_is_failing() {
        let cluster = |cluster: PgCluster| {
            let (backups, schedules) = (Ok(Vec::new()), Ok(Vec::new()));
            let postgres = Some(CloudNativePg { clusters: Ok(vec![cluster]), backups, schedules });
            let (kept, _) = ClusterBackups { postgres, ..ClusterBackups::default() }.kept();
            (kept[0].health.says(), kept[0].recoverable_from)
        };
        let good = PgCluster { last_backup: at(2), recoverable_from: at(1), ..PgCluster::default() };
        assert_eq!(cluster(good.clone()), ("healthy".into(), at(1)));
        let failed = PgCluster { last_failed_backup: at(3), ..good.clone() };
        assert_eq!(cluster(failed).0, "failing: its last backup failed");
        let overcome = PgCluster { last_failed_backup: at(1), ..good.clone() };
        assert_eq!(cluster(overcome).0, "healthy");
        let stuck = PgCluster { not_archiving: Some("no such bucket".into()), ..good };
        assert_eq!(cluster(stuck).0, "failing: its WAL is not archived: no such bucket");
        assert_eq!(cluster(PgCluster::default()).0, "degraded: it has no backup");
    }

    #[test]
    fn of_the_snapshots_of_a_claim_the_newest_stands_for_all() {
        let of = |name: &str, claim: &str, error: Option<&str>| VolumeSnapshot {
            name: name.into(),
            source: Some(claim.into()),
            ready: error.is_none(),
            error: error.map(Arc::from),
            taken: at(2),
            ..VolumeSnapshot::default()
        };
        let snapshots = vec![of("d-2", "data", Some("no space")), of("d-1", "data", None), of("l-1", "logs", None)];
        let found = ClusterBackups { volume_snapshots: Some(Ok(snapshots)), ..ClusterBackups::default() };
        let (kept, _) = found.kept();
        let told: Vec<_> = kept.iter().map(|row| (&*row.name, row.health.word(), row.last)).collect();
        assert_eq!(told, [("d-2", "failing", None), ("l-1", "healthy", at(2))]);
    }

    #[test]
    fn what_may_not_be_listed_is_told() {
        let refused = Trouble::new("could not list backups", "you may not");
        let found = ClusterBackups { volume_snapshots: Some(Err(refused.clone())), ..ClusterBackups::default() };
        assert_eq!(found.kept(), (Vec::new(), vec![&refused]));
    }
}

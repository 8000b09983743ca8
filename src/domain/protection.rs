//! What of a service is backed up, and how well it is protected by that: against how much may be lost and how long it may take.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Health, Item, Method, Outcome, Proof, Reason, Service, ServiceId, Snapshot, Standing, Trouble, units};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The label, or annotation, that says what of a service is backed up: `postgres`, `sqlite:/data/app.db, files:/var/lib/app`, `none`.
pub const LABEL: &str = "midwatch.backup";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objectives {
    /// RPO: how old the last good backup may be.
    pub recovery_point: Duration,
    /// RTO: how long a restore may take.
    pub recovery_time: Duration,
    /// How long ago it may have been shown that it can be restored.
    pub proven_within: Duration,
}

impl Default for Objectives {
    fn default() -> Self {
        Self { recovery_point: DAY, recovery_time: HOUR, proven_within: DAY * 30 }
    }
}

/// By its label, else by its image. `Err`: what is wrong with the label.
pub fn items(service: &Service) -> Result<Vec<Item>, String> {
    match &service.backup {
        Some(label) => labelled(&service.id, label),
        None => {
            let method = service.image.as_ref().and_then(|image| by_image(&image.reference));
            Ok(method.map(|method| item(&service.id, method, None)).into_iter().collect())
        }
    }
}

pub fn item(service: &ServiceId, method: Method, path: Option<Arc<str>>) -> Item {
    Item { service: service.clone(), method, path }
}

fn labelled(service: &ServiceId, label: &str) -> Result<Vec<Item>, String> {
    let entries = label.split(',').map(str::trim).filter(|entry| !entry.is_empty() && *entry != "none");
    entries.map(|entry| entry_of(service, entry)).collect()
}

fn entry_of(service: &ServiceId, entry: &str) -> Result<Item, String> {
    let (name, path) = entry.split_once(':').map_or((entry, None), |(name, path)| (name, Some(path.trim())));
    let method: Method = name.trim().parse().map_err(|()| {
        let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
        format!("{LABEL}: no method is called '{name}': one of {}, or none", names.join(", "))
    })?;
    match (method.wants_path(), path) {
        (true, Some(path)) if path.starts_with('/') => Ok(item(service, method, Some(path.into()))),
        (true, _) => Err(format!("{LABEL}: {name} wants a whole path: {name}:/data")),
        (false, None) => Ok(item(service, method, None)),
        (false, Some(_)) => Err(format!("{LABEL}: {name} has no path")),
    }
}

/// By the last part of the name under which an image is known: `registry.example/bitnami/postgresql:15`.
fn by_image(reference: &str) -> Option<Method> {
    let name = reference.split('@').next()?.rsplit('/').next()?.split(':').next()?;
    Some(match name {
        "postgres" | "postgresql" | "postgis" | "pgvector" | "timescaledb" | "timescaledb-ha" => Method::Postgres,
        "mysql" | "mysql-server" | "mariadb" | "percona" | "percona-server" => Method::Mysql,
        "mongo" | "mongodb" | "mongodb-community-server" | "percona-server-mongodb" => Method::Mongo,
        "redis" | "redis-stack-server" | "valkey" => Method::Redis,
        "rabbitmq" => Method::RabbitMq,
        _ => return None,
    })
}

/// All that one look at a repository tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Newest first.
    pub snapshots: Vec<Snapshot>,
    /// Newest first.
    pub proofs: Vec<Proof>,
    /// One for each that is there and damaged.
    pub unreadable: Vec<Trouble>,
}

/// How well one thing is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    pub item: Item,
    pub objectives: Objectives,
    /// The newest good one.
    pub last: Option<Snapshot>,
    /// All of it that there are.
    pub snapshots: usize,
    /// When a restore of it was last shown to work, in an instance by itself or for good.
    pub proven: Option<Timestamp>,
    /// Why the newest rehearsal failed, where no later one went well.
    pub disproven: Option<Arc<str>>,
    /// How long the last restore or rehearsal took.
    pub took: Option<Duration>,
    /// It was backed up once, and is no longer there or no longer said to be.
    pub is_orphaned: bool,
}

impl Protection {
    pub fn of(item: Item, objectives: Objectives, listing: &Listing) -> Self {
        let good: Vec<&Snapshot> = listing
            .snapshots
            .iter()
            .filter(|snapshot| snapshot.item == item)
            .filter(|snapshot| match snapshot.standing {
                Standing::Whole => true,
                Standing::Safety | Standing::Unfinished => false,
            })
            .collect();
        let last = good.iter().max_by_key(|snapshot| snapshot.at).map(|snapshot| (*snapshot).clone());
        let snapshots = good.len();
        let proofs = || listing.proofs.iter().filter(|proof| proof.item == item);
        let newest = proofs().max_by_key(|proof| proof.at);
        let best = proofs().filter(|proof| proof.is_good()).max_by_key(|proof| proof.at);
        let disproven = newest.and_then(|proof| match &proof.outcome {
            Outcome::Failed(why) => Some(why.clone()),
            Outcome::Opened(_) => None,
        });
        let (proven, took) = (best.map(|proof| proof.at), best.map(|proof| proof.took));
        Self { item, objectives, last, snapshots, proven, disproven, took, is_orphaned: false }
    }

    /// The time for another has come, or will within the time that one takes.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let Some(last) = &self.last else { return true };
        // A schedule that runs as often as the objective says must not miss every second time by a minute.
        age(last.at, now) + self.objectives.recovery_point / 10 >= self.objectives.recovery_point
    }

    /// The same for a rehearsal; of what there is no backup, none can be rehearsed.
    pub fn is_proof_due(&self, now: Timestamp) -> bool {
        let within = self.objectives.proven_within;
        let is_old = |proven| age(proven, now) + within / 10 >= within;
        self.last.is_some() && (self.disproven.is_some() || self.proven.is_none_or(is_old))
    }

    /// What is behind its objectives is broken.
    pub fn health(&self, now: Timestamp) -> Health {
        let Objectives { recovery_point, recovery_time, proven_within } = self.objectives;
        let told = units::elapsed;
        if self.is_orphaned {
            return Health::Unknown(Reason::new("kept, but no longer backed up"));
        }
        let Some(last) = &self.last else { return Health::Failing(Reason::new("never backed up")) };
        let old = age(last.at, now);
        if old > recovery_point {
            let words = format!("last backup {} ago, objective {}", told(old), told(recovery_point));
            return Health::Failing(Reason::new(words));
        }
        if let Some(why) = &self.disproven {
            return Health::Failing(Reason::new(format!("could not be restored: {why}")));
        }
        let Some(proven) = self.proven else { return Health::Degraded(Reason::new("never proven restorable")) };
        let old = age(proven, now);
        if old > proven_within {
            let words = format!("proven {} ago, objective {}", told(old), told(proven_within));
            return Health::Degraded(Reason::new(words));
        }
        if let Some(took) = self.took.filter(|took| *took > recovery_time) {
            let words = format!("a restore takes {}, objective {}", told(took), told(recovery_time));
            return Health::Degraded(Reason::new(words));
        }
        Health::Healthy
    }

    /// Sorts what is worst first; of what stands alike, what was never backed up, then what was so the longest ago.
    pub fn urgency(&self, now: Timestamp) -> impl Ord + use<> {
        (self.health(now).severity(), self.last.as_ref().map(|last| last.at), self.item.clone())
    }
}

/// Nothing for what a clock that goes wrong says is still to come.
fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SnapshotId, StoredFile};

    fn id() -> ServiceId {
        ServiceId::new(&"prod".into(), &"shop".into(), "db")
    }

    #[test]
    fn what_is_backed_up_is_known_by_the_image() {
        for (reference, method) in [
            ("postgres:15", Some(Method::Postgres)),
            ("registry.example:5000/bitnami/postgresql@sha256:00", Some(Method::Postgres)),
            ("docker.io/library/mariadb", Some(Method::Mysql)),
            ("redis:7-alpine", Some(Method::Redis)),
            ("prom/postgres-exporter:1", None),
            ("shop/web:v2", None),
        ] {
            assert_eq!(by_image(reference), method, "{reference}");
        }
    }

    #[test]
    fn a_label_says_it_in_words() {
        let read = |label| labelled(&id(), label);
        let several = read("sqlite:/data/app.db, files:/var/lib/app").expect("two things");
        let told: Vec<String> = several.iter().map(Item::what).collect();
        assert_eq!(told, ["sqlite /data/app.db", "files /var/lib/app"]);
        assert_eq!(read("none"), Ok(Vec::new()));
        for (wrong, says) in
            [("postgre", "no method is called 'postgre'"), ("files", "wants a whole path"), ("redis:/x", "has no path")]
        {
            assert!(read(wrong).expect_err("wrong").contains(says), "{wrong}");
        }
    }

    #[test]
    fn what_is_behind_its_objectives_is_broken() {
        let now: Timestamp = "2026-11-30T03:00:00Z".parse().expect("a time");
        let snapshot = |hours: i64, standing| Snapshot {
            id: SnapshotId::new("1a"),
            at: now - jiff::SignedDuration::from_hours(hours),
            item: item(&id(), Method::Redis, None),
            version: None,
            release: None,
            took: Duration::ZERO,
            files: vec![StoredFile { name: "a".into(), bytes: 1 }],
            added: 0,
            counts: Default::default(),
            standing,
        };
        let of = |snapshots: &[Snapshot]| {
            let listing = Listing { snapshots: snapshots.to_vec(), ..Listing::default() };
            Protection::of(item(&id(), Method::Redis, None), Objectives::default(), &listing)
        };
        let says = |protection: &Protection| protection.health(now).reason().map(|reason| reason.text.to_string());
        let unfinished = of(&[snapshot(1, Standing::Unfinished), snapshot(1, Standing::Safety)]);
        assert_eq!((says(&unfinished).as_deref(), unfinished.is_due(now)), (Some("never backed up"), true));
        let old = of(&[snapshot(90, Standing::Whole), snapshot(30, Standing::Whole)]);
        assert_eq!(says(&old).as_deref(), Some("last backup 30h ago, objective 24h"));
        let mut fresh = of(&[snapshot(2, Standing::Whole)]);
        assert_eq!((says(&fresh).as_deref(), fresh.is_due(now)), (Some("never proven restorable"), false));
        fresh.proven = Some(now - jiff::SignedDuration::from_hours(24));
        assert_eq!(fresh.health(now), Health::Healthy);
        fresh.took = Some(DAY);
        assert_eq!(says(&fresh).as_deref(), Some("a restore takes 24h, objective 60m"));
        fresh.disproven = Some("the dump is damaged".into());
        assert!(matches!(fresh.health(now), Health::Failing(_)));
        // A schedule once a day runs a little earlier on some days.
        assert!(of(&[snapshot(23, Standing::Whole)]).is_due(now) && !of(&[snapshot(20, Standing::Whole)]).is_due(now));
    }
}

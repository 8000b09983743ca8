//! What keeps backups in a cluster: each kind that is served is listed, side by side.

mod rows;

use std::{cmp::Reverse, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

pub use self::rows::{count, said, texts, time, word};
use super::{Site, discovery::Resource, fault::Fault, pod::is_name, velero};
use crate::domain::{CloudNativePg, ClusterBackups, Listed, VolumeSnapshot};

/// In one answer.
const PAGE: u32 = 500;

pub async fn list(site: &Site) -> ClusterBackups {
    let (velero, postgres, volume_snapshots) = tokio::join!(velero::list(site), postgres(site), volume_snapshots(site));
    ClusterBackups { velero, postgres, volume_snapshots }
}

async fn postgres(site: &Site) -> Option<CloudNativePg> {
    let (clusters, backups, schedules) = tokio::join!(
        listed(site, Resource::PgCluster, rows::pg_cluster),
        listed(site, Resource::PgBackup, rows::pg_backup),
        listed(site, Resource::PgSchedule, rows::pg_schedule),
    );
    Some(CloudNativePg {
        clusters: clusters?,
        backups: newest_first(backups?, |backup| backup.created),
        schedules: schedules?,
    })
}

async fn volume_snapshots(site: &Site) -> Option<Listed<VolumeSnapshot>> {
    let snapshots = listed(site, Resource::VolumeSnapshot, rows::volume_snapshot).await?;
    Some(newest_first(snapshots, |snapshot| snapshot.taken))
}

/// `None`: it is not served.
pub async fn listed<T>(site: &Site, resource: Resource, row: impl Fn(&Value) -> T) -> Option<Listed<T>> {
    let path = site.served.path(resource, None)?;
    let found = match items(site, &path).await {
        Err(fault) if fault.is_denied() => in_scopes(site, resource).await.ok_or(fault),
        found => found,
    };
    let told = |fault: Fault| fault.trouble(format!("could not list {}", resource.name()));
    Some(found.map(|objects| objects.iter().map(row).collect()).map_err(told))
}

/// Where not all namespaces may be listed: those of the namespaces that are looked at. `None`: none of them may be listed either.
async fn in_scopes(site: &Site, resource: Resource) -> Option<Vec<Value>> {
    let mut found = None;
    for scope in site.scopes.iter().filter(|scope| is_name(scope.as_str())) {
        let path = site.served.path(resource, Some(scope.as_str()))?;
        match items(site, &path).await {
            Ok(objects) => found.get_or_insert_with(Vec::new).extend(objects),
            Err(fault) => tracing::debug!(?fault, %scope, "its backups"),
        }
    }
    found
}

/// All objects of a collection, page by page.
pub async fn items(site: &Site, collection: &str) -> Result<Vec<Value>, Fault> {
    let (mut items, mut next) = (Vec::new(), String::new());
    loop {
        let mut page: Value = site.api.get(&format!("{collection}?limit={PAGE}{next}")).await?;
        if let Value::Array(more) = page["items"].take() {
            items.extend(more);
        }
        match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
            Some(token) => next = format!("&continue={}", super::api::encoded(token)),
            None => return Ok(items),
        }
    }
}

pub fn newest_first<T>(rows: Listed<T>, at: impl Fn(&T) -> Option<Timestamp>) -> Listed<T> {
    rows.map(|mut rows| {
        rows.sort_by_key(|row| Reverse(at(row)));
        rows
    })
}

/// Where an object is, and what it is called.
pub fn named(object: &Value) -> (Arc<str>, Arc<str>) {
    (word(&object["metadata"]["namespace"]), word(&object["metadata"]["name"]))
}

//! What the node agents have copied of the volumes of one backup or restore.

use std::sync::Arc;

use serde_json::Value;

use super::super::{BACKUP_NAME, rows::Kind};
use crate::{
    backend::kubernetes::{
        Site,
        api::encoded,
        cluster_backups::{count, word},
        discovery::Resource,
    },
    domain::{Phase, VeleroName, units},
};

const RESTORE_NAME: &str = "velero.io/restore-name";
/// characters of a label's value; Velero shortens longer names in a way of its own.
const LONGEST_LABEL: usize = 63;

#[derive(Default)]
pub struct Volumes(Vec<Volume>);

/// A `PodVolumeBackup`, a `DataUpload`, or what brings them back.
struct Volume {
    node: Arc<str>,
    is_over: bool,
    done: u64,
    total: u64,
}

impl Volumes {
    /// Empty also where they may not be listed: they only add to what is told.
    pub async fn of(site: &Site, id: &VeleroName, kind: Kind) -> Self {
        let (label, resources) = match kind {
            Kind::Backup => (BACKUP_NAME, [Resource::VeleroVolumeBackup, Resource::VeleroDataUpload]),
            Kind::Restore => (RESTORE_NAME, [Resource::VeleroVolumeRestore, Resource::VeleroDataDownload]),
        };
        let mut volumes = Vec::new();
        for resource in resources.into_iter().filter(|_| id.name.len() <= LONGEST_LABEL) {
            let Some(path) = site.served.path(resource, Some(&id.namespace)) else { continue };
            let path = format!("{path}?labelSelector={}", encoded(&format!("{label}={}", id.name)));
            match site.api.get::<Value>(&path).await {
                Ok(list) => volumes.extend(list["items"].as_array().into_iter().flatten().map(volume)),
                Err(fault) => tracing::debug!(?fault, "Velero's volumes"),
            }
        }
        Self(volumes)
    }

    /// bytes
    pub fn done(&self) -> u64 {
        self.0.iter().map(|volume| volume.done).sum()
    }

    /// A machine that has one to copy and of which nobody `is_attended`.
    pub fn waits_on(&self, is_attended: impl Fn(&str) -> bool) -> Option<&str> {
        let open = self.0.iter().filter(|volume| !volume.is_over && !volume.node.is_empty());
        open.map(|volume| &*volume.node).find(|node| !is_attended(node))
    }

    /// `1.0Gi of 4.0Gi of volumes (1 of 2 done)`
    pub fn words(&self) -> Option<String> {
        let total: u64 = self.0.iter().map(|volume| volume.total).sum();
        let over = self.0.iter().filter(|volume| volume.is_over).count();
        (!self.0.is_empty()).then(|| {
            let (done, total) = (units::bytes(self.done()), units::bytes(total));
            format!("{done} of {total} of volumes ({over} of {} done)", self.0.len())
        })
    }
}

fn volume(object: &Value) -> Volume {
    let (spec, status) = (&object["spec"], &object["status"]);
    let node = if status["node"].is_string() { &status["node"] } else { &spec["node"] };
    let phase = word(&status["phase"]);
    Volume {
        node: word(node),
        is_over: Phase::new(phase.clone()).stage().is_over() || &*phase == "Canceled",
        done: count(&status["progress"]["bytesDone"]),
        total: count(&status["progress"]["totalBytes"]),
    }
}

/// By node, phase, and bytes.
#[cfg(test)]
pub fn fixture(volumes: &[(&str, &str, u64, u64)]) -> Volumes {
    let object = |(node, phase, done, total): &(&str, &str, u64, u64)| {
        volume(&serde_json::json!({"spec": {"node": node},
            "status": {"phase": phase, "progress": {"bytesDone": done, "totalBytes": total}}}))
    };
    Volumes(volumes.iter().map(object).collect())
}

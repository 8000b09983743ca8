//! What a release is made of: from what the cluster keeps of it to an outline.

mod container;
pub(super) mod template;

use std::sync::Arc;

use serde_json::Value;

use super::{
    Site,
    api::Api,
    directory::Workload,
    fault::Fault,
    helm,
    pod::is_name,
    releases::{self, ControllerRevision, ReplicaSet},
};
use crate::domain::{Outline, ServiceId, ServiceKind};

pub async fn of(site: &Site, service: &ServiceId, id: &str) -> Result<Arc<Outline>, Fault> {
    kept(&site.api, &releases::workload(site, service)?, id).await
}

pub async fn kept(api: &Api, workload: &Workload, id: &str) -> Result<Arc<Outline>, Fault> {
    if let Some(kept) = helm::Kept::parse(id) {
        return helm::outline(api, workload, &kept).await.map(Arc::new);
    }
    match template(api, workload, id).await? {
        Some(template) => Ok(Arc::new(template::outline(&template))),
        // What keeps no history is told from what runs.
        None => {
            let release = releases::kept(api, workload).await?.into_iter().find(|release| *release.id == *id);
            release.and_then(|release| release.outline).ok_or_else(|| missing(workload, id))
        }
    }
}

fn missing(workload: &Workload, id: &str) -> Fault {
    Fault::Garbled(format!("{} keeps no release {id}", workload.name).into())
}

/// `None` where such a workload has nothing that is kept apart.
async fn template(api: &Api, workload: &Workload, id: &str) -> Result<Option<Value>, Fault> {
    if !is_name(id) {
        return Err(missing(workload, id));
    }
    let path = |kind: &str| format!("/apis/apps/v1/namespaces/{}/{kind}/{id}", workload.namespace);
    let (template, owners) = match workload.kind {
        ServiceKind::Deployment | ServiceKind::Rollout => {
            let set: ReplicaSet = api.get(&path("replicasets")).await?;
            (set.spec.template, set.metadata.owner_references)
        }
        ServiceKind::StatefulSet | ServiceKind::DaemonSet => {
            let revision: ControllerRevision = api.get(&path("controllerrevisions")).await?;
            (revision.template(), revision.metadata.owner_references)
        }
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => return Ok(None),
    };
    // Of another service's release nothing is told under this one's name.
    if owners.iter().any(|owner| owner.uid == *workload.uid) { Ok(Some(template)) } else { Err(missing(workload, id)) }
}

//! Which pods are of a workload's newest definition.

use http::Method;
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    super::{
        Site,
        api::{decode, encoded},
        directory::Workload,
        fault::Fault,
        rollout::Rolling,
    },
    List, Metadata,
};
use crate::domain::ServiceKind;

/// The label by which the pods of the newest definition are known, and its value there.
pub async fn newest(
    site: &Site,
    workload: &Workload,
    rolling: &Rolling,
) -> Result<Option<(&'static str, String)>, Fault> {
    const OF_SETS: &str = "controller-revision-hash";
    let known = |label, hash: &str| Ok((!hash.is_empty()).then(|| (label, hash.to_owned())));
    let list = |plural| {
        let selector = encoded(&workload.selector);
        format!("/apis/apps/v1/namespaces/{}/{plural}?labelSelector={selector}", workload.namespace)
    };
    match workload.kind {
        ServiceKind::Deployment => {
            const LABEL: &str = "pod-template-hash";
            let sets: List<Owned> = metadata_only(site, &list("replicasets")).await?;
            Ok(sets.newest(&rolling.metadata.uid, Owned::revision_of_set).and_then(|set| set.label(LABEL)))
        }
        ServiceKind::DaemonSet => {
            let revisions: List<Owned> = site.api.get(&list("controllerrevisions")).await?;
            Ok(revisions.newest(&rolling.metadata.uid, |owned| owned.revision).and_then(|owned| owned.label(OF_SETS)))
        }
        ServiceKind::StatefulSet => known(OF_SETS, &rolling.status.update_revision),
        ServiceKind::Rollout => known("rollouts-pod-template-hash", &rolling.status.current_pod_hash),
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => Ok(None),
    }
}

/// Templates and status stay on the server.
async fn metadata_only<T: DeserializeOwned>(site: &Site, path: &str) -> Result<T, Fault> {
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let response = site.api.send(Method::GET, path, &[("accept", accept)], Vec::new()).await?;
    decode(&response.into_body().collect().await?.to_bytes())
}

/// A ReplicaSet or a ControllerRevision.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Owned {
    metadata: Metadata,
    /// Of a ControllerRevision.
    revision: u64,
}

impl List<Owned> {
    fn newest(&self, owner: &str, revision: impl Fn(&Owned) -> u64) -> Option<&Owned> {
        let is_its = |owned: &&Owned| owned.metadata.owner_references.iter().any(|reference| reference.uid == owner);
        self.items.iter().filter(is_its).max_by_key(|owned| revision(owned))
    }
}

impl Owned {
    fn revision_of_set(&self) -> u64 {
        let number = self.metadata.annotations.get("deployment.kubernetes.io/revision");
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    fn label(&self, label: &'static str) -> Option<(&'static str, String)> {
        Some((label, self.metadata.labels.get(label)?.clone()))
    }
}

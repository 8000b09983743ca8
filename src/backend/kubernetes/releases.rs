//! The releases of a service: what its workload keeps of its past, and what Helm does. Nothing is written down for it.

mod lone;
mod pods;
mod replica_sets;
mod revisions;
mod row;
mod timeline;

use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use self::row::{ControllerRevision, ReplicaSet};
use self::row::{List, Metadata, Pod, Set};
use super::{
    Site,
    api::{Api, encoded},
    directory::Workload,
    fault::Fault,
    helm,
    pod::is_name,
};
use crate::{
    backend::mask,
    domain::{
        Difference, Release, ServiceId, ServiceKind,
        difference::differences,
        text::{clean, shorten},
    },
};

/// Pods that are asked what they really run. Of more, the rest run what these do.
const PODS: u32 = 250;
/// characters of what somebody said of a release
const SAID: usize = 200;

/// Newest first; the engine's own, then Helm's.
pub async fn of(site: &Site, service: &ServiceId) -> Result<Vec<Release>, Fault> {
    kept(&site.api, &workload(site, service)?).await
}

pub async fn kept(api: &Api, workload: &Workload) -> Result<Vec<Release>, Fault> {
    let (owner, mut found) = of_workload(api, workload).await?;
    name_restarts(&mut found);
    if let Some(owner) = owner {
        found.extend(helm::releases(api, &workload.namespace, &owner.annotations).await?);
    }
    Ok(found)
}

/// Which workload it is, fit to be asked about.
pub fn workload(site: &Site, service: &ServiceId) -> Result<Workload, Fault> {
    let unknown = || Fault::Garbled(format!("which workload {service} is has not been told").into());
    let workload = site.directory.find(service).ok_or_else(unknown)?;
    if is_name(&workload.namespace) && is_name(&workload.name) { Ok(workload) } else { Err(unknown()) }
}

/// What it says of itself, where it is an object of its own.
async fn of_workload(api: &Api, workload: &Workload) -> Result<(Option<Metadata>, Vec<Release>), Fault> {
    let place = Place { api, namespace: &workload.namespace };
    let set = |kind: &'static str| place.object::<Set>(kind, &workload.name);
    match workload.kind {
        ServiceKind::Deployment => {
            let deployment = set("/apis/apps/v1/namespaces/*/deployments").await?;
            let (sets, pods) = replica_sets(&place, &deployment, workload).await?;
            let stand = replica_sets::of_deployment;
            let mut found = replica_sets::releases(
                &replica_sets::DEPLOYMENT,
                &deployment,
                &sets,
                &pods,
                |set, running, release| {
                    stand(&deployment, set, running, release);
                },
            );
            tell_author(&deployment, &mut found);
            Ok((Some(deployment.metadata), found))
        }
        ServiceKind::Rollout => {
            let rollout = set("/apis/argoproj.io/v1alpha1/namespaces/*/rollouts").await?;
            let (sets, pods) = replica_sets(&place, &rollout, workload).await?;
            let mut found =
                replica_sets::releases(&replica_sets::ROLLOUT, &rollout, &sets, &pods, |_, running, release| {
                    release.healthy_since = running.all_ready_since();
                });
            replica_sets::of_rollout(&rollout, &sets, &mut found);
            tell_author(&rollout, &mut found);
            Ok((Some(rollout.metadata), found))
        }
        ServiceKind::StatefulSet | ServiceKind::DaemonSet => {
            let path = if workload.kind == ServiceKind::StatefulSet {
                "/apis/apps/v1/namespaces/*/statefulsets"
            } else {
                "/apis/apps/v1/namespaces/*/daemonsets"
            };
            let owner = set(path).await?;
            let selector = owner.spec.selector.text().unwrap_or_else(|| workload.selector.to_string());
            let (revisions, pods) = futures::try_join!(
                place.list::<ControllerRevision>("/apis/apps/v1/namespaces/*/controllerrevisions", &selector, None),
                place.pods(&selector),
            )?;
            let mut found = revisions::releases(workload.kind, &owner, &revisions, &pods);
            tell_author(&owner, &mut found);
            Ok((Some(owner.metadata), found))
        }
        ServiceKind::Job => {
            let job = set("/apis/batch/v1/namespaces/*/jobs").await?;
            let pods = place.pods(&job.spec.selector.text().unwrap_or_default()).await?;
            let release = lone::of_template(&job, &job.spec.template, &pods);
            Ok((Some(job.metadata), vec![release]))
        }
        ServiceKind::CronJob => {
            let job = match set("/apis/batch/v1/namespaces/*/cronjobs").await {
                // Served under its first version before 1.21.
                Err(fault) if fault.is_missing() => set("/apis/batch/v1beta1/namespaces/*/cronjobs").await?,
                answer => answer?,
            };
            let release = lone::of_template(&job, &job.spec.job_template["spec"]["template"], &[]);
            Ok((Some(job.metadata), vec![release]))
        }
        ServiceKind::Pod => {
            let pod = place.object::<Pod>("/api/v1/namespaces/*/pods", &workload.name).await?;
            let found = lone::of_pods(std::slice::from_ref(&pod)).into_iter().collect();
            Ok((Some(pod.metadata), found))
        }
        ServiceKind::Controlled => {
            let mut pods = place.pods(&workload.selector).await?;
            pods.retain(|pod| pod.metadata.owner_references.iter().any(|owner| owner.uid == *workload.uid));
            Ok((None, lone::of_pods(&pods).into_iter().collect()))
        }
        ServiceKind::ComposeService | ServiceKind::SwarmService | ServiceKind::Container => Ok((None, Vec::new())),
    }
}

async fn replica_sets(
    place: &Place<'_>,
    owner: &Set,
    workload: &Workload,
) -> Result<(Vec<ReplicaSet>, Vec<Pod>), Fault> {
    // A Rollout may leave it to the Deployment that it refers to.
    let selector = owner.spec.selector.text().unwrap_or_else(|| workload.selector.to_string());
    futures::try_join!(
        place.list::<ReplicaSet>("/apis/apps/v1/namespaces/*/replicasets", &selector, None),
        place.pods(&selector),
    )
}

struct Place<'a> {
    api: &'a Api,
    namespace: &'a str,
}

impl Place<'_> {
    /// `*` in a path stands for the namespace.
    async fn object<T: DeserializeOwned>(&self, kind: &str, name: &str) -> Result<T, Fault> {
        self.api.get(&format!("{}/{name}", kind.replace('*', self.namespace))).await
    }

    async fn list<T: DeserializeOwned>(&self, kind: &str, selector: &str, most: Option<u32>) -> Result<Vec<T>, Fault> {
        let selector = if selector.is_empty() { String::new() } else { format!("labelSelector={}", encoded(selector)) };
        let limit = most.map_or_else(String::new, |most| format!("&limit={most}"));
        let path = format!("{}?{selector}{limit}", kind.replace('*', self.namespace));
        Ok(self.api.get::<List<T>>(&path).await?.items)
    }

    /// A history is worth telling also to who may not see pods.
    async fn pods(&self, selector: &str) -> Result<Vec<Pod>, Fault> {
        match self.list("/api/v1/namespaces/*/pods", selector, Some(PODS)).await {
            Err(fault) if fault.is_denied() => Ok(Vec::new()),
            answer => answer,
        }
    }
}

/// Where nobody gave a cause, who changed the workload then.
fn tell_author(owner: &Set, found: &mut [Release]) {
    if let Some(newest) = found.first_mut().filter(|newest| newest.cause.is_none()) {
        newest.cause = replica_sets::author(&owner.metadata, newest.created).and_then(|author| said(&author));
    }
}

/// A release that differs from the one before by nothing but that somebody asked for new instances.
fn name_restarts(found: &mut [Release]) {
    for newer in 0..found.len().saturating_sub(1) {
        let (Some(is), Some(was)) = (&found[newer].outline, &found[newer + 1].outline) else { continue };
        let differences = differences(was, is);
        if !differences.is_empty() && differences.iter().all(Difference::is_restart) {
            let cause = found[newer].cause.take().map_or_else(String::new, |cause| format!(", {cause}"));
            found[newer].cause = Some(format!("restart{cause}").into());
        }
    }
}

/// What somebody wrote, harmless and short; nothing for nothing.
fn said(text: &str) -> Option<Arc<str>> {
    let text = mask::text(text.trim());
    (!text.is_empty()).then(|| shorten(&clean(&text), SAID).into())
}

#[cfg(test)]
mod lab;
#[cfg(test)]
mod tests;

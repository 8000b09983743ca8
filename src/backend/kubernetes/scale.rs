//! How many instances are wanted, and whether any of them is replaced now.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    Site,
    change::{Change, Made, gone_or_lost, make_so, refuse, same},
    directory::Workload,
    resolve::{self, resolve},
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, ServiceId, ServiceKind, Trouble},
};

/// `object`: the one that was planned for, where that was known.
pub async fn scale(
    site: &Site,
    service: &ServiceId,
    (to, object): (u32, Option<&Object>),
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not scale {service} to {to}");
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    let path = scalable_path(&workload, &what)?;
    let meant = object.map_or(&workload.uid, |object| &object.uid);
    progress(match scaled(site, &path, meant, to, &what).await? {
        Made::Now => "asked for",
        Made::Already => "it is so already",
    });
    Ok(())
}

/// Through its `/scale`, as everything that scales does it; a custom resource without one is changed itself.
pub async fn scaled(site: &Site, path: &str, uid: &str, to: u32, what: &str) -> Result<Made, StepError> {
    let decide = |found: &Value| {
        same(what, found, uid)?;
        // What is left out is one, and none in a Scale.
        let now = found["spec"]["replicas"].as_u64().unwrap_or(if found["kind"] == "Scale" { 0 } else { 1 });
        Ok((now != u64::from(to)).then(|| Change::Merge(json!({"spec": {"replicas": to}}))))
    };
    let scale = format!("{path}/scale");
    match site.api.get::<IgnoredAny>(&scale).await {
        Ok(_) => make_so(site, what, &scale, "", decide).await,
        Err(fault) if fault.is_missing() => make_so(site, what, path, "", decide).await,
        Err(fault) => Err(gone_or_lost(&fault, what)),
    }
}

fn scalable_path(workload: &Workload, what: &str) -> Result<String, StepError> {
    let Workload { kind, namespace, name, .. } = workload;
    match kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::Rollout => {
            resolve::path(*kind, namespace, name).ok_or_else(|| refuse(what, "its name is none of Kubernetes"))
        }
        ServiceKind::DaemonSet => Err(refuse(what, "a daemonset runs one on every machine that it selects")),
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => Err(refuse(what, format!("a {kind} cannot be scaled"))),
    }
}

pub async fn pause(
    site: &Site,
    service: &ServiceId,
    (paused, object): (bool, Option<&Object>),
    progress: &Progress,
) -> Result<(), StepError> {
    let word = if paused { "pause" } else { "resume" };
    let what = format!("could not {word} {service}");
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    let Workload { kind, namespace, name, uid, .. } = &workload;
    let path = match kind {
        ServiceKind::Deployment | ServiceKind::Rollout => resolve::path(*kind, namespace, name),
        ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => None,
    };
    let path = path.ok_or_else(|| refuse(&what, format!("a {kind} cannot be paused")))?;
    let decide = |found: &Value| {
        same(&what, found, object.map_or(uid, |object| &object.uid))?;
        let now = found["spec"]["paused"] == true;
        let waits = found["status"]["pauseConditions"].as_array().is_some_and(|conditions| !conditions.is_empty());
        if !paused && !now && waits {
            let trouble = Trouble::new(what.as_str(), "it was not paused: it waits at a step of its own");
            return Err(StepError::Failed(trouble.help("promote it, and it goes on")));
        }
        Ok((now != paused).then(|| Change::Merge(json!({"spec": {"paused": paused}}))))
    };
    progress(match make_so(site, &what, &path, "", decide).await? {
        Made::Now => "asked for",
        Made::Already => "it is so already",
    });
    Ok(())
}

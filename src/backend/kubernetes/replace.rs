//! Ends one pod for good, as its budget allows where one that serves is ended.

use std::time::{Duration, Instant};

use http::Method;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{
    Site,
    drain::{self, Evicted},
    fault::Fault,
    pod::Pod,
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{InstanceId, Trouble},
};

/// Between two looks at a pod that is ending.
const LOOK: Duration = Duration::from_millis(500);
/// Between two tries of what a budget forbids: as kubectl's drain does it.
const AGAIN: Duration = Duration::from_secs(5);
/// What a kubelet needs itself to end a pod and to say so.
const BEYOND_GRACE: u32 = 30;

#[derive(Deserialize)]
struct Ending {
    metadata: Metadata,
    #[serde(default)]
    status: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    #[serde(default)]
    owner_references: Vec<Owner>,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    #[serde(default)]
    controller: bool,
}

impl Ending {
    fn is_ready(&self) -> bool {
        let conditions = self.status["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    }
}

pub async fn replace(
    site: &Site,
    instance: &InstanceId,
    name: &str,
    (grace, alone): (u32, bool),
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not replace {name}");
    let lost = |fault: Fault| stopped(&fault, what.as_str());
    let pod = Pod::of(instance).map_err(lost)?;
    let began = Instant::now();
    let (mut is_asked, mut forbidden) = (false, None::<(Instant, String)>);
    while let Some(there) = look(site, &pod).await.map_err(lost)? {
        let is_due = forbidden.as_ref().is_none_or(|(tried, _)| tried.elapsed() >= AGAIN);
        if there.metadata.deletion_timestamp.is_none() && !is_asked && is_due {
            if !alone {
                refuse_without_controller(&there, &what)?;
            }
            forbidden = end(site, &pod, &there, &what).await?.map(|why| (Instant::now(), why));
            is_asked = forbidden.is_none();
        }
        let waited = began.elapsed().as_secs();
        if waited >= u64::from(grace.saturating_add(BEYOND_GRACE)) {
            let help = format!("kubectl -n {} describe pod {}", pod.namespace, pod.name);
            let (why, help) = match forbidden {
                Some((_, why)) => (format!("after {waited} s {why}"), "scale up what its budget protects".into()),
                None => (format!("after {waited} s it has not ended: its node may not answer"), help),
            };
            return Err(StepError::Failed(Trouble::new(what, why).help(help)));
        }
        progress(&match &forbidden {
            Some((_, why)) => format!("waits: {why}"),
            None => format!("ending, {waited} s of {grace} s"),
        });
        tokio::time::sleep(LOOK).await;
    }
    progress("has ended");
    Ok(())
}

/// `Some`: what forbids it for now. One that is not ready is missed by nobody, and no budget is asked; nor where that may not be asked.
async fn end(site: &Site, pod: &Pod<'_>, there: &Ending, what: &str) -> Result<Option<String>, StepError> {
    if !there.is_ready() {
        return delete(site, pod, what).await.map(|()| None);
    }
    let lost = |fault: Fault| stopped(&fault, what);
    let version = drain::eviction(site).await.map_err(lost)?;
    match drain::evict(site, (pod.namespace, pod.name, pod.uid), version).await {
        Ok(Evicted::Asked) => Ok(None),
        Ok(Evicted::Forbidden(why)) => Ok(Some(why)),
        Ok(Evicted::Never(why)) => Err(StepError::Failed(Trouble::new(what, why))),
        Err(fault) if fault.is_denied() || fault.is_missing() => delete(site, pod, what).await.map(|()| None),
        Err(fault) => Err(lost(fault)),
    }
}

/// `None` when it is gone; another pod of its name is another pod.
async fn look(site: &Site, pod: &Pod<'_>) -> Result<Option<Ending>, Fault> {
    match site.api.get::<Ending>(&pod.path()).await {
        Ok(there) => Ok(Some(there).filter(|there| there.metadata.uid == pod.uid)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The plan refused it by what was known then; the server is asked once more, since this cannot be taken back.
fn refuse_without_controller(pod: &Ending, what: &str) -> Result<(), StepError> {
    let why = match pod.metadata.owner_references.iter().find(|owner| owner.controller) {
        None => "it has no controller that would make it anew",
        Some(owner) if owner.kind == "Job" => "its job would take that for a failed try",
        Some(_) => return Ok(()),
    };
    Err(StepError::Failed(Trouble::new(what, why)))
}

/// Whatever its budget says.
pub async fn delete(site: &Site, pod: &Pod<'_>, what: &str) -> Result<(), StepError> {
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid}});
    match site.api.change::<IgnoredAny>(Method::DELETE, &pod.path(), "application/json", &options).await {
        Ok(_) | Err(Fault::Refused { code: 404 | 409, .. }) => Ok(()),
        Err(fault) => Err(stopped(&fault, what)),
    }
}

//! What Swarm is told to do with a service, and waiting until it has done it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    api::{Api, Id},
    fault::Fault,
    swarm::{self, UpdateState},
};
use crate::{
    backend::{Progress, StepError},
    domain::{ServiceId, Trouble},
};

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(60);

/// Swarm replaces every task when `ForceUpdate` counts up, by the service's own update rules; `docker service update --force` does this.
pub async fn redeploy(api: &Api, service: &ServiceId, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not redeploy {service}");
    let key = key_of(api, service, &what).await?;
    let count_up = |spec: &mut Value| {
        let count = spec["TaskTemplate"]["ForceUpdate"].as_u64().unwrap_or(0);
        spec["TaskTemplate"]["ForceUpdate"] = Value::from(count + 1);
        Ok(true)
    };
    update(api, &key, &what, count_up).await?;
    progress("update asked for");
    Ok(())
}

/// Only a service of so many replicas has a number: of a global one there is one on each node.
pub async fn scale(api: &Api, service: &ServiceId, to: u32, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not scale {service}");
    let Some(found) = swarm::find(api, service).await.map_err(|fault| fault.step(what.as_str()))? else {
        let trouble = Trouble::new(what, "it is no service of Swarm's, which alone is told a number");
        return Err(StepError::Failed(trouble.help("its containers are made and removed one by one")));
    };
    let number = |spec: &mut Value| match spec["Mode"].get_mut("Replicated").filter(|mode| mode.is_object()) {
        Some(replicated) => {
            let is_other = replicated["Replicas"] != to;
            replicated["Replicas"] = to.into();
            Ok(is_other)
        }
        None => Err(Trouble::new(what.as_str(), "one of it runs on each node").help("add or drain nodes instead")),
    };
    let is_asked = update(api, &found.key, &what, number).await?;
    progress(if is_asked { "asked for" } else { "is so already" });
    Ok(())
}

/// Sends back all that the engine said of it, but for what `change` makes of it; nothing where that says so.
async fn update(
    api: &Api,
    key: &str,
    what: &str,
    change: impl FnOnce(&mut Value) -> Result<bool, Trouble>,
) -> Result<bool, StepError> {
    let lost = |fault: Fault| fault.step(what);
    let mut raw = swarm::raw(api, key).await.map_err(lost)?;
    let Some(version) = raw["Version"]["Index"].as_u64() else {
        return Err(lost(Fault::Garbled("the service has no version".into())));
    };
    if !change(&mut raw["Spec"]).map_err(StepError::Failed)? {
        return Ok(false);
    }
    let path = format!("/services/{}/update?version={version}", Id::new(key).map_err(lost)?);
    api.post(&path, &raw["Spec"], PATIENCE).await.map_err(lost)?;
    Ok(true)
}

pub async fn await_rollout(api: &Api, service: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
    let what = format!("{service} was not rolled out");
    let key = key_of(api, service, &what).await?;
    let lost = |fault: Fault| fault.step(what.clone());
    let began = Instant::now();
    loop {
        let state = swarm::update_state(api, &key).await.map_err(lost)?;
        let (running, wanted) = swarm::progress(api, &key).await.map_err(lost)?;
        match state {
            Some((UpdateState::Completed, _)) | None if running >= wanted => return Ok(()),
            Some((UpdateState::Paused | UpdateState::RollingBack | UpdateState::RolledBack, message)) => {
                return Err(StepError::Failed(Trouble::new(what, message)));
            }
            Some((UpdateState::Completed | UpdateState::Updating, _)) | None => {}
        }
        let words = format!("{running} of {wanted} run");
        if began.elapsed() >= Duration::from_secs(u64::from(within)) {
            return Err(StepError::Failed(Trouble::new(what, format!("after {within} s: {words}"))));
        }
        progress(&words);
        tokio::time::sleep(LOOK).await;
    }
}

async fn key_of(api: &Api, service: &ServiceId, what: &str) -> Result<Arc<str>, StepError> {
    match swarm::find(api, service).await {
        Ok(Some(found)) => Ok(found.key),
        Ok(None) => Err(StepError::Failed(Trouble::new(what, "there is no such swarm service any more"))),
        Err(fault) => Err(fault.step(what)),
    }
}

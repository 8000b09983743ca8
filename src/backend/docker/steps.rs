//! Makes one step of a plan so. Doing it again, or when it is already so, is no error.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::query_parameters::{StartContainerOptions, StopContainerOptionsBuilder};
use serde_json::Value;

use super::{
    api::{Api, Id},
    container::{CheckState, Container},
    fault::Fault,
    swarm::{self, UpdateState},
    watch::inspect,
};
use crate::{
    backend::{Progress, StepError, exit},
    domain::{InstanceState, ServiceId, Trouble, text::shorten},
    plan::Step,
};

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(300);
/// The engine answers a stop when it is done: its grace, and what it needs itself.
const BEYOND_GRACE: Duration = Duration::from_secs(30);

pub async fn execute(api: Api, step: Step, progress: Progress) -> Result<(), StepError> {
    match step {
        Step::Stop { instance, name, grace } => stop(&api, &instance.key, &name, grace, &progress).await,
        Step::Start { instance, name } => start(&api, &instance.key, &name, &progress).await,
        Step::AwaitReady { instance, name, within, steady } => {
            let wait = Wait { key: &instance.key, name: &name, within, steady };
            wait.until_ready(&api, &progress).await
        }
        Step::Redeploy { service, .. } => redeploy(&api, &service, &progress).await,
        Step::Replace { name, .. } => {
            let trouble = Trouble::new(format!("could not replace {name}"), "Docker makes no other container for it");
            Err(StepError::Failed(trouble.help("restart it instead")))
        }
        Step::AwaitRollout { service, within } => await_rollout(&api, &service, within, &progress).await,
    }
}

async fn stop(api: &Api, key: &str, name: &str, grace: u32, progress: &Progress) -> Result<(), StepError> {
    let what = || format!("could not stop {name}");
    let id = Id::new(key).map_err(|fault| fault.step(what()))?;
    let container = look(api, key, &what()).await?;
    if is_down(&container.state) {
        progress("does not run");
        return Ok(());
    }
    // The plan refused it by what was known then; the engine is asked once more, since this cannot be taken back.
    if container.is_removed_when_stopped {
        let trouble = Trouble::new(what(), "it was run with --rm, so stopping it would remove it for good");
        return Err(StepError::Failed(trouble.help(format!("if it may go: docker stop {name}"))));
    }
    let signal = container.stop_signal.as_deref().unwrap_or("SIGTERM");
    progress(&format!("{signal}, up to {grace} s"));
    let options = StopContainerOptionsBuilder::new().t(i32::try_from(grace).unwrap_or(i32::MAX)).build();
    let docker = api.docker().with_timeout(Duration::from_secs(u64::from(grace)) + BEYOND_GRACE);
    docker.stop_container(id.as_str(), Some(options)).await.map_err(|error| Fault::from(error).step(what()))?;
    // A container that restarts may have been between two runs when the engine took the stop.
    let container = look(api, key, &what()).await?;
    if is_down(&container.state) {
        progress(&ended(&container));
        Ok(())
    } else {
        Err(StepError::Failed(Trouble::new(what(), "it still runs after the engine said that it had stopped it")))
    }
}

async fn start(api: &Api, key: &str, name: &str, progress: &Progress) -> Result<(), StepError> {
    let what = || format!("could not start {name}");
    let id = Id::new(key).map_err(|fault| fault.step(what()))?;
    let docker = api.docker().with_timeout(BEYOND_GRACE * 2);
    match docker.start_container(id.as_str(), None::<StartContainerOptions>).await.map_err(Fault::from) {
        Ok(()) => {
            progress("started");
            Ok(())
        }
        Err(fault @ Fault::Refused { status: 409, .. }) => {
            // Paused: the engine calls that running and refuses to start it.
            let help = "is it paused? docker unpause brings it back";
            Err(StepError::Failed(fault.trouble(what()).help(help)))
        }
        Err(fault) => Err(fault.step(what())),
    }
}

struct Wait<'a> {
    key: &'a str,
    name: &'a str,
    within: u32,
    steady: u32,
}

impl Wait<'_> {
    async fn until_ready(&self, api: &Api, progress: &Progress) -> Result<(), StepError> {
        let what = format!("{} is not ready", self.name);
        let began = Instant::now();
        // (restarts, start) of the run that is watched: another one means that it ended meanwhile.
        let mut run = None;
        let mut steady_since = Instant::now();
        let mut last_words = String::new();
        loop {
            let container = look(api, self.key, &what).await?;
            if is_down(&container.state) {
                return Err(self.failed(&what, &ended(&container), &container));
            }
            let this_run = (container.restarts, container.started);
            if run != Some(this_run) {
                if run.is_some() && container.check.is_none() {
                    return Err(self.failed(&what, "it ended and was restarted", &container));
                }
                run = Some(this_run);
                steady_since = Instant::now();
            }
            let words = match self.verdict(&container, steady_since.elapsed()) {
                Ok(()) => return Ok(()),
                Err(words) => words,
            };
            if began.elapsed() >= Duration::from_secs(u64::from(self.within)) {
                let why = format!("after {} s: {words}", self.within);
                return Err(self.failed(&what, &why, &container));
            }
            if words != last_words {
                progress(&words);
                last_words = words;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is still waited for, in words.
    fn verdict(&self, container: &Container, steady: Duration) -> Result<(), String> {
        match (&container.state, &container.check) {
            (InstanceState::Running, Some(check)) => match check.state {
                CheckState::Healthy => Ok(()),
                CheckState::Starting => Err("health: starting".into()),
                CheckState::Unhealthy => Err(format!("health: failed {} in a row", check.streak)),
            },
            (InstanceState::Running, None) if steady >= Duration::from_secs(u64::from(self.steady)) => Ok(()),
            (InstanceState::Running, None) => Err(format!("runs for {} of {} s", steady.as_secs(), self.steady)),
            (state, _) => Err(state.word().into()),
        }
    }

    fn failed(&self, what: &str, why: &str, container: &Container) -> StepError {
        let trouble = Trouble::new(what, why);
        StepError::Failed(
            match container.check.as_ref().map(|check| &check.output).filter(|output| !output.is_empty()) {
                Some(output) => trouble.help(format!("its health check said: {}", shorten(output, 300))),
                None => trouble
                    .help(format!("the last lines of its log usually say why: docker logs --tail 50 {}", self.name)),
            },
        )
    }
}

async fn look(api: &Api, key: &str, what: &str) -> Result<Container, StepError> {
    inspect(api, key).await.map_err(|fault| match fault {
        fault if fault.is_not_found() => StepError::Failed(Trouble::new(what, "there is no such container any more")),
        fault => fault.step(what),
    })
}

/// Also while the engine waits to start it again it has to be stopped.
fn is_down(state: &InstanceState) -> bool {
    match state {
        InstanceState::Exited { .. } | InstanceState::Dead | InstanceState::Created | InstanceState::Removing => true,
        InstanceState::Running | InstanceState::Paused | InstanceState::Restarting { .. } => false,
    }
}

fn ended(container: &Container) -> String {
    match container.state {
        InstanceState::Exited { exit_code, out_of_memory } => {
            format!("it ended: {}", exit::words(exit_code, out_of_memory, container.limits.memory))
        }
        ref state => format!("it is {}", state.word()),
    }
}

/// Swarm replaces every task when `ForceUpdate` counts up, by the service's own update rules; `docker service update --force` does this.
async fn redeploy(api: &Api, service: &ServiceId, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not redeploy {service}");
    let key = key_of(api, service, &what).await?;
    let lost = |fault: Fault| fault.step(what.clone());
    let raw = swarm::raw(api, &key).await.map_err(lost)?;
    let version = raw["Version"]["Index"].as_i64().and_then(|version| i32::try_from(version).ok());
    let Some(version) = version else { return Err(lost(Fault::Garbled("the service has no version".into()))) };
    let mut spec = raw["Spec"].clone();
    let count = spec["TaskTemplate"]["ForceUpdate"].as_u64().unwrap_or(0);
    spec["TaskTemplate"]["ForceUpdate"] = Value::from(count + 1);
    let spec = serde_json::from_value(spec).map_err(|error| lost(Fault::Garbled(error.to_string().into())))?;
    let id = Id::new(&key).map_err(lost)?;
    let options = bollard::query_parameters::UpdateServiceOptionsBuilder::new().version(version).build();
    api.docker().update_service(id.as_str(), spec, options, None).await.map_err(|error| lost(Fault::from(error)))?;
    progress("update asked for");
    Ok(())
}

async fn await_rollout(api: &Api, service: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
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
        tokio::time::sleep(LOOK * 2).await;
    }
}

async fn key_of(api: &Api, service: &ServiceId, what: &str) -> Result<Arc<str>, StepError> {
    match swarm::find(api, service).await {
        Ok(Some(found)) => Ok(found.key),
        Ok(None) => Err(StepError::Failed(Trouble::new(what, "there is no such swarm service any more"))),
        Err(fault) => Err(fault.step(what)),
    }
}

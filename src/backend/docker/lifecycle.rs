//! Stops and starts containers, and waits until they are ready. Doing it again, or when it is already so, is no error.

use std::time::{Duration, Instant};

use bollard::query_parameters::{StartContainerOptions, StopContainerOptionsBuilder};
use serde_json::json;

use super::{
    api::{Api, Id},
    container::{CheckState, Container},
    fault::Fault,
    find,
    watch::inspect,
};
use crate::{
    backend::{Progress, StepError, exit},
    domain::{InstanceState, RestartPolicy, Trouble, text::shorten},
};

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(300);
/// The engine answers a stop when it is done: its grace, and what it needs itself.
const BEYOND_GRACE: Duration = Duration::from_secs(30);

pub async fn stop(api: &Api, key: &str, name: &str, grace: u32, progress: &Progress) -> Result<(), StepError> {
    let what = || format!("could not stop {name}");
    let Some(key) = find::id(api, key).await.map_err(|fault| fault.step(what()))? else {
        // What a plan made and took away again does not run.
        progress("is not there");
        return Ok(());
    };
    let id = Id::new(&key).map_err(|fault| fault.step(what()))?;
    let container = look(api, &key, &what()).await?;
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
    let container = look(api, &key, &what()).await?;
    if is_down(&container.state) {
        progress(&ended(&container));
        Ok(())
    } else {
        Err(StepError::Failed(Trouble::new(what(), "it still runs after the engine said that it had stopped it")))
    }
}

pub async fn start(api: &Api, key: &str, name: &str, progress: &Progress) -> Result<(), StepError> {
    let what = || format!("could not start {name}");
    let key = known(api, key, &what()).await?;
    let id = Id::new(&key).map_err(|fault| fault.step(what()))?;
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

pub async fn set_policy(
    api: &Api,
    key: &str,
    name: &str,
    policy: &RestartPolicy,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not change what restarts {name}");
    let Some(id) = find::id(api, key).await.map_err(|fault| fault.step(what.as_str()))? else {
        progress("is not there");
        return Ok(());
    };
    let body = json!({"RestartPolicy": {"Name": &*policy.name, "MaximumRetryCount": policy.tries}});
    match api.post(&format!("/containers/{id}/update"), &body, BEYOND_GRACE).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_not_found() => {
            progress("is not there");
            Ok(())
        }
        Err(fault) => Err(fault.step(what)),
    }
}

pub struct Wait<'a> {
    pub key: &'a str,
    pub name: &'a str,
    pub within: u32,
    pub steady: u32,
}

impl Wait<'_> {
    pub async fn until_ready(&self, api: &Api, progress: &Progress) -> Result<(), StepError> {
        let what = format!("{} is not ready", self.name);
        let key = known(api, self.key, &what).await?;
        let began = Instant::now();
        // (restarts, start) of the run that is watched: another one means that it ended meanwhile.
        let mut run = None;
        let mut steady_since = Instant::now();
        let mut last_words = String::new();
        loop {
            let container = look(api, &key, &what).await?;
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

/// The engine's id of it.
async fn known(api: &Api, key: &str, what: &str) -> Result<String, StepError> {
    match find::id(api, key).await {
        Ok(Some(id)) => Ok(id),
        Ok(None) => {
            Err(StepError::Failed(Trouble::new(what, "there is no such container: it was not made, or is gone")))
        }
        Err(fault) => Err(fault.step(what)),
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

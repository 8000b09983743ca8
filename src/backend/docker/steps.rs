//! Makes one step of a plan so. Doing it again, or when it is already so, is no error.

use super::{
    api::Api,
    evidence::DockerEvidence,
    history::{self, Writing},
    join,
    lifecycle::{self, Wait},
    make::{self, Order},
    swarm_steps, upstream,
};
use crate::{
    backend::{Progress, StepError, WITHOUT_VELERO, gate::Look, not_an_engines},
    domain::Trouble,
    plan::Step,
};

pub async fn execute(api: Api, step: Step, progress: Progress) -> Result<(), StepError> {
    let refused = |why: &str, help: &str| {
        let what = format!("could not {}", step.title());
        Err(StepError::Failed(Trouble::new(what, why).help(help)))
    };
    match &step {
        Step::Stop { instance, name, grace } => lifecycle::stop(&api, &instance.key, name, *grace, &progress).await,
        Step::Start { instance, name } => lifecycle::start(&api, &instance.key, name, &progress).await,
        Step::AwaitReady { instance, name, within, steady } => {
            let wait = Wait { key: &instance.key, name, within: *within, steady: *steady };
            wait.until_ready(&api, &progress).await
        }
        Step::Make { instance, name, like, recipe, stamp } => {
            let order = Order {
                instance: instance.clone(),
                name: name.to_string(),
                like: like.clone(),
                recipe: recipe.clone(),
                stamp: stamp.clone(),
            };
            make::make(&api, order, &progress).await
        }
        Step::Join { instance, name, like } => join::join(&api, &instance.key, name, &like.key, &progress).await,
        Step::Policy { instance, name, policy } => {
            lifecycle::set_policy(&api, &instance.key, name, policy, &progress).await
        }
        Step::Rename { instance, name, to } => join::rename(&api, &instance.key, name, to, &progress).await,
        Step::Remove { instance, name } => join::remove(&api, &instance.key, name, &progress).await,
        Step::Record { service, release, like, keep, stamp } => {
            let writing = Writing {
                service: service.clone(),
                release: *release,
                like: like.clone(),
                keep: *keep,
                stamp: stamp.clone(),
            };
            history::record(&api, writing, &progress).await
        }
        Step::Redeploy { service, .. } => swarm_steps::redeploy(&api, service, &progress).await,
        Step::AwaitRollout { service, within, .. } => {
            swarm_steps::await_rollout(&api, service, *within, &progress).await
        }
        Step::Scale { service, to, .. } => swarm_steps::scale(&api, service, *to, &progress).await,
        Step::Shift { route, to, .. } => upstream::shift(&api, route, to, &progress).await,
        Step::Gate { service, gate, new, old } => {
            let evidence = DockerEvidence { api, cluster: service.cluster.clone() };
            Look { evidence: &evidence, new, old, progress: &progress }.judge(gate).await
        }
        Step::Replace { .. } => refused("Docker makes no other container for it", "restart it instead"),
        Step::Update { .. } | Step::Return { .. } | Step::MakeSet { .. } | Step::DiscardSet { .. } => refused(
            "Docker keeps no definition of a service that could be changed",
            "roll it out: its containers are made anew, one by one",
        ),
        Step::Helm { .. } => refused("Helm rolls out on Kubernetes only", "go back to a release that this host keeps"),
        Step::Pause { .. } | Step::Steer { .. } => refused(
            "a rollout on Docker is an operation of midwatch, and no engine's",
            "tell the operation to wait, go on or stop",
        ),
        Step::Data(_) => Err(StepError::Failed(not_an_engines())),
        Step::Velero { .. } => refused(WITHOUT_VELERO, "its services are backed up one by one: midwatch backup"),
        Step::Cordon { .. } | Step::Drain { .. } => {
            refused("a Docker host is one machine", "stop its services instead, one by one")
        }
    }
}

//! Which rights the steps of a plan for Kubernetes need: what is missing is told before anything is done, also for the way back.

use std::collections::BTreeSet;

use super::{Plan, Refusal, Situation, Step};
use crate::domain::{Route, ServiceKind};

/// By what the engine was asked; where it was not, it says no itself.
pub(super) fn check(situation: &Situation<'_>, plan: Plan) -> Result<Plan, Refusal> {
    let Some(means) = situation.known_means().filter(|means| !means.denied.is_empty()) else { return Ok(plan) };
    let kind = situation.service.kind;
    let all = plan.steps().flat_map(|planned| std::iter::once(&planned.step).chain(&planned.undo));
    let needed: BTreeSet<&str> = all.flat_map(|step| needs(step, kind)).collect();
    let missing: Vec<&str> = needed.into_iter().filter(|right| means.denied.contains(*right)).collect();
    if missing.is_empty() {
        return Ok(plan);
    }
    let scope = &situation.service.id.scope;
    let why = format!("you may not {} in {scope} (asked of the server), and this needs it", missing.join(", nor "));
    Err(Refusal::new(why).help("ask who manages the cluster for these rights, or choose another strategy"))
}

/// As `backend::kubernetes::access` asks for them. Not a lease's: who may not have one is told so, and goes on.
fn needs(step: &Step, kind: ServiceKind) -> Vec<&'static str> {
    match step {
        Step::Update { .. } | Step::Redeploy { .. } | Step::Pause { .. } => patch(kind),
        Step::Return { .. } if kind == ServiceKind::StatefulSet => [patch(kind), vec!["delete pods"]].concat(),
        Step::Return { .. } => patch(kind),
        Step::Replace { .. } => vec!["delete pods"],
        Step::Scale { .. } => scale(kind),
        Step::MakeSet { front, .. } => match front {
            Some(_) => vec!["create deployments.apps", "create services", "delete services"],
            None => vec!["create deployments.apps"],
        },
        Step::DiscardSet { .. } => vec!["delete deployments.apps"],
        Step::Shift { route, .. } => match route {
            Route::Selector { .. } => vec!["patch services"],
            Route::HttpRoute { .. } => vec!["patch httproutes.gateway.networking.k8s.io"],
            Route::Ingress { .. } => vec![
                "create ingresses.networking.k8s.io",
                "patch ingresses.networking.k8s.io",
                "delete ingresses.networking.k8s.io",
            ],
            Route::Upstream { .. } | Route::Lookup { .. } => Vec::new(),
        },
        // Offered by a right of their own, Helm's, Velero's, or a container's.
        Step::Data(_)
        | Step::Velero { .. }
        | Step::Steer { .. }
        | Step::Cordon { .. }
        | Step::Drain { .. }
        | Step::Helm { .. }
        | Step::Stop { .. }
        | Step::Start { .. }
        | Step::AwaitReady { .. }
        | Step::AwaitRollout { .. }
        | Step::Make { .. }
        | Step::Join { .. }
        | Step::Rename { .. }
        | Step::Policy { .. }
        | Step::Remove { .. }
        | Step::Record { .. }
        | Step::Gate { .. } => Vec::new(),
    }
}

fn patch(kind: ServiceKind) -> Vec<&'static str> {
    match kind {
        ServiceKind::Deployment => vec!["patch deployments.apps"],
        ServiceKind::StatefulSet => vec!["patch statefulsets.apps"],
        ServiceKind::DaemonSet => vec!["patch daemonsets.apps"],
        ServiceKind::Rollout => vec!["patch rollouts.argoproj.io"],
        ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => Vec::new(),
    }
}

fn scale(kind: ServiceKind) -> Vec<&'static str> {
    match kind {
        ServiceKind::Deployment => vec!["patch deployments.apps/scale"],
        ServiceKind::StatefulSet => vec!["patch statefulsets.apps/scale"],
        // Served or not: then it is patched itself.
        ServiceKind::Rollout
        | ServiceKind::DaemonSet
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => Vec::new(),
    }
}

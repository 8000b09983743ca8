//! Restarting what an orchestrator runs: it is asked to replace instances by like ones, and does so by its own rules.

use std::sync::Arc;

use super::restart::{common_warnings, is_ready, objects};
use crate::{
    domain::{Instance, InstanceState, Orchestration, Service, ServiceKind},
    plan::{Explanation, Plan, Planned, Refusal, Situation, Stage, Step, Target, rollout::orchestrated::pins},
};

/// What an orchestrator is given at the least, and for each instance, in seconds.
const WITHIN: u32 = 180;
const EACH: u32 = 60;

pub(super) fn restart(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    refuse_kind(situation)?;
    let service = situation.service;
    let is_paused = orchestration(service).is_some_and(|orchestration| orchestration.paused);
    match &situation.request.target {
        Target::Service(id) if is_paused && service.kind == ServiceKind::Deployment => {
            let what = format!("{} is paused: nothing of it is replaced until it is resumed", situation.subject());
            Err(Refusal::new(what).help(format!("kubectl -n {} rollout resume deployment/{}", id.scope, id.name)))
        }
        Target::Service(_) => whole(situation),
        Target::Instance(_) => one(situation),
    }
}

/// What nothing would make anew, or not as somebody who restarts it wants it.
fn refuse_kind(situation: &Situation<'_>) -> Result<(), Refusal> {
    let (service, subject) = (situation.service, situation.subject());
    let (name, scope) = (&service.id.name, &service.id.scope);
    let refusal = match service.kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout => {
            return Ok(());
        }
        ServiceKind::SwarmService => match situation.request.target {
            Target::Service(_) => return Ok(()),
            Target::Instance(_) => {
                Refusal::new("its orchestrator replaces instances as it sees fit").help("restart the whole service")
            }
        },
        ServiceKind::Job => Refusal::new(format!("{subject} is a job: it runs to its end, once"))
            .help("to run it again, delete it and make it anew from its manifest"),
        ServiceKind::CronJob => Refusal::new(format!("{subject} is a cronjob: it begins jobs by its schedule"))
            .help(format!("to begin one now: kubectl -n {scope} create job {name}-by-hand --from=cronjob/{name}")),
        ServiceKind::Controlled => Refusal::new(format!("{subject} belongs to the controller {name}"))
            .help("how that restarts its pods is its own matter: see its documentation"),
        ServiceKind::Pod => Refusal::new(format!("{subject} is a lone pod: nothing makes it anew when it ends"))
            .help("to restart it, delete it and make it anew from its manifest"),
        ServiceKind::ComposeService | ServiceKind::Container => return Ok(()),
    };
    Err(refusal)
}

fn whole(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    let service = situation.service;
    if service.wanted == 0 {
        return Err(
            Refusal::new(format!("nothing of {} is wanted now", situation.subject())).help("scale it up instead")
        );
    }
    let within = WITHIN.max(service.wanted.saturating_mul(EACH));
    let (id, name) = (&service.id, &service.id.name);
    let object = situation.whatever_object();
    let ask = Step::Redeploy { service: id.clone(), asked: None, cause: None, object };
    let mut stages = Vec::from_iter(situation.known_means().and_then(|means| pins::let_go(id, means)));
    stages.push(Stage { title: name.clone(), steps: vec![Planned::new(ask), rolled_out(situation, within)] });
    let explains = Explanation {
        objects: vec![format!("{} {name}, {} of {} ready", service.kind, service.ready, service.wanted).into()],
        how: Vec::new(),
        promises: vec![update_rules(service.kind).into()],
        warnings: situation
            .known_means()
            .and_then(pins::warning)
            .into_iter()
            .chain(warnings_of_all(situation))
            .collect(),
        undo: vec!["once the orchestrator was asked, it goes on by itself: there is nothing to take back".into()],
    };
    Ok(situation.plan(stages, explains))
}

fn one(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    let [instance] = situation.instances.as_slice() else {
        return Err(Refusal::new(format!("which instance of {} is not known", situation.subject())));
    };
    if instance.state == InstanceState::Removing {
        return Err(Refusal::new(format!("{} is being removed already", instance.name)));
    }
    let (name, grace) = (instance.name.clone(), instance.stop_timeout);
    let replace =
        Planned::new(Step::Replace { instance: instance.id.clone(), name: name.clone(), grace, alone: false });
    let steps = vec![replace, rolled_out(situation, WITHIN.saturating_add(grace))];
    let explains = Explanation {
        objects: objects(&situation.instances),
        how: Vec::new(),
        promises: vec![
            format!("{} makes a like one for it", situation.service.kind).into(),
            "no other instance is touched".into(),
        ],
        warnings: warnings_of_one(situation, instance),
        undo: vec![
            "once it was asked to end, there is nothing to take back".into(),
            "what it held in memory and on a disk of its own is gone".into(),
        ],
    };
    Ok(situation.plan(vec![Stage { title: name, steps }], explains))
}

fn rolled_out(situation: &Situation<'_>, within: u32) -> Planned {
    Planned::new(Step::AwaitRollout { service: situation.service.id.clone(), within, wants: None })
}

fn update_rules(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::StatefulSet => "its own update strategy says how: by default one at a time, the last one first",
        ServiceKind::DaemonSet => "its own update strategy says how: by default on one node after the other",
        ServiceKind::Deployment
        | ServiceKind::Rollout
        | ServiceKind::SwarmService
        | ServiceKind::ComposeService
        | ServiceKind::Container
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => "its own update rules say how many are replaced at a time",
    }
}

fn warnings_of_all(situation: &Situation<'_>) -> Vec<Arc<str>> {
    let service = situation.service;
    let mut warnings = common_warnings(situation);
    if service.wanted == 1 && service.kind == ServiceKind::StatefulSet {
        warnings.push("nobody answers meanwhile: it has one instance".into());
    }
    if service.wanted == 1 && service.kind == ServiceKind::Deployment {
        warnings.push("it has one instance: with the strategy Recreate nobody answers meanwhile".into());
    }
    if service.health.is_broken() {
        warnings.push(format!("it is {} already: a restart may not cure it", service.health.word()).into());
    }
    if let Some(budget) = orchestration(service).and_then(|orchestration| orchestration.budget.as_ref()) {
        warnings.push(format!("the budget {} ({}) holds for drains, not for this", budget.name, budget.says).into());
    }
    warnings
}

fn warnings_of_one(situation: &Situation<'_>, instance: &Instance) -> Vec<Arc<str>> {
    let service = situation.service;
    let mut warnings = common_warnings(situation);
    let all = situation.inventory.instances_of(&service.id);
    match all.into_iter().filter(|other| other.id != instance.id && is_ready(other)).count() {
        0 if is_ready(instance) => warnings.push("nobody answers meanwhile: it is the only one ready".into()),
        0 => {}
        left => warnings.push(format!("{left} of {} stay ready", service.wanted).into()),
    }
    if instance.health.is_broken() {
        let (name, word) = (&instance.name, instance.health.word());
        warnings.push(format!("{name} is {word} already: a restart may not cure it").into());
    }
    let budget = orchestration(service).and_then(|orchestration| orchestration.budget.as_ref());
    if let Some(budget) = budget.filter(|budget| budget.disruptions_allowed == 0 && is_ready(instance)) {
        let (name, says) = (&budget.name, &budget.says);
        warnings.push(
            format!(
                "the budget {name} ({says}) lets none go now: it is waited for, and if it never does, nothing is ended"
            )
            .into(),
        );
    }
    warnings
}

fn orchestration(service: &Service) -> Option<&Orchestration> {
    service.orchestration.as_deref()
}

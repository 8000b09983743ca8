//! Ending one instance for good.

use std::sync::Arc;

use super::{Explanation, Plan, Planned, Refusal, Situation, Stage, Step, Target, restart, wish::WITHIN};
use crate::domain::{Instance, InstanceState, ServiceKind};

pub(super) fn delete(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    let instance = match (&situation.request.target, situation.instances.as_slice()) {
        (Target::Instance(_), [instance]) => *instance,
        (Target::Instance(_) | Target::Service(_), _) => {
            return Err(Refusal::new(format!(
                "all of {} is not deleted from here: one instance is",
                situation.subject()
            ))
            .help("name the instance; for none of it, scale it to 0 or stop it"));
        }
    };
    if instance.state == InstanceState::Removing {
        return Err(Refusal::new(format!("{} is being removed already", instance.name)));
    }
    match situation.service.kind {
        ServiceKind::ComposeService | ServiceKind::Container => Ok(container(situation, instance)),
        ServiceKind::SwarmService => Err(Refusal::new("its orchestrator ends instances as it sees fit")
            .help(format!("docker service update --force {} replaces all of them", situation.service.id.name))),
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => Ok(pod(situation, instance)),
    }
}

fn pod(situation: &Situation<'_>, pod: &Instance) -> Plan {
    let service = situation.service;
    let (name, grace) = (pod.name.clone(), pod.stop_timeout);
    let alone = service.kind == ServiceKind::Pod;
    let mut steps = vec![Planned::new(Step::Replace { instance: pod.id.clone(), name: name.clone(), grace, alone })];
    let is_waited_for = matches!(
        service.kind,
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout
    );
    if is_waited_for {
        let within = WITHIN.saturating_add(grace);
        steps.push(Planned::new(Step::AwaitRollout { service: service.id.clone(), within, wants: None }));
    }
    let mut warnings = restart::common_warnings(situation);
    if alone {
        warnings.push("nothing makes it anew: it is a pod of its own".into());
    }
    warnings.extend(left(situation, pod));
    let budget = situation.orchestration().and_then(|orchestration| orchestration.budget.as_ref());
    if let Some(budget) = budget.filter(|budget| budget.disruptions_allowed == 0 && restart::is_ready(pod)) {
        warnings.push(
            format!(
                "the budget {} ({}) lets none go now: it is waited for, and if it never does, nothing is ended",
                budget.name, budget.says
            )
            .into(),
        );
    }
    let mut promises: Vec<Arc<str>> = vec!["no other instance is touched".into()];
    if !alone {
        promises.push(format!("the {} makes a like one if it wants one", service.kind).into());
    }
    let explains = Explanation {
        objects: restart::objects(&situation.instances),
        how: vec![format!("it is asked to end, and given {grace} s for it").into()],
        promises,
        warnings,
        undo: vec![
            "once it was asked to end, there is nothing to take back".into(),
            "what it held in memory and on a disk of its own is gone".into(),
        ],
    };
    situation.plan(vec![Stage { title: name, steps }], explains)
}

fn container(situation: &Situation<'_>, instance: &Instance) -> Plan {
    let service = situation.service;
    let (id, name) = (instance.id.clone(), instance.name.clone());
    let mut stop = restart::stopping(instance);
    if instance.is_removed_when_stopped {
        stop.undo.clear();
    }
    let remove = Planned::tidying(Step::Remove { instance: id, name: name.clone() });
    let steps = vec![stop, remove];
    let mut warnings = restart::common_warnings(situation);
    warnings.push(if service.kind == ServiceKind::ComposeService {
        format!("one fewer of {}, until docker compose up brings it back", service.id.name).into()
    } else {
        format!("nothing makes {name} anew: how it was made is gone with it").into()
    });
    warnings.extend(left(situation, instance));
    warnings.push("its logs and what it wrote outside of volumes are gone".into());
    let mut undo: Vec<Arc<str>> = Vec::new();
    if !instance.is_removed_when_stopped {
        undo.push("until it is removed: it is started again".into());
    }
    undo.push("once it is removed, there is no way back".into());
    let explains = Explanation {
        objects: restart::objects(&situation.instances),
        how: vec!["it is stopped, then removed".into()],
        promises: vec!["no other instance is touched".into(), "named volumes stay".into()],
        warnings,
        undo,
    };
    situation.plan(vec![Stage { title: name, steps }], explains)
}

fn left(situation: &Situation<'_>, instance: &Instance) -> Option<Arc<str>> {
    let service = situation.service;
    let others = situation.inventory.instances_of(&service.id);
    match others.into_iter().filter(|other| other.id != instance.id && restart::is_ready(other)).count() {
        0 if restart::is_ready(instance) => Some("nobody answers meanwhile: it is the only one ready".into()),
        0 => None,
        left => Some(format!("{left} of {} stay ready", service.wanted).into()),
    }
}

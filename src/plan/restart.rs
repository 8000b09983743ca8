//! Restart, stop and start.

use std::sync::Arc;

use crate::{
    domain::{Health, Instance, InstanceState},
    plan::{Explanation, Plan, Planned, Refusal, Situation, Stage, Step, redeploy},
};

/// How long something with a health check may take to say that it is healthy, in seconds.
const HEALTHY_WITHIN: u32 = 120;
/// Without a health check, having run for this long is all that can be asked, in seconds.
pub(super) const STEADY: u32 = 5;
const STEADY_WITHIN: u32 = 30;

pub(super) fn restart(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    if situation.is_orchestrated() {
        return redeploy::restart(situation);
    }
    let (mut runs, rest): (Vec<_>, Vec<_>) =
        situation.instances.iter().copied().partition(|instance| is_wanted(instance));
    if runs.is_empty() {
        return Err(Refusal::new(format!("nothing of {} runs", situation.subject())).help("start it instead"));
    }
    refuse_removed(&runs)?;
    // What is broken loses nothing by a restart, and when it comes back, there is one more to serve while the good ones have their turn.
    runs.sort_by_key(|instance| rank(instance));

    let stages = runs.iter().map(|instance| stage(instance, again(instance)));
    let explains = Explanation {
        objects: objects(&runs),
        how: Vec::new(),
        promises: restart_promises(situation, &runs),
        warnings: restart_warnings(situation, &runs, &rest),
        undo: vec![
            "stopped or failed midway: what was just stopped is started again, and nothing further is touched".into(),
            "what a process held in memory cannot be brought back".into(),
        ],
    };
    Ok(situation.plan(stages.collect(), explains))
}

pub(super) fn stop(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    refuse_orchestrated(situation)?;
    let runs: Vec<_> = situation.instances.iter().copied().filter(|instance| has_process(instance)).collect();
    if runs.is_empty() {
        return Err(Refusal::new(format!("nothing of {} runs", situation.subject())));
    }
    refuse_removed(&runs)?;
    let mut warnings = common_warnings(situation);
    let others_ready = situation
        .inventory
        .instances_of(&situation.service.id)
        .into_iter()
        .filter(|instance| is_ready(instance) && !runs.iter().any(|stopped| stopped.id == instance.id));
    match others_ready.count() {
        0 => warnings.push("nobody answers until it is started again".into()),
        left => warnings.push(format!("{left} of {} stay ready", situation.service.wanted).into()),
    }
    let explains = Explanation {
        objects: objects(&runs),
        how: Vec::new(),
        promises: vec!["nothing is removed: its data, settings and logs stay".into()],
        warnings,
        undo: vec!["stopped or failed midway: what was stopped is started again".into()],
    };
    let stages = runs.iter().map(|instance| stage(instance, vec![stopping(instance)]));
    Ok(situation.plan(stages.collect(), explains))
}

pub(super) fn start(situation: &Situation<'_>) -> Result<Plan, Refusal> {
    refuse_orchestrated(situation)?;
    let idle: Vec<_> = situation.instances.iter().copied().filter(|instance| can_start(instance)).collect();
    if idle.is_empty() {
        return Err(match situation.instances.len() {
            0 => Refusal::new(format!("{} has no instances that could be started", situation.subject())),
            _ => Refusal::new(format!("all of {} runs already", situation.subject())).help("restart it instead"),
        });
    }
    let is_job = situation.is_meant_to_end();
    let stages = idle.iter().map(|instance| {
        let Planned { step, .. } = starting(instance);
        let undo = if instance.is_removed_when_stopped { Vec::new() } else { vec![stop_step(instance)] };
        let begin = Planned::new(step).undone_by(undo);
        stage(instance, if is_job { vec![begin] } else { vec![begin, ready(instance)] })
    });
    let mut warnings = protected(situation);
    warnings.extend(troubled_dependencies(situation));
    for instance in idle.iter().filter(|instance| instance.is_removed_when_stopped) {
        warnings
            .push(format!("{} is removed when it ends: once started, it is not stopped again", instance.name).into());
    }
    if is_job {
        warnings.push("other services wait for it to end: it is started, and its end is not waited for".into());
    } else {
        warnings.extend(without_health_check(&idle));
    }
    let explains = Explanation {
        objects: objects(&idle),
        how: Vec::new(),
        promises: vec!["what runs already is not touched".into()],
        warnings,
        undo: vec!["stopped or failed midway: what was started is stopped again".into()],
    };
    Ok(situation.plan(stages.collect(), explains))
}

fn refuse_orchestrated(situation: &Situation<'_>) -> Result<(), Refusal> {
    if !situation.is_orchestrated() {
        return Ok(());
    }
    let kind = situation.service.kind;
    Err(Refusal::new(format!("a {kind} cannot be stopped or started: its orchestrator replaces what ends"))
        .help("it can be scaled to none"))
}

/// What the engine removes as soon as it ends could not be started again, neither by the plan nor by its undo.
pub(super) fn refuse_removed(instances: &[&Instance]) -> Result<(), Refusal> {
    let Some(instance) = instances.iter().find(|instance| instance.is_removed_when_stopped) else { return Ok(()) };
    let name = &instance.name;
    Err(Refusal::new(format!("{name} was run with --rm: stopping it removes it for good, with its logs"))
        .help(format!("if it may go: docker stop {name}; to keep it, run it anew without --rm")))
}

fn stage(instance: &Instance, steps: Vec<Planned>) -> Stage {
    Stage { title: instance.name.clone(), steps }
}

/// Undone by starting what ran, and by waiting for it where it was ready.
pub(super) fn stopping(instance: &Instance) -> Planned {
    let mut undo = Vec::new();
    if has_process(instance) {
        undo.push(starting(instance).step);
    }
    if is_ready(instance) {
        undo.push(ready(instance).step);
    }
    Planned::new(stop_step(instance)).undone_by(undo)
}

fn stop_step(instance: &Instance) -> Step {
    Step::Stop { instance: instance.id.clone(), name: instance.name.clone(), grace: instance.stop_timeout }
}

/// Stopped, started and waited for.
pub(super) fn again(instance: &Instance) -> Vec<Planned> {
    vec![stopping(instance), starting(instance), ready(instance)]
}

fn starting(instance: &Instance) -> Planned {
    Planned::new(Step::Start { instance: instance.id.clone(), name: instance.name.clone() })
}

fn ready(instance: &Instance) -> Planned {
    let within = if instance.has_health_check { HEALTHY_WITHIN } else { STEADY_WITHIN };
    let (id, name) = (instance.id.clone(), instance.name.clone());
    Planned::new(Step::AwaitReady { instance: id, name, within, steady: STEADY })
}

fn restart_promises(situation: &Situation<'_>, runs: &[&Instance]) -> Vec<Arc<str>> {
    let ready = runs.iter().filter(|instance| is_ready(instance)).count();
    let untouched = situation
        .inventory
        .instances_of(&situation.service.id)
        .into_iter()
        .filter(|instance| is_ready(instance) && !runs.iter().any(|touched| touched.id == instance.id));
    // While there is a broken one, it has its turn first, and a ready one is stopped only when all of those have come back.
    let fewest = untouched.count() + if ready < runs.len() { ready } else { ready - 1 };
    let mut promises = Vec::new();
    if fewest > 0 {
        let wanted = situation.service.wanted;
        promises.push(format!("never fewer than {fewest} of {wanted} ready, unless one fails by itself").into());
    }
    if runs.len() > 1 {
        promises.push("one at a time: the next is touched only when the one before it is ready".into());
    }
    promises.push("the same containers: nothing is removed or made anew".into());
    promises
}

fn restart_warnings(situation: &Situation<'_>, runs: &[&Instance], rest: &[&Instance]) -> Vec<Arc<str>> {
    let mut warnings = common_warnings(situation);
    let alone = situation.inventory.instances_of(&situation.service.id).into_iter().filter(|one| is_ready(one)).count();
    if let [only] = runs
        && is_ready(only)
        && alone == 1
    {
        warnings.push(
            format!(
                "nobody answers meanwhile: it is the only one ready (up to {} s to stop, then until it is ready)",
                only.stop_timeout
            )
            .into(),
        );
    }
    for instance in runs.iter().filter(|instance| instance.health.is_broken()) {
        warnings
            .push(format!("{} is {} already: a restart may not cure it", instance.name, instance.health.word()).into());
    }
    for instance in rest {
        warnings.push(format!("{} is {} and stays so", instance.name, instance.state.word()).into());
    }
    warnings.extend(troubled_dependencies(situation));
    warnings.extend(without_health_check(runs));
    warnings
}

/// What holds for whatever takes a service away from others for a while.
pub(super) fn common_warnings(situation: &Situation<'_>) -> Vec<Arc<str>> {
    let mut warnings = protected(situation);
    let dependants: Vec<_> = situation.dependants().into_iter().map(|service| &*service.id.name).collect();
    match dependants.as_slice() {
        [] => {}
        [one] => warnings.push(format!("{one} depends on it").into()),
        [most @ .., last] => warnings.push(format!("{} and {last} depend on it", most.join(", ")).into()),
    }
    warnings
}

pub(super) fn protected(situation: &Situation<'_>) -> Vec<Arc<str>> {
    let cluster = situation.cluster;
    cluster.protected.then(|| format!("{} is protected", cluster.name).into()).into_iter().collect()
}

pub(super) fn troubled_dependencies(situation: &Situation<'_>) -> Vec<Arc<str>> {
    let id = &situation.service.id;
    let mut warnings = Vec::new();
    for dependency in &situation.service.depends_on {
        let found = situation
            .inventory
            .services_of(&id.cluster)
            .find(|other| other.id.scope == id.scope && other.id.name == dependency.service);
        let state = match found.map(|service| &service.health) {
            None => "not there",
            Some(Health::Stopped(_)) if &*dependency.condition == "completed" => continue,
            Some(health @ (Health::Failing(_) | Health::Degraded(_) | Health::Stopped(_))) => health.word(),
            Some(Health::Changing(_) | Health::Unknown(_) | Health::Healthy) => continue,
        };
        warnings.push(format!("{}, which it depends on, is {state}", dependency.service).into());
    }
    warnings
}

pub(super) fn without_health_check(instances: &[&Instance]) -> Option<Arc<str>> {
    let blind = instances.iter().any(|instance| !instance.has_health_check);
    blind.then(|| format!("no health check: having run for {STEADY} s is taken for ready").into())
}

pub(super) fn objects(instances: &[&Instance]) -> Vec<Arc<str>> {
    let line = |instance: &&Instance| format!("{} ({})", instance.name, instance.health.word()).into();
    instances.iter().map(line).collect()
}

pub(super) fn is_ready(instance: &Instance) -> bool {
    instance.state.is_alive() && instance.health == Health::Healthy
}

/// It should run: somebody who stopped one of three on purpose does not want it back by a restart of the service.
pub(super) fn is_wanted(instance: &Instance) -> bool {
    !matches!(instance.health, Health::Stopped(_))
        && !matches!(instance.state, InstanceState::Removing | InstanceState::Dead)
}

pub(super) fn has_process(instance: &Instance) -> bool {
    match instance.state {
        InstanceState::Running | InstanceState::Paused | InstanceState::Restarting { .. } => true,
        InstanceState::Created | InstanceState::Exited { .. } | InstanceState::Removing | InstanceState::Dead => false,
    }
}

fn can_start(instance: &Instance) -> bool {
    matches!(instance.state, InstanceState::Created | InstanceState::Exited { .. })
}

pub(super) fn rank(instance: &Instance) -> u8 {
    match instance.health {
        Health::Failing(_) => 0,
        Health::Degraded(_) => 1,
        Health::Unknown(_) | Health::Changing(_) | Health::Stopped(_) => 2,
        Health::Healthy => 3,
    }
}

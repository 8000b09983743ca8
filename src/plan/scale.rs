//! Another number of instances.

use std::sync::Arc;

use super::{
    Edits, Explanation, Plan, Planned, Recipe, Refusal, Situation, Stage, Stamp, Step, Target,
    proxies::{Proxies, alike},
    restart,
    rollout::{containers::is_current_kept, words},
    slots::{numbers, split},
    wish::{DRAIN, WITHIN},
};
use crate::domain::{Instance, InstanceId, Means, Object, ServiceKind};

/// More than this is a slip of the finger.
const MOST: u32 = 1000;
/// So many more at once are worth a word.
const MANY: u32 = 20;

pub(super) fn scale(situation: &Situation<'_>, to: u32) -> Result<Plan, Refusal> {
    let subject = situation.subject();
    if let Target::Instance(_) = situation.request.target {
        return Err(Refusal::new("one instance has no number of instances").help("scale the service"));
    }
    if to > MOST {
        return Err(Refusal::new(format!(
            "{to} instances of {subject} are too many: the most that is scaled to from here is {MOST}"
        ))
        .help("if it is meant, scale it by the engine's own command"));
    }
    refuse_kind(situation, to)?;
    let means = situation.means()?;
    if situation.is_orchestrated() {
        orchestrated(situation, means, to)
    } else if (to as usize) < holders(situation)?.len() {
        down(situation, means, to)
    } else {
        up(situation, means, to)
    }
}

fn refuse_kind(situation: &Situation<'_>, to: u32) -> Result<(), Refusal> {
    let (id, subject) = (&situation.service.id, situation.subject());
    let refusal = match situation.service.kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::Rollout | ServiceKind::ComposeService => {
            return Ok(());
        }
        ServiceKind::Container if to == 1 => return Ok(()),
        ServiceKind::Container => Refusal::new(format!("{subject} is a container of its own: there is one of it"))
            .help("stop it for none; more than one is a Compose service's matter"),
        ServiceKind::DaemonSet => Refusal::new(format!("{subject} is a daemonset: it has one instance on each node"))
            .help("its node selector says on which"),
        ServiceKind::SwarmService => Refusal::new(format!("{subject} is a swarm service: it is not scaled from here"))
            .help(format!("docker service scale {}={to}", id.name)),
        kind @ (ServiceKind::Job | ServiceKind::CronJob | ServiceKind::Controlled | ServiceKind::Pod) => {
            Refusal::new(format!("{subject} cannot be scaled: it is a {kind}"))
                .help("only what is kept running in a number can have another")
        }
    };
    Err(refusal)
}

fn same(situation: &Situation<'_>, to: u32) -> Refusal {
    Refusal::new(format!("{} has {to} already", situation.subject()))
}

fn orchestrated(situation: &Situation<'_>, means: &Means, to: u32) -> Result<Plan, Refusal> {
    let service = situation.service;
    let (id, from) = (&service.id, service.wanted);
    if from == to {
        return Err(same(situation, to));
    }
    if let Some(obstacle) = means.obstacle.as_ref().or(means.full.as_ref()).filter(|_| to > from) {
        return Err(Refusal::new(format!("nothing new may be created for {} now: {obstacle}", situation.subject()))
            .help("make room first, or ask who sets the limit"));
    }
    let object = means.object.as_ref().map(Object::whatever);
    let set = |to| Step::Scale { service: id.clone(), to, object: object.clone() };
    let mut steps = vec![Planned::new(set(to)).undone_by(vec![set(from)])];
    steps.push(Planned::new(Step::AwaitRollout { service: id.clone(), within: WITHIN, wants: None }));

    let mut warnings = restart::common_warnings(situation);
    if to == 0 {
        warnings.push("nobody answers until it is scaled up again".into());
    }
    warnings.extend(many(to, from));
    if let Some(scaler) = situation.orchestration().and_then(|orchestration| orchestration.autoscaler.as_ref()) {
        let (name, least, most) = (&scaler.name, scaler.minimum, scaler.maximum);
        warnings.push(match to {
            0 => format!("the autoscaler {name} does nothing while none is wanted").into(),
            _ => {
                format!("the autoscaler {name} ({least} to {most}) sets the number itself, and changes it again").into()
            }
        });
    }
    if service.kind == ServiceKind::StatefulSet && to < from {
        warnings.push("volumes of those that go are kept, and taken again when it is scaled up".into());
    }
    warnings.extend(words::owner(situation));
    warnings.extend(words::budget(situation).filter(|_| to < from));
    let minimum = to.min(service.ready);
    // What does not work now need not be the number's fault.
    let turns = situation.is_whole() || from == 0;
    let mut undo: Vec<Arc<str>> = vec![
        format!("stopped or failed midway: {from} are wanted again; what has gone comes back as new instances").into(),
    ];
    if !turns {
        undo.insert(
            0,
            "not all of it is ready now: where it stays so, you are asked, and nothing is taken back by itself".into(),
        );
    }
    let explains = Explanation {
        objects: vec![format!("{} {}, {} of {from} ready", service.kind, id.name, service.ready).into()],
        how: vec![format!("{from} to {to}: which come and go is the {}'s own choice", service.kind).into()],
        promises: vec!["those that stay are not touched".into()],
        warnings,
        undo,
    };
    Ok(Plan { minimum, turns, ..situation.plan(vec![Stage { title: id.name.clone(), steps }], explains) })
}

fn many(to: u32, from: u32) -> Option<Arc<str>> {
    (to.saturating_sub(from) > MANY).then(|| format!("{} more at once: see that there is room", to - from).into())
}

/// All that there is of it, the lowest number first.
fn holders<'a>(situation: &Situation<'a>) -> Result<Vec<&'a Instance>, Refusal> {
    let idle = situation.instances.iter().find(|instance| !restart::is_wanted(instance));
    if let Some(idle) = idle {
        return Err(Refusal::new(format!("{} is {}: it is not clear whether it counts", idle.name, idle.state.word()))
            .help("start it, or delete it, first"));
    }
    let numbers = numbers(&situation.instances, situation.means()?);
    let mut found = situation.instances.clone();
    found.sort_by_key(|instance| numbers.iter().find(|(id, _)| *id == instance.id).map(|(_, number)| *number));
    Ok(found)
}

/// Containers like the others, under the next numbers.
fn up(situation: &Situation<'_>, means: &Means, to: u32) -> Result<Plan, Refusal> {
    let id = &situation.service.id;
    let holders = holders(situation)?;
    let from = u32::try_from(holders.len()).unwrap_or(u32::MAX);
    if from == to {
        return Err(same(situation, to));
    }
    let ready = || holders.iter().copied().filter(|instance| restart::is_ready(instance));
    let Some(like) = ready().next().or_else(|| holders.first().copied()) else {
        return Err(Refusal::new(format!("{} has no container to make others like", situation.subject()))
            .help("docker compose up makes the first one"));
    };
    restart::refuse_removed(&holders)?;
    if like.ports.iter().any(|port| port.published.is_some()) {
        return Err(Refusal::new(format!(
            "{} publishes ports on the host: only one can have them",
            situation.subject()
        ))
        .help("put a proxy in front of it, and publish the proxy's port instead"));
    }
    let unwritten = !is_current_kept(means);
    let current = means.releases.iter().find(|release| release.current).and_then(|release| release.number);
    let release = if unwritten { means.next } else { current.unwrap_or(means.next) };
    let proxies = Proxies::of(id, means);
    let before: Vec<InstanceId> = ready().map(|instance| instance.id.clone()).collect();

    let mut stages = Vec::new();
    if unwritten {
        let (service, keep) = (id.clone(), situation.request.keep);
        let record = Step::Record { service, release, like: like.id.clone(), keep, stamp: Stamp::default() };
        stages.push(Stage { title: "history".into(), steps: vec![Planned::new(record)] });
    }
    let highest = numbers(&holders, means).iter().map(|(_, number)| *number).max().unwrap_or(from);
    let mut members = before.clone();
    for number in (highest + 1..).take((to - from) as usize) {
        let instance = InstanceId::made(id, release, number);
        let name = beside(like, number);
        // When all is taken back, the first that was made goes last: then the names stand for the old ones alone.
        let mut then = if members.len() == before.len() { proxies.as_before() } else { Vec::new() };
        if !before.is_empty() {
            then.extend(proxies.look_up(&format!("{name} is gone again")));
        }
        let mut steps = another(like, &instance, &name, then);
        steps.extend(proxies.look_up(&format!("{name} has come")).into_iter().map(Planned::new));
        stages.push(Stage { title: name.clone(), steps });
        members.push(instance);
    }
    if !proxies.is_empty() {
        stages.push(Stage { title: "requests".into(), steps: proxies.send(&alike(&members), &alike(&before)) });
        stages.push(Stage {
            title: "tidy up".into(),
            steps: proxies.as_before().into_iter().map(Planned::tidying).collect(),
        });
    }
    let mut warnings = restart::common_warnings(situation);
    warnings.extend(many(to, from));
    warnings.push(
        format!("the Compose file is not changed: docker compose up brings back its own number of {}", id.name).into(),
    );
    warnings.extend(restart::without_health_check(&[like]));
    if let Some(mount) = like.mounts.iter().find(|mount| !mount.read_only && matches!(&*mount.kind, "volume" | "bind"))
    {
        warnings.push(format!("all of them write to the {} {}", mount.kind, mount.source).into());
    }
    let explains = Explanation {
        objects: vec![format!("{} more like {}", to - from, like.name).into()],
        how: vec![
            format!("one after the other: made, ready within {WITHIN} s, then found under the service's names").into(),
        ],
        promises: vec!["those that run are not touched".into()],
        warnings,
        undo: vec!["stopped or failed midway: what was made is stopped and removed".into()],
    };
    let minimum = u32::try_from(before.len()).unwrap_or(u32::MAX);
    Ok(Plan { minimum, ..situation.plan(stages, explains) })
}

/// `shop-web-1` -> `shop-web-4`
fn beside(like: &Instance, number: u32) -> Arc<str> {
    match split(&like.name) {
        (stem, Some(_)) => format!("{stem}{number}").into(),
        (name, None) => format!("{name}-{number}").into(),
    }
}

fn another(like: &Instance, instance: &InstanceId, name: &Arc<str>, then: Vec<Step>) -> Vec<Planned> {
    let (instance, name) = (instance.clone(), name.clone());
    let mut unmake = vec![Step::Remove { instance: instance.clone(), name: name.clone() }];
    unmake.extend(then);
    let make = Step::Make {
        instance: instance.clone(),
        name: name.clone(),
        like: like.id.clone(),
        recipe: Recipe::Edited(Edits::default()),
        stamp: Stamp::default(),
    };
    let stop = Step::Stop { instance: instance.clone(), name: name.clone(), grace: like.stop_timeout };
    vec![
        Planned::new(make).undone_by(unmake),
        Planned::new(Step::Start { instance: instance.clone(), name: name.clone() }).undone_by(vec![stop]),
        Planned::new(Step::AwaitReady {
            instance: instance.clone(),
            name: name.clone(),
            within: WITHIN,
            steady: restart::STEADY,
        }),
        Planned::new(Step::Join { instance, name, like: like.id.clone() }),
    ]
}

/// Those with the highest numbers go, the last one first.
fn down(situation: &Situation<'_>, means: &Means, to: u32) -> Result<Plan, Refusal> {
    let id = &situation.service.id;
    if to == 0 {
        return Err(Refusal::new(format!(
            "none of {} would be left, and nothing would remember how it was made",
            situation.subject()
        ))
        .help("stop it instead: its containers are kept"));
    }
    let holders = holders(situation)?;
    restart::refuse_removed(&holders)?;
    let (stay, go) = holders.split_at(to as usize);
    let proxies = Proxies::of(id, means);
    let mut members: Vec<InstanceId> =
        holders.iter().filter(|instance| restart::is_ready(instance)).map(|instance| instance.id.clone()).collect();
    let mut stages = Vec::new();
    for instance in go.iter().rev() {
        let before = members.clone();
        members.retain(|member| *member != instance.id);
        let mut steps = Vec::new();
        if members != before {
            // All of them were found by the proxy's own words.
            let is_first = stages.is_empty();
            let back = if is_first { proxies.as_before() } else { proxies.steps(&alike(&before)) };
            steps = proxies.send_until(&alike(&members), &back);
        }
        if !steps.is_empty() {
            steps.push(drained(situation, &members));
        }
        let mut stop = restart::stopping(instance);
        if !members.is_empty() {
            stop.undo.extend(proxies.look_up(&format!("{} is back", instance.name)));
        }
        steps.push(stop);
        if !members.is_empty() {
            let gone = proxies.look_up(&format!("{} has gone", instance.name));
            steps.extend(gone.into_iter().map(Planned::new));
        }
        stages.push(Stage { title: instance.name.clone(), steps });
    }
    let gone = |instance: &&Instance| {
        Planned::tidying(Step::Remove { instance: instance.id.clone(), name: instance.name.clone() })
    };
    let mut tidying: Vec<Planned> = go.iter().rev().map(gone).collect();
    tidying.extend(proxies.as_before().into_iter().map(Planned::tidying));
    stages.push(Stage { title: "tidy up".into(), steps: tidying });

    let minimum = stay.iter().filter(|instance| restart::is_ready(instance)).count();
    let mut warnings = restart::common_warnings(situation);
    if minimum == 0 {
        warnings.push("none of those that stay is ready: nobody answers".into());
    }
    warnings.push(
        format!("the Compose file is not changed: docker compose up brings back its own number of {}", id.name).into(),
    );
    warnings.push("logs and anonymous volumes of those that go are gone with them".into());
    let explains = Explanation {
        objects: restart::objects(go),
        how: vec!["the highest numbers first: no more requests, stopped, and removed when all of them are".into()],
        promises: vec![format!("{} not touched", list(stay)).into(), "named volumes stay".into()],
        warnings,
        undo: vec![
            "stopped or failed midway: what was stopped is started again".into(),
            "what is removed can only be made anew, by scaling up".into(),
        ],
    };
    let minimum = u32::try_from(minimum).unwrap_or(u32::MAX);
    Ok(Plan { minimum, ..situation.plan(stages, explains) })
}

fn drained(situation: &Situation<'_>, left: &[InstanceId]) -> Planned {
    let group = super::Group::Instances(left.to_vec());
    let (service, gate) = (situation.service.id.clone(), super::Gate::Health { seconds: DRAIN });
    Planned::new(Step::Gate { service, gate, new: group, old: super::Group::Instances(Vec::new()) })
}

fn list(instances: &[&Instance]) -> String {
    let names: Vec<&str> = instances.iter().map(|instance| &*instance.name).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

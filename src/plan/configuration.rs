//! What a service is made of: backed up, tried, and given back to an engine that takes it, or written into a directory.

use std::sync::Arc;

use super::{
    backup::told,
    restart::protected,
    restore::{Restoring, scaled, stage},
};
use crate::{
    domain::{Engine, InstanceId, Item, ServiceKind},
    plan::{Data, Explanation, Kept, Plan, Planned, Refusal, Returned, Save, Situation, Step},
};

pub(super) fn back_up(situation: &Situation<'_>, items: &[Item]) -> Plan {
    let save = |item: &Item| stage(&item.what(), vec![Planned::new(saving(situation, item, false))]);
    let explains = Explanation {
        objects: vec![format!("what {} is made of", situation.subject()).into()],
        how: vec!["asked of its engine, with its secrets, and kept in the encrypted repository alone".into()],
        promises: vec!["what runs is not changed".into()],
        warnings: Vec::new(),
        undo: vec!["stopped or failed midway: what is not whole is no snapshot".into()],
    };
    Plan { from: None, ..situation.plan(items.iter().map(save).collect(), explains) }
}

pub(super) fn saving(situation: &Situation<'_>, item: &Item, is_safety: bool) -> Step {
    let release = situation.service.image.as_ref().map(|image| Arc::from(image.release()));
    let (instance, name) = itself(situation);
    let item = Item { path: None, ..item.clone() };
    Step::Data(Data::Save(Save { item, instance, name, release, is_safety, at_rest: false, asked: None }))
}

/// It may have no instance at all: the service stands for one.
fn itself(situation: &Situation<'_>) -> (InstanceId, Arc<str>) {
    let id = &situation.service.id;
    (InstanceId::new(&id.cluster, id.name.clone()), id.name.clone())
}

pub(super) fn verify(situation: &Situation<'_>, kept: &Kept) -> Result<Plan, Refusal> {
    if situation.cluster.engine != Engine::Kubernetes {
        return Err(Refusal::new(format!("a restore of {} cannot be rehearsed", kept.item)).help(
            "its engine takes no definitions: midwatch restore with --to DIR writes the files, to be looked at",
        ));
    }
    let item = Item { service: situation.service.id.clone(), ..kept.item.clone() };
    let rehearse = Planned::new(returned(situation, kept, &item).step(Data::Rehearse));
    let explains = Explanation {
        objects: vec![told(kept).into()],
        how: vec!["its server is asked whether it would take each object (a dry run)".into()],
        promises: vec!["nothing is changed".into()],
        warnings: Vec::new(),
        undo: Vec::new(),
    };
    Ok(Plan { from: None, ..situation.plan(vec![stage(&item.what(), vec![rehearse])], explains) })
}

fn returned(situation: &Situation<'_>, kept: &Kept, item: &Item) -> Returned {
    let (instance, name) = itself(situation);
    let (snapshot, item) = (kept.id.clone(), item.clone());
    Returned { snapshot, item, instance, name, at_rest: false, database: None, asked: None }
}

pub(super) fn restore(situation: &Situation<'_>, wish: &Restoring) -> Result<Plan, Refusal> {
    let (kept, into) = (&wish.snapshot, &wish.into);
    let returned = returned(situation, kept, into);
    let look =
        stage("look first", vec![Planned::new(returned.step(Data::Check)), Planned::new(returned.step(Data::Bring))]);
    let swap = |undo| Planned::new(returned.step(Data::Swap)).undone_by(undo);
    let (stages, explains) = match &into.path {
        Some(path) => {
            let write = stage("restore", vec![swap(vec![returned.step(Data::TakeBack)])]);
            (vec![look, write], written(kept, path))
        }
        None => {
            refuse_elsewhere(situation, wish)?;
            let waits = is_awaited(situation).then(|| scaled(situation.service));
            let undo =
                [returned.step(Data::TakeBack)].into_iter().chain(waits.clone().filter(|_| situation.is_whole()));
            let mut steps = vec![swap(undo.collect()), Planned::new(returned.step(Data::Compare))];
            steps.extend(waits.map(Planned::new));
            // Without it there is no way back: it costs nothing, and is never left out.
            let safety = stage("to go back to", vec![Planned::new(saving(situation, into, true))]);
            (vec![look, safety, stage("restore", steps)], applied(situation, kept))
        }
    };
    Ok(Plan { from: None, ..situation.plan(stages, explains) })
}

fn refuse_elsewhere(situation: &Situation<'_>, wish: &Restoring) -> Result<(), Refusal> {
    let (from, into) = (&wish.snapshot.item.service, &wish.into.service);
    if situation.cluster.engine != Engine::Kubernetes {
        return Err(Refusal::new(format!(
            "{} takes no definitions, so nothing can be applied",
            situation.cluster.name
        ))
        .help("--to DIR writes the files into a directory of this machine, and applies nothing"));
    }
    if from.name != into.name {
        return Err(Refusal::new(format!(
            "{} defines {}, and cannot become {}",
            wish.snapshot.id, from.name, into.name
        ))
        .help("--to DIR writes the files into a directory of this machine, and applies nothing"));
    }
    Ok(())
}

fn is_awaited(situation: &Situation<'_>) -> bool {
    match situation.service.kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet => true,
        ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => false,
    }
}

fn written(kept: &Kept, path: &str) -> Explanation {
    Explanation {
        objects: vec![format!("new files in {path}, on this machine").into()],
        how: vec![told(kept).into(), "readable for their owner alone: secrets are in them".into()],
        promises: vec!["nothing is applied: what runs is not changed".into(), "no file is written over".into()],
        warnings: Vec::new(),
        undo: vec!["stopped or failed midway: what was written is removed".into()],
    }
}

fn applied(situation: &Situation<'_>, kept: &Kept) -> Explanation {
    let mut warnings = protected(situation);
    warnings.push("what others have added since stays, as with kubectl apply --server-side".into());
    warnings.push("its instances are replaced where their template differs".into());
    Explanation {
        objects: vec![format!("what {} is made of", situation.subject()).into()],
        how: vec![told(kept).into(), "each object is applied by its server, after a dry run of all".into()],
        promises: vec![
            "nothing is changed before the server would take all of it".into(),
            "a snapshot of what is there now is taken first, and stays for a week".into(),
        ],
        warnings,
        undo: vec!["stopped or failed midway: what was there before is applied again; what was not there stays".into()],
    }
}

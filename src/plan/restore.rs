//! Restoring: what is live is replaced by what a snapshot holds, and comes back if that does not go well.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    at_rest,
    backup::{Entered, beside, entered, is_apart, saving, told, warnings_of},
    configuration,
    restart::{self, STEADY, is_wanted},
};
use crate::{
    domain::{Item, Method, Renamed, Service, ServiceId, units},
    plan::{Data, Explanation, Kept, Plan, Planned, Refusal, Returned, Situation, Stage, Step},
};

/// Seconds that what was restored is given to be well.
pub(super) const WELL_WITHIN: u32 = 120;
/// Seconds that an orchestrator is given to end or to start what depends on it.
const DEPENDANT_WITHIN: u32 = 300;

/// Of a database, in bytes: PostgreSQL's limit. That of MySQL is a letter more.
const LONGEST_NAME: usize = 63;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoring {
    pub snapshot: Kept,
    /// What it becomes: of the service that it is restored into, and of the snapshot's method.
    pub into: Item,
    /// Only this database, under another name: what is live stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Renamed>,
    /// Nothing is taken before to go back to: for what cannot be dumped any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_safety: bool,
    /// Those that depend on it run on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_dependants: bool,
    /// Others that are stopped meanwhile although nothing says that they depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<ServiceId>,
    /// When a person wished it: what was written since the snapshot is lost.
    pub wished: Timestamp,
    /// How long the last restore or rehearsal of the same took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Duration>,
}

pub(super) fn restore(situation: &Situation<'_>, wish: &Restoring) -> Result<Plan, Refusal> {
    if wish.into.method != wish.snapshot.item.method {
        let (has, wants) = (wish.snapshot.item.method, wish.into.method);
        return Err(Refusal::new(format!("{} holds {has}, and cannot become {wants}", wish.snapshot.id)));
    }
    refuse_name(wish)?;
    if wish.into.method == Method::Configuration {
        return configuration::restore(situation, wish);
    }
    let entered = entered(situation, std::slice::from_ref(&wish.into))?;
    if let Some(database) = &wish.database {
        return one_database(situation, wish, &entered, database);
    }
    let at_rest = is_at_rest(situation, wish, &entered)?;
    let stopped = stopped(situation, wish)?;
    let returned = returned(wish, &entered, at_rest);
    let check = Planned::new(returned.step(Data::Check));
    let bring = Planned::new(returned.step(Data::Bring)).undone_by(vec![returned.step(Data::Discard)]);
    let safety = Planned::new(saving(situation, &entered, &wish.into, (true, at_rest)));
    let safety = if wish.without_safety { Vec::new() } else { vec![safety] };
    let (own_stops, own_starts) = if at_rest { at_rest::around(situation, &entered)? } else { Default::default() };
    let stops: Vec<Planned> = stopped.iter().flat_map(|service| stop(situation, service)).collect();
    let starts: Vec<Planned> = stopped.iter().flat_map(|service| start(situation, service)).collect();
    // Those that depend on it miss it for as short as can be: for the swap alone where what is live stands aside, as it is in that moment;
    // else for the snapshot of it, too, which has to hold the last that they wrote.
    let (early, late) = if wish.into.method.keeps_old() { (safety, Vec::new()) } else { (Vec::new(), safety) };
    let stages = [
        stage("look first", vec![check]),
        stage("to go back to", early),
        stage("bring beside", vec![bring]),
        stage("stop what depends on it", stops),
        stage("stop it", own_stops),
        stage("to go back to", late),
        stage("restore", restoring(situation, wish, &entered, &returned)),
        stage("start it", own_starts),
        stage("start what depends on it", starts),
        stage("tidy up", vec![Planned::tidying(returned.step(Data::Settle))]),
    ];
    let stages = stages.into_iter().filter(|stage| !stage.steps.is_empty()).collect();
    Ok(Plan { from: None, ..situation.plan(stages, explained(situation, wish, (&entered, at_rest), &stopped)) })
}

fn returned(wish: &Restoring, entered: &Entered<'_>, at_rest: bool) -> Returned {
    Returned {
        snapshot: wish.snapshot.id.clone(),
        item: wish.into.clone(),
        instance: entered.id.clone(),
        name: entered.instance.name.clone(),
        at_rest,
        database: wish.database.clone(),
        asked: None,
    }
}

/// Where another name is wanted, it has to be one that can be given.
fn refuse_name(wish: &Restoring) -> Result<(), Refusal> {
    let Some(Renamed { to, .. }) = &wish.database else { return Ok(()) };
    if wish.into.method.database_ending().is_none() {
        return Err(Refusal::new(format!("{} cannot be restored under another name", wish.into.method))
            .help("restore it into another service with --into"));
    }
    if to.len() > LONGEST_NAME || to.chars().any(char::is_control) {
        return Err(Refusal::new(format!("{to} cannot be the name of a database"))
            .help(format!("it has {LONGEST_NAME} bytes at most, and no control characters")));
    }
    Ok(())
}

/// Nobody is stopped, nothing that is live is touched, and there is nothing to go back to but that it was not there.
fn one_database(
    situation: &Situation<'_>,
    wish: &Restoring,
    entered: &Entered<'_>,
    database: &Renamed,
) -> Result<Plan, Refusal> {
    let returned = returned(wish, entered, false);
    let bring = Planned::new(returned.step(Data::Bring)).undone_by(vec![returned.step(Data::Discard)]);
    let named = Planned::new(returned.step(Data::Swap)).undone_by(vec![returned.step(Data::TakeBack)]);
    let stages = vec![
        stage("look first", vec![Planned::new(returned.step(Data::Check))]),
        stage("bring beside", vec![bring]),
        stage("give it its name", vec![named, Planned::new(returned.step(Data::Compare))]),
        stage("tidy up", vec![Planned::tidying(returned.step(Data::Settle))]),
    ];
    let Renamed { from, to } = database;
    let name = &entered.instance.name;
    let mut warnings = warnings_of(situation, entered);
    if wish.into.method == Method::Mysql {
        warnings.push(format!("its events are left out: they would run beside those of {from}").into());
        warnings.push(format!("triggers, views and routines that name {from} go on to mean {from}").into());
    }
    let mut how = vec![told(&wish.snapshot).into(), format!("of its databases only {from}").into()];
    if wish.into.method == Method::Postgres {
        how.push("roles that are not there are made".into());
    }
    let explains = Explanation {
        objects: vec![format!("{to} of {name}: a database that is not there yet").into()],
        how,
        promises: vec![
            format!("what is there now stays as it is, and so does {from}").into(),
            "what is restored is counted before it gets its name".into(),
        ],
        warnings,
        undo: vec![format!("stopped or failed midway: {to} is gone again").into()],
    };
    Ok(Plan { from: None, ..situation.plan(stages, explains) })
}

pub(super) fn stage(title: &str, steps: Vec<Planned>) -> Stage {
    Stage { title: title.into(), steps }
}

fn restoring(situation: &Situation<'_>, wish: &Restoring, entered: &Entered<'_>, returned: &Returned) -> Vec<Planned> {
    let instance = entered.instance;
    let well = Step::AwaitReady {
        instance: instance.id.clone(),
        name: instance.name.clone(),
        within: WELL_WITHIN,
        steady: STEADY,
    };
    if returned.at_rest {
        let swap = Planned::new(returned.step(Data::Swap)).undone_by(vec![returned.step(Data::TakeBack)]);
        return vec![swap, Planned::new(returned.step(Data::Compare))];
    }
    let again = if reopens(situation, wish) { restart::again(instance) } else { Vec::new() };
    let mut undo = vec![returned.step(Data::TakeBack)];
    undo.extend(again.iter().map(|planned| planned.step.clone()));
    // Whether it is well with what it had, where it was.
    undo.extend(restart::is_ready(instance).then(|| well.clone()).filter(|_| again.is_empty()));
    let mut steps = vec![Planned::new(returned.step(Data::Swap)).undone_by(undo)];
    steps.extend(again.into_iter().map(|planned| Planned::new(planned.step)));
    steps.push(Planned::new(returned.step(Data::Compare)));
    steps.push(Planned::new(well));
    steps
}

/// What does not run is reached beside it, and so are files, which nobody is to have open meanwhile.
fn is_at_rest(situation: &Situation<'_>, wish: &Restoring, entered: &Entered<'_>) -> Result<bool, Refusal> {
    let (is_steady, is_apart) = (entered.is_steady(), is_apart(entered.instance, &wish.into));
    let is_wanted = is_apart && (!is_steady || wish.into.method == Method::Files);
    match is_wanted && !at_rest::can_be(situation) {
        false => Ok(is_wanted),
        true if is_steady => Ok(false),
        true => Err(Refusal::new(format!(
            "{} does not run, and a {} cannot be kept from starting it meanwhile",
            entered.instance.name, situation.service.kind
        ))
        .help("restore it into another service with --into, or put right what it fails of")),
    }
}

/// What has files open would go on with the old ones.
fn reopens(situation: &Situation<'_>, wish: &Restoring) -> bool {
    wish.into.method == Method::Files && !situation.is_orchestrated()
}

/// Those that depend on it, by what they say or by what the person says, as far as they run.
fn stopped<'a>(situation: &Situation<'a>, wish: &Restoring) -> Result<Vec<&'a Service>, Refusal> {
    let mut found = if wish.leaves_dependants { Vec::new() } else { situation.dependants() };
    for id in &wish.stops {
        let service = situation
            .inventory
            .service(id)
            .ok_or_else(|| Refusal::new(format!("there is no service {id}, which was to be stopped meanwhile")))?;
        if !found.iter().any(|other| other.id == *id) && *id != situation.service.id {
            found.push(service);
        }
    }
    found.retain(|service| match service.kind.is_orchestrated() {
        true => service.wanted > 0,
        false => situation.inventory.instances_of(&service.id).into_iter().any(restart::has_process),
    });
    let removed = |service: &&Service| {
        let instances = situation.inventory.instances_of(&service.id);
        restart::refuse_removed(&instances)
    };
    found.iter().filter(|service| !service.kind.is_orchestrated()).try_for_each(removed)?;
    Ok(found)
}

fn stop(situation: &Situation<'_>, service: &Service) -> Vec<Planned> {
    if service.kind.is_orchestrated() {
        return vec![Planned::new(scale(service, 0)).undone_by(vec![scale(service, service.wanted), scaled(service)])];
    }
    let instances = situation.inventory.instances_of(&service.id);
    instances.into_iter().filter(|instance| is_wanted(instance)).map(restart::stopping).collect()
}

/// As before: what was not ready is not waited for.
fn start(situation: &Situation<'_>, service: &Service) -> Vec<Planned> {
    if service.kind.is_orchestrated() {
        let back = Planned::new(scale(service, service.wanted)).undone_by(vec![scale(service, 0)]);
        return vec![back, Planned::new(scaled(service))];
    }
    let instances = situation.inventory.instances_of(&service.id);
    let starting = |instance| {
        let stopping = restart::stopping(instance);
        let again = stopping.undo.into_iter().map(Planned::new);
        again.map(move |planned| match &planned.step {
            Step::Start { .. } => planned.undone_by(vec![stopping.step.clone()]),
            _ => planned,
        })
    };
    instances.into_iter().filter(|instance| is_wanted(instance)).flat_map(starting).collect()
}

pub(super) fn scale(service: &Service, to: u32) -> Step {
    Step::Scale { service: service.id.clone(), to, object: None }
}

pub(super) fn scaled(service: &Service) -> Step {
    Step::AwaitRollout { service: service.id.clone(), within: DEPENDANT_WITHIN, wants: None }
}

fn explained(
    situation: &Situation<'_>,
    wish: &Restoring,
    (entered, at_rest): (&Entered<'_>, bool),
    stopped: &[&Service],
) -> Explanation {
    let (kept, name) = (&wish.snapshot, &entered.instance.name);
    let lost = Duration::try_from(wish.wished.duration_since(kept.at)).unwrap_or_default();
    let mut warnings = warnings_of(situation, entered);
    warnings.push(format!("what was written in the {} since then is lost", units::elapsed(lost)).into());
    if wish.into.service != kept.item.service {
        warnings.push(format!("it was taken of {}, and goes into {}", kept.item.service, wish.into.service).into());
    }
    let names: Vec<&str> = stopped.iter().map(|service| &*service.id.name).collect();
    match (names.as_slice(), situation.dependants().is_empty()) {
        ([], true) => {
            warnings.push("nothing is known to depend on it: who writes to it meanwhile is not stopped".into())
        }
        ([], false) => warnings.push("those that depend on it run on".into()),
        (names, _) => warnings.push(format!("stopped meanwhile: {}", names.join(", ")).into()),
    }
    if at_rest {
        warnings.push(at_rest::told(situation, entered));
    } else if reopens(situation, wish) {
        warnings.push(format!("{name} is restarted, to open the files anew").into());
    } else if wish.into.method == Method::Files {
        warnings.push("what has the files open sees the old ones until it is restarted".into());
    }
    if wish.without_safety {
        warnings
            .push("nothing is taken before to go back to: where it fails midway, what is there now may be lost".into());
    }
    let mut how = vec![Arc::from(told(kept))];
    how.extend(at_rest.then(|| beside(name)));
    how.push(match wish.took {
        Some(took) => format!("the last one took {}", units::elapsed(took)).into(),
        None => "how long it takes is not known: none was restored or rehearsed yet".into(),
    });
    let mut promises: Vec<Arc<str>> =
        vec!["nothing is touched before the whole snapshot was read and found good".into()];
    if !wish.without_safety {
        promises.push("a snapshot of what is there now is taken first, and stays for a week".into());
    }
    promises.push("what is restored is counted before it takes its place".into());
    Explanation {
        objects: vec![format!("{} of {name}: all that is in it is replaced", wish.into.what()).into()],
        how,
        promises,
        warnings,
        undo: vec!["stopped or failed midway: what is there now comes back, and what was stopped is started".into()],
    }
}

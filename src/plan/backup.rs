//! Backing up, and rehearsing a restore: nothing of what runs is changed.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    configuration,
    restart::{is_ready, protected, rank},
};
use crate::{
    domain::{Health, Instance, InstanceId, InstanceState, Item, Method, Mount, units},
    plan::{Data, Explanation, Kept, Plan, Planned, Refusal, Returned, Save, Situation, Stage, Step},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifying {
    pub snapshot: Kept,
}

/// What an instance has from elsewhere, and another one can have too.
const APART: [&str; 4] = ["bind", "claim", "nfs", "volume"];

/// The instance that is entered, and what of it (a pod's container).
pub(super) struct Entered<'a> {
    pub instance: &'a Instance,
    pub id: InstanceId,
}

impl Entered<'_> {
    /// It runs, and goes on for as long as something is done in it.
    pub fn is_steady(&self) -> bool {
        self.instance.state == InstanceState::Running && !matches!(self.instance.health, Health::Failing(_))
    }

    /// Only what is files and does not run by itself is reached beside it.
    pub fn is_at_rest(&self, item: &Item) -> bool {
        !self.is_steady() && is_apart(self.instance, item)
    }
}

/// It is files that an instance beside this one can have, too.
pub(super) fn is_apart(instance: &Instance, item: &Item) -> bool {
    let Some(path) = item.path.as_deref().filter(|_| item.method.wants_path()) else { return false };
    let around = instance.mounts.iter().filter(|mount| Path::new(path).starts_with(&*mount.target));
    // The innermost hides the others.
    let innermost = around.max_by_key(|mount| mount.target.len());
    innermost.is_some_and(|Mount { kind, read_only, .. }| !read_only && APART.contains(&&**kind))
}

pub(super) fn back_up(situation: &Situation<'_>, items: &[Item]) -> Result<Plan, Refusal> {
    if items.is_empty() {
        return Err(nothing(situation));
    }
    let is_definition = |item: &Item| item.method == Method::Configuration;
    if items.iter().all(is_definition) {
        return Ok(configuration::back_up(situation, items));
    }
    let in_it: Vec<Item> = items.iter().filter(|item| !is_definition(item)).cloned().collect();
    let entered = entered(situation, &in_it)?;
    let name = &entered.instance.name;
    let save = |item: &Item| {
        let save = match is_definition(item) {
            true => configuration::saving(situation, item, false),
            false => saving(situation, &entered, item, (false, entered.is_at_rest(item))),
        };
        Stage { title: item.what().into(), steps: vec![Planned::new(save)] }
    };
    let mut warnings = unready(entered.instance);
    warnings.extend(items.iter().filter_map(warning).map(Arc::from));
    let mut how = vec!["dumped in the instance and streamed into the repository: no copy is kept on the way".into()];
    if items.iter().any(|item| entered.is_at_rest(item)) {
        how.push(beside(name));
    }
    let explains = Explanation {
        objects: items.iter().map(|item| format!("{} of {name}", item.what()).into()).collect(),
        how,
        promises: vec!["what runs is not changed".into()],
        warnings,
        undo: vec!["stopped or failed midway: what is not whole is no snapshot; those that are whole stay".into()],
    };
    // No release is gone back to.
    Ok(Plan { from: None, ..situation.plan(items.iter().map(save).collect(), explains) })
}

pub(super) fn verify(situation: &Situation<'_>, wish: &Verifying) -> Result<Plan, Refusal> {
    let kept = &wish.snapshot;
    if kept.item.method == Method::Configuration {
        return configuration::verify(situation, kept);
    }
    let entered = like(situation)?;
    let step = Step::Data(Data::Rehearse(Returned {
        database: None,
        snapshot: kept.id.clone(),
        item: Item { service: situation.service.id.clone(), ..kept.item.clone() },
        instance: entered.id,
        name: entered.instance.name.clone(),
        at_rest: false,
        asked: None,
    }));
    let explains = Explanation {
        objects: vec![told(kept).into()],
        how: vec![
            format!("into an instance by itself, like {}, without a network and without its data", {
                &entered.instance.name
            })
            .into(),
            "it has to open there, and hold as much as was counted at the backup; then it is thrown away".into(),
        ],
        promises: vec!["what runs is not touched".into()],
        warnings: vec![
            format!("it takes about {} of disk and a server's memory meanwhile", units::bytes(kept.bytes)).into(),
        ],
        undo: vec!["stopped or failed midway: that instance is removed".into()],
    };
    let stages = vec![Stage { title: kept.item.what().into(), steps: vec![Planned::new(step)] }];
    Ok(Plan { from: None, ..situation.plan(stages, explains) })
}

pub(super) fn beside(name: &str) -> Arc<str> {
    format!("its files are reached in an instance by itself, like {name} and with its volumes, which is removed again")
        .into()
}

pub(super) fn saving(
    situation: &Situation<'_>,
    entered: &Entered<'_>,
    item: &Item,
    (is_safety, at_rest): (bool, bool),
) -> Step {
    let release = situation.service.image.as_ref().map(|image| Arc::from(image.release()));
    let (item, instance, name) = (item.clone(), entered.id.clone(), entered.instance.name.clone());
    Step::Data(Data::Save(Save { item, instance, name, release, is_safety, at_rest, asked: None }))
}

/// The one that is likeliest to answer, running or not where all of this is reached beside it.
pub(super) fn entered<'a>(situation: &Situation<'a>, items: &[Item]) -> Result<Entered<'a>, Refusal> {
    match like(situation) {
        Ok(entered) if entered.instance.state.is_alive() => Ok(entered),
        Ok(entered) if items.iter().all(|item| is_apart(entered.instance, item)) => Ok(entered),
        Ok(_) | Err(_) => Err(Refusal::new(format!("nothing of {} runs", situation.subject()))
            .help("what is in no volume, or is no file, is reached through its own programs: start it first")),
    }
}

/// One that shows what a scratch instance has to be like, running or not.
fn like<'a>(situation: &Situation<'a>) -> Result<Entered<'a>, Refusal> {
    let best = situation.instances.iter().copied().max_by_key(|instance| (instance.state.is_alive(), rank(instance)));
    match best {
        Some(instance) => Ok(Entered { instance, id: main_part(instance) }),
        None => Err(Refusal::new(format!("{} has no instance to make another like", situation.subject()))),
    }
}

fn main_part(instance: &Instance) -> InstanceId {
    let first = instance.log_sources().into_iter().next();
    first.map_or_else(|| instance.id.clone(), |source| source.id)
}

fn nothing(situation: &Situation<'_>) -> Refusal {
    Refusal::new(format!("nothing is known that could be backed up of {}", situation.subject())).help(
        "known by itself are databases by their images; else say so: --what METHOD, a label midwatch.backup on it, or \
         [[backup.services]] in the config",
    )
}

fn unready(instance: &Instance) -> Vec<Arc<str>> {
    let is_well = is_ready(instance);
    (!is_well).then(|| format!("{} is {}", instance.name, instance.health.word()).into()).into_iter().collect()
}

fn warning(item: &Item) -> Option<&'static str> {
    match item.method {
        Method::Files => {
            Some("files are read one after the other: what is written meanwhile may be new in one and old in the next")
        }
        Method::RabbitMq => Some("definitions only: messages in queues are not backed up"),
        Method::Postgres | Method::Mysql | Method::Mongo | Method::Redis | Method::Sqlite | Method::Configuration => {
            None
        }
    }
}

/// "1a2b3c4d of 2026-11-29 02:00 UTC: postgres of shop/db, 1.2G, version 15.14, while v2.4.1 ran"
pub(super) fn told(kept: &Kept) -> String {
    let version = kept.version.as_ref().map_or(String::new(), |version| format!(", version {version}"));
    let release = kept.release.as_ref().map_or(String::new(), |release| format!(", while {release} ran"));
    let at = kept.at.strftime("%Y-%m-%d %H:%M UTC");
    format!("{} of {at}: {}, {}{version}{release}", kept.id, kept.item, units::bytes(kept.bytes))
}

pub(super) fn warnings_of(situation: &Situation<'_>, entered: &Entered<'_>) -> Vec<Arc<str>> {
    let mut warnings = protected(situation);
    warnings.extend(unready(entered.instance));
    warnings
}

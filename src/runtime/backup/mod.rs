//! Backups and restores: what is done in the instances, and in the repository.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use self::{
    program::{Ran, dump, feed},
    recipe::{Act, Into, Recipe, Source, Survey, Which},
};
use crate::{
    backend::{Backend, Progress},
    domain::{Counts, InstanceId, Item, Snapshot, SnapshotId, Trouble},
    repository::{Access, Note, incoming, outgoing},
};

mod postgres;
mod program;
mod recipe;

/// What is to be backed up, and beside what it is kept.
#[derive(Clone, Debug)]
pub struct Order {
    pub item: Item,
    /// In which it is dumped.
    pub instance: InstanceId,
    pub release: Option<Arc<str>>,
    /// For which wish: what is done twice for one wish is done once.
    pub mark: Arc<str>,
}

/// Streams a dump into the repository. `Err`: nothing of it is left there as a snapshot.
pub async fn back_up(
    backend: &dyn Backend,
    access: &Access,
    order: &Order,
    progress: &Progress,
) -> Result<Snapshot, Trouble> {
    let recipe = recipe_of(&order.item)?;
    let what = format!("could not back up {}", order.item);
    let survey = survey(backend, recipe, (&order.item, &order.instance), &what).await?;
    let sources = recipe.sources(&order.item, &survey);
    let (outlets, streams): (Vec<_>, Vec<_>) = sources.iter().map(|source| incoming(source.file.clone())).unzip();
    let note = Note {
        version: survey.version.clone(),
        release: order.release.clone(),
        ..Note::new(order.item.clone(), order.mark.clone())
    };
    let counted = Arc::new(Mutex::new(Counts::new()));
    let (access, runtime, known) = (access.clone(), Handle::current(), counted.clone());
    let archiving = tokio::task::spawn_blocking(move || {
        let repository = access.open_or_make(runtime)?;
        repository.archive(note, streams, |note| {
            note.counts = std::mem::take(&mut *known.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(())
        })
    });
    let dumped = async {
        for (source, outlet) in sources.iter().zip(outlets) {
            progress(&source.act.says);
            let ran = dump(backend, &order.instance, &source.act.script(recipe), &outlet).await?;
            let ran = ran.succeeded(&what)?;
            recipe.counts(part(&source.file), &ran, &mut counted.lock().unwrap_or_else(PoisonError::into_inner));
            // Why nobody reads it any more, the other side says.
            if outlet.end().await.is_err() {
                break;
            }
        }
        Ok::<(), Trouble>(())
    };
    let dumped = dumped.await;
    let archived = archiving.await.unwrap_or_else(|error| Err(Trouble::new(what, error)));
    // What the repository says comes first: the dump breaks off when nobody takes it.
    match (dumped, archived) {
        (Ok(()), archived) => archived,
        (Err(dump), Err(archive)) if archive.why.ends_with("was cut off") => Err(dump),
        (Err(_), Err(archive)) => Err(archive),
        (Err(dump), Ok(_)) => Err(dump),
    }
}

/// What is to be brought back, and where.
#[derive(Clone, Debug)]
pub struct Return {
    pub item: Item,
    pub instance: InstanceId,
    pub snapshot: SnapshotId,
    /// For which wish.
    pub mark: Arc<str>,
}

/// Brings a snapshot into the instance beside what is live, counts it against what was written down when it was taken, and only then lets
/// it take its place. Whatever was live before stands aside.
pub async fn bring_back(
    backend: &dyn Backend,
    access: &Access,
    order: &Return,
    progress: &Progress,
) -> Result<Snapshot, Trouble> {
    let recipe = recipe_of(&order.item)?;
    let what: Arc<str> = format!("could not restore {}", order.item).into();
    let snapshot = looked_up(access, &order.snapshot).await?;
    let into = Into { item: order.item.clone(), files: snapshot.files.clone(), mark: order.mark.clone() };
    let mut found = Counts::new();
    for act in recipe.bring(&into) {
        let ran = run(backend, access, order, (recipe, &act), progress).await?;
        if let Some(part) = &act.counts {
            recipe.counts(part, &ran, &mut found);
        }
    }
    found.extend(counted(backend, recipe, &order.instance, &recipe.count(&into, Which::Brought), &what).await?);
    compare(&snapshot, &found, &what)?;
    for act in recipe.swap(&into) {
        run(backend, access, order, (recipe, &act), progress).await?;
    }
    Ok(snapshot)
}

/// As if it had never been brought.
pub async fn take_back(
    backend: &dyn Backend,
    access: &Access,
    order: &Return,
    progress: &Progress,
) -> Result<(), Trouble> {
    let recipe = recipe_of(&order.item)?;
    let into = Into {
        item: order.item.clone(),
        files: looked_up(access, &order.snapshot).await?.files,
        mark: order.mark.clone(),
    };
    for act in recipe.take_back(&into) {
        run(backend, access, order, (recipe, &act), progress).await?;
    }
    Ok(())
}

/// It stays: what stood aside goes.
pub async fn settle(
    backend: &dyn Backend,
    access: &Access,
    order: &Return,
    progress: &Progress,
) -> Result<(), Trouble> {
    let recipe = recipe_of(&order.item)?;
    let into = Into {
        item: order.item.clone(),
        files: looked_up(access, &order.snapshot).await?.files,
        mark: order.mark.clone(),
    };
    for act in recipe.settle(&into) {
        run(backend, access, order, (recipe, &act), progress).await?;
    }
    Ok(())
}

async fn looked_up(access: &Access, id: &SnapshotId) -> Result<Snapshot, Trouble> {
    let (access, id, runtime) = (access.clone(), id.clone(), Handle::current());
    let looking = tokio::task::spawn_blocking(move || access.open_made(runtime)?.snapshot(&id));
    looking.await.unwrap_or_else(|error| Err(Trouble::new("could not look a snapshot up", error)))
}

async fn run(
    backend: &dyn Backend,
    access: &Access,
    order: &Return,
    (recipe, act): (&dyn Recipe, &Act),
    progress: &Progress,
) -> Result<Ran, Trouble> {
    progress(&act.says);
    let from = act
        .reads
        .as_ref()
        .map(|file| outgoing(access.clone(), Handle::current(), order.snapshot.clone(), file.to_string()));
    let ran = feed(backend, &order.instance, &act.script(recipe), from, |_| {}).await?;
    ran.succeeded(&format!("could not restore {}: {}", order.item, act.says))
}

async fn counted(
    backend: &dyn Backend,
    recipe: &dyn Recipe,
    instance: &InstanceId,
    sources: &[Source],
    what: &str,
) -> Result<Counts, Trouble> {
    let mut counts = Counts::new();
    for source in sources {
        let ran = program::ask(backend, instance, &source.act.script(recipe)).await?.succeeded(what)?;
        recipe.counts(part(&source.file), &ran, &mut counts);
    }
    Ok(counts)
}

/// All that was counted at the backup has to be there, and as much of it.
fn compare(snapshot: &Snapshot, found: &Counts, what: &str) -> Result<(), Trouble> {
    for (name, (least, most)) in &snapshot.counts {
        let (count, _) = found.get(name).copied().unwrap_or_default();
        if !(*least..=*most).contains(&count) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(Trouble::new(what, format!("{name} has {count} where there were {wanted} at the backup")));
        }
    }
    Ok(())
}

/// "shop" of "shop.dump".
fn part(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(name, _)| name)
}

async fn survey(
    backend: &dyn Backend,
    recipe: &dyn Recipe,
    (item, instance): (&Item, &InstanceId),
    what: &str,
) -> Result<Survey, Trouble> {
    let act = recipe.survey(item);
    let ran = program::ask(backend, instance, &act.script(recipe)).await?;
    Ok(recipe.surveyed(&ran.succeeded(what)?))
}

fn recipe_of(item: &Item) -> Result<&'static dyn Recipe, Trouble> {
    let all: [&'static dyn Recipe; 1] = [&postgres::Postgres];
    let found = all.into_iter().find(|recipe| recipe.method() == item.method);
    found.ok_or_else(|| Trouble::new(format!("nothing can be done with {item}"), "how is not known"))
}

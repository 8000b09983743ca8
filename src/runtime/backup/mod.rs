//! Backups and restores: what is done in the instances, and in the repository.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use self::{
    program::dump,
    recipe::{Recipe, Survey},
};
use crate::{
    backend::{Backend, Progress},
    domain::{Counts, InstanceId, Item, Snapshot, Trouble},
    repository::{Access, Note, incoming},
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
    let recipe = recipe_of(order)?;
    let what = format!("could not back up {}", order.item);
    let survey = survey(backend, recipe, &order.instance, &what).await?;
    let sources = recipe.sources(&survey);
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
            let part = source.file.rsplit_once('.').map_or(&*source.file, |(name, _)| name);
            recipe::counts(part, &ran, &mut counted.lock().unwrap_or_else(PoisonError::into_inner));
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

async fn survey(
    backend: &dyn Backend,
    recipe: &dyn Recipe,
    instance: &InstanceId,
    what: &str,
) -> Result<Survey, Trouble> {
    let act = recipe.survey();
    let ran = program::ask(backend, instance, &act.script(recipe)).await?;
    Ok(recipe.surveyed(&ran.succeeded(what)?))
}

fn recipe_of(order: &Order) -> Result<&'static dyn Recipe, Trouble> {
    let all: [&'static dyn Recipe; 1] = [&postgres::Postgres];
    let found = all.into_iter().find(|recipe| recipe.method() == order.item.method);
    found.ok_or_else(|| Trouble::new(format!("could not back up {}", order.item), "nothing knows how"))
}

//! A dump, streamed into the repository.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    Site, configuration, mark, meter::Meter, part, program::dump, recipe::Source, recipe_of, survey, waited_for,
};
use crate::{
    backend::StepError,
    domain::{Counts, Method, Snapshot, Standing, Trouble},
    plan::Save,
    repository::{Note, incoming},
};

/// The snapshot that there is then, or was already for the same wish. `Err`: nothing of it is left in the repository as a whole one.
pub async fn save(site: Site<'_>, order: &Save) -> Result<Snapshot, StepError> {
    let saved = taken(site, order).await;
    saved.map_err(|error| match error {
        StepError::Failed(trouble) if order.is_safety => StepError::Failed(dispensable(trouble)),
        error @ (StepError::Failed(_) | StepError::Lost(_) | StepError::Unsure(_)) => error,
    })
}

/// What cannot be dumped any more is what has to be restored.
fn dispensable(trouble: Trouble) -> Trouble {
    const WITHOUT: &str = "--without-safety goes on without; what is there now is lost then";
    match trouble.help.clone() {
        Some(help) => trouble.help(format!("{help}\n  {WITHOUT}")),
        None => trouble.help(WITHOUT),
    }
}

async fn taken(site: Site<'_>, order: &Save) -> Result<Snapshot, StepError> {
    let Site { backend, access, progress } = site;
    let what = format!("could not back up {}", order.item);
    let note = Note {
        release: order.release.clone(),
        standing: if order.is_safety { Standing::Safety } else { Standing::Whole },
        ..Note::new(order.item.clone(), mark(order.asked))
    };
    let (repository, before) = {
        let (access, runtime, note) = (access.clone(), Handle::current(), note.clone());
        waited_for(move || {
            let repository = access.open_or_make(runtime)?;
            let before = repository.marked(&note.mark, &note.item, note.standing)?;
            Ok((repository, before))
        })
        .await?
    };
    if let Some(before) = before {
        return Ok(before);
    }
    if order.item.method == Method::Configuration {
        return configuration::save(site, order, (repository, note)).await;
    }
    let recipe = recipe_of(site.backend, &order.item)?;
    let survey = survey(backend, recipe, (&order.item, &order.instance), &what).await?;
    let sources = recipe.sources(&order.item, &survey);
    let (outlets, streams): (Vec<_>, Vec<_>) = sources.iter().map(|source| incoming(source.file.clone())).unzip();
    let note = Note { version: survey.version.clone(), ..note };
    let counted = Arc::new(Mutex::new(Counts::new()));
    let known = counted.clone();
    let archiving = spawn_blocking(move || {
        repository.archive(note, streams, |note| {
            note.counts = std::mem::take(&mut *known.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(())
        })
    });
    let dumped = async {
        for (source, outlet) in sources.iter().zip(outlets) {
            let mut meter = Meter::begin(progress, &source.act.says, size(source, &survey.parts));
            let mut tally = recipe.tally(&source.file);
            let told = |piece: &[u8], bytes| {
                tally.iter_mut().for_each(|tally| tally.take(piece));
                meter.at(bytes);
            };
            let script = source.act.script(recipe);
            let ran = dump(backend, &order.instance, &script, &outlet, told).await;
            // Why nobody takes it any more, the other side says.
            if outlet.is_unread() {
                break;
            }
            let ran = ran?.succeeded(&what).map_err(StepError::Failed)?;
            ran.reported("warning").for_each(|warning| progress(warning));
            let part = part(&source.file);
            let mut counts = Counts::new();
            recipe.counts(part, &ran, &mut counts);
            if let Some(mut tally) = tally {
                let whole = tally.end(part, &mut counts);
                let failed = |why| Trouble::new(&*what, format!("{} is not whole: {why}", source.file));
                whole.map_err(|why| StepError::Failed(failed(why)))?;
            }
            counted.lock().unwrap_or_else(PoisonError::into_inner).extend(counts);
            if outlet.end().await.is_err() {
                break;
            }
        }
        progress("waits until all of it is written");
        Ok::<(), StepError>(())
    };
    let dumped = dumped.await;
    let archived = archiving.await.unwrap_or_else(|error| Err(Trouble::new(what.as_str(), error)));
    dumped.and_then(|()| archived.map_err(StepError::Failed))
}

/// In bytes, about, where the survey told it.
fn size(source: &Source, parts: &[(Arc<str>, Option<u64>)]) -> Option<u64> {
    parts.iter().find(|(name, _)| **name == *part(&source.file)).and_then(|(_, bytes)| *bytes)
}

//! What a service is made of: asked of its engine, kept as it says, and given back to it or written into a directory. No program in an instance
//! has a part in it.

mod directory;

use std::time::Instant;

use tokio::task::spawn_blocking;

use super::{Site, opened, prove, restore, waited_for};
use crate::{
    backend::{DefinitionFile, StepError},
    domain::{Counts, Outcome, Snapshot, SnapshotId, Trial, Trouble},
    plan::{Data, Returned, Save},
    repository::{Note, Repository, incoming},
};

/// All but `Data::Save`.
pub async fn carry_out(site: Site<'_>, data: &Data) -> Result<(), StepError> {
    match data {
        Data::Save(order) => super::save(site, order).await.map(drop),
        Data::Check(order) => read(site, &order.snapshot).await.map(drop),
        Data::Bring(order) => bring(site, order).await,
        Data::Swap(order) => swap(site, order).await,
        Data::TakeBack(order) => take_back(site, order).await,
        Data::Compare(order) => compare(site, order).await,
        Data::Rehearse(order) => rehearse(site, order).await,
        // Nothing of it stands beside what is live.
        Data::Discard(_) | Data::Settle(_) => Ok(()),
    }
}

pub async fn save(site: Site<'_>, order: &Save, (repository, note): (Repository, Note)) -> Result<Snapshot, StepError> {
    (site.progress)("reads what it is made of");
    let files = site.backend.definition(order.item.service.clone()).await.map_err(StepError::Failed)?;
    let counts = counts(&files);
    let (outlets, streams): (Vec<_>, Vec<_>) = files.iter().map(|file| incoming(file.name.clone())).unzip();
    let archiving = spawn_blocking(move || {
        repository.archive(note, streams, |note| {
            note.counts = counts;
            Ok(())
        })
    });
    for (file, outlet) in files.into_iter().zip(outlets) {
        // Why nobody reads it any more, the other side says.
        if outlet.write(file.bytes).await.is_err() || outlet.end().await.is_err() {
            break;
        }
    }
    let broken = |error| Err(Trouble::new(format!("could not back up {}", order.item), error));
    archiving.await.unwrap_or_else(broken).map_err(StepError::Failed)
}

/// By kind.
fn counts(files: &[DefinitionFile]) -> Counts {
    let mut counts = Counts::new();
    for file in files {
        let kind = file.name.split('-').next().unwrap_or_default();
        let (least, most) = counts.entry(kind.into()).or_default();
        (*least, *most) = (*least + 1, *most + 1);
    }
    counts
}

/// All of a snapshot, to its end.
async fn read(site: Site<'_>, id: &SnapshotId) -> Result<Vec<DefinitionFile>, StepError> {
    let (repository, snapshot) = opened(site.access, id).await?;
    let what = format!("{id} cannot be restored");
    let mut files = Vec::new();
    for file in &snapshot.files {
        let mut bytes = Vec::new();
        super::read(&repository, (id, file), (&what, site.progress), |piece| bytes.extend_from_slice(piece)).await?;
        files.push(DefinitionFile { name: file.name.clone(), bytes: bytes.into() });
    }
    Ok(files)
}

/// Only tried.
async fn bring(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let files = read(site, &order.snapshot).await?;
    match order.item.path.clone() {
        Some(path) => waited_for(move || directory::look(&path, &files)).await,
        None => define(site, order, files, true).await,
    }
}

async fn swap(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let files = read(site, &order.snapshot).await?;
    match order.item.path.clone() {
        Some(path) => waited_for(move || directory::write(&path, &files)).await,
        None => define(site, order, files, false).await,
    }
}

async fn take_back(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    if let Some(path) = order.item.path.clone() {
        let files = read(site, &order.snapshot).await?;
        return waited_for(move || directory::remove(&path, &files)).await;
    }
    let what = format!("could not bring {} back as it was", order.item);
    let safety = restore::safety(site, order, &what).await?;
    let files = read(site, &safety).await?;
    define(site, order, files, false).await
}

async fn define(site: Site<'_>, order: &Returned, files: Vec<DefinitionFile>, is_trial: bool) -> Result<(), StepError> {
    (site.progress)(if is_trial { "tries it without changing anything" } else { "applies it" });
    site.backend.define(order.item.service.clone(), files, is_trial).await.map_err(StepError::Failed)
}

/// What was applied is there.
async fn compare(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let (wanted, found) =
        (read(site, &order.snapshot).await?, site.backend.definition(order.item.service.clone()).await);
    let found = found.map_err(StepError::Failed)?;
    let missing = wanted.iter().find(|file| !found.iter().any(|other| other.name == file.name));
    let Some(missing) = missing else { return Ok(()) };
    let what = format!("what was restored of {} is not what {} holds", order.item, order.snapshot);
    Err(StepError::Failed(Trouble::new(what, format!("{} is not there", missing.name))))
}

/// What its engine would take is proven by that.
async fn rehearse(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let began = Instant::now();
    let files = read(site, &order.snapshot).await?;
    let opened = Outcome::Opened(counts(&files));
    let tried = define(site, order, files, true).await;
    let outcome = match &tried {
        Ok(()) => opened,
        Err(StepError::Failed(trouble)) => Outcome::Failed(trouble.why.clone()),
        Err(StepError::Lost(_) | StepError::Unsure(_)) => return tried,
    };
    prove(site.access, order, Trial::Rehearsed, began.elapsed(), outcome).await?;
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_is_made_of_is_counted_by_kind() {
        let file = |name: &str| DefinitionFile { name: name.into(), bytes: bytes::Bytes::new() };
        let counted = counts(&["configmap-a-b.json", "configmap-c.json", "deployment-web.json"].map(file));
        assert_eq!(counted, [("configmap".into(), (2, 2)), ("deployment".into(), (1, 1))].into());
    }
}

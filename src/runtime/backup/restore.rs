//! A snapshot on its way back: read, brought beside what is live, counted, and put in its place.

use std::{sync::Arc, time::Instant};

use super::{
    Site, failure, in_repository, is_alike, mark,
    meter::Meter,
    opened, part, program,
    program::{Fed, Ran, feed},
    prove, read,
    recipe::{Act, Into, Recipe, Source, Which},
    recipe_of, survey,
};
use crate::{
    backend::StepError,
    domain::{Counts, Outcome, Snapshot, SnapshotId, Standing, Trial, Trouble, units},
    plan::Returned,
    repository::{Repository, outgoing},
};

/// Reads all of it, and asks the instance for its version and for room.
pub async fn check(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("{} cannot be restored into {}", order.snapshot, order.name);
    let restoring = Restoring::of(site, order, &what).await?;
    let survey = survey(site.backend, restoring.recipe, (&order.item, &order.instance), &what).await?;
    let snapshot = &restoring.snapshot;
    if let (Some(runs), Some(wrote)) = (&survey.version, &snapshot.version)
        && is_older(runs, wrote)
    {
        return Err(failed(
            &what,
            format!("it was taken of version {wrote}, and {} is {runs}", order.name),
            Some("restore it into a service of that version or a newer one"),
        ));
    }
    if let Some(database) = &order.database
        && survey.parts.iter().any(|(name, _)| *name == database.to)
    {
        let why = format!("there is a database {} in {} already", database.to, order.name);
        return Err(failed(&what, why, Some("pick a name that nobody has")));
    }
    if let Some(room) = survey.room.filter(|room| *room < snapshot.bytes()) {
        let (room, wanted) = (units::bytes(room), units::bytes(snapshot.bytes()));
        let why = format!("there is room for {room} where about {wanted} are wanted, beside what is there");
        return Err(failed(&what, why, Some("make room first; nothing was changed")));
    }
    for file in &snapshot.files {
        read(&restoring.repository, (&snapshot.id, file), (&what, site.progress), |_| {}).await?;
    }
    Ok(())
}

pub async fn bring(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("could not restore {}", order.item);
    let restoring = Restoring::of(site, order, &what).await?;
    let began = Instant::now();
    let counts = restoring.bring().await?;
    if order.database.is_some() {
        // One of several proves nothing of the others.
        return Ok(());
    }
    let proven = prove(site.access, order, Trial::Restored, began.elapsed(), Outcome::Opened(counts));
    // It is there all the same.
    if let Err(error) = proven.await {
        tracing::warn!("how long a restore took was not written down: {}", failure(error));
    }
    Ok(())
}

pub async fn discard(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("could not let go what came from {}", order.snapshot);
    let restoring = Restoring::of(site, order, &what).await?;
    restoring.carry(restoring.recipe.take_back(&restoring.into)).await
}

pub async fn swap(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("could not restore {}", order.item);
    let restoring = Restoring::of(site, order, &what).await?;
    restoring.swap().await
}

pub async fn take_back(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("could not bring {} back as it was", order.item);
    let restoring = Restoring::of(site, order, &what).await?;
    restoring.carry(restoring.recipe.take_back(&restoring.into)).await?;
    if order.item.method.keeps_old() || restoring.into.is_renamed() {
        return Ok(());
    }
    let safety = safety(site, order, &what).await?;
    let order = Returned { snapshot: safety, ..order.clone() };
    let restoring = Restoring::of(site, &order, &what).await?;
    restoring.bring().await?;
    restoring.swap().await?;
    restoring.carry(restoring.recipe.settle(&restoring.into)).await
}

/// Whoever writes to it already may have added something or taken something away; what is missing as a whole was not restored.
pub async fn compare(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("what was restored of {} is not what {} holds", order.item, order.snapshot);
    let restoring = Restoring::of(site, order, &what).await?;
    restoring.compare().await
}

pub async fn settle(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let what = format!("could not let go what {} was before", order.item);
    let restoring = Restoring::of(site, order, &what).await?;
    restoring.carry(restoring.recipe.settle(&restoring.into)).await
}

/// One snapshot on its way into one instance.
pub(super) struct Restoring<'a> {
    site: Site<'a>,
    order: &'a Returned,
    pub recipe: &'static dyn Recipe,
    repository: Arc<Repository>,
    pub snapshot: Snapshot,
    pub into: Into,
    what: &'a str,
}

impl<'a> Restoring<'a> {
    pub async fn of(site: Site<'a>, order: &'a Returned, what: &'a str) -> Result<Self, StepError> {
        let recipe = recipe_of(site.backend, &order.item)?;
        let (repository, mut snapshot) = opened(site.access, &order.snapshot).await?;
        if let Some(database) = &order.database {
            snapshot = snapshot.only(&database.from, what).map_err(StepError::Failed)?;
        }
        let into = Into {
            item: order.item.clone(),
            files: snapshot.files.clone(),
            database: order.database.clone(),
            mark: mark(order.asked),
        };
        Ok(Self { site, order, recipe, repository, snapshot, into, what })
    }

    pub async fn bring(&self) -> Result<Counts, StepError> {
        let mut found = Counts::new();
        for act in self.recipe.bring(&self.into) {
            let ran = self.run(&act).await?;
            if let Some(part) = &act.counts {
                self.recipe.counts(part, &ran, &mut found);
            }
        }
        (self.site.progress)("counts what was brought");
        found.extend(self.counted(&self.recipe.count(&self.into, Which::Brought)).await?);
        is_alike(&self.snapshot, &found, self.what).map_err(StepError::Failed)?;
        Ok(found)
    }

    pub async fn swap(&self) -> Result<(), StepError> {
        self.carry(self.recipe.swap(&self.into)).await
    }

    /// What is live now.
    pub async fn compare(&self) -> Result<(), StepError> {
        (self.site.progress)("counts what is live");
        let found = self.counted(&self.recipe.count(&self.into, Which::Live)).await?;
        match lost(&self.snapshot.counts, &found) {
            Some((name, least)) => {
                Err(failed(self.what, format!("{name} is empty or gone where there were {least}"), None))
            }
            None => Ok(()),
        }
    }

    async fn carry(&self, acts: Vec<Act>) -> Result<(), StepError> {
        for act in acts {
            self.run(&act).await?;
        }
        Ok(())
    }

    async fn run(&self, act: &Act) -> Result<Ran, StepError> {
        let reads = act.reads.as_ref();
        let file = reads.and_then(|name| self.snapshot.files.iter().find(|file| file.name == *name));
        let mut meter = Meter::begin(self.site.progress, &act.says, file.map(|file| file.bytes));
        let from = file.map(|file| Fed {
            pieces: outgoing(self.repository.clone(), self.snapshot.id.clone(), file.name.to_string()),
            bytes: file.bytes,
            what: self.what,
        });
        let script = act.script(self.recipe);
        let ran = feed(self.site.backend, &self.order.instance, &script, from, |bytes| meter.at(bytes)).await?;
        ran.succeeded(&format!("{}: {}", self.what, act.says)).map_err(StepError::Failed)
    }

    async fn counted(&self, sources: &[Source]) -> Result<Counts, StepError> {
        let mut counts = Counts::new();
        for source in sources {
            let ran = program::ask(self.site.backend, &self.order.instance, &source.act.script(self.recipe)).await?;
            let ran = ran.succeeded(self.what).map_err(StepError::Failed)?;
            self.recipe.counts(part(&source.file), &ran, &mut counts);
        }
        Ok(counts)
    }
}

/// The first that is empty or gone, and how many there were at the least. What was there and empty has to be there; where there may have been
/// none (keys that expire), none is no loss.
fn lost<'a>(counts: &'a Counts, found: &Counts) -> Option<(&'a str, u64)> {
    let is_lost = |name: &str, least: u64, most: u64| match found.get(name) {
        Some((count, _)) => *count == 0 && least > 0,
        None => least > 0 || most == 0,
    };
    counts.iter().find_map(|(name, &(least, most))| is_lost(name, least, most).then_some((&**name, least)))
}

/// What was taken before, for the same wish.
pub(super) async fn safety(site: Site<'_>, order: &Returned, what: &str) -> Result<SnapshotId, StepError> {
    let (item, mark) = (order.item.clone(), mark(order.asked));
    let found = in_repository(site.access, move |repository| repository.marked(&mark, &item, Standing::Safety)).await?;
    found.map(|snapshot| snapshot.id).ok_or_else(|| {
        failed(what, "no snapshot was taken before it".into(), Some("pick another snapshot, and restore that"))
    })
}

/// By its first number alone: what a later one of the same takes is the recipe's to say.
fn is_older(runs: &str, wrote: &str) -> bool {
    let number = |version: &str| -> Option<u32> { version.split('.').next()?.parse().ok() };
    matches!((number(runs), number(wrote)), (Some(runs), Some(wrote)) if runs < wrote)
}

fn failed(what: &str, why: String, help: Option<&str>) -> StepError {
    let trouble = Trouble::new(what, why);
    StepError::Failed(match help {
        Some(help) => trouble.help(help),
        None => trouble,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_told_by_its_first_number() {
        assert!(is_older("14.11", "15.2") && is_older("9.6.24", "10.1"));
        assert!(!is_older("15.1", "15.9") && !is_older("16.0", "15.9") && !is_older("odd", "15.9"));
    }

    #[test]
    fn what_is_gone_is_lost_unless_there_may_have_been_none() {
        let counts = |all: &[(&str, (u64, u64))]| all.iter().map(|(name, range)| ((*name).into(), *range)).collect();
        let at_the_backup: Counts = counts(&[("expiring", (0, 9)), ("orders", (5, 5)), ("unused", (0, 0))]);
        let lost_of = |found: &[(&str, (u64, u64))]| {
            let found: Counts = counts(found);
            lost(&at_the_backup, &found).map(|(name, least)| (name.to_owned(), least))
        };
        assert_eq!(lost_of(&[("orders", (6, 6)), ("unused", (0, 0))]), None);
        assert_eq!(lost_of(&[("orders", (0, 0)), ("unused", (0, 0))]), Some(("orders".into(), 5)));
        assert_eq!(lost_of(&[("expiring", (1, 1)), ("unused", (0, 0))]), Some(("orders".into(), 5)));
        assert_eq!(lost_of(&[("orders", (5, 5))]), Some(("unused".into(), 0)));
    }
}

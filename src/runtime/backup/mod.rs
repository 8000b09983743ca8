//! Backups and restores: what the steps of a plan do in the instances, and in the repository.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{runtime::Handle, task::spawn_blocking};

use self::{
    meter::Meter,
    program::Ran,
    recipe::{Recipe, Survey},
};
use crate::{
    backend::{Backend, Progress, StepError},
    config::backup::Backups,
    domain::{Counts, InstanceId, Item, Method, Outcome, Proof, Snapshot, SnapshotId, StoredFile, Trial, Trouble},
    plan::{Data, Returned},
    repository::{Access, Password, Repository, outgoing},
};

mod at_rest;
mod configuration;
mod files;
mod listing;
mod meter;
mod mongo;
mod mysql;
mod postgres;
mod program;
mod rabbitmq;
mod recipe;
mod redis;
mod rehearse;
mod restore;
mod save;
mod simulated;
mod sqlite;

pub use listing::keep_listing;
pub use rehearse::rehearse;
pub use restore::{bring, check, compare, discard, settle, swap, take_back};
pub use save::save;

/// Seconds after which a scratch instance ends by itself, whatever becomes of us.
const SCRATCH_LIVES: u32 = 24 * 3600;

/// Where backups are kept, as the config says.
#[derive(Clone, Debug)]
pub struct Vault {
    pub backups: Arc<Backups>,
    /// As `Access::cache`.
    pub cache: Option<PathBuf>,
}

impl Vault {
    /// Asks for the password anew each time. Waits for a file or a program: for threads that may.
    pub fn access(&self) -> Result<Access, Trouble> {
        let password = Password::from(&self.backups.password)?;
        Ok(Access { place: self.backups.place.clone(), password, cache: self.cache.clone() })
    }
}

/// With what a step is carried out.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub backend: &'a dyn Backend,
    pub access: &'a Access,
    pub progress: &'a Progress,
}

/// A step, done again without harm however far it came before.
pub async fn carry_out(
    vault: Option<&Vault>,
    backend: &dyn Backend,
    data: Data,
    progress: &Progress,
) -> Result<(), StepError> {
    let vault = vault.cloned().ok_or_else(|| StepError::Failed(unconfigured()))?;
    let access = waited_for(move || vault.access()).await?;
    let site = Site { backend, access: &access, progress };
    let done = match data.at_rest() {
        Some(path) => at_rest::carry_out(site, &data, path).await,
        None => done(site, &data).await,
    };
    match done {
        // Whatever it was, an engine that is gone did not say no.
        Err(StepError::Failed(trouble)) if backend.ping().await.is_err() => Err(StepError::Lost(trouble)),
        done => done,
    }
}

async fn done(site: Site<'_>, data: &Data) -> Result<(), StepError> {
    if data.item().method == Method::Configuration {
        return configuration::carry_out(site, data).await;
    }
    match data {
        Data::Save(order) => save(site, order).await.map(drop),
        Data::Check(order) => check(site, order).await,
        Data::Bring(order) => bring(site, order).await,
        Data::Discard(order) => discard(site, order).await,
        Data::Swap(order) => swap(site, order).await,
        Data::TakeBack(order) => take_back(site, order).await,
        Data::Compare(order) => compare(site, order).await,
        Data::Settle(order) => settle(site, order).await,
        Data::Rehearse(order) => rehearse(site, order).await,
    }
}

/// What there is to say where the config names no repository.
pub fn unconfigured() -> Trouble {
    Trouble::new("nothing is backed up or restored", "the config names no repository")
        .help("[backup] in the config: repository = \"/srv/backups\", and password_file = \"FILE\"")
}

/// Tells what one wish makes from what another does.
fn mark(asked: Option<Timestamp>) -> Arc<str> {
    asked.unwrap_or_else(Timestamp::now).as_nanosecond().to_string().into()
}

/// What an error of a step says.
fn failure(error: StepError) -> Trouble {
    match error {
        StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble) => trouble,
    }
}

/// In a thread that may wait.
async fn waited_for<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, StepError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Trouble::new("the work broke off", error))).map_err(StepError::Failed)
}

/// The same, with the repository, which has to be there already.
async fn in_repository<T: Send + 'static>(
    access: &Access,
    work: impl FnOnce(Repository) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, StepError> {
    let (access, runtime) = (access.clone(), Handle::current());
    waited_for(move || work(access.open_made(runtime)?)).await
}

/// Opened once for all that a step reads of it: a password is slow to try.
async fn opened(access: &Access, id: &SnapshotId) -> Result<(Arc<Repository>, Snapshot), StepError> {
    let id = id.clone();
    in_repository(access, move |repository| {
        let snapshot = repository.snapshot(&id)?;
        Ok((Arc::new(repository), snapshot))
    })
    .await
}

/// One file of a snapshot, to its end: `take` sees each piece. `Err` also where it is shorter or longer than what was written.
async fn read(
    repository: &Arc<Repository>,
    (snapshot, file): (&SnapshotId, &StoredFile),
    (what, progress): (&str, &Progress),
    mut take: impl FnMut(&[u8]),
) -> Result<(), StepError> {
    let says = format!("reads {}", file.name);
    let mut meter = Meter::begin(progress, &says, Some(file.bytes));
    let mut pieces = outgoing(repository.clone(), snapshot.clone(), file.name.to_string());
    let mut bytes = 0;
    while let Some(piece) = pieces.recv().await {
        let piece = piece.map_err(StepError::Failed)?;
        take(&piece);
        bytes += piece.len() as u64;
        meter.at(bytes);
    }
    if bytes == file.bytes {
        return Ok(());
    }
    let why = format!("{} has {bytes} bytes where {} were written", file.name, file.bytes);
    Err(StepError::Failed(Trouble::new(what, why).help("take another snapshot; nothing was changed")))
}

/// Writes down how a snapshot did when it was tried, for every machine to know.
async fn prove(
    access: &Access,
    order: &Returned,
    trial: Trial,
    took: Duration,
    outcome: Outcome,
) -> Result<(), StepError> {
    let (of, item) = (order.snapshot.clone(), order.item.clone());
    let proof = Proof { of, item, at: Timestamp::now(), took, trial, outcome };
    in_repository(access, move |repository| repository.prove(&proof)).await
}

async fn survey(
    backend: &dyn Backend,
    recipe: &dyn Recipe,
    (item, instance): (&Item, &InstanceId),
    what: &str,
) -> Result<Survey, StepError> {
    let act = recipe.survey(item);
    let ran = program::ask(backend, instance, &act.script(recipe)).await?.succeeded(what).map_err(StepError::Failed)?;
    let room = room(&ran);
    Ok(Survey { room, ..recipe.surveyed(&ran) })
}

/// "room 1048576", in bytes.
fn room(ran: &Ran) -> Option<u64> {
    ran.reported("room").next()?.parse().ok()
}

/// All that was counted at the backup has to be there, and as much of it.
fn is_alike(snapshot: &Snapshot, found: &Counts, what: &str) -> Result<(), Trouble> {
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

fn recipe_of(backend: &dyn Backend, item: &Item) -> Result<&'static dyn Recipe, StepError> {
    if backend.is_simulated() {
        return Ok(&simulated::Simulated);
    }
    Ok(match item.method {
        Method::Postgres => &postgres::Postgres,
        Method::Mysql => &mysql::Mysql,
        Method::Mongo => &mongo::Mongo,
        Method::Redis => &redis::Redis,
        Method::Sqlite => &sqlite::Sqlite,
        Method::RabbitMq => &rabbitmq::RabbitMq,
        Method::Files => &files::Files,
        Method::Configuration => {
            let trouble = Trouble::new(format!("nothing can be done with {item}"), "it is in no instance");
            return Err(StepError::Failed(trouble));
        }
    })
}

//! Backups of what really runs, read back by other programs than this one.

use std::{path::Path, process::Command, sync::Arc};

use jiff::Timestamp;
use midwatch::{
    backend::{Backend, Progress, StepError},
    config::{
        backup::{Backups, Keep, PasswordSource},
        place::Place,
    },
    domain::{InstanceId, Item, Method, Objectives, Renamed, Snapshot, SnapshotId, Trouble, Verdict},
    plan::{
        Plan, Restoring, Returned, Save, Step, Verb,
        execution::{Execution, Next, Outcome},
    },
    repository::{Access, Password},
    runtime::backup::{self, Site, Vault},
};

use crate::{
    docker::{DockerStage, docker},
    observer::PATIENCE,
    stage::{Running, Stage},
};

mod at_rest;
mod configuration;
mod files;
mod kubernetes;
mod mongo;
mod mysql;
mod postgres;
mod rabbitmq;
mod redis;
mod scene;
mod sqlite;

const STACK: &str = "lab/stack";
const PASSWORD: &str = "hunter2";

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

pub fn restic(place: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut restic = Command::new("restic");
    restic.args(["--no-cache", "--repo"]).arg(place).args(arguments).env("RESTIC_PASSWORD", PASSWORD);
    let output = restic.output().expect("restic runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn backed_up(stage: &DockerStage, running: &Running, place: &Path, method: Method) -> Result<Snapshot, Trouble> {
    backed_up_at(stage, running, place, (method, None)).await
}

async fn backed_up_at(
    stage: &dyn Stage,
    running: &Running,
    place: &Path,
    (method, path): (Method, Option<&str>),
) -> Result<Snapshot, Trouble> {
    let backend = stage.backend().await;
    let order = Save {
        item: Item { service: running.service.clone(), method, path: path.map(Arc::from) },
        instance: running.instance.clone(),
        name: (&*running.name).into(),
        release: Some("v1".into()),
        is_safety: false,
        at_rest: false,
        asked: None,
    };
    let (access, progress) = (access(place), silent());
    let site = Site { backend: &*backend, access: &access, progress: &progress };
    backup::save(site, &order).await.map_err(trouble)
}

/// A snapshot on its way back.
struct Return {
    item: Item,
    instance: InstanceId,
    snapshot: SnapshotId,
    database: Option<Renamed>,
    /// For which wish.
    mark: &'static str,
}

impl Return {
    fn order(&self) -> Returned {
        let asked = self.mark.bytes().fold(1, |sum, byte| sum * 31 + i64::from(byte));
        Returned {
            snapshot: self.snapshot.clone(),
            item: self.item.clone(),
            instance: self.instance.clone(),
            name: "it".into(),
            at_rest: false,
            database: self.database.clone(),
            asked: Some(Timestamp::from_second(asked % 1_000_000_000).expect("a time")),
        }
    }
}

/// Read to its end first.
async fn bring_back(
    backend: &dyn Backend,
    access: &Access,
    order: &Return,
    progress: &Progress,
) -> Result<(), Trouble> {
    backup::check(Site { backend, access, progress }, &order.order()).await.map_err(trouble)?;
    brought(backend, access, order, progress).await
}

/// Brought, counted, and in the place of what was live.
async fn brought(backend: &dyn Backend, access: &Access, order: &Return, progress: &Progress) -> Result<(), Trouble> {
    bring(backend, access, order, progress).await?;
    let (site, order) = (Site { backend, access, progress }, order.order());
    backup::swap(site, &order).await.map_err(trouble)?;
    backup::compare(site, &order).await.map_err(trouble)
}

async fn bring(backend: &dyn Backend, access: &Access, order: &Return, progress: &Progress) -> Result<(), Trouble> {
    backup::bring(Site { backend, access, progress }, &order.order()).await.map_err(trouble)
}

async fn take_back(backend: &dyn Backend, access: &Access, order: &Return, progress: &Progress) -> Result<(), Trouble> {
    backup::take_back(Site { backend, access, progress }, &order.order()).await.map_err(trouble)
}

async fn discard(backend: &dyn Backend, access: &Access, order: &Return, progress: &Progress) -> Result<(), Trouble> {
    backup::discard(Site { backend, access, progress }, &order.order()).await.map_err(trouble)
}

async fn settle(backend: &dyn Backend, access: &Access, order: &Return, progress: &Progress) -> Result<(), Trouble> {
    backup::settle(Site { backend, access, progress }, &order.order()).await.map_err(trouble)
}

fn trouble(error: StepError) -> Trouble {
    match error {
        StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble) => trouble,
    }
}

fn to_return(snapshot: &Snapshot, running: &Running) -> Return {
    Return {
        item: snapshot.item.clone(),
        instance: running.instance.clone(),
        snapshot: snapshot.id.clone(),
        database: None,
        mark: "op-1",
    }
}

/// Only `shop` of it, by another name.
fn to_return_as(name: &str, snapshot: &Snapshot, running: &Running) -> Return {
    Return { database: Some(Renamed { from: "shop".into(), to: name.into() }), ..to_return(snapshot, running) }
}

/// What `sh` prints there; it has to succeed.
fn shell(container: &str, script: &str) -> String {
    docker(&["exec", container, "sh", "-c", script])
}

/// A program of this name is found before the one that is there.
fn put_program(container: &str, name: &str, script: &str) {
    let write = "mkdir -p /usr/local/bin && printf %s \"$1\" >\"/usr/local/bin/$0\" && chmod 755 \"/usr/local/bin/$0\"";
    docker(&["exec", container, "sh", "-c", write, name, script]);
}

fn access(place: &Path) -> Access {
    Access { place: Place::Local(place.into()), password: Password::new(PASSWORD), cache: None }
}

fn vault(place: &Path) -> Vault {
    let password = place.with_extension("password");
    std::fs::write(&password, PASSWORD).expect("it is written");
    let backups = Backups {
        place: Place::Local(place.into()),
        password: PasswordSource::File(password),
        keep: Keep::default(),
        objectives: Objectives::default(),
        rules: Vec::new(),
    };
    Vault { backups: Arc::new(backups), cache: None }
}

fn restoring(snapshot: &Snapshot, into: Item, without_safety: bool) -> Verb {
    Verb::Restore(Box::new(Restoring {
        snapshot: snapshot.into(),
        into,
        database: None,
        without_safety,
        leaves_dependants: false,
        stops: Vec::new(),
        wished: Timestamp::now(),
        took: None,
    }))
}

/// To its end or to the end of the way back, and what failed first.
async fn carried_out(vault: &Vault, backend: &Arc<dyn Backend>, plan: Plan) -> (Verdict, Option<Trouble>) {
    let (mut execution, mut first) = (Execution::new(plan), None);
    loop {
        let step = match execution.next() {
            Next::Do { step, .. } | Next::Undo { step, .. } => step.clone(),
            Next::Held { why, .. } => panic!("{why}"),
            Next::Ended(verdict) => return (verdict, first),
        };
        let record = execution.beginning(Timestamp::now()).expect("there is a step");
        execution.apply(&record).expect("it may begin");
        let done = match step {
            Step::Data(data) => backup::carry_out(Some(vault), &**backend, data, &silent()).await,
            step => backend.execute(step, silent()).await,
        };
        let outcome = done.map_or_else(|error| Outcome::Failed(trouble(error)), |()| Outcome::Done);
        if let Outcome::Failed(trouble) = &outcome {
            first.get_or_insert_with(|| trouble.clone());
        }
        execution.told(outcome, Timestamp::now()).expect("a step was begun");
    }
}

fn silent() -> Progress {
    Arc::new(|_: &str| {})
}

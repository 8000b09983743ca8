//! Backups of what really runs, read back by other programs than this one.

use std::{path::Path, process::Command, sync::Arc};

use midwatch::{
    backend::Progress,
    config::place::Place,
    domain::{Item, Method, ServiceId, Snapshot, Trouble},
    repository::{Access, Password},
    runtime::backup::{Order, back_up},
};

use crate::{
    docker::DockerStage,
    observer::PATIENCE,
    stage::{Running, Stage},
};

mod postgres;

const STACK: &str = "lab/stack";
const PASSWORD: &str = "hunter2";

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

fn restic(place: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut restic = Command::new("restic");
    restic.args(["--no-cache", "--repo"]).arg(place).args(arguments).env("RESTIC_PASSWORD", PASSWORD);
    let output = restic.output().expect("restic runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

async fn backed_up(stage: &DockerStage, running: &Running, place: &Path, method: Method) -> Result<Snapshot, Trouble> {
    let backend = (stage as &dyn Stage).backend().await;
    let service: ServiceId = running.service.clone();
    let order = Order {
        item: Item { service, method, path: None },
        instance: running.instance.clone(),
        release: Some("v1".into()),
        mark: "asked".into(),
    };
    back_up(&*backend, &access(place), &order, &silent()).await
}

fn access(place: &Path) -> Access {
    Access { place: Place::Local(place.into()), password: Password::new(PASSWORD), cache: None }
}

fn silent() -> Progress {
    Arc::new(|_: &str| {})
}

//! One thing that is backed up and restored, in a container of its own, and a repository for it alone.

use std::{path::PathBuf, process::Command, sync::Arc};

use midwatch::{
    backend::Backend,
    domain::{Item, Method, Snapshot, Trouble},
    plan::Save,
    repository::{Note, incoming},
    runtime::backup::{self, Site},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{Return, STACK, access, brought, discard, restic, silent, trouble, until};
use crate::{
    docker::{DockerStage, docker},
    stage::{Running, Stage},
};

pub struct Scene {
    pub name: String,
    pub backend: Arc<dyn Backend>,
    pub running: Running,
    pub item: Item,
    files: tempfile::TempDir,
    // Its container goes with it.
    _stage: DockerStage,
}

impl Scene {
    /// `docker run -d` of lab/stack with these arguments before the image, and this script. `None`: there is no engine.
    pub async fn open(
        case: &str,
        (method, path): (Method, Option<&str>),
        arguments: &[&str],
        script: &str,
    ) -> Option<Self> {
        let stage = DockerStage::open(case).await?;
        let (name, label) = (format!("{}-it", stage.prefix), format!("{}=1", stage.prefix));
        let before = ["run", "-d", "--name", &name, "--label", &label, "--stop-timeout", "5"];
        let id = docker(&[&before, arguments, &[STACK, "sh", "-c", script]].concat());
        let running = stage.running(&name, &id);
        Some(Self {
            name,
            backend: (&stage as &dyn Stage).backend().await,
            item: Item { service: running.service.clone(), method, path: path.map(Into::into) },
            running,
            files: tempfile::tempdir().expect("a directory"),
            _stage: stage,
        })
    }

    pub fn place(&self) -> PathBuf {
        self.files.path().join("repository")
    }

    /// What a script prints in the container, whose `$0` is the item's path; `None` where it fails.
    pub fn tried(&self, script: &str) -> Option<String> {
        let output = Command::new("docker").args(["exec"]).args(self.inside(script)).output();
        let output = output.expect("the docker CLI runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub fn sh(&self, script: &str) -> String {
        docker(&[&["exec"], &self.inside(script)[..]].concat())
    }

    /// Runs in the container until it ends, or that does.
    pub fn goes_on(&self, script: &str) {
        docker(&[&["exec", "-d"], &self.inside(script)[..]].concat());
    }

    fn inside<'a>(&'a self, script: &'a str) -> [&'a str; 5] {
        [&self.name, "sh", "-c", script, self.item.path.as_deref().unwrap_or("sh")]
    }

    /// Comes back when this is so for a moment.
    pub async fn sees(&self, condition: &str) {
        let script = format!("until {condition}; do :; done");
        let looking = tokio::process::Command::new("docker").arg("exec").args(self.inside(&script)).status();
        assert!(looking.await.expect("the docker CLI runs").success(), "{condition}");
    }

    pub fn until(&self, what: &str, script: &str) {
        until(what, || self.tried(script).is_some());
    }

    pub async fn backed_up(&self) -> Snapshot {
        self.back_up().await.unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    pub async fn back_up(&self) -> Result<Snapshot, Trouble> {
        let order = Save {
            item: self.item.clone(),
            instance: self.running.instance.clone(),
            name: (&*self.name).into(),
            release: Some("v1".into()),
            is_safety: false,
            at_rest: false,
            asked: None,
        };
        let (access, progress) = (access(&self.place()), silent());
        let site = Site { backend: &*self.backend, access: &access, progress: &progress };
        backup::save(site, &order).await.map_err(trouble)
    }

    pub async fn restored(&self, snapshot: &Snapshot) {
        self.restore(snapshot).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    }

    pub async fn restore(&self, snapshot: &Snapshot) -> Result<(), Trouble> {
        brought(&*self.backend, &access(&self.place()), &self.order(snapshot), &silent()).await
    }

    pub async fn taken_back(&self, snapshot: &Snapshot) {
        let taken = discard(&*self.backend, &access(&self.place()), &self.order(snapshot), &silent()).await;
        taken.unwrap_or_else(|trouble| panic!("{trouble}"));
    }

    fn order(&self, snapshot: &Snapshot) -> Return {
        Return {
            item: self.item.clone(),
            instance: self.running.instance.clone(),
            snapshot: snapshot.id.clone(),
            database: None,
            mark: "op-1",
        }
    }

    /// The bytes of its one file, as the restic program finds them in a repository that it found to be whole.
    pub fn dumped(&self, snapshot: &Snapshot) -> Vec<u8> {
        restic(&self.place(), &["check", "--read-data"]);
        let listed = restic(&self.place(), &["ls", snapshot.id.as_str()]);
        let listed = String::from_utf8(listed).expect("text");
        let file = &snapshot.files[0];
        let path = listed.lines().find(|line| line.ends_with(&format!("/{}", file.name))).expect("it is listed");
        let bytes = restic(&self.place(), &["dump", snapshot.id.as_str(), path]);
        assert_eq!(bytes.len() as u64, file.bytes);
        bytes
    }

    /// A snapshot whose one file has these bytes, and is said to have so many.
    pub async fn keeps(&self, like: &Snapshot, bytes: Vec<u8>, claimed: u64) -> Snapshot {
        let (outlet, stream) = incoming(like.files[0].name.clone());
        let note = Note::new(self.item.clone(), format!("of {claimed} bytes"));
        let (access, runtime) = (access(&self.place()), Handle::current());
        let archiving = spawn_blocking(move || {
            access.open_or_make(runtime)?.archive(note, vec![stream], |note| {
                note.files[0].bytes = claimed;
                Ok(())
            })
        });
        outlet.write(bytes.into()).await.expect("it is read");
        outlet.end().await.expect("it is read");
        archiving.await.expect("it ends").unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    /// Neither what is shorter than it is said to be, nor what was cut off before it was kept, changes what `looks` prints.
    pub async fn overwrites_nothing_with_a_part(&self, whole: &Snapshot, looks: impl Fn() -> String) {
        let (before, bytes) = (looks(), self.dumped(whole));
        let half = bytes[..bytes.len() / 2].to_vec();
        for claimed in [bytes.len() as u64, half.len() as u64] {
            let part = self.keeps(whole, half.clone(), claimed).await;
            let trouble = self.restore(&part).await.expect_err("it is a part");
            assert!(trouble.what.starts_with("could not restore "), "{trouble}");
            assert_eq!(looks(), before);
        }
    }
}

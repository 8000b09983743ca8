//! Containers.

use std::sync::Arc;

use midwatch::{
    backend::{Backend, Scratch, ScratchKind},
    domain::{InstanceId, ServiceId},
};

use crate::{
    docker::{DockerStage, docker, listed, swept},
    kubernetes::until,
    observer::{Observer, PATIENCE},
    programs::said,
    stage::{Running, Stage},
};

const STACK: &str = "lab/stack";
/// Debian's PostgreSQL. Its data is in the image, so that a new volume there has an empty cluster.
const POSTGRES: &str = "exec /usr/lib/postgresql/*/bin/postgres -D /var/lib/postgresql/*/main \
                        -c config_file=$(echo /etc/postgresql/*/main/postgresql.conf)";
const DATABASES: &str = "su postgres -c 'psql -XAtqc \"select datname from pg_database order by 1\"'";

/// What a test is about, gone with it however it ends.
struct World {
    stage: DockerStage,
    backend: Arc<dyn Backend>,
    like: Running,
    files: tempfile::TempDir,
}

impl World {
    /// `arguments`: of `docker run`, beside a volume at the server's data, a secret that it may only read, and a file that it may write.
    async fn open(case: &str, arguments: &[&str], command: &[&str]) -> Option<Self> {
        let stage = DockerStage::open(case).await?;
        let files = tempfile::tempdir().expect("a directory");
        let bound = |name: &str, place: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, name).expect("it is written");
            format!("{}:{place}", path.display())
        };
        let name = format!("{}-db", stage.prefix);
        let (label, data) = (format!("{}=1", stage.prefix), format!("{name}:/var/lib/postgresql"));
        let (secret, file) = (bound("secret", "/run/secrets/password:ro"), bound("file", "/etc/db.conf"));
        let known = ["run", "-d", "--name", &name, "--label", &label, "-v", &data, "-v", &secret, "-v", &file];
        let id = docker(&[&known[..], arguments, &[STACK], command].concat());
        let backend = (&stage as &dyn Stage).backend().await;
        let like = stage.running(&name, &id);
        Some(Self { stage, backend, like, files })
    }

    fn wanted(&self) -> Scratch {
        Scratch { like: self.like.instance.clone(), service: self.service(), kind: ScratchKind::Server, within: 600 }
    }

    fn service(&self) -> ServiceId {
        self.like.service.clone()
    }

    /// The name of another service on its host.
    fn other(&self) -> String {
        format!("{}-other", self.like.name)
    }

    async fn scratch(&self, wanted: Scratch) -> InstanceId {
        self.backend.scratch(wanted).await.unwrap_or_else(|trouble| panic!("{trouble}"))
    }

    async fn discard(&self, scratch: &InstanceId) {
        self.backend.discard(scratch.clone()).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    }

    /// What a script prints in it.
    async fn told(&self, scratch: &InstanceId, script: &str) -> String {
        let (output, errors, code) = said(&self.backend, scratch, script, b"").await;
        assert_eq!(code, 0, "{script}: {errors}");
        String::from_utf8_lossy(&output).trim().to_owned()
    }

    /// Containers and volumes of its scratch instances.
    fn left(&self) -> (usize, usize) {
        self.left_of(&self.like.name)
    }

    fn left_of(&self, service: &str) -> (usize, usize) {
        let filter = of(service);
        let count = |list: &[&str]| listed(&[list, &["--filter", &filter]].concat()).lines().count();
        (count(&["ps", "-aq"]), count(&["volume", "ls", "-q"]))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for service in [&self.like.name, &self.other()] {
            swept(&["ps", "-aq", "--filter", &of(service)], &["rm", "-f", "-v"]);
            swept(&["volume", "ls", "-q", "--filter", &of(service)], &["volume", "rm"]);
        }
        swept(&["ps", "-aq", "--filter", &format!("name=^{}$", self.like.name)], &["rm", "-f"]);
        swept(&["volume", "ls", "-q", "--filter", &format!("name=^{}$", self.like.name)], &["volume", "rm"]);
    }
}

fn of(service: &str) -> String {
    format!("label=midwatch.service={service}")
}

fn is_running(id: &InstanceId) -> bool {
    listed(&["ps", "-q", "--no-trunc"]).contains(&*id.key)
}

async fn until_answered(world: &World, instance: &InstanceId) {
    let answer = async || said(&world.backend, instance, DATABASES, b"").await.2 == 0;
    let answered = async {
        while !answer().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.expect("the server answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_server_has_what_it_needs_and_none_of_the_data_and_nobody_beside_it() {
    let password = ["--env", "SUM=42", "--network", "bridge", "--publish", "5432"];
    let Some(world) = World::open("a scratch server", &password, &["su", "postgres", "-c", POSTGRES]).await else {
        return;
    };
    until_answered(&world, &world.like.instance).await;
    world.told(&world.like.instance, "su postgres -c 'psql -XAtqc \"create database shop\"'").await;
    let mut observer = Observer::new(world.stage.cluster(), &world.backend);
    observer.next().await;

    let scratch = world.scratch(world.wanted()).await;
    until_answered(&world, &scratch).await;
    assert_eq!(world.told(&scratch, DATABASES).await, "postgres\ntemplate0\ntemplate1");
    assert_eq!(world.told(&scratch, "ls /sys/class/net; echo $SUM; cat /run/secrets/password").await, "lo\n42\nsecret");
    let write = "for file in /run/secrets/password /etc/db.conf; do ! echo no >$file || exit 1; done";
    world.told(&scratch, write).await;
    assert_eq!(std::fs::read_to_string(world.files.path().join("file")).expect("it is there"), "file");
    assert_eq!(docker(&["inspect", "--format", "{{json .NetworkSettings.Ports}}", &scratch.key]), "{}");

    // Whoever watches has seen all that happened before this one came.
    let later = world.stage.start(&[], "sleep 1000");
    observer.until("the later one", |now| now.instance(&later.instance).map(|_| ())).await;
    assert!(observer.instance(&scratch).is_none(), "it is listed");
    let told: Vec<_> = observer.happenings.iter().filter(|told| told.instance.as_ref() == Some(&scratch)).collect();
    assert!(told.is_empty(), "{told:?}");

    assert_ne!(world.left(), (0, 0));
    for _ in 0..2 {
        world.discard(&scratch).await;
        assert_eq!(world.left(), (0, 0));
    }
    assert!(world.told(&world.like.instance, DATABASES).await.contains("shop"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_an_earlier_scratch_instance_goes_before_the_next_one_comes() {
    let Some(world) = World::open("what is left of an earlier one", &[], &["sleep", "1000"]).await else { return };
    let idle = || Scratch { kind: ScratchKind::Empty, ..world.wanted() };
    let first = world.scratch(idle()).await;
    world.told(&first, "touch /var/lib/postgresql/restored").await;
    let second = world.scratch(idle()).await;
    assert_eq!(world.left(), (1, 1));
    world.told(&second, "test ! -e /var/lib/postgresql/restored").await;
    // Somebody forgets its volume.
    docker(&["rm", "-f", &second.key]);
    assert_eq!(world.left(), (0, 1));
    let third = world.scratch(idle()).await;
    assert_eq!(world.left(), (1, 1));
    world.discard(&first).await;
    assert!(is_running(&third), "another one was removed");
    world.discard(&third).await;
    assert_eq!(world.left(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_instance_ends_by_itself() {
    let Some(world) = World::open("one that ends by itself", &[], &["su", "postgres", "-c", POSTGRES]).await else {
        return;
    };
    for kind in [ScratchKind::Server, ScratchKind::Empty] {
        let scratch = world.scratch(Scratch { kind, within: 1, ..world.wanted() }).await;
        until("it to end", || !is_running(&scratch)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_long_over_on_a_host_goes_when_a_scratch_instance_is_made_there() {
    let Some(world) = World::open("what is long over", &[], &["sleep", "1000"]).await else { return };
    let other = world.other();
    let never = u32::MAX.to_string();
    for (name, until) in [("over", "1"), ("other", &never)] {
        let labels = ["role=scratch", "scope=containers", &format!("service={other}"), &format!("until={until}")];
        let labels = labels.map(|label| format!("--label=midwatch.{label}"));
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        docker(
            &[&["create", "--name", &format!("{other}-{name}"), "-v", "/data"][..], &labels, &[STACK, "true"]].concat(),
        );
        docker(&[&["volume", "create"][..], &labels].concat());
    }
    let scratch = world.scratch(Scratch { kind: ScratchKind::Empty, ..world.wanted() }).await;
    let left = listed(&["ps", "-a", "--filter", &of(&other), "--format", "{{.Names}}"]);
    assert_eq!((left.trim(), world.left_of(&other)), (&*format!("{other}-other"), (1, 1)));
    world.discard(&scratch).await;
    // Nobody else's time matters where it is the same service.
    let service = ServiceId { name: other.as_str().into(), ..world.service() };
    let scratch = world.scratch(Scratch { service, kind: ScratchKind::Empty, ..world.wanted() }).await;
    world.discard(&scratch).await;
    assert_eq!(world.left_of(&other), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_made_or_is_none_is_told_in_words() {
    let words = ["sh", "-c", "echo no data here >&2; exit 3"];
    let Some(world) = World::open("one that cannot be made", &[], &words).await else { return };
    until("it to end", || !is_running(&world.like.instance)).await;
    // One that takes long to end has been made, and is found ended by whoever enters it.
    let refused = async {
        loop {
            if let Err(trouble) = world.backend.scratch(world.wanted()).await {
                return trouble;
            }
        }
    };
    let trouble = tokio::time::timeout(PATIENCE, refused).await.expect("it ends at once");
    assert_eq!(&*trouble.why, "its program ended at once: exit 3; it said no data here");
    assert_eq!(world.left(), (0, 0));
    // What ended has what is restored into its files nevertheless.
    let scratch = world.scratch(Scratch { kind: ScratchKind::Empty, ..world.wanted() }).await;
    assert_eq!(world.told(&scratch, "cat /run/secrets/password").await, "secret");
    world.discard(&scratch).await;

    let trouble = world.backend.discard(world.like.instance.clone()).await.expect_err("it is none");
    assert_eq!(trouble.why.to_string(), format!("{} is none: somebody uses it", world.like.name));
    assert_eq!(docker(&["inspect", "--format", "{{.Id}}", &world.like.name]), &*world.like.instance.key);
    let gone = InstanceId::new(&world.stage.cluster(), "0".repeat(64));
    let trouble = world.backend.scratch(Scratch { like: gone, ..world.wanted() }).await.expect_err("it is gone");
    assert_eq!(&*trouble.why, "the container that it is to be like is gone");
}

//! What does not run, restored by the plan that a person would read: in an instance beside it that has its files.

use jiff::Timestamp;
use midwatch::{
    domain::{Health, InstanceState, Method, Snapshot, Trouble, Verdict},
    plan::{self, Plan, Request, Target, Verb},
    runtime::backup::Vault,
};
use serde_json::json;

use super::{STACK, carried_out, restoring, scene::Scene, until, vault};
use crate::{
    docker::{docker, listed},
    kubernetes::{IMAGE, KubernetesStage},
    observer::Observer,
};

const DIGEST: &str = "sqlite3 -readonly \"$0\" 'select count(*), sum(id), group_concat(hex(body)) from pages'";
const LOOK: &str = "cd \"$0\" && find . -exec stat -c '%A %U %y %n' {} + && find . -type f -exec md5sum {} +";

impl Scene {
    fn vault(&self) -> Vault {
        vault(&self.place())
    }

    /// As somebody plans it who sees it in this state.
    async fn planned(&self, verb: Verb, is: impl Fn(&InstanceState, &Health) -> bool) -> Plan {
        let instance = &self.running.instance;
        let mut observer = Observer::new(self.running.service.cluster.clone(), &self.backend);
        let seen = |now: &Observer| now.instance(instance).filter(|one| is(&one.state, &one.health)).map(drop);
        observer.until("it to be so", seen).await;
        let request = Request::new(verb, Target::Service(self.running.service.clone()));
        let planned = plan::make(&observer.inventory, &request);
        planned.unwrap_or_else(|refusal| panic!("{}", refusal.why)).begun_at(Timestamp::now(), "ben@desk")
    }

    fn restoring(&self, snapshot: &Snapshot, without_safety: bool) -> Verb {
        restoring(snapshot, self.item.clone(), without_safety)
    }

    async fn carried_out(&self, plan: Plan) -> (Verdict, Option<Trouble>) {
        carried_out(&self.vault(), &self.backend, plan).await
    }

    /// What a script prints that sees its volumes, running or not.
    fn beside(&self, script: &str) -> String {
        let path = self.item.path.as_deref().expect("it has one");
        docker(&["run", "--rm", "--volumes-from", &self.name, "--entrypoint", "sh", STACK, "-c", script, path])
    }

    fn leaves_no_scratch(&self) {
        let filter = format!("label=midwatch.service={}", self.name);
        assert_eq!(listed(&["ps", "-aq", "--filter", &filter]).trim(), "");
    }

    fn inspected(&self, what: &str) -> String {
        docker(&["inspect", "--format", &format!("{{{{{what}}}}}"), &self.name])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_loops_over_a_damaged_sqlite_file_is_restored_and_runs_again() {
    let make = "create table pages (id integer primary key, body blob); \
                insert into pages select value, randomblob(200) from generate_series(1, 2000)";
    let script = format!(
        "test -e /srv/app.db || sqlite3 /srv/app.db '{make}'; chown 1000:1001 /srv/app.db; \
         sqlite3 /srv/app.db 'pragma integrity_check' | grep -qx ok && exec sleep 10000; exit 1"
    );
    let arguments = ["-v", "/srv", "--restart", "always"];
    let it = (Method::Sqlite, Some("/srv/app.db"));
    let Some(scene) = Scene::open("a loop over a sqlite file", it, &arguments, &script).await else { return };
    scene.until("its file to be made", "pgrep -x sleep");
    let (healthy, snapshot) = (scene.beside(DIGEST), scene.backed_up().await);
    scene.sh("head -c 90000 /dev/urandom >\"$0\"");
    let damaged = scene.beside("md5sum \"$0\"");
    docker(&["restart", "-t", "0", &scene.name]);
    let loops = |state: &InstanceState, health: &Health| {
        matches!(state, InstanceState::Restarting { .. }) && matches!(health, Health::Failing(_))
    };

    // What is damaged cannot be kept to go back to, and then nothing is done about it.
    let plan = scene.planned(scene.restoring(&snapshot, false), loops).await;
    let (verdict, first) = scene.carried_out(plan).await;
    assert!(matches!(verdict, Verdict::Undone { .. }), "{verdict:?}");
    let help = first.and_then(|trouble| trouble.help).expect("it helps");
    assert!(help.ends_with("--without-safety goes on without; what is there now is lost then"), "{help}");
    assert_eq!(scene.beside("md5sum \"$0\""), damaged);
    until("it to loop again", || scene.inspected(".RestartCount") != "0");
    scene.leaves_no_scratch();

    let plan = scene.planned(scene.restoring(&snapshot, true), loops).await;
    let (verdict, first) = scene.carried_out(plan).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    assert_eq!(scene.beside(DIGEST), healthy);
    assert_eq!(scene.beside("stat -c %u:%g \"$0\""), "1000:1001");
    scene.until("it to run", "pgrep -x sleep");
    scene.leaves_no_scratch();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_what_is_stopped_are_backed_up_and_restored_and_stay_where_a_restore_fails() {
    let it = (Method::Files, Some("/data"));
    let Some(scene) = Scene::open("files of what is stopped", it, &["-v", "/data"], "sleep 10000").await else {
        return;
    };
    scene.sh("cd \"$0\" && mkdir in && seq 50000 >in/numbers && echo a >'it is' && chown 7:8 in");
    let (healthy, snapshot) = (scene.sh(LOOK), scene.backed_up().await);
    docker(&["stop", "-t", "0", &scene.name]);
    let ended = |state: &InstanceState, _: &Health| matches!(state, InstanceState::Exited { .. });

    let plan = scene.planned(Verb::BackUp(vec![scene.item.clone()]), ended).await;
    let (verdict, first) = scene.carried_out(plan).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    let listing = scene.vault().listing().await.unwrap_or_else(|trouble| panic!("{trouble}"));
    let all: Vec<_> = listing.snapshots.iter().map(|snapshot| &snapshot.counts).collect();
    assert_eq!(all, [&snapshot.counts; 2]);

    scene.beside("cd \"$0\" && rm -r in && echo new >new");
    let damaged = scene.beside(LOOK);
    let half = scene.dumped(&snapshot);
    let part = scene.keeps(&snapshot, half[..half.len() / 2].to_vec(), half.len() as u64).await;
    let (verdict, first) = scene.carried_out(scene.planned(scene.restoring(&part, false), ended).await).await;
    assert!(matches!(verdict, Verdict::Undone { .. }), "{verdict:?} {first:?}");
    assert_eq!(scene.beside(LOOK), damaged);

    let (verdict, first) = scene.carried_out(scene.planned(scene.restoring(&snapshot, false), ended).await).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    scene.leaves_no_scratch();
    assert_eq!(scene.inspected(".State.Running"), "false");
    docker(&["start", &scene.name]);
    assert_eq!(scene.sh(LOOK), healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_what_runs_are_restored_while_it_is_stopped() {
    let it = (Method::Files, Some("/data"));
    let Some(scene) =
        Scene::open("files of what runs", it, &["-v", "/data"], "touch /data/log; exec tail -f /data/log").await
    else {
        return;
    };
    scene.until("it to have it open", "pgrep -x tail");
    scene.sh("echo old >\"$0/log\"");
    let snapshot = scene.backed_up().await;
    scene.sh("echo new >>\"$0/log\"");
    let runs = |_: &InstanceState, health: &Health| *health == Health::Healthy;
    let began = scene.inspected(".State.StartedAt");
    let (verdict, first) = scene.carried_out(scene.planned(scene.restoring(&snapshot, false), runs).await).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    assert_eq!(scene.sh("cat \"$0/log\""), "old");
    assert_ne!(scene.inspected(".State.StartedAt"), began, "it has the old file open");
    scene.leaves_no_scratch();
}

/// Gone with the test, which its namespace does not take along.
struct Volume<'a>(&'a KubernetesStage);

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        // As long as its pods are made anew, so is its directory.
        self.0.try_kubectl(&["delete", "deployment", "it", "--cascade=foreground", "--timeout=60s"]);
        self.0.try_kubectl(&["delete", "pv", &self.0.namespace, "--wait=false"]);
        // The node is this machine.
        _ = std::fs::remove_dir_all(format!("/tmp/{}", self.0.namespace));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_that_loops_over_its_files_is_restored_and_runs_again_and_so_does_who_depends_on_it() {
    let Some(stage) = KubernetesStage::open("a loop over files").await else { return };
    let name = &stage.namespace;
    let _volume = Volume(&stage);
    let size = json!({"storage": "1Mi"});
    stage.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
        "hostPath": {"path": format!("/tmp/{name}"), "type": "DirectoryOrCreate"},
    }}));
    stage.apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "resources": {"requests": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
    }}));
    let script = "test -e /data/bad && exit 1; echo good >/data/ok; exec sleep 10000";
    stage.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "it"}, "spec": {
        "selector": {"matchLabels": {"app": "it"}},
        "template": {"metadata": {"labels": {"app": "it"}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "it", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", script],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        }},
    }}));
    stage.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "web", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "10000"]}],
        }},
    }, "metadata": {"name": "web", "annotations": {"midwatch.depends-on": "it"}}}));
    let files = tempfile::tempdir().expect("a directory");
    let (vault, backend, service) =
        (vault(&files.path().join("repository")), stage.backend_of().await, stage.service("it"));
    let item = midwatch::domain::Item { service: service.clone(), method: Method::Files, path: Some("/data".into()) };
    let planned = async |verb: Verb, is: fn(&Health) -> bool| {
        let mut observer = Observer::of_cluster(service.cluster.clone(), &backend);
        observer.service(&stage.service("web"), "web to be well", |web| web.ready == 2).await;
        observer.service(&service, "it to be so", |service| is(&service.health)).await;
        let planned = plan::make(&observer.inventory, &Request::new(verb, Target::Service(service.clone())));
        planned.unwrap_or_else(|refusal| panic!("{}", refusal.why)).begun_at(Timestamp::now(), "ben@desk")
    };
    let is_well = |health: &Health| *health == Health::Healthy;
    let backup = planned(Verb::BackUp(vec![item.clone()]), is_well).await;
    let (verdict, first) = carried_out(&vault, &backend, backup).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    let listing = vault.listing().await.unwrap_or_else(|trouble| panic!("{trouble}"));

    stage.kubectl(&["exec", "deploy/it", "--", "sh", "-c", "rm /data/ok && touch /data/bad && kill 1 || true"]);
    stage.kubectl(&["delete", "pod", "-l", "app=it", "--grace-period=0", "--force"]);
    let is_broken = |health: &Health| matches!(health, Health::Failing(_));
    let restore = planned(restoring(&listing.snapshots[0], item, false), is_broken).await;
    let scaled = |to: u32| restore.steps().position(|planned| planned.step.title() == format!("scale web to {to}"));
    assert!(scaled(0).is_some() && scaled(0) < scaled(2), "{restore:?}");
    let generation = || stage.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.generation}"]);
    let before: u32 = generation().trim().parse().expect("a number");
    let (verdict, first) = carried_out(&vault, &backend, restore).await;
    assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?} {first:?}");
    assert_eq!(generation().trim(), (before + 2).to_string(), "it was scaled to none and back");
    let ready = stage.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"]);
    assert_eq!(ready.trim(), "2");
    assert_eq!(stage.kubectl(&["exec", "deploy/it", "--", "ls", "-A", "/data"]).trim(), "ok");
    assert_eq!(stage.kubectl(&["get", "pods", "-l", "midwatch.scratch", "-o", "name"]).trim(), "");
}

//! Velero, CloudNativePG and snapshots of volumes: their kinds on a real server, with the test in the place of their controllers, and a
//! store for backups in a pod.

mod store;

use super::{custom::with_kinds, *};
use crate::{
    backend::kubernetes::{cluster_backups, discovery::Served, velero},
    domain::{ClusterBackups, Existing, Items, NewBackup, NewRestore, Stage, VeleroName},
};

const PATCH: &str = "application/merge-patch+json";
const VELERO: &[(&str, &str, &str, &str)] = &[
    ("velero.io", "v1", "backups", "Backup"),
    ("velero.io", "v1", "restores", "Restore"),
    ("velero.io", "v1", "schedules", "Schedule"),
    ("velero.io", "v1", "backupstoragelocations", "BackupStorageLocation"),
    ("velero.io", "v1", "deletebackuprequests", "DeleteBackupRequest"),
    ("velero.io", "v1", "downloadrequests", "DownloadRequest"),
    ("velero.io", "v1", "podvolumebackups", "PodVolumeBackup"),
];
const OTHERS: &[(&str, &str, &str, &str)] = &[
    ("postgresql.cnpg.io", "v1", "clusters", "Cluster"),
    ("postgresql.cnpg.io", "v1", "backups", "Backup"),
    ("postgresql.cnpg.io", "v1", "scheduledbackups", "ScheduledBackup"),
    ("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot"),
];

impl Lab {
    fn velero(&self, rest: &str) -> String {
        format!("/apis/velero.io/v1/namespaces/{}/{rest}", self.namespace)
    }

    fn id(&self, name: &str) -> VeleroName {
        VeleroName::new(self.namespace.as_str(), name)
    }

    /// As Velero writes it.
    async fn velero_says(&self, object: &str, status: Value) {
        self.patch(&self.velero(&format!("{object}/status")), PATCH, json!({"status": status})).await;
    }

    /// What is known by its container for Velero's server.
    async fn velero_serves(&self) {
        let container = json!({"name": "velero", "image": "lab/busybox", "imagePullPolicy": "Never",
            "command": ["sh", "-c", SERVE]});
        let spec = json!({"terminationGracePeriodSeconds": 1, "containers": [container]});
        self.make(&self.core("pods"), json!({"metadata": {"name": "velero"}, "spec": spec})).await;
        let seen = || self.get_or_null(self.core("pods/velero"));
        self.until("the server to be ready", seen, testing::is_ready).await;
    }

    async fn velero_is_away(&self) {
        self.remove(&self.core("pods/velero?gracePeriodSeconds=0")).await;
        let seen = || self.get_or_null(self.core("pods/velero"));
        self.until("the server to be gone", seen, Value::is_null).await;
    }

    async fn get_or_null(&self, path: String) -> Value {
        self.site.api.get(&path).await.unwrap_or_default()
    }

    async fn remove(&self, path: &str) {
        let gone = self.site.api.change::<Value>(Method::DELETE, path, "application/json", &json!({})).await;
        gone.unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
    }

    async fn backup(&self, name: &str) -> NewBackup {
        let wanted =
            NewBackup { id: self.id(name), namespaces: vec![self.namespace.as_str().into()], ..NewBackup::default() };
        velero::ask_for_backup(&self.site, &wanted, &silence()).await.expect("asked for");
        wanted
    }
}

fn silence() -> Progress {
    Arc::new(|_| {})
}

/// What is said, as it is said.
fn heard() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let words = Arc::new(Mutex::new(Vec::new()));
    let said = words.clone();
    (Arc::new(move |word: &str| said.lock().expect("whole").push(word.to_owned())), words)
}

async fn until_heard(words: &Arc<Mutex<Vec<String>>>, expected: &str) {
    let waiting = async {
        while !words.lock().expect("whole").iter().any(|word| word.contains(expected)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(testing::PATIENCE, waiting).await;
    in_time.unwrap_or_else(|_| panic!("never said: {expected}; but: {:?}", words.lock().expect("whole")));
}

fn unsure<T: std::fmt::Debug>(result: Result<T, StepError>) -> String {
    match result.expect_err("unsure") {
        StepError::Unsure(trouble) => trouble.to_string(),
        StepError::Failed(trouble) | StepError::Lost(trouble) => panic!("not unsure: {trouble}"),
    }
}

#[tokio::test]
async fn what_is_not_installed_keeps_no_backups() {
    in_the_lab("no-velero", |lab| async move {
        let site = Site { served: Arc::new(Served::default()), ..lab.site.clone() };
        assert_eq!(cluster_backups::list(&site).await, ClusterBackups::default());
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_asked_for_once_followed_to_its_end_and_listed() {
    with_kinds("velero", VELERO, |lab| async move {
        lab.velero_serves().await;
        let wanted = lab.backup("b1").await;
        let (progress, words) = heard();
        velero::ask_for_backup(&lab.site, &wanted, &progress).await.expect("it is there");
        assert_eq!(*words.lock().expect("whole"), ["was asked for already"]);
        let other = NewBackup { namespaces: vec!["other".into()], ..wanted.clone() };
        let refused = failed(velero::ask_for_backup(&lab.site, &other, &silence()).await.map(|()| Vec::new()));
        assert!(refused.0.contains("another one of this name"), "{refused:?}");

        let (progress, words) = heard();
        let following = tokio::spawn({
            let (lab, id) = (lab.clone(), wanted.id.clone());
            async move { velero::await_backup(&lab.site, &id, 240, &progress).await }
        });
        until_heard(&words, "waits for Velero to take it").await;
        let started = Timestamp::now().to_string();
        let under_way = json!({"phase": "InProgress", "startTimestamp": started,
            "progress": {"itemsBackedUp": 3, "totalItems": 7}});
        let volume = json!({"metadata": {"name": "v1", "labels": {"velero.io/backup-name": "b1"}},
            "spec": {"node": "node-1"}, "apiVersion": "velero.io/v1", "kind": "PodVolumeBackup"});
        lab.make(&lab.velero("podvolumebackups"), volume).await;
        let copied = json!({"phase": "InProgress", "progress": {"bytesDone": 1 << 20, "totalBytes": 4 << 20}});
        lab.velero_says("podvolumebackups/v1", copied).await;
        lab.velero_says("backups/b1", under_way).await;
        until_heard(&words, "InProgress, 3 of 7 objects, 1.0Mi of 4.0Mi of volumes (0 of 1 done)").await;
        let done = json!({"phase": "Completed", "progress": {"itemsBackedUp": 7, "totalItems": 7}});
        lab.velero_says("backups/b1", done).await;
        let done = following.await.expect("it ends").expect("it is complete");
        assert_eq!((done.phase.stage(), done.items), (Stage::Complete, Some(Items { done: 7, total: 7 })));

        let listed = cluster_backups::list(&lab.site).await.velero.expect("it is installed");
        let backups = listed.backups.expect("listed");
        assert_eq!(backups.iter().map(|backup| &*backup.id.name).collect::<Vec<_>>(), ["b1"]);
        assert_eq!((listed.restores, listed.schedules), (Ok(Vec::new()), Ok(Vec::new())));
    })
    .await;
}

#[tokio::test]
async fn what_velero_did_in_part_or_left_behind_is_a_persons_to_judge() {
    with_kinds("velero-left", VELERO, |lab| async move {
        let restore = NewRestore { id: lab.id("r1"), backup: "b1".into(), ..NewRestore::default() };
        velero::ask_for_restore(&lab.site, &restore, &silence()).await.expect("asked for");
        velero::ask_for_restore(&lab.site, &restore, &silence()).await.expect("it is there");
        lab.velero_serves().await;
        let (progress, words) = heard();
        let following = tokio::spawn({
            let (lab, id) = (lab.clone(), restore.id.clone());
            async move { velero::await_restore(&lab.site, &id, 240, &progress).await }
        });
        let under_way = json!({"phase": "InProgress", "startTimestamp": Timestamp::now().to_string(),
            "progress": {"itemsRestored": 1, "totalItems": 2}});
        lab.velero_says("restores/r1", under_way).await;
        until_heard(&words, "InProgress, 1 of 2 objects").await;
        lab.velero_is_away().await;
        let why = unsure(following.await.expect("it ends"));
        assert!(why.contains("Velero's server does not run, and nobody else goes on with it"), "{why}");
        let listed = cluster_backups::list(&lab.site).await.velero.expect("it is installed");
        let restores = listed.restores.expect("listed");
        assert!(restores[0].stalled.as_deref().is_some_and(|why| why.contains("does not run")), "{restores:?}");

        lab.velero_says("restores/r1", json!({"phase": "PartiallyFailed", "errors": 1, "warnings": 2})).await;
        let why = unsure(velero::await_restore(&lab.site, &restore.id, 240, &silence()).await);
        assert!(why.contains("errors: 1, warnings: 2; the rest was done"), "{why}");
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_deleted_by_velero_and_what_it_says_of_that_is_told() {
    with_kinds("velero-delete", VELERO, |lab| async move {
        lab.velero_serves().await;
        let wanted = lab.backup("old").await;
        let made = lab.get(&lab.velero("backups/old")).await;
        let uid = made["metadata"]["uid"].as_str().expect("a uid").to_owned();
        let delete = |within| {
            let (lab, id, uid) = (lab.clone(), wanted.id.clone(), uid.clone());
            tokio::spawn(async move { velero::delete_backup(&lab.site, &id, &uid, within, &silence()).await })
        };
        let requests = || lab.get_or_null(lab.velero("deletebackuprequests"));
        let is_new = |list: &Value| list["items"][0]["metadata"].is_object() && list["items"][0]["status"].is_null();

        let refused = delete(240);
        let list = lab.until("a request", requests, is_new).await;
        let request = &list["items"][0];
        assert_eq!(request["spec"]["backupName"], "old");
        assert_eq!(request["metadata"]["labels"]["velero.io/backup-uid"], uid.as_str());
        let object = format!("deletebackuprequests/{}", request["metadata"]["name"].as_str().expect("a name"));
        lab.velero_says(&object, json!({"phase": "Processed", "errors": ["the location is read-only"]})).await;
        let why = failed(refused.await.expect("it ends").map(|()| Vec::new()));
        assert!(why.0.contains("the location is read-only"), "{why:?}");

        // What came to nothing is in nobody's way.
        let again = delete(240);
        lab.until("a new request", requests, is_new).await;
        lab.remove(&lab.velero("backups/old")).await;
        lab.remove(&lab.velero(&object)).await;
        assert_eq!(again.await.expect("it ends"), Ok(()));
        assert_eq!(delete(240).await.expect("it ends"), Ok(()), "it is gone already");

        // Another one of its name is not meant.
        lab.backup("old").await;
        let why = failed(delete(240).await.expect("it ends").map(|()| Vec::new()));
        assert!(why.0.contains("made anew"), "{why:?}");
    })
    .await;
}

#[tokio::test]
async fn backups_of_postgres_and_snapshots_of_volumes_are_listed() {
    with_kinds("cnpg", OTHERS, |lab| async move {
        let path = |group: &str, rest: &str| format!("/apis/{group}/v1/namespaces/{}/{rest}", lab.namespace);
        let pg = |rest: &str| path("postgresql.cnpg.io", rest);
        let object = |group: &str, kind: &str, name: &str, spec: Value| {
            json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": name}, "spec": spec})
        };
        let of_pg = |kind: &str, name: &str, spec: Value| object("postgresql.cnpg.io", kind, name, spec);
        lab.make(&pg("clusters"), of_pg("Cluster", "db", json!({"instances": 2}))).await;
        let status = json!({"status": {"firstRecoverabilityPoint": "2026-11-14T02:00:00Z", "readyInstances": 2}});
        lab.patch(&pg("clusters/db/status"), PATCH, status).await;
        let of_db = json!({"cluster": {"name": "db"}, "method": "volumeSnapshot"});
        lab.make(&pg("backups"), of_pg("Backup", "db-1", of_db)).await;
        lab.patch(&pg("backups/db-1/status"), PATCH, json!({"status": {"phase": "completed"}})).await;
        let nightly = json!({"cluster": {"name": "db"}, "schedule": "0 0 2 * * *", "suspend": true});
        lab.make(&pg("scheduledbackups"), of_pg("ScheduledBackup", "nightly", nightly)).await;
        let snapshots = path("snapshot.storage.k8s.io", "volumesnapshots");
        let of_data = json!({"source": {"persistentVolumeClaimName": "data"}});
        lab.make(&snapshots, object("snapshot.storage.k8s.io", "VolumeSnapshot", "data-1", of_data)).await;
        let ready = json!({"status": {"readyToUse": true, "restoreSize": "1Gi"}});
        lab.patch(&format!("{snapshots}/data-1/status"), PATCH, ready).await;

        let listed = cluster_backups::list(&lab.site).await;
        let postgres = listed.postgres.expect("it is installed");
        let clusters = postgres.clusters.expect("listed");
        assert_eq!(clusters[0].recoverable_from, "2026-11-14T02:00:00Z".parse().ok());
        let backups = postgres.backups.expect("listed");
        assert_eq!((&*backups[0].method, backups[0].phase.stage()), ("volumeSnapshot", Stage::Complete));
        assert!(postgres.schedules.expect("listed")[0].paused);
        let snapshots = listed.volume_snapshots.expect("installed").expect("listed");
        assert_eq!((snapshots[0].ready, snapshots[0].size), (true, Some(1 << 30)));
        assert_eq!(listed.velero, None);
    })
    .await;
}

//! Velero's kinds on the real API server, with the test in the place of its controller: the program asks for a backup, is killed while it
//! waits, and told to go on.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};

use crate::{
    home::{Home, said, until},
    kubectl::kubectl,
};

const DEMANDED: &str = "MIDWATCH_TEST_KUBERNETES";
const KUBECONFIG: &str = "MIDWATCH_TEST_KUBECONFIG";
const GROUP: &str = "velero.io";
const KINDS: [(&str, &str); 6] = [
    ("backups", "Backup"),
    ("restores", "Restore"),
    ("schedules", "Schedule"),
    ("backupstoragelocations", "BackupStorageLocation"),
    ("deletebackuprequests", "DeleteBackupRequest"),
    ("downloadrequests", "DownloadRequest"),
];
/// The kinds are of the whole cluster, so one test has them at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Velero {
    kubeconfig: String,
    /// Its own, and the one that is backed up.
    namespace: String,
    home: Home,
    _alone: MutexGuard<'static, ()>,
}

impl Velero {
    /// `None`, loudly, where there is no cluster and none was demanded.
    fn open(case: &str) -> Option<Self> {
        let Some(kubeconfig) = std::env::var(KUBECONFIG).ok().filter(|path| !path.is_empty()) else {
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a cluster, and {KUBECONFIG} names none");
            eprintln!("SKIPPED {case}: {KUBECONFIG} names no cluster");
            return None;
        };
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        static NAMESPACES: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("mwvelero-{}-{}", std::process::id(), NAMESPACES.fetch_add(1, Ordering::Relaxed));
        // An empty DOCKER_HOST would mean the usual socket, and only the cluster is meant.
        let home = Home::new(vec![("KUBECONFIG", kubeconfig.clone()), ("DOCKER_HOST", "unix:///nowhere.sock".into())]);
        let velero = Self { kubeconfig, namespace, home, _alone: alone };
        for (plural, kind) in KINDS {
            velero.apply(&kind_of(plural, kind));
        }
        velero.kubectl(&["create", "namespace", &velero.namespace]);
        for (plural, _) in KINDS {
            until("the kind to be served", || velero.try_kubectl(&["get", &format!("{plural}.{GROUP}")]));
        }
        velero.apply(&velero.object("BackupStorageLocation", "default", json!({"default": true})));
        Some(velero)
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&self.kubeconfig, &self.namespace, arguments, None).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn try_kubectl(&self, arguments: &[&str]) -> Option<String> {
        kubectl(&self.kubeconfig, &self.namespace, arguments, None).ok()
    }

    fn apply(&self, object: &Value) {
        kubectl(&self.kubeconfig, &self.namespace, &["apply", "-f", "-"], Some(&object.to_string()))
            .unwrap_or_else(|errors| panic!("{errors}"));
    }

    fn object(&self, kind: &str, name: &str, spec: Value) -> Value {
        json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec})
    }

    /// All of a kind, as the server has them.
    fn all(&self, plural: &str) -> Vec<Value> {
        let list = self.kubectl(&["get", &format!("{plural}.{GROUP}"), "-o", "json"]);
        let list: Value = serde_json::from_str(&list).expect("a list");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    fn name_of_only(&self, plural: &str) -> Option<String> {
        match self.all(plural).as_slice() {
            [] => None,
            [only] => only["metadata"]["name"].as_str().map(str::to_owned),
            several => panic!("{} {plural}, and one was asked for", several.len()),
        }
    }

    /// As its controller writes it.
    fn says(&self, plural: &str, name: &str, status: &Value) {
        let path = format!("/apis/{GROUP}/v1/namespaces/{}/{plural}/{name}", self.namespace);
        let mut object: Value = serde_json::from_str(&self.kubectl(&["get", "--raw", &path])).expect("an object");
        object["status"] = status.clone();
        let status = ["replace", "--raw", &format!("{path}/status"), "-f", "-"];
        kubectl(&self.kubeconfig, &self.namespace, &status, Some(&object.to_string()))
            .unwrap_or_else(|errors| panic!("{errors}"));
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        said(&self.home.run(arguments))
    }
}

impl Drop for Velero {
    fn drop(&mut self) {
        for (plural, _) in KINDS {
            self.try_kubectl(&["delete", "crd", &format!("{plural}.{GROUP}"), "--ignore-not-found"]);
        }
        self.try_kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

fn kind_of(plural: &str, kind: &str) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version =
        json!({"name": "v1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {"group": GROUP, "scope": "Namespaced", "versions": [version],
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind}}})
}

#[test]
fn a_backup_that_is_killed_while_it_waits_is_gone_on_with_then_restored_from_and_deleted() {
    let Some(velero) = Velero::open("a backup by Velero that is killed") else { return };
    let namespace = velero.namespace.as_str();

    let mut child = velero.home.start(&["velero", "backup", namespace, "--yes"]);
    let backup = until("the backup to be asked for", || velero.name_of_only("backups"));
    // The opening, both ends of the asking, and the beginning of the wait.
    until("the wait to begin", || (velero.home.records() >= 4).then_some(()));
    child.kill().and_then(|()| child.wait()).expect("killed");
    let operation = velero.home.operation();
    assert_eq!(operation["state"], "interrupted", "{operation}");
    velero.says("backups", &backup, &json!({"phase": "Completed", "progress": {"itemsBackedUp": 7, "totalItems": 7}}));
    let (code, told) = velero.run(&["resume", operation["id"].as_str().expect("an id"), "--yes"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(velero.name_of_only("backups").as_ref(), Some(&backup), "it is asked for once");
    let (code, told) = velero.run(&["velero", "backups", "--json"]);
    assert!(code == 0 && told.contains(r#""health":"healthy""#) && told.contains(&backup), "{told}");

    let into = format!("{namespace}=trial");
    let mut child = velero.home.start(&["velero", "restore", &backup, "--update", "--into", &into, "--yes"]);
    let restore = until("the restore to be asked for", || velero.name_of_only("restores"));
    let spec = velero.all("restores").remove(0)["spec"].take();
    assert_eq!((&spec["backupName"], &spec["existingResourcePolicy"]), (&json!(backup), &json!("update")));
    assert_eq!(spec["namespaceMapping"], json!({namespace: "trial"}));
    velero.says("restores", &restore, &json!({"phase": "Failed", "failureReason": "no such bucket"}));
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let operation = velero.home.operation();
    assert_eq!(operation["state"], "stuck", "{operation}");
    assert!(operation["says"].as_str().is_some_and(|says| says.contains("no such bucket")), "{operation}");

    let mut child = velero.home.start(&["velero", "delete", &backup, "--yes"]);
    let request = until("its deletion to be asked for", || velero.name_of_only("deletebackuprequests"));
    velero.kubectl(&["delete", &format!("backups.{GROUP}"), &backup]);
    velero.kubectl(&["delete", &format!("deletebackuprequests.{GROUP}"), &request]);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn whoever_is_at_a_backup_keeps_others_from_it() {
    let Some(velero) = Velero::open("two at one backup of Velero's") else { return };
    velero.apply(&velero.object("Backup", "old", json!({"includedNamespaces": [velero.namespace]})));
    velero.says("backups", "old", &json!({"phase": "Completed"}));
    let mut child = velero.home.start(&["velero", "delete", "old", "--yes"]);
    until("its deletion to be asked for", || velero.name_of_only("deletebackuprequests"));
    // On another machine, which has another journal.
    let other =
        Home::new(vec![("KUBECONFIG", velero.kubeconfig.clone()), ("DOCKER_HOST", "unix:///nowhere.sock".into())]);
    let (code, told) = said(&other.run(&["velero", "delete", "old", "--yes"]));
    assert!(code == 3 && told.contains("delete Velero's backup old"), "{code}: {told}");
    velero.kubectl(&["delete", &format!("backups.{GROUP}"), "old"]);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

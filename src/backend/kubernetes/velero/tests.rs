//! What takes minutes to come about on a real server, told by a scripted one.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::backend::{
    Progress,
    kubernetes::scripted::{Reply, Server},
};

const GROUPS: &str = r#"{"groups":[{"name":"velero.io","versions":[{"version":"v1"}]}]}"#;

fn backup(name: &str, phase: &str) -> Value {
    json!({
        "metadata": {"namespace": "velero", "name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": phase, "startTimestamp": "2026-01-01T00:00:00Z"},
    })
}

/// A cluster with Velero's server in it, which was there before these backups.
fn server(backups: Vec<Value>) -> Server {
    let pod = json!({
        "metadata": {"name": "velero-1"},
        "spec": {"containers": [{"name": "velero"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "velero", "state": {"running": {"startedAt": "2025-12-01T00:00:00Z"}}}]},
    });
    Server::new(move |path| {
        let list = |items: &[Value]| Reply::json(json!({"items": items}).to_string());
        let path = path.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        match path {
            "/version" => Reply::json("{}"),
            "/apis" => Reply::json(GROUPS),
            "/api/v1/namespaces/velero/pods" => list(std::slice::from_ref(&pod)),
            _ if name == "backups" => list(&backups),
            _ if path.contains("/velero.io/v1/") => {
                match backups.iter().find(|backup| backup["metadata"]["name"] == name) {
                    Some(backup) => Reply::json(backup.to_string()),
                    None => list(&[]),
                }
            }
            _ => Reply::refusal(404, "NotFound"),
        }
    })
}

async fn awaited(server: &Server, name: &str) -> StepError {
    let (site, silence): (_, Progress) = (server.site(&[]).await, Arc::new(|_| {}));
    await_backup(&site, &VeleroName::new("velero", name), 0, &silence).await.expect_err("it is not over")
}

#[tokio::test]
async fn a_backup_that_waits_behind_another_one_is_late_and_not_stalled() {
    let alone = awaited(&server(vec![backup("new", "New")]), "new").await;
    let StepError::Unsure(trouble) = &alone else { panic!("{alone:?}") };
    assert!(trouble.why.contains("nobody has taken it for"), "{trouble}");
    let behind = server(vec![backup("new", "New"), backup("large", "InProgress")]);
    let late = awaited(&behind, "new").await;
    let StepError::Failed(trouble) = &late else { panic!("{late:?}") };
    assert_eq!(&*trouble.why, "after 0 s: waits for Velero to take it");
}

#[tokio::test]
async fn a_list_tells_what_is_stalled_and_what_only_waits() {
    let listed = async |backups| list(&server(backups).site(&[]).await).await.expect("it is installed");
    let stalled = async |backups| {
        let backups = listed(backups).await.backups.expect("listed");
        backups
            .iter()
            .filter(|backup| backup.stalled.is_some())
            .map(|backup| backup.id.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(stalled(vec![backup("new", "New"), backup("done", "Completed")]).await, ["new"]);
    assert!(stalled(vec![backup("new", "New"), backup("large", "InProgress")]).await.is_empty());
}

#[tokio::test]
async fn where_not_all_may_be_listed_the_namespaces_that_are_looked_at_are() {
    let server = Server::new(|path| match path.split('?').next().unwrap_or_default() {
        "/version" => Reply::json("{}"),
        "/apis" => Reply::json(GROUPS),
        "/apis/velero.io/v1/namespaces/velero/backups" => {
            Reply::json(json!({"items": [backup("done", "Completed")]}).to_string())
        }
        _ => Reply::refusal(403, "Forbidden"),
    });
    let velero = list(&server.site(&["shop", "velero"]).await).await.expect("it is installed");
    assert_eq!(velero.backups.expect("listed").len(), 1);
    let why = velero.restores.expect_err("they may not be listed");
    assert_eq!((&*why.what, why.why.is_empty()), ("could not list restores", false));
}

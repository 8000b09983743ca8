//! Has Velero delete a backup with all that is kept of it: the object alone would come back from the store. Velero says by a request of
//! ours whether it did.

use std::time::{Duration, Instant};

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{BACKUP_NAME, BACKUP_UID, collection, object_path, server};
use crate::{
    backend::{
        Progress, StepError,
        kubernetes::{
            Site,
            change::same,
            changes::Changes,
            cluster_backups::said,
            discovery::Resource,
            fault::Fault,
            steps::{MANAGER, stopped},
        },
        pairs::list,
    },
    domain::{Trouble, VeleroName},
};

const LOOK: Duration = Duration::from_secs(2);
const LONGEST_LABEL: usize = 63;

/// `uid`: of the backup that is meant. `within`: seconds. One that is gone already is no error.
pub async fn delete_backup(
    site: &Site,
    id: &VeleroName,
    uid: &str,
    within: u32,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not delete backup {}", id.name);
    let path = object_path(site, Resource::VeleroBackup, id, &what)?;
    let deletion = Deletion { site, id, uid, what: &what };
    if deletion.is_gone(&path).await? {
        progress("it is gone already");
        return Ok(());
    }
    deletion.ask(progress).await?;
    deletion.outcome(&path, within, progress).await
}

struct Deletion<'a> {
    site: &'a Site,
    id: &'a VeleroName,
    uid: &'a str,
    what: &'a str,
}

impl Deletion<'_> {
    fn lost(&self, fault: &Fault) -> StepError {
        stopped(fault, self.what)
    }

    fn failed(&self, why: impl std::fmt::Display) -> StepError {
        StepError::Failed(Trouble::new(self.what, why))
    }

    /// One name for one backup, so that it is asked for once.
    fn request(&self) -> VeleroName {
        let mark: String = self.uid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let room = 253 - "-midwatch-".len() - mark.len();
        let name: String = self.id.name.chars().take(room).collect();
        VeleroName::new(self.id.namespace.clone(), format!("{name}-midwatch-{}", mark.to_lowercase()))
    }

    fn body(&self, name: &str) -> Value {
        let mut labels = json!({BACKUP_UID: self.uid});
        if self.id.name.len() <= LONGEST_LABEL {
            labels[BACKUP_NAME] = json!(self.id.name);
        }
        json!({"apiVersion": "velero.io/v1", "kind": "DeleteBackupRequest",
            "metadata": {"name": name, "namespace": self.id.namespace, "labels": labels},
            "spec": {"backupName": self.id.name}})
    }

    async fn is_gone(&self, path: &str) -> Result<bool, StepError> {
        match self.site.api.get::<Value>(path).await {
            Ok(found) => same(self.what, &found, self.uid).map(|()| false),
            Err(fault) if fault.is_missing() => Ok(true),
            Err(fault) => Err(self.lost(&fault)),
        }
    }

    async fn ask(&self, progress: &Progress) -> Result<(), StepError> {
        let request = self.request();
        let collection = collection(self.site, Resource::VeleroDeletion, &request.namespace, self.what);
        let collection = collection.map_err(StepError::Failed)?;
        let path = format!("{collection}/{}", request.name);
        // One that came to nothing before is out of the way of the next try.
        match self.site.api.get::<Value>(&path).await {
            Ok(there) if there["status"]["phase"] != "Processed" => {
                progress("was asked for already");
                return Ok(());
            }
            Ok(_) => self.forget(&path).await?,
            Err(fault) if fault.is_missing() => {}
            Err(fault) => return Err(self.lost(&fault)),
        }
        let collection = format!("{collection}?fieldManager={MANAGER}");
        let body = self.body(&request.name);
        match self.site.api.change::<IgnoredAny>(Method::POST, &collection, "application/json", &body).await {
            Ok(_) | Err(Fault::Refused { code: 409, .. }) => {
                progress("asked for");
                Ok(())
            }
            Err(fault) => Err(self.lost(&fault)),
        }
    }

    async fn forget(&self, path: &str) -> Result<(), StepError> {
        let gone = self.site.api.change::<IgnoredAny>(Method::DELETE, path, "application/json", &json!({})).await;
        match gone {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_missing() => Ok(()),
            Err(fault) => Err(self.lost(&fault)),
        }
    }

    async fn outcome(&self, backup: &str, within: u32, progress: &Progress) -> Result<(), StepError> {
        let path = object_path(self.site, Resource::VeleroDeletion, &self.request(), self.what)?;
        let (began, mut changes, mut last_words) = (Instant::now(), Changes::new(&path), String::new());
        loop {
            let looked = Instant::now();
            let request: Value = match self.site.api.get(&path).await {
                Ok(request) => request,
                // Velero removes it with the backup.
                Err(fault) if fault.is_missing() => Value::Null,
                Err(fault) => return Err(self.lost(&fault)),
            };
            if let Some(why) = errors(&request) {
                return Err(self.failed(why));
            }
            if self.is_gone(backup).await? {
                return Ok(());
            }
            if request.is_null() {
                return Err(self.failed("the request for it was removed, and the backup is there still"));
            }
            if began.elapsed() >= Duration::from_secs(within.into()) {
                return Err(self.late(within).await);
            }
            let phase = request["status"]["phase"].as_str().unwrap_or("New");
            let words = format!("Velero is at it: {}", crate::domain::text::clean(phase));
            if words != last_words {
                progress(&words);
                last_words = words;
            }
            let version = request["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            changes.wait(self.site, version, LOOK, looked.elapsed()).await;
        }
    }

    async fn late(&self, within: u32) -> StepError {
        let crew = server::crew(self.site, &self.id.namespace).await.ok();
        let why = crew.as_ref().and_then(server::Crew::absent);
        let why = why.unwrap_or_else(|| "it is asked for, and Velero is not done with it".into());
        self.failed(format!("after {within} s: {why}"))
    }
}

/// What Velero says of a request that it has done with.
fn errors(request: &Value) -> Option<String> {
    let errors: Vec<_> = list(&request["status"]["errors"]).iter().filter_map(said).collect();
    (request["status"]["phase"] == "Processed" && !errors.is_empty()).then(|| errors.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_velero_has_done_with_has_failed() {
        let told =
            |phase: &str| errors(&json!({"status": {"phase": phase, "errors": ["backup is still in progress"]}}));
        assert_eq!(told("Processed").as_deref(), Some("backup is still in progress"));
        assert_eq!(told("InProgress"), None);
        assert_eq!(errors(&json!({"status": {"phase": "Processed"}})), None);
    }
}

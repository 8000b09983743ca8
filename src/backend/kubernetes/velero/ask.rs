//! Asks Velero for a backup or a restore, by an object of a name that was chosen before: asked for again, it is there already.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{collection, holds, object_path, rows::go_duration};
use crate::{
    backend::{
        Progress, StepError,
        kubernetes::{
            Site,
            discovery::Resource,
            fault::Fault,
            steps::{MANAGER, stopped},
        },
    },
    domain::{NewBackup, NewRestore, Trouble, VeleroName},
};

pub async fn ask_for_backup(site: &Site, wanted: &NewBackup, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not ask Velero for backup {}", wanted.id.name);
    ask(site, Resource::VeleroBackup, (&wanted.id, &what), backup_spec(wanted), progress).await
}

pub async fn ask_for_restore(site: &Site, wanted: &NewRestore, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not ask Velero for restore {}", wanted.id.name);
    ask(site, Resource::VeleroRestore, (&wanted.id, &what), restore_spec(wanted), progress).await
}

async fn ask(
    site: &Site,
    resource: Resource,
    (id, what): (&VeleroName, &str),
    spec: Value,
    progress: &Progress,
) -> Result<(), StepError> {
    let path = object_path(site, resource, id, what)?;
    let collection = collection(site, resource, &id.namespace, what).map_err(StepError::Failed)?;
    let kind = if resource == Resource::VeleroRestore { "Restore" } else { "Backup" };
    let body = json!({"apiVersion": "velero.io/v1", "kind": kind,
        "metadata": {"name": &*id.name, "namespace": &*id.namespace}, "spec": spec});
    let made = format!("{collection}?fieldManager={MANAGER}");
    match site.api.change::<IgnoredAny>(Method::POST, &made, "application/json", &body).await {
        Ok(_) => {
            progress("asked for");
            Ok(())
        }
        Err(Fault::Refused { code: 409, .. }) => {
            let there: Value = site.api.get(&path).await.map_err(|fault| stopped(&fault, what))?;
            if !holds(&there["spec"], &body["spec"]) {
                let trouble = Trouble::new(what, "there is another one of this name");
                return Err(StepError::Failed(trouble.help("choose another name")));
            }
            progress("was asked for already");
            Ok(())
        }
        Err(fault) => Err(stopped(&fault, what)),
    }
}

fn backup_spec(wanted: &NewBackup) -> Value {
    let mut spec = json!({"includedNamespaces": namespaces(&wanted.namespaces)});
    if !wanted.labels.is_empty() {
        spec["labelSelector"] = json!({"matchLabels": wanted.labels});
    }
    if let Some(kept_for) = wanted.kept_for {
        spec["ttl"] = json!(go_duration(kept_for));
    }
    if let Some(location) = &wanted.location {
        spec["storageLocation"] = json!(location);
    }
    spec
}

fn restore_spec(wanted: &NewRestore) -> Value {
    let mut spec = json!({
        "backupName": wanted.backup,
        "existingResourcePolicy": wanted.existing.policy(),
        "includedNamespaces": namespaces(&wanted.namespaces),
    });
    if !wanted.mapping.is_empty() {
        spec["namespaceMapping"] = json!(wanted.mapping);
    }
    if !wanted.labels.is_empty() {
        spec["labelSelector"] = json!({"matchLabels": wanted.labels});
    }
    spec
}

fn namespaces(chosen: &[std::sync::Arc<str>]) -> Value {
    if chosen.is_empty() { json!(["*"]) } else { json!(chosen) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Existing;

    #[test]
    fn a_backup_of_a_service_is_one_of_its_labels_in_its_namespace() {
        let wanted = NewBackup {
            namespaces: vec!["shop".into()],
            labels: [("app".into(), "web".into())].into(),
            kept_for: Some(Duration::from_secs(3600)),
            ..NewBackup::default()
        };
        let expected = json!({"includedNamespaces": ["shop"], "labelSelector": {"matchLabels": {"app": "web"}},
            "ttl": "1h0m0s"});
        assert_eq!(backup_spec(&wanted), expected);
        assert_eq!(backup_spec(&NewBackup::default()), json!({"includedNamespaces": ["*"]}));
    }

    #[test]
    fn a_restore_always_says_what_becomes_of_what_is_there() {
        let wanted = NewRestore { backup: "b".into(), existing: Existing::Update, ..NewRestore::default() };
        assert_eq!(restore_spec(&wanted)["existingResourcePolicy"], "update");
        assert_eq!(restore_spec(&NewRestore::default())["existingResourcePolicy"], "none");
        let wanted = NewRestore { mapping: [("shop".into(), "trial".into())].into(), ..wanted };
        assert_eq!(restore_spec(&wanted)["namespaceMapping"], json!({"shop": "trial"}));
    }
}

//! Asks Velero's server for a link to a file in its store, and gets the file.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    collection, contents,
    fetch::{Fetched, Link, fetch},
    object_path, rows, server,
};
use crate::{
    backend::{
        StepError,
        kubernetes::{Site, changes::Changes, discovery::Resource, steps::MANAGER},
        pairs::text as plain,
    },
    domain::{Trouble, VeleroFile, VeleroName, VeleroText, text::clean_lines},
};

/// bytes, packed
const LARGEST: usize = 512 << 20;
/// A server that runs signs a link at once.
const SIGNED_WITHIN: Duration = Duration::from_secs(60);
/// Before so long nobody needs to look whether there is one.
const DOUBT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(500);

/// What Velero wrote down of a backup or a restore. Logs are kept from their end on, where the errors are.
pub async fn text(site: &Site, id: &VeleroName, file: VeleroFile) -> Result<VeleroText, Trouble> {
    let what = format!("could not read the {} of {}", file.name(), id.name);
    let location = location(site, id, file, &what).await?;
    let fetched = download(site, id, (file.name(), location.as_deref()), &what).await?;
    let way = fetched.way;
    let reading = tokio::task::spawn_blocking(move || contents::text(file, &fetched.body));
    let read = reading.await.unwrap_or_else(|error| Err(error.to_string()));
    let (text, is_cut) = read.map_err(|why| Trouble::new(what, why))?;
    Ok(VeleroText { text: clean_lines(&text).into(), is_cut, way })
}

/// The whole backup, packed.
pub async fn contents_of(site: &Site, id: &VeleroName, what: &str) -> Result<Fetched, Trouble> {
    let location = location(site, id, VeleroFile::BackupResourceList, what).await?;
    let fetched = download(site, id, ("BackupContents", location.as_deref()), what).await?;
    if fetched.is_cut {
        return Err(Trouble::new(what, "the backup is larger than 512Mi, packed, and is not looked through"));
    }
    Ok(fetched)
}

/// Where it is kept, once there is something to be read.
async fn location(site: &Site, id: &VeleroName, file: VeleroFile, what: &str) -> Result<Option<String>, Trouble> {
    let get = async |resource, id: &VeleroName| -> Result<Value, Trouble> {
        let path = object_path(site, resource, id, what).map_err(trouble)?;
        site.api.get(&path).await.map_err(|fault| fault.trouble(what))
    };
    let (backup, is_over) = match file {
        VeleroFile::BackupLog | VeleroFile::BackupResults | VeleroFile::BackupResourceList => {
            let found = get(Resource::VeleroBackup, id).await?;
            let is_over = rows::backup(&found).phase.stage().is_over();
            (found, is_over)
        }
        VeleroFile::RestoreLog | VeleroFile::RestoreResults => {
            let restore = rows::restore(&get(Resource::VeleroRestore, id).await?);
            let backup = VeleroName::new(id.namespace.clone(), restore.backup);
            // A restore outlives its backup, and what is kept of it goes with that.
            (get(Resource::VeleroBackup, &backup).await?, restore.phase.stage().is_over())
        }
    };
    if !is_over {
        return Err(Trouble::new(what, "it is not over, and Velero writes that at the end"));
    }
    Ok(backup["spec"]["storageLocation"].as_str().map(str::to_owned))
}

fn trouble(error: StepError) -> Trouble {
    match error {
        StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble) => trouble,
    }
}

async fn download(
    site: &Site,
    id: &VeleroName,
    (kind, location): (&str, Option<&str>),
    what: &str,
) -> Result<Fetched, Trouble> {
    let authorities = match location {
        Some(location) => authorities(site, &VeleroName::new(id.namespace.clone(), location)).await,
        None => Vec::new(),
    };
    let url = signed(site, id, kind, what).await?;
    let link = Link { url: &url, authorities, namespace: &id.namespace, most: LARGEST };
    fetch(site, &link, what).await
}

/// By whom the store's certificate is signed, where its location says so. What cannot be read is missed when it is needed.
async fn authorities(site: &Site, location: &VeleroName) -> Vec<CertificateDer<'static>> {
    let Ok(path) = object_path(site, Resource::VeleroLocation, location, "") else { return Vec::new() };
    let location: Value = site.api.get(&path).await.unwrap_or_default();
    let pem = BASE64_STANDARD.decode(plain(&location["spec"]["objectStorage"]["caCert"])).unwrap_or_default();
    CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect()
}

/// A URL that is good for a while.
async fn signed(site: &Site, id: &VeleroName, kind: &str, what: &str) -> Result<String, Trouble> {
    let collection = collection(site, Resource::VeleroDownload, &id.namespace, what)?;
    let body = json!({"apiVersion": "velero.io/v1", "kind": "DownloadRequest",
        "metadata": {"generateName": "midwatch-", "namespace": id.namespace},
        "spec": {"target": {"kind": kind, "name": id.name}}});
    let posted = format!("{collection}?fieldManager={MANAGER}");
    let made: Value =
        site.api.change(Method::POST, &posted, "application/json", &body).await.map_err(|fault| fault.trouble(what))?;
    let path = format!("{collection}/{}", plain(&made["metadata"]["name"]));
    let url = answer(site, &path, id, what).await;
    // Velero removes those that it is left with, in its own time.
    let gone = site.api.change::<IgnoredAny>(Method::DELETE, &path, "application/json", &json!({})).await;
    if let Err(fault) = gone {
        tracing::debug!(?fault, "a request for a download stays");
    }
    url
}

async fn answer(site: &Site, path: &str, id: &VeleroName, what: &str) -> Result<String, Trouble> {
    let (began, mut changes) = (Instant::now(), Changes::new(path));
    loop {
        let looked = Instant::now();
        let request: Value = site.api.get(path).await.map_err(|fault| fault.trouble(what))?;
        let url = plain(&request["status"]["downloadURL"]);
        if request["status"]["phase"] == "Processed" && !url.is_empty() {
            return Ok(url.to_owned());
        }
        let waited = began.elapsed();
        let crew = if waited >= DOUBT { server::crew(site, &id.namespace).await.ok() } else { None };
        let absent = crew.as_ref().and_then(server::Crew::absent);
        let late = (waited >= SIGNED_WITHIN).then(|| "Velero's server gives no link to it".to_owned());
        if let Some(why) = absent.or(late) {
            return Err(Trouble::new(what, why).help(format!("kubectl -n {} logs deployment/velero", id.namespace)));
        }
        let version = plain(&request["metadata"]["resourceVersion"]);
        changes.wait(site, version, LOOK, looked.elapsed()).await;
    }
}

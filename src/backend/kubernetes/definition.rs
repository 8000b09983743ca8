//! What a service is made of, as manifests: read with its secrets, and applied again.

mod manifest;
mod references;

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use self::{manifest::Manifest, references::References};
use super::{
    Site,
    directory::Workload,
    discovery::Resource,
    fault::Fault,
    pod::is_name,
    resolve::{self, resolve},
    steps::MANAGER,
};
use crate::{
    backend::DefinitionFile,
    domain::{ServiceId, Trouble},
};

/// What may belong to a workload, and tells so itself.
const BESIDE: [Resource; 4] = [Resource::Service, Resource::Autoscaler, Resource::Budget, Resource::Ingress];
const APPLY: &str = "application/apply-patch+yaml";

pub async fn of(site: &Site, service: &ServiceId) -> Result<Vec<DefinitionFile>, Trouble> {
    let what = format!("could not read what {service} is made of");
    let manifests = gathered(site, service).await.map_err(|fault| fault.trouble(what.as_str()))?;
    let files = manifests.iter().map(Manifest::file).collect::<Result<_, Fault>>();
    files.map_err(|fault| fault.trouble(what))
}

async fn gathered(site: &Site, service: &ServiceId) -> Result<Vec<Manifest>, Fault> {
    let workload = resolve(site, service).await?;
    let path = resolve::path(workload.kind, &workload.namespace, &workload.name);
    let path = path.ok_or_else(|| Fault::Garbled(format!("{service} is no object of its own").into()))?;
    let object: Value = match (site.api.get(&path).await, resolve::older_path(workload.kind, &path)) {
        (Err(fault), Some(older)) if fault.is_missing() => site.api.get(&older).await?,
        (found, _) => found?,
    };
    let mut wanted = References::of(&object);
    let beside = beside(site, &workload, &object).await?;
    wanted.secrets.extend(beside.iter().flat_map(references::tls_secrets));
    let mut found = vec![object];
    found.extend(beside);
    let named =
        [("configmaps", &wanted.config_maps), ("secrets", &wanted.secrets), ("persistentvolumeclaims", &wanted.claims)];
    for (plural, names) in named {
        found.extend(each(site, &workload.namespace, plural, names).await?);
    }
    Ok(found.into_iter().filter(|object| !references::is_made_by_the_cluster(object)).map(Manifest::of).collect())
}

/// Those that are there: what is named may be optional, or gone.
async fn each(site: &Site, namespace: &str, plural: &str, names: &BTreeSet<String>) -> Result<Vec<Value>, Fault> {
    let mut found = Vec::new();
    for name in names.iter().filter(|name| is_name(name)) {
        match site.api.get(&format!("/api/v1/namespaces/{namespace}/{plural}/{name}")).await {
            Ok(object) => found.push(object),
            Err(fault) if fault.is_missing() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

/// In the order of `BESIDE`: an ingress belongs to it by its Services.
async fn beside(site: &Site, workload: &Workload, object: &Value) -> Result<Vec<Value>, Fault> {
    let mut found: Vec<Value> = Vec::new();
    for resource in BESIDE {
        let Some(path) = site.served.path(resource, Some(&workload.namespace)) else { continue };
        let list: Value = site.api.get(&path).await?;
        let belonging = references::belonging(&list, object, &found);
        found.extend(belonging);
    }
    Ok(found)
}

/// As a trial nothing is changed, and all that is refused is told.
pub async fn apply(site: &Site, service: &ServiceId, files: &[DefinitionFile], is_trial: bool) -> Result<(), Trouble> {
    let what = format!("could not apply what {service} is made of");
    let manifests =
        files.iter().map(|file| Manifest::read(file, service.scope.as_str())).collect::<Result<Vec<_>, _>>();
    let mut manifests = manifests.map_err(|fault| fault.trouble(what.as_str()))?;
    manifests.sort_by_key(Manifest::rank);
    let trial = if is_trial { "&dryRun=All" } else { "" };
    let mut refused: Vec<Trouble> = Vec::new();
    for manifest in &manifests {
        let path = format!("{}?fieldManager={MANAGER}&force=true{trial}", manifest.path());
        match site.api.change::<Value>(Method::PATCH, &path, APPLY, manifest.object()).await {
            Ok(_) => {}
            Err(fault @ Fault::Refused { .. }) => refused.push(fault.trouble(manifest.title())),
            Err(fault) => return Err(fault.trouble(what)),
        }
        if !is_trial && !refused.is_empty() {
            break;
        }
    }
    let help = refused.iter().find_map(|trouble| trouble.help.clone());
    let lines: Vec<String> = refused.iter().map(Trouble::line).collect();
    match (lines.is_empty(), help) {
        (true, _) => Ok(()),
        (false, Some(help)) => Err(Trouble::new(what, lines.join("; ")).help(help)),
        (false, None) => Err(Trouble::new(what, lines.join("; "))),
    }
}

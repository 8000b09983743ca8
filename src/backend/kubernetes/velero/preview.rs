//! What a restore would do, before it is done: the backup as it is in Velero's store, held against what there is now. Asking is here,
//! judging in `judge`.

mod compare;
mod fixed;
mod judge;

use std::collections::BTreeSet;

pub use self::judge::{Live, dry_run};
use super::{
    contents::{self, Archived},
    download,
};
use crate::{
    backend::{
        kubernetes::{Site, cluster_backups::items, fault::Fault, pod::is_name},
        pairs::text,
    },
    domain::{NewRestore, RestorePreview, Trouble, VeleroName},
};
use futures::{StreamExt, stream};

/// Collections that are listed at a time.
const SIDE_BY_SIDE: usize = 6;

pub async fn preview(site: &Site, restore: &NewRestore) -> Result<RestorePreview, Trouble> {
    let what = format!("could not tell what a restore of {} would do", restore.backup);
    let backup = VeleroName::new(restore.id.namespace.clone(), restore.backup.clone());
    let fetched = download::contents_of(site, &backup, &what).await?;
    let way = fetched.way;
    let reading = tokio::task::spawn_blocking(move || contents::objects(&fetched.body));
    let read = reading.await.unwrap_or_else(|error| Err(error.to_string()));
    let backed_up = read.map_err(|why| Trouble::new(what.as_str(), why))?;
    let live = look(site, &backed_up, restore).await.map_err(|fault| fault.trouble(what))?;
    Ok(RestorePreview::new(dry_run(&backed_up, &live, restore), way))
}

/// One collection of a kind, in one namespace or of the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shelf {
    resource: String,
    namespace: Option<String>,
    path: String,
}

impl Shelf {
    /// Where an object of a backup would go; `None` where its names are none of Kubernetes.
    fn of(archived: &Archived, restore: &NewRestore) -> Option<Self> {
        let version = text(&archived.object["apiVersion"]);
        let plural = archived.resource.split('.').next().unwrap_or_default();
        if !version.split('/').all(is_name) || !is_name(plural) {
            return None;
        }
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let namespace = archived.object["metadata"]["namespace"].as_str().map(|from| restore.target(from).to_owned());
        let path = match &namespace {
            Some(namespace) if !is_name(namespace) => return None,
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        };
        Some(Self { resource: archived.resource.clone(), namespace, path })
    }
}

async fn look(site: &Site, backed_up: &[Archived], restore: &NewRestore) -> Result<Live, Fault> {
    let mut live = Live::default();
    for namespace in items(site, "/api/v1/namespaces").await? {
        let is_ending = namespace["metadata"]["deletionTimestamp"].is_string();
        live.namespaces.insert(text(&namespace["metadata"]["name"]).to_owned(), is_ending);
    }
    let asked = backed_up.iter().filter(|archived| judge::left_out(archived, restore).is_none());
    let mut shelves: BTreeSet<Shelf> = asked.filter_map(|archived| Shelf::of(archived, restore)).collect();
    // A claim may be for a volume that is not in the backup.
    if shelves.iter().any(|shelf| shelf.resource == "persistentvolumeclaims") {
        let (resource, path) = ("persistentvolumes".to_owned(), "/api/v1/persistentvolumes".to_owned());
        shelves.insert(Shelf { resource, namespace: None, path });
    }
    let looks = stream::iter(shelves).map(|shelf| async move {
        let found = items(site, &shelf.path).await;
        (shelf, found)
    });
    let mut looks = std::pin::pin!(looks.buffer_unordered(SIDE_BY_SIDE));
    while let Some((shelf, found)) = looks.next().await {
        match found {
            Ok(objects) => objects.into_iter().for_each(|object| live.put(&shelf.resource, object)),
            Err(fault) if fault.is_missing() => {
                live.unserved.insert(shelf.resource);
            }
            Err(fault) => {
                let why = fault.trouble("").why;
                live.unseen.insert((shelf.resource, shelf.namespace), why);
            }
        }
    }
    Ok(live)
}

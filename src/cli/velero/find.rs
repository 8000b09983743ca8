//! Where Velero is, and which of its objects is meant.

use std::{collections::BTreeSet, sync::Arc};

use super::cluster_backups;
use crate::{
    cli::{
        arguments::Named,
        exit::{Exit, Stop},
        printer::Printer,
        session::Session,
    },
    domain::{ClusterName, Engine, Listed, StorageLocation, Trouble, Velero, VeleroBackup, VeleroName, text::nearest},
};

/// How many names an error lists.
const LISTED: usize = 10;

pub struct Found {
    pub cluster: ClusterName,
    pub velero: Velero,
}

/// Every Velero of the clusters that were asked. `Err`: there is none.
pub async fn all(session: &mut Session, printer: &mut Printer<'_>) -> Result<Vec<Found>, Stop> {
    let (mut found, mut asked) = (Vec::new(), Vec::new());
    for (cluster, backups) in cluster_backups(session).await {
        asked.push(cluster.to_string());
        match backups.map(|backups| backups.velero) {
            Ok(Some(velero)) => found.push(Found { cluster, velero }),
            Ok(None) => {}
            Err(trouble) => printer.trouble(&trouble),
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    if let Some(lost) = lost(session) {
        return Err(Stop::unreachable(lost.clone()));
    }
    let why = match asked.as_slice() {
        [] => "no cluster of Kubernetes was asked".to_owned(),
        asked => format!("it is not installed on {}", asked.join(", ")),
    };
    Err(Stop::Because(Exit::Refused, Trouble::new("Velero was not found", why)))
}

/// A cluster that cannot be asked might have what is meant, too: whoever changes something says which one.
pub fn settled(session: &Session) -> Result<(), Stop> {
    lost(session).map_or(Ok(()), |lost| {
        let help = "what is meant might be there: name its cluster with --cluster";
        Err(Stop::unreachable(lost.clone().help(help)))
    })
}

/// Velero is on Kubernetes only: whatever else is lost has none.
fn lost(session: &Session) -> Option<&Trouble> {
    let mut clusters = session.inventory.clusters().filter(|cluster| cluster.engine == Engine::Kubernetes);
    clusters.find_map(|cluster| session.lost(&cluster.name))
}

/// What could be listed of one kind, in each cluster; what could not is told.
pub fn listed<'a, T>(
    found: &'a [Found],
    of: impl Fn(&'a Velero) -> &'a Listed<T>,
    printer: &mut Printer<'_>,
) -> Vec<(&'a ClusterName, &'a T)> {
    let mut rows = Vec::new();
    for Found { cluster, velero } in found {
        match of(velero) {
            Ok(objects) => rows.extend(objects.iter().map(|object| (cluster, object))),
            Err(trouble) => printer.trouble(trouble),
        }
    }
    rows
}

pub fn backup<'a>(
    found: &'a [Found],
    typed: &Named,
    printer: &mut Printer<'_>,
) -> Result<(&'a ClusterName, &'a VeleroBackup), Stop> {
    let all = listed(found, |velero| &velero.backups, printer);
    one(&all, |backup| &backup.id, typed, "backup")
}

/// The only one that was meant.
pub fn one<'a, T>(
    all: &[(&'a ClusterName, &'a T)],
    id: impl Fn(&T) -> &VeleroName,
    typed: &Named,
    kind: &str,
) -> Result<(&'a ClusterName, &'a T), Stop> {
    let meant: Vec<_> = all.iter().filter(|(_, object)| typed.matches(id(object))).collect();
    let refused = |why: String, help: String| {
        let trouble = Trouble::new(format!("no {kind} \"{}\" of Velero's was chosen", typed.name), why);
        Err(Stop::Because(Exit::Usage, trouble.help(help)))
    };
    match meant.as_slice() {
        [only] => Ok(**only),
        [] => {
            let names = || all.iter().map(|(_, object)| &*id(object).name);
            let near = nearest(&typed.name, names()).map(|near| format!("did you mean {near}?"));
            let some = || names().take(LISTED).collect::<Vec<_>>().join(", ");
            let help = near.unwrap_or_else(|| {
                if all.is_empty() { "there is none".into() } else { format!("there are: {}", some()) }
            });
            refused("there is none of this name".into(), help)
        }
        several => {
            let place = |(cluster, object): &&(&ClusterName, &T)| {
                format!("{}/{} on {cluster}", id(object).namespace, typed.name)
            };
            let places: Vec<String> = several.iter().map(place).collect();
            let help = format!("name its cluster with --cluster, or write NAMESPACE/NAME: {}", places.join(", "));
            refused(format!("{} are called so", several.len()), help)
        }
    }
}

/// Where a new backup is asked for: the cluster and Velero's namespace in it.
pub fn home(
    found: &[Found],
    typed: Option<&Named>,
    printer: &mut Printer<'_>,
) -> Result<(ClusterName, Arc<str>), Stop> {
    let all = listed(found, |velero| &velero.locations, printer);
    let is_meant = |location: &StorageLocation| typed.is_none_or(|typed| typed.matches(&location.id));
    let meant: Vec<_> = all.iter().filter(|(_, location)| is_meant(location)).collect();
    let homes: BTreeSet<_> = meant.iter().map(|(cluster, location)| (*cluster, &location.id.namespace)).collect();
    let refused = |why: String, help: String| {
        let trouble = Trouble::new("no location for a backup was chosen", why);
        Err(Stop::Because(Exit::Usage, trouble.help(help)))
    };
    match (homes.into_iter().collect::<Vec<_>>().as_slice(), typed) {
        ([(cluster, namespace)], _) => {
            let used = meant.iter().find(|(_, location)| typed.is_some() || location.is_default);
            if let Some(why) = used.and_then(|(_, location)| unusable(location)) {
                printer.say(&why);
            }
            Ok(((*cluster).clone(), (*namespace).clone()))
        }
        ([], None) => refused("Velero has none".into(), "velero backup-location create".into()),
        ([], Some(typed)) => {
            let names: Vec<&str> = all.iter().map(|(_, location)| &*location.id.name).take(LISTED).collect();
            refused(format!("there is none called {}", typed.name), format!("there are: {}", names.join(", ")))
        }
        (several, _) => {
            let places = several.iter().map(|(cluster, namespace)| format!("{namespace} on {cluster}"));
            let places: Vec<String> = places.collect();
            let help = "name the cluster with --cluster, or --location NAMESPACE/NAME";
            refused(format!("there is more than one Velero: in {}", places.join(", in ")), help.into())
        }
    }
}

fn unusable(location: &StorageLocation) -> Option<String> {
    let name = &location.id.name;
    if location.read_only {
        return Some(format!("location {name} is read-only: Velero will make no backup there"));
    }
    let is_away = !location.phase.is_empty() && &*location.phase != "Available";
    let why = location.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    is_away.then(|| format!("location {name} is {}{why}", location.phase))
}

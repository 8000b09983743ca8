//! What becomes of each object of a backup, by Velero's own rules: what it never restores, what it leaves as it is, what the server would
//! refuse. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    super::contents::Archived,
    compare::{comparable, differences},
    fixed,
};
use crate::{
    backend::pairs::{list, strings, text},
    domain::{Difference, Existing, Foretold, NewRestore, What, text::clean},
};

/// `nonRestorableResources` of Velero's restore controller.
const NEVER: [(&str, &str); 9] = [
    ("nodes", "machines are not restored"),
    ("events", "what happened is not restored"),
    ("events.events.k8s.io", "what happened is not restored"),
    ("backups.velero.io", "backups come from the store by themselves"),
    ("restores.velero.io", "restores are of one cluster only"),
    ("resticrepositories.velero.io", "Velero makes them anew"),
    ("backuprepositories.velero.io", "Velero makes them anew"),
    ("csinodes.storage.k8s.io", "machines are not restored"),
    ("volumeattachments.storage.k8s.io", "the cluster attaches volumes by itself"),
];

/// What there is now.
#[derive(Default)]
pub struct Live {
    /// And whether it is ending.
    pub namespaces: BTreeMap<String, bool>,
    objects: BTreeMap<Key, Value>,
    /// Kinds that this cluster does not know.
    pub unserved: BTreeSet<String>,
    /// What could not be listed, and why.
    pub unseen: BTreeMap<(String, Option<String>), Arc<str>>,
}

/// Resource, namespace, name.
type Key = (String, Option<String>, String);

impl Live {
    pub fn put(&mut self, resource: &str, object: Value) {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str().map(str::to_owned);
        let key = (resource.to_owned(), namespace, text(&metadata["name"]).to_owned());
        self.objects.insert(key, object);
    }

    fn get(&self, resource: &str, namespace: Option<&str>, name: &str) -> Option<&Value> {
        self.objects.get(&(resource.to_owned(), namespace.map(str::to_owned), name.to_owned()))
    }
}

pub fn dry_run(backed_up: &[Archived], live: &Live, restore: &NewRestore) -> Vec<Foretold> {
    backed_up.iter().map(|archived| Candidate::new(archived, restore).foretell(live)).collect()
}

/// Why it is not restored, whatever there is now.
pub fn left_out(archived: &Archived, restore: &NewRestore) -> Option<String> {
    let (resource, object) = (archived.resource.as_str(), &archived.object);
    if let Some((_, why)) = NEVER.iter().find(|(never, _)| *never == resource) {
        return Some((*why).to_owned());
    }
    let of = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Some(namespace),
        None if resource == "namespaces" => object["metadata"]["name"].as_str(),
        None => None,
    };
    let is_chosen = |namespace: &str| restore.namespaces.iter().any(|chosen| **chosen == *namespace);
    match of {
        _ if restore.namespaces.is_empty() => {}
        Some(namespace) if is_chosen(namespace) => {}
        Some(namespace) => return Some(format!("{namespace} is not among the namespaces that are restored")),
        // Those that belong to the claims that are restored come with them.
        None if resource == "persistentvolumes"
            && object["spec"]["claimRef"]["namespace"].as_str().is_some_and(is_chosen) => {}
        None => return Some("it is of the whole cluster, and only namespaces are restored".into()),
    }
    let labels: BTreeMap<&str, &str> = strings(&object["metadata"]["labels"]).collect();
    // Namespaces are made for what is in them.
    let is_meant = |(key, value): (&Arc<str>, &Arc<str>)| labels.get(&**key) == Some(&&**value);
    if resource != "namespaces" && !restore.labels.iter().all(is_meant) {
        return Some("it does not have the labels that are restored".into());
    }
    over(resource, object).map(str::to_owned)
}

fn over(resource: &str, object: &Value) -> Option<&'static str> {
    let is_mirror = object["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_string();
    match resource {
        "pods" if is_mirror => Some("a machine runs it by itself"),
        "pods" if matches!(text(&object["status"]["phase"]), "Succeeded" | "Failed") => Some("it had come to its end"),
        "jobs.batch" if object["status"]["completionTime"].is_string() => Some("it had come to its end"),
        _ => None,
    }
}

/// One object, as it would be sent to the server.
struct Candidate<'a> {
    archived: &'a Archived,
    restore: &'a NewRestore,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl<'a> Candidate<'a> {
    fn new(archived: &'a Archived, restore: &'a NewRestore) -> Self {
        let metadata = &archived.object["metadata"];
        let is_namespace = archived.resource == "namespaces";
        let name = text(&metadata["name"]);
        Self {
            archived,
            restore,
            namespace: metadata["namespace"].as_str().map(|from| restore.target(from)),
            name: if is_namespace { restore.target(name) } else { name },
        }
    }

    fn resource(&self) -> &str {
        &self.archived.resource
    }

    fn foretell(&self, live: &Live) -> Foretold {
        let kind = text(&self.archived.object["kind"]);
        Foretold {
            kind: clean(if kind.is_empty() { self.resource() } else { kind }).into(),
            namespace: self.namespace.map(|namespace| clean(namespace).into()),
            name: clean(self.name).into(),
            what: self.judge(live),
        }
    }

    fn judge(&self, live: &Live) -> What {
        if let Some(why) = left_out(self.archived, self.restore) {
            return What::LeftOut { why: clean(&why).into() };
        }
        if self.resource() == "namespaces" {
            return self.of_namespace(live);
        }
        if self.namespace.is_some_and(|namespace| live.namespaces.get(namespace) == Some(&true)) {
            return conflict("its namespace is being removed");
        }
        if live.unserved.contains(self.resource()) {
            return conflict("this cluster does not know its kind");
        }
        let place = (self.resource().to_owned(), self.namespace.map(str::to_owned));
        if let Some(why) = live.unseen.get(&place) {
            return What::Unknown { why: why.clone() };
        }
        match live.get(self.resource(), self.namespace, self.name) {
            Some(there) => self.beside(there),
            None => self.absent(live),
        }
    }

    /// Velero makes one for what is in it, and leaves one that is there as it is.
    fn of_namespace(&self, live: &Live) -> What {
        match live.namespaces.get(self.name) {
            Some(true) => conflict("it is being removed"),
            Some(false) => What::Skip { differs: Vec::new() },
            None => What::Create,
        }
    }

    fn absent(&self, live: &Live) -> What {
        let spec = &self.archived.object["spec"];
        match self.resource() {
            "persistentvolumeclaims" => match self.taken(live, text(&spec["volumeName"])) {
                Some(by) => conflict(format!("its volume {} is bound to {by}", text(&spec["volumeName"]))),
                None => What::Create,
            },
            "persistentvolumes" if spec["persistentVolumeReclaimPolicy"] == "Delete" => {
                let why = "its claim gets a new volume of its class, unless Velero took a snapshot of this one";
                What::LeftOut { why: why.into() }
            }
            _ => What::Create,
        }
    }

    /// By which other claim a volume is bound.
    fn taken(&self, live: &Live, volume: &str) -> Option<String> {
        let claim = &live.get("persistentvolumes", None, volume)?["spec"]["claimRef"];
        let (namespace, name) = (claim["namespace"].as_str()?, claim["name"].as_str()?);
        let is_ours = Some(namespace) == self.namespace && name == self.name;
        (!is_ours).then(|| format!("{namespace}/{name}"))
    }

    fn beside(&self, there: &Value) -> What {
        if there["metadata"]["deletionTimestamp"].is_string() {
            return conflict("the one that is there is being removed");
        }
        if let Some(by) = self.bound_elsewhere(there) {
            return conflict(format!("it is bound to {by}"));
        }
        let wanted = comparable(self.resource(), &self.archived.object, self.restore);
        let differs =
            differences(self.resource(), &comparable(self.resource(), there, &NewRestore::default()), &wanted);
        if self.resource() == "serviceaccounts" {
            return merged(differs);
        }
        match self.restore.existing {
            _ if differs.is_empty() => What::Skip { differs },
            Existing::Keep => What::Skip { differs },
            Existing::Update => match self.refusal(there, &differs) {
                Some(why) => conflict(why),
                None => What::Update { fields: differs },
            },
        }
    }

    /// A volume that there is under this name, of another claim than the one it had.
    fn bound_elsewhere(&self, there: &Value) -> Option<String> {
        if self.resource() != "persistentvolumes" {
            return None;
        }
        let (was, is) = (&self.archived.object["spec"]["claimRef"], &there["spec"]["claimRef"]);
        let (namespace, name) = (is["namespace"].as_str()?, is["name"].as_str()?);
        let is_ours = self.restore.target(text(&was["namespace"])) == namespace && text(&was["name"]) == name;
        (!is_ours).then(|| format!("{namespace}/{name}"))
    }

    fn refusal(&self, there: &Value, differs: &[Difference]) -> Option<String> {
        if let Some(field) = fixed::field(self.resource(), there, differs) {
            return Some(format!("{field} cannot be changed: Velero warns, and leaves it as it is"));
        }
        let is_shared = self.namespace.is_none();
        is_shared.then(|| owner(there)).flatten().map(|owner| format!("it is of the whole cluster, and {owner}'s"))
    }
}

/// Velero adds to an account what it lacks, whatever it was told of other objects.
fn merged(differs: Vec<Difference>) -> What {
    let fields: Vec<Difference> = differs.iter().filter(|field| field.was.is_none()).cloned().collect();
    if fields.is_empty() { What::Skip { differs } } else { What::Update { fields } }
}

/// Who keeps it as it is, and would change it back.
fn owner(there: &Value) -> Option<String> {
    let metadata = &there["metadata"];
    let controller = list(&metadata["ownerReferences"]).iter().find(|owner| owner["controller"] == true);
    if let Some(controller) = controller {
        return Some(format!("{} {}", text(&controller["kind"]), text(&controller["name"])));
    }
    let (labels, annotations) = (&metadata["labels"], &metadata["annotations"]);
    let release = (annotations["meta.helm.sh/release-name"].as_str(), &labels["app.kubernetes.io/managed-by"]);
    let flux = labels["kustomize.toolkit.fluxcd.io/name"].as_str();
    match (release, annotations["argocd.argoproj.io/tracking-id"].as_str(), flux) {
        ((Some(release), by), ..) if by == "Helm" => Some(format!("Helm release {release}")),
        (_, Some(_), _) => Some("Argo CD".into()),
        (.., Some(name)) => Some(format!("Flux {name}")),
        (_, None, None) => None,
    }
}

fn conflict(why: impl AsRef<str>) -> What {
    What::Conflict { why: clean(why.as_ref()).into() }
}

#[cfg(test)]
mod tests;

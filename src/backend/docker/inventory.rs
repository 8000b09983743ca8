//! What the engine last said of each container, and what changes for the console when it says something else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    container::Container,
    health::{self, Past},
    marks,
    services::{self, Member},
    swarm::SwarmService,
    wire::{ImageSummary, Summary},
};
use crate::domain::{Change, ClusterName, HostFacts, Instance, InstanceId, Service, ServiceId, inventory::Picture};

pub struct Books {
    cluster: ClusterName,
    containers: BTreeMap<Arc<str>, Entry>,
    pasts: BTreeMap<Arc<str>, Past>,
    /// What registries call an image, by the engine's id of it.
    digests: BTreeMap<Arc<str>, Vec<String>>,
    pub swarm: Vec<SwarmService>,
    facts: HostFacts,
    told_instances: BTreeMap<InstanceId, Instance>,
    told_services: BTreeMap<ServiceId, Service>,
    /// When time alone changes how something is.
    pub again_at: Option<Timestamp>,
}

struct Entry {
    container: Container,
    /// As it stood in the list when it was inspected: while that is the same, it need not be inspected again.
    summary: Option<Summary>,
}

impl Books {
    pub fn new(cluster: ClusterName) -> Self {
        Self {
            cluster,
            containers: BTreeMap::new(),
            pasts: BTreeMap::new(),
            digests: BTreeMap::new(),
            swarm: Vec::new(),
            facts: HostFacts::default(),
            told_instances: BTreeMap::new(),
            told_services: BTreeMap::new(),
            again_at: None,
        }
    }

    pub fn put_facts(&mut self, facts: HostFacts) {
        self.facts = facts;
    }

    pub fn put_images(&mut self, images: &[ImageSummary]) {
        let digests = |image: &ImageSummary| image.repo_digests.clone().unwrap_or_default();
        self.digests = images.iter().map(|image| (Arc::from(image.id.as_str()), digests(image))).collect();
        for entry in self.containers.values_mut() {
            name_by_registry(&mut entry.container, &self.digests);
        }
    }

    pub fn knows_image(&self, id: &str) -> bool {
        self.digests.contains_key(id)
    }

    /// Forgets what is not in the list, and says what must be inspected: what is new or looks otherwise than when it last was. Markers
    /// are no containers to anybody.
    pub fn compare(&mut self, list: &[Summary]) -> Vec<String> {
        let list = || list.iter().filter(|summary| !summary.labels.as_ref().is_some_and(marks::is_marker));
        let there: BTreeSet<&str> = list().map(|summary| summary.id.as_str()).collect();
        self.containers.retain(|id, _| there.contains(&**id));
        self.pasts.retain(|id, _| there.contains(&**id));
        let stale = |summary: &&Summary| {
            self.containers
                .get(summary.id.as_str())
                .is_none_or(|entry| entry.summary.as_ref().is_none_or(|before| !looks_alike(before, summary)))
        };
        list().filter(stale).map(|summary| summary.id.clone()).collect()
    }

    pub fn put(&mut self, mut container: Container, summary: Option<Summary>) {
        name_by_registry(&mut container, &self.digests);
        self.containers.insert(container.id.clone(), Entry { container, summary });
    }

    pub fn remove(&mut self, id: &str) {
        self.containers.remove(id);
        self.pasts.remove(id);
    }

    pub fn container(&self, id: &str) -> Option<&Container> {
        self.containers.get(id).map(|entry| &entry.container)
    }

    pub fn past(&mut self, id: &str) -> &mut Past {
        self.pasts.entry(id.into()).or_default()
    }

    pub fn picture(&mut self, now: Timestamp) -> Picture {
        let (instances, services) = self.judge(now);
        self.told_instances = instances;
        self.told_services = services;
        Picture {
            facts: self.facts.clone(),
            services: self.told_services.values().cloned().collect(),
            instances: self.told_instances.values().cloned().collect(),
            nodes: Vec::new(),
        }
    }

    /// What is different from what was told before.
    pub fn changes(&mut self, now: Timestamp) -> Vec<Change> {
        let (instances, services) = self.judge(now);
        let mut changes = Vec::new();
        for (id, instance) in &instances {
            if self.told_instances.get(id) != Some(instance) {
                changes.push(Change::Instance(Box::new(instance.clone())));
            }
        }
        for (id, service) in &services {
            if self.told_services.get(id) != Some(service) {
                changes.push(Change::Service(Box::new(service.clone())));
            }
        }
        let gone = self.told_instances.keys().filter(|id| !instances.contains_key(*id));
        changes.extend(gone.cloned().map(Change::InstanceGone));
        let gone = self.told_services.keys().filter(|id| !services.contains_key(*id));
        changes.extend(gone.cloned().map(Change::ServiceGone));
        self.told_instances = instances;
        self.told_services = services;
        changes
    }

    fn judge(&mut self, now: Timestamp) -> (BTreeMap<InstanceId, Instance>, BTreeMap<ServiceId, Service>) {
        let nothing = Past::default();
        let members: Vec<Member> = self
            .containers
            .values()
            .map(|Entry { container, .. }| {
                let past = self.pasts.get(&container.id).unwrap_or(&nothing);
                Member { container, judgement: health::judge(container, past, now) }
            })
            .collect();
        let instances = members
            .iter()
            .map(|member| member.container.instance(&self.cluster, member.judgement.health.clone()))
            .map(|instance| (instance.id.clone(), instance))
            .collect();
        let mut services = services::assemble(&self.cluster, &members, &self.swarm);
        self.again_at = members.iter().filter_map(|member| member.judgement.again_at).min();
        // A service has been failing since it began to, not since its last crash.
        for (id, service) in &mut services {
            if let Some(before) = self.told_services.get(id)
                && before.health.word() == service.health.word()
                && let (Some(then), Some(now)) = (before.since, service.since)
            {
                service.since = Some(then.min(now));
            }
        }
        (instances, services)
    }
}

/// The age in a status ("Up 3 minutes", "Exited (1) 2 hours ago") grows by itself and says nothing.
fn looks_alike(a: &Summary, b: &Summary) -> bool {
    let essence = |summary: &Summary| {
        let status = summary.status.clone().unwrap_or_default();
        let parenthesis =
            status.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner.to_owned());
        (summary.names.clone(), summary.image_id.clone(), summary.state.clone(), parenthesis)
    };
    essence(a) == essence(b)
}

fn name_by_registry(container: &mut Container, digests: &BTreeMap<Arc<str>, Vec<String>>) {
    let known = digests.get(&container.image_id).and_then(|digests| digest(digests, &container.image.reference));
    if known.is_some() {
        container.image.digest = known;
    }
}

/// The digest that the repository of `reference` gave the image, without the repository's name.
pub fn digest(digests: &[String], reference: &str) -> Option<Arc<str>> {
    let name = reference.split('@').next().unwrap_or_default();
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let repository = &name[..name[slash..].find(':').map_or(name.len(), |colon| slash + colon)];
    let ours = digests.iter().find(|digest| digest.split('@').next() == Some(repository));
    let (_, digest) = ours.or(digests.first())?.split_once('@')?;
    Some(crate::domain::text::clean(digest).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(status: &str) -> Summary {
        Summary { id: "a".into(), state: Some("running".into()), status: Some(status.into()), ..Summary::default() }
    }

    #[test]
    fn growing_older_is_no_reason_to_inspect_a_container_again() {
        assert!(looks_alike(&summary("Up 3 minutes (healthy)"), &summary("Up 4 minutes (healthy)")));
        assert!(!looks_alike(&summary("Up 3 minutes (healthy)"), &summary("Up 3 minutes (unhealthy)")));
        assert!(!looks_alike(&summary("Exited (1) 2 hours ago"), &summary("Exited (0) 2 hours ago")));
    }

    #[test]
    fn the_digest_is_that_of_the_repository_that_the_image_was_named_by() {
        let digests = ["other/web@sha256:aa".to_owned(), "registry:5000/shop/web@sha256:bb".to_owned()];
        assert_eq!(digest(&digests, "registry:5000/shop/web:v2").as_deref(), Some("sha256:bb"));
        assert_eq!(digest(&digests, "web").as_deref(), Some("sha256:aa"));
        assert_eq!(digest(&[], "web"), None);
    }
}

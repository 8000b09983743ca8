//! Puts containers together to services, and judges a service by its containers and by what it depends on. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;

use super::{
    container::{CheckState, Container},
    health::Judgement,
    swarm::SwarmService,
};
use crate::domain::{ClusterName, Health, InstanceState, Port, Reason, Service, ServiceId};

pub struct Member<'a> {
    pub container: &'a Container,
    pub judgement: Judgement,
}

pub fn assemble(cluster: &ClusterName, members: &[Member], swarm: &[SwarmService]) -> BTreeMap<ServiceId, Service> {
    let mut groups: BTreeMap<ServiceId, Vec<&Member>> = BTreeMap::new();
    for member in members {
        groups.entry(member.container.service(cluster)).or_default().push(member);
    }
    let mut services: BTreeMap<ServiceId, Service> =
        groups.into_iter().map(|(id, members)| (id.clone(), service(id, &members))).collect();
    for said in swarm {
        let id = said.id(cluster);
        let local = services.remove(&id);
        services.insert(id.clone(), said.service(id, local));
    }
    blame_dependencies(&mut services);
    services
}

fn service(id: ServiceId, members: &[&Member]) -> Service {
    // What `compose run` made beside the service does not count, unless there is nothing else.
    let kept: Vec<&Member> = members.iter().filter(|member| !member.container.is_one_off).copied().collect();
    let all: &[&Member] = if kept.is_empty() { members } else { &kept };
    let replaced = replaced(all);
    let at_work: Vec<&Member> = all.iter().filter(|member| !is_in_reserve(member, &replaced)).copied().collect();
    let counted: &[&Member] = if at_work.is_empty() { all } else { &at_work };
    // While a rollout is under way, the old and the new one of a pair are one place.
    let wanted = if replaced.is_empty() { counted.len() } else { all.len() - replaced.len() };
    let ready = counted.iter().filter(|member| is_ready(member)).count();
    let newest = counted.iter().max_by_key(|member| member.container.created).map(|member| member.container);
    let ports: BTreeSet<Port> = counted.iter().flat_map(|member| member.container.ports.iter().cloned()).collect();
    let (health, since) = together(counted);
    Service {
        kind: counted.first().map_or(crate::domain::ServiceKind::Container, |member| member.container.place.kind),
        // Docker remembers no wish but the containers that were made for it, so all of them are wanted: 0/1 says that a service is
        // down whoever stopped it, where counting only what should run would say 0/0.
        wanted: u32::try_from(wanted).unwrap_or(u32::MAX),
        ready: u32::try_from(ready.min(wanted)).unwrap_or(u32::MAX),
        health,
        since,
        restarts: counted.iter().map(|member| member.container.restarts).sum(),
        image: newest.map(|container| container.image.clone()),
        ports: ports.into_iter().collect(),
        depends_on: newest.map(|container| container.depends_on.clone()).unwrap_or_default(),
        backup: newest.and_then(|container| container.backup.clone()),
        created: counted.iter().filter_map(|member| member.container.created).min(),
        orchestration: None,
        fingerprint: fingerprint(members),
        id,
    }
}

/// The ids of those in whose place another was made that is there too.
fn replaced<'a>(members: &[&Member<'a>]) -> BTreeSet<&'a str> {
    let there: BTreeSet<&str> = members.iter().map(|member| &*member.container.id).collect();
    members.iter().filter_map(|member| member.container.replaces.as_deref()).filter(|id| there.contains(id)).collect()
}

/// Of a pair, the one that a plan has stopped and keeps to go back to, or that it has made and not started yet.
fn is_in_reserve(member: &Member, replaced: &BTreeSet<&str>) -> bool {
    let container = member.container;
    let is_new = container.replaces.as_deref().is_some_and(|id| replaced.contains(id));
    match container.state {
        InstanceState::Exited { .. } => replaced.contains(&*container.id),
        InstanceState::Created => is_new || replaced.contains(&*container.id),
        InstanceState::Running
        | InstanceState::Paused
        | InstanceState::Restarting { .. }
        | InstanceState::Removing
        | InstanceState::Dead => false,
    }
}

fn is_ready(member: &Member) -> bool {
    let well = member.container.check.as_ref().is_none_or(|check| check.state == CheckState::Healthy);
    member.container.state == InstanceState::Running && well && !matches!(member.judgement.health, Health::Failing(_))
}

/// One of several that fails makes the service degraded; all of them make it fail.
fn together(members: &[&Member]) -> (Health, Option<Timestamp>) {
    let Some(worst) = members.iter().min_by(|a, b| a.judgement.health.cmp(&b.judgement.health)) else {
        return (Health::Unknown(Reason::new("it has no containers")), None);
    };
    let health = &worst.judgement.health;
    let alike: Vec<&&Member> =
        members.iter().filter(|member| member.judgement.health.word() == health.word()).collect();
    let since = alike.iter().filter_map(|member| member.judgement.since).min();
    let (total, count) = (members.len(), alike.len());
    if total == 1 {
        return (health.clone(), since);
    }
    let told =
        |reason: &Reason| Reason { text: format!("{count} of {total}: {}", reason.text).into(), ..reason.clone() };
    let all = count == total;
    let health = match health {
        Health::Failing(reason) if all => Health::Failing(told(reason)),
        Health::Failing(reason) | Health::Degraded(reason) => Health::Degraded(told(reason)),
        Health::Changing(reason) => Health::Changing(told(reason)),
        Health::Unknown(reason) => Health::Unknown(told(reason)),
        Health::Stopped(reason) if all => Health::Stopped(told(reason)),
        // The others work: a person took this one out, or it never came.
        Health::Stopped(reason) => Health::Degraded(told(reason)),
        Health::Healthy => Health::Healthy,
    };
    (health, since)
}

/// A container that waits for another service does not fail by itself, and one that fails may only be the second in a row.
fn blame_dependencies(services: &mut BTreeMap<ServiceId, Service>) {
    let broken: BTreeMap<ServiceId, String> = services
        .iter()
        .filter(|(_, service)| is_unmet(service))
        .map(|(id, service)| {
            (id.clone(), service.health.reason().map_or_else(String::new, |reason| reason.text.to_string()))
        })
        .collect();
    for service in services.values_mut() {
        let culprit = service.depends_on.iter().find_map(|dependency| {
            let id = ServiceId { name: dependency.service.clone(), ..service.id.clone() };
            // A job that it waited for is done when it has stopped.
            broken.get(&id).map(|why| (dependency.service.clone(), why.clone()))
        });
        let Some((name, why)) = culprit else { continue };
        let blamed = |reason: &Reason| {
            let detail = format!("it depends on {name}: {why}");
            let detail = match &reason.detail {
                Some(before) => format!("{detail}\n{before}"),
                None => detail,
            };
            Reason { detail: Some(detail.into()), ..reason.clone() }
        };
        service.health = match &service.health {
            Health::Failing(reason) => Health::Failing(blamed(reason)),
            Health::Degraded(reason) => Health::Degraded(blamed(reason)),
            Health::Changing(reason) => Health::Changing(blamed(reason)),
            Health::Stopped(reason) if &*reason.text == super::health::NEVER_STARTED => Health::Failing(
                Reason::new(format!("waits for {name}, which is broken: {why}")).help(format!("look at {name}")),
            ),
            health @ (Health::Stopped(_) | Health::Unknown(_) | Health::Healthy) => health.clone(),
        };
    }
}

fn is_unmet(service: &Service) -> bool {
    matches!(service.health, Health::Failing(_))
}

/// What a plan for this service is made from: which containers, of which images, and whether each is meant to run. A container that
/// crashes and comes back all the time must not make every plan stale.
fn fingerprint(members: &[&Member]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for member in members {
        let container = member.container;
        (&container.id, &container.image_id, &container.config_hash).hash(&mut hasher);
        matches!(container.state, InstanceState::Exited { .. } | InstanceState::Created).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;

//! From what a person typed to what they meant, or to what they might have meant.

use super::{
    exit::{Exit, Stop},
    session::Session,
};
use crate::domain::{Address, ClusterName, Instance, Node, ServiceId, Trouble, text::nearest};

/// How many candidates or names an error lists.
const LISTED: usize = 10;

/// The one service at this address, as far as the clusters that can be reached tell.
pub fn service(session: &Session, address: &Address) -> Result<ServiceId, Stop> {
    let found: Vec<_> = session.services().map(|service| &service.id).filter(|id| address.matches(id)).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(unreachable(session, address).unwrap_or_else(|| unknown(session, address))),
        candidates => Err(ambiguous(address, candidates)),
    }
}

/// The same for what changes something: a cluster that cannot be asked might have another service of this name, and be meant.
pub fn service_to_change(session: &Session, address: &Address) -> Result<ServiceId, Stop> {
    let found = service(session, address)?;
    match unreachable(session, address) {
        Some(doubt) if address.cluster.is_none() => Err(doubt),
        _ => Ok(found),
    }
}

/// One instance of a service, by its name.
pub fn instance<'a>(session: &'a Session, service: &ServiceId, name: &str) -> Result<&'a Instance, Stop> {
    let instances = session.inventory.instances_of(service);
    let found = instances.iter().find(|instance| &*instance.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = instances.iter().map(|instance| &*instance.name).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it has: {}", listed(&names)),
        };
        usage(format!("no instance \"{name}\""), format!("{service} has none of this name"), help)
    })
}

/// A machine, by its name or by `cluster/name`, as what an operation is about.
pub fn node(session: &Session, typed: &str) -> Result<ServiceId, Stop> {
    let nodes = session.inventory.clusters().flat_map(|cluster| session.inventory.nodes_of(&cluster.name));
    let all: Vec<&Node> = nodes.filter(|node| session.narrow.has_cluster(&node.cluster)).collect();
    let is_meant = |node: &&&Node| *node.name == *typed || format!("{}/{}", node.cluster, node.name) == typed;
    let found: Vec<_> = all.iter().filter(is_meant).collect();
    match found.as_slice() {
        [only] => Ok(ServiceId::of_node(&only.cluster, &only.name)),
        [] => {
            let names: Vec<&str> = all.iter().map(|node| &*node.name).collect();
            let help = match nearest(typed, names.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are: {}", listed(&names)),
            };
            Err(usage(format!("no node \"{typed}\""), "there is none of this name", help))
        }
        several => {
            let names: Vec<_> = several.iter().map(|node| format!("{}/{}", node.cluster, node.name)).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let why = format!("{} nodes are called so", names.len());
            Err(usage(format!("\"{typed}\" is ambiguous"), why, format!("write one of: {}", listed(&names))))
        }
    }
}

/// Whether any of these instances has a container of this name.
pub fn container(service: &ServiceId, instances: &[Instance], name: &str) -> Result<(), Stop> {
    let mut names: Vec<&str> =
        instances.iter().flat_map(|instance| instance.parts.iter()).map(|part| &*part.name).collect();
    names.sort_unstable();
    names.dedup();
    if instances.is_empty() || names.contains(&name) {
        return Ok(());
    }
    let what = format!("no container \"{name}\"");
    Err(match (names.as_slice(), nearest(name, names.iter().copied())) {
        ([], _) => usage(what, format!("{service} has one log an instance"), "leave --container out"),
        (_, Some(near)) => usage(what, format!("{service} has none of this name"), format!("did you mean {near}?")),
        (_, None) => usage(what, format!("{service} has none of this name"), format!("it has: {}", listed(&names))),
    })
}

/// A cluster that might have what was typed, and that cannot be asked.
fn unreachable(session: &Session, address: &Address) -> Option<Stop> {
    let clusters = session.inventory.clusters().map(|cluster| &cluster.name);
    let mut possible = clusters.filter(|name| address.cluster.as_ref().is_none_or(|cluster| cluster == *name));
    let lost = possible.find_map(|name| session.lost(name))?;
    let help = match &address.cluster {
        Some(_) => lost.help.clone(),
        None => Some(format!("{address} might be there: write cluster/scope/service to leave it out").into()),
    };
    Some(Stop::unreachable(Trouble { help, ..lost.clone() }))
}

fn unknown(session: &Session, address: &Address) -> Stop {
    let what = format!("no service \"{address}\"");
    let typed = address.to_string();
    let idle: Vec<_> = session.unasked().map(ClusterName::as_str).collect();
    if !idle.is_empty() && address.cluster.is_none() {
        let help = format!("not asked were {}: name one with --cluster, or write cluster/scope/service", listed(&idle));
        return usage(what, "there is none of this name on the clusters that were asked", help);
    }
    let ids: Vec<_> = session.services().map(|service| service.id.clone()).collect();
    if ids.is_empty() {
        return usage(what, "nothing runs on the clusters and scopes that were looked at", "see: midwatch clusters");
    }
    // What was typed is compared with as many parts of each name as it has itself.
    let parts = typed.split('/').count();
    let alike: Vec<(String, &ServiceId)> = ids.iter().map(|id| (last_parts(id, parts), id)).collect();
    let near = nearest(&typed, alike.iter().map(|(name, _)| name.as_str()));
    let help = match near.and_then(|near| alike.iter().find(|(name, _)| name == near)) {
        Some((_, id)) => format!("did you mean {id}?"),
        None => "see: midwatch services".into(),
    };
    usage(what, "there is none of this name", help)
}

fn ambiguous(address: &Address, candidates: &[&ServiceId]) -> Stop {
    let names: Vec<_> = candidates.iter().map(ToString::to_string).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let why = format!("{} services are called so", candidates.len());
    usage(format!("\"{address}\" is ambiguous"), why, format!("write one of: {}", listed(&names)))
}

fn usage(what: String, why: impl std::fmt::Display, help: impl Into<std::sync::Arc<str>>) -> Stop {
    Stop::Because(Exit::Usage, Trouble::new(what, why).help(help))
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        names if names.len() <= LISTED => names.join(", "),
        names => format!("{} and {} more", names[..LISTED].join(", "), names.len() - LISTED),
    }
}

fn last_parts(id: &ServiceId, parts: usize) -> String {
    match parts {
        0 | 1 => id.name.to_string(),
        2 => format!("{}/{}", id.scope, id.name),
        _ => id.to_string(),
    }
}

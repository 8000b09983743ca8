//! `midwatch nodes`: the machines of each cluster, what they have to give and what was asked of them.

use jiff::Timestamp;

use super::{
    arguments::Listing,
    exit::{Exit, Stop},
    list::{age, why},
    printer::Printer,
    records::NodeRecord,
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::domain::{Capability, Inventory, Node, units};

pub async fn nodes(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    let exit = session.tell_lost(printer);
    session.tell_hidden(printer);
    let mut has_nodes = false;
    for cluster in session.inventory.clusters().filter(|cluster| session.lost(&cluster.name).is_none()) {
        match cluster.capabilities.allow(Capability::Nodes) {
            Ok(()) => has_nodes = true,
            Err(reason) => printer.say(&format!("{}: {reason}", cluster.name)),
        }
    }
    if !has_nodes {
        // An empty list would say that there are none.
        return Ok(if exit == Exit::Done { Exit::Refused } else { exit });
    }
    let clusters = session.inventory.clusters();
    let mut nodes: Vec<&Node> = clusters.flat_map(|cluster| session.inventory.nodes_of(&cluster.name)).collect();
    nodes.sort_by_key(|node| (&node.health, !node.cordoned, &node.cluster, &node.name));
    if listing.json {
        for node in nodes {
            printer.object(&NodeRecord::of(node, &session.inventory))?;
        }
        return Ok(exit);
    }
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("CLUSTER"),
        Left("NODE"),
        Left("ROLES"),
        Right("SLOTS"),
        Right("CPU-ASKED"),
        Right("MEM-ASKED"),
        Left("VERSION"),
        Right("AGE"),
        Left("TAINTS"),
        Left("WHY"),
    ]);
    let now = session.clock.now();
    for node in nodes {
        table.row(Some(&node.health), row(node, &session.inventory, now));
    }
    table.print(printer)?;
    Ok(exit)
}

fn row(node: &Node, inventory: &Inventory, now: Timestamp) -> [String; 11] {
    let load = inventory.load(&node.cluster, &node.name).cloned().unwrap_or_default();
    let of = |asked: String, all: Option<String>| format!("{asked}/{}", all.unwrap_or_else(|| "?".into()));
    let why = match (node.cordoned, why(&node.health)) {
        (false, why) => why,
        (true, why) if why.is_empty() => "cordoned".into(),
        (true, why) => format!("cordoned, {why}"),
    };
    [
        node.health.word().into(),
        node.cluster.to_string(),
        node.name.to_string(),
        node.roles.join(","),
        format!("{}/{}", load.taken, node.slots),
        of(units::cpu(load.cpu_request), node.allocatable.cpu.map(units::cpu)),
        of(units::bytes(load.memory_request), node.allocatable.memory.map(units::bytes)),
        node.version.to_string(),
        age(node.created, now),
        node.taints.join(","),
        why,
    ]
}

//! `midwatch clusters`, `services` and `instances`: what there is, what is broken first.

use jiff::Timestamp;

use super::{
    arguments::{AddressedListing, Listing},
    exit::{Exit, Stop},
    find,
    printer::Printer,
    records::{ClusterRecord, InstanceRecord, ServiceRecord},
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::domain::{Address, Health, Instance, Service, ServiceId, units};

pub async fn clusters(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    // That one is not connected is what this lists, and no failure.
    let exit = if session.wanted.clusters.is_empty() { Exit::Done } else { session.tell_lost(printer) };
    session.tell_hidden(printer);
    let records = session.inventory.clusters().map(|cluster| ClusterRecord::of(cluster, &session.inventory));
    if listing.json {
        for record in records {
            printer.object(&record)?;
        }
        return Ok(exit);
    }
    let mut table = Table::new(&[
        Left("CLUSTER"),
        Left("ENGINE"),
        Left("LINK"),
        Right("LATENCY"),
        Right("SERVICES"),
        Right("BROKEN"),
        Right("CPUS"),
        Right("MEMORY"),
        Left("ENDPOINT"),
    ]);
    for record in records {
        let engine = match record.engine_version {
            Some(version) => format!("{} {version}", record.engine),
            None => record.engine.to_string(),
        };
        table.row(
            None,
            [
                record.cluster.into(),
                engine,
                record.link.into(),
                record.latency_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
                number(record.services),
                number(record.broken),
                number(record.cpus),
                record.memory.map(units::bytes).unwrap_or_default(),
                record.endpoint.into(),
            ],
        );
    }
    table.print(printer)?;
    Ok(exit)
}

pub async fn services(
    session: &mut Session,
    asked: &AddressedListing,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    session.pictures_for(asked.address.as_ref()).await;
    let exit = session.tell_lost(printer);
    session.tell_hidden(printer);
    let only = chosen(session, asked.address.as_ref())?;
    let mut services: Vec<_> =
        session.services().filter(|service| only.as_ref().is_none_or(|id| *id == service.id)).collect();
    services.sort_by_key(|service| (&service.health, &service.id));
    if asked.listing.json {
        for service in services {
            printer.object(&ServiceRecord::from(service))?;
        }
        return Ok(exit);
    }
    say_if_empty(session, services.len(), "services", printer);
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("SERVICE"),
        Left("KIND"),
        Right("READY"),
        Right("UPDATED"),
        Right("AVAILABLE"),
        Left("RELEASE"),
        Right("RESTARTS"),
        Right("AGE"),
        Left("PORTS"),
        Left("WHY"),
    ]);
    let now = session.clock.now();
    for service in services {
        table.row(Some(&service.health), service_row(service, now));
    }
    table.print(printer)?;
    Ok(exit)
}

pub async fn instances(
    session: &mut Session,
    asked: &AddressedListing,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    session.pictures_for(asked.address.as_ref()).await;
    let exit = session.tell_lost(printer);
    session.tell_hidden(printer);
    let only = chosen(session, asked.address.as_ref())?;
    let mut instances: Vec<_> = session.inventory.instances().filter(|it| session.narrow.has(&it.service)).collect();
    instances.retain(|instance| only.as_ref().is_none_or(|id| *id == instance.service));
    instances.sort_by_key(|instance| (&instance.health, &instance.service, instance.name.len(), &instance.name));
    if asked.listing.json {
        for instance in instances {
            printer.object(&InstanceRecord::from(instance))?;
        }
        return Ok(exit);
    }
    say_if_empty(session, instances.len(), "instances", printer);
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("SERVICE"),
        Left("INSTANCE"),
        Left("STATE"),
        Left("RELEASE"),
        Right("RESTARTS"),
        Right("UP"),
        Left("NODE"),
        Left("ADDRESS"),
        Left("WHY"),
    ]);
    let now = session.clock.now();
    for instance in instances {
        table.row(Some(&instance.health), instance_row(instance, now));
    }
    table.print(printer)?;
    Ok(exit)
}

/// An empty screen would leave a person wondering. Of clusters that could not be asked nothing is claimed.
fn say_if_empty(session: &Session, count: usize, what: &str, printer: &mut Printer) {
    let asked = session.inventory.clusters().filter(|cluster| session.lost(&cluster.name).is_none());
    let names: Vec<_> = asked.map(|cluster| cluster.name.as_str()).collect();
    if count == 0 && !names.is_empty() {
        printer.say(&format!("no {what} on {}", names.join(", ")));
    }
}

fn chosen(session: &Session, address: Option<&Address>) -> Result<Option<ServiceId>, Stop> {
    address.map(|address| find::service(session, address)).transpose()
}

fn service_row(service: &Service, now: Timestamp) -> [String; 11] {
    let told = service.orchestration.as_deref();
    let ports: Vec<_> = service.ports.iter().filter(|port| port.published.is_some()).map(ToString::to_string).collect();
    [
        service.health.word().into(),
        service.id.to_string(),
        // One word, so that `awk` counts the columns as a person does.
        service.kind.to_string().replace(' ', "-"),
        format!("{}/{}", service.ready, service.wanted),
        number(told.and_then(|told| told.updated)),
        number(told.and_then(|told| told.available)),
        service.release().into(),
        service.restarts.to_string(),
        age(service.created, now),
        ports.join(","),
        why(&service.health),
    ]
}

fn instance_row(instance: &Instance, now: Timestamp) -> [String; 10] {
    let addresses: Vec<_> = instance.addresses.iter().map(|(_, address)| &**address).collect();
    let up = instance.started.filter(|_| instance.state.is_alive());
    [
        instance.health.word().into(),
        instance.service.to_string(),
        instance.name.to_string(),
        instance.state.word().into(),
        instance.image.release().into(),
        instance.restarts.to_string(),
        age(up, now),
        instance.node.as_deref().unwrap_or_default().into(),
        addresses.join(","),
        why(&instance.health),
    ]
}

pub fn why(health: &Health) -> String {
    health.reason().map(|reason| reason.text.to_string()).unwrap_or_default()
}

pub fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map(|then| units::age_of(then, now)).unwrap_or_default()
}

pub fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

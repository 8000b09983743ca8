//! `midwatch clusters`, `services`, `instances` and `releases`: what there is, what is broken first.

use jiff::Timestamp;

use super::{
    arguments::{AddressedListing, Listing},
    exit::{Exit, Stop},
    find,
    printer::Printer,
    records::{ClusterRecord, InstanceRecord, ReleaseRecord, ServiceRecord},
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::{
    domain::{Address, Health, Instance, Service, ServiceId, Trouble, units},
    message::{Answer, Question},
};

pub async fn clusters(session: &mut Session, listing: Listing, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures().await;
    let exit = session.tell_lost(printer);
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
    session.pictures().await;
    let exit = session.tell_lost(printer);
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
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("SERVICE"),
        Right("READY"),
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
    session.pictures().await;
    let exit = session.tell_lost(printer);
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
    let mut table = Table::new(&[
        Left("HEALTH"),
        Left("SERVICE"),
        Left("INSTANCE"),
        Left("STATE"),
        Left("RELEASE"),
        Right("RESTARTS"),
        Right("UP"),
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

pub async fn releases(
    session: &mut Session,
    address: &Address,
    listing: Listing,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    session.pictures().await;
    session.tell_lost(printer);
    let service = find::service(session, address)?;
    let answer = session.ask(Question::Releases(service.clone())).await.map_err(|trouble| {
        let exit = if session.lost(&service.cluster).is_some() { Exit::Unreachable } else { Exit::Failed };
        Stop::Because(exit, trouble)
    })?;
    let Answer::Releases(releases) = answer else {
        let trouble =
            Trouble::new(format!("could not list the releases of {service}"), "the engine answered something else");
        return Err(Stop::Because(Exit::Failed, trouble));
    };
    if listing.json {
        for release in &releases {
            printer.object(&ReleaseRecord::of(&service, release))?;
        }
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        Left("RELEASE"),
        Left("CURRENT"),
        Right("INSTANCES"),
        Right("AGE"),
        Left("IMAGE"),
        Left("CAUSE"),
        Left("OUTCOME"),
    ]);
    let now = session.clock.now();
    for release in &releases {
        let number = release.number.map(|number| format!("{number} ")).unwrap_or_default();
        table.row(
            None,
            [
                format!("{number}{}", release.image.release()),
                if release.current { "current".into() } else { String::new() },
                release.instances.to_string(),
                age(release.created, now),
                release.image.reference.to_string(),
                release.cause.as_deref().unwrap_or_default().into(),
                release.outcome.as_deref().unwrap_or_default().into(),
            ],
        );
    }
    table.print(printer)?;
    Ok(Exit::Done)
}

fn chosen(session: &Session, address: Option<&Address>) -> Result<Option<ServiceId>, Stop> {
    address.map(|address| find::service(session, address)).transpose()
}

fn service_row(service: &Service, now: Timestamp) -> [String; 8] {
    let ports: Vec<_> = service.ports.iter().filter(|port| port.published.is_some()).map(ToString::to_string).collect();
    [
        service.health.word().into(),
        service.id.to_string(),
        format!("{}/{}", service.ready, service.wanted),
        service.release().into(),
        service.restarts.to_string(),
        age(service.created, now),
        ports.join(","),
        why(&service.health),
    ]
}

fn instance_row(instance: &Instance, now: Timestamp) -> [String; 9] {
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
        addresses.join(","),
        why(&instance.health),
    ]
}

fn why(health: &Health) -> String {
    health.reason().map(|reason| reason.text.to_string()).unwrap_or_default()
}

fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map(|then| units::age_of(then, now)).unwrap_or_default()
}

fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

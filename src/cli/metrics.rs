//! `midwatch metrics`: what each running instance uses, once or again and again.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    arguments,
    exit::{Exit, Stop},
    find,
    printer::Printer,
    records::{SampleFields, SampleRecord},
    session::Session,
    table::{
        Table,
        Title::{Left, Right},
    },
};
use crate::{
    domain::{Capability, Instance, InstanceId, Sample, Trouble, units},
    message::Event,
};

/// An engine needs up to two seconds for a first one: rates are between two readings.
const SAMPLES_WITHIN: Duration = Duration::from_secs(6);
/// How often a table is printed while watching: an engine measures once a second.
const EVERY: Duration = Duration::from_secs(2);

pub async fn run(session: &mut Session, asked: &arguments::Metrics, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures_for(asked.address.as_ref()).await;
    let exit = session.tell_lost(printer);
    let only = asked.address.as_ref().map(|address| find::service(session, address)).transpose()?;
    let instances: BTreeMap<InstanceId, Instance> = session
        .inventory
        .instances()
        .filter(|instance| session.narrow.has(&instance.service))
        .filter(|instance| only.as_ref().is_none_or(|id| *id == instance.service))
        .filter(|instance| instance.state.is_alive() && can_be_measured(session, instance))
        .map(|instance| (instance.id.clone(), instance.clone()))
        .collect();
    if instances.is_empty() {
        printer.say("nothing runs that could be measured");
        return Ok(exit);
    }
    session.wanted.samples = instances.keys().cloned().collect();
    session.reconcile();
    if asked.watch && asked.listing.json {
        return watch_as_json(session, &instances, printer).await;
    }

    let samples = collect(session, &instances, Instant::now() + SAMPLES_WITHIN, true).await;
    print(&instances, &samples, asked.listing.json, printer)?;
    for instance in instances.values().filter(|instance| !samples.contains_key(&instance.id)) {
        let why = format!("no answer for {} s", SAMPLES_WITHIN.as_secs());
        printer.trouble(&Trouble::new(format!("could not measure {}", instance.name), why));
    }
    if samples.is_empty() {
        return Ok(Exit::Failed);
    }
    if !asked.watch {
        return Ok(exit);
    }
    loop {
        printer.flush()?;
        let samples = collect(session, &instances, Instant::now() + EVERY, false).await;
        printer.line("")?;
        print(&instances, &samples, false, printer)?;
    }
}

/// The latest sample of each instance until the deadline; `once` each has one, that is enough.
async fn collect(
    session: &mut Session,
    instances: &BTreeMap<InstanceId, Instance>,
    deadline: Instant,
    once: bool,
) -> BTreeMap<InstanceId, Sample> {
    let mut samples = BTreeMap::new();
    while !(once && samples.len() == instances.len()) {
        match timeout_at(deadline, session.next()).await {
            Ok(Event::Sample { instance, sample }) if instances.contains_key(&instance) => {
                samples.insert(instance, sample);
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    samples
}

async fn watch_as_json(
    session: &mut Session,
    instances: &BTreeMap<InstanceId, Instance>,
    printer: &mut Printer<'_>,
) -> Result<Exit, Stop> {
    loop {
        if let Event::Sample { instance, sample } = session.next().await
            && let Some(instance) = instances.get(&instance)
        {
            printer.object(&record(instance, sample))?;
            printer.flush()?;
        }
    }
}

fn print(
    instances: &BTreeMap<InstanceId, Instance>,
    samples: &BTreeMap<InstanceId, Sample>,
    json: bool,
    printer: &mut Printer,
) -> Result<(), Stop> {
    let mut measured: Vec<_> = samples.iter().filter_map(|(id, sample)| Some((instances.get(id)?, *sample))).collect();
    measured.sort_by_key(|(instance, _)| (&instance.service, instance.name.len(), &instance.name));
    if json {
        for (instance, sample) in measured {
            printer.object(&record(instance, sample))?;
        }
        return Ok(());
    }
    let mut table = Table::new(&[
        Left("SERVICE"),
        Left("INSTANCE"),
        Right("CPU"),
        Right("MEMORY"),
        Right("LIMIT"),
        Right("IN/S"),
        Right("OUT/S"),
        Right("READ/S"),
        Right("WRITE/S"),
        Right("PIDS"),
    ]);
    for (instance, sample) in measured {
        table.row(
            None,
            [
                instance.service.to_string(),
                instance.name.to_string(),
                units::cpu(sample.cpu),
                units::bytes(sample.memory),
                instance.limits.memory.map(units::bytes).unwrap_or_default(),
                units::bytes(sample.received),
                units::bytes(sample.sent),
                units::bytes(sample.read),
                units::bytes(sample.written),
                sample.pids.to_string(),
            ],
        );
    }
    Ok(table.print(printer)?)
}

fn record(instance: &Instance, sample: Sample) -> SampleRecord<'_> {
    SampleRecord {
        cluster: instance.service.cluster.as_str(),
        scope: instance.service.scope.as_str(),
        service: &instance.service.name,
        instance: &instance.name,
        sample: SampleFields::from(sample),
        cpu_limit: instance.limits.cpu,
        memory_limit: instance.limits.memory,
    }
}

fn can_be_measured(session: &Session, instance: &Instance) -> bool {
    session.inventory.allow(&instance.service, Capability::Metrics).is_ok()
}

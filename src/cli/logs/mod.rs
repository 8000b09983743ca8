//! `midwatch logs`: the lines of a service's instances, merged by time, until they end or for as long as a person looks.

mod merge;
mod source;
mod write;

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::{Instant, sleep_until};

use self::{
    merge::Merge,
    source::Source,
    write::{Piece, Writer},
};
use super::{
    arguments,
    exit::{Exit, Stop},
    find,
    printer::Printer,
    session::Session,
};
use crate::{
    domain::{Capability, Instance, InstanceId, ServiceId, Trouble},
    message::{Event, Since, TailState},
};

pub async fn run(session: &mut Session, asked: &arguments::Logs, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    session.pictures_for(Some(&asked.address)).await;
    session.tell_lost(printer);
    let service = find::service(session, &asked.address)?;
    session.rights(&service).await;
    refuse_where_there_are_none(session, &service)?;

    let mut reading = Reading::begin(session, asked, service)?;
    if reading.sources.is_empty() {
        printer.say(&format!("{} has no instances", reading.service));
        return Ok(Exit::Done);
    }
    loop {
        while let Some(piece) = reading.merge.pop() {
            reading.writer.write(&piece, printer)?;
        }
        printer.flush()?;
        if reading.is_over() {
            return reading.conclude();
        }
        let (merge_due, quiet_at) = (reading.merge.due(), reading.quiet_at());
        tokio::select! {
            event = session.next() => reading.observe(event, session, printer),
            () = sleep_until(merge_due.unwrap_or_else(Instant::now)), if merge_due.is_some() => {}
            () = sleep_until(quiet_at.unwrap_or_else(Instant::now)), if quiet_at.is_some() => reading.close_quiet(),
        }
    }
}

/// One call of the command, while it reads.
struct Reading<'a> {
    asked: &'a arguments::Logs,
    service: ServiceId,
    sources: BTreeMap<InstanceId, Source>,
    merge: Merge<Piece>,
    writer: Writer<'a>,
    /// The last of what went wrong with a source.
    trouble: Option<Trouble>,
}

impl<'a> Reading<'a> {
    fn begin(session: &mut Session, asked: &'a arguments::Logs, service: ServiceId) -> Result<Self, Stop> {
        let instances: Vec<Instance> = match &asked.instance {
            Some(name) => vec![find::instance(session, &service, name)?.clone()],
            None => session.inventory.instances_of(&service).into_iter().cloned().collect(),
        };
        let since = match asked.since {
            Some(ago) => Since::Time(session.clock.now().saturating_sub(ago).unwrap_or_default()),
            None => Since::Lines(asked.tail),
        };
        if let Some(container) = &asked.container {
            find::container(&service, &instances, container)?;
        }
        let count = instances.iter().map(|instance| sources_of(instance, asked).len()).sum::<usize>();
        let writer = Writer::new(asked, &service, count > 1 || (asked.follow && asked.instance.is_none()));
        let (sources, merge) = (BTreeMap::new(), Merge::default());
        let mut reading = Self { asked, service, sources, merge, writer, trouble: None };
        for instance in &instances {
            reading.add(session, instance, since);
        }
        Ok(reading)
    }

    /// Those of the instance's logs that are not read yet.
    fn add(&mut self, session: &mut Session, instance: &Instance, since: Since) {
        for (id, name) in sources_of(instance, self.asked) {
            if self.sources.contains_key(&id) {
                continue;
            }
            self.writer.knows(&name);
            let source = Source::new(name, since, session.clock.now());
            session.wanted.logs.insert(id.clone(), source.tail());
            self.merge.open(id.clone());
            self.sources.insert(id, source);
        }
        session.reconcile();
    }

    fn observe(&mut self, event: Event, session: &mut Session, printer: &mut Printer) {
        match event {
            Event::Log(chunk) => {
                let Some(source) = self.sources.get_mut(&chunk.source.instance) else { return };
                let mut start = 0;
                for line in &chunk.lines {
                    let end = line.end as usize;
                    if source.takes(line.at, self.asked.follow) {
                        let piece = Piece::Line { chunk: chunk.clone(), text: start..end, line: *line };
                        self.merge.push(&chunk.source.instance, line.at, piece);
                    }
                    start = end;
                }
                self.close_if_over(&chunk.source.instance);
            }
            Event::LogGap(gap) => {
                let at = i64::try_from(gap.from.as_nanosecond()).unwrap_or(i64::MAX);
                let instance = gap.source.instance.clone();
                self.merge.push(&instance, at, Piece::Gap(gap));
            }
            Event::Tail { instance, state } => self.tail(&instance, state, printer),
            Event::Changed { .. } if self.asked.follow && self.asked.instance.is_none() => self.follow_changes(session),
            Event::Link { .. }
            | Event::Capabilities { .. }
            | Event::Latency { .. }
            | Event::Forward { .. }
            | Event::Changed { .. }
            | Event::Sample { .. }
            | Event::Answer { .. }
            | Event::Backups(_)
            | Event::Operation(_)
            | Event::Armed { .. }
            | Event::Notice(_) => {}
        }
    }

    fn tail(&mut self, instance: &InstanceId, state: TailState, printer: &mut Printer) {
        let Some(source) = self.sources.get_mut(instance) else { return };
        match state {
            TailState::Live => source.heard(),
            // It may be started again, and then its log goes on.
            TailState::Ended if self.asked.follow => {}
            TailState::Ended => source.ended(),
            // A person who follows waits for it to come back; who wanted what is there has it not all.
            TailState::Interrupted(why) if self.asked.follow => printer.trouble(&why),
            TailState::Interrupted(why) | TailState::Refused(why) => {
                printer.trouble(&why);
                source.failed();
                self.trouble = Some(why);
            }
        }
        self.close_if_over(instance);
    }

    /// A service that is followed may get other instances. One that is started again goes on by itself.
    fn follow_changes(&mut self, session: &mut Session) {
        let instances = session.inventory.instances_of(&self.service);
        let is_new = |instance: &&Instance| {
            let sources = sources_of(instance, self.asked);
            sources.iter().any(|(id, _)| !self.sources.contains_key(id))
        };
        let new: Vec<Instance> = instances.into_iter().filter(is_new).cloned().collect();
        for instance in &new {
            self.add(session, instance, Since::Beginning);
        }
    }

    fn close_if_over(&mut self, instance: &InstanceId) {
        if self.sources.get(instance).is_some_and(Source::is_over) {
            self.merge.close(instance);
        }
    }

    /// When a source has been silent for so long that all that it had has come. Never, for who follows.
    fn quiet_at(&self) -> Option<Instant> {
        self.sources.values().filter(|source| !source.is_over() && !self.asked.follow).map(Source::quiet_at).min()
    }

    fn close_quiet(&mut self) {
        let now = Instant::now();
        for (instance, source) in &mut self.sources {
            if source.quiet_at() <= now {
                source.ended();
                self.merge.close(instance);
            }
        }
    }

    fn is_over(&self) -> bool {
        let all_failed = self.sources.values().all(Source::has_failed);
        self.merge.due().is_none() && self.sources.values().all(Source::is_over) && (!self.asked.follow || all_failed)
    }

    /// What went wrong has been said.
    fn conclude(&self) -> Result<Exit, Stop> {
        Ok(if self.trouble.is_some() { Exit::Failed } else { Exit::Done })
    }
}

/// The logs of an instance that are asked for, and what each is called.
fn sources_of(instance: &Instance, asked: &arguments::Logs) -> Vec<(InstanceId, Arc<str>)> {
    let sources = instance.log_sources().into_iter().filter(|source| match (&asked.container, source.part) {
        (Some(container), Some(part)) => *container == *part.name,
        (Some(_), None) => false,
        (None, _) => true,
    });
    sources.map(|source| (source.id.clone(), source.name_after(&instance.name))).collect()
}

fn refuse_where_there_are_none(session: &Session, service: &ServiceId) -> Result<(), Stop> {
    let allowed =
        session.inventory.cluster(&service.cluster).map(|cluster| cluster.capabilities.allow(Capability::Logs));
    if let Some(Err(why)) = allowed {
        return Err(Stop::Because(Exit::Failed, Trouble::new(format!("{service} has no logs"), why)));
    }
    let may = session.inventory.allow(service, Capability::Logs);
    may.map_err(|why| Stop::Because(Exit::Refused, Trouble::new(format!("could not read the logs of {service}"), why)))
}

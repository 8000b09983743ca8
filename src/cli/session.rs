//! The outside, for a command that runs and ends: asks once, waits until it is answered or lost, and does not try again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    arguments::Options,
    exit::{Exit, Stop},
    printer::Printer,
};
use crate::{
    backend::Connector,
    clock::Clock,
    domain::{
        Address, Cluster, ClusterName, Engine, Inventory, Link, Means, Scope, Service, ServiceId, Trouble,
        text::nearest,
    },
    message::{Answer, Event, Question, Refresh, Subscriptions},
    runtime::{
        Runtime, ask,
        channels::{Inbox, Outbox},
        connections::Connections,
    },
};

/// The net below the links' own deadlines, which say better what took so long.
const PICTURES_WITHIN: Duration = Duration::from_secs(45);
/// Beside what the runtime gives a question.
const GRACE: Duration = Duration::from_secs(5);

/// Every cluster that was found, and what was tried to find them.
pub struct Fleet {
    pub clusters: Vec<(Cluster, Arc<dyn Connector>)>,
    /// What was looked for, and what it answered.
    pub tried: Vec<(Arc<str>, Arc<str>)>,
    pub clock: Clock,
}

/// What `--cluster` and `--scope` leave to be looked at. Nothing said means everything.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub clusters: BTreeSet<ClusterName>,
    pub scopes: BTreeSet<Scope>,
}

pub struct Session {
    pub inventory: Inventory,
    pub narrow: Narrow,
    pub clock: Clock,
    /// What is wanted of the outside: change it, then `reconcile`.
    pub wanted: Subscriptions,
    runtime: Runtime,
    inbox: Inbox,
    /// Gauges come several at once.
    taken: VecDeque<Event>,
    lost: BTreeMap<ClusterName, Trouble>,
    answers: BTreeMap<Question, Result<Answer, Trouble>>,
}

impl Narrow {
    pub fn of(options: &Options) -> Self {
        Self {
            clusters: options.clusters.iter().map(|name| name.as_str().into()).collect(),
            scopes: options.scopes.iter().map(|name| name.as_str().into()).collect(),
        }
    }

    pub fn has_cluster(&self, name: &ClusterName) -> bool {
        self.clusters.is_empty() || self.clusters.contains(name)
    }

    pub fn has(&self, service: &ServiceId) -> bool {
        self.has_cluster(&service.cluster) && (self.scopes.is_empty() || self.scopes.contains(&service.scope))
    }
}

impl Session {
    /// Begins to connect. Must be called inside tokio.
    pub fn open(fleet: Fleet, narrow: Narrow) -> Result<Self, Stop> {
        if fleet.clusters.is_empty() {
            return Err(nothing_found(&fleet.tried));
        }
        let names: Vec<_> = fleet.clusters.iter().map(|(cluster, _)| cluster.name.clone()).collect();
        if let Some(unknown) = narrow.clusters.iter().find(|name| !names.contains(name)) {
            return Err(unknown_cluster(unknown, &names));
        }
        let mut inventory = Inventory::default();
        let mut connectors = BTreeMap::new();
        for (mut cluster, connector) in fleet.clusters {
            if narrow.has_cluster(&cluster.name) {
                cluster.at_start |= narrow.clusters.contains(&cluster.name);
                connectors.insert(cluster.name.clone(), connector);
                inventory.put_cluster(cluster);
            }
        }
        let mut session = Self::with(inventory, connectors, narrow, fleet.clock);
        session.reconcile();
        Ok(session)
    }

    /// With nobody, for what needs no cluster.
    pub fn idle(clock: Clock) -> Self {
        Self::with(Inventory::default(), BTreeMap::new(), Narrow::default(), clock)
    }

    fn with(
        inventory: Inventory,
        connectors: BTreeMap<ClusterName, Arc<dyn Connector>>,
        narrow: Narrow,
        clock: Clock,
    ) -> Self {
        // Others are asked when somebody names them: a sign-in may want a person.
        let clusters = inventory.clusters().filter(|cluster| cluster.at_start).map(|cluster| cluster.name.clone());
        let wanted = Subscriptions { clusters: clusters.collect(), ..Subscriptions::default() };
        let (runtime, inbox) = Runtime::new(connectors, clock);
        Self {
            inventory,
            narrow,
            clock,
            wanted,
            runtime,
            inbox,
            taken: VecDeque::new(),
            lost: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    pub fn connections(&self) -> Connections {
        self.runtime.connections()
    }

    /// What the runtime's own tasks send into.
    pub fn outbox(&self) -> Outbox {
        self.runtime.outbox()
    }

    pub fn reconcile(&mut self) {
        self.runtime.reconcile(&self.wanted);
    }

    /// Waits for the next thing that happens outside, and takes in what changes the inventory.
    pub async fn next(&mut self) -> Event {
        let event = loop {
            if let Some(event) = self.taken.pop_front() {
                break event;
            }
            tokio::select! {
                biased;
                Some(event) = self.inbox.facts.recv() => break event,
                Some(event) = self.inbox.flood.recv() => break event,
                gauges = self.inbox.gauges.take() => self.taken.extend(gauges),
            }
        };
        self.observe(&event);
        event
    }

    /// `pictures`, also of the cluster that an address names.
    pub async fn pictures_for(&mut self, address: Option<&Address>) {
        let named =
            address.and_then(|address| address.cluster.as_ref()).filter(|name| self.inventory.cluster(name).is_some());
        if let Some(named) = named {
            self.wanted.clusters.insert(named.clone());
            self.reconcile();
        }
        self.pictures().await;
    }

    /// Waits until each cluster that is asked has said what runs on it, or was lost.
    pub async fn pictures(&mut self) {
        let deadline = Instant::now() + PICTURES_WITHIN;
        while self.waiting().next().is_some() {
            if timeout_at(deadline, self.next()).await.is_err() {
                let waiting: Vec<_> = self.waiting().cloned().collect();
                for cluster in waiting {
                    let what = format!("could not list what runs on {cluster}");
                    let why = format!("no answer for {} s", PICTURES_WITHIN.as_secs());
                    self.lost.insert(cluster, Trouble::new(what, why));
                }
            }
        }
    }

    /// Asks, and waits until each question is answered or its cluster is lost.
    pub async fn ask(&mut self, question: Question) -> Result<Answer, Trouble> {
        self.wanted.answers.insert(question.clone(), Refresh::WhenChanged(0));
        self.reconcile();
        let patience = ask::patience(&question) + GRACE;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = self.answers.remove(&question) {
                return answer;
            }
            if let Some(why) = self.lost.get(question.cluster()) {
                return Err(why.clone());
            }
            if timeout_at(deadline, self.next()).await.is_err() {
                let why = format!("no answer for {} s", patience.as_secs());
                return Err(Trouble::new(format!("could not ask {}", question.cluster()), why));
            }
        }
    }

    /// What the person may do where a service lives, so that what is planned or asked for is refused before it is tried. Where nobody can
    /// be asked, the engine says no itself.
    pub async fn rights(&mut self, service: &ServiceId) {
        let engine = self.inventory.cluster(&service.cluster).map(|cluster| cluster.engine);
        if engine == Some(Engine::Kubernetes) {
            let question = Question::Rights(service.cluster.clone(), service.scope.clone());
            let _ = self.ask(question).await;
        }
    }

    /// With what a service can be rolled out and back: what such a plan is made from.
    pub async fn means(&mut self, service: &ServiceId) -> Result<Arc<Means>, Trouble> {
        self.ask(Question::Means(service.clone())).await?;
        self.inventory.means(service).cloned().ok_or_else(|| {
            Trouble::new(
                format!("could not find out how {service} can be rolled out"),
                "the engine answered something else",
            )
        })
    }

    pub fn lost(&self, cluster: &ClusterName) -> Option<&Trouble> {
        self.lost.get(cluster)
    }

    /// Tells of every lost cluster. The exit code is for when there is nothing else to say.
    pub fn tell_lost(&self, printer: &mut Printer) -> Exit {
        if self.wanted.clusters.is_empty() && self.unasked().next().is_some() {
            let names: Vec<_> = self.unasked().map(ClusterName::as_str).collect();
            let trouble = Trouble::new("nothing was asked", "no cluster is connected at start");
            printer.trouble(&trouble.help(format!("name one with --cluster: {}", names.join(", "))));
            return Exit::Unreachable;
        }
        for trouble in self.lost.values() {
            printer.trouble(trouble);
        }
        let asked_for = self.lost.keys().any(|cluster| self.narrow.clusters.contains(cluster));
        let nothing_left = self.wanted.clusters.iter().all(|cluster| self.lost.contains_key(cluster));
        let is_idle = self.lost.is_empty();
        if !is_idle && (asked_for || nothing_left) { Exit::Unreachable } else { Exit::Done }
    }

    /// Where an engine does not let everything be seen, a list is not the whole truth: that is for the person, not for the pipe.
    pub fn tell_hidden(&self, printer: &mut Printer) {
        for cluster in self.inventory.clusters() {
            for what in cluster.facts.iter().flat_map(|facts| &facts.hidden) {
                printer.say(&format!("{}: hidden: {what}", cluster.name));
            }
        }
    }

    /// Of the clusters and scopes that were asked for.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.inventory.services().filter(|service| self.narrow.has(&service.id))
    }

    /// The clusters that are not asked, because nobody named them.
    pub fn unasked(&self) -> impl Iterator<Item = &ClusterName> {
        let names = self.inventory.clusters().map(|cluster| &cluster.name);
        names.filter(|name| !self.wanted.clusters.contains(*name))
    }

    fn waiting(&self) -> impl Iterator<Item = &ClusterName> {
        let names = self.wanted.clusters.iter();
        names.filter(|name| !self.lost.contains_key(*name)).filter(|name| {
            // Part of it is no answer to a command.
            self.inventory.pictured(name).is_none() || self.inventory.is_arriving(name)
        })
    }

    fn observe(&mut self, event: &Event) {
        match event {
            Event::Link { cluster, link } => {
                match link {
                    Link::Lost { why, .. } => {
                        self.lost.insert(cluster.clone(), why.clone());
                    }
                    Link::Live { .. } => {
                        self.lost.remove(cluster);
                    }
                    Link::Idle | Link::Connecting { .. } => {}
                }
                if let Some(known) = self.inventory.cluster_mut(cluster) {
                    known.link = link.clone();
                }
            }
            Event::Capabilities { cluster, capabilities } => {
                if let Some(known) = self.inventory.cluster_mut(cluster) {
                    known.capabilities = capabilities.clone();
                }
            }
            Event::Latency { cluster, round_trip } => {
                if let Some(known) = self.inventory.cluster_mut(cluster) {
                    known.latency = Some(*round_trip);
                }
            }
            Event::Changed { cluster, change } => self.inventory.apply(cluster, change.clone(), self.clock.now()),
            Event::Answer { question, answer } => {
                match (question, answer) {
                    (Question::Rights(cluster, scope), Ok(Answer::Rights(rights))) => {
                        self.inventory.set_rights(cluster, scope, rights.clone());
                    }
                    (Question::Means(service), Ok(Answer::Means(means))) => {
                        self.inventory.set_means(service, (**means).clone());
                    }
                    (_, _) => {}
                }
                self.answers.insert(question.clone(), answer.clone());
            }
            Event::Log(_)
            | Event::LogGap(_)
            | Event::Tail { .. }
            | Event::Sample { .. }
            | Event::Forward { .. }
            | Event::Backups(_)
            | Event::Operation(_)
            | Event::Armed { .. }
            | Event::Notice(_) => {}
        }
    }
}

fn nothing_found(tried: &[(Arc<str>, Arc<str>)]) -> Stop {
    let tried: Vec<_> = tried.iter().map(|(what, answer)| format!("{what}: {answer}")).collect();
    let help = [tried.join("\n  "), "to see it without an engine: midwatch demo".into()];
    let help = help.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n  ");
    Stop::unreachable(Trouble::new("found no cluster", "nothing answered").help(help))
}

fn unknown_cluster(name: &ClusterName, names: &[ClusterName]) -> Stop {
    let names = || names.iter().map(ClusterName::as_str);
    let help = match nearest(name.as_str(), names()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Stop::Because(Exit::Usage, Trouble::new(format!("no cluster \"{name}\""), "it was not found").help(help))
}

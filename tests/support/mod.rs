//! A world in a line, and a stage on which it plays in paused time: simulator, runtime, and what the event loop would have heard.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use midwatch::{
    backend::{
        Backend, Connector,
        simulator::{SimulatedCluster, scenario::Scenario},
    },
    clock::Clock,
    domain::{Cluster, ClusterName, Instance, InstanceId, Inventory, Link, Service},
    message::{Event, Since, Subscriptions, Tail},
    runtime::{
        Runtime,
        channels::{Gauges, Inbox},
    },
};
use tokio::time::Instant;

/// A scenario being written.
pub struct World {
    toml: String,
    has_cluster: bool,
}

/// One kind of log and of metrics, both called "usual".
pub fn world() -> World {
    let toml = r#"
        title = "a test"
        [logs.usual]
        format = "logfmt"
        rate = 10
        start = [{ message = "listening" }]
        lines = [{ message = "served", fields = "id={id} ms={ms}" }]
        troubled = [{ level = "error", message = "failed", fields = "id={id}" }]
        [metrics.usual]
        cpu = { base = "100m", noise = 0.2 }
        memory = { base = "50Mi" }
        pids = { base = 3 }
    "#;
    World { toml: toml.to_owned(), has_cluster: false }
}

impl World {
    pub fn cluster(mut self, name: &str) -> Self {
        self.has_cluster = true;
        self.with(&format!("[[clusters]]\nname = \"{name}\""))
    }

    /// Another line of what was begun last.
    pub fn with(mut self, line: &str) -> Self {
        self.toml += &format!("\n{line}");
        self
    }

    pub fn fault(self, kind: &str, at: &str, lasts: &str) -> Self {
        self.with(&format!("[[clusters.faults]]\nkind = \"{kind}\"\nat = \"{at}\"\nlasts = \"{lasts}\""))
    }

    /// Of scope "shop", with the usual logs and metrics; on a cluster "here", if none was begun.
    pub fn service(self, name: &str, instances: u32) -> Self {
        let world = if self.has_cluster { self } else { self.cluster("here") };
        world.with(&format!(
            "[[clusters.services]]\nscope = \"shop\"\nname = \"{name}\"\ninstances = {instances}\nimage = \"registry.example/{name}\"\n\
             logs = \"usual\"\nmetrics = \"usual\""
        ))
    }

    /// `rest`: more keys, a line each.
    pub fn trouble(self, kind: &str, rest: &str) -> Self {
        self.with(&format!("[[clusters.services.troubles]]\nkind = \"{kind}\"\n{rest}"))
    }

    pub fn scenario(&self) -> Scenario {
        Scenario::parse("test.toml", &self.toml).unwrap_or_else(|complaint| panic!("{complaint}\n{}", self.toml))
    }

    pub fn begin(&self) -> Stage {
        Stage::of(&self.scenario(), 7)
    }
}

/// The time at which every stage begins.
pub fn three_in_the_morning() -> Clock {
    Clock::starting_at("2026-11-21T03:00:00Z".parse().expect("a time"))
}

/// A runtime on a scenario, and everything that it told.
pub struct Stage {
    pub clusters: BTreeMap<ClusterName, SimulatedCluster>,
    pub runtime: Runtime,
    pub inventory: Inventory,
    pub wanted: Subscriptions,
    pub clock: Clock,
    /// With the time since the beginning.
    pub heard: Vec<(Duration, Event)>,
    inbox: Inbox,
    gauges: Gauges,
    began: Instant,
}

impl Stage {
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        let clock = three_in_the_morning();
        let clusters: BTreeMap<_, _> =
            scenario.simulate(seed, clock).into_iter().map(|cluster| (cluster.cluster().name, cluster)).collect();
        let connector = |(name, cluster): (&ClusterName, &SimulatedCluster)| {
            (name.clone(), Arc::new(cluster.clone()) as Arc<dyn Connector>)
        };
        let (runtime, inbox) = Runtime::new(clusters.iter().map(connector).collect(), clock);
        let mut inventory = Inventory::default();
        clusters.values().for_each(|cluster| inventory.put_cluster(cluster.cluster()));
        let gauges = inbox.gauges.clone();
        let (wanted, heard, began) = (Subscriptions::default(), Vec::new(), Instant::now());
        Self { clusters, runtime, inventory, wanted, clock, heard, inbox, gauges, began }
    }

    /// Asks for something, or for something no longer.
    pub fn want(&mut self, change: impl FnOnce(&mut Subscriptions)) {
        change(&mut self.wanted);
        self.runtime.reconcile(&self.wanted);
    }

    pub fn want_every_cluster(&mut self) {
        let names = self.clusters.keys().cloned().collect();
        self.want(|wanted| wanted.clusters = names);
    }

    /// Everything connected and pictured.
    pub async fn live(&mut self) {
        self.want_every_cluster();
        self.until("every cluster is pictured", |stage| {
            stage.clusters.keys().all(|name| stage.inventory.pictured(name).is_some())
        })
        .await;
    }

    /// Plays until it is so; fails when it is not so within ten minutes of virtual time.
    pub async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while !is_so(self) {
            if !self.hear(deadline).await {
                panic!(
                    "it never came to be that {what}; heard last: {:#?}",
                    self.heard.iter().rev().take(8).collect::<Vec<_>>()
                );
            }
        }
    }

    /// Plays for so long.
    pub async fn play(&mut self, length: Duration) {
        let deadline = Instant::now() + length;
        while self.hear(deadline).await {}
    }

    async fn hear(&mut self, deadline: Instant) -> bool {
        let mut events = Vec::new();
        tokio::select! {
            biased;
            Some(event) = self.inbox.facts.recv() => events.push(event),
            Some(event) = self.inbox.flood.recv() => events.push(event),
            gauges = self.gauges.take() => events = gauges,
            () = tokio::time::sleep_until(deadline) => return false,
        }
        let at = self.began.elapsed();
        for event in events {
            match &event {
                Event::Link { cluster, link } => {
                    if let Some(cluster) = self.inventory.cluster_mut(cluster) {
                        cluster.link = link.clone();
                    }
                }
                Event::Changed { cluster, change } => self.inventory.apply(cluster, change.clone(), self.clock.now()),
                _ => {}
            }
            self.heard.push((at, event));
        }
        true
    }

    /// Every link that was told of a cluster, with the second in which it was.
    pub fn links(&self, cluster: &str) -> Vec<(f64, &Link)> {
        self.heard
            .iter()
            .filter_map(|(at, event)| match event {
                Event::Link { cluster: of, link } if of.as_str() == cluster => Some((at.as_secs_f64(), link)),
                _ => None,
            })
            .collect()
    }

    pub fn link(&self, cluster: &str) -> &Link {
        &self.cluster(cluster).link
    }

    pub fn cluster(&self, name: &str) -> &Cluster {
        self.inventory.cluster(&name.into()).expect("a cluster of the scenario")
    }

    /// The first of that name.
    pub fn service(&self, name: &str) -> &Service {
        let mut found = self.inventory.services().filter(|service| &*service.id.name == name);
        found.next().unwrap_or_else(|| panic!("no service {name} in {:#?}", self.inventory))
    }

    /// By the service's name and its number, from 1.
    pub fn instance(&self, service: &str, number: usize) -> &Instance {
        self.inventory.instances_of(&self.service(service).id)[number - 1]
    }

    pub fn id(&self, service: &str, number: usize) -> InstanceId {
        self.instance(service, number).id.clone()
    }

    pub fn backend(&self, cluster: &str) -> Arc<dyn Backend> {
        self.runtime.connections().live(&cluster.into()).expect("connected")
    }

    /// Counts what was heard of one kind.
    pub fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.heard.iter().filter(|(_, event)| is_it(event)).count()
    }
}

/// From the last ten lines on.
pub fn tail(epoch: u32) -> Tail {
    Tail { since: Since::Lines(10), epoch, name: "test".into() }
}

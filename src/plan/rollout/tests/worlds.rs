//! Small worlds in which plans are carried out and taken back at every point: what was there is there again, and somebody answered all
//! the while.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{InstanceId, Pace, Port, Route},
    plan::{
        Plan, Step, Strategy, Traffic,
        fixture::*,
        wish::{BlueGreen, Canary},
    },
};

#[derive(Clone, Debug, PartialEq)]
struct Container {
    runs: bool,
    /// Others find it by the service's names.
    is_named: bool,
}

/// A host: containers, and perhaps a proxy that sends to some of them.
#[derive(Clone, Debug, PartialEq)]
struct Host {
    containers: BTreeMap<InstanceId, Container>,
    /// What the proxy's names stood for when it was last told.
    proxy: Option<BTreeSet<InstanceId>>,
    /// The proxy has its own words.
    is_original: bool,
    /// It is told nobody's address: it asks for the names, and tries another one where one does not answer.
    looks_up: bool,
}

impl Host {
    fn of(instances: usize, has_proxy: bool) -> Self {
        let ids: Vec<_> = (1..=instances).map(|n| InstanceId::new(&prod(), format!("web-{n}"))).collect();
        let running = Container { runs: true, is_named: true };
        let containers = ids.iter().map(|id| (id.clone(), running.clone())).collect();
        Self { containers, proxy: has_proxy.then(|| ids.into_iter().collect()), is_original: true, looks_up: false }
    }

    fn runs(&self, id: &InstanceId) -> bool {
        self.containers.get(id).is_some_and(|container| container.runs)
    }

    fn serving(&self) -> usize {
        match &self.proxy {
            Some(sent) => sent.iter().filter(|id| self.runs(id)).count(),
            None => self.containers.values().filter(|container| container.runs && container.is_named).count(),
        }
    }

    /// `Err`: a real engine would have refused it, or somebody would have noticed.
    fn carry_out(&mut self, step: &Step, minimum: usize) -> Result<(), String> {
        match step {
            Step::Make { instance, .. } => {
                self.containers.insert(instance.clone(), Container { runs: false, is_named: false });
            }
            Step::Start { instance, .. } => {
                self.containers.get_mut(instance).ok_or("it is not there")?.runs = true;
            }
            Step::AwaitReady { instance, .. } if !self.runs(instance) => return Err("it will never be ready".into()),
            Step::Join { instance, .. } => {
                self.containers.get_mut(instance).ok_or("it is not there")?.is_named = true;
            }
            Step::Stop { instance, .. } => {
                let is_sent_to = self.proxy.as_ref().is_some_and(|sent| sent.contains(instance));
                if is_sent_to && self.runs(instance) && minimum > 0 && !self.looks_up {
                    return Err("it still gets requests".into());
                }
                if let Some(container) = self.containers.get_mut(instance) {
                    container.runs = false;
                }
            }
            Step::Remove { instance, .. } => {
                if self.runs(instance) {
                    return Err("it still runs".into());
                }
                self.containers.remove(instance);
            }
            Step::Shift { to: Traffic::Instances(to), .. } => {
                let sent: BTreeSet<_> = to.iter().map(|(id, _)| id.clone()).collect();
                if !sent.iter().all(|id| self.runs(id)) {
                    return Err("it has no address".into());
                }
                (self.proxy, self.is_original) = (Some(sent), false);
            }
            Step::Shift { to: Traffic::Body(_) | Traffic::LookUp { .. }, .. } => {
                let named = |(id, one): (&InstanceId, &Container)| (one.runs && one.is_named).then(|| id.clone());
                let sent: BTreeSet<_> = self.containers.iter().filter_map(named).collect();
                if sent.is_empty() {
                    return Err("the name is not found".into());
                }
                (self.proxy, self.is_original) = (Some(sent), true);
            }
            Step::AwaitReady { .. }
            | Step::Gate { .. }
            | Step::Record { .. }
            | Step::Rename { .. }
            | Step::Policy { .. } => {}
            other => return Err(format!("not a host's: {other:?}")),
        }
        if self.serving() < minimum { Err(format!("{} answer instead of {minimum}", self.serving())) } else { Ok(()) }
    }
}

/// Up to each step, done whole or not at all, and back.
fn can_be_taken_back<W: Clone + PartialEq + std::fmt::Debug>(
    plan: &Plan,
    before: &W,
    carry_out: impl Fn(&mut W, &Step) -> Result<(), String>,
) -> W {
    let steps: Vec<_> = plan.steps().collect();
    let told = |step: &Step, why: String| panic!("{}: {}: {why}\n{}", plan.title, step.title(), plan.text());
    let mut world = before.clone();
    for (place, planned) in steps.iter().enumerate() {
        let mut tries = Vec::from([world.clone()]);
        carry_out(&mut world, &planned.step).unwrap_or_else(|why| told(&planned.step, why));
        tries.push(world.clone());
        for mut back in tries.into_iter().filter(|_| !planned.tidies) {
            for step in steps[..=place].iter().rev().flat_map(|planned| &planned.undo) {
                carry_out(&mut back, step)
                    .unwrap_or_else(|why| told(step, format!("on the way back from {place}: {why}")));
            }
            assert_eq!(&back, before, "taken back after {}\n{}", planned.step.title(), plan.text());
        }
    }
    world
}

#[test]
fn every_plan_for_containers_can_be_taken_back_at_any_point_while_as_many_answer_as_was_promised() {
    let pace = |max_surge, max_unavailable| Pace { max_surge, max_unavailable, min_ready: 0 };
    let strategies = || {
        [
            super::rolling_with(pace(1, 0)),
            super::rolling_with(pace(0, 1)),
            Strategy::Canary(Canary::default()),
            super::canary_of(&[1, 34, 100]),
            Strategy::BlueGreen(BlueGreen::default()),
        ]
    };
    for instances in 1..=4 {
        for (shop, looks_up) in
            [(Shop::docker(instances), false), (Shop::by_names(instances), false), (Shop::looked_up(instances), true)]
        {
            let has_proxy = !shop.means.as_ref().is_none_or(|means| means.routes.is_empty());
            for strategy in strategies() {
                let plan = shop.roll(strategy.clone()).expect("planned");
                let minimum = plan.minimum as usize;
                let before = Host { looks_up, ..Host::of(instances, has_proxy) };
                let after = can_be_taken_back(&plan, &before, |host, step| host.carry_out(step, minimum));
                assert_eq!(after.serving(), instances, "{strategy:?}");
                assert!(after.is_original && after.containers.keys().all(InstanceId::is_made), "{after:?}");
                let promised = if strategy == super::rolling_with(pace(0, 1)) { instances - 1 } else { instances };
                assert_eq!(minimum, promised, "{strategy:?}");
            }
        }
    }
}

#[test]
fn what_publishes_a_port_can_be_taken_back_too() {
    for instances in 1..=3 {
        let shop = Shop::docker(instances).but(|shop| {
            let port = Port { inside: 80, protocol: "tcp".into(), published: Some(("".into(), 8080)) };
            shop.instances.iter_mut().for_each(|one| one.ports = [port.clone()].into());
        });
        let plan = super::rolled(&shop);
        assert_eq!(plan.minimum as usize, instances - 1);
        can_be_taken_back(&plan, &Host::of(instances, true), |host, step| host.carry_out(step, instances - 1));
    }
}

#[test]
fn containers_that_are_scaled_can_be_taken_back_too() {
    for (shop, looks_up) in [(Shop::docker(3), false), (Shop::by_names(3), false), (Shop::looked_up(3), true)] {
        let has_proxy = !shop.means.as_ref().is_none_or(|means| means.routes.is_empty());
        for to in [1, 2, 4, 6] {
            let plan = shop.plan(crate::plan::Verb::Scale(to)).expect("planned");
            let minimum = plan.minimum as usize;
            assert_eq!(minimum, to.min(3) as usize);
            let after = can_be_taken_back(&plan, &Host { looks_up, ..Host::of(3, has_proxy) }, |host, step| {
                host.carry_out(step, minimum)
            });
            assert_eq!((after.serving(), after.containers.len()), (to as usize, to as usize));
        }
    }
}

/// A namespace: a deployment, perhaps a second one, and who sends to which.
#[derive(Clone, Debug, PartialEq)]
struct Namespace {
    wanted: u32,
    is_new: bool,
    /// Some pods are of the one template, some of the other.
    is_moving: bool,
    set: Option<u32>,
    labels: BTreeSet<String>,
    /// Of a hundred requests, so many go to the set's own Service.
    part: u8,
}

impl Namespace {
    fn of(wanted: u32) -> Self {
        Self { wanted, is_new: false, is_moving: false, set: None, labels: ["app".into()].into(), part: 0 }
    }

    /// Pods that the Service sends to and that surely run on.
    fn behind_service(&self) -> u32 {
        if self.labels.contains("pod-template-hash") {
            if self.is_new || self.is_moving { 0 } else { self.wanted }
        } else if self.labels.contains("midwatch.track") {
            self.set.unwrap_or(0)
        } else {
            self.wanted + self.set.unwrap_or(0)
        }
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Update { .. } => (self.is_new, self.is_moving) = (true, true),
            // Also if it was never changed: its template is what it was then.
            Step::Return { .. } => (self.is_new, self.is_moving) = (false, self.is_new || self.is_moving),
            Step::AwaitRollout { service, .. } if *service == id("web") => self.is_moving = false,
            Step::AwaitRollout { .. } if self.set.is_none() => return Err("there is no such set".into()),
            Step::MakeSet { replicas, .. } => self.set = Some(*replicas),
            Step::Scale { to, .. } => {
                self.set.ok_or("there is no such set")?;
                self.set = Some(*to);
            }
            Step::DiscardSet { .. } => self.set = None,
            Step::Shift { route: Route::Selector { .. }, to: Traffic::Labels(labels), .. } => {
                self.labels = labels.keys().map(ToString::to_string).collect();
            }
            Step::Shift { to: Traffic::Part { percent, .. }, .. } => self.part = *percent,
            Step::Shift { to: Traffic::Whole { .. }, .. } => self.part = 0,
            Step::AwaitRollout { .. } | Step::Gate { .. } => {}
            other => return Err(format!("not a cluster's: {other:?}")),
        }
        if self.part > 0 && self.set.is_none() {
            return Err("a part of the requests goes to nobody".into());
        }
        // While pods are replaced, its own rules keep as many as it wants; behind a label that only some have, nobody knows.
        if self.part < 100 && self.behind_service() < self.wanted {
            return Err(format!("{} are behind the Service", self.behind_service()));
        }
        Ok(())
    }
}

#[test]
fn every_plan_for_a_deployment_can_be_taken_back_at_any_point_while_all_requests_find_somebody() {
    let route = || Route::HttpRoute { name: "shop".into(), uid: "9b".into(), service: "web".into() };
    let ingress = || Route::Ingress { name: "shop".into(), uid: "9c".into(), service: "web".into() };
    for wanted in 1..=4_u32 {
        let shop = || Shop::kubernetes(wanted as usize);
        let shops = [
            shop(),
            shop().but(|shop| shop.means().routes.push(route())),
            shop().but(|shop| shop.means().routes.push(ingress())),
        ];
        for shop in shops {
            for strategy in [
                Strategy::default(),
                Strategy::Canary(Canary::default()),
                super::canary_of(&[5, 40, 100]),
                Strategy::BlueGreen(BlueGreen::default()),
            ] {
                let plan = shop.roll(strategy).expect("planned");
                let after = can_be_taken_back(&plan, &Namespace::of(wanted), Namespace::carry_out);
                assert_eq!(after, Namespace { is_new: true, ..Namespace::of(wanted) }, "{}", plan.text());
            }
        }
    }
}

#[test]
fn the_fixture_has_a_plan_of_each_kind() {
    for (plan, count) in [
        (rolling(2), 24),
        (canary(2), 27),
        (blue_green(2), 20),
        (cluster_of::rolling(2), 2),
        (cluster_of::canary(2), 9),
        (cluster_of::blue_green(2), 9),
    ] {
        assert_eq!(plan.steps().count(), count, "{}", plan.text());
    }
}

//! A world on paper in which plans that make containers themselves are carried out, with failures and crashes anywhere: it ends on the old
//! release or on the new one, and what serves meanwhile is never less than the plan promises. The plans are the planners' own.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    play::{Model, Play, Turn, any_turn, at_each_step},
    *,
};
use crate::{
    domain::{Pace, ReleaseSource},
    plan::{
        self, ReleaseRef, RollOut, Traffic,
        fixture::{self, Shop},
        wish::Rolling,
    },
};

#[derive(Clone, Debug, Default, PartialEq)]
struct World {
    containers: BTreeMap<InstanceId, Container>,
    /// Whom the proxy sends to; `None`: all that are found by the service's name.
    traffic: Option<BTreeSet<InstanceId>>,
    /// What will never be ready again, through no fault of a plan.
    cursed: BTreeSet<InstanceId>,
    /// The engine was asked to stop it, and does so when the next thing is done.
    stopping: Option<InstanceId>,
}

#[derive(Clone, Debug, PartialEq)]
struct Container {
    runs: bool,
    is_found: bool,
}

impl World {
    /// In which `web-1` and so on are found by the service's name, and run or not.
    fn of(instances: usize, runs: bool) -> Self {
        let instance = |number| InstanceId::new(&fixture::prod(), format!("web-{number}"));
        let container = Container { runs, is_found: true };
        Self {
            containers: (1..=instances).map(|number| (instance(number), container.clone())).collect(),
            ..Self::default()
        }
    }

    fn is_ready(&self, instance: &InstanceId) -> bool {
        self.containers.get(instance).is_some_and(|container| container.runs) && !self.cursed.contains(instance)
    }

    fn running(&self) -> BTreeSet<&InstanceId> {
        self.containers.iter().filter(|(_, container)| container.runs).map(|(instance, _)| instance).collect()
    }

    fn make_so(&mut self, step: &Step) -> Outcome {
        let no = |why: &str| Outcome::Failed(Trouble::new(step.title(), why));
        let Target::Instance(instance) = step.object() else {
            if let Step::Shift { to, .. } = step {
                let sent_to: Option<BTreeSet<InstanceId>> = match to {
                    Traffic::Instances(weights) => Some(weights.iter().map(|(instance, _)| instance.clone()).collect()),
                    _ => None,
                };
                // As nginx refuses a configuration with a name that is nobody's.
                if sent_to.iter().flatten().any(|instance| !self.containers.contains_key(instance)) {
                    return no("host not found in upstream");
                }
                self.traffic = sent_to;
            }
            return Outcome::Done;
        };
        if let Step::Make { .. } = step {
            self.containers.entry(instance).or_insert(Container { runs: false, is_found: false });
            return Outcome::Done;
        }
        let is_ready = self.is_ready(&instance);
        let Some(container) = self.containers.get_mut(&instance) else {
            return if matches!(step, Step::Remove { .. }) { Outcome::Done } else { no("no such container") };
        };
        match step {
            Step::Stop { .. } => container.runs = false,
            Step::Start { .. } => container.runs = true,
            Step::Join { .. } => container.is_found = true,
            Step::AwaitReady { .. } if !is_ready => return no("unhealthy"),
            Step::Remove { .. } if container.runs => return no("it runs"),
            Step::Remove { .. } => _ = self.containers.remove(&instance),
            _ => {}
        }
        Outcome::Done
    }
}

impl Model for World {
    fn execute(&mut self, step: &Step) -> Outcome {
        let outcome = self.make_so(step);
        if let Some(container) = self.stopping.take().and_then(|instance| self.containers.get_mut(&instance)) {
            container.runs = false;
        }
        outcome
    }

    fn begin(&mut self, step: &Step) {
        if let Step::Stop { instance, .. } = step {
            self.stopping = Some(instance.clone());
        }
    }

    fn serving(&self) -> usize {
        let is_asked = |(instance, container): &(&InstanceId, &Container)| match &self.traffic {
            Some(sent_to) => sent_to.contains(*instance),
            None => container.is_found,
        };
        self.containers.iter().filter(is_asked).filter(|(instance, _)| self.is_ready(instance)).count()
    }

    fn fallen(&self) -> usize {
        self.cursed.iter().filter(|instance| self.containers.get(*instance).is_some_and(|one| one.runs)).count()
    }

    fn falls(&mut self, which: usize) {
        let among = self.containers.len().max(1);
        self.cursed.extend(self.containers.keys().nth(which % among).cloned());
    }

    fn is_as_planned(&self, smooth: &Self, is_untidy: bool) -> bool {
        self.running() == smooth.running() && (is_untidy || self.containers == smooth.containers)
    }

    fn is_as_before(&self, before: &Self) -> bool {
        let is_sent_to_all = |to: &BTreeSet<InstanceId>| to.iter().eq(before.containers.keys());
        self.containers == before.containers && self.traffic.as_ref().is_none_or(is_sent_to_all)
    }

    fn has_untouched(&self, before: &Self, step: &Step) -> bool {
        let Target::Instance(instance) = step.object() else { return true };
        let is_own = matches!(step, Step::Make { .. } | Step::Stop { .. });
        !is_own || self.containers.get(&instance) == before.containers.get(&instance)
    }
}

/// A service, and what is done to it.
#[derive(Clone, Debug)]
struct Case {
    instances: usize,
    /// The requests come by an nginx upstream, or to whoever is found under the service's name.
    has_proxy: bool,
    verb: Verb,
    turns: bool,
}

impl Case {
    fn is_running(&self) -> bool {
        self.verb != Verb::Start
    }

    fn plan(&self) -> Plan {
        let shop = if self.has_proxy { Shop::docker(self.instances) } else { Shop::by_names(self.instances) };
        let shop = if self.is_running() { shop } else { stopped(shop) };
        Plan { turns: self.turns, ..shop.plan(self.verb.clone()).expect("planned") }
    }

    /// Whatever happens around the steps.
    fn prove(&self, turns: Vec<Turn>) -> Result<(), TestCaseError> {
        let (plan, before) = (self.plan(), World::of(self.instances, self.is_running()));
        let mut smooth = Play::of(&plan, &before);
        smooth.run(Vec::new())?;
        prop_assert!(matches!(smooth.execution.next(), Next::Ended(Verdict::Done { .. })), "{:#?}", smooth.execution);
        let mut play = Play::of(&plan, &before);
        play.run(turns)?;
        play.ends_well(&smooth.world)
    }
}

/// Every strategy that the console itself carries out, the old one first included, and what else makes or stops containers.
fn verbs(instances: usize) -> Vec<Verb> {
    let in_place = Pace { max_surge: 0, max_unavailable: 1, min_ready: 0 };
    let strategies = [
        plan::Strategy::default(),
        plan::Strategy::Rolling(Rolling { pace: Some(in_place), ..Rolling::default() }),
        plan::Strategy::Canary(Default::default()),
        plan::Strategy::BlueGreen(Default::default()),
    ];
    let rollouts = strategies.map(|strategy| Verb::RollOut(Box::new(RollOut { strategy, ..fixture::wish() })));
    let now = u32::try_from(instances).expect("few");
    let back = ReleaseRef { source: ReleaseSource::Engine, id: "web-2".into(), title: "2 v0".into() };
    let others = [Verb::RollBack(back), Verb::Restart, Verb::Stop, Verb::Start, Verb::Scale(now + 2)];
    let fewer = (now > 1).then_some(Verb::Scale(1));
    rollouts.into_iter().chain(others).chain(fewer).collect()
}

/// None of it runs.
fn stopped(mut shop: Shop) -> Shop {
    for instance in shop.instances.iter_mut().filter(|instance| &*instance.service.name == "web") {
        instance.health = fixture::stopped();
        instance.state = crate::domain::InstanceState::Exited { exit_code: 0, out_of_memory: false };
    }
    shop.services[0].health = fixture::stopped();
    shop.services[0].ready = 0;
    shop
}

fn any_case() -> impl Strategy<Value = Case> {
    (1..4_usize, any::<bool>(), any::<Index>(), prop::bool::weighted(0.7)).prop_map(
        |(instances, has_proxy, verb, turns)| Case {
            instances,
            has_proxy,
            verb: verb.get(&verbs(instances)).clone(),
            turns,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn a_rollout_ends_on_the_old_release_or_on_the_new_one_and_keeps_its_promise_meanwhile(
        case in any_case(), turns in vec(any_turn(), 0..60),
    ) {
        case.prove(turns)?;
    }
}

/// Not by chance: at each step, in each way.
#[test]
fn killed_failed_or_stopped_before_and_after_each_step_every_rollout_converges() {
    for (has_proxy, verb) in
        [false, true].into_iter().flat_map(|has_proxy| verbs(2).into_iter().map(move |verb| (has_proxy, verb)))
    {
        let case = Case { instances: 2, has_proxy, verb, turns: true };
        at_each_step(case.plan().steps().count(), &case, |turns| case.prove(turns));
    }
}

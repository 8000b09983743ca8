//! A world on paper in which plans that make containers themselves are carried out, with failures and crashes anywhere: it ends on the old
//! release or on the new one, and what serves meanwhile is never less than the plan promises. The plans are the planners' own.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::{
    domain::Pace,
    plan::{
        self, RollOut, Traffic,
        execution::verdict::Fate,
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
}

#[derive(Clone, Debug, PartialEq)]
struct Container {
    runs: bool,
    is_found: bool,
}

impl World {
    /// In which `web-1` and so on run and serve.
    fn of(instances: usize) -> Self {
        let instance = |number| InstanceId::new(&fixture::prod(), format!("web-{number}"));
        let container = Container { runs: true, is_found: true };
        Self {
            containers: (1..=instances).map(|number| (instance(number), container.clone())).collect(),
            ..Self::default()
        }
    }

    fn is_ready(&self, instance: &InstanceId) -> bool {
        self.containers.get(instance).is_some_and(|container| container.runs) && !self.cursed.contains(instance)
    }

    fn serving(&self) -> usize {
        let is_asked = |(instance, container): &(&InstanceId, &Container)| match &self.traffic {
            Some(sent_to) => sent_to.contains(*instance),
            None => container.is_found,
        };
        self.containers.iter().filter(is_asked).filter(|(instance, _)| self.is_ready(instance)).count()
    }

    /// How many do not serve through no fault of the plan.
    fn fallen(&self) -> usize {
        self.cursed.iter().filter(|instance| self.containers.get(*instance).is_some_and(|one| one.runs)).count()
    }

    fn running(&self) -> BTreeSet<&InstanceId> {
        self.containers.iter().filter(|(_, container)| container.runs).map(|(instance, _)| instance).collect()
    }

    /// As a backend would: makes it so, or says why not.
    fn execute(&mut self, step: &Step) -> Outcome {
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

/// What happens around one step, or while it is held.
#[derive(Clone, Debug)]
enum Turn {
    Goes,
    /// The engine says no, and did nothing.
    FailsBefore,
    /// It was done, and came back as a failure.
    FailsAfter,
    /// Killed before or after it is done, and then resumed or undone.
    Killed {
        after: bool,
        undone: bool,
    },
    CannotTell,
    /// An instance is never ready again.
    Falls(Index),
    AskedToStop,
    Word(PersonWord),
}

fn any_turn() -> impl Strategy<Value = Turn> {
    use PersonWord::{Again, GoOn, Wait};
    prop_oneof![
        30 => Just(Turn::Goes),
        1 => Just(Turn::FailsBefore),
        1 => Just(Turn::FailsAfter),
        2 => (any::<bool>(), prop::bool::weighted(0.3)).prop_map(|(after, undone)| Turn::Killed { after, undone }),
        1 => Just(Turn::CannotTell),
        1 => any::<Index>().prop_map(Turn::Falls),
        1 => Just(Turn::AskedToStop),
        2 => prop_oneof![Just(GoOn), Just(Again), Just(Wait)].prop_map(Turn::Word),
    ]
}

/// One execution in its world, with what is owed to the plan.
struct Play {
    plan: Plan,
    before: World,
    execution: Execution,
    records: Vec<Record>,
    world: World,
    /// A person took for good what was not, and answers for it.
    is_overridden: bool,
    /// Something was not done on the way back.
    is_blocked: bool,
}

impl Play {
    fn of(plan: &Plan, before: &World) -> Self {
        Self {
            plan: plan.clone(),
            before: before.clone(),
            execution: Execution::new(plan.clone()),
            records: Vec::new(),
            world: before.clone(),
            is_overridden: false,
            is_blocked: false,
        }
    }

    fn run(&mut self, turns: Vec<Turn>) -> Result<(), TestCaseError> {
        let most = self.plan.steps().map(|planned| 2 + planned.undo.len()).sum::<usize>() + 3 * turns.len();
        let mut turns = turns.into_iter();
        for _ in 0..=most {
            match (turns.next().unwrap_or(Turn::Goes), self.execution.next()) {
                (_, Next::Ended(_)) => return Ok(()),
                (Turn::Falls(which), _) => {
                    let all: Vec<InstanceId> = self.world.containers.keys().cloned().collect();
                    if !all.is_empty() {
                        self.world.cursed.insert(which.get(&all).clone());
                    }
                }
                (Turn::AskedToStop, _) => self.records.extend(self.execution.stop_and_undo("asked", at(0))),
                (Turn::Word(word), next) => {
                    let passes = matches!(next, Next::Held { step: Step::AwaitReady { .. }, .. });
                    if let Ok(record) = self.execution.say(word, &"ann".into(), at(0)) {
                        self.records.push(record);
                        self.is_overridden |= passes && word == PersonWord::GoOn;
                    }
                }
                (_, Next::Held { .. }) => {
                    self.records.push(self.execution.may_wait_no_longer(at(0)).expect("it waits"));
                }
                (turn, Next::Do { .. } | Next::Undo { .. }) => self.step(&turn)?,
            }
        }
        prop_assert!(false, "it does not end: {:#?}", self.execution);
        Ok(())
    }

    fn step(&mut self, turn: &Turn) -> Result<(), TestCaseError> {
        let begin = self.execution.beginning(at(1)).expect("in hand");
        self.execution.apply(&begin).expect("follows");
        self.records.push(begin);
        let (_, step) = self.execution.in_hand().expect("begun");
        let step = step.clone();
        let no = || Outcome::Failed(Trouble::new(step.title(), "the engine said no"));
        let outcome = match turn {
            Turn::FailsBefore => no(),
            Turn::Killed { after: false, .. } => Outcome::Done,
            Turn::CannotTell if matches!(step, Step::Gate { .. }) => {
                Outcome::Unsure(Trouble::new("check", "too few lines"))
            }
            _ => self.world.execute(&step),
        };
        let outcome = if matches!(turn, Turn::FailsAfter) { no() } else { outcome };
        self.is_blocked |= self.execution.is_turned() && outcome != Outcome::Done;
        self.keeps_its_promise(&step)?;
        let Turn::Killed { undone, .. } = turn else {
            self.records.extend(self.execution.told(outcome, at(2)));
            return Ok(());
        };
        self.execution = Execution::replay(self.plan.clone(), &self.records).expect("was written so");
        let word = if *undone { "undo" } else { "resume" };
        let taken = Record::Taken { at: at(2), who: "ann".into(), word: word.into(), process: 1 };
        self.execution.apply(&taken).expect("not over");
        self.records.push(taken);
        if *undone {
            self.records.extend(self.execution.stop_and_undo("taken back", at(2)));
        }
        Ok(())
    }

    fn keeps_its_promise(&self, step: &Step) -> Result<(), TestCaseError> {
        let least = (self.plan.minimum as usize).saturating_sub(self.world.fallen());
        let serving = self.world.serving();
        prop_assert!(
            self.is_overridden || serving >= least,
            "{serving} serve after '{}', and {least} were promised: {:#?}\n{:#?}",
            step.title(),
            self.world,
            self.execution.report().iter().map(|step| (&step.title, step.state)).collect::<Vec<_>>()
        );
        Ok(())
    }

    fn ends_well(&self, after: &World) -> Result<(), TestCaseError> {
        let before = &self.before;
        let Next::Ended(verdict) = self.execution.next() else { panic!("it has ended") };
        let says = verdict.says();
        match &verdict {
            Verdict::Done { .. } => {
                prop_assert_eq!(self.world.running(), after.running(), "{}", says);
                prop_assert!(says.contains(", but ") || self.world.containers == after.containers, "{}", says);
            }
            Verdict::Undone { .. } => {
                prop_assert_eq!(&self.world.containers, &before.containers, "{}", says);
                let sent_to = &self.world.traffic;
                let is_as_before = sent_to.as_ref().is_none_or(|to| to.iter().eq(before.containers.keys()));
                prop_assert!(is_as_before, "{:?} after {}", sent_to, says);
            }
            Verdict::Stuck { .. } => {
                let waited_in_vain = (0..self.execution.steps.len()).any(|of| self.execution.is_left_unwell(of));
                prop_assert!(self.is_blocked || waited_in_vain, "nothing failed on the way back: {}", says);
            }
            Verdict::Left { .. } => prop_assert!(false, "nobody left it"),
        }
        self.standing_is_true()
    }

    /// What is said to be taken back, or not touched, is as it was before.
    fn standing_is_true(&self) -> Result<(), TestCaseError> {
        for (fate, stage) in self.execution.fates().zip(&self.plan.stages) {
            match fate {
                Fate::TakenBack | Fate::NotTouched => {}
                Fate::Done | Fate::AsItIs | Fate::Nothing => continue,
            }
            for planned in &stage.steps {
                let Target::Instance(instance) = planned.step.object() else { continue };
                // The stage that makes or stops one answers for it; what tidies up only stops what another did.
                let is_own = !planned.tidies && matches!(planned.step, Step::Make { .. } | Step::Stop { .. });
                let is_as_before = self.world.containers.get(&instance) == self.before.containers.get(&instance);
                prop_assert!(!is_own || is_as_before, "{instance} of {}, {fate:?}: {:#?}", stage.title, self.world);
            }
        }
        Ok(())
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
    fn plan(&self) -> Plan {
        let shop = if self.has_proxy { Shop::docker(self.instances) } else { Shop::by_names(self.instances) };
        Plan { turns: self.turns, ..shop.plan(self.verb.clone()).expect("planned") }
    }

    /// Whatever happens around the steps.
    fn prove(&self, turns: Vec<Turn>) -> Result<(), TestCaseError> {
        let (plan, before) = (self.plan(), World::of(self.instances));
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
    let more = u32::try_from(instances).expect("few") + 2;
    rollouts.into_iter().chain([Verb::Restart, Verb::Scale(more)]).collect()
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
        let killed = [(false, false), (false, true), (true, false), (true, true)];
        let killed = killed.map(|(after, undone)| Turn::Killed { after, undone });
        for fault in killed.into_iter().chain([Turn::FailsBefore, Turn::FailsAfter, Turn::AskedToStop]) {
            for place in 0..case.plan().steps().count() {
                let mut turns = vec![Turn::Goes; place];
                turns.push(fault.clone());
                let proven = case.prove(turns);
                proven.unwrap_or_else(|error| panic!("{case:?}, {fault:?} at step {place}: {error}"));
            }
        }
    }
}

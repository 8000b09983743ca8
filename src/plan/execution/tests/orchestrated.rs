//! A model of a deployment, perhaps a second one beside it, and who sends to which: whatever happens around the steps of a rollout there,
//! it ends on the old release or on the new one, and every request finds somebody meanwhile.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    play::{Model, Play, Turn, any_turn, at_each_step},
    *,
};
use crate::{
    domain::{ReleaseSource, Route},
    plan::{
        self, Edits, ReleaseRef, RollOut, Traffic,
        fixture::{self, Shop, id as service},
        wish::{Canary, Then, Weight},
    },
};

/// Its own rules are one more and none missing: while it replaces pods, as many are ready as before.
#[derive(Clone, Debug, PartialEq)]
struct Cluster {
    wanted: u32,
    ready: u32,
    is_new: bool,
    /// Some pods are of the one template, some of the other.
    is_moving: bool,
    set: Option<Set>,
    sends_to: SendsTo,
    /// Of a hundred requests, so many go to the set's own Service.
    part: u8,
    /// Pods of the new release are never ready.
    is_bad: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Set {
    wanted: u32,
    ready: u32,
}

/// What the Service selects.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SendsTo {
    All,
    OldPods,
    Set,
}

impl Cluster {
    fn of(wanted: u32) -> Self {
        let (ready, sends_to) = (wanted, SendsTo::All);
        Self { wanted, ready, is_new: false, is_moving: false, set: None, sends_to, part: 0, is_bad: false }
    }

    fn ready_in_set(&self) -> u32 {
        self.set.as_ref().map_or(0, |set| set.ready)
    }

    /// Pods that surely are what the Service selects.
    fn behind_service(&self) -> u32 {
        match self.sends_to {
            SendsTo::OldPods if self.is_new || self.is_moving => 0,
            SendsTo::OldPods => self.ready,
            SendsTo::Set => self.ready_in_set(),
            SendsTo::All => self.ready + self.ready_in_set(),
        }
    }

    /// The new release is what requests depend on.
    fn has_new(&self) -> bool {
        self.ready_in_set() > 0 || self.is_new && !self.is_moving
    }
}

impl Model for Cluster {
    fn execute(&mut self, step: &Step) -> Outcome {
        let no = |why: &str| Outcome::Failed(Trouble::new(step.title(), why));
        match step {
            Step::Update { edits, .. } if *edits == Edits::default() => {}
            Step::Update { .. } => (self.is_new, self.is_moving) = (true, true),
            // Also if it was never changed: its template is what it was then.
            Step::Return { release, .. } if &*release.id == "web-3" => {
                (self.is_new, self.is_moving) = (false, self.is_new || self.is_moving);
            }
            Step::Return { .. } => (self.is_new, self.is_moving) = (true, true),
            Step::AwaitRollout { service: of, .. } if *of == service("web") => {
                if self.is_new && self.is_moving && self.is_bad {
                    return no("not all of it gets ready");
                }
                (self.is_moving, self.ready) = (false, self.wanted);
            }
            Step::Scale { service: of, to, .. } if *of == service("web") => {
                (self.wanted, self.ready) = (*to, self.ready.min(*to));
            }
            Step::MakeSet { replicas, .. } => _ = self.set.get_or_insert(Set { wanted: *replicas, ready: 0 }),
            Step::DiscardSet { .. } => self.set = None,
            Step::AwaitRollout { .. } | Step::Scale { .. } => {
                let Some(set) = &mut self.set else { return no("there is no such deployment") };
                match step {
                    Step::Scale { to, .. } => (set.wanted, set.ready) = (*to, set.ready.min(*to)),
                    _ if self.is_bad && set.ready < set.wanted => return no("not all of it gets ready"),
                    _ => set.ready = set.wanted,
                }
            }
            Step::Shift { to, .. } => match to {
                Traffic::Labels(labels) if labels.contains_key("pod-template-hash") => self.sends_to = SendsTo::OldPods,
                Traffic::Labels(labels) if labels.contains_key(plan::TRACK) => self.sends_to = SendsTo::Set,
                Traffic::Labels(_) => self.sends_to = SendsTo::All,
                Traffic::Part { percent, .. } => self.part = *percent,
                Traffic::Whole { .. } => self.part = 0,
                Traffic::Instances(_) | Traffic::LookUp { .. } | Traffic::Body(_) => return no("that is a host's"),
            },
            _ => {}
        }
        Outcome::Done
    }

    fn begin(&mut self, step: &Step) {
        self.execute(step);
    }

    fn serving(&self) -> usize {
        let serving = match (self.part, self.ready_in_set()) {
            (0, _) => self.behind_service(),
            // A part of the requests goes to nobody.
            (_, 0) => 0,
            (100.., set) => set,
            (_, _) => self.behind_service(),
        };
        serving as usize
    }

    fn fallen(&self) -> usize {
        0
    }

    /// A release that was ready once is taken to stay so: what falls later falls through no fault of a plan.
    fn falls(&mut self, _which: usize) {
        self.is_bad |= !self.has_new();
    }

    fn is_as_planned(&self, smooth: &Self, is_untidy: bool) -> bool {
        let set = if is_untidy { smooth.set.clone() } else { self.set.clone() };
        Self { is_bad: smooth.is_bad, set, ..self.clone() } == *smooth
    }

    /// But for those that are still on their way: nobody waits for a number to be there again.
    fn is_as_before(&self, before: &Self) -> bool {
        Self { is_bad: before.is_bad, ready: before.ready, ..self.clone() } == *before
    }

    fn has_untouched(&self, before: &Self, step: &Step) -> bool {
        match step {
            Step::MakeSet { .. } => self.set == before.set,
            Step::Update { .. } | Step::Return { .. } => (self.is_new, self.is_moving) == (before.is_new, false),
            _ => true,
        }
    }
}

/// A deployment, and what is done to it.
#[derive(Clone, Debug)]
struct Case {
    wanted: u32,
    /// What divides the requests, beside the Service.
    divider: Option<Divider>,
    verb: Verb,
    turns: bool,
}

#[derive(Clone, Copy, Debug)]
enum Divider {
    HttpRoute,
    Ingress,
}

impl Case {
    fn plan(&self) -> Plan {
        let (name, uid, service) = ("shop".into(), "9b".into(), "web".into());
        let divider = self.divider.map(|divider| match divider {
            Divider::HttpRoute => Route::HttpRoute { name, uid, service },
            Divider::Ingress => Route::Ingress { name, uid, service },
        });
        let shop = Shop::kubernetes(self.wanted as usize).but(|shop| shop.means().routes.extend(divider));
        Plan { turns: self.turns, ..shop.plan(self.verb.clone()).expect("planned") }
    }

    fn prove(&self, turns: Vec<Turn>) -> Result<(), TestCaseError> {
        let (plan, before) = (self.plan(), Cluster::of(self.wanted));
        let mut smooth = Play::of(&plan, &before);
        smooth.run(Vec::new())?;
        prop_assert!(matches!(smooth.execution.next(), Next::Ended(Verdict::Done { .. })), "{:#?}", smooth.execution);
        let mut play = Play::of(&plan, &before);
        play.run(turns)?;
        play.ends_well(&smooth.world)
    }
}

fn verbs(wanted: u32) -> Vec<Verb> {
    let weights = [5, 40, 100].map(|percent| Weight { percent, then: Then::Watch(30) });
    let strategies = [
        plan::Strategy::default(),
        plan::Strategy::Canary(Canary::default()),
        plan::Strategy::Canary(Canary { steps: weights.to_vec(), ..Canary::default() }),
        plan::Strategy::BlueGreen(Default::default()),
    ];
    let rollouts = strategies.map(|strategy| Verb::RollOut(Box::new(RollOut { strategy, ..fixture::wish() })));
    let back = ReleaseRef { source: ReleaseSource::Engine, id: "web-2".into(), title: "2 v0".into() };
    let fewer = (wanted > 1).then_some(Verb::Scale(1));
    rollouts.into_iter().chain([Verb::RollBack(back), Verb::Scale(wanted + 2)]).chain(fewer).collect()
}

const DIVIDERS: [Option<Divider>; 3] = [None, Some(Divider::HttpRoute), Some(Divider::Ingress)];

fn any_case() -> impl Strategy<Value = Case> {
    (1..5_u32, any::<Index>(), any::<Index>(), prop::bool::weighted(0.7)).prop_map(|(wanted, divider, verb, turns)| {
        Case { wanted, divider: *divider.get(&DIVIDERS), verb: verb.get(&verbs(wanted)).clone(), turns }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn a_rollout_of_a_deployment_ends_on_the_old_release_or_on_the_new_one_and_every_request_finds_somebody(
        case in any_case(), turns in vec(any_turn(), 0..40),
    ) {
        case.prove(turns)?;
    }
}

/// Not by chance: at each step, in each way.
#[test]
fn killed_failed_or_stopped_before_and_after_each_step_every_rollout_of_a_deployment_converges() {
    let cases = DIVIDERS
        .into_iter()
        .flat_map(|divider| verbs(3).into_iter().map(move |verb| Case { wanted: 3, divider, verb, turns: true }));
    for case in cases {
        at_each_step(case.plan().steps().count(), &case, |turns| case.prove(turns));
    }
}

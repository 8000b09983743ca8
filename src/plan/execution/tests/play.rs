//! A plan played in a model of its engine, whatever happens around its steps: what is owed meanwhile, and what is said at the end.

use std::fmt::Debug;

use proptest::prelude::*;

use super::*;
use crate::plan::execution::verdict::Fate;

/// What an engine is to a plan.
pub trait Model: Clone + PartialEq + Debug {
    /// As a backend would: makes it so, or says why not.
    fn execute(&mut self, step: &Step) -> Outcome;

    /// An engine that is slow has only been asked for it when whoever asked dies.
    fn begin(&mut self, step: &Step);

    fn serving(&self) -> usize;

    /// How many do not serve through no fault of the plan.
    fn fallen(&self) -> usize;

    /// Something is never ready again, or never will be.
    fn falls(&mut self, which: usize);

    /// It is what the plan leaves when nothing happens to it; `is_untidy`: but for what was told to be left lying about.
    fn is_as_planned(&self, smooth: &Self, is_untidy: bool) -> bool;

    fn is_as_before(&self, before: &Self) -> bool;

    /// What this step makes or takes away, which its stage answers for, is as it was before.
    fn has_untouched(&self, before: &Self, step: &Step) -> bool;
}

/// What happens around one step, or while it is held.
#[derive(Clone, Debug)]
pub enum Turn {
    Goes,
    /// The engine says no, and did nothing.
    FailsBefore,
    /// It was done, and came back as a failure.
    FailsAfter,
    /// Killed, and then resumed or undone.
    Killed {
        when: When,
        undone: bool,
    },
    CannotTell,
    /// An instance is never ready again.
    Falls(usize),
    AskedToStop,
    Word(PersonWord),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Before,
    While,
    After,
}

pub fn any_turn() -> impl Strategy<Value = Turn> {
    use PersonWord::{Again, GoOn, Wait};
    prop_oneof![
        30 => Just(Turn::Goes),
        1 => Just(Turn::FailsBefore),
        1 => Just(Turn::FailsAfter),
        2 => (any_time(), prop::bool::weighted(0.3)).prop_map(|(when, undone)| Turn::Killed { when, undone }),
        1 => Just(Turn::CannotTell),
        1 => any::<usize>().prop_map(Turn::Falls),
        1 => Just(Turn::AskedToStop),
        2 => prop_oneof![Just(GoOn), Just(Again), Just(Wait)].prop_map(Turn::Word),
    ]
}

fn any_time() -> impl Strategy<Value = When> {
    prop_oneof![Just(When::Before), Just(When::While), Just(When::After)]
}

/// One execution in its world, with what is owed to the plan.
pub struct Play<W> {
    plan: Plan,
    before: W,
    pub execution: Execution,
    records: Vec<Record>,
    pub world: W,
    /// A person took for good what was not, and answers for it.
    is_overridden: bool,
    /// Something was not done on the way back.
    is_blocked: bool,
}

impl<W: Model> Play<W> {
    pub fn of(plan: &Plan, before: &W) -> Self {
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

    pub fn run(&mut self, turns: Vec<Turn>) -> Result<(), TestCaseError> {
        let most = self.plan.steps().map(|planned| 2 + planned.undo.len()).sum::<usize>() + 3 * turns.len();
        let mut turns = turns.into_iter();
        for _ in 0..=most {
            match (turns.next().unwrap_or(Turn::Goes), self.execution.next()) {
                (_, Next::Ended(_)) => return Ok(()),
                (Turn::Falls(which), _) => self.world.falls(which),
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
            Turn::Killed { when: When::Before, .. } => Outcome::Done,
            Turn::Killed { when: When::While, .. } => {
                self.world.begin(&step);
                Outcome::Done
            }
            Turn::CannotTell if matches!(step, Step::Gate { .. } | Step::AwaitRollout { .. }) => {
                Outcome::Unsure(Trouble::new("check", "too few lines"))
            }
            _ => self.world.execute(&step),
        };
        let outcome = if matches!(turn, Turn::FailsAfter) { no() } else { outcome };
        if self.execution.is_turned() && outcome != Outcome::Done {
            let is_harmed = self.is_blocked || self.world.fallen() > 0 || !matches!(turn, Turn::Goes);
            prop_assert!(is_harmed, "'{}' failed on the way back: {outcome:?}: {:#?}", step.title(), self.world);
            self.is_blocked = true;
        }
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

    pub fn ends_well(&self, after: &W) -> Result<(), TestCaseError> {
        let before = &self.before;
        let Next::Ended(verdict) = self.execution.next() else { panic!("it has ended") };
        let says = verdict.says();
        match &verdict {
            Verdict::Done { .. } => {
                let is_untidy = says.contains(", but ");
                prop_assert!(self.world.is_as_planned(after, is_untidy), "{}: {:#?}", says, self.world);
            }
            Verdict::Undone { .. } => {
                prop_assert!(self.world.is_as_before(before), "{}: {:#?}", says, self.world);
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
            // What tidies up only takes away what another stage answers for.
            for planned in stage.steps.iter().filter(|planned| !planned.tidies) {
                let is_as_before = self.world.has_untouched(&self.before, &planned.step);
                prop_assert!(is_as_before, "'{}', {fate:?}: {:#?}", planned.step.title(), self.world);
            }
        }
        Ok(())
    }
}

/// Proves that a case with so many steps ends well whatever happens at each of them, in each way, not by chance.
pub fn at_each_step(steps: usize, case: &impl Debug, prove: impl Fn(Vec<Turn>) -> Result<(), TestCaseError>) {
    let killed = [When::Before, When::While, When::After]
        .into_iter()
        .flat_map(|when| [false, true].map(|undone| Turn::Killed { when, undone }));
    for fault in killed.chain([Turn::FailsBefore, Turn::FailsAfter, Turn::AskedToStop, Turn::Falls(0)]) {
        for place in 0..steps {
            let mut turns = vec![Turn::Goes; place];
            turns.push(fault.clone());
            prove(turns).unwrap_or_else(|error| panic!("{case:?}, {fault:?} at step {place}: {error}"));
        }
    }
}

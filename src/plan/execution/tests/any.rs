//! Any plan, any outcomes, any words, cut off anywhere.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::plan::{Gate, Group};

/// What may happen around one step.
#[derive(Clone, Debug)]
enum Turn {
    Done,
    Failed,
    CannotTell,
    /// The process dies after it wrote that the step begins.
    Crash,
    AskedToStop,
    Word(PersonWord),
}

fn any_turn() -> impl Strategy<Value = Turn> {
    use PersonWord::{Again, GoOn, Wait};
    prop_oneof![
        8 => Just(Turn::Done),
        2 => Just(Turn::Failed),
        2 => Just(Turn::CannotTell),
        2 => Just(Turn::Crash),
        1 => Just(Turn::AskedToStop),
        3 => prop_oneof![Just(GoOn), Just(Again), Just(Wait)].prop_map(Turn::Word),
    ]
}

fn check(service: &ServiceId) -> Step {
    let all = || Group::All(service.clone());
    Step::Gate { service: service.clone(), gate: Gate::Health { seconds: 5 }, new: all(), old: all() }
}

fn any_step() -> impl Strategy<Value = Step> {
    (0..5_u8, 0..3_u8).prop_map(|(kind, instance)| match kind {
        0 => stop(instance),
        1 => start(instance),
        2 => ready(instance),
        3 => Step::Remove { instance: id(instance), name: name(instance) },
        _ => check(&plan(Vec::new()).service),
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let planned = (any_step(), vec(any_step(), 0..3), prop::bool::weighted(0.1));
    let planned = planned.prop_map(|(step, undo, tidies)| Planned { tidies, ..Planned::new(step).undone_by(undo) });
    (vec(vec(planned, 1..4), 1..4), prop::bool::weighted(0.7))
        .prop_map(|(stages, turns)| Plan { turns, ..plan(stages) })
}

proptest! {
    #[test]
    fn any_execution_ends_soon_and_truthfully_and_does_nothing_twice(plan in any_plan(), turns in vec(any_turn(), 0..40)) {
        let most = plan.steps().map(|planned| 2 + planned.undo.len()).sum::<usize>() + 2 * turns.len();
        let mut turns = turns.into_iter();
        let mut execution = Execution::new(plan.clone());
        let mut records: Vec<Record> = Vec::new();
        let mut ended: Vec<Which> = Vec::new();
        let mut rounds = 0;
        loop {
            rounds += 1;
            prop_assert!(rounds <= most, "{rounds} rounds: {execution:#?}");
            let had_tidied = execution.has_tidied();
            let turn = turns.next().unwrap_or(Turn::Done);
            match (turn, execution.next()) {
                (_, Next::Ended(_)) => break,
                (Turn::AskedToStop, _) => {
                    let asked = execution.stop_and_undo("asked", at(0));
                    prop_assert!(!had_tidied || asked.is_err(), "there is no way back any more");
                    records.extend(asked);
                }
                (Turn::Word(word), next) => {
                    let held = match next {
                        Next::Held { index, .. } => Some(Which::Step(index)),
                        _ => None,
                    };
                    if let Ok(record) = execution.say(word, &"ann".into(), at(0)) {
                        records.push(record);
                        ended.retain(|which| word != PersonWord::Again || Some(*which) != held);
                    }
                }
                (_, Next::Held { .. }) => {
                    let record = execution.may_wait_no_longer(at(3600));
                    prop_assert!(record.is_ok(), "{record:?} leaves it waiting for ever");
                    records.extend(record);
                }
                (turn, Next::Do { .. } | Next::Undo { .. }) => {
                    let (which, _) = execution.in_hand().expect("one of the two");
                    prop_assert!(!ended.contains(&which), "{which:?} again, after it had ended");
                    let begin = execution.beginning(at(1)).expect("in hand");
                    execution.apply(&begin).expect("follows");
                    records.push(begin);
                    let outcome = match turn {
                        Turn::Failed => failed(),
                        Turn::CannotTell => Outcome::Unsure(Trouble::new("the check", "too few lines")),
                        Turn::Done => Outcome::Done,
                        Turn::Crash | Turn::AskedToStop | Turn::Word(_) => {
                            let again = Execution::replay(plan.clone(), &records).expect("was written so");
                            prop_assert_eq!(&again, &execution);
                            execution = again;
                            continue;
                        }
                    };
                    records.extend(execution.told(outcome, at(2)));
                    ended.push(which);
                }
            }
            prop_assert_eq!(&Execution::replay(plan.clone(), &records), &Ok(execution.clone()));
            prop_assert!(!(had_tidied && execution.is_turned()), "turned round after it began to tidy up");
        }
        records.extend(execution.end(at(3)));
        prop_assert_eq!(&Execution::replay(plan.clone(), &records), &Ok(execution.clone()));
        prop_assert!(execution.stop_and_undo("too late", at(4)).is_err());
        ends_truthfully(&execution)?;
    }

    #[test]
    fn the_way_back_is_gone_to_its_end_unless_something_on_it_failed(
        plan in any_plan(), outcomes in vec(any::<bool>(), 0..20), undo in vec(prop::bool::weighted(0.8), 0..20),
    ) {
        let mut execution = Execution::new(Plan { turns: true, ..plan });
        let mut outcomes = outcomes.into_iter();
        let mut undo = undo.into_iter();
        while let Some((which, _)) = execution.in_hand() {
            let is_done = match which {
                Which::Step(_) => outcomes.next(),
                Which::Undo(_) => undo.next(),
            };
            let begin = execution.beginning(at(1)).expect("in hand");
            execution.apply(&begin).expect("follows");
            execution.told(if is_done.unwrap_or(true) { Outcome::Done } else { failed() }, at(2)).expect("in hand");
        }
        let pointless = execution.pointless();
        for (back, pointless) in execution.undo.iter().zip(&pointless) {
            prop_assert!(back.line.ended.is_some() != *pointless, "{back:?}");
        }
        let has_failed = execution.undo.iter().any(|back| back.line.trouble().is_some());
        prop_assert!(has_failed || !pointless.contains(&true), "nothing failed on the way back, and not all was done");
    }
}

fn ends_truthfully(execution: &Execution) -> Result<(), TestCaseError> {
    let is_told_to_run = execution.report().iter().any(|step| step.state == StepState::Running);
    prop_assert!(!is_told_to_run, "it is over: {:#?}", execution.report());
    let back_failed = execution.undo.iter().any(|back| back.line.trouble().is_some());
    let begun = || (0..execution.steps.len()).filter(|&of| execution.steps[of].began.is_some());
    match execution.ended().map(|(_, verdict)| verdict) {
        Some(Verdict::Done { says }) => {
            prop_assert!(!execution.is_turned());
            for (index, line) in execution.steps.iter().enumerate() {
                let told = line.trouble().is_none() || says.contains(", but ") || line.passed.is_some();
                prop_assert!(line.ended.is_some() && told, "{index}: {says}");
                prop_assert!(line.is_done() || execution.is_tidying(index), "{index}: {says}");
            }
        }
        Some(Verdict::Undone { says }) => {
            prop_assert!(!back_failed && begun().all(|of| execution.is_taken_back(of)), "{}: {:#?}", says, execution);
        }
        Some(Verdict::Stuck { help, says }) => {
            prop_assert!(!help.is_empty(), "no help");
            prop_assert!(back_failed || !begun().all(|of| execution.is_taken_back(of)), "{says}: {execution:#?}");
        }
        other => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

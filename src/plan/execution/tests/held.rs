//! What waits for a person, what a word does to it, what only tidies up, and what is said at the end.

use super::*;
use crate::plan::{Gate, Group};

fn ann() -> Arc<str> {
    "ann@laptop".into()
}

fn gate() -> Step {
    let service = plan(Vec::new()).service;
    let all = || Group::All(service.clone());
    Step::Gate { service: service.clone(), gate: Gate::Health { seconds: 5 }, new: all(), old: all() }
}

fn unsure() -> Outcome {
    Outcome::Unsure(Trouble::new("the error rate", "3 of 100 lines are too few"))
}

fn remove(instance: u8) -> Step {
    Step::Remove { instance: id(instance), name: name(instance) }
}

/// A stop that can be taken back, a check, and a start.
fn checked() -> Execution {
    let stopping = Planned::new(stop(1)).undone_by(vec![start(1), ready(1)]);
    Execution::new(plan(vec![vec![stopping, Planned::new(gate()), Planned::new(start(2))]]))
}

fn held(execution: &Execution) -> Arc<str> {
    match execution.next() {
        Next::Held { why, .. } => why,
        other => panic!("not held: {other:?}"),
    }
}

fn states(execution: &Execution) -> Vec<StepState> {
    execution.report().iter().map(|step| step.state).collect()
}

#[test]
fn a_check_that_cannot_tell_waits_for_a_person_and_is_passed_by_name() {
    let mut execution = checked();
    carry_out(&mut execution, &[Outcome::Done, unsure()]);
    let why = "the error rate: 3 of 100 lines are too few; taken back after an hour without a word";
    assert_eq!(&*held(&execution), why);
    assert_eq!(states(&execution), [StepState::Done, StepState::Held, StepState::Waiting]);
    assert_eq!(execution.beginning(at(3)), None);
    execution.say(PersonWord::GoOn, &ann(), at(3)).expect("a check");
    let note = execution.report()[1].note.clone().expect("noted");
    assert_eq!(&*note, "passed by ann@laptop: the error rate: 3 of 100 lines are too few");
    assert_eq!(carry_out(&mut execution, &[Outcome::Done]), [start(2)]);
    let Verdict::Done { says } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    assert!(says.ends_with("'check: what is new stays ready for 5 s' was passed by ann@laptop"), "{says}");
}

#[test]
fn a_check_is_looked_at_again_as_often_as_a_person_says() {
    let mut execution = checked();
    carry_out(&mut execution, &[Outcome::Done]);
    for _ in 0..3 {
        assert_eq!(carry_out(&mut execution, &[unsure()]), [gate()]);
        execution.say(PersonWord::Again, &ann(), at(3)).expect("it could not tell");
        assert_eq!(states(&execution)[1], StepState::Waiting);
    }
    assert_eq!(carry_out(&mut execution, &[Outcome::Done, Outcome::Done]), [gate(), start(2)]);
    assert_eq!(verdict(&execution), Verdict::Done { says: "restart shop/web: done in 1.0 s".into() });
}

#[test]
fn where_a_plan_does_not_turn_round_a_change_that_failed_is_tried_again_or_taken_back_but_not_passed() {
    let mut execution = Execution::new(Plan { turns: false, ..restart(1) });
    carry_out(&mut execution, &[failed()]);
    assert!(held(&execution).starts_with("the engine: said no"));
    assert!(execution.say(PersonWord::GoOn, &ann(), at(3)).unwrap_err().contains("no check that failed but a change"));
    let mut other = execution.clone();
    execution.say(PersonWord::Again, &ann(), at(3)).expect("it failed");
    assert_eq!(carry_out(&mut execution, &vec![Outcome::Done; 3]), [stop(1), start(1), ready(1)]);
    assert!(matches!(verdict(&execution), Verdict::Done { .. }));

    other.stop_and_undo("stopped by hand", at(3)).expect("held");
    assert_eq!(carry_out(&mut other, &vec![Outcome::Done; 3]), [start(1), ready(1)]);
    let says = "restart shop/web: stopped by hand, after the engine: said no; taken back: web-1";
    assert_eq!(verdict(&other), Verdict::Undone { says: says.into() });
}

#[test]
fn what_failed_and_shall_be_tried_again_is_still_taken_back_when_it_is_stopped_before() {
    let mut execution = Execution::new(Plan { turns: false, ..restart(1) });
    carry_out(&mut execution, &[failed()]);
    execution.say(PersonWord::Again, &ann(), at(3)).expect("it failed");
    execution.stop_and_undo("stopped by hand", at(3)).expect("nothing is done yet");
    assert_eq!(carry_out(&mut execution, &vec![Outcome::Done; 3]), [start(1), ready(1)]);
}

#[test]
fn asked_to_wait_it_ends_the_step_in_hand_and_begins_no_other() {
    let mut execution = Execution::new(restart(2));
    let begin = execution.beginning(at(1)).expect("in hand");
    execution.apply(&begin).expect("follows");
    execution.say(PersonWord::Wait, &ann(), at(1)).expect("it runs");
    assert_eq!(execution.in_hand().map(|(which, _)| which), Some(Which::Step(0)), "the step in hand is not torn down");
    execution.told(Outcome::Done, at(2)).expect("in hand");
    assert_eq!(&*held(&execution), "ann@laptop asked it to wait; taken back after an hour without a word");
    assert!(execution.say(PersonWord::Wait, &ann(), at(3)).is_err());
    assert!(execution.say(PersonWord::Again, &ann(), at(3)).is_err(), "nothing failed");
    execution.say(PersonWord::GoOn, &ann(), at(3)).expect("it waits");
    assert_eq!(carry_out(&mut execution, &[Outcome::Done]), [start(1)]);
    assert!(execution.say(PersonWord::GoOn, &ann(), at(3)).is_err(), "it does not wait");
}

#[test]
fn whoever_resumes_what_waited_wants_it_to_go_on_and_whoever_stops_it_wants_it_back() {
    let mut execution = Execution::new(restart(2));
    carry_out(&mut execution, &[Outcome::Done]);
    execution.say(PersonWord::Wait, &ann(), at(3)).expect("it runs");
    let mut stopped = execution.clone();
    let taken = Record::Taken { at: at(4), who: ann(), word: "resume".into(), process: 7 };
    execution.apply(&taken).expect("not over");
    assert_eq!(execution.in_hand().map(|(_, step)| step.clone()), Some(start(1)));
    stopped.stop_and_undo("stopped by hand", at(4)).expect("it waits");
    assert_eq!(stopped.in_hand().map(|(which, _)| which), Some(Which::Undo(0)));
    assert!(stopped.say(PersonWord::Wait, &ann(), at(5)).is_err(), "the way back waits for nobody");
}

#[test]
fn nobody_says_a_word_for_an_hour_and_it_is_taken_back() {
    let mut execution = checked();
    carry_out(&mut execution, &[Outcome::Done, unsure()]);
    execution.may_wait_no_longer(at(3600)).expect("it waits");
    assert_eq!(carry_out(&mut execution, &vec![Outcome::Done; 2]), [start(1), ready(1)]);
    let says = "restart shop/web: nobody said a word for an hour, after the error rate: 3 of 100 lines are too few; \
                taken back: web-1";
    assert_eq!(verdict(&execution), Verdict::Undone { says: says.into() });
}

/// Two steps that count, and two that only tidy up after them.
fn tidied() -> Execution {
    let stopping = Planned::new(stop(1)).undone_by(vec![start(1), ready(1)]);
    let tidying = vec![Planned::tidying(remove(1)), Planned::tidying(remove(2))];
    Execution::new(plan(vec![vec![stopping, Planned::new(start(2))], tidying]))
}

#[test]
fn tidying_that_fails_is_told_and_turns_nothing_round() {
    let mut execution = tidied();
    let done = carry_out(&mut execution, &[Outcome::Done, Outcome::Done, failed(), unsure()]);
    assert_eq!(done, [stop(1), start(2), remove(1), remove(2)]);
    let says = "restart shop/web: done in 1.0 s, but the engine: said no; the error rate: 3 of 100 lines are too few";
    assert_eq!(verdict(&execution), Verdict::Done { says: says.into() });
}

#[test]
fn from_the_first_tidying_step_on_there_is_no_way_back_and_that_is_said() {
    let mut execution = tidied();
    carry_out(&mut execution, &[Outcome::Done, Outcome::Done]);
    assert_eq!(execution.may_turn(), Ok(()), "before it there is");
    let begin = execution.beginning(at(1)).expect("in hand");
    execution.apply(&begin).expect("follows");
    let why = execution.stop_and_undo("stopped by hand", at(3)).unwrap_err();
    assert!(why.contains("roll back by a plan of its own"), "{why}");
    execution.say(PersonWord::Wait, &ann(), at(3)).expect("it may wait all the same");
    execution.told(Outcome::Done, at(4)).expect("in hand");
    assert_eq!(&*held(&execution), "ann@laptop asked it to wait; gone on with after an hour without a word");
    execution.may_wait_no_longer(at(3600)).expect("it waits");
    assert_eq!(carry_out(&mut execution, &[Outcome::Done]), [remove(2)]);
    assert!(matches!(verdict(&execution), Verdict::Done { .. }));
}

#[test]
fn taken_back_it_says_which_release_runs_again_or_still() {
    let from = Some(Arc::from("14 v2.4.0"));
    let mut execution = Execution::new(Plan { from: from.clone(), ..restart(2) });
    carry_out(&mut execution, &[failed(), Outcome::Done, Outcome::Done]);
    let says = "restart shop/web: the engine: said no; back on 14 v2.4.0; taken back: web-1; not touched: web-2";
    assert_eq!(verdict(&execution), Verdict::Undone { says: says.into() });

    let only_looked = plan(vec![vec![Planned::new(gate())], vec![Planned::new(stop(1))]]);
    let mut execution = Execution::new(Plan { from, ..only_looked });
    carry_out(&mut execution, &[failed()]);
    let says = "restart shop/web: the engine: said no; still on 14 v2.4.0; not touched: web-2";
    assert_eq!(verdict(&execution), Verdict::Undone { says: says.into() });
}

#[test]
fn what_an_orchestrator_was_told_and_nothing_takes_back_is_not_called_undone() {
    let service = plan(Vec::new()).service;
    let steps = vec![
        Planned::new(Step::Redeploy { service: service.clone(), asked: None, cause: None, object: None }),
        Planned::new(Step::AwaitRollout { service: service.clone(), within: 60, wants: None }),
    ];
    let mut execution = Execution::new(plan(vec![steps]));
    carry_out(&mut execution, &[Outcome::Done]);
    execution.stop_and_undo("stopped by hand", at(3)).expect("it runs");
    let Verdict::Stuck { says, help } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    assert_eq!(&*says, "restart shop/web: stopped by hand; as it is now: web-1");
    assert_eq!(*help, format!("look at {service} and plan anew"));
}

#[test]
fn what_was_switched_twice_goes_back_all_the_way_although_the_last_switch_had_done_the_same() {
    let service = plan(Vec::new()).service;
    let to = |count: u32| Step::Scale { service: service.clone(), to: count, object: None };
    let steps = vec![
        Planned::new(to(5)).undone_by(vec![to(3)]),
        Planned::new(to(3)).undone_by(vec![to(5)]),
        Planned::new(gate()),
    ];
    let mut execution = Execution::new(plan(vec![steps]));
    carry_out(&mut execution, &[Outcome::Done, Outcome::Done, failed()]);
    assert_eq!(carry_out(&mut execution, &vec![Outcome::Done; 9]), [to(5), to(3)]);
    assert!(matches!(verdict(&execution), Verdict::Undone { .. }));
}

#[test]
fn where_the_old_one_does_not_come_back_the_new_one_is_left_to_serve_and_that_is_said() {
    let steps = vec![
        Planned::new(start(2)).undone_by(vec![stop(2), remove(2)]),
        Planned::new(ready(2)),
        Planned::new(stop(1)).undone_by(vec![start(1), ready(1)]),
        Planned::new(gate()),
    ];
    let mut execution = Execution::new(plan(vec![steps]));
    carry_out(&mut execution, &[Outcome::Done, Outcome::Done, Outcome::Done, failed()]);
    let broken = Outcome::Failed(Trouble::new("web-1", "exit 1"));
    assert_eq!(carry_out(&mut execution, &[Outcome::Done, broken, Outcome::Done]), [start(1), ready(1)]);
    let Verdict::Stuck { says, help } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    let expected = "restart shop/web: the engine: said no; on the way back web-1: exit 1; \
                    therefore not done: stop web-2 (up to 10 s); as it is now: web-1";
    assert_eq!(&*says, expected);
    assert_eq!(&*help, "docker logs --tail 50 web-1");
}

#[test]
fn what_was_unwell_before_and_still_is_after_its_restart_is_not_called_undone() {
    let steps = vec![Planned::new(stop(1)).undone_by(vec![start(1)]), Planned::new(start(1)), Planned::new(ready(1))];
    let mut execution = Execution::new(plan(vec![steps]));
    carry_out(&mut execution, &[Outcome::Done, Outcome::Done, failed()]);
    let Verdict::Stuck { says, help } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    assert_eq!(&*says, "restart shop/web: the engine: said no; as it is now: web-1");
    assert_eq!(&*help, "docker logs --tail 50 web-1");
}

/// It waits for a rollout of which its own controller asks whether it may go on.
fn asked_by_a_controller() -> Execution {
    let service = plan(Vec::new()).service;
    let follow = Planned::new(Step::AwaitRollout { service, within: 600, wants: None });
    let mut execution = Execution::new(plan(vec![vec![follow, Planned::new(start(2))]]));
    let paused = Trouble::new("prod/shop/web is not rolled out", "it waits to be promoted or aborted");
    carry_out(&mut execution, &[Outcome::Unsure(paused)]);
    execution
}

#[test]
fn nobodys_word_makes_a_rollout_complete_that_waits_to_be_promoted() {
    let mut execution = asked_by_a_controller();
    let why = held(&execution);
    assert!(why.contains("midwatch promote prod/shop/web, or abort prod/shop/web"), "{why}");
    let record = execution.say(PersonWord::GoOn, &ann(), at(3)).expect("it waits");
    assert!(matches!(record, Record::Said { word: PersonWord::Again, .. }), "{record:?}");
    assert!(matches!(execution.next(), Next::Do { index: 0, .. }), "it is looked at again: {execution:#?}");
}

#[test]
fn what_older_journals_say_of_a_rollout_that_was_passed_is_still_read() {
    let mut execution = asked_by_a_controller();
    let passed = Record::Said { at: at(3), who: ann(), word: PersonWord::GoOn };
    execution.apply(&passed).expect("it was written so");
    assert!(matches!(execution.next(), Next::Do { index: 1, .. }), "{execution:#?}");
}

#[test]
fn a_step_that_was_cut_off_does_not_run_for_ever_beside_its_undo() {
    let mut execution = checked();
    let begin = execution.beginning(at(1)).expect("in hand");
    execution.apply(&begin).expect("follows");
    assert_eq!(states(&execution)[0], StepState::Running);
    let left = {
        let mut left = execution.clone();
        left.leave("ann", at(2)).expect("it is not over");
        left
    };
    execution.stop_and_undo("taken back", at(2)).expect("it can be");
    for told in [&left, &execution] {
        let first = &told.report()[0];
        assert_eq!(first.state, StepState::Failed, "{told:#?}");
        assert_eq!(first.note.as_deref(), Some("cut off: how far it came is not known"));
    }
}

#[test]
fn what_a_person_took_for_ready_and_nothing_was_done_to_since_is_not_called_stuck() {
    let mut execution = Execution::new(Plan { turns: false, ..restart(2) });
    carry_out(&mut execution, &[Outcome::Done, Outcome::Done, failed()]);
    execution.say(PersonWord::GoOn, &ann(), at(3)).expect("a check");
    execution.stop_and_undo("stopped by hand", at(3)).expect("it can go back");
    assert!(matches!(verdict(&execution), Verdict::Undone { .. }), "{:?}", verdict(&execution));
}

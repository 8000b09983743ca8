//! Whatever steps do, whoever asks it to stop, and wherever it is cut off: an execution ends, says the truth and does nothing twice.

use super::*;
use crate::{
    domain::{ClusterName, Engine, InstanceId, Scope, ServiceId, StepState},
    plan::{Explanation, Planned, Request, Stage, Target, Verb},
};

mod any;
mod held;
mod model;
mod orchestrated;
mod play;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn name(instance: u8) -> Arc<str> {
    format!("web-{instance}").into()
}

fn id(instance: u8) -> InstanceId {
    InstanceId::new(&"prod".into(), name(instance))
}

fn stop(instance: u8) -> Step {
    Step::Stop { instance: id(instance), name: name(instance), grace: 10 }
}

fn start(instance: u8) -> Step {
    Step::Start { instance: id(instance), name: name(instance) }
}

fn ready(instance: u8) -> Step {
    Step::AwaitReady { instance: id(instance), name: name(instance), within: 30, steady: 5 }
}

fn plan(stages: Vec<Vec<Planned>>) -> Plan {
    let service = ServiceId::new(&ClusterName::from("prod"), &Scope::from("shop"), "web");
    let stages = stages.into_iter().enumerate();
    Plan {
        title: "restart shop/web".into(),
        request: Request::new(Verb::Restart, Target::Service(service.clone())),
        service,
        kind: None,
        stages: stages.map(|(place, steps)| Stage { title: name(place as u8 + 1), steps }).collect(),
        explains: Explanation::default(),
        engine: Engine::Docker,
        endpoint: "unix:///var/run/docker.sock".into(),
        minimum: 0,
        turns: true,
        from: None,
        takes_over: false,
        assumes: 1,
    }
}

/// As `plan::restart` makes it for ready instances.
fn restart(instances: u8) -> Plan {
    let stage = |n| {
        let stopping = Planned::new(stop(n)).undone_by(vec![start(n), ready(n)]);
        vec![stopping, Planned::new(start(n)), Planned::new(ready(n))]
    };
    plan((1..=instances).map(stage).collect())
}

fn failed() -> Outcome {
    Outcome::Failed(Trouble::new("the engine", "said no"))
}

/// Does steps with these outcomes, and gives back what was done.
fn carry_out(execution: &mut Execution, outcomes: &[Outcome]) -> Vec<Step> {
    let mut done = Vec::new();
    for outcome in outcomes {
        let Some((_, step)) = execution.in_hand() else { break };
        done.push(step.clone());
        let record = execution.beginning(at(1)).expect("in hand");
        execution.apply(&record).expect("follows");
        execution.told(outcome.clone(), at(2)).expect("in hand");
    }
    done
}

fn verdict(execution: &Execution) -> Verdict {
    match execution.next() {
        Next::Ended(verdict) => verdict,
        other => panic!("not ended: {other:?}"),
    }
}

#[test]
fn a_restart_that_goes_well_does_one_instance_after_the_other() {
    let mut execution = Execution::new(restart(2));
    let done = carry_out(&mut execution, &vec![Outcome::Done; 6]);
    assert_eq!(done, [stop(1), start(1), ready(1), stop(2), start(2), ready(2)]);
    assert_eq!(verdict(&execution), Verdict::Done { says: "restart shop/web: done in 1.0 s".into() });
}

#[test]
fn an_instance_that_does_not_come_back_ends_a_rolling_restart_before_the_next_is_touched() {
    let mut execution = Execution::new(restart(3));
    let done = carry_out(&mut execution, &[Outcome::Done, Outcome::Done, failed(), Outcome::Done]);
    assert_eq!(done, [stop(1), start(1), ready(1)], "it was started already, and was waited for already");
    let Verdict::Stuck { says, help } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    assert_eq!(&*says, "restart shop/web: the engine: said no; as it is now: web-1; not touched: web-2, web-3");
    assert_eq!(&*help, "docker logs --tail 50 web-1");
}

#[test]
fn a_stop_that_failed_is_taken_back_because_it_may_have_half_happened() {
    let mut execution = Execution::new(restart(2));
    let done = carry_out(&mut execution, &[failed(), Outcome::Done, Outcome::Done, Outcome::Done]);
    assert_eq!(done, [stop(1), start(1), ready(1)]);
    assert!(matches!(verdict(&execution), Verdict::Undone { .. }));
}

#[test]
fn a_stop_that_was_cut_off_is_ended_before_it_is_taken_back_and_taken_back_in_any_case() {
    for ended in [Outcome::Done, failed()] {
        let mut execution = Execution::new(restart(2));
        let begin = execution.beginning(at(1)).expect("in hand");
        execution.apply(&begin).expect("follows");
        execution.stop_and_undo("undone by ann", at(2)).expect("it was begun");
        let done = carry_out(&mut execution, &[ended.clone(), Outcome::Done, Outcome::Done]);
        assert_eq!(done, [stop(1), start(1), ready(1)]);
        match (ended, verdict(&execution)) {
            (Outcome::Done, Verdict::Undone { .. }) => {}
            (Outcome::Failed(_), Verdict::Stuck { help, .. }) => assert_eq!(&*help, "docker start web-1"),
            (_, verdict) => panic!("{verdict:?}"),
        }
    }
}

#[test]
fn a_stop_that_was_cut_off_and_then_refused_may_still_come() {
    let mut execution = Execution::new(restart(2));
    let begin = execution.beginning(at(1)).expect("in hand");
    execution.apply(&begin).expect("follows");
    let done = carry_out(&mut execution, &[failed(), Outcome::Done, Outcome::Done, Outcome::Done]);
    assert_eq!(done, [stop(1), stop(1), start(1), ready(1)]);
}

#[test]
fn what_cannot_be_taken_back_is_said_with_the_command_that_would() {
    let mut execution = Execution::new(restart(2));
    let done = carry_out(&mut execution, &[failed(), failed(), Outcome::Done]);
    assert_eq!(done, [stop(1), start(1)], "what could not be started is not waited for");
    let Verdict::Stuck { help, .. } = verdict(&execution) else { panic!("{:?}", verdict(&execution)) };
    assert_eq!(&*help, "docker start web-1");
    let states: Vec<_> = execution.report().iter().map(|step| step.state).collect();
    use StepState::{Failed, Skipped};
    assert_eq!(states, [Failed, Skipped, Skipped, Skipped, Skipped, Skipped, Failed, Skipped]);
}

#[test]
fn asked_to_stop_between_stop_and_start_it_starts_again_and_waits_until_it_is_ready() {
    let mut execution = Execution::new(restart(2));
    carry_out(&mut execution, &[Outcome::Done]);
    execution.stop_and_undo("stopped by hand", at(3)).expect("it runs");
    assert_eq!(carry_out(&mut execution, &vec![Outcome::Done; 9]), [start(1), ready(1)]);
    let says = "restart shop/web: stopped by hand; taken back: web-1; not touched: web-2";
    assert_eq!(verdict(&execution), Verdict::Undone { says: says.into() });
}

#[test]
fn a_record_that_cannot_have_come_next_is_refused_and_changes_nothing() {
    let mut execution = Execution::new(restart(1));
    let before = execution.clone();
    for which in [Which::Step(1), Which::Step(99), Which::Undo(0)] {
        assert!(execution.apply(&Record::Began { at: at(1), which }).is_err(), "{which:?}");
        assert!(execution.apply(&Record::Ended { at: at(1), which, outcome: Outcome::Done }).is_err(), "{which:?}");
    }
    let unbegun = Record::Ended { at: at(1), which: Which::Step(0), outcome: Outcome::Done };
    assert!(execution.apply(&unbegun).is_err());
    assert_eq!(execution, before);
}

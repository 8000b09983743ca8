//! A disk that is full for a while.

use tokio::sync::mpsc;

use super::*;
use crate::{
    clock::Clock,
    domain::Verdict,
    plan::{
        Verb,
        fixture::{Shop, noon, prod},
    },
    runtime::{
        connections::Connections,
        gate::Gate,
        journal::Journal,
        operate::{Operator, Parts, fake::Fake},
    },
};

#[tokio::test(start_paused = true)]
async fn a_step_that_was_not_begun_for_want_of_room_is_not_in_the_record_when_there_is_room_again() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path()).unwrap();
    let plan = Shop::healthy(2).plan(Verb::Restart).expect("planned");
    let (opening, page) =
        journal.create(journal.unused_id(noon()), plan.clone(), &"ops@laptop".into(), noon()).unwrap();
    let connections = Connections::default();
    let fake = Fake::running(&["web-1", "web-2"]);
    connections.set(&prod(), Some(Arc::new(fake.clone())));
    let (facts, _events) = mpsc::channel(1024);
    let operator = Operator::new(Parts {
        connections,
        facts,
        journal: Ok(journal.clone()),
        clock: Clock::starting_at(noon()),
        gate: Gate::new(false, [], None),
        who: "ops@laptop".into(),
    });
    let (id, full) = (opening.id.clone(), page.on_a_full_disk());
    let tenure = Tenure::new(&operator.inner, &opening.plan, &opening.id, noon());
    let mut run = Run::new(operator.inner.clone(), opening, Execution::new(plan), page, None, tenure);
    assert!(run.written_before().await);
    let ended = run.execution.told(Outcome::Done, noon()).expect("in hand");
    run.written(ended).await;

    let roomy = run.page.replace(full);
    assert!(!run.written_before().await, "the second step is not begun");
    assert!(!run.unwritten.is_empty(), "that it turned round could not be written either");
    run.page = roomy;
    run.carry_out(Counted::new(&operator.inner)).await;

    let known = journal.operation(&id).expect("it makes sense to whoever reads it");
    assert!(matches!(known.state, OperationState::Ended(Verdict::Undone { .. })), "{known:#?}");
    assert_eq!(known.steps[1].state, StepState::Skipped);
    assert_eq!(fake.what_runs(), ["web-1", "web-2"]);
}

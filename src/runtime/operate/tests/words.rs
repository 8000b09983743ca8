//! What people say to operations that run or wait, from here and from other processes.

use super::*;
use crate::{
    domain::PersonWord,
    plan::{
        Execution,
        execution::{Outcome, Record},
    },
};

fn is_held(operation: &Operation) -> bool {
    matches!(operation.state, OperationState::Held { .. })
}

/// It waits because its third step could not tell.
async fn waiting(state: &TempDir) -> (Desk, OperationId) {
    let mut desk = Desk::open(state, &fake());
    desk.fake.answers([Reply::DoAsAsked, Reply::DoAsAsked, Reply::CannotTell]);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_held).await;
    (desk, id)
}

fn letters(state: &TempDir) -> usize {
    fs::read_dir(state.path().join("words")).expect("there").count()
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_cannot_tell_waits_without_a_screen_and_goes_on_at_a_word() {
    let state = tempfile::tempdir().unwrap();
    let (mut desk, id) = waiting(&state).await;
    assert!(tokio::time::timeout(Duration::from_secs(1800), desk.operator.finished()).await.is_err(), "it waits");
    let known = desk.operator.journal().as_ref().unwrap().operation(&id).expect("readable");
    let OperationState::Held { why } = known.state else { panic!("{known:?}") };
    assert!(why.contains("3 of 100 lines are too few"), "{why}");
    desk.operator.tell(&id, PersonWord::GoOn).await.unwrap().expect("it waits for it");
    let Verdict::Done { says } = desk.verdict().await else { panic!("not done") };
    assert!(says.contains("was passed by ops@laptop"), "{says}");
    assert_eq!(desk.fake.executed(), ALL);
}

#[tokio::test(start_paused = true)]
async fn a_word_from_another_process_is_taken_and_its_file_is_gone() {
    let state = tempfile::tempdir().unwrap();
    let (mut first, id) = waiting(&state).await;
    let second = Desk::open(&state, &fake());
    second.operator.tell(&id, PersonWord::Again).await.unwrap().expect("taken");
    assert_eq!(letters(&state), 0);
    assert!(matches!(first.verdict().await, Verdict::Done { .. }));
    assert_eq!(first.fake.executed()[2..4], [ALL[2], ALL[2]], "looked at again");
    assert!(second.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_operation_of_another_process_is_stopped_after_its_step_and_taken_back() {
    let state = tempfile::tempdir().unwrap();
    let (mut first, second) = (Desk::open(&state, &fake()), Desk::open(&state, &fake()));
    first.fake.hold(true);
    let id = first.operator.begin(restart()).await.unwrap().expect("begun");
    first.until(is_at(0)).await;
    second.operator.stop_and_undo(&id).await.unwrap().expect("taken");
    first.fake.hold(false);
    assert!(matches!(first.verdict().await, Verdict::Undone { .. }));
    assert_eq!(first.fake.executed(), ALL[..3]);
}

#[tokio::test(start_paused = true)]
async fn a_word_that_nobody_takes_is_withdrawn_and_that_is_said() {
    let state = tempfile::tempdir().unwrap();
    let desk = Desk::open(&state, &fake());
    let journal = desk.operator.journal().clone().unwrap();
    // As of a process that is stopped: it has the file locked, and does nothing.
    let (opening, _page) =
        journal.create(journal.unused_id(noon()), restart(), &"ann@desk".into(), noon()).expect("created");
    let trouble = desk.operator.stop_and_undo(&opening.id).await.unwrap().expect_err("nobody listens");
    assert!(trouble.why.contains("did not take it within 5 s"), "{trouble}");
    assert_eq!(letters(&state), 0);
}

#[tokio::test(start_paused = true)]
async fn a_word_that_means_nothing_now_is_refused_with_the_reason_here_and_from_elsewhere() {
    let state = tempfile::tempdir().unwrap();
    let (mut first, second) = (Desk::open(&state, &fake()), Desk::open(&state, &fake()));
    first.fake.hold(true);
    let id = first.operator.begin(restart()).await.unwrap().expect("begun");
    first.until(is_at(0)).await;
    for operator in [&first.operator, &second.operator] {
        let trouble = operator.tell(&id, PersonWord::GoOn).await.unwrap().expect_err("it does not wait");
        assert!(trouble.why.contains("it does not wait for a word"), "{trouble}");
    }
    first.fake.hold(false);
    first.verdict().await;
    first.operator.finished().await;
    let trouble = second.operator.tell(&id, PersonWord::Wait).await.unwrap().expect_err("over");
    assert!(trouble.why.contains("it is over"), "{trouble}");
    assert_eq!(letters(&state), 0);
}

#[tokio::test(start_paused = true)]
async fn asked_to_wait_it_ends_its_step_and_begins_the_next_when_told_to_go_on() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.operator.tell(&id, PersonWord::Wait).await.unwrap().expect("it runs");
    desk.fake.hold(false);
    let held = desk.until(is_held).await;
    assert_eq!(held.steps[0].state, StepState::Done);
    assert_eq!(desk.fake.executed(), ALL[..1]);
    desk.operator.tell(&id, PersonWord::GoOn).await.unwrap().expect("it waits");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed(), ALL);
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_a_word_it_is_taken_back() {
    let state = tempfile::tempdir().unwrap();
    let (mut desk, _) = waiting(&state).await;
    let Verdict::Undone { says } = desk.verdict().await else { panic!("not taken back") };
    assert!(says.contains("nobody said a word for an hour"), "{says}");
    assert_eq!(desk.fake.what_runs(), ["web-1", "web-2"]);
}

/// The second instance's steps only tidy up.
fn tidying() -> Plan {
    let mut plan = restart();
    for planned in &mut plan.stages[1].steps {
        planned.tidies = true;
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn what_only_tidies_up_is_not_stopped_and_its_failure_is_told() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::DoAsAsked, Reply::DoAsAsked, Reply::DoAsAsked, Reply::Fail]);
    desk.operator.begin(tidying()).await.unwrap().expect("begun");
    desk.until(is_at(2)).await;
    desk.fake.hold(true);
    let operation = desk.until(is_at(3)).await;
    let trouble = desk.operator.stop_and_undo(&operation.id).await.unwrap().expect_err("done for good");
    assert!(trouble.why.contains("roll back by a plan of its own"), "{trouble}");
    desk.fake.hold(false);
    let Verdict::Done { says } = desk.verdict().await else { panic!("not done") };
    assert!(says.contains(", but stop web-2 (up to 10 s): permission denied"), "{says}");
    assert_eq!(desk.fake.executed(), ALL);
}

#[tokio::test(start_paused = true)]
async fn cut_off_while_it_tidied_up_it_is_not_undone_but_resumed() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let journal = desk.operator.journal().clone().unwrap();
    let (opening, mut page) =
        journal.create(journal.unused_id(noon()), tidying(), &"ops@laptop".into(), noon()).expect("created");
    let mut execution = Execution::new(tidying());
    let mut records: Vec<Record> = Vec::new();
    for _ in 0..3 {
        records.push(execution.beginning(noon()).expect("in hand"));
        execution.apply(&records[records.len() - 1]).expect("follows");
        records.extend(execution.told(Outcome::Done, noon()));
    }
    records.extend(execution.beginning(noon()));
    records.iter().for_each(|record| page.write(record).expect("written"));
    drop(page);

    let trouble = desk.operator.undo(&opening.id).await.unwrap().expect_err("done for good");
    assert!(trouble.why.contains("roll back by a plan of its own"), "{trouble}");
    let known = journal.operation(&opening.id).expect("readable");
    assert_eq!(known.state, OperationState::Interrupted, "nothing was written");
    desk.operator.resume(&opening.id).await.unwrap().expect("taken over");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed(), ALL[3..]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_promoted_past_us_is_gone_on_with_by_itself() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let plan = Shop::kubernetes(2).roll(crate::plan::Strategy::default()).expect("planned");
    let waits = |planned: &crate::plan::Planned| matches!(planned.step, crate::plan::Step::AwaitRollout { .. });
    let place = plan.steps().position(waits).expect("it is followed to its end");
    let title = plan.steps().nth(place).expect("there").step.title();
    desk.fake.answers(std::iter::repeat_n(Reply::DoAsAsked, place).chain([Reply::CannotTell; 3]));
    desk.operator.begin(plan).await.unwrap().expect("begun");
    desk.until(is_held).await;
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }), "nobody said a word to us");
    let looks = desk.fake.executed().into_iter().filter(|step| *step == title).count();
    assert_eq!(looks, 1 + 2 + 1 + 1, "once, twice in vain, once as it moved on, and to its end");
}

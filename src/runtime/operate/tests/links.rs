//! Links that break in a step, and engines that are silent in one.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_in_a_step_is_waited_for_and_the_same_step_done_again() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::DoAndLose, Reply::Lose]);
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.connections.set(&prod(), None);
    desk.fake.hold(false);
    let waiting =
        desk.until(|operation| operation.steps[0].note.as_deref().is_some_and(|note| note.contains("waiting"))).await;
    assert_eq!(waiting.state, OperationState::Running);
    desk.connections.set(&prod(), Some(Arc::new(desk.fake.clone())));
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed()[..4], [ALL[0], ALL[0], ALL[0], ALL[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_stays_away_leaves_the_operation_to_a_person_who_can_resume_it() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::DoAndLose]);
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.connections.set(&prod(), None);
    desk.fake.hold(false);
    desk.until(|operation| operation.state == OperationState::Interrupted).await;
    desk.operator.finished().await;

    desk.connections.set(&prod(), Some(Arc::new(desk.fake.clone())));
    desk.operator.resume(&id).await.unwrap().expect("taken over");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.what_runs(), ["web-1", "web-2"]);
}

#[tokio::test(start_paused = true)]
async fn losses_with_long_good_times_between_them_are_not_added_up() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let later = Reply::LoseAfter(Duration::from_secs(100));
    desk.fake.answers([Reply::DoAsAsked, Reply::DoAsAsked, later, later, later]);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed()[2..6], [ALL[2]; 4]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_is_blamed_and_not_the_link() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::NeverAnswer; 9]);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    let notices = desk.notices_until(|operation| operation.state == OperationState::Interrupted).await;
    let told = notices.iter().find(|notice| notice.text.contains("is not known")).expect("told");
    assert!(told.text.contains("the engine did not answer within 70 s") && !told.text.contains("link"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_pulled_for_as_long_as_the_engine_pulls_it() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let roll_out = Verb::RollOut(Box::new(crate::plan::fixture::wish()));
    let plan = Shop::by_names(1).plan(roll_out).expect("planned");
    assert!(matches!(plan.steps().next().expect("one").step, crate::plan::Step::Make { .. }));
    desk.fake.hold(true);
    desk.operator.begin(plan).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(desk.fake.executed().len(), 1, "it was asked once");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_accepts_a_step_and_never_answers_is_taken_for_lost() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::NeverAnswer]);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed()[..2], [ALL[0], ALL[0]]);
}

//! Two people on two machines: who has a service, who is refused, and what the one does that it was taken from.

use super::*;
use crate::{domain::Claim, plan::fixture::request};

const ANN: &str = "ann@desk";

#[tokio::test(start_paused = true)]
async fn a_service_is_leased_before_the_first_step_and_given_back_after_the_last() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    let lease = desk.fake.lease().expect("leased");
    assert_eq!((&*lease.who, &lease.operation, &*lease.title), ("ops@laptop", &id, "restart shop/web"));
    desk.fake.hold(false);
    desk.verdict().await;
    desk.operator.finished().await;
    assert_eq!(desk.fake.lease(), None);
    assert_eq!(desk.fake.claims(), [Claim::Take, Claim::Release], "one round trip before, and one after");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_the_operation_runs() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    tokio::time::sleep(Duration::from_secs(65)).await;
    let left = desk.fake.lease().expect("leased").until.duration_since(desk.operator.inner.parts.clock.now());
    assert!((20..=30).contains(&left.as_secs()), "{left}");
    desk.fake.hold(false);
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_second_is_refused_with_what_the_first_does_who_it_is_and_since_when() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let theirs = desk.fake.leases_to(ANN);
    let trouble = desk.operator.begin(restart()).await.unwrap().expect_err("refused");
    assert_eq!(&*trouble.what, "restart shop/web was not begun");
    assert!(trouble.why.contains("roll out shop/web by ann@desk since 12:00:00 UTC"), "{trouble}");
    assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));
    assert!(desk.fake.executed().is_empty());
    assert_eq!(desk.fake.lease(), Some(theirs));
    assert!(desk.operator.journal().as_ref().unwrap().operations().operations.is_empty(), "it never was");
}

#[tokio::test(start_paused = true)]
async fn whoever_confirmed_that_it_takes_over_has_the_service() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.leases_to(ANN);
    desk.operator.begin(Plan { takes_over: true, ..restart() }).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.claims()[0], Claim::TakeOver);
}

#[tokio::test(start_paused = true)]
async fn whom_it_was_taken_from_begins_no_further_step_and_is_told_who_has_it() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    let theirs = desk.fake.leases_to(ANN);
    tokio::time::sleep(Duration::from_secs(15)).await;
    desk.fake.hold(false);
    let notices = desk.notices_until(|operation| operation.state == OperationState::Interrupted).await;
    assert!(notices.iter().any(|notice| notice.text.contains("roll out shop/web by ann@desk")), "{notices:?}");
    desk.operator.finished().await;
    assert_eq!(desk.fake.executed(), ALL[..1]);
    assert_eq!(desk.fake.lease(), Some(theirs), "what is theirs is not given back");

    for taken_up in [desk.operator.resume(&id), desk.operator.undo(&id)] {
        let trouble = taken_up.await.unwrap().expect_err("it is theirs");
        assert!(trouble.why.contains(ANN), "{trouble}");
    }
    assert_eq!(desk.fake.executed(), ALL[..1]);
}

#[tokio::test(start_paused = true)]
async fn whom_it_was_taken_from_a_moment_ago_asks_before_the_next_step_and_does_not_begin_it() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    desk.fake.leases_to(ANN);
    desk.fake.hold(false);
    desk.until(|operation| operation.state == OperationState::Interrupted).await;
    assert_eq!(desk.fake.executed(), ALL[..1], "long before the next renewal");
}

#[tokio::test(start_paused = true)]
async fn one_whose_lease_was_pruned_away_a_moment_ago_has_it_again_and_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    desk.fake.lease_goes();
    desk.fake.hold(false);
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.claims()[..3], [Claim::Take, Claim::Keep, Claim::Take]);
}

#[tokio::test(start_paused = true)]
async fn one_that_finds_its_lease_gone_after_a_while_leaves_it_to_a_person_who_looks_first() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.connections.set(&prod(), None);
    tokio::time::sleep(Duration::from_secs(40)).await;
    // Somebody had it, did their work, and gave it back.
    desk.fake.lease_goes();
    desk.connections.set(&prod(), Some(Arc::new(desk.fake.clone())));
    desk.fake.hold(false);
    let notices = desk.notices_until(|operation| operation.state == OperationState::Interrupted).await;
    assert!(notices.iter().any(|notice| notice.text.contains("somebody else may have been at work")), "{notices:?}");
    assert_eq!(desk.fake.executed(), ALL[..1]);
    desk.operator.finished().await;
    desk.operator.resume(&id).await.unwrap().expect("a person says so");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_keeps_the_service_until_whoever_had_it_must_have_noticed() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.leases_to(ANN);
    let began = tokio::time::Instant::now();
    desk.operator.begin(Plan { takes_over: true, ..restart() }).await.unwrap().expect("begun");
    desk.operator.finished().await;
    assert!(began.elapsed() >= Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(desk.fake.claims().last(), Some(&Claim::Release));
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_word_to_a_rollout_under_way_is_said_beside_the_operation_that_waits_for_it() {
    let state = tempfile::tempdir().unwrap();
    let (mut desk, other) = (Desk::open(&state, &fake()), Desk::open(&state, &fake()));
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    let promote = Plan { request: request(Verb::Steer(crate::plan::Steer::Promote)), ..restart() };
    other.operator.begin(promote).await.unwrap().expect("it has the service, and waits for this very word");
    other.operator.finished().await;
    assert_eq!(other.fake.executed(), ALL);
    assert!(other.fake.claims().is_empty(), "nobody's lease is touched");
    desk.fake.hold(false);
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_person_ends_its_wait_when_somebody_else_has_the_service() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::CannotTell]);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(|operation| matches!(operation.state, OperationState::Held { .. })).await;
    desk.fake.leases_to(ANN);
    desk.until(|operation| operation.state == OperationState::Interrupted).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_may_not_lease_is_told_so_once_and_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.forbids_leases();
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    let notices = desk.notices_until(Operation::is_over).await;
    assert_eq!(notices.iter().filter(|notice| notice.text.contains("forbidden")).count(), 1, "{notices:?}");
    desk.operator.finished().await;
    assert_eq!(desk.fake.executed(), ALL);
    assert_eq!(desk.fake.claims(), [Claim::Take]);
}

#[tokio::test(start_paused = true)]
async fn where_the_link_was_away_the_lease_is_had_before_the_first_step_all_the_same() {
    for is_theirs in [false, true] {
        let state = tempfile::tempdir().unwrap();
        let mut desk = Desk::open(&state, &fake());
        desk.connections.set(&prod(), None);
        desk.operator.begin(restart()).await.unwrap().expect("begun");
        desk.until(is_at(0)).await;
        assert!(desk.fake.claims().is_empty());
        if is_theirs {
            desk.fake.leases_to(ANN);
        }
        desk.connections.set(&prod(), Some(Arc::new(desk.fake.clone())));
        desk.until(|operation| !operation.is_running()).await;
        assert_eq!(desk.fake.claims()[0], Claim::Take);
        assert_eq!(desk.fake.executed().is_empty(), is_theirs);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_while_the_link_was_away_is_had_again_before_the_next_step() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.connections.set(&prod(), None);
    tokio::time::sleep(Duration::from_secs(60)).await;
    desk.fake.leases_to(ANN);
    desk.connections.set(&prod(), Some(Arc::new(desk.fake.clone())));
    desk.fake.hold(false);
    desk.until(|operation| operation.state == OperationState::Interrupted).await;
    assert_eq!(desk.fake.executed(), ALL[..1], "somebody else may have been at work meanwhile");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_operation_that_is_left_does_not_keep_its_service() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let journal = desk.operator.journal().clone().unwrap();
    let (opening, page) =
        journal.create(journal.unused_id(noon()), restart(), &"ops@laptop".into(), noon()).expect("created");
    let mut tenure = Tenure::new(&desk.operator.inner, &opening.plan, &opening.id, noon());
    tenure.claim(Claim::Take).await;
    drop((page, tenure));
    assert!(desk.fake.lease().is_some(), "as of a process that was killed");
    desk.operator.leave(&opening.id).await.unwrap().expect("taken over");
    assert!(matches!(desk.verdict().await, Verdict::Left { .. }));
    desk.operator.finished().await;
    assert_eq!(desk.fake.lease(), None);
}

/// A pause at each round trip, and none beside: on paused time only those count.
#[tokio::test(start_paused = true)]
async fn from_yes_to_the_first_step_begun_a_person_waits_for_one_round_trip() {
    const ROUND_TRIP: Duration = Duration::from_millis(20);
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake().with_round_trip(ROUND_TRIP));
    desk.fake.hold(true);
    let yes = tokio::time::Instant::now();
    let begun = desk.operator.begin(restart());
    desk.fake.first_step().await;
    assert_eq!(yes.elapsed(), ROUND_TRIP);
    begun.await.unwrap().expect("begun");
    desk.fake.hold(false);
    desk.verdict().await;
    desk.operator.finished().await;
}

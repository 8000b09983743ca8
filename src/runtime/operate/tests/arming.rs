//! Where changes have to be armed: nothing begins before, and nothing that was begun is cut off.

use super::*;

fn armed_for(state: &TempDir, lasts: Duration) -> Desk {
    Desk::with(Journal::open(state.path()), &fake(), Gate::new(false, [], Some(lasts)))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_before_it_was_armed() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = armed_for(&state, Duration::from_secs(300));
    let trouble = desk.operator.begin(restart()).await.unwrap().expect_err("refused");
    assert!(trouble.why.contains("not armed"), "{trouble}");
    assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));
    assert!(desk.fake.executed().is_empty() && desk.fake.claims().is_empty());

    desk.operator.arm();
    let Some(Event::Armed { until }) = desk.events.recv().await else { panic!("not armed") };
    assert_eq!(until, noon() + Duration::from_secs(300));
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_goes_to_its_end_or_back_when_the_time_is_over_and_nothing_new_is_begun() {
    let state = tempfile::tempdir().unwrap();
    for stops in [false, true] {
        let mut desk = armed_for(&state, Duration::from_secs(60));
        desk.operator.arm();
        desk.fake.hold(true);
        let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
        desk.until(is_at(0)).await;
        tokio::time::sleep(Duration::from_secs(61)).await;
        if stops {
            desk.operator.stop_and_undo(&id).await.unwrap().expect("going back needs no arming");
        }
        desk.fake.hold(false);
        let verdict = desk.verdict().await;
        assert_eq!(matches!(verdict, Verdict::Undone { .. }), stops, "{verdict:?}");
        assert_eq!(desk.fake.what_runs(), ["web-1", "web-2"]);
        desk.operator.finished().await;
        let trouble = desk.operator.begin(restart()).await.unwrap().expect_err("refused");
        assert!(trouble.why.contains("not armed any more"), "{trouble}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_has_to_be_armed_that_is_said() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.operator.arm();
    let Some(Event::Notice(notice)) = desk.events.recv().await else { panic!("nothing said") };
    assert!(notice.text.contains("nothing has to be armed"), "{notice:?}");
    desk.operator.begin(restart()).await.unwrap().expect("begun all the same");
}

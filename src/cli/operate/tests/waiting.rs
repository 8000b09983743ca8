//! What waits for a person, or for the end, while nobody sits there any more.

use super::*;

/// Its last step cannot tell whether it is well.
fn unsure() -> Shell {
    let shell = Shell::open(&Shop::healthy(1));
    shell.fake.answers([Reply::DoAsAsked, Reply::DoAsAsked, Reply::CannotTell]);
    shell
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_person_says_why_and_takes_the_word_of_whoever_sits_there() {
    for (answer, ending) in [("go on", Ending::Done), ("again", Ending::Done), ("undo", Ending::Failed)] {
        let mut shell = unsure();
        shell.answer = answer;
        assert_eq!(shell.restart(Options { is_terminal: true, ..yes() }).await, ending, "{answer}: {}", shell.err());
        let err = shell.err();
        for wanted in
            ["waits for a person: ", "3 of 100 lines are too few", "midwatch promote ", "go on, again, or undo? "]
        {
            assert!(err.contains(wanted), "no {wanted:?} in\n{err}");
        }
        assert_eq!(shell.out().lines().count(), 1, "{answer}");
    }
}

/// Somebody at another terminal lets it go on as soon as it waits.
fn goes_on_from_elsewhere(shell: &Shell) -> JoinHandle<Result<(), Trouble>> {
    let elsewhere = Operator::new(Parts {
        connections: Connections::default(),
        facts: mpsc::channel(1024).0,
        journal: Journal::open(shell.state.path()),
        clock: Clock::starting_at(noon()),
        gate: Gate::new(false, [], None),
        who: "ann@desk".into(),
    });
    let journal = elsewhere.journal().clone().expect("it opens");
    tokio::spawn(async move {
        loop {
            let known = journal.operations().operations;
            let held = known.iter().find(|operation| matches!(operation.state, OperationState::Held { .. }));
            if let Some(held) = held {
                return elsewhere.tell(&held.id, PersonWord::GoOn).await.expect("does not panic");
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_goes_while_it_asks_ends_nothing_but_the_asking() {
    let mut shell = unsure();
    shell.is_gone = true;
    let says = goes_on_from_elsewhere(&shell);
    assert_eq!(shell.restart(Options { is_terminal: true, ..yes() }).await, Ending::Done, "{}", shell.err());
    assert_eq!(says.await.expect("does not panic"), Ok(()));
    let mut asked_first = Shell::open(&Shop::healthy(1));
    asked_first.is_gone = true;
    assert_eq!(asked_first.restart(asked()).await, Ending::Refused, "it says no to a plan");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_is_told_of_any_more_is_still_stopped_by_a_signal() {
    let mut shell = Shell::open(&Shop::healthy(1));
    let plan = plan::make(&shell.outside.inventory, &request(Verb::Restart)).expect("planned");
    let id = shell.operator.begin(plan).await.expect("does not panic").expect("begun");
    // As many facts as nobody takes.
    for _ in 0..500 {
        let notice = crate::message::Notice::info(noon(), "news");
        shell.facts.try_send(Event::Notice(notice)).expect("room");
    }
    shell.stop.notify_one();
    see_out(&mut shell.outside, &shell.operator, &shell.stop).await;
    let known = shell.operator.journal().as_ref().expect("it opens").operation(&id).expect("known");
    assert!(matches!(known.state, OperationState::Ended(Verdict::Undone { .. })), "{known:#?}");
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_while_it_only_tidies_up_promises_nothing_and_says_why() {
    let mut shell = Shell::open(&Shop::healthy(1));
    let mut plan = plan::make(&shell.outside.inventory, &request(Verb::Restart)).expect("planned");
    for planned in plan.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        planned.tidies = true;
    }
    shell.fake.hold(true);
    let began = shell.operator.begin(plan);
    shell.fake.first_step().await;
    shell.stop.notify_one();
    let fake = shell.fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        fake.hold(false);
    });
    let ending = shell.run(yes(), async |desk| desk.follow(began, Ending::Failed).await).await.expect("written");
    assert_eq!(ending, Ending::Done);
    let err = shell.err();
    assert!(err.contains("it only tidies up") && !err.contains("stops after this step"), "{err}");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_sits_it_waits_for_a_word_from_elsewhere() {
    let mut shell = unsure();
    let says = goes_on_from_elsewhere(&shell);
    assert_eq!(shell.restart(yes()).await, Ending::Done, "{}", shell.err());
    assert_eq!(says.await.expect("does not panic"), Ok(()));
    assert!(!shell.err().contains("go on, again, or undo?"), "nobody is asked: {}", shell.err());
}

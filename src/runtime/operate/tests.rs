//! Operations against a fake engine on paused time: what reaches it, what is written down, and how it ends whatever happens between.

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::{
    fake::{Fake, Reply},
    lease::Tenure,
    run::Run,
    *,
};
use crate::{
    domain::{ClusterName, StepState},
    plan::{
        Verb,
        fixture::{Shop, id, noon, prod},
    },
};

mod arming;
mod leases;
mod links;
mod words;

/// One process with its engine.
pub(super) struct Desk {
    pub operator: Operator,
    pub events: mpsc::Receiver<Event>,
    pub connections: Connections,
    pub fake: Fake,
}

pub(super) fn fake() -> Fake {
    Fake::running(&["web-1", "web-2"])
}

pub(super) fn restart() -> Plan {
    Shop::healthy(2).plan(Verb::Restart).expect("planned")
}

impl Desk {
    pub fn open(state: &TempDir, fake: &Fake) -> Self {
        Self::with(Journal::open(state.path()), fake, Gate::new(false, [], None))
    }

    pub fn with(journal: Result<Journal, Trouble>, fake: &Fake, gate: Gate) -> Self {
        let (facts, events) = mpsc::channel(1024);
        let connections = Connections::default();
        connections.set(&prod(), Some(Arc::new(fake.clone())));
        let parts = Parts {
            connections: connections.clone(),
            facts,
            journal,
            clock: Clock::starting_at(noon()),
            gate,
            who: "ops@laptop".into(),
        };
        Self { operator: Operator::new(parts), events, connections, fake: fake.clone() }
    }

    /// Waits for the next word of an operation that is so.
    pub async fn until(&mut self, is_so: impl Fn(&Operation) -> bool) -> Operation {
        loop {
            match self.events.recv().await.expect("the operator lives") {
                Event::Operation(operation) if is_so(&operation) => return *operation,
                _ => {}
            }
        }
    }

    /// What is told by the way until an operation is so.
    pub async fn notices_until(&mut self, is_so: impl Fn(&Operation) -> bool) -> Vec<Notice> {
        let mut notices = Vec::new();
        loop {
            match self.events.recv().await.expect("the operator lives") {
                Event::Operation(operation) if is_so(&operation) => return notices,
                Event::Notice(notice) => notices.push(notice),
                _ => {}
            }
        }
    }

    pub async fn verdict(&mut self) -> Verdict {
        match self.until(Operation::is_over).await.state {
            OperationState::Ended(verdict) => verdict,
            other => panic!("over, and still {other:?}"),
        }
    }
}

/// The step with this place is being done.
pub(super) fn is_at(step: usize) -> impl Fn(&Operation) -> bool {
    move |operation| operation.steps[step].state == StepState::Running
}

fn journal_file(state: &TempDir) -> PathBuf {
    let mut files = fs::read_dir(state.path().join("operations")).expect("there").flatten();
    let file = files.next().expect("one operation").path();
    assert!(files.next().is_none(), "only one");
    file
}

pub(super) const ALL: [&str; 6] = [
    "stop web-1 (up to 10 s)",
    "start web-1",
    "wait until web-1 is ready (up to 120 s)",
    "stop web-2 (up to 10 s)",
    "start web-2",
    "wait until web-2 is ready (up to 120 s)",
];

#[tokio::test(start_paused = true)]
async fn a_restart_is_carried_out_told_and_written_down() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    assert_eq!(desk.fake.executed(), ALL);
    desk.operator.finished().await;
    assert_eq!(desk.operator.running(), 0);

    let listing = desk.operator.journal().as_ref().unwrap().operations();
    assert_eq!(listing.unreadable, []);
    let [known] = &listing.operations[..] else { panic!("{listing:?}") };
    assert_eq!((&known.id, &*known.who, &*known.title), (&id, "ops@laptop", "restart shop/web"));
    assert!(known.is_over());
    let text = fs::read_to_string(journal_file(&state)).unwrap();
    assert_eq!(text.lines().count(), 1 + 2 * ALL.len() + 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_was_confirmed_under_read_only_never_reaches_the_engine() {
    let state = tempfile::tempdir().unwrap();
    for gate in [Gate::new(true, [], None), Gate::new(false, [prod()], None)] {
        let mut desk = Desk::with(Journal::open(state.path()), &fake(), gate.clone());
        let trouble = desk.operator.begin(restart()).await.unwrap().expect_err("refused");
        assert!(trouble.why.contains("read-only"), "{trouble}");
        assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));

        let step = restart().steps().next().expect("a step").step.clone();
        let direct = gate.execute(&prod(), &desk.fake, step, Arc::new(|_: &str| {})).await;
        assert!(direct.is_err());
        assert_eq!(desk.fake.executed(), [""; 0]);
    }
}

#[test]
fn read_only_of_one_cluster_leaves_the_others_open() {
    assert!(Gate::new(false, [ClusterName::from("other")], None).check(&prod()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_off_is_only_left_once_another_one_has_changed_the_service() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let journal = desk.operator.journal().clone().unwrap();
    let (opening, page) =
        journal.create(journal.unused_id(noon()), restart(), &"ops@laptop".into(), noon()).expect("created");
    drop(page);
    tokio::time::sleep(Duration::from_secs(1)).await;
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    assert!(matches!(desk.verdict().await, Verdict::Done { .. }));
    desk.operator.finished().await;

    for word in [Word::Resume, Word::Undo] {
        let trouble = foretell(&journal, &opening.id, word).expect_err("overtaken");
        assert!(trouble.why.contains("no longer as it left it"), "{trouble}");
    }
    for taken_up in [desk.operator.resume(&opening.id), desk.operator.undo(&opening.id)] {
        let trouble = taken_up.await.unwrap().expect_err("the service is another one now");
        assert!(trouble.why.contains("restart shop/web by ops@laptop, begun 12:00:01 UTC, is done"), "{trouble}");
        assert!(trouble.help.is_some_and(|help| help.contains("plan anew")));
    }
    assert_eq!(desk.fake.executed(), ALL, "only of the second one");
    desk.operator.leave(&opening.id).await.unwrap().expect("taken over");
    assert!(matches!(desk.verdict().await, Verdict::Left { .. }));
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_ends_the_step_in_hand_and_takes_back_what_was_done() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.hold(true);
    let id = desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.until(is_at(0)).await;
    desk.operator.stop_and_undo(&id);
    let told = desk.until(|operation| operation.steps[0].note.is_some()).await;
    assert_eq!(told.state, OperationState::Running, "the step in hand is not torn down");
    desk.fake.hold(false);
    assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));
    assert_eq!(desk.fake.executed(), [ALL[0], ALL[1], ALL[2]]);
    assert_eq!(desk.fake.what_runs(), ["web-1", "web-2"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_does_not_come_back_stops_a_restart_before_the_next() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.makes_unwell("web-1");
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    let Verdict::Stuck { says, help } = desk.verdict().await else { panic!("not stuck") };
    assert!(says.contains("web-1: unhealthy") && says.contains("not touched: web-2"), "{says}");
    assert_eq!(&*help, "docker logs --tail 50 web-1");
    assert_eq!(desk.fake.executed(), ALL[..3]);
}

#[tokio::test(start_paused = true)]
async fn two_consoles_do_not_work_on_one_service_and_the_second_is_told_who_does() {
    let state = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (Desk::open(&state, &fake()), Desk::open(&state, &fake()));
    first.fake.hold(true);
    first.operator.begin(restart()).await.unwrap().expect("begun");
    first.until(is_at(0)).await;
    let trouble = second.operator.begin(restart()).await.unwrap().expect_err("refused");
    assert_eq!(&*trouble.what, "restart shop/web was not begun");
    assert!(trouble.why.contains("restart shop/web is being carried out by ops@laptop"), "{trouble}");
    assert!(second.fake.executed().is_empty());
    assert!(matches!(second.verdict().await, Verdict::Undone { .. }));

    first.fake.hold(false);
    first.verdict().await;
    first.operator.finished().await;
    second.operator.begin(restart()).await.unwrap().expect("the service is free again");
}

#[tokio::test(start_paused = true)]
async fn a_second_console_sees_an_operation_run_and_end() {
    let state = tempfile::tempdir().unwrap();
    let mut first = Desk::open(&state, &fake());
    first.fake.hold(true);
    let id = first.operator.begin(restart()).await.unwrap().expect("begun");
    first.until(is_at(0)).await;
    let mut second = Desk::open(&state, &fake());
    let watcher = second.operator.clone();
    let recalling = tokio::spawn(async move { watcher.recall().await });
    let seen = second.until(|operation| operation.id == id).await;
    assert_eq!(seen.state, OperationState::Running);
    assert!(second.operator.resume(&id).await.unwrap().is_err(), "it is not interrupted");
    first.fake.hold(false);
    assert!(matches!(second.verdict().await, Verdict::Done { .. }));
    recalling.abort();
}

/// `kill -9`, as far as the disk can tell: the file ends anywhere, and nobody holds its lock.
#[tokio::test(start_paused = true)]
async fn cut_off_at_any_byte_an_operation_is_resumed_undone_or_left_to_a_whole_world() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.verdict().await;
    desk.operator.finished().await;
    let path = journal_file(&state);
    let whole = fs::read(&path).unwrap();
    let id = OperationId::new(path.file_stem().unwrap().to_string_lossy().into_owned());
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    // After each record, and in the middle of the next.
    let cuts: Vec<(usize, usize)> =
        ends.iter().enumerate().flat_map(|(records, &end)| [(records, end), (records, end + 7)]).collect();

    for (records, cut) in cuts.into_iter().filter(|(records, _)| *records < 2 * ALL.len() + 1) {
        for word in [Word::Resume, Word::Undo, Word::Leave] {
            let state = tempfile::tempdir().unwrap();
            // What the engine looks like when so much of it had been done; the step in hand was done, and its end not written.
            let fake = fake();
            for step in restart().steps().take(records.div_ceil(2)) {
                fake.execute_now(&step.step).await;
            }
            let before = fake.executed().len();
            let mut desk = Desk::open(&state, &fake);
            fs::write(state.path().join("operations").join(path.file_name().unwrap()), &whole[..cut]).unwrap();
            let journal = desk.operator.journal().clone().unwrap();
            let known = journal.operation(&id).expect("readable");
            assert_eq!(known.state, OperationState::Interrupted, "{cut}");
            let way_back: Vec<Arc<str>> = known.way_back.into_iter().map(|step| step.title).collect();

            let foretold = foretell(&journal, &id, word).expect("not refused").into_iter();
            let foretold: Vec<Arc<str>> = foretold.map(|step| step.title).collect();
            desk.operator.take_over(&id, word).await.unwrap().expect("taken over");
            let verdict = desk.verdict().await;
            desk.operator.finished().await;
            assert!(journal.operation(&id).expect("readable").is_over(), "{cut}");
            assert!(foretell(&journal, &id, word).is_err_and(|trouble| trouble.why.starts_with("it is over")), "{cut}");
            let executed = fake.executed()[before..].to_vec();
            let done = journal.operation(&id).expect("readable").steps.into_iter();
            let done = done.filter(|step| step.state == StepState::Done && step.is_undo == (word == Word::Undo));
            let done: Vec<Arc<str>> = done.map(|step| step.title).collect();
            match word {
                Word::Resume => assert_eq!(foretold, done[records / 2..], "{cut}"),
                Word::Undo => assert_eq!((&foretold, &way_back), (&done, &done), "{cut}"),
                Word::Leave => assert_eq!(foretold.len(), 0, "{cut}"),
            }
            match word {
                Word::Resume => {
                    assert!(matches!(verdict, Verdict::Done { .. }), "{cut}: {verdict:?}");
                    assert_eq!(executed, ALL[records / 2..], "{cut}: goes on with the step whose end was not written");
                    assert_eq!(fake.what_runs(), ["web-1", "web-2"], "{cut}");
                }
                Word::Undo if records == 2 * ALL.len() => {
                    assert!(matches!(verdict, Verdict::Done { .. }), "everything was done: {verdict:?}");
                }
                Word::Undo => {
                    assert!(matches!(verdict, Verdict::Undone { .. }), "{cut}: {verdict:?}");
                    assert_eq!(fake.what_runs(), ["web-1", "web-2"], "{cut}");
                }
                Word::Leave => {
                    assert!(matches!(verdict, Verdict::Left { .. }), "{cut}: {verdict:?}");
                    assert_eq!(executed, [""; 0], "{cut}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_cut_off_on_its_way_back_goes_on_back() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    desk.fake.answers([Reply::Fail]);
    desk.operator.begin(restart()).await.unwrap().expect("begun");
    desk.verdict().await;
    desk.operator.finished().await;
    let path = journal_file(&state);
    let text = fs::read_to_string(&path).unwrap();
    // The plan, the begin and the failure of the stop, and the begin of its undo.
    fs::write(&path, text.split_inclusive('\n').take(4).collect::<String>()).unwrap();

    let fake = Fake::running(&["web-2"]);
    let mut desk = Desk::open(&state, &fake);
    let id = desk.operator.journal().as_ref().unwrap().operations().operations[0].id.clone();
    desk.operator.resume(&id).await.unwrap().expect("taken over");
    assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));
    assert_eq!(fake.executed(), [ALL[1], ALL[2]]);
    assert_eq!(fake.what_runs(), ["web-1", "web-2"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_that_cannot_be_written_down() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path());
    fs::remove_dir_all(state.path().join("operations")).unwrap();
    let mut desk = Desk::with(journal, &fake(), Gate::new(false, [], None));
    let trouble = desk.operator.begin(restart()).await.unwrap().expect_err("refused");
    assert!(trouble.why.contains("cannot be written down"), "{trouble}");
    assert!(matches!(desk.verdict().await, Verdict::Undone { .. }));
    assert!(desk.fake.executed().is_empty());

    // A state directory that cannot even be made: a file is in its way.
    let blocked = state.path().join("file");
    fs::write(&blocked, "").unwrap();
    let desk = Desk::with(Journal::open(&blocked), &fake(), Gate::new(false, [], None));
    assert!(desk.operator.begin(restart()).await.unwrap().is_err());
    assert!(desk.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_in_the_middle_turns_the_plan_round_and_the_way_back_is_gone_all_the_same() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(&state, &fake());
    let journal = desk.operator.journal().clone().unwrap();
    let mut execution = crate::plan::Execution::new(restart());
    let (opening, mut page) =
        journal.create(journal.unused_id(noon()), restart(), &"ops@laptop".into(), noon()).unwrap();
    let begun = execution.beginning(noon()).unwrap();
    page.write(&begun).unwrap();
    execution.apply(&begun).unwrap();
    page.write(&execution.told(crate::plan::execution::Outcome::Done, noon()).unwrap()).unwrap();

    let inner = desk.operator.inner.clone();
    let full = page.on_a_full_disk();
    drop(page);
    let tenure = Tenure::new(&inner, &opening.plan, &opening.id, noon());
    let run = Run::new(inner.clone(), opening, execution, full, None, tenure);
    run.carry_out(Counted::new(&inner)).await;
    let Verdict::Undone { says } = desk.verdict().await else { panic!("not undone") };
    assert!(says.contains("cannot be written down") && says.contains("taken back: web-1"), "{says}");
    assert_eq!(desk.fake.executed(), [ALL[1], ALL[2]], "the way back; nothing forward");
    // What could not be written is not there, and what is there can still be read, by whoever finds it.
    let [left] = &journal.operations().operations[..] else { panic!("one") };
    assert_eq!(left.state, OperationState::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn finished_waits_for_an_operation_whose_screen_is_gone() {
    let state = tempfile::tempdir().unwrap();
    let desk = Desk::open(&state, &fake());
    let Desk { operator, events, fake, .. } = desk;
    fake.hold(true);
    operator.begin(restart()).await.unwrap().expect("begun");
    drop(events);
    assert!(tokio::time::timeout(Duration::from_secs(30), operator.finished()).await.is_err(), "it runs");
    fake.hold(false);
    operator.finished().await;
    assert_eq!(fake.executed(), ALL);
}

#[test]
fn another_service_can_be_worked_on_meanwhile() {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path()).unwrap();
    let hold = |service: &str| journal.hold(&id(service), &"restart".into(), &"ops".into(), noon());
    let web = hold("web").expect("free");
    assert!(hold("web").is_err());
    hold("db").expect("another one");
    drop(web);
    hold("web").expect("free again");
}

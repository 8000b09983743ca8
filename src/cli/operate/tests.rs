//! Operations as a script sees them: what is printed where, and the ending.

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::{
    clock::Clock,
    domain::{Change, Instance, PersonWord, Service},
    plan::{
        Verb,
        fixture::{Shop, failing, noon, prod, request},
    },
    runtime::{
        connections::Connections,
        gate::Gate,
        journal::Journal,
        operate::{
            Parts,
            fake::{Fake, Reply},
        },
    },
};

mod waiting;

struct Fixed {
    inventory: Inventory,
    events: mpsc::Receiver<Event>,
}

impl Outside for Fixed {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    async fn next(&mut self) -> Event {
        let event = self.events.recv().await.expect("the operator lives");
        if let Event::Changed { cluster, change } = &event {
            self.inventory.apply(cluster, change.clone(), noon());
        }
        event
    }
}

struct Shell {
    outside: Fixed,
    facts: mpsc::Sender<Event>,
    operator: Operator,
    fake: Fake,
    state: TempDir,
    /// What the person types when asked.
    answer: &'static str,
    /// The terminal is: it cannot be read any more.
    is_gone: bool,
    out: Vec<u8>,
    err: Vec<u8>,
    stop: Notify,
}

impl Shell {
    fn open(shop: &Shop) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (facts, events) = mpsc::channel(1024);
        let fake = Fake::running(&["web-1"]);
        let connections = Connections::default();
        connections.set(&prod(), Some(Arc::new(fake.clone())));
        let operator = Operator::new(Parts {
            connections,
            facts: facts.clone(),
            journal: Journal::open(state.path()),
            clock: Clock::starting_at(noon()),
            gate: Gate::new(false, [], None),
            who: "ops@laptop".into(),
        });
        let outside = Fixed { inventory: shop.inventory(), events };
        let (out, err) = (Vec::new(), Vec::new());
        Self { outside, facts, operator, fake, state, answer: "", is_gone: false, out, err, stop: Notify::new() }
    }

    async fn run<T>(&mut self, options: Options, work: impl AsyncFnOnce(Desk<'_, Fixed>) -> T) -> T {
        let (answer, is_gone) = (self.answer, self.is_gone);
        let gone = move || io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
        let mut read = move || async move { if is_gone { Err(gone()) } else { Ok(format!("{answer}\n")) } }.boxed();
        let streams = Streams { out: &mut self.out, err: &mut self.err, answer: &mut read };
        let desk = Desk { outside: &mut self.outside, operator: &self.operator, options, streams, stop: &self.stop };
        work(desk).await
    }

    async fn restart(&mut self, options: Options) -> Ending {
        self.run(options, async |desk| desk.carry_out(request(Verb::Restart)).await)
            .await
            .expect("vectors can be written")
    }

    fn out(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.err.clone()).unwrap()
    }
}

fn yes() -> Options {
    Options { yes: true, ..Options::default() }
}

fn asked() -> Options {
    Options { is_terminal: true, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_yes_tells_its_way_on_stderr_and_one_line_on_stdout() {
    let mut shell = Shell::open(&Shop::healthy(1));
    assert_eq!(shell.restart(yes()).await, Ending::Done);
    assert_eq!(shell.out(), "restart shop/web: done in 0 ms\n");
    let err = shell.err();
    for wanted in ["restart shop/web on prod\n", "> stop web-1 (up to 10 s)\n", "  done in", "> start web-1\n"] {
        assert!(err.contains(wanted), "no {wanted:?} in\n{err}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_yes_and_without_anybody_to_ask_the_plan_is_printed_and_refused() {
    let mut shell = Shell::open(&Shop::healthy(1));
    assert_eq!(shell.restart(Options::default()).await, Ending::Refused);
    assert!(shell.out().starts_with("restart shop/web on prod\n"), "{}", shell.out());
    assert!(shell.err().contains("--yes"), "{}", shell.err());
    assert!(shell.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_the_plan_and_does_nothing_even_with_yes() {
    let mut shell = Shell::open(&Shop::healthy(1));
    assert_eq!(shell.restart(Options { dry_run: true, ..yes() }).await, Ending::Done);
    assert!(shell.out().contains("1. stop web-1"), "{}", shell.out());
    let mut json = Shell::open(&Shop::healthy(1));
    assert_eq!(json.restart(Options { dry_run: true, json: true, ..yes() }).await, Ending::Done);
    let plan: Plan = serde_json::from_str(json.out().trim()).expect("one object");
    assert_eq!(&*plan.title, "restart shop/web");
    assert!(shell.fake.executed().is_empty() && json.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_yes_is_a_yes() {
    for (answer, ending) in [("y", Ending::Done), ("yes", Ending::Done), ("", Ending::Refused), ("n", Ending::Refused)]
    {
        let mut shell = Shell::open(&Shop::healthy(1));
        shell.answer = answer;
        assert_eq!(shell.restart(asked()).await, ending, "{answer:?}");
        assert_eq!(shell.fake.executed().is_empty(), ending == Ending::Refused, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_protected_cluster_only_the_name_is_a_yes() {
    for (answer, ending) in [("y", Ending::Refused), ("web", Ending::Done)] {
        let mut shell = Shell::open(&Shop::healthy(1).but(|shop| shop.cluster.protected = true));
        shell.answer = answer;
        assert_eq!(shell.restart(asked()).await, ending, "{answer:?}");
        assert!(shell.err().contains("type web to carry it out: "), "{}", shell.err());
    }
}

#[tokio::test(start_paused = true)]
async fn what_moved_while_the_person_was_reading_is_seen_before_anything_is_done() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.answer = "y";
    let mut service = Shop::web([failing()]).services.remove(0);
    service.fingerprint = 2;
    let mut instance = Shop::web([failing()]).instances.remove(0);
    instance.health = failing();
    for change in [Change::Service(Box::new(service)), Change::Instance(Box::new(instance))] {
        shell.facts.try_send(Event::Changed { cluster: prod(), change }).expect("room");
    }
    assert_eq!(shell.restart(asked()).await, Ending::Refused);
    assert!(shell.err().contains("the world has moved: web is failing now, 0 of 1 ready"), "{}", shell.err());
    assert!(shell.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_much_happened_while_the_person_was_reading_all_of_it_is_seen() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.answer = "y";
    let well = Shop::healthy(1).inventory();
    let well = well.services().next().expect("one").clone();
    for _ in 0..1000 {
        let change = Change::Service(Box::new(well.clone()));
        shell.facts.try_send(Event::Changed { cluster: prod(), change }).expect("room");
    }
    let changed = Service { fingerprint: 2, ..Shop::web([failing()]).services.remove(0) };
    let instance = Instance { health: failing(), ..Shop::web([failing()]).instances.remove(0) };
    for change in [Change::Service(Box::new(changed)), Change::Instance(Box::new(instance))] {
        shell.facts.try_send(Event::Changed { cluster: prod(), change }).expect("room");
    }
    assert_eq!(shell.restart(asked()).await, Ending::Refused, "{}", shell.err());
    assert!(shell.err().contains("the world has moved"), "{}", shell.err());
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_at_the_question_is_a_no() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.answer = "y";
    shell.stop.notify_one();
    assert_eq!(shell.restart(asked()).await, Ending::Refused);
    assert!(shell.err().ends_with("not confirmed: nothing was done\n"), "{}", shell.err());
    assert!(shell.fake.executed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn json_of_an_operation_lets_no_bidi_control_out() {
    let mut shell = Shell::open(&Shop::healthy(1));
    let why = Some("hotfix \u{202e}dlo".into());
    let asked = Request { why, ..request(Verb::Restart) };
    let options = Options { json: true, dry_run: true, ..yes() };
    shell.run(options, async |desk| desk.carry_out(asked.clone()).await).await.expect("written");
    shell.run(Options { json: true, ..yes() }, async |desk| desk.carry_out(asked).await).await.expect("written");
    assert!(shell.out().contains("hotfix \\u202edlo") && !shell.out().contains('\u{202e}'), "{}", shell.out());
    assert_eq!(shell.out().matches("hotfix").count(), 2, "{}", shell.out());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_why_and_an_unreachable_cluster_has_its_own_ending() {
    let mut shell = Shell::open(&Shop::healthy(1).but(|shop| shop.cluster.read_only = true));
    assert_eq!(shell.restart(yes()).await, Ending::Refused);
    assert!(shell.err().starts_with("refused: prod is read-only\n"), "{}", shell.err());

    let mut lost = Shell::open(&Shop::healthy(1).but(|shop| {
        shop.cluster.link = crate::domain::Link::Connecting { since: noon() };
    }));
    assert_eq!(lost.restart(yes()).await, Ending::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn what_failed_ends_with_one_and_says_what_to_try() {
    let mut shell = Shell::open(&Shop::web([failing()]));
    shell.fake.makes_unwell("web-1");
    assert_eq!(shell.restart(yes()).await, Ending::Failed);
    assert!(shell.out().starts_with("restart shop/web: web-1: unhealthy"), "{}", shell.out());
    assert_eq!(shell.out().lines().count(), 1);
    assert!(shell.err().ends_with("  try: docker logs --tail 50 web-1\n"), "{}", shell.err());
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_stops_after_the_step_and_takes_back() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.stop.notify_one();
    assert_eq!(shell.restart(yes()).await, Ending::Failed);
    assert!(shell.out().contains("stopped by hand"), "{}", shell.out());
    assert_eq!(shell.fake.what_runs(), ["web-1"]);
}

#[tokio::test(start_paused = true)]
async fn the_result_and_the_list_as_json_are_the_same_object() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.restart(Options { json: true, ..yes() }).await;
    let mut list = Vec::new();
    let journal = shell.operator.journal().clone().unwrap();
    operations(&journal.operations().operations, 20, true, noon(), &mut list).unwrap();
    assert_eq!(String::from_utf8(list).unwrap(), shell.out());
    let object: serde_json::Value = serde_json::from_str(shell.out().trim()).expect("one object");
    assert_eq!(
        (&object["state"], &object["service"], &object["who"]),
        (&"done".into(), &"web".into(), &"ops@laptop".into())
    );
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_operation_is_found_by_the_end_of_its_id_and_resumed() {
    let mut shell = Shell::open(&Shop::healthy(1));
    cut_off_restart(&mut shell).await;

    let known = shell.operator.journal().as_ref().unwrap().operations().operations;
    let typed = &known[0].id.as_str()[16..];
    let id = find(&known, typed).expect("only one").id.clone();
    let ending = shell.run(yes(), async |desk| desk.take_over(&id, Word::Resume).await).await.unwrap();
    assert_eq!(ending, Ending::Done);
    assert!(shell.out().starts_with("restart shop/web: done"), "{}", shell.out());
    let again = shell.run(yes(), async |desk| desk.take_over(&id, Word::Undo).await).await.unwrap();
    assert_eq!(again, Ending::Refused, "it is over");
    assert!(find(&known, "zzzz").is_err());
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_an_undo_is_told_that_it_worked() {
    let mut shell = Shell::open(&Shop::healthy(1));
    cut_off_restart(&mut shell).await;
    let id = shell.operator.journal().as_ref().unwrap().operations().operations[0].id.clone();
    let ending = shell.run(yes(), async |desk| desk.take_over(&id, Word::Undo).await).await.unwrap();
    assert_eq!(ending, Ending::Done);
    assert!(shell.out().contains("ops@laptop took it back"), "{}", shell.out());
}

/// The plan, and the beginning of its first step.
async fn cut_off_restart(shell: &mut Shell) {
    shell.restart(yes()).await;
    shell.operator.finished().await;
    let file = std::fs::read_dir(shell.state.path().join("operations")).unwrap().flatten().next().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.split_inclusive('\n').take(2).collect::<String>()).unwrap();
    shell.out.clear();
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_ends_as_unreachable_and_says_how_to_go_on() {
    let mut shell = Shell::open(&Shop::healthy(1));
    shell.fake.answers([Reply::Lose; 200]);
    assert_eq!(shell.restart(yes()).await, Ending::Unreachable);
    assert_eq!(shell.out(), "restart shop/web: interrupted\n");
    assert!(shell.err().contains("midwatch resume"), "{}", shell.err());
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_listed_before_all_others_with_its_reason() {
    let operation = |id: &str, state| Operation {
        id: OperationId::from(id),
        title: format!("roll out {id}").into(),
        service: crate::plan::fixture::id("web"),
        who: "ops@laptop".into(),
        why: None,
        began: noon(),
        ended: None,
        state,
        steps: Vec::new(),
        is_harmless: false,
        no_way_back: None,
        way_back: Vec::new(),
    };
    let held = OperationState::Held { why: "too few lines".into() };
    let known = [
        operation("older", held),
        operation("newer", OperationState::Running),
        operation("newest", OperationState::Undoing),
    ];
    let mut list = Vec::new();
    operations(&known, 2, false, noon(), &mut list).expect("a vector");
    let text = String::from_utf8(list).expect("utf-8");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("older  waiting") && lines[0].ends_with("too few lines"), "{text}");
    assert!(lines[1].starts_with("newest  undoing") && lines.len() == 2, "{text}");
}

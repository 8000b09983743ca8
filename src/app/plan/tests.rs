//! What it takes to say yes, and what becomes of an operation's screens.

use super::*;
use crate::{
    app::{Settings, operations::Operations},
    domain::{Health, Operation, OperationId, PersonWord},
    plan::{
        Verb,
        fixture::{Shop, failing, id, noon, stopped},
    },
};

fn restart() -> Wanted {
    Wanted::of(Verb::Restart, Target::Service(id("web")))
}

fn world(shop: &Shop) -> World {
    let mut world = World::new(Settings { who: "ops@laptop".into(), ..Settings::default() }, noon());
    world.inventory = shop.inventory();
    world
}

fn screen(world: &World) -> PlanScreen {
    let screen = PlanScreen::open(restart(), world).expect("planned");
    screen.was_painted();
    screen
}

fn type_in(screen: &mut PlanScreen, text: &str) {
    for c in text.chars() {
        screen.prompt_mut().expect("it asks").edit(tui_input::InputRequest::InsertChar(c));
    }
}

#[track_caller]
fn begins(reply: &Reply) {
    assert!(matches!(reply.effects[..], [Effect::Begin(_)]), "{reply:?}");
    assert!(matches!(reply.go, Go::Become(Screen::Operation(_))), "{reply:?}");
}

#[track_caller]
fn begins_nothing(reply: &Reply) {
    assert!(reply.effects.is_empty(), "{reply:?}");
    assert!(matches!(reply.go, Go::Stay | Go::Refuse(_)), "{reply:?}");
}

fn operation(number: u32, state: OperationState) -> Operation {
    Operation {
        id: OperationId::new(format!("20261121-1200{number:02}-abcd")),
        title: "restart shop/web".into(),
        service: id("web"),
        who: "ops@laptop".into(),
        why: None,
        began: noon(),
        ended: Some(noon() + Duration::from_secs(number.into())),
        state,
        steps: Vec::new(),
        is_harmless: false,
        no_way_back: None,
        way_back: Vec::new(),
    }
}

fn done() -> OperationState {
    OperationState::Ended(Verdict::Done { says: "restart shop/web: done".into() })
}

fn put(world: &mut World, operation: Operation) {
    world.operations.insert(operation.id.clone(), operation);
}

#[test]
fn a_plan_that_was_read_is_carried_out_at_one_key_that_is_not_enter() {
    let world = world(&Shop::healthy(2));
    let mut screen = screen(&world);
    begins_nothing(&screen.act(Action::Open, &world));
    begins(&screen.act(Action::Confirm, &world));
}

#[test]
fn a_key_from_before_the_plan_was_painted_does_not_confirm_it() {
    let world = world(&Shop::healthy(2));
    let mut screen = PlanScreen::open(restart(), &world).expect("planned");
    begins_nothing(&screen.act(Action::Confirm, &world));
    screen.was_painted();
    begins(&screen.act(Action::Confirm, &world));
}

#[test]
fn on_a_protected_cluster_the_name_is_typed_and_a_wrong_one_does_not_do() {
    let world = world(&Shop::healthy(1).but(|shop| shop.cluster.protected = true));
    let mut screen = screen(&world);
    begins_nothing(&screen.act(Action::Confirm, &world));
    type_in(&mut screen, "we");
    begins_nothing(&screen.act(Action::Open, &world));
    assert_eq!(screen.prompt().and_then(|prompt| prompt.error.as_deref()), Some("not 'web'"));
    type_in(&mut screen, "b");
    begins(&screen.act(Action::Open, &world));
}

#[test]
fn a_reason_that_is_asked_for_is_given_and_goes_with_the_plan() {
    let mut world = world(&Shop::healthy(1));
    world.settings.ask_reason = true;
    let mut screen = screen(&world);
    begins_nothing(&screen.act(Action::Confirm, &world));
    begins_nothing(&screen.act(Action::Open, &world));
    type_in(&mut screen, "OPS-42");
    let reply = screen.act(Action::Open, &world);
    let [Effect::Begin(plan)] = &reply.effects[..] else { panic!("{reply:?}") };
    assert_eq!(plan.request.why.as_deref(), Some("OPS-42"));
}

#[test]
fn leaving_the_prompt_leaves_the_plan_on_the_screen() {
    let world = world(&Shop::healthy(1).but(|shop| shop.cluster.protected = true));
    let mut screen = screen(&world);
    screen.act(Action::Confirm, &world);
    begins_nothing(&screen.act(Action::Back, &world));
    assert!(screen.prompt().is_none());
}

#[test]
fn when_the_world_has_moved_the_new_plan_is_shown_and_has_to_be_painted_first() {
    let mut world = world(&Shop::healthy(2));
    let mut screen = screen(&world);
    world.inventory = Shop::web([Health::Healthy, failing()]).but(|shop| shop.services[0].fingerprint = 2).inventory();
    begins_nothing(&screen.act(Action::Confirm, &world));
    assert_eq!(screen.moved(), Some("web is failing now, 1 of 2 ready"));
    assert_eq!(&*screen.plan().expect("planned").stages[0].title, "web-2", "the broken one has its turn first now");
    begins_nothing(&screen.act(Action::Confirm, &world));
    screen.was_painted();
    begins(&screen.act(Action::Confirm, &world));
}

#[test]
fn when_nothing_can_be_planned_any_more_that_is_said() {
    let mut world = world(&Shop::healthy(1));
    let mut screen = screen(&world);
    world.inventory = Shop::web([stopped()]).but(|shop| shop.services[0].fingerprint = 2).inventory();
    let reply = screen.act(Action::Confirm, &world);
    begins_nothing(&reply);
    assert!(matches!(&reply.go, Go::Refuse(why) if why.contains("nothing of shop/web runs")), "{reply:?}");
}

#[test]
fn nothing_is_begun_on_a_service_that_is_being_worked_on() {
    let mut world = world(&Shop::healthy(1));
    put(&mut world, operation(1, OperationState::Running));
    begins_nothing(&screen(&world).act(Action::Confirm, &world));
    put(&mut world, operation(1, done()));
    begins(&screen(&world).act(Action::Confirm, &world));
}

#[test]
fn how_long_it_took_before_is_the_median_of_what_went_well() {
    let mut world = world(&Shop::healthy(1));
    assert_eq!(screen(&world).took_before(&world), None);
    for (number, state) in [(4, done()), (50, done()), (6, done()), (1, OperationState::Interrupted)] {
        put(&mut world, operation(number, state));
    }
    assert_eq!(screen(&world).took_before(&world), Some((Duration::from_secs(6), 3)));
}

#[test]
fn the_screen_of_what_was_just_begun_finds_its_operation_and_not_an_older_one() {
    let mut world = world(&Shop::healthy(1));
    put(&mut world, operation(1, done()));
    world.now = noon() + Duration::from_secs(60);
    let begun = OperationScreen::begun(screen(&world).plan().expect("planned"), &world);
    assert_eq!(begun.operation(&world), None);
    let ours = Operation { began: world.now, ..operation(9, OperationState::Running) };
    put(&mut world, ours.clone());
    assert_eq!(begun.operation(&world), Some(&ours));
}

#[test]
fn each_state_of_an_operation_takes_its_own_words() {
    let mut world = world(&Shop::healthy(1));
    let mut reply = |state: OperationState, action: Action| {
        let operation = operation(1, state);
        put(&mut world, operation.clone());
        OperationScreen::new(&operation).act(action, &world).effects
    };
    let id = || operation(1, done()).id;
    assert_eq!(reply(OperationState::Running, Action::StopAndUndo), [Effect::StopAndUndo(id())]);
    let held = || OperationState::Held { why: "3 lines tell nothing".into() };
    assert_eq!(reply(held(), Action::StopAndUndo), [Effect::StopAndUndo(id())]);
    assert_eq!(reply(held(), Action::GoOn), [Effect::Tell(id(), PersonWord::GoOn)]);
    assert_eq!(reply(held(), Action::Again), [Effect::Tell(id(), PersonWord::Again)]);
    assert_eq!(reply(OperationState::Running, Action::Wait), [Effect::Tell(id(), PersonWord::Wait)]);
    assert_eq!(reply(OperationState::Interrupted, Action::Leave), [Effect::Leave(id())]);
    for (state, action) in [
        (OperationState::Undoing, Action::StopAndUndo),
        (OperationState::Interrupted, Action::StopAndUndo),
        (OperationState::Running, Action::Resume),
        (OperationState::Running, Action::GoOn),
        (OperationState::Interrupted, Action::Again),
        (held(), Action::Wait),
        (held(), Action::Resume),
        (done(), Action::Undo),
        (done(), Action::StopAndUndo),
    ] {
        assert_eq!(reply(state.clone(), action), [], "{action:?} while {state:?}");
    }
}

/// The effects of a word to what was cut off, and of what is typed when it is asked about.
fn asked(world: &World, word: Action, typed: &str) -> Vec<Effect> {
    let mut screen = OperationScreen::new(world.operations.values().next().expect("one"));
    begins_nothing(&screen.act(word, world));
    for c in typed.chars() {
        screen.prompt_mut().expect("it asks").edit(tui_input::InputRequest::InsertChar(c));
    }
    screen.act(Action::Open, world).effects
}

#[test]
fn what_was_cut_off_is_gone_on_with_or_taken_back_only_when_that_was_meant() {
    let mut world = world(&Shop::healthy(1));
    put(&mut world, operation(1, OperationState::Interrupted));
    let id = || operation(1, done()).id;
    assert_eq!(asked(&world, Action::Resume, "y"), [Effect::Resume(id())]);
    assert_eq!(asked(&world, Action::Undo, "y"), [Effect::Undo(id())]);
    assert_eq!(asked(&world, Action::Undo, ""), []);
    world.inventory = Shop::healthy(1).but(|shop| shop.cluster.protected = true).inventory();
    assert_eq!(asked(&world, Action::Undo, "y"), [], "not enough on a protected cluster");
    assert_eq!(asked(&world, Action::Undo, "web"), [Effect::Undo(id())]);
}

#[test]
fn what_was_cut_off_before_another_one_changed_the_service_can_only_be_left() {
    let mut world = world(&Shop::healthy(1));
    let first = operation(1, OperationState::Interrupted);
    let step = crate::domain::StepReport {
        title: "stop web-1".into(),
        stage: None,
        state: crate::domain::StepState::Done,
        began: Some(noon()),
        ended: Some(noon()),
        note: None,
        is_undo: false,
    };
    let later = Operation { began: noon() + Duration::from_secs(9), steps: vec![step], ..operation(9, done()) };
    put(&mut world, first.clone());
    let may = |world: &World, action| OperationScreen::new(&first).may(action, world);
    assert_eq!(may(&world, Action::Resume), Ok(()));
    put(&mut world, Operation { is_harmless: true, ..later.clone() });
    assert_eq!(may(&world, Action::Resume), Ok(()), "a word to a rollout is no work on the service");
    put(&mut world, later);
    for action in [Action::Resume, Action::Undo] {
        let why = may(&world, action).expect_err("overtaken");
        assert!(why.contains("restart shop/web by ops@laptop, begun 12:00:09 UTC, is done: leave this one"), "{why}");
    }
    assert_eq!(may(&world, Action::Leave), Ok(()));
}

#[test]
fn what_is_done_for_good_is_not_offered_to_be_taken_back() {
    let mut world = world(&Shop::healthy(1));
    let why = || Some("it only tidies up".into());
    for (state, action) in [(OperationState::Running, Action::StopAndUndo), (OperationState::Interrupted, Action::Undo)]
    {
        let tidying = Operation { no_way_back: why(), ..operation(1, state) };
        put(&mut world, tidying.clone());
        assert_eq!(OperationScreen::new(&tidying).may(action, &world), Err("it only tidies up".into()));
    }
}

/// A restart is planned without asking what else there is.
#[test]
fn a_restart_of_a_service_that_somebody_else_works_on_can_take_over() {
    let until = noon() + Duration::from_secs(20);
    let lease = Lease {
        who: "ann@desk".into(),
        operation: OperationId::new("theirs"),
        title: "roll out shop/web".into(),
        since: noon(),
        until,
    };
    let mut world = world(&Shop::healthy(2));
    let mut screen = screen(&world);
    let mut wanted = Subscriptions::default();
    screen.subscribe(&world, true, &mut wanted);
    assert!(wanted.answers.contains_key(&Question::Means(id("web"))), "it is asked");
    let means = crate::domain::Means { lease: Some(lease), ..crate::domain::Means::default() };
    world.inventory.set_means(&id("web"), means);
    assert_eq!(screen.may(Action::TakeOver, &world), Ok(()));
    screen.act(Action::TakeOver, &world);
    let plan = screen.plan().expect("planned");
    assert!(plan.takes_over, "{plan:?}");
    assert!(
        plan.explains.warnings.iter().any(|says| says.contains("it takes over from roll out shop/web by ann@desk"))
    );
    world.now = until;
    assert_eq!(screen.held_by(&world), None, "what was asked a while ago is over");
}

/// A restart is planned without them, and they come a moment later.
#[test]
fn what_the_engine_tells_of_a_service_right_after_it_was_planned_is_no_move_of_the_world() {
    let mut shop = Shop::kubernetes(2);
    let means = shop.means().clone();
    let mut world = world(&shop);
    world.inventory.forget_means(&id("web"));
    let mut screen = screen(&world);
    world.inventory.set_means(&id("web"), means);
    screen.answered(&Question::Means(id("web")), &world);
    begins_nothing(&screen.act(Action::Confirm, &world));
    assert_eq!(screen.moved(), None);
    screen.was_painted();
    begins(&screen.act(Action::Confirm, &world));
}

#[test]
fn a_word_to_a_rollout_is_said_while_an_operation_waits_for_it() {
    let mut world = world(&Shop::healthy(1));
    put(&mut world, operation(1, OperationState::Running));
    let restart = screen(&world).plan().expect("planned").clone();
    let request = plan::Request { verb: Verb::Steer(plan::Steer::Promote), ..restart.request.clone() };
    let mut screen = PlanScreen::new(Plan { request, ..restart });
    screen.was_painted();
    let reply = screen.act(Action::Confirm, &world);
    assert!(!matches!(&reply.go, Go::Refuse(why) if why.contains("runs on it")), "{reply:?}");
}

#[test]
fn the_logs_of_the_service_are_wanted_beside_its_operation_and_only_while_it_is_in_sight() {
    let world = world(&Shop::healthy(2));
    let screen = OperationScreen::new(&operation(1, OperationState::Running));
    let wanted = |is_top| {
        let mut wanted = crate::message::Subscriptions::default();
        screen.subscribe(&world, is_top, &mut wanted);
        wanted.logs.len()
    };
    assert_eq!((wanted(true), wanted(false)), (2, 0));
}

#[test]
fn what_runs_or_waits_is_listed_above_what_is_over_and_enter_opens_it() {
    let mut world = world(&Shop::healthy(1));
    for (number, state) in [(1, OperationState::Interrupted), (2, OperationState::Running), (3, done()), (4, done())] {
        put(&mut world, operation(number, state));
    }
    let mut list = Operations::default();
    let order: Vec<_> = list.rows(&world).iter().map(|row| row.id.as_str()[13..15].to_owned()).collect();
    assert_eq!(order, ["02", "01", "04", "03"]);
    list.act(Action::Down, &world);
    let reply = list.act(Action::Open, &world);
    let Go::Open(Screen::Operation(opened)) = reply.go else { panic!("{reply:?}") };
    assert_eq!(opened.operation(&world).map(|one| &one.state), Some(&OperationState::Interrupted));
}

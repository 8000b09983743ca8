//! Pictures of a plan, an operation and the list of them, at every size that a terminal can have.

use std::time::Duration;

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    action::Action,
    app::{
        App, Page, Settings,
        operation::OperationScreen,
        operations::Operations,
        plan::{PlanScreen, Wanted},
    },
    config::{
        self, Paths,
        terminal::{Depth, Terminal},
    },
    domain::{Health, Operation, OperationId, OperationState, Reason, StepState, Trouble, Verdict},
    plan::{
        Execution, Target, Verb,
        execution::{Outcome, Record, Which},
        fixture::{Shop, failing, id, noon},
    },
    ui::{Hits, Paint, Theme},
};

fn app() -> App {
    let mut app = App::new(Settings::default(), noon() + Duration::from_secs(74));
    let shop = Shop::web([Health::Healthy, failing(), Health::Changing(Reason::new("health check is starting"))]);
    app.world.inventory = shop.with("api", [Health::Healthy]).depending_on("web", "healthy").inventory();
    app
}

fn picture(app: &App, width: u16, height: u16, draw: impl Fn(&mut Paint<'_>, Rect)) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let mut hits = Hits::default();
    let (theme, _) = config::Theme::load("midnight", &Paths::default());
    let theme = Theme::new(&theme, Terminal { depth: Depth::True, unicode: true }, true);
    let keys = |_, _| Vec::new();
    draw(&mut Paint { app, theme: &theme, keys: &keys, buffer: &mut buffer, hits: &mut hits }, area);
    let rows = (0..height).map(|y| {
        let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Two steps done, the third under way, an engine that said no before or not.
fn operation(state: OperationState) -> Operation {
    let shop = Shop::healthy(2);
    let mut execution = Execution::new(shop.plan(Verb::Restart).expect("planned"));
    let at = |second| noon() + Duration::from_secs(second);
    for index in 0..3 {
        let which = Which::Step(index);
        execution.apply(&Record::Began { at: at(index as u64 * 8), which }).expect("follows");
        if index < 2 {
            let record = Record::Ended { at: at(index as u64 * 8 + 3), which, outcome: Outcome::Done };
            execution.apply(&record).expect("follows");
        }
    }
    if matches!(state, OperationState::Ended(_)) {
        let outcome = Outcome::Failed(Trouble::new("web-1", "unhealthy: 503 for 120 s"));
        execution.apply(&Record::Ended { at: at(136), which: Which::Step(2), outcome }).expect("follows");
    }
    let mut steps = execution.report();
    if let Some(step) = steps.iter_mut().find(|step| step.state == StepState::Running) {
        step.note = Some("health: starting, 12 s".into());
    }
    Operation {
        id: OperationId::from("20261121-120000-4f2a"),
        title: "restart shop/web".into(),
        service: id("web"),
        who: "ops@laptop".into(),
        why: Some("OPS-42: leaks memory".into()),
        began: noon(),
        ended: None,
        state,
        steps,
        is_harmless: false,
        no_way_back: None,
        way_back: execution.way_back(),
    }
}

fn stuck() -> OperationState {
    OperationState::Ended(Verdict::Stuck {
        says: "restart shop/web: web-1: unhealthy: 503 for 120 s; as it is now: web-1; not touched: web-2".into(),
        help: "docker logs --tail 50 web-1".into(),
    })
}

fn operation_picture(state: OperationState, width: u16, height: u16) -> String {
    let mut app = app();
    let operation = operation(state);
    let screen = OperationScreen::new(&operation);
    app.world.operations.insert(operation.id.clone(), operation);
    picture(&app, width, height, |paint, area| super::draw(&screen, paint, area))
}

#[test]
fn a_plan_says_everything_in_a_hundred_columns_and_in_sixty() {
    let app = app();
    let screen = PlanScreen::open(Wanted::of(Verb::Restart, Target::Service(id("web"))), &app.world).expect("planned");
    let draw = |paint: &mut Paint<'_>, area| crate::ui::plan::draw(&screen, paint, area);
    insta::assert_snapshot!("plan_100x30", picture(&app, 100, 30, draw));
    insta::assert_snapshot!("plan_60x20", picture(&app, 60, 20, draw));
}

#[test]
fn a_running_operation_shows_its_steps_and_the_instances_that_change() {
    insta::assert_snapshot!("operation_running_120x30", operation_picture(OperationState::Running, 120, 30));
    insta::assert_snapshot!("operation_running_60x20", operation_picture(OperationState::Running, 60, 20));
}

#[test]
fn a_verdict_and_what_to_try_stay_until_they_were_read() {
    insta::assert_snapshot!("operation_stuck_80x24", operation_picture(stuck(), 80, 24));
}

#[test]
fn what_was_cut_off_is_marked_as_not_known_and_says_the_three_ways_on() {
    let picture = operation_picture(OperationState::Interrupted, 80, 24);
    assert!(picture.contains(" ? wait until web-1 is ready"), "{picture}");
    assert!(picture.contains("Resume it, take back what was done, or leave"), "{picture}");
}

#[test]
fn whoever_is_asked_to_take_it_back_sees_by_which_steps() {
    let mut app = app();
    let operation = operation(OperationState::Interrupted);
    let mut screen = OperationScreen::new(&operation);
    app.world.operations.insert(operation.id.clone(), operation);
    screen.act(Action::Undo, &app.world);
    insta::assert_snapshot!(
        "operation_undo_80x24",
        picture(&app, 80, 24, |paint, area| super::draw(&screen, paint, area))
    );
    screen.act(Action::Back, &app.world);
    screen.act(Action::Resume, &app.world);
    let resumed = picture(&app, 80, 24, |paint, area| super::draw(&screen, paint, area));
    assert!(!resumed.contains("TO TAKE IT BACK"), "{resumed}");
}

#[test]
fn whoever_takes_back_a_stop_that_was_cut_off_reads_why_it_is_ended_first() {
    let mut app = app();
    let mut operation = operation(OperationState::Interrupted);
    let mut execution = Execution::new(Shop::healthy(2).plan(Verb::Restart).expect("planned"));
    let begin = execution.beginning(noon()).expect("in hand");
    execution.apply(&begin).expect("follows");
    (operation.steps, operation.way_back) = (execution.report(), execution.way_back());
    let mut screen = OperationScreen::new(&operation);
    app.world.operations.insert(operation.id.clone(), operation);
    screen.act(Action::Undo, &app.world);
    for (width, height) in [(80, 24), (60, 20)] {
        let picture = picture(&app, width, height, |paint, area| super::draw(&screen, paint, area));
        let lines: Vec<&str> =
            picture.lines().map(str::trim_end).skip_while(|line| *line != "TO TAKE IT BACK").collect();
        let told = "   it may still be under way, and would end what is started";
        assert_eq!(lines[1..4], [" . stop web-1 (up to 10 s)", told, " . start web-1"], "{picture}");
    }
}

#[test]
fn a_running_step_moves_one_number_a_second_and_nothing_else() {
    let mut app = app();
    let operation = operation(OperationState::Running);
    let screen = OperationScreen::new(&operation);
    app.world.operations.insert(operation.id.clone(), operation);
    let draw = |paint: &mut Paint<'_>, area| super::draw(&screen, paint, area);
    let before = picture(&app, 120, 30, draw);
    app.world.now += Duration::from_secs(1);
    let after = picture(&app, 120, 30, draw);
    let changed = before.lines().zip(after.lines()).filter(|(before, after)| before != after).collect::<Vec<_>>();
    assert!(matches!(changed[..], [(line, _)] if line.contains("wait until web-1")), "{changed:#?}");
}

#[test]
fn the_list_says_how_each_went() {
    let mut app = app();
    for (number, state) in [OperationState::Running, stuck(), OperationState::Interrupted].into_iter().enumerate() {
        let id = OperationId::new(format!("20261121-12000{number}-4f2a"));
        app.world.operations.insert(id.clone(), Operation { id, ..operation(state) });
    }
    let screen = Operations::default();
    let draw = |paint: &mut Paint<'_>, area| crate::ui::operations::draw(&screen, paint, area);
    insta::assert_snapshot!("operations_120x6", picture(&app, 120, 6, draw));
    insta::assert_snapshot!("operations_60x6", picture(&app, 60, 6, draw));
}

#[test]
fn no_size_is_too_small_to_paint() {
    let mut app = app();
    let operation = operation(stuck());
    let screen = OperationScreen::new(&operation);
    app.world.operations.insert(operation.id.clone(), operation);
    let mut plan =
        PlanScreen::open(Wanted::of(Verb::Restart, Target::Service(id("web"))), &app.world).expect("planned");
    let list = Operations::default();
    app.world.settings.ask_reason = true;
    for round in 0..2 {
        for (width, height) in (0..=70).step_by(3).flat_map(|width| (0..=24).map(move |height| (width, height))) {
            picture(&app, width, height, |paint, area| super::draw(&screen, paint, area));
            picture(&app, width, height, |paint, area| crate::ui::plan::draw(&plan, paint, area));
            picture(&app, width, height, |paint, area| crate::ui::operations::draw(&list, paint, area));
        }
        if round == 0 {
            plan.act(Action::Confirm, &app.world);
            let prompt = plan.prompt_mut().expect("it asks for a reason");
            prompt.error = Some("too short".into());
            "a reason that is longer than the line is wide, and goes on".chars().for_each(|c| {
                prompt.edit(tui_input::InputRequest::InsertChar(c));
            });
        }
    }
}

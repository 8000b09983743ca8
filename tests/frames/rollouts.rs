//! Frames of rolling out and back: the form, the plan while it is asked for and when it is there, and the operation as it goes.

use std::collections::BTreeMap;

use midwatch::{
    action::Action,
    app::{App, Arming, plan::PlanScreen},
    domain::{
        Engine, Health, Image, InstanceId, Lease, Means, Operation, OperationId, OperationState, Pace, Reason, Release,
        Running, StepReport, StepState, Trouble, Verdict,
    },
    message::{Answer, Event, Question},
    plan::{
        Edits, Gate, Plan, Planned, ReleaseRef, Request, RollOut, Stage, Step, Strategy, Target, Verb,
        wish::{BlueGreen, Canary, OnFailure},
    },
    ui::plan::draw,
};
use tui_input::InputRequest;

use crate::{
    picture::{check_everywhere, check_page_everywhere, survives_every_frame, survives_every_size},
    world::{Builder, instance_id, now, seconds_ago, service_id, world},
};

fn shop() -> Builder {
    world().service("shop/web", 3).service("shop/db", 1)
}

fn means() -> Means {
    let container = |name: &str, image: &str| Running { name: name.into(), image: image.into(), env: BTreeMap::new() };
    Means {
        containers: vec![
            container("web", "registry.example:5000/shop/web:v2.4.1"),
            container("proxy", "nginx:1.27.2@sha256:9f2c41d07be8a3c5f1e6b2d4908a7c6e5d4f3b2a1908f7e6d5c4b3a29180f7e6"),
        ],
        pace: Some(Pace { max_unavailable: 1, max_surge: 1, min_ready: 10 }),
        releases: releases(),
        ..Means::default()
    }
}

fn releases() -> Vec<Release> {
    let release = |number: u64, served: Option<u64>| Release {
        id: format!("web-{number}").into(),
        number: Some(number),
        current: served.is_none(),
        served,
        image: Image { reference: format!("shop/web:v2.{number}").into(), ..Image::default() },
        created: Some(seconds_ago(3 * 86_400)),
        ..Release::default()
    };
    vec![release(14, None), release(13, Some(30)), release(12, Some(2 * 86_400))]
}

fn act(app: &mut App, actions: &[Action]) {
    actions.iter().for_each(|&action| drop(app.act(action, now())));
}

fn answer(app: &mut App, answer: Result<Means, Trouble>) {
    let answer = answer.map(|means| Answer::Means(Box::new(means)));
    app.observe(Event::Answer { question: Question::Means(service_id("shop/web")), answer }, now());
}

fn type_in(app: &mut App, text: &str) {
    text.chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
}

/// The form of shop/web, with the cursor so many fields down.
fn form(down: usize) -> App {
    let mut app = shop().app();
    act(&mut app, &[Action::Down, Action::RollOut]);
    answer(&mut app, Ok(means()));
    (0..down).for_each(|_| act(&mut app, &[Action::Down]));
    app
}

/// As many fields are above the strategy.
const TO_STRATEGY: usize = 3;

#[test]
fn the_form_begins_with_the_tag_selected() {
    check_everywhere("rollout_form", &form(0));
}

#[test]
fn each_strategy_has_its_own_fields() {
    for (name, first_letter) in [("rolling", "r"), ("canary", "c"), ("blue_green", "b")] {
        let mut app = form(TO_STRATEGY);
        type_in(&mut app, first_letter);
        check_everywhere(&format!("rollout_form_{name}"), &app);
    }
}

#[test]
fn what_is_wrong_is_said_below_its_field() {
    let mut app = form(2);
    type_in(&mut app, "DB_PASSWORD=hunter2");
    (0..6).for_each(|_| act(&mut app, &[Action::Down]));
    app.edit(InputRequest::DeleteLine, now());
    type_in(&mut app, "soon");
    act(&mut app, &[Action::Down, Action::Down, Action::Down]);
    type_in(&mut app, "helth 30");
    act(&mut app, &[Action::Open]);
    check_everywhere("rollout_form_wrong", &app);
    survives_every_frame(&app);
}

#[test]
fn the_form_says_that_it_asks_and_why_it_is_not_told() {
    let mut app = shop().app();
    act(&mut app, &[Action::Down, Action::RollOut]);
    check_everywhere("rollout_form_asking", &app);
    survives_every_frame(&app);
    let trouble = Trouble::new("could not find out how local/shop/web can be rolled out", "deployments is forbidden");
    answer(&mut app, Err(trouble.help("ask for the verb 'get' on deployments in shop")));
    check_everywhere("rollout_form_refused", &app);
}

#[test]
fn another_number_of_instances_is_asked_for_in_a_line() {
    let mut app = shop().app();
    act(&mut app, &[Action::Down, Action::Scale]);
    check_everywhere("scale_asked", &app);
    type_in(&mut app, "-1");
    check_everywhere("scale_mistyped", &app);
    survives_every_frame(&app);
}

#[test]
fn a_plan_that_is_asked_for_says_so_and_one_that_is_refused_says_why() {
    let mut app = shop().app();
    act(&mut app, &[Action::Down, Action::RollBack]);
    check_everywhere("plan_asking", &app);
    let (mut one, mut none) = (means(), means());
    one.releases.drain(2..);
    none.releases.drain(1..);
    answer(&mut app, Ok(one));
    check_everywhere("plan_refused", &app);
    survives_every_frame(&app);
    answer(&mut app, Ok(none));
    check_everywhere("plan_refused_without_releases", &app);
}

fn made(slot: u32) -> InstanceId {
    InstanceId::made(&service_id("shop/web"), 15, slot)
}

/// A canary on Docker, slot by slot: many steps, each under the name of its stage.
fn plan(verb: Verb) -> Plan {
    let service = service_id("shop/web");
    let steps = |slot: u32| {
        let name = format!("shop-web-{slot}");
        let old = instance_id(&name);
        let (new, old_name) = (format!("{name}-r15"), name.as_str().into());
        let recipe = midwatch::plan::Recipe::Edited(Edits::default());
        [
            Step::Make {
                instance: made(slot),
                name: new.as_str().into(),
                like: old.clone(),
                recipe,
                stamp: midwatch::plan::Stamp::default(),
            },
            Step::Start { instance: made(slot), name: new.as_str().into() },
            Step::AwaitReady { instance: made(slot), name: new.as_str().into(), within: 300, steady: 10 },
            Step::Join { instance: made(slot), name: new.as_str().into(), like: old.clone() },
            Step::Stop { instance: old, name: old_name, grace: 10 },
        ]
        .map(Planned::new)
        .into()
    };
    let mut stages: Vec<Stage> =
        (1..=3).map(|slot| Stage { title: format!("shop-web-{slot}").into(), steps: steps(slot) }).collect();
    let removed = (1..=3).map(|slot| {
        let name = format!("shop-web-{slot}");
        Planned::tidying(Step::Remove { instance: instance_id(&name), name: name.as_str().into() })
    });
    stages.push(Stage { title: "tidying".into(), steps: removed.collect() });
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    Plan {
        title: format!("{} shop/web", verb.word()).into(),
        request: Request {
            why: Some("OPS-311: slow checkout".into()),
            ..Request::new(verb, Target::Service(service.clone()))
        },
        kind: None,
        service,
        stages,
        explains: midwatch::plan::Explanation {
            objects: texts(&["shop-web-1 (healthy)", "shop-web-2 (healthy)", "shop-web-3 (healthy)"]),
            how: texts(&[
                "canary to v2.5.0: 10 % for 30 s, then 50 % for 30 s, then all",
                "requests are divided by nginx upstream web in shop-proxy-1",
                "after each part: what is new stays ready for 30 s",
                "after each part: error lines in 60 s are at most 200 % of the old release's",
            ]),
            promises: texts(&["never fewer than 3 of 3 ready", "what runs now is not removed before all is well"]),
            warnings: texts(&["api depends on it", "ConfigMaps, Secrets and data are as they are now"]),
            undo: texts(&["stopped or failed midway: what is new is removed, what was stopped is started again"]),
        },
        engine: Engine::Docker,
        endpoint: "unix:///var/run/docker.sock".into(),
        minimum: 3,
        from: None,
        takes_over: false,
        turns: true,
        assumes: 1,
    }
}

fn roll_out(strategy: Strategy, on_failure: OnFailure) -> Verb {
    let gates = [
        "health 30",
        "http 8080/health 200 500ms x3 with ok",
        "errors 200% 60s of 20",
        "prometheus http://prometheus:9090 sum(rate(failures[1m])) <=0.01 60s",
        "person ann has looked at the checkout",
    ];
    let gates = gates.iter().map(|gate| gate.parse::<Gate>().expect("a gate")).collect();
    let images = [("web".into(), "registry.example:5000/shop/web:v2.5.0".into())].into();
    let env = [("web".into(), [("MODE".into(), Some("fast".into())), ("DEBUG".into(), None)].into())].into();
    Verb::RollOut(Box::new(RollOut { edits: Edits { images, env }, strategy, gates, on_failure }))
}

fn plan_picture(name: &str, app: &App, plan: Plan) {
    let screen = PlanScreen::new(plan);
    check_page_everywhere(name, app, |paint, area| draw(&screen, paint, area));
    survives_every_size(app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn the_plan_of_a_rollout_says_how_and_what_is_looked_at_before_its_many_steps() {
    let app = shop().means("shop/web", means()).app();
    plan_picture("plan_canary", &app, plan(roll_out(Strategy::Canary(Canary::default()), OnFailure::Undo)));
    let blue_green = Strategy::BlueGreen(BlueGreen { ask: true, ..BlueGreen::default() });
    plan_picture("plan_blue_green", &app, plan(roll_out(blue_green, OnFailure::Ask)));
}

#[test]
fn the_plan_of_a_way_back_says_how_the_release_did() {
    let back_to = |number: u64| {
        let title = format!("{number} v2.{number}").into();
        Verb::RollBack(ReleaseRef { source: Default::default(), id: format!("web-{number}").into(), title })
    };
    let app = shop().means("shop/web", means()).app();
    plan_picture("plan_back_to_the_healthy", &app, plan(back_to(12)));
    plan_picture("plan_back_to_another", &app, plan(back_to(13)));
}

#[test]
fn who_works_on_it_from_another_machine_is_named() {
    let lease = Lease {
        who: "ann@laptop".into(),
        operation: OperationId::new("20261121-023801-77aa"),
        title: "roll out shop/web".into(),
        since: seconds_ago(186),
        until: seconds_ago(-20),
    };
    let held = || Means { lease: Some(lease.clone()), ..means() };
    let mut app = shop().app();
    act(&mut app, &[Action::Down, Action::RollBack]);
    answer(&mut app, Ok(held()));
    check_everywhere("plan_held_by_another", &app);
    let app = shop().means("shop/web", held()).app();
    let mut taking_over = plan(roll_out(Strategy::default(), OnFailure::Undo));
    taking_over.request.take_over = true;
    plan_picture("plan_takes_over", &app, taking_over);
}

#[test]
fn the_plan_of_a_drain_is_about_a_machine() {
    let node = midwatch::domain::ServiceId::of_node(&"local".into(), &"node-7".into());
    let app = shop().node("node-7", |_| {}).app();
    let steps = vec![
        Planned::new(Step::Cordon { node: node.clone(), cordoned: true })
            .undone_by(vec![Step::Cordon { node: node.clone(), cordoned: false }]),
        Planned::new(Step::Drain { node: node.clone(), within: 600 }),
    ];
    let drain = Plan {
        title: "drain node-7".into(),
        request: Request::new(Verb::Drain, Target::Service(node.clone())),
        service: node,
        stages: vec![Stage { title: "node-7".into(), steps }],
        ..plan(Verb::Drain)
    };
    plan_picture("plan_drain", &app, drain);
}

#[test]
fn the_machines_have_keys_for_being_taken_out_of_use() {
    let mut app = shop().node("node-7", |node| node.cordoned = true).node("node-8", |_| {}).app();
    act(&mut app, &[Action::Nodes]);
    check_everywhere("nodes_keys", &app);
}

#[test]
fn the_releases_pane_marks_the_last_that_was_healthy() {
    let question = Question::Releases(service_id("shop/web"));
    let mut app = shop()
        .broken("shop/web", "crash loop: exit 137 (out of memory, limit 128Mi), 7 restarts in 3m")
        .answer(question, Ok(Answer::Releases(releases())))
        .app();
    act(&mut app, &[Action::NextPane]);
    check_everywhere("releases_last_healthy", &app);
}

#[test]
fn what_is_armed_stands_in_the_title_and_what_is_not_is_refused_with_the_key() {
    let arming = Arming { lasts: std::time::Duration::from_secs(600), key: "A".into() };
    let mut app = shop().settings(|settings| settings.arm = Some(arming)).app();
    act(&mut app, &[Action::RollBack]);
    check_everywhere("not_armed", &app);
    app.observe(Event::Armed { until: seconds_ago(-581) }, now());
    act(&mut app, &[Action::Down]);
    check_everywhere("armed", &app);
}

fn step(title: &str, stage: &str, state: StepState) -> StepReport {
    let (began, ended) = match state {
        StepState::Done | StepState::Failed => (Some(seconds_ago(60)), Some(seconds_ago(55))),
        StepState::Running | StepState::Held => (Some(seconds_ago(12)), None),
        StepState::Waiting | StepState::Skipped => (None, None),
    };
    StepReport { title: title.into(), stage: Some(stage.into()), state, began, ended, note: None, is_undo: false }
}

/// Fifty steps in ten stages, of which the one at `at` is in hand.
fn steps(at: usize, in_hand: StepState, after: StepState) -> Vec<StepReport> {
    (0..50)
        .map(|place| {
            let state = match place.cmp(&at) {
                std::cmp::Ordering::Less => StepState::Done,
                std::cmp::Ordering::Equal => in_hand,
                std::cmp::Ordering::Greater => after,
            };
            let slot = place / 5 + 1;
            let title = match place % 5 {
                0 => format!("make shop-web-{slot}-r15 like shop-web-{slot}"),
                1 => format!("start shop-web-{slot}-r15"),
                2 => format!("wait until shop-web-{slot}-r15 is ready (up to 300 s)"),
                3 => "look whether error lines in 60 s are at most 200 % of the old release's".to_owned(),
                _ => format!("stop shop-web-{slot} (SIGTERM, up to 10 s)"),
            };
            step(&title, &format!("shop-web-{slot}"), state)
        })
        .collect()
}

fn operation(state: OperationState, steps: Vec<StepReport>) -> App {
    let mut app = shop()
        .instance("shop-web-2", |instance| {
            instance.image.reference = "shop/web:v2.5.0".into();
            instance.health = Health::Changing(Reason::new("health check is starting"));
        })
        .logged("shop-web-1", [(30, "INFO request served status=200"), (9, "ERROR request failed status=503")])
        .app();
    let id = OperationId::new("20261121-024007-4f2a");
    let operation = Operation {
        id: id.clone(),
        title: "roll out shop/web".into(),
        service: service_id("shop/web"),
        who: "ops@console".into(),
        why: Some("OPS-311".into()),
        began: seconds_ago(62),
        ended: None,
        state,
        steps,
        is_harmless: false,
        no_way_back: None,
        way_back: Vec::new(),
    };
    app.world.operations.insert(id, operation);
    act(&mut app, &[Action::Operations, Action::Open]);
    app
}

#[test]
fn of_many_steps_the_one_in_hand_is_in_sight() {
    let app = operation(OperationState::Running, steps(37, StepState::Running, StepState::Waiting));
    check_everywhere("operation_many_steps", &app);
}

#[test]
fn what_waits_for_a_person_says_why_above_everything_with_the_keys_beside_it() {
    let why = "error lines cannot be told from 3 lines of the new release in 60 s: at least 20 are needed";
    let mut steps = steps(8, StepState::Held, StepState::Waiting);
    steps[8].note = Some("3 lines, none of them an error; the old release has 1 error in 214 lines".into());
    let app = operation(OperationState::Held { why: why.into() }, steps);
    check_everywhere("operation_held", &app);
    survives_every_frame(&app);
}

fn undo(title: &str, state: StepState) -> StepReport {
    StepReport { is_undo: true, stage: None, ..step(title, "", state) }
}

#[test]
fn what_was_taken_back_says_so_below_its_steps() {
    let mut steps = steps(7, StepState::Failed, StepState::Skipped);
    steps[7].note = Some("shop-web-2-r15 ended with exit 1 after 4 s".into());
    steps.extend(
        ["stop shop-web-2-r15", "remove shop-web-2-r15", "start shop-web-1"].map(|it| undo(it, StepState::Done)),
    );
    let says = "roll out shop/web: v2.5.0 was not rolled out: shop-web-2-r15 ended with exit 1 after 4 s; all 3 instances run \
                v2.4.1 again";
    let app = operation(OperationState::Ended(Verdict::Undone { says: says.into() }), steps);
    check_everywhere("operation_undone", &app);
}

#[test]
fn what_got_stuck_is_told_in_full_with_what_to_type() {
    let mut steps = steps(7, StepState::Failed, StepState::Skipped);
    steps[7].note = Some("shop-web-2-r15 ended with exit 1 after 4 s".into());
    let mut start = undo("start shop-web-1", StepState::Failed);
    start.note = Some("no such container".into());
    steps.push(start);
    let says = "roll out shop/web: shop-web-2-r15 ended with exit 1 after 4 s, and it could not be taken back: shop-web-1 could not be \
                started: no such container. As it is now: shop-web-1 (stopped), shop-web-2 (v2.4.1, serving), shop-web-3 (v2.4.1, \
                serving). Made and left: shop-web-1-r15, shop-web-2-r15";
    let help = "docker --host unix:///var/run/docker.sock start shop-web-1; docker --host unix:///var/run/docker.sock rm \
                shop-web-1-r15 shop-web-2-r15";
    let app = operation(OperationState::Ended(Verdict::Stuck { says: says.into(), help: help.into() }), steps);
    check_everywhere("operation_stuck", &app);
    survives_every_frame(&app);
}

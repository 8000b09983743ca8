//! Writing a release down: what is selected, what is said to be wrong, and what comes of it.

use std::sync::Arc;

use super::*;
use crate::{
    app::{App, Screen, plan::Wish},
    domain::Trouble,
    message::{Answer, Event},
    plan::{
        RollOut, Strategy,
        wish::{BlueGreen, Canary, OnFailure, Then},
    },
    testing::{now, service_id, world},
};

fn running(name: &str, image: &str) -> Running {
    Running { name: name.into(), image: image.into(), ..Running::default() }
}

fn means(containers: &[(&str, &str)]) -> Means {
    let containers = containers.iter().map(|(name, image)| running(name, image)).collect();
    Means { containers, ..Means::default() }
}

fn answer(means: Means) -> Event {
    let answer = Ok(Answer::Means(Box::new(means)));
    Event::Answer { question: Question::Means(service_id("shop/web")), answer }
}

/// The form of `shop/web`, which runs these, as a person opens it.
fn opened(containers: &[(&str, &str)]) -> App {
    let mut app = world().service("shop/web", 2).app();
    app.act(Action::RollOut, now());
    app.observe(answer(means(containers)), now());
    app
}

fn form(app: &App) -> &RolloutForm {
    let Screen::Rollout(form) = app.top() else { panic!("no form: {:?}, {:?}", app.top(), app.message()) };
    form
}

fn press(app: &mut App, request: InputRequest) {
    app.edit(request, now());
}

fn type_in(app: &mut App, text: &str) {
    text.chars().for_each(|c| press(app, InputRequest::InsertChar(c)));
}

/// To the first field of its kind, and its text anew.
fn fill(app: &mut App, what: &What, text: &str) {
    let fields = form(app).fields().count();
    for _ in 0..fields {
        if form(app).focused().expect("filled").what == *what {
            break;
        }
        app.act(Action::NextPane, now());
    }
    assert_eq!(form(app).focused().expect("filled").what, *what, "it is in sight");
    press(app, InputRequest::DeleteLine);
    type_in(app, text);
}

fn says<'a>(app: &'a App, what: &What) -> &'a str {
    form(app).fields().find(|(field, _)| field.what == *what).map(|(field, _)| field.says()).expect("in sight")
}

fn error(app: &App, what: &What) -> Option<String> {
    form(app).fields().find(|(field, _)| field.what == *what)?.0.error.clone()
}

/// What Enter asks to be planned.
fn wish(app: &mut App) -> RollOut {
    let Screen::Rollout(form) = app.screens.last_mut().expect("one") else { panic!("no form") };
    let reply = form.plan();
    let Go::Plan(Wanted { wish: Wish::Verb(Verb::RollOut(wish)), .. }) = reply.go else { panic!("{reply:?}") };
    *wish
}

fn images(wish: &RollOut) -> Vec<(&str, &str)> {
    wish.edits.images.iter().map(|(container, image)| (&**container, &**image)).collect()
}

fn image(name: &str) -> What {
    What::Image(name.into())
}

#[test]
fn the_first_key_takes_the_place_of_the_tag_and_of_nothing_else() {
    for (before, typed, after) in [
        ("registry.example:5000/shop/web:v1", "v2", "registry.example:5000/shop/web:v2"),
        ("web:v1@sha256:0123", "v2", "web:v2"),
        ("web@sha256:0123", "v2", "web:v2"),
        ("registry.example:5000/web", ":v2", "registry.example:5000/web:v2"),
    ] {
        let mut app = opened(&[("", before)]);
        type_in(&mut app, typed);
        assert_eq!(says(&app, &image("")), after, "{before}");
    }
    let mut app = opened(&[("", "web:v1")]);
    press(&mut app, InputRequest::GoToEnd);
    type_in(&mut app, "1");
    assert_eq!(says(&app, &image("")), "web:v11", "a cursor key takes the selection away");
}

#[test]
fn only_what_is_otherwise_than_now_is_asked_for() {
    let mut app = opened(&[("web", "shop/web:v1"), ("proxy", "nginx:1.27")]);
    type_in(&mut app, "v2");
    assert_eq!(images(&wish(&mut app)), [("web", "shop/web:v2")]);
}

#[test]
fn as_it_is_opened_it_is_a_rolling_one_at_the_services_own_pace_that_looks_whether_it_stays_healthy() {
    let mut app = opened(&[("", "web:v1")]);
    type_in(&mut app, "v2");
    let wish = wish(&mut app);
    assert_eq!(wish.strategy, Strategy::default());
    assert_eq!(wish.gates.iter().map(|gate| gate.title()).collect::<Vec<_>>(), ["what is new stays ready for 30 s"]);
    assert_eq!(wish.on_failure, OnFailure::Undo);
}

#[test]
fn each_strategy_has_its_own_fields_and_keeps_them_while_another_is_looked_at() {
    let mut app = opened(&[("", "web:v1")]);
    fill(&mut app, &What::Strategy, "c");
    fill(&mut app, &What::Weights, "5% ask");
    fill(&mut app, &What::Strategy, "b");
    assert!(form(&app).fields().all(|(field, _)| field.what != What::Weights));
    fill(&mut app, &What::AskToSwitch, "y");
    fill(&mut app, &What::Keep, "10m");
    let Strategy::BlueGreen(BlueGreen { ask, keep, .. }) = wish(&mut app).strategy else { panic!("blue-green") };
    assert_eq!((ask, keep), (true, 600));
    fill(&mut app, &What::Strategy, "");
    press(&mut app, InputRequest::GoToPrevChar);
    let Strategy::Canary(Canary { steps, .. }) = wish(&mut app).strategy else { panic!("canary") };
    assert_eq!((steps[0].percent, steps[0].then, steps.len()), (5, Then::Ask, 1));
}

#[test]
fn a_pace_that_is_typed_in_part_is_the_services_own_in_the_rest() {
    let mut app = world().service("shop/web", 2).app();
    app.act(Action::RollOut, now());
    let own = Pace { max_unavailable: 2, max_surge: 3, min_ready: 7 };
    app.observe(answer(Means { pace: Some(own), ..means(&[("", "web:v1")]) }), now());
    fill(&mut app, &What::Missing, "0");
    let Strategy::Rolling(rolling) = wish(&mut app).strategy else { panic!("rolling") };
    assert_eq!(rolling.pace, Some(Pace { max_unavailable: 0, ..own }));
    fill(&mut app, &What::Surge, "0");
    app.act(Action::Open, now());
    assert!(error(&app, &What::Surge).is_some_and(|why| why.contains("nothing could be replaced")));
}

#[test]
fn what_is_wrong_is_said_at_its_field_and_the_first_of_it_is_gone_to() {
    let mut app = opened(&[("", "web:v1")]);
    fill(&mut app, &What::Variable, "MODE");
    fill(&mut app, &What::Within, "soon");
    fill(&mut app, &What::Gate, "helth 30");
    app.act(Action::Open, now());
    assert_eq!(form(&app).focused().map(|field| &field.what), Some(&What::Variable));
    assert!(error(&app, &What::Variable).is_some_and(|why| why.contains("write NAME=value")));
    assert!(error(&app, &What::Within).is_some_and(|why| why.contains("not a length of time")));
    assert!(error(&app, &What::Gate).is_some_and(|why| why.contains("did you mean 'health'?")));
    type_in(&mut app, "=slow");
    assert_eq!(error(&app, &What::Variable), None, "typing takes the words away");
}

#[test]
fn an_image_that_is_none_is_refused_at_its_field() {
    for (typed, why) in
        [("", "an image is needed"), ("web v2", "it has a blank"), ("web:v2@sha256:12", "its digest has 2 digits")]
    {
        let mut app = opened(&[("", "web:v1")]);
        fill(&mut app, &image(""), typed);
        app.act(Action::Open, now());
        assert!(error(&app, &image("")).is_some_and(|said| said.contains(why)), "{typed:?}");
    }
}

#[test]
fn below_a_variable_waits_an_empty_line_for_the_next() {
    let mut app = opened(&[("", "web:v1")]);
    fill(&mut app, &What::Variable, "MODE=slow");
    app.act(Action::Down, now());
    type_in(&mut app, "DEBUG-");
    let wish = wish(&mut app);
    let env: Vec<_> = wish.edits.env[""].iter().map(|(name, value)| (&**name, value.as_deref())).collect();
    assert_eq!(env, [("DEBUG", None), ("MODE", Some("slow"))]);
    assert_eq!(form(&app).fields().filter(|(field, _)| field.what == What::Variable).count(), 3);
}

#[test]
fn a_variable_says_whose_it_is_where_there_is_more_than_one_container() {
    let mut app = opened(&[("web", "web:v1"), ("proxy", "nginx:1")]);
    for (typed, why) in [
        ("MODE=slow", "whose is it? write CONTAINER:MODE, one of web, proxy"),
        ("wep:MODE=slow", "there is no container 'wep': there are web, proxy"),
    ] {
        fill(&mut app, &What::Variable, typed);
        app.act(Action::Open, now());
        assert_eq!(error(&app, &What::Variable).as_deref(), Some(why));
    }
    fill(&mut app, &What::Variable, "proxy:MODE=slow");
    assert!(wish(&mut app).edits.env.contains_key("proxy"));
}

#[test]
fn leaving_the_form_loses_nothing_of_it() {
    let mut app = opened(&[("", "web:v1")]);
    type_in(&mut app, "v2");
    fill(&mut app, &What::Reason, "OPS-311");
    app.act(Action::Back, now());
    assert_eq!(app.depth(), 0);
    app.act(Action::RollOut, now());
    assert_eq!((says(&app, &image("")), says(&app, &What::Reason)), ("web:v2", "OPS-311"));
    app.act(Action::Open, now());
    app.act(Action::Back, now());
    assert_eq!(says(&app, &What::Reason), "OPS-311", "nor does looking at the plan");
}

#[test]
fn an_image_that_nobody_touched_is_the_one_that_runs_by_now() {
    let mut app = opened(&[("web", "web:v1"), ("proxy", "nginx:1")]);
    type_in(&mut app, "v3");
    app.observe(answer(means(&[("web", "web:v2"), ("proxy", "nginx:2")])), now());
    assert_eq!((says(&app, &image("web")), says(&app, &image("proxy"))), ("web:v3", "nginx:2"));
    assert_eq!(images(&wish(&mut app)), [("web", "web:v3")], "the other is not rolled back by mistake");
}

#[test]
fn before_it_is_known_what_runs_it_says_that_it_asks_and_when_that_is_refused_why() {
    let mut app = world().service("shop/web", 2).app();
    app.act(Action::RollOut, now());
    assert!(app.subscriptions().answers.contains_key(&Question::Means(service_id("shop/web"))));
    assert!(form(&app).focused().is_none() && !app.is_typing());
    app.act(Action::Open, now());
    assert_eq!(app.message(), Some("it is not known yet what runs"));
    let trouble = Trouble::new("could not read shop/web", "forbidden");
    let question = Question::Means(service_id("shop/web"));
    app.observe(Event::Answer { question, answer: Err(trouble.clone()) }, now());
    assert_eq!(form(&app).refused(&app.world), Some(&trouble));
}

#[test]
fn the_arrows_stop_at_the_ends_and_tab_goes_round() {
    let mut app = opened(&[("", "web:v1")]);
    let at = |app: &App| form(app).focused().map(|field| field.what.clone());
    app.act(Action::Up, now());
    assert_eq!(at(&app), Some(image("")));
    app.act(Action::PreviousPane, now());
    assert_eq!(at(&app), Some(What::Reason));
    app.act(Action::Down, now());
    assert_eq!(at(&app), Some(What::Reason));
    app.act(Action::NextPane, now());
    assert_eq!(at(&app), Some(image("")));
}

#[test]
fn a_reason_goes_with_the_plan() {
    let mut app = opened(&[("", "web:v1")]);
    fill(&mut app, &What::Reason, " OPS-311 ");
    let Screen::Rollout(form) = app.screens.last_mut().expect("one") else { panic!("no form") };
    let Go::Plan(wanted) = form.plan().go else { panic!("planned") };
    assert_eq!(wanted.why, Some(Arc::from("OPS-311")));
}

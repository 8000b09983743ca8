//! What the actions that change something open, and what refuses them.

use std::time::Duration;

use super::*;
use crate::{
    app::{Arming, plan::Made},
    domain::{Capabilities, Capability, Image, Lease, Means, OperationId, Release, ReleaseSource, Running, Trouble},
    message::{Answer, Effect, Event, Refresh},
    plan::ReleaseRef,
    testing::{self, instance_id, now, service_id, world},
};

fn press(app: &mut App, actions: &[Action]) -> Vec<Effect> {
    actions.iter().flat_map(|&action| app.act(action, now())).collect()
}

fn web() -> ServiceId {
    service_id("shop/web")
}

fn release(number: u64, current: bool, served: Option<u64>) -> Release {
    Release {
        id: format!("web-{number}").into(),
        number: Some(number),
        current,
        served,
        image: Image { reference: format!("web:v{number}").into(), ..Image::default() },
        ..Release::default()
    }
}

/// The third is current and bad, the second held for a moment only, the first for two days.
fn releases() -> Vec<Release> {
    vec![release(3, true, None), release(2, false, Some(60)), release(1, false, Some(2 * 86_400))]
}

fn with_releases() -> App {
    let answer = Ok(Answer::Releases(releases()));
    world().service("shop/web", 2).answer(Question::Releases(web()), answer).app()
}

fn answer(app: &mut App, answer: Result<Means, Trouble>) {
    let answer = answer.map(|means| Answer::Means(Box::new(means)));
    app.observe(Event::Answer { question: Question::Means(web()), answer }, now());
}

fn plan(app: &App) -> &PlanScreen {
    let Screen::Plan(plan) = app.top() else { panic!("no plan: {:?}, {:?}", app.top(), app.message()) };
    plan
}

/// The release that would be gone back to, as it was asked for.
fn back_to(app: &App) -> String {
    match &plan(app).wanted().wish {
        Wish::Verb(Verb::RollBack(release)) => release.title.to_string(),
        Wish::BackToHealthy => "the last healthy".into(),
        Wish::Verb(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_has_to_be_asked_first_opens_a_screen_that_waits_and_asks() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    assert!(matches!(plan(&app).state(), Made::Asked));
    let asked = app.subscriptions().answers.get(&Question::Means(web())).copied();
    assert_eq!(asked, Some(Refresh::WhenChanged(1)));
    assert_eq!(press(&mut app, &[Action::Confirm]), []);
    assert_eq!(app.message(), Some("there is no plan yet: the engine is still being asked"));
}

#[test]
fn a_refusal_stays_on_the_screen_until_another_answer_comes() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(Means::default()));
    let Made::Refused(refusal) = plan(&app).state() else { panic!("{:?}", plan(&app).state()) };
    assert!(refusal.why.contains("there is no release to go back to"), "{}", refusal.why);
    answer(&mut app, Err(Trouble::new("could not read shop/web", "forbidden").help("ask for the verb 'get'")));
    let Made::Refused(refusal) = plan(&app).state() else { panic!("{:?}", plan(&app).state()) };
    assert_eq!(
        (&*refusal.why, refusal.help.as_deref()),
        ("could not read shop/web: forbidden", Some("ask for the verb 'get'"))
    );
}

/// What runs is the third release, and all three are kept.
fn means() -> Means {
    let container = Running { image: "web:v3".into(), ..Running::default() };
    Means { containers: vec![container], releases: releases(), next: 4, ..Means::default() }
}

fn held() -> Means {
    let lease = Lease {
        who: "ann@laptop".into(),
        operation: OperationId::new("20261121-023801-77aa"),
        title: "roll out shop/web".into(),
        since: testing::seconds_ago(60),
        until: testing::seconds_ago(-20),
    };
    Means { lease: Some(lease), ..means() }
}

fn painted(app: &App) {
    plan(app).was_painted();
}

#[test]
fn the_plan_comes_with_the_answer_and_is_for_the_release_that_held() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(means()));
    let made = plan(&app).plan().expect("planned");
    let Verb::RollBack(release) = &made.request.verb else { panic!("{:?}", made.request) };
    assert_eq!(&*release.title, "1 v1");
    assert!(
        plan(&app).back_to(&app.world).is_some_and(|(release, is_suggested)| release.number == Some(1) && is_suggested)
    );
    painted(&app);
    let effects = press(&mut app, &[Action::Confirm]);
    assert!(matches!(effects.as_slice(), [Effect::Begin(begun)] if begun.request.verb == made_verb()), "{effects:?}");
}

fn made_verb() -> Verb {
    Verb::RollBack(ReleaseRef { source: ReleaseSource::Engine, id: "web-1".into(), title: "1 v1".into() })
}

#[test]
fn a_plan_that_stands_is_not_pulled_away_by_another_answer() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(means()));
    painted(&app);
    let mut other = means();
    other.releases[2].served = Some(10);
    answer(&mut app, Ok(other));
    assert!(plan(&app).plan().is_some());
    let effects = press(&mut app, &[Action::Confirm]);
    assert!(matches!(effects.as_slice(), [Effect::Begin(begun)] if begun.request.verb == made_verb()), "{effects:?}");
}

#[test]
fn what_was_written_in_the_form_is_done_with_when_it_is_begun() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollOut]);
    answer(&mut app, Ok(means()));
    "v4".chars().for_each(|c| app.edit(tui_input::InputRequest::InsertChar(c), now()));
    press(&mut app, &[Action::Open]);
    painted(&app);
    let effects = press(&mut app, &[Action::Confirm]);
    let [Effect::Begin(begun)] = effects.as_slice() else { panic!("{effects:?}, {:?}", app.message()) };
    let Verb::RollOut(wish) = &begun.request.verb else { panic!("{:?}", begun.request) };
    assert_eq!(wish.edits.images.values().map(|image| &**image).collect::<Vec<_>>(), ["web:v4"]);
    assert!(matches!(app.top(), Screen::Operation(_)));
    press(&mut app, &[Action::Back]);
    assert_eq!(app.depth(), 0, "the form is not below it");
    press(&mut app, &[Action::RollOut]);
    answer(&mut app, Ok(means()));
    let Screen::Rollout(form) = app.top() else { panic!("{:?}", app.top()) };
    assert_eq!(form.focused().map(|field| field.says()), Some("web:v3"), "nor is it offered again");
}

#[test]
fn who_works_on_it_is_named_and_asked_for_until_they_are_done() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(held()));
    let Made::Refused(refusal) = plan(&app).state() else { panic!("{:?}", plan(&app).state()) };
    assert!(refusal.why.contains("roll out shop/web by ann@laptop since 02:40:07 UTC"), "{}", refusal.why);
    let asked = app.subscriptions().answers.get(&Question::Means(web())).copied();
    assert!(matches!(asked, Some(Refresh::Every(_))), "{asked:?}");
    answer(&mut app, Ok(means()));
    assert!(plan(&app).plan().is_some(), "it is planned as soon as they are");
    assert!(app.may(Action::TakeOver).is_err_and(|why| why.contains("nobody else works on it")));
}

#[test]
fn taking_over_is_planned_anew_and_confirmed_like_any_other_plan() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(held()));
    painted(&app);
    assert_eq!(press(&mut app, &[Action::Confirm]), []);
    press(&mut app, &[Action::TakeOver]);
    assert!(plan(&app).plan().is_some_and(|plan| plan.request.take_over));
    assert_eq!(press(&mut app, &[Action::Confirm]), [], "it has to be painted first");
    painted(&app);
    let effects = press(&mut app, &[Action::Confirm]);
    assert!(matches!(effects.as_slice(), [Effect::Begin(begun)] if begun.request.take_over), "{effects:?}");
}

#[test]
fn so_many_releases_are_kept_as_the_config_says() {
    let mut app = world().service("shop/web", 2).settings(|settings| settings.keep_releases = 3).app();
    press(&mut app, &[Action::RollBack]);
    answer(&mut app, Ok(means()));
    assert_eq!(plan(&app).plan().map(|plan| plan.request.keep), Some(3));
}

#[test]
fn the_palette_tells_why_there_would_be_no_plan() {
    let app = world().service("shop/web", 2).app();
    assert_eq!(app.may(Action::Start), Ok(()));
    assert!(app.would(Action::Start).is_err(), "it runs");
    assert_eq!(app.would(Action::RollBack), Ok(()), "only asking tells");
}

#[test]
fn what_was_known_of_a_service_earlier_is_asked_again_before_it_is_planned_with() {
    let mut app = world().service("shop/web", 2).means("shop/web", Means::default()).app();
    press(&mut app, &[Action::RollBack]);
    assert!(matches!(plan(&app).state(), Made::Asked));
}

#[test]
fn the_release_that_is_selected_in_the_pane_is_gone_back_to_however_the_list_moves() {
    let mut app = with_releases();
    press(&mut app, &[Action::NextPane, Action::Down, Action::RollBack]);
    assert_eq!(back_to(&app), "2 v2");
    let moved = vec![release(4, true, None), release(3, false, Some(5))];
    app.observe(Event::Answer { question: Question::Releases(web()), answer: Ok(Answer::Releases(moved)) }, now());
    assert_eq!(back_to(&app), "2 v2");
}

#[test]
fn from_the_current_release_and_from_any_other_pane_the_last_healthy_one_is_meant() {
    let mut app = with_releases();
    press(&mut app, &[Action::NextPane, Action::RollBack]);
    assert_eq!(back_to(&app), "the last healthy");
    let mut app = with_releases();
    press(&mut app, &[Action::RollBack]);
    assert_eq!(back_to(&app), "the last healthy");
    let wanted = plan(&app).wanted().request(Some(&Means { releases: releases(), ..Means::default() }), 10);
    let Ok(Verb::RollBack(release)) = wanted.map(|request| request.verb) else { panic!("a way back") };
    assert_eq!(&*release.title, "1 v1", "not merely the one before");
}

#[test]
fn the_screen_of_a_release_goes_back_to_that_release() {
    let mut app = with_releases();
    press(&mut app, &[Action::NextPane, Action::Down, Action::Open, Action::RollBack]);
    assert_eq!(back_to(&app), "2 v2");
}

#[test]
fn a_release_of_which_nothing_is_kept_is_not_gone_back_to() {
    let mut gone = releases();
    gone[1].id = "".into();
    let answer = Ok(Answer::Releases(gone));
    let mut app = world().service("shop/web", 2).answer(Question::Releases(web()), answer).app();
    press(&mut app, &[Action::NextPane, Action::Down, Action::RollBack]);
    assert_eq!((app.depth(), app.message()), (0, Some("nothing is kept of 2 v2 that could be gone back to")));
}

#[test]
fn a_number_of_instances_is_asked_for_in_a_line() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::Scale]);
    assert!(app.is_typing());
    app.edit(tui_input::InputRequest::InsertChar('5'), now());
    press(&mut app, &[Action::Open]);
    assert_eq!(plan(&app).wanted(), &Wanted::of(Verb::Scale(5), Target::Service(web())));
}

#[test]
fn deleting_is_about_one_instance_and_never_about_a_service() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::DeleteInstance]);
    assert_eq!(app.message(), Some("select one of its instances first"));
    press(&mut app, &[Action::Instances]);
    let asked = wanted(&app, Action::DeleteInstance);
    assert_eq!(asked, Ok(Wanted::of(Verb::Delete, Target::Instance(instance_id("shop-web-1")))));
}

#[test]
fn what_is_missing_is_said_of_every_new_action() {
    let none = |capability| world().service("shop/web", 1).without(capability, "this engine does not").app();
    for (action, capability) in [
        (Action::RollOut, Capability::RollOut),
        (Action::RollBack, Capability::RollOut),
        (Action::Scale, Capability::Scale),
        (Action::Pause, Capability::Steer),
        (Action::Promote, Capability::Steer),
        (Action::DeleteInstance, Capability::Replace),
    ] {
        assert_eq!(none(capability).may(action), Err("this engine does not".into()), "{action:?}");
        let mut app = world().service("shop/web", 1).app();
        let rights = Capabilities::all().without(capability, "you may not patch deployments in shop");
        let question = Question::Rights("local".into(), "shop".into());
        app.observe(Event::Answer { question, answer: Ok(Answer::Rights(rights)) }, now());
        assert_eq!(app.may(action), Err("you may not patch deployments in shop".into()), "{action:?}");
    }
}

#[test]
fn a_machine_is_taken_out_of_use_where_machines_are_listed_and_nowhere_else() {
    let mut app = world().service("shop/web", 1).node("a-1", |_| {}).app();
    assert_eq!(app.may(Action::Drain), Err("only on the screen nodes".into()));
    press(&mut app, &[Action::Nodes]);
    assert_eq!(app.may(Action::Drain), Ok(()));
    let node = ServiceId::of_node(&testing::CLUSTER.into(), &"a-1".into());
    assert_eq!(wanted(&app, Action::Drain), Ok(Wanted::of(Verb::Drain, Target::Service(node))));
}

fn arming() -> App {
    let arming = Arming { lasts: Duration::from_secs(600), key: "A".into() };
    world().service("shop/web", 2).settings(|settings| settings.arm = Some(arming)).app()
}

#[test]
fn nothing_is_planned_before_it_is_armed_and_not_any_longer_than_that_holds() {
    let mut app = arming();
    let refused = Some("nothing is changed before it is armed: press A to arm for 10m");
    press(&mut app, &[Action::Restart]);
    assert_eq!((app.depth(), app.message()), (0, refused));
    assert_eq!(press(&mut app, &[Action::Arm]), [Effect::Arm]);
    app.observe(Event::Armed { until: now() + Duration::from_secs(600) }, now());
    press(&mut app, &[Action::Restart]);
    assert_eq!(app.depth(), 1);
    app.act(Action::Confirm, now() + Duration::from_secs(600));
    assert_eq!(app.message(), refused, "the plan stays, and waits to be armed again");
    assert_eq!(app.world.armed_for(), None);
}

#[test]
fn what_was_begun_while_it_was_armed_can_be_stopped_when_it_is_not_any_more() {
    let app = arming();
    for action in [Action::StopAndUndo, Action::GoOn, Action::Again, Action::Wait] {
        assert_eq!(are_allowed(&app, action, None), Ok(()), "{action:?}");
    }
    assert!(are_allowed(&app, Action::Undo, None).is_err());
}

#[test]
fn where_the_config_asks_for_no_arming_that_is_said() {
    let mut app = world().service("shop/web", 2).app();
    assert_eq!(press(&mut app, &[Action::Arm]), []);
    assert_eq!(app.message(), Some("nothing has to be armed: the config does not ask for it"));
}

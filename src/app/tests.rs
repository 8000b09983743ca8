//! The app alone, as a person meets it: keys are pressed, the world happens, and what is wanted of the outside is looked at.

use super::*;
use crate::{
    app::main_screen::{Main, Row},
    domain::{
        Capabilities, Capability, Change, Health, InstanceId, Link, OperationId, OperationState, Reason, ServiceId,
    },
    message::{Answer, Question},
    testing::{instance_id, now, service_id, world},
};

fn press(app: &mut App, keys: &[Action]) -> Vec<Effect> {
    keys.iter().flat_map(|key| app.act(*key, now())).collect()
}

fn type_in(app: &mut App, text: &str) {
    text.chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
}

fn main(app: &App) -> &Main {
    let Screen::Main(main) = app.top() else { panic!("another screen: {:?}", app.top()) };
    main
}

/// The names of the services as they are listed.
fn listed(app: &App) -> Vec<String> {
    main(app).keys(&app.world).iter().map(|service| service.name.to_string()).collect()
}

fn selected(app: &App) -> ServiceId {
    let Some(Subject::Service(service)) = app.subject() else { panic!("no service: {:?}", app.subject()) };
    service
}

fn tailed(app: &App) -> Vec<InstanceId> {
    app.subscriptions().logs.into_keys().collect()
}

fn breaks(app: &mut App, address: &str) {
    let id = service_id(address);
    let mut service = app.world.inventory.service(&id).expect("the service is there").clone();
    service.health = Health::Failing(Reason::new("exit 1"));
    app.observe(Event::Changed { cluster: id.cluster, change: Change::Service(Box::new(service)) }, now());
}

fn said(app: &App) -> &str {
    app.message().expect("something is said")
}

#[test]
fn leaving_the_log_screen_is_enough_to_stop_its_stream() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::Instances, Action::Logs]);
    assert_eq!(tailed(&app), [instance_id("shop-web-1")]);
    press(&mut app, &[Action::Back]);
    assert!(tailed(&app).is_empty(), "the screen of the instances tails nothing");
}

#[test]
fn opening_the_log_goes_on_with_the_stream_of_the_preview() {
    let mut app = world().service("shop/web", 2).app();
    let preview = app.subscriptions().logs;
    press(&mut app, &[Action::Logs]);
    assert!(matches!(app.top(), Screen::Logs(_)));
    assert_eq!(app.subscriptions().logs, preview, "a change would begin it anew");
}

#[test]
fn the_selected_service_is_tailed_and_no_other() {
    let mut app = world().service("shop/api", 1).service("shop/web", 2).app();
    assert_eq!(tailed(&app), [instance_id("shop-api-1")]);
    press(&mut app, &[Action::Down]);
    assert_eq!(tailed(&app), [instance_id("shop-web-1"), instance_id("shop-web-2")]);
}

#[test]
fn only_services_in_sight_are_measured() {
    let mut many = world();
    for number in 10..60 {
        many = many.service(&format!("shop/s{number}"), 1);
    }
    let mut app = many.app();
    let first = app.subscriptions().samples;
    assert!(first.contains(&instance_id("shop-s10-1")) && first.len() < 50, "{first:?}");
    press(&mut app, &[Action::Last]);
    let last = app.subscriptions().samples;
    assert!(last.contains(&instance_id("shop-s59-1")), "{last:?}");
    assert!(first.is_disjoint(&last), "what went out of sight is not measured any more");
}

#[test]
fn nothing_is_measured_where_a_person_wants_no_numbers() {
    let app = world().service("shop/web", 2).settings(|settings| settings.measure = false).app();
    assert!(app.subscriptions().samples.is_empty());
}

#[test]
fn a_lost_cluster_keeps_its_rows_as_not_known_and_refuses_a_restart_with_the_reason() {
    let mut app = world().service("shop/web", 2).lost("local", "connection refused").app();
    assert_eq!(listed(&app), ["web"]);
    let web = app.world.inventory.service(&service_id("shop/web")).expect("kept");
    assert_eq!(app.world.inventory.health_of(web), None, "nobody knows now");
    assert_eq!(press(&mut app, &[Action::Restart]), []);
    assert!(matches!(app.top(), Screen::Main(_)), "no plan is shown");
    assert!(said(&app).contains("connection refused"), "{}", said(&app));
}

#[test]
fn a_cluster_that_comes_back_is_known_again() {
    let mut app = world().service("shop/web", 1).lost("local", "connection refused").app();
    app.observe(Event::Link { cluster: "local".into(), link: Link::Live { since: now() } }, now());
    let web = app.world.inventory.service(&service_id("shop/web")).expect("kept");
    assert_eq!(app.world.inventory.health_of(web), Some(&Health::Healthy));
    press(&mut app, &[Action::Restart]);
    assert!(matches!(app.top(), Screen::Plan(_)));
}

#[test]
fn the_broken_service_is_first_and_stays_selected_when_another_comes_before_it() {
    let mut app = world().service("shop/api", 1).service("shop/cart", 1).service("shop/web", 1).app();
    breaks(&mut app, "shop/web");
    assert_eq!(listed(&app), ["web", "api", "cart"]);
    assert_eq!(selected(&app), service_id("shop/web"));
    press(&mut app, &[Action::Down, Action::Up]);
    breaks(&mut app, "shop/api");
    assert_eq!(listed(&app), ["api", "web", "cart"]);
    assert_eq!(selected(&app), service_id("shop/web"));
}

#[test]
fn a_filter_narrows_while_it_is_typed_and_esc_shows_everything_again() {
    let mut app = world().service("shop/api", 1).service("shop/web", 1).broken("shop/web", "exit 1").app();
    press(&mut app, &[Action::Filter]);
    type_in(&mut app, "state:failing");
    assert_eq!(listed(&app), ["web"]);
    press(&mut app, &[Action::Open]);
    assert!(!app.is_typing());
    assert_eq!(listed(&app), ["web"], "Enter keeps it");
    press(&mut app, &[Action::Back]);
    assert_eq!(listed(&app), ["web", "api"]);
}

#[test]
fn the_fault_list_is_one_key_there_and_the_same_key_back() {
    let mut app = world().service("shop/api", 1).service("shop/web", 1).broken("shop/web", "exit 1").app();
    press(&mut app, &[Action::Faults]);
    assert_eq!(listed(&app), ["web"]);
    press(&mut app, &[Action::Faults]);
    assert_eq!(listed(&app), ["web", "api"]);
}

#[test]
fn enter_goes_from_a_service_to_its_instances_to_a_log_and_esc_all_the_way_back() {
    let mut app = world().service("shop/web", 2).app();
    press(&mut app, &[Action::Open]);
    assert!(matches!(app.top(), Screen::Instances(_)));
    press(&mut app, &[Action::Down, Action::Open]);
    assert!(matches!(app.top(), Screen::Logs(_)));
    assert_eq!(app.subject(), Some(Subject::Instance(instance_id("shop-web-2"))));
    press(&mut app, &[Action::Back, Action::Back, Action::Back]);
    assert_eq!(app.depth(), 0, "the main screen is never closed");
}

#[test]
fn enter_on_a_service_without_instances_opens_no_log() {
    let mut app = world().service("shop/web", 0).app();
    press(&mut app, &[Action::Open, Action::Open]);
    assert!(matches!(app.top(), Screen::Instances(_)));
    assert_eq!(said(&app), "there is nothing to open here");
}

#[test]
fn the_palette_greys_what_read_only_refuses_and_says_why() {
    let mut app = world().service("shop/web", 1).settings(|settings| settings.read_only = true).app();
    press(&mut app, &[Action::Palette]);
    let Some(Overlay::Palette(palette)) = app.overlay() else { panic!("no palette") };
    let refused = |action| palette.rows().find(|entry| entry.action == action).expect("listed").refused.clone();
    assert_eq!(refused(Action::Logs), None);
    let why = "started read-only: nothing can be changed";
    for action in [Action::Restart, Action::Stop, Action::Start] {
        assert_eq!(refused(action).as_deref(), Some(why), "{action:?}");
    }
}

#[test]
fn a_refused_name_that_is_typed_in_full_is_refused_and_nothing_like_it_is_done_instead() {
    let mut app = world().service("shop/web", 1).settings(|settings| settings.read_only = true).app();
    press(&mut app, &[Action::Palette]);
    type_in(&mut app, "restart");
    assert_eq!(press(&mut app, &[Action::Open]), []);
    assert_eq!((said(&app), app.depth()), ("started read-only: nothing can be changed", 0));
}

#[test]
fn quitting_asks_only_while_an_operation_of_this_process_runs() {
    let running = || world().service("shop/web", 1).operation("restart shop/web", "shop/web", OperationState::Running);
    let mut of_another = running().app();
    assert_eq!(press(&mut of_another, &[Action::Quit]), [Effect::Quit]);

    let mut app = running().app();
    let id: OperationId = app.world.operations.keys().next().expect("one").clone();
    app.world.ours.insert(id.clone());
    assert_eq!(press(&mut app, &[Action::Quit]), []);
    assert!(matches!(app.overlay(), Some(Overlay::Quit(running)) if *running == [id.clone()]));
    press(&mut app, &[Action::Back]);
    assert!(app.overlay().is_none(), "staying is the third answer");
    press(&mut app, &[Action::Quit]);
    assert_eq!(press(&mut app, &[Action::StopAndUndo]), [Effect::StopAndUndo(id), Effect::Quit]);
}

#[test]
fn quitting_does_not_offer_to_undo_what_is_done_for_good() {
    let mut app =
        world().service("shop/web", 1).operation("restart shop/web", "shop/web", OperationState::Running).app();
    app.world.ours = app.world.operations.keys().cloned().collect();
    for operation in app.world.operations.values_mut() {
        operation.no_way_back = Some("it only tidies up".into());
    }
    press(&mut app, &[Action::Quit]);
    assert_eq!(press(&mut app, &[Action::StopAndUndo]), []);
    assert!(app.overlay().is_some(), "it still asks");
    assert_eq!(press(&mut app, &[Action::Leave]), [Effect::Quit]);
}

#[test]
fn an_operation_that_has_ended_keeps_nobody() {
    let undone = OperationState::Interrupted;
    let mut app = world().service("shop/web", 1).operation("restart shop/web", "shop/web", undone).app();
    app.world.ours = app.world.operations.keys().cloned().collect();
    assert_eq!(press(&mut app, &[Action::Quit]), [Effect::Quit]);
}

#[test]
fn a_protected_cluster_asks_for_the_name_of_the_service() {
    let mut app = world().service("shop/web", 2).on("local", |cluster| cluster.protected = true).app();
    press(&mut app, &[Action::Restart]);
    let Screen::Plan(plan) = app.top() else { panic!("no plan: {:?}", app.message()) };
    plan.was_painted();
    assert_eq!(press(&mut app, &[Action::Confirm]), []);
    type_in(&mut app, "wep");
    assert_eq!(press(&mut app, &[Action::Open]), []);
    assert!(app.is_typing(), "another name is not enough");
    app.edit(InputRequest::DeletePrevChar, now());
    type_in(&mut app, "b");
    let effects = press(&mut app, &[Action::Open]);
    assert!(matches!(effects.as_slice(), [Effect::Begin(_)]), "{effects:?}");
    assert!(matches!(app.top(), Screen::Operation(_)));
}

#[test]
fn what_the_command_line_leaves_out_is_neither_listed_nor_counted_nor_followed() {
    let narrow = |settings: &mut Settings| {
        (settings.scopes, settings.clusters) = (vec!["shop".into()], vec!["local".into()]);
    };
    let both = world().cluster("edge").service("infra/dns", 1).service("shop/web", 1).service("edge/shop/till", 1);
    let app = both.broken("infra/dns", "exit 1").settings(narrow).app();
    assert_eq!(listed(&app), ["web"]);
    assert_eq!(app.world.services().count(), 1, "the title counts these");
    assert_eq!(tailed(&app), [instance_id("shop-web-1")]);
    let rows = main(&app).scope_rows(&app.world);
    assert!(rows.contains(&Row::Scope("local".into(), "shop".into())), "{rows:?}");
    let left_out = |row: &Row| matches!(row, Row::Scope(cluster, scope) if cluster.as_str() == "edge" || scope.as_str() == "infra");
    assert!(!rows.iter().any(left_out), "{rows:?}");
}

#[test]
fn a_key_without_a_meaning_says_so_and_the_next_key_takes_the_words_away() {
    let mut app = world().service("shop/web", 1).app();
    app.unbound("z", Some(&"?".to_owned()));
    assert_eq!(said(&app), "z does nothing here; ? lists the keys");
    press(&mut app, &[Action::Down]);
    assert_eq!(app.message(), None);
}

#[test]
fn what_the_person_may_not_do_in_a_namespace_is_refused_with_the_missing_verb_and_only_there() {
    let mut app = world().service("shop/web", 1).service("blog/web", 1).app();
    let rights = Capabilities::all().without(Capability::Shell, "you may not create pods/exec in shop");
    let question = Question::Rights("local".into(), "shop".into());
    app.observe(Event::Answer { question, answer: Ok(Answer::Rights(rights)) }, now());
    let may: Vec<_> = (0..2)
        .map(|_| {
            let place = selected(&app).scope.to_string();
            let may = app.may(Action::Shell);
            press(&mut app, &[Action::Down]);
            (place, may)
        })
        .collect();
    assert!(may.contains(&("blog".into(), Ok(()))), "{may:?}");
    assert!(may.contains(&("shop".into(), Err("you may not create pods/exec in shop".into()))), "{may:?}");
}

fn wanted(app: &App) -> Vec<String> {
    app.subscriptions().clusters.iter().map(ToString::to_string).collect()
}

#[test]
fn passing_over_the_row_of_a_cluster_connects_nobody_and_looking_at_its_services_does_for_good() {
    let mut app = world().service("shop/web", 1).idle("prod").idle("staging").app();
    press(&mut app, &[Action::PreviousPane, Action::Last, Action::Up]);
    assert_eq!(main(&app).scope(&app.world), Row::Cluster("prod".into()));
    assert_eq!(wanted(&app), ["local"]);
    press(&mut app, &[Action::Open]);
    assert_eq!(wanted(&app), ["local", "prod"]);
    press(&mut app, &[Action::PreviousPane, Action::First, Action::Open]);
    assert_eq!(wanted(&app), ["local", "prod"]);
}

#[test]
fn a_cluster_is_also_looked_at_by_the_next_pane_by_a_click_and_by_asking_for_it() {
    let at = |app: &mut App| press(app, &[Action::PreviousPane, Action::Last]);
    for way in [Action::Right, Action::NextPane, Action::Reconnect] {
        let mut app = world().service("shop/web", 1).idle("prod").app();
        at(&mut app);
        press(&mut app, &[way]);
        assert_eq!(wanted(&app), ["local", "prod"], "{way:?}");
    }
    let mut app = world().service("shop/web", 1).idle("prod").app();
    let row = main(&app).scope_rows(&app.world).len() - 1;
    app.click(0, row, now());
    assert_eq!(wanted(&app), ["local", "prod"]);
}

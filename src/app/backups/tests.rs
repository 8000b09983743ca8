use jiff::SignedDuration;
use tui_input::InputRequest;

use super::screen::{BackupsScreen, Pane, ids};
use crate::{
    action::Action,
    app::{App, Overlay, Screen, World},
    domain::{Change, Listing, Service, ServiceId, Snapshot, SnapshotId, Standing, Trouble},
    message::{Effect, Event, Reading, Weight},
    plan::{Restoring, Verb},
    testing::{self, now, service_id, snapshot, world},
};

/// A database that has a spare one beside it, and a service with nothing to lose.
fn services() -> testing::Builder {
    let labelled = |service: &mut Service| service.backup = Some("postgres".into());
    world()
        .service("shop/db", 1)
        .service("shop/spare", 1)
        .service("shop/web", 2)
        .changed("shop/db", labelled)
        .changed("shop/spare", labelled)
}

fn standing(standing: Standing) -> impl FnOnce(&mut Snapshot) {
    move |snapshot| snapshot.standing = standing
}

/// The newest snapshot of `shop/db` was never finished; `shop/spare` has none.
fn shop() -> testing::Builder {
    services().backed_up([
        snapshot("shop/db", 1, 50, |_| {}),
        snapshot("shop/db", 2, 2, |_| {}),
        snapshot("shop/db", 3, 1, standing(Standing::Unfinished)),
    ])
}

fn opened(mut app: App) -> App {
    app.act(Action::Backups, now());
    app
}

fn screen(app: &App) -> &BackupsScreen {
    match app.top() {
        Screen::Backups(screen) => screen,
        other => panic!("{other:?}"),
    }
}

fn selected(app: &App) -> &ServiceId {
    &screen(app).selected(&app.world).expect("one is selected").item.service
}

fn planned(app: &App) -> &Verb {
    match app.top() {
        Screen::Plan(screen) => &screen.plan().expect("it is planned").request.verb,
        other => panic!("{other:?}: {:?}", app.message()),
    }
}

fn restoring(app: &App) -> &Restoring {
    match planned(app) {
        Verb::Restore(restoring) => restoring,
        other => panic!("{other:?}"),
    }
}

fn id(number: u32) -> SnapshotId {
    snapshot("shop/db", number, 0, |_| {}).id
}

#[test]
fn what_is_behind_is_first_and_what_it_was_opened_from_is_selected() {
    let app = opened(shop().app());
    let told: Vec<_> = app.world.protections().unwrap().iter().map(|it| &*it.item.service.name).collect();
    assert_eq!((told, selected(&app)), (vec!["spare", "db"], &service_id("shop/db")));
    let mut app = shop().app();
    app.act(Action::Last, now());
    assert_eq!(selected(&opened(app)), &service_id("shop/spare"), "nothing of shop/web is backed up");
}

#[test]
fn the_newest_good_snapshot_is_restored_until_another_is_chosen() {
    let mut app = opened(shop().app());
    app.act(Action::Restore, now());
    assert_eq!(restoring(&app).snapshot.id, id(2));
    app.act(Action::Back, now());
    app.act(Action::NextPane, now());
    app.act(Action::Last, now());
    app.act(Action::Restore, now());
    assert_eq!(restoring(&app).snapshot.id, id(1));
}

#[test]
fn a_snapshot_that_is_not_whole_is_neither_restored_nor_rehearsed() {
    let mut app = opened(shop().app());
    app.act(Action::NextPane, now());
    app.act(Action::First, now());
    for action in [Action::Restore, Action::Verify, Action::RestoreInto] {
        app.act(action, now());
        let said = app.message().unwrap_or_default();
        assert!(said.starts_with("00000003 is unfinished"), "{action:?}: {said}");
        assert!(app.would(action).is_err());
        assert!(matches!(app.top(), Screen::Backups(_)) && app.overlay().is_none());
    }
}

#[test]
fn another_protection_is_looked_at_from_its_newest_good_snapshot_on() {
    let several = [
        snapshot("shop/db", 1, 3, |_| {}),
        snapshot("shop/db", 2, 2, |_| {}),
        snapshot("shop/spare", 3, 3, |_| {}),
        snapshot("shop/spare", 4, 2, |_| {}),
    ];
    let mut app = opened(services().backed_up(several).app());
    app.act(Action::NextPane, now());
    app.act(Action::Last, now());
    app.act(Action::PreviousPane, now());
    app.act(Action::Down, now());
    let protection = screen(&app).selected(&app.world).unwrap();
    let all = BackupsScreen::snapshots_of(&app.world, protection);
    assert_eq!(ids(&all), [id(4), id(3)]);
    assert_eq!(screen(&app).snapshot(&all).map(|snapshot| &snapshot.id), Some(&id(4)));
}

#[test]
fn what_a_restore_would_lose_is_counted_from_the_key_press_whenever_it_is_confirmed() {
    let mut app = opened(shop().app());
    app.act(Action::Restore, now());
    let Screen::Plan(plan) = app.top() else { panic!("{:?}", app.top()) };
    plan.was_painted();
    let effects = app.act(Action::Confirm, now() + SignedDuration::from_mins(5));
    let [Effect::Begin(plan)] = effects.as_slice() else { panic!("{effects:?}: {:?}", app.message()) };
    let Verb::Restore(restoring) = &plan.request.verb else { panic!("{:?}", plan.request.verb) };
    assert_eq!(restoring.wished, now());
}

#[test]
fn a_snapshot_goes_into_another_service_that_is_found_by_typing() {
    let mut app = opened(shop().app());
    app.act(Action::RestoreInto, now());
    let Some(Overlay::RestoreInto(asked)) = app.overlay() else { panic!("{:?}", app.overlay()) };
    let told: Vec<_> = asked.picker.rows().map(|row| (&*row.service.name, row.is_alike)).collect();
    assert_eq!(told, [("spare", true), ("web", false)]);
    "sp".chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
    app.act(Action::Open, now());
    let restoring = restoring(&app);
    let (from, into) = (&restoring.snapshot.item.service, &restoring.into.service);
    assert_eq!((from, into), (&service_id("shop/db"), &service_id("shop/spare")));
}

#[test]
fn what_was_acted_on_stays_selected_where_it_is_sorted_to() {
    let mut app = shop().app();
    app.act(Action::Last, now());
    let mut app = opened(app);
    assert_eq!(selected(&app), &service_id("shop/spare"));
    app.act(Action::BackUp, now());
    app.act(Action::Back, now());
    let snapshots = [snapshot("shop/db", 2, 2, |_| {}), snapshot("shop/spare", 4, 0, |_| {})].to_vec();
    app.observe(Event::Backups(Ok(Box::new(Listing { snapshots, ..Listing::default() }))), now());
    let all: Vec<&str> = app.world.protections().expect("known").iter().map(|one| &*one.item.service.name).collect();
    assert_eq!(all, ["db", "spare"]);
    assert_eq!(selected(&app), &service_id("shop/spare"));
}

#[test]
fn nothing_is_restored_into_a_service_that_nobody_named() {
    let mut app = opened(shop().app());
    app.act(Action::RestoreInto, now());
    "zzz".chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
    app.act(Action::Open, now());
    assert!(matches!(app.overlay(), Some(Overlay::RestoreInto(_))));
}

#[test]
fn a_service_is_backed_up_from_the_main_screen_with_all_that_is_known_of_it() {
    let mut app = shop().app();
    app.act(Action::BackUp, now());
    let Verb::BackUp(items) = planned(&app) else { panic!("{:?}", planned(&app)) };
    assert_eq!(items.iter().map(ToString::to_string).collect::<Vec<_>>(), ["postgres of shop/db"]);
    app.act(Action::Back, now());
    app.act(Action::Last, now());
    app.act(Action::BackUp, now());
    let said = app.message().unwrap_or_default();
    assert!(said.starts_with("nothing is known that could be backed up of shop/web"), "{said}");
}

#[test]
fn without_a_repository_the_screen_opens_and_nothing_can_be_planned() {
    let mut app = services().app();
    let refused = Err("the config names no repository for backups".to_owned());
    assert_eq!(app.may(Action::BackUp), refused);
    app.act(Action::Backups, now());
    for action in [Action::BackUp, Action::Restore, Action::RestoreInto, Action::Verify] {
        assert!(app.may(action).is_err(), "{action:?}");
    }
    assert_eq!(app.subscriptions().backups, None);
}

#[test]
fn read_only_refuses_what_the_screen_offers() {
    let app = opened(shop().settings(|settings| settings.read_only = true).app());
    for action in [Action::BackUp, Action::Restore, Action::RestoreInto, Action::Verify] {
        assert_eq!(app.may(action), Err("started read-only: nothing can be changed".into()), "{action:?}");
    }
}

#[test]
fn the_repository_is_read_more_often_while_somebody_looks() {
    let every = |app: &App| app.subscriptions().backups.map(|Reading { every, .. }| every.as_secs());
    let mut app = opened(shop().app());
    assert_eq!(every(&app), Some(60));
    app.act(Action::Help, now());
    assert_eq!(every(&app), Some(600));
}

#[test]
fn enter_goes_deeper_and_back_comes_out_again() {
    let mut app = opened(shop().app());
    let mut panes = Vec::new();
    for action in [Action::Open, Action::Open, Action::Open, Action::Back] {
        app.act(action, now());
        panes.push(screen(&app).pane);
    }
    assert_eq!(panes, [Pane::Snapshots, Pane::Details, Pane::Details, Pane::Protections]);
    app.act(Action::Back, now());
    assert!(matches!(app.top(), Screen::Main(_)));
}

fn told(world: &World) -> Vec<(Weight, &str)> {
    world.notices.iter().map(|notice| (notice.weight, &*notice.text)).collect()
}

#[test]
fn a_backup_that_becomes_overdue_is_told_once_and_what_was_so_at_the_start_is_not() {
    let snapshots = [snapshot("shop/db", 1, 23, |_| {}), snapshot("shop/spare", 2, 40, |_| {})];
    let mut world = services().backed_up(snapshots).build();
    assert_eq!(told(&world), []);
    world.now += SignedDuration::from_hours(2);
    let overdue = [(Weight::Warning, "postgres of shop/db: last backup 25h ago, objective 24h")];
    assert!(world.look_after_backups());
    assert_eq!(told(&world), overdue);
    world.now += SignedDuration::from_hours(2);
    assert!(!world.look_after_backups());
    assert_eq!(told(&world), overdue);
    assert_eq!(world.backups.behind().map(|behind| (behind.count, behind.is_failing)), Some((2, true)));
}

#[test]
fn a_service_that_is_made_anew_does_not_become_overdue_by_that() {
    let mut world = services().backed_up([snapshot("shop/db", 1, 40, |_| {})]).build();
    let service = world.inventory.service(&service_id("shop/db")).unwrap().clone();
    let orphaned = |world: &World| world.protections().unwrap().iter().any(|protection| protection.is_orphaned);
    let (gone, back) = (Change::ServiceGone(service.id.clone()), Change::Service(Box::new(service)));
    for (change, is_orphaned) in [(gone, true), (back, false)] {
        world.inventory.apply(&testing::CLUSTER.into(), change, now());
        world.backups.look_again();
        world.look_after_backups();
        assert_eq!(orphaned(&world), is_orphaned);
    }
    assert_eq!(told(&world), []);
}

#[test]
fn a_repository_that_cannot_be_read_is_told_when_it_begins_and_what_was_known_stays() {
    let mut world = shop().build();
    let trouble = || Err(Trouble::new("could not read the repository", "connection refused"));
    for _ in 0..3 {
        world.backups_are(trouble());
    }
    let once = (Weight::Error, "could not read the repository: connection refused");
    assert_eq!(told(&world), [once]);
    assert_eq!(world.protections().map(<[_]>::len), Some(2));
    world.backups_are(Ok(Box::default()));
    world.backups_are(trouble());
    assert_eq!(told(&world), [once, once]);
}

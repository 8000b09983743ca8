//! Frames of the backups, and of what the console says of them elsewhere.

use std::sync::Arc;

use midwatch::{
    action::Action,
    app::{App, Subject},
    domain::{
        Item, Method, OperationState, Outcome, Proof, Snapshot, Standing, StepReport, StepState, Trouble, text::clean,
    },
};
use tui_input::InputRequest;

use crate::{
    picture::{check_everywhere, survives_every_frame},
    world::{Builder, now, proof, seconds_ago, service_id, snapshot, world},
};

fn labelled(builder: Builder, address: &str, label: &str) -> Builder {
    builder.service(address, 1).changed(address, |service| service.backup = Some(label.into()))
}

fn services() -> Builder {
    let several = [("shop/db", "postgres"), ("shop/cache", "redis"), ("shop/uploads", "files:/var/lib/uploads")];
    let mut builder = world();
    for (address, label) in several.into_iter().chain([("infra/queue", "rabbitmq")]) {
        builder = labelled(builder, address, label);
    }
    builder.service("shop/web", 3)
}

fn of(method: Method, path: Option<&str>) -> impl FnOnce(&mut Snapshot) {
    let path = path.map(Arc::from);
    move |snapshot| {
        let service = snapshot.item.service.clone();
        snapshot.item = Item { service, method, path };
        (snapshot.version, snapshot.counts) = (None, [("keys".into(), (48_211, 48_211))].into());
    }
}

/// The database is overdue although somebody tried; of the queue there is none; what `shop/wiki` was is gone.
fn snapshots() -> Vec<Snapshot> {
    let mut all: Vec<Snapshot> =
        (0..14).map(|day| snapshot("shop/db", 100 + day, 30 + 24 * i64::from(day), |_| {})).collect();
    all.push(snapshot("shop/db", 98, 29, |snapshot| snapshot.standing = Standing::Safety));
    all.push(snapshot("shop/db", 99, 6, |snapshot| snapshot.standing = Standing::Unfinished));
    all.push(snapshot("shop/cache", 70, 3, of(Method::Redis, None)));
    all.push(snapshot("shop/uploads", 80, 5, of(Method::Files, Some("/var/lib/uploads"))));
    all.push(snapshot("shop/wiki", 90, 2000, of(Method::Sqlite, Some("/data/wiki.db"))));
    all
}

/// The cache is well, the uploads could not be restored, and the database was rehearsed long ago.
fn proofs() -> Vec<Proof> {
    let of = |number| {
        let id = snapshot("shop/db", number, 0, |_| {}).id;
        snapshots().into_iter().find(|snapshot| snapshot.id == id).expect("it is there")
    };
    vec![
        proof(&of(70), 72, Outcome::Opened(of(70).counts)),
        proof(&of(80), 4, Outcome::Failed("/var/lib/uploads has 310 files where there were 312 at the backup".into())),
        proof(&of(103), 24 * 40, Outcome::Opened(of(103).counts)),
    ]
}

fn opened(builder: Builder) -> App {
    let mut app = builder.app();
    app.act(Action::Backups, now());
    app
}

/// With this service selected.
fn opened_at(builder: Builder, address: &str) -> App {
    let mut app = opened(builder);
    let rows = app.world.protections().expect("they are known").len();
    app.act(Action::First, now());
    for _ in 0..rows {
        if app.subject() == Some(Subject::Service(service_id(address))) {
            return app;
        }
        app.act(Action::Down, now());
    }
    panic!("nothing of {address} is listed");
}

#[test]
fn what_is_behind_is_first_with_its_snapshots() {
    check_everywhere("backups_never", &opened_at(services().backed_up(snapshots()), "infra/queue"));
    let app = opened_at(services().backed_up(snapshots()), "shop/db");
    check_everywhere("backups_overdue", &app);
    survives_every_frame(&app);
}

#[test]
fn what_was_proven_and_what_was_not_is_told() {
    let builder = services().backed_up_and_proven(snapshots(), proofs());
    check_everywhere("backups_proven", &opened_at(builder, "shop/cache"));
    let builder = services().backed_up_and_proven(snapshots(), proofs());
    check_everywhere("backups_disproven", &opened_at(builder, "shop/uploads"));
}

#[test]
fn a_snapshot_is_chosen_and_read_in_full() {
    let mut app = opened_at(services().backed_up(snapshots()), "shop/db");
    app.act(Action::Open, now());
    app.act(Action::First, now());
    check_everywhere("backups_unfinished", &app);
}

#[test]
fn what_was_known_stays_when_the_repository_cannot_be_read() {
    let why = Trouble::new("could not read the repository s3:https://s3.example.com/backups", "connection refused")
        .help("look whether its host can be reached from here");
    let app = opened_at(services().backed_up(snapshots()).unread(why.clone()), "shop/db");
    check_everywhere("backups_stale", &app);
    check_everywhere("backups_unread", &opened(services().repository().unread(why)));
}

#[test]
fn where_there_is_nothing_to_list_it_says_why_and_what_would_help() {
    check_everywhere("backups_unconfigured", &opened(services()));
    check_everywhere("backups_reading", &opened(services().repository()));
    check_everywhere("backups_nothing", &opened(world().service("shop/web", 2).backed_up([])));
}

#[test]
fn labels_that_say_nothing_usable_are_told() {
    let builder = labelled(labelled(services(), "shop/orders", "postgre"), "shop/mail", "files");
    check_everywhere("backups_mislabelled", &opened(builder.backed_up(snapshots())));
}

#[test]
fn long_and_hostile_names_are_cut_with_a_sign() {
    let named = |snapshot: &mut Snapshot| {
        // As the repository's notes are read.
        snapshot.release = Some(clean("v2\u{1b}[31m\u{202e}.4.1-rc.1+build.20261121.deadbeef").into());
        snapshot.version = Some("15.14 (Debian 15.14-1.pgdg120+1) 漢字漢字漢字".into());
        snapshot.counts = [(clean(&"a\u{7}table".repeat(20)).into(), (1, 2))].into();
    };
    let address = "a-namespace-with-a-very-long-name/a-service-with-a-very-long-name";
    let builder = labelled(world().cluster("prod-eu-central-1"), address, "postgres");
    check_everywhere("backups_hostile", &opened(builder.backed_up([snapshot(address, 1, 2, named)])));
}

#[test]
fn the_service_that_it_is_restored_into_is_found_by_typing() {
    let copied = labelled(services(), "shop/db-copy", "postgres");
    let mut app = opened_at(copied.backed_up(snapshots()), "shop/db");
    app.act(Action::RestoreInto, now());
    check_everywhere("backups_restore_into", &app);
    "db".chars().for_each(|c| app.edit(InputRequest::InsertChar(c), now()));
    check_everywhere("backups_restore_into_typed", &app);
    survives_every_frame(&app);
}

#[test]
fn a_restore_is_read_before_it_is_confirmed() {
    let mut app = opened_at(services().backed_up(snapshots()), "shop/db");
    app.act(Action::Restore, now());
    check_everywhere("backups_restore_plan", &app);
}

#[test]
fn the_main_screen_says_how_many_are_behind() {
    check_everywhere("backups_on_the_main_screen", &services().backed_up(snapshots()).app());
}

#[test]
fn a_backup_under_way_says_how_far_it_is() {
    let step = |title: &str, state, note: Option<&str>| StepReport {
        title: title.into(),
        stage: None,
        state,
        is_undo: false,
        began: (state != StepState::Waiting).then(|| seconds_ago(95)),
        ended: (state == StepState::Done).then(|| seconds_ago(80)),
        note: note.map(Arc::from),
    };
    let mut app =
        services().backed_up(snapshots()).operation("back up shop/db", "shop/db", OperationState::Running).app();
    let operation = app.world.operations.values_mut().next().expect("one runs");
    operation.steps = vec![
        step("back up postgres of shop-db-1", StepState::Running, Some("dumps orders: 3.1Gi of 12Gi, 41Mi/s, 3m left")),
        step("back up files /var/lib/postgresql/wal of shop-db-1", StepState::Waiting, None),
    ];
    app.act(Action::Operations, now());
    app.act(Action::Open, now());
    check_everywhere("backups_under_way", &app);
}

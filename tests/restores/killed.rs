//! The program is killed before, in and after every step of a backup and of a restore, and then told to go on or to go back: the data is
//! the old or the restored, what depends on it runs, nothing is left beside, and the repository is sound.

use std::{
    path::PathBuf,
    process::Child,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crate::{
    home::said,
    shop::{Database, Shop},
};

/// More records than any of these plans writes.
const ENDLESS: usize = 100;
/// How long after a record it is killed: at once, and in the middle of what follows.
const DELAYS: [u64; 3] = [0, 150, 500];

#[derive(Clone, Copy, Debug)]
struct Case {
    /// The line of the journal after which it is killed: odd ones begin a step, even ones end it.
    record: usize,
    goes_on: bool,
}

/// `false` when it ended before.
fn killed_at(shop: &Shop, child: &mut Child, before: Option<PathBuf>, record: usize) -> bool {
    loop {
        if shop.home.journal() != before && shop.home.records() > record {
            std::thread::sleep(Duration::from_millis(DELAYS[record % DELAYS.len()]));
            child.kill().and_then(|()| child.wait()).expect("killed");
            return true;
        }
        if child.try_wait().expect("its state").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether there was such a record at all.
fn survives(shop: &Shop, command: &str, case: Case) -> bool {
    let is_restore = command == "restore";
    shop.make("damaged");
    let before = shop.home.journal();
    let mut child = shop.home.start(&[command, &shop.address(), "--yes"]);
    if !killed_at(shop, &mut child, before, case.record) {
        let state = &shop.home.operation()["state"];
        assert_eq!(state, "done", "{case:?}");
        return false;
    }
    let operation = shop.home.operation();
    let id = operation["id"].as_str().expect("an id");
    let mut told = String::new();
    if operation["state"] == "interrupted" {
        let word = if case.goes_on { "resume" } else { "undo" };
        let (mut code, words) = said(&shop.home.run(&[word, id, "--yes"]));
        told = words;
        if code == 3 && !case.goes_on {
            // From where it only tidies up there is no way back but another plan, and that is said.
            assert!(told.contains("it only tidies up"), "{case:?}: {told}");
            (code, told) = said(&shop.home.run(&["resume", id, "--yes"]));
        }
        assert_eq!(code, 0, "{case:?}: {told}");
    }
    let operation = shop.home.operation();
    let wanted = match operation["state"].as_str() {
        Some("done") if is_restore => "kept",
        Some("done" | "undone") => "damaged",
        other => panic!("{case:?}: {other:?}: {told}"),
    };
    assert_eq!(shop.state(), wanted, "{case:?}: {operation}: {told}");
    assert!(shop.web_runs(), "{case:?}: {told}");
    assert_eq!(shop.leftovers(), [] as [String; 0], "{case:?}: {told}");
    assert_eq!(shop.is_sound(), Ok(()), "{case:?}");
    true
}

/// Every record, in two shops side by side. Each step is once gone on with and once taken back, before it or after it.
fn all_survive(database: Database, command: &str) {
    let case = format!("a {command} of {database:?} that is killed");
    let Some(first) = Shop::open(&case, database) else { return };
    let second = Shop::open(&case, database).expect("the first was there");
    let (next, last) = (AtomicUsize::new(0), AtomicUsize::new(ENDLESS));
    std::thread::scope(|scope| {
        for shop in [&first, &second] {
            scope.spawn(|| {
                loop {
                    let record = next.fetch_add(1, Ordering::Relaxed);
                    if record >= last.load(Ordering::Relaxed) {
                        return;
                    }
                    if !survives(shop, command, Case { record, goes_on: record % 4 < 2 }) {
                        last.fetch_min(record, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let places = last.into_inner();
    assert!((2..ENDLESS).contains(&places), "{case}: {places} records are none");
    eprintln!("{case}: at {places} places");
}

#[test]
fn a_backup_of_postgres_survives() {
    all_survive(Database::Postgres, "backup");
}

#[test]
fn a_restore_of_postgres_survives() {
    all_survive(Database::Postgres, "restore");
}

#[test]
fn a_restore_of_redis_survives() {
    all_survive(Database::Redis, "restore");
}

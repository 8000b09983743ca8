//! SQLite.

use midwatch::domain::Method;

use super::scene::Scene;

const FILE: &str = "/srv/it's data/app.db";
/// Of all rows of both tables.
const DIGEST: &str =
    "select count(*), sum(id), group_concat(hex(body)) from pages; select count(*) from \"odd \"\"name\"";

/// A database of a user of its own, in a container that also has a shell of it open all the time.
async fn sqlite(case: &str, journal: &str) -> Option<Scene> {
    let scene = Scene::open(case, (Method::Sqlite, Some(FILE)), &[], "sleep 10000").await?;
    let make = format!(
        "pragma journal_mode = {journal}; create table pages (id integer primary key, body blob); \
         insert into pages select value, randomblob(200) from generate_series(1, 5000); \
         create table \"odd \"\"name\" (x); insert into \"odd \"\"name\" values (1); \
         create virtual table words using fts5(word)"
    );
    scene.sh(&format!("mkdir -p \"${{0%/*}}\" && {} && chown -R 1000:1001 /srv/* && chmod 640 \"$0\"", sql(&make)));
    Some(scene)
}

fn sql(text: &str) -> String {
    let text = text.replace('"', "\\\"");
    format!("sqlite3 -bail -cmd '.timeout 30000' \"$0\" \"{text}\"")
}

impl Scene {
    fn asks(&self, text: &str) -> String {
        self.sh(&sql(text))
    }

    /// Owner and mode of the file, and what is beside it.
    fn around(&self) -> (String, String) {
        let beside = "ls -A \"${0%/*}\" /tmp | grep midwatch || true";
        (self.sh("stat -c '%u:%g %a' \"$0\""), self.sh(beside))
    }
}

async fn is_as_it_was_again(journal: &str) {
    let Some(scene) = sqlite("a damaged sqlite", journal).await else { return };
    let healthy = scene.asks(DIGEST);
    let snapshot = scene.backed_up().await;
    assert_eq!(snapshot.version.as_deref(), Some("3.40.1"));
    let counts = ["pages", "odd \"name"].map(|table| snapshot.counts[table]);
    assert_eq!(counts, [(5000, 5000), (1, 1)], "{:?}", snapshot.counts);
    assert!(scene.dumped(&snapshot).starts_with(b"SQLite format 3\0"));

    // One that has it open sees each of the two as a whole.
    scene.asks("delete from pages where id % 2; drop table \"odd \"\"name\"");
    let sums = "select count(*), sum(id) from pages";
    let reader = format!("yes '{sums};' | sqlite3 -cmd '.timeout 30000' \"$0\" >/tmp/seen 2>/tmp/errors");
    scene.goes_on(&reader);
    scene.until("the reader to read", "grep -q . /tmp/seen");
    scene.restored(&snapshot).await;
    assert_eq!(scene.asks(DIGEST), healthy);
    scene.until("the reader to see it", "tail -n 2 /tmp/seen | grep -q 5000");
    scene.sh("pkill -x sqlite3");
    assert_eq!(scene.sh("head -n -1 /tmp/seen | sort -u"), "2500|6252500\n5000|12502500");
    assert_eq!(scene.sh("cat /tmp/errors"), "");
    assert_eq!(scene.around(), ("1000:1001 640".into(), String::new()));
    assert_eq!(scene.asks("pragma journal_mode"), journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_sqlite_with_a_journal_is_as_it_was_again_under_a_reader() {
    is_as_it_was_again("delete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_sqlite_with_a_log_is_as_it_was_again_under_a_reader() {
    is_as_it_was_again("wal").await;
}

async fn under_writes(journal: &str) {
    let Some(scene) = sqlite("a sqlite under writes", journal).await else { return };
    scene.asks("create table left_side (id); create table right_side (id)");
    let write = "begin immediate; insert into left_side values (1); insert into right_side values (1); commit;";
    scene.goes_on(&format!("yes '{write}' | sqlite3 -cmd '.timeout 30000' \"$0\""));
    scene.until("the writer to write", &format!("{} | grep -q ..", sql("select count(*) from left_side")));
    let snapshot = scene.backed_up().await;
    let sides = ["left_side", "right_side"].map(|table| snapshot.counts[table]);
    assert!(sides[0] == sides[1] && sides[0].0 >= 10, "{sides:?}");
    // Also a restore waits for its turn, and the writer goes on from there.
    scene.restored(&snapshot).await;
    scene.sh("pkill -x sqlite3");
    scene.until("the writer to end", "! pgrep -x sqlite3");
    let counts = scene.asks("select (select count(*) from left_side) - (select count(*) from right_side)");
    assert_eq!((counts, scene.asks("pragma integrity_check")), ("0".into(), "ok".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_with_a_journal_is_backed_up_and_restored_under_writes() {
    under_writes("delete").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_with_a_log_is_backed_up_and_restored_under_writes() {
    under_writes("wal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_that_is_gone_or_cannot_be_read_is_made_again() {
    let Some(scene) = sqlite("a sqlite file that is gone", "wal").await else { return };
    let healthy = scene.asks(DIGEST);
    let snapshot = scene.backed_up().await;
    let damages = ["head -c 90000 /dev/urandom >\"$0\"", "truncate -s 70000 \"$0\"", "truncate -s 0 \"$0\""];
    for damage in damages {
        scene.sh(damage);
        scene.restored(&snapshot).await;
        assert_eq!(scene.asks(DIGEST), healthy, "{damage}");
        assert_eq!(scene.around(), ("1000:1001 640".into(), String::new()), "{damage}");
    }
    // Where its directory is, whoever may make files there is to have it.
    scene.sh("rm \"$0\"; echo stale >\"$0-journal\"");
    scene.restored(&snapshot).await;
    assert_eq!(scene.asks(DIGEST), healthy);
    assert_eq!(scene.around(), ("1000:1001 660".into(), String::new()));
    scene.sh("rm -r \"${0%/*}\"");
    scene.restored(&snapshot).await;
    assert_eq!(scene.asks(DIGEST), healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_of_a_sqlite_file_overwrites_nothing() {
    let Some(scene) = sqlite("part of a sqlite file", "delete").await else { return };
    let snapshot = scene.backed_up().await;
    scene.asks("delete from pages where id > 10");
    scene.overwrites_nothing_with_a_part(&snapshot, || scene.asks(DIGEST)).await;
    assert_eq!(scene.around(), ("1000:1001 640".into(), String::new()));
    scene.sh("touch /tmp/.midwatch-restore-old");
    scene.taken_back(&snapshot).await;
    scene.taken_back(&snapshot).await;
    assert_eq!(scene.around().1, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_dump_that_nobody_takes_any_more_leaves_nothing() {
    let Some(scene) = sqlite("a sqlite dump that nobody takes", "delete").await else { return };
    scene.asks("insert into pages select value, randomblob(2000) from generate_series(10000, 40000)");
    tokio::select! {
        snapshot = scene.back_up() => panic!("it was not seen at it: {snapshot:?}"),
        () = scene.sees("ls \"${0%/*}\"/.midwatch-dump-* >/dev/null 2>&1") => {}
    }
    scene.until("the dump to end", "! pgrep -x sqlite3 && ! pgrep -f [m]idwatch");
    assert_eq!(scene.around(), ("1000:1001 640".into(), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_or_tool_that_is_missing_is_named() {
    let Some(scene) = sqlite("a sqlite tool that is missing", "delete").await else { return };
    scene.sh("rm \"$0\"");
    let trouble = scene.back_up().await.expect_err("there is no file");
    assert_eq!(&*trouble.why, "there is no file /srv/it's data/app.db");
    scene.sh("mv /usr/bin/sqlite3 /usr/bin/sqlite2");
    let trouble = scene.back_up().await.expect_err("there is no tool");
    assert_eq!(&*trouble.why, "there is no sqlite3 in the instance");
}

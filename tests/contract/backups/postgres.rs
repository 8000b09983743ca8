//! PostgreSQL.

use std::process::Command;

use midwatch::domain::{Method, Renamed};

use super::{
    Return, STACK, access, backed_up, bring_back, brought, discard, restic, settle, silent, take_back, to_return,
    to_return_as, until,
};
use crate::{
    docker::{DockerStage, docker},
    stage::{Running, Stage},
};

/// In lab/stack, where the server asks nobody for a password but wants its own user.
const POSTGRES: &str = "exec /usr/lib/postgresql/*/bin/postgres -D /var/lib/postgresql/*/main \
                        -c config_file=$(echo /etc/postgresql/*/main/postgresql.conf)";

fn postgres(stage: &DockerStage) -> Running {
    let name = format!("{}-db", stage.prefix);
    let label = format!("{}=1", stage.prefix);
    let command = ["su", "postgres", "-c", POSTGRES];
    let id = docker(&[&["run", "-d", "--name", &name, "--label", &label, STACK], &command[..]].concat());
    until("the server to answer", || sql(&name, "postgres", "select 1").is_some());
    stage.running(&name, &id)
}

fn sql(container: &str, database: &str, text: &str) -> Option<String> {
    let mut docker = Command::new("docker");
    docker.args(["exec", "-u", "postgres", container, "psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", text, database]);
    let output = docker.output().expect("docker runs");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn must(container: &str, database: &str, text: &str) -> String {
    sql(container, database, text).unwrap_or_else(|| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_under_writes_is_backed_up_as_it_was_in_one_moment() {
    let Some(stage) = DockerStage::open("a postgres under writes").await else { return };
    let running = postgres(&stage);
    let name = &running.name;
    must(name, "postgres", "create database shop");
    must(name, "shop", "create table orders as select id, md5(id::text) as text from generate_series(1, 1000000) id");
    // Each writes to both, so that their counts are the same in every moment.
    must(name, "shop", "create table left_side (id int); create table right_side (id int)");
    let writes = "do $$ begin loop insert into left_side values (1); insert into right_side values (1); commit; end loop; end $$";
    let mut writer = Command::new("docker")
        .args(["exec", "-u", "postgres", name, "psql", "-XAtqw", "-c", writes, "shop"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("docker runs");
    until("the writer to write", || must(name, "shop", "select count(*) > 100 from left_side") == "t");

    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Postgres).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(snapshot.counts["shop public.orders"], (1_000_000, 1_000_000), "{:?}", snapshot.counts);
    let sides = [&snapshot.counts["shop public.left_side"], &snapshot.counts["shop public.right_side"]];
    assert!(sides[0] == sides[1] && sides[0].0 > 100, "{sides:?}");
    writer.kill().and_then(|()| writer.wait()).expect("killed");

    restic(&place, &["check", "--read-data"]);
    let dump = restic(&place, &["dump", snapshot.id.as_str(), &format!("/containers/{name}/postgres/shop.dump")]);
    assert_eq!(
        snapshot.files.iter().find(|file| &*file.name == "shop.dump").expect("it is there").bytes,
        dump.len() as u64
    );
    let copy = files.path().join("shop.dump");
    std::fs::write(&copy, dump).expect("it is written");
    docker(&["cp", &copy.display().to_string(), &format!("{name}:/tmp/shop.dump")]);
    docker(&["exec", name, "chmod", "644", "/tmp/shop.dump"]);
    must(name, "postgres", "create database again");
    docker(&["exec", "-u", "postgres", name, "pg_restore", "--exit-on-error", "-d", "again", "/tmp/shop.dump"]);
    let digest = "select md5(string_agg(text, ',' order by id)) from orders";
    let healthy = must(name, "shop", digest);
    assert_eq!(must(name, "again", digest), healthy);
    assert_eq!(must(name, "again", "select count(*) from left_side"), sides[0].0.to_string());

    must(name, "shop", "delete from orders where id % 2 = 0; insert into left_side values (1)");
    let backend = (&stage as &dyn Stage).backend().await;
    let order = to_return(&snapshot, &running);
    bring_back(&*backend, &access(&place), &order, &silent()).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(must(name, "shop", digest), healthy);
    let counts = "select (select count(*) from left_side) || ' ' || (select count(*) from right_side)";
    assert_eq!(must(name, "shop", counts), format!("{0} {0}", sides[0].0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_database_comes_back_under_another_name_beside_the_live_one() {
    let Some(stage) = DockerStage::open("a database by another name").await else { return };
    let running = postgres(&stage);
    let name = &running.name;
    must(name, "postgres", "create database shop");
    must(name, "postgres", "create database other");
    must(name, "shop", "create table orders as select id, md5(id::text) as text from generate_series(1, 5000) id");
    let digest = "select count(*), md5(string_agg(id || text, ',' order by id)) from orders";
    let healthy = must(name, "shop", digest);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Postgres).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));

    must(name, "shop", "delete from orders where id % 2 = 0");
    let damaged = must(name, "shop", digest);
    let backend = (&stage as &dyn Stage).backend().await;
    let (access, silent) = (access(&place), silent());
    let databases = || must(name, "postgres", "select string_agg(datname, ' ' order by datname) from pg_database");
    let usual = databases();
    let order = to_return_as("shop \"then\"", &snapshot, &running);
    let comment = "select count(*) from pg_shdescription where description like 'midwatch%'";
    for settles in [false, true] {
        bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(
            (must(name, "shop \"then\"", digest), must(name, "shop", digest)),
            (healthy.clone(), damaged.clone())
        );
        for _ in 0..2 {
            match settles {
                false => take_back(&*backend, &access, &order, &silent).await,
                true => settle(&*backend, &access, &order, &silent).await,
            }
            .unwrap_or_else(|trouble| panic!("{trouble}"));
        }
        assert_eq!(databases() == usual, !settles, "{}", databases());
        assert_eq!(must(name, "postgres", comment), "0");
    }

    // Somebody has the name: neither is it taken from them, nor do they lose what they have.
    let trouble = bring_back(&*backend, &access, &order, &silent).await.expect_err("somebody has it");
    assert!(trouble.why.starts_with("there is a database shop \"then\""), "{trouble}");
    brought(&*backend, &access, &order, &silent).await.expect_err("somebody has it");
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(must(name, "shop \"then\"", digest), healthy);
    must(name, "postgres", "drop database \"shop \"\"then\"\"\"");
    assert_eq!(databases(), usual);
    let none = Return { database: Some(Renamed { from: "shoe".into(), to: "it".into() }), ..order };
    let trouble = bring_back(&*backend, &access, &none, &silent).await.expect_err("there is none");
    assert_eq!(trouble.help.as_deref(), Some("it holds other, postgres, shop"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_is_missing_is_named_and_leaves_no_snapshot() {
    let Some(stage) = DockerStage::open("a tool that is missing").await else { return };
    let running = stage.start(&[], "sleep 1000");
    let files = tempfile::tempdir().expect("a directory");
    let trouble =
        backed_up(&stage, &running, &files.path().join("repository"), Method::Postgres).await.expect_err("none");
    assert_eq!(&*trouble.why, "there is no psql in the instance");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_postgres_is_as_it_was_again_and_as_it_was_before_that_when_it_is_taken_back() {
    let Some(stage) = DockerStage::open("a damaged postgres").await else { return };
    let running = postgres(&stage);
    let name = &running.name;
    must(name, "postgres", "create role shopkeeper login password 'x'");
    must(name, "postgres", "create database shop owner shopkeeper");
    must(name, "postgres", "grant connect on database shop to shopkeeper; alter database shop set work_mem = '8MB'");
    let make = "create table orders as select id, md5(id::text) as text from generate_series(1, 50000) id; \
                create index on orders (id); create sequence numbers start 42; select nextval('numbers')";
    must(name, "shop", make);
    let digest =
        "select count(*), md5(string_agg(id || text, ',' order by id)), (select last_value from numbers) from orders";
    let healthy = must(name, "shop", digest);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Postgres).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));

    must(name, "shop", "delete from orders where id % 2 = 0; select nextval('numbers')");
    let damaged = must(name, "shop", digest);
    let backend = (&stage as &dyn Stage).backend().await;
    let order = to_return(&snapshot, &running);
    let (access, silent) = (access(&place), silent());
    let databases = || must(name, "postgres", "select string_agg(datname, ' ' order by datname) from pg_database");
    let usual = databases();
    for _ in 0..2 {
        // Whoever is connected meanwhile does not keep it from its place.
        bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(must(name, "shop", digest), healthy);
        assert_eq!(must(name, "shop", "show work_mem"), "8MB");
        assert!(databases().contains("shop_midwatch_old_"), "{}", databases());
        take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(must(name, "shop", digest), damaged);
        assert_eq!(databases(), usual);
    }
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    for _ in 0..2 {
        settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    }
    assert_eq!((must(name, "shop", digest), databases()), (healthy, usual.clone()));

    // On a server that has lost everything.
    must(name, "postgres", "drop database shop");
    must(name, "postgres", "drop role shopkeeper");
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(!databases().contains("shop"), "there was none: {}", databases());
    must(name, "postgres", "drop role shopkeeper");
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    let owner = "select pg_get_userbyid(relowner) from pg_class where relname = 'orders'";
    assert_eq!(must(name, "shop", owner), "postgres");
    assert_eq!(must(name, "postgres", "select rolcanlogin from pg_roles where rolname = 'shopkeeper'"), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_repository_overwrites_nothing() {
    let Some(stage) = DockerStage::open("a damaged repository").await else { return };
    let running = postgres(&stage);
    let name = &running.name;
    must(name, "postgres", "create database shop");
    must(name, "shop", "create table orders as select id, md5(id::text) as text from generate_series(1, 50000) id");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Postgres).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    let packs = restic(&place, &["list", "packs"]);
    for pack in String::from_utf8_lossy(&packs).lines() {
        let path = place.join("data").join(&pack[..2]).join(pack);
        let mut bytes = std::fs::read(&path).expect("a pack");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).expect("it is written");
    }
    let usual = must(name, "postgres", "select string_agg(datname, ' ' order by datname) from pg_database");
    let backend = (&stage as &dyn Stage).backend().await;
    let order = to_return(&snapshot, &running);
    let (access, silent) = (access(&place), silent());
    for trouble in [
        bring_back(&*backend, &access, &order, &silent).await.expect_err("it is damaged"),
        brought(&*backend, &access, &order, &silent).await.expect_err("it is damaged"),
    ] {
        assert!(trouble.what.starts_with("could not read "), "{trouble}");
    }
    assert_eq!(must(name, "shop", "select count(*) from orders"), "50000");
    discard(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(must(name, "postgres", "select string_agg(datname, ' ' order by datname) from pg_database"), usual);
}

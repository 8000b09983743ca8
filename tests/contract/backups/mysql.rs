//! MariaDB, for MySQL too.

use std::process::{Command, Stdio};

use midwatch::domain::Method;

use super::{
    access, backed_up, bring_back, brought, discard, put_program, restic, settle, silent, take_back, to_return,
    to_return_as, until,
};
use crate::{
    docker::{DockerStage, docker},
    stage::{Running, Stage},
};

const IMAGE: &str = "lab/mariadb";
/// As hostile as a password may be to a shell.
const PASSWORD: &str = "pa'ss \"wo$rd";

const SERVER: &str = "mkdir -p /run/mysqld && mariadb-install-db --user=root --skip-test-db \
                      --auth-root-authentication-method=normal >/dev/null && exec mariadbd --user=root --skip-networking --event-scheduler=on";

fn mariadb(stage: &DockerStage) -> Running {
    let name = format!("{}-db", stage.prefix);
    let label = format!("{}=1", stage.prefix);
    let variable = format!("MARIADB_ROOT_PASSWORD={PASSWORD}");
    let id = docker(&["run", "-d", "--name", &name, "--label", &label, "-e", &variable, IMAGE, "sh", "-c", SERVER]);
    // Until then it asks for none.
    let password = format!("set password for root@localhost = password('{}')", PASSWORD.replace('\'', "''"));
    let set = ["exec", &name, "mariadb", "-e", &password];
    until("the server to answer", || Command::new("docker").args(set).output().expect("docker runs").status.success());
    stage.running(&name, &id)
}

fn client(container: &str, arguments: &[&str]) -> Option<String> {
    let password = format!("MYSQL_PWD={PASSWORD}");
    let mut docker = Command::new("docker");
    docker.args(["exec", "-e", &password, container, "mariadb", "-N", "-B", "--default-character-set=utf8mb4"]);
    let output = docker.args(arguments).output().expect("docker runs");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn must(container: &str, text: &str) -> String {
    client(container, &["-e", text]).unwrap_or_else(|| panic!("{text}"))
}

const SHOP: &str = r"
create database shop character set utf8mb4 collate utf8mb4_bin;
create database `od``d -shop` character set latin1;
create table `od``d -shop`.`--t ``q` (a int);
insert into `od``d -shop`.`--t ``q` values (1), (2);
use shop;
create table orders (id int primary key auto_increment, `te``xt` varchar(200), b blob, g int generated always as (length(b)) stored);
insert into orders (`te``xt`, b) select concat('it''s (a),(b); \\ \n INSERT INTO `x` VALUES (1), ', seq, ' 😀'), unhex(md5(seq)) from seq_1_to_5000;
create table none (a int);
create table log (id int primary key auto_increment, what text);
create trigger after_orders after insert on orders for each row
INSERT INTO `log` VALUES (null, 'n');
create definer = gone@`%` procedure cleanup() delete from shop.log;
create function twice(a int) returns int deterministic return a * 2;
create event nightly on schedule every 1 day do delete from shop.log;
create view dear as select id, `te``xt` from shop.orders where id > 10;
create user ann@'%' identified by 'x''y';
grant select on shop.orders to ann@'%';
grant execute on procedure shop.cleanup to ann@'%';
create role clerk;
grant insert on shop.* to clerk;
grant clerk to ann@'%';
";

/// Of all that is in it, but what tables and users hold.
const SHAPE: &str = "show create database shop; show create table shop.orders; show create view shop.dear; \
                     show create procedure shop.cleanup; show create function shop.twice; show create event shop.nightly; \
                     select trigger_name, action_statement, definer from information_schema.triggers where trigger_schema = 'shop'";
const CONTENT: &str =
    "checksum table shop.orders, shop.none, shop.log, `od``d -shop`.`--t ``q`; select count(*), sum(id) from shop.dear";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_mariadb_is_as_it_was_again() {
    let Some(stage) = DockerStage::open("a damaged mariadb").await else { return };
    let running = mariadb(&stage);
    let name = &running.name;
    must(name, SHOP);
    let healthy = [must(name, SHAPE), must(name, CONTENT), must(name, "show grants for ann@'%'")];
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Mysql).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    let counts: Vec<_> = snapshot.counts.iter().map(|(name, (least, most))| (&**name, *least, *most)).collect();
    let wanted = [("od`d -shop --t `q", 2, 2), ("shop log", 0, 0), ("shop none", 0, 0), ("shop orders", 5000, 5000)];
    assert_eq!(counts, wanted);

    restic(&place, &["check", "--read-data"]);
    for file in &snapshot.files {
        let path = format!("/containers/{name}/mysql/{}", file.name);
        assert_eq!(restic(&place, &["dump", snapshot.id.as_str(), &path]).len() as u64, file.bytes, "{}", file.name);
    }

    must(name, "use shop; delete from orders where id % 2 = 0; drop view dear; create table later (a int)");
    let damaged = must(name, "checksum table shop.orders, shop.later");
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    let databases = || must(name, "show databases");
    let usual = databases();
    discard(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(must(name, "checksum table shop.orders, shop.later"), damaged);
    for loss in ["", "drop database shop; drop database `od``d -shop`; drop user ann@'%'; drop role clerk"] {
        must(name, loss);
        bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        let restored = [must(name, SHAPE), must(name, CONTENT), must(name, "show grants for ann@'%'")];
        assert_eq!(restored, healthy, "after {loss:?}");
        assert_eq!(databases(), usual);
        assert_eq!(must(name, "select count(*) from information_schema.tables where table_name = 'later'"), "0");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_database_of_mariadb_comes_back_under_another_name_beside_the_live_one() {
    let Some(stage) = DockerStage::open("a database of mariadb by another name").await else { return };
    let running = mariadb(&stage);
    let name = &running.name;
    must(name, SHOP);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Mysql).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    let of = |database: &str| {
        let texts = "select count(*), sum(crc32(concat(id, `te``xt`, hex(b)))), sum(g) from orders";
        client(name, &["--database", database, "-e", texts]).expect("it is told")
    };
    let healthy = of("shop");
    must(name, "delete from shop.orders where id % 2 = 0");
    let live = || [must(name, SHAPE), must(name, CONTENT), must(name, "show grants for ann@'%'")];
    let damaged = live();
    let backend = (&stage as &dyn Stage).backend().await;
    let (access, silent) = (access(&place), silent());
    let databases = || must(name, "show databases");
    let usual = databases();
    let then = "sh`op then";
    let order = to_return_as(then, &snapshot, &running);
    let tables =
        "select count(*) from information_schema.tables where table_schema = 'sh`op then' and table_type <> 'VIEW'";
    for settles in [false, true] {
        bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!((of(then), live()), (healthy.clone(), damaged.clone()));
        // As after a crash before that was written down.
        brought(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        for _ in 0..2 {
            match settles {
                false => take_back(&*backend, &access, &order, &silent).await,
                true => settle(&*backend, &access, &order, &silent).await,
            }
            .unwrap_or_else(|trouble| panic!("{trouble}"));
        }
        assert_eq!(must(name, tables), if settles { "3" } else { "0" });
        assert_eq!(databases() == usual, !settles, "{}", databases());
    }
    assert_eq!(must(name, "select count(*) from information_schema.events where event_schema = 'sh`op then'"), "0");

    let trouble = bring_back(&*backend, &access, &order, &silent).await.expect_err("somebody has it");
    assert!(trouble.why.starts_with("there is a database sh`op then"), "{trouble}");
    let trouble = brought(&*backend, &access, &order, &silent).await.expect_err("somebody has it");
    assert!(trouble.why.contains("there is a database sh`op then already"), "{trouble}");
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!((of(then), live()), (healthy, damaged));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_under_writes_is_backed_up_as_it_was_in_one_moment() {
    let Some(stage) = DockerStage::open("a mariadb under writes").await else { return };
    let running = mariadb(&stage);
    let name = &running.name;
    must(name, "create database shop; use shop; create table left_side (a int); create table right_side (a int)");
    // Each writes to both, so that their counts are the same in every moment.
    let writes = "delimiter ;;\nbegin not atomic\n while true do\n start transaction; insert into left_side values (1); \
                  insert into right_side values (1); commit;\n end while;\nend;;";
    let password = format!("MYSQL_PWD={PASSWORD}");
    let mut writer = Command::new("docker")
        .args(["exec", "-e", &password, name, "sh", "-c", "printf %s \"$0\" | mariadb shop", writes])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker runs");
    until("the writer to write", || must(name, "select count(*) > 100 from shop.left_side") == "1");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place, Method::Mysql).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    let sides = [snapshot.counts["shop left_side"], snapshot.counts["shop right_side"]];
    assert!(sides[0] == sides[1] && sides[0].0 > 100, "{sides:?}");
    must(name, "select concat('kill ', id) from information_schema.processlist where db = 'shop'")
        .lines()
        .for_each(|kill| _ = client(name, &["-e", kill]));
    writer.wait().expect("it was ended");

    let backend = (&stage as &dyn Stage).backend().await;
    let restored = bring_back(&*backend, &access(&place), &to_return(&snapshot, &running), &silent()).await;
    restored.unwrap_or_else(|trouble| panic!("{trouble}"));
    let both = must(name, "select (select count(*) from shop.left_side), (select count(*) from shop.right_side)");
    assert_eq!(both, format!("{0}\t{0}", sides[0].0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_mariadb_that_breaks_off_is_no_snapshot_and_a_damaged_one_overwrites_nothing() {
    let Some(stage) = DockerStage::open("a dump that breaks off").await else { return };
    let running = mariadb(&stage);
    let name = &running.name;
    must(name, SHOP);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let cut = "#!/bin/sh\n/usr/bin/mariadb-dump \"$@\" | head -c 100000\n";
    put_program(name, "mariadb-dump", cut);
    let trouble = backed_up(&stage, &running, &place, Method::Mysql).await.expect_err("it is cut off");
    assert_eq!(&*trouble.why, "shop.sql is not whole: its last line is missing");
    docker(&["exec", name, "rm", "/usr/local/bin/mariadb-dump"]);

    let snapshot = backed_up(&stage, &running, &place, Method::Mysql).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    let before = [must(name, SHAPE), must(name, CONTENT), must(name, "show databases")];
    for pack in String::from_utf8_lossy(&restic(&place, &["list", "packs"])).lines() {
        let path = place.join("data").join(&pack[..2]).join(pack);
        let mut bytes = std::fs::read(&path).expect("a pack");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).expect("it is written");
    }
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    let trouble = bring_back(&*backend, &access, &order, &silent).await.expect_err("it is damaged");
    assert!(!format!("{trouble}").contains("it's (a)"), "nothing of the data is told: {trouble}");
    discard(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!([must(name, SHAPE), must(name, CONTENT), must(name, "show databases")], before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_missing_or_not_let_in_is_told_and_leaves_no_snapshot() {
    let Some(stage) = DockerStage::open("a client that is missing").await else { return };
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let why = async |running: &Running| {
        backed_up(&stage, running, &place, Method::Mysql).await.expect_err("nothing comes of it").why
    };
    assert_eq!(&*why(&stage.start(&[], "sleep 1000")).await, "there is no mysql in the instance");
    let running = mariadb(&stage);
    must(&running.name, "set password for root@localhost = password('another')");
    let why = why(&running).await;
    assert!(why.contains("Access denied for user 'root'") && !why.contains("wo$rd"), "{why}");
}

//! What is asked for by commands, from the first backup to the last that is let go.

use serde_json::Value;

use crate::{
    home::said,
    shop::{Database, PASSWORD, Shop},
};

fn objects(shop: &Shop, arguments: &[&str]) -> Vec<Value> {
    let output = shop.home.run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What `backups` says of the shop's database.
fn protection(shop: &Shop) -> Value {
    let all = objects(shop, &["backups", "--json", "--scope", shop.scope()]);
    all.into_iter().find(|one| one["service"] == "db").expect("it is listed")
}

#[test]
fn what_is_backed_up_is_proven_restored_and_let_go_by_commands() {
    let Some(shop) = Shop::open("backups by commands", Database::Postgres) else { return };
    let (address, scope) = (shop.address(), shop.scope());

    let known = protection(&shop);
    assert_eq!(
        (&known["health"], &known["reason"]),
        (&"degraded".into(), &"never proven restorable".into()),
        "{known}"
    );
    let (code, told) = said(&shop.home.run(&["backup", "--due", "--yes", "--scope", scope]));
    assert!(code == 0 && told.contains("nothing is due"), "{code}: {told}");

    let (code, told) = said(&shop.home.run(&["verify", &address, "--yes"]));
    assert_eq!(code, 0, "{told}");
    let known = protection(&shop);
    assert!(known["health"] == "healthy" && known["took"].is_number(), "{known}");
    assert_eq!(shop.scratches(), [] as [String; 0]);

    shop.make("damaged");
    let then = ["restore", &address, "--database", "postgres=before", "--yes"];
    let (code, told) = said(&shop.home.run(&then));
    assert_eq!(code, 0, "{told}");
    assert_eq!((shop.state(), shop.state_in("before")), ("damaged".into(), "kept".into()));
    let (code, told) = said(&shop.home.run(&then));
    assert!(code == 1 && told.contains("there is a database before"), "{code}: {told}");
    assert_eq!(shop.state_in("before"), "kept");
    let (code, told) = said(&shop.home.run(&["restore", &address, "--database", "shop=before", "--yes"]));
    assert!(
        code == 2 && told.contains("holds no database shop") && told.contains("it holds postgres"),
        "{code}: {told}"
    );
    let snapshots = objects(&shop, &["backups", &address, "--json"]);
    let [first] = &snapshots[..] else { panic!("{snapshots:?}") };
    let id = &first["snapshot"].as_str().expect("an id")[..8];
    let (code, told) = said(&shop.home.run(&["restore", &address, id, "--yes"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(shop.state(), "kept");

    // What was taken before is for a week.
    let retained = objects(&shop, &["forget", "--dry-run", "--json"]);
    let standing: Vec<_> = retained.iter().map(|one| (&one["standing"], &one["stays"])).collect();
    assert_eq!(standing, [(&"safety".into(), &true.into()), (&"whole".into(), &true.into())], "{retained:?}");
    let (code, told) = said(&shop.home.run(&["forget", "--yes"]));
    assert_eq!(code, 0, "{told}");
    assert_eq!(objects(&shop, &["backups", &address, "--json"]).len(), 2);
    assert_eq!(shop.is_sound(), Ok(()));
}

#[test]
fn what_may_not_be_done_or_cannot_be_meant_is_refused_and_changes_nothing() {
    let Some(shop) = Shop::open("backups that are refused", Database::Redis) else { return };
    let address = shop.address();
    shop.make("damaged");
    for (arguments, wanted, says) in [
        (&["--read-only", "restore", &address, "--yes"][..], 3, "read-only"),
        (&["--read-only", "backup", &address, "--yes"], 3, "read-only"),
        (&["--read-only", "forget", "--yes"], 3, "read-only"),
        (&["restore", &address], 3, "--yes confirms"),
        (&["restore", &address, "ffffffff", "--yes"], 2, "none begins with ffffffff"),
        (&["restore", &address, "--to", "/data", "--yes"], 2, "redis has no path"),
        (&["restore", &address, "--database", "0=1", "--yes"], 2, "no database of redis can be had by itself"),
        (&["restore", &address, "--database", "0", "--yes"], 2, "written as NAME=NEW"),
        (&["backup", &address, "--what", "files", "--yes"], 2, "files wants a path"),
        (&["restore", &address, "--what", "mongo", "--yes"], 2, "there is none that is whole"),
    ] {
        let (code, told) = said(&shop.home.run(arguments));
        assert!(code == wanted && told.contains(says), "{arguments:?}: {code}: {told}");
    }
    assert_eq!(shop.state(), "damaged");
    assert_eq!(objects(&shop, &["backups", &address, "--json"]).len(), 1);
}

#[test]
fn a_wrong_password_is_told_and_neither_is_printed() {
    let Some(shop) = Shop::open("a wrong password", Database::Redis) else { return };
    shop.has_password("swordfish");
    for arguments in [&["backups"][..], &["backup", &shop.address(), "--yes"], &["restore", &shop.address(), "--yes"]] {
        let (code, told) = said(&shop.home.run(arguments));
        assert!(code == 1 && told.contains("password"), "{arguments:?}: {code}: {told}");
        assert!(!told.contains("swordfish") && !told.contains(PASSWORD), "{told}");
    }
    assert_eq!(shop.is_sound(), Ok(()));
}

use std::{collections::BTreeMap, process::Command};

use bytes::Bytes;

use super::*;
use crate::domain::{Item, Method, ServiceId, Standing};

const PASSWORD: &str = "hunter2";

fn access(place: &Path) -> Access {
    Access { place: Place::Local(place.to_owned()), password: Password::new(PASSWORD), cache: None }
}

fn item() -> Item {
    let service = ServiceId::new(&"prod".into(), &"shop".into(), "db");
    Item { service, method: Method::Postgres, path: None }
}

/// Archives these, each cut off where it says so.
async fn archive(access: Access, streams: &[(&str, &[u8], bool)]) -> Result<Snapshot, Trouble> {
    let (outlets, incoming): (Vec<_>, Vec<_>) = streams.iter().map(|(name, ..)| incoming(*name)).unzip();
    let runtime = Handle::current();
    let archiving = tokio::task::spawn_blocking(move || {
        let repository = access.open_or_make(runtime)?;
        repository.archive(Note::new(item(), "mark"), incoming, |note| {
            note.version = Some("15.14".into());
            Ok(())
        })
    });
    for (outlet, (_, bytes, is_whole)) in outlets.into_iter().zip(streams) {
        for piece in bytes.chunks(100_000) {
            _ = outlet.write(Bytes::copy_from_slice(piece)).await;
        }
        if *is_whole {
            _ = outlet.end().await;
        }
    }
    archiving.await.expect("it ends")
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_listed_and_read_back() {
    let files = tempfile::tempdir().expect("a directory");
    let access = access(&files.path().join("repository"));
    let dump = noise(5_000_000);
    let snapshot = archive(access.clone(), &[("globals.sql", b"-- roles", true), ("shop.dump", &dump, true)]).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!((&snapshot.item, snapshot.standing, snapshot.bytes()), (&item(), Standing::Whole, 5_000_008));
    assert_eq!(snapshot.version.as_deref(), Some("15.14"));
    assert!(snapshot.added > 5_000_000, "{snapshot:?}");
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let repository = access.open(runtime)?.expect("it was made");
        let mut read = BTreeMap::new();
        for file in &snapshot.files {
            let mut bytes = Vec::new();
            repository.read(&snapshot.id, &file.name, &mut bytes)?;
            read.insert(file.name.to_string(), bytes);
        }
        Ok::<_, Trouble>((repository.snapshots()?.len(), read))
    });
    let (count, read) = read.await.expect("it ends").unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(count, 1);
    assert_eq!(read["globals.sql"], b"-- roles");
    assert!(read["shop.dump"] == dump);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_leaves_no_snapshot() {
    let files = tempfile::tempdir().expect("a directory");
    let access = access(files.path());
    let dump = noise(3_000_000);
    let trouble = archive(access.clone(), &[("shop.dump", &dump, false)]).await.expect_err("it was cut off");
    assert_eq!(&*trouble.why, "shop.dump was cut off");
    let runtime = Handle::current();
    let left = tokio::task::spawn_blocking(move || access.open(runtime)?.expect("it was made").snapshots());
    assert_eq!(left.await.expect("it ends"), Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such_and_no_repository_is_none() {
    let files = tempfile::tempdir().expect("a directory");
    let right = access(files.path());
    archive(right.clone(), &[("a", b"a", true)]).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    let wrong = Access { password: Password::new("hunter3"), ..right };
    let nowhere = access(&files.path().join("nowhere"));
    let runtime = Handle::current();
    let (wrong, nowhere) = tokio::task::spawn_blocking(move || (wrong.open(runtime.clone()), nowhere.open(runtime)))
        .await
        .expect("it ends");
    assert_eq!(&*wrong.err().expect("refused").why, "the password is wrong");
    assert!(matches!(nowhere, Ok(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_checks_lists_and_dumps_it() {
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let dump = noise(5_000_000);
    let streams: [(&str, &[u8], bool); 2] = [("globals.sql", b"-- roles", true), ("shop.dump", &dump, true)];
    let snapshot = archive(access(&place), &streams).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    let restic = |arguments: &[&str]| {
        let output = Command::new("restic")
            .arg("--no-cache")
            .arg("--repo")
            .arg(&place)
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .expect("restic runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    restic(&["check", "--read-data"]);
    let listed = String::from_utf8_lossy(&restic(&["snapshots"])).into_owned();
    assert!(listed.contains(snapshot.id.short()) && listed.contains("/shop/db/postgres"), "{listed}");
    assert!(restic(&["dump", snapshot.id.as_str(), "/shop/db/postgres/shop.dump"]) == dump);
}

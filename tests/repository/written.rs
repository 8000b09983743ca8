//! What is written: listed, read back, proven, let go.

use std::os::unix::fs::PermissionsExt;

use midwatch::domain::{Counts, Outcome, Proof, SnapshotId, Standing, Trial};

use super::*;

fn proof(of: &Snapshot, outcome: Outcome) -> Proof {
    let at = "2026-03-11T12:00:00Z".parse().expect("a time");
    let took = Duration::from_millis(61_500);
    Proof { of: of.id.clone(), item: of.item.clone(), at, took, trial: Trial::Rehearsed, outcome }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_listed_and_read_back() {
    let kept = Kept::new();
    let dump = noise(1, 5_000_000);
    let snapshot = told(back_up(&kept.access, "mark", &dump).await);
    assert_eq!((&snapshot.item, snapshot.standing, snapshot.bytes()), (&item(), Standing::Whole, 5_000_000));
    assert_eq!(snapshot.version.as_deref(), Some("15.14"));
    assert!(snapshot.added > 5_000_000, "{snapshot:?}");
    assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
    assert_eq!(told(ask(&kept.access, Repository::snapshots).await), [snapshot]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_stream_is_a_file_of_no_bytes() {
    let kept = Kept::new();
    let snapshot = told(back_up(&kept.access, "mark", b"").await);
    assert_eq!(snapshot.bytes(), 0);
    assert_eq!(told(read(&kept.access, &snapshot, "shop.dump").await), b"");
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_leaves_no_snapshot() {
    let kept = Kept::new();
    let begun = begin(&kept.access, "mark", "shop.dump");
    begun.write(&noise(1, 3_000_000)).await;
    let Begun { outlet, archiving } = begun;
    drop(outlet);
    let trouble = archiving.await.expect("it ends").expect_err("it was cut off");
    assert_eq!(&*trouble.why, "shop.dump was cut off");
    assert_eq!(told(ask(&kept.access, Repository::snapshots).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_checks_lists_and_dumps_it() {
    let kept = Kept::new();
    let dump = noise(1, 5_000_000);
    let snapshot = told(back_up(&kept.access, "mark", &dump).await);
    is_sound(&kept.access);
    let listed = String::from_utf8_lossy(&restic(&kept.access, &["snapshots"])).into_owned();
    assert!(listed.contains(snapshot.id.short()) && listed.contains("/shop/db/postgres"), "{listed}");
    assert!(restic(&kept.access, &["dump", snapshot.id.as_str(), "/shop/db/postgres/shop.dump"]) == dump);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_restic_made_is_written_to_whatever_its_version() {
    for version in ["1", "2"] {
        let kept = Kept::new();
        restic(&kept.access, &["init", "--repository-version", version]);
        let dump = noise(1, 1_000_000);
        let snapshot = told(back_up(&kept.access, "mark", &dump).await);
        assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
        is_sound(&kept.access);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_make_it_at_once_both_use_the_same() {
    let kept = Kept::new();
    let both = tokio::join!(back_up(&kept.access, "a", b"one"), back_up(&kept.access, "b", b"two"));
    told(both.0);
    told(both.1);
    assert_eq!(told(ask(&kept.access, Repository::snapshots).await).len(), 2);
    assert_eq!(stored(&kept.path, "keys").len(), 1);
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_and_a_cache_are_for_nobody_else() {
    let kept = Kept::new();
    let cache = kept.path.with_file_name("cache");
    std::fs::create_dir(&cache).expect("a directory");
    let access = Access { cache: Some(cache.clone()), ..kept.access.clone() };
    told(back_up(&access, "mark", b"a dump").await);
    for path in [&kept.path, &cache] {
        let mode = std::fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", path.display());
    }
    assert!(!stored(&cache, ".").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_read_by_everybody_and_is_no_backup() {
    let kept = Kept::new();
    let snapshot = told(back_up(&kept.access, "mark", b"a dump").await);
    let counts = Counts::from([("shop public.orders".into(), (12, 12))]);
    let opened = proof(&snapshot, Outcome::Opened(counts));
    let failed = Proof {
        at: "2026-03-10T12:00:00Z".parse().expect("a time"),
        trial: Trial::Restored,
        ..proof(&snapshot, Outcome::Failed("12 rows of 13".into()))
    };
    for written in [failed.clone(), opened.clone()] {
        told(ask(&kept.access, move |repository| repository.prove(&written)).await);
    }
    let listing = told(ask(&kept.access, Repository::listing).await);
    assert_eq!((listing.snapshots, listing.proofs), (vec![snapshot], vec![opened, failed]));
    is_sound(&kept.access);
    let listed = String::from_utf8_lossy(&restic(&kept.access, &["snapshots", "--tag", "proof"])).into_owned();
    assert!(listed.contains("/proof/shop/db/postgres") && listed.contains("rehearsed"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_into_a_proof_is_harmless() {
    let kept = Kept::new();
    let snapshot = told(back_up(&kept.access, "mark", b"a dump").await);
    let hostile = proof(&snapshot, Outcome::Failed("\u{1b}[2Jgone".into()));
    told(ask(&kept.access, move |repository| repository.prove(&hostile)).await);
    let proofs = told(ask(&kept.access, Repository::proofs).await);
    let Outcome::Failed(why) = &proofs[0].outcome else { panic!("{proofs:?}") };
    assert!(why.ends_with("[2Jgone") && !why.contains('\u{1b}'), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_cannot_be_proven() {
    let kept = Kept::new();
    let mut snapshot = told(back_up(&kept.access, "mark", b"a dump").await);
    snapshot.id = SnapshotId::new("00".repeat(32));
    let late = proof(&snapshot, Outcome::Opened(Counts::new()));
    let trouble = ask(&kept.access, move |repository| repository.prove(&late)).await.expect_err("it is gone");
    assert_eq!(&*trouble.why, "it was removed meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_go_takes_its_proofs_along_and_can_be_let_go_again() {
    let kept = Kept::new();
    let (goes, stays) = (back_up(&kept.access, "a", b"old").await, back_up(&kept.access, "b", b"new").await);
    let (goes, stays) = (told(goes), told(stays));
    let foreign = kept.path.with_file_name("notes.txt");
    std::fs::write(&foreign, "not ours").expect("it is written");
    restic(&kept.access, &["backup", &foreign.display().to_string()]);
    let listed = restic(&kept.access, &["list", "snapshots"]);
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let foreign = listed.lines().find(|id| ![goes.id.as_str(), stays.id.as_str()].contains(id)).expect("it is listed");
    let proofs = [&goes, &stays].map(|snapshot| proof(snapshot, Outcome::Opened(Counts::new())));
    for proof in proofs.clone() {
        told(ask(&kept.access, move |repository| repository.prove(&proof)).await);
    }
    let ids = [goes.id, SnapshotId::new(foreign)];
    for _ in 0..2 {
        let ids = ids.clone();
        told(ask(&kept.access, move |repository| repository.forget(&ids)).await);
        let listing = told(ask(&kept.access, Repository::listing).await);
        assert_eq!((listing.snapshots, listing.proofs), (vec![stays.clone()], vec![proofs[1].clone()]));
    }
    assert!(String::from_utf8_lossy(&restic(&kept.access, &["list", "snapshots"])).contains(foreign));
}

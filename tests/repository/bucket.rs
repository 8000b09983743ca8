//! In a bucket of a server that checks who asks.

use std::{io, os::unix::fs::PermissionsExt, sync::Arc};

use midwatch::domain::{Counts, Outcome, Proof, Trial};

use super::{
    server::{Who, Wire, access, port_as},
    *,
};

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bucket_it_is_written_read_proven_and_pruned_and_restic_finds_it_sound() {
    const THIS: &str = "bucket::in_a_bucket_it_is_written_read_proven_and_pruned_and_restic_finds_it_sound";
    let Some(port) = port_as(THIS, Who::User) else { return };
    let access = access(port, "backups");
    let goes = told(back_up(&access, "a", &noise(1, 5_000_000)).await);
    let dump = noise(2, 5_000_000);
    let stays = told(back_up(&access, "b", &dump).await);
    is_sound(&access);
    assert!(restic(&access, &["dump", stays.id.as_str(), "/shop/db/postgres/shop.dump"]) == dump);
    let proof = Proof {
        of: stays.id.clone(),
        item: item(),
        at: stays.at,
        took: Duration::from_secs(2),
        trial: Trial::Rehearsed,
        outcome: Outcome::Opened(Counts::new()),
    };
    told(ask(&access, move |repository| repository.prove(&proof)).await);
    for _ in 0..2 {
        let id = goes.id.clone();
        told(ask(&access, move |repository| repository.forget(&[id])).await);
    }
    let runs = [(); 2].map(|()| ask(&access, |repository| repository.prune(Duration::ZERO)));
    let mut removed = Vec::new();
    for run in runs {
        removed.push(told(run.await).removed);
    }
    assert!(removed[0] == 0 && removed[1] >= 5_000_000, "{removed:?}");
    assert!(told(read(&access, &stays, "shop.dump").await) == dump);
    let listing = told(ask(&access, Repository::listing).await);
    assert_eq!((&listing.snapshots[..], listing.proofs.len()), (&[stays][..], 1));
    is_sound(&access);
    restic(&access, &["prune"]);
    is_sound(&access);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cached_does_not_cross_the_network_again() {
    const THIS: &str = "bucket::what_is_cached_does_not_cross_the_network_again";
    let Some(port) = port_as(THIS, Who::User) else { return };
    told(back_up(&access(port, "backups"), "a", &noise(1, 2_000_000)).await);
    let wire = Wire::to(port);
    let files = tempfile::tempdir().expect("a directory");
    let cache = files.path().join("cache");
    let access = Access { cache: Some(cache.clone()), ..access(wire.port, "backups") };
    let mut crossed = Vec::new();
    for _ in 0..2 {
        let before = wire.answered();
        assert_eq!(told(ask(&access, Repository::snapshots).await).len(), 1);
        crossed.push(wire.answered() - before);
    }
    assert!(crossed[1] < crossed[0], "{crossed:?}");
    let mode = std::fs::metadata(&cache).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let id = told(ask(&access, Repository::snapshots).await)[0].id.clone();
    let has = |id: &str| stored(&cache, ".").iter().any(|path| path.ends_with(id));
    assert!(has(id.as_str()));
    let forgotten = id.clone();
    told(ask(&access, move |repository| repository.forget(&[forgotten])).await);
    assert!(!has(id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_in_the_middle_of_a_backup_is_named_and_the_next_one_is_whole() {
    const THIS: &str = "bucket::a_server_that_goes_in_the_middle_of_a_backup_is_named_and_the_next_one_is_whole";
    let Some(port) = port_as(THIS, Who::User) else { return };
    let wire = Wire::to(port);
    let access = access(wire.port, "backups");
    let first = told(back_up(&access, "a", &noise(1, 1_000_000)).await);
    let dump = noise(2, 150_000_000);
    let begun = begin(&access, "b", "shop.dump");
    begun.write(&dump[..MORE_THAN_WAIT * PIECE]).await;
    wire.cut();
    begun.write(&dump[MORE_THAN_WAIT * PIECE..]).await;
    let trouble = begun.end().await.expect_err("there is nobody");
    assert!(trouble.why.starts_with("it cannot be reached"), "{trouble}");
    wire.mend();
    assert_eq!(told(ask(&access, Repository::snapshots).await), [first]);
    is_sound(&access);
    let dump = &dump[..3_000_000];
    let next = told(back_up(&access, "c", dump).await);
    assert!(told(read(&access, &next, "shop.dump").await) == dump);
    is_sound(&access);
}

/// Cuts the wire when the first bytes have come.
struct Cutter(Arc<Wire>);

impl io::Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.cut();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_in_the_middle_of_a_read_is_named() {
    const THIS: &str = "bucket::a_server_that_goes_in_the_middle_of_a_read_is_named";
    let Some(port) = port_as(THIS, Who::User) else { return };
    let wire = Wire::to(port);
    let access = access(wire.port, "backups");
    let dump = noise(1, 60_000_000);
    let snapshot = told(back_up(&access, "a", &dump).await);
    let (id, cutter) = (snapshot.id.clone(), Cutter(wire.clone()));
    let trouble = ask(&access, move |repository| {
        let mut cutter = cutter;
        repository.read(&id, "shop.dump", &mut cutter)
    });
    let trouble = trouble.await.expect_err("there is nobody");
    assert!(trouble.why.starts_with("it cannot be reached"), "{trouble}");
    let trouble = ask(&access, Repository::snapshots).await.expect_err("there is nobody");
    assert!(trouble.why.starts_with("it cannot be reached"), "{trouble}");
    wire.mend();
    assert!(told(read(&access, &snapshot, "shop.dump").await) == dump);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_that_the_credentials_are_refused() {
    const THIS: &str = "bucket::a_stranger_is_told_that_the_credentials_are_refused";
    let Some(port) = port_as(THIS, Who::Stranger) else { return };
    let access = access(port, "backups");
    let troubles = [
        ask(&access, Repository::snapshots).await.expect_err("refused"),
        back_up(&access, "a", b"a").await.expect_err("refused"),
    ];
    for trouble in troubles {
        assert!(trouble.why.starts_with("the credentials are refused"), "{trouble}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_missing_is_told_from_a_repository_that_is() {
    const THIS: &str = "bucket::a_bucket_that_is_missing_is_told_from_a_repository_that_is";
    let Some(port) = port_as(THIS, Who::User) else { return };
    let nobody_made_it = ask(&access(port, "backups"), Repository::snapshots).await.expect_err("there is none");
    assert_eq!(&*nobody_made_it.why, "there is none");
    let missing = access(port, "elsewhere");
    let troubles = [
        ask(&missing, Repository::snapshots).await.expect_err("there is none"),
        back_up(&missing, "a", b"a").await.expect_err("there is none"),
    ];
    for trouble in troubles {
        assert_eq!(&*trouble.why, "there is no such bucket");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_no_tls_cannot_be_reached_by_https() {
    const THIS: &str = "bucket::a_server_that_speaks_no_tls_cannot_be_reached_by_https";
    let Some(port) = port_as(THIS, Who::User) else { return };
    let place = format!("s3:https://127.0.0.1:{port}/backups").parse().expect("a place");
    let trouble = ask(&Access { place, ..access(port, "backups") }, Repository::snapshots).await.expect_err("no TLS");
    assert!(trouble.why.starts_with("it cannot be reached"), "{trouble}");
}

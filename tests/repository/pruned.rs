//! What nobody holds any more goes, in two runs; what somebody has come to hold meanwhile does not.

use midwatch::{
    config::backup::Keep,
    repository::{GRACE, PrunePlan},
};

use super::*;

const AT_ONCE: Duration = Duration::ZERO;
const BYTES: usize = 6_000_000;

async fn prune(access: &Access, grace: Duration) -> PrunePlan {
    told(ask(access, move |repository| repository.prune(grace)).await)
}

async fn forget(access: &Access, snapshot: &Snapshot) {
    let id = snapshot.id.clone();
    told(ask(access, move |repository| repository.forget(&[id])).await);
}

fn size_of(place: &Path) -> u64 {
    stored(place, "data").iter().map(|path| path.metadata().map_or(0, |it| it.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_holds_is_marked_first_and_goes_in_a_later_run() {
    let kept = Kept::new();
    let goes = told(back_up(&kept.access, "a", &noise(1, BYTES)).await);
    let dump = noise(2, BYTES);
    let stays = told(back_up(&kept.access, "b", &dump).await);
    forget(&kept.access, &goes).await;
    let full = size_of(&kept.path);

    let young = told(ask(&kept.access, |repository| repository.prune_plan(GRACE)).await);
    assert!(!young.does_something() && young.left >= BYTES as u64, "{young:?}");
    let planned = told(ask(&kept.access, |repository| repository.prune_plan(AT_ONCE)).await);
    assert!(planned.marked >= BYTES as u64 && planned.removed == 0, "{planned:?}");
    assert!((BYTES as u64..7_000_000).contains(&planned.used), "{planned:?}");
    assert_eq!(prune(&kept.access, AT_ONCE).await, planned);
    assert_eq!(size_of(&kept.path), full);
    is_sound(&kept.access);

    let waiting = told(ask(&kept.access, |repository| repository.prune_plan(GRACE)).await);
    assert!(waiting.waiting >= BYTES as u64 && waiting.removed == 0 && waiting.left == 0, "{waiting:?}");
    let removed = prune(&kept.access, AT_ONCE).await;
    assert!(removed.removed >= BYTES as u64 && removed.packs_removed > 0, "{removed:?}");
    assert!(size_of(&kept.path) < 7_000_000, "{}", size_of(&kept.path));
    assert!(!told(ask(&kept.access, |repository| repository.prune_plan(AT_ONCE)).await).does_something());
    is_sound(&kept.access);
    assert!(told(read(&kept.access, &stays, "shop.dump").await) == dump);
    restic(&kept.access, &["prune"]);
    is_sound(&kept.access);
    assert!(told(read(&kept.access, &stays, "shop.dump").await) == dump);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_and_held_again_is_marked_no_longer() {
    let kept = Kept::new();
    let dump = noise(1, BYTES);
    let snapshot = told(back_up(&kept.access, "a", &dump).await);
    // As a backup that began before, and ends after.
    let path = kept.path.join("snapshots").join(snapshot.id.as_str());
    let file = std::fs::read(&path).expect("it is there");
    forget(&kept.access, &snapshot).await;
    prune(&kept.access, AT_ONCE).await;
    std::fs::write(&path, file).expect("it is written");
    assert!(read(&kept.access, &snapshot, "shop.dump").await.is_err());
    let done = prune(&kept.access, AT_ONCE).await;
    assert!(done.recovered >= BYTES as u64 && done.removed == 0, "{done:?}");
    assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_ground_is_pruned_meanwhile_says_so_and_the_next_one_is_whole() {
    let kept = Kept::new();
    let dump = noise(1, BYTES);
    let before = told(back_up(&kept.access, "a", &dump).await);
    let begun = begin(&kept.access, "b", "shop.dump");
    begun.write(&dump[..MORE_THAN_WAIT * PIECE]).await;
    forget(&kept.access, &before).await;
    prune(&kept.access, AT_ONCE).await;
    begun.write(&dump[MORE_THAN_WAIT * PIECE..]).await;
    let trouble = begun.end().await.expect_err("what it builds upon is marked");
    assert!(trouble.why.contains("a part of it is missing"), "{trouble}");
    assert_eq!(told(ask(&kept.access, Repository::snapshots).await), []);
    let again = told(back_up(&kept.access, "c", &dump).await);
    assert!(told(read(&kept.access, &again, "shop.dump").await) == dump);
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_under_way_loses_nothing_to_a_run_with_the_usual_grace() {
    let kept = Kept::new();
    told(back_up(&kept.access, "a", b"an older one").await);
    let dump = noise(1, BYTES);
    let begun = begin(&kept.access, "b", "shop.dump");
    begun.write(&dump[..MORE_THAN_WAIT * PIECE]).await;
    assert!(!prune(&kept.access, GRACE).await.does_something());
    begun.write(&dump[MORE_THAN_WAIT * PIECE..]).await;
    let snapshot = told(begun.end().await);
    assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_says_of_each_whether_it_stays() {
    let kept = Kept::new();
    let older = told(back_up(&kept.access, "a", b"one").await);
    let newer = told(back_up(&kept.access, "b", b"two").await);
    let keep = Keep { last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let now = newer.at + Duration::from_secs(60);
    let retained = told(ask(&kept.access, move |repository| repository.retention(&keep, now)).await);
    let stays: Vec<_> = retained.into_iter().map(|it| (it.snapshot.id, it.stays)).collect();
    assert_eq!(stays, [(newer.id, true), (older.id, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_snapshots_cannot_be_listed_nothing_is_taken_for_unused() {
    let kept = Kept::new();
    told(back_up(&kept.access, "a", &noise(1, BYTES)).await);
    let (snapshots, aside) = (kept.path.join("snapshots"), kept.path.join("aside"));
    std::fs::rename(&snapshots, &aside).expect("it is moved");
    let full = size_of(&kept.path);
    let trouble = ask(&kept.access, |repository| repository.prune(AT_ONCE)).await.expect_err("it cannot tell");
    assert!(trouble.why.contains("could not list"), "{trouble}");
    std::fs::rename(&aside, &snapshots).expect("it is moved back");
    assert_eq!(size_of(&kept.path), full);
    is_sound(&kept.access);
}

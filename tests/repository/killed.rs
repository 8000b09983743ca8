//! `kill -9` in the middle of a backup.

use std::{
    env, fs,
    process::{Child, Stdio},
};

use midwatch::domain::Standing;

use super::*;

const REPOSITORY: &str = "MIDWATCH_TEST_REPOSITORY";
const BYTES: usize = 3_000_000;

/// Started by the tests that kill it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes until it is killed"]
async fn writes_until_it_is_killed() {
    let access = access(Path::new(&env::var_os(REPOSITORY).expect("a repository")));
    for seed in 1.. {
        told(back_up(&access, &format!("mark-{seed}"), &noise(seed, BYTES)).await);
    }
}

struct Writer(Child);

impl Writer {
    fn start(place: &Path) -> Self {
        let child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "killed::writes_until_it_is_killed", "--ignored"])
            .env(REPOSITORY, place)
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("it starts"))
    }

    fn kill(mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it is killed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_leaves_a_sound_repository_wherever_it_was() {
    let kept = Kept::new();
    // From the first file, while the repository is being made, over packs, index and snapshots of some backups.
    for files in [1, 2, 1, 2, 3, 4, 5, 6, 7, 8] {
        let before = stored(&kept.path, ".").len();
        let writer = Writer::start(&kept.path);
        until("it to write", || stored(&kept.path, ".").len() >= before + files);
        writer.kill();
        told(back_up(&kept.access, "next", &noise(1000 + before as u64, 100_000)).await);
        is_sound(&kept.access);
    }
    let listing = told(ask(&kept.access, Repository::listing).await);
    assert!(listing.unreadable.is_empty(), "{listing:?}");
    for snapshot in listing.snapshots.iter().filter(|it| it.standing == Standing::Whole) {
        let bytes = told(read(&kept.access, snapshot, "shop.dump").await);
        assert_eq!(bytes.len() as u64, snapshot.bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_backup_has_written_is_not_written_again() {
    let kept = Kept::new();
    let writer = Writer::start(&kept.path);
    until("its first snapshot", || !stored(&kept.path, "snapshots").is_empty());
    writer.kill();
    let snapshot = told(back_up(&kept.access, "next", &noise(1, BYTES)).await);
    assert!(snapshot.added < 10_000, "{snapshot:?}");
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_of_a_writer_that_was_killed_is_in_nobodys_way() {
    let kept = Kept::new();
    let snapshot = told(back_up(&kept.access, "mark", b"a dump").await);
    for (kind, folder) in [("data", "data/00"), ("index", "index"), ("snapshots", "snapshots")] {
        fs::write(kept.path.join(folder).join(format!("{}-tmp-", "00".repeat(32))), "half").expect(kind);
    }
    assert_eq!(told(ask(&kept.access, Repository::snapshots).await), [snapshot]);
    assert!(!told(ask(&kept.access, |repository| repository.prune(Duration::ZERO)).await).does_something());
    is_sound(&kept.access);
}

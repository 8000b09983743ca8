//! What is wrong with a place or in it: told so that somebody can do something about it, and nothing is lost by it.

use std::{fs, os::unix::fs::PermissionsExt};

use rustic_core::{Credentials, Id, KeyOptions, RepositoryOptions, repofile::ConfigFile};

use super::*;

async fn opened(access: &Access) -> Trouble {
    ask(access, |_| Ok(())).await.expect_err("it cannot be opened")
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("it is written");
}

fn halve(path: &Path) {
    let bytes = fs::read(path).expect("it is there");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("it is written");
}

fn largest(place: &Path, kind: &str) -> PathBuf {
    let length = |path: &PathBuf| path.metadata().map_or(0, |it| it.len());
    stored(place, kind).into_iter().max_by_key(length).expect("there is one")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such_and_no_repository_is_none() {
    let kept = Kept::new();
    let nobody_made_it = opened(&kept.access).await;
    assert_eq!(&*nobody_made_it.why, "there is none");
    told(back_up(&kept.access, "mark", b"a").await);
    let wrong = Access { password: Password::new("hunter3"), ..kept.access.clone() };
    assert_eq!(&*opened(&wrong).await.why, "the password is wrong");
    assert_eq!(&*back_up(&wrong, "mark", b"b").await.expect_err("refused").why, "the password is wrong");
    assert_eq!(stored(&kept.path, "keys").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_keeps_there_is_left_as_it_is() {
    let kept = Kept::new();
    fs::create_dir_all(kept.path.join("data")).expect("a directory");
    fs::write(kept.path.join("config"), "[repository]\nversion = 1\n").expect("it is written");
    fs::write(kept.path.join("data/0"), "a segment").expect("it is written");
    for trouble in [opened(&kept.access).await, back_up(&kept.access, "mark", b"a").await.expect_err("refused")] {
        assert_eq!(&*trouble.why, "there is a config, but no key to it");
    }
    assert_eq!(fs::read_to_string(kept.path.join("config")).expect("it is there"), "[repository]\nversion = 1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_of_the_future_is_refused_by_its_number() {
    let kept = Kept::new();
    let backends = rustic_backend::BackendOptions::default().repository(kept.path.display().to_string());
    let backends = backends.to_backends().expect("a place");
    let mut config = ConfigFile::new(2, Id::random().into(), 0x003D_A335_8B4D_C173);
    config.version = 9;
    let closed =
        rustic_core::Repository::new(&RepositoryOptions::default().no_cache(true), &backends).expect("it is there");
    let made = closed.init_with_config(&Credentials::password(PASSWORD), &KeyOptions::default(), config);
    assert!(made.is_err());
    let trouble = opened(&kept.access).await;
    assert!(trouble.why.contains("version `9` not supported"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_config_nothing_is_made_in_its_place() {
    let kept = Kept::new();
    let dump = noise(1, 1_000_000);
    let snapshot = told(back_up(&kept.access, "mark", &dump).await);
    let (config, aside) = (kept.path.join("config"), kept.path.join("aside"));
    fs::rename(&config, &aside).expect("it is moved");
    for trouble in [opened(&kept.access).await, back_up(&kept.access, "mark", b"a").await.expect_err("refused")] {
        assert_eq!(&*trouble.why, "there are keys, but no config: a part of it is missing");
    }
    fs::rename(&aside, &config).expect("it is moved back");
    assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
    is_sound(&kept.access);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_config_is_told_as_such() {
    for harm in [damage, halve] {
        let kept = Kept::new();
        told(back_up(&kept.access, "mark", b"a").await);
        let config = kept.path.join("config");
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("it is set");
        harm(&config);
        let trouble = opened(&kept.access).await;
        assert_eq!(&*trouble.why, "its config is damaged, or belongs to another repository");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_pack_costs_what_is_in_it_and_nothing_else() {
    fn remove(path: &Path) {
        fs::remove_file(path).expect("it is there");
    }
    for (harm, says) in [
        (damage as fn(&Path), "what is kept there is damaged"),
        (halve, "what is kept there is damaged"),
        (remove, "a part of it is missing"),
    ] {
        let kept = Kept::new();
        let lost = told(back_up(&kept.access, "a", &noise(1, 3_000_000)).await);
        harm(&largest(&kept.path, "data"));
        let dump = noise(2, 1_000_000);
        let whole = told(back_up(&kept.access, "b", &dump).await);
        let trouble = read(&kept.access, &lost, "shop.dump").await.expect_err("it is damaged");
        assert!(trouble.why.starts_with(says), "{trouble}");
        assert!(told(read(&kept.access, &whole, "shop.dump").await) == dump);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_damaged_index_snapshots_are_listed_and_a_new_one_brings_everything_back() {
    for harm in [damage, halve] {
        let kept = Kept::new();
        let dump = noise(1, 1_000_000);
        let snapshot = told(back_up(&kept.access, "a", &dump).await);
        harm(&largest(&kept.path, "index"));
        assert_eq!(told(ask(&kept.access, Repository::snapshots).await), std::slice::from_ref(&snapshot));
        for trouble in [
            read(&kept.access, &snapshot, "shop.dump").await.expect_err("it is not found"),
            back_up(&kept.access, "b", b"b").await.expect_err("it cannot be told what is there"),
            ask(&kept.access, |repository| repository.prune(Duration::ZERO)).await.expect_err("nor what is used"),
        ] {
            assert!(trouble.why.starts_with("what is kept there is damaged"), "{trouble}");
        }
        restic(&kept.access, &["rebuild-index"]);
        assert!(told(read(&kept.access, &snapshot, "shop.dump").await) == dump);
        is_sound(&kept.access);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_does_not_hide_the_others() {
    let kept = Kept::new();
    let lost = told(back_up(&kept.access, "a", b"one").await);
    let whole = told(back_up(&kept.access, "b", b"two").await);
    damage(&kept.path.join("snapshots").join(lost.id.as_str()));
    let listing = told(ask(&kept.access, Repository::listing).await);
    assert_eq!((&listing.snapshots, listing.unreadable.len()), (&vec![whole], 1), "{listing:?}");
    told(back_up(&kept.access, "c", b"three").await);
    let trouble = ask(&kept.access, |repository| repository.prune(Duration::ZERO)).await;
    let trouble = trouble.expect_err("what it holds is not known");
    assert!(trouble.why.starts_with("what is kept there is damaged"), "{trouble}");
}

/// A file system of its own, gone with the test. `None` where nobody may mount one.
struct Mounted(Kept);

impl Mounted {
    fn new(size: &str) -> Option<Self> {
        let kept = Kept::new();
        fs::create_dir(&kept.path).expect("a directory");
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&kept.path).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(kept));
        }
        eprintln!("left out: only root may mount a file system");
        None
    }

    fn again(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(&self.0.path).status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0.path).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_as_such_and_what_was_there_is_there() {
    let Some(mounted) = Mounted::new("24m") else { return };
    let access = &mounted.0.access;
    let dump = noise(1, 1_000_000);
    let snapshot = told(back_up(access, "a", &dump).await);
    // One pack, and several: the library then says only that a channel was closed.
    for length in [30_000_000, 150_000_000] {
        let trouble = back_up(access, "b", &noise(2, length)).await.expect_err("there is no room");
        assert_eq!(&*trouble.why, "no space is left where the repository is");
        assert_eq!(told(ask(access, Repository::snapshots).await), std::slice::from_ref(&snapshot));
        is_sound(access);
    }
    assert!(told(read(access, &snapshot, "shop.dump").await) == dump);
    told(back_up(access, "c", &noise(3, 1_000_000)).await);
    is_sound(access);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_only_be_read_is_read_and_not_written() {
    let Some(mounted) = Mounted::new("24m") else { return };
    let access = &mounted.0.access;
    let dump = noise(1, 1_000_000);
    let snapshot = told(back_up(access, "a", &dump).await);
    mounted.again("remount,ro");
    let trouble = back_up(access, "b", &noise(2, 1_000_000)).await.expect_err("it may only be read");
    assert!(trouble.why.starts_with("it may only be read"), "{trouble}");
    let id = snapshot.id.clone();
    let trouble = ask(access, move |repository| repository.forget(&[id])).await.expect_err("it may only be read");
    assert!(trouble.why.starts_with("it may only be read"), "{trouble}");
    assert!(told(read(access, &snapshot, "shop.dump").await) == dump);
    mounted.again("remount,rw");
    is_sound(access);
}

//! Files, as GNU's and as BusyBox's tar keep them.

use std::{path::Path, process::Command};

use midwatch::domain::{Method, Snapshot};

use super::{
    STACK, access, backed_up_at, bring, bring_back, put_program, restic, settle, shell, silent, take_back, to_return,
};
use crate::{
    docker::{DockerStage, IMAGE, docker},
    stage::{Running, Stage},
};

/// Only a shell, and a volume at /data.
fn idle(stage: &DockerStage, image: &str, volume: &[&str]) -> Running {
    let name = format!("{}-files", stage.prefix);
    let label = format!("{}=1", stage.prefix);
    let path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
    let begin = ["run", "-d", "--name", &name, "--label", &label, "--stop-timeout", "1", "-e", path];
    let id = docker(&[&begin[..], volume, &[image, "sleep", "100000"]].concat());
    stage.running(&name, &id)
}

const VOLUME: [&str; 2] = ["-v", "/data"];

const ODD: &str = r#"
cd /data
mkdir -p 'a dir' empty ro/in ./-dash .hid
printf 'x\n' >'a dir/new
line'
printf q >"it's \"q\" \$(touch owned)"
printf u >'ünï'
printf d >./-rf
: >zero
: >..dots
echo s >suid
ln suid hard
ln -s suid soft
ln -s /nowhere dangling
mkfifo pipe
printf z >ro/in/f
dd if=/dev/zero of=sparse bs=1 count=1 seek=4194304 2>/dev/null
long=$(printf '%0120d' 7)
mkdir "$long"
echo l >"$long/$long"
chown 1234:5678 suid
chmod 4755 suid
chmod 555 ro/in ro
chown 99:98 .
chmod 1770 .
touch -d '2020-01-02 03:04:05' 'ünï' empty .
"#;

const DAMAGE: &str = r#"
cd /data
chmod 755 ro
rm -rf suid ro/in -- '-rf'
echo bad >zero
mkdir new
echo n >new/n
touch -d '2021-02-03 04:05:06' .
"#;

/// All that tells one state from another. A tar other than GNU's keeps neither times but of files, nor holes.
fn look(container: &str, exactly: bool) -> String {
    let [others, directories] = if exactly { ["%h %s %b %y", "%y"] } else { ["%h %s", ""] };
    let beside = "-name '.midwatch-*' -prune";
    shell(
        container,
        &format!(
            "cd /data && {{ find . {beside} -o -type f -exec stat -c '%f %u:%g {others} %Y %n' {{}} +
             find . {beside} -o ! -type f ! -type d -exec stat -c '%f %u:%g {others} %N' {{}} +
             find . {beside} -o -type d -exec stat -c '%f %u:%g {directories} %n' {{}} +
             find . {beside} -o -type f -exec md5sum {{}} +
             [ ! -e suid ] || find . -samefile suid; }} | sort"
        ),
    )
}

fn beside(container: &str) -> String {
    shell(container, "find /data -name '.midwatch-*'")
}

async fn backed_up(stage: &DockerStage, running: &Running, place: &Path) -> Snapshot {
    let snapshot = backed_up_at(stage, running, place, (Method::Files, Some("/data"))).await;
    snapshot.unwrap_or_else(|trouble| panic!("{trouble}"))
}

async fn odd_files_come_back(stage: DockerStage, image: &str, exactly: bool) {
    let running = idle(&stage, image, &VOLUME);
    let name = &running.name;
    shell(name, ODD);
    let healthy = look(name, exactly);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place).await;
    let counts = ["files", "directories", "bytes"].map(|what| snapshot.counts[what]);
    assert_eq!(counts, [(14, 14), (7, 7), (4_194_315, 4_194_315)]);

    restic(&place, &["check", "--read-data"]);
    let [file] = &snapshot.files[..] else { panic!("one file: {:?}", snapshot.files) };
    let dump = restic(&place, &["dump", snapshot.id.as_str(), &format!("/containers/{name}/files/data/{}", file.name)]);
    assert_eq!(dump.len() as u64, file.bytes);

    shell(name, DAMAGE);
    let damaged = look(name, exactly);
    assert_ne!(damaged, healthy);
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    for _ in 0..2 {
        bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!(look(name, exactly), healthy);
        // What stands aside is no part of what is backed up next.
        let again = backed_up(&stage, &running, &place).await;
        assert_eq!(again.counts, snapshot.counts);
        take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
        assert_eq!((look(name, exactly), beside(name)), (damaged.clone(), String::new()));
    }
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    for _ in 0..2 {
        settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    }
    assert_eq!((look(name, exactly), beside(name)), (healthy, String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_come_back_by_gnu_tar_as_they_were() {
    let Some(stage) = DockerStage::open("odd files by gnu tar").await else { return };
    odd_files_come_back(stage, STACK, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_files_come_back_by_busybox_as_far_as_it_keeps_them() {
    let Some(stage) = DockerStage::open("odd files by busybox").await else { return };
    odd_files_come_back(stage, IMAGE, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_beyond_owner_and_mode_come_back_by_gnu_tar() {
    let Some(stage) = DockerStage::open("attributes").await else { return };
    let running = idle(&stage, STACK, &VOLUME);
    let name = &running.name;
    let python = |script: &str| docker(&["exec", name, "python3", "-c", script]);
    python("import os; open('/data/f', 'w').close(); os.setxattr('/data/f', 'user.note', b'kept')");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place).await;
    shell(name, "rm /data/f");
    let backend = (&stage as &dyn Stage).backend().await;
    let restored = bring_back(&*backend, &access(&place), &to_return(&snapshot, &running), &silent()).await;
    restored.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(python("import os; print(os.getxattr('/data/f', 'user.note').decode())"), "kept");
}

/// Moves what it is told to, but at the move whose number is in /tmp/left it moves half of it, or all, and everything is killed.
const DEADLY: &str = r#"#!/bin/sh
read -r left how </tmp/left
left=$((left - 1))
echo "$left $how" >/tmp/left
[ "$left" = 0 ] || exec /usr/bin/mv "$@"
shift
all=$#
eval "to=\${$all}"
if [ "$how" = all ]; then moved=$((all - 1)); else moved=$(((all - 1) / 2)); fi
while [ "$moved" -gt 0 ]; do /usr/bin/mv -f "$1" "$to"; shift; moved=$((moved - 1)); done
exec pkill -9 -f midwatch
"#;

/// One of the scripts, on the one restore that has been brought there.
fn carried_out(container: &str, body: &str) -> bool {
    let hash = shell(container, "basename /data/.midwatch-old-*").replace(".midwatch-old-", "");
    let frame = include_str!("../../../src/runtime/backup/files/as.sh");
    let script = ["sh", "-c", frame, "midwatch", body, "/data", &hash, "directory"];
    let status = Command::new("docker").args(["exec", container]).args(script).output().expect("docker runs").status;
    status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_is_killed_anywhere_goes_on_and_goes_back() {
    let Some(stage) = DockerStage::open("a swap that is killed").await else { return };
    let running = idle(&stage, STACK, &VOLUME);
    let name = &running.name;
    shell(name, ODD);
    let healthy = look(name, true);
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place).await;
    shell(name, DAMAGE);
    let damaged = look(name, true);
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    shell(name, "echo 0 none >/tmp/left");
    put_program(name, "mv", DEADLY);
    let swap = include_str!("../../../src/runtime/backup/files/swap.sh");
    let back = include_str!("../../../src/runtime/backup/files/take_back.sh");
    let brought =
        async || bring(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    // The old aside, another name for what comes, the new in its place, and what is left of it away.
    for (number, how) in [(1, "half"), (1, "all"), (2, "all"), (3, "half"), (3, "all"), (4, "all")] {
        let at = format!("move {number}, {how}");
        let kill = || {
            shell(name, &format!("echo {number} {how} >/tmp/left"));
            assert!(!carried_out(name, swap), "{at}: it was killed");
            shell(name, "echo 0 none >/tmp/left");
        };
        brought().await;
        kill();
        assert!(carried_out(name, swap), "{at}");
        assert_eq!(look(name, true), healthy, "{at}, gone on");
        assert!(carried_out(name, back), "{at}");
        assert_eq!((look(name, true), beside(name)), (damaged.clone(), String::new()), "{at}, gone on and back");

        brought().await;
        kill();
        // Anew, as if nothing had been.
        brought().await;
        assert_eq!(look(name, true), damaged, "{at}, brought again");
        kill();
        assert!(carried_out(name, back), "{at}");
        assert_eq!((look(name, true), beside(name)), (damaged.clone(), String::new()), "{at}, gone back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_for_which_there_is_no_room_changes_nothing() {
    let Some(stage) = DockerStage::open("a restore without room").await else { return };
    let running = idle(&stage, IMAGE, &["--tmpfs", "/data:size=4m"]);
    let name = &running.name;
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let backend = (&stage as &dyn Stage).backend().await;
    let (access, silent) = (access(&place), silent());
    let small = "cd /data && rm -rf * && i=0; while [ $i -lt 600 ]; do echo $i >file$i; i=$((i + 1)); done";
    // Seen before; and by files that take more than is told by what comes.
    let cases = [
        ("head -c 1500000 /dev/urandom >/data/big", "head -c 2000000 /dev/urandom >/data/more", "there is room for"),
        (small, "rm /data/file0", "No space left on device"),
    ];
    for (fill, change, why) in cases {
        shell(name, fill);
        let snapshot = backed_up(&stage, &running, &place).await;
        shell(name, change);
        let before = look(name, false);
        let order = to_return(&snapshot, &running);
        let trouble = bring_back(&*backend, &access, &order, &silent).await.expect_err("there is no room");
        assert!(trouble.why.contains(why), "{trouble}");
        assert_eq!((look(name, false), beside(name)), (before, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_file_comes_back_and_its_neighbours_stay() {
    let Some(stage) = DockerStage::open("a single file").await else { return };
    let running = idle(&stage, IMAGE, &VOLUME);
    let name = &running.name;
    shell(name, "cd /data && echo well >'-the file' && chmod 640 ./-* && echo a >neighbour");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let path = "/data/-the file";
    let snapshot = backed_up_at(&stage, &running, &place, (Method::Files, Some(path))).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(snapshot.counts["files"], (1, 1));
    shell(name, "cd /data && echo ill >'-the file' && echo b >neighbour");
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    let state = || shell(name, "cd /data && cat ./-* neighbour && stat -c %a ./-*");
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(state(), "well\nb\n640");
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(state(), "ill\nb\n640");
    // Also where there is nothing left of it.
    shell(name, "rm -r /data/-*");
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!((state(), beside(name)), ("well\nb\n640".into(), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directories_of_an_images_own_layer_are_put_aside_and_come_back() {
    let Some(stage) = DockerStage::open("directories of a layer").await else { return };
    let running = idle(&stage, STACK, &[]);
    let name = &running.name;
    let digest = || shell(name, "cd /etc/nginx && find . -exec stat -c '%f %u:%g %s %N' {} + | sort | md5sum");
    let healthy = digest();
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up_at(&stage, &running, &place, (Method::Files, Some("/etc/nginx"))).await;
    let snapshot = snapshot.unwrap_or_else(|trouble| panic!("{trouble}"));
    shell(name, "rm -r /etc/nginx/sites-available; echo >/etc/nginx/nginx.conf");
    let damaged = digest();
    let backend = (&stage as &dyn Stage).backend().await;
    let (order, access, silent) = (to_return(&snapshot, &running), access(&place), silent());
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    take_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(digest(), damaged);
    bring_back(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    settle(&*backend, &access, &order, &silent).await.unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(digest(), healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_it_is_read_is_kept_and_what_breaks_off_is_not() {
    let Some(stage) = DockerStage::open("files that change").await else { return };
    let running = idle(&stage, STACK, &VOLUME);
    let name = &running.name;
    shell(name, "echo a >/data/f; ln -s f /data/link");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let fails = async |path: &str| {
        backed_up_at(&stage, &running, &place, (Method::Files, Some(path))).await.expect_err("nothing comes of it").why
    };
    let changes = "#!/bin/sh\ncase $1 in --*) exec /usr/bin/tar \"$@\" ;; esac\n/usr/bin/tar \"$@\"\n\
                   echo 'tar: ./f: file changed as we read it' >&2\nexit 1\n";
    put_program(name, "tar", changes);
    assert_eq!(backed_up(&stage, &running, &place).await.counts["files"], (2, 2));
    put_program(name, "tar", &changes.replace("exit 1", "exit 2").replace("file changed as we read it", "cannot read"));
    assert_eq!(&*fails("/data").await, "tar: ./f: cannot read");
    put_program(
        name,
        "tar",
        "#!/bin/sh\ncase $1 in --*) exec /usr/bin/tar \"$@\" ;; esac\n/usr/bin/tar \"$@\" | head -c 700\n",
    );
    assert_eq!(&*fails("/data").await, "directory.pax is not whole: the archive breaks off");
    shell(name, "rm /usr/local/bin/tar");
    assert_eq!(&*fails("/data/none").await, "there is no /data/none");
    assert_eq!(&*fails("/data/link").await, "/data/link is a link: what it leads to has to be named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_in_it_is_named_and_nothing_is_changed() {
    let Some(stage) = DockerStage::open("a mount in a volume").await else { return };
    let running = idle(&stage, IMAGE, &["-v", "/data", "--tmpfs", "/data/inner"]);
    let name = &running.name;
    shell(name, "echo a >/data/f");
    let files = tempfile::tempdir().expect("a directory");
    let place = files.path().join("repository");
    let snapshot = backed_up(&stage, &running, &place).await;
    shell(name, "echo b >/data/f");
    let backend = (&stage as &dyn Stage).backend().await;
    let trouble = bring_back(&*backend, &access(&place), &to_return(&snapshot, &running), &silent()).await;
    let trouble = trouble.expect_err("a mount cannot be moved");
    assert!(trouble.why.contains("/data/inner is one"), "{trouble}");
    assert_eq!((shell(name, "cat /data/f"), beside(name)), ("b".into(), String::new()));
}

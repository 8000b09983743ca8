//! An engine that is restarted under a tail, a backup and a restore: a second real one with files and namespaces of its own, so that nobody
//! else's is touched.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{
    backups::restic,
    docker::{DockerStage, IMAGE, docker},
    observer::PATIENCE,
};

const LINES: usize = 1500;

struct Engine {
    directory: tempfile::TempDir,
    /// Keeps the namespaces while the engine is down.
    holder: Child,
    daemon: Child,
}

impl Engine {
    /// `None`, loudly, for who may not make namespaces.
    async fn start(case: &str) -> Option<Self> {
        if !Command::new("unshare").args(["-n", "-m", "true"]).output().is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED {case}: an engine of its own takes root, and the right to make namespaces");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let mut holder = Command::new("unshare");
        let holder =
            holder.args(["-n", "-m", "--propagation", "private", "sleep", "1000"]).spawn().expect("unshare runs");
        let ours = fs::read_link("/proc/self/ns/net").expect("Linux tells");
        let theirs = format!("/proc/{}/ns/net", holder.id());
        until("a network of its own", || fs::read_link(&theirs).is_ok_and(|theirs| theirs != ours)).await;
        let daemon = daemon(&directory, &holder);
        let engine = Self { directory, holder, daemon };
        engine.answers().await;
        Some(engine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    fn docker(&self, arguments: &[&str]) -> String {
        docker(&[&["--host", &self.host()], arguments].concat())
    }

    /// With the image of its containers.
    fn load(&self) {
        let archive = self.path("image.tar").display().to_string();
        docker(&["save", "--output", &archive, IMAGE]);
        self.docker(&["load", "--input", &archive]);
    }

    /// The program, on this engine alone, in a home of its own; what it says goes into the file `said`.
    fn midwatch(&self, arguments: &[&str]) -> Command {
        let said = File::create(self.path("said")).expect("a file");
        let mut midwatch = Command::new(env!("CARGO_BIN_EXE_midwatch"));
        midwatch.args(["--host", &self.host()]).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        midwatch.env("XDG_STATE_HOME", self.path("state")).env("XDG_CONFIG_HOME", self.path("config"));
        midwatch
    }

    async fn answers(&self) {
        let host = self.host();
        let version = || Command::new("docker").args(["--host", &host, "version"]).output();
        let wait = async {
            while !version().is_ok_and(|output| output.status.success()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("the engine does not answer; it says\n{}", fs::read_to_string(self.path("log")).expect("a log"));
        }
    }

    /// What the engine has read of its pipe and not yet written down dies with it, so nothing is on its way in this moment.
    async fn restart(&mut self, signal: &str) {
        let writer = self.docker(&["inspect", "-f", "{{.State.Pid}}", "counter"]);
        let tell = |signal: &str| {
            assert!(Command::new("kill").args([signal, &writer]).status().expect("kill runs").success());
        };
        tell("-STOP");
        let (mut written, mut looks) = (usize::MAX, 0);
        while looks < 4 {
            let now = self.docker(&["logs", "counter"]).lines().count();
            looks = if now == written { looks + 1 } else { 0 };
            written = now;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.end(signal);
        tell("-CONT");
        self.comes_back().await;
    }

    async fn comes_back(&mut self) {
        // The runtime that it started goes with it, but a moment later; a new engine would lean on the dying one.
        let runtime = fs::read_to_string(self.path("exec/containerd/containerd.pid")).unwrap_or_default();
        let is_gone = || runtime.is_empty() || !Path::new("/proc").join(runtime.trim()).exists();
        until("the engine's runtime to end", is_gone).await;
        // One that was killed left it behind, and another process may have its number by now.
        _ = fs::remove_file(self.path("pid"));
        self.daemon = daemon(&self.directory, &self.holder);
        self.answers().await;
    }

    fn end(&mut self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.daemon.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        self.daemon.wait().expect("it ends");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Its containers outlive it, so it must be there to remove them.
        if !matches!(self.daemon.try_wait(), Ok(None)) {
            self.daemon = daemon(&self.directory, &self.holder);
        }
        let list = || Command::new("docker").args(["--host", &self.host(), "ps", "-aq"]).output().expect("docker runs");
        let answers = (0..100).map(|_| list()).find(|output| {
            std::thread::sleep(Duration::from_millis(if output.status.success() { 0 } else { 100 }));
            output.status.success()
        });
        let ids = answers.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        _ = Command::new("docker").args(["--host", &self.host(), "rm", "-f"]).args(ids.split_whitespace()).output();
        self.end("-TERM");
        self.holder.kill().and_then(|()| self.holder.wait()).expect("killed");
    }
}

struct Tail(Child);

impl Drop for Tail {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("killed");
    }
}

/// Without a network, which nothing here needs. Its containers outlive it.
fn daemon(directory: &tempfile::TempDir, holder: &Child) -> Child {
    let path = |name: &str| directory.path().join(name).display().to_string();
    let log = File::options().create(true).append(true).open(path("log")).expect("a log");
    let mut daemon = Command::new("nsenter");
    daemon.args(["--target", &holder.id().to_string(), "--net", "--mount", "dockerd", "--live-restore"]);
    daemon.args(["--bridge=none", "--iptables=false", "--storage-driver=vfs", "--cgroup-parent=/mwtest"]);
    daemon.args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")]);
    daemon.args(["--host", &format!("unix://{}", path("docker.sock"))]);
    daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("nsenter runs")
}

async fn until(expected: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {expected}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_across_two_restarts_of_the_engine_loses_no_line_and_doubles_none() {
    let case = "a_tail_across_two_restarts_of_the_engine";
    if DockerStage::open(case).await.is_none() {
        return;
    }
    let Some(mut engine) = Engine::start(case).await else { return };
    engine.load();
    let script = format!("i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); usleep 4000; done; sleep 1000");
    engine.docker(&[
        "run",
        "-d",
        "--name",
        "counter",
        "--network",
        "none",
        "--restart",
        "always",
        IMAGE,
        "sh",
        "-c",
        &script,
    ]);

    let out = engine.path("out");
    let mut tail = engine.midwatch(&["logs", "--follow", "--tail", "100000", "local/containers/counter"]);
    let tail = Tail(tail.stdout(File::create(&out).expect("a file")).spawn().expect("midwatch runs"));
    let read = || -> Vec<String> {
        let text = fs::read_to_string(&out).expect("text");
        text.lines().filter_map(|line| line.split_once("| ")).map(|(_, text)| text.to_owned()).collect()
    };

    until("the tail to begin", || !read().is_empty()).await;
    engine.restart("-TERM").await;
    let before = read().len();
    // It may have had them all by then.
    until("the tail to go on", || read().len() > before || read().len() == LINES).await;
    engine.restart("-KILL").await;
    until("the last line", || read().iter().any(|line| *line == format!("line {}", LINES - 1))).await;
    drop(tail);
    let expected: Vec<String> = (0..LINES).map(|number| format!("line {number}")).collect();
    assert_eq!(read(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_and_a_restore_across_a_restart_of_the_engine_come_to_their_end() {
    let case = "a_backup_and_a_restore_across_a_restart_of_the_engine";
    if DockerStage::open(case).await.is_none() {
        return;
    }
    let Some(mut engine) = Engine::start(case).await else { return };
    engine.load();
    let script =
        "mkdir -p /kept; [ -e /kept/noise ] || dd if=/dev/urandom of=/kept/noise bs=1M count=200; exec sleep 1000";
    let label = "midwatch.backup=files:/kept";
    engine.docker(&["run", "-d", "--name", "store", "--network", "none", "-l", label, IMAGE, "sh", "-c", script]);
    let looks = |engine: &Engine| engine.docker(&["exec", "store", "sh", "-c", "find /kept -type f | xargs sha256sum"]);
    until("the files to be there", || {
        engine.docker(&["exec", "store", "sh", "-c", "wc -c </kept/noise"]).trim() == "209715200"
    })
    .await;
    let healthy = looks(&engine);
    let repository = engine.path("repository");
    fs::create_dir_all(engine.path("config/midwatch")).expect("made");
    let config = format!("[backup]\nrepository = \"{}\"\npassword_command = \"echo hunter2\"\n", repository.display());
    fs::write(engine.path("config/midwatch/config.toml"), config).expect("written");

    for (command, streams) in [("backup", "Mi of 200Mi"), ("restore", "unpacks beside /kept: ")] {
        if command == "restore" {
            engine.docker(&["exec", "store", "sh", "-c", "echo damage >/kept/noise"]);
        }
        let mut child = engine.midwatch(&[command, "store", "--yes"]).spawn().expect("midwatch runs");
        let said = |engine: &Engine| fs::read_to_string(engine.path("said")).expect("text");
        until("the middle of its stream", || said(&engine).contains(streams)).await;
        engine.end("-KILL");
        engine.comes_back().await;
        let mut ended = None;
        until("its end", || {
            ended = child.try_wait().expect("its state");
            ended.is_some()
        })
        .await;
        assert!(ended.is_some_and(|status| status.success()), "{command}: {}", said(&engine));
        assert!(said(&engine).contains("done again until it is known"), "{command}: {}", said(&engine));
    }
    assert_eq!(looks(&engine), healthy);
    restic(&repository, &["check", "--read-data"]);
}

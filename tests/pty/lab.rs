//! A Compose project on a real engine: containers of `lab/busybox`, labelled as Compose would, and gone with it whatever happens.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::terminal::{Size, Terminal};

const IMAGE: &str = "lab/busybox";
const DEMANDED: &str = "MIDWATCH_TEST_DOCKER";
/// Containers with this label are the tests', whatever else they are labelled with.
const OURS: &str = "midwatch.pty-test";
/// An upper bound, not a time to wait.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs until it is told to end, and then ends at once.
pub const SERVES: &str = "trap 'exit 0' TERM; echo serving; while :; do sleep 1 & wait; done";
/// Has to be killed.
pub const IGNORES_SIGTERM: &str = "trap '' TERM; echo serving; while :; do sleep 1; done";
/// Ready as soon as a health check has said so, instead of after having run for a while.
pub const CHECKED: [&str; 4] = ["--health-cmd", "true", "--health-interval", "1s"];

pub struct Project {
    pub name: String,
    /// Of everybody who works on it.
    home: tempfile::TempDir,
}

impl Project {
    /// `None`, loudly, where no engine answers and none was demanded.
    pub fn open(case: &str) -> Option<Self> {
        let image = docker(&["image", "inspect", IMAGE]);
        if !image.status.success() {
            let why = String::from_utf8_lossy(&image.stderr).into_owned();
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a real engine, but: {why}");
            eprintln!("SKIPPED {case}: no real Docker Engine with {IMAGE} here: {why}");
            return None;
        }
        static PROJECTS: AtomicU32 = AtomicU32::new(0);
        let name = format!("mwpty-{}-{}", std::process::id(), PROJECTS.fetch_add(1, Ordering::Relaxed));
        Some(Self { name, home: tempfile::tempdir().expect("a directory for the home") })
    }

    /// A service of one container, which is called as it is told here.
    pub fn start(&self, service: &str, options: &[&str], script: &str) -> String {
        self.start_in(&self.name, service, options, script)
    }

    pub fn start_in(&self, project: &str, service: &str, options: &[&str], script: &str) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let container = format!("{}-{}", self.name, MADE.fetch_add(1, Ordering::Relaxed));
        let labels = [
            format!("{OURS}={}", self.name),
            format!("com.docker.compose.project={project}"),
            format!("com.docker.compose.service={service}"),
            "com.docker.compose.container-number=1".to_owned(),
        ];
        let mut arguments = vec!["run", "-d", "--name", &container];
        arguments.extend(labels.iter().flat_map(|label| ["--label", label]));
        arguments.extend(options);
        arguments.extend([IMAGE, "sh", "-c", script]);
        let output = docker(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        container
    }

    /// `docker inspect` of one of its containers, with a template.
    pub fn inspect(&self, container: &str, template: &str) -> String {
        let output = docker(&["inspect", "--format", template, container]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn runs(&self, container: &str) -> bool {
        self.inspect(container, "{{.State.Running}}") == "true"
    }

    pub fn remove(&self, container: &str) {
        assert!(docker(&["rm", "-fv", container]).status.success());
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A command of midwatch, by somebody with this home.
    pub fn midwatch(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
        command.args(arguments).env_clear().env("HOME", self.home()).stdin(Stdio::null());
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.midwatch(arguments).output().expect("it starts")
    }

    /// The console on this project alone: others may be at work on the same engine.
    pub fn console(&self, size: Size) -> Terminal {
        self.console_in(size, &[])
    }

    pub fn console_in(&self, size: Size, environment: &[(&str, &str)]) -> Terminal {
        let home = self.home().to_string_lossy();
        let mut all = vec![("HOME", &*home)];
        all.extend(environment);
        Terminal::midwatch_in(size, &["--scope", &self.name], &all)
    }

    /// What `midwatch operations` knows, newest first.
    pub fn operations(&self) -> Vec<Value> {
        let output = self.output(&["operations", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }

    /// The only operation, as its journal has it: a JSON value a line.
    pub fn journal(&self) -> Vec<Value> {
        let directory = self.home().join(".local/state/midwatch/journal/operations");
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let path: Option<PathBuf> =
            files.map(|file| file.path()).find(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        let text = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until the journal has a record of this kind, and gives it.
    #[track_caller]
    pub fn wait_for_record(&self, kind: &str) -> Value {
        wait_until(&format!("the journal says {kind:?}"), || {
            self.journal().into_iter().find(|record| record["record"] == kind)
        })
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let ours = docker(&["ps", "-aq", "--filter", &format!("label={OURS}={}", self.name)]);
        let ids = String::from_utf8_lossy(&ours.stdout).into_owned();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            docker(&[&["rm", "-fv"], &*ids].concat());
        }
    }
}

/// Asks again and again, until there is an answer.
#[track_caller]
pub fn wait_until<T>(what: &str, mut wanted: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = wanted() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn docker(arguments: &[&str]) -> Output {
    match Command::new("docker").args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => {
            let nothing = Command::new("false").output().expect("every system has false");
            Output { stderr: format!("docker: {error}").into_bytes(), ..nothing }
        }
    }
}

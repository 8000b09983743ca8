//! The program as a person runs it, with a home of its own.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// An upper bound, not a time to wait.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// A look may be a program that is started, and several tests look at once.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Where the program keeps its journal, and how it reaches the engine.
pub struct Home {
    directory: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Home {
    pub fn new(environment: Vec<(&'static str, String)>) -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), environment }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
        command.args(arguments).env_clear().env("HOME", self.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("the program runs")
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The last operation's file, once there is one: they are called by the time at which they were begun.
    pub fn journal(&self) -> Option<PathBuf> {
        let found = std::fs::read_dir(self.path().join(".local/state/midwatch/journal/operations")).ok()?;
        let files = found.flatten().map(|entry| entry.path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).max()
    }

    /// Whole lines of it; the first is the plan.
    pub fn records(&self) -> usize {
        let text = self.journal().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The last operation, as `operations --json` tells of it.
    pub fn operation(&self) -> Value {
        let output = self.run(&["operations", "--json", "-n", "1"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(text.lines().last().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}: {text} {}", String::from_utf8_lossy(&output.stderr)))
    }
}

pub fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stderr) + &text(&output.stdout))
}

pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "gave up on {what}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

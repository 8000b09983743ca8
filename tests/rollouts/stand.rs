//! A service to roll out, on whichever engine, and the program that does it, in a home of its own.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use serde_json::Value;

/// An upper bound, not a time to wait.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// A look may be a program that is started, and several tests look at once.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// One load at a time: two of them would measure each other, and what only looks at the end may go on beside its like.
static LOAD: RwLock<()> = RwLock::new(());

/// For what puts a load on a service.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    LOAD.write().unwrap_or_else(PoisonError::into_inner)
}

/// For what does not, and may go on beside its like.
pub fn beside() -> RwLockReadGuard<'static, ()> {
    LOAD.read().unwrap_or_else(PoisonError::into_inner)
}

pub trait Stand: Send + Sync {
    /// `shop/web`
    fn address(&self) -> String;
    /// Where requests to the service go.
    fn door(&self) -> (SocketAddr, String);
    fn home(&self) -> &Home;
    /// The images of all its instances that run and are ready, one for each.
    fn runs(&self) -> Vec<String>;
    /// What a rollout may have made beside the service's own instances and its history, by name. Not its lease, which ends by itself.
    fn leftovers(&self) -> Vec<String>;
}

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
        command.args(arguments).env_clear().env("HOME", self.directory.path());
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

    /// The only operation's file, once there is one.
    pub fn journal(&self) -> Option<PathBuf> {
        let found = std::fs::read_dir(self.directory.path().join(".local/state/midwatch/journal/operations")).ok()?;
        let mut files = found.flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
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

/// Rolls out with these arguments after the address, and says what was printed with what exit code.
pub fn midwatch(stand: &dyn Stand, command: &str, arguments: &[&str]) -> (i32, String) {
    let address = stand.address();
    let mut all = vec![command, &address, "--yes"];
    all.extend(arguments);
    said(&stand.home().run(&all))
}

pub fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stderr) + &text(&output.stdout))
}

/// All that run, run one image.
pub fn one_image(stand: &dyn Stand) -> Option<String> {
    let images: BTreeSet<String> = stand.runs().into_iter().collect();
    let mut images = images.into_iter();
    images.next().filter(|_| images.next().is_none())
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

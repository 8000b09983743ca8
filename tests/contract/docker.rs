//! The stage that is a real engine: containers of `lab/busybox`, made by the docker CLI and removed with the stage.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::future::BoxFuture;
use midwatch::{
    backend::{
        Connector,
        docker::{DockerConnector, Endpoint, Host},
    },
    domain::{ClusterName, InstanceId, Scope, ServiceId},
};

use crate::stage::{Does, Program, Running, Stage};

pub const SOCKET: &str = "/var/run/docker.sock";
pub const IMAGE: &str = "lab/busybox";
const DEMANDED: &str = "MIDWATCH_TEST_DOCKER";

pub struct DockerStage {
    /// Of this stage alone: label and beginning of all names.
    pub prefix: String,
    made: AtomicU32,
    connector: Arc<DockerConnector>,
}

impl DockerStage {
    /// `None`, loudly, where no engine answers and none was demanded.
    pub async fn open(case: &str) -> Option<Self> {
        let host =
            Host { name: "lab".into(), endpoint: Endpoint::Unix(SOCKET.into()), protected: false, read_only: false };
        let connector = Arc::new(DockerConnector::new(host));
        let answer = tokio::time::timeout(std::time::Duration::from_secs(120), connector.connect()).await;
        let why = match answer {
            Ok(Ok(_)) => {
                static STAGES: AtomicU32 = AtomicU32::new(0);
                let prefix = format!("mwtest-{}-{}", std::process::id(), STAGES.fetch_add(1, Ordering::Relaxed));
                return Some(Self { prefix, made: AtomicU32::new(0), connector });
            }
            Ok(Err(loss)) => loss.why.to_string(),
            Err(_) => format!("the engine at {SOCKET} does not answer"),
        };
        assert!(!is_demanded(), "{DEMANDED} demands a real engine, but: {why}");
        eprintln!("SKIPPED {case}: no real Docker Engine here: {why}");
        None
    }

    /// `docker run -d` with these arguments before the image, and this script.
    pub fn start(&self, arguments: &[&str], script: &str) -> Running {
        let name = format!("{}-{}", self.prefix, self.made.fetch_add(1, Ordering::Relaxed));
        let label = format!("{}=1", self.prefix);
        let mut all = vec!["run", "-d", "--name", &name, "--label", &label, "--stop-timeout", "1"];
        all.extend(arguments);
        all.extend([IMAGE, "sh", "-c", script]);
        let id = docker(&all);
        self.running(&name, &id)
    }

    pub fn running(&self, name: &str, id: &str) -> Running {
        let cluster = self.cluster();
        Running {
            service: ServiceId::new(&cluster, &Scope::from("containers"), name),
            instance: InstanceId::new(&cluster, id),
            name: name.to_owned(),
        }
    }
}

impl Stage for DockerStage {
    fn cluster(&self) -> ClusterName {
        "lab".into()
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn run<'a>(&'a self, program: Program) -> BoxFuture<'a, Running> {
        Box::pin(async move {
            let (script, mut arguments) = (program.does.script(), arguments(&program.does));
            if program.tty {
                arguments.push("--tty".into());
            }
            for (key, value) in &program.environment {
                arguments.extend(["--env".into(), format!("{key}={value}")]);
            }
            for (key, value) in &program.labels {
                arguments.extend(["--label".into(), format!("{key}={value}")]);
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            self.start(&arguments, &script)
        })
    }

    fn remove<'a>(&'a self, running: &'a Running) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            docker(&["rm", "-f", &running.name]);
        })
    }
}

impl Drop for DockerStage {
    fn drop(&mut self) {
        let filter = format!("label={}=1", self.prefix);
        swept(&["ps", "-aq", "--filter", &filter], &["rm", "-f", "-v"]);
    }
}

/// What cannot be tested is then a failure.
pub fn is_demanded() -> bool {
    std::env::var_os(DEMANDED).is_some()
}

pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the docker CLI runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a listing command of the docker CLI prints; nothing where it fails.
pub fn listed(list: &[&str]) -> String {
    let output = Command::new("docker").args(list).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Removes what is listed, as far as it can be.
pub fn swept(list: &[&str], remove: &[&str]) {
    let ids = listed(list);
    let mut ids: Vec<&str> = ids.split_whitespace().collect();
    ids.dedup();
    if !ids.is_empty() {
        _ = Command::new("docker").args(remove).args(ids).output();
    }
}

/// What `docker run` is told beside the script.
fn arguments(does: &Does) -> Vec<String> {
    let args = |arguments: &[&str]| arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>();
    match does {
        Does::Crashes { .. } => args(&["--restart", "always"]),
        Does::EatsMemory { limit } => {
            let memory = format!("{limit}m");
            args(&["--memory", &memory, "--memory-swap", &memory])
        }
        Does::FailsItsCheck { output } => args(&[
            "--health-cmd",
            &format!("echo '{output}'; exit 1"),
            "--health-interval",
            "1s",
            "--health-retries",
            "2",
        ]),
        Does::PassesItsCheck => args(&["--health-cmd", "true", "--health-interval", "1s"]),
        Does::Says { .. }
        | Does::CountsAndEnds { .. }
        | Does::SaysLong { .. }
        | Does::SaysInvalidUtf8
        | Does::Burns => Vec::new(),
    }
}

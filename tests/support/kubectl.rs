//! kubectl, for what a test does to a cluster beside what it tests.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// An upper bound, not a time to wait.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// A server that is very busy answers nothing for a while.
const BUSY: [&str; 3] = ["Unable to connect to the server", "TLS handshake timeout", "etcdserver: "];

/// What it printed, without the last line end. `Err`: what it said instead.
pub fn kubectl(kubeconfig: &str, namespace: &str, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut child = Command::new("kubectl")
            .args(["--kubeconfig", kubeconfig, "--namespace", namespace])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        // One that fails early reads none of it, and says why.
        _ = stdin.write_all(input.unwrap_or_default().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("kubectl ends");
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if Instant::now() >= deadline || !BUSY.iter().any(|words| said.contains(words)) {
            return Err(format!("kubectl {arguments:?}: {said}"));
        }
        sleep(BETWEEN_TRIES);
    }
}

//! One SSH connection a host, and through it the far engine's socket as one in a private directory here.

use std::{
    error::Error,
    iter,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openssh::{ControlPersist, ForwardType, KnownHosts, Session, SessionBuilder};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::fault::Fault;
use crate::{
    backend::Loss,
    domain::{LossKind, Trouble, text::clean},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A dead way is noticed after three of these.
const ALIVE: Duration = Duration::from_secs(10);
/// ssh ends by itself after so many seconds without a stream, so that a console that was killed leaves no connection behind. While it
/// runs, the engine's events are such a stream.
const IDLE: NonZeroUsize = NonZeroUsize::new(60).expect("60 is not 0");

/// The way to one host: opened when it is wanted, and used again while it lives.
#[derive(Debug)]
pub struct Way {
    /// Instead of the user's own `~/.ssh/config`.
    config: Option<PathBuf>,
    kept: Arc<Mutex<Option<Arc<Tunnel>>>>,
}

#[derive(Debug)]
pub struct Tunnel {
    /// Ends the connection when it is dropped, so it goes before the directory that its socket lies in.
    session: Session,
    socket: PathBuf,
    _directory: TempDir,
}

impl Way {
    pub fn new(config: Option<PathBuf>) -> Self {
        Self { config, kept: Arc::default() }
    }

    pub async fn tunnel(&self, destination: &str, socket: &Path) -> Result<Arc<Tunnel>, Fault> {
        let (kept, config) = (self.kept.clone(), self.config.clone());
        let (destination, socket) = (destination.to_owned(), socket.to_owned());
        // In a task of its own: who waits here may give up before ssh does. What ssh has then got done is there for the next try, instead
        // of a connection that nobody knows of.
        let opening = tokio::spawn(async move {
            let mut kept = kept.lock().await;
            if let Some(tunnel) = kept.take()
                && tunnel.is_alive().await
            {
                return Ok(kept.insert(tunnel).clone());
            }
            let tunnel = Tunnel::open(&destination, &socket, config.as_deref()).await?;
            Ok(kept.insert(tunnel).clone())
        });
        opening.await.unwrap_or_else(|error| Err(Fault::way(LossKind::Unreachable, error)))
    }
}

impl Tunnel {
    /// The user's own ssh does it: its config, agent, keys and jump hosts are in force. It never asks for anything (BatchMode), and a host
    /// that is not in known_hosts is refused rather than believed.
    async fn open(destination: &str, socket: &Path, config: Option<&Path>) -> Result<Arc<Self>, Fault> {
        let directory = tempfile::Builder::new().prefix("midwatch-").tempdir()?;
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(CONNECT_TIMEOUT)
            .server_alive_interval(ALIVE)
            .control_persist(ControlPersist::IdleFor(IDLE))
            .control_directory(directory.path());
        if let Some(config) = config {
            builder.config_file(config);
        }
        let session =
            builder.connect(format!("ssh://{destination}")).await.map_err(|error| fault(&error, destination))?;
        let local = directory.path().join("docker.sock");
        session.request_port_forward(ForwardType::Local, local.as_path(), socket).await.map_err(|error| {
            fault(&error, destination).helped("the SSH server may not allow forwarding (AllowStreamLocalForwarding)")
        })?;
        Ok(Arc::new(Self { session, socket: local, _directory: directory }))
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// An engine that goes away together with its SSH connection has not itself closed anything.
    pub async fn explain(&self, loss: Loss) -> Loss {
        if self.is_alive().await {
            return loss;
        }
        let why = Trouble::new(loss.why.what, "the SSH connection broke");
        Loss { kind: LossKind::Unreachable, why }
    }

    pub async fn is_alive(&self) -> bool {
        self.session.check().await.is_ok()
    }
}

fn fault(error: &openssh::Error, destination: &str) -> Fault {
    let root = iter::successors(Some(error as &(dyn Error + 'static)), |error| (*error).source()).last();
    explain(&root.unwrap_or(error).to_string(), destination)
}

/// What ssh said, without its banners, and what a person would do about it.
fn explain(said: &str, destination: &str) -> Fault {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !is_decoration(line)).collect();
    let words = lines.join("; ");
    let lower = words.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("has changed and you have requested strict checking") || has("remote host identification has changed") {
        let old =
            lines.iter().find_map(|line| line.strip_prefix("Offending ").and_then(|line| line.split_once(" in ")));
        let old = old.map_or("known_hosts", |(_, place)| place);
        Fault::way(LossKind::Denied, "its host key has changed: this may not be the host that you know")
            .helped(format!("ask who looks after it before you believe it; the key that you know is in {}", clean(old)))
    } else if has("host key verification failed") {
        Fault::way(LossKind::Denied, "its host key is not known")
            .helped(format!("sign in once by hand and compare the key: ssh ssh://{destination}"))
    } else if has("permission denied") || has("too many authentication failures") {
        Fault::way(LossKind::Denied, words)
            .helped("ssh must get in without asking: load your key into the agent (ssh-add)")
    } else if has("no such file or directory") && lines.len() == 1 && has("os error") {
        Fault::way(LossKind::Unreachable, words).helped("is the ssh program installed?")
    } else {
        Fault::way(LossKind::Unreachable, words).helped(format!("see whether this gets in: ssh ssh://{destination}"))
    }
}

fn is_decoration(line: &str) -> bool {
    line.is_empty() || line.starts_with("@@@") || line.starts_with("** ") || line.starts_with("Warning: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(said: &str) -> String {
        explain(said, "ops@edge-01").trouble("x").to_string()
    }

    #[test]
    fn what_ssh_says_is_told_in_one_line_and_without_its_banners() {
        let jump = "** WARNING: no post-quantum key exchange\r\nWarning: Permanently added 'a'\r\n\
                    connect to host edge-01 port 22: No route to host\r\nConnection closed by UNKNOWN port 65535";
        assert_eq!(
            words(jump),
            "x: connect to host edge-01 port 22: No route to host; Connection closed by UNKNOWN port 65535\n  \
             see whether this gets in: ssh ssh://ops@edge-01"
        );
    }

    #[test]
    fn a_changed_host_key_is_a_warning_and_not_an_invitation() {
        let said = "@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@@@@@\r\n\
                    Offending ED25519 key in /home/ops/.ssh/known_hosts:7\r\nHost key verification failed.";
        let fault = explain(said, "ops@edge-01");
        assert!(matches!(&fault, Fault::Way { kind: LossKind::Denied, .. }));
        let words = fault.trouble("x").to_string();
        assert!(words.contains("has changed") && words.contains("/home/ops/.ssh/known_hosts:7"), "{words}");
        assert!(!words.contains("sign in once"), "{words}");
    }
}

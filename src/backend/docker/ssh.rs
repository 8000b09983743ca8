//! One SSH connection a host, and through it the far engine's socket as one in a private directory here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use openssh::{ForwardType, KnownHosts, Session, SessionBuilder};
use tempfile::TempDir;

use super::fault::Fault;
use crate::domain::LossKind;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A dead way is noticed after three of these.
const ALIVE: Duration = Duration::from_secs(10);

pub struct Tunnel {
    /// Ends the connection when it is dropped, so it goes before the directory that its socket lies in.
    session: Session,
    socket: PathBuf,
    _directory: TempDir,
}

impl Tunnel {
    /// The user's own ssh does it: its config, agent, keys and jump hosts are in force. It never asks for anything (BatchMode), and a host
    /// that is not in known_hosts is refused rather than believed.
    pub async fn open(destination: &str, socket: &std::path::Path) -> Result<Arc<Self>, Fault> {
        let directory = tempfile::Builder::new().prefix("midwatch-").tempdir()?;
        let session = SessionBuilder::default()
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(CONNECT_TIMEOUT)
            .server_alive_interval(ALIVE)
            .control_directory(directory.path())
            .connect(format!("ssh://{destination}"))
            .await
            .map_err(|error| fault(&error))?;
        let local = directory.path().join("docker.sock");
        session.request_port_forward(ForwardType::Local, local.as_path(), socket).await.map_err(|error| {
            fault(&error).helped("the SSH server may not allow forwarding (AllowStreamLocalForwarding)")
        })?;
        Ok(Arc::new(Self { session, socket: local, _directory: directory }))
    }

    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    pub async fn is_alive(&self) -> bool {
        self.session.check().await.is_ok()
    }
}

fn fault(error: &openssh::Error) -> Fault {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    let words = words.trim().to_owned();
    let lower = words.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("host key verification failed") || has("known_hosts") {
        Fault::way(LossKind::Denied, words)
            .helped("the host's key is not known or has changed: connect once with ssh and look at it")
    } else if has("permission denied") || has("too many authentication failures") {
        Fault::way(LossKind::Denied, words)
            .helped("ssh must get in without asking: load your key into the agent (ssh-add)")
    } else if has("no such file or directory") && matches!(error, openssh::Error::Connect(_) | openssh::Error::Ssh(_)) {
        Fault::way(LossKind::Unreachable, words).helped("is the ssh program installed?")
    } else {
        Fault::way(LossKind::Unreachable, words)
    }
}

//! Makes one way to one engine, as often as it is asked to.

use std::{path::PathBuf, sync::Arc};

use bollard::Docker as Client;
use futures::future::BoxFuture;

use super::{
    Docker,
    api::{ANY_VERSION, Api},
    credentials,
    discover::{Endpoint, Host},
    fault::Fault,
    ssh::Way,
    tls,
    watch::Cursor,
    wire::Version,
};
use crate::{
    backend::{Backend, Connector, Loss},
    config::Tls,
    domain::{LossKind, text::clean},
};

/// In seconds; each question sets its own.
const TIMEOUT: u64 = 20;
const WITHOUT_TLS: &str =
    "does it want TLS? name the certificates in [clusters.tls], or set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH";

pub struct DockerConnector {
    inner: Arc<Inner>,
}

struct Inner {
    host: Host,
    shown: Arc<str>,
    /// Until when events were told, over all connections.
    cursor: Cursor,
    ssh: Way,
}

impl DockerConnector {
    pub fn new(host: Host) -> Self {
        Self::with_ssh_config(host, None)
    }

    /// With another file than the user's own `~/.ssh/config` for what goes over SSH.
    pub fn with_ssh_config(host: Host, config: Option<PathBuf>) -> Self {
        let shown = host.endpoint.to_string().into();
        Self { inner: Arc::new(Inner { host, shown, cursor: Cursor::default(), ssh: Way::new(config) }) }
    }
}

impl Connector for DockerConnector {
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let docker = inner.connect().await.map_err(|fault| fault.loss(&inner.shown))?;
            Ok(Arc::new(docker) as Arc<dyn Backend>)
        })
    }
}

impl Inner {
    async fn connect(&self) -> Result<Docker, Fault> {
        let (client, tunnel) = match &self.host.endpoint {
            Endpoint::Unix(path) => (unix(path)?, None),
            Endpoint::Tcp { address, tls: None } => (Client::connect_with_http(address, TIMEOUT, ANY_VERSION)?, None),
            Endpoint::Tcp { address, tls: Some(tls) } => (encrypted(address, tls)?, None),
            Endpoint::Ssh { destination, socket } => {
                let tunnel = self.ssh.tunnel(destination, socket).await?;
                (unix(tunnel.socket())?, Some(tunnel))
            }
        };
        let negotiated = self.negotiate(client).await;
        let (api, said) = match (negotiated, &self.host.endpoint) {
            (Err(fault), Endpoint::Ssh { destination, socket }) => {
                let help = format!("does {} on {destination} exist, and may you read it?", socket.display());
                return Err(fault.helped(help));
            }
            (Err(Fault::Garbled(why)), Endpoint::Tcp { tls: None, .. }) => {
                let why = format!("its answer makes no sense ({why})");
                return Err(Fault::way(LossKind::Unreachable, why).helped(WITHOUT_TLS));
            }
            (Err(fault), Endpoint::Tcp { tls: None, .. }) => return Err(fault.helped(WITHOUT_TLS)),
            (negotiated, _) => negotiated?,
        };
        let api = match &self.host.endpoint {
            Endpoint::Unix(_) => api.near().with_credentials(credentials::directory()),
            Endpoint::Ssh { .. } | Endpoint::Tcp { tls: Some(_), .. } => api.with_credentials(credentials::directory()),
            Endpoint::Tcp { tls: None, .. } => api,
        };
        Ok(Docker {
            api,
            cluster: self.host.name.clone(),
            endpoint: self.shown.clone(),
            engine_version: clean(said.version.as_deref().unwrap_or("unknown")).into(),
            cursor: self.cursor.clone(),
            tunnel,
        })
    }
}

impl Inner {
    /// An engine that does not take our certificate may have closed the connection before its reason was read: then the reason is asked for.
    async fn negotiate(&self, client: Client) -> Result<(Api, Version), Fault> {
        let negotiated = Api::negotiate(client).await;
        match (&self.host.endpoint, negotiated) {
            (
                Endpoint::Tcp { address, tls: Some(tls) },
                Err(fault @ Fault::Way { kind: LossKind::Unreachable, .. }),
            ) => Err(tls::objection(address, tls).await.unwrap_or(fault)),
            (_, negotiated) => negotiated,
        }
    }
}

/// Bollard says "not found" of every socket that it cannot see, so the file is looked at first.
fn unix(path: &std::path::Path) -> Result<Client, Fault> {
    std::fs::metadata(path)?;
    Ok(Client::connect_with_unix(&path.to_string_lossy(), TIMEOUT, ANY_VERSION)?)
}

fn encrypted(address: &str, tls: &Tls) -> Result<Client, Fault> {
    // Bollard panics without a provider; the program installs this one first thing, and a second time does no harm.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tls::check(tls)?;
    // Without a CA of its own the system's are in force; bollard wants a file nevertheless, and our own certificate signs nobody.
    let ca = tls.ca.as_ref().unwrap_or(&tls.certificate);
    Ok(Client::connect_with_ssl(address, &tls.key, &tls.certificate, ca, TIMEOUT, ANY_VERSION)?)
}

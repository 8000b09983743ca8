//! The way to one cluster, as often as it is asked for. What outlives a connection is kept here.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{
    Kubernetes, Site, access,
    api::Api,
    credentials::{Credentials, Renewal},
    directory::Directory,
    discovery::Served,
    events::Happened,
    fault::Fault,
    kubeconfig::Context,
    metrics::Meter,
};
use crate::backend::{Backend, Connector, Loss};

pub struct KubernetesConnector {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    credentials: Arc<Credentials>,
    /// The server took them once.
    was_good: AtomicBool,
    directory: Arc<Directory>,
    meter: Arc<Meter>,
    happened: Arc<Happened>,
}

impl KubernetesConnector {
    pub fn new(context: Context) -> Self {
        let inner = Inner {
            credentials: Arc::new(Credentials::new(context.source.clone())),
            context,
            was_good: AtomicBool::new(false),
            directory: Arc::default(),
            meter: Arc::default(),
            happened: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Connector for KubernetesConnector {
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let kubernetes = inner.connect().await.map_err(|fault| inner.loss(&fault))?;
            Ok(Arc::new(kubernetes) as Arc<dyn Backend>)
        })
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        let credentials = self.inner.credentials.clone();
        Box::pin(async move { credentials.changed().await })
    }
}

impl Inner {
    async fn connect(&self) -> Result<Kubernetes, Fault> {
        let connected = match self.try_once().await {
            // What a plugin said earlier may have been taken back since.
            Err(fault) if fault.is_unauthorized() => {
                self.credentials.forget();
                self.try_once().await
            }
            other => other,
        };
        if connected.is_ok() {
            self.was_good.store(true, Ordering::Relaxed);
        }
        connected
    }

    async fn try_once(&self) -> Result<Kubernetes, Fault> {
        let signed_in = self.credentials.sign_in().await?;
        let (client, clients) = watch::channel(signed_in.client);
        let api = Api::renewed(clients, self.context.name.clone(), self.context.endpoint.clone());
        let served = Served::find(&api).await?;
        let renewal = signed_in.renew_at.map(|at| Renewal::begin(self.credentials.clone(), client, at));
        let site = Site {
            api,
            served: Arc::new(served),
            directory: self.directory.clone(),
            happened: self.happened.clone(),
            meter: self.meter.clone(),
            scopes: self.context.scopes.clone().into(),
            source: Some(Arc::new(self.context.source.clone())),
        };
        let capabilities = access::capabilities(&site.served);
        Ok(Kubernetes { site, capabilities, _renewal: renewal })
    }

    fn loss(&self, fault: &Fault) -> Loss {
        let endpoint = &self.context.endpoint;
        if self.was_good.load(Ordering::Relaxed) { fault.loss(endpoint) } else { fault.first_loss(endpoint) }
    }
}

#[cfg(test)]
mod tests;

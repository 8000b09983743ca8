//! Kubernetes, through its API: every context is a cluster, every namespace a scope. What the server says becomes small rows (`row`),
//! rows become services and instances (`books`, `health`), and the rest asks. What is served is found out, never told from a version.

pub mod connect;
pub mod kubeconfig;

mod access;
mod api;
mod argo;
mod books;
mod change;
mod changes;
mod cluster_backups;
mod configuration;
mod container;
mod credentials;
mod definition;
mod directory;
mod discovery;
mod drain;
mod edits;
mod events;
mod evidence;
mod exec;
mod facts;
mod fault;
mod feed;
mod forward;
mod health;
mod helm;
mod helm_steps;
mod holder;
#[cfg(test)]
mod lab;
mod lease;
mod logs;
mod means;
mod metrics;
mod outline;
mod plugin;
mod pod;
mod processes;
mod program;
mod proxy;
mod query;
mod readiness;
mod refusal;
mod releases;
mod replace;
mod replacements;
mod resolve;
mod rollout;
mod row;
mod scale;
mod scratch;
#[cfg(test)]
mod scripted;
mod sets;
mod shift;
mod sight;
mod steer;
mod steps;
#[cfg(test)]
mod testing;
mod tls;
mod trial;
mod undo;
mod update;
mod usage;
mod velero;
mod watch;

use std::sync::Arc;

use futures::{future::BoxFuture, stream::BoxStream};

use self::{api::Api, credentials::Renewal, directory::Directory, discovery::Served, events::Happened, metrics::Meter};
use super::{
    Attached, Backend, DefinitionFile, FollowError, Forwarded, LogPiece, Loss, Piped, Progress, Scratch, StepError,
};
use crate::{
    domain::{Capabilities, Change, Claim, InstanceId, Lease, Sample, ServiceId, Trouble},
    message::{Answer, Question, Since},
    plan::Step,
};

pub use connect::KubernetesConnector;
pub use kubeconfig::{Context, discover};

/// One connected cluster.
pub struct Kubernetes {
    site: Site,
    capabilities: Capabilities,
    /// Ends with the connection.
    _renewal: Option<Renewal>,
}

/// What every question to a cluster needs. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    api: Api,
    /// What this server serves.
    served: Arc<Served>,
    /// Which workload a service is. Outlives a connection.
    directory: Arc<Directory>,
    /// What was told of what happened. Outlives a connection.
    happened: Arc<Happened>,
    /// Shared by all that is measured, so that many instances cost one question.
    meter: Arc<Meter>,
    /// The namespaces that are looked at where not all may be listed: the context's own, and those that the config names.
    scopes: Arc<[crate::domain::Scope]>,
    /// By which other programs reach it; tests may have none.
    source: Option<Arc<kubeconfig::Source>>,
}

impl Backend for Kubernetes {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        watch::watch(self.site.clone())
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        let api = self.site.api.clone();
        Box::pin(async move { api.ping().await.map_err(|fault| fault.loss(api.endpoint())) })
    }

    fn follow(&self, instance: InstanceId, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        logs::follow(self.site.clone(), instance, since)
    }

    fn sample(&self, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        metrics::sample(self.site.clone(), instance)
    }

    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        Box::pin(steps::execute(self.site.clone(), step, progress))
    }

    fn lease(
        &self,
        service: ServiceId,
        ours: Lease,
        claim: Claim,
    ) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        let site = self.site.clone();
        Box::pin(async move { lease::claim(&site, &service, ours, claim).await })
    }

    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        Box::pin(query::query(self.site.clone(), question))
    }

    fn forward(&self, service: ServiceId, port: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        Box::pin(forward::forward(self.site.clone(), service, port))
    }

    fn attach(&self, instance: InstanceId, size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        Box::pin(exec::attach(self.site.clone(), instance, size))
    }

    fn run(&self, instance: InstanceId, command: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        Box::pin(program::run(self.site.clone(), instance, command))
    }

    fn scratch(&self, wanted: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        let site = self.site.clone();
        Box::pin(async move { scratch::make(&site, &wanted).await })
    }

    fn discard(&self, scratch: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        let site = self.site.clone();
        Box::pin(async move { scratch::discard(&site, &scratch).await })
    }

    fn definition(&self, service: ServiceId) -> BoxFuture<'static, Result<Vec<DefinitionFile>, Trouble>> {
        let site = self.site.clone();
        Box::pin(async move { definition::of(&site, &service).await })
    }

    fn define(
        &self,
        service: ServiceId,
        files: Vec<DefinitionFile>,
        is_trial: bool,
    ) -> BoxFuture<'static, Result<(), Trouble>> {
        let site = self.site.clone();
        Box::pin(async move { definition::apply(&site, &service, &files, is_trial).await })
    }
}

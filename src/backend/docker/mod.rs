//! Docker Engine, through its API. The engine's answers become domain words in `container`, `services` and `health`; the rest asks.

pub mod connect;
pub mod discover;

mod api;
mod attach;
mod blueprint;
mod container;
mod context;
mod credentials;
mod definition;
mod events;
mod evidence;
mod fault;
mod find;
mod frames;
mod health;
mod history;
mod image;
mod inside;
mod inventory;
mod join;
mod labels;
mod lease;
mod lifecycle;
mod logs;
mod make;
mod marker;
mod marks;
mod means;
mod members;
mod metrics;
mod outline;
mod pending;
mod program;
mod query;
mod releases;
mod scratch;
mod services;
mod ssh;
mod steps;
mod swarm;
mod swarm_steps;
#[cfg(test)]
mod testing;
mod tls;
mod upstream;
mod watch;
mod wire;

use std::sync::Arc;

use futures::{StreamExt, future::BoxFuture, stream::BoxStream};

use self::{api::Api, ssh::Tunnel, watch::Cursor};
use super::{
    Attached, Backend, DefinitionFile, FollowError, Forwarded, LogPiece, Loss, Piped, Progress, Scratch, StepError,
};
use crate::{
    backend::WITHOUT_VELERO,
    domain::{Capabilities, Capability, Change, Claim, ClusterName, InstanceId, Lease, Sample, ServiceId, Trouble},
    message::{Answer, Question, Since},
    plan::Step,
};

pub use connect::DockerConnector;
pub use discover::{Discovery, Endpoint, Host, Tried, discover};

/// One connected engine.
pub struct Docker {
    api: Api,
    cluster: ClusterName,
    endpoint: Arc<str>,
    engine_version: Arc<str>,
    cursor: Cursor,
    /// Held open for as long as this engine is used.
    tunnel: Option<Arc<Tunnel>>,
}

impl Backend for Docker {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
            .without(Capability::Nodes, "a Docker host is one machine")
            .without(Capability::Forward, "Docker publishes ports itself; its networks are reached from its host")
            .without(Capability::Steer, "a rollout on Docker is an operation of midwatch: it is told in the operations")
            .without(Capability::Drain, "a Docker host is one machine")
            .without(Capability::Velero, WITHOUT_VELERO)
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        let subject = watch::Subject {
            api: self.api.clone(),
            cluster: self.cluster.clone(),
            endpoint: self.endpoint.clone(),
            engine_version: self.engine_version.clone(),
            cursor: self.cursor.clone(),
        };
        let changes = watch::watch(subject);
        let Some(tunnel) = self.tunnel.clone() else { return changes };
        let explained = changes.then(move |change| {
            let tunnel = tunnel.clone();
            async move {
                match change {
                    Err(loss) => Err(tunnel.explain(loss).await),
                    change @ Ok(_) => change,
                }
            }
        });
        explained.boxed()
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        let (docker, endpoint, tunnel) = (self.api.docker(), self.endpoint.clone(), self.tunnel.clone());
        Box::pin(async move {
            let Err(error) = docker.ping().await else { return Ok(()) };
            let loss = fault::Fault::from(error).loss(&endpoint);
            match tunnel {
                Some(tunnel) => Err(tunnel.explain(loss).await),
                None => Err(loss),
            }
        })
    }

    fn follow(&self, instance: InstanceId, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        self.held(logs::follow(self.api.clone(), instance, since))
    }

    fn sample(&self, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        self.held(metrics::sample(self.api.clone(), instance))
    }

    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        Box::pin(steps::execute(self.api.clone(), step, progress))
    }

    fn lease(
        &self,
        service: ServiceId,
        ours: Lease,
        claim: Claim,
    ) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        let api = self.api.clone();
        Box::pin(async move { lease::claim(&api, &service, ours, claim).await })
    }

    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        Box::pin(query::query(self.api.clone(), question))
    }

    fn forward(&self, service: ServiceId, port: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        let what = format!("could not forward to port {port} of {service}");
        Box::pin(async move { Err(Trouble::new(what, "Docker forwards no ports but those that it publishes")) })
    }

    fn attach(&self, instance: InstanceId, size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        Box::pin(attach::attach(self.api.clone(), instance, size))
    }

    fn run(&self, instance: InstanceId, command: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        let (api, tunnel) = (self.api.clone(), self.tunnel.clone());
        Box::pin(async move {
            let Piped { input, said } = program::run(api, instance, command).await?;
            Ok(Piped { input, said: said.inspect(move |_| _ = &tunnel).boxed() })
        })
    }

    fn scratch(&self, wanted: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        let api = self.api.clone();
        Box::pin(async move { scratch::make(&api, &wanted).await })
    }

    fn discard(&self, scratch: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        let api = self.api.clone();
        Box::pin(async move { scratch::discard(&api, &scratch).await })
    }

    fn definition(&self, service: ServiceId) -> BoxFuture<'static, Result<Vec<DefinitionFile>, Trouble>> {
        let (api, is_here) = (self.api.clone(), self.tunnel.is_none() && self.endpoint.starts_with("unix://"));
        Box::pin(async move { definition::of(&api, &service, is_here).await })
    }
}

impl Docker {
    /// A stream may outlive the engine's value; the way to the engine must then stay open too.
    fn held<T: 'static>(&self, stream: BoxStream<'static, T>) -> BoxStream<'static, T> {
        match self.tunnel.clone() {
            None => stream,
            Some(tunnel) => stream.inspect(move |_| _ = &tunnel).boxed(),
        }
    }
}

//! What a cluster tells a gate of its pods.

use futures::{future::BoxFuture, stream::BoxStream};

use super::{
    Site,
    fault::Fault,
    forward, logs,
    pod::{self, Pod, is_name},
    replacements::{OnePod, Replacements, newest},
    resolve::{self, resolve},
    rollout::Rolling,
    steps::stopped,
};
use crate::{
    backend::{
        FollowError, LogPiece, StepError,
        gate::{Connection, Evidence, Member, Standing},
    },
    domain::{InstanceId, ServiceId, ServiceKind, text::clean},
    message::Since,
    plan::{Group, TRACK},
};

pub struct KubernetesEvidence {
    pub site: Site,
}

impl Evidence for KubernetesEvidence {
    fn members<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Vec<Member>, StepError>> {
        Box::pin(async move {
            let looked = match group {
                Group::Instances(instances) => self.named(instances).await,
                Group::Newest(service) => self.of(service, Which::Newest).await,
                Group::Older(service) => self.of(service, Which::Older).await,
                Group::All(service) => self.of(service, Which::All).await,
            };
            looked.map_err(|fault| stopped(&fault, "its pods cannot be looked at"))
        })
    }

    fn dial<'a>(&'a self, member: &'a Member, port: u16) -> BoxFuture<'a, Result<Connection, StepError>> {
        Box::pin(async move {
            let what = format!("could not reach port {port} of {}", member.name);
            let pod = Pod::of(&member.id).map_err(|fault| stopped(&fault, what.as_str()))?;
            forward::dial(&self.site, pod.namespace, pod.name, port).await.map_err(|fault| {
                // What may not be asked says nothing about the pod.
                if fault.is_denied() { StepError::Unsure(forward::told(&what, &fault)) } else { stopped(&fault, what) }
            })
        })
    }

    fn follow(&self, member: &Member, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        logs::follow(self.site.clone(), member.id.clone(), since)
    }
}

#[derive(Clone, Copy)]
enum Which {
    Newest,
    Older,
    All,
}

impl KubernetesEvidence {
    async fn named(&self, instances: &[InstanceId]) -> Result<Vec<Member>, Fault> {
        let mut members = Vec::with_capacity(instances.len());
        for instance in instances {
            let pod = Pod::of(instance)?;
            let there = Replacements::only(&self.site, &pod).await?;
            let found = there.as_ref().and_then(|there| there.each().next());
            members.push(match found {
                Some(found) => self.member(pod.namespace, &found),
                None => Member { standing: Standing::Gone, ..self.nobody(pod.namespace, pod.name, pod.uid) },
            });
        }
        Ok(members)
    }

    /// Pods that are ending do so on purpose, and are not looked at.
    async fn of(&self, service: &ServiceId, which: Which) -> Result<Vec<Member>, Fault> {
        let site = &self.site;
        let workload = resolve(site, service).await?;
        let namespace = &*workload.namespace;
        if workload.kind == ServiceKind::Pod {
            let lone = pod::instance(site.api.cluster(), namespace, &workload.name, &workload.uid);
            return match which {
                Which::Newest | Which::All => self.named(&[lone]).await,
                Which::Older => Ok(Vec::new()),
            };
        }
        let Some(path) = resolve::path(workload.kind, namespace, &workload.name) else { return Ok(Vec::new()) };
        if workload.selector.is_empty() || !is_name(namespace) {
            return Ok(Vec::new());
        }
        let mark = match which {
            Which::All => None,
            Which::Newest | Which::Older => {
                let rolling: Rolling = site.api.get(&path).await?;
                newest(site, &workload, &rolling).await?
            }
        };
        let is_newest = |pod: &OnePod<'_>| match &mark {
            Some((label, hash)) => pod.labels.get(*label) == Some(hash),
            None => true,
        };
        let pods = Replacements::selected(site, namespace, &workload.selector).await?;
        let chosen = pods.each().filter(|pod| {
            // A set beside the service carries its labels, too.
            let is_own = pod.labels.get(TRACK).is_none_or(|set| **set == *workload.name);
            let is_meant = match which {
                Which::All => true,
                Which::Newest => is_newest(pod),
                Which::Older => !is_newest(pod),
            };
            is_own && is_meant && !pod.is_ending
        });
        Ok(chosen.map(|pod| self.member(namespace, &pod)).collect())
    }

    fn member(&self, namespace: &str, pod: &OnePod<'_>) -> Member {
        let standing = match (pod.is_ready, pod.is_ending, &pod.trouble) {
            (true, ..) => Standing::Ready,
            (false, true, _) => Standing::NotReady("it is ending".into()),
            (false, false, Some(trouble)) => Standing::NotReady(trouble.as_str().into()),
            (false, false, None) => Standing::NotReady("its readiness probe or a container of it says so".into()),
        };
        Member { standing, restarts: pod.restarts, ..self.nobody(namespace, pod.name, pod.uid) }
    }

    fn nobody(&self, namespace: &str, name: &str, uid: &str) -> Member {
        Member {
            id: pod::instance(self.site.api.cluster(), namespace, name, uid),
            name: clean(name).into(),
            standing: Standing::Gone,
            restarts: 0,
            started: None,
            help: format!("kubectl -n {namespace} describe pod {name}").into(),
        }
    }
}

#[cfg(test)]
mod tests;

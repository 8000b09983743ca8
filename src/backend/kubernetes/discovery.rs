//! What a server serves of what we use, and in which version. Found out with as few questions as the answer takes: the groups tell most
//! versions, and resources are only asked for where a group does not say what is in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{api::Api, fault::Fault, row::Kind};
use crate::domain::text::clean;

/// What is listed and watched, or asked one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Namespace,
    Node,
    Pod,
    Service,
    Endpoints,
    Event,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ControllerRevision,
    Job,
    CronJob,
    /// Of Argo Rollouts.
    Rollout,
    Autoscaler,
    Budget,
    Ingress,
    IngressClass,
    /// Of the Gateway API.
    HttpRoute,
    /// Of Flagger.
    Canary,
    PodMetrics,
    NodeMetrics,
}

impl Resource {
    pub const ALL: [Self; 22] = [
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::Service,
        Self::Endpoints,
        Self::Event,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::ControllerRevision,
        Self::Job,
        Self::CronJob,
        Self::Rollout,
        Self::Autoscaler,
        Self::Budget,
        Self::Ingress,
        Self::IngressClass,
        Self::HttpRoute,
        Self::Canary,
        Self::PodMetrics,
        Self::NodeMetrics,
    ];

    /// As it stands in a path, and as people who write roles know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Node => "nodes",
            Self::Pod => "pods",
            Self::Service => "services",
            Self::Endpoints => "endpoints",
            Self::Event => "events",
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::ReplicaSet => "replicasets",
            Self::ControllerRevision => "controllerrevisions",
            Self::Job => "jobs",
            Self::CronJob => "cronjobs",
            Self::Rollout => "rollouts",
            Self::Autoscaler => "horizontalpodautoscalers",
            Self::Budget => "poddisruptionbudgets",
            Self::Ingress => "ingresses",
            Self::IngressClass => "ingressclasses",
            Self::HttpRoute => "httproutes",
            Self::Canary => "canaries",
            Self::PodMetrics => "pods",
            Self::NodeMetrics => "nodes",
        }
    }

    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespace | Self::Node | Self::NodeMetrics | Self::IngressClass)
    }

    /// Its group and the versions that we understand, best first.
    fn home(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Namespace | Self::Node | Self::Pod | Self::Service | Self::Endpoints | Self::Event => ("", &["v1"]),
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::ReplicaSet | Self::ControllerRevision => {
                ("apps", &["v1"])
            }
            Self::Job => ("batch", &["v1"]),
            Self::CronJob => ("batch", &["v1", "v1beta1"]),
            Self::Rollout => ("argoproj.io", &["v1alpha1"]),
            Self::Autoscaler => ("autoscaling", &["v2", "v2beta2", "v1"]),
            Self::Budget => ("policy", &["v1", "v1beta1"]),
            Self::Ingress | Self::IngressClass => ("networking.k8s.io", &["v1", "v1beta1"]),
            Self::HttpRoute => ("gateway.networking.k8s.io", &["v1", "v1beta1"]),
            Self::Canary => ("flagger.app", &["v1beta1"]),
            Self::PodMetrics | Self::NodeMetrics => ("metrics.k8s.io", &["v1beta1"]),
        }
    }

    /// Part of Kubernetes itself since long ago: there, even where the server does not let us ask.
    fn is_built_in(self) -> bool {
        !matches!(self, Self::Rollout | Self::HttpRoute | Self::Canary | Self::PodMetrics | Self::NodeMetrics)
    }
}

impl From<Kind> for Resource {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Namespace => Self::Namespace,
            Kind::Node => Self::Node,
            Kind::Deployment => Self::Deployment,
            Kind::StatefulSet => Self::StatefulSet,
            Kind::DaemonSet => Self::DaemonSet,
            Kind::Job => Self::Job,
            Kind::CronJob => Self::CronJob,
            Kind::Rollout => Self::Rollout,
            Kind::Pod => Self::Pod,
            Kind::Service => Self::Service,
            Kind::Scaler => Self::Autoscaler,
            Kind::Guard => Self::Budget,
            Kind::Event => Self::Event,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Served {
    version: Arc<str>,
    /// `/api/v1`, `/apis/apps/v1`
    roots: BTreeMap<Resource, String>,
    round_trip: Duration,
}

impl Served {
    pub async fn find(api: &Api) -> Result<Self, Fault> {
        let timed = |path| async move {
            let asked = Instant::now();
            (api.bytes(path).await, asked.elapsed())
        };
        let ((version, took_one), (groups, took_other)) = tokio::join!(timed("/version"), timed("/apis"));
        let version = match version {
            Ok(said) => super::api::decode::<Version>(&said)?.git_version,
            Err(fault) if fault.is_denied() => String::new(),
            Err(fault) => return Err(fault),
        };
        let groups = match groups {
            Ok(said) => Some(super::api::decode::<Groups>(&said)?),
            // Roles that take discovery away leave what is always there.
            Err(fault) if fault.is_denied() => None,
            Err(fault) => return Err(fault),
        };
        let mut found =
            Self { version: clean(&version).into(), roots: BTreeMap::new(), round_trip: took_one.min(took_other) };
        match groups {
            Some(groups) => found.choose(api, &groups).await?,
            None => found.assume(),
        }
        Ok(found)
    }

    /// "v1.20.5"; empty where it may not be asked.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How long the shortest question took.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub fn has(&self, resource: impl Into<Resource>) -> bool {
        self.roots.contains_key(&resource.into())
    }

    /// Where all of a kind are listed, or those of a namespace. `None` where it is not served.
    pub fn path(&self, resource: impl Into<Resource>, namespace: Option<&str>) -> Option<String> {
        let resource = resource.into();
        let root = self.roots.get(&resource)?;
        Some(match namespace.filter(|_| resource.is_namespaced()) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", resource.name()),
            None => format!("{root}/{}", resource.name()),
        })
    }

    async fn choose(&mut self, api: &Api, groups: &Groups) -> Result<(), Fault> {
        let (cronjobs, rollouts) = tokio::join!(
            // Version v1 of this group is older than CronJobs in it; where the older version is gone, they are in the newer.
            resources(api, "/apis/batch/v1", groups.serves("batch", "v1beta1")),
            // Argo's other tools have the same group.
            resources(api, "/apis/argoproj.io/v1alpha1", groups.serves("argoproj.io", "v1alpha1")),
        );
        let (cronjobs, rollouts) = (cronjobs?, rollouts?);
        for resource in Resource::ALL {
            let (group, versions) = resource.home();
            let holds = |version: &str| match (resource, version) {
                (Resource::CronJob, "v1") => cronjobs.as_ref().is_none_or(|there| there.contains("cronjobs")),
                (Resource::Rollout, _) => rollouts.as_ref().is_some_and(|there| there.contains("rollouts")),
                _ => true,
            };
            let served = |version: &&&str| group.is_empty() || groups.serves(group, version);
            if let Some(version) = versions.iter().filter(served).find(|version| holds(version)) {
                self.roots.insert(resource, root(group, version));
            }
        }
        Ok(())
    }

    fn assume(&mut self) {
        for resource in Resource::ALL.into_iter().filter(|resource| resource.is_built_in()) {
            let (group, versions) = resource.home();
            self.roots.insert(resource, root(group, versions[0]));
        }
    }
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// What a version of a group has in it. `None` where nobody needs to know, or where its server is broken: an API that others add may be,
/// and that must not hide the rest.
async fn resources(api: &Api, path: &str, is_needed: bool) -> Result<Option<BTreeSet<String>>, Fault> {
    if !is_needed {
        return Ok(None);
    }
    match api.get::<Resources>(path).await {
        Ok(list) => Ok(Some(list.resources.into_iter().map(|resource| resource.name).collect())),
        Err(fault @ Fault::Way { .. }) => Err(fault),
        Err(fault) => {
            tracing::warn!(path, ?fault, "what is served there is not told");
            Ok(None)
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    #[serde(default)]
    git_version: String,
}

/// `metav1.APIGroupList`
#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

/// `metav1.APIResourceList`
#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Groups {
    fn serves(&self, group: &str, version: &str) -> bool {
        let found = self.groups.iter().find(|candidate| candidate.name == group);
        found.is_some_and(|group| group.versions.iter().any(|candidate| candidate.version == version))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::scripted::{Reply, Server},
        *,
    };

    const OLD: &str = r#"{"groups":[
        {"name":"apps","versions":[{"version":"v1"}]},
        {"name":"batch","versions":[{"version":"v1"},{"version":"v1beta1"}]},
        {"name":"autoscaling","versions":[{"version":"v1"},{"version":"v2beta1"},{"version":"v2beta2"}]},
        {"name":"policy","versions":[{"version":"v1beta1"}]}]}"#;
    const NEW: &str = r#"{"groups":[
        {"name":"apps","versions":[{"version":"v1"}]},
        {"name":"batch","versions":[{"version":"v1"}]},
        {"name":"autoscaling","versions":[{"version":"v2"},{"version":"v1"}]},
        {"name":"policy","versions":[{"version":"v1"}]},
        {"name":"argoproj.io","versions":[{"version":"v1alpha1"}]},
        {"name":"metrics.k8s.io","versions":[{"version":"v1beta1"}]}]}"#;

    fn server(groups: &'static str, more: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
        Server::new(move |path| match path {
            "/version" => Reply::json(r#"{"gitVersion":"v1.20.5"}"#),
            "/apis" => Reply::json(groups),
            _ => more(path).unwrap_or_else(|| Reply::refusal(404, "NotFound")),
        })
    }

    #[tokio::test]
    async fn an_old_server_is_asked_in_its_own_versions() {
        let jobs = |path: &str| {
            (path == "/apis/batch/v1").then(|| Reply::json(r#"{"resources":[{"name":"jobs"},{"name":"jobs/status"}]}"#))
        };
        let server = server(OLD, jobs);
        let served = Served::find(&server.api()).await.expect("found");
        let path = |resource| served.path(resource, None).unwrap_or_default();
        assert_eq!(served.version(), "v1.20.5");
        assert_eq!(path(Resource::CronJob), "/apis/batch/v1beta1/cronjobs");
        assert_eq!(path(Resource::Job), "/apis/batch/v1/jobs");
        assert_eq!(path(Resource::Autoscaler), "/apis/autoscaling/v2beta2/horizontalpodautoscalers");
        assert_eq!(path(Resource::Budget), "/apis/policy/v1beta1/poddisruptionbudgets");
        assert_eq!(served.path(Resource::Rollout, None), None);
        assert_eq!(served.path(Resource::PodMetrics, None), None);
    }

    #[tokio::test]
    async fn a_new_server_is_asked_for_nothing_that_its_groups_tell() {
        let server = server(NEW, |path| {
            (path == "/apis/argoproj.io/v1alpha1").then(|| Reply::json(r#"{"resources":[{"name":"rollouts"}]}"#))
        });
        let served = Served::find(&server.api()).await.expect("found");
        assert_eq!(served.path(Resource::CronJob, None).as_deref(), Some("/apis/batch/v1/cronjobs"));
        assert_eq!(served.path(Resource::Pod, Some("shop")).as_deref(), Some("/api/v1/namespaces/shop/pods"));
        assert_eq!(served.path(Resource::Node, Some("shop")).as_deref(), Some("/api/v1/nodes"));
        assert!(served.has(Resource::Rollout) && served.has(Resource::NodeMetrics));
        let mut asked = server.asked();
        asked.sort();
        assert_eq!(asked, ["/apis", "/apis/argoproj.io/v1alpha1", "/version"]);
    }

    #[tokio::test]
    async fn an_added_api_whose_server_is_broken_hides_only_itself() {
        let server = server(NEW, |path| {
            (path == "/apis/argoproj.io/v1alpha1").then(|| Reply::refusal(503, "ServiceUnavailable"))
        });
        let served = Served::find(&server.api()).await.expect("found");
        assert!(!served.has(Resource::Rollout));
        assert!(served.has(Resource::Deployment));
    }

    #[tokio::test]
    async fn where_nothing_may_be_asked_what_is_always_there_is_assumed() {
        let server = Server::new(|_| Reply::refusal(403, "Forbidden"));
        let served = Served::find(&server.api()).await.expect("found");
        assert_eq!(served.version(), "");
        assert_eq!(served.path(Resource::Deployment, None).as_deref(), Some("/apis/apps/v1/deployments"));
        assert!(!served.has(Resource::Rollout));
    }

    #[tokio::test]
    async fn a_token_that_is_not_accepted_is_no_server_without_groups() {
        let server = Server::new(|_| Reply::refusal(401, "Unauthorized"));
        let fault = Served::find(&server.api()).await.expect_err("refused");
        assert!(matches!(fault, Fault::Refused { code: 401, .. }), "{fault:?}");
    }
}

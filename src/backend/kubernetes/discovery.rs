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
    /// Of Velero, as all that begin so.
    VeleroBackup,
    VeleroRestore,
    VeleroSchedule,
    VeleroLocation,
    VeleroDeletion,
    VeleroDownload,
    /// What node agents copy of volumes, into its store and back.
    VeleroVolumeBackup,
    VeleroVolumeRestore,
    VeleroDataUpload,
    VeleroDataDownload,
    /// Of CloudNativePG, as all that begin so.
    PgCluster,
    PgBackup,
    PgSchedule,
    VolumeSnapshot,
}

impl Resource {
    pub const ALL: [Self; 36] = [
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
        Self::VeleroBackup,
        Self::VeleroRestore,
        Self::VeleroSchedule,
        Self::VeleroLocation,
        Self::VeleroDeletion,
        Self::VeleroDownload,
        Self::VeleroVolumeBackup,
        Self::VeleroVolumeRestore,
        Self::VeleroDataUpload,
        Self::VeleroDataDownload,
        Self::PgCluster,
        Self::PgBackup,
        Self::PgSchedule,
        Self::VolumeSnapshot,
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
            Self::VeleroBackup => "backups",
            Self::VeleroRestore => "restores",
            Self::VeleroSchedule => "schedules",
            Self::VeleroLocation => "backupstoragelocations",
            Self::VeleroDeletion => "deletebackuprequests",
            Self::VeleroDownload => "downloadrequests",
            Self::VeleroVolumeBackup => "podvolumebackups",
            Self::VeleroVolumeRestore => "podvolumerestores",
            Self::VeleroDataUpload => "datauploads",
            Self::VeleroDataDownload => "datadownloads",
            Self::PgCluster => "clusters",
            Self::PgBackup => "backups",
            Self::PgSchedule => "scheduledbackups",
            Self::VolumeSnapshot => "volumesnapshots",
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
            Self::VeleroBackup
            | Self::VeleroRestore
            | Self::VeleroSchedule
            | Self::VeleroLocation
            | Self::VeleroDeletion
            | Self::VeleroDownload
            | Self::VeleroVolumeBackup
            | Self::VeleroVolumeRestore => ("velero.io", &["v1"]),
            Self::VeleroDataUpload | Self::VeleroDataDownload => ("velero.io", &["v2alpha1"]),
            Self::PgCluster | Self::PgBackup | Self::PgSchedule => ("postgresql.cnpg.io", &["v1"]),
            Self::VolumeSnapshot => ("snapshot.storage.k8s.io", &["v1", "v1beta1"]),
        }
    }

    /// Part of Kubernetes itself since long ago: there, even where the server does not let us ask.
    fn is_built_in(self) -> bool {
        let (group, _) = self.home();
        matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy" | "networking.k8s.io")
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
mod tests;

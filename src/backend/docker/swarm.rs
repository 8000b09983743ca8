//! Swarm services, where the engine is an active manager: what is wanted and what runs on all nodes. The containers on this host are
//! instances like any other; those on other hosts are counted only.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    api::{Api, encoded},
    container::time,
    fault::Fault,
    labels::Place,
    wire::{Info, Labels},
};
use crate::domain::{
    ClusterName, Dependency, Health, Image, Reason, Service, ServiceId, ServiceKind, protection, text::clean,
};

#[derive(Clone, Debug, PartialEq)]
pub struct SwarmService {
    /// The engine's id, for updates.
    pub key: Arc<str>,
    place: Place,
    wanted: u32,
    running: u32,
    image: Image,
    depends_on: Vec<Dependency>,
    backup: Option<Arc<str>>,
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
    version: u64,
    update: Option<(UpdateState, Arc<str>)>,
    /// What the newest failed task says.
    problem: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateState {
    Updating,
    Paused,
    Completed,
    RollingBack,
    RolledBack,
}

pub fn is_manager(info: &Info) -> bool {
    let swarm = info.swarm.as_ref();
    swarm.is_some_and(|swarm| {
        swarm.local_node_state.as_deref() == Some("active") && swarm.control_available == Some(true)
    })
}

pub async fn list(api: &Api) -> Result<Vec<SwarmService>, Fault> {
    let services: Vec<WireService> = api.get("/services").await?;
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let tasks: Vec<WireTask> = api.get("/tasks").await?;
    Ok(services.into_iter().map(|service| SwarmService::new(service, &tasks)).collect())
}

/// The service as the engine describes it now, unread: an update must send back what it does not change.
pub async fn raw(api: &Api, key: &str) -> Result<serde_json::Value, Fault> {
    let id = super::api::Id::new(key)?;
    api.get(&format!("/services/{id}")).await
}

/// How its last update stands; `None` when it never had one.
pub async fn update_state(api: &Api, key: &str) -> Result<Option<(UpdateState, Arc<str>)>, Fault> {
    let id = super::api::Id::new(key)?;
    let service: WireService = api.get(&format!("/services/{id}")).await?;
    Ok(update(service.update_status))
}

pub async fn find(api: &Api, id: &ServiceId) -> Result<Option<SwarmService>, Fault> {
    Ok(list(api).await?.into_iter().find(|service| service.id(&id.cluster) == *id))
}

/// How many of its tasks are up, of how many that should be.
pub async fn progress(api: &Api, key: &str) -> Result<(usize, usize), Fault> {
    let filter = encoded(&format!(r#"{{"service":["{key}"],"desired-state":["running"]}}"#));
    let tasks: Vec<WireTask> = api.get(&format!("/tasks?filters={filter}")).await?;
    let wanted = || tasks.iter().filter(|task| task.desired_state.as_deref() == Some("running"));
    Ok((wanted().filter(|task| task.is("running")).count(), wanted().count()))
}

impl SwarmService {
    fn new(service: WireService, tasks: &[WireTask]) -> Self {
        let spec = service.spec;
        let labels = spec.labels.unwrap_or_default();
        let image = spec.task_template.container_spec.and_then(|container| container.image).unwrap_or_default();
        let (reference, digest) = image.split_once('@').unwrap_or((&image, ""));
        let mine: Vec<&WireTask> = tasks.iter().filter(|task| task.service_id == service.id).collect();
        let live = || mine.iter().filter(|task| task.desired_state.as_deref() == Some("running"));
        let running = live().filter(|task| task.is("running")).count();
        let replicas = spec.mode.and_then(|mode| mode.replicated).and_then(|replicated| replicated.replicas);
        let newest_failure = mine
            .iter()
            .filter(|task| task.status.err.as_deref().is_some_and(|err| !err.is_empty()))
            .max_by(|a, b| a.status.timestamp.cmp(&b.status.timestamp));
        Self {
            key: clean(&service.id).into(),
            place: Place::swarm(&labels, &spec.name.unwrap_or_default()),
            wanted: replicas.unwrap_or_else(|| u32::try_from(live().count()).unwrap_or(u32::MAX)),
            running: u32::try_from(running).unwrap_or(u32::MAX),
            image: Image {
                reference: clean(reference).into(),
                digest: Some(clean(digest).into()).filter(|digest: &Arc<str>| !digest.is_empty()),
                version: super::labels::version(&labels),
                revision: super::labels::revision(&labels),
            },
            depends_on: super::labels::depends_on(&labels),
            backup: labels.get(protection::LABEL).map(|label| clean(label).into()),
            created: time(service.created_at.as_deref()),
            updated: time(service.updated_at.as_deref()),
            version: service.version.and_then(|version| version.index).unwrap_or(0),
            update: update(service.update_status),
            problem: newest_failure.and_then(|task| task.status.err.as_deref()).map(|err| clean(err).into()),
        }
    }

    pub fn id(&self, cluster: &ClusterName) -> ServiceId {
        ServiceId::new(cluster, &self.place.scope, self.place.service.clone())
    }

    /// `local`: what its containers on this host make of it.
    pub fn service(&self, id: ServiceId, local: Option<Service>) -> Service {
        let restarts = local.as_ref().map_or(0, |local| local.restarts);
        let ports = local.map(|local| local.ports).unwrap_or_default();
        Service {
            id,
            kind: ServiceKind::SwarmService,
            wanted: self.wanted,
            ready: self.running,
            health: self.health(),
            since: self.updated,
            restarts,
            image: Some(self.image.clone()),
            ports,
            depends_on: self.depends_on.clone(),
            backup: self.backup.clone(),
            created: self.created,
            orchestration: None,
            fingerprint: self.version,
        }
    }

    fn health(&self) -> Health {
        let counted = format!("{} of {} run", self.running, self.wanted);
        let why = match &self.problem {
            Some(problem) => format!("{counted}: {problem}"),
            None => counted,
        };
        match &self.update {
            Some((UpdateState::Updating, _)) => Health::Changing(Reason::new(format!("being updated: {why}"))),
            Some((UpdateState::RollingBack, _)) => Health::Changing(Reason::new(format!("being rolled back: {why}"))),
            Some((UpdateState::Paused, message)) => {
                Health::Degraded(Reason::new(format!("its update stands still: {message}")).detail(why))
            }
            Some((UpdateState::Completed | UpdateState::RolledBack, _)) | None => match (self.running, self.wanted) {
                (_, 0) => Health::Stopped(Reason::new("scaled to 0")),
                (running, wanted) if running >= wanted => Health::Healthy,
                (0, _) => Health::Failing(Reason::new(why)),
                (_, _) => Health::Degraded(Reason::new(why)),
            },
        }
    }
}

fn update(status: Option<WireUpdate>) -> Option<(UpdateState, Arc<str>)> {
    let status = status?;
    let state = match status.state.as_deref()? {
        "updating" => UpdateState::Updating,
        "paused" | "rollback_paused" => UpdateState::Paused,
        "completed" => UpdateState::Completed,
        "rollback_started" => UpdateState::RollingBack,
        "rollback_completed" => UpdateState::RolledBack,
        _ => return None,
    };
    Some((state, clean(status.message.as_deref().unwrap_or_default()).into()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireService {
    #[serde(rename = "ID")]
    id: String,
    version: Option<WireVersion>,
    created_at: Option<String>,
    updated_at: Option<String>,
    spec: WireSpec,
    update_status: Option<WireUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireVersion {
    index: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireSpec {
    name: Option<String>,
    labels: Option<Labels>,
    task_template: WireTemplate,
    mode: Option<WireMode>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireTemplate {
    container_spec: Option<WireContainer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireContainer {
    image: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireMode {
    replicated: Option<WireReplicated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireReplicated {
    replicas: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireUpdate {
    state: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireTask {
    #[serde(rename = "ServiceID")]
    service_id: String,
    desired_state: Option<String>,
    status: WireTaskStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireTaskStatus {
    timestamp: Option<String>,
    state: Option<String>,
    err: Option<String>,
}

impl WireTask {
    fn is(&self, state: &str) -> bool {
        self.status.state.as_deref() == Some(state)
    }
}

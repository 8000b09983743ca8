//! Clusters, services and releases in panes, and the selected service below them.

use std::{cmp::Reverse, collections::BTreeSet};

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{
        Due, Go, Page, Reply, Screen, Subject, World,
        instances::Instances,
        list::List,
        logs::{LogView, Target},
        prompt::Prompt,
        service_filter::Filter,
    },
    domain::{ClusterName, Health, Release, Scope, Service, ServiceId},
    message::{Answer, Effect, Question, Refresh, Subscriptions},
};

#[derive(Debug, Default)]
pub struct Main {
    pub pane: Pane,
    pub scopes: List<Row>,
    pub services: List<ServiceId>,
    pub releases: List<usize>,
    pub filter: Filter,
    pub faults_only: bool,
    pub sort: Sort,
    folded: BTreeSet<ClusterName>,
    prompt: Option<Prompt>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    Clusters,
    #[default]
    Services,
    Releases,
}

/// A row of the clusters pane: it says whose services are listed beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Everything,
    Cluster(ClusterName),
    Scope(ClusterName, Scope),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What is broken first, the worst on top, the rest by name.
    #[default]
    Worst,
    Name,
    Cpu,
    Memory,
    Restarts,
    Youngest,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Worst => "broken first",
            Self::Name => "by name",
            Self::Cpu => "by CPU",
            Self::Memory => "by memory",
            Self::Restarts => "by restarts",
            Self::Youngest => "youngest first",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Worst => Self::Name,
            Self::Name => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Restarts,
            Self::Restarts => Self::Youngest,
            Self::Youngest => Self::Worst,
        }
    }
}

impl Pane {
    pub const ALL: [Self; 3] = [Self::Clusters, Self::Services, Self::Releases];

    fn beside(self, step: usize) -> Self {
        Self::ALL[(self as usize + step) % Self::ALL.len()]
    }
}

impl Main {
    pub fn scope_rows(&self, world: &World) -> Vec<Row> {
        let mut rows = vec![Row::Everything];
        for cluster in world.inventory.clusters() {
            rows.push(Row::Cluster(cluster.name.clone()));
            if !self.is_folded(&cluster.name) {
                let scopes: BTreeSet<&Scope> =
                    world.services_of(&cluster.name).map(|service| &service.id.scope).collect();
                rows.extend(scopes.into_iter().map(|scope| Row::Scope(cluster.name.clone(), scope.clone())));
            }
        }
        rows
    }

    pub fn is_folded(&self, cluster: &ClusterName) -> bool {
        self.folded.contains(cluster)
    }

    pub fn scope(&self, world: &World) -> Row {
        self.scopes.selected(&self.scope_rows(world)).cloned().unwrap_or(Row::Everything)
    }

    /// The services that are listed now, in their order.
    pub fn rows<'a>(&self, world: &'a World) -> Vec<&'a Service> {
        let scope = self.scope(world);
        let mut matcher = Filter::matcher();
        let mut rows: Vec<&Service> = world
            .services()
            .filter(|service| scope.holds(&service.id))
            .filter(|service| !self.faults_only || service.health.is_broken())
            .filter(|service| self.filter.keeps(service, world, &mut matcher))
            .collect();
        match self.sort {
            Sort::Worst => rows.sort_by_key(|service| rank(&service.health)),
            Sort::Name => rows.sort_by_key(|service| service.id.name.clone()),
            Sort::Cpu => rows.sort_by_cached_key(|service| Reverse(world.usage(&service.id).map(|usage| usage.cpu))),
            Sort::Memory => {
                rows.sort_by_cached_key(|service| Reverse(world.usage(&service.id).map(|usage| usage.memory)))
            }
            Sort::Restarts => rows.sort_by_key(|service| Reverse(service.restarts)),
            Sort::Youngest => rows.sort_by_key(|service| Reverse(service.created.unwrap_or(Timestamp::MIN))),
        }
        rows
    }

    pub fn keys(&self, world: &World) -> Vec<ServiceId> {
        self.rows(world).into_iter().map(|service| service.id.clone()).collect()
    }

    pub fn service<'a>(&self, world: &'a World) -> Option<&'a Service> {
        let rows = self.rows(world);
        let keys: Vec<ServiceId> = rows.iter().map(|service| service.id.clone()).collect();
        self.services.position(&keys).map(|row| rows[row])
    }

    pub fn releases<'a>(&self, world: &'a World) -> &'a [Release] {
        let asked = self.service(world).map(|service| Question::Releases(service.id.clone()));
        match asked.and_then(|question| world.answers.get(&question)) {
            Some(Ok(Answer::Releases(releases))) => releases,
            _ => &[],
        }
    }

    fn move_in_pane(&mut self, action: Action, world: &World) -> bool {
        match self.pane {
            Pane::Clusters => self.scopes.act(action, &self.scope_rows(world)),
            Pane::Services => self.services.act(action, &self.keys(world)),
            Pane::Releases => self.releases.act(action, &(0..self.releases(world).len()).collect::<Vec<_>>()),
        }
    }

    fn fold(&mut self, world: &World, fold: bool) -> bool {
        match self.scope(world) {
            Row::Cluster(cluster) if self.pane == Pane::Clusters => {
                if fold {
                    self.folded.insert(cluster)
                } else {
                    self.folded.remove(&cluster)
                }
            }
            Row::Cluster(_) | Row::Everything | Row::Scope(..) => false,
        }
    }

    fn open(&mut self, world: &World) -> Reply {
        match self.pane {
            Pane::Clusters => {
                self.pane = Pane::Services;
                Reply::stay()
            }
            Pane::Services => match self.service(world) {
                Some(service) => Go::Open(Screen::Instances(Instances::of(service.id.clone()))).into(),
                None => Reply::refuse("no service is selected"),
            },
            Pane::Releases => Reply::refuse("there is nothing below a release yet"),
        }
    }

    fn back(&mut self) -> Reply {
        if self.prompt.take().is_some() || !self.filter.is_empty() {
            self.filter = Filter::default();
        } else if self.faults_only {
            self.faults_only = false;
        } else {
            self.pane = Pane::Services;
        }
        Reply::stay()
    }
}

impl Page for Main {
    fn place(&self) -> Place {
        Place::Main
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::Back => return self.back(),
            Action::Open if self.prompt.is_some() => self.prompt = None,
            Action::Open => return self.open(world),
            Action::Filter | Action::Search => {
                self.pane = Pane::Services;
                self.prompt = Some(Prompt::new("filter", self.filter.text()));
            }
            Action::Faults => self.faults_only = !self.faults_only,
            Action::Sort => self.sort = self.sort.next(),
            Action::NextPane => self.pane = self.pane.beside(1),
            Action::PreviousPane => self.pane = self.pane.beside(Pane::ALL.len() - 1),
            Action::Left if !self.fold(world, true) => self.pane = Pane::ALL[(self.pane as usize).saturating_sub(1)],
            Action::Right if !self.fold(world, false) => {
                self.pane = Pane::ALL[(self.pane as usize + 1).min(Pane::ALL.len() - 1)];
            }
            Action::Left | Action::Right => {}
            Action::Reconnect => return reconnect(self.subject(world)),
            Action::Copy => match self.service(world) {
                Some(service) => return Reply::stay().with(Effect::Copy(service.id.to_string())),
                None => return Reply::refuse("nothing is selected"),
            },
            action if self.move_in_pane(action, world) => {}
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        match (self.pane, self.scope(world)) {
            (Pane::Clusters, Row::Cluster(cluster)) => Some(Subject::Cluster(cluster)),
            _ => self.service(world).map(|service| Subject::Service(service.id.clone())),
        }
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if !is_top {
            return;
        }
        let keys = self.keys(world);
        for service in &keys[self.services.in_sight(&keys)] {
            wanted.samples.extend(world.alive_instances(service));
        }
        if let Some(service) = self.service(world) {
            let refresh = Refresh::WhenChanged(service.fingerprint);
            LogView::new(Target::Service(service.id.clone())).subscribe(world, wanted);
            wanted.answers.insert(Question::Releases(service.id.clone()), refresh);
        }
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.prompt.as_mut()
    }

    fn typed(&mut self, _world: &World) {
        if let Some(prompt) = &mut self.prompt {
            (self.filter, prompt.error) = Filter::parse(prompt.text());
        }
    }

    fn click(&mut self, pane: usize, row: usize, world: &World) {
        self.pane = Pane::ALL[pane.min(Pane::ALL.len() - 1)];
        match self.pane {
            Pane::Clusters => self.scopes.select(&self.scope_rows(world), row),
            Pane::Services => self.services.select(&self.keys(world), row),
            Pane::Releases => self.releases.select(&(0..self.releases(world).len()).collect::<Vec<_>>(), row),
        }
    }

    fn logs_due(&self) -> Due {
        Due::Calm
    }
}

impl Row {
    /// Only then does a service's own name say where it is.
    pub fn is_one_scope(&self) -> bool {
        matches!(self, Self::Scope(..))
    }

    pub fn touches(&self, name: &ClusterName) -> bool {
        match self {
            Self::Everything => true,
            Self::Cluster(cluster) | Self::Scope(cluster, _) => cluster == name,
        }
    }

    pub fn holds(&self, service: &ServiceId) -> bool {
        match self {
            Self::Everything => true,
            Self::Cluster(cluster) => service.cluster == *cluster,
            Self::Scope(cluster, scope) => service.cluster == *cluster && service.scope == *scope,
        }
    }
}

/// Worst first; whatever works or was stopped on purpose stands together, by name.
fn rank(health: &Health) -> u8 {
    match health {
        Health::Failing(_) => 0,
        Health::Degraded(_) => 1,
        Health::Changing(_) => 2,
        Health::Unknown(_) => 3,
        Health::Stopped(_) | Health::Healthy => 4,
    }
}

fn reconnect(subject: Option<Subject>) -> Reply {
    match subject {
        Some(subject) => Reply::stay().with(Effect::Reconnect(subject.cluster().clone())),
        None => Reply::refuse("no cluster is selected"),
    }
}

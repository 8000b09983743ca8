//! Clusters, services and releases in panes, and the selected service below them.

use std::{cmp::Reverse, collections::BTreeSet, fmt};

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{
        Due, Go, Page, Reply, Screen, Subject, World,
        instances::Instances,
        list::List,
        logs::{LogView, Target},
        plan::Wanted,
        prompt::Prompt,
        release::ReleaseScreen,
        service_filter::Filter,
    },
    domain::{Capability, ClusterName, Health, InstanceId, Release, ReleaseKey, Scope, Service, ServiceId},
    message::{Answer, Effect, Question, Refresh, Subscriptions},
};

/// Instances that are measured at once, for the list. Of a service that has more than are left nothing is told, because the sum of a
/// part would be taken for the whole.
const MEASURED: usize = 250;

#[derive(Debug, Default)]
pub struct Main {
    pub pane: Pane,
    pub scopes: List<Row>,
    pub services: List<ServiceId>,
    pub releases: List<ReleaseKey>,
    pub filter: Filter,
    pub faults_only: bool,
    pub sort: Sort,
    folded: BTreeSet<ClusterName>,
    /// Rows of the clusters pane that a person put together; while there are any, the selected row says nothing about the services.
    together: BTreeSet<Row>,
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    Everything,
    Cluster(ClusterName),
    Scope(ClusterName, Scope),
}

/// Whose services are listed: those of the selected row, or of all rows that were put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(Vec<Row>);

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

    /// The clusters whose services are read now. One whose row is only passed over in the clusters pane is none of them.
    pub fn looked_at(&self, world: &World) -> Vec<ClusterName> {
        let read = (self.pane != Pane::Clusters).then(|| self.scope(world));
        let rows = read.into_iter().chain(self.together.iter().cloned());
        rows.filter_map(|row| match row {
            Row::Cluster(cluster) | Row::Scope(cluster, _) => Some(cluster),
            Row::Everything => None,
        })
        .collect()
    }

    pub fn shown(&self, world: &World) -> Shown {
        if self.together.is_empty() {
            Shown(vec![self.scope(world)])
        } else {
            Shown(self.together.iter().cloned().collect())
        }
    }

    /// The rows that were put together.
    pub fn together(&self) -> &BTreeSet<Row> {
        &self.together
    }

    fn toggle_together(&mut self, world: &World) -> Reply {
        match self.scope(world) {
            _ if self.pane != Pane::Clusters => {
                return Reply::refuse("select a cluster or a scope to show it with others");
            }
            Row::Everything if self.together.is_empty() => return Reply::refuse("everything is together already"),
            Row::Everything => self.together.clear(),
            row => {
                if !self.together.remove(&row) {
                    self.together.insert(row);
                }
            }
        }
        Reply::stay()
    }

    /// The services that are listed now, in their order.
    pub fn rows<'a>(&self, world: &'a World) -> Vec<&'a Service> {
        let shown = self.shown(world);
        // It is large, and most of the time there is nothing to match.
        let mut matcher = (!self.filter.is_empty()).then(Filter::matcher);
        let mut rows: Vec<&Service> = world
            .services()
            .filter(|service| shown.holds(&service.id))
            .filter(|service| !self.faults_only || service.health.is_broken())
            .filter(|service| matcher.as_mut().is_none_or(|matcher| self.filter.keeps(service, world, matcher)))
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

    pub fn release_keys(&self, world: &World) -> Vec<ReleaseKey> {
        self.releases(world).iter().map(Release::key).collect()
    }

    fn move_in_pane(&mut self, action: Action, world: &World) -> bool {
        match self.pane {
            Pane::Clusters => self.scopes.act(action, &self.scope_rows(world)),
            Pane::Services => self.services.act(action, &self.keys(world)),
            Pane::Releases => self.releases.act(action, &self.release_keys(world)),
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
            Pane::Releases => {
                let selected = self.releases.position(&self.release_keys(world)).map(|row| &self.releases(world)[row]);
                match self.service(world).zip(selected) {
                    Some((service, release)) => {
                        let screen = ReleaseScreen::of(service.id.clone(), release.clone());
                        Go::Open(Screen::Release(Box::new(screen))).into()
                    }
                    None => Reply::refuse("no release is selected"),
                }
            }
        }
    }

    /// To the selected release, as the list stands now.
    fn roll_back(&self, world: &World) -> Reply {
        let Some(service) = self.service(world) else { return Reply::refuse("select a service first") };
        let selected = self.releases.position(&self.release_keys(world)).map(|row| &self.releases(world)[row]);
        match Wanted::back_to(selected, service.id.clone()) {
            Ok(wanted) => Go::Plan(wanted).into(),
            Err(why) => Reply::refuse(why),
        }
    }

    fn back(&mut self) -> Reply {
        if self.prompt.take().is_some() || !self.filter.is_empty() {
            self.filter = Filter::default();
        } else if self.faults_only {
            self.faults_only = false;
        } else if !self.together.is_empty() {
            self.together.clear();
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
            Action::Together => return self.toggle_together(world),
            Action::NextPane => self.pane = self.pane.beside(1),
            Action::PreviousPane => self.pane = self.pane.beside(Pane::ALL.len() - 1),
            Action::Left if !self.fold(world, true) => self.pane = Pane::ALL[(self.pane as usize).saturating_sub(1)],
            Action::Right if !self.fold(world, false) => {
                self.pane = Pane::ALL[(self.pane as usize + 1).min(Pane::ALL.len() - 1)];
            }
            Action::Left | Action::Right => {}
            Action::RollBack if self.pane == Pane::Releases => return self.roll_back(world),
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
        let rows = self.rows(world);
        let keys: Vec<ServiceId> = rows.iter().map(|service| service.id.clone()).collect();
        let selected = self.services.position(&keys).map(|row| rows[row]);
        // The selected one before the others.
        for service in selected.map(|service| &service.id).into_iter().chain(&keys[self.services.in_sight(&keys)]) {
            if world.inventory.allow(service, Capability::Metrics).is_err() {
                continue;
            }
            let alive: Vec<InstanceId> = world.alive_instances(service).take(MEASURED + 1).collect();
            if wanted.samples.len() + alive.len() <= MEASURED {
                wanted.samples.extend(alive);
            }
        }
        if let Some(service) = selected {
            let refresh = Refresh::WhenChanged(service.fingerprint);
            LogView::preview(Target::Service(service.id.clone())).subscribe(world, wanted);
            wanted.answers.insert(Question::Releases(service.id.clone()), refresh);
            world.ask_rights(&service.id, wanted);
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
            Pane::Releases => self.releases.select(&self.release_keys(world), row),
        }
    }

    fn instances_due(&self, _service: Option<&ServiceId>) -> Due {
        Due::Calm
    }

    fn logs_due(&self) -> Due {
        Due::Calm
    }
}

impl Shown {
    /// Only then does a service's own name say where it is.
    pub fn is_one_scope(&self) -> bool {
        matches!(*self.0, [Row::Scope(..)])
    }

    pub fn touches(&self, name: &ClusterName) -> bool {
        self.0.iter().any(|row| row.touches(name))
    }

    pub fn holds(&self, service: &ServiceId) -> bool {
        self.0.iter().any(|row| row.holds(service))
    }
}

/// For a heading; nothing where it is everything.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            [one] => one.fmt(f),
            [one, other] => write!(f, "{one} and {other}"),
            more => write!(f, "{} together", more.len()),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => Ok(()),
            Self::Cluster(cluster) => cluster.fmt(f),
            Self::Scope(cluster, scope) => write!(f, "{cluster}/{scope}"),
        }
    }
}

impl Row {
    fn touches(&self, name: &ClusterName) -> bool {
        match self {
            Self::Everything => true,
            Self::Cluster(cluster) | Self::Scope(cluster, _) => cluster == name,
        }
    }

    fn holds(&self, service: &ServiceId) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::App,
        testing::{now, world},
    };

    /// Two clusters with a scope of the same name, and another one.
    fn app() -> App {
        world()
            .cluster("edge")
            .service("shop/web", 1)
            .service("infra/dns", 1)
            .service("edge/shop/web", 1)
            .service("edge/till/printer", 1)
            .app()
    }

    fn listed(app: &App) -> Vec<String> {
        let Screen::Main(screen) = app.top() else { panic!("another screen is open") };
        let mut listed: Vec<_> = screen.rows(&app.world).iter().map(|service| service.id.to_string()).collect();
        listed.sort();
        listed
    }

    /// The rows are: everything, edge, edge/shop, edge/till, local, local/infra, local/shop.
    fn put_together(app: &mut App, rows: &[usize]) {
        app.act(Action::Left, now());
        for row in rows {
            app.act(Action::First, now());
            (0..*row).for_each(|_| drop(app.act(Action::Down, now())));
            app.act(Action::Together, now());
        }
    }

    #[test]
    fn scopes_of_several_clusters_are_shown_together_and_escape_takes_them_apart() {
        let mut app = app();
        put_together(&mut app, &[2, 6]);
        assert_eq!(listed(&app), ["edge/shop/web", "local/shop/web"]);
        app.act(Action::Up, now());
        assert_eq!(listed(&app).len(), 2, "the selection says nothing about them any more");
        app.act(Action::Back, now());
        assert_eq!(listed(&app), ["local/infra/dns"], "the selected row does again");
    }

    #[test]
    fn the_same_key_takes_a_row_out_again_and_a_whole_cluster_goes_with_a_scope_of_another() {
        let mut app = app();
        put_together(&mut app, &[1, 5, 6]);
        assert_eq!(listed(&app), ["edge/shop/web", "edge/till/printer", "local/infra/dns", "local/shop/web"]);
        put_together(&mut app, &[6]);
        assert_eq!(listed(&app), ["edge/shop/web", "edge/till/printer", "local/infra/dns"]);
    }

    #[test]
    fn a_filter_narrows_what_is_together_and_is_left_before_it() {
        let mut app = app();
        put_together(&mut app, &[2, 3]);
        app.act(Action::Filter, now());
        "print".chars().for_each(|c| app.edit(tui_input::InputRequest::InsertChar(c), now()));
        app.act(Action::Open, now());
        assert_eq!(listed(&app), ["edge/till/printer"]);
        app.act(Action::Back, now());
        assert_eq!(listed(&app), ["edge/shop/web", "edge/till/printer"]);
    }

    #[test]
    fn putting_together_is_about_the_clusters_pane() {
        let mut app = app();
        app.act(Action::Together, now());
        assert_eq!(app.message(), Some("select a cluster or a scope to show it with others"));
        put_together(&mut app, &[0]);
        assert_eq!(app.message(), Some("everything is together already"));
    }
}

//! The instances of a service or on a node, and all that is known of the selected one.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    action::{Action, Place},
    app::{Due, Page, Reply, Subject, World, list::List, metrics, scroll::Scroll},
    domain::{Capability, ClusterName, Engine, Instance, InstanceId, Sample, ServiceId},
    message::{Effect, Question, Refresh, Subscriptions},
};

/// How old the list of processes may get while somebody looks at it.
const PROCESSES_EVERY: Duration = Duration::from_secs(2);
/// The same where a program has to be run in the instance for it.
const PROCESSES_INSIDE_EVERY: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Instances {
    pub of: Of,
    pub list: List<InstanceId>,
    pub details: Scroll,
    pub focus: Focus,
}

/// Whose instances they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    Service(ServiceId),
    Node(ClusterName, Arc<str>),
}

impl Of {
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Service(service) => &service.cluster,
            Self::Node(cluster, _) => cluster,
        }
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Node(cluster, node) => write!(f, "node {node} of {cluster}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    List,
    Details,
}

impl Focus {
    /// Where an action that goes from pane to pane leads; `None` for any other.
    pub fn after(self, action: Action) -> Option<Self> {
        match (action, self) {
            (Action::Left, _) | (Action::NextPane | Action::PreviousPane, Self::Details) => Some(Self::List),
            (Action::Right, _) | (Action::NextPane | Action::PreviousPane, Self::List) => Some(Self::Details),
            _ => None,
        }
    }
}

impl Instances {
    /// The pane that a click on the list names; any other is the details.
    pub const LIST: usize = 0;
    pub const DETAILS: usize = 1;

    pub fn of(service: ServiceId) -> Self {
        Self::new(Of::Service(service))
    }

    pub fn on_node(cluster: ClusterName, node: Arc<str>) -> Self {
        Self::new(Of::Node(cluster, node))
    }

    fn new(of: Of) -> Self {
        Self { of, list: List::default(), details: Scroll::default(), focus: Focus::List }
    }

    /// Among its like, and selected.
    pub fn of_instance(service: ServiceId, instance: InstanceId) -> Self {
        let mut screen = Self::of(service);
        screen.list.select_key(instance);
        screen
    }

    /// What is broken first, then by name.
    pub fn rows<'a>(&self, world: &'a World) -> Vec<&'a Instance> {
        let mut rows = match &self.of {
            Of::Service(service) => world.inventory.instances_of(service),
            Of::Node(cluster, node) => world.inventory.instances_on(cluster, node),
        };
        rows.sort_by_key(|instance| instance.health.severity());
        rows
    }

    pub fn selected<'a>(&self, world: &'a World) -> Option<&'a Instance> {
        let rows = self.rows(world);
        self.list.position(&keys(&rows)).map(|row| rows[row])
    }

    /// Why there is no list of processes and none will come; `None` where there is one or it is on its way.
    pub fn no_processes(world: &World, instance: &Instance) -> Option<String> {
        if !instance.state.is_alive() {
            return Some("none: it does not run".into());
        }
        world.inventory.allow(&instance.service, Capability::Processes).err().map(|reason| reason.to_string())
    }

    pub fn latest(world: &World, instance: &Instance) -> Option<Sample> {
        world.series.latest(&instance.id).filter(|_| instance.state.is_alive())
    }
}

pub fn keys(rows: &[&Instance]) -> Vec<InstanceId> {
    rows.iter().map(|instance| instance.id.clone()).collect()
}

fn is_asked_inside(world: &World, instance: &Instance) -> bool {
    let cluster = world.inventory.cluster(&instance.id.cluster);
    cluster.is_some_and(|cluster| cluster.engine == Engine::Kubernetes)
}

impl Page for Instances {
    fn place(&self) -> Place {
        Place::Instances
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        if let Some(focus) = self.focus.after(action) {
            self.focus = focus;
            return Reply::stay();
        }
        if action == Action::Copy {
            return match self.selected(world) {
                Some(instance) => Reply::stay().with(Effect::Copy(instance.name.to_string())),
                None => Reply::refuse("there is nothing to copy"),
            };
        }
        let keys = keys(&self.rows(world));
        let moved = match self.focus {
            Focus::List => {
                let before = self.list.selected(&keys).cloned();
                let moved = self.list.act(action, &keys);
                if self.list.selected(&keys) != before.as_ref() {
                    self.details.to_top();
                }
                moved
            }
            Focus::Details => self.details.act(action),
        };
        if moved { Reply::stay() } else { Reply::pass() }
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        let selected = self.selected(world).map(|instance| Subject::Instance(instance.id.clone()));
        Some(selected.unwrap_or_else(|| match &self.of {
            Of::Service(service) => Subject::Service(service.clone()),
            Of::Node(cluster, _) => Subject::Cluster(cluster.clone()),
        }))
    }

    fn instances_due(&self, service: Option<&ServiceId>) -> Due {
        match (&self.of, service) {
            (Of::Service(shown), Some(service)) if shown != service => Due::Never,
            (Of::Service(_) | Of::Node(..), _) => Due::Soon,
        }
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if !is_top {
            return;
        }
        if let Of::Service(service) = &self.of {
            world.ask_rights(service, wanted);
        }
        let rows = self.rows(world);
        let keys = keys(&rows);
        let in_sight = &rows[self.list.in_sight(&keys)];
        let alive = in_sight.iter().filter(|instance| instance.state.is_alive());
        wanted.samples.extend(metrics::measurable(world, alive.map(|instance| &instance.id)));
        if let Some(instance) = self.list.position(&keys).map(|row| rows[row])
            && Self::no_processes(world, instance).is_none()
        {
            let every = if is_asked_inside(world, instance) { PROCESSES_INSIDE_EVERY } else { PROCESSES_EVERY };
            wanted.answers.insert(Question::Processes(instance.id.clone()), Refresh::Every(every));
        }
    }

    fn click(&mut self, pane: usize, row: usize, world: &World) {
        self.focus = if pane == Self::LIST { Focus::List } else { Focus::Details };
        if pane == Self::LIST {
            self.list.select(&keys(&self.rows(world)), row);
            self.details.to_top();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Capabilities, InstanceState},
        testing::{self, world},
    };

    fn wanted(screen: &Instances, world: &World, is_top: bool) -> Subscriptions {
        let mut wanted = Subscriptions::default();
        screen.subscribe(world, is_top, &mut wanted);
        wanted
    }

    #[test]
    fn the_processes_are_asked_for_only_while_the_instance_is_alive() {
        let mut world = world().service("shop/web", 1).build();
        let screen = Instances::of(testing::service_id("shop/web"));
        let question = Question::Processes(testing::instance_id("shop-web-1"));
        assert_eq!(wanted(&screen, &world, true).answers.get(&question), Some(&Refresh::Every(PROCESSES_EVERY)));
        testing::change(&mut world, "shop-web-1", |instance| {
            instance.state = InstanceState::Exited { exit_code: 1, out_of_memory: false };
        });
        assert!(wanted(&screen, &world, true).answers.is_empty());
    }

    #[test]
    fn the_processes_are_not_asked_for_below_another_screen_nor_where_the_engine_has_none() {
        let mut world = world().service("shop/web", 1).build();
        let screen = Instances::of(testing::service_id("shop/web"));
        assert_eq!(wanted(&screen, &world, false), Subscriptions::default());
        world.inventory.cluster_mut(&"local".into()).unwrap().capabilities =
            Capabilities::all().without(Capability::Processes, "the engine cannot list processes");
        assert!(wanted(&screen, &world, true).answers.is_empty());
    }

    #[test]
    fn only_the_instances_in_sight_are_measured() {
        let world = world().service("shop/web", 50).build();
        let screen = Instances::of(testing::service_id("shop/web"));
        screen.list.window(&keys(&screen.rows(&world)), 8);
        assert_eq!(wanted(&screen, &world, true).samples.len(), 8);
    }

    #[test]
    fn the_broken_instance_comes_first_and_is_selected() {
        let world =
            world().service("shop/web", 3).failing("shop-web-2", "exit 137: out of memory, limit 128Mi").build();
        let screen = Instances::of(testing::service_id("shop/web"));
        assert_eq!(&*screen.selected(&world).unwrap().name, "shop-web-2");
        assert_eq!(screen.subject(&world), Some(Subject::Instance(testing::instance_id("shop-web-2"))));
    }

    #[test]
    fn a_service_without_instances_is_still_what_an_action_is_about() {
        let world = world().build();
        let screen = Instances::of(testing::service_id("shop/web"));
        assert_eq!(screen.subject(&world), Some(Subject::Service(testing::service_id("shop/web"))));
    }

    #[test]
    fn another_instance_is_read_from_its_beginning() {
        let world = world().service("shop/web", 2).build();
        let mut screen = Instances::of(testing::service_id("shop/web"));
        screen.details.window(100, 10);
        screen.act(Action::NextPane, &world);
        screen.act(Action::PageDown, &world);
        assert_eq!(screen.details.window(100, 10), 9..19);
        screen.act(Action::NextPane, &world);
        screen.act(Action::Down, &world);
        assert_eq!(screen.details.window(100, 10), 0..10);
    }
}

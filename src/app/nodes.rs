//! The machines of a cluster, and all that is known of the selected one.

use std::sync::Arc;

use crate::{
    action::{Action, Place},
    app::{
        Go, Page, Reply, Screen, Subject, World,
        instances::{Focus, Instances},
        list::List,
        metrics,
        plan::Wanted,
        scroll::Scroll,
        world::Usage,
    },
    domain::{ClusterName, Instance, Node, ServiceId},
    message::{Effect, Subscriptions},
    plan::{Target, Verb},
};

/// As many instances are measured for this screen at once: an engine that has more of them in sight is asked for the selected node only.
const MEASURED: usize = 250;

#[derive(Debug)]
pub struct Nodes {
    pub cluster: ClusterName,
    pub list: List<Arc<str>>,
    pub details: Scroll,
    pub focus: Focus,
}

/// What the instances of one service on a node come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant<'a> {
    pub service: &'a ServiceId,
    /// The first of them is the one that is worst off.
    pub instances: Vec<&'a Instance>,
}

/// What the instances on a node use, as far as they were measured lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeUsage {
    pub usage: Usage,
    pub measured: usize,
    /// How many could be.
    pub alive: usize,
}

impl Nodes {
    /// The pane that a click on the list names; any other is the details.
    pub const LIST: usize = 0;
    pub const DETAILS: usize = 1;

    pub fn of(cluster: ClusterName) -> Self {
        Self { cluster, list: List::default(), details: Scroll::default(), focus: Focus::List }
    }

    /// What is broken first, then what takes nothing new, then by name.
    pub fn rows<'a>(&'a self, world: &'a World) -> Vec<&'a Node> {
        let mut rows: Vec<_> = world.inventory.nodes_of(&self.cluster).collect();
        rows.sort_by_key(|node| (node.health.severity(), !node.cordoned));
        rows
    }

    pub fn selected<'a>(&'a self, world: &'a World) -> Option<&'a Node> {
        let rows = self.rows(world);
        self.list.position(&keys(&rows)).map(|row| rows[row])
    }

    /// The plan that an action asks for; `None` where it is about no machine, or none is selected.
    pub fn wanted(&self, action: Action, world: &World) -> Option<Wanted> {
        let (verb, node) = (verb(action)?, self.selected(world)?);
        Some(Wanted::of(verb, Target::Service(ServiceId::of_node(&node.cluster, &node.name))))
    }

    fn change(&self, action: Action, world: &World) -> Reply {
        self.wanted(action, world)
            .map_or_else(|| Reply::refuse("no node is selected"), |wanted| Go::Plan(wanted).into())
    }

    /// Whose usage is asked for: of what is in sight, or of the selected one where that is too much.
    pub fn measured<'a>(&self, world: &World, rows: &[&'a Node]) -> Vec<&'a Node> {
        let keys = keys(rows);
        let in_sight = &rows[self.list.in_sight(&keys)];
        let count =
            |node: &&Node| world.inventory.load(&node.cluster, &node.name).map_or(0, |load| load.instances.len());
        if in_sight.iter().map(count).sum::<usize>() <= MEASURED {
            return in_sight.to_vec();
        }
        self.list.position(&keys).map(|row| rows[row]).into_iter().collect()
    }

    /// `None` where nothing that runs there was measured lately.
    pub fn usage(world: &World, node: &Node) -> Option<NodeUsage> {
        let ids = world.inventory.load(&node.cluster, &node.name).map(|load| &load.instances).into_iter().flatten();
        let alive = ids.filter_map(|id| world.inventory.instance(id)).filter(|instance| instance.state.is_alive());
        let mut sum = NodeUsage { usage: Usage::default(), measured: 0, alive: 0 };
        for instance in alive {
            sum.alive += 1;
            let fresh = !world.series.is_stale(&instance.id, world.now);
            if let Some(sample) = world.series.latest(&instance.id).filter(|_| fresh) {
                sum.measured += 1;
                sum.usage.cpu += sample.cpu;
                sum.usage.memory += sample.memory;
            }
        }
        (sum.measured > 0).then_some(sum)
    }

    /// What runs on a node, by service, the broken ones first.
    pub fn tenants<'a>(world: &'a World, node: &Node) -> Vec<Tenant<'a>> {
        let mut tenants: Vec<Tenant<'a>> = Vec::new();
        for instance in world.inventory.instances_on(&node.cluster, &node.name) {
            match tenants.last_mut().filter(|tenant| *tenant.service == instance.service) {
                Some(tenant) => tenant.instances.push(instance),
                None => tenants.push(Tenant { service: &instance.service, instances: vec![instance] }),
            }
        }
        for tenant in &mut tenants {
            tenant.instances.sort_by_key(|instance| instance.health.severity());
        }
        tenants.sort_by_key(|tenant| tenant.instances[0].health.severity());
        tenants
    }
}

/// What an action asks of a machine; `None` where it asks nothing.
fn verb(action: Action) -> Option<Verb> {
    match action {
        Action::Cordon => Some(Verb::Cordon),
        Action::Uncordon => Some(Verb::Uncordon),
        Action::Drain => Some(Verb::Drain),
        _ => None,
    }
}

pub fn keys(rows: &[&Node]) -> Vec<Arc<str>> {
    rows.iter().map(|node| node.name.clone()).collect()
}

impl Page for Nodes {
    fn place(&self) -> Place {
        Place::Nodes
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        if let Some(focus) = self.focus.after(action) {
            self.focus = focus;
            return Reply::stay();
        }
        match action {
            Action::Open | Action::Instances | Action::Copy => {
                let Some(node) = self.selected(world) else { return Reply::refuse("no node is selected") };
                let (cluster, name) = (node.cluster.clone(), node.name.clone());
                return match action {
                    Action::Copy => Reply::stay().with(Effect::Copy(name.to_string())),
                    _ => Go::Open(Screen::Instances(Instances::on_node(cluster, name))).into(),
                };
            }
            Action::Cordon | Action::Uncordon | Action::Drain => return self.change(action, world),
            _ => {}
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

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Cluster(self.cluster.clone()))
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if !is_top {
            return;
        }
        for node in self.measured(world, &self.rows(world)) {
            let instances = world.inventory.instances_on(&node.cluster, &node.name).into_iter();
            let alive: Vec<_> = instances.filter(|it| it.state.is_alive()).map(|it| &it.id).collect();
            wanted.samples.extend(metrics::measurable(world, alive.into_iter()));
        }
    }

    fn click(&mut self, pane: usize, row: usize, world: &World) {
        self.focus = if pane == Self::LIST { Focus::List } else { Focus::Details };
        if pane == Self::LIST {
            let keys = keys(&self.rows(world));
            self.list.select(&keys, row);
            self.details.to_top();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::App,
        domain::{Capability, Health, Reason},
        testing::{self, now, sample, world},
    };

    /// Three machines: the second is ill, and a third takes nothing new.
    fn cluster() -> testing::Builder {
        world()
            .node("a-1", |_| {})
            .node("b-2", |node| node.health = Health::Degraded(Reason::new("disk pressure")))
            .node("c-3", |node| node.cordoned = true)
            .service("shop/web", 3)
            .service("shop/db", 1)
            .instance("shop-web-1", |it| it.node = Some("a-1".into()))
            .instance("shop-web-2", |it| it.node = Some("a-1".into()))
            .instance("shop-web-3", |it| it.node = Some("b-2".into()))
            .instance("shop-db-1", |it| it.node = Some("a-1".into()))
    }

    fn names(world: &World) -> Vec<String> {
        Nodes::of(testing::CLUSTER.into()).rows(world).iter().map(|node| node.name.to_string()).collect()
    }

    #[test]
    fn what_is_broken_is_first_and_then_what_takes_nothing_new() {
        assert_eq!(names(&cluster().build()), ["b-2", "c-3", "a-1"]);
    }

    #[test]
    fn a_node_opens_the_instances_that_are_on_it_whatever_service_they_are_of() {
        let mut app = cluster().app();
        app.act(Action::Nodes, now());
        app.act(Action::Last, now());
        app.act(Action::Open, now());
        let Screen::Instances(screen) = app.top() else { panic!("{:?}", app.top()) };
        let names: Vec<_> = screen.rows(&app.world).iter().map(|instance| instance.name.to_string()).collect();
        assert_eq!(names, ["shop-db-1", "shop-web-1", "shop-web-2"]);
        assert_eq!(screen.of.to_string(), "node a-1 of local");
    }

    #[test]
    fn what_runs_on_a_node_is_told_by_service_the_broken_one_first() {
        let world = cluster().failing("shop-web-2", "exit 1").build();
        let node = world.inventory.node(&testing::CLUSTER.into(), &"a-1".into()).unwrap();
        let tenants = Nodes::tenants(&world, node);
        let told: Vec<_> = tenants.iter().map(|it| (&*it.service.name, &*it.instances[0].name)).collect();
        assert_eq!(told, [("web", "shop-web-2"), ("db", "shop-db-1")]);
    }

    #[test]
    fn a_docker_host_has_no_nodes_and_says_so() {
        let mut app: App =
            world().service("shop/web", 1).without(Capability::Nodes, "a Docker host is one machine").app();
        app.act(Action::Nodes, now());
        assert!(matches!(app.top(), Screen::Main(_)));
        assert_eq!(app.message(), Some("a Docker host is one machine"));
    }

    #[test]
    fn only_what_is_in_sight_is_measured_and_of_too_many_only_the_selected_node() {
        let screen = Nodes::of(testing::CLUSTER.into());
        let wanted = |world: &World| {
            let mut wanted = Subscriptions::default();
            screen.subscribe(world, true, &mut wanted);
            wanted.samples.len()
        };
        assert_eq!(wanted(&cluster().build()), 4);
        let mut crowd = cluster().service("shop/crowd", 300);
        for number in 1..=300 {
            crowd = crowd.instance(&format!("shop-crowd-{number}"), |it| it.node = Some("a-1".into()));
        }
        assert_eq!(wanted(&crowd.build()), 1, "those of b-2, which is selected");
    }

    #[test]
    fn usage_is_the_sum_of_what_was_measured_and_says_how_much_that_was() {
        let world = cluster().measured("shop-web-1", sample(1, 200)).measured("shop-db-1", sample(1, 40)).build();
        let node = world.inventory.node(&testing::CLUSTER.into(), &"a-1".into()).unwrap();
        let usage = Nodes::usage(&world, node).unwrap();
        assert_eq!((usage.usage.cpu, usage.measured, usage.alive), (240, 2, 3));
        let other = world.inventory.node(&testing::CLUSTER.into(), &"c-3".into()).unwrap();
        assert_eq!(Nodes::usage(&world, other), None);
    }
}

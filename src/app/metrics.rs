//! Charts of one service: of all its instances together, or of one.

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Subject, World,
        charts::{self, Chart, Panel, Span},
    },
    domain::{Capability, Instance, InstanceId, Link, ServiceId},
    message::{Effect, Subscriptions},
};

#[derive(Debug)]
pub struct Metrics {
    pub service: ServiceId,
    /// `None`: all instances together.
    pub shown: Option<InstanceId>,
    pub span: Span,
    /// The chart that is in sight where there is room for one only.
    pub chart: Chart,
    /// One chart although there is room for all.
    pub is_alone: bool,
}

impl Metrics {
    pub fn of(service: ServiceId) -> Self {
        Self { service, shown: None, span: Span::TenMinutes, chart: Chart::Cpu, is_alone: false }
    }

    /// What the arrows go round: all together, then each by name. One instance alone is all there is.
    pub fn choices(&self, world: &World) -> Vec<Option<InstanceId>> {
        let instances = world.inventory.instances_of(&self.service);
        let each = instances.iter().map(|instance| Some(instance.id.clone()));
        std::iter::once(None).chain(each.filter(|_| instances.len() > 1)).collect()
    }

    /// The instances whose measurements are shown. One that is gone takes its choice with it.
    pub fn instances<'a>(&self, world: &'a World) -> Vec<&'a Instance> {
        let all = world.inventory.instances_of(&self.service);
        match all.iter().find(|instance| Some(&instance.id) == self.shown.as_ref()) {
            Some(one) => vec![one],
            None => all,
        }
    }

    pub fn panels(&self, world: &World) -> Vec<Panel> {
        let instances = self.instances(world);
        Chart::ALL.map(|chart| charts::panel(chart, &instances, world, self.span)).into()
    }

    /// Why there is nothing to draw, and nothing to be expected of these instances now.
    pub fn unmeasured(&self, world: &World) -> Option<String> {
        let cluster = world.inventory.cluster(&self.service.cluster)?;
        if let Err(reason) = world.inventory.allow(&self.service, Capability::Metrics) {
            return Some(reason.to_string());
        }
        match &cluster.link {
            Link::Lost { why, .. } => return Some(why.line()),
            Link::Idle | Link::Connecting { .. } => return Some(format!("{} is not connected yet", cluster.name)),
            Link::Live { .. } => {}
        }
        let instances = self.instances(world);
        if instances.is_empty() {
            return Some("there are no instances".into());
        }
        (!instances.iter().any(|instance| instance.state.is_alive())).then(|| match instances.as_slice() {
            [one] => format!("{} is {}", one.name, one.state.word()),
            _ => "none of the instances runs".into(),
        })
    }

    fn choose(&mut self, world: &World, forward: bool) {
        let choices = self.choices(world);
        let at = choices.iter().position(|choice| *choice == self.shown).unwrap_or(0);
        let step = if forward { 1 } else { choices.len() - 1 };
        self.shown = choices[(at + step) % choices.len()].clone();
    }

    fn turn(&mut self, forward: bool) {
        let at = Chart::ALL.iter().position(|chart| *chart == self.chart).unwrap_or(0);
        let step = if forward { 1 } else { Chart::ALL.len() - 1 };
        self.chart = Chart::ALL[(at + step) % Chart::ALL.len()];
    }
}

impl Page for Metrics {
    fn place(&self) -> Place {
        Place::Metrics
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::Left | Action::PreviousPane => self.choose(world, false),
            Action::Right | Action::NextPane => self.choose(world, true),
            Action::Up => self.turn(false),
            Action::Down => self.turn(true),
            Action::First => self.chart = Chart::ALL[0],
            Action::Last => self.chart = Chart::ALL[Chart::ALL.len() - 1],
            Action::Open => self.is_alone = !self.is_alone,
            Action::Back if self.is_alone => self.is_alone = false,
            Action::Span => self.span = self.span.next(),
            Action::Copy => {
                let told =
                    self.panels(world).into_iter().map(|panel| format!("{} {}", panel.chart.title(), panel.value));
                return Reply::stay().with(Effect::Copy(told.collect::<Vec<_>>().join("\n")));
            }
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        Some(match (&self.shown, self.instances(world).as_slice()) {
            (Some(id), [one]) if one.id == *id => Subject::Instance(id.clone()),
            _ => Subject::Service(self.service.clone()),
        })
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if is_top {
            world.ask_rights(&self.service, wanted);
            let instances = self.instances(world);
            let alive = instances.iter().filter(|instance| instance.state.is_alive());
            wanted.samples.extend(measurable(world, alive.map(|instance| &instance.id)));
        }
    }

    fn click(&mut self, _pane: usize, row: usize, _world: &World) {
        if let Some(chart) = Chart::ALL.get(row) {
            self.chart = *chart;
        }
    }
}

/// Those whose engine measures at all.
pub fn measurable<'a>(
    world: &World,
    instances: impl Iterator<Item = &'a InstanceId>,
) -> impl Iterator<Item = InstanceId> {
    let measures = |id: &&InstanceId| {
        let instance = world.inventory.instance(id);
        instance.is_some_and(|instance| world.inventory.allow(&instance.service, Capability::Metrics).is_ok())
    };
    instances.filter(measures).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, instance_id, service_id, world};

    fn wanted(screen: &Metrics, world: &World, is_top: bool) -> Vec<InstanceId> {
        let mut wanted = Subscriptions::default();
        screen.subscribe(world, is_top, &mut wanted);
        wanted.samples.into_iter().collect()
    }

    #[test]
    fn only_living_instances_are_measured_and_only_while_somebody_looks() {
        let world = world().service("shop/web", 2).exited("shop-web-1", 1, "exit 1").build();
        let screen = Metrics::of(service_id("shop/web"));
        assert_eq!(wanted(&screen, &world, true), [instance_id("shop-web-2")]);
        assert_eq!(wanted(&screen, &world, false), []);
    }

    #[test]
    fn an_engine_that_does_not_measure_is_not_asked_and_the_reason_is_told() {
        let world = world().service("shop/web", 2).without(Capability::Metrics, "stats are switched off").build();
        let screen = Metrics::of(service_id("shop/web"));
        assert_eq!(wanted(&screen, &world, true), []);
        assert_eq!(screen.unmeasured(&world).as_deref(), Some("stats are switched off"));
    }

    #[test]
    fn the_arrows_go_round_all_together_and_each_instance() {
        let world = world().service("shop/web", 2).build();
        let mut screen = Metrics::of(service_id("shop/web"));
        let mut seen = Vec::new();
        for _ in 0..3 {
            screen.act(Action::Right, &world);
            seen.push(screen.subject(&world).unwrap());
        }
        let each = ["shop-web-1", "shop-web-2"].map(|name| Subject::Instance(instance_id(name)));
        assert_eq!(seen, [&each[..], &[Subject::Service(service_id("shop/web"))]].concat());
    }

    #[test]
    fn an_instance_that_goes_leaves_the_others_in_sight() {
        let mut world = world().service("shop/web", 2).build();
        let mut screen = Metrics::of(service_id("shop/web"));
        screen.act(Action::Right, &world);
        let gone = crate::domain::Change::InstanceGone(instance_id("shop-web-1"));
        world.inventory.apply(&testing::CLUSTER.into(), gone, testing::now());
        assert_eq!(screen.instances(&world).len(), 1);
        assert_eq!(screen.subject(&world), Some(Subject::Service(service_id("shop/web"))));
    }
}

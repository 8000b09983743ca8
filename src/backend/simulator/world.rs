//! One simulated cluster: what its script says there is, and what people did to it since. All of it can be asked at any time.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    chance::Chance,
    faults::Faults,
    life::{Course, Life, Phase, earlier},
    quantity::Span,
    script::{ClusterScript, LogKind, Script, ServiceScript, Shapes},
};
use crate::{
    clock::Clock,
    domain::{ClusterName, InstanceId, Scope, ServiceId, ServiceKind, text::clean},
};

pub struct World {
    pub name: ClusterName,
    pub clock: Clock,
    pub began: Timestamp,
    pub chance: Chance,
    pub services: Vec<Served>,
    pub instances: Vec<Member>,
    script: Arc<Script>,
    /// Which of the script's clusters.
    index: usize,
    /// By instance, oldest first; one without a life was taken away. Everything that people do to the world is done by changing these.
    lives: watch::Sender<Vec<Vec<Life>>>,
}

/// One service, or one of the many that a `count` stands for.
pub struct Served {
    pub id: ServiceId,
    script: usize,
    /// Its instances are together.
    pub first: usize,
    pub count: usize,
}

pub struct Member {
    pub id: InstanceId,
    pub name: Arc<str>,
    pub service: usize,
    /// From 1, within its service.
    pub number: u32,
    pub born: Timestamp,
    pub chance: Chance,
}

impl World {
    /// The scenario begins now.
    pub fn new(script: &Arc<Script>, index: usize, chance: Chance, clock: Clock) -> Self {
        let cluster = &script.clusters[index];
        let name = ClusterName::new(cluster.name.get_ref().clone());
        let mut world = Self {
            chance: chance.of(name.as_str()),
            began: clock.now(),
            clock,
            services: Vec::new(),
            instances: Vec::new(),
            script: script.clone(),
            index,
            lives: watch::Sender::new(Vec::new()),
            name,
        };
        for (index, service) in cluster.services.iter().enumerate() {
            let name = service.name.get_ref();
            match service.count {
                None => world.settle(index, service, name.clone()),
                Some(count) => (1..=count).for_each(|n| world.settle(index, service, format!("{name}-{n:03}").into())),
            }
        }
        let born = |member| world.course(member).first_life(member.born);
        let lives = world.instances.iter().map(|member| vec![born(member)]).collect();
        world.lives.send_replace(lives);
        world
    }

    fn settle(&mut self, script: usize, service: &ServiceScript, name: Arc<str>) {
        let id = ServiceId::new(&self.name, &Scope::new(clean(&service.scope)), clean(&name));
        let first = self.instances.len();
        let chance = self.chance.of(&service.scope).of(&id.name);
        for number in 1..=service.instances {
            let chance = chance.at(u64::from(number));
            self.instances.push(Member {
                id: InstanceId::new(&self.name, format!("{:012x}", chance.bits() >> 16)),
                name: member_name(service.kind, &id, number, chance).into(),
                service: self.services.len(),
                number,
                born: age(service).before(self.began),
                chance,
            });
        }
        self.services.push(Served { id, script, first, count: self.instances.len() - first });
    }

    pub fn cluster(&self) -> &ClusterScript {
        &self.script.clusters[self.index]
    }

    pub fn faults(&self) -> Faults<'_> {
        Faults { faults: &self.cluster().faults, began: self.began }
    }

    pub fn script(&self, service: usize) -> &ServiceScript {
        &self.cluster().services[self.services[service].script]
    }

    pub fn log_kind(&self, service: usize) -> Option<&LogKind> {
        self.script(service).logs.as_ref().and_then(|name| self.script.logs.get(name.get_ref()))
    }

    pub fn shapes(&self, service: usize) -> Option<&Shapes> {
        self.script(service).metrics.as_ref().and_then(|name| self.script.metrics.get(name.get_ref()))
    }

    pub fn find(&self, instance: &InstanceId) -> Option<usize> {
        self.find_ever(instance).filter(|index| !self.lives.borrow()[*index].is_empty())
    }

    /// Also one that was taken away.
    fn find_ever(&self, instance: &InstanceId) -> Option<usize> {
        self.instances.iter().position(|member| member.id == *instance)
    }

    pub fn find_service(&self, service: &ServiceId) -> Option<usize> {
        self.services.iter().position(|served| served.id == *service).filter(|index| !self.is_gone(*index))
    }

    /// Those that were not taken away.
    pub fn members(&self, service: usize) -> Vec<usize> {
        let Served { first, count, .. } = self.services[service];
        let lives = self.lives.borrow();
        (first..first + count).filter(|member| !lives[*member].is_empty()).collect()
    }

    /// A service goes with its last instance; one that never had any stays.
    pub fn is_gone(&self, service: usize) -> bool {
        self.services[service].count > 0 && self.members(service).is_empty()
    }

    /// By force, and without a word to those who look at it.
    pub fn take_away(&self, instance: &InstanceId) {
        if let Some(index) = self.find_ever(instance) {
            self.change(index, Vec::clear);
        }
    }

    /// One that was taken away, as if it were made now.
    pub fn put_back(&self, instance: &InstanceId) {
        if let Some(index) = self.find_ever(instance).filter(|_| self.find(instance).is_none()) {
            let life = self.course(&self.instances[index]).first_life(self.clock.now());
            self.change(index, |lives| lives.push(life));
        }
    }

    pub fn course(&self, member: &Member) -> Course<'_> {
        Course { service: self.script(member.service), number: member.number, began: self.began }
    }

    pub fn phase(&self, instance: usize, now: Timestamp) -> Phase<'_> {
        self.course(&self.instances[instance]).phase(&self.lives.borrow()[instance], now)
    }

    pub fn lives(&self, instance: usize) -> Vec<Life> {
        self.lives.borrow()[instance].clone()
    }

    /// Wakes whoever waits for the world to move.
    pub fn change<T>(&self, instance: usize, change: impl FnOnce(&mut Vec<Life>) -> T) -> T {
        let mut result = None;
        self.lives.send_modify(|lives| result = Some(change(&mut lives[instance])));
        result.expect("`send_modify` calls its closure once")
    }

    /// Changes when a person did something to an instance.
    pub fn moved(&self) -> watch::Receiver<Vec<Vec<Life>>> {
        self.lives.subscribe()
    }

    /// When something changes by itself next.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        (0..self.instances.len()).map(|instance| self.phase(instance, now).until).fold(None, earlier)
    }

    /// Of the objects behind a service: what people did to them, not what they do by themselves.
    pub fn fingerprint(&self, service: usize) -> u64 {
        let members = self.members(service);
        let lives = self.lives.borrow();
        let base = self.chance.of("fingerprint").at(service as u64);
        let mark = |chance: Chance, life: &Life| {
            let asked = life.stop.as_ref().map_or(0, |stop| stop.asked.as_microsecond());
            chance.at(life.started.as_microsecond() as u64).at(asked as u64)
        };
        members.into_iter().fold(base, |chance, member| lives[member].iter().fold(chance.at(1), mark)).bits()
    }
}

fn age(service: &ServiceScript) -> Span {
    const DEFAULT: Span = Span::seconds(9 * 86_400);
    service.started.or(service.releases.first().map(|release| release.age)).unwrap_or(DEFAULT)
}

/// As the engines name them.
fn member_name(kind: ServiceKind, id: &ServiceId, number: u32, chance: Chance) -> String {
    let ServiceId { scope, name, .. } = id;
    let short = |chance: Chance, digits: usize| format!("{:016x}", chance.bits())[..digits].to_owned();
    match kind {
        ServiceKind::ComposeService => format!("{scope}-{name}-{number}"),
        ServiceKind::SwarmService => format!("{scope}_{name}.{number}.{}", short(chance, 12)),
        ServiceKind::Container | ServiceKind::Pod if number == 1 => name.to_string(),
        ServiceKind::Container | ServiceKind::Pod | ServiceKind::StatefulSet => format!("{name}-{number}"),
        ServiceKind::Job | ServiceKind::CronJob | ServiceKind::Controlled => {
            format!("{name}-{}", short(chance, 5))
        }
        ServiceKind::Deployment | ServiceKind::Rollout | ServiceKind::DaemonSet => {
            format!("{name}-{}-{}", short(chance.of("set"), 8), short(chance, 5))
        }
    }
}

//! One simulated cluster as it is from one change to the next: a value. All of it can be asked at any time until something is changed.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    canary::Progress,
    chance::Chance,
    faults::Faults,
    life::{Course, Life, Phase, earlier},
    orchestrator::is_kept,
    quantity::Span,
    release::{Definition, Kept},
    script::{ClusterScript, LogKind, Script, ServiceScript, Shapes},
};
use crate::{
    clock::Clock,
    domain::{ClusterName, InstanceId, Lease, Pace, Scope, ServiceId, ServiceKind, text::clean},
    plan::{Stamp, Traffic},
};

#[derive(Clone)]
pub struct World {
    pub name: ClusterName,
    pub clock: Clock,
    pub began: Timestamp,
    pub chance: Chance,
    pub services: Vec<Arc<Served>>,
    /// All that there ever were: a place is kept for good.
    pub instances: Vec<Arc<Member>>,
    pub leases: BTreeMap<ServiceId, Lease>,
    /// What people said of machines since the beginning.
    pub cordons: BTreeMap<Arc<str>, bool>,
    script: Arc<Script>,
    /// Which of the script's clusters.
    index: usize,
}

/// One service, one of the many that a `count` stands for, or a set that a plan made.
#[derive(Clone)]
pub struct Served {
    pub id: ServiceId,
    pub kind: ServiceKind,
    script: usize,
    /// All that it ever had.
    pub members: Vec<usize>,
    /// What its orchestrator is told to keep running; without one, what it was made after first.
    pub spec: Spec,
    /// Newest first.
    pub history: Vec<Kept>,
    /// Where requests to it go, if not where they went in the beginning.
    pub traffic: Option<Traffic>,
    pub canary: Progress,
    /// When its orchestrator looks at it next.
    pub due: Option<Timestamp>,
    /// Of a set: for what it was made.
    pub set: Option<Stamp>,
    pub is_discarded: bool,
}

#[derive(Clone)]
pub struct Spec {
    pub definition: Arc<Definition>,
    pub wanted: u32,
    pub paused: bool,
    pub pace: Pace,
    pub generation: u64,
}

#[derive(Clone)]
pub struct Member {
    pub id: InstanceId,
    /// What a plan calls it that made it.
    pub made: Option<(InstanceId, Stamp)>,
    pub name: Arc<str>,
    pub service: usize,
    /// From 1, within its service.
    pub number: u32,
    pub born: Timestamp,
    pub chance: Chance,
    pub definition: Arc<Definition>,
    pub node: Option<Arc<str>>,
    /// Others find it under the service's name.
    pub joined: bool,
    /// Its orchestrator ends it for good.
    pub leaving: bool,
    pub gone: bool,
    /// Oldest first. None: it was made and never started.
    pub lives: Vec<Life>,
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
            leases: BTreeMap::new(),
            cordons: BTreeMap::new(),
            script: script.clone(),
            index,
            name,
        };
        for (index, service) in cluster.services.iter().enumerate() {
            let name = service.name.get_ref();
            match service.count {
                None => world.settle(index, service, name.clone()),
                Some(count) => (1..=count).for_each(|n| world.settle(index, service, format!("{name}-{n:03}").into())),
            }
        }
        world
    }

    fn settle(&mut self, script: usize, service: &ServiceScript, name: Arc<str>) {
        let id = ServiceId::new(&self.name, &Scope::new(clean(&service.scope)), clean(&name));
        let chance = self.chance.of(&service.scope).of(&id.name);
        let history = history(service, self.began);
        let definition = history[0].definition.clone();
        let born = age(service).before(self.began);
        let index = self.services.len();
        let first = self.instances.len();
        for number in 1..=service.instances {
            let chance = chance.at(u64::from(number));
            let course = Course { service, definition: &definition, number, began: self.began };
            let life = course.first_life(born);
            self.instances.push(Arc::new(Member {
                id: instance_id(&self.name, chance),
                made: None,
                name: member_name(service.kind, &id, number, chance, chance).into(),
                service: index,
                number,
                born,
                chance,
                definition: definition.clone(),
                node: self.place_for(service.kind, &id, number, false),
                joined: true,
                leaving: false,
                gone: false,
                lives: vec![life],
            }));
        }
        let pace = pace(service.kind, service.instances);
        let spec = Spec { definition, wanted: service.instances, paused: false, pace, generation: 1 };
        let members = (first..self.instances.len()).collect();
        self.services.push(Arc::new(Served {
            id,
            kind: service.kind,
            script,
            members,
            canary: Progress::whole(&spec.definition),
            spec,
            history,
            traffic: None,
            due: None,
            set: None,
            is_discarded: false,
        }));
    }

    /// A second service like one that there is, which has no instances yet.
    pub fn add_set(&mut self, id: ServiceId, like: usize, definition: Arc<Definition>, wanted: u32, stamp: Stamp) {
        let now = self.clock.now();
        let like = &self.services[like];
        let kind = ServiceKind::Deployment;
        let kept = Kept {
            number: 1,
            older: Vec::new(),
            definition: definition.clone(),
            began: now,
            cause: stamp.cause.clone(),
            outcome: None,
            served: None,
            was_well: false,
        };
        let set = Served {
            id,
            kind,
            script: like.script,
            members: Vec::new(),
            canary: Progress::whole(&definition),
            spec: Spec { definition, wanted, paused: false, pace: pace(kind, wanted), generation: 1 },
            history: vec![kept],
            traffic: None,
            due: Some(now),
            set: Some(stamp),
            is_discarded: false,
        };
        self.services.push(Arc::new(set));
    }

    /// One more of a service: not started, and found by nobody.
    pub fn add_member(&mut self, service: usize, number: u32, definition: Arc<Definition>, born: Timestamp) -> usize {
        let served = &self.services[service];
        let chance = self.chance.of(served.id.scope.as_str()).of(&served.id.name);
        let place = served.members.len() as u64;
        let chance = chance.of("made").at(place);
        let set = Chance::new(definition.mark);
        let index = self.instances.len();
        self.instances.push(Arc::new(Member {
            id: instance_id(&self.name, chance),
            made: None,
            name: member_name(served.kind, &served.id, number, set, chance).into(),
            service,
            number,
            born,
            chance,
            definition,
            node: self.place_for(served.kind, &served.id, number, true),
            joined: false,
            leaving: false,
            gone: false,
            lives: Vec::new(),
        }));
        self.served(service).members.push(index);
        index
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

    /// By what it is called for good, or by what a plan calls it.
    pub fn find(&self, instance: &InstanceId) -> Option<usize> {
        self.instances.iter().rposition(|member| !member.gone && member.is(instance))
    }

    /// Also one that is gone.
    pub fn find_ever(&self, instance: &InstanceId) -> Option<usize> {
        self.instances.iter().rposition(|member| member.is(instance))
    }

    pub fn find_service(&self, service: &ServiceId) -> Option<usize> {
        self.services.iter().rposition(|served| served.id == *service).filter(|index| !self.is_gone(*index))
    }

    /// Those that are there.
    pub fn members(&self, service: usize) -> impl Iterator<Item = usize> {
        self.services[service].members.iter().copied().filter(|member| !self.instances[*member].gone)
    }

    /// A service that nobody keeps running goes with its last instance; one that never had any stays.
    pub fn is_gone(&self, service: usize) -> bool {
        let served = &self.services[service];
        served.is_discarded
            || (!is_kept(served.kind) && !served.members.is_empty() && self.members(service).next().is_none())
    }

    pub fn served(&mut self, service: usize) -> &mut Served {
        Arc::make_mut(&mut self.services[service])
    }

    pub fn member(&mut self, instance: usize) -> &mut Member {
        Arc::make_mut(&mut self.instances[instance])
    }

    pub fn course<'a>(&'a self, member: &'a Member) -> Course<'a> {
        let (service, number) = (self.script(member.service), member.number);
        Course { service, definition: &member.definition, number, began: self.began }
    }

    pub fn phase(&self, instance: usize, now: Timestamp) -> Phase<'_> {
        let member = &self.instances[instance];
        self.course(member).phase(&member.lives, now.max(member.born))
    }

    /// When something changes by itself next.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let there = (0..self.instances.len()).filter(|instance| !self.instances[*instance].gone);
        let phases = there.map(|instance| self.phase(instance, now).until);
        phases.chain(self.services.iter().map(|served| served.due)).fold(None, earlier)
    }

    /// Of the objects behind a service: what was done to them, not what they do by themselves.
    pub fn fingerprint(&self, service: usize) -> u64 {
        let served = &self.services[service];
        let base = self.chance.of("fingerprint").at(service as u64);
        let base = base.at(served.spec.generation).at(u64::from(served.spec.wanted));
        let base = if served.spec.paused { base.at(1) } else { base };
        let mark = |chance: Chance, life: &Life| {
            let asked = life.stop.as_ref().map_or(0, |stop| stop.asked.as_microsecond());
            chance.at(life.started.as_microsecond() as u64).at(asked as u64)
        };
        let all = self.members(service).map(|member| &self.instances[member]);
        let whole = all.fold(base, |chance, member| {
            let chance = chance.at(member.chance.bits()).at(u64::from(member.joined)).of(&member.name);
            member.lives.iter().fold(chance, mark)
        });
        whole.bits()
    }
}

impl Member {
    fn is(&self, instance: &InstanceId) -> bool {
        self.id == *instance || self.made.as_ref().is_some_and(|(made, _)| made == instance)
    }
}

fn age(service: &ServiceScript) -> Span {
    const DEFAULT: Span = Span::seconds(9 * 86_400);
    service.started.or(service.releases.first().map(|release| release.age)).unwrap_or(DEFAULT)
}

/// What the scenario tells of it. What runs is a release also where it tells nothing.
fn history(service: &ServiceScript, began: Timestamp) -> Vec<Kept> {
    let total = service.releases.len().max(1);
    let kept = |place: usize| {
        let written = service.releases.get(place);
        let told = |text: &Option<Arc<str>>| text.as_deref().map(|text| Arc::from(clean(text)));
        Kept {
            number: written.and_then(|release| release.number).unwrap_or((total - place) as u64),
            older: Vec::new(),
            definition: Arc::new(Definition::of_script(service, place)),
            began: written.map_or_else(|| age(service), |release| release.age).before(began),
            cause: written.and_then(|release| told(&release.cause)),
            outcome: written.and_then(|release| told(&release.outcome)),
            served: written.and_then(|release| release.served).map(|served| served.length().as_secs()),
            was_well: true,
        }
    };
    (0..total).map(kept).collect()
}

/// As each kind has it where nothing is said.
fn pace(kind: ServiceKind, wanted: u32) -> Pace {
    let quarter = |round_up: u32| (wanted + round_up) / 4;
    match kind {
        ServiceKind::Deployment | ServiceKind::Rollout => {
            Pace { max_unavailable: quarter(0), max_surge: quarter(3).max(1), min_ready: 0 }
        }
        ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::SwarmService
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::Container => Pace { max_unavailable: 1, max_surge: 0, min_ready: 0 },
    }
}

fn instance_id(cluster: &ClusterName, chance: Chance) -> InstanceId {
    InstanceId::new(cluster, format!("{:012x}", chance.bits() >> 16))
}

/// As the engines name them. `set`: what those of one definition share.
fn member_name(kind: ServiceKind, id: &ServiceId, number: u32, set: Chance, chance: Chance) -> String {
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
            format!("{name}-{}-{}", short(set.of("set"), 8), short(chance, 5))
        }
    }
}

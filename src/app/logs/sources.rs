//! Which logs a view reads: every part of every instance, up to so many at once, and those that have ended since it was opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Target;
use crate::{
    app::World,
    domain::{Health, Instance, InstanceId, PartRole},
};

/// Each is a connection to a cluster of its own.
const MOST: usize = 64;
const MOST_IN_PREVIEW: usize = 10;
/// So many that are gone stay readable, the ones that were seen last.
const MOST_GONE: usize = 32;

#[derive(Debug)]
pub struct Sources {
    is_preview: bool,
    /// What was read since this was opened, by when it was seen first.
    seen: BTreeMap<InstanceId, Seen>,
    next: u64,
}

#[derive(Debug)]
struct Seen {
    name: Arc<str>,
    order: u64,
}

/// What is read now.
#[derive(Debug, Default)]
pub struct Chosen {
    pub names: BTreeMap<InstanceId, Arc<str>>,
    /// Of these the instances are no more.
    pub gone: BTreeSet<InstanceId>,
    pub left_out: LeftOut,
}

/// What there is and is not read, because that would be too many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    pub count: usize,
    /// The first few.
    pub names: Vec<Arc<str>>,
}

const NAMED: usize = 3;

impl Sources {
    pub fn all() -> Self {
        Self { is_preview: false, seen: BTreeMap::new(), next: 0 }
    }

    /// A glance: few, and of what works only what does the work.
    pub fn preview() -> Self {
        Self { is_preview: true, ..Self::all() }
    }

    pub fn chosen(&self, target: &Target, world: &World) -> Chosen {
        let mut chosen = Chosen::default();
        let instances = self.in_order(target, world);
        let most = if self.is_preview { MOST_IN_PREVIEW } else { MOST };
        for instance in &instances {
            for (id, name) in self.of(instance, target) {
                if chosen.names.len() < most {
                    chosen.names.insert(id, name);
                } else {
                    chosen.left_out.count += 1;
                    if chosen.left_out.names.len() < NAMED {
                        chosen.left_out.names.push(name);
                    }
                }
            }
        }
        if let Target::Instance(id) = target
            && instances.is_empty()
        {
            // Not known (any more), and meant all the same.
            let name = self.seen.get(id).map_or_else(|| named_before(world, id), |seen| seen.name.clone());
            chosen.names.insert(id.clone(), name);
        }
        let mut gone: Vec<_> =
            self.seen.iter().filter(|(id, _)| world.inventory.instance(&id.whole()).is_none()).collect();
        gone.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.order));
        for (id, seen) in gone.into_iter().take(MOST_GONE) {
            chosen.names.insert(id.clone(), seen.name.clone());
            chosen.gone.insert(id.clone());
        }
        chosen
    }

    /// Remembers what is read now.
    pub fn see(&mut self, chosen: &Chosen) {
        self.seen.retain(|id, _| chosen.names.contains_key(id));
        for (id, name) in &chosen.names {
            let next = &mut self.next;
            self.seen.entry(id.clone()).or_insert_with(|| {
                *next += 1;
                Seen { name: name.clone(), order: *next }
            });
        }
    }

    /// What is gone cannot be read from another time on.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// What is read already stays; then what is broken.
    fn in_order<'a>(&self, target: &Target, world: &'a World) -> Vec<&'a Instance> {
        let mut instances = match target {
            Target::Service(service) => world.inventory.instances_of(service),
            Target::Instance(id) => world.inventory.instance(&id.whole()).into_iter().collect(),
        };
        let seen: BTreeSet<&str> = self.seen.keys().map(InstanceId::whole_key).collect();
        let rank = |instance: &Instance| !seen.contains(&*instance.id.key);
        instances.sort_by(|a, b| (rank(a), &a.health).cmp(&(rank(b), &b.health)));
        instances
    }

    fn of(&self, instance: &Instance, target: &Target) -> Vec<(InstanceId, Arc<str>)> {
        let only = match target {
            Target::Instance(id) => id.part_name(),
            Target::Service(_) => None,
        };
        let works = instance.health == Health::Healthy;
        let name = short_name(instance);
        let sources = instance.log_sources().into_iter().filter(|source| match source.part {
            Some(part) if only.is_some() => only == Some(&*part.name),
            Some(part) => match part.role {
                PartRole::Main | PartRole::Sidecar => true,
                PartRole::Init | PartRole::Ephemeral => !(self.is_preview && works),
            },
            None => true,
        });
        sources.map(|source| (source.id.clone(), source.name_after(&name))).collect()
    }
}

/// Its tail keeps the name that it had, else it would be begun anew.
fn named_before(world: &World, id: &InstanceId) -> Arc<str> {
    let source = world.log.sources().find(|source| source.instance == *id);
    source.map_or_else(|| id.key.clone(), |source| source.name.clone())
}

/// `shop-web-1` of the project `shop` is `web-1`: on a service's screen the rest says nothing.
fn short_name(instance: &Instance) -> Arc<str> {
    let scope = instance.service.scope.as_str();
    let rest = instance.name.strip_prefix(scope).and_then(|rest| rest.strip_prefix(['-', '_']));
    rest.filter(|rest| !rest.is_empty()).map_or_else(|| instance.name.clone(), Arc::from)
}

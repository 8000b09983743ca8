//! With what a simulated service can be rolled out and back, and which releases it had.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    orchestrator::is_kept,
    release::{Definition, Kept},
    world::{Served, World},
};
use crate::{
    backend::mask,
    domain::{
        Controller, Means, Object, Release, ReleaseSource, Rules, Running, ServiceId, ServiceKind, Trouble, text::clean,
    },
};

impl World {
    /// What runs, or what an orchestrator was told to run.
    pub fn current(&self, service: usize) -> Arc<Definition> {
        let served = &self.services[service];
        if is_kept(served.kind) {
            return served.spec.definition.clone();
        }
        // While one gives way to another, what more of them run; of as many, what ran before.
        let all: Vec<_> = self.members(service).map(|member| &self.instances[member].definition).collect();
        let count = |mark: u64| all.iter().filter(|definition| definition.mark == mark).count();
        let most = all.iter().rev().max_by_key(|definition| count(definition.mark));
        most.map_or_else(|| served.spec.definition.clone(), |definition| (*definition).clone())
    }

    pub fn object(&self, service: usize) -> Object {
        let chance = self.chance.of("object").at(service as u64);
        let uid = format!("{:016x}", chance.bits()).into();
        Object { uid, generation: Some(self.services[service].spec.generation), template: None }
    }

    /// Another release is current from now on: a new one, or one that there was, under a new number.
    pub fn begin_release(
        &mut self,
        service: usize,
        definition: &Arc<Definition>,
        number: u64,
        cause: Option<Arc<str>>,
        at: Timestamp,
    ) {
        let served = self.served(service);
        if let Some(last) = served.history.first_mut().filter(|kept| kept.served.is_none()) {
            last.served = Some(u64::try_from(at.duration_since(last.began).as_secs()).unwrap_or(0));
        }
        let before = served.history.iter().position(|kept| kept.definition.mark == definition.mark);
        let before = before.map(|place| served.history.remove(place));
        let kept = match before {
            Some(kept) => {
                let older = kept.older.into_iter().chain(Some(kept.number).filter(|old| *old != number)).collect();
                Kept { number, older, began: at, cause, served: None, was_well: false, outcome: None, ..kept }
            }
            None => Kept {
                number,
                older: Vec::new(),
                definition: definition.clone(),
                began: at,
                cause,
                outcome: None,
                served: None,
                was_well: false,
            },
        };
        served.history.insert(0, kept);
    }

    pub fn next_release(&self, service: usize) -> u64 {
        self.services[service].history.iter().map(|kept| kept.number).max().unwrap_or(0) + 1
    }
}

impl Served {
    /// What the world keeps a release as.
    fn release_id(&self, kept: &Kept) -> Arc<str> {
        format!("{}-{}", self.id.name, kept.definition.hash()).into()
    }

    pub fn kept(&self, id: &str) -> Option<&Kept> {
        self.history.iter().find(|kept| *self.release_id(kept) == *id)
    }

    /// Its only container, as orders name it. What has no orchestrator is one thing.
    pub fn container(&self) -> Arc<str> {
        if is_kept(self.kind) { clean(&self.id.name).into() } else { "".into() }
    }
}

pub fn means(world: &World, service: &ServiceId, now: Timestamp) -> Result<Means, Trouble> {
    let index = find(world, service, "find out how to roll out")?;
    let served = &world.services[index];
    let definition = world.current(index);
    let masked =
        |(name, value): (&String, &String)| (Arc::from(clean(name)), Arc::from(clean(&mask::named(name, value))));
    let running = Running {
        name: served.container(),
        image: clean(&definition.reference).into(),
        env: definition.environment.iter().map(masked).collect(),
    };
    let is_kept = is_kept(served.kind);
    let argo = (served.kind == ServiceKind::Rollout).then(|| {
        Controller::Argo(served.canary.told(world.script(index), &served.spec, world.is_rolled_out(index, now)))
    });
    Ok(Means {
        containers: vec![running],
        releases: releases(world, service, now)?,
        next: world.next_release(index),
        object: is_kept.then(|| world.object(index)),
        pace: is_kept.then_some(served.spec.pace),
        routes: world.routes(index),
        hints: Vec::new(),
        particulars: Default::default(),
        controller: argo,
        without_helm: Some("the simulator has no Helm".into()),
        obstacle: None,
        full: None,
        rules: Rules::default(),
        denied: BTreeSet::new(),
        lease: world.leases.get(service).filter(|lease| lease.until > now).cloned(),
    })
}

/// Newest first. What runs is a release also where the scenario tells no history.
pub fn releases(world: &World, service: &ServiceId, now: Timestamp) -> Result<Vec<Release>, Trouble> {
    let index = find(world, service, "list the releases of")?;
    let served = &world.services[index];
    let current = world.current(index).mark;
    let release = |kept: &Kept| {
        let is_current = kept.definition.mark == current;
        let members = world.members(index).filter(|member| {
            let definition = &world.instances[*member].definition;
            definition.mark == kept.definition.mark && world.phase(*member, now).doing.is_alive()
        });
        Release {
            id: served.release_id(kept),
            source: ReleaseSource::Engine,
            number: Some(kept.number),
            image: kept.definition.image(&served.id.name),
            created: Some(kept.began),
            current: is_current,
            instances: members.count() as u32,
            cause: kept.cause.clone(),
            outcome: kept.outcome.clone(),
            served: kept.served.filter(|_| !is_current),
            healthy_since: None,
            failed: !kept.was_well && !is_current,
            older: kept.older.clone(),
            outline: Some(kept.definition.outline(&served.id.name).into()),
        }
    };
    Ok(served.history.iter().map(release).collect())
}

fn find(world: &World, service: &ServiceId, verb: &str) -> Result<usize, Trouble> {
    let missing = || Trouble::new(format!("could not {verb} {service}"), "there is no such service");
    world.find_service(service).ok_or_else(missing)
}

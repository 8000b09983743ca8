//! Making, naming and removing instances one by one, and the history that the host keeps.

use std::sync::Arc;

use super::{failed, no_instance, no_service};
use crate::{
    backend::{
        StepError,
        simulator::{Line, life::Doing, release::Definition, world::World},
    },
    domain::{InstanceId, ServiceId},
    plan::{Recipe, Stamp},
};

pub struct Order {
    pub instance: InstanceId,
    pub name: Arc<str>,
    pub like: InstanceId,
    pub recipe: Recipe,
    pub stamp: Stamp,
}

pub fn make(line: &Line, order: Order) -> Result<(), StepError> {
    let what = format!("could not make {}", order.name);
    line.place.change(|world, now| {
        if let Some(index) = world.find(&order.instance) {
            let stamp = world.instances[index].made.as_ref().map(|(_, stamp)| stamp.asked);
            if stamp == Some(order.stamp.asked) {
                return Ok(());
            }
            if world.phase(index, now).doing.is_alive() {
                return Err(failed(what, "one that another plan made is still running"));
            }
            world.member(index).gone = true;
        }
        let like = world.find(&order.like).ok_or_else(|| no_instance("make one like", &order.like.key))?;
        if world.instances.iter().any(|member| !member.gone && member.name == order.name) {
            return Err(failed(what, format!("the name {} is in use", order.name)));
        }
        let (service, number) = (world.instances[like].service, world.instances[like].number);
        let definition = definition(world, like, &order.recipe).map_err(|why| failed(what.clone(), why))?;
        if let Some(missing) = &definition.missing {
            return Err(failed(what, missing));
        }
        let index = world.add_member(service, number, definition, now);
        let member = world.member(index);
        member.made = Some((order.instance, order.stamp));
        member.name = order.name;
        Ok(())
    })
}

fn definition(world: &World, like: usize, recipe: &Recipe) -> Result<Arc<Definition>, String> {
    let like = &world.instances[like];
    let (served, script) = (&world.services[like.service], world.script(like.service));
    match recipe {
        Recipe::Edited(edits) => like.definition.edited(script, &served.container(), edits).map(Arc::new),
        Recipe::Release(release) => {
            let kept = served.kept(&release.id).ok_or_else(|| format!("release {} is not kept", release.title))?;
            Ok(kept.definition.clone())
        }
    }
}

pub fn join(line: &Line, instance: &InstanceId, name: &str) -> Result<(), StepError> {
    line.place.change(|world, _| {
        let index = world.find(instance).ok_or_else(|| no_instance("join", name))?;
        world.member(index).joined = true;
        Ok(())
    })
}

pub fn rename(line: &Line, instance: &InstanceId, name: &str, to: &Arc<str>) -> Result<(), StepError> {
    line.place.change(|world, _| {
        let index = world.find(instance).ok_or_else(|| no_instance("rename", name))?;
        let is_taken = |(other, member): (usize, &Arc<_>)| {
            let member: &crate::backend::simulator::world::Member = member;
            other != index && !member.gone && member.name == *to
        };
        if world.instances.iter().enumerate().any(is_taken) {
            return Err(failed(format!("could not rename {name}"), format!("the name {to} is in use")));
        }
        world.member(index).name = to.clone();
        Ok(())
    })
}

pub fn remove(line: &Line, instance: &InstanceId, name: &str) -> Result<(), StepError> {
    line.place.change(|world, now| {
        let Some(index) = world.find(instance) else { return Ok(()) };
        match world.phase(index, now).doing {
            Doing::Unborn | Doing::Ended(_) | Doing::Imageless(_) => world.member(index).gone = true,
            Doing::Starting
            | Doing::Well
            | Doing::Erring
            | Doing::Unwell(_)
            | Doing::Looping(_)
            | Doing::Crashed(_)
            | Doing::Stopping(_) => return Err(failed(format!("could not remove {name}"), "it runs: stop it first")),
        }
        Ok(())
    })
}

pub fn record(
    line: &Line,
    service: &ServiceId,
    release: u64,
    like: &InstanceId,
    keep: u32,
    stamp: &Stamp,
) -> Result<(), StepError> {
    line.place.change(|world, now| {
        let index = world.find_service(service).ok_or_else(|| no_service("record a release of", service))?;
        let newest = &world.services[index].history[0];
        if newest.number == release {
            return Ok(());
        }
        let like = world.find(like).ok_or_else(|| no_instance("record", &like.key))?;
        let definition = world.instances[like].definition.clone();
        // What the scenario told of it, or somebody recorded before, is its history already.
        if definition.mark != newest.definition.mark {
            world.begin_release(index, &definition, release, stamp.cause.clone(), now);
            world.served(index).history[0].was_well = true;
        }
        world.served(index).history.truncate(keep.max(1) as usize + 1);
        Ok(())
    })
}

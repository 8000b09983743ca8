//! What an orchestrator is told. It does the rest by itself, over time.

use std::sync::Arc;

use jiff::Timestamp;

use super::{failed, lost, no_service, processes::soonest};
use crate::{
    backend::{
        Progress, StepError,
        simulator::{
            Line,
            life::{Doing, Life, Stop},
            orchestrator::is_kept,
            quantity::{Span, later},
            release::Definition,
            world::World,
        },
    },
    domain::{InstanceId, Object, Pace, ServiceId, ServiceKind, Trouble},
    plan::{Edits, ReleaseRef, Stamp, Steer, Traffic},
};

type Done = Result<(), StepError>;

/// Changes what is wanted of a service that an orchestrator keeps.
fn tell<T>(
    line: &Line,
    verb: &str,
    service: &ServiceId,
    change: impl FnOnce(&mut World, usize, Timestamp) -> Result<T, StepError>,
) -> Result<T, StepError> {
    line.place.change(|world, now| {
        let index = world.find_service(service).ok_or_else(|| no_service(verb, service))?;
        if !is_kept(world.services[index].kind) {
            return Err(failed(format!("could not {verb} {service}"), "no orchestrator keeps it"));
        }
        change(world, index, now)
    })
}

/// The very object that a plan was made for.
fn same(world: &World, service: usize, object: &Object, verb: &str) -> Done {
    let (there, id) = (world.object(service), &world.services[service].id);
    if there.uid != object.uid {
        return Err(failed(format!("could not {verb} {id}"), "it is another object of the same name"));
    }
    match (object.generation, there.generation) {
        (Some(wanted), Some(is)) if wanted != is => {
            Err(failed(format!("could not {verb} {id}"), "somebody changed its definition meanwhile"))
        }
        (_, _) => Ok(()),
    }
}

fn give(world: &mut World, service: usize, definition: Arc<Definition>, stamp: &Stamp, now: Timestamp) {
    let number = world.next_release(service);
    world.begin_release(service, &definition, number, stamp.cause.clone(), now);
    let served = world.served(service);
    served.spec.definition = definition;
    served.spec.generation += 1;
    served.canary.begin();
}

pub fn update(
    line: &Line,
    service: &ServiceId,
    object: &Object,
    edits: &Edits,
    pace: Option<Pace>,
    stamp: &Stamp,
) -> Done {
    tell(line, "update", service, |world, index, now| {
        let (served, script) = (&world.services[index], world.script(index));
        let edited = served.spec.definition.edited(script, &served.container(), edits);
        let edited = edited.map_err(|why| failed(format!("could not update {service}"), why))?;
        let is_so = edited.mark == served.spec.definition.mark;
        if !is_so {
            same(world, index, object, "update")?;
            give(world, index, Arc::new(edited), stamp, now);
        }
        if let Some(pace) = pace {
            world.served(index).spec.pace = pace;
        }
        Ok(())
    })
}

pub fn give_back(line: &Line, service: &ServiceId, object: &Object, release: &ReleaseRef, stamp: &Stamp) -> Done {
    tell(line, "roll back", service, |world, index, now| {
        let served = &world.services[index];
        let Some(kept) = served.kept(&release.id) else {
            let why = format!("release {} is not kept any more", release.title);
            return Err(failed(format!("could not roll back {service}"), why));
        };
        let definition = kept.definition.clone();
        if definition.mark == served.spec.definition.mark {
            return Ok(());
        }
        if served.spec.paused && served.kind == ServiceKind::Deployment {
            return Err(failed(format!("could not roll back {service}"), "it is paused: resume it first"));
        }
        same(world, index, object, "roll back")?;
        give(world, index, definition, stamp, now);
        if world.services[index].kind == ServiceKind::StatefulSet {
            // As Kubernetes' own controller waits for ever for one that is not well, the step ends it.
            let stuck = world.seen(index, now).into_iter().filter(|seen| !seen.is_available && !seen.is_new);
            for seen in stuck.collect::<Vec<_>>() {
                world.leave(seen.index, now);
            }
        }
        Ok(())
    })
}

pub fn scale(line: &Line, service: &ServiceId, to: u32) -> Done {
    tell(line, "scale", service, |world, index, _| {
        let spec = &mut world.served(index).spec;
        if spec.wanted != to {
            (spec.wanted, spec.generation) = (to, spec.generation + 1);
        }
        Ok(())
    })
}

pub fn pause(line: &Line, service: &ServiceId, paused: bool) -> Done {
    tell(line, if paused { "pause" } else { "resume" }, service, |world, index, _| {
        let spec = &mut world.served(index).spec;
        if spec.paused != paused {
            (spec.paused, spec.generation) = (paused, spec.generation + 1);
        }
        Ok(())
    })
}

pub fn steer(line: &Line, service: &ServiceId, word: Steer, at: Option<u32>) -> Done {
    tell(line, "steer", service, |world, index, _| {
        if world.services[index].kind != ServiceKind::Rollout {
            return Err(failed(format!("could not steer {service}"), "no controller rolls it out in steps"));
        }
        world.steer(index, word, at).map_err(|why| failed(format!("could not steer {service}"), why))
    })
}

pub fn make_set(line: &Line, set: &ServiceId, like: &ServiceId, edits: &Edits, replicas: u32, stamp: &Stamp) -> Done {
    tell(line, "make a set like", like, |world, like, _| {
        let what = format!("could not make {set}");
        if let Some(there) = world.find_service(set) {
            return match &world.services[there].set {
                Some(made) if made.asked == stamp.asked => {
                    world.served(there).spec.wanted = replicas;
                    Ok(())
                }
                Some(_) => Err(failed(what, "one that another plan made is still there")),
                None => Err(failed(what, "there is a service of that name, and no plan made it")),
            };
        }
        let (served, script) = (&world.services[like], world.script(like));
        let edited = served.spec.definition.edited(script, &served.container(), edits);
        let edited = edited.map_err(|why| failed(what, why))?;
        world.add_set(set.clone(), like, Arc::new(edited), replicas, stamp.clone());
        Ok(())
    })
}

pub fn discard_set(line: &Line, set: &ServiceId) -> Done {
    line.place.change(|world, _| {
        let Some(index) = world.find_service(set) else { return Ok(()) };
        if world.services[index].set.is_none() {
            return Err(failed(format!("could not remove {set}"), "no plan made it"));
        }
        world.served(index).is_discarded = true;
        Ok(())
    })
}

pub fn shift(line: &Line, service: &ServiceId, to: Traffic) -> Done {
    line.place.change(|world, _| {
        let index = world.find_service(service).ok_or_else(|| no_service("shift the traffic of", service))?;
        if let Traffic::Instances(weights) = &to
            && let Some((missing, _)) = weights.iter().find(|(instance, _)| world.find(instance).is_none())
        {
            let why = format!("there is no instance {}", missing.key);
            return Err(failed(format!("could not shift the traffic of {service}"), why));
        }
        world.served(index).traffic = Some(to);
        Ok(())
    })
}

/// What an orchestrator keeps gets a definition that is another only in when it was asked for; the rest is started again in its place.
pub fn redeploy(line: &Line, service: &ServiceId, asked: Option<Timestamp>) -> Done {
    line.place.change(|world, now| {
        let index = world.find_service(service).ok_or_else(|| no_service("redeploy", service))?;
        if !is_kept(world.services[index].kind) {
            in_place(world, index, now);
            return Ok(());
        }
        let definition = world.services[index].spec.definition.clone();
        let is_under_way = asked.is_none() && definition.restarted.is_some() && !world.is_rolled_out(index, now);
        if is_under_way || (asked.is_some() && definition.restarted == asked) {
            return Ok(());
        }
        let stamp = Stamp { asked, cause: Some("restart".into()) };
        give(world, index, Arc::new(definition.restarted(asked.unwrap_or(now))), &stamp, now);
        Ok(())
    })
}

/// One after the other, each when the one before should be ready. A redeploy that is under way is not begun again.
fn in_place(world: &mut World, service: usize, now: Timestamp) {
    if is_under_way(world, service, now) {
        return;
    }
    let mut at = now;
    for member in world.members(service).collect::<Vec<_>>() {
        let (it, alive) = (world.instances[member].clone(), world.phase(member, now).doing.is_alive());
        let (course, script) = (world.course(&it), world.script(service));
        let at_once = Stop { asked: at, done: at, exit_code: 0, by_itself: false };
        let stop = match it.lives.last() {
            Some(life) if alive => course.stopped_at(life, at, script.stop_timeout),
            Some(life) => life.stop.clone().unwrap_or(at_once),
            None => at_once,
        };
        let started = later(stop.done.max(at), 200_000_000);
        at = script.starts_in.after(started);
        let lives = &mut world.member(member).lives;
        if let Some(life) = lives.last_mut() {
            life.stop = Some(stop);
        }
        lives.push(Life { started, by_hand: true, stop: None });
    }
}

/// The last start is still to come, or has not had its time yet.
fn is_under_way(world: &World, service: usize, now: Timestamp) -> bool {
    let starts = world.members(service).filter_map(|member| world.instances[member].lives.last());
    let last = starts.filter(|life| life.by_hand).map(|life| life.started).max();
    last.is_some_and(|last| now < world.script(service).starts_in.after(last))
}

pub async fn replace(
    line: &Line,
    instance: &InstanceId,
    name: &str,
    (grace, alone): (u32, bool),
    progress: &Progress,
) -> Done {
    let asked = line.place.change(|world, now| {
        // Gone is gone, also if it was so before.
        let Some(index) = world.find(instance) else { return Ok(None) };
        let is_kept = is_kept(world.services[world.instances[index].service].kind);
        if !is_kept && !alone {
            let trouble = Trouble::new(format!("could not replace {name}"), "nothing here makes another one for it");
            return Err(StepError::Failed(trouble.help("restart it instead")));
        }
        world.end(index, Span::seconds(i64::from(grace)), now);
        if is_kept {
            world.member(index).leaving = true;
        }
        Ok(Some(index))
    });
    let Some(index) = asked? else { return Ok(()) };
    while let Some(done) = ends_at(line, index) {
        let now = line.now();
        progress(&format!("SIGTERM sent, up to {grace} s"));
        line.until(soonest(done, now)).await.map_err(lost)?;
    }
    line.place.change(|world, _| world.member(index).gone = true);
    Ok(())
}

fn ends_at(line: &Line, index: usize) -> Option<Timestamp> {
    let world = line.world();
    if world.instances[index].gone {
        return None;
    }
    match world.phase(index, line.now()).doing {
        Doing::Stopping(stop) => Some(stop.done),
        Doing::Unborn
        | Doing::Starting
        | Doing::Well
        | Doing::Erring
        | Doing::Unwell(_)
        | Doing::Looping(_)
        | Doing::Crashed(_)
        | Doing::Ended(_)
        | Doing::Imageless(_) => None,
    }
}

//! Taking a machine out of use, and back.

use std::sync::Arc;

use jiff::Timestamp;

use super::{deadline, failed, lost};
use crate::{
    backend::{
        Progress, StepError,
        simulator::{LOOK, Line, orchestrator::is_kept, world::World},
    },
    domain::{ServiceId, ServiceKind, text::clean},
};

pub fn cordon(line: &Line, node: &ServiceId, cordoned: bool) -> Result<(), StepError> {
    line.place.change(|world, _| {
        let name = find(world, node)?;
        world.cordons.insert(name, cordoned);
        Ok(())
    })
}

fn find(world: &World, node: &ServiceId) -> Result<Arc<str>, StepError> {
    let mut names = world.cluster().nodes.iter().map(|node| Arc::from(clean(&node.name)));
    let found = names.find(|name| *name == node.name);
    found.ok_or_else(|| failed(format!("could not find {}", node.name), "there is no such machine"))
}

/// One look at a machine that is being drained.
enum Left {
    Nothing,
    /// Some end, or will when a budget lets them go.
    Some {
        count: usize,
        kept_by: Option<Arc<str>>,
    },
}

pub async fn drain(line: &Line, node: &ServiceId, within: u32, progress: &Progress) -> Result<(), StepError> {
    let deadline = deadline(line, within);
    loop {
        let left = line.place.change(|world, now| evict(world, node, now))?;
        let Left::Some { count, kept_by } = left else { return Ok(()) };
        let budget = kept_by.map_or(String::new(), |service| format!(", the budget of {service} lets none go now"));
        let note = format!("{count} left{budget}");
        progress(&note);
        let now = line.now();
        if now >= deadline {
            return Err(failed(format!("could not drain {}", node.name), format!("{note}, and {within} s are over")));
        }
        let next = now.saturating_add(LOOK).unwrap_or(now);
        line.until(next.min(deadline)).await.map_err(lost)?;
    }
}

/// Lets go what may go now.
fn evict(world: &mut World, node: &ServiceId, now: Timestamp) -> Result<Left, StepError> {
    let name = find(world, node)?;
    let is_on = |world: &World, member: usize| {
        let it = &world.instances[member];
        let kind = world.services[it.service].kind;
        !it.gone && it.node.as_ref() == Some(&name) && kind != ServiceKind::DaemonSet && is_kept(kind)
    };
    let there: Vec<usize> = (0..world.instances.len()).filter(|member| is_on(world, *member)).collect();
    let mut kept_by = None;
    for member in &there {
        let it = world.instances[*member].clone();
        if it.leaving {
            continue;
        }
        if may_go(world, it.service, *member, now) {
            world.leave(*member, now);
        } else {
            kept_by = Some(world.services[it.service].id.name.clone());
        }
    }
    Ok(if there.is_empty() { Left::Nothing } else { Left::Some { count: there.len(), kept_by } })
}

/// As its budget has it. What is not ready is missed by nobody.
fn may_go(world: &World, service: usize, member: usize, now: Timestamp) -> bool {
    let Some(budget) = &world.script(service).orchestration.budget else { return true };
    let ready = world.seen(service, now).iter().filter(|seen| seen.is_ready).count() as u32;
    let missing = world.services[service].spec.wanted.saturating_sub(ready);
    !world.phase(member, now).doing.is_ready() || missing < budget.disruptions_allowed
}

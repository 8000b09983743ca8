//! What keeps so many instances of one definition running: looks at what there is, and makes and ends instances until it is what is wanted.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    life::{Doing, Life, Stop, earlier},
    quantity::{Span, later},
    release::Definition,
    world::World,
};
use crate::domain::ServiceKind;

/// From the decision to the start of the process.
const STARTS_AFTER: i64 = 200_000_000;
/// Nothing is decided twice in one moment.
const BETWEEN: i64 = 1_000_000;

/// One instance, as its orchestrator sees it.
#[derive(Clone, Copy)]
pub struct Seen {
    pub index: usize,
    pub number: u32,
    /// Of the newest definition.
    pub is_new: bool,
    pub is_ready: bool,
    /// Ready for as long as it takes to count.
    pub is_available: bool,
}

/// How many of each definition there should be.
struct Aim {
    new: u32,
    old: u32,
    /// What more of the old are made after.
    old_definition: Arc<Definition>,
}

impl World {
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.services.iter().any(|served| served.due.is_some_and(|due| due <= now))
    }

    /// Whatever was done, each of them looks whether it is theirs to answer.
    pub fn wake_orchestrators(&mut self, now: Timestamp) {
        for service in 0..self.services.len() {
            if is_kept(self.services[service].kind) {
                self.served(service).due = Some(now);
            }
        }
    }

    /// All that is done by itself up to `now`, each thing at its own time.
    pub fn advance(&mut self, now: Timestamp) {
        for service in 0..self.services.len() {
            while let Some(at) = self.services[service].due.filter(|due| *due <= now) {
                let next = self.reconcile(service, at);
                self.served(service).due = next.map(|next| next.max(later(at, BETWEEN)));
            }
        }
    }

    fn reconcile(&mut self, service: usize, at: Timestamp) -> Option<Timestamp> {
        self.bury(service, at);
        if self.services[service].is_discarded {
            self.seen(service, at).into_iter().for_each(|seen| self.leave(seen.index, at));
            self.bury(service, at);
            return self.next_look(service, at);
        }
        match self.services[service].kind {
            ServiceKind::StatefulSet => self.one_after_the_other(service, at),
            ServiceKind::Deployment | ServiceKind::DaemonSet | ServiceKind::SwarmService => {
                let aim = self.aim(service, at);
                self.approach(service, &aim, at);
            }
            ServiceKind::Rollout => {
                self.step_on(service, at);
                let aim = self.canary_aim(service);
                self.approach(service, &aim, at);
            }
            ServiceKind::Job
            | ServiceKind::CronJob
            | ServiceKind::Controlled
            | ServiceKind::Pod
            | ServiceKind::ComposeService
            | ServiceKind::Container => return None,
        }
        self.bury(service, at);
        if self.is_rolled_out(service, at) {
            self.served(service).history[0].was_well = true;
        }
        self.next_look(service, at)
    }

    /// Of those that are meant to stay.
    pub fn seen(&self, service: usize, at: Timestamp) -> Vec<Seen> {
        let spec = &self.services[service].spec;
        let staying = self.members(service).filter(|member| !self.instances[*member].leaving);
        let seen = staying.map(|index| {
            let (member, phase) = (&self.instances[index], self.phase(index, at));
            let is_ready = phase.doing.is_ready();
            let counts = Span::seconds(i64::from(spec.pace.min_ready)).after(phase.since);
            Seen {
                index,
                number: member.number,
                is_new: member.definition.mark == spec.definition.mark,
                is_ready,
                is_available: is_ready && counts <= at,
            }
        });
        seen.collect()
    }

    /// All that is wanted runs the newest definition, and nothing else does.
    pub fn is_rolled_out(&self, service: usize, at: Timestamp) -> bool {
        let seen = self.seen(service, at);
        seen.len() == self.services[service].spec.wanted as usize
            && seen.iter().all(|seen| seen.is_new && seen.is_available)
    }

    fn aim(&self, service: usize, at: Timestamp) -> Aim {
        let spec = &self.services[service].spec;
        let seen = self.seen(service, at);
        let old = seen.iter().find(|seen| !seen.is_new).map(|seen| self.instances[seen.index].definition.clone());
        match old {
            // While it is paused there are as many of each as there were.
            Some(old_definition) if spec.paused => {
                let new = (seen.iter().filter(|seen| seen.is_new).count() as u32).min(spec.wanted);
                Aim { new, old: spec.wanted - new, old_definition }
            }
            Some(_) | None => Aim { new: spec.wanted, old: 0, old_definition: spec.definition.clone() },
        }
    }

    fn canary_aim(&self, service: usize) -> Aim {
        let served = &self.services[service];
        let new = served.canary.share(self.script(service), &served.spec);
        Aim { new, old: served.spec.wanted - new, old_definition: served.canary.stable.clone() }
    }

    /// A step towards it that keeps within the service's pace.
    fn approach(&mut self, service: usize, aim: &Aim, at: Timestamp) {
        let (wanted, pace) = {
            let spec = &self.services[service].spec;
            (spec.wanted, spec.pace)
        };
        let seen = self.seen(service, at);
        let count = |is_new: bool| seen.iter().filter(|seen| seen.is_new == is_new).count() as u32;
        let (new, old) = (count(true), count(false));
        let mut room = (wanted + pace.max_surge).saturating_sub(new + old);
        let definition = self.services[service].spec.definition.clone();
        for (missing, definition) in
            [(aim.new.saturating_sub(new), definition), (aim.old.saturating_sub(old), aim.old_definition.clone())]
        {
            let makes = missing.min(room);
            room -= makes;
            (0..makes).for_each(|_| self.make(service, &definition, at));
        }
        let mut surplus: Vec<Seen> = Vec::new();
        for (is_new, most) in [(false, aim.old), (true, aim.new)] {
            let mut group: Vec<_> = seen.iter().copied().filter(|seen| seen.is_new == is_new).collect();
            group.sort_by_key(|seen| (seen.is_ready, std::cmp::Reverse(seen.number)));
            let many = group.len().saturating_sub(most as usize);
            surplus.extend(group.into_iter().take(many));
        }
        // What is not available is missed by nobody.
        let mut spare = (seen.iter().filter(|seen| seen.is_available).count() as u32)
            .saturating_sub(wanted.saturating_sub(pace.max_unavailable));
        for seen in surplus {
            if !seen.is_available {
                self.leave(seen.index, at);
            } else if spare > 0 {
                spare -= 1;
                self.leave(seen.index, at);
            }
        }
    }

    /// From the last to the first, and never past one that is not ready: also not when going back is what it would need.
    fn one_after_the_other(&mut self, service: usize, at: Timestamp) {
        let wanted = self.services[service].spec.wanted;
        let is_ending = self.members(service).any(|member| self.instances[member].leaving);
        let seen = self.seen(service, at);
        if is_ending || seen.iter().any(|seen| !seen.is_available && seen.number <= wanted) {
            return;
        }
        if let Some(missing) = (1..=wanted).find(|number| !seen.iter().any(|seen| seen.number == *number)) {
            let definition = self.services[service].spec.definition.clone();
            return self.make_numbered(service, missing, &definition, at);
        }
        let last = seen.iter().filter(|seen| seen.number > wanted || !seen.is_new).max_by_key(|seen| seen.number);
        if let Some(last) = last {
            self.leave(last.index, at);
        }
    }

    fn make(&mut self, service: usize, definition: &Arc<Definition>, at: Timestamp) {
        let taken: Vec<u32> = self.members(service).map(|member| self.instances[member].number).collect();
        let free = (1..).find(|number| !taken.contains(number)).expect("there are more numbers than instances");
        self.make_numbered(service, free, definition, at);
    }

    fn make_numbered(&mut self, service: usize, number: u32, definition: &Arc<Definition>, at: Timestamp) {
        let index = self.add_member(service, number, definition.clone(), at);
        let life = Life { started: later(at, STARTS_AFTER), by_hand: true, stop: None };
        let member = self.member(index);
        member.joined = true;
        member.lives.push(life);
    }

    /// Ends it for good, as gently as its service wants it.
    pub fn leave(&mut self, instance: usize, at: Timestamp) {
        let grace = self.script(self.instances[instance].service).stop_timeout;
        self.end(instance, grace, at);
        self.member(instance).leaving = true;
    }

    /// Sends the stop signal to what runs. Nothing that was to come of it comes any more.
    pub fn end(&mut self, instance: usize, grace: Span, at: Timestamp) {
        let member = self.instances[instance].clone();
        let (course, phase) = (self.course(&member), self.phase(instance, at));
        let at_once = Stop { asked: at, done: at, exit_code: 137, by_itself: false };
        let stop = match (&phase.doing, member.lives.iter().rfind(|life| life.started <= at)) {
            (Doing::Ended(_) | Doing::Stopping(_), _) => None,
            (Doing::Unborn | Doing::Crashed(_) | Doing::Imageless(_), _) | (_, None) => Some(at_once),
            (_, Some(life)) => Some(course.stopped_at(life, at, grace)),
        };
        let member = self.member(instance);
        member.lives.retain(|life| life.started <= at);
        if let (Some(life), Some(stop)) = (member.lives.last_mut(), stop) {
            life.stop = Some(stop);
        }
    }

    fn bury(&mut self, service: usize, at: Timestamp) {
        let leaving = self.members(service).filter(|member| self.instances[*member].leaving);
        let over = leaving.filter(|member| !self.phase(*member, at).doing.is_alive());
        for member in over.collect::<Vec<_>>() {
            self.member(member).gone = true;
        }
    }

    /// When something may have come of what was done. Nothing when all is as it should be.
    fn next_look(&self, service: usize, at: Timestamp) -> Option<Timestamp> {
        let is_ending = self.members(service).any(|member| self.instances[member].leaving);
        let served = &self.services[service];
        if !is_ending && self.is_rolled_out(service, at) && served.canary.is_whole(&served.spec) {
            return None;
        }
        let min_ready = Span::seconds(i64::from(served.spec.pace.min_ready));
        let of_members = self.members(service).map(|member| {
            let phase = self.phase(member, at);
            let counts = Some(min_ready.after(phase.since)).filter(|counts| phase.doing.is_ready() && *counts > at);
            earlier(phase.until, counts)
        });
        let pause = served.canary.ends_at(self.script(service));
        of_members.chain([pause.filter(|end| *end > at)]).fold(None, earlier)
    }
}

/// An orchestrator of ours keeps it.
pub fn is_kept(kind: ServiceKind) -> bool {
    match kind {
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::SwarmService => true,
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod
        | ServiceKind::ComposeService
        | ServiceKind::Container => false,
    }
}

//! The places of a service on a host whose containers the console makes itself: each is held by one container and given to another.

use std::sync::Arc;

use super::{Planned, Recipe, Stamp, Step, restart};
use crate::domain::{Instance, InstanceId, InstanceState, Means, RestartPolicy, ServiceId};

pub(super) struct Slot<'a> {
    pub old: &'a Instance,
    pub new: InstanceId,
    /// What the place is called, and whoever holds it in the end.
    pub name: Arc<str>,
    /// What the new one is called until then.
    pub meanwhile: Arc<str>,
    /// Others that have the same place since a plan was cut off, whether they run or not: they go with the old one.
    pub leftovers: Vec<&'a Instance>,
    means: &'a Means,
}

/// One for each place of those that are wanted, of all that there are. What is broken has its turn first: it loses nothing, and then
/// there is one more to serve while the good ones have theirs.
pub(super) fn slots<'a>(service: &ServiceId, release: u64, all: &[&'a Instance], means: &'a Means) -> Vec<Slot<'a>> {
    let (mut holders, leftovers) = holders(all, means);
    let numbers = numbers(&holders, means);
    let number =
        |instance: &Instance| numbers.iter().find(|(id, _)| *id == instance.id).map_or(0, |(_, number)| *number);
    holders.sort_by_key(|instance| restart::rank(instance));
    let slot = |old: &'a Instance| {
        let name = place(old, means);
        Slot {
            old,
            new: InstanceId::made(service, release, number(old)),
            meanwhile: format!("{name}-r{release}").into(),
            leftovers: leftovers.iter().copied().filter(|left| place(left, means) == name).collect(),
            name,
            means,
        }
    };
    holders.into_iter().map(slot).collect()
}

/// Who has each place that is wanted, and who else has one of these: of several, whoever is ready has it, and then the newest.
fn holders<'a>(all: &[&'a Instance], means: &Means) -> (Vec<&'a Instance>, Vec<&'a Instance>) {
    let worth = |instance: &Instance| (restart::is_ready(instance), instance.created);
    let is_same = |one: &Instance, other: &Instance| place(one, means) == place(other, means);
    let wanted = || all.iter().copied().filter(|instance| restart::is_wanted(instance));
    let is_first = |instance: &&Instance| {
        let mut others = wanted().filter(|other| other.id != instance.id && is_same(other, instance));
        others.all(|other| (worth(instance), &instance.id) > (worth(other), &other.id))
    };
    let holders: Vec<&Instance> = wanted().filter(is_first).collect();
    let is_left = |instance: &&Instance| {
        let has_other = holders.iter().any(|holder| holder.id != instance.id && is_same(holder, instance));
        has_other && instance.state != InstanceState::Removing
    };
    let leftovers = all.iter().copied().filter(is_left).collect();
    (holders, leftovers)
}

/// By the numbers in their names, so that another plan gives another place another number; by their order where names have none.
pub(super) fn numbers(instances: &[&Instance], means: &Means) -> Vec<(InstanceId, u32)> {
    let named: Vec<Option<u32>> = instances.iter().map(|instance| split(&place(instance, means)).1).collect();
    let mut distinct: Vec<u32> = named.iter().flatten().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let all = instances.iter().zip(1..).zip(&named);
    if distinct.len() == instances.len() {
        all.filter_map(|((instance, _), number)| Some((instance.id.clone(), (*number)?))).collect()
    } else {
        all.map(|((instance, order), _)| (instance.id.clone(), order)).collect()
    }
}

/// `shop-web-2` -> `shop-web-`, 2
pub(super) fn split(name: &str) -> (&str, Option<u32>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match name[stem.len()..].parse() {
        Ok(number) if stem.ends_with(['-', '_']) => (stem, Some(number)),
        Ok(_) | Err(_) => (name, None),
    }
}

/// Its name, but for what an earlier plan called it meanwhile that was cut off before it tidied up: `shop-web-2-r14` -> `shop-web-2`.
/// The engine's side knows which that is: a person may have called another one `cache-r2`.
fn place(instance: &Instance, means: &Means) -> Arc<str> {
    let place = means.particulars.get(&instance.id).and_then(|of| of.place.as_ref());
    place.unwrap_or(&instance.name).clone()
}

impl Slot<'_> {
    pub fn held_ready(&self) -> bool {
        restart::is_ready(self.old)
    }

    /// `then` is done last of all when everything is taken back.
    pub fn make(&self, recipe: &Recipe, then: Vec<Step>) -> Planned {
        let make = Step::Make {
            instance: self.new.clone(),
            name: self.meanwhile.clone(),
            like: self.old.id.clone(),
            recipe: recipe.clone(),
            stamp: Stamp::default(),
        };
        let mut undo = vec![Step::Remove { instance: self.new.clone(), name: self.meanwhile.clone() }];
        undo.extend(then);
        Planned::new(make).undone_by(undo)
    }

    pub fn start(&self) -> Planned {
        let (instance, name) = (self.new.clone(), self.meanwhile.clone());
        let stop = Step::Stop { instance: instance.clone(), name: name.clone(), grace: self.old.stop_timeout };
        Planned::new(Step::Start { instance, name }).undone_by(vec![stop])
    }

    pub fn await_ready(&self, within: u32) -> Planned {
        let (instance, name) = (self.new.clone(), self.meanwhile.clone());
        Planned::new(Step::AwaitReady { instance, name, within, steady: restart::STEADY })
    }

    /// Not taken back by itself: what has the names is stopped and removed then.
    pub fn join(&self) -> Planned {
        let (instance, name) = (self.new.clone(), self.meanwhile.clone());
        Planned::new(Step::Join { instance, name, like: self.old.id.clone() })
    }

    /// And what else has its place. Taken back by starting each again, and by waiting for it where it was ready; of the old one then by
    /// `then`.
    pub fn stop_old(&self, within: u32, then: &[Step]) -> Vec<Planned> {
        let mut steps = self.stop(self.old, within, then);
        for left in self.leftovers.iter().filter(|left| restart::has_process(left)) {
            steps.extend(self.stop(left, within, &[]));
        }
        steps
    }

    fn stop(&self, old: &Instance, within: u32, then: &[Step]) -> Vec<Planned> {
        let (instance, name) = (old.id.clone(), old.name.clone());
        let mut undo = Vec::new();
        if restart::has_process(old) {
            undo.push(Step::Start { instance: instance.clone(), name: name.clone() });
        }
        if restart::is_ready(old) {
            let (instance, name) = (instance.clone(), name.clone());
            undo.push(Step::AwaitReady { instance, name, within, steady: restart::STEADY });
        }
        undo.extend(then.iter().cloned());
        let stop = Planned::new(stop_step(old)).undone_by(undo);
        // Else an engine that starts anew in the middle of the plan would start it, too, beside the one that has its place by then.
        let returns = self.means.particulars.get(&old.id).and_then(|of| of.returns.clone());
        let stays = returns.map(|policy| {
            let as_before = Step::Policy { instance: instance.clone(), name: name.clone(), policy };
            let policy = RestartPolicy::none();
            Planned::new(Step::Policy { instance, name, policy }).undone_by(vec![as_before])
        });
        stays.into_iter().chain([stop]).collect()
    }

    /// Stopped once more before: a person, or an engine without our word, may have started it again.
    pub fn remove_old(&self) -> Vec<Planned> {
        let all = std::iter::once(&self.old).chain(&self.leftovers);
        let gone = |old: &&Instance| {
            let remove = Step::Remove { instance: old.id.clone(), name: old.name.clone() };
            [stop_step(old), remove].map(Planned::tidying)
        };
        all.flat_map(gone).collect()
    }

    pub fn rename(&self) -> Planned {
        let (instance, name) = (self.new.clone(), self.meanwhile.clone());
        Planned::tidying(Step::Rename { instance, name, to: self.name.clone() })
    }
}

fn stop_step(old: &Instance) -> Step {
    Step::Stop { instance: old.id.clone(), name: old.name.clone(), grace: old.stop_timeout }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Health, Particulars},
        plan::fixture,
    };

    fn named(name: &str, health: Health) -> Instance {
        let id = InstanceId::new(&fixture::prod(), name);
        Instance { name: name.into(), id, ..fixture::instance("web", 1, health) }
    }

    /// Which says of these that a plan was cut off before they had their names.
    fn means(places: &[(&str, &str)]) -> Means {
        let of = |(name, place): &(&str, &str)| {
            let particulars = Particulars { place: Some((*place).into()), ..Particulars::default() };
            (InstanceId::new(&fixture::prod(), *name), particulars)
        };
        Means { particulars: places.iter().map(of).collect(), ..Means::default() }
    }

    fn numbered(names: &[&str], means: &Means) -> Vec<u32> {
        let instances: Vec<Instance> = names.iter().map(|name| named(name, Health::Healthy)).collect();
        numbers(&instances.iter().collect::<Vec<_>>(), means).into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn a_place_keeps_the_number_in_its_name_through_every_release() {
        let none = Means::default();
        assert_eq!(numbered(&["shop-web-1", "shop-web-3"], &none), [1, 3]);
        let cut = means(&[("shop-web-1-r14", "shop-web-1")]);
        assert_eq!(numbered(&["shop-web-1-r14", "shop-web-3"], &cut), [1, 3], "an earlier plan was cut off");
        assert_eq!(numbered(&["web", "other"], &none), [1, 2]);
        assert_eq!(numbered(&["a-1", "b-1"], &none), [1, 2]);
        assert_eq!(numbered(&["redis7"], &none), [1], "that is its name");
    }

    /// What each place is called, who holds it, and who else is there.
    fn places(instances: &[Instance], means: &Means) -> Vec<String> {
        let all: Vec<&Instance> = instances.iter().collect();
        let slots = slots(&fixture::id("web"), 9, &all, means);
        let names = |left: &[&Instance]| left.iter().map(|left| format!(" {}", left.name)).collect::<String>();
        slots.iter().map(|slot| format!("{}: {}{}", slot.name, slot.old.name, names(&slot.leftovers))).collect()
    }

    #[test]
    fn a_name_that_a_person_gave_is_kept_though_it_looks_like_one_of_ours() {
        let cache = [named("cache-r2", Health::Healthy)];
        assert_eq!(places(&cache, &Means::default()), ["cache-r2: cache-r2"]);
        assert_eq!(places(&cache, &means(&[("cache-r2", "cache")])), ["cache: cache-r2"]);
    }

    #[test]
    fn two_that_have_one_place_since_a_plan_was_cut_off_are_one_slot() {
        let cut = means(&[("web-1-r7", "web-1")]);
        let (old, new) = (|health| named("web-1", health), |health| named("web-1-r7", health));
        let second = || named("web-2", Health::Healthy);
        let both = [old(Health::Healthy), new(fixture::failing()), second()];
        assert_eq!(places(&both, &cut), ["web-1: web-1 web-1-r7", "web-2: web-2"], "whoever is ready");
        let stopped = [old(fixture::stopped()), new(Health::Healthy)];
        assert_eq!(places(&stopped, &cut), ["web-1: web-1-r7 web-1"]);
        let later = Some(fixture::noon());
        let both = [old(Health::Healthy), Instance { created: later, ..new(Health::Healthy) }];
        assert_eq!(places(&both, &cut), ["web-1: web-1-r7 web-1"], "the newest of two");
    }
}

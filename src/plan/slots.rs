//! The places of a service on a host whose containers the console makes itself: each is held by one container and given to another.

use std::sync::Arc;

use super::{Planned, Recipe, Stamp, Step, restart};
use crate::domain::{Instance, InstanceId, ServiceId};

pub(super) struct Slot<'a> {
    pub old: &'a Instance,
    pub new: InstanceId,
    /// What the place is called, and whoever holds it in the end.
    pub name: Arc<str>,
    /// What the new one is called until then.
    pub meanwhile: Arc<str>,
}

/// What is broken has its turn first: it loses nothing, and then there is one more to serve while the good ones have theirs.
pub(super) fn slots<'a>(service: &ServiceId, release: u64, mut holders: Vec<&'a Instance>) -> Vec<Slot<'a>> {
    let numbers = numbers(&holders);
    let number =
        |instance: &Instance| numbers.iter().find(|(id, _)| *id == instance.id).map_or(0, |(_, number)| *number);
    holders.sort_by_key(|instance| restart::rank(instance));
    let slot = |old: &'a Instance| {
        let name = place(&old.name);
        Slot {
            old,
            new: InstanceId::made(service, release, number(old)),
            meanwhile: format!("{name}-r{release}").into(),
            name: name.into(),
        }
    };
    holders.into_iter().map(slot).collect()
}

/// By the numbers in their names, so that another plan gives another place another number; by their order where names have none.
pub(super) fn numbers(instances: &[&Instance]) -> Vec<(InstanceId, u32)> {
    let named: Vec<Option<u32>> = instances.iter().map(|instance| split(place(&instance.name)).1).collect();
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

/// Without what an earlier plan called it meanwhile, should it have been cut off before it tidied up: `shop-web-2-r14` -> `shop-web-2`.
fn place(name: &str) -> &str {
    match name.rsplit_once("-r") {
        Some((place, number))
            if !place.is_empty() && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) =>
        {
            place
        }
        Some(_) | None => name,
    }
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

    /// Taken back by starting it again, and by waiting for it where it was ready; then by `then`.
    pub fn stop_old(&self, within: u32, then: Vec<Step>) -> Planned {
        let (instance, name) = (self.old.id.clone(), self.old.name.clone());
        let mut undo = Vec::new();
        if restart::has_process(self.old) {
            undo.push(Step::Start { instance: instance.clone(), name: name.clone() });
        }
        if self.held_ready() {
            let (instance, name) = (instance.clone(), name.clone());
            undo.push(Step::AwaitReady { instance, name, within, steady: restart::STEADY });
        }
        undo.extend(then);
        Planned::new(Step::Stop { instance, name, grace: self.old.stop_timeout }).undone_by(undo)
    }

    pub fn remove_old(&self) -> Planned {
        Planned::tidying(Step::Remove { instance: self.old.id.clone(), name: self.old.name.clone() })
    }

    pub fn rename(&self) -> Planned {
        let (instance, name) = (self.new.clone(), self.meanwhile.clone());
        Planned::tidying(Step::Rename { instance, name, to: self.name.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    fn numbered(names: &[&str]) -> Vec<u32> {
        let named = |name: &&str| Instance {
            name: (*name).into(),
            id: InstanceId::new(&fixture::prod(), *name),
            ..fixture::instance("web", 1, crate::domain::Health::Healthy)
        };
        let instances: Vec<Instance> = names.iter().map(named).collect();
        numbers(&instances.iter().collect::<Vec<_>>()).into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn a_place_keeps_the_number_in_its_name_through_every_release() {
        assert_eq!(numbered(&["shop-web-1", "shop-web-3"]), [1, 3]);
        assert_eq!(numbered(&["shop-web-1-r14", "shop-web-3"]), [1, 3], "an earlier plan was cut off");
        assert_eq!(numbered(&["web", "other"]), [1, 2]);
        assert_eq!(numbered(&["a-1", "b-1"]), [1, 2]);
        assert_eq!(numbered(&["redis7"]), [1], "that is its name");
    }

    #[test]
    fn what_an_earlier_plan_called_it_meanwhile_is_not_its_name() {
        assert_eq!(
            (place("shop-web-2-r14"), place("shop-web-2"), place("web-rc"), place("-r2")),
            ("shop-web-2", "shop-web-2", "web-rc", "-r2")
        );
    }
}

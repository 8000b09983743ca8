//! What is looked at and how: whose lines, through which filter, and where in them the reader is.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

use super::{reading::Reading, rows::Layout};
use crate::{
    app::World,
    domain::{Instance, InstanceId, ServiceId},
    message::{Since, Subscriptions, Tail, TailState},
    store::log::{Filter, Index, Lens, Pattern, Selection, Walk},
};

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Service(ServiceId),
    Instance(InstanceId),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    #[default]
    OfDay,
    Full,
    Hidden,
}

#[derive(Debug)]
pub struct LogView {
    target: Target,
    /// Every instance that belonged to it since this was opened: what ended stays readable.
    seen: BTreeSet<InstanceId>,
    since: Option<Since>,
    epoch: u32,
    filter: Filter,
    search: Option<Pattern>,
    /// Of the filter, unless it lets everything through.
    shown: Option<Index>,
    /// Of the filter and the search together.
    pub(super) found: Option<Index>,
    pub reading: Reading,
    pub wrap: bool,
    pub sideways: usize,
    pub times: Times,
    pub hides_sources: bool,
    // What the picture knows best, remembered so that a page is a page and a click is on the line that was painted.
    pub(super) shape: Cell<(usize, usize)>,
    pub(super) painted: RefCell<Vec<u64>>,
}

/// How the tails of a view are doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tails {
    pub sources: usize,
    pub live: usize,
    pub ended: usize,
    pub interrupted: usize,
    pub refused: usize,
}

impl LogView {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            seen: BTreeSet::new(),
            since: None,
            epoch: 0,
            filter: Filter::default(),
            search: None,
            shown: None,
            found: None,
            reading: Reading::Following,
            wrap: false,
            sideways: 0,
            times: Times::default(),
            hides_sources: false,
            shape: Cell::new((80, 20)),
            painted: RefCell::default(),
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    pub fn search(&self) -> Option<&Pattern> {
        self.search.as_ref()
    }

    /// Where its tails begin, if a person said.
    pub fn since(&self) -> Option<Since> {
        self.since
    }

    /// Asks for the tails of what exists now and of what was seen before.
    pub fn subscribe(&self, world: &World, wanted: &mut Subscriptions) {
        let since = self.since.unwrap_or(Since::Lines(world.settings.tail_lines));
        for instance in self.instances(world) {
            let name = match world.inventory.instance(&instance) {
                Some(known) => short_name(known),
                // Gone: its tail keeps the name that it had, else it would be begun anew.
                None => self.known_name(world, &instance),
            };
            wanted.logs.insert(instance, Tail { since, epoch: self.epoch, name });
        }
    }

    /// These too, whatever the inventory says of them: an operation's instances stay in sight when they have been replaced.
    pub fn read_from(&mut self, instances: impl IntoIterator<Item = InstanceId>) {
        self.seen.extend(instances);
    }

    /// The instances whose lines are looked at, those that have ended too.
    pub fn instances(&self, world: &World) -> BTreeSet<InstanceId> {
        let mut instances = self.seen.clone();
        match &self.target {
            Target::Service(service) => {
                instances.extend(world.inventory.instances_of(service).into_iter().map(|instance| instance.id.clone()));
            }
            Target::Instance(instance) => {
                instances.insert(instance.clone());
            }
        }
        instances
    }

    fn known_name(&self, world: &World, instance: &InstanceId) -> Arc<str> {
        let source = world.log.sources().find(|source| source.instance == *instance);
        source.map_or_else(|| instance.key.clone(), |source| source.name.clone())
    }

    pub fn tails(&self, world: &World) -> Tails {
        let mut tails = Tails::default();
        for instance in self.instances(world) {
            tails.sources += 1;
            match world.tails.get(&instance) {
                Some(TailState::Live) => tails.live += 1,
                Some(TailState::Ended) => tails.ended += 1,
                Some(TailState::Interrupted(_)) => tails.interrupted += 1,
                Some(TailState::Refused(_)) => tails.refused += 1,
                None => {}
            }
        }
        tails
    }

    /// Takes in what came, a slice of about `bytes` of text at a time; whether there is more to do.
    pub fn work(&mut self, world: &World, bytes: usize) -> bool {
        let instances = self.instances(world);
        let selection = Selection { instances: &instances, epoch: self.epoch };
        let mut has_more = false;
        for index in [&mut self.shown, &mut self.found].into_iter().flatten() {
            has_more |= index.work(&world.log, selection, bytes);
        }
        self.seen = instances;
        has_more
    }

    pub fn read_since(&mut self, since: Option<Since>) {
        self.since = since;
        self.epoch += 1;
        self.reading = Reading::Following;
    }

    pub fn set_filter(&mut self, filter: Filter, world: &World) {
        if filter == self.filter {
            return;
        }
        self.shown = (!filter.is_empty()).then(|| Index::new(filter.clone()));
        self.filter = filter;
        self.find_anew();
        self.work(world, AT_ONCE);
        let arrived = self.arrived(world);
        if let Reading::Frozen(frozen) = &mut self.reading {
            frozen.arrived = arrived;
        }
    }

    pub fn set_search(&mut self, search: Option<Pattern>, world: &World) {
        if search == self.search {
            return;
        }
        self.search = search;
        self.find_anew();
        self.work(world, AT_ONCE);
    }

    fn find_anew(&mut self) {
        self.found = self.search.clone().map(|search| {
            let mut filter = self.filter.clone();
            filter.include.push(search);
            filter.hides_gaps = true;
            Index::new(filter)
        });
    }

    /// Lines that came since it was frozen and would be shown.
    pub fn new_lines(&self, world: &World) -> u64 {
        match self.reading {
            Reading::Following => 0,
            Reading::Frozen(frozen) => self.arrived(world).saturating_sub(frozen.arrived),
        }
    }

    pub(super) fn arrived(&self, world: &World) -> u64 {
        self.with(world, |selection| match &self.shown {
            Some(index) => index.arrived(),
            None => selection.arrived(&world.log),
        })
    }

    /// How many lines are held, and how many of them are shown.
    pub fn counts(&self, world: &World) -> (u64, u64) {
        self.with(world, |selection| {
            let lines = selection.lines(&world.log);
            (lines, self.shown.as_ref().map_or(lines, Index::matches))
        })
    }

    /// The current match's place among all, and how many there are.
    pub fn matches(&self, world: &World) -> Option<(Option<u64>, u64)> {
        let index = self.found.as_ref()?;
        let place = match self.reading {
            Reading::Following => None,
            Reading::Frozen(frozen) => self.with(world, |selection| {
                let lens = Lens { index: Some(index), ..Lens::default() };
                let mut walk = Walk::before(&world.log, selection, lens, frozen.current)?;
                let behind = walk.count_behind();
                (walk.next() == Some(frozen.current)).then_some(behind + 1)
            }),
        };
        Some((place, index.matches()))
    }

    pub(super) fn with<T>(&self, world: &World, f: impl FnOnce(Selection<'_>) -> T) -> T {
        let instances = self.instances(world);
        f(Selection { instances: &instances, epoch: self.epoch })
    }

    pub(super) fn lens(&self) -> Lens<'_> {
        Lens { index: self.shown.as_ref(), ..Lens::default() }
    }

    pub(super) fn layout(&self, width: usize) -> Layout<'_> {
        Layout { width, wrap: self.wrap, sideways: self.sideways, search: self.search.as_ref() }
    }
}

/// Bytes of text that are looked through before a key's answer is painted: about a millisecond's worth, and more than is in sight.
pub(super) const AT_ONCE: usize = 1 << 20;

/// `shop-web-1` of the project `shop` is `web-1`: on a service's screen the rest says nothing.
fn short_name(instance: &Instance) -> Arc<str> {
    let scope = instance.service.scope.as_str();
    let rest = instance.name.strip_prefix(scope).and_then(|rest| rest.strip_prefix(['-', '_']));
    rest.filter(|rest| !rest.is_empty()).map_or_else(|| instance.name.clone(), Arc::from)
}

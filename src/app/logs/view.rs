//! What is looked at and how: whose lines, through which filter, and where in them the reader is.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

use super::{
    reading::Reading,
    rows::Layout,
    sources::{Chosen, LeftOut, Sources},
};
use crate::{
    app::World,
    domain::{InstanceId, ServiceId},
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
    sources: Sources,
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
    /// There are, and are not read.
    pub left_out: usize,
}

impl LogView {
    pub fn new(target: Target) -> Self {
        Self::of(target, Sources::all())
    }

    /// A glance at what is logged, from a bounded number of sources.
    pub fn preview(target: Target) -> Self {
        Self::of(target, Sources::preview())
    }

    fn of(target: Target, sources: Sources) -> Self {
        Self {
            target,
            sources,
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
        for (source, name) in self.chosen(world).names {
            wanted.logs.insert(source, Tail { since, epoch: self.epoch, name });
        }
    }

    /// Whose lines are looked at, also of what has ended.
    pub fn sources(&self, world: &World) -> BTreeSet<InstanceId> {
        self.chosen(world).names.into_keys().collect()
    }

    pub fn left_out(&self, world: &World) -> LeftOut {
        self.chosen(world).left_out
    }

    fn chosen(&self, world: &World) -> Chosen {
        self.sources.chosen(&self.target, world)
    }

    pub fn tails(&self, world: &World) -> Tails {
        let chosen = self.chosen(world);
        let mut tails = Tails { left_out: chosen.left_out.count, ..Tails::default() };
        for source in chosen.names.keys() {
            tails.sources += 1;
            match world.tails.get(source) {
                // It was removed, and its log with it: what was read of it is all there will be.
                Some(TailState::Refused(_)) if chosen.gone.contains(source) => tails.ended += 1,
                Some(TailState::Live) => tails.live += 1,
                Some(TailState::Ended) => tails.ended += 1,
                Some(TailState::Interrupted(_)) => tails.interrupted += 1,
                Some(TailState::Refused(_)) => tails.refused += 1,
                None => {}
            }
        }
        tails
    }

    /// Why lines are missing, if they are: the first tail that cannot be read now, and what it is called.
    pub fn trouble<'a>(&self, world: &'a World) -> Option<(Arc<str>, &'a TailState)> {
        let Chosen { names, gone, .. } = self.chosen(world);
        names.into_iter().filter(|(source, _)| !gone.contains(source)).find_map(|(source, name)| {
            match world.tails.get(&source)? {
                state @ (TailState::Interrupted(_) | TailState::Refused(_)) => Some((name, state)),
                TailState::Live | TailState::Ended => None,
            }
        })
    }

    /// Takes in what came, a slice of about `bytes` of text at a time; whether there is more to do.
    pub fn work(&mut self, world: &World, bytes: usize) -> bool {
        let chosen = self.chosen(world);
        self.sources.see(&chosen);
        let instances = chosen.names.into_keys().collect();
        let selection = Selection { instances: &instances, epoch: self.epoch };
        let mut has_more = false;
        for index in [&mut self.shown, &mut self.found].into_iter().flatten() {
            has_more |= index.work(&world.log, selection, bytes);
        }
        has_more
    }

    pub fn read_since(&mut self, since: Option<Since>) {
        self.since = since;
        self.sources.forget();
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
        let instances = self.sources(world);
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

//! Where the reader is in the lines, and moving. Whatever comes, is filtered or is dropped: the place stays, or says that it is gone.

use std::sync::Arc;

use super::{
    rows::Row,
    view::{AT_ONCE, LogView},
};
use crate::{
    app::World,
    domain::Level,
    store::log::{Entry, Lens, Selection, Walk},
};

/// Where the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// At the newest line, whatever comes.
    #[default]
    Following,
    Frozen(Frozen),
}

/// Line numbers never shift, so neither does this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The line of the last row in sight, and how many of its rows lie below that.
    bottom: u64,
    below: usize,
    /// The line that is copied, marked from, and searched from.
    pub current: u64,
    /// How many had come when it was frozen.
    pub(super) arrived: u64,
}

/// How far a walk over rows goes, and in which direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl LogView {
    /// The rows to paint in `height` rows with `width` columns of text.
    pub fn window(&self, world: &World, width: usize, height: usize) -> Vec<Row> {
        self.shape.set((width, height));
        let rows = self.rows(world, self.reading, width, height);
        *self.painted.borrow_mut() = rows.iter().map(|row| row.line).collect();
        rows
    }

    /// The newest rows, wherever the reader is: for a preview.
    pub fn newest(&self, world: &World, width: usize, height: usize) -> Vec<Row> {
        self.rows(world, Reading::Following, width, height)
    }

    fn rows(&self, world: &World, reading: Reading, width: usize, height: usize) -> Vec<Row> {
        let layout = self.layout(width);
        let sources: Vec<_> = world.log.sources().collect();
        let rows_of = |line: u64| {
            let Some(entry) = world.log.get(line) else { return Vec::new() };
            let ordinal = sources.iter().position(|source| Arc::ptr_eq(source, entry.source())).unwrap_or(0);
            layout.rows(line, ordinal, entry)
        };
        self.with(world, |selection| {
            let (mut up, below) = self.standing(world, selection, reading);
            let mut rows = Vec::new();
            let mut skip = below;
            while rows.len() < height
                && let Some(line) = up.previous()
            {
                let of_line = rows_of(line);
                let count = of_line.len();
                rows.extend(of_line.into_iter().rev().skip(skip.min(count.saturating_sub(1))));
                skip = 0;
            }
            rows.truncate(height);
            rows.reverse();
            // Near the beginning there is not enough above: what comes after fills the rest.
            let (mut down, _) = self.standing(world, selection, reading);
            if rows.len() < height
                && let Reading::Frozen(Frozen { bottom, below, .. }) = reading
                && rows.last().is_some_and(|row: &Row| row.line == bottom)
            {
                let of_line = rows_of(bottom);
                let hidden = of_line.len() - below.min(of_line.len());
                rows.extend(of_line.into_iter().skip(hidden));
            }
            while rows.len() < height
                && let Some(line) = down.next()
            {
                rows.extend(rows_of(line));
            }
            rows.truncate(height);
            rows
        })
    }

    /// Right after the last line in sight; how many of its rows lie below. When it was dropped meanwhile, at the oldest line.
    fn standing<'a>(&'a self, world: &'a World, selection: Selection<'_>, reading: Reading) -> (Walk<'a>, usize) {
        let lens = self.lens();
        match reading {
            Reading::Following => (Walk::from_end(&world.log, selection, lens), 0),
            Reading::Frozen(frozen) => match Walk::after(&world.log, selection, lens, frozen.bottom) {
                Some(walk) => (walk, frozen.below),
                None => (Walk::from_start(&world.log, selection, lens), 0),
            },
        }
    }

    /// The newest line that is shown.
    fn newest_line(&self, world: &World) -> Option<u64> {
        self.with(world, |selection| Walk::from_end(&world.log, selection, self.lens()).previous())
    }

    /// The line that copying, marking and searching begin from.
    pub fn current(&self, world: &World) -> Option<u64> {
        match self.reading {
            Reading::Following => self.newest_line(world),
            Reading::Frozen(frozen) => Some(frozen.current)
                .filter(|&line| world.log.get(line).is_some())
                .or_else(|| self.with(world, |selection| Walk::from_start(&world.log, selection, self.lens()).next())),
        }
    }

    pub fn freeze(&mut self, world: &World) {
        if self.reading == Reading::Following
            && let Some(line) = self.newest_line(world)
        {
            let arrived = self.arrived(world);
            self.reading = Reading::Frozen(Frozen { bottom: line, below: 0, current: line, arrived });
        }
    }

    pub fn follow(&mut self) {
        self.reading = Reading::Following;
    }

    fn frozen(&mut self, world: &World) -> Option<Frozen> {
        self.freeze(world);
        match self.reading {
            Reading::Following => None,
            Reading::Frozen(frozen) => Some(frozen),
        }
    }

    /// One line up: the window moves only when the line would leave it.
    pub fn up(&mut self, world: &World) {
        let Some(current) = self.frozen(world).and_then(|_| self.current(world)) else { return };
        let above = self.with(world, |selection| {
            Walk::before(&world.log, selection, self.lens(), current).and_then(|mut walk| walk.previous())
        });
        self.go_to(above.unwrap_or(current), world);
    }

    /// One line down; from the newest line on it follows again.
    pub fn down(&mut self, world: &World) {
        let Reading::Frozen(_) = self.reading else { return };
        let Some(current) = self.current(world) else { return };
        let next = self.with(world, |selection| {
            Walk::after(&world.log, selection, self.lens(), current).and_then(|mut walk| walk.next())
        });
        match next {
            Some(next) => self.go_to(next, world),
            None => self.follow(),
        }
    }

    pub fn first(&mut self, world: &World) {
        self.freeze(world);
        let first = self.with(world, |selection| Walk::from_start(&world.log, selection, self.lens()).next());
        if let Some(first) = first {
            self.go_to(first, world);
        }
    }

    /// A screenful, less one row to hold on to.
    pub fn page(&mut self, world: &World, down: bool) {
        let rows = self.shape.get().1.saturating_sub(1).max(1);
        self.scroll(world, if down { rows } else { 0 }, if down { 0 } else { rows });
    }

    /// Moves the window over the rows; the current line stays in sight.
    pub fn scroll(&mut self, world: &World, down: usize, up: usize) {
        if down > 0 && self.reading == Reading::Following {
            return;
        }
        let Some(mut frozen) = self.frozen(world) else { return };
        let (_, height) = self.shape.get();
        if up > 0 {
            let rows = self.walk_rows(world, Reading::Frozen(frozen), Way::Up, height + up);
            let step = up.min(rows.len().saturating_sub(height));
            if let Some(&(line, below)) = rows.get(step) {
                (frozen.bottom, frozen.below) = (line, below);
            }
        } else {
            let rows = self.walk_rows(world, Reading::Frozen(frozen), Way::Down, down);
            match rows.last() {
                Some(&(line, below)) => (frozen.bottom, frozen.below) = (line, below),
                None => return self.follow(),
            }
        }
        let rows = self.walk_rows(world, Reading::Frozen(frozen), Way::Up, height);
        if !rows.iter().any(|&(line, _)| line == frozen.current) {
            let edge = if up > 0 { rows.first() } else { rows.last() };
            frozen.current = edge.map_or(frozen.current, |&(line, _)| line);
        }
        self.reading = Reading::Frozen(frozen);
    }

    /// Makes a line the current one, and brings it in sight if it is not: at the edge when it is near, else in the middle.
    pub fn go_to(&mut self, line: u64, world: &World) {
        let Some(mut frozen) = self.frozen(world) else { return };
        let (_, height) = self.shape.get();
        frozen.current = line;
        let window = self.walk_rows(world, Reading::Frozen(frozen), Way::Up, height);
        if !window.iter().any(|&(other, _)| other == line) {
            let is_next_below = self.with(world, |selection| {
                let walk = Walk::after(&world.log, selection, self.lens(), frozen.bottom);
                walk.is_some_and(|mut walk| walk.next() == Some(line))
            });
            let top = window.last().map(|&(line, _)| line);
            let is_next_above = self.with(world, |selection| {
                let walk = top.and_then(|top| Walk::before(&world.log, selection, self.lens(), top));
                walk.is_some_and(|mut walk| walk.previous() == Some(line))
            });
            let room_below = match (is_next_below, is_next_above) {
                (true, _) => 0,
                (_, true) => height.saturating_sub(1),
                _ => height / 2,
            };
            (frozen.bottom, frozen.below) = (line, 0);
            let rows = self.walk_rows(world, Reading::Frozen(frozen), Way::Down, room_below);
            if let Some(&(bottom, below)) = rows.last() {
                (frozen.bottom, frozen.below) = (bottom, below);
            }
        }
        self.reading = Reading::Frozen(frozen);
    }

    /// The rows from the last one in sight upwards, or those below it: each its line, and how many of the line's rows follow.
    fn walk_rows(&self, world: &World, reading: Reading, way: Way, count: usize) -> Vec<(u64, usize)> {
        let layout = self.layout(self.shape.get().0);
        let height = |line| world.log.get(line).map_or(1, |entry| layout.height(entry));
        self.with(world, |selection| {
            let (mut walk, below) = self.standing(world, selection, reading);
            let mut rows = Vec::new();
            match way {
                Way::Up => {
                    let mut skip = below;
                    while rows.len() < count
                        && let Some(line) = walk.previous()
                    {
                        let height = height(line);
                        rows.extend((skip.min(height - 1)..height).map(|below| (line, below)));
                        skip = 0;
                    }
                }
                Way::Down => {
                    if let Reading::Frozen(frozen) = reading {
                        rows.extend((0..below).rev().map(|below| (frozen.bottom, below)));
                    }
                    while rows.len() < count
                        && let Some(line) = walk.next()
                    {
                        rows.extend((0..height(line)).rev().map(|below| (line, below)));
                    }
                }
            }
            rows.truncate(count);
            rows
        })
    }

    /// To the next or previous line that the search found. From the newest line both go to the newest match.
    pub fn go_to_match(&mut self, forwards: bool, world: &World) -> Result<(), String> {
        let is_searching = self.work(world, AT_ONCE);
        let Some(index) = &self.found else { return Err("search for something first".into()) };
        let found = self.look(Lens { index: Some(index), ..Lens::default() }, forwards, world);
        match found {
            Some(line) => self.go_to(line, world),
            None if is_searching => return Err("still searching: try again in a moment".into()),
            None if forwards => return Err("no match after this line".into()),
            None => return Err("no match before this line".into()),
        }
        Ok(())
    }

    pub fn go_to_error(&mut self, forwards: bool, world: &World) -> Result<(), String> {
        let found = self.look(Lens { at_least: Level::Warn, ..self.lens() }, forwards, world);
        match found {
            Some(line) => self.go_to(line, world),
            None if forwards => return Err("no error or warning after this line".into()),
            None => return Err("no error or warning before this line".into()),
        }
        Ok(())
    }

    fn look(&self, lens: Lens<'_>, forwards: bool, world: &World) -> Option<u64> {
        self.with(world, |selection| match self.reading {
            Reading::Following => Walk::from_end(&world.log, selection, lens).previous(),
            Reading::Frozen(frozen) if forwards => Walk::after(&world.log, selection, lens, frozen.current)?.next(),
            Reading::Frozen(frozen) => Walk::before(&world.log, selection, lens, frozen.current)?.previous(),
        })
    }

    /// The line that was painted in a row of the window.
    pub fn painted(&self, row: usize) -> Option<u64> {
        self.painted.borrow().get(row).copied()
    }

    /// Whether a line lies between two others, as they are shown, these two included.
    pub fn is_between<'a>(&self, world: &'a World, one: u64, other: u64) -> impl Fn(u64) -> bool + 'a {
        let (ahead, behind) = self.with(world, |selection| {
            let ahead = |line| Walk::before(&world.log, selection, Lens::default(), line);
            let behind = |line| Walk::after(&world.log, selection, Lens::default(), line);
            let is_before = ahead(one).is_some_and(|walk| walk.stands_before(&world.log, other));
            if is_before { (ahead(one), behind(other)) } else { (ahead(other), behind(one)) }
        });
        move |line| {
            ahead.as_ref().is_some_and(|walk| walk.stands_before(&world.log, line))
                && behind.as_ref().is_some_and(|walk| !walk.stands_before(&world.log, line))
        }
    }

    /// The lines from one to another, in the order they are shown.
    pub fn between<'a>(&'a self, world: &'a World, one: u64, other: u64) -> Vec<(u64, Entry<'a>)> {
        self.with(world, |selection| {
            let is_before = Walk::before(&world.log, selection, Lens::default(), one)
                .is_some_and(|walk| walk.stands_before(&world.log, other));
            let (first, last) = if is_before { (one, other) } else { (other, one) };
            let Some(mut walk) = Walk::before(&world.log, selection, self.lens(), first) else { return Vec::new() };
            let mut lines = Vec::new();
            while let Some(line) = walk.next() {
                lines.extend(world.log.get(line).map(|entry| (line, entry)));
                if !walk.stands_before(&world.log, last) {
                    break;
                }
            }
            lines
        })
    }

    /// All that is shown, oldest first.
    pub fn all<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Entry<'a>> {
        let mut walk = self.with(world, |selection| Walk::from_start(&world.log, selection, self.lens()));
        std::iter::from_fn(move || walk.next()).filter_map(|line| world.log.get(line))
    }
}

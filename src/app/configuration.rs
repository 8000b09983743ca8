//! All that the engine knows of an instance: folded, searched, copied, saved.

use std::{cell::Cell, collections::BTreeSet, sync::Arc};

use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Subject, World,
        list::List,
        prompt::Prompt,
        search,
        yaml::{self, Line},
    },
    domain::{InstanceId, Trouble},
    message::{Answer, Effect, Question, Refresh, Subscriptions},
};

/// How far one step goes sideways, in columns.
const SIDEWAYS: usize = 16;

#[derive(Debug)]
pub struct Configuration {
    pub instance: InstanceId,
    pub name: Arc<str>,
    pub list: List<Row>,
    pub wraps: bool,
    /// The first column in sight; nothing is to the left of it when lines are wrapped.
    pub left: usize,
    pub search: Option<Search>,
    folded: BTreeSet<usize>,
    /// Columns for text, as painted last: where a wrapped line goes on in the next row.
    width: Cell<usize>,
}

/// A line, or one of the parts of a wrapped one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub line: usize,
    pub part: usize,
}

#[derive(Clone, Debug)]
pub struct Search {
    /// While it is typed.
    prompt: Option<Prompt>,
    text: String,
    /// Where the selection stood when it began: typing on searches from there, not from the last find.
    from: usize,
}

/// What the engine answered.
pub enum Shown<'a> {
    /// Not yet.
    Asked,
    Refused(&'a Trouble),
    Text(&'a str),
}

impl Configuration {
    pub fn of(instance: InstanceId, name: Arc<str>) -> Self {
        Self {
            instance,
            name,
            list: List::default(),
            wraps: false,
            left: 0,
            search: None,
            folded: BTreeSet::new(),
            width: Cell::new(usize::MAX),
        }
    }

    pub fn shown<'a>(&self, world: &'a World) -> Shown<'a> {
        match world.answers.get(&self.question()) {
            None => Shown::Asked,
            Some(Err(trouble)) => Shown::Refused(trouble),
            Some(Ok(Answer::Configuration(text))) => Shown::Text(text),
            // The answer to another question cannot be filed under this one.
            Some(Ok(_)) => Shown::Asked,
        }
    }

    pub fn lines<'a>(&self, world: &'a World) -> Vec<Line<'a>> {
        match self.shown(world) {
            Shown::Text(text) => yaml::lines(text),
            Shown::Asked | Shown::Refused(_) => Vec::new(),
        }
    }

    /// The rows of what is not folded away, painted `width` columns wide.
    pub fn rows_in(&self, lines: &[Line<'_>], width: usize) -> Vec<Row> {
        self.width.set(width);
        self.rows(lines)
    }

    fn rows(&self, lines: &[Line<'_>]) -> Vec<Row> {
        let width = self.width.get().max(1);
        let mut rows = Vec::new();
        let mut line = 0;
        while let Some(found) = lines.get(line) {
            let parts = if self.wraps { found.text.width().div_ceil(width).max(1) } else { 1 };
            rows.extend((0..parts).map(|part| Row { line, part }));
            line = if self.folded.contains(&line) { found.end } else { line + 1 };
        }
        rows
    }

    pub fn is_folded(&self, line: usize) -> bool {
        self.folded.contains(&line)
    }

    /// The column of the line at which a row begins.
    pub fn column(&self, row: Row) -> usize {
        if self.wraps { row.part.saturating_mul(self.width.get()) } else { self.left }
    }

    /// The lines in which what is searched for occurs, folded away or not.
    pub fn matches(&self, lines: &[Line<'_>]) -> Vec<usize> {
        let Some(search) = self.search.as_ref().filter(|search| !search.text.is_empty()) else { return Vec::new() };
        (0..lines.len()).filter(|&line| !search::places(lines[line].text, &search.text).is_empty()).collect()
    }

    pub fn searched(&self) -> Option<&str> {
        self.search.as_ref().map(|search| search.text.as_str())
    }

    /// The byte ranges of a line in which what is searched for occurs.
    pub fn places(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.search.as_ref().map(|search| search::places(text, &search.text)).unwrap_or_default()
    }

    pub fn selected_line(&self, lines: &[Line<'_>]) -> usize {
        self.list.selected(&self.rows(lines)).map_or(0, |row| row.line)
    }

    fn question(&self) -> Question {
        Question::Configuration(self.instance.clone())
    }

    /// Selects a line, and unfolds what hides it.
    fn show(&mut self, lines: &[Line<'_>], line: usize) {
        let mut outer = lines.get(line).and_then(|line| line.parent);
        while let Some(parent) = outer {
            self.folded.remove(&parent);
            outer = lines[parent].parent;
        }
        let rows = self.rows(lines);
        if let Some(row) = rows.iter().position(|row| row.line == line) {
            self.list.select(&rows, row);
        }
    }

    fn find(&mut self, lines: &[Line<'_>], from: usize, forward: bool) -> Reply {
        let matches = self.matches(lines);
        let next = matches.iter().copied().find(|&line| line >= from).or(matches.first().copied());
        let before = matches.iter().copied().rev().find(|&line| line < from).or(matches.last().copied());
        match if forward { next } else { before } {
            Some(line) => {
                self.show(lines, line);
                Reply::stay()
            }
            None => Reply::refuse(match self.searched() {
                Some(_) if lines.is_empty() => "there is nothing to search yet".into(),
                Some(text) if !text.is_empty() => format!("'{text}' does not occur"),
                Some(_) | None => "nothing is searched for".into(),
            }),
        }
    }

    /// To the left: back from sideways first, then shut the block, then to the line that opens the one around.
    fn leftwards(&mut self, lines: &[Line<'_>]) {
        let line = self.selected_line(lines);
        if self.left > 0 && !self.wraps {
            self.left = self.left.saturating_sub(SIDEWAYS);
        } else if lines.get(line).is_some_and(|found| found.opens_block(line)) && !self.is_folded(line) {
            self.fold(lines, line);
        } else if let Some(parent) = lines.get(line).and_then(|line| line.parent) {
            self.show(lines, parent);
        }
    }

    fn rightwards(&mut self, lines: &[Line<'_>]) {
        let line = self.selected_line(lines);
        let longest = lines.iter().map(|line| line.text.width()).max().unwrap_or(0);
        if !self.folded.remove(&line) && !self.wraps && self.left.saturating_add(self.width.get()) < longest {
            self.left += SIDEWAYS;
        }
    }

    fn fold(&mut self, lines: &[Line<'_>], line: usize) {
        self.folded.insert(line);
        self.show(lines, line);
    }

    fn save(&self, world: &World) -> Reply {
        let Shown::Text(text) = self.shown(world) else { return Reply::refuse("there is nothing to save yet") };
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        let name: String = self.name.chars().map(safe).collect();
        let file = format!("{name}-configuration-{}.yaml", world.now.strftime("%Y%m%d-%H%M%S"));
        Reply::stay().with(Effect::Save { path: world.settings.save_into.join(file), text: text.to_owned() })
    }
}

impl Page for Configuration {
    fn place(&self) -> Place {
        Place::Configuration
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        let lines = self.lines(world);
        let line = self.selected_line(&lines);
        match action {
            Action::Filter | Action::Search => {
                let prompt = Some(Prompt::new("/", ""));
                self.search = Some(Search { prompt, text: String::new(), from: line });
            }
            Action::Back if self.search.is_some() => self.search = None,
            Action::Open if self.prompt().is_some() => {
                if let Some(search) = &mut self.search {
                    search.prompt = None;
                }
                self.search.take_if(|search| search.text.is_empty());
            }
            Action::NextMatch => return self.find(&lines, line + 1, true),
            Action::PreviousMatch => return self.find(&lines, line, false),
            Action::Open if self.is_folded(line) => self.rightwards(&lines),
            Action::Open => {
                if lines.get(line).is_some_and(|found| found.opens_block(line)) {
                    self.fold(&lines, line);
                }
            }
            Action::Left => self.leftwards(&lines),
            Action::Right => self.rightwards(&lines),
            Action::Wrap => {
                self.wraps = !self.wraps;
                self.left = 0;
                self.show(&lines, line);
            }
            Action::Copy => {
                return match lines.get(line) {
                    Some(line) => Reply::stay().with(Effect::Copy(line.text.to_owned())),
                    None => Reply::refuse("there is nothing to copy yet"),
                };
            }
            Action::Save => return self.save(world),
            _ if self.list.act(action, &self.rows(&lines)) => {}
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Instance(self.instance.clone()))
    }

    fn subscribe(&self, world: &World, _is_top: bool, wanted: &mut Subscriptions) {
        let instance = world.inventory.instance(&self.instance);
        let service = instance.and_then(|instance| world.inventory.service(&instance.service));
        let fingerprint = service.map_or(0, |service| service.fingerprint);
        wanted.answers.insert(self.question(), Refresh::WhenChanged(fingerprint));
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.search.as_ref()?.prompt.as_ref()
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.search.as_mut()?.prompt.as_mut()
    }

    fn typed(&mut self, world: &World) {
        let Some(search) = &mut self.search else { return };
        search.text = search.prompt.as_ref().map(|prompt| prompt.text().to_owned()).unwrap_or_default();
        let from = search.from;
        let lines = self.lines(world);
        let found = self.matches(&lines);
        let is_missing = !lines.is_empty() && found.is_empty() && self.searched().is_some_and(|text| !text.is_empty());
        if let Some(prompt) = self.prompt_mut() {
            prompt.error = is_missing.then(|| "does not occur".into());
        }
        if !found.is_empty() {
            self.find(&lines, from, true);
        }
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        let rows = self.rows(&self.lines(world));
        self.list.select(&rows, row);
    }
}

#[cfg(test)]
mod tests;

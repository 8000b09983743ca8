//! Live logs of one instance, or of all of a service.

pub mod reading;
pub mod rows;
pub mod since;
pub mod sources;
pub mod view;

use std::fmt::Write;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{Due, Go, Page, Reply, Subject, World, prompt::Prompt},
    domain::{InstanceId, Level, Output, ServiceId},
    message::{Effect, Subscriptions},
    store::log::{Entry, Filter, Outputs, Pattern, harmless},
};

pub use reading::Reading;
pub use view::{LogView, Target, Times};

#[derive(Debug)]
pub struct Logs {
    pub view: LogView,
    /// What is being typed, and what it is for.
    asking: Option<(Asking, Prompt)>,
    /// Where marking began.
    mark: Option<u64>,
}

/// What a prompt is for, with what holds again when it is left.
#[derive(Debug)]
enum Asking {
    Include(Filter),
    Exclude(Filter),
    Search(Option<Pattern>),
    Since,
}

impl Logs {
    pub fn of_service(service: ServiceId) -> Self {
        Self::of(Target::Service(service))
    }

    pub fn of_instance(instance: InstanceId) -> Self {
        Self::of(Target::Instance(instance))
    }

    fn of(target: Target) -> Self {
        Self { view: LogView::new(target), asking: None, mark: None }
    }

    /// The first and the last marked line as they were marked, which need not be their order.
    pub fn marked(&self, world: &World) -> Option<(u64, u64)> {
        Some((self.mark?, self.view.current(world)?))
    }

    fn ask(&mut self, asking: Asking, title: &'static str, text: &str) -> Reply {
        self.asking = Some((asking, Prompt::new(title, text)));
        Reply::stay()
    }

    /// Enter in the prompt. What cannot be compiled is taken as plain text: the prompt has said so.
    fn answer(&mut self, world: &World) -> Reply {
        let Some((asking, prompt)) = self.asking.take() else { return Reply::stay() };
        let text = prompt.text();
        let pattern = || Pattern::new(text).unwrap_or_else(|_| Pattern::literal(text));
        match asking {
            Asking::Include(mut filter) => {
                if text.is_empty() {
                    filter.include.clear()
                } else {
                    filter.include.push(pattern())
                }
                self.view.set_filter(filter, world);
            }
            Asking::Exclude(mut filter) => {
                if text.is_empty() {
                    filter.exclude.clear()
                } else {
                    filter.exclude.push(pattern())
                }
                self.view.set_filter(filter, world);
            }
            Asking::Search(_) => self.view.set_search((!text.is_empty()).then(pattern), world),
            Asking::Since if text.trim().is_empty() => self.begin_anew(None),
            Asking::Since => match since::parse(text, world.now, &world.settings.zone) {
                Ok(since) => self.begin_anew(Some(since)),
                Err(why) => {
                    self.asking = Some((Asking::Since, Prompt { error: Some(why), ..prompt }));
                }
            },
        }
        Reply::stay()
    }

    fn begin_anew(&mut self, since: Option<crate::message::Since>) {
        self.mark = None;
        self.view.read_since(since);
    }

    /// Leaves the prompt, or the last thing that narrows the view, or the screen.
    fn back(&mut self, world: &World) -> Reply {
        match self.asking.take() {
            Some((Asking::Include(filter) | Asking::Exclude(filter), _)) => self.view.set_filter(filter, world),
            Some((Asking::Search(search), _)) => self.view.set_search(search, world),
            Some((Asking::Since, _)) => {}
            None if self.mark.is_some() => self.mark = None,
            None if self.view.search().is_some() => self.view.set_search(None, world),
            None => {
                let mut filter = self.view.filter().clone();
                if filter.exclude.pop().or_else(|| filter.include.pop()).is_none() {
                    return Go::Back.into();
                }
                self.view.set_filter(filter, world);
            }
        }
        Reply::stay()
    }

    fn toggle_mark(&mut self, world: &World) -> Reply {
        if self.mark.take().is_none() {
            self.view.freeze(world);
            self.mark = self.view.current(world);
        }
        Reply::stay()
    }

    fn copy(&mut self, world: &World) -> Reply {
        let Some(current) = self.view.current(world) else { return Reply::refuse("there is no line to copy") };
        let lines = self.view.between(world, self.mark.take().unwrap_or(current), current);
        let lines = lines.into_iter().filter_map(|(_, entry)| match entry {
            Entry::Line { text, .. } => Some(harmless::raw(text)),
            Entry::Gap(_) => None,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        Reply::stay().with(Effect::Copy(text))
    }

    /// The marked lines, or all that pass the filter, each with its time and its source.
    fn save(&mut self, world: &World) -> Reply {
        let mut text = String::new();
        match (self.mark.take(), self.view.current(world)) {
            (Some(mark), Some(current)) => {
                self.view.between(world, mark, current).into_iter().for_each(|(_, entry)| save_line(&mut text, entry));
            }
            _ => self.view.all(world).for_each(|entry| save_line(&mut text, entry)),
        }
        if text.is_empty() {
            return Reply::refuse("there is nothing to save");
        }
        let time = world.now.strftime("%Y%m%d-%H%M%S");
        let name: String = self.name(world).chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let path = world.settings.save_into.join(format!("{name}-{time}.log"));
        Reply::stay().with(Effect::Save { path, text })
    }

    /// What a person calls what is looked at.
    pub fn name(&self, world: &World) -> String {
        match self.view.target() {
            Target::Service(service) => format!("{}/{}", service.scope, service.name),
            Target::Instance(instance) => world
                .inventory
                .instance(&instance.whole())
                .map_or_else(|| instance.key.to_string(), |known| known.name.to_string()),
        }
    }
}

/// As in the file: RFC 3339 time, source, text.
fn save_line(text: &mut String, entry: Entry<'_>) {
    let written = match entry {
        Entry::Line { source, line, text: bytes } => {
            let at = Timestamp::from_nanosecond(line.at.into()).unwrap_or_default();
            writeln!(text, "{at} {} {}", source.name, harmless::raw(bytes))
        }
        Entry::Gap(gap) => {
            writeln!(text, "{} {} ... {} lines not shown until {} ...", gap.from, gap.source.name, gap.lines, gap.to)
        }
    };
    written.expect("writing into a string does not fail");
}

impl Page for Logs {
    fn place(&self) -> Place {
        Place::Logs
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        let view = &mut self.view;
        match action {
            Action::Open if self.asking.is_some() => return self.answer(world),
            Action::Back => return self.back(world),
            Action::Up => view.up(world),
            Action::Down => view.down(world),
            Action::PageUp => view.page(world, false),
            Action::PageDown => view.page(world, true),
            Action::First => view.first(world),
            Action::Last => view.follow(),
            Action::Left | Action::Right if view.wrap => {
                return Reply::refuse("long lines are wrapped: there is nothing at the side");
            }
            Action::Left => view.sideways = view.sideways.saturating_sub(SIDEWAYS),
            Action::Right => view.sideways += SIDEWAYS,
            Action::Follow if view.reading == Reading::Following => view.freeze(world),
            Action::Follow => view.follow(),
            Action::Wrap => {
                view.wrap = !view.wrap;
                view.sideways = 0;
            }
            Action::Timestamps => view.times = view.times.next(),
            Action::Sources => view.hides_sources = !view.hides_sources,
            Action::Filter => return self.ask_include(),
            Action::Exclude => return self.ask_exclude(),
            Action::Search => return self.ask_search(),
            Action::Since => return self.ask(Asking::Since, "since (5m, 1h, 14:30, all)", ""),
            Action::NextMatch => return refused(view.go_to_match(true, world)),
            Action::PreviousMatch => return refused(view.go_to_match(false, world)),
            Action::NextError => return refused(view.go_to_error(true, world)),
            Action::PreviousError => return refused(view.go_to_error(false, world)),
            Action::MinimumLevel => {
                let at_least = match view.filter().at_least {
                    Level::None | Level::Trace | Level::Debug => Level::Info,
                    Level::Info => Level::Warn,
                    Level::Warn => Level::Error,
                    Level::Error | Level::Fatal => Level::None,
                };
                view.set_filter(Filter { at_least, ..view.filter().clone() }, world);
            }
            Action::Outputs => {
                let outputs = match view.filter().outputs {
                    Outputs::Both => Outputs::Only(Output::Stdout),
                    Outputs::Only(Output::Stdout) => Outputs::Only(Output::Stderr),
                    Outputs::Only(Output::Stderr) => Outputs::Both,
                };
                view.set_filter(Filter { outputs, ..view.filter().clone() }, world);
            }
            Action::Mark => return self.toggle_mark(world),
            Action::Copy => return self.copy(world),
            Action::Save => return self.save(world),
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(match self.view.target() {
            Target::Service(service) => Subject::Service(service.clone()),
            Target::Instance(instance) => Subject::Instance(instance.clone()),
        })
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        // Also below another screen: coming back, nothing is missing.
        self.view.subscribe(world, wanted);
        let service = match self.view.target() {
            Target::Service(service) => Some(service),
            Target::Instance(instance) => world.inventory.instance(instance).map(|instance| &instance.service),
        };
        if let (Some(service), true) = (service, is_top) {
            world.ask_rights(service, wanted);
        }
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.asking.as_ref().map(|(_, prompt)| prompt)
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.asking.as_mut().map(|(_, prompt)| prompt)
    }

    /// Shows at once what was typed so far: the filter narrows and the search marks while the person types.
    fn typed(&mut self, world: &World) {
        let Some((asking, prompt)) = &mut self.asking else { return };
        let text = prompt.text().to_owned();
        let mut pattern = || match Pattern::new(&text) {
            Ok(pattern) => Some(pattern).filter(|_| !text.is_empty()),
            Err(why) => {
                prompt.error = Some(format!("{why}; Enter takes it as plain text"));
                None
            }
        };
        match asking {
            Asking::Include(filter) => {
                let mut filter = filter.clone();
                filter.include.extend(pattern());
                self.view.set_filter(filter, world);
            }
            Asking::Exclude(filter) => {
                let mut filter = filter.clone();
                filter.exclude.extend(pattern());
                self.view.set_filter(filter, world);
            }
            Asking::Search(_) => {
                let search = pattern();
                self.view.set_search(search, world);
            }
            Asking::Since => {}
        }
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        if let Some(line) = self.view.painted(row) {
            self.view.go_to(line, world);
        }
    }

    fn instances_due(&self, _service: Option<&ServiceId>) -> Due {
        Due::Calm
    }

    fn logs_due(&self) -> Due {
        // Frozen, only the count of new lines moves.
        if self.view.reading == Reading::Following { Due::Soon } else { Due::Calm }
    }

    fn work(&mut self, world: &World, bytes: usize) -> bool {
        self.view.work(world, bytes)
    }

    fn scroll(&mut self, lines: i32, world: &World) {
        let rows = lines.unsigned_abs() as usize;
        let (down, up) = if lines > 0 { (rows, 0) } else { (0, rows) };
        self.view.scroll(world, down, up);
    }
}

/// columns a key press moves sideways
const SIDEWAYS: usize = 16;

impl Logs {
    fn ask_include(&mut self) -> Reply {
        self.ask(Asking::Include(self.view.filter().clone()), "keep lines that match", "")
    }

    fn ask_exclude(&mut self) -> Reply {
        self.ask(Asking::Exclude(self.view.filter().clone()), "hide lines that match", "")
    }

    fn ask_search(&mut self) -> Reply {
        let search = self.view.search().cloned();
        let text = search.as_ref().map_or("", Pattern::text).to_owned();
        self.ask(Asking::Search(search), "search", &text)
    }
}

fn refused(result: Result<(), String>) -> Reply {
    result.map_or_else(Reply::refuse, |()| Reply::stay())
}

impl Times {
    fn next(self) -> Self {
        match self {
            Self::OfDay => Self::Full,
            Self::Full => Self::Hidden,
            Self::Hidden => Self::OfDay,
        }
    }
}

#[cfg(test)]
mod tests;

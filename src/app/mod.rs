//! State and meaning of the screens. Decides; does not wait, draw or do I/O. Changed in two ways only: `act` and `observe`.

use jiff::Timestamp;
use tui_input::InputRequest;

use crate::{
    action::{Action, Place},
    domain::Trouble,
    message::{Effect, Event, Notice, Question, Subscriptions},
};

pub mod backups;
mod changes;
pub mod charts;
pub mod configuration;
pub mod events;
pub mod filter;
pub mod forward;
pub mod forwards;
pub mod help;
pub mod instances;
pub mod list;
pub mod logs;
pub mod main_screen;
mod meaning;
pub mod metrics;
pub mod nodes;
pub mod notices;
mod observe;
pub mod operation;
pub mod operations;
pub mod overlay;
pub mod palette;
pub mod picker;
pub mod plan;
pub mod prompt;
pub mod release;
pub mod rollout;
pub mod scale;
pub mod screen;
pub mod scroll;
pub mod search;
pub mod service_filter;
pub mod world;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use overlay::Overlay;
use rollout::RolloutForm;
pub use screen::{Due, Go, Page, Reply, Screen, Subject};
pub use world::{Arming, Settings, World};

pub struct App {
    pub world: World,
    /// The first is the main screen and is never closed; the last is the one in sight.
    screens: Vec<Screen>,
    overlay: Option<Overlay>,
    /// A line for the person's last key, gone with the next one: why something was refused, what was copied.
    message: Option<String>,
    /// The form that was left last, to be gone on with.
    draft: Option<Box<RolloutForm>>,
}

impl App {
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self {
            world: World::new(settings, now),
            screens: vec![Screen::Main(Box::default())],
            overlay: None,
            message: None,
            draft: None,
        }
    }

    pub fn top(&self) -> &Screen {
        self.screens.last().expect("the main screen is never closed")
    }

    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// How many screens lie under the one in sight.
    pub fn depth(&self) -> usize {
        self.screens.len() - 1
    }

    /// Whose keys are in force. The question before quitting is about operations, so it has an operation's keys.
    pub fn place(&self) -> Place {
        match &self.overlay {
            Some(Overlay::Quit(_)) => Place::Operation,
            Some(Overlay::Palette(_) | Overlay::Forward(_) | Overlay::Scale(_) | Overlay::RestoreInto(_)) | None => {
                self.top().page().place()
            }
        }
    }

    pub fn subject(&self) -> Option<Subject> {
        self.top().page().subject(&self.world)
    }

    /// A person did this, knowing what was painted.
    pub fn act(&mut self, action: Action, now: Timestamp) -> Vec<Effect> {
        self.world.now = now;
        self.message = None;
        if let Some(overlay) = self.overlay.take() {
            return self.act_on_overlay(overlay, action);
        }
        if let Err(why) = self.may(action) {
            self.message = Some(why);
            return Vec::new();
        }
        let top = self.screens.last_mut().expect("the main screen is never closed");
        let reply = top.page_mut().act(action, &self.world);
        let effects = self.follow(reply, action);
        self.visit(&effects);
        effects
    }

    /// A cluster is looked at when its services are, or when somebody wants something of it. Passing over its row is not enough: a
    /// sign-in may open a browser.
    fn visit(&mut self, effects: &[Effect]) {
        if let Some(Screen::Main(main)) = self.screens.first() {
            self.world.visited.extend(main.looked_at(&self.world));
        }
        for effect in effects {
            match effect {
                Effect::Reconnect(cluster) => _ = self.world.visited.insert(cluster.clone()),
                Effect::Resume(id) | Effect::Undo(id) => {
                    let operation = self.world.operations.get(id);
                    self.world.visited.extend(operation.map(|operation| operation.service.cluster.clone()));
                }
                Effect::Begin(_)
                | Effect::StopAndUndo(_)
                | Effect::Tell(..)
                | Effect::Leave(_)
                | Effect::Arm
                | Effect::Copy(_)
                | Effect::Save { .. }
                | Effect::Shell(_)
                | Effect::Suspend
                | Effect::Redraw
                | Effect::NextTheme
                | Effect::Quit => {}
            }
        }
    }

    /// Keys are text now: of the overlay's line or of the screen's.
    pub fn is_typing(&self) -> bool {
        match &self.overlay {
            Some(overlay) => overlay.prompt().is_some(),
            None => self.top().page().is_typing(),
        }
    }

    pub fn edit(&mut self, request: InputRequest, now: Timestamp) {
        self.world.now = now;
        self.message = None;
        if let Some(overlay) = &mut self.overlay {
            overlay.edit(request);
        } else {
            let top = self.screens.last_mut().expect("the main screen is never closed").page_mut();
            top.edit(request, &self.world);
        }
    }

    /// While an overlay is open, nothing below it is clicked.
    pub fn click(&mut self, pane: usize, row: usize, now: Timestamp) {
        self.world.now = now;
        self.message = None;
        if let Some(overlay) = &mut self.overlay {
            return overlay.click(row);
        }
        let top = self.screens.last_mut().expect("the main screen is never closed");
        top.page_mut().click(pane, row, &self.world);
        if let Some(Subject::Cluster(cluster)) = self.subject() {
            self.world.visited.insert(cluster);
        }
        self.visit(&[]);
    }

    pub fn scroll(&mut self, lines: i32, now: Timestamp) {
        self.world.now = now;
        match &mut self.overlay {
            Some(overlay) => overlay.scroll(lines),
            None => {
                let top = self.screens.last_mut().expect("the main screen is never closed");
                top.page_mut().scroll(lines, &self.world);
            }
        }
    }

    /// Something happened outside. Says how soon it should be seen.
    pub fn observe(&mut self, event: Event, now: Timestamp) -> Due {
        self.world.now = now;
        let due = observe::observe(self, event);
        if self.world.look_after_backups() { due.max(Due::Soon) } else { due }
    }

    /// Keys that mean nothing here were pressed.
    pub fn unbound(&mut self, keys: &str, help: Option<&String>) {
        let help = help.map_or_else(String::new, |key| format!("; {key} lists the keys"));
        self.message = Some(format!("{keys} does nothing here{help}"));
    }

    /// What the screen in sight has to work out, a slice at a time: before a frame, and while there is nothing better to do. Says
    /// whether there is more.
    pub fn work(&mut self, bytes: usize) -> bool {
        let top = self.screens.last_mut().expect("the main screen is never closed");
        top.page_mut().work(&self.world, bytes)
    }

    /// What an effect came to, said where the person looks.
    pub fn say(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    pub fn trouble(&mut self, trouble: &Trouble, now: Timestamp) {
        self.message = Some(trouble.line());
        self.world.notice(Notice::error(now, trouble));
    }

    /// Everything that the open screens want to be told.
    pub fn subscriptions(&self) -> Subscriptions {
        let mut wanted = Subscriptions {
            clusters: self.world.wanted_clusters(),
            forwards: self.world.forwards_wanted.clone(),
            backups: self.world.reading(false),
            ..Subscriptions::default()
        };
        for (depth, screen) in self.screens.iter().enumerate() {
            screen.page().subscribe(&self.world, depth + 1 == self.screens.len(), &mut wanted);
        }
        if !self.world.settings.measure {
            wanted.samples.clear();
        }
        wanted
    }

    /// Whether an action would do something here and now, or why not: for the palette, the hints and the keys alike.
    pub fn may(&self, action: Action) -> Result<(), String> {
        meaning::may(self, action)
    }

    /// Every open screen is told of an answer: one below the top may wait for it too.
    fn answered(&mut self, question: &Question) {
        for screen in &mut self.screens {
            screen.page_mut().answered(question, &self.world);
        }
    }

    /// As `may`, and whether there would be a plan for it: for the palette, which tells the reason beside the name.
    pub fn would(&self, action: Action) -> Result<(), String> {
        self.may(action).and_then(|()| changes::would(self, action))
    }

    fn follow(&mut self, reply: Reply, action: Action) -> Vec<Effect> {
        let mut effects = reply.effects;
        if effects.iter().any(|effect| matches!(effect, Effect::Begin(_))) {
            // What was written down is being carried out: it is not to be gone on with.
            self.screens.retain(|screen| !matches!(screen, Screen::Rollout(_)));
            self.draft = None;
        }
        match reply.go {
            Go::Stay => {}
            Go::Pass => effects.extend(meaning::of(self, action)),
            Go::Open(screen) => self.screens.push(screen),
            Go::Become(screen) => {
                self.close();
                self.screens.push(screen);
            }
            Go::Back => self.close(),
            Go::Plan(wanted) => changes::open(self, wanted),
            Go::CloseForward(local) => self.world.close_forward(local),
            Go::Refuse(why) => self.message = Some(why),
        }
        effects
    }

    /// Closes the screen in sight, unless it is the main one.
    fn close(&mut self) {
        if self.screens.len() > 1
            && let Some(Screen::Rollout(form)) = self.screens.pop()
        {
            self.draft = Some(form);
        }
    }

    fn act_on_overlay(&mut self, overlay: Overlay, action: Action) -> Vec<Effect> {
        match overlay.act(action, &self.world) {
            overlay::Answer::Stay(overlay) => {
                self.overlay = Some(overlay);
                Vec::new()
            }
            overlay::Answer::Close => Vec::new(),
            overlay::Answer::Act(action) => self.act(action, self.world.now),
            overlay::Answer::Do(effects) => effects,
            overlay::Answer::Plan(wanted) => {
                changes::open(self, wanted);
                Vec::new()
            }
            overlay::Answer::Listen(local, forward) => {
                self.message = Some(self.world.listen(local, forward));
                Vec::new()
            }
        }
    }
}

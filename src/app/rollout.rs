//! A new release, written down field by field before it is planned. What is in the form is kept when it is left.

use std::sync::Arc;

use tui_input::InputRequest;

use crate::{
    action::{Action, Place},
    app::{Go, Page, Reply, Subject, World, plan::Wanted, scroll::Scroll},
    domain::{Means, Pace, Running, ServiceId, Trouble, text},
    message::{Question, Subscriptions},
    plan::{Target, Verb},
};

pub mod field;
mod read;
#[cfg(test)]
mod tests;

pub use field::{Field, Value, What};

/// Fields that a page up or down goes past.
const PAGE: usize = 5;

#[derive(Debug)]
pub struct RolloutForm {
    pub service: ServiceId,
    /// All of them, whatever the strategy; none before it is known what runs.
    fields: Vec<Field>,
    focus: usize,
    /// What runs now, as it was told last.
    containers: Vec<Running>,
    pace: Option<Pace>,
    scroll: Scroll,
}

impl RolloutForm {
    pub fn of(service: ServiceId, world: &World) -> Self {
        let mut form = Self {
            service,
            fields: Vec::new(),
            focus: 0,
            containers: Vec::new(),
            pace: None,
            scroll: Scroll::default(),
        };
        form.fill(world);
        form
    }

    /// Those that say something of the chosen strategy, each with whether keys go into it.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, bool)> {
        self.visible().into_iter().map(|place| (&self.fields[place], place == self.focus))
    }

    pub fn focused(&self) -> Option<&Field> {
        self.fields.get(self.focus)
    }

    pub fn pace(&self) -> Option<Pace> {
        self.pace
    }

    pub fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    /// Why it cannot be known what runs.
    pub fn refused<'a>(&self, world: &'a World) -> Option<&'a Trouble> {
        world.answers.get(&Question::Means(self.service.clone()))?.as_ref().err()
    }

    fn visible(&self) -> Vec<usize> {
        let strategy = self.strategy();
        (0..self.fields.len()).filter(|&place| self.fields[place].is_for(strategy)).collect()
    }

    fn strategy(&self) -> &str {
        self.fields.iter().find(|field| field.what == What::Strategy).map_or(field::STRATEGIES[0], Field::says)
    }

    /// From what runs now. What a person typed stays, unless it was about containers that are no more.
    pub fn fill(&mut self, world: &World) {
        let Some(means) = world.inventory.means(&self.service) else { return };
        let means: &Means = means;
        let names = |containers: &[Running]| -> Vec<Arc<str>> {
            containers.iter().map(|running| running.name.clone()).collect()
        };
        let images = means.containers.iter().map(|running| Field::image(running.name.clone(), &running.image));
        if self.fields.is_empty() || names(&self.containers) != names(&means.containers) {
            self.fields = images.chain(field::usual()).collect();
            self.focus = 0;
        } else {
            // What nobody touched is what runs now, which may be another image than when the form was opened.
            for image in images {
                let same = self.fields.iter_mut().find(|field| field.what == image.what);
                if let Some(field) = same.filter(|field| field.is_untouched()) {
                    *field = image;
                }
            }
        }
        self.containers.clone_from(&means.containers);
        self.pace = means.pace;
    }

    fn go(&mut self, steps: isize) {
        let visible = self.visible();
        let place = visible.iter().position(|&place| place == self.focus).unwrap_or(0);
        let last = visible.len().saturating_sub(1);
        self.focus = visible.get(place.saturating_add_signed(steps).min(last)).copied().unwrap_or(0);
    }

    /// As `go`, and from the last to the first.
    fn tab(&mut self, steps: isize) {
        let before = self.focus;
        self.go(steps);
        if self.focus == before {
            self.focus = 0;
            if steps < 0 {
                self.go(isize::MAX);
            }
        }
    }

    /// Below the last of what can be said more than once waits an empty one.
    fn add_empty(&mut self) {
        let Some(field) = self.fields.get(self.focus) else { return };
        let is_last = self.fields.get(self.focus + 1).is_none_or(|next| next.what != field.what);
        if field.is_repeated() && is_last && !field.says().is_empty() {
            let empty = Field::text(field.what.clone(), "");
            self.fields.insert(self.focus + 1, empty);
        }
    }

    fn plan(&mut self) -> Reply {
        if self.fields.is_empty() {
            return Reply::refuse("it is not known yet what runs");
        }
        let Some(wish) = read::read(&mut self.fields, &self.containers, self.pace) else {
            let wrong = self.visible().into_iter().find(|&place| self.fields[place].error.is_some());
            self.focus = wrong.unwrap_or(self.focus);
            return Reply::stay();
        };
        let reason = self.fields.iter().find(|field| field.what == What::Reason).map_or("", Field::says);
        let why = (!reason.is_empty()).then(|| text::clean(reason).into());
        let target = Target::Service(self.service.clone());
        Go::Plan(Wanted { why, ..Wanted::of(Verb::RollOut(Box::new(wish)), target) }).into()
    }
}

impl Page for RolloutForm {
    fn place(&self) -> Place {
        Place::Rollout
    }

    fn act(&mut self, action: Action, _world: &World) -> Reply {
        match action {
            Action::Open => return self.plan(),
            Action::Down => self.go(1),
            Action::Up => self.go(-1),
            Action::PageDown => self.go(PAGE as isize),
            Action::PageUp => self.go(-(PAGE as isize)),
            Action::NextPane => self.tab(1),
            Action::PreviousPane => self.tab(-1),
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Service(self.service.clone()))
    }

    fn subscribe(&self, world: &World, _is_top: bool, wanted: &mut Subscriptions) {
        world.ask_rights(&self.service, wanted);
        world.ask_means(&self.service, wanted);
    }

    fn answered(&mut self, question: &Question, world: &World) {
        if matches!(question, Question::Means(service) if *service == self.service) {
            self.fill(world);
        }
    }

    fn is_typing(&self) -> bool {
        !self.fields.is_empty()
    }

    fn edit(&mut self, request: InputRequest, _world: &World) {
        if let Some(field) = self.fields.get_mut(self.focus) {
            field.edit(request);
            self.add_empty();
        }
    }

    fn click(&mut self, _pane: usize, row: usize, _world: &World) {
        self.focus = self.visible().get(row).copied().unwrap_or(self.focus);
    }
}

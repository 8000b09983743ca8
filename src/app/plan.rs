//! A plan, before somebody says yes. Saying yes takes a key pressed after the plan was painted; on a protected cluster the service's name
//! too; and a world in which the plan would still read the same.

use std::{cell::Cell, time::Duration};

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Screen, Subject, World, operation::OperationScreen, prompt::Prompt, screen::Go, scroll::Scroll,
    },
    domain::{OperationState, Verdict, text},
    message::{Effect, Subscriptions},
    plan::{self, Plan, Refusal, Request},
};

#[cfg(test)]
mod tests;

#[derive(Debug)]
pub struct PlanScreen {
    plan: Plan,
    /// What changed since the plan was first made: it was made anew, and has to be read again.
    moved: Option<String>,
    asking: Option<Asking>,
    scroll: Scroll,
    /// Set by the picture when it shows this very plan. Keys from before that were meant for something else.
    painted: Cell<bool>,
}

/// What has to be typed before the plan is carried out.
#[derive(Debug)]
enum Asking {
    Reason(Prompt),
    Name(Prompt),
}

impl PlanScreen {
    pub fn new(plan: Plan, _world: &World) -> Self {
        Self { plan, moved: None, asking: None, scroll: Scroll::default(), painted: Cell::new(false) }
    }

    /// Plans what was asked for, or says why not: what `Action::Restart` and its like open.
    pub fn of(request: &Request, world: &World) -> Result<Self, Refusal> {
        plan::make(&world.inventory, request).map(|plan| Self::new(plan, world))
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn moved(&self) -> Option<&str> {
        self.moved.as_deref()
    }

    /// The picture shows the plan as it is now.
    pub fn was_painted(&self) {
        self.painted.set(true);
    }

    pub fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    /// How long the same took before: the median of what went well.
    pub fn took_before(&self, world: &World) -> Option<(Duration, usize)> {
        let mut took: Vec<Duration> = world
            .operations
            .values()
            .filter(|operation| operation.title == self.plan.title && operation.service == self.plan.service)
            .filter(|operation| matches!(operation.state, OperationState::Ended(Verdict::Done { .. })))
            .filter_map(|operation| operation.ended?.duration_since(operation.began).try_into().ok())
            .collect();
        took.sort();
        Some((*took.get(took.len() / 2)?, took.len()))
    }

    pub fn is_protected(&self, world: &World) -> bool {
        world.inventory.cluster(&self.plan.service.cluster).is_some_and(|cluster| cluster.protected)
    }

    fn confirm(&mut self, world: &World) -> Reply {
        if !self.painted.get() {
            return Reply::refuse("this plan was not on the screen yet: read it, then confirm");
        }
        if let Some(other) = world.operation_on(&self.plan.service).filter(|other| other.is_running()) {
            return Reply::refuse(format!("{} by {} runs on it: wait for it, or stop it", other.title, other.who));
        }
        if world.settings.ask_reason && self.plan.request.why.is_none() {
            self.asking = Some(Asking::Reason(Prompt::new("reason or ticket: ", "")));
            return Reply::stay();
        }
        if self.is_protected(world) {
            self.asking = Some(Asking::Name(Prompt::new("type the service's name: ", "")));
            return Reply::stay();
        }
        self.carry_out(world)
    }

    /// Enter, in one of the prompts.
    fn answer(&mut self, world: &World) -> Reply {
        match &mut self.asking {
            Some(Asking::Reason(prompt)) => {
                let typed = text::clean(prompt.text().trim()).into_owned();
                if typed.is_empty() {
                    prompt.error = Some("it is written to the journal, and must not be empty".into());
                    return Reply::stay();
                }
                self.plan.request.why = Some(typed.into());
                self.asking = None;
                self.confirm(world)
            }
            Some(Asking::Name(prompt)) if prompt.text().trim() != &*self.plan.service.name => {
                prompt.error = Some(format!("not '{}'", self.plan.service.name));
                Reply::stay()
            }
            Some(Asking::Name(_)) => {
                self.asking = None;
                self.carry_out(world)
            }
            None => Reply::stay(),
        }
    }

    fn carry_out(&mut self, world: &World) -> Reply {
        let today = match plan::make(&world.inventory, &self.plan.request) {
            Ok(plan) => plan,
            Err(refusal) => return Reply::refuse(format!("the world has moved: {}", refusal.why)),
        };
        if !today.reads_as(&self.plan) {
            let moved = self.plan.has_moved(&world.inventory);
            self.moved = Some(moved.unwrap_or_else(|| "what it depends on has changed".into()));
            self.plan = today;
            self.painted.set(false);
            self.scroll.to_top();
            return Reply::refuse("the world has moved: read the plan again");
        }
        let screen = OperationScreen::begun(&today, world);
        Reply { effects: vec![Effect::Begin(Box::new(today))], go: Go::Become(Screen::Operation(screen)) }
    }
}

impl Page for PlanScreen {
    fn place(&self) -> Place {
        Place::Plan
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::Open if self.asking.is_some() => self.answer(world),
            Action::Back if self.asking.is_some() => {
                self.asking = None;
                Reply::stay()
            }
            Action::Confirm => self.confirm(world),
            Action::Open => Reply::refuse("Enter does not confirm a plan"),
            _ if self.scroll.act(action) => Reply::stay(),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Service(self.plan.service.clone()))
    }

    /// What is planned may not be allowed any more when it is confirmed.
    fn subscribe(&self, world: &World, _is_top: bool, wanted: &mut Subscriptions) {
        world.ask_rights(&self.plan.service, wanted);
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.asking.as_ref().map(|(Asking::Reason(prompt) | Asking::Name(prompt))| prompt)
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.asking.as_mut().map(|(Asking::Reason(prompt) | Asking::Name(prompt))| prompt)
    }
}

//! One operation, while it runs and after, until it was read.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Subject, World,
        logs::{LogView, Target},
        scroll::Scroll,
    },
    domain::{Operation, OperationId, OperationState, PersonWord, ServiceId},
    message::{Effect, Subscriptions},
    plan::Plan,
};

#[derive(Debug)]
pub struct OperationScreen {
    which: Which,
    service: ServiceId,
    title: Arc<str>,
    scroll: Scroll,
    /// The step in hand stays in sight, until a person looks elsewhere.
    follows: bool,
}

#[derive(Debug)]
enum Which {
    Known(OperationId),
    /// Just confirmed: it gets its id when it is written down, so until then it is known by who began it, and when.
    Begun {
        at: Timestamp,
        who: Arc<str>,
    },
}

impl OperationScreen {
    pub fn new(operation: &Operation) -> Self {
        Self {
            which: Which::Known(operation.id.clone()),
            service: operation.service.clone(),
            title: operation.title.clone(),
            scroll: Scroll::default(),
            follows: true,
        }
    }

    /// Of a plan that is being begun now.
    pub fn begun(plan: &Plan, world: &World) -> Self {
        Self {
            which: Which::Begun { at: world.now, who: world.settings.who.clone() },
            service: plan.service.clone(),
            title: plan.title.clone(),
            scroll: Scroll::default(),
            follows: true,
        }
    }

    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    pub fn follows(&self) -> bool {
        self.follows
    }

    /// `None` for the moment between the yes and the first word of it.
    pub fn operation<'a>(&self, world: &'a World) -> Option<&'a Operation> {
        match &self.which {
            Which::Known(id) => world.operations.get(id),
            Which::Begun { at, who } => world.operations.values().rev().find(|operation| {
                operation.service == self.service
                    && operation.title == self.title
                    && operation.who == *who
                    && operation.began >= *at
            }),
        }
    }

    /// What a person may want of it as it stands, or why not.
    pub fn may(&self, action: Action, world: &World) -> Result<(), &'static str> {
        let Some(operation) = self.operation(world) else { return Err("it is only just being begun") };
        match (&operation.state, action) {
            (OperationState::Running | OperationState::Held { .. }, Action::StopAndUndo)
            | (OperationState::Running, Action::Wait)
            | (OperationState::Held { .. }, Action::GoOn | Action::Again) => Ok(()),
            (OperationState::Held { .. }, Action::Wait) => Err("it waits already"),
            (OperationState::Interrupted, Action::Resume | Action::Undo | Action::Leave) => Ok(()),
            (OperationState::Running, _) => Err("it runs"),
            (OperationState::Held { .. }, _) => Err("it waits for a word: go on, try again, or stop and undo"),
            (OperationState::Undoing, _) => Err("it takes back already what was done"),
            (OperationState::Interrupted, _) => Err("it does not run: resume it, undo it or leave it"),
            (OperationState::Ended(_), _) => Err("it is over"),
        }
    }

    fn tell(&self, action: Action, world: &World, word: PersonWord) -> Reply {
        self.wish(action, world, |id| Effect::Tell(id, word))
    }

    fn wish(&self, action: Action, world: &World, effect: impl Fn(OperationId) -> Effect) -> Reply {
        match (self.may(action, world), self.operation(world)) {
            (Ok(()), Some(operation)) => Reply::stay().with(effect(operation.id.clone())),
            (Ok(()), None) => Reply::stay(),
            (Err(why), _) => Reply::refuse(why),
        }
    }
}

impl Page for OperationScreen {
    fn place(&self) -> Place {
        Place::Operation
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::StopAndUndo => self.wish(action, world, Effect::StopAndUndo),
            Action::GoOn => self.tell(action, world, PersonWord::GoOn),
            Action::Again => self.tell(action, world, PersonWord::Again),
            Action::Wait => self.tell(action, world, PersonWord::Wait),
            Action::Resume => self.wish(action, world, Effect::Resume),
            Action::Undo => self.wish(action, world, Effect::Undo),
            Action::Leave => self.wish(action, world, Effect::Leave),
            _ if self.scroll.act(action) => {
                self.follows = action == Action::Last;
                Reply::stay()
            }
            _ => Reply::pass(),
        }
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Service(self.service.clone()))
    }

    /// The service's logs, for the picture beside the steps.
    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if !is_top {
            return;
        }
        LogView::preview(Target::Service(self.service.clone())).subscribe(world, wanted);
    }
}

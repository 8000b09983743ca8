//! One operation, while it runs and after, until it was read.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Subject, World,
        logs::{LogView, Target},
        prompt::Prompt,
        scroll::Scroll,
    },
    domain::{Operation, OperationId, OperationState, PersonWord, ServiceId, StepReport},
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
    asking: Option<Asking>,
}

/// What is wanted of an operation that was cut off, until a person has typed that they mean it.
#[derive(Debug)]
struct Asking {
    word: Action,
    /// `y`, or the service's name where its cluster is protected.
    takes: Arc<str>,
    prompt: Prompt,
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
            asking: None,
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
            asking: None,
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

    /// The steps that a person is asked to confirm the taking back by.
    pub fn asked<'a>(&self, operation: &'a Operation) -> &'a [StepReport] {
        let asks = self.asking.as_ref().is_some_and(|asking| asking.word == Action::Undo);
        if asks { &operation.way_back } else { &[] }
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
    pub fn may(&self, action: Action, world: &World) -> Result<(), String> {
        let Some(operation) = self.operation(world) else { return Err("it is only just being begun".into()) };
        let way_back = || operation.no_way_back.as_ref().map_or(Ok(()), |why| Err(why.to_string()));
        let why = match (&operation.state, action) {
            (OperationState::Running | OperationState::Held { .. }, Action::StopAndUndo) => return way_back(),
            (OperationState::Running, Action::Wait)
            | (OperationState::Held { .. }, Action::GoOn | Action::Again)
            | (OperationState::Interrupted, Action::Leave) => return Ok(()),
            (OperationState::Interrupted, Action::Resume | Action::Undo) => match world.overtaken_by(operation) {
                Some(later) => return Err(format!("{}: leave this one, and plan anew", later.says())),
                None if action == Action::Undo => return way_back(),
                None => return Ok(()),
            },
            (OperationState::Held { .. }, Action::Wait) => "it waits already",
            (OperationState::Running, _) => "it runs",
            (OperationState::Held { .. }, _) => "it waits for a word: go on, try again, or stop and undo",
            (OperationState::Undoing, _) => "it takes back already what was done",
            (OperationState::Interrupted, _) => "it does not run: resume it, undo it or leave it",
            (OperationState::Ended(_), _) => "it is over",
        };
        Err(why.into())
    }

    /// It changes the service as a plan does, and takes what a plan takes.
    fn ask(&mut self, word: Action, world: &World) -> Reply {
        if let Err(why) = self.may(word, world) {
            return Reply::refuse(why);
        }
        let cluster = world.inventory.cluster(&self.service.cluster);
        let is_protected = cluster.is_some_and(|cluster| cluster.protected);
        let title = match (is_protected, word == Action::Undo) {
            (true, true) => "type the service's name to take it back: ",
            (true, false) => "type the service's name to go on: ",
            (false, true) => "take back what it did? type y: ",
            (false, false) => "go on with it? type y: ",
        };
        let takes = if is_protected { self.service.name.clone() } else { "y".into() };
        self.asking = Some(Asking { word, takes, prompt: Prompt::new(title, "") });
        Reply::stay()
    }

    /// Enter, behind what was typed.
    fn answer(&mut self, world: &World) -> Reply {
        let Some(Asking { word, takes, prompt }) = &mut self.asking else { return Reply::stay() };
        if prompt.text().trim() != &**takes {
            prompt.error = Some(format!("not '{takes}'"));
            return Reply::stay();
        }
        let word = *word;
        self.asking = None;
        self.wish(word, world, if word == Action::Undo { Effect::Undo } else { Effect::Resume })
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
            Action::Open if self.asking.is_some() => self.answer(world),
            Action::Back if self.asking.is_some() => {
                self.asking = None;
                Reply::stay()
            }
            Action::StopAndUndo => self.wish(action, world, Effect::StopAndUndo),
            Action::GoOn => self.tell(action, world, PersonWord::GoOn),
            Action::Again => self.tell(action, world, PersonWord::Again),
            Action::Wait => self.tell(action, world, PersonWord::Wait),
            Action::Resume | Action::Undo => self.ask(action, world),
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
    fn prompt(&self) -> Option<&Prompt> {
        self.asking.as_ref().map(|asking| &asking.prompt)
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.asking.as_mut().map(|asking| &mut asking.prompt)
    }
}

//! The stack of screens: what is open is a list of values, and what is wanted of the outside is computed from them.

use crate::{
    action::{Action, Place},
    app::{
        backups::screen::BackupsScreen,
        configuration::Configuration,
        events::Events,
        forwards::Forwards,
        help::Help,
        instances::Instances,
        logs::Logs,
        main_screen::Main,
        metrics::Metrics,
        nodes::Nodes,
        notices::Notices,
        operation::OperationScreen,
        operations::Operations,
        plan::{PlanScreen, Wanted},
        prompt::Prompt,
        release::ReleaseScreen,
        rollout::RolloutForm,
        world::World,
    },
    domain::{ClusterName, InstanceId, ServiceId},
    message::{Effect, Question, Subscriptions},
};
use tui_input::InputRequest;

#[derive(Debug)]
pub enum Screen {
    Main(Box<Main>),
    Logs(Box<Logs>),
    Metrics(Metrics),
    Instances(Instances),
    Nodes(Nodes),
    Forwards(Forwards),
    Backups(BackupsScreen),
    Events(Events),
    Configuration(Configuration),
    Release(Box<ReleaseScreen>),
    Rollout(Box<RolloutForm>),
    Plan(Box<PlanScreen>),
    Operation(OperationScreen),
    Operations(Operations),
    Notices(Notices),
    Help(Help),
}

/// What an action on this screen would be about. Captured at the key press: a list that moves later changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Cluster(ClusterName),
    Service(ServiceId),
    Instance(InstanceId),
}

/// What a screen makes of an action.
#[derive(Debug)]
pub struct Reply {
    pub effects: Vec<Effect>,
    pub go: Go,
}

#[derive(Debug)]
pub enum Go {
    Stay,
    /// Not this screen's to answer: the app has a meaning for it, or says that there is none here.
    Pass,
    Open(Screen),
    /// Instead of this screen.
    Become(Screen),
    Back,
    /// Plans this, and shows the plan.
    Plan(Wanted),
    /// Gives a port of this machine back that went to a service.
    CloseForward(u16),
    /// Not now, and why: shown in the last line until the next key.
    Refuse(String),
}

impl Reply {
    pub fn stay() -> Self {
        Go::Stay.into()
    }

    pub fn pass() -> Self {
        Go::Pass.into()
    }

    pub fn refuse(why: impl Into<String>) -> Self {
        Go::Refuse(why.into()).into()
    }

    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

impl From<Go> for Reply {
    fn from(go: Go) -> Self {
        Self { effects: Vec::new(), go }
    }
}

/// How soon what changed outside should be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// Not on this screen.
    Never,
    /// With the next beat: numbers and previews move once a second, and all together.
    Calm,
    /// Within 33 ms.
    Soon,
}

/// What every screen answers. Each has its twin in `ui`, which paints it.
pub trait Page {
    fn place(&self) -> Place;

    fn act(&mut self, action: Action, world: &World) -> Reply;

    fn subject(&self, world: &World) -> Option<Subject>;

    /// What it wants to be told as long as it is open. Asked of every open screen, also those below the top one.
    fn subscribe(&self, _world: &World, _is_top: bool, _wanted: &mut Subscriptions) {}

    /// An answer came, or another one, or the word that there will be none.
    fn answered(&mut self, _question: &Question, _world: &World) {}

    /// The line at the bottom that is typed into.
    fn prompt(&self) -> Option<&Prompt> {
        None
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        None
    }

    /// Keys are text now.
    fn is_typing(&self) -> bool {
        self.prompt().is_some()
    }

    fn edit(&mut self, request: InputRequest, world: &World) {
        if let Some(prompt) = self.prompt_mut() {
            prompt.edit(request);
            self.typed(world);
        }
    }

    /// What is in the prompt has changed.
    fn typed(&mut self, _world: &World) {}

    /// A row was clicked; `pane` is the screen's own numbering, as its twin gave it to the hits.
    fn click(&mut self, _pane: usize, _row: usize, _world: &World) {}

    /// How soon a change of an instance of a service should be seen here; `None` where it is not known whose it was.
    fn instances_due(&self, _service: Option<&ServiceId>) -> Due {
        Due::Soon
    }

    /// How soon new log lines should be seen here.
    fn logs_due(&self) -> Due {
        Due::Never
    }

    /// Does some of what it has to work out (a filter over many lines), and says whether there is more. Called before a frame, and
    /// again while there is nothing better to do; `bytes` of text is about a slice.
    fn work(&mut self, _world: &World, _bytes: usize) -> bool {
        false
    }

    /// The wheel over it, `lines` down (negative: up).
    fn scroll(&mut self, lines: i32, world: &World) {
        let action = if lines < 0 { Action::Up } else { Action::Down };
        for _ in 0..lines.unsigned_abs() {
            let _ = self.act(action, world);
        }
    }
}

impl Screen {
    pub fn page(&self) -> &dyn Page {
        match self {
            Self::Main(page) => &**page,
            Self::Logs(page) => &**page,
            Self::Metrics(page) => page,
            Self::Instances(page) => page,
            Self::Nodes(page) => page,
            Self::Forwards(page) => page,
            Self::Backups(page) => page,
            Self::Events(page) => page,
            Self::Configuration(page) => page,
            Self::Release(page) => &**page,
            Self::Rollout(page) => &**page,
            Self::Plan(page) => &**page,
            Self::Operation(page) => page,
            Self::Operations(page) => page,
            Self::Notices(page) => page,
            Self::Help(page) => page,
        }
    }

    pub fn page_mut(&mut self) -> &mut dyn Page {
        match self {
            Self::Main(page) => &mut **page,
            Self::Logs(page) => &mut **page,
            Self::Metrics(page) => page,
            Self::Instances(page) => page,
            Self::Nodes(page) => page,
            Self::Forwards(page) => page,
            Self::Backups(page) => page,
            Self::Events(page) => page,
            Self::Configuration(page) => page,
            Self::Release(page) => &mut **page,
            Self::Rollout(page) => &mut **page,
            Self::Plan(page) => &mut **page,
            Self::Operation(page) => page,
            Self::Operations(page) => page,
            Self::Notices(page) => page,
            Self::Help(page) => page,
        }
    }
}

impl Subject {
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Cluster(cluster) => cluster,
            Self::Service(service) => &service.cluster,
            Self::Instance(instance) => &instance.cluster,
        }
    }
}

//! A plan, before somebody says yes. Saying yes takes a key pressed after the plan was painted; on a protected cluster the service's name
//! too; and a world in which the plan would still read the same.

use std::{cell::Cell, time::Duration};

use crate::{
    action::{Action, Place},
    app::{
        Page, Reply, Screen, Subject, World, operation::OperationScreen, prompt::Prompt, screen::Go, scroll::Scroll,
    },
    domain::{Lease, OperationState, Release, ServiceId, Verdict, release, text},
    message::{Effect, Question, Refresh, Subscriptions},
    plan::{self, Plan, Refusal, Target, Verb},
};

#[cfg(test)]
mod tests;
mod wanted;

pub use wanted::{Wanted, Wish};

/// How often it is asked whether another person still works on the service.
const LEASE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct PlanScreen {
    wanted: Wanted,
    service: ServiceId,
    made: Made,
    /// It was made before the engine told what more there is to know of the service, and is made anew when that comes.
    is_early: bool,
    /// What changed since the plan was first made: it was made anew, and has to be read again.
    moved: Option<String>,
    asking: Option<Asking>,
    scroll: Scroll,
    /// Set by the picture when it shows this very plan. Keys from before that were meant for something else.
    painted: Cell<bool>,
}

#[derive(Debug)]
pub enum Made {
    /// The engine is being asked how it could be done.
    Asked,
    Planned(Box<Plan>),
    Refused(Refusal),
}

/// What has to be typed before the plan is carried out.
#[derive(Debug)]
enum Asking {
    Reason(Prompt),
    Name(Prompt),
}

impl PlanScreen {
    pub fn new(plan: Plan) -> Self {
        let request = &plan.request;
        let wish = Wish::Verb(request.verb.clone());
        let take_over = request.take_over;
        let wanted = Wanted { wish, target: request.target.clone(), why: request.why.clone(), take_over };
        let service = plan.service.clone();
        Self { is_early: true, ..Self::made(wanted, service, Made::Planned(Box::new(plan))) }
    }

    /// What an action that changes something opens. What is refused without asking anybody opens no screen; what has to be asked for
    /// opens one that waits.
    pub fn open(wanted: Wanted, world: &World) -> Result<Self, Refusal> {
        match &wanted.target {
            Target::Service(service) if wanted.needs_means() => {
                let service = service.clone();
                let mut screen = Self::made(wanted, service, Made::Asked);
                screen.make(world);
                Ok(screen)
            }
            Target::Service(_) | Target::Instance(_) => {
                plan::make(&world.inventory, &wanted.request(None, world.settings.keep_releases)?).map(Self::new)
            }
        }
    }

    fn made(wanted: Wanted, service: ServiceId, made: Made) -> Self {
        Self {
            wanted,
            service,
            made,
            is_early: false,
            moved: None,
            asking: None,
            scroll: Scroll::default(),
            painted: Cell::new(false),
        }
    }

    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    pub fn state(&self) -> &Made {
        &self.made
    }

    /// `None` while it is being asked for, and where it was refused.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.made {
            Made::Planned(plan) => Some(plan),
            Made::Asked | Made::Refused(_) => None,
        }
    }

    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// "roll back shop/web"
    pub fn title(&self) -> String {
        match &self.made {
            Made::Planned(plan) => plan.title.to_string(),
            Made::Asked | Made::Refused(_) => {
                format!("{} {}/{}", self.wanted.word(), self.service.scope, self.service.name)
            }
        }
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
        let title = &self.plan()?.title;
        let mut took: Vec<Duration> = world
            .operations
            .values()
            .filter(|operation| operation.title == *title && operation.service == self.service)
            .filter(|operation| matches!(operation.state, OperationState::Ended(Verdict::Done { .. })))
            .filter_map(|operation| operation.ended?.duration_since(operation.began).try_into().ok())
            .collect();
        took.sort();
        Some((*took.get(took.len() / 2)?, took.len()))
    }

    pub fn is_protected(&self, world: &World) -> bool {
        world.inventory.cluster(&self.service.cluster).is_some_and(|cluster| cluster.protected)
    }

    /// Whoever else works on the service, as far as the engine tells.
    pub fn held_by<'a>(&self, world: &'a World) -> Option<&'a Lease> {
        let lease = world.inventory.means(&self.service)?.lease.as_ref().filter(|_| !self.wanted.is_word())?;
        // A plan that needs them is as old as they are; any other may find what was asked for something else, a while ago.
        (self.wanted.needs_means() || lease.until > world.now).then_some(lease)
    }

    /// The release that is gone back to, and whether it is the one that was suggested.
    pub fn back_to<'a>(&self, world: &'a World) -> Option<(&'a Release, bool)> {
        let Verb::RollBack(target) = &self.plan()?.request.verb else { return None };
        let releases = &world.inventory.means(&self.service)?.releases;
        let is_it = |release: &&Release| release.id == target.id && release.source == target.source;
        let release = releases.iter().find(is_it)?;
        Some((release, release::suggested(releases).is_some_and(|suggested| is_it(&suggested))))
    }

    /// Plans it by what is known now.
    fn make(&mut self, world: &World) {
        let made = self.today(world);
        self.show(made);
    }

    fn show(&mut self, made: Made) {
        self.made = made;
        self.painted.set(false);
        self.scroll.to_top();
    }

    fn today(&self, world: &World) -> Made {
        let means = world.inventory.means(&self.service);
        match (world.answers.get(&Question::Means(self.service.clone())), means) {
            (Some(Err(trouble)), _) => {
                let refusal = Refusal::new(trouble.line());
                Made::Refused(match &trouble.help {
                    Some(help) => refusal.help(help.clone()),
                    None => refusal,
                })
            }
            (_, None) => Made::Asked,
            (_, Some(means)) => {
                let request = self.wanted.request(Some(means), world.settings.keep_releases);
                let made = request.and_then(|request| plan::make(&world.inventory, &request));
                match made {
                    Ok(plan) => Made::Planned(Box::new(plan)),
                    Err(refusal) => Made::Refused(refusal),
                }
            }
        }
    }

    fn confirmable(&self) -> Result<&Plan, String> {
        match &self.made {
            Made::Planned(plan) => Ok(plan),
            Made::Asked => Err("there is no plan yet: the engine is still being asked".into()),
            Made::Refused(refusal) => Err(refusal.why.to_string()),
        }
    }

    /// What a person may want of it as it stands, or why not.
    pub fn may(&self, action: Action, world: &World) -> Result<(), String> {
        match action {
            Action::Confirm => self.confirmable().map(|_| ()),
            Action::TakeOver if self.wanted.take_over => Err("it takes over already: read it, then confirm".into()),
            Action::TakeOver if self.held_by(world).is_none() => {
                Err("nobody else works on it: there is nothing to take over".into())
            }
            _ => Ok(()),
        }
    }

    fn confirm(&mut self, world: &World) -> Reply {
        let plan = match self.confirmable() {
            Ok(plan) => plan,
            Err(why) => return Reply::refuse(why),
        };
        if !self.painted.get() {
            return Reply::refuse("this plan was not on the screen yet: read it, then confirm");
        }
        let running = world.operation_on(&self.service).filter(|other| other.is_running() && !self.wanted.is_word());
        if let Some(other) = running {
            return Reply::refuse(format!("{} by {} runs on it: wait for it, or stop it", other.title, other.who));
        }
        if world.settings.ask_reason && plan.request.why.is_none() {
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
                self.wanted.why = Some(typed.into());
                if let Made::Planned(plan) = &mut self.made {
                    plan.request.why.clone_from(&self.wanted.why);
                }
                self.asking = None;
                self.confirm(world)
            }
            Some(Asking::Name(prompt)) if prompt.text().trim() != &*self.service.name => {
                prompt.error = Some(format!("not '{}'", self.service.name));
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
        let Made::Planned(plan) = &self.made else { return Reply::stay() };
        let today = match plan::make(&world.inventory, &plan.request) {
            Ok(plan) => plan,
            Err(refusal) => return Reply::refuse(format!("the world has moved: {}", refusal.why)),
        };
        if !today.reads_as(plan) {
            let moved = plan.has_moved(&world.inventory);
            self.moved = Some(moved.unwrap_or_else(|| "what it depends on has changed".into()));
            self.show(Made::Planned(Box::new(today)));
            return Reply::refuse("the world has moved: read the plan again");
        }
        let screen = OperationScreen::begun(&today, world);
        Reply { effects: vec![Effect::Begin(Box::new(today))], go: Go::Become(Screen::Operation(screen)) }
    }

    /// In spite of who else works on it. It is planned anew, as they may have changed something, and confirmed like any other.
    fn take_over(&mut self, world: &World) -> Reply {
        if let Err(why) = self.may(Action::TakeOver, world) {
            return Reply::refuse(why);
        }
        self.wanted.take_over = true;
        self.make(world);
        Reply::stay()
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
            Action::TakeOver => self.take_over(world),
            Action::Open => Reply::refuse("Enter does not confirm a plan"),
            _ if self.scroll.act(action) => Reply::stay(),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        Some(Subject::Service(self.service.clone()))
    }

    /// What is planned may not be allowed any more when it is confirmed.
    fn subscribe(&self, world: &World, _is_top: bool, wanted: &mut Subscriptions) {
        world.ask_rights(&self.service, wanted);
        // Also for whom somebody else's lease would be no reason to plan otherwise: it is one to be refused.
        if self.service.is_service() {
            world.ask_means(&self.service, wanted);
        }
        if self.held_by(world).is_some() {
            wanted.answers.insert(Question::Means(self.service.clone()), Refresh::Every(LEASE_EVERY));
        }
    }

    /// A plan that stands is not pulled away from under whoever reads it: what changed since is told when it is confirmed. One that was
    /// made in the very moment when the engine was asked becomes what it says, if that makes a difference.
    fn answered(&mut self, question: &Question, world: &World) {
        if !matches!(question, Question::Means(service) if *service == self.service) {
            return;
        }
        let is_first = std::mem::take(&mut self.is_early);
        match self.plan() {
            None => self.make(world),
            // Where it cannot be told, what is watched is enough for it.
            Some(plan) if is_first && self.asking.is_none() && !matches!(world.answers.get(question), Some(Err(_))) => {
                match self.today(world) {
                    Made::Asked => {}
                    Made::Planned(today) if today.reads_as(plan) => {}
                    made => self.show(made),
                }
            }
            Some(_) => {}
        }
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.asking.as_ref().map(|(Asking::Reason(prompt) | Asking::Name(prompt))| prompt)
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.asking.as_mut().map(|(Asking::Reason(prompt) | Asking::Name(prompt))| prompt)
    }
}

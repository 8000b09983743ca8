//! The actions that change something: what each asks for, and why one of them cannot be now. None does more than open a plan.

use crate::{
    action::{Action, Danger, Place},
    app::{
        App, Overlay, Screen, Subject,
        backups::into::RestoreInto,
        plan::{PlanScreen, Wanted, Wish},
        rollout::RolloutForm,
        scale::ScalePrompt,
    },
    domain::{Item, Link, ServiceId},
    message::Question,
    plan::{self, Refusal, Steer, Target, Verb},
};

#[cfg(test)]
mod tests;

/// Opens what `action` needs to be told, or its plan.
pub fn begin(app: &mut App, action: Action) {
    if let Some(Screen::Backups(backups)) = app.screens.last_mut() {
        backups.choose(&app.world);
    }
    let service = super::meaning::service(app);
    match (action, service) {
        (Action::RollOut, Some(service)) => roll_out(app, service),
        (Action::Scale, Some(service)) => {
            app.overlay = Some(Overlay::Scale(Box::new(ScalePrompt::of(service, &app.world))));
        }
        (Action::RestoreInto, _) => restore_into(app),
        _ => match wanted(app, action) {
            Ok(wanted) => open(app, wanted),
            Err(why) => app.say(why),
        },
    }
}

/// What an action asks of what is selected.
fn wanted(app: &App, action: Action) -> Result<Wanted, String> {
    let service = || super::meaning::service(app).ok_or("select a service first");
    if let Screen::Nodes(nodes) = app.top()
        && let Some(wanted) = nodes.wanted(action, &app.world)
    {
        return Ok(wanted);
    }
    if let Screen::Backups(backups) = app.top()
        && let Some(wanted) = backups.wanted(action, &app.world)
    {
        return wanted;
    }
    let verb = match action {
        Action::RollBack => return Wanted::back_to(None, service()?),
        Action::Restart => Verb::Restart,
        Action::Stop => Verb::Stop,
        Action::Start => Verb::Start,
        Action::DeleteInstance => Verb::Delete,
        Action::BackUp => Verb::BackUp(items(app, &service()?)?),
        Action::Pause => Verb::Pause,
        Action::ResumeRollout => Verb::Resume,
        Action::Promote => Verb::Steer(Steer::Promote),
        Action::PromoteFull => Verb::Steer(Steer::PromoteFull),
        Action::Abort => Verb::Steer(Steer::Abort),
        Action::Retry => Verb::Steer(Steer::Retry),
        action => return Err(format!("{} does nothing here", action.name().replace('_', " "))),
    };
    let target = match (&verb, app.subject()) {
        (Verb::Restart | Verb::Stop | Verb::Start | Verb::Delete, Some(Subject::Instance(instance))) => {
            Target::Instance(instance)
        }
        (Verb::Delete, _) => return Err("select one of its instances first".into()),
        (_, _) => Target::Service(service()?),
    };
    Ok(Wanted::of(verb, target))
}

/// Its plan, or, where that has to be asked for first, the screen that waits for it.
pub fn open(app: &mut App, wanted: Wanted) {
    if let (true, Target::Service(service)) = (wanted.needs_means(), &wanted.target) {
        forget_old_means(app, &service.clone());
    }
    match PlanScreen::open(wanted, &app.world) {
        Ok(screen) => app.screens.push(Screen::Plan(Box::new(screen))),
        Err(Refusal { why, help }) => {
            let help = help.map_or_else(String::new, |help| format!(": {help}"));
            app.say(format!("{why}{help}"));
        }
    }
}

/// What of a service is backed up. That it is nothing is for the plan to refuse, which knows what would help.
fn items(app: &App, id: &ServiceId) -> Result<Vec<Item>, String> {
    let backups = app.world.settings.backups.as_ref().ok_or("the config names no repository for backups")?;
    let service = app.world.inventory.service(id).ok_or_else(|| format!("{id} is not there any more"))?;
    backups.items(service).map_err(|why| format!("nothing of {id} is backed up: {why}"))
}

fn restore_into(app: &mut App) {
    let Screen::Backups(screen) = app.top() else { return app.say("only on the screen backups") };
    match screen.meant(&app.world) {
        Ok((protection, snapshot)) => {
            let asked = RestoreInto::new(snapshot, protection.took, &app.world);
            app.overlay = Some(Overlay::RestoreInto(Box::new(asked)));
        }
        Err(why) => app.say(why),
    }
}

fn roll_out(app: &mut App, service: ServiceId) {
    forget_old_means(app, &service);
    let mut form = match app.draft.take_if(|draft| draft.service == service) {
        Some(draft) => draft,
        None => Box::new(RolloutForm::of(service, &app.world)),
    };
    form.fill(&app.world);
    app.screens.push(Screen::Rollout(form));
}

/// What an open screen keeps asking for is as new as can be; anything else was true when somebody last asked.
fn forget_old_means(app: &mut App, service: &ServiceId) {
    let question = Question::Means(service.clone());
    if !app.subscriptions().answers.contains_key(&question) {
        app.world.inventory.forget_means(service);
        app.world.answers.remove(&question);
    }
}

/// Why a plan that needs nobody to be asked would be refused now; `Ok` where there would be one, or where only asking tells.
pub fn would(app: &App, action: Action) -> Result<(), String> {
    let asks_first =
        matches!(action, Action::RollOut | Action::Scale | Action::Confirm | Action::RollBack | Action::RestoreInto);
    if action.danger() == Danger::None || asks_first || action.place() == Place::Operation {
        return Ok(());
    }
    let wanted = wanted(app, action)?;
    let Wish::Verb(_) = &wanted.wish else { return Ok(()) };
    let means = match &wanted.target {
        Target::Service(service) => app.world.inventory.means(service),
        Target::Instance(_) => None,
    };
    if wanted.needs_means() && means.is_none() {
        return Ok(());
    }
    let request = wanted.request(means.map(|means| &**means), app.world.settings.keep_releases);
    let made = request.and_then(|request| plan::make(&app.world.inventory, &request));
    made.map(|_| ()).map_err(|refusal| refusal.why.to_string())
}

/// Refused here for a person's sake; the gate that holds is in the runtime.
pub fn are_allowed(app: &App, action: Action, subject: Option<&Subject>) -> Result<(), String> {
    if app.world.settings.read_only {
        return Err("started read-only: nothing can be changed".into());
    }
    // What was begun while it was armed can be stopped, and told what it waits for, also when it is not any more.
    if !matches!(action, Action::StopAndUndo | Action::Wait | Action::GoOn | Action::Again) {
        app.world.is_armed()?;
    }
    match subject.and_then(|subject| app.world.inventory.cluster(subject.cluster())) {
        Some(cluster) if cluster.read_only => Err(format!("{} is read-only in the config", cluster.name)),
        Some(cluster) => match &cluster.link {
            Link::Live { .. } => Ok(()),
            Link::Idle => Err(format!("{} is not connected", cluster.name)),
            Link::Connecting { .. } => Err(format!("{} is still being connected", cluster.name)),
            Link::Lost { kind, why, .. } => Err(format!("{} is {}: {}", cluster.name, kind.word(), why.why)),
        },
        None => Ok(()),
    }
}

/// It needs a repository.
pub fn is_about_backups(action: Action) -> bool {
    matches!(action, Action::BackUp | Action::Restore | Action::RestoreInto | Action::Verify)
}

/// It is about a service, or about one instance of it.
pub fn is_about_a_service(action: Action) -> bool {
    action.danger() == Danger::Changes && action.place() == Place::Everywhere
}

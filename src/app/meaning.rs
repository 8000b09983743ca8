//! What an action means where the screen in sight has no meaning of its own for it, and whether it has one at all.

use std::sync::Arc;

use crate::{
    action::{Action, Danger, Place},
    app::{
        App, Overlay, Screen, Subject, backups, changes, configuration::Configuration, events::Events,
        forward::ForwardPrompt, forwards::Forwards, help::Help, instances::Instances, logs::Logs, metrics::Metrics,
        nodes::Nodes, notices::Notices, operations::Operations, palette::Palette,
    },
    domain::{Capability, ClusterName, Instance, ServiceId},
    message::Effect,
};

pub fn of(app: &mut App, action: Action) -> Vec<Effect> {
    match action {
        Action::Palette => app.overlay = Some(Overlay::Palette(Palette::new(|action| app.would(action)))),
        Action::Help => open(app, Screen::Help(Help::of(app.place()))),
        Action::Back => app.close(),
        Action::Quit => return quit(app),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Theme => return vec![Effect::NextTheme],
        Action::Operations => open(app, Screen::Operations(Operations::default())),
        Action::Notices => {
            app.world.unread = 0;
            open(app, Screen::Notices(Notices::default()));
        }
        Action::Events => open(app, Screen::Events(Events::of(app.subject()))),
        Action::Logs => match app.subject() {
            Some(Subject::Service(service)) => open(app, Screen::Logs(Box::new(Logs::of_service(service)))),
            Some(Subject::Instance(instance)) => open(app, Screen::Logs(Box::new(Logs::of_instance(instance)))),
            Some(Subject::Cluster(_)) | None => app.say("select a service first"),
        },
        Action::Metrics => match service(app) {
            Some(service) => open(app, Screen::Metrics(Metrics::of(service))),
            None => app.say("select a service first"),
        },
        Action::Instances => match service(app) {
            Some(service) => open(app, Screen::Instances(Instances::of(service))),
            None => app.say("select a service first"),
        },
        Action::Nodes => match cluster(app) {
            Some(cluster) => open(app, Screen::Nodes(Nodes::of(cluster))),
            None => app.say("select a cluster first"),
        },
        Action::Backups => open(app, Screen::Backups(backups::screen::BackupsScreen::of(service(app)))),
        Action::Forwards => open(app, Screen::Forwards(Forwards::default())),
        Action::Forward => match service(app) {
            Some(service) => app.overlay = Some(Overlay::Forward(Box::new(ForwardPrompt::of(service, &app.world)))),
            None => app.say("select a service first"),
        },
        Action::Configuration => match instance(app).map(|instance| (instance.id.clone(), instance.name.clone())) {
            Some((id, name)) => open(app, Screen::Configuration(Configuration::of(id, name))),
            None => app.say("there is no instance to look into"),
        },
        Action::Shell => match instance(app).map(|instance| instance.id.clone()) {
            Some(id) => return vec![Effect::Shell(id)],
            None => app.say("there is no running instance to enter"),
        },
        // Deeper than an instance there is only what it says.
        Action::Open => match app.subject() {
            Some(Subject::Instance(instance)) if app.place() == Place::Instances => {
                open(app, Screen::Logs(Box::new(Logs::of_instance(instance))));
            }
            Some(_) | None => app.say("there is nothing to open here"),
        },
        Action::Arm => return vec![Effect::Arm],
        action if action.danger() == Danger::Changes => changes::begin(app, action),
        action => app.say(format!("{} does nothing here", action.name().replace('_', " "))),
    }
    Vec::new()
}

/// `Err` says why not, for the palette, the hints and whoever presses the key all the same.
pub fn may(app: &App, action: Action) -> Result<(), String> {
    let subject = app.subject();
    if action.danger() == Danger::Changes {
        if ![Place::Everywhere, app.place()].contains(&action.place()) {
            return Err(format!("only on the screen {}", action.place().name()));
        }
        changes::are_allowed(app, action, subject.as_ref())?;
    }
    if action == Action::Arm {
        can_be_armed(app)?;
    }
    if changes::is_about_backups(action) && app.world.settings.backups.is_none() {
        return Err("the config names no repository for backups".into());
    }
    if let (Place::Backups, Screen::Backups(screen)) = (action.place(), app.top()) {
        screen.meant(&app.world)?;
    }
    if let Screen::Operation(screen) = app.top()
        && action.place() == Place::Operation
    {
        screen.may(action, &app.world)?;
    }
    if let Screen::Plan(screen) = app.top() {
        screen.may(action, &app.world)?;
    }
    let about_something = matches!(
        action,
        Action::Logs | Action::Metrics | Action::Instances | Action::Configuration | Action::Shell | Action::Forward
    );
    if about_something || changes::is_about_a_service(action) {
        match &subject {
            None => return Err("nothing is selected".into()),
            Some(Subject::Cluster(_)) => return Err("select a service first".into()),
            Some(Subject::Service(_) | Subject::Instance(_)) => {}
        }
    }
    if let (Action::Forward, Some(service)) = (action, service(app)) {
        app.world.inventory.allow(&service, Capability::Forward).map_err(|why| why.to_string())?;
    }
    if let (Action::Nodes, Some(name)) = (action, cluster(app)) {
        let cluster = app.world.inventory.cluster(&name);
        let allowed = cluster.map_or(Ok(()), |cluster| cluster.capabilities.allow(Capability::Nodes));
        allowed.map_err(|why| why.to_string())?;
    }
    let (Some(capability), Some(subject)) = (action.needs(), subject) else { return Ok(()) };
    allowed(app, action, capability, &subject).map_err(|why| why.to_string())
}

fn can_be_armed(app: &App) -> Result<(), String> {
    let settings = &app.world.settings;
    match settings.arm {
        _ if settings.read_only => Err("started read-only: nothing can be changed".into()),
        Some(_) => Ok(()),
        None => Err("nothing has to be armed: the config does not ask for it".into()),
    }
}

/// By the engine and, where the subject is in a scope, by what the person may do there.
fn allowed(app: &App, action: Action, capability: Capability, subject: &Subject) -> Result<(), Arc<str>> {
    let inventory = &app.world.inventory;
    let id = match subject {
        Subject::Service(service) => Some(service),
        Subject::Instance(instance) => inventory.instance(instance).map(|instance| &instance.service),
        Subject::Cluster(_) => None,
    };
    let Some(id) = id else {
        return inventory.cluster(subject.cluster()).map_or(Ok(()), |cluster| cluster.capabilities.allow(capability));
    };
    let is_orchestrated = inventory.service(id).is_some_and(|service| service.kind.is_orchestrated());
    let is_one = matches!(subject, Subject::Instance(_));
    // One of them is restarted by ending it, which is another right.
    let replaces = action == Action::Restart && is_one && is_orchestrated;
    inventory.allow(id, if replaces { Capability::Replace } else { capability })
}

fn open(app: &mut App, screen: Screen) {
    app.screens.push(screen);
}

fn quit(app: &mut App) -> Vec<Effect> {
    let running: Vec<_> = app
        .world
        .operations
        .values()
        .filter(|operation| operation.is_running() && app.world.ours.contains(&operation.id))
        .map(|operation| operation.id.clone())
        .collect();
    if running.is_empty() {
        return vec![Effect::Quit];
    }
    app.overlay = Some(Overlay::Quit(running));
    Vec::new()
}

/// The one that is looked at; with nothing selected, the only one there is.
fn cluster(app: &App) -> Option<ClusterName> {
    let mut all = app.world.inventory.clusters().map(|cluster| cluster.name.clone());
    match (app.subject(), all.next(), all.next()) {
        (Some(subject), ..) => Some(subject.cluster().clone()),
        (None, Some(only), None) => Some(only),
        (None, ..) => None,
    }
}

pub(super) fn service(app: &App) -> Option<ServiceId> {
    match app.subject()? {
        Subject::Service(service) => Some(service),
        Subject::Instance(instance) => app.world.inventory.instance(&instance).map(|instance| instance.service.clone()),
        Subject::Cluster(_) => None,
    }
}

/// The one that is meant: the one that is selected, else the service's first that runs, else its first.
fn instance(app: &App) -> Option<&Instance> {
    match app.subject()? {
        Subject::Instance(instance) => app.world.inventory.instance(&instance),
        Subject::Service(service) => {
            let instances = app.world.inventory.instances_of(&service);
            instances.iter().find(|instance| instance.state.is_alive()).or(instances.first()).copied()
        }
        Subject::Cluster(_) => None,
    }
}

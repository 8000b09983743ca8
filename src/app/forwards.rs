//! The ports of this machine that go to services, and how each is doing.

use crate::{
    action::{Action, Place},
    app::{Go, Page, Reply, Screen, Subject, World, instances::Instances, list::List},
    message::{Effect, Forward},
};

#[derive(Debug, Default)]
pub struct Forwards {
    pub list: List<u16>,
}

impl Forwards {
    /// By the port of this machine.
    pub fn keys(world: &World) -> Vec<u16> {
        world.forwards_wanted.keys().copied().collect()
    }

    pub fn selected<'a>(&self, world: &'a World) -> Option<(u16, &'a Forward)> {
        let local = *self.list.selected(&Self::keys(world))?;
        Some((local, world.forwards_wanted.get(&local)?))
    }
}

impl Page for Forwards {
    fn place(&self) -> Place {
        Place::Forwards
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        if self.list.act(action, &Self::keys(world)) {
            return Reply::stay();
        }
        match (action, self.selected(world)) {
            (Action::CloseForward, Some((local, _))) => Go::CloseForward(local).into(),
            (Action::CloseForward, None) => Reply::refuse("there is no port to close"),
            (Action::Open, Some((_, forward))) => {
                Go::Open(Screen::Instances(Instances::of(forward.service.clone()))).into()
            }
            (Action::Copy, Some((local, _))) => Reply::stay().with(Effect::Copy(format!("localhost:{local}"))),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        self.selected(world).map(|(_, forward)| Subject::Service(forward.service.clone()))
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        self.list.select(&Self::keys(world), row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{App, Overlay},
        domain::{Capability, Port, Trouble},
        message::{Event, ForwardState},
        testing::{now, service_id, world},
    };

    fn app() -> App {
        let port = |inside, protocol: &str| Port { inside, protocol: protocol.into(), published: None };
        world()
            .service("shop/web", 2)
            .changed("shop/web", |service| service.ports = vec![port(53, "udp"), port(80, "tcp"), port(9090, "tcp")])
            .app()
    }

    fn typed(app: &mut App, text: &str) {
        use tui_input::InputRequest::{DeleteLine, InsertChar};
        app.edit(DeleteLine, now());
        text.chars().for_each(|c| app.edit(InsertChar(c), now()));
    }

    fn asked(app: &App) -> &str {
        let Some(Overlay::Forward(asked)) = app.overlay() else { panic!("nothing is asked: {:?}", app.message()) };
        asked.prompt.text()
    }

    #[test]
    fn a_forward_is_asked_with_the_services_first_port_and_wanted_on_every_screen_until_it_is_closed() {
        let mut app = app();
        app.act(Action::Forward, now());
        assert_eq!(asked(&app), "8080:80", "udp cannot be forwarded");
        app.act(Action::Open, now());
        let wanted = [(8080, Forward { service: service_id("shop/web"), port: 80 })];
        assert_eq!(app.message(), Some("localhost:8080 goes to port 80 of local/shop/web"));
        for action in [Action::Logs, Action::Metrics, Action::Forwards] {
            app.act(action, now());
            assert!(app.subscriptions().forwards.into_iter().eq(wanted.clone()), "{action:?}");
        }
        app.act(Action::CloseForward, now());
        assert!(app.subscriptions().forwards.is_empty());
        app.act(Action::CloseForward, now());
        assert_eq!(app.message(), Some("there is no port to close"));
    }

    #[test]
    fn a_second_one_takes_another_port_and_no_port_goes_to_two_places() {
        let mut app = app();
        for text in ["80", "80"] {
            app.act(Action::Forward, now());
            typed(&mut app, text);
            app.act(Action::Open, now());
        }
        assert!(app.subscriptions().forwards.into_keys().eq([8080, 8081]));
        app.act(Action::Forward, now());
        typed(&mut app, "8081:9090");
        app.act(Action::Open, now());
        let Some(Overlay::Forward(asked)) = app.overlay() else { panic!("it is asked still") };
        assert_eq!(asked.meant(), Err("port 8081 goes to 80 of local/shop/web already".to_owned()));
        app.act(Action::Back, now());
        assert_eq!(app.subscriptions().forwards.len(), 2);
    }

    #[test]
    fn what_is_not_a_port_stays_in_the_line_and_opens_nothing() {
        let mut app = app();
        app.act(Action::Forward, now());
        typed(&mut app, "9000:http");
        app.act(Action::Open, now());
        assert_eq!(asked(&app), "9000:http");
        assert!(app.subscriptions().forwards.is_empty());
    }

    #[test]
    fn an_engine_without_forwards_says_why() {
        let mut app =
            world().service("shop/web", 1).without(Capability::Forward, "Docker publishes ports itself").app();
        app.act(Action::Forward, now());
        assert!(app.overlay().is_none());
        assert_eq!(app.message(), Some("Docker publishes ports itself"));
    }

    #[test]
    fn a_port_that_cannot_be_had_is_a_notice_once_and_what_comes_after_it_was_closed_is_dropped() {
        let mut app = app();
        app.act(Action::Forward, now());
        app.act(Action::Open, now());
        let refused = || ForwardState::Refused(Trouble::new("could not listen on port 8080", "it is in use"));
        app.observe(Event::Forward { local: 8080, state: refused() }, now());
        app.observe(Event::Forward { local: 8080, state: refused() }, now());
        assert_eq!((app.world.notices.len(), app.world.troubled_forwards()), (1, 1));
        app.act(Action::Forwards, now());
        app.act(Action::CloseForward, now());
        app.observe(Event::Forward { local: 8080, state: refused() }, now());
        assert_eq!((app.world.notices.len(), app.world.troubled_forwards()), (1, 0));
    }
}

//! What the engines said happened, newest first.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World, filter::Filter, list::List, prompt::Prompt},
    domain::{ClusterName, Happening},
    message::Effect,
};

#[derive(Debug)]
pub struct Events {
    /// What the screen was opened for; without one there are only all events.
    pub about: Option<Subject>,
    pub shows_all: bool,
    pub filter: Filter,
    pub list: List<Key>,
}

/// Names an event for good: two that are alike in all of this are the same to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    cluster: ClusterName,
    at: Timestamp,
    subject: Arc<str>,
    text: Arc<str>,
}

pub type Row<'a> = (&'a ClusterName, &'a Happening);

impl Events {
    pub fn of(about: Option<Subject>) -> Self {
        Self { shows_all: about.is_none(), about, filter: Filter::default(), list: List::default() }
    }

    pub fn rows<'a>(&self, world: &'a World) -> Vec<Row<'a>> {
        let all = world.happenings.iter().rev().map(|(cluster, happening)| (cluster, happening));
        let mut rows: Vec<_> = all.filter(|row| self.is_about(world, row) && self.is_wanted(row)).collect();
        // Several engines tell of the same time in any order.
        rows.sort_by_key(|(_, happening)| std::cmp::Reverse(happening.at));
        rows
    }

    fn is_about(&self, world: &World, (cluster, happening): &Row<'_>) -> bool {
        match &self.about {
            Some(about) if !self.shows_all => match about {
                Subject::Cluster(name) => *cluster == name,
                Subject::Service(service) => {
                    let of_instance = || world.inventory.instance(happening.instance.as_ref()?);
                    happening.service.as_ref() == Some(service)
                        || of_instance().is_some_and(|instance| instance.service == *service)
                }
                Subject::Instance(instance) => happening.instance.as_ref() == Some(instance),
            },
            Some(_) | None => true,
        }
    }

    fn is_wanted(&self, (cluster, happening): &Row<'_>) -> bool {
        self.filter.is_empty() || self.filter.matches(&[cluster.as_str(), &happening.subject, &happening.text])
    }
}

pub fn keys(rows: &[Row<'_>]) -> Vec<Key> {
    let key = |(cluster, happening): &Row<'_>| Key {
        cluster: (*cluster).clone(),
        at: happening.at,
        subject: happening.subject.clone(),
        text: happening.text.clone(),
    };
    rows.iter().map(key).collect()
}

impl Page for Events {
    fn place(&self) -> Place {
        Place::Events
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        if self.filter.act(action) {
            return Reply::stay();
        }
        let rows = self.rows(world);
        let keys = keys(&rows);
        match action {
            Action::NextPane | Action::PreviousPane if self.about.is_none() => {
                Reply::refuse("these are all the events there are")
            }
            Action::NextPane | Action::PreviousPane => {
                self.shows_all = !self.shows_all;
                Reply::stay()
            }
            // Back to the newest, whatever comes: the selection is nobody's choice again.
            Action::First => {
                self.list = List::default();
                Reply::stay()
            }
            Action::Copy => match self.list.position(&keys).map(|row| rows[row]) {
                Some((cluster, happening)) => Reply::stay()
                    .with(Effect::Copy(format!("{} {cluster} {} {}", happening.at, happening.subject, happening.text))),
                None => Reply::refuse("there is nothing to copy"),
            },
            _ if self.list.act(action, &keys) => Reply::stay(),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        let rows = self.rows(world);
        let selected = self.list.position(&keys(&rows)).map(|row| rows[row].1);
        let of_row = selected.and_then(|happening| {
            let instance = happening.instance.clone().filter(|id| world.inventory.instance(id).is_some());
            instance.map(Subject::Instance).or_else(|| happening.service.clone().map(Subject::Service))
        });
        of_row.or_else(|| self.about.clone())
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.filter.prompt.as_ref()
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.filter.prompt.as_mut()
    }

    fn typed(&mut self, _world: &World) {
        self.filter.typed();
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        self.list.select(&keys(&self.rows(world)), row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, instance_id, service_id, world};

    fn shown(screen: &Events, world: &World) -> Vec<String> {
        screen.rows(world).iter().map(|(_, happening)| happening.text.to_string()).collect()
    }

    fn events() -> World {
        world()
            .service("shop/web", 1)
            .service("shop/db", 1)
            .happened(300, "shop-web-1", "started", false)
            .happened(60, "shop-db-1", "exited with 137", true)
            .happened(30, "shop-web-1", "health: unhealthy", true)
            .build()
    }

    #[test]
    fn the_newest_event_comes_first_and_tab_shows_those_of_others_too() {
        let world = events();
        let mut screen = Events::of(Some(Subject::Service(service_id("shop/web"))));
        assert_eq!(shown(&screen, &world), ["health: unhealthy", "started"]);
        screen.act(Action::NextPane, &world);
        assert_eq!(shown(&screen, &world), ["health: unhealthy", "exited with 137", "started"]);
    }

    #[test]
    fn the_filter_is_over_subject_and_text_and_goes_with_escape() {
        let world = events();
        let mut screen = Events::of(None);
        screen.act(Action::Filter, &world);
        for c in "db 137".chars() {
            screen.prompt_mut().unwrap().edit(tui_input::InputRequest::InsertChar(c));
        }
        screen.typed(&world);
        assert_eq!(shown(&screen, &world), ["exited with 137"]);
        screen.act(Action::Back, &world);
        assert_eq!(shown(&screen, &world).len(), 3);
        assert!(screen.prompt().is_none());
    }

    #[test]
    fn the_selection_follows_the_newest_until_somebody_chooses_and_then_stays_with_the_choice() {
        let mut world = events();
        let mut screen = Events::of(None);
        let selected = |screen: &Events, world: &World| {
            let rows = screen.rows(world);
            screen.list.position(&keys(&rows)).map(|row| rows[row].1.text.to_string()).unwrap()
        };
        let happen = |world: &mut World, text: &str| {
            let happening = Happening {
                at: testing::now(),
                service: None,
                instance: None,
                subject: "image".into(),
                text: text.into(),
                is_bad: false,
            };
            world.happened(testing::CLUSTER.into(), happening);
        };
        happen(&mut world, "pulled");
        assert_eq!(selected(&screen, &world), "pulled");
        screen.act(Action::Down, &world);
        happen(&mut world, "tagged");
        assert_eq!(selected(&screen, &world), "health: unhealthy");
        screen.act(Action::First, &world);
        assert_eq!(selected(&screen, &world), "tagged");
    }

    #[test]
    fn an_event_of_an_instance_that_is_gone_is_about_its_service() {
        let mut world = events();
        let screen = Events::of(None);
        assert_eq!(screen.subject(&world), Some(Subject::Instance(instance_id("shop-web-1"))));
        let gone = crate::domain::Change::InstanceGone(instance_id("shop-web-1"));
        world.inventory.apply(&testing::CLUSTER.into(), gone, testing::now());
        assert_eq!(screen.subject(&world), Some(Subject::Service(service_id("shop/web"))));
    }
}

//! Everything that the console had to say, newest first.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World, list::List},
    message::{Effect, Notice},
};

#[derive(Debug, Default)]
pub struct Notices {
    pub list: List<Key>,
}

/// Names a notice for good.
pub type Key = (Timestamp, Arc<str>);

impl Notices {
    pub fn rows<'a>(&self, world: &'a World) -> Vec<&'a Notice> {
        world.notices.iter().rev().collect()
    }

    pub fn selected<'a>(&self, world: &'a World) -> Option<&'a Notice> {
        let rows = self.rows(world);
        self.list.position(&keys(&rows)).map(|row| rows[row])
    }
}

pub fn keys(rows: &[&Notice]) -> Vec<Key> {
    rows.iter().map(|notice| (notice.at, notice.text.clone())).collect()
}

impl Page for Notices {
    fn place(&self) -> Place {
        Place::Notices
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            // Back to the newest, whatever comes.
            Action::First => self.list = List::default(),
            Action::Copy => {
                return match self.selected(world) {
                    Some(notice) => {
                        let help = notice.help.as_deref().map(|help| format!("\n  {help}")).unwrap_or_default();
                        Reply::stay().with(Effect::Copy(format!("{} {}{help}", notice.at, notice.text)))
                    }
                    None => Reply::refuse("there is nothing to copy"),
                };
            }
            _ if self.list.act(action, &keys(&self.rows(world))) => {}
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        self.list.select(&keys(&self.rows(world)), row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::Go,
        message::Weight,
        testing::{seconds_ago, world},
    };

    #[test]
    fn the_newest_notice_is_selected_and_copied_with_its_help() {
        let world = world()
            .notice(60, Weight::Info, "connected to local", None)
            .notice(5, Weight::Error, "could not save: disk full", Some("free some space"))
            .build();
        let reply = Notices::default().act(Action::Copy, &world);
        let expected = format!("{} could not save: disk full\n  free some space", seconds_ago(5));
        assert_eq!(reply.effects, [Effect::Copy(expected)]);
    }

    #[test]
    fn with_nothing_said_there_is_nothing_to_copy() {
        let reply = Notices::default().act(Action::Copy, &world().build());
        assert!(matches!(reply.go, Go::Refuse(_)), "{reply:?}");
    }
}

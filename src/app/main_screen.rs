//! Clusters, services and releases in panes, and the selected service below them.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
};

#[derive(Debug, Default)]
pub struct Main {}

impl Page for Main {
    fn place(&self) -> Place {
        Place::Main
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

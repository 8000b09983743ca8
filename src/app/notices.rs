//! Everything that the console had to say.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
};

#[derive(Debug, Default)]
pub struct Notices {}

impl Page for Notices {
    fn place(&self) -> Place {
        Place::Notices
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

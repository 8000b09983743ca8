//! Operations that run, wait or are over.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
};

#[derive(Debug, Default)]
pub struct Operations {}

impl Page for Operations {
    fn place(&self) -> Place {
        Place::Operations
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

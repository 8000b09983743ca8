//! The instances of a service.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
    domain::ServiceId,
};

#[derive(Debug, Default)]
pub struct Instances {}

impl Instances {
    pub fn of(_service: ServiceId) -> Self {
        Self {}
    }
}

impl Page for Instances {
    fn place(&self) -> Place {
        Place::Instances
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

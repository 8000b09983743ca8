//! Live logs of one instance, or of all of a service.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
};

#[derive(Debug, Default)]
pub struct Logs {}

impl Logs {
    pub fn of_service(_service: crate::domain::ServiceId) -> Self {
        Self {}
    }

    pub fn of_instance(_instance: crate::domain::InstanceId) -> Self {
        Self {}
    }
}

impl Page for Logs {
    fn place(&self) -> Place {
        Place::Logs
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

//! A plan, before somebody says yes.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World},
};

#[derive(Debug, Default)]
pub struct PlanScreen {}

impl PlanScreen {
    pub fn of(_request: &crate::plan::Request, _world: &World) -> Result<Self, crate::plan::Refusal> {
        Ok(Self {})
    }
}

impl Page for PlanScreen {
    fn place(&self) -> Place {
        Place::Plan
    }

    fn act(&mut self, _action: Action, _world: &World) -> Reply {
        Reply::pass()
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }
}

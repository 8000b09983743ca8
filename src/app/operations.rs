//! Operations that run, wait for a person's word, or are over.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Screen, Subject, World, list::List, operation::OperationScreen, screen::Go},
    domain::{Operation, OperationId, OperationState},
    message::Effect,
};

#[derive(Debug, Default)]
pub struct Operations {
    list: List<OperationId>,
}

impl Operations {
    /// What runs or waits first, and then the newest first.
    pub fn rows<'a>(&self, world: &'a World) -> Vec<&'a Operation> {
        let mut rows: Vec<_> = world.operations.values().rev().collect();
        rows.sort_by_key(|operation| match operation.state {
            OperationState::Held { .. } => 0,
            OperationState::Running | OperationState::Undoing => 1,
            OperationState::Interrupted => 2,
            OperationState::Ended(_) => 3,
        });
        rows
    }

    pub fn list(&self) -> &List<OperationId> {
        &self.list
    }

    fn selected<'a>(&self, world: &'a World) -> Option<&'a Operation> {
        let keys = self.keys(world);
        world.operations.get(self.list.selected(&keys)?)
    }

    fn keys(&self, world: &World) -> Vec<OperationId> {
        self.rows(world).into_iter().map(|operation| operation.id.clone()).collect()
    }
}

impl Page for Operations {
    fn place(&self) -> Place {
        Place::Operations
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        let keys = self.keys(world);
        if self.list.act(action, &keys) {
            return Reply::stay();
        }
        match (action, self.selected(world)) {
            (Action::Open, Some(operation)) => Go::Open(Screen::Operation(OperationScreen::new(operation))).into(),
            (Action::Copy, Some(operation)) => Reply::stay().with(Effect::Copy(operation.id.to_string())),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        self.selected(world).map(|operation| Subject::Service(operation.service.clone()))
    }

    fn click(&mut self, _pane: usize, row: usize, world: &World) {
        self.list.select(&self.keys(world), row);
    }
}

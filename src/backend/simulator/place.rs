//! Where a simulated world is kept: who looks sees one moment of it, who changes it wakes those who wait for it to move.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{data::Stores, world::World};
use crate::domain::InstanceId;

pub struct Place {
    world: watch::Sender<Arc<World>>,
    data: Stores,
}

impl Place {
    pub fn new(world: World) -> Self {
        Self { world: watch::Sender::new(Arc::new(world)), data: Stores::default() }
    }

    /// What is in its instances.
    pub fn data(&self) -> &Stores {
        &self.data
    }

    pub fn now(&self) -> Timestamp {
        self.world.borrow().clock.now()
    }

    /// As it is now: its orchestrators have done what they do by themselves, each thing at its time, whoever looked meanwhile.
    pub fn look(&self) -> Arc<World> {
        let now = self.now();
        self.world.send_if_modified(|world| {
            let is_due = world.is_due(now);
            if is_due {
                Arc::make_mut(world).advance(now);
            }
            is_due
        });
        self.world.borrow().clone()
    }

    /// Something is done to it now.
    pub fn change<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let (now, mut result) = (self.now(), None);
        self.world.send_modify(|world| {
            let world = Arc::make_mut(world);
            world.advance(now);
            result = Some(change(world, now));
            world.wake_orchestrators(now);
            world.advance(now);
        });
        result.expect("`send_modify` calls its closure once")
    }

    /// Changes when the world was changed.
    pub fn moved(&self) -> watch::Receiver<Arc<World>> {
        self.world.subscribe()
    }

    /// By force, and without a word to those who look at it.
    pub fn take_away(&self, instance: &InstanceId) {
        self.change(|world, _| {
            if let Some(index) = world.find(instance) {
                world.member(index).gone = true;
            }
        });
    }

    /// One that was taken away, as if it were made now.
    pub fn put_back(&self, instance: &InstanceId) {
        self.change(|world, now| {
            if let Some(index) = world.find_ever(instance).filter(|index| world.instances[*index].gone) {
                let member = world.instances[index].clone();
                let life = world.course(&member).first_life(now);
                let member = world.member(index);
                member.gone = false;
                member.lives = vec![life];
            }
        });
    }
}

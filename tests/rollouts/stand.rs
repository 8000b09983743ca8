//! A service to roll out, on whichever engine, and the program that does it, in a home of its own.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub use crate::home::{Home, said, until};

/// One load at a time: two of them would measure each other, and what only looks at the end may go on beside its like.
static LOAD: RwLock<()> = RwLock::new(());

/// For what puts a load on a service.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    LOAD.write().unwrap_or_else(PoisonError::into_inner)
}

/// For what does not, and may go on beside its like.
pub fn beside() -> RwLockReadGuard<'static, ()> {
    LOAD.read().unwrap_or_else(PoisonError::into_inner)
}

pub trait Stand: Send + Sync {
    /// `shop/web`
    fn address(&self) -> String;
    /// Where requests to the service go.
    fn door(&self) -> (SocketAddr, String);
    fn home(&self) -> &Home;
    /// The images of all its instances that run and are ready, one for each.
    fn runs(&self) -> Vec<String>;
    /// What a rollout may have made beside the service's own instances and its history, by name. Not its lease, which ends by itself.
    fn leftovers(&self) -> Vec<String>;
}

/// Rolls out with these arguments after the address, and says what was printed with what exit code.
pub fn midwatch(stand: &dyn Stand, command: &str, arguments: &[&str]) -> (i32, String) {
    let address = stand.address();
    let mut all = vec![command, &address, "--yes"];
    all.extend(arguments);
    said(&stand.home().run(&all))
}

/// All that run, run one image.
pub fn one_image(stand: &dyn Stand) -> Option<String> {
    let images: BTreeSet<String> = stand.runs().into_iter().collect();
    let mut images = images.into_iter();
    images.next().filter(|_| images.next().is_none())
}

//! One revision of a service: what runs now, or what ran before as far as the engine can tell.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::Image;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The engine's number where it counts (Kubernetes revisions); Docker does not.
    pub number: Option<u64>,
    pub image: Image,
    /// When this release began to run, else when its image was made.
    pub created: Option<Timestamp>,
    pub current: bool,
    /// How many instances run it now.
    pub instances: u32,
    /// Who or what brought it, where the engine remembers ("compose config 9f2c41").
    pub cause: Option<Arc<str>>,
    /// What is known of how it went ("exit 1 after 4 s", "2d, stopped by hand").
    pub outcome: Option<Arc<str>>,
}

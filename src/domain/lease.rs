//! Who is at work on a service, for everybody to see: kept by the engine, so that another machine sees it too, and over by itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::OperationId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// user@host
    pub who: Arc<str>,
    pub operation: OperationId,
    /// "roll out shop/web"
    pub title: Arc<str>,
    pub since: Timestamp,
    /// Renewed long before; what is past this is nobody's.
    pub until: Timestamp,
}

/// What an operation wants of a service's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// To have it, if nobody else does: also what it has already, for longer.
    Take,
    /// To go on having it for longer, also if it ran out. It is not had anew: somebody else may have had it since.
    Keep,
    /// To have it, whoever has it.
    TakeOver,
    /// To give it back. Done when it was not ours.
    Release,
}

impl Lease {
    /// "roll out shop/web by ann@laptop since 02:14:06 UTC"
    pub fn says(&self) -> String {
        format!("{} by {} since {}", self.title, self.who, self.since.strftime("%H:%M:%S UTC"))
    }
}

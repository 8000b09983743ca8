//! An error for its reader: what could not be done, why, and what would help.

use std::{error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Printed as
///
/// ```text
/// could not reach docker at unix:///var/run/docker.sock: permission denied
///   you are not in the group "docker": sudo usermod -aG docker $USER, then sign in again
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// "could not reach docker at unix:///var/run/docker.sock"
    pub what: Arc<str>,
    /// "permission denied"
    pub why: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Arc<str>>,
}

impl Trouble {
    pub fn new(what: impl Into<Arc<str>>, why: impl fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string().into(), help: None }
    }

    pub fn help(mut self, help: impl Into<Arc<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Without the help: for a row or a status line.
    pub fn line(&self) -> String {
        format!("{}: {}", self.what, self.why)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)?;
        match &self.help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

impl Error for Trouble {}

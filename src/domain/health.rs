//! How something is, and in words why.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Ordered from worst to best, so that sorting puts what is broken first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Health {
    /// It does not do its work.
    Failing(Reason),
    /// It works, but not all of it, or not well.
    Degraded(Reason),
    /// It is starting, stopping or changing, within the time that this may take.
    Changing(Reason),
    /// Nothing is known, and why not.
    Unknown(Reason),
    /// Somebody stopped it, or it ended as it should.
    Stopped(Reason),
    Healthy,
}

impl Health {
    /// Nought is the worst.
    pub fn severity(&self) -> u8 {
        match self {
            Self::Failing(_) => 0,
            Self::Degraded(_) => 1,
            Self::Changing(_) => 2,
            Self::Unknown(_) => 3,
            Self::Healthy => 4,
            Self::Stopped(_) => 5,
        }
    }

    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Failing(_) | Self::Degraded(_))
    }

    /// One word, the same on every screen, in `--json` and in filters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Failing(_) => "failing",
            Self::Degraded(_) => "degraded",
            Self::Changing(_) => "changing",
            Self::Unknown(_) => "unknown",
            Self::Stopped(_) => "stopped",
            Self::Healthy => "healthy",
        }
    }

    /// "failing: exit 1"; a reason that has the word already says it once.
    pub fn says(&self) -> String {
        match self.reason() {
            Some(reason) if reason.text.starts_with(self.word()) => reason.text.to_string(),
            Some(reason) => format!("{}: {}", self.word(), reason.text),
            None => self.word().into(),
        }
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Failing(reason)
            | Self::Degraded(reason)
            | Self::Changing(reason)
            | Self::Unknown(reason)
            | Self::Stopped(reason) => Some(reason),
            Self::Healthy => None,
        }
    }
}

/// Why something is as it is: `text` for a row ("exit 137: out of memory, limit 128Mi"), `detail` for who asks further
/// (the health check's last output), `help` for what a person could do. All three are clean text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reason {
    pub text: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Arc<str>>,
}

impl Reason {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), detail: None, help: None }
    }

    pub fn detail(mut self, detail: impl Into<Arc<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn help(mut self, help: impl Into<Arc<str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_says_its_word_once() {
        assert_eq!(Health::Healthy.says(), "healthy");
        assert_eq!(Health::Failing(Reason::new("exit 1")).says(), "failing: exit 1");
        assert_eq!(Health::Stopped(Reason::new("stopped: exit 137 (killed)")).says(), "stopped: exit 137 (killed)");
    }
}

//! How a command ends: the exit code that scripts go by, and the words that people read.

use std::{io, process::ExitCode};

use crate::domain::Trouble;

/// Documented in the README and in `--help`: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// It did not work, and what was done has been taken back.
    Failed,
    /// What was typed, or what a file says, cannot be meant.
    Usage,
    /// Refused by the plan, by read-only, or by the person.
    Refused,
    Unreachable,
    /// By Ctrl-C, as shells report it.
    Interrupted,
    /// By SIGTERM, as shells report it.
    Terminated,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// Said on stderr, as it is.
    Because(Exit, Trouble),
    /// The output could not be written. A reader who went away (`| head`) has what it wanted.
    Output(io::Error),
}

impl Stop {
    pub fn usage(what: impl Into<std::sync::Arc<str>>, why: impl std::fmt::Display) -> Self {
        Self::Because(Exit::Usage, Trouble::new(what, why))
    }

    pub fn unreachable(trouble: Trouble) -> Self {
        Self::Because(Exit::Unreachable, trouble)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

//! Where the commands meet the rest of the program: what was configured and found, and who carries operations out.

use super::{
    arguments::{Acting, Interrupted, Listing, Options},
    check::CheckedFile,
    exit::{Exit, Stop},
    printer::Printer,
    session::Fleet,
};
use crate::{clock::Clock, domain::Trouble, plan::Verb};

/// What a person says of an operation whose process ended in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Resume,
    Undo,
    Leave,
}

/// Every cluster that the options, the config and the machine name.
pub async fn fleet(_options: &Options, _printer: &mut Printer<'_>) -> Result<Fleet, Stop> {
    Ok(Fleet { clusters: Vec::new(), tried: Vec::new(), clock: Clock::system() })
}

/// Every file that was read for the config, the theme and the keymap.
pub fn files(_options: &Options) -> Vec<CheckedFile> {
    Vec::new()
}

pub async fn act(_: &Options, verb: Verb, _: &Acting, _: &mut Printer<'_>) -> Result<Exit, Stop> {
    Err(Stop::Because(Exit::Failed, Trouble::new(format!("could not {verb:?}"), "not part of this build")))
}

pub async fn decide(_: &Options, decision: Decision, _: &Interrupted, _: &mut Printer<'_>) -> Result<Exit, Stop> {
    Err(Stop::Because(Exit::Failed, Trouble::new(format!("could not {decision:?}"), "not part of this build")))
}

pub async fn operations(_: &Options, _: Listing, _limit: usize, _: &mut Printer<'_>) -> Result<Exit, Stop> {
    Err(Stop::Because(Exit::Failed, Trouble::new("could not list operations", "not part of this build")))
}

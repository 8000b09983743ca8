//! What the library says went wrong, as a person should hear it.

use std::{error::Error, io};

use rustic_core::RusticError;

use crate::domain::{
    Trouble,
    text::{clean, shorten},
};

/// Of what the library or a server says, this much is repeated.
const WIDTH: usize = 300;

/// `what`: "could not open the repository /srv/backups".
pub fn trouble(what: &str, error: &RusticError) -> Trouble {
    if error.is_incorrect_password() {
        return Trouble::new(what, "the password is wrong")
            .help("it is the one that the repository was made with: see [backup] in the config");
    }
    let said = shorten(&clean(&error.display_log()), WIDTH).into_owned();
    let said = said.trim_start_matches("Error: ").to_owned();
    let Some(cause) = cause(error) else { return Trouble::new(what, said) };
    match cause.kind() {
        io::ErrorKind::StorageFull => Trouble::new(what, "no space is left where the repository is")
            .help("nothing that was there is lost; make room, or let old snapshots go: midwatch forget"),
        io::ErrorKind::PermissionDenied => Trouble::new(what, format!("permission denied: {said}")),
        _ => Trouble::new(what, said),
    }
}

/// The first error of the system's among its causes.
fn cause(error: &RusticError) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

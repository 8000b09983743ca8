//! What the library and the places say went wrong, as a person should hear it.

use std::{error::Error, io};

use opendal::ErrorKind as Why;
use rustic_core::RusticError;

use crate::domain::{
    Trouble,
    text::{clean, shorten},
};

/// Of what the library or a server says, this much is repeated.
const WIDTH: usize = 300;
const CUT_SHORT: &str = "nothing that was there before is lost: try again when it is back";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    said: String,
}

/// As far as somebody can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Password,
    NoSpace,
    Denied,
    /// A file system that may only be read.
    ReadOnly,
    Unreachable,
    NoBucket,
    Credentials,
    /// What was to be read is not there.
    Gone,
    /// What was read is not what was written.
    Damaged,
    Other,
}

pub fn trouble(what: &str, error: &RusticError) -> Trouble {
    Fault::of(error).trouble(what)
}

pub fn of_system(what: &str, error: &io::Error) -> Trouble {
    Fault { cause: cause_of_system(error), said: clean(&error.to_string()).into_owned() }.trouble(what)
}

impl Fault {
    pub fn of(error: &RusticError) -> Self {
        let (told, causes) = (told(error), causes(error));
        let cause = if error.is_incorrect_password() { Cause::Password } else { cause(error, &told, &causes) };
        let said = match causes.last() {
            // What is said there is about ciphers.
            Some(_) if cause == Cause::Damaged => told,
            Some(root) if !told.contains(root) => format!("{told}: {root}"),
            Some(_) | None => told,
        };
        Self { cause, said: shorten(&clean(&said), WIDTH).into_owned() }
    }

    /// `what`: "could not open the repository /srv/backups".
    pub fn trouble(self, what: &str) -> Trouble {
        let said = self.said;
        match self.cause {
            Cause::Password => Trouble::new(what, "the password is wrong")
                .help("it is the one that the repository was made with: see [backup] in the config"),
            Cause::NoSpace => Trouble::new(what, "no space is left where the repository is")
                .help("nothing that was there is lost; make room, or let old snapshots go: midwatch forget"),
            Cause::Denied => Trouble::new(what, format!("permission denied: {said}"))
                .help("whoever runs midwatch must be able to read and write all that is in the repository"),
            Cause::ReadOnly => Trouble::new(what, format!("it may only be read: {said}"))
                .help("the file system is mounted read-only, by somebody or after an error: see mount and dmesg"),
            Cause::Unreachable => Trouble::new(what, format!("it cannot be reached: {said}")).help(CUT_SHORT),
            Cause::NoBucket => Trouble::new(what, "there is no such bucket")
                .help("make it first, and see repository in [backup] in the config"),
            Cause::Credentials => Trouble::new(what, format!("the credentials are refused: {said}"))
                .help("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE: they must allow to list, read, write and delete"),
            Cause::Gone => Trouble::new(what, format!("a part of it is missing: {said}"))
                .help("restic check says what is left; what else is kept there may be whole"),
            Cause::Damaged if said.starts_with("Index") => {
                Trouble::new(what, format!("what is kept there is damaged: {said}"))
                    .help("restic repair index (before 0.16: rebuild-index) makes the index anew from what is there")
            }
            Cause::Damaged => Trouble::new(what, format!("what is kept there is damaged: {said}"))
                .help("restic check --read-data says what is left; what else is kept there may be whole"),
            Cause::Other => Trouble::new(what, said),
        }
    }
}

fn cause(error: &RusticError, told: &str, causes: &[String]) -> Cause {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return cause_of_system(error);
        }
        if let Some(refusal) = error.downcast_ref::<opendal::Error>() {
            return cause_of_bucket(refusal);
        }
        source = error.source();
    }
    const DAMAGED: [&str; 6] = [
        "MAC check failed",
        "Data is too short",
        "zstd compressed data",
        "does not match the expected size",
        "Failed to deserialize",
        "Verification failed",
    ];
    const MISSING: [&str; 3] = ["not found in index", "is missing in index", "does not exist"];
    let says = |signs: &[&str]| {
        let mut said = causes.iter().map(String::as_str).chain([told]);
        said.any(|said| signs.iter().any(|sign| said.contains(sign)))
    };
    match () {
        () if says(&DAMAGED) => Cause::Damaged,
        () if says(&MISSING) => Cause::Gone,
        () => Cause::Other,
    }
}

fn cause_of_system(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Cause::NoSpace,
        io::ErrorKind::PermissionDenied => Cause::Denied,
        io::ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
        io::ErrorKind::NotFound => Cause::Gone,
        io::ErrorKind::UnexpectedEof => Cause::Damaged,
        _ => Cause::Other,
    }
}

fn cause_of_bucket(refusal: &opendal::Error) -> Cause {
    let said = refusal.message();
    match refusal.kind() {
        _ if said.contains("NoSuchBucket") => Cause::NoBucket,
        Why::PermissionDenied => Cause::Credentials,
        Why::NotFound => Cause::Gone,
        // A piece of a file that is shorter than it should be.
        Why::RangeNotSatisfied => Cause::Damaged,
        // What says so was told "try again" to its end.
        _ if refusal.is_persistent() || refusal.is_temporary() => Cause::Unreachable,
        _ => Cause::Other,
    }
}

/// The library's own words, without those to the one who wrote it.
fn told(error: &RusticError) -> String {
    let said = error.display_log();
    let said = said.split(" (kind: related to").next().unwrap_or_default();
    let said = said.trim_start_matches("Error: ").trim_start_matches("error processing ");
    let ends = [". Please", " at BlobLocation"].iter().filter_map(|end| said.find(end)).min();
    said[..ends.unwrap_or(said.len())].trim_end_matches(['.', ' ']).to_owned()
}

/// What the chain of its causes says, the deepest last.
fn causes(error: &RusticError) -> Vec<String> {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        causes.push(match error.downcast_ref::<opendal::Error>() {
            Some(refusal) => of_server(refusal.message()).to_owned(),
            None => error.to_string(),
        });
        source = error.source();
    }
    causes
}

/// Of `S3Error { code: …, message: "…", resource: …, request_id: … }` what is for people.
fn of_server(said: &str) -> &str {
    let message = said.strip_prefix("S3Error").and_then(|said| said.split_once("message: \""));
    message.and_then(|(_, said)| said.split_once("\", resource")).map_or(said, |(message, _)| message)
}

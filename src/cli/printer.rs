//! Writes what a command has to say: results on stdout, everything else on stderr, all of it harmless.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::{
    exit::{Exit, Stop},
    json,
};
use crate::domain::{
    Health, Trouble,
    text::{clean, clean_lines},
};

pub struct Printer<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    is_coloured: bool,
}

impl<'a> Printer<'a> {
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err, is_coloured: false }
    }

    /// Colours only where a person looks, and not where they asked for none.
    pub fn coloured_for(mut self, stdout: &impl IsTerminal) -> Self {
        self.is_coloured = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        self
    }

    /// One JSON object on a line of its own.
    pub fn object(&mut self, record: &impl Serialize) -> io::Result<()> {
        json::write(&mut self.out, record)
    }

    /// One line of text that may be anything.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text).trim_end())
    }

    /// A line whose first word is how something is, coloured by it. `rest` may be anything.
    pub fn health_line(&mut self, health: Option<&Health>, first: &str, rest: &str) -> io::Result<()> {
        match health.filter(|_| self.is_coloured).and_then(colour) {
            Some(colour) => writeln!(self.out, "\x1b[{colour}m{}\x1b[m{}", clean(first), clean(rest).trim_end()),
            None => self.line(&format!("{first}{rest}")),
        }
    }

    /// What a pipe or a file should have by now.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// To the person, not to the pipe. A stderr that is gone is no reason to stop.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "midwatch: {}", clean_lines(text));
    }

    /// The exit code of what happened, after saying it.
    pub fn conclude(&mut self, result: Result<Exit, Stop>) -> Exit {
        match result.and_then(|exit| self.flush().map(|()| exit).map_err(Stop::from)) {
            Ok(exit) => exit,
            Err(Stop::Because(exit, trouble)) => {
                // What was written before it belongs above it.
                let _ = self.flush();
                self.trouble(&trouble);
                exit
            }
            Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Err(Stop::Output(error)) => {
                self.trouble(&Trouble::new("could not write the output", error));
                Exit::Failed
            }
        }
    }

    pub fn trouble(&mut self, trouble: &Trouble) {
        self.say(&trouble.to_string());
    }
}

/// The terminal's own sixteen colours: a theme is for the console.
fn colour(health: &Health) -> Option<&'static str> {
    match health {
        Health::Failing(_) => Some("1;31"),
        Health::Degraded(_) => Some("33"),
        Health::Changing(_) => Some("36"),
        Health::Unknown(_) | Health::Stopped(_) => Some("2"),
        Health::Healthy => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    fn conclude(out: &mut dyn Write, result: Result<Exit, Stop>) -> (Exit, String) {
        let mut err = Vec::new();
        let exit = Printer::new(out, &mut err).conclude(result);
        (exit, String::from_utf8(err).expect("utf-8"))
    }

    #[test]
    fn a_reader_that_went_away_ends_a_command_quietly_and_well() {
        assert_eq!(conclude(&mut Closed(io::ErrorKind::BrokenPipe), Ok(Exit::Done)), (Exit::Done, String::new()));
    }

    #[test]
    fn a_full_disk_is_not_taken_for_success() {
        let (exit, said) = conclude(&mut Closed(io::ErrorKind::StorageFull), Ok(Exit::Done));
        assert_eq!(exit, Exit::Failed);
        assert!(said.starts_with("midwatch: could not write the output"), "{said}");
    }

    #[test]
    fn a_trouble_is_told_on_stderr_with_its_help_and_without_its_escape_sequences() {
        let trouble = Trouble::new("could not\u{1b}[2J reach edge", "denied").help("sign in again");
        let (exit, said) = conclude(&mut Vec::new(), Err(Stop::unreachable(trouble)));
        assert_eq!(exit, Exit::Unreachable);
        assert_eq!(said, "midwatch: could not\u{fffd}[2J reach edge: denied\n  sign in again\n");
    }

    #[test]
    fn colours_are_for_terminals_only() {
        let mut out = Vec::new();
        let mut err = Vec::new();
        let failing = Health::Failing(crate::domain::Reason::new("exit 1"));
        Printer::new(&mut out, &mut err).health_line(Some(&failing), "failing", " web").expect("written");
        assert_eq!(out, b"failing web\n");
    }
}

//! What is wrong in a file that a person wrote: where, in words, and what was probably meant.

use std::{fmt, ops::Range, sync::Arc};

use crate::domain::text::{clean, nearest};

/// Printed as
///
/// ```text
/// config.toml:12:5: unknown key "colour"
///   did you mean "color"?
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// A path, or the flag that was given (`--theme`).
    pub file: Arc<str>,
    /// Absent where a whole file is meant (it cannot be read) or a flag.
    pub at: Option<Position>,
    pub text: Arc<str>,
    pub help: Option<Arc<str>>,
}

/// Both count from 1; a column is a character, as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// Of the first byte of `span` in `text`.
    pub fn of(span: &Range<usize>, text: &str) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

impl Complaint {
    /// `text` may quote the file: it is made harmless here.
    pub fn new(file: impl Into<Arc<str>>, text: &str) -> Self {
        Self { file: file.into(), at: None, text: clean(text).into(), help: None }
    }

    pub fn at(mut self, position: Position) -> Self {
        self.at = Some(position);
        self
    }

    pub fn help(mut self, help: &str) -> Self {
        self.help = Some(clean(help).into());
        self
    }

    /// Without the help: for a row or a status line.
    pub fn line(&self) -> String {
        match self.at {
            Some(Position { line, column }) => format!("{}:{line}:{column}: {}", self.file, self.text),
            None => format!("{}: {}", self.file, self.text),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        match &self.help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

/// The help for a name that nobody knows: the one that was probably meant, or what there is.
pub fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    const READABLE: usize = 16;
    let mut names: Vec<_> = names.into_iter().collect();
    match nearest(typed, names.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None if names.len() <= READABLE => format!("known here: {}", names.join(", ")),
        None => {
            names.truncate(READABLE);
            format!("known here: {} and others", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let text = "größe = 1\nfarbe = 2\n";
        assert_eq!(Position::of(&(0..1), text), Position { line: 1, column: 1 });
        assert_eq!(Position::of(&(text.find('=').unwrap()..99), text), Position { line: 1, column: 7 });
        assert_eq!(Position::of(&(text.find("farbe").unwrap()..99), text), Position { line: 2, column: 1 });
        assert_eq!(Position::of(&(999..999), text), Position { line: 3, column: 1 });
        let inside_the_umlaut = 3;
        assert_eq!(Position::of(&(inside_the_umlaut..4), text), Position { line: 1, column: 3 });
    }

    #[test]
    fn a_complaint_names_the_place_and_then_what_would_help() {
        let complaint = Complaint::new("config.toml", "unknown key \"colour\"")
            .at(Position { line: 12, column: 5 })
            .help("did you mean \"color\"?");
        assert_eq!(complaint.to_string(), "config.toml:12:5: unknown key \"colour\"\n  did you mean \"color\"?");
    }

    #[test]
    fn what_a_file_holds_cannot_reach_the_terminal_raw() {
        assert_eq!(&*Complaint::new("x", "unknown key \"a\u{1b}[2J\"").text, "unknown key \"a\u{fffd}[2J\"");
    }
}

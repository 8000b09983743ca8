//! Counts the rows of each table in a dump of SQL while it passes, as mysqldump and mariadb-dump write it: rows are counted nowhere else in
//! the very moment of the dump.

use std::collections::BTreeMap;

use super::super::recipe::Tally;
use crate::domain::{Counts, text::clean};

/// The beginning of a line that has to be known: a name, and the columns where some are left out.
const LONGEST_HEAD: usize = 512 << 10;
/// The last line of what is whole.
const END: &[u8] = b"-- Dump completed";

#[derive(Default)]
pub struct Statements {
    /// Of the line that is being read.
    head: Vec<u8>,
    state: State,
    /// Between the words that set another delimiter, lines are of a trigger, or of a routine.
    in_body: bool,
    is_whole: bool,
    rows: BTreeMap<String, u64>,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Head,
    /// Nothing more of this line matters.
    Rest,
    Rows(Rows),
}

#[derive(Debug, Default, PartialEq)]
struct Rows {
    table: String,
    count: u64,
    depth: u32,
    text: Text,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Text {
    #[default]
    No,
    Yes,
    /// After a backslash in it.
    Escaped,
}

impl Tally for Statements {
    fn take(&mut self, piece: &[u8]) {
        for &byte in piece {
            match &mut self.state {
                State::Rows(rows) => {
                    if rows.are_over_with(byte) {
                        *self.rows.entry(std::mem::take(&mut rows.table)).or_default() += rows.count;
                        self.state = State::Rest;
                    }
                }
                State::Head | State::Rest if byte == b'\n' => {
                    self.line();
                    self.head.clear();
                    self.state = State::Head;
                }
                State::Head => self.head(byte),
                State::Rest => {}
            }
        }
    }

    fn end(&mut self, part: &str, counts: &mut Counts) -> Result<(), &'static str> {
        if !self.is_whole {
            return Err("its last line is missing");
        }
        for (table, count) in &self.rows {
            counts.insert(clean(&format!("{part} {table}")).into(), (*count, *count));
        }
        Ok(())
    }
}

impl Statements {
    fn head(&mut self, byte: u8) {
        self.head.push(byte);
        if !self.in_body && byte == b'S' && self.head.ends_with(b" VALUES") {
            if let Some(table) = inserted_into(&self.head) {
                self.state = State::Rows(Rows { table, ..Rows::default() });
            }
        } else if self.head.len() == LONGEST_HEAD {
            self.state = State::Rest;
        }
    }

    fn line(&mut self) {
        let line = self.head.as_slice();
        if line.is_empty() {
            return;
        }
        self.is_whole = line.starts_with(END);
        if let Some(delimiter) = line.strip_prefix(b"DELIMITER ") {
            self.in_body = delimiter != b";";
        } else if !self.in_body
            && let Some((table, _)) = line.strip_prefix(b"CREATE TABLE ").and_then(named)
        {
            self.rows.entry(table).or_default();
        }
    }
}

impl Rows {
    fn are_over_with(&mut self, byte: u8) -> bool {
        match (self.text, byte) {
            (Text::No, b'\'') => self.text = Text::Yes,
            (Text::No, b'(') => {
                self.count += u64::from(self.depth == 0);
                self.depth += 1;
            }
            (Text::No, b')') => self.depth = self.depth.saturating_sub(1),
            (Text::No, b';') => return self.depth == 0,
            (Text::Yes, b'\\') => self.text = Text::Escaped,
            (Text::Yes, b'\'') => self.text = Text::No,
            (Text::Escaped, _) => self.text = Text::Yes,
            (Text::No | Text::Yes, _) => {}
        }
        false
    }
}

/// "INSERT INTO `orders` (`id`, `text`) VALUES": the name, where that is all of it.
fn inserted_into(head: &[u8]) -> Option<String> {
    let (table, mut rest) = named(head.strip_prefix(b"INSERT INTO ")?)?;
    if let Some(columns) = rest.strip_prefix(b" (") {
        rest = columns;
        loop {
            let (_, after) = named(rest)?;
            match after.strip_prefix(b", ") {
                Some(next) => rest = next,
                None => break rest = after.strip_prefix(b")")?,
            }
        }
    }
    (rest == b" VALUES").then_some(table)
}

/// A quoted name, and what comes after it.
fn named(text: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = text.strip_prefix(b"`")?;
    let mut name = Vec::new();
    loop {
        let end = rest.iter().position(|&byte| byte == b'`')?;
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        let Some(more) = rest.strip_prefix(b"`") else { break };
        name.push(b'`');
        rest = more;
    }
    Some((String::from_utf8_lossy(&name).into_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallied(dump: &str, pieces: usize) -> Result<Vec<(String, u64)>, &'static str> {
        let (mut tally, mut counts) = (Statements::default(), Counts::new());
        dump.as_bytes().chunks(pieces).for_each(|piece| tally.take(piece));
        tally.end("shop", &mut counts)?;
        Ok(counts.into_iter().map(|(name, (count, _))| (name.to_string(), count)).collect())
    }

    /// Rows on lines of their own by MariaDB, on one by MySQL; hostile names and texts.
    const DUMP: &str = r"/*M!999999\- enable the sandbox mode */
CREATE TABLE `orders` (
  `id` int
);
INSERT INTO `orders` VALUES
(1,'it\'s (a),(b); \\'),
(2,'
INSERT INTO `orders` VALUES (9);
'),
(3,NULL);
INSERT INTO `orders` VALUES (4,0x28),(5,'');
CREATE TABLE `a `` VALUES` (
);
INSERT INTO `a `` VALUES` (`x VALUES`, `y`) VALUES (1,2),(3,4);
CREATE TABLE `empty` (
/*!50001 CREATE VIEW `seen` AS SELECT 1 */;
DELIMITER ;;
begin
INSERT INTO `log` VALUES (1);
end ;;
DELIMITER ;

-- Dump completed on 2026-11-30
";

    #[test]
    fn rows_are_counted_in_whatever_pieces_they_come() {
        let wanted = [("shop a ` VALUES".into(), 2), ("shop empty".into(), 0), ("shop orders".into(), 5)];
        for pieces in [1, 2, 13, 4096] {
            assert_eq!(tallied(DUMP, pieces).as_deref(), Ok(&wanted[..]), "in pieces of {pieces}");
        }
    }

    #[test]
    fn a_dump_without_its_last_line_is_not_whole() {
        for length in [0, 40, DUMP.len() / 2, DUMP.len() - 40] {
            assert_eq!(tallied(&DUMP[..length], 64), Err("its last line is missing"), "{length}");
        }
        assert_eq!(tallied(&format!("{DUMP}CREATE TABLE `more` (\n"), 64), Err("its last line is missing"));
    }
}

//! Lines rows up under their titles for a person. The last column is as long as it likes.

use std::{borrow::Cow, io};

use unicode_width::UnicodeWidthStr;

use super::printer::Printer;
use crate::domain::{Health, text::clean};

const BETWEEN: &str = "  ";

pub struct Table {
    titles: &'static [Title],
    rows: Vec<Row>,
}

#[derive(Clone, Copy)]
pub enum Title {
    Left(&'static str),
    /// For numbers.
    Right(&'static str),
}

struct Row {
    health: Option<Health>,
    cells: Vec<String>,
}

impl Table {
    pub fn new(titles: &'static [Title]) -> Self {
        Self { titles, rows: Vec::new() }
    }

    /// `health` colours the first cell.
    pub fn row(&mut self, health: Option<&Health>, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().map(|cell| harmless(cell)).collect();
        debug_assert_eq!(cells.len(), self.titles.len(), "a cell for each title");
        self.rows.push(Row { health: health.cloned(), cells });
    }

    /// Nothing at all, not even titles, when there are no rows.
    pub fn print(&self, printer: &mut Printer) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let widths: Vec<usize> = (0..self.titles.len()).map(|column| self.width(column)).collect();
        let titles: Vec<_> = self.titles.iter().map(|title| title.text()).collect();
        self.print_row(printer, None, &titles, &widths)?;
        for row in &self.rows {
            let cells: Vec<_> = row.cells.iter().map(String::as_str).collect();
            self.print_row(printer, row.health.as_ref(), &cells, &widths)?;
        }
        Ok(())
    }

    fn print_row(
        &self,
        printer: &mut Printer,
        health: Option<&Health>,
        cells: &[&str],
        widths: &[usize],
    ) -> io::Result<()> {
        let mut padded = cells.iter().zip(self.titles).zip(widths).map(|((cell, title), width)| {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            match title {
                Title::Left(_) => format!("{cell}{space}"),
                Title::Right(_) => format!("{space}{cell}"),
            }
        });
        let first = padded.next().unwrap_or_default();
        let rest: Vec<_> = padded.collect();
        let between = if rest.is_empty() { "" } else { BETWEEN };
        printer.health_line(health, &first, &format!("{between}{}", rest.join(BETWEEN)))
    }

    fn width(&self, column: usize) -> usize {
        let title = self.titles[column].text();
        self.rows.iter().map(|row| row.cells[column].width()).chain([title.width()]).max().unwrap_or(0)
    }
}

impl Title {
    fn text(self) -> &'static str {
        match self {
            Self::Left(text) | Self::Right(text) => text,
        }
    }
}

/// An empty cell would make the line unreadable for `awk`, and doubtful for a person.
fn harmless(cell: String) -> String {
    match clean(&cell) {
        Cow::Borrowed("") => "-".into(),
        Cow::Borrowed(_) => cell,
        Cow::Owned(cleaned) => cleaned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(table: &Table) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        table.print(&mut Printer::new(&mut out, &mut err)).expect("a Vec takes everything");
        String::from_utf8(out).expect("utf-8")
    }

    const TITLES: &[Title] = &[Title::Left("NAME"), Title::Right("COUNT"), Title::Left("WHY")];

    #[test]
    fn columns_stand_under_their_titles_also_with_wide_characters() {
        let mut table = Table::new(TITLES);
        table.row(None, ["数据库", "7", "long story"].map(String::from));
        table.row(None, ["web", "1200", ""].map(String::from));
        assert_eq!(printed(&table), "NAME    COUNT  WHY\n数据库      7  long story\nweb      1200  -\n");
    }

    #[test]
    fn a_line_break_in_a_cell_does_not_make_a_second_row() {
        let mut table = Table::new(TITLES);
        table.row(None, ["a\nb", "1", "\u{1b}[31m"].map(String::from));
        assert_eq!(printed(&table), "NAME  COUNT  WHY\na b       1  \u{fffd}[31m\n");
    }

    #[test]
    fn nothing_is_printed_of_an_empty_table() {
        assert_eq!(printed(&Table::new(TITLES)), "");
    }
}

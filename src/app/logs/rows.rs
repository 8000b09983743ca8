//! From lines to the rows of a window: cut or wrapped, harmless, with what the search found in them. Built for rows in sight only.

use std::{ops::Range, sync::Arc};

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::{
    domain::{Level, Output},
    store::log::{Entry, Harmless, Pattern, harmless::Dress},
};

/// The longest line that the pump lets through has fewer columns.
const ALL_COLUMNS: usize = 128 << 10;

/// One row of the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line's number, for good.
    pub line: u64,
    /// Which row of its line this is, and how many follow.
    pub part: usize,
    pub below: usize,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Line(Text),
    /// So many lines came and could not be kept up with.
    Gap(u64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// nanoseconds since 1970
    pub at: i64,
    pub source: Arc<str>,
    /// Which of the sources, for its colour.
    pub ordinal: usize,
    pub level: Level,
    pub output: Output,
    pub text: String,
    pub dress: Vec<(Range<usize>, Dress)>,
    pub matches: Vec<Range<usize>>,
    /// There is more to the left, or to the right.
    pub is_cut_left: bool,
    pub is_cut_right: bool,
}

/// How lines become rows.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// columns for text
    pub width: usize,
    pub wrap: bool,
    /// columns scrolled to the right, when not wrapped
    pub sideways: usize,
    pub search: Option<&'a Pattern>,
}

impl Layout<'_> {
    /// How many rows a line takes.
    pub fn height(&self, entry: Entry<'_>) -> usize {
        match entry {
            Entry::Line { text, .. } if self.wrap => pieces(&Harmless::new(text, ALL_COLUMNS).text, self.width).len(),
            Entry::Line { .. } | Entry::Gap(_) => 1,
        }
    }

    pub fn rows(&self, number: u64, ordinal: usize, entry: Entry<'_>) -> Vec<Row> {
        let (source, line, text) = match entry {
            Entry::Line { source, line, text } => (source, line, text),
            Entry::Gap(gap) => return vec![Row { line: number, part: 0, below: 0, content: Content::Gap(gap.lines) }],
        };
        let columns = if self.wrap { ALL_COLUMNS } else { self.sideways + self.width };
        let harmless = Harmless::new(text, columns);
        let matches: Vec<_> = self.search.map_or_else(Vec::new, |search| search.find_in(&harmless.text).collect());
        let ranges = if self.wrap {
            pieces(&harmless.text, self.width)
        } else {
            let rest = columns_from(&harmless.text, self.sideways)..harmless.text.len();
            vec![rest]
        };
        let count = ranges.len();
        let row = |(part, range): (usize, Range<usize>)| Row {
            line: number,
            part,
            below: count - 1 - part,
            content: Content::Line(Text {
                at: line.at,
                source: source.name.clone(),
                ordinal,
                level: line.level,
                output: line.output,
                dress: harmless.dress.iter().filter_map(|(at, dress)| Some((within(at, &range)?, *dress))).collect(),
                matches: matches.iter().filter_map(|at| within(at, &range)).collect(),
                is_cut_left: !self.wrap && range.start > 0,
                is_cut_right: !self.wrap && harmless.is_cut,
                text: harmless.text[range].to_owned(),
            }),
        };
        ranges.into_iter().enumerate().map(row).collect()
    }
}

/// `at` as seen from the beginning of `range`, if any of it lies there.
fn within(at: &Range<usize>, range: &Range<usize>) -> Option<Range<usize>> {
    let (start, end) = (at.start.max(range.start), at.end.min(range.end));
    (start < end).then(|| start - range.start..end - range.start)
}

/// The byte at which so many columns have passed. A wide character that stands on the edge is passed over whole.
fn columns_from(text: &str, columns: usize) -> usize {
    let mut width = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if width >= columns {
            return at;
        }
        width += grapheme.width();
    }
    text.len()
}

/// The text in pieces of up to `width` columns; an empty text is one empty piece.
fn pieces(text: &str, width: usize) -> Vec<Range<usize>> {
    let width = width.max(1);
    let mut pieces = Vec::new();
    if text.is_ascii() {
        pieces.extend((0..text.len()).step_by(width).map(|start| start..(start + width).min(text.len())));
    } else {
        let (mut start, mut columns) = (0, 0);
        for (at, grapheme) in text.grapheme_indices(true) {
            let wide = grapheme.width();
            if columns + wide > width && at > start {
                pieces.push(start..at);
                (start, columns) = (at, 0);
            }
            columns += wide;
        }
        pieces.push(start..text.len());
    }
    if pieces.is_empty() {
        pieces.push(0..0);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::InstanceId,
        store::log::{Line, Source},
    };

    fn rows(text: &str, layout: Layout<'_>) -> Vec<Text> {
        let source = Arc::new(Source { instance: InstanceId::new(&"here".into(), "a"), name: "a".into(), epoch: 0 });
        let line = Line { end: 0, level: Level::None, output: Output::Stdout, at: 0 };
        let entry = Entry::Line { source: &source, line: &line, text: text.as_bytes() };
        let rows = layout.rows(0, 0, entry);
        assert_eq!(rows.len(), layout.height(entry));
        let texts = rows.into_iter().map(|row| match row.content {
            Content::Line(text) => text,
            Content::Gap(_) => panic!("a line is no gap"),
        });
        texts.collect()
    }

    fn texts(text: &str, width: usize, wrap: bool, sideways: usize) -> Vec<String> {
        let rows = rows(text, Layout { width, wrap, sideways, search: None });
        let signs = |row: Text| {
            let (left, right) = (if row.is_cut_left { "<" } else { "" }, if row.is_cut_right { ">" } else { "" });
            format!("{left}{}{right}", row.text)
        };
        rows.into_iter().map(signs).collect()
    }

    #[test]
    fn a_long_line_is_cut_with_signs_or_wrapped() {
        assert_eq!(texts("0123456789", 4, false, 0), ["0123>"]);
        assert_eq!(texts("0123456789", 4, false, 4), ["<4567>"]);
        assert_eq!(texts("0123456789", 4, false, 8), ["<89"]);
        assert_eq!(texts("0123456789", 4, true, 0), ["0123", "4567", "89"]);
        assert_eq!(texts("", 4, true, 0), [""]);
    }

    #[test]
    fn wide_characters_are_never_cut_in_two() {
        assert_eq!(texts("日本語", 3, true, 0), ["日", "本", "語"]);
        assert_eq!(texts("日本語", 4, false, 1), ["<本語"]);
    }

    #[test]
    fn a_match_over_the_edge_of_a_row_is_marked_on_both() {
        let search = Pattern::literal("345");
        let rows = rows("0123456789", Layout { width: 4, wrap: true, sideways: 0, search: Some(&search) });
        let ends = |row: Text| row.matches.iter().map(|at| (at.start, at.end)).collect::<Vec<_>>();
        let matches: Vec<_> = rows.into_iter().map(ends).collect();
        assert_eq!(matches, [vec![(3, 4)], vec![(0, 2)], vec![]]);
    }
}

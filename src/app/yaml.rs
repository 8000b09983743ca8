//! As much of YAML as reading it on a screen takes: which lines belong together, and what each piece of a line is.

use std::ops::Range;

/// One line of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub text: &'a str,
    /// The line after the block that this one opens; the next line where it opens none.
    pub end: usize,
    /// The line that opens the block this one is in.
    pub parent: Option<usize>,
}

impl Line<'_> {
    pub fn opens_block(&self, index: usize) -> bool {
        self.end > index + 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Key,
    Text,
    /// A number, a boolean, or nothing.
    Scalar,
    /// Dashes, colons, braces.
    Mark,
    Comment,
}

pub fn lines(document: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> =
        document.lines().enumerate().map(|(index, text)| Line { text, end: index + 1, parent: None }).collect();
    // The lines whose blocks are open, outermost first.
    let mut open: Vec<(usize, Depth)> = Vec::new();
    for index in 0..lines.len() {
        let Some(depth) = Depth::of(lines[index].text) else { continue };
        while open.last().is_some_and(|(_, outer)| !depth.is_inside(*outer)) {
            open.pop();
        }
        lines[index].parent = open.last().map(|&(parent, _)| parent);
        for &(outer, _) in &open {
            lines[outer].end = index + 1;
        }
        open.push((index, depth));
    }
    lines
}

/// How far in a line stands. The items of a list may stand as far in as the key they belong to.
#[derive(Clone, Copy)]
struct Depth {
    indent: usize,
    is_item: bool,
}

impl Depth {
    /// `None` for a blank line, which is part of whatever it stands in.
    fn of(text: &str) -> Option<Self> {
        let rest = text.trim_start();
        let is_item = rest == "-" || rest.starts_with("- ");
        (!rest.is_empty()).then(|| Self { indent: text.len() - rest.len(), is_item })
    }

    fn is_inside(self, outer: Self) -> bool {
        self.indent > outer.indent || (self.indent == outer.indent && self.is_item && !outer.is_item)
    }
}

/// What each byte range of a line is, in order; blanks between them are left out.
pub fn pieces(text: &str) -> Vec<(Range<usize>, Piece)> {
    let mut found = Vec::new();
    let mut at = text.len() - text.trim_start().len();
    while text[at..] == *"-" || text[at..].starts_with("- ") {
        found.push((at..at + 1, Piece::Mark));
        at += 1;
        at += text[at..].len() - text[at..].trim_start().len();
    }
    if text[at..].starts_with('#') {
        found.push((at..text.len(), Piece::Comment));
        return found;
    }
    if let Some(length) = key_length(&text[at..]) {
        found.push((at..at + length, Piece::Key));
        found.push((at + length..at + length + 1, Piece::Mark));
        at += length + 1;
        at += text[at..].len() - text[at..].trim_start().len();
    }
    let end = at + value_length(&text[at..]);
    if end > at {
        found.push((at..end, value_piece(&text[at..end])));
    }
    let comment = end + text[end..].len() - text[end..].trim_start().len();
    if comment < text.len() {
        found.push((comment..text.len(), Piece::Comment));
    }
    found
}

/// Up to the colon that ends a key: the first one outside quotes with a blank or nothing after it.
fn key_length(text: &str) -> Option<usize> {
    let start = quoted_length(text).unwrap_or(0);
    let rest = &text[start..];
    let colon =
        rest.char_indices().find(|&(at, c)| c == ':' && matches!(rest.as_bytes().get(at + 1), None | Some(b' ')));
    let length = start + colon?.0;
    // A quoted value with a colon after it is no key; nor is a comment with one in it.
    (length > 0 && (start == 0 || length == start) && !text[..length].contains(" #")).then_some(length)
}

fn value_length(text: &str) -> usize {
    let start = quoted_length(text).unwrap_or(0);
    let end = text[start..].find(" #").map_or(text.len(), |at| start + at);
    text[..end].trim_end().len()
}

/// The length of a quoted piece at the beginning, with its quotes.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn value_piece(value: &str) -> Piece {
    match value {
        "true" | "false" | "null" | "~" => Piece::Scalar,
        "{}" | "[]" | "|" | "|-" | ">" | ">-" => Piece::Mark,
        number if number.parse::<f64>().is_ok() => Piece::Scalar,
        _ => Piece::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(document: &str) -> Vec<usize> {
        lines(document).iter().map(|line| line.end).collect()
    }

    fn told(text: &str) -> Vec<(&str, Piece)> {
        pieces(text).into_iter().map(|(range, piece)| (&text[range], piece)).collect()
    }

    #[test]
    fn a_block_goes_to_the_next_line_that_stands_as_far_out() {
        assert_eq!(ends("a:\n  b: 1\n  c:\n    d: 2\ne: 3"), [4, 2, 4, 4, 5]);
    }

    #[test]
    fn the_items_of_a_list_belong_to_the_key_above_them_also_when_they_stand_no_further_in() {
        assert_eq!(ends("ports:\n- a: 1\n  b: 2\n- c\nnext: 4"), [4, 3, 3, 4, 5]);
    }

    #[test]
    fn a_blank_line_belongs_to_the_text_that_goes_on_after_it() {
        assert_eq!(ends("script: |\n  one\n\n  two\nnext: 1"), [4, 2, 3, 4, 5]);
    }

    #[test]
    fn every_line_knows_the_one_that_opens_its_block() {
        let parents: Vec<_> = lines("a:\n  b:\n    c: 1\n  d: 2").iter().map(|line| line.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn the_pieces_of_a_line_are_told_apart() {
        use Piece::{Comment, Key, Mark, Scalar, Text};
        assert_eq!(
            told("  Memory: 1024 # bytes"),
            [("Memory", Key), (":", Mark), ("1024", Scalar), ("# bytes", Comment)]
        );
        assert_eq!(told("- PATH=/bin:/usr/bin"), [("-", Mark), ("PATH=/bin:/usr/bin", Text)]);
        assert_eq!(told("- \"a: b\""), [("-", Mark), ("\"a: b\"", Text)]);
        assert_eq!(told("\"8080/tcp\": null"), [("\"8080/tcp\"", Key), (":", Mark), ("null", Scalar)]);
        assert_eq!(told("url: http://x:80/#a"), [("url", Key), (":", Mark), ("http://x:80/#a", Text)]);
        assert_eq!(told("# all of it: masked"), [("# all of it: masked", Comment)]);
        assert_eq!(told("  "), []);
    }
}

//! Log text is hostile: here a line is made harmless for a terminal, in one pass and with a fresh state for each line. Only for lines
//! in sight.

use std::{borrow::Cow, ops::Range};

use unicode_width::UnicodeWidthChar;

use crate::domain::text::is_hostile;

const ESCAPE: u8 = 0x1b;
const TAB: usize = 8;
/// Marks that pile up on one character. Scripts need two or three; more is mischief that paints over other rows.
const COMBINING: usize = 4;

/// One line without anything that a terminal obeys: no control characters, tabs as spaces, its colours apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harmless {
    pub text: String,
    /// Where the program asked for a look of its own, in order, not overlapping.
    pub dress: Vec<(Range<usize>, Dress)>,
    /// There was more than the columns that were asked for.
    pub is_cut: bool,
}

/// What is kept of SGR sequences. Backgrounds and blinking are not: they hide text and marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dress {
    pub colour: Option<Colour>,
    pub is_bold: bool,
    pub is_underlined: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// 0 to 15 are the terminal's own sixteen.
    Indexed(u8),
    Rgb(u8, u8, u8),
}

impl Harmless {
    /// The first `columns` of a line.
    pub fn new(line: &[u8], columns: usize) -> Self {
        let mut painter =
            Painter { out: Self::default(), width: 0, columns, combining: 0, dress: Dress::default(), begin: 0 };
        let mut at = 0;
        while at < line.len() {
            if painter.width >= columns {
                painter.out.is_cut = without_escapes(&line[at..]).iter().any(|byte| !byte.is_ascii_whitespace());
                break;
            }
            at = painter.step(line, at);
        }
        painter.end_dress();
        painter.out
    }
}

struct Painter {
    out: Harmless,
    width: usize,
    columns: usize,
    combining: usize,
    dress: Dress,
    /// Where the present dress began.
    begin: usize,
}

impl Painter {
    /// Takes what stands at `at`, and says where the next thing stands.
    fn step(&mut self, line: &[u8], at: usize) -> usize {
        let plain =
            line[at..].iter().take(self.columns - self.width).take_while(|byte| matches!(byte, 0x20..=0x7e)).count();
        if plain > 0 {
            self.out.text.extend(line[at..at + plain].iter().map(|&byte| char::from(byte)));
            self.width += plain;
            self.combining = 0;
            return at + plain;
        }
        if let Some(escape) = Escape::at(line, at) {
            if let Some(parameters) = escape.colours {
                self.end_dress();
                self.dress.change(&line[parameters]);
            }
            return escape.end;
        }
        let (c, length) = decode(&line[at..]);
        match c {
            '\t' => {
                let spaces = TAB - self.width % TAB;
                self.out.text.extend(std::iter::repeat_n(' ', spaces));
                self.width += spaces;
            }
            '\0'..='\u{1f}' => self.put(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'), 1),
            '\u{7f}' => self.put('\u{2421}', 1),
            c if is_hostile(c) => self.put('\u{fffd}', 1),
            c => match c.width().unwrap_or(0) {
                0 if self.combining >= COMBINING => {}
                0 => {
                    self.combining += 1;
                    self.out.text.push(c);
                }
                width => self.put(c, width),
            },
        }
        at + length
    }

    fn put(&mut self, c: char, width: usize) {
        self.out.text.push(c);
        self.width += width;
        self.combining = 0;
    }

    fn end_dress(&mut self) {
        let end = self.out.text.len();
        if self.dress != Dress::default() && self.begin < end {
            self.out.dress.push((self.begin..end, self.dress));
        }
        self.begin = end;
    }
}

/// The first character, and its length in bytes. What is not UTF-8 is U+FFFD.
fn decode(bytes: &[u8]) -> (char, usize) {
    let head = &bytes[..bytes.len().min(4)];
    match head.utf8_chunks().next() {
        Some(chunk) => match chunk.valid().chars().next() {
            Some(c) => (c, c.len_utf8()),
            None => ('\u{fffd}', chunk.invalid().len().max(1)),
        },
        None => ('\u{fffd}', 1),
    }
}

/// An escape sequence, whole.
struct Escape {
    end: usize,
    /// Where the parameters of an SGR sequence stand.
    colours: Option<Range<usize>>,
}

impl Escape {
    /// The sequence that begins at `at`, if one does. Of a string (OSC, DCS and their like) that does not end in this line only the
    /// beginning is dropped: text must not be hidden by leaving something open.
    fn at(line: &[u8], at: usize) -> Option<Self> {
        let (kind, start) = match (line[at], line.get(at + 1)) {
            (ESCAPE, Some(&kind @ (b'[' | b']' | b'P' | b'X' | b'^' | b'_'))) => (kind, at + 2),
            (ESCAPE, Some(0x20..=0x2f)) => {
                let end = line[at + 1..].iter().position(|byte| !matches!(byte, 0x20..=0x2f));
                return Some(Self::plain(end.map_or(line.len(), |end| (at + end + 2).min(line.len()))));
            }
            (ESCAPE, Some(0x30..=0x7e)) => return Some(Self::plain(at + 2)),
            (ESCAPE, _) => return Some(Self::plain(at + 1)),
            // The same in one character, U+0080 to U+009F.
            (0xc2, Some(&c1 @ 0x80..=0x9f)) => (c1 - 0x40, at + 2),
            _ => return None,
        };
        Some(match kind {
            b'[' => Self::control_sequence(line, start),
            b']' | b'P' | b'X' | b'^' | b'_' => Self::plain(string_end(line, start).unwrap_or(start)),
            _ => Self::plain(start),
        })
    }

    fn plain(end: usize) -> Self {
        Self { end, colours: None }
    }

    fn control_sequence(line: &[u8], start: usize) -> Self {
        let length = line[start..].iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
        match line.get(start + length) {
            Some(b'm') => Self { end: start + length + 1, colours: Some(start..start + length) },
            Some(0x40..=0x7e) => Self::plain(start + length + 1),
            // Broken off: the next byte is none of it.
            _ => Self::plain(start + length),
        }
    }
}

/// After BEL, `ESC \` or U+009C.
fn string_end(line: &[u8], start: usize) -> Option<usize> {
    (start..line.len()).find_map(|at| match (line[at], line.get(at + 1)) {
        (0x07, _) => Some(at + 1),
        (ESCAPE, Some(b'\\')) | (0xc2, Some(0x9c)) => Some(at + 2),
        _ => None,
    })
}

impl Dress {
    fn change(&mut self, parameters: &[u8]) {
        let mut numbers = parameters.split(|byte| matches!(byte, b';' | b':')).map(|number| {
            std::str::from_utf8(number)
                .ok()
                .and_then(|number| if number.is_empty() { Some(0) } else { number.parse().ok() })
        });
        let has_colons = parameters.contains(&b':');
        while let Some(number) = numbers.next() {
            match number.unwrap_or(u16::MAX) {
                0 => *self = Self::default(),
                1 => self.is_bold = true,
                22 => self.is_bold = false,
                4 => self.is_underlined = true,
                24 => self.is_underlined = false,
                number @ 30..=37 => self.colour = Some(Colour::Indexed((number - 30) as u8)),
                number @ 90..=97 => self.colour = Some(Colour::Indexed((number - 90 + 8) as u8)),
                39 => self.colour = None,
                38 => {
                    if let Some(colour) = extended(&mut numbers, has_colons) {
                        self.colour = Some(colour);
                    }
                }
                // A background's numbers are passed over, so that they are not taken for something else.
                48 | 58 => {
                    extended(&mut numbers, has_colons);
                }
                _ => {}
            }
        }
    }
}

/// `5;n` or `2;r;g;b`; with colons the latter has an empty place for a colour space.
fn extended(numbers: &mut impl Iterator<Item = Option<u16>>, has_colons: bool) -> Option<Colour> {
    let byte = |number: Option<Option<u16>>| u8::try_from(number??).ok();
    match numbers.next()?? {
        5 => Some(Colour::Indexed(byte(numbers.next())?)),
        2 => {
            if has_colons {
                numbers.next();
            }
            Some(Colour::Rgb(byte(numbers.next())?, byte(numbers.next())?, byte(numbers.next())?))
        }
        _ => None,
    }
}

/// Whether text may hold escape sequences: one quick look over a whole chunk.
pub fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr(ESCAPE, text).is_some()
        || memchr::memchr_iter(0xc2, text).any(|at| matches!(text.get(at + 1), Some(0x80..=0x9f)))
}

/// The line as it is searched: what stands between escape sequences.
pub fn without_escapes(line: &[u8]) -> Cow<'_, [u8]> {
    if !has_escapes(line) {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        match Escape::at(line, at) {
            Some(escape) => at = escape.end,
            None => {
                plain.push(line[at]);
                at += 1;
            }
        }
    }
    Cow::Owned(plain)
}

/// The line as it is copied and saved: all its text and its tabs, and nothing that a terminal or a shell would obey.
pub fn raw(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|&c| c == '\t' || !is_hostile(c)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(line: &str) -> String {
        Harmless::new(line.as_bytes(), 1000).text
    }

    #[test]
    fn escape_sequences_go_and_the_text_around_them_stays() {
        assert_eq!(text("a\u{1b}[2Jb\u{1b}[?25lc"), "abc");
        assert_eq!(text("a\u{1b}]0;title\u{7}b\u{1b}]8;;http://x\u{1b}\\c"), "abc");
        assert_eq!(text("a\u{1b}]52;c;ZXZpbA==\u{1b}\\b"), "ab");
        assert_eq!(text("a\u{1b}P1$r\u{1b}\\b\u{1b}(Bc\u{1b}=d\u{1b}cd"), "abcdd");
        assert_eq!(text("a\u{9b}31mb\u{9d}0;x\u{9c}c\u{85}d"), "abcd");
        assert_eq!(text("end\u{1b}"), "end");
    }

    #[test]
    fn text_is_not_hidden_by_a_sequence_that_never_ends() {
        assert_eq!(text("a\u{1b}]0;the rest"), "a0;the rest");
        assert_eq!(text("a\u{1b}Pthe rest"), "athe rest");
        assert_eq!(text("a\u{1b}[31ößer"), "aößer");
    }

    #[test]
    fn controls_are_seen_and_tabs_keep_their_columns() {
        assert_eq!(text("a\u{8}b\rc\u{7f}\0"), "a␈b␍c␡␀");
        assert_eq!(text("ab\tc\t\td"), "ab      c               d");
        assert_eq!(text("x\u{202e}txt"), "x\u{fffd}txt");
        assert_eq!(Harmless::new(b"a\xff\xfeb\xe2\x82", 100).text, "a\u{fffd}\u{fffd}b\u{fffd}");
    }

    #[test]
    fn colours_are_kept_as_ranges() {
        let colour = |line: &str| Harmless::new(line.as_bytes(), 1000).dress;
        let dress = |colour| Dress { colour: Some(colour), ..Dress::default() };
        assert_eq!(colour("a\u{1b}[31mred\u{1b}[0mb"), [(1..4, dress(Colour::Indexed(1)))]);
        assert_eq!(colour("\u{1b}[38;5;208mx\u{1b}[39my"), [(0..1, dress(Colour::Indexed(208)))]);
        assert_eq!(colour("\u{1b}[38;2;1;2;3mx"), [(0..1, dress(Colour::Rgb(1, 2, 3)))]);
        assert_eq!(colour("\u{1b}[38:2::1:2:3mx"), [(0..1, dress(Colour::Rgb(1, 2, 3)))]);
        assert_eq!(colour("\u{1b}[48;5;1mx"), []);
        assert_eq!(colour("\u{1b}[1;4mx"), [(0..1, Dress { colour: None, is_bold: true, is_underlined: true })]);
        assert_eq!(colour("\u{1b}[38;5;999mx\u{1b}[;;mx"), []);
    }

    #[test]
    fn only_the_columns_asked_for_are_made() {
        let long = Harmless::new("word ".repeat(10_000).as_bytes(), 12);
        assert_eq!((long.text.as_str(), long.is_cut), ("word word wo", true));
        let exact = Harmless::new("word\u{1b}[0m ".as_bytes(), 4);
        assert_eq!((exact.text.as_str(), exact.is_cut), ("word", false));
        let piled = format!("a{}b", "\u{301}".repeat(1000));
        assert_eq!(text(&piled).chars().count(), 2 + COMBINING);
    }

    #[test]
    fn a_copied_line_is_all_text_and_no_controls() {
        assert_eq!(raw(b"a\tb\x1b[31mc\x07\xff"), "a\tb[31mc\u{fffd}");
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_become_something_that_a_terminal_obeys(line in proptest::collection::vec(any::<u8>(), 0..200), columns in 0_usize..100) {
            let harmless = Harmless::new(&line, columns);
            prop_assert!(!harmless.text.contains(is_hostile));
            for (range, _) in &harmless.dress {
                prop_assert!(harmless.text.get(range.clone()).is_some());
            }
        }

        #[test]
        fn sequences_put_together_at_random_are_harmless_too(parts in proptest::collection::vec("\u{1b}|\u{9b}|\u{9d}|\\[|\\]|P|\\\\|\u{7}|[0-9;:]{1,3}|m|ö|a", 0..40)) {
            let line = parts.concat();
            prop_assert!(!text(&line).contains(is_hostile));
        }
    }
}

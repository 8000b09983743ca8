//! What a person looks for in lines, and how a whole chunk is asked for it at once.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::{Chunk, harmless};
use crate::domain::{Level, Output};

/// Bounds of a compiled expression and of its cache: what a person types at night must not take the memory.
const SIZE_LIMIT: usize = 4 << 20;

/// One expression, compiled.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
    /// It means the same when it is run over many lines at once.
    is_line_wise: bool,
}

impl Pattern {
    /// Smart case: a capital letter in it means that case matters. `Err` says in words what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        Self::compile(text, text)
    }

    /// The characters themselves, whatever they mean in an expression.
    pub fn literal(text: &str) -> Self {
        Self::compile(text, &regex::escape(text)).expect("escaped text of a prompt's length compiles")
    }

    fn compile(text: &str, expression: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(expression)
            .case_insensitive(!has_capital(expression))
            .multi_line(true)
            .unicode(true)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| explain(&error))?;
        // These tell where the text begins and ends, or switch `^` and `$` back to that: not the same over many lines.
        let is_line_wise = !["\\A", "\\z", "(?"].iter().any(|part| expression.contains(part));
        Ok(Self { text: text.into(), regex, is_line_wise })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_match(&self, line: &[u8]) -> bool {
        self.regex.is_match(line)
    }

    /// Where it matches in text that is shown; matches of nothing are left out.
    pub fn find_in<'t>(&'t self, text: &'t str) -> impl Iterator<Item = std::ops::Range<usize>> + 't {
        self.regex.find_iter(text.as_bytes()).map(|found| found.range()).filter(|range| !range.is_empty())
    }

    /// Calls `matched` with every line of the chunk that it matches, in order.
    pub(super) fn each_match(&self, chunk: &Chunk, has_escapes: bool, mut matched: impl FnMut(usize)) {
        let mut line = 0;
        if self.is_line_wise && !has_escapes {
            // One search over all lines finds the next candidate at the speed of memory where there is a literal in it.
            while line < chunk.lines.len() {
                let Some(found) = self.regex.find_at(&chunk.text, chunk.start(line)) else { return };
                line = chunk.line_at(found.start());
                if line >= chunk.lines.len() {
                    return;
                }
                if found.end() > chunk.range(line).end && !self.is_match(chunk.line(line)) {
                    // It matches over a line's end. Such an expression would search the whole text again for each line.
                    break;
                }
                matched(line);
                line += 1;
            }
        }
        for line in line..chunk.lines.len() {
            let text = chunk.line(line);
            let is_match =
                if has_escapes { self.is_match(&harmless::without_escapes(text)) } else { self.is_match(text) };
            if is_match {
                matched(line);
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.regex.as_str() == other.regex.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.text)
    }
}

/// Whether a person typed a capital letter that is not part of a class like `\S`.
fn has_capital(expression: &str) -> bool {
    let mut characters = expression.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                // The name of a class in `\p{Lu}` or `\pL` is no letter as typed.
                let is_class = matches!(characters.next(), Some('p' | 'P'));
                if is_class && characters.next() == Some('{') {
                    characters.by_ref().find(|&c| c == '}');
                }
            }
            c if c.is_uppercase() => return true,
            _ => {}
        }
    }
    false
}

fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "this expression would need too much memory".into(),
        // The last line says what is wrong; those before it draw the expression with a mark, which has no room here.
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}

/// Which outputs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outputs {
    #[default]
    Both,
    Only(Output),
}

/// A line is shown when every `include` matches, no `exclude` does, its level is at least `at_least` or unknown, and its output is
/// wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub include: Vec<Pattern>,
    pub exclude: Vec<Pattern>,
    pub at_least: Level,
    pub outputs: Outputs,
    /// Gaps are shown among the lines, but a search does not stop at them.
    pub hides_gaps: bool,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && !self.looks_at_lines()
    }

    fn looks_at_lines(&self) -> bool {
        self.at_least != Level::None || self.outputs != Outputs::Both
    }

    /// The lines of a chunk that are shown, as a flag for each.
    pub(super) fn examine(&self, chunk: &Chunk, has_escapes: bool) -> Vec<bool> {
        let count = chunk.lines.len();
        let mut shown = vec![true; count];
        if self.looks_at_lines() {
            for (shown, line) in shown.iter_mut().zip(&chunk.lines) {
                let is_grave = line.level == Level::None || line.level >= self.at_least;
                *shown = is_grave && (self.outputs == Outputs::Both || self.outputs == Outputs::Only(line.output));
            }
        }
        let mut matched = vec![false; count];
        for pattern in &self.include {
            matched.fill(false);
            pattern.each_match(chunk, has_escapes, |line| matched[line] = true);
            shown.iter_mut().zip(&matched).for_each(|(shown, &matched)| *shown &= matched);
        }
        for pattern in &self.exclude {
            pattern.each_match(chunk, has_escapes, |line| shown[line] = false);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{chunk, source},
        *,
    };

    fn shown(filter: &Filter, lines: &[&str]) -> Vec<usize> {
        let lines: Vec<_> = lines.iter().map(|&line| (1, line)).collect();
        let chunk = chunk(&source("a"), &lines);
        let flags = filter.examine(&chunk, harmless::has_escapes(&chunk.text));
        flags.iter().enumerate().filter_map(|(line, &shown)| shown.then_some(line)).collect()
    }

    fn include(pattern: &str) -> Filter {
        Filter { include: vec![Pattern::new(pattern).expect("compiles")], ..Filter::default() }
    }

    #[test]
    fn case_matters_only_when_a_capital_letter_was_typed() {
        let lines = ["timeout", "Timeout", "TIMEOUT"];
        assert_eq!(shown(&include("timeout"), &lines), [0, 1, 2]);
        assert_eq!(shown(&include("Timeout"), &lines), [1]);
        assert_eq!(shown(&include(r"\Stimeout|\Dimeout"), &lines), [0, 1, 2]);
        assert_eq!(shown(&include(r"\p{Lu}imeout|\pLimeout"), &lines), [0, 1, 2]);
    }

    #[test]
    fn every_include_must_match_and_any_exclude_hides() {
        let mut filter = include("status=5");
        filter.include.push(Pattern::literal("checkout"));
        filter.exclude.push(Pattern::literal("probe"));
        let lines = ["checkout status=503", "cart status=503", "checkout status=200", "checkout probe status=503"];
        assert_eq!(shown(&filter, &lines), [0]);
    }

    #[test]
    fn lines_that_say_no_level_stay_whatever_level_is_asked_for() {
        let filter = Filter { at_least: Level::Warn, ..Filter::default() };
        assert_eq!(
            shown(&filter, &["INFO fine", "  at com.shop.Cart(Cart.java:7)", "ERROR broken", "WARN hm"]),
            [1, 2, 3]
        );
    }

    #[test]
    fn a_match_never_reaches_over_the_end_of_a_line() {
        let lines = ["begin", "end", "begin end", "x", "end begin"];
        assert_eq!(shown(&include(r"begin\s+end"), &lines), [2]);
        assert_eq!(shown(&include(r"begin[^q]*end"), &lines), [2]);
        assert_eq!(shown(&include(r"(?s)begin.*end"), &lines), [2]);
        assert_eq!(shown(&include(r"\s"), &lines), [2, 4]);
    }

    #[test]
    fn anchors_mean_the_line_whatever_way_they_are_written() {
        let lines = ["end", "the end", "end.", ""];
        for pattern in ["^end", r"\Aend", "(?-m)^end"] {
            assert_eq!(shown(&include(pattern), &lines), [0, 2], "{pattern}");
        }
        for pattern in ["end$", r"end\z"] {
            assert_eq!(shown(&include(pattern), &lines), [0, 1], "{pattern}");
        }
        assert_eq!(shown(&include("^$"), &lines), [3]);
        assert_eq!(shown(&include(""), &lines), [0, 1, 2, 3]);
    }

    #[test]
    fn colours_in_the_middle_of_a_word_do_not_hide_it() {
        assert_eq!(shown(&include("failed"), &["fa\u{1b}[31miled", "fine"]), [0]);
        assert_eq!(shown(&include("31m"), &["fa\u{1b}[31miled", "fine"]), [] as [usize; 0]);
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said_in_one_line() {
        assert_eq!(Pattern::new("(open").expect_err("refused"), "unclosed group");
        assert!(Pattern::new(r"(\w{900}){900}").expect_err("refused").contains("too much memory"));
        assert!(Pattern::literal("(open").is_match(b"see (open"));
    }
}

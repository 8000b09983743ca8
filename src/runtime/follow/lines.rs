//! Cuts the bytes of a log into lines, in bounded memory, each with the time that an engine puts before it.

use crate::{
    domain::Output,
    store::log::stamp::{LONGEST as TIME_LONGEST, split_time},
};

/// Of a longer line the beginning is kept, and how long it was is told.
pub const LONGEST: usize = 64 << 10;
/// Docker stores longer lines in parts of this size and writes the time again before each part.
const PART: usize = 16 << 10;

/// Lines that have begun and not ended, one for each output: their bytes come interleaved.
#[derive(Default)]
pub struct Lines {
    stdout: Partial,
    stderr: Partial,
}

#[derive(Default)]
struct Partial {
    text: Vec<u8>,
    /// Bytes of the line without its time, also those that were not kept.
    length: usize,
    has_begun: bool,
    /// Until then `text` is the first bytes of the line with its time: a piece may end within it.
    has_time: bool,
    at: Option<i64>,
}

/// A whole line, without its time and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// nanoseconds since 1970, if the engine said
    pub at: Option<i64>,
    pub output: Output,
    pub text: &'a [u8],
    /// How long it was; more than `text` when the rest was not kept.
    pub length: usize,
}

impl Lines {
    pub fn feed(&mut self, output: Output, mut bytes: &[u8], mut line: impl FnMut(Cut<'_>)) {
        let partial = self.of(output);
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            if !partial.has_begun && end <= PART {
                // Nearly always: the line lies whole in these bytes and is not copied.
                let (at, text) = split_time(&bytes[..end]);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                line(Cut { at, output, text, length: text.len() });
            } else {
                partial.append(&bytes[..end]);
                partial.end(output, &mut line);
            }
            bytes = &bytes[end + 1..];
        }
        if !bytes.is_empty() {
            partial.append(bytes);
        }
    }

    /// The stream has ended for good: what has no line end is a line too.
    pub fn finish(&mut self, mut line: impl FnMut(Cut<'_>)) {
        for output in [Output::Stdout, Output::Stderr] {
            let partial = self.of(output);
            if partial.has_begun {
                partial.end(output, &mut line);
            }
        }
    }

    fn of(&mut self, output: Output) -> &mut Partial {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }
}

impl Partial {
    fn append(&mut self, mut bytes: &[u8]) {
        self.has_begun = true;
        if !self.has_time {
            let head = bytes.len().min(TIME_LONGEST - self.text.len());
            self.text.extend_from_slice(&bytes[..head]);
            bytes = &bytes[head..];
            if self.text.len() < TIME_LONGEST {
                return;
            }
            self.take_time();
        }
        while !bytes.is_empty() {
            if self.length > 0 && self.length.is_multiple_of(PART) {
                bytes = split_time(bytes).1;
            }
            let part = bytes.len().min(PART - self.length % PART);
            self.store(&bytes[..part]);
            bytes = &bytes[part..];
        }
    }

    /// The first bytes are there: takes the time off them.
    fn take_time(&mut self) {
        let (at, text) = split_time(&self.text);
        self.at = at;
        self.length = text.len();
        self.text = text.to_vec();
        self.has_time = true;
    }

    fn store(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len();
    }

    fn end(&mut self, output: Output, line: &mut impl FnMut(Cut<'_>)) {
        if !self.has_time {
            self.take_time();
        }
        let is_whole = self.length == self.text.len();
        let text = if is_whole { self.text.strip_suffix(b"\r").unwrap_or(&self.text) } else { &self.text };
        line(Cut { at: self.at, output, text, length: if is_whole { text.len() } else { self.length } });
        self.text.clear();
        // One long line must not hold its memory for good.
        self.text.shrink_to(PART);
        (self.length, self.at) = (0, None);
        (self.has_begun, self.has_time) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[(Output, &[u8])]) -> Vec<(Output, String, usize)> {
        let mut lines = Lines::default();
        let mut cut = Vec::new();
        for (output, bytes) in pieces {
            lines.feed(*output, bytes, |line| {
                cut.push((line.output, String::from_utf8_lossy(line.text).into_owned(), line.length));
            });
        }
        lines.finish(|line| cut.push((line.output, String::from_utf8_lossy(line.text).into_owned(), line.length)));
        cut
    }

    const TIME: &str = "2026-11-21T02:00:00.123456789Z ";

    #[test]
    fn lines_of_two_outputs_are_cut_apart_wherever_their_pieces_end() {
        let out = format!("{TIME}one\r\n{TIME}\n{TIME}three\n");
        let whole = cut(&[(Output::Stdout, out.as_bytes())]);
        assert_eq!(whole.iter().map(|line| line.1.as_str()).collect::<Vec<_>>(), ["one", "", "three"]);
        for at in 0..out.len() {
            let (begin, rest) = out.as_bytes().split_at(at);
            let err = format!("{TIME}trouble");
            let pieces = [(Output::Stdout, begin), (Output::Stderr, err.as_bytes()), (Output::Stdout, rest)];
            let mut lines = cut(&pieces);
            assert_eq!(lines.pop(), Some((Output::Stderr, "trouble".into(), 7)), "{at}");
            assert_eq!(lines, whole, "{at}");
        }
    }

    #[test]
    fn a_line_of_ten_megabytes_takes_no_more_than_its_beginning() {
        let mut lines = Lines::default();
        let mut seen = None;
        lines.feed(Output::Stdout, format!("{TIME}{}", "x".repeat(1000)).as_bytes(), |_| panic!("it has not ended"));
        for _ in 0..10_000 {
            lines.feed(Output::Stdout, "x".repeat(1000).as_bytes(), |_| panic!("it has not ended"));
            assert!(lines.stdout.text.capacity() <= 2 * LONGEST);
        }
        lines.feed(Output::Stdout, b"\nnext\n", |line| {
            seen.get_or_insert((line.text.len(), line.length));
        });
        assert_eq!(seen, Some((LONGEST, 10_001_000)));
        assert!(lines.stdout.text.capacity() <= PART);
    }

    #[test]
    fn the_times_that_docker_writes_within_a_long_line_are_taken_out() {
        let text: String = ('a'..='z').cycle().take(40_000).collect();
        let parts: Vec<String> =
            text.as_bytes().chunks(PART).map(|part| format!("{TIME}{}", String::from_utf8_lossy(part))).collect();
        let pieces: Vec<_> = parts.iter().map(|part| (Output::Stdout, part.as_bytes())).collect();
        assert_eq!(cut(&pieces), [(Output::Stdout, text.clone(), 40_000)]);
        let joined = format!("{}\n", parts.concat());
        assert_eq!(cut(&[(Output::Stdout, joined.as_bytes())]), [(Output::Stdout, text, 40_000)]);
    }
}

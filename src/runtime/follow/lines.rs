//! Cuts the bytes of a log into lines, in bounded memory, and reads the time that an engine puts before each.

use crate::domain::Output;

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

/// `2026-11-21T02:00:00.123456789+01:00 ` and not more.
const TIME_LONGEST: usize = 36;

/// The time that a line begins with, and the rest of the line. Without one, all of it is the rest.
pub fn split_time(line: &[u8]) -> (Option<i64>, &[u8]) {
    match parse_time(line) {
        Some((at, length)) => (Some(at), &line[length..]),
        None => (None, line),
    }
}

/// RFC 3339 with up to nine places and one space after it, by hand: every line of a flood passes here.
fn parse_time(line: &[u8]) -> Option<(i64, usize)> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = line.get(from..to)?;
        digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let head = line.get(..20)?;
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1970..=2200).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if line[at] == b'.' {
        let places = line[at + 1..].iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
        nanos = number(at + 1, at + 1 + places)? * 10_i64.pow(9 - u32::try_from(places).ok()?);
        at += 1 + places;
    }
    let offset = match line.get(at)? {
        b'Z' => {
            at += 1;
            0
        }
        sign @ (b'+' | b'-') => {
            let offset = number(at + 1, at + 3)? * 3600 + number(at + 4, at + 6)? * 60;
            at += 6;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    // An empty line has its time and may have lost the space.
    let space = match line.get(at) {
        Some(b' ') => 1,
        None => 0,
        Some(_) => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some((seconds * 1_000_000_000 + nanos, at + space))
}

/// Days since 1970 of a date of the Gregorian calendar, counting years from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// 1 January 1970, counted from 1 March of year 0.
const EPOCH: i64 = 719_468;

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
    fn the_time_is_the_same_that_jiff_reads() {
        for text in [
            "2026-11-21T02:00:00.123456789Z",
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.5Z",
            "2024-02-29T12:00:00.000000001+05:30",
            "2100-03-01T00:00:00.25-11:00",
            "2026-12-31T23:59:59.999999999Z",
        ] {
            let expected: jiff::Timestamp = text.parse().expect("a time");
            let line = format!("{text} rest");
            let (at, rest) = split_time(line.as_bytes());
            assert_eq!((at.map(i128::from), rest), (Some(expected.as_nanosecond()), &b"rest"[..]), "{text}");
        }
    }

    #[test]
    fn a_line_without_a_time_is_kept_whole() {
        for line in
            ["", "hello", "2026-11-21", "2026-11-21T02:00:00", "2026-11-21T02:00:00Zx", "9999-99-99T99:99:99Z x"]
        {
            assert_eq!(split_time(line.as_bytes()), (None, line.as_bytes()));
        }
    }

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

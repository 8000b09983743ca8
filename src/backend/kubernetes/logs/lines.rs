//! Takes the bytes of a log apart into lines that each begin with their time, once, and lets through those that were not read before. Pure.
//!
//! The container runtime cuts long lines (containerd after 16 KiB, conmon after 8), and older kubelets write a time before each part, in
//! the middle of the line.

use bytes::{Bytes, BytesMut};

use crate::{
    domain::{Output, text::clean},
    store::log::{
        Overlap,
        stamp::{LONGEST as LONGEST_TIME, split_time},
    },
};

/// Every runtime cuts at a multiple of this.
const STEP: usize = 4 << 10;
/// By so much of its text a line is known when it is read again. The rest of it is not held back.
const HEAD: usize = 64 << 10;
/// Lines that are remembered for reading again: at a time there are many of these logs.
const REMEMBERED: usize = 2048;
/// Of the kubelet's own words.
const WORDS: usize = 300;

pub struct Lines {
    /// nanoseconds since 1970; what is older was not asked for
    since: i64,
    overlap: Overlap,
    open: Option<Open>,
    out: BytesMut,
    /// What the kubelet said itself where lines were expected: such a line has no time.
    words: Option<String>,
}

/// A line that has begun and not ended.
#[derive(Default)]
struct Open {
    /// Its first bytes, until its time is known.
    beginning: Vec<u8>,
    at: Option<i64>,
    /// Where in `text` it begins, after the time.
    start: usize,
    /// Time and text; empty when it has been let through and the rest of it passes by.
    text: Vec<u8>,
    seams: Seams,
    /// Whether it is let through, once that is known.
    verdict: Option<bool>,
}

/// Where the runtime cut a line, a time may stand.
#[derive(Default)]
struct Seams {
    /// Bytes of text since the last time.
    run: usize,
    /// What may be a time.
    held: Vec<u8>,
}

impl Lines {
    /// Of `since` and later; `i64::MIN` for all.
    pub fn since(since: i64) -> Self {
        Self { since, overlap: Overlap::of(REMEMBERED), open: None, out: BytesMut::new(), words: None }
    }

    /// The time of the youngest line that was let through.
    pub fn last(&self) -> Option<i64> {
        self.overlap.last()
    }

    /// The time of the last of these lines, if it was asked for.
    pub fn newest_of(&self, bytes: &[u8]) -> Option<i64> {
        let line = bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
        split_time(line).0.filter(|at| *at >= self.since)
    }

    /// It is read again, from this time on; `None`: nothing was read yet.
    pub fn resume(&mut self) -> Option<i64> {
        self.overlap.resume()
    }

    /// What is new of these bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Bytes {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end + 1);
            match self.open.take() {
                None if line.len() <= STEP => self.whole(line),
                open => {
                    let mut open = open.unwrap_or_default();
                    self.part(&mut open, &line[..end]);
                    self.end(open);
                }
            }
            bytes = rest;
        }
        if !bytes.is_empty() {
            let mut open = self.open.take().unwrap_or_default();
            self.part(&mut open, bytes);
            self.open = Some(open);
        }
        self.out.split().freeze()
    }

    /// The run has ended: what has no line end is a line too.
    pub fn finish(&mut self) -> Bytes {
        if let Some(open) = self.open.take() {
            self.end(open);
        }
        self.out.split().freeze()
    }

    /// The stream broke off, and is read again from before the line that has begun.
    pub fn abandon(&mut self) -> Bytes {
        if let Some(Open { verdict: Some(true), .. }) = self.open.take() {
            // Its beginning has been given away.
            self.out.extend_from_slice(b"\n");
        }
        self.out.split().freeze()
    }

    /// What the kubelet said instead of lines since this was asked last.
    pub fn take_words(&mut self) -> Option<String> {
        self.words.take()
    }

    fn whole(&mut self, line: &[u8]) {
        let (at, text) = split_time(&line[..line.len() - 1]);
        if self.wants(at, text) {
            self.out.extend_from_slice(line);
        }
    }

    fn wants(&mut self, at: Option<i64>, text: &[u8]) -> bool {
        match at {
            Some(at) => at >= self.since && self.overlap.is_new(at, Output::Stdout, text),
            None => {
                let said = String::from_utf8_lossy(&text[..text.len().min(WORDS)]);
                self.words = Some(clean(said.trim()).into_owned());
                false
            }
        }
    }

    fn part(&mut self, open: &mut Open, mut bytes: &[u8]) {
        if open.start == 0 {
            let missing = LONGEST_TIME.saturating_sub(open.beginning.len()).min(bytes.len());
            open.beginning.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if open.beginning.len() < LONGEST_TIME {
                return;
            }
            open.begin();
        }
        while !bytes.is_empty() {
            bytes = open.seams.join(bytes, &mut open.text);
            if open.verdict.is_none() && open.text.len() - open.start >= HEAD {
                open.verdict = Some(self.wants(open.at, &open.text[open.start..open.start + HEAD]));
            }
            match open.verdict {
                Some(true) => self.out.extend_from_slice(&open.text),
                Some(false) => {}
                None => continue,
            }
            open.text.clear();
        }
    }

    fn end(&mut self, mut open: Open) {
        if open.start == 0 {
            open.begin();
        }
        open.seams.end(&mut open.text);
        let is_wanted = match open.verdict {
            Some(verdict) => verdict,
            None => self.wants(open.at, &open.text[open.start..]),
        };
        if is_wanted {
            self.out.extend_from_slice(&open.text);
            self.out.extend_from_slice(b"\n");
        }
    }
}

impl Open {
    fn begin(&mut self) {
        let beginning = std::mem::take(&mut self.beginning);
        let (at, text) = split_time(&beginning);
        self.at = at;
        // A line without a time begins at once: the kubelet's own words are never so long that this matters.
        self.start = beginning.len() - text.len();
        self.text.extend_from_slice(&beginning[..self.start]);
        let mut rest = text;
        while !rest.is_empty() {
            rest = self.seams.join(rest, &mut self.text);
        }
    }
}

impl Seams {
    /// Takes some of the bytes, at least one, and gives the rest back.
    fn join<'a>(&mut self, bytes: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
        let is_seam = self.run > 0 && self.run.is_multiple_of(STEP);
        if !is_seam {
            let (now, rest) = bytes.split_at(bytes.len().min(STEP - self.run % STEP));
            text.extend_from_slice(now);
            self.run += now.len();
            return rest;
        }
        let (now, rest) = bytes.split_at(bytes.len().min(LONGEST_TIME - self.held.len()));
        self.held.extend_from_slice(now);
        if self.held.len() == LONGEST_TIME || !self.held[0].is_ascii_digit() {
            self.end(text);
        }
        rest
    }

    fn end(&mut self, text: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let (at, rest) = split_time(&held);
        text.extend_from_slice(rest);
        self.run = if at.is_some() { rest.len() } else { self.run + rest.len() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn line(second: u32, text: &str) -> String {
        format!("2026-11-21T02:00:{second:02}.123456789Z {text}\n")
    }

    fn nanos(second: u32) -> i64 {
        split_time(line(second, "").as_bytes()).0.expect("a time")
    }

    /// As a kubelet sends a line that the runtime cut after `part` bytes.
    fn cut(text: &str, part: usize) -> String {
        let parts = text.as_bytes().chunks(part).enumerate();
        let parts =
            parts.map(|(n, part)| line(n as u32, std::str::from_utf8(part).expect("ascii")).trim_end().to_owned());
        parts.collect::<String>() + "\n"
    }

    fn read(lines: &mut Lines, text: &str) -> String {
        String::from_utf8(lines.push(text.as_bytes()).to_vec()).expect("utf-8")
    }

    #[test]
    fn a_line_that_the_runtime_cut_is_joined_wherever_the_pieces_of_it_end() {
        let text: String = ('a'..='z').cycle().take(50_000).collect();
        for (part, size) in [(16 << 10, 50_000), (8 << 10, 7_001), (16 << 10, 37), (4 << 10, 4_096)] {
            let mut lines = Lines::since(i64::MIN);
            let sent = cut(&text, part) + &line(9, "after");
            let mut got = Vec::new();
            for piece in sent.as_bytes().chunks(size) {
                got.extend_from_slice(&lines.push(piece));
            }
            let expected = line(0, &text) + &line(9, "after");
            assert!(got == expected.as_bytes(), "cut at {part}, pieces of {size}");
        }
    }

    #[test]
    fn a_newer_kubelet_writes_the_time_once_and_then_nothing_is_taken_out() {
        let text: String = "2026-11-21 ".chars().cycle().take(100_000).collect();
        let sent = line(1, &text);
        assert!(read(&mut Lines::since(i64::MIN), &sent) == sent);
    }

    #[test]
    fn a_line_as_long_as_a_part_ends_where_it_ends() {
        let text = "x".repeat(16 << 10);
        let sent = format!("{}{}", line(1, &text).trim_end(), line(2, ""));
        assert!(read(&mut Lines::since(i64::MIN), &sent) == line(1, &text));
    }

    #[test]
    fn what_is_older_than_was_asked_for_is_dropped_to_the_nanosecond() {
        let sent = line(1, "old") + &line(2, "asked for") + &line(3, "new");
        assert_eq!(read(&mut Lines::since(nanos(2)), &sent), line(2, "asked for") + &line(3, "new"));
        assert_eq!(read(&mut Lines::since(nanos(2) + 1), &sent), line(3, "new"));
    }

    #[test]
    fn reading_again_gives_what_was_missed_and_nothing_twice() {
        let mut lines = Lines::since(i64::MIN);
        let sent = line(1, "one") + &line(9, "tick") + &line(9, "tick") + &line(10, "cut o");
        assert_eq!(read(&mut lines, sent.trim_end()), line(1, "one") + &line(9, "tick") + &line(9, "tick"));
        assert!(lines.abandon().is_empty(), "half a line is not given away");
        assert_eq!(lines.resume(), Some(nanos(9) - 2 * SECOND));
        let again = line(9, "tick") + &line(9, "tick") + &line(9, "tick") + &line(10, "cut off");
        assert_eq!(read(&mut lines, &again), line(9, "tick") + &line(10, "cut off"));
    }

    #[test]
    fn a_very_long_line_is_not_held_back_and_is_known_again() {
        let mut lines = Lines::since(i64::MIN);
        let long = line(5, &"y".repeat(1 << 20));
        let first = lines.push(&long.as_bytes()[..200_000]);
        assert!(first.len() > 190_000, "{}", first.len());
        assert_eq!(&lines.abandon()[..], b"\n");
        lines.resume();
        assert_eq!(read(&mut lines, &(long + &line(6, "next"))), line(6, "next"));
    }

    #[test]
    fn the_last_line_of_a_run_may_lack_its_end() {
        let mut lines = Lines::since(i64::MIN);
        assert_eq!(read(&mut lines, line(1, "no end").trim_end()), "");
        assert_eq!(&lines.finish()[..], line(1, "no end").as_bytes());
        assert_eq!(read(&mut lines, &line(2, "the next run")), line(2, "the next run"));
    }

    #[test]
    fn the_kubelets_own_words_are_no_line() {
        let mut lines = Lines::since(i64::MIN);
        assert_eq!(read(&mut lines, "unable to retrieve container logs for containerd://b113"), "");
        assert!(lines.finish().is_empty());
        assert_eq!(lines.take_words().as_deref(), Some("unable to retrieve container logs for containerd://b113"));
    }
}

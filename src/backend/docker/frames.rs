//! Takes a log body apart into lines that each begin with their time, once. Pure.
//!
//! Docker cuts lines after 16 KiB and writes the time before each part: with a terminal in the middle of nowhere, without one at the
//! beginning of a frame. All parts of a line bear the same time, which is how they are known.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use crate::{backend::LogPiece, domain::Output};

/// Pieces are handed on when they are this large, or when there is nothing more to read at once.
const PIECE: usize = 64 << 10;
/// Where Docker cuts (`daemon/logger/copier.go`).
const PART: usize = 16 << 10;
/// `2026-11-21T02:17:32.196735818Z ` and some room for an offset.
const LONGEST_TIME: usize = 40;
/// `[stream, 0, 0, 0, length as u32, big end first]`
const HEADER: usize = 8;
/// A frame is a part and its time; a length beyond this means that we have lost our place.
const LONGEST_FRAME: usize = 4 << 20;

pub struct Frames {
    kind: Kind,
    rest: BytesMut,
    out: Pieces,
    /// With its space, of the last line that began.
    last_time: Bytes,
}

enum Kind {
    Terminal(TerminalState),
    /// The times of the lines that were begun and not ended, by output.
    Multiplexed {
        stdout: Option<Bytes>,
        stderr: Option<Bytes>,
    },
}

enum TerminalState {
    /// A time comes next.
    Start,
    /// So many bytes until Docker cuts.
    Line { left: usize },
    /// Docker cut here, or the line is just this long.
    Cut,
}

/// The body makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost;

impl Frames {
    pub fn new(tty: bool) -> Self {
        let multiplexed = Kind::Multiplexed { stdout: None, stderr: None };
        Self {
            kind: if tty { Kind::Terminal(TerminalState::Start) } else { multiplexed },
            rest: BytesMut::new(),
            out: Pieces::default(),
            last_time: Bytes::new(),
        }
    }

    /// What is whole now. Nothing is held back for more to come but the parts of a frame or of a time.
    pub fn push(&mut self, bytes: &[u8]) -> Result<VecDeque<LogPiece>, Lost> {
        self.rest.extend_from_slice(bytes);
        match &mut self.kind {
            Kind::Terminal(state) => terminal(state, &mut self.rest, &mut self.out, &mut self.last_time),
            Kind::Multiplexed { stdout, stderr } => {
                while let Some((output, frame)) = next_frame(&mut self.rest)? {
                    let open = match output {
                        Output::Stdout => &mut *stdout,
                        Output::Stderr => &mut *stderr,
                    };
                    one_frame(output, frame, open, &mut self.out, &mut self.last_time);
                }
            }
        }
        Ok(self.out.take())
    }

    /// The log is at its end: what was left over, and ends for the lines that had none.
    pub fn finish(&mut self) -> VecDeque<LogPiece> {
        match &mut self.kind {
            Kind::Terminal(state) => {
                self.out.add(Output::Stdout, &self.rest.split());
                if !matches!(state, TerminalState::Start) {
                    self.out.add(Output::Stdout, b"\n");
                }
                *state = TerminalState::Start;
            }
            Kind::Multiplexed { stdout, stderr } => {
                for (output, open) in [(Output::Stdout, stdout), (Output::Stderr, stderr)] {
                    if open.take().is_some() {
                        self.out.add(output, b"\n");
                    }
                }
            }
        }
        self.out.take()
    }

    /// Of the last line that began.
    pub fn last_time(&self) -> Option<Timestamp> {
        std::str::from_utf8(&self.last_time).ok()?.trim_end().parse().ok()
    }
}

fn next_frame(rest: &mut BytesMut) -> Result<Option<(Output, Bytes)>, Lost> {
    let Some(&[stream, _, _, _, a, b, c, d]) = rest.first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let output = match stream {
        0 | 1 => Output::Stdout,
        // 3 is the engine's own complaint about the log.
        2 | 3 => Output::Stderr,
        _ => return Err(Lost),
    };
    if length > LONGEST_FRAME {
        return Err(Lost);
    }
    if rest.len() < HEADER + length {
        return Ok(None);
    }
    let frame = rest.split_to(HEADER + length).freeze();
    Ok(Some((output, frame.slice(HEADER..))))
}

fn one_frame(output: Output, frame: Bytes, open: &mut Option<Bytes>, out: &mut Pieces, last_time: &mut Bytes) {
    let Some(length) = time_length(&frame) else {
        // The engine's own words, which bear no time: they get that of the line before.
        if open.take().is_some() {
            out.add(output, b"\n");
        }
        if last_time.is_empty() {
            *last_time = Bytes::from(format!("{} ", Timestamp::now()));
        }
        out.add(output, last_time);
        out.add(output, &frame);
        *open = (!frame.ends_with(b"\n")).then(|| last_time.clone());
        return;
    };
    let is_whole = frame.ends_with(b"\n");
    match open {
        Some(time) if frame.starts_with(time) => out.add(output, &frame[length..]),
        Some(_) => {
            // The program ended in the middle of a line, and this is the next one's first.
            out.add(output, b"\n");
            out.add(output, &frame);
        }
        None => out.add(output, &frame),
    }
    let time = frame.slice(..length);
    *open = (!is_whole).then(|| time.clone());
    *last_time = time;
}

fn terminal(state: &mut TerminalState, rest: &mut BytesMut, out: &mut Pieces, last_time: &mut Bytes) {
    while !rest.is_empty() {
        match state {
            TerminalState::Start => {
                if memchr::memchr(b' ', rest).is_none() && rest.len() < LONGEST_TIME {
                    return;
                }
                let length = time_length(rest).unwrap_or(0);
                let time = rest.split_to(length).freeze();
                out.add(Output::Stdout, &time);
                *last_time = time;
                *state = TerminalState::Line { left: PART };
            }
            TerminalState::Line { left } => {
                let window = (*left).min(rest.len());
                if let Some(end) = memchr::memchr(b'\n', &rest[..window]) {
                    out.add(Output::Stdout, &rest.split_to(end + 1));
                    *state = TerminalState::Start;
                } else {
                    out.add(Output::Stdout, &rest.split_to(window));
                    *state =
                        if window == *left { TerminalState::Cut } else { TerminalState::Line { left: *left - window } };
                }
            }
            TerminalState::Cut => {
                if rest.len() < last_time.len() && last_time.starts_with(rest) {
                    return;
                }
                if rest.starts_with(last_time) {
                    _ = rest.split_to(last_time.len());
                }
                *state = TerminalState::Line { left: PART };
            }
        }
    }
}

/// With its space; `None` if the text does not begin with a time.
fn time_length(text: &[u8]) -> Option<usize> {
    let space = memchr::memchr(b' ', &text[..text.len().min(LONGEST_TIME)])?;
    (space >= 20 && text[4] == b'-' && text[10] == b'T').then_some(space + 1)
}

/// Gathers what belongs together, so that a flood is not handed on a line at a time.
#[derive(Default)]
struct Pieces {
    whole: VecDeque<LogPiece>,
    output: Output,
    current: BytesMut,
}

impl Pieces {
    fn add(&mut self, output: Output, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if output != self.output || self.current.len() >= PIECE {
            self.close();
            self.output = output;
        }
        self.current.extend_from_slice(bytes);
    }

    fn close(&mut self) {
        if !self.current.is_empty() {
            self.whole.push_back(LogPiece { output: self.output, bytes: self.current.split().freeze() });
        }
    }

    fn take(&mut self) -> VecDeque<LogPiece> {
        self.close();
        std::mem::take(&mut self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: &str = "2026-11-21T02:17:32.196735818Z ";
    const T2: &str = "2026-11-21T02:17:33.000000001Z ";

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).expect("short").to_be_bytes();
        [&[stream, 0, 0, 0][..], &length, text.as_bytes()].concat()
    }

    /// Read in pieces of `step` bytes.
    fn read(tty: bool, body: &[u8], step: usize) -> Vec<(Output, String)> {
        let mut frames = Frames::new(tty);
        let mut pieces = VecDeque::new();
        for part in body.chunks(step) {
            pieces.extend(frames.push(part).expect("makes sense"));
        }
        pieces.extend(frames.finish());
        let mut joined: Vec<(Output, String)> = Vec::new();
        for piece in pieces {
            let text = String::from_utf8(piece.bytes.to_vec()).expect("text");
            match joined.last_mut() {
                Some((output, before)) if *output == piece.output => before.push_str(&text),
                _ => joined.push((piece.output, text)),
            }
        }
        joined
    }

    #[test]
    fn the_two_outputs_are_told_apart_however_the_bytes_arrive() {
        let body = [frame(1, &format!("{T1}out\n")), frame(2, &format!("{T2}err\n"))].concat();
        let expected = [(Output::Stdout, format!("{T1}out\n")), (Output::Stderr, format!("{T2}err\n"))];
        for step in [1, 7, 8, 9, 1000] {
            assert_eq!(read(false, &body, step), expected, "in steps of {step}");
        }
    }

    #[test]
    fn a_line_that_docker_cut_bears_its_time_once() {
        let long = "x".repeat(PART);
        let body = [
            frame(1, &format!("{T1}{long}")),
            frame(2, &format!("{T2}between\n")),
            frame(1, &format!("{T1}{long}")),
            frame(1, &format!("{T1}end\n")),
        ]
        .concat();
        let all = read(false, &body, 4096);
        let stdout: String =
            all.iter().filter(|(output, _)| *output == Output::Stdout).map(|(_, text)| &**text).collect();
        assert_eq!(stdout, format!("{T1}{long}{long}end\n"));
    }

    #[test]
    fn a_program_that_ended_within_a_line_does_not_swallow_the_first_of_the_next_run() {
        let body = [frame(1, &format!("{T1}no end")), frame(1, &format!("{T2}next\n"))].concat();
        assert_eq!(read(false, &body, 100), [(Output::Stdout, format!("{T1}no end\n{T2}next\n"))]);
    }

    #[test]
    fn the_engines_own_complaint_gets_a_time() {
        let body = [frame(1, &format!("{T1}a\n")), frame(3, "Error grabbing logs: gone\n")].concat();
        assert_eq!(read(false, &body, 100)[1], (Output::Stderr, format!("{T1}Error grabbing logs: gone\n")));
    }

    #[test]
    fn a_terminals_lines_bear_their_time_once_also_when_they_are_long() {
        let long = "y".repeat(PART);
        let body = format!("{T1}short\r\n{T2}{long}{T2}{long}{T2}end\r\n{T1}last\r\n");
        let expected = format!("{T1}short\r\n{T2}{long}{long}end\r\n{T1}last\r\n");
        for step in [1, 31, 4096, 100_000] {
            assert_eq!(read(true, body.as_bytes(), step), [(Output::Stdout, expected.clone())], "in steps of {step}");
        }
    }

    #[test]
    fn a_line_of_exactly_one_part_is_not_cut() {
        let long = "z".repeat(PART);
        let body = format!("{T1}{long}\r\n{T2}next\r\n");
        assert_eq!(read(true, body.as_bytes(), 5000), [(Output::Stdout, body.clone())]);
    }

    #[test]
    fn a_flood_is_handed_on_in_large_pieces() {
        let body: Vec<u8> = (0..10_000).flat_map(|_| frame(1, &format!("{T1}line\n"))).collect();
        let pieces = Frames::new(false).push(&body).expect("makes sense");
        assert!(pieces.len() <= 10, "{} pieces", pieces.len());
        assert!(pieces.iter().all(|piece| piece.bytes.len() <= PIECE + 64));
    }

    #[test]
    fn what_is_no_log_is_noticed() {
        assert_eq!(Frames::new(false).push(b"<html><body>"), Err(Lost));
        assert_eq!(Frames::new(false).push(&[1, 0, 0, 0, 255, 255, 255, 255]), Err(Lost));
    }
}

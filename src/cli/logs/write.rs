//! How a log line is written: filtered, without its colours, harmless, with the name of its instance where there are several.

use std::{borrow::Cow, io, ops::Range, sync::Arc};

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::super::{arguments, printer::Printer, records::LogRecord};
use crate::{
    domain::{Level, ServiceId, units},
    store::log::{Chunk, Gap, Line, Source},
};

pub enum Piece {
    Line { chunk: Arc<Chunk>, text: Range<usize>, line: Line },
    Gap(Gap),
}

pub struct Writer<'a> {
    asked: &'a arguments::Logs,
    service: ServiceId,
    names_sources: bool,
    name_width: usize,
}

impl<'a> Writer<'a> {
    pub fn new(asked: &'a arguments::Logs, service: &ServiceId, names_sources: bool) -> Self {
        Self { asked, service: service.clone(), names_sources, name_width: 0 }
    }

    /// Names stand under each other.
    pub fn knows(&mut self, name: &str) {
        self.name_width = self.name_width.max(name.width());
    }

    pub fn write(&self, piece: &Piece, printer: &mut Printer) -> io::Result<()> {
        match piece {
            Piece::Line { chunk, text, line } => {
                let bytes = chunk.text.get(text.clone()).unwrap_or_default();
                let message = String::from_utf8_lossy(bytes.trim_ascii_end());
                let message = without_colours(&message);
                if self.wants(line.level, &message) { self.line(chunk, line, &message, printer) } else { Ok(()) }
            }
            Piece::Gap(gap) => self.gap(gap, printer),
        }
    }

    fn wants(&self, level: Level, message: &str) -> bool {
        let included = self.asked.include.is_empty() || self.asked.include.iter().any(|regex| regex.is_match(message));
        level >= self.asked.level && included && !self.asked.exclude.iter().any(|regex| regex.is_match(message))
    }

    fn line(&self, chunk: &Chunk, line: &Line, message: &str, printer: &mut Printer) -> io::Result<()> {
        let time = Timestamp::from_nanosecond(line.at.into()).unwrap_or_default();
        if self.asked.listing.json {
            let record = LogRecord {
                output: Some(line.output),
                level: Some(line.level),
                message: Some(message),
                ..self.record(&chunk.source, time)
            };
            return printer.object(&record);
        }
        printer.line(&format!("{}{}{message}", self.time(time), self.name(&chunk.source.name)))
    }

    fn gap(&self, gap: &Gap, printer: &mut Printer) -> io::Result<()> {
        if self.asked.listing.json {
            let record = LogRecord { lines_not_shown: Some(gap.lines), ..self.record(&gap.source, gap.from) };
            return printer.object(&record);
        }
        let lines = units::count(gap.lines);
        printer.line(&format!("{}{}... {lines} lines not shown ...", self.time(gap.from), self.name(&gap.source.name)))
    }

    fn record<'b>(&'b self, source: &'b Source, time: Timestamp) -> LogRecord<'b> {
        let container = source.instance.part_name();
        let instance = container.and_then(|part| source.name.strip_suffix(part)?.strip_suffix('/'));
        LogRecord {
            cluster: self.service.cluster.as_str(),
            scope: self.service.scope.as_str(),
            service: &self.service.name,
            instance: instance.unwrap_or(&source.name),
            container,
            time,
            output: None,
            level: None,
            message: None,
            lines_not_shown: None,
        }
    }

    fn time(&self, time: Timestamp) -> String {
        if self.asked.timestamps { format!("{time:.3} ") } else { String::new() }
    }

    fn name(&self, name: &str) -> String {
        if !self.names_sources {
            return String::new();
        }
        format!("{name}{} | ", " ".repeat(self.name_width.saturating_sub(name.width())))
    }
}

/// Takes SGR sequences (`ESC [ ... m`) out, which colour text and do nothing else. Every other escape sequence stays, to be made
/// harmless in sight.
fn without_colours(text: &str) -> Cow<'_, str> {
    if !text.contains("\x1b[") {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        kept.push_str(before);
        let parameters = sequence[2..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ';' | ':'));
        rest = parameters.strip_prefix('m').unwrap_or_else(|| {
            kept.push('\x1b');
            &sequence[1..]
        });
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_and_nothing_else() {
        assert_eq!(without_colours("\x1b[1;31mERROR\x1b[0m no \x1b[38:5:9mred\x1b[m"), "ERROR no red");
        assert_eq!(without_colours("\x1b[2J\x1b[31"), "\x1b[2J\x1b[31");
        assert!(matches!(without_colours("plain"), Cow::Borrowed(_)));
    }
}

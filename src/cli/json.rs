//! JSON that is as harmless on a terminal as it is exact for a machine: what could act on a terminal is written as `\uXXXX`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{
    Serializer,
    ser::{CompactFormatter, Formatter},
};

use crate::domain::text::is_hostile;

/// One object and a line break.
pub fn write(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    record.serialize(&mut Serializer::with_formatter(&mut *out, Harmless))?;
    out.write_all(b"\n")
}

/// serde_json escapes the control characters below U+0020 itself; the others and the invisible ones come through here.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_hostile(c)) {
            CompactFormatter.write_string_fragment(writer, &rest[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, &text).expect("a Vec takes everything");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn escape_sequences_and_bidi_controls_are_spelled_out() {
        assert_eq!(written("a\u{1b}[2J\u{9b}31m\u{7f}"), "\"a\\u001b[2J\\u009b31m\\u007f\"\n");
        assert_eq!(written("x\u{202e}y"), "\"x\\u202ey\"\n");
        assert_eq!(written("tag \u{e0041}"), "\"tag \\udb40\\udc41\"\n");
        assert_eq!(written("größer 👩‍🚀"), "\"größer 👩‍🚀\"\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was_and_nothing_in_it_can_act(text in any::<String>()) {
            let written = written(&text);
            let line = written.strip_suffix('\n').expect("ends its line");
            prop_assert!(!line.contains(is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(line).expect("is JSON"), text);
        }
    }
}

//! One key, as a keymap file writes it and as every terminal sends it: `ctrl-p`, `alt-x`, `shift-tab`, `F5`, `enter`, `?`, `G`.

use std::{fmt, str::FromStr};

/// Made by `Key::new` only, so that two keys that a terminal cannot tell apart are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    code: Code,
    ctrl: bool,
    alt: bool,
    shift: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// As typed: `G`, not shift and `g`.
    Char(char),
    F(u8),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// The first name of a code is the one that is printed.
const NAMES: [(&str, Code); 20] = [
    ("space", Code::Char(' ')),
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("insert", Code::Insert),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("return", Code::Enter),
    ("escape", Code::Esc),
    ("del", Code::Delete),
    ("pgup", Code::PageUp),
    ("pgdn", Code::PageDown),
];

impl Key {
    /// Folds what terminals cannot tell apart: ctrl knows no capitals, ctrl-i is tab, ctrl-m is enter, ctrl-[ is esc, and ctrl with
    /// some signs arrives as ctrl with a digit.
    pub fn new(code: Code, ctrl: bool, alt: bool, shift: bool) -> Self {
        let plain = |code| Self { code, ctrl: false, alt, shift: false };
        match code {
            Code::Char(c) if ctrl => match c.to_ascii_lowercase() {
                'i' => plain(Code::Tab),
                'm' => plain(Code::Enter),
                '[' | '3' => plain(Code::Esc),
                '4' => Self { ctrl, ..plain(Code::Char('\\')) },
                '5' => Self { ctrl, ..plain(Code::Char(']')) },
                '6' => Self { ctrl, ..plain(Code::Char('^')) },
                '7' | '_' => Self { ctrl, ..plain(Code::Char('/')) },
                '2' | '@' => Self { ctrl, ..plain(Code::Char(' ')) },
                c => Self { ctrl, ..plain(Code::Char(c)) },
            },
            // The character itself says that shift was down.
            Code::Char(c) if shift => plain(Code::Char(if c.is_lowercase() { single(c.to_uppercase(), c) } else { c })),
            Code::Char(_) => plain(code),
            _ => Self { code, ctrl, alt, shift },
        }
    }

    pub fn plain(code: Code) -> Self {
        Self::new(code, false, false, false)
    }

    pub fn code(self) -> Code {
        self.code
    }

    /// The character that it types into an input line, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Esc and this key look like it, when a slow line delivers both at once.
    pub fn after_esc(self) -> Option<Self> {
        (self.alt && matches!(self.code, Code::Char(_))).then_some(Self { alt: false, ..self })
    }
}

fn single(mut upper: impl Iterator<Item = char>, otherwise: char) -> char {
    match (upper.next(), upper.next()) {
        (Some(c), None) => c,
        _ => otherwise,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match (self.code, NAMES.iter().find(|(_, code)| *code == self.code)) {
            (_, Some((name, _))) => f.write_str(name),
            (Code::F(number), None) => write!(f, "F{number}"),
            (Code::Char(c), None) => write!(f, "{c}"),
            (code, None) => unreachable!("{code:?} has a name"),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complain =
            || format!("\"{text}\" is not a key: write x, X, ctrl-x, alt-x, shift-tab, F5, enter, space, pageup");
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = text;
        while let Some((held, after)) = split_modifier(rest) {
            let flag = match held {
                Modifier::Ctrl => &mut ctrl,
                Modifier::Alt => &mut alt,
                Modifier::Shift => &mut shift,
            };
            if std::mem::replace(flag, true) {
                return Err(complain());
            }
            rest = after;
        }
        let code = parse_code(rest).ok_or_else(complain)?;
        if let Code::Char(c) = code
            && shift
            && !c.is_alphabetic()
        {
            return Err(format!("\"{text}\": which sign shift makes depends on the keyboard; write that sign alone"));
        }
        Ok(Self::new(code, ctrl, alt, shift))
    }
}

#[derive(Clone, Copy)]
enum Modifier {
    Ctrl,
    Alt,
    Shift,
}

/// `ctrl--` is ctrl and the dash, so something has to be left.
fn split_modifier(text: &str) -> Option<(Modifier, &str)> {
    let names = [("ctrl-", Modifier::Ctrl), ("alt-", Modifier::Alt), ("shift-", Modifier::Shift)];
    names.into_iter().find_map(|(name, modifier)| {
        let (head, rest) = text.split_at_checked(name.len())?;
        (head.eq_ignore_ascii_case(name) && !rest.is_empty()).then_some((modifier, rest))
    })
}

fn parse_code(text: &str) -> Option<Code> {
    let mut characters = text.chars();
    if let (Some(c), None) = (characters.next(), characters.next()) {
        return (!c.is_control() && !c.is_whitespace()).then_some(Code::Char(c));
    }
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(*code);
    }
    let number: u8 = text.strip_prefix(['F', 'f'])?.parse().ok()?;
    (1..=24).contains(&number).then_some(Code::F(number))
}

/// Keys pressed one after another, separated by spaces: `g g`.
pub fn parse_sequence(text: &str) -> Result<Vec<Key>, String> {
    let keys = text.split_whitespace().map(str::parse).collect::<Result<Vec<Key>, _>>()?;
    if keys.is_empty() { Err("no key at all; a space is written \"space\"".to_owned()) } else { Ok(keys) }
}

pub fn print_sequence(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Key {
        text.parse().expect(text)
    }

    #[test]
    fn a_key_is_printed_as_it_is_written() {
        for text in [
            "x",
            "G",
            "?",
            "-",
            "ö",
            "ctrl-p",
            "ctrl--",
            "alt-X",
            "ctrl-alt-x",
            "shift-tab",
            "F12",
            "space",
            "ctrl-space",
        ] {
            assert_eq!(key(text).to_string(), text);
        }
        assert_eq!(key("Ctrl-Return"), key("ctrl-enter"));
        assert_eq!(key("pgdn").to_string(), "pagedown");
    }

    #[test]
    fn keys_that_a_terminal_cannot_tell_apart_are_one() {
        for (one, other) in [
            ("ctrl-P", "ctrl-p"),
            ("ctrl-i", "tab"),
            ("ctrl-m", "enter"),
            ("ctrl-[", "esc"),
            ("ctrl-_", "ctrl-/"),
            ("ctrl-4", "ctrl-\\"),
            ("shift-g", "G"),
            ("alt-shift-x", "alt-X"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("g"), key("G"));
    }

    #[test]
    fn only_a_character_without_ctrl_and_alt_is_typed() {
        assert_eq!(
            ["G", "space", "ctrl-g", "alt-g", "enter"].map(|text| key(text).typed()),
            [Some('G'), Some(' '), None, None, None]
        );
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_one_looks_like() {
        for wrong in ["", "ctrl-", "ctrl-ctrl-x", "hyper-x", "F0", "F25", "entre", "xx", "shift-1", "\t"] {
            assert!(wrong.parse::<Key>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_sequence_is_keys_with_spaces_between() {
        assert_eq!(print_sequence(&parse_sequence(" g  ctrl-g ").unwrap()), "g ctrl-g");
        assert!(parse_sequence(" ").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_understood_prints_to_the_same_key(text in "(ctrl-|alt-|shift-|F)*\\PC{0,8}") {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }
    }
}

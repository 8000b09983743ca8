//! What the terminal can show, by what it says of itself in the environment.

/// Ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colour at all: `NO_COLOR`, or a terminal that has none.
    Plain,
    /// 16 colours, whose tones the person chose.
    Ansi,
    /// 256 colours.
    Indexed,
    /// 24 bits.
    True,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub depth: Depth,
    /// It is told to read UTF-8, and its font is likely to have lines, blocks and circles.
    pub unicode: bool,
}

/// Terminals that know 24 bits and say so only by their name, which `ssh` hands on, unlike `COLORTERM`.
const MODERN: [&str; 6] = ["alacritty", "foot", "ghostty", "kitty", "wezterm", "direct"];

impl Terminal {
    /// `variable` gives an environment variable; an empty one counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let name = set("TERM").unwrap_or_default();
        let depth = if set("NO_COLOR").is_some() || ["", "dumb"].contains(&name.as_str()) || name.starts_with("vt") {
            Depth::Plain
        } else if set("COLORTERM").is_some_and(|kind| ["truecolor", "24bit"].contains(&kind.as_str()))
            || MODERN.iter().any(|modern| name.contains(modern))
        {
            Depth::True
        } else if name.contains("256color") {
            Depth::Indexed
        } else {
            Depth::Ansi
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // The Linux console's fonts have 256 or 512 glyphs.
        Self { depth, unicode: utf8 && !["linux", "dumb"].contains(&name.as_str()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Terminal {
        Terminal::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_number_of_colours_is_what_the_terminal_says() {
        for (variables, depth) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], Depth::True),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "24bit")], Depth::True),
            (&[("TERM", "xterm-kitty")], Depth::True),
            (&[("TERM", "screen-256color")], Depth::Indexed),
            (&[("TERM", "xterm")], Depth::Ansi),
            (&[("TERM", "linux")], Depth::Ansi),
            (&[("TERM", "vt220")], Depth::Plain),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::Plain),
            (&[], Depth::Plain),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Depth::Plain),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Indexed),
        ] {
            assert_eq!(read(variables).depth, depth, "{variables:?}");
        }
    }

    #[test]
    fn unicode_is_for_a_utf8_locale_and_not_for_the_linux_console() {
        let locale = |name, value| read(&[("TERM", "xterm"), (name, value)]).unicode;
        assert!(locale("LANG", "en_US.UTF-8") && locale("LC_CTYPE", "C.utf8"));
        assert!(!locale("LANG", "C") && !locale("LANG", ""));
        assert!(!read(&[("TERM", "xterm"), ("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")]).unicode, "LC_ALL wins");
        assert!(!read(&[("TERM", "linux"), ("LANG", "en_US.UTF-8")]).unicode);
    }
}

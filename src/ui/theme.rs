//! The theme as ratatui's styles, and the shapes that tell without colour what colour tells.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

use crate::{
    config::{
        self,
        colour::Colour,
        terminal::Terminal,
        theme::{Look, Role},
    },
    domain::{Health, Level, Output},
    message::Weight,
    ui::chart,
};

/// Worked out once, so that drawing only looks up.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
    pub glyphs: &'static Glyphs,
}

/// The one that is used where nothing is said, with all colours and signs.
impl Default for Theme {
    fn default() -> Self {
        let (theme, _) = config::Theme::load(config::theme::DEFAULT, &config::Paths::default());
        Self::new(&theme, Terminal { depth: config::terminal::Depth::True, unicode: true }, false)
    }
}

impl Theme {
    /// As this terminal can show it; `ascii` is what the person set.
    pub fn new(theme: &config::Theme, terminal: Terminal, ascii: bool) -> Self {
        let theme = theme.at(terminal.depth);
        let glyphs = if ascii || !terminal.unicode { &Glyphs::ASCII } else { &Glyphs::UNICODE };
        Self { styles: Role::ALL.map(|role| style(theme.look(role))), glyphs }
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    pub fn health(&self, health: &Health) -> Style {
        self.style(match health {
            Health::Failing(_) => Role::Failing,
            Health::Degraded(_) => Role::Degraded,
            Health::Changing(_) => Role::Changing,
            Health::Unknown(_) => Role::Unknown,
            Health::Stopped(_) => Role::Stopped,
            Health::Healthy => Role::Healthy,
        })
    }

    /// Of a log line's level, and where it has none, of its output.
    pub fn level(&self, level: Level, output: Output) -> Style {
        self.style(match (level, output) {
            (Level::None, Output::Stdout) => Role::Text,
            (Level::None, Output::Stderr) => Role::Stderr,
            (Level::Trace, _) => Role::LevelTrace,
            (Level::Debug, _) => Role::LevelDebug,
            (Level::Info, _) => Role::LevelInfo,
            (Level::Warn, _) => Role::LevelWarn,
            (Level::Error, _) => Role::LevelError,
            (Level::Fatal, _) => Role::LevelFatal,
        })
    }

    /// Of the source with that number; after six they begin again.
    pub fn source(&self, number: usize) -> Style {
        const SOURCES: [Role; 6] =
            [Role::Source1, Role::Source2, Role::Source3, Role::Source4, Role::Source5, Role::Source6];
        self.style(SOURCES[number % SOURCES.len()])
    }

    pub fn notice(&self, weight: Weight) -> Style {
        self.style(match weight {
            Weight::Info => Role::NoticeInfo,
            Weight::Warning => Role::NoticeWarning,
            Weight::Error => Role::NoticeError,
        })
    }
}

fn style(look: Look) -> Style {
    let flags = [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.italic, Modifier::ITALIC),
        (look.underline, Modifier::UNDERLINED),
        (look.reverse, Modifier::REVERSED),
    ];
    let modifiers = flags.into_iter().filter(|(set, _)| *set).map(|(_, modifier)| modifier).collect();
    Style { fg: color(look.fg), bg: color(look.bg), ..Style::new() }.add_modifier(modifiers)
}

/// Nothing for the terminal's own colour: a style laid over another then keeps the colour below.
fn color(colour: Colour) -> Option<Color> {
    match colour {
        Colour::Default => None,
        Colour::Ansi(number) | Colour::Indexed(number) => Some(Color::Indexed(number)),
        Colour::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    }
}

/// Signs, each one column wide.
#[derive(Debug)]
pub struct Glyphs {
    pub failing: &'static str,
    pub degraded: &'static str,
    pub changing: &'static str,
    pub unknown: &'static str,
    pub stopped: &'static str,
    pub healthy: &'static str,
    /// Before the row that is selected.
    pub selected: &'static str,
    /// Before the release that runs, the step that is done, the option that is on.
    pub check: &'static str,
    pub folded: &'static str,
    pub unfolded: &'static str,
    pub ellipsis: &'static str,
    pub left: &'static str,
    pub right: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub separator: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub scrollbar: &'static str,
    /// From almost nothing to full. Nothing at all is a space, and what is not known is `spark_unknown`.
    pub spark: [&'static str; 8],
    pub spark_unknown: &'static str,
    pub chart: chart::Glyphs,
    pub borders: border::Set<'static>,
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        failing: "✖",
        degraded: "◐",
        changing: "↻",
        unknown: "?",
        stopped: "○",
        healthy: "●",
        selected: "▌",
        check: "✓",
        folded: "▸",
        unfolded: "▾",
        ellipsis: "…",
        left: "←",
        right: "→",
        up: "↑",
        down: "↓",
        separator: "·",
        horizontal: "─",
        vertical: "│",
        scrollbar: "▐",
        spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        spark_unknown: "┄",
        chart: chart::Glyphs::Blocks,
        borders: border::ROUNDED,
    };

    /// Letters and signs of any keyboard, which tell the states apart as well.
    pub const ASCII: Self = Self {
        failing: "x",
        degraded: "!",
        changing: "~",
        unknown: "?",
        stopped: "-",
        healthy: "o",
        selected: ">",
        check: "+",
        folded: ">",
        unfolded: "v",
        ellipsis: "~",
        left: "<",
        right: ">",
        up: "^",
        down: "v",
        separator: "|",
        horizontal: "-",
        vertical: "|",
        scrollbar: "#",
        spark: ["_", ".", ":", "-", "=", "+", "*", "#"],
        spark_unknown: "?",
        chart: chart::Glyphs::Ascii,
        borders: border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        },
    };

    pub fn health(&self, health: &Health) -> &'static str {
        match health {
            Health::Failing(_) => self.failing,
            Health::Degraded(_) => self.degraded,
            Health::Changing(_) => self.changing,
            Health::Unknown(_) => self.unknown,
            Health::Stopped(_) => self.stopped,
            Health::Healthy => self.healthy,
        }
    }

    /// For a share from 0 to 1; anything above is full.
    pub fn spark(&self, share: f64) -> &'static str {
        if share <= 0.0 {
            return " ";
        }
        let level = (share * self.spark.len() as f64).ceil() as usize;
        self.spark[level.clamp(1, self.spark.len()) - 1]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::config::{Paths, terminal::Depth, theme};

    fn shown(name: &str, depth: Depth, ascii: bool) -> Theme {
        let (theme, complaints) = config::Theme::load(name, &Paths::default());
        assert_eq!(complaints, []);
        Theme::new(&theme, Terminal { depth, unicode: true }, ascii)
    }

    #[test]
    fn a_colour_that_is_not_set_keeps_the_one_below() {
        let theme = shown("midnight", Depth::True, false);
        let row = theme.style(Role::Failing).patch(theme.style(Role::Selected));
        assert_eq!(row.fg, theme.style(Role::Failing).fg);
        assert_eq!(row.bg, theme.style(Role::Selected).bg);
        assert!(row.bg.is_some());
    }

    #[test]
    fn without_colour_no_style_of_any_theme_has_one() {
        for name in theme::names(&Paths::default()) {
            let theme = shown(&name, Depth::Plain, false);
            for role in Role::ALL {
                let style = theme.style(role);
                assert_eq!((style.fg, style.bg), (None, None), "{name} {}", role.name());
            }
        }
    }

    #[test]
    fn every_state_has_a_shape_of_its_own_that_is_one_column_wide() {
        for glyphs in [&Glyphs::UNICODE, &Glyphs::ASCII] {
            let states =
                [glyphs.failing, glyphs.degraded, glyphs.changing, glyphs.unknown, glyphs.stopped, glyphs.healthy];
            assert_eq!(BTreeSet::from(states).len(), states.len());
            assert!(states.iter().chain(&glyphs.spark).all(|glyph| glyph.width() == 1));
        }
    }

    #[test]
    fn plain_ascii_is_ascii() {
        let glyphs = format!("{:?}", Glyphs::ASCII);
        assert!(glyphs.is_ascii(), "{glyphs}");
    }

    #[test]
    fn a_spark_is_empty_only_for_nothing() {
        let spark = |share| Glyphs::UNICODE.spark(share);
        assert_eq!([0.0, 0.001, 0.5, 1.0, 7.0, f64::NAN].map(spark), [" ", "▁", "▄", "█", "█", "▁"]);
    }
}

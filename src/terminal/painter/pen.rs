//! Colours and attributes, and the shortest way from one to another.

use ratatui::{
    buffer::Cell,
    style::{Color, Modifier},
};

/// The colours and attributes that the terminal writes with now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pen {
    fg: Color,
    bg: Color,
    underline: Color,
    modifier: Modifier,
}

impl Pen {
    pub fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, underline: cell.underline_color, modifier: cell.modifier }
    }

    pub fn reset(&mut self, out: &mut String) {
        if *self != Self::default() {
            out.push_str("\x1b[m");
            *self = Self::default();
        }
    }

    /// Either what differs, or everything from a clean slate: whichever is shorter.
    pub fn set(&mut self, wanted: Self, out: &mut String) {
        if *self == wanted {
            return;
        }
        let mut afresh = String::from("\x1b[");
        wanted.parameters(&Self::default(), &mut afresh);
        if afresh.len() > 2 {
            afresh.insert_str(2, "0;");
        }
        afresh.push('m');
        // An attribute is switched off only with others ("not bold" is also "not dim"), so then all begins anew.
        let shortest = if wanted.modifier.contains(self.modifier) {
            let mut changed = String::from("\x1b[");
            wanted.parameters(self, &mut changed);
            changed.push('m');
            if changed.len() < afresh.len() { changed } else { afresh }
        } else {
            afresh
        };
        out.push_str(&shortest);
        *self = wanted;
    }

    fn parameters(&self, from: &Self, out: &mut String) {
        let mut parameter = |text: &str| {
            if !out.ends_with('[') {
                out.push(';');
            }
            out.push_str(text);
        };
        const ATTRIBUTES: [(Modifier, &str); 8] = [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::ITALIC, "3"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::SLOW_BLINK, "5"),
            (Modifier::REVERSED, "7"),
            (Modifier::HIDDEN, "8"),
            (Modifier::CROSSED_OUT, "9"),
        ];
        for (modifier, code) in ATTRIBUTES {
            if self.modifier.contains(modifier) && !from.modifier.contains(modifier) {
                parameter(code);
            }
        }
        if self.fg != from.fg {
            parameter(&colour(self.fg, 30));
        }
        if self.bg != from.bg {
            parameter(&colour(self.bg, 40));
        }
        if self.underline != from.underline {
            parameter(&colour(self.underline, 50));
        }
    }
}

/// SGR parameters; `base` is 30 for the text, 40 for what is behind it, 50 for an underline (which knows no short forms).
fn colour(colour: Color, base: u8) -> String {
    let short = |index: u8| match (base, index) {
        (50, index) => format!("58;5;{index}"),
        (base, 0..8) => (base + index).to_string(),
        (base, index) => (base + 60 + index - 8).to_string(),
    };
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Black => short(0),
        Color::Red => short(1),
        Color::Green => short(2),
        Color::Yellow => short(3),
        Color::Blue => short(4),
        Color::Magenta => short(5),
        Color::Cyan => short(6),
        Color::Gray => short(7),
        Color::DarkGray => short(8),
        Color::LightRed => short(9),
        Color::LightGreen => short(10),
        Color::LightYellow => short(11),
        Color::LightBlue => short(12),
        Color::LightMagenta => short(13),
        Color::LightCyan => short(14),
        Color::White => short(15),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

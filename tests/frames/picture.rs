//! Paints into a buffer and writes down what came of it: each row's text, and under it a letter for the style of each cell.

use std::fmt::Write;

use midwatch::{
    action::{Action, Place},
    app::App,
    config::{
        self, Paths,
        terminal::{Depth, Terminal},
    },
    ui::{Hits, Paint, Theme},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use unicode_width::UnicodeWidthStr;

/// The sizes that are looked at: a small window, a usual one and a wide one.
pub const SIZES: [(u16, u16); 3] = [(60, 20), (100, 30), (160, 48)];

/// One snapshot a size, of what a screen paints between the title row and the hint row.
pub fn check(name: &str, app: &App, draw: impl Fn(&mut Paint<'_>, Rect)) {
    for (width, height) in SIZES {
        let picture = picture(app, width, height, false, |paint, area| {
            draw(paint, Rect { y: area.y + 1, height: area.height - 2, ..area });
        });
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
    }
}

pub fn picture(app: &App, width: u16, height: u16, ascii: bool, draw: impl Fn(&mut Paint<'_>, Rect)) -> String {
    written(&painted(app, width, height, ascii, draw))
}

/// From no room at all to more than anybody has: nothing may panic.
pub fn survives_every_size(app: &App, draw: impl Fn(&mut Paint<'_>, Rect)) {
    for width in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233] {
        for height in [0, 1, 2, 3, 4, 5, 6, 8, 12, 18, 30, 48] {
            painted(app, width, height, true, &draw);
        }
    }
}

fn painted(app: &App, width: u16, height: u16, ascii: bool, draw: impl Fn(&mut Paint<'_>, Rect)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let (theme, _) = config::Theme::load("midnight", &Paths::default());
    let theme = Theme::new(&theme, Terminal { depth: Depth::True, unicode: true }, ascii);
    let mut hits = Hits::default();
    draw(&mut Paint { app, theme: &theme, buffer: &mut buffer, keys: &keys, hits: &mut hits }, area);
    buffer
}

/// A small keymap, enough to see where keys stand.
fn keys(place: Place, action: Action) -> Vec<String> {
    if ![place, Place::Everywhere].contains(&action.place()) {
        return Vec::new();
    }
    let keys: &[&str] = match action {
        Action::Up => &["up", "k"],
        Action::Down => &["down", "j"],
        Action::Open => &["enter"],
        Action::Back => &["esc"],
        Action::Logs => &["l"],
        Action::Restart => &["g r"],
        Action::Span => &["t"],
        Action::Confirm => &["y"],
        Action::StopAndUndo => &["u"],
        Action::Quit => &["q", "ctrl-c"],
        _ => &[],
    };
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn written(buffer: &Buffer) -> String {
    let mut styles: Vec<Style> = Vec::new();
    let mut text = String::new();
    for y in buffer.area.y..buffer.area.bottom() {
        let (mut row, mut letters) = (String::new(), String::new());
        let mut covered = 0;
        for x in buffer.area.x..buffer.area.right() {
            let cell = &buffer[(x, y)];
            // The second cell of a wide character is not painted.
            if covered == 0 {
                row.push_str(cell.symbol());
                covered = cell.symbol().width();
            }
            covered = covered.saturating_sub(1);
            letters.push(letter(&mut styles, cell.style()));
        }
        let _ = writeln!(text, "|{}", row.trim_end());
        let letters = letters.trim_end_matches('.');
        if !letters.is_empty() {
            let _ = writeln!(text, " {letters}");
        }
    }
    for (index, style) in styles.iter().enumerate() {
        let _ = writeln!(text, "{}: {}", LETTERS[index] as char, told(*style));
    }
    text
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The same letter for the same style; a dot where a cell is as the terminal made it.
fn letter(styles: &mut Vec<Style>, style: Style) -> char {
    let is_plain = style.fg.unwrap_or_default() == Color::Reset
        && style.bg.unwrap_or_default() == Color::Reset
        && style.add_modifier == Modifier::empty();
    if is_plain {
        return '.';
    }
    let index = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
        styles.push(style);
        styles.len() - 1
    });
    LETTERS.get(index).copied().expect("a frame has fewer styles than there are letters") as char
}

fn told(style: Style) -> String {
    let colour = |colour: Option<Color>| colour.unwrap_or_default().to_string();
    format!("{} on {} {:?}", colour(style.fg), colour(style.bg), style.add_modifier)
}

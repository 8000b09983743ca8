//! Paints into a buffer and writes down what came of it: each row's text, and under it a letter for the style of each cell.

use std::fmt::Write;

use midwatch::{
    action::{Action, Place},
    app::App,
    config::{
        self,
        keymap::Keymap,
        paths::Paths,
        terminal::{Depth, Terminal},
        theme::Role,
    },
    ui::{Hits, Paint, Theme, chart::Glyphs, frame, theme},
};
use ratatui::{buffer::Buffer, buffer::Cell, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

/// The sizes that are looked at: a small window, a usual one and a wide one.
pub const SIZES: [(u16, u16); 3] = [(60, 20), (100, 30), (160, 48)];

/// One snapshot a size, of what a screen paints between the title row and the hint row.
pub fn check(name: &str, app: &App, draw: impl Fn(&mut Paint<'_>, Rect)) {
    for (width, height) in SIZES {
        let picture = picture(app, width, height, Glyphs::Blocks, |paint, area| {
            draw(paint, Rect { y: area.y + 1, height: area.height - 2, ..area });
        });
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
    }
}

/// One snapshot a size of the whole frame, with the keys that people have; the usual terminal of old too.
pub fn check_frames(name: &str, app: &App) {
    for (width, height) in SIZES.into_iter().chain([(80, 24)]) {
        let picture =
            written(&painted_with(app, width, height, Glyphs::Blocks, &usual_keys(), |paint, _| frame::draw(paint)));
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
    }
}

/// For what somebody reads at three at night, wherever they are.
const EVERYWHERE: [(u16, u16); 4] = [(60, 20), (80, 24), (120, 36), (160, 45)];

/// `check_frames`, at these sizes.
pub fn check_everywhere(name: &str, app: &App) {
    check_page_everywhere_with(name, app, |paint, _| frame::draw(paint), 0);
}

/// What a screen paints between the title row and the hint row, with the keys that people have.
pub fn check_page_everywhere(name: &str, app: &App, draw: impl Fn(&mut Paint<'_>, Rect)) {
    check_page_everywhere_with(name, app, draw, 1);
}

fn check_page_everywhere_with(name: &str, app: &App, draw: impl Fn(&mut Paint<'_>, Rect), margin: u16) {
    for (width, height) in EVERYWHERE {
        let page = |paint: &mut Paint<'_>, area: Rect| {
            draw(paint, Rect { y: area.y + margin, height: area.height - 2 * margin, ..area });
        };
        let picture = written(&painted_with(app, width, height, Glyphs::Blocks, &usual_keys(), page));
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture);
    }
}

pub fn survives_every_frame(app: &App) {
    survives_every_size(app, |paint, _| frame::draw(paint));
}

fn usual_keys() -> impl Fn(Place, Action) -> Vec<String> {
    let (keymap, complaints) = Keymap::load(config::keymap::DEFAULT, &Paths::default());
    assert_eq!(complaints, []);
    move |place, action| keymap.keys_of(place, action)
}

pub fn picture(app: &App, width: u16, height: u16, glyphs: Glyphs, draw: impl Fn(&mut Paint<'_>, Rect)) -> String {
    written(&painted(app, width, height, glyphs, draw))
}

/// From no room at all to more than anybody has: nothing may panic.
pub fn survives_every_size(app: &App, draw: impl Fn(&mut Paint<'_>, Rect)) {
    for width in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233] {
        for height in [0, 1, 2, 3, 4, 5, 6, 8, 12, 18, 30, 48] {
            painted(app, width, height, Glyphs::Ascii, &draw);
        }
    }
}

fn painted(app: &App, width: u16, height: u16, glyphs: Glyphs, draw: impl Fn(&mut Paint<'_>, Rect)) -> Buffer {
    painted_with(app, width, height, glyphs, &keys, draw)
}

fn painted_with(
    app: &App,
    width: u16,
    height: u16,
    glyphs: Glyphs,
    keys: &dyn Fn(Place, Action) -> Vec<String>,
    draw: impl Fn(&mut Paint<'_>, Rect),
) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let (theme, mut hits) = (theme(glyphs), Hits::default());
    buffer.set_style(area, theme.style(Role::Text));
    draw(&mut Paint { app, theme: &theme, buffer: &mut buffer, keys, hits: &mut hits }, area);
    buffer
}

/// The default theme on a terminal that can show all of it.
fn theme(glyphs: Glyphs) -> Theme {
    static BRAILLE: theme::Glyphs = theme::Glyphs { chart: Glyphs::Braille, ..theme::Glyphs::UNICODE };
    let (theme, complaints) = config::Theme::load(config::theme::DEFAULT, &Paths::default());
    assert_eq!(complaints, []);
    let mut theme = Theme::new(&theme, Terminal { depth: Depth::True, unicode: true }, glyphs == Glyphs::Ascii);
    if glyphs == Glyphs::Braille {
        theme.glyphs = &BRAILLE;
    }
    theme
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
        Action::StopAndUndo => &["x"],
        Action::Leave => &["L"],
        Action::Quit => &["q", "ctrl-c"],
        _ => &[],
    };
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn written(buffer: &Buffer) -> String {
    let theme = theme(Glyphs::Braille);
    let mut styles: Vec<String> = Vec::new();
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
            letters.push(letter(&mut styles, told(&theme, cell)));
        }
        let _ = writeln!(text, "|{}", row.trim_end());
        let letters = letters.trim_end_matches('.');
        if !letters.is_empty() {
            let _ = writeln!(text, " {letters}");
        }
    }
    for (index, style) in styles.iter().enumerate() {
        let _ = writeln!(text, "{}: {style}", LETTERS[index] as char);
    }
    text
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The same letter for the same style; a dot for text that is nothing but text.
fn letter(styles: &mut Vec<String>, style: String) -> char {
    if style == Role::Text.name() {
        return '.';
    }
    let index = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
        styles.push(style);
        styles.len() - 1
    });
    LETTERS.get(index).copied().expect("a frame has fewer styles than there are letters") as char
}

/// By the roles that look like this, so that another colour in the theme changes no picture; else as it is.
fn told(theme: &Theme, cell: &Cell) -> String {
    let painted = |style: Style| {
        let mut cell = Cell::default();
        cell.set_style(theme.style(Role::Text)).set_style(style);
        cell.style()
    };
    let looks_like = |style: Style| painted(style) == cell.style();
    let alone: Vec<_> = Role::ALL.into_iter().filter(|role| looks_like(theme.style(*role))).map(Role::name).collect();
    if alone.contains(&Role::Text.name()) {
        return Role::Text.name().into();
    }
    if !alone.is_empty() {
        return alone.join("|");
    }
    for over in [Role::Selected, Role::SelectedUnfocused, Role::Cursor] {
        let laid = |role: &Role| looks_like(theme.style(*role).patch(theme.style(over)));
        let under: Vec<_> = Role::ALL.into_iter().filter(laid).map(Role::name).collect();
        if !under.is_empty() {
            return format!("{} over {}", over.name(), under.join("|"));
        }
    }
    format!("{:?}", cell.style())
}

use ratatui::style::Style;

use super::*;

const SIZE: Rect = Rect::new(0, 0, 20, 6);

fn picture(lines: &[&str]) -> Buffer {
    let mut buffer = Buffer::empty(SIZE);
    for (y, line) in (0..).zip(lines) {
        buffer.set_string(0, y, line, Style::new());
    }
    buffer
}

fn bytes(painter: &mut Painter, next: &Buffer) -> String {
    let mut out = String::new();
    painter.paint(&mut next.clone(), &mut out);
    out
}

/// What a terminal shows that got all of `frames`, one after another.
fn terminal(frames: &[Buffer]) -> vt100::Parser {
    let size = |n: u16| n.try_into().expect("not zero");
    let mut terminal = vt100::Parser::new(size(SIZE.height), size(SIZE.width), 0);
    let mut painter = Painter::new(SIZE, false);
    for frame in frames {
        terminal.process(bytes(&mut painter, frame).as_bytes());
    }
    terminal
}

#[test]
fn nothing_is_sent_when_nothing_changed() {
    let mut painter = Painter::new(SIZE, false);
    bytes(&mut painter, &picture(&["services", "web  3/3"]));
    assert_eq!(bytes(&mut painter, &picture(&["services", "web  3/3"])), "");
}

#[test]
fn one_digit_costs_one_digit_and_the_way_to_it() {
    let mut painter = Painter::new(SIZE, false);
    bytes(&mut painter, &picture(&["services", "web  3/3"]));
    assert_eq!(bytes(&mut painter, &picture(&["services", "web  2/3"])), "\x1b[2;6H2");
}

#[test]
fn lines_that_moved_are_moved_by_the_terminal() {
    let before = picture(&["LOGS", "first line is here", "second line here", "third line is here", "fourth line here"]);
    let after = picture(&["LOGS", "second line here", "third line is here", "fourth line here", "fifth line is new"]);
    let mut painter = Painter::new(SIZE, false);
    bytes(&mut painter, &before);
    let sent = bytes(&mut painter, &after);
    assert!(!sent.contains("second"), "sent what was shown already: {sent:?}");
    let shown = terminal(&[before, after]).screen().contents();
    assert_eq!(shown.trim_end(), "LOGS\nsecond line here\nthird line is here\nfourth line here\nfifth line is new");
}

#[test]
fn hostile_cells_never_leave() {
    let mut buffer = Buffer::empty(SIZE);
    buffer[(0, 0)].set_symbol("\u{1b}]0;owned\u{7}");
    buffer[(1, 0)].set_symbol("\u{202e}");
    let sent = bytes(&mut Painter::new(SIZE, false), &buffer);
    assert!(!sent.contains("owned") && !sent.contains('\u{202e}') && !sent.contains('\u{7}'), "{sent:?}");
}

#[test]
fn ascii_means_ascii() {
    let sent = bytes(&mut Painter::new(SIZE, true), &picture(&["│ größer … 漢 │"]));
    assert!(sent.is_ascii(), "{sent:?}");
}

proptest::proptest! {
    /// Whatever was shown before, the terminal shows the last frame, colours and all.
    #[test]
    fn a_terminal_that_got_the_differences_shows_the_last_frame(seeds in proptest::collection::vec(0_u64..u64::MAX, 1..6)) {
        let frames: Vec<_> = seeds.iter().map(|&seed| scribble(seed)).collect();
        let last = frames.last().expect("at least one").clone();
        let terminal = terminal(&frames);
        for y in 0..SIZE.height {
            for x in 0..SIZE.width {
                let shown = terminal.screen().cell(y, x).expect("inside");
                let wanted = &last[(x, y)];
                let symbol = shown.contents();
                let symbol = if symbol.is_empty() { " " } else { symbol };
                if !shown.is_wide_continuation() {
                    proptest::prop_assert_eq!(symbol, wanted.symbol(), "at {},{}", x, y);
                }
                if !shown.is_wide_continuation() && !is_blank(wanted) {
                    proptest::prop_assert_eq!(shown.bold(), wanted.modifier.contains(Modifier::BOLD), "at {},{}", x, y);
                    proptest::prop_assert_eq!(shown.inverse(), wanted.modifier.contains(Modifier::REVERSED), "at {},{}", x, y);
                }
            }
        }
    }
}

/// A picture made of few, long and often repeated rows, so that scrolling and erasing are met.
fn scribble(seed: u64) -> Buffer {
    const ROWS: [&str; 7] =
        ["", "web     3/3  v2.4.1", "cart    1/1", "漢字 wide", "a", "logs: one two three", "…│─ ▂▃▅ x"];
    let mut buffer = Buffer::empty(SIZE);
    for y in 0..SIZE.height {
        let pick = seed.rotate_right(u32::from(y) * 7);
        let style = match pick >> 8 & 3 {
            0 => Style::new(),
            1 => Style::new().bold(),
            2 => Style::new().red().reversed(),
            _ => Style::new().dim().on_blue(),
        };
        let (text, at) = (ROWS[(pick % 7) as usize], (pick >> 12 & 3) as u16);
        buffer.set_stringn(at, y, text, usize::from(SIZE.width - at), style);
    }
    buffer
}

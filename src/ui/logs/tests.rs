//! The picture of the logs screen, as text.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::buffer::Buffer;

use super::*;
use crate::{
    action::Action,
    app::{App, Page, Settings},
    domain::InstanceId,
    store::log::{Chunk, Gap, Line, Source},
    ui::{Hits, Theme},
};

struct Shown {
    app: App,
    logs: Logs,
    source: Arc<Source>,
}

impl Shown {
    fn new() -> Self {
        let instance = InstanceId::new(&"here".into(), "web");
        let app = App::new(Settings::default(), Timestamp::from_second(1_795_176_000).expect("in range"));
        let source = Arc::new(Source { instance: instance.clone(), name: "web".into(), epoch: 0 });
        Self { app, logs: Logs::of_instance(instance), source }
    }

    fn line(mut self, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(b'\n');
        let level = crate::store::log::level::of(text.as_bytes());
        let line = Line { end: bytes.len() as u32, level, output: Output::Stderr, at: 1_795_176_000_000_000_000 };
        let chunk = Chunk { source: self.source.clone(), text: bytes.into(), lines: [line].into() };
        self.app.world.log.push(Arc::new(chunk));
        self
    }

    fn gap(mut self, lines: u64) -> Self {
        let at = Timestamp::from_second(1_795_176_000).expect("in range");
        self.app.world.log.push_gap(Gap { source: self.source.clone(), lines, from: at, to: at });
        self
    }

    fn act(mut self, action: Action) -> Self {
        let _ = self.logs.act(action, &self.app.world);
        self
    }

    fn paint(&self, width: u16, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let (theme, mut hits) = (Theme::default(), Hits::default());
        draw(
            &self.logs,
            &mut Paint {
                app: &self.app,
                theme: &theme,
                keys: &|_, _| Vec::new(),
                buffer: &mut buffer,
                hits: &mut hits,
            },
            area,
        );
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(row).collect()
    }
}

#[test]
fn lines_are_shown_with_their_time_and_output_and_gaps_are_rows() {
    let shown =
        Shown::new().line("INFO a\tb").gap(12_480).line("\u{1b}[31mERROR\u{1b}[0m request \u{1b}]0;title\u{7}failed");
    assert_eq!(
        shown.paint(60, 4),
        [
            "LOGS web  1 source  following",
            " 12:00:00 !INFO a  b",
            "           ... 12,480 lines not shown ...",
            " 12:00:00 !ERROR request failed",
        ]
    );
}

#[test]
fn a_frozen_view_says_how_many_lines_are_new_and_marks_the_current_one() {
    let shown = Shown::new().line("one").line("two").act(Action::Up).line("three");
    assert_eq!(
        shown.paint(60, 4),
        ["LOGS web  1 source  frozen, 1 new", ">12:00:00 !one", " 12:00:00 !two", " 12:00:00 !three"]
    );
}

#[test]
fn a_line_that_does_not_fit_shows_on_which_side_there_is_more() {
    let shown = Shown::new().line(&"0123456789".repeat(10)).act(Action::Right);
    assert_eq!(shown.paint(41, 2)[1], " 12:00:00 !‹7890123456789012345678901234›");
}

#[test]
fn what_is_missing_is_said_and_why() {
    assert_eq!(Shown::new().paint(40, 2)[1], "waiting for the log");
    let filtered = Shown::new().line("INFO fine").act(Action::MinimumLevel).act(Action::MinimumLevel);
    assert_eq!(
        filtered.paint(80, 2),
        ["LOGS web  1 source  following  level>=warn  0 of 1 lines", "no line passes the filter"]
    );
}

#[test]
fn no_size_of_screen_is_too_small_to_paint_on() {
    let shown = Shown::new().line("ERROR 日本語 wide").gap(3).act(Action::Up).act(Action::Wrap);
    for width in 1..30 {
        for height in 1..6 {
            shown.paint(width, height);
        }
    }
}

#[test]
fn marked_lines_have_a_sign_of_their_own() {
    let shown = Shown::new().line("a").line("b").line("c").line("d").act(Action::Up).act(Action::Mark).act(Action::Up);
    let signs: Vec<_> = shown.paint(40, 5)[1..].iter().map(|row| row[..1].to_owned()).collect();
    assert_eq!(signs, [" ", ">", "|", " "]);
}

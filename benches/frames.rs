//! What a frame of every screen costs at 160x45 with 500 services: drawn into a buffer, and turned into the terminal's bytes.

#[path = "../tests/support/world.rs"]
mod world;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use midwatch::{
    action::{Action, Place},
    app::{App, Screen},
    config::{
        self,
        keymap::Keymap,
        paths::Paths,
        terminal::{Depth, Terminal},
    },
    domain::OperationState,
    message::{Answer, Question, Weight},
    terminal::painter::Painter,
    ui::{Hits, Paint, Theme, frame},
};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::world::{instance_id, now, sample, world};

const AREA: Rect = Rect { x: 0, y: 0, width: 160, height: 45 };
/// The one that every screen is about: it is broken, so it is first and selected.
const SERVICE: &str = "shop/service-042";
const INSTANCE: &str = "shop-service-042-1";

/// 500 services of two instances in five scopes, all measured; some broken; one with a long log.
fn host() -> App {
    let mut host = world();
    for number in 0..500 {
        let scope = ["shop", "stock", "tools", "trade", "users"][number / 100];
        host = host.service(&format!("{scope}/service-{number:03}"), 2);
        let samples = (1..120).rev().flat_map(|ago| sample(ago, (number as i64 * 7 + ago * 3) as u64 % 1000));
        host = host.measured(&format!("{scope}-service-{number:03}-1"), samples);
    }
    for number in (142..500).step_by(50) {
        let scope = ["shop", "stock", "tools", "trade", "users"][number / 100];
        host = host.broken(&format!("{scope}/service-{number:03}"), "crash loop: exit 1, 7 restarts in 3m");
    }
    let lines: Vec<_> = (0..20_000_i64)
        .map(|n| {
            format!(r#"{{"level":"info","msg":"request served","id":"{n:08x}","path":"/product/{n}","ms":{}}}"#, n % 90)
        })
        .collect();
    let lines = lines.iter().zip(0..).map(|(text, n)| ((20_000 - n) / 10, text.as_str()));
    let yaml: String = (0..2_000).map(|n| format!("key_{n}:\n  inner: \"value {n}\"\n")).collect();
    for minute in (0..500).rev() {
        host = host.happened(minute * 60, INSTANCE, "exited with 137 (killed, out of memory)", true).notice(
            minute * 60,
            Weight::Warning,
            "the link to local was slow for a moment",
            Some("look at the host"),
        );
    }
    host.broken(SERVICE, "crash loop: exit 137 (out of memory, limit 128Mi), 7 restarts in 3m")
        .logged(INSTANCE, lines)
        .answer(Question::Configuration(instance_id(INSTANCE)), Ok(Answer::Configuration(yaml.into())))
        .operation("restart shop/service-042", SERVICE, OperationState::Interrupted)
        .app()
}

/// Every screen, and the keys from the main screen to it.
const SCREENS: [(&str, &[Action]); 12] = [
    ("main", &[]),
    ("palette", &[Action::Palette]),
    ("logs", &[Action::Logs]),
    ("metrics", &[Action::Metrics]),
    ("instances", &[Action::Instances]),
    ("events", &[Action::Events]),
    ("configuration", &[Action::Configuration]),
    ("plan", &[Action::Restart]),
    ("operations", &[Action::Operations]),
    ("operation", &[Action::Operations, Action::Open]),
    ("notices", &[Action::Notices]),
    ("help", &[Action::Help]),
];

fn opened(keys: &[Action]) -> App {
    let mut app = host();
    keys.iter().for_each(|key| drop(app.act(*key, now())));
    assert!(app.message().is_none(), "{keys:?}: {:?}", app.message());
    assert_eq!(app.depth(), keys.iter().filter(|key| **key != Action::Palette).count(), "{keys:?}");
    while app.work(1 << 20) {}
    app
}

fn frames(criterion: &mut Criterion) {
    let (theme, _) = config::Theme::load(config::theme::DEFAULT, &Paths::default());
    let theme = Theme::new(&theme, Terminal { depth: Depth::True, unicode: true }, false);
    let (keymap, _) = Keymap::load(config::keymap::DEFAULT, &Paths::default());
    let keys = |place: Place, action: Action| keymap.keys_of(place, action);
    let draw = |app: &App, buffer: &mut Buffer| {
        buffer.reset();
        frame::draw(&mut Paint { app, theme: &theme, keys: &keys, buffer, hits: &mut Hits::default() });
    };
    for (name, path) in SCREENS {
        let mut app = opened(path);
        let mut buffer = Buffer::empty(AREA);
        let mut group = criterion.benchmark_group(name);
        group.bench_function("drawn", |bench| bench.iter(|| draw(black_box(&app), &mut buffer)));
        // From a cleared terminal: the most that it can be.
        group.bench_function("all its bytes", |bench| {
            let mut painter = Painter::new(AREA, false);
            let mut bytes = String::new();
            let paint = |next: &mut Buffer| {
                painter.forget(AREA);
                bytes.clear();
                painter.paint(next, &mut bytes);
                bytes.len()
            };
            // The painter keeps what it is given.
            bench.iter_batched_ref(|| buffer.clone(), paint, BatchSize::SmallInput);
        });
        group.bench_function("the bytes of nothing new", |bench| {
            let mut painter = Painter::new(AREA, false);
            painter.paint(&mut buffer.clone(), &mut String::new());
            bench.iter(|| painter.paint(black_box(&mut buffer), &mut String::new()));
        });
        // What a key costs on the way to the screen: the selection moves, and what changed is sent.
        group.bench_function("a key, drawn and sent", |bench| {
            let mut painter = Painter::new(AREA, false);
            let mut bytes = String::new();
            let mut turns = [Action::Down, Action::Up].into_iter().cycle();
            bench.iter(|| {
                app.act(turns.next().expect("it goes round"), now());
                draw(&app, &mut buffer);
                bytes.clear();
                painter.paint(&mut buffer, &mut bytes);
                bytes.len()
            });
        });
        group.finish();
    }
}

/// What the app has to think of after every event: what it wants of the outside.
fn wanted(criterion: &mut Criterion) {
    let app = opened(&[]);
    assert!(matches!(app.top(), Screen::Main(_)));
    criterion.bench_function("what the main screen wants to be told", |bench| {
        bench.iter(|| black_box(&app).subscriptions());
    });
}

criterion_group!(benches, frames, wanted);
criterion_main!(benches);

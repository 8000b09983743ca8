//! The logs screen alone: lines are pushed, keys are pressed, and the rows in sight are looked at.

use std::sync::Arc;

use super::{rows::Content, *};
use crate::{
    app::Settings,
    domain::{Part, PartRole},
    message::{Since, Tail, TailState},
    store::log::{Chunk, Gap, Line, Source, level},
};

const NOON: i64 = 1_795_176_000;

struct Story {
    world: World,
    logs: Logs,
    sources: Vec<Arc<Source>>,
    second: i64,
}

fn instance(name: &str) -> InstanceId {
    InstanceId::new(&"here".into(), name)
}

/// Reads one instance, in a window of ten rows of twenty columns.
fn story() -> Story {
    let world = World::new(Settings::default(), Timestamp::from_second(NOON).expect("in range"));
    let source = Arc::new(Source { instance: instance("web"), name: "web".into(), epoch: 0 });
    Story { world, logs: Logs::of_instance(instance("web")), sources: vec![source], second: NOON }
}

impl Story {
    fn comes(mut self, text: &str) -> Self {
        self.second += 1;
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(b'\n');
        let line = Line {
            end: bytes.len() as u32,
            level: level::of(text.as_bytes()),
            output: Output::Stdout,
            at: self.second * 1_000_000_000,
        };
        let source = self.sources[0].clone();
        self.world.log.push(Arc::new(Chunk { source, text: bytes.into(), lines: [line].into() }));
        self.logs.work(&self.world, usize::MAX);
        self.seen();
        self
    }

    fn many(mut self, numbers: std::ops::Range<usize>) -> Self {
        for number in numbers {
            self = self.comes(&format!("line {number}"));
        }
        self
    }

    fn key(mut self, action: Action) -> Self {
        let reply = self.logs.act(action, &self.world);
        assert!(matches!(reply.go, Go::Stay), "{action:?}: {:?}", reply.go);
        self.seen();
        self
    }

    fn refusal(&mut self, action: Action) -> String {
        match self.logs.act(action, &self.world).go {
            Go::Refuse(why) => why,
            other => panic!("{action:?}: {other:?}"),
        }
    }

    fn effect(&mut self, action: Action) -> Effect {
        self.logs.act(action, &self.world).effects.pop().expect("an effect")
    }

    fn types(mut self, action: Action, text: &str) -> Self {
        self = self.key(action);
        for c in text.chars() {
            self.logs.prompt_mut().expect("it asks").edit(tui_input::InputRequest::InsertChar(c));
            self.logs.typed(&self.world);
        }
        self.key(Action::Open)
    }

    fn seen(&self) -> Vec<String> {
        let rows = self.logs.view.window(&self.world, 20, 10);
        let text = |row: rows::Row| match row.content {
            Content::Line(line) => line.text,
            Content::Gap(lines) => format!("gap of {lines}"),
        };
        rows.into_iter().map(text).collect()
    }

    fn edges(&self) -> (String, String) {
        let seen = self.seen();
        (seen.first().cloned().unwrap_or_default(), seen.last().cloned().unwrap_or_default())
    }

    fn current(&self) -> String {
        let line = self.logs.view.current(&self.world).expect("a line");
        match self.world.log.get(line).expect("held") {
            Entry::Line { text, .. } => String::from_utf8_lossy(text).into_owned(),
            Entry::Gap(gap) => format!("gap of {}", gap.lines),
        }
    }
}

#[track_caller]
fn sees(story: &Story, first: &str, last: &str) {
    assert_eq!(story.edges(), (first.to_owned(), last.to_owned()));
}

#[test]
fn a_following_view_shows_the_newest_and_a_frozen_one_stays_where_it_is() {
    let story = story().many(0..50);
    sees(&story, "line 40", "line 49");
    let story = story.key(Action::Follow).many(50..80);
    sees(&story, "line 40", "line 49");
    assert_eq!(story.logs.view.new_lines(&story.world), 30);
    sees(&story.key(Action::Last), "line 70", "line 79");
}

#[test]
fn the_window_moves_only_when_the_current_line_would_leave_it() {
    let mut story = story().many(0..50);
    for _ in 0..9 {
        story = story.key(Action::Up);
    }
    assert_eq!(story.current(), "line 40");
    sees(&story, "line 40", "line 49");
    let story = story.key(Action::Up);
    sees(&story, "line 39", "line 48");
    assert_eq!(story.current(), "line 39");
}

#[test]
fn going_down_from_the_newest_line_follows_again() {
    let story = story().many(0..50).key(Action::Up).key(Action::Down);
    assert_ne!(story.logs.view.reading, Reading::Following);
    assert_eq!(story.key(Action::Down).logs.view.reading, Reading::Following);
}

#[test]
fn pages_keep_a_row_to_hold_on_to_and_stop_at_both_ends() {
    let story = story().many(0..50).key(Action::PageUp);
    sees(&story, "line 31", "line 40");
    let story = story.key(Action::PageDown);
    sees(&story, "line 40", "line 49");
    let mut story = story.key(Action::First);
    sees(&story, "line 0", "line 9");
    for _ in 0..3 {
        story = story.key(Action::PageUp);
        sees(&story, "line 0", "line 9");
    }
    assert_eq!(story.current(), "line 0");
    story = story.key(Action::Follow);
    sees(&story, "line 40", "line 49");
}

#[test]
fn the_wheel_moves_the_window_and_keeps_the_current_line_in_it() {
    let mut story = story().many(0..50);
    story.logs.scroll(-3, &story.world);
    sees(&story, "line 37", "line 46");
    assert_eq!(story.current(), "line 46");
    story.logs.scroll(3, &story.world);
    sees(&story, "line 40", "line 49");
    story.logs.scroll(3, &story.world);
    assert_eq!(story.logs.view.reading, Reading::Following);
}

#[test]
fn a_long_line_that_is_wrapped_can_be_read_to_its_end_and_back() {
    let long: String = (0..60).map(|row| format!("row {row:02} of the line  ")).collect();
    let mut story = story().many(0..5).comes(&long).many(5..8).key(Action::Wrap);
    sees(&story, "row 53 of the line  ", "line 7");
    let mut rows = vec![story.edges().0];
    for _ in 0..60 {
        story.logs.scroll(-1, &story.world);
        rows.push(story.edges().0);
    }
    assert_eq!(rows[53], "row 00 of the line  ");
    assert_eq!(rows[58..], ["line 0", "line 0", "line 0"]);
    for _ in 0..58 {
        story.logs.scroll(1, &story.world);
    }
    sees(&story, "row 53 of the line  ", "line 7");
}

#[test]
fn a_filter_narrows_while_it_is_typed_and_escape_takes_it_back() {
    let mut story = story().many(0..30).key(Action::Filter);
    for c in "2[0-9]$".chars() {
        story.logs.prompt_mut().expect("it asks").edit(tui_input::InputRequest::InsertChar(c));
        story.logs.typed(&story.world);
    }
    sees(&story, "line 20", "line 29");
    let story = story.key(Action::Back);
    assert!(story.logs.prompt().is_none() && story.logs.view.filter().is_empty());
    let story = story.types(Action::Filter, "2").types(Action::Exclude, "line 2[0-9]");
    assert_eq!(story.seen(), ["line 2", "line 12"]);
    let story = story.comes("line 32").comes("line 33");
    assert_eq!(story.seen(), ["line 2", "line 12", "line 32"]);
    let mut story = story.key(Action::Back).key(Action::Back);
    assert!(story.logs.view.filter().is_empty());
    assert!(matches!(story.logs.act(Action::Back, &story.world).go, Go::Back));
}

#[test]
fn an_expression_that_cannot_be_understood_is_explained_and_taken_as_plain_text() {
    let mut story = story().comes("f(x").comes("fx").key(Action::Filter);
    for c in "f(x".chars() {
        story.logs.prompt_mut().expect("it asks").edit(tui_input::InputRequest::InsertChar(c));
        story.logs.typed(&story.world);
    }
    let error = story.logs.prompt().and_then(|prompt| prompt.error.clone()).expect("it says what is wrong");
    assert_eq!(error, "unclosed group; Enter takes it as plain text");
    assert_eq!(story.key(Action::Open).seen(), ["f(x"]);
}

#[test]
fn a_search_keeps_every_line_and_goes_from_match_to_match() {
    let mut story = story().many(0..100).types(Action::Search, "5");
    sees(&story, "line 90", "line 99");
    assert_eq!(story.logs.view.matches(&story.world), Some((None, 19)));
    story = story.key(Action::PreviousMatch);
    assert_eq!((story.current().as_str(), story.logs.view.matches(&story.world)), ("line 95", Some((Some(19), 19))));
    story = story.key(Action::PreviousMatch).key(Action::PreviousMatch);
    assert_eq!(story.current(), "line 75");
    assert!(story.seen().contains(&"line 77".to_owned()), "what comes after a match is in sight");
    story = story.key(Action::NextMatch).key(Action::NextMatch);
    assert_eq!(story.refusal(Action::NextMatch), "no match after this line");
    story = story.key(Action::Back);
    assert_eq!(story.refusal(Action::NextMatch), "search for something first");
}

#[test]
fn matches_are_marked_where_they_stand_in_the_row() {
    let story = story().comes("\u{1b}[31mERR\u{1b}[0mOR here").types(Action::Search, "error");
    let rows = story.logs.view.window(&story.world, 20, 10);
    let Content::Line(line) = &rows[0].content else { panic!("a line") };
    assert_eq!(line.text, "ERROR here");
    assert_eq!(line.matches.iter().map(|at| (at.start, at.end)).collect::<Vec<_>>(), [(0, 5)]);
}

#[test]
fn errors_are_gone_to_and_levels_filtered() {
    let mut story = story().comes("ERROR first").many(0..40).comes("WARN second").many(40..80);
    story = story.key(Action::PreviousError);
    assert_eq!(story.current(), "WARN second");
    story = story.key(Action::PreviousError);
    assert_eq!(story.current(), "ERROR first");
    assert_eq!(story.refusal(Action::PreviousError), "no error or warning before this line");
    let story = story.comes("INFO hush").key(Action::Last).key(Action::MinimumLevel).key(Action::MinimumLevel);
    assert!(!story.seen().contains(&"INFO hush".to_owned()));
    assert_eq!(story.key(Action::MinimumLevel).key(Action::MinimumLevel).edges().1, "INFO hush");
}

#[test]
fn what_is_copied_is_the_raw_line_or_all_marked_lines_in_their_order() {
    let mut story = story().many(0..5).comes("\u{1b}[31mred\u{1b}[0m\tend\u{7}");
    assert_eq!(story.effect(Action::Copy), Effect::Copy("[31mred[0m\tend".into()));
    let mut story = story.key(Action::Up).key(Action::Mark).key(Action::Up).key(Action::Up);
    assert_eq!(story.effect(Action::Copy), Effect::Copy("line 2\nline 3\nline 4".into()));
    assert_eq!(story.effect(Action::Copy), Effect::Copy("line 2".into()));
}

#[test]
fn what_is_saved_is_what_the_filter_lets_through() {
    let mut story = story().many(0..12).types(Action::Filter, "1$");
    let Effect::Save { path, text } = story.effect(Action::Save) else { panic!("it saves") };
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some("web-20261120-120000.log"));
    assert_eq!(text, "2026-11-20T12:00:02Z web line 1\n2026-11-20T12:00:12Z web line 11\n");
}

#[test]
fn the_reading_place_survives_what_is_dropped_before_and_around_it() {
    let mut small = story();
    small.world = World::new(Settings { log_memory: 300 * 40, ..Settings::default() }, small.world.now);
    let story = small.many(0..100).key(Action::Up).key(Action::PageUp);
    let (first, last) = story.edges();
    let story = story.many(100..110);
    sees(&story, &first, &last);
    let story = story.many(110..1000);
    let oldest = story.edges().0;
    assert_eq!(story.current(), oldest, "the place itself is gone: the oldest line that is left takes over");
    assert_eq!(story.seen().len(), 10);
}

#[test]
fn a_late_line_of_another_source_does_not_move_the_reader() {
    let mut story = story().many(0..50);
    let late = Arc::new(Source { instance: instance("db"), name: "db".into(), epoch: 0 });
    story.logs.view = LogView::new(Target::Service(ServiceId::new(&"here".into(), &"shop".into(), "web")));
    for name in ["web", "db"] {
        story.world.inventory.put_cluster(cluster());
        story.world.inventory.apply(
            &"here".into(),
            crate::domain::Change::Instance(Box::new(known(name))),
            story.world.now,
        );
    }
    story.seen();
    let story = story.key(Action::Up);
    let before = story.edges().1;
    let mut story = story;
    let line = Line { end: 5, level: Level::None, output: Output::Stdout, at: (NOON + 45) * 1_000_000_000 };
    story.world.log.push(Arc::new(Chunk { source: late, text: "late\n".into(), lines: [line].into() }));
    assert_eq!(story.edges().1, before);
    assert_eq!(story.current(), "line 48");
    assert!(story.seen().contains(&"late".to_owned()), "{:?}", story.seen());
}

fn cluster() -> crate::domain::Cluster {
    crate::domain::Cluster {
        name: "here".into(),
        engine: crate::domain::Engine::Simulator,
        endpoint: "demo".into(),
        link: crate::domain::Link::Live { since: Timestamp::UNIX_EPOCH },
        facts: None,
        capabilities: crate::domain::Capabilities::all(),
        protected: false,
        read_only: false,
        at_start: true,
        latency: None,
    }
}

fn known(name: &str) -> crate::domain::Instance {
    crate::domain::Instance {
        id: instance(name),
        service: ServiceId::new(&"here".into(), &"shop".into(), "web"),
        name: format!("shop-{name}-1").into(),
        state: crate::domain::InstanceState::Running,
        health: crate::domain::Health::Healthy,
        created: None,
        started: None,
        finished: None,
        restarts: 0,
        image: crate::domain::Image::default(),
        addresses: Vec::new(),
        ports: Arc::new([]),
        mounts: Arc::new([]),
        limits: crate::domain::Limits::default(),
        tty: false,
        has_health_check: false,
        stop_signal: None,
        stop_timeout: 10,
        node: None,
        parts: Arc::new([]),
        is_removed_when_stopped: false,
        command: "".into(),
    }
}

#[test]
fn new_instances_join_and_those_that_are_gone_stay() {
    let mut story = story();
    let service = ServiceId::new(&"here".into(), &"shop".into(), "web");
    story.logs = Logs::of_service(service);
    story.world.inventory.put_cluster(cluster());
    let here = "here".into();
    let change = |story: &mut Story, change| {
        story.world.inventory.apply(&here, change, story.world.now);
        story.logs.work(&story.world, 0);
        let mut wanted = Subscriptions::default();
        story.logs.subscribe(&story.world, true, &mut wanted);
        wanted.logs
    };
    let tails = change(&mut story, crate::domain::Change::Instance(Box::new(known("web"))));
    assert_eq!(tails[&instance("web")], Tail { since: Since::Lines(1000), epoch: 0, name: "web-1".into() });
    assert_eq!(change(&mut story, crate::domain::Change::Instance(Box::new(known("new")))).len(), 2);
    assert_eq!(change(&mut story, crate::domain::Change::InstanceGone(instance("web"))).len(), 2);
    story.world.tails.insert(instance("web"), TailState::Ended);
    let tails = story.logs.view.tails(&story.world);
    assert_eq!((tails.sources, tails.ended), (2, 1));
}

/// A pod of the service with these containers.
fn pod(name: &str, parts: &[(&str, PartRole)]) -> crate::domain::Instance {
    let parts = parts.iter().map(|(name, role)| Part { name: (*name).into(), role: *role }).collect();
    crate::domain::Instance { name: name.into(), parts, ..known(name) }
}

fn service() -> ServiceId {
    ServiceId::new(&"here".into(), &"shop".into(), "web")
}

/// A world with these pods.
fn world_of(pods: impl IntoIterator<Item = crate::domain::Instance>) -> World {
    let mut world = story().world;
    world.inventory.put_cluster(cluster());
    let now = world.now;
    world.inventory.apply(&"here".into(), crate::domain::Change::Instances(pods.into_iter().collect()), now);
    world
}

fn tails(view: &LogView, world: &World) -> std::collections::BTreeMap<InstanceId, Tail> {
    let mut wanted = Subscriptions::default();
    view.subscribe(world, &mut wanted);
    wanted.logs
}

fn names(view: &LogView, world: &World) -> Vec<String> {
    tails(view, world).into_values().map(|tail| tail.name.to_string()).collect()
}

#[test]
fn every_container_of_a_pod_is_a_source_of_its_own() {
    let parts = [("setup", PartRole::Init), ("app", PartRole::Main), ("proxy", PartRole::Sidecar)];
    let world = world_of([pod("web-1", &parts)]);
    let whole = LogView::new(Target::Service(service()));
    assert_eq!(names(&whole, &world), ["web-1", "web-1/proxy", "web-1/setup"]);
    assert_eq!(tails(&whole, &world).keys().next(), Some(&instance("web-1").part("app")));
    let one = LogView::new(Target::Instance(instance("web-1").part("proxy")));
    assert_eq!(names(&one, &world), ["web-1/proxy"]);
    assert_eq!(names(&LogView::preview(Target::Service(service())), &world), ["web-1", "web-1/proxy"]);
}

#[test]
fn a_preview_of_many_pods_reads_few_of_them_and_the_broken_ones_first() {
    let pods = (0..50).map(|number| {
        let mut pod = pod(&format!("web-{number}"), &[("setup", PartRole::Init), ("app", PartRole::Main)]);
        if number == 49 {
            pod.health = crate::domain::Health::Failing(crate::domain::Reason::new("exit 1"));
        }
        pod
    });
    let world = world_of(pods);
    let view = LogView::preview(Target::Service(service()));
    let names = names(&view, &world);
    assert_eq!((names.len(), view.tails(&world).left_out), (10, 41));
    // What prepares it may be what is broken.
    assert!(names.contains(&"web-49".into()) && names.contains(&"web-49/setup".into()), "{names:?}");
}

#[test]
fn too_many_sources_are_left_out_with_their_names_and_what_is_read_stays_read() {
    let pods =
        |numbers: std::ops::Range<usize>| numbers.map(|n| pod(&format!("web-{n:03}"), &[("app", PartRole::Main)]));
    let mut world = world_of(pods(10..80));
    let mut view = LogView::new(Target::Service(service()));
    view.work(&world, 0);
    let read = names(&view, &world);
    let left_out = view.left_out(&world);
    assert_eq!((read.len(), left_out.count, &*left_out.names[0]), (64, 6, "web-074"));
    let now = world.now;
    world.inventory.apply(&"here".into(), crate::domain::Change::Instances(pods(0..10).collect()), now);
    assert_eq!(names(&view, &world), read, "others that come do not take its place");
}

#[test]
fn what_is_gone_stays_readable_up_to_a_number_and_is_said_to_have_ended() {
    let mut world = world_of([pod("web-0", &[("app", PartRole::Main)])]);
    let mut view = LogView::new(Target::Service(service()));
    view.work(&world, 0);
    let now = world.now;
    for number in 1..=40 {
        let next = pod(&format!("web-{number}"), &[("app", PartRole::Main)]);
        let gone = instance(&format!("web-{}", number - 1));
        world.inventory.apply(&"here".into(), crate::domain::Change::Instance(Box::new(next)), now);
        view.work(&world, 0);
        world.inventory.apply(&"here".into(), crate::domain::Change::InstanceGone(gone), now);
        view.work(&world, 0);
    }
    let why = crate::domain::Trouble::new("the log of web-39", "the pod was removed");
    world.tails.insert(instance("web-39").part("app"), TailState::Refused(why));
    let read = names(&view, &world);
    assert_eq!(read.len(), 33, "one that runs, and the last that are gone");
    assert!(read.contains(&"web-40".into()) && read.contains(&"web-8".into()) && !read.contains(&"web-7".into()));
    assert_eq!(view.tails(&world).ended, 1);
    assert!(view.trouble(&world).is_none(), "that it is gone is no trouble");
    view.read_since(None);
    assert_eq!(names(&view, &world), ["web-40"], "what is gone cannot be read anew");
}

#[test]
fn reading_from_another_time_begins_anew_and_old_lines_are_not_shown() {
    let story = story().many(0..20).types(Action::Since, "5m");
    assert_eq!(story.seen(), [] as [&str; 0]);
    let mut wanted = Subscriptions::default();
    story.logs.subscribe(&story.world, true, &mut wanted);
    let tail = &wanted.logs[&instance("web")];
    assert_eq!((tail.epoch, tail.since), (1, Since::Time(Timestamp::from_second(NOON - 300).expect("in range"))));
    let mut story = story;
    story.sources[0] = Arc::new(Source { instance: instance("web"), name: "web".into(), epoch: 1 });
    assert_eq!(story.many(20..22).seen(), ["line 20", "line 21"]);
}

#[test]
fn a_time_that_cannot_be_understood_keeps_the_prompt_open() {
    let story = story().types(Action::Since, "soon");
    assert!(story.logs.prompt().and_then(|prompt| prompt.error.as_ref()).is_some_and(|error| error.contains("14:30")));
}

#[test]
fn a_gap_is_a_row_that_a_filter_does_not_hide() {
    let mut story = story().many(0..3);
    let at = Timestamp::from_second(story.second).expect("in range");
    story.world.log.push_gap(Gap { source: story.sources[0].clone(), lines: 77, from: at, to: at });
    let story = story.comes("line 3").types(Action::Filter, "3");
    assert_eq!(story.seen(), ["gap of 77", "line 3"]);
}

#[test]
fn a_click_is_on_the_line_that_was_painted_there_also_when_others_came_since() {
    let mut story = story().many(0..50);
    let line = Line { end: 4, level: Level::None, output: Output::Stdout, at: (NOON + 900) * 1_000_000_000 };
    story.world.log.push(Arc::new(Chunk {
        source: story.sources[0].clone(),
        text: "new\n".into(),
        lines: [line].into(),
    }));
    story.logs.click(0, 2, &story.world);
    assert_eq!(story.current(), "line 42");
}

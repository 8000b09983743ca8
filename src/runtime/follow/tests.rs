//! The pump against an engine that plays a script, on paused time.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    backend::{Attached, Forwarded, Loss, Piped, Progress, Scratch, StepError},
    domain::{Capabilities, Change, Claim, Lease, Output, Sample, ServiceId},
    message::{Answer, Question},
    plan::Step,
    runtime::channels::{Inbox, channels},
};

type Pieces = BoxStream<'static, Result<LogPiece, FollowError>>;

/// Plays one stream for each call of `follow`, and remembers from when on it was asked.
#[derive(Default)]
struct Script {
    streams: Mutex<VecDeque<Pieces>>,
    asked: Mutex<Vec<Since>>,
}

impl Script {
    fn then(self, stream: impl stream::Stream<Item = Result<LogPiece, FollowError>> + Send + 'static) -> Self {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).push_back(stream.boxed());
        self
    }

    fn asked(&self) -> Vec<Since> {
        self.asked.lock().expect("no panic holds it").clone()
    }
}

impl Backend for Script {
    fn follow(&self, _: InstanceId, since: Since) -> Pieces {
        self.asked.lock().expect("no panic holds it").push(since);
        let next = self.streams.lock().expect("no panic holds it").pop_front();
        next.unwrap_or_else(|| stream::pending().boxed())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        stream::pending().boxed()
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        Box::pin(async { Ok(()) })
    }

    fn sample(&self, _: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        stream::pending().boxed()
    }

    fn execute(&self, _: Step, _: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        Box::pin(std::future::pending())
    }

    fn lease(&self, _: ServiceId, _: Lease, _: Claim) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        Box::pin(async { Ok(None) })
    }

    fn query(&self, _: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn forward(&self, _: ServiceId, _: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        unreachable!("nothing is forwarded")
    }

    fn attach(&self, _: InstanceId, _: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn run(&self, _: InstanceId, _: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn scratch(&self, _: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        Box::pin(std::future::pending())
    }

    fn discard(&self, _: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        Box::pin(std::future::pending())
    }
}

const NOON: i64 = 1_795_176_000;

/// A line of so many seconds after noon.
fn line(second: i64, text: &str) -> Result<LogPiece, FollowError> {
    let at = Timestamp::from_second(NOON + second).expect("in range");
    Ok(LogPiece { output: Output::Stdout, bytes: Bytes::from(format!("{at} {text}\n")) })
}

fn broken() -> Result<LogPiece, FollowError> {
    Err(FollowError::Interrupted(Trouble::new("the log", "connection reset")))
}

fn lines(
    pieces: Vec<Result<LogPiece, FollowError>>,
) -> impl stream::Stream<Item = Result<LogPiece, FollowError>> + Send {
    stream::iter(pieces)
}

struct Tailed {
    connections: Connections,
    script: Arc<Script>,
    inbox: Inbox,
    task: JoinHandle<()>,
}

/// A pump on this script, begun at noon.
fn tail(script: Script) -> Tailed {
    let (outbox, inbox) = channels();
    let connections = Connections::default();
    let script = Arc::new(script);
    connections.set(&"here".into(), Some(script.clone()));
    let clock = Clock::starting_at(Timestamp::from_second(NOON).expect("in range"));
    let tail = Tail { since: Since::Lines(100), epoch: 7, name: "web-1".into() };
    let task = tokio::spawn(pump(connections.clone(), outbox, clock, InstanceId::new(&"here".into(), "web"), tail));
    Tailed { connections, script, inbox, task }
}

impl Tailed {
    async fn event(&mut self) -> Event {
        self.inbox.flood.recv().await.expect("the pump runs")
    }

    /// The next so many lines, however they are packed; gaps as a line of their own.
    async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            match self.event().await {
                Event::Log(chunk) => {
                    assert_eq!((chunk.source.epoch, &*chunk.source.name), (7, "web-1"));
                    lines.extend(chunk.iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()));
                }
                Event::LogGap(gap) => lines.push(format!("gap of {}", gap.lines)),
                other => panic!("not a log event: {other:?}"),
            }
        }
        lines
    }

    async fn state(&mut self) -> TailState {
        match self.inbox.facts.recv().await.expect("the pump runs") {
            Event::Tail { state, .. } => state,
            other => panic!("not a tail's state: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_line_is_on_its_way_within_twenty_milliseconds() {
    let said = stream::iter([line(0, "ERROR hello")]).chain(stream::pending());
    let mut tailed = tail(Script::default().then(said));
    let began = Instant::now();
    assert_eq!(tailed.lines(1).await, ["ERROR hello"]);
    assert!(began.elapsed() <= Duration::from_millis(21), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_pauses_is_sent_by_deadline_and_not_by_silence() {
    let drip = stream::unfold(0, |number| async move {
        sleep(Duration::from_millis(5)).await;
        Some((line(number, "drip"), number + 1))
    });
    let mut tailed = tail(Script::default().then(drip));
    let Event::Log(chunk) = tailed.event().await else { panic!("a chunk") };
    assert!((2..=6).contains(&chunk.lines.len()), "{}", chunk.lines.len());
    assert_eq!(chunk.lines[1].at, (NOON + 1) * 1_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn after_an_interruption_nothing_is_lost_and_nothing_is_doubled() {
    let script = Script::default()
        .then(lines(vec![line(1, "a"), line(9, "b"), line(9, "b"), line(10, "c"), broken()]))
        .then(lines(vec![broken()]))
        .then(
            lines(vec![line(9, "b"), line(9, "b"), line(9, "b"), line(10, "c"), line(11, "d")])
                .chain(stream::pending()),
        );
    let mut tailed = tail(script);
    assert_eq!(tailed.lines(6).await, ["a", "b", "b", "c", "b", "d"]);
    let eight = Since::Time(Timestamp::from_second(NOON + 8).expect("in range"));
    assert_eq!(tailed.script.asked(), [Since::Lines(100), eight, eight]);
    assert!(matches!(tailed.state().await, TailState::Interrupted(_)));
    assert_eq!(tailed.state().await, TailState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_tail_leaves_a_dead_connection_for_the_next_one_and_doubles_nothing() {
    // Half open: it never ends, and nothing comes on it any more.
    let silent = stream::iter([line(1, "a"), line(2, "b")]).chain(stream::pending());
    let mut tailed = tail(Script::default().then(silent));
    assert_eq!(tailed.lines(2).await, ["a", "b"]);
    assert_eq!(tailed.state().await, TailState::Live);

    tailed.connections.set(&"here".into(), None);
    let TailState::Interrupted(why) = tailed.state().await else { panic!("the link was lost") };
    assert_eq!(why.line(), "the log of web-1 broke off: here was lost");
    let next = Script::default().then(lines(vec![line(2, "b"), line(3, "c")]).chain(stream::pending()));
    tailed.connections.set(&"here".into(), Some(Arc::new(next)));
    assert_eq!(tailed.lines(1).await, ["c"]);
    assert_eq!(tailed.state().await, TailState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_waits_for_its_first_line_leaves_a_dead_connection_too() {
    let mut tailed = tail(Script::default());
    assert_eq!(tailed.state().await, TailState::Live);
    let next = Script::default().then(lines(vec![line(1, "a")]).chain(stream::pending()));
    tailed.connections.set(&"here".into(), Some(Arc::new(next)));
    assert_eq!(tailed.lines(1).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn half_a_line_before_an_interruption_is_not_a_line() {
    let half = Ok(LogPiece { output: Output::Stdout, bytes: Bytes::from_static(b"2026-11-21T12:00:00Z hal") });
    let script = Script::default()
        .then(lines(vec![half, broken()]))
        .then(stream::iter([line(0, "half")]).chain(stream::pending()));
    assert_eq!(tail(script).lines(1).await, ["half"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_ended_is_followed_again_when_it_is_started_again() {
    let script = Script::default()
        .then(lines(vec![line(1, "first life")]))
        .then(lines(vec![line(1, "first life")]))
        .then(lines(vec![line(1, "first life")]))
        .then(stream::iter([line(1, "first life"), line(9, "second life")]).chain(stream::pending()));
    let mut tailed = tail(script);
    assert_eq!(tailed.lines(2).await, ["first life", "second life"]);
    assert_eq!(tailed.state().await, TailState::Ended);
    assert_eq!(tailed.state().await, TailState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_silent_instance_is_said_to_be_live_all_the_same() {
    let mut tailed = tail(Script::default());
    assert_eq!(tailed.state().await, TailState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_said_once_and_not_asked_for_again() {
    let refused = Err(FollowError::Refused(Trouble::new("the log", "the driver cannot be read back")));
    let mut tailed = tail(Script::default().then(lines(vec![refused])));
    assert!(matches!(tailed.state().await, TailState::Refused(_)));
    tailed.task.await.expect("it ends by itself");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_over_is_read_to_its_end_and_not_asked_for_again() {
    let mut tailed = tail(Script::default().then(lines(vec![line(1, "last words"), Err(FollowError::Over)])));
    assert_eq!(tailed.lines(1).await, ["last words"]);
    assert_eq!(tailed.state().await, TailState::Ended);
    tailed.task.await.expect("it ends by itself");
}

/// A thousand lines of a kilobyte in one piece.
fn load(second: i64, from: usize) -> Result<LogPiece, FollowError> {
    let at = Timestamp::from_second(NOON + second).expect("in range");
    let padding = "x".repeat(1000);
    let text: String = (from..from + 1000).map(|number| format!("{at} {number} {padding}\n")).collect();
    Ok(LogPiece { output: Output::Stdout, bytes: text.into() })
}

#[tokio::test(start_paused = true)]
async fn a_live_flood_that_nobody_takes_is_read_on_and_leaves_a_gap_of_the_right_size() {
    let read = Arc::new(tokio::sync::Notify::new());
    let all_read = read.clone();
    let flood = stream::iter((0..8).map(|number| load(5, number * 1000)))
        .chain(stream::once(async move {
            all_read.notify_one();
            line(6, "8000 the end")
        }))
        .chain(stream::pending());
    let mut tailed = tail(Script::default().then(flood));
    // Nobody takes anything until the engine has got rid of all of it.
    read.notified().await;
    let (mut lines, mut gaps, mut expected) = (0, 0, 0_u64);
    while expected <= 8_000 {
        match tailed.event().await {
            Event::Log(chunk) => {
                for (_, text) in chunk.iter() {
                    let text = String::from_utf8_lossy(text);
                    let number: u64 = text.split(' ').next().and_then(|word| word.parse().ok()).expect("numbered");
                    assert_eq!(number, expected);
                    expected += 1;
                    lines += 1;
                }
            }
            Event::LogGap(gap) => {
                gaps += gap.lines;
                expected += gap.lines;
            }
            other => panic!("not a log event: {other:?}"),
        }
    }
    assert_eq!(lines + gaps, 8_001);
    assert!(gaps > 1_000, "{gaps}");
}

#[tokio::test(start_paused = true)]
async fn history_waits_for_room_and_loses_nothing() {
    let history =
        stream::iter((0..8).map(|number| load(-6000 + 60 * number, number as usize * 1000))).chain(stream::pending());
    let mut tailed = tail(Script::default().then(history));
    sleep(Duration::from_secs(1)).await;
    let lines = tailed.lines(8_000).await;
    assert_eq!(lines.len(), 8_000);
    assert!(!lines.iter().any(|line| line.starts_with("gap")));
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_clock_is_behind_is_not_held_up_either() {
    let read = Arc::new(tokio::sync::Notify::new());
    let all_read = read.clone();
    let flood = stream::iter(0..8)
        .then(|number| async move {
            sleep(Duration::from_secs(1)).await;
            load(-300 + number, number as usize * 1000)
        })
        .chain(stream::once(async move {
            all_read.notify_one();
            line(-280, "the end")
        }))
        .chain(stream::pending());
    let _tailed = tail(Script::default().then(flood));
    tokio::time::timeout(Duration::from_secs(60), read.notified()).await.expect("the engine gets rid of all of it");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_too_long_says_how_long_it_was() {
    let pieces = (0..160).map(|_| Ok(LogPiece { output: Output::Stdout, bytes: "x".repeat(65_536).into() }));
    let end = Ok(LogPiece { output: Output::Stdout, bytes: Bytes::from_static(b"\n") });
    let mut tailed =
        tail(Script::default().then(stream::iter(pieces).chain(stream::iter([end])).chain(stream::pending())));
    let lines = tailed.lines(1).await;
    assert!(lines[0].ends_with("xxx … 10Mi long, cut"), "{}", &lines[0][lines[0].len() - 40..]);
    assert!(lines[0].len() < 70_000);
}

#[tokio::test(start_paused = true)]
async fn a_pump_that_is_dropped_leaves_nothing_running() {
    let mut tailed = tail(Script::default());
    tailed.state().await;
    tailed.task.abort();
    assert!(tailed.task.await.expect_err("aborted").is_cancelled());
    assert!(tailed.inbox.flood.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_pauses_is_said_to_be_live_too() {
    let drip = stream::unfold(0, |number| async move {
        sleep(Duration::from_millis(1)).await;
        Some((line(number, "drip"), number + 1))
    });
    assert_eq!(tail(Script::default().then(drip)).state().await, TailState::Live);
}

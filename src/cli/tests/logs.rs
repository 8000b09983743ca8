//! `midwatch logs` against a pump that says what it was told to say.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Ran, parse,
    script::{Script, fleet, time},
};
use crate::{
    cli::{
        arguments::Command,
        exit::Exit,
        logs,
        printer::Printer,
        session::{Narrow, Session},
    },
    domain::{Health, InstanceId, Level, Output, Trouble},
    message::{Event, TailState},
    store::log::{Chunk, Gap, Line, Source},
};

/// Log lines as the pump would send them: second, level, text.
fn chunk(instance: &str, lines: &[(i64, Level, &str)]) -> Event {
    let id = InstanceId::new(&"here".into(), format!("shop.{instance}"));
    let source = Arc::new(Source { instance: id, name: instance.into(), epoch: 0 });
    let mut text = Vec::new();
    let lines = lines.iter().map(|&(second, level, line)| {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        let at = time(second).as_nanosecond().try_into().expect("in range");
        Line { end: text.len().try_into().expect("short"), level, output: Output::Stdout, at }
    });
    let lines = lines.collect();
    Event::Log(Arc::new(Chunk { source, text: text.into(), lines }))
}

/// Runs `midwatch logs` against a pump that says `events` and then nothing.
async fn read_logs(line: &str, services: &[&str], events: Vec<Event>) -> Ran {
    let script = services.iter().fold(Script::of("here"), |script, name| script.service(name, Health::Healthy));
    read_logs_of(line, script, events).await
}

async fn read_logs_of(line: &str, script: Script, events: Vec<Event>) -> Ran {
    let arguments = parse(line);
    let Some(Command::Logs(asked)) = arguments.command else { panic!("not logs: {line}") };
    let mut session = Session::open(fleet([script]), Narrow::of(&arguments.options)).expect("opens");
    let outbox = session.outbox();
    tokio::spawn(async move {
        for event in events {
            let channel = if matches!(event, Event::Tail { .. }) { &outbox.facts } else { &outbox.flood };
            channel.send(event).await.expect("the command listens");
        }
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut printer = Printer::new(&mut out, &mut err);
    let result = tokio::time::timeout(Duration::from_secs(60), logs::run(&mut session, &asked, &mut printer)).await;
    let exit = printer.conclude(result.expect("ends by itself"));
    let text = |bytes| String::from_utf8(bytes).expect("utf-8");
    Ran { exit, out: text(out), err: text(err) }
}

#[tokio::test(start_paused = true)]
async fn logs_end_by_themselves_when_all_that_was_there_has_come() {
    let lines = chunk("web-1", &[(-2, Level::Info, "\u{1b}[32mup\u{1b}[m"), (-1, Level::Error, "\u{1b}[2Jdown")]);
    let ran = read_logs("midwatch logs web -t", &["web"], vec![lines]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(ran.out, format!("{:.3} up\n{:.3} \u{fffd}[2Jdown\n", time(-2), time(-1)));
}

#[tokio::test(start_paused = true)]
async fn logs_are_filtered_by_level_and_by_expressions() {
    let lines = || {
        let lines = [(-3, Level::Info, "calm"), (-2, Level::Warn, "slow query"), (-1, Level::Error, "slow death")];
        vec![chunk("web-1", &lines)]
    };
    for (line, kept) in [
        ("midwatch logs web --level warn", "slow query\nslow death\n"),
        ("midwatch logs web --include slow --exclude query", "slow death\n"),
        ("midwatch logs web --include calm --include death", "calm\nslow death\n"),
        ("midwatch logs web -n 1", "calm\n"),
    ] {
        assert_eq!(read_logs(line, &["web"], lines()).await.out, kept, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn log_lines_that_could_not_be_kept_up_with_are_told_of() {
    let id = InstanceId::new(&"here".into(), "shop.web-1");
    let source = Arc::new(Source { instance: id, name: "web-1".into(), epoch: 0 });
    let gap = || Event::LogGap(Gap { source: source.clone(), lines: 12_480, from: time(-9), to: time(-8) });
    let ran = read_logs("midwatch logs web", &["web"], vec![gap()]).await;
    assert_eq!(ran.out, "... 12,480 lines not shown ...\n");
    let ran = read_logs("midwatch logs web --json", &["web"], vec![gap()]).await;
    assert_eq!(ran.objects()[0]["lines_not_shown"], 12_480);
    assert_eq!(ran.objects()[0]["message"], Value::Null);
}

/// A line of a container, by the name that its source has.
fn container_says(container: &str, text: &str) -> Event {
    let Event::Log(chunk) = chunk("web-1", &[(-1, Level::Info, text)]) else { unreachable!("lines were made") };
    let instance = chunk.source.instance.part(container);
    let source = Source { instance, name: format!("web-1/{container}").into(), epoch: 0 };
    Event::Log(Arc::new(Chunk { source: source.into(), ..(*chunk).clone() }))
}

#[tokio::test(start_paused = true)]
async fn the_containers_of_an_instance_are_told_apart_and_one_can_be_chosen() {
    let script = || Script::of("here").service("web", Health::Healthy).containers(&["app", "proxy"]);
    let both = || vec![container_says("app", "serves"), container_says("proxy", "passes on")];
    let ran = read_logs_of("midwatch logs web", script(), both()).await;
    assert!(ran.out.contains("web-1/app   | serves\n") && ran.out.contains("web-1/proxy | passes on\n"), "{}", ran.out);
    let ran = read_logs_of("midwatch logs web --container proxy", script(), both()).await;
    assert_eq!(ran.out, "passes on\n");
    let ran = read_logs_of("midwatch logs web --container proxy --json", script(), both()).await;
    let record = &ran.objects()[0];
    assert_eq!((&record["instance"], &record["container"]), (&"web-1".into(), &"proxy".into()));
    let ran = read_logs_of("midwatch logs web --container prox", script(), both()).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("did you mean proxy?"), "{}", ran.err);
    let ran = read_logs("midwatch logs web --container app", &["web"], Vec::new()).await;
    assert!(ran.err.contains("leave --container out"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_a_failure_with_its_reason() {
    let instance = InstanceId::new(&"here".into(), "shop.web-1");
    let why = Trouble::new("could not read the log of web-1", "its log driver keeps nothing");
    let refused = Event::Tail { instance, state: TailState::Refused(why) };
    let ran = read_logs("midwatch logs web --follow", &["web"], vec![refused]).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(ran.err.contains("log driver"), "{}", ran.err);
}

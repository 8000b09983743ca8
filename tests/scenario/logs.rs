//! The simulated engine's logs are one log, however they are read.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use midwatch::{
    backend::{Backend, FollowError, LogPiece},
    domain::{Change, InstanceId, Output},
    message::Since,
};

use crate::support::{Stage, world};

/// Reads for so long; text only, output and time told apart.
async fn read(backend: &Arc<dyn Backend>, id: InstanceId, since: Since, length: Duration) -> Vec<(Output, String)> {
    let mut stream = backend.follow(id, since);
    let mut lines = Vec::new();
    let deadline = tokio::time::Instant::now() + length;
    while let Ok(Some(piece)) = tokio::time::timeout_at(deadline, stream.next()).await {
        let LogPiece { output, bytes } = piece.expect("nothing breaks it");
        let text = String::from_utf8(bytes.to_vec()).expect("the simulator writes text");
        assert!(text.ends_with('\n') && text.len() < 100_000);
        lines.extend(text.lines().map(|line| (output, line.to_owned())));
    }
    lines
}

fn time(line: &str) -> jiff::Timestamp {
    line.split_once(' ').expect("a time and a text").0.parse().unwrap_or_else(|error| panic!("{error}: {line}"))
}

async fn live(world: &crate::support::World) -> Stage {
    let mut stage = world.begin();
    stage.live().await;
    stage
}

#[tokio::test(start_paused = true)]
async fn every_line_has_its_time_and_they_come_in_order_at_the_scripted_rate() {
    let stage = live(&world().service("web", 1)).await;
    let (backend, id) = (stage.backend("here"), stage.id("web", 1));
    let lines = read(&backend, id, Since::Lines(0), Duration::from_secs(10)).await;
    assert!((95..=105).contains(&lines.len()), "{}", lines.len());
    let times: Vec<_> = lines.iter().map(|(_, line)| time(line)).collect();
    assert!(times.is_sorted());
    let (_, line) = &lines[0];
    assert_eq!(line.split_once(' ').expect("a time").0.len(), "2026-11-21T03:00:00.123456789Z".len());
}

#[tokio::test(start_paused = true)]
async fn so_many_lines_before_now_are_so_many() {
    let stage = live(&world().service("web", 1)).await;
    let (backend, id) = (stage.backend("here"), stage.id("web", 1));
    for wanted in [1, 10, 500, 15_000] {
        let lines = read(&backend, id.clone(), Since::Lines(wanted), Duration::from_millis(1)).await;
        assert_eq!(lines.len(), wanted as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_live_is_the_same_when_it_is_history() {
    let crashing = world()
        .service("web", 1)
        .trouble("crash_loop", "from = \"5s\"\nruns = \"7s\"\nwaits = \"2s\"\nlast_words = [\"the end\"]");
    let stage = live(&crashing).await;
    let (backend, id) = (stage.backend("here"), stage.id("web", 1));
    let began = stage.clock.now();
    let live = read(&backend, id.clone(), Since::Lines(0), Duration::from_secs(40)).await;
    let history = read(&backend, id.clone(), Since::Time(began), Duration::from_millis(1)).await;
    let upto = time(&live.last().expect("lines").1);
    let history: Vec<_> = history.into_iter().filter(|(_, line)| time(line) > began && time(line) <= upto).collect();
    assert_eq!(live, history);
    let ends = live.iter().filter(|(output, line)| *output == Output::Stderr && line.ends_with("the end")).count();
    let starts = live.iter().filter(|(_, line)| line.contains("listening")).count();
    assert_eq!((starts, ends), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_does_not_run_writes_nothing_and_its_log_ends() {
    let stage = live(&world().service("web", 1).trouble("stopped", "from = \"-1h\"")).await;
    let backend = stage.backend("here");
    let lines: Vec<_> = backend.follow(stage.id("web", 1), Since::Lines(3)).collect().await;
    let text: String =
        lines.into_iter().map(|piece| String::from_utf8_lossy(&piece.expect("read").bytes).into_owned()).collect();
    assert_eq!(text.lines().count(), 3, "what it wrote before is kept: {text}");
    assert!(
        text.lines().all(|line| time(line).to_string().starts_with("2026-11-21T01:59:59")
            || time(line).to_string().starts_with("2026-11-21T02:00:00")),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_line_interrupts_a_log_and_an_unknown_instance_refuses_it() {
    let stage = live(&world().cluster("here").fault("lost", "5s", "2s").service("web", 1)).await;
    let backend = stage.backend("here");
    let last = backend.follow(stage.id("web", 1), Since::Lines(1)).collect::<Vec<_>>().await.pop();
    assert!(matches!(last, Some(Err(FollowError::Interrupted(_)))), "{last:?}");
    let unknown = InstanceId::new(&"here".into(), "gone");
    let stage = live(&world().service("web", 1)).await;
    let refused = stage.backend("here").follow(unknown, Since::Beginning).collect::<Vec<_>>().await;
    assert!(matches!(refused.as_slice(), [Err(FollowError::Refused(_))]), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_comes_at_its_rate_in_big_pieces() {
    let flood = world()
        .with("[logs.flood]\nformat = \"raw\"\nrate = 20000\nlines = [{ message = \"line {count}\" }]")
        .cluster("here")
        .with("[[clusters.services]]\nscope = \"shop\"\nname = \"flood\"\nimage = \"x\"\nlogs = \"flood\"");
    let stage = live(&flood).await;
    let mut stream = stage.backend("here").follow(stage.id("flood", 1), Since::Lines(0));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
    let (mut pieces, mut lines) = (0, 0);
    while let Ok(Some(Ok(piece))) = tokio::time::timeout_at(deadline, stream.next()).await {
        pieces += 1;
        lines += piece.bytes.iter().filter(|byte| **byte == b'\n').count();
    }
    assert!((19_000..=20_000).contains(&lines), "{lines}");
    assert!(pieces <= 60, "{pieces}");
}

/// On the machine's own clock, which does not stand still while a stream is asked for its next piece.
#[tokio::test]
async fn a_quiet_log_waits_for_its_next_line_and_does_not_spin() {
    let quiet =
        world().with("[logs.quiet]\nformat = \"raw\"\nrate = 0.001\nlines = [{ message = \"line\" }]").cluster("here");
    let quiet = quiet.with("[[clusters.services]]\nscope = \"shop\"\nname = \"web\"\nimage = \"x\"\nlogs = \"quiet\"");
    let (_, connector) = quiet.scenario().clusters(7, midwatch::clock::Clock::system()).remove(0);
    let backend = connector.connect().await.expect("nothing is in its way");
    let Some(Ok(Change::Picture(picture))) = backend.watch().next().await else { panic!("no picture") };
    let mut stream = backend.follow(picture.instances[0].id.clone(), Since::Lines(1));
    let first = stream.next().await;
    assert!(matches!(first, Some(Ok(_))), "{first:?}");
    let second = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
    assert!(second.is_err(), "{second:?}");
}

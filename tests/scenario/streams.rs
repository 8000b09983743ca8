//! Streams run while they are wanted, and never longer.

use std::time::Duration;

use midwatch::message::Event;

use crate::support::{tail, world};

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_wanted_stops() {
    let mut stage = world().service("web", 3).begin();
    stage.live().await;
    let ids: Vec<_> = (1..=3).map(|number| stage.id("web", number)).collect();
    stage.want(|wanted| {
        wanted.logs = ids.iter().map(|id| (id.clone(), tail(0))).collect();
        wanted.samples = ids.iter().cloned().collect();
    });
    let streams = stage.clusters[&"here".into()].streams().clone();
    stage.play(Duration::from_secs(2)).await;
    assert_eq!((streams.logs.open(), streams.samples.open()), (3, 3));

    stage.want(|wanted| {
        wanted.logs.retain(|id, _| *id == ids[0]);
        wanted.samples.clear();
    });
    stage.play(Duration::from_secs(1)).await;
    assert_eq!((streams.logs.open(), streams.samples.open()), (1, 0));
    assert_eq!(streams.logs.ever_opened(), 3, "the one that stays was not begun anew");

    drop(stage);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((streams.logs.open(), streams.watches.open()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_quick_changes_start_only_the_last_stream() {
    let mut stage = world().service("web", 1).with("count = 200").begin();
    stage.live().await;
    let ids: Vec<_> = stage.inventory.instances().map(|instance| instance.id.clone()).collect();
    assert_eq!(ids.len(), 200);
    let streams = stage.clusters[&"here".into()].streams().clone();
    for id in &ids {
        stage.want(|wanted| {
            wanted.logs = [(id.clone(), tail(0))].into();
            wanted.samples = [id.clone()].into();
        });
        stage.play(Duration::from_millis(20)).await;
    }
    stage.play(Duration::from_secs(1)).await;
    assert_eq!((streams.logs.ever_opened(), streams.samples.ever_opened()), (1, 1));
    let last = ids.last().expect("there are 200");
    assert!(stage.count(|event| matches!(event, Event::Sample { instance, .. } if instance == last)) > 0);
}

#[tokio::test(start_paused = true)]
async fn another_tail_begins_anew_and_the_same_one_goes_on() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let id = stage.id("web", 1);
    let streams = stage.clusters[&"here".into()].streams().clone();
    for (epoch, opened) in [(0, 1), (0, 1), (1, 2)] {
        stage.want(|wanted| wanted.logs = [(id.clone(), tail(epoch))].into());
        stage.play(Duration::from_secs(1)).await;
        assert_eq!((streams.logs.open(), streams.logs.ever_opened()), (1, opened));
    }
}

#[tokio::test(start_paused = true)]
async fn of_samples_the_latest_wins() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let id = stage.id("web", 1);
    stage.want(|wanted| wanted.samples = [id].into());
    // Nobody listens for half a minute.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let before = stage.heard.len();
    stage.play(Duration::from_millis(50)).await;
    let samples = stage.heard[before..].iter().filter_map(|(_, event)| match event {
        Event::Sample { sample, .. } => Some(sample.at),
        _ => None,
    });
    let samples: Vec<_> = samples.collect();
    assert_eq!(samples.len(), 1, "{samples:?}");
    assert!(stage.clock.now().duration_since(samples[0]).as_millis() < 1100, "and it is no older than a second");
}

#[tokio::test(start_paused = true)]
async fn samples_come_back_with_the_link() {
    let mut stage = world().cluster("here").fault("lost", "30s", "5s").service("web", 1).begin();
    stage.live().await;
    let id = stage.id("web", 1);
    stage.want(|wanted| wanted.samples = [id].into());
    stage.play(Duration::from_secs(60)).await;
    let samples = stage.heard.iter().filter(|(_, event)| matches!(event, Event::Sample { .. }));
    let seconds: Vec<_> = samples.map(|(at, _)| at.as_secs()).collect();
    assert!(seconds.iter().any(|second| (25..30).contains(second)), "{seconds:?}");
    assert!(!seconds.iter().any(|second| (31..35).contains(second)), "{seconds:?}");
    assert!(seconds.iter().any(|second| (40..60).contains(second)), "{seconds:?}");
    assert_eq!(stage.clusters[&"here".into()].streams().samples.open(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_starts_is_measured_although_it_did_not_run_before() {
    let mut stage =
        world().service("web", 1).trouble("crash_loop", "from = \"0s\"\nruns = \"8s\"\nwaits = \"12s\"").begin();
    stage.live().await;
    let id = stage.id("web", 1);
    stage.play(Duration::from_secs(10)).await;
    stage.want(|wanted| wanted.samples = [id].into());
    stage.play(Duration::from_secs(115)).await;
    let samples = stage.heard.iter().filter(|(_, event)| matches!(event, Event::Sample { .. }));
    let seconds: Vec<_> = samples.map(|(at, _)| at.as_secs()).collect();
    assert!(seconds.iter().all(|second| second % 20 <= 8), "only while it runs: {seconds:?}");
    assert!(seconds.len() > 3, "{seconds:?}");
}

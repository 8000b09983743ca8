//! How a cluster is connected, lost and found again.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use midwatch::{
    backend::{Backend, Connector, Loss},
    clock::Clock,
    domain::{Change, Link, LossKind, Trouble},
    message::{Event, Subscriptions},
    runtime::Runtime,
};
use tokio::{sync::watch, time::Instant};

use crate::support::{Stage, world};

fn assert_about(seconds: f64, expected: f64) {
    let range = expected * 0.8 - 0.01..=expected * 1.2 + 0.01;
    assert!(range.contains(&seconds), "expected about {expected} s, got {seconds} s");
}

fn words(stage: &Stage, cluster: &str) -> Vec<&'static str> {
    stage.links(cluster).into_iter().map(|(_, link)| link.word()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_link_is_connecting_and_then_live_and_then_there_is_a_picture() {
    let mut stage = world().service("web", 2).begin();
    stage.live().await;
    let told = stage.heard.iter().map(|(_, event)| match event {
        Event::Link { link, .. } => link.word(),
        Event::Capabilities { .. } => "capabilities",
        Event::Changed { change: Change::Picture(_), .. } => "picture",
        Event::Latency { .. } => "latency",
        other => panic!("unexpected {other:?}"),
    });
    let told: Vec<_> = told.filter(|word| *word != "latency").collect();
    assert_eq!(told, ["connecting", "capabilities", "live", "picture"]);
    assert_eq!(stage.service("web").ready, 2);
}

#[tokio::test(start_paused = true)]
async fn the_round_trip_is_measured_at_once_and_then_again_and_again() {
    let mut stage = world().cluster("here").with("latency = \"40ms\"").service("web", 1).begin();
    stage.want_every_cluster();
    stage.play(Duration::from_secs(35)).await;
    let trips = stage.heard.iter().filter_map(|(_, event)| match event {
        Event::Latency { round_trip, .. } => Some(round_trip.as_millis()),
        _ => None,
    });
    let trips: Vec<_> = trips.collect();
    assert_eq!(trips.len(), 4, "{trips:?}");
    assert!(trips.iter().all(|trip| (30..=50).contains(trip)), "{trips:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_says_why_and_when_it_tries_again_and_its_rows_stay() {
    let mut stage = world().cluster("here").fault("lost", "30s", "3s").service("web", 2).begin();
    stage.live().await;
    stage.until("it is lost", |stage| !stage.link("here").is_live()).await;
    let Link::Lost { since, kind, why, retry_at } = stage.link("here").clone() else {
        panic!("{:?}", stage.link("here"))
    };
    assert_eq!(kind, LossKind::Unreachable);
    assert!(why.line().contains("connection reset"), "{why}");
    assert_eq!(since.to_string(), "2026-11-21T03:00:30Z");
    let delay = retry_at.expect("a time").duration_since(since).as_secs_f64();
    assert_about(delay, 0.5);
    assert_eq!(stage.service("web").ready, 2, "old facts stay");
    assert!(stage.inventory.health_of(stage.service("web")).is_none(), "but nothing is claimed of them");
    assert!(stage.runtime.connections().live(&"here".into()).is_none());

    stage.until("it is back", |stage| stage.link("here").is_live()).await;
    stage.play(Duration::from_secs(1)).await;
    assert_eq!(stage.count(|event| matches!(event, Event::Changed { change: Change::Picture(_), .. })), 2);
}

#[tokio::test(start_paused = true)]
async fn delays_grow_while_it_stays_lost_and_its_age_does_not_begin_anew() {
    let mut stage = world().cluster("here").fault("lost", "30s", "2m").service("web", 1).begin();
    stage.want_every_cluster();
    stage.play(Duration::from_secs(100)).await;
    let lost = stage.links("here").into_iter().filter_map(|(at, link)| match link {
        Link::Lost { retry_at: Some(_), since, .. } => Some((at, *since)),
        _ => None,
    });
    let lost: Vec<_> = lost.collect();
    for (pair, expected) in lost.windows(2).zip([0.5, 1.0, 2.0, 4.0, 8.0, 16.0]) {
        assert_about(pair[1].0 - pair[0].0, expected);
    }
    assert!(lost.len() >= 6, "{lost:?}");
    assert!(lost.iter().all(|(_, since)| *since == lost[0].1), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn while_it_is_tried_again_the_reason_stays_to_be_read() {
    let mut stage = world().cluster("here").fault("hung", "30s", "5m").service("web", 1).begin();
    stage.want_every_cluster();
    stage.until("it is tried again", |stage| matches!(stage.link("here"), Link::Lost { retry_at: None, .. })).await;
    assert_eq!(words(&stage, "here"), ["connecting", "live", "hung", "hung"]);
}

#[tokio::test(start_paused = true)]
async fn delays_begin_anew_only_after_it_was_really_back() {
    // Up for two seconds between losses: not long enough to be trusted.
    let flapping = "[[clusters.faults]]\nkind = \"lost\"\nat = \"20s\"\nlasts = \"3s\"\nevery = \"5s\"";
    let mut stage = world().cluster("here").with(flapping).service("web", 1).begin();
    stage.want_every_cluster();
    stage.play(Duration::from_secs(60)).await;
    let longest = stage.links("here").into_iter().filter_map(|(_, link)| match link {
        Link::Lost { since, retry_at: Some(retry_at), .. } => Some(retry_at.duration_since(*since).as_secs_f64()),
        _ => None,
    });
    assert!(longest.fold(0.0, f64::max) > 6.0, "{:#?}", stage.links("here"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_accepts_and_says_nothing_is_hung_after_five_seconds_and_stops_no_other() {
    let mut stage =
        world().cluster("bad").fault("hung", "0s", "10m").service("web", 1).cluster("good").service("api", 1).begin();
    stage.want_every_cluster();
    stage.until("bad is lost", |stage| matches!(stage.link("bad"), Link::Lost { .. })).await;
    let Link::Lost { kind, why, .. } = stage.link("bad") else { unreachable!() };
    assert_eq!(*kind, LossKind::Hung);
    assert_eq!(why.line(), "could not connect to bad: no answer for 5 s");
    let (at, _) = stage.links("bad")[1];
    assert!((5.0..5.1).contains(&at), "{at}");
    assert!(stage.link("good").is_live());
    assert_eq!(stage.service("api").ready, 1);
    let (at, _) = stage.links("good")[1];
    assert!(at < 0.1, "the good one did not wait: {at}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_falls_silent_is_hung_five_seconds_after_it_was_asked_whether_it_lives() {
    let mut stage = world().cluster("here").fault("hung", "32s", "10m").service("web", 1).begin();
    stage.live().await;
    stage.until("it is lost", |stage| !stage.link("here").is_live()).await;
    assert_eq!(stage.link("here").word(), "hung");
    let (at, _) = *stage.links("here").last().expect("told");
    assert!((45.0..46.0).contains(&at), "asked at 40 s, given up at {at} s");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_reconnects_does_not_wait() {
    let mut stage = world().cluster("here").fault("denied", "30s", "20s").service("web", 1).begin();
    stage.live().await;
    stage.until("it is denied", |stage| stage.link("here").word() == "denied").await;
    let Link::Lost { retry_at: Some(retry_at), .. } = stage.link("here") else { panic!("{:?}", stage.link("here")) };
    assert!(retry_at.duration_since(stage.clock.now()).as_secs() >= 47, "not hammered");
    stage.play(Duration::from_secs(21)).await;
    assert!(!stage.link("here").is_live(), "the fault is over, and it is not tried yet");
    stage.runtime.reconnect(&"here".into());
    let began = stage.clock.now();
    stage.until("it is back", |stage| stage.link("here").is_live()).await;
    assert!(stage.clock.now().duration_since(began).as_millis() < 100);
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_while_it_is_live_is_not_kept_for_later() {
    let mut stage = world().cluster("here").fault("denied", "30s", "20s").service("web", 1).begin();
    stage.live().await;
    stage.runtime.reconnect(&"here".into());
    stage.until("it is denied", |stage| stage.link("here").word() == "denied").await;
    stage.play(Duration::from_secs(10)).await;
    assert_eq!(words(&stage, "here"), ["connecting", "live", "denied"], "it waits its minute");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_no_longer_wanted_is_let_go_and_can_come_back() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    stage.want(|wanted| wanted.clusters.clear());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stage.runtime.connections().live(&"here".into()).is_none());
    let streams = stage.clusters[&"here".into()].streams().clone();
    assert_eq!((streams.watches.open(), streams.watches.ever_opened()), (0, 1));
    stage.live().await;
    stage.until("it is live again", |stage| stage.runtime.connections().live(&"here".into()).is_some()).await;
}

/// Refuses until its file is another.
struct Locked {
    tries: watch::Sender<u32>,
    file: watch::Sender<u32>,
}

impl Connector for Locked {
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>> {
        self.tries.send_modify(|tries| *tries += 1);
        let why = Trouble::new("could not reach prod", "the server does not accept these credentials");
        Box::pin(async { Err(Loss { kind: LossKind::Denied, why }) })
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        let mut file = self.file.subscribe();
        Box::pin(async move { _ = file.changed().await })
    }
}

#[tokio::test(start_paused = true)]
async fn other_credentials_are_tried_at_once_although_a_refusal_is_asked_about_seldom() {
    let locked = Arc::new(Locked { tries: watch::Sender::new(0), file: watch::Sender::new(0) });
    let connectors = [("prod".into(), locked.clone() as Arc<dyn Connector>)].into();
    let (mut runtime, mut inbox) = Runtime::new(connectors, Clock::system());
    runtime.reconcile(&Subscriptions { clusters: ["prod".into()].into(), ..Subscriptions::default() });
    let mut lost = async || loop {
        let Some(Event::Link { link: Link::Lost { retry_at: Some(_), .. }, .. }) = inbox.facts.recv().await else {
            continue;
        };
        return;
    };
    lost().await;
    let began = Instant::now();
    locked.file.send_modify(|file| *file += 1);
    lost().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(*locked.tries.borrow(), 2);
    lost().await;
    assert!(began.elapsed() > Duration::from_secs(60), "{:?}", began.elapsed());
}

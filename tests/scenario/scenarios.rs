//! What the embedded scenarios show, and what is said of a file that is wrong.

use std::time::Duration;

use futures::StreamExt;
use midwatch::{
    backend::simulator::scenario::Scenario,
    domain::{Capability, Change, Health, ServiceId},
    message::{Answer, Event, Question, Since},
};

use tokio::io::AsyncWriteExt;

use crate::support::{Stage, world};

fn stage(name: &str, seed: u64) -> Stage {
    Stage::of(&Scenario::named(name).unwrap_or_else(|error| panic!("{error}")), seed)
}

fn service(cluster: &str, scope: &str, name: &str) -> ServiceId {
    ServiceId::new(&cluster.into(), &scope.into(), name)
}

#[tokio::test(start_paused = true)]
async fn every_embedded_scenario_can_be_read_and_connected() {
    for name in Scenario::names() {
        let mut stage = stage(name, 1);
        stage.want_every_cluster();
        stage.play(Duration::from_secs(5)).await;
        for cluster in stage.inventory.clusters() {
            assert!(stage.inventory.pictured(&cluster.name).is_some(), "{name}: {}", cluster.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_demo_shows_at_once_what_is_broken_and_why() {
    let mut stage = stage("demo", 1);
    stage.live().await;
    assert_eq!(stage.inventory.clusters().len(), 3);
    assert!((25..=40).contains(&stage.inventory.services().len()), "{}", stage.inventory.services().len());
    let broken: Vec<_> = stage.inventory.services().filter(|service| service.health.is_broken()).collect();
    let names: Vec<_> = broken.iter().map(|service| service.id.to_string()).collect();
    assert_eq!(names, ["prod-eu/billing/tax", "prod-eu/shop/checkout"]);

    let checkout = stage.inventory.service(&service("prod-eu", "shop", "checkout")).expect("is there");
    assert_eq!((checkout.ready, checkout.wanted, checkout.release(), checkout.restarts), (2, 3, "v2.4.1", 7));
    let Health::Degraded(reason) = &checkout.health else { panic!("{:?}", checkout.health) };
    assert_eq!(&*reason.text, "1 of 3: crash loop: exit 137 (out of memory, limit 128Mi), 7 restarts in 3m");
    let tax = stage.inventory.service(&service("prod-eu", "billing", "tax")).expect("is there");
    assert_eq!(
        tax.health.reason().map(|reason| &*reason.text),
        Some("health check failed 3 times in a row: GET /health: 503 Service Unavailable")
    );
    let stopped = stage.inventory.services().filter(|service| matches!(service.health, Health::Stopped(_)));
    assert_eq!(stopped.map(|service| &*service.id.name).collect::<Vec<_>>(), ["exports"]);
}

#[tokio::test(start_paused = true)]
async fn the_demo_goes_on_crashing_and_tells_it() {
    let mut stage = stage("demo", 1);
    stage.live().await;
    stage.play(Duration::from_secs(60)).await;
    let checkout = stage.inventory.service(&service("prod-eu", "shop", "checkout")).expect("is there");
    assert_eq!(checkout.restarts, 9);
    let told = stage.heard.iter().filter_map(|(_, event)| match event {
        Event::Changed { change: Change::Happened(happening), .. } if &*happening.subject == "shop-checkout-2" => {
            Some(&*happening.text)
        }
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told[..2], ["exited with 137 (out of memory)", "started"]);
}

#[tokio::test(start_paused = true)]
async fn the_demo_has_a_cluster_of_several_machines_and_says_who_runs_its_services() {
    let mut stage = stage("demo", 1);
    stage.live().await;
    let (inventory, us) = (&stage.inventory, "prod-us".into());
    assert!(stage.backend("prod-us").capabilities().allow(Capability::Nodes).is_ok());
    let refused = stage.backend("prod-eu").capabilities().allow(Capability::Nodes);
    assert_eq!(refused.expect_err("one machine").as_ref(), "this simulated cluster is one machine");

    let nodes: Vec<_> = inventory.nodes_of(&us).collect();
    let names: Vec<_> = nodes.iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["us-control-1", "us-worker-1", "us-worker-2", "us-worker-3"]);
    let placed: usize = nodes.iter().map(|node| inventory.instances_on(&us, &node.name).len()).sum();
    let all = inventory.instances().filter(|instance| instance.id.cluster == us).count();
    assert_eq!(placed, all, "everything is on a machine that there is");
    let kept = inventory.load(&us, &"us-control-1".into()).expect("something is there");
    assert_eq!(kept.instances.len(), 1, "only the daemon comes to a machine that keeps others away");

    let checkout = inventory.service(&service("prod-us", "shop", "checkout")).expect("is there");
    let told = checkout.orchestration.as_ref().expect("a deployment");
    assert_eq!((told.updated, told.available, told.revision), (Some(3), Some(3), Some(12)));
    assert_eq!(told.owner.as_ref().map(|owner| &*owner.name), Some("shop"));
    assert_eq!(told.endpoints[0].ready, 3);
    let eu = inventory.service(&service("prod-eu", "shop", "checkout")).expect("is there");
    assert_eq!(eu.orchestration, None);
}

#[tokio::test(start_paused = true)]
async fn the_demo_knows_which_release_came_before() {
    let mut stage = stage("demo", 1);
    stage.live().await;
    let answer = stage.backend("prod-eu").query(Question::Releases(service("prod-eu", "shop", "checkout"))).await;
    let Ok(Answer::Releases(releases)) = answer else { panic!("{answer:?}") };
    let versions: Vec<_> = releases.iter().map(|release| (release.image.release(), release.current)).collect();
    assert_eq!(versions[..2], [("v2.4.1", true), ("v2.4.0", false)]);
    assert_eq!(releases[0].cause.as_deref(), Some("ci: #4711"));
}

#[tokio::test(start_paused = true)]
async fn the_demo_drops_the_line_to_the_edge_and_finds_it_again() {
    let mut stage = stage("demo", 1);
    stage.live().await;
    stage.play(Duration::from_secs(120)).await;
    let words: Vec<_> = stage.links("edge-01").into_iter().map(|(_, link)| link.word()).collect();
    assert!(words.contains(&"unreachable"), "{words:?}");
    assert!(stage.link("edge-01").is_live());
    for cluster in ["prod-eu", "prod-us"] {
        assert_eq!(stage.links(cluster).len(), 2, "{cluster} saw nothing of it");
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_calm_nothing_is_told() {
    let mut stage = stage("calm", 1);
    stage.live().await;
    stage.play(Duration::from_millis(10)).await;
    let before = stage.heard.len();
    let id = stage.id("web", 1);
    let mut log = stage.backend("calm").follow(id, Since::Lines(100));
    stage.play(Duration::from_secs(3600)).await;
    let rest: Vec<_> =
        stage.heard[before..].iter().filter(|(_, event)| !matches!(event, Event::Latency { .. })).collect();
    assert!(rest.is_empty(), "{rest:?}");
    assert!(futures::poll!(log.next()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn the_large_one_is_large() {
    let mut stage = stage("large", 1);
    stage.live().await;
    assert_eq!(stage.inventory.services().len(), 500);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_is_the_same_night_and_another_seed_another() {
    let mut nights = Vec::new();
    for seed in [1, 1, 2] {
        let mut stage = stage("demo", seed);
        stage.live().await;
        let ids: Vec<_> = stage.inventory.instances().take(3).map(|instance| instance.id.clone()).collect();
        stage.want(|wanted| wanted.samples = ids.into_iter().collect());
        let started = stage.clock.now();
        stage.play(Duration::from_secs(30)).await;
        let id = stage.inventory.instances_of(&service("prod-eu", "shop", "cart"))[0].id.clone();
        let mut log = stage.backend("prod-eu").follow(id, Since::Time(started));
        let first = log.next().await;
        let told: Vec<_> = stage.heard.iter().filter(|(_, event)| !matches!(event, Event::Link { .. })).collect();
        nights.push(format!("{told:#?} {first:?}"));
    }
    let [one, same, other] = nights.try_into().expect("three");
    assert!(one == same, "the same seed gave another night");
    assert!(one != other, "another seed gave the same night");
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_was_probably_meant() {
    let head = "title = \"x\"\n[logs.http]\nformat = \"json\"\nrate = 1\nlines = [{ message = \"a {ms}\" }]\n[[clusters]]\nname = \"a\"\n";
    let service = "[[clusters.services]]\nscope = \"s\"\nname = \"web\"\nimage = \"web\"\n";
    let cases = [
        ("lmits = { cpu = \"1\" }", "12:1: unknown key \"lmits\"\n  did you mean \"limits\"?"),
        ("logs = \"htp\"", "12:8: unknown kind of log \"htp\"\n  did you mean \"http\"?"),
        ("depends_on = [\"web\", \"wbe\"]", "12:22: unknown service \"wbe\"\n  did you mean \"web\"?"),
        ("ports = [\"http\"]", "12:9: 'http' is not a port: write 8080, 80->8080, 127.0.0.1:5432->5432 or 53/udp"),
        ("starts_in = \"soon\"", "12:13: 'soon' is not a length of time: write 90s, 15m, 2h or 1d"),
        (
            "kind = \"compose\"",
            "12:8: unknown word \"compose\"\n  known here: compose_service, swarm_service, container, deployment, stateful_set, daemon_set",
        ),
        ("troubles = [{ kind = \"crash_lop\" }]", "12:22: unknown word \"crash_lop\"\n  did you mean \"crash_loop\"?"),
        (
            "troubles = [{ kind = \"errors\", instances = [2] }]",
            "12:44: there is no instance 2: there are 1, counted from 1",
        ),
        ("[clusters.without]\nshel = \"no\"", "13:1: 'shel' is not a capability: did you mean 'shell'?"),
        (
            "[logs.b]\nformat = \"raw\"\nrate = 1\nlines = [{ message = \"{cuont}\" }]",
            "15:22: unknown place \"cuont\"\n  did you mean \"count\"?",
        ),
        ("[[clusters]]\nname = \"a\"", "13:8: there are two clusters called \"a\""),
        ("instances = ", "12:13: "),
    ];
    for (wrong, expected) in cases {
        let complaint = Scenario::parse("my.toml", &format!("{head}{service}{wrong}\n")).expect_err(wrong);
        let told = complaint.to_string();
        assert!(told.starts_with(&format!("my.toml:{expected}")), "{wrong}\n expected {expected}\n got      {told}");
    }
}

#[test]
fn an_unknown_scenario_is_told_with_the_nearest_name() {
    assert_eq!(Scenario::named("dmeo").expect_err("unknown"), "unknown scenario \"dmeo\": did you mean \"demo\"?");
}

#[tokio::test(start_paused = true)]
async fn what_a_cluster_cannot_do_is_told_with_the_reason() {
    let mut stage = world().cluster("here").with("without.shell = \"not here\"").service("web", 1).begin();
    stage.live().await;
    let capabilities = stage.backend("here").capabilities();
    assert_eq!(capabilities.allow(midwatch::domain::Capability::Shell), Err("not here".into()));
    assert_eq!(capabilities.allow(midwatch::domain::Capability::Logs), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_shell_says_what_it_is_answers_and_ends() {
    let mut stage = world().service("web", 1).begin();
    stage.live().await;
    let mut shell = stage.backend("here").attach(stage.id("web", 1), (80, 24)).await.expect("opens");
    shell.input.write_all(b"echo hellp\x7fo\rnonsense\rexit\r").await.expect("is read");
    let said: Vec<_> = shell.output.map(|said| said.expect("nothing breaks it")).collect().await;
    let said = String::from_utf8(said.concat()).expect("text");
    for part in ["simulator", "\r\nhello\r\n", "nonsense: not found", "exit\r\n"] {
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shell_ends_with_its_instance() {
    let mut stage = world().service("web", 1).trouble("crash_loop", "runs = \"5s\"").begin();
    stage.live().await;
    let shell = stage.backend("here").attach(stage.id("web", 1), (80, 24)).await.expect("opens");
    let said: Vec<_> = shell.output.map(|said| said.expect("nothing breaks it")).collect().await;
    assert!(said.concat().ends_with(b"(the instance ended, and the shell with it)\r\n"));
}

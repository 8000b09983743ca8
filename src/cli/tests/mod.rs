//! The commands on scripted engines, with time that is given.

use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use self::script::{Answers, Script, failing, fleet, time};
use super::{
    arguments::{Arguments, Command, Velero},
    exit::{Exit, Stop},
    find, forward, list, metrics, nodes,
    printer::Printer,
    releases,
    session::{Narrow, Session},
};
use crate::domain::{Capability, Health, text::is_hostile};

mod changes;
mod logs;
mod releases_of_a_service;
mod script;
mod velero;

/// What a command line came to.
struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

impl Ran {
    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

fn parse(line: &str) -> Arguments {
    Arguments::try_parse_from(line.split_whitespace()).expect(line)
}

/// Runs a command that looks, on scripted engines.
async fn run(line: &str, scripts: impl IntoIterator<Item = Script>) -> Ran {
    let arguments = parse(line);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut printer = Printer::new(&mut out, &mut err);
    let result = match Session::open(fleet(scripts), Narrow::of(&arguments.options)) {
        Ok(mut session) => carry_out(&mut session, arguments.command.expect("a command"), &mut printer).await,
        Err(stop) => Err(stop),
    };
    let exit = printer.conclude(result);
    let text = |bytes| String::from_utf8(bytes).expect("utf-8");
    Ran { exit, out: text(out), err: text(err) }
}

async fn carry_out(session: &mut Session, command: Command, printer: &mut Printer<'_>) -> Result<Exit, Stop> {
    match command {
        Command::Clusters(listing) => list::clusters(session, listing, printer).await,
        Command::Services(asked) => list::services(session, &asked, printer).await,
        Command::Instances(asked) => list::instances(session, &asked, printer).await,
        Command::Nodes(listing) => nodes::nodes(session, listing, printer).await,
        Command::Forward(asked) => forward::run(session, &asked, printer).await,
        Command::Releases { address, listing } => releases::list(session, &address, listing, printer).await,
        Command::Diff(asked) => releases::diff(session, &asked, printer).await,
        Command::Velero(asked) => match *asked {
            Velero::Look(asked) => super::velero::look(session, &asked, printer).await,
            Velero::Change(asked) => panic!("it is planned: {asked:?}"),
        },
        Command::Metrics(asked) => metrics::run(session, &asked, printer).await,
        other => panic!("not a command that these tests run: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_listed_first_with_its_reason() {
    let here = Script::of("here").service("cart", Health::Healthy).service("web", failing("exit 137: out of memory"));
    let ran = run("midwatch services", [here]).await;
    assert_eq!(ran.exit, Exit::Done);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(
        lines,
        [
            "HEALTH   SERVICE         KIND             READY  UPDATED  AVAILABLE  RELEASE  RESTARTS  AGE  PORTS  WHY",
            "failing  here/shop/web   compose-service    0/1        -          -  v1              0  60s  -      exit 137: out of memory",
            "healthy  here/shop/cart  compose-service    1/1        -          -  v1              0  60s  -      -",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn as_json_a_service_is_one_object_a_line_with_its_documented_fields() {
    let here = Script::of("here").service("web", failing("exit 1"));
    let ran = run("midwatch services --json", [here]).await;
    let object = &ran.objects()[0];
    let fields: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut documented = [
        "cluster",
        "created",
        "depends_on",
        "detail",
        "digest",
        "health",
        "help",
        "image",
        "kind",
        "orchestration",
        "ports",
        "ready",
        "reason",
        "release",
        "restarts",
        "revision",
        "scope",
        "service",
        "since",
        "version",
        "wanted",
    ];
    documented.sort_unstable();
    assert_eq!(fields, documented);
    assert_eq!(object["health"], "failing");
    assert_eq!(object["reason"], "exit 1");
    assert_eq!(object["kind"], "compose_service");
    assert_eq!(object["created"], time(-60).to_string());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_cannot_be_reached_does_not_hide_the_others() {
    let ran = run(
        "midwatch services",
        [Script::of("here").service("web", Health::Healthy), Script::of("gone").answers(Answers::Refuses)],
    )
    .await;
    assert_eq!(ran.exit, Exit::Done);
    assert!(ran.out.contains("here/shop/web"), "{}", ran.out);
    assert_eq!(ran.err, "midwatch: could not reach gone: refused\n  is it up?\n");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_asked_for_and_cannot_be_reached_is_exit_code_four() {
    let scripts = || [Script::of("here").service("web", Health::Healthy), Script::of("gone").answers(Answers::Refuses)];
    for line in ["midwatch services --cluster gone --cluster here", "midwatch services gone/shop/web"] {
        assert_eq!(run(line, scripts()).await.exit, Exit::Unreachable, "{line}");
    }
    let alone = [Script::of("gone").answers(Answers::Refuses)];
    assert_eq!(run("midwatch services", alone).await.exit, Exit::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_not_connected_at_start_is_asked_when_it_is_named_and_else_left_alone() {
    let scripts = || {
        let far = Script::of("far").service("db", Health::Healthy).idle();
        [Script::of("here").service("web", Health::Healthy), far]
    };
    let ran = run("midwatch services", scripts()).await;
    assert_eq!((ran.exit, ran.out.contains("db")), (Exit::Done, false), "{}", ran.out);
    for line in ["midwatch services --cluster far", "midwatch instances far/shop/db"] {
        let ran = run(line, scripts()).await;
        assert_eq!(
            (ran.exit, ran.out.contains("far/shop/db") || ran.out.contains("db-1")),
            (Exit::Done, true),
            "{line}: {}",
            ran.out
        );
    }
    let ran = run("midwatch clusters", scripts()).await;
    let row = ran.out.lines().find(|line| line.starts_with("far")).expect("it is listed");
    assert!(ran.exit == Exit::Done && row.contains("not connected"), "{row}");
    let ran = run("midwatch instances db", scripts()).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("not asked were far: name one with --cluster"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_is_asked_an_empty_list_is_no_answer() {
    let scripts = || [Script::of("far").idle(), Script::of("farther").idle()];
    let ran = run("midwatch services", scripts()).await;
    assert_eq!(ran.exit, Exit::Unreachable);
    assert!(ran.err.contains("name one with --cluster: far, farther"), "{}", ran.err);
    assert_eq!(run("midwatch clusters", scripts()).await.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_accepts_and_never_lists_is_given_up_on() {
    let hung = Script::of("hung").answers(Answers::Never);
    let ran = tokio::time::timeout(Duration::from_secs(60), run("midwatch services", [hung])).await;
    let ran = ran.expect("ends by itself");
    assert_eq!(ran.exit, Exit::Unreachable);
    assert!(ran.err.contains("hung"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn no_cluster_at_all_says_so_and_offers_the_demo() {
    let ran = run("midwatch services", []).await;
    assert_eq!(ran.exit, Exit::Unreachable);
    assert!(ran.err.contains("midwatch demo"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn a_mistyped_name_is_answered_with_the_nearest_one() {
    let scripts = || [Script::of("here").service("checkout", Health::Healthy)];
    let ran = run("midwatch services chekout", scripts()).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("did you mean here/shop/checkout?"), "{}", ran.err);
    let ran = run("midwatch services --cluster heer", scripts()).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("did you mean here?"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_address_lists_what_it_could_be() {
    let here = Script::of("here").service("web", Health::Healthy).service_in("blog", "web", Health::Healthy);
    let ran = run("midwatch releases web", [here]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.err.contains("here/blog/web, here/shop/web"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_does_not_guess_around_a_lost_cluster() {
    let scripts = [Script::of("here").service("web", Health::Healthy), Script::of("gone").answers(Answers::Refuses)];
    let mut session = Session::open(fleet(scripts), Narrow::default()).expect("opens");
    session.pictures().await;
    let web = "web".parse().expect("an address");
    assert!(find::service(&session, &web).is_ok());
    assert!(matches!(find::service_to_change(&session, &web), Err(Stop::Because(Exit::Unreachable, _))));
    assert!(find::service_to_change(&session, &"here/shop/web".parse().expect("an address")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn scope_and_cluster_narrow_every_list() {
    let scripts = || {
        [
            Script::of("here").service("web", Health::Healthy).service_in("blog", "web", Health::Healthy),
            Script::of("there").service("web", Health::Healthy),
        ]
    };
    for (line, count) in [
        ("midwatch instances --json", 3),
        ("midwatch instances --json --scope shop", 2),
        ("midwatch instances --json --scope shop --cluster there", 1),
        ("midwatch services --json --scope blog", 1),
        ("midwatch metrics --json --scope blog", 1),
        ("midwatch clusters --json --cluster there", 1),
    ] {
        assert_eq!(run(line, scripts()).await.objects().len(), count, "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_does_not_tell_its_command_line() {
    let ran = run("midwatch instances --json", [Script::of("here").service("web", Health::Healthy)]).await;
    assert_eq!(ran.objects()[0]["instance"], "web-1");
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn hostile_reasons_reach_neither_the_table_nor_the_json_raw() {
    for line in ["midwatch services", "midwatch services --json"] {
        let here = Script::of("here").service("web", failing("\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J"));
        let ran = run(line, [here]).await;
        assert!(!ran.out.trim_end().replace('\n', "").contains(is_hostile), "{:?}", ran.out);
        assert!(ran.out.contains("owned"));
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_are_listed_with_what_was_asked_of_them_the_broken_one_first() {
    let scripts =
        || [Script::of("here").service("web", Health::Healthy).node("a", None).node("b", Some("disk pressure"))];
    let ran = run("midwatch nodes --json", scripts()).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let objects = ran.objects();
    let told =
        |index: usize| (&objects[index]["node"], &objects[index]["slots_taken"], &objects[index]["cpu_requested"]);
    assert_eq!(told(0), (&"b".into(), &0.into(), &0.into()));
    assert_eq!(told(1), (&"a".into(), &1.into(), &100.into()), "what is placed is placed on the first");
    assert_eq!(objects[0]["reason"], "disk pressure");
    let table = run("midwatch nodes", scripts()).await.out;
    assert!(table.lines().nth(1).is_some_and(|row| row.ends_with("disk pressure")), "{table}");
}

#[tokio::test(start_paused = true)]
async fn clusters_without_nodes_say_why_and_nothing_is_listed() {
    let here = Script::of("here").service("web", Health::Healthy).without(Capability::Nodes, "it is one machine");
    let ran = run("midwatch nodes", [here]).await;
    assert_eq!((ran.exit, &*ran.out, &*ran.err), (Exit::Refused, "", "midwatch: here: it is one machine\n"));
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_the_engine_cannot_do_is_refused_in_words() {
    let here = Script::of("here").service("web", Health::Healthy).without(Capability::Forward, "there is no way in");
    let ran = run("midwatch forward web 8080", [here]).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert!(ran.err.contains("could not forward to here/shop/web: there is no way in"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_told_to_the_person_and_to_the_machine() {
    let here = || Script::of("here").hidden("nodes: you may not list them");
    assert_eq!(
        run("midwatch services", [here()]).await.err,
        "midwatch: here: hidden: nodes: you may not list them\nmidwatch: no services on here\n"
    );
    let ran = run("midwatch clusters --json", [here()]).await;
    assert_eq!(ran.objects()[0]["hidden"][0], "nodes: you may not list them");
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_for_a_picture_that_comes_in_parts() {
    let here = Script::of("here").service("web", Health::Healthy).in_parts();
    assert_eq!(run("midwatch instances --json", [here]).await.objects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn releases_are_asked_of_the_engine() {
    let ran = run("midwatch releases web --json", [Script::of("here").service("web", Health::Healthy)]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(ran.objects()[0]["release"], "v1");
    assert_eq!(ran.objects()[0]["current"], true);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_one_sample_of_each_instance() {
    let here = Script::of("here").service("web", Health::Healthy).service("cart", Health::Healthy);
    let ran = run("midwatch metrics --json", [here]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let objects = ran.objects();
    assert_eq!(objects.len(), 2);
    assert_eq!((&objects[0]["instance"], &objects[0]["cpu"]), (&"cart-1".into(), &210.into()));
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_told_to_the_person_and_not_to_the_pipe() {
    let ran = run("midwatch services", [Script::of("here")]).await;
    assert_eq!((ran.exit, &*ran.out, &*ran.err), (Exit::Done, "", "midwatch: no services on here\n"));
}

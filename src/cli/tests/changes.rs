//! From what was typed to what is planned: which service, which release, at which pace, and what is not understood.

use super::{
    Ran, parse,
    releases_of_a_service::release,
    script::{Script, fleet},
};
use crate::{
    cli::{
        arguments::Command,
        asked::Asked,
        exit::Stop,
        printer::Printer,
        session::{Narrow, Session},
    },
    domain::{Health, Pace, Release},
    plan::{Strategy, Target, Verb},
};

const OWN: Pace = Pace { max_unavailable: 2, max_surge: 3, min_ready: 7 };

fn here(releases: Vec<Release>) -> Script {
    Script::of("here").service("web", Health::Healthy).releases(releases).pace(OWN)
}

fn asked(line: &str) -> Result<Asked, Stop> {
    match parse(line).command.expect("a command") {
        Command::Rollout(asked) => Asked::rollout(*asked),
        Command::Rollback(asked) => Ok(Asked::rollback(asked)),
        Command::Scale(asked) => Ok(Asked::scale(asked)),
        Command::Delete(asked) => Ok(Asked::delete(asked)),
        Command::Drain(asked) => Ok(Asked::drain(asked)),
        other => panic!("not a command that these tests ask: {other:?}"),
    }
}

async fn resolved(line: &str, script: Script) -> Result<(Verb, Target), Ran> {
    let result = match asked(line) {
        Ok(asked) => {
            let mut session = Session::open(fleet([script]), Narrow::default()).expect("opens");
            session.pictures().await;
            asked.resolved(&mut session).await
        }
        Err(stop) => Err(stop),
    };
    result.map_err(|stop| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = Printer::new(&mut out, &mut err).conclude(Err(stop));
        Ran { exit, out: String::new(), err: String::from_utf8(err).expect("utf-8") }
    })
}

async fn refused(line: &str, script: Script) -> (u8, String) {
    let ran = resolved(line, script).await.map(|_| ()).expect_err(line);
    (ran.exit.code(), ran.err)
}

async fn verb(line: &str, releases: Vec<Release>) -> Verb {
    resolved(line, here(releases)).await.unwrap_or_else(|ran| panic!("{line}: {}", ran.err)).0
}

#[tokio::test(start_paused = true)]
async fn without_a_release_the_suggested_one_is_gone_back_to_and_else_the_one_that_is_named() {
    let releases = || vec![release(3, true), Release { older: vec![1], ..release(2, false) }];
    for line in ["midwatch rollback web", "midwatch rollback web 2", "midwatch rollback web v2"] {
        let Verb::RollBack(found) = verb(line, releases()).await else { panic!("not a rollback") };
        assert_eq!((&*found.id, &*found.title), ("web-2", "2 v2"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_there_is_not_is_answered_with_those_that_there_are() {
    let releases = vec![release(3, true), release(2, false)];
    let (code, said) = refused("midwatch rollback web 9", here(releases)).await;
    assert_eq!(code, 2);
    assert!(said.contains("no release \"9\" of here/shop/web") && said.contains("there are: 3 v3, 2 v2"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn where_no_release_is_known_to_have_held_one_has_to_be_named() {
    let releases = vec![release(3, true), Release { served: Some(20), ..release(2, false) }];
    let (code, said) = refused("midwatch rollback web", here(releases)).await;
    assert_eq!(code, 3);
    assert!(said.contains("known to have held long") && said.contains("name one: there are: 3 v3, 2 v2"), "{said}");
    let forgotten = vec![release(3, true), Release { id: "".into(), ..release(2, false) }];
    let (code, said) = refused("midwatch rollback web v2", here(forgotten)).await;
    assert_eq!(code, 3);
    assert!(said.contains("nothing is kept of it"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn of_a_pace_what_is_not_typed_is_as_the_service_itself_has_it() {
    let Verb::RollOut(wish) = verb("midwatch rollout web web:v2 --max-surge 1", Vec::new()).await else { panic!() };
    let Strategy::Rolling(rolling) = wish.strategy else { panic!("{:?}", wish.strategy) };
    assert_eq!(rolling.pace, Some(Pace { max_surge: 1, ..OWN }));
    let Verb::RollOut(wish) = verb("midwatch rollout web web:v2", Vec::new()).await else { panic!() };
    let Strategy::Rolling(rolling) = wish.strategy else { panic!("{:?}", wish.strategy) };
    assert_eq!(rolling.pace, None);
}

#[tokio::test(start_paused = true)]
async fn an_option_of_another_strategy_is_a_mistake() {
    for (line, says) in [
        ("midwatch rollout web web:v2 --strategy canary --max-surge 1", "it belongs to --strategy rolling"),
        ("midwatch rollout web web:v2 --weight 10%", "it belongs to --strategy canary"),
        ("midwatch rollout web web:v2 --strategy canary --keep 60", "it belongs to --strategy blue-green"),
        ("midwatch rollout web", "neither an image nor a variable"),
        ("midwatch rollout web web:v2 web:v3", "two images for one container"),
    ] {
        let (code, said) = refused(line, here(Vec::new())).await;
        assert_eq!(code, 2, "{line}");
        assert!(said.contains(says), "{line}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_does_not_tell_is_no_reason_to_plan_blindly() {
    let silent = Script::of("here").service("web", Health::Healthy);
    for line in ["midwatch rollout web web:v2", "midwatch rollback web", "midwatch scale web 3"] {
        let (code, said) = refused(line, silent.clone()).await;
        assert_eq!((code, said.contains("not in the script")), (3, true), "{line}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_found_by_its_name_and_a_mistyped_one_gets_the_nearest() {
    let script = || here(Vec::new()).node("worker-1", None).node("worker-2", None);
    for line in ["midwatch drain worker-2", "midwatch drain here/worker-2"] {
        let (_, target) = resolved(line, script()).await.unwrap_or_else(|ran| panic!("{line}: {}", ran.err));
        let Target::Service(node) = target else { panic!("{target:?}") };
        assert_eq!(node.node().map(|name| &**name), Some("worker-2"));
    }
    let (code, said) = refused("midwatch drain worker-3", script()).await;
    assert_eq!((code, said.contains("did you mean worker-")), (2, true), "{said}");
}

#[tokio::test(start_paused = true)]
async fn one_instance_is_named_to_be_ended() {
    let (verb, target) = resolved("midwatch delete web --instance web-1", here(Vec::new()))
        .await
        .unwrap_or_else(|ran| panic!("{}", ran.err));
    assert_eq!(verb, Verb::Delete);
    assert!(matches!(target, Target::Instance(_)));
    let (code, said) = refused("midwatch delete web --instance web-7", here(Vec::new())).await;
    assert_eq!((code, said.contains("did you mean web-1?")), (2, true), "{said}");
}

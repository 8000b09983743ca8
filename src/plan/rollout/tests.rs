//! What is planned for a new release, by which strategy, and what is refused. That each plan can be taken back at any point is in
//! `worlds`.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{
        Argo, Autoscaler, Budget, Controller, Dependency, Health, Lease, Mount, OperationId, Owner, OwnerTool, Pace,
        Port, Route, ServiceKind,
    },
    plan::{
        Edits, Gate, Plan, Refusal, RollOut, Step, Strategy, Traffic, Verb,
        fixture::*,
        wish::{BlueGreen, Canary, OnFailure, Rolling, Then, Weight},
    },
};

mod guards;
mod host;
mod worlds;

fn titles(plan: &Plan) -> Vec<String> {
    plan.steps().map(|planned| planned.step.title()).collect()
}

fn rolled(shop: &Shop) -> Plan {
    shop.roll(Strategy::default()).expect("planned")
}

#[track_caller]
fn refusal(plan: Result<Plan, Refusal>) -> Refusal {
    plan.expect_err("refused")
}

#[track_caller]
fn refused(plan: Result<Plan, Refusal>, why: &str, help: &str) {
    let refusal = refusal(plan);
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{:?}", refusal.help);
}

#[track_caller]
fn says(texts: &[Arc<str>], wanted: &str) {
    assert!(texts.iter().any(|text| text.contains(wanted)), "no '{wanted}' in {texts:#?}");
}

#[track_caller]
fn keeps_quiet(texts: &[Arc<str>], unwanted: &str) {
    assert!(!texts.iter().any(|text| text.contains(unwanted)), "'{unwanted}' in {texts:#?}");
}

fn rolling_with(pace: Pace) -> Strategy {
    Strategy::Rolling(Rolling { pace: Some(pace), ..Rolling::default() })
}

fn canary_of(percents: &[u8]) -> Strategy {
    let steps = percents.iter().map(|percent| Weight { percent: *percent, then: Then::Watch(30) }).collect();
    Strategy::Canary(Canary { steps, ..Canary::default() })
}

fn edited(change: impl FnOnce(&mut Edits)) -> Verb {
    let mut edits = Edits::default();
    change(&mut edits);
    Verb::RollOut(Box::new(RollOut { edits, ..RollOut::default() }))
}

fn image(container: &str, name: &str) -> Verb {
    edited(|edits| {
        edits.images.insert(container.into(), name.into());
    })
}

fn variable(name: &str, value: Option<&str>) -> Verb {
    edited(|edits| {
        edits.env.insert("".into(), BTreeMap::from([(name.into(), value.map(Into::into))]));
    })
}

#[test]
fn containers_are_rolled_one_after_the_other_and_removed_when_all_is_done() {
    let plan = rolled(&Shop::docker(2));
    let upstream = "nginx upstream web in proxy-1";
    let slot = |n: usize, shifts: [&str; 2]| {
        vec![
            format!("make web-{n}-r4 with image shop/web:v2"),
            format!("start web-{n}-r4"),
            format!("wait until web-{n}-r4 is ready (up to 300 s)"),
            format!("let others find web-{n}-r4"),
            format!("{upstream}: to {}", shifts[0]),
            format!("{upstream}: to {}", shifts[1]),
            "check: what is new stays ready for 5 s".to_owned(),
            format!("stop web-{n} (up to 10 s)"),
        ]
    };
    let shifts = ["3 instances, weighted 1:1:1", "2 instances, weighted 1:1"];
    let mut expected = [slot(1, shifts), slot(2, shifts)].concat();
    expected.extend(
        [
            "write release 4 into the host's history",
            "stop web-1 (up to 10 s)",
            "remove web-1",
            "stop web-2 (up to 10 s)",
            "remove web-2",
            "rename web-1-r4 to web-1",
            "rename web-2-r4 to web-2",
            "nginx upstream web in proxy-1: as it was",
        ]
        .map(String::from),
    );
    assert_eq!(titles(&plan), expected);
    let tidying: Vec<bool> = plan.steps().map(|planned| planned.tidies).collect();
    assert!(tidying[..16].iter().all(|tidies| !tidies) && tidying[16..].iter().all(|tidies| *tidies), "{tidying:?}");
    assert_eq!((plan.minimum, plan.turns), (2, true));
    assert_eq!(plan.from.as_deref(), None);
}

#[test]
fn a_strategy_is_explained_with_its_parameters_before_anybody_says_yes() {
    let explains = rolled(&Shop::docker(2)).explains;
    says(
        &explains.how,
        "one after the other: a new one is made, must be ready within 300 s and gets requests, then the old one is drained for 5 s and stopped (SIGTERM, up to 10 s)",
    );
    says(&explains.how, "requests are shifted by nginx upstream web in proxy-1");
    says(&explains.promises, "never fewer than 2 of 2 ready");
    says(&explains.promises, "the host keeps 10 releases to go back to");
    says(&explains.undo, "what was stopped is started again, then what is new is stopped and removed");
    says(&explains.undo, "once it tidies up, the way back is to roll back");
    says(&explains.warnings, "docker compose up brings back the image that it says");
    let text = rolled(&Shop::docker(2)).text();
    assert!(text.contains("  how      rolling to image shop/web:v2, one after the other"), "{text}");
}

#[test]
fn what_nobody_wrote_down_is_written_down_before_anything_is_changed() {
    let shop = Shop::by_names(1).but(|shop| {
        shop.means().releases[0].id = "".into();
        shop.means().next = 1;
    });
    let plan = rolled(&shop);
    assert!(
        matches!(&plan.stages[0].steps[0].step, Step::Record { release: 1, like, keep: 10, .. } if !like.is_made())
    );
    assert_eq!(titles(&plan)[1], "make web-1-r2 with image shop/web:v2");
    says(&titles(&plan).into_iter().map(Arc::from).collect::<Vec<_>>(), "write release 2 into the host's history");
}

#[test]
fn a_published_port_is_the_old_ones_until_it_is_stopped_and_that_is_said() {
    let publish = |shop: &mut Shop| {
        let published = Some(("0.0.0.0".into(), 8080));
        let ports: Arc<[Port]> = [Port { inside: 80, protocol: "tcp".into(), published }].into();
        shop.instances.iter_mut().filter(|one| one.service == id("web")).for_each(|one| one.ports = ports.clone());
    };
    let plan = rolled(&Shop::by_names(1).but(publish));
    assert_eq!(
        titles(&plan)[..5],
        [
            "make web-1-r4 with image shop/web:v2",
            "stop web-1 (up to 10 s)",
            "let others find web-1-r4",
            "start web-1-r4",
            "wait until web-1-r4 is ready (up to 300 s)",
        ],
        "joining what serves would cut its port off once more"
    );
    assert_eq!(plan.minimum, 0);
    says(
        &plan.explains.warnings,
        "nobody answers meanwhile: the old one is stopped first, because its ports are published",
    );
    keeps_quiet(&plan.explains.promises, "never fewer");
    assert_eq!(rolled(&Shop::by_names(3).but(publish)).minimum, 2);
    for strategy in [Strategy::Canary(Canary::default()), Strategy::BlueGreen(BlueGreen::default())] {
        refused(
            Shop::by_names(2).but(publish).roll(strategy),
            "its ports are published on the host",
            "it can be rolled",
        );
    }
}

#[test]
fn a_lone_one_that_writes_to_a_volume_is_never_there_twice_unless_somebody_says_so() {
    let mounts: Arc<[Mount]> =
        [Mount { kind: "volume".into(), source: "data".into(), target: "/data".into(), read_only: false }].into();
    let mount = |shop: &mut Shop| shop.instances.iter_mut().for_each(|one| one.mounts = mounts.clone());
    let plan = rolled(&Shop::by_names(1).but(mount));
    assert_eq!(plan.minimum, 0);
    says(&plan.explains.warnings, "two at once would write to the volume data");
    assert_eq!(rolled(&Shop::by_names(2).but(mount)).minimum, 2, "they write to it together already");
    let pace = Pace { max_surge: 1, ..Pace::default() };
    let asked = Shop::by_names(1).but(mount).roll(rolling_with(pace)).expect("planned");
    assert_eq!(asked.minimum, 1);
    says(&asked.explains.warnings, "for a while two write to the volume data");
}

#[test]
fn a_pace_says_who_is_first_and_how_long_a_new_one_must_do_well() {
    let old_first =
        Shop::docker(2).roll(rolling_with(Pace { max_unavailable: 1, ..Pace::default() })).expect("planned");
    assert_eq!(old_first.minimum, 1);
    let steady =
        Shop::docker(2).roll(rolling_with(Pace { max_surge: 1, min_ready: 20, ..Pace::default() })).expect("planned");
    assert_eq!(titles(&steady)[3], "check: what is new stays ready for 20 s");
    says(&steady.explains.how, "ready within 300 s and stay so for 20 s");
    refused(Shop::docker(2).roll(rolling_with(Pace::default())), "no way to replace one", "max surge");
}

#[test]
fn the_gates_are_passed_after_each_new_instance_and_before_the_old_one_goes() {
    let gate = Gate::Errors { percent: 150, at_least: 20, seconds: 30 };
    let wish = RollOut { gates: vec![gate.clone()], on_failure: OnFailure::Ask, ..wish() };
    let plan = Shop::docker(2).plan(Verb::RollOut(Box::new(wish))).expect("planned");
    let place = |title: &str| titles(&plan).iter().position(|other| other.contains(title)).expect("planned");
    assert!(place("let others find web-1-r4") < place("check: error lines"));
    assert!(place("check: error lines") < place("stop web-1 "));
    assert_eq!(
        plan.steps()
            .filter(|planned| matches!(&planned.step, Step::Gate { gate: other, .. } if *other == gate))
            .count(),
        2
    );
    assert!(!plan.turns, "it was asked to wait for a person");
    says(&plan.explains.how, "after each new one: error lines in 30 s are at most 150 %");
}

#[test]
fn a_canary_behind_a_proxy_divides_requests_and_keeps_every_old_one_meanwhile() {
    let plan = Shop::docker(3).roll(canary_of(&[10, 50])).expect("planned");
    let stages: Vec<_> = plan.stages.iter().map(|stage| &*stage.title).collect();
    assert_eq!(stages, ["10 %", "50 %", "web-1", "web-2", "web-3", "tidy up"]);
    let weights: Vec<Vec<u32>> = plan.stages[..2]
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter_map(|planned| match &planned.step {
            Step::Shift { to: Traffic::Instances(to), .. } => Some(to.iter().map(|(_, weight)| *weight).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(weights, [vec![1, 3, 3, 3], vec![3, 3, 2, 2, 2]]);
    assert!(
        plan.stages[..2]
            .iter()
            .flat_map(|stage| &stage.steps)
            .all(|planned| !matches!(planned.step, Step::Stop { .. }))
    );
    says(&plan.explains.how, "10 % to 1 new container, watched for 30 s, then 50 % to 2 new containers");
    assert_eq!(plan.minimum, 3);
}

#[test]
fn a_canary_by_names_says_what_share_it_really_is() {
    let plan = Shop::by_names(3).roll(canary_of(&[10, 50])).expect("planned");
    says(&plan.explains.how, "1 new container beside 3 (1 of 4, about 25 % of the requests, not 10 %)");
    says(&plan.explains.how, "3 new containers beside 3 (3 of 6, about 50 % of the requests), ");
    says(&plan.explains.how, "no proxy is known that divides requests");
}

#[test]
fn a_canary_that_asks_waits_for_a_person_at_each_part() {
    let steps = vec![Weight { percent: 20, then: Then::Ask }];
    let plan = Shop::docker(2).roll(Strategy::Canary(Canary { steps, ..Canary::default() })).expect("planned");
    says(&titles(&plan).into_iter().map(Arc::from).collect::<Vec<_>>(), "check: 20 % has image shop/web:v2: go on?");
}

#[test]
fn the_steps_of_a_canary_grow_and_are_parts_of_a_hundred() {
    for (percents, why) in
        [(&[][..], "at least one step"), (&[0], "0 % is no part"), (&[50, 10], "only grow"), (&[101], "101 %")]
    {
        assert!(refusal(Shop::docker(2).roll(canary_of(percents))).why.contains(why), "{percents:?}");
    }
}

#[test]
fn a_blue_green_rollout_makes_all_beside_the_old_ones_and_switches_once() {
    let wish = BlueGreen { ask: true, keep: 60, ..BlueGreen::default() };
    let plan = Shop::docker(2).roll(Strategy::BlueGreen(wish)).expect("planned");
    assert_eq!(
        titles(&plan)[6..13],
        [
            "check: all of image shop/web:v2 is ready: switch to it?",
            "let others find web-1-r4",
            "let others find web-2-r4",
            "nginx upstream web in proxy-1: to 2 instances, weighted 1:1",
            "check: what is new stays ready for 60 s",
            "stop web-1 (up to 10 s)",
            "stop web-2 (up to 10 s)",
        ]
    );
    says(&plan.explains.how, "the old ones run on for 60 s to switch back to");
    says(&plan.explains.how, "twice as many run");
    let by_names = Shop::by_names(2).roll(Strategy::BlueGreen(BlueGreen::default())).expect("planned");
    says(&by_names.explains.warnings, "behind the name web both answer until the old are stopped");
}

#[test]
fn what_was_stopped_on_purpose_what_ends_and_what_vanishes_is_not_rolled_out() {
    let one_stopped = Shop::docker(2).but(|shop| {
        shop.instances[1].health = stopped();
        shop.instances[1].state = crate::domain::InstanceState::Exited { exit_code: 0, out_of_memory: false };
    });
    let plan = rolled(&one_stopped);
    says(&plan.explains.warnings, "web-2 is exited and stays so, with the old release");
    assert!(!titles(&plan).iter().any(|title| title.contains("web-2")), "{:?}", titles(&plan));
    let all = Shop::by_names(1).but(|shop| shop.instances[0].health = stopped());
    refused(all.roll(Strategy::default()), "nothing of shop/web runs", "start it first");
    let removed = Shop::by_names(1).but(|shop| shop.instances[0].is_removed_when_stopped = true);
    refused(removed.roll(Strategy::default()), "was run with --rm", "without --rm");
    let job = Shop::by_names(1).with("api", [Health::Healthy]).depending_on("web", "completed");
    refused(job.roll(Strategy::default()), "meant to end", "run it anew");
}

#[test]
fn a_broken_one_has_its_turn_first_and_gets_no_requests_back() {
    let shop = Shop::docker(3).but(|shop| {
        shop.instances[2].health = failing();
        shop.services[0].health = failing();
    });
    let plan = rolled(&shop);
    assert_eq!(&*plan.stages[0].title, "web-3");
    assert_eq!(plan.minimum, 2);
    says(&plan.explains.warnings, "it is failing already (exit 1): where this fails, that is what runs again");
    let stop = plan.stages[0].steps.iter().find(|planned| matches!(planned.step, Step::Stop { .. })).expect("stopped");
    assert!(matches!(stop.undo[..], [Step::Start { .. }]), "what was broken is not waited for: {:?}", stop.undo);
}

#[test]
fn who_depends_on_it_and_what_is_not_known_is_said() {
    let shop = Shop::docker(1).with("api", [Health::Healthy]).depending_on("web", "healthy").but(|shop| {
        shop.instances[0].has_health_check = false;
        shop.services[0].depends_on.push(Dependency { service: "db".into(), condition: "healthy".into() });
    });
    let warnings = rolled(&shop).explains.warnings;
    for wanted in ["api depends on it", "no health check", "db, which it depends on, is not there"] {
        says(&warnings, wanted);
    }
    let latest = shop.plan(image("", "shop/web")).expect("planned");
    says(&latest.explains.warnings, "shop/web is whatever was pushed last");
}

#[test]
fn an_image_that_does_not_parse_is_refused_with_how_it_is_written() {
    let shop = Shop::docker(1);
    refused(
        shop.plan(image("", "shop/Web:v2")),
        "'shop/Web:v2' is not an image name: 'Web' has capital letters",
        "shop/web:v2",
    );
}

#[test]
fn a_container_is_named_where_there_are_several_and_a_mistyped_one_is_corrected() {
    let shop = Shop::kubernetes(2).but(|shop| {
        let mut sidecar = shop.means().containers[0].clone();
        sidecar.name = "proxy".into();
        shop.means().containers.push(sidecar);
    });
    refused(
        shop.plan(image("", "shop/web:v2")),
        "shop/web has 2 containers: say which is meant",
        "one of web, proxy: NAME=IMAGE",
    );
    refused(shop.plan(image("prxy", "shop/web:v2")), "no container prxy", "did you mean proxy?");
    let plan = shop.plan(image("proxy", "shop/web:v2")).expect("planned");
    assert_eq!(titles(&plan)[0], "set image shop/web:v2 in proxy of web");
    let only = Shop::docker(1);
    refused(only.plan(image("db", "shop/web:v2")), "no container db", "leave the name out");
    only.plan(image("web", "shop/web:v2")).expect("the service's own name will do");
}

#[test]
fn what_runs_already_is_no_new_release_unless_its_environment_is_another() {
    let shop = Shop::docker(1).but(|shop| {
        shop.means().containers[0].env.insert("MODE".into(), "fast".into());
    });
    refused(shop.plan(image("", "shop/web:v1")), "nothing would change", "digest");
    refused(shop.plan(variable("MODE", Some("fast"))), "nothing would change", "restart");
    refused(shop.plan(variable("GONE", None)), "nothing would change", "");
    refused(shop.plan(edited(|_| ())), "no image and no variable", "name an image");
    let plan = shop.plan(variable("MODE", Some("slow"))).expect("planned");
    assert_eq!(titles(&plan)[0], "make web-1-r4 with MODE");
}

#[test]
fn a_secret_is_refused_by_its_name_and_by_its_shape_and_told_where_to_put_it() {
    for (name, value) in [("DB_PASSWORD", "hunter2"), ("DATABASE_URL", "postgres://shop:hunter2@db/shop")] {
        let refusal = refusal(Shop::docker(1).plan(variable(name, Some(value))));
        assert!(refusal.why.contains(&format!("{name} looks like a secret")), "{}", refusal.why);
        assert!(!format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
        assert!(refusal.help.expect("it helps").contains("_FILE"));
    }
    refused(Shop::kubernetes(1).plan(variable("API_KEY", Some("x1"))), "looks like a secret", "create secret");
    Shop::docker(1).plan(variable("DB_PASSWORD_FILE", Some("/run/secrets/db"))).expect("a path is no secret");
    Shop::docker(1).plan(variable("MODE=x", Some("slow"))).expect_err("no name has an equals sign");
    refused(Shop::docker(1).plan(variable("1MODE", Some("slow"))), "'1MODE' is not a variable's name", "NAME=VALUE");
}

#[test]
fn a_deployment_is_updated_and_followed_and_taken_back_by_its_current_release() {
    let plan = rolled(&Shop::kubernetes(3));
    assert_eq!(titles(&plan), ["set image shop/web:v2 in web of web", "wait until web is rolled out (up to 300 s)"]);
    let undo: Vec<_> = plan.stages[0].steps[0].undo.iter().map(Step::title).collect();
    assert_eq!(undo, ["give web the template of 3 v1", "wait until web is rolled out (up to 600 s)"]);
    assert!(matches!(&plan.stages[0].steps[0].step, Step::Update { object, .. } if object.generation == Some(4)));
    assert!(matches!(&plan.stages[0].steps[0].undo[0], Step::Return { object, .. } if object.generation.is_none()));
    assert_eq!(plan.minimum, 3);
    says(
        &plan.explains.how,
        "the deployment replaces its pods itself, at most 1 more and 0 missing at a time, all within 300 s",
    );
    says(&plan.explains.undo, "the template of 3 v1 is set again");
}

#[test]
fn a_pace_that_is_given_holds_for_this_rollout_alone() {
    let pace = Pace { max_unavailable: 1, max_surge: 2, min_ready: 5 };
    let plan = Shop::kubernetes(3).roll(rolling_with(pace)).expect("planned");
    assert_eq!(plan.minimum, 2);
    let back = |step: &Step| matches!(step, Step::Update { pace: Some(Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 }), edits, .. } if *edits == Edits::default());
    let last = plan.steps().last().expect("a step");
    assert!(last.tidies && back(&last.step), "{last:?}");
    assert!(back(&plan.stages[0].steps[0].undo[0]));
    let set = Shop::of_kind(ServiceKind::StatefulSet, 3).roll(rolling_with(pace));
    refused(set, "a statefulset has no pace", "without one");
}

#[test]
fn who_would_put_it_back_or_fight_it_is_named() {
    let owned = |tool| {
        let shop = Shop::kubernetes(2).but(|shop| {
            shop.orchestration(|all| {
                all.owner = Some(Owner { tool, name: "shop".into() });
                all.budget = Some(Budget { name: "web-pdb".into(), says: "at least 1".into(), disruptions_allowed: 1 });
            });
        });
        rolled(&shop).explains.warnings
    };
    says(&owned(OwnerTool::ArgoCd), "Argo CD (shop) puts back what its source says");
    says(&owned(OwnerTool::Helm), "the next helm upgrade of shop brings back");
    says(&owned(OwnerTool::Flux), "the budget web-pdb (at least 1) holds for drains, not for this");
    let blind = Shop::kubernetes(2).but(|shop| shop.means().pace = None);
    says(&rolled(&blind).explains.warnings, "how many are replaced at a time is not known");
    assert_eq!(rolled(&blind).minimum, 0);
}

#[test]
fn a_quota_that_is_full_and_a_paused_deployment_are_refused() {
    let full = Shop::kubernetes(2).but(|shop| shop.means().obstacle = Some("exceeded quota: pods=10".into()));
    refused(full.roll(Strategy::default()), "exceeded quota: pods=10", "make room");
    let paused = Shop::kubernetes(2).but(|shop| shop.orchestration(|all| all.paused = true));
    refused(paused.roll(Strategy::default()), "is paused", "kubectl -n shop rollout resume deployment/web");
}

#[test]
fn what_is_not_known_yet_is_asked_first_and_who_is_at_work_is_not_disturbed() {
    refused(
        Shop::healthy(1).roll(Strategy::default()),
        "how shop/web can be rolled out is not known yet",
        "being asked",
    );
    let lease = Lease {
        who: "bob@desk".into(),
        operation: OperationId::new("20261121-021406-4f2a"),
        title: "roll out shop/web".into(),
        since: noon(),
        until: noon(),
    };
    let shop = Shop::docker(2).but(|shop| shop.means().lease = Some(lease));
    refused(shop.roll(Strategy::default()), "busy: roll out shop/web by bob@desk since 12:00:00 UTC", "take over");
    let mut asked = request(Verb::RollOut(Box::new(wish())));
    asked.take_over = true;
    let plan = crate::plan::make(&shop.inventory(), &asked).expect("planned");
    assert!(plan.takes_over);
    says(&plan.explains.warnings, "it takes over from roll out shop/web by bob@desk");
}

#[test]
fn a_deployment_without_a_divider_has_its_canary_by_the_number_of_pods() {
    let plan = Shop::kubernetes(3).roll(canary_of(&[25, 50])).expect("planned");
    assert_eq!(
        titles(&plan),
        [
            "make web-canary: 1 like web with image shop/web:v2 in web",
            "wait until web-canary is rolled out (up to 300 s)",
            "check: what is new stays ready for 30 s",
            "scale web-canary to 3",
            "wait until web-canary is rolled out (up to 300 s)",
            "check: what is new stays ready for 30 s",
            "set image shop/web:v2 in web of web",
            "wait until web is rolled out (up to 300 s)",
            "remove web-canary",
        ]
    );
    says(&plan.explains.how, "1 new pod beside 3 (1 of 4, about 25 % of the requests), watched for 30 s");
    says(&plan.explains.how, "service web sends to all pods alike");
    says(&plan.explains.undo, "before web is touched: web-canary is removed, nothing else");
}

#[test]
fn a_divider_sends_its_part_to_the_canary_alone_and_all_before_the_old_pods_go() {
    let shop = Shop::kubernetes(4).but(|shop| {
        shop.means().routes.push(Route::HttpRoute { name: "shop".into(), uid: "9b".into(), service: "web".into() });
    });
    let plan = shop.roll(canary_of(&[10])).expect("planned");
    assert_eq!(
        titles(&plan),
        [
            "service web: to app=web,pod-template-hash=3",
            "make web-canary: 1 like web with image shop/web:v2 in web",
            "wait until web-canary is rolled out (up to 300 s)",
            "httproute shop: 10 % to web-canary",
            "check: what is new stays ready for 30 s",
            "service web: to app=web",
            "httproute shop: all as before",
            "set image shop/web:v2 in web of web",
            "wait until web is rolled out (up to 300 s)",
            "remove web-canary",
        ]
    );
    assert!(
        matches!(&plan.stages[0].steps[1].step, Step::MakeSet { front: Some(front), .. } if &**front == "web-canary")
    );
}

#[test]
fn a_blue_green_deployment_is_switched_by_its_services_selector() {
    let plan = Shop::kubernetes(2).roll(Strategy::BlueGreen(BlueGreen::default())).expect("planned");
    assert_eq!(
        titles(&plan),
        [
            "service web: to app=web,pod-template-hash=3",
            "make web-green: 2 like web with image shop/web:v2 in web",
            "wait until web-green is rolled out (up to 300 s)",
            "service web: to app=web,midwatch.track=web-green",
            "check: what is new stays ready for 60 s",
            "set image shop/web:v2 in web of web",
            "wait until web is rolled out (up to 300 s)",
            "service web: to app=web",
            "remove web-green",
        ]
    );
    assert_eq!(plan.minimum, 2);
    let alone = Shop::kubernetes(2).but(|shop| shop.means().routes.clear());
    refused(alone.roll(Strategy::BlueGreen(BlueGreen::default())), "nothing to switch", "canary");
}

#[test]
fn a_second_set_is_not_made_beside_what_is_broken_or_where_one_stands_already() {
    let canary = || canary_of(&[10]);
    let mixed = Shop::kubernetes(3).but(|shop| shop.orchestration(|all| all.updated = Some(1)));
    refused(mixed.roll(canary()), "needs a service that works", "roll it back first");
    let left = Shop::kubernetes(3).with("web-canary", [Health::Healthy]);
    refused(left.roll(canary()), "shop/web-canary is there already", "resume or undo");
}

#[test]
fn a_strategy_that_a_kind_cannot_do_is_refused_with_what_it_can() {
    for strategy in [canary_of(&[10]), Strategy::BlueGreen(BlueGreen::default())] {
        let set = Shop::of_kind(ServiceKind::StatefulSet, 3).roll(strategy.clone());
        refused(set, "a statefulset has no", "a statefulset's canary is its partition");
        let daemons = Shop::of_kind(ServiceKind::DaemonSet, 3).roll(strategy);
        refused(daemons, "it can be rolled", "one instance on each node");
    }
    for (kind, why, help) in [
        (ServiceKind::SwarmService, "swarm service", "docker service update --image"),
        (ServiceKind::Job, "it runs once", "make it anew"),
        (ServiceKind::CronJob, "cronjob", "kubectl -n shop set image cronjob/web"),
        (ServiceKind::Controlled, "the controller web", "looks after"),
        (ServiceKind::Pod, "lone pod", "deployment"),
    ] {
        refused(Shop::of_kind(kind, 1).roll(Strategy::default()), why, help);
    }
    let one = crate::plan::Target::Instance(crate::domain::InstanceId::new(&prod(), "web-1"));
    let asked = crate::plan::Request { target: one, ..request(Verb::RollOut(Box::new(wish()))) };
    refused(crate::plan::make(&Shop::docker(2).inventory(), &asked), "one instance alone", "canary begins with a part");
}

fn argo(change: impl FnOnce(&mut Argo)) -> Shop {
    let mut argo = Argo { strategy: "canary".into(), phase: "Healthy".into(), ..Argo::default() };
    change(&mut argo);
    Shop::of_kind(ServiceKind::Rollout, 3).but(|shop| {
        shop.means().controller = Some(Controller::Argo(argo));
        shop.means().pace = None;
    })
}

#[test]
fn an_argo_rollout_is_updated_and_goes_by_its_own_steps() {
    let shop = argo(|argo| argo.workload = Some("deployment/web".into()));
    let plan = shop.roll(canary_of(&[10])).expect("planned");
    assert_eq!(titles(&plan).len(), 2, "{:?}", titles(&plan));
    says(&plan.explains.how, "the rollout's canary strategy brings image shop/web:v2 in web, by its own steps");
    says(&plan.explains.how, "its template is that of deployment/web");
    says(&plan.explains.warnings, "weights and waits are those of the rollout itself");
    refused(
        shop.roll(Strategy::BlueGreen(BlueGreen::default())),
        "its own strategy is canary",
        "its own steps are taken",
    );
    refused(argo(|argo| argo.paused_by_hand = true).roll(Strategy::default()), "is paused", "promote web -n shop");
    let again = argo(|argo| {
        argo.under_way = true;
        argo.step = Some((2, 8));
    });
    says(&rolled(&again).explains.warnings, "another rollout of it is under way (Healthy, at step 2 of 8)");
}

#[test]
fn flagger_is_told_by_a_change_and_its_gates_are_named() {
    let shop = Shop::kubernetes(2).but(|shop| {
        let gates = vec!["confirm-promotion http://gate.test/open".into()];
        shop.means().controller = Some(Controller::Flagger { name: "web".into(), phase: "Succeeded".into(), gates });
    });
    says(&rolled(&shop).explains.warnings, "Flagger's own gates: confirm-promotion");
    refused(shop.roll(canary_of(&[10])), "rolled out by Flagger", "takes it from there");
}

#[test]
fn an_autoscaler_is_named_where_a_canary_counts_pods() {
    let scaler = Autoscaler { name: "web".into(), minimum: 2, maximum: 9, wanted: 3, says: "cpu 40% of 80%".into() };
    let shop = Shop::kubernetes(3).but(|shop| shop.orchestration(|all| all.autoscaler = Some(scaler)));
    says(
        &shop.roll(canary_of(&[10])).expect("planned").explains.warnings,
        "the autoscaler web measures the new pods with the old ones",
    );
}

//! What is planned, what is promised, and what is refused.

use super::{fixture::*, *};
use crate::domain::{Capabilities, Capability, Health, Link, LossKind, Reason, ServiceKind, Trouble};

mod by_hand;
mod node;
mod restore;
mod rollback;
mod scale;
mod steer;
mod velero;

fn titles(plan: &Plan) -> Vec<String> {
    plan.steps().map(|planned| planned.step.title()).collect()
}

fn refused(plan: Result<Plan, Refusal>) -> String {
    plan.expect_err("refused").why.to_string()
}

#[track_caller]
fn says(texts: &[Arc<str>], wanted: &str) {
    assert!(texts.iter().any(|text| text.contains(wanted)), "no '{wanted}' in {texts:#?}");
}

#[track_caller]
fn keeps_quiet(texts: &[Arc<str>], unwanted: &str) {
    assert!(!texts.iter().any(|text| text.contains(unwanted)), "'{unwanted}' in {texts:#?}");
}

#[test]
fn a_restart_goes_one_by_one_and_takes_the_broken_ones_first() {
    let plan = Shop::web([Health::Healthy, failing(), Health::Healthy]).plan(Verb::Restart).expect("planned");
    assert_eq!(&*plan.title, "restart shop/web");
    assert_eq!(plan.stages.iter().map(|stage| &*stage.title).collect::<Vec<_>>(), ["web-2", "web-1", "web-3"]);
    assert_eq!(
        titles(&plan)[..3],
        ["stop web-2 (up to 10 s)", "start web-2", "wait until web-2 is ready (up to 120 s)"]
    );
    says(&plan.explains.warnings, "web-2 is failing already");
}

#[test]
fn the_promise_counts_what_stays_ready() {
    let promises = |healths: Vec<Health>| Shop::web(healths).plan(Verb::Restart).expect("planned").explains.promises;
    says(&promises(vec![Health::Healthy; 3]), "never fewer than 2 of 3 ready");
    says(&promises(vec![Health::Healthy, Health::Healthy, failing()]), "never fewer than 2 of 3 ready");
    keeps_quiet(&promises(vec![Health::Healthy]), "never fewer");
    keeps_quiet(&promises(vec![failing(), failing()]), "never fewer");
}

#[test]
fn restarting_one_instance_leaves_the_others_and_counts_them() {
    let shop = Shop::healthy(3);
    let target = Target::Instance(shop.instances[1].id.clone());
    let plan = make(&shop.inventory(), &Request { target, ..request(Verb::Restart) }).expect("planned");
    assert_eq!(&*plan.title, "restart web-2 of shop/web");
    assert_eq!(plan.stages.len(), 1);
    says(&plan.explains.promises, "never fewer than 2 of 3 ready");
    keeps_quiet(&plan.explains.warnings, "nobody answers");
}

#[test]
fn a_lone_instance_warns_that_nobody_answers_meanwhile() {
    let plan = Shop::healthy(1).plan(Verb::Restart).expect("planned");
    says(&plan.explains.warnings, "nobody answers meanwhile");
}

#[test]
fn who_was_stopped_on_purpose_is_not_brought_back_by_a_restart() {
    let plan = Shop::web([Health::Healthy, stopped()]).plan(Verb::Restart).expect("planned");
    assert_eq!(plan.stages.len(), 1);
    says(&plan.explains.warnings, "web-2 is exited and stays so");
    let refusal = Shop::web([stopped()]).plan(Verb::Restart).expect_err("nothing runs");
    assert_eq!(refusal.help.as_deref(), Some("start it instead"));
}

#[test]
fn what_was_ready_is_started_again_and_waited_for_and_what_was_broken_is_only_started_again() {
    let plan = Shop::web([failing(), Health::Healthy]).plan(Verb::Restart).expect("planned");
    let undo: Vec<_> = plan.stages.iter().map(|stage| stage.steps[0].undo.len()).collect();
    assert_eq!(undo, [1, 2]);
}

#[test]
fn a_stop_names_who_depends_on_it_and_is_undone_by_a_start() {
    let shop = Shop::healthy(2).with("api", [Health::Healthy]).depending_on("web", "healthy");
    let plan = shop.plan(Verb::Stop).expect("planned");
    assert_eq!(titles(&plan), ["stop web-1 (up to 10 s)", "stop web-2 (up to 10 s)"]);
    says(&plan.explains.warnings, "api depends on it");
    says(&plan.explains.warnings, "nobody answers until it is started again");
    assert!(matches!(plan.stages[0].steps[0].undo[..], [Step::Start { .. }, Step::AwaitReady { .. }]));
}

#[test]
fn what_the_engine_removes_when_it_ends_is_neither_stopped_nor_restarted() {
    let mut shop = Shop::healthy(2);
    shop.instances[1].is_removed_when_stopped = true;
    for verb in [Verb::Restart, Verb::Stop] {
        let refusal = shop.plan(verb).expect_err("refused");
        assert_eq!(&*refusal.why, "web-2 was run with --rm: stopping it removes it for good, with its logs");
        assert!(refusal.help.expect("it helps").contains("docker stop web-2"));
    }
    let target = Target::Instance(shop.instances[0].id.clone());
    make(&shop.inventory(), &Request { target, ..request(Verb::Restart) }).expect("its neighbour may be restarted");
}

#[test]
fn what_the_engine_removes_when_it_ends_is_not_stopped_to_undo_its_start() {
    let mut shop = Shop::web([stopped()]);
    shop.instances[0].is_removed_when_stopped = true;
    let plan = shop.plan(Verb::Start).expect("planned");
    assert!(plan.steps().all(|planned| planned.undo.is_empty()), "{plan:#?}");
    says(&plan.explains.warnings, "web-1 is removed when it ends");
}

#[test]
fn a_start_begins_only_what_does_not_run_warns_of_sick_dependencies_and_is_undone_by_a_stop() {
    let shop = Shop::web([stopped(), Health::Healthy]).but(|shop| {
        shop.services[0]
            .depends_on
            .push(crate::domain::Dependency { service: "db".into(), condition: "healthy".into() });
    });
    let plan = shop.with("db", [failing()]).plan(Verb::Start).expect("planned");
    assert_eq!(titles(&plan), ["start web-1", "wait until web-1 is ready (up to 120 s)"]);
    says(&plan.explains.warnings, "db, which it depends on, is failing");
    assert!(matches!(plan.stages[0].steps[0].undo[..], [Step::Stop { .. }]));
    assert_eq!(refused(Shop::healthy(2).plan(Verb::Start)), "all of shop/web runs already");
}

#[test]
fn a_job_that_others_wait_for_is_started_and_its_end_is_not_taken_for_a_failure() {
    let shop = Shop::web([stopped()]).with("api", [Health::Healthy]).depending_on("web", "completed");
    assert_eq!(titles(&shop.plan(Verb::Start).expect("planned")), ["start web-1"]);
}

#[test]
fn without_a_health_check_running_for_a_while_must_do_and_is_said() {
    let shop = Shop::healthy(1).but(|shop| shop.instances[0].has_health_check = false);
    let plan = shop.plan(Verb::Restart).expect("planned");
    says(&plan.explains.warnings, "no health check");
    assert!(matches!(plan.stages[0].steps[2].step, Step::AwaitReady { steady: 5, within: 30, .. }));
}

#[test]
fn a_swarm_service_is_redeployed_and_neither_stopped_nor_started() {
    let shop = Shop::healthy(2).but(|shop| shop.services[0].kind = ServiceKind::SwarmService);
    let plan = shop.plan(Verb::Restart).expect("planned");
    assert!(matches!(plan.stages[0].steps[0].step, Step::Redeploy { .. }));
    assert!(matches!(plan.stages[0].steps[1].step, Step::AwaitRollout { .. }));
    for verb in [Verb::Stop, Verb::Start] {
        assert!(refused(shop.plan(verb.clone())).contains("orchestrator"), "{verb:?}");
    }
}

fn orchestrated(kind: ServiceKind, instances: usize) -> Shop {
    Shop::healthy(instances).but(|shop| {
        shop.cluster.engine = crate::domain::Engine::Kubernetes;
        shop.services[0].kind = kind;
        shop.services[0].orchestration = Some(Arc::default());
    })
}

fn of_instance(shop: &Shop, name: &str) -> Result<Plan, Refusal> {
    let target = Target::Instance(crate::domain::InstanceId::new(&prod(), name));
    make(&shop.inventory(), &Request { target, ..request(Verb::Restart) })
}

#[test]
fn a_deployment_is_redeployed_and_one_of_its_pods_is_replaced() {
    let shop = orchestrated(ServiceKind::Deployment, 3);
    let whole = shop.plan(Verb::Restart).expect("planned");
    assert_eq!(titles(&whole), ["replace every instance of web", "wait until web is rolled out (up to 180 s)"]);
    let one = of_instance(&shop, "web-2").expect("planned");
    assert_eq!(titles(&one), ["replace web-2 (up to 10 s to end)", "wait until web is rolled out (up to 190 s)"]);
    says(&one.explains.warnings, "2 of 3 stay ready");
}

#[test]
fn what_nothing_makes_anew_is_not_restarted() {
    for (kind, why) in [
        (ServiceKind::Pod, "lone pod"),
        (ServiceKind::Job, "to its end"),
        (ServiceKind::CronJob, "by its schedule"),
        (ServiceKind::Controlled, "controller web"),
    ] {
        let shop = orchestrated(kind, 1);
        assert!(refused(shop.plan(Verb::Restart)).contains(why), "{kind}");
        assert!(refused(of_instance(&shop, "web-1")).contains(why), "{kind}");
    }
}

#[test]
fn a_paused_deployment_is_refused_with_how_to_resume_it() {
    let shop = orchestrated(ServiceKind::Deployment, 2).but(|shop| {
        let paused = crate::domain::Orchestration { paused: true, ..Default::default() };
        shop.services[0].orchestration = Some(Arc::new(paused));
    });
    let refusal = shop.plan(Verb::Restart).expect_err("refused");
    assert!(refusal.why.contains("paused"), "{}", refusal.why);
    assert_eq!(refusal.help.as_deref(), Some("kubectl -n shop rollout resume deployment/web"));
}

#[test]
fn the_only_instance_of_a_service_is_not_replaced_without_a_warning() {
    let alone = of_instance(&orchestrated(ServiceKind::Deployment, 1), "web-1").expect("planned");
    says(&alone.explains.warnings, "nobody answers meanwhile");
    let set = orchestrated(ServiceKind::StatefulSet, 1).plan(Verb::Restart).expect("planned");
    says(&set.explains.warnings, "nobody answers meanwhile");
}

#[test]
fn what_the_person_may_not_do_in_the_services_scope_is_refused_with_the_missing_verb() {
    let mut inventory = orchestrated(ServiceKind::Deployment, 2).inventory();
    let rights = Capabilities::all().without(Capability::Replace, "you may not delete pods in shop");
    inventory.set_rights(&prod(), &id("web").scope, rights);
    let target = Target::Instance(crate::domain::InstanceId::new(&prod(), "web-1"));
    let refusal = make(&inventory, &Request { target, ..request(Verb::Restart) }).expect_err("refused");
    assert_eq!(&*refusal.why, "you may not delete pods in shop");
    make(&inventory, &request(Verb::Restart)).expect("the whole of it may be restarted");
}

#[test]
fn a_plan_that_is_begun_twice_asks_for_the_same_and_another_one_for_something_new() {
    let plan = orchestrated(ServiceKind::Deployment, 2).plan(Verb::Restart).expect("planned");
    let asked = |plan: &Plan| match &plan.stages[0].steps[0].step {
        Step::Redeploy { asked, .. } => *asked,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&plan), None);
    let begun = plan.clone().begun_at(noon(), "ann@laptop");
    assert_eq!(asked(&begun), Some(noon()));
    let written = serde_json::to_string(&begun).expect("a plan is written down");
    assert_eq!(serde_json::from_str::<Plan>(&written).expect("and read back"), begun);
    let older = r#"{"do":"redeploy","service":{"cluster":"prod","scope":"shop","name":"web"}}"#;
    assert_eq!(serde_json::from_str::<Step>(older).expect("read"), plan.stages[0].steps[0].step);
}

#[test]
fn nothing_is_planned_for_a_cluster_that_is_read_only_unreachable_or_unable() {
    let shop = |change: fn(&mut Shop)| Shop::healthy(1).but(change).plan(Verb::Restart);
    assert_eq!(refused(shop(|shop| shop.cluster.read_only = true)), "prod is read-only");
    let lost = refused(shop(|shop| {
        let why = Trouble::new("could not reach docker", "connection refused");
        shop.cluster.link = Link::Lost { since: noon(), kind: LossKind::Unreachable, why, retry_at: None };
    }));
    assert_eq!(lost, "prod is unreachable since 12:00:00 UTC: could not reach docker: connection refused");
    let unable = shop(|shop| {
        shop.cluster.capabilities = Capabilities::all().without(Capability::Restart, "not a swarm manager");
    });
    assert_eq!(refused(unable), "not a swarm manager");
}

#[test]
fn a_mistyped_service_is_refused_with_the_name_that_was_meant() {
    let target = Target::Service(id("wep"));
    let refusal = make(&Shop::healthy(1).inventory(), &Request { target, ..request(Verb::Stop) }).expect_err("refused");
    assert_eq!(refusal.help.as_deref(), Some("did you mean web?"));
}

#[test]
fn a_plan_sees_that_the_world_has_moved_and_says_how() {
    let shop = Shop::healthy(2);
    let plan = shop.plan(Verb::Restart).expect("planned");
    assert_eq!(plan.has_moved(&shop.inventory()), None);
    let gone = Shop::healthy(1).but(|shop| shop.services[0].fingerprint = 2);
    assert_eq!(plan.has_moved(&gone.inventory()).as_deref(), Some("web-2 is gone"));
    let sick = Shop::web([Health::Healthy, failing()]).but(|shop| shop.services[0].fingerprint = 3);
    assert_eq!(plan.has_moved(&sick.inventory()).as_deref(), Some("web is failing now, 1 of 2 ready"));
}

#[test]
fn a_service_that_restarts_in_a_loop_can_still_be_confirmed() {
    let looping = |exit_code, fingerprint| {
        Shop::web([failing()]).but(|shop| {
            shop.instances[0].state = crate::domain::InstanceState::Restarting { exit_code, out_of_memory: false };
            shop.instances[0].health = Health::Failing(Reason::new(format!("exit {exit_code}, 7 restarts")));
            shop.services[0].fingerprint = fingerprint;
        })
    };
    let plan = looping(1, 1).plan(Verb::Restart).expect("planned");
    assert!(looping(2, 2).plan(Verb::Restart).expect("planned").reads_as(&plan));
    assert!(!Shop::healthy(1).plan(Verb::Restart).expect("planned").reads_as(&plan));
}

#[test]
fn a_plan_as_text_has_every_section_and_no_blank_ends() {
    let shop = Shop::healthy(1).with("api", [Health::Healthy]).depending_on("web", "started");
    let text = shop.plan(Verb::Restart).expect("planned").text();
    for wanted in
        ["restart shop/web on prod\n", "  steps    1. stop web-1", "  warning  api depends on it", "  undo     "]
    {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    assert!(text.lines().all(|line| line == line.trim_end()));
}

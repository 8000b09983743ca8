use serde_json::{Value, json};

use super::*;
use crate::backend::docker::{
    health::{Past, judge},
    wire,
};

fn container(service: &str, number: u32, state: Value, depends_on: &str) -> Container {
    Container::new(
        serde_json::from_value::<wire::Inspect>(json!({
            "Id": format!("{service}{number}"), "Name": format!("/shop-{service}-{number}"),
            "Created": "2026-11-21T00:00:00Z",
            "State": state,
            "Config": {"Image": "x", "Labels": {
                "com.docker.compose.project": "shop", "com.docker.compose.service": service,
                "com.docker.compose.depends_on": depends_on,
                "com.docker.compose.oneoff": if number == 99 { "True" } else { "False" }}},
        }))
        .expect("an inspect answer"),
    )
}

fn up() -> Value {
    json!({"Status": "running", "StartedAt": "2026-11-20T00:00:00Z"})
}

fn failed() -> Value {
    json!({"Status": "exited", "ExitCode": 1, "FinishedAt": "2026-11-21T00:00:00Z"})
}

fn services(containers: &[Container]) -> BTreeMap<String, Service> {
    let now = "2026-11-21T03:00:00Z".parse().expect("a time");
    let members: Vec<Member> = containers
        .iter()
        .map(|container| Member { container, judgement: judge(container, &Past::default(), now) })
        .collect();
    let all = assemble(&"lab".into(), &members, &[]);
    all.into_iter().map(|(id, service)| (id.name.to_string(), service)).collect()
}

fn told(service: &Service) -> String {
    let reason = service.health.reason().map_or("", |reason| &reason.text);
    format!("{}/{} {} {reason}", service.ready, service.wanted, service.health.word()).trim_end().to_owned()
}

#[test]
fn one_of_several_that_fails_degrades_the_service_and_all_of_them_fail_it() {
    let three = |states: [Value; 3]| {
        let containers: Vec<_> =
            states.into_iter().zip(1..).map(|(state, number)| container("web", number, state, "")).collect();
        told(&services(&containers)["web"])
    };
    assert_eq!(three([up(), up(), up()]), "3/3 healthy");
    assert_eq!(three([up(), failed(), up()]), "2/3 degraded 1 of 3: exit 1");
    assert_eq!(three([failed(), failed(), failed()]), "0/3 failing 3 of 3: exit 1");
    let stopped = json!({"Status": "exited", "ExitCode": 143});
    assert_eq!(three([up(), stopped, up()]), "2/3 degraded 1 of 3: stopped: exit 143 (terminated)");
}

#[test]
fn one_that_waits_for_a_broken_dependency_names_it() {
    let containers = [
        container("db", 1, failed(), ""),
        container("web", 1, json!({"Status": "created"}), "db:service_healthy:false"),
    ];
    assert_eq!(told(&services(&containers)["web"]), "0/1 failing waits for db, which is broken: exit 1");
}

#[test]
fn one_that_fails_beside_its_broken_dependency_says_so_in_its_detail() {
    let containers = [container("db", 1, failed(), ""), container("web", 1, failed(), "db:service_started:false")];
    let web = &services(&containers)["web"];
    assert_eq!(web.health.reason().expect("it has one").detail.as_deref(), Some("it depends on db: exit 1"));
}

#[test]
fn a_finished_job_is_no_broken_dependency() {
    let done = json!({"Status": "exited", "ExitCode": 0});
    let containers = [
        container("migrate", 1, done, ""),
        container("web", 1, json!({"Status": "created"}), "migrate:service_completed_successfully:false"),
    ];
    let services = services(&containers);
    assert_eq!(told(&services["migrate"]), "0/1 stopped ended with 0, as jobs do");
    assert_eq!(told(&services["web"]), "0/1 stopped created, never started");
}

#[test]
fn what_compose_run_made_beside_a_service_does_not_count() {
    let containers = [container("web", 1, up(), ""), container("web", 99, failed(), "")];
    assert_eq!(told(&services(&containers)["web"]), "1/1 healthy");
}

#[test]
fn crashing_and_coming_back_makes_no_plan_stale_and_stopping_does() {
    let print = |state: Value| services(&[container("web", 1, state, "")])["web"].fingerprint;
    let restarting = json!({"Status": "restarting", "ExitCode": 1});
    assert_eq!(print(up()), print(restarting));
    assert_ne!(print(up()), print(failed()));
}

/// What a plan made in the place of `replaces`.
fn made(number: u32, state: Value, replaces: &str) -> Container {
    Container { release: Some(7), replaces: Some(replaces.into()), ..container("web", number, state, "") }
}

#[test]
fn while_a_rollout_is_under_way_a_pair_is_one_place_and_what_is_in_reserve_is_not_broken() {
    let stopped = || json!({"Status": "exited", "ExitCode": 143});
    let created = json!({"Status": "created"});
    let old = |number, state| container("web", number, state, "");
    let shown = |containers: &[Container]| told(&services(containers)["web"]);
    assert_eq!(shown(&[old(1, up()), old(2, up()), made(11, created, "web1")]), "2/2 healthy");
    assert_eq!(shown(&[old(1, up()), old(2, up()), made(11, up(), "web1")]), "2/2 healthy");
    assert_eq!(shown(&[old(1, stopped()), old(2, up()), made(11, up(), "web1")]), "2/2 healthy");
    let broken = shown(&[old(1, stopped()), old(2, up()), made(11, failed(), "web1")]);
    assert_eq!(broken, "1/2 degraded 1 of 2: exit 1");
}

#[test]
fn what_is_left_when_the_old_ones_are_gone_counts_as_ever() {
    assert_eq!(
        told(&services(&[made(11, up(), "web1"), made(12, failed(), "web2")])["web"]),
        "1/2 degraded 1 of 2: exit 1"
    );
}

//! Each case is a container as the engine describes it, and the words that a person must read.

use serde_json::{Value, json};

use super::*;
use crate::backend::docker::wire;

const NOW: &str = "2026-11-21T03:00:00Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn at(minutes_ago: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes_ago)
}

/// A container with this state, on top of one that ended a minute ago.
fn container(state: Value, more: Value) -> Container {
    let mut all = json!({
        "Id": "ab12", "Name": "/web", "Created": at(600).to_string(),
        "State": {"StartedAt": at(5).to_string(), "FinishedAt": at(1).to_string()},
        "Config": {"Image": "shop/web:v2"},
        "HostConfig": {},
    });
    merge(&mut all["State"], state);
    merge(&mut all, more);
    Container::new(serde_json::from_value::<wire::Inspect>(all).expect("an inspect answer"))
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

fn policy(name: &str, tries: u32) -> Value {
    json!({"HostConfig": {"RestartPolicy": {"Name": name, "MaximumRetryCount": tries}}})
}

fn exited(code: i64) -> Value {
    json!({"Status": "exited", "ExitCode": code})
}

fn told(container: &Container) -> String {
    told_with(container, &Past::default())
}

fn told_with(container: &Container, past: &Past) -> String {
    let health = judge(container, past, now()).health;
    match health.reason() {
        Some(reason) => format!("{}: {}", health.word(), reason.text),
        None => health.word().to_owned(),
    }
}

fn crashes(minutes_ago: &[i64], code: i64, out_of_memory: bool) -> Past {
    let mut past = Past::default();
    minutes_ago.iter().for_each(|minutes| past.ended(End { at: at(*minutes), code, out_of_memory }));
    past
}

#[test]
fn one_that_runs_without_a_health_check_is_healthy() {
    assert_eq!(told(&container(json!({"Status": "running"}), json!({}))), "healthy");
}

#[test]
fn an_error_without_a_restart_policy_is_a_failure() {
    assert_eq!(told(&container(exited(1), json!({}))), "failing: exit 1");
    assert_eq!(told(&container(exited(127), policy("no", 0))), "failing: exit 127 (command not found)");
    assert_eq!(told(&container(exited(139), json!({}))), "failing: exit 139 (segmentation fault)");
}

#[test]
fn a_job_that_is_done_and_a_stop_by_hand_are_no_failures() {
    assert_eq!(told(&container(exited(0), json!({}))), "stopped: ended with 0, as jobs do");
    assert_eq!(told(&container(exited(143), json!({}))), "stopped: stopped: exit 143 (terminated)");
    assert_eq!(told(&container(exited(137), json!({}))), "stopped: stopped: exit 137 (killed)");
    assert_eq!(told(&container(exited(0), policy("on-failure", 3))), "stopped: ended with 0, as jobs do");
}

#[test]
fn a_program_that_answers_a_stop_with_an_error_was_stopped_nevertheless() {
    let asked = Past { asked_to_stop: true, ..Past::default() };
    assert_eq!(told_with(&container(exited(1), json!({})), &asked), "stopped: stopped: exit 1");
}

#[test]
fn one_that_is_always_restarted_and_is_down_was_stopped_by_a_person() {
    for name in ["always", "unless-stopped"] {
        assert_eq!(told(&container(exited(1), policy(name, 0))), "stopped: stopped: exit 1");
    }
}

#[test]
fn one_that_was_given_up_says_after_how_many_tries() {
    let mut more = policy("on-failure", 3);
    more["RestartCount"] = json!(3);
    assert_eq!(told(&container(exited(2), more)), "failing: given up after 3 restarts: exit 2");
}

#[test]
fn a_lack_of_memory_is_a_failure_whatever_the_exit_code_and_names_the_limit() {
    let state = |code: i64| json!({"Status": "exited", "ExitCode": code, "OOMKilled": true});
    let limited = json!({"HostConfig": {"Memory": 134_217_728}});
    assert_eq!(told(&container(state(137), limited)), "failing: exit 137 (out of memory, limit 128Mi)");
    assert_eq!(told(&container(state(1), json!({}))), "failing: exit 1 (out of memory)");
}

#[test]
fn a_failure_of_long_ago_that_nothing_restarts_is_history_outside_compose_only() {
    let old = json!({"Status": "exited", "ExitCode": 1, "FinishedAt": at(60 * 24 * 3).to_string()});
    assert_eq!(told(&container(old.clone(), json!({}))), "stopped: exit 1; nothing restarts it");
    let compose = json!({"Config": {"Labels": {
        "com.docker.compose.project": "shop", "com.docker.compose.service": "web"}}});
    assert_eq!(told(&container(old, compose)), "failing: exit 1");
}

#[test]
fn a_crash_loop_says_how_it_ends_how_often_and_since_when() {
    let state = json!({"Status": "restarting", "ExitCode": 1, "FinishedAt": at(0).to_string()});
    let judgement =
        judge(&container(state, json!({"RestartCount": 7})), &crashes(&[3, 3, 2, 2, 1, 1, 0], 1, false), now());
    assert_eq!(judgement.health.reason().expect("it has one").text.as_ref(), "crash loop: exit 1, 7 restarts in 3m");
    assert!(matches!(judgement.health, Health::Failing(_)));
    assert_eq!(judgement.since, Some(at(3)));
}

#[test]
fn a_crash_loop_that_was_found_under_way_tells_the_engines_count() {
    let state = json!({"Status": "restarting", "ExitCode": 137, "OOMKilled": true});
    let more = json!({"RestartCount": 12, "HostConfig": {"Memory": 134_217_728}});
    let expected = "failing: crash loop: exit 137 (out of memory, limit 128Mi), 12 restarts";
    assert_eq!(told(&container(state, more)), expected);
}

#[test]
fn between_two_crashes_it_is_not_well_and_after_a_minute_it_is() {
    let up_since = |seconds: i64| {
        let started = now() - SignedDuration::from_secs(seconds);
        container(json!({"Status": "running", "StartedAt": started.to_string()}), json!({"RestartCount": 4}))
    };
    let past = crashes(&[4, 3, 2, 1], 1, false);
    assert_eq!(told_with(&up_since(5), &past), "failing: crash loop: exit 1, 4 restarts in 4m");
    assert_eq!(told_with(&up_since(61), &past), "healthy");
    let again = judge(&up_since(5), &past, now()).again_at.expect("time alone makes it well");
    assert_eq!(again, now() + SignedDuration::from_secs(55));
}

#[test]
fn one_restart_is_no_loop() {
    let state = json!({"Status": "running", "StartedAt": (now() - SignedDuration::from_secs(9)).to_string()});
    let once = container(state, json!({"RestartCount": 1}));
    assert_eq!(told_with(&once, &crashes(&[0], 1, false)), "degraded: restarted: exit 1, 1 restart");
}

#[test]
fn a_health_check_is_quoted_by_its_first_line_and_kept_whole() {
    let health = |status: &str, output: &str| {
        let run = |minutes, code| json!({"Start": at(minutes).to_string(), "ExitCode": code, "Output": output});
        json!({"Status": "running", "Health": {"Status": status, "FailingStreak": 4,
            "Log": [run(9, 0), run(4, 1), run(3, 1), run(2, 1)]}})
    };
    let output = "\n  connection \u{1b}[31mrefused\nsecond line";
    let judgement = judge(&container(health("unhealthy", output), json!({})), &Past::default(), now());
    let reason = judgement.health.reason().expect("it has one").clone();
    assert_eq!(&*reason.text, "health check failed 4 times in a row: connection \u{fffd}[31mrefused");
    assert!(reason.detail.expect("the whole output").contains("second line"));
    assert_eq!(judgement.since, Some(at(4)), "the oldest failed run of the streak");
    let starting = told(&container(health("starting", "not yet"), json!({})));
    assert_eq!(starting, "changing: starting: health check failed 4 times: not yet");
    assert_eq!(told(&container(health("healthy", ""), json!({}))), "healthy");
}

#[test]
fn a_health_check_that_prints_nothing_is_told_by_how_it_ended() {
    let state = json!({"Status": "running", "Health": {"Status": "unhealthy", "FailingStreak": 1,
        "Log": [{"ExitCode": 127, "Output": ""}]}});
    assert_eq!(
        told(&container(state, json!({}))),
        "failing: health check failed once in a row: exit 127 (command not found)"
    );
}

#[test]
fn what_could_not_start_says_why_in_the_words_of_the_trade() {
    for (error, words) in [
        (
            "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated",
            "a port that it publishes is in use",
        ),
        ("No such image: shop/web:v9", "image missing"),
        (
            "OCI runtime create failed: exec: \"serve\": executable file not found in $PATH",
            "its command is not in the image",
        ),
        ("error mounting \"/x\" to rootfs: not a directory", "a mount of it failed"),
        ("network 12ab not found", "a network of it is missing"),
        ("write /var/lib/docker: no space left on device", "no space left on the host"),
        ("something new", "something new"),
    ] {
        for status in ["created", "exited"] {
            let container = container(json!({"Status": status, "ExitCode": 128, "Error": error}), policy("always", 0));
            assert_eq!(told(&container), format!("failing: could not start: {words}"), "{status}: {error}");
        }
    }
}

#[test]
fn the_other_states_have_words_too() {
    let of = |status: &str| told(&container(json!({"Status": status}), json!({})));
    assert_eq!(of("created"), "stopped: created, never started");
    assert_eq!(of("paused"), "degraded: paused: its processes are frozen");
    assert_eq!(of("removing"), "changing: being removed");
    assert_eq!(of("dead"), "failing: dead: the engine could not remove it whole");
}

#[test]
fn a_state_that_is_not_known_hides_no_container() {
    assert_eq!(told(&container(json!({"Status": "hibernating", "Running": true}), json!({}))), "healthy");
}

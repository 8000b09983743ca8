//! Commands, in a terminal and in a pipe.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::terminal::Terminal;

fn midwatch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
    command.args(["--demo", "--seed", "1"]).args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn a_list_is_coloured_in_a_terminal_and_plain_in_a_pipe() {
    let mut terminal = Terminal::midwatch((160, 50), &["--demo", "--seed", "1", "services"]);
    assert!(terminal.wait_for_end().success());
    assert!(terminal.sent().windows(5).any(|bytes| bytes == b"\x1b[1;3"), "{}", terminal.text());
    terminal.assert_restored();

    let piped = midwatch(&["services"]).output().expect("it runs");
    assert!(piped.status.success() && !piped.stdout.contains(&0x1b));
    assert!(String::from_utf8_lossy(&piped.stdout).starts_with("HEALTH"));
}

#[test]
fn a_reader_that_goes_away_ends_a_followed_log_quietly() {
    let mut child = midwatch(&["logs", "-f", "prod-eu/shop/cart"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.next().expect("a line").expect("text").contains("shop-cart-"));
    drop(lines);
    let output = child.wait_with_output().expect("our own child");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn ctrl_c_ends_a_followed_log_as_shells_expect() {
    let mut terminal = Terminal::midwatch((160, 50), &["--demo", "logs", "-f", "prod-eu/shop/cart"]);
    terminal.wait_for("shop-cart-");
    terminal.keys("\x03");
    assert_eq!(terminal.wait_for_end().exit_code(), 130);
    terminal.assert_restored();
}

#[test]
fn a_plan_that_nobody_confirms_is_printed_and_refused() {
    let output = midwatch(&["restart", "prod-eu/shop/cart"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("stop shop-cart-1"));
}

#[test]
fn a_restart_of_the_simulated_service_is_carried_out_with_yes() {
    let output = midwatch(&["restart", "--yes", "edge-01/gates/uplink"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "one line of result");
}

#[test]
fn ctrl_c_at_the_question_carries_nothing_out() {
    let mut terminal = Terminal::midwatch((160, 50), &["--demo", "--seed", "1", "restart", "edge-01/gates/uplink"]);
    terminal.wait_for("carry it out? [y/N]");
    terminal.keys("\x03");
    assert_eq!(terminal.wait_for_end().exit_code(), 3);
    assert!(terminal.text().contains("not confirmed: nothing was done"), "{}", terminal.text());
    terminal.assert_restored();
}

#[test]
fn what_was_typed_before_the_plan_could_be_read_confirms_nothing() {
    // Who begins after it was typed, as one who is slow to begin does.
    let midwatch = env!("CARGO_BIN_EXE_midwatch");
    let script = format!("echo first; read go; exec {midwatch} --demo --seed 1 restart edge-01/gates/uplink");
    let home = tempfile::tempdir().expect("a directory");
    let mut terminal = Terminal::start((160, 50), "sh", &["-c", &script], &[("HOME", &home.path().to_string_lossy())]);
    terminal.wait_for("first");
    terminal.keys("go\ry\ry\r");
    terminal.wait_for("carry it out? [y/N]");
    terminal.keys("\r");
    assert_eq!(terminal.wait_for_end().exit_code(), 3);
    assert!(terminal.text().contains("not confirmed: nothing was done"), "{}", terminal.text());
}

fn ran(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = midwatch(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_rollout_is_planned_printed_and_not_done_in_a_dry_run() {
    let image = "registry.example/edge/uplink:v1.0.9";
    let (code, out, err) = ran(&["rollout", "edge-01/gates/uplink", image, "--dry-run"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("roll out gates/uplink") && out.contains(image), "{out}");
    let (code, out, err) =
        ran(&["rollout", "prod-us/shop/checkout", "registry.example/shop/checkout:v2.4.2", "--json", "--dry-run"]);
    assert_eq!(code, Some(0), "{err}");
    let plan: serde_json::Value = serde_json::from_str(out.trim()).expect("one object");
    assert_eq!(plan["title"], "roll out shop/checkout");
}

#[test]
fn an_image_that_no_registry_has_ends_with_one_and_the_old_one_runs() {
    let (code, out, err) = ran(&["rollout", "edge-01/gates/uplink", "registry.example/edge/uplink:v9", "--yes"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("registry.example/edge/uplink:v9 is not in the registry"), "{out}");
    assert_eq!(out.lines().count(), 1, "one line of result");
}

#[test]
fn what_cannot_be_meant_or_done_is_refused_in_words_with_its_own_exit_code() {
    for (arguments, code, says) in [
        (vec!["rollout", "prod-us/shop/checkout", "Shop/Checkout:v2"], 2, "Shop/Checkout:v2"),
        (vec!["rollback", "prod-us/shop/checkout", "99", "--yes"], 2, "there are: 12 v2.4.0, 11 v2.3.9"),
        (vec!["rollback", "edge-01/gates/uplink", "--yes"], 3, "known to have held long"),
        (vec!["scale", "prod-us/shop/checkout", "-1"], 2, "'-1' is not a number of instances"),
        (vec!["scale", "prod-us/shop/checkout", "10000", "--yes"], 3, "10000 instances"),
        (vec!["scale", "prod-us/infra/ingress", "3", "--yes"], 3, "daemonset"),
        (vec!["rollout", "prod-us/shop/db", "postgres:15.4", "--strategy", "canary", "--yes"], 3, "statefulset"),
        (vec!["promote", "prod-us/shop/checkout", "--yes"], 3, "no controller rolls it out in steps"),
        (vec!["drain", "us-worker-9", "--yes"], 2, "did you mean us-worker-"),
        (vec!["delete", "edge-01/gates/uplink", "--instance", "nobody", "--yes"], 2, "no instance \"nobody\""),
        (vec!["abort", "20261121-021406-4f2a", "--yes"], 2, "no operation"),
    ] {
        let (got, out, err) = ran(&arguments);
        assert_eq!(got, Some(code), "{arguments:?}: {out}{err}");
        assert!(err.contains(says), "{arguments:?}: no {says:?} in {err}");
    }
}

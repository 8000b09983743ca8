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

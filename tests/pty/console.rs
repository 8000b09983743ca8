//! The console on its simulator, as a person has it in front of them.

use rustix::process::Signal;
use vt100::Screen;

use crate::terminal::{Size, Terminal};

const SIZE: Size = (120, 36);

fn demo(size: Size) -> Terminal {
    let mut terminal = Terminal::midwatch(size, &["demo", "--seed", "1"]);
    terminal.wait_until("the console is painted", is_painted);
    terminal
}

/// Its title, and a service of the simulator's scenario.
fn is_painted(screen: &Screen) -> bool {
    let text = screen.contents();
    screen.alternate_screen() && text.contains("midwatch") && text.contains("checkout")
}

#[test]
fn the_console_opens_with_what_is_broken_and_quits_with_q() {
    let mut terminal = demo(SIZE);
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn esc_and_the_next_key_count_as_two_also_when_a_slow_line_delivers_them_at_once() {
    let mut terminal = demo(SIZE);
    terminal.keys("?");
    terminal.wait_for("one row up");
    terminal.keys("\x1bq");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn what_the_demo_wrote_is_gone_with_it() {
    let scratch = tempfile::tempdir().expect("a directory");
    let entries = || std::fs::read_dir(scratch.path()).expect("it is there").count();
    let mut terminal =
        Terminal::midwatch_in(SIZE, &["demo", "--seed", "1"], &[("TMPDIR", &scratch.path().to_string_lossy())]);
    terminal.wait_until("the console is painted", is_painted);
    assert_eq!(entries(), 2, "its journal, and what is backed up of it");
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    assert_eq!(entries(), 0);
}

#[test]
fn a_signal_that_ends_it_leaves_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = demo(SIZE);
        terminal.signal(signal);
        terminal.wait_for_end();
        terminal.assert_restored();
    }
}

#[test]
fn it_survives_a_terminal_of_one_cell() {
    let mut terminal = demo(SIZE);
    for size in [(1, 1), (1, 100), (400, 1), (59, 19), SIZE] {
        terminal.resize(size);
    }
    terminal.wait_until("it is painted again", is_painted);
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn a_terminal_that_cannot_show_it_is_told_so_in_one_line() {
    let mut terminal = Terminal::midwatch_in(SIZE, &["demo"], &[("TERM", "dumb")]);
    assert_eq!(terminal.wait_for_end().exit_code(), 2);
    assert!(terminal.text().starts_with("midwatch: "), "{}", terminal.text());
    assert!(!terminal.sent().contains(&0x1b), "escape sequences for a terminal that knows none: {}", terminal.text());
}

#[test]
fn without_a_terminal_it_says_which_commands_need_none() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_midwatch"))
        .args(["demo"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("midwatch: ") && said.contains("terminal"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn it_is_suspended_and_comes_back() {
    let program = env!("CARGO_BIN_EXE_midwatch");
    let mut terminal = Terminal::start(SIZE, "/bin/bash", &["--norc", "--noprofile", "-i"], &[("PS1", "prompt> ")]);
    terminal.wait_for("prompt>");
    terminal.keys(&format!("{program} demo --seed 1\r"));
    terminal.wait_until("the console is painted", is_painted);
    terminal.keys("\x1a");
    terminal.wait_until("the shell is back", |screen| {
        !screen.alternate_screen() && !screen.hide_cursor() && screen.contents().contains("Stopped")
    });
    terminal.keys("fg\r");
    terminal.wait_until("the console is painted again", is_painted);
    terminal.keys("q");
    terminal.wait_until("the shell is back", |screen| {
        !screen.alternate_screen() && screen.contents().trim_end().ends_with("prompt>")
    });
    terminal.keys("exit 7\r");
    assert_eq!(terminal.wait_for_end().exit_code(), 7);
    terminal.assert_restored();
}

//! The harness itself, with a shell in the terminal: a test that cannot fail would be worth nothing.

use rustix::process::Signal;

use crate::terminal::Terminal;

fn shell(script: &str) -> Terminal {
    Terminal::start((40, 5), "/bin/sh", &["-c", script], &[])
}

#[test]
fn what_a_program_prints_is_on_the_screen_and_its_exit_code_is_known() {
    let mut terminal = shell("printf 'one\\ntwo'; exit 3");
    assert_eq!(terminal.wait_for_end().exit_code(), 3);
    assert_eq!(terminal.text(), "one\ntwo");
    terminal.assert_restored();
}

#[test]
fn keys_reach_the_program_and_a_resize_is_told_to_it() {
    let mut terminal = shell("trap 'stty size' WINCH; echo ready; while read -r line; do echo \"got $line\"; done");
    terminal.wait_for("ready");
    terminal.keys("hello\r");
    terminal.wait_for("got hello");
    terminal.resize((33, 7));
    // A shell runs its traps between commands.
    terminal.keys("again\r");
    terminal.wait_for("7 33");
}

#[test]
fn a_signal_ends_the_program() {
    let mut terminal = shell("echo ready; exec sleep 1000");
    terminal.wait_for("ready");
    terminal.signal(Signal::TERM);
    assert!(!terminal.wait_for_end().success());
}

#[test]
fn each_thing_that_is_not_switched_off_again_is_named() {
    for (left_on, what) in [
        ("printf '\\033[?1049h'", "the alternate screen"),
        ("printf '\\033[?25l'", "a hidden cursor"),
        ("printf '\\033[?2004h'", "bracketed paste"),
        ("printf '\\033[?1000h'", "mouse reports"),
        ("printf '\\033[?1004h'", "focus reports"),
        ("printf '\\033[>1u'", "keyboard enhancements"),
        ("printf '\\033[?2026l\\033[?2026h'", "a synchronized update"),
        ("stty -echo", "other modes of its line"),
    ] {
        let mut terminal = shell(left_on);
        terminal.wait_for_end();
        let left_behind = terminal.left_behind();
        assert!(left_behind.len() == 1 && left_behind[0].starts_with(what), "{left_on}: {left_behind:?}");
    }
    let mut terminal =
        shell("printf '\\033[?1049h\\033[?1000h\\033[>1u\\033[<u\\033[?1000l\\033[?1049l'; stty -echo; stty echo");
    terminal.wait_for_end();
    terminal.assert_restored();
}

#[test]
fn a_program_that_asks_its_terminal_is_answered() {
    let mut terminal = shell("stty raw -echo; printf '\\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c; stty sane");
    terminal.wait_for("1   ;   1   R");
}

#[test]
fn a_character_that_stands_in_for_another_has_a_cell_of_its_own() {
    let mut terminal = shell("printf 'a\\357'; sleep 0.1; printf '\\277\\275b\\357\\277\\275c'");
    terminal.wait_for_end();
    assert_eq!(terminal.text(), "a?b?c");
}

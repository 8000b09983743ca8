//! The console at work on a real Docker Engine.

use midwatch::domain::text::clean;

use crate::{
    lab::{CHECKED, IGNORES_SIGTERM, Project, SERVES, docker, wait_until},
    terminal::{Size, Terminal},
};

const SIZE: Size = (120, 36);

fn quit(mut terminal: Terminal) {
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn a_crash_loop_is_found_with_its_reason_its_logs_are_read_and_it_is_restarted() {
    let Some(project) = Project::open("a crash loop") else { return };
    let config = project.home().join("config");
    std::fs::create_dir(&config).expect("a directory");
    let mount = format!("{}:/config", config.display());
    project.start("web", &[], SERVES);
    let checkout = project.start(
        "checkout",
        &["--restart", "always", "-v", &mount],
        "echo starting; if [ -e /config/payment ]; then trap 'exit 0' TERM; echo payment at last; while :; do sleep 1 & wait; done; fi
        echo 'ERROR no such key: payment.url' >&2; exit 78",
    );
    wait_until("it was restarted a few times", || {
        (project.inspect(&checkout, "{{.RestartCount}}").parse::<u32>().ok()? >= 3).then_some(())
    });

    let mut terminal = project.console(SIZE);
    terminal.wait_until("its reason is on the first screen", |screen| {
        let text = screen.contents();
        text.contains("checkout") && text.contains("crash loop: exit 78") && text.contains("no such key: payment.url")
    });
    terminal.keys("l");
    terminal.wait_until("its logs fill the screen", |screen| {
        let text = screen.contents();
        text.matches("no such key: payment.url").count() >= 3 && !text.contains("SERVICES")
    });
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    let before = project.inspect(&checkout, "{{.State.StartedAt}}");
    std::fs::write(config.join("payment"), "url").expect("written");
    terminal.keys("R");
    terminal.wait_for("PLAN  restart");
    terminal.keys("y");
    terminal.wait_for(&format!("restart {}/checkout: done", project.name));
    assert!(project.runs(&checkout) && project.inspect(&checkout, "{{.State.StartedAt}}") != before);
    // Only who starts it by hand makes the engine count anew.
    assert_eq!(project.inspect(&checkout, "{{.RestartCount}}"), "0");
    assert_eq!(project.operations()[0]["state"], "done");
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    quit(terminal);
}

#[test]
fn a_shell_in_a_container_takes_the_keys_and_gives_them_back() {
    let Some(project) = Project::open("a shell") else { return };
    project.start("web", &[], SERVES);
    let mut terminal = project.console(SIZE);
    terminal.wait_for("healthy");
    terminal.keys("$");
    terminal.wait_until("the shell's prompt", |screen| !screen.alternate_screen() && screen.contents().contains('#'));
    terminal.keys("echo mark-$((6*7))\r");
    terminal.wait_for("mark-42");
    terminal.keys("exit\r");
    terminal.wait_until("the console is back", |screen| {
        screen.alternate_screen() && screen.contents().contains("SERVICES")
    });
    terminal.keys("?");
    terminal.wait_for("one row up");
    // Esc and the next letter at once would be Alt and the letter.
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    quit(terminal);
}

#[test]
fn a_container_that_is_removed_while_its_log_is_read_ends_the_log_and_not_the_console() {
    let Some(project) = Project::open("a removed container") else { return };
    let doomed = project.start("doomed", &[], SERVES);
    project.start("stays", &[], SERVES);
    let mut terminal = project.console(SIZE);
    terminal.wait_for("doomed");
    terminal.keys("/doomed\r");
    terminal.wait_until("it is selected", |screen| !screen.contents().contains("stays"));
    terminal.keys("l");
    terminal.wait_until("its log is there", |screen| {
        screen.contents().contains("serving") && !screen.contents().contains("SERVICES")
    });
    project.remove(&doomed);
    terminal.wait_for("1 ended");
    assert!(terminal.text().contains("serving"), "what was read stays: {}", terminal.text());
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    terminal.keys("\x1b");
    terminal.wait_for("stays");
    quit(terminal);
}

#[test]
fn without_a_place_for_a_journal_a_restart_is_refused_with_the_reason() {
    let Some(project) = Project::open("no journal") else { return };
    let web = project.start("web", &[], SERVES);
    let before = project.inspect(&web, "{{.State.StartedAt}}");
    // Nobody makes a directory in there, not even root.
    let mut terminal = project.console_in(SIZE, &[("HOME", "/sys")]);
    terminal.wait_for("healthy");
    terminal.keys("R");
    terminal.wait_until("a plan or a refusal", |screen| {
        screen.contents().contains("PLAN  restart") || screen.contents().contains("/sys/")
    });
    terminal.keys("y");
    terminal.wait_for("/sys/");
    assert_eq!(project.inspect(&web, "{{.State.StartedAt}}"), before);
    terminal.keys("\x03");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn nothing_of_what_a_hostile_container_is_called_or_says_reaches_the_terminal_raw() {
    let Some(project) = Project::open("a hostile container") else { return };
    let hostile = format!("{}\x1b]0;owned-scope\x07\u{202e}", project.name);
    let says = r"printf '\033]0;owned-title\007\033]52;c;b3duZWQtY2xpcA==\007\n'
        printf '\033[999;1Howned-cursor\033[2J\302\2332J\n'
        printf '\342\200\256owned-bidi\n'
        head -c 1000000 /dev/zero | tr '\000' x; echo
        head -c 5000 /dev/urandom; echo
        printf '\377\376 owned-utf8 \300\200\n'
        printf 'progress\rowned-return\bb\n'
        echo the-end
        trap 'exit 0' TERM; while :; do sleep 1 & wait; done";
    let version = "org.opencontainers.image.version=v1\x1b]0;owned-version\x07";
    project.start_in(&hostile, "web\x1b]0;owned-service\x07\u{202e}", &["--label", version], says);
    let home = project.home().to_string_lossy().into_owned();
    let mut terminal = Terminal::midwatch_in(SIZE, &["--scope", &clean(&hostile)], &[("HOME", &home)]);
    terminal.wait_for("owned-service");
    terminal.wait_for("the-end");
    terminal.keys("l");
    terminal.wait_until("the log fills the screen", |screen| {
        let text = screen.contents();
        text.contains("the-end") && text.contains("owned-utf8") && !text.contains("SERVICES")
    });
    terminal.keys("g");
    terminal.wait_for("owned-cursor");
    terminal.wait_for("owned-bidi");
    for (key, screen) in [("e", "EVENTS"), ("i", "INSTANCES")] {
        terminal.keys(key);
        terminal.wait_for(screen);
        terminal.wait_for("owned-s");
        terminal.keys("\x1b");
        terminal.wait_for("owned-cursor");
    }
    terminal.keys("c");
    terminal.wait_for("AppArmorProfile");
    terminal.keys("/owned-service\r");
    terminal.wait_for("]0;owned-service");
    terminal.keys("\x03");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
    let sent = terminal.sent();
    let raw: [&[u8]; 8] =
        [b"\x1b]", b"\x07", b"\x1b[999", b"\xc2\x9b", "\u{202e}".as_bytes(), b"\x08", b"\xff", b"\xc0\x80"];
    for bytes in raw {
        assert!(!sent.windows(bytes.len()).any(|window| window == bytes), "{bytes:x?} was sent");
    }
}

#[test]
fn quitting_while_an_operation_runs_asks_and_leaving_it_running_gives_the_terminal_back() {
    let Some(project) = Project::open("quitting") else { return };
    let options = [&["--stop-timeout", "600"], &CHECKED[..]].concat();
    let slow = project.start("slow", &options, IGNORES_SIGTERM);
    let before = project.inspect(&slow, "{{.State.StartedAt}}");
    let mut terminal = project.console(SIZE);
    terminal.wait_for("healthy");
    terminal.keys("R");
    terminal.wait_for("PLAN  restart");
    terminal.keys("y");
    terminal.wait_for("1 operation running");
    terminal.keys("\x03");
    terminal.wait_for("stay");
    terminal.keys("\x1b");
    terminal.wait_until("the question is gone", |screen| {
        screen.alternate_screen() && !screen.contents().contains("stay") && screen.contents().contains("OPERATION")
    });
    terminal.keys("\x03");
    terminal.wait_for("stay");
    terminal.keys("L");
    terminal.wait_until("the terminal is given back, and it says why it does not end yet", |screen| {
        !screen.alternate_screen() && screen.contents().contains("still running")
    });
    assert!(docker(&["kill", &slow]).status.success());
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
    assert_eq!(project.operations()[0]["state"], "done");
    assert!(project.runs(&slow) && project.inspect(&slow, "{{.State.StartedAt}}") != before);
}

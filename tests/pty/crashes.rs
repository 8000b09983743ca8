//! An operation outlives its terminal, and its journal outlives the process: what a kill in the middle leaves is found and decided on.

use std::process::Stdio;

use rustix::process::Signal;

use crate::{
    killer::kill_at,
    lab::{CHECKED, IGNORES_SIGTERM, Project, SERVES, wait_until},
    terminal::{Size, Terminal},
};

const SIZE: Size = (120, 36);

/// A service that takes seconds to stop, and its container.
fn slow(project: &Project) -> String {
    project.start("slow", &[&["--stop-timeout", "20"], &CHECKED[..]].concat(), IGNORES_SIGTERM)
}

/// Kills a restart while it waits for the container to stop, and tells the operation's id.
fn killed_in_the_middle(project: &Project) -> String {
    let address = format!("{}/slow", project.name);
    let mut child = project.midwatch(&["restart", "--yes", &address]).stderr(Stdio::null()).spawn().expect("it starts");
    let began = project.wait_for_record("began");
    assert_eq!(began["which"]["step"], 0);
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    let operation = project.operations().remove(0);
    assert_eq!(operation["state"], "interrupted");
    operation["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_restart_that_was_killed_is_resumed() {
    let Some(project) = Project::open("resume") else { return };
    let container = slow(&project);
    let before = project.inspect(&container, "{{.State.StartedAt}}");
    let id = killed_in_the_middle(&project);
    let output = project.output(&["resume", &id, "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(project.runs(&container) && project.inspect(&container, "{{.State.StartedAt}}") != before);
    assert_eq!(project.operations()[0]["state"], "done");
}

#[test]
fn a_restart_that_was_killed_is_undone() {
    let Some(project) = Project::open("undo") else { return };
    let container = slow(&project);
    let before = project.inspect(&container, "{{.State.StartedAt}}");
    let id = killed_in_the_middle(&project);
    let output = project.output(&["undo", &id, "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // The engine was still at the stop, and would have killed it later.
    assert!(project.runs(&container) && project.inspect(&container, "{{.State.StartedAt}}") != before);
    assert_eq!(project.operations()[0]["state"], "undone");
}

/// Three steps, each with its begin and its end.
#[test]
fn killed_before_and_after_every_step_a_restart_is_resumed_or_undone_to_a_service_that_runs() {
    let Some(project) = Project::open("killed at every record") else { return };
    let container = project.start("web", &CHECKED, SERVES);
    let address = format!("{}/web", project.name);
    let journal = project.home().join(".local/state/midwatch/journal");
    for records in 0..=5 {
        for word in ["resume", "undo"] {
            // The last moments are short, and one that ended before it was killed is done over.
            let killed = (0..5).find_map(|_| {
                let mut restart = project.midwatch(&["restart", "--yes", &address]);
                let mut child = restart.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
                kill_at(&journal, child.id(), records);
                child.wait().expect("our own child");
                // Those of one second stand in no order.
                project.operations().into_iter().find(|operation| operation["state"] == "interrupted")
            });
            let id = killed.unwrap_or_else(|| panic!("it ended before it had {records} records"))["id"].clone();
            let output = project.output(&[word, id.as_str().expect("an id"), "--yes"]);
            let known = project.operations().into_iter().find(|operation| operation["id"] == id).expect("kept");
            let state = &known["state"];
            let expected = if word == "resume" { "done" } else { "undone" };
            assert_eq!(state, expected, "{word} after {records}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(project.runs(&container), "{word} after {records}");
        }
    }
}

#[test]
fn a_restart_that_was_killed_is_offered_by_the_console_and_can_be_left_as_it_is() {
    let Some(project) = Project::open("leave") else { return };
    let container = slow(&project);
    let before = project.inspect(&container, "{{.State.StartedAt}}");
    let id = killed_in_the_middle(&project);

    let mut terminal = project.console(SIZE);
    terminal.wait_for("1 operation interrupted");
    terminal.keys("O");
    terminal.wait_for("OPERATIONS");
    terminal.keys("\r");
    terminal.wait_until("it offers what can be done", |screen| {
        let text = screen.contents();
        ["r resume", "u undo", "L leave"].iter().all(|offer| text.contains(offer))
    });
    terminal.keys("\x03");
    assert!(terminal.wait_for_end().success());

    let output = project.output(&["leave", &id, "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(project.operations()[0]["state"], "left");
    assert_eq!(project.inspect(&container, "{{.State.StartedAt}}"), before, "nobody started it");
}

#[test]
fn a_lost_terminal_does_not_stop_a_restart() {
    let Some(project) = Project::open("a lost terminal") else { return };
    let container = slow(&project);
    let before = project.inspect(&container, "{{.State.StartedAt}}");
    // `script` holds the other end of the console's terminal, as sshd would, and is killed, as a connection breaks.
    let program = format!("exec {} --scope {}", env!("CARGO_BIN_EXE_midwatch"), project.name);
    let home = project.home().to_string_lossy().into_owned();
    let mut terminal = Terminal::start(SIZE, "script", &["-qec", &program, "/dev/null"], &[("HOME", &home)]);
    terminal.wait_for("healthy");
    terminal.keys("R");
    terminal.wait_for("PLAN  restart");
    terminal.keys("y");
    project.wait_for_record("began");
    terminal.signal(Signal::KILL);
    terminal.wait_for_end();
    let process = project.journal()[0]["process"].as_u64().expect("a process id");
    assert!(is_alive(process), "it went with its terminal");
    assert!(project.journal().iter().all(|record| record["record"] != "verdict"), "killed too late to prove anything");

    let verdict = project.wait_for_record("verdict");
    assert_eq!(verdict["verdict"]["verdict"], "done");
    assert!(project.runs(&container) && project.inspect(&container, "{{.State.StartedAt}}") != before);
    wait_until("the process has ended by itself", || (!is_alive(process)).then_some(()));
}

/// Not ended, whether anybody has asked how it ended or not.
fn is_alive(process: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

//! Engines that do not answer, files that cannot be read or written: each gets a clear line, and the console keeps running.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    time::{Duration, Instant},
};

use crate::terminal::{Size, Terminal};

const SIZE: Size = (120, 36);

/// On the engine at this socket.
fn console_on(socket: &Path) -> Terminal {
    let address = format!("unix://{}", socket.display());
    Terminal::midwatch(SIZE, &["--host", &address])
}

/// On the simulator, by somebody with this home.
fn demo_at(home: &Path) -> Terminal {
    Terminal::midwatch_in(SIZE, &["demo", "--seed", "1"], &[("HOME", &home.to_string_lossy())])
}

fn quit(mut terminal: Terminal) {
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn an_engine_that_accepts_and_never_answers_holds_nothing_up_and_is_called_hung() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("silent.sock");
    // The kernel accepts into the backlog; nobody ever reads.
    let _listener = UnixListener::bind(&socket).expect("a socket");
    // The machine may be busy with others for some seconds, but not each time.
    let late: Vec<String> = (0..3).map_while(|_| before_a_silent_engine(&socket).err()).collect();
    assert!(late.len() < 3, "{late:#?}");
}

/// What came too late.
fn before_a_silent_engine(socket: &Path) -> Result<(), String> {
    let began = Instant::now();
    let mut terminal = console_on(socket);
    terminal.wait_until("it says how the engine is", |screen| {
        ["connecting", "hung"].iter().any(|word| screen.contents().contains(word))
    });
    terminal.keys("?");
    terminal.wait_for("one row up");
    terminal.keys("\x1b");
    terminal.wait_until("the help is closed", |screen| !screen.contents().contains("one row up"));
    let was_given_up = terminal.text().contains("hung");
    terminal.wait_for("hung");
    let hung = began.elapsed();
    let asked = Instant::now();
    quit(terminal);
    let quit = asked.elapsed();
    if was_given_up || hung >= Duration::from_secs(12) || quit >= Duration::from_secs(3) {
        let when = if was_given_up { "after" } else { "before" };
        return Err(format!("keys were answered {when} it was called hung, after {hung:?}; it took {quit:?} to quit"));
    }
    Ok(())
}

#[test]
fn where_no_engine_is_the_screen_says_what_was_tried_and_what_it_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.sock");
    let refusing = directory.path().join("refusing.sock");
    drop(UnixListener::bind(&refusing).expect("a socket"));
    for (socket, says) in [(missing, "missing.sock"), (refusing, "refusing.sock")] {
        let mut terminal = console_on(&socket);
        terminal.wait_for(says);
        terminal.wait_until("it says why", |screen| {
            let text = screen.contents().to_lowercase();
            text.contains("no such file") || text.contains("refused")
        });
        quit(terminal);
    }
}

#[test]
fn broken_files_are_told_with_file_line_and_column_and_the_rest_is_used() {
    let home = tempfile::tempdir().expect("a directory");
    let config = home.path().join(".config/midwatch");
    for directory in ["themes", "keymaps"] {
        fs::create_dir_all(config.join(directory)).expect("a directory");
    }
    fs::write(config.join("config.toml"), "theme = \"mine\"\nkeymap = \"mine\"\nmous = true\n").expect("written");
    fs::write(config.join("themes/mine.toml"), "base = \"dark\"\n[colours\n").expect("written");
    fs::write(config.join("keymaps/mine.toml"), "base = \"default\"\n[main]\n\"Z\" = \"restrat\"\n").expect("written");
    let mut terminal = demo_at(home.path());
    terminal.wait_for("3 notices");
    terminal.keys("M");
    for told in ["config.toml:3:1", "mine.toml:2:", "mine.toml:3:"] {
        terminal.wait_for(told);
    }
    terminal.keys("\x1b");
    terminal.wait_for("checkout");
    quit(terminal);
}

#[test]
fn a_home_that_cannot_be_written_to_is_told_and_the_console_runs() {
    // Nobody makes a directory in there, not even root.
    let mut terminal = demo_at(Path::new("/sys"));
    terminal.wait_for("1 notice");
    terminal.wait_for("checkout");
    terminal.keys("M");
    terminal.wait_for("/sys/");
    terminal.keys("\x1b");
    terminal.wait_for("checkout");
    quit(terminal);
}

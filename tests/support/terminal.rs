//! A pseudo-terminal with a program in it: types keys, looks at the screen, waits for conditions, and tells whether the terminal was
//! left as it was found. Included by the test binaries that need it.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    num::NonZeroU16,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use vt100::{MouseProtocolMode, Parser, Screen};

/// An upper bound for what should take milliseconds: a test waits for a condition, and this is when it gives up.
const PATIENCE: Duration = Duration::from_secs(240);

pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    shown: Arc<Shown>,
    modes_before: String,
    /// The program's home, gone with this.
    _home: tempfile::TempDir,
}

/// Columns, rows.
pub type Size = (u16, u16);

/// What the program has painted so far.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: Parser,
    bytes: Vec<u8>,
    /// The program and everybody who held its terminal have gone.
    is_closed: bool,
}

impl Terminal {
    /// Starts a program in a terminal of its own, with a home directory of its own and nothing of this process's environment but
    /// the path.
    pub fn start(size: Size, program: impl AsRef<Path>, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a directory for the test's home");
        let mut command = CommandBuilder::new(program.as_ref());
        command.args(arguments);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(home.path());

        let pair = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let modes_before = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let reader = pair.master.try_clone_reader().expect("a reader of the terminal");
        let writer = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer to the terminal")));
        let parser = Parser::new(at_least_one(size.1), at_least_one(size.0), 0);
        let state = Mutex::new(State { parser, bytes: Vec::new(), is_closed: false });
        let shown = Arc::new(Shown { state, changed: Condvar::new() });
        std::thread::spawn({
            let (shown, writer) = (shown.clone(), writer.clone());
            move || read(reader, &shown, &writer)
        });
        Self { child, master: pair.master, writer, shown, modes_before, _home: home }
    }

    /// midwatch, as cargo built it for this test.
    pub fn midwatch(size: Size, arguments: &[&str]) -> Self {
        Self::midwatch_in(size, arguments, &[])
    }

    pub fn midwatch_in(size: Size, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start(size, env!("CARGO_BIN_EXE_midwatch"), arguments, environment)
    }

    /// Keys as a terminal sends them: `"\r"` is Enter, `"\x1b"` Esc, `"\x03"` Ctrl-C.
    pub fn keys(&mut self, keys: &str) {
        send(&self.writer, keys.as_bytes());
    }

    pub fn resize(&mut self, size: Size) {
        self.shown.lock().parser.set_size(at_least_one(size.1), at_least_one(size.0));
        self.master.resize(pty_size(size)).expect("the terminal is still there");
    }

    pub fn signal(&mut self, signal: Signal) {
        let id = self.child.process_id().expect("it runs") as i32;
        kill_process(Pid::from_raw(id).expect("a process id is not zero"), signal).expect("it is ours to signal");
    }

    /// Waits until the screen is as `wanted`; `what` says in words what was waited for.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, wanted: impl Fn(&Screen) -> bool) {
        let is_so = self.shown.wait(|state| wanted(state.parser.screen()) || state.is_closed);
        let is_so = is_so && wanted(self.shown.lock().parser.screen());
        assert!(is_so, "waited in vain until {what}{}", self.picture());
    }

    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("the screen shows {text:?}"), |screen| screen.contents().contains(text));
    }

    /// The text of the screen now.
    pub fn text(&self) -> String {
        self.shown.lock().parser.screen().contents()
    }

    /// Every byte that the program has sent, also what no screen shows.
    pub fn sent(&self) -> Vec<u8> {
        self.shown.lock().bytes.clone()
    }

    /// Waits until the program has ended and all that it wrote is on the screen.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                break status;
            }
            assert!(Instant::now() < deadline, "waited in vain until it ends{}", self.picture());
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(self.shown.wait(|state| state.is_closed), "something else still holds the terminal{}", self.picture());
        status
    }

    /// Everything that a console switches on is off again, and the line discipline is as it was.
    #[track_caller]
    pub fn assert_restored(&self) {
        let wrong = self.left_behind();
        assert!(wrong.is_empty(), "the terminal was left with: {}{}", wrong.join(", "), self.picture());
    }

    /// What was switched on and not off again.
    pub fn left_behind(&self) -> Vec<String> {
        let state = self.shown.lock();
        let screen = state.parser.screen();
        let mut wrong = Vec::new();
        let mut check = |is_wrong: bool, what: &str| is_wrong.then(|| wrong.push(what.to_owned()));
        check(screen.alternate_screen(), "the alternate screen");
        check(screen.hide_cursor(), "a hidden cursor");
        check(screen.bracketed_paste(), "bracketed paste");
        check(screen.mouse_protocol_mode() != MouseProtocolMode::None, "mouse reports");
        check(screen.application_cursor(), "application cursor keys");
        // What the screen does not keep: the last that was said of each counts.
        for (mode, what) in [("1003", "mouse movements"), ("1004", "focus reports"), ("2026", "a synchronized update")]
        {
            let last = |end: &str| find_last(&state.bytes, format!("\x1b[?{mode}{end}").as_bytes());
            check(last("h") > last("l"), what);
        }
        let (pushed, popped) = (count(&state.bytes, b"\x1b[>", b'u'), count(&state.bytes, b"\x1b[<", b'u'));
        check(pushed > popped, "keyboard enhancements");
        let modes = modes(&*self.master);
        if modes != self.modes_before {
            wrong.push(format!("other modes of its line: {modes}, before {}", self.modes_before));
        }
        wrong
    }

    /// The screen with a frame, for a failure.
    fn picture(&self) -> String {
        let state = self.shown.lock();
        let screen = state.parser.screen();
        let width = screen.size().1.get();
        let mut picture = String::new();
        for row in screen.rows(0, width) {
            let _ = write!(picture, "\n  |{row}");
        }
        let how = if state.is_closed { "its program has ended" } else { "its program runs" };
        format!("\nthe screen, {how}:{picture}\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What it started is its own to end; a terminal that closes tells all of them.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, wanted: impl Fn(&State) -> bool) -> bool {
        let (_state, timeout) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !wanted(state))
            .unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }
}

fn read(mut reader: Box<dyn Read + Send>, shown: &Shown, writer: &Mutex<Box<dyn Write + Send>>) {
    let mut buffer = [0; 16 << 10];
    let mut stand_ins = StandIns::default();
    loop {
        // The kernel says that the other side has closed by an error.
        let count = reader.read(&mut buffer).unwrap_or(0);
        let mut state = shown.lock();
        state.is_closed = count == 0;
        state.parser.process(&stand_ins.replaced(&buffer[..count]));
        state.bytes.extend_from_slice(&buffer[..count]);
        drop(state);
        shown.changed.notify_all();
        if count == 0 {
            return;
        }
        answer(&buffer[..count], writer);
    }
}

/// vt100 takes U+FFFD for its own sign of bytes that are no text, and leaves no cell for it. Terminals give it one, and so a `?` stands in.
#[derive(Default)]
struct StandIns {
    /// The beginning of one, at the end of what was read last.
    begun: Vec<u8>,
}

impl StandIns {
    fn replaced(&mut self, read: &[u8]) -> Vec<u8> {
        const STAND_IN: &[u8] = "\u{fffd}".as_bytes();
        let bytes = [&self.begun, read].concat();
        let mut replaced = Vec::with_capacity(bytes.len());
        let mut rest = &*bytes;
        while let Some(first) = rest.first() {
            if let Some(after) = rest.strip_prefix(STAND_IN) {
                replaced.push(b'?');
                rest = after;
            } else if STAND_IN.starts_with(rest) {
                break;
            } else {
                replaced.push(*first);
                rest = &rest[1..];
            }
        }
        self.begun = rest.to_vec();
        replaced
    }
}

/// A real terminal answers when it is asked; a program that waits for that would wait in vain here.
fn answer(bytes: &[u8], writer: &Mutex<Box<dyn Write + Send>>) {
    const ANSWERS: [(&[u8], &[u8]); 4] = [
        (b"\x1b[6n", b"\x1b[1;1R"),
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[?u", b""),
        (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    ];
    for (question, answer) in ANSWERS {
        if bytes.windows(question.len()).any(|window| window == question) {
            send(writer, answer);
        }
    }
}

fn send(writer: &Mutex<Box<dyn Write + Send>>, bytes: &[u8]) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    // A program that has ended does not read any more; the test finds that out by its screen.
    let _ = writer.write_all(bytes).and_then(|()| writer.flush());
}

/// Echo, line mode, signals and the rest, in one comparable text.
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn pty_size((cols, rows): Size) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn at_least_one(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

/// How many sequences begin like this and, after parameters, end so.
fn count(bytes: &[u8], begin: &[u8], end: u8) -> usize {
    let starts = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(begin));
    let is_parameter = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
    starts.filter(|at| bytes[at + begin.len()..].iter().find(|byte| !is_parameter(byte)) == Some(&end)).count()
}

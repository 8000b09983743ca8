//! The terminal: entered, left whatever happens, written to sparingly and never waited for.

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use ratatui::{buffer::Buffer, layout::Rect};

use crate::domain::Trouble;

pub mod pace;
pub mod painter;
mod writer;

use painter::Painter;
use writer::Writer;

/// Whether the terminal is ours now, so that a panic on any thread knows what to give back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The other screen, no cursor, clicks and wheel (not every motion: that would flood a slow link), pastes told apart from typing.
const TAKE: &str = "\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[0m\x1b[2J";
const TAKE_WITHOUT_MOUSE: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J";
const GIVE_BACK: &str = "\x1b[?2026l\x1b[r\x1b[0m\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?25h\x1b[?1049l";

pub struct Terminal {
    painter: Painter,
    writer: Writer,
    next: Buffer,
    options: Options,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub mouse: bool,
    pub ascii: bool,
}

impl Terminal {
    /// Takes the terminal. Fails, in words, where there is none or where it cannot place a cursor.
    pub fn take(options: Options) -> Result<Self, Trouble> {
        const WHAT: &str = "could not open the console";
        const HELP: &str = "the same is there as commands for scripts: midwatch --help";
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Trouble::new(WHAT, "this is not a terminal").help(HELP));
        }
        if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
            let why = "TERM=dumb says that this terminal cannot place a cursor";
            return Err(Trouble::new(WHAT, why).help(HELP));
        }
        let size = size();
        acquire(options).map_err(|error| Trouble::new(WHAT, error))?;
        Ok(Self {
            painter: Painter::new(size, options.ascii),
            writer: Writer::start(),
            next: Buffer::empty(size),
            options,
        })
    }

    pub fn area(&self) -> Rect {
        self.next.area
    }

    /// The size changed: what is shown is not known any more.
    pub fn resize(&mut self) {
        let size = size();
        self.next = Buffer::empty(size);
        self.repaint();
    }

    /// Paints everything anew with the next frame.
    pub fn repaint(&mut self) {
        self.painter.forget(self.next.area);
        let mut out = String::new();
        self.painter.clear(&mut out);
        self.writer.write(out);
    }

    /// Paints one frame and says how many bytes that took: none where nothing changed.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer)) -> usize {
        self.next.reset();
        paint(&mut self.next);
        let mut out = String::new();
        self.painter.paint(&mut self.next, &mut out);
        let bytes = out.len();
        if bytes > 0 {
            self.writer.write(out);
        }
        bytes
    }

    /// Sends something that is no picture: a copy for the clipboard.
    pub fn send(&mut self, sequence: String) {
        self.writer.write(sequence);
    }

    /// Waits until the terminal has taken the last frame. Frames are skipped meanwhile, not queued.
    pub async fn ready(&self) {
        self.writer.ready().await;
    }

    pub fn is_ready(&self) -> bool {
        self.writer.is_ready()
    }

    /// The terminal is gone: nothing that is written arrives.
    pub fn is_lost(&self) -> bool {
        self.writer.is_lost()
    }

    /// Gives the terminal back for a while, to a shell or to the job control. Stays in raw mode: who takes over wants every key.
    pub fn step_aside(&mut self) -> io::Result<()> {
        self.writer.flush();
        give_back();
        crossterm::terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        Ok(())
    }

    pub fn come_back(&mut self) -> io::Result<()> {
        acquire(self.options)?;
        self.resize();
        Ok(())
    }

    /// Ctrl-Z: back to the shell that this was started from, until that lets it go on.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.writer.flush();
        give_back();
        // Without a shell that could bring it back there is nothing to do.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        self.come_back()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.writer.flush();
        give_back();
    }
}

/// Gives the terminal back if it is ours. Safe to call at any time, from any thread, more than once.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        // Nothing can be done where even this fails: the terminal is gone.
        let _ = out.write_all(GIVE_BACK.as_bytes()).and_then(|()| out.flush());
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

fn acquire(options: Options) -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    out.write_all(if options.mouse { TAKE } else { TAKE_WITHOUT_MOUSE }.as_bytes())?;
    out.flush()
}

/// A terminal that does not tell its size, or tells nonsense, is taken to be an old one.
fn size() -> Rect {
    let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
    Rect::new(0, 0, columns.clamp(1, 1000), rows.clamp(1, 500))
}

/// Most terminals take no more than this; the clipboard must not be cleared by what is cut.
const LONGEST_COPY: usize = 70_000;

/// OSC 52: puts `text` on the clipboard of whoever looks, also through SSH. Inside tmux it goes as a passthrough as well.
pub fn copy_sequence(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("there is nothing to copy".into());
    }
    if text.len() > LONGEST_COPY {
        return Err(format!(
            "{} is too much for a terminal's clipboard: save it to a file",
            crate::domain::units::bytes(text.len() as u64)
        ));
    }
    let mut plain = String::new();
    let copy = crossterm::clipboard::CopyToClipboard::to_clipboard_from(text);
    crossterm::Command::write_ansi(&copy, &mut plain).map_err(|error| error.to_string())?;
    if std::env::var_os("TMUX").is_some() {
        let doubled = plain.replace('\x1b', "\x1b\x1b");
        plain.push_str(&format!("\x1bPtmux;{doubled}\x1b\\"));
    }
    Ok(plain)
}

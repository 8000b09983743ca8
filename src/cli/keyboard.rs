//! The one reader of stdin. A line goes to whoever asks when it comes; what comes while nobody asks was meant for something else, and is
//! dropped.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::broadcast::{self, WeakSender};

type Line = Result<String, io::ErrorKind>;

/// Lines that may come before whoever asked is woken: they ask for one. More push out the oldest.
const LINES: usize = 16;

/// Waits for one line; empty at the end of the input. Called before the question is written: what was typed until now cannot be its
/// answer, and what is typed once it can be read is.
pub fn ask() -> impl Future<Output = io::Result<String>> + Send + 'static {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        // Where that fails the terminal is gone, and so is what was typed.
        let _ = tcflush(&stdin, QueueSelector::IFlush);
    }
    let asked = reader().upgrade().map(|lines| lines.subscribe());
    async move {
        let Some(mut asked) = asked else { return Ok(String::new()) };
        match asked.recv().await {
            Ok(line) => line.map_err(io::Error::from),
            // The input has ended.
            Err(_) => Ok(String::new()),
        }
    }
}

/// A thread of its own, which nobody waits for: a read that has begun cannot be called off. Its end is that of the input.
fn reader() -> &'static WeakSender<Line> {
    static READER: OnceLock<WeakSender<Line>> = OnceLock::new();
    READER.get_or_init(|| {
        let (lines, _) = broadcast::channel(LINES);
        let reader = lines.downgrade();
        std::thread::spawn(move || {
            for line in io::stdin().lines() {
                let is_over = line.is_err();
                // An error would mean that nobody asks.
                let _ = lines.send(line.map_err(|error| error.kind()));
                if is_over {
                    break;
                }
            }
        });
        reader
    })
}

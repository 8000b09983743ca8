//! A shell in an instance: hands the terminal's keys over as they are, until the shell ends. The terminal comes back whatever happens.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{
    io::AsyncWriteExt,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    backend::{Attached, Backend},
    domain::{InstanceId, Trouble},
    terminal::Terminal,
};

/// How long an engine may take until the shell is there.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(backend: Arc<dyn Backend>, terminal: &mut Terminal, instance: InstanceId) -> Result<(), Trouble> {
    let what = "could not open a shell";
    let area = terminal.area();
    let attached = tokio::time::timeout(PATIENCE, backend.attach(instance, (area.width, area.height)));
    let attached = attached.await.map_err(|_| Trouble::new(what, "the engine did not answer within 10 s"))??;
    let keys = Keys::start();
    terminal.step_aside().map_err(|error| Trouble::new(what, error))?;
    let ended = bridge(attached, keys).await;
    terminal.come_back().map_err(|error| Trouble::new("could not take the terminal back", error))?;
    ended
}

async fn bridge(attached: Attached, mut keys: Keys) -> Result<(), Trouble> {
    let Attached { mut output, mut input, resize } = attached;
    let what = "the shell ended";
    let mut resized = signal(SignalKind::window_change()).map_err(|error| Trouble::new(what, error))?;
    loop {
        tokio::select! {
            bytes = output.next() => match bytes {
                Some(bytes) => {
                    let mut out = io::stdout();
                    out.write_all(&bytes?).and_then(|()| out.flush()).map_err(|error| Trouble::new(what, error))?;
                }
                None => return Ok(()),
            },
            typed = keys.typed.recv() => match typed {
                Some(typed) => {
                    // A shell that has ended says so by the end of its output.
                    if input.write_all(&typed).await.is_ok() {
                        let _ = input.flush().await;
                    }
                }
                None => return Err(Trouble::new(what, "the terminal was closed")),
            },
            _ = resized.recv() => resize(crossterm::terminal::size().unwrap_or((80, 24))).await,
        }
    }
}

/// Reads the keyboard on a thread that can be told to stop: a read that waits would take the console's next key.
struct Keys {
    typed: mpsc::Receiver<Vec<u8>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How soon the thread sees that it should stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

impl Keys {
    fn start() -> Self {
        let (send, typed) = mpsc::channel(16);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let stdin = io::stdin();
            let mut bytes = [0; 4096];
            while !stopped.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
                match poll(&mut ready, Some(&LOOK)) {
                    Ok(0) => continue,
                    Ok(_) => {}
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(_) => break,
                }
                // Not through std's buffer: what is not taken here is the console's.
                match rustix::io::read(&stdin, &mut bytes) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => {
                        if send.blocking_send(bytes[..count].to_vec()).is_err() {
                            break;
                        }
                    }
                }
            }
        });
        Self { typed, stop, thread: Some(thread) }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.typed.close();
        if let Some(thread) = self.thread.take() {
            // At most one look long.
            let _ = thread.join();
        }
    }
}

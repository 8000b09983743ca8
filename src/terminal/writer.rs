//! Writes frames on a thread of its own, so that a slow terminal stops neither keys nor events.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

pub struct Writer {
    frames: mpsc::SyncSender<String>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Frames given and not yet taken by the terminal.
    waiting: AtomicUsize,
    lost: AtomicBool,
    taken: Notify,
}

/// A picture and what goes with it. A frame is drawn only when nothing waits, so this is never reached.
const FRAMES: usize = 8;
/// How long leaving waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_millis(500);

impl Writer {
    pub fn start() -> Self {
        let (frames, given) = mpsc::sync_channel::<String>(FRAMES);
        let state = Arc::new(State::default());
        let told = state.clone();
        std::thread::Builder::new()
            .name("terminal".into())
            .spawn(move || {
                for frame in given {
                    let mut out = io::stdout().lock();
                    if out.write_all(frame.as_bytes()).and_then(|()| out.flush()).is_err() {
                        told.lost.store(true, Ordering::SeqCst);
                    }
                    told.waiting.fetch_sub(1, Ordering::SeqCst);
                    told.taken.notify_one();
                }
            })
            .expect("a thread can be started this early");
        Self { frames, state }
    }

    pub fn write(&self, frame: String) {
        self.state.waiting.fetch_add(1, Ordering::SeqCst);
        // Fails only when the thread is gone, and then so is the terminal.
        if self.frames.send(frame).is_err() {
            self.state.lost.store(true, Ordering::SeqCst);
            self.state.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    pub fn is_ready(&self) -> bool {
        self.state.waiting.load(Ordering::SeqCst) == 0
    }

    pub fn is_lost(&self) -> bool {
        self.state.lost.load(Ordering::SeqCst)
    }

    pub async fn ready(&self) {
        while !self.is_ready() {
            self.state.taken.notified().await;
        }
    }

    /// Waits, but not for ever, until everything is written.
    pub fn flush(&self) {
        let began = Instant::now();
        while !self.is_ready() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

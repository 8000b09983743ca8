//! A steady load: so many requests a second, each with a connection of its own, and what became of each.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub const PER_SECOND: u32 = 200;
const WORKERS: u32 = 20;
/// Nobody waits longer for a shop.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Load {
    ends: Arc<AtomicBool>,
    tally: Arc<Mutex<Tally>>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub sent: usize,
    /// The first of them in words.
    pub failed: Vec<String>,
    /// Answers by the version that gave them.
    pub versions: BTreeMap<String, usize>,
    pub slowest: Duration,
}

impl Load {
    pub fn on(address: SocketAddr, path: &str) -> Self {
        let (ends, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Tally::default())));
        let began = Instant::now();
        let worker = |number: u32| {
            let (ends, tally, path) = (ends.clone(), tally.clone(), path.to_owned());
            std::thread::spawn(move || {
                let between = Duration::from_secs(1) * WORKERS / PER_SECOND;
                // Its turns are fixed: one that took long is followed by the ones that were due meanwhile.
                let mut due = began + between * number / WORKERS;
                while !ends.load(Ordering::Relaxed) {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let asked = Instant::now();
                    let answer = ask(address, &path);
                    let mut tally = tally.lock().expect("no worker panics");
                    tally.sent += 1;
                    tally.slowest = tally.slowest.max(asked.elapsed());
                    match answer {
                        Ok(version) => *tally.versions.entry(version).or_default() += 1,
                        Err(why) => tally.failed.push(format!("{:.3} s: {why}", began.elapsed().as_secs_f64())),
                    }
                    due += between;
                }
            })
        };
        let workers = (0..WORKERS).map(worker).collect();
        Self { ends, tally, workers }
    }

    /// What became of the requests by now.
    pub fn tally(&self) -> Tally {
        self.tally.lock().expect("no worker panics").clone()
    }

    pub fn end(self) -> Tally {
        self.ends.store(true, Ordering::Relaxed);
        self.workers.into_iter().for_each(|worker| worker.join().expect("no worker panics"));
        let tally = self.tally.lock().expect("no worker panics");
        tally.clone()
    }
}

/// The version that answered; anything but a whole 200 is a failure.
fn ask(address: SocketAddr, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(in_words("connecting"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(in_words("preparing"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(in_words("asking"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(in_words("reading"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer but {answer:?}"))?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        return Err(format!("{status}: {}", body.trim()));
    }
    Ok(body.trim().to_owned())
}

fn in_words(what: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

//! What the images lab/shop:* run: a small server that says which version it is, behaves as its version should, and ends gracefully.
//!
//! Environment: VERSION; BEHAVES = well | sick (its health check never passes) | crashes (5 s after it began) | errs (answers, and logs
//! an error for every other request); DRAIN_MS: how long it goes on answering after it was asked to end.
//! It has no means to hear a signal: whoever starts it touches the file that is its argument when it is to end.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

struct Shop {
    version: String,
    behaves: String,
    /// It was asked to end: says so to its health check, and closes every connection after its answer.
    ending: AtomicBool,
    answering: AtomicUsize,
    served: AtomicUsize,
}

fn main() {
    let variable = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.into());
    let asked = PathBuf::from(std::env::args().nth(1).expect("the file that tells it to end"));
    let drain = Duration::from_millis(variable("DRAIN_MS", "2000").parse().expect("milliseconds"));
    let shop = Arc::new(Shop {
        version: variable("VERSION", "v0"),
        behaves: variable("BEHAVES", "well"),
        ending: AtomicBool::new(false),
        answering: AtomicUsize::new(0),
        served: AtomicUsize::new(0),
    });
    println!("level=info msg=\"listening\" version={} behaves={}", shop.version, shop.behaves);
    let listener = TcpListener::bind("0.0.0.0:8080").expect("port 8080");
    let door = shop.clone();
    spawn(move || {
        for stream in listener.incoming().flatten() {
            let shop = door.clone();
            spawn(move || shop.serve(stream));
        }
    });
    let began = Instant::now();
    while !asked.exists() {
        if shop.behaves == "crashes" && began.elapsed() > Duration::from_secs(5) {
            println!("level=fatal msg=\"no such key in the configuration: payment.url\"");
            std::process::exit(78);
        }
        sleep(Duration::from_millis(20));
    }
    println!("level=info msg=\"asked to end\"");
    shop.ending.store(true, Ordering::Relaxed);
    sleep(drain);
    while shop.answering.load(Ordering::Relaxed) > 0 {
        sleep(Duration::from_millis(10));
    }
    println!("level=info msg=\"ended\" served={}", shop.served.load(Ordering::Relaxed));
}

impl Shop {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let Ok(mut writer) = stream.try_clone() else { return };
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        while let Some(request) = lines.next() {
            let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            self.answering.fetch_add(1, Ordering::Relaxed);
            let closes = request.ends_with("HTTP/1.0")
                || self.ending.load(Ordering::Relaxed)
                || headers.iter().any(|header| header.eq_ignore_ascii_case("connection: close"));
            let answered = writer.write_all(self.answer(&request, closes).as_bytes());
            self.answering.fetch_sub(1, Ordering::Relaxed);
            if answered.is_err() || closes {
                return;
            }
        }
    }

    fn answer(&self, request: &str, closes: bool) -> String {
        let path = request.split(' ').nth(1).unwrap_or("/");
        let is_check = path.ends_with("/health");
        let is_sick = self.behaves == "sick" || self.ending.load(Ordering::Relaxed);
        let status = if is_check && is_sick { "503 Service Unavailable" } else { "200 OK" };
        if !is_check {
            let served = self.served.fetch_add(1, Ordering::Relaxed);
            if self.behaves == "errs" && served % 2 == 0 {
                println!("level=error msg=\"payment failed\" path={path}");
            } else if served % 20 == 0 {
                println!("level=info msg=\"served\" path={path} count={served}");
            }
        }
        let body = format!("{}\n", self.version);
        let connection = if closes { "close" } else { "keep-alive" };
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{body}", body.len())
    }
}

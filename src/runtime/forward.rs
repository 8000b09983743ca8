//! One port of this machine that leads to a service: listens on it, and gives each connection to an instance that is ready then.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use crate::{
    backend::{Backend, Forwarded},
    domain::Trouble,
    message::{Event, Forward, ForwardState},
    runtime::{
        channels::{Gauge, Outbox},
        connections::Connections,
    },
};

/// How long an engine may take until an instance is connected.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The port may still be that of the forward that this one takes the place of.
const FREED_WITHIN: Duration = Duration::from_secs(1);
/// Who has said all may still be answered. Whether it is listening is not told by TCP, so it is given this long from the last byte.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How often numbers are told while something flows.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// More at once are a mistake of whoever connects.
const MOST: usize = 256;
const BUFFER: usize = 32 << 10;

/// Ends when the port cannot be had; otherwise runs until it is dropped, and every connection with it.
pub async fn keep(connections: Connections, outbox: Outbox, local: u16, forward: Forward) {
    let book = Arc::new(Book { outbox, local, numbers: Mutex::default() });
    let listener = match listen(local).await {
        Ok(listener) => listener,
        Err(error) => return book.say(ForwardState::Refused(refusal(local, &error))),
    };
    book.tell();
    let mut open = JoinSet::new();
    let mut beat = interval(TELL_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Numbers::default();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MOST => match accepted {
                Ok((socket, _)) => {
                    open.spawn(connect(connections.clone(), book.clone(), forward.clone(), socket));
                }
                // Too many files are open, or whoever connected has gone again: the next may fare better.
                Err(error) => {
                    book.say(ForwardState::Troubled(Trouble::new(format!("could not accept a connection to port {local}"), error)));
                    sleep(TELL_EVERY).await;
                }
            },
            Some(_) = open.join_next() => {}
            _ = beat.tick(), if !open.is_empty() => {
                let now = book.numbers().clone();
                if now != told {
                    told = now;
                    book.tell();
                }
            }
        }
    }
}

/// Only this machine may connect.
async fn listen(local: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, local));
    let begun = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < FREED_WITHIN => {
                sleep(Duration::from_millis(50)).await;
            }
            bound => return bound,
        }
    }
}

fn refusal(local: u16, error: &io::Error) -> Trouble {
    let what = format!("could not listen on port {local} of this machine");
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Trouble::new(what, "something else listens there").help("choose another port of this machine")
        }
        io::ErrorKind::PermissionDenied => {
            Trouble::new(what, error).help("ports below 1024 are kept for the administrator: choose a higher one")
        }
        _ => Trouble::new(what, error),
    }
}

/// What is told of a forward.
struct Book {
    outbox: Outbox,
    local: u16,
    numbers: Mutex<Numbers>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Numbers {
    connections: u32,
    through: Option<Arc<str>>,
    received: u64,
    sent: u64,
}

impl Book {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        let Numbers { connections, through, received, sent } = self.numbers().clone();
        self.say(ForwardState::Listening { connections, through, received, sent });
    }

    fn say(&self, state: ForwardState) {
        self.outbox.gauges.set(Gauge::Forward(self.local), Event::Forward { local: self.local, state });
    }
}

/// One connection from its beginning to its end, and what came of it.
async fn connect(connections: Connections, book: Arc<Book>, forward: Forward, socket: TcpStream) {
    let cluster = &forward.service.cluster;
    let what = format!("could not reach port {} of {}", forward.port, forward.service);
    let Some(backend) = connections.live(cluster) else {
        refuse(socket);
        return book.say(ForwardState::Troubled(Trouble::new(what, format!("{cluster} is not connected now"))));
    };
    let ended = tokio::select! {
        ended = through(&*backend, &book, &forward, socket) => ended,
        () = connections.lost(cluster, &backend) => Err(Trouble::new(what, format!("{cluster} was lost"))),
    };
    match ended {
        Ok(()) => book.tell(),
        Err(why) => book.say(ForwardState::Troubled(why)),
    }
}

async fn through(backend: &dyn Backend, book: &Book, forward: &Forward, socket: TcpStream) -> Result<(), Trouble> {
    let what = format!("could not reach port {} of {}", forward.port, forward.service);
    let connected = timeout(CONNECT_WITHIN, backend.forward(forward.service.clone(), forward.port)).await;
    let silence = || Trouble::new(what, format!("no answer for {} s", CONNECT_WITHIN.as_secs()));
    match connected.unwrap_or_else(|_| Err(silence())) {
        Ok(Forwarded { through, stream }) => {
            {
                let mut numbers = book.numbers();
                numbers.connections += 1;
                numbers.through = Some(through.clone());
            }
            book.tell();
            let port = forward.port;
            let why = |error| Trouble::new(format!("port {port} of {through} broke off"), error);
            both_ways(socket, stream, book).await.map_err(why)
        }
        Err(why) => {
            refuse(socket);
            Err(why)
        }
    }
}

/// Whoever connected sees that it was not a conversation that ended well.
fn refuse(socket: TcpStream) {
    if let Err(error) = socket.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed as if it had ended");
    }
}

/// Which end of a way broke.
enum Broken {
    Reading(io::Error),
    Writing,
}

/// An error is one of the instance's side: whoever connected may leave as they like.
async fn both_ways(socket: TcpStream, stream: impl AsyncRead + AsyncWrite, book: &Book) -> io::Result<()> {
    let (from_here, mut to_here) = socket.into_split();
    let (from_there, to_there) = split(stream);
    let heard = Mutex::new(Instant::now());
    let up = copy(from_here, to_there, |bytes| book.numbers().sent += bytes);
    let down = copy(from_there, &mut to_here, |bytes| {
        book.numbers().received += bytes;
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    });
    let (mut up, mut down) = (pin!(up), pin!(down));
    let all_sent = tokio::select! {
        ended = &mut down => return of_there(ended),
        ended = &mut up => match ended {
            Err(Broken::Reading(_)) => return Ok(()),
            // The instance has closed it, and its last words say why.
            Err(Broken::Writing) | Ok(()) => Instant::now(),
        },
    };
    loop {
        let last = (*heard.lock().unwrap_or_else(PoisonError::into_inner)).max(all_sent);
        tokio::select! {
            ended = &mut down => return of_there(ended),
            () = sleep_until(last + ANSWERED_WITHIN) => {
                if last + ANSWERED_WITHIN <= Instant::now() {
                    return Ok(());
                }
            }
        }
    }
}

fn of_there(ended: Result<(), Broken>) -> io::Result<()> {
    match ended {
        Ok(()) | Err(Broken::Writing) => Ok(()),
        Err(Broken::Reading(error)) => Err(error),
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: impl Fn(u64),
) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await.map_err(Broken::Reading)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await.map_err(|_| Broken::Writing)?;
        to.flush().await.map_err(|_| Broken::Writing)?;
        count(read as u64);
    }
}

#[cfg(test)]
mod tests;

//! One tail: reads an instance's log for as long as it is wanted, across interruptions, ends and restarts, and sends it as chunks.

mod hand;
mod history;
mod lines;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::{
    sync::mpsc::{self, OwnedPermit},
    task::coop,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use self::{hand::Hand, history::History, lines::Lines};
use super::{channels::Outbox, connections::Connections};
use crate::{
    backend::{Backend, FollowError, LogPiece},
    clock::Clock,
    domain::{InstanceId, Trouble},
    message::{Event, Since, Tail, TailState},
    store::log::{Overlap, Source},
};

/// A stream that has been open for so long without an end or an error is live, also when nothing is said on it.
const SETTLED: Duration = Duration::from_millis(300);

/// Ends when the log cannot be read for good, or is over; otherwise runs until it is dropped, which is safe at any moment.
pub async fn pump(connections: Connections, outbox: Outbox, clock: Clock, instance: InstanceId, tail: Tail) {
    let source = Arc::new(Source { instance: instance.clone(), name: tail.name.clone(), epoch: tail.epoch });
    let sender = Sender { hand: Hand::new(source), flood: outbox.flood.clone(), room: None };
    let mut pump = Pump { sender, outbox, clock, instance, since: tail.since, overlap: Overlap::default(), told: None };
    // `Err` only means that the event loop is gone.
    let _ = pump.run(&connections).await;
}

struct Pump {
    sender: Sender,
    outbox: Outbox,
    clock: Clock,
    instance: InstanceId,
    since: Since,
    overlap: Overlap,
    /// What the loop was told last.
    told: Option<TailState>,
}

/// The event loop reads no more.
struct Closed;

/// How one stream came to its end.
enum End {
    Ended,
    Interrupted(Trouble),
    Refused(Trouble),
    Over,
}

impl Pump {
    async fn run(&mut self, connections: &Connections) -> Result<(), Closed> {
        let mut delay = FIRST_DELAY;
        loop {
            let cluster = self.instance.cluster.clone();
            let engine = self.sender.send_while(connections.next_live(&cluster)).await?;
            let end = tokio::select! {
                biased;
                end = self.follow(&*engine) => end?,
                // A connection that is half open ends nothing by itself: the link knows first.
                () = connections.lost(&cluster, &engine) => End::Interrupted(self.cut_off()),
            };
            drop(engine);
            self.sender.flush().await?;
            if self.told == Some(TailState::Live) {
                delay = FIRST_DELAY;
            }
            match end {
                // It may be started again, and then its log goes on: this is asked about now and then.
                End::Ended => {
                    self.tell(TailState::Ended).await?;
                    delay = delay.max(Duration::from_secs(1));
                }
                End::Interrupted(why) => self.tell(TailState::Interrupted(why)).await?,
                // An instance that ended and was removed then has not become unreadable: it has ended for good.
                End::Refused(_) if self.told == Some(TailState::Ended) => return Ok(()),
                End::Refused(why) => return self.tell(TailState::Refused(why)).await,
                End::Over => return self.tell(TailState::Ended).await,
            }
            self.sender.send_while(sleep(delay)).await?;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// Reads one stream to its end. History waits for room; of what is written now the oldest in hand is dropped.
    async fn follow(&mut self, engine: &dyn Backend) -> Result<End, Closed> {
        let mut history = History::before(nanos(self.clock.now()));
        let since = match self.overlap.resume() {
            Some(from) => Since::Time(Timestamp::from_nanosecond(from.into()).unwrap_or(Timestamp::UNIX_EPOCH)),
            None => self.since,
        };
        let mut stream = engine.follow(self.instance.clone(), since);
        let mut lines = Lines::default();
        let settled = Instant::now() + SETTLED;
        loop {
            // After an end it is said only when something comes: an engine may leave the log of what does not run open for a while.
            let is_waiting = !matches!(self.told, Some(TailState::Live | TailState::Ended));
            let next = if is_waiting && settled <= Instant::now() {
                self.tell(TailState::Live).await?;
                continue;
            } else if is_waiting {
                match self.sender.send_while(timeout_at(settled, stream.next())).await? {
                    Ok(next) => next,
                    Err(_) => continue,
                }
            } else {
                self.sender.send_while(stream.next()).await?
            };
            match next {
                Some(Ok(piece)) => {
                    let newest = self.take(&mut lines, &piece);
                    if newest.is_some() && self.told == Some(TailState::Ended) {
                        self.tell(TailState::Live).await?;
                    }
                    while newest.is_some_and(|newest| history.has(newest)) && self.sender.hand.is_full() {
                        self.sender.send_one().await?;
                    }
                    self.sender.hand.drop_oldest();
                    coop::consume_budget().await;
                }
                Some(Err(FollowError::Interrupted(why))) => return Ok(End::Interrupted(why)),
                Some(Err(FollowError::Refused(why))) => return Ok(End::Refused(why)),
                Some(Err(FollowError::Over)) => {
                    self.finish(&mut lines);
                    return Ok(End::Over);
                }
                None => {
                    self.finish(&mut lines);
                    return Ok(End::Ended);
                }
            }
        }
    }

    /// What has no line end is a line too, now that nothing more comes.
    fn finish(&mut self, lines: &mut Lines) {
        let Self { sender, overlap, clock, .. } = self;
        lines.finish(|line| {
            let at = line.at.unwrap_or_else(|| nanos(clock.now()));
            if overlap.is_new(at, line.output, line.text) {
                sender.hand.push(at, line);
            }
        });
    }

    /// Takes a piece in hand. The time of its last line that was not read before.
    fn take(&mut self, lines: &mut Lines, piece: &LogPiece) -> Option<i64> {
        let Self { sender, overlap, clock, .. } = self;
        let mut newest = None;
        lines.feed(piece.output, &piece.bytes, |line| {
            let at = line.at.unwrap_or_else(|| nanos(clock.now()));
            if overlap.is_new(at, line.output, line.text) {
                sender.hand.push(at, line);
                newest = Some(at);
            }
        });
        newest
    }

    fn cut_off(&self) -> Trouble {
        let Self { instance, sender, .. } = self;
        Trouble::new(format!("the log of {} broke off", sender.hand.name()), format!("{} was lost", instance.cluster))
    }

    /// Tells the loop, unless it knows.
    async fn tell(&mut self, state: TailState) -> Result<(), Closed> {
        if self.told.as_ref() == Some(&state) {
            return Ok(());
        }
        self.told = Some(state.clone());
        let event = Event::Tail { instance: self.instance.clone(), state };
        let sent = self.outbox.facts.send(event);
        self.sender.send_while(sent).await?.map_err(|_| Closed)
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Sends what is in hand whenever the flood channel has room, whatever else is being waited for.
struct Sender {
    hand: Hand,
    flood: mpsc::Sender<Event>,
    /// A place in the queue for room. Kept while other things are waited for, else a busy tail would always stand last in it.
    room: Option<BoxFuture<'static, Result<OwnedPermit<Event>, Closed>>>,
}

impl Sender {
    async fn send_while<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Closed> {
        let mut future = pin!(future);
        loop {
            let is_ready = self.hand.is_ready();
            let due = self.hand.due();
            tokio::select! {
                biased;
                permit = room(&mut self.room, &self.flood), if is_ready => self.send(permit?),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if !is_ready && due.is_some() => {}
                done = &mut future => return Ok(done),
            }
        }
    }

    async fn send_one(&mut self) -> Result<(), Closed> {
        let permit = room(&mut self.room, &self.flood).await?;
        self.send(permit);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        while !self.hand.is_empty() {
            self.send_one().await?;
        }
        Ok(())
    }

    fn send(&mut self, permit: OwnedPermit<Event>) {
        self.room = None;
        if let Some(event) = self.hand.take() {
            permit.send(event);
        }
    }
}

async fn room(
    queued: &mut Option<BoxFuture<'static, Result<OwnedPermit<Event>, Closed>>>,
    flood: &mpsc::Sender<Event>,
) -> Result<OwnedPermit<Event>, Closed> {
    let place = queued.get_or_insert_with(|| {
        let room = flood.clone().reserve_owned();
        Box::pin(async move { room.await.map_err(|_| Closed) })
    });
    place.await
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

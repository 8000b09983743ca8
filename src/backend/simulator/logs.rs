//! Follows the log of one simulated instance: what there was, and then what comes.

use std::sync::Arc;

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    Line, gone,
    life::Doing,
    lines::{self, Lines},
    quantity::later,
    template::push,
    world::World,
};
use crate::{
    backend::{FollowError, LogPiece},
    domain::InstanceId,
    message::Since,
};

const PIECE: usize = 64 * 1024;
/// So many lines are made at once at the most: a flood is made in portions, as it is read.
const PORTION: u64 = 4096;
/// So long is waited at least, which makes one piece of what a fast writer writes.
const TICK: i64 = 20_000_000;

struct Follow {
    line: Line,
    id: InstanceId,
    instance: usize,
    moved: watch::Receiver<Arc<World>>,
    read_to: Timestamp,
    /// Made and not yet given, last first.
    pieces: Vec<LogPiece>,
}

type Piece = Result<LogPiece, FollowError>;

pub fn follow(line: Line, instance: InstanceId, since: Since) -> impl Stream<Item = Piece> {
    let begin = async move {
        let interrupted = |loss: crate::backend::Loss| FollowError::Interrupted(loss.why);
        line.round_trip().await.map_err(interrupted)?;
        let moved = line.place.moved();
        let world = line.world();
        let index = world.find(&instance).ok_or_else(|| FollowError::Refused(gone("read the log of", &instance)))?;
        let read_to = first(&Lines::new(&world, index), since, line.now());
        Ok(Follow { id: instance, instance: index, moved, read_to, pieces: Vec::new(), line })
    };
    stream::unfold(State::Begin(Box::pin(begin)), |state| async move {
        let mut follow = match state {
            State::Begin(begin) => match begin.await {
                Ok(follow) => follow,
                Err(error) => return Some((Err(error), State::Over)),
            },
            State::Follow(follow) => follow,
            State::Over => return None,
        };
        match follow.next().await {
            Ok(Some(piece)) => Some((Ok(piece), State::Follow(follow))),
            Ok(None) => None,
            Err(error) => Some((Err(error), State::Over)),
        }
    })
}

enum State<F> {
    Begin(F),
    Follow(Follow),
    Over,
}

/// The time after which reading begins.
fn first(lines: &Lines<'_>, since: Since, now: Timestamp) -> Timestamp {
    let oldest = lines.oldest(now);
    match since {
        Since::Beginning => later(oldest, -1),
        Since::Time(time) => later(time, -1).clamp(later(oldest, -1), now),
        Since::Lines(0) => now,
        Since::Lines(wanted) => {
            let wanted = wanted as usize;
            let mut from = now;
            let mut found = Vec::new();
            while found.len() < wanted && from > oldest {
                let missing = (wanted - found.len()) as u64 + 1;
                let earlier = later(from, -lines.stretch(missing)).max(oldest);
                let mut times: Vec<_> = lines.between(earlier, from).into_iter().map(|line| line.at).collect();
                times.append(&mut found);
                (found, from) = (times, earlier);
            }
            let skipped = found.len().saturating_sub(wanted);
            found.get(skipped).map_or(now, |oldest| later(*oldest, -1))
        }
    }
}

impl Follow {
    /// Nothing when the instance has ended and all was read.
    async fn next(&mut self) -> Result<Option<LogPiece>, FollowError> {
        loop {
            if let Some(piece) = self.pieces.pop() {
                return Ok(Some(piece));
            }
            let now = self.line.now();
            let world = self.line.world();
            if world.find(&self.id).is_none() {
                return Err(FollowError::Refused(gone("read the log of", &self.id)));
            }
            if self.read_to < now {
                self.read(now);
            }
            // Everything up to `read_to` was read; the clock has moved on since, and what it passed by is waited for too.
            if !self.pieces.is_empty() || self.read_to < now {
                continue;
            }
            if matches!(world.phase(self.instance, now).doing, Doing::Ended(_)) {
                return Ok(None);
            }
            let next = Lines::new(&world, self.instance).next(now).unwrap_or(Timestamp::MAX).max(later(now, TICK));
            tokio::select! {
                waited = self.line.until(next) => waited.map_err(|loss| FollowError::Interrupted(loss.why))?,
                _ = self.moved.changed() => {}
            }
        }
    }

    fn read(&mut self, now: Timestamp) {
        let world = self.line.world();
        let lines = Lines::new(&world, self.instance);
        let to = later(self.read_to, lines.stretch(PORTION)).min(now);
        let read = lines.between(self.read_to, to);
        self.read_to = to;
        self.pieces = pieces(&read);
        self.pieces.reverse();
    }
}

fn pieces(lines: &[lines::Line]) -> Vec<LogPiece> {
    let mut pieces = Vec::new();
    for together in lines.chunk_by(|one, next| one.output == next.output) {
        let mut text = String::new();
        for line in together {
            push(&mut text, format_args!("{:.9} {}\n", line.at, line.text));
            if text.len() >= PIECE {
                pieces.push(LogPiece { output: line.output, bytes: std::mem::take(&mut text).into() });
            }
        }
        if !text.is_empty() {
            pieces.push(LogPiece { output: together[0].output, bytes: text.into() });
        }
    }
    pieces
}

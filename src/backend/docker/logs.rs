//! Follows one container's log through its restarts, for as long as the container is there and the link holds.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    api::{Api, Framing},
    container::Container,
    fault::Fault,
    frames::{Frames, Lost},
    watch::inspect,
};
use crate::{
    backend::{FollowError, LogPiece},
    domain::{InstanceId, InstanceState, LossKind, Trouble},
    message::Since,
};

/// Between looks at a container that the engine is about to start again.
const PAUSE: Duration = Duration::from_millis(300);

type Item = Result<LogPiece, FollowError>;

pub fn follow(api: Api, instance: InstanceId, since: Since) -> BoxStream<'static, Item> {
    let follow = Follow { api, key: instance.key, since, run: None, out: VecDeque::new(), ended: false };
    stream::unfold(follow, |mut follow| async move {
        let item = follow.next().await?;
        Some((item, follow))
    })
    .fuse()
    .boxed()
}

struct Follow {
    api: Api,
    key: Arc<str>,
    since: Since,
    run: Option<Run>,
    out: VecDeque<LogPiece>,
    ended: bool,
}

/// From a start of the container to its end.
struct Run {
    body: BoxStream<'static, Result<Bytes, Fault>>,
    frames: Frames,
    started: Option<Timestamp>,
    /// It had not ended when this was begun.
    follows: bool,
}

impl Follow {
    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(piece) = self.out.pop_front() {
                return Some(Ok(piece));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn advance(&mut self) -> Result<(), FollowError> {
        let Some(run) = &mut self.run else { return self.begin().await };
        match run.body.next().await {
            Some(Ok(bytes)) => {
                self.out = run.frames.push(&bytes).map_err(|Lost| {
                    FollowError::Interrupted(self.trouble(Fault::Garbled("the frames of its log are broken".into())))
                })?;
                Ok(())
            }
            Some(Err(fault)) => Err(self.error(fault)),
            None => self.run_ended().await,
        }
    }

    async fn begin(&mut self) -> Result<(), FollowError> {
        let container = inspect(&self.api, &self.key).await.map_err(|fault| self.error(fault))?;
        self.open(&container);
        Ok(())
    }

    fn open(&mut self, container: &Container) {
        let follows = !matches!(container.state, InstanceState::Exited { .. } | InstanceState::Dead);
        let id = &container.id;
        let from = match self.since {
            Since::Lines(lines) => format!("tail={lines}"),
            Since::Beginning => "tail=all".to_owned(),
            Since::Time(time) => {
                let nanos = time.as_nanosecond().max(0);
                format!("tail=all&since={}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
            }
        };
        let path = format!("/containers/{id}/logs?follow={}&stdout=1&stderr=1&timestamps=1&{from}", u8::from(follows));
        self.run = Some(Run {
            body: self.api.body(&path, Framing::UntilClosed).boxed(),
            frames: Frames::new(container.tty),
            started: container.started,
            follows,
        });
    }

    /// The engine closes a log when the container ends, also when it is about to start it again; and a broken link looks the same.
    /// So the container is asked.
    async fn run_ended(&mut self) -> Result<(), FollowError> {
        let Some(run) = &mut self.run else { return Ok(()) };
        let (started, last, follows) = (run.started, run.frames.last_time(), run.follows);
        loop {
            let container = match inspect(&self.api, &self.key).await {
                Ok(container) => container,
                // It was removed while it was followed: its log is at its end.
                Err(fault) if fault.is_not_found() => break,
                Err(fault) => return Err(self.error(fault)),
            };
            match container.state {
                InstanceState::Running | InstanceState::Paused if container.started == started => {
                    let broke = Fault::way(LossKind::Unreachable, "the connection broke");
                    return Err(FollowError::Interrupted(self.trouble(broke)));
                }
                InstanceState::Running | InstanceState::Paused => {
                    self.go_on(&container, last);
                    return Ok(());
                }
                InstanceState::Restarting { .. } => tokio::time::sleep(PAUSE).await,
                // An engine that hears at once that lines were written and that their writer is gone may stop before those lines
                // (Moby up to 20.10), and they are the ones that say why it ended.
                InstanceState::Exited { .. } | InstanceState::Dead if follows => {
                    self.go_on(&container, last);
                    return Ok(());
                }
                InstanceState::Created
                | InstanceState::Exited { .. }
                | InstanceState::Removing
                | InstanceState::Dead => break,
            }
        }
        self.out = self.run.take().map(|mut run| run.frames.finish()).unwrap_or_default();
        self.ended = true;
        Ok(())
    }

    /// Times are to the nanosecond, so that what comes is what came after the last line.
    fn go_on(&mut self, container: &Container, last: Option<Timestamp>) {
        self.out = self.run.take().map(|mut run| run.frames.finish()).unwrap_or_default();
        if let Some(after) = last.and_then(|last| last.checked_add(SignedDuration::from_nanos(1)).ok()) {
            self.since = Since::Time(after);
        }
        self.open(container);
    }

    fn error(&self, fault: Fault) -> FollowError {
        match &fault {
            Fault::Way { .. } | Fault::Garbled(_) => FollowError::Interrupted(self.trouble(fault)),
            Fault::Refused { message, .. } if message.contains("does not support reading") => FollowError::Refused(
                self.trouble(fault)
                    .help("its log driver sends logs elsewhere (docker inspect, LogConfig): read them there"),
            ),
            Fault::Refused { status: 404 | 409, .. } => {
                FollowError::Refused(self.trouble(fault).help("the container was removed, and its log with it"))
            }
            // A stumble of the engine itself passes.
            Fault::Refused { status: 500.., .. } => FollowError::Interrupted(self.trouble(fault)),
            Fault::Refused { .. } => FollowError::Refused(self.trouble(fault)),
        }
    }

    fn trouble(&self, fault: Fault) -> Trouble {
        fault.trouble("could not read the container's log")
    }
}

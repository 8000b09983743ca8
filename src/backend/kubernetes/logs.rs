//! Follows one container's log through its restarts, for as long as its pod is there and the link holds.

mod lines;
mod progress;
mod quiet;
mod source;

use std::time::Duration;

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use self::{
    lines::Lines,
    progress::{Next, Progress, Reading, Which},
    quiet::Quiet,
    source::{Source, is_not_yet, since_time},
};
use super::{
    Site,
    container::{PodRow, Runs},
    fault::Fault,
};
use crate::{
    backend::{FollowError, LogPiece},
    domain::{InstanceId, Output},
    message::Since,
};

/// Between tries to go on with a run whose stream ended for no reason that its pod tells.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a line that is there may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

type Item = Result<LogPiece, FollowError>;

pub fn follow(site: Site, instance: InstanceId, since: Since) -> BoxStream<'static, Item> {
    let from = match since {
        Since::Time(time) => nanos(time),
        Since::Lines(_) | Since::Beginning => i64::MIN,
    };
    let follow = Follow {
        source: Source { api: site.api, instance },
        since,
        progress: Progress::Nothing,
        lines: Lines::since(from),
        body: None,
        quiet: Quiet::new(),
        is_empty: false,
        pause: PAUSE,
        out: Bytes::new(),
        last_word: None,
        ended: false,
    };
    stream::unfold(follow, |mut follow| async move {
        let item = follow.next().await?;
        Some((item, follow))
    })
    .fuse()
    .boxed()
}

struct Follow {
    source: Source,
    since: Since,
    progress: Progress,
    lines: Lines,
    /// What is being read.
    body: Option<Body>,
    quiet: Quiet,
    /// The file that is followed was empty when it was looked at, though there had been lines: it was rotated.
    is_empty: bool,
    pause: Duration,
    out: Bytes,
    /// What is said after what is in `out`, and nothing after it.
    last_word: Option<FollowError>,
    ended: bool,
}

struct Body {
    stream: BoxStream<'static, Result<Bytes, Fault>>,
    reading: Reading,
    container: String,
    has_spoken: bool,
}

/// What happened to a body that was waited for.
enum Heard {
    Bytes(Result<Bytes, Fault>),
    End,
    Silence,
}

impl Follow {
    async fn next(&mut self) -> Option<Item> {
        loop {
            if !self.out.is_empty() {
                let bytes = std::mem::take(&mut self.out);
                return Some(Ok(LogPiece { output: Output::Stdout, bytes }));
            }
            if self.ended {
                return self.last_word.take().map(Err);
            }
            if let Err(error) = self.advance().await {
                self.out = self.lines.abandon();
                self.ended = true;
                self.last_word = Some(error);
            }
        }
    }

    async fn advance(&mut self) -> Result<(), FollowError> {
        let Some(body) = &mut self.body else { return self.decide().await };
        match body.heard(&self.quiet).await {
            Heard::Bytes(Ok(bytes)) => {
                self.take(&bytes);
                Ok(())
            }
            Heard::Bytes(Err(fault)) => Err(self.source.error(&fault)),
            Heard::End => self.body_ended().await,
            Heard::Silence => self.look().await,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.quiet.heard();
        self.is_empty = false;
        self.out = self.lines.push(bytes);
        if let Some(body) = &mut self.body {
            body.has_spoken |= !self.out.is_empty();
        }
    }

    /// Asks what the container is doing, and reads what is to be read next.
    async fn decide(&mut self) -> Result<(), FollowError> {
        let pod = match self.source.pod().await {
            Ok(pod) => pod,
            Err(fault) if fault.is_missing() && self.progress != Progress::Nothing => return self.over(),
            Err(fault) => return Err(self.source.error(&fault)),
        };
        let (name, runs) = self.source.container(&pod)?;
        let next = match self.progress.next(&runs, self.since) {
            Next::Count(0) => self.skip_to_now(&name, &runs).await?,
            Next::Count(wanted) => {
                let has = self.source.count(&name, wanted).await?;
                Progress::counted(&runs, wanted, has)
            }
            next => next,
        };
        match next {
            Next::Read(reading) => self.open(&name, reading).await,
            Next::Count(_) | Next::Wait => self.wait(&pod).await,
            Next::Over => self.over(),
        }
    }

    /// Nothing of what there is, and all that comes: what there is has to be known for that.
    async fn skip_to_now(&mut self, name: &str, runs: &Runs) -> Result<Next, FollowError> {
        let newest = self.source.newest(name).await.map_err(|fault| self.source.error(&fault))?;
        let from = self.lines.newest_of(&newest).map_or(i64::MIN, |last| last + 1);
        self.lines = Lines::since(from);
        self.since = Since::Time(Timestamp::from_nanosecond(from.into()).unwrap_or(Timestamp::MIN));
        Ok(Progress::Nothing.next(&Runs { previous: None, ..runs.clone() }, self.since))
    }

    async fn open(&mut self, name: &str, reading: Reading) -> Result<(), FollowError> {
        let from = match (self.lines.resume(), self.since) {
            (Some(at), _) => since_time(at),
            (None, Since::Time(time)) => since_time(nanos(time)),
            (None, Since::Lines(_) | Since::Beginning) => String::new(),
        };
        let tail = reading.tail.map_or_else(String::new, |tail| format!("&tailLines={tail}"));
        let follows = if reading.follows { "&follow=true" } else { "" };
        let previous = if reading.which == Which::Previous { "&previous=true" } else { "" };
        match self.source.stream(name, &format!("{from}{tail}{follows}{previous}")).await {
            Ok(stream) => {
                self.body = Some(Body { stream, reading, container: name.to_owned(), has_spoken: false });
                Ok(())
            }
            // The node has thrown that run's log away meanwhile.
            Err(fault) if reading.which == Which::Previous && is_not_yet(&fault) => {
                self.progress = reading.then;
                Ok(())
            }
            Err(fault) if is_not_yet(&fault) => {
                self.rest().await;
                Ok(())
            }
            Err(fault) => Err(self.source.error(&fault)),
        }
    }

    /// A log's stream ends when its container does, and when a proxy, the kubelet or the server wants it to: the pod will tell.
    async fn body_ended(&mut self) -> Result<(), FollowError> {
        let Some(body) = self.body.take() else { return Ok(()) };
        self.out = if body.reading.follows { self.lines.abandon() } else { self.lines.finish() };
        let words = self.lines.take_words();
        self.progress = body.reading.then;
        if body.has_spoken {
            self.pause = PAUSE;
        } else if body.reading.follows {
            if let Some(words) = words {
                tracing::debug!(instance = %self.source.instance, words, "a log ended with words");
            }
            self.rest().await;
        }
        Ok(())
    }

    /// It has been silent for long, for what it is: whether there are lines that do not come.
    async fn look(&mut self) -> Result<(), FollowError> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let newest = match self.source.newest(&body.container).await {
            Ok(text) => self.lines.newest_of(&text),
            Err(fault) if fault.is_busy() => {
                self.quiet.looked();
                return Ok(());
            }
            Err(fault) => return Err(self.source.error(&fault)),
        };
        self.quiet.looked();
        let last = self.lines.last();
        // Where there were lines and are none, the file is another one.
        let is_rotated = newest.is_none() && last.is_some() && !std::mem::replace(&mut self.is_empty, true);
        if newest <= last && !is_rotated {
            return Ok(());
        }
        match timeout_at(Instant::now() + ON_ITS_WAY, body.stream.next()).await {
            Ok(Some(Ok(bytes))) => self.take(&bytes),
            Ok(Some(Err(fault))) => return Err(self.source.error(&fault)),
            Ok(None) => return self.body_ended().await,
            Err(_) => {
                tracing::debug!(instance = %self.source.instance, "its log was rotated, and is read anew");
                self.progress = body.reading.then.clone();
                self.body = None;
                self.out = self.lines.abandon();
            }
        }
        Ok(())
    }

    /// Until the pod is another than it was: cheaper than asking again and again, and sooner.
    async fn wait(&mut self, pod: &PodRow) -> Result<(), FollowError> {
        match self.source.watch(pod).await {
            Ok(mut watch) => match watch.next().await {
                // What it says is asked for anew: the same way for every answer.
                Some(Ok(_)) => self.pause = PAUSE,
                None => {}
                Some(Err(fault)) => return Err(self.source.error(&fault)),
            },
            Err(fault @ Fault::Way { .. }) => return Err(self.source.error(&fault)),
            // To see a pod and to watch it are two rights.
            Err(Fault::Refused { .. } | Fault::Garbled(_)) => self.rest().await,
        }
        Ok(())
    }

    async fn rest(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn over(&mut self) -> Result<(), FollowError> {
        self.out = self.lines.finish();
        self.ended = true;
        self.last_word = Some(FollowError::Over);
        Ok(())
    }
}

impl Body {
    async fn heard(&mut self, quiet: &Quiet) -> Heard {
        if !self.reading.follows {
            return self.stream.next().await.map_or(Heard::End, Heard::Bytes);
        }
        match timeout_at(quiet.due(), self.stream.next()).await {
            Ok(Some(bytes)) => Heard::Bytes(bytes),
            Ok(None) => Heard::End,
            Err(_) => Heard::Silence,
        }
    }
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests;

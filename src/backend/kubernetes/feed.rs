//! One kind of objects, listed and then watched for as long as somebody listens. What goes wrong on the way is made good here, from a
//! watch that is cut to a list that has grown too old; only a lost connection and refused credentials end it.

mod answer;
mod line;
mod page;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};

use self::{
    answer::{Growing, Refusal, chance},
    line::Lines,
};
use super::{
    api::{Api, encoded},
    fault::Fault,
    row::{Interner, Key, Kind, Page, Row, What},
};
use crate::domain::LossKind;

/// As many objects as a page has: a page of pods is some 4 MB.
const PAGE: u32 = 500;
/// Smaller pages are decoded where they are read: handing them over would cost more.
const HEAVY: usize = 256 << 10;
/// How often a page is asked for whose connection breaks.
const TRIES: u32 = 3;
/// So many refusals of a busy server are no passing thing.
const TROUBLING: u32 = 5;

/// Which objects a feed tells of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    pub kind: Kind,
    /// Of all where there is none.
    pub namespace: Option<Arc<str>>,
}

#[derive(Debug)]
pub enum Told {
    /// All are told from here on: what is not among them until `Listed` is gone.
    Listing,
    Page(Vec<Row>),
    Listed,
    Put(Row),
    Gone(Key),
    /// They may not be looked at (any more). Asked again seldom.
    Denied(Fault),
    /// The server has not been able to list them for a while. It goes on being asked.
    Failing(Fault),
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two pieces of a list.
    pub silence: Duration,
    /// In a watch that has shown that it bears bookmarks, which come about once a minute.
    pub bookmark: Duration,
    /// Before asking again for what may not be looked at.
    pub denied: Duration,
    /// Before believing that what was allowed is not any more: a server that starts denies everything for a moment.
    pub doubt: Duration,
    /// After the first failure of a kind; doubled with each more.
    pub first: Duration,
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(20),
            bookmark: Duration::from_secs(150),
            denied: Duration::from_secs(60),
            doubt: Duration::from_secs(5),
            first: Duration::from_millis(250),
            longest: Duration::from_secs(30),
        }
    }
}

#[derive(Clone)]
pub struct Feed {
    pub api: Api,
    pub source: Source,
    /// Of the list, without a query.
    pub path: Arc<str>,
    /// Whether lists come compressed: it saves a slow line 19 bytes of 20, and costs the server more time than a quick line.
    pub compressed: bool,
    pub patience: Patience,
}

/// Why a list or a watch did not come to its end.
enum Stop {
    /// What is known is too old to go on from.
    Anew,
    Denied(Fault),
    /// The kind is not served any more.
    Missing,
    /// Nobody listens.
    Unheard,
    Lost(Fault),
}

impl Feed {
    /// Runs until nobody listens any more, or until the connection is lost.
    pub async fn run(self, out: mpsc::Sender<(Source, Told)>) -> Result<(), Fault> {
        let delays = Growing::new(self.patience);
        let mut run = Run { feed: self, out, interner: Interner::default(), version: String::new(), delays };
        match run.keep_telling().await {
            Stop::Lost(fault) => Err(fault),
            Stop::Unheard | Stop::Anew | Stop::Denied(_) | Stop::Missing => Ok(()),
        }
    }

    /// The first objects that a query finds, once: for what is looked at before everything else is.
    pub async fn glance(&self, query: &str, limit: u32) -> Result<Vec<Row>, Fault> {
        let query = format!("limit={limit}{}{query}", if query.is_empty() { "" } else { "&" });
        let opened = self.open(&query).await.map_err(|refusal| refusal.fault)?;
        let (page, _) = self.rest(opened, Interner::default()).await;
        Ok(page?.rows)
    }

    /// A page as soon as its head is there.
    async fn open(&self, query: &str) -> Result<Opened, Refusal> {
        let response = self.ask(query, if self.compressed { "gzip" } else { "identity" }).await?;
        let mut opened = Opened { body: answer::pieces(response), bytes: Vec::new(), next: None };
        while opened.next.is_none() && opened.more(self.patience.silence).await? {
            opened.next = page::next(&opened.bytes);
        }
        Ok(opened)
    }

    /// The rest of a page, decoded. The interner comes back.
    async fn rest(&self, mut opened: Opened, mut interner: Interner) -> (Result<Page, Fault>, Interner) {
        loop {
            match opened.more(self.patience.silence).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => return (Err(fault), interner),
            }
        }
        let (bytes, kind) = (opened.bytes, self.source.kind);
        if bytes.len() < HEAVY {
            return (kind.page(&bytes, &mut interner), interner);
        }
        let decode = move || (kind.page(&bytes, &mut interner), interner);
        let failed = |_| (Err(Fault::Garbled("a list could not be decoded".into())), Interner::default());
        tokio::task::spawn_blocking(decode).await.unwrap_or_else(failed)
    }

    async fn ask(&self, query: &str, encoding: &str) -> Result<http::Response<kube::client::Body>, Refusal> {
        let path = format!("{}?{query}", self.path);
        let asked = answer::ask(&self.api, &path, encoding);
        timeout(self.patience.silence, asked).await.unwrap_or_else(|_| Err(silent(self.patience.silence).into()))
    }
}

/// A page that is coming.
struct Opened {
    body: BoxStream<'static, Result<bytes::Bytes, Fault>>,
    bytes: Vec<u8>,
    /// Where the list goes on, if that was told before its objects; empty at its end.
    next: Option<String>,
}

impl Opened {
    /// Whether there was more.
    async fn more(&mut self, silence: Duration) -> Result<bool, Fault> {
        match timeout(silence, self.body.next()).await {
            Ok(Some(piece)) => self.bytes.extend_from_slice(&piece?),
            Ok(None) => return Ok(false),
            Err(_) => return Err(silent(silence)),
        }
        Ok(true)
    }
}

fn silent(waited: Duration) -> Fault {
    Fault::way(LossKind::Hung, format!("no answer for {} s", waited.as_secs()))
}

struct Run {
    feed: Feed,
    out: mpsc::Sender<(Source, Told)>,
    interner: Interner,
    /// Up to which everything has been told; empty before that.
    version: String,
    delays: Growing,
}

impl Run {
    async fn tell(&self, told: Told) -> Result<(), Stop> {
        self.out.send((self.feed.source.clone(), told)).await.map_err(|_| Stop::Unheard)
    }

    /// Only comes back when that is no use any more.
    async fn keep_telling(&mut self) -> Stop {
        let mut was_allowed = false;
        loop {
            let began = Instant::now();
            let stop = match self.list().await {
                Ok(()) => {
                    was_allowed = true;
                    self.watch().await
                }
                Err(stop) => stop,
            };
            if began.elapsed() > self.feed.patience.longest {
                self.delays.reset();
            }
            match self.recover(stop, &mut was_allowed).await {
                Ok(pause) => sleep(pause).await,
                Err(stop) => return stop,
            }
        }
    }

    /// How long to wait before everything is listed again.
    async fn recover(&mut self, stop: Stop, was_allowed: &mut bool) -> Result<Duration, Stop> {
        let patience = self.feed.patience;
        match stop {
            Stop::Anew => Ok(self.delays.next()),
            Stop::Denied(_) if *was_allowed => {
                *was_allowed = false;
                Ok(patience.doubt)
            }
            Stop::Denied(fault) => {
                self.tell(Told::Denied(fault)).await?;
                Ok(patience.denied)
            }
            Stop::Missing => {
                self.tell(Told::Listing).await?;
                self.tell(Told::Listed).await?;
                Ok(patience.denied)
            }
            stop @ (Stop::Unheard | Stop::Lost(_)) => Err(stop),
        }
    }

    /// Everything, a page at a time: while one is decoded, the next is already asked for.
    async fn list(&mut self) -> Result<(), Stop> {
        let mut interner = std::mem::take(&mut self.interner);
        let mut token = String::new();
        let mut version = None;
        let mut opened = self.page("").await?;
        self.tell(Told::Listing).await?;
        let mut tries = 0;
        loop {
            let ahead = opened.next.clone().unwrap_or_default();
            let next = async { if ahead.is_empty() { None } else { Some(self.page(&ahead).await) } };
            let ((page, used), next) = tokio::join!(self.feed.rest(opened, interner), next);
            interner = used;
            let page = match page {
                Ok(page) => page,
                Err(Fault::Way { .. }) if tries < TRIES => {
                    tries += 1;
                    opened = self.page(&token).await?;
                    continue;
                }
                Err(fault) => return Err(Stop::Lost(fault)),
            };
            tries = 0;
            // Of the first page: a later one may have come from a list that was begun anew in the middle. What that missed of the
            // earlier pages, the watch tells.
            version.get_or_insert(page.version);
            self.tell(Told::Page(page.rows)).await?;
            token = page.next;
            opened = match next {
                Some(next) => next?,
                // Its head came last, so nobody could know that there is more.
                None if !token.is_empty() => self.page(&token).await?,
                None => break,
            };
        }
        self.interner = interner;
        self.version = version.unwrap_or_default();
        self.tell(Told::Listed).await
    }

    /// Asked for until it comes, or until it is clear that it will not.
    async fn page(&self, token: &str) -> Result<Opened, Stop> {
        let mut token = encoded(token);
        let mut delays = Growing::new(self.feed.patience);
        loop {
            let query =
                if token.is_empty() { format!("limit={PAGE}") } else { format!("limit={PAGE}&continue={token}") };
            let refusal = match self.feed.open(&query).await {
                Ok(opened) => return Ok(opened),
                Err(refusal) => refusal,
            };
            // The list has grown too old for this page, and the server says where one from now would go on.
            match &refusal.goes_on {
                Some(goes_on) if refusal.fault.is_too_old() => token = encoded(goes_on),
                _ => {
                    if delays.count() == TROUBLING {
                        self.tell(Told::Failing(refusal.fault.clone())).await?;
                    }
                    self.wait(refusal, &mut delays).await?;
                }
            }
        }
    }

    /// Goes on watching from where it was cut, for as long as the server remembers.
    async fn watch(&mut self) -> Stop {
        let mut delays = Growing::new(self.feed.patience);
        loop {
            let began = Instant::now();
            if let Err(stop) = self.follow(&mut delays).await {
                return stop;
            }
            // One that ends as soon as it begins must not be asked for without a pause.
            if began.elapsed() < self.feed.patience.first {
                sleep(delays.next()).await;
            }
        }
    }

    /// One watch, until it ends.
    async fn follow(&mut self, delays: &mut Growing) -> Result<(), Stop> {
        // Not all at once for all kinds and consoles.
        let lasts = 240 + (chance() * 120.0) as u64;
        let version = encoded(&self.version);
        let query = format!("watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={lasts}");
        let mut body = match self.feed.ask(&query, "identity").await {
            Ok(response) => answer::pieces(response),
            Err(refusal) => return self.wait(refusal, delays).await,
        };
        // The server ends it by then; one that does not is dead.
        let mut dead_at = Instant::now() + Duration::from_secs(lasts + 15);
        let mut lines = Lines::default();
        loop {
            match timeout_at(dead_at, body.next()).await {
                Ok(Some(Ok(piece))) => lines.push(&piece),
                // Cut, over, or silent for too long: the next one goes on from the version that was last told.
                Ok(Some(Err(_)) | None) | Err(_) => return Ok(()),
            }
            while let Some(line) = lines.next().map_err(|_| Stop::Anew)? {
                let notice = match self.feed.source.kind.notice(line, &mut self.interner) {
                    Ok(notice) => notice,
                    // What it told is not known, so nothing that follows can be trusted either.
                    Err(fault) => {
                        tracing::warn!(path = &*self.feed.path, ?fault, "a line of a watch is garbled: listing anew");
                        return Err(Stop::Anew);
                    }
                };
                match notice.what {
                    What::Put(row) => self.tell(Told::Put(row)).await?,
                    What::Gone(key) => self.tell(Told::Gone(key)).await?,
                    What::Bookmark => dead_at = Instant::now() + self.feed.patience.bookmark,
                    What::Failed(fault) => return self.wait(fault.into(), delays).await,
                }
                delays.reset();
                if !notice.version.is_empty() {
                    self.version = notice.version;
                }
            }
        }
    }

    /// Waits for as long as a refusal asks for, or says why waiting is no use.
    async fn wait(&self, refusal: Refusal, delays: &mut Growing) -> Result<(), Stop> {
        let fault = refusal.fault;
        match &fault {
            fault if fault.is_too_old() => return Err(Stop::Anew),
            fault if fault.is_missing() => return Err(Stop::Missing),
            Fault::Refused { code: 403, .. } => return Err(Stop::Denied(fault)),
            Fault::Refused { code: 401, .. } | Fault::Garbled(_) => return Err(Stop::Lost(fault)),
            // The link to the cluster looks after a way that stays broken.
            Fault::Way { .. } if delays.count() >= TRIES => return Err(Stop::Lost(fault)),
            Fault::Way { .. } | Fault::Refused { .. } => {}
        }
        let delay = refusal.after.unwrap_or_default().max(delays.next());
        tracing::debug!(path = &*self.feed.path, ?fault, ?delay, "asked to wait");
        sleep(delay).await;
        Ok(())
    }
}

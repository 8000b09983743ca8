//! Follows one engine: a full picture first, then what its events tell, one container at a time. A full picture again once a minute
//! and after any doubt; nothing is polled that an event tells.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    api::{Api, Framing, Id, Lines, encoded},
    container::{Container, time},
    events::{self, Meaning, Was},
    fault::Fault,
    health::End,
    inventory::Books,
    labels::Place,
    swarm,
    wire::{Event, ImageSummary, Info, Inspect, Summary},
};
use crate::{
    backend::Loss,
    domain::{Change, ClusterName, HostFacts, InstanceId, LossKind, ServiceId, inventory::Happening, text::clean},
};

/// Between two full pictures when nothing gives doubt.
const SAFETY_NET: Duration = Duration::from_secs(60);
/// What happens to a container within this is looked at once: a restart is six events.
const COALESCED: Duration = Duration::from_millis(60);
/// Inspections under way at once.
const AT_ONCE: usize = 16;
/// How far back a new console asks for events: the engine keeps the last 256.
const HISTORY: SignedDuration = SignedDuration::from_mins(15);
/// An event stream that ends sooner than this was not one.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// What is asked of `/events`: a health check alone would send three `exec_*` events each time it runs.
const FILTERS: &str = r#"{"type":["container","image","volume","network","daemon","service","node"],"event":["create","start","die",
"oom","kill","stop","restart","pause","unpause","rename","update","destroy","health_status","pull","tag","untag","delete","load",
"import","remove","reload"]}"#;

/// What outlives a connection: until when events were told, in nanoseconds of the engine's clock; 0 before the first.
pub type Cursor = Arc<AtomicI64>;

/// Whom to watch.
pub struct Subject {
    pub api: Api,
    pub cluster: ClusterName,
    pub endpoint: Arc<str>,
    pub engine_version: Arc<str>,
    pub cursor: Cursor,
}

pub fn watch(subject: Subject) -> BoxStream<'static, Result<Change, Loss>> {
    let watch = Watch {
        books: Books::new(subject.cluster.clone()),
        subject,
        feed: None,
        out: VecDeque::new(),
        stale: BTreeSet::new(),
        starved: BTreeSet::new(),
        swarm_stale: false,
        images_stale: false,
        look_at: None,
        picture_at: Instant::now(),
        ahead: SignedDuration::ZERO,
        ended: false,
    };
    stream::unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        Some((item, watch))
    })
    .fuse()
    .boxed()
}

struct Watch {
    subject: Subject,
    books: Books,
    feed: Option<Feed>,
    /// Changes that were not taken yet.
    out: VecDeque<Change>,
    /// Containers that something happened to.
    stale: BTreeSet<String>,
    /// Containers that the kernel killed a process of, until they end.
    starved: BTreeSet<String>,
    swarm_stale: bool,
    images_stale: bool,
    look_at: Option<Instant>,
    picture_at: Instant,
    /// How far the engine's clock is ahead of ours.
    ahead: SignedDuration,
    ended: bool,
}

struct Feed {
    body: BoxStream<'static, Result<Bytes, Fault>>,
    lines: Lines,
    began: Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Change, Loss>> {
        loop {
            if let Some(change) = self.out.pop_front() {
                return Some(Ok(change));
            }
            if self.ended {
                return None;
            }
            if let Err(fault) = self.advance().await {
                self.ended = true;
                return Some(Err(fault.loss(&self.subject.endpoint)));
            }
        }
    }

    /// Waits for the next thing to happen, and does what it asks for.
    async fn advance(&mut self) -> Result<(), Fault> {
        let due = [self.look_at, self.judge_at()].into_iter().flatten().fold(self.picture_at, Instant::min);
        let Some(feed) = &mut self.feed else {
            self.picture().await?;
            self.subscribe();
            return Ok(());
        };
        tokio::select! {
            piece = feed.body.next() => match piece {
                Some(Ok(bytes)) => self.take_in(&bytes),
                Some(Err(fault)) => self.doubt(fault)?,
                None => self.doubt(Fault::way(LossKind::Unreachable, "the engine closed its event stream"))?,
            },
            () = tokio::time::sleep_until(due) => {
                if self.picture_at <= Instant::now() { self.picture().await? } else { self.look().await? }
            }
        }
        Ok(())
    }

    /// Events from the last one on that was told. The engine repeats what happened since, so nothing is missed between the picture and
    /// the first event, or while a link was lost; a new console gets to know what happened before it came.
    fn subscribe(&mut self) {
        let told = self.subject.cursor.load(Ordering::Relaxed);
        let since = if told == 0 {
            let history = self.now().saturating_sub(HISTORY).unwrap_or(Timestamp::UNIX_EPOCH);
            i64::try_from(history.as_nanosecond()).unwrap_or(0)
        } else {
            told + 1
        };
        let (seconds, nanos) = (since / 1_000_000_000, since % 1_000_000_000);
        let path = format!("/events?since={seconds}.{nanos:09}&filters={}", encoded(FILTERS));
        let body = self.subject.api.body(&path, Framing::Chunked).boxed();
        self.feed = Some(Feed { body, lines: Lines::default(), began: Instant::now() });
    }

    /// The event stream broke off. If the engine is still there, a new one and a new picture make up for it.
    fn doubt(&mut self, fault: Fault) -> Result<(), Fault> {
        let lasted = self.feed.take().map_or(Duration::ZERO, |feed| feed.began.elapsed());
        if lasted < TOO_SHORT { Err(fault) } else { Ok(()) }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let lines = self.feed.as_mut().map(|feed| feed.lines.push(bytes)).unwrap_or_default();
        for line in lines {
            match serde_json::from_slice::<Event>(&line) {
                Ok(event) => self.observe(&event),
                Err(error) => {
                    tracing::warn!(%error, "an event of the engine could not be read: looking at everything again");
                    self.picture_at = Instant::now();
                }
            }
        }
    }

    fn observe(&mut self, event: &Event) {
        self.subject.cursor.fetch_max(event.time_nano, Ordering::Relaxed);
        let mut out_of_memory = false;
        match events::meaning(event) {
            Meaning::Noise => return,
            Meaning::Container { id, was } => {
                out_of_memory = self.remember(&id, was, events::time(event));
                self.stale.insert(id);
            }
            Meaning::ContainerGone { id } => {
                self.stale.remove(&id);
                self.starved.remove(&id);
                self.books.remove(&id);
            }
            Meaning::Swarm => self.swarm_stale = true,
            Meaning::Images => self.images_stale = true,
            Meaning::Other => {}
        }
        self.look_at.get_or_insert_with(|| Instant::now() + COALESCED);
        self.tell(event, out_of_memory);
    }

    /// Whether it ended for want of memory.
    fn remember(&mut self, id: &str, was: Was, at: Timestamp) -> bool {
        let past = self.books.past(id);
        match was {
            Was::Started => {
                past.asked_to_stop = false;
                self.starved.remove(id);
            }
            Was::Signalled => past.asked_to_stop = true,
            Was::OutOfMemory => {
                // The kernel's word may come after the end that it explains.
                match past.ends.back_mut().filter(|end| at.duration_since(end.at).abs() < SignedDuration::from_secs(2))
                {
                    Some(end) => end.out_of_memory = true,
                    None => drop(self.starved.insert(id.to_owned())),
                }
            }
            Was::Ended { code } => {
                let out_of_memory = self.starved.remove(id);
                // An end that was asked for is not a crash.
                if !past.asked_to_stop || out_of_memory {
                    past.ended(End { at, code, out_of_memory });
                }
                return out_of_memory;
            }
            Was::Else => {}
        }
        false
    }

    fn tell(&mut self, event: &Event, out_of_memory: bool) {
        let known = self.books.container(&event.actor.id);
        let limit = known.and_then(|container| container.limits.memory);
        let Some(words) = events::words(event, out_of_memory, limit) else { return };
        let cluster = &self.subject.cluster;
        let subject = events::subject(event);
        let is_container = event.kind == "container";
        // An event carries the container's labels, so that its service is known also when the container is gone.
        let place = event.actor.attributes.as_ref().filter(|_| is_container).map(|labels| Place::of(labels, &subject));
        self.out.push_back(Change::Happened(Happening {
            at: events::time(event),
            service: place.map(|place| ServiceId::new(cluster, &place.scope, place.service)),
            instance: is_container.then(|| InstanceId::new(cluster, clean(&event.actor.id))),
            subject: subject.into(),
            text: words.text.into(),
            is_bad: words.is_bad,
        }));
    }

    /// Looks again at what something happened to, and nothing else.
    async fn look(&mut self) -> Result<(), Fault> {
        self.look_at = None;
        if std::mem::take(&mut self.swarm_stale) {
            self.books.swarm = swarm::list(&self.subject.api).await?;
        }
        let stale = std::mem::take(&mut self.stale);
        self.inspect(stale.into_iter().map(|id| (id, None)).collect()).await?;
        if std::mem::take(&mut self.images_stale) {
            self.books.put_images(&self.subject.api.get::<Vec<ImageSummary>>("/images/json").await?);
        }
        let now = self.now();
        self.out.extend(self.books.changes(now));
        Ok(())
    }

    /// Everything. The list is cheap and says what looks different; only that is inspected.
    async fn picture(&mut self) -> Result<(), Fault> {
        let api = self.subject.api.clone();
        let (info, list, images) = tokio::join!(
            api.get::<Info>("/info"),
            api.get::<Vec<Summary>>("/containers/json?all=1"),
            api.get::<Vec<ImageSummary>>("/images/json"),
        );
        let (info, list) = (info?, list?);
        if let Some(engines) = time(info.system_time.as_deref()) {
            self.ahead = engines.duration_since(Timestamp::now());
        }
        // An engine may keep its images from us and still tell of its containers.
        match images {
            Ok(images) => self.books.put_images(&images),
            Err(error @ Fault::Way { .. }) => return Err(error),
            Err(error) => tracing::warn!(?error, "the engine does not list its images"),
        }
        self.books.swarm = if swarm::is_manager(&info) { swarm::list(&api).await? } else { Vec::new() };
        let stale: BTreeSet<String> = self.books.compare(&list).into_iter().collect();
        let chosen = list.into_iter().filter(|summary| stale.contains(&summary.id));
        self.inspect(chosen.map(|summary| (summary.id.clone(), Some(summary))).collect()).await?;
        self.books.put_facts(facts(&info, &self.subject));
        let now = self.now();
        self.out.push_back(Change::Picture(self.books.picture(now)));
        self.picture_at = Instant::now() + SAFETY_NET;
        Ok(())
    }

    async fn inspect(&mut self, ids: Vec<(String, Option<Summary>)>) -> Result<(), Fault> {
        let api = self.subject.api.clone();
        let mut answers = stream::iter(ids)
            .map(|(id, summary)| {
                let api = api.clone();
                async move { (inspect(&api, &id).await, id, summary) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((answer, id, summary)) = answers.next().await {
            match answer {
                Ok(container) => {
                    self.images_stale |= !self.books.knows_image(&container.image_id);
                    self.books.put(container, summary);
                }
                Err(fault @ Fault::Way { .. }) => return Err(fault),
                Err(Fault::Refused { status: 404, .. }) => self.books.remove(&id),
                // One container that the engine cannot describe must not hide the others; what was known of it stays.
                Err(fault) => tracing::warn!(%id, ?fault, "a container could not be inspected"),
            }
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    fn judge_at(&self) -> Option<Instant> {
        let wait = self.books.again_at?.duration_since(self.now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }
}

pub async fn inspect(api: &Api, id: &str) -> Result<Container, Fault> {
    let id = Id::new(id)?;
    api.get::<Inspect>(&format!("/containers/{id}/json")).await.map(Container::new)
}

fn facts(info: &Info, subject: &Subject) -> HostFacts {
    let options = info.security_options.as_deref().unwrap_or_default();
    let mut remarks: Vec<Arc<str>> = Vec::new();
    if swarm::is_manager(info) {
        remarks.push("a swarm manager".into());
    }
    if options.iter().any(|option| option.contains("rootless")) {
        remarks.push("rootless".into());
    }
    if info.live_restore_enabled == Some(true) {
        remarks.push("containers outlive the engine (live-restore)".into());
    }
    HostFacts {
        engine_version: clean(info.server_version.as_deref().unwrap_or(&subject.engine_version)).into(),
        api_version: subject.api.version().into(),
        system: clean(info.operating_system.as_deref().unwrap_or("unknown")).into(),
        cpus: info.cpus.unwrap_or(0),
        memory: info.mem_total.unwrap_or(0),
        remarks,
        hidden: Vec::new(),
    }
}

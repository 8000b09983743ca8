//! Follows one cluster: first what the workloads say of themselves, which tells what is broken; then why, from the pods of those; then
//! all pods, as they come; and from then on what changes. Every kind is a feed of its own; what they tell comes together in the books.

mod places;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered},
};
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    Site,
    api::encoded,
    books::Books,
    events,
    facts::Facts,
    fault::Fault,
    feed::{Feed, Patience, Source, Told},
    row::{Key, Kind, Row},
    sight::{Places, Sight},
};
use crate::{
    backend::Loss,
    domain::{Change, inventory::Happening},
};

/// Of these the first picture is made.
const FIRST: [Kind; 8] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Rollout,
    Kind::CronJob,
    Kind::Job,
    Kind::Service,
    Kind::Node,
];
/// What can wait until all pods are known, though events may say better why something is broken.
const LAST: [Kind; 3] = [Kind::Event, Kind::Scaler, Kind::Guard];
/// What is slower than the first of them by more than this is not waited for.
const PICTURE_AFTER: Duration = Duration::from_millis(300);
/// Broken workloads whose pods are asked for before all others, so many at once, and for so long.
const SUSPECTS: usize = 24;
const AT_ONCE: usize = 4;
const PODS_OF_A_SUSPECT: u32 = 10;
const SUSPECTS_WITHIN: Duration = Duration::from_millis(200);
/// What is told of the pods beyond themselves is waited for so long.
const DETAILS_WITHIN: Duration = Duration::from_millis(500);
/// What changes within this is told at once.
const COALESCED: Duration = Duration::from_millis(50);
/// A line with a longer round trip than this (or, before it is open, three) gets its lists compressed.
const QUICK: Duration = Duration::from_millis(30);
/// What feeds have told and nobody has taken in yet.
const NEWS: usize = 64;

pub fn watch(site: Site) -> BoxStream<'static, Result<Change, Loss>> {
    Watch::new(site).changes()
}

enum Stage {
    /// Nothing was asked yet.
    Begun,
    /// Workloads are coming. `until`: known as soon as one kind of them has come.
    Workloads {
        until: Option<Instant>,
    },
    /// The pods of broken workloads are coming.
    Suspects {
        until: Instant,
        left: usize,
    },
    /// All pods are coming.
    Pods,
    /// What else there is to tell of them is coming.
    Details {
        until: Instant,
    },
    Live,
}

struct Watch {
    site: Site,
    patience: Patience,
    books: Books,
    facts: Facts,
    sight: Sight,
    stage: Stage,
    /// Ends with this.
    tasks: JoinSet<Result<(), Fault>>,
    feeds: BTreeMap<Source, AbortHandle>,
    tell: mpsc::Sender<(Source, Told)>,
    news: mpsc::Receiver<(Source, Told)>,
    /// What was listed until now, of lists that are under way.
    listed: BTreeMap<Source, HashSet<Key>>,
    /// Of the list of events: to be told in their order.
    happenings: Vec<Happening>,
    suspects: BoxStream<'static, Vec<Row>>,
    surveys: FuturesUnordered<BoxFuture<'static, Places>>,
    /// Changes that were not taken yet.
    out: VecDeque<Change>,
    /// When what changed is told.
    due: Option<Instant>,
    hidden: Vec<Arc<str>>,
    ended: bool,
}

impl Watch {
    fn new(site: Site) -> Self {
        let (tell, news) = mpsc::channel(NEWS);
        Self {
            patience: Patience::default(),
            books: Books::new(site.api.cluster().clone(), site.directory.clone()),
            facts: Facts::new(site.served.version()),
            site,
            sight: Sight::default(),
            stage: Stage::Begun,
            tasks: JoinSet::new(),
            feeds: BTreeMap::new(),
            tell,
            news,
            listed: BTreeMap::new(),
            happenings: Vec::new(),
            suspects: stream::empty().boxed(),
            surveys: FuturesUnordered::new(),
            out: VecDeque::new(),
            due: None,
            hidden: Vec::new(),
            ended: false,
        }
    }

    fn changes(self) -> BoxStream<'static, Result<Change, Loss>> {
        let next = |mut watch: Self| async move {
            let item = watch.next().await?;
            Some((item, watch))
        };
        stream::unfold(self, next).fuse().boxed()
    }

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
                self.tasks.abort_all();
                return Some(Err(fault.loss(self.site.api.endpoint())));
            }
        }
    }

    /// Waits for the next thing to be told, takes it in, and goes on from there.
    async fn advance(&mut self) -> Result<(), Fault> {
        let far = Instant::now() + Duration::from_secs(3600);
        let due = [self.due, self.stage_until(), self.judge_at()].into_iter().flatten().fold(far, Instant::min);
        if !matches!(self.stage, Stage::Begun) {
            tokio::select! {
                Some((source, told)) = self.news.recv() => self.take_in(&source, told),
                Some(rows) = self.suspects.next() => self.take_in_suspects(rows),
                Some(places) = self.surveys.next() => self.spread(places),
                Some(ended) = self.tasks.join_next() => ended_well(ended)?,
                () = sleep_until(due) => {}
            }
        }
        self.go_on();
        let is_due = self.due.is_some_and(|due| due <= Instant::now());
        let is_to_be_judged = self.judge_at().is_some_and(|at| at <= Instant::now());
        if is_due || is_to_be_judged {
            self.tell_changes();
        }
        Ok(())
    }

    fn stage_until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Workloads { until } => until,
            Stage::Suspects { until, .. } | Stage::Details { until } => Some(until),
            Stage::Begun | Stage::Pods | Stage::Live => None,
        }
    }

    /// When time alone changes how something is.
    fn judge_at(&self) -> Option<Instant> {
        if !matches!(self.stage, Stage::Live) {
            return None;
        }
        let wait = self.books.judge_at()?.duration_since(Timestamp::now());
        Some(Instant::now() + Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    /// To the next stage, when this one has what it waits for.
    fn go_on(&mut self) {
        let now = Instant::now();
        match self.stage {
            Stage::Begun => {
                FIRST.iter().for_each(|kind| self.follow(*kind, None));
                self.stage = Stage::Workloads { until: None };
            }
            Stage::Workloads { until } => {
                let settled = FIRST.iter().filter(|kind| self.sight.is_settled(**kind)).count();
                let served = FIRST.iter().filter(|kind| self.site.served.has(**kind)).count();
                let some = settled + served > FIRST.len();
                if settled == FIRST.len() || until.is_some_and(|until| until <= now) {
                    self.arrive();
                } else if until.is_none() && some {
                    self.stage = Stage::Workloads { until: Some(now + PICTURE_AFTER) };
                }
            }
            Stage::Suspects { until, left } if left == 0 || until <= now => {
                self.follow(Kind::Pod, None);
                self.stage = Stage::Pods;
            }
            Stage::Pods if self.sight.is_settled(Kind::Pod) => {
                self.books.pods_are_known();
                self.tell_changes();
                LAST.iter().for_each(|kind| self.follow(*kind, None));
                self.stage = Stage::Details { until: now + DETAILS_WITHIN };
            }
            Stage::Details { until } if until <= now || LAST.iter().all(|kind| self.sight.is_settled(*kind)) => {
                self.tell_changes();
                self.out.push_back(Change::Arrived);
                self.stage = Stage::Live;
            }
            Stage::Suspects { .. } | Stage::Pods | Stage::Details { .. } | Stage::Live => {}
        }
    }

    /// Tells what the workloads say of themselves, and asks for the pods of those that are not well.
    fn arrive(&mut self) {
        let mut picture = self.books.picture(Timestamp::now());
        picture.nodes.iter().for_each(|node| self.facts.put(node));
        self.hidden = self.sight.hidden();
        picture.facts = self.facts.tell(self.hidden.clone());
        self.out.push_back(Change::Arriving(picture));
        self.due = None;
        let mut glances = Vec::new();
        for broken in self.books.broken_workloads().into_iter().take(SUSPECTS) {
            if let Some(feed) = self.feed(Source { kind: Kind::Pod, namespace: Some(broken.namespace) }) {
                glances.push((feed, format!("labelSelector={}", encoded(&broken.selector))));
            }
        }
        self.stage = Stage::Suspects { until: Instant::now() + SUSPECTS_WITHIN, left: glances.len() };
        let glance = |(feed, query): (Feed, String)| async move {
            // What it does not tell comes with all the others.
            feed.glance(&query, PODS_OF_A_SUSPECT).await.unwrap_or_default()
        };
        self.suspects = stream::iter(glances).map(glance).buffer_unordered(AT_ONCE).fuse().boxed();
    }

    fn take_in_suspects(&mut self, rows: Vec<Row>) {
        if let Stage::Suspects { left, .. } = &mut self.stage {
            *left -= 1;
        }
        rows.into_iter().for_each(|row| self.books.put(row));
        self.tell_changes();
    }

    fn feed(&self, source: Source) -> Option<Feed> {
        let path = self.site.served.path(source.kind, source.namespace.as_deref())?;
        let compressed = self.site.served.round_trip() > QUICK;
        Some(Feed { api: self.site.api.clone(), source, path: path.into(), compressed, patience: self.patience })
    }

    /// What is not served is not followed.
    fn follow(&mut self, kind: Kind, namespace: Option<Arc<str>>) {
        let source = Source { kind, namespace };
        if self.feeds.contains_key(&source) {
            return;
        }
        let Some(feed) = self.feed(source.clone()) else { return };
        self.sight.expect(source.clone());
        let task = self.tasks.spawn(feed.run(self.tell.clone()));
        self.feeds.insert(source, task);
    }

    fn take_in(&mut self, source: &Source, told: Told) {
        match told {
            Told::Listing => drop(self.listed.insert(source.clone(), HashSet::new())),
            Told::Page(rows) => {
                if let Some(listed) = self.listed.get_mut(source) {
                    listed.extend(rows.iter().map(key));
                }
                rows.into_iter().for_each(|row| self.put(row, true));
                if let Stage::Pods = self.stage {
                    self.tell_changes();
                }
            }
            Told::Listed => {
                let listed = self.listed.remove(source).unwrap_or_default();
                self.books.retain(source.kind, source.namespace.as_deref(), &listed);
                self.see(source);
                self.happenings.sort_by_key(|happening| happening.at);
                self.out.extend(self.happenings.drain(..).map(Change::Happened));
            }
            Told::Put(row) => self.put(row, false),
            Told::Gone(key) => self.books.remove(source.kind, &key),
            Told::Denied(fault) => self.miss(source, &fault),
            Told::Failing(fault) => self.despair(source, &fault),
        }
        self.due.get_or_insert_with(|| Instant::now() + COALESCED);
    }

    fn put(&mut self, row: Row, is_listed: bool) {
        if let Row::Event(event) = &row
            && self.site.happened.is_new(event, Timestamp::now())
        {
            let service = self.books.service_of(&event.about);
            let happening = events::happening(self.site.api.cluster(), event, service);
            if is_listed {
                self.happenings.push(happening);
            } else {
                self.out.push_back(Change::Happened(happening));
            }
        }
        self.books.put(row);
    }

    fn tell_changes(&mut self) {
        self.due = None;
        if let Stage::Begun | Stage::Workloads { .. } = self.stage {
            return;
        }
        let mut facts_changed = false;
        let mut instances = Vec::new();
        for change in self.books.changes(Timestamp::now()) {
            facts_changed |= self.facts.observe(&change);
            match change {
                Change::Instance(instance) => instances.push(*instance),
                other => self.out.push_back(other),
            }
        }
        if !instances.is_empty() {
            self.out.push_back(Change::Instances(instances));
        }
        let hidden = self.sight.hidden();
        if facts_changed || hidden != self.hidden {
            self.hidden.clone_from(&hidden);
            self.out.push_back(Change::Facts(self.facts.tell(hidden)));
        }
    }
}

/// A feed ends when nobody listens to it, or with what ends the whole connection.
fn ended_well(ended: Result<Result<(), Fault>, tokio::task::JoinError>) -> Result<(), Fault> {
    match ended {
        Ok(ended) => ended,
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => Err(Fault::Garbled(error.to_string().into())),
    }
}

fn key(row: &Row) -> Key {
    match row {
        Row::Namespace(row) => Key { namespace: Arc::default(), name: row.name.clone() },
        Row::Node(row) => row.key.clone(),
        Row::Workload(row) => row.meta.key.clone(),
        Row::Pod(row) => Key { namespace: row.namespace.clone(), name: row.name.clone() },
        Row::Service(row) => row.key.clone(),
        Row::Scaler(row) => row.key.clone(),
        Row::Guard(row) => row.key.clone(),
        Row::Event(row) => row.key.clone(),
    }
}

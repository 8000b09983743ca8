//! Watches a backend into an inventory, and waits for what a case expects to see there.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use midwatch::{
    backend::{Backend, FollowError, LogPiece, Loss},
    domain::{
        Change, Cluster, ClusterName, Engine, Happening, Health, Instance, InstanceId, Inventory, Link, Service,
        ServiceId,
    },
};

/// A shared machine is slow at times; a case that fails waits this long once.
pub const PATIENCE: Duration = Duration::from_secs(240);

pub struct Observer {
    cluster: ClusterName,
    changes: BoxStream<'static, Result<Change, Loss>>,
    pub inventory: Inventory,
    pub happenings: Vec<Happening>,
}

impl Observer {
    pub fn new(cluster: ClusterName, backend: &Arc<dyn Backend>) -> Self {
        let mut inventory = Inventory::default();
        inventory.put_cluster(Cluster {
            name: cluster.clone(),
            engine: Engine::Docker,
            endpoint: "".into(),
            link: Link::Live { since: Timestamp::UNIX_EPOCH },
            facts: None,
            capabilities: backend.capabilities(),
            protected: false,
            read_only: false,
            at_start: true,
            latency: None,
        });
        Self { cluster, changes: backend.watch(), inventory, happenings: Vec::new() }
    }

    /// Of Kubernetes.
    pub fn of_cluster(cluster: ClusterName, backend: &Arc<dyn Backend>) -> Self {
        let mut observer = Self::new(cluster, backend);
        let known = observer.inventory.cluster(&observer.cluster).expect("it was put there").clone();
        observer.inventory.put_cluster(Cluster { engine: Engine::Kubernetes, ..known });
        observer
    }

    pub async fn next(&mut self) -> Change {
        let change = tokio::time::timeout(PATIENCE, self.changes.next()).await.expect("a change in time");
        let change = change.expect("the watch goes on").expect("the engine is there");
        if let Change::Happened(happening) = &change {
            self.happenings.push(happening.clone());
        }
        self.inventory.apply(&self.cluster, change.clone(), Timestamp::now());
        change
    }

    pub async fn until<T>(&mut self, expected: &str, mut seen: impl FnMut(&Self) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(seen) = seen(self) {
                    return seen;
                }
                self.next().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| {
            let services: Vec<_> =
                self.inventory.services().map(|service| format!("{} {:?}", service.id, service.health)).collect();
            panic!("expected {expected}; got\n{}\n{:#?}", services.join("\n"), self.happenings)
        })
    }

    pub async fn service(&mut self, id: &ServiceId, expected: &str, is: impl Fn(&Service) -> bool) -> Service {
        self.until(expected, |now| now.inventory.service(id).filter(|service| is(service)).cloned()).await
    }

    pub async fn failing(&mut self, id: &ServiceId, words: &str) -> Service {
        let is = |service: &Service| matches!(&service.health, Health::Failing(reason) if reason.text.contains(words));
        self.service(id, &format!("{id} failing with '{words}'"), is).await
    }

    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.inventory.instance(id)
    }
}

/// The pieces of a log put together, until `enough`, or to the end.
pub async fn read_log(
    log: &mut BoxStream<'static, Result<LogPiece, FollowError>>,
    mut enough: impl FnMut(&Log) -> bool,
) -> Log {
    let mut read = Log::default();
    let reading = async {
        while !enough(&read) {
            match log.next().await {
                Some(Ok(piece)) => read.add(&piece),
                None | Some(Err(FollowError::Over)) => {
                    read.ended = true;
                    break;
                }
                Some(Err(error)) => panic!("the log broke: {error:?}"),
            }
        }
    };
    if tokio::time::timeout(PATIENCE, reading).await.is_err() {
        panic!("the log did not come; got {:?}", String::from_utf8_lossy(&read.stdout));
    }
    read
}

#[derive(Debug, Default)]
pub struct Log {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub ended: bool,
}

impl Log {
    fn add(&mut self, piece: &LogPiece) {
        match piece.output {
            midwatch::domain::Output::Stdout => self.stdout.extend_from_slice(&piece.bytes),
            midwatch::domain::Output::Stderr => self.stderr.extend_from_slice(&piece.bytes),
        }
    }

    pub fn has(&self, text: &str) -> bool {
        memchr::memmem::find(&self.stdout, text.as_bytes()).is_some()
            || memchr::memmem::find(&self.stderr, text.as_bytes()).is_some()
    }
}

/// (time, text) of each line; a line without its one time fails the case.
pub fn lines(bytes: &[u8]) -> Vec<(Timestamp, String)> {
    let text = String::from_utf8_lossy(bytes);
    let one = |line: &str| {
        let (time, text) = line.split_once(' ').unwrap_or_else(|| panic!("a line without a time: {line:?}"));
        let time = time.parse().unwrap_or_else(|_| panic!("a line without a time: {line:?}"));
        (time, text.trim_end_matches('\r').to_owned())
    };
    text.split_terminator('\n').map(one).collect()
}

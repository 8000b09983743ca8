//! Everything that the screens look at and do not own. Changed only by `App::observe` and `App::carry`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    domain::{ClusterName, Happening, InstanceId, Inventory, Operation, OperationId, ServiceId, Trouble},
    message::{Answer, Notice, Question, Subscriptions, TailState},
    store::{log, series},
};

/// How many engine events and notices are remembered.
const REMEMBERED: usize = 2000;

pub struct World {
    pub now: Timestamp,
    pub inventory: Inventory,
    pub log: log::Store,
    /// The tails that are wanted now, and how each is doing.
    pub tails: BTreeMap<InstanceId, TailState>,
    pub series: series::Store,
    /// Newest last.
    pub happenings: VecDeque<(ClusterName, Happening)>,
    pub answers: BTreeMap<Question, Result<Answer, Trouble>>,
    pub operations: BTreeMap<OperationId, Operation>,
    /// Newest last.
    pub notices: VecDeque<Notice>,
    pub settings: Settings,
}

/// What the config and the command line said, as far as the app decides by it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub read_only: bool,
    /// A plan asks for a reason before it can be confirmed.
    pub ask_reason: bool,
    /// Looked at and nothing else, when not empty.
    pub clusters: Vec<ClusterName>,
    pub scopes: Vec<Arc<str>>,
    /// bytes that the log store may hold
    pub log_memory: usize,
    /// lines read from before a tail began
    pub tail_lines: u32,
    /// user@host, written to the journal
    pub who: Arc<str>,
    /// Where saved files go.
    pub save_into: std::path::PathBuf,
    /// What was looked for and not found: shown when there is no cluster at all.
    pub tried: Vec<(Arc<str>, Arc<str>)>,
    /// Said once, in the title line.
    pub is_demo: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_only: false,
            ask_reason: false,
            clusters: Vec::new(),
            scopes: Vec::new(),
            log_memory: 48 << 20,
            tail_lines: 1000,
            who: "somebody".into(),
            save_into: std::path::PathBuf::from("."),
            tried: Vec::new(),
            is_demo: false,
        }
    }
}

impl World {
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        Self {
            now,
            inventory: Inventory::default(),
            log: log::Store::new(settings.log_memory),
            tails: BTreeMap::new(),
            series: series::Store::default(),
            happenings: VecDeque::new(),
            answers: BTreeMap::new(),
            operations: BTreeMap::new(),
            notices: VecDeque::new(),
            settings,
        }
    }

    pub fn notice(&mut self, notice: Notice) {
        if self.notices.len() == REMEMBERED {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    pub fn happened(&mut self, cluster: ClusterName, happening: Happening) {
        if self.happenings.len() == REMEMBERED {
            self.happenings.pop_front();
        }
        self.happenings.push_back((cluster, happening));
    }

    /// Forgets the tails, and their lines, that are not wanted any more.
    pub fn keep_tails(&mut self, wanted: &Subscriptions) {
        self.tails.retain(|instance, _| wanted.logs.contains_key(instance));
        self.log.keep_only(|instance| wanted.logs.contains_key(instance));
    }

    /// The operation that is changing a service now, or was interrupted while it did.
    pub fn operation_on(&self, service: &ServiceId) -> Option<&Operation> {
        self.operations.values().rev().find(|operation| operation.service == *service && !operation.is_over())
    }
}

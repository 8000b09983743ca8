//! What a service is called: by its workload's name; where several kinds share one, the first kind keeps it and the others add theirs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{backend::kubernetes::row::Key, domain::ServiceKind};

/// A workload, by what it is: what holds a service together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Home {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub kind: ServiceKind,
}

impl Home {
    /// Where its object is.
    pub fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

#[derive(Default)]
pub struct Names {
    /// The kinds that share a name in a namespace.
    kinds: BTreeMap<Key, BTreeSet<(u8, ServiceKind)>>,
}

impl Names {
    /// Whether anybody else has to change its name by this.
    pub fn add(&mut self, home: &Home) -> bool {
        let kinds = self.kinds.entry(home.key()).or_default();
        kinds.insert((rank(home.kind), home.kind));
        kinds.len() > 1
    }

    /// Whether anybody else has to change its name by this.
    pub fn remove(&mut self, home: &Home) -> bool {
        let place = home.key();
        let Some(kinds) = self.kinds.get_mut(&place) else { return false };
        kinds.remove(&(rank(home.kind), home.kind));
        let is_shared = !kinds.is_empty();
        if !is_shared {
            self.kinds.remove(&place);
        }
        is_shared
    }

    pub fn name(&self, home: &Home) -> Arc<str> {
        let kinds = self.kinds.get(&home.key());
        match kinds.and_then(BTreeSet::first) {
            Some((_, first)) if *first != home.kind => format!("{}.{}", home.name, suffix(home.kind)).into(),
            Some(_) | None => home.name.clone(),
        }
    }

    /// Those that share its name.
    pub fn namesakes(&self, home: &Home) -> Vec<Home> {
        let kinds = self.kinds.get(&home.key()).into_iter().flatten();
        kinds.map(|(_, kind)| Home { kind: *kind, ..home.clone() }).collect()
    }
}

fn rank(kind: ServiceKind) -> u8 {
    match kind {
        ServiceKind::Deployment => 0,
        ServiceKind::Rollout => 1,
        ServiceKind::StatefulSet => 2,
        ServiceKind::DaemonSet => 3,
        ServiceKind::CronJob => 4,
        ServiceKind::Job => 5,
        ServiceKind::Controlled => 6,
        ServiceKind::Pod | ServiceKind::Container | ServiceKind::ComposeService | ServiceKind::SwarmService => 7,
    }
}

fn suffix(kind: ServiceKind) -> String {
    match kind {
        ServiceKind::Controlled => "controlled".into(),
        kind => kind.to_string(),
    }
}

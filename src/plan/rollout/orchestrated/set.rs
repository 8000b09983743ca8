//! A second deployment beside the one that is rolled out, and who sends to which of both.

use std::{collections::BTreeMap, sync::Arc};

use super::Update;
use crate::{
    domain::{Route, ServiceId},
    plan::{Edits, Planned, Refusal, Stamp, Step, TRACK, Traffic},
};

type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// By which the pods of one template are told from those of another.
const HASH: &str = "pod-template-hash";

pub(super) struct Set<'a> {
    update: &'a Update<'a>,
    pub id: ServiceId,
    /// A Service in front of it alone.
    front: Option<Arc<str>>,
}

impl<'a> Set<'a> {
    pub fn new(update: &'a Update<'a>, suffix: &str, has_front: bool) -> Result<Self, Refusal> {
        let main = update.id();
        let name: Arc<str> = format!("{}-{suffix}", workload(&main.name)).into();
        let id = ServiceId::new(&main.cluster, &main.scope, name.clone());
        if update.situation.inventory.service(&id).is_some() {
            let what = format!("{}/{name} is there already: it may be what another rollout left", id.scope);
            return Err(Refusal::new(what).help(format!(
                "resume or undo that operation, or remove it: kubectl -n {} delete deployment {name}",
                id.scope
            )));
        }
        Ok(Self { update, id, front: has_front.then_some(name) })
    }

    pub fn make(&self, replicas: u32) -> Planned {
        let step = Step::MakeSet {
            set: self.id.clone(),
            like: self.update.id().clone(),
            edits: Edits::clone(self.update.edits),
            replicas,
            front: self.front.clone(),
            stamp: Stamp::default(),
            object: Some(self.update.object.whatever()),
        };
        Planned::new(step).undone_by(vec![self.discard_step()])
    }

    pub fn scale(&self, to: u32, from: u32) -> Planned {
        let scale = |to| Step::Scale { service: self.id.clone(), to, object: None };
        Planned::new(scale(to)).undone_by(vec![scale(from)])
    }

    /// On the way back: no pod of it is left that could get a request, then everybody else may have them again.
    pub fn let_go(&self, within: u32, selectors: &Selectors<'_>) -> Vec<Step> {
        let none = Step::Scale { service: self.id.clone(), to: 0, object: None };
        let gone = Step::AwaitRollout { service: self.id.clone(), within, wants: None };
        [none, gone].into_iter().chain(selectors.to_all()).collect()
    }

    pub fn discard(&self) -> Planned {
        Planned::tidying(self.discard_step())
    }

    fn discard_step(&self) -> Step {
        Step::DiscardSet { set: self.id.clone() }
    }
}

/// What sends to the service and can be told which pods are meant.
pub(super) struct Selectors<'a> {
    service: &'a ServiceId,
    routes: Vec<(&'a Route, &'a Labels)>,
    /// Of the pods that run now.
    hash: Option<Arc<str>>,
}

impl<'a> Selectors<'a> {
    pub fn of(update: &Update<'a>) -> Self {
        let selector = |route: &'a Route| match route {
            Route::Selector { selector, .. } => Some((route, selector)),
            Route::Upstream { .. } | Route::Lookup { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => None,
        };
        let routes = update.means.routes.iter().filter_map(selector).collect();
        // A ReplicaSet is called after its deployment and the hash of its template.
        let current = super::current(update.means);
        let hash = current.and_then(|release| release.id.rsplit_once('-').map(|(_, hash)| hash.into()));
        Self { service: update.id(), routes, hash }
    }

    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    pub fn title(&self) -> String {
        self.routes.iter().map(|(route, _)| route.title()).collect::<Vec<_>>().join(" and ")
    }

    pub fn hash(&self) -> Option<&Arc<str>> {
        self.hash.as_ref()
    }

    /// To the pods that run now alone.
    pub fn to_now(&self) -> Vec<Step> {
        let Some(hash) = &self.hash else { return Vec::new() };
        self.shift(|selector| with(selector, HASH, hash))
    }

    /// To those of `set` alone.
    pub fn to_set(&self, set: &ServiceId) -> Vec<Step> {
        self.shift(|selector| with(selector, TRACK, &set.name))
    }

    /// As they were.
    pub fn to_all(&self) -> Vec<Step> {
        self.shift(Labels::clone)
    }

    fn shift(&self, labels: impl Fn(&Labels) -> Labels) -> Vec<Step> {
        let step = |(route, selector): &(&Route, &Labels)| Step::Shift {
            service: self.service.clone(),
            route: (*route).clone(),
            to: Traffic::Labels(labels(selector)),
        };
        self.routes.iter().map(step).collect()
    }
}

fn with(selector: &Labels, key: &str, value: &Arc<str>) -> Labels {
    let mut labels = selector.clone();
    labels.insert(key.into(), value.clone());
    labels
}

/// Each step with what takes it back.
pub(super) fn each(steps: Vec<Step>, back: &[Step]) -> Vec<Planned> {
    let planned =
        |(place, step): (usize, Step)| Planned::new(step).undone_by(back.get(place).cloned().into_iter().collect());
    steps.into_iter().enumerate().map(planned).collect()
}

/// Of two workloads of one name, the second is called by its kind too.
fn workload(name: &str) -> &str {
    name.strip_suffix(".deployment").unwrap_or(name)
}

//! With what a service can be rolled out and back: asked of its engine when somebody thinks of it, since it costs more than a look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{InstanceId, Lease, Release};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Means {
    /// The containers that a release sets an image for, in the order in which the service names them. One with an empty name where an
    /// instance is one thing.
    pub containers: Vec<Running>,
    /// Newest first. What can be gone back to has an id.
    pub releases: Vec<Release>,
    /// What the next release is called where nobody but us counts them (Docker).
    pub next: u64,
    /// The object that a change is bound to; `None` on Docker, where each container's id is what is meant.
    pub object: Option<Object>,
    /// How fast the service itself says that it is rolled; `None` where we roll it.
    pub pace: Option<Pace>,
    /// What sends to the service and can be told where to. Empty: whoever finds it by its name finds all that is ready.
    pub routes: Vec<Route>,
    /// What sends to it and cannot be used, and what to know of what can be: short sentences.
    pub hints: Vec<Arc<str>>,
    /// A controller of its own rolls it out in steps.
    pub controller: Option<Controller>,
    /// Why Helm's releases cannot be gone back to from here; `None` where they can.
    pub without_helm: Option<Arc<str>>,
    /// Why nothing new may be created now, as the engine was asked by a trial run ("image policy: no latest").
    pub obstacle: Option<Arc<str>>,
    /// Why there is no room for one instance more than there are, as a trial run was told ("exceeded quota: pods=10").
    pub full: Option<Arc<str>>,
    pub rules: Rules,
    /// What a plan may need and the person has no right to, as roles name it: "create deployments.apps".
    pub denied: BTreeSet<Arc<str>>,
    /// Who is at work on it, also from another machine.
    pub lease: Option<Lease>,
    /// Of each instance, where the console itself makes those that take its place (Docker).
    pub particulars: BTreeMap<InstanceId, Particulars>,
}

/// What must be known of an instance by whoever puts another one in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// The name of its place, where a plan that was cut off left it with another one: `shop-web-1` of `shop-web-1-r7`.
    pub place: Option<Arc<str>>,
    /// Where the engine would start it again although a plan has stopped it: when the engine itself starts anew.
    pub returns: Option<RestartPolicy>,
    /// What no two can have at once: "its fixed address 10.1.0.9 in shop_default".
    pub fixed: Vec<Arc<str>>,
    /// Names of instances that live in its namespaces, and lose them when it goes.
    pub lodgers: Vec<Arc<str>>,
}

/// What an engine does by itself when an instance has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// The engine's word: "no", "always", "on-failure".
    pub name: Arc<str>,
    /// 0: without end.
    #[serde(default)]
    pub tries: u32,
}

impl RestartPolicy {
    pub fn none() -> Self {
        Self { name: "no".into(), tries: 0 }
    }

    pub fn is_none(&self) -> bool {
        &*self.name == "no"
    }

    /// `on-failure:3`
    pub fn text(&self) -> String {
        if self.tries == 0 { self.name.to_string() } else { format!("{}:{}", self.name, self.tries) }
    }
}

/// By which rules of its own a service's instances are replaced, beside its pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub replaced: Replaced,
    /// Instances with a lower number keep the old release (a StatefulSet's partition).
    pub partition: u32,
    /// How many releases are kept beside the current one; `None`: as many as is usual.
    pub kept: Option<u32>,
    /// Its pace in its engine's own words, to be given back to it as it was.
    pub pace: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replaced {
    /// A few at a time.
    #[default]
    Rolling,
    /// All are ended before new ones begin (Recreate).
    AllAtOnce,
    /// Only when somebody deletes one (OnDelete).
    ByHand,
}

/// A container, and what it runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    pub name: Arc<str>,
    pub image: Arc<str>,
    /// By name; what looks like a secret is masked already.
    pub env: BTreeMap<Arc<str>, Arc<str>>,
}

/// One very object of a server, as it was: another uid is another object. Its definition is known by its template where that was told,
/// and else by its generation, which everybody who only scales it raises too. Neither: whatever it is by then, because an earlier step of
/// the same plan changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub uid: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// A number that is the same for the same template, on every machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
}

impl Object {
    /// The same one, whatever its definition is by then.
    pub fn whatever(&self) -> Self {
        Self { uid: self.uid.clone(), generation: None, template: None }
    }

    pub fn is_bound(&self) -> bool {
        self.template.is_some() || self.generation.is_some()
    }

    /// Whether its definition, as it was meant, is another one than `now`'s.
    pub fn is_unlike(&self, now: &Self) -> bool {
        match (self.template, now.template) {
            (Some(meant), Some(template)) => meant != template,
            (Some(_), None) | (None, _) => self.generation.is_some() && self.generation != now.generation,
        }
    }
}

/// How many instances may be missing or too many while a service is rolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub max_unavailable: u32,
    pub max_surge: u32,
    /// Seconds for which a new one must be ready before it counts.
    pub min_ready: u32,
}

/// Something that sends requests to the instances of a service and can be told which get them, or how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "route", rename_all = "snake_case")]
pub enum Route {
    /// An `upstream` block in the configuration of an nginx that runs in an instance of the same scope.
    Upstream {
        proxy: InstanceId,
        proxy_name: Arc<str>,
        /// Of the block.
        name: Arc<str>,
        /// In the proxy's file system.
        file: Arc<str>,
        /// What is between the braces now.
        body: Arc<str>,
        /// Of the instances, as the block names it.
        port: u16,
    },
    /// An nginx that knows the service by names of which it asks only when it starts or is told to: it is told, and no more.
    Lookup { proxy: InstanceId, proxy_name: Arc<str> },
    /// A Service of Kubernetes: it sends to all that its selector matches.
    Selector {
        name: Arc<str>,
        uid: Arc<str>,
        /// Without what plans add to it for a while.
        selector: BTreeMap<Arc<str>, Arc<str>>,
        port: u16,
        /// What a plan added, and has not taken away: it sends to one template's instances alone.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pins: BTreeMap<Arc<str>, Arc<str>>,
    },
    /// Rules of the Gateway API that send to the Service `service`, by weight.
    HttpRoute { name: Arc<str>, uid: Arc<str>, service: Arc<str> },
    /// An Ingress of ingress-nginx that sends to the Service `service`: a second one beside it takes a part of the requests.
    Ingress { name: Arc<str>, uid: Arc<str>, service: Arc<str> },
}

impl Route {
    /// "nginx upstream web in shop-proxy-1", "service web"
    pub fn title(&self) -> String {
        match self {
            Self::Upstream { proxy_name, name, .. } => format!("nginx upstream {name} in {proxy_name}"),
            Self::Lookup { proxy_name, .. } => format!("nginx in {proxy_name}"),
            Self::Selector { name, .. } => format!("service {name}"),
            Self::HttpRoute { name, .. } => format!("httproute {name}"),
            Self::Ingress { name, .. } => format!("ingress {name}"),
        }
    }
}

/// A controller that rolls out by rules of its own; the console tells it to go on or back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Controller {
    Argo(Argo),
    /// It has no way to be told: what it waits for is named.
    Flagger {
        name: Arc<str>,
        phase: Arc<str>,
        gates: Vec<Arc<str>>,
    },
}

/// An Argo Rollout's own state, as far as plans need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argo {
    /// "canary" or "blue-green"
    pub strategy: Arc<str>,
    /// "Healthy", "Progressing", "Paused", "Degraded"
    pub phase: Arc<str>,
    pub message: Arc<str>,
    /// Why it is paused ("CanaryPauseStep").
    pub paused_for: Option<Arc<str>>,
    pub paused_by_hand: bool,
    pub aborted: bool,
    /// What runs whole is not what is wanted: there is something to promote or to abort.
    pub under_way: bool,
    /// Place of the step it is at, and how many there are.
    pub step: Option<(u32, u32)>,
    /// An analysis is at work in this step, which a promotion skips.
    pub analysing: bool,
    pub inconclusive: bool,
    /// Where its template really is ("deployment/web"), if not in itself.
    pub workload: Option<Arc<str>>,
    /// The mark of the release that is wanted, by which its instances are known.
    pub wanted: Option<Arc<str>>,
    /// Releases that it goes back to at once, without its steps, by their ids, and why.
    pub fast_track: Vec<(Arc<str>, Arc<str>)>,
}

/// When a lease was last renewed is the engine's clock; how long it holds is ours.
impl Means {
    pub fn release(&self, id: &str) -> Option<&Release> {
        self.releases.iter().find(|release| &*release.id == id)
    }

    /// Somebody else's, that still holds.
    pub fn held_by_other(&self, who: &str, now: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| *lease.who != *who && lease.until > now)
    }
}

//! One thing that an engine makes so.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Data, Target, VeleroAct,
    wish::{Edits, Gate, ReleaseRef},
};
use crate::domain::{InstanceId, Object, Pace, RestartPolicy, Route, ServiceId};

/// Written to the journal before and after, so it names objects for good and holds no secrets. An instance is an engine's own or one that
/// the plan makes (`InstanceId::made`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Done when it no longer runs, also when it did not run before. `grace`: seconds between its stop signal and the kill.
    Stop { instance: InstanceId, name: Arc<str>, grace: u32 },
    /// Done when it was started or runs already; whether it is well is another step's question.
    Start { instance: InstanceId, name: Arc<str> },
    /// Done when it runs and, where it has a health check, that says healthy; where it has none, when it has run for `steady` seconds
    /// without a restart. Failed when it ended, or after `within` seconds.
    AwaitReady { instance: InstanceId, name: Arc<str>, within: u32, steady: u32 },
    /// Asks an orchestrator (Swarm, Kubernetes) to replace every instance by a like one, by the service's own update rules.
    Redeploy {
        service: ServiceId,
        /// Since when this is wanted, fixed when the plan is begun: what is done twice for one and the same wish is done once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Timestamp>,
        /// Who, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Arc<str>>,
        /// As for `Scale`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Object>,
    },
    /// Ends an instance for good, so that its orchestrator makes a like one. Done when it is gone, also when it was gone before.
    /// `grace`: seconds that it is given to end. `alone`: nothing makes it anew, and that is wanted.
    Replace {
        instance: InstanceId,
        name: Arc<str>,
        grace: u32,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alone: bool,
    },
    /// Done when the orchestrator says that the last update of the service is complete. With `wants`: failed as soon as somebody else
    /// has given it another template than that.
    AwaitRollout {
        service: ServiceId,
        within: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wants: Option<Recipe>,
    },

    // Where the console itself makes instances (Docker).
    /// Makes `instance` as `recipe` says, on the networks of `like` but without the names under which others find the service, and does
    /// not start it. Done when it is there, made by the same recipe.
    Make { instance: InstanceId, name: Arc<str>, like: InstanceId, recipe: Recipe, stamp: Stamp },
    /// Gives it the names under which others find the service, on each network of `like`. What does not run yet gets them too.
    Join { instance: InstanceId, name: Arc<str>, like: InstanceId },
    /// Says what the engine does by itself when it has ended, or when the engine starts anew. Done when it is so, and when it is gone.
    Policy { instance: InstanceId, name: Arc<str>, policy: RestartPolicy },
    /// Done when it is called so.
    Rename { instance: InstanceId, name: Arc<str>, to: Arc<str> },
    /// Removes what does not run. Done when it is gone, also when it was gone before. Its named volumes stay.
    Remove { instance: InstanceId, name: Arc<str> },
    /// Writes on the host, for everybody, that `service` runs release `release` as `like` is made, keeps its image from being pruned, and
    /// forgets all but the newest `keep`. Done when it is written, also if it was before.
    Record { service: ServiceId, release: u64, like: InstanceId, keep: u32, stamp: Stamp },

    // Where an orchestrator is told (Kubernetes).
    /// Sets images and environment in the service's template, and its pace where one is given. Refused when the object is another than
    /// `object`; done when it is so already.
    Update {
        service: ServiceId,
        object: Object,
        edits: Edits,
        pace: Option<Pace>,
        stamp: Stamp,
        /// In place of `pace`: what it was before, in its engine's own words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own_pace: Option<Arc<str>>,
    },
    /// Gives the service the template of a release that is kept. Done when it has it already, also if a rollout of another is under way.
    Return { service: ServiceId, object: Object, release: ReleaseRef, stamp: Stamp },
    /// Goes back to a release of Helm's, by its own program.
    Helm { service: ServiceId, release: Arc<str>, revision: u64, within: u32 },
    /// So many instances are wanted from now on. Refused when it is another object than `object`, where that was known.
    Scale {
        service: ServiceId,
        to: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Object>,
    },
    /// No instance is replaced while it is paused. `object` as for `Scale`.
    Pause {
        service: ServiceId,
        paused: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Object>,
    },
    /// Tells a controller of rollouts what a person decided.
    Steer {
        service: ServiceId,
        object: Object,
        word: Steer,
        /// The step at which it stands when that is decided: a promotion that was done is not done again at the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u32>,
        /// The mark of the release that it is about: it is not said of another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<Arc<str>>,
    },
    /// Makes `set`, a second service like `like` but for `edits`, with so many instances. They carry all labels of `like`'s, and one of
    /// their own: (`TRACK`, the set's name). With `front`, a Service of that name in front of these alone is made too. Done when
    /// it is there, made for the same `stamp`.
    MakeSet {
        set: ServiceId,
        like: ServiceId,
        edits: Edits,
        replicas: u32,
        front: Option<Arc<str>>,
        stamp: Stamp,
        /// What `like` must be, where that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<Object>,
    },
    /// Removes such a set and its front. Done when they are gone. Refused for what no plan made.
    DiscardSet { set: ServiceId },
    /// Says which instances get the requests, or how many. Tried before it is in force where that can be; what fails its test is put back.
    Shift { service: ServiceId, route: Route, to: Traffic },

    // A machine of a cluster.
    /// Nothing new is put on it, or something may be again.
    Cordon { node: ServiceId, cordoned: bool },
    /// Ends every instance on it that another machine could have, each as its budget allows. Done when none is left.
    Drain { node: ServiceId, within: u32 },

    /// Of a backup or a restore.
    Data(Data),
    /// Of what Velero does in a cluster. `service`: the address of what it is about.
    Velero { service: ServiceId, act: VeleroAct },

    /// Looks whether what is new does well enough to go on. Changes nothing.
    Gate { service: ServiceId, gate: Gate, new: Group, old: Group },
}

/// What is written on what a plan makes, fixed when the plan is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// What is done twice for one and the same wish is done once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
    /// Who, and why: "roll out shop/web by ann@laptop: OPS-311".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
}

/// After what a container is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// As `like` is, but for this.
    Edited(Edits),
    /// As a release was that the host keeps.
    Release(ReleaseRef),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steer {
    Promote,
    /// Past all that is left of its steps.
    PromoteFull,
    Abort,
    Retry,
}

/// Which instances a gate looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Instances(Vec<InstanceId>),
    /// Of the service's newest definition.
    Newest(ServiceId),
    /// Of any other definition of the service.
    Older(ServiceId),
    /// All of a service.
    All(ServiceId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    /// These, by weight.
    Instances(Vec<(InstanceId, u32)>),
    /// As it was before: the text of a block.
    Body(Arc<str>),
    /// To all that bear the service's names by now: it asks for them once more. `since` is why, and tells one time from another.
    LookUp {
        since: Arc<str>,
    },
    /// What a Service selects.
    Labels(BTreeMap<Arc<str>, Arc<str>>),
    /// Of a hundred requests, so many go to the Service `canary`, the others where they went before. `None`: all do.
    Part {
        canary: Arc<str>,
        percent: u8,
    },
    Whole {
        canary: Arc<str>,
    },
}

/// The label by which the instances of a set are told from those of the service that it is like. Its value is the set's name.
pub const TRACK: &str = "midwatch.track";

impl Step {
    /// It changes nothing and only looks until something is so.
    pub fn is_wait(&self) -> bool {
        match self {
            Self::AwaitReady { .. } | Self::AwaitRollout { .. } | Self::Gate { .. } => true,
            Self::Data(data) => data.is_wait(),
            Self::Velero { act, .. } => act.is_wait(),
            Self::Stop { .. }
            | Self::Start { .. }
            | Self::Redeploy { .. }
            | Self::Replace { .. }
            | Self::Make { .. }
            | Self::Join { .. }
            | Self::Policy { .. }
            | Self::Rename { .. }
            | Self::Remove { .. }
            | Self::Record { .. }
            | Self::Update { .. }
            | Self::Return { .. }
            | Self::Helm { .. }
            | Self::Scale { .. }
            | Self::Pause { .. }
            | Self::Steer { .. }
            | Self::MakeSet { .. }
            | Self::DiscardSet { .. }
            | Self::Shift { .. }
            | Self::Cordon { .. }
            | Self::Drain { .. } => false,
        }
    }

    /// It may be broken off in the middle at a person's word: nobody misses a half of it.
    pub fn may_be_broken_off(&self) -> bool {
        match self {
            Self::Data(data) => data.may_be_broken_off(),
            Self::Velero { act, .. } => act.is_wait(),
            Self::Stop { .. }
            | Self::Start { .. }
            | Self::AwaitReady { .. }
            | Self::Redeploy { .. }
            | Self::Replace { .. }
            | Self::AwaitRollout { .. }
            | Self::Make { .. }
            | Self::Join { .. }
            | Self::Policy { .. }
            | Self::Rename { .. }
            | Self::Remove { .. }
            | Self::Record { .. }
            | Self::Update { .. }
            | Self::Return { .. }
            | Self::Helm { .. }
            | Self::Scale { .. }
            | Self::Pause { .. }
            | Self::Steer { .. }
            | Self::MakeSet { .. }
            | Self::DiscardSet { .. }
            | Self::Shift { .. }
            | Self::Cordon { .. }
            | Self::Drain { .. }
            | Self::Gate { .. } => false,
        }
    }

    /// Whether both are about the same instance or the same service.
    pub fn is_about_same(&self, other: &Self) -> bool {
        self.object() == other.object()
    }

    /// The very object that it is bound to, where it is one of a server.
    pub(super) fn definition(&self) -> Option<&Object> {
        match self {
            Self::Update { object, .. } | Self::Return { object, .. } | Self::Steer { object, .. } => Some(object),
            Self::Redeploy { object, .. }
            | Self::Scale { object, .. }
            | Self::Pause { object, .. }
            | Self::MakeSet { object, .. } => object.as_ref(),
            Self::Stop { .. }
            | Self::Start { .. }
            | Self::AwaitReady { .. }
            | Self::Replace { .. }
            | Self::AwaitRollout { .. }
            | Self::Make { .. }
            | Self::Join { .. }
            | Self::Policy { .. }
            | Self::Rename { .. }
            | Self::Remove { .. }
            | Self::Record { .. }
            | Self::Helm { .. }
            | Self::DiscardSet { .. }
            | Self::Shift { .. }
            | Self::Cordon { .. }
            | Self::Drain { .. }
            | Self::Data(_)
            | Self::Velero { .. }
            | Self::Gate { .. } => None,
        }
    }

    /// The instances without which it cannot be done, with their names where it has them.
    pub(super) fn needs(&self) -> Vec<(&InstanceId, Option<&Arc<str>>)> {
        match self {
            Self::Stop { instance, name, .. }
            | Self::Start { instance, name }
            | Self::AwaitReady { instance, name, .. }
            | Self::Replace { instance, name, .. }
            | Self::Policy { instance, name, .. }
            | Self::Rename { instance, name, .. }
            | Self::Remove { instance, name } => vec![(instance, Some(name))],
            Self::Data(data) => {
                let (instance, name) = data.instance();
                data.is_in_instance().then_some((instance, Some(name))).into_iter().collect()
            }
            Self::Make { like, .. } | Self::Join { like, .. } | Self::Record { like, .. } => vec![(like, None)],
            Self::Shift {
                route: Route::Upstream { proxy, proxy_name, .. } | Route::Lookup { proxy, proxy_name },
                ..
            } => vec![(proxy, Some(proxy_name))],
            Self::Redeploy { .. }
            | Self::AwaitRollout { .. }
            | Self::Update { .. }
            | Self::Return { .. }
            | Self::Helm { .. }
            | Self::Scale { .. }
            | Self::Pause { .. }
            | Self::Steer { .. }
            | Self::MakeSet { .. }
            | Self::DiscardSet { .. }
            | Self::Shift { .. }
            | Self::Cordon { .. }
            | Self::Drain { .. }
            | Self::Velero { .. }
            | Self::Gate { .. } => Vec::new(),
        }
    }

    pub fn object(&self) -> Target {
        match self {
            Self::Stop { instance, .. }
            | Self::Start { instance, .. }
            | Self::AwaitReady { instance, .. }
            | Self::Replace { instance, .. }
            | Self::Make { instance, .. }
            | Self::Join { instance, .. }
            | Self::Policy { instance, .. }
            | Self::Rename { instance, .. }
            | Self::Remove { instance, .. } => Target::Instance(instance.clone()),
            Self::Redeploy { service, .. }
            | Self::AwaitRollout { service, .. }
            | Self::Record { service, .. }
            | Self::Update { service, .. }
            | Self::Return { service, .. }
            | Self::Helm { service, .. }
            | Self::Scale { service, .. }
            | Self::Pause { service, .. }
            | Self::Steer { service, .. }
            | Self::Shift { service, .. }
            | Self::Velero { service, .. }
            | Self::Gate { service, .. } => Target::Service(service.clone()),
            Self::Data(data) => Target::Instance(data.instance().0.whole()),
            Self::MakeSet { set, .. } | Self::DiscardSet { set } => Target::Service(set.clone()),
            Self::Cordon { node, .. } | Self::Drain { node, .. } => Target::Service(node.clone()),
        }
    }

    /// From here on it is one wish of one person.
    pub(super) fn stamp(&mut self, at: Timestamp, by: &Arc<str>) {
        match self {
            Self::Redeploy { asked, cause, .. } => (*asked, *cause) = (Some(at), Some(by.clone())),
            Self::Data(data) => data.stamp(at),
            Self::Velero { act, .. } => act.stamp(at),
            Self::Make { stamp, .. }
            | Self::Record { stamp, .. }
            | Self::Update { stamp, .. }
            | Self::Return { stamp, .. }
            | Self::MakeSet { stamp, .. } => *stamp = Stamp { asked: Some(at), cause: Some(by.clone()) },
            Self::Stop { .. }
            | Self::Start { .. }
            | Self::AwaitReady { .. }
            | Self::Replace { .. }
            | Self::AwaitRollout { .. }
            | Self::Join { .. }
            | Self::Policy { .. }
            | Self::Rename { .. }
            | Self::Remove { .. }
            | Self::Helm { .. }
            | Self::Scale { .. }
            | Self::Pause { .. }
            | Self::Steer { .. }
            | Self::DiscardSet { .. }
            | Self::Shift { .. }
            | Self::Cordon { .. }
            | Self::Drain { .. }
            | Self::Gate { .. } => {}
        }
    }
}

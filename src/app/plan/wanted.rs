//! What a person asked for, before there is a plan: some of it can be said only when the engine has told what there is.

use std::sync::Arc;

use crate::{
    domain::{Means, Release, ServiceId, release},
    plan::{Refusal, ReleaseRef, Request, Target, Verb},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub wish: Wish,
    pub target: Target,
    pub why: Option<Arc<str>>,
    /// A person read who else works on it, and wants it all the same.
    pub take_over: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Verb(Verb),
    /// To the last release that was healthy: which that is has to be asked.
    BackToHealthy,
}

impl Wanted {
    fn new(wish: Wish, target: Target) -> Self {
        Self { wish, target, why: None, take_over: false }
    }

    pub fn of(verb: Verb, target: Target) -> Self {
        Self::new(Wish::Verb(verb), target)
    }

    /// Back to `release`, or, where that makes no sense because it is what should run now, to the last one that was healthy. Which
    /// release it is, is decided here and now: the list may move.
    pub fn back_to(release: Option<&Release>, service: ServiceId) -> Result<Self, String> {
        let wish = match release.filter(|release| !release.current) {
            None => Wish::BackToHealthy,
            Some(release) if release.id.is_empty() => {
                return Err(format!("nothing is kept of {} that could be gone back to", release.title()));
            }
            Some(release) => Wish::Verb(Verb::RollBack(reference(release))),
        };
        Ok(Self::new(wish, Target::Service(service)))
    }

    pub fn word(&self) -> &'static str {
        match &self.wish {
            Wish::Verb(verb) => verb.word(),
            Wish::BackToHealthy => "roll back",
        }
    }

    /// Said to a rollout under way, whoever has the service.
    pub fn is_word(&self) -> bool {
        match &self.wish {
            Wish::Verb(verb) => verb.is_word(),
            Wish::BackToHealthy => false,
        }
    }

    pub fn needs_means(&self) -> bool {
        match &self.wish {
            Wish::Verb(verb) => verb.needs_means(),
            Wish::BackToHealthy => true,
        }
    }

    /// In full, now that it is known what there is. `keep`: releases that a host keeps, where we write them down.
    pub fn request(&self, means: Option<&Means>, keep: u32) -> Result<Request, Refusal> {
        let verb = match &self.wish {
            Wish::Verb(verb) => verb.clone(),
            Wish::BackToHealthy => Verb::RollBack(healthy(means)?),
        };
        let (why, take_over) = (self.why.clone(), self.take_over);
        Ok(Request { why, take_over, keep, ..Request::new(verb, self.target.clone()) })
    }
}

fn healthy(means: Option<&Means>) -> Result<ReleaseRef, Refusal> {
    let releases = means.map(|means| means.releases.as_slice()).unwrap_or_default();
    let help = "choose one in the releases pane, and look at what it would change";
    match release::suggested(releases).filter(|release| !release.id.is_empty()) {
        Some(release) => Ok(reference(release)),
        None if releases.iter().any(|release| !release.current && !release.id.is_empty()) => {
            Err(Refusal::new("of no release it is known that it held long enough to go back to").help(help))
        }
        None => Err(Refusal::new("there is no release to go back to: the engine keeps none but the current one")),
    }
}

fn reference(release: &Release) -> ReleaseRef {
    ReleaseRef { source: release.source, id: release.id.clone(), title: release.title().into() }
}

//! What a command that changes something asks for: of whom, and what of it. Made into a request when it is known who is meant.

use std::collections::BTreeMap;

use super::{
    arguments::{Acting, Consent, Delete, Drain, OnNode, Rollback, Rollout, Scale},
    exit::{Exit, Stop},
    find,
    releases::{find_release, listed},
    session::Session,
};
use crate::{
    domain::{Address, Means, Pace, Release, ServiceId, Trouble, release},
    plan::{Edits, ReleaseRef, RollOut, Strategy, Target, Verb, wish::Rolling},
};

pub struct Asked {
    pub of: Of,
    pub what: What,
    /// Of a drain: seconds for the whole.
    pub within: Option<u32>,
    pub consent: Consent,
}

pub enum Of {
    Service { address: Address, instance: Option<String> },
    Node(String),
}

pub enum What {
    Verb(Verb),
    /// The paces that were typed fill up what the service itself says.
    RollOut {
        wish: RollOut,
        pace: TypedPace,
    },
    /// `None`: the one that is suggested.
    RollBack(Option<String>),
}

/// Of a rolling rollout, as far as it was typed.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct TypedPace {
    max_unavailable: Option<u32>,
    max_surge: Option<u32>,
    min_ready: Option<u32>,
}

impl Asked {
    pub fn of_verb(verb: Verb, asked: Acting) -> Self {
        let of = Of::Service { address: asked.address, instance: asked.instance };
        Self { of, what: What::Verb(verb), within: None, consent: asked.consent }
    }

    pub fn of_service(verb: Verb, address: Address, consent: Consent) -> Self {
        Self { of: Of::Service { address, instance: None }, what: What::Verb(verb), within: None, consent }
    }

    pub fn node(verb: Verb, asked: OnNode) -> Self {
        Self { of: Of::Node(asked.node), what: What::Verb(verb), within: None, consent: asked.consent }
    }

    pub fn drain(asked: Drain) -> Self {
        Self { within: asked.within, ..Self::node(Verb::Drain, asked.on) }
    }

    pub fn scale(asked: Scale) -> Self {
        Self::of_service(Verb::Scale(asked.to), asked.address, asked.consent)
    }

    pub fn delete(asked: Delete) -> Self {
        let of = Of::Service { address: asked.address, instance: Some(asked.instance) };
        Self { of, what: What::Verb(Verb::Delete), within: None, consent: asked.consent }
    }

    pub fn rollback(asked: Rollback) -> Self {
        let of = Of::Service { address: asked.address, instance: None };
        Self { of, what: What::RollBack(asked.release), within: None, consent: asked.consent }
    }

    /// An error is one of what was typed: options that have no meaning together.
    pub fn rollout(asked: Rollout) -> Result<Self, Stop> {
        let (strategy, pace) = strategy(&asked)?;
        let Rollout { address, images, env, gates, on_failure, consent, .. } = asked;
        if images.is_empty() && env.is_empty() {
            let trouble = Trouble::new("nothing to roll out", "neither an image nor a variable was given");
            return Err(Stop::Because(
                Exit::Usage,
                trouble.help("midwatch rollout ADDRESS IMAGE, or --env NAME=VALUE"),
            ));
        }
        let mut edits = Edits::default();
        for (container, image) in images {
            if let Some(twice) = edits.images.insert(container, image) {
                return Err(Stop::usage("two images for one container", format!("{twice}, and another")));
            }
        }
        for edit in env {
            let container: &mut BTreeMap<_, _> = edits.env.entry(edit.container).or_default();
            container.insert(edit.name, edit.value);
        }
        let wish = RollOut { edits, strategy, gates, on_failure };
        let of = Of::Service { address, instance: None };
        Ok(Self { of, what: What::RollOut { wish, pace }, within: None, consent })
    }

    /// Waits for what has to be known of whoever is meant.
    pub async fn resolved(&self, session: &mut Session) -> Result<(Verb, Target), Stop> {
        let (address, instance) = match &self.of {
            Of::Service { address, instance } => (address, instance),
            Of::Node(name) => {
                let node = find::node(session, name)?;
                session.rights(&node).await;
                let What::Verb(verb) = &self.what else { unreachable!("no release is a machine's") };
                return Ok((verb.clone(), Target::Service(node)));
            }
        };
        let service = find::service_to_change(session, address)?;
        session.rights(&service).await;
        let target = match instance {
            Some(name) => Target::Instance(find::instance(session, &service, name)?.id.clone()),
            None => Target::Service(service.clone()),
        };
        let verb = match &self.what {
            What::Verb(verb) => {
                if verb.needs_means() {
                    session.means(&service).await.map_err(|trouble| unknown(session, &service, trouble))?;
                }
                verb.clone()
            }
            What::RollOut { wish, pace } => {
                let means = session.means(&service).await;
                let means = means.map_err(|trouble| unknown(session, &service, trouble))?;
                Verb::RollOut(Box::new(paced(wish, *pace, &means)))
            }
            What::RollBack(typed) => {
                let means = session.means(&service).await;
                let means = means.map_err(|trouble| unknown(session, &service, trouble))?;
                let release = match typed {
                    Some(typed) => find_release(&service, &means.releases, typed)?,
                    None => suggested(&service, &means.releases)?,
                };
                if release.id.is_empty() {
                    let trouble = Trouble::new(
                        format!("{service} was not rolled back to {}", release.title()),
                        "nothing is kept of it that could be gone back to",
                    );
                    return Err(Stop::Because(Exit::Refused, trouble.help(listed(&service, &means.releases))));
                }
                let id = release.id.clone();
                Verb::RollBack(ReleaseRef { source: release.source, id, title: release.title().into() })
            }
        };
        Ok((verb, target))
    }
}

/// What the service itself says holds where nothing was typed.
fn paced(wish: &RollOut, typed: TypedPace, means: &Means) -> RollOut {
    let mut wish = wish.clone();
    if let (Strategy::Rolling(rolling), true) = (&mut wish.strategy, typed != TypedPace::default()) {
        let own = means.pace.unwrap_or(Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 });
        rolling.pace = Some(Pace {
            max_unavailable: typed.max_unavailable.unwrap_or(own.max_unavailable),
            max_surge: typed.max_surge.unwrap_or(own.max_surge),
            min_ready: typed.min_ready.unwrap_or(own.min_ready),
        });
    }
    wish
}

fn suggested<'a>(service: &ServiceId, releases: &'a [Release]) -> Result<&'a Release, Stop> {
    release::suggested(releases).ok_or_else(|| {
        let why = "no release before the current one is known to have held long";
        let trouble = Trouble::new(format!("{service} was not rolled back"), why);
        let help = format!("name one: {}", listed(service, releases));
        Stop::Because(Exit::Refused, trouble.help(help))
    })
}

fn unknown(session: &Session, service: &ServiceId, trouble: Trouble) -> Stop {
    let exit = if session.lost(&service.cluster).is_some() { Exit::Unreachable } else { Exit::Refused };
    Stop::Because(exit, trouble)
}

/// With its parameters. What belongs to another strategy is a mistake.
fn strategy(asked: &Rollout) -> Result<(Strategy, TypedPace), Stop> {
    let pace =
        TypedPace { max_unavailable: asked.max_unavailable, max_surge: asked.max_surge, min_ready: asked.min_ready };
    let mut strategy = asked.strategy.clone();
    let (has_pace, has_weights) = (pace != TypedPace::default(), !asked.weights.is_empty());
    let has_switch = asked.ask || asked.keep.is_some();
    let belongs = |options: &str, to: &str| {
        Err(Stop::usage(format!("{options} has no meaning here"), format!("it belongs to --strategy {to}")))
    };
    match &strategy {
        Strategy::Canary(_) | Strategy::BlueGreen(_) if has_pace => {
            return belongs("--max-unavailable, --max-surge or --min-ready", "rolling");
        }
        Strategy::Rolling(_) | Strategy::BlueGreen(_) if has_weights => return belongs("--weight", "canary"),
        Strategy::Rolling(_) | Strategy::Canary(_) if has_switch => return belongs("--ask or --keep", "blue-green"),
        Strategy::Rolling(_) | Strategy::Canary(_) | Strategy::BlueGreen(_) => {}
    }
    let (within, drain) = match &mut strategy {
        Strategy::Rolling(Rolling { within, drain, .. }) => (within, drain),
        Strategy::Canary(canary) => {
            if has_weights {
                canary.steps.clone_from(&asked.weights);
            }
            (&mut canary.within, &mut canary.drain)
        }
        Strategy::BlueGreen(switch) => {
            switch.ask = asked.ask;
            switch.keep = asked.keep.unwrap_or(switch.keep);
            (&mut switch.within, &mut switch.drain)
        }
    };
    *within = asked.within.unwrap_or(*within);
    *drain = asked.drain.unwrap_or(*drain);
    Ok((strategy, pace))
}

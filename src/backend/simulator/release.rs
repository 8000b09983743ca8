//! What instances are made after, and which releases of a service there were.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    chance::Chance,
    registry::{Pulled, digest_of, hex, pull, reference_of},
    script::{ServiceScript, Trouble},
};
use crate::{
    backend::mask,
    domain::{Image, Outline, text::clean},
    plan::Edits,
};

/// One for all instances that are made alike.
#[derive(Clone, Debug)]
pub struct Definition {
    pub version: Option<Arc<str>>,
    /// As it was asked for.
    pub reference: Arc<str>,
    /// The image's own name and tag, which its digest is made of.
    image: Arc<str>,
    pub environment: BTreeMap<String, String>,
    /// What the scenario says that it is made of.
    outline: BTreeMap<String, String>,
    pub troubles: Vec<Trouble>,
    /// What the registry answers to who wants its image; nothing if it has it.
    pub missing: Option<Arc<str>>,
    /// A restart by an orchestrator makes another definition of it.
    pub restarted: Option<Timestamp>,
    /// The same for two that are alike.
    pub mark: u64,
}

/// One release of a service's history.
#[derive(Clone, Debug)]
pub struct Kept {
    pub number: u64,
    /// Numbers that it had before it was gone back to.
    pub older: Vec<u64>,
    pub definition: Arc<Definition>,
    pub began: Timestamp,
    pub cause: Option<Arc<str>>,
    pub outcome: Option<Arc<str>>,
    /// Seconds for which it was the current one, of one that is over.
    pub served: Option<u64>,
    /// All its instances were ready once.
    pub was_well: bool,
}

impl Definition {
    /// Of a release by its place in the script: the first is what runs.
    pub fn of_script(script: &ServiceScript, place: usize) -> Self {
        let release = script.releases.get(place);
        let version = release.map(|release| release.version.clone());
        let reference = reference_of(script, version.as_ref());
        let pulled = pull(script, &reference);
        let image = pulled.as_ref().map_or_else(|_| reference.clone(), |pulled| pulled.reference.clone());
        let (troubles, missing) = match (place, pulled) {
            (0, _) => (script.troubles.clone(), None),
            (_, Ok(pulled)) => (pulled.troubles, None),
            (_, Err(why)) => (Vec::new(), Some(why.into())),
        };
        let outline = release.map(|release| release.outline.clone()).unwrap_or_default();
        Self {
            version,
            reference,
            image,
            environment: script.environment.clone(),
            outline,
            troubles,
            missing,
            restarted: None,
            mark: 0,
        }
        .marked()
    }

    /// Like this one, but for what is asked. `Err`: there is no container of that name.
    pub fn edited(&self, script: &ServiceScript, container: &str, edits: &Edits) -> Result<Self, String> {
        let mut edited = Self { restarted: None, ..self.clone() };
        let mut names = edits.images.keys().chain(edits.env.keys());
        if let Some(other) = names.find(|name| !name.is_empty() && &***name != container) {
            return Err(format!("there is no container {other}: there is {container}"));
        }
        if let Some(image) = edits.images.values().next().filter(|image| **image != self.reference) {
            edited.outline.clear();
            edited.reference = image.clone();
            match pull(script, image) {
                Ok(Pulled { version, reference, troubles }) => {
                    (edited.version, edited.image, edited.troubles, edited.missing) =
                        (version, reference, troubles, None);
                }
                Err(why) => {
                    (edited.version, edited.troubles, edited.missing) = (None, Vec::new(), Some(why.into()));
                }
            }
        }
        for (name, value) in edits.env.values().flatten() {
            match value {
                Some(value) => edited.environment.insert(name.to_string(), value.to_string()),
                None => edited.environment.remove(&**name),
            };
        }
        Ok(edited.marked())
    }

    pub fn restarted(&self, at: Timestamp) -> Self {
        Self { restarted: Some(at), ..self.clone() }.marked()
    }

    fn marked(mut self) -> Self {
        let chance = self
            .environment
            .iter()
            .fold(Chance::new(0).of(&self.reference), |chance, (name, value)| chance.of(name).of(value));
        let restarted = self.restarted.map_or(0, |at| at.as_microsecond() as u64);
        self.mark = chance.at(restarted).bits();
        self
    }

    /// What tells its instances from others of their service, as orchestrators write it on them.
    pub fn hash(&self) -> Arc<str> {
        format!("{:016x}", self.mark)[..10].into()
    }

    pub fn image(&self, service: &str) -> Image {
        Image {
            digest: self.missing.is_none().then(|| digest_of(&self.image).into()),
            version: self.version.as_deref().map(|version| clean(version).into()),
            revision: self.version.as_ref().map(|_| hex(Chance::new(0).of(&self.image).of(service))[..40].into()),
            reference: clean(&self.reference).into(),
        }
    }

    pub fn outline(&self, container: &str) -> Outline {
        let masked = |name: &str, value: &str| Arc::from(clean(&mask::named(name, value)));
        if !self.outline.is_empty() {
            let pair = |(path, value): (&String, &String)| {
                (clean(path).into(), masked(path.rsplit(' ').next().unwrap_or_default(), value))
            };
            return Outline(self.outline.iter().map(pair).collect());
        }
        let env = self.environment.iter();
        let env = env.map(|(name, value)| (clean(&format!("{container} env {name}")).into(), masked(name, value)));
        let image = (clean(&format!("{container} image")).into(), clean(&self.reference).into());
        let restarted =
            self.restarted.map(|at| ("pod annotation kubectl.kubernetes.io/restartedAt".into(), at.to_string().into()));
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = env.chain([image]).chain(restarted).collect();
        pairs.sort();
        Outline(pairs)
    }
}

//! Which images of a service are to be had, and how what is made of each behaves. Everything else is not in the registry.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    chance::Chance,
    quantity::Span,
    script::{ReleaseScript, ServiceScript, Trouble, TroubleKind},
};

/// An image that no release had yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageScript {
    pub version: Arc<str>,
    #[serde(default)]
    pub behaves: Behaviour,
    #[serde(default = "default_after")]
    pub after: Span,
    #[serde(default)]
    pub says: Arc<str>,
}

/// How everything that is made of an image does.
#[derive(Clone, Debug)]
struct Conduct<'a> {
    behaves: Behaviour,
    /// Of `crashes`: how long it lives each time.
    after: Span,
    /// What its health check or its last line says.
    says: &'a Arc<str>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    #[default]
    Well,
    /// Its health check never says that it is healthy.
    NeverReady,
    /// It starts well, and ends by itself.
    Crashes,
    /// It is healthy, and its log says otherwise.
    Errors,
    /// It was never pushed, or is gone.
    Missing,
}

/// An image that is to be had.
#[derive(Clone, Debug)]
pub struct Pulled {
    pub version: Option<Arc<str>>,
    /// As `name:tag`, whatever it was asked for by.
    pub reference: Arc<str>,
    pub troubles: Vec<Trouble>,
}

impl Conduct<'_> {
    fn troubles(&self) -> Vec<Trouble> {
        let kind = match self.behaves {
            Behaviour::Well | Behaviour::Missing => return Vec::new(),
            Behaviour::NeverReady => TroubleKind::FailingCheck,
            Behaviour::Crashes => TroubleKind::CrashLoop,
            Behaviour::Errors => TroubleKind::Errors,
        };
        let last_words = if self.says.is_empty() { Vec::new() } else { vec![self.says.clone()] };
        vec![Trouble::of_image(kind, self.after, self.says.clone(), last_words)]
    }
}

/// `Err` is what the registry answers.
pub fn pull(script: &ServiceScript, reference: &str) -> Result<Pulled, String> {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let (name, tag) = split_tag(name);
    let refused = || Err(format!("{reference} is not in the registry"));
    if name != &*script.image {
        return refused();
    }
    let found = known(script).find(|(version, _)| match digest {
        Some(digest) => digest_of(&reference_of(script, *version)) == digest,
        None => version.map(|version| &**version) == tag || (version.is_none() && tag == Some("latest")),
    });
    match (found, digest) {
        (Some((_, behaves)), _) if behaves.behaves == Behaviour::Missing => refused(),
        (Some((version, behaves)), _) => {
            let troubles = behaves.troubles();
            Ok(Pulled { version: version.cloned(), reference: reference_of(script, version), troubles })
        }
        (None, Some(digest)) => Err(format!("the registry has no {name} of the digest {digest}")),
        (None, None) => refused(),
    }
}

/// What is to be had beside the releases, then the releases. What has no release has one image without a tag.
fn known(script: &ServiceScript) -> impl Iterator<Item = (Option<&Arc<str>>, Conduct<'_>)> {
    let beside = script.registry.iter().map(|image| {
        let ImageScript { version, behaves, after, says } = image;
        (Some(version), Conduct { behaves: *behaves, after: *after, says })
    });
    let before = script.releases.iter().map(|release| {
        let ReleaseScript { version, behaves, after, says, .. } = release;
        (Some(version), Conduct { behaves: *behaves, after: *after, says })
    });
    let well = Conduct { behaves: Behaviour::Well, after: default_after(), says: &script.image };
    let only = script.releases.is_empty().then_some((None, well));
    beside.chain(before).chain(only)
}

pub fn reference_of(script: &ServiceScript, version: Option<&Arc<str>>) -> Arc<str> {
    version.map_or_else(|| script.image.clone(), |version| format!("{}:{version}", script.image).into())
}

pub fn digest_of(reference: &str) -> String {
    format!("sha256:{}", hex(Chance::new(0).of(reference)))
}

pub fn hex(chance: Chance) -> String {
    (0..4).map(|n| format!("{:016x}", chance.at(n).bits())).collect()
}

/// A colon before the last slash is a registry's port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        Some(_) | None => (name, None),
    }
}

pub fn default_after() -> Span {
    Span::seconds(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script() -> ServiceScript {
        let text = r#"
            scope = "shop"
            name = "web"
            image = "registry.example:5000/shop/web"
            health_check = true
            releases = [{ version = "v1", age = "9d" }]
            registry = [{ version = "v2" }, { version = "v3", behaves = "missing" }, { version = "v4", behaves = "crashes", after = "7s" }]
        "#;
        toml::from_str(text).expect("a service")
    }

    #[test]
    fn only_what_the_scenario_names_is_in_the_registry() {
        let pulled = |reference: &str| pull(&script(), reference).map(|pulled| pulled.reference.to_string());
        for version in ["v1", "v2", "v4"] {
            let reference = format!("registry.example:5000/shop/web:{version}");
            assert_eq!(pulled(&reference), Ok(reference.clone()));
        }
        for wrong in ["registry.example:5000/shop/web:v3", "registry.example:5000/shop/web:v9", "shop/web:v2"] {
            assert_eq!(pulled(wrong), Err(format!("{wrong} is not in the registry")));
        }
    }

    #[test]
    fn a_digest_says_which_image_is_meant_whatever_tag_is_before_it() {
        let script = script();
        let v2 = reference_of(&script, Some(&"v2".into()));
        let by_digest = format!("registry.example:5000/shop/web:v1@{}", digest_of(&v2));
        assert_eq!(pull(&script, &by_digest).expect("is there").version.as_deref(), Some("v2"));
        let other = pull(&script, "registry.example:5000/shop/web:v1@sha256:00").expect_err("is not there");
        assert_eq!(other, "the registry has no registry.example:5000/shop/web of the digest sha256:00");
    }
}

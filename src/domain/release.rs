//! One revision of a service: what runs now, or what ran before as far as the engine can tell.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Image, difference::differences};

/// What held this long without being replaced is taken to have worked: as long as a rollout is usually given to become ready.
const LONG_ENOUGH: u64 = 600;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Release {
    /// What the engine calls what it keeps of this release (a ReplicaSet's name); empty where it keeps nothing.
    pub id: Arc<str>,
    pub source: ReleaseSource,
    /// The engine's number where it counts (Kubernetes revisions); Docker does not.
    pub number: Option<u64>,
    pub image: Image,
    /// When this release began to run, for the last time if it was gone back to, else when its image was made.
    pub created: Option<Timestamp>,
    /// What its source says should run now. Each source has its own.
    pub current: bool,
    /// How many instances run it now.
    pub instances: u32,
    /// Who or what brought it, where the engine remembers ("compose config 9f2c41").
    pub cause: Option<Arc<str>>,
    /// What is known of how it went ("exit 1 after 4 s", "2d, stopped by hand").
    pub outcome: Option<Arc<str>>,
    /// Seconds for which it was the release that should run, all its times together, as far as that can be told; whether it was healthy
    /// all the while is not. Of a release that is over only.
    pub served: Option<u64>,
    /// Since when all its instances are available. Of a current release only.
    pub healthy_since: Option<Timestamp>,
    /// It did not do its work, where that can be told.
    pub failed: bool,
    /// Numbers that it had before: going back to a release gives it a new one.
    pub older: Vec<u64>,
    /// How it runs its instances, where the engine keeps that beside the list; else `Question::Outline` asks for it.
    pub outline: Option<Arc<Outline>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseSource {
    /// The engine's own history.
    #[default]
    Engine,
    Helm,
}

impl ReleaseSource {
    pub fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Helm => "helm",
        }
    }
}

/// What a release is made of, as pairs of a path and its value, by path: ("web image", "shop/web:v2"), ("web env MODE", "production").
/// A path begins with whose it is (a container, "pod"), or is "helm:" and what; then it says what. Secrets are masked already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outline(pub Vec<(Arc<str>, Arc<str>)>);

/// What tells one release from the others of its service for good, however the list moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseKey {
    source: ReleaseSource,
    id: Arc<str>,
    /// Where the engine has no id for it.
    image: Option<(Arc<str>, Option<Arc<str>>)>,
}

impl Release {
    pub fn key(&self) -> ReleaseKey {
        let image = self.id.is_empty().then(|| (self.image.reference.clone(), self.image.digest.clone()));
        ReleaseKey { source: self.source, id: self.id.clone(), image }
    }

    /// What people call it: its version or tag; what Helm keeps tells of no image.
    pub fn name(&self) -> &str {
        match self.source {
            ReleaseSource::Helm if self.image.reference.is_empty() => "helm",
            ReleaseSource::Helm | ReleaseSource::Engine => self.image.release(),
        }
    }

    /// `14 v2.4.1`, `helm 3`
    pub fn title(&self) -> String {
        match (self.source, self.number) {
            (ReleaseSource::Helm, Some(number)) => format!("helm {number}"),
            (ReleaseSource::Engine, Some(number)) => format!("{number} {}", self.name()),
            (_, None) => self.name().to_owned(),
        }
    }

    /// What is known of it without an outline.
    pub fn facts(&self) -> Outline {
        let image = &self.image;
        let facts = [
            ("image", Some(&image.reference).filter(|reference| !reference.is_empty())),
            ("digest", image.digest.as_ref()),
            ("version", image.version.as_ref()),
            ("revision", image.revision.as_ref()),
            ("cause", self.cause.as_ref()),
        ];
        Outline(facts.into_iter().filter_map(|(path, value)| Some((path.into(), value?.clone()))).collect())
    }

    /// It held long enough to have worked, and nothing says that it did not.
    fn held(&self) -> bool {
        !self.failed && self.served.is_some_and(|seconds| seconds >= LONG_ENOUGH)
    }
}

/// With what a release is compared: the current one of its source; the current one with the one before it.
pub fn counterpart<'a>(releases: &'a [Release], release: &Release) -> Option<&'a Release> {
    let mut same = releases.iter().filter(|other| other.source == release.source);
    if !release.current {
        return same.find(|other| other.current);
    }
    let key = release.key();
    same.skip_while(|other| other.key() != key).find(|other| !other.current)
}

/// The one to go back to: the newest of the engine's that held long enough and is not the same as the current one but for a restart.
pub fn suggested(releases: &[Release]) -> Option<&Release> {
    let mut engine = releases.iter().filter(|release| release.source == ReleaseSource::Engine);
    let current = engine.clone().find(|release| release.current)?;
    let is_other = |release: &&Release| match (&release.outline, &current.outline) {
        (Some(outline), Some(now)) => differences(outline, now).iter().any(|difference| !difference.is_restart()),
        (None, _) | (_, None) => true,
    };
    engine.find(|release| !release.current && release.held() && is_other(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(pairs: &[(&str, &str)]) -> Outline {
        Outline(pairs.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect())
    }

    fn release(number: u64, served: Option<u64>) -> Release {
        let id = format!("web-{number}").into();
        let image = Image { reference: format!("web:v{number}").into(), ..Image::default() };
        Release { id, number: Some(number), current: served.is_none(), served, image, ..Release::default() }
    }

    #[test]
    fn the_current_release_is_compared_with_the_one_before_and_every_other_with_the_current_one() {
        let helm = Release { source: ReleaseSource::Helm, ..release(7, Some(0)) };
        let releases = [release(3, None), release(2, Some(0)), release(1, Some(0)), helm.clone()];
        let with = |release: &Release| counterpart(&releases, release).and_then(|other| other.number);
        assert_eq!(releases[..3].iter().map(with).collect::<Vec<_>>(), [Some(2), Some(3), Some(3)]);
        assert_eq!(with(&helm), None, "nothing of Helm's is current");
    }

    #[test]
    fn what_was_replaced_within_minutes_is_not_the_one_to_go_back_to() {
        let mut releases =
            [release(4, None), release(3, Some(300)), release(2, Some(90_000)), release(1, Some(90_000))];
        let number = |releases: &[Release]| suggested(releases).and_then(|release| release.number);
        assert_eq!(number(&releases), Some(2));
        releases[2].failed = true;
        assert_eq!(number(&releases), Some(1));
        assert_eq!(number(&releases[1..]), None, "without a current one there is nothing to go back from");
    }

    #[test]
    fn a_release_that_differs_by_a_restart_alone_is_not_the_one_to_go_back_to() {
        let with =
            |release: Release, pairs: &[(&str, &str)]| Release { outline: Some(outline(pairs).into()), ..release };
        let restarted = [("pod annotation kubectl.kubernetes.io/restartedAt", "now"), ("web image", "web:v2")];
        let releases = [
            with(release(3, None), &restarted),
            with(release(2, Some(90_000)), &restarted[1..]),
            with(release(1, Some(90_000)), &[("web image", "web:v1")]),
        ];
        assert_eq!(suggested(&releases).and_then(|release| release.number), Some(1));
    }

    #[test]
    fn a_release_without_an_id_is_told_by_its_image() {
        let docker = |digest: &str| Release {
            image: Image { reference: "web:v1".into(), digest: Some(digest.into()), ..Image::default() },
            ..Release::default()
        };
        assert_ne!(docker("sha256:1").key(), docker("sha256:2").key());
    }
}

//! What runs of a service now, and what ran before as far as the engine can tell: it keeps no history, but ended containers and the
//! images that are still there are traces of one.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    api::{Api, Id},
    blueprint::Blueprint,
    container::{CheckState, Container},
    fault::Fault,
    find,
    history::{self, History, Record},
    image,
    inventory::digest,
    labels::{self, Place},
    make, marks, outline,
    wire::{ImageSummary, Summary},
};
use crate::{
    backend::exit,
    domain::{
        Image, InstanceState, Outline, Release, ServiceId,
        text::{clean, shorten},
        units,
    },
};

/// What failed within this many seconds of its beginning never worked.
const SOON: i64 = 600;

/// All that is on the host of a service: what a list of its releases is made of.
pub struct Found {
    name: Arc<str>,
    pub containers: Vec<Seen>,
    images: Vec<ImageSummary>,
    pub history: History,
}

pub struct Seen {
    pub container: Container,
    pub blueprint: Blueprint,
    pub raw: Value,
}

pub async fn found(api: &Api, service: &ServiceId) -> Result<Found, Fault> {
    let list: Vec<Summary> = api.get("/containers/json?all=1").await?;
    let images: Vec<ImageSummary> = api.get("/images/json").await?;
    let history = history::read(api, service).await?;
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut containers = Vec::new();
    for summary in list.iter().filter(|summary| is_of(summary, service)) {
        let id = Id::new(&summary.id)?;
        let raw: Value = match api.get(&format!("/containers/{id}/json")).await {
            Ok(raw) => raw,
            // It went while we were asking.
            Err(fault) if fault.is_not_found() => continue,
            Err(fault) => return Err(fault),
        };
        let image = raw["Image"].as_str().unwrap_or_default().to_owned();
        if !known.contains_key(&image) && image::is_name(&image) {
            let found = image::find(api, &image).await?.unwrap_or_default();
            known.insert(image.clone(), found);
        }
        let inspect = serde_json::from_value(raw.clone()).map_err(|error| Fault::Garbled(error.to_string().into()))?;
        let blueprint = Blueprint::of(&raw, known.get(&image).unwrap_or(&Value::Null));
        containers.push(Seen { container: Container::new(inspect), blueprint, raw });
    }
    Ok(Found { name: service.name.clone(), containers, images, history })
}

fn is_of(summary: &Summary, service: &ServiceId) -> bool {
    let none = BTreeMap::new();
    let labels = summary.labels.as_ref().unwrap_or(&none);
    if marks::is_marker(labels) {
        return false;
    }
    let name = summary.names.as_deref().and_then(<[String]>::first).map_or("", |name| name.trim_start_matches('/'));
    let place = Place::of(labels, &clean(name));
    place.scope == service.scope && place.service == service.name
}

/// What containers have in common that run one release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    /// One that is recorded, or that a plan is making.
    Release(u64),
    /// One that somebody else made, told by the engine's id of its image.
    Image(Arc<str>),
}

impl Found {
    pub fn newest(&self) -> Option<&Seen> {
        let ran = || self.containers.iter().filter(|seen| seen.container.state != InstanceState::Created);
        let all = || self.containers.iter();
        ran().max_by_key(|seen| seen.container.created).or_else(|| all().max_by_key(|seen| seen.container.created))
    }

    pub fn outline(&self, id: &str) -> Option<Arc<Outline>> {
        self.releases().into_iter().find(|release| *release.id == *id)?.outline
    }

    /// Newest first. Pure.
    pub fn releases(&self) -> Vec<Release> {
        let mut groups: BTreeMap<Which, Vec<&Seen>> = BTreeMap::new();
        for record in &self.history.records {
            groups.insert(Which::Release(record.release), Vec::new());
        }
        for seen in &self.containers {
            groups.entry(self.which(seen)).or_default().push(seen);
        }
        let current = current(&groups);
        let mut found: Vec<Release> = groups
            .iter()
            .map(|(which, seen)| {
                let is_current = Some(which) == current.as_ref();
                match which {
                    Which::Release(number) => self.numbered(*number, seen, is_current),
                    Which::Image(_) => self.ran(seen, is_current),
                }
            })
            .collect();
        let references = self.containers.iter().map(|seen| &*seen.container.image.reference);
        let repositories: Vec<String> = references.filter_map(repository).collect();
        let is_used = |image: &ImageSummary| {
            self.containers.iter().any(|seen| *seen.container.image_id == image.id)
                || self.history.records.iter().any(|record| record.image.id == image.id)
        };
        let unused = self.images.iter().filter(|image| !is_used(image));
        found.extend(unused.filter_map(|image| in_store(image, &repositories)));
        found.sort_by_key(|release| std::cmp::Reverse((release.current, release.created)));
        found
    }

    /// What a plan made says so itself, as long as its image is the one that was recorded. What somebody else made is one of ours only if
    /// it is the same in everything.
    fn which(&self, seen: &Seen) -> Which {
        let container = &seen.container;
        let is_of = |record: &Record| *record.image.id == *container.image_id;
        if let Some(number) = container.release
            && self.history.find(number).is_none_or(is_of)
        {
            return Which::Release(number);
        }
        let same = |record: &&Record| is_of(record) && record.blueprint.is_like(&seen.blueprint);
        match self.history.records.iter().find(same) {
            Some(record) => Which::Release(record.release),
            None => Which::Image(container.image_id.clone()),
        }
    }

    fn numbered(&self, number: u64, seen: &[&Seen], current: bool) -> Release {
        let Some(record) = self.history.find(number) else {
            let cause = newest(seen).and_then(|seen| find::label(&seen.raw, marks::CAUSE));
            let cause = cause.map_or_else(|| "being rolled out".into(), |cause| clean(cause).into());
            return Release { number: Some(number), cause: Some(cause), ..self.ran(seen, current) };
        };
        let kept = &record.image;
        let is_here = self.images.iter().any(|image| image.id == kept.id);
        let optional = |text: &Option<String>| text.as_deref().map(|text| Arc::from(clean(text)));
        let came_after = |other: &&Record| {
            other.release > number && other.before.as_ref().is_some_and(|before| before.release == Some(number))
        };
        let successor = self.history.records.iter().rfind(came_after);
        let after = successor.filter(|_| !current).and_then(End::of);
        let gone = (!is_here).then(|| match kept.digests.first() {
            Some(digest) => Arc::from(format!("its image is not on this host, and would be pulled: {}", clean(digest))),
            None => Arc::from("its image is gone from this host, and no registry is known to have it"),
        });
        Release {
            // What nothing can bring back is not offered.
            id: if is_here || !kept.digests.is_empty() { record.id().into() } else { "".into() },
            number: Some(number),
            image: Image {
                reference: clean(&kept.reference).into(),
                digest: digest(&kept.digests, &kept.reference).or_else(|| Some(clean(&kept.id).into())),
                version: optional(&kept.version),
                revision: optional(&kept.revision),
            },
            created: record.began,
            current,
            instances: count(seen.iter().filter(|seen| is_up(&seen.container)).count()),
            cause: optional(&record.cause),
            outcome: gone.or_else(|| after.as_ref().map(End::words)),
            served: after.as_ref().map(|end| end.seconds.unsigned_abs()),
            healthy_since: healthy_since(seen).filter(|_| current),
            failed: after.is_some_and(|end| end.failed()),
            outline: Some(self.outlined(&kept.reference, &record.blueprint)),
            ..Release::default()
        }
    }

    /// Of what is kept no secret is known, so that none is compared: else each would seem to have another one.
    fn outlined(&self, reference: &str, blueprint: &Blueprint) -> Arc<Outline> {
        let mut blueprint = blueprint.clone();
        blueprint.withhold();
        outline::outline(&self.name, reference, &blueprint)
    }

    fn ran(&self, seen: &[&Seen], current: bool) -> Release {
        let last = newest(seen);
        let image = last.and_then(|last| self.images.iter().find(|image| *image.id == *last.container.image_id));
        let last = last.map(|seen| &seen.container);
        let mut described = last.map(|container| container.image.clone()).unwrap_or_default();
        if let Some(found) = image.and_then(|image| digest(image.repo_digests.as_deref()?, &described.reference)) {
            described.digest = Some(found);
        }
        let outline = newest(seen).map(|seen| self.outlined(&make::own_reference(&seen.raw), &seen.blueprint));
        Release {
            image: described,
            created: seen.iter().filter_map(|seen| seen.container.created).min(),
            current,
            instances: count(seen.iter().filter(|seen| is_up(&seen.container)).count()),
            cause: last
                .and_then(|container| container.config_hash.as_deref())
                .map(|hash| format!("compose config {}", shorten(hash, 8).trim_end_matches('…')).into()),
            outcome: last.and_then(outcome),
            healthy_since: healthy_since(seen).filter(|_| current),
            outline,
            ..Release::default()
        }
    }
}

/// The newest of what runs; where nothing does, the last that ran, which is what a start would bring back.
fn current(groups: &BTreeMap<Which, Vec<&Seen>>) -> Option<Which> {
    let newest_of = |is_counted: fn(&Container) -> bool| {
        let counted = groups.iter().filter_map(|(which, seen)| {
            let counted = seen.iter().filter(|seen| is_counted(&seen.container));
            Some((counted.filter_map(|seen| seen.container.created).max()?, which))
        });
        counted.max().map(|(_, which)| which.clone())
    };
    newest_of(is_up)
        .or_else(|| newest_of(|container| container.state != InstanceState::Created))
        .or_else(|| newest_of(|_| true))
}

fn newest<'a>(seen: &[&'a Seen]) -> Option<&'a Seen> {
    seen.iter().max_by_key(|seen| seen.container.created).copied()
}

fn is_up(container: &Container) -> bool {
    container.state.is_alive() || matches!(container.state, InstanceState::Restarting { .. })
}

/// Since when all that run are well.
fn healthy_since(seen: &[&Seen]) -> Option<Timestamp> {
    let is_well = |container: &Container| {
        container.state == InstanceState::Running
            && container.check.as_ref().is_none_or(|check| check.state == CheckState::Healthy)
    };
    let up = || seen.iter().map(|seen| &seen.container).filter(|container| is_up(container));
    if !up().all(is_well) {
        return None;
    }
    up().filter_map(|container| container.started).max()
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How a release did until another took its place, as that one's record says.
struct End {
    seconds: i64,
    well: bool,
}

impl End {
    fn of(successor: &Record) -> Option<Self> {
        let before = successor.before.as_ref()?;
        let seconds = successor.began?.duration_since(before.began?).as_secs().max(0);
        Some(Self { seconds, well: before.well })
    }

    fn failed(&self) -> bool {
        !self.well && self.seconds < SOON
    }

    fn words(&self) -> Arc<str> {
        let lasted = units::age(self.seconds.unsigned_abs());
        match self.well {
            true => format!("{lasted}, healthy to its end").into(),
            false => format!("{lasted}, not healthy at its end").into(),
        }
    }
}

/// How it went with one that ended.
fn outcome(container: &Container) -> Option<Arc<str>> {
    let InstanceState::Exited { exit_code, out_of_memory } = container.state else { return None };
    let how = exit::words(exit_code, out_of_memory, container.limits.memory);
    let lasted = match (container.started, container.finished) {
        (Some(started), Some(finished)) if finished > started => {
            // A length, not an age: whether it died after two seconds or nine says something.
            let ran = finished.duration_since(started).try_into().unwrap_or_default();
            format!(" after {}", crate::domain::units::elapsed(ran))
        }
        _ => String::new(),
    };
    Some(format!("{how}{lasted}").into())
}

/// An image of one of these repositories that no container of the service uses: it may have run before.
fn in_store(image: &ImageSummary, repositories: &[String]) -> Option<Release> {
    let tags = image.repo_tags.iter().flatten().filter(|tag| !tag.starts_with("<none>"));
    let by_tag = tags.map(String::as_str).find(|tag| repository(tag).is_some_and(|name| repositories.contains(&name)));
    let digests = image.repo_digests.as_deref().unwrap_or_default();
    let by_digest = digests
        .iter()
        .map(String::as_str)
        .find(|digest| repository(digest).is_some_and(|name| repositories.contains(&name)));
    let reference = by_tag.or(by_digest)?;
    let none = BTreeMap::new();
    let labels = image.labels.as_ref().unwrap_or(&none);
    Some(Release {
        image: Image {
            reference: clean(reference).into(),
            digest: digest(digests, reference).or_else(|| Some(clean(&image.id).into())),
            version: labels::version(labels),
            revision: labels::revision(labels),
        },
        created: image.created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        current: false,
        instances: 0,
        cause: Some("an image on this host; whether it ran here is not known".into()),
        ..Release::default()
    })
}

/// `registry:5000/shop/web:v2@sha256:…` -> `registry:5000/shop/web`; an id has none.
fn repository(reference: &str) -> Option<String> {
    let name = reference.split('@').next().unwrap_or_default();
    if name.is_empty() || name.starts_with("sha256:") || name.starts_with("<none>") {
        return None;
    }
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[slash..].find(':').map_or(name.len(), |colon| slash + colon);
    Some(name[..end].to_owned())
}

#[cfg(test)]
mod tests;

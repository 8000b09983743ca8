//! The releases of a service, kept on the host itself so that every machine sees the same: one volume a release, whose labels say what
//! its containers are made of, and one container that never runs and keeps its image from being pruned.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::Api,
    blueprint::Blueprint,
    container::time,
    fault::Fault,
    find, image, labels,
    make::{self, Before},
    marker::{self, Marker},
    marks, releases,
    wire::{Labels, Summary, Volumes},
};
use crate::{
    backend::{Progress, StepError},
    domain::{InstanceId, ServiceId, Trouble, release::suggested, text::clean},
    plan::Stamp,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// What is kept of a release. Later versions may write more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub release: u64,
    pub image: Kept,
    /// Without what looks like a secret: every user of the host can read this.
    pub blueprint: Blueprint,
    /// Variables whose values it is without.
    pub withheld: Vec<String>,
    /// When its containers were made, by the engine's clock.
    pub began: Option<Timestamp>,
    pub cause: Option<String>,
    /// The release that was gone back to with it.
    pub again: Option<u64>,
    /// How the one did that it came after: a release's own record is written when it is new, and never changed.
    pub before: Option<Before>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub reference: String,
    /// The engine's own: whatever its name means by then, this is the one.
    pub id: String,
    /// By which registries know it: what it can be pulled by.
    pub digests: Vec<String>,
    pub version: Option<String>,
    pub revision: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    /// Newest first.
    pub records: Vec<Record>,
    /// Of all that is kept, also what cannot be read.
    numbers: BTreeSet<u64>,
}

impl Record {
    /// What a plan and the screens call it.
    pub fn id(&self) -> String {
        format!("r{}", self.release)
    }
}

impl History {
    pub fn find(&self, release: u64) -> Option<&Record> {
        self.records.iter().find(|record| record.release == release)
    }

    /// Above all that was ever seen, `others` (what containers say) too: a number is given once.
    pub fn next(&self, others: impl Iterator<Item = u64>) -> u64 {
        self.numbers.iter().copied().chain(others).max().unwrap_or(0) + 1
    }
}

pub async fn read(api: &Api, service: &ServiceId) -> Result<History, Fault> {
    let filter = marks::of_role(marks::OF_RELEASE, service);
    let volumes: Volumes = api.get(&format!("/volumes?filters={filter}")).await?;
    let labels = volumes.volumes.unwrap_or_default().into_iter().filter_map(|volume| volume.labels);
    Ok(history(labels))
}

/// Pure.
fn history(labels: impl Iterator<Item = Labels>) -> History {
    let mut history = History::default();
    for labels in labels {
        let Some(number) = release_of(&labels) else { continue };
        history.numbers.insert(number);
        match labels.get(marks::RECORD).map(|record| serde_json::from_str::<Record>(record)) {
            Some(Ok(record)) if record.release == number => history.records.push(record),
            Some(Ok(_)) | None => tracing::warn!(number, "a release is kept without its record"),
            Some(Err(error)) => tracing::warn!(number, %error, "the record of a release cannot be read"),
        }
    }
    history.records.sort_by_key(|record| std::cmp::Reverse(record.release));
    history
}

pub struct Writing {
    pub service: ServiceId,
    pub release: u64,
    pub like: InstanceId,
    pub keep: u32,
    pub stamp: Stamp,
}

pub async fn record(api: &Api, writing: Writing, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not write release {} into the host's history", writing.release);
    let lost = |fault: Fault| fault.step(what.as_str());
    let failed = |why: String| StepError::Failed(Trouble::new(what.as_str(), clean(&why)));
    let Some(like) = find::raw(api, &writing.like.key).await.map_err(lost)? else {
        return Err(failed("the container that runs it is gone".into()));
    };
    let id = like["Image"].as_str().unwrap_or_default();
    let Some(image) = image::find(api, id).await.map_err(lost)? else {
        return Err(failed(format!("its image {} is gone from this host", make::own_reference(&like))));
    };
    let history = read(api, &writing.service).await.map_err(lost)?;
    let record = of(&like, &image, writing.release, &history);
    match history.find(writing.release) {
        Some(known) if known.image.id == record.image.id && known.blueprint.is_like(&record.blueprint) => {
            progress("is written already");
        }
        Some(known) => {
            let why = format!("another release has this number: {}", known.image.reference);
            return Err(failed(why));
        }
        None => write(api, &writing, &record).await.map_err(lost)?,
    }
    let history = read(api, &writing.service).await.map_err(lost)?;
    // Beside the current one, there are so many to go back to.
    let keep = usize::try_from(writing.keep.max(1)).unwrap_or(usize::MAX).saturating_add(1);
    let (mut kept, mut old): (Vec<&Record>, Vec<&Record>) = (history.records.iter().collect(), Vec::new());
    if kept.len() > keep {
        old = kept.split_off(keep);
        // What held long is worth more than what is newer: it is the one that a person is told to go back to.
        let releases = releases::found(api, &writing.service).await.map_err(lost)?.releases();
        let suggested = suggested(&releases).and_then(|release| release.number);
        kept.extend(old.extract_if(.., |record| Some(record.release) == suggested));
    }
    pin(api, &writing.service, &kept).await.map_err(lost)?;
    for record in old {
        forget(api, &writing.service, record).await.map_err(lost)?;
        progress(&format!("forgot release {}: {} are kept", record.release, kept.len()));
    }
    Ok(())
}

/// Pure.
fn of(like: &Value, image: &Value, release: u64, history: &History) -> Record {
    let none = Labels::new();
    let own: Labels = serde_json::from_value(image["Config"]["Labels"].clone()).unwrap_or(none);
    let text = |text: std::sync::Arc<str>| text.to_string();
    let composed = || find::label(like, "com.docker.compose.config-hash").map(|hash| hash.get(..7).unwrap_or(hash));
    let before = find::label(like, marks::BEFORE).and_then(|before| serde_json::from_str::<Before>(before).ok());
    let mut blueprint = Blueprint::of(like, image);
    let withheld = blueprint.withhold();
    let earlier = history.records.iter().map(|record| record.release).find(|number| *number < release);
    Record {
        release,
        image: Kept {
            reference: make::own_reference(like),
            id: image::id_of(image).to_owned(),
            digests: super::blueprint::strings(&image["RepoDigests"]).map(str::to_owned).collect(),
            version: labels::version(&own).map(text),
            revision: labels::revision(&own).map(text),
        },
        blueprint,
        withheld,
        began: time(like["Created"].as_str()),
        cause: find::label(like, marks::CAUSE)
            .map(str::to_owned)
            .or_else(|| composed().map(|hash| format!("compose config {hash}"))),
        again: find::label(like, marks::AGAIN).and_then(|release| release.parse().ok()),
        before: before.map(|before| Before { release: before.release.or(earlier), ..before }),
    }
}

async fn write(api: &Api, writing: &Writing, record: &Record) -> Result<(), Fault> {
    let service = &writing.service;
    let mut labels = json!({
        marks::ROLE: marks::OF_RELEASE, marks::SCOPE: service.scope.as_str(), marks::SERVICE: &*service.name,
        marks::RELEASE: record.release.to_string(), marks::RECORD: json!(record).to_string(),
    });
    if let Some(asked) = writing.stamp.asked {
        labels[marks::ASKED] = asked.to_string().into();
    }
    // What an engine answers where one of that name is there already is that one, unchanged.
    let body = json!({"Name": marks::volume_name(service, record.release), "Labels": labels});
    api.post("/volumes/create", &body, PATIENCE).await.map(drop)
}

/// A pin may have been pruned itself, so all of them are looked after.
async fn pin(api: &Api, service: &ServiceId, kept: &[&Record]) -> Result<(), Fault> {
    let pinned = pins(api, service).await?;
    for record in kept {
        if pinned.iter().any(|(_, release)| *release == Some(record.release)) {
            continue;
        }
        // Of what is gone nothing can be kept.
        let Some(image) = image::find(api, &record.image.id).await? else { continue };
        let labels = json!({
            marks::ROLE: marks::OF_PIN, marks::SCOPE: service.scope.as_str(), marks::SERVICE: &*service.name,
            marks::RELEASE: record.release.to_string(),
        });
        // In use, the volume is not pruned either.
        let volume = marks::volume_name(service, record.release);
        let host = json!({"Mounts": [{"Type": "volume", "Source": volume, "Target": "/midwatch"}]});
        let name = marks::pin_name(service, record.release);
        match marker::create(api, &image, Marker { name: &name, labels, host }).await {
            Ok(()) => {}
            Err(fault) if fault.is_conflict() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

async fn pins(api: &Api, service: &ServiceId) -> Result<Vec<(String, Option<u64>)>, Fault> {
    let filter = marks::of_role(marks::OF_PIN, service);
    let list: Vec<Summary> = api.get(&format!("/containers/json?all=1&filters={filter}")).await?;
    Ok(list.into_iter().map(|pin| (pin.id, pin.labels.as_ref().and_then(release_of))).collect())
}

async fn forget(api: &Api, service: &ServiceId, record: &Record) -> Result<(), Fault> {
    for (id, _) in pins(api, service).await?.iter().filter(|(_, release)| *release == Some(record.release)) {
        marker::remove(api, id).await?;
    }
    match api.delete(&format!("/volumes/{}", marks::volume_name(service, record.release)), PATIENCE).await {
        Ok(()) => Ok(()),
        Err(fault) if fault.is_not_found() => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn release_of(labels: &Labels) -> Option<u64> {
    labels.get(marks::RELEASE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: &str, record: &str) -> Labels {
        [(marks::RELEASE, number), (marks::RECORD, record)].map(|(key, value)| (key.into(), value.into())).into()
    }

    #[test]
    fn a_record_that_cannot_be_read_still_keeps_its_number() {
        let history = history([kept("3", r#"{"release":3}"#), kept("9", "{"), kept("x", "{}")].into_iter());
        assert_eq!(history.records.iter().map(|record| record.release).collect::<Vec<_>>(), [3]);
        assert_eq!(history.next([7].into_iter()), 10);
        assert_eq!(history.next([12].into_iter()), 13);
    }

    #[test]
    fn a_release_is_recorded_with_how_the_one_before_it_did() {
        let like = json!({
            "Id": "ab", "Name": "/shop-web-1", "Created": "2026-11-21T02:00:00Z",
            "Config": {"Image": "shop/web:v2", "Labels": {
                "midwatch.cause": "roll out shop/web by ann@laptop",
                "midwatch.before": r#"{"release":null,"began":"2026-11-20T00:00:00Z","well":true}"#}},
        });
        let image = json!({"Id": "sha256:2", "RepoDigests": ["shop/web@sha256:22"],
            "Config": {"Labels": {"org.opencontainers.image.version": "2.0"}}});
        let history = History { records: vec![Record { release: 4, ..Record::default() }], ..History::default() };
        let record = of(&like, &image, 5, &history);
        assert_eq!(record.before.expect("it has one").release, Some(4));
        assert_eq!(record.cause.as_deref(), Some("roll out shop/web by ann@laptop"));
        assert_eq!(record.image.version.as_deref(), Some("2.0"));
        assert_eq!(record.image.digests, ["shop/web@sha256:22"]);
    }
}

//! What runs of a service now, and what ran before as far as the engine can tell: it keeps no history, but ended containers and the
//! images that are still there are traces of one.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    api::Api,
    container::Container,
    fault::Fault,
    inventory::digest,
    labels::{self, Place},
    watch::inspect,
    wire::{ImageSummary, Summary},
};
use crate::{
    backend::exit,
    domain::{
        Image, InstanceState, Release, ServiceId,
        text::{clean, shorten},
    },
};

pub async fn of(api: &Api, service: &ServiceId) -> Result<Vec<Release>, Fault> {
    let list: Vec<Summary> = api.get("/containers/json?all=1").await?;
    let images: Vec<ImageSummary> = api.get("/images/json").await?;
    let mut containers = Vec::new();
    for summary in list.iter().filter(|summary| is_of(summary, service)) {
        match inspect(api, &summary.id).await {
            Ok(container) => containers.push(container),
            // It went while we were asking.
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(releases(&containers, &images))
}

fn is_of(summary: &Summary, service: &ServiceId) -> bool {
    let name = summary.names.as_deref().and_then(<[String]>::first).map_or("", |name| name.trim_start_matches('/'));
    let place = Place::of(summary.labels.as_ref().unwrap_or(&BTreeMap::new()), &clean(name));
    place.scope == service.scope && place.service == service.name
}

/// Newest first. Pure.
fn releases(containers: &[Container], images: &[ImageSummary]) -> Vec<Release> {
    let mut by_image: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in containers {
        by_image.entry(&container.image_id).or_default().push(container);
    }
    let is_up = |container: &Container| {
        container.state.is_alive() || matches!(container.state, InstanceState::Restarting { .. })
    };
    let any_up = containers.iter().any(is_up);
    let newest =
        containers.iter().max_by_key(|container| container.created).map(|container| container.image_id.clone());
    let mut found: Vec<Release> = by_image
        .iter()
        .map(|(id, containers)| {
            let up: Vec<&&Container> = containers.iter().filter(|container| is_up(container)).collect();
            // Where nothing runs, the last that ran is what a start would bring back.
            let current = if any_up { !up.is_empty() } else { newest.as_deref() == Some(*id) };
            ran(containers, up.len(), current, images.iter().find(|image| image.id == **id))
        })
        .collect();
    let repositories: Vec<String> =
        containers.iter().filter_map(|container| repository(&container.image.reference)).collect();
    let unused = images.iter().filter(|image| !by_image.contains_key(image.id.as_str()));
    found.extend(unused.filter_map(|image| in_store(image, &repositories)));
    found.sort_by_key(|release| std::cmp::Reverse((release.current, release.created)));
    found
}

fn ran(containers: &[&Container], up: usize, current: bool, image: Option<&ImageSummary>) -> Release {
    let last = containers.iter().max_by_key(|container| container.created);
    let mut described = last.map(|container| container.image.clone()).unwrap_or_default();
    if let Some(found) = image.and_then(|image| digest(image.repo_digests.as_deref()?, &described.reference)) {
        described.digest = Some(found);
    }
    Release {
        image: described,
        created: containers.iter().filter_map(|container| container.created).min(),
        current,
        instances: u32::try_from(up).unwrap_or(u32::MAX),
        cause: last
            .and_then(|container| container.config_hash.as_deref())
            .map(|hash| format!("compose config {}", shorten(hash, 8).trim_end_matches('…')).into()),
        outcome: last.and_then(|container| outcome(container)),
        ..Release::default()
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
mod tests {
    use serde_json::json;

    use super::*;

    fn container(id: &str, image: &str, status: &str, day: u32) -> Container {
        Container::new(
            serde_json::from_value(json!({
                "Id": id, "Name": format!("/shop-web-{id}"), "Image": format!("sha256:{image}"),
                "Created": format!("2026-11-{day:02}T00:00:00Z"),
                "State": {"Status": status, "ExitCode": 1, "StartedAt": format!("2026-11-{day:02}T00:00:01Z"),
                    "FinishedAt": format!("2026-11-{day:02}T00:00:05Z")},
                "Config": {"Image": format!("shop/web:{image}"), "Labels": {
                    "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
                    "com.docker.compose.config-hash": "9f2c41aabbccdd"}},
            }))
            .expect("an inspect answer"),
        )
    }

    fn image(id: &str, tag: &str, seconds: i64) -> ImageSummary {
        ImageSummary {
            id: format!("sha256:{id}"),
            repo_tags: Some(vec![tag.into()]),
            created: Some(seconds),
            ..ImageSummary::default()
        }
    }

    #[test]
    fn what_runs_now_comes_first_then_what_ran_before_then_what_may_have() {
        let containers = [
            container("1", "v2", "running", 20),
            container("2", "v2", "running", 20),
            container("3", "v1", "exited", 10),
        ];
        let images =
            [image("v2", "shop/web:v2", 300), image("v0", "shop/web:v0", 100), image("x", "shop/worker:v9", 900)];
        let found = releases(&containers, &images);
        let shown: Vec<_> =
            found.iter().map(|release| (&*release.image.reference, release.current, release.instances)).collect();
        assert_eq!(shown, [("shop/web:v2", true, 2), ("shop/web:v1", false, 0), ("shop/web:v0", false, 0)]);
        assert_eq!(found[0].cause.as_deref(), Some("compose config 9f2c41a"));
        assert_eq!(found[1].outcome.as_deref(), Some("exit 1 after 4.0 s"));
    }

    #[test]
    fn where_nothing_runs_the_last_that_ran_is_current() {
        let containers = [container("1", "v2", "exited", 20), container("2", "v1", "exited", 10)];
        let current: Vec<_> = releases(&containers, &[]).into_iter().filter(|release| release.current).collect();
        assert_eq!(current.len(), 1);
        assert_eq!(&*current[0].image.reference, "shop/web:v2");
    }
}

//! The history of a Deployment or an Argo Rollout: its ReplicaSets by their revisions. Pure.

use jiff::Timestamp;

use super::{
    pods::Running,
    row::{Metadata, Pod, ReplicaSet, Set},
    said, timeline,
    timeline::Kept,
};
use crate::{
    backend::kubernetes::outline::template::{self, list, text},
    domain::{Release, text::clean},
};

/// Whose ReplicaSets they are: what their marks are called.
pub struct Words {
    revision: &'static str,
    history: &'static str,
    /// The label that a ReplicaSet shares with its pods.
    hash: &'static str,
}

pub const DEPLOYMENT: Words = Words {
    revision: "deployment.kubernetes.io/revision",
    history: "deployment.kubernetes.io/revision-history",
    hash: "pod-template-hash",
};
pub const ROLLOUT: Words = Words {
    revision: "rollout.argoproj.io/revision",
    history: "rollout.argoproj.io/revision-history",
    hash: "rollouts-pod-template-hash",
};

/// Newest first. `standing` says how the newest does.
pub fn releases(
    words: &Words,
    owner: &Set,
    sets: &[ReplicaSet],
    pods: &[Pod],
    standing: impl Fn(&ReplicaSet, &Running<'_>, &mut Release),
) -> Vec<Release> {
    let mut sets: Vec<(u64, &ReplicaSet)> = sets
        .iter()
        .filter(|set| set.metadata.is_controlled_by(&owner.metadata.uid))
        .filter_map(|set| Some((number(words, &set.metadata)?, set)))
        .collect();
    sets.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let older: Vec<Vec<u64>> = sets.iter().map(|(_, set)| older(words, &set.metadata)).collect();
    let kept = sets.iter().zip(&older).map(|((number, set), older)| Kept {
        number: *number,
        older,
        created: set.metadata.creation_timestamp,
        last_written: set.metadata.last_written(),
    });
    let times = timeline::times(&kept.collect::<Vec<_>>());
    let mut found = Vec::with_capacity(sets.len());
    for (((number, set), older), time) in sets.into_iter().zip(older).zip(times) {
        let hash = set.metadata.labels.get(words.hash).map_or("", String::as_str);
        let running = Running::labelled(pods, words.hash, hash);
        let main = &list(&set.spec.template["spec"]["containers"]).first().cloned().unwrap_or_default();
        let mut release = Release {
            id: clean(&set.metadata.name).into(),
            number: Some(number),
            image: running.image(text(&main["name"]), text(&main["image"])),
            created: time.began.or(set.metadata.creation_timestamp),
            current: found.is_empty(),
            instances: set.status.replicas,
            cause: set.metadata.annotations.get("kubernetes.io/change-cause").and_then(|cause| said(cause)),
            served: time.served,
            older,
            outline: Some(template::outline(&set.spec.template).into()),
            ..Release::default()
        };
        if release.current {
            standing(set, &running, &mut release);
        }
        found.push(release);
    }
    found
}

fn number(words: &Words, metadata: &Metadata) -> Option<u64> {
    metadata.annotations.get(words.revision)?.parse().ok()
}

fn older(words: &Words, metadata: &Metadata) -> Vec<u64> {
    let history = metadata.annotations.get(words.history).map_or("", String::as_str);
    history.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

/// How a Deployment's newest release does, from the Deployment's conditions and its pods.
pub fn of_deployment(deployment: &Set, set: &ReplicaSet, running: &Running<'_>, release: &mut Release) {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let available = set.status.available_replicas;
    let condition = |kind: &str| deployment.status.conditions.iter().find(|condition| condition.kind == kind);
    let progress = condition("Progressing");
    let is = |reason: &str| progress.is_some_and(|progress| progress.reason == reason);
    let paused = if deployment.spec.paused { ", paused" } else { "" };
    let stuck = running.stuck().map_or_else(String::new, |stuck| format!(": {stuck}"));
    let outcome = if wanted == 0 {
        format!("scaled to none{paused}")
    } else if available >= wanted {
        // Of a rollout that was paused half way, the old instances are not part.
        let rolled_out =
            progress.filter(|_| is("NewReplicaSetAvailable")).and_then(|progress| progress.last_update_time);
        let available = condition("Available").filter(|available| available.status == "True");
        let times = [rolled_out, available.and_then(|it| it.last_transition_time), running.all_ready_since()];
        release.healthy_since = times.into_iter().flatten().max();
        paused.trim_start_matches(", ").to_owned()
    } else if is("NewReplicaSetAvailable") {
        format!("{available} of {wanted} available{stuck}{paused}")
    } else if is("ProgressDeadlineExceeded") {
        release.failed = true;
        let never =
            if available == 0 { "never became ready".to_owned() } else { format!("{available} of {wanted} available") };
        format!("not ready in time, {never}{stuck}{paused}")
    } else if available == 0 && stuck.contains("crash loop") {
        release.failed = true;
        format!("never became ready{stuck}{paused}")
    } else {
        format!("rolling out, {available} of {wanted} available{stuck}{paused}")
    };
    release.outcome = said(&outcome);
}

/// What a Rollout says of its newest release and of the others, which it may run too.
pub fn of_rollout(rollout: &Set, sets: &[ReplicaSet], releases: &mut [Release]) {
    let status = &rollout.status;
    for release in releases {
        let set = sets.iter().find(|set| *set.metadata.name == *release.id);
        let hash = set.and_then(|set| set.metadata.labels.get(ROLLOUT.hash)).filter(|hash| !hash.is_empty());
        let Some(hash) = hash else { continue };
        let is_blue_green = !status.blue_green.active_selector.is_empty();
        let tags = [
            ("active", *hash == status.blue_green.active_selector),
            ("preview", *hash == status.blue_green.preview_selector && *hash != status.blue_green.active_selector),
            ("stable", *hash == status.stable_set && !is_blue_green),
            ("canary", *hash == status.current_pod_hash && *hash != status.stable_set && !is_blue_green),
        ];
        let mut told: Vec<String> = tags.iter().filter(|(_, is)| *is).map(|(tag, _)| (*tag).to_owned()).collect();
        if release.current && status.phase != "Healthy" && !status.phase.is_empty() {
            release.failed = status.phase == "Degraded";
            let message = if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
            told.push(format!("{}{message}", status.phase.to_lowercase()));
        }
        // What is kept running as the stable one is not over.
        if !release.current && *hash == status.stable_set {
            release.served = None;
        }
        release.outcome = said(&told.join(", "));
    }
}

/// Who wrote the template last, as the server remembers it: told of the newest where nobody gave a cause.
pub fn author(owner: &Metadata, began: Option<Timestamp>) -> Option<String> {
    let wrote = owner.managed_fields.iter().filter(|written| written.fields_v1["f:spec"]["f:template"].is_object());
    let last = wrote.max_by_key(|written| written.time)?;
    // A change that came before the release is not what made it, one that came long after only looks like it.
    let apart = (began?.as_second() - last.time?.as_second()).abs();
    (apart <= 60).then(|| format!("by {}", last.manager))
}

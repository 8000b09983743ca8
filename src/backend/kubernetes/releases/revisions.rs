//! The history of a StatefulSet or a DaemonSet: its ControllerRevisions. Pure.

use super::{
    pods::Running,
    row::{ControllerRevision, Pod, Set},
    said, timeline,
    timeline::Kept,
};
use crate::{
    backend::kubernetes::outline::template::{self, list, text},
    domain::{Release, ServiceKind, text::clean},
};

/// The label by which pods tell which revision they are of: its whole name on a StatefulSet, its hash on a DaemonSet.
const HASH: &str = "controller-revision-hash";

/// Newest first.
pub fn releases(kind: ServiceKind, set: &Set, revisions: &[ControllerRevision], pods: &[Pod]) -> Vec<Release> {
    let mut revisions: Vec<&ControllerRevision> =
        revisions.iter().filter(|revision| revision.metadata.is_controlled_by(&set.metadata.uid)).collect();
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    // A revision that is gone back to gets a new number and forgets the old one. It is written at no other time.
    let kept = revisions.iter().map(|revision| Kept {
        number: revision.revision,
        older: &[],
        created: revision.metadata.last_written().max(revision.metadata.creation_timestamp),
        last_written: None,
    });
    let times = timeline::times(&kept.collect::<Vec<_>>());
    let mut found: Vec<Release> = Vec::with_capacity(revisions.len());
    for (revision, time) in revisions.into_iter().zip(times) {
        let template = revision.template();
        let name = &revision.metadata.name;
        let is_whole = kind == ServiceKind::StatefulSet;
        let hash = revision.metadata.labels.get(HASH).filter(|_| !is_whole).unwrap_or(name);
        let running = Running::labelled(pods, HASH, hash);
        let main = list(&template["spec"]["containers"]).first().cloned().unwrap_or_default();
        let mut release = Release {
            id: clean(name).into(),
            number: Some(revision.revision),
            image: running.image(text(&main["name"]), text(&main["image"])),
            created: time.began,
            current: found.is_empty(),
            instances: running.count(),
            cause: revision.metadata.annotations.get("kubernetes.io/change-cause").and_then(|cause| said(cause)),
            served: time.served,
            outline: Some(template::outline(&template).into()),
            ..Release::default()
        };
        if release.current {
            stand(kind, set, &running, &mut release);
        }
        found.push(release);
    }
    found
}

/// How the newest does.
fn stand(kind: ServiceKind, set: &Set, running: &Running<'_>, release: &mut Release) {
    let status = &set.status;
    let (wanted, updated, ready) = if kind == ServiceKind::StatefulSet {
        let wanted = set.spec.replicas.unwrap_or(1);
        // Once all run the newest, they are not counted apart any more.
        let is_done = status.update_revision == status.current_revision;
        (wanted, if is_done { wanted.min(status.replicas) } else { status.updated_replicas }, status.ready_replicas)
    } else {
        (status.desired_number_scheduled, status.updated_number_scheduled, status.number_available)
    };
    release.instances = updated;
    let all_run_it = updated >= wanted;
    let ready = if all_run_it { ready } else { running.ready() };
    let stuck = running.stuck().map_or_else(String::new, |stuck| format!(": {stuck}"));
    let outcome = if wanted == 0 {
        "scaled to none".to_owned()
    } else if all_run_it && ready >= wanted {
        release.healthy_since = running.all_ready_since();
        String::new()
    } else if !all_run_it {
        release.failed = ready == 0 && stuck.contains("crash loop");
        format!("rolling out, {updated} of {wanted} run it, {ready} ready{stuck}")
    } else {
        format!("{ready} of {wanted} ready{stuck}")
    };
    release.outcome = said(&outcome);
}

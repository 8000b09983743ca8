//! What keeps no history has one release: what runs now.

use super::{
    pods::Running,
    row::{Pod, Set},
};
use crate::{
    backend::kubernetes::outline::template::{self, list, text},
    domain::{Release, text::clean},
};

/// A Job or a CronJob: `template` is what its next pod is made from.
pub fn of_template(set: &Set, template: &serde_json::Value, pods: &[Pod]) -> Release {
    let running: Vec<Pod> = pods.iter().filter(|pod| is_alive(pod)).cloned().collect();
    Release {
        created: set.metadata.creation_timestamp,
        instances: Running::all(&running).count(),
        ..release(&set.metadata.name, template, &Running::all(pods))
    }
}

/// Pods of nobody, or of a controller that is not known: the newest is what would be made now.
pub fn of_pods(pods: &[Pod]) -> Option<Release> {
    let newest = pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp)?;
    let metadata = &newest.metadata;
    let template = serde_json::json!({
        "metadata": {"labels": &metadata.labels, "annotations": &metadata.annotations},
        "spec": &newest.spec,
    });
    let running = Running::all(pods);
    Some(Release {
        created: pods.iter().filter_map(|pod| pod.metadata.creation_timestamp).min(),
        instances: running.count(),
        healthy_since: running.all_ready_since(),
        outcome: running.stuck().map(Into::into),
        ..release(&metadata.name, &template, &running)
    })
}

fn release(id: &str, template: &serde_json::Value, running: &Running<'_>) -> Release {
    let main = list(&template["spec"]["containers"]).first().cloned().unwrap_or_default();
    Release {
        id: clean(id).into(),
        image: running.image(text(&main["name"]), text(&main["image"])),
        current: true,
        outline: Some(template::outline(template).into()),
        ..Release::default()
    }
}

fn is_alive(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Pending" | "Running")
}

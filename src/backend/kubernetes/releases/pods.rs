//! What the pods of a service say of its releases: by which hash each belongs to one, what image it really runs, and how it does. Pure.

use jiff::Timestamp;

use super::row::{ContainerStatus, Pod};
use crate::domain::{Image, text::clean};

/// The pods of one release.
pub struct Running<'a>(Vec<&'a Pod>);

impl<'a> Running<'a> {
    /// Those that carry this label with this value.
    pub fn labelled(pods: &'a [Pod], label: &str, value: &str) -> Self {
        let is_ours = |pod: &&Pod| !value.is_empty() && pod.metadata.labels.get(label).is_some_and(|is| is == value);
        Self(pods.iter().filter(is_ours).collect())
    }

    pub fn all(pods: &'a [Pod]) -> Self {
        Self(pods.iter().collect())
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    pub fn ready(&self) -> u32 {
        u32::try_from(self.0.iter().filter(|pod| ready_since(pod).is_some()).count()).unwrap_or(u32::MAX)
    }

    /// Since when the last of them is ready; `None` while one is not, or there is none.
    pub fn all_ready_since(&self) -> Option<Timestamp> {
        self.0.iter().map(|pod| ready_since(pod)).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// `reference`, with the digest that was really pulled for this container.
    pub fn image(&self, container: &str, reference: &str) -> Image {
        let statuses = self.0.iter().flat_map(|pod| &pod.status.container_statuses);
        let digest = statuses.filter(|status| status.name == container).find_map(|status| digest(&status.image_id));
        Image { reference: clean(reference).into(), digest: digest.map(Into::into), ..Image::default() }
    }

    /// Why one of them does not come up, if one does not: `crash loop, exit 137 (OOMKilled)`, `ImagePullBackOff`.
    pub fn stuck(&self) -> Option<String> {
        self.0.iter().flat_map(|pod| &pod.status.container_statuses).find_map(stuck)
    }
}

fn stuck(status: &ContainerStatus) -> Option<String> {
    let reason = status.state.waiting.as_ref()?.reason.as_str();
    match reason {
        "CrashLoopBackOff" => {
            let how = status.last_state.terminated.as_ref().map_or_else(String::new, |ended| {
                let why = match ended.reason.as_str() {
                    "" | "Error" | "Completed" => String::new(),
                    reason => format!(" ({reason})"),
                };
                format!(", exit {}{why}", ended.exit_code)
            });
            Some(clean(&format!("crash loop{how}")).into_owned())
        }
        "ContainerCreating" | "PodInitializing" | "" => None,
        reason => Some(clean(reason).into_owned()),
    }
}

fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = pod.status.conditions.iter().find(|condition| condition.kind == "Ready")?;
    ready.last_transition_time.filter(|_| ready.status == "True")
}

/// `docker-pullable://shop/web@sha256:9f…` -> `sha256:9f…`
fn digest(image_id: &str) -> Option<String> {
    let start = image_id.rfind("sha256:")?;
    let hex = &image_id[start + "sha256:".len()..];
    (!hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| image_id[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(hash: &str, status: serde_json::Value) -> Pod {
        let metadata = json!({"name": "web-1", "labels": {"pod-template-hash": hash}});
        serde_json::from_value(json!({"metadata": metadata, "status": status})).expect("a pod")
    }

    #[test]
    fn an_image_is_told_with_the_digest_that_was_pulled_for_it() {
        let running = |id: &str| {
            let status = json!({"containerStatuses": [{"name": "proxy", "imageID": "x@sha256:00"}, {"name": "web", "imageID": id}]});
            let pods = [pod("a", status)];
            Running::labelled(&pods, "pod-template-hash", "a")
                .image("web", "shop/web:v2")
                .digest
                .map(|it| it.to_string())
        };
        assert_eq!(running("docker-pullable://shop/web@sha256:9f2c").as_deref(), Some("sha256:9f2c"));
        assert_eq!(running("sha256:9f2c").as_deref(), Some("sha256:9f2c"));
        assert_eq!(running("").as_deref(), None);
        assert_eq!(running("sha256:\u{1b}[2J").as_deref(), None);
    }

    #[test]
    fn a_crash_loop_is_told_with_its_last_end() {
        let state = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let pods = [pod("a", json!({"containerStatuses": [{"name": "web", "state": state, "lastState": ended}]}))];
        assert_eq!(Running::all(&pods).stuck().as_deref(), Some("crash loop, exit 137 (OOMKilled)"));
        assert_eq!(Running::labelled(&pods, "pod-template-hash", "b").stuck(), None);
    }

    #[test]
    fn they_are_ready_since_the_last_of_them_became_so() {
        let ready = |status: &str, at: &str| json!({"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": at}]});
        let mut pods =
            vec![pod("a", ready("True", "2026-11-20T10:00:00Z")), pod("a", ready("True", "2026-11-20T12:00:00Z"))];
        assert_eq!(Running::all(&pods).all_ready_since(), "2026-11-20T12:00:00Z".parse().ok());
        pods.push(pod("a", ready("False", "2026-11-20T13:00:00Z")));
        assert_eq!((Running::all(&pods).all_ready_since(), Running::all(&pods).ready()), (None, 2));
    }
}

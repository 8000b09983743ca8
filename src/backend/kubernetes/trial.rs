//! Tries a change and makes nothing: what admission has to say against a new template, and against a pod of it, is met before anything is
//! changed.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    Site,
    change::manager,
    directory::Workload,
    edits::{edited, strategic},
    fault::Fault,
    means::obstacle,
    steps::stopped,
};
use crate::{backend::StepError, domain::Trouble, plan::Edits};

/// A pod of the service with these edits. Room is not asked for: it may be made meanwhile, and a quota is told while it is waited for.
pub async fn pod(
    site: &Site,
    workload: &Workload,
    template: &Value,
    edits: &Edits,
    what: &str,
) -> Result<(), StepError> {
    let Ok(new) = edited(template, edits) else { return Ok(()) };
    let said = obstacle::try_pod(site, workload, &new).await.map_err(|fault| stopped(&fault, what))?;
    match said.filter(|why| !obstacle::is_about_room(why)) {
        Some(why) => Err(refused(what, format!("the cluster lets no pod of it in: {why}"))),
        None => Ok(()),
    }
}

/// The same edits in the service's own object (`found`, at `path`), which has them at the end of a plan only.
pub async fn update(site: &Site, path: &str, found: &Value, edits: &Edits, what: &str) -> Result<(), StepError> {
    let Ok(spec) = strategic(&found["spec"]["template"], edits) else { return Ok(()) };
    let path = format!("{path}?dryRun=All&fieldManager={}", manager(found));
    let patch = json!({"metadata": {"uid": found["metadata"]["uid"]}, "spec": {"template": {"spec": spec}}});
    let kind = "application/strategic-merge-patch+json";
    let answer: Result<IgnoredAny, Fault> = site.api.change(Method::PATCH, &path, kind, &patch).await;
    match obstacle::said(answer).map_err(|fault| stopped(&fault, what))? {
        Some(why) => Err(refused(what, format!("the service itself could not be changed so in the end: {why}"))),
        None => Ok(()),
    }
}

fn refused(what: &str, why: String) -> StepError {
    StepError::Failed(Trouble::new(what, why).help("nothing was changed: ask who sets that rule"))
}

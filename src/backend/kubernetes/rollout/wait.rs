//! Waits until a rollout is complete, or has failed, or is not the one that was meant any more.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    super::{
        Site,
        change::{author, is_changed_by_others, mark},
        changes::Changes,
        directory::Workload,
        edits::edited,
        fault::Fault,
        holder::Referred,
        replacements::{Patience, PodTrouble, Replacements},
        resolve::{self, resolve},
        steps::stopped,
        undo::{self, Kept},
    },
    Rolling, Stand, UNSEEN,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, ServiceId, ServiceKind, Trouble},
    plan::{Edits, Recipe},
};

/// Between two looks, at the least; and at most this share of the time goes into looking.
const LOOK: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;
/// For so long it must say that it failed.
const FAILED_FOR: Duration = Duration::from_secs(3);
/// What has no readiness probe must go on running for so long.
const UNPROBED_FOR: Duration = Duration::from_secs(3);

pub struct Awaited<'a> {
    pub within: u32,
    pub wants: Option<&'a Recipe>,
}

pub async fn wait(
    site: &Site,
    service: &ServiceId,
    Awaited { within, wants }: Awaited<'_>,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("{service} was not rolled out");
    let lost = |fault: Fault| match fault {
        fault if fault.is_missing() => StepError::Failed(Trouble::new(what.as_str(), "it is gone")),
        fault => stopped(&fault, what.as_str()),
    };
    let workload = resolve(site, service).await.map_err(lost)?;
    let Workload { kind, namespace, name, .. } = &workload;
    let path = resolve::path(*kind, namespace, name)
        .ok_or_else(|| StepError::Failed(Trouble::new(what.as_str(), format!("a {kind} is not rolled out"))))?;
    let failed = |why: String, help: Option<String>| {
        let help = help.unwrap_or_else(|| format!("kubectl -n {namespace} rollout status {kind}/{name}"));
        StepError::Failed(Trouble::new(what.as_str(), why).help(help))
    };
    let began = Instant::now();
    // Pods of a release that this brought have no past; of others only what happens from now on counts.
    let mut patience = match wants {
        Some(Recipe::Edited(_)) => Patience::of_new(),
        Some(Recipe::Release(_)) | None => Patience::default(),
    };
    let (mut last_words, mut failed_since, mut complete_since) = (String::new(), None, None);
    let mut meant = Meant::of(site, &workload, wants, &what).await?;
    let mut changes = Changes::new(&path);
    loop {
        let look_began = Instant::now();
        let found: Value = site.api.get(&path).await.map_err(lost)?;
        let other = referred(site, &workload, &found).await.map_err(lost)?;
        let rolling: Rolling =
            serde_json::from_value(found.clone()).map_err(|error| lost(Fault::Garbled(error.to_string().into())))?;
        if let Some(by) = meant.as_mut().and_then(|meant| meant.is_lost(other.as_ref().unwrap_or(&found))) {
            let help = "look at what was changed: what its source says may have to be changed there";
            return Err(failed(format!("its template was changed meanwhile{by}"), Some(help.into())));
        }
        if wants.is_some() && rolling.is_by_hand() {
            let why = "its update strategy is OnDelete: a pod is replaced when somebody deletes it";
            return Err(failed(why.into(), Some("delete its pods one at a time".into())));
        }
        let pods = Replacements::of(site, &workload, &rolling).await.map_err(lost)?;
        let is_seen = rolling.is_observed() && other.as_ref().is_none_or(|other| rolling.has_seen(other));
        let stand = match if is_seen { rolling.stand(*kind) } else { Stand::Going(UNSEEN.into()) } {
            // Where none is wanted any more, it does not matter that those before did no good.
            Stand::Failed(_) if rolling.wanted(*kind) == Some(0) && pods.each().all(|pod| pod.is_ending) => {
                Stand::Complete
            }
            Stand::Failed(why) if rolling.wanted(*kind) == Some(0) => Stand::Going(why),
            stand => stand,
        };
        if !matches!(stand, Stand::Failed(_)) {
            failed_since = None;
        }
        let wanted = rolling.wanted(*kind).unwrap_or(0);
        let is_ready = pods.ready() >= wanted;
        if !(matches!(stand, Stand::Complete) && is_ready) {
            complete_since = None;
        }
        let is_late = began.elapsed() >= Duration::from_secs(within.into());
        let mut words = match stand {
            // What it says first after it was changed may still be of what was before.
            Stand::Failed(why) if failed_since.get_or_insert_with(Instant::now).elapsed() < FAILED_FOR => why,
            Stand::Failed(why) => {
                let trouble = match pods.trouble() {
                    Some(trouble) => Some(trouble),
                    None => cause(site, &workload, &rolling, &pods).await,
                };
                let (why, help) = match trouble {
                    Some(trouble) => (format!("{why}; {}", trouble.says), Some(trouble.help)),
                    None => (why, None),
                };
                return Err(failed(why, help));
            }
            Stand::Asks(why) => return Err(StepError::Unsure(Trouble::new(what.as_str(), why))),
            // The controller's count may be a moment behind what happened to a pod.
            Stand::Complete if !is_ready => format!("{} of {wanted} ready", pods.ready()),
            Stand::Complete => {
                let is_new = complete_since.get_or_insert_with(Instant::now).elapsed() < UNPROBED_FOR;
                if !(is_new && pods.has_unprobed()) || is_late {
                    tell_of_partition(*kind, &rolling, progress);
                    return Ok(());
                }
                "complete; it has no readiness probe, so it is looked at a moment longer".into()
            }
            Stand::Going(words) => words,
        };
        // Before its controller has seen the change, the newest pods are those of what it is changed from. And where none is wanted, those
        // that are there still are in no trouble.
        let is_wanted = rolling.wanted(*kind) != Some(0);
        if let Some(trouble) = pods.hopeless(&mut patience, look_began).filter(|_| is_seen && is_wanted) {
            return Err(failed(trouble.says, Some(trouble.help)));
        }
        if let Some(trouble) = pods.trouble().filter(|_| is_seen) {
            words = format!("{words}; {}", trouble.says);
            if is_late {
                return Err(failed(format!("after {within} s: {words}"), Some(trouble.help)));
            }
        } else if is_late {
            let told = if is_seen { cause(site, &workload, &rolling, &pods).await } else { None };
            let (told, help) = match told {
                Some(trouble) => (format!("; {}", trouble.says), Some(trouble.help)),
                None => (String::new(), None),
            };
            return Err(failed(format!("after {within} s: {words}{told}"), help));
        } else if let Some(refused) = rolling.refused().filter(|_| is_seen) {
            words = format!("{words}; {refused}");
        }
        if words != last_words {
            progress(&words);
            last_words = words;
        }
        let looked = look_began.elapsed();
        changes.wait(site, &rolling.metadata.resource_version, LOOK.max(looked * SHARE), looked).await;
    }
}

/// Why it does not get on where no pod tells: what its controller may not create, and then what a node says of one that is not ready.
async fn cause(site: &Site, workload: &Workload, rolling: &Rolling, pods: &Replacements) -> Option<PodTrouble> {
    let Workload { kind, namespace, name, .. } = workload;
    let refused = match rolling.refused() {
        Some(refused) => Some(refused),
        None => pods.why_not_created(site, workload).await,
    };
    match refused {
        Some(says) => Some(PodTrouble { says, help: format!("kubectl -n {namespace} describe {kind} {name}") }),
        None => pods.why_unready(site).await,
    }
}

fn tell_of_partition(kind: ServiceKind, rolling: &Rolling, progress: &Progress) {
    let partition = rolling.partition();
    if kind == ServiceKind::StatefulSet && partition > 0 {
        progress(&format!("complete: by its partition, pods below {partition} keep what they run"));
    }
}

/// The object that holds the template of a Rollout which leaves it to another.
async fn referred(site: &Site, workload: &Workload, found: &Value) -> Result<Option<Value>, Fault> {
    let referred = Referred::of(found).filter(|_| workload.kind == ServiceKind::Rollout);
    let Some(path) = referred.and_then(|referred| referred.path(&workload.namespace)) else { return Ok(None) };
    site.api.get(&path).await.map(Some)
}

impl Rolling {
    /// The controller of a Rollout whose template is another object's says apart which generation of that it has seen.
    fn has_seen(&self, other: &Value) -> bool {
        other["metadata"]["generation"].as_u64().unwrap_or(0) <= self.status.workload_observed_generation
    }
}

/// The template that the plan gave it: whoever puts another in its place has taken the rollout away.
struct Meant<'a> {
    wants: Wants<'a>,
    /// What an admission made of it when we set it.
    taken: Option<u64>,
}

enum Wants<'a> {
    Edits(&'a Edits),
    Kept(Kept),
}

impl<'a> Meant<'a> {
    /// A release that is not kept any more cannot be compared with.
    async fn of(
        site: &Site,
        workload: &Workload,
        wants: Option<&'a Recipe>,
        what: &str,
    ) -> Result<Option<Self>, StepError> {
        let wants = match wants {
            None => return Ok(None),
            Some(Recipe::Edited(edits)) => Wants::Edits(edits),
            Some(Recipe::Release(release)) => {
                let object = Object { uid: workload.uid.clone(), generation: None, template: None };
                match undo::kept(site, workload, &object, release, what).await {
                    Ok(kept) => Wants::Kept(kept),
                    Err(StepError::Failed(_) | StepError::Unsure(_)) => return Ok(None),
                    Err(StepError::Lost(trouble)) => return Err(StepError::Lost(trouble)),
                }
            }
        };
        Ok(Some(Self { wants, taken: None }))
    }

    /// By whom, as far as the server remembers: " by argocd at 02:14:06".
    fn is_lost(&mut self, holder: &Value) -> Option<String> {
        let template = if holder["template"].is_object() { &holder["template"] } else { &holder["spec"]["template"] };
        let holds = match &self.wants {
            Wants::Edits(edits) => edited(template, edits).is_ok_and(|new| new == *template),
            Wants::Kept(kept) => kept.is_in(template),
        };
        let mark = mark(template);
        if holds || self.taken == Some(mark) {
            return None;
        }
        if self.taken.is_none() && !is_changed_by_others(holder) {
            self.taken = Some(mark);
            return None;
        }
        Some(author(holder).map_or_else(String::new, |author| format!(" {author}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(image: &str, ours: &str, theirs: &str) -> Value {
        let wrote = |manager: &str, time: &str| json!({"manager": manager, "time": time, "fieldsV1": {"f:spec": {"f:template": {}}}});
        json!({
            "metadata": {"managedFields": [wrote("midwatch", ours), wrote("argocd-controller", theirs)]},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}},
        })
    }

    #[test]
    fn a_release_that_somebody_took_back_is_not_taken_for_rolled_out() {
        let edits = Edits { images: [("web".into(), "web:v2".into())].into(), ..Edits::default() };
        let (early, late) = ("2026-11-21T02:14:06Z", "2026-11-21T02:14:09Z");
        let mut meant = Meant { wants: Wants::Edits(&edits), taken: None };
        assert_eq!(meant.is_lost(&deployment("web:v2", late, early)), None);
        let by = meant.is_lost(&deployment("web:v1", early, late)).expect("taken back");
        assert_eq!(by, " by argocd-controller at 02:14:09");
    }

    #[test]
    fn what_an_admission_made_of_our_own_change_is_ours_until_another_one_comes() {
        let edits = Edits { images: [("web".into(), "web:v2".into())].into(), ..Edits::default() };
        let (early, late) = ("2026-11-21T02:14:06Z", "2026-11-21T02:14:09Z");
        let mut meant = Meant { wants: Wants::Edits(&edits), taken: None };
        assert_eq!(meant.is_lost(&deployment("mirror/web:v2", late, early)), None);
        assert_eq!(meant.is_lost(&deployment("mirror/web:v2", late, early)), None);
        assert!(meant.is_lost(&deployment("web:v1", early, late)).is_some());
    }
}

//! Tells an Argo Rollout what a person decided, by the patches that Argo's own kubectl plugin sends.

use serde_json::{Value, json};

use super::{
    Site, argo,
    change::{Change, Made, make_so, refuse, same},
    resolve::{self, resolve},
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, ServiceId, ServiceKind, Trouble},
    plan::Steer,
};

pub struct Told<'a> {
    pub object: &'a Object,
    pub word: Steer,
    /// The step at which the word was given.
    pub at: Option<u32>,
    /// The release that it was given for.
    pub release: Option<&'a str>,
}

pub async fn steer(
    site: &Site,
    service: &ServiceId,
    Told { object, word, at, release }: Told<'_>,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = match word {
        Steer::Promote | Steer::PromoteFull => format!("could not promote {service}"),
        Steer::Abort => format!("could not abort the rollout of {service}"),
        Steer::Retry => format!("could not retry the rollout of {service}"),
    };
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    if workload.kind != ServiceKind::Rollout {
        return Err(refuse(&what, format!("a {} has no controller that could be told", workload.kind)));
    }
    let path = resolve::path(workload.kind, &workload.namespace, &workload.name)
        .ok_or_else(|| refuse(&what, "its name is none of Kubernetes"))?;
    // Where its status is no resource of its own, as in the oldest versions, it is changed with the rest.
    let part = match site.api.get::<Value>(&format!("{path}/status")).await {
        Err(fault) if fault.is_missing() => "",
        Ok(_) | Err(_) => "/status",
    };
    let of_status = |found: &Value| {
        // Not by its generation: whoever scales it raises that, and so does what this very word does to its definition.
        same(&what, found, &object.uid)?;
        let status = of_status(found, word, at).map_err(|why| refuse(&what, why))?;
        let now = &found["status"]["currentPodHash"];
        if status.is_some() && release.is_some_and(|release| now != release) {
            let trouble = Trouble::new(what.as_str(), "another release is under way than the one that was meant");
            return Err(StepError::Failed(trouble.help("look at what it is, and say it again")));
        }
        Ok(status.map(|status| Change::Merge(json!({"status": status}))))
    };
    let waits_for_spec = |found: &Value| {
        let is_told = word == Steer::Promote && found["spec"]["paused"] == true;
        Ok(is_told.then(|| Change::Merge(json!({"spec": {"paused": false}}))))
    };
    let mut made = make_so(site, &what, &path, part, of_status).await?;
    if word == Steer::Promote && make_so(site, &what, &path, "", waits_for_spec).await? == Made::Now {
        made = Made::Now;
    }
    progress(match made {
        Made::Now => "its controller is told",
        Made::Already => "it is so already",
    });
    Ok(())
}

/// What its status should say; `None` when it says so already. Pure.
fn of_status(rollout: &Value, word: Steer, at: Option<u32>) -> Result<Option<Value>, &'static str> {
    let state = argo::state(rollout);
    let is_aborted = rollout["status"]["abort"] == true;
    match word {
        Steer::Retry => Ok(is_aborted.then(|| json!({"abort": false}))),
        Steer::Abort if is_aborted => Ok(None),
        Steer::Abort if !state.under_way => Err("nothing is under way that could be aborted"),
        Steer::Abort => Ok(Some(json!({"abort": true}))),
        Steer::Promote | Steer::PromoteFull if !state.under_way => Ok(None),
        Steer::Promote | Steer::PromoteFull if is_aborted => Err("it is aborted: retry it first, or undo it"),
        Steer::PromoteFull => Ok((rollout["status"]["promoteFull"] != true).then(|| json!({"promoteFull": true}))),
        Steer::Promote => Ok(promoted(rollout, at)),
    }
}

/// Done when it is past the step at which the word was given: told twice, it would skip a step that nobody looked at.
fn promoted(rollout: &Value, at: Option<u32>) -> Option<Value> {
    let status = &rollout["status"];
    let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
    let step = status["currentStepIndex"].as_u64();
    let is_past = at.zip(step).is_some_and(|(at, step)| step > u64::from(at));
    let is_over = step.is_some_and(|step| step >= steps as u64) && steps > 0;
    if is_past || is_over {
        return None;
    }
    let next = step.map(|step| step + 1);
    let is_paused = status["pauseConditions"].as_array().is_some_and(|conditions| !conditions.is_empty());
    let is_inconclusive = status["canary"]["currentStepAnalysisRunStatus"]["status"] == "Inconclusive";
    match next {
        Some(next) if is_paused && is_inconclusive && status["controllerPause"] == true => {
            Some(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next}))
        }
        _ if is_paused => Some(json!({"pauseConditions": null})),
        // In the middle of an analysis or of a change of weight, which is skipped.
        Some(next) => Some(json!({"pauseConditions": null, "currentStepIndex": next})),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(status: Value) -> Value {
        let mut whole = json!({"currentPodHash": "new", "stableRS": "old"});
        whole.as_object_mut().expect("an object").extend(status.as_object().expect("an object").clone());
        let steps = json!([{"setWeight": 10}, {"pause": {}}, {"analysis": {}}, {"pause": {}}]);
        json!({"spec": {"strategy": {"canary": {"steps": steps}}}, "status": whole})
    }

    fn told(status: Value, word: Steer, at: Option<u32>) -> Result<Option<Value>, &'static str> {
        of_status(&canary(status), word, at)
    }

    #[test]
    fn a_promotion_ends_a_pause_or_skips_a_step_and_never_both() {
        let paused = json!({"currentStepIndex": 1, "pauseConditions": [{"reason": "CanaryPauseStep"}]});
        assert_eq!(told(paused, Steer::Promote, Some(1)), Ok(Some(json!({"pauseConditions": null}))));
        let analysing = told(json!({"currentStepIndex": 2}), Steer::Promote, Some(2));
        assert_eq!(analysing, Ok(Some(json!({"pauseConditions": null, "currentStepIndex": 3}))));
        let inconclusive = json!({
            "currentStepIndex": 2, "controllerPause": true, "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}],
            "canary": {"currentStepAnalysisRunStatus": {"status": "Inconclusive"}},
        });
        let patch = json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 3});
        assert_eq!(told(inconclusive, Steer::Promote, None), Ok(Some(patch)));
    }

    #[test]
    fn a_promotion_that_was_done_does_not_skip_the_next_pause() {
        let later = json!({"currentStepIndex": 3, "pauseConditions": [{"reason": "CanaryPauseStep"}]});
        assert_eq!(told(later.clone(), Steer::Promote, Some(1)), Ok(None));
        assert_eq!(told(later, Steer::Promote, Some(3)), Ok(Some(json!({"pauseConditions": null}))));
        let promoted = json!({"currentStepIndex": 4, "stableRS": "new"});
        assert_eq!(told(promoted, Steer::Promote, Some(3)), Ok(None));
    }

    #[test]
    fn the_other_words_are_said_once_and_only_where_they_mean_something() {
        assert_eq!(told(json!({}), Steer::PromoteFull, None), Ok(Some(json!({"promoteFull": true}))));
        assert_eq!(told(json!({"promoteFull": true}), Steer::PromoteFull, None), Ok(None));
        assert_eq!(told(json!({"stableRS": "new"}), Steer::PromoteFull, None), Ok(None));
        assert_eq!(told(json!({}), Steer::Abort, None), Ok(Some(json!({"abort": true}))));
        assert_eq!(told(json!({"abort": true}), Steer::Abort, None), Ok(None));
        assert!(told(json!({"stableRS": "new"}), Steer::Abort, None).is_err());
        assert_eq!(told(json!({"abort": true}), Steer::Retry, None), Ok(Some(json!({"abort": false}))));
        assert_eq!(told(json!({}), Steer::Retry, None), Ok(None));
        assert!(told(json!({"abort": true}), Steer::Promote, None).is_err());
    }
}

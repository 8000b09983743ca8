//! What an Argo Rollout says of itself. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::holder::Referred;
use crate::domain::{Argo, Release, text::clean};

/// Until when the ReplicaSet of an older release keeps its instances.
const SCALED_DOWN_AT: &str = "scale-down-deadline";
const HASH: &str = "rollouts-pod-template-hash";

/// All but the releases that it would go back to at once.
pub fn state(rollout: &Value) -> Argo {
    let (spec, status) = (&rollout["spec"], &rollout["status"]);
    let text = |value: &Value| Arc::<str>::from(clean(value.as_str().unwrap_or_default()));
    let canary = &spec["strategy"]["canary"];
    let strategy = if spec["strategy"]["blueGreen"].is_object() { "blue-green" } else { "canary" };
    let steps = canary["steps"].as_array().map_or(0, Vec::len);
    let step = status["currentStepIndex"].as_u64().and_then(|step| u32::try_from(step).ok());
    let analyses = [
        &status["canary"]["currentStepAnalysisRunStatus"]["status"],
        &status["blueGreen"]["prePromotionAnalysisRunStatus"]["status"],
        &status["blueGreen"]["postPromotionAnalysisRunStatus"]["status"],
    ];
    let is = |words: &[&str]| analyses.iter().any(|status| status.as_str().is_some_and(|is| words.contains(&is)));
    let current = &status["currentPodHash"];
    let whole = if strategy == "blue-green" { &status["blueGreen"]["activeSelector"] } else { &status["stableRS"] };
    Argo {
        strategy: strategy.into(),
        phase: text(&status["phase"]),
        message: text(&status["message"]),
        paused_for: status["pauseConditions"][0]["reason"].as_str().map(|reason| clean(reason).into()),
        paused_by_hand: spec["paused"] == true,
        aborted: status["abort"] == true,
        under_way: current.is_string() && (current != whole || current != &status["stableRS"]),
        step: step.zip(u32::try_from(steps).ok().filter(|steps| *steps > 0)),
        analysing: is(&["Running", "Pending"]),
        inconclusive: is(&["Inconclusive"]),
        workload: Referred::of(rollout).map(|referred| referred.title().into()),
        wanted: current.as_str().map(|current| clean(current).into()),
        fast_track: Vec::new(),
    }
}

/// Which releases it goes back to without its steps, and why: the one that is still the stable one, one whose instances still run, and
/// the newest ones where its own rollback window says so. `sets`: its ReplicaSets.
pub fn fast_track(rollout: &Value, sets: &[Value], releases: &[Release], now: Timestamp) -> Vec<(Arc<str>, Arc<str>)> {
    let stable = rollout["status"]["stableRS"].as_str().unwrap_or_default();
    let is_under_way = state(rollout).under_way;
    let window = rollout["spec"]["rollbackWindow"]["revisions"].as_u64().unwrap_or(0);
    let older = releases.iter().filter(|release| !release.current && !release.id.is_empty());
    let why = |(age, release): (usize, &Release)| {
        let set = sets.iter().find(|set| set["metadata"]["name"] == *release.id)?;
        let why: Arc<str> = if is_under_way && set["metadata"]["labels"][HASH] == stable {
            "it is the stable one still".into()
        } else if let Some(until) = kept_until(set).filter(|until| *until > now) {
            format!("its instances are kept until {}", until.strftime("%H:%M:%S UTC")).into()
        } else if !is_under_way && (age as u64) < window {
            format!("it is one of the last {window}, its rollback window").into()
        } else {
            return None;
        };
        Some((release.id.clone(), why))
    };
    older.enumerate().filter_map(why).collect()
}

fn kept_until(set: &Value) -> Option<Timestamp> {
    let is_running = set["spec"]["replicas"].as_u64().is_some_and(|replicas| replicas > 0);
    let until = set["metadata"]["annotations"][SCALED_DOWN_AT].as_str()?;
    until.parse().ok().filter(|_| is_running)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(id: &str, current: bool) -> Release {
        Release { id: id.into(), current, ..Release::default() }
    }

    #[test]
    fn a_rollout_that_waits_at_a_step_says_for_whom() {
        let rollout = json!({
            "spec": {
                "strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}},
                "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            },
            "status": {
                "phase": "Paused", "message": "CanaryPauseStep", "currentStepIndex": 1, "currentPodHash": "new", "stableRS": "old",
                "pauseConditions": [{"reason": "CanaryPauseStep"}],
            },
        });
        let state = state(&rollout);
        assert_eq!((state.step, state.under_way, state.aborted), (Some((1, 2)), true, false));
        assert_eq!(state.paused_for.as_deref(), Some("CanaryPauseStep"));
        assert_eq!(state.workload.as_deref(), Some("deployment/web"));
    }

    #[test]
    fn a_blue_green_rollout_is_under_way_until_the_new_one_is_active() {
        let rollout = |active: &str| {
            json!({"spec": {"strategy": {"blueGreen": {}}},
                "status": {"currentPodHash": "new", "stableRS": "new", "blueGreen": {"activeSelector": active}}})
        };
        assert!(state(&rollout("old")).under_way);
        assert!(!state(&rollout("new")).under_way);
    }

    #[test]
    fn the_way_back_is_fast_where_the_old_one_is_stable_still_or_runs_or_is_in_the_window() {
        let set = |name: &str, hash: &str, replicas: u32, until: &str| {
            json!({"metadata": {"name": name, "labels": {HASH: hash}, "annotations": {SCALED_DOWN_AT: until}},
                "spec": {"replicas": replicas}})
        };
        let sets = [
            set("web-4", "d", 2, ""),
            set("web-3", "c", 2, "2026-11-21T12:00:30Z"),
            set("web-2", "b", 0, "2026-11-21T12:00:30Z"),
            set("web-1", "a", 0, ""),
        ];
        let releases =
            [release("web-4", true), release("web-3", false), release("web-2", false), release("web-1", false)];
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        let track = |current: &str, stable: &str, window: u32| {
            let rollout = json!({"spec": {"rollbackWindow": {"revisions": window}, "strategy": {"canary": {}}},
                "status": {"currentPodHash": current, "stableRS": stable}});
            fast_track(&rollout, &sets, &releases, now)
        };
        let ids =
            |track: Vec<(Arc<str>, Arc<str>)>| track.into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(track("d", "a", 0)), ["web-3", "web-1"]);
        assert_eq!(ids(track("d", "d", 0)), ["web-3"]);
        assert_eq!(ids(track("d", "d", 2)), ["web-3", "web-2"]);
    }
}

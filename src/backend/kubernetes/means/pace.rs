//! How fast a workload says that it is rolled, in instances. Pure.

use serde_json::{Value, json};

use crate::domain::{Pace, Replaced, Rules, ServiceKind};

/// `None` where nothing is replaced by itself.
pub fn of(kind: ServiceKind, workload: &Value) -> Option<Pace> {
    let spec = &workload["spec"];
    let wanted = number(&spec["replicas"]).unwrap_or(1);
    let min_ready = number(&spec["minReadySeconds"]).unwrap_or(0);
    let pace = |max_unavailable, max_surge| Some(Pace { max_unavailable, max_surge, min_ready });
    let quarter = Value::from("25%");
    let or = |value: &Value, default: &Value| if value.is_null() { default.clone() } else { value.clone() };
    // By the rules of Kubernetes' own controllers: what may be missing is rounded down, what may be too many up, and both are never none.
    let rolling = |rolling: &Value| {
        let missing = part(&or(&rolling["maxUnavailable"], &quarter), wanted, Round::Down);
        let surplus = part(&or(&rolling["maxSurge"], &quarter), wanted, Round::Up);
        pace(if missing == 0 && surplus == 0 { 1 } else { missing }, surplus)
    };
    match kind {
        ServiceKind::Deployment if spec["strategy"]["type"] == "Recreate" => pace(wanted, 0),
        ServiceKind::Deployment => rolling(&spec["strategy"]["rollingUpdate"]),
        ServiceKind::Rollout if spec["strategy"]["blueGreen"].is_object() => pace(0, wanted),
        ServiceKind::Rollout => rolling(&spec["strategy"]["canary"]),
        ServiceKind::DaemonSet | ServiceKind::StatefulSet if spec["updateStrategy"]["type"] == "OnDelete" => None,
        ServiceKind::DaemonSet => {
            let wanted = number(&workload["status"]["desiredNumberScheduled"]).unwrap_or(1);
            let rolling = &spec["updateStrategy"]["rollingUpdate"];
            let surplus = part(&or(&rolling["maxSurge"], &Value::from(0)), wanted, Round::Up);
            let missing = part(&or(&rolling["maxUnavailable"], &Value::from(1)), wanted, Round::Up);
            pace(if surplus > 0 { missing } else { missing.max(1) }, surplus)
        }
        ServiceKind::StatefulSet => pace(1, 0),
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => None,
    }
}

/// How its pods are replaced, beside the pace.
pub fn rules(kind: ServiceKind, workload: &Value) -> Rules {
    let spec = &workload["spec"];
    let strategy = match kind {
        ServiceKind::Deployment => "strategy",
        ServiceKind::StatefulSet | ServiceKind::DaemonSet => "updateStrategy",
        ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => return Rules::default(),
    };
    let replaced = match spec[strategy]["type"].as_str() {
        Some("Recreate") => Replaced::AllAtOnce,
        Some("OnDelete") => Replaced::ByHand,
        Some(_) | None => Replaced::Rolling,
    };
    // To be merged into its `spec`: what is absent now is taken away again.
    let own = json!({
        strategy: {"rollingUpdate": spec[strategy]["rollingUpdate"]}, "minReadySeconds": spec["minReadySeconds"],
    });
    let has_pace = kind != ServiceKind::StatefulSet && replaced == Replaced::Rolling;
    Rules {
        replaced,
        partition: number(&spec[strategy]["rollingUpdate"]["partition"]).unwrap_or(0),
        kept: number(&spec["revisionHistoryLimit"]),
        pace: has_pace.then(|| own.to_string().into()),
    }
}

#[derive(Clone, Copy)]
enum Round {
    Up,
    Down,
}

/// `3`, or `"25%"` of what is wanted.
fn part(value: &Value, wanted: u32, round: Round) -> u32 {
    if let Some(percent) = value.as_str().and_then(|text| text.strip_suffix('%')?.trim().parse::<u32>().ok()) {
        let hundredths = u64::from(wanted) * u64::from(percent);
        let whole = match round {
            Round::Up => hundredths.div_ceil(100),
            Round::Down => hundredths / 100,
        };
        return u32::try_from(whole).unwrap_or(u32::MAX);
    }
    number(value).unwrap_or(0)
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pace(kind: ServiceKind, workload: Value) -> Option<(u32, u32)> {
        of(kind, &workload).map(|pace| (pace.max_unavailable, pace.max_surge))
    }

    #[test]
    fn percentages_are_instances_by_the_rules_of_the_controllers() {
        let deployment = |replicas: u32, unavailable: Value, surge: Value| {
            let rolling = json!({"maxUnavailable": unavailable, "maxSurge": surge});
            pace(
                ServiceKind::Deployment,
                json!({"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}}),
            )
        };
        assert_eq!(deployment(10, json!("25%"), json!("25%")), Some((2, 3)));
        assert_eq!(deployment(2, json!("25%"), json!("25%")), Some((0, 1)));
        assert_eq!(deployment(2, json!("10%"), json!(0)), Some((1, 0)));
        assert_eq!(deployment(3, Value::Null, Value::Null), Some((0, 1)));
        assert_eq!(
            pace(ServiceKind::Deployment, json!({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}}})),
            Some((3, 0))
        );
    }

    #[test]
    fn the_rules_keep_a_percentage_and_what_is_absent_as_they_are() {
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "10%"}});
        let told = rules(ServiceKind::Deployment, &json!({"spec": {"strategy": rolling, "revisionHistoryLimit": 0}}));
        let own: Value = serde_json::from_str(&told.pace.expect("a pace")).expect("JSON");
        let expected = json!({"strategy": {"rollingUpdate": rolling["rollingUpdate"]}, "minReadySeconds": null});
        assert_eq!((own, told.kept), (expected, Some(0)));
        let recreate = rules(ServiceKind::Deployment, &json!({"spec": {"strategy": {"type": "Recreate"}}}));
        assert_eq!((recreate.replaced, recreate.pace), (Replaced::AllAtOnce, None));
        let set = json!({"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}});
        assert_eq!(rules(ServiceKind::StatefulSet, &set).partition, 2);
        let by_hand = json!({"spec": {"updateStrategy": {"type": "OnDelete"}}});
        assert_eq!(rules(ServiceKind::DaemonSet, &by_hand).replaced, Replaced::ByHand);
    }

    #[test]
    fn every_kind_has_its_own_pace_and_what_waits_for_a_person_has_none() {
        let set = |kind, strategy: Value| {
            pace(
                kind,
                json!({"spec": {"replicas": 3, "updateStrategy": strategy}, "status": {"desiredNumberScheduled": 5}}),
            )
        };
        assert_eq!(set(ServiceKind::StatefulSet, json!({"type": "RollingUpdate"})), Some((1, 0)));
        assert_eq!(set(ServiceKind::DaemonSet, json!({"rollingUpdate": {"maxUnavailable": "30%"}})), Some((2, 0)));
        assert_eq!(set(ServiceKind::DaemonSet, json!({"type": "OnDelete"})), None);
        let blue_green = json!({"spec": {"replicas": 4, "strategy": {"blueGreen": {}}}});
        assert_eq!(pace(ServiceKind::Rollout, blue_green), Some((0, 4)));
    }
}

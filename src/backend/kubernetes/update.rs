//! Sets images and environment in a workload's template, and the pace at which its controller rolls them out.

use serde_json::{Value, json};

use super::{
    Site,
    change::{Change, Made, gone_or_lost, is_asked, make_so, marks, refuse, same},
    edits::{edited, strategic},
    holder::{self, Holder},
    resolve::resolve,
    steps::stopped,
    trial,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Object, Pace, ServiceId, ServiceKind, Trouble},
    plan::{Edits, Stamp},
};

pub struct Wanted<'a> {
    pub object: &'a Object,
    pub edits: &'a Edits,
    pub pace: Option<Pace>,
    /// In place of it: what `pace::rules` told.
    pub own_pace: Option<&'a str>,
    pub stamp: &'a Stamp,
}

pub async fn update(
    site: &Site,
    service: &ServiceId,
    wanted: Wanted<'_>,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not change {service}");
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what.as_str()))?;
    let holder = holder::of(site, &workload, wanted.object, &what).await?;
    let found: Value = site.api.get(&holder.path).await.map_err(|fault| gone_or_lost(&fault, &what))?;
    // Else it would be met by the first new pod, with the template changed already.
    if decide(&what, workload.kind, &holder, &wanted, &found)?.is_some() {
        trial::pod(site, &workload, holder.template(&found), wanted.edits, &what).await?;
    }
    let made = make_so(site, &what, &holder.path, "", |found| decide(&what, workload.kind, &holder, &wanted, found));
    progress(match made.await? {
        Made::Now => "its template is changed",
        Made::Already => "it is so already",
    });
    Ok(())
}

/// Pure.
fn decide(
    what: &str,
    kind: ServiceKind,
    holder: &Holder,
    wanted: &Wanted<'_>,
    found: &Value,
) -> Result<Option<Change>, StepError> {
    if holder.referred.is_none() {
        same(what, found, &wanted.object.uid)?;
    }
    let template = holder.template(found);
    let new = edited(template, wanted.edits).map_err(|why| refuse(what, why))?;
    let pace = match (wanted.own_pace, wanted.pace) {
        (Some(own), _) if holder.is_native => serde_json::from_str(own).map_err(|error| refuse(what, error))?,
        (None, Some(pace)) if holder.is_native => paced(kind, pace, &found["spec"]).map_err(|why| refuse(what, why))?,
        // A controller with steps of its own has a pace of its own.
        (Some(_) | None, _) => json!({}),
    };
    if new == *template && holds(&found["spec"], &pace) {
        return Ok(None);
    }
    if is_asked(found, wanted.stamp) && wanted.object.is_bound() {
        let trouble = Trouble::new(what, "it was changed, and somebody changed it again since");
        return Err(StepError::Failed(trouble.help("look at what was changed, and plan it again")));
    }
    holder.unmoved(what, found, wanted.object)?;
    let spec = if holder.is_native {
        strategic(template, wanted.edits).map_err(|why| refuse(what, why))?
    } else {
        lists(&new)
    };
    let mut patch = holder.patch(json!({"spec": spec}));
    if let (Some(spec), Value::Object(pace)) = (patch["spec"].as_object_mut(), pace) {
        spec.extend(pace);
    }
    patch["metadata"] = json!({"annotations": marks(wanted.stamp)});
    Ok(Some(if holder.is_native { Change::Strategic(patch) } else { Change::Merge(patch) }))
}

/// A merge patch takes a list as a whole.
fn lists(template: &Value) -> Value {
    let lists = ["containers", "initContainers"].into_iter();
    let there = lists.filter(|list| template["spec"][list].is_array());
    there.map(|list| (list.to_owned(), template["spec"][list].clone())).collect()
}

/// What the workload's `spec` says of its pace.
fn paced(kind: ServiceKind, pace: Pace, spec: &Value) -> Result<Value, String> {
    let Pace { max_unavailable, max_surge, min_ready } = pace;
    let rolling = |strategy: &str, rolling: Value| json!({strategy: {"rollingUpdate": rolling}});
    let mut wanted = match kind {
        ServiceKind::Deployment if spec["strategy"]["type"] == "Recreate" => {
            return Err("its strategy is Recreate: all are ended before new ones begin, at no pace".into());
        }
        ServiceKind::Deployment => {
            rolling("strategy", json!({"maxUnavailable": max_unavailable, "maxSurge": max_surge}))
        }
        // One that brings more than one at a time to a machine is newer than most servers; what is not said stays.
        ServiceKind::DaemonSet if max_surge == 0 => {
            rolling("updateStrategy", json!({"maxUnavailable": max_unavailable}))
        }
        ServiceKind::DaemonSet => {
            rolling("updateStrategy", json!({"maxUnavailable": max_unavailable, "maxSurge": max_surge}))
        }
        // One by one, from the last to the first.
        ServiceKind::StatefulSet
        | ServiceKind::Rollout
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => json!({}),
    };
    // Absent is none, and a server that does not know it of this kind leaves it out.
    if min_ready != spec["minReadySeconds"].as_u64().map_or(0, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
        && matches!(kind, ServiceKind::Deployment | ServiceKind::DaemonSet)
    {
        wanted["minReadySeconds"] = json!(min_ready);
    }
    Ok(wanted)
}

/// All that `wanted` says is so.
fn holds(found: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(key, wanted)| holds(&found[key], wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(image: &str, generation: u64) -> Value {
        json!({
            "metadata": {"uid": "u-1", "generation": generation},
            "spec": {
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "template": {"spec": {"containers": [{"name": "web", "image": image}]}},
            },
        })
    }

    fn holder(is_native: bool) -> Holder {
        Holder { path: String::new(), pointer: "/spec/template", is_native, referred: None }
    }

    fn decided(found: &Value, pace: Option<Pace>, is_native: bool) -> Result<Option<Value>, String> {
        let mut edits = Edits::default();
        edits.images.insert("web".into(), "web:v2".into());
        let object = Object { uid: "u-1".into(), generation: Some(1), template: None };
        let at = "2026-11-21T02:14:06Z".parse().expect("a time");
        let stamp = Stamp { asked: Some(at), cause: Some("ann: OPS-1".into()) };
        let wanted = Wanted { object: &object, edits: &edits, pace, own_pace: None, stamp: &stamp };
        match decide("x", ServiceKind::Deployment, &holder(is_native), &wanted, found) {
            Ok(None) => Ok(None),
            Ok(Some(Change::Strategic(patch) | Change::Merge(patch))) => Ok(Some(patch)),
            Ok(Some(Change::Json(_))) => panic!("not by operations"),
            Err(StepError::Failed(trouble)) => Err(trouble.why.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_so_already_is_not_changed_again_whoever_did_it() {
        assert_eq!(decided(&deployment("web:v2", 9), None, true), Ok(None));
        let patch = decided(&deployment("web:v1", 1), None, true).expect("decided").expect("a change");
        assert_eq!(patch["metadata"]["annotations"]["kubernetes.io/change-cause"], "ann: OPS-1");
        assert_eq!(patch["spec"]["template"]["spec"]["containers"], json!([{"name": "web", "image": "web:v2"}]));
        assert!(decided(&deployment("web:v1", 2), None, true).expect_err("refused").contains("changed meanwhile"));
    }

    #[test]
    fn what_was_changed_for_this_wish_and_changed_again_is_not_fought_over() {
        let mut found = deployment("web:v3", 3);
        found["metadata"]["annotations"]["midwatch/asked"] = json!("2026-11-21T02:14:06Z");
        assert!(decided(&found, None, true).expect_err("refused").contains("somebody changed it again"));
    }

    #[test]
    fn a_pace_is_part_of_the_change_and_no_pace_leaves_the_services_own() {
        let pace = Pace { max_unavailable: 0, max_surge: 2, min_ready: 5 };
        let patch = decided(&deployment("web:v2", 1), Some(pace), true).expect("decided").expect("a change");
        assert_eq!(patch["spec"]["strategy"]["rollingUpdate"], json!({"maxUnavailable": 0, "maxSurge": 2}));
        assert_eq!(patch["spec"]["minReadySeconds"], 5);
        let mut recreate = deployment("web:v1", 1);
        recreate["spec"]["strategy"] = json!({"type": "Recreate"});
        assert!(decided(&recreate, Some(pace), true).expect_err("refused").contains("Recreate"));
        assert!(decided(&recreate, None, true).expect("decided").expect("a change")["spec"]["strategy"].is_null());
    }

    #[test]
    fn a_custom_resource_gets_its_lists_as_a_whole() {
        let mut found = deployment("web:v1", 1);
        let side = json!({"name": "side", "image": "side:v1"});
        found["spec"]["template"]["spec"]["containers"].as_array_mut().expect("a list").push(side.clone());
        let patch = decided(&found, None, false).expect("decided").expect("a change");
        assert_eq!(patch["spec"]["template"]["spec"]["containers"], json!([{"name": "web", "image": "web:v2"}, side]));
    }
}

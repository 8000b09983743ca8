//! Makes one object as it should be: read, judged, changed only as it was read, and judged anew where somebody else was faster.

use std::{fmt::Display, time::Duration};

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    Site,
    fault::Fault,
    steps::{FLUX_MANAGER, MANAGER, stopped},
};
use crate::{
    backend::StepError,
    domain::{Object, Trouble, text::clean},
    plan::Stamp,
};

/// By which it is known that a plan asked for it, and when that plan was begun.
pub const ASKED: &str = "midwatch/asked";
/// Copied by the controllers to what they keep of a release.
pub const CAUSE: &str = "kubernetes.io/change-cause";
/// A controller writes an object's status several times a second while it rolls out.
const TRIES: u32 = 12;
const AGAIN: Duration = Duration::from_millis(50);

pub enum Change {
    /// A strategic merge patch, which custom resources do not know.
    Strategic(Value),
    Merge(Value),
    /// Operations of RFC 6902.
    Json(Vec<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Now,
    Already,
}

/// `decide` says how to change what is there, or that it is so already, or why it may not be. `part`: of the object that is written
/// ("/scale"), or empty.
pub async fn make_so(
    site: &Site,
    what: &str,
    path: &str,
    part: &str,
    decide: impl Fn(&Value) -> Result<Option<Change>, StepError>,
) -> Result<Made, StepError> {
    for tried in 1.. {
        let object: Value = site.api.get(path).await.map_err(|fault| gone_or_lost(&fault, what))?;
        let Some(change) = decide(&object)? else { return Ok(Made::Already) };
        match send(site, &format!("{path}{part}"), &object, change).await {
            Ok(()) => return Ok(Made::Now),
            Err(fault) if is_outrun(&fault) && tried < TRIES => tokio::time::sleep(AGAIN * tried).await,
            Err(fault) => return Err(stopped(&fault, what)),
        }
    }
    unreachable!("the last try is returned from");
}

async fn send(site: &Site, path: &str, object: &Value, change: Change) -> Result<(), Fault> {
    let metadata = &object["metadata"];
    let bound = |mut patch: Value| {
        patch["metadata"]["uid"] = metadata["uid"].clone();
        patch["metadata"]["resourceVersion"] = metadata["resourceVersion"].clone();
        patch
    };
    let (kind, body) = match change {
        Change::Strategic(patch) => ("application/strategic-merge-patch+json", bound(patch)),
        Change::Merge(patch) => ("application/merge-patch+json", bound(patch)),
        Change::Json(operations) => {
            let first = [
                json!({"op": "test", "path": "/metadata/uid", "value": metadata["uid"]}),
                json!({"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}),
            ];
            ("application/json-patch+json", first.into_iter().chain(operations).collect())
        }
    };
    let path = format!("{path}?fieldManager={}", manager(object));
    site.api.change::<IgnoredAny>(Method::PATCH, &path, kind, &body).await.map(drop)
}

/// As whom this object is changed.
pub fn manager(object: &Value) -> &'static str {
    let has = |label: &str| object["metadata"]["labels"].get(label).is_some();
    let is_flux = has("kustomize.toolkit.fluxcd.io/name") || has("helm.toolkit.fluxcd.io/name");
    if is_flux { FLUX_MANAGER } else { MANAGER }
}

/// It was changed between our look and our change. A `test` that does not hold is answered with 422 and hardly a word.
fn is_outrun(fault: &Fault) -> bool {
    match fault {
        Fault::Refused { code: 409, .. } => true,
        Fault::Refused { code: 422, message, .. } => {
            message.contains("testing ") || message.contains("rejected our request due to an error in our request")
        }
        Fault::Refused { .. } | Fault::Way { .. } | Fault::Garbled(_) => false,
    }
}

pub fn refuse(what: &str, why: impl Display) -> StepError {
    StepError::Failed(Trouble::new(what, why))
}

pub fn gone_or_lost(fault: &Fault, what: &str) -> StepError {
    if fault.is_missing() { refuse(what, "it is gone") } else { stopped(fault, what) }
}

/// Whether it is the object that was meant.
pub fn same(what: &str, found: &Value, meant: &str) -> Result<(), StepError> {
    if found["metadata"]["uid"] == meant {
        return Ok(());
    }
    Err(StepError::Failed(Trouble::new(what, "it was deleted and made anew meanwhile").help("plan it again")))
}

/// Whether what holds the template is as it was when it was planned. `meant` may be of another object, which refers to this one.
pub fn unmoved(what: &str, found: &Value, template: &Value, meant: &Object) -> Result<(), StepError> {
    let generation = found["metadata"]["generation"].as_u64();
    let now = Object { uid: meant.uid.clone(), generation, template: Some(mark(template)) };
    if !meant.is_unlike(&now) {
        return Ok(());
    }
    let by = author(found).map_or_else(String::new, |author| format!(" {author}"));
    let trouble = Trouble::new(what, format!("it was changed meanwhile{by}"));
    Err(StepError::Failed(trouble.help("look at what was changed, and plan it again")))
}

/// The same number for the same template, on every machine and for every version of this program, since journals hold it: FNV-1a.
pub fn mark(template: &Value) -> u64 {
    let text = without_nulls(template).to_string();
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether somebody else wrote its template after us, or at the same second. Where the server remembers nobody, it is taken for so.
pub fn is_changed_by_others(object: &Value) -> bool {
    let fields = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let wrote = fields.filter(|field| field["fieldsV1"]["f:spec"]["f:template"].is_object());
    let (ours, theirs): (Vec<&Value>, Vec<&Value>) =
        wrote.partition(|field| field["manager"].as_str().is_some_and(|by| [MANAGER, FLUX_MANAGER].contains(&by)));
    let newest = |fields: &[&Value]| fields.iter().filter_map(|field| Some(field["time"].as_str()?.to_owned())).max();
    match (newest(&ours), newest(&theirs)) {
        (Some(ours), Some(theirs)) => theirs >= ours,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Who wrote its definition last, as the server remembers it: "by kubectl-edit at 02:14:06".
pub fn author(object: &Value) -> Option<String> {
    let fields = object["metadata"]["managedFields"].as_array()?;
    let wrote = |field: &&Value| {
        let kept = &field["fieldsV1"];
        // A controller that writes its status keeps its own books in annotations.
        let is_note = kept["f:metadata"]["f:annotations"].is_object() && !kept["f:status"].is_object();
        kept["f:spec"].is_object() || is_note
    };
    let last = fields.iter().filter(wrote).max_by_key(|field| field["time"].as_str())?;
    let time = last["time"].as_str().and_then(|time| time.split_once('T')).map(|(_, time)| time.trim_end_matches('Z'));
    let manager = clean(last["manager"].as_str()?).into_owned();
    Some(time.map_or_else(|| format!("by {manager}"), |time| format!("by {manager} at {}", clean(time))))
}

/// What is written on what a plan makes.
pub fn marks(stamp: &Stamp) -> Value {
    json!({CAUSE: stamp.cause.as_deref(), ASKED: stamp.asked.map(|asked| asked.to_string())})
}

/// It was made or changed for this very wish.
pub fn is_asked(object: &Value, stamp: &Stamp) -> bool {
    let asked = object["metadata"]["annotations"][ASKED].as_str();
    stamp.asked.is_some_and(|at| asked == Some(at.to_string().as_str()))
}

/// Servers write what is absent as null in one place and leave it out in another.
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, inner)| !inner.is_null());
            kept.map(|(key, inner)| (key.clone(), without_nulls(inner))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(result: Result<(), StepError>) -> String {
        match result.expect_err("refused") {
            StepError::Failed(trouble) => trouble.why.to_string(),
            StepError::Lost(trouble) | StepError::Unsure(trouble) => panic!("not failed: {trouble}"),
        }
    }

    #[test]
    fn an_object_that_somebody_changed_is_refused_with_who_did_it() {
        let object = json!({"metadata": {"uid": "u-1", "generation": 5, "managedFields": [
            {"manager": "kubectl-edit", "time": "2026-11-21T02:14:06Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl-create", "time": "2026-11-20T02:14:06Z", "fieldsV1": {"f:spec": {}}},
            {"manager": "kube-controller-manager", "time": "2026-11-21T03:00:00Z",
                "fieldsV1": {"f:metadata": {"f:annotations": {}}, "f:status": {}}},
        ]}});
        let meant = |generation, template| Object { uid: "u-1".into(), generation, template };
        let unmoved = |meant: &Object| unmoved("x", &object, &json!({"spec": {}}), meant);
        assert_eq!(unmoved(&meant(Some(5), None)), Ok(()));
        assert_eq!(unmoved(&meant(None, None)), Ok(()));
        let moved = why(unmoved(&meant(Some(4), None)));
        assert_eq!(moved, "it was changed meanwhile by kubectl-edit at 02:14:06");
        assert!(why(same("x", &object, "u-2")).contains("made anew"));
    }

    #[test]
    fn what_was_only_scaled_has_the_same_template_and_was_not_changed() {
        let template = json!({"spec": {"containers": [{"name": "web", "image": "web:v1"}]}});
        let told = json!({"metadata": {"creationTimestamp": null}, "spec": template["spec"]});
        let mark_of = |template: &Value| mark(template);
        assert_eq!(mark_of(&json!({"metadata": {}, "spec": template["spec"]})), mark_of(&told));
        // What a journal of yesterday holds.
        assert_eq!(mark_of(&template), 14_752_501_060_419_060_341);
        let scaled = json!({"metadata": {"uid": "u-1", "generation": 9}});
        let meant = Object { uid: "u-1".into(), generation: Some(4), template: Some(mark(&template)) };
        assert_eq!(unmoved("x", &scaled, &template, &meant), Ok(()));
        assert!(unmoved("x", &scaled, &json!({"spec": {"containers": []}}), &meant).is_err());
    }

    #[test]
    fn a_template_is_somebody_elses_when_they_wrote_it_last() {
        let written = |ours: &str, theirs: &str| {
            let wrote = |manager: &str, time: &str| json!({"manager": manager, "time": time, "fieldsV1": {"f:spec": {"f:template": {}}}});
            let scaled =
                json!({"manager": "hpa", "time": "2026-11-22T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
            json!({"metadata": {"managedFields": [wrote(MANAGER, ours), wrote("argocd", theirs), scaled]}})
        };
        let (early, late) = ("2026-11-21T02:14:06Z", "2026-11-21T02:14:07Z");
        assert!(is_changed_by_others(&written(early, late)));
        assert!(is_changed_by_others(&written(early, early)));
        assert!(!is_changed_by_others(&written(late, early)));
        assert!(is_changed_by_others(&json!({})));
    }

    #[test]
    fn what_is_null_and_what_is_left_out_are_the_same() {
        let kept = json!({"metadata": {"creationTimestamp": null, "labels": {"app": "web"}}, "list": [{"a": null}]});
        assert_eq!(without_nulls(&kept), json!({"metadata": {"labels": {"app": "web"}}, "list": [{}]}));
    }

    #[test]
    fn a_test_that_does_not_hold_is_a_reason_to_look_again_and_a_bad_value_is_not() {
        let refused = |code, message: &str| Fault::Refused { code, reason: "".into(), message: message.into() };
        assert!(is_outrun(&refused(409, "the object has been modified")));
        assert!(is_outrun(&refused(422, "the server rejected our request due to an error in our request")));
        assert!(!is_outrun(&refused(422, "Deployment.apps \"web\" is invalid: spec.replicas: must be positive")));
    }
}

//! Who is at work on a service: a Lease object beside it, for every machine to see. It is written and judged by the server's clock, so
//! that it holds as long for a machine whose own is wrong.

use http::{Method, Response};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use kube::client::Body;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    Site,
    api::{decode, whole},
    fault::{Fault, Status},
    pod::is_name,
    steps::{MANAGER, stopped},
};
use crate::{
    backend::StepError,
    domain::{Claim, Lease, OperationId, ServiceId, Trouble, VeleroName, text::clean},
};

const TITLE: &str = "midwatch/title";
const OPERATION: &str = "midwatch/operation";
/// Machines have no namespace; the leases by which they show that they live are elsewhere.
const OF_NODES: &str = "kube-system";
/// Somebody else was faster.
const TRIES: u32 = 5;

/// A lease as the server has it, and its time when it said so.
struct Held {
    object: Value,
    lease: Lease,
}

pub async fn claim(site: &Site, service: &ServiceId, ours: Lease, claim: Claim) -> Result<Option<Lease>, StepError> {
    let what = match claim {
        Claim::Take | Claim::Keep | Claim::TakeOver => format!("could not take the lease on {service}"),
        Claim::Release => format!("could not give back the lease on {service}"),
    };
    let lost = |fault: Fault| stopped(&fault, what.as_str());
    let (collection, name) = place(service);
    let path = format!("{collection}/{name}");
    for _ in 0..TRIES {
        let (held, now) = look_at(site, &path).await.map_err(lost)?;
        let is_ours = |held: &Held| held.lease.operation == ours.operation;
        // Of an object that was never there it means that its namespace is not.
        let is_known = held.is_some();
        let changed = match (held, claim) {
            (None, Claim::Release) => return Ok(None),
            (None, Claim::Keep) => return Err(StepError::Unsure(Trouble::new(what.as_str(), "it was removed"))),
            (None, Claim::Take | Claim::TakeOver) => {
                let made = object(&name, &ours, now, None);
                let path = format!("{collection}?fieldManager={MANAGER}");
                site.api.change::<IgnoredAny>(Method::POST, &path, "application/json", &made).await
            }
            (Some(held), Claim::Release) if !is_ours(&held) => return Ok(None),
            (Some(held), Claim::Release) => {
                let metadata = &held.object["metadata"];
                let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {
                    "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
                }});
                site.api.change::<IgnoredAny>(Method::DELETE, &path, "application/json", &options).await
            }
            (Some(held), Claim::Take) if !is_ours(&held) && held.lease.until > Timestamp::now() => {
                return Ok(Some(held.lease));
            }
            (Some(held), Claim::Keep) if !is_ours(&held) => return Ok(Some(held.lease)),
            (Some(held), Claim::Take | Claim::Keep | Claim::TakeOver) => {
                let renewed = object(&name, &ours, now, Some(&held.object));
                let path = format!("{path}?fieldManager={MANAGER}");
                site.api.change::<IgnoredAny>(Method::PUT, &path, "application/json", &renewed).await
            }
        };
        match changed {
            Ok(_) => return Ok(None),
            // Somebody made, renewed or removed it since; then it is looked at again.
            Err(Fault::Refused { code: 409, .. }) => {}
            Err(Fault::Refused { code: 404, .. }) if is_known => {}
            Err(fault) => return Err(lost(fault)),
        }
    }
    let message = "others take it and give it back all the time".into();
    Err(lost(Fault::Refused { code: 503, reason: "Conflict".into(), message }))
}

/// Whoever holds it or held it last; `None` also where it may not be looked at.
pub async fn held(site: &Site, service: &ServiceId) -> Result<Option<Lease>, Fault> {
    let (collection, name) = place(service);
    match look_at(site, &format!("{collection}/{name}")).await {
        Ok((held, _)) => Ok(held.map(|held| held.lease)),
        Err(fault) if fault.is_denied() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The collection, and the name in it.
fn place(service: &ServiceId) -> (String, String) {
    let velero = service.velero();
    let (namespace, name) = match (service.node(), &velero) {
        (Some(node), _) => (OF_NODES, format!("midwatch-node-{node}")),
        (None, Some(VeleroName { namespace, name })) => (&**namespace, format!("midwatch-velero-{name}")),
        (None, None) => (service.scope.as_str(), format!("midwatch-{}", service.name)),
    };
    (format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"), name)
}

/// And what time it is there.
async fn look_at(site: &Site, path: &str) -> Result<(Option<Held>, Timestamp), Fault> {
    if !path.rsplit('/').next().is_some_and(is_name) {
        return Err(Fault::Garbled("that is no name of Kubernetes".into()));
    }
    let answer = site.api.answer(Method::GET, path, &[], Vec::new()).await?;
    let (code, now) = (answer.status().as_u16(), time_of(&answer));
    let said = whole(answer).await?;
    match code {
        200..=299 => {
            let object: Value = decode(&said)?;
            let lease = read(&object, now, Timestamp::now());
            Ok((Some(Held { object, lease }), now))
        }
        404 => Ok((None, now)),
        code => Err(Fault::status(code, &decode::<Status>(&said).unwrap_or_default())),
    }
}

/// What its clock says; ours where something between does not let that through.
fn time_of(answer: &Response<Body>) -> Timestamp {
    let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok());
    date.map_or_else(Timestamp::now, |date| date.timestamp())
}

/// `there`: what its clock says now; `here`: what ours does. Pure.
fn read(object: &Value, there: Timestamp, here: Timestamp) -> Lease {
    let (spec, annotations) = (&object["spec"], &object["metadata"]["annotations"]);
    let text = |value: &Value| clean(value.as_str().unwrap_or_default()).into_owned();
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let ours = |time: Timestamp| here.saturating_add(time.duration_since(there)).unwrap_or(time);
    let seconds = spec["leaseDurationSeconds"].as_i64().unwrap_or(0).clamp(0, 24 * 3600);
    // What was never renewed is nobody's.
    let renewed = time(&spec["renewTime"]).unwrap_or(Timestamp::UNIX_EPOCH);
    let until = renewed.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(renewed);
    Lease {
        who: text(&spec["holderIdentity"]).into(),
        operation: OperationId::new(text(&annotations[OPERATION])),
        title: text(&annotations[TITLE]).into(),
        since: ours(time(&spec["acquireTime"]).unwrap_or(renewed)),
        until: ours(until),
    }
}

/// `now` is the server's; `of`: in whose place it comes. Pure but for how long it is to hold.
fn object(name: &str, ours: &Lease, now: Timestamp, of: Option<&Value>) -> Value {
    let holds = ours.until.duration_since(Timestamp::now()).as_secs().max(1);
    let micro = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let is_ours = of.is_some_and(|of| of["metadata"]["annotations"][OPERATION] == ours.operation.as_str());
    let acquired = of.filter(|_| is_ours).map_or_else(|| json!(micro(now)), |of| of["spec"]["acquireTime"].clone());
    let transitions = of.and_then(|of| of["spec"]["leaseTransitions"].as_i64()).unwrap_or(0);
    let mut metadata = json!({
        "name": name,
        "annotations": {TITLE: &*ours.title, OPERATION: ours.operation.as_str()},
    });
    if let Some(of) = of {
        metadata["uid"] = of["metadata"]["uid"].clone();
        metadata["resourceVersion"] = of["metadata"]["resourceVersion"].clone();
    }
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": &*ours.who,
            "leaseDurationSeconds": holds,
            "acquireTime": acquired,
            "renewTime": micro(now),
            "leaseTransitions": transitions + i64::from(of.is_some() && !is_ours),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_lease_ends_by_the_servers_clock_and_is_told_by_ours() {
        let object = json!({
            "metadata": {"annotations": {TITLE: "roll out shop/web", OPERATION: "op-1"}},
            "spec": {"holderIdentity": "ann@laptop", "leaseDurationSeconds": 30,
                "acquireTime": "2026-11-21T11:59:00.000000Z", "renewTime": "2026-11-21T12:00:00.000000Z"},
        });
        // Ours is an hour ahead.
        let lease = read(&object, at("2026-11-21T12:00:10Z"), at("2026-11-21T13:00:10Z"));
        assert_eq!((&*lease.who, lease.until), ("ann@laptop", at("2026-11-21T13:00:30Z")));
        assert_eq!(lease.since, at("2026-11-21T12:59:00Z"));
    }

    #[test]
    fn what_nobody_ever_renewed_is_over() {
        let lease =
            read(&json!({"spec": {"holderIdentity": "x"}}), at("2026-11-21T12:00:00Z"), at("2026-11-21T12:00:00Z"));
        assert!(lease.until < at("2026-11-21T12:00:00Z"));
    }

    #[test]
    fn leases_of_machines_are_not_those_by_which_they_show_that_they_live() {
        let (collection, name) = place(&ServiceId::of_node(&"lab".into(), &"node-1".into()));
        assert_eq!((collection.contains("/kube-system/"), name.as_str()), (true, "midwatch-node-node-1"));
    }

    #[test]
    fn the_lease_of_a_backup_is_beside_it() {
        let backup = VeleroName::new("velero", "nightly-1");
        let (collection, name) = place(&ServiceId::of_velero(&"lab".into(), &backup));
        assert_eq!((collection.contains("/velero/"), name.as_str()), (true, "midwatch-velero-nightly-1"));
    }
}

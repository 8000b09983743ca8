//! What a person may do: asked of the server before it is offered, so that what is refused is greyed with the verb that is missing.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Site,
    discovery::{Resource, Served},
    fault::Fault,
};
use crate::domain::{Capabilities, Capability, Scope, Trouble};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
/// Missing where nobody installed a server of measurements.
const METRICS: &str = "metrics.k8s.io";
/// Reviews that are asked at a time.
const SIDE_BY_SIDE: usize = 6;

/// What Kubernetes can do at all, whoever asks.
pub fn capabilities(served: &Served) -> Capabilities {
    let all = Capabilities::all().without(
        Capability::StopAndStart,
        "Kubernetes replaces what ends: it can be scaled to none, and stopped in no other way",
    );
    match served.path(Resource::VeleroBackup, None) {
        Some(_) => all,
        None => all.without(Capability::Velero, "Velero is not installed in this cluster"),
    }
}

/// One thing that may be done, as roles name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    /// In a namespace; else in the whole cluster.
    is_namespaced: bool,
}

const fn in_scope(verb: &'static str, group: &'static str, resource: &'static str, subresource: &'static str) -> Right {
    Right { verb, group, resource, subresource, is_namespaced: true }
}

const fn in_cluster(verb: &'static str, resource: &'static str, subresource: &'static str) -> Right {
    Right { verb, group: "", resource, subresource, is_namespaced: false }
}

/// A way to have a capability: every right of it is needed.
type Way = &'static [Right];

// A websocket is asked for with GET, so `get` is what most servers go by; newer ones want `create` too, as they always did for POST.
const EXEC: Way = &[in_scope("create", "", "pods", "exec"), in_scope("get", "", "pods", "exec")];
const FORWARD: Way = &[in_scope("create", "", "pods", "portforward"), in_scope("get", "", "pods", "portforward")];

/// Each kind by a right of its own.
const PATCH_ANY: &[Way] = &[
    &[in_scope("patch", "apps", "deployments", "")],
    &[in_scope("patch", "apps", "statefulsets", "")],
    &[in_scope("patch", "apps", "daemonsets", "")],
    &[in_scope("patch", "argoproj.io", "rollouts", "")],
];

/// The ways to each capability, any of which will do.
const NEEDS: [(Capability, &[Way]); 13] = [
    (Capability::Logs, &[&[in_scope("get", "", "pods", "log")]]),
    (Capability::Shell, &[EXEC]),
    (Capability::Processes, &[EXEC]),
    (Capability::Forward, &[FORWARD]),
    (Capability::Restart, PATCH_ANY),
    (Capability::RollOut, PATCH_ANY),
    (
        Capability::Scale,
        &[
            &[in_scope("patch", "apps", "deployments", "scale")],
            &[in_scope("patch", "apps", "statefulsets", "scale")],
            &[in_scope("patch", "argoproj.io", "rollouts", "scale")],
        ],
    ),
    (
        Capability::Steer,
        &[
            &[in_scope("patch", "apps", "deployments", "")],
            &[in_scope("patch", "argoproj.io", "rollouts", ""), in_scope("patch", "argoproj.io", "rollouts", "status")],
        ],
    ),
    (Capability::Drain, &[&[in_cluster("patch", "nodes", ""), in_cluster("create", "pods", "eviction")]]),
    (Capability::Replace, &[&[in_scope("delete", "", "pods", "")]]),
    (Capability::Metrics, &[&[in_scope("list", METRICS, "pods", "")], &[in_cluster("get", "nodes", "proxy")]]),
    (Capability::Releases, &[&[in_scope("list", "apps", "replicasets", "")]]),
    (Capability::Nodes, &[&[in_cluster("list", "nodes", "")]]),
];

/// What the steps of a plan may need beside what is offered: asked for one service when somebody thinks of changing it, so that what is
/// missing is met before anything was done. `plan::rights` names the same.
const OF_PLANS: [Right; 16] = [
    in_scope("patch", "apps", "deployments", ""),
    in_scope("patch", "apps", "statefulsets", ""),
    in_scope("patch", "apps", "daemonsets", ""),
    in_scope("patch", "argoproj.io", "rollouts", ""),
    in_scope("patch", "apps", "deployments", "scale"),
    in_scope("patch", "apps", "statefulsets", "scale"),
    in_scope("create", "apps", "deployments", ""),
    in_scope("delete", "apps", "deployments", ""),
    in_scope("patch", "", "services", ""),
    in_scope("create", "", "services", ""),
    in_scope("delete", "", "services", ""),
    in_scope("patch", "gateway.networking.k8s.io", "httproutes", ""),
    in_scope("create", "networking.k8s.io", "ingresses", ""),
    in_scope("patch", "networking.k8s.io", "ingresses", ""),
    in_scope("delete", "networking.k8s.io", "ingresses", ""),
    in_scope("delete", "", "pods", ""),
];

/// Those of them that are missing: "create deployments.apps".
pub async fn denied(site: &Site, scope: &Scope) -> Result<BTreeSet<Arc<str>>, Fault> {
    let reviews = stream::iter(OF_PLANS).map(|right| async move {
        let is_allowed = review(site, right, scope).await?;
        Ok::<_, Fault>((right, is_allowed))
    });
    match reviews.buffer_unordered(SIDE_BY_SIDE).try_collect::<Vec<_>>().await {
        Ok(answers) => Ok(answers.iter().filter(|(_, may)| !may).map(|(right, _)| right.title().into()).collect()),
        // Nobody can be asked: the server says no to what may not be.
        Err(fault) if fault.is_missing() || fault.is_denied() => Ok(BTreeSet::new()),
        Err(fault) => Err(fault),
    }
}

impl Right {
    /// "create pods/exec"
    fn title(&self) -> String {
        let subresource = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{} {}{group}{subresource}", self.verb, self.resource)
    }
}

pub async fn rights(site: &Site, scope: &Scope) -> Result<Capabilities, Trouble> {
    let mut asked: Vec<Right> = Vec::new();
    for right in NEEDS.iter().flat_map(|(_, ways)| ways.iter().copied().flatten()) {
        if !asked.contains(right) {
            asked.push(*right);
        }
    }
    let reviews = stream::iter(asked).map(|right| async move {
        let is_allowed = review(site, right, scope).await?;
        Ok::<_, Fault>((right, is_allowed))
    });
    let answers: Vec<(Right, bool)> = match reviews.buffer_unordered(SIDE_BY_SIDE).try_collect().await {
        Ok(answers) => answers,
        // Nobody can be asked: everything is offered, and the server says no to what may not be.
        Err(fault) if fault.is_missing() || fault.is_denied() => return Ok(Capabilities::all()),
        Err(fault) => return Err(fault.trouble(format!("could not ask what you may do in {scope}"))),
    };
    // A role may grant what is not there.
    let has_metrics = !matches!(site.api.bytes(&format!("/apis/{METRICS}")).await, Err(fault) if fault.is_missing());
    let may = |right: &Right| answers.iter().any(|(asked, is_allowed)| asked == right && *is_allowed);
    Ok(allowed(scope, has_metrics, may))
}

fn allowed(scope: &Scope, has_metrics: bool, may: impl Fn(&Right) -> bool) -> Capabilities {
    let may = |right: &Right| may(right) && (has_metrics || right.group != METRICS);
    NEEDS.iter().fold(Capabilities::all(), |rights, (capability, ways)| {
        if ways.iter().any(|way| way.iter().all(&may)) {
            return rights;
        }
        let missing = ways.iter().filter_map(|way| way.iter().find(|right| !may(right))).collect::<Vec<_>>();
        match missing.as_slice() {
            [absent, rest @ ..] if absent.group == METRICS && !has_metrics => {
                rights.without(*capability, format!("{METRICS} is not served, and {}", words(rest, scope)))
            }
            missing => rights.without(*capability, words(missing, scope)),
        }
    })
}

/// "you may not create pods/exec in shop (asked of the server)"
fn words(missing: &[&Right], scope: &Scope) -> String {
    let one = |right: &&Right| {
        let place = if right.is_namespaced { format!(" in {scope}") } else { String::new() };
        format!("{}{place}", right.title())
    };
    // The first way is the usual one; the others are said only where the first does not speak for them.
    let told: Vec<String> = match missing {
        [first, others @ ..] if others.iter().all(|other| other.verb == first.verb && other.is_namespaced) => {
            vec![one(first)]
        }
        all => all.iter().map(one).collect(),
    };
    format!("you may not {} (asked of the server)", told.join(", nor "))
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Verdict,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Verdict {
    allowed: bool,
}

/// Makes nothing, although it is a POST.
async fn review(site: &Site, right: Right, scope: &Scope) -> Result<bool, Fault> {
    let review: Review = site.api.change(Method::POST, REVIEWS, "application/json", &question(right, scope)).await?;
    Ok(review.status.allowed)
}

fn question(right: Right, scope: &Scope) -> Value {
    let mut attributes = json!({"verb": right.verb, "group": right.group, "resource": right.resource});
    if !right.subresource.is_empty() {
        attributes["subresource"] = right.subresource.into();
    }
    if right.is_namespaced {
        attributes["namespace"] = scope.as_str().into();
    }
    json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed_but(denied: &[(&str, &str, &str)]) -> Capabilities {
        allowed(&"shop".into(), true, |right| !denied.contains(&(right.verb, right.resource, right.subresource)))
    }

    fn reason(rights: &Capabilities, capability: Capability) -> String {
        rights.allow(capability).expect_err("may not").to_string()
    }

    #[test]
    fn what_may_not_be_done_is_said_with_the_verb_that_is_missing() {
        let rights = allowed_but(&[("create", "pods", "exec")]);
        let why = "you may not create pods/exec in shop (asked of the server)";
        assert_eq!(reason(&rights, Capability::Shell), why);
        assert_eq!(reason(&rights, Capability::Processes), why);
        assert_eq!(rights.allow(Capability::Logs), Ok(()));
        let rights = allowed_but(&[("list", "nodes", "")]);
        assert_eq!(reason(&rights, Capability::Nodes), "you may not list nodes (asked of the server)");
    }

    #[test]
    fn a_restart_is_offered_while_any_kind_may_be_restarted() {
        let rights = allowed_but(&[("patch", "deployments", "")]);
        assert_eq!(rights.allow(Capability::Restart), Ok(()));
        let all = ["deployments", "statefulsets", "daemonsets", "rollouts"].map(|kind| ("patch", kind, ""));
        let why = "you may not patch deployments.apps in shop (asked of the server)";
        assert_eq!(reason(&allowed_but(&all), Capability::Restart), why);
    }

    #[test]
    fn what_changes_a_service_or_a_machine_is_offered_where_each_right_of_it_is_there() {
        let rights = allowed_but(&[("patch", "deployments", ""), ("create", "pods", "eviction")]);
        assert_eq!(rights.allow(Capability::RollOut), Ok(()));
        assert_eq!(reason(&rights, Capability::Drain), "you may not create pods/eviction (asked of the server)");
        let rights = allowed_but(&[("patch", "deployments", ""), ("patch", "rollouts", "status")]);
        assert!(reason(&rights, Capability::Steer).contains("patch deployments.apps in shop"));
        let all = ["deployments", "statefulsets", "rollouts"].map(|kind| ("patch", kind, "scale"));
        assert_eq!(
            reason(&allowed_but(&all), Capability::Scale),
            "you may not patch deployments.apps/scale in shop (asked of the server)"
        );
    }

    #[test]
    fn measurements_have_two_ways_and_both_are_named() {
        let rights = allowed_but(&[("list", "pods", "")]);
        assert_eq!(rights.allow(Capability::Metrics), Ok(()));
        let rights = allowed_but(&[("list", "pods", ""), ("get", "nodes", "proxy")]);
        let why = "you may not list pods.metrics.k8s.io in shop, nor get nodes/proxy (asked of the server)";
        assert_eq!(reason(&rights, Capability::Metrics), why);
        let unserved = allowed(&"shop".into(), false, |right| right.resource != "nodes");
        let why = "metrics.k8s.io is not served, and you may not get nodes/proxy (asked of the server)";
        assert_eq!(reason(&unserved, Capability::Metrics), why);
    }

    #[test]
    fn what_is_of_the_whole_cluster_is_asked_without_a_namespace() {
        let asked = question(in_cluster("get", "nodes", "proxy"), &"shop".into());
        assert_eq!(asked["spec"]["resourceAttributes"]["namespace"], Value::Null);
        let asked = question(in_scope("get", "", "pods", "log"), &"shop".into());
        assert_eq!(asked["spec"]["resourceAttributes"]["namespace"], "shop");
        assert_eq!(asked["spec"]["resourceAttributes"]["subresource"], "log");
    }
}

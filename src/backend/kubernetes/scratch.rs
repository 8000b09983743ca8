//! Scratch instances: pods by themselves, in which a restore is rehearsed or files are reached. A service has one at the most, by its name.
//!
//! A policy keeps it from the network. Where the network's plugin knows no policies, or another policy lets every pod of the namespace
//! through, it does not, and no server tells: then it only finds nobody by a name. Its deadline is the kubelet's to keep, whatever becomes
//! of whoever made it; what is left then is a pod that has ended, without its data, until the next one is made.
//!
//! It takes the rights to get, create and delete pods and networkpolicies.

mod definition;

use std::time::{Duration, Instant};

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    Site,
    change::mark,
    container::PodRow,
    fault::Fault,
    pod::{self, Pod},
    replacements::{Patience, Replacements},
    resolve::{self, resolve},
    steps::MANAGER,
};
use crate::{
    backend::{Scratch, ScratchKind},
    domain::{InstanceId, ServiceId, Trouble, text::clean},
};

/// On the pod and on its policy: the name that both have. What bears it is no part of any service, and no screen shows it.
pub const LABEL: &str = "midwatch.scratch";
/// How the names of all of them begin.
pub const NAMES: &str = "midwatch-scratch-";

/// An image is pulled, a node is made; after that it is no more rehearsed than waited for.
const BEGINS_WITHIN: Duration = Duration::from_mins(10);
const GOES_WITHIN: Duration = Duration::from_mins(2);
/// A pod's own grace, as a rule at most.
const ENDS_WITHIN: Duration = Duration::from_mins(10);
const LOOK: Duration = Duration::from_millis(500);

pub async fn make(site: &Site, wanted: &Scratch) -> Result<InstanceId, Trouble> {
    let what = format!("could not make a scratch instance for {}", wanted.service);
    let told = |fault: Fault| fault.trouble(what.as_str());
    let meant = Pod::of(&wanted.like).map_err(told)?;
    let like = like(site, &meant, wanted).await.map_err(told)?;
    let row: PodRow = serde_json::from_value(like.clone()).map_err(|error| told(garbled(&error)))?;
    let container = meant.container.or(row.default_container()).unwrap_or_default();
    let Some(container) = definition::container(&like, container) else {
        return Err(Trouble::new(what, format!("{} has no container {container}", meant.name)));
    };
    let place = Place { namespace: meant.namespace, name: &name(&wanted.service) };
    place.clear(site, None).await.map_err(told)?;
    let node = match &wanted.kind {
        ScratchKind::WithData(path) if !definition::keeps(&like, container, path) => {
            let why = format!("{path} of {} is in no volume that is found from another pod", meant.name);
            return Err(Trouble::new(what, why).help("it is reached through its own programs: start it first"));
        }
        ScratchKind::WithData(_) => place.holder(site, &like).await.map_err(told)?,
        ScratchKind::Server | ScratchKind::Empty => None,
    };
    let policy = create(site, &place.policies(), &definition::policy(place.name)).await.map_err(told)?;
    let pod = definition::pod(&like, container, wanted, (&policy, node.as_deref()));
    let made = place.run(site, &pod, wanted, &what).await;
    if made.is_err()
        && let Err(fault) = place.clear(site, None).await
    {
        tracing::debug!(?fault, "a scratch instance that did not begin was not removed");
    }
    made
}

pub async fn discard(site: &Site, scratch: &InstanceId) -> Result<(), Trouble> {
    let told = |fault: Fault| fault.trouble("could not remove a scratch instance");
    let pod = Pod::of(scratch).map_err(told)?;
    Place { namespace: pod.namespace, name: pod.name }.clear(site, Some(pod.uid)).await.map_err(told)
}

/// The pod, or, where its workload has none any more, what that would make.
async fn like(site: &Site, meant: &Pod<'_>, wanted: &Scratch) -> Result<Value, Fault> {
    let there = match site.api.get::<Value>(&meant.path()).await {
        Ok(pod) if pod["metadata"]["uid"] == meant.uid => return Ok(pod),
        there => there,
    };
    if !wanted.kind.has_data() {
        let row: PodRow = serde_json::from_value(there?).map_err(|error| garbled(&error))?;
        row.is_the_one(meant)?;
    }
    let workload = resolve(site, &wanted.service).await?;
    let path = resolve::path(workload.kind, &workload.namespace, &workload.name);
    let path = path.ok_or_else(|| Fault::Garbled("the pod is gone, and nothing would make it anew".into()))?;
    let workload: Value = site.api.get(&path).await?;
    Ok(would_make(&workload, meant.name))
}

/// Of these pods, those that are not over and have a claim that `like` has. Pure.
fn holders<'a>(pods: &'a Value, like: &Value) -> Vec<&'a Value> {
    let all = pods["items"].as_array().into_iter().flatten();
    let is_over = |pod: &Value| pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed";
    let has = |pod: &Value| definition::claims(pod).any(|claim| definition::claims(like).any(|own| own == claim));
    all.filter(|pod| !is_over(pod) && has(pod)).collect()
}

/// With the claims that a StatefulSet makes for each of its pods. Pure.
fn would_make(workload: &Value, pod: &str) -> Value {
    let mut made = json!({"metadata": {"name": pod}, "spec": workload["spec"]["template"]["spec"]});
    let claims = workload["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
    let volumes = claims.filter_map(|claim| {
        let name = claim["metadata"]["name"].as_str()?;
        Some(json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{name}-{pod}")}}))
    });
    let known = made["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    made["spec"]["volumes"] = known.into_iter().chain(volumes).collect();
    made
}

/// Where a scratch instance is, and its policy, which has the same name.
struct Place<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl Place<'_> {
    fn pods(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    fn policies(&self) -> String {
        format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", self.namespace)
    }

    /// The pod first, so that it is never there without its policy. `only`: not if another has its name by now.
    async fn clear(&self, site: &Site, only: Option<&str>) -> Result<(), Fault> {
        let (pod, policy) = (format!("{}/{}", self.pods(), self.name), format!("{}/{}", self.policies(), self.name));
        let began = Instant::now();
        while let Some(there) = find(site, &pod).await? {
            if only.is_some_and(|uid| there["metadata"]["uid"] != uid) {
                return Ok(());
            }
            self.refuse_others(&there)?;
            if began.elapsed() >= GOES_WITHIN {
                let message = format!("after {} s its node has not ended pod {}", GOES_WITHIN.as_secs(), self.name);
                return Err(Fault::Refused { code: 409, reason: "Timeout".into(), message: message.into() });
            }
            if there["metadata"]["deletionTimestamp"].is_null() {
                delete(site, &pod, &there).await?;
            } else {
                tokio::time::sleep(LOOK).await;
            }
        }
        match find(site, &policy).await? {
            Some(there) => {
                self.refuse_others(&there)?;
                delete(site, &policy, &there).await
            }
            None => Ok(()),
        }
    }

    /// The machine on which pods have the claims of `like` now, where they do: a volume may be on one at a time only. Comes back when none
    /// that is ending has them any more.
    async fn holder(&self, site: &Site, like: &Value) -> Result<Option<String>, Fault> {
        let began = Instant::now();
        loop {
            let pods: Value = site.api.get(&self.pods()).await?;
            let holders = holders(&pods, like);
            let Some(ending) = holders.iter().find(|pod| !pod["metadata"]["deletionTimestamp"].is_null()) else {
                let mut nodes = holders.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str());
                return Ok(nodes.next().map(str::to_owned));
            };
            if began.elapsed() >= ENDS_WITHIN {
                let name = clean(ending["metadata"]["name"].as_str().unwrap_or_default());
                let message = format!("after {} s pod {name} has its volumes and has not ended", ENDS_WITHIN.as_secs());
                return Err(Fault::Refused { code: 409, reason: "Timeout".into(), message: message.into() });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn refuse_others(&self, there: &Value) -> Result<(), Fault> {
        if there["metadata"]["labels"][LABEL].is_string() {
            return Ok(());
        }
        let message = format!("{} of {} is no scratch instance", self.name, self.namespace).into();
        Err(Fault::Refused { code: 409, reason: "Conflict".into(), message })
    }

    async fn run(&self, site: &Site, pod: &Value, wanted: &Scratch, what: &str) -> Result<InstanceId, Trouble> {
        let told = |fault: Fault| fault.trouble(what);
        let made = create(site, &self.pods(), pod).await.map_err(told)?;
        let uid = made["metadata"]["uid"].as_str().unwrap_or_default();
        let made = pod::instance(&wanted.service.cluster, self.namespace, self.name, uid);
        let within = BEGINS_WITHIN.min(Duration::from_secs(wanted.within.into()));
        match until_running(site, &Pod::of(&made).map_err(told)?, within).await.map_err(told)? {
            None => Ok(made),
            Some(why) => Err(Trouble::new(what, why)),
        }
    }
}

/// Or why it never will.
async fn until_running(site: &Site, pod: &Pod<'_>, within: Duration) -> Result<Option<String>, Fault> {
    let (began, mut patience) = (Instant::now(), Patience::of_new());
    loop {
        let now = Instant::now();
        let Some(there) = Replacements::only(site, pod).await? else {
            return Ok(Some("somebody removed it".into()));
        };
        if there.ready() > 0 {
            return Ok(None);
        }
        if let Some(over) = there.over() {
            return Ok(Some(over));
        }
        if let Some(trouble) = there.hopeless(&mut patience, now) {
            return Ok(Some(trouble.says));
        }
        if began.elapsed() >= within {
            let why = there.trouble().map_or_else(|| "it does not run yet".into(), |trouble| trouble.says);
            return Ok(Some(format!("after {} s: {why}", within.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The same on every machine, and short enough for a label: names of services may be longer.
fn name(service: &ServiceId) -> String {
    format!("{NAMES}{:016x}", mark(&json!([service.scope.as_str(), &*service.name])))
}

async fn find(site: &Site, path: &str) -> Result<Option<Value>, Fault> {
    match site.api.get(path).await {
        Ok(there) => Ok(Some(there)),
        Err(fault) if fault.is_missing() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn create(site: &Site, collection: &str, object: &Value) -> Result<Value, Fault> {
    let path = format!("{collection}?fieldManager={MANAGER}");
    site.api.change(Method::POST, &path, "application/json", object).await
}

/// This very object. Done when it is gone, or another one, by now.
async fn delete(site: &Site, path: &str, there: &Value) -> Result<(), Fault> {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": definition::GRACE,
        "preconditions": {"uid": there["metadata"]["uid"]},
    });
    match site.api.change::<IgnoredAny>(Method::DELETE, path, "application/json", &options).await {
        Ok(_) | Err(Fault::Refused { code: 404 | 409, .. }) => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn garbled(error: &serde_json::Error) -> Fault {
    Fault::Garbled(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_is_gone_is_known_by_what_would_make_it_anew() {
        let workload = json!({"spec": {
            "template": {"spec": {"containers": [{"name": "db"}], "volumes": [{"name": "conf", "configMap": {}}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        }});
        let made = would_make(&workload, "db-1");
        assert_eq!(definition::claims(&made).collect::<Vec<_>>(), ["data-db-1"]);
        assert_eq!(made["spec"]["volumes"].as_array().map(Vec::len), Some(2));
        assert!(definition::container(&made, "db").is_some());
    }

    #[test]
    fn who_has_a_claim_is_who_is_not_over() {
        let pod = |name: &str, claim: &str, phase: &str| {
            json!({"metadata": {"name": name}, "status": {"phase": phase},
                "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}})
        };
        let pods = json!({"items": [
            pod("runs", "data-db-0", "Running"), pod("over", "data-db-0", "Succeeded"), pod("other", "data-db-1", "Running"),
        ]});
        let found = holders(&pods, &pod("like", "data-db-0", "Pending"));
        assert_eq!(found.iter().filter_map(|pod| pod["metadata"]["name"].as_str()).collect::<Vec<_>>(), ["runs"]);
    }
}

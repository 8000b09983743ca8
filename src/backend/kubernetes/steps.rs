//! Makes one step of a plan so. Doing it again, or when it is already so, is no error. Every change is sent once: what may have been
//! received and was not answered is lost, and the same step is done again.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{
    Site,
    change::CAUSE,
    directory::Workload,
    drain,
    evidence::KubernetesEvidence,
    fault::Fault,
    helm_steps, readiness, replace,
    resolve::{self, resolve},
    rollout, scale, sets, shift, steer, undo, update, velero,
};
use crate::{
    backend::{Progress, StepError, gate::Look, not_an_engines},
    domain::{Object, ServiceId, ServiceKind, Trouble, text::clean},
    plan::Step,
};

/// In a pod template, the time at which its pods were last asked to be replaced: kubectl's, so that each knows of the other's restarts.
pub const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Who changed it, in the object's own records.
pub const MANAGER: &str = "midwatch";
/// Flux takes away what others add, a restart's mark too, and so would restart everything again; not so what comes by this name, as its
/// FAQ has it.
pub const FLUX_MANAGER: &str = "flux-client-side-apply";

pub async fn execute(site: Site, step: Step, progress: Progress) -> Result<(), StepError> {
    match step {
        Step::Redeploy { service, asked, cause, object } => {
            let wanted = Restart { asked, cause: cause.as_deref(), object: object.as_ref() };
            redeploy(&site, &service, wanted, &progress).await
        }
        Step::Replace { instance, name, grace, alone } => {
            replace::replace(&site, &instance, &name, (grace, alone), &progress).await
        }
        Step::AwaitRollout { service, within, wants } => {
            let awaited = rollout::Awaited { within, wants: wants.as_ref() };
            rollout::wait(&site, &service, awaited, &progress).await
        }
        Step::Data(_) => Err(StepError::Failed(not_an_engines())),
        Step::Velero { act, .. } => velero::carry_out(&site, &act, &progress).await,
        Step::Stop { name, .. } => Err(never(format!("could not stop {name}"))),
        Step::Start { name, .. } => Err(never(format!("could not start {name}"))),
        Step::AwaitReady { instance, name, within, steady } => {
            readiness::wait(&site, &instance, &name, (within, steady), &progress).await
        }
        Step::Make { name, .. } => Err(never(format!("could not make {name}"))),
        Step::Join { name, .. } => Err(never(format!("could not let others find {name}"))),
        Step::Policy { name, .. } => Err(never(format!("could not change what restarts {name}"))),
        Step::Rename { name, .. } => Err(never(format!("could not rename {name}"))),
        Step::Remove { name, .. } => Err(never(format!("could not remove {name}"))),
        Step::Record { service, .. } => Err(never(format!("could not write down a release of {service}"))),
        Step::Update { service, object, edits, pace, stamp, own_pace } => {
            let own_pace = own_pace.as_deref();
            let wanted = update::Wanted { object: &object, edits: &edits, pace, own_pace, stamp: &stamp };
            update::update(&site, &service, wanted, &progress).await
        }
        Step::Return { service, object, release, stamp } => {
            undo::give_back(&site, &service, &object, (&release, &stamp), &progress).await
        }
        Step::Helm { service, release, revision, within } => {
            let wanted = helm_steps::Wanted { release: &release, revision, within };
            helm_steps::roll_back(&site, &service, wanted, &progress).await
        }
        Step::Scale { service, to, object } => scale::scale(&site, &service, (to, object.as_ref()), &progress).await,
        Step::Pause { service, paused, object } => {
            scale::pause(&site, &service, (paused, object.as_ref()), &progress).await
        }
        Step::Steer { service, object, word, at, release } => {
            let told = steer::Told { object: &object, word, at, release: release.as_deref() };
            steer::steer(&site, &service, told, &progress).await
        }
        Step::MakeSet { set, like, edits, replicas, front, stamp, object } => {
            let (front, object) = (front.as_ref(), object.as_ref());
            let wanted = sets::Wanted { like: &like, edits: &edits, replicas, front, stamp: &stamp, object };
            sets::make(&site, &set, wanted, &progress).await
        }
        Step::DiscardSet { set } => sets::discard(&site, &set, &progress).await,
        Step::Shift { service, route, to } => shift::shift(&site, &service, &route, &to, &progress).await,
        Step::Cordon { node, cordoned } => drain::cordon(&site, &node, cordoned, &progress).await,
        Step::Drain { node, within } => drain::drain(&site, &node, within, &progress).await,
        Step::Gate { gate, new, old, .. } => {
            let evidence = KubernetesEvidence { site };
            Look { evidence: &evidence, new: &new, old: &old, progress: &progress }.judge(&gate).await
        }
    }
}

fn never(what: String) -> StepError {
    StepError::Failed(Trouble::new(what, "Kubernetes replaces pods and starts none again"))
}

/// What the server's answer means for a step. Also an answer that does not tell whether it was done is lost.
pub fn stopped(fault: &Fault, what: impl Into<Arc<str>>) -> StepError {
    let trouble = fault.trouble(what);
    match fault {
        Fault::Way { .. } | Fault::Refused { code: 401 | 429 | 502..=504, .. } => StepError::Lost(trouble),
        // Its own store may have failed in the middle; a webhook that fails does so before anything is stored.
        Fault::Refused { code: 500, message, .. } if !message.contains("webhook") => StepError::Lost(trouble),
        Fault::Refused { code: 403, .. } => {
            StepError::Failed(trouble.help("ask who manages the cluster for this right"))
        }
        Fault::Refused { .. } | Fault::Garbled(_) => StepError::Failed(trouble),
    }
}

#[derive(Deserialize)]
struct Definition {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    uid: Arc<str>,
    #[serde(default)]
    labels: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    paused: bool,
    update_strategy: Strategy,
    template: Option<Template>,
    /// Of a Rollout.
    restart_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Strategy {
    r#type: String,
}

#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    metadata: Option<TemplateMetadata>,
}

#[derive(Deserialize)]
struct TemplateMetadata {
    #[serde(default)]
    annotations: Value,
}

impl Definition {
    /// What it was last asked to restart for.
    fn mark(&self) -> Option<&str> {
        let annotations = self.spec.template.as_ref().and_then(|template| template.metadata.as_ref());
        let of_template = annotations.and_then(|metadata| metadata.annotations[RESTARTED].as_str());
        self.spec.restart_at.as_deref().or(of_template)
    }

    fn is_flux_managed(&self) -> bool {
        let has = |label: &str| self.metadata.labels.get(label).is_some();
        has("kustomize.toolkit.fluxcd.io/name") || has("helm.toolkit.fluxcd.io/name")
    }

    /// `meant`: the uid of the object that was planned for.
    fn refusal(&self, workload: &Workload, meant: &str) -> Option<Trouble> {
        let Workload { kind, namespace, name, .. } = workload;
        let what = format!("could not restart {namespace}/{name}");
        if *self.metadata.uid != *meant {
            return Some(Trouble::new(what, "it was deleted and made anew meanwhile").help("plan it again"));
        }
        if self.spec.paused && *kind == ServiceKind::Deployment {
            let trouble = Trouble::new(what, "it is paused: nothing of it is replaced until it is resumed");
            return Some(trouble.help(format!("kubectl -n {namespace} rollout resume {kind}/{name}")));
        }
        if self.spec.update_strategy.r#type == "OnDelete" {
            let trouble =
                Trouble::new(what, "its update strategy is OnDelete: a pod is replaced when somebody deletes it");
            return Some(trouble.help("restart its instances one at a time"));
        }
        None
    }
}

struct Restart<'a> {
    asked: Option<Timestamp>,
    cause: Option<&'a str>,
    object: Option<&'a Object>,
}

async fn redeploy(
    site: &Site,
    service: &ServiceId,
    Restart { asked, cause, object }: Restart<'_>,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not restart {service}");
    let lost = |fault: Fault| stopped(&fault, what.as_str());
    let workload = resolve(site, service).await.map_err(lost)?;
    let path = restartable_path(&workload, &what)?;
    let definition: Definition = site.api.get(&path).await.map_err(lost)?;
    let meant = object.map_or(&workload.uid, |object| &object.uid);
    if let Some(trouble) = definition.refusal(&workload, meant) {
        return Err(StepError::Failed(trouble));
    }
    // To the second, as kubectl writes it and as a Rollout keeps it.
    let mark = asked.unwrap_or_else(Timestamp::now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if definition.mark() == Some(&mark) {
        progress("was asked for already");
        return Ok(());
    }
    if workload.kind == ServiceKind::Deployment {
        refuse_pinned(site, &workload, &path, &what).await?;
    }
    let manager = if definition.is_flux_managed() { FLUX_MANAGER } else { MANAGER };
    let path = format!("{path}?fieldManager={manager}");
    let (kind, patch) = restart_patch(&workload, &mark, cause);
    site.api.change::<IgnoredAny>(Method::PATCH, &path, kind, &patch).await.map_err(lost)?;
    progress("asked for");
    Ok(())
}

fn restartable_path(workload: &Workload, what: &str) -> Result<String, StepError> {
    let Workload { kind, namespace, name, .. } = workload;
    let path = match kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout => {
            resolve::path(*kind, namespace, name)
        }
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => None,
    };
    path.ok_or_else(|| StepError::Failed(Trouble::new(what, format!("a {kind} has no pods to roll"))))
}

/// A Service that sends to one template's pods alone would send to nobody when these have gone.
async fn refuse_pinned(site: &Site, workload: &Workload, path: &str, what: &str) -> Result<(), StepError> {
    let found: Value = site.api.get(path).await.map_err(|fault| stopped(&fault, what))?;
    let services: Value = match site.api.get(&format!("/api/v1/namespaces/{}/services", workload.namespace)).await {
        Ok(services) => services,
        Err(fault) if fault.is_denied() => return Ok(()),
        Err(fault) => return Err(stopped(&fault, what)),
    };
    let is_pinned = |service: &&Value| {
        let selector = &service["spec"]["selector"];
        selector[sets::HASH].is_string() && sets::sends_to(selector, &found["spec"]["template"])
    };
    let Some(pinned) = services["items"].as_array().into_iter().flatten().find(is_pinned) else { return Ok(()) };
    let name = clean(pinned["metadata"]["name"].as_str().unwrap_or_default()).into_owned();
    let why = format!("service {name} sends to the pods of one release alone, and these would go");
    let help = "an operation that was left did that: resume or undo it first, or roll out or back";
    Err(StepError::Failed(Trouble::new(what, why).help(help)))
}

/// Bound to this very object: another one of its name is refused by the server.
fn restart_patch(workload: &Workload, mark: &str, cause: Option<&str>) -> (&'static str, Value) {
    let mut metadata = json!({"uid": &*workload.uid});
    // Else what is kept of it would be told with the reason of the change before.
    if let Some(cause) = cause {
        metadata["annotations"] = json!({CAUSE: cause});
    }
    if workload.kind == ServiceKind::Rollout {
        return ("application/merge-patch+json", json!({"metadata": metadata, "spec": {"restartAt": mark}}));
    }
    let template = json!({"metadata": {"annotations": {RESTARTED: mark}}});
    ("application/strategic-merge-patch+json", json!({"metadata": metadata, "spec": {"template": template}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(kind: ServiceKind) -> Workload {
        let text = |text: &str| Arc::<str>::from(text);
        Workload { kind, namespace: text("shop"), name: text("web"), uid: text("u-1"), selector: text("app=web") }
    }

    fn definition(spec: Value) -> Definition {
        serde_json::from_value(json!({"metadata": {"uid": "u-1"}, "spec": spec})).expect("a definition")
    }

    #[test]
    fn a_restart_is_bound_to_the_object_that_was_meant() {
        let (kind, patch) =
            restart_patch(&workload(ServiceKind::Deployment), "2026-11-21T12:00:00Z", Some("restart web by ann"));
        assert_eq!(kind, "application/strategic-merge-patch+json");
        assert_eq!(patch["metadata"]["uid"], "u-1");
        assert_eq!(patch["metadata"]["annotations"][CAUSE], "restart web by ann");
        assert_eq!(patch["spec"]["template"]["metadata"]["annotations"][RESTARTED], "2026-11-21T12:00:00Z");
        let (kind, patch) = restart_patch(&workload(ServiceKind::Rollout), "2026-11-21T12:00:00Z", None);
        assert_eq!(
            (kind, &patch["spec"]["restartAt"]),
            ("application/merge-patch+json", &json!("2026-11-21T12:00:00Z"))
        );
    }

    #[test]
    fn an_object_of_the_same_name_that_was_made_anew_is_another_one() {
        let trouble = definition(json!({})).refusal(&workload(ServiceKind::Deployment), "u-0").expect("refused");
        assert!(trouble.why.contains("made anew"), "{trouble}");
    }

    #[test]
    fn what_would_replace_nothing_is_refused_in_words() {
        let paused =
            definition(json!({"paused": true})).refusal(&workload(ServiceKind::Deployment), "u-1").expect("refused");
        assert_eq!(paused.help.as_deref(), Some("kubectl -n shop rollout resume deployment/web"));
        let on_delete = definition(json!({"updateStrategy": {"type": "OnDelete"}}));
        assert!(
            on_delete.refusal(&workload(ServiceKind::StatefulSet), "u-1").expect("refused").why.contains("OnDelete")
        );
        assert!(definition(json!({})).refusal(&workload(ServiceKind::StatefulSet), "u-1").is_none());
    }

    #[test]
    fn the_mark_of_a_restart_is_found_where_each_kind_keeps_it() {
        let marked = json!({"template": {"metadata": {"annotations": {RESTARTED: "then"}}}});
        assert_eq!(definition(marked).mark(), Some("then"));
        assert_eq!(definition(json!({"restartAt": "then", "template": {}})).mark(), Some("then"));
        assert_eq!(definition(json!({"template": {"metadata": null}})).mark(), None);
    }

    #[test]
    fn an_answer_that_leaves_open_whether_it_was_done_is_lost_and_a_no_is_a_failure() {
        let refused = |code, message: &str| {
            stopped(&Fault::Refused { code, reason: "".into(), message: message.into() }, "could not restart web")
        };
        for code in [401, 429, 500, 503, 504] {
            assert!(matches!(refused(code, "etcdserver: request timed out"), StepError::Lost(_)), "{code}");
        }
        for (code, message) in [(403, "forbidden"), (409, "conflict"), (500, "failed calling webhook \"a\"")] {
            assert!(matches!(refused(code, message), StepError::Failed(_)), "{code}");
        }
    }
}

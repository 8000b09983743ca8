//! Which object holds a workload's template: itself, or, of an Argo Rollout, the one that it refers to.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Site,
    change::{gone_or_lost, refuse, same, unmoved},
    directory::Workload,
    pod::is_name,
    resolve,
};
use crate::{
    backend::StepError,
    domain::{Object, ServiceKind, text::clean},
};

pub struct Holder {
    pub path: String,
    /// As RFC 6901 points there.
    pub pointer: &'static str,
    /// Kubernetes' own kind, which knows how to merge lists by name.
    pub is_native: bool,
    /// It is another object than the workload.
    pub referred: Option<Referred>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    pub kind: Arc<str>,
    pub name: Arc<str>,
}

impl Referred {
    /// `spec.workloadRef` of a Rollout.
    pub fn of(rollout: &Value) -> Option<Self> {
        let reference = &rollout["spec"]["workloadRef"];
        let text = |key: &str| reference[key].as_str().map(|text| Arc::from(clean(text)));
        Some(Self { kind: text("kind")?, name: text("name")? })
    }

    /// "deployment/web"
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }

    pub fn path(&self, namespace: &str) -> Option<String> {
        let collection = match &*self.kind {
            "Deployment" => "apis/apps/v1/namespaces/*/deployments",
            "ReplicaSet" => "apis/apps/v1/namespaces/*/replicasets",
            "PodTemplate" => "api/v1/namespaces/*/podtemplates",
            _ => return None,
        };
        (is_name(namespace) && is_name(&self.name))
            .then(|| format!("/{}/{}", collection.replace('*', namespace), self.name))
    }
}

/// `object`: what a change is bound to; a Rollout that leaves its template to another is judged here, all others when they are changed.
pub async fn of(site: &Site, workload: &Workload, object: &Object, what: &str) -> Result<Holder, StepError> {
    let Workload { kind, namespace, name, .. } = workload;
    let has_template = match kind {
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout => true,
        ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Pod
        | ServiceKind::Controlled
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container => false,
    };
    let path = resolve::path(*kind, namespace, name).filter(|_| has_template);
    let path = path.ok_or_else(|| refuse(what, format!("a {kind} is not rolled out")))?;
    let own = Holder { path, pointer: "/spec/template", is_native: *kind != ServiceKind::Rollout, referred: None };
    if own.is_native {
        return Ok(own);
    }
    let rollout: Value = site.api.get(&own.path).await.map_err(|fault| gone_or_lost(&fault, what))?;
    let Some(referred) = Referred::of(&rollout) else { return Ok(own) };
    same(what, &rollout, &object.uid)?;
    if object.template.is_none() {
        unmoved(what, &rollout, &Value::Null, object)?;
    }
    let path = referred.path(namespace);
    let path =
        path.ok_or_else(|| refuse(what, format!("its template is in {}, which is not known", referred.title())))?;
    let pointer = if &*referred.kind == "PodTemplate" { "/template" } else { "/spec/template" };
    Ok(Holder { path, pointer, is_native: true, referred: Some(referred) })
}

impl Holder {
    pub fn template<'a>(&self, object: &'a Value) -> &'a Value {
        object.pointer(self.pointer).unwrap_or(&Value::Null)
    }

    /// A patch that says this of the template.
    pub fn patch(&self, of_template: Value) -> Value {
        match self.pointer {
            "/template" => json!({"template": of_template}),
            _ => json!({"spec": {"template": of_template}}),
        }
    }

    /// Whether the object that holds the template is as it was when it was planned, as far as that is its to say.
    pub fn unmoved(&self, what: &str, found: &Value, object: &Object) -> Result<(), StepError> {
        // A generation is the other object's own.
        if self.referred.is_some() && object.template.is_none() {
            return Ok(());
        }
        unmoved(what, found, self.template(found), object)
    }
}

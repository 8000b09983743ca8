//! One object as `kubectl apply` takes it: without what its server made of it. Pure.

use serde_json::{Value, json};

use crate::{
    backend::{
        DefinitionFile,
        kubernetes::{fault::Fault, pod::is_name},
    },
    domain::text::clean,
};

/// In the order in which they are applied: what is named is there before what names it.
const KINDS: [(&str, &str); 13] = [
    ("ConfigMap", "configmaps"),
    ("Secret", "secrets"),
    ("PersistentVolumeClaim", "persistentvolumeclaims"),
    ("Service", "services"),
    ("Deployment", "deployments"),
    ("StatefulSet", "statefulsets"),
    ("DaemonSet", "daemonsets"),
    ("Job", "jobs"),
    ("CronJob", "cronjobs"),
    ("Rollout", "rollouts"),
    ("Pod", "pods"),
    ("HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("PodDisruptionBudget", "poddisruptionbudgets"),
];
const LAST: (&str, &str) = ("Ingress", "ingresses");
const OF_METADATA: [&str; 4] = ["annotations", "labels", "name", "namespace"];
/// Annotations that say how a server came to it.
const OF_SERVER: [&str; 7] = [
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
];
/// Of a Service and of a claim; another one of the same name gets its own.
const GIVEN: [&str; 5] = ["clusterIP", "clusterIPs", "healthCheckNodePort", "nodeName", "volumeName"];

pub struct Manifest(Value);

impl Manifest {
    pub fn of(mut object: Value) -> Self {
        let metadata = object["metadata"].take();
        let kept = OF_METADATA.iter().filter(|key| !metadata[**key].is_null());
        object["metadata"] = kept.map(|key| ((*key).to_owned(), metadata[*key].clone())).collect();
        if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !OF_SERVER.contains(&key.as_str()));
        }
        if let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            // It has none on purpose.
            let is_headless = spec.get("clusterIP").is_some_and(|address| address == "None");
            spec.retain(|key, _| !GIVEN.contains(&key.as_str()));
            if is_headless {
                spec.insert("clusterIP".into(), "None".into());
            }
        }
        Self(object)
    }

    /// Of this namespace then, whichever it was of.
    pub fn read(file: &DefinitionFile, namespace: &str) -> Result<Self, Fault> {
        let garbled = || Fault::Garbled(format!("{} is no manifest of ours", clean(&file.name)).into());
        let mut object: Value = serde_json::from_slice(&file.bytes).map_err(|_| garbled())?;
        object["metadata"]["namespace"] = json!(namespace);
        let manifest = Self(object);
        let is_known = plural(manifest.kind()).is_some() && is_name(manifest.name()) && is_name(namespace);
        let is_versioned = manifest.version().split('/').all(is_name) && manifest.version().split('/').count() <= 2;
        if is_known && is_versioned { Ok(manifest) } else { Err(garbled()) }
    }

    pub fn file(&self) -> Result<DefinitionFile, Fault> {
        let bytes = serde_json::to_vec_pretty(&self.0).map_err(|error| Fault::Garbled(error.to_string().into()))?;
        let name = format!("{}-{}.json", self.kind().to_lowercase(), clean(self.name()));
        Ok(DefinitionFile { name: name.into(), bytes: bytes.into() })
    }

    pub fn object(&self) -> &Value {
        &self.0
    }

    pub fn rank(&self) -> usize {
        KINDS.iter().position(|(kind, _)| *kind == self.kind()).unwrap_or(KINDS.len())
    }

    /// "ConfigMap web"
    pub fn title(&self) -> String {
        clean(&format!("{} {}", self.kind(), self.name())).into_owned()
    }

    pub fn path(&self) -> String {
        let root = if self.version().contains('/') { "apis" } else { "api" };
        let (namespace, plural) =
            (self.text(&self.0["metadata"]["namespace"]), plural(self.kind()).unwrap_or_default());
        format!("/{root}/{}/namespaces/{namespace}/{plural}/{}", self.version(), self.name())
    }

    fn kind(&self) -> &str {
        self.text(&self.0["kind"])
    }

    fn name(&self) -> &str {
        self.text(&self.0["metadata"]["name"])
    }

    fn version(&self) -> &str {
        self.text(&self.0["apiVersion"])
    }

    fn text<'a>(&self, value: &'a Value) -> &'a str {
        value.as_str().unwrap_or_default()
    }
}

fn plural(kind: &str) -> Option<&'static str> {
    KINDS.iter().chain([&LAST]).find(|(known, _)| *known == kind).map(|(_, plural)| *plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(object: &Value) -> DefinitionFile {
        DefinitionFile { name: "x.json".into(), bytes: object.to_string().into_bytes().into() }
    }

    #[test]
    fn what_the_server_made_of_it_is_left_out_and_what_a_person_said_stays() {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "status": {"loadBalancer": {}},
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "9", "managedFields": [], "generation": 3,
                "labels": {"app": "web"}, "ownerReferences": [],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"},
            },
            "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "selector": {"app": "web"}},
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "annotations": {"team": "a"}},
            "spec": {"selector": {"app": "web"}},
        });
        let mut headless = service.clone();
        headless["spec"]["clusterIP"] = json!("None");
        assert_eq!(Manifest::of(headless).object()["spec"]["clusterIP"], "None");
        let plain = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}});
        assert_eq!(*Manifest::of(plain.clone()).object(), plain, "nothing is added");
        let manifest = Manifest::of(service);
        assert_eq!(*manifest.object(), expected);
        assert_eq!(&*manifest.file().expect("written").name, "service-web.json");
    }

    #[test]
    fn a_manifest_goes_into_the_namespace_that_is_meant_and_its_words_lead_nowhere_else() {
        let object = |version: &str, kind: &str, name: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "other"}});
        let path = |object: &Value| Manifest::read(&file(object), "shop").ok().map(|manifest| manifest.path());
        let known = path(&object("apps/v1", "Deployment", "web"));
        assert_eq!(known.as_deref(), Some("/apis/apps/v1/namespaces/shop/deployments/web"));
        assert_eq!(path(&object("v1", "Secret", "key")).as_deref(), Some("/api/v1/namespaces/shop/secrets/key"));
        for (version, kind, name) in
            [("v1", "Node", "lab-1"), ("v1", "Secret", "../x"), ("../v1", "Secret", "x"), ("a/b/c", "Secret", "x")]
        {
            assert_eq!(path(&object(version, kind, name)), None, "{version} {kind} {name}");
        }
    }
}

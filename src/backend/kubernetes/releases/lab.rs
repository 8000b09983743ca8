//! Against a real cluster, where there is one: what it keeps after what was done to it.

use std::{panic::AssertUnwindSafe, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use futures::{Future, FutureExt};
use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::backend::kubernetes::{outline, releases::kept, testing};

const MERGE: &str = "application/strategic-merge-patch+json";

struct Lab {
    api: Api,
    namespace: String,
}

/// Runs a case in a namespace of its own, which goes with it. Nothing is done on a machine without a cluster, unless one is demanded.
async fn in_the_lab<F: Future<Output = ()>>(case: impl FnOnce(Arc<Lab>) -> F) {
    let Some(path) = testing::kubeconfig() else { return };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::read_from(path).expect("a kubeconfig");
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.expect("a context");
    config.default_retry = false;
    let client = kube::Client::try_from(config).expect("a client");
    let api = Api::new(client, "lab".into(), "lab".into());
    static MADE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let namespace = format!("releases-{}-{number}", std::process::id());
    let lab = Arc::new(Lab { api, namespace });
    lab.post("/api/v1/namespaces", json!({"metadata": {"name": &lab.namespace}})).await;
    let ended = AssertUnwindSafe(case(lab.clone())).catch_unwind().await;
    let path = format!("/api/v1/namespaces/{}", lab.namespace);
    let gone = lab.api.change::<Value>(Method::DELETE, &path, "application/json", &json!({})).await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
    gone.expect("the namespace is removed");
}

impl Lab {
    async fn post(&self, path: &str, body: Value) -> Value {
        self.api.change(Method::POST, path, "application/json", &body).await.expect("it is made")
    }

    fn path(&self, kind: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/{kind}", self.namespace)
    }

    /// Makes it with one container of the lab's image.
    async fn make(&self, kind: ServiceKind, annotations: Value) -> Workload {
        let (plural, more) = match kind {
            ServiceKind::StatefulSet => ("statefulsets", json!({"replicas": 1, "serviceName": "web"})),
            ServiceKind::DaemonSet => ("daemonsets", json!({})),
            _ => ("deployments", json!({"replicas": 1})),
        };
        let container = json!({"name": "web", "image": "lab/busybox", "imagePullPolicy": "Never", "command": ["sleep", "3600"],
            "env": [{"name": "STEP", "value": "1"}, {"name": "DB_PASSWORD", "value": "hunter2"}]});
        let mut spec = json!({
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}},
        });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let made = self
            .post(&self.path(plural), json!({"metadata": {"name": "web", "annotations": annotations}, "spec": spec}))
            .await;
        let uid = made["metadata"]["uid"].as_str().expect("a uid").into();
        Workload {
            kind,
            namespace: self.namespace.as_str().into(),
            name: "web".into(),
            uid,
            selector: "app=web".into(),
        }
    }

    async fn set_step(&self, plural: &str, step: &str, cause: &str) {
        let container = json!({"name": "web", "env": [{"name": "STEP", "value": step}]});
        let patch = json!({"metadata": {"annotations": {"kubernetes.io/change-cause": cause}},
            "spec": {"template": {"spec": {"containers": [container]}}}});
        let path = format!("{}/web", self.path(plural));
        let _: Value = self.api.change(Method::PATCH, &path, MERGE, &patch).await.expect("it is changed");
    }

    /// Asks until it is so.
    async fn until(&self, workload: &Workload, what: &str, is: impl Fn(&[Release]) -> bool) -> Vec<Release> {
        let mut last = Vec::new();
        let asked = tokio::time::timeout(testing::PATIENCE, async {
            loop {
                last = kept(&self.api, workload).await.expect("the releases");
                if is(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        if asked.await.is_err() {
            panic!("{what}: {last:#?}");
        }
        last
    }
}

fn step(release: &Release) -> &str {
    release.outline.as_ref().and_then(|outline| outline.get("web env STEP")).map_or("-", |step| step)
}

fn steps(releases: &[Release]) -> Vec<(u64, &str)> {
    releases.iter().map(|release| (release.number.unwrap_or(0), step(release))).collect()
}

fn is_healthy(releases: &[Release]) -> bool {
    releases.first().is_some_and(|release| release.healthy_since.is_some() && release.instances == 1)
}

#[tokio::test]
async fn a_deployment_tells_three_revisions_and_the_older_numbers_after_a_rollback() {
    in_the_lab(|lab| async move {
        let web = lab.make(ServiceKind::Deployment, json!({})).await;
        lab.until(&web, "the first", is_healthy).await;
        lab.set_step("deployments", "2", "ci: #2").await;
        lab.until(&web, "the second", |found| found.len() == 2 && is_healthy(found)).await;
        lab.set_step("deployments", "3", "ci: #3").await;
        let found = lab.until(&web, "the third", |found| found.len() == 3 && is_healthy(found)).await;
        assert_eq!(steps(&found), [(3, "3"), (2, "2"), (1, "1")]);
        assert_eq!(found[0].cause.as_deref(), Some("ci: #3"));
        assert!(found[0].image.digest.is_some() && found[0].outcome.is_none(), "{:?}", found[0]);
        assert!(found[1].served.is_some() && found[2].served.is_some());
        assert!(!format!("{found:?}").contains("hunter2"));
        let differences = differences(found[1].outline.as_ref().expect("one"), found[0].outline.as_ref().expect("one"));
        let paths: Vec<_> = differences.iter().map(|difference| &*difference.path).collect();
        assert_eq!(paths, ["web env STEP"]);

        // Told in whole seconds, so that what begins in the same one is told apart from nothing.
        lab.until(&web, "another second", |found| {
            Some(jiff::Timestamp::now().as_second()) > found[0].created.map(jiff::Timestamp::as_second)
        })
        .await;
        lab.set_step("deployments", "1", "back").await;
        let found = lab.until(&web, "the first again", |found| steps(found)[0].0 == 4 && is_healthy(found)).await;
        assert_eq!(steps(&found), [(4, "1"), (3, "3"), (2, "2")]);
        assert_eq!(found[0].older, [1]);
        assert!(found[0].created > found[1].created, "it began again: {found:#?}");
        let alone = outline::kept(&lab.api, &web, &found[1].id).await.expect("its outline");
        assert_eq!(Some(alone), found[1].outline);
    })
    .await;
}

#[tokio::test]
async fn a_release_that_never_comes_up_is_told_as_failed() {
    in_the_lab(|lab| async move {
        let web = lab.make(ServiceKind::Deployment, json!({})).await;
        lab.until(&web, "the first", is_healthy).await;
        // What ends at once is ready for an instant without a probe, which a controller may see.
        let probe = json!({"exec": {"command": ["false"]}});
        let container = json!({"name": "web", "command": ["sh", "-c", "exit 3"], "readinessProbe": probe});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let path = format!("{}/web", lab.path("deployments"));
        let _: Value = lab.api.change(Method::PATCH, &path, MERGE, &patch).await.expect("it is changed");
        let found = lab.until(&web, "a failed one", |found| found[0].failed).await;
        assert_eq!(found[0].outcome.as_deref(), Some("never became ready: crash loop, exit 3"));
        assert_eq!((found[1].instances, found[1].failed), (1, false));
    })
    .await;
}

#[tokio::test]
async fn a_stateful_set_and_a_daemon_set_tell_their_revisions() {
    in_the_lab(|lab| async move {
        for (kind, plural) in [(ServiceKind::StatefulSet, "statefulsets"), (ServiceKind::DaemonSet, "daemonsets")] {
            let web = lab.make(kind, json!({})).await;
            lab.until(&web, "the first", is_healthy).await;
            lab.set_step(plural, "2", "").await;
            let second = |found: &[Release]| found.len() == 2 && found[1].instances == 0 && is_healthy(found);
            let found = lab.until(&web, "the second", second).await;
            assert_eq!(steps(&found), [(2, "2"), (1, "1")], "{kind}");
            assert!(found[1].served.is_some() && found[0].image.digest.is_some(), "{kind}: {found:#?}");
            let alone = outline::kept(&lab.api, &web, &found[1].id).await.expect("its outline");
            assert_eq!(Some(alone), found[1].outline, "{kind}");
            // The selector would find the other's pods.
            let path = format!("{}/web", lab.path(plural));
            let _: Value =
                lab.api.change(Method::DELETE, &path, "application/json", &json!({})).await.expect("it goes");
        }
    })
    .await;
}

#[tokio::test]
async fn what_helm_keeps_is_listed_and_opened() {
    use std::io::Write;
    in_the_lab(|lab| async move {
        let annotations =
            json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": &lab.namespace});
        let web = lab.make(ServiceKind::Deployment, annotations).await;
        for (version, status) in [(1, "superseded"), (2, "deployed")] {
            let manifest = format!(
                "---\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      \
                containers:\n      - name: web\n        image: lab/busybox:v{version}\n"
            );
            let body = json!({"manifest": manifest, "chart": {"metadata": {"name": "shop", "version": "1.0"}},
                "config": {"password": "hunter2"}});
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(body.to_string().as_bytes()).expect("a Vec takes everything");
            let packed = BASE64_STANDARD.encode(gzip.finish().expect("a Vec takes everything"));
            let labels = json!({"owner": "helm", "name": "shop", "status": status, "version": version.to_string()});
            let secret = json!({"metadata": {"name": format!("sh.helm.release.v1.shop.v{version}"), "labels": labels},
                "type": "helm.sh/release.v1", "stringData": {"release": packed}});
            lab.post(&format!("/api/v1/namespaces/{}/secrets", lab.namespace), secret).await;
        }
        let found = kept(&lab.api, &web).await.expect("the releases");
        let helm: Vec<_> =
            found.iter().filter(|release| release.source == crate::domain::ReleaseSource::Helm).collect();
        let shown: Vec<_> = helm.iter().map(|it| (it.number, it.current, it.outcome.as_deref())).collect();
        assert_eq!(shown, [(Some(2), true, Some("deployed")), (Some(1), false, Some("superseded"))]);
        let told = outline::kept(&lab.api, &web, &helm[1].id).await.expect("its outline");
        assert_eq!(told.get("web image").map(|image| &**image), Some("lab/busybox:v1"));
        assert_eq!(told.get("helm:chart version").map(|version| &**version), Some("1.0"));
        assert!(!format!("{told:?}").contains("hunter2"));
        let foreign = format!("helm/secrets/{}/nothing", lab.namespace);
        assert!(outline::kept(&lab.api, &web, &foreign).await.is_err());
    })
    .await;
}

//! What Helm keeps in the cluster of its releases: listed without their bodies, and one body opened when it is asked for.

mod body;

use std::collections::BTreeMap;

use http::Method;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    api::{Api, decode, encoded},
    directory::Workload,
    fault::Fault,
    pod::is_name,
};
use crate::domain::{Outline, Release, ReleaseSource, text::clean};

/// Lists names and labels only: a body may be as large as a megabyte.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// The newest that are told.
const TOLD: usize = 20;

/// Where one release is kept, as a release's id says it: `helm/secrets/shop/sh.helm.release.v1.web.v3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    driver: Driver,
    namespace: String,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Secret,
    ConfigMap,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The releases of the chart that a workload with these annotations is part of, newest first; none where it is part of none.
pub async fn releases(
    api: &Api,
    namespace: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<Release>, Fault> {
    let Some(chart) = annotations.get("meta.helm.sh/release-name").filter(|name| is_name(name)) else {
        return Ok(Vec::new());
    };
    let elsewhere = annotations.get("meta.helm.sh/release-namespace").filter(|name| is_name(name));
    let namespace = elsewhere.map_or(namespace, String::as_str);
    let mut denied = None;
    for driver in [Driver::Secret, Driver::ConfigMap] {
        match list(api, driver, namespace, chart).await {
            Ok(items) if items.is_empty() => {}
            Ok(items) => return Ok(told(driver, namespace, items)),
            Err(fault) if fault.is_denied() => denied = denied.or(Some(driver)),
            Err(fault) => return Err(fault),
        }
    }
    Ok(denied.map(|driver| hidden(chart, driver)).into_iter().collect())
}

async fn list(api: &Api, driver: Driver, namespace: &str, chart: &str) -> Result<Vec<Item>, Fault> {
    let selector = encoded(&format!("owner=helm,name={chart}"));
    let path = format!("/api/v1/namespaces/{namespace}/{}?labelSelector={selector}", driver.plural());
    let answer = api.send(Method::GET, &path, &[("accept", METADATA_ONLY)], Vec::new()).await?;
    let bytes = answer.into_body().collect().await.map_err(Fault::from)?.to_bytes();
    Ok(decode::<List>(&bytes)?.items)
}

/// Pure.
fn told(driver: Driver, namespace: &str, items: Vec<Item>) -> Vec<Release> {
    let release = |item: Item| {
        let Metadata { name, creation_timestamp, labels } = item.metadata;
        let label = |key: &str| labels.get(key).map(|value| clean(value).into_owned());
        let changed = ["modifiedAt", "createdAt"].iter().find_map(|key| labels.get(*key)?.parse().ok());
        let status = label("status").unwrap_or_else(|| "unknown".into());
        Some(Release {
            id: Kept { driver, namespace: namespace.into(), name }.to_string().into(),
            source: ReleaseSource::Helm,
            number: Some(labels.get("version")?.parse().ok()?),
            created: creation_timestamp.or_else(|| changed.and_then(|seconds| Timestamp::from_second(seconds).ok())),
            current: status == "deployed",
            failed: status == "failed",
            cause: label("name").map(|name| format!("chart release {name}").into()),
            outcome: Some(status.into()),
            ..Release::default()
        })
    };
    let mut found: Vec<Release> = items.into_iter().filter_map(release).collect();
    found.sort_by_key(|release| std::cmp::Reverse(release.number));
    found.truncate(TOLD);
    // Of a chart whose last change failed, what was deployed before is still what should run, and there is one of it.
    let deployed = found.iter().position(|release| release.current);
    found.iter_mut().enumerate().for_each(|(place, release)| release.current = Some(place) == deployed);
    found
}

/// It is there, and may not be looked at.
fn hidden(chart: &str, driver: Driver) -> Release {
    let cause = format!("chart release {}: {} may not be listed", clean(chart), driver.plural());
    Release {
        source: ReleaseSource::Helm,
        cause: Some(cause.into()),
        outcome: Some("not known".into()),
        ..Release::default()
    }
}

/// Of what a chart made, what this workload runs by, and which chart with which values it was.
pub async fn outline(api: &Api, workload: &Workload, kept: &Kept) -> Result<Outline, Fault> {
    let path = format!("/api/v1/namespaces/{}/{}/{}", kept.namespace, kept.driver.plural(), kept.name);
    let mut object: Value = api.get(&path).await?;
    let is_helms = object["metadata"]["labels"]["owner"] == "helm";
    let Value::String(packed) = object["data"]["release"].take() else {
        return Err(Fault::Garbled(format!("{} holds no release", kept.name).into()));
    };
    if !is_helms {
        return Err(Fault::Garbled(format!("{} is not Helm's", kept.name).into()));
    }
    body::outline(&body::unpack(&packed, kept.driver == Driver::Secret)?, workload)
}

impl Driver {
    fn plural(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
        }
    }
}

impl Kept {
    pub fn parse(id: &str) -> Option<Self> {
        let mut parts = id.strip_prefix("helm/")?.split('/');
        let driver = match parts.next()? {
            "secrets" => Driver::Secret,
            "configmaps" => Driver::ConfigMap,
            _ => return None,
        };
        let (namespace, name) = (parts.next()?, parts.next()?);
        let is_whole = parts.next().is_none() && is_name(namespace) && is_name(name);
        is_whole.then(|| Self { driver, namespace: namespace.into(), name: name.into() })
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "helm/{}/{}/{}", self.driver.plural(), self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(version: u64, status: &str) -> Item {
        serde_json::from_value(serde_json::json!({"metadata": {
            "name": format!("sh.helm.release.v1.web.v{version}"), "creationTimestamp": "2026-11-20T10:00:00Z",
            "labels": {"owner": "helm", "name": "web", "status": status, "version": version.to_string()},
        }}))
        .expect("an item")
    }

    #[test]
    fn the_newest_comes_first_and_the_one_that_is_deployed_is_current() {
        let found = told(Driver::Secret, "shop", vec![item(9, "deployed"), item(10, "failed"), item(8, "superseded")]);
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.number.unwrap_or(0), it.current, it.failed, it.outcome.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(shown, [(10, false, true, "failed"), (9, true, false, "deployed"), (8, false, false, "superseded")]);
        assert_eq!(&*found[1].id, "helm/secrets/shop/sh.helm.release.v1.web.v9");
    }

    #[test]
    fn an_id_leads_back_to_where_it_is_kept_and_nowhere_else() {
        let id = "helm/configmaps/shop/web.v1";
        assert_eq!(Kept::parse(id).map(|kept| kept.to_string()).as_deref(), Some(id));
        for wrong in
            ["web-7f8d9c", "helm/pods/shop/web", "helm/secrets/shop", "helm/secrets/../x", "helm/secrets/a/b/c"]
        {
            assert_eq!(Kept::parse(wrong), None, "{wrong}");
        }
    }
}

//! What is in the body of a release of Helm's: base64, gzip, JSON, and in that the manifest as YAML. Pure. None of it is trusted: it is
//! opened up to a size, and its values are masked like everything that a person wrote.

use std::io::Read;

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    backend::kubernetes::{
        directory::Workload,
        fault::Fault,
        outline::template::{self, Pairs, text},
    },
    domain::{Outline, ServiceKind, units},
};

/// bytes that are taken out of a body at most: far more than a cluster lets Helm put in by honest means
const LARGEST: u64 = 32 << 20;
/// Of gzip. Very old releases were not packed.
const PACKED: [u8; 3] = [0x1f, 0x8b, 0x08];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Body {
    info: Info,
    chart: Chart,
    /// What the person gave, beside what the chart has as defaults.
    config: Value,
    manifest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    description: String,
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chart {
    metadata: ChartMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ChartMetadata {
    name: String,
    version: String,
    app_version: String,
}

/// `twice`: a Secret's data is base64 once more.
pub fn unpack(packed: &str, twice: bool) -> Result<Body, Fault> {
    let decode = |packed: &[u8]| {
        let packed: Vec<u8> = packed.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64_STANDARD.decode(packed).map_err(|_| garbled("it is not base64"))
    };
    let mut bytes = decode(packed.as_bytes())?;
    if twice {
        bytes = decode(&bytes)?;
    }
    if bytes.starts_with(&PACKED) {
        bytes = inflate(&bytes)?;
    }
    serde_json::from_slice(&bytes).map_err(|error| garbled(&error.to_string()))
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = GzDecoder::new(packed).take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| garbled(&error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(garbled(&format!("it is packed and more than {} large", units::bytes(LARGEST))));
    }
    Ok(bytes)
}

fn garbled(why: &str) -> Fault {
    Fault::Garbled(format!("the release that Helm keeps cannot be read: {why}").into())
}

/// The chart's own lines, and what it runs this workload by, if it is among what the chart makes.
pub fn outline(body: &Body, workload: &Workload) -> Result<Outline, Fault> {
    let mut pairs = Pairs::default();
    let chart = &body.chart.metadata;
    let mut put = |path: &str, value: &str| {
        if !value.is_empty() {
            pairs.put_named(path, "", value);
        }
    };
    put("helm:chart name", &chart.name);
    put("helm:chart version", &chart.version);
    put("helm:chart app-version", &chart.app_version);
    put("helm:release status", &body.info.status);
    put("helm:release description", &body.info.description);
    pairs.put_leaves("helm:value ", &body.config);
    if let Some(template) = template_of(&body.manifest, workload)? {
        template::put(&mut pairs, &template);
    }
    Ok(pairs.outline())
}

/// Only what may be it is parsed: a manifest is large, and one of its documents is looked for.
fn template_of(manifest: &str, workload: &Workload) -> Result<Option<Value>, Fault> {
    let Some((kind, path)) = place(workload.kind) else { return Ok(None) };
    for document in documents(manifest).filter(|document| document.contains(kind) && document.contains(&*workload.name))
    {
        let object: Value = serde_saphyr::from_str(document).map_err(|error| garbled(&error.to_string()))?;
        if text(&object["kind"]) == kind && text(&object["metadata"]["name"]) == &*workload.name {
            return Ok(object.pointer(path).cloned());
        }
    }
    Ok(None)
}

fn documents(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.split("\n---").map(|document| document.trim_start_matches('-').trim_start())
}

/// What the manifest calls such a workload, and where in it the template of its pods is.
fn place(kind: ServiceKind) -> Option<(&'static str, &'static str)> {
    match kind {
        ServiceKind::Deployment => Some(("Deployment", "/spec/template")),
        ServiceKind::StatefulSet => Some(("StatefulSet", "/spec/template")),
        ServiceKind::DaemonSet => Some(("DaemonSet", "/spec/template")),
        ServiceKind::Rollout => Some(("Rollout", "/spec/template")),
        ServiceKind::Job => Some(("Job", "/spec/template")),
        ServiceKind::CronJob => Some(("CronJob", "/spec/jobTemplate/spec/template")),
        ServiceKind::Pod => Some(("Pod", "")),
        ServiceKind::Controlled | ServiceKind::ComposeService | ServiceKind::SwarmService | ServiceKind::Container => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = "---\n# Source: web/templates/service.yaml\nkind: Service\nmetadata:\n  name: web\n---\n\
        apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      \
        - name: web\n        image: shop/web:v2\n        env:\n        - name: DB_PASSWORD\n          value: hunter2-from-manifest\n";

    fn packed(json: &Value) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(json.to_string().as_bytes()).expect("a Vec takes everything");
        BASE64_STANDARD.encode(gzip.finish().expect("a Vec takes everything"))
    }

    fn release() -> Value {
        json!({
            "name": "web", "version": 3, "manifest": MANIFEST,
            "info": {"status": "deployed", "description": "Upgrade complete"},
            "chart": {"metadata": {"name": "web", "version": "1.4.0", "appVersion": "2.0"}},
            "config": {"image": {"tag": "v2"}, "database": {"password": "hunter2-from-values"}},
        })
    }

    fn web() -> Workload {
        Workload {
            kind: ServiceKind::Deployment,
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u".into(),
            selector: "".into(),
        }
    }

    #[test]
    fn a_body_tells_its_chart_its_values_and_the_workload_and_no_secret() {
        let told = outline(&unpack(&packed(&release()), false).expect("opens"), &web()).expect("is understood");
        for (path, value) in [
            ("helm:chart version", "1.4.0"),
            ("helm:release description", "Upgrade complete"),
            ("helm:value image.tag", "v2"),
            ("web image", "shop/web:v2"),
        ] {
            assert_eq!(told.get(path).map(|value| &**value), Some(value), "{path}");
        }
        assert!(told.get("helm:value database.password").is_some());
        assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    }

    #[test]
    fn a_secret_is_unpacked_twice_and_what_was_never_packed_is_read_too() {
        let twice = BASE64_STANDARD.encode(packed(&release()));
        assert_eq!(unpack(&twice, true).expect("opens").chart.metadata.name, "web");
        let plain = BASE64_STANDARD.encode(release().to_string());
        assert_eq!(unpack(&plain, false).expect("opens").chart.metadata.name, "web");
    }

    #[test]
    fn what_grows_without_end_is_refused_in_words() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let blank = vec![b' '; 1 << 20];
        (0..40).for_each(|_| gzip.write_all(&blank).expect("a Vec takes everything"));
        let bomb = BASE64_STANDARD.encode(gzip.finish().expect("a Vec takes everything"));
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        let Err(Fault::Garbled(why)) = unpack(&bomb, false) else { panic!("it was opened") };
        assert!(why.contains("more than 32Mi large"), "{why}");
    }

    #[test]
    fn what_is_broken_is_told_and_not_quoted() {
        for wrong in
            ["not base64!", &BASE64_STANDARD.encode("{\"secret\": "), &BASE64_STANDARD.encode([0x1f, 0x8b, 0x08, 0])]
        {
            let Err(Fault::Garbled(why)) = unpack(wrong, false) else { panic!("{wrong} was understood") };
            assert!(!why.contains("secret"), "{why}");
        }
    }
}

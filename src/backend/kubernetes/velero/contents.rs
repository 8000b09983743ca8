//! What is in the files that Velero keeps: logs, results, lists, and the backup itself, a tar of JSON. All of it is packed, and opened up
//! to a size. Pure.

mod tar;

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    backend::mask,
    domain::{VeleroFile, units},
};

/// bytes of a text that are kept
const LONGEST: usize = 4 << 20;
/// bytes that are unpacked at most: of a text, and of a backup
const LARGEST_TEXT: u64 = 256 << 20;
const LARGEST_BACKUP: u64 = 1 << 30;

/// An object as it was backed up.
#[derive(Clone, Debug, PartialEq)]
pub struct Archived {
    /// "deployments.apps"
    pub resource: String,
    pub object: Value,
}

/// And whether it is only a part. Secrets are masked.
pub fn text(file: VeleroFile, packed: &[u8]) -> Result<(String, bool), String> {
    let bytes = unpack(packed)?;
    match file {
        VeleroFile::BackupLog | VeleroFile::RestoreLog => {
            let (kept, is_cut) = end(&bytes);
            Ok((mask::text(&String::from_utf8_lossy(kept)), is_cut))
        }
        VeleroFile::BackupResourceList => Ok(start(names(&understood(&bytes)?))),
        VeleroFile::BackupResults | VeleroFile::RestoreResults => {
            let (text, is_cut) = start(results(&understood(&bytes)?));
            Ok((mask::text(&text), is_cut))
        }
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed).take(LARGEST_TEXT + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    if bytes.len() as u64 > LARGEST_TEXT {
        return Err(format!("it is larger than {}", units::bytes(LARGEST_TEXT)));
    }
    Ok(bytes)
}

fn understood<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it cannot be understood: {error}"))
}

/// From a line's beginning on.
fn end(bytes: &[u8]) -> (&[u8], bool) {
    if bytes.len() <= LONGEST {
        return (bytes, false);
    }
    let kept = &bytes[bytes.len() - LONGEST..];
    let line = memchr::memchr(b'\n', kept).map_or(0, |end| end + 1);
    (&kept[line..], true)
}

fn start(lines: Vec<String>) -> (String, bool) {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() > LONGEST {
            return (text, true);
        }
        text.push_str(&line);
        text.push('\n');
    }
    (text, false)
}

/// `apps/v1/Deployment shop/web`
fn names(list: &BTreeMap<String, Option<Vec<String>>>) -> Vec<String> {
    let all = list.iter().flat_map(|(kind, names)| names.iter().flatten().map(move |name| (kind, name)));
    all.map(|(kind, name)| format!("{kind} {name}")).collect()
}

/// Velero's own, those of what is of the whole cluster, and those of each namespace.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Results {
    errors: Option<Said>,
    warnings: Option<Said>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    velero: Option<Vec<String>>,
    cluster: Option<Vec<String>>,
    namespaces: Option<BTreeMap<String, Vec<String>>>,
}

fn results(results: &Results) -> Vec<String> {
    let all = [("error", &results.errors), ("warning", &results.warnings)];
    all.into_iter().flat_map(|(weight, said)| said.iter().flat_map(move |said| said.lines(weight))).collect()
}

impl Said {
    fn lines(&self, weight: &str) -> Vec<String> {
        let line = |place: &str, text: &String| format!("{weight} {place}: {text}");
        let velero = self.velero.iter().flatten().map(|text| line("velero", text));
        let cluster = self.cluster.iter().flatten().map(|text| line("cluster", text));
        let places = self.namespaces.iter().flatten();
        let placed = places.flat_map(|(place, texts)| texts.iter().map(move |text| line(place, text)));
        velero.chain(cluster).chain(placed).collect()
    }
}

/// Every object once, in the version that its cluster preferred.
pub fn objects(packed: &[u8]) -> Result<Vec<Archived>, String> {
    let mut archived = Vec::new();
    let unpacked = MultiGzDecoder::new(packed).take(LARGEST_BACKUP);
    let read = tar::each(unpacked, |path, bytes| {
        let Some(resource) = resource_of(path) else { return Ok(()) };
        let object = serde_json::from_slice(bytes).map_err(io::Error::other)?;
        archived.push(Archived { resource: resource.to_owned(), object });
        Ok(())
    });
    read.map_err(|error| format!("the backup cannot be looked through: {error}"))?;
    Ok(archived)
}

/// `resources/deployments.apps/namespaces/shop/web.json`, `resources/persistentvolumes/cluster/pv-1.json`. Beside it everything is there a
/// second time, below its version.
fn resource_of(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
    match parts.as_slice() {
        ["resources", resource, "namespaces", _, name] | ["resources", resource, "cluster", name]
            if name.ends_with(".json") =>
        {
            Some(resource)
        }
        _ => None,
    }
}

#[cfg(test)]
pub mod fixture {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use serde_json::Value;

    pub fn packed(bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes.as_ref()).expect("a Vec takes everything");
        gzip.finish().expect("a Vec takes everything")
    }

    /// A backup as Velero writes it, with each object twice.
    pub fn backup(objects: &[(&str, Value)]) -> Vec<u8> {
        let mut tar = super::tar::fixture("metadata/version", b"1.1.0\n");
        for (resource, object) in objects {
            let name = object["metadata"]["name"].as_str().expect("a name");
            let place = match object["metadata"]["namespace"].as_str() {
                Some(namespace) => format!("namespaces/{namespace}/{name}.json"),
                None => format!("cluster/{name}.json"),
            };
            for path in
                [format!("resources/{resource}/{place}"), format!("resources/{resource}/v1-preferredversion/{place}")]
            {
                tar.extend(super::tar::fixture(&path, object.to_string().as_bytes()));
            }
        }
        tar.extend([0; 1024]);
        packed(tar)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fixture::packed, *};

    #[test]
    fn a_backup_tells_each_object_once() {
        let deployment = json!({"metadata": {"namespace": "shop", "name": "web"}});
        let volume = json!({"metadata": {"name": "pv-1"}});
        let packed =
            fixture::backup(&[("deployments.apps", deployment.clone()), ("persistentvolumes", volume.clone())]);
        let all = objects(&packed).expect("objects");
        let of = |resource: &str, object| Archived { resource: resource.into(), object };
        assert_eq!(all, [of("deployments.apps", deployment), of("persistentvolumes", volume)]);
        assert!(objects(&packed[..packed.len() / 2]).is_err(), "what was cut off is no backup");
    }

    #[test]
    fn a_log_is_kept_from_its_end_on_and_without_secrets() {
        let log = format!("first\n{}\nlevel=error msg=\"login with password=hunter2 failed\"\n", "x".repeat(LONGEST));
        let (text, is_cut) = super::text(VeleroFile::BackupLog, &packed(log)).expect("a text");
        assert!(is_cut && text.starts_with("level=error") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn results_and_lists_are_lines() {
        let results = json!({"errors": {"namespaces": {"shop": ["no such claim"]}}, "warnings": {"velero": ["slow"]}});
        let (text, _) = super::text(VeleroFile::RestoreResults, &packed(results.to_string())).expect("a text");
        assert_eq!(text, "error shop: no such claim\nwarning velero: slow\n");
        let list = json!({"v1/Secret": ["shop/keys"], "apps/v1/Deployment": ["shop/web", "shop/db"], "v1/Event": null});
        let (text, _) = super::text(VeleroFile::BackupResourceList, &packed(list.to_string())).expect("a text");
        assert_eq!(text, "apps/v1/Deployment shop/web\napps/v1/Deployment shop/db\nv1/Secret shop/keys\n");
        assert!(super::text(VeleroFile::BackupLog, b"<html>").is_err());
    }
}

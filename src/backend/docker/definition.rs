//! What a service is made of: the full configuration of its containers, and the files of Compose where the engine is on this machine.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use super::{api::Api, fault::Fault, find, members};
use crate::{
    backend::DefinitionFile,
    domain::{ServiceId, Trouble, text::clean},
};

const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const ENVIRONMENT_FILES: &str = "com.docker.compose.project.environment_file";
const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// What Compose reads where no environment file is named.
const ENVIRONMENT: &str = ".env";
/// What is longer is no file that Compose reads.
const LONGEST: u64 = 4 << 20;

/// `is_here`: the paths that the engine tells are this machine's.
pub async fn of(api: &Api, service: &ServiceId, is_here: bool) -> Result<Vec<DefinitionFile>, Trouble> {
    let what = format!("could not read what {service} is made of");
    let told = |fault: Fault| fault.trouble(what.as_str());
    let (mut files, mut paths) = (Vec::new(), BTreeSet::new());
    for member in members::of(api, service).await.map_err(told)? {
        let Some(found) = find::raw(api, &member.id).await.map_err(told)? else { continue };
        files.push(file("container", &format!("{}.json", find::name_of(&found)), bytes(&found).map_err(told)?));
        paths.extend(named(&found));
    }
    if files.is_empty() {
        return Err(Trouble::new(what, "it has no container"));
    }
    for path in paths.iter().filter(|_| is_here) {
        let Some(bytes) = read(path).await else { continue };
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        // Two of the same name lie in different directories.
        let same = files.iter().filter(|other: &&DefinitionFile| other.name.ends_with(&*name)).count();
        let number = if same == 0 { String::new() } else { format!("{same}-") };
        files.push(file("compose", &format!("{number}{name}"), bytes));
    }
    Ok(files)
}

fn file(kind: &str, name: &str, bytes: Vec<u8>) -> DefinitionFile {
    DefinitionFile { name: format!("{kind}-{}", clean(name).replace('/', "_")).into(), bytes: bytes.into() }
}

fn bytes(found: &Value) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec_pretty(found).map_err(|error| Fault::Garbled(error.to_string().into()))
}

/// The files that Compose made it from. Pure.
fn named(found: &Value) -> Vec<String> {
    let each = |key: &str| -> Vec<String> {
        let paths = find::label(found, key).unwrap_or_default().split(',').map(str::trim);
        paths.filter(|path| path.starts_with('/')).map(str::to_owned).collect()
    };
    let environment = each(ENVIRONMENT_FILES);
    let usual = || each(WORKING_DIR).into_iter().map(|directory| format!("{directory}/{ENVIRONMENT}")).collect();
    [each(CONFIG_FILES), if environment.is_empty() { usual() } else { environment }].concat()
}

/// What cannot be read here was never here, or is gone.
async fn read(path: &str) -> Option<Vec<u8>> {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    tokio::fs::read(path).await.ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_files_of_compose_are_known_by_its_labels() {
        let of = |labels: Value| named(&json!({"Config": {"Labels": labels}}));
        let files = "/srv/shop/compose.yml, /srv/shop/prod.yml,relative.yml";
        assert_eq!(
            of(json!({CONFIG_FILES: files, WORKING_DIR: "/srv/shop"})),
            ["/srv/shop/compose.yml", "/srv/shop/prod.yml", "/srv/shop/.env"]
        );
        assert_eq!(of(json!({ENVIRONMENT_FILES: "/srv/prod.env", WORKING_DIR: "/srv/shop"})), ["/srv/prod.env"]);
        assert_eq!(of(json!({})), Vec::<String>::new());
    }
}

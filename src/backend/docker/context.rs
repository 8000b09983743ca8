//! The docker CLI's contexts, as it keeps them on disk: `config.json` names one, `contexts/meta/*/meta.json` describes each.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::discover::Endpoint;
use crate::{config::Tls, domain::text::clean};

type Found = (String, Result<Endpoint, String>);

/// `None` when the CLI would use its default.
pub fn active(chosen: Option<String>, directory: &Path) -> Result<Option<Found>, String> {
    let name = match chosen {
        Some(name) => Some(name),
        None => current(&directory.join("config.json"))?,
    };
    let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
    let metas = directory.join("contexts/meta");
    let entries = std::fs::read_dir(&metas).map_err(|error| complain(&metas, &error))?;
    // The directories are called by a hash of the name; their content says the name itself.
    for entry in entries.filter_map(Result::ok) {
        let Ok(text) = std::fs::read_to_string(entry.path().join("meta.json")) else { continue };
        let Ok(meta) = serde_json::from_str::<Meta>(&text) else { continue };
        if meta.name != name {
            continue;
        }
        let docker = meta.endpoints.docker;
        let tls = tls(&directory.join("contexts/tls").join(entry.file_name()).join("docker"));
        let endpoint = match docker.host {
            Some(_) if docker.skip_tls_verify => {
                Err("it skips the check of the engine's certificate, which this program does not do".to_owned())
            }
            Some(host) => Endpoint::parse(&host, tls),
            None => Err("it has no endpoint for docker".to_owned()),
        };
        return Ok(Some((name, endpoint)));
    }
    Err(format!("there is no context called {}", clean(&name)))
}

fn current(config: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(config) {
        Ok(text) => match serde_json::from_str::<Config>(&text) {
            Ok(config) => Ok(config.current_context),
            Err(error) => Err(format!("{}: {error}", config.display())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(complain(config, &error)),
    }
}

fn complain(path: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("{}: {why}", clean(&path.display().to_string()))
}

fn tls(directory: &Path) -> Option<Tls> {
    let existing = |name: &str| Some(directory.join(name)).filter(|path: &PathBuf| path.exists());
    Some(Tls { ca: existing("ca.pem"), certificate: existing("cert.pem")?, key: existing("key.pem")? })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    current_context: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Meta {
    name: String,
    endpoints: Endpoints,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoints {
    docker: DockerEndpoint,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DockerEndpoint {
    host: Option<String>,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

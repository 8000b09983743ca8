//! What a registry is shown: as the docker CLI would, from its config file or from the helper program that this names. None of it is
//! logged, kept, or put into a message.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

/// A helper may ask a person's keyring, which may ask the person: nobody waits for that here.
const HELPER_WITHIN: Duration = Duration::from_secs(10);
/// What the CLI has called Docker Hub since its first days.
const HUB: &str = "https://index.docker.io/v1/";
/// A helper's name for a token instead of a user.
const TOKEN: &str = "<token>";

/// Where the docker CLI keeps its config.
pub fn directory() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
    std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// The value of `X-Registry-Auth` for a pull of this image; `None` where the CLI has none either.
pub async fn header(directory: &Path, image: &str) -> Option<String> {
    let text = tokio::fs::read_to_string(directory.join("config.json")).await.ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    let registry = registry(image);
    let said = match helper(&config, &registry) {
        Some(program) => asked(program, &registry).await,
        None => written(&config, &registry),
    };
    said.map(|said| URL_SAFE.encode(said.to_string()))
}

/// `registry.example:5000/shop/web:v2` -> `registry.example:5000`: the first part of a name is a registry's where no user's could look so.
fn registry(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first == "docker.io" || first == "index.docker.io" => HUB.to_owned(),
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first.to_owned(),
        Some(_) | None => HUB.to_owned(),
    }
}

fn helper<'a>(config: &'a Value, registry: &str) -> Option<&'a str> {
    let own = config["credHelpers"][registry].as_str();
    let all = || config["credsStore"].as_str();
    // It becomes a program's name.
    let is_plain = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    own.or_else(all).filter(is_plain)
}

async fn asked(helper: &str, registry: &str) -> Option<Value> {
    let mut command = Command::new(format!("docker-credential-{helper}"));
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let asked = async {
        let mut running = command.spawn().ok()?;
        running.stdin.take()?.write_all(registry.as_bytes()).await.ok()?;
        running.wait_with_output().await.ok().filter(|output| output.status.success())
    };
    let output = match tokio::time::timeout(HELPER_WITHIN, asked).await {
        Ok(output) => output?,
        Err(_) => {
            tracing::warn!(helper, "it did not say in time what a registry is to be shown");
            return None;
        }
    };
    let said: Value = serde_json::from_slice(&output.stdout).ok()?;
    shown(registry, said["Username"].as_str()?, said["Secret"].as_str()?)
}

/// What `docker login` wrote where there is no helper.
fn written(config: &Value, registry: &str) -> Option<Value> {
    let plain =
        |key: &str| key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut all = config["auths"].as_object()?.iter();
    let (_, entry) = all.find(|(key, _)| *key == registry || plain(key) == registry)?;
    if let Some(token) = entry["identitytoken"].as_str().filter(|token| !token.is_empty()) {
        return shown(registry, TOKEN, token);
    }
    let pair = STANDARD.decode(entry["auth"].as_str()?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.trim_end_matches('\0').split_once(':')?;
    shown(registry, user, password)
}

fn shown(registry: &str, user: &str, secret: &str) -> Option<Value> {
    match user {
        "" => None,
        TOKEN => Some(json!({"identitytoken": secret, "serveraddress": registry})),
        user => Some(json!({"username": user, "password": secret, "serveraddress": registry})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        let auth = STANDARD.encode("ann:hunter2");
        json!({"auths": {
            "registry.example:5000": {"auth": auth}, "https://other.example/": {"identitytoken": "t0"}, HUB: {"auth": auth},
            "empty.example": {},
        }})
    }

    #[test]
    fn a_registry_is_shown_what_the_docker_client_would_show_it() {
        let of = |image: &str| written(&config(), &registry(image));
        let user = |registry: &str| Some(json!({"username": "ann", "password": "hunter2", "serveraddress": registry}));
        assert_eq!(of("registry.example:5000/shop/web:v2"), user("registry.example:5000"));
        assert_eq!(of("other.example/web"), Some(json!({"identitytoken": "t0", "serveraddress": "other.example"})));
        assert_eq!((of("web"), of("ann/web"), of("docker.io/ann/web")), (user(HUB), user(HUB), user(HUB)));
        assert_eq!((of("empty.example/web"), of("evil.example/registry.example:5000/web")), (None, None));
    }

    #[test]
    fn a_helper_is_a_plain_name_and_one_of_the_registrys_own_comes_first() {
        let config = json!({"credsStore": "pass", "credHelpers": {"a.example": "ecr-login", "b.example": "../sh"}});
        assert_eq!((helper(&config, "a.example"), helper(&config, "c.example")), (Some("ecr-login"), Some("pass")));
        assert_eq!(helper(&config, "b.example"), None);
    }

    #[tokio::test]
    async fn what_is_written_down_becomes_a_header_and_what_is_not_there_none() {
        let files = tempfile::tempdir().expect("a directory");
        assert_eq!(header(files.path(), "registry.example:5000/web").await, None);
        std::fs::write(files.path().join("config.json"), config().to_string()).expect("it is written");
        let header = header(files.path(), "registry.example:5000/web").await.expect("there is one");
        let said: Value = serde_json::from_slice(&URL_SAFE.decode(header).expect("base64")).expect("JSON");
        assert_eq!(said["password"], "hunter2");
    }
}

//! Images by the names that people give them: looked up on the host, and pulled where they are not there.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;

use super::{
    api::{Api, Lines, encoded},
    fault::Fault,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Trouble, text::clean, units},
};

/// A registry far away may take this long before it says its first word.
const PATIENCE: Duration = Duration::from_secs(120);
/// After so long without a word a pull is given up.
const SILENCE: Duration = Duration::from_secs(120);

/// An image's name or id that can be put into a path: what could lead out of it is refused.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    name.len() <= 512 && name.bytes().all(is_allowed) && name.split('/').all(is_part)
}

/// All that the engine says of it; `None` where it is not on the host.
pub async fn find(api: &Api, name: &str) -> Result<Option<Value>, Fault> {
    if !is_name(name) {
        return Err(Fault::Refused {
            status: 400,
            message: format!("'{}' is no name of an image", clean(name)).into(),
        });
    }
    match api.get(&format!("/images/{name}/json")).await {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}

pub fn id_of(image: &Value) -> &str {
    image["Id"].as_str().unwrap_or_default()
}

/// As `find`, after a pull if need be.
pub async fn obtain(api: &Api, name: &str, what: &str, progress: &Progress) -> Result<Value, StepError> {
    if let Some(found) = find(api, name).await.map_err(|fault| fault.step(what))? {
        return Ok(found);
    }
    let failed = |why: String| StepError::Failed(Trouble::new(what, why).help(help(name)));
    if name.starts_with("sha256:") {
        return Err(failed(format!("the image {name} is not on this host any more, and an id cannot be pulled")));
    }
    pull(api, name, progress).await.map_err(|refusal| match refusal {
        Refusal::Engine(fault @ Fault::Way { .. }) => fault.step(what),
        Refusal::Engine(fault) => failed(because(name, &fault.trouble("").why)),
        Refusal::Registry(words) => failed(because(name, &words)),
    })?;
    match find(api, name).await.map_err(|fault| fault.step(what))? {
        Some(found) => Ok(found),
        None => Err(failed(format!("the image {name} was pulled and is not there"))),
    }
}

enum Refusal {
    Engine(Fault),
    /// Told in the middle of the pull.
    Registry(Arc<str>),
}

async fn pull(api: &Api, name: &str, progress: &Progress) -> Result<(), Refusal> {
    let (repository, tag) = parts(name);
    let path = format!("/images/create?fromImage={}&tag={}", encoded(repository), encoded(tag));
    let mut body = std::pin::pin!(api.told(&path, PATIENCE));
    let (mut lines, mut layers, mut last) = (Lines::default(), Layers::default(), String::new());
    loop {
        let piece = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(Some(piece)) => piece.map_err(Refusal::Engine)?,
            Ok(None) => return Ok(()),
            Err(_) => return Err(Refusal::Registry(format!("no word for {} s", SILENCE.as_secs()).into())),
        };
        for line in lines.push(&piece) {
            // A line that is none of those that we know says nothing of how far it is.
            let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
            if let Some(error) = line.error {
                return Err(Refusal::Registry(clean(&error).into()));
            }
            layers.heard(line);
            let words = layers.words(name);
            if words != last {
                progress(&words);
                last = words;
            }
        }
    }
}

/// What is asked for, and its tag or digest: without one an engine would pull every tag there is.
fn parts(name: &str) -> (&str, &str) {
    if let Some((repository, digest)) = name.split_once('@') {
        // `web:v2@sha256:…` means the digest.
        let slash = repository.rfind('/').map_or(0, |at| at + 1);
        let end = repository[slash..].find(':').map_or(repository.len(), |colon| slash + colon);
        return (&repository[..end], digest);
    }
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    match name[slash..].split_once(':') {
        Some((last, tag)) => (&name[..slash + last.len()], tag),
        None => (name, "latest"),
    }
}

fn because(name: &str, words: &str) -> String {
    let small = words.to_lowercase();
    let has = |part: &str| small.contains(part);
    if has("verification failed") || has("does not match") || has("mismatch") {
        return format!("what the registry sent for {name} has another digest: {words}");
    }
    if has("manifest unknown") || has("not found: manifest") || has("repository does not exist") || has("not found") {
        return format!("no such image: {name} is neither on this host nor found in its registry ({words})");
    }
    if has("unauthorized") || has("access denied") || has("authentication required") || has("forbidden") {
        return format!("{name} is not on this host, and its registry does not let the engine have it ({words})");
    }
    format!("{name} is not on this host and could not be pulled: {words}")
}

fn help(name: &str) -> String {
    format!("on the host: docker pull {name} tries with your own credentials")
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    status: Option<String>,
    id: Option<String>,
    progress_detail: Option<Detail>,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    current: Option<u64>,
    total: Option<u64>,
}

/// How far each layer is.
#[derive(Default)]
struct Layers(std::collections::BTreeMap<String, (u64, u64)>);

impl Layers {
    fn heard(&mut self, line: Line) {
        let Some(id) = line.id else { return };
        let (current, total) = line.progress_detail.map_or((None, None), |detail| (detail.current, detail.total));
        let known = self.0.entry(id).or_default();
        if line.status.as_deref() == Some("Downloading")
            && let (Some(current), Some(total)) = (current, total)
        {
            *known = (current, total.max(current));
        }
        if matches!(line.status.as_deref(), Some("Download complete" | "Pull complete" | "Already exists")) {
            known.0 = known.1;
        }
    }

    /// Tenths, so that it is not told anew with every byte.
    fn words(&self, name: &str) -> String {
        let (current, total) = self.0.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
        if total == 0 {
            return format!("pulling {name}");
        }
        format!("pulling {name}: {} % of {}", current * 10 / total * 10, units::bytes(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_asks_for_the_latest_and_never_for_all() {
        for (name, expected) in [
            ("web", ("web", "latest")),
            ("registry:5000/shop/web", ("registry:5000/shop/web", "latest")),
            ("registry:5000/shop/web:v2", ("registry:5000/shop/web", "v2")),
            ("shop/web@sha256:ab", ("shop/web", "sha256:ab")),
            ("shop/web:v2@sha256:ab", ("shop/web", "sha256:ab")),
        ] {
            assert_eq!(parts(name), expected, "{name}");
        }
    }

    #[test]
    fn what_leads_out_of_a_path_is_no_name() {
        for wrong in ["", "../../containers/x", "a//b", "a/../b", "a?x=1", "web v2", "/web", "a%2e"] {
            assert!(!is_name(wrong), "{wrong}");
        }
        assert!(is_name("registry.example:5000/shop/web:v2.4.1@sha256:0a1b"));
    }

    #[test]
    fn a_refusal_is_told_by_what_a_person_would_do_about_it() {
        let why = |words: &str| because("shop/web:v9", words);
        assert!(why("manifest for shop/web:v9 not found: manifest unknown").starts_with("no such image: shop/web:v9"));
        assert!(why("manifest verification failed for digest sha256:ab").contains("another digest"));
        assert!(why("dial tcp: lookup registry: no such host").contains("could not be pulled"));
        assert!(why("unauthorized: authentication required").contains("does not let"));
    }

    #[test]
    fn a_pull_tells_how_far_it_is_in_tenths() {
        let mut layers = Layers::default();
        for line in [
            r#"{"status":"Downloading","id":"a","progressDetail":{"current":50,"total":100}}"#,
            r#"{"status":"Downloading","id":"b","progressDetail":{"current":0,"total":100}}"#,
        ] {
            layers.heard(serde_json::from_str(line).expect("a line"));
        }
        assert_eq!(layers.words("web"), "pulling web: 20 % of 200B");
        layers.heard(serde_json::from_str(r#"{"status":"Download complete","id":"a"}"#).expect("a line"));
        assert_eq!(layers.words("web"), "pulling web: 50 % of 200B");
    }
}

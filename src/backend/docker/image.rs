//! Images by the names that people give them: looked up on the host, and pulled where they are not there.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;

use super::{
    api::{Api, Lines, encoded},
    credentials,
    fault::Fault,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Trouble, text::clean, units},
};

/// After so long without a word a pull is given up.
const SILENCE: Duration = Duration::from_secs(120);
const BEYOND_SILENCE: Duration = Duration::from_secs(60);

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

/// The platform that it is for, where that is not the engine's own: `linux/arm64`.
pub async fn foreign(api: &Api, image: &Value) -> Result<Option<String>, Fault> {
    let Some(platform) = platform(image) else { return Ok(None) };
    let said: Value = api.get("/version").await?;
    let own = platform_of(&said["Os"], &said["Arch"]);
    // A variant is a matter of the machine's generation, which the engine knows better.
    let is_own = |own: String| platform == own || platform.starts_with(&format!("{own}/"));
    Ok(if own.is_none_or(is_own) { None } else { Some(platform) })
}

fn platform(image: &Value) -> Option<String> {
    let platform = platform_of(&image["Os"], &image["Architecture"])?;
    let variant = image["Variant"].as_str().filter(|variant| !variant.is_empty());
    Some(variant.map_or(platform.clone(), |variant| format!("{platform}/{variant}")))
}

fn platform_of(system: &Value, machine: &Value) -> Option<String> {
    let word = |value: &Value| value.as_str().filter(|word| !word.is_empty()).map(str::to_owned);
    Some(format!("{}/{}", word(system)?, word(machine)?))
}

/// What is looked for, and for which machine where it is not the engine's own kind.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub platform: Option<String>,
}

/// As `find`, after a pull if need be.
pub async fn obtain(api: &Api, wanted: Wanted<'_>, what: &str, progress: &Progress) -> Result<Value, StepError> {
    obtain_unless_silent(api, wanted, SILENCE, what, progress).await
}

async fn obtain_unless_silent(
    api: &Api,
    wanted: Wanted<'_>,
    silence: Duration,
    what: &str,
    progress: &Progress,
) -> Result<Value, StepError> {
    let name = wanted.name;
    if let Some(found) = find(api, name).await.map_err(|fault| fault.step(what))? {
        return Ok(found);
    }
    let failed = |why: String| StepError::Failed(Trouble::new(what, why).help(help(name)));
    if name.starts_with("sha256:") {
        return Err(failed(format!("the image {name} is not on this host any more, and an id cannot be pulled")));
    }
    pull(api, &wanted, silence, progress).await.map_err(|refusal| match refusal {
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

async fn pull(api: &Api, wanted: &Wanted<'_>, silence: Duration, progress: &Progress) -> Result<(), Refusal> {
    let name = wanted.name;
    let (repository, tag) = parts(name);
    let platform = wanted.platform.as_deref().map_or_else(String::new, |name| format!("&platform={}", encoded(name)));
    let path = format!("/images/create?fromImage={}&tag={}{platform}", encoded(repository), encoded(tag));
    // The engine says nothing before its registry does: that is the registry's silence, and no reason to think the engine lost.
    let mut body = std::pin::pin!(api.pull(&path, shown(api, name).await, silence + BEYOND_SILENCE));
    let (mut lines, mut layers, mut last) = (Lines::default(), Layers::default(), String::new());
    loop {
        let piece = match tokio::time::timeout(silence, body.next()).await {
            Ok(Some(piece)) => piece.map_err(Refusal::Engine)?,
            Ok(None) => return Ok(()),
            Err(_) => {
                let why = format!("no word from its registry for {} s", silence.as_secs());
                return Err(Refusal::Registry(why.into()));
            }
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

/// What the registry is shown for it.
async fn shown(api: &Api, name: &str) -> Option<HeaderValue> {
    let header = credentials::header(api.credentials()?, name).await?;
    let mut value = HeaderValue::from_str(&header).ok()?;
    value.set_sensitive(true);
    Some(value)
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
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::backend::docker::testing;

    /// An engine without images whose registry never says a word, or tells what it was shown.
    async fn engine(tells: bool) -> Api {
        testing::engine(move |request| {
            if !request.starts_with("POST ") {
                return Some(("404 Not Found", r#"{"message":"No such image"}"#.to_owned()));
            }
            let shown = request.lines().find_map(|line| line.strip_prefix("x-registry-auth: "));
            let told = format!("{{\"error\":\"shown {}\"}}\n", shown.unwrap_or("nothing"));
            tells.then_some(("200 OK", told))
        })
        .await
    }

    #[tokio::test]
    async fn a_registry_that_never_says_a_word_is_given_up_and_is_no_reason_to_think_the_engine_lost() {
        let wanted = Wanted { name: "shop/web:v2", platform: None };
        let silence = Duration::from_millis(200);
        let said: Progress = Arc::new(|_| {});
        match obtain_unless_silent(&engine(false).await, wanted, silence, "could not make web-1-r2", &said).await {
            Err(StepError::Failed(trouble)) => {
                assert!(trouble.why.contains("no word from its registry"), "{trouble}");
                assert!(trouble.help.is_some_and(|help| help.contains("docker pull shop/web:v2")));
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_registry_is_shown_what_the_docker_client_would_show_it_and_no_other_one_is() {
        let files = tempfile::tempdir().expect("a directory");
        let config = r#"{"auths": {"registry.example": {"auth": "YW5uOmh1bnRlcjI="}}}"#;
        std::fs::write(files.path().join("config.json"), config).expect("it is written");
        let api = engine(true).await.with_credentials(Some(files.path().to_owned()));
        let said: Progress = Arc::new(|_| {});
        for (name, is_shown) in [("registry.example/web:v2", true), ("other.example/web:v2", false)] {
            let wanted = Wanted { name, platform: None };
            let refusal = pull(&api, &wanted, Duration::from_secs(20), &said).await;
            let Err(Refusal::Registry(words)) = refusal else { panic!("{name} was pulled") };
            assert_eq!(!words.contains("shown nothing"), is_shown, "{words}");
        }
    }

    #[tokio::test]
    async fn an_image_for_another_machine_is_asked_for_as_such() {
        let api = engine(true).await;
        let foreign = async |image: Value| foreign(&api, &image).await.expect("it answers");
        assert_eq!(foreign(json!({"Os": "linux", "Architecture": "amd64"})).await, None);
        assert_eq!(foreign(Value::Null).await, None);
        let arm = json!({"Os": "linux", "Architecture": "arm", "Variant": "v7"});
        assert_eq!(foreign(arm).await.as_deref(), Some("linux/arm/v7"));
    }

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

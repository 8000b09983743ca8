//! What a person types for an image, by the grammar of the distribution project's references.

use std::{fmt, str::FromStr, sync::Arc};

use super::Trouble;

/// characters of a name without tag and digest
const LONGEST_NAME: usize = 255;
/// characters of a tag
const LONGEST_TAG: usize = 128;
/// hexadecimal digits of a digest
const DIGITS: usize = 64;

/// `registry.example:5000/shop/web:v2@sha256:…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    whole: Arc<str>,
    /// Where the name ends.
    name: usize,
    tag: Option<Arc<str>>,
    digest: Option<Arc<str>>,
}

impl ImageName {
    pub fn as_str(&self) -> &Arc<str> {
        &self.whole
    }

    /// Without tag and digest.
    pub fn name(&self) -> &str {
        &self.whole[..self.name]
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What it stands for is likely to be another thing tomorrow.
    pub fn is_floating(&self) -> bool {
        self.digest.is_none() && matches!(self.tag(), None | Some("latest"))
    }

    /// Whether both name the same: no tag is the tag `latest`.
    pub fn is_same(&self, other: &Self) -> bool {
        let tag =
            |name: &Self| if name.digest.is_some() { None } else { Some(name.tag().unwrap_or("latest").to_owned()) };
        self.name() == other.name() && self.digest == other.digest && tag(self) == tag(other)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.whole)
    }
}

impl FromStr for ImageName {
    type Err = Trouble;

    fn from_str(text: &str) -> Result<Self, Trouble> {
        let refuse = |why: String| {
            let shown = super::text::clean(text);
            Trouble::new(format!("'{}' is not an image name", super::text::shorten(&shown, 80)), why).help(
                "write it like shop/web:v2, registry.example:5000/shop/web:v2 or shop/web@sha256:… with 64 digits",
            )
        };
        if text.is_empty() {
            return Err(refuse("it is empty".into()));
        }
        if text.contains("://") {
            return Err(refuse("it is a URL; an image has no scheme".into()));
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(refuse(if c == ' ' { "it has a blank".into() } else { format!("it has the character {c:?}") }));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if let Some(digest) = digest {
            check_digest(digest).map_err(refuse)?;
        }
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].split_once(':') {
            Some((short, tag)) => (&rest[..last + short.len()], Some(tag)),
            None => (rest, None),
        };
        if let Some(tag) = tag {
            check_tag(tag).map_err(refuse)?;
        }
        check_name(name).map_err(refuse)?;
        Ok(Self { whole: text.into(), name: name.len(), tag: tag.map(Into::into), digest: digest.map(Into::into) })
    }
}

fn check_digest(digest: &str) -> Result<(), String> {
    let Some(hex) = digest.strip_prefix("sha256:") else {
        return Err("what follows the @ must be a digest, sha256: and 64 digits".into());
    };
    if hex.len() != DIGITS {
        return Err(format!("its digest has {} digits instead of {DIGITS}", hex.chars().count()));
    }
    match hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
        Some(c) => Err(format!("its digest has a '{c}', which is no hexadecimal digit in small letters")),
        None => Ok(()),
    }
}

fn check_tag(tag: &str) -> Result<(), String> {
    if tag.is_empty() {
        return Err("nothing follows the colon".into());
    }
    if tag.len() > LONGEST_TAG {
        return Err(format!("its tag is longer than {LONGEST_TAG} characters"));
    }
    if tag.starts_with(['.', '-']) {
        return Err("a tag begins with a letter, a digit or _".into());
    }
    match tag.chars().find(|c| !(c.is_ascii_alphanumeric() || "_.-".contains(*c))) {
        Some(c) => Err(format!("its tag has a '{c}'")),
        None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("its name is longer than {LONGEST_NAME} characters"));
    }
    // Docker would take it for the id of an image of one machine.
    if name.len() == DIGITS && name.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err("it is an image's id, which only one machine knows".into());
    }
    let path = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => {
            check_registry(first)?;
            path
        }
        Some(_) | None => name,
    };
    path.split('/').try_for_each(check_part)
}

/// The first part is where it comes from if it could not be a folder there.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.chars().any(|c| c.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), String> {
    let (host, port) = match registry.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (registry, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(format!("'{registry}' has no port that is a number"));
    }
    let is_address = host.starts_with('[') && host.ends_with(']');
    let is_label = |label: &str| {
        let is_plain = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        !label.is_empty() && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    if is_address || host.split('.').all(is_label) { Ok(()) } else { Err(format!("'{host}' is not a registry's name")) }
}

/// Small letters and digits, between them one of `.`, `_`, `__` or any number of `-`.
fn check_part(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("a part of its path is empty".into());
    }
    if part.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("'{part}' has capital letters, which only tags may have"));
    }
    if let Some(c) = part.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(*c))) {
        return Err(format!("'{part}' has a '{c}'"));
    }
    let is_between = |c: char| "._-".contains(c);
    if part.starts_with(is_between) || part.ends_with(is_between) {
        return Err(format!("'{part}' begins or ends with a sign instead of a letter or digit"));
    }
    let mut runs = part.split(|c: char| !is_between(c)).filter(|run| !run.is_empty());
    match runs.find(|run| !(matches!(*run, "." | "_" | "__") || run.chars().all(|c| c == '-'))) {
        Some(run) => Err(format!("'{part}' has '{run}' between letters")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "2211da5a72549c99865a3054904fa0e3c06ad7d27133e8cf3b6c69e1459d14bc";

    fn why(text: &str) -> String {
        text.parse::<ImageName>().expect_err(text).why.to_string()
    }

    #[test]
    fn a_name_has_an_optional_registry_tag_and_digest() {
        let digest = format!("sha256:{HEX}");
        let full = format!("registry.example:5000/shop/web_2:v2.4@{digest}");
        let image: ImageName = full.parse().expect("parses");
        assert_eq!((image.name(), image.tag()), ("registry.example:5000/shop/web_2", Some("v2.4")));
        assert_eq!(image.digest(), Some(&*digest));
        for plain in ["web", "shop/web", "localhost/web", "localhost:5000/a/b__c/d--e.f", "lab/busybox:next", "web:V2"]
        {
            assert_eq!(plain.parse::<ImageName>().expect(plain).to_string(), plain);
        }
    }

    #[test]
    fn what_is_no_image_name_is_refused_with_what_is_wrong_and_how_it_is_written() {
        for (text, wanted) in [
            ("", "empty"),
            ("shop/web v2", "blank"),
            ("shop/Web:v2", "capital letters"),
            ("https://registry.example/web", "URL"),
            ("web:", "nothing follows the colon"),
            ("web:-v2", "begins with"),
            ("web:v2:v3", "its tag has a ':'"),
            ("shop//web", "a part of its path is empty"),
            ("shop/web_", "begins or ends"),
            ("shop/we..b", "'..' between letters"),
            ("shop/we$b", "has a '$'"),
            ("registry.example:port/web", "port"),
            ("-registry.example/web", "not a registry's name"),
            ("web@sha256:12", "2 digits instead of 64"),
            ("web@md5:12", "must be a digest"),
            ("web\u{1b}[31m", "character"),
        ] {
            assert!(why(text).contains(wanted), "{text}: {}", why(text));
        }
        assert!(why(HEX).contains("an image's id"));
        assert!(why(&format!("web@sha256:{}", HEX.to_uppercase())).contains("no hexadecimal digit"));
        assert!(why(&"a".repeat(256)).contains("longer than 255"));
        assert!(why(&format!("web:{}", "a".repeat(129))).contains("longer than 128"));
        let error = "Web".parse::<ImageName>().expect_err("refused");
        assert!(error.help.expect("it helps").contains("shop/web:v2"));
    }

    #[test]
    fn no_tag_is_the_tag_latest_and_a_digest_outweighs_a_tag() {
        let image = |text: &str| text.parse::<ImageName>().expect("parses");
        assert!(image("web").is_floating() && image("web:latest").is_floating());
        assert!(!image("web:v2").is_floating() && !image(&format!("web@sha256:{HEX}")).is_floating());
        assert!(image("web").is_same(&image("web:latest")));
        assert!(!image("web:v1").is_same(&image("web:v2")));
        let digest = format!("@sha256:{HEX}");
        assert!(image(&format!("web:v1{digest}")).is_same(&image(&format!("web:v2{digest}"))));
    }
}

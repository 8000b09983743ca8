//! The pairs of an outline while it is made, from whatever an engine keeps of a release. Masked and cleaned here, once. Pure.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock},
};

use serde_json::{Map, Value};

use super::mask;
use crate::domain::{Outline, text::clean};

/// characters of a value that are kept; what is longer is told apart by a fingerprint.
pub const LONGEST: usize = 1000;

#[derive(Default)]
pub struct Pairs(BTreeMap<String, String>);

impl Pairs {
    /// `value` is harmless already where it could be a secret. A path that comes again is said again.
    pub fn put(&mut self, path: impl AsRef<str>, value: impl AsRef<str>) {
        let (path, value) = (clean(path.as_ref()).into_owned(), short(&clean(value.as_ref())));
        self.0.entry(path).and_modify(|known| *known = format!("{known}; {value}")).or_insert(value);
    }

    /// A value that has a name: masked by both.
    pub fn put_named(&mut self, path: impl AsRef<str>, name: &str, value: &str) {
        self.put(path, told(value, &mask::named(name, value)));
    }

    /// Every leaf of a document by its own path, lists in one line.
    pub fn put_leaves(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    self.put_leaves(&format!("{path}{}{key}", if path.ends_with(' ') { "" } else { "." }), inner);
                }
            }
            Value::Null => {}
            leaf => {
                let name = path.rsplit(['.', ' ']).next().unwrap_or_default();
                self.put_named(path, name, &plain(leaf));
            }
        }
    }

    pub fn outline(self) -> Outline {
        Outline(self.0.into_iter().map(|(path, value)| (Arc::from(path), Arc::from(value))).collect())
    }
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A map's pairs whose values are texts, which in labels and the like all are.
pub fn strings(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    let pairs = value.as_object().into_iter().flat_map(Map::iter);
    pairs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// As a person would write it: no quotes, lists by commas, nothing for nothing.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// What may be said of `raw`, of which `masked` is what may be shown: another secret is told by another fingerprint, which means nothing
/// outside of this process.
pub fn told(raw: &str, masked: &str) -> String {
    if masked == raw { raw.to_owned() } else { format!("{masked} (fingerprint {})", fingerprint(raw)) }
}

fn fingerprint(text: &str) -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    format!("{:06x}", KEY.hash_one(text) & 0xff_ffff)
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        None => value.to_owned(),
        Some((end, _)) => {
            let count = crate::domain::units::count(value.chars().count() as u64);
            format!("{}… ({count} characters, fingerprint {})", &value[..end], fingerprint(value))
        }
    }
}

//! Labels, annotations and what selects by them. An object may bear ten thousand; no more are kept than anybody wrote by hand.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{super::scratch::LABEL as SCRATCH, Interner, text::Text};
use crate::domain::{Dependency, protection::LABEL};

/// More than this are no person's, and only those are kept that are asked for by name.
const MOST: usize = 64;

pub const TEMPLATE_HASH: &str = "pod-template-hash";
pub const ROLLOUT_HASH: &str = "rollouts-pod-template-hash";
pub const REVISION_HASH: &str = "controller-revision-hash";
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
pub const HELM_RELEASE: &str = "meta.helm.sh/release-name";
pub const ARGO_INSTANCE: &str = "argocd.argoproj.io/instance";
pub const ARGO_TRACKING: &str = "argocd.argoproj.io/tracking-id";
pub const FLUX_KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io/name";
pub const FLUX_HELM: &str = "helm.toolkit.fluxcd.io/name";
pub const REVISION: &str = "deployment.kubernetes.io/revision";
pub const ROLLOUT_REVISION: &str = "rollout.argoproj.io/revision";
/// `node-role.kubernetes.io/control-plane`
pub const ROLE: &str = "node-role.kubernetes.io/";

/// Labels that are kept however many there are.
const NEEDED: [&str; 9] = [
    SCRATCH,
    TEMPLATE_HASH,
    ROLLOUT_HASH,
    REVISION_HASH,
    MANAGED_BY,
    ARGO_INSTANCE,
    FLUX_KUSTOMIZATION,
    FLUX_HELM,
    LABEL,
];
/// The only annotations that are kept.
const ANNOTATIONS: [&str; 6] = [HELM_RELEASE, ARGO_TRACKING, REVISION, ROLLOUT_REVISION, LABEL, Dependency::LABEL];
/// Labels that make a pod unlike its siblings.
const OWN: [&str; 6] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
];

/// As the server writes them, bounded.
#[derive(Debug, Default)]
pub struct RawLabels<'a>(Vec<(Text<'a>, Text<'a>)>);

/// As the server writes them, of those that are read at all.
#[derive(Debug, Default)]
pub struct RawAnnotations<'a>(Vec<(Text<'a>, Text<'a>)>);

impl RawLabels<'_> {
    pub fn get(&self, key: &str) -> Option<&str> {
        find(&self.0, key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// What an object shares with its siblings.
    pub fn shared(&self, interner: &mut Interner) -> Labels {
        let shared = self.0.iter().filter(|(key, _)| !OWN.contains(&&**key));
        Labels(shared.map(|(key, value)| (interner.text(key), interner.text(value))).collect())
    }
}

impl RawAnnotations<'_> {
    pub fn get(&self, key: &str) -> Option<&str> {
        find(&self.0, key)
    }
}

fn find<'a>(pairs: &'a [(Text<'_>, Text<'_>)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| &**known == key).map(|(_, value)| &**value).filter(|value| !value.is_empty())
}

impl<'de: 'a, 'a> Deserialize<'de> for RawLabels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keep = |key: &str, kept: usize| kept < MOST || NEEDED.contains(&key) || key.starts_with(ROLE);
        deserializer.deserialize_any(Pairs(keep)).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawAnnotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Pairs(|key: &str, _| ANNOTATIONS.contains(&key))).map(Self)
    }
}

/// Reads a map, keeping the pairs whose key (told with how many are kept already) is wanted. Null is an empty one.
struct Pairs<F>(F);

impl<'de, F: Fn(&str, usize) -> bool> Visitor<'de> for Pairs<F> {
    type Value = Vec<(Text<'de>, Text<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of text")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if (self.0)(&key, kept.len()) {
                kept.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

impl Labels {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| &**known == key).map(|(_, value)| &**value)
    }
}

/// What an object chooses others by. An empty one chooses nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector(Box<[Requirement]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Requirement {
    key: Arc<str>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Test {
    Is(Arc<str>),
    In(Box<[Arc<str>]>),
    NotIn(Box<[Arc<str>]>),
    Exists,
    DoesNotExist,
}

impl Selector {
    pub fn matches(&self, labels: &Labels) -> bool {
        let meets = |requirement: &Requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.test {
                Test::Is(wanted) => value == Some(wanted),
                Test::In(wanted) => value.is_some_and(|value| wanted.iter().any(|wanted| &**wanted == value)),
                Test::NotIn(shunned) => value.is_none_or(|value| shunned.iter().all(|shunned| &**shunned != value)),
                Test::Exists => value.is_some(),
                Test::DoesNotExist => value.is_none(),
            }
        };
        !self.0.is_empty() && self.0.iter().all(meets)
    }
}

/// As `labelSelector` is given to the API.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Requirement { key, test }) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match test {
                Test::Is(value) => write!(f, "{key}={value}")?,
                Test::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Test::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Test::Exists => f.write_str(key)?,
                Test::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

/// `metav1.LabelSelector`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawSelector<'a> {
    #[serde(borrow)]
    match_labels: RawLabels<'a>,
    #[serde(borrow)]
    match_expressions: Option<Vec<RawExpression<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawExpression<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    operator: Text<'a>,
    #[serde(borrow)]
    values: Option<Vec<Text<'a>>>,
}

impl RawSelector<'_> {
    pub fn selector(&self, interner: &mut Interner) -> Selector {
        let mut requirements = equalities(&self.match_labels, interner);
        for expression in self.match_expressions.iter().flatten().take(MOST) {
            let values = expression.values.iter().flatten().take(MOST);
            let values: Box<[Arc<str>]> = values.map(|value| interner.text(value)).collect();
            let test = match &*expression.operator {
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::DoesNotExist,
                // An operator that we do not know chooses nothing rather than too much.
                _ => Test::In(Box::default()),
            };
            requirements.push(Requirement { key: interner.text(&expression.key), test });
        }
        Selector(requirements.into())
    }
}

impl RawLabels<'_> {
    /// As a Service selects: every label equal.
    pub fn selector(&self, interner: &mut Interner) -> Selector {
        Selector(equalities(self, interner).into())
    }
}

fn equalities(labels: &RawLabels, interner: &mut Interner) -> Vec<Requirement> {
    let one =
        |(key, value): (&str, &str)| Requirement { key: interner.text(key), test: Test::Is(interner.text(value)) };
    labels.iter().map(one).collect()
}

/// `app=web,tier=front`, as a `/scale` subresource tells a selector.
pub fn parse(text: &str, interner: &mut Interner) -> Selector {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let requirement = |(key, value): (&str, &str)| Requirement {
        key: interner.text(key.trim()),
        test: Test::Is(interner.text(value.trim_start_matches('=').trim())),
    };
    Selector(pairs.take(MOST).map(requirement).collect())
}

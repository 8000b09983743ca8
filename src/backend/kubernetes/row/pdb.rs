//! PodDisruptionBudgets (`policy/v1`, `v1beta1`): how many may be missing while somebody drains nodes.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Key, Raw,
    labels::{RawSelector, Selector},
    meta::RawMeta,
    text::{Text, count, nullable},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub key: Key,
    pub selector: Selector,
    /// "at least 2", "at most 25% missing"
    pub says: Arc<str>,
    pub disruptions_allowed: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawGuard<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: RawSpec<'a>,
    #[serde(deserialize_with = "nullable")]
    status: RawStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSpec<'a> {
    #[serde(borrow)]
    selector: Option<RawSelector<'a>>,
    #[serde(borrow)]
    min_available: Text<'a>,
    #[serde(borrow)]
    max_unavailable: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawStatus {
    disruptions_allowed: Option<i64>,
}

impl<'a> Raw<'a> for RawGuard<'a> {
    type Row = Guard;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Guard {
        let says = if self.spec.max_unavailable.is_empty() {
            format!("at least {}", &*self.spec.min_available)
        } else {
            format!("at most {} missing", &*self.spec.max_unavailable)
        };
        Guard {
            key: self.metadata.key(interner),
            selector: self.spec.selector.unwrap_or_default().selector(interner),
            says: interner.text(&says),
            disruptions_allowed: count(self.status.disruptions_allowed),
        }
    }
}

//! Namespaces, of which little is read.

use std::sync::Arc;

use serde::Deserialize;

use super::{Interner, Raw, meta::RawMeta, text::nullable};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    pub name: Arc<str>,
    /// It is being removed with all that is in it.
    pub is_leaving: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawNamespace<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: RawMeta<'a>,
}

impl<'a> Raw<'a> for RawNamespace<'a> {
    type Row = Namespace;

    fn meta(&self) -> &RawMeta<'a> {
        &self.metadata
    }

    fn row(self, interner: &mut Interner) -> Namespace {
        Namespace { name: interner.text(&self.metadata.name), is_leaving: !self.metadata.deletion_timestamp.is_never() }
    }
}

//! What every object has: its name, who it is for good, when it came, and whose it is.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, Key, intern,
    labels::{self, RawAnnotations, RawLabels},
    text::{Text, Time},
};
use crate::domain::{Dependency, Owner, OwnerTool, protection};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawMeta<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub namespace: Text<'a>,
    #[serde(borrow)]
    pub uid: Text<'a>,
    #[serde(borrow)]
    pub resource_version: Text<'a>,
    pub generation: Option<i64>,
    pub creation_timestamp: Time,
    pub deletion_timestamp: Time,
    #[serde(borrow)]
    pub owner_references: Option<Vec<RawOwner<'a>>>,
    #[serde(borrow)]
    pub labels: RawLabels<'a>,
    #[serde(borrow)]
    pub annotations: RawAnnotations<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawOwner<'a> {
    #[serde(borrow)]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    pub controller: Option<bool>,
}

impl RawMeta<'_> {
    pub fn key(&self, interner: &mut Interner) -> Key {
        Key { namespace: interner.text(&self.namespace), name: interner.text(&self.name) }
    }

    /// Kind and name of what made it and looks after it.
    pub fn controller(&self) -> Option<(&str, &str)> {
        let owners = self.owner_references.iter().flatten();
        let mut controllers = owners.filter(|owner| owner.controller == Some(true));
        controllers.next().map(|owner| (&*owner.kind, &*owner.name))
    }

    pub fn meta(&self, interner: &mut Interner) -> Meta {
        Meta {
            key: self.key(interner),
            uid: intern::name(&self.uid),
            generation: self.generation.unwrap_or(0),
            created: self.creation_timestamp,
            deleted: self.deletion_timestamp,
            backup: self
                .annotations
                .get(protection::LABEL)
                .or_else(|| self.labels.get(protection::LABEL))
                .map(intern::name),
            depends_on: self.annotations.get(Dependency::LABEL).map(intern::name),
        }
    }

    /// Who would put it back if somebody else changed it.
    pub fn owner(&self, interner: &mut Interner) -> Option<Owner> {
        let label = |key| self.labels.get(key);
        let (tool, name) = if let Some(name) = label(labels::FLUX_HELM).or_else(|| label(labels::FLUX_KUSTOMIZATION)) {
            (OwnerTool::Flux, name)
        } else if let Some(name) = label(labels::ARGO_INSTANCE) {
            (OwnerTool::ArgoCd, name)
        } else if let Some(id) = self.annotations.get(labels::ARGO_TRACKING) {
            // `shop:apps/Deployment:shop/web`
            (OwnerTool::ArgoCd, id.split(':').next().unwrap_or(id))
        } else if label(labels::MANAGED_BY) == Some("Helm") {
            (OwnerTool::Helm, self.annotations.get(labels::HELM_RELEASE)?)
        } else {
            return None;
        };
        Some(Owner { tool, name: interner.text(name) })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    pub key: Key,
    pub uid: Arc<str>,
    pub generation: i64,
    pub created: Time,
    pub deleted: Time,
    /// What of it is backed up, as somebody wrote it.
    pub backup: Option<Arc<str>>,
    /// What it needs, likewise.
    pub depends_on: Option<Arc<str>>,
}

//! Names that are types: a cluster cannot be passed where a scope is meant, and cloning one costs a counter.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::VeleroName;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            /// Nearly all that are compared are copies of one: of a cluster's ten thousand instances each names it.
            fn cmp(&self, other: &Self) -> Ordering {
                if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name! {
    /// One Kubernetes context or one Docker host, by the name the person gave it.
    ClusterName
}
name! {
    /// A namespace or a Compose project.
    Scope
}
name! {
    /// Sortable by time, unique on this machine, short enough to type: `20261121-021406-4f2a`.
    OperationId
}

/// What is kept running, by where it lives. Shown and typed as `cluster/scope/service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceId {
    pub cluster: ClusterName,
    pub scope: Scope,
    pub name: Arc<str>,
}

impl ServiceId {
    pub fn new(cluster: &ClusterName, scope: &Scope, name: impl Into<Arc<str>>) -> Self {
        Self { cluster: cluster.clone(), scope: scope.clone(), name: name.into() }
    }
}

impl ServiceId {
    /// The address of a machine of a cluster, where an operation is about one. No engine has such a scope.
    pub fn of_node(cluster: &ClusterName, node: &Arc<str>) -> Self {
        Self::new(cluster, &Scope::from(NODES), node.clone())
    }

    /// Its name, if it is a machine's address.
    pub fn node(&self) -> Option<&Arc<str>> {
        (self.scope.as_str() == NODES).then_some(&self.name)
    }

    /// The address of what Velero keeps or is to keep of a cluster, where an operation is about that: a backup, or a namespace of which one
    /// is made. No engine has such a scope.
    pub fn of_velero(cluster: &ClusterName, id: &VeleroName) -> Self {
        Self::new(cluster, &Scope::new(format!("{VELERO}{})", id.namespace)), id.name.clone())
    }

    /// Velero's namespace and the name in it, if it is such an address.
    pub fn velero(&self) -> Option<VeleroName> {
        let namespace = self.scope.as_str().strip_prefix(VELERO)?.strip_suffix(')')?;
        Some(VeleroName::new(namespace, self.name.clone()))
    }

    /// It is what runs somewhere, not a machine nor a backup.
    pub fn is_service(&self) -> bool {
        self.node().is_none() && self.velero().is_none()
    }
}

const NODES: &str = "(node)";
const VELERO: &str = "(velero in ";

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cluster, self.scope, self.name)
    }
}

/// One container or pod. `key` is what the engine calls it for good (a container id, a pod's namespace, name and uid), never a name that
/// can be reused. A part of it (one of a pod's containers) is told by `key#part`, where something can be asked of a part alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId {
    pub cluster: ClusterName,
    pub key: Arc<str>,
}

impl InstanceId {
    pub fn new(cluster: &ClusterName, key: impl Into<Arc<str>>) -> Self {
        Self { cluster: cluster.clone(), key: key.into() }
    }

    /// One that a plan makes, before the engine has given it an id: by the release that it runs and its place in the plan, which are
    /// written on it. No engine has such a key.
    pub fn made(service: &ServiceId, release: u64, slot: u32) -> Self {
        Self::new(&service.cluster, format!("@{}/{}/{release}/{slot}", service.scope, service.name))
    }

    pub fn is_made(&self) -> bool {
        self.key.starts_with('@')
    }

    /// One of its parts. No engine has a `#` in its keys or in the names of parts.
    pub fn part(&self, part: &str) -> Self {
        Self { cluster: self.cluster.clone(), key: format!("{}#{part}", self.whole_key()).into() }
    }

    /// What it is a part of, or itself.
    pub fn whole(&self) -> Self {
        match self.part_name() {
            Some(_) => Self { cluster: self.cluster.clone(), key: self.whole_key().into() },
            None => self.clone(),
        }
    }

    pub fn whole_key(&self) -> &str {
        self.key.split_once('#').map_or(&*self.key, |(whole, _)| whole)
    }

    pub fn part_name(&self) -> Option<&str> {
        self.key.split_once('#').map(|(_, part)| part)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.key)
    }
}

/// What a person types for a service: `service`, `scope/service` or `cluster/scope/service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub cluster: Option<ClusterName>,
    pub scope: Option<Scope>,
    pub service: Arc<str>,
}

impl Address {
    pub fn matches(&self, id: &ServiceId) -> bool {
        self.service == id.name
            && self.scope.as_ref().is_none_or(|scope| *scope == id.scope)
            && self.cluster.as_ref().is_none_or(|cluster| *cluster == id.cluster)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.trim().is_empty()) {
            return Err(format!("'{text}' is not an address: write service, scope/service or cluster/scope/service"));
        }
        // A cluster's name may hold slashes itself (a kubeconfig context can), so it is whatever stands before the last two.
        let (cluster, scope, service) = match parts.as_slice() {
            [service] => (None, None, *service),
            [scope, service] => (None, Some(*scope), *service),
            [cluster @ .., scope, service] => (Some(cluster.join("/")), Some(*scope), *service),
            [] => unreachable!("split yields at least one part"),
        };
        Ok(Self { cluster: cluster.map(ClusterName::new), scope: scope.map(Scope::from), service: service.into() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cluster) = &self.cluster {
            write!(f, "{cluster}/")?;
        }
        if let Some(scope) = &self.scope {
            write!(f, "{scope}/")?;
        }
        f.write_str(&self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_to_three_parts_and_a_cluster_may_hold_slashes() {
        let id = ServiceId::new(&"team/eu".into(), &"shop".into(), "web");
        for text in ["web", "shop/web", "team/eu/shop/web"] {
            assert!(text.parse::<Address>().expect("parses").matches(&id), "{text}");
        }
        for text in ["api", "blog/web", "us/shop/web"] {
            assert!(!text.parse::<Address>().expect("parses").matches(&id), "{text}");
        }
    }

    #[test]
    fn what_is_no_service_is_told_by_its_address() {
        let backup = VeleroName::new("velero", "nightly-1");
        let id = ServiceId::of_velero(&"eu".into(), &backup);
        assert_eq!((id.to_string().as_str(), id.velero()), ("eu/(velero in velero)/nightly-1", Some(backup)));
        let node = ServiceId::of_node(&"eu".into(), &"worker-1".into());
        let web = ServiceId::new(&"eu".into(), &"velero".into(), "web");
        assert_eq!([&id, &node, &web].map(ServiceId::is_service), [false, false, true]);
        assert_eq!((node.velero(), web.velero()), (None, None));
    }

    #[test]
    fn an_address_with_an_empty_part_is_refused_with_what_it_should_look_like() {
        let error = "shop//web".parse::<Address>().expect_err("refused");
        assert!(error.contains("cluster/scope/service"), "{error}");
    }
}

//! What an instance's key says: which pod, and which of its containers.

use std::sync::Arc;

use super::fault::Fault;
use crate::domain::{ClusterName, InstanceId};

/// A pod for good: another pod of the same name has another uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
    pub container: Option<&'a str>,
}

impl<'a> Pod<'a> {
    pub fn of(instance: &'a InstanceId) -> Result<Self, Fault> {
        let mut parts = instance.whole_key().split('/');
        let (Some(namespace), Some(name), Some(uid), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::Garbled(format!("{instance} is no pod").into()));
        };
        let pod = Self { namespace, name, uid, container: instance.part_name() };
        let all = [Some(pod.namespace), Some(pod.name), Some(pod.uid), pod.container];
        match all.into_iter().flatten().find(|part| !is_name(part)) {
            None => Ok(pod),
            Some(_) => Err(Fault::Garbled(format!("{instance} is no pod").into())),
        }
    }

    /// `/api/v1/namespaces/shop/pods/web-1`
    pub fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.namespace, self.name)
    }
}

pub fn instance(cluster: &ClusterName, namespace: &str, name: &str, uid: &str) -> InstanceId {
    let key: Arc<str> = format!("{namespace}/{name}/{uid}").into();
    InstanceId::new(cluster, key)
}

/// Fit for a path: what Kubernetes allows in names, and nothing that a server could take for a way out of it.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':'))
}

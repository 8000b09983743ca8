//! Which workload a service is: a service's name alone does not tell a Deployment from a StatefulSet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::{ServiceId, ServiceKind};

/// Written by the watch, read by whatever is asked about a service. Kept over a reconnect.
#[derive(Default)]
pub struct Directory {
    workloads: Mutex<BTreeMap<ServiceId, Workload>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: ServiceKind,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// As `labelSelector` is given to the API; empty where its pods are not found by labels.
    pub selector: Arc<str>,
}

impl Directory {
    pub fn find(&self, service: &ServiceId) -> Option<Workload> {
        self.lock().get(service).cloned()
    }

    pub fn put(&self, service: ServiceId, workload: Workload) {
        self.lock().insert(service, workload);
    }

    pub fn remove(&self, service: &ServiceId) {
        self.lock().remove(service);
    }

    /// A new picture says anew what there is.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceId, Workload>> {
        self.workloads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

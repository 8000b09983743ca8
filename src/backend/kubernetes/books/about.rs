//! Whose an object is, as far as its kind and name tell: what an event is about may be gone already.

use super::{Books, Home};
use crate::{
    backend::kubernetes::row::{Workload, event::About},
    domain::{ServiceId, ServiceKind},
};

impl Books {
    pub fn service_of(&self, about: &About) -> Option<ServiceId> {
        let key = &about.key;
        let known = |kind, name: &str| {
            let home = Home { namespace: key.namespace.clone(), kind, name: name.into() };
            self.groups.contains_key(&home).then_some(home)
        };
        let home = match &*about.kind {
            "Pod" => match self.pods.get(key) {
                Some(entry) => Some(self.home(&entry.row)),
                // It is gone, and what made it named it: `web-7f8d9c-x2x4k` of a Deployment, `web-0`, `web-x2x4k` of others.
                None => made_by(&key.name, 2)
                    .and_then(|name| known(ServiceKind::Deployment, name).or_else(|| known(ServiceKind::Rollout, name)))
                    .or_else(|| {
                        let name = made_by(&key.name, 1)?;
                        known(ServiceKind::StatefulSet, name).or_else(|| known(ServiceKind::DaemonSet, name))
                    }),
            },
            "ReplicaSet" => made_by(&key.name, 1)
                .and_then(|name| known(ServiceKind::Deployment, name).or_else(|| known(ServiceKind::Rollout, name))),
            "Job" => {
                let cron_job = self.runs.get(key).and_then(Workload::cron_job);
                cron_job
                    .and_then(|name| known(ServiceKind::CronJob, name))
                    .or_else(|| known(ServiceKind::Job, &key.name))
            }
            "Deployment" => known(ServiceKind::Deployment, &key.name),
            "StatefulSet" => known(ServiceKind::StatefulSet, &key.name),
            "DaemonSet" => known(ServiceKind::DaemonSet, &key.name),
            "CronJob" => known(ServiceKind::CronJob, &key.name),
            "Rollout" => known(ServiceKind::Rollout, &key.name),
            _ => None,
        };
        home.map(|home| self.id(&home))
    }
}

/// Without so many parts at its end.
fn made_by(name: &str, parts: usize) -> Option<&str> {
    (0..parts).try_fold(name, |name, _| name.rsplit_once('-').map(|(front, _)| front))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_made_a_pod_is_in_its_name() {
        assert_eq!(made_by("web-app-7f8d9c-x2x4k", 2), Some("web-app"));
        assert_eq!(made_by("db-0", 1), Some("db"));
        assert_eq!(made_by("db-0", 2), None);
    }
}

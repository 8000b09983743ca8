//! Taking rows in: what belongs to what, and what must be judged again because of it.

use std::{mem, sync::Arc};

use super::{Books, Group, NodeEntry, PodEntry, assemble, in_namespace, names::Home};
use crate::{
    backend::kubernetes::row::{
        Event, Key, Machine, Pod, Scaler, Workload,
        condition::Truth,
        labels::{Labels, Selector},
    },
    domain::{InstanceId, Mount, ServiceKind},
};

impl Books {
    pub(super) fn put_pod(&mut self, pod: Pod) {
        let key = Key { namespace: pod.namespace.clone(), name: pod.name.clone() };
        let home = self.home(&pod);
        let mut is_known = false;
        if let Some(before) = self.pods.get(&key) {
            if before.row == pod {
                return;
            }
            let is_other = before.row.key != pod.key;
            let before_home = self.home(&before.row);
            is_known = before.is_known && !is_other;
            // A StatefulSet's pod comes again under the same name, as another.
            if is_other && before.is_known {
                self.gone.instances.push(InstanceId { cluster: self.cluster.clone(), key: before.row.key.clone() });
            }
            if before_home != home {
                self.leave(&before_home, &pod.name);
            }
        }
        self.enter(&home).pods.insert(pod.name.clone());
        self.pods.insert(key, PodEntry { row: pod, told: None, is_known });
        self.dirty.insert(home);
    }

    pub(super) fn remove_pod(&mut self, key: &Key) {
        let Some(entry) = self.pods.remove(key) else { return };
        if entry.is_known {
            self.gone.instances.push(InstanceId { cluster: self.cluster.clone(), key: entry.row.key.clone() });
        }
        let home = self.home(&entry.row);
        self.leave(&home, &key.name);
    }

    /// A Job's pods are its CronJob's, if it has one.
    pub(super) fn home(&self, pod: &Pod) -> Home {
        let (kind, name) = &pod.home;
        let key = Key { namespace: pod.namespace.clone(), name: name.clone() };
        match self.runs.get(&key).filter(|_| *kind == ServiceKind::Job).and_then(Workload::cron_job) {
            Some(cron_job) => Home { namespace: key.namespace, kind: ServiceKind::CronJob, name: cron_job.clone() },
            None => Home { namespace: key.namespace, kind: *kind, name: key.name },
        }
    }

    pub(super) fn put_workload(&mut self, workload: Workload) {
        let key = workload.meta.key.clone();
        if let Some(cron_job) = workload.cron_job() {
            let home = Home { namespace: key.namespace.clone(), kind: ServiceKind::CronJob, name: cron_job.clone() };
            self.enter(&home).runs.insert(key.name.clone());
            self.dirty.insert(home.clone());
            if self.runs.insert(key.clone(), workload).is_none() {
                self.adopt(&key, &home);
            }
            return;
        }
        let home = Home { namespace: key.namespace, name: key.name, kind: workload.kind };
        let group = self.enter(&home);
        if group.workload.as_deref() != Some(&workload) {
            group.workload = Some(Box::new(workload));
            self.dirty.insert(home);
        }
    }

    /// Pods of a Job that were known before it was known to be a CronJob's.
    fn adopt(&mut self, job: &Key, home: &Home) {
        let alone = Home { namespace: job.namespace.clone(), kind: ServiceKind::Job, name: job.name.clone() };
        let Some(group) = self.groups.get_mut(&alone) else { return };
        let pods = mem::take(&mut group.pods);
        for name in &pods {
            if let Some(entry) = self.pods.get_mut(&in_namespace(home, name)) {
                entry.told = None;
            }
        }
        self.enter(home).pods.extend(pods);
        self.drop_if_empty(&alone);
    }

    pub(super) fn remove_workload(&mut self, kind: ServiceKind, key: &Key) {
        if kind == ServiceKind::Job
            && let Some(run) = self.runs.remove(key)
            && let Some(cron_job) = run.cron_job()
        {
            let home = Home { namespace: key.namespace.clone(), kind: ServiceKind::CronJob, name: cron_job.clone() };
            self.leave_run(&home, key);
            return;
        }
        let home = Home { namespace: key.namespace.clone(), name: key.name.clone(), kind };
        if let Some(group) = self.groups.get_mut(&home) {
            group.workload = None;
            self.dirty.insert(home.clone());
            self.drop_if_empty(&home);
        }
    }

    /// The pods of a run that is gone, which follow it soon, stand for themselves until then.
    fn leave_run(&mut self, home: &Home, job: &Key) {
        let Some(group) = self.groups.get_mut(home) else { return };
        group.runs.remove(&job.name);
        let orphans: Vec<Arc<str>> = group
            .pods
            .iter()
            .filter(|name| {
                let entry = self.pods.get(&in_namespace(home, name));
                entry.is_some_and(|entry| entry.row.home.1 == job.name)
            })
            .cloned()
            .collect();
        for name in orphans {
            if let Some(group) = self.groups.get_mut(home) {
                group.pods.remove(&name);
            }
            let alone = Home { namespace: job.namespace.clone(), kind: ServiceKind::Job, name: job.name.clone() };
            self.enter(&alone).pods.insert(name);
            self.dirty.insert(alone);
        }
        self.dirty.insert(home.clone());
        self.drop_if_empty(home);
    }

    /// The service at this place, which begins to be there if it was not.
    fn enter(&mut self, home: &Home) -> &mut Group {
        if !self.groups.contains_key(home) && self.names.add(home) {
            self.dirty.extend(self.names.namesakes(home));
        }
        self.groups.entry(home.clone()).or_default()
    }

    fn leave(&mut self, home: &Home, pod: &Arc<str>) {
        let Some(group) = self.groups.get_mut(home) else { return };
        group.pods.remove(pod);
        self.dirty.insert(home.clone());
        self.drop_if_empty(home);
    }

    fn drop_if_empty(&mut self, home: &Home) {
        let is_empty = |group: &Group| group.workload.is_none() && group.pods.is_empty() && group.runs.is_empty();
        if !self.groups.get(home).is_some_and(is_empty) {
            return;
        }
        let Some(group) = self.groups.remove(home) else { return };
        self.dirty.remove(home);
        if let Some(at) = group.again_at {
            self.due.remove(&(at, home.clone()));
        }
        if let Some(told) = group.told {
            self.directory.remove(&told.id);
            self.gone.services.push(told.id);
        }
        if self.names.remove(home) {
            self.dirty.extend(self.names.namesakes(home));
        }
    }

    pub(super) fn put_node(&mut self, machine: Machine) {
        let name = machine.key.name.clone();
        let is_lost =
            machine.conditions.iter().any(|condition| &*condition.kind == "Ready" && condition.truth != Truth::True);
        let was_lost = self.lost_nodes.contains(&name);
        if is_lost {
            self.lost_nodes.insert(name.clone());
        } else {
            self.lost_nodes.remove(&name);
        }
        if is_lost != was_lost {
            self.touch_pods(|pod| pod.node.as_ref() == Some(&name));
        }
        let before = self.nodes.get(&name);
        if before.is_none_or(|before| before.row != machine) {
            let told = before.and_then(|before| before.told.clone());
            let is_told = told.as_ref() == Some(&assemble::node(&self.cluster, &machine));
            self.nodes.insert(name, NodeEntry { row: machine, told: told.filter(|_| is_told) });
        }
    }

    pub(super) fn remove_node(&mut self, name: &Arc<str>) {
        if self.nodes.remove(name).is_some() {
            self.gone.nodes.push(name.clone());
        }
        if self.lost_nodes.remove(name) {
            self.touch_pods(|pod| pod.node.as_ref() == Some(name));
        }
    }

    pub(super) fn put_event(&mut self, event: &Event) {
        if !self.notes.put(event) {
            return;
        }
        let key = &event.about.key;
        let kind = match &*event.about.kind {
            "Pod" => {
                if let Some(entry) = self.pods.get(key) {
                    self.dirty.insert(self.home(&entry.row));
                }
                return;
            }
            "PersistentVolumeClaim" => {
                return self.touch_pods(|pod| {
                    let mounts = |mount: &Mount| &*mount.kind == "claim" && mount.source == key.name;
                    pod.node.is_none() && pod.namespace == key.namespace && pod.template.mounts.iter().any(mounts)
                });
            }
            "StatefulSet" => ServiceKind::StatefulSet,
            "DaemonSet" => ServiceKind::DaemonSet,
            "CronJob" => ServiceKind::CronJob,
            "Job" => ServiceKind::Job,
            _ => return,
        };
        let cron_job = self.runs.get(key).filter(|_| kind == ServiceKind::Job).and_then(Workload::cron_job);
        let home = match cron_job {
            Some(name) => Home { namespace: key.namespace.clone(), kind: ServiceKind::CronJob, name: name.clone() },
            None => Home { namespace: key.namespace.clone(), kind, name: key.name.clone() },
        };
        if self.groups.contains_key(&home) {
            self.dirty.insert(home);
        }
    }

    /// Seldom needed, so it may look at all of them.
    fn touch_pods(&mut self, is_meant: impl Fn(&Pod) -> bool) {
        let rows = self.pods.values().map(|entry| &entry.row).filter(|pod| is_meant(pod));
        let homes: Vec<Home> = rows.map(|pod| self.home(pod)).collect();
        self.dirty.extend(homes);
    }

    pub(super) fn touch_selected(&mut self, namespace: &Arc<str>, chooses: impl Fn(&Labels) -> bool) {
        let groups = self.groups.iter().filter(|(home, _)| home.namespace == *namespace);
        let chosen =
            groups.filter(|(home, group)| self.labels(home, group).is_some_and(&chooses)).map(|(home, _)| home.clone());
        let chosen: Vec<Home> = chosen.collect();
        self.dirty.extend(chosen);
    }

    pub(super) fn touch_before(&mut self, before: Option<(Arc<str>, Selector)>) {
        if let Some((namespace, selector)) = before {
            self.touch_selected(&namespace, |labels| selector.matches(labels));
        }
    }

    pub(super) fn touch_target(&mut self, scaler: &Scaler) {
        if let Some((kind, name)) = &scaler.target {
            let home = Home { namespace: scaler.key.namespace.clone(), kind: *kind, name: name.clone() };
            if self.groups.contains_key(&home) {
                self.dirty.insert(home);
            }
        }
    }
}

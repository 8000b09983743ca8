//! From what is kept to what is told: each service judged by its pods, and only what differs told.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem,
};

use jiff::Timestamp;

use super::{
    Books, Group, NoteKind,
    assemble::{self, Parts},
    in_namespace,
    names::Home,
};
use crate::{
    backend::kubernetes::{
        directory,
        health::{self, Judgement, Members, Surroundings},
        row::{
            Key, Pod, Scaler, Workload,
            labels::{Labels, Selector},
        },
    },
    domain::{Instance, Scope, Service, ServiceId, ServiceKind},
};

impl Books {
    pub(super) fn id(&self, home: &Home) -> ServiceId {
        ServiceId::new(&self.cluster, &Scope::new(home.namespace.clone()), self.names.name(home))
    }

    pub(super) fn tell(
        &mut self,
        home: &Home,
        now: Timestamp,
        services: &mut Vec<Service>,
        instances: &mut Vec<Instance>,
    ) {
        let Some(group) = self.groups.get(home) else { return };
        let judged = self.judge_pods(home, now);
        let pods: Vec<(&Pod, Judgement)> =
            judged.iter().filter_map(|(key, judgement)| Some((&self.pods.get(key)?.row, judgement.clone()))).collect();
        let judgement = self.judge_group(home, group, &pods, now);
        let id = self.id(home);
        let parts = self.parts(home, group, &pods);
        let mut service = assemble::service(id.clone(), &parts, &judgement);
        // A service has been failing since it began to, not since its last crash.
        if let Some(before) = &group.told
            && before.id == service.id
            && before.health.word() == service.health.word()
            && let (Some(then), Some(since)) = (before.since, service.since)
        {
            service.since = Some(then.min(since));
        }
        let again_at = pods.iter().filter_map(|(_, judged)| judged.again_at).chain(judgement.again_at).min();
        let uid = match (&group.workload, pods.first()) {
            (Some(workload), _) => workload.meta.uid.clone(),
            (None, Some((pod, _))) if home.kind == ServiceKind::Pod => pod.uid().into(),
            (None, _) => "".into(),
        };
        let workload = directory::Workload {
            kind: home.kind,
            namespace: home.namespace.clone(),
            name: home.name.clone(),
            uid,
            selector: assemble::selector(home.kind, group.workload.as_deref()),
        };
        self.tell_instances(home, &judged, instances);
        self.plan(home, again_at);
        let Some(group) = self.groups.get_mut(home) else { return };
        if group.told.as_ref() == Some(&service) {
            return;
        }
        if let Some(before) = group.told.replace(service.clone())
            && before.id != id
        {
            // Somebody else may have taken the name already.
            if self.directory.find(&before.id).is_some_and(|workload| workload.kind == home.kind) {
                self.directory.remove(&before.id);
            }
            self.gone.services.push(before.id);
        }
        self.directory.put(id, workload);
        services.push(service);
    }

    /// When this service is to be judged again.
    fn plan(&mut self, home: &Home, again_at: Option<Timestamp>) {
        let Some(group) = self.groups.get_mut(home) else { return };
        if group.again_at == again_at {
            return;
        }
        if let Some(before) = mem::replace(&mut group.again_at, again_at) {
            self.due.remove(&(before, home.clone()));
        }
        if let Some(at) = again_at {
            self.due.insert((at, home.clone()));
        }
    }

    fn judge_pods(&self, home: &Home, now: Timestamp) -> Vec<(Key, Judgement)> {
        let names = self.groups.get(home).into_iter().flat_map(|group| &group.pods);
        let judged = names.filter_map(|name| {
            let key = in_namespace(home, name);
            let pod = &self.pods.get(&key)?.row;
            let judgement = health::pod(pod, &self.around(pod, &key, now), now);
            Some((key, judgement))
        });
        judged.collect()
    }

    fn around<'a>(&'a self, pod: &Pod, key: &Key, now: Timestamp) -> Surroundings<'a> {
        // Most pods are well, and nothing need be looked up for them.
        if pod.is_ready && !pod.is_leaving() && pod.restarts() == 0 {
            return Surroundings::default();
        }
        let mut claims = pod.template.mounts.iter().filter(|mount| &*mount.kind == "claim" && pod.node.is_none());
        let claim = claims.find_map(|mount| {
            let key = Key { namespace: key.namespace.clone(), name: mount.source.clone() };
            self.notes.of("PersistentVolumeClaim", &key, now).first()
        });
        Surroundings {
            notes: self.notes.of("Pod", key, now),
            claim: claim.map(|note| &*note.message),
            is_node_lost: pod.node.as_ref().is_some_and(|node| self.lost_nodes.contains(node)),
        }
    }

    fn judge_group(&self, home: &Home, group: &Group, pods: &[(&Pod, Judgement)], now: Timestamp) -> Judgement {
        // What was refused before the newest of the pods was created has passed.
        let refusal = |kind: &str, key: &Key, pods: &[(&Pod, Judgement)]| {
            let note = self.notes.of(kind, key, now).iter().find(|note| note.kind == NoteKind::Create)?;
            let created = pods.iter().map(|(pod, _)| pod.created).max().unwrap_or_default();
            (note.at.is_never() || note.at > created).then_some(&*note.message)
        };
        let key = home.key();
        let members = |refusal| Members { pods, are_known: self.are_pods_known, refusal };
        let workload = group.workload.as_deref();
        match home.kind {
            ServiceKind::CronJob if workload.is_some() || !group.runs.is_empty() => {
                let judged: Vec<(&Workload, Judgement)> = self
                    .runs_of(home, group)
                    .map(|run| {
                        let of_run = pods.iter().filter(|(pod, _)| pod.home.1 == run.meta.key.name);
                        let own: Vec<(&Pod, Judgement)> = of_run.cloned().collect();
                        let refusal = refusal("Job", &run.meta.key, &own);
                        (run, health::job(run, &Members { pods: &own, ..members(refusal) }, now))
                    })
                    .collect();
                health::cron_job(workload, &judged, refusal("CronJob", &key, &[]))
            }
            kind => match (workload, kind) {
                (None, _) => health::together(&members(None)),
                (Some(workload), ServiceKind::Job) => health::job(workload, &members(refusal("Job", &key, pods)), now),
                (Some(workload), ServiceKind::StatefulSet) => {
                    health::workload(workload, &members(refusal("StatefulSet", &key, pods)), now)
                }
                (Some(workload), ServiceKind::DaemonSet) => {
                    health::workload(workload, &members(refusal("DaemonSet", &key, pods)), now)
                }
                // A Deployment's own condition says it.
                (Some(workload), _) => health::workload(workload, &members(None), now),
            },
        }
    }

    pub(super) fn runs_of<'a>(&'a self, home: &'a Home, group: &'a Group) -> impl Iterator<Item = &'a Workload> {
        group.runs.iter().filter_map(|name| self.runs.get(&in_namespace(home, name)))
    }

    fn parts<'a>(&'a self, home: &'a Home, group: &'a Group, pods: &'a [(&'a Pod, Judgement)]) -> Parts<'a> {
        let first = Key { namespace: home.namespace.clone(), name: "".into() };
        let labels = self.labels(home, group);
        let chosen = |selector: &Selector| labels.is_some_and(|labels| selector.matches(labels));
        let entrances = self.entrances.range(&first..).take_while(|(key, _)| key.namespace == home.namespace);
        let guards = self.guards.range(&first..).take_while(|(key, _)| key.namespace == home.namespace);
        let mut scalers = self.scalers.range(&first..).take_while(|(key, _)| key.namespace == home.namespace);
        let is_target = |scaler: &Scaler| {
            scaler.target.as_ref().is_some_and(|(kind, name)| *kind == home.kind && *name == home.name)
        };
        Parts {
            home,
            workload: group.workload.as_deref(),
            pods,
            are_pods_known: self.are_pods_known,
            entrances: entrances.map(|(_, entrance)| entrance).filter(|entrance| chosen(&entrance.selector)).collect(),
            scaler: scalers.find(|(_, scaler)| is_target(scaler)).map(|(_, scaler)| scaler),
            guard: guards.map(|(_, guard)| guard).find(|guard| chosen(&guard.selector)),
        }
    }

    /// Those that its pods bear.
    pub(super) fn labels<'a>(&'a self, home: &Home, group: &'a Group) -> Option<&'a Labels> {
        let own = group.workload.as_ref().map(|workload| &workload.template);
        let own = own.filter(|template| !template.containers.is_empty());
        let first = || self.pods.get(&in_namespace(home, group.pods.first()?));
        match own {
            Some(template) => Some(&template.labels),
            None => first().map(|entry| &entry.row.template.labels),
        }
    }

    fn tell_instances(&mut self, home: &Home, judged: &[(Key, Judgement)], instances: &mut Vec<Instance>) {
        let service = self.id(home);
        for (key, judgement) in judged {
            let Some(entry) = self.pods.get_mut(key) else { continue };
            let mut hasher = DefaultHasher::new();
            (&service.name, &judgement.health).hash(&mut hasher);
            let fingerprint = hasher.finish();
            if entry.told == Some(fingerprint) {
                continue;
            }
            entry.told = Some(fingerprint);
            entry.is_known = true;
            let health = judgement.health.clone();
            instances.push(assemble::instance(&self.cluster, &self.network, &entry.row, service.clone(), health));
        }
    }
}

//! Where the requests to a service go, and who answers them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{orchestrator::is_kept, world::World};
use crate::{
    domain::{Route, ServiceId, text::clean},
    plan::{TRACK, Traffic},
};

/// What tells the pods of one definition from others, as Deployments write it on them.
const HASH: &str = "pod-template-hash";
const APP: &str = "app";

impl World {
    /// How many instances get requests and answer them.
    pub fn serving(&self, service: &ServiceId, now: Timestamp) -> usize {
        let Some(index) = self.find_service(service) else { return 0 };
        self.asked(index).into_iter().filter(|member| self.phase(*member, now).doing.is_ready()).count()
    }

    /// Who gets requests that are meant for a service.
    fn asked(&self, service: usize) -> Vec<usize> {
        let served = &self.services[service];
        match &served.traffic {
            Some(Traffic::Instances(weights)) => {
                let weighted = weights.iter().filter(|(_, weight)| *weight > 0);
                weighted.filter_map(|(instance, _)| self.find(instance)).collect()
            }
            Some(Traffic::Labels(selector)) => self.selected(service, selector),
            Some(Traffic::Body(_) | Traffic::LookUp { .. } | Traffic::Part { .. } | Traffic::Whole { .. }) | None
                if is_kept(served.kind) =>
            {
                self.selected(service, &self.selector(service))
            }
            Some(Traffic::Body(_) | Traffic::LookUp { .. } | Traffic::Part { .. } | Traffic::Whole { .. }) | None => {
                self.members(service).filter(|member| self.instances[*member].joined).collect()
            }
        }
    }

    /// Of the service and of the sets that are like it.
    fn selected(&self, service: usize, selector: &BTreeMap<Arc<str>, Arc<str>>) -> Vec<usize> {
        let app = &self.services[service].id;
        let candidates = (0..self.services.len()).filter(|other| {
            let other = &self.services[*other];
            other.id == *app || (other.set.is_some() && self.services[service].id.scope == other.id.scope)
        });
        let members = candidates.flat_map(|other| self.members(other));
        members
            .filter(|member| {
                let labels = self.labels(*member, &app.name);
                selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            })
            .collect()
    }

    fn labels(&self, member: usize, app: &Arc<str>) -> BTreeMap<Arc<str>, Arc<str>> {
        let member = &self.instances[member];
        let served = &self.services[member.service];
        let track = served.set.is_some().then(|| (TRACK.into(), served.id.name.clone()));
        [(APP.into(), app.clone()), (HASH.into(), member.definition.hash())].into_iter().chain(track).collect()
    }

    fn selector(&self, service: usize) -> BTreeMap<Arc<str>, Arc<str>> {
        match &self.services[service].traffic {
            Some(Traffic::Labels(selector)) => selector.clone(),
            _ => [(APP.into(), self.services[service].id.name.clone())].into(),
        }
    }

    /// What sends to a service and can be told where to.
    pub fn routes(&self, service: usize) -> Vec<Route> {
        let (served, script) = (&self.services[service], self.script(service));
        let Some(port) = script.ports.first().map(|port| port.0.inside) else { return Vec::new() };
        let name: Arc<str> = clean(&served.id.name).into();
        if is_kept(served.kind) {
            let uid = format!("{:016x}", self.chance.of("service").at(service as u64).bits()).into();
            let (pins, selector) =
                self.selector(service).into_iter().partition(|(key, _)| [HASH, TRACK].contains(&&**key));
            return vec![Route::Selector { name, uid, selector, port, pins }];
        }
        let proxy = script.proxy.as_ref().and_then(|proxy| self.first_of(service, proxy.get_ref()));
        let proxy = proxy.map(|proxy| Route::Upstream {
            proxy: self.instances[proxy].id.clone(),
            proxy_name: self.instances[proxy].name.clone(),
            file: format!("/etc/nginx/conf.d/{name}.conf").into(),
            body: self.upstream(service, port),
            name,
            port,
        });
        proxy.into_iter().collect()
    }

    /// As nginx has it between the braces.
    fn upstream(&self, service: usize, port: u16) -> Arc<str> {
        let served = &self.services[service];
        match &served.traffic {
            Some(Traffic::Body(body)) => body.clone(),
            Some(Traffic::Instances(weights)) => {
                let server = |(instance, weight): &(_, u32)| {
                    let (_, address) = self.address(self.find(instance)?);
                    Some(format!("server {address}:{port} weight={weight};\n"))
                };
                weights.iter().filter_map(server).collect::<String>().into()
            }
            Some(Traffic::Labels(_) | Traffic::LookUp { .. } | Traffic::Part { .. } | Traffic::Whole { .. }) | None => {
                format!("server {}:{port};\n", served.id.name).into()
            }
        }
    }

    fn first_of(&self, beside: usize, name: &str) -> Option<usize> {
        let scope = &self.services[beside].id.scope;
        let proxy = ServiceId::new(&self.name, scope, clean(name));
        let proxy = self.find_service(&proxy)?;
        self.members(proxy).next()
    }
}

//! The proxies in front of a service that can be told which of its containers get the requests.

use std::sync::Arc;

use super::{Planned, Step, Traffic};
use crate::domain::{InstanceId, Means, Route, ServiceId};

/// A container and its weight.
pub(super) type Member = (InstanceId, u32);

pub(super) struct Proxies<'a> {
    service: &'a ServiceId,
    upstreams: Vec<&'a Route>,
    /// They ask for the service's names only when they are told to.
    lookups: Vec<&'a Route>,
}

impl<'a> Proxies<'a> {
    pub fn of(service: &'a ServiceId, means: &'a Means) -> Self {
        let (mut upstreams, mut lookups) = (Vec::new(), Vec::new());
        for route in &means.routes {
            match route {
                Route::Upstream { .. } => upstreams.push(route),
                Route::Lookup { .. } => lookups.push(route),
                Route::Selector { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => {}
            }
        }
        Self { service, upstreams, lookups }
    }

    /// Those that ask for names ask once more, because of what has come or gone `since`. Each time needs words of its own: going back
    /// leaves out what the plan did last, and asking is never done for good.
    pub fn look_up(&self, since: &str) -> Vec<Step> {
        let shift = |route: &&Route| self.shift(route, Traffic::LookUp { since: since.into() });
        self.lookups.iter().map(shift).collect()
    }

    /// "nginx in shop-proxy-1"; `None`: nobody asks.
    pub fn lookups(&self) -> Option<String> {
        let titles: Vec<String> = self.lookups.iter().map(|route| route.title()).collect();
        (!titles.is_empty()).then(|| titles.join(" and "))
    }

    /// Whoever wants the service finds its containers by their names alone.
    pub fn is_empty(&self) -> bool {
        self.upstreams.is_empty()
    }

    /// "nginx upstream web in shop-proxy-1"
    pub fn title(&self) -> String {
        self.upstreams.iter().map(|route| route.title()).collect::<Vec<_>>().join(" and ")
    }

    /// Requests go to these from now on, and to those of before when it is taken back. A proxy cannot send to nobody: then it is left as
    /// it is.
    pub fn send(&self, to: &[Member], before: &[Member]) -> Vec<Planned> {
        self.send_until(to, &self.steps(before))
    }

    /// The same, taken back by these.
    pub fn send_until(&self, to: &[Member], back: &[Step]) -> Vec<Planned> {
        // Each proxy takes back its own.
        let undo = |place| Vec::from_iter(back.get(place).cloned());
        let shifts = self.steps(to).into_iter().enumerate();
        shifts.map(|(place, shift)| Planned::new(shift).undone_by(undo(place))).collect()
    }

    pub fn steps(&self, to: &[Member]) -> Vec<Step> {
        if to.is_empty() {
            return Vec::new();
        }
        self.upstreams.iter().map(|route| self.shift(route, Traffic::Instances(to.to_vec()))).collect()
    }

    /// As they were when this was planned: by names, which a proxy looks up when it is told.
    pub fn as_before(&self) -> Vec<Step> {
        let body = |route: &&&Route| match route {
            Route::Upstream { body, .. } => Some(Arc::clone(body)),
            Route::Lookup { .. } | Route::Selector { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => None,
        };
        self.upstreams.iter().filter_map(|route| Some(self.shift(route, Traffic::Body(body(&route)?)))).collect()
    }

    fn shift(&self, route: &Route, to: Traffic) -> Step {
        Step::Shift { service: self.service.clone(), route: route.clone(), to }
    }
}

/// Of one weight each.
pub(super) fn alike<'i>(instances: impl IntoIterator<Item = &'i InstanceId>) -> Vec<Member> {
    instances.into_iter().map(|id| (id.clone(), 1)).collect()
}

/// Of all requests, `percent` hundredths go to `new`, the others to `old`, evenly among each.
pub(super) fn divided(new: &[InstanceId], old: &[InstanceId], percent: u8) -> Vec<Member> {
    let count = |ids: &[InstanceId]| u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let percent = u32::from(percent.min(100));
    let of_new = percent.saturating_mul(count(old).max(1));
    let of_old = (100 - percent).saturating_mul(count(new).max(1));
    let common = greatest_common_divisor(of_new, of_old).max(1);
    let weigh =
        |ids: &[InstanceId], weight: u32| ids.iter().map(|id| (id.clone(), weight / common)).collect::<Vec<_>>();
    let all = weigh(new, of_new).into_iter().chain(weigh(old, of_old));
    all.filter(|(_, weight)| *weight > 0).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_divide_the_requests_and_not_the_containers() {
        let ids = |count: u32| (0..count).map(|n| InstanceId::new(&"prod".into(), n.to_string())).collect::<Vec<_>>();
        let weights = |new, old, percent| {
            let (new, old) = (ids(new), ids(old));
            divided(&new, &old, percent).iter().map(|(_, weight)| *weight).collect::<Vec<_>>()
        };
        assert_eq!(weights(1, 3, 10), [1, 3, 3, 3], "1 of 10");
        assert_eq!(weights(1, 1, 50), [1, 1]);
        assert_eq!(weights(2, 3, 50), [3, 3, 2, 2, 2]);
        assert_eq!(weights(1, 2, 1), [2, 99, 99], "1 of 100");
        assert_eq!(weights(2, 2, 100), [1, 1], "the old ones get none");
    }
}

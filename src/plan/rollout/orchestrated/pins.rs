//! Services that an operation which was left still sends to the pods of one template alone: they are let go before those pods are
//! replaced, or nobody would get their requests.

use std::sync::Arc;

use crate::{
    domain::{Means, Route, ServiceId},
    plan::{Planned, Stage, Step, Traffic},
};

pub(in crate::plan) fn let_go(service: &ServiceId, means: &Means) -> Option<Stage> {
    let free = |route: &Route| match route {
        Route::Selector { selector, pins, .. } if !pins.is_empty() => {
            let to = Traffic::Labels(selector.clone());
            let step = Step::Shift { service: service.clone(), route: route.clone(), to };
            // Whatever comes of the rest, it is better so.
            Some(Planned::new(step.clone()).undone_by(vec![step]))
        }
        Route::Selector { .. }
        | Route::Upstream { .. }
        | Route::Lookup { .. }
        | Route::HttpRoute { .. }
        | Route::Ingress { .. } => None,
    };
    let steps: Vec<Planned> = means.routes.iter().filter_map(free).collect();
    (!steps.is_empty()).then(|| Stage { title: "requests".into(), steps })
}

pub(in crate::plan) fn warning(means: &Means) -> Option<Arc<str>> {
    means.routes.iter().find_map(|route| match route {
        Route::Selector { name, pins, .. } if !pins.is_empty() => {
            let pins: Vec<String> = pins.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(
                format!(
                    "service {name} still sends to {} alone, as an operation that was left did: it gets all again first",
                    pins.join(",")
                )
                .into(),
            )
        }
        Route::Selector { .. }
        | Route::Upstream { .. }
        | Route::Lookup { .. }
        | Route::HttpRoute { .. }
        | Route::Ingress { .. } => None,
    })
}

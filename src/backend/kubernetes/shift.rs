//! Says which instances get a service's requests, or how many of a hundred.

mod http_route;
mod ingress;
mod selector;

pub use self::{
    http_route::is_service,
    ingress::{is_canary, service_of},
};

use serde_json::Value;

use super::{Site, change::refuse};
use crate::{
    backend::{Progress, StepError},
    domain::{Route, ServiceId, text::clean},
    plan::Traffic,
};

pub async fn shift(
    site: &Site,
    service: &ServiceId,
    route: &Route,
    to: &Traffic,
    progress: &Progress,
) -> Result<(), StepError> {
    let what = format!("could not shift {}", clean(&route.title()));
    let namespace = service.scope.as_str();
    match (route, to) {
        (Route::Selector { name, uid, selector, .. }, Traffic::Labels(labels)) => {
            let service = selector::Selected { namespace, name, uid, planned: selector };
            selector::shift(site, service, labels, &what, progress).await
        }
        (Route::HttpRoute { name, uid, service }, Traffic::Part { canary, percent }) => {
            let route = http_route::Divided { namespace, name, uid, service, canary };
            http_route::shift(site, route, Some(*percent), &what, progress).await
        }
        (Route::HttpRoute { name, uid, service }, Traffic::Whole { canary }) => {
            let route = http_route::Divided { namespace, name, uid, service, canary };
            http_route::shift(site, route, None, &what, progress).await
        }
        (Route::Ingress { name, uid, service }, Traffic::Part { canary, percent }) => {
            let ingress = ingress::Divided { namespace, name, uid, service, canary };
            ingress::part(site, ingress, *percent, &what, progress).await
        }
        (Route::Ingress { name, uid, service }, Traffic::Whole { canary }) => {
            let ingress = ingress::Divided { namespace, name, uid, service, canary };
            ingress::whole(site, ingress, &what, progress).await
        }
        (
            Route::Upstream { .. }
            | Route::Lookup { .. }
            | Route::Selector { .. }
            | Route::HttpRoute { .. }
            | Route::Ingress { .. },
            Traffic::Instances(_)
            | Traffic::Body(_)
            | Traffic::LookUp { .. }
            | Traffic::Labels(_)
            | Traffic::Part { .. }
            | Traffic::Whole { .. },
        ) => Err(refuse(&what, format!("it cannot be told {}", to.title()))),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

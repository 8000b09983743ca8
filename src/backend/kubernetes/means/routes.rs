//! What sends requests to a service and can be told where to: Services by their selectors, and what sends to those by weights.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    backend::kubernetes::{
        Site,
        discovery::Resource,
        fault::Fault,
        sets::{PINS, sends_to},
        shift::{is_canary, is_service, service_of},
    },
    domain::{Route, text::clean},
    plan::TRACK,
};

/// The controller that reads a canary's annotations.
const NGINX: &str = "k8s.io/ingress-nginx";

pub async fn of(site: &Site, namespace: &str, template: &Value) -> Result<Vec<Route>, Fault> {
    let list = |resource| items(site, resource, Some(namespace));
    let (services, http_routes, ingresses, classes) = futures::try_join!(
        list(Resource::Service),
        list(Resource::HttpRoute),
        list(Resource::Ingress),
        items(site, Resource::IngressClass, None),
    )?;
    let mut routes: Vec<Route> = services.iter().filter_map(|service| selector(service, template)).collect();
    let names: Vec<&str> = routes.iter().filter_map(service_name).collect();
    let weighed: Vec<Route> = names
        .iter()
        .flat_map(|name| {
            let routes = http_routes.iter().filter_map(|route| http_route(route, name, namespace));
            let ingresses = ingresses.iter().filter(|ingress| is_of_nginx(ingress, &classes));
            routes.chain(ingresses.filter_map(|found| ingress(found, name))).collect::<Vec<_>>()
        })
        .collect();
    routes.extend(weighed);
    Ok(routes)
}

/// Those that are not served, or may not be seen, cannot be told anything either.
async fn items(site: &Site, resource: Resource, namespace: Option<&str>) -> Result<Vec<Value>, Fault> {
    let Some(path) = site.served.path(resource, namespace) else { return Ok(Vec::new()) };
    match site.api.get::<Value>(&path).await {
        Ok(mut list) => Ok(serde_json::from_value(list["items"].take()).unwrap_or_default()),
        Err(fault) if fault.is_missing() || fault.is_denied() => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

fn service_name(route: &Route) -> Option<&str> {
    match route {
        Route::Selector { name, .. } => Some(name),
        Route::Upstream { .. } | Route::Lookup { .. } | Route::HttpRoute { .. } | Route::Ingress { .. } => None,
    }
}

fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().map(|text| clean(text).into())
}

/// Not one that a plan has put before a set alone.
fn selector(service: &Value, template: &Value) -> Option<Route> {
    let (metadata, spec) = (&service["metadata"], &service["spec"]);
    if !sends_to(&spec["selector"], template) || metadata["labels"][TRACK].is_string() {
        return None;
    }
    let pairs = spec["selector"].as_object()?.iter();
    let pairs = pairs.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
    let (pins, selector) = pairs.partition(|(key, _): &(Arc<str>, Arc<str>)| PINS.contains(&&**key));
    Some(Route::Selector {
        name: text(&metadata["name"])?,
        uid: text(&metadata["uid"])?,
        selector,
        port: port(&spec["ports"][0], template),
        pins,
    })
}

/// On the instances: a port may be called by its name there. 0 where there is none.
fn port(port: &Value, template: &Value) -> u16 {
    let target = &port["targetPort"];
    let named = || {
        let containers = template["spec"]["containers"].as_array().into_iter().flatten();
        let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
        ports.find(|port| port["name"] == *target)?["containerPort"].as_u64()
    };
    let number = target.as_u64().filter(|port| *port > 0);
    let number = number.or_else(|| target.as_str().and_then(|_| named())).or_else(|| port["port"].as_u64());
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
}

fn http_route(route: &Value, service: &str, namespace: &str) -> Option<Route> {
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    let mut backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    backends.any(|backend| is_service(backend, service, namespace)).then_some(())?;
    let metadata = &route["metadata"];
    Some(Route::HttpRoute { name: text(&metadata["name"])?, uid: text(&metadata["uid"])?, service: service.into() })
}

fn ingress(ingress: &Value, service: &str) -> Option<Route> {
    let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
    let mut paths = rules.flat_map(|rule| rule["http"]["paths"].as_array().into_iter().flatten());
    paths.any(|path| service_of(&path["backend"]) == Some(service)).then_some(())?;
    let metadata = &ingress["metadata"];
    Some(Route::Ingress { name: text(&metadata["name"])?, uid: text(&metadata["uid"])?, service: service.into() })
}

/// By its class, where that may be seen; by the class's name, where it may not.
fn is_of_nginx(ingress: &Value, classes: &[Value]) -> bool {
    if is_canary(ingress) {
        return false;
    }
    let is_nginx = |class: &Value| class["spec"]["controller"] == NGINX;
    let annotated = &ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"];
    match (&ingress["spec"]["ingressClassName"], annotated) {
        (Value::String(name), _) => {
            let class = classes.iter().find(|class| class["metadata"]["name"] == name.as_str());
            class.map_or(classes.is_empty() && name.contains("nginx"), is_nginx)
        }
        (_, Value::String(name)) => name == "nginx",
        _ => {
            let default = "ingressclass.kubernetes.io/is-default-class";
            classes.iter().any(|class| class["metadata"]["annotations"][default] == "true" && is_nginx(class))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_a_route_by_its_selector_and_the_port_on_the_instances() {
        let template = json!({
            "metadata": {"labels": {"app": "web", "tier": "front"}},
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
        });
        let service = |selector: Value, target: Value| json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": target}]}});
        let port = |target: Value| match selector(&service(json!({"app": "web"}), target), &template) {
            Some(Route::Selector { port, .. }) => port,
            other => panic!("{other:?}"),
        };
        assert_eq!((port(json!("http")), port(json!(9000)), port(Value::Null)), (8080, 9000, 80));
        assert!(selector(&service(json!({"app": "api"}), json!(1)), &template).is_none());
        assert!(selector(&service(Value::Null, json!(1)), &template).is_none());
    }

    #[test]
    fn what_a_plan_that_was_left_has_pinned_is_no_part_of_what_the_service_is_for() {
        let template = json!({"metadata": {"labels": {"app": "web"}}});
        let pinned = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"selector": {"app": "web", "pod-template-hash": "7f"}}});
        let Some(Route::Selector { selector, pins, .. }) = selector(&pinned, &template) else { panic!("it is one") };
        let told = |labels: std::collections::BTreeMap<Arc<str>, Arc<str>>| format!("{labels:?}");
        assert_eq!((told(selector), told(pins)), (r#"{"app": "web"}"#.into(), r#"{"pod-template-hash": "7f"}"#.into()));
    }

    #[test]
    fn only_an_ingress_of_nginx_can_have_a_canary() {
        let class =
            |name: &str, controller: &str| json!({"metadata": {"name": name}, "spec": {"controller": controller}});
        let classes = [class("outside", NGINX), class("mesh", "other/controller")];
        let of = |name: &str| json!({"spec": {"ingressClassName": name}});
        assert!(is_of_nginx(&of("outside"), &classes));
        assert!(!is_of_nginx(&of("mesh"), &classes));
        assert!(is_of_nginx(&of("nginx-inside"), &[]) && !is_of_nginx(&of("mesh"), &[]));
        assert!(!is_of_nginx(&json!({"spec": {}}), &classes));
    }
}

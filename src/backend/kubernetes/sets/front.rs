//! The Service in front of a set's instances alone, with the ports of those in front of all.

use serde_json::{Value, json};

use super::{create, delete, is_there, ours};
use crate::{
    backend::{
        Progress, StepError,
        kubernetes::{
            Site,
            api::encoded,
            change::{ASKED, marks, refuse},
            pod::is_name,
            steps::stopped,
        },
    },
    domain::{ServiceId, text::clean},
    plan::{Stamp, TRACK},
};

/// By which the pods of one template are told from those of another.
pub const HASH: &str = "pod-template-hash";
/// Added to a selector by a plan, and no part of what a Service is for.
pub const PINS: [&str; 2] = [HASH, TRACK];

pub async fn make(
    site: &Site,
    set: &str,
    front: &str,
    main: &Value,
    (stamp, what): (&Stamp, &str),
    progress: &Progress,
) -> Result<(), StepError> {
    let namespace = main["metadata"]["namespace"].as_str().filter(|name| is_name(name) && is_name(front));
    let namespace = namespace.ok_or_else(|| refuse(what, "that is no name of Kubernetes"))?;
    let collection = format!("/api/v1/namespaces/{namespace}/services");
    let list: Value = site.api.get(&collection).await.map_err(|fault| stopped(&fault, what))?;
    let services = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let name = main["metadata"]["name"].as_str().unwrap_or_default();
    let made = definition(set, front, (name, &main["spec"]["template"]), services, stamp);
    let made = made.ok_or_else(|| refuse(what, "no Service with ports sends to it, so none can stand beside it"))?;
    let path = format!("{collection}/{front}");
    match create(site, &path, &made).await {
        Ok(()) => progress("its front is made"),
        Err(fault) if is_there(&fault) => {
            let there: Value = site.api.get(&path).await.map_err(|fault| stopped(&fault, what))?;
            ours(&there, set, Some(stamp)).map_err(|why| refuse(what, format!("service {}: {why}", clean(front))))?;
            progress("its front is there already");
        }
        Err(fault) => return Err(stopped(&fault, what)),
    }
    Ok(())
}

/// All that plans made in front of the set.
pub async fn remove(site: &Site, set: &ServiceId, what: &str) -> Result<(), StepError> {
    let collection = format!("/api/v1/namespaces/{}/services", set.scope);
    let selector = encoded(&format!("{TRACK}={}", set.name));
    let list: Value =
        site.api.get(&format!("{collection}?labelSelector={selector}")).await.map_err(|fault| stopped(&fault, what))?;
    for service in list["items"].as_array().into_iter().flatten() {
        let name = service["metadata"]["name"].as_str().filter(|name| is_name(name));
        let Some(name) = name.filter(|_| service["metadata"]["annotations"][ASKED].is_string()) else { continue };
        delete(site, &format!("{collection}/{name}"), &service["metadata"]["uid"], "Background", what).await?;
    }
    Ok(())
}

/// Whether a Service with this selector sends to pods of this template, whatever a plan has pinned it to.
pub fn sends_to(selector: &Value, template: &Value) -> bool {
    let labels = &template["metadata"]["labels"];
    let own = selector.as_object().into_iter().flatten().filter(|(key, _)| !PINS.contains(&key.as_str()));
    let mut own = own.peekable();
    own.peek().is_some() && own.all(|(key, value)| labels.get(key) == Some(value))
}

/// Pure. `None` where nothing that sends to `main` (its name and its template) has ports.
fn definition(
    set: &str,
    front: &str,
    (name, template): (&str, &Value),
    services: &[Value],
    stamp: &Stamp,
) -> Option<Value> {
    let is_front = |service: &&Value| {
        sends_to(&service["spec"]["selector"], template)
            && service["metadata"]["labels"][TRACK].is_null()
            && service["spec"]["type"] != "ExternalName"
    };
    let mut found: Vec<&Value> = services.iter().filter(is_front).collect();
    // The one that is called like it is the one that people mean.
    found.sort_by_key(|service| (service["metadata"]["name"] != name, service["metadata"]["name"].to_string()));
    let model = found.first()?;
    let mut ports: Vec<Value> = Vec::new();
    for port in found.iter().flat_map(|service| service["spec"]["ports"].as_array().into_iter().flatten()) {
        let is_taken = |other: &Value| {
            (other["port"] == port["port"] && other["protocol"] == port["protocol"])
                || (port["name"].is_string() && other["name"] == port["name"])
        };
        if !ports.iter().any(is_taken) {
            ports.push(port.clone());
        }
    }
    let several = ports.len() > 1;
    for port in &mut ports {
        let nameless = port["name"].is_null();
        if let (true, true, Some(number)) = (several, nameless, port["port"].as_u64()) {
            port["name"] = json!(format!("port-{number}"));
        }
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
    let mut selector = model["spec"]["selector"].as_object().cloned().unwrap_or_default();
    selector.retain(|key, _| !PINS.contains(&key.as_str()));
    selector.insert(TRACK.into(), json!(set));
    (!ports.is_empty()).then(|| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": front, "labels": {TRACK: set}, "annotations": marks(stamp)},
            "spec": {"selector": selector, "ports": ports},
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, selector: Value, ports: Value) -> Value {
        json!({"metadata": {"name": name}, "spec": {"selector": selector, "ports": ports}})
    }

    #[test]
    fn a_front_has_every_port_by_which_the_service_is_reached_and_the_set_alone_behind_it() {
        let template = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        let services = [
            service(
                "metrics",
                json!({"app": "web"}),
                json!([{"port": 9090, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]),
            ),
            service("other", json!({"app": "api"}), json!([{"port": 1, "protocol": "TCP"}])),
            service("none", Value::Null, json!([{"port": 2, "protocol": "TCP"}])),
            service(
                "web",
                json!({"app": "web", "pod-template-hash": "7f"}),
                json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}]),
            ),
        ];
        let stamp = Stamp::default();
        let made = definition("web-canary", "web-canary", ("web", &template), &services, &stamp).expect("a front");
        assert_eq!(made["spec"]["selector"], json!({"app": "web", TRACK: "web-canary"}));
        let ports = json!([
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080},
            {"name": "port-9090", "port": 9090, "protocol": "TCP"},
        ]);
        assert_eq!(made["spec"]["ports"], ports);
        assert!(definition("s", "s", ("web", &template), &services[1..3], &stamp).is_none());
    }
}

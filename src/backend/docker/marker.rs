//! Containers that never run and only say something: what a lease and a pin are made of.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    api::{Api, encoded},
    fault::Fault,
};

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Marker<'a> {
    pub name: &'a str,
    pub labels: Value,
    /// Of the request, beside what every marker has.
    pub host: Value,
}

/// A conflict where one of that name is there already: the engine gives a name to one only.
pub async fn create(api: &Api, image: &Value, marker: Marker<'_>) -> Result<(), Fault> {
    let mut host = json!({"NetworkMode": "none"});
    // An image that wants volumes would be given new ones.
    let volumes = image["Config"]["Volumes"].as_object().into_iter().flatten();
    let mounts: Vec<Value> = volumes.map(|(target, _)| json!({"Type": "tmpfs", "Target": target})).collect();
    host["Mounts"] = mounts.into();
    for (key, value) in marker.host.as_object().into_iter().flatten() {
        match (&mut host[key], value) {
            (Value::Array(known), Value::Array(more)) => known.extend(more.iter().cloned()),
            (known, value) => *known = value.clone(),
        }
    }
    let body = json!({
        "Image": super::image::id_of(image), "Entrypoint": ["midwatch"], "Cmd": [],
        "Labels": alone(marker.labels, image),
        "Healthcheck": {"Test": ["NONE"]}, "HostConfig": host,
    });
    api.post(&format!("/containers/create?name={}", encoded(marker.name)), &body, PATIENCE).await.map(drop)
}

/// These labels and none of the image's, which a container of it would have too: it would go with whatever is removed by them, by a
/// prune or with a stack.
pub fn alone(mut labels: Value, image: &Value) -> Value {
    for name in image["Config"]["Labels"].as_object().into_iter().flat_map(serde_json::Map::keys) {
        labels[name] = labels[name].as_str().unwrap_or_default().into();
    }
    labels
}

/// By its id, so that it is this one and no later one of its name. Done when it was gone before.
pub async fn remove(api: &Api, id: &str) -> Result<(), Fault> {
    match api.delete(&format!("/containers/{id}?v=1"), PATIENCE).await {
        Ok(()) => Ok(()),
        Err(fault) if fault.is_not_found() => Ok(()),
        // Another is at it.
        Err(fault) if fault.is_conflict() => Ok(()),
        Err(fault) => Err(fault),
    }
}

//! What a container is made of: the body of a create request, from all that the engine says of one that is there. What came from the
//! image's own configuration is left out, so that another image's own applies; what is one container's alone is left out too. Unknown
//! fields are carried over as they are. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::marks;
use crate::backend::mask;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blueprint {
    /// Of the request, but for image and networks.
    pub body: Map<String, Value>,
    /// What it says of each network, by the network's name; its aliases are those by which others find the service.
    pub networks: BTreeMap<String, Map<String, Value>>,
}

/// Of an endpoint, what a person said; the rest is what the engine made of it.
const OF_ENDPOINT: [&str; 5] = ["Aliases", "Links", "DriverOpts", "GwPriority", ADDRESS];
/// What no two containers can have at once: an endpoint's fixed address, a container's own MAC address.
const ADDRESS: &str = "IPAMConfig";
const MAC: &str = "MacAddress";

impl Blueprint {
    /// `image`: what the engine says of the image that it was made of, null where that is gone.
    pub fn of(inspected: &Value, image: &Value) -> Self {
        let mut body = inspected["Config"].as_object().cloned().unwrap_or_default();
        let mut host = inspected["HostConfig"].as_object().cloned().unwrap_or_default();
        body.remove("Image");
        if body.get(MAC).is_some_and(is_nothing) {
            body.remove(MAC);
        }
        let mode = text(&host, "NetworkMode").to_owned();
        let is_given = body.get("Hostname").and_then(Value::as_str) == Some(short_id(inspected));
        if is_given || mode.starts_with("container:") || text(&host, "UTSMode") == "host" {
            body.remove("Hostname");
        }
        if mode.starts_with("container:") {
            body.remove("Domainname");
        }
        without_defaults(&mut body, &image["Config"]);
        if let Some(labels) = body.get_mut("Labels").and_then(Value::as_object_mut) {
            labels.retain(|name, _| !marks::is_ours(name));
        }
        host.remove("ContainerIDFile");
        if let Some(binds) = host.get_mut("Binds").and_then(Value::as_array_mut) {
            binds.retain(|bind| bind.as_str().is_none_or(|bind| !is_anonymous(source(bind))));
        }
        for mount in list_mut(&mut host, "Mounts").filter_map(Value::as_object_mut) {
            if mount.get("Source").and_then(Value::as_str).is_some_and(is_anonymous) {
                mount.remove("Source");
            }
        }
        for link in list_mut(&mut host, "Links") {
            // Answered as `/db:/web/database`, asked for as `db:database`.
            if let Some((target, alias)) = link.as_str().and_then(|link| link.split_once(':')) {
                let alias = alias.rsplit('/').next().unwrap_or_default();
                *link = format!("{}:{alias}", target.trim_start_matches('/')).into();
            }
        }
        let networks = networks(inspected, &mode);
        // By its name; another one where it was taken off the network that it was made on.
        if let Some(name) = primary(&networks, &mode, inspected).or_else(|| networks.keys().next().cloned()) {
            host.insert("NetworkMode".into(), name.into());
        }
        body.insert("HostConfig".into(), host.into());
        Self { body, networks }
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.body.get("Labels")?.get(name)?.as_str()
    }

    pub fn put_label(&mut self, name: &str, value: impl Into<String>) {
        let labels = self.body.entry("Labels").or_insert_with(|| json!({}));
        if !labels.is_object() {
            *labels = json!({});
        }
        labels[name] = value.into().into();
    }

    pub fn host(&self, key: &str) -> &Value {
        self.body.get("HostConfig").map_or(&Value::Null, |host| &host[key])
    }

    /// `None` takes a variable away, also one that the image brings.
    pub fn put_env(&mut self, name: &str, value: Option<&str>, image: &Value) {
        let env = self.body.entry("Env").or_insert_with(|| json!([]));
        if !env.is_array() {
            *env = json!([]);
        }
        let Some(env) = env.as_array_mut() else { return };
        env.retain(|entry| entry.as_str().is_none_or(|entry| variable(entry) != name));
        match value {
            Some(value) => env.push(format!("{name}={value}").into()),
            // A name without a value is how an engine is told to leave it out.
            None if strings(&image["Config"]["Env"]).any(|entry| variable(entry) == name) => env.push(name.into()),
            None => {}
        }
    }

    /// Masks what looks like a secret: what is made of it may be read by anybody on the host. The variables of which that is so.
    pub fn withhold(&mut self) -> Vec<String> {
        let mut withheld = Vec::new();
        for entry in self.body.get_mut("Env").and_then(Value::as_array_mut).into_iter().flatten() {
            let Some((name, value)) = entry.as_str().and_then(|entry| entry.split_once('=')) else { continue };
            let masked = mask::named(name, value);
            if masked != value {
                withheld.push(name.to_owned());
                *entry = format!("{name}={masked}").into();
            }
        }
        withheld
    }

    /// Takes what was withheld from an environment that has it. `Err`: the variable that this one lacks.
    pub fn fill_in(&mut self, withheld: &[String], env: &Value) -> Result<(), String> {
        for entry in self.body.get_mut("Env").and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(name) = entry.as_str().map(variable).filter(|name| withheld.iter().any(|held| held == name))
            else {
                continue;
            };
            let known = strings(env).find(|theirs| theirs.contains('=') && variable(theirs) == name);
            *entry = known.ok_or_else(|| name.to_owned())?.into();
        }
        Ok(())
    }

    /// The data that is in volumes without a name goes to the one that is made in its place.
    pub fn keep_volumes_of(&mut self, inspected: &Value) {
        let Some(host) = self.body.get_mut("HostConfig").and_then(Value::as_object_mut) else { return };
        for mount in inspected["Mounts"].as_array().into_iter().flatten() {
            let (name, target) = (mount["Name"].as_str().unwrap_or_default(), mount["Destination"].as_str());
            let Some(target) = target.filter(|_| mount["Type"] == "volume" && is_anonymous(name)) else { continue };
            if let Some(asked) = list_mut(host, "Mounts").find(|asked| asked["Target"] == target) {
                asked["Source"] = name.into();
                continue;
            }
            let mode = if mount["RW"] == false { ":ro" } else { "" };
            let binds = host.entry("Binds").or_insert_with(|| json!([]));
            if !binds.is_array() {
                *binds = json!([]);
            }
            if let Some(binds) = binds.as_array_mut()
                && !binds.iter().any(|bind| bind.as_str().is_some_and(|bind| destination(bind) == target))
            {
                binds.push(format!("{name}:{target}{mode}").into());
            }
        }
    }

    /// Another one has its addresses, and keeps them.
    pub fn without_addresses(&mut self) {
        self.body.remove(MAC);
        self.networks.values_mut().for_each(|endpoint| drop(endpoint.remove(ADDRESS)));
    }

    /// Its number among its like, its fixed addresses, and the ports of the host that it has: of several that are made alike, each has
    /// its own.
    pub fn keep_place_of(&mut self, other: &Self) {
        self.without_addresses();
        if let Some(mac) = other.body.get(MAC) {
            self.body.insert(MAC.into(), mac.clone());
        }
        for (network, endpoint) in &mut self.networks {
            if let Some(address) = other.networks.get(network).and_then(|theirs| theirs.get(ADDRESS)) {
                endpoint.insert(ADDRESS.into(), address.clone());
            }
        }
        if let Some(number) = other.label(marks::NUMBER) {
            self.put_label(marks::NUMBER, number);
        }
        let theirs = other.host("PortBindings").as_object().cloned().unwrap_or_default();
        let ours = self.body.get_mut("HostConfig").and_then(|host| host.get_mut("PortBindings"));
        for (port, bindings) in ours.and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(theirs) = theirs.get(port) {
                *bindings = theirs.clone();
            }
        }
    }

    /// The request. It names one network only: engines before API 1.44 take no more, and the others are joined afterwards everywhere.
    pub fn request(&self, image: &str) -> Value {
        let mut body = self.body.clone();
        body.insert("Image".into(), image.into());
        let mode = self.host("NetworkMode").as_str().unwrap_or_default();
        if let Some(endpoint) = self.networks.get(mode) {
            body.insert("NetworkingConfig".into(), json!({"EndpointsConfig": {mode: unnamed(endpoint)}}));
        }
        body.into()
    }

    /// But for image, and for what is one container's alone.
    pub fn is_like(&self, other: &Self) -> bool {
        // A plan takes the policy of what it stops away, until that is removed or started again.
        let is_stopped = [self, other].iter().any(|one| one.host("RestartPolicy")["Name"] == "no");
        let essence = |blueprint: &Self| {
            let mut blueprint = blueprint.clone();
            blueprint.without_addresses();
            blueprint.withhold();
            let Self { mut body, networks } = blueprint;
            if let Some(labels) = body.get_mut("Labels").and_then(Value::as_object_mut) {
                labels.retain(|name, _| !marks::is_of_one(name));
            }
            if let Some(host) = body.get_mut("HostConfig").and_then(Value::as_object_mut) {
                // Which port of the host each of several has.
                host.remove("PortBindings");
                if is_stopped {
                    host.remove("RestartPolicy");
                }
                host.retain(|_, value| !is_nothing(value));
            }
            body.retain(|_, value| !is_nothing(value));
            (body, networks)
        };
        essence(self) == essence(other)
    }
}

/// Its own endpoint, without the names under which others find the service.
pub fn unnamed(endpoint: &Map<String, Value>) -> Value {
    let mut endpoint = endpoint.clone();
    endpoint.remove("Aliases");
    endpoint.into()
}

/// The names under which others find it on a network: without that which the engine makes of its id, and without its own.
pub fn aliases(inspected: &Value, endpoint: &Value) -> Vec<String> {
    let own = [short_id(inspected), super::find::name_of(inspected)];
    strings(&endpoint["Aliases"]).filter(|alias| !own.contains(alias)).map(str::to_owned).collect()
}

/// `shop-web-1-r7` -> `shop-web-1`: what a plan calls it only until the old one of that name is gone.
pub fn lasting(inspected: &Value) -> &str {
    let name = super::find::name_of(inspected);
    let release = super::find::label(inspected, marks::RELEASE);
    release.and_then(|release| name.strip_suffix(release)?.strip_suffix("-r")).unwrap_or(name)
}

/// What two containers cannot have at once, in words.
pub fn fixed(inspected: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for (network, endpoint) in inspected["NetworkSettings"]["Networks"].as_object().into_iter().flatten() {
        let fixed = endpoint["IPAMConfig"].as_object().into_iter().flatten();
        let fixed: Vec<&str> =
            fixed.filter_map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()).collect();
        if !fixed.is_empty() {
            said.push(format!("its fixed address {} in {network}", fixed.join(", ")));
        }
    }
    if inspected["Config"]["MacAddress"].as_str().is_some_and(|mac| !mac.is_empty()) {
        said.push("its fixed MAC address".into());
    }
    said
}

/// A volume that nobody gave a name to has 64 hexadecimal digits for one.
pub fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn networks(inspected: &Value, mode: &str) -> BTreeMap<String, Map<String, Value>> {
    if matches!(mode, "host" | "none") || mode.starts_with("container:") {
        return BTreeMap::new();
    }
    let endpoint = |(name, said): (&String, &Value)| {
        let mut kept: Map<String, Value> = OF_ENDPOINT
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), said.get(key).filter(|value| !is_nothing(value))?.clone())))
            .collect();
        // By the name that it will have it is found anyway.
        let aliases: Vec<String> =
            aliases(inspected, said).into_iter().filter(|alias| alias != lasting(inspected)).collect();
        if aliases.is_empty() {
            kept.remove("Aliases")
        } else {
            kept.insert("Aliases".into(), aliases.into())
        };
        (name.clone(), kept)
    };
    inspected["NetworkSettings"]["Networks"].as_object().into_iter().flatten().map(endpoint).collect()
}

/// Which of its networks it was made on, by name: `HostConfig.NetworkMode` may also be an id, or "default".
fn primary(networks: &BTreeMap<String, Map<String, Value>>, mode: &str, inspected: &Value) -> Option<String> {
    let said = &inspected["NetworkSettings"]["Networks"];
    let is_it = |name: &&String| match mode {
        "default" | "" => *name == "bridge",
        mode => *name == mode || said[name.as_str()]["NetworkID"].as_str().is_some_and(|id| id.starts_with(mode)),
    };
    networks.keys().find(is_it).cloned()
}

/// The engine puts an image's own configuration into a container's where a person said nothing (`merge` in moby's `daemon/commit.go`).
fn without_defaults(body: &mut Map<String, Value>, image: &Value) {
    if image.is_null() {
        return;
    }
    command(body, image);
    for key in ["WorkingDir", "User", "StopSignal", "OnBuild", "Shell"] {
        if body.get(key) == image.get(key) {
            body.remove(key);
        }
    }
    if let Some(env) = body.get_mut("Env").and_then(Value::as_array_mut) {
        env.retain(|entry| !image["Env"].as_array().is_some_and(|theirs| theirs.contains(entry)));
    }
    if let Some(check) = body.get_mut("Healthcheck").and_then(Value::as_object_mut) {
        check.retain(|key, value| image["Healthcheck"].get(key) != Some(value));
    }
    for key in ["Labels", "ExposedPorts", "Volumes"] {
        if let Some(own) = body.get_mut(key).and_then(Value::as_object_mut) {
            own.retain(|name, value| image[key].get(name) != Some(value));
        }
    }
    if body.get("Healthcheck").is_some_and(is_nothing) {
        body.remove("Healthcheck");
    }
}

/// An image's command counts only where a person gave neither a command nor an entrypoint.
fn command(body: &mut Map<String, Value>, image: &Value) {
    let same = |key: &str| match (body.get(key), image.get(key)) {
        (ours, theirs) if ours.is_none_or(is_nothing) => theirs.is_none_or(is_nothing),
        (ours, theirs) => ours == theirs,
    };
    let is_cut = body.get("Cmd").is_none_or(is_nothing) && !image["Cmd"].as_array().is_none_or(Vec::is_empty);
    match (same("Entrypoint"), same("Cmd")) {
        (true, true) => {
            body.remove("Cmd");
            body.remove("Entrypoint");
        }
        // It has no command though the image has one: somebody gave this very entrypoint.
        (true, false) if is_cut => {}
        (true, false) => drop(body.remove("Entrypoint")),
        (false, _) if body.get("Entrypoint").is_none_or(is_nothing) => {
            // `--entrypoint ""`: what an engine is told so that there is none.
            body.insert("Entrypoint".into(), json!([""]));
        }
        (false, _) => {}
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn list_mut<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Value> {
    map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn short_id(inspected: &Value) -> &str {
    inspected["Id"].as_str().and_then(|id| id.get(..12)).unwrap_or("?")
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

pub fn variable(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

/// `data:/var/lib:ro` -> `data`
fn source(bind: &str) -> &str {
    bind.split(':').next().unwrap_or_default()
}

fn destination(bind: &str) -> &str {
    bind.split(':').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests;

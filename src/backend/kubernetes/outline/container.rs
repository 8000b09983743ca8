//! The part of an outline that is about one container.

use serde_json::Value;

use super::template::{Pairs, list, plain, text, told};
use crate::{
    backend::mask,
    domain::{Image, units},
};

/// Where the server mounts the token that it gives to every pod.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// `role`: what stands before its name ("init:").
pub fn put(pairs: &mut Pairs, role: &str, container: &Value) {
    let whose = format!("{role}{}", text(&container["name"]));
    let image = text(&container["image"]);
    pairs.put(format!("{whose} image"), image);
    for key in ["command", "args"] {
        let words: Vec<String> = list(&container[key]).iter().map(plain).collect();
        if !words.is_empty() {
            pairs.put(format!("{whose} {key}"), told(&words.join(" "), &mask::arguments(&words).join(" ")));
        }
    }
    environment(pairs, &whose, container);
    for (kind, path) in [("requests", "request"), ("limits", "limit")] {
        for (name, amount) in container["resources"][kind].as_object().into_iter().flatten() {
            pairs.put(format!("{whose} {path} {name}"), amount_of(name, &plain(amount)));
        }
    }
    for (key, path) in [("livenessProbe", "liveness"), ("readinessProbe", "readiness"), ("startupProbe", "startup")] {
        if container[key].is_object() {
            pairs.put(format!("{whose} {path}"), probe(&container[key]));
        }
    }
    for mount in list(&container["volumeMounts"]).iter().filter(|mount| text(&mount["mountPath"]) != TOKEN) {
        pairs.put(format!("{whose} mount {}", text(&mount["mountPath"])), mounted(mount));
    }
    for device in list(&container["volumeDevices"]) {
        pairs
            .put(format!("{whose} mount {}", text(&device["devicePath"])), format!("device {}", text(&device["name"])));
    }
    for port in list(&container["ports"]) {
        listen(pairs, &whose, port);
    }
    for (key, path) in [("postStart", "after-start"), ("preStop", "before-stop")] {
        if container["lifecycle"][key].is_object() {
            pairs.put(format!("{whose} {path}"), handler(&container["lifecycle"][key]));
        }
    }
    for (key, path) in [("workingDir", "directory"), ("restartPolicy", "restart-policy"), ("tty", "tty")] {
        let value = plain(&container[key]);
        if !value.is_empty() && value != "false" {
            pairs.put(format!("{whose} {path}"), value);
        }
    }
    let policy = text(&container["imagePullPolicy"]);
    if !policy.is_empty() && policy != usual_policy(image) {
        pairs.put(format!("{whose} pull-policy"), policy);
    }
    pairs.put_leaves(&format!("{whose} security "), &container["securityContext"]);
}

fn environment(pairs: &mut Pairs, whose: &str, container: &Value) {
    let mut entries: Vec<&Value> = list(&container["env"]).iter().collect();
    // Of two of one name the last one counts.
    entries.reverse();
    let mut seen = Vec::new();
    for entry in entries {
        let name = text(&entry["name"]);
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let path = format!("{whose} env {name}");
        match entry.get("valueFrom").filter(|from| from.is_object()) {
            Some(from) => pairs.put(path, reference(from)),
            None => pairs.put_named(path, name, &plain(&entry["value"])),
        }
    }
    for from in list(&container["envFrom"]) {
        let prefix = text(&from["prefix"]);
        let with = if prefix.is_empty() { String::new() } else { format!(", each with {prefix} before it") };
        for (key, kind) in [("configMapRef", "configmap"), ("secretRef", "secret")] {
            if let Some(name) = from[key]["name"].as_str() {
                let optional = if from[key]["optional"] == Value::Bool(true) { ", optional" } else { "" };
                pairs.put(format!("{whose} env-from {kind} {name}"), format!("all of its keys{with}{optional}"));
            }
        }
    }
}

/// `from secret web key password`
fn reference(from: &Value) -> String {
    for (key, kind) in [("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")] {
        if let Some(found) = from.get(key) {
            let optional = if found["optional"] == Value::Bool(true) { ", optional" } else { "" };
            return format!("from {kind} {} key {}{optional}", text(&found["name"]), text(&found["key"]));
        }
    }
    if let Some(field) = from["fieldRef"]["fieldPath"].as_str() {
        return format!("from field {field}");
    }
    match from["resourceFieldRef"]["resource"].as_str() {
        Some(resource) => format!("from resource {resource}"),
        None => "from elsewhere".into(),
    }
}

/// `http GET :8080/healthz, every 10s, waits 1s, fails after 3`
fn probe(probe: &Value) -> String {
    let number = |key: &str, usual: u64| probe[key].as_u64().filter(|&number| number > 0).unwrap_or(usual);
    let mut said = format!(
        "{}, every {}s, waits {}s, fails after {}",
        handler(probe),
        number("periodSeconds", 10),
        number("timeoutSeconds", 1),
        number("failureThreshold", 3)
    );
    match number("initialDelaySeconds", 0) {
        0 => {}
        delay => said.push_str(&format!(", begins after {delay}s")),
    }
    match number("successThreshold", 1) {
        1 => {}
        times => said.push_str(&format!(", good after {times}")),
    }
    said
}

/// What a probe or a hook does.
fn handler(handler: &Value) -> String {
    if let Some(http) = handler.get("httpGet").filter(|http| http.is_object()) {
        let scheme = match text(&http["scheme"]) {
            "HTTPS" => "https",
            _ => "http",
        };
        let headers: Vec<_> = list(&http["httpHeaders"])
            .iter()
            .map(|header| (text(&header["name"]), text(&header["value"])))
            .map(|(name, value)| format!(" {name}: {}", told(value, &mask::named(name, value))))
            .collect();
        let path = text(&http["path"]);
        let path = if path.is_empty() { "/" } else { path };
        let path = told(path, &mask::text(path));
        return format!("{scheme} GET {}:{}{path}{}", text(&http["host"]), plain(&http["port"]), headers.concat());
    }
    if let Some(tcp) = handler.get("tcpSocket").filter(|tcp| tcp.is_object()) {
        return format!("tcp {}:{}", text(&tcp["host"]), plain(&tcp["port"]));
    }
    if let Some(grpc) = handler.get("grpc").filter(|grpc| grpc.is_object()) {
        return format!("grpc :{} {}", plain(&grpc["port"]), text(&grpc["service"])).trim_end().to_owned();
    }
    if let Some(sleep) = handler.get("sleep").filter(|sleep| sleep.is_object()) {
        return format!("sleep {}s", plain(&sleep["seconds"]));
    }
    let words: Vec<String> = list(&handler["exec"]["command"]).iter().map(plain).collect();
    format!("run {}", told(&words.join(" "), &mask::arguments(&words).join(" ")))
}

fn mounted(mount: &Value) -> String {
    let mut said = text(&mount["name"]).to_owned();
    for key in ["subPath", "subPathExpr"] {
        if let Some(path) = mount[key].as_str().filter(|path| !path.is_empty()) {
            said.push_str(&format!(" at {path}"));
        }
    }
    if mount["readOnly"] == Value::Bool(true) {
        said.push_str(", read-only");
    }
    said
}

fn listen(pairs: &mut Pairs, whose: &str, port: &Value) {
    let protocol = match text(&port["protocol"]) {
        "" | "TCP" => String::new(),
        other => format!("/{}", other.to_lowercase()),
    };
    let mut said = text(&port["name"]).to_owned();
    if let Some(host) = port["hostPort"].as_u64() {
        said = format!("{said} on host port {host}").trim_start().to_owned();
    }
    pairs.put(
        format!("{whose} port {}{protocol}", plain(&port["containerPort"])),
        if said.is_empty() { "open" } else { &said },
    );
}

/// As the server writes it: `0.5` of a core is `500m`, `1000m` is `1`.
fn amount_of(resource: &str, amount: &str) -> String {
    match units::parse_cpu(amount) {
        Ok(milli) if resource == "cpu" && milli % 1000 == 0 => (milli / 1000).to_string(),
        Ok(milli) if resource == "cpu" => format!("{milli}m"),
        Ok(_) | Err(_) => amount.to_owned(),
    }
}

/// What the server fills in.
fn usual_policy(image: &str) -> &'static str {
    let image = Image { reference: image.into(), ..Image::default() };
    match image.tag() {
        None | Some("latest") if !image.reference.contains('@') => "Always",
        None | Some(_) => "IfNotPresent",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(container: Value, path: &str) -> String {
        let mut pairs = Pairs::default();
        put(&mut pairs, "", &container);
        let all = pairs.outline();
        all.get(path).unwrap_or_else(|| panic!("no {path} in {all:?}")).to_string()
    }

    fn env(entries: Value, name: &str) -> String {
        one(json!({"name": "web", "env": entries}), &format!("web env {name}"))
    }

    #[test]
    fn a_value_of_the_environment_is_told_or_where_it_comes_from() {
        assert_eq!(env(json!([{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]), "MODE"), "b");
        assert_eq!(env(json!([{"name": "EMPTY"}]), "EMPTY"), "");
        let from = |kind: &str, inner: Value| env(json!([{"name": "X", "valueFrom": {kind: inner}}]), "X");
        assert_eq!(from("secretKeyRef", json!({"name": "db", "key": "password"})), "from secret db key password");
        let optional = json!({"name": "app", "key": "mode", "optional": true});
        assert_eq!(from("configMapKeyRef", optional), "from configmap app key mode, optional");
        assert_eq!(from("fieldRef", json!({"fieldPath": "status.podIP"})), "from field status.podIP");
        assert_eq!(from("resourceFieldRef", json!({"resource": "limits.cpu"})), "from resource limits.cpu");
    }

    #[test]
    fn a_secret_is_not_told_but_that_it_is_another_one_is() {
        let password = |value: &str| env(json!([{"name": "DB_PASSWORD", "value": value}]), "DB_PASSWORD");
        assert!(password("first").starts_with(mask::MASK) && !password("first").contains("first"));
        assert_eq!(password("first"), password("first"));
        assert_ne!(password("first"), password("second"));
        let args = one(json!({"name": "web", "args": ["--token", "abc", "--fast"]}), "web args");
        assert!(!args.contains("abc") && args.contains("--fast"), "{args}");
        let header =
            json!({"httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": "Basic Zm9v"}]}});
        let probe = one(json!({"name": "web", "livenessProbe": header}), "web liveness");
        assert!(probe.contains("Authorization") && !probe.contains("Zm9v"), "{probe}");
    }

    #[test]
    fn a_probe_reads_alike_with_and_without_what_the_server_fills_in() {
        let written = json!({"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 5});
        let filled = json!({"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "initialDelaySeconds": 5,
            "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
        let told = |probe: Value| one(json!({"name": "web", "readinessProbe": probe}), "web readiness");
        assert_eq!(
            told(written.clone()),
            "http GET :http/healthz, every 10s, waits 1s, fails after 3, begins after 5s"
        );
        assert_eq!(told(written), told(filled));
        assert!(told(json!({"exec": {"command": ["cat", "/ready"]}})).starts_with("run cat /ready, every"));
        assert!(told(json!({"tcpSocket": {"port": 5432}})).starts_with("tcp :5432, every"));
    }

    #[test]
    fn resources_ports_and_mounts_are_told_by_their_own_names() {
        let web = json!({"name": "web", "image": "shop/web:v2",
            "resources": {"requests": {"cpu": 0.5, "memory": "64Mi"}, "limits": {"cpu": "2000m"}},
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
            "volumeMounts": [{"name": "config", "mountPath": "/etc/web", "readOnly": true, "subPath": "web"}],
            "securityContext": {"runAsUser": 10, "capabilities": {"drop": ["ALL"]}}, "imagePullPolicy": "IfNotPresent"});
        let mut pairs = Pairs::default();
        put(&mut pairs, "init:", &web);
        let told = pairs.outline();
        let expected = [
            ("init:web image", "shop/web:v2"),
            ("init:web limit cpu", "2"),
            ("init:web mount /etc/web", "config at web, read-only"),
            ("init:web port 53/udp", "open"),
            ("init:web port 8080", "http"),
            ("init:web request cpu", "500m"),
            ("init:web request memory", "64Mi"),
            ("init:web security capabilities.drop", "ALL"),
            ("init:web security runAsUser", "10"),
        ];
        let told: Vec<_> = told.0.iter().map(|(path, value)| (&**path, &**value)).collect();
        assert_eq!(told, expected);
    }
}

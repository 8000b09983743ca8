//! What a release is made of, for a person to compare: from a blueprint to an outline. Pure.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    blueprint::{Blueprint, is_anonymous, strings, variable},
    marks,
};
use crate::{
    backend::{
        mask,
        pairs::{Pairs, list, plain, text, told},
    },
    domain::{Outline, units},
};

/// What Compose writes on a container for itself: it differs wherever anything does.
const OF_COMPOSE: &str = "com.docker.compose.";
/// Of the container's own configuration and of its host's: the key, its path, and the usual, which goes without saying.
const PLAIN: [(&str, &str, &str); 10] = [
    ("Hostname", "hostname", ""),
    ("Domainname", "domain", ""),
    ("User", "user", ""),
    ("WorkingDir", "directory", ""),
    ("StopSignal", "stop-signal", ""),
    ("StopTimeout", "grace-seconds", ""),
    ("Tty", "tty", "false"),
    ("OpenStdin", "stdin", "false"),
    ("NetworkDisabled", "no-network", "false"),
    ("Shell", "shell", ""),
];
const OF_HOST: [(&str, &str, &str); 21] = [
    ("Privileged", "privileged", "false"),
    ("ReadonlyRootfs", "read-only", "false"),
    ("CapAdd", "capabilities added", ""),
    ("CapDrop", "capabilities dropped", ""),
    ("SecurityOpt", "security", ""),
    ("GroupAdd", "groups", ""),
    ("PidMode", "pid-mode", ""),
    ("IpcMode", "ipc-mode", "private"),
    ("UTSMode", "uts-mode", ""),
    ("UsernsMode", "user-namespace", ""),
    ("Runtime", "runtime", "runc"),
    ("CgroupParent", "cgroup-parent", ""),
    ("Init", "init", "false"),
    ("OomScoreAdj", "oom-score", "0"),
    ("OomKillDisable", "oom-kill-disabled", "false"),
    ("ShmSize", "shared-memory", "67108864"),
    ("Dns", "dns", ""),
    ("ExtraHosts", "extra-hosts", ""),
    ("VolumesFrom", "volumes-from", ""),
    ("AutoRemove", "removed-when-stopped", "false"),
    ("PublishAllPorts", "publishes-all-ports", "false"),
];

/// `whose`: the service's name, with which each path begins.
pub fn outline(whose: &str, image: &str, blueprint: &Blueprint) -> Arc<Outline> {
    let mut pairs = Pairs::default();
    let of = |key: &str| blueprint.body.get(key).unwrap_or(&Value::Null);
    pairs.put(format!("{whose} image"), image);
    for (key, path) in [("Entrypoint", "command"), ("Cmd", "args")] {
        let words: Vec<String> = strings(of(key)).map(str::to_owned).collect();
        if !words.is_empty() {
            pairs.put(format!("{whose} {path}"), told(&words.join(" "), &mask::arguments(&words).join(" ")));
        }
    }
    for entry in strings(of("Env")) {
        let name = variable(entry);
        match entry.split_once('=') {
            Some((_, value)) => pairs.put_named(format!("{whose} env {name}"), name, value),
            None => pairs.put(format!("{whose} env {name}"), "taken away"),
        }
    }
    for (name, value) in crate::backend::pairs::strings(of("Labels")) {
        if !marks::is_ours(name) && !name.starts_with(OF_COMPOSE) {
            pairs.put_named(format!("{whose} label {name}"), name, value);
        }
    }
    if of("Healthcheck").is_object() {
        pairs.put(format!("{whose} readiness"), check(of("Healthcheck")));
    }
    limits(&mut pairs, whose, blueprint);
    mounts(&mut pairs, whose, blueprint);
    ports(&mut pairs, whose, blueprint);
    let host = blueprint.body.get("HostConfig").unwrap_or(&Value::Null);
    for (from, table) in [(&Value::from(blueprint.body.clone()), &PLAIN[..]), (host, &OF_HOST[..])] {
        for (key, path, usual) in table {
            let value = plain(&from[*key]);
            if !value.is_empty() && value != *usual {
                pairs.put(format!("{whose} {path}"), told(&value, &mask::text(&value)));
            }
        }
    }
    rest(&mut pairs, whose, host);
    for (network, endpoint) in &blueprint.networks {
        let aliases: Vec<&str> = endpoint.get("Aliases").into_iter().flat_map(strings).collect();
        pairs.put(format!("{whose} network {network}"), aliases.join(", "));
    }
    if blueprint.networks.is_empty() {
        pairs.put(format!("{whose} network-mode"), text(&host["NetworkMode"]));
    }
    Arc::new(pairs.outline())
}

fn limits(pairs: &mut Pairs, whose: &str, blueprint: &Blueprint) {
    let number = |key: &str| blueprint.host(key).as_u64().filter(|number| *number > 0);
    let cpu = number("NanoCpus").map(|nano| nano / 1_000_000).or_else(|| {
        let quota = number("CpuQuota")?;
        Some(quota * 1000 / number("CpuPeriod").unwrap_or(100_000))
    });
    let said = [
        ("limit cpu", cpu.map(units::cpu)),
        ("limit memory", number("Memory").map(units::bytes)),
        ("limit pids", number("PidsLimit").map(|number| number.to_string())),
        ("limit cpu-shares", number("CpuShares").map(|number| number.to_string())),
        ("request memory", number("MemoryReservation").map(units::bytes)),
        ("limit cpus", Some(text(blueprint.host("CpusetCpus")).to_owned()).filter(|cpus| !cpus.is_empty())),
    ];
    for (path, value) in said {
        if let Some(value) = value {
            pairs.put(format!("{whose} {path}"), value);
        }
    }
    for limit in list(blueprint.host("Ulimits")) {
        let value = format!("{}:{}", plain(&limit["Soft"]), plain(&limit["Hard"]));
        pairs.put(format!("{whose} limit {}", text(&limit["Name"])), value);
    }
}

fn mounts(pairs: &mut Pairs, whose: &str, blueprint: &Blueprint) {
    let mut put = |target: &str, value: &str| pairs.put(format!("{whose} mount {target}"), value);
    for bind in strings(blueprint.host("Binds")) {
        let mut parts = bind.splitn(3, ':');
        let (source, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let source = if is_anonymous(source) { "anonymous volume" } else { source };
        put(target, &parts.next().map_or_else(|| source.to_owned(), |mode| format!("{source} ({mode})")));
    }
    for mount in list(blueprint.host("Mounts")) {
        let read_only = if mount["ReadOnly"] == true { " (ro)" } else { "" };
        let source = match text(&mount["Source"]) {
            "" => "anonymous",
            source => source,
        };
        put(text(&mount["Target"]), &format!("{} {source}{read_only}", text(&mount["Type"])));
    }
    for (target, options) in crate::backend::pairs::strings(blueprint.host("Tmpfs")) {
        put(target, format!("tmpfs {options}").trim_end());
    }
    for (target, _) in blueprint.body.get("Volumes").and_then(Value::as_object).into_iter().flatten() {
        put(target, "anonymous volume");
    }
}

fn ports(pairs: &mut Pairs, whose: &str, blueprint: &Blueprint) {
    for (port, bindings) in blueprint.host("PortBindings").as_object().into_iter().flatten() {
        let at = |binding: &Value| match (text(&binding["HostIp"]), text(&binding["HostPort"])) {
            (_, "") => "any port of the host".to_owned(),
            ("", port) => format!("{port} of the host"),
            (address, port) => format!("{address}:{port}"),
        };
        let places: Vec<String> = list(bindings).iter().map(at).collect();
        pairs.put(format!("{whose} port {port}"), places.join(", "));
    }
}

fn rest(pairs: &mut Pairs, whose: &str, host: &Value) {
    let policy = &host["RestartPolicy"];
    if !matches!(text(&policy["Name"]), "" | "no") {
        let tries = policy["MaximumRetryCount"].as_u64().filter(|tries| *tries > 0);
        let tries = tries.map_or_else(String::new, |tries| format!(", {tries} times"));
        pairs.put(format!("{whose} restart-policy"), format!("{}{tries}", text(&policy["Name"])));
    }
    if !matches!(text(&host["LogConfig"]["Type"]), "" | "json-file") {
        pairs.put(format!("{whose} log-driver"), text(&host["LogConfig"]["Type"]));
    }
    pairs.put_leaves(&format!("{whose} log "), &host["LogConfig"]["Config"]);
    for device in list(&host["Devices"]) {
        pairs.put(format!("{whose} device {}", text(&device["PathInContainer"])), text(&device["PathOnHost"]));
    }
    pairs.put_leaves(&format!("{whose} sysctl "), &host["Sysctls"]);
    pairs.put_leaves(&format!("{whose} dns-option "), &host["DnsOptions"]);
}

/// `run curl -f localhost, every 10s, waits 1s, fails after 3`; what is left to the image goes without saying.
fn check(check: &Value) -> String {
    let words: Vec<String> = strings(&check["Test"]).map(str::to_owned).collect();
    let shown = mask::arguments(&words);
    let run = |shown: &[String]| match shown.split_first() {
        None => "as the image has it".to_owned(),
        Some((kind, _)) if kind == "NONE" => "none".to_owned(),
        Some((_, words)) => format!("run {}", words.join(" ")),
    };
    let mut said = told(&run(&words), &run(&shown));
    let seconds = |key: &str| {
        check[key].as_u64().filter(|nanos| *nanos > 0).map(|nanos| units::elapsed(Duration::from_nanos(nanos)))
    };
    for (key, word) in [("Interval", "every"), ("Timeout", "waits"), ("StartPeriod", "begins after")] {
        if let Some(time) = seconds(key) {
            said.push_str(&format!(", {word} {time}"));
        }
    }
    if let Some(times) = check["Retries"].as_u64().filter(|times| *times > 0) {
        said.push_str(&format!(", fails after {times}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_release_is_told_by_what_a_person_said_of_it_and_no_secret_is_in_it() {
        let inspected = json!({
            "Id": "0123456789abcdef", "Name": "/shop-web-1",
            "Config": {
                "Hostname": "0123456789ab", "Env": ["MODE=fast", "DB_PASSWORD=hunter2"], "Cmd": ["serve", "--token", "hunter2"],
                "Labels": {"team": "shop", "midwatch.slot": "1", "com.docker.compose.config-hash": "9f"},
                "Healthcheck": {"Test": ["CMD-SHELL", "curl localhost"], "Interval": 10_000_000_000_u64, "Retries": 3},
            },
            "HostConfig": {
                "NetworkMode": "shop_default", "Memory": 67_108_864, "Binds": ["data:/var/lib:ro"],
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}, "ShmSize": 67_108_864,
                "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
            },
            "NetworkSettings": {"Networks": {"shop_default": {"Aliases": ["web", "shop-web-1", "0123456789ab"]}}},
        });
        let outline = outline("web", "shop/web:v1", &Blueprint::of(&inspected, &Value::Null));
        let shown: Vec<String> = outline.0.iter().map(|(path, value)| format!("{path}: {value}")).collect();
        let text = shown.join("\n");
        assert!(!text.contains("hunter2"), "{text}");
        for expected in [
            "web image: shop/web:v1",
            "web env MODE: fast",
            "web label team: shop",
            "web readiness: run curl localhost, every 10",
            "web limit memory: 64Mi",
            "web limit nofile: 10:20",
            "web mount /var/lib: data (ro)",
            "web port 80/tcp: 8080 of the host",
            "web restart-policy: on-failure, 3 times",
            "web network shop_default: web",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        for hidden in ["hostname", "midwatch", "compose", "shared-memory"] {
            assert!(!text.contains(hidden), "{hidden} is in\n{text}");
        }
    }
}

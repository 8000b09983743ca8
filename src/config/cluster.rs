//! The clusters of the config file: how each is reached, and how carefully it is treated.

use std::{collections::BTreeSet, path::PathBuf};

use super::{paths::Paths, table::Table};
use crate::domain::{ClusterName, text::is_hostile};

/// One cluster that the config file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    pub name: ClusterName,
    pub reach: Reach,
    /// A dangerous action on it asks for the service's name to be typed.
    pub protected: bool,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host:22`
    Docker { endpoint: String, tls: Option<Tls> },
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub ca: Option<PathBuf>,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Reads every `[[clusters]]`. One that cannot be used is left out, with a complaint.
pub fn read(table: &mut Table<'_>, paths: &Paths) -> Vec<ClusterConfig> {
    let mut clusters = Vec::new();
    let mut names = BTreeSet::new();
    table.sections("clusters", |cluster| {
        let Some(read) = read_one(cluster, paths) else { return };
        if names.insert(read.name.clone()) {
            clusters.push(read);
        } else {
            let span = cluster.span_of("name").unwrap_or_else(|| cluster.span());
            cluster.complain(&span, &format!("a second cluster \"{}\"", read.name), Some("give each its own name"));
        }
    });
    clusters
}

fn read_one(table: &mut Table<'_>, paths: &Paths) -> Option<ClusterConfig> {
    let name = required(table, "name", "\"edge-01\"");
    let endpoint = required(table, "docker", "\"unix:///run/docker.sock\"");
    let mut tls = None;
    table.section("tls", |table| tls = read_tls(table, paths));
    let (mut protected, mut read_only) = (false, false);
    table.careful_bool("protected", &mut protected);
    table.careful_bool("read_only", &mut read_only);

    let name = valid(table, "name", name?, check_name)?;
    let endpoint = valid(table, "docker", endpoint?, check_endpoint)?;
    if let Some(span) = table.span_of("tls") {
        if !endpoint.starts_with("tcp://") {
            table.complain(&span, "tls is for tcp:// only", Some("remove it: ssh:// and unix:// are safe without"));
            tls = None;
        } else if tls.is_none() {
            // TLS was meant, so it must not be reached in the clear.
            return None;
        }
    }
    Some(ClusterConfig { name: ClusterName::new(name), reach: Reach::Docker { endpoint, tls }, protected, read_only })
}

fn read_tls(table: &mut Table<'_>, paths: &Paths) -> Option<Tls> {
    let ca = table.text("ca");
    let certificate = required(table, "certificate", "\"~/.docker/cert.pem\"");
    let key = required(table, "key", "\"~/.docker/key.pem\"");
    Some(Tls { ca: ca.map(|ca| paths.named(&ca)), certificate: paths.named(&certificate?), key: paths.named(&key?) })
}

fn required(table: &mut Table<'_>, key: &'static str, example: &str) -> Option<String> {
    let text = table.text(key);
    if table.span_of(key).is_none() {
        table.complain(&table.span(), &format!("{key} is missing"), Some(&format!("write {key} = {example}")));
    }
    text
}

fn valid(
    table: &Table<'_>,
    key: &str,
    text: String,
    check: impl FnOnce(&str) -> Result<(), (&'static str, &'static str)>,
) -> Option<String> {
    match check(&text) {
        Ok(()) => Some(text),
        Err((why, help)) => {
            let span = table.span_of(key).unwrap_or_else(|| table.span());
            table.complain(&span, &format!("{key}: {why}"), Some(help));
            None
        }
    }
}

fn check_name(name: &str) -> Result<(), (&'static str, &'static str)> {
    if name.trim() != name || name.is_empty() || name.contains(is_hostile) {
        return Err(("this cannot be a name", "write a short word, like \"edge-01\""));
    }
    if name.split('/').any(str::is_empty) {
        return Err(("a name with an empty part", "an address is cluster/scope/service: write something round each /"));
    }
    Ok(())
}

/// What is wrong never quotes the endpoint: it may hold a password.
fn check_endpoint(endpoint: &str) -> Result<(), (&'static str, &'static str)> {
    const FORMS: &str = "write unix:///run/docker.sock, tcp://host:2376 or ssh://user@host:22";
    if endpoint.contains(|c: char| is_hostile(c) || c.is_whitespace()) {
        return Err(("an endpoint holds no spaces and no control characters", FORMS));
    }
    match endpoint.split_once("://") {
        Some(("unix", path)) if path.len() > 1 && path.starts_with('/') => Ok(()),
        Some(("unix", _)) => Err(("the path of a socket begins with /", "write unix:///run/docker.sock")),
        Some(("tcp", rest)) => check_tcp(rest),
        Some(("ssh", rest)) => check_ssh(rest),
        Some(("http" | "https", _)) => {
            Err(("http:// is written tcp:// here", "write tcp://host:2376, with a [clusters.tls] for TLS"))
        }
        Some(_) => Err(("this way to an engine is not known", FORMS)),
        None => Err(("this is not an endpoint", FORMS)),
    }
}

fn check_tcp(rest: &str) -> Result<(), (&'static str, &'static str)> {
    const FORM: &str = "write tcp://host:2376 (2375 is the usual port without TLS)";
    if rest.contains('@') {
        return Err(("Docker has no users and passwords over tcp://", "use [clusters.tls], or ssh://"));
    }
    let (host, port) = split_port(rest);
    if !is_host(host) {
        return Err(("this is not a host", FORM));
    }
    match port {
        Some(port) if is_port(port) => Ok(()),
        Some(_) => Err(("this is not a port", FORM)),
        None => Err(("the port is missing", FORM)),
    }
}

fn check_ssh(rest: &str) -> Result<(), (&'static str, &'static str)> {
    const FORM: &str = "write ssh://user@host:22; the user and the port may be left to ~/.ssh/config";
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    if user.is_some_and(|user| user.contains(':')) {
        return Err(("a password does not belong in a file", "let ssh find the user's key or agent"));
    }
    // ssh would take a name that begins with a dash for an option, and some options run commands.
    if user.is_some_and(|user| user.is_empty() || user.starts_with('-') || user.contains('/')) {
        return Err(("this is not a user", FORM));
    }
    let (host, port) = split_port(place);
    if !is_host(host) {
        return Err(("this is not a host", FORM));
    }
    if port.is_some_and(|port| !is_port(port)) { Err(("this is not a port", FORM)) } else { Ok(()) }
}

/// `[::1]:22` is a host and a port, as `host:22` is.
fn split_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.split('%').next().is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty() && !host.starts_with('-') && host.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_an_engine_are_taken() {
        for good in [
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.7:2376",
            "tcp://[::1]:2376",
            "ssh://edge-01",
            "ssh://ops@edge_01.example.com:2222",
            "ssh://ops@corp.example@[fe80::1%eth0]:22",
        ] {
            assert_eq!(check_endpoint(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn anything_else_is_refused_without_quoting_it() {
        for bad in [
            "",
            "docker.sock",
            "/var/run/docker.sock",
            "unix://",
            "unix://docker.sock",
            "tcp://host",
            "tcp://host:0",
            "tcp://host:99999",
            "tcp://:2376",
            "tcp://ops:hunter2@host:2376",
            "tcp://host:2376/path",
            "https://host:2376",
            "ssh://",
            "ssh://ops:hunter2@host",
            "ssh://@host",
            "ssh://host/var/run/docker.sock",
            "npipe:////./pipe/docker_engine",
            "ssh://ho st",
        ] {
            let (why, help) = check_endpoint(bad).expect_err(bad);
            assert!(!why.contains("hunter2") && !help.contains("hunter2"), "{why} {help}");
        }
    }

    #[test]
    fn ssh_is_never_given_a_name_that_it_would_take_for_an_option() {
        for bad in ["ssh://-oProxyCommand=reboot", "ssh://-oProxyCommand=reboot@host", "ssh://ops@-host"] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }
}

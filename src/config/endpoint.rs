//! Where a Docker engine is reached, as a person writes it: what can be used, and what would help where it cannot.

use crate::domain::text::is_hostile;

/// What is wrong never quotes the endpoint: it may hold a password.
pub fn check(endpoint: &str) -> Result<(), (&'static str, &'static str)> {
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
            assert_eq!(check(good), Ok(()), "{good}");
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
            let (why, help) = check(bad).expect_err(bad);
            assert!(!why.contains("hunter2") && !help.contains("hunter2"), "{why} {help}");
        }
    }

    #[test]
    fn ssh_is_never_given_a_name_that_it_would_take_for_an_option() {
        for bad in ["ssh://-oProxyCommand=reboot", "ssh://-oProxyCommand=reboot@host", "ssh://ops@-host"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

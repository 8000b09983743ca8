//! Which Docker hosts there are to look at, and what was tried to find them: the screen for nobody found is made of it. Reads files and
//! looks at sockets; connects to nothing.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::context;
use crate::{
    config::{ClusterConfig, Reach, Tls},
    domain::{ClusterName, text::clean},
};

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// A Docker host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: ClusterName,
    pub endpoint: Endpoint,
    pub protected: bool,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    /// `host:port`
    Tcp {
        address: String,
        tls: Option<Tls>,
    },
    /// `[user@]host[:port]`, and the engine's socket there.
    Ssh {
        destination: String,
        socket: PathBuf,
    },
}

/// What was found, and what was looked at, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    pub hosts: Vec<Host>,
    pub tried: Vec<Tried>,
}

/// "DOCKER_HOST", "not set".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub what: Arc<str>,
    pub answer: Arc<str>,
}

impl Endpoint {
    /// `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host:22/run/docker.sock`; a bare path is a socket.
    pub fn parse(text: &str, tls: Option<Tls>) -> Result<Self, String> {
        let shown = clean(text);
        let wrong = |why: &str| Err(format!("'{shown}' {why}: write unix:///path, tcp://host:port or ssh://user@host"));
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return if text.starts_with('/') { Ok(Self::Unix(text.into())) } else { wrong("is not an endpoint") };
        };
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() || rest.starts_with('-') || rest.contains(char::is_whitespace) {
            return wrong("names no host");
        }
        match scheme {
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let port = if tls.is_some() || scheme == "https" { 2376 } else { 2375 };
                let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let address = if has_port { rest.to_owned() } else { format!("{rest}:{port}") };
                Ok(Self::Tcp { address, tls })
            }
            "ssh" => {
                let (destination, socket) = match rest.split_once('/') {
                    Some((destination, path)) => (destination, format!("/{path}")),
                    None => (rest, DEFAULT_SOCKET.to_owned()),
                };
                let host = destination.rsplit_once('@').map_or(destination, |(_, host)| host);
                if host.is_empty() || host.starts_with('-') || destination.starts_with('-') {
                    return wrong("names no host");
                }
                Ok(Self::Ssh { destination: destination.to_owned(), socket: socket.into() })
            }
            _ => wrong("has a scheme that is not known"),
        }
    }

    /// What a person calls it who gave it no name.
    fn short_name(&self) -> String {
        let host = |address: &str| address.rsplit_once(':').map_or(address, |(host, _)| host).to_owned();
        match self {
            // `docker.sock` is where an engine of this machine usually is; any other socket is told apart by its own name.
            Self::Unix(path) => match path.file_stem().and_then(|stem| stem.to_str()) {
                None | Some("docker") => "local".to_owned(),
                Some(stem) => stem.to_owned(),
            },
            Self::Tcp { address, .. } => host(address),
            Self::Ssh { destination, .. } => {
                host(destination.rsplit_once('@').map_or(destination, |(_, address)| address))
            }
        }
    }

    /// Two names of one socket are one endpoint.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(a), Self::Unix(b)) => {
                let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                real(a) == real(b)
            }
            (Self::Tcp { address: a, .. }, Self::Tcp { address: b, .. }) => a == b,
            (Self::Ssh { .. }, Self::Ssh { .. }) => self == other,
            _ => false,
        }
    }
}

/// Without credentials: only paths, hosts and user names.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp { address, .. } => format!("tcp://{address}"),
            Self::Ssh { destination, socket } if *socket == Path::new(DEFAULT_SOCKET) => format!("ssh://{destination}"),
            Self::Ssh { destination, socket } => format!("ssh://{destination}{}", socket.display()),
        };
        f.write_str(&clean(&text))
    }
}

/// Only what was named, by the config file or by `--host`.
pub fn configured(config: &[ClusterConfig]) -> Discovery {
    let mut found = Discovery::default();
    for cluster in config {
        found.configured(cluster);
    }
    found
}

/// `env` and `home` are given, so that tests need no environment of their own.
pub fn discover(config: &[ClusterConfig], env: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Discovery {
    let mut found = configured(config);
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let docker_config = env("DOCKER_CONFIG").map(PathBuf::from).or_else(|| home.map(|home| home.join(".docker")));
    match env("DOCKER_HOST") {
        None => found.note("DOCKER_HOST", "not set"),
        Some(text) => {
            let asks_for_tls = env("DOCKER_TLS_VERIFY").is_some() || env("DOCKER_TLS").is_some();
            let tls = asks_for_tls
                .then(|| env("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| docker_config.clone()))
                .flatten()
                .map(|directory| tls_in(&directory));
            let endpoint = Endpoint::parse(&text, tls);
            let is_usable = endpoint.is_ok();
            found.given("DOCKER_HOST", None, endpoint);
            // As for the docker CLI: who says which engine is meant means no other.
            if is_usable {
                found.note("docker context, usual sockets", "not looked for: DOCKER_HOST says which engine is meant");
                return found;
            }
        }
    }
    found.context(env("DOCKER_CONTEXT"), docker_config.as_deref());
    found.socket(Path::new(DEFAULT_SOCKET), "local");
    match env("XDG_RUNTIME_DIR") {
        Some(directory) => found.socket(&Path::new(&directory).join("docker.sock"), "rootless"),
        None => found.note("$XDG_RUNTIME_DIR/docker.sock", "XDG_RUNTIME_DIR is not set"),
    }
    if let Some(home) = home {
        found.socket(&home.join(".docker/run/docker.sock"), "desktop");
    }
    found
}

/// As the docker CLI names them.
pub(super) fn tls_in(directory: &Path) -> Tls {
    let ca = directory.join("ca.pem");
    Tls { ca: ca.exists().then_some(ca), certificate: directory.join("cert.pem"), key: directory.join("key.pem") }
}

impl Discovery {
    fn note(&mut self, what: impl Into<Arc<str>>, answer: impl Into<Arc<str>>) {
        self.tried.push(Tried { what: what.into(), answer: answer.into() });
    }

    fn configured(&mut self, cluster: &ClusterConfig) {
        let Reach::Docker { endpoint, tls } = &cluster.reach else { return };
        let what = format!("config: {}", cluster.name);
        match Endpoint::parse(endpoint, tls.clone()) {
            Err(complaint) => self.note(what, complaint),
            Ok(endpoint) => {
                self.note(what, format!("{endpoint}"));
                // Two clusters in the file that are one host are what its author wanted.
                let (protected, read_only) = (cluster.protected, cluster.read_only);
                self.hosts.push(Host { name: cluster.name.clone(), endpoint, protected, read_only });
            }
        }
    }

    fn given(&mut self, what: &str, name: Option<String>, endpoint: Result<Endpoint, String>) {
        match endpoint {
            Err(complaint) => self.note(what, complaint),
            Ok(endpoint) => match self.add(name, endpoint.clone()) {
                None => self.note(what, endpoint.to_string()),
                Some(known) => self.note(what, format!("{endpoint}, which is {known}")),
            },
        }
    }

    fn context(&mut self, chosen: Option<String>, docker_config: Option<&Path>) {
        let what = "docker context";
        let Some(directory) = docker_config else { return self.note(what, "no home directory") };
        match context::active(chosen, directory) {
            Ok(None) => self.note(what, "none is chosen"),
            Ok(Some((name, endpoint))) => self.given(&format!("{what} {}", clean(&name)), Some(name), endpoint),
            Err(complaint) => self.note(what, complaint),
        }
    }

    fn socket(&mut self, path: &Path, name: &str) {
        let what: Arc<str> = clean(&format!("unix://{}", path.display())).into();
        let answer = match std::fs::metadata(path) {
            Ok(_) => match self.add(Some(name.to_owned()), Endpoint::Unix(path.to_owned())) {
                None => "found".to_owned(),
                Some(known) => format!("found, which is {known}"),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            Err(error) => error.to_string(),
        };
        self.note(what, answer);
    }

    /// Gives the name under which it is known already.
    fn add(&mut self, name: Option<String>, endpoint: Endpoint) -> Option<ClusterName> {
        if let Some(known) = self.hosts.iter().find(|host| host.endpoint.is_same(&endpoint)) {
            return Some(known.name.clone());
        }
        let wanted = clean(&name.unwrap_or_else(|| endpoint.short_name())).into_owned();
        let is_taken = |name: &str| self.hosts.iter().any(|host| host.name.as_str() == name);
        let mut name = wanted.clone();
        let mut number = 2;
        while is_taken(&name) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        self.hosts.push(Host { name: ClusterName::new(name), endpoint, protected: false, read_only: false });
        None
    }
}

#[cfg(test)]
mod tests;

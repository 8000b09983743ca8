//! The clusters of the config file: how each is reached, and how carefully it is treated.

use std::{collections::BTreeSet, path::PathBuf, str::FromStr};

use super::{endpoint, paths::Paths, table::Table};
use crate::domain::{
    ClusterName, Scope,
    text::{clean, is_hostile},
};

/// One cluster that the config file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    pub name: ClusterName,
    pub reach: Reach,
    /// When it is connected, where the file says so.
    pub connect: Option<Connect>,
    /// A dangerous action on it asks for the service's name to be typed.
    pub protected: bool,
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host:22`
    Docker { endpoint: String, tls: Option<Tls> },
    /// A context, of a file of its own or of the usual ones.
    Kubernetes { context: String, kubeconfig: Option<PathBuf>, scopes: Vec<Scope> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    AtStart,
    WhenLookedAt,
}

impl FromStr for Connect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "at start" => Ok(Self::AtStart),
            "when looked at" => Ok(Self::WhenLookedAt),
            _ => Err("\"at start\" or \"when looked at\" is wanted here".to_owned()),
        }
    }
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
        let Some(mut read) = read_one(cluster, paths) else { return };
        if !names.insert(read.name.clone()) {
            let span = cluster.span_of("name").unwrap_or_else(|| cluster.span());
            cluster.complain(&span, &format!("a second cluster \"{}\"", read.name), Some("give each its own name"));
            let Reach::Kubernetes { context, .. } = &read.reach else { return };
            // It keeps what protects it; whoever lists the contexts gives it a free name.
            read.name = ClusterName::new(name_of_context(context));
        }
        clusters.push(read);
    });
    clusters
}

fn read_one(table: &mut Table<'_>, paths: &Paths) -> Option<ClusterConfig> {
    if table.span_of("kubernetes").is_some() { read_kubernetes(table, paths) } else { read_docker(table, paths) }
}

fn read_docker(table: &mut Table<'_>, paths: &Paths) -> Option<ClusterConfig> {
    let name = required(table, "name", "\"edge-01\"");
    let endpoint = table.text("docker");
    if table.span_of("docker").is_none() {
        let help = "write docker = \"unix:///run/docker.sock\" or kubernetes = \"CONTEXT\"";
        table.complain(&table.span(), "neither docker nor kubernetes is set", Some(help));
    }
    let mut tls = None;
    table.section("tls", |table| tls = read_tls(table, paths));
    for key in ["kubernetes", "kubeconfig", "scopes"] {
        if let Some(entry) = table.entry(key) {
            table.complain(&entry.key_span, &format!("{key} is for kubernetes only"), Some("remove it"));
        }
    }
    let (connect, protected, read_only) = read_care(table);

    let name = valid(table, "name", name?, check_name)?;
    let endpoint = valid(table, "docker", endpoint?, endpoint::check)?;
    if let Some(span) = table.span_of("tls") {
        if !endpoint.starts_with("tcp://") {
            table.complain(&span, "tls is for tcp:// only", Some("remove it: ssh:// and unix:// are safe without"));
            tls = None;
        } else if tls.is_none() {
            // TLS was meant, so it must not be reached in the clear.
            return None;
        }
    }
    let reach = Reach::Docker { endpoint, tls };
    Some(ClusterConfig { name: ClusterName::new(name), reach, connect, protected, read_only })
}

/// Used whatever is wrong with it, as long as it names a context: that one is found anyway, and what protects it must hold.
fn read_kubernetes(table: &mut Table<'_>, paths: &Paths) -> Option<ClusterConfig> {
    let name = table.text("name");
    let context = table.text("kubernetes");
    let context = context.and_then(|context| valid(table, "kubernetes", context, check_context));
    let kubeconfig = table.text("kubeconfig").map(|path| paths.named(&path));
    let mut scopes = Vec::new();
    table.texts("scopes", &mut scopes);
    for (key, help) in [
        ("docker", "a cluster is one or the other: write a [[clusters]] for each"),
        ("tls", "remove it: the kubeconfig names the certificates"),
    ] {
        if let Some(entry) = table.entry(key) {
            table.complain(&entry.key_span, &format!("{key} does not go with kubernetes"), Some(help));
        }
    }
    let (connect, protected, read_only) = read_care(table);
    let name = name.and_then(|name| valid(table, "name", name, check_name));
    let context = context?;
    let name = ClusterName::new(name.unwrap_or_else(|| name_of_context(&context)));
    let scopes = scopes.into_iter().map(|scope: String| Scope::new(clean(&scope))).collect();
    let reach = Reach::Kubernetes { context, kubeconfig, scopes };
    Some(ClusterConfig { name, reach, connect, protected, read_only })
}

fn read_care(table: &mut Table<'_>) -> (Option<Connect>, bool, bool) {
    let mut connect = None;
    table.optional("connect", &mut connect);
    let (mut protected, mut read_only) = (false, false);
    table.careful_bool("protected", &mut protected);
    table.careful_bool("read_only", &mut read_only);
    (connect, protected, read_only)
}

/// As it is, but for what a terminal or an address could trip over.
pub fn name_of_context(context: &str) -> String {
    let parts: Vec<_> = context.split('/').map(|part| if part.is_empty() { "_".into() } else { clean(part) }).collect();
    parts.join("/")
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

fn check_context(context: &str) -> Result<(), (&'static str, &'static str)> {
    if context.is_empty() { Err(("this is no context", "see: kubectl config get-contexts")) } else { Ok(()) }
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

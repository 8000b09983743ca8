//! Which clusters there are to look at: every context of the merged kubeconfigs, or the cluster that the console itself runs in. Reads
//! files; connects to nothing, and keeps no credentials.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster, NamedContext};

use crate::{
    config::{ClusterConfig, Connect, Reach, cluster::name_of_context},
    domain::{ClusterName, Scope, text::clean},
};

/// Where every pod finds what it needs to talk to its own cluster.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const IN_CLUSTER: &str = "in-cluster";

/// One context: how to reach one cluster as one user.
#[derive(Clone, Debug)]
pub struct Context {
    pub name: ClusterName,
    pub source: Source,
    /// Its server's address, for a person.
    pub endpoint: Arc<str>,
    pub protected: bool,
    pub read_only: bool,
    pub at_start: bool,
    /// Looked at where not all namespaces may be listed.
    pub scopes: Vec<Scope>,
}

/// Where a context stands. Read again at each connect, because credentials change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the order in which they win, and the context's name as it stands there.
    Files { files: Arc<[PathBuf]>, context: Arc<str> },
    /// The console runs in a pod: its server, and the directory with its token.
    ServiceAccount { server: Arc<str>, directory: PathBuf },
}

#[derive(Debug, Default)]
pub struct Found {
    pub contexts: Vec<Context>,
    /// What was looked for, and what came of it.
    pub tried: Vec<(Arc<str>, Arc<str>)>,
    /// Where a context stands that says nothing else.
    files: Arc<[PathBuf]>,
}

/// `environment` and `home` are given, so that tests need no environment of their own.
pub fn discover(environment: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Found {
    discover_with(environment, home, Path::new(SERVICE_ACCOUNT))
}

fn discover_with(environment: impl Fn(&str) -> Option<String>, home: Option<&Path>, service_account: &Path) -> Found {
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let mut found = Found::default();
    let files: Vec<PathBuf> = match environment("KUBECONFIG") {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => home.map(|home| home.join(".kube/config")).into_iter().collect(),
    };
    found.files = files.into();
    found.merged();
    if found.contexts.is_empty() {
        let place = environment("KUBERNETES_SERVICE_HOST").zip(environment("KUBERNETES_SERVICE_PORT"));
        found.service_account(place, service_account);
    }
    found
}

impl Found {
    fn note(&mut self, what: impl Into<Arc<str>>, answer: impl Into<Arc<str>>) {
        self.tried.push((what.into(), answer.into()));
    }

    /// What the config says of contexts: it refines those that were found, and adds those that were not. `alone`: the others go.
    pub fn configured(mut self, config: &[ClusterConfig], alone: bool) -> Self {
        let mut found = std::mem::take(&mut self.contexts);
        for cluster in config {
            let Reach::Kubernetes { context: name, kubeconfig, scopes } = &cluster.reach else { continue };
            // A file that is read anyway says nothing new.
            let other = kubeconfig.as_ref().filter(|file| !self.files.contains(file));
            let mut context = match found.iter().position(|known| other.is_none() && known.source.is_called(name)) {
                Some(index) => found.remove(index),
                None => added(other.map_or_else(|| self.files.clone(), |file| Arc::from([file.clone()])), name),
            };
            context.name = cluster.name.clone();
            context.protected = cluster.protected;
            context.read_only = cluster.read_only;
            context.at_start = cluster.connect.map_or(context.at_start, |connect| connect == Connect::AtStart);
            let more: Vec<_> = scopes.iter().filter(|scope| !context.scopes.contains(scope)).cloned().collect();
            context.scopes.extend(more);
            self.contexts.push(context);
        }
        if !alone {
            self.contexts.append(&mut found);
        }
        self
    }

    /// Gives each context a name of its own, and none of those that are taken.
    pub fn named_apart(mut self, mut taken: BTreeSet<ClusterName>) -> Self {
        for context in &mut self.contexts {
            let numbered = (2..).map(|number| ClusterName::new(format!("{}-{number}", context.name)));
            let free = std::iter::once(context.name.clone()).chain(numbered).find(|name| !taken.contains(name));
            context.name = free.expect("there are more numbers than contexts");
            taken.insert(context.name.clone());
        }
        self
    }

    /// A file that cannot be read is told of, and the others are used.
    fn merged(&mut self) {
        let mut merged = Kubeconfig::default();
        for file in &*self.files.clone() {
            let what = clean(&file.display().to_string()).into_owned();
            match read(file) {
                Ok(next) => {
                    let contexts = next.contexts.len();
                    self.note(
                        what,
                        if contexts == 1 { "1 context".to_owned() } else { format!("{contexts} contexts") },
                    );
                    merged = merge(merged, next);
                }
                Err(why) => self.note(what, why),
            }
        }
        for named in &merged.contexts {
            let mut context = context(&merged, named, self.files.clone());
            context.at_start = merged.current_context.as_ref() == Some(&named.name);
            self.contexts.push(context);
        }
    }

    fn service_account(&mut self, place: Option<(String, String)>, directory: &Path) {
        const WHAT: &str = "a pod's service account";
        let Some((host, port)) = place else { return self.note(WHAT, "KUBERNETES_SERVICE_HOST is not set") };
        if !directory.join("token").exists() {
            return self.note(WHAT, format!("no token in {}", directory.display()));
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let server: Arc<str> = clean(&format!("https://{host}:{port}")).into();
        self.note(WHAT, server.clone());
        let scope = std::fs::read_to_string(directory.join("namespace")).ok();
        self.contexts.push(Context {
            name: IN_CLUSTER.into(),
            source: Source::ServiceAccount { server: server.clone(), directory: directory.to_owned() },
            endpoint: server,
            protected: false,
            read_only: false,
            at_start: true,
            scopes: scope.iter().map(|scope| Scope::new(clean(scope.trim()))).collect(),
        });
    }
}

fn context(config: &Kubeconfig, named: &NamedContext, files: Arc<[PathBuf]>) -> Context {
    Context {
        name: ClusterName::new(name_of_context(&named.name)),
        source: Source::Files { files, context: named.name.as_str().into() },
        endpoint: endpoint(config, named).unwrap_or_else(|| "no server".into()),
        protected: false,
        read_only: false,
        at_start: false,
        scopes: scope(named).into_iter().collect(),
    }
}

/// One that stands in none of the files is listed too: connecting it says what is missing.
fn added(files: Arc<[PathBuf]>, name: &str) -> Context {
    let config = files.iter().filter_map(|file| read(file).ok()).fold(Kubeconfig::default(), merge);
    let absent = NamedContext { name: name.to_owned(), ..NamedContext::default() };
    context(&config, config.contexts.iter().find(|named| named.name == name).unwrap_or(&absent), files)
}

impl Source {
    fn is_called(&self, name: &str) -> bool {
        match self {
            Self::Files { context, .. } => **context == *name,
            Self::ServiceAccount { .. } => name == IN_CLUSTER,
        }
    }

    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Files { files, .. } => files,
            Self::ServiceAccount { .. } => &[],
        }
    }

    /// What its files say now, and the name of the context in it.
    pub fn load(&self) -> Result<(Kubeconfig, String), String> {
        match self {
            Self::Files { files, context } => {
                let mut merged = Kubeconfig::default();
                let mut troubles = Vec::new();
                for file in files.iter() {
                    match read(file) {
                        Ok(next) => merged = merge(merged, next),
                        Err(why) => troubles.push(format!("{}: {why}", file.display())),
                    }
                }
                check(&merged, context).map_err(|why| match troubles.is_empty() {
                    true => why,
                    false => format!("{why} ({})", troubles.join("; ")),
                })?;
                Ok((merged, context.to_string()))
            }
            Self::ServiceAccount { server, directory } => Ok((in_cluster(server, directory), IN_CLUSTER.to_owned())),
        }
    }
}

/// In words, without what stands in the file: it holds secrets.
fn read(file: &Path) -> Result<Kubeconfig, String> {
    Kubeconfig::read_from(file).map_err(|error| match error {
        KubeconfigError::ReadConfig(error, _) => match error.kind() {
            io::ErrorKind::NotFound => "no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        },
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => format!("line {}, column {}: not valid YAML for a kubeconfig", place.line(), place.column()),
            None => "not valid YAML for a kubeconfig".to_owned(),
        },
        error => error.to_string(),
    })
}

/// The first to say something wins. Kubernetes' own tools look at nobody's `kind` either.
fn merge(first: Kubeconfig, next: Kubeconfig) -> Kubeconfig {
    let next = Kubeconfig { kind: None, api_version: None, ..next };
    first.merge(next).unwrap_or_default()
}

fn cluster<'a>(config: &'a Kubeconfig, context: &NamedContext) -> Option<&'a Cluster> {
    let name = &context.context.as_ref()?.cluster;
    config.clusters.iter().find(|cluster| cluster.name == *name)?.cluster.as_ref()
}

fn endpoint(config: &Kubeconfig, context: &NamedContext) -> Option<Arc<str>> {
    let server = cluster(config, context)?.server.as_deref()?;
    Some(without_credentials(&clean(server)).into())
}

/// `https://user:password@host` is shown as `https://host`.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn scope(context: &NamedContext) -> Option<Scope> {
    let namespace = context.context.as_ref()?.namespace.as_deref()?;
    (!namespace.is_empty()).then(|| Scope::new(clean(namespace)))
}

/// kube would connect a context that names no known user, as nobody.
fn check(config: &Kubeconfig, name: &str) -> Result<(), String> {
    let named = config.contexts.iter().find(|context| context.name == name);
    let Some(named) = named else { return Err(format!("there is no context '{}' any more", clean(name))) };
    let Some(context) = &named.context else { return Err(format!("the context '{}' is empty", clean(name))) };
    let Some(cluster) = cluster(config, named) else {
        return Err(format!("the context names the cluster '{}', which is not there", clean(&context.cluster)));
    };
    if cluster.server.as_deref().is_none_or(str::is_empty) {
        return Err(format!("the cluster '{}' has no server", clean(&context.cluster)));
    }
    match context.user.as_deref().filter(|user| !user.is_empty()) {
        Some(user) if !config.auth_infos.iter().any(|info| info.name == user) => {
            Err(format!("the context names the user '{}', who is not there", clean(user)))
        }
        Some(_) | None => Ok(()),
    }
}

/// As a kubeconfig, so that there is one way to connect.
fn in_cluster(server: &str, directory: &Path) -> Kubeconfig {
    let path = |name| Some(directory.join(name).to_string_lossy().into_owned());
    let cluster =
        Cluster { server: Some(server.to_owned()), certificate_authority: path("ca.crt"), ..Cluster::default() };
    let user = AuthInfo { token_file: path("token"), ..AuthInfo::default() };
    let context = kube::config::Context {
        cluster: IN_CLUSTER.to_owned(),
        user: Some(IN_CLUSTER.to_owned()),
        ..kube::config::Context::default()
    };
    let name = || IN_CLUSTER.to_owned();
    Kubeconfig {
        clusters: vec![NamedCluster { name: name(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: name(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: name(), context: Some(context), ..NamedContext::default() }],
        ..Kubeconfig::default()
    }
}

#[cfg(test)]
mod tests;

//! From a context's files to a client that is signed in. The files are read anew each time, and what they were is remembered, so that
//! another state of them is noticed.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, KubeConfigOptions, Kubeconfig};
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    fault::Fault,
    kubeconfig::Source,
    plugin::{Credential, Plugin},
    proxy,
};
use crate::domain::LossKind;

const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// A look at a handful of files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The credentials of one context, over all its connections.
pub struct Credentials {
    source: Source,
    plugin: Plugin,
    /// The files that the last connection used, also those that were not there.
    used: Mutex<Vec<(PathBuf, Stamp)>>,
}

/// A client, and when what it signs in with should be renewed.
pub struct SignedIn {
    pub client: kube::Client,
    pub renew_at: Option<Timestamp>,
}

/// What tells one state of a file from another; `None` where there is no file.
type Stamp = Option<(i64, i64, u64, u64)>;

struct Loaded {
    kubeconfig: Kubeconfig,
    context: String,
    /// Taken out of the kubeconfig, so that kube does not run it.
    exec: Option<ExecConfig>,
}

impl Credentials {
    pub fn new(source: Source) -> Self {
        Self { source, plugin: Plugin::default(), used: Mutex::default() }
    }

    pub async fn sign_in(&self) -> Result<SignedIn, Fault> {
        let source = self.source.clone();
        // Files may lie on a disk that is far away, and making a client reads certificates.
        let (loaded, used) = spawn_blocking(move || load(&source)).await.map_err(failed)?;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = used;
        let Loaded { mut kubeconfig, context, exec } = loaded?;
        let mut renew_at = None;
        if let Some(exec) = exec {
            let credential = self.plugin.sign_in(exec).await?;
            renew_at = credential.renew_at;
            if let Some(user) = user_of(&mut kubeconfig, &context) {
                give(user, &credential);
            }
        }
        let has_proxy = names_proxy(&kubeconfig, &context);
        let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| Fault::from(kube::Error::InferKubeconfig(error)))?;
        // Which requests may be sent twice is for who sends them to decide.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_WITHIN);
        if !has_proxy {
            config.proxy_url = proxy::of_environment(&config.cluster_url, |name| std::env::var(name).ok());
        }
        let client = spawn_blocking(move || kube::Client::try_from(config)).await.map_err(failed)??;
        Ok(SignedIn { client, renew_at })
    }

    /// The server does not take them: what a plugin said is asked for again.
    pub fn forget(&self) {
        self.plugin.forget();
    }

    /// Ends when one of the files that the last connection used is another, or when a plugin that it did not wait for has answered.
    pub async fn changed(&self) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let another = async {
            loop {
                sleep(LOOK_EVERY).await;
                for (path, stamp) in &used {
                    if stamp_of(tokio::fs::metadata(path).await.ok().as_ref()) != *stamp {
                        return;
                    }
                }
            }
        };
        tokio::select! {
            () = another => {}
            () = self.plugin.answered() => {}
        }
    }
}

fn failed(error: tokio::task::JoinError) -> Fault {
    Fault::way(LossKind::Unreachable, format!("signing in failed: {error}"))
}

/// The stamps are taken before the files are read: what changes meanwhile counts as changed.
fn load(source: &Source) -> (Result<Loaded, Fault>, Vec<(PathBuf, Stamp)>) {
    let stamp = |path: &Path| (path.to_owned(), stamp_of(std::fs::metadata(path).ok().as_ref()));
    let mut used: Vec<_> = source.files().iter().map(|path| stamp(path)).collect();
    let (mut kubeconfig, context) = match source.load() {
        Ok(loaded) => loaded,
        Err(why) => {
            let fault = Fault::way(LossKind::Denied, why);
            return (Err(fault.helped("see: kubectl config get-contexts")), used);
        }
    };
    used.extend(files_of(&kubeconfig, &context).iter().map(|path| stamp(path)));
    let exec = take_exec(&mut kubeconfig, &context);
    (exec.map(|exec| Loaded { kubeconfig, context, exec }), used)
}

/// A plugin is asked only where nothing else is named, as kube and kubectl do.
fn take_exec(kubeconfig: &mut Kubeconfig, context: &str) -> Result<Option<ExecConfig>, Fault> {
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster_of(kubeconfig, context) == Some(&cluster.name));
    let cluster = cluster.and_then(|named| named.cluster.clone());
    let Some(user) = user_of(kubeconfig, context) else { return Ok(None) };
    let Some(mut exec) = user.exec.take() else { return Ok(None) };
    let has_others = user.auth_provider.is_some()
        || user.token.is_some()
        || user.token_file.is_some()
        || (user.username.is_some() && user.password.is_some());
    if has_others {
        return Ok(None);
    }
    if let Some(cluster) = cluster.filter(|_| exec.provide_cluster_info) {
        exec.cluster = Some((&cluster).try_into().map_err(kube::Error::InferKubeconfig)?);
    }
    Ok(Some(exec))
}

fn give(user: &mut AuthInfo, credential: &Credential) {
    user.token = credential.token.clone().map(Into::into);
    if let Some((certificate, key)) = &credential.pair {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key).into());
    }
}

fn cluster_of<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a String> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
    Some(&named.context.as_ref()?.cluster)
}

fn names_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster_of(kubeconfig, context) == Some(&cluster.name));
    let proxy = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.as_ref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

fn user_of<'a>(kubeconfig: &'a mut Kubeconfig, context: &str) -> Option<&'a mut AuthInfo> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
    let name = named.context.as_ref()?.user.as_ref()?;
    kubeconfig.auth_infos.iter_mut().find(|info| info.name == *name)?.auth_info.as_mut()
}

/// The certificates, keys and tokens that the context names as files.
fn files_of(kubeconfig: &Kubeconfig, context: &str) -> Vec<PathBuf> {
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster_of(kubeconfig, context) == Some(&cluster.name));
    let ca = cluster.and_then(|named| named.cluster.as_ref()?.certificate_authority.as_ref());
    let user = kubeconfig.contexts.iter().find(|named| named.name == context);
    let user = user.and_then(|named| named.context.as_ref()?.user.as_ref());
    let user = kubeconfig.auth_infos.iter().find(|info| Some(&info.name) == user);
    let user = user.and_then(|named| named.auth_info.as_ref());
    let of_user = user.map(|user| [&user.client_certificate, &user.client_key, &user.token_file]);
    let of_user = of_user.into_iter().flatten().filter_map(Option::as_ref);
    ca.into_iter().chain(of_user).map(PathBuf::from).collect()
}

fn stamp_of(file: Option<&Metadata>) -> Stamp {
    file.map(|file| (file.mtime(), file.mtime_nsec(), file.len(), file.ino()))
}

/// Kept by a connection: renews what its client signs in with, until it is dropped.
pub struct Renewal(tokio::task::AbortHandle);

impl Renewal {
    /// Streams that are open go on with the old client.
    pub fn begin(
        credentials: Arc<Credentials>,
        client: tokio::sync::watch::Sender<kube::Client>,
        mut renew_at: Timestamp,
    ) -> Self {
        /// Not slept through in one piece, because a suspended machine's clock goes on.
        const AT_MOST: Duration = Duration::from_secs(15);
        /// Whatever a plugin says of how long it is good for, it is not run without a pause.
        const PAUSE: Duration = Duration::from_secs(10);
        let task = async move {
            loop {
                let left = renew_at.duration_since(Timestamp::now());
                sleep(Duration::try_from(left).unwrap_or_default().min(AT_MOST)).await;
                if Timestamp::now() < renew_at {
                    continue;
                }
                match credentials.sign_in().await {
                    Ok(renewed) => {
                        client.send_replace(renewed.client);
                        match renewed.renew_at {
                            Some(at) => renew_at = at,
                            None => return,
                        }
                    }
                    // The old client is used until the server refuses it.
                    Err(fault) => {
                        tracing::warn!("{}", fault.trouble("credentials could not be renewed").line());
                    }
                }
                sleep(PAUSE).await;
            }
        };
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

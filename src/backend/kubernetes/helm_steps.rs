//! Goes back to a release of Helm's by its own program: it alone knows how to apply a chart, hooks and all.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::process::Command;

use super::{
    Site,
    change::{gone_or_lost, refuse},
    kubeconfig::Source,
    pod::is_name,
    resolve::{self, resolve},
    steps::stopped,
};
use crate::{
    backend::{Progress, StepError, mask},
    domain::{ServiceId, Trouble, text::clean, text::shorten},
};

/// Beyond what it is told to wait at the most.
const BEYOND: u64 = 30;
/// How much of what it says is told.
const SAID: usize = 300;

pub struct Wanted<'a> {
    pub release: &'a str,
    pub revision: u64,
    pub within: u32,
}

/// Why Helm's releases cannot be gone back to from here; `None` where they can.
pub fn why_not(site: &Site) -> Option<Arc<str>> {
    program(site, std::env::var_os("PATH").as_deref()).err().map(Into::into)
}

pub async fn roll_back(
    site: &Site,
    service: &ServiceId,
    wanted: Wanted<'_>,
    progress: &Progress,
) -> Result<(), StepError> {
    let Wanted { release, revision, .. } = wanted;
    let what = format!("could not go back to helm release {} {revision}", clean(release));
    let helm = program(site, std::env::var_os("PATH").as_deref()).map_err(|why| refuse(&what, why))?;
    let namespace = namespace(site, service, release, &what).await?;
    run(&helm, &namespace, &wanted, &what, progress).await
}

/// The namespace in which the chart was released that the service is part of.
async fn namespace(site: &Site, service: &ServiceId, release: &str, what: &str) -> Result<String, StepError> {
    let workload = resolve(site, service).await.map_err(|fault| stopped(&fault, what))?;
    let path = resolve::path(workload.kind, &workload.namespace, &workload.name)
        .ok_or_else(|| refuse(what, "it is no object of its own"))?;
    let found: Value = site.api.get(&path).await.map_err(|fault| gone_or_lost(&fault, what))?;
    let annotations = &found["metadata"]["annotations"];
    if annotations["meta.helm.sh/release-name"] != release || !is_name(release) || release.starts_with('-') {
        return Err(refuse(what, format!("{service} is no part of it (any more)")));
    }
    let elsewhere = annotations["meta.helm.sh/release-namespace"].as_str().filter(|name| is_name(name));
    Ok(elsewhere.unwrap_or(&workload.namespace).to_owned())
}

/// Helm, and how it reaches this very cluster.
struct Helm {
    path: PathBuf,
    reach: Vec<OsString>,
    /// Several files, which it takes from its environment alone.
    kubeconfig: Option<OsString>,
}

fn program(site: &Site, paths: Option<&OsStr>) -> Result<Helm, String> {
    let Some(source) = &site.source else { return Err("how this cluster is reached is not known".into()) };
    let found = paths
        .and_then(|paths| std::env::split_paths(paths).map(|path| path.join("helm")).find(|helm| is_program(helm)));
    let path = found.ok_or("there is no program helm in the PATH of this machine")?;
    let (reach, kubeconfig) = reach(source)?;
    Ok(Helm { path, reach, kubeconfig })
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Where its credentials stand, and never what they are.
fn reach(source: &Source) -> Result<(Vec<OsString>, Option<OsString>), String> {
    match source {
        Source::Files { files, context } => {
            let context = [OsString::from("--kube-context"), OsString::from(&**context)];
            match files.as_ref() {
                [file] => {
                    Ok(([OsString::from("--kubeconfig"), file.into()].into_iter().chain(context).collect(), None))
                }
                files => {
                    let list = std::env::join_paths(files).map_err(|error| error.to_string())?;
                    Ok((context.into(), Some(list)))
                }
            }
        }
        // It finds its own cluster as we did.
        Source::ServiceAccount { .. } => Ok((Vec::new(), None)),
    }
}

async fn run(
    helm: &Helm,
    namespace: &str,
    wanted: &Wanted<'_>,
    what: &str,
    progress: &Progress,
) -> Result<(), StepError> {
    let Wanted { release, revision, within } = wanted;
    if is_there(helm, namespace, release, *revision).await {
        progress("it is so already");
        return Ok(());
    }
    progress("helm is at work");
    let (number, timeout) = (revision.to_string(), format!("{within}s"));
    let arguments = ["rollback", release, number.as_str(), "--wait", "--timeout", timeout.as_str()];
    let ended = helm.run(namespace, &arguments, Duration::from_secs(u64::from(*within) + BEYOND)).await;
    let output = ended.map_err(|why| StepError::Lost(Trouble::new(what, why)))?;
    if output.status.success() {
        return Ok(());
    }
    let help = format!("helm -n {namespace} history {release}");
    Err(StepError::Failed(Trouble::new(what, format!("helm says: {}", last_words(&output))).help(help)))
}

/// What is deployed is that revision, or was gone back to it.
async fn is_there(helm: &Helm, namespace: &str, release: &str, revision: u64) -> bool {
    const LOOK_WITHIN: Duration = Duration::from_secs(30);
    let arguments = ["history", release, "--max", "1", "--output", "json"];
    let Ok(output) = helm.run(namespace, &arguments, LOOK_WITHIN).await else { return false };
    let history: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let Some(last) = history.as_array().and_then(|history| history.last()) else { return false };
    let is_its = last["revision"] == revision || last["description"] == format!("Rollback to {revision}");
    last["status"] == "deployed" && is_its
}

fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let words = last.map_or_else(|| output.status.to_string(), |line| clean(&mask::text(line)).into_owned());
    shorten(words.trim_start_matches("Error: "), SAID).into_owned()
}

impl Helm {
    async fn run(&self, namespace: &str, arguments: &[&str], within: Duration) -> Result<Output, String> {
        let mut command = Command::new(&self.path);
        command.args(arguments).args(["--namespace", namespace]).args(&self.reach);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        // Not of our terminal: a key that interrupts the console must not end it in the middle.
        command.process_group(0);
        match tokio::time::timeout(within, command.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(format!("helm could not be started: {error}")),
            Err(_) => Err(format!("helm did not end within {} s", within.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::backend::kubernetes::testing::program;

    /// A program in place of helm that writes down how it was called, says `history` when asked for that, and else does `rest`.
    fn stand_in(directory: &Path, history: &str, rest: &str) -> Helm {
        let path = directory.join("helm");
        let called = directory.join("called");
        let script = format!(
            "#!/bin/sh\necho \"$@ KUBECONFIG=$KUBECONFIG\" >> {}\nif [ \"$1\" = history ]; then echo '{history}'; exit 0; fi\n{rest}\n",
            called.display()
        );
        program(&path, script);
        let source = Source::Files { files: Arc::from([PathBuf::from("/etc/kube")]), context: "lab".into() };
        let (reach, kubeconfig) = reach(&source).expect("reached");
        Helm { path, reach, kubeconfig }
    }

    async fn roll_back(helm: &Helm) -> Result<(), StepError> {
        let wanted = Wanted { release: "shop", revision: 3, within: 60 };
        let progress: Progress = Arc::new(|_: &str| {});
        run(helm, "shop", &wanted, "could not", &progress).await
    }

    #[tokio::test]
    async fn helm_is_told_where_what_and_how_long_and_gets_no_secret() {
        let directory = tempfile::tempdir().expect("a directory");
        let helm = stand_in(directory.path(), "[{\"revision\":5,\"status\":\"deployed\"}]", "exit 0");
        roll_back(&helm).await.expect("done");
        let called = fs::read_to_string(directory.path().join("called")).expect("it was called");
        let last = called.lines().last().expect("a line");
        let expected =
            "rollback shop 3 --wait --timeout 60s --namespace shop --kubeconfig /etc/kube --kube-context lab";
        assert!(last.starts_with(expected), "{last}");
    }

    #[tokio::test]
    async fn what_helm_says_when_it_fails_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let rest = "echo 'some warning' >&2; echo 'Error: release: not found' >&2; exit 1";
        let error = roll_back(&stand_in(directory.path(), "[]", rest)).await.expect_err("failed");
        let StepError::Failed(trouble) = error else { panic!("{error:?}") };
        assert_eq!(&*trouble.why, "helm says: release: not found");
    }

    #[tokio::test]
    async fn a_rollback_that_was_done_is_not_done_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let history = r#"[{"revision":6,"status":"deployed","description":"Rollback to 3"}]"#;
        roll_back(&stand_in(directory.path(), history, "exit 1")).await.expect("is so already");
    }

    #[test]
    fn several_files_are_given_by_the_environment() {
        let files = Arc::from([PathBuf::from("/a"), PathBuf::from("/b")]);
        let (reach, kubeconfig) = reach(&Source::Files { files, context: "lab".into() }).expect("reached");
        assert_eq!(reach, ["--kube-context", "lab"]);
        assert_eq!(kubeconfig.as_deref(), Some(OsStr::new("/a:/b")));
    }
}

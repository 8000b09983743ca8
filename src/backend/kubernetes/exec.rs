//! A shell in a container, with a terminal: both ends are streamed as they come.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::BytesMut;
use futures::{StreamExt, future::BoxFuture, stream};
use k8s_openapi::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1::Status};
use kube::api::{AttachParams, AttachedProcess, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Site, container::PodRow, fault::Fault, pod::Pod};
use crate::{
    backend::Attached,
    domain::{InstanceId, Trouble, text::clean},
};

/// `sh` is in nearly every image and knows whether there is something better: one exec and no guessing. Where there is no `sh`, there is
/// no shell at all. The API passes no environment on.
const SHELL: [&str; 3] = [
    "sh",
    "-c",
    "TERM=xterm-256color; export TERM; if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi",
];
/// What a program prints at once should not go through the connection in slices.
const BUFFER: usize = 32 << 10;

pub async fn attach(site: Site, instance: InstanceId, size: (u16, u16)) -> Result<Attached, Trouble> {
    let what = "could not open a shell";
    let pod = Pod::of(&instance).map_err(|fault| fault.trouble(what))?;
    let row = look(&site, &pod).await.map_err(|fault| refused(&fault))?;
    let container = pod.container.or(row.default_container());
    let container = container.ok_or_else(|| Trouble::new(what, "the pod has no container"))?.to_owned();
    if !row.runs_of(&container).is_some_and(|runs| runs.is_running) {
        return Err(Trouble::new(what, format!("{container} of {} does not run now", pod.name))
            .help("a shell needs a running container: its events say why it does not run"));
    }
    let options = AttachParams::interactive_tty()
        .container(container.clone())
        .max_stdin_buf_size(BUFFER)
        .max_stdout_buf_size(BUFFER);
    let pods: kube::Api<core::Pod> = kube::Api::namespaced(site.api.client(), pod.namespace);
    let mut process = pods.exec(pod.name, SHELL, &options).await.map_err(|error| refused(&error.into()))?;
    let unheard = || Trouble::new(what, "the server opened no streams for it");
    let input = process.stdin().ok_or_else(unheard)?;
    let output = process.stdout().ok_or_else(unheard)?;
    let resize = resizer(&mut process);
    resize(size).await;
    let status = process.take_status().ok_or_else(unheard)?;
    let shell =
        Shell { output: Box::pin(output), status: Box::pin(status), _process: process, site, instance, container };
    let output = stream::unfold(Some(shell), |shell| async move {
        let mut shell = shell?;
        let mut bytes = BytesMut::with_capacity(BUFFER);
        match shell.output.read_buf(&mut bytes).await {
            Ok(1..) => Some((Ok(bytes.freeze()), Some(shell))),
            Ok(0) | Err(_) => shell.why().await.map(|why| (Err(why), None)),
        }
    });
    Ok(Attached { output: output.boxed(), input: Box::pin(input), resize })
}

/// A shell that is open. The process ends with it.
struct Shell {
    output: Pin<Box<dyn AsyncRead + Send>>,
    status: Pin<Box<dyn Future<Output = Option<Status>> + Send>>,
    _process: AttachedProcess,
    site: Site,
    instance: InstanceId,
    container: String,
}

impl Shell {
    /// Why it ended, unless the person ended it.
    async fn why(mut self) -> Option<Trouble> {
        let what = "the shell ended";
        let status = (&mut self.status).await;
        if let Some(status) = &status {
            if status.status.as_deref() == Some("Success") {
                return None;
            }
            if has_no_program(status) {
                return Some(
                    Trouble::new("could not open a shell", "there is none in the container")
                        .help("its image holds only the program itself (distroless or scratch)"),
                );
            }
        }
        let pod = Pod::of(&self.instance).ok()?;
        match look(&self.site, &pod).await {
            Err(fault) if fault.is_missing() => return Some(Trouble::new(what, format!("{} is gone", pod.name))),
            Err(fault) => return Some(fault.trouble(what)),
            Ok(row) if row.metadata.deletion_timestamp.is_some() => {
                return Some(Trouble::new(what, format!("{} is being removed", pod.name)));
            }
            Ok(row) if !row.runs_of(&self.container).is_some_and(|runs| runs.is_running) => {
                return Some(Trouble::new(what, format!("{} of {} ended", self.container, pod.name)));
            }
            Ok(_) => {}
        }
        match status {
            // A shell gives the code of its last command: that is no trouble.
            Some(status) if exit_code(&status).is_some() => None,
            Some(status) => Some(Trouble::new(what, clean(&status.message.unwrap_or_default()))),
            None => Some(Trouble::new(what, "its connection broke")),
        }
    }
}

type Resize = Arc<dyn Fn((u16, u16)) -> BoxFuture<'static, ()> + Send + Sync>;

fn resizer(process: &mut AttachedProcess) -> Resize {
    let sizes = process.terminal_size();
    Arc::new(move |(width, height)| {
        let sizes = sizes.clone();
        Box::pin(async move {
            // A shell that has just ended has no size, and a wrong size is no reason to lose it.
            if let Some(mut sizes) = sizes
                && let Err(error) = sizes.try_send(TerminalSize { width, height })
            {
                tracing::debug!(%error, "the shell's terminal was not resized");
            }
        })
    })
}

pub async fn look(site: &Site, pod: &Pod<'_>) -> Result<PodRow, Fault> {
    let row: PodRow = site.api.get(&pod.path()).await?;
    row.is_the_one(pod)?;
    Ok(row)
}

fn refused(fault: &Fault) -> Trouble {
    let trouble = fault.trouble("could not open a shell");
    if fault.is_denied() {
        return trouble.help("it takes the rights to get pods and to create pods/exec (some servers ask for get, too)");
    }
    trouble
}

pub fn exit_code(status: &Status) -> Option<i32> {
    let causes = status.details.as_ref().and_then(|details| details.causes.as_ref())?;
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_deref()?.parse().ok()
}

/// The runtime's words, or the code that it gives instead of the shell's own.
pub fn has_no_program(status: &Status) -> bool {
    let message = status.message.as_deref().unwrap_or_default();
    matches!(exit_code(status), Some(126 | 127))
        || (exit_code(status).is_none()
            && ["executable file not found", "no such file or directory"].iter().any(|words| message.contains(words)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{io::AsyncWriteExt, time::timeout};

    use super::*;
    use crate::backend::kubernetes::testing::{PATIENCE, container, is_ready, on_a_cluster};

    /// What the shell prints, until it has printed this, or to its end.
    async fn printed(shell: &mut Attached, until: &str) -> (String, Option<Trouble>) {
        let mut seen = String::new();
        while !seen.contains(until) {
            match timeout(PATIENCE, shell.output.next()).await.unwrap_or_else(|_| panic!("it hangs after {seen:?}")) {
                Some(Ok(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                Some(Err(why)) => return (seen, Some(why)),
                None => return (seen, None),
            }
        }
        (seen, None)
    }

    const NEVER: &str = "\u{0}";

    /// A line for the shell. A size goes another way than what is typed, and may come after it.
    fn when(size: &str, then: &str) -> String {
        format!("until [ \"$(stty size 2>/dev/null)\" = '{size}' ]; do sleep 0.1; done; {then}\n")
    }

    #[tokio::test]
    async fn a_shell_has_a_terminal_of_the_persons_size_and_ends_with_its_code_unsaid() {
        on_a_cluster("shell", async |lab| {
            let spec = json!({ "containers": [container("main", "sleep 1000"), container("side", "sleep 1000")] });
            let pod = lab.pod("shell", spec).await;
            lab.until("shell", |pod| is_ready(pod) && pod["status"]["containerStatuses"][1]["ready"] == json!(true))
                .await;
            let mut shell = attach(lab.site.clone(), pod.part("side"), (97, 31)).await.expect("a shell");
            shell.input.write_all(when("31 97", "echo $TERM-$((40+2))").as_bytes()).await.expect("is typed");
            printed(&mut shell, "xterm-256color-42").await;
            (shell.resize)((61, 17)).await;
            shell.input.write_all(when("17 61", "exit 3").as_bytes()).await.expect("is typed");
            let (_, why) = printed(&mut shell, NEVER).await;
            assert_eq!(why, None);
        })
        .await;
    }

    #[tokio::test]
    async fn a_pod_that_goes_while_its_shell_is_open_says_so() {
        on_a_cluster("shell-gone", async |lab| {
            let pod = lab.runs("going", "Always", "sleep 1000").await;
            lab.until("going", is_ready).await;
            let mut shell = attach(lab.site.clone(), pod.clone(), (80, 24)).await.expect("a shell");
            shell.input.write_all(b"echo here\n").await.expect("is typed");
            printed(&mut shell, "here").await;
            lab.remove("going").await;
            let (_, why) = printed(&mut shell, NEVER).await;
            let why = why.expect("words").line();
            assert!(why.contains("going"), "{why}");
            let gone = attach(lab.site.clone(), pod, (80, 24)).await.err().expect("there is no pod");
            assert!(gone.line().contains("not found"), "{gone}");
        })
        .await;
    }

    #[tokio::test]
    async fn where_there_is_no_shell_that_is_said() {
        on_a_cluster("no-shell", async |lab| {
            let script = "rm -f /bin/sh /bin/ash /bin/bash; exec /bin/busybox sleep 1000";
            let pod = lab.runs("bare", "Always", script).await;
            lab.until("bare", is_ready).await;
            let words = async {
                loop {
                    // The shell that removes itself may be a moment behind.
                    match attach(lab.site.clone(), pod.clone(), (80, 24)).await {
                        Err(why) => return why,
                        Ok(mut shell) => {
                            let _ = shell.input.write_all(b"exit\n").await;
                            if let (_, Some(why)) = printed(&mut shell, NEVER).await {
                                return why;
                            }
                        }
                    }
                }
            };
            let why = timeout(PATIENCE, words).await.expect("in time");
            assert_eq!(&*why.why, "there is none in the container");
            let none = lab.runs("ended", "Never", "true").await;
            lab.until("ended", |pod| pod["status"]["phase"] == json!("Succeeded")).await;
            let why = attach(lab.site.clone(), none, (80, 24)).await.err().expect("it does not run");
            assert!(why.line().contains("does not run now"), "{why}");
        })
        .await;
    }
}

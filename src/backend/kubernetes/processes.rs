//! What runs in a container: asked of the container itself, since Kubernetes does not know. By its `ps`, else by reading /proc.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1;
use kube::{Api, api::AttachParams};
use serde::Deserialize;
use tokio::{io::AsyncReadExt, time::timeout};

use super::{Site, fault::Fault, pod::Pod};
use crate::{
    backend::mask,
    domain::{InstanceId, Trouble, text::clean},
    message::Processes,
};

const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// A list of processes is short; what is longer is no such list.
const BYTES: u64 = 256 << 10;
/// Stands in what we run ourselves, so that it is not taken for something of the container's.
const OURS: &str = "midwatch-looks";
/// What runs in a container is found out in a shell of its own: `ps` knows of all processes only when it is told so, except busybox's.
const SCRIPT: &str = r#": midwatch-looks
ps -ef 2>/dev/null && exit
ps 2>/dev/null && exit
echo "PID PPID UID CMD"
for d in /proc/[0-9]*; do
  while read -r key value rest; do
    case $key in Name:) n=$value;; PPid:) p=$value;; Uid:) u=$value;; esac
  done 2>/dev/null <"$d/status" || continue
  c=$(tr '\0' ' ' 2>/dev/null <"$d/cmdline")
  echo "${d#/proc/} $p $u ${c:-[$n]}"
done"#;
/// By which kubectl, too, knows the container that is meant.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

#[derive(Deserialize)]
struct Shape {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Spec {
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    name: String,
}

pub async fn of(site: &Site, instance: &InstanceId) -> Result<Processes, Trouble> {
    let what = "could not list the processes";
    let pod = Pod::of(instance).map_err(|fault| fault.trouble(what))?;
    let shape: Shape = site.api.get(&pod.path()).await.map_err(|fault| fault.trouble(what))?;
    if shape.metadata.uid != pod.uid {
        return Err(Trouble::new(what, "the pod is gone: another one has its name"));
    }
    let chosen = shape.metadata.annotations.get(DEFAULT_CONTAINER);
    let known = |name: &&str| shape.spec.containers.iter().any(|container| container.name == **name);
    let first = || shape.spec.containers.first().map(|container| container.name.as_str());
    let container = pod.container.or(chosen.map(String::as_str).filter(known)).or_else(first);
    let Some(container) = container else { return Err(Trouble::new(what, "the pod has no containers")) };
    match timeout(ANSWER_WITHIN, ask(site, &pod, container)).await {
        Ok(Ok(said)) => read(&said).ok_or_else(|| blind(container)),
        Ok(Err(fault)) if has_no_shell(&fault) => Err(blind(container)),
        Ok(Err(fault)) => Err(fault.trouble(what)),
        Err(_) => Err(Trouble::new(what, format!("no answer for {} s", ANSWER_WITHIN.as_secs()))),
    }
}

fn blind(container: &str) -> Trouble {
    let why = format!("{} has no shell and no ps to ask", clean(container));
    Trouble::new("could not list the processes", why)
}

/// What the container runtimes say when the program that is to be run is not there.
fn has_no_shell(fault: &Fault) -> bool {
    let said = match fault {
        Fault::Refused { message, .. } => message,
        Fault::Way { why, .. } => why,
        Fault::Garbled(_) => return false,
    };
    ["executable file not found", "no such file or directory"].iter().any(|words| said.contains(words))
}

async fn ask(site: &Site, pod: &Pod<'_>, container: &str) -> Result<String, Fault> {
    let pods: Api<v1::Pod> = Api::namespaced(site.api.client(), pod.namespace);
    let parameters = AttachParams::default().container(container).stdout(true).stderr(false).stdin(false);
    let mut process = pods.exec(pod.name, ["sh", "-c", SCRIPT], &parameters).await?;
    let status = process.take_status();
    let mut said = Vec::new();
    if let Some(stdout) = process.stdout() {
        // What is cut off was too long, or its connection broke: what came is shown.
        let _ = stdout.take(BYTES).read_to_end(&mut said).await;
    }
    if said.is_empty()
        && let Some(status) = status
        && let Some(status) = status.await
        && status.status.as_deref() == Some("Failure")
    {
        let message = clean(status.message.as_deref().unwrap_or_default()).into_owned().into();
        return Err(Fault::Refused { code: 500, reason: "InternalError".into(), message });
    }
    process.abort();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A line of titles, and a row for each process whose last cell takes what is left. `None` where there is no such table.
fn read(text: &str) -> Option<Processes> {
    let mut lines = text.lines();
    let titles: Vec<Arc<str>> = lines.next()?.split_whitespace().map(|title| clean(title).into()).collect();
    if !titles.iter().any(|title| &**title == "PID") {
        return None;
    }
    let rows = lines.filter(|line| !is_ours(line)).map(|line| cells(line, titles.len()));
    Some(Processes { rows: rows.filter(|row| row.len() == titles.len()).collect(), titles })
}

/// The shell's own lines begin with a word of ours; its `ps` is known by how it was called.
fn is_ours(line: &str) -> bool {
    line.contains(OURS) || line.ends_with(" ps -ef") || line.ends_with(" ps") || SCRIPT.lines().any(|own| own == line)
}

fn cells(line: &str, columns: usize) -> Vec<Arc<str>> {
    let mut rest = line.trim();
    let mut cells = Vec::with_capacity(columns);
    while !rest.is_empty() && cells.len() + 1 < columns {
        let (cell, left) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        cells.push(cell);
        rest = left.trim_start();
    }
    cells.push(rest);
    // A command line is the favourite place of passwords.
    cells.into_iter().map(|cell| clean(&mask::text(cell)).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let processes = read(text).expect("a table");
        processes.rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn every_ps_is_read_by_its_own_titles_and_the_command_is_whole() {
        let busybox = "PID   USER     COMMAND\n    1 0        sh -c while :; do sleep 1; done\n   12 0        ps -ef\n";
        assert_eq!(rows(busybox), [["1", "0", "sh -c while :; do sleep 1; done"]]);
        let procps = "UID          PID    PPID  C STIME TTY          TIME CMD\n\
                      root           1       0  0 02:14 ?        00:00:07 nginx: master process\n";
        assert_eq!(rows(procps), [["root", "1", "0", "0", "02:14", "?", "00:00:07", "nginx: master process"]]);
    }

    #[test]
    fn what_we_run_to_find_out_is_not_shown_and_passwords_are_not_either() {
        let text = format!("PID PPID UID CMD\n1 0 0 serve --password hunter2\n7 0 0 sh -c {SCRIPT}\n9 7 0 ps -ef\n");
        assert_eq!(rows(&text), [["1", "0", "0", "serve --password ********"]]);
    }

    /// As in an image that has a shell and next to nothing else.
    #[test]
    fn without_ps_a_shell_alone_tells_from_proc_what_runs() {
        let tools = tempfile::tempdir().expect("a directory");
        let run = std::process::Command::new("/bin/sh").args(["-c", SCRIPT]).env("PATH", tools.path()).output();
        let said = String::from_utf8(run.expect("a shell").stdout).expect("text");
        let own = std::process::id().to_string();
        let processes = read(&said).expect("a table");
        assert_eq!(processes.titles.iter().map(|title| &**title).collect::<Vec<_>>(), ["PID", "PPID", "UID", "CMD"]);
        assert!(processes.rows.iter().any(|row| *row[0] == *own), "no {own} in {said}");
    }

    #[test]
    fn what_is_no_table_of_processes_is_not_taken_for_one() {
        assert_eq!(read(""), None);
        assert_eq!(read("sh: ps: not found\n"), None);
    }
}

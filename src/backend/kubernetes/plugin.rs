//! Exec credential plugins: programs that sign a person in. Run by us and not by kube, which would run each three times, wait for it
//! without end, and leave it the terminal to write over the screen and to take keys from.

use std::{
    collections::HashMap,
    io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jiff::{SignedDuration, Timestamp};
use kube::config::{ExecAuthCluster, ExecConfig};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::fault::Fault;
use crate::{
    backend::mask,
    domain::{LossKind, text::shorten},
};

/// How long a connection waits for it. It goes on for longer, and the next try takes what it said.
const WAIT: Duration = Duration::from_secs(4);
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// A certificate with its chain and a key have room in it.
const MOST_OUTPUT: u64 = 1 << 20;

/// What a plugin said. Kept in memory only.
pub struct Credential {
    pub token: Option<String>,
    /// PEM: the certificate and its key.
    pub pair: Option<(String, String)>,
    /// When another one should be had: before this one ends, so that no request is refused for it.
    pub renew_at: Option<Timestamp>,
}

/// `ExecCredential`, as far as it is read.
#[derive(Deserialize)]
struct Said {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

type Answer = Result<Arc<Credential>, Fault>;

/// The last run of a context's plugin.
#[derive(Default)]
pub struct Plugin {
    last: Mutex<Option<Last>>,
}

struct Last {
    /// All that it was started with.
    asked: String,
    answer: Shared<BoxFuture<'static, Answer>>,
}

impl Plugin {
    /// What it said last, as long as that is good, or what it says now.
    pub async fn sign_in(&self, exec: ExecConfig) -> Answer {
        let name = exec.command.clone().unwrap_or_default();
        let answer = self.answer(exec);
        timeout(WAIT, answer).await.unwrap_or_else(|_| {
            Err(Fault::way(LossKind::Expired, format!("the sign-in command {name} has not answered yet"))
                .helped("does it ask something, or wait for a browser? Run it in a shell first: kubectl get ns"))
        })
    }

    /// What it said is of no use any more: the next time it is run again.
    pub fn forget(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // One that still runs is about to say something new.
        if last.as_ref().is_some_and(|last| last.answer.peek().is_some()) {
            *last = None;
        }
    }

    /// Ends when a plugin that a connection did not wait for has answered.
    pub async fn answered(&self) {
        let running = {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.as_ref().map(|last| last.answer.clone()).filter(|answer| answer.peek().is_none())
        };
        match running {
            Some(answer) => drop(answer.await),
            None => std::future::pending().await,
        }
    }

    fn answer(&self, exec: ExecConfig) -> Shared<BoxFuture<'static, Answer>> {
        let asked = format!("{} {}", json!(exec), json!(exec.cluster));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.asked == asked) {
            match last.answer.peek() {
                None => return last.answer.clone(),
                Some(Ok(credential)) if credential.is_good() => return last.answer.clone(),
                Some(Ok(_) | Err(_)) => {}
            }
        }
        // In a task of its own: it goes on when the connection that wanted it gives up.
        let running = tokio::spawn(run(exec));
        let answer = async {
            let ended = running.await;
            ended.unwrap_or_else(|error| Err(Fault::way(LossKind::Expired, format!("signing in failed: {error}"))))
        };
        let answer = answer.boxed().shared();
        *last = Some(Last { asked, answer: answer.clone() });
        answer
    }
}

impl Credential {
    fn is_good(&self) -> bool {
        self.renew_at.is_none_or(|at| Timestamp::now() < at)
    }

    fn of(status: Status) -> Result<Self, &'static str> {
        let pair = status.client_certificate_data.zip(status.client_key_data);
        if status.token.is_none() && pair.is_none() {
            return Err("answered without a token and without a certificate");
        }
        let renew_at = match status.expiration_timestamp.map(|text| text.parse()) {
            Some(Err(_)) => return Err("answered with an expirationTimestamp that is no time"),
            Some(Ok(time)) => Some(renew_before(time)),
            None => None,
        };
        Ok(Self { token: status.token, pair, renew_at })
    }
}

/// A minute before the end, or, of what does not last long, when a quarter of it is left.
fn renew_before(end: Timestamp) -> Timestamp {
    let left = end.duration_since(Timestamp::now());
    end.saturating_sub((left / 4).clamp(SignedDuration::ZERO, SignedDuration::from_secs(60))).unwrap_or(end)
}

async fn run(exec: ExecConfig) -> Answer {
    let name = exec.command.clone().unwrap_or_default();
    let failed = |why: String| Fault::way(LossKind::Expired, format!("the sign-in command {name} {why}"));
    let mut process = match start(&exec) {
        Ok(process) => process,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let help = exec.install_hint.as_deref().and_then(|hint| hint.lines().find(|line| !line.trim().is_empty()));
            let fault = Fault::way(LossKind::Denied, format!("the sign-in command {name} is not installed"));
            let help = help.map_or("it must be in a directory of PATH".into(), |hint| crate::domain::text::clean(hint));
            return Err(fault.helped(help));
        }
        Err(error) => return Err(failed(format!("could not be started: {error}"))),
    };
    let (output, errors) = (process.child.stdout.take(), process.child.stderr.take());
    let ended = timeout(RUN_WITHIN, async { tokio::join!(process.child.wait(), read(output), read(errors)) });
    let Ok((status, output, errors)) = ended.await else {
        return Err(failed(format!("gave no answer for {} s and was ended", RUN_WITHIN.as_secs()))
            .helped("does it ask something, or wait for a browser? Run it in a shell first: kubectl get ns"));
    };
    process.has_ended = true;
    let status = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let errors = String::from_utf8_lossy(&errors);
        let said = errors.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let said = said.map_or_else(String::new, |line| format!(": {}", shorten(&mask::text(line), 200)));
        return Err(failed(format!("failed ({status}){said}")).helped("sign in again, as you do for kubectl"));
    }
    // YAML too: what reads it for kubectl reads both. What stands in it is never quoted.
    let said: Said = serde_saphyr::from_slice(&output)
        .map_err(|_| failed("answered with something that is no ExecCredential".to_owned()))?;
    let status = said.status.ok_or_else(|| failed("answered without a status".to_owned()))?;
    Credential::of(status).map(Arc::new).map_err(|why| failed(why.to_owned()))
}

/// It, and what it started, end when this is dropped.
struct Process {
    child: Child,
    has_ended: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let (false, Some(group)) = (self.has_ended, group) {
            // It may have ended in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn start(exec: &ExecConfig) -> io::Result<Process> {
    let Some(command) = &exec.command else { return Err(io::Error::other("the kubeconfig names none")) };
    let mut process = Command::new(command);
    process.args(exec.args.iter().flatten());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            process.env(name, value);
        }
    }
    process.env("KUBERNETES_EXEC_INFO", exec_info(exec, exec.cluster.as_ref()));
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // In the background of the terminal: it is stopped when it reads from it, whichever way it opens it.
    process.process_group(0);
    Ok(Process { child: process.spawn()?, has_ended: false })
}

/// As client-go gives it: <https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>.
fn exec_info(exec: &ExecConfig, cluster: Option<&ExecAuthCluster>) -> String {
    let mut spec = HashMap::from([("interactive", json!(false))]);
    if let Some(cluster) = cluster {
        spec.insert("cluster", json!(cluster));
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(from) = from {
        // What was read before an error may still say why it failed.
        let _ = from.take(MOST_OUTPUT).read_to_end(&mut read).await;
    }
    read
}

#[cfg(test)]
mod tests;

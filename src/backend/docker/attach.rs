//! A shell in a container, with a terminal: both ends are streamed as they come.

use std::sync::Arc;

use bollard::{
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
    models::ExecInspectResponse,
};
use futures::StreamExt;

use super::{
    api::{Api, Id},
    fault::Fault,
    watch::inspect,
};
use crate::{
    backend::Attached,
    domain::{InstanceId, Trouble},
};

/// `sh` is in nearly every image and knows whether there is something better: one exec and no guessing. Where there is no `sh`, there is
/// no shell at all.
const SHELL: [&str; 3] = ["sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

pub async fn attach(api: Api, instance: InstanceId, size: (u16, u16)) -> Result<Attached, Trouble> {
    let what = "could not open a shell";
    let told = |fault: Fault| fault.trouble(what);
    let id = Id::new(&instance.key).map_err(told)?;
    let container = inspect(&api, id.as_str()).await.map_err(told)?;
    if !container.state.is_alive() {
        return Err(Trouble::new(what, format!("{} is {}", container.name, container.state.word()))
            .help("a shell needs a running container: start it first"));
    }
    let docker = api.docker();
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(true),
        env: Some(vec!["TERM=xterm-256color"]),
        cmd: Some(SHELL.to_vec()),
        ..CreateExecOptions::default()
    };
    let exec: Arc<str> = docker.create_exec(id.as_str(), options).await.map_err(|error| told(error.into()))?.id.into();
    let start = StartExecOptions { tty: true, ..StartExecOptions::default() };
    let started = docker.start_exec(&exec, Some(start)).await.map_err(|error| no_shell(error.into()))?;
    let StartExecResults::Attached { output, input } = started else {
        return Err(Trouble::new(what, "the engine ran it without us"));
    };
    let resize: Arc<dyn Fn((u16, u16)) -> futures::future::BoxFuture<'static, ()> + Send + Sync> = {
        let (docker, exec) = (docker.clone(), exec.clone());
        Arc::new(move |(width, height)| {
            let (docker, exec) = (docker.clone(), exec.clone());
            Box::pin(async move {
                // A shell that has just ended has no size, and a wrong size is no reason to lose it.
                if let Err(error) = docker.resize_exec(&exec, ResizeExecOptions { width, height }).await {
                    tracing::debug!(%error, "the shell's terminal was not resized");
                }
            })
        })
    };
    resize(size).await;
    let output = output.map(|piece| match piece {
        Ok(piece) => Ok(piece.into_bytes()),
        Err(error) => Err(Fault::from(error).trouble("the shell's connection broke")),
    });
    // The engine starts the exec before it knows whether the program is there, and says so only by its exit code.
    let ending = futures::stream::once(async move {
        let inspected = docker.inspect_exec(&exec).await;
        match inspected {
            Ok(ExecInspectResponse { exit_code: Some(126 | 127), .. }) => Some(Err(missing_shell())),
            Ok(_) | Err(_) => None,
        }
    });
    Ok(Attached { output: output.chain(ending.filter_map(std::future::ready)).boxed(), input, resize })
}

fn no_shell(fault: Fault) -> Trouble {
    match &fault {
        Fault::Refused { message, .. } if message.contains("not found") || message.contains("no such file") => {
            missing_shell()
        }
        Fault::Refused { .. } | Fault::Way { .. } | Fault::Garbled(_) => fault.trouble("could not open a shell"),
    }
}

fn missing_shell() -> Trouble {
    Trouble::new("could not open a shell", "there is none in the container")
        .help("its image holds only the program itself (distroless or scratch)")
}

//! A program in a container, without a terminal: what it reads and prints is streamed.

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use k8s_openapi::{api::core::v1 as core, apimachinery::pkg::apis::meta::v1::Status};
use kube::api::{AttachParams, AttachedProcess};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    Site,
    exec::{exit_code, has_no_program, look},
    fault::Fault,
    pod::Pod,
};
use crate::{
    backend::{Piped, Said},
    domain::{InstanceId, Trouble, text::clean},
};

/// Of what is on its way in each direction.
const BUFFER: usize = 256 << 10;
/// As a shell says that there is no such program.
const NO_PROGRAM: i64 = 127;

pub async fn run(site: Site, instance: InstanceId, command: Vec<String>) -> Result<Piped, Trouble> {
    let what: Arc<str> = format!("could not run {}", command.first().map_or("nothing", String::as_str)).into();
    let told = |fault: &Fault| fault.trouble(what.clone());
    let pod = Pod::of(&instance).map_err(|fault| told(&fault))?;
    let row = look(&site, &pod).await.map_err(|fault| denied(&fault, &what))?;
    let container = pod.container.or(row.default_container());
    let container = container.ok_or_else(|| Trouble::new(what.clone(), "the pod has no container"))?.to_owned();
    if !row.runs_of(&container).is_some_and(|runs| runs.is_running) {
        return Err(Trouble::new(what, format!("{container} of {} does not run now", pod.name)));
    }
    let options = AttachParams::default()
        .container(container)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .max_stdin_buf_size(BUFFER)
        .max_stdout_buf_size(BUFFER)
        .max_stderr_buf_size(BUFFER);
    let pods: kube::Api<core::Pod> = kube::Api::namespaced(site.api.client(), pod.namespace);
    let mut process = pods.exec(pod.name, command, &options).await.map_err(|error| denied(&error.into(), &what))?;
    let unheard = || Trouble::new(what.clone(), "the server opened no streams for it");
    let input = process.stdin().ok_or_else(unheard)?;
    let output = pieces(process.stdout().ok_or_else(unheard)?).map(|piece| piece.map(Said::Output));
    let errors = pieces(process.stderr().ok_or_else(unheard)?).map(|piece| piece.map(Said::Errors));
    let status = process.take_status().ok_or_else(unheard)?;
    let broke = what.clone();
    let pieces = stream::select(output, errors)
        .map(move |piece| piece.map_err(|error| Trouble::new(broke.clone(), format!("its connection broke: {error}"))));
    let ended = stream::once(ended(process, Box::pin(status), what));
    let said = pieces.chain(ended).scan(false, |is_over, piece| {
        let piece = (!std::mem::replace(is_over, piece.is_err())).then_some(piece);
        futures::future::ready(piece)
    });
    Ok(Piped { input: Box::pin(input), said: said.boxed() })
}

/// The process ends with it.
async fn ended(
    process: AttachedProcess,
    status: Pin<Box<dyn Future<Output = Option<Status>> + Send>>,
    what: Arc<str>,
) -> Result<Said, Trouble> {
    let status = status.await;
    drop(process);
    match status {
        None => Err(Trouble::new(what, "its connection broke")),
        Some(status) if status.status.as_deref() == Some("Success") => Ok(Said::Ended(0)),
        Some(status) => match exit_code(&status) {
            Some(code) => Ok(Said::Ended(code.into())),
            None if has_no_program(&status) => Ok(Said::Ended(NO_PROGRAM)),
            None => Err(Trouble::new(what, clean(&status.message.unwrap_or_default()))),
        },
    }
}

fn pieces(reader: impl AsyncRead + Unpin + Send + 'static) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let mut bytes = BytesMut::with_capacity(BUFFER);
        match reader.read_buf(&mut bytes).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(bytes.freeze()), Some(reader))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

fn denied(fault: &Fault, what: &Arc<str>) -> Trouble {
    let trouble = fault.trouble(what.clone());
    if fault.is_denied() {
        return trouble.help("it takes the rights to get pods and to create pods/exec (some servers ask for get, too)");
    }
    trouble
}

//! Runs a program in a container, without a terminal: to its end (`run`), or as a connection (`pipe`).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bollard::{
    container::LogOutput,
    errors::Error as Bollard,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt, stream::BoxStream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{
    api::{Api, Id},
    fault::Fault,
};
use crate::domain::text::{clean, shorten};

/// More than this is printed by nothing that is run here.
const LARGEST_OUTPUT: usize = 16 << 20;
/// The engine says how a program ended a moment after its output has: how soon it is asked first, and how often at the least.
const LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Ran {
    /// 126 and 127: there is no such program, or it cannot be run.
    pub code: i64,
    pub output: Vec<u8>,
    pub errors: Vec<u8>,
}

/// `input` is what it reads, to its end.
pub async fn run(api: &Api, id: Id<'_>, command: &[&str], input: &[u8], within: Duration) -> Result<Ran, Fault> {
    tokio::time::timeout(within, to_its_end(api, id, command, input)).await.unwrap_or(Err(Fault::hung(within)))
}

async fn to_its_end(api: &Api, id: Id<'_>, command: &[&str], input: &[u8]) -> Result<Ran, Fault> {
    let Started { exec, mut output, input: mut stdin } = start(api, id, command).await?;
    let writing = async {
        // A program that ended without reading all of it says by its code what was wrong.
        if let Err(error) = async {
            stdin.write_all(input).await?;
            stdin.shutdown().await
        }
        .await
        {
            tracing::debug!(%error, "a program in a container did not read all that it was given");
        }
    };
    let reading = async {
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        while let Some(piece) = output.next().await {
            match piece? {
                LogOutput::StdErr { message } => errors.extend_from_slice(&message),
                LogOutput::StdOut { message } | LogOutput::Console { message } => out.extend_from_slice(&message),
                LogOutput::StdIn { .. } => {}
            }
            if out.len() + errors.len() > LARGEST_OUTPUT {
                return Err(Fault::Garbled("what it prints has no end".into()));
            }
        }
        Ok((out, errors))
    };
    let ((), read) = tokio::join!(writing, reading);
    let (output, errors) = read?;
    Ok(Ran { code: code(api, &exec).await?, output, errors })
}

/// With what it ended, once its output has.
pub async fn code(api: &Api, exec: &str) -> Result<i64, Fault> {
    let mut look = LOOK;
    loop {
        let looked = api.docker().inspect_exec(exec).await?;
        if let (Some(code), Some(false)) = (looked.exit_code, looked.running) {
            return Ok(code);
        }
        tokio::time::sleep(look).await;
        look = (look * 2).min(LONGEST_LOOK);
    }
}

pub struct Started {
    pub exec: String,
    pub output: BoxStream<'static, Result<LogOutput, Bollard>>,
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

pub async fn start(api: &Api, id: Id<'_>, command: &[&str]) -> Result<Started, Fault> {
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        cmd: Some(command.to_vec()),
        ..CreateExecOptions::default()
    };
    let docker = api.docker();
    let exec = docker.create_exec(id.as_str(), options).await?.id;
    match docker.start_exec(&exec, Some(StartExecOptions::default())).await? {
        StartExecResults::Attached { output, input } => Ok(Started { exec, output, input }),
        StartExecResults::Detached => Err(Fault::Garbled("it ran a program without us".into())),
    }
}

/// Begins a program that goes on without us: nobody hears what it says or how it ends.
pub async fn leave(api: &Api, id: Id<'_>, command: &[&str]) -> Result<(), Fault> {
    let options = CreateExecOptions { cmd: Some(command.to_vec()), ..CreateExecOptions::default() };
    let docker = api.docker();
    let exec = docker.create_exec(id.as_str(), options).await?.id;
    let detached = StartExecOptions { detach: true, ..StartExecOptions::default() };
    docker.start_exec(&exec, Some(detached)).await.map(drop).map_err(Fault::from)
}

/// What the program writes is read, and what is written it reads.
pub async fn pipe(api: &Api, id: Id<'_>, command: &[&str]) -> Result<Pipe, Fault> {
    let Started { output, input, .. } = start(api, id, command).await?;
    Ok(Pipe { output, input, rest: Bytes::new(), errors: String::new(), said_something: false })
}

pub struct Pipe {
    output: BoxStream<'static, Result<LogOutput, Bollard>>,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    rest: Bytes,
    errors: String,
    said_something: bool,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.rest.has_remaining() {
                let length = self.rest.len().min(buffer.remaining());
                buffer.put_slice(&self.rest.split_to(length));
                self.said_something = true;
                return Poll::Ready(Ok(()));
            }
            match std::task::ready!(Pin::new(&mut self.output).poll_next(context)) {
                Some(Ok(LogOutput::StdErr { message })) => self.errors.push_str(&String::from_utf8_lossy(&message)),
                Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => self.rest = message,
                Some(Ok(LogOutput::StdIn { .. })) => {}
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                // What it complains of is why there is nothing to read.
                None if !self.said_something && !self.errors.trim().is_empty() => {
                    let why = shorten(&clean(self.errors.trim()), 200).into_owned();
                    return Poll::Ready(Err(io::Error::other(why)));
                }
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.input.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_shutdown(context)
    }
}

//! An engine of a few lines on a socket of its own, which answers what a test wants it to.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use midwatch::{
    backend::{
        Backend, Connector, Loss,
        docker::{DockerConnector, Endpoint, Host},
    },
    domain::ClusterName,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

pub enum Reply {
    Json(String),
    /// These bytes as they are, and then the end of the connection.
    Raw(Vec<u8>),
    /// A body that begins with these bytes and goes on.
    Open(Vec<u8>),
    /// Nothing, for ever.
    Silence,
}

pub struct FakeEngine {
    directory: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl FakeEngine {
    /// `answer` is given each path without its version.
    pub fn new(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("docker.sock")).expect("a socket");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), asked.clone());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { directory, asked, server }
    }

    /// One that answers the first questions like an engine without containers.
    pub fn usual(answer: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::new(move |path| match answer(path) {
            Some(reply) => reply,
            None => Reply::Json(usual(path).into()),
        })
    }

    /// What was asked for, with versions: `GET /v1.41/_ping`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    pub fn connector(&self) -> DockerConnector {
        connector(&self.socket())
    }

    pub async fn connect(&self) -> Result<Arc<dyn Backend>, Loss> {
        self.connector().connect().await
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub fn connector(socket: &Path) -> DockerConnector {
    let name: ClusterName = "fake".into();
    DockerConnector::new(Host { name, endpoint: Endpoint::Unix(socket.into()), protected: false, read_only: false })
}

fn usual(path: &str) -> &'static str {
    match path.split('?').next().unwrap_or_default() {
        "/version" => r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}"#,
        "/info" => r#"{"ServerVersion":"20.10.24","NCPU":2,"MemTotal":1024,"OperatingSystem":"Lab"}"#,
        "/_ping" => "OK",
        _ => "[]",
    }
}

async fn serve(mut stream: UnixStream, answer: Arc<impl Fn(&str) -> Reply>, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let mut words = text.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    asked.lock().expect("not poisoned").push(format!("{method} {path}"));
    let unversioned = path.strip_prefix("/v").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(path);
    // The other side may have gone; that is its right.
    match answer(unversioned) {
        Reply::Json(body) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
        Reply::Raw(bytes) => _ = stream.write_all(&bytes).await,
        Reply::Open(bytes) => {
            _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Reply::Silence => std::future::pending().await,
    }
}

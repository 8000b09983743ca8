//! A server in front of the real API server that does what the real one cannot be made to do: it refuses, and it cuts. It speaks plain
//! HTTP on both sides, one request a connection; `kubectl proxy` stands behind it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use midwatch::backend::kubernetes::{Context, KubernetesConnector};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// What is done to requests of which the path holds a text.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answered with this status, and `Retry-After: 1`, so many times.
    Refuse { path: &'static str, status: u16, times: usize },
    /// Passed on, and cut after so long, every time.
    Cut { path: &'static str, after: Duration },
}

pub struct Proxy {
    address: String,
    faults: Arc<Mutex<Vec<Fault>>>,
    pub refused: Arc<AtomicUsize>,
    pub cut: Arc<AtomicUsize>,
    behind: Child,
    files: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn open(kubeconfig: &str) -> Self {
        let mut behind = Command::new("kubectl")
            .args(["--kubeconfig", kubeconfig, "proxy", "--port=0", "--disable-filter=true"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kubectl runs");
        // "Starting to serve on 127.0.0.1:40123"
        let mut line = String::new();
        BufReader::new(behind.stdout.take().expect("it is piped")).read_line(&mut line).expect("kubectl says where");
        let upstream = line.trim().rsplit(' ').next().expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let (refused, cut) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let shared = (faults.clone(), refused.clone(), cut.clone());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (faults, refused, cut) = shared.clone();
                let upstream = upstream.clone();
                tokio::spawn(async move { serve(client, &upstream, &faults, &refused, &cut).await });
            }
        });
        Self { address, faults, refused, cut, behind, files: tempfile::tempdir().expect("a directory"), task }
    }

    pub fn fault(&self, fault: Fault) {
        self.faults.lock().expect("not poisoned").push(fault);
    }

    /// What was broken works again.
    pub fn heal(&self) {
        self.faults.lock().expect("not poisoned").clear();
    }

    pub fn connector(&self) -> Arc<KubernetesConnector> {
        Arc::new(KubernetesConnector::new(self.context()))
    }

    fn context(&self) -> Context {
        let path = self.files.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: lab, cluster: {{server: \"http://{}\"}}}}]\n\
             users: [{{name: nobody, user: {{}}}}]\ncontexts: [{{name: lab, context: {{cluster: lab, user: nobody}}}}]\n\
             current-context: lab\n",
            self.address
        );
        std::fs::write(&path, text).expect("written");
        crate::kubernetes::context(path.to_str().expect("UTF-8"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        _ = self.behind.kill();
        _ = self.behind.wait();
    }
}

async fn serve(
    mut client: TcpStream,
    upstream: &str,
    faults: &Mutex<Vec<Fault>>,
    refused: &AtomicUsize,
    cut: &AtomicUsize,
) -> Option<()> {
    let (head, rest) = head(&mut client).await?;
    let path = head.split(' ').nth(1)?.to_owned();
    let fault = {
        let mut faults = faults.lock().expect("not poisoned");
        faults.iter_mut().find_map(|fault| match fault {
            Fault::Refuse { path: of, times, .. } if path.contains(*of) && *times > 0 => {
                *times -= 1;
                Some(fault.clone())
            }
            Fault::Cut { path: of, .. } if path.contains(*of) => Some(fault.clone()),
            Fault::Refuse { .. } | Fault::Cut { .. } => None,
        })
    };
    if let Some(Fault::Refuse { status, .. }) = fault {
        refused.fetch_add(1, Ordering::SeqCst);
        let body =
            format!(r#"{{"kind":"Status","code":{status},"message":"made to fail","reason":"TooManyRequests"}}"#);
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        return client.write_all(answer.as_bytes()).await.ok();
    }
    let mut server = TcpStream::connect(upstream).await.ok()?;
    let mut lines: Vec<&str> =
        head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    // After the request line.
    lines.insert(1, "Connection: close");
    server.write_all(lines.join("\r\n").as_bytes()).await.ok()?;
    server.write_all(&rest).await.ok()?;
    let passing = copy_bidirectional(&mut client, &mut server);
    match fault {
        Some(Fault::Cut { after, .. }) => {
            if tokio::time::timeout(after, passing).await.is_err() {
                cut.fetch_add(1, Ordering::SeqCst);
            }
        }
        Some(Fault::Refuse { .. }) | None => drop(passing.await),
    }
    Some(())
}

/// A request's head with its empty line, and what came of the body with it.
async fn head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Some((String::from_utf8(read).ok()?, rest));
        }
        if client.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

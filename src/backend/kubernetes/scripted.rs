//! For tests: an API server of a few lines, which answers what a test wants it to.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Site, api::Api, discovery::Served};

pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Proper,
    /// The connection breaks in the middle.
    Cut,
    /// Nothing more, for ever.
    Open,
}

impl Reply {
    pub fn json(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into().into_bytes(), end: End::Proper }
    }

    pub fn refusal(code: u16, reason: &str) -> Self {
        let body = format!(r#"{{"kind":"Status","code":{code},"reason":"{reason}","message":"it says {reason}"}}"#);
        Self::json(body).status(code)
    }

    pub fn status(mut self, code: u16) -> Self {
        self.status = code;
        self
    }

    /// A line each. Ends as a watch does whose time is over.
    pub fn lines(lines: &[&str]) -> Self {
        Self::json(lines.iter().map(|line| format!("{line}\n")).collect::<String>())
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn compressed(mut self) -> Self {
        let mut packed = flate2::read::GzEncoder::new(&*self.body, flate2::Compression::fast());
        let mut body = Vec::new();
        std::io::copy(&mut packed, &mut body).expect("packed");
        self.body = body;
        self.header("Content-Encoding", "gzip")
    }

    pub fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    pub fn left_open(mut self) -> Self {
        self.end = End::Open;
        self
    }
}

struct Asked {
    path: String,
    encoding: String,
}

pub struct Server {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// `answer` is given each path with its query.
    pub fn new(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { address, asked, task }
    }

    /// `answers` in their order, whatever is asked; the last one again and again.
    pub fn telling(answers: Vec<Reply>) -> Self {
        let answers = Mutex::new(answers.into_iter().map(Some).collect::<Vec<_>>());
        let next = Mutex::new(0_usize);
        Self::new(move |_| {
            let mut next = next.lock().expect("not poisoned");
            let mut answers = answers.lock().expect("not poisoned");
            let reply = answers.get_mut(*next).and_then(Option::take);
            *next += 1;
            reply.unwrap_or_else(|| Reply::json("").left_open())
        })
    }

    /// What was asked for until now, in its order: `/api/v1/pods?limit=500`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").iter().map(|asked| asked.path.clone()).collect()
    }

    /// In which encodings the answers were asked for.
    pub fn encodings(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").iter().map(|asked| asked.encoding.clone()).collect()
    }

    pub fn api(&self) -> Api {
        _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let address = format!("http://{}", self.address);
        let mut config = kube::Config::new(address.parse().expect("an address"));
        config.default_retry = false;
        let client = kube::Client::try_from(config).expect("a client");
        Api::new(client, "lab".into(), address.into())
    }
}

impl Server {
    /// What it serves is asked of it.
    pub async fn site(&self, scopes: &[&str]) -> Site {
        let api = self.api();
        Site {
            served: Arc::new(Served::find(&api).await.expect("found")),
            api,
            directory: Arc::default(),
            happened: Arc::default(),
            meter: Arc::default(),
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            source: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&str) -> Reply>, asked: Arc<Mutex<Vec<Asked>>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split_whitespace().nth(1).unwrap_or_default();
    let encoding = text.lines().find_map(|line| line.strip_prefix("accept-encoding: ")).unwrap_or_default();
    asked.lock().expect("not poisoned").push(Asked { path: path.to_owned(), encoding: encoding.to_owned() });
    let reply = answer(path);
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = format!("{head}\r\n").into_bytes();
    if !reply.body.is_empty() {
        bytes.extend_from_slice(format!("{:x}\r\n", reply.body.len()).as_bytes());
        bytes.extend_from_slice(&reply.body);
        bytes.extend_from_slice(b"\r\n");
    }
    if let End::Proper = reply.end {
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    // The other side may have gone; that is its right.
    _ = stream.write_all(&bytes).await;
    if let End::Open = reply.end {
        std::future::pending::<()>().await;
    }
}

//! A real server of S3 on this machine (`tests/lab/s3.py`), and a way to it that can be cut.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use midwatch::{config::place::Place, repository::Access};

use super::PASSWORD;

const PORT: &str = "MIDWATCH_TEST_S3_PORT";
/// Where it is set, a server that is missing is a failure.
const WANTED: &str = "MIDWATCH_TEST_S3";

/// Who the test says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    User,
    Stranger,
}

/// Credentials of S3 come from the environment, and a process may not change its own: the test is started again as a process that has
/// them, with a server of its own. `None`: that was done, or there is no server here; `Some`: the port, in that process.
pub fn port_as(test: &str, who: Who) -> Option<u16> {
    if let Ok(port) = env::var(PORT) {
        return Some(port.parse().expect("a port"));
    }
    let server = Server::start()?;
    let secret = match who {
        Who::User => server.secret.as_str(),
        Who::Stranger => "a guess",
    };
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(PORT, server.port.to_string())
        .env("AWS_ACCESS_KEY_ID", &server.key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("it starts");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{}{}", said[0], said[1]);
    None
}

/// Over a port of this machine.
pub fn access(port: u16, bucket: &str) -> Access {
    let place: Place = format!("s3:http://127.0.0.1:{port}/{bucket}/shop").parse().expect("a place");
    Access { place, password: midwatch::repository::Password::new(PASSWORD), cache: None }
}

struct Server {
    child: Child,
    port: u16,
    key: String,
    secret: String,
}

impl Server {
    fn start() -> Option<Self> {
        let home = env::var("HOME").unwrap_or_default();
        let cache = env::var("XDG_CACHE_HOME").unwrap_or(format!("{home}/.cache"));
        let python = Path::new(&cache).join("midwatch-lab/s3/bin/python");
        if !fs::exists(&python).unwrap_or(false) {
            assert!(env::var_os(WANTED).is_none(), "there is no {}: run tests/lab/s3-install", python.display());
            eprintln!("left out: there is no server of S3; tests/lab/s3-install installs one");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/s3.py");
        let child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
        let words: Vec<&str> = line.split_whitespace().collect();
        let [port, key, secret] = words[..] else { panic!("it said '{line}'") };
        Some(Self { child, port: port.parse().expect("a port"), key: key.into(), secret: secret.into() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What comes to its port is passed on, until it is cut.
pub struct Wire {
    pub port: u16,
    is_cut: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub fn to(server: u16) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let wire = Arc::new(Self { port, is_cut: Arc::default(), answered: Arc::default(), open: Arc::default() });
        let ours = wire.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|client| _ = ours.carry(client, server)));
        wire
    }

    fn carry(self: &Arc<Self>, client: TcpStream, server: u16) -> io::Result<()> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let server = TcpStream::connect(("127.0.0.1", server))?;
        let mut open = self.open.lock().expect("nobody panicked");
        open.extend([client.try_clone()?, server.try_clone()?]);
        let (asks, answers) = ((client.try_clone()?, server.try_clone()?), (server, client));
        let answered = self.answered.clone();
        thread::spawn(move || copy(asks.0, asks.1, &AtomicU64::new(0)));
        thread::spawn(move || copy(answers.0, answers.1, &answered));
        Ok(())
    }

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("nobody panicked").drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// Bytes that came back from the server so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::SeqCst);
        if length == 0 || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

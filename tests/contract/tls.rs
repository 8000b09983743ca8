//! An engine behind TLS: certificates of the test's own, and socat before an engine of a few lines.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures::StreamExt;
use midwatch::{
    backend::{
        Connector, Loss,
        docker::{DockerConnector, Endpoint, Host},
    },
    config::Tls,
    domain::{Change, LossKind},
};

use crate::{
    docker,
    fake::{FakeEngine, Reply},
    observer::PATIENCE,
};

/// A server that asks for a certificate of the client, which its CA must have signed.
struct Front {
    directory: tempfile::TempDir,
    port: u16,
    socat: Child,
    _engine: FakeEngine,
}

impl Front {
    async fn start(case: &str) -> Option<Self> {
        Self::start_with(case, "server").await
    }

    /// With this certificate. `None`, loudly, where the tools for it are not there.
    async fn start_with(case: &str, server: &str) -> Option<Self> {
        for tool in ["openssl", "socat"] {
            let version = if tool == "socat" { "-V" } else { "version" };
            if Command::new(tool).arg(version).output().is_err() {
                assert!(!docker::is_demanded(), "a server for TLS is demanded, and there is no {tool}");
                eprintln!("SKIPPED {case}: there is no {tool}");
                return None;
            }
        }
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("certificates");
        std::fs::write(&script, CERTIFICATES).expect("written");
        let made = Command::new("sh").arg("-eu").arg(&script).current_dir(&directory).output().expect("sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let engine = FakeEngine::usual(|path| path.starts_with("/events").then(|| Reply::Open(Vec::new())));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let listen = format!(
            "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=1,cert={},key={},cafile={}",
            path(&format!("{server}.pem")),
            path(&format!("{server}.key")),
            path("ca.pem"),
        );
        let mut socat = Command::new("socat");
        socat.arg(listen).arg(format!("UNIX-CONNECT:{}", engine.socket().display()));
        let socat = socat.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("socat runs");
        let front = Self { directory, port, socat, _engine: engine };
        front.answers().await;
        Some(front)
    }

    /// Asked of the kernel: a connection would be served, and counted, by socat.
    async fn answers(&self) {
        let wanted = format!(":{:04X}", self.port);
        let listens = || {
            let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
            table.lines().filter_map(|line| line.split_whitespace().nth(1)).any(|local| local.ends_with(&wanted))
        };
        let wait = async {
            while !listens() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("socat listens");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tls(&self, ca: &str, client: &str) -> Tls {
        Tls {
            ca: Some(self.path(ca)),
            certificate: self.path(&format!("{client}.pem")),
            key: self.path(&format!("{client}.key")),
        }
    }

    fn connector(&self, tls: Option<Tls>) -> DockerConnector {
        let endpoint = Endpoint::Tcp { address: format!("127.0.0.1:{}", self.port), tls };
        DockerConnector::new(Host { name: "far".into(), endpoint, protected: false, read_only: false })
    }

    async fn refusal(&self, tls: Option<Tls>) -> Loss {
        let answer = tokio::time::timeout(PATIENCE, self.connector(tls).connect()).await.expect("in time");
        answer.err().expect("no engine")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.socat.kill().and_then(|()| self.socat.wait()).expect("killed");
    }
}

/// `ca` signs `server`, `client` and what has run out; `other` is a CA that signs a client too, and that nobody else knows.
const CERTIFICATES: &str = r#"
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  : >"$1.index"
}
# signed NAME CA USE BEGIN END
signed() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n' "$3" >"$1.ext"
  printf '[ca]\ndefault_ca=us\n[us]\ndatabase=%s.index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n' "$2" >"$2.cnf"
  openssl ca -batch -notext -config "$2.cnf" -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" -extfile "$1.ext" -startdate "$4" -enddate "$5"
}
now=$(date -u +%Y%m%d%H%M%SZ -d '1 hour ago'); later=$(date -u +%Y%m%d%H%M%SZ -d '1 day')
long_ago=20200101000000Z; ago=20200201000000Z
authority ca
authority other
signed server ca serverAuth $now $later
signed server_old ca serverAuth $long_ago $ago
signed client ca clientAuth $now $later
signed client_old ca clientAuth $long_ago $ago
signed stranger other clientAuth $now $later
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_certificates_reach_the_engine_with_its_streams() {
    let Some(front) = Front::start("the_right_certificates_reach_the_engine").await else { return };
    let connector = front.connector(Some(front.tls("ca.pem", "client")));
    let backend = connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    let mut changes = backend.watch();
    let picture = tokio::time::timeout(PATIENCE, changes.next()).await.expect("in time").expect("a change");
    assert!(matches!(picture, Ok(Change::Picture(_))), "{picture:?}");
    backend.ping().await.unwrap_or_else(|loss| panic!("{}", loss.why));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_another_ca_signed_is_not_believed() {
    let Some(front) = Front::start("an_engine_that_another_ca_signed").await else { return };
    let loss = front.refusal(Some(front.tls("other.pem", "client"))).await;
    println!("{}", loss.why);
    assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
    assert!(loss.why.help.as_ref().is_some_and(|help| help.contains("CA")), "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engines_certificate_that_has_run_out_is_told_as_such() {
    let Some(front) = Front::start_with("an_engines_certificate_that_has_run_out", "server_old").await else { return };
    let loss = front.refusal(Some(front.tls("ca.pem", "client"))).await;
    println!("{}", loss.why);
    assert_eq!(loss.kind, LossKind::Expired, "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_certificate_that_the_engine_does_not_take_is_told_from_its_own() {
    let Some(front) = Front::start("our_certificate_that_the_engine_does_not_take").await else { return };
    for (client, kind) in [("stranger", LossKind::Denied), ("client_old", LossKind::Expired)] {
        let loss = front.refusal(Some(front.tls("ca.pem", client))).await;
        println!("{client}: {}", loss.why);
        assert_eq!(loss.kind, kind, "{client}: {}", loss.why);
        assert!(loss.why.to_string().contains("cert.pem") || loss.why.to_string().contains("our"), "{}", loss.why);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_wants_tls_says_so_to_who_comes_without() {
    let Some(front) = Front::start("an_engine_that_wants_tls").await else { return };
    let loss = front.refusal(None).await;
    println!("{}", loss.why);
    assert!(loss.why.to_string().contains("TLS"), "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_file_that_is_no_certificate_is_named() {
    let Some(front) = Front::start("a_tls_file_that_is_no_certificate").await else { return };
    let mut tls = front.tls("ca.pem", "client");
    tls.key = front.path("certificates");
    let loss = front.refusal(Some(tls)).await;
    println!("{}", loss.why);
    assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
}

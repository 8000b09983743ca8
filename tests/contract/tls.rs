//! An engine behind TLS: certificates of the test's own, and a front that asks for them before an engine of a few lines.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
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
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    docker,
    fake::{FakeEngine, Reply},
    observer::PATIENCE,
};

/// A server that asks for a certificate of the client, which its CA must have signed.
struct Front {
    directory: tempfile::TempDir,
    port: u16,
    server: JoinHandle<()>,
    _engine: FakeEngine,
}

impl Front {
    async fn start(case: &str) -> Option<Self> {
        Self::start_with(case, "server", 0).await
    }

    /// With this certificate, ending as many connections as said without a word before any is served. `None`, loudly, where the tools
    /// for it are not there.
    async fn start_with(case: &str, server: &str, curt: usize) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            assert!(
                !docker::is_demanded(),
                "a server for TLS is demanded, and there is no openssl to make certificates"
            );
            eprintln!("SKIPPED {case}: there is no openssl");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("certificates");
        std::fs::write(&script, CERTIFICATES).expect("written");
        let made = Command::new("sh").arg("-eu").arg(&script).current_dir(&directory).output().expect("sh runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let engine = FakeEngine::usual(|path| path.starts_with("/events").then(|| Reply::Open(Vec::new())));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = acceptor(directory.path(), server);
        let socket = engine.socket();
        let server = tokio::spawn(async move {
            for nth in 0.. {
                let Ok((stream, _)) = listener.accept().await else { break };
                if nth < curt {
                    continue;
                }
                tokio::spawn(pass_on(acceptor.clone(), stream, socket.clone()));
            }
        });
        Some(Self { directory, port, server, _engine: engine })
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
        self.server.abort();
    }
}

fn acceptor(directory: &Path, server: &str) -> TlsAcceptor {
    let read = |name: &str| std::fs::read(directory.join(name)).expect("made");
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from_pem_slice(&read("ca.pem")).expect("a certificate")).expect("a CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let asks =
        WebPkiClientVerifier::builder_with_provider(known.into(), provider.clone()).build().expect("it has a CA");
    let certificate = CertificateDer::from_pem_slice(&read(&format!("{server}.pem"))).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&read(&format!("{server}.key"))).expect("a key");
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("fit");
    let config =
        config.with_client_cert_verifier(asks).with_single_cert(vec![certificate], key).expect("belong together");
    TlsAcceptor::from(Arc::new(config))
}

/// Whoever is refused has gone by himself; that is what the test looks at.
async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, socket: PathBuf) {
    let Ok(mut near) = acceptor.accept(stream).await else { return };
    let mut far = UnixStream::connect(socket).await.expect("the engine listens");
    _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
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
    assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
    assert!(loss.why.why.contains("a CA that is not known here"), "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engines_certificate_that_has_run_out_is_told_as_such() {
    let Some(front) = Front::start_with("an_engines_certificate_that_has_run_out", "server_old", 0).await else {
        return;
    };
    let loss = front.refusal(Some(front.tls("ca.pem", "client"))).await;
    assert_eq!(loss.kind, LossKind::Expired, "{}", loss.why);
    assert_eq!(&*loss.why.why, "the engine's certificate ran out on 2020-02-01");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_certificate_that_the_engine_does_not_take_is_told_from_its_own() {
    let Some(front) = Front::start("our_certificate_that_the_engine_does_not_take").await else { return };
    for (client, kind) in [("stranger", LossKind::Denied), ("client_old", LossKind::Expired)] {
        let loss = front.refusal(Some(front.tls("ca.pem", client))).await;
        assert_eq!(loss.kind, kind, "{client}: {}", loss.why);
        assert!(loss.why.why.contains("our certificate"), "{}", loss.why);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_against_our_certificate_is_heard_where_a_connection_just_ended() {
    let Some(front) = Front::start_with("what_is_said_against_our_certificate", "server", 1).await else { return };
    let loss = front.refusal(Some(front.tls("ca.pem", "client_old"))).await;
    assert_eq!(loss.kind, LossKind::Expired, "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_just_ends_is_told_as_such_where_nothing_is_said_against_our_certificate() {
    let Some(front) = Front::start_with("a_connection_that_just_ends", "server", usize::MAX).await else { return };
    let loss = front.refusal(Some(front.tls("ca.pem", "client"))).await;
    assert_eq!(loss.kind, LossKind::Unreachable, "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_wants_tls_says_so_to_who_comes_without() {
    let Some(front) = Front::start("an_engine_that_wants_tls").await else { return };
    let loss = front.refusal(None).await;
    assert!(loss.why.to_string().contains("TLS"), "{}", loss.why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_file_that_is_of_no_use_is_named() {
    let Some(front) = Front::start("a_tls_file_that_is_of_no_use").await else { return };
    let good = front.tls("ca.pem", "client");
    let stranger = front.tls("ca.pem", "stranger");
    let text = front.path("certificates");
    for (tls, words) in [
        (Tls { key: text.clone(), ..good.clone() }, "holds no private key"),
        (Tls { certificate: text.clone(), ..good.clone() }, "holds no certificate"),
        (Tls { ca: Some(text), ..good.clone() }, "holds no certificate"),
        (Tls { key: stranger.key, ..good.clone() }, "is not the key of"),
        (Tls { key: "/nowhere/key.pem".into(), ..good }, "/nowhere/key.pem cannot be read"),
    ] {
        let loss = front.refusal(Some(tls)).await;
        assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
        assert!(loss.why.why.contains(words), "{}", loss.why);
    }
}

//! An engine behind SSH: the user's ssh, a server of the test's own on a loopback port, and an engine at the far end.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use midwatch::{
    backend::{
        Connector, Loss,
        docker::{DockerConnector, Endpoint, Host},
    },
    domain::LossKind,
    message::{Question, Since},
};

use crate::{
    docker::{self, DockerStage},
    fake::{FakeEngine, Reply},
    observer::{Observer, PATIENCE, read_log},
    stage::Stage,
};

const SSHD: &str = "/usr/sbin/sshd";

/// A server with its own keys, and a client's config that knows them: nothing of the machine's or the user's is read or written.
struct Sshd {
    directory: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Sshd {
    /// `None`, loudly, where there is no server to start.
    async fn start(case: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            assert!(!docker::is_demanded(), "a server for SSH is demanded, and there is no {SSHD}");
            eprintln!("SKIPPED {case}: there is no {SSHD}; install openssh-server");
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        for key in ["host", "other_host", "user", "other_user"] {
            keygen(&directory.path().join(key));
        }
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::copy(path("user.pub"), path("authorized_keys")).expect("copied");
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n",
            path("host"),
            path("authorized_keys"),
        );
        fs::write(path("sshd_config"), server).expect("written");
        let server = serve(directory.path());
        let sshd = Self { directory, port, server };
        sshd.use_key("user");
        sshd.know("host");
        sshd.answers().await;
        Some(sshd)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn use_key(&self, name: &str) {
        let client = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {}\nGlobalKnownHostsFile none\n",
            self.path(name).display(),
            self.path("known_hosts").display()
        );
        fs::write(self.path("config"), client).expect("written");
    }

    /// The client believes that this is the server's key.
    fn know(&self, name: &str) {
        let key = fs::read_to_string(self.path(&format!("{name}.pub"))).expect("a key");
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).expect("written");
    }

    fn connector(&self, socket: &Path) -> DockerConnector {
        let user = String::from_utf8(Command::new("id").arg("-un").output().expect("id runs").stdout).expect("text");
        let destination = format!("{}@127.0.0.1:{}", user.trim(), self.port);
        let endpoint = Endpoint::Ssh { destination, socket: socket.into() };
        let host = Host { name: "lab".into(), endpoint, protected: false, read_only: false };
        DockerConnector::with_ssh_config(host, Some(self.path("config")))
    }

    async fn refusal(&self, socket: &Path) -> Loss {
        self.connector(socket).connect().await.err().expect("no engine")
    }

    /// How many connections there were that got in.
    fn accepted(&self) -> usize {
        let log = fs::read_to_string(self.path("log")).expect("a log");
        log.lines().filter(|line| line.contains("Accepted publickey")).count()
    }

    /// The processes that serve one connection each.
    fn connections(&self) -> Vec<String> {
        let parent = self.server.id().to_string();
        let output = Command::new("ps").args(["-o", "pid=", "--ppid", &parent]).output().expect("ps runs");
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect()
    }

    async fn answers(&self) {
        until("sshd to answer", || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    /// As when the host goes down: the server, and every connection.
    fn kill(&mut self) {
        let connections = self.connections();
        self.server.kill().and_then(|()| self.server.wait()).expect("killed");
        // Some of them may just have ended.
        _ = Command::new("kill").arg("-9").args(connections).stderr(Stdio::null()).status().expect("kill runs");
    }

    async fn restart(&mut self) {
        self.server = serve(self.directory.path());
        self.answers().await;
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keygen(path: &Path) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path);
    assert!(keygen.status().expect("ssh-keygen runs").success());
}

fn serve(directory: &Path) -> Child {
    if let Err(error) = fs::create_dir_all("/run/sshd") {
        eprintln!("sshd may miss /run/sshd: {error}");
    }
    let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log");
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).expect("changed");
    let mut sshd = Command::new(SSHD);
    sshd.args(["-D", "-e", "-f"]).arg(directory.join("sshd_config"));
    sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd runs")
}

async fn until(expected: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {expected}"));
}

fn engine() -> FakeEngine {
    FakeEngine::usual(|path| path.starts_with("/events").then(|| Reply::Open(Vec::new())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ssh_connection_serves_every_stream_and_ends_with_the_last() {
    let case = "one_ssh_connection_serves_every_stream";
    let Some(stage) = DockerStage::open(case).await else { return };
    let Some(sshd) = Sshd::start(case).await else { return };
    let running = stage.start(&[], "echo hello from afar; exec sleep 1000");
    let connector = sshd.connector(Path::new(docker::SOCKET));
    let backend = connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.until("a picture", |now| now.instance(&running.instance).map(drop)).await;

    let instance = running.instance.clone();
    let mut logs: Vec<_> = (0..12).map(|_| backend.follow(instance.clone(), Since::Beginning)).collect();
    for log in &mut logs {
        assert!(!read_log(log, |log| log.has("hello from afar\n")).await.ended);
    }
    let mut samples = backend.sample(instance.clone());
    samples.next().await.expect("a sample").expect("it runs");
    backend.query(Question::Configuration(instance)).await.expect("an answer");
    let again = connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    again.ping().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    assert_eq!((sshd.accepted(), sshd.connections().len()), (1, 1));

    drop((connector, backend, again, observer, samples));
    assert_eq!(sshd.connections().len(), 1, "tails still go over it");
    drop(logs);
    until("the connection to end", || sshd.connections().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_key_is_not_known_or_another_is_not_believed() {
    let Some(sshd) = Sshd::start("a_host_whose_key_is_not_known").await else { return };
    let engine = engine();
    fs::write(sshd.path("known_hosts"), "").expect("written");
    let unknown = sshd.refusal(&engine.socket()).await;
    sshd.know("other_host");
    let changed = sshd.refusal(&engine.socket()).await;
    for (loss, words) in [(&unknown, "its host key is not known"), (&changed, "its host key has changed")] {
        assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
        assert!(loss.why.why.starts_with(words) && loss.why.help.is_some(), "{}", loss.why);
    }
    assert_eq!(sshd.accepted(), 0);
    assert!(engine.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_let_in_names_the_agent() {
    let Some(sshd) = Sshd::start("a_key_that_is_not_let_in").await else { return };
    sshd.use_key("other_user");
    let loss = sshd.refusal(&engine().socket()).await;
    assert_eq!(loss.kind, LossKind::Denied, "{}", loss.why);
    assert!(loss.why.help.expect("it helps").contains("ssh-add"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_an_engine_is_told_from_a_host_that_is_not_there() {
    let Some(mut sshd) = Sshd::start("a_host_without_an_engine").await else { return };
    let no_engine = sshd.refusal(Path::new("/nowhere/docker.sock")).await;
    sshd.kill();
    let no_host = sshd.refusal(Path::new("/nowhere/docker.sock")).await;
    assert_eq!((no_engine.kind, no_host.kind), (LossKind::Unreachable, LossKind::Unreachable));
    assert!(no_engine.why.to_string().contains("/nowhere/docker.sock"), "{}", no_engine.why);
    assert!(no_host.why.why.contains("refused"), "{}", no_host.why);
    assert!(no_host.why.help.expect("it helps").contains("ssh ssh://"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_goes_down_is_lost_in_words_and_comes_back_over_a_new_connection() {
    let Some(mut sshd) = Sshd::start("a_host_that_goes_down").await else { return };
    let engine = engine();
    let connector = sshd.connector(&engine.socket());
    let backend = connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    let mut changes = backend.watch();
    changes.next().await.expect("a picture").expect("it is there");
    sshd.kill();
    let lost = async {
        loop {
            if let Err(loss) = changes.next().await.expect("the end is told") {
                return loss;
            }
        }
    };
    let lost = tokio::time::timeout(PATIENCE, lost).await.expect("it is noticed");
    assert_eq!((lost.kind, &*lost.why.why), (LossKind::Unreachable, "the SSH connection broke"));
    let ping = backend.ping().await.expect_err("it is down");
    assert_eq!(&*ping.why.why, "the SSH connection broke");
    assert_eq!(connector.connect().await.err().expect("it is down").kind, LossKind::Unreachable);

    sshd.restart().await;
    let backend = connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    backend.ping().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    assert_eq!(sshd.accepted(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_was_given_up_leaves_no_second_connection() {
    let Some(sshd) = Sshd::start("a_try_that_was_given_up").await else { return };
    let engine = engine();
    let connector: Arc<dyn Connector> = Arc::new(sshd.connector(&engine.socket()));
    for _ in 0..3 {
        _ = tokio::time::timeout(Duration::from_millis(5), connector.connect()).await;
    }
    connector.connect().await.unwrap_or_else(|loss| panic!("{}", loss.why));
    until("one connection", || sshd.connections().len() == 1).await;
    assert_eq!(sshd.accepted(), 1);
}

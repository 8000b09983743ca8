//! On a real cluster where there is one, else on what this machine can be made to answer.

use std::{fs, path::PathBuf, time::Duration};

use kube::config::{AuthInfo, ExecConfig, Kubeconfig};
use tokio::{net::TcpListener, time::timeout};

use super::*;
use crate::{
    backend::kubernetes::{
        discover,
        testing::{PATIENCE, program},
    },
    domain::LossKind,
};

/// A copy of the lab's kubeconfig that may be spoilt; absent on a machine without a lab, unless it is said that there has to be one.
struct Lab {
    root: tempfile::TempDir,
    kubeconfig: Kubeconfig,
}

impl Lab {
    fn new() -> Option<Self> {
        let path = std::env::var_os("MIDWATCH_TEST_KUBECONFIG").filter(|path| !path.is_empty());
        let must = std::env::var("MIDWATCH_TEST_KUBERNETES").is_ok_and(|must| must == "1");
        assert!(path.is_some() || !must, "MIDWATCH_TEST_KUBECONFIG names no kubeconfig");
        let kubeconfig = Kubeconfig::read_from(path?).expect("the lab's kubeconfig");
        Some(Self { root: tempfile::tempdir().unwrap(), kubeconfig })
    }

    /// Of nobody, for a server that is none.
    fn at(server: &str) -> Self {
        let text = format!(
            "{{ clusters: [{{ name: a, cluster: {{ server: '{server}' }} }}], users: [{{ name: a, user: {{}} }}], \
             contexts: [{{ name: lab, context: {{ cluster: a, user: a }} }}] }}"
        );
        Self { root: tempfile::tempdir().unwrap(), kubeconfig: Kubeconfig::from_yaml(&text).unwrap() }
    }

    fn user(&mut self) -> &mut AuthInfo {
        self.kubeconfig.auth_infos[0].auth_info.as_mut().unwrap()
    }

    fn cluster(&mut self) -> &mut kube::config::Cluster {
        self.kubeconfig.clusters[0].cluster.as_mut().unwrap()
    }

    /// The token goes elsewhere.
    fn take_token(&mut self) -> String {
        let user = serde_json::to_value(std::mem::take(self.user())).unwrap();
        user["token"].as_str().expect("the lab's users have tokens").to_owned()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn connector(&self) -> KubernetesConnector {
        let path = self.write("config", serde_json::to_vec(&self.kubeconfig).unwrap());
        let found = discover(|name| (name == "KUBECONFIG").then(|| path.to_str().unwrap().to_owned()), None);
        KubernetesConnector::new(found.contexts.into_iter().next().expect("a context"))
    }
}

async fn loss(connector: &KubernetesConnector) -> Loss {
    match connector.connect().await {
        Ok(_) => panic!("it was connected"),
        Err(loss) => loss,
    }
}

async fn connect(connector: &KubernetesConnector) -> Arc<dyn Backend> {
    match connector.connect().await {
        Ok(backend) => backend,
        Err(loss) => panic!("{loss:?}"),
    }
}

#[tokio::test]
async fn a_real_cluster_is_connected_and_answers() {
    let Some(lab) = Lab::new() else { return };
    connect(&lab.connector()).await.ping().await.expect("an answer");
}

#[tokio::test]
async fn who_may_do_next_to_nothing_is_connected_too() {
    let Some(path) = std::env::var_os("MIDWATCH_TEST_KUBECONFIG").map(PathBuf::from) else { return };
    for name in ["viewer.kubeconfig", "scoped.kubeconfig"] {
        let path = path.with_file_name(name);
        if path.exists() {
            let found = discover(|name| (name == "KUBECONFIG").then(|| path.to_str().unwrap().to_owned()), None);
            connect(&KubernetesConnector::new(found.contexts.into_iter().next().expect("a context"))).await;
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_denied_and_one_that_was_good_has_expired() {
    let Some(mut lab) = Lab::new() else { return };
    let good = lab.take_token();
    lab.user().token_file = lab.write("token", "nonsense").to_str().map(str::to_owned);
    let connector = lab.connector();
    let denied = loss(&connector).await;
    assert_eq!(
        (denied.kind, &*denied.why.why),
        (LossKind::Denied, "the server does not accept these credentials: they are wrong, or have expired")
    );

    lab.write("token", &good);
    timeout(PATIENCE, connector.changed()).await.expect("the file is another");
    let backend = connect(&connector).await;
    backend.ping().await.expect("an answer");

    lab.write("token", "nonsense");
    timeout(PATIENCE, connector.changed()).await.expect("the file is another");
    backend.ping().await.expect("what is connected stays so");
    let expired = loss(&connector).await;
    assert_eq!(
        (expired.kind, &*expired.why.why),
        (LossKind::Expired, "the server does not accept these credentials any more")
    );
}

#[tokio::test]
async fn a_server_that_another_ca_signed_is_not_talked_to() {
    let Some(mut lab) = Lab::new() else { return };
    let other = include_str!("tests/other-ca.pem");
    let path = lab.write("ca.pem", other);
    let cluster = lab.cluster();
    cluster.certificate_authority_data = None;
    cluster.certificate_authority = path.to_str().map(str::to_owned);
    let loss = loss(&lab.connector()).await;
    assert_eq!(
        (loss.kind, &*loss.why.why),
        (LossKind::Denied, "the server's certificate is signed by a CA that is not known here")
    );
    assert!(loss.why.help.expect("help").contains("certificate-authority"));
}

#[tokio::test]
async fn a_server_that_is_called_by_another_name_is_not_talked_to() {
    let Some(mut lab) = Lab::new() else { return };
    lab.cluster().tls_server_name = Some("elsewhere.example.com".into());
    let loss = loss(&lab.connector()).await;
    assert_eq!(
        (loss.kind, &*loss.why.why),
        (LossKind::Denied, "the server's certificate is not for elsewhere.example.com")
    );
}

#[tokio::test]
async fn a_plugin_signs_in_and_is_asked_again_when_the_server_refuses_what_it_said() {
    let Some(mut lab) = Lab::new() else { return };
    let good = lab.take_token();
    lab.write("token", "nonsense");
    let root = lab.root.path().display().to_string();
    let script = lab.root.path().join("plugin");
    program(
        &script,
        format!(
            "#!/bin/sh\ncd {root}\necho run >>runs\necho noise >&2\n\
             echo \"{{\\\"status\\\":{{\\\"token\\\":\\\"$(cat token)\\\"}}}}\"\n"
        ),
    );
    lab.user().exec = Some(ExecConfig { command: script.to_str().map(str::to_owned), ..ExecConfig::default() });
    let connector = lab.connector();
    assert_eq!(loss(&connector).await.kind, LossKind::Denied);
    lab.write("token", &good);
    connect(&connector).await;
    connect(&connector).await;
    let runs = fs::read_to_string(lab.root.path().join("runs")).unwrap();
    // Twice for what is refused, because it might only be old; once for what is good.
    assert_eq!(runs.lines().count(), 3, "{runs}");
}

#[tokio::test]
async fn what_a_plugin_said_is_renewed_before_it_ends_and_the_connection_stays() {
    let Some(mut lab) = Lab::new() else { return };
    let good = lab.take_token();
    lab.write("token", &good);
    let root = lab.root.path().display().to_string();
    let end = jiff::Timestamp::now() + Duration::from_secs(8);
    let script = lab.root.path().join("plugin");
    program(
        &script,
        format!(
            "#!/bin/sh\ncd {root}\necho run >>runs\n\
             echo \"{{\\\"status\\\":{{\\\"token\\\":\\\"$(cat token)\\\",\\\"expirationTimestamp\\\":\\\"{end}\\\"}}}}\"\n"
        ),
    );
    lab.user().exec = Some(ExecConfig { command: script.to_str().map(str::to_owned), ..ExecConfig::default() });
    let backend = connect(&lab.connector()).await;
    lab.write("token", "nonsense");
    // The new client has the new token, which is none.
    let refused = async {
        loop {
            if let Err(loss) = backend.ping().await {
                return loss;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let loss = timeout(PATIENCE, refused).await.expect("it is renewed");
    assert_eq!(loss.kind, LossKind::Expired);
    // Once more where it was slow, since what is about to end is renewed as well.
    assert!(fs::read_to_string(lab.root.path().join("runs")).unwrap().lines().count() >= 2);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let loss = loss(&Lab::at(&format!("https://127.0.0.1:{port}")).connector()).await;
    assert_eq!((loss.kind, &*loss.why.why), (LossKind::Unreachable, "connection refused"));
    assert!(loss.why.help.expect("help").contains("VPN"));
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told_as_such() {
    let loss = loss(&Lab::at("https://no-such-host.invalid").connector()).await;
    assert_eq!((loss.kind, &*loss.why.why), (LossKind::Unreachable, "its name is not known (DNS)"));
}

#[tokio::test]
async fn what_answers_and_is_no_api_server_is_told_as_such() {
    for scheme in ["http", "https"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example.com ESMTP\r\n").await;
                // It goes on listening, as a mail server would.
                tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
            }
        });
        let loss = loss(&Lab::at(&format!("{scheme}://{address}")).connector()).await;
        server.abort();
        assert_eq!(loss.kind, LossKind::Unreachable);
        let expected = ["what answers there is no API server", "what answers there does not speak TLS"];
        assert!(expected.contains(&&*loss.why.why), "{scheme}: {loss:?}");
        assert!(loss.why.help.expect("help").contains("https://"));
    }
}

#[tokio::test]
async fn a_kubeconfig_that_appears_and_is_mended_is_read_again() {
    let lab = Lab::at("https://127.0.0.1:1");
    let path = lab.root.path().join("config");
    let connector = lab.connector();
    fs::remove_file(&path).unwrap();
    let gone = loss(&connector).await;
    assert_eq!((gone.kind, gone.why.why.contains("no context 'lab'")), (LossKind::Denied, true), "{gone:?}");

    fs::write(&path, "contexts: [").unwrap();
    timeout(PATIENCE, connector.changed()).await.expect("the file is there");
    let broken = loss(&connector).await;
    assert!(broken.why.why.contains("line 1, "), "{broken:?}");

    fs::write(&path, serde_json::to_vec(&lab.kubeconfig).unwrap()).unwrap();
    timeout(PATIENCE, connector.changed()).await.expect("the file is another");
    assert_eq!(&*loss(&connector).await.why.why, "connection refused");
}

//! What Velero keeps in its store: reached from here, and only through the cluster.

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::domain::{Foretelling, Trouble, VeleroFile, Way, What};

/// A store on this machine, which answers everybody with the same, and remembers what it was asked.
struct Store {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Store {
    async fn open(status: &'static str, body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or(0);
                heard.lock().expect("whole").push(String::from_utf8_lossy(&request[..read]).into_owned());
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            }
        });
        Self { address, asked, serving }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Signs a link for everybody who asks, as Velero's server does.
struct Signer(JoinHandle<()>);

impl Signer {
    fn of(lab: &Arc<Lab>, url: String) -> Self {
        let lab = lab.clone();
        Self(tokio::spawn(async move {
            loop {
                let list = lab.get_or_null(lab.velero("downloadrequests")).await;
                for request in list["items"].as_array().into_iter().flatten() {
                    let path = format!(
                        "{}/{}/status",
                        lab.velero("downloadrequests"),
                        request["metadata"]["name"].as_str().unwrap_or_default()
                    );
                    let status = json!({"status": {"phase": "Processed", "downloadURL": url}});
                    // Those that are signed are removed meanwhile.
                    let _ = lab.site.api.change::<Value>(Method::PATCH, &path, PATCH, &status).await;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }))
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lab {
    async fn text(&self, name: &str, file: VeleroFile) -> Result<crate::domain::VeleroText, Trouble> {
        let question = Question::VeleroText("lab".into(), self.id(name), file);
        match query::query(self.site.clone(), question).await? {
            Answer::VeleroText(text) => Ok(text),
            other => panic!("another answer: {other:?}"),
        }
    }

    /// A pod behind a Service, which has `body` at `/bucket/backup`.
    async fn store_in_a_pod(&self, body: &[u8]) {
        let binary = json!({"backup": BASE64_STANDARD.encode(body)});
        self.make(&self.core("configmaps"), json!({"metadata": {"name": "bucket"}, "binaryData": binary})).await;
        let container = json!({
            "name": "store", "image": "lab/busybox", "imagePullPolicy": "Never",
            "command": ["httpd", "-f", "-p", "9000", "-h", "/www"],
            "volumeMounts": [{"name": "bucket", "mountPath": "/www/bucket"}],
            "readinessProbe": {"tcpSocket": {"port": 9000}, "periodSeconds": 1, "timeoutSeconds": 10},
        });
        let volumes = json!([{"name": "bucket", "configMap": {"name": "bucket"}}]);
        let spec = json!({"terminationGracePeriodSeconds": 1, "containers": [container], "volumes": volumes});
        let metadata = json!({"name": "store", "labels": {"app": "store"}});
        self.make(&self.core("pods"), json!({"metadata": metadata, "spec": spec})).await;
        let spec = json!({"selector": {"app": "store"}, "ports": [{"name": "api", "port": 80, "targetPort": 9000}]});
        self.make(&self.core("services"), json!({"metadata": {"name": "store"}, "spec": spec})).await;
        let seen = || self.get_or_null(self.core("endpoints/store"));
        let is_backed = |found: &Value| found["subsets"][0]["addresses"].is_array();
        self.until("the store to be ready", seen, is_backed).await;
    }
}

#[tokio::test]
async fn a_log_comes_straight_from_a_store_that_is_reached_and_the_link_is_told_nobody() {
    with_kinds("velero-log", VELERO, |lab| async move {
        lab.velero_serves().await;
        lab.backup("b1").await;
        let why = lab.text("b1", VeleroFile::BackupLog).await.expect_err("it is not over");
        assert!(why.why.contains("it is not over"), "{why}");
        lab.velero_says("backups/b1", json!({"phase": "Completed"})).await;

        let store = Store::open("200 OK", velero::fixture::packed("one\npassword=hunter2\u{1b}[2J\n")).await;
        let path = "/bucket/b1-logs.gz?X-Amz-Signature=5ec2e7&X-Amz-Expires=600";
        let signer = Signer::of(&lab, format!("http://{}{path}", store.address));
        let log = lab.text("b1", VeleroFile::BackupLog).await.expect("a log");
        assert!(log.text.starts_with("one\n") && !log.text.contains("hunter2"), "{log:?}");
        assert!(!log.text.contains('\u{1b}') && log.way == Way::Direct, "{log:?}");
        let asked = store.asked.lock().expect("whole").concat();
        assert!(asked.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{asked}");
        assert!(asked.to_lowercase().contains(&format!("host: {}\r\n", store.address)), "{asked}");
        let left = lab.get(&lab.velero("downloadrequests")).await;
        assert_eq!(left["items"], json!([]), "the request is taken away");
        drop(signer);

        let xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let store = Store::open("403 Forbidden", xml.into()).await;
        let _signer = Signer::of(&lab, format!("http://{}{path}", store.address));
        let why = lab.text("b1", VeleroFile::BackupLog).await.expect_err("it is refused").to_string();
        assert!(why.contains("403 (AccessDenied: Request has expired)") && !why.contains("5ec2e7"), "{why}");
    })
    .await;
}

#[tokio::test]
async fn a_restore_is_foretold_from_a_store_that_only_the_cluster_reaches() {
    with_kinds("velero-preview", VELERO, |lab| async move {
        lab.velero_serves().await;
        lab.backup("b1").await;
        lab.velero_says("backups/b1", json!({"phase": "Completed"})).await;
        let object = |version: &str, kind: &str, name: &str, rest: Value| {
            let mut object = rest;
            object["apiVersion"] = json!(version);
            object["kind"] = json!(kind);
            object["metadata"] = json!({"namespace": lab.namespace, "name": name});
            object
        };
        let config = |mode: &str| object("v1", "ConfigMap", "mode", json!({"data": {"mode": mode}}));
        let secret = |value: &str| {
            object("v1", "Secret", "keys", json!({"type": "Opaque", "data": {"key": BASE64_STANDARD.encode(value)}}))
        };
        let widget = object("example.com/v1", "Widget", "w", json!({}));
        let event = object("v1", "Event", "e", json!({}));
        let gone = object("v1", "Service", "gone", json!({"spec": {"ports": [{"port": 80}]}}));
        let backed_up = [
            ("configmaps", config("old")),
            ("secrets", secret("hunter2")),
            ("services", gone),
            ("events", event),
            ("widgets.example.com", widget),
        ];
        lab.store_in_a_pod(&velero::fixture::backup(&backed_up)).await;
        lab.make(&lab.core("configmaps"), config("new")).await;
        lab.make(&lab.core("secrets"), secret("hunter3")).await;
        let _signer = Signer::of(&lab, format!("http://store.{}.svc/bucket/backup?signature=5ec2e7", lab.namespace));

        let restore =
            NewRestore { id: lab.id("r1"), backup: "b1".into(), existing: Existing::Update, ..NewRestore::default() };
        let question = Question::Preview("lab".into(), Box::new(restore));
        let answer = query::query(lab.site.clone(), question).await.expect("a preview");
        let Answer::Preview(preview) = answer else { panic!("another answer: {answer:?}") };
        assert_eq!(preview.way, Way::Through(format!("{}/store", lab.namespace).into()));
        let expected = Foretelling { conflicts: 1, updates: 2, creates: 1, left_out: 1, ..Foretelling::default() };
        assert_eq!(preview.count(), expected, "{preview:#?}");
        let row = |name: &str| preview.rows.iter().find(|row| &*row.name == name).expect("a row");
        let What::Update { fields } = &row("mode").what else { panic!("{:?}", row("mode")) };
        assert_eq!(fields.iter().map(ToString::to_string).collect::<Vec<_>>(), ["~ data.mode  new -> old"]);
        assert!(matches!(&row("w").what, What::Conflict { why } if why.contains("does not know its kind")));
        let told = format!("{preview:?}");
        assert!(!told.contains("hunter") && !told.contains(&BASE64_STANDARD.encode("hunter2")), "{told}");
    })
    .await;
}

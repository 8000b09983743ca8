use std::{fs, path::Path};

use super::*;
use crate::backend::kubernetes::testing::program;

const TOKEN: &str = r#"echo '{"kind":"ExecCredential","status":{"token":"hunter2"}}'"#;

struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn script(&self, text: &str) -> ExecConfig {
        let path = self.path("plugin");
        program(&path, format!("#!/bin/sh\ncd {}\n{text}\n", self.0.path().display()));
        ExecConfig { command: path.to_str().map(str::to_owned), ..ExecConfig::default() }
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.path("runs")).unwrap_or_default().lines().count()
    }
}

fn why(answer: Answer) -> String {
    let Err(Fault::Way { why, .. }) = answer else { panic!("it was taken, or refused otherwise") };
    why.to_string()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_run_serves_all_connections_until_it_is_forgotten() {
    let (scripts, plugin) = (Scripts::new(), Plugin::default());
    let exec = scripts.script(&format!("echo run >>runs; {TOKEN}"));
    for _ in 0..3 {
        assert_eq!(plugin.sign_in(exec.clone()).await.unwrap().token.as_deref(), Some("hunter2"));
    }
    assert_eq!(scripts.runs(), 1);
    plugin.forget();
    plugin.sign_in(exec.clone()).await.unwrap();
    assert_eq!(scripts.runs(), 2);
    let other = ExecConfig { args: Some(vec!["--profile=other".into()]), ..exec };
    plugin.sign_in(other).await.unwrap();
    assert_eq!(scripts.runs(), 3);
}

#[tokio::test]
async fn what_has_expired_is_asked_for_again() {
    let (scripts, plugin) = (Scripts::new(), Plugin::default());
    let soon = Timestamp::now() - Duration::from_secs(1);
    let exec = scripts
        .script(&format!(r#"echo run >>runs; echo '{{"status":{{"token":"a","expirationTimestamp":"{soon}"}}}}'"#));
    plugin.sign_in(exec.clone()).await.unwrap();
    plugin.sign_in(exec).await.unwrap();
    assert_eq!(scripts.runs(), 2);
}

#[tokio::test]
async fn it_is_told_what_it_is_for_and_gets_no_terminal() {
    let scripts = Scripts::new();
    let mut exec = scripts.script(&format!(r#"echo "$KUBERNETES_EXEC_INFO" >info; echo "$A" >a; cat >in; {TOKEN}"#));
    exec.api_version = Some("client.authentication.k8s.io/v1".into());
    exec.env = Some(vec![HashMap::from([("name".into(), "A".into()), ("value".into(), "b".into())])]);
    exec.cluster = Some(ExecAuthCluster { server: Some("https://here".into()), ..ExecAuthCluster::default() });
    Plugin::default().sign_in(exec).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&fs::read(scripts.path("info")).unwrap()).unwrap();
    assert_eq!(info["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(
        (&info["spec"]["interactive"], &info["spec"]["cluster"]["server"]),
        (&json!(false), &json!("https://here"))
    );
    assert_eq!(fs::read_to_string(scripts.path("a")).unwrap(), "b\n");
    assert_eq!(fs::read(scripts.path("in")).unwrap(), b"");
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_words_and_without_what_is_secret() {
    let scripts = Scripts::new();
    for (script, expected) in [
        (
            "echo hunter2; echo 'one' >&2; echo 'the session is over' >&2; exit 3",
            "failed (exit status: 3): the session is over",
        ),
        ("echo 'token=hunter2' >&2; exit 1", "failed (exit status: 1): token="),
        ("echo hunter2", "answered with something that is no ExecCredential"),
        ("echo '{}'", "answered without a status"),
        ("echo '{\"status\":{}}'", "answered without a token and without a certificate"),
        ("echo '{\"status\":{\"token\":\"hunter2\",\"expirationTimestamp\":\"soon\"}}'", "that is no time"),
    ] {
        let why = why(Plugin::default().sign_in(scripts.script(script)).await);
        assert!(why.contains(expected) && !why.contains("hunter2"), "{script}: {why}");
    }
    let missing = ExecConfig {
        command: Some("no-such-plugin".into()),
        install_hint: Some("\nbrew install it\n".into()),
        ..ExecConfig::default()
    };
    let Err(Fault::Way { why, help, .. }) = Plugin::default().sign_in(missing).await else { panic!("it was taken") };
    assert_eq!(&*why, "the sign-in command no-such-plugin is not installed");
    assert_eq!(help.as_deref(), Some("brew install it"));
}

#[tokio::test]
async fn one_that_waits_for_a_person_holds_nobody_up_and_what_it_says_later_is_used() {
    let (scripts, plugin) = (Scripts::new(), Plugin::default());
    let exec = scripts.script(&format!("echo run >>runs; while [ ! -e go ]; do sleep 0.05; done; {TOKEN}"));
    let why = why(plugin.sign_in(exec.clone()).await);
    assert!(why.contains("has not answered yet"), "{why}");
    fs::write(scripts.path("go"), "").unwrap();
    plugin.answered().await;
    assert_eq!(plugin.sign_in(exec).await.unwrap().token.as_deref(), Some("hunter2"));
    assert_eq!(scripts.runs(), 1);
}

#[tokio::test]
async fn one_that_is_given_up_ends_with_all_that_it_started() {
    let scripts = Scripts::new();
    let exec = scripts.script("sleep 1000 & echo $! >child; echo $$ >parent; wait");
    let running = tokio::spawn(run(exec));
    until(|| fs::read_to_string(scripts.path("parent")).is_ok_and(|id| id.ends_with('\n'))).await;
    running.abort();
    assert!(running.await.is_err());
    for name in ["child", "parent"] {
        let id = fs::read_to_string(scripts.path(name)).unwrap();
        let status = format!("/proc/{}/stat", id.trim());
        // What has ended and was not asked for its end yet is a zombie, `Z`.
        until(|| !Path::new(&status).exists() || fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") Z ")))
            .await;
    }
}

#[test]
fn what_lasts_is_renewed_a_minute_before_and_what_does_not_in_its_last_quarter() {
    let left = |seconds: i64| {
        let end = Timestamp::now() + SignedDuration::from_secs(seconds);
        end.duration_since(renew_before(end)).as_secs()
    };
    assert_eq!((left(900), left(40), left(-5)), (60, 9, 0));
}

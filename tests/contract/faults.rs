//! Engines that misbehave: each gets a clear word, and none hangs the console.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::StreamExt;
use midwatch::{
    backend::{Connector, FollowError},
    domain::{Change, InstanceId, LossKind},
    message::Since,
};

use crate::fake::{FakeEngine, Reply, connector};

const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test(start_paused = true)]
async fn an_engine_that_accepts_and_says_nothing_is_hung() {
    let engine = FakeEngine::new(|_| Reply::Silence);
    let loss = engine.connect().await.err().expect("no engine");
    assert_eq!(loss.kind, LossKind::Hung, "{}", loss.why);
    assert!(loss.why.line().contains("did not answer in time"), "{}", loss.why);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stops_in_the_middle_of_an_answer_is_hung() {
    let engine = FakeEngine::new(|_| Reply::Open(br#"{"Version":"20"#.to_vec()));
    assert_eq!(engine.connect().await.err().expect("no engine").kind, LossKind::Hung);
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let loss = connector(&socket).connect().await.err().expect("no engine");
    assert_eq!((loss.kind, &*loss.why.why), (LossKind::Unreachable, "connection refused"));
    assert!(loss.why.help.expect("it helps").contains("systemctl start docker"));
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_told_as_such() {
    let loss = connector("/nowhere/docker.sock".as_ref()).connect().await.err().expect("no engine");
    assert_eq!(loss.why.line(), "could not reach docker at unix:///nowhere/docker.sock: no such file");
}

#[tokio::test]
async fn a_socket_that_may_not_be_used_names_the_group() {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::read("/etc/shadow").is_ok() {
        eprintln!("SKIPPED a_socket_that_may_not_be_used_names_the_group: root may use every socket");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).expect("changed");
    let loss = connector(&socket).connect().await.err().expect("no engine");
    assert_eq!(loss.kind, LossKind::Denied);
    assert!(loss.why.help.expect("it helps").contains("usermod -aG docker"));
}

#[tokio::test]
async fn what_is_no_engine_is_not_believed() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>";
    for garbage in ["hello, who is there?\r\n\r\n", page, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ""] {
        let engine = FakeEngine::new(|_| Reply::Raw(garbage.into()));
        let loss = engine.connect().await.err().expect("no engine");
        assert_eq!(loss.kind, LossKind::Unreachable, "{garbage:?}: {}", loss.why);
        assert!(!loss.why.why.is_empty(), "{garbage:?}");
    }
}

#[tokio::test]
async fn a_page_of_denial_is_denied() {
    let engine = FakeEngine::new(|_| {
        Reply::Raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 23\r\n\r\n{\"message\":\"not for u\"}".to_vec())
    });
    let loss = engine.connect().await.err().expect("no engine");
    assert_eq!((loss.kind, &*loss.why.why), (LossKind::Denied, "not for u"));
}

#[tokio::test]
async fn an_engine_that_is_too_new_says_what_is_needed() {
    let engine =
        FakeEngine::new(|_| Reply::Json(r#"{"Version":"99","ApiVersion":"1.99","MinAPIVersion":"1.98"}"#.into()));
    let loss = engine.connect().await.err().expect("no common version");
    assert!(loss.why.line().contains("speaks API 1.98 and later"), "{}", loss.why);
}

#[tokio::test]
async fn the_version_that_was_agreed_on_is_in_every_path() {
    let engine = FakeEngine::usual(|path| path.starts_with("/events").then(|| Reply::Open(Vec::new())));
    let backend = engine.connect().await.expect("connects");
    backend.ping().await.expect("lives");
    let picture = backend.watch().next().await.expect("a picture");
    assert!(matches!(picture, Ok(Change::Picture(_))));
    let asked = engine.asked();
    assert_eq!(asked[0], "GET /version");
    assert!(asked.len() >= 5 && asked[1..].iter().all(|line| line.starts_with("GET /v1.41/")), "{asked:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_brings_a_new_picture_and_not_the_end() {
    let engine = FakeEngine::usual(|path| {
        let lines = b"{\"Type\":17,\"Action\":\"die\"}\n{\"Type\":\"volume\",\"Action\":\"create\",\"Actor\":{\"ID\":\"data\"}}\n";
        path.starts_with("/events").then(|| Reply::Open(lines.to_vec()))
    });
    let mut changes = engine.connect().await.expect("connects").watch();
    let (mut pictures, mut volumes) = (0, 0);
    while pictures < 2 || volumes < 1 {
        let change = tokio::time::timeout(PATIENCE, changes.next()).await.expect("in time").expect("goes on");
        match change.expect("the engine is there") {
            Change::Picture(_) => pictures += 1,
            Change::Happened(happening) if &*happening.text == "volume created" => volumes += 1,
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_engine_that_will_not_tell_events_is_a_loss_and_not_a_busy_loop() {
    let engine = FakeEngine::usual(|path| path.starts_with("/events").then(|| Reply::Raw(Vec::new())));
    let changes = engine.connect().await.expect("connects").watch();
    let all: Vec<_> = tokio::time::timeout(PATIENCE, changes.collect()).await.expect("ends");
    // After a picture, and after another where the machine is slow.
    let [pictures @ .., Err(_)] = all.as_slice() else { panic!("{all:?}") };
    assert!(!pictures.is_empty() && pictures.iter().all(|it| matches!(it, Ok(Change::Picture(_)))), "{all:?}");
}

#[tokio::test]
async fn one_container_that_cannot_be_described_hides_no_other() {
    let engine = FakeEngine::usual(|path| match path {
        path if path.starts_with("/events") => Some(Reply::Open(Vec::new())),
        "/containers/json?all=1" => {
            Some(Reply::Json(r#"[{"Id":"aa","Names":["/a"]},{"Id":"bb","Names":["/b"]}]"#.into()))
        }
        "/containers/aa/json" => Some(Reply::Json(r#"{"Id":["not","an","id"]}"#.into())),
        "/containers/bb/json" => {
            Some(Reply::Json(r#"{"Id":"bb","Name":"/b","State":{"Status":"running"},"Unknown":{"new":1}}"#.into()))
        }
        _ => None,
    });
    let picture = engine.connect().await.expect("connects").watch().next().await.expect("a picture");
    let Ok(Change::Picture(picture)) = picture else { panic!("{picture:?}") };
    let names: Vec<_> = picture.instances.iter().map(|instance| &*instance.name).collect();
    assert_eq!(names, ["b"]);
}

#[tokio::test]
async fn a_log_that_breaks_off_while_the_container_runs_is_interrupted() {
    let engine = FakeEngine::usual(|path| match path {
        "/containers/aa/json" => Some(Reply::Json(r#"{"Id":"aa","State":{"Status":"running"}}"#.into())),
        path if path.contains("/logs") => {
            let line = b"2026-11-21T02:17:32.1Z hi\n";
            let head = b"HTTP/1.0 200 OK\r\n\r\n\x01\0\0\0\0\0\0\x1a";
            Some(Reply::Raw([&head[..], line].concat()))
        }
        _ => None,
    });
    let backend = engine.connect().await.expect("connects");
    let log = backend.follow(InstanceId::new(&"fake".into(), "aa"), Since::Beginning);
    let all: Vec<_> = tokio::time::timeout(PATIENCE, log.collect()).await.expect("ends");
    assert!(matches!(all.as_slice(), [Ok(_), Err(FollowError::Interrupted(_))]), "{all:?}");
}

#[tokio::test]
async fn what_an_engine_left_out_at_the_end_of_a_container_is_read_after_it() {
    let has_ended = AtomicBool::new(false);
    let engine = FakeEngine::usual(move |path| {
        let line = match path {
            "/containers/aa/json" if has_ended.swap(true, Ordering::Relaxed) => {
                return Some(Reply::Json(r#"{"Id":"aa","State":{"Status":"exited","ExitCode":3}}"#.into()));
            }
            "/containers/aa/json" => return Some(Reply::Json(r#"{"Id":"aa","State":{"Status":"running"}}"#.into())),
            path if path.contains("/logs?follow=1") => b"2026-11-21T02:17:32.1Z well\n",
            path if path.contains("/logs?follow=0") && path.contains("since=1795227452.100000001") => {
                b"2026-11-21T02:17:32.2Z dead\n"
            }
            _ => return None,
        };
        let head = b"HTTP/1.0 200 OK\r\n\r\n\x02\0\0\0\0\0\0\x1c";
        Some(Reply::Raw([&head[..], line].concat()))
    });
    let backend = engine.connect().await.expect("connects");
    let log = backend.follow(InstanceId::new(&"fake".into(), "aa"), Since::Beginning);
    let all: Vec<_> = tokio::time::timeout(PATIENCE, log.collect()).await.expect("ends");
    let texts: String = all
        .iter()
        .map(|piece| match piece {
            Ok(piece) => String::from_utf8_lossy(&piece.bytes).into_owned(),
            Err(error) => format!("{error:?}"),
        })
        .collect();
    assert_eq!(texts, "2026-11-21T02:17:32.1Z well\n2026-11-21T02:17:32.2Z dead\n");
}

#[tokio::test]
async fn a_log_driver_that_cannot_be_read_back_is_refused_with_what_to_do() {
    let engine = FakeEngine::usual(|path| match path {
        "/containers/aa/json" => Some(Reply::Json(r#"{"Id":"aa","State":{"Status":"running"}}"#.into())),
        path if path.contains("/logs") => {
            let body = r#"{"message":"configured logging driver does not support reading"}"#;
            let head = format!("HTTP/1.1 501 Not Implemented\r\nContent-Length: {}\r\n\r\n", body.len());
            Some(Reply::Raw(format!("{head}{body}").into_bytes()))
        }
        _ => None,
    });
    let backend = engine.connect().await.expect("connects");
    let mut log = backend.follow(InstanceId::new(&"fake".into(), "aa"), Since::Beginning);
    let Some(Err(FollowError::Refused(trouble))) = log.next().await else { panic!("not refused") };
    assert!(trouble.help.expect("it helps").contains("log driver"));
    assert!(log.next().await.is_none());
}

#[tokio::test]
async fn an_id_that_is_none_never_reaches_the_engine() {
    let engine = FakeEngine::usual(|_| None);
    let backend = engine.connect().await.expect("connects");
    let before = engine.asked().len();
    let instance = InstanceId::new(&"fake".into(), "../../images/x?force=1#");
    let mut log = backend.follow(instance.clone(), Since::Beginning);
    assert!(matches!(log.next().await, Some(Err(FollowError::Refused(_)))));
    assert!(matches!(backend.sample(instance.clone()).next().await, Some(Err(_))));
    assert!(backend.attach(instance, (80, 24)).await.is_err());
    assert_eq!(engine.asked().len(), before);
}

//! A swarm manager, as far as its answers go: a real swarm would take the machine's network over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use midwatch::{
    backend::{Backend, StepError},
    domain::{Change, Health, Scope, Service, ServiceId, ServiceKind},
    plan::Step,
};

use crate::fake::{FakeEngine, Reply};

const PATIENCE: Duration = Duration::from_secs(90);

/// One service `shop_web` of three, of which two run and one was rejected; `update` is its update status.
fn engine(update: impl Fn() -> &'static str + Send + Sync + 'static) -> FakeEngine {
    FakeEngine::usual(move |path| {
        let service = || {
            format!(
                r#"{{"ID":"s1","Version":{{"Index":7}},"CreatedAt":"2026-11-20T00:00:00Z","UpdatedAt":"2026-11-21T00:00:00Z",
                "Spec":{{"Name":"shop_web","Labels":{{"com.docker.stack.namespace":"shop"}},"Mode":{{"Replicated":{{"Replicas":3}}}},
                "TaskTemplate":{{"ForceUpdate":4,"ContainerSpec":{{"Image":"shop/web:v2@sha256:aa"}}}}}},"UpdateStatus":{}}}"#,
                update()
            )
        };
        let json = match path {
            path if path.starts_with("/events") => return Some(Reply::Open(Vec::new())),
            "/info" => r#"{"Swarm":{"LocalNodeState":"active","ControlAvailable":true}}"#.to_owned(),
            "/services" => format!("[{}]", service()),
            "/services/s1" => service(),
            path if path.starts_with("/services/s1/update") => "{}".to_owned(),
            path if path.starts_with("/tasks") => r#"[
                {"ServiceID":"s1","DesiredState":"running","Status":{"State":"running"}},
                {"ServiceID":"s1","DesiredState":"running","Status":{"State":"running"}},
                {"ServiceID":"s1","DesiredState":"shutdown","Status":{"State":"rejected","Err":"No such image: shop/web:v2",
                    "Timestamp":"2026-11-21T00:00:01Z"}}]"#
                .to_owned(),
            _ => return None,
        };
        Some(Reply::Json(json))
    })
}

async fn connect(engine: &FakeEngine) -> Arc<dyn Backend> {
    match engine.connect().await {
        Ok(backend) => backend,
        Err(loss) => panic!("{}", loss.why),
    }
}

fn web() -> ServiceId {
    ServiceId::new(&"fake".into(), &Scope::from("shop"), "web")
}

async fn pictured(engine: &FakeEngine) -> Service {
    let first = connect(engine).await.watch().next().await;
    let Some(Ok(Change::Picture(picture))) = first else { panic!("no picture: {first:?}") };
    assert_eq!(picture.facts.remarks.len(), 1, "it is known to be a manager");
    picture.services.into_iter().find(|service| service.id == web()).expect("the service is in the picture")
}

async fn execute(engine: &FakeEngine, step: Step) -> Result<(), StepError> {
    let doing = connect(engine).await.execute(step, Arc::new(|_: &str| {}));
    tokio::time::timeout(PATIENCE, doing).await.expect("ends in time")
}

#[tokio::test]
async fn a_service_of_which_a_task_cannot_run_is_degraded_and_says_why() {
    let service = pictured(&engine(|| "null")).await;
    assert_eq!((service.kind, service.wanted, service.ready), (ServiceKind::SwarmService, 3, 2));
    let Health::Degraded(reason) = &service.health else { panic!("{:?}", service.health) };
    assert_eq!(&*reason.text, "2 of 3 run: No such image: shop/web:v2");
    let image = service.image.expect("it has one");
    assert_eq!((&*image.reference, image.digest.as_deref()), ("shop/web:v2", Some("sha256:aa")));
}

#[tokio::test]
async fn a_redeploy_counts_up_at_the_version_that_was_read() {
    let engine = engine(|| "null");
    execute(&engine, Step::Redeploy { service: web(), asked: None, cause: None, object: None })
        .await
        .expect("is asked for");
    let asked = engine.asked();
    assert!(asked.iter().any(|line| line.starts_with("POST /v1.41/services/s1/update?version=7")), "{asked:?}");
}

#[tokio::test]
async fn a_rollout_is_awaited_until_the_engine_calls_it_complete() {
    let asked_before = AtomicBool::new(false);
    let engine = engine(move || match asked_before.swap(true, Ordering::Relaxed) {
        false => r#"{"State":"updating"}"#,
        true => r#"{"State":"completed"}"#,
    });
    execute(&engine, Step::AwaitRollout { service: web(), within: 15, wants: None }).await.expect("completes");
}

#[tokio::test]
async fn a_rollout_that_stands_still_fails_with_the_engines_words() {
    let engine = engine(|| r#"{"State":"paused","Message":"update paused due to failure"}"#);
    let error = execute(&engine, Step::AwaitRollout { service: web(), within: 15, wants: None }).await;
    assert!(matches!(&error, Err(StepError::Failed(trouble)) if trouble.why.contains("due to failure")), "{error:?}");
}

#[tokio::test]
async fn a_service_that_is_gone_cannot_be_redeployed() {
    let gone = ServiceId::new(&"fake".into(), &Scope::from("shop"), "gone");
    let error =
        execute(&engine(|| "null"), Step::Redeploy { service: gone, asked: None, cause: None, object: None }).await;
    assert!(matches!(error, Err(StepError::Failed(_))), "{error:?}");
}

#[tokio::test]
async fn only_a_service_of_swarms_is_told_how_many_there_should_be() {
    let engine = engine(|| "null");
    execute(&engine, Step::Scale { service: web(), to: 3, object: None }).await.expect("it is so already");
    execute(&engine, Step::Scale { service: web(), to: 5, object: None }).await.expect("asked for");
    let asked = engine.asked();
    let updates = asked.iter().filter(|line| line.starts_with("POST /v1.41/services/s1/update?version=7"));
    assert_eq!(updates.count(), 1, "{asked:?}");
    let lone = ServiceId { name: "lone".into(), ..web() };
    let Err(StepError::Failed(trouble)) = execute(&engine, Step::Scale { service: lone, to: 5, object: None }).await
    else {
        panic!("not refused")
    };
    assert!(trouble.why.contains("no service of Swarm's"), "{trouble}");
}

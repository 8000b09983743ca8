//! What only Docker has: Compose's labels, a flood through its log driver, many containers, and containers that never came up.

use std::{sync::Arc, time::Instant};

use futures::StreamExt;
use midwatch::{
    backend::StepError,
    domain::{Health, Scope, ServiceId, ServiceKind},
    message::Since,
    plan::Step,
};

use crate::{
    docker::{DockerStage, docker},
    observer::{Observer, PATIENCE},
    stage::Stage,
};

fn labels(project: &str, service: &str, number: u32, depends_on: &str) -> Vec<String> {
    [
        format!("--label=com.docker.compose.project={project}"),
        format!("--label=com.docker.compose.service={service}"),
        format!("--label=com.docker.compose.container-number={number}"),
        "--label=com.docker.compose.oneoff=False".to_owned(),
        format!("--label=com.docker.compose.depends_on={depends_on}"),
    ]
    .to_vec()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compose_services_are_grouped_and_one_of_two_down_is_degraded() {
    let Some(stage) = DockerStage::open("compose_services_are_grouped").await else { return };
    let project = stage.prefix.clone();
    stage.start(&borrowed(&labels(&project, "web", 1, "db:service_started:false")), "sleep 1000");
    stage.start(&borrowed(&labels(&project, "web", 2, "db:service_started:false")), "exit 5");
    stage.start(&borrowed(&labels(&project, "db", 1, "")), "sleep 1000");
    let mut observer = Observer::new(stage.cluster(), &dyn_stage(&stage).backend().await);
    let id = |name: &str| ServiceId::new(&stage.cluster(), &Scope::new(project.as_str()), name);
    let degraded = |service: &midwatch::domain::Service| matches!(&service.health, Health::Degraded(_));
    let web = observer.service(&id("web"), "web to be degraded", degraded).await;
    assert_eq!(web.health.reason().expect("it has one").text.as_ref(), "1 of 2: exit 5");
    assert_eq!((web.kind, web.wanted, web.ready), (ServiceKind::ComposeService, 2, 1));
    assert_eq!(&*web.depends_on[0].service, "db");
    assert_eq!(observer.inventory.instances_of(&id("web")).len(), 2);
    assert_eq!(observer.inventory.service(&id("db")).expect("db is there").health, Health::Healthy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_for_a_dependency_that_crashes_names_it() {
    let Some(stage) = DockerStage::open("one_that_waits_for_a_dependency").await else { return };
    let project = stage.prefix.clone();
    stage.start(&borrowed(&labels(&project, "db", 1, "")), "exit 1");
    let label = format!("{project}=1");
    let name = format!("{project}-web");
    let labels = labels(&project, "web", 1, "db:service_healthy:false");
    let mut arguments = vec!["create", "--name", &name, "--label", &label];
    arguments.extend(borrowed(&labels));
    arguments.extend([crate::docker::IMAGE, "true"]);
    docker(&arguments);
    let mut observer = Observer::new(stage.cluster(), &dyn_stage(&stage).backend().await);
    let web = ServiceId::new(&stage.cluster(), &Scope::new(project.as_str()), "web");
    observer.failing(&web, "waits for db, which is broken: exit 1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_not_in_the_image_is_told_as_such() {
    let Some(stage) = DockerStage::open("a_command_that_is_not_in_the_image").await else { return };
    let (name, label) = (format!("{}-x", stage.prefix), format!("{}=1", stage.prefix));
    let id = docker(&["create", "--name", &name, "--label", &label, crate::docker::IMAGE, "no-such-program"]);
    let started = std::process::Command::new("docker").args(["start", &id]).output().expect("runs");
    assert!(!started.status.success());
    let mut observer = Observer::new(stage.cluster(), &dyn_stage(&stage).backend().await);
    observer.failing(&stage.running(&name, &id).service, "its command is not in the image").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_arrives_whole_and_in_large_pieces() {
    const LINES: usize = 300_000;
    let Some(stage) = DockerStage::open("a_flood_arrives_whole").await else { return };
    let running = stage.start(&[], &format!("yes 'a line of some length, as logs have them' | head -n {LINES}"));
    docker(&["wait", &running.name]);
    let mut log = dyn_stage(&stage).backend().await.follow(running.instance, Since::Beginning);
    let (mut lines, mut pieces) = (0, 0);
    let began = Instant::now();
    let reading = async {
        while let Some(piece) = log.next().await {
            let piece = piece.expect("goes on");
            lines += memchr::memchr_iter(b'\n', &piece.bytes).count();
            pieces += 1;
        }
    };
    tokio::time::timeout(PATIENCE * 2, reading).await.expect("ends");
    assert_eq!(lines, LINES);
    // A line a piece would be as many pieces; the engine writes a line at a time, and what lies ready is taken at once.
    assert!(pieces < LINES / 4, "{pieces} pieces for {LINES} lines");
    let rate = lines as f64 / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} lines/s in {pieces} pieces");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_containers_are_all_in_the_first_picture() {
    const MANY: usize = 100;
    let Some(stage) = DockerStage::open("many_containers_are_all").await else { return };
    let label = format!("{}=1", stage.prefix);
    for _ in 0..MANY {
        docker(&["create", "--label", &label, "--network", "none", crate::docker::IMAGE, "true"]);
    }
    let backend = dyn_stage(&stage).backend().await;
    let began = Instant::now();
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.next().await;
    let took = began.elapsed();
    assert!(observer.inventory.instances().len() >= MANY);
    eprintln!("{} containers pictured in {took:?}", observer.inventory.instances().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_was_run_with_rm_is_told_as_such_and_not_stopped() {
    let Some(stage) = DockerStage::open("a_container_that_was_run_with_rm").await else { return };
    let running = stage.start(&["--rm"], "sleep 1000");
    let backend = dyn_stage(&stage).backend().await;
    let mut observer = Observer::new(stage.cluster(), &backend);
    observer.service(&running.service, "it to run", |service| service.ready == 1).await;
    assert!(observer.instance(&running.instance).expect("it is there").is_removed_when_stopped);

    let step = Step::Stop { instance: running.instance.clone(), name: running.name.as_str().into(), grace: 1 };
    let Err(StepError::Failed(trouble)) = backend.execute(step, Arc::new(|_| {})).await else { panic!("not refused") };
    assert!(trouble.why.contains("--rm"), "{trouble}");
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &running.name]), "true");
}

fn dyn_stage(stage: &DockerStage) -> &dyn Stage {
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_without_a_shell_says_so() {
    let Some(stage) = DockerStage::open("a_container_without_a_shell").await else { return };
    let (name, label) = (format!("{}-x", stage.prefix), format!("{}=1", stage.prefix));
    // Nothing in it but one program, as in an image made from scratch.
    let directory = tempfile::tempdir().expect("a directory");
    let (path, archive) = (directory.path().join("busybox"), directory.path().join("image.tar"));
    let donor = docker(&["create", "--label", &label, crate::docker::IMAGE, "true"]);
    docker(&["cp", "-L", &format!("{donor}:/bin/busybox"), &path.display().to_string()]);
    let mut tar = std::process::Command::new("tar");
    tar.arg("-C").arg(directory.path()).arg("-cf").arg(&archive).arg("busybox");
    assert!(tar.status().expect("tar runs").success());
    let image = docker(&["import", &archive.display().to_string()]);
    let id = docker(&["run", "-d", "--name", &name, "--label", &label, &image, "/busybox", "sleep", "1000"]);
    let shell = dyn_stage(&stage).backend().await.attach(stage.running(&name, &id).instance, (80, 24)).await;
    let trouble = match shell {
        Err(trouble) => trouble,
        Ok(shell) => {
            let all: Vec<_> = tokio::time::timeout(PATIENCE, shell.output.collect()).await.expect("ends");
            all.into_iter().find_map(Result::err).expect("the end says what is wrong")
        }
    };
    docker(&["rm", "-f", &name]);
    // A lease may have been made of it meanwhile.
    docker(&["rmi", "-f", &image]);
    assert!(trouble.why.contains("there is none in the container"), "{trouble}");
}

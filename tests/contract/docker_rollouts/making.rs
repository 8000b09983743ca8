//! A container is made like another, found by others, renamed and removed, each step as often as it is asked for.

use std::{collections::BTreeMap, process::Command};

use midwatch::{
    domain::{InstanceId, Trouble},
    plan::{Edits, Recipe, Step},
};
use serde_json::Value;

use super::{World, image, inspect, stamp};
use crate::{
    docker::docker,
    observer::{Observer, PATIENCE},
    stage::Stage,
};

fn all(name: &str) -> Value {
    serde_json::from_str::<Value>(&docker(&["inspect", name])).expect("JSON")[0].clone()
}

/// What of `keys` is another in the two.
fn differences(old: &Value, new: &Value, but: &[&str]) -> BTreeMap<String, String> {
    let keys = old.as_object().into_iter().chain(new.as_object()).flat_map(|map| map.keys());
    let differs = |key: &&String| !but.contains(&key.as_str()) && old[key.as_str()] != new[key.as_str()];
    keys.filter(differs).map(|key| (key.clone(), format!("{} -> {}", old[key], new[key]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_configuration_survives_and_what_the_image_says_is_the_new_images() {
    let Some(world) = World::open("the_whole_configuration_survives").await else { return };
    let changes = |mode: &str| [format!("ENV MODE={mode}"), format!("LABEL kind={mode}"), format!("WORKDIR /{mode}")];
    let built = |tag: &str| {
        let changes = changes(tag);
        let changes: Vec<&str> =
            changes.iter().map(String::as_str).chain(["ENV SHARED=image", "VOLUME /data"]).collect();
        world.image(tag, &changes)
    };
    let (one, two) = (built("v1"), built("v2"));
    let (back, data) = (world.named("back"), world.named("data"));
    docker(&["network", "create", "--label", &world.mark(), &back]);
    docker(&["volume", "create", "--label", &world.mark(), &data]);
    let (name, volume) = (world.named("web-1"), format!("{data}:/named:ro"));
    let arguments = [
        "--env",
        "SHARED=person",
        "--env",
        "OWN=1",
        "--volume",
        &volume,
        "--volume",
        "/scratch",
        "--tmpfs",
        "/ram:size=1m",
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--pids-limit",
        "50",
        "--shm-size",
        "32m",
        "--ulimit",
        "nofile=100:200",
        "--restart",
        "on-failure:3",
        "--cap-add",
        "NET_ADMIN",
        "--cap-drop",
        "CHOWN",
        "--log-opt",
        "max-size=1m",
        "--publish",
        "127.0.0.1::80",
        "--add-host",
        "db:10.1.2.3",
        "--init",
        "--stop-signal",
        "SIGINT",
        "--stop-timeout",
        "3",
        "--health-cmd",
        "test -e /scratch/ready",
        "--health-interval",
        "1s",
        "--health-retries",
        "9",
        "--user",
        "0:0",
        "--sysctl",
        "net.core.somaxconn=77",
        "--label",
        "team=shop",
        "--security-opt",
        "no-new-privileges",
    ];
    let old = world.compose(&name, &one, &arguments);
    docker(&["network", "connect", "--alias", "web-back", &back, &name]);
    docker(&["exec", &name, "sh", "-c", "echo kept > /data/file; touch /scratch/ready"]);

    let new = world.named("web-1-r7");
    world.must(world.make(7, &new, &old, image(&two))).await;
    world.must(Step::Start { instance: world.made(7), name: new.as_str().into() }).await;
    world.must(Step::AwaitReady { instance: world.made(7), name: new.as_str().into(), within: 240, steady: 0 }).await;

    let (was, is) = (all(&name), all(&new));
    let of_host = differences(&was["HostConfig"], &is["HostConfig"], &["Binds"]);
    assert!(of_host.is_empty(), "{of_host:#?}");
    let of_config = differences(&was["Config"], &is["Config"], &["Hostname", "Image", "Env", "Labels", "WorkingDir"]);
    assert!(of_config.is_empty(), "{of_config:#?}");
    assert_eq!(is["Config"]["WorkingDir"], "/v2");
    assert_ne!(is["Config"]["Hostname"], was["Config"]["Hostname"]);
    let env: Vec<&str> = is["Config"]["Env"].as_array().expect("it has").iter().filter_map(Value::as_str).collect();
    for expected in ["SHARED=person", "OWN=1", "MODE=v2", "RELEASE=v2"] {
        assert!(env.contains(&expected), "{expected}: {env:?}");
    }
    let label = |name: &str| is["Config"]["Labels"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!((label("team"), label("kind")), ("shop".into(), "v2".into()));
    assert_eq!(
        (label("com.docker.compose.service"), label("com.docker.compose.image")),
        ("web".into(), is["Image"].as_str().expect("an id").into())
    );
    assert_eq!(
        (label("midwatch.release"), label("midwatch.cause")),
        ("7".into(), stamp(7).cause.expect("it has one").to_string())
    );
    assert_eq!(docker(&["exec", &new, "cat", "/data/file"]), "kept", "the volume without a name");
    assert_eq!(docker(&["exec", &new, "sh", "-c", "test -e /scratch/ready && echo kept"]), "kept");
    assert!(is["Mounts"].as_array().expect("it has").iter().any(|mount| mount["Name"] == data.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_finds_what_is_new_before_it_joins_and_everybody_finds_it_by_the_old_names_after() {
    let Some(world) = World::open("nobody_finds_what_is_new").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let (name, front) = (world.named("web-1"), world.named("front"));
    let old = world.compose(&name, &one, &[]);
    let asker = world.named("asker");
    docker(&["run", "-d", "--name", &asker, "--label", &world.mark(), "--network", &front, &one]);
    let found = |host: &str| {
        let output = Command::new("docker").args(["exec", &asker, "nslookup", host]).output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .skip(3)
            .filter_map(|line| Some(line.split_once("Address: ")?.1.trim().to_owned()))
            .collect::<Vec<_>>()
    };
    let address = |name: &str| inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let new = world.named("web-1-r2");
    world.must(world.make(2, &new, &old, image(&two))).await;
    world.must(Step::Start { instance: world.made(2), name: new.as_str().into() }).await;
    assert_eq!(found("web"), [address(&name)], "not joined");
    for _ in 0..2 {
        world.must(Step::Join { instance: world.made(2), name: new.as_str().into(), like: old.clone() }).await;
        let mut both = [address(&name), address(&new)];
        let mut seen = found("web");
        both.sort();
        seen.sort();
        assert_eq!(seen, both);
    }
    world.must(Step::Stop { instance: old.clone(), name: name.as_str().into(), grace: 2 }).await;
    assert_eq!(found(&name), [address(&new)], "the old one's own name means it too");
    world.must(Step::Remove { instance: old, name: name.as_str().into() }).await;
    world.must(Step::Rename { instance: world.made(2), name: new.as_str().into(), to: name.as_str().into() }).await;
    assert_eq!((found("web"), found(&name)), (vec![address(&name)], vec![address(&name)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_run_yet_joins_too_and_a_join_that_was_cut_is_completed() {
    let Some(world) = World::open("what_does_not_run_yet_joins").await else { return };
    let one = world.image("v1", &[]);
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &[]);
    let new = world.named("web-1-r2");
    world.must(world.make(2, &new, &old, image(&one))).await;
    // As if it had been cut between the two halves.
    docker(&["network", "disconnect", &world.named("front"), &new]);
    world.must(Step::Join { instance: world.made(2), name: new.as_str().into(), like: old }).await;
    world.must(Step::Start { instance: world.made(2), name: new.as_str().into() }).await;
    let aliases = inspect(&new, "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}");
    assert!(aliases.contains("web "), "{aliases}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_that_is_done_twice_is_done_once() {
    let Some(world) = World::open("every_step_done_twice").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &[]);
    world.must(world.record(1, &old, 5)).await;
    world.must(world.record(1, &old, 5)).await;
    for step in world.steps(2, &name, &old, image(&two)) {
        world.must(step.clone()).await;
        world.must(step).await;
    }
    let service = "label=com.docker.compose.service=web";
    let project = format!("label=com.docker.compose.project={}", world.prefix);
    let names = docker(&["ps", "-a", "--format", "{{.Names}} {{.Image}}", "--filter", service, "--filter", &project]);
    assert_eq!(names, format!("{name} {two}"));
    let numbers: Vec<_> = world.releases().await.iter().map(|release| (release.number, release.current)).collect();
    assert_eq!(numbers, [(Some(2), true), (Some(1), false)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_make_that_was_cut_is_completed_and_what_another_plan_left_is_cleared_away_unless_it_ran() {
    let Some(world) = World::open("a_make_that_was_cut").await else { return };
    let one = world.image("v1", &[]);
    let (name, back) = (world.named("web-1"), world.named("back"));
    docker(&["network", "create", "--label", &world.mark(), &back]);
    let old = world.compose(&name, &one, &[]);
    docker(&["network", "connect", &back, &name]);
    let new = world.named("web-1-r2");
    let make = world.make(2, &new, &old, image(&one));
    world.must(make.clone()).await;
    let id = inspect(&new, "{{.Id}}");
    docker(&["network", "disconnect", &back, &new]);
    world.must(make.clone()).await;
    assert_eq!(inspect(&new, "{{.Id}}"), id, "it is the same one");
    let networks = inspect(&new, "{{range $name, $of := .NetworkSettings.Networks}}{{$name}} {{end}}");
    assert!(networks.contains(&back), "{networks}");

    let Step::Make { instance, name: temporary, like, recipe, .. } = make else { unreachable!("made above") };
    let another = Step::Make { instance, name: temporary, like, recipe, stamp: stamp(99) };
    world.must(another.clone()).await;
    assert_ne!(inspect(&new, "{{.Id}}"), id, "the other plan's never ran");
    docker(&["start", &new]);
    let trouble = world.execute(world.make(2, &new, &old, image(&one))).await.expect_err("it ran");
    assert!(trouble.why.contains("another plan made it, and it ran"), "{trouble}");
    assert!(trouble.help.is_some_and(|help| help.contains(&new)));
}

/// As when whoever asked first was killed before the engine had answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_engine_is_making_already_is_waited_for_and_not_made_twice() {
    let Some(world) = World::open("what_the_engine_is_making").await else { return };
    let one = world.image("v1", &[]);
    let old = world.compose(&world.named("web-1"), &one, &[]);
    let new = world.named("web-1-r2");
    for _ in 0..10 {
        let make = || world.must(world.make(2, &new, &old, image(&one)));
        tokio::join!(make(), make(), make(), make());
        assert_eq!(inspect(&new, "{{.State.Status}}"), "created");
        docker(&["rm", &new]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_cannot_be_had_is_named_with_the_cause() {
    let Some(world) = World::open("an_image_that_cannot_be_had").await else { return };
    let one = world.image("v1", &[]);
    let old = world.compose(&world.named("web-1"), &one, &[]);
    let registry = registry().await;
    let why = async |name: &str| {
        let trouble = world.execute(world.make(2, &world.named("web-1-r2"), &old, image(name))).await;
        trouble.expect_err("there is no such image").why.to_string()
    };
    let nowhere = why("localhost:1/shop/web:v9").await;
    assert!(nowhere.contains("localhost:1/shop/web:v9 is not on this host and could not be pulled"), "{nowhere}");
    let unknown = why(&format!("{registry}/shop/web:v9")).await;
    assert!(unknown.starts_with("no such image: ") && unknown.contains("shop/web:v9"), "{unknown}");
    let odd = why("../../containers/x").await;
    assert!(odd.contains("is no name of an image"), "{odd}");
    let gone = why(&format!("sha256:{}", "ab".repeat(32))).await;
    assert!(gone.contains("is not on this host any more"), "{gone}");
}

/// A registry that has nothing.
async fn registry() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let is_ping = String::from_utf8_lossy(&request[..read]).contains(" /v2/ ");
            let missing = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            let (status, body) = if is_ping { ("200 OK", "{}") } else { ("404 Not Found", missing) };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_more_has_a_number_and_data_of_its_own() {
    let Some(world) = World::open("one_more_has_a_number").await else { return };
    let one = world.image("v1", &["VOLUME /data"]);
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &[]);
    let second = world.named("web-2");
    world.must(world.make(1, &second, &old, Recipe::Edited(Edits::default()))).await;
    let volume = |name: &str| inspect(name, "{{range .Mounts}}{{.Name}}{{end}}");
    assert_ne!(volume(&name), volume(&second));
    assert_eq!(inspect(&second, "{{index .Config.Labels \"com.docker.compose.container-number\"}}"), "2");
    world.must(Step::Join { instance: world.made(1), name: second.as_str().into(), like: old }).await;
    let aliases = inspect(&second, "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}");
    assert!(aliases.contains("web") && !aliases.contains(&name), "{aliases}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_back_what_was_made_leaves_the_data_that_was_there_before() {
    let Some(world) = World::open("taking_back_what_was_made").await else { return };
    let one = world.image("v1", &["VOLUME /data"]);
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &[]);
    let volume = inspect(&name, "{{range .Mounts}}{{.Name}}{{end}}");
    let new = world.named("web-1-r2");
    world.must(world.make(2, &new, &old, image(&one))).await;
    assert_eq!(inspect(&new, "{{range .Mounts}}{{.Name}}{{end}}"), volume);
    // Even where the old one itself went meanwhile.
    docker(&["rm", "-f", &name]);
    world.must(Step::Remove { instance: world.made(2), name: new.as_str().into() }).await;
    assert_eq!(docker(&["volume", "ls", "-q", "--filter", &format!("name={volume}")]), volume);
    docker(&["volume", "rm", &volume]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_without_a_network_of_its_own_is_made_again_too() {
    let Some(world) = World::open("a_container_without_a_network").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let server = world.named("server");
    docker(&["run", "-d", "--name", &server, "--label", &world.mark(), &one]);
    let modes = ["none".to_owned(), "host".to_owned(), "bridge".to_owned(), format!("container:{server}")];
    for (number, mode) in (2..).zip(&modes) {
        let name = world.named(&format!("lone-{number}"));
        let id = docker(&["run", "-d", "--name", &name, "--label", &world.mark(), "--network", mode, &one]);
        let (old, new) = (InstanceId::new(&world.service.cluster, id), format!("{name}-new"));
        world.must(world.make(number, &new, &old, image(&two))).await;
        world.must(Step::Start { instance: world.made(number), name: new.as_str().into() }).await;
        world.must(Step::Join { instance: world.made(number), name: new.as_str().into(), like: old }).await;
        let mode = |name: &str| inspect(name, "{{.HostConfig.NetworkMode}}").replace("default", "bridge");
        assert_eq!((mode(&new), inspect(&new, "{{.State.Running}}")), (mode(&name), "true".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_not_removed_and_a_name_that_is_taken_is_not_given() {
    let Some(world) = World::open("what_runs_is_not_removed").await else { return };
    let one = world.image("v1", &[]);
    let (name, other) = (world.named("web-1"), world.named("other"));
    let running = world.compose(&name, &one, &[]);
    world.compose(&other, &one, &[]);
    let refused = |answer: Result<(), Trouble>| answer.expect_err("refused").why.to_string();
    let why = refused(world.execute(Step::Remove { instance: running.clone(), name: name.as_str().into() }).await);
    assert!(why.contains("what runs is not removed"), "{why}");
    let rename = Step::Rename { instance: running, name: name.as_str().into(), to: other.as_str().into() };
    let why = refused(world.execute(rename).await);
    assert!(why.contains(&inspect(&other, "{{.Id}}")[..12]), "{why}");
    let gone = InstanceId::new(&world.service.cluster, "ab".repeat(32));
    world.must(Step::Remove { instance: gone, name: "gone".into() }).await;
    world.must(Step::Stop { instance: world.made(77), name: "never made".into(), grace: 1 }).await;
    let why = refused(world.execute(Step::Start { instance: world.made(77), name: "x".into() }).await);
    assert!(why.contains("it was not made, or is gone"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_container_stays_one_service_while_it_is_rolled_and_no_marker_is_ever_seen() {
    let Some(mut world) = World::open("a_lone_container_stays_one_service").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let (name, front) = (world.named("lone"), world.named("front"));
    let id = docker(&["run", "-d", "--name", &name, "--label", &world.mark(), "--network", &front, &one]);
    let lone = world.stage().running(&name, &id);
    world.service = lone.service.clone();
    let mut observer = Observer::new(world.stage().cluster(), &world.backend);
    observer.service(&lone.service, "one of one", |service| (service.ready, service.wanted) == (1, 1)).await;

    world.must(world.record(1, &lone.instance, 5)).await;
    let old = lone.instance.clone();
    for step in world.steps(2, &name, &old, image(&two)) {
        world.must(step.clone()).await;
        if let Step::Stop { .. } = step {
            let is_stopped = |now: &Observer| {
                let old = now.instance(&old)?;
                let service = now.inventory.service(&lone.service)?;
                (old.finished.is_some() && now.inventory.instances_of(&lone.service).len() == 2)
                    .then(|| service.clone())
            };
            let service = observer.until("both to be of it", is_stopped).await;
            assert_eq!((service.ready, service.wanted, service.health.word()), (1, 1, "healthy"));
        }
    }
    observer.service(&lone.service, "the new one alone", |service| service.release() == "v2").await;
    let is_done = |now: &Observer| (now.inventory.instances_of(&lone.service).len() == 1).then_some(());
    observer.until("one instance", is_done).await;
    assert!(tokio::time::timeout(PATIENCE, world.means()).await.expect("in time").lease.is_none());
    let shown: Vec<_> = observer.inventory.services().map(|service| service.id.to_string()).collect();
    assert!(!shown.iter().any(|name| name.contains("midwatch-")), "{shown:?}");
    let told: Vec<_> = observer.happenings.iter().map(|told| format!("{} {}", told.subject, told.text)).collect();
    assert!(!told.iter().any(|told| told.contains("midwatch-")), "{told:?}");
}

//! Frames of the instances of a service and the selected one.

use midwatch::{
    app::{App, instances::Instances},
    domain::{Health, Limits, Mount, Port, Reason},
    message::{Answer, Processes, Question},
    ui::instances::draw,
};

use crate::{
    picture::{check, survives_every_size},
    world::{instance_id, sample, seconds_ago, service_id, world},
};

fn processes() -> Answer {
    let row = |cells: [&str; 4]| cells.iter().map(|cell| (*cell).into()).collect();
    Answer::Processes(Processes {
        titles: row(["UID", "PID", "TIME", "CMD"]),
        rows: vec![
            row(["root", "4121", "00:00:02", "/usr/bin/web --listen 0.0.0.0:8080"]),
            row([
                "root",
                "4155",
                "00:00:00",
                "/usr/bin/web worker: waiting for the next request in the queue of requests",
            ]),
        ],
    })
}

/// One of three is unwell: its health check fails, and says why.
fn unwell() -> App {
    world()
        .service("shop/web", 3)
        .exited("shop-web-3", 137, "exit 137: killed, out of memory, limit 128Mi")
        .instance("shop-web-2", |instance| {
            let output = "curl: (7) Failed to connect to localhost port 8080 after 0 ms: Connection refused";
            instance.health = Health::Degraded(
                Reason::new("health check failed 3 times: exit 7")
                    .detail(output)
                    .help("read its log around 02:38, or try the check yourself in a shell"),
            );
            instance.has_health_check = true;
            instance.restarts = 12;
            instance.limits = Limits { cpu: Some(500), memory: Some(512 << 20), pids: Some(100), ..Limits::default() };
            instance.stop_signal = Some("SIGQUIT".into());
            instance.finished = Some(seconds_ago(7300));
            instance.ports = [
                Port { inside: 8080, protocol: "tcp".into(), published: Some(("0.0.0.0".into(), 80)) },
                Port { inside: 9090, protocol: "tcp".into(), published: None },
            ]
            .into();
            let mount = |kind: &str, source: &str, target: &str, read_only| Mount {
                kind: kind.into(),
                source: source.into(),
                target: target.into(),
                read_only,
            };
            instance.mounts = [
                mount("volume", "shop_uploads", "/var/lib/web/uploads", false),
                mount("bind", "/etc/shop/web.toml", "/etc/web.toml", true),
                mount("tmpfs", "", "/tmp", false),
            ]
            .into();
        })
        .measured("shop-web-2", sample(1, 210))
        .measured("shop-web-1", sample(95, 40))
        .answer(Question::Processes(instance_id("shop-web-2")), Ok(processes()))
        .app()
}

#[test]
fn the_details_of_an_instance_that_is_unwell() {
    let screen = Instances::of_instance(service_id("shop/web"), instance_id("shop-web-2"));
    check("instances_unwell", &unwell(), |paint, area| draw(&screen, paint, area));
}

#[test]
fn the_broken_one_is_first_and_selected() {
    let screen = Instances::of(service_id("shop/web"));
    check("instances_broken_first", &unwell(), |paint, area| draw(&screen, paint, area));
}

#[test]
fn a_lost_cluster_keeps_its_rows_and_says_since_when() {
    let app = world().service("shop/web", 40).lost("local", "connection refused").app();
    let screen = Instances::of(service_id("shop/web"));
    check("instances_lost", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn a_service_that_is_gone_is_said_to_be_gone() {
    let app = world().app();
    let screen = Instances::of(service_id("shop/web"));
    check("instances_gone", &app, |paint, area| draw(&screen, paint, area));
}

#[test]
fn no_size_is_too_small() {
    let screen = Instances::of(service_id("shop/web"));
    survives_every_size(&unwell(), |paint, area| draw(&screen, paint, area));
}

//! Good releases, rolled out and back under load: no request fails, whatever the strategy.

use std::time::Duration;

use crate::{
    docker::{Project, Tries},
    kubernetes::Namespace,
    load::{Load, PER_SECOND},
    stand::{Stand, alone, midwatch, one_image, until},
};

const STRATEGIES: [(&str, &[&str]); 3] = [
    ("rolling", &["--strategy", "rolling"]),
    ("canary", &["--strategy", "canary", "--weight", "25% 3s", "--weight", "50% 3s"]),
    ("blue-green", &["--strategy", "blue-green", "--keep", "3s"]),
];

fn rolls_out_and_back_without_a_failed_request(stand: &dyn Stand) {
    for (name, arguments) in STRATEGIES {
        under_load(stand, name, "lab/shop:v2", || {
            midwatch(stand, "rollout", &[&["lab/shop:v2", "--drain", "2s"], arguments].concat())
        });
        let release = older(stand, "lab/shop:v1");
        under_load(stand, &format!("rollback of {name}"), "lab/shop:v1", || midwatch(stand, "rollback", &[&release]));
    }
}

/// The id of a release of this image that does not run. None of them ran for long enough to be suggested.
pub fn older(stand: &dyn Stand, image: &str) -> String {
    let listed = stand.home().run(&["releases", &stand.address(), "--json"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let releases = listed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a release"));
    let found = releases.into_iter().find(|release| release["image"] == image && release["current"] == false);
    found
        .and_then(|release| Some(release["id"].as_str()?.to_owned()))
        .unwrap_or_else(|| panic!("no {image} in {listed}"))
}

pub fn under_load(stand: &dyn Stand, name: &str, wanted: &str, operate: impl FnOnce() -> (i32, String)) {
    let instances = stand.runs().len();
    let (address, path) = stand.door();
    let load = Load::on(address, &path);
    until("the load to begin", || (load.tally().sent >= PER_SECOND as usize).then_some(()));
    let (code, said) = operate();
    std::thread::sleep(Duration::from_secs(1));
    let tally = load.end();
    assert_eq!(code, 0, "{name}: {said}");
    assert!(
        tally.failed.is_empty(),
        "{name}: {} of {} failed: {:?}\n{said}",
        tally.failed.len(),
        tally.sent,
        tally.failed
    );
    until("what was replaced to be gone", || (stand.runs().len() == instances).then_some(()));
    assert_eq!(one_image(stand).as_deref(), Some(wanted), "{name}: {said}");
    assert_eq!(stand.leftovers(), [] as [String; 0], "{name}");
    eprintln!(
        "{name}: 0 of {} requests failed, slowest {:?}, answered by {:?}",
        tally.sent, tally.slowest, tally.versions
    );
}

#[test]
fn on_docker_no_request_through_nginx_fails_in_a_rollout_or_a_rollback() {
    let _alone = alone();
    let Some(project) = Project::open("no request through nginx fails", 3, Tries::Once) else { return };
    rolls_out_and_back_without_a_failed_request(&project);
}

#[test]
fn on_docker_a_proxy_that_knows_only_a_name_loses_no_request_either() {
    let _alone = alone();
    let Some(project) = Project::open("knows only a name", 3, Tries::ByName) else { return };
    rolls_out_and_back_without_a_failed_request(&project);
}

#[test]
fn on_kubernetes_no_request_through_the_service_fails_in_a_rollout_or_a_rollback() {
    let _alone = alone();
    let Some(namespace) = Namespace::open("no request through the service fails", 3, 0) else { return };
    rolls_out_and_back_without_a_failed_request(&namespace);
}

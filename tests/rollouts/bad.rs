//! Bad releases, under load: back on the old one by itself, no request failed, and the verdict says why.

use crate::{
    docker::{Project, Tries},
    kubernetes::Namespace,
    load::{Load, PER_SECOND},
    stand::{Stand, alone, midwatch, one_image, until},
};

/// An image, and what the verdict must say of it, on Docker and on Kubernetes.
const BAD: [(&str, [&str; 2]); 3] = [
    ("lab/shop:sick", ["health", "not ready"]),
    ("lab/shop:crashing", ["exit 78", "exit 78"]),
    ("lab/shop:nowhere", ["lab/shop:nowhere", "lab/shop:nowhere"]),
];

fn goes_back_by_itself(stand: &dyn Stand, engine: usize, arguments: &[&str]) {
    for (image, causes) in BAD {
        let instances = stand.runs().len();
        let (address, path) = stand.door();
        let load = Load::on(address, &path);
        until("the load to begin", || (load.tally().sent >= PER_SECOND as usize).then_some(()));
        let rest = [&[image, "--within", "60s", "--drain", "2s", "--gate", "health 8"], arguments].concat();
        let (code, said) = midwatch(stand, "rollout", &rest);
        let tally = load.end();
        assert_eq!(code, 1, "{image}: {said}");
        let verdict = said.lines().last().unwrap_or_default();
        assert!(verdict.contains(causes[engine]), "{image}: {said}");
        assert!(tally.failed.is_empty(), "{image}: {:?}\n{said}", tally.failed);
        until("what was replaced to be gone", || (stand.runs().len() == instances).then_some(()));
        assert_eq!(one_image(stand).as_deref(), Some("lab/shop:v1"), "{image}: {said}");
        assert_eq!(stand.leftovers(), [] as [String; 0], "{image}: {said}");
        eprintln!("{image} {arguments:?}: 0 of {} requests failed; {verdict}", tally.sent);
    }
}

#[test]
fn on_docker_a_bad_release_goes_back_by_itself_and_no_request_fails() {
    let _alone = alone();
    let Some(project) = Project::open("a bad release goes back", 2, Tries::AsUsual) else { return };
    for strategy in ["rolling", "canary", "blue-green"] {
        goes_back_by_itself(&project, 0, &["--strategy", strategy]);
    }
}

#[test]
fn on_kubernetes_a_bad_release_goes_back_by_itself_and_no_request_fails() {
    let _alone = alone();
    let Some(namespace) = Namespace::open("a bad release goes back", 2, 10) else { return };
    for strategy in ["rolling", "canary", "blue-green"] {
        goes_back_by_itself(&namespace, 1, &["--strategy", strategy]);
    }
}

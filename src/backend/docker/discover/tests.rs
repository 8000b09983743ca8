use std::{collections::BTreeMap, fs};

use super::*;

/// A home with a context "far" (TLS) and one "near" (SSH).
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let context = |hash: &str, name: &str, host: &str| {
        let meta = home.path().join(".docker/contexts/meta").join(hash);
        fs::create_dir_all(&meta).expect("made");
        let text = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
        fs::write(meta.join("meta.json"), text).expect("written");
    };
    context("11", "far", "tcp://far.example:2376");
    context("22", "near", "ssh://ops@near.example:2222");
    let tls = home.path().join(".docker/contexts/tls/11/docker");
    fs::create_dir_all(&tls).expect("made");
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(tls.join(name), "").expect("written");
    }
    home
}

fn found(config: &[ClusterConfig], env: &[(&str, &str)], home: &Path) -> Discovery {
    let env: BTreeMap<&str, &str> = env.iter().copied().collect();
    let mut found = discover(config, |name| env.get(name).map(|value| (*value).to_owned()), Some(home));
    // Whether this machine has a Docker of its own is not these tests' business.
    found.hosts.retain(|host| host.endpoint != Endpoint::Unix(DEFAULT_SOCKET.into()));
    found
}

fn names(found: &Discovery) -> Vec<String> {
    found.hosts.iter().map(|host| format!("{} {}", host.name, host.endpoint)).collect()
}

fn answer<'a>(found: &'a Discovery, what: &str) -> &'a str {
    found.tried.iter().find(|tried| &*tried.what == what).map_or("not tried", |tried| &tried.answer)
}

#[test]
fn every_place_that_was_looked_at_is_told_with_its_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let found = found(&[], &[], home.path());
    assert_eq!(answer(&found, "DOCKER_HOST"), "not set");
    assert_eq!(answer(&found, "docker context"), "none is chosen");
    assert_eq!(answer(&found, "$XDG_RUNTIME_DIR/docker.sock"), "XDG_RUNTIME_DIR is not set");
    let desktop = format!("unix://{}", home.path().join(".docker/run/docker.sock").display());
    assert_eq!(answer(&found, &desktop), "no such file");
    assert_eq!(found.tried.len(), 5);
}

#[test]
fn the_active_context_is_found_with_its_tls_files() {
    let home = home();
    fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"far","auths":{}}"#).expect("written");
    let found = found(&[], &[], home.path());
    assert_eq!(names(&found), ["far tcp://far.example:2376"]);
    let Endpoint::Tcp { tls: Some(tls), .. } = &found.hosts[0].endpoint else { panic!("no TLS: {found:?}") };
    assert!(tls.key.ends_with("contexts/tls/11/docker/key.pem") && tls.ca.is_some());
}

#[test]
fn the_environment_chooses_another_context() {
    let home = home();
    fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"far"}"#).expect("written");
    assert_eq!(names(&found(&[], &[("DOCKER_CONTEXT", "near")], home.path())), ["near ssh://ops@near.example:2222"]);
    let missing = found(&[], &[("DOCKER_CONTEXT", "gone")], home.path());
    assert_eq!(answer(&missing, "docker context"), "there is no context called gone");
}

#[test]
fn docker_host_is_used_with_tls_where_it_is_asked_for() {
    let home = tempfile::tempdir().expect("a directory");
    let env = [("DOCKER_HOST", "tcp://build.example"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")];
    let with = found(&[], &env, home.path());
    assert_eq!(names(&with), ["build.example tcp://build.example:2376"]);
    let without = found(&[], &env[..1], home.path());
    assert_eq!(names(&without), ["build.example tcp://build.example:2375"]);
}

#[test]
fn one_endpoint_is_one_host_by_whatever_ways_it_is_found() {
    let home = tempfile::tempdir().expect("a directory");
    let socket = home.path().join("docker.sock");
    fs::write(&socket, "").expect("written");
    std::os::unix::fs::symlink(&socket, home.path().join("alias.sock")).expect("linked");
    let config = [ClusterConfig {
        name: "prod".into(),
        reach: Reach::Docker { endpoint: format!("unix://{}", socket.display()), tls: None },
        connect: None,
        protected: true,
        read_only: false,
    }];
    let alias = format!("unix://{}", home.path().join("alias.sock").display());
    let runtime = home.path().display().to_string();
    let found = found(&config, &[("DOCKER_HOST", &alias), ("XDG_RUNTIME_DIR", &runtime)], home.path());
    assert_eq!(found.hosts.len(), 1);
    assert!(found.hosts[0].protected && found.hosts[0].name.as_str() == "prod");
    assert!(answer(&found, "DOCKER_HOST").ends_with("which is prod"));
}

#[test]
fn a_wrong_endpoint_is_told_with_what_it_should_look_like() {
    let home = tempfile::tempdir().expect("a directory");
    for wrong in ["ftp://x", "docker", "tcp://", "ssh://-oProxyCommand=x", "tcp://a b", "ssh://user@-x"] {
        let found = found(&[], &[("DOCKER_HOST", wrong)], home.path());
        assert!(found.hosts.is_empty(), "{wrong}");
        assert!(answer(&found, "DOCKER_HOST").contains("write unix:///path"), "{wrong}");
    }
}

#[test]
fn an_ssh_endpoint_may_name_the_far_socket() {
    let endpoint = Endpoint::parse("ssh://ops@host/run/user/1000/docker.sock", None).expect("parses");
    assert_eq!(endpoint.to_string(), "ssh://ops@host/run/user/1000/docker.sock");
    assert_eq!(Endpoint::parse("ssh://host", None).expect("parses").to_string(), "ssh://host");
}

#[test]
fn who_sets_docker_host_means_that_engine_and_no_other() {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(home.path().join(".docker/run")).expect("made");
    std::fs::write(home.path().join(".docker/run/docker.sock"), "").expect("made");
    let found = |host: Option<&str>| {
        let env = |name: &str| (name == "DOCKER_HOST").then(|| host.map(str::to_owned)).flatten();
        let names = discover(&[], env, Some(home.path())).hosts.into_iter().map(|host| host.name.to_string());
        names.filter(|name| name != "local").collect::<Vec<_>>()
    };
    assert_eq!(found(None), ["desktop"]);
    assert_eq!(found(Some("unix:///run/other.sock")), ["other"]);
    assert_eq!(found(Some("nonsense")), ["desktop"]);
}

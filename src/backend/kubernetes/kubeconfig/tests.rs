use std::fs;

use super::*;

const PROD: &str = "
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod
  cluster: { server: https://ops:hunter2@prod.example.com:6443 }
users:
- name: ann
  user: { token: hunter2 }
contexts:
- name: prod
  context: { cluster: prod, user: ann, namespace: shop }
";

const STAGING: &str = "
current-context: staging
clusters:
- name: prod
  cluster: { server: https://elsewhere }
- name: staging
  cluster: { server: https://staging.example.com }
users:
- name: ann
  user: { token: another }
contexts:
- name: prod
  context: { cluster: staging, user: ann }
- name: staging
  context: { cluster: staging, user: ann }
- name: same-server
  context: { cluster: staging, user: ann, namespace: infra }
";

struct Files(tempfile::TempDir);

impl Files {
    fn of(files: &[(&str, &str)]) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = made.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// With a KUBECONFIG that names these, in this order.
    fn discover(&self, names: &[&str]) -> Found {
        let list = std::env::join_paths(names.iter().map(|name| self.path(name))).unwrap();
        let list = list.into_string().unwrap();
        discover_with(|name| (name == "KUBECONFIG").then(|| list.clone()), None, &self.path("nowhere"))
    }
}

/// `prod https://prod at start`
fn rows(found: &Found) -> Vec<String> {
    let row = |context: &Context| {
        let at_start = if context.at_start { " at start" } else { "" };
        format!("{} {}{at_start}", context.name, context.endpoint)
    };
    found.contexts.iter().map(row).collect()
}

fn config(text: &str) -> Vec<ClusterConfig> {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("config.toml");
    fs::write(&path, text).unwrap();
    let paths = crate::config::Paths {
        config_file: crate::config::paths::ConfigFile::Named(path),
        ..crate::config::Paths::default()
    };
    let (config, complaints) = crate::config::Config::load(&paths, &crate::config::Overrides::default());
    assert_eq!(complaints, []);
    config.clusters
}

#[test]
fn of_several_files_the_first_to_say_something_wins_and_one_server_may_be_two_clusters() {
    let files = Files::of(&[("prod", PROD), ("staging", STAGING)]);
    let found = files.discover(&["prod", "staging"]);
    assert_eq!(
        rows(&found),
        [
            "prod https://prod.example.com:6443 at start",
            "staging https://staging.example.com",
            "same-server https://staging.example.com",
        ]
    );
    assert_eq!(found.contexts[0].scopes, [Scope::from("shop")]);
    let (merged, context) = found.contexts[0].source.load().unwrap();
    assert_eq!((context.as_str(), merged.auth_infos.len()), ("prod", 1));
}

#[test]
fn a_file_with_a_mistake_is_told_with_its_line_and_the_others_are_used() {
    let broken = "clusters:\n- name: prod\n  cluster: { server: hunter2\nusers: [";
    let wrong = "clusters: []\ncontexts:\n- name: [hunter2]\n";
    let files = Files::of(&[("broken", broken), ("wrong", wrong), ("staging", STAGING)]);
    let found = files.discover(&["broken", "missing", "wrong", "staging"]);
    assert_eq!(found.contexts.len(), 3);
    let said: Vec<&str> = found.tried.iter().map(|(_, answer)| &**answer).collect();
    assert!(said[0].starts_with("line ") && said[0].contains("not valid YAML"), "{said:?}");
    assert_eq!(said[1], "no such file");
    assert!(said[2].starts_with("line 3, "), "{said:?}");
    assert_eq!(said[3], "3 contexts");
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
}

#[test]
fn without_a_list_the_file_of_the_home_is_read() {
    let files = Files::of(&[(".kube/config", PROD)]);
    let found = discover_with(|_| None, Some(files.0.path()), Path::new("/nowhere"));
    assert_eq!(rows(&found), ["prod https://prod.example.com:6443 at start"]);
}

#[test]
fn a_context_that_names_nothing_is_listed_and_says_what_is_missing_when_it_is_connected() {
    let text = "
clusters:
- name: here
  cluster: { server: https://here }
- name: nowhere
users:
- name: ann
contexts:
- name: no-cluster
  context: { cluster: gone, user: ann }
- name: no-user
  context: { cluster: here, user: bob }
- name: no-server
  context: { cluster: nowhere, user: ann }
- name: empty
- name: anonymous
  context: { cluster: here, user: '' }
";
    let files = Files::of(&[("config", text)]);
    let found = files.discover(&["config"]);
    let says: Vec<String> = found
        .contexts
        .iter()
        .map(|context| match context.source.load() {
            Ok(_) => format!("{}: fine", context.name),
            Err(why) => format!("{}: {why}", context.name),
        })
        .collect();
    assert_eq!(
        says,
        [
            "no-cluster: the context names the cluster 'gone', which is not there",
            "no-user: the context names the user 'bob', who is not there",
            "no-server: the context names the cluster 'nowhere', which is not there",
            "empty: the context 'empty' is empty",
            "anonymous: fine",
        ]
    );
}

#[test]
fn names_that_a_terminal_or_an_address_would_trip_over_are_made_harmless_and_kept_apart() {
    let text = "
clusters: [{ name: a, cluster: { server: \"https://a\\e[31m\" } }]
contexts:
- { name: \"evil\\e]0;x\\a\", context: { cluster: a } }
- { name: \"evil\\x01]0;x\\a\", context: { cluster: a } }
- { name: 'arn:aws:eks:eu-west-1:1:cluster//prod', context: { cluster: a } }
- { name: local, context: { cluster: a } }
";
    let files = Files::of(&[("config", text)]);
    let found = files.discover(&["config"]).named_apart([ClusterName::from("local")].into());
    let names: Vec<&str> = found.contexts.iter().map(|context| context.name.as_str()).collect();
    assert_eq!(
        names,
        ["evil\u{fffd}]0;x\u{fffd}", "evil\u{fffd}]0;x\u{fffd}-2", "arn:aws:eks:eu-west-1:1:cluster/_/prod", "local-2"]
    );
    assert!(found.contexts.iter().all(|context| !context.endpoint.contains('\u{1b}')));
}

#[test]
fn a_pod_finds_its_own_cluster_where_there_is_no_kubeconfig() {
    let files = Files::of(&[("account/token", "hunter2"), ("account/ca.crt", ""), ("account/namespace", "shop\n")]);
    let environment = |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
        _ => None,
    };
    let found = discover_with(environment, None, &files.path("account"));
    assert_eq!(rows(&found), ["in-cluster https://[fd00::1]:443 at start"]);
    assert_eq!(found.contexts[0].scopes, [Scope::from("shop")]);
    let (kubeconfig, _) = found.contexts[0].source.load().unwrap();
    let user = kubeconfig.auth_infos[0].auth_info.as_ref().unwrap();
    assert_eq!(user.token_file.as_deref(), files.path("account/token").to_str());

    let found = discover_with(|_| None, None, &files.path("account"));
    assert_eq!(found.contexts.len(), 0);
    assert_eq!(&*found.tried[0].1, "KUBERNETES_SERVICE_HOST is not set");
}

#[test]
fn the_config_refines_a_context_by_its_name_and_adds_one_of_another_file() {
    let files = Files::of(&[("prod", PROD), ("other", STAGING)]);
    let text = format!(
        "[[clusters]]\nname = \"shop\"\nkubernetes = \"prod\"\nprotected = true\nscopes = [\"shop\", \"infra\"]\n\
         connect = \"when looked at\"\n[[clusters]]\nkubernetes = \"staging\"\nkubeconfig = \"{}\"\n\
         connect = \"at start\"\n[[clusters]]\nkubernetes = \"gone\"\n",
        files.path("other").display()
    );
    let found = files.discover(&["prod"]).configured(&config(&text), false);
    assert_eq!(
        rows(&found),
        ["shop https://prod.example.com:6443", "staging https://staging.example.com at start", "gone no server",]
    );
    let shop = &found.contexts[0];
    assert!(shop.protected && !shop.read_only);
    assert_eq!(shop.scopes, [Scope::from("shop"), Scope::from("infra")]);
    assert!(found.contexts[2].source.load().unwrap_err().contains("there is no context 'gone'"));
}

#[test]
fn what_protects_a_context_holds_whichever_way_its_file_is_named() {
    let files = Files::of(&[("prod", PROD), ("staging", STAGING)]);
    let text = format!(
        "[[clusters]]\nkubernetes = \"prod\"\nkubeconfig = \"{}\"\nprotected = true\n",
        files.path("prod").display()
    );
    let found = files.discover(&["prod", "staging"]).configured(&config(&text), false);
    let open: Vec<&str> =
        found.contexts.iter().filter(|context| !context.protected).map(|context| context.name.as_str()).collect();
    assert_eq!(open, ["staging", "same-server"]);
}

#[test]
fn only_what_the_config_names_is_left_where_nothing_else_is_wanted() {
    let files = Files::of(&[("staging", STAGING)]);
    let found = files.discover(&["staging"]).configured(&config("[[clusters]]\nkubernetes = \"same-server\"\n"), true);
    assert_eq!(rows(&found), ["same-server https://staging.example.com"]);
}

//! Files as people write them, right and wrong: `tests/config/valid` and `tests/config/invalid`, where a file's complaints stand beside it
//! as `.txt`. To write those anew after a change of words: `WRITE_EXPECTED=1 cargo test --test config`, and read the difference.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use midwatch::config::{
    self, ClusterConfig, Complaint, Config, Connect, Keymap, Overrides, Paths, Reach, Theme, Tls,
    backup::{Backups, Keep, PasswordSource, Rule, What},
    log_filter::LogFilter,
    paths::ConfigFile,
};
use midwatch::domain::{Method, Objectives, Scope};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn load(path: &Path) -> (Config, Vec<Complaint>) {
    let paths = Paths { config_file: ConfigFile::Named(path.to_owned()), ..Paths::default() };
    Config::load(&paths, &Overrides::default())
}

fn load_text(text: &str) -> (Config, Vec<Complaint>) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("config.toml");
    fs::write(&path, text).unwrap();
    load(&path)
}

fn complaints_of(kind: &str, path: &Path) -> Vec<Complaint> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let beside = path.parent().map(Path::to_owned);
    match kind {
        "config" => load(path).1,
        "themes" => Theme::load(name, &Paths { themes: beside, ..Paths::default() }).1,
        "keymaps" => Keymap::load(name, &Paths { keymaps: beside, ..Paths::default() }).1,
        other => panic!("what is {other}?"),
    }
}

const KINDS: [&str; 3] = ["config", "themes", "keymaps"];

#[test]
fn valid_files_are_taken_without_a_complaint() {
    for kind in KINDS {
        for path in files(&folder("valid").join(kind)) {
            assert_eq!(complaints_of(kind, &path), [], "{}", path.display());
        }
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_help() {
    for kind in KINDS {
        for path in files(&folder("invalid").join(kind)) {
            let complaints = complaints_of(kind, &path);
            let name = path.file_name().unwrap().to_str().unwrap();
            let told: String = complaints.iter().map(|complaint| format!("{complaint}\n")).collect();
            let told = told.replace(path.to_str().unwrap(), name);
            let expected = path.with_extension("txt");
            if std::env::var_os("WRITE_EXPECTED").is_some() {
                fs::write(&expected, &told).unwrap();
            }
            assert_eq!(told, fs::read_to_string(&expected).unwrap(), "{}", path.display());
            assert!(!told.is_empty() && !told.contains("hunter2") && !told.contains('\u{1b}'), "{told}");
        }
    }
}

#[test]
fn what_is_right_in_a_file_is_used_whatever_is_wrong_beside_it() {
    let (config, _) = load(&folder("invalid/config/clusters.toml"));
    let used: Vec<_> = config.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(used, ["twice", "both"]);
    let (config, complaints) = load_text("mouse = 7\nascii = true\n[logs]\nmemory = true\nfirst_lines = 7\n");
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(config.mouse && config.ascii);
    assert_eq!((config.logs.memory, config.logs.first_lines), (48 * 1024 * 1024, 7));
}

#[test]
fn what_is_set_is_what_holds() {
    let (config, _) = load(&folder("valid/config/everything_changed.toml"));
    let expected = Config {
        theme: "contrast".to_owned(),
        keymap: "vim".to_owned(),
        ascii: true,
        mouse: false,
        max_bytes_per_second: None,
        read_only: true,
        protected: true,
        ask_reason: true,
        arm: Some(Duration::from_secs(300)),
        keep_releases: 3,
        discover: false,
        metrics: false,
        logs: config::Logs { memory: 16 * 1024 * 1024, first_lines: 16 },
        own_log: "warn,midwatch::runtime=debug".parse::<LogFilter>().unwrap(),
        backups: None,
        clusters: Vec::new(),
    };
    assert_eq!(config, expected);
}

#[test]
fn what_has_to_be_armed_stays_so_whatever_is_wrong_with_it() {
    let arm = |text: &str| load_text(text).0.arm;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(arm(""), None);
    assert_eq!(arm("arm = 0"), None);
    assert_eq!(arm("arm = 90"), seconds(90));
    for wrong in ["arm = true", "arm = \"5 minuts\"", "arm = \"2d\"", "arm = 1", "arm = \"5m\"\n[broken"] {
        assert_eq!(arm(wrong), seconds(30), "{wrong}");
    }
    assert_eq!(arm("arm = \"0s\"\n[broken"), None);
}

#[test]
fn clusters_are_read_with_how_carefully_they_are_treated() {
    let path = folder("valid/config/clusters.toml");
    let (config, _) = load(&path);
    let docker = |endpoint: &str, tls| Reach::Docker { endpoint: endpoint.to_owned(), tls };
    let beside = path.parent().unwrap();
    let tls = Tls { ca: None, certificate: beside.join("tls/cert.pem"), key: beside.join("tls/key.pem") };
    let kubernetes = |context: &str, kubeconfig: Option<&str>, scopes: &[&str]| Reach::Kubernetes {
        context: context.to_owned(),
        kubeconfig: kubeconfig.map(|path| beside.join(path)),
        scopes: scopes.iter().map(|scope| Scope::from(*scope)).collect(),
    };
    let cluster = |name: &str, reach, connect, protected, read_only| ClusterConfig {
        name: name.into(),
        reach,
        connect,
        protected,
        read_only,
    };
    let (at_start, when_looked_at) = (Some(Connect::AtStart), Some(Connect::WhenLookedAt));
    let expected = [
        cluster("local", docker("unix:///run/docker.sock", None), None, false, false),
        cluster("team/edge-01", docker("ssh://ops@edge-01.example.com:2222", None), when_looked_at, true, false),
        cluster("lab", docker("tcp://[::1]:2376", Some(tls)), None, false, true),
        cluster("prod-eu", kubernetes("gke_shop_prod", None, &["shop", "infra"]), at_start, true, false),
        cluster("staging", kubernetes("staging", Some("staging.yaml"), &[]), None, false, false),
    ];
    assert_eq!(config.clusters, expected);
}

#[test]
fn backups_are_read_with_how_long_they_are_kept_and_how_old_they_may_become() {
    let path = folder("valid/config/backup.toml");
    let backups = load(&path).0.backups.expect("they are set");
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    let usual = Objectives { recovery_point: hours(6), ..Objectives::default() };
    let expected = Backups {
        place: "s3:https://s3.example.com/shop/backups".parse().expect("a place"),
        password: PasswordSource::File(path.parent().unwrap().join("password")),
        keep: Keep { last: 2, hourly: 0, yearly: 3, ..Keep::default() },
        objectives: usual,
        rules: vec![
            Rule {
                of: "prod-*/shop/db".parse().expect("a pattern"),
                what: What::Found,
                objectives: Some(Objectives { recovery_point: hours(1), ..usual }),
            },
            Rule {
                of: "*/shop/files".parse().expect("a pattern"),
                what: What::Method(Method::Files, vec!["/data".into(), "/srv/uploads".into()]),
                objectives: None,
            },
            Rule { of: "*/*/scratch".parse().expect("a pattern"), what: What::Nothing, objectives: None },
        ],
    };
    assert_eq!(backups, expected);
}

#[test]
fn a_context_stays_protected_whatever_is_wrong_beside_it() {
    let (config, _) = load(&folder("invalid/config/contexts.toml"));
    let protected: Vec<_> =
        config.clusters.iter().filter(|cluster| cluster.protected).map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(protected, ["prod", "other"]);
}

/// The sample's settings, which stand behind a `# `.
fn sample() -> String {
    let sample = include_str!("../assets/sample-config.toml");
    let is_setting =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let settings = sample.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| is_setting(line));
    settings.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_is_right_and_says_what_holds_without_it() {
    let (config, complaints) = load_text(&sample());
    assert_eq!(complaints, [], "{}", sample());
    assert_eq!(config.clusters.len(), 2);
    let backups = config.backups.as_ref().expect("the sample has them");
    assert_eq!((backups.keep, backups.objectives), (Keep::default(), Objectives::default()));
    assert_eq!(Config { clusters: Vec::new(), backups: None, ..config }, Config::default());
    assert_eq!(load_text(include_str!("../assets/sample-config.toml")), (Config::default(), Vec::new()));
}

#[test]
fn the_sample_leaves_no_setting_out() {
    // A key that is like no other is answered with all that there are.
    let text = "zzzzzzzz = 1\n[logs]\nzzzzzzzz = 1\n[[clusters]]\nzzzzzzzz = 1\n[clusters.tls]\nzzzzzzzz = 1\n";
    let (_, complaints) = load_text(text);
    let known: Vec<_> = complaints
        .iter()
        .filter_map(|complaint| complaint.help.as_deref()?.strip_prefix("known here: "))
        .map(|keys| keys.split(", ").collect::<Vec<_>>())
        .collect();
    assert_eq!(known.len(), 4, "{complaints:?}");
    let sample = sample();
    for key in known.concat() {
        let is_set = sample.lines().any(|line| {
            line.starts_with(&format!("{key} = ")) || line.trim_matches(['[', ']']).split('.').next_back() == Some(key)
        });
        assert!(is_set, "{key}");
    }
}

#[test]
fn a_mistake_never_takes_away_what_protects() {
    let (config, complaints) = load_text("read_only = \"true\"\nprotected = 1\n");
    assert_eq!(complaints.len(), 2);
    assert!(config.read_only && config.protected);
    let (config, _) =
        load_text("raed_only = true\n[[clusters]]\nname = \"a\"\ndocker = \"ssh://a\"\nprotcted = true\n");
    assert!(config.read_only && config.clusters[0].protected, "also when its name is mistyped");
    let (config, _) = load_text("raed_only = false\n");
    assert!(!config.read_only);
    let (config, complaints) = load_text("theme = \"daylight\"\nread_only = true\n[logs\n");
    assert_eq!(complaints.len(), 1);
    assert!(config.read_only, "also in a file that is broken further down");
    assert_eq!(config, Config { read_only: true, ..Config::default() });
}

#[test]
fn a_cluster_whose_tls_is_wrong_is_not_reached_without() {
    for tls in ["\"yes\"", "{ key = \"key.pem\" }", "{ certificate = 5, key = \"key.pem\" }"] {
        let text = format!("[[clusters]]\nname = \"a\"\ndocker = \"tcp://host:2376\"\ntls = {tls}\n");
        let (config, complaints) = load_text(&text);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert_eq!(config.clusters, []);
    }
}

#[test]
fn flags_win_over_the_file_and_can_only_add_care() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::inside(root.path(), root.path());
    fs::write(root.path().join("config.toml"), "theme = \"daylight\"\nread_only = true\n").unwrap();
    let overrides = Overrides {
        theme: Some("ansi".to_owned()),
        keymap: Some("vmi".to_owned()),
        max_bytes_per_second: Some(0),
        own_log: Some("lod".to_owned()),
        ..Overrides::default()
    };
    let (config, complaints) = Config::load(&paths, &overrides);
    assert_eq!((config.theme.as_str(), config.keymap.as_str()), ("ansi", "default"));
    assert_eq!((config.max_bytes_per_second, config.read_only), (None, true));
    let told: Vec<_> = complaints.iter().map(Complaint::to_string).collect();
    assert_eq!(told[0], "--keymap: there is no keymap \"vmi\"\n  did you mean \"vim\"?");
    assert!(told[1].starts_with("MIDWATCH_LOG: 'lod' is not a level"), "{told:?}");
}

#[test]
fn no_file_is_no_mistake_unless_it_was_named() {
    let root = tempfile::tempdir().unwrap();
    let usual = Paths::inside(&root.path().join("gone"), root.path());
    assert_eq!(config::check(&usual, &Overrides::default()), []);
    assert_eq!(Config::load(&Paths::default(), &Overrides::default()), (Config::default(), Vec::new()));
    let (config, complaints) = load(&root.path().join("named.toml"));
    assert_eq!(config, Config::default());
    assert!(complaints[0].to_string().contains("named.toml: there is no such file"), "{complaints:?}");
}

#[test]
fn what_cannot_be_read_at_all_is_told_and_the_defaults_are_used() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let not_text = write("latin1.toml", b"theme = \"daylight\"\n# gr\xf6\xdfe\n");
    let too_large = write("large.toml", &vec![b'#'; 2 * 1024 * 1024]);
    for (path, told) in [
        (root.path().to_owned(), "cannot be read"),
        (not_text, "latin1.toml:2:5: this is not UTF-8"),
        (too_large, "larger than 1 MiB"),
    ] {
        let (config, complaints) = load(&path);
        assert_eq!(config, Config::default());
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].to_string().contains(told), "{complaints:?}");
    }
}

#[test]
fn a_check_reads_every_theme_and_keymap_and_not_only_those_in_use() {
    let root = tempfile::tempdir().unwrap();
    let paths = Paths::inside(root.path(), root.path());
    for (folder, name) in [("themes", "wrong"), ("keymaps", "wrong")] {
        fs::create_dir(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join(format!("{name}.toml")), "nonsense = 1\n").unwrap();
    }
    fs::write(root.path().join("config.toml"), "theme = \"wrong\"\nnonsense = 1\n").unwrap();
    let told = config::check(&paths, &Overrides::default());
    let files: Vec<_> =
        told.iter().map(|complaint| complaint.file.strip_prefix(root.path().to_str().unwrap())).collect();
    assert_eq!(files, [Some("/config.toml"), Some("/themes/wrong.toml"), Some("/keymaps/wrong.toml")], "{told:?}");
}

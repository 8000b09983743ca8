//! Each floor may look down, never up or sideways: in one crate, this test buys what others buy with ten.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The only place that sees everything, and that nothing looks up at.
const ENTRANCE: &[&str] =
    &["main", "lib", "cli", "crash", "effects", "event_loop", "own_log", "setup", "shell", "terminal"];

/// Every other module, and the modules of this crate that it may name.
const FLOORS: &[(&str, &[&str])] = &[
    // the left wing
    ("runtime", &["backend", "repository", "action", "message", "config", "clock", "plan", "store", "domain"]),
    ("backend", &["action", "message", "config", "clock", "plan", "store", "domain"]),
    ("repository", &["config", "clock", "plan", "store", "domain"]),
    // the right wing
    ("ui", &["app", "action", "message", "config", "clock", "plan", "store", "domain"]),
    ("app", &["action", "message", "config", "clock", "plan", "store", "domain"]),
    // the words that the wings share
    ("message", &["action", "config", "clock", "plan", "store", "domain"]),
    ("action", &["message", "config", "clock", "plan", "store", "domain"]),
    ("config", &["action", "message", "clock", "plan", "store", "domain"]),
    ("clock", &[]),
    // pure
    ("plan", &["store", "domain"]),
    ("store", &["plan", "domain"]),
    ("domain", &[]),
];

/// Other people's crates that have a place: where alone each may be named.
const PLACES: &[(&str, &[&str])] = &[
    ("ratatui", &["ui", "event_loop", "terminal", "effects", "main"]),
    ("crossterm", &["ui", "event_loop", "terminal", "effects", "shell", "main"]),
    ("bollard", &["backend/docker"]),
    ("kube", &["backend/kubernetes"]),
    ("k8s_openapi", &["backend/kubernetes"]),
    ("openssh", &["backend/docker"]),
    ("clap", &["cli", "main"]),
    ("opendal", &["repository"]),
    ("rustic_backend", &["repository"]),
    ("rustic_core", &["repository"]),
    (
        "tokio",
        &["main", "cli", "effects", "event_loop", "shell", "terminal", "runtime", "backend", "repository", "clock"],
    ),
];

/// What is looked at across the floors all the same, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

#[derive(Debug, PartialEq, Eq)]
struct Look {
    line: usize,
    /// `crate::runtime` is `runtime`; `tokio::time` is `tokio`.
    at: String,
    is_ours: bool,
}

#[test]
fn no_floor_looks_up_or_sideways() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let path = file.strip_prefix(root()).expect("found below it").to_owned();
        wrong.extend(looks(&text).into_iter().filter_map(|look| complaint(&path, &look)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_module_has_its_floor() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs is text");
    let modules = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let homeless: Vec<_> = modules.filter(|module| allowed(module).is_none() && !ENTRANCE.contains(module)).collect();
    assert!(homeless.is_empty(), "say in tests/floors.rs what these may look at: {homeless:?}");
}

#[test]
fn a_look_is_found_in_use_lists_in_paths_and_below_comments() {
    let source = "//! crate::app is only talked of\nuse crate::{\n    domain::{Link, Service},\n    runtime::Runtime,\n};\nuse tokio::time;\n\
                  fn f() { crate::ui::draw(); let text = \"crate::app::App\"; ::ratatui::init(); }\n\
                  /* crate::store\n*/ // tokio::spawn\npub(crate) fn g() {}\nuse midwatch::plan::Plan;\n";
    let found: Vec<_> = looks(source).into_iter().map(|look| (look.line, look.at, look.is_ours)).collect();
    let expected = [
        (3, "domain", true),
        (4, "runtime", true),
        (6, "tokio", false),
        (7, "ui", true),
        (7, "ratatui", false),
        (11, "plan", true),
    ];
    assert_eq!(found, expected.map(|(line, at, ours)| (line, at.to_owned(), ours)));
}

#[test]
fn a_look_upward_or_sideways_is_told_with_its_place_and_its_rule() {
    let complaint = |path: &str, source: &str| {
        looks(source).iter().find_map(|look| complaint(Path::new(path), look)).unwrap_or_default()
    };
    let said = complaint("src/backend/docker/mod.rs", "use crate::app::App;");
    assert!(said.starts_with("src/backend/docker/mod.rs:1: backend may not look at app"), "{said}");
    assert!(complaint("src/app/mod.rs", "use crate::runtime;").contains("app may not look at runtime"));
    assert!(complaint("src/runtime/mod.rs", "use crate::cli;").contains("runtime may not look at cli"));
    assert!(complaint("src/domain/health.rs", "use crate::message;").contains("domain may not look at message"));
    assert!(
        complaint("src/backend/simulator/mod.rs", "use bollard::Docker;").contains("bollard belongs to backend/docker")
    );
    assert!(complaint("src/app/logs.rs", "use crossterm::event;").contains("crossterm belongs to ui"));
    assert!(complaint("src/plan/mod.rs", "use tokio::time;").contains("tokio belongs to"));
    assert_eq!(complaint("src/backend/docker/mod.rs", "use crate::domain::Link;\nuse bollard::Docker;"), "");
    assert_eq!(complaint("src/app/mod.rs", "use crate::app::list;"), "");
}

/// What is wrong with this look, if anything is.
fn complaint(path: &Path, look: &Look) -> Option<String> {
    let inside = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let module = inside.iter().next()?.to_str()?;
    if EXCEPTIONS.iter().any(|(file, at, _)| path == Path::new(file) && *at == look.at) {
        return None;
    }
    let place = format!("{}:{}", path.display(), look.line);
    if !look.is_ours {
        let (_, places) = PLACES.iter().find(|(name, _)| *name == look.at)?;
        let is_there = places.iter().any(|home| inside.starts_with(home));
        return (!is_there).then(|| format!("{place}: {} belongs to {} only", look.at, places.join(", ")));
    }
    let may = allowed(module).unwrap_or_default();
    let is_fine = look.at == module || ENTRANCE.contains(&module) || may.contains(&look.at.as_str());
    let seen = if may.is_empty() { "nothing".into() } else { may.join(", ") };
    // A name that is no module is one that lib.rs exports itself.
    let is_module = allowed(&look.at).is_some() || ENTRANCE.contains(&look.at.as_str());
    (is_module && !is_fine).then(|| format!("{place}: {module} may not look at {}; it may see {seen}", look.at))
}

fn allowed(module: &str) -> Option<&'static [&'static str]> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, may)| *may)
}

/// Every first name after `crate::` or `midwatch::`, and every crate that has a place.
fn looks(source: &str) -> Vec<Look> {
    let code = without_comments_and_strings(source);
    let mut found: Vec<(usize, Look)> = Vec::new();
    let mut add = |at: usize, name: &str, is_ours| {
        let line = 1 + code[..at].matches('\n').count();
        found.push((at, Look { line, at: name.to_owned(), is_ours }));
    };
    for root in ["crate", "midwatch"] {
        for at in words(&code, root) {
            let Some(rest) = code[at + root.len()..].strip_prefix("::") else { continue };
            let start = code.len() - rest.len();
            for (offset, name) in first_names(rest) {
                add(start + offset, name, true);
            }
        }
    }
    for (name, _) in PLACES {
        for at in words(&code, name) {
            let rest = code[at + name.len()..].trim_start();
            // A crate is named before `::`, or alone in a `use`.
            let is_path = rest.starts_with("::") || (rest.starts_with(';') && code[..at].trim_end().ends_with("use"));
            let is_inner = code[..at].ends_with("::") && !is_root(&code[..at - 2]);
            if is_path && !is_inner {
                add(at, name, false);
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, look)| look).collect()
}

/// `::tokio` is the crate, `domain::tokio` would not be.
fn is_root(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Where `word` stands alone.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
}

/// `domain::Link` -> `domain`; `{domain::{Link, Service}, runtime}` -> `domain`, `runtime`; with where each stands.
fn first_names(path: &str) -> Vec<(usize, &str)> {
    if !path.starts_with('{') {
        return Vec::from_iter(name_at(path, 0));
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut expected = false;
    for (at, c) in path.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expected = depth == 1;
            }
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => expected = true,
            c if expected && !c.is_whitespace() => {
                names.extend(name_at(path, at));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

fn name_at(text: &str, at: usize) -> Option<(usize, &str)> {
    let name = text[at..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    (!name.is_empty()).then_some((at, name))
}

/// The same number of lines, with nothing in it that only looks like code.
fn without_comments_and_strings(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if rest.starts_with("r#\"") => rest[3..].find("\"#").map_or(rest.len(), |end| end + 5),
            '"' => string_end(rest),
            // Of a character, only the one that would begin a string matters.
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\\"'") => 4,
            _ => {
                code.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        rest = &rest[skipped..];
    }
    code
}

fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn sources(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

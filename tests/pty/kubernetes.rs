//! The console at work on a real Kubernetes: the lab's, with a shop of twenty Deployments in a namespace of the test's own.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    kubectl::kubectl,
    lab::wait_until,
    terminal::{Size, Terminal},
};

const SIZE: Size = (120, 36);
const KUBECONFIG: &str = "MIDWATCH_TEST_KUBECONFIG";
const DEMANDED: &str = "MIDWATCH_TEST_KUBERNETES";

/// One shop at a time: the node has room for few, and whoever takes the API server away does it while nobody else needs it.
static CLUSTER: Mutex<()> = Mutex::new(());

struct Shop {
    namespace: String,
    kubeconfig: String,
    home: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Shop {
    /// With this trouble, and no other. `None`, loudly, where there is no cluster and none was demanded.
    fn open(trouble: &[&str]) -> Option<Self> {
        let alone = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
        let kubeconfig = std::env::var(KUBECONFIG).ok().filter(|path| !path.is_empty());
        let Some(kubeconfig) = kubeconfig else {
            assert!(std::env::var_os(DEMANDED).is_none(), "{DEMANDED} demands a cluster, but {KUBECONFIG} names none");
            eprintln!("SKIPPED a shop with {trouble:?}: {KUBECONFIG} names no cluster");
            return None;
        };
        static SHOPS: AtomicU32 = AtomicU32::new(0);
        // Short, so that a row has room for the whole name of a service.
        let namespace = format!("mw{}-{}", std::process::id() % 1000, SHOPS.fetch_add(1, Ordering::Relaxed));
        let home = tempfile::tempdir().expect("a directory for the home");
        let shop = Self { namespace, kubeconfig, home, _alone: alone };
        lab("apps-up", &[&[&*shop.namespace], trouble].concat());
        Some(shop)
    }

    fn console(&self, size: Size) -> Terminal {
        let environment = [("HOME", self.home.path().to_str().expect("UTF-8")), ("KUBECONFIG", &*self.kubeconfig)];
        Terminal::midwatch_in(size, &["--cluster", "lab", "--scope", &self.namespace], &environment)
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&self.kubeconfig, &self.namespace, arguments, None).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_midwatch"))
            .args(arguments)
            .args(["--cluster", "lab", "--scope", &self.namespace])
            .env_clear()
            .env("HOME", self.home.path())
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .output()
            .expect("it starts")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let kubectl = |arguments: &[&str]| {
            let mut command = Command::new("kubectl");
            command.args(["--kubeconfig", &self.kubeconfig, "--namespace", &self.namespace]).args(arguments);
            _ = command.stdin(Stdio::null()).output();
        };
        // Its pods make room at once; the rest goes by itself.
        kubectl(&["delete", "deployments,statefulsets,daemonsets,jobs,cronjobs", "--all", "--wait=false"]);
        kubectl(&["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"]);
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

fn lab(name: &str, arguments: &[&str]) {
    let output = Command::new(script(name)).args(arguments).stdin(Stdio::null()).output().expect("the script runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

fn quit(mut terminal: Terminal) {
    terminal.keys("q");
    assert!(terminal.wait_for_end().success());
    terminal.assert_restored();
}

#[test]
fn the_broken_ones_of_twenty_are_found_and_read_and_a_good_one_is_restarted() {
    let Some(shop) = Shop::open(&["checkout", "accounts"]) else { return };
    let mut terminal = shop.console(SIZE);
    terminal.wait_until("the broken ones and a reason are on the first screen", |screen| {
        let text = screen.contents();
        text.contains("checkout") && text.contains("ConfigMap accounts-settings is missing")
    });
    terminal.keys("/checkout\r");
    terminal.wait_until("only that is listed, with its reason", |screen| {
        let text = screen.contents();
        text.contains("exit 78") && !text.contains("catalogue")
    });
    terminal.keys("l");
    terminal.wait_until("its logs fill the screen", |screen| {
        let text = screen.contents();
        text.contains("ERROR") && !text.contains("SERVICES")
    });
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    // What runs well is restarted, so that it can end well.
    terminal.keys("\x1b");
    terminal.wait_for("catalogue");
    terminal.keys("/gateway\r");
    terminal.wait_until("only that is listed", |screen| !screen.contents().contains("catalogue"));
    terminal.keys("R");
    terminal.wait_for("PLAN  restart");
    let before = shop.kubectl(&["get", "deployment", "gateway", "-o", "jsonpath={.metadata.generation}"]);
    terminal.keys("y");
    terminal.wait_for(&format!("restart {}/gateway: done", shop.namespace));
    let after = shop.kubectl(&["get", "deployment", "gateway", "-o", "jsonpath={.metadata.generation}"]);
    assert_ne!(before, after);
    terminal.keys("\x1b");
    terminal.wait_for("SERVICES");
    quit(terminal);
    ask(&shop);
}

/// Commands say what the screens say.
fn ask(shop: &Shop) {
    let text = |arguments: &[&str]| String::from_utf8_lossy(&shop.command(arguments).stdout).into_owned();
    let services = text(&["services", "--json"]);
    let accounts = services.lines().find(|line| line.contains("\"accounts\"")).expect("it is listed");
    assert!(accounts.contains("ConfigMap") && accounts.contains("failing"), "{accounts}");
    let releases = text(&["releases", "web"]);
    assert!(releases.lines().count() >= 3, "a heading and two of them: {releases}");
    assert!(text(&["nodes"]).contains("lab"), "no node");
    assert!(text(&["instances", "web"]).contains("web-"), "no instance");
    let dry = shop.command(&["restart", "web", "--dry-run"]);
    assert!(dry.status.success() && String::from_utf8_lossy(&dry.stdout).contains("web"), "{dry:?}");
    let stop = shop.command(&["stop", "web", "--yes"]);
    assert_eq!(stop.status.code(), Some(3), "{}", String::from_utf8_lossy(&stop.stderr));
}

/// Puts the server back whatever happens in between.
struct Outage;

impl Outage {
    fn begin() -> Self {
        lab("cluster-api", &["stop"]);
        Self
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        _ = Command::new(script("cluster-api")).arg("start").stdin(Stdio::null()).output();
    }
}

#[test]
fn a_pod_that_goes_ends_its_shell_and_an_api_server_that_is_killed_is_waited_for() {
    let Some(shop) = Shop::open(&["none"]) else { return };
    let mut terminal = shop.console(SIZE);
    terminal.wait_for("healthy");
    terminal.keys("/toolbox\r");
    // A lone pod comes after the workloads.
    terminal.wait_until("that alone is listed and selected", |screen| {
        let text = screen.contents();
        text.contains("toolbox  ●") && !text.contains("gateway")
    });
    terminal.keys("$");
    terminal.wait_until("the shell's prompt", |screen| !screen.alternate_screen() && screen.contents().contains('#'));
    terminal.keys("echo mark-$((6*7))\r");
    terminal.wait_for("mark-42");
    shop.kubectl(&["delete", "pod", "toolbox", "--wait=false", "--grace-period=1"]);
    terminal.wait_until("the console is back", |screen| {
        screen.alternate_screen() && screen.contents().contains("SERVICES")
    });
    terminal.keys("\x1b");
    terminal.wait_until("it is live", |screen| screen.contents().contains("lab live"));
    terminal.wait_for("gateway");
    let outage = Outage::begin();
    terminal.wait_until("the loss is told, and the rows are still there", |screen| {
        let text = screen.contents();
        text.contains("unreachable") && text.contains("gateway")
    });
    terminal.keys("/gateway\r");
    terminal.wait_until("keys are answered", |screen| !screen.contents().contains("catalogue"));
    drop(outage);
    terminal.wait_until("it is live again", |screen| screen.contents().contains("lab live"));
    terminal.keys("\x1b");
    terminal.wait_for("catalogue");
    shop.kubectl(&["scale", "deployment", "gateway", "--replicas=3"]);
    wait_until("the new size is on the screen", || terminal.text().contains("3/3").then_some(()));
    quit(terminal);
}

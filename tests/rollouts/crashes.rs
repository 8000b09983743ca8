//! The program is killed before and after every step of every strategy, and then told to go on or to go back: all instances run one and
//! the same release, all of them are ready, and nothing is left lying about.

use std::{
    process::Child,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    docker::{Project, Tries},
    kubernetes::Namespace,
    stand::{Stand, beside, one_image, said, until},
};

const INSTANCES: usize = 2;
/// They wait for engines most of the time.
const SIDE_BY_SIDE: usize = 4;
/// More records than any of these plans writes.
const ENDLESS: usize = 400;

const STRATEGIES: [&[&str]; 3] = [
    &["--strategy", "rolling"],
    &["--strategy", "canary", "--weight", "50% 1s"],
    &["--strategy", "blue-green", "--keep", "1s"],
];

#[derive(Clone, Copy, Debug)]
struct Case {
    strategy: &'static [&'static str],
    /// The line of the journal after which it is killed: odd ones begin a step, even ones end it.
    record: usize,
    goes_on: bool,
}

/// Whether there was such a record at all.
fn survives(stand: &dyn Stand, case: Case) -> bool {
    let address = stand.address();
    let mut arguments = vec!["rollout", &address, "lab/shop:v2", "--yes", "--drain", "1s", "--within", "120s"];
    arguments.extend(case.strategy);
    let mut child = stand.home().start(&arguments);
    if !killed_at(stand, &mut child, case.record) {
        assert_eq!(one_image(stand).as_deref(), Some("lab/shop:v2"), "{case:?}");
        return false;
    }
    let operation = stand.home().operation();
    let (id, state) = (operation["id"].as_str().expect("an id"), operation["state"].as_str().expect("a state"));
    if state == "interrupted" {
        let word = if case.goes_on { "resume" } else { "undo" };
        let (mut code, mut told) = said(&stand.home().run(&[word, id, "--yes"]));
        if code == 3 && !case.goes_on {
            // From where it only tidies up there is no way back but another plan, and that is said.
            assert!(told.contains("it only tidies up"), "{case:?}: {told}");
            (code, told) = said(&stand.home().run(&["resume", id, "--yes"]));
            assert_eq!(code, 0, "{case:?}: {told}");
        }
        assert_eq!(code, 0, "{case:?}: {told}");
        let state = &stand.home().operation()["state"];
        assert!(state == "done" || state == "undone" && !case.goes_on, "{case:?}: {state}: {told}");
        let image = if state == "done" { "lab/shop:v2" } else { "lab/shop:v1" };
        until(&format!("{case:?} to end on {image}: {told}"), || (one_image(stand)? == image).then_some(()));
    }
    until(&format!("{case:?} to converge"), || (stand.runs().len() == INSTANCES).then(|| one_image(stand)).flatten());
    assert_eq!(stand.leftovers(), [] as [String; 0], "{case:?}");
    true
}

/// `false` when it ended before.
fn killed_at(stand: &dyn Stand, child: &mut Child, record: usize) -> bool {
    loop {
        if stand.home().records() > record {
            child.kill().and_then(|()| child.wait()).expect("killed");
            return true;
        }
        if child.try_wait().expect("its state").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Every record of every strategy, until a strategy has no more of them.
fn all_survive<S: Stand>(open: impl Fn() -> S + Sync) {
    for strategy in STRATEGIES {
        let (next, last) = (AtomicUsize::new(0), AtomicUsize::new(ENDLESS));
        let wrong = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(|| {
                    loop {
                        let record = next.fetch_add(1, Ordering::Relaxed);
                        if record >= last.load(Ordering::Relaxed) {
                            return;
                        }
                        // Each step is once gone on with and once gone back from, before it or after it.
                        let case = Case { strategy, record, goes_on: record % 4 < 2 };
                        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| survives(&open(), case)));
                        match played {
                            Ok(true) => {}
                            Ok(false) => _ = last.fetch_min(record, Ordering::Relaxed),
                            Err(panic) => {
                                let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                                wrong.lock().expect("not poisoned").push(format!("{case:?}: {why}"));
                            }
                        }
                    }
                });
            }
        });
        let (cases, wrong) = (last.into_inner(), wrong.into_inner().expect("not poisoned"));
        assert!(cases > 4 && cases < ENDLESS, "{strategy:?}: {cases} records are no rollout");
        eprintln!("{strategy:?}: killed at {cases} places, {} did not converge", wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

#[test]
fn on_docker_what_is_killed_at_any_step_converges() {
    let _beside = beside();
    if Project::open("what is killed converges", INSTANCES as u32, Tries::Once).is_none() {
        return;
    }
    all_survive(|| Project::open("what is killed converges", INSTANCES as u32, Tries::Once).expect("it was there"));
}

#[test]
fn on_kubernetes_what_is_killed_at_any_step_converges() {
    let _beside = beside();
    if Namespace::open("what is killed converges", INSTANCES as u32, 0).is_none() {
        return;
    }
    all_survive(|| Namespace::open("what is killed converges", INSTANCES as u32, 0).expect("it was there"));
}

//! `kill -9` at a chosen place of an operation, from outside: when its journal shows so many records.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// An upper bound, not a time to wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing else is asked of a journal, and a step of a real engine takes longer.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// Kills the process as soon as the operation under way has `records` records after its opening: an odd count is in the middle of a step, or
/// before it, an even one after it. False when it ended first. `journal` holds `operations`.
pub fn kill_at(journal: &Path, process: u32, records: usize) -> bool {
    let deadline = Instant::now() + PATIENCE;
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("the number of a process");
    while is_alive(process) {
        if under_way(journal) > records {
            return kill_process(pid, Signal::KILL).is_ok();
        }
        assert!(Instant::now() < deadline, "{records} records did not come in {PATIENCE:?}");
        sleep(BETWEEN_LOOKS);
    }
    false
}

/// How many whole lines the file of the newest operation without a verdict has.
fn under_way(journal: &Path) -> usize {
    let entries = fs::read_dir(journal.join("operations")).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let open = files.filter_map(|path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let changed = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        let is_over = text.lines().any(|line| line.contains(r#""record":"verdict""#));
        (!is_over).then(|| (changed, text.matches('\n').count()))
    });
    open.max().map_or(0, |(_, lines)| lines)
}

/// Not ended, whether anybody has asked how it ended or not.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

#[test]
fn a_process_is_killed_when_its_journal_has_so_many_records_and_not_when_it_ends_before() {
    let journal = tempfile::tempdir().expect("a directory");
    let operations = journal.path().join("operations");
    fs::create_dir(&operations).expect("made");
    fs::write(operations.join("20200101-000000-old0.jsonl"), "{}\n{}\n{}\n{\"record\":\"verdict\"}\n")
        .expect("written");
    let file = operations.join("20260101-000000-abcd.jsonl");
    let script = format!("for n in 1 2 3; do echo '{{}}' >> {}; sleep 0.3; done; exec sleep 600", file.display());
    let mut child = std::process::Command::new("sh").args(["-c", &script]).spawn().expect("sh runs");
    assert!(kill_at(journal.path(), child.id(), 2));
    assert!(!child.wait().expect("ours").success());
    assert_eq!(fs::read_to_string(&file).expect("there").lines().count(), 1 + 2);

    let mut child = std::process::Command::new("true").spawn().expect("it runs");
    assert!(!kill_at(journal.path(), child.id(), 9));
    child.wait().expect("ours");
}

//! What is on disk: private, whole, bounded, and readable after the worst.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::{
    config::place::Place,
    domain::{PersonWord, Snapshot, StepState, Verdict},
    plan::{
        Verb,
        fixture::{Shop, noon},
    },
};

fn journal() -> (TempDir, Journal) {
    let state = tempfile::tempdir().unwrap();
    let journal = Journal::open(state.path()).unwrap();
    (state, journal)
}

fn create(journal: &Journal, minute: i64) -> (Opening, Page) {
    let plan = Shop::healthy(1).plan(Verb::Stop).expect("planned");
    let at = noon() + jiff::SignedDuration::from_mins(minute);
    journal.create(journal.unused_id(at), plan, &"ops@laptop".into(), at).expect("created")
}

fn over() -> Record {
    Record::Verdict { at: noon(), verdict: Verdict::Done { says: "done".into() } }
}

#[test]
fn only_its_owner_can_read_the_journal() {
    let (state, journal) = journal();
    let (opening, _page) = create(&journal, 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.path().join("operations")), 0o700);
    assert_eq!(mode(&journal.path(&opening.id)), 0o600);
}

#[test]
fn the_first_line_says_who_does_what_where_and_with_which_midwatch() {
    let (_state, journal) = journal();
    let (opening, _page) = create(&journal, 0);
    let text = fs::read_to_string(journal.path(&opening.id)).unwrap();
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["who"], "ops@laptop");
    assert_eq!(first["process"], std::process::id());
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first["plan"]["service"]["cluster"], "prod");
    assert!(opening.id.as_str().starts_with("20261121-120000-"), "{}", opening.id);
}

#[test]
fn whoever_has_the_file_is_running_and_when_nobody_has_it_was_cut_off() {
    let (_state, journal) = journal();
    let (opening, page) = create(&journal, 0);
    assert_eq!(journal.operation(&opening.id).unwrap().state, OperationState::Running);
    assert!(journal.take_over(&opening.id).is_err());
    drop(page);
    assert_eq!(journal.operation(&opening.id).unwrap().state, OperationState::Interrupted);
    let taken = journal.take_over(&opening.id).expect("free");
    assert_eq!(taken.0, opening);
}

#[test]
fn a_record_that_could_not_be_written_whole_does_not_spoil_the_next() {
    let (_state, journal) = journal();
    let (opening, page) = create(&journal, 0);
    drop(page);
    let path = journal.path(&opening.id);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"record\":\"began\",\"at\":\"2026-").unwrap();
    assert_eq!(journal.operation(&opening.id).unwrap().state, OperationState::Interrupted);

    let (_, _, mut page) = journal.take_over(&opening.id).expect("readable");
    page.write(&over()).unwrap();
    assert!(journal.operation(&opening.id).expect("still readable").is_over());
}

#[test]
fn a_file_that_makes_no_sense_is_told_of_and_hides_no_other() {
    let (state, journal) = journal();
    let (opening, _page) = create(&journal, 0);
    let folder = state.path().join("operations");
    fs::write(folder.join("20200101-000000-aaaa.jsonl"), "not json\n").unwrap();
    fs::write(folder.join("20200101-000000-bbbb.jsonl"), "").unwrap();
    // Written whole, and in an order in which it cannot have happened.
    let text = fs::read_to_string(journal.path(&opening.id)).unwrap();
    let nonsense = r#"{"record":"ended","at":"2026-11-21T12:00:00Z","which":{"step":5},"outcome":"done"}"#;
    fs::write(folder.join("20200101-000000-cccc.jsonl"), format!("{text}{nonsense}\n")).unwrap();
    let listing = journal.operations();
    assert_eq!(listing.operations.iter().map(|one| &one.id).collect::<Vec<_>>(), [&opening.id]);
    assert_eq!(listing.unreadable.len(), 3, "{:#?}", listing.unreadable);
}

#[test]
fn the_oldest_that_are_over_are_forgotten_and_what_is_not_over_never_is() {
    let (_state, mut journal) = journal();
    journal.kept = 3;
    let (unfinished, _) = create(&journal, 0);
    for minute in 1..=5 {
        let (_, mut page) = create(&journal, minute);
        page.append(&line(&over()).unwrap()).unwrap();
    }
    let kept = journal.operations().operations;
    assert_eq!(kept.len(), 3 + 1);
    assert_eq!(kept[0].id, unfinished.id);
    assert!(kept[1].id.as_str().starts_with("20261121-120300"), "{}", kept[1].id);
    assert_eq!(fs::read_dir(&journal.operations).unwrap().count(), 3 + 1);
}

#[test]
fn an_id_that_a_person_types_does_not_lead_out_of_the_directory() {
    let (state, journal) = journal();
    fs::write(state.path().join("secret.jsonl"), "").unwrap();
    let path = journal.path(&OperationId::new("../secret"));
    assert_eq!(path.parent(), Some(state.path().join("operations").as_path()));
}

#[test]
fn what_a_process_left_before_it_began_is_cleared_away_when_it_is_old() {
    let (state, journal) = journal();
    let path = state.path().join("operations/.new-20260101-000000-abcd");
    let file = File::create(&path).unwrap();
    journal.operations();
    assert!(path.exists(), "young: somebody is at work");
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    journal.operations();
    assert!(!path.exists());
}

#[test]
fn words_are_private_whole_in_order_and_taken_once() {
    let (state, journal) = journal();
    let id = OperationId::from("20261121-120000-4f2a");
    let ask = |second, wish| Ask { at: noon() + jiff::SignedDuration::from_secs(second), who: "ann@desk".into(), wish };
    let (wait, stop) = (ask(1, Wish::Word(PersonWord::Wait)), ask(0, Wish::StopAndUndo));
    journal.put(&id, &wait).expect("put");
    let letter = journal.put(&id, &stop).expect("put");
    let other = OperationId::from("20261121-120000-4f2b");
    journal.put(&other, &wait).expect("put");
    let folder = state.path().join("words");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    fs::write(folder.join(format!("{id}.garbage")), "not json").unwrap();
    assert!(!letter.is_taken());
    assert_eq!(journal.take_words(&id), [stop, wait.clone()]);
    assert!(letter.is_taken() && !letter.withdraw());
    assert_eq!(journal.take_words(&id), []);
    assert_eq!(journal.take_words(&other), [wait]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_word_that_was_withdrawn_is_not_heard() {
    let (_state, journal) = journal();
    let id = OperationId::from("20261121-120000-4f2a");
    let letter = journal.put(&id, &Ask { at: noon(), who: "ann@desk".into(), wish: Wish::StopAndUndo }).expect("put");
    assert!(letter.withdraw());
    assert_eq!(journal.take_words(&id), []);
}

#[test]
fn what_is_let_go_is_written_down_before_and_after_by_one_at_a_time() {
    let (state, journal) = journal();
    let place = Place::Local("/srv/backups".into());
    let who = "ops@laptop".into();
    let service = serde_json::json!({ "cluster": "prod", "scope": "shop", "name": "db" });
    let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
        "id": "1a2b", "at": noon(), "item": { "service": service, "method": "postgres" }, "took": { "secs": 1, "nanos": 0 },
        "files": [], "added": 0, "standing": "whole",
    }))
    .unwrap();
    let letting_go = journal.lets_go(&place, std::slice::from_ref(&snapshot), &who, noon()).unwrap();
    let lines = || -> Vec<serde_json::Value> {
        let text = fs::read_to_string(state.path().join("forgotten.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let [goes] = &lines()[..] else { panic!("{:?}", lines()) };
    assert_eq!((&goes["who"], &goes["repository"]), (&"ops@laptop".into(), &"/srv/backups".into()));
    let gone = &goes["goes"][0];
    assert_eq!((&gone["snapshot"], &gone["item"]), (&"1a2b".into(), &"postgres of prod/shop/db".into()));

    let other = Journal::open(state.path()).unwrap();
    let refused = other.lets_go(&place, &[], &who, noon()).unwrap_err();
    assert!(refused.why.contains("is being carried out by ops@laptop"), "{refused}");
    other.lets_go(&Place::Local("/srv/others".into()), &[], &who, noon()).unwrap();

    letting_go.ended(noon(), "1 went").unwrap();
    assert_eq!(lines().last().unwrap()["says"], "1 went");
    let mode = fs::metadata(state.path().join("forgotten.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    other.lets_go(&place, &[], &who, noon()).unwrap();
}

/// As version 0.1.0 wrote them before plans knew promises, tidying and waiting.
#[test]
fn a_journal_from_before_rollouts_is_still_read() {
    let (state, journal) = journal();
    let opening = r#"{"id":"20261001-080000-00aa","at":"2026-10-01T08:00:00Z","who":"ops@laptop","process":7,"version":"0.1.0","plan":{"title":"restart shop/web","request":{"verb":"restart","target":{"service":{"cluster":"prod","scope":"shop","name":"web"}},"why":null},"service":{"cluster":"prod","scope":"shop","name":"web"},"stages":[{"title":"web-1","steps":[{"step":{"do":"stop","instance":{"cluster":"prod","key":"web-1"},"name":"web-1","grace":10},"undo":[{"do":"start","instance":{"cluster":"prod","key":"web-1"},"name":"web-1"}]},{"step":{"do":"start","instance":{"cluster":"prod","key":"web-1"},"name":"web-1"},"undo":[]}]}],"explains":{"objects":[],"promises":[],"warnings":[],"undo":[]},"engine":"docker","endpoint":"unix:///var/run/docker.sock","assumes":1}}"#;
    let records = [
        r#"{"record":"began","at":"2026-10-01T08:00:00Z","which":{"step":0}}"#,
        r#"{"record":"ended","at":"2026-10-01T08:00:01Z","which":{"step":0},"outcome":{"failed":{"what":"stop web-1","why":"no"}}}"#,
        r#"{"record":"began","at":"2026-10-01T08:00:01Z","which":{"undo":0}}"#,
        r#"{"record":"taken","at":"2026-10-01T08:01:00Z","who":"ops@laptop","word":"resume","process":8}"#,
        r#"{"record":"began","at":"2026-10-01T08:01:00Z","which":{"undo":0}}"#,
        r#"{"record":"ended","at":"2026-10-01T08:01:01Z","which":{"undo":0},"outcome":"done"}"#,
        r#"{"record":"verdict","at":"2026-10-01T08:01:01Z","verdict":{"verdict":"undone","says":"as it was"}}"#,
    ];
    let text = [opening].iter().chain(&records).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(state.path().join("operations/20261001-080000-00aa.jsonl"), text).unwrap();
    let listing = journal.operations();
    assert_eq!(listing.unreadable, []);
    let states: Vec<_> = listing.operations[0].steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Failed, StepState::Skipped, StepState::Done]);
}

#[test]
fn a_plan_that_nobody_could_read_again_is_refused_before_anything_is_written() {
    let (state, journal) = journal();
    let mut plan = Shop::healthy(1).plan(Verb::Stop).expect("planned");
    plan.explains.warnings = vec!["x".repeat(LONGEST_OPENING).into()];
    let refused = journal.create(journal.unused_id(noon()), plan, &"ops@laptop".into(), noon());
    let trouble = refused.map(|(opening, _)| opening).expect_err("too long");
    assert!(trouble.why.contains("too long to be written down: 16 MiB"), "{trouble}");
    assert_eq!(fs::read_dir(state.path().join("operations")).unwrap().count(), 0);
}

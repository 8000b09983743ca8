use super::*;
use crate::domain::{Counts, Method, Outcome, ServiceId, Trial};

const NOTHING: Keep = Keep { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
const NOW: &str = "2026-03-11T12:30:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn of(service: &str, at: &str, standing: Standing) -> Snapshot {
    let service = ServiceId::new(&"prod".into(), &"shop".into(), service);
    Snapshot {
        id: SnapshotId::new(at),
        at: time(at),
        item: Item { service, method: Method::Postgres, path: None },
        version: None,
        release: None,
        took: Duration::ZERO,
        files: Vec::new(),
        added: 0,
        counts: Counts::new(),
        standing,
    }
}

fn whole(at: &str) -> Snapshot {
    of("db", at, Standing::Whole)
}

fn proof(of: &Snapshot, at: &str, outcome: Outcome) -> Proof {
    let (of, item) = (of.id.clone(), of.item.clone());
    Proof { of, item, at: time(at), took: Duration::ZERO, trial: Trial::Rehearsed, outcome }
}

fn good() -> Outcome {
    Outcome::Opened(Counts::new())
}

fn decide(snapshots: &[Snapshot], proofs: &[Proof], keep: Keep, now: &str) -> Vec<Retained> {
    retained(snapshots.to_vec(), proofs, &keep, time(now))
}

/// When those that stay were taken.
fn staying(snapshots: &[Snapshot], proofs: &[Proof], keep: Keep, now: &str) -> Vec<String> {
    let decided = decide(snapshots, proofs, keep, now);
    decided.iter().filter(|it| it.stays).map(|it| it.snapshot.id.as_str().to_owned()).collect()
}

fn why(snapshots: &[Snapshot], keep: Keep, id: &str) -> String {
    let decided = decide(snapshots, &[], keep, NOW);
    let found = decided.iter().find(|it| it.snapshot.id.as_str() == id).expect("it is there");
    format!("{}: {}", found.stays, found.why.join(", "))
}

#[test]
fn the_last_ones_stay_and_each_says_why() {
    let taken = ["2026-03-11T12:00:00Z", "2026-03-11T11:00:00Z", "2026-03-11T10:00:00Z"].map(whole);
    let keep = Keep { last: 2, ..NOTHING };
    assert_eq!(staying(&taken, &[], keep, NOW), ["2026-03-11T12:00:00Z", "2026-03-11T11:00:00Z"]);
    assert_eq!(why(&taken, keep, "2026-03-11T12:00:00Z"), "true: newest, last 2");
    assert_eq!(why(&taken, keep, "2026-03-11T11:00:00Z"), "true: last 2");
    assert_eq!(why(&taken, keep, "2026-03-11T10:00:00Z"), "false: nothing keeps it any more");
}

#[test]
fn of_each_span_in_which_there_is_one_the_newest_stays() {
    for (keep, stays) in [
        (Keep { hourly: 2, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2026-03-11T09:50:00Z"]),
        (Keep { daily: 2, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2026-03-09T23:59:59Z"]),
        (Keep { weekly: 2, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2026-03-08T12:00:00Z"]),
        (Keep { monthly: 2, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2026-02-28T12:00:00Z"]),
        (Keep { yearly: 2, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2025-12-30T12:00:00Z"]),
        (Keep { yearly: 9, ..NOTHING }, vec!["2026-03-11T12:20:00Z", "2025-12-30T12:00:00Z"]),
    ] {
        let taken = [
            "2026-03-11T12:20:00Z",
            "2026-03-11T12:10:00Z",
            "2026-03-11T09:50:00Z",
            "2026-03-09T23:59:59Z",
            "2026-03-09T00:00:00Z",
            "2026-03-08T12:00:00Z",
            "2026-02-28T12:00:00Z",
            "2026-01-01T12:00:00Z",
            "2025-12-30T12:00:00Z",
        ]
        .map(whole);
        assert_eq!(staying(&taken, &[], keep, NOW), stays, "{keep:?}");
    }
}

#[test]
fn a_week_across_new_year_is_one_week() {
    let taken = ["2026-01-01T12:00:00Z", "2025-12-30T12:00:00Z", "2025-12-28T12:00:00Z"].map(whole);
    let keep = Keep { weekly: 2, ..NOTHING };
    assert_eq!(staying(&taken, &[], keep, NOW), ["2026-01-01T12:00:00Z", "2025-12-28T12:00:00Z"]);
}

#[test]
fn the_usual_retention_thins_out_what_is_old() {
    let newest = time("2026-03-11T12:00:00Z");
    let hourly = (0..400 * 24).map(|hours| newest - Duration::from_secs(hours * 3600));
    let taken: Vec<_> = hourly.map(|at| whole(&at.to_string())).collect();
    let stays = staying(&taken, &[], Keep::default(), NOW);
    // 24 hours; of 7 days two are among them, of 5 weeks one, and one among the days; of 12 months one is among the hours.
    assert_eq!(stays.len(), 24 + 5 + 3 + 11, "{stays:?}");
    assert_eq!(stays.last().expect("some stay"), "2025-04-30T23:00:00Z");
}

#[test]
fn whatever_is_kept_the_newest_whole_one_of_each_item_stays() {
    let mut taken = vec![whole("2020-01-01T00:00:00Z"), whole("2019-01-01T00:00:00Z")];
    taken.push(of("cache", "2018-01-01T00:00:00Z", Standing::Whole));
    assert_eq!(staying(&taken, &[], NOTHING, NOW), ["2020-01-01T00:00:00Z", "2018-01-01T00:00:00Z"]);
}

#[test]
fn items_do_not_take_each_others_places() {
    let mut taken = vec![whole("2026-03-11T12:00:00Z"), of("cache", "2026-03-11T11:00:00Z", Standing::Whole)];
    let mut file = whole("2026-03-11T10:00:00Z");
    file.item.path = Some("/var/lib/a".into());
    taken.push(file);
    assert_eq!(staying(&taken, &[], Keep { last: 1, ..NOTHING }, NOW).len(), 3);
}

#[test]
fn the_one_that_was_last_shown_to_be_restorable_stays() {
    let taken = ["2026-03-11T12:00:00Z", "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"].map(whole);
    let failed = Outcome::Failed("12 rows are missing".into());
    let proofs =
        [proof(&taken[2], "2026-03-02T00:00:00Z", good()), proof(&taken[1], "2026-03-05T00:00:00Z", failed.clone())];
    let stays = staying(&taken, &proofs, NOTHING, NOW);
    assert_eq!(stays, ["2026-03-11T12:00:00Z", "2026-02-01T00:00:00Z"]);
    // When a newer one is proven, the older one need not stay for it.
    let newer = [&proofs[..], &[proof(&taken[1], "2026-03-06T00:00:00Z", good())]].concat();
    assert_eq!(staying(&taken, &newer, NOTHING, NOW), ["2026-03-11T12:00:00Z", "2026-03-01T00:00:00Z"]);
}

#[test]
fn a_proof_of_one_that_is_gone_does_not_cost_another_its_place() {
    let taken = ["2026-03-11T12:00:00Z", "2026-03-01T00:00:00Z"].map(whole);
    let gone = whole("2026-03-04T00:00:00Z");
    let proofs = [proof(&taken[1], "2026-03-02T00:00:00Z", good()), proof(&gone, "2026-03-05T00:00:00Z", good())];
    assert_eq!(staying(&taken, &proofs, NOTHING, NOW), ["2026-03-11T12:00:00Z", "2026-03-01T00:00:00Z"]);
}

#[test]
fn what_was_taken_before_a_restore_stays_for_a_week_and_counts_for_nothing_else() {
    let taken = [
        of("db", "2026-03-11T12:00:00Z", Standing::Safety),
        of("db", "2026-03-04T12:31:00Z", Standing::Safety),
        of("db", "2026-03-04T12:30:00Z", Standing::Safety),
        whole("2026-03-01T00:00:00Z"),
    ];
    let stays = staying(&taken, &[], Keep { last: 1, ..NOTHING }, NOW);
    assert_eq!(stays, ["2026-03-11T12:00:00Z", "2026-03-04T12:31:00Z", "2026-03-01T00:00:00Z"]);
    assert_eq!(why(&taken, NOTHING, "2026-03-04T12:30:00Z"), "false: the restore was more than 7 days ago");
}

#[test]
fn an_unfinished_one_goes_when_it_is_old_and_a_newer_one_is_whole() {
    let unfinished = |at| of("db", at, Standing::Unfinished);
    let young = unfinished("2026-03-10T12:31:00Z");
    let old = unfinished("2026-03-10T12:30:00Z");
    let older = whole("2026-03-10T00:00:00Z");
    let newer = whole("2026-03-11T00:00:00Z");
    let stays = |taken: &[&Snapshot], it: &Snapshot| {
        let taken: Vec<_> = taken.iter().map(|it| (*it).clone()).collect();
        staying(&taken, &[], Keep::default(), NOW).contains(&it.id.as_str().to_owned())
    };
    assert!(stays(&[&young, &newer], &young));
    assert!(!stays(&[&old, &newer], &old));
    assert!(stays(&[&old, &older], &old));
    assert!(stays(&[&old], &old));
}

#[test]
fn one_from_the_future_stays_and_takes_nobodys_place() {
    let taken = ["2031-01-01T00:00:00Z", "2026-03-11T12:00:00Z", "2026-03-11T11:00:00Z"].map(whole);
    let keep = Keep { last: 1, ..NOTHING };
    assert_eq!(staying(&taken, &[], keep, NOW), ["2031-01-01T00:00:00Z", "2026-03-11T12:00:00Z"]);
    assert_eq!(why(&taken, keep, "2031-01-01T00:00:00Z"), "true: from the future");
    // Nor is an old unfinished one given up for it.
    let unfinished = of("db", "2026-03-01T00:00:00Z", Standing::Unfinished);
    assert_eq!(staying(&[taken[0].clone(), unfinished], &[], keep, NOW).len(), 2);
}

#[test]
fn with_a_clock_that_was_set_back_everything_stays() {
    let taken = ["2026-03-11T12:00:00Z", "2026-03-11T11:00:00Z"].map(whole);
    assert_eq!(staying(&taken, &[], NOTHING, "1970-01-01T00:00:00Z").len(), 2);
}

#[test]
fn with_a_clock_far_ahead_as_many_stay_as_with_a_right_one() {
    let taken = ["2026-03-11T12:00:00Z", "2026-03-11T11:00:00Z", "2026-03-11T10:00:00Z"].map(whole);
    let keep = Keep { last: 2, ..NOTHING };
    assert_eq!(staying(&taken, &[], keep, "2099-01-01T00:00:00Z"), staying(&taken, &[], keep, NOW));
}

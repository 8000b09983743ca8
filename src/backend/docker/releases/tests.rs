use serde_json::json;

use super::*;
use crate::backend::docker::history::Kept;

fn seen(id: &str, image: &str, status: &str, day: u32) -> Seen {
    labelled(id, image, status, day, json!({}))
}

fn labelled(id: &str, image: &str, status: &str, day: u32, more: Value) -> Seen {
    let mut labels = json!({
        "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
        "com.docker.compose.config-hash": "9f2c41aabbccdd"});
    for (key, value) in more.as_object().into_iter().flatten() {
        labels[key] = value.clone();
    }
    let raw = json!({
        "Id": id, "Name": format!("/shop-web-{id}"), "Image": format!("sha256:{image}"),
        "Created": format!("2026-11-{day:02}T00:00:00Z"),
        "State": {"Status": status, "ExitCode": 1, "StartedAt": format!("2026-11-{day:02}T00:00:01Z"),
            "FinishedAt": format!("2026-11-{day:02}T00:00:05Z")},
        "Config": {"Image": format!("shop/web:{image}"), "Labels": labels},
    });
    let container = Container::new(serde_json::from_value(raw.clone()).expect("an inspect answer"));
    Seen { container, blueprint: Blueprint::of(&raw, &Value::Null), raw }
}

fn image(id: &str, tag: &str, seconds: i64) -> ImageSummary {
    ImageSummary {
        id: format!("sha256:{id}"),
        repo_tags: Some(vec![tag.into()]),
        created: Some(seconds),
        ..ImageSummary::default()
    }
}

/// What was recorded of it when it was new.
fn record(release: u64, of: &Seen, before: Option<(u64, u32, bool)>) -> Record {
    let day = |day: u32| format!("2026-11-{day:02}T00:00:00Z").parse().ok();
    Record {
        release,
        image: Kept {
            reference: of.container.image.reference.to_string(),
            id: of.container.image_id.to_string(),
            ..Kept::default()
        },
        blueprint: of.blueprint.clone(),
        withheld: Vec::new(),
        began: of.container.created,
        cause: Some(format!("roll out {release} by ann@laptop")),
        again: None,
        before: before.map(|(release, began, well)| make::Before { release: Some(release), began: day(began), well }),
    }
}

fn found(containers: Vec<Seen>, images: &[ImageSummary], records: Vec<Record>) -> Found {
    let mut history = History::default();
    history.records = records;
    history.records.sort_by_key(|record| std::cmp::Reverse(record.release));
    Found { name: "web".into(), containers, images: images.to_vec(), history }
}

fn ours(id: &str, image: &str, day: u32, release: u64) -> Seen {
    labelled(id, image, "running", day, json!({"midwatch.release": release.to_string(), "midwatch.service": "web"}))
}

#[test]
fn what_runs_now_comes_first_then_what_ran_before_then_what_may_have() {
    let containers =
        vec![seen("1", "v2", "running", 20), seen("2", "v2", "running", 20), seen("3", "v1", "exited", 10)];
    let images = [image("v2", "shop/web:v2", 300), image("v0", "shop/web:v0", 100), image("x", "shop/worker:v9", 900)];
    let found = found(containers, &images, Vec::new()).releases();
    let shown: Vec<_> =
        found.iter().map(|release| (&*release.image.reference, release.current, release.instances)).collect();
    assert_eq!(shown, [("shop/web:v2", true, 2), ("shop/web:v1", false, 0), ("shop/web:v0", false, 0)]);
    assert_eq!(found[0].cause.as_deref(), Some("compose config 9f2c41a"));
    assert_eq!(found[1].outcome.as_deref(), Some("exit 1 after 4.0 s"));
}

#[test]
fn where_nothing_runs_the_last_that_ran_is_current() {
    let containers = vec![seen("1", "v2", "exited", 20), seen("2", "v1", "exited", 10)];
    let found = found(containers, &[], Vec::new()).releases();
    let current: Vec<_> = found.into_iter().filter(|release| release.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(&*current[0].image.reference, "shop/web:v2");
}

#[test]
fn a_recorded_release_has_a_number_an_id_and_how_it_did() {
    let (old, new) = (ours("1", "v1", 10, 4), ours("2", "v2", 20, 5));
    let records = vec![record(4, &old, None), record(5, &new, Some((4, 10, true)))];
    let images = [image("v1", "shop/web:v1", 1), image("v2", "shop/web:v2", 2)];
    let found = found(vec![new], &images, records).releases();
    let shown: Vec<_> =
        found.iter().map(|release| (&*release.id, release.number, release.current, release.instances)).collect();
    assert_eq!(shown, [("r5", Some(5), true, 1), ("r4", Some(4), false, 0)]);
    assert_eq!(found[0].cause.as_deref(), Some("roll out 5 by ann@laptop"));
    assert_eq!(found[1].outcome.as_deref(), Some("10d, healthy to its end"));
    assert_eq!(found[1].served, Some(10 * 86400));
    assert_eq!(
        found[1].outline.as_ref().and_then(|outline| outline.get("web image").cloned()).as_deref(),
        Some("shop/web:v1")
    );
}

#[test]
fn one_that_was_not_well_and_gave_way_within_minutes_failed() {
    let (bad, new) = (ours("1", "v1", 10, 4), ours("2", "v2", 10, 5));
    let records = vec![record(4, &bad, None), record(5, &new, Some((4, 10, false)))];
    let found = found(vec![new], &[image("v1", "shop/web:v1", 1)], records).releases();
    let four = found.iter().find(|release| release.number == Some(4)).expect("it is kept");
    assert!(four.failed);
    assert_eq!(four.outcome.as_deref(), Some("0s, not healthy at its end"));
}

#[test]
fn what_somebody_else_made_is_ours_only_if_it_is_the_same_in_everything() {
    let recorded = ours("1", "v1", 10, 4);
    let records = || vec![record(4, &ours("1", "v1", 10, 4), None)];
    let images = [image("v1", "shop/web:v1", 1), image("v3", "shop/web:v3", 3)];
    let current = |seen: Seen| {
        let found = found(vec![seen], &images, records()).releases();
        found.into_iter().find(|release| release.current).and_then(|release| release.number)
    };
    assert_eq!(current(recorded), Some(4));
    assert_eq!(current(seen("9", "v1", "running", 12)), Some(4), "the same image and configuration");
    assert_eq!(current(seen("9", "v3", "running", 12)), None, "another image");
    let other = labelled("9", "v1", "running", 12, json!({"team": "shop"}));
    assert_eq!(current(other), None, "another configuration");
    let copied = labelled("9", "v3", "running", 12, json!({"midwatch.release": "4"}));
    assert_eq!(current(copied), None, "our label on another image");
}

#[test]
fn a_release_whose_image_is_gone_says_so_and_is_not_offered_unless_it_can_be_pulled() {
    let new = ours("2", "v2", 20, 5);
    let mut records = vec![record(4, &ours("1", "v1", 10, 4), None), record(5, &new, Some((4, 10, true)))];
    let four = |records: &[Record]| {
        let found = found(vec![ours("2", "v2", 20, 5)], &[image("v2", "shop/web:v2", 2)], records.to_vec());
        found.releases().into_iter().find(|release| release.number == Some(4)).expect("it is kept")
    };
    let gone = four(&records);
    assert_eq!(&*gone.id, "");
    assert!(gone.outcome.as_deref().is_some_and(|outcome| outcome.starts_with("its image is gone")), "{gone:?}");
    records[0].image.digests = vec!["shop/web@sha256:11".into()];
    let pulled = four(&records);
    assert_eq!(&*pulled.id, "r4");
    assert!(pulled.outcome.as_deref().is_some_and(|outcome| outcome.contains("would be pulled")), "{pulled:?}");
}

#[test]
fn what_is_being_rolled_out_is_shown_and_cannot_be_gone_back_to() {
    let found = found(
        vec![ours("1", "v1", 10, 4), ours("2", "v2", 20, 5)],
        &[],
        vec![record(4, &ours("1", "v1", 10, 4), None)],
    );
    let shown: Vec<_> = found.releases().iter().map(|release| (release.id.to_string(), release.number)).collect();
    assert_eq!(shown, [(String::new(), Some(5)), (String::new(), Some(4))]);
    assert_eq!(found.history.next(found.containers.iter().filter_map(|seen| seen.container.release)), 6);
}

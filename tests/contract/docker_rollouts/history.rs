//! Releases are kept on the host: another machine sees them and goes back to them, after prunes and after what others made there.

use midwatch::{
    domain::Release,
    message::{Answer, Question},
    plan::{Edits, Recipe},
};

use super::{IMAGES, World, back_to, image, inspect, releases};
use crate::docker::docker;

fn shown(releases: &[Release]) -> Vec<String> {
    let one = |release: &Release| {
        let current = if release.current { " current" } else { "" };
        let id = if release.id.is_empty() { "-" } else { &*release.id };
        format!("{id} {}{current}", release.title())
    };
    releases.iter().filter(|release| release.number.is_some() || release.current).map(one).collect()
}

fn release(releases: &[Release], number: u64) -> &Release {
    releases.iter().find(|release| release.number == Some(number)).expect("it is kept")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_machine_sees_the_same_releases_and_goes_back_to_the_very_image_though_its_name_moved() {
    let Some(mut world) = World::open("another_machine_sees_the_same").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let name = world.named("web-1");
    let old = world.compose(
        &name,
        &one,
        &["--env", "MODE=fast", "--env", "DB_PASSWORD=hunter2", "--publish", "127.0.0.1::80"],
    );
    assert_eq!(world.means().await.next, 1);
    world.must(world.record(1, &old, 5)).await;
    let mut edits = Edits { images: [("".into(), two.as_str().into())].into(), ..Edits::default() };
    edits.env.insert("".into(), [("MODE".into(), None), ("EXTRA".into(), Some("1".into()))].into());
    world.roll(2, &name, &old, Recipe::Edited(edits)).await;
    let first = inspect(&one, "{{.Id}}");
    docker(&["tag", &two, &one]);

    world.backend = world.another().await;
    let means = world.means().await;
    assert_eq!(shown(&means.releases), ["r2 2 v2 current", "r1 1 v1"]);
    assert_eq!(means.next, 3);
    assert_eq!(&*means.containers[0].image, two);
    assert_eq!(means.containers[0].env.get("EXTRA").map(|value| &**value), Some("1"));
    let masked = means.containers[0].env.get("DB_PASSWORD").expect("it has one");
    assert!(!masked.contains("hunter2"), "{masked}");
    let (new, before) = (release(&means.releases, 2), release(&means.releases, 1));
    assert_eq!(new.cause.as_deref(), Some("roll out 2 by ann@laptop: OPS-311"));
    assert_eq!(before.cause.as_deref(), Some("compose config 9f2c41a"));
    assert!(new.healthy_since.is_some() && before.served.is_some() && !before.failed, "{before:?}");
    let outline = |id: &str| Question::Outline(world.service.clone(), id.into());
    let Ok(Answer::Outline(kept)) = world.backend.query(outline("r1")).await else { panic!("r1 has an outline") };
    assert_eq!(kept.get("web env MODE").map(|value| &**value), Some("fast"));
    assert!(!format!("{kept:?}").contains("hunter2"));
    assert!(world.backend.query(outline("r9")).await.is_err());

    let made = world.made(2);
    world.roll(3, &name, &made, back_to("r1")).await;
    assert_eq!(inspect(&name, "{{.Image}}"), first);
    let env = inspect(&name, "{{.Config.Env}}");
    // A secret is not written down: it comes from the container that runs.
    assert!(env.contains("MODE=fast") && env.contains("RELEASE=v1") && env.contains("hunter2"), "{env}");
    let scope = format!("label=midwatch.scope={}", world.prefix);
    let volumes = docker(&["volume", "ls", "-q", "--filter", &scope]);
    let mut arguments = vec!["volume", "inspect"];
    arguments.extend(volumes.split_whitespace());
    let written = docker(&arguments);
    assert!(!written.contains("hunter2") && written.contains("DB_PASSWORD="), "{written}");
    assert!(!env.contains("EXTRA"), "{env}");
    let found = world.releases().await;
    assert_eq!(shown(&found), ["r3 3 v1 current", "r2 2 v2", "r1 1 v1"], "called by its name, not by its id");
    assert_eq!(release(&found, 2).outcome.as_deref().map(|words| words.contains("healthy to its end")), Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_nobody_has_any_more_is_named_instead_of_being_left_out() {
    let Some(world) = World::open("a_secret_that_nobody_has").await else { return };
    let one = world.image("v1", &[]);
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &["--env", "DB_PASSWORD=hunter2"]);
    world.must(world.record(1, &old, 5)).await;
    docker(&["rm", "-f", &name]);
    let without = world.compose(&name, &one, &[]);
    let back = world.make(2, &world.named("web-1-r2"), &without, back_to("r1"));
    let trouble = world.execute(back).await.expect_err("it has no password");
    assert!(trouble.why.contains("had DB_PASSWORD, which is not written down"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_of_kept_releases_outlive_a_prune_and_of_older_ones_nothing_is_left() {
    let _alone = IMAGES.lock().await;
    let Some(world) = World::open("images_of_kept_releases_outlive").await else { return };
    let name = world.named("web-1");
    let tags = ["v1", "v2", "v3"];
    let images = tags.map(|tag| world.image(tag, &["VOLUME /data"]));
    let mut running = world.compose(&name, &images[0], &[]);
    let scope = format!("label=midwatch.scope={}", world.prefix);
    world.must(world.record(1, &running, 1)).await;
    for (number, image_name) in (2..).zip(&images[1..]) {
        for step in world.steps(number, &name, &running, image(image_name)) {
            let is_record = matches!(step, midwatch::plan::Step::Record { .. });
            world.must(if is_record { world.record(number, &world.made(number), 1) } else { step }).await;
        }
        running = world.made(number);
    }
    assert_eq!(shown(&world.releases().await), ["r3 3 v3 current", "r2 2 v2"]);
    let pins = docker(&["ps", "-aq", "--filter", "label=midwatch.role=pin", "--filter", &scope]);
    let mut arguments = vec!["inspect", "-f", "{{range .Mounts}}{{.Name}} {{end}}"];
    arguments.extend(pins.split_whitespace());
    let mounted = docker(&arguments);
    let mut mounted: Vec<&str> = mounted.split_whitespace().map(|name| &name[..17]).collect();
    mounted.sort_unstable();
    assert_eq!(mounted, ["midwatch-release-"; 2], "its record's alone, and none because the image wants one");
    let label = format!("label={}", world.mark());
    let with_its_label = docker(&["ps", "-aq", "--filter", "label=midwatch.role=pin", "--filter", &label]);
    assert_eq!(with_its_label, "", "what is removed by a label of the image's takes no pin along");
    docker(&["image", "prune", "-a", "-f", "--filter", &label]);
    let is_there = |image: &str| !docker(&["image", "ls", "-q", image]).is_empty();
    assert_eq!(images.each_ref().map(|image| is_there(image)), [false, true, true]);

    // Whoever prunes containers takes the pins with them. What is still there is pinned again by the next record.
    docker(&["container", "prune", "-f", "--filter", &scope]);
    world.must(world.record(3, &running, 1)).await;
    docker(&["image", "prune", "-a", "-f", "--filter", &label]);
    assert!(is_there(&images[1]));
    docker(&["container", "prune", "-f", "--filter", &scope]);
    docker(&["image", "prune", "-a", "-f", "--filter", &label]);
    let found = world.releases().await;
    assert_eq!(shown(&found), ["r3 3 v3 current", "- 2 v2"]);
    let outcome = release(&found, 2).outcome.clone().expect("it says why");
    assert!(outcome.starts_with("its image is gone from this host"), "{outcome}");
    let back = world.make(4, &world.named("web-1-r4"), &running, back_to("r2"));
    let trouble = world.execute(back).await.expect_err("its image is gone");
    assert!(trouble.why.contains("the image of release 2"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_else_brings_up_is_not_taken_for_ours_and_ours_can_still_be_gone_back_to() {
    let Some(world) = World::open("what_somebody_else_brings_up").await else { return };
    let images = ["v1", "v2", "v3"].map(|tag| world.image(tag, &[]));
    let name = world.named("web-1");
    let old = world.compose(&name, &images[0], &["--env", "MODE=fast"]);
    world.must(world.record(1, &old, 5)).await;
    world.roll(2, &name, &old, image(&images[1])).await;
    // As `docker compose up` does it: another container of the same name.
    let up = |image: &str, mode: &str| {
        docker(&["rm", "-f", &name]);
        world.compose(&name, image, &["--env", mode])
    };
    up(&images[2], "MODE=fast");
    let found = world.releases().await;
    assert_eq!(shown(&found), ["- v3 current", "r2 2 v2", "r1 1 v1"]);
    assert_eq!(found[0].cause.as_deref(), Some("compose config 9f2c41a"));
    up(&images[0], "MODE=slow");
    assert_eq!(
        shown(&world.releases().await),
        ["- v1 current", "r2 2 v2", "r1 1 v1"],
        "the image, configured otherwise"
    );
    up(&images[1], "MODE=fast");
    assert_eq!(shown(&world.releases().await), ["r2 2 v2 current", "r1 1 v1"], "as we made it ourselves");
    let theirs = up(&images[0], "MODE=fast");
    assert_eq!(shown(&world.releases().await), ["r1 1 v1 current", "r2 2 v2"], "the same in everything");

    world.must(world.record(3, &theirs, 5)).await;
    world.roll(4, &name, &theirs, back_to("r2")).await;
    assert_eq!(inspect(&name, "{{.Config.Image}}"), images[1]);
    assert_eq!(releases(&world.backend, &world.service).await[0].number, Some(4));
}

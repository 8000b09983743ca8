//! Frames of a release: what is known of it, and what it changed.

use midwatch::{
    action::Action,
    app::App,
    domain::{Image, Outline, Release, ReleaseSource, Trouble},
    message::{Answer, Question},
    ui::{chart::Glyphs, frame},
};

use crate::{
    picture::{check_frames, picture, survives_every_frame},
    world::{Builder, now, seconds_ago, service_id, world},
};

const OLD: &[(&str, &str)] = &[
    ("checkout args", "--port 8080 --workers 4"),
    ("checkout env DATABASE_PASSWORD", "******** (fingerprint 1f0c2a)"),
    ("checkout env LOG_LEVEL", "info"),
    ("checkout image", "registry.example/shop/checkout:v2.4.0"),
    ("checkout limit memory", "256Mi"),
    ("checkout readiness", "http GET :8080/healthz, every 5s, waits 1s, fails after 3"),
    ("pod label app", "checkout"),
    ("pod volume config", "configmap checkout-config-5d8f"),
];
const NEW: &[(&str, &str)] = &[
    ("checkout args", "--port 8080 --workers 4"),
    ("checkout env BASKET_SNAPSHOTS", ""),
    ("checkout env DATABASE_PASSWORD", "******** (fingerprint 9b44d1)"),
    ("checkout env LOG_LEVEL", "info"),
    ("checkout image", "registry.example/shop/checkout:v2.4.1"),
    ("checkout limit memory", "128Mi"),
    ("checkout readiness", "http GET :8080/healthz?deep=true, every 10s, waits 5s, fails after 3, begins after 20s"),
    ("pod volume config", "configmap checkout-config-7c11"),
];

fn outline(pairs: &[(&str, &str)]) -> Outline {
    Outline(pairs.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect())
}

fn release(number: u64, version: &str, ago: i64, pairs: &[(&str, &str)]) -> Release {
    let image = Image {
        reference: format!("registry.example/shop/checkout:{version}").into(),
        digest: Some("sha256:9f2c41d07be8a3c5f1e6b2d4908a7c6e5d4f3b2a1908f7e6d5c4b3a29180f7e6".into()),
        ..Image::default()
    };
    Release {
        id: format!("checkout-{number}").into(),
        number: Some(number),
        image,
        created: Some(seconds_ago(ago)),
        outline: Some(outline(pairs).into()),
        ..Release::default()
    }
}

/// A bad release of three minutes, the good one before it, one that is the same but for a restart, and what Helm keeps.
fn releases() -> Vec<Release> {
    let restarted: Vec<_> = OLD
        .iter()
        .copied()
        .chain([("pod annotation kubectl.kubernetes.io/restartedAt", "2026-11-12T02:41:07Z")])
        .collect();
    let helm = |number: u64, current: bool| Release {
        source: ReleaseSource::Helm,
        id: format!("helm/secrets/shop/{number}").into(),
        number: Some(number),
        current,
        created: Some(seconds_ago(200 + 86_400 * i64::from(!current))),
        outcome: Some(if current { "deployed" } else { "superseded" }.into()),
        cause: Some("chart release shop".into()),
        ..Release::default()
    };
    vec![
        Release {
            current: true,
            failed: true,
            instances: 1,
            outcome: Some("never became ready: crash loop, exit 137 (OOMKilled)".into()),
            cause: Some("ci: #4711".into()),
            ..release(14, "v2.4.1", 185, NEW)
        },
        Release {
            instances: 3,
            served: Some(2 * 86_400),
            cause: Some("restart, ops: stuck connections".into()),
            older: vec![9, 11],
            ..release(13, "v2.4.0", 2 * 86_400 + 185, &restarted)
        },
        Release { served: Some(7 * 86_400), ..release(12, "v2.4.0", 9 * 86_400, OLD) },
        helm(31, true),
        helm(30, false),
    ]
}

fn shop(releases: Vec<Release>) -> Builder {
    world()
        .service("shop/checkout", 3)
        .broken("shop/checkout", "crash loop: exit 137 (out of memory, limit 128Mi), 7 restarts in 3m")
        .answer(Question::Releases(service_id("shop/checkout")), Ok(Answer::Releases(releases)))
}

/// Of the first service, the release so many rows down in the pane.
fn opened(world: Builder, row: usize) -> App {
    let mut app = world.app();
    let down = std::iter::repeat_n(Action::Down, row);
    for action in [Action::NextPane].into_iter().chain(down).chain([Action::Open]) {
        app.act(action, now());
    }
    app
}

#[test]
fn the_pane_marks_what_failed_and_what_to_go_back_to() {
    let mut app = shop(releases()).app();
    app.act(Action::NextPane, now());
    check_frames("release_pane", &app);
    insta::assert_snapshot!(
        "release_pane_120x36",
        picture(&app, 120, 36, Glyphs::Blocks, |paint, _| frame::draw(paint))
    );
}

#[test]
fn the_current_release_is_shown_against_the_one_before() {
    let app = opened(shop(releases()), 0);
    check_frames("release_current", &app);
    insta::assert_snapshot!(
        "release_current_120x36",
        picture(&app, 120, 36, Glyphs::Blocks, |paint, _| frame::draw(paint))
    );
}

#[test]
fn an_older_one_is_shown_against_the_current_and_told_how_it_did() {
    check_frames("release_older", &opened(shop(releases()), 1));
}

#[test]
fn a_restart_is_told_in_words() {
    let mut two = releases();
    two.drain(..1);
    (two[0].current, two[0].served) = (true, None);
    check_frames("release_restart", &opened(shop(two), 0));
}

#[test]
fn all_that_it_is_made_of_is_a_key_away() {
    let mut app = opened(shop(releases()), 0);
    app.act(Action::Outline, now());
    check_frames("release_made_of", &app);
}

#[test]
fn what_helm_keeps_is_asked_for_and_a_refusal_is_quoted() {
    let asked = opened(shop(releases()), 3);
    check_frames("release_helm_asked", &asked);
    let refused =
        Trouble::new("could not read release 31", "secrets is forbidden").help("ask for the verb 'get' on secrets");
    let question =
        |number: u64| Question::Outline(service_id("shop/checkout"), format!("helm/secrets/shop/{number}").into());
    check_frames("release_helm_refused", &opened(shop(releases()).answer(question(31), Err(refused)), 3));
}

/// Docker keeps images and no templates: what is known of them is compared.
#[test]
fn without_an_outline_the_images_are_compared() {
    let docker = |version: &str, digest: &str, ago: i64| Release {
        image: Image {
            reference: "shop/checkout:latest".into(),
            digest: Some(format!("sha256:{}", digest.repeat(32)).into()),
            version: Some(version.into()),
            revision: None,
        },
        created: Some(seconds_ago(ago)),
        cause: Some("compose config 9f2c41a".into()),
        ..Release::default()
    };
    let releases = vec![
        Release { current: true, instances: 3, ..docker("2.4.1", "9f", 185) },
        Release { outcome: Some("exit 1 after 4.0 s".into()), ..docker("2.4.0", "1c", 90_000) },
    ];
    check_frames("release_docker", &opened(shop(releases), 1));
}

#[test]
fn no_size_is_too_small() {
    let mut app = opened(shop(releases()), 0);
    survives_every_frame(&app);
    app.act(Action::Outline, now());
    survives_every_frame(&app);
}

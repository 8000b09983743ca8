//! What Velero keeps, as lists, and what it is asked for, as plans.

use serde_json::Value;

use super::{
    Ran, parse, run,
    script::{Answers, Script, fleet, time},
};
use crate::{
    cli::{
        arguments::{self, Command},
        exit::Exit,
        printer::Printer,
        session::{Narrow, Session},
        velero::resolved,
    },
    domain::{
        ClusterBackups, Difference, Foretold, Health, Listed, Phase, RestorePreview, StorageLocation, Trouble, Velero,
        VeleroBackup, VeleroName, VeleroRestore, VeleroSchedule, Way, What,
    },
    plan::{self, Plan, Refusal},
};

fn id(name: &str) -> VeleroName {
    VeleroName::new("velero", name)
}

fn backup(name: &str, phase: &str) -> VeleroBackup {
    VeleroBackup {
        id: id(name),
        uid: "u-1".into(),
        phase: Phase::new(phase),
        created: Some(time(-3600)),
        started: Some(time(-3600)),
        namespaces: vec!["shop".into()],
        ..VeleroBackup::default()
    }
}

fn velero(backups: Listed<VeleroBackup>) -> Velero {
    let failed = VeleroRestore { id: id("nightly-1-x"), backup: "nightly-1".into(), ..VeleroRestore::default() };
    let failed =
        VeleroRestore { phase: Phase::new("Failed"), reasons: vec!["no such\u{1b}[2J bucket".into()], ..failed };
    let nightly = VeleroSchedule { id: id("nightly"), cron: "0 2 * * *".into(), ..VeleroSchedule::default() };
    let location = StorageLocation { id: id("default"), is_default: true, ..StorageLocation::default() };
    Velero { backups, restores: Ok(vec![failed]), schedules: Ok(vec![nightly]), locations: Ok(vec![location]) }
}

fn keeping(backups: impl IntoIterator<Item = VeleroBackup>) -> ClusterBackups {
    ClusterBackups { velero: Some(velero(Ok(backups.into_iter().collect()))), ..ClusterBackups::default() }
}

/// With one good backup.
fn eu() -> Script {
    Script::of("eu").service("web", Health::Healthy).keeps(keeping([backup("nightly-1", "Completed")]))
}

fn foretold() -> RestorePreview {
    let row = |name: &str, what| Foretold {
        kind: "ConfigMap".into(),
        namespace: Some("shop".into()),
        name: name.into(),
        what,
    };
    let differs = |path: &str| Difference { path: path.into(), was: Some("a".into()), is: Some("b".into()) };
    let many = ["data.a", "data.b", "data.c", "data.d"].map(differs).to_vec();
    let rows = vec![
        row("kept", What::Skip { differs: many }),
        row("stuck", What::Conflict { why: "it is immutable".into() }),
        row("new", What::Create),
    ];
    RestorePreview::new(rows, Way::Through("velero/minio-0".into()))
}

async fn planned(line: &str, scripts: impl IntoIterator<Item = Script>) -> Result<Result<Plan, Refusal>, Ran> {
    let arguments = parse(line);
    let Some(Command::Velero(asked)) = arguments.command else { panic!("{line}") };
    let arguments::Velero::Change(asked) = *asked else { panic!("{line}: it is not planned") };
    let mut session = Session::open(fleet(scripts), Narrow::of(&arguments.options)).expect("opens");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut printer = Printer::new(&mut out, &mut err);
    match resolved(&mut session, &asked, &mut printer).await {
        Ok(request) => Ok(plan::make(&session.inventory, &request)),
        Err(stop) => {
            let exit = printer.conclude(Err(stop));
            Err(Ran { exit, out: String::new(), err: String::from_utf8(err).expect("utf-8") })
        }
    }
}

async fn plan(line: &str, script: Script) -> String {
    match planned(line, [script]).await {
        Ok(Ok(plan)) => plan.text(),
        Ok(Err(refusal)) => panic!("{line}: {}", refusal.why),
        Err(ran) => panic!("{line}: {}", ran.err),
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_is_stalled_comes_first_with_its_reason() {
    let stalled = VeleroBackup { stalled: Some("nobody is at it".into()), ..backup("b", "InProgress") };
    let here = Script::of("eu").keeps(keeping([backup("a", "Completed"), stalled]));
    let ran = run("midwatch velero backups", [here]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(
        lines,
        [
            "HEALTH   BACKUP       OF    PHASE       OBJECTS  ERRORS  WARNINGS  AGE  EXPIRES  SCHEDULE  WHY",
            "failing  eu/velero/b  shop  InProgress        -       0         0  60m        -  -         stalled: nobody is at it",
            "healthy  eu/velero/a  shop  Completed         -       0         0  60m        -  -         -",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_lists_are_objects_with_their_documented_fields_and_nothing_hostile() {
    let fields = |object: &Value| object.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ");
    let ran = run("midwatch velero backups --json", [eu()]).await;
    let expected = "backup cluster completed created errors excluded expires health location namespace namespaces objects \
                    objects_total phase reason schedule started warnings";
    assert_eq!(fields(&ran.objects()[0]), expected);
    let ran = run("midwatch velero restores --json", [eu()]).await;
    let expected = "backup cluster completed created errors existing health mapping namespace namespaces objects \
                    objects_total phase reason restore started warnings";
    assert_eq!(fields(&ran.objects()[0]), expected);
    assert_eq!(ran.objects()[0]["health"], "failing");
    assert!(ran.out.contains("no such") && !ran.out.contains('\u{1b}'), "{:?}", ran.out);
    let ran = run("midwatch velero schedules --json", [eu()]).await;
    assert_eq!(fields(&ran.objects()[0]), "cluster cron health last namespace paused phase reason schedule");
}

#[tokio::test(start_paused = true)]
async fn where_velero_is_not_it_is_said_and_what_may_not_be_listed_too() {
    let without = Script::of("eu").keeps(ClusterBackups::default());
    let ran = run("midwatch velero backups", [without]).await;
    assert_eq!((ran.exit, &*ran.err), (Exit::Refused, "midwatch: Velero was not found: it is not installed on eu\n"));
    let ran = run("midwatch velero backups", [Script::of("here").service("web", Health::Healthy)]).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert!(ran.err.contains("no cluster of Kubernetes was asked"), "{}", ran.err);
    let refused = velero(Err(Trouble::new("could not list backups.velero.io", "you may not")));
    let hidden = Script::of("eu").keeps(ClusterBackups { velero: Some(refused), ..ClusterBackups::default() });
    let ran = run("midwatch velero backups", [hidden]).await;
    assert!(ran.err.contains("could not list backups.velero.io: you may not"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn what_velero_wrote_down_is_printed_harmless_of_a_backup_and_of_a_restore() {
    for (line, says) in [
        ("midwatch velero logs nightly-1", "BackupLog of nightly-1"),
        ("midwatch velero logs velero/nightly-1 --results", "BackupResults of nightly-1"),
        ("midwatch velero logs nightly-1-x", "RestoreLog of nightly-1-x"),
    ] {
        let ran = run(line, [eu()]).await;
        assert_eq!((ran.exit, ran.out), (Exit::Done, format!("{says}\u{fffd}[2J\n")), "{line}: {}", ran.err);
        assert!(ran.err.contains("read through velero/minio-0") && ran.err.contains("beginning is left out"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_counts_and_lists_what_needs_a_look_first() {
    let ran = run("midwatch velero preview nightly-1", [eu().foretells(foretold())]).await;
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let counted = "a restore of nightly-1: objects: 1 in conflict, 1 stay although they differ, 1 made";
    assert!(ran.err.contains(counted), "{}", ran.err);
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let first: Vec<_> = lines.iter().map(|line| (line[0], line[3])).collect();
    assert_eq!(first, [("WHAT", "NAME"), ("conflict", "stuck"), ("skip", "kept"), ("create", "new")]);
    assert!(ran.out.contains("it is immutable") && ran.out.contains("and 1 more"), "{}", ran.out);
    let objects = run("midwatch velero preview nightly-1 --json", [eu().foretells(foretold())]).await.objects();
    assert_eq!((&objects[0]["what"], &objects[0]["why"]), (&"conflict".into(), &"it is immutable".into()));
    assert_eq!(objects[1]["differs"][0]["path"], "data.a");
}

#[tokio::test(start_paused = true)]
async fn a_backup_of_a_namespace_is_asked_of_the_velero_that_has_a_place_for_it() {
    let text = plan("midwatch velero backup shop -l app=web --keep-for 12h", eu()).await;
    for says in [
        "back up namespace shop by Velero on eu",
        "only what is labelled app=web",
        "1. ask Velero for backup shop-TIME",
        "2. wait until backup shop-TIME is complete",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!text.contains("nothing is known to run"), "{text}");
    let text = plan("midwatch velero backup shpo --name before", eu()).await;
    assert!(text.contains("nothing is known to run in shpo: did you mean shop?"), "{text}");
    assert!(text.contains("ask Velero for backup before\n"), "{text}");
    let ran = planned("midwatch velero backup shop --location far", [eu()]).await.map(drop).expect_err("refused");
    assert_eq!((ran.exit, ran.err.contains("there are: default")), (Exit::Usage, true), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn a_restore_is_read_with_what_it_would_do() {
    let text = plan("midwatch velero restore nightly-1 --into shop=trial", eu().foretells(foretold())).await;
    for says in ["what was in shop goes to trial", "objects: 1 in conflict", "nothing is removed", "undo     none"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let text = plan("midwatch velero restore nightly-1 --update", eu()).await;
    assert!(text.contains("becomes as it was") && text.contains("is not known: not in the script"), "{text}");
    for (line, script, why) in [
        ("midwatch velero restore nightly-1 --only blog", eu(), "blog is not in nightly-1"),
        ("midwatch velero restore b", Script::of("eu").keeps(keeping([backup("b", "Failed")])), "b failed (Failed)"),
    ] {
        let refusal = planned(line, [script]).await.unwrap_or_else(|ran| panic!("{}", ran.err)).expect_err(line);
        assert!(refusal.why.contains(why), "{}", refusal.why);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_backup_of_a_namespace_is_not_deleted_unwarned() {
    let text = plan("midwatch velero delete nightly-1", eu()).await;
    assert!(text.contains("no other complete backup") && text.contains("what is deleted is gone"), "{text}");
    let two = || Script::of("eu").keeps(keeping([backup("nightly-1", "Completed"), backup("nightly-2", "Completed")]));
    assert!(!plan("midwatch velero delete nightly-1", two()).await.contains("no other complete"));
    let ran = planned("midwatch velero delete nightly-3", [two()]).await.map(drop).expect_err("there is none");
    assert_eq!((ran.exit, ran.err.contains("did you mean nightly-")), (Exit::Usage, true), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn of_two_clusters_the_one_that_is_meant_is_named() {
    let us = || Script::of("us").keeps(keeping([backup("nightly-1", "Completed")]));
    for line in ["midwatch velero delete nightly-1", "midwatch velero backup shop"] {
        let ran = planned(line, [eu(), us()]).await.map(drop).expect_err(line);
        assert_eq!((ran.exit, ran.err.contains("--cluster")), (Exit::Usage, true), "{line}: {}", ran.err);
        let line = format!("{line} --cluster us");
        assert!(matches!(planned(&line, [eu(), us()]).await, Ok(Ok(plan)) if plan.service.cluster.as_str() == "us"));
    }
    let away = || Script::of("us").keeps(keeping([])).answers(Answers::Refuses);
    let ran = planned("midwatch velero delete nightly-1", [eu(), away()]).await.map(drop).expect_err("it may be there");
    assert_eq!(ran.exit, Exit::Unreachable);
    let docker = Script::of("here").answers(Answers::Refuses);
    assert!(
        matches!(planned("midwatch velero delete nightly-1", [eu(), docker]).await, Ok(Ok(_))),
        "no Velero is there"
    );
}

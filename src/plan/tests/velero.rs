//! What Velero is asked for, what of that can be taken back, and what is refused.

use super::*;
use crate::domain::{Engine, Existing, Foretelling, NewBackup, NewRestore, Phase, VeleroName, Verdict};
use crate::plan::execution::{Execution, Next, Outcome};

fn id(name: &str) -> VeleroName {
    VeleroName::new("velero", name)
}

fn kept(phase: &str) -> VeleroKept {
    VeleroKept {
        id: id("nightly-1"),
        uid: "u-1".into(),
        phase: Phase::new(phase),
        at: Some(noon()),
        namespaces: vec!["shop".into()],
        items: Some(1234),
        errors: 2,
    }
}

fn back_up() -> VeleroWish {
    let wanted = NewBackup { id: id("shop-"), namespaces: vec!["shop".into()], ..NewBackup::default() };
    VeleroWish::BackUp(wanted)
}

fn restore(phase: &str) -> VeleroWish {
    let restore = NewRestore { id: id("nightly-1-"), backup: "nightly-1".into(), ..NewRestore::default() };
    VeleroWish::Restore(VeleroRestoring { backup: kept(phase), restore, foretold: Ok(Foretelling::default()) })
}

fn delete(phase: &str) -> VeleroWish {
    VeleroWish::Delete(VeleroDeleting { backup: kept(phase), is_last: true })
}

fn asked(shop: &Shop, wish: VeleroWish) -> Result<Plan, Refusal> {
    let target = wish.target(&prod());
    make(&shop.inventory(), &Request { target, ..request(Verb::Velero(Box::new(wish))) })
}

fn planned(wish: VeleroWish) -> Plan {
    asked(&Shop::kubernetes(1), wish).expect("planned")
}

#[test]
fn a_backup_gets_its_name_when_it_is_begun_and_keeps_it() {
    let plan = planned(back_up());
    assert_eq!(&*plan.title, "back up namespace shop by Velero");
    assert_eq!(
        titles(&plan),
        ["ask Velero for backup shop-TIME", "wait until backup shop-TIME is complete (up to 14400 s)"]
    );
    says(&plan.explains.promises, "what runs is not changed");
    let begun = plan.begun_at(noon(), "ann@laptop");
    let named = titles(&begun);
    assert_eq!(named[0], "ask Velero for backup shop-20261121120000");
    assert_eq!(named[1], "wait until backup shop-20261121120000 is complete (up to 14400 s)");
    let later = noon().saturating_add(jiff::SignedDuration::from_secs(60)).expect("a time");
    assert_eq!(titles(&begun.begun_at(later, "ann@laptop")), named, "it is asked for under one name");
}

#[test]
fn a_plan_of_velero_is_read_back_from_the_journal_as_it_was() {
    for wish in [back_up(), restore("Completed"), delete("Completed")] {
        let plan = planned(wish).begun_at(noon(), "ann@laptop");
        let line = serde_json::to_string(&plan).expect("written");
        assert_eq!(serde_json::from_str::<Plan>(&line).expect("read"), plan, "{line}");
    }
}

#[test]
fn a_restore_says_that_nothing_takes_it_back_and_what_it_does_to_what_is_there() {
    let plan = planned(restore("PartiallyFailed"));
    says(&plan.explains.objects, "backup nightly-1 of 2026-11-21 12:00 UTC: shop, 1,234 objects");
    says(&plan.explains.how, "what is there already stays as it is");
    says(&plan.explains.promises, "nothing is removed");
    says(&plan.explains.undo, "none");
    says(&plan.explains.warnings, "made in part only: errors: 2");
    says(&plan.explains.warnings, "what is there keeps its data");
    assert!(plan.steps().all(|planned| planned.undo.is_empty()));
    let VeleroWish::Restore(mut wish) = restore("Completed") else { unreachable!("made so") };
    wish.restore.existing = Existing::Update;
    wish.restore.mapping.insert("shop".into(), "trial".into());
    wish.foretold = Err("the store is not reached".into());
    let plan = planned(VeleroWish::Restore(wish));
    says(&plan.explains.how, "what was in shop goes to trial");
    says(&plan.explains.warnings, "is not known: the store is not reached");
    keeps_quiet(&plan.explains.warnings, "keeps its data");
}

#[test]
fn what_holds_nothing_or_is_under_way_is_refused() {
    for (wish, why) in [
        (restore("InProgress"), "nightly-1 is not complete yet (InProgress)"),
        (restore("Failed"), "nightly-1 failed (Failed)"),
        (restore("Deleting"), "nightly-1 is being deleted"),
        (delete("InProgress"), "nightly-1 is being made"),
    ] {
        assert!(refused(asked(&Shop::kubernetes(1), wish)).contains(why), "{why}");
    }
    let read_only = Shop::kubernetes(1).but(|shop| shop.cluster.read_only = true);
    assert!(refused(asked(&read_only, back_up())).contains("read-only"));
    let without = Shop::kubernetes(1).but(|shop| {
        shop.cluster.capabilities = Capabilities::all().without(Capability::Velero, "Velero is not installed");
    });
    assert_eq!(refused(asked(&without, back_up())), "Velero is not installed");
}

#[test]
fn it_is_about_the_backup_and_moves_with_nothing_that_runs() {
    let shop = Shop::kubernetes(1);
    let plan = asked(&shop, delete("Completed")).expect("planned");
    assert_eq!(plan.service.velero(), Some(id("nightly-1")));
    assert_eq!(plan.has_moved(&Shop::kubernetes(3).inventory()), None);
    says(&plan.explains.warnings, "no other complete backup");
}

#[test]
fn what_is_told_to_type_looks_and_never_restores_more_than_was_meant() {
    let commands = |wish| {
        let plan = Plan { engine: Engine::Kubernetes, ..planned(wish) }.begun_at(noon(), "ann@laptop");
        plan.steps().filter_map(|planned| planned.step.by_hand(&plan)).collect::<Vec<_>>()
    };
    assert_eq!(commands(back_up())[0], "velero -n velero backup describe shop-20261121120000");
    assert_eq!(commands(restore("Completed"))[1], "velero -n velero restore describe nightly-1-20261121120000");
    assert_eq!(commands(delete("Completed")), ["velero -n velero backup delete nightly-1"]);
}

/// How it ends when what was asked for fails in Velero's hands.
fn failed_in_its_hands(wish: VeleroWish) -> Verdict {
    let plan = Plan { engine: Engine::Kubernetes, ..planned(wish) }.begun_at(noon(), "ann@laptop");
    let mut execution = Execution::new(plan);
    let failed = Outcome::Failed(Trouble::new("it failed", "no such bucket"));
    for outcome in [Outcome::Done, failed] {
        let began = execution.beginning(noon()).expect("a step");
        execution.apply(&began).expect("it is next");
        execution.told(outcome, noon()).expect("it is in hand");
    }
    match execution.next() {
        Next::Ended(verdict) => verdict,
        next => panic!("{next:?}"),
    }
}

#[test]
fn a_backup_that_fails_leaves_nothing_and_a_restore_that_fails_is_a_persons_to_look_at() {
    let verdict = failed_in_its_hands(back_up());
    assert!(matches!(&verdict, Verdict::Undone { says } if says.contains("no such bucket")), "{verdict:?}");
    let verdict = failed_in_its_hands(restore("Completed"));
    assert!(matches!(&verdict, Verdict::Stuck { help, .. } if help.contains("restore describe")), "{verdict:?}");
}

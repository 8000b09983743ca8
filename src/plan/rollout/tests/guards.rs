//! What a plan for a cluster begins with, warns of and refuses, so that it does not end worse than it began.

use super::*;
use crate::{
    domain::{Object, Replaced},
    plan::Recipe,
};

fn pinned() -> Shop {
    Shop::kubernetes(2).but(|shop| {
        let Route::Selector { pins, .. } = &mut shop.means().routes[0] else { panic!("a selector") };
        pins.insert("pod-template-hash".into(), "3".into());
    })
}

fn ruled(kind: ServiceKind, change: impl FnOnce(&mut crate::domain::Rules)) -> Shop {
    Shop::of_kind(kind, 3).but(|shop| change(&mut shop.means().rules))
}

fn gated(shop: &Shop) -> Result<Plan, Refusal> {
    let gates = vec![Gate::Health { seconds: 30 }];
    shop.plan(Verb::RollOut(Box::new(RollOut { gates, ..wish() })))
}

#[test]
fn a_service_that_an_operation_left_pinned_gets_all_its_pods_back_before_they_are_replaced() {
    let free = "service web: to app=web";
    assert_eq!(titles(&rolled(&pinned()))[0], free);
    says(&rolled(&pinned()).explains.warnings, "service web still sends to pod-template-hash=3 alone");
    assert_eq!(titles(&pinned().plan(Verb::Restart).expect("planned"))[0], free);
    let back = crate::plan::ReleaseRef { source: Default::default(), id: "web-2".into(), title: "2 v0".into() };
    assert_eq!(titles(&pinned().plan(Verb::RollBack(back)).expect("planned"))[0], free);
    assert_eq!(titles(&pinned().roll(canary_of(&[50])).expect("planned"))[0], free);
    let blue_green = pinned().roll(Strategy::BlueGreen(BlueGreen::default())).expect("planned");
    assert_eq!(titles(&blue_green)[0], "service web: to app=web,pod-template-hash=3");
    assert!(titles(&blue_green).contains(&free.to_owned()), "what it was before the pin: {blue_green:?}");
}

#[test]
fn what_is_waited_for_is_the_release_that_was_set_and_no_other() {
    let plan = rolled(&Shop::kubernetes(2));
    let [update, wait] = plan.stages[0].steps.as_slice() else { panic!("{}", plan.text()) };
    assert!(matches!(&wait.step, Step::AwaitRollout { wants: Some(Recipe::Edited(_)), .. }));
    let wants = |step: &Step| matches!(step, Step::AwaitRollout { wants: Some(Recipe::Release(release)), .. } if &*release.id == "web-3");
    assert!(update.undo.iter().any(wants), "{:?}", update.undo);
}

#[test]
fn others_are_asked_to_keep_away_while_two_releases_run_beside_each_other() {
    for strategy in [canary_of(&[50]), Strategy::BlueGreen(BlueGreen::default())] {
        says(&Shop::kubernetes(2).roll(strategy).expect("planned").explains.warnings, "nobody else must change web");
    }
}

#[test]
fn a_switch_that_somebody_was_asked_about_looks_again_whether_all_are_ready() {
    let plan = Shop::kubernetes(2)
        .roll(Strategy::BlueGreen(BlueGreen { ask: true, ..BlueGreen::default() }))
        .expect("planned");
    let titles = titles(&plan);
    let place = titles.iter().position(|title| title.contains("midwatch.track=web-green")).expect("a switch");
    assert_eq!(titles[place - 1], "wait until web-green is rolled out (up to 300 s)");
    assert!(titles[place - 2].starts_with("check:"), "{titles:#?}");
}

#[test]
fn on_the_way_back_requests_hang_on_no_label_while_the_set_is_removed() {
    let plan = Shop::kubernetes(2).roll(Strategy::BlueGreen(BlueGreen::default())).expect("planned");
    let undo: Vec<String> = plan.stages[0].steps[2].undo.iter().map(Step::title).collect();
    assert_eq!(
        undo,
        ["scale web-green to 0", "wait until web-green is rolled out (up to 300 s)", "service web: to app=web"]
    );
}

#[test]
fn a_quota_that_is_full_holds_up_only_what_needs_room_first() {
    let full = |kind| Shop::of_kind(kind, 2).but(|shop| shop.means().full = Some("exceeded quota: pods=2".into()));
    refused(full(ServiceKind::Deployment).roll(Strategy::default()), "no room for one more", "one missing at a time");
    let set = rolled(&full(ServiceKind::StatefulSet));
    says(&set.explains.warnings, "there is no room for one pod more (exceeded quota: pods=2)");
    let in_place = Pace { max_unavailable: 1, max_surge: 0, min_ready: 0 };
    full(ServiceKind::Deployment).roll(rolling_with(in_place)).expect("one goes first");
    refused(full(ServiceKind::Deployment).plan(Verb::Scale(3)), "exceeded quota", "make room");
}

#[test]
fn a_pace_that_its_engine_would_refuse_is_refused_before_anybody_says_yes() {
    let recreate = ruled(ServiceKind::Deployment, |rules| rules.replaced = Replaced::AllAtOnce);
    let pace = Pace { max_unavailable: 1, max_surge: 1, min_ready: 0 };
    refused(recreate.roll(rolling_with(pace)), "is Recreate", "without a pace");
    refused(Shop::of_kind(ServiceKind::DaemonSet, 3).roll(rolling_with(pace)), "not both", "as 0");
}

#[test]
fn a_pace_is_given_back_in_its_engines_own_words_and_the_same_one_is_not_given_at_all() {
    let own = r#"{"strategy":{"rollingUpdate":{"maxSurge":"25%"}}}"#;
    let shop = ruled(ServiceKind::Deployment, |rules| rules.pace = Some(own.into()));
    let other = Pace { max_unavailable: 1, max_surge: 2, min_ready: 5 };
    let plan = shop.roll(rolling_with(other)).expect("planned");
    let back = |step: &Step| matches!(step, Step::Update { own_pace: Some(pace), .. } if &**pace == own);
    assert!(back(&plan.steps().last().expect("a step").step) && back(&plan.stages[0].steps[0].undo[0]));
    let same = Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 };
    let plan = shop.roll(rolling_with(same)).expect("planned");
    assert!(matches!(plan.stages[0].steps[0].step, Step::Update { pace: None, .. }), "percentages stay");
    assert_eq!(plan.steps().count(), 2);
}

#[test]
fn what_a_person_replaces_is_not_followed_and_a_partition_is_said_also_in_the_verdict() {
    let by_hand = ruled(ServiceKind::DaemonSet, |rules| rules.replaced = Replaced::ByHand);
    refused(by_hand.roll(Strategy::default()), "is OnDelete", "RollingUpdate");
    let plan = rolled(&ruled(ServiceKind::StatefulSet, |rules| rules.partition = 2));
    assert_eq!(&*plan.title, "roll out shop/web (pods 2 and above)");
    says(&plan.explains.warnings, "only pods 2 and above are replaced");
}

#[test]
fn where_nothing_is_kept_no_gate_promises_a_way_back() {
    let shop = ruled(ServiceKind::Deployment, |rules| rules.kept = Some(0));
    says(&rolled(&shop).explains.warnings, "its revisionHistoryLimit is 0");
    refused(gated(&shop), "nothing is left to go back to", "revisionHistoryLimit");
}

#[test]
fn a_right_that_only_the_way_back_needs_is_missed_before_anything_is_done() {
    let without = |right: &str| Shop::kubernetes(2).but(|shop| shop.means().denied = [right.into()].into());
    let canary = || canary_of(&[50]);
    refused(without("delete deployments.apps").roll(canary()), "you may not delete deployments.apps in shop", "rights");
    without("delete deployments.apps").roll(Strategy::default()).expect("a rolling one removes nothing");
    refused(without("patch services").roll(Strategy::BlueGreen(BlueGreen::default())), "patch services in shop", "");
    let set =
        Shop::of_kind(ServiceKind::StatefulSet, 2).but(|shop| shop.means().denied = ["delete pods".into()].into());
    refused(set.roll(Strategy::default()), "you may not delete pods", "");
}

#[test]
fn what_was_only_scaled_since_is_still_what_was_planned_for() {
    let told = |generation, template| {
        Shop::kubernetes(2).but(|shop| {
            shop.means().object = Some(Object { uid: "7d0a".into(), generation: Some(generation), template });
        })
    };
    let plan = rolled(&told(4, Some(77)));
    assert_eq!(plan.has_moved(&told(9, Some(77)).inventory()), None);
    let moved = plan.has_moved(&told(9, Some(78)).inventory()).expect("it has moved");
    assert!(moved.contains("was changed meanwhile"), "{moved}");
    let old = rolled(&told(4, None));
    assert!(old.has_moved(&told(5, Some(77)).inventory()).is_some(), "as a journal of before knows it");
}

//! What a rollout under way can be told, and when.

use super::*;
use crate::domain::{Argo, Controller};

fn argo(change: impl FnOnce(&mut Argo)) -> Shop {
    let mut argo = Argo {
        strategy: "canary".into(),
        phase: "Paused".into(),
        paused_for: Some("CanaryPauseStep".into()),
        under_way: true,
        step: Some((2, 8)),
        ..Argo::default()
    };
    change(&mut argo);
    Shop::of_kind(ServiceKind::Rollout, 3).but(|shop| shop.means().controller = Some(Controller::Argo(argo)))
}

#[track_caller]
fn refused_with(plan: Result<Plan, Refusal>, why: &str, help: &str) {
    let refusal = plan.expect_err("refused");
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{:?}", refusal.help);
}

fn told(shop: &Shop, word: Steer) -> Result<Plan, Refusal> {
    shop.plan(Verb::Steer(word))
}

#[test]
fn a_paused_argo_rollout_is_promoted_from_the_step_at_which_it_stands() {
    let plan = told(&argo(|_| {}), Steer::Promote).expect("planned");
    assert_eq!((&*plan.title, titles(&plan)), ("promote shop/web", vec!["promote web".into()]));
    assert!(matches!(plan.stages[0].steps[0].step, Step::Steer { at: Some(2), word: Steer::Promote, .. }));
    says(&plan.explains.objects, "rollout web, Paused (CanaryPauseStep) at step 2 of 8, 3 of 3 ready");
    let full = told(&argo(|argo| argo.paused_for = None), Steer::PromoteFull).expect("planned");
    assert_eq!(titles(&full), ["promote fully web", "wait until web is rolled out (up to 300 s)"]);
    let analysing = argo(|argo| argo.analysing = true);
    says(&told(&analysing, Steer::Promote).expect("planned").explains.warnings, "an analysis is at work");
}

#[test]
fn what_waits_at_a_step_of_its_own_is_promoted_and_not_resumed() {
    let waits = argo(|_| {}).but(|shop| shop.orchestration(|all| all.paused = true));
    refused_with(waits.plan(Verb::Resume), "was not paused by anybody: it is Paused (CanaryPauseStep)", "promote it");
    let by_hand = argo(|argo| argo.paused_by_hand = true).but(|shop| shop.orchestration(|all| all.paused = true));
    by_hand.plan(Verb::Resume).expect("planned");
}

#[test]
fn an_abort_says_that_the_bad_version_is_still_wanted_and_offers_to_roll_back() {
    let plan = told(&argo(|_| {}), Steer::Abort).expect("planned");
    says(&plan.explains.warnings, "its definition still says the new release");
    says(&plan.explains.warnings, "roll web back next to make it stay");
}

#[test]
fn what_its_state_does_not_allow_is_refused_with_what_it_does() {
    let runs = |argo: &mut Argo| argo.paused_for = None;
    refused_with(
        told(&argo(runs), Steer::Promote),
        "waits for nobody: it is Paused at step 2 of 8",
        "promote it fully",
    );
    refused_with(told(&argo(runs), Steer::Retry), "was not aborted", "");
    let aborted = |argo: &mut Argo| argo.aborted = true;
    refused_with(told(&argo(aborted), Steer::Promote), "was aborted: there is nothing to promote", "retry it first");
    refused_with(told(&argo(aborted), Steer::Abort), "was aborted already", "roll back");
    told(&argo(aborted), Steer::Retry).expect("planned");
    let whole = |argo: &mut Argo| argo.under_way = false;
    refused_with(told(&argo(whole), Steer::Abort), "nothing of shop/web is under way", "roll out something");
}

#[test]
fn what_has_no_such_words_is_refused_with_its_own() {
    let flagger = Shop::kubernetes(2).but(|shop| {
        let gates = vec!["confirm-promotion".into()];
        shop.means().controller = Some(Controller::Flagger { name: "web".into(), phase: "Waiting".into(), gates });
    });
    refused_with(
        told(&flagger, Steer::Promote),
        "Flagger (web, Waiting now) cannot be told to promote",
        "confirm-promotion",
    );
    refused_with(told(&Shop::kubernetes(2), Steer::Promote), "no controller rolls it out in steps", "paused, resumed");
    refused_with(told(&Shop::docker(2), Steer::Abort), "no controller rolls it out", "where it is watched");
}

#[test]
fn a_deployment_is_paused_and_resumed_and_each_takes_the_other_back() {
    let pause = Shop::kubernetes(2).plan(Verb::Pause).expect("planned");
    assert_eq!(titles(&pause), ["pause web"]);
    assert!(matches!(pause.stages[0].steps[0].undo[..], [Step::Pause { paused: false, .. }]));
    let paused = Shop::kubernetes(2).but(|shop| shop.orchestration(|all| all.paused = true));
    says(&paused.plan(Verb::Resume).expect("planned").explains.warnings, "begins to be rolled out at once");
    refused_with(paused.plan(Verb::Pause), "is paused already", "");
    refused_with(Shop::kubernetes(2).plan(Verb::Resume), "is not paused", "");
    refused_with(Shop::of_kind(ServiceKind::StatefulSet, 2).plan(Verb::Pause), "it is a statefulset", "partition");
    refused_with(Shop::docker(2).plan(Verb::Pause), "it is a compose service", "where it is watched");
}

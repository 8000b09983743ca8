//! Back to a release that is kept, by whoever keeps it.

use super::*;
use crate::domain::{Argo, Controller, Owner, OwnerTool, Release, ReleaseSource};

fn to(id: &str, title: &str) -> Verb {
    Verb::RollBack(ReleaseRef { source: ReleaseSource::Engine, id: id.into(), title: title.into() })
}

fn back(shop: &Shop) -> Plan {
    shop.plan(to("web-2", "2 v0")).expect("planned")
}

#[track_caller]
fn refused_with(plan: Result<Plan, Refusal>, why: &str, help: &str) {
    let refusal = plan.expect_err("refused");
    assert!(refusal.why.contains(why), "{}", refusal.why);
    assert!(refusal.help.as_deref().unwrap_or_default().contains(help), "{:?}", refusal.help);
}

#[test]
fn containers_go_back_one_after_the_other_as_the_host_remembers_them() {
    let plan = back(&Shop::docker(2));
    assert_eq!(&*plan.title, "roll back shop/web");
    assert_eq!(titles(&plan)[0], "make web-1-r4 as 2 v0 was");
    assert_eq!(plan.minimum, 2);
    says(&plan.explains.how, "rolling to 2 v0, one after the other");
    says(&plan.explains.warnings, "data in volumes, files that are mounted and migrations are not brought back");
    let begun = plan.begun_at(noon(), "ann@laptop");
    let cause = begun.steps().find_map(|planned| match &planned.step {
        Step::Make { stamp, .. } => stamp.cause.clone(),
        _ => None,
    });
    assert_eq!(cause.as_deref(), Some("roll back shop/web to 2 v0 by ann@laptop"));
    let lone = Shop::by_names(1).but(|shop| shop.services[0].kind = ServiceKind::Container);
    assert_eq!(titles(&back(&lone))[0], "make web-1-r4 as 2 v0 was");
}

#[test]
fn a_deployment_is_given_the_template_of_before_also_while_a_bad_one_is_on_its_way() {
    let plan = back(&Shop::kubernetes(3));
    assert_eq!(titles(&plan), ["give web the template of 2 v0", "wait until web is rolled out (up to 180 s)"]);
    assert_eq!(plan.stages[0].steps[0].undo.len(), 2);
    assert!(plan.turns);
    says(&plan.explains.warnings, "ConfigMaps and Secrets that it refers to, data and migrations are not brought back");
    let botched = Shop::kubernetes(3).but(|shop| {
        shop.services[0].health = failing();
        shop.services[0].ready = 2;
    });
    let plan = back(&botched);
    assert_eq!(plan.stages[0].steps[0].undo.len(), 1, "what does not work now is not waited for");
    assert!(!plan.turns);
    says(&plan.explains.undo, "what runs now is broken and not gone back to by itself");
}

#[test]
fn a_statefulset_that_waits_for_a_broken_pod_gets_it_ended_and_no_other() {
    let shop = Shop::of_kind(ServiceKind::StatefulSet, 3).but(|shop| {
        shop.instances[2].health = failing();
        shop.services[0].health = failing();
        shop.services[0].ready = 2;
    });
    let plan = back(&shop);
    assert_eq!(
        titles(&plan),
        [
            "give web the template of 2 v0",
            "replace web-3 (up to 10 s to end)",
            "wait until web is rolled out (up to 180 s)"
        ]
    );
    assert!(
        matches!(&plan.stages[0].steps[1].step, Step::Replace { instance, alone: false, .. } if &*instance.key == "web-3")
    );
    says(&plan.explains.how, "a statefulset waits for a broken pod for ever: web-3 is ended");
    says(&plan.explains.promises, "no pod is ended but those that are broken now, by their uids");
    assert_eq!(titles(&back(&Shop::of_kind(ServiceKind::StatefulSet, 3))).len(), 2);
    assert_eq!(titles(&back(&Shop::of_kind(ServiceKind::DaemonSet, 3))).len(), 2);
}

#[test]
fn a_release_is_found_by_its_number_too_and_a_mistyped_one_is_corrected() {
    let shop = Shop::docker(1);
    assert_eq!(titles(&shop.plan(to("1", "1")).expect("planned"))[0], "make web-1-r4 as 1 v0-rc was");
    refused_with(shop.plan(to("web-3", "3 v1")), "3 v1 is what shop/web runs already", "restart it");
    refused_with(shop.plan(to("web-9", "2 v00")), "shop/web has no release 2 v00", "did you mean 2 v0?");
    refused_with(shop.plan(to("web-9", "something else")), "no release something else", "kept: 2 v0, 1 v0-rc");
    let twice = Shop::docker(1).but(|shop| shop.means().releases[2].image.reference = "shop/web:v0".into());
    refused_with(twice.plan(to("v0", "v0")), "more than one release", "by its number");
}

#[test]
fn what_the_host_has_lost_is_refused_with_the_reason_and_what_would_do() {
    let shop = Shop::docker(1).but(|shop| {
        shop.means().releases[1].id = "".into();
        shop.means().releases[1].outcome = Some("its image is gone from this host".into());
    });
    refused_with(shop.plan(to("", "2 v0")), "2 v0 cannot be gone back to: its image is gone", "roll out shop/web:v0");
}

#[test]
fn a_release_that_failed_then_and_the_one_that_held_are_named() {
    let shop = Shop::docker(1).but(|shop| {
        shop.means().releases[1].failed = true;
        shop.means().releases[1].outcome = Some("exit 1 after 4 s".into());
    });
    let warnings = back(&shop).explains.warnings;
    says(&warnings, "2 v0 did not do its work then: exit 1 after 4 s");
    says(&warnings, "the last one that held is 1 v0-rc");
}

#[test]
fn a_paused_deployment_and_a_gitops_owner_stand_in_the_way_of_a_rollback() {
    let paused = Shop::kubernetes(2).but(|shop| shop.orchestration(|all| all.paused = true));
    refused_with(paused.plan(to("web-2", "2 v0")), "is paused", "rollout resume deployment/web");
    let owned = Shop::kubernetes(2).but(|shop| {
        shop.orchestration(|all| all.owner = Some(Owner { tool: OwnerTool::Flux, name: "shop".into() }));
    });
    says(&back(&owned).explains.warnings, "Flux (shop) puts back what its source says");
    let swarm = Shop::of_kind(ServiceKind::SwarmService, 2);
    refused_with(swarm.plan(to("web-2", "2 v0")), "swarm service", "docker service rollback web");
}

#[test]
fn an_argo_rollout_goes_back_through_its_workload_and_the_fast_track_is_explained() {
    let shop = Shop::of_kind(ServiceKind::Rollout, 2).but(|shop| {
        let argo = Argo {
            workload: Some("deployment/web".into()),
            fast_track: vec![("web-2".into(), "it is the stable one".into())],
            ..Argo::default()
        };
        shop.means().controller = Some(Controller::Argo(argo));
    });
    let how = back(&shop).explains.how;
    says(&how, "its template is that of deployment/web");
    says(&how, "goes back to it at once, without its steps: it is the stable one");
    says(&shop.plan(to("web-1", "1 v0-rc")).expect("planned").explains.how, "takes its own steps on the way back too");
}

#[test]
fn helm_goes_back_by_its_own_program_or_says_why_not() {
    let chart = |number: u64, current| Release {
        source: ReleaseSource::Helm,
        id: format!("helm/secrets/shop/sh.helm.release.v1.store.v{number}").into(),
        number: Some(number),
        current,
        ..Release::default()
    };
    let shop = || Shop::kubernetes(2).but(|shop| shop.means().releases.extend([chart(7, true), chart(6, false)]));
    let asked = || {
        let id = "helm/secrets/shop/sh.helm.release.v1.store.v6".into();
        Verb::RollBack(ReleaseRef { source: ReleaseSource::Helm, id, title: "helm 6".into() })
    };
    let plan = shop().plan(asked()).expect("planned");
    assert_eq!(titles(&plan), ["helm rollback store 6", "wait until web is rolled out (up to 180 s)"]);
    assert!(matches!(&plan.stages[0].steps[0].undo[..], [Step::Helm { revision: 7, .. }]));
    says(&plan.explains.warnings, "everything of the chart goes back to revision 6");
    let without = shop().but(|shop| shop.means().without_helm = Some("there is no helm on this machine".into()));
    refused_with(without.plan(asked()), "there is no helm on this machine", "helm -n shop rollback store 6");
}

#[test]
fn a_plan_sees_that_the_definition_it_was_made_for_is_another_now() {
    let shop = Shop::kubernetes(2);
    let plan = back(&shop);
    assert_eq!(plan.has_moved(&shop.inventory()), None);
    let changed = Shop::kubernetes(2).but(|shop| shop.means().object.as_mut().expect("one").generation = Some(5));
    assert_eq!(plan.has_moved(&changed.inventory()).as_deref(), Some("the definition of web was changed meanwhile"));
    let anew = Shop::kubernetes(2).but(|shop| shop.means().object.as_mut().expect("one").uid = "other".into());
    assert_eq!(plan.has_moved(&anew.inventory()).as_deref(), Some("web was deleted and made anew"));
    let gone = Shop::docker(2).but(|shop| {
        shop.instances.remove(1);
        shop.services[0].fingerprint = 2;
    });
    assert_eq!(back(&Shop::docker(2)).has_moved(&gone.inventory()).as_deref(), Some("web-2 is gone"));
}

//! What only a host tells of a container, and what a plan makes of it.

use super::*;
use crate::domain::{Instance, InstanceId, RestartPolicy};

fn policy(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let is_policy = |step: &Step| matches!(step, Step::Policy { .. } | Step::Stop { .. });
    let steps = plan.steps().filter(|planned| is_policy(&planned.step) && !planned.tidies);
    steps.map(|planned| (planned.step.title(), planned.undo.iter().map(Step::title).collect())).collect()
}

#[test]
fn what_the_engine_would_start_again_by_itself_stays_stopped_and_has_its_policy_back_when_all_is_taken_back() {
    let always = RestartPolicy { name: "always".into(), tries: 0 };
    let plan = rolled(&Shop::by_names(1).particular(|of| of.returns = Some(always)));
    let title = |text: &str| text.to_owned();
    assert_eq!(
        policy(&plan),
        [
            (
                title("let the engine not start web-1 again by itself"),
                vec![title("let the engine start web-1 again by itself (always)")]
            ),
            (
                title("stop web-1 (up to 10 s)"),
                vec![title("start web-1"), title("wait until web-1 is ready (up to 300 s)")]
            ),
        ]
    );
    assert_eq!(policy(&rolled(&Shop::by_names(1))).len(), 1, "what stays stopped is left alone");
}

#[test]
fn what_a_plan_that_was_cut_off_left_in_a_place_goes_with_the_one_that_holds_it() {
    let shop = Shop::by_names(1).but(|shop| {
        let id = InstanceId::new(&prod(), "5f0c");
        let left = Instance { id: id.clone(), name: "web-1-r3".into(), health: failing(), ..shop.instances[0].clone() };
        shop.instances.push(left);
        shop.means().particulars.entry(id).or_default().place = Some("web-1".into());
    });
    let plan = rolled(&shop);
    says(&plan.explains.warnings, "web-1-r3 and web-1 have one place since a plan was cut off: web-1-r3 is stopped");
    let titles = titles(&plan);
    let made: Vec<_> = titles.iter().filter(|title| title.starts_with("make ")).collect();
    assert_eq!(made, ["make web-1-r4 with image shop/web:v2"], "one name is given once");
    for wanted in ["stop web-1-r3 (up to 10 s)", "remove web-1-r3", "rename web-1-r4 to web-1"] {
        assert!(titles.iter().any(|title| title == wanted), "{wanted}: {titles:#?}");
    }
    let ended = |shop: &mut Shop| {
        shop.instances[1].health = stopped();
        shop.instances[1].state = crate::domain::InstanceState::Exited { exit_code: 0, out_of_memory: false };
    };
    let plan = rolled(&shop.but(ended));
    keeps_quiet(&plan.explains.warnings, "stays so");
    assert!(super::titles(&plan).contains(&"remove web-1-r3".to_owned()));
}

#[test]
fn what_no_two_can_have_is_the_old_ones_until_it_is_stopped() {
    let fixed = || Shop::by_names(2).particular(|of| of.fixed = vec!["its fixed address 10.1.0.9 in shop".into()]);
    let plan = rolled(&fixed());
    assert_eq!(plan.minimum, 1);
    says(&plan.explains.warnings, "stopped first, because only one can have its fixed address 10.1.0.9 in shop");
    refused(
        fixed().roll(Strategy::Canary(Canary::default())),
        "only one can have its fixed address",
        "it can be rolled",
    );
}

#[test]
fn a_volume_without_a_name_is_never_two_containers_at_once() {
    let mount =
        Mount { kind: "volume".into(), source: "ab".repeat(32).into(), target: "/data".into(), read_only: false };
    let shop = |read_only| {
        let mounts: Arc<[Mount]> = [Mount { read_only, ..mount.clone() }].into();
        Shop::by_names(2).but(|shop| shop.instances.iter_mut().for_each(|one| one.mounts = mounts.clone()))
    };
    let plan = rolled(&shop(false));
    assert_eq!(plan.minimum, 1, "each has one of its own, which goes to the one that takes its place");
    says(&plan.explains.warnings, "two at once would write to the volume without a name on /data");
    let beside = Strategy::BlueGreen(BlueGreen::default());
    refused(shop(false).roll(beside), "two at once would write to the volume without a name", "it can be rolled");
    assert_eq!(rolled(&shop(true)).minimum, 2);
    let asked = shop(false).roll(rolling_with(Pace { max_surge: 1, ..Pace::default() })).expect("planned");
    says(&asked.explains.warnings, "for a while two write to the volume without a name on /data");
}

#[test]
fn whoever_lives_in_the_old_ones_network_is_named_and_nothing_is_done() {
    let shop = Shop::by_names(1).particular(|of| of.lodgers = vec!["sidecar".into(), "probe".into()]);
    let why = "sidecar and probe would lose their network: they live in that of web-1";
    refused(shop.roll(Strategy::default()), why, "remove sidecar and probe first");
}

#[test]
fn hints_of_a_proxy_that_cannot_be_used_are_read_before_anybody_says_yes() {
    let hint = "nginx upstream back in proxy-1 is not used: it sends to db:80, too";
    let shop = Shop::by_names(1).but(|shop| shop.means().hints.push(hint.into()));
    says(&rolled(&shop).explains.warnings, hint);
}

#[test]
fn a_proxy_that_asks_for_names_only_when_told_is_told_after_each_change_and_on_the_way_back_too() {
    let plan = rolled(&Shop::looked_up(2));
    says(&plan.explains.how, "nginx in proxy-1 is reloaded after each change");
    says(&plan.explains.how, "up to its proxy_connect_timeout for one that has just stopped");
    let upstream = "nginx in proxy-1: look the names up anew,";
    let looks: Vec<String> =
        titles(&plan).into_iter().filter_map(|title| Some(title.strip_prefix(upstream)?.trim().to_owned())).collect();
    assert_eq!(looks, ["web-1-r4 has come", "web-1 has gone", "web-2-r4 has come", "web-2 has gone"]);
    let forward: Vec<Step> = plan.steps().map(|planned| planned.step.clone()).collect();
    let back: Vec<&Step> =
        plan.steps().flat_map(|planned| &planned.undo).filter(|step| matches!(step, Step::Shift { .. })).collect();
    assert_eq!(back.len(), 4, "each old one is back, each new one is gone again");
    // What was done last in the plan is left out of the way back: that it asked then says nothing of now.
    assert!(back.iter().all(|step| !forward.contains(step)), "{back:#?}");
}

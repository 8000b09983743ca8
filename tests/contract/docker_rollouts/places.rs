//! Whole plans on a host on which something is in the way: what another plan left, addresses that only one can have, and others that
//! live in a container's network.

use midwatch::{domain::RestartPolicy, plan::Step};

use super::{World, image, inspect};
use crate::docker::docker;

impl World {
    /// Names and images of the service's containers, running or not.
    fn containers(&self) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.prefix);
        let listed = docker(&["ps", "-a", "--filter", &project, "--format", "{{.Names}} {{.Image}} {{.State}}"]);
        listed.lines().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_plans_after_a_rollout_that_was_left_puts_its_leftovers_in_order() {
    let Some(world) = World::open("whoever_plans_after").await else { return };
    let [one, two, three] = ["v1", "v2", "v3"].map(|tag| world.image(tag, &[]));
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &["--restart", "always"]);
    world.must(world.record(1, &old, 5)).await;
    for step in world.steps(2, &name, &old, image(&two)).into_iter().take(4) {
        world.must(step).await;
    }
    // The laptop is lost here: both run, and both are web-1's.
    let plan = world.plan(&three).await.expect("planned");
    let says = |wanted: &str| plan.explains.warnings.iter().any(|text| text.contains(wanted));
    assert!(says("have one place since a plan was cut off"), "{:#?}", plan.explains.warnings);
    world.carry_out(plan).await;
    assert_eq!(world.containers(), [format!("{name} {three} running")]);
    assert_eq!(inspect(&name, "{{.HostConfig.RestartPolicy.Name}}"), "always", "as the old one's was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plan_stopped_is_not_started_by_the_engine_and_is_as_before_when_it_is_taken_back() {
    let Some(world) = World::open("what_a_plan_stopped").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let name = world.named("web-1");
    world.compose(&name, &one, &["--restart", "on-failure:3"]);
    let plan = world.plan(&two).await.expect("planned");
    let policy =
        || inspect(&name, "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}");
    let mut undo = Vec::new();
    for planned in plan.begun_at(jiff::Timestamp::now(), "ann@laptop").steps().filter(|planned| !planned.tidies) {
        world.must(planned.step.clone()).await;
        undo.push(planned.undo.clone());
    }
    assert_eq!((policy().as_str(), inspect(&name, "{{.State.Running}}").as_str()), ("no:0", "false"));
    for step in undo.into_iter().rev().flatten() {
        world.must(step).await;
    }
    assert_eq!((policy().as_str(), inspect(&name, "{{.State.Running}}").as_str()), ("on-failure:3", "true"));
    assert_eq!(world.containers(), [format!("{name} {one} running")]);
    let gone = Step::Policy { instance: world.made(77), name: "gone".into(), policy: RestartPolicy::none() };
    world.must(gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_address_goes_to_the_one_that_takes_the_place() {
    let Some(world) = World::open("a_fixed_address").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let (name, back) = (world.named("web-1"), world.named("back"));
    let part = std::process::id() % 250;
    let (subnet, address) = (format!("10.203.{part}.0/24"), format!("10.203.{part}.77"));
    docker(&["network", "create", "--label", &world.mark(), "--subnet", &subnet, &back]);
    world.compose(&name, &one, &[]);
    docker(&["network", "connect", "--ip", &address, "--alias", "web", &back, &name]);
    let plan = world.plan(&two).await.expect("planned");
    let says = |wanted: &str| plan.explains.warnings.iter().any(|text| text.contains(wanted));
    assert!(says(&format!("only one can have its fixed address {address}")), "{:#?}", plan.explains.warnings);
    world.carry_out(plan).await;
    assert_eq!(world.containers(), [format!("{name} {two} running")]);
    let of = |what: &str| inspect(&name, &format!("{{{{(index .NetworkSettings.Networks \"{back}\").{what}}}}}"));
    assert_eq!(of("IPAddress"), address);
    assert!(of("Aliases").contains("web"), "{}", of("Aliases"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_in_its_network_is_named_and_keeps_it() {
    let Some(world) = World::open("what_lives_in_its_network").await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let (name, lodger) = (world.named("web-1"), world.named("sidecar"));
    world.compose(&name, &one, &[]);
    let network = format!("container:{name}");
    docker(&["run", "-d", "--name", &lodger, "--label", &world.mark(), "--network", &network, &one]);
    let refusal = world.plan(&two).await.expect_err("refused");
    assert!(refusal.why.contains(&format!("{lodger} would lose its network")), "{}", refusal.why);
}

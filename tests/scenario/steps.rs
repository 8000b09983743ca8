//! Every step works on the simulator, and doing it again changes nothing.

use std::{sync::Arc, time::Duration};

use midwatch::{
    backend::{Progress, StepError},
    domain::{Change, Health, Instance, InstanceId, InstanceState},
    message::Event,
    plan::Step,
};

use crate::support::{Stage, World, world};

fn quiet() -> Progress {
    Arc::new(|_| {})
}

async fn live(world: &World) -> Stage {
    let mut stage = world.begin();
    stage.live().await;
    stage
}

fn stop(instance: &Instance) -> Step {
    Step::Stop { instance: instance.id.clone(), name: instance.name.clone(), grace: 10 }
}

fn start(instance: &Instance) -> Step {
    Step::Start { instance: instance.id.clone(), name: instance.name.clone() }
}

fn await_ready(instance: &Instance) -> Step {
    Step::AwaitReady { instance: instance.id.clone(), name: instance.name.clone(), within: 30, steady: 3 }
}

/// Does it, and takes in what changed.
async fn perform(stage: &mut Stage, step: Step) -> Result<(), StepError> {
    let done = stage.backend("here").execute(step, quiet()).await;
    stage.play(Duration::from_millis(100)).await;
    done
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_a_stop_a_start_and_a_wait() {
    let mut stage =
        live(&world().service("web", 2).with("health_check = true\nstarts_in = \"4s\"\nstops_in = \"2s\"")).await;
    let web = stage.instance("web", 1).clone();
    let began = stage.clock.now();

    perform(&mut stage, stop(&web)).await.expect("stops");
    assert_eq!(stage.instance("web", 1).state, InstanceState::Exited { exit_code: 0, out_of_memory: false });
    assert_eq!(stage.service("web").ready, 1);
    assert!(matches!(stage.service("web").health, Health::Degraded(_)), "{:?}", stage.service("web").health);
    assert!(stage.clock.now().duration_since(began).as_secs() >= 2, "it took its time");

    perform(&mut stage, start(&web)).await.expect("starts");
    assert_eq!(stage.instance("web", 1).state, InstanceState::Running);
    assert!(matches!(stage.instance("web", 1).health, Health::Changing(_)));

    perform(&mut stage, await_ready(&web)).await.expect("gets ready");
    assert_eq!(stage.instance("web", 1).health, Health::Healthy);
    assert_eq!((stage.service("web").ready, &stage.service("web").health), (2, &Health::Healthy));
    assert!(stage.instance("web", 1).started > web.started);
}

#[tokio::test(start_paused = true)]
async fn every_step_done_twice_is_done_once() {
    let mut stage = live(&world().service("web", 2)).await;
    let web = stage.instance("web", 1).clone();
    let service = stage.service("web").id.clone();
    for step in [
        stop(&web),
        start(&web),
        await_ready(&web),
        Step::Redeploy { service: service.clone(), asked: None, cause: None, object: None },
        Step::AwaitRollout { service, within: 60, wants: None },
    ] {
        perform(&mut stage, step.clone()).await.unwrap_or_else(|error| panic!("{step:?}: {error:?}"));
        let (once, fingerprint) = (stage.instance("web", 1).clone(), stage.service("web").fingerprint);
        perform(&mut stage, step.clone()).await.unwrap_or_else(|error| panic!("{step:?} again: {error:?}"));
        let again = stage.instance("web", 1);
        assert_eq!((again.started, again.finished), (once.started, once.finished), "{step:?}");
        assert_eq!(stage.service("web").fingerprint, fingerprint, "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redeploy_replaces_one_after_the_other() {
    let mut stage = live(&world().service("web", 3).with("health_check = true\nstarts_in = \"4s\"")).await;
    let service = stage.service("web").id.clone();
    let before: Vec<_> = (1..=3).map(|number| stage.instance("web", number).started).collect();
    perform(&mut stage, Step::Redeploy { service: service.clone(), asked: None, cause: None, object: None })
        .await
        .expect("begins");
    let rollout =
        tokio::spawn(stage.backend("here").execute(Step::AwaitRollout { service, within: 60, wants: None }, quiet()));
    stage.until("the rollout is over", |_| rollout.is_finished()).await;
    stage.play(Duration::from_millis(100)).await;
    rollout.await.expect("does not panic").expect("completes");
    for (number, before) in (1..=3).zip(before) {
        assert!(stage.instance("web", number).started > before, "instance {number}");
    }
    let ready = stage.heard.iter().filter_map(|(_, event)| match event {
        Event::Changed { change: Change::Service(service), .. } => Some(service.ready),
        _ => None,
    });
    let ready: Vec<_> = ready.collect();
    assert_eq!(ready.iter().min(), Some(&2), "{ready:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_listen_is_killed_when_its_grace_is_over() {
    let mut stage = live(&world().service("web", 1).trouble("deaf", "from = \"-1h\"")).await;
    let (web, began) = (stage.instance("web", 1).clone(), stage.clock.now());
    perform(&mut stage, stop(&web)).await.expect("is stopped");
    assert_eq!(stage.instance("web", 1).state, InstanceState::Exited { exit_code: 137, out_of_memory: false });
    let took = stage.clock.now().duration_since(began).as_secs_f64();
    assert!((10.0..10.5).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_get_ready_fails_with_the_reason() {
    let cases = [
        ("failing_check", "output = \"no route to db\"", "health check failed 3 times in a row: no route to db"),
        ("crash_loop", "runs = \"2s\"\nexit_code = 1", "exit 1"),
        ("slow_start", "runs = \"5m\"", "health: starting, 30 s, and 30 s are over"),
    ];
    for (kind, rest, why) in cases {
        let world = world()
            .service("web", 1)
            .with("health_check = true")
            .trouble(kind, &format!("after_restart = true\n{rest}"));
        let mut stage = live(&world).await;
        let web = stage.instance("web", 1).clone();
        assert_eq!(web.health, Health::Healthy, "{kind}: until it is restarted");
        for step in [stop(&web), start(&web)] {
            perform(&mut stage, step).await.expect("is done");
        }
        let failed = perform(&mut stage, await_ready(&web)).await;
        let Err(StepError::Failed(trouble)) = failed else { panic!("{kind}: {failed:?}") };
        assert_eq!(trouble.line(), format!("{} did not get ready: {why}", web.name));
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_can_be_stopped_between_two_tries() {
    let mut stage =
        live(&world().service("web", 1).trouble("crash_loop", "from = \"-30s\"\nruns = \"1s\"\nwaits = \"60s\"")).await;
    let web = stage.instance("web", 1).clone();
    assert!(matches!(web.state, InstanceState::Restarting { .. }), "{:?}", web.state);
    perform(&mut stage, stop(&web)).await.expect("stops");
    stage.play(Duration::from_secs(120)).await;
    assert!(matches!(stage.instance("web", 1).state, InstanceState::Exited { .. }), "and it stays so");
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_link_breaks_is_lost_and_can_be_done_again() {
    let world = world().cluster("here").fault("lost", "5s", "1s").service("web", 1).with("stops_in = \"8s\"");
    let mut stage = live(&world).await;
    let web = stage.instance("web", 1).clone();
    stage.play(Duration::from_secs(3)).await;
    let lost = stage.backend("here").execute(stop(&web), quiet()).await;
    assert!(matches!(lost, Err(StepError::Lost(_))), "{lost:?}");
    stage.until("it is lost", |stage| !stage.link("here").is_live()).await;
    stage.until("it is back", |stage| stage.link("here").is_live()).await;
    perform(&mut stage, stop(&web)).await.expect("is done, the second time");
    assert!(matches!(stage.instance("web", 1).state, InstanceState::Exited { exit_code: 0, .. }));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_any_more_fails_with_its_name() {
    let mut stage = live(&world().service("web", 1)).await;
    let mut gone = stage.instance("web", 1).clone();
    gone.id = InstanceId::new(&"here".into(), "gone");
    let failed = perform(&mut stage, stop(&gone)).await;
    let Err(StepError::Failed(trouble)) = failed else { panic!("{failed:?}") };
    assert_eq!(trouble.line(), format!("could not stop {}: there is no such instance any more", gone.name));
}

//! What the simulator's orchestrators, leases, machines and checks do when a step tells them to.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use midwatch::{
    backend::{Progress, StepError, simulator::scenario::Scenario},
    domain::{Claim, Controller, Health, Lease, Means, ServiceId},
    message::{Answer, Question},
    plan::{
        Edits, Gate, Group, ReleaseRef, Stamp, Steer, Step,
        wish::{HttpGate, Limit, PrometheusGate},
    },
};

use crate::support::Stage;

struct Play {
    stage: Stage,
    service: ServiceId,
}

async fn play(address: &str) -> Play {
    let mut stage = Stage::of(&Scenario::named("rollouts").expect("it is embedded"), 1);
    stage.live().await;
    let parts: Vec<&str> = address.split('/').collect();
    let service = ServiceId::new(&parts[0].into(), &parts[1].into(), parts[2]);
    Play { stage, service }
}

impl Play {
    async fn perform(&mut self, step: Step) -> Result<(), StepError> {
        let quiet: Progress = Arc::new(|_: &str| {});
        let done = tokio::spawn(self.stage.backend(self.service.cluster.as_str()).execute(step, quiet));
        self.stage.until("the step is over", |_| done.is_finished()).await;
        self.stage.play(Duration::from_millis(100)).await;
        done.await.expect("does not panic")
    }

    async fn means(&self) -> Means {
        let question = Question::Means(self.service.clone());
        let answer = self.stage.backend(self.service.cluster.as_str()).query(question).await;
        let Ok(Answer::Means(means)) = answer else { panic!("{answer:?}") };
        *means
    }

    async fn update(&self, version: &str) -> Step {
        let means = self.means().await;
        let (name, _) = means.containers[0].image.rsplit_once(':').expect("with a tag");
        let images = [(means.containers[0].name.clone(), format!("{name}:{version}").into())].into();
        let (edits, object) = (Edits { images, ..Edits::default() }, means.object.expect("an orchestrator keeps it"));
        Step::Update { service: self.service.clone(), object, edits, pace: None, stamp: stamp("OPS-1"), own_pace: None }
    }

    fn rolled_out(&self) -> Step {
        Step::AwaitRollout { service: self.service.clone(), within: 120, wants: None }
    }

    fn versions(&self) -> Vec<String> {
        let instances = self.stage.inventory.instances_of(&self.service);
        let mut versions: Vec<_> = instances.iter().map(|instance| instance.image.release().to_owned()).collect();
        versions.sort();
        versions
    }

    fn service(&self) -> &midwatch::domain::Service {
        self.stage.inventory.service(&self.service).expect("it is there")
    }
}

fn stamp(cause: &str) -> Stamp {
    Stamp { asked: Some("2026-11-21T03:00:00Z".parse().expect("a time")), cause: Some(cause.into()) }
}

fn why(done: Result<(), StepError>) -> String {
    match done {
        Err(StepError::Failed(trouble) | StepError::Unsure(trouble)) => trouble.line(),
        Err(StepError::Lost(trouble)) => panic!("lost: {trouble}"),
        Ok(()) => panic!("it was done"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_one_after_the_other_and_is_written_into_the_history() {
    let mut play = play("cluster/shop/front").await;
    let update = play.update("v1.2").await;
    for step in [update.clone(), play.rolled_out(), update] {
        play.perform(step).await.expect("is done");
    }
    assert_eq!(play.versions(), ["v1.2"; 4]);
    let releases = play.means().await.releases;
    let told: Vec<_> = releases.iter().map(|it| (it.number, it.image.release(), it.current, it.instances)).collect();
    assert_eq!(
        told,
        [(Some(3), "v1.2", true, 4), (Some(2), "v1.1", false, 0), (Some(1), "v1.0", false, 0)],
        "done twice, it is one release"
    );
    assert_eq!(releases[0].cause.as_deref(), Some("OPS-1"));
    assert!(releases[1].served.is_some_and(|served| served >= 9 * 86_400));
}

#[tokio::test(start_paused = true)]
async fn going_back_gives_an_old_release_a_new_number() {
    let mut play = play("cluster/shop/front").await;
    let means = play.means().await;
    let oldest = means.releases.last().expect("there are two");
    let release = ReleaseRef { source: oldest.source, id: oldest.id.clone(), title: oldest.title().into() };
    let object = means.object.expect("it has one");
    play.perform(Step::Return { service: play.service.clone(), object, release, stamp: stamp("back") })
        .await
        .expect("begins");
    play.perform(play.rolled_out()).await.expect("completes");
    assert_eq!(play.versions(), ["v1.0"; 4]);
    let newest = play.means().await.releases.remove(0);
    assert_eq!((newest.number, newest.older), (Some(3), vec![1]));
}

#[tokio::test(start_paused = true)]
async fn an_update_of_what_somebody_else_changed_is_refused() {
    let mut play = play("cluster/shop/front").await;
    let update = play.update("v1.2").await;
    play.perform(Step::Scale { service: play.service.clone(), to: 5, object: None }).await.expect("scales");
    let why = why(play.perform(update).await);
    assert!(why.ends_with("somebody changed its definition meanwhile"), "{why}");
    play.perform(play.rolled_out()).await.expect("completes");
    assert_eq!((play.versions(), play.service().wanted), (vec!["v1.1".to_owned(); 5], 5));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_paused_nothing_is_replaced_and_who_waits_is_told() {
    let mut play = play("cluster/shop/front").await;
    let pause = |paused| Step::Pause { service: play.service.clone(), paused, object: None };
    let (pause, resume) = (pause(true), pause(false));
    let update = play.update("v1.2").await;
    play.perform(update).await.expect("begins");
    play.stage.play(Duration::from_secs(2)).await;
    play.perform(pause).await.expect("pauses");
    play.stage.play(Duration::from_secs(60)).await;
    let versions = play.versions();
    assert!(versions.contains(&"v1.1".to_owned()), "{versions:?}");
    assert!(play.service().orchestration.as_ref().is_some_and(|it| it.paused));
    assert!(why(play.perform(play.rolled_out()).await).contains("somebody paused it"));
    play.perform(resume).await.expect("resumes");
    play.perform(play.rolled_out()).await.expect("completes");
    assert_eq!(play.versions(), ["v1.2"; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_release_never_takes_more_than_the_pace_allows_and_says_why() {
    for (version, says) in [
        ("v1.3-never-ready", "no route to db"),
        ("v1.3-missing", "is not in the registry"),
        ("v9", "is not in the registry"),
    ] {
        let mut play = play("cluster/shop/front").await;
        let update = play.update(version).await;
        play.perform(update).await.expect("begins");
        let why = why(play.perform(play.rolled_out()).await);
        assert!(why.contains(says), "{version}: {why}");
        play.stage.play(Duration::from_secs(60)).await;
        let old = play.versions().iter().filter(|it| *it == "v1.1").count();
        assert!(old >= 3, "{version}: one of four may be missing: {:?}", play.versions());
        assert!(play.service().health.is_broken(), "{version}: {:?}", play.service().health);
    }
}

#[tokio::test(start_paused = true)]
async fn instances_in_order_come_back_although_one_that_is_broken_holds_them_up() {
    let mut play = play("cluster/shop/store").await;
    let before = play.means().await;
    let update = play.update("16.0").await;
    play.perform(update).await.expect("begins");
    assert!(why(play.perform(play.rolled_out()).await).contains("data directory was made by 15"));
    let current = before.releases.iter().find(|release| release.current).expect("one is");
    let release = ReleaseRef { source: current.source, id: current.id.clone(), title: current.title().into() };
    let object = play.means().await.object.expect("it has one");
    play.perform(Step::Return { service: play.service.clone(), object, release, stamp: stamp("back") })
        .await
        .expect("is told");
    play.perform(play.rolled_out()).await.expect("completes");
    assert_eq!((play.versions(), &play.service().health), (vec!["15.3".to_owned(); 3], &Health::Healthy));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_in_steps_waits_for_a_person_and_goes_back_when_it_is_aborted() {
    let mut play = play("cluster/shop/search").await;
    let update = play.update("v3.1").await;
    play.perform(update).await.expect("begins");
    let waits = why(play.perform(play.rolled_out()).await);
    assert!(waits.contains("it waits at step 1 of 2"), "{waits}");
    assert_eq!(play.versions(), ["v3.0", "v3.0", "v3.0", "v3.1"]);
    let Some(Controller::Argo(argo)) = play.means().await.controller else { panic!("no controller") };
    assert_eq!((&*argo.phase, argo.step, argo.under_way), ("Paused", Some((0, 2)), true));

    let object = play.means().await.object.expect("it has one");
    let steer =
        |word| Step::Steer { service: play.service.clone(), object: object.clone(), word, at: Some(0), release: None };
    let (promote, abort, retry, full) =
        (steer(Steer::Promote), steer(Steer::Abort), steer(Steer::Retry), steer(Steer::PromoteFull));
    play.perform(promote.clone()).await.expect("is told");
    play.stage.play(Duration::from_secs(15)).await;
    play.perform(promote).await.expect("is told again, and means the step that is over");
    play.stage.play(Duration::from_secs(1)).await;
    assert_eq!(play.versions(), ["v3.0", "v3.0", "v3.1", "v3.1"]);
    play.perform(abort).await.expect("is told");
    play.stage.play(Duration::from_secs(30)).await;
    assert_eq!(play.versions(), ["v3.0"; 4]);
    assert!(why(play.perform(play.rolled_out()).await).contains("it was aborted"));
    for word in [retry, full] {
        play.perform(word).await.expect("is told");
    }
    play.perform(play.rolled_out()).await.expect("completes");
    assert_eq!(play.versions(), ["v3.1"; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_moves_what_its_budget_lets_go_and_nothing_new_comes_meanwhile() {
    let mut play = play("cluster/shop/front").await;
    let node = ServiceId::of_node(&play.service.cluster, &"worker-2".into());
    let on_it = |play: &Play| -> Vec<String> {
        let instances = play.stage.inventory.instances_on(&"cluster".into(), &"worker-2".into());
        instances.into_iter().map(|instance| instance.service.name.to_string()).collect()
    };
    assert!(on_it(&play).len() > 1, "{:?}", on_it(&play));
    for step in [Step::Cordon { node: node.clone(), cordoned: true }, Step::Drain { node: node.clone(), within: 120 }] {
        play.perform(step.clone()).await.expect("is done");
        play.perform(step).await.expect("is done again");
    }
    assert_eq!(on_it(&play), ["agent"], "one of these belongs on every machine");
    play.perform(play.rolled_out()).await.expect("all are ready elsewhere");
    let cordoned = |play: &Play| {
        play.stage.inventory.node(&"cluster".into(), &"worker-2".into()).is_some_and(|node| node.cordoned)
    };
    assert!(cordoned(&play));
    play.perform(Step::Cordon { node, cordoned: false }).await.expect("is taken back");
    assert!(!cordoned(&play));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_seen_by_every_connection_and_over_when_nobody_renews_it() {
    let play = play("host/shop/web").await;
    let now = play.stage.clock.now();
    let lease = |who: &str, now: Timestamp| Lease {
        who: who.into(),
        operation: format!("20261121-030000-{}", who.len()).as_str().into(),
        title: "roll out shop/web".into(),
        since: now,
        until: now + SignedDuration::from_secs(30),
    };
    let first = play.stage.backend("host");
    let Ok(second) = midwatch::backend::Connector::connect(&play.stage.clusters[&"host".into()]).await else {
        panic!("nothing keeps it")
    };
    let (ann, ben) = (lease("ann@laptop", now), lease("ben@desk", now));
    let claim = |backend: &Arc<dyn midwatch::backend::Backend>, lease: &Lease, claim| {
        backend.lease(play.service.clone(), lease.clone(), claim)
    };
    assert_eq!(claim(&first, &ann, Claim::Take).await, Ok(None));
    assert_eq!(claim(&second, &ben, Claim::Take).await, Ok(Some(ann.clone())));
    assert_eq!(claim(&second, &ben, Claim::Release).await, Ok(None), "what is not ours is given back by doing nothing");
    assert_eq!(play.means().await.lease.as_ref(), Some(&ann));
    assert_eq!(claim(&second, &ben, Claim::TakeOver).await, Ok(None));
    assert_eq!(claim(&first, &ann, Claim::Take).await, Ok(Some(ben.clone())));
    assert_eq!(claim(&first, &ann, Claim::Keep).await, Ok(Some(ben.clone())), "it cannot be kept any more");
    assert_eq!(claim(&second, &ben, Claim::Keep).await, Ok(None));
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(play.means().await.lease, None);
    assert_eq!(claim(&first, &ann, Claim::Keep).await, Ok(Some(ben.clone())), "ben had it since, though it ran out");
    assert_eq!(claim(&second, &ben, Claim::Release).await, Ok(None));
    let gone = claim(&first, &ann, Claim::Keep).await;
    assert!(matches!(gone, Err(StepError::Unsure(_))), "what is nobody's is not had by keeping it: {gone:?}");
    assert_eq!(claim(&first, &lease("ann@laptop", play.stage.clock.now()), Claim::Take).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_check_looks_at_health_restarts_and_logs_and_says_when_it_cannot_tell() {
    let mut play = play("cluster/shop/front").await;
    let all = Group::All(play.service.clone());
    let (new, old) = (Group::Newest(play.service.clone()), Group::Older(play.service.clone()));
    let of = |gate: Gate, new: &Group, old: &Group| Step::Gate {
        service: play.service.clone(),
        gate,
        new: new.clone(),
        old: old.clone(),
    };
    let http = |at: &str| Gate::Http(HttpGate { at: at.into(), status: 200, body: None, within: 500, times: 3 });
    let errors = Gate::Errors { percent: 200, at_least: 20, seconds: 30 };
    let prometheus = Gate::Prometheus(PrometheusGate {
        url: "http://prometheus:9090".into(),
        query: "up".into(),
        limit: Limit::AtLeast(1000),
        seconds: 10,
    });
    let well = [of(Gate::Health { seconds: 10 }, &all, &old), of(http("80/health"), &all, &old)];
    let unsure = [
        (of(prometheus, &all, &old), "there is no network"),
        (of(http("http://localhost/health"), &all, &old), "there is no network"),
        (of(Gate::Person { says: "ann looks".into() }, &all, &old), "a person says"),
        (of(errors.clone(), &all, &old), "are too few"),
        (of(Gate::Health { seconds: 1 }, &Group::Instances(Vec::new()), &old), "no new instance"),
    ];
    let (bad_log, crash) = (of(errors, &new, &old), of(Gate::Health { seconds: 10 }, &new, &old));
    for step in well {
        play.perform(step).await.expect("it is well");
    }
    for (step, says) in unsure {
        let done = play.perform(step).await;
        assert!(matches!(&done, Err(StepError::Unsure(trouble)) if trouble.line().contains(says)), "{says}: {done:?}");
    }
    let update = play.update("v1.3-errors").await;
    play.perform(update).await.expect("begins");
    play.stage.play(Duration::from_secs(2)).await;
    play.perform(Step::Pause { service: play.service.clone(), paused: true, object: None }).await.expect("is told");
    let told = why(play.perform(bad_log).await);
    assert!(told.contains("lines are errors, of the old release"), "{told}");
    play.perform(Step::Pause { service: play.service.clone(), paused: false, object: None }).await.expect("is told");
    let update = play.update("v1.3-crashes").await;
    play.perform(update).await.expect("begins");
    play.stage.play(Duration::from_secs(5)).await;
    let told = why(play.perform(crash).await);
    assert!(told.contains("exit 1") || told.contains("starting") || told.contains("started again"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_plays_the_same_rollout_however_often_it_is_looked_at() {
    let mut told = Vec::new();
    for looks in [1, 40] {
        let mut play = play("cluster/shop/front").await;
        let update = play.update("v1.2").await;
        play.perform(update).await.expect("begins");
        for _ in 0..looks {
            play.stage.play(Duration::from_secs(40) / looks).await;
        }
        let instances = play.stage.inventory.instances_of(&play.service);
        let rows = instances.iter().map(|it| format!("{} {:?} {:?} {:?}", it.name, it.id, it.started, it.node));
        told.push(rows.collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
}

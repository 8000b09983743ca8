//! Two machines want the same service: one gets it, the other is told who has it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use midwatch::{
    backend::Backend,
    domain::{Claim, Lease, OperationId},
};

use super::{IMAGES, World};
use crate::docker::docker;

fn lease(who: &str, seconds: i64) -> Lease {
    let now = Timestamp::now();
    Lease {
        who: who.into(),
        operation: OperationId::new(format!("operation-of-{who}")),
        title: "roll out shop/web".into(),
        since: now,
        until: now + SignedDuration::from_secs(seconds),
    }
}

impl World {
    /// Who has it, if not whoever asks.
    async fn claim(&self, backend: &Arc<dyn Backend>, ours: Lease, claim: Claim) -> Option<String> {
        let answer = backend.lease(self.service.clone(), ours, claim).await;
        answer.unwrap_or_else(|error| panic!("{error:?}")).map(|other| other.who.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_want_it_at_once_exactly_one_gets_it() {
    let _alone = IMAGES.lock().await;
    let Some(world) = World::open("of_many_that_want_it").await else { return };
    let name = world.named("web-1");
    world.compose(&name, crate::docker::IMAGE, &["--entrypoint", "sleep", "--stop-timeout", "0"]);
    let (one, other) = (world.backend.clone(), world.another().await);
    let asked = (0..8).map(|number| {
        let backend = if number % 2 == 0 { &one } else { &other };
        world.claim(backend, lease(&format!("ann@{number}"), 60), Claim::Take)
    });
    let answers = futures::future::join_all(asked).await;
    let winners: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.is_none()).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    let winner = format!("ann@{}", winners[0].0);
    assert!(answers.iter().flatten().all(|who| *who == winner), "{answers:?}");
    let held = world.means().await.lease.expect("it is held");
    assert_eq!((&*held.who, &*held.title), (winner.as_str(), "roll out shop/web"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_given_back_taken_over_and_taken_when_it_is_over() {
    let _alone = IMAGES.lock().await;
    let Some(world) = World::open("a_lease_is_renewed").await else { return };
    let (ann, ben) = (world.backend.clone(), world.another().await);
    let at = |who: &str| lease(who, 60);
    assert_eq!(world.claim(&ann, at("ann@laptop"), Claim::Take).await, None);
    assert_eq!(world.claim(&ann, lease("ann@laptop", 600), Claim::Take).await, None, "renewed");
    let until = world.means().await.lease.expect("it is held").until;
    assert!(until > Timestamp::now() + SignedDuration::from_secs(500), "{until}");
    assert_eq!(world.claim(&ben, at("ben@desk"), Claim::Take).await.as_deref(), Some("ann@laptop"));
    let second = Lease { operation: OperationId::new("another"), ..at("ann@laptop") };
    assert_eq!(world.claim(&ann, second, Claim::Take).await.as_deref(), Some("ann@laptop"), "her other operation");
    assert_eq!(world.claim(&ben, at("ben@desk"), Claim::Release).await, None, "not his to give back");
    assert_eq!(world.claim(&ben, at("ben@desk"), Claim::TakeOver).await, None);
    assert_eq!(world.claim(&ann, at("ann@laptop"), Claim::Take).await.as_deref(), Some("ben@desk"), "she is told");
    assert_eq!(world.claim(&ben, at("ben@desk"), Claim::Release).await, None);
    assert!(world.means().await.lease.is_none());

    assert_eq!(world.claim(&ben, lease("ben@desk", -5), Claim::Take).await, None);
    assert!(world.means().await.lease.is_none(), "what is over is nobody's");
    assert_eq!(world.claim(&ann, at("ann@laptop"), Claim::Take).await, None, "it was over");
    assert_eq!(world.claim(&ann, at("ann@laptop"), Claim::Release).await, None);
    let filter = format!("label=midwatch.scope={}", world.prefix);
    assert_eq!(docker(&["ps", "-aq", "--filter", &filter]), "", "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_lease_was_pruned_away_has_it_again_by_renewing() {
    let _alone = IMAGES.lock().await;
    let Some(world) = World::open("one_whose_lease_was_pruned").await else { return };
    assert_eq!(world.claim(&world.backend, lease("ann@laptop", 60), Claim::Take).await, None);
    let filter = format!("label=midwatch.scope={}", world.prefix);
    docker(&["container", "prune", "-f", "--filter", &filter]);
    assert_eq!(world.claim(&world.backend, lease("ann@laptop", 60), Claim::Take).await, None);
    assert_eq!(world.means().await.lease.map(|held| held.who.to_string()).as_deref(), Some("ann@laptop"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_long_over_is_taken_away_by_whoever_gets_another() {
    let _alone = IMAGES.lock().await;
    let Some(mut world) = World::open("a_lease_that_is_long_over").await else { return };
    let filter = format!("label=midwatch.scope={}", world.prefix);
    let leases =
        || docker(&["ps", "-aq", "--filter", &filter, "--filter", "label=midwatch.role=lease"]).lines().count();
    let services = ["lost", "late", "web"]
        .map(|name| midwatch::domain::ServiceId::new(&world.service.cluster, &world.service.scope, name));
    for (service, seconds) in services.into_iter().zip([-700, -60, 60]) {
        world.service = service;
        assert_eq!(world.claim(&world.backend, lease("ann@laptop", seconds), Claim::Take).await, None);
    }
    assert_eq!(leases(), 2, "the lost one's is gone, and the one that is only late may come back");
    docker(
        &[&["rm", "-f"], docker(&["ps", "-aq", "--filter", &filter]).lines().collect::<Vec<_>>().as_slice()].concat(),
    );
}

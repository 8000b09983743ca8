//! Backups and restores: what is told before, and what is left wherever one fails or is cut off.

use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{Dependency, InstanceId, InstanceState, Item, Method, Mount, Renamed, SnapshotId, Verdict},
    plan::{
        execution::{Execution, Next, Outcome},
        restore::Restoring,
    },
};

fn item(method: Method) -> Item {
    let path = method.wants_path().then(|| "/data".into());
    Item { service: id("web"), method, path }
}

fn wish(method: Method) -> Restoring {
    Restoring {
        snapshot: Kept {
            id: SnapshotId::new("1a2b3c4d5e6f"),
            at: noon(),
            item: item(method),
            bytes: 3 << 30,
            version: Some("15.14".into()),
            release: Some("v2.4.1".into()),
        },
        into: item(method),
        database: None,
        without_safety: false,
        leaves_dependants: false,
        stops: Vec::new(),
        wished: noon() + jiff::SignedDuration::from_mins(190),
        took: None,
    }
}

/// `web` is what is restored, and `cart` and `shop` depend on it.
fn shop() -> Shop {
    Shop::healthy(1)
        .with("cart", [Health::Healthy])
        .depending_on("web", "started")
        .with("shop", [Health::Healthy, stopped()])
        .depending_on("web", "healthy")
        .with("apart", [Health::Healthy])
}

/// `/data` of `web` is a volume.
fn on_volumes(shop: Shop) -> Shop {
    let kind = if shop.cluster.engine == Engine::Kubernetes { "claim" } else { "volume" };
    let mount = Mount { kind: kind.into(), source: "web_data".into(), target: "/data".into(), read_only: false };
    shop.but(|shop| shop.instances.iter_mut().for_each(|one| one.mounts = Arc::new([mount.clone()])))
}

/// The same, in a container that fails as soon as it is started.
fn looping() -> Shop {
    on_volumes(shop()).but(|shop| {
        shop.instances[0].health = failing();
        shop.instances[0].state = InstanceState::Restarting { exit_code: 1, out_of_memory: false };
    })
}

/// Where each of these is restored as its way is: in what runs, and in what does not.
fn ways() -> [(Shop, Restoring); 5] {
    [
        (shop(), wish(Method::Postgres)),
        (shop(), renamed(Method::Postgres)),
        (shop(), wish(Method::Redis)),
        (on_volumes(shop()), wish(Method::Files)),
        (looping(), wish(Method::Sqlite)),
    ]
}

/// One database of it, by another name.
fn renamed(method: Method) -> Restoring {
    Restoring { database: Some(Renamed { from: "shop".into(), to: "then".into() }), ..wish(method) }
}

fn restored(wish: Restoring) -> Plan {
    shop().plan(Verb::Restore(Box::new(wish))).expect("planned")
}

#[test]
fn a_restore_tells_what_is_lost_and_who_is_stopped() {
    let plan = restored(wish(Method::Postgres));
    assert_eq!(&*plan.title, "restore shop/web");
    says(&plan.explains.objects, "postgres of web-1: all that is in it is replaced");
    says(
        &plan.explains.how,
        "1a2b3c4d of 2026-11-21 12:00 UTC: postgres of shop/web, 3.0Gi, version 15.14, while v2.4.1 ran",
    );
    says(&plan.explains.how, "how long it takes is not known");
    says(&plan.explains.warnings, "what was written in the 3h10m since then is lost");
    says(&plan.explains.warnings, "stopped meanwhile: cart, shop");
    says(&plan.explains.promises, "a snapshot of what is there now is taken first");
    assert_eq!(
        titles(&plan),
        [
            "read 1a2b3c4d to its end, and look whether web-1 can take it",
            "back up postgres of web-1, to go back to",
            "bring postgres from 1a2b3c4d into web-1 beside what is live, and count it",
            "stop cart-1 (up to 10 s)",
            "stop shop-1 (up to 10 s)",
            "let postgres from 1a2b3c4d take the place of what is live in web-1",
            "count postgres of web-1 against what 1a2b3c4d holds",
            "wait until web-1 is ready (up to 120 s)",
            "start cart-1",
            "wait until cart-1 is ready (up to 120 s)",
            "start shop-1",
            "wait until shop-1 is ready (up to 120 s)",
            "let go what postgres of web-1 was before",
        ],
        "what a person stopped stays so"
    );
    let took = Some(std::time::Duration::from_secs(240));
    says(&restored(Restoring { took, ..wish(Method::Postgres) }).explains.how, "the last one took 4m");
}

#[test]
fn a_database_by_another_name_stops_nobody_and_replaces_nothing() {
    let plan = restored(renamed(Method::Mysql));
    assert_eq!(
        titles(&plan),
        [
            "read shop of 1a2b3c4d to its end, and look whether web-1 can take it",
            "bring shop from 1a2b3c4d into web-1 beside what is live, and count it",
            "give it the name then in web-1",
            "count then of web-1 against what 1a2b3c4d holds of shop",
            "leave then of web-1 as it is",
        ]
    );
    says(&plan.explains.promises, "what is there now stays as it is");
    says(&plan.explains.warnings, "its events are left out");
    let refused_of = |method| refused(shop().plan(Verb::Restore(Box::new(renamed(method)))));
    assert!(refused_of(Method::Mongo).contains("mongo cannot be restored under another name"));
    assert!(refused_of(Method::Configuration).contains("configuration cannot be restored under another name"));
    let mut long = renamed(Method::Postgres);
    long.database = Some(Renamed { from: "shop".into(), to: "x".repeat(64).into() });
    assert!(refused(shop().plan(Verb::Restore(Box::new(long)))).contains("cannot be the name of a database"));
    let idle = Shop::web([stopped()]).plan(Verb::Restore(Box::new(renamed(Method::Postgres))));
    assert!(refused(idle).contains("nothing of shop/web runs"));
}

#[test]
fn what_cannot_stand_aside_is_dumped_when_nobody_writes_to_it_any_more() {
    let titles = titles(&restored(wish(Method::Redis)));
    let place = |title: &str| titles.iter().position(|known| known.starts_with(title)).expect("it is there");
    assert!(place("stop shop-1") < place("back up redis"), "{titles:#?}");
    assert!(place("back up redis") < place("let redis"), "{titles:#?}");
}

#[test]
fn a_person_may_leave_dependants_running_and_stop_others() {
    let left = restored(Restoring { leaves_dependants: true, ..wish(Method::Redis) });
    says(&left.explains.warnings, "those that depend on it run on");
    assert!(!titles(&left).iter().any(|title| title.starts_with("stop")));
    let more = restored(Restoring { stops: vec![id("apart"), id("cart")], ..wish(Method::Redis) });
    says(&more.explains.warnings, "stopped meanwhile: cart, shop, apart");
    let unknown = shop().plan(Verb::Restore(Box::new(Restoring { stops: vec![id("gone")], ..wish(Method::Redis) })));
    assert!(refused(unknown).contains("there is no service"));
}

#[test]
fn what_depends_on_it_in_a_cluster_is_scaled_to_none_and_back() {
    let shop = Shop::kubernetes(1).with("api", [Health::Healthy, Health::Healthy]).but(|shop| {
        let api = shop.services.last_mut().expect("it was added");
        (api.kind, api.orchestration) = (ServiceKind::Deployment, Some(Arc::default()));
        api.depends_on.push(Dependency { service: "web".into(), condition: "started".into() });
    });
    let plan = shop.plan(Verb::Restore(Box::new(wish(Method::Postgres)))).expect("planned");
    let titles = titles(&plan);
    assert!(titles.contains(&"scale api to 0".into()) && titles.contains(&"scale api to 2".into()), "{titles:#?}");
}

#[test]
fn files_are_reached_beside_a_service_that_is_stopped_meanwhile() {
    let plan = on_volumes(shop()).plan(Verb::Restore(Box::new(wish(Method::Files)))).expect("planned");
    says(&plan.explains.warnings, "web itself is stopped meanwhile");
    says(&plan.explains.how, "reached in an instance by itself, like web-1 and with its volumes");
    assert_eq!(
        titles(&plan)[5..],
        [
            "stop web-1 (up to 10 s)",
            "let files /data from 1a2b3c4d take the place of what is live in web-1",
            "count files /data of web-1 against what 1a2b3c4d holds",
            "start web-1",
            "wait until web-1 is ready (up to 120 s)",
            "start cart-1",
            "wait until cart-1 is ready (up to 120 s)",
            "start shop-1",
            "wait until shop-1 is ready (up to 120 s)",
            "let go what files /data of web-1 was before",
        ]
    );
    assert_eq!(at_rest(&plan), [true; 6]);
    let layer = restored(wish(Method::Files));
    says(&layer.explains.warnings, "web-1 is restarted, to open the files anew");
    assert_eq!(at_rest(&layer), [false; 6], "what is in no volume is reached in it alone");
}

fn at_rest(plan: &Plan) -> Vec<bool> {
    let data = plan.steps().filter_map(|planned| match &planned.step {
        Step::Data(data) => Some(data.at_rest().is_some()),
        _ => None,
    });
    data.collect()
}

#[test]
fn what_does_not_run_is_reached_where_it_is_files_in_a_volume() {
    let plan = looping().plan(Verb::Restore(Box::new(wish(Method::Sqlite)))).expect("planned");
    assert_eq!(at_rest(&plan), [true; 6]);
    let titles = titles(&plan);
    let place = |title: &str| titles.iter().position(|known| known.starts_with(title)).expect("it is there");
    assert!(place("stop web-1") < place("back up sqlite"), "{titles:#?}");
    assert!(place("start web-1") < place("wait until web-1"), "{titles:#?}");
    let running = on_volumes(shop()).plan(Verb::Restore(Box::new(wish(Method::Sqlite)))).expect("planned");
    assert_eq!(at_rest(&running), [false; 6]);

    let backup = |shop: Shop, method| shop.plan(Verb::BackUp(vec![item(method)]));
    assert_eq!(at_rest(&backup(looping(), Method::Files).expect("planned")), [true]);
    assert_eq!(at_rest(&backup(on_volumes(shop()), Method::Files).expect("planned")), [false]);
    for (idle, method) in [(Shop::web([stopped()]), Method::Files), (on_volumes(Shop::web([stopped()])), Method::Redis)]
    {
        assert!(refused(backup(idle, method)).contains("nothing of shop/web runs"), "{method}");
    }
}

#[test]
fn a_definition_is_tried_before_it_is_applied_and_written_where_nothing_applies_it() {
    let (item, wish) = (item(Method::Configuration), wish(Method::Configuration));
    let plan = Shop::kubernetes(2).plan(Verb::Restore(Box::new(wish.clone()))).expect("planned");
    assert_eq!(
        titles(&plan),
        [
            "read 1a2b3c4d to its end",
            "try all that 1a2b3c4d holds, without changing anything",
            "back up what web is made of, to go back to",
            "apply what 1a2b3c4d holds of web",
            "look whether all is there that 1a2b3c4d holds",
            "wait until web is rolled out (up to 300 s)",
        ]
    );
    assert!(refused(shop().plan(Verb::Restore(Box::new(wish.clone())))).contains("takes no definitions"));
    let into = Item { path: Some("/srv/new".into()), ..item.clone() };
    let plan = shop().plan(Verb::Restore(Box::new(Restoring { into, ..wish.clone() }))).expect("planned");
    assert_eq!(titles(&plan).last().map(String::as_str), Some("write the files of 1a2b3c4d into /srv/new"));
    says(&plan.explains.promises, "nothing is applied");

    let idle = Shop::web([stopped()]).plan(Verb::BackUp(vec![item])).expect("it need not run");
    assert_eq!(titles(&idle), ["back up what web is made of"]);
    let verify = Verb::Verify(Box::new(Verifying { snapshot: wish.snapshot }));
    assert!(refused(shop().plan(verify.clone())).contains("cannot be rehearsed"));
    says(&Shop::kubernetes(1).plan(verify).expect("planned").explains.how, "a dry run");
}

#[test]
fn what_a_person_stopped_is_restored_and_stays_so() {
    let idle = on_volumes(Shop::web([stopped()]));
    let plan = idle.plan(Verb::Restore(Box::new(wish(Method::Files)))).expect("planned");
    says(&plan.explains.warnings, "web-1 is exited and stays so");
    assert!(!titles(&plan).iter().any(|title| title.starts_with("stop") || title.starts_with("start")));
}

#[test]
fn a_workload_wants_none_while_its_files_are_restored_and_one_that_cannot_is_told() {
    let restore = |shop: &Shop| shop.plan(Verb::Restore(Box::new(wish(Method::Files))));
    let titles = titles(&restore(&on_volumes(Shop::kubernetes(2))).expect("planned"));
    let scaled =
        |to: &str| titles.iter().position(|title| *title == format!("scale web to {to}")).expect("it is there");
    let swap = titles.iter().position(|title| title.starts_with("let files")).expect("it is there");
    assert!(scaled("0") + 1 < swap && swap < scaled("2"), "{titles:#?}");
    let broken = || {
        on_volumes(Shop::of_kind(ServiceKind::DaemonSet, 1)).but(|shop| {
            shop.instances[0].health = failing();
            shop.instances[0].state = InstanceState::Restarting { exit_code: 1, out_of_memory: false };
        })
    };
    assert!(refused(restore(&broken())).contains("a daemonset cannot be kept from starting it"));
}

#[test]
fn nothing_is_restored_into_what_does_not_run_or_is_another_kind_of_thing() {
    let idle = Shop::web([stopped()]).plan(Verb::Restore(Box::new(wish(Method::Postgres))));
    assert!(refused(idle).contains("nothing of shop/web runs"));
    let other = Restoring { into: item(Method::Redis), ..wish(Method::Postgres) };
    assert!(refused(shop().plan(Verb::Restore(Box::new(other)))).contains("holds postgres, and cannot become redis"));
}

#[test]
fn a_backup_changes_nothing_and_a_rehearsal_touches_nothing() {
    let items = vec![item(Method::Postgres), item(Method::RabbitMq)];
    let plan = shop().plan(Verb::BackUp(items)).expect("planned");
    assert_eq!(titles(&plan), ["back up postgres of web-1", "back up rabbitmq of web-1"]);
    says(&plan.explains.promises, "what runs is not changed");
    says(&plan.explains.warnings, "messages in queues are not backed up");
    assert!(refused(shop().plan(Verb::BackUp(Vec::new()))).contains("nothing is known that could be backed up"));
    let verify = Verifying { snapshot: wish(Method::Postgres).snapshot };
    let plan = Shop::web([stopped()]).plan(Verb::Verify(Box::new(verify))).expect("what does not run has a like");
    says(&plan.explains.promises, "what runs is not touched");
}

/// What there is while a restore is carried out.
#[derive(Clone, Debug, PartialEq)]
struct World {
    keeps_old: bool,
    is_restored: bool,
    brought: bool,
    /// What was live stands beside.
    aside: bool,
    /// What a snapshot holds that was taken before: whether that was the restored data already.
    safety: Option<bool>,
    /// What is restored: where its files are reached beside it, it has them open while it runs.
    itself: InstanceId,
    runs: BTreeMap<InstanceId, bool>,
}

impl World {
    fn of(shop: &Shop, wish: &Restoring) -> Self {
        let itself = shop.instances[0].id.clone();
        let runs =
            shop.instances.iter().map(|one| (one.id.clone(), !matches!(one.health, Health::Stopped(_)))).collect();
        // What was not there is so again.
        let keeps_old = wish.into.method.keeps_old() || wish.database.is_some();
        Self { keeps_old, is_restored: false, brought: false, aside: false, safety: None, itself, runs }
    }

    /// As the runtime does it, each done again without harm.
    fn take(&mut self, step: &Step) {
        if let Step::Data(data @ (Data::Swap(_) | Data::TakeBack(_))) = step
            && data.at_rest().is_some()
        {
            assert!(!self.runs[&self.itself], "it has its files open");
        }
        match step {
            Step::Stop { instance, .. } => _ = self.runs.insert(instance.clone(), false),
            Step::Start { instance, .. } => _ = self.runs.insert(instance.clone(), true),
            Step::AwaitReady { instance, .. } => assert!(self.runs[instance], "it would wait in vain"),
            Step::Data(Data::Save(_)) => self.safety = self.safety.or(Some(self.is_restored)),
            Step::Data(Data::Check(_) | Data::Compare(_)) => {}
            Step::Data(Data::Bring(_)) => self.brought = true,
            Step::Data(Data::Discard(_)) => self.brought = false,
            Step::Data(Data::Swap(_)) => {
                (self.aside, self.is_restored) = (self.keeps_old, true);
            }
            Step::Data(Data::TakeBack(_)) => {
                self.is_restored = if self.keeps_old { false } else { self.safety.expect("one was taken") };
                (self.aside, self.brought) = (false, false);
            }
            Step::Data(Data::Settle(_)) => (self.aside, self.brought) = (false, false),
            other => panic!("{other:?} has no place here"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The step fails, before or after it did what it was to do.
    Fails { had_effect: bool },
    /// The process dies in it, and a person says one of the two.
    Dies { had_effect: bool, undo: bool },
}

fn carried_out(plan: &Plan, mut world: World, at: usize, trouble: Trouble) -> (World, Verdict) {
    let mut execution = Execution::new(plan.clone());
    let mut begun = 0;
    loop {
        let (step, is_forward) = match execution.next() {
            Next::Do { step, .. } => (step.clone(), true),
            Next::Undo { step, .. } => (step.clone(), false),
            Next::Held { why, .. } => panic!("{why}"),
            Next::Ended(verdict) => return (world, verdict),
        };
        let record = execution.beginning(noon()).expect("there is a step");
        execution.apply(&record).expect("it may begin");
        let is_struck = is_forward && begun == at;
        begun += usize::from(is_forward);
        let outcome = match trouble {
            Trouble::Fails { had_effect } if is_struck => {
                if had_effect {
                    world.take(&step);
                }
                Outcome::Failed(crate::domain::Trouble::new("it", "failed"))
            }
            Trouble::Dies { had_effect, undo } if is_struck => {
                if had_effect {
                    world.take(&step);
                }
                if undo {
                    // There is no way back from tidying up: that is gone on with.
                    _ = execution.stop_and_undo("somebody", noon());
                }
                continue;
            }
            Trouble::Fails { .. } | Trouble::Dies { .. } => {
                world.take(&step);
                Outcome::Done
            }
        };
        execution.told(outcome, noon()).expect("a step was begun");
    }
}

#[test]
fn wherever_it_fails_or_dies_the_data_is_old_or_restored_and_dependants_run() {
    for (shop, wish) in ways() {
        let plan = shop.plan(Verb::Restore(Box::new(wish.clone()))).expect("planned");
        let before = World::of(&shop, &wish);
        for at in 0..plan.steps().count() {
            for trouble in [
                Trouble::Fails { had_effect: false },
                Trouble::Fails { had_effect: true },
                Trouble::Dies { had_effect: false, undo: false },
                Trouble::Dies { had_effect: true, undo: false },
                Trouble::Dies { had_effect: false, undo: true },
                Trouble::Dies { had_effect: true, undo: true },
            ] {
                let (world, verdict) = carried_out(&plan, before.clone(), at, trouble);
                let told =
                    format!("{} {:?}, step {at}, {trouble:?}: {verdict:?} {world:?}", wish.into.method, wish.database);
                assert_eq!(world.runs, before.runs, "{told}");
                match verdict {
                    Verdict::Done { .. } => assert!(world.is_restored, "{told}"),
                    Verdict::Undone { .. } => assert!(!world.is_restored && !world.aside && !world.brought, "{told}"),
                    Verdict::Stuck { .. } => {
                        let is_tidying = at + 1 == plan.steps().count();
                        assert!(is_tidying && world.is_restored, "{told}");
                    }
                    Verdict::Left { .. } => panic!("{told}"),
                }
            }
        }
    }
}

//! The whole way from what a real server wrote (`fixtures`, of a 1.20) to what the console is told.

use super::*;
use crate::{
    backend::kubernetes::row::Interner,
    domain::{Health, Instance, InstanceState},
};

const POD: &str = r#"{"metadata":{"name":"NAME","namespace":"shop","uid":"UID","creationTimestamp":"2026-11-21T05:00:00Z",
    "labels":{"app":"web","pod-template-hash":"7f8"},
    "ownerReferences":[{"kind":"ReplicaSet","name":"OWNER-7f8","controller":true}]},
    "spec":{"nodeName":"n1","containers":[{"name":"web","image":"web:v2"}]},
    "status":{"phase":"Running","conditions":[{"type":"Ready","status":"READY","lastTransitionTime":"2026-11-21T05:00:05Z"}],
    "containerStatuses":[{"name":"web","ready":READYWORD,"state":{"running":{"startedAt":"2026-11-21T05:00:03Z"}}}]}}"#;

struct World {
    books: Books,
    interner: Interner,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let books = Books::new("lab".into(), Arc::new(Directory::default()));
        Self { books, interner: Interner::default(), now: at("2026-11-21T05:47:30Z") }
    }

    fn lab() -> Self {
        let mut world = Self::new();
        for (kind, list) in [
            (Kind::Node, include_str!("../fixtures/nodes.json")),
            (Kind::Deployment, include_str!("../fixtures/deployments.json")),
            (Kind::StatefulSet, include_str!("../fixtures/statefulsets.json")),
            (Kind::DaemonSet, include_str!("../fixtures/daemonsets.json")),
            (Kind::Job, include_str!("../fixtures/jobs.json")),
            (Kind::CronJob, include_str!("../fixtures/cronjobs.json")),
            (Kind::Service, include_str!("../fixtures/services.json")),
            (Kind::Scaler, include_str!("../fixtures/scalers.json")),
            (Kind::Guard, include_str!("../fixtures/budgets.json")),
            (Kind::Event, include_str!("../fixtures/events.json")),
        ] {
            world.list(kind, list);
        }
        world
    }

    fn with_pods(mut self) -> Self {
        self.list(Kind::Pod, include_str!("../fixtures/pods.json"));
        self.books.pods_are_known();
        self
    }

    fn list(&mut self, kind: Kind, list: &str) {
        let page = kind.page(list.as_bytes(), &mut self.interner).expect("a list");
        page.rows.into_iter().for_each(|row| self.books.put(row));
    }

    fn put(&mut self, kind: Kind, object: &str) {
        self.list(kind, &format!("{{\"items\":[{object}]}}"));
    }

    fn pod(&mut self, name: &str, deployment: &str, is_ready: bool) {
        let pod = POD.replace("NAME", name).replace("UID", name).replace("OWNER", deployment);
        let (word, truth) = if is_ready { ("true", "True") } else { ("false", "False") };
        self.put(Kind::Pod, &pod.replace("READYWORD", word).replace("READY", truth));
    }

    fn workload(&mut self, kind: Kind, name: &str) {
        let selector = r#""selector":{"matchLabels":{"app":"web"}},"replicas":1,"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:v2"}]}}"#;
        self.put(
            kind,
            &format!(r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"{name}"}},"spec":{{{selector}}}}}"#),
        );
    }

    fn changes(&mut self) -> Vec<String> {
        self.books.changes(self.now).iter().map(brief).collect()
    }

    fn service(&mut self, name: &str) -> Service {
        let picture = self.books.picture(self.now);
        picture.services.into_iter().find(|service| &*service.id.name == name).expect(name)
    }

    fn instance(&mut self, start: &str) -> Instance {
        let picture = self.books.picture(self.now);
        picture.instances.into_iter().find(|instance| instance.name.starts_with(start)).expect(start)
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn brief(change: &Change) -> String {
    match change {
        Change::Service(service) => format!("service {}", service.id.name),
        Change::ServiceGone(id) => format!("no service {}", id.name),
        Change::Instance(instance) => format!("instance {} of {}", instance.name, instance.service.name),
        Change::InstanceGone(id) => format!("no instance {}", id.key),
        Change::Node(node) => format!("node {}", node.name),
        Change::NodeGone(name) => format!("no node {name}"),
        other => format!("{other:?}"),
    }
}

fn told(health: &Health) -> String {
    health.reason().map_or_else(|| health.word().to_owned(), |reason| format!("{}: {}", health.word(), reason.text))
}

#[test]
fn every_broken_service_of_a_real_cluster_is_told_by_its_cause() {
    let picture = World::lab().with_pods().books.picture(at("2026-11-21T05:47:30Z"));
    let mut told: Vec<String> =
        picture.services.iter().map(|service| format!("{}: {}", service.id.name, told(&service.health))).collect();
    told.sort();
    let expected = [
        "agent: healthy",
        "alive: failing: crash loop: exit 137 (killed), its health check failed: deadlocked, 7 restarts in 9m",
        "bad: failing: given up after 1 try: exit 2",
        "big: failing: no node fits: not enough cpu",
        "config: failing: ConfigMap settings is missing",
        "crash: failing: crash loop: exit 3: no database, 6 restarts in 9m",
        "db: failing: 1 of 2: its volume claim is not bound: no persistent volumes available for this claim and no storage \
         class is set",
        "init: failing: init container migrate: crash loop: exit 5, 6 restarts in 9m",
        "late: failing: stopped: it ran longer than its deadline allows",
        "lone: healthy",
        "never: failing: image missing: shop/never:v1 is not on lab-1, and it is never pulled",
        "nightly: failing: last run: given up after 1 try: exit 4",
        "nocmd: failing: crash loop: could not start: its command is not in the image, 6 restarts in 9m",
        "ok: stopped: completed, took 12 s",
        "oom: failing: crash loop: exit 137 (out of memory, limit 16Mi), 6 restarts in 9m",
        "over.statefulset: failing: no pods can be made: quota few is used up: pods 0 of 0",
        "over: failing: no pods can be made: quota few is used up: pods 0 of 0",
        "probe: failing: health check failed 151 times: could not reach the database",
        "pull: failing: image not pulled: its registry cannot be reached: connection refused (127.0.0.1:1/shop/missing:v9)",
        "secretmount: failing: Secret tls-web is missing",
        "web: healthy",
    ];
    assert_eq!(told, expected);
}

#[test]
fn before_the_pods_are_known_the_workloads_own_status_says_which_are_broken() {
    let world = World::lab();
    let broken: Vec<String> = world
        .books
        .broken_workloads()
        .iter()
        .map(|broken| format!("{} {}", broken.service.name, broken.selector))
        .collect();
    for found in ["crash app=crash", "over app=over", "db app=db"] {
        assert!(broken.iter().any(|broken| broken == found), "{found}: {broken:?}");
    }
    assert!(broken.iter().all(|broken| !broken.starts_with("web ") && !broken.starts_with("agent ")), "{broken:?}");
    // Of the Jobs, those that failed: by the label that their controller gave their pods.
    assert!(broken.iter().any(|broken| broken.starts_with("nightly controller-uid=")), "{broken:?}");
}

#[test]
fn a_services_numbers_ports_and_surroundings_are_told() {
    let mut world = World::lab().with_pods();
    let web = world.service("web");
    assert_eq!((web.wanted, web.ready, web.restarts, web.release()), (2, 2, 0, "latest"));
    assert_eq!(web.image.as_ref().map(|image| &*image.reference), Some("lab/busybox"));
    assert!(web.image.and_then(|image| image.digest).is_some_and(|digest| digest.starts_with("sha256:")));
    assert_eq!(web.ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["8080"]);
    let around = web.orchestration.expect("an orchestrator tells more");
    assert_eq!((around.updated, around.available, around.revision, around.paused), (Some(2), Some(2), Some(1), false));
    let endpoint = &around.endpoints[0];
    assert_eq!((&*endpoint.name, endpoint.ready, endpoint.not_ready), ("web", 2, 0));
    assert_eq!(endpoint.ports.iter().map(|port| &**port).collect::<Vec<_>>(), ["80->http/tcp http"]);
    assert!(endpoint.address.starts_with("ClusterIP 10."), "{}", endpoint.address);
    let scaler = around.autoscaler.as_ref().expect("it has one");
    assert_eq!((scaler.minimum, scaler.maximum), (2, 6));
    assert_eq!(around.budget.as_ref().map(|budget| &*budget.says), Some("at least 1"));
    let owner = around.owner.as_ref().map(|owner| (owner.tool.word(), &*owner.name));
    assert_eq!(owner, Some(("Helm", "shop")));
    let nightly = world.service("nightly").orchestration.and_then(|around| around.schedule.clone());
    assert_eq!(nightly.as_deref(), Some("*/1 * * * *, last at 2026-11-21T05:47:00Z"));
    assert_eq!(world.service("crash").restarts, 6);
}

#[test]
fn an_instance_is_a_pod_and_its_parts_are_containers() {
    let mut world = World::lab().with_pods();
    let web = world.instance("web-");
    assert_eq!((&web.state, web.node.as_deref(), web.stop_timeout), (&InstanceState::Running, Some("lab-1"), 1));
    assert_eq!((web.limits.cpu, web.limits.memory), (Some(100), Some(32 << 20)));
    assert_eq!((web.limits.cpu_request, web.limits.memory_request), (Some(10), Some(16 << 20)));
    assert!(web.id.key.starts_with("rows/web-"), "{}", web.id);
    assert_eq!(super::super::pod::Pod::of(&web.id).expect("a pod's key").name, &*web.name);
    assert_eq!(&*web.command, "sh -c sleep 100000");
    assert!(web.mounts.is_empty(), "the token that every pod has is no news: {:?}", web.mounts);
    assert_eq!(world.instance("lone").parts.len(), 2);
    let state = InstanceState::Restarting { exit_code: 137, out_of_memory: true };
    assert_eq!(world.instance("oom-").state, state);
    assert_eq!(world.instance("init-").state, InstanceState::Restarting { exit_code: 5, out_of_memory: false });
    assert_eq!(world.instance("pull-").state, InstanceState::Created);
    assert_eq!(world.instance("ok-").state, InstanceState::Exited { exit_code: 0, out_of_memory: false });
    assert!(world.instance("probe-").has_health_check);
    assert_eq!(world.instance("secretmount-").mounts[0].source, "tls-web".into());
}

#[test]
fn a_name_that_several_kinds_share_is_the_first_kinds_and_the_others_add_theirs() {
    let mut world = World::new();
    world.workload(Kind::StatefulSet, "web");
    assert_eq!(world.changes(), ["service web"]);
    world.workload(Kind::Deployment, "web");
    assert_eq!(world.changes(), ["no service web", "service web", "service web.statefulset"]);
    let kinds = |name: &str| {
        let found = world.books.directory.find(&ServiceId::new(&"lab".into(), &"shop".into(), name));
        found.map(|workload| workload.kind)
    };
    assert_eq!(kinds("web"), Some(ServiceKind::Deployment));
    assert_eq!(kinds("web.statefulset"), Some(ServiceKind::StatefulSet));
    world.books.remove(Kind::Deployment, &Key { namespace: "shop".into(), name: "web".into() });
    assert_eq!(world.changes(), ["no service web", "no service web.statefulset", "service web"]);
    let found = world.books.directory.find(&ServiceId::new(&"lab".into(), &"shop".into(), "web.statefulset"));
    assert_eq!(found, None);
}

#[test]
fn only_what_differs_is_told() {
    let mut world = World::new();
    world.workload(Kind::Deployment, "web");
    world.workload(Kind::Deployment, "api");
    world.pod("web-1", "web", true);
    world.pod("api-1", "api", true);
    assert_eq!(world.changes().len(), 4);
    assert_eq!(world.changes(), Vec::<String>::new());
    world.pod("web-1", "web", true);
    assert_eq!(world.changes(), Vec::<String>::new(), "it said the same again");
    world.pod("web-1", "web", false);
    assert_eq!(world.books.dirty.len(), 1, "the others need not be looked at");
    assert!(world.changes().contains(&"instance web-1 of web".to_owned()));
}

#[test]
fn a_pod_that_is_gone_is_told_by_its_key_and_one_of_the_same_name_is_another() {
    let mut world = World::new();
    world.pod("web-1", "web", true);
    world.changes();
    let again = POD.replace("NAME", "web-1").replace("UID", "other").replace("OWNER", "web");
    world.put(Kind::Pod, &again.replace("READYWORD", "true").replace("READY", "True"));
    let changes = world.changes();
    assert!(changes.contains(&"no instance shop/web-1/web-1".to_owned()), "{changes:?}");
    assert!(changes.contains(&"instance web-1 of web".to_owned()), "{changes:?}");
    world.books.remove(Kind::Pod, &Key { namespace: "shop".into(), name: "web-1".into() });
    assert_eq!(world.changes(), ["no instance shop/web-1/other", "no service web"]);
}

#[test]
fn the_pods_of_a_cron_jobs_run_are_the_cron_jobs_whichever_is_known_first() {
    let job = r#"{"metadata":{"name":"nightly-1","namespace":"shop","uid":"j","ownerReferences":[{"kind":"CronJob","name":"nightly",
        "controller":true}]},"spec":{},"status":{"active":1}}"#;
    let pod = r#"{"metadata":{"name":"nightly-1-x","namespace":"shop","uid":"p","ownerReferences":[{"kind":"Job","name":"nightly-1",
        "controller":true}]},"spec":{"nodeName":"n1","containers":[{"name":"main","image":"x"}]},"status":{"phase":"Running"}}"#;
    let mut world = World::new();
    world.put(Kind::Pod, pod);
    assert_eq!(world.changes(), ["service nightly-1", "instance nightly-1-x of nightly-1"]);
    world.put(Kind::Job, job);
    assert_eq!(world.changes(), ["no service nightly-1", "service nightly", "instance nightly-1-x of nightly"]);
    world.books.remove(Kind::Job, &Key { namespace: "shop".into(), name: "nightly-1".into() });
    world.books.remove(Kind::Pod, &Key { namespace: "shop".into(), name: "nightly-1-x".into() });
    assert_eq!(world.changes(), ["no instance shop/nightly-1-x/p", "no service nightly"]);
}

#[test]
fn what_a_new_list_does_not_have_is_gone_but_only_of_its_namespace() {
    let mut world = World::new();
    world.workload(Kind::Deployment, "web");
    world.pod("web-1", "web", true);
    world.pod("web-2", "web", true);
    world.changes();
    world.books.retain(Kind::Pod, Some("blog"), &HashSet::new());
    assert_eq!(world.changes(), Vec::<String>::new());
    let kept = HashSet::from([Key { namespace: "shop".into(), name: "web-2".into() }]);
    world.books.retain(Kind::Pod, Some("shop"), &kept);
    assert!(world.changes().contains(&"no instance shop/web-1/web-1".to_owned()));
}

#[test]
fn a_verdict_that_time_alone_changes_is_told_when_it_does() {
    let mut world = World::new();
    let pod = POD
        .replace("NAME", "web-1")
        .replace("UID", "u")
        .replace("OWNER", "web")
        .replace("\"ready\":READYWORD", "\"ready\":true");
    let pod = pod.replace("READY", "True").replace(
        "\"state\":{",
        "\"restartCount\":1,\"lastState\":{\"terminated\":{\"exitCode\":1,\"finishedAt\":\"2026-11-21T05:00:02Z\"}},\"state\":{",
    );
    world.now = at("2026-11-21T05:00:10Z");
    world.put(Kind::Pod, &pod);
    assert_eq!(told(&world.service("web").health), "degraded: restarted: exit 1, 1 restart");
    let again = world.books.judge_at().expect("it is on probation");
    assert_eq!(again, at("2026-11-21T05:01:03Z"));
    assert_eq!(world.changes(), Vec::<String>::new());
    world.now = again;
    assert_eq!(world.changes(), ["service web", "instance web-1 of web"]);
    assert_eq!((told(&world.service("web").health), world.books.judge_at()), ("healthy".into(), None));
}

#[test]
fn what_an_event_says_comes_to_the_pod_that_it_speaks_of_and_is_forgotten() {
    let mut world = World::lab().with_pods();
    world.changes();
    let event = r#"{"metadata":{"name":"e","namespace":"rows"},"involvedObject":{"kind":"Pod","namespace":"rows","name":"NAME",
        "fieldPath":"spec.containers{probe}"},"reason":"Unhealthy","type":"Warning","count":152,
        "lastTimestamp":"2026-11-21T05:47:29Z","message":"Readiness probe failed: \u001b[31mno table"}"#;
    let name = world.instance("probe-").name;
    world.changes();
    world.put(Kind::Event, &event.replace("NAME", &name));
    let changes = world.changes();
    assert_eq!(changes, ["service probe".to_owned(), format!("instance {name} of probe")]);
    let health = world.service("probe").health;
    assert_eq!(told(&health), "failing: health check failed 152 times: \u{fffd}[31mno table");
    world.now = at("2026-11-21T07:00:00Z");
    assert_eq!(told(&world.service("probe").health), "failing: health check failed: it does not become ready");
}

#[test]
fn what_was_refused_before_a_pod_was_made_has_passed() {
    let job = r#"{"metadata":{"name":"import","namespace":"shop","uid":"j"},"spec":{"backoffLimit":6},"status":{"failed":1}}"#;
    let pod = r#"{"metadata":{"name":"import-x","namespace":"shop","uid":"p","creationTimestamp":"2026-11-21T05:40:10Z",
        "ownerReferences":[{"kind":"Job","name":"import","controller":true}]},"spec":{"nodeName":"n1","containers":[{"name":"main",
        "image":"x"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"main","state":{"terminated":{"exitCode":4}}}]}}"#;
    let event = r#"{"metadata":{"name":"e","namespace":"shop"},"involvedObject":{"kind":"Job","namespace":"shop","name":"import"},
        "reason":"FailedCreate","type":"Warning","count":COUNT,"lastTimestamp":"2026-11-21T05:WHENZ","message":"Error creating:
        pods \"import-y\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"}"#;
    let event = |count: &str, when: &str| event.replace("COUNT", count).replace("WHEN", when).replace('\n', " ");
    let mut world = World::new();
    world.put(Kind::Job, job);
    world.put(Kind::Event, &event("1", "40:00"));
    assert!(told(&world.service("import").health).starts_with("failing: no pods can be made"));
    world.put(Kind::Pod, pod);
    world.books.pods_are_known();
    assert_eq!(told(&world.service("import").health), "degraded: 1 try failed, tries again: exit 4");
    world.put(Kind::Event, &event("2", "40:30"));
    assert!(told(&world.service("import").health).starts_with("failing: no pods can be made"));
}

#[test]
fn a_lost_node_is_told_and_so_are_its_pods() {
    let mut world = World::lab().with_pods();
    world.changes();
    let node = r#"{"metadata":{"name":"lab-1"},"status":{"conditions":[{"type":"Ready","status":"Unknown","message":"Kubelet stopped
        posting node status."}]}}"#;
    world.put(Kind::Node, &node.replace('\n', " "));
    let unready = include_str!("../fixtures/pods.json")
        .replace("\"status\":\"True\",\"type\":\"Ready\"", "\"status\":\"False\",\"type\":\"Ready\"");
    world.list(Kind::Pod, &unready);
    let picture = world.books.picture(world.now);
    assert_eq!(told(&picture.nodes[0].health), "failing: its agent no longer reports: the node is down, or cut off");
    let lone = picture.services.iter().find(|service| &*service.id.name == "lone").expect("it is there");
    assert_eq!(told(&lone.health), "failing: its node does not answer: how it is, is not known");
}

#[test]
fn a_service_that_sends_to_a_lone_pod_is_told_with_it_whichever_comes_first() {
    let entrance =
        r#"{"metadata":{"name":"door","namespace":"shop"},"spec":{"selector":{"app":"web"},"ports":[{"port":80}]}}"#;
    let pod = r#"{"metadata":{"name":"lone","namespace":"shop","uid":"u","labels":{"app":"web"}},"spec":{"containers":[{"name":"a"}]}}"#;
    let doors = |world: &mut World| {
        let around = world.service("lone").orchestration.expect("told");
        around.endpoints.iter().map(|endpoint| endpoint.name.to_string()).collect::<Vec<_>>()
    };
    let mut world = World::new();
    world.put(Kind::Pod, pod);
    assert!(doors(&mut world).is_empty());
    world.put(Kind::Service, entrance);
    assert_eq!(world.changes(), ["service lone"]);
    assert_eq!(doors(&mut world), ["door"]);
    world.books.remove(Kind::Service, &Key { namespace: "shop".into(), name: "door".into() });
    assert_eq!(world.changes(), ["service lone"]);
    assert!(doors(&mut world).is_empty());
}

#[test]
fn pods_of_a_deployment_that_may_not_be_looked_at_are_its_service_all_the_same() {
    let mut world = World::new();
    world.pod("web-1", "web", true);
    world.pod("web-2", "web", false);
    let web = world.service("web");
    assert_eq!((web.kind, web.wanted, web.ready), (ServiceKind::Deployment, 2, 1));
    assert_eq!(web.image.map(|image| image.reference), Some("web:v2".into()));
}

#[test]
fn what_a_person_wrote_on_a_workload_is_kept_of_it() {
    let mut world = World::new();
    let annotations = r#""annotations":{"midwatch.backup":"redis","midwatch.depends-on":"db, cache"}"#;
    let object = r#"{"metadata":{"name":"web","namespace":"shop","uid":"web",ANNOTATIONS},"spec":{"replicas":1,
        "selector":{"matchLabels":{"app":"web"}},"template":{"spec":{"containers":[{"name":"web","image":"web:v2"}]}}}}"#;
    world.put(Kind::Deployment, &object.replace("ANNOTATIONS", annotations));
    let service = world.service("web");
    assert_eq!(service.backup.as_deref(), Some("redis"));
    let needed: Vec<&str> = service.depends_on.iter().map(|needed| &*needed.service).collect();
    assert_eq!(needed, ["db", "cache"]);
}

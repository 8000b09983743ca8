//! The stage that is the simulator: a scenario of one service, made from what its program does, on paused time. Every case is played;
//! where a scenario cannot say a thing, `script` says what it says instead.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use midwatch::{
    backend::{
        Connector,
        simulator::{SimulatedCluster, scenario::Scenario},
    },
    clock::Clock,
    domain::{Change, ClusterName},
};
use toml::{Table, Value, toml};

use crate::stage::{Does, Program, Running, Stage};

pub struct SimulatedStage {
    /// Until a program is run: an idle one that is not there yet, for the backend that is made before it.
    world: Mutex<(SimulatedCluster, Running)>,
    is_looked_at: AtomicBool,
}

impl SimulatedStage {
    pub async fn open() -> Self {
        let (cluster, running) = play(&Program::idle()).await;
        cluster.take_away(&running.instance);
        Self { world: Mutex::new((cluster, running)), is_looked_at: AtomicBool::new(false) }
    }

    fn world(&self) -> (SimulatedCluster, Running) {
        self.world.lock().expect("no case panics in here").clone()
    }
}

impl Stage for SimulatedStage {
    fn cluster(&self) -> ClusterName {
        "lab".into()
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.is_looked_at.store(true, Ordering::SeqCst);
        Arc::new(self.world().0)
    }

    fn run<'a>(&'a self, program: Program) -> BoxFuture<'a, Running> {
        async move {
            // Who looks already must see it come, and a simulated world is made as one piece: so what comes is what was made with it.
            if self.is_looked_at.load(Ordering::SeqCst) {
                assert_eq!(program, Program::idle(), "only this one can come while somebody looks");
                let (cluster, running) = self.world();
                cluster.put_back(&running.instance);
                return running;
            }
            let (cluster, running) = play(&program).await;
            *self.world.lock().expect("no case panics in here") = (cluster, running.clone());
            running
        }
        .boxed()
    }

    fn remove<'a>(&'a self, running: &'a Running) -> BoxFuture<'a, ()> {
        self.world().0.take_away(&running.instance);
        futures::future::ready(()).boxed()
    }
}

async fn play(program: &Program) -> (SimulatedCluster, Running) {
    let scenario = toml::to_string(&scenario(program)).expect("a table can be written");
    let scenario =
        Scenario::parse("stage.toml", &scenario).unwrap_or_else(|complaint| panic!("{complaint}\n{scenario}"));
    let clock = Clock::starting_at("2026-11-21T03:00:00Z".parse().expect("a time"));
    let cluster = scenario.simulate(7, clock).remove(0);
    let Ok(backend) = cluster.connect().await else { panic!("there is nothing that keeps it") };
    let Some(Ok(Change::Picture(picture))) = backend.watch().next().await else { panic!("no picture") };
    let instance = &picture.instances[0];
    let (id, service, name) = (instance.id.clone(), instance.service.clone(), instance.name.to_string());
    (cluster, Running { instance: id, service, name })
}

fn scenario(program: &Program) -> Table {
    let mut service = toml! {
        scope = "containers"
        name = "lab-1"
        kind = "container"
        image = "lab/busybox"
        started = "0s"
        logs = "log"
        metrics = "usage"
    };
    script(&program.does, &mut service);
    let pairs = |pairs: &[(String, String)]| {
        Value::from(pairs.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect::<Table>())
    };
    service.insert("tty".into(), program.tty.into());
    service.insert("environment".into(), pairs(&program.environment));
    service.insert("labels".into(), pairs(&program.labels));
    // A simulated service is where its scenario says, as a Compose one is where its labels say.
    for (label, key) in [("com.docker.compose.project", "scope"), ("com.docker.compose.service", "name")] {
        if let Some((_, value)) = program.labels.iter().find(|(name, _)| name == label) {
            service.insert(key.into(), value.clone().into());
        }
    }
    let mut scenario = toml! {
        title = "one program"
        [metrics.usage]
        cpu = { base = "1m" }
        memory = { base = "1Mi" }
        pids = { base = 1 }
        [[clusters]]
        name = "lab"
    };
    if matches!(program.does, Does::Burns) {
        scenario["metrics"]["usage"]["cpu"]["base"] = "1000m".into();
    }
    let start: Vec<Value> = said(&program.does).into_iter().map(Value::from).collect();
    let log = toml! { format = "raw"
    rate = 0
    lines = [] };
    scenario.insert("logs".into(), Table::from_iter([("log".to_owned(), Value::from(log))]).into());
    scenario["logs"]["log"].as_table_mut().expect("it is one").insert("start".into(), start.into());
    let cluster = scenario["clusters"][0].as_table_mut().expect("it is one");
    cluster.insert("services".into(), vec![Value::from(service)].into());
    scenario
}

/// What is written after each start.
fn said(does: &Does) -> Vec<Table> {
    let line = |level: &str, message: &str| {
        Table::from_iter([("level".to_owned(), level.into()), ("message".to_owned(), message.into())])
    };
    match does {
        Does::Says { stdout, stderr } => {
            let out = stdout.iter().map(|text| line("info", text));
            // A raw program writes its errors to the other output.
            out.chain(stderr.iter().map(|text| line("error", text))).collect()
        }
        Does::CountsAndEnds { lines, .. } => (1..=*lines).map(|n| line("info", &format!("line {n}"))).collect(),
        Does::SaysLong { length } => vec![line("info", &"x".repeat(*length)), line("info", "after")],
        // A scenario is text: it holds what Docker's json-file driver would have made of the bytes.
        Does::SaysInvalidUtf8 => vec![line("info", "raw\u{fffd}\u{fffd}")],
        Does::Crashes { .. } => vec![line("info", "crashing")],
        Does::EatsMemory { .. } | Does::FailsItsCheck { .. } | Does::PassesItsCheck | Does::Burns => Vec::new(),
    }
}

fn script(does: &Does, service: &mut Table) {
    let code = |code: &u8| Value::from(i64::from(*code));
    let mut trouble = |kind: &str, keys: Vec<(&str, Value)>| {
        let keys = keys.into_iter().chain([("kind", kind.into())]).map(|(key, value)| (key.to_owned(), value));
        service.insert("troubles".into(), vec![Value::from(Table::from_iter(keys))].into());
    };
    let crashing = || vec![("runs", Value::from("1s")), ("waits", "1s".into())];
    match does {
        Does::Says { .. } | Does::SaysLong { .. } | Does::SaysInvalidUtf8 | Does::Burns => {}
        Does::CountsAndEnds { code: exit, .. } => {
            trouble("exits", vec![("from", "2s".into()), ("exit_code", code(exit))]);
        }
        Does::Crashes { code: exit } => {
            let mut keys = crashing();
            keys.push(("exit_code", code(exit)));
            trouble("crash_loop", keys);
        }
        Does::EatsMemory { limit } => {
            let mut keys = crashing();
            keys.extend([("exit_code", 137.into()), ("out_of_memory", true.into())]);
            trouble("crash_loop", keys);
            service
                .insert("limits".into(), Table::from_iter([("memory".to_owned(), format!("{limit}Mi").into())]).into());
        }
        Does::FailsItsCheck { output } => {
            trouble("failing_check", vec![("output", output.clone().into())]);
            service.insert("health_check".into(), true.into());
        }
        Does::PassesItsCheck => {
            service.insert("health_check".into(), true.into());
        }
    }
}

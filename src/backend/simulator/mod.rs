//! An engine made of TOML and arithmetic: for the demo, for virtual time, and for faults that a real engine cannot be made to show.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, pending},
    stream::BoxStream,
};
use jiff::Timestamp;
use tokio::time::sleep;

use self::{faults::Occurrence, place::Place, script::FaultKind, world::World};
use crate::{
    backend::{
        Attached, Backend, Connector, FollowError, Forwarded, LogPiece, Loss, Piped, Progress, Scratch, StepError,
    },
    domain::{
        Capabilities, Capability, Change, Claim, Cluster, Engine, InstanceId, Lease, Link, Sample, ServiceId, Trouble,
    },
    message::{Answer, Question, Since},
    plan::Step,
};

mod answers;
mod canary;
mod chance;
mod data;
mod faults;
mod gate;
mod lease;
mod life;
mod lines;
mod logs;
mod means;
mod metrics;
mod nodes;
mod orchestrator;
mod picture;
mod place;
mod quantity;
mod registry;
mod release;
pub mod scenario;
mod script;
mod shell;
mod steps;
mod template;
mod traffic;
mod watch;
mod words;
mod world;

pub use data::DATA;

/// The way to one cluster of a scenario. What people do to it stays done over every connection.
#[derive(Clone)]
pub struct SimulatedCluster {
    place: Arc<Place>,
    tally: Tally,
}

/// How many streams of each kind are open, over all connections.
#[derive(Clone, Default)]
pub struct Tally {
    pub watches: Gate,
    pub logs: Gate,
    pub samples: Gate,
}

/// Counts who is inside and who ever came.
#[derive(Clone, Default)]
pub struct Gate {
    inside: Arc<AtomicUsize>,
    came: Arc<AtomicUsize>,
}

/// Inside until dropped.
pub struct Visit(Gate);

impl Gate {
    fn enter(&self) -> Visit {
        self.inside.fetch_add(1, Ordering::SeqCst);
        self.came.fetch_add(1, Ordering::SeqCst);
        Visit(self.clone())
    }

    pub fn open(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }

    pub fn ever_opened(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl SimulatedCluster {
    fn new(world: World) -> Self {
        Self { place: Arc::new(Place::new(world)), tally: Tally::default() }
    }

    /// What is known of it before it is connected.
    pub fn cluster(&self) -> Cluster {
        let world = self.place.look();
        let script = world.cluster();
        Cluster {
            name: world.name.clone(),
            engine: Engine::Simulator,
            endpoint: endpoint(&world).into(),
            link: Link::Connecting { since: world.began },
            facts: None,
            capabilities: Capabilities::all(),
            protected: script.protected,
            read_only: script.read_only,
            at_start: true,
            latency: None,
        }
    }

    pub fn streams(&self) -> &Tally {
        &self.tally
    }

    /// Takes an instance away by force, as somebody with a shell on that machine would.
    pub fn take_away(&self, instance: &InstanceId) {
        self.place.take_away(instance);
    }

    /// One that was taken away, as if it were made now.
    pub fn put_back(&self, instance: &InstanceId) {
        self.place.put_back(instance);
    }

    /// How many instances of a service get requests and answer them now.
    pub fn serving(&self, service: &ServiceId) -> usize {
        self.place.look().serving(service, self.place.now())
    }
}

fn endpoint(world: &World) -> String {
    format!("simulator://{}", world.name)
}

impl Connector for SimulatedCluster {
    fn connect(&self) -> BoxFuture<'static, Result<Arc<dyn Backend>, Loss>> {
        let Self { place, tally } = self.clone();
        async move {
            let (now, world) = (place.now(), place.look());
            if let Some(refusal) = world.faults().now(&FaultKind::BREAKING, now) {
                return Err(refusal.fault.kind.as_loss(&endpoint(&world)));
            }
            let line = Line::new(place, now);
            line.round_trip().await?;
            Ok(Arc::new(Simulator { line, tally }) as Arc<dyn Backend>)
        }
        .boxed()
    }
}

/// One connection to a simulated engine.
pub struct Simulator {
    line: Line,
    tally: Tally,
}

/// What every call and stream of a connection goes through: it has a latency, may fall silent, and breaks when the scenario says.
#[derive(Clone)]
struct Line {
    place: Arc<Place>,
    breaks: Option<(Timestamp, FaultKind)>,
}

impl Line {
    fn new(place: Arc<Place>, connected: Timestamp) -> Self {
        let world = place.look();
        let breaks = world.faults().next_break(connected);
        let breaks = breaks.map(|Occurrence { fault, from, .. }| (from, fault.kind));
        Self { place, breaks }
    }

    fn now(&self) -> Timestamp {
        self.place.now()
    }

    /// As it is at this moment.
    fn world(&self) -> Arc<World> {
        self.place.look()
    }

    /// Waits for the moment at which it breaks.
    async fn broken(&self) -> Loss {
        match self.breaks {
            Some((at, kind)) => {
                self.sleep_until(at).await;
                kind.as_loss(&endpoint(&self.world()))
            }
            None => pending().await,
        }
    }

    /// `Timestamp::MAX` is never.
    async fn sleep_until(&self, at: Timestamp) {
        if at == Timestamp::MAX {
            pending::<()>().await;
        }
        // The machine's clock may be set back while it sleeps.
        while self.now() < at {
            sleep(self.world().clock.until(at)).await;
        }
    }

    /// Waits until `at`, and for as long as the engine is silent then.
    async fn until(&self, at: Timestamp) -> Result<(), Loss> {
        tokio::select! {
            biased;
            loss = self.broken() => Err(loss),
            () = async { self.sleep_until(at).await; self.silence().await } => Ok(()),
        }
    }

    /// A question and its answer.
    async fn round_trip(&self) -> Result<(), Loss> {
        let (world, now) = (self.world(), self.now());
        let usual = world.cluster().latency.length() + world.faults().delay(now);
        let share = world.chance.of("latency").at(now.as_nanosecond() as u64).share();
        let trip = usual.mul_f64(0.85 + 0.3 * share);
        self.until(now.saturating_add(trip).unwrap_or(now)).await
    }

    /// While it says nothing: until when, if that ends.
    fn hung(&self) -> Option<Option<Timestamp>> {
        self.world().faults().now(&[FaultKind::Hung], self.now()).map(|occurrence| occurrence.to)
    }

    async fn silence(&self) {
        while let Some(hung) = self.hung() {
            match hung {
                Some(to) => self.sleep_until(to).await,
                None => pending().await,
            }
        }
    }
}

impl Backend for Simulator {
    fn capabilities(&self) -> Capabilities {
        let world = self.line.world();
        let missing = world.cluster().without.iter();
        let all = Capabilities::all()
            .without(Capability::Forward, "there is no network behind the simulator")
            .without(Capability::Velero, "there is no Velero in the simulator");
        let one_machine = "this simulated cluster is one machine";
        let all = if world.cluster().nodes.is_empty() {
            all.without(Capability::Nodes, one_machine).without(Capability::Drain, one_machine)
        } else {
            all
        };
        missing.fold(all, |all, (capability, why)| all.without(capability.0, why.clone()))
    }

    fn watch(&self) -> BoxStream<'static, Result<Change, Loss>> {
        counted(watch::watch(self.line.clone()), &self.tally.watches)
    }

    fn ping(&self) -> BoxFuture<'static, Result<(), Loss>> {
        let line = self.line.clone();
        async move { line.round_trip().await }.boxed()
    }

    fn follow(&self, instance: InstanceId, since: Since) -> BoxStream<'static, Result<LogPiece, FollowError>> {
        counted(logs::follow(self.line.clone(), instance, since), &self.tally.logs)
    }

    fn sample(&self, instance: InstanceId) -> BoxStream<'static, Result<Sample, Trouble>> {
        counted(metrics::sample(self.line.clone(), instance), &self.tally.samples)
    }

    fn execute(&self, step: Step, progress: Progress) -> BoxFuture<'static, Result<(), StepError>> {
        steps::execute(self.line.clone(), step, progress).boxed()
    }

    fn lease(
        &self,
        service: ServiceId,
        ours: Lease,
        claim: Claim,
    ) -> BoxFuture<'static, Result<Option<Lease>, StepError>> {
        lease::lease(self.line.clone(), service, ours, claim).boxed()
    }

    fn query(&self, question: Question) -> BoxFuture<'static, Result<Answer, Trouble>> {
        let line = self.line.clone();
        async move {
            line.round_trip().await.map_err(|loss| loss.why)?;
            answers::answer(&line.world(), &question, line.now())
        }
        .boxed()
    }

    fn forward(&self, service: ServiceId, port: u16) -> BoxFuture<'static, Result<Forwarded, Trouble>> {
        let what = format!("could not forward to port {port} of {service}");
        Box::pin(async move { Err(Trouble::new(what, "there is no network behind the simulator")) })
    }

    fn attach(&self, instance: InstanceId, size: (u16, u16)) -> BoxFuture<'static, Result<Attached, Trouble>> {
        shell::attach(self.line.clone(), instance, size).boxed()
    }

    fn run(&self, instance: InstanceId, command: Vec<String>) -> BoxFuture<'static, Result<Piped, Trouble>> {
        let line = self.line.clone();
        async move {
            line.round_trip().await.map_err(|loss| loss.why)?;
            data::run(&line, &instance, &command).unwrap_or_else(|| {
                let what = format!("could not run {}", command.first().map_or("nothing", String::as_str));
                Err(Trouble::new(what, NO_MACHINE))
            })
        }
        .boxed()
    }

    fn scratch(&self, wanted: Scratch) -> BoxFuture<'static, Result<InstanceId, Trouble>> {
        let line = self.line.clone();
        async move {
            line.round_trip().await.map_err(|loss| loss.why)?;
            Ok(line.place.data().scratch(&wanted))
        }
        .boxed()
    }

    fn discard(&self, scratch: InstanceId) -> BoxFuture<'static, Result<(), Trouble>> {
        let line = self.line.clone();
        async move {
            line.round_trip().await.map_err(|loss| loss.why)?;
            line.place.data().discard(&scratch);
            Ok(())
        }
        .boxed()
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

fn counted<T: 'static>(stream: impl futures::Stream<Item = T> + Send + 'static, gate: &Gate) -> BoxStream<'static, T> {
    let visit = gate.enter();
    stream
        .inspect(move |_| {
            // Held for as long as the stream is.
            let _ = &visit;
        })
        .boxed()
}

/// What a question about something unknown is answered.
fn gone(what: &str, instance: &InstanceId) -> Trouble {
    Trouble::new(format!("could not {what} {}", instance.key), "there is no such instance")
}

const NO_MACHINE: &str = "there is no machine behind the simulator";
/// How often a waiting step looks.
const LOOK: Duration = Duration::from_millis(250);

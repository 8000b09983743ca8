//! What a rollout on Docker is made of, step by step on a real engine: a Compose service in a world of its own, whose images, networks,
//! volumes and containers go with it, also when a case panics.

mod history;
mod lease;
mod making;
mod places;
mod registry;

use std::{process::Command, sync::Arc};

use jiff::Timestamp;
use midwatch::{
    backend::{Backend, StepError},
    domain::{InstanceId, Means, Release, Scope, ServiceId, Trouble},
    message::{Answer, Question},
    plan::{self, Edits, Plan, Recipe, Refusal, ReleaseRef, Request, RollOut, Stamp, Step, Target, Verb},
};

use crate::{
    docker::{DockerStage, IMAGE, docker, listed, swept},
    observer::Observer,
    stage::Stage,
};

/// Ends at once when it is told to.
const STAYS: &str = "trap 'exit 0' TERM INT; while :; do sleep 1 & wait $!; done";

/// For what prunes the engine's images, and for what takes any image of the engine for its own.
pub static IMAGES: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub struct World {
    stage: DockerStage,
    pub backend: Arc<dyn Backend>,
    /// Also the Compose project, and the beginning of all names.
    pub prefix: String,
    pub service: ServiceId,
}

impl World {
    pub async fn open(case: &str) -> Option<Self> {
        let stage = DockerStage::open(case).await?;
        let prefix = stage.prefix.clone();
        let service = ServiceId::new(&stage.cluster(), &Scope::new(prefix.as_str()), "web");
        let backend = (&stage as &dyn Stage).backend().await;
        let world = Self { stage, backend, prefix, service };
        docker(&["network", "create", "--label", &world.mark(), &world.named("front")]);
        Some(world)
    }

    /// Another machine: a way to the same engine of its own.
    pub async fn another(&self) -> Arc<dyn Backend> {
        (&self.stage as &dyn Stage).backend().await
    }

    pub fn stage(&self) -> &DockerStage {
        &self.stage
    }

    pub fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub fn mark(&self) -> String {
        format!("{}=1", self.prefix)
    }

    /// An image of the lab's busybox with these changes, by its name.
    pub fn image(&self, tag: &str, changes: &[&str]) -> String {
        let name = format!("{}/app:{tag}", self.prefix);
        let from = docker(&["create", "--label", &self.mark(), "--network", "none", IMAGE, "true"]);
        let label = format!("LABEL {}", self.mark());
        let command = format!("CMD {:?}", ["sh", "-c", STAYS]);
        let env = format!("ENV RELEASE={tag}");
        let mut arguments = vec!["commit", "-c", &label, "-c", &command, "-c", &env];
        changes.iter().for_each(|change| arguments.extend(["-c", change]));
        arguments.extend([from.as_str(), &name]);
        docker(&arguments);
        docker(&["rm", &from]);
        name
    }

    /// As Compose would run `web`, with these arguments beside.
    pub fn compose(&self, name: &str, image: &str, arguments: &[&str]) -> InstanceId {
        let (network, project) = (self.named("front"), format!("com.docker.compose.project={}", self.prefix));
        let id = docker(&["image", "inspect", "-f", "{{.Id}}", image]);
        let (mark, compose_image) = (self.mark(), format!("com.docker.compose.image={id}"));
        let labels = [
            &*mark,
            &*project,
            "com.docker.compose.service=web",
            "com.docker.compose.container-number=1",
            "com.docker.compose.oneoff=False",
            "com.docker.compose.config-hash=9f2c41aabbccdd",
            &*compose_image,
        ];
        let mut all = vec!["run", "-d", "--name", name, "--network", &network, "--network-alias", "web"];
        labels.iter().for_each(|label| all.extend(["--label", label]));
        if !arguments.contains(&"--stop-timeout") {
            all.extend(["--stop-timeout", "2"]);
        }
        all.extend(arguments);
        all.push(image);
        InstanceId::new(&self.service.cluster, docker(&all))
    }

    pub async fn execute(&self, step: Step) -> Result<(), Trouble> {
        match self.backend.execute(step, Arc::new(|_| {})).await {
            Ok(()) => Ok(()),
            Err(StepError::Failed(trouble) | StepError::Lost(trouble) | StepError::Unsure(trouble)) => Err(trouble),
        }
    }

    pub async fn must(&self, step: Step) {
        if let Err(trouble) = self.execute(step.clone()).await {
            panic!("{}\n{trouble}", step.title());
        }
    }

    pub async fn releases(&self) -> Vec<Release> {
        releases(&self.backend, &self.service).await
    }

    pub async fn means(&self) -> Means {
        match self.backend.query(Question::Means(self.service.clone())).await {
            Ok(Answer::Means(means)) => *means,
            other => panic!("{other:?}"),
        }
    }

    /// As somebody plans it who sees this host for the first time.
    pub async fn plan(&self, image: &str) -> Result<Plan, Refusal> {
        let mut observer = Observer::new(self.service.cluster.clone(), &self.backend);
        observer.service(&self.service, "it to be healthy", |service| service.ready >= 1).await;
        observer.inventory.set_means(&self.service, self.means().await);
        let edits = Edits { images: [("".into(), image.into())].into(), ..Edits::default() };
        let verb = Verb::RollOut(Box::new(RollOut { edits, ..RollOut::default() }));
        plan::make(&observer.inventory, &Request::new(verb, Target::Service(self.service.clone())))
    }

    /// To its end, without anything going wrong.
    pub async fn carry_out(&self, plan: Plan) {
        let plan = plan.begun_at(Timestamp::now(), "ben@desk");
        for planned in plan.steps() {
            self.must(planned.step.clone()).await;
        }
    }

    pub fn made(&self, release: u64) -> InstanceId {
        InstanceId::made(&self.service, release, 1)
    }

    pub fn make(&self, release: u64, name: &str, like: &InstanceId, recipe: Recipe) -> Step {
        let (instance, name, like) = (self.made(release), name.into(), like.clone());
        Step::Make { instance, name, like, recipe, stamp: stamp(release) }
    }

    pub fn record(&self, release: u64, like: &InstanceId, keep: u32) -> Step {
        Step::Record { service: self.service.clone(), release, like: like.clone(), keep, stamp: stamp(release) }
    }

    /// All that a plan does to put `recipe` in the place of `old`, which is called `name`.
    pub async fn roll(&self, release: u64, name: &str, old: &InstanceId, recipe: Recipe) {
        for step in self.steps(release, name, old, recipe) {
            self.must(step).await;
        }
    }

    pub fn steps(&self, release: u64, name: &str, old: &InstanceId, recipe: Recipe) -> Vec<Step> {
        let (instance, temporary) = (self.made(release), format!("{name}-r{release}"));
        let temporary: Arc<str> = temporary.into();
        vec![
            self.make(release, &temporary, old, recipe),
            Step::Start { instance: instance.clone(), name: temporary.clone() },
            Step::AwaitReady { instance: instance.clone(), name: temporary.clone(), within: 240, steady: 1 },
            Step::Join { instance: instance.clone(), name: temporary.clone(), like: old.clone() },
            Step::Stop { instance: old.clone(), name: name.into(), grace: 2 },
            self.record(release, &instance, 5),
            Step::Remove { instance: old.clone(), name: name.into() },
            Step::Rename { instance, name: temporary, to: name.into() },
        ]
    }
}

pub async fn releases(backend: &Arc<dyn Backend>, service: &ServiceId) -> Vec<Release> {
    match backend.query(Question::Releases(service.clone())).await {
        Ok(Answer::Releases(releases)) => releases,
        other => panic!("{other:?}"),
    }
}

/// One wish for each release.
pub fn stamp(release: u64) -> Stamp {
    let asked = Timestamp::from_second(1_795_000_000 + i64::try_from(release).expect("small")).expect("a time");
    Stamp { asked: Some(asked), cause: Some(format!("roll out {release} by ann@laptop: OPS-311").into()) }
}

pub fn image(name: &str) -> Recipe {
    Recipe::Edited(Edits { images: [("".into(), name.into())].into(), ..Edits::default() })
}

pub fn back_to(release: &str) -> Recipe {
    Recipe::Release(ReleaseRef { id: release.into(), title: release.into(), ..reference() })
}

fn reference() -> ReleaseRef {
    ReleaseRef { source: midwatch::domain::ReleaseSource::Engine, id: "".into(), title: "".into() }
}

/// What the engine says of it, by a template of the docker CLI's.
pub fn inspect(name: &str, template: &str) -> String {
    docker(&["inspect", "-f", template, name])
}

impl Drop for World {
    fn drop(&mut self) {
        let scope = format!("label=midwatch.scope={}", self.service.scope);
        let service = format!("label=midwatch.service={}", self.service.name);
        let mark = format!("label={}", self.mark());
        // A volume without a name that went from one container to the next is removed with neither.
        let ids = listed(&["ps", "-aq", "--filter", &mark]);
        let mut arguments = vec!["inspect", "-f", "{{range .Mounts}}{{.Name}} {{end}}"];
        arguments.extend(ids.split_whitespace());
        let volumes = listed(&arguments);
        for filters in [&["--filter", &*mark][..], &["--filter", &scope, "--filter", &service]] {
            swept(&[&["ps", "-aq"], filters].concat(), &["rm", "-f", "-v"]);
            swept(&[&["volume", "ls", "-q"], filters].concat(), &["volume", "rm", "-f"]);
            swept(&[&["network", "ls", "-q"], filters].concat(), &["network", "rm"]);
        }
        _ = Command::new("docker").args(["volume", "rm", "-f"]).args(volumes.split_whitespace()).output();
        swept(&["image", "ls", "-aq", "--filter", &mark], &["image", "rm", "-f"]);
    }
}

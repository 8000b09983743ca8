//! Waits until a backup or a restore is over, and tells how far it is. One that will not go on by itself is a person's to judge.

mod volumes;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use self::volumes::Volumes;
use super::{
    object_path,
    rows::{self, Kind, Run},
    server::{self, Crew},
};
use crate::{
    backend::{
        Progress, StepError,
        kubernetes::{Site, change::gone_or_lost, changes::Changes, cluster_backups::items, discovery::Resource},
    },
    domain::{Items, Stage, Trouble, VeleroBackup, VeleroName, VeleroRestore, units},
};

/// Between two looks, at the most: what its volumes do is not told by the object itself.
const LOOK: Duration = Duration::from_secs(5);
/// A server that is exchanged for another is away for a moment.
const DOUBT: Duration = Duration::from_secs(15);
/// After so long without any progress it is said, and who should be at work is looked for.
const QUIET: Duration = Duration::from_secs(180);

/// `within`: seconds.
pub async fn await_backup(
    site: &Site,
    id: &VeleroName,
    within: u32,
    progress: &Progress,
) -> Result<VeleroBackup, StepError> {
    let found = follow(site, id, Kind::Backup, within, progress).await?;
    Ok(rows::backup(&found))
}

/// `within`: seconds.
pub async fn await_restore(
    site: &Site,
    id: &VeleroName,
    within: u32,
    progress: &Progress,
) -> Result<VeleroRestore, StepError> {
    let found = follow(site, id, Kind::Restore, within, progress).await?;
    Ok(rows::restore(&found))
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }

    fn resource(self) -> Resource {
        match self {
            Self::Backup => Resource::VeleroBackup,
            Self::Restore => Resource::VeleroRestore,
        }
    }

    fn run(self, object: &Value) -> Run {
        match self {
            Self::Backup => Run::of_backup(&rows::backup(object)),
            Self::Restore => Run::of_restore(&rows::restore(object)),
        }
    }
}

async fn follow(
    site: &Site,
    id: &VeleroName,
    kind: Kind,
    within: u32,
    progress: &Progress,
) -> Result<Value, StepError> {
    let what = format!("{} {} did not come to its end", kind.word(), id.name);
    let path = object_path(site, kind.resource(), id, &what)?;
    let (began, mut changes) = (Instant::now(), Changes::new(&path));
    let (mut last, mut last_words, mut doubt) = (Motion::new(), String::new(), None);
    loop {
        let look_began = Instant::now();
        let found: Value = site.api.get(&path).await.map_err(|fault| gone_or_lost(&fault, &what))?;
        let run = kind.run(&found);
        if run.phase.stage().is_over() {
            return verdict(&run, found);
        }
        let volumes = Volumes::of(site, id, kind).await;
        let quiet = last.quiet(&run, &volumes);
        let is_late = began.elapsed() >= Duration::from_secs(within.into());
        match hindrance(site, &run, &volumes, quiet).await {
            Some(why) if is_late || doubt.get_or_insert_with(Instant::now).elapsed() >= DOUBT => {
                return Err(StepError::Unsure(Trouble::new(what, why).help(next_step(&run))));
            }
            Some(_) => {}
            None => doubt = None,
        }
        let words = words(&run, &volumes, quiet);
        if is_late {
            let why = format!("after {within} s: {words}");
            return Err(StepError::Failed(Trouble::new(what, why).help("it goes on without us: look at it again")));
        }
        if words != last_words {
            progress(&words);
            last_words = words;
        }
        let version = found["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        changes.wait(site, version, LOOK, look_began.elapsed()).await;
    }
}

/// How far it was when something of it last moved.
struct Motion {
    seen: Option<(String, Option<Items>, u64)>,
    at: Instant,
}

impl Motion {
    fn new() -> Self {
        Self { seen: None, at: Instant::now() }
    }

    fn quiet(&mut self, run: &Run, volumes: &Volumes) -> Duration {
        let now = (run.phase.word().to_owned(), run.items, volumes.done());
        if self.seen.as_ref() != Some(&now) {
            *self = Self { seen: Some(now), at: Instant::now() };
        }
        self.at.elapsed()
    }
}

async fn hindrance(site: &Site, run: &Run, volumes: &Volumes, quiet: Duration) -> Option<String> {
    // What may not be looked at hinders nobody.
    let crew = server::crew(site, &run.id.namespace).await.ok();
    if let Some(why) = server::stalled(run, crew.as_ref(), false, Timestamp::now()) {
        let is_next = run.phase.stage() != Stage::Waiting || !is_busy(site, run).await;
        return is_next.then(|| why.to_string());
    }
    crew.filter(|_| quiet >= QUIET).and_then(|crew| unattended(volumes, &crew))
}

/// Velero does one after the other.
async fn is_busy(site: &Site, run: &Run) -> bool {
    let Some(path) = site.served.path(run.kind.resource(), Some(&run.id.namespace)) else { return false };
    let all = items(site, &path).await.unwrap_or_default();
    let mut others = all.iter().map(|object| run.kind.run(object)).filter(|other| other.id != run.id);
    others.any(|other| other.phase.stage() == Stage::Running)
}

fn unattended(volumes: &Volumes, crew: &Crew) -> Option<String> {
    let node = volumes.waits_on(|node| crew.agents_on.contains(node))?;
    Some(format!("a volume's data is waited for, and no node agent of Velero's is ready on {node}"))
}

fn next_step(run: &Run) -> String {
    let namespace = &run.id.namespace;
    format!("kubectl -n {namespace} get pods; a server that comes up marks what was left behind as failed")
}

fn words(run: &Run, volumes: &Volumes, quiet: Duration) -> String {
    let mut words = match run.phase.stage() {
        Stage::Waiting => match run.place {
            Some(place) => format!("waits for its turn, at place {place}"),
            None => "waits for Velero to take it".to_owned(),
        },
        Stage::Running | Stage::Deleting | Stage::Complete | Stage::Partial | Stage::Failed => {
            run.phase.word().to_owned()
        }
    };
    if let Some(Items { done, total }) = run.items {
        words.push_str(&format!(", {} of {} objects", units::count(done), units::count(total)));
    }
    if let Some(volumes) = volumes.words() {
        words.push_str(&format!(", {volumes}"));
    }
    if quiet >= QUIET {
        // By minutes, so that it is not said again and again.
        words.push_str(&format!(", nothing has moved for {}", units::age(quiet.as_secs() / 60 * 60)));
    }
    words
}

/// Of one that is over.
fn verdict(run: &Run, found: Value) -> Result<Value, StepError> {
    let kind = run.kind.word();
    let help = format!("what it wrote down: midwatch velero logs {}/{}", run.id.namespace, run.id.name);
    let reasons = run.reasons.iter().map(|reason| &**reason).collect::<Vec<_>>().join("; ");
    match run.phase.stage() {
        Stage::Partial => {
            let why = format!("errors: {}, warnings: {}; the rest was done", run.errors, run.warnings);
            let why = if reasons.is_empty() { why } else { format!("{why}; {reasons}") };
            let what = format!("{kind} {} was done in part", run.id.name);
            Err(StepError::Unsure(Trouble::new(what, why).help(help)))
        }
        Stage::Failed => {
            let why = if reasons.is_empty() { format!("Velero says {}", run.phase) } else { reasons };
            Err(StepError::Failed(Trouble::new(format!("{kind} {} failed", run.id.name), why).help(help)))
        }
        Stage::Complete | Stage::Waiting | Stage::Running | Stage::Deleting => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(status: Value) -> Run {
        Kind::Backup.run(&json!({"metadata": {"namespace": "velero", "name": "b"}, "status": status}))
    }

    #[test]
    fn how_far_it_is_is_told_in_objects_and_bytes() {
        let under_way = run(json!({"phase": "InProgress", "progress": {"itemsBackedUp": 1200, "totalItems": 3400}}));
        let volumes = volumes::fixture(&[("node-1", "InProgress", 1 << 30, 4 << 30), ("node-2", "Completed", 5, 5)]);
        let expected = "InProgress, 1,200 of 3,400 objects, 1.0Gi of 4.0Gi of volumes (1 of 2 done)";
        assert_eq!(words(&under_way, &volumes, Duration::ZERO), expected);
        let quiet = words(&under_way, &Volumes::default(), Duration::from_secs(250));
        assert!(quiet.ends_with("nothing has moved for 4m"), "{quiet}");
        let queued = run(json!({"phase": "Queued", "queuePosition": 3}));
        assert_eq!(words(&queued, &Volumes::default(), Duration::ZERO), "waits for its turn, at place 3");
    }

    #[test]
    fn what_was_done_in_part_is_a_persons_to_judge() {
        let partial = run(json!({"phase": "PartiallyFailed", "errors": 2, "warnings": 1}));
        let Err(StepError::Unsure(trouble)) = verdict(&partial, Value::Null) else { panic!("it is judged") };
        assert_eq!(&*trouble.why, "errors: 2, warnings: 1; the rest was done");
        let failed = run(json!({"phase": "FailedValidation", "validationErrors": ["no such location"]}));
        let Err(StepError::Failed(trouble)) = verdict(&failed, Value::Null) else { panic!("it failed") };
        assert_eq!(&*trouble.why, "no such location");
        assert!(verdict(&run(json!({"phase": "Completed"})), Value::Null).is_ok());
    }

    #[test]
    fn a_volume_on_a_machine_without_an_agent_is_waited_for_in_vain() {
        let volumes = volumes::fixture(&[("node-1", "Completed", 5, 5), ("node-2", "New", 0, 0)]);
        let agents =
            |nodes: &[&str]| Crew { agents_on: nodes.iter().map(|node| (*node).into()).collect(), ..Crew::default() };
        let why = unattended(&volumes, &agents(&["node-1"])).expect("nobody is there");
        assert!(why.ends_with("is ready on node-2"), "{why}");
        assert_eq!(unattended(&volumes, &agents(&["node-2"])), None);
    }
}

//! Rollouts of Kubernetes' workloads: the template is changed, and the orchestrator replaces pods by its own rules.

use std::sync::Arc;

use super::words;
use crate::{
    domain::{Controller, Means, Object, Pace, Replaced, ServiceId, ServiceKind},
    plan::{
        Edits, Explanation, Gate, Group, Plan, Planned, Recipe, Refusal, ReleaseRef, RollOut, Situation, Stage, Stamp,
        Step, Strategy, restart,
        wish::{Rolling, WITHIN},
    },
};

pub(in crate::plan) mod argo;
mod blue_green;
mod canary;
pub(in crate::plan) mod pins;
mod set;

pub(in crate::plan) fn plan(situation: &Situation<'_>, means: &Means, wish: &RollOut) -> Result<Plan, Refusal> {
    refuse_paused(situation)?;
    refuse_by_hand(situation, means)?;
    let update = Update::new(situation, means, wish)?;
    let kind = situation.service.kind;
    match (kind, &wish.strategy) {
        (ServiceKind::Rollout, _) => argo::plan(&update, wish),
        (_, Strategy::Rolling(rolling)) => rolling_plan(&update, rolling),
        (ServiceKind::Deployment, Strategy::Canary(_) | Strategy::BlueGreen(_)) if flagger(means).is_some() => {
            let subject = situation.subject();
            Err(Refusal::new(format!(
                "{subject} is rolled out by Flagger, which does its own {}",
                wish.strategy.word()
            ))
            .help("roll it: Flagger takes it from there, with its own weights and gates"))
        }
        (ServiceKind::Deployment, Strategy::Canary(canary)) => canary::plan(&update, canary),
        (ServiceKind::Deployment, Strategy::BlueGreen(blue_green)) => blue_green::plan(&update, blue_green),
        (_, strategy @ (Strategy::Canary(_) | Strategy::BlueGreen(_))) => Err(refuse_beside(situation, strategy)),
    }
}

/// What has an identity for each of its instances, or one on each node, has no room for a second set beside it.
fn refuse_beside(situation: &Situation<'_>, strategy: &Strategy) -> Refusal {
    let (id, kind, word) = (&situation.service.id, situation.service.kind, strategy.word());
    let refusal = Refusal::new(format!("a {kind} has no {word} rollout: it can be rolled"));
    match kind {
        ServiceKind::StatefulSet => refusal.help(format!(
            "a statefulset's canary is its partition: kubectl -n {} patch statefulset {} -p \
             '{{\"spec\":{{\"updateStrategy\":{{\"rollingUpdate\":{{\"partition\":N}}}}}}}}', then roll it",
            id.scope, id.name
        )),
        ServiceKind::DaemonSet => refusal.help("it has one instance on each node: roll it with at most one missing"),
        ServiceKind::Deployment
        | ServiceKind::Rollout
        | ServiceKind::ComposeService
        | ServiceKind::SwarmService
        | ServiceKind::Container
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => refusal,
    }
}

pub(in crate::plan) fn refuse_paused(situation: &Situation<'_>) -> Result<(), Refusal> {
    let is_paused = situation.orchestration().is_some_and(|orchestration| orchestration.paused);
    if !is_paused || situation.service.kind != ServiceKind::Deployment {
        return Ok(());
    }
    let id = &situation.service.id;
    Err(Refusal::new(format!("{} is paused: nothing of it is replaced until it is resumed", situation.subject()))
        .help(format!("resume it first: kubectl -n {} rollout resume deployment/{}", id.scope, id.name)))
}

/// Where a person replaces the pods, there is nothing to follow.
pub(in crate::plan) fn refuse_by_hand(situation: &Situation<'_>, means: &Means) -> Result<(), Refusal> {
    if means.rules.replaced != Replaced::ByHand {
        return Ok(());
    }
    let (id, kind) = (&situation.service.id, situation.service.kind);
    let why = format!(
        "the update strategy of {} is OnDelete: its pods are replaced when somebody deletes them",
        situation.subject()
    );
    Err(Refusal::new(why).help(format!(
        "let it replace them itself: kubectl -n {} patch {kind} {} -p \
         '{{\"spec\":{{\"updateStrategy\":{{\"type\":\"RollingUpdate\"}}}}}}'; or change its template by kubectl and \
         delete its pods one by one",
        id.scope, id.name
    )))
}

/// "only pods 2 and above", where a partition holds the others back.
pub(in crate::plan) fn partition(means: &Means) -> Option<u32> {
    Some(means.rules.partition).filter(|partition| *partition > 0)
}

/// The title says it too, so that the verdict does.
pub(in crate::plan) fn of_partition(plan: Plan, means: &Means) -> Plan {
    match partition(means) {
        None => plan,
        Some(from) => Plan { title: format!("{} (pods {from} and above)", plan.title).into(), ..plan },
    }
}

pub(in crate::plan) fn partition_words(means: &Means) -> Option<Arc<str>> {
    let from = partition(means)?;
    Some(
        format!("its partition is {from}: only pods {from} and above are replaced, those below keep what they run")
            .into(),
    )
}

pub(in crate::plan) fn object(situation: &Situation<'_>, means: &Means) -> Result<Object, Refusal> {
    means
        .object
        .clone()
        .ok_or_else(|| Refusal::new(format!("which object {} is has not been told", situation.subject())))
}

/// Back to what should run now, whatever the object is by then.
pub(in crate::plan) fn way_back(situation: &Situation<'_>, means: &Means, within: u32) -> Vec<Step> {
    let (Some(object), Some(current)) = (&means.object, current(means)) else { return Vec::new() };
    let service = situation.service.id.clone();
    let wants = Some(Recipe::Release(current.clone()));
    let object = object.whatever();
    let mut back = vec![Step::Return { service: service.clone(), object, release: current, stamp: Stamp::default() }];
    // What does not work now would be waited for in vain.
    if situation.is_whole() {
        // The way back must not be the first to lose its patience.
        back.push(Step::AwaitRollout { service, within: within.saturating_mul(2), wants });
    }
    back
}

pub(in crate::plan) fn current(means: &Means) -> Option<ReleaseRef> {
    use crate::domain::ReleaseSource::Engine;
    let current = means.releases.iter().find(|release| release.current && release.source == Engine)?;
    let title: Arc<str> = current.title().into();
    (!current.id.is_empty()).then(|| ReleaseRef { source: Engine, id: current.id.clone(), title })
}

fn flagger(means: &Means) -> Option<Vec<Arc<str>>> {
    match &means.controller {
        Some(Controller::Flagger { name, phase, gates }) => {
            let gates = if gates.is_empty() { "none".into() } else { gates.join(", ") };
            Some(vec![
                format!(
                    "Flagger ({name}, {phase} now) takes it from here: it decides when the new release gets requests"
                )
                .into(),
                format!("Flagger's own gates: {gates}").into(),
            ])
        }
        Some(Controller::Argo(_)) | None => None,
    }
}

/// What is common to every strategy: the main workload is changed, and how it goes back.
struct Update<'a> {
    situation: &'a Situation<'a>,
    means: &'a Means,
    object: Object,
    edits: &'a Edits,
    gates: &'a [Gate],
}

impl<'a> Update<'a> {
    fn new(situation: &'a Situation<'a>, means: &'a Means, wish: &'a RollOut) -> Result<Self, Refusal> {
        let object = object(situation, means)?;
        Ok(Self { situation, means, object, edits: &wish.edits, gates: &wish.gates })
    }

    fn id(&self) -> &'a ServiceId {
        &self.situation.service.id
    }

    fn update(&self, pace: Option<Pace>, within: u32) -> Planned {
        // What is so already in numbers may be said in parts of a hundred, and is left alone.
        let pace = pace.filter(|pace| self.means.pace != Some(*pace));
        let step = Step::Update {
            service: self.id().clone(),
            object: self.object.clone(),
            edits: self.edits.clone(),
            pace,
            stamp: Stamp::default(),
            own_pace: None,
        };
        let mut undo = Vec::from_iter(self.pace_back(pace));
        undo.extend(way_back(self.situation, self.means, within));
        Planned::new(step).undone_by(undo)
    }

    /// A pace is for this rollout alone.
    fn pace_back(&self, given: Option<Pace>) -> Option<Step> {
        let before = self.means.pace.filter(|pace| given.is_some_and(|given| given != *pace))?;
        Some(Step::Update {
            service: self.id().clone(),
            object: self.object.whatever(),
            edits: Edits::default(),
            pace: Some(before),
            stamp: Stamp::default(),
            own_pace: self.means.rules.pace.clone(),
        })
    }

    /// Of a set, which is the plan's own.
    fn await_rollout(&self, service: &ServiceId, within: u32) -> Planned {
        Planned::new(Step::AwaitRollout { service: service.clone(), within, wants: None })
    }

    /// Of the service itself, while it is nobody else's.
    fn await_update(&self, within: u32) -> Planned {
        let wants = Some(Recipe::Edited(self.edits.clone()));
        Planned::new(Step::AwaitRollout { service: self.id().clone(), within, wants })
    }

    /// While requests are told which pods get them, or two releases are compared.
    fn alone(&self) -> Arc<str> {
        let name = &self.id().name;
        format!("until it is over, nobody else must change {name}: keep CI, kubectl and whoever syncs it away").into()
    }

    fn gate(&self, gate: Gate, new: Group, old: Group) -> Planned {
        Planned::new(Step::Gate { service: self.id().clone(), gate, new, old })
    }

    fn asked(&self, new: &Group, old: &Group) -> Vec<Planned> {
        self.gates.iter().map(|gate| self.gate(gate.clone(), new.clone(), old.clone())).collect()
    }

    /// What the orchestrator itself keeps to while it replaces the pods.
    fn minimum(&self, pace: Option<Pace>) -> u32 {
        let service = self.situation.service;
        let missing = pace.or(self.means.pace).map_or(service.wanted, |pace| pace.max_unavailable);
        service.wanted.saturating_sub(missing).min(service.ready)
    }

    fn objects(&self) -> Vec<Arc<str>> {
        let service = self.situation.service;
        vec![format!("{} {}, {} of {} ready", service.kind, service.id.name, service.ready, service.wanted).into()]
    }

    fn promises(&self, minimum: u32) -> Vec<Arc<str>> {
        let wanted = self.situation.service.wanted;
        let fewest = (minimum > 0)
            .then(|| format!("never fewer than {minimum} of {wanted} ready, unless one fails by itself").into());
        fewest.into_iter().collect()
    }

    fn warnings(&self, pace: Option<Pace>) -> Vec<Arc<str>> {
        let service = self.situation.service;
        let mut warnings = restart::common_warnings(self.situation);
        warnings.extend(words::owner(self.situation));
        warnings.extend(words::broken_now(self.situation));
        let pace = pace.or(self.means.pace);
        if pace.is_none() {
            warnings.push("how many are replaced at a time is not known: it may be all at once".into());
        }
        if service.wanted == 1 && pace.is_some_and(|pace| pace.max_unavailable > 0) {
            warnings.push("nobody answers meanwhile: it has one instance, and it may be missing".into());
        }
        if service.wanted == 0 {
            warnings.push(
                "none is wanted now: the new release is set, and nothing of it runs before it is scaled up".into(),
            );
        }
        warnings.extend(words::budget(self.situation));
        warnings.extend(words::floating(self.edits));
        warnings.extend(flagger(self.means).into_iter().flatten());
        warnings.extend(pins::warning(self.means));
        warnings.extend(self.means.full.iter().map(|why| {
            format!("there is no room for one pod more ({why}): where one has to go first, it may still get on").into()
        }));
        warnings.extend(partition_words(self.means));
        if self.means.rules.kept == Some(0) {
            warnings.push(
                "its revisionHistoryLimit is 0: once all of it is replaced, nothing is kept to go back to".into(),
            );
        }
        if current(self.means).is_none() {
            warnings.push("what runs now is not kept as a release: there is no way back to it from here".into());
        }
        warnings
    }

    fn undo_words(&self) -> Vec<Arc<str>> {
        let mut undo: Vec<Arc<str>> = Vec::new();
        if let Some(current) = current(self.means) {
            undo.push(
                format!("stopped or failed midway: the template of {} is set again, and waited for", current.title)
                    .into(),
            );
        }
        if self.situation.service.kind == ServiceKind::StatefulSet {
            undo.push(
                "a broken pod can hold up a statefulset also on its way back: rolling back then ends that pod by itself".into(),
            );
        }
        undo.push("ConfigMaps, Secrets, data and migrations stay as they are by then".into());
        undo
    }
}

fn rolling_plan(update: &Update<'_>, rolling: &Rolling) -> Result<Plan, Refusal> {
    let (situation, id) = (update.situation, update.id());
    let kind = situation.service.kind;
    if kind == ServiceKind::StatefulSet && rolling.pace.is_some() {
        return Err(Refusal::new("a statefulset has no pace: its pods are replaced one at a time, the last one first")
            .help("roll it without one"));
    }
    if let Some(pace) = rolling.pace {
        refuse_pace(situation, update.means, pace)?;
    }
    refuse_gates_without_way_back(update)?;
    let within = if rolling.within == 0 { WITHIN } else { rolling.within };
    let mut steps = vec![update.update(rolling.pace, within), update.await_update(within)];
    let (new, old) = (Group::Newest(id.clone()), Group::Older(id.clone()));
    steps.extend(update.asked(&new, &old));
    let mut stages = Vec::from_iter(pins::let_go(id, update.means));
    stages.push(Stage { title: id.name.clone(), steps });
    if let Some(step) = update.pace_back(rolling.pace) {
        stages.push(Stage { title: "tidy up".into(), steps: vec![Planned::tidying(step)] });
    }
    let minimum = update.minimum(rolling.pace);
    let mut warnings = update.warnings(rolling.pace);
    if update.gates.iter().any(|gate| matches!(gate, Gate::Errors { .. })) {
        warnings.push(
            "error lines are compared with those of pods that are gone by then: you may be asked; a canary can compare"
                .into(),
        );
    }
    let explains = Explanation {
        objects: update.objects(),
        how: how(update, rolling, within),
        promises: update.promises(minimum),
        warnings,
        undo: update.undo_words(),
    };
    Ok(of_partition(Plan { minimum, ..situation.plan(stages, explains) }, update.means))
}

/// What its engine would refuse when the plan has begun.
fn refuse_pace(situation: &Situation<'_>, means: &Means, pace: Pace) -> Result<(), Refusal> {
    let subject = situation.subject();
    if means.rules.replaced == Replaced::AllAtOnce {
        return Err(Refusal::new(format!(
            "the strategy of {subject} is Recreate: all are ended before new ones begin, at no pace"
        ))
        .help("roll it without a pace, or beside the old ones: blue-green"));
    }
    if situation.service.kind == ServiceKind::DaemonSet && pace.max_surge > 0 && pace.max_unavailable > 0 {
        return Err(Refusal::new("a daemonset has either more or missing ones on its nodes, not both")
            .help("give one of both (max surge, max unavailable) as 0"));
    }
    Ok(())
}

/// A gate after all is replaced turns round to what is not kept any more.
fn refuse_gates_without_way_back(update: &Update<'_>) -> Result<(), Refusal> {
    if update.means.rules.kept != Some(0) || update.gates.is_empty() {
        return Ok(());
    }
    let id = update.id();
    let why = "its revisionHistoryLimit is 0: when a gate says no after all is replaced, nothing is left to go back to";
    let kind = update.situation.service.kind;
    Err(Refusal::new(why).help(format!(
        "keep at least one: kubectl -n {} patch {kind} {} -p '{{\"spec\":{{\"revisionHistoryLimit\":2}}}}'; \
         or roll it out without gates",
        id.scope, id.name
    )))
}

fn how(update: &Update<'_>, rolling: &Rolling, within: u32) -> Vec<Arc<str>> {
    let kind = update.situation.service.kind;
    let pace = rolling.pace.or(update.means.pace);
    let rule = match (kind, pace) {
        (ServiceKind::StatefulSet, _) => "one at a time, the last one first".into(),
        (_, Some(Pace { max_unavailable, max_surge, min_ready })) => {
            let steady =
                if min_ready > 0 { format!(", each ready for {min_ready} s before it counts") } else { String::new() };
            format!("at most {max_surge} more and {max_unavailable} missing at a time{steady}")
        }
        (_, None) => "by its own rules".into(),
    };
    let title = update.edits.title();
    let mut how =
        vec![format!("rolling to {title}: the {kind} replaces its pods itself, {rule}, all within {within} s").into()];
    how.extend(words::gates(update.gates, "then"));
    how
}

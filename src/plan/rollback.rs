//! Back to a release that is kept, by whoever keeps it: the host's own history, the orchestrator's, or Helm's.

use std::sync::Arc;

use super::{
    Explanation, Plan, Planned, Recipe, Refusal, ReleaseRef, Situation, Stage, Stamp, Step, restart,
    rollout::{
        containers,
        orchestrated::{self, pins},
        refuse_instance, refuse_kind, words,
    },
};
use crate::domain::{
    Instance, Means, OwnerTool, Release, ReleaseSource, ServiceKind,
    release::suggested,
    text::{clean, nearest},
};

/// What a rollout back is given at the least, and for each instance, in seconds.
const WITHIN: u32 = 180;
const EACH: u32 = 60;

pub(super) fn roll_back(situation: &Situation<'_>, asked: &ReleaseRef) -> Result<Plan, Refusal> {
    refuse_instance(situation)?;
    refuse_kind(situation, "rolled back")?;
    let means = situation.means()?;
    let release = find(situation, means, asked)?;
    let wanted = ReleaseRef { source: release.source, id: release.id.clone(), title: Arc::from(release.title()) };
    let mut plan = match (release.source, situation.service.kind) {
        (ReleaseSource::Helm, _) => helm(situation, means, release)?,
        (ReleaseSource::Engine, ServiceKind::ComposeService | ServiceKind::Container) => {
            let (plan, explains) = containers::back(situation, means, Recipe::Release(wanted))?;
            Plan { explains, ..plan }
        }
        (ReleaseSource::Engine, _) => by_template(situation, means, wanted)?,
    };
    // What is broken now is not worth going back to by itself: a person says what next.
    plan.turns = !situation.service.health.is_broken();
    let warnings = warnings(situation, means, release);
    plan.explains.warnings.extend(warnings);
    if !plan.turns {
        plan.explains.undo.insert(
            0,
            "a step that fails waits for you: what runs now is broken and not gone back to by itself".into(),
        );
    }
    Ok(plan)
}

/// By what the engine keeps it as; else by its number or what people call it, if that is one alone.
fn find<'a>(situation: &Situation<'_>, means: &'a Means, asked: &ReleaseRef) -> Result<&'a Release, Refusal> {
    let subject = situation.subject();
    let kept: Vec<&Release> = means.releases.iter().filter(|release| !release.id.is_empty()).collect();
    let of_source = || kept.iter().copied().filter(|release| release.source == asked.source);
    let title = clean(&asked.title);
    let known_as = |release: &&Release, name: &str| {
        let number = release.number.map(|number| number.to_string());
        number.as_deref() == Some(name) || release.title() == name || release.name() == name
    };
    let by_id = of_source().find(|release| release.id == asked.id);
    let found = match by_id {
        Some(release) => release,
        None => {
            let mut named =
                of_source().filter(|release| known_as(release, &asked.id) || known_as(release, &asked.title));
            match (named.next(), named.next()) {
                (Some(only), None) => only,
                (Some(_), Some(_)) => {
                    return Err(Refusal::new(format!("more than one release of {subject} is called {title}"))
                        .help("name it by its number"));
                }
                (None, _) => return Err(unknown(&subject, means, &kept, asked)),
            }
        }
    };
    if found.current {
        return Err(Refusal::new(format!("{} is what {subject} runs already", found.title()))
            .help("for new instances of the same, restart it"));
    }
    Ok(found)
}

fn unknown(subject: &str, means: &Means, kept: &[&Release], asked: &ReleaseRef) -> Refusal {
    let title = clean(if asked.title.is_empty() { &asked.id } else { &asked.title }).into_owned();
    let lost = means.releases.iter().find(|release| release.id.is_empty() && release.title() == title);
    if let Some(lost) = lost {
        let why = lost.outcome.as_deref().unwrap_or("nothing is kept of it but its image");
        return Refusal::new(format!("{} cannot be gone back to: {why}", lost.title()))
            .help(format!("roll out {} instead, if a registry has it", lost.image.reference));
    }
    let refusal = Refusal::new(format!("{subject} has no release {title}"));
    let titles: Vec<String> = kept.iter().filter(|release| !release.current).map(|release| release.title()).collect();
    match (nearest(&title, titles.iter().map(String::as_str)), titles.as_slice()) {
        (_, []) => refusal.help("no release but the current one is kept"),
        (Some(near), _) => refusal.help(format!("did you mean {near}?")),
        (None, titles) => {
            refusal.help(format!("kept: {}", titles.iter().take(5).cloned().collect::<Vec<_>>().join(", ")))
        }
    }
}

/// The orchestrator is given the template of before, and replaces the pods by its own rules.
fn by_template(situation: &Situation<'_>, means: &Means, wanted: ReleaseRef) -> Result<Plan, Refusal> {
    orchestrated::refuse_paused(situation)?;
    orchestrated::refuse_by_hand(situation, means)?;
    let object = orchestrated::object(situation, means)?;
    let service = situation.service;
    let (id, kind) = (&service.id, service.kind);
    let within = WITHIN.max(service.wanted.saturating_mul(EACH));
    let go = Step::Return { service: id.clone(), object, release: wanted.clone(), stamp: Stamp::default() };
    let undo = orchestrated::way_back(situation, means, within);
    let mut steps = vec![Planned::new(go).undone_by(undo.clone())];
    let blocking =
        if kind == ServiceKind::StatefulSet { blocking(situation, means.rules.partition) } else { Vec::new() };
    steps.extend(blocking.iter().map(|pod| Planned::new(replace(pod))));
    let wants = Some(Recipe::Release(wanted.clone()));
    steps.push(Planned::new(Step::AwaitRollout { service: id.clone(), within, wants }));

    let mut how: Vec<Arc<str>> = vec![
        format!(
            "the {kind} is given the template of {} again, and replaces its pods itself, all within {within} s",
            wanted.title
        )
        .into(),
    ];
    how.extend(argo_words(means, &wanted));
    how.extend(orchestrated::partition_words(means));
    let mut promises: Vec<Arc<str>> = Vec::new();
    let minimum = means.pace.map_or(0, |pace| service.wanted.saturating_sub(pace.max_unavailable)).min(service.ready);
    if minimum > 0 {
        promises
            .push(format!("never fewer than {minimum} of {} ready, unless one fails by itself", service.wanted).into());
    }
    promises.push("only the pod template changes: replicas, volumes claimed and Services stay".into());
    if !blocking.is_empty() {
        let names: Vec<&str> = blocking.iter().map(|pod| &*pod.name).collect();
        how.push(
            format!(
                "a statefulset waits for a broken pod for ever: {} is ended, so that it is made anew",
                names.join(", ")
            )
            .into(),
        );
        promises.push("no pod is ended but those that are broken now, by their uids".into());
    }
    let mut undo_words: Vec<Arc<str>> = Vec::new();
    if let (Some(current), false) = (orchestrated::current(means), undo.is_empty()) {
        undo_words.push(format!("stopped or failed midway: the template of {} is set again", current.title).into());
    }
    if !blocking.is_empty() {
        undo_words.push("once a broken pod was asked to end, there is nothing to take back".into());
    }
    let mut warnings = restart::common_warnings(situation);
    warnings.extend(
        means
            .obstacle
            .iter()
            .chain(&means.full)
            .map(|why| format!("nothing new may be created now ({why}): it may not get on").into()),
    );
    if means.pace.is_none() {
        warnings.push("how many are replaced at a time is not known: it may be all at once".into());
    }
    let objects = vec![format!("{kind} {}, {} of {} ready", id.name, service.ready, service.wanted).into()];
    let explains = Explanation { objects, how, promises, warnings, undo: undo_words };
    let mut stages = Vec::from_iter(pins::let_go(id, means));
    stages.push(Stage { title: id.name.clone(), steps });
    Ok(orchestrated::of_partition(Plan { minimum, ..situation.plan(stages, explains) }, means))
}

/// Pods that a statefulset would wait for before it replaces another one: broken now, the last one first, as it goes itself. Below its
/// partition they would come back as they are.
fn blocking<'a>(situation: &Situation<'a>, partition: u32) -> Vec<&'a Instance> {
    if situation.is_whole() {
        return Vec::new();
    }
    let number = |pod: &Instance| pod.name.rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
    let is_replaced = |pod: &Instance| number(pod).is_none_or(|number| number >= partition);
    situation.instances.iter().rev().copied().filter(|pod| pod.health.is_broken() && is_replaced(pod)).collect()
}

fn replace(pod: &Instance) -> Step {
    Step::Replace { instance: pod.id.clone(), name: pod.name.clone(), grace: pod.stop_timeout, alone: false }
}

/// How an Argo Rollout takes it.
fn argo_words(means: &Means, wanted: &ReleaseRef) -> Vec<Arc<str>> {
    let Some(argo) = orchestrated::argo::state(means) else { return Vec::new() };
    let mut words: Vec<Arc<str>> = Vec::new();
    if let Some(workload) = &argo.workload {
        words.push(format!("its template is that of {workload}: that is what is changed").into());
    }
    words.push(match argo.fast_track.iter().find(|(id, _)| *id == wanted.id) {
        Some((_, why)) => format!("Argo goes back to it at once, without its steps: {why}").into(),
        None => "Argo takes its own steps on the way back too: promote fully to pass them over".into(),
    });
    words
}

fn helm(situation: &Situation<'_>, means: &Means, release: &Release) -> Result<Plan, Refusal> {
    let (id, subject) = (&situation.service.id, situation.subject());
    let (Some(chart), Some(revision)) = (chart(situation, release), release.number) else {
        return Err(Refusal::new(format!("which chart release {} is of is not known", release.title())));
    };
    if let Some(why) = &means.without_helm {
        return Err(Refusal::new(format!("{subject} cannot be rolled back by Helm from here: {why}")).help(format!(
            "where helm is: helm -n {} rollback {chart} {revision}; or go back to one of the engine's own releases",
            id.scope
        )));
    }
    let within = WITHIN.max(situation.service.wanted.saturating_mul(EACH));
    let step = |revision| Step::Helm { service: id.clone(), release: chart.clone(), revision, within };
    let deployed = means.releases.iter().find(|other| other.source == ReleaseSource::Helm && other.current);
    let undo: Vec<Step> = deployed.and_then(|deployed| deployed.number).map(step).into_iter().collect();
    let undo_words = match deployed.and_then(|deployed| deployed.number) {
        Some(number) => format!("stopped or failed midway: helm rolls {chart} to {number} again"),
        None => "there is no revision that is deployed now: it cannot be taken back".into(),
    };
    let explains = Explanation {
        objects: vec![format!("all that the chart release {chart} holds, {subject} among it").into()],
        how: vec![format!("helm rollback {chart} {revision} --wait, within {within} s").into()],
        promises: vec!["Helm writes down a new revision like the old one".into()],
        warnings: restart::common_warnings(situation)
            .into_iter()
            .chain([format!("everything of the chart goes back to revision {revision}, not only {}", id.name).into()])
            .collect(),
        undo: vec![undo_words.into(), "hooks of the chart run again, both ways".into()],
    };
    let steps = vec![
        Planned::new(step(revision)).undone_by(undo),
        Planned::new(Step::AwaitRollout { service: id.clone(), within, wants: None }),
    ];
    let mut stages = Vec::from_iter(pins::let_go(id, means));
    stages.push(Stage { title: chart.clone(), steps });
    Ok(situation.plan(stages, explains))
}

/// What Helm keeps is called `sh.helm.release.v1.NAME.vREVISION`.
fn chart(situation: &Situation<'_>, release: &Release) -> Option<Arc<str>> {
    let kept = release.id.rsplit('/').next().and_then(|name| name.strip_prefix("sh.helm.release.v1."));
    let named = kept.and_then(|name| name.rsplit_once(".v")).map(|(name, _)| Arc::from(name));
    named.or_else(|| {
        let owner = situation.orchestration()?.owner.as_ref()?;
        (owner.tool == OwnerTool::Helm).then(|| owner.name.clone())
    })
}

fn warnings(situation: &Situation<'_>, means: &Means, release: &Release) -> Vec<Arc<str>> {
    let mut warnings: Vec<Arc<str>> = Vec::new();
    let title = release.title();
    let how = release.outcome.as_deref();
    if release.failed {
        let how = how.map_or(String::new(), |how| format!(": {how}"));
        warnings.push(format!("{title} did not do its work then{how}").into());
    } else if let Some(how) = how.filter(|_| release.source == ReleaseSource::Engine) {
        warnings.push(format!("what is known of {title}: {how}").into());
    }
    if let Some(better) = suggested(&means.releases)
        && better.key() != release.key()
        && release.source == ReleaseSource::Engine
    {
        warnings.push(format!("the last one that held is {}", better.title()).into());
    }
    warnings.push(match situation.service.kind {
        ServiceKind::ComposeService | ServiceKind::Container => {
            "data in volumes, files that are mounted and migrations are not brought back".into()
        }
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::SwarmService
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => {
            "ConfigMaps and Secrets that it refers to, data and migrations are not brought back".into()
        }
    });
    warnings.extend(pins::warning(means));
    warnings.extend(words::owner(situation));
    warnings.extend(words::budget(situation));
    warnings
}

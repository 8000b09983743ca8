//! Telling a rollout that is under way to wait, to go on or to go back.

use std::sync::Arc;

use super::{
    Explanation, Plan, Planned, Refusal, Situation, Stage, Steer, Step, Target, Verb, restart,
    rollout::{orchestrated, words},
    wish::WITHIN,
};
use crate::domain::{Argo, Controller, ServiceKind};

pub(super) fn pause(situation: &Situation<'_>, paused: bool) -> Result<Plan, Refusal> {
    let done = if paused { "paused" } else { "resumed" };
    refuse_instance(situation)?;
    refuse_unpausable(situation, done)?;
    let (service, subject) = (situation.service, situation.subject());
    let is_paused = situation.orchestration().is_some_and(|orchestration| orchestration.paused);
    let argo = situation.known_means().and_then(orchestrated::argo::state);
    if let Some(argo) = argo.filter(|argo| !paused && !argo.paused_by_hand && argo.paused_for.is_some()) {
        return Err(Refusal::new(format!("{subject} was not paused by anybody: it is {}", state(argo)))
            .help("promote it, and it goes on; or abort it"));
    }
    if is_paused == paused {
        let how = if paused { "is paused already" } else { "is not paused" };
        return Err(Refusal::new(format!("{subject} {how}")));
    }
    let object = situation.whatever_object();
    let set = |paused| Step::Pause { service: service.id.clone(), paused, object: object.clone() };
    let steps = vec![Planned::new(set(paused)).undone_by(vec![set(!paused)])];
    let mut warnings = restart::common_warnings(situation);
    warnings.extend(words::owner(situation));
    if paused {
        warnings.push("until it is resumed, it is neither restarted, rolled out nor rolled back".into());
    } else {
        warnings.push("what was changed meanwhile begins to be rolled out at once".into());
    }
    let explains = Explanation {
        objects: vec![
            format!("{} {}, {} of {} ready", service.kind, service.id.name, service.ready, service.wanted).into(),
        ],
        how: vec![format!("the {} is {done}", service.kind).into()],
        promises: vec![if paused {
            "what runs goes on as it is".into()
        } else {
            "its own update rules say how it goes on".into()
        }],
        warnings,
        undo: vec![
            format!("taken back by the opposite: it is {} again", if paused { "resumed" } else { "paused" }).into(),
        ],
    };
    Ok(situation.plan(vec![Stage { title: service.id.name.clone(), steps }], explains))
}

fn refuse_instance(situation: &Situation<'_>) -> Result<(), Refusal> {
    match situation.request.target {
        Target::Service(_) => Ok(()),
        Target::Instance(_) => Err(Refusal::new(format!(
            "a rollout is the whole service's: one instance cannot be told to {}",
            situation.request.verb.word()
        ))
        .help("ask for the service")),
    }
}

fn refuse_unpausable(situation: &Situation<'_>, done: &str) -> Result<(), Refusal> {
    let (kind, subject, id) = (situation.service.kind, situation.subject(), &situation.service.id);
    let refusal = Refusal::new(format!("{subject} cannot be {done}: it is a {kind}"));
    Err(match kind {
        ServiceKind::Deployment | ServiceKind::Rollout => return Ok(()),
        ServiceKind::StatefulSet => {
            refusal.help("its partition holds a rollout back: those below it keep the old release")
        }
        ServiceKind::DaemonSet => refusal.help(format!(
            "its update strategy OnDelete holds a rollout back: kubectl -n {} edit daemonset {}",
            id.scope, id.name
        )),
        ServiceKind::CronJob => refusal
            .help(format!("kubectl -n {} patch cronjob {} -p '{{\"spec\":{{\"suspend\":true}}}}'", id.scope, id.name)),
        ServiceKind::ComposeService | ServiceKind::Container => refusal
            .help("an operation of the console's own is told to wait, to go on or to go back where it is watched"),
        ServiceKind::SwarmService | ServiceKind::Job | ServiceKind::Controlled | ServiceKind::Pod => {
            refusal.help("only a deployment and an Argo Rollout can be")
        }
    })
}

pub(super) fn steer(situation: &Situation<'_>, word: Steer) -> Result<Plan, Refusal> {
    refuse_instance(situation)?;
    let subject = situation.subject();
    let verb = Verb::Steer(word).word();
    match situation.service.kind {
        ServiceKind::ComposeService | ServiceKind::Container => {
            return Err(Refusal::new(format!(
                "nothing of {subject} can be told to {verb}: no controller rolls it out"
            ))
            .help("an operation of the console's own is told to go on or to go back where it is watched"));
        }
        ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout
        | ServiceKind::SwarmService
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => {}
    }
    let means = situation.means()?;
    let argo = match &means.controller {
        Some(Controller::Argo(argo)) => argo,
        Some(Controller::Flagger { name, phase, gates }) => {
            let refusal =
                Refusal::new(format!("Flagger ({name}, {phase} now) cannot be told to {verb}: it has no such word"));
            return Err(match gates.as_slice() {
                [] => refusal.help("it has no gate that waits for a person; going back is rolling its target back"),
                gates => refusal.help(format!("it asks its gates: {}", gates.join(", "))),
            });
        }
        None => {
            return Err(Refusal::new(format!(
                "nothing of {subject} can be told to {verb}: no controller rolls it out in steps"
            ))
            .help("a deployment is paused, resumed and rolled back"));
        }
    };
    allow(&subject, argo, word)?;
    let object = orchestrated::object(situation, means)?;
    let (service, at, release) = (situation.service.id.clone(), argo.step.map(|(at, _)| at), argo.wanted.clone());
    Ok(told(situation, argo, word, Step::Steer { service, object, word, at, release }))
}

/// What its state lets it be told; else why not, and what can be done.
fn allow(subject: &str, argo: &Argo, word: Steer) -> Result<(), Refusal> {
    let state = state(argo);
    let refuse = |why: String, help: &str| Err(Refusal::new(why).help(help));
    if !argo.under_way && !argo.paused_by_hand {
        return refuse(
            format!("nothing of {subject} is under way: it is {state}, and all of it runs what is wanted"),
            "roll out something, or roll back",
        );
    }
    if argo.aborted {
        return match word {
            Steer::Retry => Ok(()),
            Steer::Abort => {
                refuse(format!("{subject} was aborted already"), "roll back to make it stay so, or retry it")
            }
            Steer::Promote | Steer::PromoteFull => {
                refuse(format!("{subject} was aborted: there is nothing to promote"), "retry it first, or roll back")
            }
        };
    }
    let waits = argo.paused_for.is_some() || argo.paused_by_hand || argo.analysing || argo.inconclusive;
    match word {
        Steer::Promote if waits => Ok(()),
        Steer::Promote => refuse(
            format!("{subject} waits for nobody: it is {state}"),
            "promote it fully to pass over what is left of its steps, or pause it",
        ),
        Steer::PromoteFull | Steer::Abort if argo.under_way => Ok(()),
        Steer::PromoteFull | Steer::Abort => {
            refuse(format!("nothing of {subject} is under way: it is only paused"), "resume it, or promote it")
        }
        Steer::Retry => refuse(format!("{subject} was not aborted: it is {state}"), "there is nothing to try again"),
    }
}

/// "Paused (CanaryPauseStep) at step 2 of 8"
fn state(argo: &Argo) -> String {
    let why = argo.paused_for.as_ref().map_or(String::new(), |why| format!(" ({why})"));
    let place = argo.step.map_or(String::new(), |(at, of)| format!(" at step {at} of {of}"));
    format!("{}{why}{place}", argo.phase)
}

fn told(situation: &Situation<'_>, argo: &Argo, word: Steer, step: Step) -> Plan {
    let service = situation.service;
    let id = &service.id;
    let mut steps = vec![Planned::new(step)];
    let mut warnings = restart::common_warnings(situation);
    let (how, undo) = match word {
        Steer::Promote => {
            if argo.analysing {
                warnings.push("an analysis is at work in this step, and is passed over".into());
            }
            if argo.inconclusive {
                warnings.push("its analysis could not tell whether the new release does well".into());
            }
            ("it goes on to its next step", "once it goes on, it goes back by being aborted")
        }
        Steer::PromoteFull => {
            steps.push(Planned::new(Step::AwaitRollout { service: id.clone(), within: WITHIN, wants: None }));
            warnings.push("pauses, weights and analyses that are left are passed over".into());
            (
                "it passes over all that is left of its steps",
                "once it goes on, it goes back by being aborted or rolled back",
            )
        }
        Steer::Abort => {
            warnings.push(
                format!("its definition still says the new release, which a retry or any change brings again: roll {} back next to make it stay", id.name).into(),
            );
            ("all requests go back to the stable release", "taken back by a retry, which begins with its first step")
        }
        Steer::Retry => {
            warnings.push("the same release that was aborted is tried again, from the first step".into());
            ("it begins with its first step again", "taken back by aborting it")
        }
    };
    warnings.extend(words::owner(situation));
    let explains = Explanation {
        objects: vec![
            format!("rollout {}, {}, {} of {} ready", id.name, state(argo), service.ready, service.wanted).into(),
        ],
        how: vec![how.into()],
        promises: vec!["its own strategy keeps to its own limits".into()],
        warnings,
        undo: vec![Arc::from(undo)],
    };
    situation.plan(vec![Stage { title: id.name.clone(), steps }], explains)
}

//! A few pods of the new release beside all of the old one, in a deployment of their own; then the deployment itself is rolled.

use std::sync::Arc;

use super::{
    super::{
        ask, carriers, companions, percents, real_share,
        words::{self, several},
    },
    Update, pins,
    set::{Selectors, Set, each},
};
use crate::{
    domain::Route,
    plan::{
        Explanation, Gate, Group, Plan, Planned, Refusal, Stage, Step, Traffic,
        wish::{Canary, Then, Weight},
    },
};

pub(super) fn plan(update: &Update<'_>, wish: &Canary) -> Result<Plan, Refusal> {
    let (situation, id) = (update.situation, update.id());
    refuse_unsettled(update, "canary")?;
    let selectors = Selectors::of(update);
    // Without knowing which pods are the old ones, requests cannot be kept from the new ones.
    let divider = divider(update).filter(|_| selectors.is_empty() || selectors.hash().is_some());
    let set = Set::new(update, "canary", divider.is_some())?;
    let within = wish.within;
    let wanted = situation.service.wanted;

    let mut stages = Vec::new();
    let mut running = 0;
    if divider.is_none() {
        stages.extend(pins::let_go(id, update.means));
    }
    for weight in &wish.steps {
        let mut steps = Vec::new();
        let pods = pods(divider.is_some(), wanted, *weight);
        if running == 0 {
            if divider.is_some() {
                steps.extend(each(selectors.to_now(), &selectors.to_all()));
            }
            steps.push(set.make(pods));
        } else if pods > running {
            steps.push(set.scale(pods, running));
        }
        if pods > running {
            let wait = update.await_rollout(&set.id, within);
            // Before the set is removed, which may take its time, nobody's requests hang on pods of one template.
            let is_first = running == 0 && divider.is_some();
            steps.push(if is_first { wait.undone_by(set.let_go(within, &selectors)) } else { wait });
        }
        running = running.max(pods);
        steps.extend(divider.map(|route| part(update, route, &set, weight.percent)));
        steps.extend(verdict(update, &set, *weight));
        stages.push(Stage { title: format!("{} %", weight.percent).into(), steps });
    }

    let mut rest = Vec::new();
    if let Some(route) = divider {
        // Before the old pods go, whoever sends to them must send to the others too. Nothing of it has to be taken back: what the first
        // steps take back is the same.
        rest.extend(selectors.to_all().into_iter().map(Planned::new));
        rest.push(Planned::new(shift(update, route, Traffic::Whole { canary: set.id.name.clone() })));
    }
    rest.push(update.update(None, within));
    rest.push(update.await_update(within));
    stages.push(Stage { title: id.name.clone(), steps: rest });
    stages.push(Stage { title: "tidy up".into(), steps: vec![set.discard()] });

    let minimum = update.minimum(None);
    let mut explains = Explanation {
        objects: update.objects(),
        how: how(update, wish, divider, &set, &selectors),
        promises: update.promises(minimum),
        warnings: update.warnings(None),
        undo: update.undo_words(),
    };
    explains.undo.insert(
        0,
        format!("stopped or failed before {} is touched: {} is removed, nothing else", id.name, set.id.name).into(),
    );
    if let Some(scaler) = situation.orchestration().and_then(|orchestration| orchestration.autoscaler.as_ref()) {
        explains.warnings.push(
            format!(
                "the autoscaler {} measures the new pods with the old ones, and may change how many old ones there are",
                scaler.name
            )
            .into(),
        );
    }
    explains.warnings.push(update.alone());
    if divider.is_none() && selectors.is_empty() {
        explains.warnings.push("no Service sends to it: the new pods get what they fetch themselves".into());
    }
    Ok(Plan { minimum, ..situation.plan(stages, explains) })
}

/// While the service itself is neither this nor that, nothing can be compared with it.
pub(super) fn refuse_unsettled(update: &Update<'_>, strategy: &str) -> Result<(), Refusal> {
    let service = update.situation.service;
    let subject = update.situation.subject();
    let updated = update.situation.orchestration().and_then(|orchestration| orchestration.updated);
    if service.wanted == 0 {
        return Err(Refusal::new(format!("nothing of {subject} is wanted now")).help("scale it up first"));
    }
    if service.ready == 0 || updated.is_some_and(|updated| updated < service.wanted) {
        let what = format!("{subject} has {} of {} ready and is not all of one release", service.ready, service.wanted);
        return Err(Refusal::new(format!("a {strategy} needs a service that works: {what}"))
            .help("roll it, or roll it back first"));
    }
    Ok(())
}

fn divider<'a>(update: &Update<'a>) -> Option<&'a Route> {
    let find = |is: fn(&Route) -> bool| update.means.routes.iter().find(|route| is(route));
    find(|route| matches!(route, Route::HttpRoute { .. }))
        .or_else(|| find(|route| matches!(route, Route::Ingress { .. })))
}

fn pods(is_divided: bool, wanted: u32, weight: Weight) -> u32 {
    if is_divided { carriers(wanted, weight.percent) } else { companions(wanted, weight.percent) }
}

/// Whatever was reached before: what is in doubt gets nothing at all any more.
fn part(update: &Update<'_>, route: &Route, set: &Set<'_>, percent: u8) -> Planned {
    let canary = set.id.name.clone();
    let whole = shift(update, route, Traffic::Whole { canary: canary.clone() });
    Planned::new(shift(update, route, Traffic::Part { canary, percent })).undone_by(vec![whole])
}

fn shift(update: &Update<'_>, route: &Route, to: Traffic) -> Step {
    Step::Shift { service: update.id().clone(), route: route.clone(), to }
}

fn verdict(update: &Update<'_>, set: &Set<'_>, weight: Weight) -> Vec<Planned> {
    let (new, old) = (Group::All(set.id.clone()), Group::All(update.id().clone()));
    let mut steps = Vec::new();
    if let Then::Watch(seconds) = weight.then
        && seconds > 0
    {
        steps.push(update.gate(Gate::Health { seconds }, new.clone(), old.clone()));
    }
    steps.extend(update.asked(&new, &old));
    if weight.then == Then::Ask {
        let says = format!("{} % has {}: go on?", weight.percent, update.edits.title());
        steps.push(update.gate(ask(says), new, old));
    }
    steps
}

fn how(
    update: &Update<'_>,
    wish: &Canary,
    divider: Option<&Route>,
    set: &Set<'_>,
    selectors: &Selectors<'_>,
) -> Vec<Arc<str>> {
    let (name, old) = (&update.id().name, update.situation.service.wanted);
    let part = |weight: &Weight| {
        let new = pods(divider.is_some(), old, *weight);
        let then = match weight.then {
            Then::Watch(seconds) => format!("watched for {seconds} s"),
            Then::Ask => "until you say go on".into(),
        };
        let (percent, many) = (weight.percent, several(new as usize, "new pod"));
        if divider.is_some() {
            return format!("{percent} % to {many}, {then}");
        }
        let share = real_share(new, old);
        let asked = if share == u32::from(percent) { String::new() } else { format!(", not {percent} %") };
        format!("{many} beside {old} ({new} of {}, about {share} % of the requests{asked}), {then}", new + old)
    };
    let parts = percents(wish.steps.iter().map(part));
    let mut how: Vec<Arc<str>> = vec![
        format!("canary of {} in {}: {parts}; then {name} itself is rolled", update.edits.title(), set.id.name).into(),
    ];
    how.push(match divider {
        Some(route) => format!("requests are divided by {}", route.title()).into(),
        None if selectors.is_empty() => "nothing divides requests".into(),
        None => {
            format!("{} sends to all pods alike: a part of the pods is that part of the requests", selectors.title())
                .into()
        }
    });
    how.push(format!("each part must be ready within {} s", wish.within).into());
    how.extend(words::gates(update.gates, "after each part"));
    how
}

//! An Argo Rollout has steps, weights and analyses of its own: its template is changed, and it is followed.

use std::sync::Arc;

use super::{Update, words};
use crate::{
    domain::{Argo, Controller, Means},
    plan::{Explanation, Group, Plan, Refusal, RollOut, Stage, Strategy},
};

pub(in crate::plan) fn state(means: &Means) -> Option<&Argo> {
    match &means.controller {
        Some(Controller::Argo(argo)) => Some(argo),
        Some(Controller::Flagger { .. }) | None => None,
    }
}

pub(super) fn plan(update: &Update<'_>, wish: &RollOut) -> Result<Plan, Refusal> {
    let (situation, id) = (update.situation, update.id());
    let subject = situation.subject();
    let argo = state(update.means);
    let own = argo.map_or("own", |argo| &*argo.strategy);
    let within = match &wish.strategy {
        Strategy::Rolling(rolling) if rolling.pace.is_some() => {
            return Err(Refusal::new(format!("{subject} has no pace that could be given: it is an Argo Rollout"))
                .help("its pace is in its own strategy"));
        }
        Strategy::Rolling(rolling) => rolling.within,
        Strategy::Canary(canary) if argo.is_none() || own == "canary" => canary.within,
        Strategy::BlueGreen(blue_green) if argo.is_none() || own == "blue-green" => blue_green.within,
        strategy @ (Strategy::Canary(_) | Strategy::BlueGreen(_)) => {
            return Err(Refusal::new(format!(
                "{subject} cannot be rolled out {}: its own strategy is {own}",
                strategy.word()
            ))
            .help(format!("roll it out without one, or {own}: its own steps are taken")));
        }
    };
    if let Some(argo) = argo.filter(|argo| argo.paused_by_hand) {
        return Err(Refusal::new(format!(
            "{subject} is paused ({}): nothing of it is replaced until it is resumed",
            argo.phase
        ))
        .help(format!("resume it first: kubectl argo rollouts promote {} -n {}", id.name, id.scope)));
    }
    super::refuse_gates_without_way_back(update)?;
    let mut steps = vec![update.update(None, within), update.await_update(within)];
    steps.extend(update.asked(&Group::Newest(id.clone()), &Group::Older(id.clone())));
    let stages = vec![Stage { title: id.name.clone(), steps }];

    let title = update.edits.title();
    let mut how: Vec<Arc<str>> = vec![
        format!("the rollout's {own} strategy brings {title}, by its own steps, all within {within} s").into(),
        "where it pauses for a person, this waits too: promote it, or abort it".into(),
    ];
    if let Some(workload) = argo.and_then(|argo| argo.workload.as_ref()) {
        how.push(format!("its template is that of {workload}: that is what is changed").into());
    }
    how.extend(words::gates(update.gates, "then"));

    let minimum = update.minimum(None);
    // Its own strategy is its pace.
    let mut warnings: Vec<Arc<str>> = update.warnings(update.means.pace.or(Some(Default::default())));
    if matches!(wish.strategy, Strategy::Canary(_) | Strategy::BlueGreen(_)) {
        warnings.push("weights and waits are those of the rollout itself, not those that were given".into());
    }
    if let Some(argo) = argo.filter(|argo| argo.under_way) {
        let place = argo.step.map_or(String::new(), |(at, of)| format!(", at step {at} of {of}"));
        warnings
            .push(format!("another rollout of it is under way ({}{place}): this takes its place", argo.phase).into());
    }
    let mut undo = update.undo_words();
    undo.push("going back to what was stable needs no steps: Argo does it at once".into());
    let explains = Explanation { objects: update.objects(), how, promises: update.promises(minimum), warnings, undo };
    Ok(Plan { minimum, ..situation.plan(stages, explains) })
}

//! As many pods of the new release beside the old ones; the Services are switched to them at once, and the deployment itself follows.

use std::sync::Arc;

use super::{
    super::{
        ask,
        words::{self, several},
    },
    Update,
    canary::refuse_unsettled,
    set::{Selectors, Set, each},
};
use crate::plan::{Explanation, Gate, Group, Plan, Refusal, Stage, wish::BlueGreen};

pub(super) fn plan(update: &Update<'_>, wish: &BlueGreen) -> Result<Plan, Refusal> {
    let (situation, id) = (update.situation, update.id());
    refuse_unsettled(update, "blue-green rollout")?;
    let selectors = Selectors::of(update);
    if selectors.is_empty() {
        return Err(Refusal::new(format!("no Service sends to {}: there is nothing to switch", situation.subject()))
            .help("roll it, or begin with a canary"));
    }
    if selectors.hash().is_none() {
        return Err(Refusal::new(format!("which pods of {} are the old ones is not known", situation.subject()))
            .help("roll it instead"));
    }
    let set = Set::new(update, "green", false)?;
    let (within, wanted) = (wish.within, situation.service.wanted);
    let (new, old) = (Group::All(set.id.clone()), Group::All(id.clone()));

    let mut beside = each(selectors.to_now(), &selectors.to_all());
    beside.push(set.make(wanted));
    beside.push(update.await_rollout(&set.id, within).undone_by(set.let_go(within, &selectors)));
    beside.extend(update.asked(&new, &old));
    if wish.ask {
        let says = format!("all of {} is ready: switch to it?", update.edits.title());
        beside.push(update.gate(ask(says), new.clone(), old.clone()));
    }
    if wish.ask || !update.gates.is_empty() {
        // That was a while ago.
        beside.push(update.await_rollout(&set.id, within));
    }
    let mut switch = each(selectors.to_set(&set.id), &selectors.to_now());
    let kept = wish.keep.max(wish.drain);
    if kept > 0 {
        switch.push(update.gate(Gate::Health { seconds: kept }, new, old));
    }
    let mut main = vec![update.update(None, within), update.await_update(within)];
    main.extend(each(selectors.to_all(), &selectors.to_set(&set.id)));
    let stages = vec![
        Stage { title: set.id.name.clone(), steps: beside },
        Stage { title: "switch".into(), steps: switch },
        Stage { title: id.name.clone(), steps: main },
        Stage { title: "tidy up".into(), steps: vec![set.discard()] },
    ];

    let minimum = wanted.min(situation.service.ready);
    let mut explains = Explanation {
        objects: update.objects(),
        how: how(update, wish, &set, &selectors),
        promises: update.promises(minimum),
        warnings: update.warnings(None),
        undo: update.undo_words(),
    };
    if let Some(scaler) = situation.orchestration().and_then(|orchestration| orchestration.autoscaler.as_ref()) {
        explains.warnings.push(
            format!(
                "the autoscaler {} measures the pods of both, and changes how many old ones there are: of the new \
                 ones there are {wanted} until the deployment itself is changed",
                scaler.name
            )
            .into(),
        );
    }
    explains.warnings.push(update.alone());
    explains.undo.insert(
        0,
        format!("until {} itself is changed, going back is one switch: the old pods run on", id.name).into(),
    );
    Ok(Plan { minimum, ..situation.plan(stages, explains) })
}

fn how(update: &Update<'_>, wish: &BlueGreen, set: &Set<'_>, selectors: &Selectors<'_>) -> Vec<Arc<str>> {
    let many = several(update.situation.service.wanted as usize, "pod");
    let when = if wish.ask { "when you say so" } else { "then" };
    let (title, by, name) = (update.edits.title(), selectors.title(), &update.id().name);
    let (kept, within) = (wish.keep.max(wish.drain), wish.within);
    let mut how: Vec<Arc<str>> = vec![
        format!("blue-green to {title}: {many} in {} beside the old, ready within {within} s; {when} {by} is switched at once", set.id.name).into(),
        format!("the old pods run on for {kept} s to switch back to; then {name} itself is rolled, and gets its requests back").into(),
        "meanwhile twice as many run: see that the cluster has room".into(),
    ];
    how.extend(words::gates(update.gates, "before the switch"));
    how
}

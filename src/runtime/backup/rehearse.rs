//! A restore that is rehearsed, in an instance by itself, and what it proves.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{SCRATCH_LIVES, Site, program, prove, recipe_of, restore::Restoring};
use crate::{
    backend::{Scratch, ScratchKind, StepError},
    domain::{Counts, InstanceId, Outcome, Trial, Trouble},
    plan::Returned,
};

/// A server that has nothing yet makes its files first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(180);
const BETWEEN: Duration = Duration::from_millis(500);

/// `Failed` also where the snapshot is as it should be and no instance could be made: only what was tried in one is written down.
pub async fn rehearse(site: Site<'_>, order: &Returned) -> Result<(), StepError> {
    let Site { backend, access, progress } = site;
    let what = format!("{} could not be rehearsed", order.snapshot);
    // By its own kind: a path in it need not be there, and its program would be in the way.
    let kind = if order.item.method.wants_path() { ScratchKind::Empty } else { ScratchKind::Server };
    progress(&format!("makes an instance by itself, like {}", order.name));
    let wanted =
        Scratch { like: order.instance.clone(), service: order.item.service.clone(), kind, within: SCRATCH_LIVES };
    let scratch = backend.scratch(wanted).await.map_err(StepError::Failed)?;
    let tried = try_in(site, order, &scratch, &what).await;
    progress("throws it away");
    let discarded = backend.discard(scratch).await;
    let outcome = match &tried {
        Ok(Tried { counts, .. }) => Outcome::Opened(counts.clone()),
        Err(Untried::Disproven(trouble)) => Outcome::Failed(trouble.why.clone()),
        Err(Untried::Unknown(error)) => return Err(error.clone()),
    };
    let took = tried.as_ref().map_or(Duration::ZERO, |tried| tried.took);
    prove(access, order, Trial::Rehearsed, took, outcome).await?;
    match tried {
        Ok(_) => discarded.map_err(StepError::Failed),
        Err(Untried::Disproven(trouble)) => Err(StepError::Failed(trouble)),
        Err(Untried::Unknown(error)) => Err(error),
    }
}

struct Tried {
    counts: Counts,
    took: Duration,
}

enum Untried {
    /// It is the snapshot's fault.
    Disproven(Trouble),
    Unknown(StepError),
}

async fn try_in(site: Site<'_>, order: &Returned, scratch: &InstanceId, what: &str) -> Result<Tried, Untried> {
    let order = Returned { instance: scratch.clone(), ..order.clone() };
    let restoring = Restoring::of(site, &order, what).await.map_err(Untried::Unknown)?;
    if !order.item.method.wants_path() {
        answers(site, &order, what).await.map_err(Untried::Unknown)?;
    }
    let began = Instant::now();
    let disproven = |error| match error {
        StepError::Failed(trouble) => Untried::Disproven(trouble),
        error @ (StepError::Lost(_) | StepError::Unsure(_)) => Untried::Unknown(error),
    };
    let counts = restoring.bring().await.map_err(disproven)?;
    restoring.swap().await.map_err(disproven)?;
    restoring.compare().await.map_err(disproven)?;
    Ok(Tried { counts, took: began.elapsed() })
}

/// Until its server does; what it says then is what it said last.
async fn answers(site: Site<'_>, order: &Returned, what: &str) -> Result<(), StepError> {
    let recipe = recipe_of(site.backend, &order.item)?;
    let script = recipe.survey(&order.item).script(recipe);
    (site.progress)("waits until its server answers");
    let began = Instant::now();
    loop {
        let ran = program::ask(site.backend, &order.instance, &script).await;
        let is_missing = ran.as_ref().is_ok_and(|ran| ran.reported("missing").next().is_some());
        let ran = ran.and_then(|ran| ran.succeeded(what).map_err(StepError::Failed));
        let Err(error) = ran else { return Ok(()) };
        // No wait brings a tool.
        if is_missing || began.elapsed() >= ANSWERS_WITHIN {
            return Err(error);
        }
        sleep(BETWEEN).await;
    }
}

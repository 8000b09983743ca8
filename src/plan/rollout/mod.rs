//! A new release, by a strategy: by the console itself where containers are all that there is, by the orchestrator where one is.

use std::sync::Arc;

use super::{Gate, Plan, Refusal, RollOut, Situation, Strategy, Target, wish::OnFailure};
use crate::domain::{Means, ServiceKind};

pub(super) mod containers;
mod edits;
pub(super) mod orchestrated;
pub(super) mod words;

#[cfg(test)]
mod tests;

pub(super) fn roll_out(situation: &Situation<'_>, wish: &RollOut) -> Result<Plan, Refusal> {
    refuse_instance(situation)?;
    refuse_kind(situation, "rolled out")?;
    let means = situation.means()?;
    let wish = &RollOut { edits: edits::checked(situation, means, &wish.edits)?, ..wish.clone() };
    check_strategy(&wish.strategy)?;
    if let Some(obstacle) = &means.obstacle {
        return Err(Refusal::new(format!("nothing new may be created for {} now: {obstacle}", situation.subject()))
            .help("make room first, or ask who sets the limit"));
    }
    if let Some(full) = means.full.as_ref().filter(|_| needs_room(situation, means, &wish.strategy)) {
        return Err(Refusal::new(format!("there is no room for one more of {} now: {full}", situation.subject()))
            .help("make room first, ask who sets the limit, or roll it with none more and one missing at a time"));
    }
    let plan = match situation.service.kind {
        ServiceKind::ComposeService | ServiceKind::Container => containers::plan(situation, means, wish)?,
        ServiceKind::Deployment | ServiceKind::StatefulSet | ServiceKind::DaemonSet | ServiceKind::Rollout => {
            orchestrated::plan(situation, means, wish)?
        }
        ServiceKind::SwarmService
        | ServiceKind::Job
        | ServiceKind::CronJob
        | ServiceKind::Controlled
        | ServiceKind::Pod => unreachable!("refused above"),
    };
    Ok(Plan { turns: wish.on_failure == OnFailure::Undo, ..plan })
}

/// Whether new ones are made before old ones go.
fn needs_room(situation: &Situation<'_>, means: &Means, strategy: &Strategy) -> bool {
    match strategy {
        Strategy::Canary(_) | Strategy::BlueGreen(_) => true,
        Strategy::Rolling(rolling) => {
            let surge = rolling.pace.or(means.pace).map_or(0, |pace| pace.max_surge);
            let missing = rolling.pace.or(means.pace).map_or(0, |pace| pace.max_unavailable);
            // One that may be missing as well makes its own room.
            situation.service.kind != ServiceKind::StatefulSet && surge > 0 && missing == 0
        }
    }
}

/// A release is the whole service's.
pub(super) fn refuse_instance(situation: &Situation<'_>) -> Result<(), Refusal> {
    match &situation.request.target {
        Target::Service(_) => Ok(()),
        Target::Instance(_) => {
            let id = &situation.service.id;
            Err(Refusal::new("one instance alone cannot have another release than the others")
                .help(format!("ask for all of {}/{}; a canary begins with a part of it", id.scope, id.name)))
        }
    }
}

/// What has no releases that the console could bring about.
pub(super) fn refuse_kind(situation: &Situation<'_>, done: &str) -> Result<(), Refusal> {
    let (id, subject) = (&situation.service.id, situation.subject());
    let (scope, name) = (&id.scope, &id.name);
    let refusal = match situation.service.kind {
        ServiceKind::ComposeService
        | ServiceKind::Container
        | ServiceKind::Deployment
        | ServiceKind::StatefulSet
        | ServiceKind::DaemonSet
        | ServiceKind::Rollout => return Ok(()),
        ServiceKind::SwarmService => {
            Refusal::new(format!("{subject} is a swarm service: it is not {done} from here")).help(format!(
                "docker service update --image IMAGE {name}, and back by docker service rollback {name}; restarting it works here"
            ))
        }
        ServiceKind::Job => Refusal::new(format!("{subject} is a job: it runs once, as it was made, and is not {done}"))
            .help("delete it and make it anew from its manifest"),
        ServiceKind::CronJob => {
            Refusal::new(format!("{subject} is a cronjob: nothing of it runs that could be {done}")).help(format!(
                "its next job has what is set now: kubectl -n {scope} set image cronjob/{name} CONTAINER=IMAGE"
            ))
        }
        ServiceKind::Controlled => {
            Refusal::new(format!("{subject} belongs to the controller {name}, which alone knows how it is {done}"))
                .help("change the object that the controller looks after")
        }
        ServiceKind::Pod => {
            Refusal::new(format!("{subject} is a lone pod: nothing makes it anew, so it cannot be {done}"))
                .help("delete it and make it anew from its manifest, better as a deployment")
        }
    };
    Err(refusal)
}

fn check_strategy(strategy: &Strategy) -> Result<(), Refusal> {
    match strategy {
        Strategy::Rolling(rolling) => match rolling.pace {
            Some(pace) if pace.max_surge == 0 && pace.max_unavailable == 0 => {
                Err(Refusal::new("none more and none missing leaves no way to replace one")
                    .help("allow one more (max surge) or one missing (max unavailable)"))
            }
            Some(_) | None => Ok(()),
        },
        Strategy::Canary(canary) => {
            let percents: Vec<u8> = canary.steps.iter().map(|step| step.percent).collect();
            if percents.is_empty() {
                return Err(Refusal::new("a canary needs at least one step").help("for example 10 %, then 50 %"));
            }
            if let Some(percent) = percents.iter().find(|percent| !(1..=100).contains(*percent)) {
                return Err(Refusal::new(format!("{percent} % is no part of the traffic")).help("1 to 100"));
            }
            if percents.is_sorted_by(|a, b| a < b) {
                Ok(())
            } else {
                Err(Refusal::new("the steps of a canary only grow").help("for example 10 %, then 50 %"))
            }
        }
        Strategy::BlueGreen(_) => Ok(()),
    }
}

/// A person is asked.
pub(super) fn ask(says: String) -> Gate {
    Gate::Person { says: says.into() }
}

/// So many new instances for so much of the traffic, where something divides the requests: none gets more than an old one does.
pub(super) fn carriers(wanted: u32, percent: u8) -> u32 {
    wanted.saturating_mul(u32::from(percent)).div_ceil(100).clamp(1, wanted.max(1))
}

/// So many new instances beside all the old ones, where each gets as many requests as any other.
pub(super) fn companions(wanted: u32, percent: u8) -> u32 {
    let (wanted, percent) = (u64::from(wanted.max(1)), u64::from(percent.min(100)));
    let exact = if percent == 100 { wanted } else { (wanted * percent * 2 + (100 - percent)) / ((100 - percent) * 2) };
    u32::try_from(exact.clamp(1, wanted)).unwrap_or(u32::MAX)
}

/// What `companions` comes to, in hundredths.
pub(super) fn real_share(new: u32, old: u32) -> u32 {
    (u64::from(new) * 100)
        .checked_div(u64::from(new) + u64::from(old))
        .map_or(0, |share| u32::try_from(share).unwrap_or(100))
}

/// "10 %, then 50 %"
fn percents(parts: impl Iterator<Item = String>) -> Arc<str> {
    parts.collect::<Vec<_>>().join(", then ").into()
}

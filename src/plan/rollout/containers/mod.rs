//! Rollouts where the console makes the containers itself. Nothing is removed before all that is new does well: until then, what gave way
//! is only stopped, and can be started again.

use std::sync::Arc;

use super::{words, words::several};
use crate::{
    domain::{Instance, InstanceId, Means, Pace, Service, ServiceKind},
    plan::{
        Edits, Explanation, Gate, Group, Plan, Planned, Recipe, Refusal, RollOut, Situation, Stage, Stamp, Step,
        Strategy,
        proxies::Proxies,
        restart,
        slots::{Slot, slots},
        wish::Rolling,
    },
};

mod blue_green;
mod canary;
mod rolling;
mod turn;

use turn::{Turn, refuse_lodgers, turn, unnamed, writable};

pub(in crate::plan) fn plan(situation: &Situation<'_>, means: &Means, wish: &RollOut) -> Result<Plan, Refusal> {
    let recipe = Recipe::Edited(wish.edits.clone());
    let pace = match &wish.strategy {
        Strategy::Rolling(rolling) => rolling.pace,
        Strategy::Canary(_) | Strategy::BlueGreen(_) => None,
    };
    let roll = Roll::new(situation, means, recipe, pace, &wish.gates)?;
    let (stages, how) = match &wish.strategy {
        Strategy::Rolling(rolling) => (rolling::stages(&roll, rolling), rolling::how(&roll, rolling)),
        Strategy::Canary(canary) => {
            roll.refuse_beside("canary")?;
            (canary::stages(&roll, canary), canary::how(&roll, canary))
        }
        Strategy::BlueGreen(blue_green) => {
            roll.refuse_beside("blue-green")?;
            (blue_green::stages(&roll, blue_green), blue_green::how(&roll, blue_green))
        }
    };
    let mut explains = roll.explains(how);
    explains.warnings.extend(super::words::floating(&wish.edits));
    if let (Strategy::BlueGreen(_), true) = (&wish.strategy, roll.proxies.is_empty()) {
        let name = &situation.service.id.name;
        explains.warnings.push(
            format!(
                "no proxy is known that could be switched: behind the name {name} both answer until the old are stopped"
            )
            .into(),
        );
    }
    Ok(roll.plan(stages, explains))
}

/// The same, one after the other, to a release that the host keeps.
pub(in crate::plan) fn back(
    situation: &Situation<'_>,
    means: &Means,
    recipe: Recipe,
) -> Result<(Plan, Explanation), Refusal> {
    let roll = Roll::new(situation, means, recipe, None, &[])?;
    let rolling = Rolling::default();
    let explains = roll.explains(rolling::how(&roll, &rolling));
    Ok((roll.plan(rolling::stages(&roll, &rolling), Explanation::default()), explains))
}

struct Roll<'a> {
    situation: &'a Situation<'a>,
    means: &'a Means,
    slots: Vec<Slot<'a>>,
    proxies: Proxies<'a>,
    recipe: Recipe,
    gates: &'a [Gate],
    /// Seconds for which a new one must do well before it counts.
    min_ready: u32,
    turn: Turn,
    /// What runs now has to be written down first, to be gone back to.
    unwritten: Option<u64>,
    /// Of the new release.
    release: u64,
}

impl<'a> Roll<'a> {
    fn new(
        situation: &'a Situation<'a>,
        means: &'a Means,
        recipe: Recipe,
        pace: Option<Pace>,
        gates: &'a [Gate],
    ) -> Result<Self, Refusal> {
        let subject = situation.subject();
        if situation.is_meant_to_end() {
            return Err(Refusal::new(format!("{subject} is meant to end: other services wait for that"))
                .help("change its image where it is written down, and run it anew"));
        }
        let holders: Vec<&Instance> =
            situation.instances.iter().copied().filter(|instance| restart::is_wanted(instance)).collect();
        if holders.is_empty() {
            return Err(Refusal::new(format!("nothing of {subject} runs")).help("start it first"));
        }
        restart::refuse_removed(&holders)?;
        refuse_lodgers(&holders, means)?;
        // What nobody has written down is written down under the next number, before anything is changed.
        let unwritten = (!is_current_kept(means)).then_some(means.next);
        let release = means.next + u64::from(unwritten.is_some());
        let slots = slots(&situation.service.id, release, &situation.instances, means);
        let leftovers: Vec<&Instance> = slots.iter().flat_map(|slot| &slot.leftovers).copied().collect();
        restart::refuse_removed(&leftovers)?;
        let holders: Vec<&Instance> = slots.iter().map(|slot| slot.old).collect();
        let turn = turn(&holders, means, pace);
        let proxies = Proxies::of(&situation.service.id, means);
        let min_ready = pace.map_or(0, |pace| pace.min_ready);
        Ok(Self { situation, means, slots, proxies, recipe, gates, min_ready, turn, unwritten, release })
    }

    /// Two releases at once, which some services cannot bear.
    fn refuse_beside(&self, strategy: &str) -> Result<(), Refusal> {
        match &self.turn {
            Turn::NewFirst => Ok(()),
            Turn::OldFirst(why) => {
                let subject = self.situation.subject();
                Err(Refusal::new(format!("{subject} cannot be rolled out {strategy}: {why}"))
                    .help("it can be rolled: the old one is stopped first, and started again if the new one fails"))
            }
        }
    }

    /// Those that get requests now.
    fn serving(&self) -> Vec<InstanceId> {
        self.slots.iter().filter(|slot| slot.held_ready()).map(|slot| slot.old.id.clone()).collect()
    }

    fn old(&self) -> Vec<InstanceId> {
        self.slots.iter().map(|slot| slot.old.id.clone()).collect()
    }

    /// The first `count` of the new ones.
    fn new_ones(&self, count: usize) -> Vec<InstanceId> {
        self.slots.iter().take(count).map(|slot| slot.new.clone()).collect()
    }

    /// Never fewer are ready than this, as far as it is up to us.
    fn minimum(&self) -> u32 {
        let ready = self.serving().len();
        let fewest = match self.turn {
            Turn::NewFirst => ready,
            // While there is a broken one, it has its turn first.
            Turn::OldFirst(_) if ready < self.slots.len() => ready,
            Turn::OldFirst(_) => ready - 1,
        };
        u32::try_from(fewest).unwrap_or(u32::MAX)
    }

    fn gate(&self, gate: Gate, new: Vec<InstanceId>, old: Vec<InstanceId>) -> Planned {
        let service = self.situation.service.id.clone();
        Planned::new(Step::Gate { service, gate, new: Group::Instances(new), old: Group::Instances(old) })
    }

    /// `new` must stay well for so long; nothing for no time.
    fn watch(&self, seconds: u32, new: Vec<InstanceId>) -> Option<Planned> {
        (seconds > 0 && !new.is_empty()).then(|| self.gate(Gate::Health { seconds }, new, Vec::new()))
    }

    /// The gates that were asked for. What has been stopped still has its log to compare with.
    fn asked(&self, new: &[InstanceId], old: &[InstanceId]) -> Vec<Planned> {
        let old = if old.is_empty() { self.old() } else { old.to_vec() };
        self.gates.iter().map(|gate| self.gate(gate.clone(), new.to_vec(), old.clone())).collect()
    }

    /// It is made first of all, so when all is taken back, the proxies get their own words again at the very end, when the names stand for
    /// the old ones alone.
    fn make(&self, place: usize) -> Planned {
        let mut then = if place == 0 { self.proxies.as_before() } else { Vec::new() };
        if !self.serving().is_empty() {
            then.extend(self.proxies.look_up(&format!("{} is gone again", self.slots[place].meanwhile)));
        }
        self.slots[place].make(&self.recipe, then)
    }

    /// It bears the service's names: whoever asks for them only when told is told.
    fn join(&self, place: usize) -> Vec<Planned> {
        let come = self.proxies.look_up(&format!("{} has come", self.slots[place].meanwhile));
        std::iter::once(self.slots[place].join()).chain(come.into_iter().map(Planned::new)).collect()
    }

    /// With `others` to answer meanwhile. Going back ends with `then`.
    fn stop_old(&self, place: usize, within: u32, others: &[InstanceId], mut then: Vec<Step>) -> Vec<Planned> {
        let slot = &self.slots[place];
        if slot.held_ready() {
            then.extend(self.proxies.look_up(&format!("{} is back", slot.old.name)));
        }
        let mut steps = slot.stop_old(within, &then);
        // A name that is nobody's would fail its test.
        if !others.is_empty() {
            let gone = self.proxies.look_up(&format!("{} has gone", slot.old.name));
            steps.extend(gone.into_iter().map(Planned::new));
        }
        steps
    }

    /// Before anything is touched: what runs now, if nobody wrote it down yet.
    fn beginning(&self) -> Option<Stage> {
        let release = self.unwritten?;
        let like = self.slots.iter().find(|slot| slot.held_ready()).unwrap_or(&self.slots[0]);
        Some(Stage { title: "history".into(), steps: vec![Planned::new(self.record(release, like.old.id.clone()))] })
    }

    fn record(&self, release: u64, like: InstanceId) -> Step {
        let (service, keep) = (self.situation.service.id.clone(), self.situation.request.keep);
        Step::Record { service, release, like, keep, stamp: Stamp::default() }
    }

    /// When all is done. The history comes first, because it matters most; the proxies last, because their own words name what the
    /// containers are called in the end.
    fn tidying(&self) -> Stage {
        let record = Planned::tidying(self.record(self.release, self.slots[0].new.clone()));
        let mut steps = vec![record];
        steps.extend(self.slots.iter().flat_map(Slot::remove_old));
        steps.extend(self.slots.iter().map(Slot::rename));
        steps.extend(self.proxies.as_before().into_iter().map(Planned::tidying));
        Stage { title: "tidy up".into(), steps }
    }

    fn explains(&self, how: Vec<Arc<str>>) -> Explanation {
        let service = self.situation.service;
        let holders: Vec<&Instance> = self.slots.iter().map(|slot| slot.old).collect();
        Explanation {
            objects: restart::objects(&holders),
            how,
            promises: self.promises(service),
            warnings: self.warnings(service, &holders),
            undo: self.undo_words(),
        }
    }

    fn promises(&self, service: &Service) -> Vec<Arc<str>> {
        let mut promises = Vec::new();
        if self.minimum() > 0 {
            promises.push(
                format!("never fewer than {} of {} ready, unless one fails by itself", self.minimum(), service.wanted)
                    .into(),
            );
        }
        promises.push("nothing is removed before all that is new does well".into());
        promises.push("settings, networks, names, labels and volumes are the old ones'".into());
        let keep = several(self.situation.request.keep as usize, "release");
        promises.push(format!("the host keeps {keep} to go back to, with their images").into());
        promises
    }

    fn warnings(&self, service: &Service, holders: &[&Instance]) -> Vec<Arc<str>> {
        let mut warnings = restart::common_warnings(self.situation);
        if let Turn::OldFirst(why) = &self.turn {
            let left = self.minimum();
            let meanwhile = if left == 0 {
                "nobody answers meanwhile".into()
            } else {
                format!("{left} of {} answer meanwhile", service.wanted)
            };
            warnings.push(format!("{meanwhile}: the old one is stopped first, because {why}").into());
        }
        if service.kind == ServiceKind::ComposeService {
            warnings
                .push("the Compose file is not changed: docker compose up brings back the image that it says".into());
        }
        warnings.extend(words::broken_now(self.situation));
        let leftovers = || self.slots.iter().flat_map(|slot| slot.leftovers.iter().map(move |left| (slot, left)));
        for (slot, left) in leftovers() {
            let (left, old) = (&left.name, &slot.old.name);
            warnings.push(
                format!("{left} and {old} have one place since a plan was cut off: {left} is stopped and removed, too")
                    .into(),
            );
        }
        let is_leftover = |one: &&Instance| leftovers().any(|(_, left)| left.id == one.id);
        let others: Vec<_> = self.situation.instances.iter().copied().filter(|one| !is_leftover(one)).collect();
        warnings.extend(words::untouched(&others));
        warnings.extend(self.means.hints.iter().cloned());
        warnings.extend(restart::troubled_dependencies(self.situation));
        warnings.extend(restart::without_health_check(holders));
        let mount = match holders {
            [only] => writable(only),
            several => several.iter().find_map(|one| unnamed(one)),
        };
        if let (Turn::NewFirst, Some(mount)) = (&self.turn, mount) {
            warnings.push(format!("for a while two write to {mount}").into());
        }
        warnings
    }

    fn undo_words(&self) -> Vec<Arc<str>> {
        let mut undo: Vec<Arc<str>> = vec![
            "stopped or failed midway: what was stopped is started again, then what is new is stopped and removed"
                .into(),
        ];
        if !self.proxies.is_empty() {
            undo.push(format!("{} gets its own words back", self.proxies.title()).into());
        }
        undo.push("once it tidies up, the way back is to roll back to the release that was written down".into());
        undo.push("what a process held in memory, and what it wrote meanwhile, cannot be brought back".into());
        undo
    }

    fn looked_up(&self) -> Option<Arc<str>> {
        let who = self.proxies.lookups()?;
        Some(
            format!(
                "{who} is reloaded after each change: it asks for names only then, and its configuration is not changed; it waits up to its proxy_connect_timeout for one that has just stopped"
            )
            .into(),
        )
    }

    fn plan(&self, stages: Vec<Stage>, explains: Explanation) -> Plan {
        Plan { minimum: self.minimum(), ..self.situation.plan(stages, explains) }
    }
}

pub(in crate::plan) fn is_current_kept(means: &Means) -> bool {
    means.releases.iter().any(|release| release.current && !release.id.is_empty())
}

impl Roll<'_> {
    /// "image shop/web:v2", "14 v2.4.1"
    fn wanted(&self) -> String {
        match &self.recipe {
            Recipe::Edited(edits) => Edits::title(edits),
            Recipe::Release(release) => release.title.to_string(),
        }
    }
}

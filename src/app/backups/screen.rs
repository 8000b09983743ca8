//! How well everything is protected, and the snapshots of what is selected.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    action::{Action, Place},
    app::{Due, Page, Reply, Subject, World, list::List, plan::Wanted, scroll::Scroll},
    domain::{Item, Protection, ServiceId, Snapshot, SnapshotId, Standing},
    message::{Effect, Subscriptions},
    plan::{Restoring, Target, Verb, Verifying},
};

#[derive(Debug)]
pub struct BackupsScreen {
    pub pane: Pane,
    pub protections: List<Item>,
    pub snapshots: List<SnapshotId>,
    pub details: Scroll,
    /// Whose protection is selected as long as nobody chose another.
    of: Option<ServiceId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    Protections,
    Snapshots,
    Details,
}

impl Pane {
    pub const ALL: [Self; 3] = [Self::Protections, Self::Snapshots, Self::Details];

    pub fn number(self) -> usize {
        self as usize
    }

    fn beside(self, step: usize) -> Self {
        Self::ALL[(self.number() + step) % Self::ALL.len()]
    }
}

impl BackupsScreen {
    pub fn of(service: Option<ServiceId>) -> Self {
        Self {
            pane: Pane::Protections,
            protections: List::default(),
            snapshots: List::default(),
            details: Scroll::default(),
            of: service,
        }
    }

    pub fn selected<'a>(&self, world: &'a World) -> Option<&'a Protection> {
        let all = world.protections()?;
        let of_it = |protection: &Protection| self.of.as_ref() == Some(&protection.item.service);
        self.protections.suggest(all.iter().position(of_it).unwrap_or(0));
        self.protections.position(&keys(all)).map(|row| &all[row])
    }

    /// What is acted on stays selected, wherever it is sorted to by what comes of that.
    pub fn choose(&mut self, world: &World) {
        if let Some(selected) = self.selected(world) {
            self.protections.select_key(selected.item.clone());
        }
    }

    /// All of what is selected, whatever became of them, newest first.
    pub fn snapshots_of<'a>(world: &'a World, protection: &Protection) -> Vec<&'a Snapshot> {
        let all = world.backups.listing.iter().flat_map(|listing| &listing.snapshots);
        all.filter(|snapshot| snapshot.item == protection.item).collect()
    }

    /// The one that is chosen among them, else the newest good one.
    pub fn snapshot<'a>(&self, snapshots: &[&'a Snapshot]) -> Option<&'a Snapshot> {
        let good = snapshots.iter().position(|snapshot| snapshot.standing == Standing::Whole);
        self.snapshots.suggest(good.unwrap_or(0));
        self.snapshots.position(&ids(snapshots)).map(|row| snapshots[row])
    }

    /// What a restore or a rehearsal would be of, or why there can be none.
    pub fn meant<'a>(&self, world: &'a World) -> Result<(&'a Protection, &'a Snapshot), String> {
        let protection = self.selected(world).ok_or("nothing is selected")?;
        let item = &protection.item;
        let snapshot = self
            .snapshot(&Self::snapshots_of(world, protection))
            .ok_or_else(|| format!("there is no snapshot of {item} yet: back it up first"))?;
        match snapshot.standing {
            Standing::Whole | Standing::Safety => Ok((protection, snapshot)),
            Standing::Unfinished => {
                Err(format!("{} is unfinished: whoever wrote it died; choose another", snapshot.id))
            }
        }
    }

    /// The plan that an action asks for; `None` where it is about no backup.
    pub fn wanted(&self, action: Action, world: &World) -> Option<Result<Wanted, String>> {
        match action {
            Action::BackUp => {
                let item = self.selected(world).map(|protection| protection.item.clone());
                Some(item.map(back_up).ok_or_else(|| "nothing is selected".into()))
            }
            Action::Restore => {
                let restore = |(protection, snapshot): (&Protection, &Snapshot)| {
                    restoring(snapshot, &snapshot.item.service, protection.took, world.now)
                };
                Some(self.meant(world).map(restore))
            }
            Action::Verify => Some(self.meant(world).map(|(_, snapshot)| verify(snapshot))),
            _ => None,
        }
    }

    fn move_in_pane(&mut self, action: Action, world: &World) -> bool {
        let all = world.protections().unwrap_or_default();
        // What nobody has chosen yet is where the moving begins.
        let selected = self.selected(world);
        let snapshots = selected.map(|protection| Self::snapshots_of(world, protection)).unwrap_or_default();
        let snapshot = self.snapshot(&snapshots).map(|snapshot| snapshot.id.clone());
        match self.pane {
            Pane::Protections => {
                let moved = self.protections.act(action, &keys(all));
                if self.selected(world).map(|now| &now.item) != selected.map(|before| &before.item) {
                    self.forget_snapshot();
                }
                moved
            }
            Pane::Snapshots => {
                let moved = self.snapshots.act(action, &ids(&snapshots));
                if self.snapshot(&snapshots).map(|snapshot| &snapshot.id) != snapshot.as_ref() {
                    self.details.to_top();
                }
                moved
            }
            Pane::Details => self.details.act(action),
        }
    }

    fn forget_snapshot(&mut self) {
        self.snapshots = List::default();
        self.details.to_top();
    }

    fn copied(&self, world: &World) -> Option<String> {
        let protection = self.selected(world)?;
        let snapshot = self.snapshot(&Self::snapshots_of(world, protection));
        Some(snapshot.map_or_else(|| protection.item.to_string(), |snapshot| snapshot.id.as_str().to_owned()))
    }
}

pub fn keys(protections: &[Protection]) -> Vec<Item> {
    protections.iter().map(|protection| protection.item.clone()).collect()
}

pub fn ids(snapshots: &[&Snapshot]) -> Vec<SnapshotId> {
    snapshots.iter().map(|snapshot| snapshot.id.clone()).collect()
}

fn back_up(item: Item) -> Wanted {
    let target = Target::Service(item.service.clone());
    Wanted::of(Verb::BackUp(vec![item]), target)
}

fn verify(snapshot: &Snapshot) -> Wanted {
    let target = Target::Service(snapshot.item.service.clone());
    Wanted::of(Verb::Verify(Box::new(Verifying { snapshot: snapshot.into() })), target)
}

/// `took`: the last restore or rehearsal of the same. `wished` is now and stays so, however often it is planned anew.
pub(super) fn restoring(snapshot: &Snapshot, into: &ServiceId, took: Option<Duration>, wished: Timestamp) -> Wanted {
    let wish = Restoring {
        snapshot: snapshot.into(),
        into: Item { service: into.clone(), ..snapshot.item.clone() },
        database: None,
        without_safety: false,
        leaves_dependants: false,
        stops: Vec::new(),
        wished,
        took,
    };
    Wanted::of(Verb::Restore(Box::new(wish)), Target::Service(into.clone()))
}

impl Page for BackupsScreen {
    fn place(&self) -> Place {
        Place::Backups
    }

    fn act(&mut self, action: Action, world: &World) -> Reply {
        match action {
            Action::NextPane => self.pane = self.pane.beside(1),
            Action::PreviousPane => self.pane = self.pane.beside(Pane::ALL.len() - 1),
            Action::Right | Action::Open if self.pane != Pane::Details => self.pane = self.pane.beside(1),
            Action::Left if self.pane != Pane::Protections => self.pane = self.pane.beside(Pane::ALL.len() - 1),
            Action::Left | Action::Right => {}
            Action::Back if self.pane != Pane::Protections => self.pane = Pane::Protections,
            Action::Copy => {
                return match self.copied(world) {
                    Some(text) => Reply::stay().with(Effect::Copy(text)),
                    None => Reply::refuse("there is nothing to copy"),
                };
            }
            Action::Backups => {}
            action if self.move_in_pane(action, world) => {}
            _ => return Reply::pass(),
        }
        Reply::stay()
    }

    fn subject(&self, world: &World) -> Option<Subject> {
        self.selected(world).map(|protection| Subject::Service(protection.item.service.clone()))
    }

    fn subscribe(&self, world: &World, is_top: bool, wanted: &mut Subscriptions) {
        if is_top {
            wanted.backups = world.reading(true);
            if let Some(protection) = self.selected(world) {
                world.ask_rights(&protection.item.service, wanted);
            }
        }
    }

    fn instances_due(&self, _service: Option<&ServiceId>) -> Due {
        Due::Never
    }

    fn click(&mut self, pane: usize, row: usize, world: &World) {
        let Some(&clicked) = Pane::ALL.get(pane) else { return };
        self.pane = clicked;
        let selected = self.selected(world);
        match clicked {
            Pane::Protections => {
                self.protections.select(&keys(world.protections().unwrap_or_default()), row);
                if self.selected(world).map(|now| &now.item) != selected.map(|before| &before.item) {
                    self.forget_snapshot();
                }
            }
            Pane::Snapshots => {
                let snapshots = selected.map(|protection| Self::snapshots_of(world, protection)).unwrap_or_default();
                self.snapshots.select(&ids(&snapshots), row);
                self.details.to_top();
            }
            Pane::Details => {}
        }
    }
}

//! What events said of an object: the one place where a probe's output, a missing volume or a refused image is told in full. Kept for a
//! while and bounded, because a server has no end of events.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::backend::kubernetes::row::{Event, Key, text::Time};

/// Objects that anything is remembered of.
const MOST: usize = 4000;
/// As long as servers keep events.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A health check failed.
    Probe,
    Pull,
    Mount,
    /// Its network could not be made.
    Sandbox,
    Schedule,
    /// Pods could not be made, or a run not begun.
    Create,
    /// A volume claim finds no volume.
    Claim,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub kind: NoteKind,
    pub container: Option<Arc<str>>,
    pub message: Arc<str>,
    pub count: u32,
    pub at: Time,
}

/// An object by its kind, as events name it, and where it is.
type Object = (Arc<str>, Key);

#[derive(Default)]
pub struct Notes {
    by_object: HashMap<Object, Vec<Note>>,
    /// The oldest first, to be forgotten first.
    order: VecDeque<Object>,
}

impl Notes {
    /// Says whether it tells anything new.
    pub fn put(&mut self, event: &Event) -> bool {
        let Some(kind) = kind(event) else { return false };
        let object = (event.about.kind.clone(), event.about.key.clone());
        let note = Note {
            kind,
            container: event.about.container.clone(),
            message: event.message.clone(),
            count: event.count,
            at: event.last,
        };
        let known = self.by_object.entry(object.clone()).or_insert_with(|| {
            self.order.push_back(object);
            Vec::new()
        });
        let is_new = remember(known, note);
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.by_object.remove(&oldest);
            }
        }
        is_new
    }

    /// What was said lately.
    pub fn of(&self, kind: &str, key: &Key, now: Timestamp) -> &[Note] {
        let notes = self.by_object.get(&(Arc::from(kind), key.clone())).map_or(&[][..], Vec::as_slice);
        let is_fresh = |note: &Note| note.at.get().is_none_or(|at| now.duration_since(at) < REMEMBERED);
        if notes.iter().any(is_fresh) { notes } else { &[] }
    }
}

/// The newest of each kind and container; but that a mount takes long says less than why.
fn remember(known: &mut Vec<Note>, note: Note) -> bool {
    let same = known.iter_mut().find(|known| known.kind == note.kind && known.container == note.container);
    match same {
        None => {
            known.push(note);
            true
        }
        Some(before) if before.at > note.at || is_vague(&note) && !is_vague(before) => false,
        Some(before) => {
            let is_new = before.message != note.message || before.count != note.count;
            *before = note;
            is_new
        }
    }
}

fn is_vague(note: &Note) -> bool {
    note.message.starts_with("Unable to attach or mount volumes")
}

fn kind(event: &Event) -> Option<NoteKind> {
    Some(match (&*event.about.kind, &*event.reason) {
        ("Pod", "Unhealthy" | "ProbeWarning") => NoteKind::Probe,
        ("Pod", "Failed") if event.message.starts_with("Failed to pull image") => NoteKind::Pull,
        ("Pod", "FailedMount" | "FailedAttachVolume" | "FailedMapVolume") => NoteKind::Mount,
        ("Pod", "FailedCreatePodSandBox" | "NetworkNotReady") => NoteKind::Sandbox,
        ("Pod", "FailedScheduling") => NoteKind::Schedule,
        ("StatefulSet" | "DaemonSet" | "Job" | "CronJob", "FailedCreate")
        | ("CronJob", "FailedNeedsStart" | "TooManyMissedTimes" | "UnparseableSchedule" | "UnknownTimeZone") => {
            NoteKind::Create
        }
        ("PersistentVolumeClaim", "FailedBinding" | "ProvisioningFailed") => NoteKind::Claim,
        _ => return None,
    })
}

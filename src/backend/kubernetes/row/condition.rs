//! What controllers say of an object: a condition is true, false or unknown, since when, and why.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Interner, intern,
    text::{Text, Time},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    True,
    False,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    pub kind: Arc<str>,
    pub truth: Truth,
    pub reason: Arc<str>,
    pub message: Arc<str>,
    pub since: Time,
}

/// The condition of this kind, whatever it is.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| &*condition.kind == kind)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RawCondition<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    reason: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    pub last_transition_time: Time,
}

impl RawCondition<'_> {
    pub fn truth(&self) -> Truth {
        match &*self.status {
            "True" => Truth::True,
            "False" => Truth::False,
            _ => Truth::Unknown,
        }
    }

    pub fn condition(&self, interner: &mut Interner) -> Condition {
        Condition {
            kind: interner.text(&self.kind),
            truth: self.truth(),
            reason: interner.text(&self.reason),
            message: intern::message(&self.message),
            since: self.last_transition_time,
        }
    }
}

/// Bounded: nobody has more than a handful.
pub fn all(raw: Option<Vec<RawCondition>>, interner: &mut Interner) -> Box<[Condition]> {
    raw.iter().flatten().take(32).map(|condition| condition.condition(interner)).collect()
}

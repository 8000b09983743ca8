//! `midwatch operations`: what was done, by whom, and how it went, newest first; before all others what waits for a person.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cli::json,
    domain::{Operation, OperationId, OperationState, StepReport, Trouble, Verdict, text::clean, units},
};

/// One operation for machines: one object a line, and these names do not change.
#[derive(Serialize)]
struct Object<'a> {
    id: &'a OperationId,
    title: &'a str,
    cluster: &'a str,
    scope: &'a str,
    service: &'a str,
    who: &'a str,
    why: Option<&'a str>,
    began: Timestamp,
    ended: Option<Timestamp>,
    /// `running`, `waiting`, `undoing`, `interrupted`, `done`, `undone`, `stuck` or `left`
    state: &'static str,
    says: Option<&'a str>,
    help: Option<&'a str>,
    steps: &'a [StepReport],
}

/// At most `limit` of them, which are written oldest first.
pub fn operations(
    operations: &[Operation],
    limit: usize,
    json: bool,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let waits = |operation: &&Operation| matches!(operation.state, OperationState::Held { .. });
    let others = operations.iter().rev().filter(|operation| !waits(operation));
    for operation in operations.iter().rev().filter(waits).chain(others).take(limit) {
        if json {
            object(operation, out)?;
        } else {
            let age = units::age_of(operation.began, now);
            let says = says(operation).map_or(String::new(), |says| format!("  {says}"));
            let line = format!(
                "{}  {:<11}  {age:>5}  {}  {}{says}",
                operation.id,
                state(operation),
                operation.title,
                operation.who
            );
            writeln!(out, "{}", clean(&line))?;
        }
    }
    Ok(())
}

/// By its whole id, or by as much of either end as means only one.
pub fn find<'a>(operations: &'a [Operation], typed: &str) -> Result<&'a Operation, Trouble> {
    let what = || format!("no operation '{}'", clean(typed));
    if let Some(exact) = operations.iter().find(|operation| operation.id.as_str() == typed) {
        return Ok(exact);
    }
    let is_meant = |id: &str| !typed.is_empty() && (id.starts_with(typed) || id.ends_with(typed));
    let mut found = operations.iter().filter(|operation| is_meant(operation.id.as_str()));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Trouble::new(what(), "several begin or end so").help("write more of the id")),
        (None, _) => Err(Trouble::new(what(), "none is called so").help("midwatch operations lists them")),
    }
}

pub(super) fn object(operation: &Operation, out: &mut dyn Write) -> io::Result<()> {
    let verdict = verdict(operation);
    let help = match verdict {
        Some(Verdict::Stuck { help, .. }) => Some(&**help),
        Some(Verdict::Done { .. } | Verdict::Undone { .. } | Verdict::Left { .. }) | None => None,
    };
    let object = Object {
        id: &operation.id,
        title: &operation.title,
        cluster: operation.service.cluster.as_str(),
        scope: operation.service.scope.as_str(),
        service: &operation.service.name,
        who: &operation.who,
        why: operation.why.as_deref(),
        began: operation.began,
        ended: operation.ended,
        state: state(operation),
        says: says(operation),
        help,
        steps: &operation.steps,
    };
    json::write(&mut &mut *out, &object)
}

/// Why it waits, or how it ended.
fn says(operation: &Operation) -> Option<&str> {
    match &operation.state {
        OperationState::Held { why } => Some(why),
        OperationState::Ended(verdict) => Some(verdict.says()),
        OperationState::Running | OperationState::Undoing | OperationState::Interrupted => None,
    }
}

fn verdict(operation: &Operation) -> Option<&Verdict> {
    match &operation.state {
        OperationState::Ended(verdict) => Some(verdict),
        OperationState::Running
        | OperationState::Held { .. }
        | OperationState::Undoing
        | OperationState::Interrupted => None,
    }
}

fn state(operation: &Operation) -> &'static str {
    match &operation.state {
        OperationState::Running => "running",
        OperationState::Held { .. } => "waiting",
        OperationState::Undoing => "undoing",
        OperationState::Interrupted => "interrupted",
        OperationState::Ended(verdict) => verdict.word(),
    }
}

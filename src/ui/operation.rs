//! One operation: its steps with their times at the left, the service's logs beside them, and how it went until that was read.
//!
//! ```text
//! OPERATION  restart shop/web  running          ops@laptop, 2m ago   LOGS  web
//!  + stop shop-web-1 (up to 10 s)                             1.2 s   …
//!  > wait until shop-web-1 is ready (up to 120 s)               14s   …
//!    health: starting
//!  . stop shop-web-2 (up to 10 s)                                     …
//! INSTANCES
//!  * shop-web-1  running  changing: health check is starting
//! ```

use jiff::Timestamp;
use ratatui::layout::Rect;

use crate::{
    app::{
        World,
        logs::{LogView, Target},
        operation::OperationScreen,
    },
    config::theme::Role,
    domain::{Operation, OperationState, ServiceId, StepReport, StepState, Verdict, units},
    ui::{Paint, logs, widget},
};

#[cfg(test)]
mod tests;

/// Columns at the right end of a step for how long it took.
const TIME: u16 = 8;
/// From this width on the logs stand beside the steps, below it under them.
const WIDE: u16 = 110;
/// Rows for the logs below the steps; fewer are not worth it, and more are on their own screen.
const FEWEST_LOGS_BELOW: u16 = 4;
const MOST_LOGS_BELOW: u16 = 12;

pub fn draw(screen: &OperationScreen, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 3 || area.width < 20 {
        return;
    }
    let world = &paint.app.world;
    let Some(operation) = screen.operation(world) else {
        let head = Rect { height: 1, ..area };
        widget::heading(paint, head, &format!("OPERATION  {}", screen.title()), "is being begun", true);
        return;
    };
    let rows = rows(operation, world);
    let width = if area.width >= WIDE { area.width / 2 } else { area.width };
    let verdict = verdict(operation, width);
    let (story, logs) = divide(area, rows.len() + verdict.len());
    if let Some(logs) = logs {
        logs_beside(screen.service(), paint, logs);
    }
    heading(operation, world, paint, Rect { height: 1, ..story });
    let below = u16::try_from(verdict.len()).unwrap_or(u16::MAX).min(story.height / 2);
    let body = Rect { y: story.y + 1, height: story.height - 1 - below, ..story };
    let shown = screen.scroll().window(rows.len(), usize::from(body.height));
    draw_rows(&rows[shown], operation, world.now, paint, body);
    for (y, (text, role)) in (body.bottom()..story.bottom()).zip(&verdict) {
        paint.text(Rect { y, height: 1, ..story }, text, *role);
    }
}

/// The live logs of the service's instances, in the part of the screen that is theirs.
fn logs_beside(service: &ServiceId, paint: &mut Paint<'_>, area: Rect) {
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    widget::heading(paint, Rect { height: 1, ..area }, "LOGS", &service.name, false);
    let view = LogView::preview(Target::Service(service.clone()));
    logs::preview(&view, paint, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area });
}

/// The story of `rows` and, where it leaves room for them, the logs beside or below it.
fn divide(area: Rect, rows: usize) -> (Rect, Option<Rect>) {
    if area.width >= WIDE {
        let left = area.width / 2;
        return (Rect { width: left, ..area }, Some(Rect { x: area.x + left, width: area.width - left, ..area }));
    }
    // With the heading and one note that comes and goes, so that the logs do not move up and down with it.
    let needed = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
    let left = area.height.saturating_sub(needed).min(MOST_LOGS_BELOW);
    if left < FEWEST_LOGS_BELOW {
        return (area, None);
    }
    let story = Rect { height: area.height - left, ..area };
    (story, Some(Rect { y: story.bottom(), height: left, ..area }))
}

fn heading(operation: &Operation, world: &World, paint: &mut Paint<'_>, area: Rect) {
    let (word, role) = state(&operation.state);
    widget::heading(paint, area, &format!("OPERATION  {}", operation.title), "", true);
    let title = u16::try_from("OPERATION  ".len() + operation.title.chars().count()).unwrap_or(u16::MAX);
    let x = area.x.saturating_add(title).saturating_add(2).min(area.right());
    let end = paint.text(Rect { x, width: area.right() - x, ..area }, word, role);
    let who = format!("{}, {} ago", operation.who, units::age_of(operation.began, world.now));
    let room = area.right().saturating_sub(end + 2);
    if usize::from(room) >= who.chars().count() {
        paint.text_right(area, &who, Role::Dim);
    }
}

enum Row<'a> {
    Title(&'static str),
    Why(&'a str),
    Step(&'a StepReport),
    Note(&'a str),
    Instance(&'a crate::domain::Instance),
}

fn rows<'a>(operation: &'a Operation, world: &'a World) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'_>> = operation.why.iter().map(|why| Row::Why(why)).collect();
    let mut is_back = false;
    for step in &operation.steps {
        if step.is_undo && !is_back {
            is_back = true;
            rows.push(Row::Title("TAKING BACK"));
        }
        rows.push(Row::Step(step));
        rows.extend(step.note.as_deref().map(Row::Note));
    }
    let instances = world.inventory.instances_of(&operation.service);
    if !instances.is_empty() {
        rows.push(Row::Title("INSTANCES"));
        rows.extend(instances.into_iter().map(Row::Instance));
    }
    rows
}

fn draw_rows(rows: &[Row<'_>], operation: &Operation, now: Timestamp, paint: &mut Paint<'_>, area: Rect) {
    for (y, row) in (area.y..area.bottom()).zip(rows) {
        let line = Rect { y, height: 1, ..area };
        match row {
            Row::Title(title) => {
                paint.text(line, title, Role::Header);
            }
            Row::Why(why) => {
                paint.text(line, &format!(" why: {why}"), Role::Dim);
            }
            Row::Step(step) => draw_step(step, operation, now, paint, line),
            Row::Note(note) => {
                let inner = Rect { x: line.x + 3, width: line.width.saturating_sub(3), ..line };
                paint.text(inner, note, Role::Dim);
            }
            Row::Instance(instance) => draw_instance(instance, paint, line),
        }
    }
}

fn draw_step(step: &StepReport, operation: &Operation, now: Timestamp, paint: &mut Paint<'_>, line: Rect) {
    let is_cut_off = operation.state == OperationState::Interrupted && step.state == StepState::Running;
    let (sign, role) = match step.state {
        StepState::Running if is_cut_off => (" ?", Role::Unknown),
        StepState::Waiting => (" .", Role::Dim),
        StepState::Running => (" >", Role::Changing),
        StepState::Done => (" +", Role::Healthy),
        StepState::Failed => (" x", Role::Failing),
        StepState::Skipped => (" -", Role::Dim),
    };
    paint.text(Rect { width: 2, ..line }, sign, role);
    let text = match step.state {
        StepState::Waiting | StepState::Skipped => Role::Dim,
        StepState::Running | StepState::Done | StepState::Failed => Role::Text,
    };
    let width = line.width.saturating_sub(3 + TIME);
    paint.text(Rect { x: line.x + 3, width, ..line }, &step.title, text);
    let took = match (step.began, step.ended) {
        (Some(began), Some(ended)) => units::elapsed(ended.duration_since(began).try_into().unwrap_or_default()),
        // Whole seconds, and only of this one row: nothing else on the screen moves with them.
        (Some(began), None) if !is_cut_off => seconds_since(began, now),
        (Some(_), None) | (None, _) => return,
    };
    paint.text_right(line, &took, Role::Dim);
}

fn seconds_since(began: Timestamp, now: Timestamp) -> String {
    match u64::try_from(now.as_second() - began.as_second()).unwrap_or(0) {
        seconds @ 0..600 => format!("{seconds} s"),
        seconds => units::age(seconds),
    }
}

fn draw_instance(instance: &crate::domain::Instance, paint: &mut Paint<'_>, line: Rect) {
    let (sign, role) = widget::health(paint.theme, Some(&instance.health));
    paint.text(Rect { x: line.x + 1, width: 1, ..line }, sign, role);
    let reason = instance.health.reason().map_or(String::new(), |reason| format!(": {reason}"));
    let text = format!("{}  {}{reason}", instance.name, instance.health.word());
    paint.text(Rect { x: line.x + 3, width: line.width.saturating_sub(3), ..line }, &text, Role::Text);
}

/// Stays until it was read: how it went, and what a person could do.
fn verdict(operation: &Operation, width: u16) -> Vec<(String, Role)> {
    let (text, help, role) = match &operation.state {
        OperationState::Running | OperationState::Undoing => return Vec::new(),
        OperationState::Interrupted => (
            "? its process ended in the middle. Resume it, take back what was done, or leave it: all three are safe",
            None,
            Role::NoticeWarning,
        ),
        OperationState::Ended(verdict) => match verdict {
            Verdict::Done { says } => (&**says, None, Role::Healthy),
            Verdict::Undone { says } => (&**says, None, Role::NoticeWarning),
            Verdict::Stuck { says, help } => (&**says, Some(&**help), Role::NoticeError),
            Verdict::Left { says } => (&**says, None, Role::Dim),
        },
    };
    let mut lines: Vec<_> = widget::wrap(text, width).into_iter().map(|line| (line, role)).collect();
    lines.extend(
        help.into_iter().flat_map(|help| widget::wrap(&format!("try: {help}"), width)).map(|line| (line, Role::Key)),
    );
    lines
}

/// An operation's state in a word, and how the word looks.
pub(super) fn state(state: &OperationState) -> (&'static str, Role) {
    match state {
        OperationState::Running => ("running", Role::Changing),
        OperationState::Undoing => ("undoing", Role::Changing),
        OperationState::Interrupted => ("interrupted", Role::Degraded),
        OperationState::Ended(verdict) => (
            verdict.word(),
            match verdict {
                Verdict::Done { .. } => Role::Healthy,
                Verdict::Undone { .. } => Role::Degraded,
                Verdict::Stuck { .. } => Role::Failing,
                Verdict::Left { .. } => Role::Stopped,
            },
        ),
    }
}

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
    action::Action,
    app::{World, operation::OperationScreen},
    config::theme::Role,
    domain::{Health, Operation, OperationState, ServiceId, StepReport, StepState, Verdict, units},
    ui::{Paint, widget},
};

/// Columns at the right end of a step for how long it took.
const TIME: u16 = 8;
/// From this width on the logs stand beside the steps, below it under them.
const WIDE: u16 = 110;
/// Below the steps the logs get this many rows, where they leave room for it.
const LOGS_BELOW: u16 = 8;

pub fn draw(screen: &OperationScreen, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 3 || area.width < 20 {
        return;
    }
    let (story, logs) = divide(area);
    if let Some(logs) = logs {
        logs_beside(screen.service(), paint, logs);
    }
    let world = &paint.app.world;
    let head = Rect { height: 1, ..story };
    let Some(operation) = screen.operation(world) else {
        widget::heading(paint, head, &format!("OPERATION  {}", screen.title()), "is being begun", true);
        return;
    };
    heading(operation, world, paint, head);
    let verdict = verdict(operation, story.width);
    let foot = u16::try_from(verdict.len()).unwrap_or(u16::MAX).min(story.height / 2) + 1;
    let body = Rect { y: story.y + 1, height: story.height.saturating_sub(1 + foot), ..story };
    draw_rows(screen, operation, world, paint, body);
    for (y, (text, role)) in (body.bottom()..story.bottom() - 1).zip(&verdict) {
        paint.text(Rect { y, height: 1, ..story }, text, *role);
    }
    choices(operation, paint, Rect { y: story.bottom() - 1, height: 1, ..story });
}

/// The live logs of the service's instances, in the part of the screen that is theirs.
fn logs_beside(service: &ServiceId, paint: &mut Paint<'_>, area: Rect) {
    let area = Rect { x: area.x + 1, width: area.width - 1, ..area };
    widget::heading(paint, Rect { height: 1, ..area }, "LOGS", &service.name, false);
}

fn divide(area: Rect) -> (Rect, Option<Rect>) {
    if area.width >= WIDE {
        let left = area.width / 2;
        return (Rect { width: left, ..area }, Some(Rect { x: area.x + left, width: area.width - left, ..area }));
    }
    if area.height >= 3 * LOGS_BELOW {
        let story = Rect { height: area.height - LOGS_BELOW, ..area };
        return (story, Some(Rect { y: story.bottom(), height: LOGS_BELOW, ..area }));
    }
    (area, None)
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

fn draw_rows(screen: &OperationScreen, operation: &Operation, world: &World, paint: &mut Paint<'_>, area: Rect) {
    let instances = world.inventory.instances_of(&operation.service);
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
    if !instances.is_empty() {
        rows.push(Row::Title("INSTANCES"));
        rows.extend(instances.into_iter().map(Row::Instance));
    }
    let height = usize::from(area.height);
    let first = screen.scroll_state().first(rows.len(), height);
    for (y, row) in (area.y..area.bottom()).zip(&rows[first..]) {
        let line = Rect { y, height: 1, ..area };
        match row {
            Row::Title(title) => {
                paint.text(line, title, Role::Header);
            }
            Row::Why(why) => {
                paint.text(line, &format!(" why: {why}"), Role::Dim);
            }
            Row::Step(step) => draw_step(step, operation, world.now, paint, line),
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
        (Some(began), None) if !is_cut_off => units::age_of(began, now),
        (Some(_), None) | (None, _) => return,
    };
    paint.text_right(line, &took, Role::Dim);
}

fn draw_instance(instance: &crate::domain::Instance, paint: &mut Paint<'_>, line: Rect) {
    let (sign, role) = match &instance.health {
        Health::Failing(_) => (" x", Role::Failing),
        Health::Degraded(_) => (" !", Role::Degraded),
        Health::Changing(_) => (" ~", Role::Changing),
        Health::Unknown(_) => (" ?", Role::Unknown),
        Health::Stopped(_) => (" -", Role::Stopped),
        Health::Healthy => (" *", Role::Healthy),
    };
    paint.text(Rect { width: 2, ..line }, sign, role);
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

fn choices(operation: &Operation, paint: &mut Paint<'_>, area: Rect) {
    let choices: &[(&str, Action)] = match operation.state {
        OperationState::Running => &[("stop and undo", Action::StopAndUndo)],
        OperationState::Interrupted => &[("resume", Action::Resume), ("undo", Action::Undo), ("leave", Action::Leave)],
        OperationState::Undoing | OperationState::Ended(_) => &[("go back", Action::Back)],
    };
    let mut x = area.x;
    for &(text, action) in choices {
        let end = paint.text(Rect { x, width: area.right().saturating_sub(x), ..area }, text, Role::Key);
        paint.button(Rect { x, width: end.saturating_sub(x), ..area }, action);
        x = end.saturating_add(3).min(area.right());
    }
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

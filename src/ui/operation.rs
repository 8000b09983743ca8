//! One operation: its steps with their times, the instances that change and the service's logs beside them, and how it went until that
//! was read.
//!
//! ```text
//! OPERATION  roll out shop/web  waiting         ops@laptop, 2m ago   INSTANCES
//! ? error lines cannot be told from 3 lines                           * shop-web-1  v2.4.0
//! [o] go on  [a] look again  [x] stop and undo                        > shop-web-2  v2.4.1  health check is starting
//! shop-web-1                                                         LOGS  web
//!  + stop shop-web-1 (up to 10 s)                             1.2 s   …
//!  > wait until shop-web-1 is ready (up to 120 s)               14s   …
//!    health: starting
//! ```

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::{
    action::{Action, Place},
    app::{World, operation::OperationScreen},
    config::theme::Role,
    domain::{Operation, OperationState, Verdict, units},
    ui::{Paint, widget},
};

mod beside;
mod steps;
#[cfg(test)]
mod tests;

/// From this width on the instances and the logs stand beside the steps, below it under them.
const WIDE: u16 = 110;
/// Rows for the logs below the steps; fewer are not worth it, and more are on their own screen.
const FEWEST_LOGS_BELOW: u16 = 4;
const MOST_LOGS_BELOW: u16 = 12;
/// Steps that stay in sight, however much there is to say of how it went.
const FEWEST_STEPS: u16 = 3;

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
    let story = if area.width >= WIDE {
        let left = area.width / 2;
        let right = Rect { x: area.x + left + 1, width: area.width - left - 1, ..area };
        let used = beside::instances(&operation.service, paint, Rect { height: area.height / 2, ..right });
        beside::logs(&operation.service, paint, Rect { y: right.y + used, height: right.height - used, ..right });
        Rect { width: left, ..area }
    } else {
        area
    };
    heading(operation, world, paint, Rect { height: 1, ..story });
    let body = Rect { y: story.y + 1, height: story.height - 1, ..story };
    let taken = held(operation, paint, body);
    let body = Rect { y: body.y + taken, height: body.height - taken, ..body };
    let body = verdict(operation, world, paint, body);
    let asked = screen.asked(operation);
    let rows = steps::rows(operation, asked);
    let body = if area.width >= WIDE { body } else { below(operation, rows.len(), paint, body) };
    if screen.follows() || !asked.is_empty() {
        let at = steps::in_hand(operation, asked, &rows);
        screen.scroll().reveal(at, rows.len(), usize::from(body.height));
    }
    let shown = screen.scroll().window(rows.len(), usize::from(body.height));
    steps::draw(&rows[shown.clone()], operation, world.now, paint, body);
    if shown.len() < rows.len() && body.height > 0 {
        let last = Rect { y: body.bottom() - 1, height: 1, ..body };
        paint.text_right(last, &format!(" {}-{} of {}", shown.start + 1, shown.end, rows.len()), Role::Dim);
    }
}

/// On a narrow screen: the instances, and the logs where there is room for them, below the steps. Returns what is left for those.
fn below(operation: &Operation, steps: usize, paint: &mut Paint<'_>, area: Rect) -> Rect {
    let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let instances = rows(beside::count(&operation.service, &paint.app.world) + 1).min(area.height / 3);
    // With one note that comes and goes, so that what is below does not move up and down with it.
    let needed = rows(steps).saturating_add(1).saturating_add(instances);
    let logs = area.height.saturating_sub(needed).min(MOST_LOGS_BELOW);
    let logs = if logs < FEWEST_LOGS_BELOW { 0 } else { logs };
    let place = Rect { y: area.bottom() - logs, height: logs, ..area };
    if logs > 0 {
        beside::logs(&operation.service, paint, place);
    }
    let place = Rect { y: place.y - instances, height: instances, ..area };
    if instances > 1 {
        beside::instances(&operation.service, paint, place);
        return Rect { height: place.y - area.y, ..area };
    }
    Rect { height: area.height - logs, ..area }
}

fn heading(operation: &Operation, world: &World, paint: &mut Paint<'_>, area: Rect) {
    let (word, role) = state(&operation.state);
    widget::heading(paint, area, &format!("OPERATION  {}", operation.title), "", true);
    let title = u16::try_from("OPERATION  ".len() + operation.title.width()).unwrap_or(u16::MAX);
    let x = area.x.saturating_add(title).saturating_add(2).min(area.right());
    let end = paint.text(Rect { x, width: area.right() - x, ..area }, word, role);
    let who = format!("{}, {} ago", operation.who, units::age_of(operation.began, world.now));
    let room = area.right().saturating_sub(end + 2);
    if usize::from(room) >= who.width() {
        paint.text_right(area, &who, Role::Dim);
    }
}

/// Why it waits, and the keys that tell it what next. Returns the rows that this took.
fn held(operation: &Operation, paint: &mut Paint<'_>, area: Rect) -> u16 {
    let OperationState::Held { why } = &operation.state else { return 0 };
    let lines = widget::wrap(&format!("? it waits: {why}"), area.width);
    let most = usize::from(area.height.saturating_sub(FEWEST_STEPS + 1));
    let mut y = area.y;
    for line in lines.iter().take(most) {
        paint.text(Rect { y, height: 1, ..area }, line, Role::NoticeWarning);
        y += 1;
    }
    let row = Rect { y, height: 1, ..area }.intersection(area);
    let mut x = row.x;
    let choices =
        [(Action::GoOn, "go on"), (Action::Again, "look again"), (Action::StopAndUndo, "stop and undo what was done")];
    let offered = choices.into_iter().filter(|(action, _)| is_offered(*action, operation));
    for (action, what) in offered {
        let room = |x: u16| Rect { x, width: row.right().saturating_sub(x), ..row };
        let begin = x;
        x = paint.text(room(x), &format!("[{}] ", paint.key(Place::Operation, action)), Role::Key);
        x = paint.text(room(x), what, Role::Text);
        paint.button(Rect { width: x.saturating_sub(begin), ..room(begin) }, action);
        x = (x + 3).min(row.right());
    }
    y + row.height - area.y
}

/// What is done for good cannot be stopped and undone.
fn is_offered(action: Action, operation: &Operation) -> bool {
    action != Action::StopAndUndo || operation.no_way_back.is_none()
}

/// At the bottom, until it was read: how it went, and what a person could do. Returns what is left above it.
fn verdict(operation: &Operation, world: &World, paint: &mut Paint<'_>, area: Rect) -> Rect {
    let lines = says(operation, world, area.width);
    let most = area.height.saturating_sub(FEWEST_STEPS);
    let taken = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(most);
    let left = Rect { height: area.height - taken, ..area };
    for (y, (text, role)) in (left.bottom()..area.bottom()).zip(&lines) {
        paint.text(Rect { y, height: 1, ..area }, text, *role);
    }
    left
}

fn says(operation: &Operation, world: &World, width: u16) -> Vec<(String, Role)> {
    let cut_off = cut_off(operation, world);
    let (text, help, role) = match &operation.state {
        OperationState::Running | OperationState::Undoing | OperationState::Held { .. } => return Vec::new(),
        OperationState::Interrupted => (&*cut_off, None, Role::NoticeWarning),
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

/// The ways on from where it was cut off, as far as they lead to what was planned.
fn cut_off(operation: &Operation, world: &World) -> String {
    let ways = match (world.overtaken_by(operation), &operation.no_way_back) {
        (Some(later), _) => format!("{}: leave this one, and plan anew", later.says()),
        (None, Some(why)) => format!("Resume it, or leave it: {why}"),
        (None, None) => {
            "Resume it, take back what was done, or leave it. What others did to the service since is not known here"
                .into()
        }
    };
    format!("? its process ended in the middle. {ways}")
}

/// An operation's state in a word, and how the word looks.
pub(super) fn state(state: &OperationState) -> (&'static str, Role) {
    match state {
        OperationState::Running => ("running", Role::Changing),
        OperationState::Held { .. } => ("waiting", Role::Degraded),
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

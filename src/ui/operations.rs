//! The list of operations: what runs or waits on top, then the newest first.

use ratatui::layout::Rect;

use crate::{
    app::operations::Operations,
    config::theme::Role,
    domain::{Operation, OperationState, units},
    ui::{Paint, operation, widget},
};

const STATE: u16 = 12;
const AGE: u16 = 9;
const TOOK: u16 = 8;
const WHO: u16 = 22;

pub fn draw(screen: &Operations, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 2 || area.width < 20 {
        return;
    }
    let head = Rect { height: 1, ..area };
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let world = &paint.app.world;
    let rows = screen.rows(world);
    let open = rows.iter().filter(|operation| !operation.is_over()).count();
    let notes = if open == 0 { format!("{}", rows.len()) } else { format!("{}, {open} not over", rows.len()) };
    widget::heading(paint, head, "OPERATIONS", &notes, true);
    if rows.is_empty() {
        paint.text(body, "none was ever carried out from here", Role::Dim);
        return;
    }
    let keys: Vec<_> = rows.iter().map(|operation| operation.id.clone()).collect();
    let pane = widget::Pane { number: 0, focused: true };
    let shown = widget::rows(paint, body, screen.list(), &keys, pane, |paint, line, id| {
        if let Some(operation) = paint.app.world.operations.get(id) {
            draw_row(operation, paint, line);
        }
    });
    widget::position(paint, head, &shown, rows.len());
}

/// `done  restart shop/web  by whom  42 s  3m ago`; what does not fit is left out from the right, how it went is left out last.
fn draw_row(operation: &Operation, paint: &mut Paint<'_>, line: Rect) {
    let now = paint.app.world.now;
    let (word, role) = operation::state(&operation.state);
    paint.text(Rect { width: STATE.min(line.width), ..line }, word, role);
    let mut right = line.right();
    let mut column = |paint: &mut Paint<'_>, width: u16, needs: u16, text: &str| {
        if line.width >= needs {
            right -= width;
            paint.text(Rect { x: right, width: width - 1, ..line }, text, Role::Dim);
        }
    };
    column(paint, AGE, 40, &format!("{} ago", units::age_of(operation.began, now)));
    column(paint, TOOK, 60, &took(operation));
    column(paint, WHO, 80, &operation.who);
    let x = (line.x + STATE).min(right);
    let end = paint.text(Rect { x, width: right - x, ..line }, &operation.title, Role::Text);
    let end = end.saturating_add(2);
    if let (OperationState::Ended(verdict), true) = (&operation.state, end + 12 < right) {
        // The title stands before it already.
        let says = verdict.says();
        let says = says.strip_prefix(&*operation.title).map_or(says, |rest| rest.trim_start_matches([':', ' ']));
        paint.text(Rect { x: end, width: right - end - 1, ..line }, says, Role::Dim);
    }
}

fn took(operation: &Operation) -> String {
    let took = operation.ended.and_then(|ended| ended.duration_since(operation.began).try_into().ok());
    took.map(units::elapsed).unwrap_or_default()
}

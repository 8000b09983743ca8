//! A plan, before somebody says yes.
//!
//! ```text
//! PLAN  restart shop/web  prod-eu
//! objects    shop-web-1 (healthy)
//! warning  ! api depends on it
//! promises   never fewer than 2 of 3 ready
//! undo       stopped or failed midway: …
//! before     done 3 times, usually in 42 s
//! steps       1. stop shop-web-1 (up to 10 s)
//! ```

use ratatui::layout::Rect;

use crate::{
    app::{World, plan::PlanScreen},
    config::theme::Role,
    domain::{Operation, units},
    ui::{Paint, widget},
};

/// Columns of a section's title, with the sign that warnings have.
const TITLE: u16 = 11;

struct Row {
    title: &'static str,
    text: String,
    role: Role,
}

pub fn draw(screen: &PlanScreen, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 2 || area.width < 2 * TITLE {
        return;
    }
    screen.was_painted();
    let plan = screen.plan();
    let head = Rect { height: 1, ..area };
    widget::heading(paint, head, &format!("PLAN  {}", plan.title), plan.service.cluster.as_str(), true);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let rows = rows(screen, &paint.app.world, body.width);
    let shown = screen.scroll().window(rows.len(), usize::from(body.height));
    for (y, row) in (body.y..).zip(&rows[shown.clone()]) {
        let line = Rect { y, height: 1, ..body };
        paint.text(Rect { width: TITLE, ..line }, row.title, Role::Header);
        paint.text(Rect { x: line.x + TITLE, width: line.width - TITLE, ..line }, &row.text, row.role);
    }
    widget::position(paint, head, &shown, rows.len());
}

fn rows(screen: &PlanScreen, world: &World, width: u16) -> Vec<Row> {
    let plan = screen.plan();
    let mut rows = Vec::new();
    let mut section = |title: &'static str, texts: &mut dyn Iterator<Item = String>, role: Role| {
        let mut title = title;
        for text in texts {
            for line in widget::wrap(&text, width.saturating_sub(TITLE)) {
                rows.push(Row { title: std::mem::take(&mut title), text: line, role });
            }
        }
    };
    let moved = screen.moved().map(|what| format!("{what}. This is a new plan: read it again"));
    section("moved    !", &mut moved.into_iter(), Role::Danger);
    section(
        "busy     !",
        &mut world.operation_on(&plan.service).map(|other| busy(other, world)).into_iter(),
        Role::Danger,
    );
    let explains = &plan.explains;
    let each = |texts: &[std::sync::Arc<str>]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    // What warns stands where it is seen also on a small screen; the steps, which are many, come last.
    section("objects", &mut std::iter::once(explains.objects.join(", ")), Role::Text);
    section("warning  !", &mut each(&explains.warnings).into_iter(), Role::NoticeWarning);
    section("promises", &mut each(&explains.promises).into_iter(), Role::Text);
    section("undo", &mut each(&explains.undo).into_iter(), Role::Text);
    section("why", &mut plan.request.why.iter().map(|why| why.to_string()), Role::Text);
    section("before", &mut before(screen, world).into_iter(), Role::Dim);
    section("steps", &mut steps(screen).into_iter(), Role::Text);
    rows
}

/// "done 3 times, usually in 42 s"
fn before(screen: &PlanScreen, world: &World) -> Option<String> {
    let (took, times) = screen.took_before(world)?;
    let took = units::elapsed(took);
    Some(if times == 1 { format!("done once, in {took}") } else { format!("done {times} times, usually in {took}") })
}

fn steps(screen: &PlanScreen) -> Vec<String> {
    let steps = screen.plan().steps().enumerate();
    steps.map(|(place, planned)| format!("{:>2}. {}", place + 1, planned.step.title())).collect()
}

fn busy(other: &Operation, world: &World) -> String {
    let age = units::age_of(other.began, world.now);
    if other.is_running() {
        format!("{} by {}, begun {age} ago, is being carried out", other.title, other.who)
    } else {
        format!(
            "{} by {}, begun {age} ago, was cut off and waits to be resumed, undone or left",
            other.title, other.who
        )
    }
}

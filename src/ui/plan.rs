//! A plan, before somebody says yes.
//!
//! ```text
//! RESTART shop/web  prod-eu                                  usually 42 s
//! objects    shop-web-1 (healthy)
//! warning  ! api depends on it
//! promises   never fewer than 2 of 3 ready
//! undo       stopped or failed midway: …
//! steps      1. stop shop-web-1 (up to 10 s)
//!
//! carry it out   go back
//! ```

use ratatui::layout::Rect;

use crate::{
    action::Action,
    app::{Page, World, plan::PlanScreen, prompt::Prompt},
    config::theme::Role,
    domain::{Operation, text, units},
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
    if area.height < 3 || area.width < 20 {
        return;
    }
    screen.was_painted();
    let world = &paint.app.world;
    heading(screen, world, paint, Rect { height: 1, ..area });
    let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
    let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
    let rows = rows(screen, world, body.width);
    let height = usize::from(body.height);
    let first = screen.scroll_state().first(rows.len(), height);
    let shown = first..rows.len().min(first + height);
    for (y, row) in (body.y..).zip(&rows[shown.clone()]) {
        let line = Rect { y, height: 1, ..body };
        paint.text(Rect { width: TITLE.min(line.width), ..line }, row.title, Role::Header);
        let rest = Rect { x: line.x + TITLE, width: line.width.saturating_sub(TITLE), ..line };
        paint.text(rest, &row.text, row.role);
    }
    draw_foot(screen, world, paint, foot);
    widget::position(paint, Rect { height: 1, ..foot }, &shown, rows.len());
}

fn heading(screen: &PlanScreen, world: &World, paint: &mut Paint<'_>, area: Rect) {
    let plan = screen.plan();
    widget::heading(paint, area, &format!("PLAN  {}", plan.title), plan.service.cluster.as_str(), true);
    if let Some((took, times)) = screen.took_before(world)
        && area.width >= 80
    {
        let before = if times == 1 { "once".to_owned() } else { format!("{times} times, usually") };
        paint.text_right(area, &format!("done before {before} in {}", units::elapsed(took)), Role::Dim);
    }
}

fn draw_foot(screen: &PlanScreen, world: &World, paint: &mut Paint<'_>, area: Rect) {
    if let Some(prompt) = screen.prompt() {
        draw_prompt(prompt, paint, area);
        return;
    }
    let busy = world.operation_on(&screen.plan().service).is_some_and(Operation::is_running);
    if busy {
        paint.text(area, "it cannot be carried out while another operation runs on it", Role::Dim);
        return;
    }
    let end = paint.text(area, "carry it out", Role::Key);
    paint.button(Rect { width: end - area.x, ..area }, Action::Confirm);
    let rest = Rect { x: end + 3, width: area.right().saturating_sub(end + 3), ..area };
    let end = paint.text(rest, "go back", Role::Key);
    paint.button(Rect { width: end.saturating_sub(rest.x), ..rest }, Action::Back);
}

/// What is asked for, what was typed, and the cell where the next letter goes.
fn draw_prompt(prompt: &Prompt, paint: &mut Paint<'_>, area: Rect) {
    let x = paint.text(area, prompt.title, Role::Key);
    let room = area.right().saturating_sub(x);
    let scrolled = prompt.input.visual_scroll(usize::from(room.saturating_sub(1)));
    let typed: String = text::clean(prompt.text()).chars().skip(scrolled).collect();
    let end = paint.text(Rect { x, width: room, ..area }, &typed, Role::Input);
    let cursor = x.saturating_add(u16::try_from(prompt.input.visual_cursor().saturating_sub(scrolled)).unwrap_or(room));
    if cursor < area.right() {
        let style = paint.style(Role::Cursor);
        paint.buffer.set_style(Rect { x: cursor, width: 1, ..area }, style);
    }
    if let Some(error) = &prompt.error {
        let x = end.saturating_add(2).min(area.right());
        paint.text(Rect { x, width: area.right() - x, ..area }, error, Role::NoticeError);
    }
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
    section("steps", &mut steps(screen).into_iter(), Role::Text);
    rows
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

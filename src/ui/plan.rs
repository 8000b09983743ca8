//! A plan, before somebody says yes; the words that it is being asked for, or why there is none.
//!
//! ```text
//! PLAN  restart shop/web  prod-eu
//! objects    shop-web-1 (healthy)
//! warning  ! api depends on it
//! promises   never fewer than 2 of 3 ready
//! undo       stopped or failed midway: …
//! before     done 3 times, usually in 42 s
//! steps      shop-web-1
//!             1. stop shop-web-1 (up to 10 s)
//! ```

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::{
    action::{Action, Place},
    app::{
        World,
        plan::{Made, PlanScreen},
    },
    config::theme::Role,
    domain::{Lease, Operation, units},
    plan::{Edits, Plan, Refusal, Verb, wish::OnFailure},
    ui::{Paint, widget},
};

/// Columns of a section's title, with the sign that warnings have.
const TITLE: u16 = 11;
/// Columns by which what goes on from the line above is set in.
const SET_IN: u16 = 2;

struct Row {
    title: &'static str,
    text: String,
    role: Role,
}

/// Rows, filled section by section.
struct Rows {
    rows: Vec<Row>,
    width: u16,
}

impl Rows {
    /// Each text in as many lines as it needs, the title before the first. Those after a text's first are set in, so that it is seen where
    /// the next one begins.
    fn section(&mut self, title: &'static str, texts: impl IntoIterator<Item = String>, role: Role) {
        let mut title = title;
        for text in texts {
            let mut before = "";
            for line in widget::wrap(&text, self.width.saturating_sub(TITLE + SET_IN)) {
                self.rows.push(Row { title: std::mem::take(&mut title), text: format!("{before}{line}"), role });
                before = "  ";
            }
        }
    }
}

pub fn draw(screen: &PlanScreen, paint: &mut Paint<'_>, area: Rect) {
    if area.height < 2 || area.width < 2 * TITLE {
        return;
    }
    screen.was_painted();
    let head = Rect { height: 1, ..area };
    widget::heading(paint, head, &format!("PLAN  {}", screen.title()), screen.service().cluster.as_str(), true);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let mut rows = Rows { rows: Vec::new(), width: body.width };
    match screen.state() {
        Made::Asked => rows.section("", [asking(screen)], Role::Changing),
        Made::Refused(refusal) => {
            refused(refusal, &mut rows);
            let key = paint.key(Place::Plan, Action::TakeOver);
            let over = screen.held_by(&paint.app.world).map(|_| format!("{key} plans to take over from them"));
            rows.section("or", over, Role::Text);
        }
        Made::Planned(plan) => {
            let take_over = paint.key(Place::Plan, Action::TakeOver);
            planned(screen, plan, &paint.app.world, &take_over, &mut rows);
        }
    }
    let rows = rows.rows;
    let shown = screen.scroll().window(rows.len(), usize::from(body.height));
    for (y, row) in (body.y..).zip(&rows[shown.clone()]) {
        let line = Rect { y, height: 1, ..body };
        paint.text(Rect { width: TITLE, ..line }, row.title, Role::Header);
        paint.text(Rect { x: line.x + TITLE, width: line.width - TITLE, ..line }, &row.text, row.role);
    }
    widget::position(paint, head, &shown, rows.len());
}

/// "asking prod-eu how to roll back shop/web"
fn asking(screen: &PlanScreen) -> String {
    format!("asking {} how to {} ...", screen.service().cluster, screen.title())
}

fn refused(refusal: &Refusal, rows: &mut Rows) {
    rows.section("refused  !", [refusal.why.to_string()], Role::Danger);
    rows.section("try", refusal.help.iter().map(ToString::to_string), Role::Text);
}

fn planned(screen: &PlanScreen, plan: &Plan, world: &World, take_over: &str, rows: &mut Rows) {
    let busy_elsewhere = screen.held_by(world).map(|lease| held(lease, plan.request.take_over, take_over));
    let moved = screen.moved().map(|what| format!("{what}. This is a new plan: read it again"));
    rows.section("moved    !", moved, Role::Danger);
    rows.section("busy     !", world.operation_on(&plan.service).map(|other| busy(other, world)), Role::Danger);
    rows.section("busy     !", busy_elsewhere, Role::Danger);
    let explains = &plan.explains;
    let each = |texts: &[Arc<str>]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    // What warns stands where it is seen also on a small screen; the steps, which are many, come last.
    rows.section("back to", back_to(screen, world), Role::Text);
    rows.section("objects", [explains.objects.join(", ")], Role::Text);
    rows.section("warning  !", each(&explains.warnings), Role::NoticeWarning);
    if let Verb::RollOut(wish) = &plan.request.verb {
        rows.section("new", edits(&wish.edits), Role::Text);
    }
    rows.section("how", each(&explains.how), Role::Text);
    if let Verb::RollOut(wish) = &plan.request.verb {
        rows.section("failure", [on_failure(wish.on_failure).to_owned()], Role::Text);
    }
    rows.section("promises", each(&explains.promises), Role::Text);
    rows.section("undo", each(&explains.undo), Role::Text);
    rows.section("why", plan.request.why.iter().map(|why| why.to_string()), Role::Text);
    rows.section("before", before(screen, world), Role::Dim);
    steps(plan, rows);
}

/// A line for each image and each variable that is otherwise than before.
fn edits(edits: &Edits) -> Vec<String> {
    let of = |container: &str| if container.is_empty() { String::new() } else { format!("{container}: ") };
    let images = edits.images.iter().map(|(container, image)| format!("{}image {image}", of(container)));
    let variables = edits.env.iter().flat_map(|(container, variables)| {
        variables.iter().map(move |(name, value)| match value {
            Some(value) => format!("{}{name}={value}", of(container)),
            None => format!("{}{name} is taken away", of(container)),
        })
    });
    images.chain(variables).collect()
}

fn on_failure(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Undo => "it turns round by itself and takes back what was done",
        OnFailure::Ask => "it stays as it is, and waits until you say what next",
    }
}

/// "13 v2.4.0, last healthy, 2d"
fn back_to(screen: &PlanScreen, world: &World) -> Option<String> {
    let (release, is_suggested) = screen.back_to(world)?;
    let lasted = release.served.map_or_else(String::new, |seconds| format!(", {}", units::age(seconds)));
    let how = match (is_suggested, &release.outcome) {
        (true, _) => format!(", last healthy{lasted}"),
        (false, Some(outcome)) => format!(", not the one that was healthy last: {outcome}{lasted}"),
        (false, None) if lasted.is_empty() => ", not the one that was healthy last".to_owned(),
        (false, None) => format!(", not the one that was healthy last; it held{}", lasted.trim_start_matches(',')),
    };
    Some(format!("{}{how}", release.title()))
}

/// "done 3 times, usually in 42 s"
fn before(screen: &PlanScreen, world: &World) -> Option<String> {
    let (took, times) = screen.took_before(world)?;
    let took = units::elapsed(took);
    Some(if times == 1 { format!("done once, in {took}") } else { format!("done {times} times, usually in {took}") })
}

/// Numbered through; where there is more than one stage, each under its own name.
fn steps(plan: &Plan, rows: &mut Rows) {
    let mut title = "steps";
    let mut number = 0;
    for stage in &plan.stages {
        if plan.stages.len() > 1 {
            rows.section(std::mem::take(&mut title), [stage.title.to_string()], Role::Header);
        }
        for planned in &stage.steps {
            number += 1;
            let text = format!("{number:>2}. {}", planned.step.title());
            rows.section(std::mem::take(&mut title), [text], Role::Text);
        }
    }
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

/// Who else works on it, and what becomes of that.
fn held(lease: &Lease, takes_over: bool, key: &str) -> String {
    let (says, operation) = (lease.says(), &lease.operation);
    if takes_over {
        return format!(
            "{says} ({operation}): this plan takes over. What they do goes no further, and is not taken back by itself"
        );
    }
    format!("{says} ({operation}): this plan is refused while they do; {key} plans to take over from them")
}

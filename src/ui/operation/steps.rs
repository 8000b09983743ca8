//! The steps of an operation, under the names of their stages, each with how it is doing.

use std::ops::Range;

use jiff::Timestamp;
use ratatui::layout::Rect;

use crate::{
    config::theme::Role,
    domain::{Operation, OperationState, StepReport, StepState, units},
    ui::Paint,
};

/// Columns at the right end of a step for how long it took.
const TIME: u16 = 8;

pub enum Row<'a> {
    Title(&'a str),
    Why(&'a str),
    Step(&'a StepReport),
    Note(&'a str),
}

/// `asked`: the steps of a way back that a person is asked to confirm.
pub fn rows<'a>(operation: &'a Operation, asked: &'a [StepReport]) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'_>> = operation.why.iter().map(|why| Row::Why(why)).collect();
    let mut stages: Vec<&str> = operation.steps.iter().filter_map(|step| step.stage.as_deref()).collect();
    stages.dedup();
    let (mut is_back, mut stage) = (false, None);
    for step in &operation.steps {
        if step.is_undo && !is_back {
            is_back = true;
            rows.push(Row::Title("TAKING BACK"));
        }
        // One name above all of them says nothing.
        if step.stage.is_some() && step.stage != stage && stages.len() > 1 {
            rows.extend(step.stage.as_deref().map(Row::Title));
        }
        stage.clone_from(&step.stage);
        rows.push(Row::Step(step));
        rows.extend(step.note.as_deref().map(Row::Note));
    }
    if !asked.is_empty() {
        rows.push(Row::Title("TO TAKE IT BACK"));
        for step in asked {
            rows.push(Row::Step(step));
            rows.extend(step.note.as_deref().map(Row::Note));
        }
    }
    rows
}

/// The rows to look at: of what a person is asked to confirm; else of the step that is under way or asks; else of the one that failed last, or that was the last to be done.
pub fn in_hand(operation: &Operation, asked: &[StepReport], rows: &[Row<'_>]) -> Range<usize> {
    if !asked.is_empty() {
        let title = rows.iter().rposition(|row| matches!(row, Row::Title(_)));
        return title.unwrap_or(0)..rows.len();
    }
    let last = |states: &[StepState]| {
        rows.iter().rposition(|row| matches!(row, Row::Step(step) if states.contains(&step.state)))
    };
    let is_over = operation.is_over();
    let under_way = last(&[StepState::Running, StepState::Held]).filter(|_| !is_over);
    let failed = last(&[StepState::Failed]).filter(|_| is_over);
    let first = under_way.or(failed).or_else(|| last(&[StepState::Done])).unwrap_or(0);
    let notes = rows.iter().skip(first + 1).take_while(|row| matches!(row, Row::Note(_))).count();
    first..first + notes + 1
}

pub fn draw(rows: &[Row<'_>], operation: &Operation, now: Timestamp, paint: &mut Paint<'_>, area: Rect) {
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
        StepState::Held => (" ?", Role::Degraded),
        StepState::Skipped => (" -", Role::Dim),
    };
    paint.text(Rect { width: 2, ..line }, sign, role);
    let text = match step.state {
        StepState::Waiting | StepState::Skipped => Role::Dim,
        StepState::Running | StepState::Held | StepState::Done | StepState::Failed => Role::Text,
    };
    let width = line.width.saturating_sub(3 + TIME);
    paint.text(Rect { x: line.x + 3, width, ..line }, &step.title, text);
    let took = match (step.began, step.ended) {
        (Some(began), Some(ended)) => units::elapsed(ended.duration_since(began).try_into().unwrap_or_default()),
        // Whole seconds, and only of this one row: nothing else on the screen moves with them.
        (Some(began), None) if matches!(step.state, StepState::Running | StepState::Held) && !is_cut_off => {
            seconds_since(began, now)
        }
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

//! What lies over the screen until it is answered: the palette, the line of a forward, of a scaling or of a restore, and the question before
//! quitting.

use tui_input::InputRequest;

use crate::{
    action::Action,
    app::{
        World, backups::into::RestoreInto, forward::ForwardPrompt, palette::Palette, plan::Wanted, prompt::Prompt,
        scale::ScalePrompt,
    },
    domain::OperationId,
    message::{Effect, Forward},
};

#[derive(Debug)]
pub enum Overlay {
    Palette(Palette),
    Forward(Box<ForwardPrompt>),
    Scale(Box<ScalePrompt>),
    RestoreInto(Box<RestoreInto>),
    /// These still run.
    Quit(Vec<OperationId>),
}

pub enum Answer {
    Stay(Overlay),
    Close,
    /// The palette's choice, taken as if its key had been pressed.
    Act(Action),
    Do(Vec<Effect>),
    /// A port of this machine is to go to a service from now on.
    Listen(u16, Forward),
    Plan(Wanted),
}

/// What only tidies up is done for good, and goes to its end.
pub fn can_be_taken_back(id: &OperationId, world: &World) -> bool {
    world.operations.get(id).is_some_and(|operation| operation.no_way_back.is_none())
}

impl Overlay {
    pub fn prompt(&self) -> Option<&Prompt> {
        match self {
            Self::Palette(palette) => Some(&palette.prompt),
            Self::Forward(asked) => Some(&asked.prompt),
            Self::Scale(asked) => Some(&asked.prompt),
            Self::RestoreInto(asked) => Some(&asked.picker.prompt),
            Self::Quit(_) => None,
        }
    }

    pub fn edit(&mut self, request: InputRequest) {
        match self {
            Self::Palette(palette) => palette.edit(request),
            Self::Forward(asked) => asked.edit(request),
            Self::Scale(asked) => asked.edit(request),
            Self::RestoreInto(asked) => asked.picker.edit(request),
            Self::Quit(_) => {}
        }
    }

    pub fn scroll(&mut self, lines: i32) {
        match self {
            Self::Palette(palette) => palette.scroll(lines),
            Self::RestoreInto(asked) => asked.picker.scroll(lines),
            Self::Forward(_) | Self::Scale(_) | Self::Quit(_) => {}
        }
    }

    pub fn click(&mut self, row: usize) {
        match self {
            Self::Palette(palette) => palette.click(row),
            Self::RestoreInto(asked) => asked.picker.click(row),
            Self::Forward(_) | Self::Scale(_) | Self::Quit(_) => {}
        }
    }

    pub fn act(self, action: Action, world: &World) -> Answer {
        match (self, action) {
            (_, Action::Back) => Answer::Close,
            (Self::Palette(palette), Action::Open) => match palette.chosen() {
                Some(action) => Answer::Act(action),
                None => Answer::Stay(Self::Palette(palette)),
            },
            (Self::Palette(mut palette), _) => {
                palette.act(action);
                Answer::Stay(Self::Palette(palette))
            }
            (Self::Forward(asked), Action::Open) => match asked.meant() {
                Ok((local, forward)) => Answer::Listen(local, forward),
                Err(_) => Answer::Stay(Self::Forward(asked)),
            },
            (Self::Forward(asked), _) => Answer::Stay(Self::Forward(asked)),
            (Self::Scale(asked), Action::Open) => match asked.wanted() {
                Ok(wanted) => Answer::Plan(wanted),
                Err(_) => Answer::Stay(Self::Scale(asked)),
            },
            (Self::Scale(asked), _) => Answer::Stay(Self::Scale(asked)),
            (Self::RestoreInto(asked), Action::Open) => match asked.wanted(world.now) {
                Some(wanted) => Answer::Plan(wanted),
                None => Answer::Stay(Self::RestoreInto(asked)),
            },
            (Self::RestoreInto(mut asked), _) => {
                asked.picker.act(action);
                Answer::Stay(Self::RestoreInto(asked))
            }
            // Leaving it running: the process goes on without a screen until the plan has ended.
            (Self::Quit(_), Action::Leave | Action::Quit) => Answer::Do(vec![Effect::Quit]),
            (Self::Quit(running), Action::StopAndUndo) if running.iter().any(|id| can_be_taken_back(id, world)) => {
                let taken_back = running.into_iter().filter(|id| can_be_taken_back(id, world));
                Answer::Do(taken_back.map(Effect::StopAndUndo).chain([Effect::Quit]).collect())
            }
            (Self::Quit(running), _) => Answer::Stay(Self::Quit(running)),
        }
    }
}

//! What lies over the screen until it is answered: the palette, the line of a forward or of a scaling, and the question before quitting.

use tui_input::InputRequest;

use crate::{
    action::Action,
    app::{forward::ForwardPrompt, palette::Palette, plan::Wanted, prompt::Prompt, scale::ScalePrompt},
    domain::OperationId,
    message::{Effect, Forward},
};

#[derive(Debug)]
pub enum Overlay {
    Palette(Palette),
    Forward(Box<ForwardPrompt>),
    Scale(Box<ScalePrompt>),
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

impl Overlay {
    pub fn prompt(&self) -> Option<&Prompt> {
        match self {
            Self::Palette(palette) => Some(&palette.prompt),
            Self::Forward(asked) => Some(&asked.prompt),
            Self::Scale(asked) => Some(&asked.prompt),
            Self::Quit(_) => None,
        }
    }

    pub fn edit(&mut self, request: InputRequest) {
        match self {
            Self::Palette(palette) => palette.edit(request),
            Self::Forward(asked) => asked.edit(request),
            Self::Scale(asked) => asked.edit(request),
            Self::Quit(_) => {}
        }
    }

    pub fn scroll(&mut self, lines: i32) {
        match self {
            Self::Palette(palette) => palette.scroll(lines),
            Self::Forward(_) | Self::Scale(_) | Self::Quit(_) => {}
        }
    }

    pub fn click(&mut self, row: usize) {
        match self {
            Self::Palette(palette) => palette.click(row),
            Self::Forward(_) | Self::Scale(_) | Self::Quit(_) => {}
        }
    }

    pub fn act(self, action: Action) -> Answer {
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
            // Leaving it running: the process goes on without a screen until the plan has ended.
            (Self::Quit(_), Action::Leave | Action::Quit) => Answer::Do(vec![Effect::Quit]),
            (Self::Quit(running), Action::StopAndUndo) => {
                let mut effects: Vec<_> = running.into_iter().map(Effect::StopAndUndo).collect();
                effects.push(Effect::Quit);
                Answer::Do(effects)
            }
            (Self::Quit(running), _) => Answer::Stay(Self::Quit(running)),
        }
    }
}

//! One line that a person types into: a filter, a search, a name to confirm by.

use tui_input::{Input, InputRequest};

/// While a screen has one, printable keys go into it; Enter and Esc come to the screen as `Open` and `Back`.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    pub input: Input,
    /// What is asked for, at the left of the line.
    pub title: &'static str,
    /// What is wrong with what was typed so far.
    pub error: Option<String>,
}

impl Prompt {
    pub fn new(title: &'static str, text: impl Into<String>) -> Self {
        Self { input: Input::new(text.into()), title, error: None }
    }

    pub fn edit(&mut self, request: InputRequest) {
        self.error = None;
        self.input.handle(request);
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }
}

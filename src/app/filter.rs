//! Words that narrow a list: typed into a line that narrows while it is typed, kept after Enter, gone with Esc.

use crate::{action::Action, app::prompt::Prompt};

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub prompt: Option<Prompt>,
    words: Vec<String>,
}

impl Filter {
    /// Takes the actions that are about filtering; false where it is none, so that `Back` leaves the screen when nothing is filtered.
    pub fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Filter | Action::Search => {
                self.prompt = Some(Prompt::new("/", self.text()));
                true
            }
            Action::Open => self.prompt.take().is_some(),
            Action::Back if self.prompt.is_some() || !self.words.is_empty() => {
                *self = Self::default();
                true
            }
            _ => false,
        }
    }

    /// What is in the prompt has changed.
    pub fn typed(&mut self) {
        if let Some(prompt) = &self.prompt {
            self.words = prompt.text().split_whitespace().map(str::to_lowercase).collect();
        }
    }

    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Every word occurs in one of the texts, whatever its case.
    pub fn matches(&self, texts: &[&str]) -> bool {
        self.words.iter().all(|word| texts.iter().any(|text| text.to_lowercase().contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Filter {
        let mut filter = Filter { prompt: Some(Prompt::new("/", text)), ..Filter::default() };
        filter.typed();
        filter
    }

    #[test]
    fn every_word_must_occur_somewhere_and_case_does_not_matter() {
        assert!(typed("WEB exit").matches(&["shop-web-1", "exited with 137"]));
        assert!(!typed("web died").matches(&["shop-web-1", "exited with 137"]));
        assert!(typed("").matches(&["anything"]));
    }

    #[test]
    fn enter_keeps_what_was_typed_and_escape_takes_it_back() {
        let mut filter = typed("web");
        assert!(filter.act(Action::Open));
        assert_eq!((filter.prompt.is_none(), filter.text()), (true, "web".to_owned()));
        assert!(filter.act(Action::Back));
        assert!(filter.is_empty());
        assert!(!filter.act(Action::Back), "a second one is not about the filter");
    }
}

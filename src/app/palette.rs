//! Every action by its name: what applies here first, the rest greyed with the reason.

use crate::{
    action::Action,
    app::{
        picker::{Candidate, Picker, Typed},
        prompt::Prompt,
    },
};

/// All of them, with why not where one does not apply now. Captured when the palette was opened.
pub type Palette = Picker<Entry>;

#[derive(Debug)]
pub struct Entry {
    pub action: Action,
    pub refused: Option<String>,
}

/// What is called as was typed comes before what is only explained so, also when it is refused: its reason is what the person then
/// wants to read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Named,
    NamedButRefused,
    Explained,
    Refused,
}

impl Entry {
    fn rank_of(&self, is_named: bool) -> Rank {
        match (is_named, self.refused.is_some()) {
            (true, false) => Rank::Named,
            (true, true) => Rank::NamedButRefused,
            (false, false) => Rank::Explained,
            (false, true) => Rank::Refused,
        }
    }
}

impl Candidate for Entry {
    type Key = Action;
    type Rank = Rank;

    fn key(&self) -> Action {
        self.action
    }

    fn rank(&self, typed: &mut Typed) -> Option<(Rank, u32)> {
        let name = self.action.name().replace('_', " ");
        let in_name = typed.score(&name);
        let found = in_name.or_else(|| typed.score(&format!("{name} {}", self.action.help())))?;
        Some((self.rank_of(!typed.is_empty && in_name.is_some()), found))
    }
}

impl Palette {
    pub fn new(may: impl Fn(Action) -> Result<(), String>) -> Self {
        let entries = Action::ALL
            .iter()
            .filter(|action| {
                !matches!(action, Action::Palette | Action::Open | Action::Back | Action::Up | Action::Down)
            })
            .map(|&action| Entry { action, refused: may(action).err() });
        Self::of(Prompt::new(":", ""), entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use tui_input::InputRequest;

    use super::*;

    fn typed(text: &str, refused: &[Action]) -> Vec<Action> {
        let mut palette =
            Palette::new(|action| if refused.contains(&action) { Err("not here".to_owned()) } else { Ok(()) });
        text.chars().for_each(|c| palette.edit(InputRequest::InsertChar(c)));
        palette.keys()
    }

    #[test]
    fn an_action_is_found_first_by_its_name_also_where_it_is_refused() {
        assert_eq!(typed("start", &[])[0], Action::Start);
        assert_eq!(typed("start", &[Action::Start])[..2], [Action::Restart, Action::Start]);
        assert_eq!(typed("start", &[Action::Start, Action::Restart])[..2], [Action::Start, Action::Restart]);
        assert_eq!(typed("stop", &[Action::Stop])[..2], [Action::StopAndUndo, Action::Stop]);
    }

    #[test]
    fn words_of_the_explanation_find_it_too_after_the_names() {
        let found = typed("charts", &[Action::Metrics]);
        assert!(found.contains(&Action::Metrics), "{found:?}");
    }

    #[test]
    fn with_nothing_typed_what_applies_comes_first() {
        let found = typed("", &[Action::Logs]);
        assert_eq!(found.last(), Some(&Action::Logs));
    }
}

//! The keys in force. Which they are is the keymap's to say: the picture asks it.

use crate::{
    action::{Action, Place},
    app::{Page, Reply, Subject, World, filter::Filter, prompt::Prompt, scroll::Scroll},
};

#[derive(Debug)]
pub struct Help {
    /// The screen that it was opened from.
    pub about: Place,
    pub filter: Filter,
    pub scroll: Scroll,
}

/// One section: what it is called, and what can be done, each with its keys.
pub type Group = (&'static str, Vec<(Action, Vec<String>)>);

impl Help {
    pub fn of(about: Place) -> Self {
        Self { about, filter: Filter::default(), scroll: Scroll::default() }
    }

    /// This screen's own actions first. An action of another screen is one of this one's if the keymap gives it a key here.
    pub fn groups(&self, keys_of: &dyn Fn(Place, Action) -> Vec<String>) -> Vec<Group> {
        let (mut here, mut everywhere) = (Vec::new(), Vec::new());
        for &action in Action::ALL {
            let keys = keys_of(self.about, action);
            if !self.filter.matches(&[&name(action), action.help(), &keys.join(" ")]) {
                continue;
            }
            if action.place() == Place::Everywhere {
                everywhere.push((action, keys));
            } else if action.place() == self.about || !keys.is_empty() {
                here.push((action, keys));
            }
        }
        let groups = [("ON THIS SCREEN", here), ("EVERYWHERE", everywhere)];
        groups.into_iter().filter(|(_, actions)| !actions.is_empty()).collect()
    }
}

/// For people: `page up`.
pub fn name(action: Action) -> String {
    action.name().replace('_', " ")
}

impl Page for Help {
    fn place(&self) -> Place {
        Place::Help
    }

    fn act(&mut self, action: Action, _world: &World) -> Reply {
        if self.filter.act(action) {
            return Reply::stay();
        }
        match action {
            _ if self.scroll.act(action) => Reply::stay(),
            // The same key that opened it closes it.
            Action::Help => crate::app::Go::Back.into(),
            _ => Reply::pass(),
        }
    }

    fn subject(&self, _world: &World) -> Option<Subject> {
        None
    }

    fn prompt(&self) -> Option<&Prompt> {
        self.filter.prompt.as_ref()
    }

    fn prompt_mut(&mut self) -> Option<&mut Prompt> {
        self.filter.prompt.as_mut()
    }

    fn typed(&mut self, _world: &World) {
        self.filter.typed();
        self.scroll.to_top();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(place: Place, action: Action) -> Vec<String> {
        match (place, action) {
            (Place::Metrics, Action::Span) => vec!["t".into()],
            (Place::Configuration, Action::Wrap) => vec!["w".into()],
            (_, Action::Down) => vec!["j".into(), "down".into()],
            _ => Vec::new(),
        }
    }

    fn of_group(help: &Help, title: &str) -> Vec<Action> {
        let groups = help.groups(&keys);
        let group = groups.into_iter().find(|(name, _)| *name == title);
        group.map(|(_, actions)| actions.into_iter().map(|(action, _)| action).collect()).unwrap_or_default()
    }

    #[test]
    fn a_screen_lists_its_own_actions_and_those_of_others_that_have_a_key_here() {
        assert_eq!(of_group(&Help::of(Place::Metrics), "ON THIS SCREEN"), [Action::Span]);
        assert_eq!(of_group(&Help::of(Place::Configuration), "ON THIS SCREEN"), [Action::Wrap]);
        assert!(of_group(&Help::of(Place::Metrics), "EVERYWHERE").contains(&Action::Down));
    }

    #[test]
    fn every_action_of_a_screen_is_listed_also_without_a_key() {
        let of_logs = of_group(&Help::of(Place::Logs), "ON THIS SCREEN");
        let all: Vec<_> = Action::ALL.iter().copied().filter(|action| action.place() == Place::Logs).collect();
        assert_eq!(of_logs, all);
    }

    #[test]
    fn typing_narrows_by_key_name_or_help() {
        let mut help = Help::of(Place::Main);
        help.filter.prompt = Some(Prompt::new("/", "one row down"));
        help.filter.typed();
        assert_eq!(of_group(&help, "EVERYWHERE"), [Action::Down]);
        assert!(of_group(&help, "ON THIS SCREEN").is_empty());
    }
}

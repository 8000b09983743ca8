//! Which keys mean what, where. A place's own keys win over those that hold everywhere.

use super::{
    complaint::Complaint,
    key::{Key, print_sequence},
    keymap_file,
    paths::Paths,
    shelf::Shelf,
};
use crate::action::{Action, Place};

pub const DEFAULT: &str = "default";

const EMBEDDED: [(&str, &str); 2] =
    [(DEFAULT, include_str!("../../keymaps/default.toml")), ("vim", include_str!("../../keymaps/vim.toml"))];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// By place, worked out once: its own, then those of everywhere that they do not hide. A few dozen each, so that looking through
    /// all of them is quicker than anybody can press.
    in_force: [Vec<(Vec<Key>, Action)>; Place::ALL.len()],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub place: Place,
    pub keys: Vec<Key>,
    /// `None`: these keys do nothing here, also where they would do something everywhere.
    pub action: Option<Action>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    Action(Action),
    /// The beginning of one or more sequences: what may come next, each key once.
    Prefix(Vec<Next>),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub key: Key,
    pub comes: Comes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    Action(Action),
    /// Still more keys.
    More,
}

impl Keymap {
    /// The keymap of that name: the person's own file over an embedded one. With none of that name, the default.
    pub fn load(name: &str, paths: &Paths) -> (Self, Vec<Complaint>) {
        keymap_file::load(name, shelf(paths))
    }

    /// The first is the one to show. No two of a place may collide.
    pub(super) fn new(bindings: Vec<Binding>) -> Self {
        let at = |place| bindings.iter().filter(move |binding| binding.place == place);
        let everywhere: Vec<&Binding> = at(Place::Everywhere).collect();
        let in_force = Place::ALL.map(|place| {
            let mut all: Vec<&Binding> = at(place).collect();
            if place != Place::Everywhere {
                let hidden = |binding: &&Binding| all.iter().any(|own| collide(&own.keys, &binding.keys));
                let rest: Vec<_> = everywhere.iter().copied().filter(|binding| !hidden(binding)).collect();
                all.extend(rest);
            }
            all.into_iter().filter_map(|binding| Some((binding.keys.clone(), binding.action?))).collect()
        });
        Self { in_force }
    }

    pub fn resolve(&self, place: Place, keys: &[Key]) -> Resolved {
        let mut next: Vec<Next> = Vec::new();
        for (bound, action) in self.at(place) {
            match bound.strip_prefix(keys) {
                None => {}
                Some([]) => return Resolved::Action(*action),
                Some([key, ..]) if next.iter().any(|next| next.key == *key) => {}
                Some([key]) => next.push(Next { key: *key, comes: Comes::Action(*action) }),
                Some([key, ..]) => next.push(Next { key: *key, comes: Comes::More }),
            }
        }
        if next.is_empty() { Resolved::Nothing } else { Resolved::Prefix(next) }
    }

    /// As a keymap file writes them; the first is the one to show where there is room for one.
    pub fn keys_of(&self, place: Place, action: Action) -> Vec<String> {
        self.at(place).iter().filter(|(_, bound)| *bound == action).map(|(keys, _)| print_sequence(keys)).collect()
    }

    /// What the help of a place lists: each action that has keys there, in the order of the actions.
    pub fn actions_at(&self, place: Place) -> Vec<(Action, Vec<String>)> {
        let with_keys = |action| Some((action, self.keys_of(place, action))).filter(|(_, keys)| !keys.is_empty());
        Action::ALL.iter().copied().filter_map(with_keys).collect()
    }

    fn at(&self, place: Place) -> &[(Vec<Key>, Action)] {
        &self.in_force[place as usize]
    }
}

/// `layer` before `base`, which loses whatever collides with it.
pub(super) fn layered(mut layer: Vec<Binding>, base: Vec<Binding>) -> Vec<Binding> {
    let collides = |old: &Binding, new: &Binding| old.place == new.place && collide(&old.keys, &new.keys);
    let kept: Vec<_> = base.into_iter().filter(|old| !layer.iter().any(|new| collides(old, new))).collect();
    layer.extend(kept);
    layer
}

/// Whether one is the beginning of the other, or the same: then only one of them can ever be reached.
pub(super) fn collide(one: &[Key], other: &[Key]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

pub(super) fn shelf(paths: &Paths) -> Shelf<'_> {
    Shelf { kind: "keymap", embedded: &EMBEDDED, directory: paths.keymaps.as_deref() }
}

pub fn names(paths: &Paths) -> Vec<String> {
    shelf(paths).names()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::parse_sequence;

    fn keymap(bindings: &[(Place, &str, Option<Action>)]) -> Keymap {
        let binding =
            |&(place, keys, action): &(_, &str, _)| Binding { place, keys: parse_sequence(keys).unwrap(), action };
        Keymap::new(bindings.iter().map(binding).collect())
    }

    fn resolve(keymap: &Keymap, place: Place, keys: &str) -> Resolved {
        keymap.resolve(place, &parse_sequence(keys).unwrap())
    }

    #[test]
    fn a_places_own_key_wins_over_everywhere() {
        let keymap = keymap(&[
            (Place::Everywhere, "s", Some(Action::Save)),
            (Place::Logs, "s", Some(Action::Since)),
            (Place::Metrics, "s", None),
        ]);
        assert_eq!(resolve(&keymap, Place::Main, "s"), Resolved::Action(Action::Save));
        assert_eq!(resolve(&keymap, Place::Logs, "s"), Resolved::Action(Action::Since));
        assert_eq!(resolve(&keymap, Place::Metrics, "s"), Resolved::Nothing);
        assert!(keymap.keys_of(Place::Logs, Action::Save).is_empty());
    }

    #[test]
    fn the_keys_that_may_come_next_are_told() {
        let keymap = keymap(&[
            (Place::Everywhere, "g l", Some(Action::Logs)),
            (Place::Everywhere, "g x y", Some(Action::Copy)),
            (Place::Everywhere, "g x z", Some(Action::Save)),
            (Place::Logs, "g g", Some(Action::First)),
            (Place::Logs, "g l", None),
        ]);
        let next = |key: &str, comes| Next { key: key.parse().unwrap(), comes };
        let everywhere = vec![next("l", Comes::Action(Action::Logs)), next("x", Comes::More)];
        assert_eq!(resolve(&keymap, Place::Main, "g"), Resolved::Prefix(everywhere));
        let in_logs = vec![next("g", Comes::Action(Action::First)), next("x", Comes::More)];
        assert_eq!(resolve(&keymap, Place::Logs, "g"), Resolved::Prefix(in_logs));
        assert_eq!(resolve(&keymap, Place::Main, "g x z"), Resolved::Action(Action::Save));
        assert_eq!(resolve(&keymap, Place::Main, "g q"), Resolved::Nothing);
    }

    #[test]
    fn a_single_key_of_a_place_hides_the_longer_sequences_of_everywhere() {
        let keymap = keymap(&[(Place::Everywhere, "g l", Some(Action::Logs)), (Place::Main, "g", Some(Action::First))]);
        assert_eq!(resolve(&keymap, Place::Main, "g"), Resolved::Action(Action::First));
        assert!(keymap.keys_of(Place::Main, Action::Logs).is_empty());
    }

    #[test]
    fn places_are_counted_as_they_are_listed() {
        for (index, place) in Place::ALL.into_iter().enumerate() {
            assert_eq!(place as usize, index);
        }
    }
}

//! A keymap file: one table a place, keys to the names of actions. It changes the embedded keymap that it names as its `base`.

use toml::de::DeValue;

use super::{
    complaint::{Complaint, did_you_mean},
    key::{parse_sequence, print_sequence},
    keymap::{Binding, DEFAULT, Keymap, collide, layered},
    shelf::Shelf,
    source::Source,
    table::{Entry, Table, string, wanted},
};
use crate::action::{Action, Place};

/// In the place of an action: these keys do nothing.
const NONE: &str = "none";

struct Layer {
    base: String,
    bindings: Vec<Binding>,
}

pub fn load(name: &str, shelf: Shelf<'_>) -> (Keymap, Vec<Complaint>) {
    let mut complaints = Vec::new();
    let own = shelf.own(name).unwrap_or_else(|complaint| {
        complaints.push(complaint);
        None
    });
    // A file with an embedded keymap's name changes that one, unless it says otherwise.
    let usual_base = if shelf.embedded(name).is_some() { name } else { DEFAULT };
    let bindings = match own {
        None => embedded(usual_base, shelf, &mut complaints),
        Some(own) => {
            let layer = read(own, usual_base, shelf, &mut complaints);
            layered(layer.bindings, embedded(&layer.base, shelf, &mut complaints))
        }
    };
    (Keymap::new(bindings), complaints)
}

fn embedded(name: &str, shelf: Shelf<'_>, complaints: &mut Vec<Complaint>) -> Vec<Binding> {
    let Some(source) = shelf.embedded(name) else { return Vec::new() };
    let layer = read(source, "", shelf, complaints);
    layered(layer.bindings, embedded(&layer.base, shelf, complaints))
}

fn read(source: Source, usual_base: &str, shelf: Shelf<'_>, complaints: &mut Vec<Complaint>) -> Layer {
    let mut layer = Layer { base: usual_base.to_owned(), bindings: Vec::new() };
    let bases: Vec<String> = shelf.embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
    let (_, found) = source.read(|table| {
        table.one_of("base", "embedded keymap", &bases, &mut layer.base);
        for place in Place::ALL {
            table.section(place.name(), |section| read_place(section, place, &mut layer.bindings));
        }
    });
    complaints.extend(found);
    layer
}

fn read_place(table: &mut Table<'_>, place: Place, bindings: &mut Vec<Binding>) {
    for entry in table.entries() {
        let Some(binding) = read_binding(table, place, &entry) else { continue };
        let earlier = bindings.iter().find(|earlier| earlier.place == place && collide(&earlier.keys, &binding.keys));
        match earlier {
            None => bindings.push(binding),
            Some(earlier) => {
                let other = print_sequence(&earlier.keys);
                let text = format!("\"{}\" cannot be told apart from \"{other}\" above", entry.key);
                table.complain(&entry.key_span, &text, Some("one of them begins with the other: change or remove one"));
            }
        }
    }
}

fn read_binding(table: &Table<'_>, place: Place, entry: &Entry<'_>) -> Option<Binding> {
    let keys = parse_sequence(entry.key).map_err(|why| table.complain(&entry.key_span, &why, None));
    let action = read_action(table, place, entry);
    Some(Binding { place, keys: keys.ok()?, action: action? })
}

/// The outer `None`: it cannot be used.
fn read_action(table: &Table<'_>, place: Place, entry: &Entry<'_>) -> Option<Option<Action>> {
    let span = entry.value.span();
    let name = match entry.value.get_ref() {
        value @ DeValue::String(_) => string(value).ok()?,
        other => {
            table.complain(&span, &wanted("an action's name in quotes", other), None);
            return None;
        }
    };
    if name == NONE {
        return Some(None);
    }
    let Some(action) = Action::from_name(name) else {
        let names = Action::ALL.iter().map(|action| action.name()).chain([NONE]);
        table.complain(&span, &format!("there is no action \"{name}\""), Some(&did_you_mean(name, names)));
        return None;
    };
    if ![place, Place::Everywhere].contains(&action.place()) {
        let help = format!("bind it in [{}]", action.place().name());
        table.complain(&span, &format!("\"{name}\" does nothing in [{}]", place.name()), Some(&help));
        return None;
    }
    Some(Some(action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        keymap::{Resolved, shelf},
        paths::Paths,
    };

    /// Only in the palette: none today.
    const WITHOUT_KEYS: [Action; 0] = [];

    fn embedded_keymap(name: &str) -> Keymap {
        let (keymap, complaints) = Keymap::load(name, &Paths::default());
        assert_eq!(complaints, [], "{name}");
        keymap
    }

    /// A keymap of the person's own.
    fn own(name: &str, text: &str) -> (Keymap, Vec<Complaint>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(format!("{name}.toml")), text).unwrap();
        Keymap::load(name, &Paths { keymaps: Some(root.path().to_owned()), ..Paths::default() })
    }

    fn names() -> Vec<String> {
        shelf(&Paths::default()).names()
    }

    #[test]
    fn every_action_has_a_key_where_it_applies() {
        for name in names() {
            let keymap = embedded_keymap(&name);
            for &action in Action::ALL {
                let place = if action.place() == Place::Everywhere { Place::Main } else { action.place() };
                let bound = !keymap.keys_of(place, action).is_empty();
                assert_eq!(bound, !WITHOUT_KEYS.contains(&action), "{name}: {}", action.name());
            }
        }
    }

    #[test]
    fn on_every_screen_a_person_can_move_come_back_get_help_and_find_everything_else() {
        for name in names() {
            let keymap = embedded_keymap(&name);
            for place in Place::ALL {
                for action in [Action::Up, Action::Down, Action::Back, Action::Palette, Action::Quit] {
                    assert!(!keymap.keys_of(place, action).is_empty(), "{name} {} {}", place.name(), action.name());
                }
            }
        }
    }

    #[test]
    fn the_keys_of_tmux_and_screen_are_left_to_them() {
        for name in names() {
            let keymap = embedded_keymap(&name);
            for key in ["ctrl-a", "ctrl-b", "ctrl-s", "ctrl-q"] {
                for place in Place::ALL {
                    let resolved = keymap.resolve(place, &parse_sequence(key).unwrap());
                    assert_eq!(resolved, Resolved::Nothing, "{name} {} {key}", place.name());
                }
            }
        }
    }

    #[test]
    fn what_changes_an_engine_is_nowhere_on_a_key_that_moves() {
        let moves = [Action::Up, Action::Down, Action::Left, Action::Right, Action::Open, Action::Back];
        for name in names() {
            let keymap = embedded_keymap(&name);
            let moving: Vec<_> = Place::ALL
                .into_iter()
                .flat_map(|place| moves.map(|action| keymap.keys_of(place, action)).concat())
                .collect();
            for place in Place::ALL {
                for action in [Action::Restart, Action::Stop, Action::Start, Action::StopAndUndo, Action::Confirm] {
                    let keys = keymap.keys_of(place, action);
                    assert!(keys.iter().all(|key| !moving.contains(key)), "{name} {} {keys:?}", place.name());
                }
            }
        }
    }

    #[test]
    fn a_file_changes_what_it_names_and_leaves_the_rest() {
        let (keymap, complaints) = own(
            "mine",
            r#"
            [everywhere]
            "ctrl-n" = "down"
            "g g" = "first"
            "T" = "none"
            [main]
            "m" = "sort"
            "#,
        );
        assert_eq!(complaints, []);
        assert_eq!(keymap.keys_of(Place::Main, Action::Down), ["ctrl-n", "down", "j"]);
        assert_eq!(keymap.keys_of(Place::Main, Action::First), ["g g", "home"]);
        assert!(keymap.keys_of(Place::Main, Action::Theme).is_empty());
        assert_eq!(keymap.keys_of(Place::Main, Action::Sort), ["m", ">"]);
        assert!(keymap.keys_of(Place::Main, Action::Metrics).is_empty());
        assert_eq!(keymap.keys_of(Place::Logs, Action::Metrics), ["m"]);
    }

    #[test]
    fn a_file_named_as_an_embedded_keymap_changes_that_one() {
        let (keymap, _) = own("vim", "[everywhere]\n\"g x\" = \"save\"");
        assert_eq!(keymap.keys_of(Place::Main, Action::Logs), ["g l"]);
        assert_eq!(keymap.keys_of(Place::Main, Action::Save), ["g x", "S"]);
        let (keymap, _) = own("mine", "base = \"vim\"\n");
        assert_eq!(keymap, embedded_keymap("vim"));
    }

    #[test]
    fn a_file_that_is_not_toml_leaves_the_keys_as_they_were() {
        let (keymap, complaints) = own("mine", "[everywhere\n");
        assert_eq!(complaints.len(), 1);
        assert_eq!(keymap, embedded_keymap(DEFAULT));
    }

    #[test]
    fn the_help_of_a_place_lists_its_own_keys_before_those_of_everywhere() {
        let at_logs = embedded_keymap(DEFAULT).actions_at(Place::Logs);
        assert!(at_logs.contains(&(Action::Right, vec!["l".to_owned(), "right".to_owned()])), "{at_logs:?}");
        assert!(at_logs.contains(&(Action::Search, vec!["/".to_owned(), "ctrl-f".to_owned()])), "{at_logs:?}");
        assert!(!at_logs.iter().any(|(action, _)| *action == Action::Sort));
    }
}

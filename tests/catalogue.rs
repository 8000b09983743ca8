//! The one table of actions, and what is written about them elsewhere.

use std::{collections::BTreeSet, fs, path::Path};

use midwatch::action::{Action, Place};

#[test]
fn every_action_has_a_name_of_its_own_that_can_be_typed() {
    let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
    assert_eq!(names.len(), Action::ALL.len(), "two actions share a name");
    for name in names {
        let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(is_plain && !name.starts_with('_') && !name.ends_with('_'), "{name:?}");
    }
}

#[test]
fn every_action_says_in_one_short_line_what_it_does() {
    let mut said = BTreeSet::new();
    for action in Action::ALL {
        let help = action.help();
        let is_short = !help.is_empty() && help.chars().count() <= 60 && !help.contains('\n');
        assert!(is_short, "{}: {help:?}", action.name());
        assert!(!help.ends_with('.'), "{}: a line of a table, not a sentence: {help:?}", action.name());
        assert!(said.insert(help), "{}: says the same as another: {help:?}", action.name());
    }
}

#[test]
fn every_place_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Place::ALL.iter().map(|place| place.name()).collect();
    assert_eq!(names.len(), Place::ALL.len());
}

/// `| key | action | what it does |` rows, as the README lists them.
#[test]
fn the_table_of_keys_in_the_readme_tells_of_every_action_in_its_own_words() {
    let Some(rows) = readme_rows() else { return };
    for action in Action::ALL {
        let row = rows.iter().find(|row| row.action == action.name());
        let row = row.unwrap_or_else(|| panic!("README.md: the table of keys does not tell of `{}`", action.name()));
        assert_eq!(row.help, action.help(), "README.md: `{}`", action.name());
    }
    for row in &rows {
        assert!(Action::from_name(&row.action).is_some(), "README.md: there is no action `{}`", row.action);
    }
}

struct Row {
    action: String,
    help: String,
}

/// The rows below the title `| key | action | ...`; nothing as long as the README has no such table.
fn readme_rows() -> Option<Vec<Row>> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).ok()?;
    let cells = |line: &str| -> Vec<String> {
        // A key that is a bar is written with a backslash before it.
        let line = line.replace("\\|", "\u{0}");
        let cells = line.trim().trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`').replace('\u{0}', "|")).collect()
    };
    let is_title =
        |line: &&str| matches!(cells(line).as_slice(), [key, action, ..] if key == "key" && action == "action");
    let table = readme.lines().skip_while(|line| !is_title(line));
    let rows: Vec<_> = table
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| match cells(line).as_slice() {
            [_, action, help, ..] => Some(Row { action: action.clone(), help: help.clone() }),
            _ => None,
        })
        .collect();
    (!rows.is_empty()).then_some(rows)
}

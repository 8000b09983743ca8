//! A theme file: a palette of the theme's own colour names, and a look for each role. It changes the embedded theme that is its `base`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    colour::{ANSI_NAMES, Colour},
    complaint::{Complaint, did_you_mean},
    shelf::Shelf,
    source::Source,
    table::{Entry, Table, integer, wanted},
    theme::{Look, Role, Theme},
};

/// What a file without a base changes: these colours are the terminal's own, so that nothing is unreadable.
const PLAINEST: &str = "ansi";

/// A theme whose palette can still be changed by a file that has it as its base.
#[derive(Clone, Debug, Default)]
struct Draft {
    palette: BTreeMap<String, Colour>,
    looks: BTreeMap<Role, DraftLook>,
}

#[derive(Clone, Debug, Default)]
struct DraftLook {
    fg: Paint,
    bg: Paint,
    /// Its colours are not meant.
    rest: Look,
}

#[derive(Clone, Debug)]
enum Paint {
    Fixed(Colour),
    Named(String),
}

impl Default for Paint {
    fn default() -> Self {
        Self::Fixed(Colour::Default)
    }
}

pub fn load(name: &str, shelf: Shelf<'_>) -> (Theme, Vec<Complaint>) {
    let mut complaints = Vec::new();
    let own = shelf.own(name).unwrap_or_else(|complaint| {
        complaints.push(complaint);
        None
    });
    let is_embedded = shelf.embedded(name).is_some();
    let draft = match own {
        None => embedded(if is_embedded { name } else { super::theme::DEFAULT }, shelf, &mut complaints),
        Some(own) => read(own, if is_embedded { name } else { PLAINEST }, shelf, &mut complaints),
    };
    (draft.finish(), complaints)
}

fn embedded(name: &str, shelf: Shelf<'_>, complaints: &mut Vec<Complaint>) -> Draft {
    shelf.embedded(name).map_or_else(Draft::default, |source| read(source, "", shelf, complaints))
}

fn read(source: Source, usual_base: &str, shelf: Shelf<'_>, complaints: &mut Vec<Complaint>) -> Draft {
    let bases: Vec<String> = shelf.embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut base_complaints = Vec::new();
    let (draft, found) = source.read(|table| {
        let mut base = usual_base.to_owned();
        table.one_of("base", "embedded theme", &bases, &mut base);
        let mut draft = embedded(&base, shelf, &mut base_complaints);
        table.section("palette", |table| {
            for entry in table.entries() {
                if let Some(colour) = read_colour(table, &entry) {
                    draft.palette.insert(entry.key.to_owned(), colour);
                }
            }
        });
        table.section("roles", |table| {
            for entry in table.entries() {
                read_role(table, &entry, &mut draft);
            }
        });
        draft
    });
    complaints.extend(base_complaints);
    complaints.extend(found);
    draft.unwrap_or_else(|| embedded(usual_base, shelf, complaints))
}

fn read_colour(table: &Table<'_>, entry: &Entry<'_>) -> Option<Colour> {
    let span = entry.value.span();
    let read = match entry.value.get_ref() {
        DeValue::String(text) => text.parse(),
        value => integer(value, &(0..=255))
            .unwrap_or_else(|| Err(wanted("a colour like \"#7aa2f7\", \"bright-red\" or a number up to 255", value)))
            .map(|number| Colour::numbered(number as u8)),
    };
    read.map_err(|why| table.complain(&span, &why, None)).ok()
}

fn read_role(table: &Table<'_>, entry: &Entry<'_>, draft: &mut Draft) {
    let Some(role) = Role::from_name(entry.key) else {
        let help = did_you_mean(entry.key, Role::ALL.iter().map(|role| role.name()));
        return table.complain(&entry.key_span, &format!("there is no role \"{}\"", entry.key), Some(&help));
    };
    let mut look = DraftLook::default();
    match entry.value.get_ref() {
        // A colour alone is the foreground.
        DeValue::String(_) | DeValue::Integer(_) => match read_paint(table, entry, &draft.palette) {
            Some(paint) => look.fg = paint,
            None => return,
        },
        DeValue::Table(_) => table.inside(entry, |table| read_look(table, &draft.palette, &mut look)),
        other => return table.complain(&entry.value.span(), &wanted("a colour or a table", other), None),
    }
    draft.looks.insert(role, look);
}

fn read_look(table: &mut Table<'_>, palette: &BTreeMap<String, Colour>, look: &mut DraftLook) {
    table.bool("bold", &mut look.rest.bold);
    table.bool("dim", &mut look.rest.dim);
    table.bool("italic", &mut look.rest.italic);
    table.bool("underline", &mut look.rest.underline);
    table.bool("reverse", &mut look.rest.reverse);
    for (key, paint) in [("fg", &mut look.fg), ("bg", &mut look.bg)] {
        if let Some(entry) = table.entry(key)
            && let Some(read) = read_paint(table, &entry, palette)
        {
            *paint = read;
        }
    }
}

/// A name of the palette, or a colour.
fn read_paint(table: &Table<'_>, entry: &Entry<'_>, palette: &BTreeMap<String, Colour>) -> Option<Paint> {
    match entry.value.get_ref() {
        DeValue::String(name) if palette.contains_key(&**name) => Some(Paint::Named(name.to_string())),
        DeValue::String(name) if !name.starts_with('#') && name.parse::<Colour>().is_err() => {
            let names = palette.keys().map(String::as_str).chain(ANSI_NAMES);
            let help = did_you_mean(name, names);
            table.complain(&entry.value.span(), &format!("there is no colour \"{name}\""), Some(&help));
            None
        }
        _ => read_colour(table, entry).map(Paint::Fixed),
    }
}

impl Draft {
    fn finish(&self) -> Theme {
        Theme::new(|role| match self.looks.get(&role) {
            None => Look::default(),
            Some(look) => Look { fg: self.colour(&look.fg), bg: self.colour(&look.bg), ..look.rest },
        })
    }

    fn colour(&self, paint: &Paint) -> Colour {
        match paint {
            Paint::Fixed(colour) => *colour,
            Paint::Named(name) => self.palette.get(name).copied().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        paths::Paths,
        terminal::Depth,
        theme::{names, shelf},
    };

    const BLACK: Colour = Colour::Rgb(0, 0, 0);

    fn embedded_theme(name: &str) -> Theme {
        let (theme, complaints) = Theme::load(name, &Paths::default());
        assert_eq!(complaints, [], "{name}");
        theme
    }

    /// A theme of the person's own.
    fn own(name: &str, text: &str) -> (Theme, Vec<Complaint>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(format!("{name}.toml")), text).unwrap();
        Theme::load(name, &Paths { themes: Some(root.path().to_owned()), ..Paths::default() })
    }

    /// Everything that is read, laid over whatever it may stand on, with at least this contrast.
    fn assert_readable(name: &str, depth: Depth, terminal: Colour, least: f64) {
        let theme = embedded_theme(name).at(depth);
        let text = theme.look(Role::Text).fg;
        let unset = |colour, otherwise| if colour == Colour::Default { otherwise } else { colour };
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Border) {
            let look = theme.look(role);
            for under in [Role::Text, Role::Selected, Role::SelectedUnfocused] {
                let under = theme.look(under);
                // A selection is laid over a row, so that what it sets wins.
                let fg = unset(under.fg, unset(look.fg, text));
                let fg = if under == theme.look(Role::Text) { unset(look.fg, text) } else { fg };
                let bg = unset(under.bg, unset(look.bg, terminal));
                let selected_match = look.bg != Colour::Default && under.bg != Colour::Default;
                if selected_match || look.reverse || under.reverse {
                    continue;
                }
                let contrast = fg.contrast(bg).expect("both are known");
                assert!(contrast >= least, "{name} {depth:?}: {} on {bg:?}: {contrast:.2}", role.name());
            }
        }
    }

    #[test]
    fn everything_can_be_read() {
        for depth in [Depth::True, Depth::Indexed] {
            for dark in [BLACK, Colour::Rgb(0x10, 0x14, 0x1c), Colour::Rgb(0x1e, 0x1e, 0x2e)] {
                assert_readable("midnight", depth, dark, 4.5);
            }
            assert_readable("daylight", depth, Colour::Rgb(255, 255, 255), 4.5);
            assert_readable("contrast", depth, BLACK, 7.0);
        }
    }

    #[test]
    fn the_palette_says_which_background_a_theme_is_for() {
        let shelf = shelf(&Paths::default()).embedded.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(shelf, ["midnight", "daylight", "contrast", "ansi"]);
        let background = |name| {
            let paths = Paths::default();
            embedded(name, super::super::theme::shelf(&paths), &mut Vec::new()).palette.get("background").copied()
        };
        assert_eq!(background("midnight"), Some(Colour::Rgb(0x10, 0x14, 0x1c)));
        assert_eq!(background("daylight"), Some(Colour::Rgb(255, 255, 255)));
        assert_eq!(background("contrast"), Some(BLACK));
    }

    #[test]
    fn every_theme_says_how_every_role_looks() {
        for name in names(&Paths::default()) {
            let paths = Paths::default();
            let draft = embedded(&name, shelf(&paths), &mut Vec::new());
            let missing: Vec<_> = Role::ALL.into_iter().filter(|role| !draft.looks.contains_key(role)).collect();
            assert_eq!(missing, [], "{name}");
        }
    }

    /// The states and levels that a person has to tell apart, at every number of colours.
    #[test]
    fn what_matters_is_told_apart_with_16_colours_and_with_none() {
        for name in names(&Paths::default()) {
            for depth in [Depth::True, Depth::Indexed, Depth::Ansi, Depth::Plain] {
                let theme = embedded_theme(&name).at(depth);
                let differ = |roles: &[Role]| {
                    for (index, one) in roles.iter().enumerate() {
                        for other in &roles[index + 1..] {
                            assert_ne!(theme.look(*one), theme.look(*other), "{name} {depth:?}: {one:?} {other:?}");
                        }
                    }
                };
                differ(&[Role::Text, Role::Selected, Role::SelectedUnfocused]);
                differ(&[Role::Text, Role::CurrentMatch, Role::Gap]);
                differ(&[Role::Text, Role::SearchMatch]);
                differ(&[Role::Input, Role::Cursor]);
                differ(&[Role::Failing, Role::Healthy]);
                differ(&[Role::LevelInfo, Role::LevelError, Role::LevelFatal]);
                differ(&[Role::SearchMatch, Role::CurrentMatch]);
                if depth != Depth::Plain {
                    differ(&[Role::Failing, Role::Degraded, Role::Changing, Role::Healthy, Role::Stopped]);
                }
            }
        }
    }

    #[test]
    fn the_theme_of_16_colours_uses_no_tone_that_a_dark_or_a_light_terminal_hides() {
        let theme = embedded_theme("ansi");
        for role in Role::ALL {
            let look = theme.look(role);
            assert!(matches!(look.fg, Colour::Default | Colour::Ansi(1..=3 | 5 | 6 | 12)), "{} {look:?}", role.name());
            assert_eq!(look.bg, Colour::Default, "{}", role.name());
        }
    }

    #[test]
    fn a_selected_row_is_of_one_colour_with_16_of_them() {
        for name in names(&Paths::default()) {
            let selected = embedded_theme(&name).at(Depth::Ansi).look(Role::Selected);
            assert!(selected.fg != Colour::Default, "{name}: {selected:?}");
        }
    }

    #[test]
    fn a_file_can_change_one_tone_of_its_base_or_one_role() {
        let (theme, complaints) = own(
            "mine",
            r##"
            base = "midnight"
            [palette]
            red = "#f00"
            [roles]
            healthy = 46
            title = { fg = "red", underline = true }
            "##,
        );
        assert_eq!(complaints, []);
        let red = Colour::Rgb(255, 0, 0);
        assert_eq!(theme.look(Role::Failing), Look { fg: red, bold: true, ..Look::default() });
        assert_eq!(theme.look(Role::Healthy).fg, Colour::Indexed(46));
        assert_eq!(theme.look(Role::Title), Look { fg: red, underline: true, ..Look::default() });
        assert_eq!(theme.look(Role::Text), embedded_theme("midnight").look(Role::Text));
    }

    #[test]
    fn a_broken_file_leaves_the_looks_as_they_were() {
        let (theme, complaints) = own("midnight", "[roles]\nfailing = \n");
        assert_eq!(complaints.len(), 1);
        assert_eq!(theme, embedded_theme("midnight"));
        let (theme, complaints) = own("mine", "[roles]\nfailing = { fg = \"reed\" }\nhealthy = \"blue\"\n");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert_eq!(theme.look(Role::Healthy).fg, Colour::Ansi(4), "the rest is used");
    }
}

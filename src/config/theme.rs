//! How things look, by what they mean. Knows no terminal library; `ui::theme` turns it into styles.

use super::{colour::Colour, complaint::Complaint, paths::Paths, shelf::Shelf, terminal::Depth, theme_file};

pub const DEFAULT: &str = "midnight";

const EMBEDDED: [(&str, &str); 4] = [
    (DEFAULT, include_str!("../../themes/midnight.toml")),
    ("daylight", include_str!("../../themes/daylight.toml")),
    ("contrast", include_str!("../../themes/contrast.toml")),
    ("ansi", include_str!("../../themes/ansi.toml")),
];

/// The table: variant, and its name in theme files.
macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// What something on the screen means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $variant),* }

        impl Role {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

roles! {
    // the frame
    /// Under everything: where it has a background, the whole screen has it.
    Text "text";
    Dim "dim";
    Title "title";
    /// The line at the top, and the hints at the bottom.
    Bar "bar";
    /// A key to press, where it is named.
    Key "key";
    Border "border";
    FocusedBorder "focused_border";
    /// The titles of columns.
    Header "header";
    /// Laid over the cells of a row: what it leaves out, they keep.
    Selected "selected";
    /// The same in a pane that the keys do not go to.
    SelectedUnfocused "selected_unfocused";
    // how something is
    Failing "failing";
    Degraded "degraded";
    Changing "changing";
    Unknown "unknown";
    Stopped "stopped";
    Healthy "healthy";
    /// Once true; shown with its age.
    Stale "stale";
    // log lines
    Timestamp "timestamp";
    LevelTrace "level_trace";
    LevelDebug "level_debug";
    LevelInfo "level_info";
    LevelWarn "level_warn";
    LevelError "level_error";
    LevelFatal "level_fatal";
    Stderr "stderr";
    SearchMatch "search_match";
    CurrentMatch "current_match";
    Mark "mark";
    /// The row that stands for lines that are not shown.
    Gap "gap";
    /// Six that can be told apart, for instances side by side.
    Source1 "source_1";
    Source2 "source_2";
    Source3 "source_3";
    Source4 "source_4";
    Source5 "source_5";
    Source6 "source_6";
    // charts
    ChartCpu "chart_cpu";
    ChartMemory "chart_memory";
    ChartIn "chart_in";
    ChartOut "chart_out";
    // talking with a person
    NoticeInfo "notice_info";
    NoticeWarning "notice_warning";
    NoticeError "notice_error";
    /// What a yes would change.
    Danger "danger";
    Input "input";
    Cursor "cursor";
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub fg: Colour,
    pub bg: Colour,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub reverse: bool,
}

const CYAN: u8 = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    looks: [Look; Role::ALL.len()],
}

impl Theme {
    /// The theme of that name: the person's own file over an embedded one. With none of that name, the default.
    pub fn load(name: &str, paths: &Paths) -> (Self, Vec<Complaint>) {
        theme_file::load(name, shelf(paths))
    }

    pub(super) fn new(look: impl Fn(Role) -> Look) -> Self {
        Self { looks: Role::ALL.map(look) }
    }

    pub fn look(&self, role: Role) -> Look {
        self.looks[role as usize]
    }

    /// As a terminal of that depth can show it.
    pub fn at(&self, depth: Depth) -> Self {
        Self::new(|role| match depth {
            Depth::True => self.look(role),
            Depth::Indexed => self.look(role).mapped(depth),
            Depth::Ansi => {
                let look = self.look(role).mapped(depth);
                // A background that is black or white here may be the terminal's own, and what it says would not be seen.
                match role {
                    _ if look.bg == Colour::Default || look.bg.has_hue() => look,
                    // With a colour, or else a reversed row would be as many-coloured as its cells.
                    Role::Selected => Look { fg: Colour::Ansi(CYAN), ..without_colour(role, look) },
                    _ => without_colour(role, look),
                }
            }
            Depth::Plain => without_colour(role, self.look(role)),
        })
    }

    /// Bold, underline and the like stay, and what a background said is said by reversing.
    pub fn without_colour(&self) -> Self {
        self.at(Depth::Plain)
    }
}

impl Look {
    fn mapped(self, depth: Depth) -> Self {
        Self { fg: self.fg.at(depth), bg: self.bg.at(depth), ..self }
    }
}

fn without_colour(role: Role, look: Look) -> Look {
    let had_background = look.bg != Colour::Default && role != Role::Text;
    let look = Look { fg: Colour::Default, bg: Colour::Default, ..look };
    match role {
        // Both selections are in sight together: they must not look alike.
        Role::SelectedUnfocused if had_background => Look { underline: true, ..look },
        _ => Look { reverse: look.reverse || had_background, ..look },
    }
}

pub(super) fn shelf(paths: &Paths) -> Shelf<'_> {
    Shelf { kind: "theme", embedded: &EMBEDDED, directory: paths.themes.as_deref() }
}

/// The embedded ones, then the person's own.
pub fn names(paths: &Paths) -> Vec<String> {
    shelf(paths).names()
}

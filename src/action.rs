//! Every action once. Keymaps, the palette, the help screen and the README's key table all come from this list.

use serde::{Deserialize, Serialize};

use crate::domain::Capability;

/// Where an action applies, and the sections of a keymap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On every screen, unless a screen's own section says otherwise.
    Everywhere,
    Main,
    Logs,
    Metrics,
    Instances,
    Nodes,
    Forwards,
    Backups,
    Events,
    Configuration,
    Release,
    Rollout,
    Plan,
    Operation,
    Operations,
    Notices,
    Help,
}

impl Place {
    pub const ALL: [Self; 17] = [
        Self::Everywhere,
        Self::Main,
        Self::Logs,
        Self::Metrics,
        Self::Instances,
        Self::Nodes,
        Self::Forwards,
        Self::Backups,
        Self::Events,
        Self::Configuration,
        Self::Release,
        Self::Rollout,
        Self::Plan,
        Self::Operation,
        Self::Operations,
        Self::Notices,
        Self::Help,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Main => "main",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Instances => "instances",
            Self::Nodes => "nodes",
            Self::Forwards => "forwards",
            Self::Backups => "backups",
            Self::Events => "events",
            Self::Configuration => "configuration",
            Self::Release => "release",
            Self::Rollout => "rollout",
            Self::Plan => "plan",
            Self::Operation => "operation",
            Self::Operations => "operations",
            Self::Notices => "notices",
            Self::Help => "help",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Looks, or changes only what this screen shows.
    None,
    /// Changes something on an engine: opens a plan first, and `--read-only` refuses it.
    Changes,
}

/// The table: variant, name in keymap files, where it applies, help, and whether it touches an engine or needs a capability.
macro_rules! actions {
    ($($variant:ident $name:literal $place:ident $help:literal $danger:ident $needs:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($variant),* }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As keymap files, the palette and the README call it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// One line, for a person who does not know it.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),* }
            }

            pub fn place(self) -> Place {
                match self { $(Self::$variant => Place::$place),* }
            }

            pub fn danger(self) -> Danger {
                match self { $(Self::$variant => Danger::$danger),* }
            }

            pub fn needs(self) -> Option<Capability> {
                match self { $(Self::$variant => $needs),* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    // moving
    Up            "up"            Everywhere    "one row up"                                               None    None;
    Down          "down"          Everywhere    "one row down"                                             None    None;
    Left          "left"          Everywhere    "to the left: fold, scroll sideways, or the pane before"   None    None;
    Right         "right"         Everywhere    "to the right: unfold, scroll sideways, or the next pane"  None    None;
    PageUp        "page_up"       Everywhere    "one screenful up"                                         None    None;
    PageDown      "page_down"     Everywhere    "one screenful down"                                       None    None;
    First         "first"         Everywhere    "to the first row"                                         None    None;
    Last          "last"          Everywhere    "to the last row; in logs: follow again"                   None    None;
    NextPane      "next_pane"     Everywhere    "to the next pane or tab"                                  None    None;
    PreviousPane  "previous_pane" Everywhere    "to the pane or tab before"                                None    None;
    Open          "open"          Everywhere    "go deeper: open what is selected"                         None    None;
    Back          "back"          Everywhere    "come back; leave a filter or a search"                    None    None;
    // finding
    Filter        "filter"        Everywhere    "narrow the list by typing; in logs: keep matching lines"  None    None;
    Search        "search"        Everywhere    "search, keeping every line in sight"                      None    None;
    NextMatch     "next_match"    Everywhere    "to the next match"                                        None    None;
    PreviousMatch "previous_match" Everywhere   "to the match before"                                      None    None;
    Faults        "faults"        Main          "show only what is broken, or everything again"            None    None;
    Sort          "sort"          Main          "sort by the next column"                                  None    None;
    Together      "together"      Main          "show this cluster or scope together with others"           None    None;
    Palette       "palette"       Everywhere    "find an action by its name"                               None    None;
    Help          "help"          Everywhere    "the keys in force here"                                   None    None;
    // screens
    Logs          "logs"          Everywhere    "live logs of the service or instance"                     None    Some(Capability::Logs);
    Metrics       "metrics"       Everywhere    "charts of CPU, memory, network and disks"                 None    Some(Capability::Metrics);
    Instances     "instances"     Everywhere    "instances with state, addresses, mounts and processes"    None    None;
    Nodes         "nodes"         Everywhere    "machines of the cluster, and what runs on each"           None    Some(Capability::Nodes);
    Events        "events"        Everywhere    "what the engines said happened"                           None    None;
    Configuration "configuration" Everywhere    "all that the engine knows of it, secrets masked"          None    None;
    Forwards      "forwards"      Everywhere    "ports of this machine that go to services"                None    None;
    Backups       "backups"       Everywhere    "backups: how old they are, and whether they are proven"     None    None;
    Operations    "operations"    Everywhere    "operations that run, wait or are over"                    None    None;
    Notices       "notices"       Everywhere    "everything that the console had to say"                   None    None;
    Shell         "shell"         Everywhere    "a shell in the instance"                                  None    Some(Capability::Shell);
    Forward       "forward"       Everywhere    "a port of this machine that goes to one of the service"   None    Some(Capability::Forward);
    CloseForward  "close_forward" Forwards      "give the port of this machine back"                       None    None;
    // acting
    Restart       "restart"       Everywhere    "plan a restart"                                           Changes Some(Capability::Restart);
    Stop          "stop"          Everywhere    "plan a stop"                                              Changes Some(Capability::StopAndStart);
    Start         "start"         Everywhere    "plan a start"                                             Changes Some(Capability::StopAndStart);
    RollOut       "roll_out"      Everywhere    "write down a new release: image, environment, strategy"   Changes Some(Capability::RollOut);
    RollBack      "roll_back"     Everywhere    "plan the way back to a release that is kept"              Changes Some(Capability::RollOut);
    Scale         "scale"         Everywhere    "plan another number of instances"                         Changes Some(Capability::Scale);
    Pause         "pause"         Everywhere    "plan to replace nothing until it is resumed"              Changes Some(Capability::Steer);
    ResumeRollout "resume_rollout" Everywhere   "plan to let a paused rollout go on"                       Changes Some(Capability::Steer);
    Promote       "promote"       Everywhere    "plan the next step of the rollout under way"              Changes Some(Capability::Steer);
    PromoteFull   "promote_fully" Everywhere    "plan all that is left of the rollout at once"             Changes Some(Capability::Steer);
    Abort         "abort"         Everywhere    "plan to break off the rollout under way"                  Changes Some(Capability::Steer);
    Retry         "retry"         Everywhere    "plan to try again a rollout that was broken off"          Changes Some(Capability::Steer);
    DeleteInstance "delete_instance" Everywhere "plan to end this instance for good"                       Changes Some(Capability::Replace);
    BackUp        "back_up"       Everywhere    "plan a backup into the repository"                        Changes Some(Capability::Shell);
    Restore       "restore"       Backups       "plan a restore of this snapshot where it was taken"       Changes Some(Capability::Shell);
    RestoreInto   "restore_into"  Backups       "plan a restore of this snapshot into another service"     Changes None;
    Verify        "verify"        Backups       "plan a rehearsal: restored by itself and thrown away"     Changes Some(Capability::Shell);
    Cordon        "cordon"        Nodes         "plan that nothing new is put on this machine"             Changes Some(Capability::Drain);
    Uncordon      "uncordon"      Nodes         "plan that this machine is used again"                     Changes Some(Capability::Drain);
    Drain         "drain"         Nodes         "plan to move everything off this machine"                 Changes Some(Capability::Drain);
    Arm           "arm"           Everywhere    "allow changes for a while, where the config wants that"   None    None;
    Confirm       "confirm"       Plan          "carry the plan out"                                       Changes None;
    TakeOver      "take_over"     Plan          "plan it in spite of who else works on the service"        Changes None;
    GoOn          "go_on"         Operation     "go on: what could not be told is taken for good"          Changes None;
    Again         "again"         Operation     "look, or try, once more"                                  Changes None;
    Wait          "wait"          Operation     "begin no further step until told to go on"                Changes None;
    StopAndUndo   "stop_and_undo" Operation     "stop after this step and take back what was done"         Changes None;
    Resume        "resume"        Operation     "go on with an interrupted operation"                      Changes None;
    Undo          "undo"          Operation     "take back what an interrupted operation did"              Changes None;
    Leave         "leave"         Operation     "leave an interrupted operation as it is"                  None    None;
    // logs
    Follow        "follow"        Logs          "follow new lines, or freeze"                              None    None;
    Wrap          "wrap"          Logs          "wrap long lines, or cut them"                             None    None;
    Timestamps    "timestamps"    Logs          "show times: of day, full, none"                           None    None;
    Sources       "sources"       Logs          "show which instance a line is from"                       None    None;
    Exclude       "exclude"       Logs          "hide matching lines"                                      None    None;
    MinimumLevel  "minimum_level" Logs          "hide lines below a level: all, info, warn, error"         None    None;
    Outputs       "outputs"       Logs          "show stdout and stderr, or one of them"                   None    None;
    Since         "since"         Logs          "read from another time on"                                None    None;
    NextError     "next_error"    Logs          "to the next error or warning"                             None    None;
    PreviousError "previous_error" Logs         "to the error or warning before"                           None    None;
    Mark          "mark"          Logs          "begin or end marking lines"                               None    None;
    Save          "save"          Everywhere    "save what is shown to a file"                             None    None;
    Copy          "copy"          Everywhere    "copy the row, raw, to your terminal's clipboard"          None    None;
    // releases
    Outline       "outline"       Release       "show all that it is made of, or only what differs"            None    None;
    // the console
    Span          "span"          Metrics       "look at another length of time"                           None    None;
    Theme         "theme"         Everywhere    "the next theme"                                           None    None;
    Reconnect     "reconnect"     Main          "try a lost cluster again now"                             None    None;
    Redraw        "redraw"        Everywhere    "paint the whole screen anew"                              None    None;
    Suspend       "suspend"       Everywhere    "back to your shell; fg returns"                           None    None;
    Quit          "quit"          Everywhere    "leave; asks when an operation runs"                       None    None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_name_and_no_two_share_one() {
        for &action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
        }
    }
}

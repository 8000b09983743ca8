//! One line of the form: what it is about, and what was typed or chosen in it.

use std::sync::Arc;

use tui_input::{Input, InputRequest};

use crate::{domain::Pace, plan::Strategy};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Of this container; an empty name is the only one.
    Image(Arc<str>),
    Variable,
    Strategy,
    Missing,
    Surge,
    MinReady,
    Weights,
    AskToSwitch,
    Keep,
    Within,
    Drain,
    Gate,
    OnFailure,
    Reason,
}

pub const STRATEGIES: [&str; 3] = ["rolling", "canary", "blue-green"];
pub const FAILURES: [&str; 2] = ["undo", "ask"];
pub const NO_OR_YES: [&str; 2] = ["no", "yes"];

#[derive(Clone, Debug)]
pub struct Field {
    pub what: What,
    pub value: Value,
    /// What is wrong with it, said when somebody wanted to go on.
    pub error: Option<String>,
    /// What stood in it before anybody typed.
    given: String,
}

#[derive(Clone, Debug)]
pub enum Value {
    Text {
        input: Input,
        /// From this character on it is selected: the first key takes its place. What is put before that key.
        selected: Option<Selected>,
    },
    Choice {
        options: &'static [&'static str],
        chosen: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    pub from: usize,
    joint: &'static str,
}

impl Field {
    pub fn text(what: What, given: impl Into<String>) -> Self {
        let given = given.into();
        let value = Value::Text { input: Input::new(given.clone()), selected: None };
        Self { what, value, error: None, given }
    }

    /// Of what it holds, the tag is what will most likely be another one.
    pub fn image(container: Arc<str>, reference: &str) -> Self {
        let mut field = Self::text(What::Image(container), reference);
        if let Value::Text { selected, .. } = &mut field.value {
            *selected = tag(reference);
        }
        field
    }

    pub fn choice(what: What, options: &'static [&'static str]) -> Self {
        Self { what, value: Value::Choice { options, chosen: 0 }, error: None, given: String::new() }
    }

    pub fn says(&self) -> &str {
        match &self.value {
            Value::Text { input, .. } => input.value().trim(),
            Value::Choice { options, chosen } => options[*chosen],
        }
    }

    pub fn is_untouched(&self) -> bool {
        match &self.value {
            Value::Text { input, .. } => input.value() == self.given,
            Value::Choice { chosen, .. } => *chosen == 0,
        }
    }

    /// In a text as in every line; in a choice the arrows, a blank or a first letter choose.
    pub fn edit(&mut self, request: InputRequest) {
        self.error = None;
        match &mut self.value {
            Value::Text { input, selected } => {
                let replaced = selected.take();
                let inserts = matches!(request, InputRequest::InsertChar(_));
                let deletes = matches!(request, InputRequest::DeletePrevChar | InputRequest::DeleteNextChar);
                if let Some(Selected { from, joint }) = replaced.filter(|_| inserts || deletes) {
                    let kept: String = input.value().chars().take(from).collect();
                    *input = Input::new(if inserts { kept + joint } else { kept });
                    if deletes {
                        return;
                    }
                }
                input.handle(request);
            }
            Value::Choice { options, chosen } => {
                *chosen = match request {
                    InputRequest::GoToPrevChar => chosen.checked_sub(1).unwrap_or(options.len() - 1),
                    InputRequest::GoToNextChar | InputRequest::InsertChar(' ') => (*chosen + 1) % options.len(),
                    InputRequest::InsertChar(typed) => {
                        options.iter().position(|option| option.starts_with(typed)).unwrap_or(*chosen)
                    }
                    _ => *chosen,
                };
            }
        }
    }

    pub fn label(&self) -> String {
        match &self.what {
            What::Image(container) if container.is_empty() => "image".into(),
            What::Image(container) => format!("image {container}"),
            What::Variable => "variable".into(),
            What::Strategy => "strategy".into(),
            What::Missing => "max unavailable".into(),
            What::Surge => "max surge".into(),
            What::MinReady => "min ready".into(),
            What::Weights => "steps".into(),
            What::AskToSwitch => "ask to switch".into(),
            What::Keep => "keep the old".into(),
            What::Within => "deadline".into(),
            What::Drain => "drain".into(),
            What::Gate => "gate".into(),
            What::OnFailure => "if it fails".into(),
            What::Reason => "reason".into(),
        }
    }

    /// For a person who does not know it.
    pub fn help(&self) -> &'static str {
        match self.what {
            What::Image(_) => "What the new release runs: NAME:TAG, or NAME@sha256:... for one that cannot change.",
            What::Variable => {
                "NAME=value sets an environment variable, NAME- takes it away, CONTAINER:NAME=value where there are several. No secrets."
            }
            What::Strategy => match self.says() {
                "canary" => {
                    "A part of the traffic, or of the instances, gets the new release, in steps, each looked at; then all. left/right"
                }
                "blue-green" => {
                    "The whole new release beside the old one, looked at, then switched at once; the old one is kept a while. left/right"
                }
                _ => {
                    "One after the other: what is new must be ready before what is old goes. left/right chooses another"
                }
            },
            What::Missing => "How many instances may be missing meanwhile. Left out: as the service itself says.",
            What::Surge => "How many instances there may be too many meanwhile. Left out: as the service itself says.",
            What::MinReady => "How long a new instance must be ready before it counts: 10s, 1m.",
            What::Weights => "How much the new release gets, and for how long, or until you say: 10% 30s, 50% ask",
            What::AskToSwitch => "Whether it waits for you before everybody gets the new release. left/right",
            What::Keep => "How long the old release is kept running after the switch, to go back to at once: 60s, 10m.",
            What::Within => "How long it may take to become ready, before that counts as a failure: 5m.",
            What::Drain => "How long an old instance that gets no more requests may finish what it has: 5s.",
            What::Gate => {
                "health 30 | http 8080/health 200 500ms x3 with TEXT | errors 200% 60s of 20 | prometheus URL QUERY <=0.01 60s | person TEXT"
            }
            What::OnFailure => {
                "undo: it goes back by itself. ask: it waits as it is, and you say what next. left/right"
            }
            What::Reason => "A ticket or a few words: written to the journal, and to the service where it keeps such.",
        }
    }

    /// What holds where nothing is typed.
    pub fn if_empty(&self, pace: Option<Pace>) -> String {
        let of = |own: fn(Pace) -> u32, ours: &str| match pace {
            Some(pace) => format!("{}, as the service says", own(pace)),
            None => ours.to_owned(),
        };
        match self.what {
            What::Missing => of(|pace| pace.max_unavailable, "0, or as few as can be"),
            What::Surge => of(|pace| pace.max_surge, "1"),
            What::MinReady => match pace {
                Some(pace) => format!("{} s, as the service says", pace.min_ready),
                None => "0 s".into(),
            },
            What::Variable => "NAME=value".into(),
            What::Gate => "none more".into(),
            What::Reason => "none".into(),
            What::Image(_)
            | What::Strategy
            | What::Weights
            | What::AskToSwitch
            | What::Keep
            | What::Within
            | What::Drain
            | What::OnFailure => String::new(),
        }
    }

    /// It says something only of this strategy.
    pub fn is_for(&self, strategy: &str) -> bool {
        match self.what {
            What::Missing | What::Surge | What::MinReady => strategy == "rolling",
            What::Weights => strategy == "canary",
            What::AskToSwitch | What::Keep => strategy == "blue-green",
            What::Image(_)
            | What::Variable
            | What::Strategy
            | What::Within
            | What::Drain
            | What::Gate
            | What::OnFailure
            | What::Reason => true,
        }
    }

    /// There can be more of it: an empty one waits below the last.
    pub fn is_repeated(&self) -> bool {
        matches!(self.what, What::Variable | What::Gate)
    }
}

/// Where the tag or digest of an image begins, in characters.
fn tag(reference: &str) -> Option<Selected> {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let count = |bytes: usize| reference[..bytes].chars().count();
    match (name[last..].find(':'), digest) {
        (Some(colon), _) => Some(Selected { from: count(last + colon + 1), joint: "" }),
        (None, Some(_)) => Some(Selected { from: count(name.len()), joint: ":" }),
        (None, None) => None,
    }
}

/// What a strategy leaves open, filled with what is usual.
pub fn usual() -> Vec<Field> {
    let canary = crate::plan::wish::Canary::default();
    let weights: Vec<String> = canary.steps.iter().map(ToString::to_string).collect();
    let blue_green = crate::plan::wish::BlueGreen::default();
    debug_assert_eq!(Strategy::default().word(), STRATEGIES[0]);
    vec![
        Field::text(What::Variable, ""),
        Field::choice(What::Strategy, &STRATEGIES),
        Field::text(What::Missing, ""),
        Field::text(What::Surge, ""),
        Field::text(What::MinReady, ""),
        Field::text(What::Weights, weights.join(", ")),
        Field::choice(What::AskToSwitch, &NO_OR_YES),
        Field::text(What::Keep, format!("{}s", blue_green.keep)),
        Field::text(What::Within, format!("{}s", canary.within)),
        Field::text(What::Drain, format!("{}s", canary.drain)),
        Field::text(What::Gate, "health 30"),
        Field::text(What::Gate, ""),
        Field::choice(What::OnFailure, &FAILURES),
        Field::text(What::Reason, ""),
    ]
}

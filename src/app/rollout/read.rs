//! From what was typed into the form to a wish, with each mistake said at its field.

use std::{collections::BTreeMap, sync::Arc};

use super::field::{Field, What};
use crate::{
    domain::{ImageName, Pace, Running},
    plan::{
        Edits, Gate, RollOut, Strategy,
        wish::{BlueGreen, Canary, OnFailure, Rolling},
        wish_text,
    },
};

/// `None` where something is wrong; the fields say what.
pub fn read(fields: &mut [Field], containers: &[Running], pace: Option<Pace>) -> Option<RollOut> {
    let strategy = says(fields, &What::Strategy).to_owned();
    for field in fields.iter_mut() {
        field.error = None;
    }
    let mut read = Reader { fields, strategy: strategy.clone(), is_whole: true };
    let edits = read.edits(containers);
    let within = read.seconds(&What::Within);
    let drain = read.seconds(&What::Drain);
    if within == 0 {
        read.complain(&What::Within, "it needs some time to become ready: 60s, 5m");
    }
    let strategy = match strategy.as_str() {
        "canary" => {
            let steps = read.one(&What::Weights, wish_text::parse_weights).unwrap_or_default();
            Strategy::Canary(Canary { steps, within, drain })
        }
        "blue-green" => {
            let ask = says(read.fields, &What::AskToSwitch) == "yes";
            Strategy::BlueGreen(BlueGreen { ask, keep: read.seconds(&What::Keep), within, drain })
        }
        _ => Strategy::Rolling(Rolling { pace: read.pace(pace), within, drain }),
    };
    let gates = read.gates();
    let on_failure = read.one(&What::OnFailure, str::parse::<OnFailure>).unwrap_or_default();
    read.is_whole.then_some(RollOut { edits, strategy, gates, on_failure })
}

fn says<'a>(fields: &'a [Field], what: &What) -> &'a str {
    fields.iter().find(|field| field.what == *what).map_or("", Field::says)
}

struct Reader<'a> {
    fields: &'a mut [Field],
    strategy: String,
    /// Nothing was wrong so far.
    is_whole: bool,
}

impl Reader<'_> {
    fn one<T>(&mut self, what: &What, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let field = self.fields.iter_mut().find(|field| field.what == *what && field.is_for(&self.strategy))?;
        match parse(field.says()) {
            Ok(value) => Some(value),
            Err(why) => {
                field.error = Some(why);
                self.is_whole = false;
                None
            }
        }
    }

    fn complain(&mut self, what: &What, why: &str) {
        let _: Option<()> = self.one(what, |_| Err(why.to_owned()));
    }

    fn seconds(&mut self, what: &What) -> u32 {
        // What is wrong is said already; the value is not used then. One that a mistake left is no zero, which is another mistake.
        self.one(what, wish_text::seconds).unwrap_or(1)
    }

    /// `None` where nothing was typed: the service's own.
    fn pace(&mut self, own: Option<Pace>) -> Option<Pace> {
        let typed = [What::Missing, What::Surge, What::MinReady];
        if typed.iter().all(|what| says(self.fields, what).is_empty()) {
            return None;
        }
        let own = own.unwrap_or(Pace { max_unavailable: 0, max_surge: 1, min_ready: 0 });
        let number = |typed: &str, otherwise: u32| match typed {
            "" => Ok(otherwise),
            typed => typed.parse().map_err(|_| format!("'{typed}' is not a number of instances: write 0, 1, 2 ...")),
        };
        let max_unavailable = self.one(&What::Missing, |typed| number(typed, own.max_unavailable));
        let max_surge = self.one(&What::Surge, |typed| number(typed, own.max_surge));
        let seconds = |typed: &str| if typed.is_empty() { Ok(own.min_ready) } else { wish_text::seconds(typed) };
        let min_ready = self.one(&What::MinReady, seconds);
        if (max_unavailable, max_surge) == (Some(0), Some(0)) {
            self.complain(&What::Surge, "with none missing and none too many nothing could be replaced");
        }
        Some(Pace { max_unavailable: max_unavailable?, max_surge: max_surge?, min_ready: min_ready? })
    }

    fn gates(&mut self) -> Vec<Gate> {
        let mut gates = Vec::new();
        for field in self.fields.iter_mut().filter(|field| field.what == What::Gate && !field.says().is_empty()) {
            match field.says().parse() {
                Ok(gate) => gates.push(gate),
                Err(why) => {
                    field.error = Some(why);
                    self.is_whole = false;
                }
            }
        }
        gates
    }

    fn edits(&mut self, containers: &[Running]) -> Edits {
        let mut edits = Edits::default();
        for field in self.fields.iter_mut() {
            let edited = match &field.what {
                What::Image(container) => image(container, field.says(), containers, &mut edits.images),
                What::Variable if !field.says().is_empty() => variable(field.says(), containers, &mut edits.env),
                _ => Ok(()),
            };
            if let Err(why) = edited {
                field.error = Some(why);
                self.is_whole = false;
            }
        }
        edits
    }
}

/// Only what is otherwise than it is now is an edit.
fn image(
    container: &Arc<str>,
    typed: &str,
    containers: &[Running],
    images: &mut BTreeMap<Arc<str>, Arc<str>>,
) -> Result<(), String> {
    if typed.is_empty() {
        return Err("an image is needed: NAME:TAG".into());
    }
    typed.parse::<ImageName>().map_err(|trouble| trouble.why.to_string())?;
    let now = containers.iter().find(|running| running.name == *container);
    if now.is_none_or(|now| *now.image != *typed) {
        images.insert(container.clone(), typed.into());
    }
    Ok(())
}

type Env = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Option<Arc<str>>>>;

fn variable(typed: &str, containers: &[Running], env: &mut Env) -> Result<(), String> {
    let edit = wish_text::parse_env(typed)?;
    let names = || containers.iter().map(|running| &*running.name).collect::<Vec<_>>().join(", ");
    let container = match (containers, &*edit.container) {
        ([only], "") => only.name.clone(),
        (_, "") => return Err(format!("whose is it? write CONTAINER:{}, one of {}", edit.name, names())),
        (_, name) if containers.iter().any(|running| *running.name == *name) => edit.container,
        (_, name) => return Err(format!("there is no container '{name}': there are {}", names())),
    };
    let name = edit.name.clone();
    match env.entry(container).or_default().insert(edit.name, edit.value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is said twice")),
    }
}

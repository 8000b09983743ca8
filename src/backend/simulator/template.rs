//! The text of log lines with places that chance fills: `served {path} in {ms} ms`.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::Error};

use super::chance::Chance;

/// What every template may use without defining it.
pub const KNOWN: [&str; 9] = ["id", "trace", "ip", "ms", "count", "instance", "service", "release", "time"];

#[derive(Clone, Debug)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(Arc<str>),
    /// `{name}`: one of `KNOWN`, or of the words that its kind of log defines.
    Name(Arc<str>),
    /// `{10..250}`: from the first up to and including the last.
    Range(u64, u64),
}

/// `key=template` with spaces between, in the order in which they are written.
#[derive(Clone, Debug)]
pub struct Fields(pub Vec<(Arc<str>, Template)>);

/// What a line is about.
pub struct Subject<'a> {
    pub instance: &'a str,
    pub service: &'a str,
    pub release: &'a str,
    pub words: &'a BTreeMap<String, Vec<String>>,
    pub at: Timestamp,
    /// How many lines its program wrote before.
    pub count: u64,
    /// Whether it goes slow.
    pub troubled: bool,
}

impl Template {
    fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("'{{' without '}}' in '{text}'"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(match name.split_once("..") {
                Some((first, last)) => match (first.parse(), last.parse()) {
                    (Ok(first), Ok(last)) if first <= last => Part::Range(first, last),
                    _ => return Err(format!("'{{{name}}}' is not a range: write {{10..250}}")),
                },
                None => Part::Name(name.into()),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self(parts))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(&**name),
            Part::Text(_) | Part::Range(..) => None,
        })
    }

    /// Whether all that it can become is a whole number.
    pub fn is_number(&self) -> bool {
        let is_number = |part: &Part| match part {
            Part::Text(text) => text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0'),
            Part::Name(name) => matches!(&**name, "ms" | "count"),
            Part::Range(..) => true,
        };
        matches!(self.0.as_slice(), [part] if is_number(part))
    }

    /// The same chance gives a name the same value in every template of a line.
    pub fn fill(&self, line: &mut String, subject: &Subject<'_>, chance: Chance) {
        for (place, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Range(first, last) => {
                    let value = first + chance.of("range").at(place as u64).below((last - first).saturating_add(1));
                    push(line, format_args!("{value}"));
                }
                Part::Name(name) => fill_name(line, name, subject, chance.of(name)),
            }
        }
    }
}

fn fill_name(line: &mut String, name: &str, subject: &Subject<'_>, chance: Chance) {
    match name {
        "id" => push(line, format_args!("{:08x}", chance.bits() as u32)),
        "trace" => push(line, format_args!("{:016x}{:016x}", chance.bits(), chance.at(1).bits())),
        "ip" => push(
            line,
            format_args!("10.{}.{}.{}", chance.below(4), chance.at(1).below(256), chance.at(2).below(254) + 1),
        ),
        "ms" => {
            // Most answers are quick and a few are not, as in every such histogram.
            let slow = 1.0 / (1.0 - 0.97 * chance.share());
            let usual = if subject.troubled { 180.0 } else { 9.0 };
            push(line, format_args!("{}", (usual * slow) as u64 + chance.at(1).below(5)));
        }
        "count" => push(line, format_args!("{}", subject.count)),
        "instance" => line.push_str(subject.instance),
        "service" => line.push_str(subject.service),
        "release" => line.push_str(subject.release),
        "time" => push(line, format_args!("{:.3}", subject.at)),
        word => {
            if let Some(words) = subject.words.get(word).filter(|words| !words.is_empty()) {
                line.push_str(chance.pick::<String>(words));
            }
        }
    }
}

pub fn push(line: &mut String, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("a string takes everything");
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let field = |field: &str| {
            let (key, value) =
                field.split_once('=').ok_or_else(|| format!("'{field}' is not a field: write key=value"))?;
            Ok::<_, String>((key.into(), Template::read(value)?))
        };
        text.split_whitespace().map(field).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

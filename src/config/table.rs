//! A typed reader of one table of a file. What is not set or cannot be used leaves a value as it was, the latter with a complaint.

use std::{
    ops::{Range, RangeInclusive},
    str::FromStr,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{complaint::did_you_mean, source::Source};
use crate::domain::{text::nearest, units};

pub struct Table<'a> {
    source: &'a Source,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    asked: Vec<&'static str>,
    /// Its keys are free, so that none is unknown.
    open: bool,
}

/// An entry of a table whose keys are free.
pub struct Entry<'a> {
    pub key: &'a str,
    pub key_span: Range<usize>,
    pub value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    pub fn new(source: &'a Source, entries: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self { source, entries, span, asked: Vec::new(), open: false }
    }

    pub fn bool(&mut self, key: &'static str, into: &mut bool) {
        self.read(key, into, |value| value.as_bool().ok_or_else(|| wanted("true or false", value)));
    }

    /// For what keeps a person from harm, asked for after all else: a mistake in its value or in its name counts as true, because it
    /// was meant to protect.
    pub fn careful_bool(&mut self, key: &'static str, into: &mut bool) {
        let mut understood = None;
        self.read(key, &mut understood, |value| match value.as_bool() {
            Some(set) => Ok(Some(set)),
            None => Err(format!("{}; taken as true", wanted("true or false", value))),
        });
        let mistyped = self
            .unknown()
            .any(|entry| nearest(entry.key, [key]).is_some() && entry.value.get_ref().as_bool() != Some(false));
        if mistyped {
            *into = true;
        } else if self.entries.contains_key(key) {
            *into = understood.unwrap_or(true);
        }
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let mut text = None;
        self.read(key, &mut text, |value| Ok(Some(string(value)?.to_owned())));
        text
    }

    pub fn parsed<T: FromStr<Err = String>>(&mut self, key: &'static str, into: &mut T) {
        self.read(key, into, |value| string(value)?.parse());
    }

    pub fn optional<T: FromStr<Err = String>>(&mut self, key: &'static str, into: &mut Option<T>) {
        self.read(key, into, |value| string(value)?.parse().map(Some));
    }

    pub fn texts(&mut self, key: &'static str, into: &mut Vec<String>) {
        self.read(key, into, |value| {
            let items = value.as_array().ok_or_else(|| wanted("a list of texts", value))?;
            items.iter().map(|item| string(item.get_ref()).map(str::to_owned)).collect()
        });
    }

    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>, into: &mut u64) {
        self.read(key, into, |value| integer(value, &range).unwrap_or_else(|| Err(wanted("a whole number", value))));
    }

    /// `"48MiB"` or a number of bytes.
    pub fn bytes(&mut self, key: &'static str, range: RangeInclusive<u64>, into: &mut u64) {
        self.read(key, into, |value| {
            if let Some(number) = integer(value, &range) {
                return number;
            }
            let number = units::parse_bytes(value.as_str().ok_or_else(|| wanted("a size like \"48MiB\"", value))?)?;
            if range.contains(&number) {
                return Ok(number);
            }
            let [shown, least, most] = [number, *range.start(), *range.end()].map(units::bytes);
            Err(format!("{shown} is not from {least} to {most}"))
        });
    }

    /// `"10m"`, or a number of seconds.
    pub fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>, into: &mut Duration) {
        self.read(key, into, |value| {
            let length = duration(value)?;
            if range.contains(&length) {
                return Ok(length);
            }
            let [shown, least, most] =
                [length, *range.start(), *range.end()].map(|length| units::age(length.as_secs()));
            Err(format!("{shown} is not from {least} to {most}"))
        });
    }

    /// A length of time after which a protection holds again: `"10m"`, or a number of seconds. A mistake in it counts as the shortest,
    /// because it was meant to protect; 0 says that there is no protection.
    pub fn careful_duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        into: &mut Option<Duration>,
    ) {
        let mut understood = Some(*range.start());
        let shortest = *range.start();
        self.read(key, &mut understood, |value| {
            let taken = |why: String| format!("{why}; taken as {}", units::elapsed(shortest));
            let length = duration(value).map_err(taken)?;
            if length.is_zero() {
                return Ok(None);
            }
            if range.contains(&length) {
                return Ok(Some(length));
            }
            let [shown, least, most] = [length, shortest, *range.end()].map(|length| units::age(length.as_secs()));
            Err(taken(format!("{shown} is not from {least} to {most}")))
        });
        if self.entries.contains_key(key) {
            *into = understood;
        }
    }

    /// One of `names`, which are of a `kind`: "theme".
    pub fn one_of(&mut self, key: &'static str, kind: &str, names: &[String], into: &mut String) {
        let Some((name, span)) = self.text(key).zip(self.span_of(key)) else { return };
        if names.contains(&name) {
            *into = name;
        } else {
            let help = did_you_mean(&name, names.iter().map(String::as_str));
            self.complain(&span, &format!("there is no {kind} \"{name}\""), Some(&help));
        }
    }

    /// A table inside this one.
    pub fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Table<'_>)) {
        if let Some(entry) = self.entry(key) {
            self.inside(&entry, read);
        }
    }

    /// The tables of a `[[key]]`.
    pub fn sections(&mut self, key: &'static str, mut read: impl FnMut(&mut Table<'_>)) {
        let Some(value) = self.ask(key) else { return };
        let help = format!("begin each with [[{key}]]");
        let complain =
            |span, found| self.complain(&span, &format!("{key}: {}", wanted("a list of tables", found)), Some(&help));
        let DeValue::Array(items) = value.get_ref() else { return complain(value.span(), value.get_ref()) };
        for item in items.iter() {
            let DeValue::Table(entries) = item.get_ref() else {
                complain(item.span(), item.get_ref());
                continue;
            };
            let mut table = Table::new(self.source, entries, item.span());
            read(&mut table);
            table.finish();
        }
    }

    /// All entries, in the order of the file; whoever asks judges the keys.
    pub fn entries(&mut self) -> Vec<Entry<'a>> {
        self.open = true;
        let mut entries: Vec<_> = self.all().collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        entries
    }

    pub fn entry(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.push(key);
        let (key, value) = self.entries.get_key_value(key)?;
        Some(Entry { key: key.get_ref(), key_span: key.span(), value })
    }

    /// The table that an entry holds.
    pub fn inside(&self, entry: &Entry<'_>, read: impl FnOnce(&mut Table<'_>)) {
        match entry.value.get_ref() {
            DeValue::Table(entries) => {
                let mut table = Table::new(self.source, entries, entry.value.span());
                read(&mut table);
                table.finish();
            }
            other => self.complain(&entry.value.span(), &format!("{}: {}", entry.key, wanted("a table", other)), None),
        }
    }

    /// Where the value of `key` stands, if it is set.
    pub fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get(key).map(Spanned::span)
    }

    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub fn complain(&self, span: &Range<usize>, text: &str, help: Option<&str>) {
        self.source.complain(span, text, help);
    }

    pub fn finish(self) {
        if self.open {
            return;
        }
        for entry in self.unknown() {
            let help = did_you_mean(entry.key, self.asked.iter().copied());
            self.complain(&entry.key_span, &format!("unknown key \"{}\"", entry.key), Some(&help));
        }
    }

    /// What was not asked for so far.
    fn unknown(&self) -> impl Iterator<Item = Entry<'a>> {
        self.all().filter(|entry| !self.asked.contains(&entry.key))
    }

    fn all(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        self.entries.iter().map(|(key, value)| Entry { key: key.get_ref(), key_span: key.span(), value })
    }

    fn ask(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    fn read<T>(&mut self, key: &'static str, into: &mut T, read: impl FnOnce(&DeValue<'_>) -> Result<T, String>) {
        let Some(value) = self.ask(key) else { return };
        match read(value.get_ref()) {
            Ok(value) => *into = value,
            Err(why) => self.complain(&value.span(), &format!("{key}: {why}"), None),
        }
    }
}

pub fn string<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| wanted("a text in quotes", value))
}

pub fn wanted(what: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("{what} is wanted here, not {found}")
}

/// `None` if it is no integer at all.
fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    if let Some(Ok(seconds)) = integer(value, &(0..=u64::MAX)) {
        return Ok(Duration::from_secs(seconds));
    }
    let text = value.as_str().ok_or_else(|| wanted("a length of time like \"10m\"", value))?;
    units::parse_duration(text)
}

pub fn integer(value: &DeValue<'_>, range: &RangeInclusive<u64>) -> Option<Result<u64, String>> {
    let integer = value.as_integer()?;
    let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| range.contains(number));
    Some(number.ok_or_else(|| format!("{integer} is not from {} to {}", range.start(), range.end())))
}

//! One TOML file, the person's own or embedded, and what is wrong in it. Knows where things stand; does not know what they mean.

use std::{cell::RefCell, fs::File, io, io::Read, ops::Range, path::Path, sync::Arc};

use toml::de::{DeTable, DeValue};

use super::{
    complaint::{Complaint, Position},
    table::Table,
};

/// Nobody writes this much by hand: it is the wrong file.
const LARGEST: u64 = 1024 * 1024;

#[derive(Debug)]
pub struct Source {
    file: Arc<str>,
    text: String,
    complaints: RefCell<Vec<Complaint>>,
}

impl Source {
    pub fn new(file: impl Into<Arc<str>>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), complaints: RefCell::default() }
    }

    /// `None` if there is no such file.
    pub fn open(path: &Path) -> Result<Option<Self>, Complaint> {
        let name = path.display().to_string();
        let complain = |error: io::Error| Complaint::new(name.as_str(), &format!("it cannot be read: {error}"));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(complain(error)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(complain)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Complaint::new(name, "it is larger than 1 MiB, which no such file is"));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Self::new(name, text))),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let position = Position::of(&(valid..valid), &text);
                Err(Complaint::new(name, "this is not UTF-8").at(position).help("save it as UTF-8"))
            }
        }
    }

    /// Gives the file's table to `read`, and complains about each key that it did not ask for. With a syntax error nothing is read:
    /// after one, what a line belongs to is a guess.
    pub fn read<T>(self, read: impl FnOnce(&mut Table<'_>) -> T) -> (Option<T>, Vec<Complaint>) {
        let value = match DeTable::parse(&self.text) {
            Ok(entries) => {
                let mut table = Table::new(&self, entries.get_ref(), entries.span());
                let value = read(&mut table);
                table.finish();
                Some(value)
            }
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.complain(&span, &format!("this is not TOML: {}", error.message()), None);
                None
            }
        };
        let mut complaints = self.complaints.into_inner();
        complaints.sort_by_key(|complaint| complaint.at);
        (value, complaints)
    }

    /// What `key = true` at the top says, also in a file that is broken further down.
    pub fn says_true(&self, key: &str) -> bool {
        let (table, _) = DeTable::parse_recoverable(&self.text);
        table.get_ref().get(key).is_some_and(|value| value.get_ref().as_bool() == Some(true))
    }

    /// Whether `key` is set at the top to anything but 0, also in a file that is broken further down.
    pub fn sets(&self, key: &str) -> bool {
        let (table, _) = DeTable::parse_recoverable(&self.text);
        let is_zero = |text: &str| matches!(text, "0" | "0s");
        table.get_ref().get(key).is_some_and(|value| match value.get_ref() {
            DeValue::String(text) => !is_zero(text),
            DeValue::Integer(number) => !is_zero(number.as_str()),
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                true
            }
        })
    }

    pub fn complain(&self, span: &Range<usize>, text: &str, help: Option<&str>) {
        let complaint = Complaint::new(self.file.clone(), text).at(Position::of(span, &self.text));
        self.complaints.borrow_mut().push(match help {
            Some(help) => complaint.help(help),
            None => complaint,
        });
    }
}

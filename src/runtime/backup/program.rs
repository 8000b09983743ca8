//! Runs one of our scripts in an instance, and hears it: its output is the dump, and on the other stream it reports to us, in lines that
//! begin with our name. What else is there is what a tool complains of.

use std::sync::Arc;

use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::{
    backend::{Backend, Piped, Said, StepError},
    domain::{
        InstanceId, Trouble,
        text::{clean, shorten},
    },
    repository::{Outgoing, Outlet},
};

const MARK: &str = "midwatch ";
/// Ends what prints a dump when nobody is there any more who reads it.
const GUARD: &str = include_str!("guard.sh");
/// No report of ours is longer; a table's name is at most 64 letters.
const LONGEST_LINE: usize = 4096;
/// So much of the last that a tool said is repeated.
const WIDTH: usize = 400;

/// What is known when it has ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub code: i64,
    /// Without the mark, in their order: hostile text made clean.
    pub reports: Vec<Arc<str>>,
    /// The last words of the tools.
    pub words: String,
    /// Of its output.
    pub bytes: u64,
}

pub struct Script {
    /// Says how the body is to be run: as whom, and with what.
    pub frame: &'static str,
    pub body: &'static str,
    pub arguments: Vec<String>,
}

impl Script {
    fn command(&self) -> Vec<String> {
        let whole = ["sh", "-c", self.frame, "midwatch", self.body].map(str::to_owned);
        whole.into_iter().chain(self.arguments.iter().cloned()).collect()
    }

    fn guarded(&self) -> Vec<String> {
        let guard = ["sh", "-c", GUARD, "midwatch"].map(str::to_owned);
        guard.into_iter().chain(self.command()).collect()
    }
}

/// Its output goes where it is wanted. `told` sees each piece of it, and hears how many bytes there were up to its end. `Lost`: whether it
/// came to its end is not known.
pub async fn dump(
    backend: &dyn Backend,
    instance: &InstanceId,
    script: &Script,
    to: &Outlet,
    told: impl FnMut(&[u8], u64),
) -> Result<Ran, StepError> {
    let Piped { input, said } = backend.run(instance.clone(), script.guarded()).await.map_err(StepError::Failed)?;
    // It reads nothing, and is not told an end before its own.
    let ran = hear(said, Some(to), told).await;
    drop(input);
    ran
}

/// A file of a snapshot, for a program that reads it.
pub struct Fed<'a> {
    pub pieces: Outgoing,
    /// That there have to be.
    pub bytes: u64,
    /// "could not restore postgres of shop/db"
    pub what: &'a str,
}

/// It prints nothing but reports. `from` is written to it, all of it unless it ends before; `told` hears how many bytes were.
pub async fn feed(
    backend: &dyn Backend,
    instance: &InstanceId,
    script: &Script,
    from: Option<Fed<'_>>,
    mut told: impl FnMut(u64),
) -> Result<Ran, StepError> {
    let Piped { mut input, said } = backend.run(instance.clone(), script.command()).await.map_err(StepError::Failed)?;
    let writing = async {
        let (Some(mut from), mut bytes) = (from, 0) else { return Ok(()) };
        while let Some(piece) = from.pieces.recv().await {
            let piece = piece.map_err(StepError::Failed)?;
            // One that ends before it has read all says by its code why.
            if input.write_all(&piece).await.is_err() {
                return Ok(());
            }
            bytes += piece.len() as u64;
            told(bytes);
        }
        // It would wait for the rest, and not every engine can tell it that there is none.
        if bytes < from.bytes {
            let why = format!("the snapshot has {bytes} bytes of it where {} were written", from.bytes);
            return Err(StepError::Failed(Trouble::new(from.what, why)));
        }
        _ = input.flush().await;
        Ok(())
    };
    let hearing = hear(said, None, |_, _| {});
    tokio::pin!(writing, hearing);
    let mut is_written = false;
    loop {
        tokio::select! {
            ran = &mut hearing => return ran,
            // What is not whole ends the program, too: it would wait for the rest.
            written = &mut writing, if !is_written => { written?; is_written = true; }
        }
    }
}

/// What it says where it reads and prints nothing.
pub async fn ask(backend: &dyn Backend, instance: &InstanceId, script: &Script) -> Result<Ran, StepError> {
    feed(backend, instance, script, None, |_| {}).await
}

async fn hear(
    mut said: futures::stream::BoxStream<'static, Result<Said, Trouble>>,
    to: Option<&Outlet>,
    mut told: impl FnMut(&[u8], u64),
) -> Result<Ran, StepError> {
    let mut ran = Ran::default();
    let mut line = Vec::new();
    while let Some(said) = said.next().await {
        match said.map_err(StepError::Lost)? {
            Said::Output(piece) => {
                ran.bytes += piece.len() as u64;
                told(&piece, ran.bytes);
                if let Some(to) = to
                    && to.write(piece).await.is_err()
                {
                    return Err(StepError::Failed(Trouble::new("could not go on", "nobody takes what it prints")));
                }
            }
            Said::Errors(piece) => {
                for &byte in &*piece {
                    match byte {
                        b'\n' => ran.told(&std::mem::take(&mut line)),
                        _ if line.len() < LONGEST_LINE => line.push(byte),
                        _ => {}
                    }
                }
            }
            Said::Ended(code) => {
                ran.told(&line);
                return Ok(Ran { code, ..ran });
            }
        }
    }
    Err(StepError::Lost(Trouble::new("whether it came to its end is not known", "the connection to it broke")))
}

impl Ran {
    fn told(&mut self, line: &[u8]) {
        let line = clean(&String::from_utf8_lossy(line)).trim().to_owned();
        if let Some(report) = line.strip_prefix(MARK) {
            self.reports.push(report.into());
        } else if !line.is_empty() {
            let words = if self.words.is_empty() { line } else { format!("{}; {line}", self.words) };
            // The last of it says why.
            let from = words.len().saturating_sub(WIDTH);
            let from = (from..words.len()).find(|&at| words.is_char_boundary(at)).unwrap_or(from);
            self.words = words[from..].to_owned();
        }
    }

    /// Of each report that begins with this word, the rest.
    pub fn reported<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.reports.iter().filter_map(move |report| report.strip_prefix(word)?.strip_prefix(' '))
    }

    /// Of each report of a count what it is of, and how many: "count 200000 public.orders".
    pub fn counted(&self) -> impl Iterator<Item = (&str, u64)> {
        self.reported("count").filter_map(|report| {
            let (count, name) = report.split_once(' ')?;
            Some((name, count.parse().ok()?))
        })
    }

    /// `Err` where it failed, with the tool that is not there or what it said last.
    pub fn succeeded(self, what: &str) -> Result<Self, Trouble> {
        if let Some(tool) = self.reported("missing").next() {
            return Err(Trouble::new(what, format!("there is no {tool} in the instance"))
                .help("its image has to bring it along: nothing is installed there"));
        }
        match self.code {
            0 => Ok(self),
            126 | 127 if self.words.is_empty() => Err(Trouble::new(what, "there is no shell in the instance")),
            code if self.words.is_empty() => Err(Trouble::new(what, format!("it ended with {code} and said nothing"))),
            _ => Err(Trouble::new(what, shorten(&self.words, WIDTH))),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn heard(pieces: &[Said]) -> Result<Ran, StepError> {
        let pieces: Vec<_> = pieces.iter().cloned().map(Ok).collect();
        hear(stream::iter(pieces).boxed(), None, |_, _| {}).await
    }

    fn errors(text: &str) -> Said {
        Said::Errors(text.to_owned().into())
    }

    #[tokio::test]
    async fn reports_are_told_from_complaints_wherever_a_piece_ends() {
        let pieces = [
            errors("midwatch cou"),
            Said::Output("dump".into()),
            errors("nt 3 public.orders\nwarning: \u{1b}[31mred\nmidwatch count 4 b"),
            Said::Ended(0),
        ];
        let ran = heard(&pieces).await.expect("it ended");
        assert_eq!((ran.bytes, &*ran.words), (4, "warning: \u{fffd}[31mred"));
        assert_eq!(ran.reported("count").collect::<Vec<_>>(), ["3 public.orders", "4 b"]);
    }

    #[tokio::test]
    async fn a_failure_says_which_tool_is_missing_or_what_was_said_last() {
        let why =
            async |pieces: &[Said]| heard(pieces).await.expect("it ended").succeeded("x").expect_err("failed").why;
        assert_eq!(
            &*why(&[errors("midwatch missing pg_dump\n"), Said::Ended(127)]).await,
            "there is no pg_dump in the instance"
        );
        let long = format!("{}\nFATAL: role \"ann\" does not exist\n", "noise ".repeat(200));
        assert!(why(&[errors(&long), Said::Ended(1)]).await.ends_with("role \"ann\" does not exist"));
        assert_eq!(&*why(&[Said::Ended(3)]).await, "it ended with 3 and said nothing");
        assert!(heard(&[Said::Output("half".into())]).await.is_err(), "its end is not known");
    }
}

//! The console's own log: files in the state directory, few and bounded, for its owner's eyes. Never the terminal.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use crate::{
    config::{log_filter::LogFilter, paths::create_private_directory},
    domain::Trouble,
};

/// A log that floods may not fill a disk: 5 files of 8 MiB.
const FILES: usize = 5;
const LARGEST: u64 = 8 * 1024 * 1024;
/// Lines on their way to the disk; with a disk that does not keep up, more are dropped rather than waited for.
const WAITING_LINES: usize = 8192;

/// Dropped at the end, it writes what is still on its way.
pub struct OwnLog {
    pub directory: PathBuf,
    _writer: WorkerGuard,
}

/// Called once. Takes well under a millisecond. Without a directory that can be written, there is no own log, and the console goes on.
pub fn begin(directory: Option<PathBuf>, filter: &LogFilter) -> Result<OwnLog, Trouble> {
    const WHAT: &str = "no log of its own is kept";
    let directory = directory.ok_or_else(|| Trouble::new(WHAT, "there is no home directory"))?;
    let files = Files::open(&directory, Timestamp::now)
        .map_err(|error| Trouble::new(WHAT, format!("{}: {error}", directory.display())))?;
    let (lines, writer) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("own-log")
        .finish(files);
    tracing::subscriber::set_global_default(subscriber(filter, lines)).map_err(|error| Trouble::new(WHAT, error))?;
    Ok(OwnLog { directory, _writer: writer })
}

fn subscriber(
    filter: &LogFilter,
    lines: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let targets = Targets::new().with_default(filter.others).with_targets(filter.targets.iter().cloned());
    tracing_subscriber::registry().with(targets).with(fmt::layer().with_ansi(false).with_writer(lines))
}

/// One file a day, or another one when that is large; the oldest go. Their names sort by time.
struct Files<Now> {
    directory: PathBuf,
    now: Now,
    day: String,
    file: File,
    written: u64,
}

impl<Now: Fn() -> Timestamp> Files<Now> {
    fn open(directory: &Path, now: Now) -> io::Result<Self> {
        create_private_directory(directory).map_err(io::Error::other)?;
        let day = day_of(now());
        let last = existing(directory)?.pop().filter(|path| is_of(path, &day));
        let path = match last.filter(|path| path.metadata().is_ok_and(|file| file.len() < LARGEST)) {
            Some(path) => path,
            None => new_path(directory, now()),
        };
        let file = append(&path)?;
        let written = file.metadata()?.len();
        prune(directory)?;
        Ok(Self { directory: directory.to_owned(), now, day, file, written })
    }

    fn begin_another(&mut self, now: Timestamp) -> io::Result<()> {
        self.file = append(&new_path(&self.directory, now))?;
        self.day = day_of(now);
        self.written = self.file.metadata()?.len();
        prune(&self.directory)
    }
}

impl<Now: Fn() -> Timestamp> Write for Files<Now> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let now = (self.now)();
        if self.written >= LARGEST || day_of(now) != self.day {
            self.begin_another(now)?;
        }
        let written = self.file.write(line)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

const PREFIX: &str = "midwatch-";

/// In UTC, as the times of the lines are.
fn day_of(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

fn new_path(directory: &Path, now: Timestamp) -> PathBuf {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H-%M-%S%.3f");
    directory.join(format!("{PREFIX}{time}.log"))
}

fn is_of(path: &Path, day: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&format!("{PREFIX}{day}")))
}

/// Oldest first.
fn existing(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(directory)?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| is_of(path, "") && path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    Ok(files)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn prune(directory: &Path) -> io::Result<()> {
    let files = existing(directory)?;
    for old in &files[..files.len().saturating_sub(FILES)] {
        // Another console may have removed it first.
        let _ = fs::remove_file(old);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, os::unix::fs::PermissionsExt};

    use jiff::ToSpan;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    #[test]
    fn files_are_their_owners_alone_and_a_second_console_goes_on_in_the_same() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("log");
        let now = at("2026-11-21T02:14:06Z");
        Files::open(&directory, || now).unwrap().write_all(b"one\n").unwrap();
        Files::open(&directory, || now + 1.hours()).unwrap().write_all(b"two\n").unwrap();
        let files = existing(&directory).unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), "one\ntwo\n");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_new_day_is_a_new_file_and_the_oldest_go() {
        let root = tempfile::tempdir().unwrap();
        let now = Cell::new(at("2026-11-21T23:59:59Z"));
        fs::write(root.path().join("notes.txt"), "not a log").unwrap();
        let mut files = Files::open(root.path(), || now.get()).unwrap();
        for day in 0..8 {
            writeln!(files, "day {day}").unwrap();
            now.set(now.get() + 24.hours());
        }
        let kept = existing(root.path()).unwrap();
        let texts: Vec<_> = kept.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, ["day 3\n", "day 4\n", "day 5\n", "day 6\n", "day 7\n"]);
        assert!(root.path().join("notes.txt").exists());
    }

    #[test]
    fn a_flood_begins_another_file_before_one_grows_too_large() {
        let root = tempfile::tempdir().unwrap();
        let now = Cell::new(at("2026-11-21T02:14:06Z"));
        let mut files = Files::open(root.path(), || now.get()).unwrap();
        let megabyte = vec![b'x'; 1024 * 1024];
        for _ in 0..60 {
            files.write_all(&megabyte).unwrap();
            now.set(now.get() + 1.seconds());
        }
        let kept = existing(root.path()).unwrap();
        assert_eq!(kept.len(), FILES);
        assert!(kept.iter().all(|path| path.metadata().unwrap().len() <= LARGEST));
    }

    #[test]
    fn no_home_and_a_directory_that_cannot_be_written_are_troubles_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("taken"), "").unwrap();
        for directory in [None, Some(root.path().join("taken/log"))] {
            let trouble = begin(directory, &LogFilter::default()).err().expect("a trouble");
            assert!(trouble.line().contains("no log of its own"), "{trouble}");
        }
    }

    /// What is written of what `say` logs.
    fn written(filter: &str, say: impl FnOnce()) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let subscriber = subscriber(&filter.parse().unwrap(), file.reopen().unwrap());
        tracing::subscriber::with_default(subscriber, say);
        fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn what_an_engine_answers_is_logged_at_no_level() {
        let written = written("trace,bollard=trace,hyper_util=trace,kube=trace,kube_client=trace", || {
            tracing::warn!(target: "kube_client::client", "POSTGRES_PASSWORD=hunter2, Error(\"expected value\")");
            tracing::error!(target: "kube_client::client::builder", "failed with hunter2");
            tracing::debug!(target: "bollard::docker", "POSTGRES_PASSWORD=hunter2");
            tracing::trace!(target: "hyper_util::client", "POSTGRES_PASSWORD=hunter2");
            tracing::info!(target: "bollard::docker", "connected");
            tracing::trace!(target: "midwatch::runtime", "a link is live");
        });
        assert!(!written.contains("hunter2"), "{written}");
        assert!(written.contains("connected") && written.contains("a link is live"), "{written}");
    }

    #[test]
    fn escape_sequences_are_harmless_to_who_reads_the_log() {
        let written = written("info", || tracing::info!(target: "midwatch::runtime", "lost \u{1b}]0;owned\u{7}"));
        assert!(written.contains("lost") && !written.contains(['\u{1b}', '\u{7}']), "{written:?}");
    }
}

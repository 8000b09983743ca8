//! A repository in a bucket of S3 or of what speaks like it. Credentials and region are AWS's own: environment, profile, role.

use std::time::Duration;

use bytes::Bytes;
use opendal::{
    Error as Refusal, ErrorKind as Why, Operator,
    layers::{RetryLayer, TimeoutLayer},
    options::{ListOptions, ReadOptions, WriteOptions},
    services::S3,
};
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use tokio::runtime::Handle;

use crate::config::place::{Bucket, Place};

/// A request that is not answered is made again, four times with growing pauses: about 30 s until a bucket counts as gone.
const TRIES: usize = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// For a request without a body, and for any piece of one with.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// What is used where none is set, as by restic.
const REGION: &str = "us-east-1";

#[derive(Debug)]
pub struct InBucket {
    operator: Operator,
    place: String,
    /// The library calls from threads of its own.
    runtime: Handle,
}

impl InBucket {
    /// Asks nothing yet. `Err`: what it is told is wrong.
    pub fn new(bucket: &Bucket, runtime: Handle) -> Result<Self, Refusal> {
        // Once for the process is enough, and again is no harm.
        opendal::install_default();
        let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
        let service = S3::default()
            .endpoint(&bucket.endpoint)
            .bucket(&bucket.name)
            .root(&bucket.folder)
            .region(region.as_deref().filter(|region| !region.is_empty()).unwrap_or(REGION));
        let retry = RetryLayer::new().with_max_times(TRIES).with_max_delay(LONGEST_PAUSE).with_jitter();
        let patience = TimeoutLayer::new().with_timeout(ANSWERS_WITHIN).with_io_timeout(ANSWERS_WITHIN);
        let operator = Operator::new(service)?.layer(patience).layer(retry);
        Ok(Self { operator, place: Place::S3(bucket.clone()).to_string(), runtime })
    }

    fn list_all(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let size = |length: u64| {
            u32::try_from(length).map_err(|_| self.odd(format!("a file of {length} bytes is none of a repository's")))
        };
        if kind == FileType::Config {
            return match self.wait(self.operator.stat(kind.dirname())) {
                Ok(found) => Ok(vec![(Id::default(), size(found.content_length())?)]),
                Err(refusal) if refusal.kind() == Why::NotFound => Ok(Vec::new()),
                Err(refusal) => Err(self.refused("look at", kind.dirname(), refusal)),
            };
        }
        let folder = format!("{}/", kind.dirname());
        let options = ListOptions { recursive: true, ..ListOptions::default() };
        let entries = self
            .wait(self.operator.list_options(&folder, options))
            .map_err(|refusal| self.refused("list", &folder, refusal))?;
        let files = entries.into_iter().filter(|entry| entry.metadata().is_file());
        let ours = files.filter_map(|entry| Some((Id::parse_some(entry.name(), kind)?, entry)));
        ours.map(|(id, entry)| Ok((id, size(entry.metadata().content_length())?))).collect()
    }

    fn read(&self, path: &str, options: ReadOptions) -> RusticResult<Bytes> {
        let read = self.wait(self.operator.read_options(path, options));
        read.map(|buffer| buffer.to_bytes()).map_err(|refusal| self.refused("read", path, refusal))
    }

    fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }

    fn refused(&self, what: &str, path: &str, refusal: Refusal) -> Box<RusticError> {
        RusticError::with_source(ErrorKind::Backend, format!("could not {what} {path} in {}", self.place), refusal)
    }

    fn odd(&self, why: String) -> Box<RusticError> {
        RusticError::new(ErrorKind::Backend, format!("{} holds something odd: {why}", self.place))
    }
}

fn path(kind: FileType, id: &Id) -> String {
    let name = id.to_hex();
    match kind {
        FileType::Config => kind.dirname().into(),
        FileType::Pack => format!("{}/{}/{}", kind.dirname(), &name[..2], &*name),
        FileType::Index | FileType::Key | FileType::Snapshot => format!("{}/{}", kind.dirname(), &*name),
    }
}

impl ReadBackend for InBucket {
    fn location(&self) -> String {
        self.place.clone()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.list_all(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.read(&path(kind, id), ReadOptions::default())
    }

    fn read_partial(&self, kind: FileType, id: &Id, _cacheable: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let range = u64::from(offset)..u64::from(offset) + u64::from(length);
        self.read(&path(kind, id), ReadOptions { range: range.into(), ..ReadOptions::default() })
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        path(kind, id)
    }
}

impl WriteBackend for InBucket {
    /// An object is there whole or not at all.
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let path = path(kind, id);
        let content = content.into_vec();
        let write = |if_not_exists| {
            let options = WriteOptions { if_not_exists, ..WriteOptions::default() };
            self.wait(self.operator.write_options(&path, content.clone(), options))
        };
        // Of two that make a repository at once, one shall succeed. Not every server knows that condition.
        let written = match write(kind == FileType::Config) {
            Err(refusal) if refusal.message().contains("NotImplemented") => write(false),
            written => written,
        };
        written.map(drop).map_err(|refusal| self.refused("write", &path, refusal))
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let path = path(kind, id);
        self.wait(self.operator.delete(&path)).map_err(|refusal| self.refused("remove", &path, refusal))
    }
}

//! Questions to one engine, in the API version that was agreed on. The only place that builds paths.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use http::{HeaderValue, Method, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{fault::Fault, wire};
use crate::domain::LossKind;

/// An answer that is not a stream comes within this or not at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than this is no answer to any of our questions.
const LARGEST_ANSWER: usize = 64 << 20;

#[derive(Clone)]
pub struct Api {
    docker: Docker,
    version: Arc<str>,
    is_near: bool,
    /// Where the docker CLI keeps what registries are shown; `None` where the way to the engine could be listened to.
    credentials: Option<Arc<Path>>,
}

/// A container's or service's id as engines make them: letters and digits. Bollard puts what it is given into the path as it is, so
/// that `../../images/x` would ask for, or remove, something else.
#[derive(Clone, Copy)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    pub fn new(id: &'a str) -> Result<Self, Fault> {
        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(id))
        } else {
            Err(Fault::Refused { status: 404, message: "this is not an id of Docker's".into() })
        }
    }

    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Api {
    /// Asks the engine what it speaks. Bollard negotiates too but then sends no version at all, which means the engine's newest, which
    /// nobody has tested against: so the version is put into every path here.
    pub async fn negotiate(docker: Docker) -> Result<(Self, wire::Version), Fault> {
        let unversioned = Self { docker, version: "".into(), is_near: false, credentials: None };
        let said: wire::Version = unversioned.get("/version").await?;
        let Some(newest) = said.api_version.as_deref().and_then(parse_version) else {
            return Err(Fault::Garbled("it names no API version".into()));
        };
        let ours = (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);
        let oldest = said.min_api_version.as_deref().and_then(parse_version).unwrap_or((1, 0));
        if oldest > ours {
            let why = format!("it speaks API {}.{} and later, this program {}.{}", oldest.0, oldest.1, ours.0, ours.1);
            return Err(Fault::way(LossKind::Unreachable, why).helped("a newer midwatch is needed"));
        }
        let agreed = newest.min(ours);
        let api = Self { version: format!("/v{}.{}", agreed.0, agreed.1).into(), ..unversioned };
        Ok((api, said))
    }

    /// The engine runs on this machine, so that its containers may be reached by their addresses.
    pub fn near(self) -> Self {
        Self { is_near: true, ..self }
    }

    pub fn with_credentials(self, directory: Option<PathBuf>) -> Self {
        Self { credentials: directory.map(Into::into), ..self }
    }

    pub fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    pub fn is_near(&self) -> bool {
        self.is_near
    }

    /// `1.41`
    pub fn version(&self) -> &str {
        self.version.trim_start_matches("/v")
    }

    /// For bollard's own calls, which may be given ids only.
    pub fn docker(&self) -> Docker {
        let version = self.version.clone();
        self.docker.clone().with_timeout(PATIENCE).with_request_modifier(move |mut request: BollardRequest| {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
            readdress(&mut request, &format!("{version}{path}"));
            request
        })
    }

    /// The body of an answer as it comes. Bollard's own decoders cut logs at the wrong places, know no fractions of seconds, and end an
    /// event stream at the first line that they do not understand; this is its one call that hands a body out, sent elsewhere.
    pub fn body(&self, path: &str, framing: Framing) -> impl Stream<Item = Result<Bytes, Fault>> + Send + use<> {
        self.request(Method::GET, path, Bytes::new(), framing, PATIENCE)
    }

    /// What the engine says while it pulls, as it comes. `auth` is what the registry is shown.
    pub fn pull(
        &self,
        path: &str,
        auth: Option<HeaderValue>,
        patience: Duration,
    ) -> impl Stream<Item = Result<Bytes, Fault>> + Send + use<> {
        self.altered(path, patience, move |request| {
            *request.method_mut() = Method::POST;
            if let Some(auth) = auth.clone() {
                request.headers_mut().insert("X-Registry-Auth", auth);
            }
        })
    }

    /// Bollard's own types would lose what they do not know of a container's configuration, so that what is sent is JSON as we have it.
    /// The answer comes within `patience` or not at all.
    pub async fn post(&self, path: &str, body: &Value, patience: Duration) -> Result<Value, Fault> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = collect(self.request(Method::POST, path, body, Framing::Chunked, patience), patience).await?;
        if answer.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| Fault::Garbled(error.to_string().into()))
    }

    pub async fn delete(&self, path: &str, patience: Duration) -> Result<(), Fault> {
        let request = self.request(Method::DELETE, path, Bytes::new(), Framing::Chunked, patience);
        collect(request, patience).await.map(drop)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        framing: Framing,
        patience: Duration,
    ) -> impl Stream<Item = Result<Bytes, Fault>> + Send + use<> {
        self.altered(path, patience, move |request| {
            *request.method_mut() = method.clone();
            *request.body_mut() = bollard::body_full(body.clone());
            match framing {
                Framing::Chunked => {}
                Framing::UntilClosed => *request.version_mut() = http::Version::HTTP_10,
            }
        })
    }

    /// The one call of bollard's that hands a body out, sent to this path and made into another request.
    fn altered<A: Fn(&mut BollardRequest) + Send + Sync + 'static>(
        &self,
        path: &str,
        patience: Duration,
        alter: A,
    ) -> impl Stream<Item = Result<Bytes, Fault>> + Send + use<A> {
        let path = format!("{}{path}", self.version);
        let docker =
            self.docker.clone().with_timeout(patience).with_request_modifier(move |mut request: BollardRequest| {
                readdress(&mut request, &path);
                alter(&mut request);
                request
            });
        docker.export_container("any").map_err(Fault::from)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let bytes = collect(self.body(path, Framing::Chunked), PATIENCE).await?;
        serde_json::from_slice(&bytes).map_err(|error| Fault::Garbled(error.to_string().into()))
    }
}

async fn collect(body: impl Stream<Item = Result<Bytes, Fault>>, patience: Duration) -> Result<Bytes, Fault> {
    let mut body = std::pin::pin!(body);
    let collect = async {
        let mut bytes = BytesMut::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > LARGEST_ANSWER {
                return Err(Fault::Garbled("the answer has no end".into()));
            }
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(patience, collect).await.unwrap_or(Err(Fault::hung(patience)))
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// Every write of the engine is a chunk of its own. A body that breaks off is an error.
    Chunked,
    /// HTTP 1.0: comes in pieces as large as were there to be read, which is ten times faster when the engine writes a log line at a
    /// time. A body that breaks off looks like one that ends.
    UntilClosed,
}

fn readdress(request: &mut BollardRequest, path: &str) {
    let mut parts = request.uri().clone().into_parts();
    // A path made of ids, numbers and encoded text is always one; if not, the engine says so better than we could.
    let Ok(path) = path.parse() else { return };
    parts.path_and_query = Some(path);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

fn parse_version(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What bollard is told when a client is made; what is sent is decided by `negotiate`.
pub const ANY_VERSION: &ClientVersion = API_DEFAULT_VERSION;

/// Percent-encodes a query's value (RFC 3986: all but the unreserved characters).
pub fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Puts pieces together to whole lines.
#[derive(Debug, Default)]
pub struct Lines {
    rest: BytesMut,
}

impl Lines {
    /// A line that grows beyond this is thrown away: it is no JSON that we asked for.
    const LONGEST: usize = 4 << 20;

    pub fn push(&mut self, piece: &[u8]) -> Vec<Bytes> {
        self.rest.extend_from_slice(piece);
        let mut lines = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', &self.rest) {
            let line = self.rest.split_to(end + 1).freeze();
            let line = line.trim_ascii_end();
            if !line.is_empty() {
                lines.push(Bytes::copy_from_slice(line));
            }
        }
        if self.rest.len() > Self::LONGEST {
            self.rest.clear();
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_reach_a_path() {
        assert!(Id::new("65e4cd1ce971").is_ok());
        for wrong in ["", "../../images/x", "a?x=1#", "web 1", "a/b", "%2e"] {
            assert!(Id::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut lines = Lines::default();
        assert!(lines.push(b"{\"a\"").is_empty());
        assert_eq!(lines.push(b":1}\n\n{\"b\":2}\r\n{"), [&b"{\"a\":1}"[..], b"{\"b\":2}"]);
        assert_eq!(lines.push(b"}\n"), [&b"{}"[..]]);
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(encoded(r#"{"a":["b c"]}"#), "%7B%22a%22%3A%5B%22b%20c%22%5D%7D");
    }
}

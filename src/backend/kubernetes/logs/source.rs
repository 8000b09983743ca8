//! What is asked of the API server about one container's log.

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;

use super::super::{
    api::{Api, encoded},
    container::{PodRow, Runs},
    fault::Fault,
    pod::Pod,
};
use crate::{
    backend::FollowError,
    domain::{InstanceId, Trouble},
};

/// How many seconds a watch for a pod's next state is left open.
const WATCH: u32 = 240;

pub type Pieces = BoxStream<'static, Result<Bytes, Fault>>;

pub struct Source {
    pub api: Api,
    pub instance: InstanceId,
}

impl Source {
    /// The pod that is meant, and no other of its name.
    pub async fn pod(&self) -> Result<PodRow, Fault> {
        let named = self.named()?;
        let pod: PodRow = self.api.get(&named.path()).await?;
        pod.is_the_one(&named)?;
        Ok(pod)
    }

    /// The container that is meant, and its runs.
    pub fn container(&self, pod: &PodRow) -> Result<(String, Runs), FollowError> {
        let name = self.instance.part_name().or(pod.default_container());
        let found = name.and_then(|name| Some((name.to_owned(), pod.runs_of(name)?)));
        found.ok_or_else(|| {
            let why = name.map_or_else(
                || "the pod has no container".to_owned(),
                |name| format!("the pod has no container {name}"),
            );
            FollowError::Refused(Trouble::new(self.what(), why))
        })
    }

    /// `query` begins with `&`.
    pub async fn stream(&self, container: &str, query: &str) -> Result<Pieces, Fault> {
        let pod = self.named()?.path();
        self.api.stream(&format!("{pod}/log?container={}&timestamps=true{query}", encoded(container))).await
    }

    /// The last line there is now.
    pub async fn newest(&self, container: &str) -> Result<Bytes, Fault> {
        let pod = self.named()?.path();
        let path = format!("{pod}/log?container={}&timestamps=true&tailLines=1", encoded(container));
        match self.api.bytes(&path).await {
            Err(fault) if is_not_yet(&fault) => Ok(Bytes::new()),
            answer => answer,
        }
    }

    /// How many lines there are now, up to so many. They pass by and are not held.
    pub async fn count(&self, container: &str, most: u32) -> Result<u32, FollowError> {
        let mut pieces = match self.stream(container, &format!("&tailLines={most}")).await {
            Ok(pieces) => pieces,
            Err(fault) if is_not_yet(&fault) => return Ok(0),
            Err(fault) => return Err(self.error(&fault)),
        };
        let mut lines = 0;
        while let Some(piece) = pieces.next().await {
            lines += memchr::memchr_iter(b'\n', &piece.map_err(|fault| self.error(&fault))?).count();
        }
        Ok(u32::try_from(lines).unwrap_or(u32::MAX))
    }

    /// Says something as soon as the pod is another than it was.
    pub async fn watch(&self, pod: &PodRow) -> Result<Pieces, Fault> {
        let named = self.named()?;
        let path = format!(
            "/api/v1/namespaces/{}/pods?watch=true&timeoutSeconds={WATCH}&fieldSelector={}&resourceVersion={}",
            named.namespace,
            encoded(&format!("metadata.name={}", named.name)),
            encoded(&pod.metadata.resource_version),
        );
        self.api.stream(&path).await
    }

    pub fn error(&self, fault: &Fault) -> FollowError {
        let trouble = fault.trouble(self.what());
        match fault {
            Fault::Refused { code: 403, .. } => {
                FollowError::Refused(trouble.help("it takes the rights to get pods and pods/log in this namespace"))
            }
            Fault::Refused { code: 404, .. } => {
                FollowError::Refused(trouble.help("the pod was removed, and its log with it"))
            }
            Fault::Refused { code: 400 | 405, .. } | Fault::Garbled(_) => FollowError::Refused(trouble),
            // A stumble of the server or of the node passes, and so does a token that is renewed.
            Fault::Refused { .. } | Fault::Way { .. } => FollowError::Interrupted(trouble),
        }
    }

    fn named(&self) -> Result<Pod<'_>, Fault> {
        Pod::of(&self.instance)
    }

    fn what(&self) -> String {
        let pod = self.named().map_or_else(|_| self.instance.whole_key().to_owned(), |pod| pod.name.to_owned());
        match self.instance.part_name() {
            Some(part) => format!("could not read the log of {pod}/{part}"),
            None => format!("could not read the log of {pod}"),
        }
    }
}

/// The container has not started, or its log is not there (any more).
pub fn is_not_yet(fault: &Fault) -> bool {
    let words = ["waiting to start", "not available", "not found"];
    matches!(fault, Fault::Refused { code: 400, message, .. } if words.iter().any(|words| message.contains(words)))
}

/// The API has whole seconds: what is older is dropped when it has come.
pub fn since_time(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000).max(0);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("&sinceTime={}", encoded(&time.to_string()))
}

//! Wakes who waits for an object when something of it changes, so that it can be looked at seldom and is seen at once. Only a help: where
//! it may not be watched, the time alone wakes.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream::BoxStream};

use super::{Site, api::encoded, fault::Fault};

/// Changes come in swarms.
const SETTLE: Duration = Duration::from_millis(100);
/// seconds after which the server ends a watch
const WATCHED_FOR: u32 = 300;

pub struct Changes {
    /// The collection, and which of it; `None` once the server has said no.
    watched: Option<(String, String)>,
    stream: Option<BoxStream<'static, Result<Bytes, Fault>>>,
}

impl Changes {
    /// `path`: the object's own.
    pub fn new(path: &str) -> Self {
        let watched = path.rsplit_once('/').map(|(collection, name)| (collection.to_owned(), name.to_owned()));
        Self { watched, stream: None }
    }

    /// Until it is another than `version`, but no longer than `most`; not at once, and the less so the more a look costs.
    pub async fn wait(&mut self, site: &Site, version: &str, most: Duration, looked: Duration) {
        if self.stream.is_none() {
            self.open(site, version).await;
        }
        let Some(stream) = &mut self.stream else {
            tokio::time::sleep(most).await;
            return;
        };
        match tokio::time::timeout(most, stream.next()).await {
            // Nothing has changed.
            Err(_) => return,
            Ok(Some(Ok(_))) => {}
            // Over, or broken: opened anew, but not in a hurry.
            Ok(None | Some(Err(_))) => {
                self.stream = None;
                return tokio::time::sleep(most).await;
            }
        }
        tokio::time::sleep(SETTLE.max(looked).min(most)).await;
        while let Some(Some(Some(Ok(_)))) = self.stream.as_mut().map(|stream| stream.next().now_or_never()) {}
    }

    async fn open(&mut self, site: &Site, version: &str) {
        let Some((collection, name)) = &self.watched else { return };
        let only = encoded(&format!("metadata.name={name}"));
        let path =
            format!("{collection}?watch=1&fieldSelector={only}&resourceVersion={version}&timeoutSeconds={WATCHED_FOR}");
        match site.api.stream(&path).await {
            Ok(stream) => self.stream = Some(stream),
            Err(fault) if fault.is_denied() || fault.is_missing() => self.watched = None,
            Err(_) => {}
        }
    }
}

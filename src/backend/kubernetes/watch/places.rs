//! What is seen by who may not see all: which namespaces are looked at one by one, and what becomes of what is no longer seen.

use std::{collections::HashSet, sync::Arc};

use futures::{StreamExt, stream};
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::{COALESCED, Watch};
use crate::backend::kubernetes::{
    Site,
    fault::Fault,
    feed::{Feed, Patience, Source},
    pod::is_name,
    row::{Kind, Row},
    sight::{MOST_PLACES, Places, Why},
};

/// Questions under way at once.
const AT_ONCE: usize = 20;
/// More namespaces than this are not tried one by one.
const MOST_TRIED: usize = 200;

impl Watch {
    /// All objects of a source are known.
    pub(super) fn see(&mut self, source: &Source) {
        if self.sight.seen(source) && source.namespace.is_none() {
            // No more need to look into each namespace.
            let scattered = self.feeds.keys().filter(|other| other.kind == source.kind && other.namespace.is_some());
            for source in scattered.cloned().collect::<Vec<_>>() {
                self.sight.forget(&source);
                if let Some(task) = self.feeds.remove(&source) {
                    task.abort();
                }
            }
        }
    }

    pub(super) fn miss(&mut self, source: &Source, fault: &Fault) {
        self.listed.remove(source);
        let is_news = self.sight.hide(source, Why::Denied);
        if is_news {
            tracing::info!(?source, ?fault, "may not be listed");
            // What was seen of it would grow old without a sign.
            self.books.retain(source.kind, source.namespace.as_deref(), &HashSet::new());
        }
        if source.namespace.is_some() || self.sight.scattered().is_empty() {
            return;
        }
        let is_first = self.sight.places.is_none() && self.surveys.is_empty();
        // Rights are given and taken while we look: each time that pods are refused again, it is found out where they may be seen.
        let is_again = source.kind == Kind::Pod && !is_news;
        if is_first || is_again {
            self.surveys.push(Box::pin(survey(self.site.clone(), self.patience)));
        }
        self.scatter();
    }

    pub(super) fn spread(&mut self, places: Places) {
        let gone: Vec<Source> = self
            .feeds
            .keys()
            .filter(|source| source.namespace.as_ref().is_some_and(|name| !places.names.contains(name)))
            .cloned()
            .collect();
        for source in gone {
            self.books.retain(source.kind, source.namespace.as_deref(), &HashSet::new());
            self.sight.forget(&source);
            if let Some(task) = self.feeds.remove(&source) {
                task.abort();
            }
        }
        self.sight.places = Some(places);
        self.scatter();
        self.due.get_or_insert_with(|| Instant::now() + COALESCED);
    }

    /// Looks into each namespace for what may not be looked at in all.
    fn scatter(&mut self) {
        let Some(places) = self.sight.places.clone() else { return };
        for kind in self.sight.scattered() {
            places.names.iter().for_each(|name| self.follow(kind, Some(name.clone())));
        }
    }

    /// What is known of it stays: it is asked for on and on.
    pub(super) fn despair(&mut self, source: &Source, fault: &Fault) {
        tracing::warn!(?source, ?fault, "not listed for a while");
        if let Fault::Refused { code, .. } = fault {
            self.sight.hide(source, Why::Failing(*code));
        }
    }
}

/// The context's own and those that the config names, and of all others that there are those whose pods may be listed.
async fn survey(site: Site, patience: Patience) -> Places {
    let mut names: Vec<Arc<str>> = site.scopes.iter().map(|scope| Arc::from(scope.as_str())).collect();
    names.retain(|name| is_name(name));
    if names.is_empty() {
        names.push("default".into());
    }
    let others: Vec<Arc<str>> = all(&site, patience).await.into_iter().filter(|name| !names.contains(name)).collect();
    let mut has_more = others.len() > MOST_TRIED;
    let may = |name: Arc<str>| {
        let site = &site;
        async move {
            let path = site.served.path(Kind::Pod, Some(&name))?;
            site.api.get::<IgnoredAny>(&format!("{path}?limit=1")).await.ok().map(|_| name)
        }
    };
    let mut allowed = stream::iter(others.into_iter().take(MOST_TRIED)).map(may).buffered(AT_ONCE);
    while let Some(name) = allowed.next().await {
        let Some(name) = name else { continue };
        if names.len() >= MOST_PLACES {
            has_more = true;
            break;
        }
        names.push(name);
    }
    Places { names, has_more }
}

/// Nothing where they may not be listed.
async fn all(site: &Site, patience: Patience) -> Vec<Arc<str>> {
    let source = Source { kind: Kind::Namespace, namespace: None };
    let Some(path) = site.served.path(source.kind, None) else { return Vec::new() };
    let feed = Feed { api: site.api.clone(), source, path: path.into(), compressed: false, patience };
    let rows = feed.glance("", 5000).await.unwrap_or_default();
    let name = |row| match row {
        Row::Namespace(namespace) if !namespace.is_leaving => Some(namespace.name),
        _ => None,
    };
    rows.into_iter().filter_map(name).filter(|name| is_name(name)).collect()
}

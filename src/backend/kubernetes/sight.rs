//! What is seen and what is hidden, by kind and namespace, and that in words. Knows nothing of how it is looked at.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{discovery::Resource, feed::Source, row::Kind};

/// In so many namespaces at once things are looked at one by one.
pub const MOST_PLACES: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Waiting,
    Seen,
    Hidden(Why),
}

/// Why something is not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    Denied,
    /// The server does not manage to list it: the status it answers with.
    Failing(u16),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("you may not list them"),
            Self::Failing(code) => write!(f, "the server fails to list them ({code})"),
        }
    }
}

/// The namespaces that are looked at one by one, where not all may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    pub names: Vec<Arc<str>>,
    /// There are others that may be looked at.
    pub has_more: bool,
}

#[derive(Default)]
pub struct Sight {
    views: BTreeMap<Source, View>,
    /// Unknown until somebody has to know.
    pub places: Option<Places>,
}

impl Sight {
    pub fn expect(&mut self, source: Source) {
        self.views.entry(source).or_insert(View::Waiting);
    }

    pub fn forget(&mut self, source: &Source) {
        self.views.remove(source);
    }

    /// Whether that is new.
    pub fn seen(&mut self, source: &Source) -> bool {
        self.views.insert(source.clone(), View::Seen) != Some(View::Seen)
    }

    /// Whether that is new.
    pub fn hide(&mut self, source: &Source, why: Why) -> bool {
        self.views.insert(source.clone(), View::Hidden(why)) != Some(View::Hidden(why))
    }

    /// All that can be known of a kind for now is known.
    pub fn is_settled(&self, kind: Kind) -> bool {
        match self.views.get(&Source { kind, namespace: None }) {
            None | Some(View::Seen) => true,
            Some(View::Waiting) => false,
            Some(View::Hidden(Why::Failing(_))) => true,
            Some(View::Hidden(Why::Denied)) if !Resource::from(kind).is_namespaced() => true,
            Some(View::Hidden(Why::Denied)) => {
                self.places.is_some() && self.of(kind).all(|(_, view)| *view != View::Waiting)
            }
        }
    }

    /// Kinds that are looked at one namespace at a time.
    pub fn scattered(&self) -> Vec<Kind> {
        let all = self
            .views
            .iter()
            .filter(|(source, view)| source.namespace.is_none() && **view == View::Hidden(Why::Denied));
        all.map(|(source, _)| source.kind).filter(|kind| Resource::from(*kind).is_namespaced()).collect()
    }

    /// What is not seen, in words, each with why.
    pub fn hidden(&self) -> Vec<Arc<str>> {
        let mut groups: BTreeMap<(Why, Vec<&str>), Vec<Kind>> = BTreeMap::new();
        for (source, view) in self.views.iter().filter(|(source, _)| source.namespace.is_none()) {
            if let View::Hidden(why) = view {
                let seen = self.of(source.kind).filter(|(_, view)| **view == View::Seen);
                let places = seen.filter_map(|(source, _)| source.namespace.as_deref()).collect();
                groups.entry((*why, places)).or_default().push(source.kind);
            }
        }
        let is_namespaced = |kind: &Kind| Resource::from(*kind).is_namespaced();
        let all = self.views.keys().filter(|source| source.namespace.is_none() && is_namespaced(&source.kind)).count();
        let mut words: Vec<Arc<str>> = Vec::new();
        for ((why, places), kinds) in &groups {
            let is_everything = all > 1 && kinds.iter().filter(|kind| is_namespaced(kind)).count() == all;
            let what = match is_everything {
                true => "all things".to_owned(),
                false => listed(kinds.iter().map(|kind| Resource::from(*kind).name())),
            };
            words.push(match places.as_slice() {
                [] => format!("{what}: {why}").into(),
                places => format!("{what} outside of {}: {why}", listed(places.iter().copied())).into(),
            });
        }
        if self.places.as_ref().is_some_and(|places| places.has_more) && !groups.is_empty() {
            words.push(format!("more namespaces: {MOST_PLACES} at most are looked at one by one").into());
        }
        words
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = (&Source, &View)> {
        self.views.iter().filter(move |(source, _)| source.kind == kind && source.namespace.is_some())
    }
}

/// `a, b and c`
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kind: Kind) -> Source {
        Source { kind, namespace: None }
    }

    fn of(kind: Kind, namespace: &str) -> Source {
        Source { kind, namespace: Some(namespace.into()) }
    }

    fn sight(denied: &[Kind]) -> Sight {
        let mut sight = Sight::default();
        for kind in [Kind::Deployment, Kind::Pod, Kind::Node] {
            sight.expect(all(kind));
            _ = if denied.contains(&kind) { sight.hide(&all(kind), Why::Denied) } else { sight.seen(&all(kind)) };
        }
        sight
    }

    #[test]
    fn where_all_is_seen_nothing_is_hidden() {
        assert!(sight(&[]).hidden().is_empty());
    }

    #[test]
    fn what_is_hidden_is_named_with_where_it_is_seen() {
        let mut sight = sight(&[Kind::Pod, Kind::Node]);
        assert!(!sight.is_settled(Kind::Pod));
        sight.places = Some(Places { names: vec!["shop".into()], has_more: false });
        sight.expect(of(Kind::Pod, "shop"));
        assert!(!sight.is_settled(Kind::Pod));
        sight.seen(&of(Kind::Pod, "shop"));
        assert!(sight.is_settled(Kind::Pod));
        let hidden = sight.hidden();
        assert_eq!(
            hidden,
            ["nodes: you may not list them".into(), "pods outside of shop: you may not list them".into()]
                as [Arc<str>; 2]
        );
    }

    #[test]
    fn who_may_see_one_namespace_only_reads_that_in_one_line() {
        let mut sight = sight(&[Kind::Deployment, Kind::Pod]);
        sight.places = Some(Places { names: vec!["shop".into()], has_more: true });
        sight.seen(&of(Kind::Pod, "shop"));
        sight.seen(&of(Kind::Deployment, "shop"));
        let hidden = sight.hidden();
        assert_eq!(&*hidden[0], "all things outside of shop: you may not list them");
        assert!(hidden[1].starts_with("more namespaces"), "{hidden:?}");
    }

    #[test]
    fn what_the_server_fails_to_list_is_told_from_what_may_not_be_listed() {
        let mut sight = sight(&[Kind::Node]);
        sight.hide(&all(Kind::Pod), Why::Failing(503));
        assert!(sight.is_settled(Kind::Pod) && sight.scattered().is_empty());
        assert!(sight.hidden().contains(&"pods: the server fails to list them (503)".into()), "{:?}", sight.hidden());
    }

    #[test]
    fn who_may_see_nothing_reads_that() {
        assert_eq!(sight(&[Kind::Deployment, Kind::Pod]).hidden(), [Arc::from("all things: you may not list them")]);
    }
}

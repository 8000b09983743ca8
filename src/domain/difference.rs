//! What two releases differ in, in the order in which a person looks for a cause.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{Outline, Release};

/// Something that two releases do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub path: Arc<str>,
    /// `None`: the older has none.
    pub was: Option<Arc<str>>,
    /// `None`: the newer has none.
    pub is: Option<Arc<str>>,
}

/// Two releases of a service side by side, in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'a> {
    pub older: &'a Release,
    pub newer: &'a Release,
    pub differences: Vec<Difference>,
}

impl<'a> Comparison<'a> {
    /// By their outlines, where both are known, else by what is known without. Of two that tell no order, `one` is the newer.
    pub fn of(one: (&'a Release, Option<&Outline>), other: (&'a Release, Option<&Outline>)) -> Self {
        let ((one, of_one), (other, of_other)) = (one, other);
        let is_swapped = match (one.number, other.number) {
            (Some(number), Some(others)) if one.source == other.source => number < others,
            (Some(_) | None, _) => one.created.zip(other.created).is_some_and(|(its, others)| its < others),
        };
        let ((older, was), (newer, is)) =
            if is_swapped { ((one, of_one), (other, of_other)) } else { ((other, of_other), (one, of_one)) };
        let differences = match (was, is) {
            (Some(was), Some(is)) => {
                let mut found = differences(was, is);
                found.splice(0..0, digests(older, newer));
                found
            }
            (None, _) | (_, None) => differences(&older.facts(), &newer.facts()),
        };
        Self { older, newer, differences }
    }

    /// `from 13 v2.4.0 to 14 v2.4.1 (current)`
    pub fn title(&self) -> String {
        let title = |release: &Release| {
            let current = if release.current { " (current)" } else { "" };
            format!("{}{current}", release.title())
        };
        format!("from {} to {}", title(self.older), title(self.newer))
    }

    /// In words, where the differences alone leave a question.
    pub fn says(&self) -> Option<&'static str> {
        if self.differences.is_empty() {
            return Some("No difference in what is known of them.");
        }
        let only_restarted = self.differences.iter().all(Difference::is_restart);
        only_restarted
            .then_some("No difference but the restart annotation: somebody asked for new instances of the same.")
    }
}

/// Of one name, but not the same: a tag that was moved.
fn digests(older: &Release, newer: &Release) -> Option<Difference> {
    let (was, is) = (older.image.digest.as_ref()?, newer.image.digest.as_ref()?);
    let is_moved = older.image.reference == newer.image.reference && was != is;
    is_moved.then(|| Difference { path: "digest".into(), was: Some(was.clone()), is: Some(is.clone()) })
}

/// In a reader's order: what is most often the cause comes first.
pub fn differences(old: &Outline, new: &Outline) -> Vec<Difference> {
    let comparable = |path: &str| topic(path) != Topic::Chart || (old.is_charted() && new.is_charted());
    type Values<'a> = (Option<&'a Arc<str>>, Option<&'a Arc<str>>);
    let mut pairs: BTreeMap<&Arc<str>, Values<'_>> = BTreeMap::new();
    for (path, value) in &old.0 {
        pairs.entry(path).or_default().0 = Some(value);
    }
    for (path, value) in &new.0 {
        pairs.entry(path).or_default().1 = Some(value);
    }
    let mut found: Vec<Difference> = pairs
        .into_iter()
        .filter(|(path, (was, is))| was != is && comparable(path))
        .map(|(path, (was, is))| Difference { path: path.clone(), was: was.cloned(), is: is.cloned() })
        .collect();
    found.sort_by(|a, b| (topic(&a.path), &a.path).cmp(&(topic(&b.path), &b.path)));
    found
}

impl Difference {
    /// Somebody asked for new instances of the same.
    pub fn is_restart(&self) -> bool {
        self.path.ends_with("annotation kubectl.kubernetes.io/restartedAt")
    }

    /// What happened to it: `+` came, `-` went, `~` is another.
    pub fn sign(&self) -> char {
        match (&self.was, &self.is) {
            (None, _) => '+',
            (Some(_), None) => '-',
            (Some(_), Some(_)) => '~',
        }
    }
}

impl std::fmt::Display for Difference {
    /// `~ web image  web:v1 -> web:v2`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}  ", self.sign(), self.path)?;
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => write!(f, "{} -> {}", shown(was), shown(is)),
            (Some(value), None) | (None, Some(value)) => f.write_str(shown(value)),
            (None, None) => Ok(()),
        }
    }
}

/// An empty value is one, and has to be seen.
pub fn shown(value: &str) -> &str {
    if value.is_empty() { "(empty)" } else { value }
}

impl Outline {
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.0.iter().find(|(known, _)| &**known == path).map(|(_, value)| value)
    }

    /// The pairs in a reader's order.
    pub fn rows(&self) -> Vec<(&str, &str)> {
        let mut rows: Vec<(&str, &str)> = self.0.iter().map(|(path, value)| (&**path, &**value)).collect();
        rows.sort_by_key(|(path, _)| (topic(path), *path));
        rows
    }

    /// It tells of a chart and its values too, which only an outline of the same kind has.
    fn is_charted(&self) -> bool {
        self.0.iter().any(|(path, _)| topic(path) == Topic::Chart)
    }
}

/// What a path is about, in the order in which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Image,
    Command,
    Environment,
    Resources,
    Probes,
    Mounts,
    References,
    Chart,
    Rest,
}

fn topic(path: &str) -> Topic {
    let mut words = path.split(' ');
    let (whose, what) = (words.next().unwrap_or_default(), words.next());
    match (whose, what) {
        _ if whose.starts_with("helm:") => Topic::Chart,
        ("image" | "digest", None) | (_, Some("image")) => Topic::Image,
        (_, Some("command" | "args")) => Topic::Command,
        (_, Some("env")) => Topic::Environment,
        (_, Some("request" | "limit")) => Topic::Resources,
        (_, Some("liveness" | "readiness" | "startup")) => Topic::Probes,
        (_, Some("mount")) => Topic::Mounts,
        (_, Some("env-from" | "volume")) => Topic::References,
        (_, Some(_) | None) => Topic::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Image;

    fn outline(pairs: &[(&str, &str)]) -> Outline {
        Outline(pairs.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect())
    }

    fn release(number: u64, digest: &str) -> Release {
        let image = Image { reference: "web:v1".into(), digest: Some(digest.into()), ..Image::default() };
        Release { id: format!("web-{number}").into(), number: Some(number), image, ..Release::default() }
    }

    #[test]
    fn differences_are_told_in_the_order_in_which_a_cause_is_looked_for() {
        let old = outline(&[
            ("pod volume config", "configmap web-v1"),
            ("web args", "--fast"),
            ("web env MODE", "a"),
            ("web env SAME", "1"),
            ("web image", "web:v1"),
            ("web limit memory", "64Mi"),
            ("web mount /etc", "config"),
        ]);
        let new = outline(&[
            ("pod node-selector disk", "ssd"),
            ("pod volume config", "configmap web-v2"),
            ("web env MODE", "b"),
            ("web env SAME", "1"),
            ("web image", "web:v2"),
            ("web limit memory", "128Mi"),
            ("web mount /etc", "config, read-only"),
            ("web readiness", "http :80/"),
        ]);
        let found = differences(&old, &new);
        let paths: Vec<_> = found.iter().map(|difference| &*difference.path).collect();
        assert_eq!(
            paths,
            [
                "web image",
                "web args",
                "web env MODE",
                "web limit memory",
                "web readiness",
                "web mount /etc",
                "pod volume config",
                "pod node-selector disk"
            ]
        );
        assert_eq!((found[1].was.as_deref(), found[1].is.as_deref()), (Some("--fast"), None));
        assert_eq!((found[4].was.as_deref(), found[4].is.as_deref()), (None, Some("http :80/")));
        assert_eq!(differences(&new, &new), []);
    }

    #[test]
    fn a_chart_is_compared_with_a_chart_only() {
        let live = outline(&[("web image", "web:v1")]);
        let chart = |values: &str| outline(&[("helm:value tag", values), ("web image", "web:v1")]);
        assert_eq!(differences(&live, &chart("v1")), []);
        assert_eq!(differences(&chart("v1"), &chart("v2")).len(), 1);
    }

    #[test]
    fn two_releases_are_told_in_the_order_in_which_they_came_whichever_was_asked_for() {
        let (old, new) = (release(1, "sha256:1"), Release { current: true, ..release(2, "sha256:1") });
        let (was, is) = (outline(&[("web image", "web:v1")]), outline(&[("web image", "web:v2")]));
        for found in [
            Comparison::of((&old, Some(&was)), (&new, Some(&is))),
            Comparison::of((&new, Some(&is)), (&old, Some(&was))),
        ] {
            assert_eq!(found.title(), "from 1 v1 to 2 v1 (current)");
            let told: Vec<_> = found.differences.iter().map(ToString::to_string).collect();
            assert_eq!(told, ["~ web image  web:v1 -> web:v2"]);
        }
    }

    #[test]
    fn a_tag_that_was_moved_is_told_although_nothing_else_is_another() {
        let (old, new) = (release(1, "sha256:1"), release(2, "sha256:2"));
        let same = outline(&[("web image", "web:v1")]);
        let told = Comparison::of((&new, Some(&same)), (&old, Some(&same)));
        assert_eq!(
            told.differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["~ digest  sha256:1 -> sha256:2"]
        );
        // Without outlines by what is known.
        assert_eq!(Comparison::of((&new, None), (&old, Some(&same))).differences.len(), 1);
        assert!(
            Comparison::of((&new, Some(&same)), (&new, Some(&same)))
                .says()
                .is_some_and(|says| says.starts_with("No difference in"))
        );
    }

    #[test]
    fn a_restart_is_told_in_words() {
        let restarted = outline(&[("pod annotation kubectl.kubernetes.io/restartedAt", "02:41")]);
        let (old, new) = (release(1, "sha256:1"), release(2, "sha256:1"));
        let told = Comparison::of((&new, Some(&restarted)), (&old, Some(&Outline::default())));
        assert!(told.says().is_some_and(|says| says.contains("restart annotation")), "{told:?}");
        assert_eq!(told.differences[0].sign(), '+');
    }
}

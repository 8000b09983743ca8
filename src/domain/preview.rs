//! What a restore would do, object by object, before it is done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Difference, Way};

#[derive(Clone, Debug, PartialEq)]
pub struct RestorePreview {
    /// What needs a look comes first: conflicts, what cannot be told, updates, what stays although it differs.
    pub rows: Vec<Foretold>,
    pub way: Way,
}

/// One object of a backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Foretold {
    pub kind: Arc<str>,
    /// Where it would be restored; `None`: it is of the whole cluster.
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
    pub what: What,
}

/// In a difference `was` is what there is now, and `is` what the backup has. No value of a secret is in either.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Conflict {
        why: Arc<str>,
    },
    /// It could not be looked at.
    Unknown {
        why: Arc<str>,
    },
    Update {
        fields: Vec<Difference>,
    },
    /// It is there and stays as it is. `differs`: what will go on being another than in the backup.
    Skip {
        differs: Vec<Difference>,
    },
    Create,
    /// It is in the backup, and is not restored.
    LeftOut {
        why: Arc<str>,
    },
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foretelling {
    pub conflicts: usize,
    pub unknown: usize,
    pub updates: usize,
    /// They stay although they differ.
    pub kept: usize,
    pub same: usize,
    pub creates: usize,
    pub left_out: usize,
}

impl RestorePreview {
    pub fn new(mut rows: Vec<Foretold>, way: Way) -> Self {
        rows.sort_by(|a, b| a.key().cmp(&b.key()));
        Self { rows, way }
    }

    pub fn count(&self) -> Foretelling {
        let mut count = Foretelling::default();
        for row in &self.rows {
            let one = match &row.what {
                What::Conflict { .. } => &mut count.conflicts,
                What::Unknown { .. } => &mut count.unknown,
                What::Update { .. } => &mut count.updates,
                What::Skip { differs } if differs.is_empty() => &mut count.same,
                What::Skip { .. } => &mut count.kept,
                What::Create => &mut count.creates,
                What::LeftOut { .. } => &mut count.left_out,
            };
            *one += 1;
        }
        count
    }
}

impl What {
    /// One word or two, the same on every screen and in `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Unknown { .. } => "unknown",
            Self::Update { .. } => "update",
            Self::Skip { .. } => "skip",
            Self::Create => "create",
            Self::LeftOut { .. } => "left out",
        }
    }
}

impl Foretelling {
    /// "objects: 2 in conflict, 1 updated, 40 made": what there is none of is not said.
    pub fn says(&self) -> String {
        let parts = [
            (self.conflicts, "in conflict"),
            (self.unknown, "of which nobody can tell"),
            (self.updates, "updated"),
            (self.kept, "stay although they differ"),
            (self.creates, "made"),
            (self.same, "as they are"),
            (self.left_out, "left out"),
        ];
        let told = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let told: Vec<String> = told.collect();
        if told.is_empty() { "no objects".into() } else { format!("objects: {}", told.join(", ")) }
    }
}

impl Foretold {
    fn key(&self) -> (u8, &Option<Arc<str>>, &str, &str) {
        let rank = match &self.what {
            What::Conflict { .. } => 0,
            What::Unknown { .. } => 1,
            What::Update { .. } => 2,
            What::Skip { differs } if !differs.is_empty() => 3,
            What::Create => 4,
            What::Skip { .. } => 5,
            What::LeftOut { .. } => 6,
        };
        (rank, &self.namespace, &self.kind, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, what: What) -> Foretold {
        Foretold { kind: "ConfigMap".into(), namespace: Some("shop".into()), name: name.into(), what }
    }

    #[test]
    fn what_needs_a_look_comes_first_and_each_is_counted() {
        let differs = vec![Difference { path: "data.mode".into(), was: Some("a".into()), is: None }];
        let rows = vec![
            row("left", What::LeftOut { why: "no".into() }),
            row("same", What::Skip { differs: Vec::new() }),
            row("new", What::Create),
            row("kept", What::Skip { differs: differs.clone() }),
            row("changed", What::Update { fields: differs }),
            row("stuck", What::Conflict { why: "it is immutable".into() }),
        ];
        let preview = RestorePreview::new(rows, Way::Direct);
        let names: Vec<&str> = preview.rows.iter().map(|row| &*row.name).collect();
        assert_eq!(names, ["stuck", "changed", "kept", "new", "same", "left"]);
        let all = Foretelling { conflicts: 1, unknown: 0, updates: 1, kept: 1, same: 1, creates: 1, left_out: 1 };
        assert_eq!(preview.count(), all);
        let says = "objects: 1 in conflict, 1 updated, 1 stay although they differ, 1 made, 1 as they are, 1 left out";
        assert_eq!(all.says(), says);
        assert_eq!(Foretelling::default().says(), "no objects");
    }
}

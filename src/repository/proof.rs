//! Proofs, kept in the repository so that every machine knows of them: a snapshot of the same data with a note of its own. It costs one
//! small file, since there is nothing new in it.

use jiff::tz::TimeZone;
use rustic_core::{RusticError, repofile::SnapshotFile};
use serde::{Deserialize, Serialize};

use super::{
    Repository,
    note::{self, FORMAT},
};
use crate::domain::{Outcome, Proof, SnapshotId, Trial, Trouble};

const TAG: &str = "proof";

#[derive(Serialize, Deserialize)]
struct Written {
    /// The format of it.
    #[serde(rename = "midwatch")]
    format: u32,
    proof: Proof,
}

/// `None`: it is none, or one of a later midwatch.
pub fn of(file: &SnapshotFile) -> Option<Proof> {
    let Written { format, proof } = serde_json::from_str(file.description.as_deref()?).ok()?;
    (format == FORMAT).then(|| Proof {
        of: SnapshotId::new(note::text(&proof.of.as_str().into())),
        item: note::clean_item(&proof.item),
        outcome: match &proof.outcome {
            Outcome::Opened(counts) => Outcome::Opened(note::clean_counts(counts)),
            Outcome::Failed(why) => Outcome::Failed(note::text(why)),
        },
        ..proof
    })
}

fn name(trial: Trial) -> &'static str {
    match trial {
        Trial::Rehearsed => "rehearsed",
        Trial::Restored => "restored",
    }
}

impl Repository {
    /// Writes down that a snapshot could be restored, or could not. `Err` also where there is no such snapshot any more.
    pub fn prove(&self, proof: &Proof) -> Result<(), Trouble> {
        let what = format!("could not keep the proof of the snapshot {}", proof.of);
        let failed = |error: Box<RusticError>| self.failed(&what, &error);
        let proved = self.file(&proof.of)?;
        let description = serde_json::to_string(&Written { format: FORMAT, proof: proof.clone() });
        let mut file = SnapshotFile {
            time: proof.at.to_zoned(TimeZone::UTC),
            program_version: note::PROGRAM.into(),
            tree: proved.tree,
            hostname: proved.hostname,
            description: Some(description.expect("a proof is made of text and numbers")),
            ..SnapshotFile::default()
        };
        // Apart from the backups, so that a restic that forgets by path does not weigh the one against the other.
        file.paths.add(format!("/{TAG}{}", proved.paths));
        note::tag(&mut file, [TAG, name(proof.trial), proof.item.method.name()].into_iter());
        self.inner.save_snapshots(vec![file]).map_err(failed)
    }
}

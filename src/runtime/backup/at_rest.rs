//! Files of what does not run: reached in an instance by itself that has its data, made anew for each step, and gone after it.

use std::sync::Arc;

use super::{SCRATCH_LIVES, Site, done};
use crate::{
    backend::{Scratch, ScratchKind, StepError},
    plan::Data,
};

pub async fn carry_out(site: Site<'_>, data: &Data, path: &Arc<str>) -> Result<(), StepError> {
    let Site { backend, progress, .. } = site;
    let (like, name) = data.instance();
    progress(&format!("makes an instance by itself, with the data of {name}"));
    let kind = ScratchKind::WithData(path.clone());
    let wanted = Scratch { like: like.clone(), service: data.item().service.clone(), kind, within: SCRATCH_LIVES };
    let scratch = backend.scratch(wanted).await.map_err(StepError::Failed)?;
    let inside = data.clone().inside(scratch.clone());
    let done = done(site, &inside).await;
    // What is left of it where this fails ends by itself, or goes before the next one is made.
    let discarded = backend.discard(scratch).await.map_err(StepError::Failed);
    done.and(discarded)
}

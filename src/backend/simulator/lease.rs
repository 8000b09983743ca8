//! Who is at work on a service: kept by the world, so that every connection to it sees the same.

use super::Line;
use crate::{
    backend::StepError,
    domain::{Claim, Lease, ServiceId, Trouble},
};

pub async fn lease(line: Line, service: ServiceId, ours: Lease, claim: Claim) -> Result<Option<Lease>, StepError> {
    line.round_trip().await.map_err(|loss| StepError::Lost(loss.why))?;
    line.place.change(|world, now| {
        let is_ours = |lease: &Lease| (&lease.who, &lease.operation) == (&ours.who, &ours.operation);
        let held = world.leases.get(&service).filter(|lease| !is_ours(lease) && lease.until > now).cloned();
        match (claim, held) {
            (Claim::Keep, _) => match world.leases.get_mut(&service) {
                Some(kept) if is_ours(kept) => *kept = ours.clone(),
                Some(theirs) => return Ok(Some(theirs.clone())),
                None => {
                    let what = format!("could not keep the lease of {service}");
                    return Err(StepError::Unsure(Trouble::new(what, "it is nobody's")));
                }
            },
            (Claim::Take, Some(theirs)) => return Ok(Some(theirs)),
            (Claim::Take, None) | (Claim::TakeOver, _) => {
                world.leases.insert(service.clone(), ours.clone());
            }
            (Claim::Release, None) => {
                world.leases.remove(&service);
            }
            // It is somebody else's by now.
            (Claim::Release, Some(_)) => {}
        }
        Ok(None)
    })
}

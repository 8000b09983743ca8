//! Who is at work on a service: kept by the world, so that every connection to it sees the same.

use super::Line;
use crate::{
    backend::StepError,
    domain::{Claim, Lease, ServiceId},
};

pub async fn lease(line: Line, service: ServiceId, ours: Lease, claim: Claim) -> Result<Option<Lease>, StepError> {
    line.round_trip().await.map_err(|loss| StepError::Lost(loss.why))?;
    let taken = line.place.change(|world, now| {
        let is_ours = |lease: &Lease| (&lease.who, &lease.operation) == (&ours.who, &ours.operation);
        let held = world.leases.get(&service).filter(|lease| !is_ours(lease) && lease.until > now).cloned();
        match (claim, held) {
            (Claim::Take, Some(theirs)) => return Some(theirs),
            (Claim::Take, None) | (Claim::TakeOver, _) => {
                world.leases.insert(service.clone(), ours.clone());
            }
            (Claim::Release, None) => {
                world.leases.remove(&service);
            }
            // It is somebody else's by now.
            (Claim::Release, Some(_)) => {}
        }
        None
    });
    Ok(taken)
}

//! Who is at work on a service: a container that never runs, since the engine gives a name to one only. Who has it is in a label, until
//! when in the one number that can be changed on a container afterwards; both by the engine's clock.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::Api,
    container::time,
    fault::Fault,
    find, image,
    marker::{self, Marker},
    marks,
    wire::{Info, Summary},
};
use crate::{
    backend::StepError,
    domain::{Claim, Lease, OperationId, ServiceId, Trouble, text::clean},
};

/// Several want it at once: so often is looked again.
const TRIES: u32 = 200;
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);
/// So many images may refuse to be made a lease of, before it is not their fault.
const IMAGES: usize = 8;
/// After this, whoever had it does not come back to renew it.
const LONG_OVER: SignedDuration = SignedDuration::from_mins(10);

#[derive(Serialize, Deserialize)]
struct Said {
    who: Arc<str>,
    operation: OperationId,
    title: Arc<str>,
    since: Timestamp,
}

/// One that is there.
struct Held {
    id: String,
    lease: Lease,
}

pub async fn claim(api: &Api, service: &ServiceId, ours: Lease, claim: Claim) -> Result<Option<Lease>, StepError> {
    let what = format!("could not take the lease of {service}");
    let asking = Asking { api, service, name: marks::lease_name(service) };
    if claim == Claim::Keep && asking.held().await.map_err(|fault| fault.step(what.clone()))?.is_none() {
        return Err(StepError::Unsure(Trouble::new(what, "its container was removed")));
    }
    match asking.claim(&ours, claim).await {
        Ok(Some(other)) => Ok(other),
        Ok(None) => Err(StepError::Failed(Trouble::new(what, "others take it and give it back all the time"))),
        Err(fault) => Err(fault.step(what)),
    }
}

/// Who is at work now, by our clock.
pub async fn held(api: &Api, service: &ServiceId) -> Result<Option<Lease>, Fault> {
    let asking = Asking { api, service, name: marks::lease_name(service) };
    let Some(held) = asking.held().await? else { return Ok(None) };
    let ahead = ahead(api).await?;
    let lease = by_our_clock(held.lease, ahead);
    Ok(Some(lease).filter(|lease| lease.until > Timestamp::now()))
}

struct Asking<'a> {
    api: &'a Api,
    service: &'a ServiceId,
    name: String,
}

impl Asking<'_> {
    /// `None`: no end was found to it. Otherwise whoever else has it.
    async fn claim(&self, ours: &Lease, claim: Claim) -> Result<Option<Option<Lease>>, Fault> {
        for _ in 0..TRIES {
            let held = self.held().await?;
            let is_ours = |held: &Held| held.lease.operation == ours.operation && held.lease.who == ours.who;
            let ahead = match (&held, claim) {
                (_, Claim::Release) => SignedDuration::ZERO,
                (_, Claim::Take | Claim::Keep | Claim::TakeOver) => ahead(self.api).await?,
            };
            let now = Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX);
            match (held, claim) {
                (None, Claim::Release) => return Ok(Some(None)),
                // It went in this very moment, and whoever asks next is told so.
                (None, Claim::Keep) => return Ok(None),
                (None, Claim::Take | Claim::TakeOver) => match self.create(ours, ahead).await {
                    Ok(()) => {
                        self.sweep(now).await;
                        return Ok(Some(None));
                    }
                    Err(fault) if fault.is_conflict() => tokio::time::sleep(LOOK).await,
                    Err(fault) => return Err(fault),
                },
                (Some(held), Claim::Release) => {
                    if is_ours(&held) {
                        marker::remove(self.api, &held.id).await?;
                    }
                    return Ok(Some(None));
                }
                (Some(held), Claim::Take | Claim::Keep | Claim::TakeOver) if is_ours(&held) => {
                    match self.renew(&held.id, ours, ahead).await {
                        Ok(()) => return Ok(Some(None)),
                        // Somebody found that it was over, and took it away.
                        Err(fault) if fault.is_not_found() || fault.is_conflict() => tokio::time::sleep(LOOK).await,
                        Err(fault) => return Err(fault),
                    }
                }
                (Some(held), Claim::Keep) => return Ok(Some(Some(by_our_clock(held.lease, ahead)))),
                (Some(held), Claim::Take) if held.lease.until > now => {
                    return Ok(Some(Some(by_our_clock(held.lease, ahead))));
                }
                (Some(held), Claim::Take) => self.remove_if_over(&held.id, now).await?,
                (Some(held), Claim::TakeOver) => marker::remove(self.api, &held.id).await?,
            }
        }
        Ok(None)
    }

    /// Looked at once more right before: whoever has it may have been slow, and renewed it meanwhile.
    async fn remove_if_over(&self, id: &str, now: Timestamp) -> Result<(), Fault> {
        let Some(found) = find::raw(self.api, id).await? else { return Ok(()) };
        if read(&found).is_some_and(|held| held.lease.until <= now) {
            marker::remove(self.api, id).await?;
        }
        Ok(())
    }

    /// Of all services: a machine that was lost gives nothing back, and nobody else may ever ask for what it had. It is no matter if
    /// this fails. `now` is by the engine's clock.
    async fn sweep(&self, now: Timestamp) {
        let filter = marks::filter(&[format!("{}={}", marks::ROLE, marks::OF_LEASE)]);
        let swept = async {
            let list: Vec<Summary> = self.api.get(&format!("/containers/json?all=1&filters={filter}")).await?;
            let long_over = now.saturating_sub(LONG_OVER).unwrap_or(now);
            for lease in list {
                self.remove_if_over(&lease.id, long_over).await?;
            }
            Ok::<(), Fault>(())
        };
        if let Err(fault) = swept.await {
            tracing::debug!(?fault, "leases that are long over were not all removed");
        }
    }

    async fn held(&self) -> Result<Option<Held>, Fault> {
        let Some(found) = find::by_name(self.api, &self.name).await? else { return Ok(None) };
        read(&found).map(Some).ok_or_else(|| {
            let message = format!("the container {} is there, and is no lease: remove it", self.name);
            Fault::Refused { status: 400, message: message.into() }
        })
    }

    async fn create(&self, ours: &Lease, ahead: SignedDuration) -> Result<(), Fault> {
        let by_theirs = |time: Timestamp| time.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        let said = Said {
            who: ours.who.clone(),
            operation: ours.operation.clone(),
            title: ours.title.clone(),
            since: by_theirs(ours.since),
        };
        let labels = json!({
            marks::ROLE: marks::OF_LEASE, marks::SCOPE: self.service.scope.as_str(),
            marks::SERVICE: &*self.service.name, marks::LEASE: json!(said).to_string(),
        });
        let host = json!({"RestartPolicy": policy(by_theirs(ours.until))});
        let message = "there is no image on this host that a lease could be made of";
        let mut refused = Fault::Refused { status: 400, message: message.into() };
        for (tried, image) in self.images().await?.into_iter().enumerate() {
            let made = match image::find(self.api, &image).await {
                Ok(Some(image)) => {
                    let marker = Marker { name: &self.name, labels: labels.clone(), host: host.clone() };
                    marker::create(self.api, &image, marker).await
                }
                Ok(None) => continue,
                Err(fault) => Err(fault),
            };
            match made {
                Err(fault) if fault.is_not_found() => {}
                // It may be going in this very moment, which an engine says in many ways.
                Err(fault @ Fault::Refused { .. }) if !fault.is_conflict() && tried < IMAGES => refused = fault,
                done => return done,
            }
        }
        Err(refused)
    }

    /// Any will do: what is used by a container stays for the moment.
    async fn images(&self) -> Result<Vec<String>, Fault> {
        let list: Vec<Summary> = self.api.get("/containers/json?all=1").await?;
        let mut images: Vec<String> = list.into_iter().filter_map(|summary| summary.image_id).collect();
        let stored: Vec<super::wire::ImageSummary> = self.api.get("/images/json").await?;
        images.extend(stored.into_iter().map(|image| image.id));
        let mut seen = BTreeSet::new();
        images.retain(|image| seen.insert(image.clone()));
        Ok(images)
    }

    async fn renew(&self, id: &str, ours: &Lease, ahead: SignedDuration) -> Result<(), Fault> {
        let until = ours.until.saturating_add(ahead).unwrap_or(Timestamp::MAX);
        let body = json!({"RestartPolicy": policy(until)});
        self.api.post(&format!("/containers/{id}/update"), &body, PATIENCE).await.map(drop)
    }
}

/// Its count of tries is a number that the engine keeps and never uses: what never ran has not failed.
fn policy(until: Timestamp) -> Value {
    json!({"Name": "on-failure", "MaximumRetryCount": until.as_second()})
}

fn read(found: &Value) -> Option<Held> {
    let said: Said = serde_json::from_str(find::label(found, marks::LEASE)?).ok()?;
    let until = found["HostConfig"]["RestartPolicy"]["MaximumRetryCount"].as_i64()?;
    let text = |text: &str| Arc::from(clean(text));
    let lease = Lease {
        who: text(&said.who),
        operation: OperationId::new(text(said.operation.as_str())),
        title: text(&said.title),
        since: said.since,
        until: Timestamp::from_second(until).ok()?,
    };
    Some(Held { id: found["Id"].as_str()?.to_owned(), lease })
}

/// How far the engine's clock is ahead of ours: machines that share an engine need not agree on the time.
pub async fn ahead(api: &Api) -> Result<SignedDuration, Fault> {
    let info: Info = api.get("/info").await?;
    Ok(time(info.system_time.as_deref()).map_or(SignedDuration::ZERO, |time| time.duration_since(Timestamp::now())))
}

fn by_our_clock(lease: Lease, ahead: SignedDuration) -> Lease {
    let ours = |time: Timestamp| time.saturating_sub(ahead).unwrap_or(time);
    Lease { since: ours(lease.since), until: ours(lease.until), ..lease }
}

//! Scratch instances: containers by themselves, in which a restore is rehearsed or files are reached. A service has one at the most, by its
//! name.
//!
//! What ends one whose maker is gone runs in it, beside its program: to put it before the program would make another process the first
//! one, which some programs must be, and which gets the signals. The first process of a container takes no signal from within that it does
//! not handle. One that handles none stays, without its children, until the next scratch instance on this host is made: that removes all
//! that are long over. To connect does not, since who only looks must change nothing.

mod request;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bollard::query_parameters::{ContainerArchiveInfoOptionsBuilder, StartContainerOptions};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::request::{Bound, Wanted, keeps, request};
use super::{
    api::{Api, Id, encoded},
    fault::Fault,
    find, image, inside, lease, logs, marks, pending,
    watch::inspect,
    wire::{Labels, Summary, Volumes},
};
use crate::{
    backend::{Scratch, ScratchKind, exit},
    domain::{InstanceId, InstanceState, Trouble, text::clean, text::shorten},
    message::Since,
};

/// Making one copies what its image has in its volumes; removing one removes what is in them.
const PATIENCE: Duration = Duration::from_secs(120);
/// After this, whatever ended has been heard of by whoever made it.
const LONG_OVER: SignedDuration = SignedDuration::from_mins(1);
/// The engine hears of an end a moment after nothing can be run in a container any more.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at what ends, or somebody else removes.
const LOOK: Duration = Duration::from_millis(200);
/// Of what it said last.
const WIDTH: usize = 200;
const NO_SHELL: &str = "it takes a shell (sh) in the image, to restore into it and to end it in time";

/// Asks the first process to end, in all the ways there are, and ends every other one.
const END: &str =
    "while :; do for signal in TERM INT QUIT; do kill -s $signal 1; done; kill -s KILL -- -1; sleep 1; done";

pub async fn make(api: &Api, wanted: &Scratch) -> Result<InstanceId, Trouble> {
    let what = format!("could not make a scratch instance for {}", wanted.service);
    let told = |fault: Fault| fault.trouble(what.as_str());
    let gone = |thing: &str| Trouble::new(what.as_str(), format!("{thing} is gone"));
    let like = find::raw(api, &wanted.like.key).await.map_err(told)?;
    let like = like.ok_or_else(|| gone("the container that it is to be like"))?;
    let image = image::find(api, like["Image"].as_str().unwrap_or_default()).await.map_err(told)?;
    let image = image.ok_or_else(|| gone("the image of the container that it is to be like"))?;
    if let ScratchKind::WithData(path) = &wanted.kind
        && !keeps(&like, path)
    {
        let name = clean(find::name_of(&like)).into_owned();
        return Err(Trouble::new(
            what,
            format!("{path} of {name} is in no volume, and so cannot be reached beside it"),
        )
        .help("it is reached through its own programs: start it first"));
    }
    let now = Timestamp::now().saturating_add(lease::ahead(api).await.map_err(told)?).unwrap_or(Timestamp::MAX);
    let making = Making { api, wanted, now };
    making.clear().await.map_err(told)?;
    let id = making.create(&like, &image).await.map_err(told)?;
    let Err(trouble) = making.begin(&id, &what).await else {
        return Ok(InstanceId::new(&wanted.service.cluster, id));
    };
    if let Err(fault) = remove(api, &id).await {
        tracing::debug!(?fault, "a scratch instance that did not begin was not removed");
    }
    Err(trouble)
}

pub async fn discard(api: &Api, scratch: &InstanceId) -> Result<(), Trouble> {
    let what = "could not remove a scratch instance";
    let told = |fault: Fault| fault.trouble(what);
    let Some(found) = find::raw(api, &scratch.key).await.map_err(told)? else { return Ok(()) };
    if !is_scratch(&found) {
        let name = clean(find::name_of(&found)).into_owned();
        return Err(Trouble::new(what, format!("{name} is none: somebody uses it")));
    }
    remove(api, found["Id"].as_str().unwrap_or_default()).await.map_err(told)
}

struct Making<'a> {
    api: &'a Api,
    wanted: &'a Scratch,
    /// By the engine's clock.
    now: Timestamp,
}

impl Making<'_> {
    /// Removes what is left of earlier ones of this service, and of all others those that are long over.
    async fn clear(&self) -> Result<(), Fault> {
        let service = &self.wanted.service;
        let is_ours = |labels: &Labels| {
            let is = |key: &str, value: &str| labels.get(key).is_some_and(|theirs| theirs == value);
            is(marks::SCOPE, service.scope.as_str()) && is(marks::SERVICE, &service.name)
        };
        let until = |labels: &Labels| labels.get(marks::UNTIL).and_then(|until| until.parse::<i64>().ok());
        let long_ago = self.now.saturating_sub(LONG_OVER).unwrap_or(self.now).as_second();
        let is_left = |labels: Option<&Labels>| {
            labels.is_some_and(|labels| is_ours(labels) || until(labels).is_none_or(|end| end < long_ago))
        };
        let of_scratch = format!("{}={}", marks::ROLE, marks::OF_SCRATCH);
        let filter = marks::filter(std::slice::from_ref(&of_scratch));
        let containers: Vec<Summary> = self.api.get(&format!("/containers/json?all=1&filters={filter}")).await?;
        for container in containers.iter().filter(|container| is_left(container.labels.as_ref())) {
            remove(self.api, &container.id).await?;
        }
        // Somebody may have removed a container without its volumes.
        let filter = encoded(&json!({"label": [of_scratch], "dangling": ["true"]}).to_string());
        let volumes: Volumes = self.api.get(&format!("/volumes?filters={filter}")).await?;
        let volumes = volumes.volumes.unwrap_or_default();
        for volume in volumes.iter().filter(|volume| is_left(volume.labels.as_ref())) {
            match self.api.delete(&format!("/volumes/{}", encoded(&volume.name)), PATIENCE).await {
                Ok(()) => {}
                Err(fault) if fault.is_not_found() => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn create(&self, like: &Value, image: &Value) -> Result<String, Fault> {
        let Scratch { service, kind, within, .. } = self.wanted;
        let until = self.now.as_second().saturating_add((*within).into());
        let labels = json!({
            marks::ROLE: marks::OF_SCRATCH, marks::SCOPE: service.scope.as_str(), marks::SERVICE: &*service.name,
            marks::UNTIL: until.to_string(),
        });
        let bound = bound(self.api, like).await?;
        let instead = kind.is_idle().then(|| format!("exec sleep {within}"));
        let body = request(Wanted { like, image, bound: &bound, labels, instead, with_data: kind.has_data() });
        let name = marks::scratch_name(service);
        let path = format!("/containers/create?name={}", encoded(&name));
        let made = match self.api.post(&path, &body, PATIENCE).await {
            Err(fault) if fault.is_conflict() => {
                // The engine may still have been making the earlier one when these were listed.
                self.free(&name).await?;
                self.api.post(&path, &body, PATIENCE).await?
            }
            made => made?,
        };
        made["Id"].as_str().map(str::to_owned).ok_or_else(|| Fault::Garbled("it made a container without an id".into()))
    }

    async fn free(&self, name: &str) -> Result<(), Fault> {
        let Some(found) = pending::bearer(self.api, name).await? else { return Ok(()) };
        if !is_scratch(&found) {
            let message = format!("the container {name} is there, and is no scratch instance: remove it");
            return Err(Fault::Refused { status: 409, message: message.into() });
        }
        remove(self.api, found["Id"].as_str().unwrap_or_default()).await
    }

    async fn begin(&self, id: &str, what: &str) -> Result<(), Trouble> {
        let told = |fault: Fault| match fault {
            fault if has_no_shell(&fault) => fault.trouble(what).help(NO_SHELL),
            fault => fault.trouble(what),
        };
        let id = Id::new(id).map_err(told)?;
        let docker = self.api.docker().with_timeout(PATIENCE);
        let started = docker.start_container(id.as_str(), None::<StartContainerOptions>).await;
        started.map_err(|error| told(error.into()))?;
        if self.wanted.kind.is_idle() {
            return Ok(());
        }
        let script = format!("sleep {}; {END}", self.wanted.within);
        match inside::leave(self.api, id, &["sh", "-c", &script]).await {
            Ok(()) => Ok(()),
            Err(fault) if has_no_shell(&fault) => Err(told(fault)),
            Err(fault) => Err(self.ended(id, what).await.unwrap_or_else(|| told(fault))),
        }
    }

    /// How it ended and what it said last, if it has.
    async fn ended(&self, id: Id<'_>, what: &str) -> Option<Trouble> {
        let give_up = Instant::now() + NOTICED_WITHIN;
        loop {
            let container = inspect(self.api, id.as_str()).await.ok()?;
            if let InstanceState::Exited { exit_code, out_of_memory } = container.state {
                let words = exit::words(exit_code, out_of_memory, container.limits.memory);
                let said = self.last_line(id).await;
                let said = said.map_or_else(String::new, |said| format!("; it said {}", shorten(&said, WIDTH)));
                return Some(Trouble::new(what, format!("its program ended at once: {words}{said}")));
            }
            if Instant::now() >= give_up {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn last_line(&self, id: Id<'_>) -> Option<String> {
        let instance = InstanceId::new(&self.wanted.service.cluster, id.as_str());
        let log = logs::follow(self.api.clone(), instance, Since::Lines(1));
        let pieces: Vec<_> = log.filter_map(|piece| futures::future::ready(piece.ok())).collect().await;
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| &piece.bytes).copied().collect();
        // Before it stands its time.
        let text = String::from_utf8_lossy(&bytes);
        let said = text.split_once(' ').map_or("", |(_, said)| said.trim());
        (!said.is_empty()).then(|| clean(said).into_owned())
    }
}

/// `exec: "sh": executable file not found in $PATH`
fn has_no_shell(fault: &Fault) -> bool {
    matches!(fault, Fault::Refused { message, .. } if message.contains("\"sh\": executable file not found"))
}

fn is_scratch(found: &Value) -> bool {
    find::label(found, marks::ROLE) == Some(marks::OF_SCRATCH)
}

/// What of the host's is bound into a container, by where it is there.
async fn bound(api: &Api, like: &Value) -> Result<BTreeMap<String, Bound>, Fault> {
    let id = Id::new(like["Id"].as_str().unwrap_or_default())?;
    let mounts = like["Mounts"].as_array().into_iter().flatten();
    let mut bound = BTreeMap::new();
    for place in mounts.filter(|mount| mount["Type"] == "bind").filter_map(|mount| mount["Destination"].as_str()) {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(place).build();
        match api.docker().get_container_archive_info(id.as_str(), Some(options)).await.map_err(Fault::from) {
            Ok(said) => bound.extend(Bound::of(said.file_mode).map(|kind| (place.to_owned(), kind))),
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(bound)
}

/// With its volumes that have no name, and whatever it is doing.
async fn remove(api: &Api, id: &str) -> Result<(), Fault> {
    match api.delete(&format!("/containers/{id}?force=1&v=1"), PATIENCE).await {
        Ok(()) => return Ok(()),
        Err(fault) if fault.is_not_found() => return Ok(()),
        // Somebody else is at it.
        Err(fault) if fault.is_conflict() => {}
        Err(fault) => return Err(fault),
    }
    let give_up = Instant::now() + PATIENCE;
    while find::raw(api, id).await?.is_some() {
        if Instant::now() >= give_up {
            let message = format!("the engine has been removing it for {} s", PATIENCE.as_secs());
            return Err(Fault::Refused { status: 500, message: message.into() });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

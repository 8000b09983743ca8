//! What is done to a container beside running it: the names under which others find it, its own name, its end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    api::{Api, encoded},
    blueprint, find, marks, pending,
};
use crate::{
    backend::{Progress, StepError},
    domain::{Trouble, text::clean},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is being removed.
const LOOK: Duration = Duration::from_millis(100);

pub async fn join(api: &Api, key: &str, name: &str, like: &str, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not let others find {name}");
    let ours = there(api, key, &what).await?;
    let like = there(api, like, &what).await?;
    let id = ours["Id"].as_str().unwrap_or_default();
    for (network, endpoint) in like["NetworkSettings"]["Networks"].as_object().into_iter().flatten() {
        // On these the engine knows no names.
        if matches!(network.as_str(), "bridge" | "host" | "none") {
            continue;
        }
        let wanted = names(&ours, &like, endpoint);
        let present = ours["NetworkSettings"]["Networks"].get(network);
        let has =
            |alias: &String| present.is_some_and(|own| blueprint::strings(&own["Aliases"]).any(|own| own == alias));
        if present.is_some() && wanted.iter().all(has) {
            continue;
        }
        let path = format!("/networks/{}", encoded(network));
        if present.is_some() {
            // Names can be given only with the connection.
            let body = json!({"Container": id, "Force": false});
            match api.post(&format!("{path}/disconnect"), &body, PATIENCE).await {
                Ok(_) => {}
                Err(fault) if is_not_connected(&fault) => {}
                Err(fault) => return Err(fault.step(what)),
            }
        }
        let mut config = json!({"Aliases": wanted});
        // A connection that was cut in the middle of this is found in the old one; its address is the old one's, unless that gave way.
        let keys = ["Links", "DriverOpts", "GwPriority", "IPAMConfig"];
        let known = if present.is_some() || replaces(&ours, &like) { keys.len() } else { keys.len() - 1 };
        for key in &keys[..known] {
            if let Some(value) = present.unwrap_or(endpoint).get(*key).filter(|value| !value.is_null()) {
                config[*key] = value.clone();
            }
        }
        let body = json!({"Container": id, "EndpointConfig": config});
        api.post(&format!("{path}/connect"), &body, PATIENCE).await.map_err(|fault| fault.step(what.as_str()))?;
        progress(&clean(&format!("is {} on {network}", wanted.join(", "))));
    }
    Ok(())
}

fn is_not_connected(fault: &super::fault::Fault) -> bool {
    matches!(fault, super::fault::Fault::Refused { message, .. } if message.contains("is not connected"))
}

/// Under which others find it: those of the one that it is like, and that one's own name where it takes its place. What a plan called that
/// one meanwhile is nobody's word for it.
fn names(ours: &Value, like: &Value, endpoint: &Value) -> Vec<String> {
    let mut wanted = blueprint::aliases(like, endpoint);
    let own = blueprint::lasting(like);
    let takes_it = replaces(ours, like) || find::label(ours, marks::SERVICE) == Some(own);
    if takes_it && !wanted.iter().any(|alias| alias == own) {
        wanted.push(own.to_owned());
    }
    wanted
}

fn replaces(ours: &Value, like: &Value) -> bool {
    find::label(ours, marks::REPLACES).is_some_and(|id| like["Id"] == id)
}

pub async fn rename(api: &Api, key: &str, name: &str, to: &str, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not rename {name} to {to}");
    let ours = there(api, key, &what).await?;
    if find::name_of(&ours) == to {
        progress("is called so");
        return Ok(());
    }
    let id = ours["Id"].as_str().unwrap_or_default();
    match api.post(&format!("/containers/{id}/rename?name={}", encoded(to)), &Value::Null, PATIENCE).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_conflict() => {
            let holder = find::by_name(api, to).await.map_err(|fault| fault.step(what.as_str()))?;
            let who = holder.as_ref().and_then(|holder| holder["Id"].as_str()?.get(..12)).unwrap_or("another");
            let why = format!("the container {who} is called so");
            Err(StepError::Failed(Trouble::new(what, clean(&why)).help(format!("see what it is: docker inspect {to}"))))
        }
        Err(fault) => Err(fault.step(what)),
    }
}

pub async fn remove(api: &Api, key: &str, name: &str, progress: &Progress) -> Result<(), StepError> {
    let what = format!("could not remove {name}");
    let mut found = find::raw(api, key).await.map_err(|fault| fault.step(what.as_str()))?;
    if found.is_none() && marks::Made::parse(key).is_some() {
        // Whoever asked for it may have died before it was in any list.
        pending::bearer(api, name).await.map_err(|fault| fault.step(what.as_str()))?;
        found = find::raw(api, key).await.map_err(|fault| fault.step(what.as_str()))?;
    }
    let Some(found) = found else {
        progress("is gone");
        return Ok(());
    };
    let state = found["State"]["Status"].as_str().unwrap_or_default();
    if matches!(state, "running" | "paused" | "restarting") {
        let trouble = Trouble::new(what, format!("it is {state}, and what runs is not removed"));
        return Err(StepError::Failed(trouble.help(format!("stop it first: docker stop {name}"))));
    }
    let id = found["Id"].as_str().unwrap_or_default();
    // Of what never ran, the volumes without a name are empty, or copies of what is in the image.
    let volumes = u8::from(find::never_ran(&found));
    match api.delete(&format!("/containers/{id}?v={volumes}"), PATIENCE).await {
        Ok(()) => {}
        Err(fault) if fault.is_not_found() => {}
        Err(fault) if fault.is_conflict() => progress("somebody else removes it already"),
        Err(fault) => return Err(fault.step(what)),
    }
    let began = Instant::now();
    while find::raw(api, id).await.map_err(|fault| fault.step(what.as_str()))?.is_some() {
        if began.elapsed() > PATIENCE {
            return Err(StepError::Failed(Trouble::new(what, "the engine is not done with it")));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn there(api: &Api, key: &str, what: &str) -> Result<Value, StepError> {
    match find::raw(api, key).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(StepError::Failed(Trouble::new(what, "there is no such container any more"))),
        Err(fault) => Err(fault.step(what)),
    }
}

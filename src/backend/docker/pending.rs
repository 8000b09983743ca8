//! What the engine is in the middle of making is in no list yet, but its name is taken already.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    api::{Api, encoded},
    fault::Fault,
    find, marker,
    wire::Summary,
};

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(100);
/// Of so many containers one has its image still.
const IMAGES: usize = 8;

/// Whoever bears this name, or does once it is made. `None` where it is nobody's.
pub async fn bearer(api: &Api, name: &str) -> Result<Option<Value>, Fault> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let found = find::by_name(api, name).await?;
        if found.is_some() || !is_taken(api, name).await? {
            return Ok(found);
        }
        if Instant::now() >= give_up {
            let message = format!("the engine has been making a container {name} for {} s", PATIENCE.as_secs());
            return Err(Fault::Refused { status: 500, message: message.into() });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Asks for a container that cannot be made. An engine looks at the name before it looks at this, and so says a conflict if it is taken.
async fn is_taken(api: &Api, name: &str) -> Result<bool, Fault> {
    // Without an image no engine looks at the name. Where there is no container at all, none is like the one that is being made.
    let newest: Vec<Summary> = api.get(&format!("/containers/json?all=1&limit={IMAGES}")).await?;
    for image in newest.into_iter().filter_map(|summary| summary.image_id) {
        let host = json!({"NetworkMode": "none", "SecurityOpt": ["midwatch=never"]});
        let body = json!({"Image": image, "Entrypoint": ["midwatch"], "HostConfig": host});
        match api.post(&format!("/containers/create?name={}", encoded(name)), &body, PATIENCE).await {
            Err(fault) if fault.is_conflict() => return Ok(true),
            // The image was taken from under its container.
            Err(fault) if fault.is_not_found() => {}
            Err(Fault::Refused { .. }) => return Ok(false),
            Err(fault) => return Err(fault),
            // One that does not mind: the name was free.
            Ok(made) => {
                marker::remove(api, made["Id"].as_str().unwrap_or_default()).await?;
                return Ok(false);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use crate::backend::docker::{join, testing::engine};

    const KEY: &str = "@shop/web/2/1";

    /// Removes `web-1-r2` from an engine that is done making it when it was asked so often whether the name is taken; 0: it makes none.
    /// How many removals that were.
    async fn removals(looks: u32) -> u32 {
        let (asked, removed) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
        let counted = removed.clone();
        let api = engine(move |request| {
            let is_there = looks > 0 && asked.load(Ordering::Relaxed) >= looks && counted.load(Ordering::Relaxed) == 0;
            let missing = ("404 Not Found", r#"{"message":"No such container"}"#);
            Some(if request.contains("limit=8") {
                ("200 OK", r#"[{"Id":"0a","ImageID":"sha256:1b"}]"#)
            } else if request.contains("/create?name=web-1-r2") {
                match asked.fetch_add(1, Ordering::Relaxed) < looks {
                    true => ("409 Conflict", r#"{"message":"Conflict. The container name is already in use"}"#),
                    false => ("500 Internal Server Error", r#"{"message":"invalid --security-opt"}"#),
                }
            } else if request.starts_with("DELETE ") && request.contains("/containers/2c?v=1") {
                counted.fetch_add(1, Ordering::Relaxed);
                ("204 No Content", "")
            } else if request.contains("/containers/json") {
                ("200 OK", if is_there { r#"[{"Id":"2c"}]"# } else { "[]" })
            } else if is_there && (request.contains("/containers/2c/json") || request.contains("/web-1-r2/json")) {
                ("200 OK", r#"{"Id":"2c","State":{"Status":"created"}}"#)
            } else {
                missing
            })
        })
        .await;
        join::remove(&api, KEY, "web-1-r2", &(Arc::new(|_: &str| {}) as _)).await.expect("it is gone");
        removed.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_the_engine_is_in_the_middle_of_making_is_removed_when_it_is_made() {
        assert_eq!((removals(1).await, removals(3).await), (1, 1));
    }

    #[tokio::test]
    async fn where_nothing_is_being_made_it_is_gone() {
        assert_eq!(removals(0).await, 0);
    }
}

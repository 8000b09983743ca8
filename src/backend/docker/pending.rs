//! What the engine is in the middle of making, for someone who has died meanwhile: in no list yet, but its name is taken.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    api::{Api, encoded},
    fault::Fault,
    find, marker,
    wire::Summary,
};

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// The container that the key means, once it is made. `None` where it is not being made under this name.
pub async fn made(api: &Api, key: &str, name: &str) -> Result<Option<Value>, Fault> {
    let give_up = Instant::now() + PATIENCE;
    while is_taken(api, name).await? {
        if let Some(found) = find::raw(api, key).await? {
            return Ok(Some(found));
        }
        // Another container is called so.
        if find::by_name(api, name).await?.is_some() {
            return Ok(None);
        }
        if Instant::now() >= give_up {
            let message = format!("the engine has been making a container {name} for {} s", PATIENCE.as_secs());
            return Err(Fault::Refused { status: 500, message: message.into() });
        }
        tokio::time::sleep(LOOK).await;
    }
    find::raw(api, key).await
}

/// Asks for a container that cannot be made. An engine looks at the name before it looks at this, and so says a conflict if it is taken.
async fn is_taken(api: &Api, name: &str) -> Result<bool, Fault> {
    let newest: Vec<Summary> = api.get("/containers/json?all=1&limit=1").await?;
    // Without an image no engine looks at the name. Where there is no container at all, none is like the one that is being made.
    let Some(image) = newest.into_iter().find_map(|summary| summary.image_id) else { return Ok(false) };
    let host = json!({"NetworkMode": "none", "SecurityOpt": ["midwatch=never"]});
    let body = json!({"Image": image, "Entrypoint": ["midwatch"], "HostConfig": host});
    match api.post(&format!("/containers/create?name={}", encoded(name)), &body, PATIENCE).await {
        Err(fault) if fault.is_conflict() => Ok(true),
        Err(Fault::Refused { .. }) => Ok(false),
        Err(fault) => Err(fault),
        // One that does not mind: the name was free.
        Ok(made) => {
            marker::remove(api, made["Id"].as_str().unwrap_or_default()).await?;
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::backend::docker::{api::ANY_VERSION, join};

    const KEY: &str = "@shop/web/2/1";

    /// An engine that is done making `web-1-r2` when it was asked so often whether the name is taken, and keeps it until it is removed.
    async fn engine(asked: u32) -> (Api, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("tcp://{}", listener.local_addr().expect("it has one"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut request).await {
                        let line =
                            String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
                        let (status, body) = answer(&line, asked, &mut heard.lock().expect("not poisoned"));
                        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                        _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        let docker = bollard::Docker::connect_with_http(&address, 5, ANY_VERSION).expect("a client");
        (Api::negotiate(docker).await.expect("it answers").0, requests)
    }

    fn answer(line: &str, asked: u32, heard: &mut Vec<String>) -> (&'static str, &'static str) {
        heard.push(line.to_owned());
        let count = |what: &str| heard.iter().filter(|line| line.contains(what)).count();
        let is_there = count("/create?name=web-1-r2") >= asked as usize && asked > 0 && count("DELETE") == 0;
        let missing = ("404 Not Found", r#"{"message":"No such container"}"#);
        if line.contains("/version ") {
            ("200 OK", r#"{"ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#)
        } else if line.contains("limit=1") {
            ("200 OK", r#"[{"Id":"0a","ImageID":"sha256:1b"}]"#)
        } else if line.contains("/containers/json") {
            ("200 OK", if is_there { r#"[{"Id":"2c"}]"# } else { "[]" })
        } else if line.contains("/create?") && count("/create?") <= asked as usize {
            ("409 Conflict", r#"{"message":"Conflict. The container name is already in use"}"#)
        } else if line.contains("/create?") {
            ("500 Internal Server Error", r#"{"message":"invalid --security-opt"}"#)
        } else if line.contains("/containers/2c/json") && is_there {
            ("200 OK", r#"{"Id":"2c","State":{"Status":"created"}}"#)
        } else if line.starts_with("DELETE") {
            ("204 No Content", "")
        } else {
            missing
        }
    }

    #[tokio::test]
    async fn what_the_engine_is_in_the_middle_of_making_is_removed_when_it_is_made() {
        for asked in [1, 3] {
            let (api, requests) = engine(asked).await;
            join::remove(&api, KEY, "web-1-r2", &(Arc::new(|_: &str| {}) as _)).await.expect("removed");
            let requests = requests.lock().expect("not poisoned");
            let removed: Vec<_> = requests.iter().filter(|line| line.starts_with("DELETE")).collect();
            assert!(removed.len() == 1 && removed[0].contains("/containers/2c?v=1"), "{requests:#?}");
        }
    }

    #[tokio::test]
    async fn where_nothing_is_being_made_it_is_gone() {
        let (api, requests) = engine(0).await;
        join::remove(&api, KEY, "web-1-r2", &(Arc::new(|_: &str| {}) as _)).await.expect("gone");
        assert!(!requests.lock().expect("not poisoned").iter().any(|line| line.starts_with("DELETE")));
    }
}

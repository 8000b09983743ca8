//! Images out of a registry: a real one, and one that lies about what it sends.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use midwatch::plan::Recipe;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{World, image, inspect};
use crate::{docker::docker, docker_traffic::has_program, observer::PATIENCE};

/// Debian's docker-registry, on a port of its own, as long as this lives.
struct Registry {
    address: String,
    server: Child,
    _files: tempfile::TempDir,
}

impl Registry {
    async fn open() -> Option<Self> {
        if !has_program("docker-registry") {
            return None;
        }
        let files = tempfile::tempdir().expect("a directory");
        // It cannot be told to choose a port by itself.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr()).expect("a port").port();
        let (address, config) = (format!("127.0.0.1:{port}"), files.path().join("config.yml"));
        let storage = files.path().join("data");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{address}'}}\n",
            storage.display()
        );
        std::fs::write(&config, text).expect("it is written");
        let mut command = Command::new("docker-registry");
        let command = command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { server: command.spawn().expect("it starts"), address, _files: files };
        let began = Instant::now();
        while TcpStream::connect(&registry.address).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "docker-registry did not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(registry)
    }

    /// Puts a local image into it, away from the host. Its name there.
    fn keep(&self, image: &str, tag: &str) -> String {
        let name = format!("{}/shop/web:{tag}", self.address);
        docker(&["tag", image, &name]);
        docker(&["push", "-q", &name]);
        docker(&["rmi", "-f", image, &name]);
        name
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

impl World {
    /// Why the next release cannot be made of it.
    async fn refusal(&self, name: &str, recipe: Recipe) -> String {
        let (new, old) = (self.named(&format!("{name}-r2")), self.named(name));
        let old = midwatch::domain::InstanceId::new(&self.service.cluster, inspect(&old, "{{.Id}}"));
        let trouble = self.execute(self.make(2, &new, &old, recipe)).await;
        trouble.expect_err("there is no such image").why.to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_pulled_by_its_tag_or_its_digest() {
    let Some(world) = World::open("an_image_is_pulled").await else { return };
    let Some(registry) = Registry::open().await else { return };
    let (one, two) = (world.image("v1", &[]), world.image("v2", &[]));
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", &two]);
    let name = world.named("web-1");
    let old = world.compose(&name, &one, &[]);
    let by_tag = registry.keep(&two, "v2");
    for (number, asked) in [(2, by_tag.clone()), (3, String::new())] {
        let asked = if asked.is_empty() {
            // What the registry calls it by its content, as it was told with the first pull.
            let digest = docker(&["image", "inspect", "-f", "{{index .RepoDigests 0}}", &by_tag]);
            docker(&["rmi", "-f", &by_tag]);
            digest
        } else {
            asked
        };
        let new = world.named(&format!("web-1-r{number}"));
        world.must(world.make(number, &new, &old, image(&asked))).await;
        assert_eq!(inspect(&new, "{{.Image}}"), id, "{asked}");
        docker(&["rm", "-f", &new]);
    }
    let unknown = world.refusal("web-1", image(&format!("{}/shop/web:v9", registry.address))).await;
    assert!(unknown.starts_with("no such image: ") && unknown.contains("shop/web:v9"), "{unknown}");
    docker(&["rmi", "-f", &id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_another_digest_than_was_asked_for_is_not_taken() {
    let Some(world) = World::open("what_has_another_digest").await else { return };
    let one = world.image("v1", &[]);
    world.compose(&world.named("web-1"), &one, &[]);
    let asked = format!("{}/shop/web@sha256:{}", liar().await, "ab".repeat(32));
    let why = world.refusal("web-1", image(&asked)).await;
    assert!(why.starts_with("what the registry sent for ") && why.contains("has another digest"), "{why}");
}

/// A registry that answers every question for an image with one and the same manifest.
async fn liar() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let is_head = request.starts_with(b"HEAD ");
            let is_ping = String::from_utf8_lossy(&request[..read]).contains(" /v2/ ");
            const KIND: &str = "application/vnd.docker.distribution.manifest.v2+json";
            let manifest = format!(
                r#"{{"schemaVersion":2,"mediaType":"{KIND}","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"sha256:{0}"}},"layers":[]}}"#,
                "cd".repeat(32)
            );
            let (kind, body) = if is_ping { ("application/json", "{}") } else { (KIND, manifest.as_str()) };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            _ = stream.write_all(format!("{head}{}", if is_head { "" } else { body }).as_bytes()).await;
        }
    });
    address.to_string()
}

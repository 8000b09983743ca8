//! Questions to an API server, over kube's client: its TLS, its proxies, its credentials. Paths and rows are our own, so that nothing is
//! decoded that no screen shows.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use tokio::sync::watch;

use super::fault::Fault;
use crate::domain::ClusterName;

#[derive(Clone)]
pub struct Api {
    /// The latest: what a client signs in with may be renewed while it is used.
    client: watch::Receiver<kube::Client>,
    cluster: ClusterName,
    endpoint: Arc<str>,
}

impl Api {
    #[cfg(test)]
    /// `client` must not repeat requests by itself: which may be sent twice is decided here and in `steps`.
    pub fn new(client: kube::Client, cluster: ClusterName, endpoint: Arc<str>) -> Self {
        Self::renewed(watch::channel(client).1, cluster, endpoint)
    }

    pub fn renewed(client: watch::Receiver<kube::Client>, cluster: ClusterName, endpoint: Arc<str>) -> Self {
        Self { client, cluster, endpoint }
    }

    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Where the server is, for a person.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// For what is more than a request: exec and port-forward.
    pub fn client(&self) -> kube::Client {
        self.client.borrow().clone()
    }

    pub async fn ping(&self) -> Result<(), Fault> {
        self.bytes("/version").await.map(drop)
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        decode(&self.bytes(path).await?)
    }

    pub async fn bytes(&self, path: &str) -> Result<Bytes, Fault> {
        whole(self.send(Method::GET, path, &[], Vec::new()).await?).await
    }

    /// The answer as it comes, uncompressed on its way: for watches and logs.
    pub async fn stream(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes, Fault>>, Fault> {
        let response = self.send(Method::GET, path, &[("accept-encoding", "identity")], Vec::new()).await?;
        let pieces = response.into_body().into_data_stream();
        Ok(pieces.map(|piece| piece.map_err(Fault::from)).boxed())
    }

    /// Sends `body` (JSON) once, whatever comes of it. `kind`: its content type, `application/json` or one of the patches'.
    pub async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &serde_json::Value,
    ) -> Result<T, Fault> {
        let body = serde_json::to_vec(body).map_err(|error| Fault::Garbled(error.to_string().into()))?;
        decode(&whole(self.send(method, path, &[("content-type", kind)], body).await?).await?)
    }

    /// An answer that is no success is a fault.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Response<Body>, Fault> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::ACCEPT.as_str())) {
            request = request.header(header::ACCEPT, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(|error| Fault::Garbled(error.to_string().into()))?;
        let response = self.client().send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        // What it says of the error is short, and if it cannot be read, the status says enough.
        let said = whole(Response::new(body)).await.unwrap_or_default();
        Err(Fault::refused(&parts, &said))
    }

    /// Whatever it answers, for who reads more in a refusal than that it is one.
    pub async fn answer(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Response<Body>, Fault> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::ACCEPT.as_str())) {
            request = request.header(header::ACCEPT, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(|error| Fault::Garbled(error.to_string().into()))?;
        Ok(self.client().send(request).await?)
    }
}

pub async fn whole(response: Response<Body>) -> Result<Bytes, Fault> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Says where it went wrong, and never what stood there.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Garbled(error.to_string().into()))
}

/// Servers write an empty list as null where the field has to be there.
pub fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// For a value of a query, or a segment of a path that may hold anything.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

//! Answers, and what a refusal says beyond its fault: when to ask again, and where a list would go on.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use http::{Method, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;

use super::Patience;
use crate::backend::kubernetes::{
    api::{Api, whole},
    fault::Fault,
};

/// A server that asks for more patience than this is asked again all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub struct Refusal {
    pub fault: Fault,
    /// `Retry-After`
    pub after: Option<Duration>,
    /// Of a page that has grown too old: where a list from now would go on.
    pub goes_on: Option<String>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, after: None, goes_on: None }
    }
}

/// Of `metav1.Status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    metadata: Where,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Where {
    r#continue: String,
}

pub async fn ask(api: &Api, path: &str, encoding: &str) -> Result<Response<Body>, Refusal> {
    let response = api.answer(Method::GET, path, &[(header::ACCEPT_ENCODING.as_str(), encoding)], Vec::new()).await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let said = whole(Response::new(body)).await.unwrap_or_default();
    let after = parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let token = serde_json::from_slice::<Said>(&said).unwrap_or_default().metadata.r#continue;
    Err(Refusal {
        fault: Fault::refused(&parts, &said),
        after: after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)),
        goes_on: (!token.is_empty()).then_some(token),
    })
}

pub fn pieces(response: Response<Body>) -> BoxStream<'static, Result<Bytes, Fault>> {
    response.into_body().into_data_stream().map(|piece| piece.map_err(Fault::from)).boxed()
}

/// Delays that grow with every failure, never in step with those of other kinds and consoles.
pub struct Growing {
    patience: Patience,
    failures: u32,
}

impl Growing {
    pub fn new(patience: Patience) -> Self {
        Self { patience, failures: 0 }
    }

    pub fn next(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        self.patience.first.saturating_mul(doubled).min(self.patience.longest).mul_f64(0.8 + 0.4 * chance())
    }

    pub fn count(&self) -> u32 {
        self.failures
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// From 0 to 1. The keys of a `RandomState` are random enough for spreading out, and cost no dependency.
pub fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

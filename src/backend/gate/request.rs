//! One HTTP request over a connection that is there already, and its answer. Redirects are answers like others.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::Connection;
use crate::domain::text::{clean, shorten};

/// More of a body is not read.
const LARGEST_BODY: usize = 64 << 10;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// There is more of it than is read.
    pub is_cut: bool,
}

/// The whole answer comes `within`, or there is none.
pub async fn get(connection: Connection, host: &str, path: &str, within: Duration) -> Result<Answer, String> {
    match timeout(within, fetch(connection, host, path, LARGEST_BODY)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("did not answer within {} ms", within.as_millis())),
    }
}

/// Of the body, up to `most` bytes are kept. Has no deadline of its own.
pub async fn fetch(connection: Connection, host: &str, path: &str, most: usize) -> Result<Answer, String> {
    let agent = concat!("midwatch/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, agent)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.map_err(|error| words(&error))?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(|error| words(&error))?;
        let status = response.status().as_u16();
        let (mut body, mut kept) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| words(&error))?;
            kept.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if kept.len() > most {
                kept.truncate(most);
                return Ok(Answer { status, body: kept, is_cut: true });
            }
        }
        Ok(Answer { status, body: kept, is_cut: false })
    };
    // How the connection ends is told by the answer; what is there of it may still be read after that.
    let driven = async {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "the connection broke");
        }
        std::future::pending().await
    };
    tokio::select! {
        answer = asked => answer,
        never = driven => never,
    }
}

fn words(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_canceled() {
        return "closed the connection without an answer".into();
    }
    if error.is_parse() {
        return "did not answer in HTTP".into();
    }
    root(error)
}

/// What is at the bottom of it, harmless, in words that follow others.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let root = std::iter::successors(Some(error), |error| (*error).source()).last().unwrap_or(error).to_string();
    let plain = root.split(" (os error").next().unwrap_or_default();
    shorten(&clean(plain), 200).to_lowercase()
}

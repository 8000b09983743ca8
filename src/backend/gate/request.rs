//! One HTTP request over a connection that is there already, and its answer. Redirects are answers like others.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::Connection;
use crate::domain::text::{clean, shorten};

/// More of a body is not read.
const LARGEST_BODY: usize = 64 << 10;
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// There is more of it than is read.
    pub is_cut: bool,
}

/// Where a whole URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    /// And query.
    pub path: String,
}

impl Address {
    /// Or why it is none that can be asked, in words.
    pub fn of(url: &str) -> Result<Self, String> {
        let uri: Uri = url.trim().parse().map_err(|error| format!("{} is no URL: {error}", clean(url)))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{} is not asked: only http:// can be from here", clean(url)));
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let Some(authority) = authority else {
            return Err("a URL with a name and a password in it is not asked".into());
        };
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    pub async fn connect(&self) -> Result<Connection, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        match timeout(CONNECTS_WITHIN, connecting).await {
            Ok(Ok(stream)) => Ok(Box::pin(stream)),
            Ok(Err(error)) => Err(root(&error)),
            Err(_) => Err(format!("did not take a connection within {} s", CONNECTS_WITHIN.as_secs())),
        }
    }

    /// As it stands in a request.
    pub fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// The whole answer comes `within`, or there is none.
pub async fn get(connection: Connection, host: &str, path: &str, within: Duration) -> Result<Answer, String> {
    match timeout(within, exchange(connection, host, path)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("did not answer within {} ms", within.as_millis())),
    }
}

async fn exchange(connection: Connection, host: &str, path: &str) -> Result<Answer, String> {
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
            if kept.len() > LARGEST_BODY {
                kept.truncate(LARGEST_BODY);
                return Ok(Answer { status, body: kept, is_cut: true });
            }
        }
        Ok(Answer { status, body: kept, is_cut: false })
    };
    // How the connection ends is told by the answer; what is there of it may still be read after that.
    let driven = async {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "a gate's connection broke");
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

fn root(error: &(dyn Error + 'static)) -> String {
    let root = std::iter::successors(Some(error), |error| (*error).source()).last().unwrap_or(error).to_string();
    let plain = root.split(" (os error").next().unwrap_or_default();
    shorten(&clean(plain), 200).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_it_is_asked() {
        let address = Address::of("http://prometheus:9090/prom?x=1").expect("a URL");
        assert_eq!((address.host.as_str(), address.port, address.path.as_str()), ("prometheus", 9090, "/prom?x=1"));
        let plain = Address::of("http://shop").expect("a URL");
        assert_eq!((plain.port, plain.path.as_str(), plain.host_and_port().as_str()), (80, "/", "shop:80"));
        assert_eq!(Address::of("http://[::1]:81/").expect("a URL").host_and_port(), "[::1]:81");
    }

    #[test]
    fn what_cannot_be_asked_is_told_in_words() {
        for (url, expected) in [
            ("https://shop/", "only http:// can be from here"),
            ("http://ann:secret@shop/", "a name and a password"),
            ("shop", "only http://"),
            ("http://a b/", "is no URL"),
            ("http:///x", ""),
        ] {
            let why = Address::of(url).expect_err(url);
            assert!(why.contains(expected) && !why.contains("secret"), "{url}: {why}");
        }
    }
}
